//! Symbols in eight bytes each.
//!
//! The stack and the memo of a large pickle hold millions of values. A string is its place in the file, a container
//! is a number in a ring of recent ones, an import is an index: nothing here owns memory.

/// How a string constant is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum StrKind {
    /// UTF-8 (BINUNICODE and its sizes).
    Utf8 = 0,
    /// Raw-unicode-escape (UNICODE).
    RawEscape = 1,
    /// Eight-bit text of Python 2 (BINSTRING).
    Latin = 2,
    /// A quoted literal with escapes (STRING), the quotes taken off.
    Quoted = 3,
    /// Bytes.
    Bytes = 4,
    /// A bytearray.
    ByteArray = 5,
    /// The digits of a large integer.
    Digits = 6,
    /// The little-endian bytes of a large integer.
    Binary = 7,
}

impl StrKind {
    const ALL: [Self; 8] = [
        Self::Utf8,
        Self::RawEscape,
        Self::Latin,
        Self::Quoted,
        Self::Bytes,
        Self::ByteArray,
        Self::Digits,
        Self::Binary,
    ];

    fn of(bits: u64) -> Self {
        usize::try_from(bits & 7)
            .ok()
            .and_then(|i| Self::ALL.get(i).copied())
            .unwrap_or(Self::Bytes)
    }
}

/// What a node of the ring is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Tuple = 0,
    List = 1,
    Dict = 2,
    Set = 3,
    FrozenSet = 4,
    /// What a call returned; `of` is the callee.
    Call = 5,
    /// What the loader supplies for an id.
    Persistent = 6,
}

impl Kind {
    fn of(bits: u64) -> Self {
        match bits & 15 {
            0 => Self::Tuple,
            1 => Self::List,
            2 => Self::Dict,
            3 => Self::Set,
            4 => Self::FrozenSet,
            5 => Self::Call,
            _ => Self::Persistent,
        }
    }
}

/// A reference to a node of the ring. Kind and `of` stay known when the node itself has been overwritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct NodeRef {
    pub(crate) kind: Kind,
    /// For calls the import that was called; for containers the first import among what they hold.
    pub(crate) of: Option<u32>,
    /// Something in it, or what was called, could not be followed.
    pub(crate) opaque: bool,
    pub(crate) seq: u32,
}

/// A string constant's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StrRef {
    pub(crate) kind: StrKind,
    pub(crate) offset: u64,
    pub(crate) len: u16,
}

/// A value, unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// No value: an empty place of the memo.
    Absent,
    None,
    Bool(bool),
    /// A number or a buffer: not callable, whatever it is.
    Inert,
    /// Anything.
    Unknown,
    Int(i64),
    Str(StrRef),
    /// A string of 32 KiB and more, as an index into the table of them.
    Long(StrKind, u32),
    Import(u32),
    Node(NodeRef),
    /// A numpy dtype, as an index into the table of them.
    Dtype(u32),
}

/// A value, packed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Value(u64);

const SIMPLE: u64 = 1;
const INT: u64 = 2;
const STR: u64 = 3;
const LONG: u64 = 4;
const IMPORT: u64 = 5;
const NODE: u64 = 6;
const DTYPE: u64 = 7;
const PAYLOAD: u64 = (1 << 60) - 1;
const NO_IMPORT: u64 = 0xf_ffff;
pub(crate) const LONG_STRING: u64 = 0x7fff;
const FAR: u64 = 1 << 42;

const fn pack(tag: u64, payload: u64) -> Value {
    Value((tag << 60) | (payload & PAYLOAD))
}

impl Value {
    pub(crate) const ABSENT: Self = Self(0);
    pub(crate) const NONE: Self = pack(SIMPLE, 0);
    pub(crate) const TRUE: Self = pack(SIMPLE, 1);
    pub(crate) const FALSE: Self = pack(SIMPLE, 2);
    pub(crate) const INERT: Self = pack(SIMPLE, 3);
    pub(crate) const UNKNOWN: Self = pack(SIMPLE, 4);

    #[inline]
    pub(crate) fn is_absent(self) -> bool {
        self.0 == 0
    }

    #[inline]
    pub(crate) fn int(value: i64) -> Self {
        let cut = (value << 4) >> 4;
        if cut == value {
            pack(INT, value.cast_unsigned())
        } else {
            Self::INERT
        }
    }

    /// A string, where it is short and near enough to fit.
    #[inline]
    pub(crate) fn str(kind: StrKind, offset: u64, len: u64) -> Option<Self> {
        (len < LONG_STRING && offset < FAR).then(|| pack(STR, ((kind as u64) << 57) | (len << 42) | offset))
    }

    pub(crate) fn long(kind: StrKind, index: u32) -> Self {
        pack(LONG, ((kind as u64) << 57) | u64::from(index))
    }

    pub(crate) fn import(id: u32) -> Self {
        pack(IMPORT, u64::from(id))
    }

    #[inline]
    pub(crate) fn node(node: NodeRef) -> Self {
        let of = node.of.map_or(NO_IMPORT, |id| u64::from(id).min(NO_IMPORT));
        let opaque = u64::from(node.opaque) << 52;
        pack(
            NODE,
            ((node.kind as u64) << 56) | opaque | (of << 32) | u64::from(node.seq),
        )
    }

    pub(crate) fn dtype(id: u32) -> Self {
        pack(DTYPE, u64::from(id))
    }

    #[inline]
    pub(crate) fn view(self) -> View {
        let p = self.0 & PAYLOAD;
        let low = (p & 0xffff_ffff) as u32;
        match self.0 >> 60 {
            0 => View::Absent,
            SIMPLE => match p {
                0 => View::None,
                1 => View::Bool(true),
                2 => View::Bool(false),
                3 => View::Inert,
                _ => View::Unknown,
            },
            INT => View::Int((p << 4).cast_signed() >> 4),
            STR => View::Str(StrRef {
                kind: StrKind::of(p >> 57),
                offset: p & (FAR - 1),
                len: ((p >> 42) & LONG_STRING) as u16,
            }),
            LONG => View::Long(StrKind::of(p >> 57), low),
            IMPORT => View::Import(low),
            NODE => {
                let of = (p >> 32) & NO_IMPORT;
                View::Node(NodeRef {
                    kind: Kind::of(p >> 56),
                    of: (of != NO_IMPORT).then_some(of as u32),
                    opaque: (p >> 52) & 1 == 1,
                    seq: low,
                })
            }
            DTYPE => View::Dtype(low),
            _ => View::Unknown,
        }
    }

    /// The import that this value is, or that a container is known to hold.
    #[inline]
    pub(crate) fn holds(self) -> Option<u32> {
        match self.0 >> 60 {
            IMPORT => Some((self.0 & 0xffff_ffff) as u32),
            NODE => match self.view() {
                View::Node(n) if n.kind != Kind::Call => n.of,
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether it may be, or hold, something that was not followed.
    #[inline]
    pub(crate) fn is_opaque(self) -> bool {
        match self.0 >> 60 {
            NODE => (self.0 >> 52) & 1 == 1,
            SIMPLE => self == Self::UNKNOWN,
            _ => false,
        }
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.view().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_again() {
        let node = NodeRef {
            kind: Kind::Call,
            of: Some(77),
            opaque: true,
            seq: u32::MAX,
        };
        assert_eq!(Value::node(node).view(), View::Node(node));
        let none = NodeRef {
            kind: Kind::Tuple,
            of: None,
            opaque: false,
            seq: 0,
        };
        assert_eq!(Value::node(none).view(), View::Node(none));
        for n in [0, 1, -1, i64::from(i32::MIN), (1 << 59) - 1, -(1 << 59)] {
            assert_eq!(Value::int(n).view(), View::Int(n));
        }
        assert_eq!(Value::int(i64::MAX).view(), View::Inert);
        let s = Value::str(StrKind::Quoted, FAR - 1, LONG_STRING - 1).unwrap();
        assert_eq!(
            s.view(),
            View::Str(StrRef {
                kind: StrKind::Quoted,
                offset: FAR - 1,
                len: 0x7ffe
            })
        );
        assert!(Value::str(StrKind::Utf8, FAR, 1).is_none());
        assert!(Value::ABSENT.is_absent() && !Value::NONE.is_absent());
    }
}
