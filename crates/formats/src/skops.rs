//! The schema of a skops model: a tree of nodes, each of which names a class and the loader that makes it.
//!
//! skops asks its user to trust each class that it does not know, so what matters is what a loader does with a node,
//! which is not always what the node says of itself (CVE-2025-54412, CVE-2025-54413). The one decision: a node is read
//! as its loader takes it, and where that contradicts what it shows to whoever is asked, it is a defect.

use crate::{
    document::Opened,
    graph::{Graph, Place, ReferenceKind},
    model::{Model, Opening},
    open::read_text,
    tensors::{Defect, DefectKind, defect_of},
    text::{self, Node},
};
use wellhead_core::{Budget, Exhausted, Outcome, code};

/// Opens the schema.
pub(crate) fn open(opening: &Opening<'_>, budget: &mut Budget) -> Opened {
    let mut model = Model::new(opening.identity.format);
    let partly = |why: String| Outcome::Partly { why };
    let outcome = match read_text(opening.blob, budget) {
        Err(why) => Outcome::NotAnalysed { why },
        Ok((file, outcome)) => match text::json(&file.text, budget) {
            Err(e) => outcome.and(partly(format!("not valid JSON: {e}"))),
            Ok(root) => {
                for key in ["_skops_version", "protocol"] {
                    if let Some(value) = root.get(key).and_then(Node::as_text) {
                        model.metadata.push((key.to_owned(), value.to_owned()));
                    }
                }
                let mut all = Vec::new();
                root.walk(&mut |node| all.extend(node.get("__loader__").map(|_| node)));
                match nodes(&all, &mut model.graph, &mut model.defects, budget) {
                    Ok(()) => outcome,
                    Err(why) => outcome.and(partly(why.to_string())),
                }
            }
        },
    };
    model.opened(Vec::new(), outcome, opening)
}

fn nodes(
    all: &[&Node],
    graph: &mut Graph,
    defects: &mut Vec<Defect>,
    budget: &mut Budget,
) -> Result<(), Exhausted> {
    let mut seen = std::collections::BTreeSet::new();
    for node in all {
        budget.steps(8)?;
        let field = |key| node.get(key).and_then(Node::as_str).unwrap_or_default();
        let (loader, module, class) = (field("__loader__"), field("__module__"), field("__class__"));
        let at = node.span.start as u64..node.span.end as u64;
        let mut lies = |words: String| defect_of(defects, DefectKind::Ambiguous, at.clone(), words);
        let (kind, target) = match loader {
            "OperatorFuncNode" => {
                if !matches!(module, "operator" | "_operator") {
                    lies(format!(
                        "a node shows {} and its loader calls {}",
                        code(&format!("{module}.{class}")),
                        code(&format!("operator.{class}"))
                    ));
                }
                let usual = matches!(class, "attrgetter" | "itemgetter");
                let kind = if usual {
                    None
                } else {
                    Some(ReferenceKind::Callable)
                };
                (kind, format!("operator.{class}"))
            }
            "MethodNode" => {
                let inner = |key| {
                    let node = node.path(&["content", "obj", key]);
                    node.and_then(Node::as_str).unwrap_or_default()
                };
                let (module_in, class_in) = (inner("__module__"), inner("__class__"));
                if (module_in, class_in) != (module, class) {
                    lies(format!(
                        "a node shows a method of {} and its loader takes it from {}",
                        code(&format!("{module}.{class}")),
                        code(&format!("{module_in}.{class_in}"))
                    ));
                }
                let name = node.path(&["content", "func"]).and_then(Node::as_str);
                let name = name.unwrap_or_default();
                (
                    Some(ReferenceKind::Object),
                    format!("{module_in}.{class_in}.{name}"),
                )
            }
            // What its loader makes of these is fixed, whatever class they show.
            "JsonNode" | "CachedNode" | "TupleNode" | "ListNode" | "SetNode" | "DictNode" | "SliceNode"
            | "BytesNode" | "BytearrayNode"
                if matches!(module, "builtins" | "collections") =>
            {
                (None, String::new())
            }
            _ => (Some(ReferenceKind::Object), format!("{module}.{class}")),
        };
        let Some(kind) = kind.filter(|_| !target.starts_with('.')) else {
            continue;
        };
        // A forest has the same class a hundred times.
        budget.memory(target.len() as u64)?;
        if seen.insert(target.clone()) {
            let place = Place {
                offset: at.start,
                length: at.end.saturating_sub(at.start),
            };
            graph.reference(
                kind,
                &target,
                format!("a node that {} loads", code(loader)),
                place,
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Document, OpenOptions, Role, format::table as t, identify};
    use proptest::prelude::*;
    use wellhead_core::Blob;

    fn show(text: &str) -> String {
        let (blob, budget) = (Blob::from_bytes(text.as_bytes()), &mut Budget::default());
        let role = Role::As(&t::SKOPS_SCHEMA);
        let identity = identify("schema.json", role, &blob, budget);
        let options = OpenOptions {
            role,
            ..OpenOptions::default()
        };
        let opened = crate::open("schema.json", &identity, &blob, options, budget);
        let Document::Model(model) = opened.document else {
            return String::new();
        };
        let references = model.graph.references.iter();
        let mut lines: Vec<_> = references.map(|r| format!("{:?} {}", r.kind, r.target)).collect();
        lines.extend(model.defects.iter().map(|d| d.words.clone()));
        lines.join("\n")
    }

    #[test]
    fn nodes_are_read_as_their_loaders_take_them() {
        insta::assert_snapshot!(show(r#"{"__class__": "Pipeline", "__module__": "sklearn.pipeline", "__loader__": "ObjectNode", "content": [
            {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "content": []},
            {"__class__": "system", "__module__": "posix", "__loader__": "FunctionNode"},
            {"__class__": "call", "__module__": "sklearn.linear_model", "__loader__": "OperatorFuncNode", "attrs": {}},
            {"__class__": "itemgetter", "__module__": "operator", "__loader__": "OperatorFuncNode", "attrs": {}},
            {"__class__": "Ridge", "__module__": "sklearn.linear_model", "__loader__": "MethodNode", "content":
               {"func": "__init__", "obj": {"__class__": "Popen", "__module__": "subprocess", "__loader__": "ObjectNode"}}}
        ]}"#), @"
        Object sklearn.pipeline.Pipeline
        Object posix.system
        Callable operator.call
        Object subprocess.Popen.__init__
        Object subprocess.Popen
        a node shows `sklearn.linear_model.call` and its loader calls `operator.call`
        a node shows a method of `sklearn.linear_model.Ridge` and its loader takes it from `subprocess.Popen`
        ");
    }

    proptest! {
        #[test]
        fn never_panics(text in "[\\[\\]{}:,\"_a-z ]{0,100}") {
            show(&text);
        }
    }
}
