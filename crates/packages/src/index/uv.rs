//! The settings of uv that say where packages come from: `[tool.uv]`, `[tool.uv.pip]`, and the same keys in `uv.toml`.

use super::{Address, IndexEntry, IndexRole, IndexSettings, Manager, Strategy, TrustedHost};
use crate::manifest::{Manifest, ManifestKind, Problem, document::Document};
use wellhead_core::{ArtifactPath, Budget, Location, Outcome, escape};
use wellhead_formats::text::{Node, Value};

type At<'a> = &'a dyn Fn(std::ops::Range<usize>, &str) -> Location;

/// Reads `uv.toml`.
pub fn read_uv_config(artifact: &ArtifactPath, text: &str, budget: &mut Budget) -> Manifest {
    let (document, mut out) = match Document::parse(ManifestKind::UvConfig, artifact, text, budget) {
        Ok(read) => read,
        Err(manifest) => return *manifest,
    };
    if let Err(e) = budget.steps(text.len() as u64) {
        out.outcome = Outcome::NotAnalysed { why: e.to_string() };
        return out;
    }
    uv_settings(
        &document.root,
        &|range, label| document.at(range, label),
        &mut out,
    );
    out
}

/// Takes the settings of a table, and of its `pip` table as those of `uv pip`.
pub(crate) fn uv_settings(table: &Node, at: At<'_>, out: &mut Manifest) {
    let mut settings = std::mem::take(&mut out.indexes);
    take(table, at, &mut settings, &mut out.problems);
    if let Some(pip) = table.get("pip").filter(|pip| concerns(pip)) {
        // What `uv pip` is told goes before what all of uv is told.
        let mut own = IndexSettings::default();
        take(pip, at, &mut own, &mut out.problems);
        let scalar = |role: IndexRole| own.entries.iter().any(|e| e.role == role);
        let (default, has_uv) = (scalar(IndexRole::Default), |e: &&IndexEntry| {
            e.manager == Manager::Uv
        });
        let shared = settings.entries.iter().filter(has_uv);
        let inherited: Vec<IndexEntry> = shared
            .filter(|e| !(default && e.role == IndexRole::Default))
            .cloned()
            .collect();
        own.entries.extend(inherited);
        own.strategy = own.strategy.or_else(|| settings.strategy.clone());
        own.no_index |= settings.no_index;
        settings.trusted_hosts.append(&mut own.trusted_hosts);
        settings.variants.push(("uv pip".to_owned(), own));
    }
    out.indexes = settings;
}

/// Whether a table says anything of indexes.
fn concerns(table: &Node) -> bool {
    const KEYS: &[&str] = &[
        "index",
        "index-url",
        "extra-index-url",
        "find-links",
        "index-strategy",
        "no-index",
        "allow-insecure-host",
    ];
    table.entries().iter().any(|e| KEYS.contains(&e.key.as_str()))
}

fn take(uv: &Node, at: At<'_>, settings: &mut IndexSettings, problems: &mut Vec<Problem>) {
    for item in uv.get("index").map(Node::items).unwrap_or_default() {
        let is = |key: &str| item.get(key).and_then(Node::as_bool) == Some(true);
        let role = if is("explicit") {
            IndexRole::Explicit
        } else if is("default") {
            IndexRole::Default
        } else {
            IndexRole::Extra
        };
        let name = item.get("name").and_then(Node::as_str).map(escape);
        match item.get("url").filter(|url| url.as_str().is_some()) {
            Some(url) => push(role, name, url, at, settings),
            None => problems.push(Problem {
                message: "an index without `url`".to_owned(),
                at: at(item.span.clone(), ""),
            }),
        }
    }
    for (key, role) in [
        ("extra-index-url", IndexRole::Supplemental),
        ("index-url", IndexRole::Default),
        ("find-links", IndexRole::FindLinks),
    ] {
        let Some(value) = uv.get(key) else { continue };
        for node in std::iter::once(value).chain(value.items()) {
            push(role, None, node, at, settings);
        }
    }
    if let Some(node) = uv.get("index-strategy") {
        settings.strategy = Some((strategy(node.as_str()), at(node.span.clone(), "")));
    }
    for node in uv.get("allow-insecure-host").map(Node::items).unwrap_or_default() {
        if let Some(host) = node.as_str() {
            settings.trusted_hosts.push(TrustedHost {
                host: escape(host),
                declared: at(node.span.clone(), "its certificate is not checked"),
            });
        }
    }
    settings.no_index |= uv.get("no-index").and_then(Node::as_bool) == Some(true);
}

/// How uv and pixi call the ways of choosing.
pub(crate) fn strategy(text: Option<&str>) -> Strategy {
    match text {
        Some("unsafe-best-match" | "unsafe-any-match") => Strategy::UnsafeBestMatch,
        Some("unsafe-first-match") => Strategy::UnsafeFirstMatch,
        _ => Strategy::FirstIndex,
    }
}

fn push(role: IndexRole, name: Option<String>, node: &Node, at: At<'_>, settings: &mut IndexSettings) {
    let Value::String(url) = &node.value else { return };
    settings.entries.push(IndexEntry {
        manager: Manager::Uv,
        role,
        name,
        address: Address::new(url),
        declared: at(node.span.clone(), "named here"),
    });
}
