//! Parts of hand-written pages that are made: outputs of the program, tables of keys.
//!
//! A part stands between `<!-- made: WHAT -->` and `<!-- end -->`. Everything between the two lines is replaced, so that a
//! page can never show an output that the program does not give.

use crate::generated::Made;
use anyhow::{Context, Result, bail};
use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::{Command, Stdio},
};
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

/// The argument that turns this tool into wellhead.
pub const AS_WELLHEAD: &str = "as-wellhead";

const BEGIN: &str = "<!-- made: ";
const END: &str = "<!-- end -->";

/// All pages with their parts made again. `program` is this tool itself, which can be wellhead too.
///
/// # Errors
/// If a page cannot be read, or names something that cannot be made.
pub fn pages(root: &Path, program: &Path) -> Result<Vec<Made>> {
    let mut made = Vec::new();
    for page in PAGES {
        let path = root.join(page);
        if !path.is_file() {
            continue;
        }
        let text = fs::read_to_string(&path).with_context(|| (*page).to_owned())?;
        let content =
            remake(&text, &mut |what| make(root, program, what)).with_context(|| (*page).to_owned())?;
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

fn make(root: &Path, program: &Path, what: &str) -> Result<String> {
    if let Some(args) = what.strip_prefix("wellhead ") {
        return console(root, program, args);
    }
    Ok(match what {
        "keys" => table(KEYS),
        "ignore-keys" => table(IGNORE_KEYS),
        _ => bail!("nobody makes `{what}`"),
    })
}

/// What a person sees who types it: both streams, and the exit code where it is not 0.
#[expect(
    clippy::disallowed_methods,
    reason = "runs this tool itself as wellhead; nothing audited is executed"
)]
fn console(root: &Path, program: &Path, args: &str) -> Result<String> {
    let output = Command::new(program)
        .arg(AS_WELLHEAD)
        .args(args.split_whitespace())
        .current_dir(root)
        // Whatever a person has set must not show in a page.
        .env_clear()
        .env("WELLHEAD_DATA_DIR", "/nonexistent")
        .stdin(Stdio::null())
        .output()
        .context("the program cannot be started")?;
    let stdout = String::from_utf8(output.stdout)?;
    let stderr = String::from_utf8(output.stderr)?;
    let code = output
        .status
        .code()
        .context("the program was ended by a signal")?;
    let mut out = format!("```console\n$ wellhead {args}\n{stdout}{stderr}");
    if !out.ends_with('\n') {
        out.push('\n');
    }
    if code != 0 {
        let _ = writeln!(out, "\n$ echo $?\n{code}");
    }
    out.push_str("```\n");
    Ok(out)
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
