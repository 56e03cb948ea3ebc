//! The values of GGUF metadata.

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Number { bytes: u8, signed: bool },
    F32,
    F64,
    Bool,
    String,
    Array,
}

impl Kind {
    /// The type of that number.
    pub(super) fn of(id: u32) -> Option<Self> {
        let number = |bytes, signed| Self::Number { bytes, signed };
        Some(match id {
            0 => number(1, false),
            1 => number(1, true),
            2 => number(2, false),
            3 => number(2, true),
            4 => number(4, false),
            5 => number(4, true),
            6 => Self::F32,
            7 => Self::Bool,
            8 => Self::String,
            9 => Self::Array,
            10 => number(8, false),
            11 => number(8, true),
            12 => Self::F64,
            _ => return None,
        })
    }

    /// The fewest bytes that a value takes; exactly these for all but strings and arrays.
    pub(super) fn least(self, wide: bool) -> u64 {
        match self {
            Self::Number { bytes, .. } => bytes.into(),
            Self::Bool => 1,
            Self::F32 => 4,
            Self::F64 => 8,
            Self::String => {
                if wide {
                    8
                } else {
                    4
                }
            }
            Self::Array => {
                if wide {
                    12
                } else {
                    8
                }
            }
        }
    }

    /// The name for people, in the plural.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Number { .. } => "whole numbers",
            Self::F32 | Self::F64 => "numbers",
            Self::Bool => "truth values",
            Self::String => "strings",
            Self::Array => "arrays",
        }
    }
}

/// How much of a text is kept to be shown.
const MAX_TEXT: usize = 200;

/// A value, as much of it as is kept.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Number(i128),
    Float(f64),
    Bool(bool),
    Text { start: String, length: u64 },
    Array { of: &'static str, length: u64 },
}

impl Value {
    /// A text's beginning.
    pub(super) fn text(text: &str, length: u64) -> Self {
        Self::Text {
            start: text.chars().take(MAX_TEXT).collect(),
            length,
        }
    }

    /// The value for people; hostile text.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Number(n) => n.to_string(),
            Self::Float(n) => n.to_string(),
            Self::Bool(b) => b.to_string(),
            Self::Text { start, length } if (start.len() as u64) < *length => {
                format!("{start}… ({length} bytes)")
            }
            Self::Text { start, .. } => start.clone(),
            Self::Array { of, length } => format!("{length} {of}"),
        }
    }
}
