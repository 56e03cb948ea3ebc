//! Rules about models of any format: what running one does, what it needs from outside, and where it lies.
//!
//! They look at the one document that all model formats open into, so each is written once.

mod code_in_saved_object;
mod model_external_reference;
mod model_malformed;
pub(crate) mod table;
#[cfg(test)]
mod tests;
mod unknown_model_operator;
mod unsafe_model_callable;
mod unsafe_model_operator;

use crate::{Check, Registered};
use wellhead_core::{Excerpt, ExcerptKind, Location, Sink, code};
use wellhead_formats::graph::{Operator, Place};

pub(crate) static RULES: &[Registered] = &[
    Registered {
        rule: &code_in_saved_object::CODE_IN_SAVED_OBJECT,
        check: Check::Model(code_in_saved_object::check),
    },
    Registered {
        rule: &unsafe_model_operator::UNSAFE_MODEL_OPERATOR,
        check: Check::Model(unsafe_model_operator::check),
    },
    Registered {
        rule: &unknown_model_operator::UNKNOWN_MODEL_OPERATOR,
        check: Check::Model(unknown_model_operator::check),
    },
    Registered {
        rule: &unsafe_model_callable::UNSAFE_MODEL_CALLABLE,
        check: Check::Model(unsafe_model_callable::check),
    },
    Registered {
        rule: &model_external_reference::MODEL_EXTERNAL_REFERENCE,
        check: Check::Model(model_external_reference::check),
    },
    Registered {
        rule: &model_malformed::MODEL_MALFORMED,
        check: Check::Model(model_malformed::check),
    },
];

/// How many lines an excerpt has.
const MAX_LINES: usize = 8;

/// A place in a model, shown by lines of which the first is marked.
fn place(sink: &Sink, place: Place, lines: &[String], label: &str) -> Location {
    let mut excerpt = Excerpt::new(ExcerptKind::Header);
    for (number, line) in (1..).zip(lines.iter().take(MAX_LINES)) {
        excerpt.push_line(number, line);
    }
    excerpt.mark(1, "", label, true);
    sink.bytes(place.offset, place.length, label)
        .with_excerpt(excerpt)
}

/// An operator with its attributes, a line each.
fn lines(operator: &Operator) -> Vec<String> {
    let mut first = format!("{:#010x}  {}", operator.place.offset, qualified(operator));
    for (what, text) in [("node", &operator.node), ("in", &operator.scope)] {
        if !text.is_empty() {
            first.push_str(&format!("  {what} {}", code(text)));
        }
    }
    let mut lines = vec![first];
    lines.extend(
        operator
            .attributes
            .iter()
            .map(|(name, value)| format!("            {} = {}", code(name), code(value))),
    );
    lines
}

/// The operator's name with the set that it comes from.
fn qualified(operator: &Operator) -> String {
    if operator.domain.is_empty() {
        operator.name.clone()
    } else {
        format!("{}::{}", operator.domain, operator.name)
    }
}
