//! Which model format a message is, by what must be in it.

use super::wire::{Cursor, Field, Value, Wire};
use crate::{
    format::{Format, table as t},
    onnx,
};
use std::{ops::Range, sync::Arc};
use wellhead_core::{Blob, Budget, Limits};

/// Fields of the outermost message that are looked at.
const MAX_FIELDS: usize = 1 << 16;
/// Fields of a message inside that are looked at.
const MAX_INNER: usize = 4096;
/// Messages of one field that are looked into.
const MAX_SAMPLES: usize = 64;

/// What was seen of a message.
struct Shape<'a> {
    wire: Wire<'a>,
    budget: Budget,
    fields: Vec<Field>,
    /// It was read to its end.
    whole: bool,
}

/// The model format of a message, if it is one.
pub(crate) fn identify(head: &[u8], blob: &Blob) -> Option<&'static Format> {
    let mut shape = Shape::of(head, blob)?;
    let kinds: [(Is, &'static Format); 9] = [
        (|shape| shape.is_core_ml(), &t::CORE_ML),
        (|shape| shape.is_saved_model(), &t::SAVED_MODEL),
        (|shape| shape.is_onnx(), &t::ONNX),
        (|shape| shape.is_tensorflow_graph(), &t::TENSORFLOW_GRAPH),
        (|shape| shape.is_caffe(), &t::CAFFE),
        (|shape| shape.is_paddle(), &t::PADDLE),
        (|shape| shape.is_keras_metadata(), &t::KERAS_METADATA),
        (|shape| shape.is_sentencepiece(), &t::SENTENCEPIECE),
        (|shape| shape.onnx_kind().is_some(), &t::ONNX_TENSOR),
    ];
    let found = kinds.into_iter().find(|(is, _)| is(&mut shape));
    found.map(|(_, format)| format)
}

/// Whether a message is of a kind.
type Is = for<'a, 'b> fn(&'a mut Shape<'b>) -> bool;

/// What a file of ONNX that is no model holds.
pub(crate) fn onnx_kind(blob: &Blob) -> Option<onnx::Kind> {
    let head = blob.bytes(0, 16).ok()?;
    Shape::of(&head, blob)?.onnx_kind()
}

impl<'a> Shape<'a> {
    fn of(head: &[u8], blob: &'a Blob) -> Option<Self> {
        // A first byte that begins no field, or one of a group, begins no model either.
        let first = *head.first()?;
        if first < 8 || !matches!(first & 7, 0 | 1 | 2 | 5) {
            return None;
        }
        // A message that is made to be looked into for long is told by its name.
        let limits = Limits {
            steps: 4 << 20,
            ..Limits::default()
        };
        let mut shape = Self {
            wire: Wire::strict(blob, 4 << 10),
            budget: Budget::new(limits, Arc::default()),
            fields: Vec::new(),
            whole: false,
        };
        let (fields, whole) = shape.walk(0..blob.len(), MAX_FIELDS);
        shape.fields = fields;
        shape.whole = whole;
        (!shape.fields.is_empty()).then_some(shape)
    }

    /// The first fields of a message, and whether these are all and sound.
    fn walk(&mut self, range: Range<u64>, max: usize) -> (Vec<Field>, bool) {
        let mut cursor = Cursor::from(range);
        let mut fields: Vec<Field> = Vec::new();
        loop {
            match self.wire.next(&mut cursor, &mut self.budget) {
                Ok(Some(field)) if fields.len() < max => fields.push(field),
                Ok(Some(_)) => return (fields, true),
                Ok(None) => return (fields, true),
                Err(_) => return (fields, false),
            }
        }
    }

    /// Whether one of the first messages in a field is as `is` says.
    fn any(&mut self, number: u32, is: fn(&mut Self, Range<u64>) -> bool) -> bool {
        let ranges = messages(&self.fields, number);
        ranges.into_iter().any(|range| is(self, range))
    }

    fn any_in(&mut self, range: Range<u64>, number: u32, is: fn(&mut Self, Range<u64>) -> bool) -> bool {
        let (fields, _) = self.walk(range, MAX_INNER);
        messages(&fields, number).into_iter().any(|range| is(self, range))
    }

    /// Whether a field of a message is a name: letters, digits and what joins them.
    fn is_name(&mut self, fields: &[Field], number: u32) -> bool {
        let Some(range) = messages(fields, number).into_iter().next() else {
            return false;
        };
        let length = range.end.saturating_sub(range.start);
        let text = self.wire.head(range, 256);
        (1..=4096).contains(&length)
            && text
                .iter()
                .all(|b| b.is_ascii_graphic() || *b == b' ' || *b >= 0x80)
    }

    fn is_core_ml(&mut self) -> bool {
        let version = self
            .fields
            .iter()
            .any(|f| f.number == 1 && f.varint().is_some_and(|n| n < 100));
        let kind = |f: &Field| {
            let known = matches!(
                f.number,
                200..=202 | 300..=304 | 400..=404 | 500..=502 | 555 | 556 | 560 | 600..=610 | 900 | 2000..=2006 | 3000
            );
            known && f.bytes().is_some()
        };
        version && self.fields.iter().any(kind)
    }

    fn is_saved_model(&mut self) -> bool {
        self.any(2, Self::is_meta_graph)
    }

    fn is_tensorflow_graph(&mut self) -> bool {
        self.any(2, Self::is_graph_def) || self.any(1, Self::is_node_def) || self.any(2, Self::is_library)
    }

    fn is_meta_graph(&mut self, range: Range<u64>) -> bool {
        self.any_in(range, 2, Self::is_graph_def)
    }

    fn is_graph_def(&mut self, range: Range<u64>) -> bool {
        self.any_in(range.clone(), 1, Self::is_node_def) || self.any_in(range, 2, Self::is_library)
    }

    /// `NodeDef`: a name and an operator.
    fn is_node_def(&mut self, range: Range<u64>) -> bool {
        let (fields, whole) = self.walk(range, MAX_INNER);
        let texts = fields
            .iter()
            .all(|f| !matches!(f.number, 1..=4) || f.bytes().is_some());
        whole && texts && self.is_name(&fields, 1) && self.is_identifier(&fields, 2)
    }

    /// `FunctionDefLibrary`: functions of a signature and nodes.
    fn is_library(&mut self, range: Range<u64>) -> bool {
        self.any_in(range, 1, |shape, range| shape.any_in(range, 3, Self::is_node_def))
    }

    fn is_identifier(&mut self, fields: &[Field], number: u32) -> bool {
        let Some(range) = messages(fields, number).into_iter().next() else {
            return false;
        };
        let text = self.wire.head(range, 256);
        // Graphs of MediaPipe have nodes of the same shape; no operator of TensorFlow is called so.
        !text.is_empty()
            && !text.ends_with(b"Calculator")
            && text
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'>' | b'.' | b':' | b'/' | b'-'))
    }

    fn is_onnx(&mut self) -> bool {
        self.any(7, Self::is_onnx_graph)
            || self.any(25, |shape, range| shape.any_in(range, 7, Self::is_onnx_node))
    }

    fn is_onnx_graph(&mut self, range: Range<u64>) -> bool {
        self.any_in(range.clone(), 1, Self::is_onnx_node)
            || self.any_in(range.clone(), 5, |shape, range| {
                let (fields, whole) = shape.walk(range, MAX_INNER);
                whole && shape.is_tensor(&fields)
            })
            || self.any_in(range, 12, |shape, range| {
                let (fields, whole) = shape.walk(range, MAX_INNER);
                whole && shape.is_name(&fields, 1)
            })
    }

    fn is_onnx_node(&mut self, range: Range<u64>) -> bool {
        let (fields, _) = self.walk(range, MAX_INNER);
        self.is_identifier(&fields, 4) && fields.iter().all(|f| f.number > 7 || f.bytes().is_some())
    }

    /// `TensorProto` of ONNX.
    fn is_tensor(&mut self, fields: &[Field]) -> bool {
        let dtype = fields.iter().find(|f| f.number == 2).and_then(Field::varint);
        let fits = |f: &Field| match (f.number, &f.value) {
            (1, value) => matches!(value, Value::Varint(_) | Value::Bytes(_)),
            (2 | 14, value) => matches!(value, Value::Varint(_)),
            (3..=13 | 16, value) => matches!(
                value,
                Value::Bytes(_) | Value::Varint(_) | Value::Fixed32(_) | Value::Fixed64(_)
            ),
            _ => false,
        };
        dtype.is_some_and(|n| (1..=26).contains(&n))
            && fields.iter().all(fits)
            && (fields.iter().any(|f| matches!(f.number, 4..=7 | 9..=11 | 13))
                || fields.iter().any(|f| f.number == 8))
    }

    fn onnx_kind(&mut self) -> Option<onnx::Kind> {
        if !self.whole {
            return None;
        }
        let fields = std::mem::take(&mut self.fields);
        let kind = if self.is_tensor(&fields) {
            Some(onnx::Kind::Tensor)
        } else {
            self.onnx_value(&fields)
        };
        self.fields = fields;
        kind
    }

    /// `SequenceProto` and `OptionalProto` differ in whether values repeat; read alike, both are walked to the end.
    fn onnx_value(&mut self, fields: &[Field]) -> Option<onnx::Kind> {
        let element = fields.iter().find(|f| f.number == 2).and_then(Field::varint)?;
        let fits = fields.iter().all(|f| match f.number {
            1 | 3..=7 => f.bytes().is_some(),
            2 => f.varint().is_some(),
            _ => false,
        });
        if !fits || !(1..=5).contains(&element) {
            return None;
        }
        let tensors = messages(fields, 3);
        let all = tensors.into_iter().all(|range| {
            let (fields, whole) = self.walk(range, MAX_INNER);
            whole && self.is_tensor(&fields)
        });
        let nested = fields.iter().any(|f| matches!(f.number, 3..=7));
        (all && (nested || fields.iter().any(|f| f.number == 1))).then(|| {
            if fields.iter().filter(|f| f.number == 3).count() > 1 {
                onnx::Kind::Sequence
            } else {
                onnx::Kind::Optional
            }
        })
    }

    /// `NetParameter`: layers of a name and a type, or of the older kind with a number for a type.
    fn is_caffe(&mut self) -> bool {
        let new = |shape: &mut Self, range| {
            let (fields, _) = shape.walk(range, MAX_INNER);
            shape.is_name(&fields, 1) && shape.is_identifier(&fields, 2)
        };
        let old = |shape: &mut Self, range| {
            let (fields, _) = shape.walk(range, MAX_INNER);
            shape.is_name(&fields, 4) && fields.iter().any(|f| f.number == 5 && f.varint().is_some())
        };
        self.any(100, new) || self.any(2, old)
    }

    /// `ProgramDesc`: blocks of a number, a parent and operators.
    fn is_paddle(&mut self) -> bool {
        self.any(1, |shape, range| {
            let (fields, _) = shape.walk(range.clone(), MAX_INNER);
            let number = |n| fields.iter().any(|f| f.number == n && f.varint().is_some());
            let operators = shape.any_in(range, 4, |shape, range| {
                let (fields, _) = shape.walk(range, MAX_INNER);
                shape.is_identifier(&fields, 3)
            });
            number(1) && number(2) && (operators || fields.iter().any(|f| f.number == 3))
        })
    }

    /// `SavedMetadata` of Keras: objects whose identifier says so.
    fn is_keras_metadata(&mut self) -> bool {
        self.any(1, |shape, range| {
            let (fields, _) = shape.walk(range, MAX_INNER);
            let identifier = messages(&fields, 4).into_iter().next();
            identifier.is_some_and(|range| shape.wire.head(range, 4) == b"_tf_")
        })
    }

    /// `ModelProto` of SentencePiece: pieces of a text and a score.
    fn is_sentencepiece(&mut self) -> bool {
        self.whole
            && self.any(1, |shape, range| {
                let (fields, whole) = shape.walk(range, MAX_INNER);
                whole
                    && fields.iter().all(|f| matches!(f.number, 1..=3))
                    && fields.iter().any(|f| f.number == 1 && f.bytes().is_some())
                    && fields
                        .iter()
                        .any(|f| f.number == 2 && matches!(f.value, Value::Fixed32(_)))
            })
    }
}

/// The places of the first messages in a field.
fn messages(fields: &[Field], number: u32) -> Vec<Range<u64>> {
    fields
        .iter()
        .filter(|f| f.number == number)
        .filter_map(Field::bytes)
        .take(MAX_SAMPLES)
        .collect()
}
