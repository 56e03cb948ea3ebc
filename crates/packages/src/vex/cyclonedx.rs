//! CycloneDX 1.4 and later: `vulnerabilities` with an `analysis`.

use super::{
    Reading, VexProduct, VexStatement, VexStatus, id_of,
    product::{Stated, Versions},
    said,
    time::seconds,
    vers::Vers,
};
use crate::manifest::bom::purl::decoded;
use std::collections::{BTreeMap, BTreeSet};
use wellhead_core::{Budget, Exhausted, code};
use wellhead_formats::text::{Node, Value};

/// The reasons for `not_affected` that CycloneDX knows.
const REASONS: &[&str] = &[
    "code_not_present",
    "code_not_reachable",
    "requires_configuration",
    "requires_dependency",
    "requires_environment",
    "protected_by_compiler",
    "protected_at_runtime",
    "protected_at_perimeter",
    "protected_by_mitigating_control",
];

pub(super) fn read(root: &Node, read: &mut Reading, budget: &mut Budget) -> Result<(), Exhausted> {
    let metadata = root.get("metadata");
    read.author = metadata.and_then(author);
    let general = metadata
        .and_then(|m| m.get("timestamp")?.as_str())
        .and_then(seconds);
    let references = components(root, budget)?;
    let Some(Value::Array(flaws)) = root.get("vulnerabilities").map(|n| &n.value) else {
        read.problem(root, "the document has no list of `vulnerabilities`");
        return Ok(());
    };
    for node in flaws {
        budget.steps(1)?;
        // A bill of materials lists what is known; only an analysis is a statement.
        if node.get("analysis").is_none() {
            continue;
        }
        let stated = ["lastUpdated", "firstIssued"]
            .iter()
            .find_map(|key| node.path(&["analysis", key])?.as_str())
            .or_else(|| node.get("updated")?.as_str());
        let when = stated.and_then(seconds).or(general);
        budget.steps(node.get("affects").map_or(0, |n| n.items().len()) as u64)?;
        read.take(node, statement(node, &references), when, budget)?;
    }
    Ok(())
}

/// Who says it.
fn author(metadata: &Node) -> Option<String> {
    let people = metadata.get("authors").map_or(&[][..], Node::items).iter();
    let firms = ["supplier", "manufacturer", "manufacture"]
        .iter()
        .filter_map(|key| metadata.get(key));
    people
        .chain(firms)
        .find_map(|n| said(n, "name").or_else(|| said(n, "email")))
}

/// The package URLs of components by their references, nested ones too.
fn components<'n>(root: &'n Node, budget: &mut Budget) -> Result<BTreeMap<&'n str, &'n str>, Exhausted> {
    let mut out = BTreeMap::new();
    let listed = root.get("components").map_or(&[][..], Node::items);
    let mut waiting: Vec<&Node> = listed.iter().collect();
    waiting.extend(root.path(&["metadata", "component"]));
    while let Some(node) = waiting.pop() {
        budget.steps(1)?;
        waiting.extend(node.get("components").map_or(&[][..], Node::items));
        let text = |key: &str| node.get(key).and_then(Node::as_str);
        if let (Some(reference), Some(purl)) = (text("bom-ref"), text("purl")) {
            out.insert(reference, purl);
        }
    }
    Ok(out)
}

fn statement(node: &Node, references: &BTreeMap<&str, &str>) -> Result<VexStatement, String> {
    let state = node.path(&["analysis", "state"]).and_then(Node::as_str);
    let status = match state {
        Some("not_affected" | "false_positive") => VexStatus::NotAffected,
        Some("resolved" | "resolved_with_pedigree") => VexStatus::Fixed,
        Some("exploitable") => VexStatus::Affected,
        Some("in_triage") => VexStatus::UnderInvestigation,
        Some(other) => return Err(format!("there is no state {}", code(other))),
        None => return Err("its `analysis` has no `state`".to_owned()),
    };
    let others = node.get("references").map_or(&[][..], Node::items);
    let ids: BTreeSet<String> = std::iter::once(node)
        .chain(others)
        .filter_map(|n| id_of(n.get("id")?.as_str()?))
        .collect();
    if ids.is_empty() {
        return Err("it names no vulnerability".to_owned());
    }
    let products = products(node, status, references)?;
    let analysis = |key: &str| node.get("analysis").and_then(|a| said(a, key));
    let stated = analysis("justification");
    let justification = stated.clone().filter(|j| REASONS.contains(&j.as_str()));
    let reason =
        analysis("detail").or_else(|| said(node, "recommendation").filter(|_| status == VexStatus::Affected));
    if state == Some("not_affected") && justification.is_none() && reason.is_none() {
        return Err(match stated {
            Some(stated) => format!("there is no justification {}", code(&stated)),
            None => "it says `not_affected` and not why: neither `justification` nor `detail`".to_owned(),
        });
    }
    Ok(VexStatement {
        status,
        ids,
        products,
        justification: justification
            .or_else(|| (state == Some("false_positive")).then(|| "false_positive".to_owned())),
        reason,
        when: None,
        span: node.span.clone(),
    })
}

fn products(
    node: &Node,
    status: VexStatus,
    references: &BTreeMap<&str, &str>,
) -> Result<Vec<VexProduct>, String> {
    let affects = node.get("affects").map_or(&[][..], Node::items);
    let mut out = Vec::new();
    let mut why = "it says of no component that it is about it".to_owned();
    for target in affects {
        let reference = target.get("ref").and_then(Node::as_str).unwrap_or_default();
        // `urn:cdx:SERIAL/VERSION#REF` points into another bill of materials.
        let inner = reference
            .strip_prefix("urn:cdx:")
            .and_then(|r| r.split_once('#'))
            .map(|(_, inner)| decoded(inner));
        let inner = inner.as_deref().unwrap_or(reference);
        let stated = references
            .get(reference)
            .or_else(|| references.get(inner))
            .copied();
        let Some(versions) = versions(target, status) else {
            why = format!(
                "none of the versions that it names for {} can be compared",
                code(reference)
            );
            continue;
        };
        match VexProduct::new(stated.unwrap_or(inner), None, versions) {
            Some(product) => out.push(product),
            None => {
                why = format!(
                    "{} is neither a component with a package URL nor one itself",
                    code(reference)
                );
            }
        }
    }
    if out.is_empty() { Err(why) } else { Ok(out) }
}

/// The versions to which an entry of `affects` is limited; `None` where it speaks of none that can be compared.
fn versions(target: &Node, status: VexStatus) -> Option<Vec<Versions>> {
    let listed = target.get("versions").map_or(&[][..], Node::items);
    if listed.is_empty() {
        return Some(Vec::new());
    }
    // An entry that calls a version affected is no excuse for it, whatever the analysis says of the rest.
    let fits = |node: &&Node| match node.get("status").and_then(Node::as_str) {
        Some("unaffected") => status.excuses(),
        Some(_) => !status.excuses(),
        None => status != VexStatus::Fixed,
    };
    let version = |node: &Node| {
        let text = |key: &str| node.get(key).and_then(Node::as_str);
        match (text("version"), text("range")) {
            (Some(version), _) => Some(Versions::One(Stated::new(version))),
            (None, Some(range)) => Vers::parse(range).map(Versions::Range),
            (None, None) => None,
        }
    };
    let out: Vec<Versions> = listed.iter().filter(fits).filter_map(version).collect();
    (!out.is_empty()).then_some(out)
}
