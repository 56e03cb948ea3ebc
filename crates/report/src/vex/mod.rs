//! VEX from a report: what is known of each flaw in each package, and what the project decided about it.
//!
//! The one decision: nothing is called harmless that nobody called harmless. An ignore without a justification accepts a
//! flaw and does not deny it, so the package stays *affected*; a finding that nobody has decided about is *under
//! investigation*. The documents hold no clock: their day is that of the advisories, and the same report gives the same
//! bytes.

mod cyclonedx;
mod openvex;
#[cfg(test)]
mod tests;

use crate::{packages::text, text::clean};
use std::collections::{BTreeMap, BTreeSet};
use wellhead_core::{Digest, Finding, Report, Status};

/// The report as OpenVEX 0.2.0, with a final line break.
pub fn openvex(report: &Report) -> String {
    openvex::render(report)
}

/// The report as CycloneDX 1.6 with nothing but vulnerabilities and the components that have them.
pub fn cyclonedx(report: &Report) -> String {
    cyclonedx::render(report)
}

/// What is said; the order is that of caution, so that of two answers the first counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stance {
    Affected,
    UnderInvestigation,
    NotAffected,
    Fixed,
}

/// One answer about one flaw, for all packages that have it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Answer {
    stance: Stance,
    /// In the words of either format.
    justification: Option<String>,
    /// Why, in words.
    why: Option<String>,
    /// What to do.
    action: Option<String>,
}

/// A flaw with an answer and the packages that it is about.
struct Statement<'a> {
    /// The name of the flaw.
    id: &'a str,
    answer: Answer,
    purls: BTreeSet<&'a str>,
    /// Every other name of the flaw.
    aliases: BTreeSet<&'a str>,
    /// The first finding of it, for what is the same for all.
    finding: &'a Finding,
}

/// All statements, sorted.
fn statements(report: &Report) -> Vec<Statement<'_>> {
    let mut answers: BTreeMap<(&str, &str), (Answer, &Finding)> = BTreeMap::new();
    let mut aliases: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for finding in &report.findings {
        let (Some(id), Some(purl)) = (text(finding, "advisory"), text(finding, "purl")) else {
            continue;
        };
        let others = ["advisories", "aliases"]
            .iter()
            .filter_map(|key| finding.properties.get(*key));
        let others = others
            .filter_map(|v| v.as_array())
            .flatten()
            .filter_map(|v| v.as_str());
        aliases
            .entry(id)
            .or_default()
            .extend(others.filter(|other| *other != id));
        let answer = answer(finding);
        match answers.get_mut(&(id, purl)) {
            // A package is as safe as the file in which it is the least.
            Some((known, _)) if *known <= answer => {}
            Some(known) => *known = (answer, finding),
            None => {
                answers.insert((id, purl), (answer, finding));
            }
        }
    }
    let mut out: BTreeMap<(&str, Answer), Statement<'_>> = BTreeMap::new();
    for ((id, purl), (answer, finding)) in answers {
        let statement = out.entry((id, answer.clone())).or_insert_with(|| Statement {
            id,
            answer,
            purls: BTreeSet::new(),
            aliases: aliases.get(id).cloned().unwrap_or_default(),
            finding,
        });
        statement.purls.insert(purl);
    }
    out.into_values().collect()
}

fn answer(finding: &Finding) -> Answer {
    let said = finding.properties.get("vex").and_then(|v| v.as_object());
    let part = |key: &str| said.and_then(|s| s.get(key)?.as_str()).map(clean);
    let stance = match part("status").as_deref() {
        Some("not_affected") => Some(Stance::NotAffected),
        Some("fixed") => Some(Stance::Fixed),
        Some("affected") => Some(Stance::Affected),
        Some("under_investigation") => Some(Stance::UnderInvestigation),
        _ => None,
    };
    let excused = matches!(stance, Some(Stance::NotAffected | Stance::Fixed));
    let malicious = finding
        .properties
        .get("malicious")
        .and_then(serde_json::Value::as_bool)
        == Some(true);
    let help = finding
        .help
        .iter()
        .map(|h| clean(h))
        .collect::<Vec<_>>()
        .join("; ");
    let action = (!help.is_empty()).then_some(help);
    let theirs = part("statement").map(|s| match part("author") {
        Some(author) => format!("{s} (says {author})"),
        None => s,
    });
    let (stance, why, action) = match &finding.status {
        // Words of the statement itself, and for an ignore of the policy its reason.
        Status::Ignored(ignored) if excused => {
            let own = part("document").is_none().then(|| clean(&ignored.reason));
            (stance.unwrap_or(Stance::UnderInvestigation), theirs.or(own), None)
        }
        Status::Ignored(ignored) => {
            let until = ignored
                .expires
                .as_deref()
                .map_or(String::new(), |day| format!(" until {}", clean(day)));
            let accepted = format!("accepted{until}: {}", clean(&ignored.reason));
            (Stance::Affected, None, Some(accepted))
        }
        Status::Suppressed => (
            Stance::UnderInvestigation,
            Some("known from the baseline".to_owned()),
            action,
        ),
        Status::Reported if malicious => (Stance::Affected, None, action),
        Status::Reported if excused => (Stance::UnderInvestigation, theirs, action),
        Status::Reported => (stance.unwrap_or(Stance::UnderInvestigation), theirs, action),
    };
    let settled = matches!(stance, Stance::NotAffected | Stance::Fixed);
    Answer {
        stance,
        justification: part("justification").filter(|_| settled),
        why,
        action,
    }
}

/// The day of the newest advisories that were asked, as a time.
fn timestamp(report: &Report) -> String {
    let days = report.databases.iter().filter_map(|d| {
        let digits: String = d
            .date
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        match digits.as_str() {
            "0000-00-00" => Some(d.date.clone()),
            "0000-00" => Some(format!("{}-01", d.date)),
            _ => None,
        }
    });
    let day = days.max().unwrap_or_else(|| "1970-01-01".to_owned());
    format!("{day}T00:00:00Z")
}

/// A UUID (version 8) that the content determines.
fn uuid(content: &str) -> String {
    let hex = Digest::sha256(content.as_bytes()).hex;
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!(
        "urn:uuid:{}-{}-8{}-a{}-{}",
        part(0, 8),
        part(8, 12),
        part(13, 16),
        part(17, 20),
        part(20, 32)
    )
}
