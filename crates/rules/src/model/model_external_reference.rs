use super::place;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code, escape,
};
use wellhead_formats::{
    graph::{self, ReferenceKind},
    model::Model,
};

/// Loading the model opens something that is no part of it.
pub(crate) static MODEL_EXTERNAL_REFERENCE: Rule = Rule {
    id: "model-external-reference",
    summary: "loading the model opens a file outside its folder, a library or an address",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 4,
        detectability: 4,
        technical_impact: 4,
        ml_application: 4,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever publishes or replaces a model file",
        vector: "a file name in the model that leads out of its folder",
        weakness: "loaders that open whatever file a model names",
        impact: "files of whoever loads the model become its weights and leave with its answers, or foreign code is linked",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(22),
        Reference::Cwe(73),
        Reference::Cve("CVE-2022-25882"),
        Reference::Cve("CVE-2024-27318"),
        Reference::Cve("CVE-2025-51480"),
    ],
    page: include_str!("model_external_reference.md"),
    file: file!(),
};

pub(crate) fn check(model: &Model, sink: &mut Sink) {
    for reference in &model.graph.references {
        let target = code(&reference.target);
        let (message, severity, help) = match reference.kind {
            ReferenceKind::File => {
                let Some(way) = leaves(&reference.target) else {
                    continue;
                };
                (
                    format!("loading this model opens {target}, {}", way.words()),
                    way.severity(),
                    "do not load it; a model's files lie beside it and are named without a path",
                )
            }
            ReferenceKind::Library => (
                format!("loading this model links the native library {target}"),
                Severity::High,
                "do not load it before you know what the library does",
            ),
            ReferenceKind::Url => (
                format!("loading this model asks the address {target}"),
                Severity::High,
                "do not load it; take a model that holds everything it needs",
            ),
            ReferenceKind::Callable | ReferenceKind::Object => continue,
        };
        let finding = Finding::new(
            &MODEL_EXTERNAL_REFERENCE,
            message,
            place(sink, reference.place, &[line(reference)], "named here"),
        );
        sink.push(
            finding
                .severity(severity)
                .help(help)
                .subject(reference.target.clone())
                .property("target", escape(&reference.target)),
        );
    }
}

fn line(reference: &graph::Reference) -> String {
    format!(
        "{:#010x}  {} names {}",
        reference.place.offset,
        reference.by,
        code(&reference.target)
    )
}

/// How a file name leads out of the model's folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Up,
    Absolute,
    Address,
    Windows,
    Cut,
}

impl Way {
    fn words(self) -> &'static str {
        match self {
            Self::Up => "which lies outside its folder",
            Self::Absolute => "wherever the model lies",
            Self::Address => "which is no file beside it",
            Self::Windows => "which leads out of its folder on Windows",
            Self::Cut => "a name that ends early for some loaders",
        }
    }

    fn severity(self) -> Severity {
        match self {
            Self::Windows => Severity::Medium,
            Self::Up | Self::Absolute | Self::Address | Self::Cut => Severity::High,
        }
    }
}

/// How a file name leads out of the folder of what names it, on any system; `None` if it does not.
fn leaves(target: &str) -> Option<Way> {
    let mut drive = target.chars();
    let drive = drive.next().is_some_and(|c| c.is_ascii_alphabetic()) && drive.next() == Some(':');
    if target.contains('\0') {
        return Some(Way::Cut);
    }
    if target.starts_with(['/', '~', '$', '%']) || target.starts_with("\\\\") {
        return Some(Way::Absolute);
    }
    let scheme = target.split_once("://").map(|(scheme, _)| scheme);
    if scheme.is_some_and(|s| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+')) {
        return Some(Way::Address);
    }
    // Steps down first make room for steps up: `a/../b` stays inside.
    let mut depth = 0_usize;
    for part in target.split(['/', '\\']) {
        match part.trim_end_matches(' ') {
            "" | "." => {}
            ".." => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return Some(Way::Up),
            },
            _ => depth = depth.saturating_add(1),
        }
    }
    (drive || target.contains('\\')).then_some(if drive { Way::Absolute } else { Way::Windows })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leads_out_is_told_from_one_beside_the_model() {
        for (target, way) in [
            ("weights.bin", None),
            ("data/model.onnx_data", None),
            ("./weights.bin", None),
            ("a/../weights.bin", None),
            ("..weights", None),
            ("weights:0", None),
            ("", None),
            ("../weights.bin", Some(Way::Up)),
            ("a/../../etc/passwd", Some(Way::Up)),
            ("..\\..\\secrets", Some(Way::Up)),
            ("a\\..\\..\\b", Some(Way::Up)),
            ("/etc/passwd", Some(Way::Absolute)),
            ("~/.ssh/id_rsa", Some(Way::Absolute)),
            ("C:\\secrets", Some(Way::Absolute)),
            ("\\\\203.0.113.7\\share", Some(Way::Absolute)),
            ("$HOME/x", Some(Way::Absolute)),
            ("file:///etc/passwd", Some(Way::Address)),
            ("s3://bucket/x", Some(Way::Address)),
            ("sub\\weights.bin", Some(Way::Windows)),
            ("weights.bin\0.txt", Some(Way::Cut)),
        ] {
            assert_eq!(leaves(target), way, "{target}");
        }
    }
}
