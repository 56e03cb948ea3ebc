//! What is committed but derived, and the checks of the house.
//!
//! Reference pages, schemas, the models of `examples/` and the outputs that pages show all follow from something that
//! is defined elsewhere. They are committed, so that they can be read without building anything; here they are made,
//! and a test fails when a committed one is not what would be made. One decision: a generator returns contents and
//! writes nothing, so that writing, checking and testing are the same code.

#![expect(
    clippy::disallowed_methods,
    reason = "reads and writes the repository's own files, never an audited one"
)]

pub mod cli;
pub mod corpus;
pub mod docs;
pub mod examples;
pub mod fit;
pub mod formats;
pub mod fuzz;
pub mod generated;
pub mod layers;
pub mod pages;
pub mod regions;
pub mod schemas;
pub mod seeds;
pub mod tidy;
