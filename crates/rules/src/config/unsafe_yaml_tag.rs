use super::judged;
use crate::pickle::callables::{Judgement, Usage};
use wellhead_core::{
    Budget, Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink,
    ThreatProfile, code,
};
use wellhead_formats::{
    document::DataFile,
    text::{Tag, yaml_tags},
};

/// A YAML file has tags that name code.
pub(crate) static UNSAFE_YAML_TAG: Rule = Rule {
    id: "unsafe-yaml-tag",
    summary: "loading a YAML file with an unsafe loader runs what its tags name",
    severity: Severity::Critical,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 4,
        detectability: 4,
        technical_impact: 5,
        ml_application: 4,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever publishes or replaces a configuration",
        vector: "a YAML tag that names a function",
        weakness: "loaders that create whatever a tag names",
        impact: "the attacker's code runs with the rights of whoever loads the file",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(502),
        Reference::Cve("CVE-2020-14343"),
        Reference::Cve("CVE-2022-1471"),
    ],
    page: include_str!("unsafe_yaml_tag.md"),
    file: file!(),
};

/// What a tag makes a loader do with the name in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deed {
    /// Calls it with the value as arguments.
    Call,
    /// Makes an instance and gives it its state.
    Make,
    /// Imports it.
    Refer,
}

/// Where code of Java lies that loads other code.
const JAVA_DANGERS: &[&str] = &[
    "javax.script.",
    "java.net.URLClassLoader",
    "com.sun.rowset.",
    "javax.naming.",
    "java.lang.ProcessBuilder",
    "java.lang.Runtime",
    "org.springframework.context.support.",
    "com.mchange.v2.c3p0.",
    "org.apache.xbean.",
    "org.apache.commons.configuration",
];

/// Extensions that documentation generators ask for by name.
const KNOWN_NAMES: &[&str] = &[
    "material.",
    "materialx.",
    "pymdownx.",
    "mermaid2.",
    "mkdocs",
    "zensical.",
];

/// Those of them whose functions it calls, too.
const KNOWN_CALLS: &[&str] = &["material.", "pymdownx.", "zensical."];

pub(crate) fn check(data: &DataFile, sink: &mut Sink) {
    let text = &data.text.text;
    // Few files have a tag of a language at all.
    let short = text.contains('!')
        && [
            "!!python", "!!java", "!!com.", "!!org.", "!new:", "!apply:", "!name:",
        ]
        .iter()
        .any(|mark| text.contains(mark));
    let long = || text.contains("tag:yaml.org") || text.contains('%') && text.contains("%TAG");
    if !short && !long() {
        return;
    }
    for tag in yaml_tags(text, &mut Budget::default()) {
        let place = |label: &str| sink.text(text, tag.span.clone(), label);
        if let Some(finding) = python(&tag, &place)
            .or_else(|| java(&tag, &place))
            .or_else(|| hyper(&tag, &place))
        {
            sink.push(
                finding
                    .subject(tag.name.clone())
                    .property("tag", wellhead_core::escape(&tag.name)),
            );
        }
    }
}

fn python(tag: &Tag, place: &dyn Fn(&str) -> Location) -> Option<Finding> {
    let rest = tag.name.strip_prefix("tag:yaml.org,2002:python/")?;
    let (kind, name) = rest.split_once(':')?;
    let deed = match kind {
        "object/apply" | "object/new" => Deed::Call,
        "object" => Deed::Make,
        "name" | "module" => Deed::Refer,
        _ => return None,
    };
    // `!!python/module` runs the code of a module, which may lie beside the file under any name.
    if deed == Deed::Refer && kind == "name" && KNOWN_NAMES.iter().any(|known| name.starts_with(known)) {
        return None;
    }
    let usage = match deed {
        Deed::Call => Usage::Call,
        Deed::Make => Usage::State,
        Deed::Refer => Usage::Reference,
    };
    let judgement = if kind == "module" {
        judged(&format!("{name}.*"), usage)
    } else {
        judged(name, usage)
    };
    // Extensions that take options are made by calls: `pymdownx.slugs.slugify` with its case.
    if deed == Deed::Call
        && judgement == Judgement::Unknown
        && KNOWN_CALLS.iter().any(|known| name.starts_with(known))
    {
        return None;
    }
    let shown = code(&called(name, &tag.values, deed));
    let loader = "loading this file with an unsafe YAML loader";
    Some(match (judgement, deed) {
        (Judgement::Allowed, _) => return None,
        (Judgement::Dangerous(danger), Deed::Call | Deed::Make) => Finding::new(
            &UNSAFE_YAML_TAG,
            format!("{loader} runs {shown}"),
            place("called when the file is loaded"),
        )
        .note(format!("{} {}", code(name), danger.does))
        .property("class", danger.class)
        .help("load it with `yaml.safe_load`, which refuses such tags; do not use a file that needs more"),
        (Judgement::Dangerous(danger), Deed::Refer) => Finding::new(
            &UNSAFE_YAML_TAG,
            format!("{loader} hands out {}, which {}", code(name), danger.does),
            place("imported when the file is loaded"),
        )
        .severity(Severity::High)
        .help("load it with `yaml.safe_load`, which refuses such tags"),
        (Judgement::Unknown, Deed::Refer) if kind == "module" => Finding::new(
            &UNSAFE_YAML_TAG,
            format!(
                "{loader} imports {}, and runs the code of that module",
                code(name)
            ),
            place("imported when the file is loaded"),
        )
        .severity(Severity::High)
        .confidence(Confidence::Medium)
        .help("load it with `yaml.safe_load`, which refuses such tags"),
        (Judgement::Unknown, Deed::Call) => Finding::new(
            &UNSAFE_YAML_TAG,
            format!("{loader} calls {shown}, and what that does is not known"),
            place("called when the file is loaded"),
        )
        .severity(Severity::High)
        .confidence(Confidence::Medium)
        .help("read the code of what is called, or write the values without tags"),
        (Judgement::Unknown, Deed::Make) => Finding::new(
            &UNSAFE_YAML_TAG,
            format!(
                "{loader} makes an object of {}, and what that does is not known",
                code(name)
            ),
            place("made when the file is loaded"),
        )
        .severity(Severity::Medium)
        .confidence(Confidence::Medium)
        .help("read the code of the class, or write the values without tags"),
        (Judgement::Unknown, Deed::Refer) => Finding::new(
            &UNSAFE_YAML_TAG,
            format!("{loader} imports {}", code(name)),
            place("imported when the file is loaded"),
        )
        .severity(Severity::Low)
        .confidence(Confidence::Medium)
        .help("load it with `yaml.safe_load`, which refuses such tags"),
    })
}

/// SnakeYAML makes an object of any class that a tag names.
fn java(tag: &Tag, place: &dyn Fn(&str) -> Location) -> Option<Finding> {
    let class = tag.name.strip_prefix("tag:yaml.org,2002:")?;
    if !["java.", "javax.", "com.", "org."]
        .iter()
        .any(|p| class.starts_with(p))
    {
        return None;
    }
    let dangerous = JAVA_DANGERS.iter().any(|d| class.starts_with(d));
    let message = format!(
        "loading this file with SnakeYAML makes an object of {}{}",
        code(class),
        if dangerous {
            ", which loads code from elsewhere"
        } else {
            ", and what that does is not known"
        }
    );
    Some(
        Finding::new(&UNSAFE_YAML_TAG, message, place("made when the file is loaded"))
            .severity(if dangerous {
                Severity::Critical
            } else {
                Severity::Medium
            })
            .help("load it with SnakeYAML's `SafeConstructor`; do not use a file that needs more"),
    )
}

/// HyperPyYAML, SpeechBrain's loader, calls what local tags name.
fn hyper(tag: &Tag, place: &dyn Fn(&str) -> Location) -> Option<Finding> {
    let (kind, name) = tag.name.strip_prefix('!')?.split_once(':')?;
    if !matches!(kind, "new" | "apply" | "name" | "module") {
        return None;
    }
    let Judgement::Dangerous(danger) = judged(name, Usage::Call) else {
        return None;
    };
    let shown = code(&called(name, &tag.values, Deed::Call));
    Some(
        Finding::new(
            &UNSAFE_YAML_TAG,
            format!("loading this file with HyperPyYAML, as SpeechBrain does, runs {shown}"),
            place("called when the file is loaded"),
        )
        .note(format!("{} {}", code(name), danger.does))
        .property("class", danger.class)
        .help("do not load this model"),
    )
}

/// The call as Python would write it.
fn called(name: &str, values: &[String], deed: Deed) -> String {
    if deed != Deed::Call {
        return name.to_owned();
    }
    let values: Vec<String> = values.iter().map(|v| format!("'{v}'")).collect();
    format!("{name}({})", values.join(", "))
}
