//! One view of arrays for all formats that hold them, so that a rule about tensors is written once.

use std::ops::Range;

/// One array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Its name; hostile text.
    pub name: String,
    /// Its element type as the format writes it; hostile text.
    pub dtype: String,
    /// Its shape.
    pub shape: Vec<u64>,
    /// Its bytes in the artifact.
    pub bytes: Range<u64>,
}
