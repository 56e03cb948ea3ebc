//! Every line of the corpus that other tools drop in silence, with the bucket it ends in; `docs/inventory.md` shows it.

use std::{collections::BTreeMap, path::PathBuf};
use wellhead_core::{ArtifactPath, Budget, Location, Source, Span, Standing};
use wellhead_engine::Options;
use wellhead_packages::{identify_manifest, read_manifest};

/// The files of the corpus.
const FILES: &[&str] = &[
    "req/requirements.txt",
    "req/base.txt",
    "req/constraints.txt",
    "ppt/pyproject.toml",
    "conda/environment.yml",
    "envy/conda-lock.yml",
    "pix/pixi.lock",
];

#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads the data it is given, and says when it is not there"
)]
fn corpus() -> Option<Vec<(&'static str, String)>> {
    let root = std::env::var("WELLHEAD_SHARED").map_or_else(
        |_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let root = root.join("data/dependencies/tricky");
    let read = |name: &&'static str| Some((*name, std::fs::read_to_string(root.join(name)).ok()?));
    let all: Option<Vec<_>> = FILES.iter().map(read).collect();
    if all.is_none() {
        eprintln!("skipped: the shared test data is not here");
    }
    all
}

fn line(at: &Location) -> u32 {
    match &at.span {
        Span::Text { start, .. } => start.line,
        _ => 1,
    }
}

/// What each line became, as rows of a table.
fn rows(files: &[(&str, String)]) -> String {
    let bytes: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, text)| (*name, text.as_bytes()))
        .collect();
    let report = crate::audit(&bytes, &Options::default());
    let mut became: BTreeMap<(&str, u32), Vec<String>> = BTreeMap::new();
    for (c, standing) in report.inventory() {
        let name = FILES.iter().find(|f| **f == c.declared.artifact.top()).unwrap();
        let version = match (&c.version, &c.source) {
            (Some(version), _) => version.clone(),
            (None, Source::Vcs { url, revision }) => {
                format!("{url}@{}", revision.as_deref().unwrap_or_default())
            }
            (None, Source::Path { path, .. }) => path.clone(),
            (None, _) => c.specifier.clone().unwrap_or_else(|| "any version".to_owned()),
        };
        let bucket = match standing {
            // The test has no database, and with one these are looked up.
            Standing::Audited | Standing::Pinned => "audited".to_owned(),
            Standing::Unpinned => "unpinned".to_owned(),
            Standing::Unauditable { why } => format!("unauditable: {why}"),
            Standing::Ignored { .. } => "ignored".to_owned(),
        };
        let ecosystem = c.ecosystem.name();
        let row = format!("{ecosystem} `{}` `{version}`: {bucket}", c.name);
        became.entry((name, line(&c.declared))).or_default().push(row);
    }
    for (name, text) in files {
        let Some(kind) = identify_manifest(name, text) else {
            continue;
        };
        let m = read_manifest(kind, &ArtifactPath::file(*name), text, &mut Budget::default());
        let mut say = |at: &Location, what: String| became.entry((name, line(at))).or_default().push(what);
        for entry in &m.indexes.entries {
            let role = format!("{:?}", entry.role)
                .to_lowercase()
                .replace("findlinks", "find-links");
            say(
                &entry.declared,
                format!(
                    "setting: {} of {}, {role}",
                    entry.address.shown,
                    entry.manager.name()
                ),
            );
        }
        for host in &m.indexes.trusted_hosts {
            say(&host.declared, format!("setting: {} is trusted", host.host));
        }
        for include in &m.includes {
            say(
                &include.declared,
                format!("reads `{}` as {}", include.path, include.kind.name()),
            );
        }
        for problem in &m.problems {
            say(&problem.at, format!("problem: {}", problem.message));
        }
    }
    let mut out = "| file | line | what it became |\n|---|---:|---|\n".to_owned();
    for name in FILES {
        for ((_, line), what) in became.iter().filter(|((file, _), _)| file == name) {
            out.push_str(&format!(
                "| `{name}` | {line} | {} |\n",
                what.join("; ").replace('|', "\\|")
            ));
        }
    }
    out
}

#[test]
fn every_line_of_the_corpus_is_on_the_page() {
    let Some(files) = corpus() else { return };
    let rows = rows(&files);
    let page = include_str!("../../../../docs/inventory.md");
    assert!(page.contains(&rows), "docs/inventory.md lacks:\n{rows}");
}

/// Lines of requirements files have no structure round them: each that says anything is in the table.
#[test]
fn no_line_of_a_list_is_left_out() {
    let Some(files) = corpus() else { return };
    let rows = rows(&files);
    for (name, text) in files.iter().filter(|(name, _)| name.starts_with("req/")) {
        let mut continued = false;
        for (i, line) in text.lines().enumerate() {
            let row = format!("| `{name}` | {} |", i + 1);
            assert!(
                continued || line.trim().is_empty() || rows.contains(&row),
                "{name}:{}: {line}",
                i + 1
            );
            continued = line.ends_with('\\');
        }
    }
}

#[test]
fn files_that_do_not_parse_are_never_no_packages() {
    for name in [
        "uv.lock",
        "poetry.lock",
        "pdm.lock",
        "pylock.toml",
        "pyproject.toml",
        "Pipfile",
        "Pipfile.lock",
        "pixi.toml",
        "pixi.lock",
        "hatch.toml",
        "conda-lock.yml",
        "environment.yml",
    ] {
        let broken = "package: [\ndependencies: {\n[[[";
        let report = crate::audit(&[(name, broken.as_bytes())], &Options::default());
        let said = report
            .reported()
            .filter(|f| f.rule == "manifest-invalid-line")
            .count();
        assert_eq!(said, 1, "{name}");
        assert!(!report.not_assessed.is_empty(), "{name}");
    }
}

#[test]
fn files_of_no_bytes_and_of_bytes_that_no_text_has_are_said() {
    for (name, bytes, packages) in [
        ("uv.lock", &b""[..], 0),
        ("poetry.lock", b"", 0),
        ("pylock.toml", b"", 0),
        ("pixi.lock", b"", 0),
        ("Pipfile.lock", b"", 0),
        (
            "requirements.txt",
            b"torch==2.2.0\nnu\x00mpy==1.24\nx\x00y\npillow==10.0.0\n",
            2,
        ),
        (
            "requirements.txt",
            b"t\x00o\x00r\x00c\x00h\x00=\x00=\x002\x00\n\x00",
            0,
        ),
        ("environment.yml", b"dependencies:\n  - torch\0=2.2.0\n", 0),
    ] {
        let report = crate::audit(&[(name, bytes)], &Options::default());
        let said = report
            .reported()
            .filter(|f| f.rule == "manifest-invalid-line")
            .count();
        assert_eq!((said, report.components.len()), (1, packages), "{name}");
    }
    let report = crate::audit(&[("requirements.txt", b"")], &Options::default());
    assert_eq!(report.reported().count(), 0);
}

#[test]
fn hostile_lists_are_bounded_and_say_so() {
    let long = format!("{}==1.0\n", "a".repeat(10_000));
    let bom = "\u{feff}torch==2.2.0\n";
    let sixteen: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(
            "torch==2.2.0\nnumpy==1.26.4\n"
                .encode_utf16()
                .flat_map(u16::to_le_bytes),
        )
        .collect();
    for (name, bytes, packages, problems) in [
        ("requirements.txt", long.as_bytes(), 1, 0),
        ("requirements.txt", bom.as_bytes(), 1, 0),
        ("requirements.txt", sixteen.as_slice(), 2, 0),
        ("requirements.txt", b"-r requirements.txt\ntorch==2.2.0\n", 1, 1),
        ("requirements.txt", b"-r https://lists.example/r.txt\n", 0, 1),
    ] {
        let report = crate::audit(&[(name, bytes)], &Options::default());
        let said = report
            .reported()
            .filter(|f| f.rule == "manifest-invalid-line")
            .count();
        let text: String = String::from_utf8_lossy(bytes).chars().take(60).collect();
        assert_eq!((report.components.len(), said), (packages, problems), "{text}");
    }
    // What a list may cost is bounded, and the line where it ended says so.
    let many = "a==1\n".repeat(20_000);
    let options = Options {
        limits: wellhead_core::Limits {
            memory: 4 << 20,
            ..wellhead_core::Limits::default()
        },
        ..Options::default()
    };
    let report = crate::audit(&[("requirements.txt", many.as_bytes())], &options);
    assert!(
        (1_000..5_000).contains(&report.components.len()),
        "{}",
        report.components.len()
    );
    assert!(
        report
            .reported()
            .any(|f| f.message.contains("the rest of the file was not read"))
    );
    assert!(report.unseen().next().is_some(), "coverage says so, too");
}
