//! TensorRT engines: code for one kind of graphics processor, and sometimes native libraries of plugins.
//!
//! Nobody but the runtime reads them, and NVIDIA calls loading one from a stranger unsafe. The one decision: it is said
//! that the code was not seen; names of plugins and whole libraries are found by their looks.

use crate::{
    document::{Member, Opened, Role},
    format::table as t,
    graph::{Framework, Graph, Operator, Place},
    model::{Model, Opening},
};
use std::collections::BTreeSet;
use wellhead_core::{Budget, Exhausted, Outcome};

/// How much of an engine is looked through.
const MAX_SCAN: u64 = 256 << 20;
const PIECE: usize = 1 << 20;
/// How much of a piece is read again with the next one, so that nothing is cut in two.
const OVERLAP: usize = 128;
const MAX_FOUND: usize = 64;

/// Opens an engine.
pub(crate) fn open(opening: &Opening<'_>, budget: &mut Budget) -> Opened {
    let mut model = Model::new(opening.identity.format);
    model.graph = Graph::new(Framework::TensorRt);
    let mut members = Vec::new();
    let why = match scan(opening, &mut model, &mut members, budget) {
        Ok(()) => "its code for a graphics processor is not read".to_owned(),
        Err(why) => why,
    };
    model.opened(members, Outcome::Partly { why }, opening)
}

fn scan(
    opening: &Opening<'_>,
    model: &mut Model,
    members: &mut Vec<Member>,
    budget: &mut Budget,
) -> Result<(), String> {
    let mut plugins = BTreeSet::new();
    let mut at = 0_u64;
    let end = opening.blob.len().min(MAX_SCAN);
    while at < end {
        budget.steps(PIECE as u64 / 8).map_err(|e| e.to_string())?;
        let piece = opening
            .blob
            .bytes(at, PIECE.saturating_add(OVERLAP))
            .map_err(|e| format!("could not be read: {e}"))?;
        names(&piece, at, &mut plugins);
        libraries(opening, &piece, at, members);
        at = at.saturating_add(PIECE as u64);
    }
    for (name, offset) in plugins {
        plugin(model, name, offset, budget).map_err(|e| e.to_string())?;
    }
    Ok(())
}

fn plugin(model: &mut Model, name: String, offset: u64, budget: &mut Budget) -> Result<(), Exhausted> {
    let operator = Operator {
        domain: "plugin".to_owned(),
        place: Place {
            offset,
            length: name.len() as u64,
        },
        name,
        ..Operator::default()
    };
    model.graph.operator(operator, budget)
}

/// Names that end as those of plugins do.
fn names(piece: &[u8], start: u64, plugins: &mut BTreeSet<(String, u64)>) {
    let mut at = 0_usize;
    for run in piece.split(|b| !(b.is_ascii_alphanumeric() || *b == b'_')) {
        let here = at;
        at = at.saturating_add(run.len()).saturating_add(1);
        let length = (6..=64).contains(&run.len());
        if !length || plugins.len() >= MAX_FOUND || !run.first().is_some_and(u8::is_ascii_alphabetic) {
            continue;
        }
        if run.ends_with(b"_TRT") || run.ends_with(b"Plugin") || run.ends_with(b"PluginDynamic") {
            let name = String::from_utf8_lossy(run).into_owned();
            if !plugins.iter().any(|(known, _)| *known == name) {
                plugins.insert((name, start.saturating_add(here as u64)));
            }
        }
    }
}

/// Whole native libraries, which an engine may carry for its plugins.
fn libraries(opening: &Opening<'_>, piece: &[u8], start: u64, members: &mut Vec<Member>) {
    let within = piece.get(..PIECE.min(piece.len())).unwrap_or_default();
    for (i, byte) in within.iter().enumerate() {
        if *byte != 0x7f || members.len() >= MAX_FOUND {
            continue;
        }
        let sound = piece
            .get(i..)
            .is_some_and(|rest| rest.starts_with(b"\x7fELF\x02\x01\x01"));
        if sound {
            let offset = start.saturating_add(i as u64);
            let rest = opening.blob.slice(offset, u64::MAX);
            let name = format!("library at {offset:#x}");
            members.push(Member::stored(name, Role::As(&t::ELF), rest));
        }
    }
}
