//! The crate against the reference data that lies beside the repository; without it these tests say so and pass.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on fails loudly"
)]

#[allow(
    clippy::disallowed_methods,
    reason = "real clients are run, on files that the test writes"
)]
mod clients;
mod reference;
mod shared;
