//! What could be known and is not, for what it would cost.
//!
//! A loop that takes too many turns, a text that grows too long, a function that was entered often enough: bounds keep the
//! walk short, and whoever knows them can put code behind them. The one decision: a value that a bound cut off says so for
//! as long as it is passed on, so that what is run is either seen or told as unseen, and never silently taken for what
//! nobody can know.

use super::{
    Datum,
    call::Arguments,
    machine::Machine,
    value::{Cut, Id, Object, Taint, Value, What},
};
use crate::{behaviour::SourceFile, flow::Stage, hash::HashSet};
use ruff_python_ast::Operator;
use ruff_text_size::TextRange;

/// How deep and how wide a value is looked at.
const DEPTH: u8 = 4;
const WIDTH: usize = 256;

/// The names of the modules of a package that lie in other parts of it than one.
pub(super) fn names_elsewhere(all: &[SourceFile<'_>], part: &[SourceFile<'_>]) -> HashSet<String> {
    if all.len() == part.len() {
        return HashSet::default();
    }
    let here: HashSet<&str> = part.iter().map(|f| f.path).collect();
    let others = all.iter().filter(|f| !here.contains(f.path));
    let names = others.filter_map(|f| {
        let path = f.path.strip_suffix(".py")?;
        let path = path.strip_suffix("/__init__").unwrap_or(path);
        Some(path.strip_prefix("src/").unwrap_or(path).replace('/', "."))
    });
    names.collect()
}

impl<'a> Machine<'a, '_> {
    /// Whether everything in a value is known, so that only a bound keeps what is made of it from being known.
    pub(super) fn is_settled(&self, value: &Value) -> bool {
        self.settled_within(value, DEPTH)
    }

    fn settled_within(&self, value: &Value, depth: u8) -> bool {
        let Some(deeper) = depth.checked_sub(1) else {
            return true;
        };
        match &value.what {
            What::Datum(_) => true,
            What::Object(_) => self.container(value).is_some_and(|held| {
                let mut inside = held.items.iter().take(WIDTH);
                !held.vague && inside.all(|item| self.settled_within(item, deeper))
            }),
            _ => false,
        }
    }

    /// Whether a call is given something, and all of it is known; functions of the package are.
    pub(super) fn are_settled(&self, arguments: &Arguments) -> bool {
        let is_function = |value: &Value| match &value.what {
            What::Object(id) => matches!(self.object(*id), Some(Object::Function(_))),
            _ => false,
        };
        let mut values = arguments.values().peekable();
        values.peek().is_some()
            && arguments.more.is_none()
            && values.all(|v| is_function(v) || self.is_settled(v))
    }

    /// What comes of values of which all is known and that a bound keeps from being more than that.
    pub(super) fn not_computed<'v>(&self, mut from: impl Iterator<Item = &'v Value>) -> Taint {
        match from.all(|v| self.is_settled(v)) {
            true => Taint::cut(Cut::Bound),
            false => Taint::default(),
        }
    }

    /// What an operator gives where it gives nothing that is known: of some it can be more than is held.
    pub(super) fn too_much(&self, op: Operator, left: &Value, right: &Value) -> Taint {
        let kind = |v: &Value| match &v.what {
            What::Datum(Datum::Str(_)) => Some(0),
            What::Datum(Datum::Bytes(_)) => Some(1),
            What::Datum(Datum::Int(_) | Datum::Big(_)) => Some(2),
            What::Datum(Datum::List(_) | Datum::Tuple(_)) => Some(3),
            _ => self.container(v).map(|_| 3),
        };
        let (Some(a), Some(b)) = (kind(left), kind(right)) else {
            return Taint::default();
        };
        let grows = match op {
            Operator::Add => a == b,
            Operator::Mult => a == 2 || b == 2,
            Operator::Pow | Operator::LShift => a == 2 && b == 2,
            Operator::Mod => a == 0,
            _ => false,
        };
        match grows {
            true => self.not_computed([left, right].into_iter()),
            false => Taint::default(),
        }
    }

    /// A value as it is in a turn that stands for more than were followed.
    pub(super) fn in_turn(&self, value: Value) -> Value {
        match self.cut_turns {
            Cut::Nowhere => value,
            cut => value.with(&Taint::cut(cut)),
        }
    }

    /// Says that what is run here is not known, for what it would cost to know it.
    pub(super) fn runs_unseen(&mut self, taint: &Taint, least: Cut, range: TextRange) {
        // Libraries run what they put together for whoever calls them; who imports or builds one asks for nothing.
        let cut = taint.how_cut();
        let unasked = match cut {
            Cut::Bound => self.frame.stage <= Stage::Load,
            Cut::Early | Cut::Nowhere => self.frame.stage == Stage::Import,
        };
        // Tests are run by whoever wants to test.
        let path = self.files.get(self.frame.file).map_or("", |f| f.path);
        let is_test = path.split('/').any(|part| matches!(part, "tests" | "test"));
        let tests = is_test && self.alone == Some(self.frame.file);
        if cut < least || !unasked || tests {
            return;
        }
        let (path, line) = self.line_of(range);
        self.partly(format!(
            "{path} runs on line {line} what takes more to compute than is followed"
        ));
    }

    /// A module of another part of the package, by the file of its folder and its name.
    pub(super) fn named_elsewhere(&self, folder: usize, name: &str) -> Option<Value> {
        let path = self.files.get(folder)?.path.strip_suffix("/__init__.py")?;
        let full = format!("{}.{name}", path.replace('/', "."));
        self.elsewhere.contains(&full).then(|| Value::path(&full))
    }

    /// Says that something comes from, or goes to, a part of the package that is not followed together with this one.
    pub(super) fn leads_elsewhere<'v>(
        &mut self,
        mut values: impl Iterator<Item = &'v Value>,
        range: TextRange,
    ) {
        if self.elsewhere.is_empty() || self.frame.stage != Stage::Import {
            return;
        }
        let leads = |value: &Value| {
            let path = value.as_path().unwrap_or_default();
            let mut ends = path.match_indices('.').map(|(at, _)| at);
            ends.any(|at| path.get(..at).is_some_and(|p| self.elsewhere.contains(p)))
        };
        if values.any(|v| v.choices().iter().any(leads)) {
            let (path, line) = self.line_of(range);
            self.partly(format!(
                "{path} uses on line {line} another part of the package, which is too large to be followed as one"
            ));
        }
    }

    /// The file that is walked, quoted, and the line of a place.
    fn line_of(&self, range: TextRange) -> (String, usize) {
        let start = self.place(range).start;
        let file = self.files.get(self.frame.file);
        let before = file.and_then(|f| f.text.get(..start)).unwrap_or_default();
        let line = before.matches('\n').count().saturating_add(1);
        (wellhead_core::code(file.map_or("", |f| f.path)), line)
    }

    /// Remembers when a function runs that is called here and not entered, for the walk is deep already, and with what.
    pub(super) fn put_off(&mut self, id: Id, arguments: Arguments) {
        let Some(Object::Function(function)) = self.object(id) else {
            return;
        };
        let key = (function.address(), function.layer);
        let stage = self.frame.stage;
        let known = self.put_off.entry(key).or_insert((stage, None));
        known.0 = stage.min(known.0);
        // Objects may be gone by then.
        let plain = |v: &Value| matches!(v.what, What::Datum(_) | What::Shape(_) | What::Path(_));
        if known.1.is_none() && arguments.values().next().is_some() && arguments.values().all(plain) {
            known.1 = Some(arguments);
        }
    }
}
