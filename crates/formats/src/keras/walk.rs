//! The walk over a configuration.

use super::{coded, empty, string};
use crate::{
    document::{Member, TextFile},
    graph::{Operator, Place, ReferenceKind},
    model::Model,
    tensors::{DefectKind, defect_of},
    text::{self, Node, Value},
};
use wellhead_core::{Budget, Exhausted, Outcome, code};

/// Most members of one configuration.
const MAX_MEMBERS: usize = 4096;
/// Longest scope that is kept; deeper objects are told by its beginning.
const MAX_SCOPE: usize = 200;

/// The configuration as a model, with what goes back to the queue.
pub(crate) fn model(text: TextFile, root: &Node, budget: &mut Budget) -> (Model, Vec<Member>, Outcome) {
    let mut walk = Walk {
        model: empty(text),
        members: Vec::new(),
        budget,
        too_many: false,
    };
    for key in [
        "keras_version",
        "backend",
        "class_name",
        "module",
        "registered_name",
    ] {
        if let Some(value) = root.get(key).and_then(Node::as_str) {
            walk.model
                .metadata
                .push((key.to_owned(), value.chars().take(1024).collect()));
        }
    }
    let ended = walk.node(root, "", "");
    let outcome = match ended {
        Err(why) => Outcome::Partly { why: why.to_string() },
        Ok(()) if walk.too_many => Outcome::Partly {
            why: "more coded texts than are looked into".to_owned(),
        },
        Ok(()) => Outcome::Analysed,
    };
    (walk.model, walk.members, outcome)
}

struct Walk<'b> {
    model: Model,
    members: Vec<Member>,
    budget: &'b mut Budget,
    too_many: bool,
}

/// Keys whose texts name a function or an object that is looked up.
fn is_role(key: &str) -> bool {
    matches!(
        key,
        "activation"
            | "recurrent_activation"
            | "loss"
            | "metrics"
            | "weighted_metrics"
            | "optimizer"
            | "dtype_policy"
    ) || ["_initializer", "_regularizer", "_constraint"]
        .iter()
        .any(|end| key.ends_with(end))
}

/// Keys whose texts are files that a layer reads.
fn is_file(key: &str) -> bool {
    matches!(
        key,
        "vocabulary"
            | "vocab"
            | "vocab_file"
            | "vocabulary_file"
            | "vocab_path"
            | "filename"
            | "lookup_table"
    )
}

/// Keys whose texts are files or contents.
fn may_be_file(key: &str) -> bool {
    matches!(
        key,
        "merges"
            | "proto"
            | "weights"
            | "weights_path"
            | "path"
            | "filepath"
            | "file_path"
            | "fname"
            | "cache_dir"
            | "cache_subdir"
            | "origin"
            | "url"
            | "uri"
            | "handle"
            | "model_path"
            | "checkpoint"
    )
}

fn is_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, rest)| {
        !rest.is_empty()
            && (2..=8).contains(&scheme.len())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

fn leaves(text: &str) -> bool {
    let drive = matches!(text.as_bytes(), [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic());
    text.starts_with(['/', '\\', '~']) || drive || text.split(['/', '\\']).any(|part| part == "..")
}

fn place(node: &Node) -> Place {
    Place {
        offset: node.span.start as u64,
        length: (node.span.end as u64).saturating_sub(node.span.start as u64),
    }
}

/// A function or class that is not named as an object of its own.
fn named(domain: &str, name: &str, how: &str, scope: &str, at: &Node) -> Operator {
    Operator {
        domain: domain.to_owned(),
        name: name.to_owned(),
        scope: scope.to_owned(),
        place: place(at),
        attributes: vec![(how.to_owned(), String::new())],
        ..Operator::default()
    }
}

impl Walk<'_> {
    /// Walks a value. The reader of JSON bounds how deep values nest.
    fn node(&mut self, node: &Node, scope: &str, key: &str) -> Result<(), Exhausted> {
        self.budget.steps(1)?;
        match &node.value {
            Value::Table(entries) => {
                let inner = self.table(node, scope)?;
                let is_object = node.get("class_name").is_some();
                for entry in entries {
                    // Texts below `loss` or `metrics` are names also in lists and tables of outputs.
                    let below = if !is_object && is_role(key) {
                        key
                    } else {
                        &entry.key
                    };
                    self.node(&entry.node, &inner, below)?;
                }
            }
            Value::Array(items) => {
                // A list of words is a vocabulary itself, one word is the file that it lies in.
                let below = if is_role(key) { key } else { "" };
                for item in items {
                    self.node(item, scope, below)?;
                }
            }
            Value::String(text) => self.string(node, text, scope, key)?,
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        Ok(())
    }

    fn string(&mut self, node: &Node, text: &str, scope: &str, key: &str) -> Result<(), Exhausted> {
        self.budget.steps((text.len() as u64 / 64).saturating_add(1))?;
        if is_role(key) && !text.is_empty() {
            let operator = named("", text, "name", scope, node);
            self.model.graph.operator(operator, self.budget)?;
        }
        let by = || {
            format!(
                "{} of {}",
                key,
                if scope.is_empty() { "the model" } else { scope }
            )
        };
        if is_url(text) && (is_file(key) || may_be_file(key)) {
            self.model
                .graph
                .reference(ReferenceKind::Url, text, by(), place(node));
        } else if (is_file(key) && !text.is_empty())
            || (may_be_file(key) && leaves(text) && text.len() < 1024)
        {
            self.model
                .graph
                .reference(ReferenceKind::File, text, by(), place(node));
        }
        if let Some(member) = coded::anything(&format!("{scope} {key}"), text) {
            self.member(member)?;
        }
        Ok(())
    }

    /// Keeps a member under a name of its own, unless the same bytes are there already.
    fn member(&mut self, mut member: Member) -> Result<(), Exhausted> {
        self.budget.memory(member.size.saturating_add(128))?;
        if self.members.len() >= MAX_MEMBERS {
            self.too_many = true;
            return Ok(());
        }
        member.name = member.name.trim().to_owned();
        let same = |m: &Member| m.name == member.name || m.name.starts_with(&format!("{} (", member.name));
        let before = self.members.iter().filter(|m| same(m)).count();
        if before > 0 {
            member.name = format!("{} ({})", member.name, before.saturating_add(1));
        }
        self.members.push(member);
        Ok(())
    }

    /// Looks at a table as an object, if it is one; the scope of what is in it.
    fn table(&mut self, node: &Node, scope: &str) -> Result<String, Exhausted> {
        let classes: Vec<&Node> = node
            .entries()
            .iter()
            .filter(|e| e.key == "class_name" && e.node.as_str().is_some())
            .map(|e| &e.node)
            .collect();
        if classes.is_empty() {
            return Ok(scope.to_owned());
        }
        if let [first, _, ..] = classes.as_slice() {
            let words = format!("an object has {} twice", code("class_name"));
            let at = place(first);
            let at = at.offset..at.offset.saturating_add(at.length);
            defect_of(&mut self.model.defects, DefectKind::Ambiguous, at, words);
        }
        let config = node.get("config");
        let own = match string(config.and_then(|c| c.get("name"))) {
            "" => string(node.get("name")),
            name => name,
        };
        let mut inner = scope.to_owned();
        if !own.is_empty() && inner.len() < MAX_SCOPE {
            if !inner.is_empty() {
                inner.push('/');
            }
            inner.extend(own.chars().take(MAX_SCOPE));
        }
        for class in classes {
            self.object(node, class, config, own, &inner)?;
        }
        Ok(inner)
    }

    fn object(
        &mut self,
        node: &Node,
        class: &Node,
        config: Option<&Node>,
        own: &str,
        scope: &str,
    ) -> Result<(), Exhausted> {
        let name = string(Some(class));
        let module = string(node.get("module"));
        let registered = string(node.get("registered_name"));
        let mut operator = Operator {
            domain: module.to_owned(),
            name: name.to_owned(),
            node: own.to_owned(),
            scope: scope.to_owned(),
            place: place(class),
            ..Operator::default()
        };
        if !registered.is_empty() && registered != name {
            operator
                .attributes
                .push(("registered_name".to_owned(), registered.to_owned()));
        }
        match name {
            "function" => {
                let function = string(config);
                if !function.is_empty() {
                    function.clone_into(&mut operator.name);
                    operator.attributes.push(("function".to_owned(), String::new()));
                }
            }
            "Lambda" => return self.lambda(config, operator, scope),
            "__lambda__" => {
                operator
                    .attributes
                    .push(("code".to_owned(), "bytecode".to_owned()));
                self.bytecode(config.and_then(|c| c.get("value")).or(config), scope, "function")?;
                return self.model.graph.operator_of_its_own(operator, self.budget);
            }
            "TFOpLambda" | "SlicingOpLambda" | "ClassMethod" => {
                let config = config.unwrap_or(node);
                let path = match name {
                    "ClassMethod" => format!(
                        "{}.{}",
                        string(config.get("cls_symbol")),
                        string(config.get("method_name"))
                    ),
                    _ => string(config.get("function")).to_owned(),
                };
                let inner = named("tensorflow", &path, "function", scope, class);
                self.model.graph.operator(inner, self.budget)?;
            }
            "TensorFlowOpLayer" => {
                let definition = config.and_then(|c| c.get("node_def"));
                self.node_definition(definition, scope, class)?;
            }
            "TorchModuleWrapper" => {
                let value = config.and_then(|c| c.get("module"));
                let text = match value.map(|v| &v.value) {
                    Some(Value::String(text)) => text.as_str(),
                    _ => string(value.and_then(|v| v.path(&["config", "value"]))),
                };
                if !text.is_empty() {
                    self.member(coded::torch_module(format!("{scope} torch module"), text))?;
                }
            }
            _ => {}
        }
        self.model.graph.operator(operator, self.budget)
    }

    /// An operator of TensorFlow, as a table or as JSON in a text.
    fn node_definition(
        &mut self,
        definition: Option<&Node>,
        scope: &str,
        at: &Node,
    ) -> Result<(), Exhausted> {
        let Some(definition) = definition else {
            return Ok(());
        };
        let parsed;
        let op = match &definition.value {
            Value::String(text) => {
                let Ok(root) = text::json(text, self.budget) else {
                    return Ok(());
                };
                parsed = root;
                string(parsed.get("op"))
            }
            _ => string(definition.get("op")),
        };
        let operator = named("tensorflow.raw_ops", op, "function", scope, at);
        self.model.graph.operator(operator, self.budget)
    }

    /// A layer whose function is code of its own, or a function by name.
    fn lambda(
        &mut self,
        config: Option<&Node>,
        mut operator: Operator,
        scope: &str,
    ) -> Result<(), Exhausted> {
        let mut holds_code = false;
        for key in ["function", "output_shape", "mask"] {
            let Some(value) = config.and_then(|c| c.get(key)) else {
                continue;
            };
            let of = string(config.and_then(|c| c.get(&format!("{key}_type"))));
            match &value.value {
                // Bytecode, defaults, closure.
                Value::Array(items)
                    if (key == "function" || of == "lambda") && !string(items.first()).is_empty() =>
                {
                    holds_code = true;
                    self.bytecode(items.first(), scope, key)?;
                }
                Value::String(_) if of == "lambda" => {
                    holds_code = true;
                    self.bytecode(Some(value), scope, key)?;
                }
                Value::String(text) if !text.is_empty() => {
                    let module_key = if key == "function" {
                        "module".to_owned()
                    } else {
                        format!("{key}_module")
                    };
                    let module = string(config.and_then(|c| c.get(&module_key)));
                    let inner = named(module, text, "function", scope, value);
                    self.model.graph.operator(inner, self.budget)?;
                }
                // An object of its own is met by the walk.
                Value::Table(_) => {
                    holds_code |= string(value.get("class_name")) == "__lambda__";
                }
                _ => {}
            }
        }
        let what = if holds_code { "bytecode" } else { "name" };
        operator.attributes.push(("code".to_owned(), what.to_owned()));
        self.model.graph.operator_of_its_own(operator, self.budget)
    }

    fn bytecode(&mut self, value: Option<&Node>, scope: &str, key: &str) -> Result<(), Exhausted> {
        let text = string(value);
        // What is clearly bytecode becomes a member when the walk meets its text.
        if text.is_empty() || coded::anything("", text).is_some() {
            return Ok(());
        }
        self.member(coded::bytecode(format!("{scope} {key}"), text))
    }
}
