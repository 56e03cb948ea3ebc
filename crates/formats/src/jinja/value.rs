//! What an expression is known to be.

use super::fold::MAX_TEXT;
use std::rc::Rc;

/// A value, as far as the template alone tells.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// It depends on the conversation, or on whatever else the runtime hands in.
    Data,
    /// The template alone makes it, in a way that is not followed.
    Opaque,
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Rc<str>),
    List(Shared<Self>),
    Dict(Shared<(Self, Self)>),
    /// `range(n)` of so many numbers.
    Range(u64),
    /// One of these, depending on the conversation.
    Any(Rc<Vec<Self>>),
    /// A namespace, by number.
    Namespace(usize),
    /// A macro of the template, by number.
    Macro(usize),
    /// A method of a value.
    Method(Rc<(Self, Rc<str>)>),
    /// An object of the runtime, or something reached through one.
    Object(Rc<Object>),
}

/// Something of the runtime, and the way there.
#[derive(Clone, Debug)]
pub(super) struct Object {
    /// The way as it would be written.
    pub(super) path: String,
    /// What was found on the way that a template has no business with.
    pub(super) reached: Reached,
    /// The last name on the way behind the door to all functions: `os.popen`.
    pub(super) short: String,
    /// The last step.
    pub(super) last: String,
    /// The event that tells of it.
    pub(super) event: Option<usize>,
}

/// How far into the runtime a way goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// An object that every template is given.
    Given,
    /// An internal attribute.
    Internal,
    /// An attribute from which every function of the process can be had.
    Door,
}

/// The elements of a list or dictionary, and how deep they nest. Only this module makes one, so that none nests deeper than
/// [`MAX_NESTED`]: statements can nest a list in itself again and again, and dropping it would go as deep.
#[derive(Clone, Debug)]
pub(super) struct Shared<T> {
    items: Rc<Vec<T>>,
    depth: u8,
}

impl<T> Shared<T> {
    fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.items, &other.items)
    }
}

impl<T> std::ops::Deref for Shared<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items
    }
}

/// How deep lists, dictionaries and methods may lie in one another.
const MAX_NESTED: u8 = 32;
/// Most values that one variable is followed with.
const MAX_ALTERNATIVES: usize = 6;

impl Value {
    pub(super) fn str(text: &str) -> Self {
        Self::Str(Rc::from(text))
    }

    pub(super) fn list(items: Vec<Self>) -> Self {
        match deeper(items.iter()) {
            Some(depth) => Self::List(Shared {
                items: Rc::new(items),
                depth,
            }),
            None => Self::Opaque,
        }
    }

    pub(super) fn dict(pairs: Vec<(Self, Self)>) -> Self {
        match deeper(pairs.iter().flat_map(|(k, v)| [k, v])) {
            Some(depth) => Self::Dict(Shared {
                items: Rc::new(pairs),
                depth,
            }),
            None => Self::Opaque,
        }
    }

    /// A method of a value.
    pub(super) fn bound(of: &Self, name: &str) -> Self {
        match deeper(std::iter::once(of)) {
            Some(_) => Self::Method(Rc::new((of.clone(), Rc::from(name)))),
            None => Self::Opaque,
        }
    }

    /// How deep it nests.
    fn depth(&self) -> u8 {
        match self {
            Self::List(items) => items.depth,
            Self::Dict(pairs) => pairs.depth,
            // Alternatives are never alternatives themselves.
            Self::Any(all) => all.iter().map(Self::depth).max().unwrap_or(0),
            Self::Method(method) => method.0.depth().saturating_add(1),
            _ => 0,
        }
    }

    /// The bytes that it alone holds, roughly; what something else holds as well was counted before.
    pub(super) fn fresh(&self) -> u64 {
        match self {
            Self::Str(text) if Rc::strong_count(text) == 1 => text.len() as u64,
            Self::List(items) if Rc::strong_count(&items.items) == 1 => {
                items.iter().map(Self::element).fold(0, u64::saturating_add)
            }
            Self::Dict(pairs) if Rc::strong_count(&pairs.items) == 1 => pairs
                .iter()
                .map(|(k, v)| k.element().saturating_add(v.element()))
                .fold(0, u64::saturating_add),
            Self::Any(all) if Rc::strong_count(all) == 1 => {
                all.iter().map(Self::fresh).fold(0, u64::saturating_add)
            }
            _ => 0,
        }
    }

    fn element(&self) -> u64 {
        let text = match self {
            Self::Str(text) if Rc::strong_count(text) == 1 => text.len() as u64,
            _ => 0,
        };
        text.saturating_add(64)
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is known to be true or false.
    pub(super) fn truth(&self) -> Option<bool> {
        match self {
            Self::None => Some(false),
            Self::Bool(b) => Some(*b),
            Self::Int(n) => Some(*n != 0),
            Self::Float(n) => Some(*n != 0.0),
            Self::Str(text) => Some(!text.is_empty()),
            Self::List(items) => Some(!items.is_empty()),
            Self::Dict(pairs) => Some(!pairs.is_empty()),
            Self::Range(n) => Some(*n > 0),
            Self::Any(all) => {
                let first = all.first()?.truth()?;
                all.iter().all(|v| v.truth() == Some(first)).then_some(first)
            }
            Self::Namespace(_) | Self::Macro(_) | Self::Method(_) | Self::Object(_) => Some(true),
            Self::Data | Self::Opaque => None,
        }
    }

    /// Whether both are known to be the same; lists only if they are one and the same.
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Data, Self::Data) | (Self::Opaque, Self::Opaque) | (Self::None, Self::None) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Str(a), Self::Str(b)) => a == b,
            (Self::List(a), Self::List(b)) => a.is(b),
            (Self::Dict(a), Self::Dict(b)) => a.is(b),
            (Self::Object(a), Self::Object(b)) => Rc::ptr_eq(a, b) || a.path == b.path,
            (Self::Namespace(a), Self::Namespace(b)) | (Self::Macro(a), Self::Macro(b)) => a == b,
            _ => false,
        }
    }

    /// Whether Python's `==` holds, where it can be told.
    pub(super) fn equals(&self, other: &Self) -> Option<bool> {
        match (self, other) {
            (Self::Str(a), Self::Str(b)) => Some(a == b),
            (Self::Int(a), Self::Int(b)) => Some(a == b),
            (Self::Bool(a), Self::Bool(b)) => Some(a == b),
            (Self::None, Self::None) => Some(true),
            (Self::Str(_), Self::Int(_) | Self::Bool(_) | Self::None)
            | (Self::Int(_) | Self::Bool(_) | Self::None, Self::Str(_)) => Some(false),
            _ => None,
        }
    }

    /// A number that counters and conditions make of several; which one says nothing.
    fn is_number(&self) -> bool {
        matches!(self, Self::Int(_) | Self::Float(_) | Self::Bool(_) | Self::None)
    }

    /// What it may be, one by one.
    pub(super) fn alternatives(&self) -> &[Self] {
        match self {
            Self::Any(all) => all,
            one => std::slice::from_ref(one),
        }
    }

    /// One or the other, depending on the conversation.
    pub(super) fn or(self, other: &Self) -> Self {
        if self.same(other) {
            return self;
        }
        Self::any(self.alternatives().iter().chain(other.alternatives()).cloned())
    }

    /// One of several.
    pub(super) fn any(values: impl Iterator<Item = Self>) -> Self {
        let mut all: Vec<Self> = Vec::new();
        for value in values {
            for one in value.alternatives() {
                // Different numbers are a counter; which number it is decides nothing.
                let one = if one.is_number() && all.iter().any(|v| v.is_number() && !v.same(one)) {
                    Self::Data
                } else {
                    one.clone()
                };
                if !all.iter().any(|v| v.same(&one)) {
                    all.push(one);
                }
            }
        }
        if all.iter().any(|v| matches!(v, Self::Data)) {
            all.retain(|v| !v.is_number());
        }
        if all.len() > MAX_ALTERNATIVES {
            // A name that leads into the runtime has an underscore in it, and so has a piece of one.
            let harmless = |v: &Self| match v {
                Self::Str(text) => !text.contains('_'),
                Self::Opaque | Self::Object(_) => false,
                _ => true,
            };
            return if all.iter().all(harmless) {
                Self::Data
            } else {
                Self::Opaque
            };
        }
        match all.len() {
            0 => Self::Data,
            1 => all.swap_remove(0),
            _ => Self::Any(Rc::new(all)),
        }
    }

    /// What an operation on these yields when it is not followed.
    pub(super) fn unknown(of: &[&Self]) -> Self {
        if of.iter().any(|v| v.has_data()) {
            Self::Data
        } else {
            Self::Opaque
        }
    }

    fn has_data(&self) -> bool {
        match self {
            Self::Data => true,
            Self::Any(all) => all.iter().any(Self::has_data),
            // Not deeper: a list of lists of the conversation's texts is rare, and paid for.
            Self::List(items) => items.iter().take(64).any(|v| matches!(v, Self::Data)),
            Self::Method(method) => method.0.has_data(),
            _ => false,
        }
    }

    /// The text that printing it makes, where it is known and not too long to be put together.
    pub(super) fn printed(&self) -> Option<Rc<str>> {
        Some(match self {
            Self::Str(text) => Rc::clone(text),
            Self::Int(n) => n.to_string().into(),
            Self::Float(n) => format!("{n:?}").into(),
            Self::Bool(true) => "True".into(),
            Self::Bool(false) => "False".into(),
            Self::None => "None".into(),
            Self::List(items) if items.len() <= 64 => {
                let mut out = String::from("[");
                for (i, item) in items.iter().enumerate() {
                    out.push_str(if i > 0 { ", " } else { "" });
                    item.repr_onto(&mut out)?;
                }
                out.push(']');
                out.into()
            }
            Self::Dict(pairs) if pairs.len() <= 64 => {
                let mut out = String::from("{");
                for (i, (key, value)) in pairs.iter().enumerate() {
                    out.push_str(if i > 0 { ", " } else { "" });
                    key.repr_onto(&mut out)?;
                    out.push_str(": ");
                    value.repr_onto(&mut out)?;
                }
                out.push('}');
                out.into()
            }
            Self::Object(object) => match object.path.as_str() {
                "lipsum" => "<function generate_lorem_ipsum at 0x7f0000000000>".into(),
                "cycler" => "<class 'jinja2.utils.Cycler'>".into(),
                "joiner" => "<class 'jinja2.utils.Joiner'>".into(),
                "namespace" => "<class 'jinja2.utils.Namespace'>".into(),
                "dict" => "<class 'dict'>".into(),
                "range" => "<class 'range'>".into(),
                "self" => "<TemplateReference None>".into(),
                _ => return None,
            },
            _ => return None,
        })
    }

    fn repr_onto(&self, out: &mut String) -> Option<()> {
        let text = self.repr()?;
        if out.len().saturating_add(text.len()) > MAX_TEXT {
            return None;
        }
        out.push_str(&text);
        Some(())
    }

    /// As Python's `repr` writes it inside a list.
    pub(super) fn repr(&self) -> Option<String> {
        match self {
            Self::Str(text) if text.len() > MAX_TEXT => None,
            Self::Str(text) => Some(format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))),
            Self::List(_) | Self::Dict(_) | Self::Object(_) => None,
            one => one.printed().map(|t| t.to_string()),
        }
    }
}

/// How deep nests what holds these; `None` if too deep.
fn deeper<'a>(children: impl Iterator<Item = &'a Value>) -> Option<u8> {
    let depth = children.map(Value::depth).max().unwrap_or(0).saturating_add(1);
    (depth <= MAX_NESTED).then_some(depth)
}
