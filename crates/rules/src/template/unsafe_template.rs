use super::{place, this};
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code, escape,
};
use wellhead_formats::jinja::{Reach, Reached, Template};

/// Rendering the template leads into the runtime.
pub(crate) static UNSAFE_TEMPLATE: Rule = Rule {
    id: "unsafe-template",
    summary: "rendering a template reaches functions of the process that renders it",
    severity: Severity::Critical,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 5,
        detectability: 4,
        technical_impact: 5,
        ml_application: 5,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever publishes or replaces a model",
        vector: "a chat template in the model's metadata or beside it",
        weakness: "runtimes that render templates of models without a sandbox",
        impact: "the attacker's code runs with the rights of the server, on the first request",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(1336),
        Reference::Cve("CVE-2024-34359"),
        Reference::Ghsa("GHSA-56xg-wfcc-g829"),
    ],
    page: include_str!("unsafe_template.md"),
    file: file!(),
};

const HELP: &str = "do not serve this model; take the template of the model that it was made from, and render templates in \
                    `jinja2.sandbox.ImmutableSandboxedEnvironment`";

/// Attributes that nothing honest asks for, whatever the template is for.
const UNMISTAKABLE: &[&str] = &["__globals__", "__builtins__", "__subclasses__", "__import__"];

pub(crate) fn check(template: &Template, sink: &mut Sink) {
    for reach in &template.reaches {
        if let Some(finding) = judged(template, reach, sink) {
            sink.push(
                finding
                    .property("path", escape(&reach.path))
                    .subject(escape(&reach.path)),
            );
        }
    }
    if let Some(span) = &template.too_deep {
        let severity = if template.chat {
            Severity::High
        } else {
            Severity::Low
        };
        let message = format!(
            "what rendering {} does is not known: it nests deeper than any honest template, and was not followed",
            this(template)
        );
        sink.push(
            Finding::new(&UNSAFE_TEMPLATE, message, place(template, span, sink, "too deep"))
                .severity(severity)
                .confidence(Confidence::Medium)
                .help("take the template of the model that it was made from")
                .subject("nesting"),
        );
    }
}

fn judged(template: &Template, reach: &Reach, sink: &Sink) -> Option<Finding> {
    let this = this(template);
    let at = |label: &str| place(template, &reach.span, sink, label);
    let path = code(&reach.path);
    if let Some(runs) = &reach.runs {
        let message = format!("rendering {this} runs {}", code(runs));
        return Some(
            Finding::new(
                &UNSAFE_TEMPLATE,
                message,
                at("called when the template is rendered"),
            )
            .note(format!("reached by {path}"))
            .help(HELP),
        );
    }
    if let Some(from) = &reach.computed {
        if !template.chat {
            return None;
        }
        let message = format!(
            "rendering {this} may run anything: the name of an attribute of {path} is computed from {}",
            code(from)
        );
        return Some(
            Finding::new(
                &UNSAFE_TEMPLATE,
                message,
                at("which attribute this is cannot be told"),
            )
            .severity(Severity::High)
            .confidence(Confidence::Medium)
            .help(HELP),
        );
    }
    match reach.reached {
        Reached::Door => {
            let unmistakable = UNMISTAKABLE.iter().any(|name| reach.path.contains(name));
            if !template.chat && !unmistakable {
                return None;
            }
            let severity = if template.chat {
                Severity::Critical
            } else {
                Severity::Medium
            };
            let message = format!("rendering {this} reaches {path}, from where it can run anything");
            Some(
                Finding::new(
                    &UNSAFE_TEMPLATE,
                    message,
                    at("leads to every function of the process"),
                )
                .severity(severity)
                .help(HELP),
            )
        }
        Reached::Internal if template.chat => {
            let message =
                format!("rendering {this} reaches {path}, an internal of the program that renders it");
            Some(
                Finding::new(&UNSAFE_TEMPLATE, message, at("no template of a model needs this"))
                    .severity(Severity::High)
                    .help(HELP),
            )
        }
        Reached::Internal | Reached::Given => None,
    }
}
