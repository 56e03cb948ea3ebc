//! Templates that runtimes render on every request: what that reaches, what it costs, and what it whispers.
//!
//! A chat template has no business with anything but the conversation. Other templates, of web pages and recipes, may
//! call what they like, so of them only what runs something is told.

mod template_instruction_backdoor;
mod template_resource_exhaustion;
#[cfg(test)]
mod tests;
mod unknown_template_call;
mod unsafe_template;

use crate::{Check, Registered};
use wellhead_core::{Location, Sink};
use wellhead_formats::jinja::Template;

pub(crate) static RULES: &[Registered] = &[
    Registered {
        rule: &unsafe_template::UNSAFE_TEMPLATE,
        check: Check::Template(unsafe_template::check),
    },
    Registered {
        rule: &template_instruction_backdoor::TEMPLATE_INSTRUCTION_BACKDOOR,
        check: Check::Template(template_instruction_backdoor::check),
    },
    Registered {
        rule: &template_resource_exhaustion::TEMPLATE_RESOURCE_EXHAUSTION,
        check: Check::Template(template_resource_exhaustion::check),
    },
    Registered {
        rule: &unknown_template_call::UNKNOWN_TEMPLATE_CALL,
        check: Check::Template(unknown_template_call::check),
    },
];

/// A part of the template as a place.
fn place(template: &Template, span: &std::ops::Range<usize>, sink: &Sink, label: &str) -> Location {
    sink.text(&template.text, span.clone(), label)
}

/// "this chat template", or what else it is.
fn this(template: &Template) -> &'static str {
    if template.chat {
        "this chat template"
    } else {
        "this template"
    }
}
