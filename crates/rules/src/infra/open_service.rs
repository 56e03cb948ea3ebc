use wellhead_core::{
    Confidence, Excerpt, ExcerptKind, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario,
    Severity, Sink, ThreatProfile, code, escape,
};
use wellhead_infra::{Exchange, Gain, Judgement, ServiceDocument, State, judge};

/// A running service that answers strangers.
pub(crate) static OPEN_SERVICE: Rule = Rule {
    id: "open-service",
    summary: "a running service answers without a password",
    severity: Severity::Critical,
    confidence: Confidence::High,
    measure: Measure::Infrastructure,
    scenario: Some(Scenario::ExposedDashboard),
    risk: Risk {
        exploitability: 5,
        detectability: 5,
        technical_impact: 5,
        ml_application: 4,
        ml_operations: 5,
    },
    threat: ThreatProfile {
        agent: "anyone on the network, and every scanner of the internet",
        vector: "the service's own interface",
        weakness: "it does not ask who is there",
        impact: "models and data are read or replaced, or code runs on the machine",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(306),
        Reference::Cve("CVE-2023-48022"),
    ],
    page: include_str!("open_service.md"),
    file: file!(),
};

pub(super) fn check(document: &ServiceDocument, sink: &mut Sink) {
    for judgement in judge(document) {
        let severity = match (judgement.state, judgement.gain()) {
            (State::Open, Gain::Code | Gain::Write) | (State::SetupUnclaimed, Gain::Code) => {
                Severity::Critical
            }
            (State::HostGuardOnly | State::SetupUnclaimed, _) => Severity::High,
            (State::SignupOpen | State::ProtectedPartial, Gain::Code | Gain::Write) => Severity::High,
            (State::Open | State::SignupOpen | State::ProtectedPartial, Gain::Data)
            | (State::OpenRead, _) => Severity::Medium,
            (State::Protected | State::Unknown, _) => continue,
        };
        report(document, &judgement, severity, sink);
    }
}

fn report(document: &ServiceDocument, judgement: &Judgement, severity: Severity, sink: &mut Sink) {
    let Some(proof) = document.exchanges.get(judgement.proof) else {
        return;
    };
    let product = judgement.product;
    let address = code(&document.service);
    let (name, verb) = (product.name, product.gain.verb());
    let message = match judgement.state {
        State::HostGuardOnly => {
            format!("{name} at {address} asks for no password, only for the right `Host` header")
        }
        State::OpenRead => format!("anyone who reaches {name} at {address} can read what it shows"),
        State::SignupOpen => {
            format!("anyone who reaches {name} at {address} can make an account, and then {verb}")
        }
        State::SetupUnclaimed => {
            format!("whoever comes first to {name} at {address} becomes its administrator, and {verb}")
        }
        State::ProtectedPartial => {
            let open: Vec<_> = judgement.open_surfaces().collect();
            format!(
                "{name} at {address} asks for a password, but not for its {}",
                open.join(" and ")
            )
        }
        State::Open | State::Protected | State::Unknown => {
            format!("anyone who reaches {name} at {address} {verb}")
        }
    };
    let place = sink
        .text(&document.text, proof.span.clone(), "")
        .with_excerpt(excerpt(proof));
    let mut finding = Finding::new(&OPEN_SERVICE, message, place)
        .severity(severity)
        .subject(format!("{} at {}", product.id, escape(&document.service)))
        .property("state", judgement.state.name())
        .property("product", product.id)
        .property("request", format!("{} {}", proof.method, escape(&proof.path)))
        .property("status", u64::from(proof.status))
        .help(product.remedy);
    let host = proof.request_headers.iter().find(|(name, _)| name == "host");
    if let Some((_, host)) = host {
        finding = finding.property("request_host", escape(host));
    }
    let received = document.received.get(judgement.proof);
    if let Some(digest) = received.and_then(|r| r.sha256.as_deref()) {
        finding = finding.property("body_sha256", digest);
        if received.is_some_and(|r| r.is_cut) {
            finding = finding.note("the digest is of the part of the body that was read");
        }
    }
    for note in &document.notes {
        finding = finding.note(escape(note));
    }
    if let Some(version) = &judgement.version {
        finding = finding.property("version", version.as_str());
        if !product.version_caution.is_empty() {
            finding = finding.note(product.version_caution);
        }
    }
    sink.push(finding);
}

/// The answer as it came: request, status, the headers that tell something, and the first lines of the body.
fn excerpt(proof: &Exchange) -> Excerpt {
    const LINES: usize = 6;
    const WIDTH: usize = 200;
    let cut = |line: &str| line.chars().take(WIDTH).collect::<String>();
    let mut excerpt = Excerpt::new(ExcerptKind::Response);
    excerpt.push_line(1, &cut(&format!("> {} {}", proof.method, proof.path)));
    excerpt.push_line(2, &format!("< {}", proof.status));
    let mut number = 2_u32;
    let telling = ["server", "www-authenticate", "location", "content-type"];
    for name in telling {
        if let Some(value) = proof.header(name) {
            number = number.saturating_add(1);
            excerpt.push_line(number, &cut(&format!("< {name}: {value}")));
        }
    }
    let lines = proof.body.lines().filter(|l| !l.trim().is_empty());
    for line in lines.take(LINES) {
        number = number.saturating_add(1);
        excerpt.push_line(number, &cut(line));
    }
    excerpt.mark(2, &proof.status.to_string(), "answered without a password", true);
    excerpt
}
