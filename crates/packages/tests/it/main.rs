//! The crate against the reference data that lies beside the repository; without it these tests say so and pass.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on fails loudly"
)]

mod reference;
mod shared;
