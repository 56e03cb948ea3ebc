//! Who could supply what, file by file.

use crate::{Project, identify_manifest, read_manifest, well_known};
use wellhead_core::{ArtifactPath, Budget};

fn project(files: &[(&str, &str)]) -> Project {
    let read = |(name, text): &(&str, &str)| {
        let path = ArtifactPath::file(*name);
        let kind = identify_manifest(name, text).unwrap();
        let manifest = read_manifest(kind, &path, text, &mut Budget::default());
        assert!(manifest.problems.is_empty(), "{name}: {:?}", manifest.problems);
        (path, manifest)
    };
    Project {
        files: files.iter().map(read).collect(),
        settings: Vec::new(),
    }
}

fn shown(files: &[(&str, &str)]) -> String {
    let rows: Vec<String> = project(files)
        .exposures()
        .iter()
        .map(|e| {
            let locked = if e.locked { " locked" } else { "" };
            format!(
                "{} {:?} {}{locked}",
                e.manager.name(),
                e.rivalry,
                e.packages.join(",")
            )
        })
        .collect();
    rows.join("; ")
}

const PRIVATE: &str = "--extra-index-url https://pypi.acme.example/simple\n";
const LOCK: &str = "version = 1\n[[package]]\nname = \"a\"\nversion = \"1\"\n";

#[test]
fn who_could_supply_what() {
    let with = |text: &str| format!("{PRIVATE}{text}");
    let one = |text: &str| shown(&[("requirements.txt", text)]);
    let uv = |strategy: &str| {
        format!(
            "[project]\nname='a'\ndependencies=['torch']\n[tool.uv]\n{strategy}\n[[tool.uv.index]]\nurl='https://pypi.acme.example/simple'\n"
        )
    };
    let poetry = |priority: &str, more: &str| {
        format!(
            "[tool.poetry.dependencies]\nacme = {{ version = '*'{more} }}\n[[tool.poetry.source]]\nname='i'\nurl='https://pypi.acme.example/simple'\n{priority}\n"
        )
    };
    for (got, expected) in [
        (one(&with("acme==1.0\n")), "pip PublicAndPrivate acme"),
        (one(&with("acme==1.0 --hash=sha256:ab\n")), ""),
        (one(&with("acme==1.0 --hash=sha256:ab\nother==1\n")), ""),
        (one(&with("acme @ https://files.example/acme-1.0.zip\n")), ""),
        (one("--index-url https://pypi.acme.example/simple\nacme\n"), ""),
        (
            one(
                "--index-url https://pypi.acme.example/a\n--extra-index-url https://pypi.acme.example/b\nacme\n",
            ),
            "",
        ),
        (
            one("--index-url https://a.example/x\n--extra-index-url https://b.example/x\nacme\n"),
            "pip TwoPrivate acme",
        ),
        (one("--find-links ./wheels\nacme\n"), ""),
        (
            one("--no-index\n--find-links ./wheels\n--extra-index-url https://b.example/x\nacme\n"),
            "",
        ),
        (
            shown(&[
                ("requirements.txt", "-r sub/requirements.txt\nx\n"),
                ("sub/requirements.txt", &with("y\n")),
            ]),
            "pip PublicAndPrivate x,y",
        ),
        (
            shown(&[
                ("pip.conf", "[global]\nextra-index-url = https://b.example/x\n"),
                ("requirements.txt", "y\n"),
            ]),
            "pip PublicAndPrivate y",
        ),
        (
            shown(&[("pip.conf", "[global]\nextra-index-url = https://b.example/x\n")]),
            "pip PublicAndPrivate ",
        ),
        (shown(&[("pyproject.toml", &uv(""))]), ""),
        (
            shown(&[("pyproject.toml", &uv("index-strategy='unsafe-best-match'"))]),
            "uv PublicAndPrivate torch",
        ),
        (
            shown(&[
                ("pyproject.toml", &uv("index-strategy='unsafe-best-match'")),
                ("uv.lock", LOCK),
            ]),
            "uv PublicAndPrivate torch locked",
        ),
        (
            shown(&[("pyproject.toml", &poetry("priority='supplemental'", ""))]),
            "Poetry PublicAndPrivate acme",
        ),
        (
            shown(&[("pyproject.toml", &poetry("priority='explicit'", ""))]),
            "",
        ),
        (
            shown(&[("pyproject.toml", &poetry("priority='primary'", ""))]),
            "",
        ),
        (
            shown(&[(
                "pyproject.toml",
                &poetry("priority='supplemental'", ", source = 'i'"),
            )]),
            "",
        ),
        (
            shown(&[
                ("pyproject.toml", &poetry("priority='supplemental'", "")),
                ("poetry.lock", LOCK),
            ]),
            "",
        ),
    ] {
        assert_eq!(got, expected);
    }
}

#[test]
fn wheels_of_a_well_known_project_are_another_matter() {
    let extra = well_known::PROJECTS[0].trim_end_matches('/');
    let text = format!("--extra-index-url https://{extra}/whl/cu121\ntorch==2.6.0+cu121\nnumpy\n");
    assert_eq!(
        shown(&[("requirements.txt", &text)]),
        "pip PublicAndProject numpy"
    );
}
