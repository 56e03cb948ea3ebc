use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
};
use wellhead_infra::{Access, Gain, HostDocument, listeners};

/// A product that other machines reach and that asks nobody.
pub(crate) static OPEN_LISTENER: Rule = Rule {
    id: "open-listener",
    summary: "a process that asks for no password listens where other machines reach it",
    severity: Severity::Critical,
    confidence: Confidence::High,
    measure: Measure::Infrastructure,
    scenario: Some(Scenario::ExposedDashboard),
    risk: Risk {
        exploitability: 5,
        detectability: 4,
        technical_impact: 5,
        ml_application: 4,
        ml_operations: 5,
    },
    threat: ThreatProfile {
        agent: "anyone on the network",
        vector: "the open port",
        weakness: "the product was started without authentication and bound to more than the loopback address",
        impact: "models and data are read or replaced, or code runs on the machine",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(306),
        Reference::Cwe(1327),
    ],
    page: include_str!("open_listener.md"),
    file: file!(),
};

pub(super) fn check(document: &HostDocument, sink: &mut Sink) {
    for listener in listeners(document) {
        // What was told to stay is told by the rule on that.
        let (Some(product), Some(access), None) = (listener.product, listener.access, &listener.told) else {
            continue;
        };
        if access == Access::On {
            continue;
        }
        let severity = match product.gain {
            Gain::Code => Severity::Critical,
            Gain::Write => Severity::High,
            Gain::Data => Severity::Medium,
        };
        let why = match access {
            Access::SwitchedOff => "its authentication is switched off",
            Access::NoneByDefault | Access::On => "it asks for no password",
        };
        let message = format!(
            "anyone who reaches this machine {} through {}: {why}",
            product.gain.verb(),
            product.name
        );
        let place = super::place(document, &listener, sink);
        let ports: Vec<u16> = listener.wide.iter().map(|s| s.port).collect();
        sink.push(
            Finding::new(&OPEN_LISTENER, message, place)
                .severity(severity)
                .subject(format!(
                    "{} on port {}",
                    product.id,
                    ports.first().copied().unwrap_or_default()
                ))
                .property("product", product.id)
                .property("ports", ports)
                .help(product.remedy)
                .note(super::FIREWALL),
        );
    }
}
