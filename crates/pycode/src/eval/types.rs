//! Functions that belong to a type.

use super::{
    builtins::bytes,
    datum::{Datum, Known},
    decode, iterate,
    methods::{Arguments, method},
};
use num_bigint::{BigInt, Sign};
use std::sync::Arc;
use wellhead_core::Budget;

/// Functions that belong to a type: `bytes.fromhex`, `int.from_bytes`, and methods with their receiver in front.
pub(super) fn of_type(name: &str, given: Arguments<'_>, budget: &mut Budget) -> Known {
    match (name, given.positional) {
        ("bytes.fromhex" | "bytearray.fromhex", [Datum::Str(text)]) => {
            Ok(decode::hex(text.as_bytes(), true).and_then(Datum::bytes))
        }
        ("int.from_bytes", _) => from_bytes(given, budget),
        ("str.maketrans", [Datum::Dict(pairs)]) => {
            let pairs: Option<Vec<_>> = pairs
                .iter()
                .map(|(key, value)| match key {
                    Datum::Str(text) => {
                        let mut chars = text.chars();
                        let only = chars.next().filter(|_| chars.next().is_none())?;
                        Some((Datum::Int(u32::from(only).into()), value.clone()))
                    }
                    key => Some((Datum::Int(key.as_int()?), value.clone())),
                })
                .collect();
            Ok(pairs.and_then(Datum::dict))
        }
        ("str.maketrans", [Datum::Str(from), Datum::Str(to), rest @ ..]) if rest.len() <= 1 => {
            if from.chars().count() != to.chars().count() {
                return Ok(None);
            }
            let code = |c: char| Datum::Int(u32::from(c).into());
            let mut pairs: Vec<_> = from
                .chars()
                .zip(to.chars())
                .map(|(a, b)| (code(a), code(b)))
                .collect();
            match rest.first() {
                None => {}
                Some(Datum::Str(gone)) => pairs.extend(gone.chars().map(|c| (code(c), Datum::None))),
                Some(_) => return Ok(None),
            }
            Ok(Datum::dict(pairs))
        }
        ("bytes.maketrans" | "bytearray.maketrans", [Datum::Bytes(from), Datum::Bytes(to)]) => {
            if from.len() != to.len() {
                return Ok(None);
            }
            let mut table: Vec<u8> = (0..=255).collect();
            for (a, b) in from.iter().zip(to.iter()) {
                if let Some(slot) = table.get_mut(usize::from(*a)) {
                    *slot = *b;
                }
            }
            Ok(Datum::bytes(table))
        }
        ("dict.fromkeys", [keys, rest @ ..]) if rest.len() <= 1 => {
            let value = rest.first().unwrap_or(&Datum::None);
            let pairs =
                iterate(keys, budget)?.map(|keys| keys.into_iter().map(|key| (key, value.clone())).collect());
            Ok(pairs.and_then(Datum::dict))
        }
        (name, [receiver, rest @ ..]) => {
            let (owner, function) = name.split_once('.').unwrap_or_default();
            let owner = if owner == "bytearray" { "bytes" } else { owner };
            if receiver.type_name() != owner || function.contains('.') {
                return Ok(None);
            }
            method(receiver, function, rest, given.keywords, budget)
        }
        _ => Ok(None),
    }
}

fn from_bytes(given: Arguments<'_>, budget: &mut Budget) -> Known {
    let bytes = match given.get(0, "bytes") {
        Some(Datum::Bytes(bytes)) => Some(Arc::clone(bytes)),
        Some(values @ (Datum::List(_) | Datum::Tuple(_))) => {
            let one = Arguments {
                positional: std::slice::from_ref(values),
                keywords: &[],
            };
            match self::bytes(one, budget)? {
                Some(Datum::Bytes(bytes)) => Some(bytes),
                _ => None,
            }
        }
        _ => None,
    };
    let order = given.get(1, "byteorder").map_or(Some("big"), Datum::as_str);
    let signed = given.get(2, "signed").is_some_and(Datum::truth);
    Ok(bytes.and_then(|bytes| {
        Datum::big(match (order?, signed) {
            ("big", false) => BigInt::from_bytes_be(Sign::Plus, &bytes),
            ("big", true) => BigInt::from_signed_bytes_be(&bytes),
            ("little", false) => BigInt::from_bytes_le(Sign::Plus, &bytes),
            ("little", true) => BigInt::from_signed_bytes_le(&bytes),
            _ => return None,
        })
    }))
}
