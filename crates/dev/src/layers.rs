//! Which crate may know which: the table of `docs/architecture.md`, held against every manifest.
//!
//! Dev-dependencies count too. A test that needs a higher layer belongs into that layer, and a circle through tests
//! would let two crates be changed only together.

use anyhow::{Context, Result};
use std::{collections::BTreeMap, fs, path::Path};

/// One crate and what it may depend on.
#[derive(Debug)]
pub struct Layer {
    /// Name of the package.
    pub package: &'static str,
    /// Packages of this workspace that it may name.
    pub may_use: &'static [&'static str],
}

/// From the bottom up: each row names only packages of rows above it in this table.
pub const LAYERS: &[Layer] = &[
    Layer {
        package: "wellhead-core",
        may_use: &[],
    },
    Layer {
        package: "wellhead-formats",
        may_use: &["wellhead-core"],
    },
    Layer {
        package: "wellhead-pycode",
        may_use: &["wellhead-core", "wellhead-formats"],
    },
    Layer {
        package: "wellhead-packages",
        may_use: &["wellhead-core", "wellhead-formats"],
    },
    Layer {
        package: "wellhead-trust",
        may_use: &["wellhead-core", "wellhead-formats"],
    },
    Layer {
        package: "wellhead-infra",
        may_use: &["wellhead-core", "wellhead-formats"],
    },
    Layer {
        package: "wellhead-rules",
        may_use: &[
            "wellhead-core",
            "wellhead-formats",
            "wellhead-infra",
            "wellhead-packages",
            "wellhead-pycode",
            "wellhead-trust",
        ],
    },
    Layer {
        package: "wellhead-sources",
        may_use: &["wellhead-core", "wellhead-formats"],
    },
    Layer {
        package: "wellhead-report",
        may_use: &["wellhead-core"],
    },
    Layer {
        package: "wellhead-engine",
        may_use: &[
            "wellhead-core",
            "wellhead-formats",
            "wellhead-infra",
            "wellhead-packages",
            "wellhead-pycode",
            "wellhead-rules",
            "wellhead-sources",
            "wellhead-trust",
        ],
    },
    Layer {
        package: "wellhead-server",
        may_use: &["wellhead-core", "wellhead-infra", "wellhead-packages"],
    },
    Layer {
        package: "wellhead",
        may_use: &[
            "wellhead-core",
            "wellhead-engine",
            "wellhead-formats",
            "wellhead-infra",
            "wellhead-packages",
            "wellhead-pycode",
            "wellhead-report",
            "wellhead-rules",
            "wellhead-server",
            "wellhead-sources",
            "wellhead-trust",
        ],
    },
    Layer {
        package: "wellhead-dev",
        may_use: &[
            "wellhead",
            "wellhead-core",
            "wellhead-engine",
            "wellhead-formats",
            "wellhead-infra",
            "wellhead-packages",
            "wellhead-pycode",
            "wellhead-report",
            "wellhead-rules",
            "wellhead-server",
            "wellhead-sources",
            "wellhead-trust",
        ],
    },
];

/// Reads every manifest under `crates/` and says what breaks the table, a sentence each.
///
/// # Errors
/// If a manifest cannot be read or is not TOML.
pub fn violations(root: &Path) -> Result<Vec<String>> {
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in fs::read_dir(root.join("crates")).context("crates")? {
        let manifest = entry?.path().join("Cargo.toml");
        if !manifest.is_file() {
            continue;
        }
        let text = fs::read_to_string(&manifest).with_context(|| manifest.display().to_string())?;
        let (name, uses) = ours(&text).with_context(|| manifest.display().to_string())?;
        seen.insert(name, uses);
    }
    let mut wrong = table_errors();
    for (name, uses) in &seen {
        let Some(layer) = LAYERS.iter().find(|l| l.package == name) else {
            wrong.push(format!("`{name}` has no row in the table of layers"));
            continue;
        };
        for used in uses {
            if used != name && !layer.may_use.contains(&used.as_str()) {
                wrong.push(format!("`{name}` must not depend on `{used}`"));
            }
        }
    }
    Ok(wrong)
}

/// What is wrong with the table itself: an arrow to a row below.
fn table_errors() -> Vec<String> {
    let mut wrong = Vec::new();
    for (i, layer) in LAYERS.iter().enumerate() {
        for used in layer.may_use {
            if !LAYERS.iter().take(i).any(|l| l.package == *used) {
                wrong.push(format!("the table lets `{}` look up to `{used}`", layer.package));
            }
        }
    }
    wrong
}

/// The package's name and the packages of this workspace that its manifest names, of whatever kind and platform.
fn ours(manifest: &str) -> Result<(String, Vec<String>)> {
    let table: toml::Table = manifest.parse()?;
    let name = table
        .get("package")
        .and_then(|p| p.get("name"))
        .and_then(toml::Value::as_str)
        .context("no package name")?;
    let mut uses = Vec::new();
    collect(&table, &mut uses);
    uses.sort();
    uses.dedup();
    Ok((name.to_owned(), uses))
}

/// Walks to every `*dependencies` table: they also stand under `target."cfg(…)"`.
fn collect(table: &toml::Table, uses: &mut Vec<String>) {
    for (key, value) in table {
        let Some(inner) = value.as_table() else { continue };
        if key.ends_with("dependencies") {
            for (name, spec) in inner {
                let real = spec.get("package").and_then(toml::Value::as_str).unwrap_or(name);
                if real == "wellhead" || real.starts_with("wellhead-") {
                    uses.push(real.to_owned());
                }
            }
        } else {
            collect(inner, uses);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_dependency_is_seen() {
        let (name, uses) = ours(
            r#"
            [package]
            name = "wellhead-core"
            [dependencies]
            serde = "1"
            wellhead-report.workspace = true
            [dev-dependencies]
            wellhead-engine = { path = "../engine" }
            [target."cfg(unix)".dependencies]
            short = { package = "wellhead-sources", path = "../sources" }
            "#,
        )
        .unwrap();
        assert_eq!(name, "wellhead-core");
        assert_eq!(uses, ["wellhead-engine", "wellhead-report", "wellhead-sources"]);
    }

    #[test]
    fn the_table_has_no_arrow_up() {
        assert_eq!(table_errors(), Vec::<String>::new());
    }
}
