//! The walk over a package: its files in order, then every function that nothing in them called.
//!
//! A walk that runs each function at most a few times with what is really given to it, and once with nothing known.
//! The one decision: fuel in proportion to the source pays for exactness (loops that are unrolled, functions that are
//! entered again), and when it is gone everything is still visited once, with less known.

use super::{
    memory::Places,
    value::{Code, Cut, Function, Id, Object, PACKAGE, Taint, Value},
};
use crate::{
    behaviour::{Analysis, Layer, SinkKind, SinkRecord, SourceFile},
    flow::{Stage, stage_of},
    hash::{HashMap, HashSet},
    python::{Syntax, syntax},
};
use ruff_python_ast::{Expr, Stmt};
use std::{cell::OnceCell, ops::Range, rc::Rc};
use wellhead_core::{Budget, Exhausted, Outcome};

/// Most decoded layers of a package.
pub(super) const MOST_LAYERS: usize = 200;
/// Most source that is held as trees at a time, in bytes; what lies in another part of a larger package is outside.
const TOGETHER: usize = 3 << 20;
/// How much memory a byte of source takes as a tree.
const MEMORY_FACTOR: u64 = 30;
/// How deep source may nest.
const NESTING: usize = 1_000;
/// How deep statements, expressions and calls may lie in each other.
const DEEPEST: u32 = 700;
/// Stack for all of it, in an unoptimised build.
const STACK: usize = 96 << 20;
/// Most steps of one function, or of a file with all that it imports, beside those for its length.
const MOST_STEPS: u64 = 3_000_000;
/// Steps for exactness, for a package and for each byte of it.
const EXACT: (u64, u64) = (8_000_000, 8);
/// Most steps for exactness.
const MOST_EXACT: u64 = 40_000_000;
/// Most steps of a package.
const MOST_IN_ALL: u64 = 60_000_000;

/// Follows all files, in parts where they are too many for one.
pub(crate) fn analyse(files: &[SourceFile<'_>], budget: &mut Budget) -> Analysis {
    stacker::grow(STACK, || in_parts(files, budget))
}

fn in_parts(files: &[SourceFile<'_>], budget: &mut Budget) -> Analysis {
    let mut all = Analysis {
        records: Vec::new(),
        layers: Vec::new(),
        outcome: Outcome::Analysed,
    };
    let mut sorted: Vec<SourceFile<'_>> = files.iter().copied().filter(is_read).collect();
    sorted.sort_by(|a, b| a.path.cmp(b.path));
    let bytes: u64 = sorted.iter().map(|f| f.text.len() as u64).sum();
    let exact = EXACT
        .0
        .saturating_add(bytes.saturating_mul(EXACT.1))
        .min(MOST_EXACT);
    let mut ticks = 0_u64;
    let mut rest = sorted.as_slice();
    while !rest.is_empty() {
        let mut size = 0_usize;
        let count = rest
            .iter()
            .take_while(|f| {
                size = size.saturating_add(f.text.len());
                size <= TOGETHER
            })
            .count()
            .max(1);
        let (part, later) = rest.split_at_checked(count).unwrap_or((rest, &[]));
        rest = later;
        let bytes: u64 = part.iter().map(|f| f.text.len().min(TOGETHER) as u64).sum();
        let cost = bytes.saturating_mul(MEMORY_FACTOR);
        let outcome = match budget.steps(bytes).and_then(|()| budget.memory(cost)) {
            Ok(()) => {
                let elsewhere = super::bounds::names_elsewhere(&sorted, part);
                let outcome = one_part(part, elsewhere, (&mut ticks, exact), budget, &mut all);
                budget.release(cost);
                outcome
            }
            Err(why) => Outcome::Partly { why: why.to_string() },
        };
        all.outcome = std::mem::replace(&mut all.outcome, Outcome::Analysed).and(outcome);
        if budget.exhausted().is_some() {
            break;
        }
    }
    all.records.sort_by(|a, b| {
        let key = |r: &SinkRecord| (r.layer, r.range.start, r.range.end, r.kind);
        a.module
            .cmp(&b.module)
            .then_with(|| key(a).cmp(&key(b)))
            .then_with(|| a.callee.cmp(&b.callee))
    });
    all
}

/// Python, what Python runs at its start, and scripts that say that they are Python.
fn is_read(file: &SourceFile<'_>) -> bool {
    [".py", ".pyw", ".pth", ".start"]
        .iter()
        .any(|end| file.path.ends_with(end))
        || {
            let first = file.text.lines().next().unwrap_or_default();
            first.starts_with("#!") && first.contains("python")
        }
}

fn one_part(
    files: &[SourceFile<'_>],
    elsewhere: HashSet<String>,
    (ticks, exact): (&mut u64, u64),
    budget: &mut Budget,
    all: &mut Analysis,
) -> Outcome {
    let trees: Vec<OnceCell<Syntax>> = std::iter::repeat_with(OnceCell::new)
        .take(files.len().saturating_add(MOST_LAYERS))
        .collect();
    let mut machine = Machine::new(files, &trees, budget);
    (machine.ticks, machine.exact) = (*ticks, exact);
    machine.elsewhere = elsewhere;
    machine.run();
    *ticks = machine.ticks;
    all.records.append(&mut machine.records);
    all.layers.append(&mut machine.layers);
    let outcome = std::mem::replace(&mut machine.outcome, Outcome::Analysed);
    match machine.stopped {
        Some(why) => outcome.and(Outcome::Partly { why: why.to_string() }),
        None => outcome,
    }
}

/// A name of a scope.
pub(super) type Name = (Id, Rc<str>);
/// What names were before a branch bound them.
pub(super) type Journal = HashMap<Name, Option<Value>>;
/// What a branch bound.
pub(super) type Changes = Vec<(Name, Option<Value>)>;

/// How far a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    Begun,
}

pub(super) struct FileState<'f> {
    pub path: &'f str,
    pub text: &'f str,
    pub state: State,
    pub scope: Id,
}

/// Where the walk is.
#[derive(Clone)]
pub(super) struct Frame {
    pub file: usize,
    /// `Class.method`, empty for a module.
    pub function: Rc<str>,
    pub scope: Id,
    pub class: Option<Id>,
    pub stage: Stage,
    pub layer: u8,
    /// In a decoded layer, the place in the file that runs it.
    pub origin: Option<Range<usize>>,
    /// What it gives back so far.
    pub result: Option<Value>,
    /// How many branches lie round this place that may not be taken.
    pub unsure: u32,
    /// Whether a loop may have been left, or gone on, in a branch that may not be taken.
    pub maybe_left: bool,
    /// What a generator gives, and whether that is all for certain.
    pub yields: Option<(Vec<Value>, bool)>,
    pub loops: u32,
    /// Which text, of the file or of a layer.
    pub tree: usize,
}

/// How often a function was entered.
#[derive(Clone)]
pub(super) struct Entries {
    pub vain: u32,
    /// The same of those with everything known.
    pub vain_of_known: u32,
    /// Steps of entries that gave nothing back.
    pub spent: u64,
    pub taints: Vec<u64>,
    pub open: u32,
    pub plain: Option<Value>,
    pub plain_stage: Stage,
    pub visited: bool,
}

impl Default for Entries {
    fn default() -> Self {
        Self {
            vain: 0,
            vain_of_known: 0,
            spent: 0,
            taints: Vec::new(),
            open: 0,
            plain: None,
            plain_stage: Stage::Call,
            visited: false,
        }
    }
}

pub(super) struct Machine<'a, 'b> {
    pub files: Vec<FileState<'a>>,
    trees: &'a [OnceCell<Syntax>],
    used_trees: usize,
    /// The file of a package that only runs as a program, while its body runs.
    pub(super) program: Option<usize>,
    /// The file whose body, or one of whose functions, runs without that another file called it.
    pub(super) running: usize,
    pub budget: &'b mut Budget,
    pub objects: Vec<Object<'a>>,
    pub places: Places,
    pub frame: Frame,
    pub depth: u32,
    pub calls: u32,
    /// What exactness may still cost.
    pub fuel: u64,
    /// Steps so far.
    pub ticks: u64,
    /// How often something came up that is not known.
    pub vague: u64,
    pub stopped: Option<Exhausted>,
    /// Why what is walked now is left before its end.
    pub left: Option<&'static str>,
    /// The step at which it is left.
    pub until: u64,
    /// Why, in the loops round this place, one turn stands for those that were not followed.
    pub cut_turns: Cut,
    /// When functions run that were called and not entered, and with what.
    pub put_off: HashMap<(usize, u8), (Stage, Option<super::call::Arguments>)>,
    /// Steps that all of the package may cost with exactness.
    pub exact: u64,
    /// The file that is run and that no other has imported.
    pub alone: Option<usize>,
    /// Names of modules of the package that lie in another part of it.
    pub elsewhere: HashSet<String>,
    pub by_path: HashMap<String, usize>,
    pub by_name: HashMap<String, usize>,
    pub journals: Vec<Journal>,
    pub entries: HashMap<(usize, u8), Entries>,
    /// Functions in the order in which they were defined.
    pub functions: Vec<Id>,
    /// What was written to which file.
    pub written: HashMap<Rc<str>, Taint>,
    /// Python that was written to a file.
    pub texts: HashMap<Rc<str>, Rc<str>>,
    /// What was put into the folder that the package changed to.
    pub here: Taint,
    pub symbols: u32,
    pub records: Vec<SinkRecord>,
    pub record_at: HashMap<(usize, usize, usize, SinkKind, Rc<str>), usize>,
    pub layers: Vec<Layer>,
    pub layers_seen: HashSet<(usize, u64)>,
    pub outcome: Outcome,
}

impl<'a, 'b> Machine<'a, 'b> {
    fn new(files: &'a [SourceFile<'a>], trees: &'a [OnceCell<Syntax>], budget: &'b mut Budget) -> Self {
        let frame = Frame {
            file: 0,
            function: Rc::from(""),
            scope: Id(0),
            class: None,
            stage: Stage::Import,
            layer: 0,
            origin: None,
            result: None,
            unsure: 0,
            maybe_left: false,
            yields: None,
            loops: 0,
            tree: 0,
        };
        let mut machine = Self {
            files: Vec::new(),
            trees,
            used_trees: 0,
            program: None,
            running: 0,
            budget,
            objects: Vec::new(),
            places: Places::default(),
            frame,
            depth: 0,
            calls: 0,
            fuel: 0,
            ticks: 0,
            vague: 0,
            stopped: None,
            left: None,
            until: u64::MAX,
            cut_turns: Cut::Nowhere,
            put_off: HashMap::default(),
            exact: 0,
            alone: None,
            elsewhere: HashSet::default(),
            by_path: HashMap::default(),
            by_name: HashMap::default(),
            journals: Vec::new(),
            entries: HashMap::default(),
            functions: Vec::new(),
            written: HashMap::default(),
            texts: HashMap::default(),
            here: Taint::default(),
            symbols: 0,
            records: Vec::new(),
            record_at: HashMap::default(),
            layers: Vec::new(),
            layers_seen: HashSet::default(),
            outcome: Outcome::Analysed,
        };
        for (at, file) in files.iter().enumerate() {
            let scope = machine.new_scope(None, false);
            machine.by_path.insert(file.path.to_owned(), at);
            machine.files.push(FileState {
                path: file.path,
                text: file.text,
                state: State::Waiting,
                scope,
            });
        }
        machine.name_files();
        machine
    }

    /// Under which dotted names files can be imported: from the outermost folder that is a package, and from further
    /// out, for packages without `__init__.py` and folders of source.
    fn name_files(&mut self) {
        let mut names: Vec<(String, usize)> = Vec::new();
        for (at, file) in self.files.iter().enumerate() {
            let Some(stem) = file.path.strip_suffix(".py") else {
                continue;
            };
            let mut parts: Vec<&str> = stem.split('/').collect();
            if parts.last() == Some(&"__init__") {
                parts.pop();
            }
            if parts.len() > 40 || parts.is_empty() {
                continue;
            }
            let mut from = parts.len().saturating_sub(1);
            let folder = |n: usize| format!("{}/__init__.py", parts.get(..n).unwrap_or_default().join("/"));
            while from > 0 && self.by_path.contains_key(&folder(from)) {
                from = from.saturating_sub(1);
            }
            for start in (0..=from).rev() {
                names.push((parts.get(start..).unwrap_or_default().join("."), at));
            }
        }
        for (name, at) in names {
            self.by_name.entry(name).or_insert(at);
        }
    }

    fn run(&mut self) {
        for at in self.order() {
            (self.depth, self.calls) = (0, 0);
            let length = self.files.get(at).map_or(0, |f| f.text.len());
            self.begin(length);
            self.alone = Some(at);
            self.run_file(at);
            self.alone = None;
            self.end(at, "");
        }
        // What runs earlier is visited first, so that what it calls is known to run as early.
        for stage in [Stage::Import, Stage::Load, Stage::Use, Stage::Call] {
            let mut done = 0_usize;
            // Functions define functions; the list grows while it is gone through.
            while let Some(id) = self.functions.get(done).copied() {
                done = done.saturating_add(1);
                if self.stopped.is_some() {
                    return;
                }
                self.visit(id, stage);
            }
        }
    }

    /// What runs by itself first and what lies beside a package last: whoever enters a function first is known as the one
    /// who starts what it does.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.files.len()).collect();
        order.sort_by_key(|at| self.files.get(*at).map(|f| turn(f.path)));
        order
    }

    /// Begins with a file or a function that nobody has called.
    fn begin(&mut self, length: usize) {
        let steps = (length as u64).saturating_mul(200).saturating_add(MOST_STEPS);
        self.until = self.ticks.saturating_add(steps);
    }

    /// Ends it, and says of what could not be followed to its end that it was not.
    fn end(&mut self, file: usize, function: &str) {
        if let Some(why) = self.left.take() {
            let path = self.files.get(file).map_or("", |f| f.path);
            let place = match function {
                "" => wellhead_core::code(path),
                name => format!("{} of {}", wellhead_core::code(name), wellhead_core::code(path)),
            };
            self.partly(format!("{place} {why}"));
        }
        self.collect();
    }

    /// Leaves what is walked now before its end.
    pub(super) fn leave(&mut self, why: &'static str) {
        self.left.get_or_insert(why);
    }

    /// How much exactness there is left, of so much as is wanted.
    fn fuel_for(&mut self, wanted: u64) -> u64 {
        let left = self.exact.saturating_sub(self.ticks);
        if left < wanted {
            self.partly("computes more than is followed exactly".to_owned());
        }
        wanted.min(left)
    }

    /// Whether nobody has to enter a function any more to know what it does.
    pub(super) fn is_done(&self, id: Id) -> bool {
        let Some(Object::Function(function)) = self.object(id) else {
            return true;
        };
        let key = (function.address(), function.layer);
        let waits = self.put_off.get(&key).is_some_and(|(_, given)| given.is_some());
        let entry = self.entries.get(&key).filter(|_| !waits);
        entry.is_some_and(|e| e.visited && (e.plain.is_some() || matches!(function.code, Code::Lambda(_))))
    }

    /// Runs a file, unless it has been begun.
    pub(super) fn run_file(&mut self, at: usize) {
        let Some(file) = self.files.get_mut(at) else {
            return;
        };
        // One that is imported too deep is left for its own turn.
        if file.state != State::Waiting || self.depth >= DEEPEST / 2 {
            return;
        }
        file.state = State::Begun;
        let (path, text, scope) = (file.path, file.text, file.scope);
        if path.ends_with(".start") {
            self.entry_points(at, text, scope);
            return;
        }
        let code: std::borrow::Cow<'_, str> = if path.ends_with(".pth") {
            super::startup::start_up_lines(text).into()
        } else {
            text.into()
        };
        let wanted = (code.len() as u64).saturating_mul(40).saturating_add(200_000);
        let fuel = self.fuel.max(self.fuel_for(wanted));
        let Some(tree) = self.parse(&code) else { return };
        if let Outcome::Partly { why } | Outcome::NotAnalysed { why } = &tree.outcome {
            let why = format!("{}: {why}", wellhead_core::escape(path));
            let outcome = std::mem::replace(&mut self.outcome, Outcome::Analysed);
            self.outcome = outcome.and(Outcome::Partly { why });
        }
        let dotted = path
            .trim_end_matches(".py")
            .trim_end_matches("/__init__")
            .replace('/', ".");
        self.define(scope, "__name__", Value::shape(&dotted));
        self.define(scope, "__file__", Value::shape(&format!("{PACKAGE}/{path}")));
        self.define(scope, "__builtins__", Value::path("__builtins__"));
        if let Some(Stmt::Expr(first)) = tree.body().first()
            && let Expr::StringLiteral(text) = &*first.value
        {
            self.define(scope, "__doc__", Value::text(text.value.to_str()));
        }
        let tree_number = self.used_trees;
        let frame = Frame {
            file: at,
            function: Rc::from(""),
            scope,
            class: None,
            stage: Stage::Import,
            layer: 0,
            origin: None,
            result: None,
            unsure: 0,
            maybe_left: false,
            yields: None,
            loops: 0,
            tree: tree_number,
        };
        let outer = std::mem::replace(&mut self.frame, frame);
        let journals = std::mem::take(&mut self.journals);
        let program = path.ends_with("/__main__.py").then_some(at);
        let program = std::mem::replace(&mut self.program, program);
        let running = std::mem::replace(&mut self.running, at);
        let (depth, calls) = (std::mem::take(&mut self.depth), std::mem::take(&mut self.calls));
        self.fuel = fuel;
        self.until = self.until.saturating_add(wanted);
        self.depth = depth;
        self.block(tree.body());
        self.depth = depth;
        self.calls = calls;
        self.journals = journals;
        self.program = program;
        self.running = running;
        self.frame = outer;
    }

    /// Calls what the lines of a `.start` file name, as Python does at its start (PEP 829).
    fn entry_points(&mut self, at: usize, text: &str, scope: Id) {
        let outer = self.frame.clone();
        let running = std::mem::replace(&mut self.running, at);
        (self.frame.file, self.frame.scope, self.frame.stage) = (at, scope, Stage::Import);
        for line in text.lines().map(str::trim).take(1_000) {
            let Some((module, name)) = line.split_once(':').filter(|_| !line.starts_with('#')) else {
                continue;
            };
            let module = self.import_module(module.trim());
            let mut callee = self.attribute(&module, name.split('.').next().unwrap_or_default().trim());
            for part in name.split('.').skip(1).take(8) {
                callee = self.attribute(&callee, part.trim());
            }
            self.fuel = self.fuel.max(self.fuel_for(200_000));
            let range = ruff_text_size::TextRange::default();
            self.call(&callee, super::call::Arguments::default(), range);
        }
        self.frame = outer;
        self.running = running;
    }

    pub(super) fn trees_used(&self) -> usize {
        self.used_trees
    }

    /// Parses text that lives as long as the walk.
    pub(super) fn parse(&mut self, code: &str) -> Option<&'a Syntax> {
        let cell = self.trees.get(self.used_trees)?;
        self.used_trees = self.used_trees.saturating_add(1);
        if let Err(why) = self.budget.steps(code.len() as u64) {
            self.stopped = Some(why);
            return None;
        }
        Some(cell.get_or_init(|| syntax(code, NESTING)))
    }

    /// Enters a function with nothing known, if nobody has.
    fn visit(&mut self, id: Id, when: Stage) {
        let Some(Object::Function(function)) = self.objects.get(id.0 as usize) else {
            return;
        };
        let key = (function.address(), function.layer);
        let put_off = self.put_off.get(&key).map(|(stage, _)| *stage);
        if self.is_done(id) {
            return;
        }
        let function = function.clone();
        let last = function.name.rsplit('.').next().unwrap_or_default();
        let inner = function.name.contains("<locals>");
        let stage = if inner {
            Stage::Call
        } else {
            stage_of(last, function.class.is_some())
        };
        let stage = put_off.map_or(stage, |called| stage.min(called));
        if stage > when {
            return;
        }
        let length = function.length();
        self.fuel = self.fuel_for((length as u64).saturating_mul(40).saturating_add(60_000));
        self.begin(length);
        let outer = self.frame.clone();
        self.running = function.file;
        self.frame.stage = stage;
        self.frame.loops = 0;
        self.frame.unsure = 0;
        self.journals.clear();
        self.depth = 0;
        self.calls = 0;
        if let Some(arguments) = self.put_off.get_mut(&key).and_then(|(_, given)| given.take()) {
            self.enter(id, &function, arguments, ruff_text_size::TextRange::default());
        }
        self.enter_plain(id, &function);
        self.frame = outer;
        self.end(function.file, &function.name);
    }

    /// Says that not everything was followed, unless something said so already.
    pub(super) fn partly(&mut self, why: String) {
        if self.outcome == Outcome::Analysed {
            self.outcome = Outcome::Partly { why };
        }
    }

    // Cost and places.

    /// Pays for one step; says whether the walk goes on.
    pub(super) fn tick(&mut self) -> bool {
        self.fuel = self.fuel.saturating_sub(1);
        self.ticks = self.ticks.saturating_add(1);
        if self.stopped.is_some() || self.left.is_some() {
            return false;
        }
        if self.ticks > self.until {
            self.leave("takes more steps than are followed");
            return false;
        }
        if self.ticks > MOST_IN_ALL {
            let resource = wellhead_core::Resource::Steps;
            self.stopped = Some(Exhausted {
                resource,
                limit: MOST_IN_ALL,
            });
            return false;
        }
        if let Err(why) = self.budget.steps(1) {
            self.stopped = Some(why);
            return false;
        }
        true
    }

    /// Takes what the budget said.
    pub(super) fn known<T>(&mut self, result: Result<Option<T>, Exhausted>) -> Option<T> {
        match result {
            Ok(value) => value,
            Err(why) => {
                self.stopped.get_or_insert(why);
                None
            }
        }
    }

    pub(super) fn deeper(&mut self) -> bool {
        if self.depth >= DEEPEST {
            self.partly("calls and imports lie deeper in one another than is followed".to_owned());
            return false;
        }
        self.depth = self.depth.saturating_add(1);
        true
    }
}

/// Which files are run first.
fn turn(path: &str) -> u8 {
    let name = path.rsplit('/').next().unwrap_or(path);
    let by_itself = matches!(
        name,
        "__init__.py" | "setup.py" | "sitecustomize.py" | "usercustomize.py"
    ) || name.ends_with(".pth")
        || name.ends_with(".start");
    let beside = path.split('/').any(|part| {
        matches!(
            part,
            "test"
                | "tests"
                | "doc"
                | "docs"
                | "demo"
                | "demos"
                | "example"
                | "examples"
                | "sample"
                | "samples"
                | "benchmarks"
                | "scripts"
                | "tools"
        )
    });
    match (beside, by_itself) {
        (true, _) => 2,
        (false, true) => 0,
        (false, false) => 1,
    }
}

impl Function<'_> {
    /// What tells it from every other function.
    pub(super) fn address(&self) -> usize {
        match self.code {
            Code::Def(def) => std::ptr::from_ref(def).addr(),
            Code::Lambda(lambda) => std::ptr::from_ref(lambda).addr(),
        }
    }

    /// How long its text is.
    pub(super) fn length(&self) -> usize {
        let range = match self.code {
            Code::Def(def) => def.range,
            Code::Lambda(lambda) => lambda.range,
        };
        range.len().to_usize()
    }
}
