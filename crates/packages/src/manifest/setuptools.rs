//! `setup.cfg`, and the literal lists of a `setup.py`.
//!
//! A `setup.py` is a program and is not run. A list that stands there as literals is read; one that is computed leaves
//! the file partly read, and says so.

use super::{Include, Manifest, ManifestKind, ProjectFacts, lines::Logical, requirements::read_lines};
use crate::{index::mask, name::normalise};
use std::ops::Range;
use wellhead_core::{ArtifactPath, Budget, Component, Lines, Location, Outcome, escape};

/// Keys of `[options]` that hold requirements; what only builds or tests is nobody's deployment.
const LISTS: &[(&str, bool)] = &[
    ("install_requires", true),
    ("setup_requires", false),
    ("tests_require", false),
];

/// Whether a `setup.cfg` is one of setuptools.
pub(super) fn is_cfg(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim_end);
    lines.any(|l| l == "[options]" || l == "[options.extras_require]")
}

/// Whether a `setup.py` names dependencies.
pub(super) fn is_py(text: &str) -> bool {
    text.contains("install_requires") || text.contains("extras_require")
}

/// Reads `setup.cfg`.
pub(super) fn read_cfg(artifact: &ArtifactPath, text: &str, budget: &mut Budget) -> Manifest {
    let masked = mask(text);
    let text: &str = &masked.text;
    let mut cfg = Cfg {
        artifact,
        text,
        lines: Lines::new(text),
        out: Manifest::new(ManifestKind::SetupCfg),
        found: Vec::new(),
    };
    for secret in &masked.secrets {
        let at = cfg.at(secret.clone());
        cfg.out.indexes.credentials.push(at);
    }
    cfg.read();
    let Cfg { mut out, found, .. } = cfg;
    let mut done = 0_usize;
    for direct in [true, false] {
        let lines: Vec<Logical> = found
            .iter()
            .filter(|(_, d)| *d == direct)
            .map(|(span, _)| {
                Logical::alone(
                    text.get(span.clone()).unwrap_or_default(),
                    span.clone(),
                    Some(span.start),
                )
            })
            .collect();
        out = read_lines(out, artifact, text, &lines, budget);
        mark(&mut out.components, done, direct);
        done = out.components.len();
    }
    out.lines.clear();
    out
}

fn mark(components: &mut [Component], from: usize, direct: bool) {
    for component in components.iter_mut().skip(from) {
        component.direct = direct.then_some(true);
    }
}

struct Cfg<'a> {
    artifact: &'a ArtifactPath,
    text: &'a str,
    lines: Lines,
    out: Manifest,
    /// Places of requirements, and whether the project runs with them.
    found: Vec<(Range<usize>, bool)>,
}

impl Cfg<'_> {
    fn at(&self, span: Range<usize>) -> Location {
        Location::text_in(self.artifact, self.text, &self.lines, span, "")
    }

    fn read(&mut self) {
        let mut section = String::new();
        // Whether values follow that are requirements, and whether the project runs with them.
        let mut list: Option<bool> = None;
        let mut from = 0_usize;
        let text = self.text;
        for line in text.split_inclusive('\n') {
            let start = from;
            from = from.saturating_add(line.len());
            let trimmed = line.trim();
            if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
                continue;
            }
            if line.starts_with(char::is_whitespace) {
                if let Some(direct) = list {
                    self.value(start, line, direct);
                }
                continue;
            }
            list = None;
            if let Some(name) = trimmed.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
                section = name.trim().to_owned();
                continue;
            }
            let Some(cut) = line.find(['=', ':']) else {
                continue;
            };
            let (key, value) = line.split_at_checked(cut).unwrap_or((line, ""));
            let key = key.trim();
            list = match section.as_str() {
                "options" => LISTS
                    .iter()
                    .find(|(name, _)| *name == key)
                    .map(|(_, direct)| *direct),
                "options.extras_require" => Some(true),
                _ => None,
            };
            if section == "metadata" && key == "name" {
                let name = value.trim_start_matches(['=', ':']).trim();
                self.out.project = Some(ProjectFacts {
                    name: Some(escape(&normalise(name))),
                    library: true,
                    members: Vec::new(),
                });
            }
            if let Some(direct) = list {
                self.value(
                    start.saturating_add(cut).saturating_add(1),
                    value.get(1..).unwrap_or_default(),
                    direct,
                );
            }
        }
    }

    fn value(&mut self, start: usize, text: &str, direct: bool) {
        let lead = text.len().saturating_sub(text.trim_start().len());
        let trimmed = text.trim();
        let start = start.saturating_add(lead);
        let span = start..start.saturating_add(trimmed.len());
        if let Some(files) = trimmed.strip_prefix("file:") {
            for file in files.split(',').map(str::trim).filter(|f| !f.is_empty()) {
                let declared = self.at(span.clone());
                self.out.includes.push(Include {
                    path: file.to_owned(),
                    kind: ManifestKind::Requirements,
                    declared,
                });
            }
        } else if !trimmed.is_empty() {
            self.found.push((span, direct));
        }
    }
}

/// Reads the literal lists of `setup.py`.
pub(super) fn read_py(artifact: &ArtifactPath, text: &str, budget: &mut Budget) -> Manifest {
    let masked = mask(text);
    let text: &str = &masked.text;
    let mut out = Manifest::new(ManifestKind::SetupPy);
    out.project = Some(ProjectFacts {
        name: None,
        library: true,
        members: Vec::new(),
    });
    let mut computed = Vec::new();
    let mut lines = Vec::new();
    for key in ["install_requires", "extras_require"] {
        for (at, _) in text.match_indices(key) {
            if budget.steps(64).is_err() {
                break;
            }
            let Some(value) = value_of(text, at, key) else {
                continue;
            };
            let (found, whole) = strings(text, value, key == "extras_require");
            lines.extend(found);
            if !whole {
                computed.push(key);
            }
        }
    }
    let lines: Vec<Logical> = lines
        .into_iter()
        .map(|span| {
            Logical::alone(
                text.get(span.clone()).unwrap_or_default(),
                span.clone(),
                Some(span.start),
            )
        })
        .collect();
    out = read_lines(out, artifact, text, &lines, budget);
    out.lines.clear();
    mark(&mut out.components, 0, true);
    computed.dedup();
    if !computed.is_empty() && out.outcome == Outcome::Analysed {
        out.outcome = Outcome::Partly {
            why: format!(
                "`{}` is computed, and `setup.py` is not run",
                computed.join("` and `")
            ),
        };
    }
    out
}

/// Where the value of a keyword or a name starts; `None` where the word is part of something else.
fn value_of(text: &str, at: usize, key: &str) -> Option<usize> {
    let before = text.get(..at)?.chars().next_back();
    if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.') {
        return None;
    }
    // `"install_requires": [...]` of a dictionary is the same value.
    let quoted = before.is_some_and(|c| matches!(c, '"' | '\''));
    let after = text.get(at.saturating_add(key.len())..)?;
    let rest = if quoted {
        after.trim_start_matches(['"', '\''])
    } else {
        after
    };
    let rest = rest.trim_start();
    let rest = rest
        .strip_prefix('=')
        .filter(|r| !r.starts_with('='))
        .or_else(|| rest.strip_prefix(':').filter(|_| quoted))?;
    Some(text.len().saturating_sub(rest.len()))
}

/// The string literals of a list, or of a dictionary of lists, and whether nothing else stands there.
fn strings(text: &str, from: usize, dictionary: bool) -> (Vec<Range<usize>>, bool) {
    let mut out: Vec<Range<usize>> = Vec::new();
    let whole = literals(text, from, dictionary, &mut out).is_some();
    (out, whole)
}

fn literals(text: &str, from: usize, dictionary: bool, out: &mut Vec<Range<usize>>) -> Option<()> {
    let mut depth = 0_u32;
    let mut at = from;
    loop {
        let rest = text.get(at..)?;
        let c = rest.chars().next()?;
        match c {
            '[' | '(' => depth = depth.checked_add(1)?,
            '{' if dictionary => depth = depth.checked_add(1)?,
            ']' | ')' | '}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    // What is added to a list behind it is not in it.
                    let next = text.get(at.saturating_add(1)..)?.trim_start();
                    return (!next.starts_with(['+', '*', '.', '['])).then_some(());
                }
            }
            '#' => {
                at = at.saturating_add(rest.find('\n')?);
                continue;
            }
            '"' | '\'' if depth > 0 => {
                let start = at.checked_add(1)?;
                let inner = text.get(start..)?;
                let end = inner.find([c, '\n', '\\'])?;
                if !inner.get(end..)?.starts_with(c) {
                    return None;
                }
                let stop = start.checked_add(end)?;
                at = stop.checked_add(1)?;
                let next = text.get(at..)?.trim_start();
                // Literals side by side are one string.
                if next.starts_with(['"', '\'']) {
                    return None;
                }
                // A key of the dictionary is no requirement.
                if !next.starts_with(':') {
                    out.push(start..stop);
                }
                continue;
            }
            ',' => {}
            ':' if dictionary => {}
            c if c.is_whitespace() => {}
            _ => return None,
        }
        at = at.checked_add(c.len_utf8())?;
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::shown;
    use super::*;
    use proptest::prelude::*;

    const CFG: &str = "[metadata]\nname = My_Lib\n\n[options]\npackages = find:\ninstall_requires =\n    torch==2.2.0\n    # a comment\n    numpy>=1.24; python_version < '3.12'\n    torch=2.0\nsetup_requires = cython\nzip_safe = no\n\n[options.extras_require]\ngpu = vllm==0.5.0\nmore =\n    file: extra.txt\n    peft @ git+https://git.example/peft@main\n\n[flake8]\nmax-line-length = 100\n";

    fn cfg(text: &str) -> Manifest {
        read_cfg(&ArtifactPath::file("setup.cfg"), text, &mut Budget::default())
    }

    fn py(text: &str) -> Manifest {
        read_py(&ArtifactPath::file("setup.py"), text, &mut Budget::default())
    }

    #[test]
    fn options_are_read() {
        insta::assert_snapshot!(shown(&cfg(CFG)), @r#"
        7: pypi/torch 2.2.0 (==2.2.0) exact direct
        9: pypi/numpy - (>=1.24) unpinned ; python_version < '3.12' direct
        15: pypi/vllm 0.5.0 (==0.5.0) exact direct
        18: pypi/peft - (@ git+https://git.example/peft@main) unauditable (a branch or tag of a repository, which can move) git https://git.example/peft Some("main") direct
        11: pypi/cython - unpinned
        10: problem: `torch=2.0` is no requirement: malformed version specifier
        17: requirements extra.txt
        "#);
        assert!(is_cfg(CFG) && !is_cfg("[flake8]\n"));
    }

    #[test]
    fn literal_lists_are_read_and_others_said() {
        let one = |text: &str| {
            let m = py(text);
            let names: Vec<&str> = m.components.iter().map(|c| c.name.as_str()).collect();
            format!("{} {:?}", names.join(","), m.outcome.why())
        };
        let computed = "Some(\"`install_requires` is computed, and `setup.py` is not run\")";
        for (text, expected) in [
            (
                "setup(install_requires=['torch==2.2.0', \"numpy\",  # why\n])",
                "torch,numpy None".to_owned(),
            ),
            (
                "setup(extras_require={'gpu': ['vllm==0.5.0'], 'a': []})",
                "vllm None".to_owned(),
            ),
            ("setup(**{'install_requires': ['a']})", "a None".to_owned()),
            ("setup(install_requires=read('r.txt'))", format!(" {computed}")),
            ("setup(install_requires=['a'] + b)", format!("a {computed}")),
            ("setup(install_requires=['a' 'b'])", format!(" {computed}")),
            ("setup(install_requires=[f'a'])", format!(" {computed}")),
            ("setup(install_requires=[", format!(" {computed}")),
            ("x.install_requires", " None".to_owned()),
        ] {
            assert_eq!(one(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in 0usize..500, junk in "[\\[\\]{}=:\"#,a1\n ]{0,6}") {
            let mut text = CFG.to_owned();
            text.insert_str(at.min(CFG.len()), &junk);
            let _ = cfg(&text);
            let _ = py(&format!("install_requires=['a', {junk}]"));
        }
    }
}
