//! OpenVINO's graphs: XML whose layers name an operation and the set that it comes from. The weights lie in a file of
//! their own.

use super::scan::attribute;
use crate::{
    document::{Member, Opened, Role},
    format::table as t,
    graph::{Framework, Graph, Operator, Place},
    model::{Model, Opening},
    open::read_text,
};
use wellhead_core::{Budget, Exhausted, Outcome};

/// Opens a graph.
pub(crate) fn open(opening: &Opening<'_>, budget: &mut Budget) -> Opened {
    let mut model = Model::new(&t::OPENVINO);
    model.graph = Graph::new(Framework::OpenVino);
    let mut members = Vec::new();
    let outcome = match read_text(opening.blob, budget) {
        Err(why) => Outcome::NotAnalysed { why },
        Ok((file, outcome)) => {
            let head = file.text.get(..file.text.len().min(4096)).unwrap_or(&file.text);
            for key in ["name", "version"] {
                if let Some(value) = head.find("<net").and_then(|at| attribute(head.get(at..)?, key)) {
                    model.metadata.push((key.to_owned(), value.to_owned()));
                }
            }
            // What a parser does before it sees a layer is judged as for any other XML.
            if file.text.contains("<!DOCTYPE") || file.text.contains("XInclude") {
                members.push(Member::stored("as xml", Role::As(&t::XML), opening.blob.clone()));
            }
            match layers(&file.text, &mut model.graph, budget) {
                Ok(()) => outcome,
                Err(why) => outcome.and(Outcome::Partly { why: why.to_string() }),
            }
        }
    };
    model.opened(members, outcome, opening)
}

fn layers(text: &str, graph: &mut Graph, budget: &mut Budget) -> Result<(), Exhausted> {
    let mut at = 0_usize;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find("<layer")) {
        let start = at.saturating_add(found);
        let rest = text.get(start..).unwrap_or_default();
        let end = rest.find('>').unwrap_or(rest.len());
        budget.steps(1_u64.saturating_add(end as u64 / 16))?;
        let tag = rest.get(..end).unwrap_or_default();
        if let Some(name) = attribute(tag, "type") {
            let operator = Operator {
                domain: attribute(tag, "version").unwrap_or_default().to_owned(),
                name: name.to_owned(),
                node: attribute(tag, "name").unwrap_or_default().to_owned(),
                place: Place {
                    offset: start as u64,
                    length: tag.len() as u64,
                },
                ..Operator::default()
            };
            graph.operator(operator, budget)?;
        }
        at = start.saturating_add(end.max(1));
    }
    Ok(())
}
