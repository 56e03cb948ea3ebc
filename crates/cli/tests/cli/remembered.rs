//! What is remembered of packages is what an audit of them comes to, and nothing else is.

use crate::{Project, archive};
use std::path::PathBuf;

/// What makes a package large enough to be remembered.
fn padding() -> String {
    (0..12_000u32)
        .map(|n| format!("# {:x}\n", n.wrapping_mul(2_654_435_761).wrapping_mul(n | 1)))
        .collect()
}

fn wheel(payload: &str) -> Vec<u8> {
    archive(&[
        (
            "acme/__init__.py",
            &format!("{}import base64\n{payload}\n", padding()),
        ),
        (
            "acme-1.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\nRequires-Dist: jinja2==3.1.2\n",
        ),
        (
            "acme-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        ),
    ])
}

const NAME: &str = "acme-1.0-py3-none-any.whl";
const HOSTILE: &str = "exec(base64.b64decode('cHJpbnQoMSk='))";
const AUDIT: [&str; 6] = ["audit", "--isolated", "--format", "json", "--exit-zero", NAME];

/// The files that are kept.
fn kept(project: &Project) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut folders = vec![project.path().join(".git/cache/audits")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|e| e == "json") => out.push(path),
                false => {}
            }
        }
    }
    out
}

#[test]
fn a_package_comes_to_the_same_the_second_time() {
    let project = Project::new(&[]);
    project.write(NAME, &wheel(HOSTILE));
    let first = project.run(&AUDIT).out;
    assert!(first.contains("\"artifact\""), "{first}");
    assert!(
        first.contains("pkg:pypi/acme@1.0"),
        "what it declares is seen: {first}"
    );
    let files = kept(&project);
    assert_eq!(files.len(), 1, "{files:?}");
    // What is read is what was kept, and not judged anew.
    let text = std::fs::read_to_string(&files[0]).unwrap();
    assert_eq!(project.run(&AUDIT).out, first);
    let told = text.replace("acme/__init__.py", "acme/__told__.py");
    std::fs::write(&files[0], told).unwrap();
    assert!(project.run(&AUDIT).out.contains("__told__"));
    // Unless somebody asks for it.
    let anew: Vec<&str> = AUDIT.into_iter().chain(["--no-cache"]).collect();
    assert_eq!(project.run(&anew).out, first);
}

#[test]
fn whatever_decides_the_result_is_a_package_of_its_own() {
    let project = Project::new(&[]);
    project.write(NAME, &wheel("VERSION = 1"));
    let innocent = project.run(&AUDIT).out;
    project.write(NAME, &wheel(HOSTILE));
    assert_ne!(project.run(&AUDIT).out, innocent, "other bytes");
    for more in [&["--full"][..], &["--ignore", "integrity"]] {
        let before = kept(&project).len();
        let args: Vec<&str> = AUDIT.into_iter().chain(more.iter().copied()).collect();
        project.run(&args);
        assert_eq!(kept(&project).len(), before + 1, "{more:?}");
    }
}

#[test]
fn what_is_damaged_is_judged_anew() {
    let project = Project::new(&[]);
    project.write(NAME, &wheel(HOSTILE));
    let first = project.run(&AUDIT).out;
    let file = kept(&project).remove(0);
    for damage in ["", "{", "{\"coverage\":[]}", "null"] {
        std::fs::write(&file, damage).unwrap();
        assert_eq!(project.run(&AUDIT).out, first, "{damage}");
    }
}

#[test]
fn no_secret_is_written() {
    let secret = "s3cr3tPassw0rdXYZ";
    let requires = format!("Requires-Dist: foo @ https://bob:{secret}@files.example/foo-1.0.whl\n");
    let settings = format!("--extra-index-url https://bob:{secret}@packages.example/simple\nfoo==1.0\n");
    // What is declared is kept as it is read, so that nothing is where it holds a secret; findings are kept without it.
    for (settings, requires, expected) in [("", &*requires, 0), (&*settings, "", 1)] {
        let project = Project::new(&[]);
        let metadata = format!("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n{requires}");
        let members = [
            ("acme/__init__.py", &*padding()),
            ("acme/requirements.txt", settings),
            ("acme-1.0.dist-info/METADATA", &metadata),
        ];
        project.write(NAME, &archive(&members));
        let first = project.run(&AUDIT).out;
        let files = kept(&project);
        assert_eq!(files.len(), expected, "{first}");
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(text.contains(".example") && !text.contains(secret), "{text}");
        }
        assert_eq!(project.run(&AUDIT).out, first);
    }
}

#[test]
fn small_files_and_what_is_no_package_are_not_remembered() {
    let project = Project::new(&[]);
    project.write("small.whl", &archive(&[("a.py", "x = 1\n")]));
    project.write("data.zip", &archive(&[("notes.txt", &padding())]));
    project.run(&["audit", "--isolated", "--exit-zero", "."]);
    assert_eq!(kept(&project), Vec::<PathBuf>::new());
}

#[test]
fn a_folder_too_large_to_be_hashed_again_is_not_remembered() {
    let project = Project::new(&[]);
    let code = format!("{}\nimport base64\n{HOSTILE}\n", "# padding\n".repeat(8_000));
    project.write("setup.py", code.as_bytes());
    project.write("acme/__init__.py", b"x = 1\n");
    let sparse = std::fs::File::create(project.path().join("acme/large.py")).unwrap();
    let audit = ["audit", "--isolated", "--exit-zero", "."];
    sparse.set_len(97 << 20).unwrap();
    project.run(&audit);
    assert_eq!(kept(&project), Vec::<PathBuf>::new());
    sparse.set_len(40 << 20).unwrap();
    project.run(&audit);
    assert_eq!(kept(&project).len(), 1);
}

#[test]
fn a_package_that_lies_unpacked_is_remembered_until_a_file_changes() {
    let project = Project::new(&[]);
    let code = format!("{}\nimport base64\n{HOSTILE}\n", "# padding\n".repeat(8_000));
    project.write("setup.py", code.as_bytes());
    project.write("acme/__init__.py", b"x = 1\n");
    let audit = ["audit", "--isolated", "--format", "json", "--exit-zero", "."];
    let first = project.run(&audit).out;
    assert_eq!(kept(&project).len(), 1);
    assert_eq!(project.run(&audit).out, first);
    project.write("acme/__init__.py", b"x = 2\n");
    project.run(&audit);
    assert_eq!(kept(&project).len(), 2);
}
