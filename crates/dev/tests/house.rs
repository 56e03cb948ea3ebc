//! What holds for the repository as a whole.

use anyhow::Result;
use std::path::Path;
use wellhead_dev::{
    generated::{self, Kind},
    layers, tidy,
};

#[test]
fn crates_know_only_what_lies_below_them() -> Result<()> {
    let wrong = layers::violations(&generated::root())?;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// `UPDATE=1` writes instead of failing.
fn fresh(kind: Kind) -> Result<()> {
    let root = generated::root();
    let changes = generated::changes(&root, Path::new(env!("CARGO_BIN_EXE_wellhead-dev")), kind)?;
    if std::env::var_os("UPDATE").is_some() {
        for change in changes {
            change.apply(&root)?;
        }
        return Ok(());
    }
    let stale: Vec<_> = changes.iter().map(|c| c.path.as_str()).collect();
    assert!(
        stale.is_empty(),
        "stale: {}\n`UPDATE=1 cargo test -p wellhead-dev` or `cargo run -p wellhead-dev -- all` writes them",
        stale.join(", ")
    );
    Ok(())
}

#[test]
fn the_reference_is_fresh() -> Result<()> {
    fresh(Kind::Docs)
}

#[test]
fn every_fuzz_target_is_built() -> Result<()> {
    fresh(Kind::Fuzz)
}

#[test]
fn the_schemas_are_fresh() -> Result<()> {
    fresh(Kind::Schemas)
}

#[test]
fn nothing_stands_in_a_file_that_must_not() -> Result<()> {
    let found = tidy::strays(&generated::root())?;
    assert!(found.is_empty(), "{}", found.join("\n"));
    Ok(())
}

#[test]
fn every_link_leads_somewhere() -> Result<()> {
    let found = tidy::broken_links(&generated::root())?;
    assert!(found.is_empty(), "{}", found.join("\n"));
    Ok(())
}

#[test]
fn the_models_of_the_examples_are_fresh() -> Result<()> {
    fresh(Kind::Examples)
}
