//! Templates that lie in strings of JSON, YAML and TOML.

use crate::{
    document::{Member, Role},
    format::table as t,
    text::{Node, Value},
};
use wellhead_core::{Budget, Exhausted};

/// Most templates of one file.
const MAX_TEMPLATES: usize = 64;
/// How deep they may lie.
const MAX_DEPTH: usize = 256;

/// Hands on the templates of a tree, each named by the way to it: `chat_template`, `chat_template.tool_use`.
///
/// # Errors
/// If there are more than can be kept, or the budget has run out.
pub(crate) fn embedded(root: &Node, budget: &mut Budget) -> Result<Vec<Member>, Exhausted> {
    let mut search = Search {
        way: Vec::new(),
        members: Vec::new(),
        budget,
    };
    search.node(root, false)?;
    Ok(search.members)
}

struct Search<'a, 'b> {
    way: Vec<&'a str>,
    members: Vec<Member>,
    budget: &'b mut Budget,
}

impl<'a> Search<'a, '_> {
    /// `named` is whether the way here says that this is a template.
    fn node(&mut self, node: &'a Node, named: bool) -> Result<(), Exhausted> {
        if self.way.len() >= MAX_DEPTH {
            return Ok(());
        }
        match &node.value {
            Value::String(text) if is_template(text, named) => self.take(text),
            Value::Array(items) => {
                self.budget.steps(items.len() as u64)?;
                for item in items {
                    // `[{"name": "tool_use", "template": "…"}]`
                    let name = item.get("name").and_then(Node::as_str).filter(|_| named);
                    match (name, item.get("template")) {
                        (Some(name), Some(template)) => {
                            self.way.push(name);
                            self.node(template, true)?;
                            self.way.pop();
                        }
                        _ => self.node(item, named)?,
                    }
                }
                Ok(())
            }
            Value::Table(entries) => {
                self.budget.steps(entries.len() as u64)?;
                for entry in entries {
                    self.way.push(&entry.key);
                    self.node(&entry.node, named || names_template(&entry.key))?;
                    self.way.pop();
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn take(&mut self, text: &str) -> Result<(), Exhausted> {
        self.budget.entries(1)?;
        if self.members.len() >= MAX_TEMPLATES {
            return Ok(());
        }
        self.budget.memory(text.len() as u64)?;
        let way = match self.way.as_slice() {
            [] => "template".to_owned(),
            way => way.join("."),
        };
        let twins = self.members.iter().filter(|m| {
            m.name == way
                || m.name
                    .strip_prefix(&way)
                    .is_some_and(|rest| rest.starts_with(" ("))
        });
        let name = match twins.count() {
            0 => way,
            n => format!("{way} ({})", n.saturating_add(1)),
        };
        self.members
            .push(Member::decoded(name, Role::As(&t::JINJA), text));
        Ok(())
    }
}

/// Whether a key says that its value is a template.
fn names_template(key: &str) -> bool {
    let key = key.as_bytes();
    key.len() >= 8 && key.len() <= 64 && key.to_ascii_lowercase().windows(8).any(|w| w == b"template")
}

/// Whether a string is one: it has a tag, and its key says so or its content does.
fn is_template(text: &str, named: bool) -> bool {
    let pair = |open: &str, close: &str| {
        text.split_once(open)
            .is_some_and(|(_, rest)| rest.contains(close))
    };
    if text.len() < 5 || !text.contains('{') || !(pair("{%", "%}") || pair("{{", "}}")) {
        return false;
    }
    named || text.contains("__") || (text.contains("messages") && text.contains("{%"))
}
