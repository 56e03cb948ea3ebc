//! Names and calls that are reached by a detour: what code is run by a tool that times, traces or checks it, and what an
//! object of the library gives of the module that it comes from.

use super::{
    call::Arguments,
    machine::Machine,
    value::{Cut, PACKAGE, Taint, Value},
};
use crate::{behaviour::SourceKind, flow::Stage};
use ruff_text_size::TextRange;

/// Calls that run text as Python: where it is given, and under which name.
fn runs_text(path: &str) -> Option<(usize, &'static str)> {
    Some(match path {
        "timeit.timeit" | "timeit.repeat" | "timeit.Timer" => (0, "stmt"),
        "cProfile.run" | "cProfile.runctx" | "profile.run" | "profile.runctx" => (0, "statement"),
        "cProfile.Profile().run" | "cProfile.Profile().runctx" | "profile.Profile().run" => (0, "cmd"),
        "pdb.run" | "pdb.runeval" => (0, "statement"),
        "bdb.Bdb().run" | "bdb.Bdb().runeval" | "pdb.Pdb().run" => (0, "cmd"),
        "trace.Trace().run" | "trace.Trace().runctx" => (0, "cmd"),
        "doctest.debug_script" => (0, "src"),
        "code.InteractiveInterpreter().runsource" | "code.InteractiveConsole().runsource" => (0, "source"),
        "code.InteractiveInterpreter().runcode" | "code.InteractiveConsole().runcode" => (0, "code"),
        "code.InteractiveConsole().push" => (0, "line"),
        _ => return None,
    })
}

impl<'a> Machine<'a, '_> {
    /// Calls that come to the same as others.
    pub(super) fn detour(&mut self, path: &str, arguments: &Arguments, range: TextRange) -> Option<Value> {
        if let Some((at, name)) = runs_text(path) {
            let text = arguments.get(at, name)?.clone();
            self.execute(path, &Arguments::of(vec![text]), range);
            return None;
        }
        match path {
            "operator.attrgetter" | "operator.methodcaller" => {
                let bound = super::value::Object::Bound {
                    callee: Value::path(&format!("{path}()")),
                    positional: arguments.positional.clone(),
                    keywords: arguments.keywords.clone(),
                };
                Some(self.add(bound).into())
            }
            "operator.attrgetter()" => {
                let [name, owner] = arguments.positional.as_slice() else {
                    return None;
                };
                let name = name.as_str()?.to_owned();
                let mut value = owner.clone();
                for part in name.split('.').take(16) {
                    value = self.attribute(&value, part);
                }
                Some(value)
            }
            "operator.methodcaller()" => {
                // What was given to it first stands before what it is called on.
                let (owner, given) = arguments.positional.split_last()?;
                let (name, given) = given.split_first()?;
                let (name, owner) = (name.as_str()?.to_owned(), owner.clone());
                let callee = self.attribute(&owner, &name);
                let given = Arguments {
                    positional: given.to_vec(),
                    keywords: arguments.keywords.clone(),
                    more: arguments.more.clone(),
                };
                Some(self.call(&callee, given, range))
            }
            _ => None,
        }
    }

    /// Says of code that lies in a file of the package which is no module that it was not seen.
    pub(super) fn runs_unread(&mut self, taint: &Taint, range: TextRange) {
        if self.frame.stage != Stage::Import || !taint.has(SourceKind::Resource) {
            return;
        }
        let known = |what: &str| {
            let path = what.strip_prefix(PACKAGE).unwrap_or(what).trim_start_matches('/');
            path.ends_with(".py") || self.by_path.contains_key(path)
        };
        let mut steps = taint.trail().iter();
        if steps.any(|s| s.kind == Some(SourceKind::Resource) && !known(&s.what)) {
            self.runs_unseen(&Taint::cut(Cut::Bound), Cut::Early, range);
        }
    }
}

/// What an attribute of something in the library leads to, where it is not what hangs on it.
pub(super) fn library_attribute(path: &str, name: &str) -> Option<String> {
    let top = path.split('.').next().unwrap_or(path);
    let is_builtin = !path.contains('.');
    match name {
        "f_builtins" => Some("__builtins__".to_owned()),
        "__globals__" if !is_builtin && !path.contains("()") => Some(format!("{top}.__dict__")),
        // A function of the interpreter names the module that it is bound to.
        "__self__"
            if is_builtin
                && matches!(
                    path,
                    "print" | "len" | "open" | "eval" | "exec" | "abs" | "id" | "iter"
                ) =>
        {
            Some("builtins".to_owned())
        }
        _ => None,
    }
}
