//! Protocol buffers: the wire format without a schema, and which of the model formats a message is.
//!
//! A dozen model formats are protocol buffers and none has a magic number, so they are told apart by what must be in
//! them: a graph with nodes at the place where this format has its graph. Unknown fields tell nothing, since every reader
//! passes them over and whoever wants to hide a model could add them.

#[cfg(any(test, feature = "assemble"))]
pub(crate) mod assemble;
mod shape;
#[cfg(test)]
mod tests;
pub(crate) mod text;
pub(crate) mod wire;

pub(crate) use shape::{identify, onnx_kind};

use crate::{
    document::Opened,
    format::{Format, table as t},
    model::{Model, Opening},
};
use std::collections::BTreeMap;
use wellhead_core::{Budget, Outcome};
use wire::{Cursor, Stop, Value, Wire};

/// Most field numbers that are listed of a message.
const MAX_LISTED: usize = 64;

/// Whether the format is a protocol buffer underneath.
pub(crate) fn is_protobuf(format: &Format) -> bool {
    let formats = [
        &t::ONNX,
        &t::ONNX_TENSOR,
        &t::SAVED_MODEL,
        &t::TENSORFLOW_GRAPH,
        &t::CORE_ML,
        &t::CAFFE,
        &t::PADDLE,
        &t::SENTENCEPIECE,
        &t::KERAS_METADATA,
        &t::PROTOBUF,
    ];
    formats.contains(&format)
}

/// Opens a message of no known kind: its fields are listed, and it must be sound.
pub(crate) fn open(opening: &Opening<'_>, budget: &mut Budget) -> Opened {
    let mut wire = Wire::new(opening.blob);
    let mut model = Model::new(opening.identity.format);
    let mut fields: BTreeMap<u32, (u64, &str)> = BTreeMap::new();
    let mut cursor = Cursor::from(wire.whole());
    let result = loop {
        match wire.next(&mut cursor, budget) {
            Ok(None) => break Ok(()),
            Err(stop) => break Err(stop),
            Ok(Some(field)) => {
                if fields.len() < MAX_LISTED || fields.contains_key(&field.number) {
                    let kind = match field.value {
                        Value::Varint(_) => "number",
                        Value::Fixed64(_) => "number of eight bytes",
                        Value::Fixed32(_) => "number of four bytes",
                        Value::Bytes(_) => "bytes",
                        Value::Group(_) => "group",
                    };
                    let entry = fields.entry(field.number).or_insert((0, kind));
                    entry.0 = entry.0.saturating_add(1);
                }
            }
        }
    };
    model.metadata = fields
        .into_iter()
        .map(|(number, (count, kind))| (format!("field {number}"), format!("{count} × {kind}")))
        .collect();
    let outcome = outcome(&mut wire, result);
    model.defects.append(&mut wire.defects);
    model.opened(Vec::new(), outcome, opening)
}

/// How reading a message ended.
pub(crate) fn outcome(wire: &mut Wire<'_>, result: Result<(), Stop>) -> Outcome {
    let outcome = match wire.settle(result) {
        Err(why) => Outcome::Partly { why: why.to_string() },
        Ok(_) => match wire.partly.take() {
            Some(why) => Outcome::Partly { why },
            None => Outcome::Analysed,
        },
    };
    match wire.failure() {
        Some(why) => outcome.and(Outcome::Partly {
            why: format!("could not be read: {why}"),
        }),
        None => outcome,
    }
}
