//! Metadata inside of a script (PEP 723): a TOML table in comments, which `uv run` and `pipx run` install from.
//!
//! The comment signs are replaced by spaces and everything else is blotted out, so that every place in the TOML is the
//! place in the script.

use super::{
    Manifest, ManifestKind,
    document::{Document, Syntax, problem},
    pyproject::read_script,
};
use wellhead_core::{ArtifactPath, Budget, Location};

const OPEN: &str = "# /// script";
const CLOSE: &str = "# ///";

/// Whether a script has such metadata, or begins to have it.
pub(super) fn is_one(text: &str) -> bool {
    text.contains(OPEN) && text.lines().any(|l| l.trim_end() == OPEN)
}

/// Reads the metadata of a script.
pub(super) fn read(artifact: &ArtifactPath, text: &str, budget: &mut Budget) -> Manifest {
    let blocks = blocks(text);
    let at = |start: usize, label: &str| {
        Location::text(artifact, text, start..start.saturating_add(OPEN.len()), label)
    };
    let (first, more) = match blocks.split_first() {
        Some((first, more)) => (*first, more),
        None => return Manifest::new(ManifestKind::Script),
    };
    let Some((from, to)) = first.inside else {
        let message = "the metadata of the script do not end: `# ///` is missing".to_owned();
        return Manifest::unreadable(ManifestKind::Script, message, at(first.start, ""));
    };
    let view = |text: &str| toml_of(text, from, to);
    let kind = ManifestKind::Script;
    let (document, manifest) =
        match Document::parse_as(Syntax::Toml, kind, artifact, text, Some(&view), budget) {
            Ok(read) => read,
            Err(manifest) => return *manifest,
        };
    let mut manifest = read_script(&document, manifest, budget);
    for second in more {
        // Which of them counts is for the tool to say, and PEP 723 has it refuse the script.
        problem(
            &mut manifest,
            at(second.start, ""),
            "the script has metadata already",
        );
    }
    manifest
}

#[derive(Clone, Copy)]
struct Block {
    /// The line that opens it.
    start: usize,
    /// The bytes between the opening and the closing line, where there is one.
    inside: Option<(usize, usize)>,
}

/// As the expression in PEP 723 finds them: the last `# ///` of the run of comments closes the block.
fn blocks(text: &str) -> Vec<Block> {
    let mut out: Vec<Block> = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    let mut close: Option<usize> = None;
    let mut at = 0_usize;
    for line in text.split_inclusive('\n') {
        let start = at;
        at = at.saturating_add(line.len());
        let bare = line.trim_end_matches(['\n', '\r']);
        if let Some((opened, inside)) = open {
            if bare == CLOSE {
                close = Some(start);
            }
            if bare == "#" || bare.starts_with("# ") {
                continue;
            }
            out.push(Block {
                start: opened,
                inside: close.map(|end| (inside, end)),
            });
            (open, close) = (None, None);
        }
        if bare.trim_end() == OPEN {
            open = Some((start, at));
        }
    }
    if let Some((opened, inside)) = open {
        out.push(Block {
            start: opened,
            inside: close.map(|end| (inside, end)),
        });
    }
    out
}

/// The text with nothing left but the TOML, every byte in its place.
fn toml_of(text: &str, from: usize, to: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0_usize;
    for line in text.split_inclusive('\n') {
        let start = at;
        at = at.saturating_add(line.len());
        if start >= from && start < to {
            let body = line.strip_prefix('#').unwrap_or(line);
            out.extend(std::iter::repeat_n(' ', line.len().saturating_sub(body.len())));
            out.push_str(body);
        } else {
            let end = line.ends_with('\n');
            out.extend(std::iter::repeat_n(
                ' ',
                line.len().saturating_sub(usize::from(end)),
            ));
            out.extend(end.then_some('\n'));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::testing::shown;
    use super::*;
    use proptest::prelude::*;

    const SCRIPT: &str = r#"#!/usr/bin/env -S uv run --script
"""Trains – a thing."""
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "torch==2.2.0",
#
#   "numpy>=1.24",
#   "not a requirement",
#   "peft",
# ]
# [tool.uv]
# extra-index-url = ["https://u:hunter2@pypi.internal.example/simple"]
# constraint-dependencies = ["urllib3<2"]
# [tool.uv.sources]
# peft = { git = "https://git.example/peft", rev = "main" }
# ///
# evil==1.0
import torch
"#;

    fn of(text: &str) -> Manifest {
        read(&ArtifactPath::file("train.py"), text, &mut Budget::default())
    }

    #[test]
    fn metadata_of_a_script_are_read() {
        let m = of(SCRIPT);
        insta::assert_snapshot!(shown(&m), @r#"
        6: pypi/torch 2.2.0 (==2.2.0) exact direct
        8: pypi/numpy - (>=1.24) unpinned direct
        10: pypi/peft - unauditable (a branch or tag of a repository, which can move) git https://git.example/peft Some("main") direct
        14: pypi/urllib3 - (<2) unpinned
        9: problem: `not a requirement` is no requirement: malformed version specifier
        13: index Uv Supplemental https://pypi.internal.example/simple
        "#);
        assert!(!format!("{m:?}").contains("hunter2"));
        assert_eq!(shown(&of(&SCRIPT.replace('\n', "\r\n"))), shown(&m));
    }

    #[test]
    fn broken_metadata_are_a_problem() {
        for (text, problems) in [
            ("# /// script\n# dependencies = ['a']\nimport a\n", 1),
            ("# /// script\n# dependencies = [\n# ///\n", 1),
            (
                "# /// script\n# dependencies = []\n# ///\n\n# /// script\n# ///\n",
                1,
            ),
            ("# /// script\n# ///\n", 0),
            ("# /// other\n# [\n# ///\n", 0),
            ("x = '# /// script'\n", 0),
        ] {
            assert_eq!(of(text).problems.len(), problems, "{text}");
        }
        assert!(!is_one("x = '# /// script'\n"));
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in 0usize..500, junk in "[\\[\\]{}=\"# /é1\n]{0,6}") {
            let mut text = SCRIPT.to_owned();
            let at = (0..=at.min(SCRIPT.len())).rev().find(|i| SCRIPT.is_char_boundary(*i)).unwrap();
            text.insert_str(at, &junk);
            let _ = of(&text);
        }
    }
}
