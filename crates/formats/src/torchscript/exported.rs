//! The graph of an exported program, as JSON.
//!
//! A node names its target by a dotted path, which PyTorch resolves from the modules `torch`, `math` and `operator`
//! attribute by attribute. So a target is an operator where it begins with `torch.ops.`, and a callable of Python
//! where it does not.

use super::operator;
use crate::{
    document::Opened,
    graph::{Framework, Graph, Place, ReferenceKind},
    model::{Model, Opening},
    open::read_text,
    text::{self, Node},
};
use wellhead_core::{Budget, Exhausted, Outcome};

/// Functions of `operator` and `math` compute, but for those that reach into objects.
const REACHING: &[&str] = &[
    "attrgetter",
    "itemgetter",
    "methodcaller",
    "call",
    "setitem",
    "delitem",
];
/// Attributes of `torch` that exported programs name and that compute.
const COMPUTING: &[&str] = &[
    "torch.sym_",
    "torch._sym_",
    "torch._assert",
    "torch._check",
    "torch._higher_order_ops.",
    "torch._C._set_grad_enabled",
    "torch._C._functorch.",
    "torch._functorch.predispatch.",
    "torch.amp.autocast_mode._",
    "torch.autograd.grad_mode.set_grad_enabled",
    "torch.utils._sympy.functions.",
];

/// Opens the graph in a JSON text.
pub(crate) fn open(opening: &Opening<'_>, budget: &mut Budget) -> Opened {
    let mut model = Model::new(opening.identity.format);
    model.graph = Graph::new(Framework::Torch);
    let partly = |why: String| Outcome::Partly { why };
    let outcome = match read_text(opening.blob, budget) {
        Err(why) => Outcome::NotAnalysed { why },
        Ok((file, outcome)) => match text::json(&file.text, budget) {
            Err(e) => outcome.and(partly(format!("not valid JSON: {e}"))),
            Ok(root) => match nodes(&root, &mut model.graph, budget) {
                Ok(()) => outcome,
                Err(why) => outcome.and(partly(why.to_string())),
            },
        },
    };
    model.opened(Vec::new(), outcome, opening)
}

fn nodes(root: &Node, graph: &mut Graph, budget: &mut Budget) -> Result<(), Exhausted> {
    let mut targets: Vec<&Node> = Vec::new();
    root.walk(&mut |node| {
        // Whatever else has a target, only nodes of a graph have inputs too.
        let is_node = node.get("inputs").is_some() || node.get("outputs").is_some();
        targets.extend(node.get("target").filter(|_| is_node));
    });
    for node in targets {
        budget.steps(1)?;
        let Some(target) = node.as_str() else { continue };
        let place = Place {
            offset: node.span.start as u64,
            length: node.span.end.saturating_sub(node.span.start) as u64,
        };
        if let Some(rest) = target.strip_prefix("torch.ops.") {
            let (domain, rest) = rest.split_once('.').unwrap_or(("", rest));
            let name = rest.split_once('.').map_or(rest, |(name, _)| name);
            graph.operator(operator(domain, name, place, "graph"), budget)?;
        } else if let Some(callable) = callable(target) {
            graph.reference(ReferenceKind::Callable, &callable, "a node of the graph", place);
        }
    }
    Ok(())
}

/// The callable of Python that a target leads to, where it is none that is known to compute.
fn callable(target: &str) -> Option<String> {
    if let Some(name) = target
        .strip_prefix("_operator.")
        .or_else(|| target.strip_prefix("operator."))
    {
        let reaches = name.contains('.') || REACHING.contains(&name);
        return reaches.then(|| format!("operator.{name}"));
    }
    if let Some(name) = target.strip_prefix("math.") {
        return name.contains('.').then(|| target.to_owned());
    }
    let computes = |start: &str| {
        target
            .strip_prefix(start)
            .is_some_and(|rest| start.ends_with("functions.") || rest.matches('.').count() < 2)
    };
    (target.starts_with("torch") && !COMPUTING.iter().any(|s| computes(s))).then(|| target.to_owned())
}
