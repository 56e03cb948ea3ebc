//! The corpus of the comparison with other tools: one file or folder per case, written from readable listings.
//!
//! A case is a pickle of `benches/corpus`, or the files under *Example* and *Use instead* of a rule page about models. Its
//! payload is a word; nothing of it is ever loaded. What is written is not committed.

use crate::{pages, seeds};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};
use wellhead_core::Rule;
use wellhead_formats::pickle::assemble::assemble;

/// Families of rules whose pages show model files or repositories of models.
const PAGES: &[(&str, &str)] = &[
    ("/rules/src/formats/", "containers and arrays"),
    ("/rules/src/model/", "models of other formats"),
    ("/rules/src/repository/", "repositories of models"),
];

/// Writes every case below a folder, and `index.json` that says what each is; says how many there are.
///
/// # Errors
/// If a listing cannot be assembled or the folder cannot be written.
pub fn write(root: &Path, folder: &Path) -> Result<usize> {
    let listings = root.join("benches/corpus");
    let read = |name: &str| {
        let path = listings.join(name);
        fs::read_to_string(&path).with_context(|| path.display().to_string())
    };
    let mut index = Vec::new();
    let mut add = |path: PathBuf, bytes: &[u8]| -> Result<()> {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, bytes).with_context(|| path.display().to_string())
    };
    for (name, malicious) in [("streams.txt", true), ("benign.txt", false)] {
        for (class, title, listing) in cases(&read(name)?) {
            let bytes = assemble(&listing).with_context(|| format!("{class} {title}"))?;
            let path = Path::new(&class).join(format!("{}.pkl", slug(&title)));
            index.push(entry(&path, &class, family(&class), malicious));
            add(path, &bytes)?;
        }
    }
    for line in read("callables.txt")?.lines() {
        let words: Vec<_> = line.split(' ').collect();
        let [class, module, name] = words.as_slice() else {
            continue;
        };
        if *class == "#" {
            continue;
        }
        let protocol = if *class == "N21" { 2 } else { 4 };
        let listing =
            format!("PROTO {protocol}\nGLOBAL '{module} {name}'\nBINUNICODE 'x'\nTUPLE1\nREDUCE\nSTOP\n");
        let path = Path::new(class).join(format!("{module}.{name}.pkl"));
        index.push(entry(&path, class, family(class), true));
        add(path, &assemble(&listing)?)?;
    }
    for rule in wellhead_rules::rules() {
        let Some((_, family)) = PAGES.iter().find(|(below, _)| rule.file.contains(below)) else {
            continue;
        };
        for (section, malicious) in [("Example", true), ("Use instead", false)] {
            let path = Path::new("pages").join(rule.id).join(slug(section));
            if page_files(rule, section, &path, &mut add)? {
                let family = if malicious {
                    (*family).to_owned()
                } else {
                    format!("{family}: harmless")
                };
                index.push(entry(&path, rule.id, &family, malicious));
            }
        }
    }
    let count = index.len();
    add(
        PathBuf::from("index.json"),
        serde_json::to_string_pretty(&Value::Array(index))?.as_bytes(),
    )?;
    Ok(count)
}

/// Writes the files of a section of a page; says whether it has any.
fn page_files(
    rule: &Rule,
    section: &str,
    below: &Path,
    add: &mut dyn FnMut(PathBuf, &[u8]) -> Result<()>,
) -> Result<bool> {
    let mut any = false;
    for block in pages::blocks(rule.page).iter().filter(|b| b.section == section) {
        if let Some(file) = block.file {
            let bytes = seeds::bytes(block.language, block.body);
            add(
                below.join(file),
                &bytes.with_context(|| format!("{}: {file}", rule.id))?,
            )?;
            any = true;
        }
    }
    Ok(any)
}

/// Class, title and listing of each `=== CLASS title`.
fn cases(text: &str) -> Vec<(String, String, String)> {
    let mut found: Vec<(String, String, String)> = Vec::new();
    for line in text.lines() {
        if let Some(head) = line.strip_prefix("=== ") {
            let (class, title) = head.split_once(' ').unwrap_or((head, ""));
            found.push((class.to_owned(), title.to_owned(), String::new()));
        } else if let Some((_, _, listing)) = found.last_mut()
            && !line.starts_with("says: ")
        {
            listing.push_str(line);
            listing.push('\n');
        }
    }
    found
}

fn entry(path: &Path, class: &str, family: &str, malicious: bool) -> Value {
    json!({"path": path.display().to_string(), "class": class, "family": family, "malicious": malicious})
}

fn family(class: &str) -> &'static str {
    match class {
        "benign" => "pickles: harmless",
        "N18" => "dotted names",
        "N22" | "N23" => "allowed callables and classes, abused",
        _ if class.starts_with('S') => "pickle streams",
        _ => "single callables",
    }
}

fn slug(title: &str) -> String {
    let words: Vec<String> = title
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    words.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_can_be_written() {
        let folder = std::env::temp_dir().join(format!("wellhead-corpus-{}", std::process::id()));
        let count = write(&crate::generated::root(), &folder).unwrap();
        let index: Value = serde_json::from_slice(&fs::read(folder.join("index.json")).unwrap()).unwrap();
        let entries = index.as_array().unwrap();
        assert_eq!((entries.len(), count > 500), (count, true));
        for entry in entries {
            let path = entry["path"].as_str().unwrap();
            assert!(folder.join(path).exists(), "{path}");
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
