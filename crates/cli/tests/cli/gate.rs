//! Exit codes, levels, ignores: what a CI relies on.

use crate::{Project, harmful, rules};

fn with_harm(files: &[(&str, &str)]) -> Project {
    let project = Project::new(files);
    project.write("models/a.pkl", &harmful());
    project
}

#[test]
fn the_code_follows_fail_on_and_never_the_format() {
    let project = with_harm(&[]);
    for format in ["text", "concise", "json", "sarif", "markdown"] {
        for (flags, code) in [
            (&[][..], 1),
            (&["--fail-on", "critical"], 1),
            (&["--fail-on", "never"], 0),
            (&["--exit-zero"], 0),
            (&["--select", "updates"], 0),
        ] {
            let mut args = vec!["audit", "--format", format];
            args.extend(flags);
            assert_eq!(project.run(&args).code, code, "{format} {flags:?}");
        }
    }
}

#[test]
fn an_empty_folder_is_not_clean() {
    let ran = Project::new(&[]).run(&["audit"]);
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains("nothing to audit"), "{}", ran.err);
}

#[test]
fn levels_and_ignores_of_the_policy_decide() {
    let ignore =
        "[[ignore]]\nrule = \"unsafe-pickle-import\"\npath = \"models/*\"\nreason = \"made by us\"\n";
    for (policy, code, expected) in [
        ("", 1, &["unsafe-pickle-import"][..]),
        (
            "[rules]\nunsafe-pickle-import = \"warn\"\n",
            0,
            &["unsafe-pickle-import"],
        ),
        ("[rules]\nunsafe-pickle-import = \"allow\"\n", 0, &[]),
        (ignore, 0, &[]),
        ("fail-on = \"never\"\n", 0, &["unsafe-pickle-import"]),
    ] {
        let project = with_harm(&[("wellhead.toml", policy)]);
        assert_eq!(project.run(&["audit"]).code, code, "{policy}");
        assert_eq!(rules(&project.json(&[])), expected, "{policy}");
    }
}

#[test]
fn whoever_wrote_the_model_does_not_write_the_policy() {
    let project = with_harm(&[(
        "models/wellhead.toml",
        "fail-on = \"never\"\n[rules]\nunsafe-pickle-import = \"allow\"\n",
    )]);
    assert_eq!(project.run(&["audit", "models"]).code, 1);
}

#[test]
fn a_broken_policy_points_at_its_line() {
    let project = with_harm(&[("wellhead.toml", "[rules]\nunsafe-pickle-import = \"denny\"\n")]);
    let ran = project.run(&["audit"]);
    assert_eq!(ran.code, 2);
    insta::assert_snapshot!(ran.err, @r#"
    error: unknown level `denny`, expected one of allow, warn, deny
      --> wellhead.toml:2:24
      |
    2 | unsafe-pickle-import = "denny"
      |                        ^^^^^^^

    hint: did you mean `deny`?
    "#);
}

#[test]
fn strict_fails_on_what_was_not_analysed() {
    let project = Project::new(&[]);
    project.write("weights.7z", b"7z\xbc\xaf\x27\x1c\0\x04 and more");
    assert_eq!(project.run(&["audit"]).code, 0);
    assert_eq!(project.run(&["audit", "--strict"]).code, 3);
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let project = with_harm(&[
        ("requirements.txt", "torch==2.2.0\n"),
        ("a.py", "import torch\ntorch.load('x')\n"),
    ]);
    for format in ["json", "sarif", "text", "markdown"] {
        let first = project.run(&["audit", "--format", format]).out;
        for _ in 0..3 {
            assert_eq!(project.run(&["audit", "--format", format]).out, first);
        }
    }
}

#[test]
fn a_text_that_was_named_outright_is_never_quietly_nothing() {
    let project = Project::new(&[
        ("r.txt", "litellm==1.82.8\n"),
        ("ranges.txt", "torch>=2\n"),
        ("words.txt", "the\nof\n"),
    ]);
    for (file, code, said) in [
        ("r.txt", 1, "compromised-release"),
        ("ranges.txt", 3, "unpinned"),
        ("words.txt", 3, "a text of no known kind"),
    ] {
        let ran = project.run(&["audit", file, "--strict"]);
        assert_eq!(ran.code, code, "{file}: {}", ran.out);
        assert!(ran.out.contains(said), "{file}: {}", ran.out);
    }
    // In a folder, lines that all pin something are requirements, and words are words.
    let ran = project.run(&["audit", ".", "--select", "compromised-release"]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(!ran.out.contains("no known kind"), "{}", ran.out);
}

#[test]
fn no_disguise_takes_the_requirements_out_of_a_file() {
    let zip = b"litellm==1.82.8\n# PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let list = "dependencies:\n- pip: [litellm==1.82.8]\n";
    for (name, bytes) in [
        ("requirements.txt", zip.as_slice()),
        ("requirements.txt", b"\x89HDF\r\n\x1a\n\nlitellm==1.82.8\n"),
        ("environment.yml", list.as_bytes()),
        (
            "environment.yml",
            list.replace("dependencies:", "? dependencies\n:").as_bytes(),
        ),
        (
            "environment.yml",
            b"{\"dependencies\": [{\"pip\": [\"litellm==1.82.8\"]}]}",
        ),
        (
            "environment.yml",
            b"  dependencies:\n  - pip: [litellm==1.82.8]\n",
        ),
    ] {
        let project = Project::new(&[]);
        project.write(name, bytes);
        let ran = project.run(&["audit", "--select", "compromised-release"]);
        assert_eq!(
            ran.code,
            1,
            "{name} {:?}: {}",
            String::from_utf8_lossy(bytes),
            ran.out
        );
    }
}
