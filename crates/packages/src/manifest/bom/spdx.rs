//! SPDX 2.2, 2.3 and 3.0 as JSON.

use super::{Bill, Part, digest};
use wellhead_core::{Budget, ComponentKind, Digest};
use wellhead_formats::text::{Node, Value};

pub(super) fn is_one(root: &Node) -> bool {
    let versioned = |node: &Node| {
        node.get("spdxVersion")
            .and_then(Node::as_str)
            .is_some_and(|v| v.starts_with("SPDX-"))
    };
    versioned(root) || root.get("sbom").is_some_and(versioned) || is_three(root)
}

/// Version 3 is a graph of linked data whose context says so.
fn is_three(root: &Node) -> bool {
    let ours = |node: &Node| node.as_str().is_some_and(|c| c.contains("spdx.org/rdf/3."));
    root.get("@graph").is_some()
        && root
            .get("@context")
            .is_some_and(|c| ours(c) || c.items().iter().any(ours))
}

pub(super) fn read(root: &Node, bill: &mut Bill<'_>, budget: &mut Budget) {
    if is_three(root) {
        return three(root, bill, budget);
    }
    // A host of code wraps the document that it hands out.
    let root = root.get("sbom").unwrap_or(root);
    two(root, bill, budget);
}

fn items<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    node.get(key).map_or(&[][..], Node::items)
}

fn text<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    node.get(key).and_then(Node::as_text).filter(|t| !is_nothing(t))
}

/// What SPDX writes where nothing is known.
pub(super) fn is_nothing(text: &str) -> bool {
    matches!(text.trim(), "" | "NOASSERTION" | "NONE")
}

fn two(root: &Node, bill: &mut Bill<'_>, budget: &mut Budget) {
    if let Some(list) = root.get("packages")
        && !matches!(list.value, Value::Array(_))
    {
        bill.problem(list.span.clone(), "`packages` is no list");
    }
    for node in items(root, "packages") {
        if !bill.pays(budget) {
            return;
        }
        let Some(name) = text(node, "name") else {
            let at = node.span.start;
            bill.problem(at..at.saturating_add(1), "a package without a name");
            continue;
        };
        let references = items(node, "externalRefs").iter();
        let purls = references
            .filter(|r| text(r, "referenceType").is_some_and(|t| t == "purl" || t.ends_with("/purl")))
            .filter_map(|r| text(r, "referenceLocator"));
        let hashes = items(node, "checksums")
            .iter()
            .filter_map(|c| digest(text(c, "algorithm")?, text(c, "checksumValue")?));
        bill.parts.push(Part {
            id: text(node, "SPDXID").unwrap_or_default().to_owned(),
            name: name.to_owned(),
            version: text(node, "versionInfo").map(str::to_owned),
            purl: best(purls),
            range: None,
            kind: purpose(text(node, "primaryPackagePurpose").unwrap_or_default()),
            hashes: hashes.collect(),
            marker: None,
            span: place(node, "versionInfo", "name"),
        });
    }
    for id in items(root, "documentDescribes").iter().filter_map(Node::as_str) {
        bill.roots.insert(id.to_owned());
    }
    for node in items(root, "relationships") {
        let parts = (
            text(node, "spdxElementId"),
            text(node, "relationshipType"),
            text(node, "relatedSpdxElement"),
        );
        if let (Some(a), Some(kind), Some(b)) = parts
            && !relate(a, kind, b, bill, budget)
        {
            return;
        }
    }
}

/// Takes a relationship of version 2; `false` where nothing is left.
pub(super) fn relate(a: &str, kind: &str, b: &str, bill: &mut Bill<'_>, budget: &mut Budget) -> bool {
    let cost = (a.len() as u64).saturating_add(b.len() as u64).saturating_add(64);
    if let Err(e) = budget.memory(cost) {
        bill.partly(e.to_string());
        return false;
    }
    match kind {
        "DESCRIBES" => {
            bill.roots.insert(b.to_owned());
        }
        "DESCRIBED_BY" => {
            bill.roots.insert(a.to_owned());
        }
        "DEPENDS_ON" | "CONTAINS" | "HAS_PREREQUISITE" => bill.edges.push((a.to_owned(), b.to_owned())),
        "CONTAINED_BY" | "PREREQUISITE_FOR" => bill.edges.push((b.to_owned(), a.to_owned())),
        kind if kind.ends_with("DEPENDENCY_OF") => bill.edges.push((b.to_owned(), a.to_owned())),
        _ => {}
    }
    true
}

/// Of several package URLs the one of an ecosystem that is matched.
pub(super) fn best<'t>(mut purls: impl Iterator<Item = &'t str>) -> Option<String> {
    let mut found = purls.next()?;
    if !is_matched(found) {
        found = purls.find(|p| is_matched(p)).unwrap_or(found);
    }
    Some(found.to_owned())
}

fn is_matched(purl: &str) -> bool {
    purl.starts_with("pkg:pypi/") || purl.starts_with("pkg:conda/")
}

fn purpose(text: &str) -> Option<ComponentKind> {
    match text {
        "CONTAINER" | "container" => Some(ComponentKind::Image),
        "model" => Some(ComponentKind::Model),
        "DATA" | "data" => Some(ComponentKind::Dataset),
        _ => None,
    }
}

/// The line of one entry, else of another, else the beginning of the node.
fn place(node: &Node, first: &str, second: &str) -> std::ops::Range<usize> {
    let entry = |key: &str| node.entries().iter().rev().find(|e| e.key == key);
    entry(first)
        .or_else(|| entry(second))
        .map_or(node.span.start..node.span.start, |e| {
            e.key_span.start..e.node.span.end
        })
}

fn three(root: &Node, bill: &mut Bill<'_>, budget: &mut Budget) {
    for node in items(root, "@graph") {
        if let Err(e) = budget.steps(16) {
            return bill.partly(e.to_string());
        }
        let stated = node.get("type").or_else(|| node.get("@type"));
        let kind = stated.map_or("", |n| {
            class(n.as_text().or_else(|| n.items().first()?.as_text()))
        });
        match kind {
            "software_Package" | "ai_AIPackage" | "dataset_DatasetPackage" => {
                if !bill.pays(budget) {
                    return;
                }
                package_three(node, kind, bill);
            }
            "Relationship" | "LifecycleScopedRelationship" => relationship_three(node, bill, budget),
            "software_Sbom" | "Bom" | "SpdxDocument" => {
                for id in items(node, "rootElement").iter().filter_map(Node::as_str) {
                    bill.roots.insert(id.to_owned());
                }
            }
            _ => {}
        }
    }
}

/// The name of a class, which may be written in full: `https://spdx.org/rdf/3.0.1/terms/Software/Package`.
fn class(written: Option<&str>) -> &str {
    let written = written.unwrap_or_default();
    let Some((_, path)) = written.split_once("/terms/") else {
        return written;
    };
    match path {
        "Software/Package" => "software_Package",
        "AI/AIPackage" => "ai_AIPackage",
        "Dataset/DatasetPackage" => "dataset_DatasetPackage",
        "Software/Sbom" => "software_Sbom",
        _ => path.rsplit('/').next().unwrap_or(path),
    }
}

fn package_three(node: &Node, kind: &str, bill: &mut Bill<'_>) {
    let Some(name) = text(node, "name") else {
        let at = node.span.start;
        return bill.problem(at..at.saturating_add(1), "a package without a name");
    };
    let identifiers = items(node, "externalIdentifier").iter();
    let purls = identifiers
        .filter(|i| text(i, "externalIdentifierType").is_some_and(|t| t.eq_ignore_ascii_case("packageUrl")))
        .filter_map(|i| text(i, "identifier"));
    let hashes: Vec<Digest> = items(node, "verifiedUsing")
        .iter()
        .filter_map(|h| digest(text(h, "algorithm")?, text(h, "hashValue")?))
        .collect();
    bill.parts.push(Part {
        id: text(node, "spdxId")
            .or_else(|| text(node, "@id"))
            .unwrap_or_default()
            .to_owned(),
        name: name.to_owned(),
        version: text(node, "software_packageVersion").map(str::to_owned),
        range: None,
        purl: best(text(node, "software_packageUrl").into_iter().chain(purls)),
        kind: match kind {
            "ai_AIPackage" => Some(ComponentKind::Model),
            "dataset_DatasetPackage" => Some(ComponentKind::Dataset),
            _ => purpose(text(node, "software_primaryPurpose").unwrap_or_default()),
        },
        hashes,
        marker: None,
        span: place(node, "software_packageVersion", "name"),
    });
}

fn relationship_three(node: &Node, bill: &mut Bill<'_>, budget: &mut Budget) {
    let (Some(from), Some(kind)) = (text(node, "from"), text(node, "relationshipType")) else {
        return;
    };
    let kind = match kind {
        "dependsOn" => "DEPENDS_ON",
        "contains" => "CONTAINS",
        "describes" => "DESCRIBES",
        "hasPrerequisite" => "HAS_PREREQUISITE",
        // Optional, provided and other dependencies are dependencies.
        k if k.starts_with("has") && k.ends_with("Dependency") => "DEPENDS_ON",
        _ => return,
    };
    let one = node.get("to").and_then(Node::as_str);
    for to in one
        .into_iter()
        .chain(items(node, "to").iter().filter_map(Node::as_str))
    {
        if !relate(from, kind, to, bill, budget) {
            return;
        }
    }
}
