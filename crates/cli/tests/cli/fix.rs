//! `audit --fix` and `--diff`: what is written, what is not, and what the audit says afterwards.

use super::Project;
use std::process::Command;

const ADVISORIES: [(&str, &str); 3] = [
    (
        "db/P-1.json",
        r#"{"id": "P-1", "modified": "2024-01-01T00:00:00Z", "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
            "affected": [{"package": {"ecosystem": "PyPI", "name": "alpha"}, "versions": ["1.0"],
              "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.5"}]}]}]}"#,
    ),
    (
        "db/P-2.json",
        r#"{"id": "P-2", "modified": "2024-01-01T00:00:00Z",
            "affected": [{"package": {"ecosystem": "PyPI", "name": "beta"}, "versions": ["2.0"],
              "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.1"}]}]}]}"#,
    ),
    (
        "db/P-3.json",
        r#"{"id": "P-3", "modified": "2024-01-01T00:00:00Z",
            "affected": [{"package": {"ecosystem": "PyPI", "name": "never"}, "versions": ["1.0"],
              "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}]}"#,
    ),
];

/// A project in `p`, with the advisories imported.
fn project(files: &[(&str, &str)]) -> Project {
    let mut all = ADVISORIES.to_vec();
    let names: Vec<String> = files.iter().map(|(n, _)| format!("p/{n}")).collect();
    all.extend(names.iter().zip(files).map(|(n, (_, t))| (n.as_str(), *t)));
    let project = Project::new(&all);
    assert_eq!(project.run(&["db", "import", "db"]).code, 0);
    project
}

fn read(project: &Project, path: &str) -> String {
    String::from_utf8(std::fs::read(project.path().join(path)).unwrap()).unwrap()
}

const VULNERABLE: &str = "vulnerable-package";

#[test]
fn a_fixed_project_is_clean_and_keeps_everything_else() {
    let before = "\u{feff}# mine\r\n\r\nAlpha[x]==1.0 ; os_name == 'posix'  # why: 1.0\r\nbeta \\\r\n  ==2.0\r\ngamma==1.0";
    let project = project(&[("requirements.txt", before)]);
    let ran = project.run(&["audit", "p", "--fix", "--select", VULNERABLE]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let after = before.replace("==1.0 ;", "==1.5 ;").replace("==2.0", "==3.1");
    assert_eq!(read(&project, "p/requirements.txt"), after);
    insta::assert_snapshot!(ran.err, @r#"
    Fixed:
      requirements.txt:3: alpha 1.0 → 1.5
      requirements.txt:4: beta 2.0 → 3.1
    "#);
    let again = project.run(&["audit", "p", "--fix", "--select", VULNERABLE]);
    assert_eq!((again.code, again.err.as_str()), (0, "Nothing to fix\n"));
    assert_eq!(read(&project, "p/requirements.txt"), after);
}

#[test]
fn a_diff_is_what_git_applies_and_nothing_is_written() {
    let files = [
        (
            "requirements.txt",
            "# one\n# two\n# three\n# four\nalpha==1.0\r\nbeta==2.0",
        ),
        (
            "pyproject.toml",
            "[project]\nname = \"p\"\ndependencies = [\n  \"beta == 2.0\", # why\n]\n",
        ),
    ];
    let project = project(&files);
    let args = ["audit", "p", "--select", VULNERABLE];
    let shown = project.run(&[&args[..], &["--diff"]].concat());
    assert_eq!(shown.code, 0, "{}", shown.err);
    insta::assert_snapshot!(shown.out, @r#"
    --- a/p/pyproject.toml
    +++ b/p/pyproject.toml
    @@ -1,5 +1,5 @@
     [project]
     name = "p"
     dependencies = [
    -  "beta == 2.0", # why
    +  "beta == 3.1", # why
     ]
    --- a/p/requirements.txt
    +++ b/p/requirements.txt
    @@ -2,5 +2,5 @@
     # two
     # three
     # four
    -alpha==1.0
    -beta==2.0
    \ No newline at end of file
    +alpha==1.5
    +beta==3.1
    \ No newline at end of file
    "#);
    for (name, text) in files {
        assert_eq!(read(&project, &format!("p/{name}")), text);
    }
    project.write("fix.diff", shown.out.as_bytes());
    let applied = Command::new("git")
        .args(["apply", "fix.diff"])
        .current_dir(project.path())
        .output();
    let Ok(applied) = applied else {
        eprintln!("skipped: no git");
        return;
    };
    assert!(
        applied.status.success(),
        "{}",
        String::from_utf8_lossy(&applied.stderr)
    );
    let by_git: Vec<String> = files
        .iter()
        .map(|(n, _)| read(&project, &format!("p/{n}")))
        .collect();
    for (name, text) in files {
        project.write(&format!("p/{name}"), text.as_bytes());
    }
    assert_eq!(project.run(&[&args[..], &["--fix"]].concat()).code, 0);
    let by_us: Vec<String> = files
        .iter()
        .map(|(n, _)| read(&project, &format!("p/{n}")))
        .collect();
    assert_eq!(by_git, by_us);
}

#[test]
fn the_exit_code_is_that_of_what_remains() {
    let text = "alpha==1.0\nnever==1.0\nbeta==2.0\n";
    let project = project(&[("requirements.txt", text), ("constraints.txt", "beta<3\n")]);
    let args = ["audit", "p", "--select", VULNERABLE, "--format", "concise"];
    let ran = project.run(&[&args[..], &["--fix"]].concat());
    assert_eq!(ran.code, 1);
    assert_eq!(
        read(&project, "p/requirements.txt"),
        text.replace("alpha==1.0", "alpha==1.5")
    );
    insta::assert_snapshot!(format!("{}\n{}", ran.out, ran.err), @r#"
    requirements.txt:2:1: error[vulnerable-package] `never` 1.0 has a known vulnerability (P-3)
    requirements.txt:3:1: error[vulnerable-package] `beta` 2.0 has a known vulnerability (P-2)

    Fixed:
      requirements.txt:1: alpha 1.0 → 1.5
    With --unsafe-fixes:
      requirements.txt:3: beta 2.0 → 3.1; constraints.txt asks for `<3`, which 3.1 is not
    Left for you:
      requirements.txt:2: never 1.0: no version is known to be without flaws: replace it
    "#);
    let ran = project.run(&[&args[..], &["--fix", "--unsafe-fixes"]].concat());
    assert_eq!(ran.code, 1);
    assert_eq!(
        read(&project, "p/requirements.txt"),
        "alpha==1.5\nnever==1.0\nbeta==3.1\n"
    );
}

#[test]
fn what_is_ignored_is_left_alone() {
    let project = project(&[("requirements.txt", "alpha==1.0\n")]);
    project.write(
        "wellhead.toml",
        b"[[ignore]]\nrule = \"vulnerable-package\"\nreason = \"not reachable\"\n",
    );
    let ran = project.run(&["audit", "p", "--fix", "--select", VULNERABLE]);
    assert_eq!((ran.code, ran.err.as_str()), (0, "Nothing to fix\n"));
    assert_eq!(read(&project, "p/requirements.txt"), "alpha==1.0\n");
}

#[cfg(unix)]
#[test]
fn links_and_what_lies_elsewhere_are_never_written() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let project = project(&[
        ("real/requirements.txt", "alpha==1.0\n"),
        ("requirements.txt", "-r ../out.txt\nbeta==2.0\n"),
    ]);
    project.write("out.txt", b"alpha==1.0\n");
    symlink(
        "real/requirements.txt",
        project.path().join("p/requirements-dev.txt"),
    )
    .unwrap();
    symlink("../out.txt", project.path().join("p/requirements-out.txt")).unwrap();
    let real = project.path().join("p/real/requirements.txt");
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
    let _ = project.run(&["audit", "p", "--fix", "--select", VULNERABLE]);
    assert_eq!(read(&project, "out.txt"), "alpha==1.0\n");
    assert_eq!(read(&project, "p/real/requirements.txt"), "alpha==1.5\n");
    assert_eq!(
        std::fs::metadata(&real).unwrap().permissions().mode() & 0o777,
        0o640
    );
    assert_eq!(read(&project, "p/requirements.txt"), "-r ../out.txt\nbeta==3.1\n");
    let link = std::fs::symlink_metadata(project.path().join("p/requirements-dev.txt")).unwrap();
    assert!(link.is_symlink());
    // A target that is itself a link.
    project.write("p/real/requirements.txt", b"alpha==1.0\n");
    let ran = project.run(&["audit", "p/requirements-dev.txt", "--fix", "--select", VULNERABLE]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert_eq!(read(&project, "p/real/requirements.txt"), "alpha==1.0\n");
}

#[test]
fn locks_and_compiled_files_get_their_command() {
    let hash = "0".repeat(64);
    let lock = "version = 1\n\n[[package]]\nname = \"alpha\"\nversion = \"1.0\"\nsource = { registry = \"https://pypi.example/simple\" }\n\n\
                [[package]]\nname = \"beta\"\nversion = \"2.0\"\nsource = { registry = \"https://pypi.example/simple\" }\n";
    let hashed = format!("alpha==1.0 \\\n    --hash=sha256:{hash}\n");
    let declared = "[project]\nname = \"p\"\ndependencies = [\"alpha==1.0\", \"beta>=2\"]\n";
    let project = project(&[
        ("a/uv.lock", lock),
        ("a/pyproject.toml", declared),
        ("b/requirements.txt", &hashed),
    ]);
    let ran = project.run(&["audit", "p", "--fix", "--select", VULNERABLE]);
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.err, @r#"
    Fixed:
      a/pyproject.toml:3: alpha 1.0 → 1.5
    a/uv.lock is written by another tool; run:
      uv lock --upgrade-package 'alpha==1.5' --upgrade-package 'beta==3.1'
    b/requirements.txt is written by another tool; run:
      uv pip compile --generate-hashes --upgrade-package 'alpha==1.5' requirements.in -o requirements.txt
    "#);
    assert_eq!(read(&project, "p/a/uv.lock"), lock);
    assert_eq!(read(&project, "p/b/requirements.txt"), hashed);
    assert_eq!(
        read(&project, "p/a/pyproject.toml"),
        declared.replace("alpha==1.0", "alpha==1.5")
    );
}

#[test]
fn every_file_that_people_write_is_edited() {
    let project = project(&[
        (
            "Pipfile",
            "[packages]\nalpha = \"==1.0\" # keep\nbeta = {version = \"==2.0\", extras = [\"x\"]}\n",
        ),
        (
            "job.py",
            "# /// script\n# dependencies = [\n#   \"alpha==1.0\",\n# ]\n# ///\nimport alpha\n",
        ),
        (
            "environment.yml",
            "dependencies:\n  - python=3.11\n  - pip:\n      - beta==2.0  # why\n",
        ),
        ("setup.cfg", "[options]\ninstall_requires =\n    alpha==1.0\n"),
        (
            "sub/Dockerfile",
            "FROM python:3.11\nRUN pip install \\\n    alpha==1.0 \\\n    \"beta==2.0\"\nARG A=1.0\nRUN pip install alpha==${A}\n",
        ),
        (
            "sub/get.sh",
            "pip install 'beta==2.0' # beta==2.0\npip install 'beta>=2.0'\n",
        ),
    ]);
    let ran = project.run(&["audit", "p", "--diff", "--select", VULNERABLE]);
    let changed: Vec<&str> = ran.out.lines().filter(|l| l.starts_with(['+', '-'])).collect();
    insta::assert_snapshot!(changed.join("\n"), @r#"
    --- a/p/Pipfile
    +++ b/p/Pipfile
    -alpha = "==1.0" # keep
    -beta = {version = "==2.0", extras = ["x"]}
    +alpha = "==1.5" # keep
    +beta = {version = "==3.1", extras = ["x"]}
    --- a/p/environment.yml
    +++ b/p/environment.yml
    -      - beta==2.0  # why
    +      - beta==3.1  # why
    --- a/p/job.py
    +++ b/p/job.py
    -#   "alpha==1.0",
    +#   "alpha==1.5",
    --- a/p/setup.cfg
    +++ b/p/setup.cfg
    -    alpha==1.0
    +    alpha==1.5
    --- a/p/sub/Dockerfile
    +++ b/p/sub/Dockerfile
    -    alpha==1.0 \
    -    "beta==2.0"
    +    alpha==1.5 \
    +    "beta==3.1"
    --- a/p/sub/get.sh
    +++ b/p/sub/get.sh
    -pip install 'beta==2.0' # beta==2.0
    +pip install 'beta==3.1' # beta==2.0
    "#);
    insta::assert_snapshot!(ran.err, @r#"
    Would fix:
      Pipfile:2: alpha 1.0 → 1.5
      job.py:3: alpha 1.0 → 1.5
      setup.cfg:3: alpha 1.0 → 1.5
      sub/Dockerfile:3: alpha 1.0 → 1.5
      Pipfile:3: beta 2.0 → 3.1
      environment.yml:4: beta 2.0 → 3.1
      sub/Dockerfile:4: beta 2.0 → 3.1
      sub/get.sh:1: beta 2.0 → 3.1
    Left for you:
      sub/Dockerfile:6: alpha 1.0 → 1.5: write 1.5 where the version stands
      sub/get.sh:2: beta >=2.0 → 3.1: write 3.1 where the version stands
    "#);
}

#[cfg(unix)]
#[test]
fn what_is_not_written_is_said_and_keeps_nothing_else_from_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = project(&[
        ("a/requirements.txt", "alpha==1.0\n"),
        ("b/requirements.txt", "alpha==1.0\n"),
        ("c/real.md", "alpha==1.0\n"),
    ]);
    let path = |name: &str| project.path().join(name);
    let closed = std::fs::Permissions::from_mode(0o444);
    std::fs::set_permissions(path("p/a/requirements.txt"), closed).unwrap();
    std::os::unix::fs::symlink("real.md", path("p/c/requirements.txt")).unwrap();
    let ran = project.run(&["audit", "p", "--fix", "--select", VULNERABLE]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    insta::assert_snapshot!(ran.err, @r#"
    Fixed:
      b/requirements.txt:1: alpha 1.0 → 1.5
    Left for you:
      a/requirements.txt:1: alpha 1.0 → 1.5: write 1.5 where the version stands; the file is not written, since it is read-only
      c/requirements.txt:1: alpha 1.0 → 1.5: write 1.5 where the version stands; the file is not written, since it is a symbolic link, and what that names may belong to somebody else
    "#);
    assert_eq!(read(&project, "p/a/requirements.txt"), "alpha==1.0\n");
    assert_eq!(read(&project, "p/b/requirements.txt"), "alpha==1.5\n");
    assert_eq!(read(&project, "p/c/real.md"), "alpha==1.0\n");
}

#[test]
fn what_contradicts_itself_is_refused() {
    let project = project(&[("requirements.txt", "alpha==1.0\n")]);
    assert_eq!(project.run(&["audit", "p", "--fix", "--diff"]).code, 2);
    // Standard input can be looked at, and there is nothing to write.
    let ran = project.run_with_input(&["audit", "-", "--fix"], b"alpha==1.0\n");
    insta::assert_snapshot!(ran.err, @r"
    Left for you:
      stdin:1: alpha 1.0 → 1.5: write 1.5 where the version stands
    ");
}
