//! Methods of lists, tuples and dictionaries, and what changes a value in its place.
//!
//! Values are shared and never change. The one decision: a method that changes its receiver gives the new receiver, and
//! whoever holds the old one puts it in its place.

use super::{
    Tool,
    datum::{Datum, Known, pay},
    methods::Arguments,
    operators::{place, weigh},
};
use std::sync::Arc;
use wellhead_core::{Budget, Exhausted};

pub(super) fn of_items(
    receiver: &Datum,
    items: &[Datum],
    name: &str,
    given: Arguments<'_>,
    budget: &mut Budget,
) -> Known {
    match (name, given.positional, given.keywords) {
        ("copy", [], []) if matches!(receiver, Datum::List(_)) => Ok(Some(receiver.clone())),
        ("index" | "count", [value], []) => {
            let mut seen = 0_i128;
            for (at, item) in items.iter().enumerate() {
                pay(weigh(item).min(weigh(value)), budget)?;
                match item.equals(value) {
                    Some(true) if name == "index" => return Ok(Some(Datum::Int(at as i128))),
                    Some(true) => seen = seen.saturating_add(1),
                    Some(false) => {}
                    None => return Ok(None),
                }
            }
            Ok((name == "count").then_some(Datum::Int(seen)))
        }
        _ => Ok(None),
    }
}

pub(super) fn of_pairs(
    receiver: &Datum,
    pairs: &super::Pairs,
    name: &str,
    given: Arguments<'_>,
    budget: &mut Budget,
) -> Known {
    match (name, given.positional, given.keywords) {
        ("copy", [], []) => Ok(Some(receiver.clone())),
        ("get", [key], []) => Ok(match (key.key(), pairs.find(key, budget)?) {
            (None, _) => None,
            (_, found) => Some(found.cloned().unwrap_or(Datum::None)),
        }),
        ("get", [key, other], []) => Ok(match (key.key(), pairs.find(key, budget)?) {
            (None, _) => None,
            (_, found) => Some(found.unwrap_or(other).clone()),
        }),
        ("keys", [], []) => Ok(Datum::list(pairs.iter().map(|(k, _)| k.clone()).collect())),
        ("values", [], []) => Ok(Datum::list(pairs.iter().map(|(_, v)| v.clone()).collect())),
        ("items", [], []) => {
            budget.steps((pairs.len() as u64).saturating_mul(4))?;
            let items: Option<Vec<Datum>> = pairs
                .iter()
                .map(|(k, v)| Datum::tuple(vec![k.clone(), v.clone()]))
                .collect();
            Ok(items.and_then(Datum::list))
        }
        _ => Ok(None),
    }
}

/// `receiver.name(arguments)` where it changes the receiver (`append`, `extend`, `pop`, `reverse`, `update` …): the
/// receiver as it is afterwards, and what the call gives.
///
/// # Errors
/// When the budget ran out.
pub fn mutate(
    receiver: &Datum,
    name: &str,
    arguments: &[Datum],
    keywords: &[(Arc<str>, Datum)],
    budget: &mut Budget,
) -> Result<Option<(Datum, Datum)>, Exhausted> {
    let cost = arguments
        .iter()
        .map(weigh)
        .fold(weigh(receiver), usize::saturating_add);
    pay(cost, budget)?;
    match receiver {
        Datum::List(items) => {
            let mut all = items.to_vec();
            let result = change_list(&mut all, name, arguments, keywords, budget)?;
            Ok(result.and_then(|result| Some((Datum::list(all)?, result))))
        }
        Datum::Bytes(bytes) => {
            let items: Vec<Datum> = bytes.iter().map(|b| Datum::Int(i128::from(*b))).collect();
            let mut all = items;
            let result = change_list(&mut all, name, arguments, keywords, budget)?;
            let back: Option<Vec<u8>> = all
                .iter()
                .map(|item| item.as_int().and_then(|n| u8::try_from(n).ok()))
                .collect();
            Ok(result.and_then(|result| Some((Datum::bytes(back?)?, result))))
        }
        Datum::Dict(pairs) => {
            budget.steps((pairs.len() as u64).saturating_mul(8))?;
            let mut all = pairs.to_vec();
            let result = change_dict(&mut all, name, arguments, keywords, budget)?;
            Ok(result.and_then(|result| Some((Datum::dict(all)?, result))))
        }
        Datum::Tool(tool) => Ok(match (tool.as_ref(), name, arguments) {
            (Tool::Digest(hash, data), "update", [Datum::Bytes(more)]) => {
                let all = Datum::bytes([data.as_ref(), more.as_ref()].concat());
                all.and_then(|all| match all {
                    Datum::Bytes(all) => Some((Datum::Tool(Arc::new(Tool::Digest(*hash, all))), Datum::None)),
                    _ => None,
                })
            }
            _ => None,
        }),
        _ => Ok(None),
    }
}

fn change_list(
    all: &mut Vec<Datum>,
    name: &str,
    arguments: &[Datum],
    keywords: &[(Arc<str>, Datum)],
    budget: &mut Budget,
) -> Known {
    let done = Ok(Some(Datum::None));
    match (name, arguments, keywords) {
        ("append", [value], []) => {
            all.push(value.clone());
            done
        }
        ("extend" | "__iadd__", [values], []) => match super::iterate(values, budget)? {
            Some(values) => {
                all.extend(values);
                done
            }
            None => Ok(None),
        },
        ("insert", [at, value], []) => {
            let Some(at) = at.as_int() else { return Ok(None) };
            let length = all.len() as i128;
            let at = if at < 0 {
                at.saturating_add(length).max(0)
            } else {
                at.min(length)
            };
            all.insert(usize::try_from(at).unwrap_or(0), value.clone());
            done
        }
        ("pop", [] | [_], []) => {
            let last = Datum::Int(-1);
            let at = place(arguments.first().unwrap_or(&last), all.len());
            Ok(at.map(|at| all.remove(at)))
        }
        ("remove", [value], []) => {
            for (at, item) in all.iter().enumerate() {
                pay(weigh(item).min(weigh(value)), budget)?;
                match item.equals(value) {
                    Some(false) => {}
                    Some(true) => {
                        all.remove(at);
                        return done;
                    }
                    None => return Ok(None),
                }
            }
            Ok(None)
        }
        ("reverse", [], []) => {
            all.reverse();
            done
        }
        ("clear", [], []) => {
            all.clear();
            done
        }
        ("sort", [], keywords) => {
            let given = Arguments {
                positional: &[],
                keywords,
            };
            match sorted(std::mem::take(all), given, budget)? {
                Some(new) => {
                    *all = new;
                    done
                }
                None => Ok(None),
            }
        }
        _ => Ok(None),
    }
}

/// `sorted(values, reverse=…)` by the values themselves.
pub(super) fn sorted(
    mut values: Vec<Datum>,
    given: Arguments<'_>,
    budget: &mut Budget,
) -> Result<Option<Vec<Datum>>, Exhausted> {
    if given
        .keywords
        .iter()
        .any(|(k, v)| k.as_ref() != "reverse" && !(k.as_ref() == "key" && *v == Datum::None))
    {
        return Ok(None);
    }
    let total: u64 = values.iter().map(Datum::weight).sum();
    budget.steps(total.saturating_mul(64))?;
    let reverse = given.truth(usize::MAX, "reverse", false);
    // Values of one kind have an order among themselves; two kinds may have none.
    let orderable = values.windows(2).all(|pair| match pair {
        [a, b] => a.order(b).is_some() && a.type_name() == b.type_name(),
        _ => true,
    });
    if !orderable || values.iter().any(|v| matches!(v, Datum::Float(f) if f.is_nan())) {
        return Ok(None);
    }
    let flat = values.iter().all(|v| v.items().is_none());
    if !flat {
        return Ok(None);
    }
    values.sort_by(|a, b| {
        let (a, b) = if reverse { (b, a) } else { (a, b) };
        a.order(b).unwrap_or(std::cmp::Ordering::Equal)
    });
    Ok(Some(values))
}

fn change_dict(
    all: &mut Vec<(Datum, Datum)>,
    name: &str,
    arguments: &[Datum],
    keywords: &[(Arc<str>, Datum)],
    budget: &mut Budget,
) -> Known {
    budget.steps(all.len() as u64)?;
    let position = |all: &[(Datum, Datum)], key: &Datum| {
        let key = key.key()?;
        Some(all.iter().position(|(k, _)| k.key().as_ref() == Some(&key)))
    };
    match (name, arguments) {
        ("update", [] | [Datum::Dict(_)]) => {
            if let [Datum::Dict(more)] = arguments {
                budget.steps(more.len() as u64)?;
                all.extend(more.iter().cloned());
            }
            all.extend(
                keywords
                    .iter()
                    .map(|(k, v)| (Datum::Str(Arc::clone(k)), v.clone())),
            );
            Ok(Some(Datum::None))
        }
        ("setdefault", [key]) => match position(all, key) {
            None => Ok(None),
            Some(Some(at)) => Ok(all.get(at).map(|(_, v)| v.clone())),
            Some(None) => {
                all.push((key.clone(), Datum::None));
                Ok(Some(Datum::None))
            }
        },
        ("setdefault", [key, value]) => match position(all, key) {
            None => Ok(None),
            Some(Some(at)) => Ok(all.get(at).map(|(_, v)| v.clone())),
            Some(None) => {
                all.push((key.clone(), value.clone()));
                Ok(Some(value.clone()))
            }
        },
        ("pop", [key, rest @ ..]) if rest.len() <= 1 => match position(all, key) {
            None => Ok(None),
            Some(Some(at)) => Ok(Some(all.remove(at).1)),
            Some(None) => Ok(rest.first().cloned()),
        },
        ("clear", []) => {
            all.clear();
            Ok(Some(Datum::None))
        }
        _ => Ok(None),
    }
}
