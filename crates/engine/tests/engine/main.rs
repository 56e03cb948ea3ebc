//! Whole runs over entries in memory.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests may fail loudly")]

mod clones;
mod containers;
mod distributions;
mod estates;
mod hostile_packages;
mod inventory;
mod lockdown;
mod pages;
mod planted;
mod reach;
mod releases;
mod repositories;
mod runs;
mod second_tier;
mod sources;
mod tricks;
mod twins;
mod unpacked;

use wellhead_core::Report;
use wellhead_engine::{Listing, Options, run};

/// Audits files that are in memory.
fn audit(files: &[(&str, &[u8])], options: &Options<'_>) -> Report {
    let entries = wellhead_sources::from_memory(files.iter().map(|(path, bytes)| (*path, bytes.to_vec())));
    run(
        vec![Listing {
            target: ".".to_owned(),
            prefix: None,
            entries,
        }],
        options,
    )
}
