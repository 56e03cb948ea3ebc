//! What the code of a new release does and that of the old one does not, one finding a function.

use super::{
    Release,
    records::{Fresh, Gained},
    short, sum, tenths,
};
use crate::trust::NEW_CAPABILITY;
use std::collections::BTreeMap;
use wellhead_core::{Finding, Severity, Sink, code};

/// Most functions that have a finding of their own; what comes behind is listed by file. The worst come first.
const MOST_TOLD: usize = 256;
/// Most places of one finding.
const PLACES: usize = 6;

pub(super) fn check(release: &Release, sink: &mut Sink) {
    let mut rest: BTreeMap<&str, Vec<&Gained>> = BTreeMap::new();
    for (at, gained) in release.gained.iter().enumerate() {
        match gained.severity().filter(|_| at < MOST_TOLD) {
            Some(severity) => {
                if let Some(finding) = told(release, gained, severity) {
                    sink.push(finding);
                }
            }
            None => rest.entry(gained.module.as_str()).or_default().push(gained),
        }
    }
    // What features bring as well is listed by file.
    for (module, all) in rest {
        if let Some(finding) = listed(release, module, &all) {
            sink.push(finding);
        }
    }
}

/// The function in words: "`safe_run` of `acme/downloads.py`".
fn function(gained: &Gained) -> String {
    if gained.function.is_empty() {
        code(&gained.module)
    } else {
        format!("{} of {}", code(&gained.function), code(&gained.module))
    }
}

fn told(release: &Release, gained: &Gained, severity: Severity) -> Option<Finding> {
    let worst = gained.fresh.first()?;
    let when = gained
        .alone
        .map(|alone| format!("{}, ", alone.when()))
        .unwrap_or_default();
    let location = release
        .new
        .locate(&gained.module, worst.range.clone(), label(worst));
    let mut finding = Finding::new(
        &NEW_CAPABILITY,
        format!(
            "{when}{} {}: {}",
            release.newcomer(),
            worst.act.harm,
            function(gained)
        ),
        location,
    )
    .severity(severity)
    .subject(format!(
        "{} {} {}",
        gained.module, gained.function, worst.act.name
    ))
    .property("module", gained.module.clone())
    .property("function", gained.function.clone())
    .property("score", tenths(gained.score()))
    .property(
        "terms",
        gained
            .terms
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
            .join(" "),
    );
    for other in gained.fresh.iter().skip(1).take(PLACES) {
        finding = finding.at(release
            .new
            .locate(&gained.module, other.range.clone(), label(other)));
    }
    for (module, from, range) in &gained.callers {
        let by = if from.is_empty() {
            "newly called when this file is imported".to_owned()
        } else {
            format!("newly called by {}", code(from))
        };
        finding = finding.at(release.new.locate(module, range.clone(), by));
    }
    for (module, range, what) in worst.hops.iter().take(PLACES) {
        finding = finding.at(release.new.locate(module, range.clone(), short(what)));
    }
    finding = finding.note(call(worst));
    if let Some(was) = worst.was.as_ref().filter(|was| **was != worst.given) {
        finding = finding.note(format!("the old version gives it {}", code(&short(was))));
    }
    let sources: Vec<&str> = worst.sources.iter().map(|s| s.noun()).collect();
    if !sources.is_empty() {
        finding = finding.note(format!("what flows into it: {}", sources.join(", ")));
    }
    let layers = release.new.analysis.layers.iter();
    for layer in layers.filter(|l| l.module == gained.module).take(2) {
        if !release.old.analysis.layers.iter().any(|l| l.text == layer.text) {
            finding = finding.note(format!(
                "decoded from {}: {}",
                code(&layer.by),
                code(&short(&layer.text))
            ));
        }
    }
    if gained.new_file {
        finding = finding.note("the old version does not have this file");
    } else if gained.new_function {
        finding = finding.note("the old version does not have this function");
    }
    Some(
        finding
            .note(format!("score {}", sum(&gained.terms)))
            .help(match severity {
                Severity::Critical => {
                    "do not install it; stay at the old version, report the release to the index, and treat hosts that have it as taken over"
                }
                _ => "read the places that are shown before you update",
            }),
    )
}

fn label(fresh: &Fresh) -> &'static str {
    match fresh.was {
        Some(_) => "changed",
        None => "new",
    }
}

fn call(fresh: &Fresh) -> String {
    if fresh.given.is_empty() {
        format!("{} is called", code(&fresh.callee))
    } else {
        format!("{} is given {}", code(&fresh.callee), code(&short(&fresh.given)))
    }
}

/// What is to be known of a file and not to be decided on.
fn listed(release: &Release, module: &str, all: &[&Gained]) -> Option<Finding> {
    let calls = all.iter().flat_map(|g| g.fresh.iter().map(move |f| (*g, f)));
    let places: Vec<(&Gained, &Fresh)> = calls.take(PLACES).collect();
    let (first, fresh) = places.first()?;
    let mut harms: Vec<&str> = all
        .iter()
        .flat_map(|g| g.fresh.iter().map(|f| f.act.harm))
        .collect();
    harms.sort_unstable();
    harms.dedup();
    let mut finding = Finding::new(
        &NEW_CAPABILITY,
        format!(
            "{} {} where the old one did not: {}",
            release.newcomer(),
            harms.join(", "),
            code(module)
        ),
        release.new.locate(module, fresh.range.clone(), label(fresh)),
    )
    .severity(
        all.iter()
            .filter_map(|g| g.severity())
            .max()
            .unwrap_or(Severity::Info),
    )
    .subject(format!("{module} listed"))
    .property("module", module.to_owned())
    .property("function", first.function.clone())
    .property("score", tenths(all.iter().map(|g| g.score()).max().unwrap_or(0)));
    for (_, other) in places.iter().skip(1) {
        finding = finding.at(release.new.locate(module, other.range.clone(), label(other)));
    }
    Some(finding.note(format!("weighed as {}", release.step.words())))
}
