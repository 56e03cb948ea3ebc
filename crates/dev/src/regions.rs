//! Parts of hand-written pages that are made: outputs of the program, tables of keys.
//!
//! A part stands between `<!-- made: WHAT -->` and `<!-- end -->`. Everything between the two lines is replaced, so that a
//! page can never show an output that the program does not give.

use crate::generated::Made;
use anyhow::{Context, Result, bail};
use std::{fmt::Write as _, fs, path::Path};
use wellhead_engine::{IGNORE_KEYS, KEYS};

/// The pages that have such parts.
const PAGES: &[&str] = &[
    "README.md",
    "docs/configuration.md",
    "examples/README.md",
    "examples/exposed-dashboard/README.md",
    "examples/hub-impersonator/README.md",
    "examples/poisoned-library/README.md",
];

const BEGIN: &str = "<!-- made: ";
const END: &str = "<!-- end -->";

/// All pages with their parts made again.
///
/// # Errors
/// If a page cannot be read, or names something that cannot be made.
pub fn pages(root: &Path) -> Result<Vec<Made>> {
    let mut made = Vec::new();
    for page in PAGES {
        let path = root.join(page);
        if !path.is_file() {
            continue;
        }
        let text = fs::read_to_string(&path).with_context(|| (*page).to_owned())?;
        let content = remake(&text, &mut |what| make(root, what)).with_context(|| (*page).to_owned())?;
        made.push(Made::text(*page, content));
    }
    Ok(made)
}

/// Replaces every marked part by what `make` gives for it.
///
/// # Errors
/// If a part has no end, or cannot be made.
pub fn remake(text: &str, make: &mut dyn FnMut(&str) -> Result<String>) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut lines = text.split_inclusive('\n');
    while let Some(line) = lines.next() {
        out.push_str(line);
        let Some(what) = line
            .trim_end()
            .strip_prefix(BEGIN)
            .and_then(|w| w.strip_suffix(" -->"))
        else {
            continue;
        };
        let end = lines.find(|l| l.trim_end() == END);
        let Some(end) = end else {
            bail!("`{what}` has no `{END}`");
        };
        out.push_str(make(what)?.trim_end());
        out.push('\n');
        out.push_str(end);
    }
    Ok(out)
}

fn make(_root: &Path, what: &str) -> Result<String> {
    Ok(match what {
        "keys" => table(&KEYS),
        "ignore-keys" => table(&IGNORE_KEYS),
        _ => bail!("nobody makes `{what}`"),
    })
}

fn table(keys: &[(&str, &str)]) -> String {
    let mut out = "| key | what it is |\n|---|---|\n".to_owned();
    for (key, what) in keys {
        let _ = writeln!(out, "| `{key}` | {} |", what.replace('|', "\\|"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_marked_part_changes() {
        let page = "a\n<!-- made: x y -->\nold\n<!-- end -->\nb\n";
        let new = remake(page, &mut |what| Ok(format!("new {what}\n"))).unwrap();
        assert_eq!(new, "a\n<!-- made: x y -->\nnew x y\n<!-- end -->\nb\n");
        assert!(remake("<!-- made: x -->\nold\n", &mut |_| Ok(String::new())).is_err());
    }
}
