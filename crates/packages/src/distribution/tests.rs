//! Distributions end to end from lists of members.

use super::*;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use wellhead_formats::format::table;

/// A member of text, of the format that its name promises.
fn text(path: &str, text: &str) -> Contained {
    let format = match path.rsplit('.').next() {
        Some("py") => &table::PYTHON,
        Some("so" | "elf") => &table::ELF,
        Some("pyc") => &table::PYTHON_BYTECODE,
        Some("sh") => &table::SHELL,
        _ => &table::PLAIN_TEXT,
    };
    Contained {
        path: path.to_owned(),
        size: text.len() as u64,
        digest: Some(Sha256::digest(text.as_bytes()).into()),
        format,
        text: Some(text.into()),
    }
}

fn hex(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .fold(String::new(), |mut out, b| {
            let _ = write!(out, "{b:02x}");
            out
        })
}

fn parts(file: &str, members: &[(&str, &str)]) -> Parts {
    let names = members.iter().map(|(path, _)| *path);
    Parts {
        file: file.to_owned(),
        shape: recognise(file, names).unwrap(),
        members: members
            .iter()
            .map(|(path, content)| text(path, content))
            .collect(),
        whole: true,
        container: Vec::new(),
    }
}

/// Reads a wheel whose RECORD is true, unless a RECORD is among the members.
fn wheel(file: &str, members: &[(&str, &str)]) -> Distribution {
    let mut all = members.to_vec();
    let folder = members
        .iter()
        .find_map(|(p, _)| p.strip_suffix("/METADATA"))
        .unwrap_or("acme-1.0.dist-info");
    let path = format!("{folder}/RECORD");
    let mut record = String::new();
    for (name, content) in members {
        let _ = writeln!(record, "{name},sha256={},{}", hex(content), content.len());
    }
    let _ = writeln!(record, "{path},,");
    if !members.iter().any(|(p, _)| *p == path) {
        all.push((&path, &record));
    }
    read(&parts(file, &all), &mut Budget::default())
}

const META: (&str, &str) = (
    "acme-1.0.dist-info/METADATA",
    "Metadata-Version: 2.1\nName: Acme\nVersion: 1.0\n",
);
const WHEEL: (&str, &str) = (
    "acme-1.0.dist-info/WHEEL",
    "Wheel-Version: 1.0\nTag: py3-none-any\n",
);
const FILE: &str = "acme-1.0-py3-none-any.whl";

fn kinds(d: &Distribution) -> Vec<AnomalyKind> {
    d.anomalies.iter().map(|a| a.kind).collect()
}

fn triggers(d: &Distribution) -> Vec<String> {
    d.members
        .iter()
        .map(|m| format!("{} {:?}", m.path, m.trigger))
        .collect()
}

#[test]
fn an_ordinary_wheel_has_no_anomaly() {
    let d = wheel(
        FILE,
        &[
            ("acme/__init__.py", ""),
            ("acme/core.py", "x = 1\n"),
            ("acme/_fast.cpython-312-x86_64-linux-gnu.so", "ELF"),
            META,
            WHEEL,
        ],
    );
    assert_eq!(kinds(&d), []);
    assert_eq!(
        (d.shown().as_str(), d.top_level.as_slice()),
        ("acme 1.0", &["acme".to_owned()][..])
    );
    assert_eq!(d.outcome, Outcome::Analysed);
}

#[test]
fn a_record_that_is_not_that_of_its_members_is_told() {
    let digest = hex("");
    for (record, expected) in [
        (format!("acme.py,sha256={digest},0\n"), &[][..]),
        (
            format!("acme.py,sha256={digest},1\n"),
            &[AnomalyKind::WrongDigest],
        ),
        (
            format!("acme.py,sha256={},0\n", hex("x")),
            &[AnomalyKind::WrongDigest],
        ),
        ("\n".to_owned(), &[AnomalyKind::Unlisted]),
        ("acme.py,,\n".to_owned(), &[AnomalyKind::NoDigest]),
        (
            "acme.py,md5=1B2M2Y8AsgTpgAmY7PhCfg,0\n".to_owned(),
            &[AnomalyKind::NoDigest],
        ),
        (
            format!("acme.py,sha256={digest},0\ngone.py,sha256={digest},0\n"),
            &[AnomalyKind::NotThere],
        ),
        (
            format!("acme.py,sha256={},0\nacme.py,sha256={digest},0\n", hex("x")),
            &[AnomalyKind::TwoRows],
        ),
        (
            format!("acme.py,sha256={digest},0\n,,\n"),
            &[AnomalyKind::InvalidRow],
        ),
    ] {
        let mut record = record;
        for (path, content) in [META, WHEEL] {
            let _ = writeln!(record, "{path},sha256={},{}", hex(content), content.len());
        }
        let d = wheel(
            FILE,
            &[
                ("acme.py", ""),
                META,
                WHEEL,
                ("acme-1.0.dist-info/RECORD", &record),
            ],
        );
        assert_eq!(kinds(&d), expected, "{record}");
    }
}

#[test]
fn a_record_lists_no_folders() {
    let record = |more: &str| {
        let mut out = more.to_owned();
        for (path, content) in [META, WHEEL] {
            let _ = writeln!(out, "{path},sha256={},{}", hex(content), content.len());
        }
        out
    };
    let of = |entry: (&'static str, &'static str)| {
        let record = record("");
        let members = [entry, META, WHEEL, ("acme-1.0.dist-info/RECORD", &*record)];
        kinds(&wheel(FILE, &members))
    };
    assert_eq!(of(("acme-1.0.dist-info/", "")), []);
    // What has content is a file, whatever it is called.
    assert_eq!(of(("acme/", "import os\n")), [AnomalyKind::Unlisted]);
}

#[test]
fn a_wheel_that_calls_itself_otherwise_is_told() {
    let meta =
        |name: &str, version: &str| format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
    for (file, name, version, tag, expected) in [
        (FILE, "ACME", "1.0.0", "py3-none-any", &[][..]),
        (
            "acme-1.0-1-py2.py3-none-any.whl",
            "acme",
            "1.0",
            "py3-none-any",
            &[],
        ),
        (
            FILE,
            "other",
            "1.0",
            "py3-none-any",
            &[AnomalyKind::Name, AnomalyKind::Name],
        ),
        (
            FILE,
            "acme",
            "2.0",
            "py3-none-any",
            &[AnomalyKind::Version, AnomalyKind::Version],
        ),
        (
            FILE,
            "acme",
            "1.0",
            "cp312-cp312-linux_x86_64",
            &[AnomalyKind::Tags],
        ),
        // Tools that repair wheels change the platform in one place.
        (
            "acme-1.0-cp312-cp312-manylinux_2_17_x86_64.whl",
            "acme",
            "1.0",
            "cp312-cp312-linux_x86_64",
            &[],
        ),
        (
            "acme-1.0+cu121-py3-none-any.whl",
            "acme",
            "1.0",
            "py3-none-any",
            &[AnomalyKind::Version],
        ),
    ] {
        let text = meta(name, version);
        let tags = format!("Wheel-Version: 1.0\nTag: {tag}\n");
        let d = wheel(file, &[("acme.py", ""), (META.0, &text), (WHEEL.0, &tags)]);
        assert_eq!(kinds(&d), expected, "{file} {name} {version} {tag}");
    }
    let d = wheel(
        FILE,
        &[META, WHEEL, ("other-2.dist-info/METADATA", "Name: other\n")],
    );
    assert_eq!(kinds(&d), [AnomalyKind::ForeignInfo]);
    // What setuptools brings along for itself lies in a folder of its own.
    let d = wheel(
        FILE,
        &[
            META,
            WHEEL,
            ("acme/_vendor/other-2.dist-info/METADATA", "Name: other\n"),
        ],
    );
    assert_eq!(kinds(&d), []);
}

#[test]
fn every_file_of_a_wheel_has_its_trigger() {
    let d = wheel(
        FILE,
        &[
            META,
            WHEEL,
            ("acme/__init__.py", ""),
            ("acme/boot.py", ""),
            ("acme/cli.py", ""),
            ("acme/data.txt", ""),
            ("acme/lazy.py", ""),
            ("acme/plugin.py", ""),
            ("acme_boot.pth", "import acme.boot; acme.boot.run()\n"),
            ("paths.pth", "lib\n"),
            ("sitecustomize.py", ""),
            ("later.start", "acme.boot:run\n"),
            ("acme-1.0.data/scripts/tool", "#!python\n"),
            ("acme-1.0.data/data/etc/jupyter/x.py", ""),
            (
                "acme-1.0.data/data/lib/python3.12/site-packages/deep.pth",
                "import os\n",
            ),
            (
                "acme-1.0.dist-info/entry_points.txt",
                "[console_scripts]\nacme = acme.cli:main\n[pytest11]\nacme = acme.plugin\n",
            ),
        ],
    );
    insta::assert_snapshot!(triggers(&d).join("\n"), @r"
    acme-1.0.data/data/etc/jupyter/x.py Plugin
    acme-1.0.data/data/lib/python3.12/site-packages/deep.pth Startup
    acme-1.0.data/scripts/tool EntryPoint
    acme-1.0.dist-info/METADATA Never
    acme-1.0.dist-info/RECORD Never
    acme-1.0.dist-info/WHEEL Never
    acme-1.0.dist-info/entry_points.txt Never
    acme/__init__.py Startup
    acme/boot.py Startup
    acme/cli.py EntryPoint
    acme/data.txt Never
    acme/lazy.py Lazy
    acme/plugin.py Plugin
    acme_boot.pth Startup
    later.start Startup
    paths.pth Never
    sitecustomize.py Startup
    ");
}

#[test]
fn what_a_start_up_file_imports_runs_at_the_start_too() {
    let mut d = wheel(
        FILE,
        &[
            META,
            WHEEL,
            ("acme/__init__.py", ""),
            ("acme/a.py", ""),
            ("acme/b.py", ""),
            ("acme/c.py", ""),
            ("boot.py", ""),
            ("x.pth", "import boot\n"),
        ],
    );
    let imports = [
        ("boot.py", vec!["acme.a"]),
        ("acme/a.py", vec![".b.name"]),
        ("acme/__init__.py", vec![".c", "os"]),
    ];
    let imports = imports
        .into_iter()
        .map(|(path, names)| (path.to_owned(), names.into_iter().map(str::to_owned).collect()))
        .collect();
    spread(&mut d, &imports, &mut Budget::default());
    let code: Vec<String> = triggers(&d).into_iter().filter(|t| t.contains(".py ")).collect();
    insta::assert_snapshot!(code.join("\n"), @r"
    acme/__init__.py Startup
    acme/a.py Startup
    acme/b.py Startup
    acme/c.py Startup
    boot.py Startup
    ");
}

#[test]
fn sources_run_their_builder_and_ship_no_tests() {
    let d = read(
        &parts(
            "acme-1.0.tar.gz",
            &[
                (
                    "acme-1.0/PKG-INFO",
                    "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n",
                ),
                ("acme-1.0/setup.py", ""),
                (
                    "acme-1.0/pyproject.toml",
                    "[build-system]\nbuild-backend = \"backend\"\nbackend-path = [\"_build\"]\n[project]\nname = \"acme\"\nversion = \"1.0\"\n",
                ),
                ("acme-1.0/_build/backend.py", ""),
                ("acme-1.0/src/acme/__init__.py", ""),
                ("acme-1.0/src/acme/sub.py", ""),
                ("acme-1.0/tests/test_acme.py", ""),
            ],
        ),
        &mut Budget::default(),
    );
    assert_eq!(kinds(&d), []);
    insta::assert_snapshot!(triggers(&d).join("\n"), @r"
    acme-1.0/PKG-INFO Never
    acme-1.0/_build/backend.py Build
    acme-1.0/pyproject.toml Never
    acme-1.0/setup.py Install
    acme-1.0/src/acme/__init__.py Import
    acme-1.0/src/acme/sub.py Lazy
    acme-1.0/tests/test_acme.py Never
    ");
}

#[test]
fn a_project_that_says_otherwise_than_its_sources_is_told() {
    let told = |project: &str, more: &str| {
        let info = format!("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n{more}");
        let members = [
            ("acme-1.0/PKG-INFO", info.as_str()),
            ("acme-1.0/pyproject.toml", project),
        ];
        kinds(&read(&parts("acme-1.0.tar.gz", &members), &mut Budget::default()))
    };
    let project = [AnomalyKind::Project];
    assert_eq!(
        told("[project]\nname = \"Acme\"\ndynamic = [\"version\"]\n", ""),
        []
    );
    assert_eq!(
        told("[project]\nname = \"other\"\nversion = \"1.0\"\n", ""),
        project
    );
    assert_eq!(
        told("[tool.poetry]\nname = \"acme\"\nversion = \"2.0\"\n", ""),
        project
    );
    let listed = "[project]\nname = \"acme\"\nversion = \"1.0\"\ndependencies = [\"click>=8\"]\n";
    assert_eq!(told(listed, "Requires-Dist: Click>=8\n"), []);
    assert_eq!(
        told(listed, "Requires-Dist: Click>=8\nRequires-Dist: evil\n"),
        project
    );
    assert_eq!(told(listed, "Requires-Dist: extra-thing; extra == 'x'\n"), []);
}

#[test]
fn commands_and_modules_of_others_are_told() {
    let told = |entries: &str, more: &[(&str, &str)]| {
        let mut all = vec![META, WHEEL, ("acme-1.0.dist-info/entry_points.txt", entries)];
        all.extend(more);
        kinds(&wheel(FILE, &all))
    };
    assert_eq!(told("[console_scripts]\nacme = acme:main\n", &[]), []);
    assert_eq!(
        told("[console_scripts]\ngit = acme:main\n", &[]),
        [AnomalyKind::ShadowsTool]
    );
    assert_eq!(
        told("[gui_scripts]\npython3.12 = acme:main\n", &[]),
        [AnomalyKind::ShadowsTool]
    );
    assert_eq!(told("[acme.plugins]\ngit = acme:main\n", &[]), []);
    assert_eq!(
        told("", &[("acme-1.0.data/scripts/pip3", "")]),
        [AnomalyKind::ShadowsTool]
    );
    assert_eq!(
        told("", &[("requests/__init__.py", "")]),
        [AnomalyKind::ShadowsModule]
    );
    let meta = "Name: opencv-python-headless\nVersion: 1\n";
    let d = wheel(
        "opencv_python_headless-1-py3-none-any.whl",
        &[
            ("cv2/__init__.py", ""),
            ("opencv_python_headless-1.dist-info/METADATA", meta),
            ("opencv_python_headless-1.dist-info/WHEEL", WHEEL.1),
        ],
    );
    assert_eq!(kinds(&d), []);
}

#[test]
fn conda_runs_scripts_of_its_packages() {
    let d = read(
        &parts(
            "acme-1.0-0.tar.bz2",
            &[
                (
                    "info/index.json",
                    r#"{"name": "acme", "version": "1.0", "build": "0"}"#,
                ),
                ("bin/.acme-post-link.sh", ""),
                ("etc/conda/activate.d/acme.sh", ""),
                ("info/recipe/build.sh", ""),
                ("lib/python3.12/site-packages/acme/__init__.py", ""),
                ("lib/python3.12/site-packages/acme.pth", "import os\n"),
            ],
        ),
        &mut Budget::default(),
    );
    assert_eq!(kinds(&d), []);
    insta::assert_snapshot!(triggers(&d).join("\n"), @r"
    bin/.acme-post-link.sh Install
    etc/conda/activate.d/acme.sh Activation
    info/index.json Never
    info/recipe/build.sh Never
    lib/python3.12/site-packages/acme.pth Startup
    lib/python3.12/site-packages/acme/__init__.py Import
    ");
}

#[test]
fn programs_under_other_names_are_told() {
    let mut parts = parts(FILE, &[("acme/logo.png", "x"), ("acme/tool", "x"), META]);
    for member in &mut parts.members[..2] {
        member.format = &table::ELF;
    }
    let d = read(&parts, &mut Budget::default());
    let disguised: Vec<_> = d
        .anomalies
        .iter()
        .filter(|a| a.kind == AnomalyKind::Disguised)
        .collect();
    assert_eq!(disguised.len(), 1);
    assert_eq!(disguised[0].member.as_deref(), Some("acme/logo.png"));
}

proptest! {
    #[test]
    fn any_members_are_read(
        members in proptest::collection::vec(("(a|b|\\.|/|-|1|x\\.data/|a-1\\.dist-info/|METADATA|RECORD|WHEEL|entry_points\\.txt|\\.pth|\\.py|é){0,6}", "(a|=|,|:|\\[|\\]|\n|import |Name: |\"|é){0,12}"), 0..8),
        file in "(a-1-py3-none-any\\.whl|a-1\\.tar\\.gz|x\\.egg|x\\.conda|x\\.pyz|é)",
    ) {
        let names = members.iter().map(|(path, _)| path.as_str());
        if let Some(shape) = recognise(&file, names) {
            let parts = Parts {
                file,
                shape,
                members: members.iter().map(|(path, content)| text(path, content)).collect(),
                whole: true,
                container: Vec::new(),
            };
            let mut d = read(&parts, &mut Budget::default());
            prop_assert_eq!(d.members.len(), parts.members.len());
            let imports = members.iter().map(|(path, content)| (path.clone(), vec![content.clone()])).collect();
            spread(&mut d, &imports, &mut Budget::default());
            for (path, range) in d.anomalies.into_iter().filter_map(|a| a.place) {
                let texts = parts.members.iter().filter(|m| m.path == path);
                for member in texts {
                    prop_assert!(member.text.as_ref().is_none_or(|t| t.get(range.clone()).is_some() || t.len() < range.end));
                }
            }
        }
    }
}
