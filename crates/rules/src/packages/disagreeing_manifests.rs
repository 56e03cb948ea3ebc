use super::{labelled, shown};
use std::collections::BTreeMap;
use wellhead_core::{
    ArtifactPath, Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink,
    ThreatProfile, code,
};
use wellhead_packages::{Conflict, Disagreement, Project};

/// Two files of one project that say different things.
pub(crate) static DISAGREEING_MANIFESTS: Rule = Rule {
    id: "disagreeing-manifests",
    summary: "two files of a project disagree about the version of a package",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    measure: Measure::Updates,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 2,
        detectability: 5,
        technical_impact: 3,
        ml_application: 3,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "nobody, or whoever changes the file that is not looked at",
        vector: "the file from which the project is installed, which is not the one that was reviewed",
        weakness: "two files that should say the same",
        impact: "a version runs that nobody tried or audited",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(1357)],
    page: include_str!("disagreeing_manifests.md"),
    file: file!(),
};

/// Most packages of two files that are spoken of one by one.
const MAX_EACH: usize = 20;

pub(crate) fn check(project: &Project, sink: &mut Sink) {
    let mut pairs: BTreeMap<(ArtifactPath, ArtifactPath), Vec<Disagreement>> = BTreeMap::new();
    for d in project.disagreements() {
        let key = (d.at.artifact.clone(), d.other.artifact.clone());
        pairs.entry(key).or_default().push(d);
    }
    for all in pairs.into_values() {
        if all.len() > MAX_EACH {
            if let Some(first) = all.first() {
                sink.push(whole(first, &all));
            }
            continue;
        }
        for d in &all {
            sink.push(one(d));
        }
    }
}

fn one(d: &Disagreement) -> Finding {
    let name = code(&d.written);
    let (here, there) = (code(d.at.artifact.leaf()), code(d.other.artifact.leaf()));
    let found: Vec<String> = d.found.iter().take(4).map(|v| shown(v)).collect();
    let found = found.join(" and ");
    let wanted = shown(&d.wanted);
    let same = d.at.artifact == d.other.artifact;
    let message = match d.conflict {
        Conflict::Pins if same => format!("{here} asks for {name} {wanted} and for {found}"),
        Conflict::Pins => format!(
            "which version of {name} runs depends on the file it is installed from: {wanted} by {here}, {found} by {there}"
        ),
        Conflict::Excluded => format!(
            "{there} has {name} {found}, which {here} does not allow ({wanted}): one of them was not made from the other"
        ),
        Conflict::Missing => format!(
            "{here} asks for {name}, which {there} does not have: the lock was made before, or from something else"
        ),
    };
    let other = match d.conflict {
        Conflict::Missing => d.other.clone(),
        _ => labelled(&d.other, &format!("{found} here")),
    };
    Finding::new(&DISAGREEING_MANIFESTS, message, labelled(&d.at, &label(d, &wanted)))
        .at(other)
        .subject(format!("{} {}", d.package, d.other.artifact))
        .help("make the generated file anew from the one that you edit: `uv lock`, `poetry lock`, `pdm lock`, `pip-compile`, `conda-lock`, `pixi lock`")
        .property("package", d.package.as_str())
        .property("wanted", wanted)
        .property("found", d.found.clone())
}

fn label(d: &Disagreement, wanted: &str) -> String {
    match d.conflict {
        Conflict::Missing => "not locked".to_owned(),
        _ => format!("{wanted} here"),
    }
}

/// Files that share hardly anything: one of them is out of use, or belongs to something else.
fn whole(first: &Disagreement, all: &[Disagreement]) -> Finding {
    let names: Vec<String> = all.iter().take(5).map(|d| code(&d.written)).collect();
    let message = format!(
        "what is installed depends on the file it is installed from: {} and {} disagree about {} packages",
        code(first.at.artifact.leaf()),
        code(first.other.artifact.leaf()),
        all.len()
    );
    let packages: Vec<&str> = all.iter().map(|d| d.package.as_str()).collect();
    Finding::new(
        &DISAGREEING_MANIFESTS,
        message,
        labelled(&first.at, "the first of them"),
    )
    .at(first.other.clone())
    .subject(first.other.artifact.to_string())
    .note(format!("among them {}", names.join(", ")))
    .help("delete the file that is out of use, or make it anew from the one that you edit")
    .property("packages", packages)
}

#[cfg(test)]
mod tests {
    use super::super::testing::manifest;
    use super::*;

    fn said(files: &[(&str, &str)]) -> String {
        let files = files
            .iter()
            .map(|(name, text)| (ArtifactPath::file(*name), manifest(name, text)));
        let project = Project {
            files: files.collect(),
            settings: Vec::new(),
        };
        let mut sink = Sink::new(ArtifactPath::file("x"));
        check(&project, &mut sink);
        let rows: Vec<String> = sink.into_findings().into_iter().map(|f| f.message).collect();
        rows.join("\n")
    }

    const LOCK: &str = "version = 1\n[[package]]\nname = \"app\"\nversion = \"0\"\nsource = { virtual = \".\" }\ndependencies = [{ name = \"torch\" }]\n[[package]]\nname = \"torch\"\nversion = \"2.3.0+cu121\"\n";

    fn app(dependencies: &str) -> String {
        format!("[project]\nname = \"app\"\ndependencies = [{dependencies}]\n")
    }

    #[test]
    fn files_of_one_project_disagree() {
        let rows = [
            said(&[("requirements.txt", "torch==2.2.0\n"), ("uv.lock", LOCK)]),
            said(&[("pyproject.toml", &app("'torch>=2.4'")), ("uv.lock", LOCK)]),
            said(&[("pyproject.toml", &app("'torch', 'numpy'")), ("uv.lock", LOCK)]),
            said(&[("a/pyproject.toml", &app("'torch<2'")), ("uv.lock", LOCK)]),
            said(&[
                ("requirements.in", "torch<2.3\nnumpy\n"),
                ("requirements.txt", "torch==2.3.0\n"),
            ]),
            said(&[
                ("requirements.txt", "-c constraints.txt\ntorch==2.2.0\n"),
                ("constraints.txt", "torch==2.3.0\n"),
            ]),
            said(&[
                ("requirements-dev.txt", "-r requirements.txt\ntorch==2.2.0\n"),
                ("requirements.txt", "torch==2.3.0\n"),
            ]),
            said(&[("requirements.txt", "torch==2.2.0\ntorch==2.3.0\n")]),
            said(&[
                ("Pipfile", "[packages]\ntorch = '<2'\n"),
                (
                    "Pipfile.lock",
                    "{\"default\": {\"torch\": {\"version\": \"==2.3.0\"}}}",
                ),
            ]),
            said(&[(
                "environment.yml",
                "dependencies:\n- numpy=1.24.0\n- pip:\n  - numpy==1.26.0\n",
            )]),
            said(&[
                ("environment.yml", "dependencies:\n- pytorch=2.2.0\n"),
                ("requirements.txt", "torch==2.3.0\n"),
            ]),
            said(&[
                ("environment.yml", "dependencies:\n- pillow>=11\n"),
                (
                    "conda-lock.yml",
                    "package:\n- {name: pillow, version: 10.0.0, manager: conda, platform: linux-64, url: 'https://c.example/f/linux-64/pillow-10.0.0-0.conda'}\n",
                ),
            ]),
            said(&[
                ("uv.lock", LOCK),
                (
                    "poetry.lock",
                    "[[package]]\nname = \"torch\"\nversion = \"2.2.0\"\n",
                ),
            ]),
            said(&[
                ("train.py", "# /// script\n# dependencies = ['torch<2']\n# ///\n"),
                ("train.py.lock", LOCK),
            ]),
        ];
        insta::assert_snapshot!(rows.join("\n---\n"), @"
        which version of `torch` runs depends on the file it is installed from: 2.2.0 by `requirements.txt`, 2.3.0+cu121 by `uv.lock`
        ---
        `uv.lock` has `torch` 2.3.0+cu121, which `pyproject.toml` does not allow (>=2.4): one of them was not made from the other
        ---
        `pyproject.toml` asks for `numpy`, which `uv.lock` does not have: the lock was made before, or from something else
        ---
        `uv.lock` has `torch` 2.3.0+cu121, which `a/pyproject.toml` does not allow (<2): one of them was not made from the other
        ---
        `requirements.txt` has `torch` 2.3.0, which `requirements.in` does not allow (<2.3): one of them was not made from the other
        `requirements.in` asks for `numpy`, which `requirements.txt` does not have: the lock was made before, or from something else
        ---
        which version of `torch` runs depends on the file it is installed from: 2.2.0 by `requirements.txt`, 2.3.0 by `constraints.txt`
        ---
        which version of `torch` runs depends on the file it is installed from: 2.2.0 by `requirements-dev.txt`, 2.3.0 by `requirements.txt`
        ---
        `requirements.txt` asks for `torch` 2.2.0 and for 2.3.0
        ---
        `Pipfile.lock` has `torch` 2.3.0, which `Pipfile` does not allow (<2): one of them was not made from the other
        ---
        `environment.yml` asks for `numpy` 1.24.0 and for 1.26.0
        ---
        which version of `pytorch` runs depends on the file it is installed from: 2.2.0 by `environment.yml`, 2.3.0 by `requirements.txt`
        ---
        `conda-lock.yml` has `pillow` 10.0.0, which `environment.yml` does not allow (>=11): one of them was not made from the other
        ---
        which version of `torch` runs depends on the file it is installed from: 2.2.0 by `poetry.lock`, 2.3.0+cu121 by `uv.lock`
        ---
        `train.py.lock` has `torch` 2.3.0+cu121, which `train.py` does not allow (<2): one of them was not made from the other
        ");
    }

    /// Two files that look as if they disagreed, and speak of different installations or say the same.
    #[test]
    fn innocent_twins_stay_silent() {
        let app_of = |text: &str| app(text);
        for files in [
            vec![
                ("requirements-cpu.txt", "torch==2.2.0\n"),
                ("requirements-gpu.txt", "torch==2.3.0\n"),
            ],
            vec![
                ("requirements.txt", "torch==2.3.0\n"),
                ("docs/requirements.txt", "torch==2.2.0\n"),
            ],
            vec![("requirements-dev.txt", "torch==2.2.0\n"), ("uv.lock", LOCK)],
            vec![("requirements.txt", "torch==2.3.0\n"), ("uv.lock", LOCK)],
            vec![("requirements.txt", "torch==2.3.0+cpu\n"), ("uv.lock", LOCK)],
            vec![("a/requirements.txt", "torch==2.2.0\n"), ("uv.lock", LOCK)],
            vec![
                (
                    "a/pyproject.toml",
                    "[project]\nname='other'\ndependencies=['torch<2']\n",
                ),
                ("uv.lock", LOCK),
            ],
            vec![
                (
                    "requirements.txt",
                    "torch==2.2.0 ; sys_platform == 'win32'\ntorch==2.3.0 ; sys_platform == 'linux'\n",
                ),
                ("uv.lock", LOCK),
            ],
            vec![(
                "requirements.txt",
                "torch==2.2.0 ; sys_platform == 'win32'\ntorch==2.3.0 ; sys_platform == 'linux'\n",
            )],
            vec![
                ("requirements.in", "torch>=2\n"),
                ("requirements.txt", "torch==2.3.0\nnumpy==1\n"),
            ],
            vec![
                ("requirements.in", "torch\nnumpy\n"),
                ("requirements.txt", "torch==2.3.0\nother\n"),
            ],
            vec![(
                "environment.yml",
                "dependencies:\n- numpy=1.24.0\n- pip:\n  - numpy==1.24.0\n",
            )],
            vec![
                ("environment.yml", "dependencies:\n- numpy=1.24.0\n"),
                ("environment-gpu.yml", "dependencies:\n- numpy=1.26.0\n"),
            ],
            vec![
                ("uv.lock", LOCK),
                ("pylock.gpu.toml", "[[packages]]\nname='torch'\nversion='2.2.0'\n"),
            ],
            vec![
                ("uv.lock", LOCK),
                ("a/poetry.lock", "[[package]]\nname='torch'\nversion='2.2.0'\n"),
            ],
            vec![("requirements.txt", "torch==2.3.0\ntorch[extra]==2.3\n")],
            vec![
                (
                    "requirements.txt",
                    "torch @ https://f.example/torch-2.2.0.tar.gz\n",
                ),
                ("uv.lock", LOCK),
            ],
        ] {
            assert_eq!(said(&files), "", "{files:?}");
        }
        let both = [
            (
                "requirements.txt",
                "-r requirements-base.txt\ntorch==2.3.0 ; sys_platform == 'linux'\n",
            ),
            (
                "requirements-base.txt",
                "torch==2.2.0 ; sys_platform == 'win32'\n",
            ),
        ];
        assert_eq!(said(&both), "");
        for text in [
            "'torch>=2'",
            "'torch', 'tomli; python_version < \"3.11\"'",
            "'torch', 'app[extra]'",
            "'torch<2; python_version < \"3.9\"', 'torch>=2; python_version >= \"3.9\"'",
        ] {
            assert_eq!(
                said(&[("pyproject.toml", &app_of(text)), ("uv.lock", LOCK)]),
                "",
                "{text}"
            );
        }
        let overridden = format!(
            "{}[tool.uv]\noverride-dependencies = ['torch==2.3.0']\n",
            app("'torch<2'")
        );
        assert_eq!(said(&[("pyproject.toml", &overridden), ("uv.lock", LOCK)]), "");
        let source = format!(
            "{}[tool.uv.sources]\nnear = {{ path = 'near' }}\n",
            app("'torch', 'near'")
        );
        assert_eq!(said(&[("pyproject.toml", &source), ("uv.lock", LOCK)]), "");
        let groups = format!(
            "{}[dependency-groups]\ndev = ['pytest']\n[tool.hatch.envs.x]\ndependencies = ['torch<2']\n",
            app("'torch'")
        );
        assert_eq!(said(&[("pyproject.toml", &groups), ("uv.lock", LOCK)]), "");
        // Of a lock that could not be read nothing is known to be absent.
        assert_eq!(
            said(&[("pyproject.toml", &app("'torch'")), ("uv.lock", "[[package]\n")]),
            ""
        );
    }

    #[test]
    fn files_that_share_nothing_are_one_finding() {
        let list: String = (0..50).map(|i| format!("p{i}==1\n")).collect();
        let lock: String = (0..50)
            .map(|i| format!("[[package]]\nname = \"p{i}\"\nversion = \"2\"\n"))
            .collect();
        assert_eq!(
            said(&[("requirements.txt", &list), ("poetry.lock", &lock)]),
            "what is installed depends on the file it is installed from: `requirements.txt` and `poetry.lock` disagree about 50 packages"
        );
    }
}
