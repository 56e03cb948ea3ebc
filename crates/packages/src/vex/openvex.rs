//! OpenVEX 0.0.1 and 0.2.0.

use super::{JUSTIFICATIONS, Reading, VexProduct, VexStatement, VexStatus, id_of, said, time::seconds};
use std::collections::BTreeSet;
use wellhead_core::{Budget, Exhausted, code};
use wellhead_formats::text::{Node, Value};

pub(super) fn read(root: &Node, read: &mut Reading, budget: &mut Budget) -> Result<(), Exhausted> {
    read.author = said(root, "author");
    let when = |node: &Node| {
        let stated = node.get("last_updated").or_else(|| node.get("timestamp"));
        stated.and_then(Node::as_str).and_then(seconds)
    };
    let general = when(root);
    let Some(Value::Array(statements)) = root.get("statements").map(|n| &n.value) else {
        read.problem(root, "the document has no list of `statements`");
        return Ok(());
    };
    // 0.0.1 may name the products once for all statements.
    let inherited = root.get("products").map_or(&[][..], Node::items);
    for node in statements {
        let parts = node.get("products").map_or(inherited, Node::items).len();
        budget.steps(parts as u64)?;
        let stated = statement(node, inherited);
        read.take(node, stated, when(node).or(general), budget)?;
    }
    Ok(())
}

fn statement(node: &Node, inherited: &[Node]) -> Result<VexStatement, String> {
    let status = match node.get("status").and_then(Node::as_str) {
        Some("not_affected") => VexStatus::NotAffected,
        Some("affected") => VexStatus::Affected,
        Some("fixed") => VexStatus::Fixed,
        Some("under_investigation") => VexStatus::UnderInvestigation,
        Some(other) => return Err(format!("there is no status {}", code(other))),
        None => return Err("it has no `status`".to_owned()),
    };
    let ids = ids(node);
    if ids.is_empty() {
        return Err("it names no vulnerability".to_owned());
    }
    let products = products(node, inherited)?;
    let stated = said(node, "justification");
    let justification = stated.clone().filter(|j| JUSTIFICATIONS.contains(&j.as_str()));
    let reason = said(node, "impact_statement")
        .or_else(|| said(node, "action_statement").filter(|_| status == VexStatus::Affected))
        .or_else(|| said(node, "status_notes"));
    if status == VexStatus::NotAffected && justification.is_none() && said(node, "impact_statement").is_none()
    {
        return Err(match stated {
            Some(stated) => format!("there is no justification {}", code(&stated)),
            None => "it says `not_affected` and not why: neither `justification` nor `impact_statement`"
                .to_owned(),
        });
    }
    Ok(VexStatement {
        status,
        ids,
        products,
        justification,
        reason,
        when: None,
        span: node.span.clone(),
    })
}

/// All names of the flaw.
fn ids(node: &Node) -> BTreeSet<String> {
    let Some(flaw) = node.get("vulnerability") else {
        return BTreeSet::new();
    };
    if let Some(name) = flaw.as_str() {
        return id_of(name).into_iter().collect();
    }
    // An `@id` may be any address; it is asked where nothing else names the flaw.
    let aliases = flaw.get("aliases").map_or(&[][..], Node::items);
    let names: BTreeSet<String> = flaw
        .get("name")
        .into_iter()
        .chain(aliases)
        .filter_map(|n| id_of(n.as_str()?))
        .collect();
    if names.is_empty() {
        return flaw
            .get("@id")
            .and_then(|n| id_of(n.as_str()?))
            .into_iter()
            .collect();
    }
    names
}

fn products(node: &Node, inherited: &[Node]) -> Result<Vec<VexProduct>, String> {
    let own = node.get("products").map_or(&[][..], Node::items);
    let listed = if own.is_empty() { inherited } else { own };
    // 0.0.1 has the parts beside the products.
    let beside = node.get("subcomponents").map_or(&[][..], Node::items);
    let mut out = Vec::new();
    let mut first = None;
    for product in listed {
        let parts = product.get("subcomponents").map_or(beside, Node::items);
        let whole = identifier(product);
        first = first.or(whole);
        if parts.is_empty() {
            out.extend(whole.and_then(|p| VexProduct::new(p, None, Vec::new())));
        }
        // With parts named, the product is what they are in; the flaw is in the parts.
        let part = |part: &Node| VexProduct::new(identifier(part)?, whole, Vec::new());
        out.extend(parts.iter().filter_map(part));
    }
    match (out.is_empty(), first) {
        (false, _) => Ok(out),
        (true, None) => Err("it names no product".to_owned()),
        (true, Some(name)) => Err(format!("{} is no package URL", code(name))),
    }
}

/// What identifies a product: the package URL among its identifiers, or its `@id`.
fn identifier(node: &Node) -> Option<&str> {
    let stated = node
        .path(&["identifiers", "purl"])
        .or_else(|| node.get("@id"))
        .unwrap_or(node);
    stated.as_str()
}
