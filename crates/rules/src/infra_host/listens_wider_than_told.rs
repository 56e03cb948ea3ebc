use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
};
use wellhead_infra::{Access, Gain, HostDocument, Listener, listeners};

/// A process that was told to stay on its machine and does not.
pub(crate) static LISTENS_WIDER_THAN_TOLD: Rule = Rule {
    id: "listens-wider-than-told",
    summary: "a process that was told to stay on this machine listens where others reach it",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Infrastructure,
    scenario: Some(Scenario::ExposedDashboard),
    risk: Risk {
        exploitability: 4,
        detectability: 3,
        technical_impact: 4,
        ml_application: 3,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "anyone on the network",
        vector: "a port that nobody knows to be open",
        weakness: "the option for the address covers only some of the ports",
        impact: "a service that its owner takes for closed is read, changed or made to run code",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(1327),
        Reference::Cve("CVE-2023-48022"),
    ],
    page: include_str!("listens_wider_than_told.md"),
    file: file!(),
};

pub(super) fn check(document: &HostDocument, sink: &mut Sink) {
    for listener in listeners(document) {
        let Some(told) = listener.told.clone() else {
            continue;
        };
        let name = super::name(&listener);
        let places: Vec<String> = listener.wide.iter().take(3).map(|s| s.place()).collect();
        let more = listener.wide.len().saturating_sub(places.len());
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let message = format!(
            "anyone who reaches this machine reaches {name}, which was told to stay on it: it listens on {}{more}",
            places.join("; ")
        );
        let place = super::place(document, &listener, sink);
        let place = sink.and(place, &document.text, told, "told to stay on this machine");
        let ports: Vec<u16> = listener.wide.iter().map(|s| s.port).collect();
        let mut finding = Finding::new(&LISTENS_WIDER_THAN_TOLD, message, place)
            .severity(severity(&listener))
            .subject(format!(
                "{name} on port {}",
                ports.first().copied().unwrap_or_default()
            ))
            .property("ports", ports)
            .note(super::FIREWALL);
        finding = match listener.product {
            Some(product) => finding.property("product", product.id).help(product.remedy),
            None => finding,
        };
        sink.push(finding.help(
            "let nobody in to these ports but the machine itself: a firewall does what the option does not",
        ));
    }
}

/// What is known to ask nobody is worse than what nobody knows.
fn severity(listener: &Listener<'_>) -> Severity {
    match (listener.product, listener.access) {
        (Some(product), Some(Access::NoneByDefault | Access::SwitchedOff)) => match product.gain {
            Gain::Code | Gain::Write => Severity::High,
            Gain::Data => Severity::Medium,
        },
        _ => Severity::Medium,
    }
}
