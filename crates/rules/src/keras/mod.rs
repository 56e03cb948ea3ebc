//! Rules about configurations of Keras: the objects that loading looks up and calls, and the code that layers hold.

mod table;
#[cfg(test)]
mod tests;
mod unsafe_keras_lambda;
mod unsafe_keras_object;

use crate::{Check, Registered};
use wellhead_core::{Excerpt, ExcerptKind, Location, Sink, code};
use wellhead_formats::{graph::Operator, model::Model};

pub(crate) static RULES: &[Registered] = &[
    Registered {
        rule: &unsafe_keras_lambda::UNSAFE_KERAS_LAMBDA,
        check: Check::Model(unsafe_keras_lambda::check),
    },
    Registered {
        rule: &unsafe_keras_object::UNSAFE_KERAS_OBJECT,
        check: Check::Model(unsafe_keras_object::check),
    },
];

/// The place of an object: in the text of the configuration, where there is one.
fn locate(model: &Model, operator: &Operator, sink: &Sink, label: &str) -> Location {
    let place = operator.place;
    if let Some(text) = &model.text {
        let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(text.text.len());
        let range = at(place.offset)..at(place.offset.saturating_add(place.length));
        // A configuration is one line of many kilobytes; what surrounds the name is what people need.
        if text.text.lines().next().is_some_and(|line| line.len() < 400) {
            return sink.text(&text.text, range, label);
        }
    }
    let mut excerpt = Excerpt::new(ExcerptKind::Header);
    let mut line = format!("{:#08x}  {}", place.offset, path(operator));
    if !operator.scope.is_empty() {
        line.push_str(&format!("  in {}", code(&operator.scope)));
    }
    excerpt.push_line(1, &line);
    for (number, (name, value)) in (2..).zip(operator.attributes.iter().take(6)) {
        excerpt.push_line(number, &format!("          {} = {}", code(name), code(value)));
    }
    excerpt.mark(1, "", label, true);
    sink.bytes(place.offset, place.length, label)
        .with_excerpt(excerpt)
}

/// The dotted name of an object.
fn path(operator: &Operator) -> String {
    if operator.domain.is_empty() {
        operator.name.clone()
    } else {
        format!("{}.{}", operator.domain, operator.name)
    }
}

/// Whether the reader marked an operator so.
fn is(operator: &Operator, mark: &str) -> bool {
    operator.attributes.iter().any(|(name, _)| name == mark)
}

/// The value of an attribute.
fn attribute<'a>(operator: &'a Operator, name: &str) -> Option<&'a str> {
    let found = operator.attributes.iter().find(|(n, _)| n == name);
    found.map(|(_, value)| value.as_str())
}

/// "the layer `x`", or "the model" for what has no name.
fn whose(operator: &Operator) -> String {
    let name = if operator.scope.is_empty() {
        &operator.node
    } else {
        &operator.scope
    };
    if name.is_empty() {
        "the model".to_owned()
    } else {
        code(name)
    }
}
