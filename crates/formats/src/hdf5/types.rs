//! What elements are and how many: the datatype and the dataspace.

use super::fields::Fields;

/// How deep types may nest in one another.
const DEPTH: u32 = 16;

/// An element type, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number; NumPy's name for it.
    Number(String),
    /// A text of fixed length.
    Text,
    /// Bytes without a meaning of their own.
    Opaque,
    /// A text of variable length, in the global heap.
    VariableText,
    /// A sequence of variable length, in the global heap.
    Sequence(Box<Datatype>),
    /// An array of elements.
    Array(Box<Datatype>),
    /// A record, a reference, or something new.
    Other(&'static str),
}

/// An element type with its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Datatype {
    pub(super) kind: Kind,
    pub(super) size: usize,
}

impl Datatype {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        Self::nested(&mut Fields::new(bytes), DEPTH)
    }

    fn nested(f: &mut Fields<'_>, depth: u32) -> Option<Self> {
        let depth = depth.checked_sub(1)?;
        let head = f.u8()?;
        let (version, class) = (head >> 4, head & 15);
        let bits = f.uint(3)?;
        let size = f.size(4)?;
        let order = if bits & 1 == 0 { '<' } else { '>' };
        let number = |letter: char| {
            let order = if size == 1 { '|' } else { order };
            Kind::Number(format!("{order}{letter}{size}"))
        };
        let kind = match class {
            0 => number(if bits & 8 != 0 { 'i' } else { 'u' }),
            1 => number('f'),
            2 => Kind::Other("a time"),
            3 => Kind::Text,
            4 => Kind::Other("a field of bits"),
            5 => Kind::Opaque,
            6 => Kind::Other("a record"),
            7 => Kind::Other("a reference"),
            // An enumeration is written as its numbers; NumPy's truth values are one.
            8 => match Self::nested(f, depth)?.kind {
                number @ Kind::Number(_) => number,
                _ => Kind::Other("an enumeration"),
            },
            9 if bits & 15 == 1 => Kind::VariableText,
            9 => Kind::Sequence(Box::new(Self::nested(f, depth)?)),
            10 => {
                let rank = usize::from(f.u8()?);
                if version < 3 {
                    f.skip(3)?;
                    // Sizes, then a permutation that nobody uses.
                    f.skip(rank.checked_mul(8)?)?;
                } else {
                    f.skip(rank.checked_mul(4)?)?;
                }
                Kind::Array(Box::new(Self::nested(f, depth)?))
            }
            _ => Kind::Other("an unknown type"),
        };
        Some(Self { kind, size })
    }

    /// The name of the type, NumPy's where it has one.
    pub(super) fn name(&self) -> String {
        match &self.kind {
            Kind::Number(name) => name.clone(),
            Kind::Text => format!("|S{}", self.size),
            Kind::Opaque => format!("|V{}", self.size),
            Kind::VariableText => "text".to_owned(),
            Kind::Sequence(inner) => format!("sequence of {}", inner.name()),
            Kind::Array(inner) => format!("array of {}", inner.name()),
            Kind::Other(words) => (*words).to_owned(),
        }
    }
}

/// The sizes of a dataspace; `None` if it is damaged.
pub(super) fn shape(bytes: &[u8], lengths: usize) -> Option<Vec<u64>> {
    let mut f = Fields::new(bytes);
    let version = f.u8()?;
    let rank = f.u8()?;
    f.skip(1)?;
    match version {
        1 => f.skip(5)?,
        2 => {
            // No element at all is not the same as one without dimensions.
            if f.u8()? == 2 {
                return Some(vec![0]);
            }
        }
        _ => return None,
    }
    (rank <= 32).then_some(())?;
    (0..rank).map(|_| f.uint(lengths)).collect()
}
