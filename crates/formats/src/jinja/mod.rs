//! Jinja templates: what rendering one would reach.
//!
//! Runtimes render the chat template of a model on every request, some of them in an environment that lets it reach every
//! function of the process (CVE-2024-34359). The one decision: a template is judged by where its expressions lead, never
//! by the words in it. It is read as Jinja reads it and run without a conversation, so that a name that is put together
//! from pieces, turned round, or fetched out of a list is the name that it is, and a vocabulary that merely contains
//! `__class__` is not.

mod ast;
mod call;
mod embedded;
mod eval;
mod expr;
mod filter;
mod fold;
mod names;
mod operator;
mod parse;
mod token;
mod trigger;
mod value;

pub(crate) use embedded::embedded;
pub use eval::{Act, Reach};
use std::{ops::Range, sync::Arc};
pub use trigger::Trigger;
pub use value::Reached;
use wellhead_core::{Budget, Outcome};

/// A template and what rendering it would do.
#[derive(Clone, Debug)]
pub struct Template {
    /// The text.
    pub text: Arc<str>,
    /// It renders conversations of a model, and so has no business with anything else.
    pub chat: bool,
    /// The ways that it takes into the runtime.
    pub reaches: Vec<Reach>,
    /// Calls of functions that neither Jinja nor the runtimes of models define.
    pub unknown_calls: Vec<Act>,
    /// Other templates that it loads.
    pub loads: Vec<Act>,
    /// What would exhaust whoever renders it.
    pub hungers: Vec<Act>,
    /// Instructions that hang on a word of the conversation.
    pub triggers: Vec<Trigger>,
    /// Where something nests too deep to be followed.
    pub too_deep: Option<Range<usize>>,
    /// How it ended.
    pub outcome: Outcome,
}

/// Reads and runs a template. `name` is its path or the name of the member that it is.
pub fn analyse(name: &str, text: &Arc<str>, budget: &mut Budget) -> Template {
    let mut template = Template {
        text: Arc::clone(text),
        chat: is_chat(name, text),
        reaches: Vec::new(),
        unknown_calls: Vec::new(),
        loads: Vec::new(),
        hungers: Vec::new(),
        triggers: Vec::new(),
        too_deep: None,
        outcome: Outcome::Analysed,
    };
    let mut read = || {
        let tokens = token::tokens(text, budget)?;
        let tree = parse::parse(&tokens, budget)?;
        let found = eval::run(&tree, text, budget)?;
        let triggers = trigger::triggers(&tree, text, budget)?;
        // A token and the expressions that it makes.
        budget.release((tokens.len() as u64).saturating_mul(256));
        Ok::<_, wellhead_core::Exhausted>((found, triggers))
    };
    match read() {
        Ok((found, triggers)) => {
            template.reaches = found.reaches;
            template.unknown_calls = found.unknown_calls;
            template.loads = found.loads;
            template.hungers = found.hungers;
            template.too_deep = found.too_deep;
            template.triggers = triggers;
        }
        Err(why) => template.outcome = Outcome::Partly { why: why.to_string() },
    }
    template
}

/// Whether a template renders conversations: by its name, or by what it speaks of.
pub fn is_chat(name: &str, text: &str) -> bool {
    let name = name.to_lowercase();
    let leaf = name.rsplit(['/', '\\']).next().unwrap_or_default();
    if leaf.contains("chat_template") || leaf.contains("chat-template") || leaf.contains("prompt_template") {
        return true;
    }
    let speaks = [
        "add_generation_prompt",
        "bos_token",
        "eos_token",
        "message['role']",
        "message.role",
    ]
    .iter()
    .any(|word| text.contains(word));
    text.contains("messages") && (speaks || text.contains("content"))
}

#[cfg(test)]
mod tests;
