//! safetensors: a JSON header and raw tensors, checked against each other.

use crate::tensors::Tensor;

/// A safetensors file.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// The tensors in the order of the header.
    pub tensors: Vec<Tensor>,
    /// `__metadata__`, key and value; hostile text.
    pub metadata: Vec<(String, String)>,
    /// Length of the header in bytes.
    pub header: u64,
    /// What is wrong with it, a phrase each, with its offset.
    pub defects: Vec<(u64, String)>,
}
