//! The manifest of a TorchServe archive: which of its members the server imports and installs.
//!
//! The handler is Python that the server runs, so a name that leads out of the archive runs what lies there.

use crate::{
    document::Opened,
    graph::{Place, ReferenceKind},
    model::{Model, Opening},
    open::read_text,
    text::{self, Node},
};
use wellhead_core::{Budget, Outcome};

/// What names files of the archive.
const FILES: &[&str] = &[
    "handler",
    "modelFile",
    "serializedFile",
    "requirementsFile",
    "configFile",
];
/// Handlers that the server brings along.
const OWN: &[&str] = &[
    "image_classifier",
    "object_detector",
    "text_classifier",
    "image_segmenter",
];

/// Opens the manifest.
pub(crate) fn open(opening: &Opening<'_>, budget: &mut Budget) -> Opened {
    let mut model = Model::new(opening.identity.format);
    let outcome = match read_text(opening.blob, budget) {
        Err(why) => Outcome::NotAnalysed { why },
        Ok((file, outcome)) => match text::json(&file.text, budget) {
            Err(e) => outcome.and(Outcome::Partly {
                why: format!("not valid JSON: {e}"),
            }),
            Ok(root) => {
                read(&root, &mut model);
                outcome
            }
        },
    };
    model.opened(Vec::new(), outcome, opening)
}

fn read(root: &Node, model: &mut Model) {
    for entry in root.path(&["model"]).map(Node::entries).unwrap_or_default() {
        let Some(value) = entry.node.as_text() else {
            continue;
        };
        model.metadata.push((entry.key.clone(), value.to_owned()));
        if !FILES.contains(&entry.key.as_str()) || OWN.contains(&value) {
            continue;
        }
        // `file.py:function` names a function in it.
        let file = match value.rsplit_once(':') {
            Some((file, function)) if entry.key == "handler" && !function.contains(['/', '\\', '.']) => file,
            _ => value,
        };
        let place = Place {
            offset: entry.node.span.start as u64,
            length: value.len() as u64,
        };
        model.graph.reference(
            ReferenceKind::File,
            file,
            format!("the {} of the manifest", entry.key),
            place,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Document, OpenOptions, Role, assemble::assemble, identify};
    use wellhead_core::Blob;

    #[test]
    fn what_the_server_imports_is_named() {
        let listing = "member MAR-INF/MANIFEST.json\n  {\"model\": {\"handler\": \"../x.py:handle\", \"modelFile\": \
                       \"m.py\", \"modelVersion\": \"1\"}}\nmember m.py\n  x = 1\n";
        let (blob, budget) = (
            Blob::from_bytes(assemble("zip", listing).unwrap()),
            &mut Budget::default(),
        );
        let identity = identify("m.mar", Role::Plain, &blob, budget);
        let opened = crate::open("m.mar", &identity, &blob, OpenOptions::default(), budget);
        let member = &opened.members[0];
        let body = member.body(budget).blob;
        let identity = identify(&member.name, member.role, &body, budget);
        let options = OpenOptions {
            role: member.role,
            ..OpenOptions::default()
        };
        let opened = crate::open(&member.name, &identity, &body, options, budget);
        let Document::Model(model) = opened.document else {
            panic!()
        };
        let targets: Vec<_> = model.graph.references.iter().map(|r| r.target.as_str()).collect();
        assert_eq!(targets, ["../x.py", "m.py"]);
        assert_eq!(model.metadata.len(), 3);
    }
}
