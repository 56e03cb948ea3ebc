//! What of a service was understood: its state for the inventory, its version for the advisories, and what of it nobody
//! knows, since a service that nobody knows is not one that is closed.

use crate::{artifact::Judge, facts::Fact, run::Options};
use wellhead_core::{Location, Need, Outcome, Service, code, escape};
use wellhead_infra::{Judgement, ServiceDocument, State, judge};
use wellhead_packages::{Manifest, ManifestKind, metadata::distribution};

/// So many remarks of a recorder are kept, and so many characters of each.
const NOTES: usize = 8;
const NOTE: usize = 200;
/// How many services without a version are told one by one.
const SHOWN: usize = 10;

/// What is kept of a judged conversation, and how far it was understood.
pub(crate) fn judged(document: &ServiceDocument, to: &mut Judge<'_, '_>) -> Outcome {
    let judged = judge(document);
    for judgement in &judged {
        let service = service(document, judgement);
        let not_compared = match component(document, judgement, to) {
            Ok(()) => None,
            Err(why) => Some(format!(
                "known vulnerabilities of {} at {}: not evaluated, since {why}",
                service.name, service.address
            )),
        };
        let fact = Fact::Service(Box::new(service), not_compared);
        to.result.facts.push(fact);
    }
    outcome(document, &judged)
}

fn service(document: &ServiceDocument, judgement: &Judgement) -> Service {
    let proof = document.exchanges.get(judgement.proof);
    let received = document.received.get(judgement.proof);
    let surfaces = |open: bool| {
        let all = judgement.surfaces.iter().filter(|s| s.open == open);
        all.map(|s| s.name.to_owned()).collect()
    };
    Service {
        address: escape(&document.service),
        product: judgement.product.id.to_owned(),
        name: judgement.product.name.to_owned(),
        state: judgement.state.name().to_owned(),
        version: judgement.version.as_deref().map(escape),
        request: proof.map_or(String::new(), |p| format!("{} {}", p.method, escape(&p.path))),
        status: proof.map_or(0, |p| p.status),
        body_sha256: received.and_then(|r| r.sha256.clone()),
        open: surfaces(true),
        guarded: surfaces(false),
        notes: notes(document),
    }
}

/// What its recorder says, bounded: anybody may have recorded it.
fn notes(document: &ServiceDocument) -> Vec<String> {
    let short = |note: &String| escape(&note.chars().take(NOTE).collect::<String>());
    document.notes.iter().take(NOTES).map(short).collect()
}

/// Hands the version that a service says it has to the advisories, as that of a package; else says why not.
fn component(
    document: &ServiceDocument,
    judgement: &Judgement,
    to: &mut Judge<'_, '_>,
) -> Result<(), String> {
    let product = judgement.product;
    let Some(("PyPI", name)) = product.package else {
        return Err("no advisory database here speaks of it".to_owned());
    };
    let Some(version) = &judgement.version else {
        return Err("its version is unknown".to_owned());
    };
    // Some say the version of something else, always the same.
    if product.version_caution.contains(version.as_str()) {
        return Err(format!(
            "what it says of its version is not to be believed: {}",
            product.version_caution
        ));
    }
    let place = to.path.member(format!("service {}", product.id));
    let span = document
        .exchanges
        .get(judgement.proof)
        .map_or(0..0, |p| p.span.clone());
    let label = format!("{} says that it is {}", product.name, escape(version));
    let declared = Location::text(to.path, &document.text, span, label);
    let mut manifest = Manifest::empty(ManifestKind::Installed);
    manifest
        .components
        .push(distribution(name, Some(version), declared)?);
    to.result.facts.push(Fact::Manifest(place, Box::new(manifest)));
    Ok(())
}

fn outcome(document: &ServiceDocument, judged: &[Judgement]) -> Outcome {
    let unanswered = document.unanswered.first().map(|(path, why)| {
        let more = document.unanswered.len().saturating_sub(1);
        let more = if more == 0 {
            String::new()
        } else {
            format!(", and {more} more")
        };
        format!("{} was not answered: {}{more}", code(path), escape(why))
    });
    if judged.is_empty() {
        let why = "an unknown service: nothing in the catalogue answers like it";
        return Outcome::NotAnalysed {
            why: unanswered.map_or_else(|| why.to_owned(), |u| format!("{why}; {u}")),
        };
    }
    let unknown = judged.iter().find(|j| j.state == State::Unknown);
    if let Some(unknown) = unknown {
        return Outcome::Partly {
            why: format!(
                "it is {}, and nothing that it answered proves whether it asks for a password",
                unknown.product.name
            ),
        };
    }
    // What was not answered may stand open behind a password that was seen elsewhere.
    let safe = judged.iter().any(|j| j.state == State::Protected);
    match unanswered.filter(|_| safe) {
        Some(why) => Outcome::Partly { why },
        None => Outcome::Analysed,
    }
}

/// The services of a run.
#[derive(Debug, Default)]
pub(crate) struct Services {
    /// All of them, sorted.
    pub(crate) all: Vec<Service>,
    /// What was not looked up, a sentence each.
    pub(crate) not_assessed: Vec<String>,
}

/// Takes the services out of what was found.
pub(crate) fn take(facts: Vec<Fact>, options: &Options<'_>) -> (Vec<Fact>, Services) {
    let mut services = Services::default();
    let mut rest = Vec::with_capacity(facts.len());
    let mut untold = 0_usize;
    // Who asks for no vulnerabilities misses none.
    let wanted = wellhead_rules::rules()
        .into_iter()
        .any(|rule| rule.needs.contains(&Need::Advisories) && options.enables(rule));
    for fact in facts {
        match fact {
            Fact::Service(service, why) => {
                services.all.push(*service);
                match why.filter(|_| wanted) {
                    Some(why) if services.not_assessed.len() < SHOWN => services.not_assessed.push(why),
                    Some(_) => untold = untold.saturating_add(1),
                    None => {}
                }
            }
            other => rest.push(other),
        }
    }
    if untold > 0 {
        services.not_assessed.push(format!(
            "known vulnerabilities of {untold} more services: not evaluated"
        ));
    }
    services.all.sort();
    (rest, services)
}
