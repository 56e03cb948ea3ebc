//! CycloneDX 1.2 to 1.7 as JSON.

use super::{Bill, Part, digest};
use wellhead_core::{Budget, ComponentKind};
use wellhead_formats::text::{Entry, Node, Value};

/// How deep components may hold components; the tree of the text is bounded as well.
const MAX_DEPTH: u32 = 64;

pub(super) fn is_one(root: &Node) -> bool {
    root.get("bomFormat").and_then(Node::as_str) == Some("CycloneDX")
        || root
            .get("$schema")
            .and_then(Node::as_str)
            .is_some_and(|s| s.contains("cyclonedx.org/schema/bom-") && root.get("specVersion").is_some())
}

pub(super) fn read(root: &Node, bill: &mut Bill<'_>, budget: &mut Budget) {
    let version = root
        .get("specVersion")
        .and_then(Node::as_text)
        .unwrap_or_default();
    if !version.starts_with("1.") {
        let shown = wellhead_core::code(version);
        bill.partly(format!(
            "version {shown} of CycloneDX is not known, so parts of it may be missing"
        ));
    }
    if let Some(described) = root.path(&["metadata", "component"]) {
        if let Some(part) = part(described, bill) {
            let mut part = part;
            if part.id.is_empty() {
                // It can still be told from the others.
                part.id = "the bill's own subject".to_owned();
            }
            bill.roots.insert(part.id.clone());
            bill.parts.push(part);
        }
        nested(described, bill, 0, budget);
    }
    nested(root, bill, 0, budget);
    if bill.parts.len() <= bill.roots.len() && root.get("vulnerabilities").is_some() {
        bill.partly("it lists vulnerabilities and no components");
    }
    dependencies(root, bill, budget);
    for composition in root.get("compositions").map_or(&[][..], Node::items) {
        let aggregate = composition
            .get("aggregate")
            .and_then(Node::as_str)
            .unwrap_or_default();
        if aggregate.starts_with("incomplete") {
            bill.partly("it says of itself that its list is incomplete");
        }
    }
}

/// The components that a node holds.
fn nested(holder: &Node, bill: &mut Bill<'_>, depth: u32, budget: &mut Budget) {
    let Some(list) = holder.get("components") else {
        return;
    };
    twice(holder, "components", bill);
    match &list.value {
        Value::Array(_) | Value::Null => {}
        _ => return bill.problem(list.span.clone(), "`components` is no list"),
    }
    if depth > MAX_DEPTH {
        return bill.partly(format!("components nest deeper than {MAX_DEPTH}"));
    }
    for node in list.items() {
        if !bill.pays(budget) {
            return;
        }
        if let Some(part) = part(node, bill) {
            bill.parts.push(part);
        }
        nested(node, bill, depth.saturating_add(1), budget);
    }
}

fn part(node: &Node, bill: &mut Bill<'_>) -> Option<Part> {
    let text = |key: &str| node.get(key).and_then(Node::as_text);
    let entry = |key: &str| node.entries().iter().rev().find(|e| e.key == key);
    let Some(name) = text("name").filter(|n| !n.is_empty()) else {
        bill.problem(first_line(node), "a component without a name");
        return None;
    };
    for key in ["name", "version", "purl"] {
        twice(node, key, bill);
    }
    let named: &Entry = entry("purl").or_else(|| entry("name"))?;
    let mut hashes: Vec<_> = node
        .get("hashes")
        .map_or(&[][..], Node::items)
        .iter()
        .filter_map(hash)
        .collect();
    for reference in node.get("externalReferences").map_or(&[][..], Node::items) {
        if reference.get("type").and_then(Node::as_str) == Some("distribution") {
            let of = reference.get("hashes").map_or(&[][..], Node::items);
            hashes.extend(of.iter().filter_map(hash));
        }
    }
    let marker = node
        .get("properties")
        .map_or(&[][..], Node::items)
        .iter()
        .find_map(|p| {
            let key = p.get("name").and_then(Node::as_str)?;
            (key == "uv:package:marker").then(|| p.get("value").and_then(Node::as_str).map(str::to_owned))?
        });
    let name = match text("group").filter(|g| !g.is_empty()) {
        Some(group) => format!("{group}/{name}"),
        None => name.to_owned(),
    };
    Some(Part {
        id: text("bom-ref").unwrap_or_default().to_owned(),
        name,
        version: text("version").map(str::to_owned),
        purl: text("purl").filter(|p| !p.is_empty()).map(str::to_owned),
        range: text("versionRange").map(str::to_owned),
        kind: match text("type").unwrap_or_default() {
            "machine-learning-model" => Some(ComponentKind::Model),
            "data" => Some(ComponentKind::Dataset),
            "container" => Some(ComponentKind::Image),
            _ => None,
        },
        hashes,
        marker,
        span: named.key_span.start..named.node.span.end,
    })
}

/// Says that a key stands there twice: readers differ in which of them they take, so one of them is not what others see.
fn twice(node: &Node, key: &str, bill: &mut Bill<'_>) {
    let mut places = node.entries().iter().filter(|e| e.key == key);
    if let (Some(first), Some(_)) = (places.next(), places.next()) {
        let message = format!("`{key}` stands here twice, and only the last of them was judged");
        bill.problem(first.key_span.clone(), message);
    }
}

fn first_line(node: &Node) -> std::ops::Range<usize> {
    node.span.start..node.span.start.saturating_add(1)
}

fn hash(node: &Node) -> Option<wellhead_core::Digest> {
    digest(
        node.get("alg").and_then(Node::as_str)?,
        node.get("content").and_then(Node::as_str)?,
    )
}

fn dependencies(root: &Node, bill: &mut Bill<'_>, budget: &mut Budget) {
    for node in root.get("dependencies").map_or(&[][..], Node::items) {
        let Some(from) = node.get("ref").and_then(Node::as_str) else {
            continue;
        };
        for to in node
            .get("dependsOn")
            .map_or(&[][..], Node::items)
            .iter()
            .filter_map(Node::as_str)
        {
            let cost = (from.len() as u64)
                .saturating_add(to.len() as u64)
                .saturating_add(64);
            if let Err(e) = budget.memory(cost) {
                return bill.partly(e.to_string());
            }
            bill.edges.push((from.to_owned(), to.to_owned()));
        }
    }
}
