//! Formats whose header says all that matters: nothing in them is run by what loads them, or nothing of it can be read.
//!
//! The one decision: each gets the facts and the arrays that its header gives away, and what is opaque is said to be so.

mod fasttext;
mod lightgbm;
mod tensorrt;
#[cfg(test)]
mod tests;
mod word2vec;
mod xgboost;

pub(crate) use fasttext::open as open_fasttext;
pub(crate) use lightgbm::open as open_lightgbm;
pub(crate) use tensorrt::open as open_tensorrt;
pub(crate) use word2vec::{is_one as is_word2vec, open as open_word2vec};
pub(crate) use xgboost::{facts as xgboost_facts, is_binary as is_xgboost_binary, open as open_xgboost};

use crate::{
    document::Opened,
    model::{Model, Opening},
};
use wellhead_core::Outcome;

/// Opens a model for a Rockchip processor: commands for its neural unit, which nobody else reads.
pub(crate) fn open_rknn(opening: &Opening<'_>) -> Opened {
    let mut model = Model::new(opening.identity.format);
    let head = opening.blob.bytes(0, 16).unwrap_or_default();
    if let Some(version) = crate::bytes::u64_at(&head, 8) {
        model.metadata.push(("version".to_owned(), version.to_string()));
    }
    let why = "its commands for a neural processor are not read".to_owned();
    model.opened(Vec::new(), Outcome::Partly { why }, opening)
}
