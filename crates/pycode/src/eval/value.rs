//! Values that are known in part, and where they come from.
//!
//! The one decision: everything that can refer to itself lies in one table and is named by its number, so that values
//! never form cycles, and dropping what a hostile program built never recurses.

use super::Datum;
use crate::{behaviour::SourceKind, hash::HashMap};
use ruff_python_ast::{ExprLambda, StmtFunctionDef};
use std::{collections::BTreeMap, ops::Range, rc::Rc, sync::Arc};

/// What stands for a part of a text that is not known.
pub(super) const HOLE: char = '…';
/// What stands for the folder that the package lies in.
pub(super) const PACKAGE: &str = "⟨package⟩";
/// The longest text with holes, in bytes.
const LONGEST_SHAPE: usize = 4 << 10;
/// Most steps of a way that are remembered.
const LONGEST_TRAIL: usize = 10;
/// Most values that one may be.
const CHOICES: usize = 6;

/// The number of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Id(pub u32);

impl Id {
    /// The number of no object.
    pub(super) const NOBODY: Self = Self(u32::MAX);
}

/// A value and what is in it.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub what: What,
    pub taint: Taint,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Unknown,
    /// Wholly known; lists and dictionaries are objects instead, for they change.
    Datum(Datum),
    /// A text with holes.
    Shape(Arc<str>),
    /// Not known, but the same wherever it turns up.
    Symbol(u32),
    /// Something outside of the package, by its full name; `()` is the result of a call.
    Path(Rc<str>),
    /// A file of the package.
    Module(usize),
    Object(Id),
    /// One of several; flat.
    OneOf(Rc<[Value]>),
}

/// What came into a value.
#[derive(Clone, Debug, Default)]
pub(super) struct Taint {
    kinds: u16,
    /// Whether something that can be known was not followed, for what that costs.
    cut: Cut,
    trail: Option<Rc<[Step]>>,
}

/// Why what can be known of a value is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cut {
    /// It is known, or nobody can know it.
    #[default]
    Nowhere,
    /// It hangs on what is not known how far it was followed, as with loops that search.
    Early,
    /// A bound.
    Bound,
}

/// A step of the way.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// What was come by here, or that it was only passed on.
    pub kind: Option<SourceKind>,
    pub file: usize,
    pub range: Range<usize>,
    pub what: Rc<str>,
}

impl Taint {
    pub(super) fn of(step: Step) -> Self {
        Self {
            kinds: step.kind.map_or(0, bit),
            cut: Cut::Nowhere,
            trail: Some(Rc::from([step])),
        }
    }

    /// What is in a value that could be known, and is not for what that costs.
    pub(super) fn cut(cut: Cut) -> Self {
        Self {
            kinds: 0,
            cut,
            trail: None,
        }
    }

    pub(super) fn how_cut(&self) -> Cut {
        self.cut
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kinds == 0
    }

    /// A number for all that is in it.
    pub(super) fn bits(&self) -> u32 {
        u32::from(self.kinds) | u32::from(self.cut != Cut::Nowhere) << 16
    }

    pub(super) fn has(&self, kind: SourceKind) -> bool {
        self.kinds & bit(kind) != 0
    }

    pub(super) fn kinds(&self) -> impl Iterator<Item = SourceKind> + '_ {
        SourceKind::ALL.into_iter().filter(|k| self.has(*k))
    }

    pub(super) fn trail(&self) -> &[Step] {
        self.trail.as_deref().unwrap_or_default()
    }

    /// Without some kinds.
    pub(super) fn without(&self, kinds: &[SourceKind]) -> Self {
        let mask = kinds.iter().fold(0, |mask, k| mask | bit(*k));
        if self.kinds & mask == 0 {
            return self.clone();
        }
        let steps: Vec<Step> = self
            .trail()
            .iter()
            .filter(|s| s.kind.is_none_or(|k| !kinds.contains(&k)))
            .cloned()
            .collect();
        let kinds = self.kinds & !mask;
        Self {
            kinds,
            cut: self.cut,
            trail: (kinds != 0).then(|| Rc::from(steps)),
        }
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        let cut = self.cut.max(other.cut);
        if other.kinds & !self.kinds == 0 {
            return Self { cut, ..self.clone() };
        }
        if self.kinds == 0 {
            return Self { cut, ..other.clone() };
        }
        let new = other
            .trail()
            .iter()
            .filter(|s| s.kind.is_none_or(|k| self.kinds & bit(k) == 0));
        let steps: Vec<Step> = self
            .trail()
            .iter()
            .chain(new)
            .take(LONGEST_TRAIL)
            .cloned()
            .collect();
        Self {
            kinds: self.kinds | other.kinds,
            cut,
            trail: Some(Rc::from(steps)),
        }
    }

    /// With one more step, if there is anything to pass on.
    pub(super) fn then(&self, step: Step) -> Self {
        if self.kinds == 0 && step.kind.is_none() {
            return self.clone();
        }
        let kinds = self.kinds | step.kind.map_or(0, bit);
        if self.trail().len() >= LONGEST_TRAIL {
            return Self {
                kinds,
                cut: self.cut,
                trail: self.trail.clone(),
            };
        }
        let steps: Vec<Step> = self.trail().iter().cloned().chain([step]).collect();
        Self {
            kinds,
            cut: self.cut,
            trail: Some(Rc::from(steps)),
        }
    }
}

fn bit(kind: SourceKind) -> u16 {
    SourceKind::ALL.iter().position(|k| *k == kind).map_or(0, |at| {
        1_u16.checked_shl(u32::try_from(at).unwrap_or(16)).unwrap_or(0)
    })
}

impl Value {
    pub(super) fn unknown() -> Self {
        What::Unknown.into()
    }

    /// What is not known for what it costs to know it.
    pub(super) fn cut() -> Self {
        Self::unknown().with(&Taint::cut(Cut::Bound))
    }

    pub(super) fn path(path: &str) -> Self {
        What::Path(Rc::from(path)).into()
    }

    pub(super) fn text(text: &str) -> Self {
        Datum::text(text).map_or_else(Self::cut, Self::from)
    }

    pub(super) fn shape(text: &str) -> Self {
        let mut end = text.len().min(LONGEST_SHAPE);
        while !text.is_char_boundary(end) {
            end = end.saturating_sub(1);
        }
        What::Shape(Arc::from(text.get(..end).unwrap_or_default())).into()
    }

    /// A text; one with holes where it has some.
    pub(super) fn text_or_shape(text: &str, whole: bool) -> Self {
        if whole {
            Self::text(text)
        } else {
            Self::shape(text)
        }
    }

    pub(super) fn with(mut self, taint: &Taint) -> Self {
        self.taint = self.taint.and(taint);
        self
    }

    pub(super) fn datum(&self) -> Option<&Datum> {
        match &self.what {
            What::Datum(datum) => Some(datum),
            _ => None,
        }
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        self.datum().and_then(Datum::as_str)
    }

    pub(super) fn as_path(&self) -> Option<&str> {
        match &self.what {
            What::Path(path) => Some(path),
            _ => None,
        }
    }

    /// The text as far as it is known.
    pub(super) fn words(&self) -> Option<&str> {
        match &self.what {
            What::Datum(Datum::Str(text)) => Some(text),
            What::Datum(Datum::Bytes(bytes)) => std::str::from_utf8(bytes).ok(),
            What::Shape(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn choices(&self) -> &[Self] {
        match &self.what {
            What::OneOf(values) => values,
            _ => std::slice::from_ref(self),
        }
    }

    fn same(&self, other: &Self) -> bool {
        match (&self.what, &other.what) {
            (What::Unknown, What::Unknown) => true,
            (What::Datum(a), What::Datum(b)) => match (a, b) {
                (Datum::Str(a), Datum::Str(b)) => Arc::ptr_eq(a, b) || a == b,
                (Datum::Bytes(a), Datum::Bytes(b)) => Arc::ptr_eq(a, b) || a == b,
                (a, b) => a.weight() <= 64 && b.weight() <= 64 && a == b,
            },
            (What::Shape(a), What::Shape(b)) => a == b,
            (What::Symbol(a), What::Symbol(b)) => a == b,
            (What::Path(a), What::Path(b)) => a == b,
            (What::Module(a), What::Module(b)) => a == b,
            (What::Object(a), What::Object(b)) => a == b,
            _ => false,
        }
    }

    /// What is either of two.
    pub(super) fn or(self, other: Self) -> Self {
        let taint = self.taint.and(&other.taint);
        if self.same(&other) {
            return Self {
                what: self.what,
                taint,
            };
        }
        let mut out: Vec<Self> = self.choices().to_vec();
        let more = match other.what {
            What::OneOf(values) => values.to_vec(),
            what => vec![Self {
                what,
                taint: other.taint,
            }],
        };
        for choice in more {
            if !out.iter().any(|known| known.same(&choice)) {
                out.push(choice);
            }
        }
        // What is not known says nothing beside what is, but one of the choices it stays.
        if out.len() > CHOICES {
            out.retain(|v| matches!(v.what, What::Object(_) | What::Path(_) | What::Module(_)));
            out.truncate(CHOICES);
            if out.is_empty() {
                return Self {
                    what: What::Unknown,
                    taint,
                };
            }
        }
        Self {
            what: What::OneOf(out.into()),
            taint,
        }
    }
}

impl From<What> for Value {
    fn from(what: What) -> Self {
        Self {
            what,
            taint: Taint::default(),
        }
    }
}

impl From<Datum> for Value {
    fn from(datum: Datum) -> Self {
        What::Datum(datum).into()
    }
}

impl From<Id> for Value {
    fn from(id: Id) -> Self {
        What::Object(id).into()
    }
}

/// What lies in the table.
#[derive(Debug)]
pub(super) enum Object<'a> {
    Scope(Scope),
    Function(Function<'a>),
    Class(Class),
    Instance(Instance),
    Container(Container),
    /// A method or function with arguments that are already given.
    Bound {
        callee: Value,
        positional: Vec<Value>,
        keywords: Vec<(Rc<str>, Value)>,
    },
    /// A method of a value that is no instance of a class of the package.
    Method {
        receiver: Value,
        name: Rc<str>,
    },
    /// `globals()` and its like.
    Names(Id),
    /// An open file.
    File(File),
    /// Nothing any more.
    Free,
}

#[derive(Debug)]
pub(super) struct Scope {
    pub names: HashMap<Rc<str>, Value>,
    pub parent: Option<Id>,
    pub is_class: bool,
    /// Names that belong to another scope, by `global` and `nonlocal`.
    pub elsewhere: HashMap<Rc<str>, Id>,
    /// Modules outside of the package of which everything was imported.
    pub stars: Vec<Rc<str>>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Code<'a> {
    Def(&'a StmtFunctionDef),
    Lambda(&'a ExprLambda),
}

#[derive(Clone, Debug)]
pub(super) struct Function<'a> {
    pub code: Code<'a>,
    pub file: usize,
    pub scope: Id,
    pub class: Option<Id>,
    /// `Class.method`.
    pub name: Rc<str>,
    pub defaults: Rc<[(Rc<str>, Value)]>,
    pub is_static: bool,
    pub is_class_method: bool,
    pub is_property: bool,
    /// Round what it was defined in, for code that was decoded.
    pub layer: u8,
    pub origin: Option<Range<usize>>,
    pub tree: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Class {
    pub name: Rc<str>,
    pub qualified: Rc<str>,
    pub scope: Id,
    pub bases: Vec<Value>,
    /// What stands for its instances where nothing of one is known.
    pub sample: Option<Id>,
}

#[derive(Debug)]
pub(super) struct Instance {
    pub class: Id,
    /// In order, so that what is seen of many does not differ from run to run.
    pub names: BTreeMap<Rc<str>, Value>,
    /// Of one that stands for all: whether its `__init__` was run.
    pub begun: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    List,
    Tuple,
    Set,
    Dict,
    Bytes,
}

#[derive(Clone, Debug)]
pub(super) struct Container {
    pub kind: Kind,
    pub items: Vec<Value>,
    /// Of a dictionary, beside its items.
    pub keys: Vec<Value>,
    pub index: HashMap<Key, usize>,
    /// Not everything that is in it is known, or not where.
    pub vague: bool,
    pub taint: Taint,
    /// How many branches were open when it was made.
    pub born: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Text(Arc<str>),
    Number(i128),
}

#[derive(Clone, Debug)]
pub(super) struct File {
    pub key: Option<Rc<str>>,
    pub writes: bool,
    /// An archive, into which files are put by their names.
    pub archive: bool,
    pub taint: Taint,
}

impl Key {
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value.datum()? {
            Datum::Str(text) => Some(Self::Text(Arc::clone(text))),
            other => other.as_int().map(Self::Number),
        }
    }
}

impl Container {
    pub(super) fn new(kind: Kind, born: u32) -> Self {
        Self {
            kind,
            items: Vec::new(),
            keys: Vec::new(),
            index: HashMap::default(),
            vague: false,
            taint: Taint::default(),
            born,
        }
    }

    pub(super) fn push(&mut self, value: Value) {
        self.taint = self.taint.and(&value.taint);
        self.items.push(value);
    }

    pub(super) fn set(&mut self, key: Value, value: Value) {
        self.taint = self.taint.and(&value.taint).and(&key.taint);
        let Some(name) = Key::of(&key) else {
            self.vague = true;
            return;
        };
        match self.index.get(&name).and_then(|at| self.items.get_mut(*at)) {
            Some(old) => *old = value,
            None => {
                self.index.insert(name, self.items.len());
                self.keys.push(key);
                self.items.push(value);
            }
        }
    }

    /// Keeps a few items of many; nobody knows then what is in it.
    pub(super) fn shorten(&mut self, most: usize) {
        self.vague = true;
        self.taint = self.taint.and(&Taint::cut(Cut::Bound));
        self.items.truncate(most);
        self.items.shrink_to_fit();
        self.keys.truncate(most);
        self.keys.shrink_to_fit();
        self.index = HashMap::default();
    }

    pub(super) fn find(&self, key: &Value) -> Option<&Value> {
        self.index.get(&Key::of(key)?).and_then(|at| self.items.get(*at))
    }
}
