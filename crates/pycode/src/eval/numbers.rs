//! Arithmetic as Python has it: whole numbers without end, rests with the sign of the divisor.

use super::{
    Operator,
    datum::{BITS, Datum, Known},
};
use num_bigint::{BigInt, Sign};
use wellhead_core::{Budget, Exhausted};

/// Arithmetic.
pub(super) fn numbers(op: Operator, left: &Datum, right: &Datum, budget: &mut Budget) -> Known {
    budget.steps(1)?;
    if let (Datum::Bool(a), Datum::Bool(b)) = (left, right) {
        let both = match op {
            Operator::BitAnd => Some(*a && *b),
            Operator::BitOr => Some(*a || *b),
            Operator::BitXor => Some(a != b),
            _ => None,
        };
        if let Some(both) = both {
            return Ok(Some(Datum::Bool(both)));
        }
    }
    if matches!(left, Datum::Float(_)) || matches!(right, Datum::Float(_)) {
        return Ok(floats(op, left, right));
    }
    if let (Some(a), Some(b)) = (left.as_int(), right.as_int())
        && let Some(small) = small(op, a, b)
    {
        return Ok(Some(small));
    }
    let (Some(a), Some(b)) = (left.as_big(), right.as_big()) else {
        return Ok(None);
    };
    // Long multiplication and division take the square of the length.
    let words = a.bits().max(b.bits()).checked_div(64).unwrap_or(0);
    budget.steps(words.saturating_mul(words).checked_div(16).unwrap_or(0))?;
    Ok(large(op, &a, &b, budget)?.and_then(Datum::big))
}

/// Whole numbers that fit, with a result that fits.
fn small(op: Operator, a: i128, b: i128) -> Option<Datum> {
    let shift = || u32::try_from(b).ok().filter(|n| *n < 127);
    let n = match op {
        Operator::Add => a.checked_add(b)?,
        Operator::Sub => a.checked_sub(b)?,
        Operator::Mul => a.checked_mul(b)?,
        Operator::FloorDiv => {
            let quotient = a.checked_div(b)?;
            let inexact = a.checked_rem(b)? != 0;
            quotient.checked_sub(i128::from(inexact && (a < 0) != (b < 0)))?
        }
        Operator::Mod => {
            let rest = a.checked_rem(b)?;
            if rest != 0 && (rest < 0) != (b < 0) {
                rest.checked_add(b)?
            } else {
                rest
            }
        }
        Operator::Pow => a.checked_pow(u32::try_from(b).ok()?)?,
        Operator::LeftShift => a.checked_mul(1_i128.checked_shl(shift()?)?)?,
        Operator::RightShift => a.checked_shr(u32::try_from(b).ok()?.min(127))?,
        Operator::BitAnd => a & b,
        Operator::BitOr => a | b,
        Operator::BitXor => a ^ b,
        Operator::Div => {
            let exact = |n: i128| (n.unsigned_abs() <= 1 << 53).then_some(n as f64);
            let (a, b) = (exact(a)?, exact(b)?);
            return (b != 0.0).then_some(Datum::Float(a / b));
        }
        _ => return None,
    };
    Some(Datum::Int(n))
}

fn floats(op: Operator, left: &Datum, right: &Datum) -> Option<Datum> {
    let (a, b) = (left.as_float()?, right.as_float()?);
    let value = match op {
        Operator::Add => a + b,
        Operator::Sub => a - b,
        Operator::Mul => a * b,
        Operator::Div if b != 0.0 => a / b,
        _ => return None,
    };
    Some(Datum::Float(value))
}

/// Whole numbers of any size.
fn large(op: Operator, a: &BigInt, b: &BigInt, budget: &mut Budget) -> Result<Option<BigInt>, Exhausted> {
    let most = |bits: u64| bits <= BITS;
    Ok(match op {
        Operator::Add => a.checked_add(b),
        Operator::Sub => a.checked_sub(b),
        Operator::Mul => a.checked_mul(b).filter(|n| most(n.bits())),
        Operator::FloorDiv => divide(a, b).map(|(quotient, _)| quotient),
        Operator::Mod => divide(a, b).map(|(_, rest)| rest),
        Operator::Pow | Operator::LeftShift => {
            let Ok(n) = u32::try_from(b) else { return Ok(None) };
            let base = if op == Operator::Pow {
                a.clone()
            } else {
                BigInt::from(2)
            };
            if !most(base.bits().saturating_mul(n.into())) {
                return Ok(None);
            }
            let words = base.bits().saturating_mul(n.into()).checked_div(64).unwrap_or(0);
            budget.steps(words.saturating_mul(words).checked_div(16).unwrap_or(0))?;
            let power = base.pow(n);
            match op {
                Operator::Pow => Some(power),
                _ => a.checked_mul(&power),
            }
        }
        Operator::RightShift => match u32::try_from(b) {
            // Nothing of it is left but its sign.
            Ok(n) if u64::from(n) > a.bits() => {
                Some(BigInt::from(if a.sign() == Sign::Minus { -1 } else { 0 }))
            }
            Ok(n) => divide(a, &BigInt::from(2).pow(n)).map(|(quotient, _)| quotient),
            _ => None,
        },
        Operator::BitAnd => Some(a & b),
        Operator::BitOr => Some(a | b),
        Operator::BitXor => Some(a ^ b),
        _ => None,
    })
}

/// Quotient and rest as Python has them: the rest has the sign of the divisor.
pub(super) fn divide(a: &BigInt, b: &BigInt) -> Option<(BigInt, BigInt)> {
    let quotient = a.checked_div(b)?;
    let rest = a.checked_sub(&quotient.checked_mul(b)?)?;
    if rest.sign() != Sign::NoSign && rest.sign() != b.sign() {
        return Some((quotient.checked_sub(&BigInt::from(1))?, rest.checked_add(b)?));
    }
    Some((quotient, rest))
}
