//! `setup.cfg`, and the literal lists of a `setup.py`.
//!
//! A `setup.py` is a program and is not run. A list that stands there as literals is read; one that is computed leaves
//! the file partly read, and says so.

use super::{
    Include, Manifest, ManifestKind, ProjectFacts, lines::Logical, requirement::Requirement,
    requirements::read_lines,
};
use crate::{index::mask, name::normalise};
use std::{collections::BTreeSet, ops::Range};
use wellhead_core::{ArtifactPath, Budget, Component, Lines, Location, Outcome, escape};

/// Keys of `[options]` that hold requirements; what only builds or tests is nobody's deployment.
const LISTS: &[(&str, bool)] = &[
    ("install_requires", true),
    ("setup_requires", false),
    ("tests_require", false),
];

/// Keywords of `setup()` that hold requirements: whether the project runs with them, and whether they are a dictionary of
/// lists.
const PY_KEYS: &[(&str, bool, bool)] = &[
    ("install_requires", true, false),
    ("extras_require", true, true),
    ("setup_requires", false, false),
    ("tests_require", false, false),
];

/// How far a line is looked at to say what it is.
const MAX_LINE: usize = 400;

/// Most names whose lists are looked for in one `setup.py`.
const MAX_NAMES: usize = 32;

/// Whether a `setup.cfg` is one of setuptools.
pub(super) fn is_cfg(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim_end);
    lines.any(|l| l == "[options]" || l == "[options.extras_require]")
}

/// Whether a `setup.py` names dependencies.
pub(super) fn is_py(text: &str) -> bool {
    PY_KEYS.iter().any(|(key, _, _)| text.contains(key))
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
        open: Vec::new(),
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
            .map(|(parts, _)| Logical::joined(text, parts))
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
    /// Places of requirements, each in as many parts as it has lines, and whether the project runs with them.
    found: Vec<(Vec<Range<usize>>, bool)>,
    /// The parts of a requirement whose last line goes on in the next one.
    open: Vec<Range<usize>>,
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
            if let Some(direct) = list.take() {
                self.close(direct);
            }
            if let Some(name) = trimmed.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
                section = name.trim().to_owned();
                continue;
            }
            let Some(cut) = line.find(['=', ':']) else {
                continue;
            };
            let (key, value) = line.split_at_checked(cut).unwrap_or((line, ""));
            // Keys are of any case, and setuptools takes a dash for the other sign.
            let key = key.trim().to_ascii_lowercase().replace('-', "_");
            let key = key.as_str();
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
        if let Some(direct) = list {
            self.close(direct);
        }
    }

    /// The requirement that was begun has no more lines.
    fn close(&mut self, direct: bool) {
        let parts = std::mem::take(&mut self.open);
        if !parts.is_empty() {
            self.found.push((parts, direct));
        }
    }

    fn value(&mut self, start: usize, text: &str, direct: bool) {
        let lead = text.len().saturating_sub(text.trim_start().len());
        let trimmed = text.trim();
        let start = start.saturating_add(lead);
        let span = start..start.saturating_add(trimmed.len());
        // As setuptools joins them: a backslash at the end, and comments between the lines do not count.
        let goes_on = trimmed.strip_suffix('\\').map(str::trim_end);
        if goes_on.is_some() || !self.open.is_empty() {
            let body = goes_on.unwrap_or(trimmed);
            self.open.push(start..start.saturating_add(body.len()));
            if goes_on.is_none() {
                self.close(direct);
            }
            return;
        }
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
            // On one line setuptools parts requirements by `;`; on lines of their own it begins a marker.
            let pieces = trimmed.split(';').map(str::trim).filter(|p| !p.is_empty());
            let several = Requirement::parse(trimmed).is_err()
                && pieces.clone().nth(1).is_some()
                && pieces.clone().all(|p| Requirement::parse(p).is_ok());
            if !several {
                self.found.push((vec![span], direct));
                return;
            }
            let mut from = 0_usize;
            for piece in trimmed.split(';') {
                let lead = piece.len().saturating_sub(piece.trim_start().len());
                let at = start.saturating_add(from).saturating_add(lead);
                let end = at.saturating_add(piece.trim().len());
                if end > at {
                    self.found.push((std::iter::once(at..end).collect(), direct));
                }
                from = from.saturating_add(piece.len()).saturating_add(1);
            }
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
    let mut named: BTreeSet<&str> = BTreeSet::new();
    for (key, direct, dictionary) in PY_KEYS {
        let mut lines = Vec::new();
        let mut whole = true;
        // What was read is not read again: words in a list are no keywords.
        let mut until = 0_usize;
        for (at, _) in text.match_indices(key) {
            if at < until || in_comment(text, at) {
                continue;
            }
            let Some(value) = value_of(text, at, key) else {
                continue;
            };
            let name = identifier(text, value);
            let list = match name {
                Some(name) if named.len() < MAX_NAMES && named.insert(name) => assigned(text, name),
                Some(name) if named.contains(name) => continue,
                Some(_) => None,
                None => Some((value, true)),
            };
            let Some((from, settled)) = list else {
                whole = false;
                continue;
            };
            let (found, read_to, complete) = strings(text, from, *dictionary);
            if budget.steps(read_to.saturating_sub(from) as u64).is_err() {
                whole = false;
                break;
            }
            until = if name.is_none() { read_to } else { until };
            lines.extend(found);
            whole &= complete && settled;
        }
        if !whole {
            computed.push(*key);
        }
        let lines: Vec<Logical> = lines
            .into_iter()
            .map(|span| {
                let literal = text.get(span.clone()).unwrap_or_default();
                Logical::alone(literal, span.clone(), Some(span.start))
            })
            .collect();
        let before = out.components.len();
        out = read_lines(out, artifact, text, &lines, budget);
        mark(&mut out.components, before, *direct);
    }
    out.lines.clear();
    if !computed.is_empty() && out.outcome == Outcome::Analysed {
        out.outcome = Outcome::Partly {
            why: format!(
                "`{}` {} computed, and `setup.py` is not run",
                computed.join("` and `"),
                if computed.len() > 1 { "are" } else { "is" }
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

/// Whether the line is a comment before this place.
fn in_comment(text: &str, at: usize) -> bool {
    let mut near = text.as_bytes().iter().take(at).rev().take(MAX_LINE);
    let mut first = b' ';
    for byte in near.by_ref().take_while(|b| **b != b'\n') {
        if !byte.is_ascii_whitespace() {
            first = *byte;
        }
    }
    first == b'#'
}

/// The name that is the whole value, where it is one.
fn identifier(text: &str, from: usize) -> Option<&str> {
    let rest = text.get(from..)?;
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))?;
    let (name, after) = rest.split_at_checked(end)?;
    let word = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let ends = after
        .trim_start_matches([' ', '\t'])
        .starts_with([',', ')', '}', '\n', '\r']);
    (word && ends).then_some(name)
}

/// Where the list starts that a name of the module is given, and whether that is all that happens to it.
fn assigned(text: &str, name: &str) -> Option<(usize, bool)> {
    let mut found = None;
    let mut settled = true;
    for (at, _) in text.match_indices(name) {
        let before = text.get(..at)?.chars().next_back();
        let after = text.get(at.checked_add(name.len())?..)?;
        if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '"' | '\''))
            || after.starts_with(|c: char| c.is_alphanumeric() || c == '_')
        {
            continue;
        }
        let rest = after.trim_start_matches([' ', '\t']);
        // `REQUIRED: list[str] = [...]`
        let equals = rest
            .bytes()
            .take(MAX_LINE)
            .take_while(|b| *b != b'\n')
            .position(|b| b == b'=');
        let typed = equals.filter(|_| rest.starts_with(':'));
        let rest = typed.and_then(|at| rest.get(at..)).unwrap_or(rest);
        let value = rest.strip_prefix('=').filter(|r| !r.starts_with('='));
        match value {
            Some(value) if found.is_none() && before.is_none_or(|c| c == '\n') => {
                let value = value.trim_start_matches([' ', '\t']);
                found = Some(text.len().saturating_sub(value.len()));
            }
            // Given anew, added to, or changed in place.
            Some(_) if before.is_none_or(|c| c == '\n') => settled = false,
            _ if rest.starts_with(['+', '.', '[']) => settled = false,
            _ => {}
        }
    }
    found.map(|from| (from, settled))
}

/// The string literals of a list, or of a dictionary of lists, up to where it was read, and whether nothing else stands
/// there.
fn strings(text: &str, from: usize, dictionary: bool) -> (Vec<Range<usize>>, usize, bool) {
    let mut out: Vec<Range<usize>> = Vec::new();
    let mut at = from;
    let whole = literals(text, &mut at, dictionary, &mut out).is_some();
    (out, at, whole)
}

fn literals(text: &str, at: &mut usize, dictionary: bool, out: &mut Vec<Range<usize>>) -> Option<()> {
    let mut depth = 0_u32;
    loop {
        let rest = text.get(*at..)?;
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
                *at = at.saturating_add(rest.find('\n').unwrap_or(rest.len()));
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
                *at = stop.checked_add(1)?;
                let next = text.get(*at..)?.trim_start();
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
        *at = at.checked_add(c.len_utf8())?;
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
    fn a_line_goes_on_over_comments_behind_a_backslash() {
        let text = "[options.extras_require]\ntesting =\n\tpytest-flake8; \\\n\t# a comment\n\tpython_version < \"3.12\"\n\tpytest-cov; \\\n\t\tpython_version < '3.9' \\\n\t\tand os_name == 'nt'\n\tbuild\ndocs = sphinx; \\\n[options]\ninstall_requires = torch \\\n  ==2.2.0";
        insta::assert_snapshot!(shown(&cfg(text)), @r#"
        3: pypi/pytest-flake8 - unpinned ; python_version < "3.12" direct
        6: pypi/pytest-cov - unpinned ; python_version < '3.9'and os_name == 'nt' direct
        9: pypi/build - unpinned direct
        10: pypi/sphinx - unpinned direct
        12: pypi/torch 2.2.0 (==2.2.0) exact direct
        "#);
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
            (
                "REQUIRED = [\n  'torch==2.2.0',\n  'numpy',\n]\nsetup(install_requires=REQUIRED)",
                "torch,numpy None".to_owned(),
            ),
            (
                "EXTRAS: dict = {'gpu': ['vllm']}\nsetup(extras_require=EXTRAS, tests_require=['pytest'])",
                "vllm,pytest None".to_owned(),
            ),
            (
                "R = ['a']\nR.append('b')\nsetup(install_requires=R)",
                format!("a {computed}"),
            ),
            (
                "R = ['a']\nR += ['b']\nsetup(install_requires=R)",
                format!("a {computed}"),
            ),
            ("R = read()\nsetup(install_requires=R)", format!(" {computed}")),
            ("setup(install_requires=R)", format!(" {computed}")),
            (
                "# install_requires=['old==1']\nsetup(setup_requires=['new'])",
                "new None".to_owned(),
            ),
        ] {
            assert_eq!(one(text), expected, "{text}");
        }
    }

    #[test]
    fn keys_of_any_spelling_and_lists_on_one_line_are_read() {
        let text =
            "[options]\nInstall-Requires = torch==2.2.0; numpy\nsetup_requires = a; python_version < '3'\n";
        insta::assert_snapshot!(shown(&cfg(text)), @"
        2: pypi/torch 2.2.0 (==2.2.0) exact direct
        2: pypi/numpy - unpinned direct
        3: pypi/a - unpinned ; python_version < '3'
        ");
    }

    #[test]
    fn hostile_scripts_are_read_once() {
        for text in [
            "#install_requires=[\n".repeat(20_000),
            "install_requires=[\n#".repeat(20_000),
            "install_requires=R\nR=['a']\n".repeat(20_000),
            "install_requires=R R: ".repeat(20_000),
        ] {
            let _ = py(&text);
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
