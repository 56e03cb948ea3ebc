//! NumPy's array file: a Python literal, then raw numbers, or a pickle for arrays of objects.

use crate::tensors::Tensor;

/// One array.
#[derive(Clone, Debug)]
pub struct Array {
    /// Version of the layout.
    pub version: (u8, u8),
    /// Its type and shape.
    pub tensor: Tensor,
    /// Whether its elements are, or hold, Python objects: then the rest is a pickle.
    pub objects: bool,
    /// What is wrong with it, a phrase each, with its offset.
    pub defects: Vec<(u64, String)>,
}
