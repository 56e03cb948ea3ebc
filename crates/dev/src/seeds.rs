//! What fuzzing starts from: the files of rule pages and examples, each given to the targets that read its kind.
//!
//! Nothing here is written for fuzzing alone. What shows a rule to people is a good first input, and it cannot go stale.

use crate::pages;
use anyhow::{Context, Result};
use std::{collections::BTreeMap, fs, path::Path};
use wellhead_core::Digest;

/// Which targets read a file of that name.
fn targets_of(path: &str) -> Vec<&'static str> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map_or("", |(_, e)| e);
    let mut targets = vec!["identify"];
    targets.extend_from_slice(match name {
        "uv.lock" => &["uv_lock", "toml"][..],
        "poetry.lock" => &["poetry_lock", "toml"],
        "pylock.toml" => &["pylock", "toml"],
        "pyproject.toml" => &["pyproject", "toml", "config"],
        "wellhead.toml" => &["config", "toml"],
        "compose.yaml" | "docker-compose.yml" => &["compose", "yaml"],
        _ if name.starts_with("Dockerfile") => &["dockerfile"],
        _ if name.starts_with("requirements") => &["requirements"],
        _ => match extension {
            "py" => &["python"],
            "ipynb" => &["notebook", "json"],
            "json" => &["json"],
            "toml" => &["toml"],
            "yaml" | "yml" => &["yaml"],
            "pkl" => &["pickle"],
            "pt" | "bin" | "zip" | "npz" | "whl" => &["zip"],
            "tar" => &["tar"],
            "gz" => &["gzip"],
            "safetensors" => &["safetensors"],
            "npy" => &["npy"],
            _ => &[],
        },
    });
    targets
}

/// Writes the seeds into a folder per target below `corpus` and says how many there are.
///
/// # Errors
/// If the folder cannot be written.
pub fn write(root: &Path, corpus: &Path) -> Result<usize> {
    let mut seeds: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut add = |path: &str, content: &[u8]| {
        for target in targets_of(path) {
            let digest = Digest::sha256(content).to_string();
            let name = digest.rsplit(':').next().unwrap_or_default();
            seeds.insert(
                format!("{target}/seed-{}", name.get(..16).unwrap_or(name)),
                content.to_vec(),
            );
        }
    };
    for rule in wellhead_rules::rules() {
        for block in pages::blocks(rule.page) {
            if let Some(file) = block.file {
                add(file, block.body.as_bytes());
            }
        }
    }
    for path in files(&root.join("examples"))? {
        add(&path, &fs::read(root.join("examples").join(&path))?);
    }
    for (path, content) in &seeds {
        let path = corpus.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, content).with_context(|| path.display().to_string())?;
    }
    Ok(seeds.len())
}

/// All files below a folder, as paths relative to it; none if there is no such folder.
fn files(folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut queue = vec![String::new()];
    while let Some(below) = queue.pop() {
        let Ok(entries) = fs::read_dir(folder.join(&below)) else {
            continue;
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if below.is_empty() {
                name
            } else {
                format!("{below}/{name}")
            };
            if entry.file_type()?.is_dir() {
                queue.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
