//! The report's faces: one renderer per file, all fed with the same plain [`Report`](wellhead_core::Report).
//!
//! A renderer neither decides nor counts anew: what fails the run, what was not looked at and how severe it is stand
//! in the report. The one decision: the rules come as an argument of a core type, so that this crate knows no rule,
//! and a saved report whose rules are gone still renders.

#![deny(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice
)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::string_slice,
        reason = "tests may fail loudly"
    )
)]

pub mod explain;
pub mod github;
pub mod json;
pub mod markdown;
pub mod sarif;
pub mod terminal;
pub mod vex;

mod blocks;
mod inventory;
mod packages;
mod page;
mod places;
mod text;
mod versions;

#[cfg(test)]
mod docs;
#[cfg(test)]
mod samples;
