//! What a program does, judged: each imported name once, by the strongest use that is made of it.
//!
//! All rules about pickles read this, so that they cannot disagree.

use super::{
    callables::{Danger, Judgement, Usage, judge, judge_bound},
    evaluated,
};
use wellhead_core::{Location, Sink, code};
use wellhead_formats::pickle::{
    Call, CallKind, Callee, Import, ImportId, Loader, Nested, Origin, Program, Site, Write, WriteKind,
};

/// An imported name and what is done with it.
pub(crate) struct Use<'p> {
    /// The name.
    pub(crate) import: &'p Import,
    /// The judgement of the worst of its uses.
    pub(crate) judgement: Judgement,
    /// That use.
    pub(crate) usage: Usage,
    /// The call that is it, or that the name is handed to.
    pub(crate) call: Option<&'p Call>,
    /// It is handed to the call, which may call it.
    pub(crate) handed: bool,
    /// It becomes part of an object's state, and the object may call it.
    pub(crate) write: Option<&'p Write>,
}

/// How bad a judgement is, to take the worst.
fn rank(judgement: Judgement) -> u8 {
    match judgement {
        Judgement::Allowed => 0,
        Judgement::Unknown => 1,
        Judgement::Dangerous(_) => 2,
    }
}

/// The names of a program that are not harmless in every use.
pub(crate) fn uses(program: &Program) -> Vec<Use<'_>> {
    let mut out: Vec<Use<'_>> = (0_u32..)
        .zip(&program.imports)
        .filter(|(_, i)| i.count > 0 && !is_of_the_archive(program, i))
        .filter_map(|(id, import)| worst_use(program, ImportId(id), import))
        .collect();
    out.sort_by_key(|u| {
        (
            u8::MAX - rank(u.judgement),
            u.usage < Usage::New,
            u.import.site.offset,
        )
    });
    out
}

/// Whether a class is one that a TorchScript archive itself defines, in code that is looked at on its own.
fn is_of_the_archive(program: &Program, import: &Import) -> bool {
    let module = import.module.as_str();
    program.loader == Loader::TorchScript && (module == "__torch__" || module.starts_with("__torch__."))
}

fn worst_use<'p>(program: &'p Program, id: ImportId, import: &'p Import) -> Option<Use<'p>> {
    let mut worst = Use {
        import,
        judgement: judge_import(import, Usage::Reference),
        usage: Usage::Reference,
        call: None,
        handed: false,
        write: None,
    };
    let mut consider = |usage: Usage, call: Option<&'p Call>, handed: bool| {
        let judgement = judge_import(import, usage);
        let stronger =
            (rank(judgement), usage, !handed) > (rank(worst.judgement), worst.usage, !worst.handed);
        if stronger || (worst.call.is_none() && rank(judgement) >= rank(worst.judgement)) {
            worst = Use {
                import,
                judgement,
                usage,
                call,
                handed,
                write: None,
            };
        }
    };
    for call in &program.calls {
        if call.callee == Callee::Import(id) && !is_lookup_of_harmless(program, import, call) {
            let usage = match call.kind {
                CallKind::New => Usage::New,
                CallKind::Bind if is_harmless_to_keep(import) => Usage::Reference,
                _ => Usage::Call,
            };
            consider(usage, Some(call), false);
        }
        if call.passes.contains(&id) && rank(judge_import(import, Usage::Reference)) > 0 {
            consider(Usage::Reference, Some(call), true);
        }
    }
    for write in program.writes.iter().filter(|w| w.target == Callee::Result(id)) {
        consider(write_usage(write.kind), None, false);
    }
    if is_only_looked_up(program, id, import) {
        return None;
    }
    if worst.usage < Usage::New && !worst.handed && rank(worst.judgement) == 2 {
        let mut states = program.writes.iter().filter(|w| w.passes.contains(&id));
        worst.write = states.find(|w| matches!(w.target, Callee::Result(_)));
    }
    (rank(worst.judgement) > 0).then_some(worst)
}

fn write_usage(kind: WriteKind) -> Usage {
    if kind == WriteKind::State {
        Usage::State
    } else {
        Usage::Items
    }
}

/// A function that is known by reference may be bound by `partial`; calling it is another matter.
fn is_harmless_to_keep(import: &Import) -> bool {
    rank(judge_import(import, Usage::Reference)) == 0 && rank(judge_import(import, Usage::Call)) < 2
}

/// The worst of what the names mean to loaders of Python 3 and of Python 2.
fn judge_import(import: &Import, usage: Usage) -> Judgement {
    // `getattr(Class, "method")` is how protocol 2 writes a method.
    let looked_up =
        import.origin == Origin::Computed && import.name.contains('.') && import.written.is_none();
    if import.origin == Origin::Bound || looked_up {
        return judge_bound(&import.module, &import.name, usage);
    }
    let new = judge(&import.module, &import.name, usage);
    let old = import.written.as_ref().map(|(m, n)| judge(m, n, usage));
    match old {
        Some(old @ Judgement::Dangerous(_)) if rank(new) < 2 => old,
        _ => new,
    }
}

/// `getattr` is how some versions of Python write the members of enumerations: harmless where everything that it
/// looks up is known, and harmless.
fn is_lookup_of_harmless(program: &Program, import: &Import, call: &Call) -> bool {
    let getattr = import.module == "builtins" && import.name == "getattr";
    // `Optional[int]` is written as `getitem(Optional, int)`.
    let getitem = import.module == "_operator" && import.name == "getitem";
    (getattr || getitem)
        && call.followed
        && program
            .imports
            .iter()
            .filter(|i| matches!(i.origin, Origin::Computed | Origin::Bound) && i.count > 0)
            .all(|i| rank(judge_import(i, Usage::Reference)) == 0)
}

fn is_only_looked_up(program: &Program, id: ImportId, import: &Import) -> bool {
    let mut calls = program
        .calls
        .iter()
        .filter(|c| c.callee == Callee::Import(id))
        .peekable();
    calls.peek().is_some()
        && calls.all(|c| is_lookup_of_harmless(program, import, c))
        && !program.calls.iter().any(|c| c.passes.contains(&id))
}

/// Calls of something that is no imported name: what a harmless call returned, a persistent object, anything.
pub(crate) fn calls_of_values(program: &Program) -> impl Iterator<Item = (&Call, Option<&Import>)> {
    program.calls.iter().filter_map(|call| match call.callee {
        Callee::Import(_) => None,
        Callee::Result(id) => {
            let import = program.import(id)?;
            if call.followed && is_partial(import) {
                return None;
            }
            let usage = Usage::Call;
            // The call that returned it is reported already where it is not harmless.
            (rank(judge_import(import, usage)) == 0 || rank(judge_import(import, Usage::New)) == 0)
                .then_some((call, Some(import)))
        }
        Callee::Persistent | Callee::Unknown => Some((call, None)),
    })
}

/// What a `partial` calls is known, and judged as called.
fn is_partial(import: &Import) -> bool {
    import.name == "partial" && matches!(import.module.as_str(), "functools" | "_functools")
}

/// Changes of an imported thing itself: monkey-patching by BUILD.
pub(crate) fn patches(program: &Program) -> impl Iterator<Item = (&Write, &Import)> {
    program.writes.iter().filter_map(|w| match w.target {
        Callee::Import(id) => Some((w, program.import(id)?)),
        _ => None,
    })
}

/// A class that runs a part of its state.
pub(crate) static EVALUATES: Danger = Danger {
    class: "N23",
    does: "runs text of its state as code",
    cve: None,
};

/// The worst that a program, or one inside it, does.
pub(crate) enum Worst {
    /// Everything is harmless.
    Harmless,
    /// This name is unknown, or something unknown is called.
    Unknown(String),
    /// This name is dangerous.
    Dangerous(String, &'static Danger),
}

/// Judges a nested program as a whole.
pub(crate) fn worst(program: &Program) -> Worst {
    let mut unknown = None;
    for u in uses(program) {
        match u.judgement {
            Judgement::Dangerous(danger) => return Worst::Dangerous(u.import.path(), danger),
            _ => unknown = unknown.or_else(|| Some(u.import.path())),
        }
    }
    if let Some(text) = evaluated::harmful(program).next() {
        let class = program
            .import(text.class)
            .map_or_else(|| "?".to_owned(), |i| i.path());
        return Worst::Dangerous(class, &EVALUATES);
    }
    if let Some((_, import)) = patches(program).next() {
        unknown = unknown.or_else(|| Some(import.path()));
    }
    if let Some((call, _)) = calls_of_values(program).next() {
        unknown = unknown.or_else(|| Some(program.callee_name(call.callee)));
    }
    if let Some(e) = program.extensions.iter().find(|e| e.import.is_none()) {
        unknown = unknown.or_else(|| Some(format!("extension code {}", e.code)));
    }
    for nested in &program.nested {
        match worst(&nested.program) {
            Worst::Dangerous(name, danger) => return Worst::Dangerous(name, danger),
            Worst::Unknown(name) => unknown = unknown.or(Some(name)),
            Worst::Harmless => {}
        }
    }
    unknown.map_or(Worst::Harmless, Worst::Unknown)
}

/// Whether what unpickles a constant is harmless but for the constant.
pub(crate) fn is_loaded_by_known(program: &Program, nested: &Nested) -> bool {
    let by = nested.loaded_by.and_then(|id| program.import(id));
    by.is_some_and(|i| rank(judge_import(i, Usage::Call)) == 0)
}

/// "called as soon as `torch.load` reads the file".
pub(crate) fn called_label(program: &Program) -> &'static str {
    match program.loader {
        Loader::Torch => "called as soon as `torch.load` reads the file",
        Loader::TorchScript => "called as soon as `torch.jit.load` reads the file",
        Loader::Joblib => "called as soon as `joblib.load` reads the file",
        Loader::Numpy => "called as soon as `numpy.load` reads the file",
        Loader::Any => "called as soon as the file is read",
    }
}

/// A name in a message.
pub(crate) fn named(import: &Import) -> String {
    if import.module == "?" && import.name == "?" {
        return "a name that the file computes".to_owned();
    }
    code(&import.path())
}

/// Where a use is, with its disassembly.
pub(crate) fn locate(
    program: &Program,
    sink: &Sink,
    import: Option<&Import>,
    call: Option<&Call>,
) -> Location {
    let site = call
        .map(|c| c.site)
        .or(import.map(|i| i.site))
        .unwrap_or_default();
    let label = if call.is_some() {
        called_label(program)
    } else {
        "imported here"
    };
    sink.bytes(site.offset, 1, label)
        .with_excerpt(program.excerpt(import, call, label))
}

/// A single instruction, with what leads to it.
pub(crate) fn locate_site(program: &Program, sink: &Sink, site: &Site, label: &str) -> Location {
    sink.bytes(site.offset, 1, label)
        .with_excerpt(program.excerpt_at(site, label))
}

/// What is to be done about a model that is not data.
pub(crate) const HELP_SAFE_FORMAT: &str =
    "re-export the weights as safetensors, or load them with `weights_only=True` from a source you trust";
