//! Tensors of ONNX: where their numbers lie, and whether as many lie there as the shape says.

use super::{Reader, TENSOR_BYTES};
use crate::{
    graph::{Place, ReferenceKind},
    protobuf::wire::{Cursor, Field, Stop, Value},
    tensors::{Tensor, defect},
};
use std::ops::Range;
use wellhead_core::code;

/// Most dimensions that are taken of a shape; NumPy has sixty-four.
const MAX_DIMS: usize = 64;
/// More elements than any machine holds: a shape that only asks a loader for memory.
const MAX_ELEMENTS: u64 = 1 << 40;

/// Names and bits of an element, by number of the type.
const TYPES: [(&str, u64); 27] = [
    ("undefined", 0),
    ("float32", 32),
    ("uint8", 8),
    ("int8", 8),
    ("uint16", 16),
    ("int16", 16),
    ("int32", 32),
    ("int64", 64),
    ("string", 0),
    ("bool", 8),
    ("float16", 16),
    ("float64", 64),
    ("uint32", 32),
    ("uint64", 64),
    ("complex64", 64),
    ("complex128", 128),
    ("bfloat16", 16),
    ("float8e4m3fn", 8),
    ("float8e4m3fnuz", 8),
    ("float8e5m2", 8),
    ("float8e5m2fnuz", 8),
    ("uint4", 4),
    ("int4", 4),
    ("float4e2m1", 4),
    ("float8e8m0", 8),
    ("uint2", 2),
    ("int2", 2),
];

/// What a tensor says of itself.
#[derive(Default)]
struct Said {
    name: String,
    dims: Vec<u64>,
    dtype: u64,
    /// Its numbers as they lie in memory.
    raw: Option<Range<u64>>,
    /// Its numbers as fields of their own: the place of the first.
    typed: Option<Range<u64>>,
    external: Vec<(String, String)>,
    is_external: bool,
}

impl Reader<'_, '_> {
    /// A tensor; it is listed if it is one of the model's weights.
    pub(super) fn tensor(&mut self, range: Range<u64>, what: &str, listed: bool) -> Result<(), Stop> {
        let mut said = Said::default();
        let mut cursor = Cursor::from(range.clone());
        while let Some(field) = self.next(&mut cursor)? {
            self.tensor_field(&mut said, &field)?;
        }
        let by = if said.name.is_empty() {
            what.to_owned()
        } else {
            format!("the tensor {}", code(&said.name))
        };
        let place = Place {
            offset: range.start,
            length: range.end.saturating_sub(range.start),
        };
        self.external(&said, &by, place);
        self.sizes(&said, &by, &range);
        if listed {
            let cost = TENSOR_BYTES.saturating_add(said.name.len() as u64);
            self.budget.memory(cost)?;
            let index = usize::try_from(said.dtype).unwrap_or(usize::MAX);
            self.model.tensors.push(Tensor {
                name: said.name,
                dtype: TYPES
                    .get(index)
                    .map_or_else(|| format!("type {}", said.dtype), |(name, _)| (*name).to_owned()),
                shape: said.dims,
                bytes: said.raw.or(said.typed).unwrap_or(0..0),
            });
        }
        Ok(())
    }

    fn tensor_field(&mut self, said: &mut Said, field: &Field) -> Result<(), Stop> {
        match (field.number, &field.value) {
            (1, value) => {
                let room = MAX_DIMS.saturating_sub(said.dims.len());
                said.dims.extend(self.wire.packed(value, room, self.budget)?);
            }
            (2, Value::Varint(n)) => said.dtype = *n,
            (4..=7 | 10 | 11, Value::Bytes(range)) => {
                let first = said.typed.get_or_insert_with(|| range.clone());
                first.end = first.end.max(range.end);
            }
            (8, Value::Bytes(_)) => said.name = self.text(field),
            (9, Value::Bytes(range)) => said.raw = Some(range.clone()),
            (13, Value::Bytes(range)) => {
                let pair = self.pair(range.clone())?;
                if said.external.len() < 16 {
                    said.external.push(pair);
                }
            }
            (14, Value::Varint(n)) => said.is_external = *n == 1,
            _ => {}
        }
        Ok(())
    }

    /// The file beside the model that holds the numbers.
    fn external(&mut self, said: &Said, by: &str, place: Place) {
        let at = place.offset..place.offset.saturating_add(place.length);
        for (key, value) in &said.external {
            match key.as_str() {
                "location" => self.model.graph.reference(ReferenceKind::File, value, by, place),
                "offset" | "length" if value.parse::<u64>().is_err() => {
                    let words = format!("{by} has the {key} {} in its file, which is none", code(value));
                    defect(&mut self.model.defects, at.clone(), words);
                }
                _ => {}
            }
        }
        if said.is_external && !said.external.iter().any(|(key, _)| key == "location") {
            let words = format!("{by} lies in a file of its own that is not named");
            defect(&mut self.model.defects, at, words);
        }
    }

    /// Holds the shape against the bytes.
    fn sizes(&mut self, said: &Said, by: &str, range: &Range<u64>) {
        let elements = said.dims.iter().try_fold(1_u64, |n, d| n.checked_mul(*d));
        let negative = said.dims.iter().any(|d| *d > i64::MAX.cast_unsigned());
        let Some(elements) = elements.filter(|n| !negative && *n <= MAX_ELEMENTS) else {
            let words = format!("{by} has a shape that no memory holds");
            defect(&mut self.model.defects, range.clone(), words);
            return;
        };
        let index = usize::try_from(said.dtype).unwrap_or(usize::MAX);
        let Some((_, bits)) = TYPES.get(index) else {
            let words = format!("{by} has the type {}, which does not exist", said.dtype);
            defect(&mut self.model.defects, range.clone(), words);
            return;
        };
        let needs = elements.saturating_mul(*bits).div_ceil(8);
        if let Some(raw) = said.raw.as_ref().filter(|_| *bits > 0 && !said.is_external) {
            let has = raw.end.saturating_sub(raw.start);
            if has != needs {
                let words = format!("{by} needs {needs} bytes by its shape and has {has}");
                defect(&mut self.model.defects, range.clone(), words);
            }
        }
        let length = said.external.iter().find(|(key, _)| key == "length");
        if let Some(length) = length.and_then(|(_, v)| v.parse::<u64>().ok())
            && said.is_external
            && *bits > 0
            && length < needs
        {
            let words = format!("{by} needs {needs} bytes by its shape and names {length} in its file");
            defect(&mut self.model.defects, range.clone(), words);
        }
    }
}
