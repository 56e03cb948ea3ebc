use super::twin::Twin;
use wellhead_core::{
    ArtifactPath, Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Scenario,
    Severity, Sink, ThreatProfile, code,
};

/// A copy of a model with other weights.
pub(crate) static TWIN_WEIGHTS_CHANGED: Rule = Rule {
    id: "twin-weights-changed",
    summary: "a copy of a model has other weights than the original",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 3,
        detectability: 3,
        technical_impact: 4,
        ml_application: 4,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever publishes a copy under a name that is taken for the original's",
        vector: "weights that were edited or trained further",
        weakness: "a copy is taken for the original because it bears its name",
        impact: "answers that the attacker chose, for inputs that the attacker knows",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Owasp("ML10:2023"),
        Reference::Cwe(345),
    ],
    page: include_str!("twin_weights_changed.md"),
    file: file!(),
};

/// How many names are given.
const SHOWN: usize = 5;

pub(super) fn check(twin: &Twin, sink: &mut Sink) {
    let weights = &twin.weights;
    let place = |label: &str| {
        let artifact = weights.place.clone().unwrap_or_else(|| ArtifactPath::file(""));
        Location::whole(&artifact, label)
    };
    let names = |all: &[String]| {
        let shown: Vec<String> = all.iter().take(SHOWN).map(|n| code(n)).collect();
        let rest = all.len().saturating_sub(shown.len());
        let more = if rest > 0 {
            format!(" and {rest} more")
        } else {
            String::new()
        };
        format!("{}{more}", shown.join(", "))
    };
    let differ = weights.changed.len() as u64;
    if differ > 0 || !weights.lost.is_empty() {
        let message = match (differ, weights.lost.len()) {
            (0, lost) => format!("this copy lacks {lost} of the tensors of the original"),
            (n, _) => format!(
                "this copy has other weights than the original: {n} of {} differ",
                weights.compared
            ),
        };
        let mut finding =
            Finding::new(&TWIN_WEIGHTS_CHANGED, message, place("other weights")).subject("weights");
        if differ > 0 {
            finding = finding.note(format!("changed: {}", names(&weights.changed)));
        }
        if !weights.lost.is_empty() {
            finding = finding.note(format!("only in the original: {}", names(&weights.lost)));
        }
        if !weights.added.is_empty() {
            finding = finding.note(format!("only in the copy: {}", names(&weights.added)));
        }
        sink.push(
            finding
                .property("compared", weights.compared)
                .property("changed", differ)
                .help("ask whoever made the copy what was trained, or load the original"),
        );
    }
    if let Some((name, words)) = weights.retyped.first() {
        let n = weights.retyped.len();
        sink.push(
            Finding::new(
                &TWIN_WEIGHTS_CHANGED,
                format!("{n} of {} tensors are stored in another type or shape, so their values were not compared", weights.compared),
                place("stored otherwise"),
            )
            .severity(Severity::Low)
            .subject("types")
            .note(format!("such as {}: {words}", code(name)))
            .help("quantise or convert the original yourself if you need it so"),
        );
    }
    if let Some(why) = &weights.unknown {
        sink.push(
            Finding::new(
                &TWIN_WEIGHTS_CHANGED,
                "whether this copy has the weights of the original is not known",
                place("not compared"),
            )
            .subject("unknown")
            .note(why.clone())
            .help("compare the files by their digests"),
        );
    }
}
