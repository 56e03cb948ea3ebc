//! What is known of one module: the view that rules look at.

use crate::{
    capability::Capability,
    flow::{Flow, Stage},
};
use std::{ops::Range, sync::Arc};
use wellhead_core::Outcome;

/// One Python file or notebook, understood. All ranges count bytes of [`Module::text`].
#[derive(Clone, Debug)]
pub struct Module {
    /// The text of the artifact itself: the source, or the JSON of a notebook.
    pub text: Arc<str>,
    /// Whether all of it was understood.
    pub outcome: Outcome,
    /// What is imported.
    pub imports: Vec<Import>,
    /// Every call, in the order of the text.
    pub calls: Vec<Call>,
    /// Attributes that are set, such as `session.verify = False`.
    pub attributes: Vec<AttributeWrite>,
    /// Environment variables that the module sets.
    pub environment: Vec<EnvironmentWrite>,
    /// Shell commands and magics of notebook cells.
    pub commands: Vec<Command>,
    /// What the module can do to its host.
    pub uses: Vec<Use>,
    /// Which of its functions runs which.
    pub flow: Flow,
    /// What its own names, and those of its classes (`Config.MODEL`), are in every run, sorted; for other modules that
    /// import them.
    pub constants: Vec<(String, Value)>,
    /// Where it is not Python.
    pub issues: Vec<Issue>,
}

/// One imported name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// What is imported: `transformers.AutoModel`; `.utils` for a sibling; `os.*` for a star import.
    pub path: String,
    /// The name it gets in this module.
    pub name: String,
    /// Where.
    pub range: Range<usize>,
    /// Whether importing this module runs it.
    pub at_import: bool,
    /// Under which condition it is imported at all.
    pub condition: ImportCondition,
}

/// Under which condition an import happens, the firmest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ImportCondition {
    /// Whenever the module is imported.
    #[default]
    Always,
    /// When the function that it stands in is called.
    Lazy,
    /// The module goes on without it: `try: import x` with `except ImportError`.
    Optional,
    /// For type checkers only, behind `if TYPE_CHECKING`: nothing is imported at run time.
    TypeChecking,
}

/// One call with resolved names and folded arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// What may be called, by full dotted names, the likeliest first; more than one where branches or `try` import
    /// different things. A leading dot marks names of the module itself, `()` the result of a call, and `?` a value
    /// that is not known: `torch.hub.load`, `.Config`, `pickle.Unpickler().load`, `?.from_pretrained`. Never empty.
    pub callees: Vec<String>,
    /// The whole call.
    pub range: Range<usize>,
    /// The part before the parenthesis.
    pub callee_range: Range<usize>,
    /// Positional arguments up to the first that cannot be counted.
    pub positional: Vec<Argument>,
    /// Keyword arguments, those of unpacked dictionaries that are known among them.
    pub keywords: Vec<Keyword>,
    /// Whether there may be further arguments (`*args`, `**kwargs` of unknown content).
    pub open: bool,
    /// Whether this only binds arguments for a later call (`functools.partial`).
    pub partial: bool,
    /// Whether some arguments were bound before, by `functools.partial`; those stand outside of [`Call::range`].
    pub bound: bool,
    /// Whether importing the module makes this call.
    pub at_import: bool,
    /// The scope it stands in, and whether only later: see [`Module::stage`].
    pub place: Place,
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    /// What is known of it.
    pub value: Value,
    /// The bytes that state it at the call.
    pub range: Range<usize>,
}

/// A keyword argument.
#[derive(Clone, Debug, PartialEq)]
pub struct Keyword {
    /// The parameter's name.
    pub name: String,
    /// The value; its range covers the name too where it is written at the call.
    pub argument: Argument,
}

/// What is known of a value without running anything.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Unknown,
    /// `None`.
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number that fits.
    Int(i64),
    /// A string.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A list, tuple or set.
    List(Vec<Self>),
    /// A dictionary in the order of its items.
    Dict(Vec<(Self, Self)>),
    /// A thing that is only known by name, as in [`Call::callees`].
    Path(String),
    /// One of several, depending on what happens at run time; never nested, at least two.
    OneOf(Vec<Self>),
}

/// `owner.name = value`.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeWrite {
    /// What is set, by full dotted name as in [`Call::callees`]: `requests.Session().verify`.
    pub target: String,
    /// What it is set to.
    pub value: Value,
    /// The whole statement.
    pub range: Range<usize>,
}

/// `os.environ["NAME"] = value` and its like.
#[derive(Clone, Debug, PartialEq)]
pub struct EnvironmentWrite {
    /// The variable.
    pub name: String,
    /// What it is set to.
    pub value: Value,
    /// The whole statement.
    pub range: Range<usize>,
}

/// A line of a notebook that is not Python: `!pip install x`, `%pip install x`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The command without its `!` or `%`.
    pub text: String,
    /// Whether a shell runs it (`!`, `%%bash`) or IPython itself (`%`).
    pub shell: bool,
    /// Where.
    pub range: Range<usize>,
}

/// Something the module can do, and where it does it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// What.
    pub capability: Capability,
    /// By which callable or name: `subprocess.run`.
    pub what: String,
    /// Where.
    pub range: Range<usize>,
    /// Whether importing the module does it.
    pub at_import: bool,
    /// The scope it stands in, and whether only later: see [`Module::stage`].
    pub place: Place,
}

/// Where in the flow of a module something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Place {
    /// The scope, an index into [`Flow::scopes`].
    pub scope: usize,
    /// Behind `if __name__ == "__main__"`: only where the file is run as a program.
    pub guarded: bool,
    /// In a lambda: not before somebody calls it.
    pub deferred: bool,
}

/// A place that is not Python.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// What is wrong there, without a full stop; safe to show.
    pub message: String,
    /// Where.
    pub range: Range<usize>,
}

impl Call {
    /// The likeliest callee.
    pub fn callee(&self) -> &str {
        self.callees.first().map_or("?", String::as_str)
    }

    /// Whether any of the possible callees is `name`.
    pub fn may_be(&self, name: &str) -> bool {
        self.callees.iter().any(|c| c == name)
    }

    /// Whether any of the possible callees ends in `.name`, whatever it is an attribute of.
    pub fn is_method(&self, name: &str) -> bool {
        self.callees
            .iter()
            .any(|c| c.rsplit_once('.').is_some_and(|(_, last)| last == name))
    }

    /// The keyword argument of that name; the last one counts.
    pub fn keyword(&self, name: &str) -> Option<&Argument> {
        self.keywords
            .iter()
            .rev()
            .find(|k| k.name == name)
            .map(|k| &k.argument)
    }

    /// Whether an argument is written at the call itself, and not where `functools.partial` bound it.
    pub fn states(&self, argument: &Argument) -> bool {
        self.range.start <= argument.range.start && argument.range.end <= self.range.end
    }

    /// The argument that stands at `position` or is named `name`.
    pub fn argument(&self, position: usize, name: &str) -> Option<&Argument> {
        self.positional.get(position).or_else(|| self.keyword(name))
    }
}

impl Value {
    /// Every value it may have; itself where it is one.
    pub fn alternatives(&self) -> &[Self] {
        match self {
            Self::OneOf(values) => values,
            one => std::slice::from_ref(one),
        }
    }

    /// The text, where it is one text for certain.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Every text it may be.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.alternatives().iter().filter_map(Self::as_text)
    }

    /// Whether it may be what Python takes for true; unknown values do not count.
    pub fn may_be_true(&self) -> bool {
        self.alternatives().iter().any(|v| v.truth() == Some(true))
    }

    /// Whether it may be what Python takes for false; unknown values do not count.
    pub fn may_be_false(&self) -> bool {
        self.alternatives().iter().any(|v| v.truth() == Some(false))
    }

    /// Whether some of its values cannot be known.
    pub fn is_uncertain(&self) -> bool {
        self.alternatives()
            .iter()
            .any(|v| matches!(v, Self::Unknown | Self::Path(_)))
    }

    /// What `bool(value)` gives, where it can be known.
    pub fn truth(&self) -> Option<bool> {
        match self {
            Self::Unknown | Self::Path(_) | Self::OneOf(_) => None,
            Self::None => Some(false),
            Self::Bool(b) => Some(*b),
            Self::Int(n) => Some(*n != 0),
            Self::Text(t) => Some(!t.is_empty()),
            Self::Bytes(b) => Some(!b.is_empty()),
            Self::List(items) => Some(!items.is_empty()),
            Self::Dict(items) => Some(!items.is_empty()),
        }
    }

    /// Joins what may happen: flat, without repetitions, at most sixteen.
    pub(crate) fn one_of(values: impl IntoIterator<Item = Self>) -> Self {
        const MOST: usize = 16;
        let mut out: Vec<Self> = Vec::new();
        for value in values {
            let parts = match value {
                Self::OneOf(parts) => parts,
                one => vec![one],
            };
            for part in parts {
                if out.len() >= MOST {
                    if !out.contains(&Self::Unknown) {
                        out.push(Self::Unknown);
                    }
                } else if !out.contains(&part) {
                    out.push(part);
                }
            }
        }
        match out.len() {
            0 => Self::Unknown,
            1 => out.pop().unwrap_or(Self::Unknown),
            _ => Self::OneOf(out),
        }
    }
}

impl Module {
    /// A module of which nothing is known yet.
    pub(crate) fn empty(text: Arc<str>) -> Self {
        Self {
            text,
            outcome: Outcome::Analysed,
            imports: Vec::new(),
            calls: Vec::new(),
            attributes: Vec::new(),
            environment: Vec::new(),
            commands: Vec::new(),
            uses: Vec::new(),
            flow: Flow::default(),
            constants: Vec::new(),
            issues: Vec::new(),
        }
    }

    /// Puts values in the place of names that only another module knows; says whether any was known.
    pub fn resolve(&mut self, constant: &dyn Fn(&str) -> Option<Value>) -> bool {
        let mut changed = false;
        for call in &mut self.calls {
            let keywords = call.keywords.iter_mut().map(|k| &mut k.argument);
            for argument in call.positional.iter_mut().chain(keywords) {
                let known = |value: &Value| match value {
                    Value::Path(path) => constant(path),
                    _ => None,
                };
                if argument.value.alternatives().iter().all(|v| known(v).is_none()) {
                    continue;
                }
                changed = true;
                let values: Vec<Value> = argument
                    .value
                    .alternatives()
                    .iter()
                    .map(|v| known(v).unwrap_or_else(|| v.clone()))
                    .collect();
                argument.value = Value::one_of(values);
            }
        }
        changed
    }

    /// When something that stands at `place` happens, where `stages` are those of [`Flow::stages`].
    pub fn stage(place: Place, stages: &[Stage]) -> Stage {
        let stage = stages.get(place.scope).copied().unwrap_or(Stage::Call);
        match place {
            Place { guarded: true, .. } => Stage::Call,
            Place { deferred: true, .. } => stage.max(Stage::Use),
            _ => stage,
        }
    }
}
