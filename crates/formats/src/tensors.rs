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

impl Tensor {
    /// The number of elements, if it can be counted at all.
    pub fn elements(&self) -> Option<u64> {
        self.shape.iter().try_fold(1_u64, |n, d| n.checked_mul(*d))
    }
}

/// Something wrong with the description of arrays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defect {
    /// Where in the artifact.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
    /// What is wrong, a phrase; text from the artifact is escaped in it.
    pub words: String,
    /// What it comes to.
    pub kind: DefectKind,
}

/// What a defect comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DefectKind {
    /// A careful reader refuses the file.
    Broken,
    /// Bytes that no tensor accounts for.
    Smuggled,
    /// Readers take different values.
    Ambiguous,
}

/// How many defects are kept of one artifact.
const MAX_DEFECTS: usize = 64;

/// Adds a defect for which a careful reader refuses the file, unless there are many already.
pub(crate) fn defect(defects: &mut Vec<Defect>, at: Range<u64>, words: impl Into<String>) {
    defect_of(defects, DefectKind::Broken, at, words);
}

/// Adds a defect unless there are many already.
pub(crate) fn defect_of(
    defects: &mut Vec<Defect>,
    kind: DefectKind,
    at: Range<u64>,
    words: impl Into<String>,
) {
    if defects.len() < MAX_DEFECTS {
        defects.push(Defect {
            offset: at.start,
            length: at.end.saturating_sub(at.start),
            words: words.into(),
            kind,
        });
    }
}
