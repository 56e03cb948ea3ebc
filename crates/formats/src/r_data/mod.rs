//! R's serialised objects: `.rds` (one object) and `.RData` (the variables that `load` assigns).
//!
//! Reading one builds values only, but a value may be a promise: code that runs as soon as somebody touches it
//! (CVE-2024-27322; R before 4.4 hands it over as if it were the value). The one decision: where such code stands decides.
//! In place of a value it is an attack; as the unused argument of a function that is saved with its environment it is
//! ordinary, and what it calls is judged; in a function it is what functions are.

mod machine;
mod stream;
#[cfg(test)]
mod tests;

use crate::{
    document::{Member, Opened, Role},
    graph::{Framework, Graph, Operator, Place, ReferenceKind},
    identify::hides,
    model::{Model, Opening},
    tensors::{DefectKind, Tensor, defect, defect_of},
};
use machine::{Code, Found};
use std::collections::BTreeSet;
use stream::{Encoding, Stop, Stream};
use wellhead_core::{Budget, Exhausted, Outcome};

/// Functions that R itself calls when a workspace is loaded or left.
static HOOKS: &[&str] = &[
    ".First",
    ".First.sys",
    ".Last",
    ".Last.sys",
    ".onLoad",
    ".onAttach",
];

/// Functions that call what they are given by name.
static INDIRECT: &[&str] = &[
    "do.call",
    "match.fun",
    "get",
    "mget",
    "lapply",
    "sapply",
    "vapply",
    "mapply",
    "Map",
    "Reduce",
    "Filter",
    "apply",
    "outer",
    "::",
    ":::",
];

/// Opens the file.
pub(crate) fn open(opening: &Opening<'_>, budget: &mut Budget) -> Opened {
    let mut model = Model::new(opening.identity.format);
    model.graph = Graph::new(Framework::R);
    let mut members = Vec::new();
    let outcome = match read(opening, &mut model, &mut members, budget) {
        Ok(()) => Outcome::Analysed,
        Err(Stop::Cut(why)) => Outcome::Partly { why },
        Err(Stop::Damaged(why)) => {
            defect(&mut model.defects, 0..opening.blob.len(), why);
            Outcome::Partly {
                why: format!("damaged: {why}"),
            }
        }
    };
    model.opened(members, outcome, opening)
}

fn read(
    opening: &Opening<'_>,
    model: &mut Model,
    members: &mut Vec<Member>,
    budget: &mut Budget,
) -> Result<(), Stop> {
    let blob = opening.blob;
    let head = blob.bytes(0, 5).unwrap_or_default();
    let variables = matches!(&head[..], [b'R', b'D', b'A' | b'B' | b'X', b'2' | b'3', b'\n']);
    let start = if variables { 5 } else { 0 };
    let mut stream = Stream::new(blob, start).ok_or(Stop::Damaged("does not begin as R data does"))?;
    let fact = |model: &mut Model, name: &str, value: String| model.metadata.push((name.to_owned(), value));
    let written = match stream.encoding {
        Encoding::Xdr => "XDR",
        Encoding::Native => "binary",
        Encoding::Text => "text",
    };
    fact(model, "encoding", written.to_owned());
    let version = stream.int()?;
    if !(2..=3).contains(&version) {
        return Err(Stop::Damaged("has a version that R does not have"));
    }
    fact(model, "version", version.to_string());
    let writer = stream.int()?.cast_unsigned();
    let (major, minor, patch) = (writer >> 16, (writer >> 8) & 0xff, writer & 0xff);
    fact(model, "written by", format!("R {major}.{minor}.{patch}"));
    stream.int()?;
    if version == 3 {
        let length = stream.length()?;
        let encoding = stream.text(length, budget)?;
        fact(model, "texts in", encoding);
    }
    let (found, end) = machine::run(&mut stream, variables, budget);
    facts(model, &found);
    emit(model, &found, budget)?;
    if let Some(why) = stream.failed() {
        return Err(Stop::Cut(format!("could not be read: {why}")));
    }
    end?;
    let rest = blob.slice(stream.at, u64::MAX);
    let head = rest.bytes(0, 4096).unwrap_or_default();
    if let Some(format) = hides(&head, &rest, budget) {
        let words = "a file of another format stands behind the object";
        defect_of(
            &mut model.defects,
            DefectKind::Smuggled,
            stream.at..blob.len(),
            words,
        );
        let name = format!("bytes at {:#x}", stream.at);
        members.push(Member {
            hidden: true,
            ..Member::stored(name, Role::As(format), rest)
        });
    }
    Ok(())
}

fn facts(model: &mut Model, found: &Found) {
    let list = |names: Vec<&String>| -> String {
        let shown: Vec<&str> = names.iter().take(32).map(|n| n.as_str()).collect();
        let more = names.len().saturating_sub(shown.len());
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        format!("{}{more}", shown.join(", "))
    };
    for (name, value) in [
        ("variables", list(found.variables.iter().collect())),
        ("classes", list(found.classes.iter().collect())),
        ("packages", list(found.packages.iter().collect())),
    ] {
        if !value.is_empty() {
            model.metadata.push((name.to_owned(), value));
        }
    }
    model
        .metadata
        .push(("values".to_owned(), found.values.to_string()));
    if found.bytecode > 0 {
        let value = format!("{} functions", found.bytecode);
        model.metadata.push(("compiled".to_owned(), value));
    }
    model.tensors.extend(found.vectors.iter().map(|v| Tensor {
        name: v.variable.clone(),
        dtype: v.dtype.to_owned(),
        shape: vec![v.count],
        bytes: v.bytes.clone(),
    }));
}

fn emit(model: &mut Model, found: &Found, budget: &mut Budget) -> Result<(), Exhausted> {
    for code in found.codes.iter().filter(|c| !c.forced) {
        emit_code(&mut model.graph, code, budget)?;
    }
    for (name, at) in &found.functions {
        if HOOKS.contains(&name.as_str()) {
            let operator = operator("startup", name, name, *at, Vec::new());
            model.graph.operator_of_its_own(operator, budget)?;
        }
    }
    for (name, (count, at)) in &found.called {
        let mut operator = operator("function", name, "", *at, Vec::new());
        operator.count = *count;
        model.graph.operator(operator, budget)?;
    }
    for (file, at) in &found.mapped {
        let place = Place {
            offset: *at,
            length: file.len() as u64,
        };
        model.graph.reference(
            ReferenceKind::File,
            file,
            "a vector that is mapped from a file",
            place,
        );
    }
    Ok(())
}

/// Each function that the code calls is an operator, so that the one that matters is the one that is shown.
fn emit_code(graph: &mut Graph, code: &Code, budget: &mut Budget) -> Result<(), Exhausted> {
    let domain = if code.delayed { "delayed" } else { "promise" };
    let mut names: BTreeSet<&String> = code.calls.iter().collect();
    if !code.delayed || code.calls.iter().any(|c| INDIRECT.contains(&c.as_str())) {
        names.extend(&code.names);
    }
    let mut attributes = Vec::new();
    let calls: Vec<&str> = code.calls.iter().map(String::as_str).collect();
    attributes.push(("calls".to_owned(), calls.join(" ")));
    attributes.extend(code.texts.iter().map(|t| ("text".to_owned(), t.clone())));
    let value = "value".to_owned();
    if names.is_empty() {
        names.insert(&value);
    }
    for name in names.into_iter().take(64) {
        let operator = operator(domain, name, &code.variable, code.at, attributes.clone());
        graph.operator_of_its_own(operator, budget)?;
    }
    Ok(())
}

fn operator(domain: &str, name: &str, scope: &str, at: u64, attributes: Vec<(String, String)>) -> Operator {
    Operator {
        domain: domain.to_owned(),
        name: name.to_owned(),
        scope: scope.to_owned(),
        place: Place {
            offset: at,
            length: 4,
        },
        attributes,
        ..Operator::default()
    }
}
