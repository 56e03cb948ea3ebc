//! Findings about flaws that a VEX document speaks of.
//!
//! The one decision: a statement never makes a finding go away. What it settles is *ignored*, with who said it and why,
//! and counts as such; what it does not settle is reported with what was said; and a statement that met nothing is told.

use crate::{facts::Fact, policy, run::Options};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use wellhead_core::{
    Budget, Component, Exhausted, Finding, Ignored, Level, Location, Need, Severity, Status, Untrusted, code,
};
use wellhead_packages::ManifestKind;
use wellhead_packages::vex::{Inhabitants, Meant, VexDocument, VexIndex, VexStatement, VexStatus};
use wellhead_rules::{INVALID_VEX_STATEMENT, UNMATCHED_VEX_STATEMENT};

/// The rule whose findings a statement can settle.
const FLAWS: &str = "vulnerable-package";
/// The rule about planted releases, which no statement settles: whoever installed one has run it.
const ATTACKS: &str = "compromised-release";
/// Findings about single statements of one document; more are counted.
const MAX_TOLD: usize = 10;

/// Whether a rule could have raised everything that it knows in this run.
pub(crate) fn is_judged(rule: &str, options: &Options<'_>) -> bool {
    let Some(rule) = wellhead_rules::find(rule) else {
        return true;
    };
    let asked = options.database.is_some() && options.database_trouble.is_none();
    options.enables(rule) && (asked || !rule.needs.contains(&Need::Advisories))
}

/// Takes the documents themselves out of what the project declares, where they lie in the target: CycloneDX lists the
/// components that it speaks of as a bill of materials does. One that declares anything else stays: it is both.
pub(crate) fn leave_out(
    facts: &mut Vec<Fact>,
    options: &Options<'_>,
    digest: &dyn Fn(&str) -> Option<String>,
) {
    if options.vex.is_empty() {
        return;
    }
    let own: BTreeSet<String> = options.vex.iter().map(VexDocument::sha256).collect();
    let is_own = |fact: &Fact| match fact {
        Fact::Manifest(path, manifest) if manifest.kind == ManifestKind::CycloneDx && path.nesting() == 0 => {
            digest(path.top()).is_some_and(|d| own.contains(&d))
        }
        _ => false,
    };
    let (documents, others): (Vec<Fact>, Vec<Fact>) = std::mem::take(facts).into_iter().partition(is_own);
    let purls = |fact: &Fact| match fact {
        Fact::Manifest(_, manifest) => manifest.components.iter().map(Component::purl).collect(),
        _ => Vec::new(),
    };
    let declared: BTreeSet<String> = others.iter().flat_map(purls).collect();
    let more = documents
        .into_iter()
        .filter(|d| !purls(d).iter().all(|p| declared.contains(p)));
    *facts = more.chain(others).collect();
}

/// Holds the documents against the findings. Gives back why some could not be.
pub(crate) fn apply(
    findings: &mut Vec<Finding>,
    components: &[Component],
    names: &BTreeSet<String>,
    options: &Options<'_>,
) -> Vec<String> {
    if options.vex.is_empty() {
        return Vec::new();
    }
    let project = Inhabitants::new(components, names.iter().map(String::as_str));
    let mut stage = Stage {
        index: VexIndex::new(&options.vex),
        project: &project,
        declared: components
            .iter()
            .map(|c| ((c.purl(), c.declared.artifact.to_string()), c))
            .collect(),
        used: BTreeSet::new(),
        settled: BTreeSet::new(),
        open: BTreeSet::new(),
        budget: Budget::new(options.limits.clone(), Arc::clone(&options.cancelled)),
    };
    let mut done = Ok(());
    for finding in findings.iter_mut() {
        done = done.and_then(|()| stage.judge(finding));
    }
    let mut told: Vec<Finding> = options.vex.iter().flat_map(invalid).collect();
    // Without packages nothing can match, as where one model of a project is audited alone.
    if done.is_ok()
        && !components.is_empty()
        && options
            .config
            .levels
            .iter()
            .all(|l| *l != (FLAWS.to_owned(), Level::Allow))
    {
        for d in 0..options.vex.len() {
            told.extend(stage.unmatched(d, components, is_judged(FLAWS, options)));
        }
    }
    let asked = told
        .into_iter()
        .filter(|f| wellhead_rules::find(&f.rule).is_none_or(|rule| options.enables(rule)));
    for mut finding in asked {
        finding.level = policy::level(&options.config, &finding);
        if finding.level != Some(Level::Allow) {
            findings.push(finding);
        }
    }
    let untold = |e: Exhausted| format!("not every finding was compared with the VEX documents: {e}");
    done.err().map(untold).into_iter().collect()
}

struct Stage<'a> {
    index: VexIndex<'a>,
    project: &'a Inhabitants,
    declared: BTreeMap<(String, String), &'a Component>,
    /// Statements that met a finding.
    used: BTreeSet<(usize, usize)>,
    /// The flaws that they spoke of, by package.
    settled: BTreeSet<(String, String)>,
    /// Flaws of which no statement speaks, by package.
    open: BTreeSet<(String, String)>,
    budget: Budget,
}

impl Stage<'_> {
    fn judge(&mut self, finding: &mut Finding) -> Result<(), Exhausted> {
        if finding.rule != FLAWS && finding.rule != ATTACKS {
            return Ok(());
        }
        let text = |key: &str| finding.properties.get(key).and_then(|v| v.as_str());
        let listed = |key: &str| finding.properties.get(key).and_then(|v| v.as_array());
        let at = finding
            .primary()
            .map(|l| l.artifact.to_string())
            .unwrap_or_default();
        let key = (text("purl").unwrap_or_default().to_owned(), at);
        let Some(meant) = self.declared.get(&key).and_then(|c| Meant::new(c, self.project)) else {
            return Ok(());
        };
        let ids: Vec<String> = ["advisories", "aliases"]
            .iter()
            .filter_map(|key| listed(key))
            .flatten()
            .filter_map(|v| v.as_str())
            .chain(text("advisory"))
            .map(str::to_ascii_uppercase)
            .collect();
        let ids: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
        let speaking = self
            .index
            .speaking(ids.iter().copied(), &meant, &mut self.budget)?;
        let name = text("package").unwrap_or_default().to_owned();
        let flaws = ids.iter().map(|id| (name.clone(), (*id).to_owned()));
        if speaking.is_empty() {
            self.open.extend(flaws);
        } else {
            self.settled.extend(flaws);
        }
        let decided = self.index.deciding(&speaking);
        self.used.extend(speaking);
        if let Some((document, statement)) = decided.and_then(|place| self.index.get(place)) {
            mark(finding, document, statement);
        }
        Ok(())
    }

    /// What is to be said of statements of a document that met nothing.
    fn unmatched(&mut self, d: usize, components: &[Component], judged: bool) -> Vec<Finding> {
        let mut out = Vec::new();
        let (mut absent, mut other, mut more, mut all) = (0_usize, 0_usize, 0_usize, 0_usize);
        let mut s = 0_usize;
        while let Some((document, statement)) = self.index.get((d, s)) {
            let place = (d, s);
            s = s.saturating_add(1);
            all = s;
            if self.used.contains(&place) {
                continue;
            }
            match self.why(statement, components, judged) {
                Ok(Unmatched::Absent) => absent = absent.saturating_add(1),
                Ok(Unmatched::OtherVersion) => other = other.saturating_add(1),
                Ok(Unmatched::Told(message)) if out.len() < MAX_TOLD => {
                    out.push(unmatched(document, statement, message));
                }
                Ok(Unmatched::Told(_)) => more = more.saturating_add(1),
                Ok(Unmatched::Agreed) | Err(_) => {}
            }
        }
        let Some(document) = self.index.get((d, 0)).map(|(document, _)| document) else {
            return out;
        };
        let statements = if all == 1 { "statement" } else { "statements" };
        let whole = |message: String| {
            Finding::new(
                &UNMATCHED_VEX_STATEMENT,
                message,
                Location::whole(&document.artifact, ""),
            )
        };
        if absent == all {
            let message = format!(
                "this document excuses nothing here: no package of its {all} {statements} belongs to the project"
            );
            out.push(
                whole(message)
                    .help("check that it is about this project")
                    .subject("all"),
            );
        } else if absent > 0 {
            let message =
                format!("{absent} of {all} {statements} speak of packages that the project does not have");
            out.push(whole(message).severity(Severity::Info).subject("absent"));
        }
        if other > 0 {
            let message =
                format!("{other} of {all} {statements} speak of versions that the project does not have");
            out.push(whole(message).severity(Severity::Info).subject("versions"));
        }
        if more > 0 {
            let message = format!("{more} more statements match no finding");
            out.push(whole(message).subject("more"));
        }
        out
    }

    fn why(
        &mut self,
        statement: &VexStatement,
        components: &[Component],
        judged: bool,
    ) -> Result<Unmatched, Exhausted> {
        self.budget.steps(statement.products.len() as u64)?;
        let present = statement
            .products
            .iter()
            .find_map(|p| p.in_use(self.project).map(|versions| (p, versions)));
        let Some((product, versions)) = present else {
            let project = statement.products.iter().any(|p| p.names_project(self.project));
            return Ok(if project {
                Unmatched::Agreed
            } else {
                Unmatched::Absent
            });
        };
        // Another statement about the same flaw in the same package met it.
        let spoken = |id: &String| self.settled.contains(&(product.name().to_owned(), id.clone()));
        if statement.ids.iter().any(spoken) {
            return Ok(Unmatched::Agreed);
        }
        let (name, id) = (code(product.name()), first(statement));
        self.budget.steps(components.len() as u64)?;
        let covered = components.iter().filter(|c| c.name == product.name()).find(|c| {
            Meant::new(c, self.project).is_some_and(|m| statement.products.iter().any(|p| p.is(&m)))
        });
        Ok(match (covered, statement.status) {
            (Some(_), VexStatus::NotAffected) if judged => Unmatched::Told(format!(
                "this statement excuses nothing: no advisory at hand finds {id} in {name}"
            )),
            (Some(c), VexStatus::Affected) if judged => {
                let version = c
                    .version
                    .as_deref()
                    .map(|v| format!(" {}", code(v)))
                    .unwrap_or_default();
                Unmatched::Told(format!(
                    "this statement calls {name}{version} affected by {id}, and no advisory at hand does"
                ))
            }
            (None, status) if status.excuses() => {
                let open = |id: &String| self.open.contains(&(product.name().to_owned(), id.clone()));
                if !statement.ids.iter().any(open) {
                    return Ok(Unmatched::OtherVersion);
                }
                let used: Vec<String> = versions.iter().take(3).map(|v| code(v)).collect();
                let used = if used.is_empty() {
                    "no exact version".to_owned()
                } else {
                    used.join(", ")
                };
                Unmatched::Told(format!(
                    "this statement excuses nothing: it does not speak of the {name} that the project has ({used})"
                ))
            }
            _ => Unmatched::Agreed,
        })
    }
}

enum Unmatched {
    /// The project has no such package.
    Absent,
    /// The project has another version, in which nothing was found that it speaks of.
    OtherVersion,
    /// Something is to be said.
    Told(String),
    /// It says the same as the advisories, or nothing that could be checked.
    Agreed,
}

/// The name of the flaw for people: its CVE, else the first.
fn first(statement: &VexStatement) -> String {
    let cve = statement.ids.iter().find(|id| id.starts_with("CVE-"));
    cve.or_else(|| statement.ids.first())
        .map_or_else(String::new, |id| code(id))
}

fn unmatched(document: &VexDocument, statement: &VexStatement, message: String) -> Finding {
    let subject = statement
        .ids
        .iter()
        .take(3)
        .cloned()
        .collect::<Vec<_>>()
        .join(" ");
    let product = statement.products.first().map_or("", |p| p.written.as_str());
    Finding::new(
        &UNMATCHED_VEX_STATEMENT,
        message,
        document.location(&statement.span, "this statement"),
    )
    .subject(Untrusted::from(format!("{subject} {product}").as_str()).shown(200))
    .help("look whether it still holds, and make it anew for the version in use or remove it")
}

fn invalid(document: &VexDocument) -> Vec<Finding> {
    let told = document.problems.iter().take(MAX_TOLD).map(|(span, why)| {
        Finding::new(
            &INVALID_VEX_STATEMENT,
            format!("this statement excuses nothing: {why}"),
            document.location(span, "cannot be used"),
        )
        .subject(why.clone())
    });
    let mut out: Vec<Finding> = told.collect();
    let more = document.problems.len().saturating_sub(MAX_TOLD);
    if more > 0 {
        let message = format!("{more} more statements cannot be used");
        let place = Location::whole(&document.artifact, "");
        out.push(Finding::new(&INVALID_VEX_STATEMENT, message, place).subject("more"));
    }
    out
}

/// Writes down what a statement says of a finding.
fn mark(finding: &mut Finding, document: &VexDocument, statement: &VexStatement) {
    let shown = |text: &str, most: usize| Untrusted::from(text).shown(most);
    let justification = statement.justification.as_deref().map(|j| shown(j, 60));
    let reason = statement.reason.as_deref().map(|r| shown(r, 400));
    let author = document.author.as_deref().map(|a| shown(a, 80));
    let mut words = statement.status.describe().to_owned();
    if let Some(justification) = &justification {
        words.push_str(&format!(" ({justification})"));
    }
    if let Some(reason) = &reason {
        words.push_str(&format!(": {reason}"));
    }
    let who = author.as_deref().unwrap_or("an unnamed author").to_owned();
    let mut said = serde_json::Map::new();
    said.insert("status".to_owned(), json!(statement.status.name()));
    for (key, value) in [
        ("justification", justification),
        ("statement", reason),
        ("author", author),
    ] {
        if let Some(value) = value {
            said.insert(key.to_owned(), json!(value));
        }
    }
    said.insert("document".to_owned(), json!(document.artifact.to_string()));
    let settles = statement.status.excuses() && finding.rule == FLAWS;
    if settles && finding.is_reported() {
        finding.status = Status::Ignored(Box::new(Ignored {
            reason: format!("{words} (says {who})"),
            expires: None,
            by: Some(document.location(&statement.span, "this statement")),
        }));
    } else if !finding.is_reported() {
        // The project's own policy has covered it, and says why.
        return;
    } else if finding.rule == ATTACKS {
        finding.notes.push(format!(
            "{who} says {words}; no statement excuses a release that an attacker made"
        ));
    } else {
        finding.notes.push(format!("{who} says {words}"));
    }
    finding
        .properties
        .insert("vex".to_owned(), serde_json::Value::Object(said));
}
