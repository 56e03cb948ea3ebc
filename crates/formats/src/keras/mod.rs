//! Configurations of Keras models: a tree of objects, each named by a module and a class that loading looks up and calls.
//!
//! Layers hold layers, wrappers hold layers, optimizers hold schedules, arguments of calls hold functions, and every one
//! of them goes through the same deserializer. So the one decision: the whole tree is walked and every object in it
//! counts, wherever it stands. Which of them are Keras's own is a matter of the rules; here each becomes an operator.
//! Bytecode, pickles and archives in texts become members, paths and addresses that layers read become references.

mod coded;
#[cfg(test)]
mod tests;
mod walk;

pub(crate) use walk::model;

use crate::{
    document::{Document, Opened, TextFile},
    format::table as t,
    model::{Model, Opening},
    text::{self, Node, Value},
};
use wellhead_core::{Budget, Outcome};

/// Whether bytes out of an attribute are worth reading as a configuration.
pub(crate) fn may_be_config(value: &[u8]) -> bool {
    let start = value.iter().find(|b| !b.is_ascii_whitespace());
    let says = |word: &[u8]| value.windows(word.len()).any(|w| w == word);
    // A key may be written with escapes.
    matches!(start, Some(b'{' | b'[')) && (says(b"class_name") || says(b"registered_name") || says(b"\\u00"))
}

/// Classes that a model without a module is of.
const MODELS: [&str; 4] = ["Sequential", "Functional", "Model", "Lambda"];

/// Whether a JSON text is the configuration of a model or a layer.
pub(crate) fn is_config(root: &Node) -> bool {
    let is_object = |node: &Node| {
        let Some(class) = node.get("class_name").and_then(Node::as_str) else {
            return false;
        };
        let Some(config) = node.get("config") else {
            return false;
        };
        node.get("module").is_some()
            || node.get("registered_name").is_some()
            || config.get("layers").is_some()
            || MODELS.contains(&class)
    };
    is_object(root)
        || ["model_config", "config", "training_config", "compile_config"]
            .into_iter()
            .filter_map(|key| root.get(key))
            .any(is_object)
}

/// Opens a text that its container says is a configuration.
pub(crate) fn open(opening: &Opening<'_>, text: TextFile, read: Outcome, budget: &mut Budget) -> Opened {
    let root = match text::json(&text.text, budget) {
        Ok(root) => root,
        Err(e) => {
            let why = format!("not valid JSON: {e}");
            return Opened {
                document: Document::Text(text),
                members: Vec::new(),
                outcome: read.and(Outcome::Partly { why }),
                depth: opening.options.depth,
            };
        }
    };
    let (model, members, outcome) = model(text, &root, budget);
    model.opened(members, read.and(outcome), opening)
}

/// A model of no objects yet.
fn empty(text: TextFile) -> Model {
    let mut model = Model::new(&t::KERAS_CONFIG);
    model.graph = crate::graph::Graph::new(crate::graph::Framework::Keras);
    model.text = Some(text);
    model
}

/// The text of a string that is not empty.
fn string(node: Option<&Node>) -> &str {
    match node.map(|n| &n.value) {
        Some(Value::String(text)) => text,
        _ => "",
    }
}
