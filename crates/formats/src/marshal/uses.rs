//! What code imports and calls, in its order.
//!
//! Instructions are read one after another, over a stack of what is known of each value: a dotted name, a text, a function
//! of this file, or nothing. Branches are not followed; what either side does is what the code can do. Where the
//! instructions belong to no version that is known, each name that the code has counts as one that it refers to.

use super::{
    Bytecode, Code, Const, Layout,
    opcodes::{self, Instruction, Table, UNKNOWN},
};
use std::collections::BTreeMap;
use wellhead_core::{Budget, Exhausted};

/// Most uses that are kept of one file.
const MAX_USES: usize = 1 << 14;
/// Longest dotted name.
const MAX_PATH: usize = 256;
/// Longest text that is put together.
const MAX_TEXT: usize = 4096;
/// Highest stack that is kept.
const MAX_STACK: usize = 512;

/// Most bytes of one code object's instructions that a version is judged by.
const MAX_JUDGED: usize = 64 << 10;

/// How code uses a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UseKind {
    /// It is imported.
    Import,
    /// It is called.
    Call,
    /// It is handed to a call, which may call it.
    Handed,
    /// It is among the names of the code, and how it is used is not known.
    Named,
}

/// A use of a name that is not the file's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// How.
    pub kind: UseKind,
    /// The dotted name as far as it could be followed; one without a dot is a builtin or a global. Hostile text.
    pub path: String,
    /// The first text that it is called with; hostile text.
    pub argument: Option<String>,
    /// The code object, by index.
    pub code: usize,
    /// The instruction's place in the code object.
    pub offset: usize,
    /// It happens when the module is imported or the function is called, and not only when somebody calls what it defines.
    pub runs: bool,
}

/// What is known of a value.
#[derive(Clone, Debug, PartialEq)]
enum Known {
    Nothing,
    /// The place of a callable that has no object in front.
    Null,
    Path(String),
    Text(String),
    Texts(Vec<String>),
    Code(usize),
    Function(usize),
    /// Whether the module is the program that was started.
    IsMain,
}

/// What the bytecode uses.
pub(super) fn uses(bytecode: &Bytecode, budget: &mut Budget) -> Result<Vec<Use>, Exhausted> {
    let mut walk = Walk {
        codes: &bytecode.codes,
        budget,
        out: Vec::new(),
        globals: BTreeMap::new(),
        queue: vec![0],
        reached: vec![false; bytecode.codes.len()],
        minor: 0,
    };
    let known = bytecode.header.and_then(|h| h.python);
    let minor = match known {
        Some((3, minor)) if opcodes::table(minor).is_some() => Some(minor),
        Some(_) => None,
        None => likeliest(bytecode, walk.budget)?,
    };
    if let Some((minor, table)) = minor.and_then(|m| Some((m, opcodes::table(m)?))) {
        walk.minor = minor;
        walk.all(table)?;
    }
    // Without a header the version is a guess, and a loader may know better.
    if bytecode.header.is_none() || minor.is_none() {
        walk.names()?;
    }
    Ok(walk.out)
}

/// The version whose instructions fit best.
fn likeliest(bytecode: &Bytecode, budget: &mut Budget) -> Result<Option<u8>, Exhausted> {
    let minors = match bytecode.layout {
        Layout::Two => 0..0,
        Layout::Three => 6..8,
        Layout::ThreeEight => 8..11,
        Layout::ThreeEleven => 11..15,
    };
    let mut best: Option<(usize, u8)> = None;
    for minor in minors {
        let Some(table) = opcodes::table(minor) else {
            continue;
        };
        let mut all = 0_usize;
        for code in bytecode.codes.iter().take(64) {
            // Code objects may share their instructions, so each is paid for.
            budget.steps(code.instructions.len().min(MAX_JUDGED) as u64)?;
            all = all.saturating_add(faults(code, table));
        }
        // Of equal ones, the latest.
        if best.is_none_or(|(least, _)| all <= least) {
            best = Some((all, minor));
        }
    }
    Ok(best.map(|(_, minor)| minor))
}

/// How many instructions cannot be of that version.
fn faults(code: &Code, table: &Table) -> usize {
    let within = |i: &Instruction| match i.name {
        // Caches belong to the instruction before them, and compilers write zeros there.
        UNKNOWN | "CACHE" => false,
        "LOAD_CONST" | "KW_NAMES" | "RETURN_CONST" => i.arg < code.consts.len(),
        "LOAD_NAME" | "STORE_NAME" | "IMPORT_NAME" | "IMPORT_FROM" | "LOAD_METHOD" | "STORE_GLOBAL" => {
            i.arg < code.names.len()
        }
        "LOAD_FAST" | "STORE_FAST" => i.arg < code.locals.len(),
        _ => true,
    };
    let judged = code.instructions.get(..MAX_JUDGED);
    let all = opcodes::instructions(judged.unwrap_or(&code.instructions), table);
    let (mut count, mut last) = (0_usize, UNKNOWN);
    for i in all {
        let caches = code.instructions.get(i.offset.saturating_add(2)..i.next);
        let sound = within(&i) && caches.is_some_and(|c| c.iter().all(|b| *b == 0));
        count = count.saturating_add(usize::from(!sound));
        last = i.name;
    }
    let ends = judged.is_some()
        || last.starts_with("RETURN")
        || last.starts_with("RERAISE")
        || last.starts_with("JUMP")
        || last.starts_with("RAISE");
    count.saturating_add(usize::from(!ends))
}

struct Walk<'a, 'b> {
    codes: &'a [Code],
    budget: &'b mut Budget,
    out: Vec<Use>,
    globals: BTreeMap<String, Known>,
    /// Code that runs when the module is imported.
    queue: Vec<usize>,
    reached: Vec<bool>,
    minor: u8,
}

/// The state of one code object.
struct Frame<'a> {
    code: &'a Code,
    index: usize,
    runs: bool,
    stack: Vec<Known>,
    locals: BTreeMap<usize, Known>,
    /// Up to here the code only runs in the program that was started.
    main_until: usize,
    at: usize,
}

impl Frame<'_> {
    fn push(&mut self, value: Known) {
        if self.stack.len() < MAX_STACK {
            self.stack.push(value);
        }
    }

    fn pop(&mut self) -> Known {
        self.stack.pop().unwrap_or(Known::Nothing)
    }

    fn drop(&mut self, n: usize) {
        self.stack.truncate(self.stack.len().saturating_sub(n));
    }

    /// The topmost `n` values, the deepest first.
    fn take(&mut self, n: usize) -> Vec<Known> {
        let n = n.min(self.stack.len());
        self.stack.split_off(self.stack.len().saturating_sub(n))
    }

    fn name(&self, arg: usize) -> String {
        self.code
            .names
            .get(arg)
            .map_or_else(|| "?".to_owned(), |n| n.to_string())
    }
}

impl<'a> Walk<'a, '_> {
    fn all(&mut self, table: &'static Table) -> Result<(), Exhausted> {
        while let Some(index) = self.queue.pop() {
            self.one(index, true, table)?;
        }
        for index in 0..self.codes.len() {
            self.one(index, false, table)?;
        }
        Ok(())
    }

    fn one(&mut self, index: usize, runs: bool, table: &'static Table) -> Result<(), Exhausted> {
        match self.reached.get_mut(index) {
            Some(reached) if !*reached => *reached = true,
            _ => return Ok(()),
        }
        let codes: &'a [Code] = self.codes;
        let Some(code) = codes.get(index) else {
            return Ok(());
        };
        self.budget.steps(code.instructions.len() as u64)?;
        let mut frame = Frame {
            code,
            index,
            runs,
            stack: Vec::new(),
            locals: BTreeMap::new(),
            main_until: 0,
            at: 0,
        };
        for instruction in opcodes::instructions(&code.instructions, table) {
            frame.at = instruction.offset;
            self.step(&mut frame, instruction);
        }
        Ok(())
    }

    /// Every name counts as one that is referred to.
    fn names(&mut self) -> Result<(), Exhausted> {
        for (index, code) in self.codes.iter().enumerate() {
            for name in &code.names {
                self.budget.steps(1)?;
                self.keep(UseKind::Named, name, None, (index, 0, true));
            }
        }
        Ok(())
    }

    fn keep(&mut self, kind: UseKind, path: &str, argument: Option<String>, at: (usize, usize, bool)) {
        let (code, offset, runs) = at;
        let unknown = path.is_empty() || path.starts_with('?');
        if unknown || self.out.len() >= MAX_USES || self.budget.memory(path.len() as u64).is_err() {
            return;
        }
        self.out.push(Use {
            kind,
            path: path.to_owned(),
            argument,
            code,
            offset,
            runs,
        });
    }

    fn used(&mut self, f: &Frame<'_>, kind: UseKind, path: &str, argument: Option<String>) {
        let runs = f.runs && f.at >= f.main_until;
        self.keep(kind, path, argument, (f.index, f.at, runs));
    }

    fn global(&self, name: String) -> Known {
        match self.globals.get(&name) {
            Some(known) => known.clone(),
            None => Known::Path(name),
        }
    }

    fn attribute(of: &Known, name: &str) -> Known {
        match of {
            Known::Path(path) if path.len() < MAX_PATH => Known::Path(format!("{path}.{name}")),
            _ => Known::Nothing,
        }
    }

    fn step(&mut self, f: &mut Frame<'_>, i: Instruction) {
        match i.name {
            "LOAD_CONST" | "LOAD_NAME" | "LOAD_GLOBAL" | "LOAD_FROM_DICT_OR_GLOBALS" => self.load(f, i),
            "STORE_NAME" | "STORE_GLOBAL" => {
                let value = f.pop();
                self.store(f, i.arg, value);
            }
            "LOAD_ATTR" | "LOAD_METHOD" => self.load_attribute(f, i),
            "IMPORT_NAME" => self.import(f, i),
            "IMPORT_FROM" => {
                let name = f.name(i.arg);
                let value = Self::attribute(f.stack.last().unwrap_or(&Known::Nothing), &name);
                if let Known::Path(path) = &value {
                    self.used(f, UseKind::Import, path, None);
                }
                f.push(value);
            }
            "CALL_FUNCTION" | "CALL_FUNCTION_KW" | "CALL_FUNCTION_EX" | "CALL_METHOD" | "CALL"
            | "CALL_KW" => {
                self.call(f, i);
            }
            "MAKE_FUNCTION" => {
                let flags = if self.minor >= 13 {
                    0
                } else {
                    i.arg.count_ones() as usize
                };
                if self.minor < 11 {
                    f.drop(1);
                }
                let code = f.pop();
                f.drop(flags);
                f.push(match code {
                    Known::Code(index) => Known::Function(index),
                    _ => Known::Nothing,
                });
            }
            "SET_FUNCTION_ATTRIBUTE" => {
                let function = f.pop();
                f.drop(1);
                f.push(function);
            }
            "COMPARE_OP" => {
                let (right, left) = (f.pop(), f.pop());
                let is = |a: &Known, b: &Known| {
                    matches!(a, Known::Path(p) if p == "__name__")
                        && matches!(b, Known::Text(t) if t == "__main__")
                };
                let main = is(&left, &right) || is(&right, &left);
                f.push(if main { Known::IsMain } else { Known::Nothing });
            }
            "POP_JUMP_IF_FALSE" | "POP_JUMP_FORWARD_IF_FALSE" => {
                if f.pop() == Known::IsMain {
                    f.main_until = match self.minor {
                        0..=9 => i.arg,
                        10 => i.arg.saturating_mul(2),
                        _ => i.next.saturating_add(i.arg.saturating_mul(2)),
                    };
                }
            }
            "BINARY_ADD" | "BINARY_OP" => {
                let (right, left) = (f.pop(), f.pop());
                f.push(match (left, right) {
                    (Known::Text(a), Known::Text(b)) if a.len().saturating_add(b.len()) < MAX_TEXT => {
                        Known::Text(a + &b)
                    }
                    _ => Known::Nothing,
                });
            }
            _ => plain(f, i),
        }
    }

    fn load(&mut self, f: &mut Frame<'_>, i: Instruction) {
        match i.name {
            "LOAD_CONST" => {
                let value = match f.code.consts.get(i.arg) {
                    Some(Const::Text(text)) if text.len() < MAX_TEXT => Known::Text(text.to_string()),
                    Some(Const::Texts(texts)) if texts.len() < 64 => {
                        Known::Texts(texts.iter().map(ToString::to_string).collect())
                    }
                    Some(Const::Code(index)) => Known::Code(*index),
                    _ => Known::Nothing,
                };
                f.push(value);
            }
            "LOAD_GLOBAL" if self.minor >= 11 => {
                let value = self.global(f.name(i.arg >> 1));
                let null = i.arg & 1 == 1;
                if null && self.minor < 13 {
                    f.push(Known::Null);
                }
                f.push(value);
                if null && self.minor >= 13 {
                    f.push(Known::Null);
                }
            }
            _ => {
                if i.name == "LOAD_FROM_DICT_OR_GLOBALS" {
                    f.drop(1);
                }
                let value = self.global(f.name(i.arg));
                f.push(value);
            }
        }
    }

    fn store(&mut self, f: &Frame<'_>, arg: usize, value: Known) {
        // What a class or a function that was not called yet defines is not the module's.
        if f.index == 0 || f.code.parent.is_some() {
            let name = f.name(arg);
            let cost = name.len().saturating_add(64) as u64;
            if self.budget.memory(cost).is_ok() {
                self.globals.insert(name, value);
            }
        }
    }

    fn load_attribute(&mut self, f: &mut Frame<'_>, i: Instruction) {
        let (arg, method) = match i.name {
            "LOAD_ATTR" if self.minor >= 12 => (i.arg >> 1, i.arg & 1 == 1),
            "LOAD_METHOD" => (i.arg, true),
            _ => (i.arg, false),
        };
        let name = f.name(arg);
        let value = Self::attribute(&f.pop(), &name);
        f.push(value);
        if method {
            f.push(Known::Null);
        }
    }

    fn import(&mut self, f: &mut Frame<'_>, i: Instruction) {
        let from = f.pop();
        f.drop(1);
        let module = f.name(i.arg);
        self.used(f, UseKind::Import, &module, None);
        let whole = matches!(&from, Known::Texts(names) if !names.is_empty());
        let bound = if whole {
            module
        } else {
            module.split('.').next().unwrap_or_default().to_owned()
        };
        f.push(Known::Path(bound));
    }

    fn call(&mut self, f: &mut Frame<'_>, i: Instruction) {
        let (arguments, callee) = match i.name {
            "CALL_FUNCTION_EX" => {
                let mut arguments = Vec::new();
                // From 3.14 on the keywords are always there.
                if i.arg & 1 == 1 || self.minor >= 14 {
                    arguments.push(f.pop());
                }
                arguments.push(f.pop());
                let one = f.pop();
                let two = if self.minor >= 11 { f.pop() } else { Known::Null };
                (arguments, [two, one])
            }
            name => {
                if matches!(name, "CALL_FUNCTION_KW" | "CALL_KW") {
                    f.drop(1);
                }
                let arguments = f.take(i.arg);
                let one = f.pop();
                let two = if matches!(name, "CALL_FUNCTION" | "CALL_FUNCTION_KW") {
                    Known::Null
                } else {
                    f.pop()
                };
                (arguments, [two, one])
            }
        };
        let callable = |k: &&Known| matches!(k, Known::Path(_) | Known::Function(_));
        let callee = callee.iter().find(callable).cloned().unwrap_or(Known::Nothing);
        let result = self.called(f, &callee, &arguments);
        f.push(result);
    }

    /// A call, as far as it is known; what it returns.
    fn called(&mut self, f: &Frame<'_>, callee: &Known, arguments: &[Known]) -> Known {
        let named = |names: &[&str]| matches!(callee, Known::Path(p) if names.contains(&p.as_str()));
        // What is looked up in a thing is what counts, and a class that a class is made of is not called.
        let looks_up = named(&["getattr", "builtins.getattr", "__build_class__"]);
        // A decorator is handed functions that nobody calls yet; these call what they are handed.
        let calls_it = matches!(callee, Known::Function(_))
            || named(&[
                "__build_class__",
                "map",
                "filter",
                "sorted",
                "min",
                "max",
                "functools.reduce",
                "threading.Thread",
                "threading.Timer",
                "multiprocessing.Process",
                "_thread.start_new_thread",
                "atexit.register",
            ]);
        for argument in arguments {
            match argument {
                Known::Path(_) if looks_up => {}
                Known::Path(path) => self.used(f, UseKind::Handed, path, None),
                Known::Function(index) if calls_it && f.runs && f.at >= f.main_until => {
                    self.queue.push(*index);
                }
                _ => {}
            }
        }
        let path = match callee {
            Known::Function(index) => {
                if f.runs && f.at >= f.main_until {
                    self.queue.push(*index);
                }
                return Known::Nothing;
            }
            Known::Path(path) => path,
            _ => return Known::Nothing,
        };
        let text = arguments.iter().find_map(|a| match a {
            Known::Text(text) => Some(text.clone()),
            _ => None,
        });
        self.used(f, UseKind::Call, path, text);
        match (path.as_str(), arguments) {
            (
                "__import__" | "importlib.import_module" | "importlib.__import__" | "builtins.__import__",
                [Known::Text(module), ..],
            ) => {
                self.used(f, UseKind::Import, module, None);
                Known::Path(module.clone())
            }
            ("getattr" | "builtins.getattr", [of @ Known::Path(_), Known::Text(name), ..]) => {
                Self::attribute(of, name)
            }
            _ if path.len() < MAX_PATH => Known::Path(format!("{path}()")),
            _ => Known::Nothing,
        }
    }
}

/// Instructions that only move values.
fn plain(f: &mut Frame<'_>, i: Instruction) {
    match i.name {
        "LOAD_FAST" | "LOAD_FAST_CHECK" | "LOAD_FAST_BORROW" => {
            let value = f.locals.get(&i.arg).cloned().unwrap_or(Known::Nothing);
            f.push(value);
        }
        "STORE_FAST" => {
            let value = f.pop();
            f.locals.insert(i.arg, value);
        }
        "LOAD_FAST_LOAD_FAST" | "LOAD_FAST_BORROW_LOAD_FAST_BORROW" => {
            for local in [i.arg >> 4, i.arg & 15] {
                let value = f.locals.get(&local).cloned().unwrap_or(Known::Nothing);
                f.push(value);
            }
        }
        "STORE_FAST_LOAD_FAST" => {
            let value = f.pop();
            f.locals.insert(i.arg >> 4, value);
            let value = f.locals.get(&(i.arg & 15)).cloned().unwrap_or(Known::Nothing);
            f.push(value);
        }
        "STORE_FAST_STORE_FAST" => {
            for local in [i.arg >> 4, i.arg & 15] {
                let value = f.pop();
                f.locals.insert(local, value);
            }
        }
        "PUSH_NULL" => f.push(Known::Null),
        "LOAD_BUILD_CLASS" => f.push(Known::Path("__build_class__".to_owned())),
        "LOAD_DEREF"
        | "LOAD_CLOSURE"
        | "LOAD_CLASSDEREF"
        | "LOAD_SMALL_INT"
        | "LOAD_LOCALS"
        | "LOAD_COMMON_CONSTANT"
        | "LOAD_ASSERTION_ERROR"
        | "LOAD_FAST_AND_CLEAR"
        | "FOR_ITER"
        | "PUSH_EXC_INFO" => f.push(Known::Nothing),
        "POP_TOP"
        | "STORE_DEREF"
        | "RETURN_VALUE"
        | "IMPORT_STAR"
        | "LIST_EXTEND"
        | "LIST_APPEND"
        | "SET_ADD"
        | "SET_UPDATE"
        | "DICT_UPDATE"
        | "DICT_MERGE"
        | "POP_JUMP_IF_TRUE"
        | "POP_JUMP_IF_NONE"
        | "POP_JUMP_IF_NOT_NONE"
        | "POP_JUMP_FORWARD_IF_TRUE"
        | "POP_JUMP_FORWARD_IF_NONE"
        | "POP_JUMP_FORWARD_IF_NOT_NONE"
        | "DELETE_ATTR"
        | "POP_EXCEPT"
        | "PRINT_EXPR"
        | "END_FOR" => f.drop(1),
        "STORE_ATTR" | "DELETE_SUBSCR" | "MAP_ADD" => f.drop(2),
        "STORE_SUBSCR" => f.drop(3),
        "STORE_SLICE" => f.drop(4),
        "DUP_TOP" => {
            let top = f.stack.last().cloned().unwrap_or(Known::Nothing);
            f.push(top);
        }
        "COPY" => {
            let at = f.stack.len().checked_sub(i.arg);
            let value = at
                .and_then(|at| f.stack.get(at))
                .cloned()
                .unwrap_or(Known::Nothing);
            f.push(value);
        }
        "ROT_TWO" | "SWAP" => {
            let depth = if i.name == "SWAP" { i.arg } else { 2 };
            let last = f.stack.len().checked_sub(1);
            let other = f.stack.len().checked_sub(depth);
            if let (Some(a), Some(b)) = (last, other)
                && depth > 0
            {
                f.stack.swap(a, b);
            }
        }
        "ROT_THREE" | "ROT_FOUR" => {
            let below = if i.name == "ROT_THREE" { 2 } else { 3 };
            let top = f.pop();
            let at = f.stack.len().saturating_sub(below);
            f.stack.insert(at, top);
        }
        "UNARY_NOT" | "UNARY_NEGATIVE" | "UNARY_POSITIVE" | "UNARY_INVERT" | "GET_ITER" | "FORMAT_SIMPLE"
        | "CONVERT_VALUE" | "LIST_TO_TUPLE" | "CALL_INTRINSIC_1" | "TO_BOOL" => {
            if i.name != "TO_BOOL" || f.stack.last() != Some(&Known::IsMain) {
                f.drop(1);
                f.push(Known::Nothing);
            }
        }
        "IS_OP" | "CONTAINS_OP" | "FORMAT_WITH_SPEC" | "CALL_INTRINSIC_2" | "BINARY_SLICE" => {
            f.drop(2);
            f.push(Known::Nothing);
        }
        name if name.starts_with("BINARY_") || name.starts_with("INPLACE_") => {
            f.drop(2);
            f.push(Known::Nothing);
        }
        name if name.starts_with("BUILD_") => {
            let n = match name {
                "BUILD_MAP" => i.arg.saturating_mul(2),
                "BUILD_CONST_KEY_MAP" => i.arg.saturating_add(1),
                _ => i.arg,
            };
            let parts = f.take(n);
            f.push(built(name, parts));
        }
        "UNPACK_SEQUENCE" => {
            f.drop(1);
            for _ in 0..i.arg.min(64) {
                f.push(Known::Nothing);
            }
        }
        "NOP"
        | "RESUME"
        | "CACHE"
        | "PRECALL"
        | "KW_NAMES"
        | "EXTENDED_ARG"
        | "SETUP_FINALLY"
        | "SETUP_LOOP"
        | "SETUP_EXCEPT"
        | "POP_BLOCK"
        | "JUMP_FORWARD"
        | "JUMP_BACKWARD"
        | "JUMP_ABSOLUTE"
        | "RETURN_CONST"
        | "COPY_FREE_VARS"
        | "MAKE_CELL"
        | "DELETE_NAME"
        | "DELETE_GLOBAL"
        | "DELETE_FAST"
        | "SETUP_ANNOTATIONS"
        | "NOT_TAKEN"
        | "RETURN_GENERATOR"
        | "JUMP_IF_FALSE_OR_POP"
        | "JUMP_IF_TRUE_OR_POP"
        | "BEGIN_FINALLY"
        | "END_FINALLY" => {}
        _ => f.stack.clear(),
    }
}

/// A tuple of texts stays known, for the names of `from m import a` that are put together.
fn built(name: &str, parts: Vec<Known>) -> Known {
    let texts: Option<Vec<String>> = parts
        .into_iter()
        .map(|p| match p {
            Known::Text(text) => Some(text),
            _ => None,
        })
        .collect();
    match (name, texts) {
        ("BUILD_STRING", Some(texts)) => Known::Text(texts.concat()),
        ("BUILD_TUPLE" | "BUILD_LIST", Some(texts)) if !texts.is_empty() => Known::Texts(texts),
        _ => Known::Nothing,
    }
}
