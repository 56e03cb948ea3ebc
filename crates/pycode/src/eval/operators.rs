//! Operators, places and slices over known values.

use super::{
    datum::{CAP, Datum, Known, Range, WEIGHT, pay},
    numbers::numbers,
    template::percent,
};
use num_bigint::Sign;
use std::{cmp::Ordering, sync::Arc};
use wellhead_core::{Budget, Exhausted};

/// An operator with two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `//`
    FloorDiv,
    /// `%`, also of a text with its values
    Mod,
    /// `**`
    Pow,
    /// `<<`
    LeftShift,
    /// `>>`
    RightShift,
    /// `|`
    BitOr,
    /// `^`
    BitXor,
    /// `&`
    BitAnd,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `in`
    In,
    /// `not in`
    NotIn,
    /// `is`
    Is,
    /// `is not`
    IsNot,
}

/// An operator with one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unary {
    /// `not`
    Not,
    /// `~`
    Invert,
    /// `-`
    Minus,
    /// `+`
    Plus,
}

/// `left op right`.
///
/// # Errors
/// When the budget ran out.
pub fn operator(op: Operator, left: &Datum, right: &Datum, budget: &mut Budget) -> Known {
    use Operator::{
        Add, BitAnd, BitOr, BitXor, Div, Equal, FloorDiv, Greater, GreaterEqual, In, Is, IsNot, LeftShift,
        Less, LessEqual, Mod, Mul, NotEqual, NotIn, Pow, RightShift, Sub,
    };
    match op {
        Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual | Is | IsNot => {
            pay(weigh(left).min(weigh(right)), budget)?;
            Ok(compare(op, left, right).map(Datum::Bool))
        }
        In => Ok(contains(right, left, budget)?.map(Datum::Bool)),
        NotIn => Ok(contains(right, left, budget)?.map(|found| Datum::Bool(!found))),
        Add => add(left, right, budget),
        Mul => multiply(left, right, budget),
        Mod => match left {
            Datum::Str(text) => percent(text, right, budget),
            _ => numbers(op, left, right, budget),
        },
        BitOr => match (left, right) {
            (Datum::Dict(a), Datum::Dict(b)) => {
                let length = (a.len() as u64).saturating_add(b.len() as u64);
                budget.steps(length.saturating_mul(8))?;
                Ok(Datum::dict(a.iter().chain(b.iter()).cloned().collect()))
            }
            _ => numbers(op, left, right, budget),
        },
        Sub | Div | FloorDiv | Pow | LeftShift | RightShift | BitXor | BitAnd => {
            numbers(op, left, right, budget)
        }
    }
}

/// How many bytes a value is about.
pub(super) fn weigh(value: &Datum) -> usize {
    usize::try_from(value.weight())
        .unwrap_or(usize::MAX)
        .saturating_mul(32)
}

fn compare(op: Operator, left: &Datum, right: &Datum) -> Option<bool> {
    let order = || left.order(right);
    Some(match op {
        Operator::Equal => left.equals(right)?,
        Operator::NotEqual => !left.equals(right)?,
        Operator::Less => order()? == Ordering::Less,
        Operator::LessEqual => order()? != Ordering::Greater,
        Operator::Greater => order()? == Ordering::Greater,
        Operator::GreaterEqual => order()? != Ordering::Less,
        // Whether two equal values are one object is for an interpreter to say, except for `None`.
        Operator::Is if *left == Datum::None || *right == Datum::None => left == right,
        Operator::IsNot if *left == Datum::None || *right == Datum::None => left != right,
        _ => return None,
    })
}

/// Whether `item in value`.
fn contains(value: &Datum, item: &Datum, budget: &mut Budget) -> Result<Option<bool>, Exhausted> {
    pay(weigh(value), budget)?;
    Ok(match (value, item) {
        (Datum::Str(text), Datum::Str(part)) => Some(text.contains(part.as_ref())),
        (Datum::Bytes(all), Datum::Bytes(part)) => Some(find(all, part).is_some()),
        (Datum::Bytes(all), other) => {
            let byte = other.as_int().and_then(|n| u8::try_from(n).ok());
            byte.map(|byte| all.contains(&byte))
        }
        (Datum::List(items) | Datum::Tuple(items), item) => {
            for other in items.iter() {
                pay(weigh(other).min(weigh(item)), budget)?;
                match other.equals(item) {
                    Some(false) => {}
                    known => return Ok(known),
                }
            }
            Some(false)
        }
        (Datum::Dict(pairs), item) => match item.key() {
            Some(_) => Some(pairs.find(item, budget)?.is_some()),
            None => None,
        },
        (Datum::Range(range), item) => {
            let (start, stop, step) = range.parts();
            item.as_int().map(|n| {
                let inside = if step > 0 {
                    (start..stop).contains(&n)
                } else {
                    stop < n && n <= start
                };
                inside && n.saturating_sub(start).checked_rem(step) == Some(0)
            })
        }
        _ => None,
    })
}

/// Where `part` lies in `all`, first.
pub(super) fn find(all: &[u8], part: &[u8]) -> Option<usize> {
    /// Up to this many bytes are compared at each place.
    const SHORT: usize = 16;
    if part.is_empty() {
        return Some(0);
    }
    if part.len() <= SHORT {
        return all.windows(part.len()).position(|window| window == part);
    }
    // The search in texts takes time in proportion whatever repeats.
    let text = |bytes: &[u8]| bytes.iter().map(|b| char::from(*b)).collect::<String>();
    let all = text(all);
    let at = all.find(&text(part))?;
    Some(all.get(..at)?.chars().count())
}

fn add(left: &Datum, right: &Datum, budget: &mut Budget) -> Known {
    match (left, right) {
        (Datum::Str(a), Datum::Str(b)) => {
            let length = a.len().saturating_add(b.len());
            pay(length, budget)?;
            if length > CAP {
                return Ok(None);
            }
            Ok(Datum::text([a.as_ref(), b.as_ref()].concat()))
        }
        (Datum::Bytes(a), Datum::Bytes(b)) => {
            let length = a.len().saturating_add(b.len());
            pay(length, budget)?;
            if length > CAP {
                return Ok(None);
            }
            Ok(Datum::bytes([a.as_ref(), b.as_ref()].concat()))
        }
        (Datum::List(a), Datum::List(b)) | (Datum::Tuple(a), Datum::Tuple(b)) => {
            budget.steps((a.len() as u64).saturating_add(b.len() as u64))?;
            let all = a.iter().chain(b.iter()).cloned().collect();
            Ok(match left {
                Datum::List(_) => Datum::list(all),
                _ => Datum::tuple(all),
            })
        }
        _ => numbers(Operator::Add, left, right, budget),
    }
}

fn multiply(left: &Datum, right: &Datum, budget: &mut Budget) -> Known {
    let (sequence, times) = match (left, right) {
        (Datum::Str(_) | Datum::Bytes(_) | Datum::List(_) | Datum::Tuple(_), n) => (left, n),
        (n, Datum::Str(_) | Datum::Bytes(_) | Datum::List(_) | Datum::Tuple(_)) => (right, n),
        _ => return numbers(Operator::Mul, left, right, budget),
    };
    let Some(times) = times.as_int().filter(|n| i64::try_from(*n).is_ok()) else {
        return Ok(None);
    };
    let length = match sequence {
        Datum::Str(text) => text.len(),
        Datum::Bytes(bytes) => bytes.len(),
        other => weigh(other).min(other.items().map_or(0, <[Datum]>::len).saturating_mul(4)),
    };
    let times = match usize::try_from(times.max(0)) {
        Ok(times) if times.saturating_mul(length) <= CAP => times,
        _ => return Ok(None),
    };
    // Nothing, many times over, is nothing.
    let times = if length == 0 { times.min(1) } else { times };
    pay(times.saturating_mul(length), budget)?;
    Ok(match sequence {
        Datum::Str(text) => Datum::text(text.repeat(times)),
        Datum::Bytes(bytes) => Datum::bytes(bytes.repeat(times)),
        Datum::List(items) => Datum::list(
            std::iter::repeat_n(items.iter().cloned(), times)
                .flatten()
                .collect(),
        ),
        Datum::Tuple(items) => Datum::tuple(
            std::iter::repeat_n(items.iter().cloned(), times)
                .flatten()
                .collect(),
        ),
        _ => None,
    })
}

/// `op value`.
///
/// # Errors
/// When the budget ran out.
pub fn unary(op: Unary, value: &Datum, budget: &mut Budget) -> Known {
    budget.steps(1)?;
    match (op, value) {
        (Unary::Not, value) => Ok(Some(Datum::Bool(!value.truth()))),
        (Unary::Minus, Datum::Float(f)) => Ok(Some(Datum::Float(-f))),
        (Unary::Plus, Datum::Float(_)) => Ok(Some(value.clone())),
        (Unary::Minus, value) => numbers(Operator::Sub, &Datum::Int(0), value, budget),
        (Unary::Plus, value) => numbers(Operator::Add, &Datum::Int(0), value, budget),
        (Unary::Invert, value) => numbers(Operator::Sub, &Datum::Int(-1), value, budget),
    }
}

/// A place in something of that length, where negative ones count from the end.
pub(super) fn place(at: &Datum, length: usize) -> Option<usize> {
    let at = at.as_int()?;
    let from = if at < 0 { length as i128 } else { 0 };
    let at = usize::try_from(at.checked_add(from)?).ok()?;
    (at < length).then_some(at)
}

/// `value[at]`.
///
/// # Errors
/// When the budget ran out.
pub fn index(value: &Datum, at: &Datum, budget: &mut Budget) -> Known {
    budget.steps(1)?;
    Ok(match value {
        Datum::Str(text) => {
            pay(text.len(), budget)?;
            if text.is_ascii() {
                let byte = place(at, text.len()).and_then(|at| text.as_bytes().get(at));
                byte.and_then(|b| character(char::from(*b)))
            } else {
                let length = text.chars().count();
                place(at, length)
                    .and_then(|at| text.chars().nth(at))
                    .and_then(character)
            }
        }
        Datum::Bytes(bytes) => {
            let byte = place(at, bytes.len()).and_then(|at| bytes.get(at));
            byte.map(|b| Datum::Int(i128::from(*b)))
        }
        Datum::List(items) | Datum::Tuple(items) => {
            place(at, items.len()).and_then(|at| items.get(at)).cloned()
        }
        Datum::Dict(pairs) => pairs.find(at, budget)?.cloned(),
        Datum::Range(range) => {
            let length = usize::try_from(range.count()).unwrap_or(usize::MAX);
            place(at, length)
                .and_then(|at| range.get(at as u64))
                .map(Datum::Int)
        }
        _ => None,
    })
}

/// A text of one character.
pub(super) fn character(c: char) -> Option<Datum> {
    let mut room = [0; 4];
    Datum::text(&*c.encode_utf8(&mut room))
}

/// `value[start:stop:step]`; a bound that is not written is `None`.
///
/// # Errors
/// When the budget ran out.
pub fn slice(value: &Datum, bounds: [Option<&Datum>; 3], budget: &mut Budget) -> Known {
    pay(weigh(value), budget)?;
    Ok(match value {
        Datum::Str(text) if text.is_ascii() => pick(text.as_bytes(), bounds)
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(Datum::text),
        Datum::Str(text) => {
            let all: Vec<char> = text.chars().collect();
            pick(&all, bounds)
                .map(|chars| chars.into_iter().collect::<String>())
                .and_then(Datum::text)
        }
        Datum::Bytes(bytes) => pick(bytes, bounds).and_then(Datum::bytes),
        Datum::List(items) => pick(items, bounds).and_then(Datum::list),
        Datum::Tuple(items) => pick(items, bounds).and_then(Datum::tuple),
        Datum::Range(range) => cut(i128::from(range.count()), bounds).and_then(|(first, end, every)| {
            let (start, _, step) = range.parts();
            let at = |n: i128| start.checked_add(step.checked_mul(n)?);
            Range::new(at(first)?, at(end)?, step.checked_mul(every)?).map(Datum::Range)
        }),
        _ => None,
    })
}

/// The bounds of a slice of so many: the first place, the one where it ends, and the step.
fn cut(length: i128, bounds: [Option<&Datum>; 3]) -> Option<(i128, i128, i128)> {
    let number = |bound: Option<&Datum>| match bound {
        None | Some(Datum::None) => Some(None),
        // Beyond any length is the same as far beyond it.
        Some(Datum::Big(n)) => Some(Some(if n.sign() == Sign::Minus {
            i128::from(i64::MIN)
        } else {
            i128::from(i64::MAX)
        })),
        Some(other) => other.as_int().map(Some),
    };
    let [start, stop, step] = bounds;
    let (start, stop) = (number(start)?, number(stop)?);
    let step = number(step)?.unwrap_or(1);
    if step == 0 {
        return None;
    }
    let (low, high) = if step > 0 {
        (0, length)
    } else {
        (-1, length.saturating_sub(1))
    };
    let clamp = |n: i128| {
        let n = if n < 0 { n.saturating_add(length) } else { n };
        n.clamp(low, high)
    };
    let first = start.map_or(if step > 0 { low } else { high }, clamp);
    let end = stop.map_or(if step > 0 { high } else { low }, clamp);
    Some((first, end, step))
}

fn pick<T: Clone>(all: &[T], bounds: [Option<&Datum>; 3]) -> Option<Vec<T>> {
    let (first, end, step) = cut(all.len() as i128, bounds)?;
    let mut out = Vec::new();
    let mut at = first;
    while (step > 0 && at < end) || (step < 0 && at > end) {
        out.push(all.get(usize::try_from(at).ok()?)?.clone());
        at = at.saturating_add(step);
    }
    Some(out)
}

/// The container after `value[at] = item`.
///
/// # Errors
/// When the budget ran out.
pub fn set_item(value: &Datum, at: &Datum, item: &Datum, budget: &mut Budget) -> Known {
    pay(weigh(value), budget)?;
    Ok(match value {
        Datum::List(items) => {
            let mut all = items.to_vec();
            let slot = place(at, all.len()).and_then(|at| all.get_mut(at));
            match slot {
                Some(slot) => {
                    *slot = item.clone();
                    Datum::list(all)
                }
                None => None,
            }
        }
        Datum::Bytes(bytes) => {
            let mut all = bytes.to_vec();
            let byte = item.as_int().and_then(|n| u8::try_from(n).ok());
            match (place(at, all.len()).and_then(|at| all.get_mut(at)), byte) {
                (Some(slot), Some(byte)) => {
                    *slot = byte;
                    Datum::bytes(all)
                }
                _ => None,
            }
        }
        Datum::Dict(pairs) => {
            budget.steps((pairs.len() as u64).saturating_mul(8))?;
            let mut all = pairs.to_vec();
            all.push((at.clone(), item.clone()));
            Datum::dict(all)
        }
        _ => None,
    })
}

/// What a loop over the value meets: characters, numbers of bytes, items, keys.
///
/// # Errors
/// When the budget ran out.
pub fn iterate(value: &Datum, budget: &mut Budget) -> Result<Option<Vec<Datum>>, Exhausted> {
    let length = match value {
        Datum::Str(text) => text.len() as u64,
        Datum::Bytes(bytes) => bytes.len() as u64,
        Datum::List(items) | Datum::Tuple(items) => items.len() as u64,
        Datum::Dict(pairs) => pairs.len() as u64,
        Datum::Range(range) => range.count(),
        _ => return Ok(None),
    };
    if length > WEIGHT {
        return Ok(None);
    }
    budget.steps(length.saturating_add(1))?;
    Ok(Some(match value {
        Datum::Str(text) => characters(text),
        Datum::Bytes(bytes) => bytes.iter().map(|b| Datum::Int(i128::from(*b))).collect(),
        Datum::List(items) | Datum::Tuple(items) => items.to_vec(),
        Datum::Dict(pairs) => pairs.iter().map(|(key, _)| key.clone()).collect(),
        Datum::Range(range) => range.numbers().map(Datum::Int).collect(),
        _ => return Ok(None),
    }))
}

/// The characters of a text, each a text; those of ASCII are made once.
fn characters(text: &str) -> Vec<Datum> {
    let mut known: [Option<Arc<str>>; 128] = [const { None }; 128];
    text.chars()
        .map(|c| {
            let make = || Arc::from(&*c.encode_utf8(&mut [0; 4]));
            match known.get_mut(c as usize) {
                Some(slot) => Datum::Str(Arc::clone(slot.get_or_insert_with(make))),
                None => Datum::Str(make()),
            }
        })
        .collect()
}
