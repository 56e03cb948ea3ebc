//! Element types: what torch, NumPy and safetensors call them.

/// The type of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dtype {
    /// The name that safetensors has for it; a type it has none for cannot be written.
    pub(super) name: Option<&'static str>,
    /// What its elements are, where there is none.
    pub(super) kind: &'static str,
    /// Bytes of one element.
    pub(super) size: u64,
}

/// A type that safetensors knows.
const fn known(name: &'static str, size: u64) -> Dtype {
    Dtype {
        name: Some(name),
        kind: "numbers",
        size,
    }
}

/// A type of that size that it does not.
const fn foreign(kind: &'static str, size: u64) -> Dtype {
    Dtype {
        name: None,
        kind,
        size,
    }
}

pub(super) const BYTE: Dtype = known("U8", 1);

/// A torch dtype by its name in the module `torch`.
pub(super) fn torch(name: &str) -> Option<Dtype> {
    Some(match name {
        "float64" | "double" => known("F64", 8),
        "float32" | "float" => known("F32", 4),
        "float16" | "half" => known("F16", 2),
        "bfloat16" => known("BF16", 2),
        "int64" | "long" => known("I64", 8),
        "int32" | "int" => known("I32", 4),
        "int16" | "short" => known("I16", 2),
        "int8" => known("I8", 1),
        "uint8" => BYTE,
        "uint16" => known("U16", 2),
        "uint32" => known("U32", 4),
        "uint64" => known("U64", 8),
        "bool" => known("BOOL", 1),
        "float8_e4m3fn" => known("F8_E4M3", 1),
        "float8_e5m2" => known("F8_E5M2", 1),
        "float8_e8m0fnu" => known("F8_E8M0", 1),
        "float8_e4m3fnuz" | "float8_e5m2fnuz" | "float4_e2m1fn_x2" => {
            foreign("small floats of another kind", 1)
        }
        "complex32" | "chalf" => foreign("complex numbers", 4),
        "complex64" | "cfloat" => foreign("complex numbers", 8),
        "complex128" | "cdouble" => foreign("complex numbers", 16),
        // The integers that quantised values are stored as.
        "qint8" => known("I8", 1),
        "quint8" => BYTE,
        "qint32" => known("I32", 4),
        _ => return None,
    })
}

/// A torch storage by its class; `None` for one without a type of its own.
pub(super) fn storage(class: &str) -> Option<Dtype> {
    torch(match class {
        "DoubleStorage" => "float64",
        "FloatStorage" => "float32",
        "HalfStorage" => "float16",
        "BFloat16Storage" => "bfloat16",
        "LongStorage" => "int64",
        "IntStorage" => "int32",
        "ShortStorage" => "int16",
        "CharStorage" => "int8",
        "ByteStorage" => "uint8",
        "BoolStorage" => "bool",
        "ComplexFloatStorage" => "complex64",
        "ComplexDoubleStorage" => "complex128",
        "QInt8Storage" => "qint8",
        "QUInt8Storage" => "quint8",
        "QInt32Storage" => "qint32",
        _ => return None,
    })
}

/// A NumPy dtype.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numpy {
    pub(super) dtype: Dtype,
    /// The most significant byte comes first.
    pub(super) big: bool,
    /// Its elements are, or hold, Python objects.
    pub(super) objects: bool,
}

/// A NumPy dtype as its text: `<f4`, `i8`, `|b1`, `float32`.
pub(super) fn numpy(text: &str) -> Option<Numpy> {
    let big = text.starts_with('>');
    let plain = text.trim_start_matches(['<', '>', '=', '|']);
    let mut chars = plain.chars();
    let letter = chars.next()?;
    let count: Option<u64> = chars.as_str().split('[').next().and_then(|n| n.parse().ok());
    let dtype = match (letter, count) {
        ('f', Some(8)) => known("F64", 8),
        ('f', Some(4)) => known("F32", 4),
        ('f', Some(2)) => known("F16", 2),
        ('i', Some(8)) => known("I64", 8),
        ('i', Some(4)) => known("I32", 4),
        ('i', Some(2)) => known("I16", 2),
        ('i', Some(1)) => known("I8", 1),
        ('u', Some(8)) => known("U64", 8),
        ('u', Some(4)) => known("U32", 4),
        ('u', Some(2)) => known("U16", 2),
        ('u', Some(1)) => BYTE,
        ('b', Some(1)) => known("BOOL", 1),
        ('?', None) => known("BOOL", 1),
        ('M' | 'm', _) => foreign("dates or spans of time", 8),
        ('U', Some(n)) => foreign("text", n.saturating_mul(4)),
        ('O', _) => foreign("Python objects", 8),
        ('c', Some(n)) => foreign("complex numbers", n),
        ('f', Some(n)) => foreign("floats of another size", n),
        ('S' | 'a', Some(n)) => foreign("text", n),
        ('V', Some(n)) => foreign("records", n),
        // A name in full, as NumPy writes for types of other packages.
        _ => {
            return torch(plain).map(|dtype| Numpy {
                dtype,
                big,
                objects: false,
            });
        }
    };
    Some(Numpy {
        dtype,
        big: big && dtype.size > 1,
        objects: letter == 'O',
    })
}

/// A type as the views of other formats name it: as safetensors does, as torch or as NumPy.
pub(super) fn named(text: &str) -> Option<Numpy> {
    let torch_name = match text {
        "F64" => "float64",
        "F32" => "float32",
        "F16" => "float16",
        "BF16" => "bfloat16",
        "I64" => "int64",
        "I32" => "int32",
        "I16" => "int16",
        "I8" => "int8",
        "U64" => "uint64",
        "U32" => "uint32",
        "U16" => "uint16",
        "U8" => "uint8",
        "BOOL" => "bool",
        "F8_E4M3" => "float8_e4m3fn",
        "F8_E5M2" => "float8_e5m2",
        "F8_E8M0" => "float8_e8m0fnu",
        other => return numpy(other.trim_matches(['\'', '"'])),
    };
    torch(torch_name).map(|dtype| Numpy {
        dtype,
        big: false,
        objects: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numpy_types_by_their_text() {
        for (text, name, size, big) in [
            ("<f4", Some("F32"), 4, false),
            (">i8", Some("I64"), 8, true),
            ("|b1", Some("BOOL"), 1, false),
            (">u1", Some("U8"), 1, false),
            ("<c8", None, 8, false),
            ("<U3", None, 12, false),
            ("<M8[ns]", None, 8, false),
            ("bfloat16", Some("BF16"), 2, false),
            ("f16", None, 16, false),
        ] {
            let found = numpy(text).unwrap();
            assert_eq!(
                (found.dtype.name, found.dtype.size, found.big),
                (name, size, big),
                "{text}"
            );
        }
        assert_eq!(numpy(""), None);
        assert_eq!(numpy("[('x', 'f4')]"), None);
    }
}
