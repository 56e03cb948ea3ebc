//! Sockets: what other programs ask over HTTP.
//!
//! The only room with an async runtime. Its one decision: a question is answered by a plain function of bytes, and what
//! is async only carries the bytes there and back within limits on size, time and number. The [`gateway`] answers nothing
//! itself; it judges by plain functions and carries.

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

mod answer;
pub mod gateway;
mod host;
mod http;
mod listen;
pub mod osv;
mod patience;

pub use answer::{Answer, Question, Service};
pub use http::{ServerLimits, Stop, serve};
pub use listen::{ListenError, bind};
