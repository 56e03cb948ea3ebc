//! Operators, places and pieces of text over known values.

use super::datum::{Datum, Known, pay};
use std::cmp::Ordering;
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
    pay(weigh(left).min(weigh(right)), budget)?;
    Ok(compare(op, left, right).map(Datum::Bool))
}

/// How many bytes a value is about.
fn weigh(value: &Datum) -> usize {
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

/// `op value`.
///
/// # Errors
/// When the budget ran out.
pub fn unary(_op: Unary, _value: &Datum, budget: &mut Budget) -> Known {
    budget.steps(1)?;
    Ok(None)
}

/// `value[at]`.
///
/// # Errors
/// When the budget ran out.
pub fn index(_value: &Datum, _at: &Datum, budget: &mut Budget) -> Known {
    budget.steps(1)?;
    Ok(None)
}

/// `value[start:stop:step]`; a bound that is not written is `None`.
///
/// # Errors
/// When the budget ran out.
pub fn slice(_value: &Datum, _bounds: [Option<&Datum>; 3], budget: &mut Budget) -> Known {
    budget.steps(1)?;
    Ok(None)
}

/// The container after `value[at] = item`.
///
/// # Errors
/// When the budget ran out.
pub fn set_item(_value: &Datum, _at: &Datum, _item: &Datum, budget: &mut Budget) -> Known {
    budget.steps(1)?;
    Ok(None)
}

/// What a loop over the value meets: characters, numbers of bytes, items, keys.
///
/// # Errors
/// When the budget ran out.
pub fn iterate(_value: &Datum, budget: &mut Budget) -> Result<Option<Vec<Datum>>, Exhausted> {
    budget.steps(1)?;
    Ok(None)
}

/// The text of an f-string's `{value!conversion:spec}`.
///
/// # Errors
/// When the budget ran out.
pub fn render(
    _value: &Datum,
    _conversion: Option<char>,
    _spec: &str,
    budget: &mut Budget,
) -> Result<Option<String>, Exhausted> {
    budget.steps(1)?;
    Ok(None)
}
