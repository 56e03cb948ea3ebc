//! Operators: arithmetic, comparison, and texts put together.

use super::{
    eval::{Evaluator, HUGE, Known},
    fold::{self, MAX_TEXT},
    value::Value,
};
use std::{ops::Range, rc::Rc};

impl Evaluator<'_, '_> {
    pub(super) fn binary(&mut self, op: &str, left: &Value, right: &Value, span: Range<usize>) -> Known {
        Ok(match (op, left, right) {
            ("or", l, r) => match l.truth() {
                Some(true) => l.clone(),
                Some(false) => r.clone(),
                None => l.clone().or(r),
            },
            ("and", l, r) => match l.truth() {
                Some(true) => r.clone(),
                Some(false) => l.clone(),
                None => l.clone().or(r),
            },
            ("*", Value::Str(text), Value::Int(n)) | ("*", Value::Int(n), Value::Str(text)) => {
                let n = usize::try_from(*n).unwrap_or(0);
                let length = text.len().saturating_mul(n);
                if length as u64 >= HUGE {
                    self.hunger(format!("repeats a text to {length} bytes"), span);
                }
                self.grow(length.min(MAX_TEXT))?;
                if length > MAX_TEXT {
                    Value::Opaque
                } else {
                    Value::Str(Rc::from(text.repeat(n)))
                }
            }
            ("*", Value::List(items), Value::Int(n)) | ("*", Value::Int(n), Value::List(items)) => {
                let n = usize::try_from(*n).unwrap_or(0);
                let length = items.len().saturating_mul(n);
                if length as u64 >= HUGE {
                    self.hunger(format!("repeats a list to {length} elements"), span);
                }
                if length > fold::MAX_ITEMS {
                    Value::Opaque
                } else {
                    Value::list(items.iter().cloned().cycle().take(length).collect())
                }
            }
            ("**", Value::Int(base), Value::Int(exponent)) => {
                let bits = u64::from(64_u32.saturating_sub(base.unsigned_abs().leading_zeros()));
                if bits.saturating_mul(u64::try_from(*exponent).unwrap_or(0)) >= HUGE && bits > 1 {
                    self.hunger(format!("computes {base} to the power of {exponent}"), span);
                }
                let exponent = u32::try_from(*exponent).ok();
                exponent
                    .and_then(|e| base.checked_pow(e))
                    .map_or(Value::Opaque, Value::Int)
            }
            ("%", Value::Str(format), right) => {
                if fold::width(format) >= HUGE {
                    self.hunger("formats a text of huge width".to_owned(), span);
                }
                self.grow(format.len())?;
                self.gone_over(right)?;
                let args = match right {
                    Value::List(items) => items.iter().take(fold::MAX_ITEMS).cloned().collect(),
                    other => vec![other.clone()],
                };
                let named: Vec<(Rc<str>, Value)> = match right {
                    Value::Dict(pairs) => pairs
                        .iter()
                        .filter_map(|(k, v)| Some((Rc::from(k.as_str()?), v.clone())))
                        .collect(),
                    _ => Vec::new(),
                };
                fold::percent(format, &args, &named).unwrap_or_else(|| suspect(&[left, right]))
            }
            (_, Value::Int(a), Value::Int(b)) => match op {
                "-" => Value::Int(a.saturating_sub(*b)),
                "*" => Value::Int(a.saturating_mul(*b)),
                "//" => a.checked_div_euclid(*b).map_or(Value::Opaque, Value::Int),
                "%" => a.checked_rem_euclid(*b).map_or(Value::Opaque, Value::Int),
                _ => Value::Data,
            },
            (_, Value::Any(all), right) => {
                let mut out = Vec::new();
                for one in all.iter() {
                    out.push(self.binary(op, one, right, span.clone())?);
                }
                Value::any(out.into_iter())
            }
            _ => Value::unknown(&[left, right]),
        })
    }

    /// `a + b + c`: numbers, texts or lists.
    pub(super) fn sum(&mut self, values: &[Value]) -> Known {
        let mut items = values.iter();
        let Some(mut total) = items.next().cloned() else {
            return Ok(Value::Data);
        };
        for next in items {
            self.unit(1)?;
            let mut out = Vec::new();
            for a in total.alternatives() {
                for b in next.alternatives() {
                    self.grow(a.as_str().map_or(1, str::len))?;
                    out.push(match (a, b) {
                        (Value::Int(a), Value::Int(b)) => Value::Int(a.saturating_add(*b)),
                        (Value::Str(a), Value::Str(b)) if a.len().saturating_add(b.len()) <= MAX_TEXT => {
                            Value::Str(Rc::from(format!("{a}{b}")))
                        }
                        (Value::List(a), Value::List(b))
                            if a.len().saturating_add(b.len()) <= fold::MAX_ITEMS =>
                        {
                            Value::list(a.iter().chain(b.iter()).cloned().collect())
                        }
                        _ => suspect(&[a, b]),
                    });
                }
            }
            total = Value::any(out.into_iter());
        }
        if matches!(total, Value::Data) {
            return Ok(suspect(&values.iter().collect::<Vec<_>>()));
        }
        Ok(total)
    }

    pub(super) fn concat(&mut self, values: &[Value]) -> Known {
        let mut texts: Vec<String> = vec![String::new()];
        for value in values {
            let mut next = Vec::new();
            for text in &texts {
                for one in value.alternatives() {
                    self.grow(text.len())?;
                    let Some(printed) = one.printed() else {
                        let parts: Vec<&Value> = values.iter().collect();
                        return Ok(suspect(&parts));
                    };
                    next.push(format!("{text}{printed}"));
                }
            }
            if next.len() > 16 || next.iter().any(|t| t.len() > MAX_TEXT) {
                let parts: Vec<&Value> = values.iter().collect();
                return Ok(Value::unknown(&parts));
            }
            texts = next;
        }
        Ok(Value::any(
            texts
                .iter()
                .map(|t| Value::str(t))
                .collect::<Vec<_>>()
                .into_iter(),
        ))
    }
}

/// What an operation on these yields when it is not followed. A text of the conversation may be made empty, so a name that
/// is hidden between such texts is still one that the template makes.
pub(super) fn suspect(parts: &[&Value]) -> Value {
    let mut known = String::new();
    let mut add = |value: &Value| {
        if let Value::Str(text) = value
            && known.len() < 1 << 10
        {
            known.extend(text.chars().take(1 << 10));
        }
    };
    for part in parts {
        match part {
            Value::List(items) => items.iter().take(64).for_each(&mut add),
            one => add(one),
        }
    }
    if known.contains("__") {
        return Value::Opaque;
    }
    Value::unknown(parts)
}

pub(super) fn compare(op: &str, left: &Value, right: &Value) -> Value {
    let known = match op {
        "==" => left.equals(right),
        "!=" => left.equals(right).map(|b| !b),
        "in" | "not in" => {
            let found = match (left, right) {
                (Value::Str(a), Value::Str(b)) => Some(b.contains(&**a)),
                (Value::Str(_) | Value::Int(_), Value::List(items)) if items.len() <= fold::MAX_COPIED => {
                    let all: Option<Vec<bool>> = items.iter().map(|i| i.equals(left)).collect();
                    all.map(|all| all.contains(&true))
                }
                _ => None,
            };
            found.map(|b| b == (op == "in"))
        }
        _ => match (left, right) {
            (Value::Int(a), Value::Int(b)) => match op {
                "<" => Some(a < b),
                "<=" => Some(a <= b),
                ">" => Some(a > b),
                _ => Some(a >= b),
            },
            _ => None,
        },
    };
    known.map_or(Value::Data, Value::Bool)
}

/// A text for a message, cut in the middle of nowhere.
pub(super) fn cut(text: String) -> String {
    if text.chars().nth(200).is_none() {
        return text;
    }
    let mut short: String = text.chars().take(199).collect();
    short.push('…');
    short
}
