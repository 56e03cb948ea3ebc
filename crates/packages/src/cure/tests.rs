//! A table of lines and what becomes of them.

use super::*;
use crate::{
    advisory::build,
    manifest::{identify_manifest, read_manifest},
};
use proptest::prelude::*;
use wellhead_core::Blob;

/// One flaw per package; `a` has one per release line, `never` is never fixed, `worse` gets better only in part.
fn database() -> Database {
    let record = |id: &str, name: &str, ranges: &str| {
        (
            id.to_owned(),
            format!(
                r#"{{"id": "{id}", "aliases": ["CVE-{id}"], "modified": "2024-01-01T00:00:00Z",
                    "affected": [{{"package": {{"ecosystem": "PyPI", "name": "{name}"}},
                      "versions": ["1.0", "1.4", "2.0"],
                      "ranges": [{{"type": "ECOSYSTEM", "events": [{ranges}]}}]}}]}}"#
            ),
        )
    };
    let until = |fixed: &str| format!(r#"{{"introduced": "0"}}, {{"fixed": "{fixed}"}}"#);
    let records = [
        record("P-1", "a", &until("1.5")),
        record("P-2", "a", r#"{"introduced": "2"}, {"fixed": "2.3"}"#),
        record("P-3", "torch", &until("2.6.0")),
        record("P-4", "never", r#"{"introduced": "0"}"#),
        record("P-5", "worse", &until("1.5")),
        record("P-6", "worse", r#"{"introduced": "0"}"#),
        record("P-7", "early", &until("3.0rc1")),
        record("P-8", "early", &until("3.1")),
        (
            "MAL-1".to_owned(),
            r#"{"id": "MAL-1", "modified": "2024-01-01T00:00:00Z", "affected": [{"package": {"ecosystem": "PyPI", "name": "planted"},
                "versions": ["3.1.1", "3.1.2"]}]}"#
                .to_owned(),
        ),
        record("P-9", "ended", r#"{"introduced": "0"}, {"last_affected": "1.4"}"#),
    ];
    let records: Vec<(String, String)> = records
        .into_iter()
        .map(|(id, text)| {
            // What is fixed above the listed versions is decided by the range alone.
            let text = text.replace(
                r#""versions": ["1.0", "1.4", "2.0"],"#,
                r#""versions": ["1.0", "1.4"],"#,
            );
            let only_range = id == "P-2";
            let text = if only_range {
                text.replace(r#"["1.0", "1.4"]"#, r#"["2.0", "2.2"]"#)
            } else {
                text
            };
            (id, text)
        })
        .collect();
    let mut budget = Budget::default();
    let (bytes, _) = build("2024-02-02", records, &mut budget).unwrap();
    Database::open(&Blob::from_bytes(bytes), &mut budget).unwrap()
}

fn project(files: &[(&str, &str)]) -> Project {
    let mut project = Project::default();
    for (name, text) in files {
        let path = ArtifactPath::file(*name);
        let kind = identify_manifest(name, text).unwrap();
        let manifest = read_manifest(kind, &path, text, &mut Budget::default());
        project.files.insert(path, manifest);
    }
    project
}

/// The cures of every package of every file, as if all had reported flaws.
fn cured(files: &[(&str, &str)]) -> (Vec<Cure>, BTreeMap<String, String>) {
    let project = project(files);
    let wanted = project
        .files
        .iter()
        .flat_map(|(p, m)| m.components.iter().map(move |c| (p.clone(), c.name.clone())))
        .collect();
    let text = |path: &ArtifactPath| {
        files
            .iter()
            .find(|(n, _)| *n == path.top())
            .map(|(_, t)| (*t).to_owned())
    };
    let cures = cures(
        &project,
        &wanted,
        Some(&database()),
        &text,
        &mut Budget::default(),
    )
    .unwrap();
    let mut out = BTreeMap::new();
    for (name, text) in files {
        let edits: Vec<Edit> = cures
            .iter()
            .filter_map(|c| match &c.step {
                Step::Edit { edit, .. } if edit.artifact.top() == *name => Some(edit.clone()),
                _ => None,
            })
            .collect();
        out.insert((*name).to_owned(), apply(text, &edits).unwrap());
    }
    (cures, out)
}

fn told(cure: &Cure) -> String {
    let step = match &cure.step {
        Step::Edit { disposition, .. } => disposition.name().to_owned(),
        Step::Command {
            command: Command { head, each, tail },
            ..
        } => format!("run {head} {each} {tail}"),
        Step::ByHand(why) => format!("by hand: {why}"),
    };
    let to = cure.to.as_deref().unwrap_or("-");
    let mut out = format!("{} {} > {to}: {}", cure.package, cure.from, step.trim_end());
    for note in cure.remains.iter().chain(&cure.notes) {
        out.push_str(&format!("; {note}"));
    }
    out
}

fn table(name: &str, lines: &[&str]) -> String {
    let mut out = Vec::new();
    for line in lines {
        let text = format!("{line}\n");
        let (cures, files) = cured(&[(name, &text)]);
        out.push(format!("{line:?}"));
        if files[name] != text {
            out.push(format!("{:?}", files[name].trim_end_matches('\n')));
        }
        out.extend(cures.iter().map(|c| format!("    {}", told(c))));
    }
    out.join("\n")
}

#[test]
fn requirements_are_edited_where_the_version_stands() {
    let got = table(
        "requirements.txt",
        &[
            "a==1.0",
            "a == 1.0  # a comment with 1.0",
            "A[extra,b]==1.0 ; python_version == '1.0'",
            "a==1.4,!=1.0",
            "a===1.0",
            "a \\\r\n    ==1.0",
            "a \\\n    ==1.0 \\\n    ; os_name == 'nt'",
            "a==2.0",
            "a==2.3",
            "torch==2.2.0+cu121",
            "never==1.0",
            "worse==1.0",
            "ended==1.0",
            "planted==3.1.2",
            "planted==3.1",
            "early==1.0",
            "early==2.9rc1",
            "a",
            "a  # any",
            "a[x]; os_name == 'nt'",
            "a>=1.0",
            "a >= 1.0, <2",
            "a<2",
            "a~=1.4",
            "a==1.*",
            "a<1.5",
            "a<1.5 ; os_name == 'nt'",
            "a (>=1.0)",
            "a>=2.3",
            "never",
            "a @ https://files.example/a-1.0-py3-none-any.whl",
            "a==1.0 --hash=sha256:0000000000000000000000000000000000000000000000000000000000000000",
        ],
    );
    insta::assert_snapshot!(got, @r#"
    "a==1.0"
    "a==1.5"
        a 1.0 > 1.5: safe
    "a == 1.0  # a comment with 1.0"
    "a == 1.5  # a comment with 1.0"
        a 1.0 > 1.5: safe
    "A[extra,b]==1.0 ; python_version == '1.0'"
    "A[extra,b]==1.5 ; python_version == '1.0'"
        a 1.0 > 1.5: safe
    "a==1.4,!=1.0"
    "a==1.5,!=1.0"
        a 1.4 > 1.5: safe
    "a===1.0"
    "a===1.5"
        a 1.0 > 1.5: safe
    "a \\\r\n    ==1.0"
    "a \\\r\n    ==1.5"
        a 1.0 > 1.5: safe
    "a \\\n    ==1.0 \\\n    ; os_name == 'nt'"
    "a \\\n    ==1.5 \\\n    ; os_name == 'nt'"
        a 1.0 > 1.5: safe
    "a==2.0"
    "a==2.3"
        a 2.0 > 2.3: safe
    "a==2.3"
    "torch==2.2.0+cu121"
    "torch==2.6.0+cu121"
        torch 2.2.0+cu121 > 2.6.0: unsafe; its build `+cu121` is kept, and the index may not have that build of 2.6.0
    "never==1.0"
        never 1.0 > -: by hand: no version is known to be without flaws: replace it; CVE-P-4
    "worse==1.0"
    "worse==1.5"
        worse 1.0 > 1.5: unsafe; CVE-P-6
    "ended==1.0"
        ended 1.0 > -: by hand: no advisory names a version that is fixed: take one that none calls affected; CVE-P-9
    "planted==3.1.2"
        planted 3.1.2 > -: by hand: no advisory names a version that is fixed: take the newest release before it (`planted<3.1.1`), or a later one that none calls affected; MAL-1
    "planted==3.1"
    "early==1.0"
    "early==3.1"
        early 1.0 > 3.1: safe
    "early==2.9rc1"
    "early==3.1"
        early 2.9rc1 > 3.1: safe
    "a"
    "a>=2.3"
        a any version > 2.3: safe
    "a  # any"
    "a>=2.3  # any"
        a any version > 2.3: safe
    "a[x]; os_name == 'nt'"
    "a[x]>=2.3; os_name == 'nt'"
        a any version > 2.3: safe
    "a>=1.0"
    "a>=2.3"
        a >=1.0 > 2.3: safe
    "a >= 1.0, <2"
    "a >= 1.5, <2"
        a >= 1.0, <2 > 1.5: safe
    "a<2"
    "a>=1.5,<2"
        a <2 > 1.5: safe
    "a~=1.4"
    "a>=1.5,~=1.4"
        a ~=1.4 > 1.5: safe
    "a==1.*"
    "a>=1.5,==1.*"
        a ==1.* > 1.5: safe
    "a<1.5"
    "a>=2.3"
        a <1.5 > 2.3: unsafe
    "a<1.5 ; os_name == 'nt'"
    "a>=2.3 ; os_name == 'nt'"
        a <1.5 > 2.3: unsafe
    "a (>=1.0)"
        a >=1.0 > 2.3: by hand: write 2.3 where the version stands
    "a>=2.3"
    "never"
        never any version > -: by hand: no version is known to be without flaws: replace it
    "a @ https://files.example/a-1.0-py3-none-any.whl"
        a 1.0 > 1.5: by hand: it comes from an address: name the file of the new version
    "a==1.0 --hash=sha256:0000000000000000000000000000000000000000000000000000000000000000"
        a 1.0 > 1.5: run uv pip compile --generate-hashes --upgrade-package 'a==1.5' requirements.in -o requirements.txt
    "#);
}

#[test]
fn entries_of_pyproject_are_edited_in_their_quotes() {
    let text = r#"[project]
name = "app"
dependencies = [
    "a==1.0",  # a==1.0
    'torch[opt] == 2.2.0 ; sys_platform == "linux"',
    "numpy>=1",
]
[project.optional-dependencies]
x = ["a>=1.0,<2"]
[dependency-groups]
dev = ["a == 1.4", {include-group = "x"}]
[tool.poetry.dependencies]
python = "^3.11"
early = "1.0"
worse = {version = "==1.0", extras = ["x"]}
[tool.poetry.group.dev.dependencies]
a = "^1.2"
torch = {version = ">=2.0", optional = true}
"#;
    let (cures, files) = cured(&[("pyproject.toml", text)]);
    let rows: Vec<String> = cures.iter().map(told).collect();
    insta::assert_snapshot!(rows.join("\n"), @r#"
    a 1.0 > 1.5: safe
    a >=1.0,<2 > 1.5: safe
    a 1.4 > 1.5: safe
    a >=1.2, <2 > 1.5: safe
    early 1.0 > 3.1: safe
    torch 2.2.0 > 2.6.0: safe
    torch >=2.0 > 2.6.0: safe
    worse 1.0 > 1.5: unsafe; CVE-P-6
    "#);
    insta::assert_snapshot!(files["pyproject.toml"], @r#"
    [project]
    name = "app"
    dependencies = [
        "a==1.5",  # a==1.0
        'torch[opt] == 2.6.0 ; sys_platform == "linux"',
        "numpy>=1",
    ]
    [project.optional-dependencies]
    x = ["a>=1.5,<2"]
    [dependency-groups]
    dev = ["a == 1.5", {include-group = "x"}]
    [tool.poetry.dependencies]
    python = "^3.11"
    early = "3.1"
    worse = {version = "==1.5", extras = ["x"]}
    [tool.poetry.group.dev.dependencies]
    a = "^1.5"
    torch = {version = ">=2.6.0", optional = true}
    "#);
}

#[test]
fn files_of_one_project_are_brought_together() {
    let lock = "version = 1\n[[package]]\nname = \"a\"\nversion = \"1.0\"\nsource = { registry = \"https://pypi.example/simple\" }\n";
    let (cures, files) = cured(&[
        (
            "pyproject.toml",
            "[project]\nname = \"app\"\ndependencies = [\"a==1.0\"]\n",
        ),
        ("uv.lock", lock),
        ("requirements.txt", "a==1.4\ntorch==1.0\n"),
        ("constraints.txt", "torch<2.5\n"),
        ("other/requirements.txt", "torch==1.0\n"),
    ]);
    let rows: Vec<String> = cures
        .iter()
        .map(|c| format!("{}: {}", c.artifact, told(c)))
        .collect();
    insta::assert_snapshot!(rows.join("\n"), @r#"
    pyproject.toml: a 1.0 > 1.5: safe
    requirements.txt: a 1.4 > 1.5: safe
    uv.lock: a 1.0 > 1.5: run uv lock --upgrade-package 'a==1.5'
    constraints.txt: torch <2.5 > 2.6.0: unsafe
    other/requirements.txt: torch 1.0 > 2.6.0: unsafe; constraints.txt asks for `<2.5`, which 2.6.0 is not
    requirements.txt: torch 1.0 > 2.6.0: unsafe; constraints.txt asks for `<2.5`, which 2.6.0 is not
    "#);
    assert_eq!(files["uv.lock"], lock);
}

#[test]
fn a_compiled_file_is_compiled_again_by_its_own_command() {
    let hash = "--hash=sha256:0000000000000000000000000000000000000000000000000000000000000000";
    let command = |head: &str| {
        let (cures, _) = cured(&[("requirements.txt", &format!("{head}\na==1.0 {hash}\n"))]);
        told(&cures[0])
    };
    for (head, expected) in [
        (
            "#    uv pip compile --generate-hashes pyproject.toml -o requirements.txt",
            "run uv pip compile --generate-hashes pyproject.toml -o requirements.txt --upgrade-package 'a==1.5'",
        ),
        (
            "#    pip-compile --generate-hashes requirements.in",
            "run pip-compile --generate-hashes requirements.in --upgrade-package 'a==1.5'",
        ),
        (
            "#    pip-compile requirements.in; curl https://x.example | sh",
            "run uv pip compile --generate-hashes --upgrade-package 'a==1.5' requirements.in -o requirements.txt",
        ),
    ] {
        assert_eq!(command(head), format!("a 1.0 > 1.5: {expected}"));
    }
}

#[test]
fn a_file_that_a_tool_wrote_gets_the_tool_and_no_edit() {
    let lock = ("uv.lock", "version = 1\n");
    let hash = "--hash=sha256:0000000000000000000000000000000000000000000000000000000000000000";
    for (text, beside, expected) in [
        (
            "#    pip-compile requirements.in\na==1.0\n    # via -r requirements.in\n".to_owned(),
            None,
            "run pip-compile requirements.in --upgrade-package 'a==1.5'",
        ),
        (
            "#    uv export --frozen -o requirements.txt\na==1.0\n".to_owned(),
            None,
            "run uv lock --upgrade-package 'a==1.5' && uv export --frozen -o requirements.txt",
        ),
        (
            "#    uv export --no-dev\na==1.0\n".to_owned(),
            None,
            "run uv lock --upgrade-package 'a==1.5' && uv export --no-dev -o requirements.txt",
        ),
        (
            "# This file is @generated by PDM.\na==1.0\n".to_owned(),
            None,
            "run pdm update a && pdm export -o requirements.txt",
        ),
        (
            format!("a==1.0 {hash}\n"),
            Some(lock),
            "run uv lock --upgrade-package 'a==1.5' && uv export --format requirements-txt -o requirements.txt",
        ),
        ("# compiled with care\na==1.0\n".to_owned(), None, "safe"),
    ] {
        let mut files = vec![("requirements.txt", text.as_str())];
        files.extend(beside);
        let (cures, after) = cured(&files);
        assert_eq!(told(&cures[0]), format!("a 1.0 > 1.5: {expected}"));
        assert_eq!(after["requirements.txt"] == text, expected != "safe");
    }
}

#[test]
fn an_entry_that_is_a_table_is_edited() {
    let text = "[tool.poetry.dependencies]\npython = \"^3.9\"\n[tool.poetry.dependencies.a]\nextras = [\"1.0\"]\nversion = \"1.0\" # 1.0\n\
        [tool.poetry.dependencies.torch]\nversion = \"2.2.0\"\n";
    let (cures, files) = cured(&[("pyproject.toml", text)]);
    let rows: Vec<String> = cures.iter().map(told).collect();
    assert_eq!(rows, ["a 1.0 > 1.5: safe", "torch 2.2.0 > 2.6.0: safe"]);
    let after = text
        .replace("version = \"1.0\"", "version = \"1.5\"")
        .replace("2.2.0", "2.6.0");
    assert_eq!(files["pyproject.toml"], after);
}

#[test]
fn what_keeps_a_lock_from_the_version_is_cured_with_it() {
    let lock = "version = 1\n[[package]]\nname = \"a\"\nversion = \"1.0\"\nsource = { registry = \"https://pypi.example/simple\" }\n";
    for (range, expected) in [("a<1.4", "pyproject.toml: a <1.4 > 2.3: unsafe"), ("a>=1.0", "")] {
        let declared = format!("[project]\nname = \"app\"\ndependencies = [\"{range}\"]\n");
        let files = [("pyproject.toml", declared.as_str()), ("uv.lock", lock)];
        let wanted = BTreeSet::from([(ArtifactPath::file("uv.lock"), "a".to_owned())]);
        let text = |path: &ArtifactPath| {
            let file = files.iter().find(|(n, _)| *n == path.top());
            file.map(|(_, t)| (*t).to_owned())
        };
        let cures = cures(
            &project(&files),
            &wanted,
            Some(&database()),
            &text,
            &mut Budget::default(),
        )
        .unwrap();
        let rows: Vec<String> = cures
            .iter()
            .filter(|c| c.artifact.top() != "uv.lock")
            .map(|c| format!("{}: {}", c.artifact, told(c)))
            .collect();
        assert_eq!(rows.join("\n"), expected);
    }
}

#[test]
fn edits_that_meet_are_refused() {
    let edit = |range: std::ops::Range<u64>, replacement: &str| Edit {
        artifact: ArtifactPath::file("f"),
        range,
        replacement: replacement.to_owned(),
    };
    assert_eq!(
        apply("abcdef", &[edit(4..5, "E"), edit(0..1, "A"), edit(0..1, "A")]).unwrap(),
        "AbcdEf"
    );
    for (edits, why) in [
        (vec![edit(0..3, "x"), edit(2..4, "y")], ApplyError::Overlap),
        (vec![edit(1..1, "x"), edit(1..1, "y")], ApplyError::Overlap),
        (vec![edit(5..9, "x")], ApplyError::Place),
        (vec![edit(6..7, "x")], ApplyError::Place),
        (vec![edit(u64::MAX..u64::MAX, "x")], ApplyError::Place),
    ] {
        assert_eq!(apply("abcdef", &edits), Err(why));
    }
    assert_eq!(apply("ü", &[edit(1..2, "x")]), Err(ApplyError::Place));
}

proptest! {
    #[test]
    fn an_edit_changes_one_version_or_nothing(line in "(a|torch|worse)(\\[x\\])?[ =<>~!,.0-9*+;'\"()\\\\]{0,20}") {
        let text = format!("{line}\nnumpy==1.0\n");
        let (cures, files) = cured(&[("requirements.txt", &text)]);
        let before = project(&[("requirements.txt", &text)]);
        let after = project(&[("requirements.txt", &files["requirements.txt"])]);
        let count = |p: &Project| p.files.values().map(|m| (m.components.len(), m.problems.len())).collect::<Vec<_>>();
        prop_assert_eq!(count(&before), count(&after));
        if cures.iter().all(|c| !matches!(c.step, Step::Edit { .. })) {
            prop_assert_eq!(&files["requirements.txt"], &text);
        }
    }
}
