use super::labelled;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, Source,
    ThreatProfile, code,
};
use wellhead_packages::{Dependency, is_commit};

/// A source whose content can change behind its name.
pub(crate) static MUTABLE_SOURCE: Rule = Rule {
    id: "mutable-source",
    summary: "a package is taken from a branch or tag that can move",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Sources,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 3,
        detectability: 5,
        technical_impact: 5,
        ml_application: 3,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever can push to the repository",
        vector: "the branch or tag that the project follows",
        weakness: "a name that can point elsewhere tomorrow",
        impact: "other code than the one that was read gets installed",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(494),
        Reference::Cwe(1357),
    ],
    page: include_str!("mutable_source.md"),
    file: file!(),
};

pub(crate) fn check(dependency: &Dependency, sink: &mut Sink) {
    let c = &dependency.component;
    let (label, revision) = match &c.source {
        Source::Vcs {
            revision: Some(r), ..
        } if is_commit(r) => return,
        Source::Vcs {
            revision: Some(r), ..
        } => (format!("{} can move", code(r)), r.as_str()),
        Source::Vcs { revision: None, .. } => ("whatever the default branch is".to_owned(), ""),
        Source::Url { url } if c.hashes.is_empty() && follows_branch(url) => {
            ("an archive of a branch".to_owned(), "")
        }
        _ => return,
    };
    let message = format!(
        "whoever can push to the repository of {} decides what is installed",
        code(&c.written)
    );
    sink.push(
        Finding::new(&MUTABLE_SOURCE, message, labelled(&c.declared, &label))
            .subject(c.name.clone())
            .help("name the commit, with all of its 40 digits, behind the `@`")
            .property("package", c.name.as_str())
            .property("revision", revision),
    );
}

/// Addresses of archives that forges make of a branch.
fn follows_branch(url: &str) -> bool {
    let lower = url.to_ascii_lowercase();
    lower.contains("/archive/refs/heads/")
        || lower.contains("/zipball/")
        || lower.contains("/tarball/")
        || ["main", "master", "develop", "dev"].iter().any(|branch| {
            [".zip", ".tar.gz"]
                .iter()
                .any(|end| lower.ends_with(&format!("/archive/{branch}{end}")))
        })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{dependency, messages};
    use super::*;

    #[test]
    fn only_a_commit_stands_still() {
        for (text, moves) in [
            ("git+https://git.example/a.git\n", true),
            ("a @ git+https://git.example/a.git@main\n", true),
            ("a @ git+https://git.example/a.git@v1.0\n", true),
            (
                "a @ git+https://git.example/a.git@0123456789abcdef0123456789abcdef01234567\n",
                false,
            ),
            ("a @ https://git.example/o/a/archive/refs/heads/main.zip\n", true),
            ("a @ https://git.example/o/a/archive/refs/tags/v1.zip\n", false),
            ("a==1.0\n", false),
            ("./a\n", false),
        ] {
            assert_eq!(!messages(check, &dependency(text)).is_empty(), moves, "{text}");
        }
    }
}
