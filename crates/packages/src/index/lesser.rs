//! `poetry.toml` and `pdm.toml`: settings of a project beside its `pyproject.toml`.
//!
//! Poetry's own names repositories to publish to, which nothing is installed from, and what it does with certificates;
//! PDM's names sources as `pyproject.toml` does, and those of `pyproject.toml` go first.

use super::{Address, IndexEntry, IndexRole, IndexSettings, Manager, TrustedHost};
use crate::manifest::{Manifest, ManifestKind, document::Document};
use wellhead_core::{ArtifactPath, Budget, Outcome, escape};
use wellhead_formats::text::Node;

/// Reads `poetry.toml`.
pub fn read_poetry_config(artifact: &ArtifactPath, text: &str, budget: &mut Budget) -> Manifest {
    read(ManifestKind::PoetryConfig, artifact, text, budget, poetry)
}

/// Reads `pdm.toml`.
pub fn read_pdm_config(artifact: &ArtifactPath, text: &str, budget: &mut Budget) -> Manifest {
    read(ManifestKind::PdmConfig, artifact, text, budget, pdm)
}

fn read(
    kind: ManifestKind,
    artifact: &ArtifactPath,
    text: &str,
    budget: &mut Budget,
    take: fn(&Document<'_>, &mut IndexSettings),
) -> Manifest {
    let (document, mut out) = match Document::parse(kind, artifact, text, budget) {
        Ok(read) => read,
        Err(manifest) => return *manifest,
    };
    if let Err(e) = budget.steps(text.len() as u64) {
        out.outcome = Outcome::NotAnalysed { why: e.to_string() };
        return out;
    }
    take(&document, &mut out.indexes);
    out
}

fn poetry(document: &Document<'_>, settings: &mut IndexSettings) {
    let certificates = document.root.get("certificates").map(Node::entries);
    for entry in certificates.unwrap_or_default() {
        if entry.node.get("cert").and_then(Node::as_bool) == Some(false) {
            settings.trusted_hosts.push(TrustedHost {
                host: escape(&entry.key),
                declared: document.at(
                    entry.key_span.start..entry.node.span.end,
                    "its certificate is not checked",
                ),
            });
        }
    }
}

fn pdm(document: &Document<'_>, settings: &mut IndexSettings) {
    let Some(pypi) = document.root.get("pypi") else {
        return;
    };
    let others = pypi.entries().iter().filter(|e| !e.node.entries().is_empty());
    let tables = others.map(|e| (e.key.as_str(), &e.node));
    for (name, table) in std::iter::once(("pypi", pypi)).chain(tables) {
        let Some(url) = table.get("url") else { continue };
        let Some(text) = url.as_str() else { continue };
        let address = Address::new(text);
        let off = ["verify_ssl", "ca_certs"]
            .iter()
            .any(|key| table.get(key).and_then(Node::as_bool) == Some(false));
        if off {
            settings.trusted_hosts.push(TrustedHost {
                host: escape(&address.host),
                declared: document.at(url.span.clone(), "its certificate is not checked"),
            });
        }
        settings.entries.push(IndexEntry {
            manager: Manager::Pdm,
            role: if name == "pypi" {
                IndexRole::Default
            } else {
                IndexRole::Extra
            },
            name: Some(escape(name)),
            address,
            declared: document.at(url.span.clone(), "named here"),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sources_and_certificates_are_read() {
        let read =
            |text: &str| read_pdm_config(&ArtifactPath::file("pdm.toml"), text, &mut Budget::default());
        let m = read(
            "[pypi]\nurl = 'https://u:pw@a.example/simple'\nverify_ssl = false\n[pypi.lab]\nurl = 'https://lab.example/simple'\n",
        );
        let rows: Vec<_> = m
            .indexes
            .entries
            .iter()
            .map(|e| (e.name.clone().unwrap(), e.role, e.address.host.as_str()))
            .collect();
        assert_eq!(
            rows,
            [
                ("pypi".to_owned(), IndexRole::Default, "a.example"),
                ("lab".to_owned(), IndexRole::Extra, "lab.example")
            ]
        );
        assert_eq!(
            (m.indexes.trusted_hosts.len(), m.indexes.credentials.len()),
            (1, 1)
        );
    }

    proptest! {
        #[test]
        fn never_panics(text in "(\\[pypi\\]|\\[certificates|url|=|'x'|false|\\.|\\]|\n){0,16}") {
            let path = ArtifactPath::file("x.toml");
            let _ = read_pdm_config(&path, &text, &mut Budget::default());
            let _ = read_poetry_config(&path, &text, &mut Budget::default());
        }
    }
}
