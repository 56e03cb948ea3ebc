//! A value of Python that is wholly known.
//!
//! Programs build values out of values, and one line can nest them without end or share one a million times. The one
//! decision: a container knows how deep and how heavy it is when it is made, and one that is too deep or too heavy is
//! not made, so that everything that walks a value (comparing, writing, dropping) is bounded by construction.

use super::{CodeObject, Tool};
use num_bigint::BigInt;
use std::{cmp::Ordering, ops::Deref, sync::Arc};
use wellhead_core::{Budget, Exhausted};

/// Longest text or bytes that are made, in bytes.
pub const CAP: usize = 4 << 20;
/// Most values that lie in one container, in all its containers together.
pub const WEIGHT: u64 = 1 << 20;
/// How deep containers may lie in one another.
pub const DEPTH: u8 = 24;
/// Most bits of a whole number.
pub(super) const BITS: u64 = 1 << 18;
/// How many bytes of text weigh as much as a value.
const BYTES_A_VALUE: usize = 32;

/// The value of an operation; `None` where it is not known, or where Python would raise.
pub type Known = Result<Option<Datum>, Exhausted>;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum {
    /// `None`.
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// A whole number that does not fit: make it with [`Datum::big`].
    Big(Arc<BigInt>),
    /// A floating-point number.
    Float(f64),
    /// A text.
    Str(Arc<str>),
    /// Bytes, also those of a `bytearray` or `memoryview`.
    Bytes(Arc<[u8]>),
    /// A list; also what an iterator over known values would give.
    List(Items),
    /// A tuple.
    Tuple(Items),
    /// A dictionary in the order of its keys.
    Dict(Pairs),
    /// `range(…)`.
    Range(Range),
    /// A code object.
    Code(Arc<CodeObject>),
    /// A decoder with its key, or a digest.
    Tool(Arc<Tool>),
}

/// The values of a list or tuple.
#[derive(Clone, Debug, PartialEq)]
pub struct Items {
    all: Arc<[Datum]>,
    weight: u64,
    depth: u8,
}

/// The pairs of a dictionary, each key once.
#[derive(Clone, Debug, PartialEq)]
pub struct Pairs {
    all: Arc<[(Datum, Datum)]>,
    weight: u64,
    depth: u8,
}

/// `range(start, stop, step)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    start: i128,
    stop: i128,
    step: i128,
}

/// What two equal keys of a dictionary have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    None,
    Int(BigInt),
    Str(Arc<str>),
    Bytes(Arc<[u8]>),
    Tuple(Vec<Self>),
}

impl Items {
    /// The values, unless they are too many or too deep.
    pub fn new(values: Vec<Datum>) -> Option<Self> {
        let (weight, depth) = measure(values.iter())?;
        Some(Self {
            all: values.into(),
            weight,
            depth,
        })
    }
}

impl Deref for Items {
    type Target = [Datum];

    fn deref(&self) -> &[Datum] {
        &self.all
    }
}

impl Pairs {
    /// The pairs, unless they are too many or too deep, or a key is one that cannot be told from others. The last value
    /// of a key counts, at the place of the first.
    pub fn new(pairs: Vec<(Datum, Datum)>) -> Option<Self> {
        let mut at = std::collections::BTreeMap::new();
        let mut out: Vec<(Datum, Datum)> = Vec::new();
        for (key, value) in pairs {
            let slot = *at.entry(key.key()?).or_insert(out.len());
            match out.get_mut(slot) {
                Some(pair) => pair.1 = value,
                None => out.push((key, value)),
            }
        }
        let (weight, depth) = measure(out.iter().flat_map(|(k, v)| [k, v]))?;
        Some(Self {
            all: out.into(),
            weight,
            depth,
        })
    }

    /// The value of a key.
    ///
    /// # Errors
    /// When the budget does not allow to look.
    pub fn find(&self, key: &Datum, budget: &mut Budget) -> Result<Option<&Datum>, Exhausted> {
        budget.steps(self.all.len() as u64)?;
        // Texts and numbers that fit are what tables of decoders have; those are compared without making anything.
        let place = match key {
            Datum::Str(_) | Datum::Bytes(_) | Datum::None => self.all.iter().position(|(k, _)| k == key),
            Datum::Int(_) | Datum::Bool(_) => {
                let n = key.as_int();
                self.all.iter().position(|(k, _)| k.as_int() == n)
            }
            _ => match key.key() {
                Some(key) => self.all.iter().position(|(k, _)| k.key().as_ref() == Some(&key)),
                None => None,
            },
        };
        Ok(place.and_then(|at| self.all.get(at)).map(|(_, value)| value))
    }
}

impl Deref for Pairs {
    type Target = [(Datum, Datum)];

    fn deref(&self) -> &[(Datum, Datum)] {
        &self.all
    }
}

/// Weight and depth of a container of these, if it may be.
fn measure<'a>(values: impl Iterator<Item = &'a Datum>) -> Option<(u64, u8)> {
    let (mut weight, mut depth) = (1_u64, 0_u8);
    for value in values {
        weight = weight.saturating_add(value.weight());
        depth = depth.max(value.depth());
        if weight > WEIGHT {
            return None;
        }
    }
    let depth = depth.saturating_add(1);
    (depth <= DEPTH).then_some((weight, depth))
}

impl Range {
    /// The range, unless its step is zero or a bound is beyond 64 bits.
    pub fn new(start: i128, stop: i128, step: i128) -> Option<Self> {
        let fits = |n: i128| i64::try_from(n).is_ok();
        (step != 0 && fits(start) && fits(stop) && fits(step)).then_some(Self { start, stop, step })
    }

    /// How many numbers there are.
    pub fn count(self) -> u64 {
        let (span, step) = if self.step > 0 {
            (self.stop.saturating_sub(self.start), self.step)
        } else {
            (self.start.saturating_sub(self.stop), self.step.saturating_neg())
        };
        if span <= 0 {
            return 0;
        }
        let more = span.saturating_sub(1).checked_div(step).unwrap_or(0);
        u64::try_from(more.saturating_add(1)).unwrap_or(u64::MAX)
    }

    /// The number at a place.
    pub fn get(self, at: u64) -> Option<i128> {
        (at < self.count()).then(|| self.start.saturating_add(self.step.saturating_mul(at.into())))
    }

    /// Every number, in order.
    pub fn numbers(self) -> impl Iterator<Item = i128> {
        (0..self.count()).map_while(move |at| self.get(at))
    }

    /// Where it starts, where it stops, and in which steps.
    pub fn parts(self) -> (i128, i128, i128) {
        (self.start, self.stop, self.step)
    }
}

impl Datum {
    /// A text, unless it is too long.
    pub fn text(text: impl Into<Arc<str>>) -> Option<Self> {
        let text = text.into();
        (text.len() <= CAP).then_some(Self::Str(text))
    }

    /// Bytes, unless they are too long.
    pub fn bytes(bytes: impl Into<Arc<[u8]>>) -> Option<Self> {
        let bytes = bytes.into();
        (bytes.len() <= CAP).then_some(Self::Bytes(bytes))
    }

    /// A list, unless it is too heavy.
    pub fn list(values: Vec<Self>) -> Option<Self> {
        Items::new(values).map(Self::List)
    }

    /// A tuple, unless it is too heavy.
    pub fn tuple(values: Vec<Self>) -> Option<Self> {
        Items::new(values).map(Self::Tuple)
    }

    /// A dictionary, unless it is too heavy.
    pub fn dict(pairs: Vec<(Self, Self)>) -> Option<Self> {
        Pairs::new(pairs).map(Self::Dict)
    }

    /// A whole number in its one form, unless it has too many digits.
    pub fn big(number: BigInt) -> Option<Self> {
        match i128::try_from(&number) {
            Ok(small) => Some(Self::Int(small)),
            Err(_) if number.bits() <= BITS => Some(Self::Big(Arc::new(number))),
            Err(_) => None,
        }
    }

    /// A whole number as Python's source has it: `12_000`, `0xff`, `0o17`, `0b1`.
    pub fn number(literal: &str) -> Option<Self> {
        let plain: String = literal.chars().filter(|c| *c != '_').collect();
        let lower = plain.to_ascii_lowercase();
        let (digits, radix) = [("0x", 16), ("0o", 8), ("0b", 2)]
            .into_iter()
            .find_map(|(prefix, radix)| lower.strip_prefix(prefix).map(|digits| (digits, radix)))
            .unwrap_or((&lower, 10));
        parse_int(digits, radix).and_then(Self::big)
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes, if they are some.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The whole number, if it is one that fits; truth values are numbers.
    pub fn as_int(&self) -> Option<i128> {
        match self {
            Self::Bool(b) => Some(i128::from(*b)),
            Self::Int(n) => Some(*n),
            _ => None,
        }
    }

    /// The whole number of any size, if it is one.
    pub(super) fn as_big(&self) -> Option<BigInt> {
        match self {
            Self::Big(n) => Some(n.as_ref().clone()),
            other => other.as_int().map(BigInt::from),
        }
    }

    /// The values of a list or tuple.
    pub fn items(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) | Self::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// What `bool(value)` gives.
    pub fn truth(&self) -> bool {
        match self {
            Self::None => false,
            Self::Bool(b) => *b,
            Self::Int(n) => *n != 0,
            Self::Float(f) => *f != 0.0,
            Self::Str(s) => !s.is_empty(),
            Self::Bytes(b) => !b.is_empty(),
            Self::List(items) | Self::Tuple(items) => !items.is_empty(),
            Self::Dict(pairs) => !pairs.is_empty(),
            Self::Range(range) => range.count() > 0,
            Self::Big(_) | Self::Code(_) | Self::Tool(_) => true,
        }
    }

    /// The name of its type in Python.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::Big(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) => "str",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) => "dict",
            Self::Range(_) => "range",
            Self::Code(_) => "code",
            Self::Tool(_) => "object",
        }
    }

    /// How many values it is, with those in it; never more than [`WEIGHT`] and what one text may be.
    pub fn weight(&self) -> u64 {
        let of = |bytes: usize| (bytes.checked_div(BYTES_A_VALUE).unwrap_or(0) as u64).saturating_add(1);
        match self {
            Self::Str(s) => of(s.len()),
            Self::Bytes(b) => of(b.len()),
            Self::Big(n) => of(usize::try_from(n.bits().checked_div(8).unwrap_or(0)).unwrap_or(usize::MAX)),
            Self::List(items) | Self::Tuple(items) => items.weight,
            Self::Dict(pairs) => pairs.weight,
            Self::Code(code) => of(code.marshalled.len()),
            Self::Tool(tool) => tool.cycle().map_or_else(|| of(tool.size()), |items| items.weight),
            _ => 1,
        }
    }

    fn depth(&self) -> u8 {
        match self {
            Self::List(items) | Self::Tuple(items) => items.depth,
            Self::Dict(pairs) => pairs.depth,
            Self::Tool(tool) => tool.cycle().map_or(0, |items| items.depth),
            _ => 0,
        }
    }

    /// What it is as a key; floating-point numbers are none, for `1.0` is the same key as `1`.
    pub(super) fn key(&self) -> Option<Key> {
        Some(match self {
            Self::None => Key::None,
            Self::Bool(_) | Self::Int(_) | Self::Big(_) => Key::Int(self.as_big()?),
            Self::Str(s) => Key::Str(Arc::clone(s)),
            Self::Bytes(b) => Key::Bytes(Arc::clone(b)),
            Self::Tuple(items) => Key::Tuple(items.iter().map(Self::key).collect::<Option<_>>()?),
            _ => return None,
        })
    }

    /// Whether two values are equal to Python; `None` where that is not known.
    pub(super) fn equals(&self, other: &Self) -> Option<bool> {
        if let (Some(a), Some(b)) = (self.as_float(), other.as_float())
            && (matches!(self, Self::Float(_)) || matches!(other, Self::Float(_)))
        {
            return Some(a == b);
        }
        Some(match (self, other) {
            (Self::List(a), Self::List(b)) | (Self::Tuple(a), Self::Tuple(b)) => {
                if a.len() != b.len() {
                    return Some(false);
                }
                for (a, b) in a.iter().zip(b.iter()) {
                    if !a.equals(b)? {
                        return Some(false);
                    }
                }
                true
            }
            (Self::Tool(_), _) | (_, Self::Tool(_)) => return None,
            (Self::Dict(_), Self::Dict(_))
            | (Self::Range(_), Self::Range(_))
            | (Self::Code(_), Self::Code(_)) => {
                return None;
            }
            (a, b) => match (a.key(), b.key()) {
                (Some(a), Some(b)) => a == b,
                _ => a.type_name() == b.type_name() && return None,
            },
        })
    }

    /// The order of two values, where Python has one.
    pub(super) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Str(a), Self::Str(b)) => Some(a.cmp(b)),
            (Self::Bytes(a), Self::Bytes(b)) => Some(a.cmp(b)),
            (Self::List(a), Self::List(b)) | (Self::Tuple(a), Self::Tuple(b)) => {
                for (a, b) in a.iter().zip(b.iter()) {
                    if !a.equals(b)? {
                        return a.order(b);
                    }
                }
                Some(a.len().cmp(&b.len()))
            }
            (Self::Float(_), _) | (_, Self::Float(_)) => self.as_float()?.partial_cmp(&other.as_float()?),
            _ => Some(self.as_big()?.cmp(&other.as_big()?)),
        }
    }

    /// As a floating-point number, if that is exact.
    pub(super) fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(f) => Some(*f),
            other => {
                let n = i32::try_from(other.as_int()?).ok()?;
                Some(f64::from(n))
            }
        }
    }
}

/// Digits of a whole number; underscores and signs are not among them.
pub(super) fn parse_int(digits: &str, radix: u32) -> Option<BigInt> {
    // A power of two takes time in proportion; other bases take the square, and Python itself refuses 4,300 digits.
    let most = if radix.is_power_of_two() { 65_536 } else { 4_300 };
    if digits.is_empty() || digits.len() > most || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    BigInt::parse_bytes(digits.as_bytes(), radix)
}

/// Pays for handling `bytes`.
pub(super) fn pay(bytes: usize, budget: &mut Budget) -> Result<(), Exhausted> {
    budget.steps((bytes as u64).saturating_add(16).checked_div(16).unwrap_or(1))
}
