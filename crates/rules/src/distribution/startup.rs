//! What of a distribution will run at every start of Python: told before it is installed.

use super::{DistributionFacts, StartupLine};
use crate::environment::STARTUP_HOOK;
use wellhead_core::{Finding, Location, Severity, Sink};

pub(crate) fn check(facts: &DistributionFacts, sink: &mut Sink) {
    for line in &facts.startup {
        if let Some(finding) = finding(facts, line) {
            sink.push(finding);
        }
    }
}

fn finding(facts: &DistributionFacts, line: &StartupLine) -> Option<Finding> {
    let severity = if line.effects.attacks() {
        Severity::Critical
    } else if line.known.is_some() {
        return None;
    } else if line.effects.reaches_out() {
        Severity::High
    } else {
        Severity::Medium
    };
    let after = "once this package is installed, every start of Python runs";
    let message = match line.effects.worst() {
        Some(worst) => format!("{after} code that {worst}"),
        None => format!("{after} a file of it"),
    };
    let place = facts.place(&line.member);
    let at = match facts.texts.get(&line.member) {
        Some(text) if !line.span.is_empty() => {
            Location::text(place, text, line.span.clone(), "run at every start")
        }
        _ => Location::whole(place, "run at every start"),
    };
    Some(
        Finding::new(&STARTUP_HOOK, message, at)
            .severity(severity)
            .help("do not install it unless you know why it has to run in every process")
            .subject(line.member.clone()),
    )
}
