//! Arrays that stand between the opcodes: joblib writes a wrapper object and the raw bytes behind it.
//!
//! Whoever takes those bytes for opcodes stops at the first array and never sees the rest of the model. The size comes
//! from the wrapper's shape and dtype, so dtypes are followed exactly.

use super::{
    machine::{Machine, NO_FRAME},
    program::Flavour,
    resync,
    value::{Kind, Value, View},
};

/// What is known of a numpy dtype.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Dtype {
    pub(super) size: Option<u64>,
    /// Its items are Python objects: joblib writes a pickle in place of bytes.
    pub(super) objects: bool,
}

const DTYPES: usize = 1 << 16;
/// How much of an array is read to see whether it is a pickle in disguise.
const HEAD: usize = 4 << 10;

impl Dtype {
    /// From the letter and size that numpy writes: `f8`, `U10`, `V16`, `O8`.
    fn of(text: &str) -> Self {
        let text = text.trim_start_matches(['<', '>', '=', '|']);
        let mut chars = text.chars();
        let letter = chars.next().unwrap_or(' ');
        let rest = chars.as_str();
        let count: Option<u64> = rest.split('[').next().and_then(|n| n.parse().ok());
        let size = match letter {
            'O' => Some(8),
            'U' => count.map(|n| n.saturating_mul(4)),
            'M' | 'm' => Some(8),
            '?' if rest.is_empty() => Some(1),
            _ => count,
        };
        Self {
            size,
            objects: letter == 'O',
        }
    }
}

impl Machine<'_> {
    pub(super) fn make_dtype(&mut self, first: Value) -> Value {
        let dtype = self.text_of(first).map_or(Dtype::default(), |t| Dtype::of(&t));
        if self.records.dtypes.len() >= DTYPES {
            return Value::INERT;
        }
        let id = self.records.dtypes.len() as u32;
        self.records.dtypes.push(dtype);
        Value::dtype(id)
    }

    /// BUILD on a dtype: version, byte order, subarray, names, fields, size, alignment, flags.
    pub(super) fn build_dtype(&mut self, id: u32, state: Value) {
        let View::Node(n) = state.view() else { return };
        let Some(items) = self.nodes.all_items(n) else {
            return;
        };
        let int = |i: usize| match items.get(i).map(|v| v.view()) {
            Some(View::Int(n)) => u64::try_from(n).ok(),
            _ => None,
        };
        let (size, flags) = (int(5), int(7));
        if let Some(d) = self.records.dtypes.get_mut(id as usize) {
            if let Some(size) = size.filter(|s| *s > 0) {
                d.size = Some(size);
            }
            d.objects |= flags.is_some_and(|f| f & 1 == 1);
        }
    }

    /// After BUILD on joblib's wrapper: goes behind the bytes of its array.
    pub(super) fn skip_array(&mut self, target: Value, state: Value) {
        let View::Node(n) = target.view() else { return };
        let wrapper =
            n.of.filter(|_| n.kind == Kind::Call)
                .and_then(|id| self.records.name_of(id));
        let Some((module, "NumpyArrayWrapper")) = wrapper else {
            return;
        };
        if !module.ends_with("numpy_pickle") {
            return;
        }
        let pairs = self.attributes(state);
        let find = |m: &Self, key: &str| {
            pairs
                .iter()
                .find(|(k, _)| m.text_of(*k).as_deref() == Some(key))
                .map(|(_, v)| *v)
        };
        let (shape, dtype) = (find(self, "shape"), find(self, "dtype"));
        let aligned = find(self, "numpy_array_alignment_bytes").is_some_and(|v| v != Value::NONE);
        self.records.arrays = self.records.arrays.saturating_add(1);
        let dtype = match dtype.map(|d| d.view()) {
            Some(View::Dtype(id)) => self.records.dtypes.get(id as usize).copied(),
            _ => None,
        };
        let count = shape.and_then(|s| self.items_in_shape(s));
        let (
            Some(Dtype {
                size: Some(size),
                objects,
            }),
            Some(count),
        ) = (dtype, count)
        else {
            self.fail("holds an array whose size cannot be told");
            return;
        };
        // Writers close the frame before the bytes. Where one is open, joblib reads the array behind it.
        let here = self.reader.offset();
        if self.f.frame_end <= here {
            self.f.frame_end = NO_FRAME;
        } else if self.f.frame_end != NO_FRAME {
            self.differs(
                "an array's bytes stand behind the frame that its wrapper is in: joblib reads them there, \
                 other loaders read them as opcodes"
                    .to_owned(),
                true,
            );
            self.f.skip_behind_frame = count.saturating_mul(size);
            return;
        }
        if objects {
            self.embedded_stream();
            return;
        }
        if aligned {
            let pad = self.reader.u8().unwrap_or(0);
            self.reader.skip(u64::from(pad));
        }
        let bytes = count.saturating_mul(size);
        self.look_at_array(bytes);
        if !self.reader.skip(bytes) {
            let end = self.reader.len();
            self.reader.seek(end);
        }
    }

    fn items_in_shape(&self, shape: Value) -> Option<u64> {
        let View::Node(n) = shape.view() else { return None };
        let mut count = 1_u64;
        for v in self.nodes.all_items(n)? {
            let View::Int(n) = v.view() else { return None };
            count = count.saturating_mul(u64::try_from(n).ok()?);
        }
        Some(count)
    }

    /// `pickle.load` does not skip the array: what is data for joblib are opcodes for it.
    fn look_at_array(&mut self, bytes: u64) {
        let own = usize::try_from(bytes).unwrap_or(HEAD).min(HEAD);
        let head = self.reader.peek_some(own);
        if resync::looks_like_pickle(head) != resync::Likelihood::Certain {
            return;
        }
        self.differs(
            "`joblib.load` skips these bytes as an array, `pickle.load` runs them as opcodes".to_owned(),
            true,
        );
        let offset = self.reader.offset();
        let rest = self.blob.slice(offset, self.blob.len());
        self.enter(offset, &rest, "array bytes".to_owned(), None);
    }

    // --- torch's legacy layout ---

    /// Remembers how many raw bytes a persistent id of torch stands for.
    pub(super) fn note_storage(&mut self, pid: Value) {
        if !self.legacy || self.records.storages.len() >= 1 << 20 {
            return;
        }
        let View::Node(n) = pid.view() else { return };
        let Some(items) = self.nodes.all_items(n) else {
            return;
        };
        let [kind, class, key, _, count, ..] = items.as_slice() else {
            return;
        };
        if self.text_of(*kind).as_deref() != Some("storage") {
            return;
        }
        let size = match class.view() {
            View::Import(id) => self.records.name_of(id).and_then(|(_, n)| storage_size(n)),
            _ => None,
        };
        let count = match count.view() {
            View::Int(n) => u64::try_from(n).ok(),
            _ => None,
        };
        let bytes = size
            .zip(count)
            .map(|(s, c)| s.saturating_mul(c).saturating_add(8));
        if let Some(key) = self.text_of(*key) {
            self.records.storages.insert(key, bytes);
        }
    }

    /// How many bytes of raw storages follow the fifth pickle, where all sizes are known.
    pub(super) fn storage_bytes(&self) -> Option<u64> {
        self.records
            .storages
            .values()
            .try_fold(0_u64, |sum, bytes| bytes.map(|b| sum.saturating_add(b)))
    }

    pub(super) fn flavour(&self) -> Flavour {
        if self.legacy {
            Flavour::TorchLegacy
        } else if self.records.arrays > 0 {
            Flavour::Joblib
        } else {
            Flavour::Plain
        }
    }
}

/// Bytes of one element, by the class of its storage.
fn storage_size(class: &str) -> Option<u64> {
    Some(match class {
        "ComplexDoubleStorage" => 16,
        "DoubleStorage" | "LongStorage" | "ComplexFloatStorage" => 8,
        "FloatStorage" | "IntStorage" | "QInt32Storage" => 4,
        "HalfStorage" | "ShortStorage" | "BFloat16Storage" => 2,
        "ByteStorage" | "CharStorage" | "BoolStorage" | "QInt8Storage" | "QUInt8Storage"
        | "QUInt4x2Storage" | "QUInt2x4Storage" | "UntypedStorage" => 1,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_dtypes() {
        for (text, size, objects) in [
            ("f8", Some(8), false),
            ("<U10", Some(40), false),
            ("S5", Some(5), false),
            ("V16", Some(16), false),
            ("O8", Some(8), true),
            ("M8[ns]", Some(8), false),
            ("b1", Some(1), false),
            ("float64", None, false),
        ] {
            assert_eq!(Dtype::of(text), Dtype { size, objects }, "{text}");
        }
    }
}
