//! `hatch.toml`: the tables of `[tool.hatch]` in a file of their own.

use super::{
    Manifest, ManifestKind, Scope,
    document::{Document, paid, problem},
    parts::spoken,
    shape,
};
use wellhead_core::{ArtifactPath, Budget};
use wellhead_formats::text::Node;

/// Reads `hatch.toml`.
pub(super) fn read(artifact: &ArtifactPath, text: &str, budget: &mut Budget) -> Manifest {
    match Document::parse(ManifestKind::Hatch, artifact, text, budget) {
        Ok((document, manifest)) => read_tables(&document, &document.root, manifest, budget),
        Err(manifest) => *manifest,
    }
}

/// Reads the tables of Hatch below `root`.
pub(super) fn read_tables(
    document: &Document<'_>,
    root: &Node,
    mut out: Manifest,
    budget: &mut Budget,
) -> Manifest {
    let mut lists: Vec<(Option<&Node>, bool)> = Vec::new();
    shape::tables(document, root, &[&["envs"], &["build"]], &mut out);
    for environment in root.get("envs").map(Node::entries).unwrap_or_default() {
        if !shape::is_table(document, &environment.node, &environment.key, &mut out) {
            continue;
        }
        for key in ["dependencies", "extra-dependencies"] {
            lists.push((environment.node.get(key), true));
        }
    }
    // What builds the project is not what it runs with.
    lists.push((root.path(&["build", "dependencies"]), false));
    for part in ["hooks", "targets"] {
        for entry in root.path(&["build", part]).map(Node::entries).unwrap_or_default() {
            lists.push((entry.node.get("dependencies"), false));
        }
    }
    for (list, direct) in lists {
        out.begin(if direct { Scope::Separate } else { Scope::Build });
        if list.is_some_and(|list| !shape::is_list(document, list, &mut out)) {
            continue;
        }
        for item in list.map(Node::items).unwrap_or_default() {
            let at = document.at(item.span.clone(), "");
            if !paid(&mut out, budget, || at.clone()) {
                return out;
            }
            match item.as_str().map(|text| spoken(text, at.clone())) {
                Some(Ok(mut component)) => {
                    component.direct = direct.then_some(true);
                    out.components.push(component);
                }
                Some(Err(message)) => problem(&mut out, at, message),
                None => problem(&mut out, at, "no requirement"),
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::testing::shown;
    use super::*;
    use proptest::prelude::*;

    const ALL: &str = "[envs.default]\ndependencies = [\"torch==2.2.0\", \"numpy\"]\n[envs.docs]\nextra-dependencies = [\"mkdocs~=1.5\", \"a b\", 5]\n[build.hooks.x]\ndependencies = [\"cython\"]\n";

    fn of(text: &str) -> Manifest {
        read(&ArtifactPath::file("hatch.toml"), text, &mut Budget::default())
    }

    #[test]
    fn environments_are_read() {
        insta::assert_snapshot!(shown(&of(ALL)), @"
        2: pypi/torch 2.2.0 (==2.2.0) exact direct
        2: pypi/numpy - unpinned direct
        4: pypi/mkdocs - (~=1.5) unpinned direct
        6: pypi/cython - unpinned
        4: problem: `a b` is no requirement: malformed version specifier
        4: problem: no requirement
        ");
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in 0usize..300, junk in "[\\[\\]{}=\",a1\n]{0,6}") {
            let mut text = ALL.to_owned();
            text.insert_str(at.min(ALL.len()), &junk);
            let _ = of(&text);
        }
    }
}
