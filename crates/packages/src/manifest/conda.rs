//! `environment.yml` of conda: packages of conda, and a list of what pip installs over them.
//!
//! conda writes the nested list into a requirements file and hands it to pip, so its entries are read as lines of one,
//! with options, `-r` and all.

use super::{
    Manifest, ManifestKind,
    commands::{Spoken, read_installs},
    document::{Document, Syntax, paid, problem},
    lines::Logical,
    matchspec::{channel, component},
    requirements::read_lines,
};
use crate::index::{IndexEntry, IndexRole, Manager};
use wellhead_core::{ArtifactPath, Budget, code, escape};
use wellhead_formats::text::{Node, Value};

/// Reads an environment file.
pub(super) fn read(artifact: &ArtifactPath, text: &str, budget: &mut Budget) -> Manifest {
    let kind = ManifestKind::CondaEnvironment;
    let (document, manifest) = match Document::parse_as(Syntax::Yaml, kind, artifact, text, None, budget) {
        Ok(read) => read,
        Err(manifest) => return *manifest,
    };
    let mut reader = Reader {
        document: &document,
        out: manifest,
        pip: Vec::new(),
    };
    let root = &document.root;
    if !matches!(root.value, Value::Table(_)) {
        let at = document.at(root.span.clone(), "");
        problem(&mut reader.out, at, "no table, so no environment");
        return reader.out;
    }
    reader.channels(root);
    reader.variables(root);
    // MLflow's `python_env.yaml` has the same key, and only pip's lines in it.
    let leaf = artifact.leaf().rsplit('/').next().unwrap_or_default();
    let all_pip = root.get("python").is_some() && leaf.starts_with("python_env");
    for key in ["dependencies", "build_dependencies"] {
        match root.get(key) {
            Some(list) if all_pip => reader.pip_list(list),
            Some(list) if key == "dependencies" => reader.dependencies(list, budget),
            _ => {}
        }
    }
    let Reader { mut out, pip, .. } = reader;
    // Where the budget ended, the rest was left out and the file says so.
    if out.outcome == wellhead_core::Outcome::Analysed {
        out = read_lines(out, artifact, document.text(), &pip, budget);
    }
    out.lines.clear();
    for component in &mut out.components {
        component.direct = Some(true);
    }
    out
}

struct Reader<'a> {
    document: &'a Document<'a>,
    out: Manifest,
    /// The lines of the nested lists.
    pip: Vec<Logical>,
}

impl Reader<'_> {
    fn channels(&mut self, root: &Node) {
        let listed = root.get("channels");
        if listed.is_some_and(|l| !matches!(l.value, Value::Array(_) | Value::Null)) {
            let at = self.document.at(listed.unwrap_or(root).span.clone(), "");
            problem(&mut self.out, at, "`channels` is no list");
        }
        let listed = listed.map(Node::items).unwrap_or_default();
        for (i, node) in listed.iter().enumerate() {
            let Some(name) = node.as_text() else {
                let at = self.document.at(node.span.clone(), "");
                problem(&mut self.out, at, "a channel without a name");
                continue;
            };
            if name == "nodefaults" {
                continue;
            }
            let bare = !name.contains("://");
            self.out.indexes.entries.push(IndexEntry {
                manager: Manager::Conda,
                role: if i == 0 {
                    IndexRole::Default
                } else {
                    IndexRole::Extra
                },
                name: bare.then(|| escape(name)),
                address: channel(name),
                declared: self.document.at(node.span.clone(), "named here"),
            });
        }
    }

    /// Variables hold in the activated environment, and so for what pip is told to do there.
    fn variables(&mut self, root: &Node) {
        let values: Vec<_> = root
            .get("variables")
            .map(Node::entries)
            .unwrap_or_default()
            .iter()
            .collect();
        let variables: Vec<(&str, Spoken<'_>)> = values
            .iter()
            .filter(|e| e.key.starts_with("PIP_") || e.key.starts_with("UV_"))
            .filter_map(|e| {
                let text = e.node.as_text()?;
                let span = e.node.span.clone();
                Some((e.key.as_str(), Spoken { text, span }))
            })
            .collect();
        if variables.is_empty() {
            return;
        }
        let text = self.document.text();
        for found in read_installs(self.document.artifact(), text, &variables, &[]) {
            self.out.indexes.entries.extend(found.indexes.entries);
            self.out.indexes.trusted_hosts.extend(found.indexes.trusted_hosts);
            self.out.indexes.no_index |= found.indexes.no_index;
            self.out.indexes.require_hashes |= found.indexes.require_hashes;
        }
    }

    fn dependencies(&mut self, list: &Node, budget: &mut Budget) {
        let document = self.document;
        if !matches!(list.value, Value::Array(_) | Value::Null) {
            let at = document.at(list.span.clone(), "");
            problem(&mut self.out, at, "`dependencies` is no list");
        }
        for item in list.items() {
            if !paid(&mut self.out, budget, || document.at(item.span.clone(), "")) {
                return;
            }
            match &item.value {
                Value::Table(entries) => {
                    for entry in entries {
                        self.nested(&entry.key, &entry.node);
                    }
                }
                _ => self.package(item, None),
            }
        }
    }

    fn nested(&mut self, key: &str, node: &Node) {
        // `sel(linux): package` is micromamba's way to say when.
        let when = key.strip_prefix("sel(").and_then(|k| k.strip_suffix(')'));
        match (key, when) {
            ("pip", _) => self.pip_list(node),
            (_, Some(when)) => self.package(node, Some(when)),
            _ => {
                let at = self.document.at(node.span.clone(), "");
                problem(
                    &mut self.out,
                    at,
                    format!("{} installs nothing that is known here", code(key)),
                );
            }
        }
    }

    fn package(&mut self, node: &Node, when: Option<&str>) {
        let at = self.document.at(node.span.clone(), "");
        let Some(text) = node.as_text() else {
            problem(&mut self.out, at, "no package");
            return;
        };
        match component(text, at.clone()) {
            Ok(mut component) => {
                component.marker = when.map(escape).or_else(|| self.selector(node));
                self.out.components.push(component);
            }
            Err(message) => problem(&mut self.out, at, message),
        }
    }

    /// `- cudatoolkit=11.8  # [linux64]`: conda-lock's way to say when.
    fn selector(&self, node: &Node) -> Option<String> {
        let rest = self.document.text().get(node.span.end..)?;
        let rest = rest.lines().next()?.trim_start_matches(['"', '\'']).trim_start();
        let inner = rest.strip_prefix('#')?.trim_start().strip_prefix('[')?;
        Some(escape(inner.split_once(']')?.0.trim()))
    }

    fn pip_list(&mut self, list: &Node) {
        let alone = std::slice::from_ref(list);
        let items = match &list.value {
            Value::Array(items) => items.as_slice(),
            Value::Null => return,
            _ => alone,
        };
        for item in items {
            match item.as_text() {
                Some(text) => self.pip.push(self.line(text, item)),
                None => {
                    let at = self.document.at(item.span.clone(), "");
                    problem(&mut self.out, at, "no line of a requirements file");
                }
            }
        }
    }

    /// A line whose parts are found again in the file where the text stands there as it is.
    fn line(&self, text: &str, node: &Node) -> Logical {
        let written = self.document.text().get(node.span.clone()).unwrap_or_default();
        let start = written.find(text).map(|at| node.span.start.saturating_add(at));
        Logical::alone(text, node.span.clone(), start)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::shown;
    use super::*;
    use proptest::prelude::*;

    const ALL: &str = r#"name: ml
channels: [pytorch, conda-forge, defaults, "http://repo.evil.example/ch", nodefaults]
dependencies:
  - python=3.11
  - numpy=1.24.0=py311h64a7726_0
  - conda-forge::pillow=10.0.0
  - "scikit-learn>=1.3"
  - cudatoolkit=11.8  # [linux64]
  - pytorch[version='>=2.1']
  - 5
  - [nested]
  - wrong: [x]
  - sel(win): pywin32
  - a b c d ? e
  - pip
  - pip:
    - --extra-index-url https://u:hunter2@wheels.example/whl/cu121
    - torch==2.2.0
    - "transformers[torch] == 4.38.0 ; sys_platform == 'linux'"
    - -r requirements-extra.txt
    - -e .
    - torch=2.0
variables:
  PIP_INDEX_URL: http://mirror.example/simple
  OTHER: 1
"#;

    fn of(name: &str, text: &str) -> Manifest {
        read(&ArtifactPath::file(name), text, &mut Budget::default())
    }

    #[test]
    fn an_environment_is_read() {
        let m = of("environment.yml", ALL);
        insta::assert_snapshot!(shown(&m), @"
        4: conda/python - (==3.11.*) unpinned direct
        5: conda/numpy 1.24.0 exact direct
        6: conda/pillow 10.0.0 exact from https://conda.anaconda.org/conda-forge direct
        7: conda/scikit-learn - (>=1.3) unpinned direct
        8: conda/cudatoolkit - (==11.8.*) unpinned ; linux64 direct
        9: conda/pytorch - (>=2.1) unpinned direct
        10: conda/5 - unpinned direct
        13: conda/pywin32 - unpinned ; win direct
        15: conda/pip - unpinned direct
        18: pypi/torch 2.2.0 (==2.2.0) exact direct
        19: pypi/transformers 4.38.0 (== 4.38.0) exact ; sys_platform == 'linux' direct
        21: pypi/. - unauditable (a path of the project) path . true direct
        11: problem: no package
        12: problem: `wrong` installs nothing that is known here
        14: problem: `a b c d ? e` is no conda package: malformed version
        22: problem: `torch=2.0` is no requirement: malformed version specifier
        20: requirements requirements-extra.txt
        2: index Conda Default https://conda.anaconda.org/pytorch
        2: index Conda Extra https://conda.anaconda.org/conda-forge
        2: index Conda Extra https://repo.anaconda.com/pkgs/main
        2: index Conda Extra http://repo.evil.example/ch
        24: index Pip Default http://mirror.example/simple
        17: index Pip Extra https://wheels.example/whl/cu121
        ");
        assert!(!format!("{m:?}").contains("hunter2"));
    }

    #[test]
    fn an_environment_of_mlflow_is_for_pip() {
        let m = of(
            "python_env.yaml",
            "python: 3.11.8\nbuild_dependencies:\n- pip==24.0\ndependencies:\n- -r requirements.txt\n- torch==2.2.0\n",
        );
        insta::assert_snapshot!(shown(&m), @"
        6: pypi/torch 2.2.0 (==2.2.0) exact direct
        3: pypi/pip 24.0 (==24.0) exact direct
        5: requirements requirements.txt
        ");
    }

    #[test]
    fn bombs_and_nonsense_end_in_a_problem() {
        let mut bomb = String::from("a: &a [x,x,x,x,x,x,x,x,x,x]\n");
        for i in 0..30 {
            let (new, old) = (char::from(b'b' + i % 24), char::from(b'a' + i % 24));
            bomb.push_str(&format!(
                "{new}{i}: &{new}{i} [{}]\n",
                vec![
                    format!(
                        "*{old}{}",
                        if i == 0 {
                            String::new()
                        } else {
                            (i - 1).to_string()
                        }
                    );
                    10
                ]
                .join(",")
            ));
        }
        bomb.push_str("dependencies: *b0\n");
        for text in [
            bomb.as_str(),
            "",
            "- a\n",
            "dependencies: {a: b}\n",
            "dependencies: [\n",
        ] {
            let m = of("environment.yml", text);
            assert!(!m.problems.is_empty(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in 0usize..800, junk in "[\\[\\]{}:&*=\"#a1\n -]{0,6}") {
            let mut text = ALL.to_owned();
            text.insert_str(at.min(ALL.len()), &junk);
            let _ = of("environment.yml", &text);
        }
    }
}
