//! The catalogue against what real products answered, and the table that is made of its files.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly"
)]

mod captures;
mod catalogue;
mod lockdown;
mod real;
mod recorded;
