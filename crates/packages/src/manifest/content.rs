//! Manifests that their name does not tell: `deps.txt`, `uv-gpu.lock`, a file that somebody names outright.
//!
//! pip installs from a file of any name, so the text decides where the name says nothing. A file of a tree is only taken
//! where no line of it speaks against, since lists of words look like lists of packages; a file that somebody asked about
//! is one as soon as most of it reads as one.

use super::ManifestKind;

/// Words in a file's name that make a list of ranges one of packages.
const WORDS: [&str; 12] = [
    "req",
    "requires",
    "requirement",
    "deps",
    "dep",
    "dependencies",
    "packages",
    "pip",
    "pypi",
    "freeze",
    "pinned",
    "install",
];

/// Long options of requirements files, and short ones with the space that stands behind them.
const OPTIONS: [&str; 7] = ["--", "-r ", "-c ", "-e ", "-i ", "-f ", "-Z"];

/// What kind of manifest a plain text is by what stands in it. `asked` is for a file that was named outright.
pub fn identify_by_content(path: &str, text: &str, asked: bool) -> Option<ManifestKind> {
    if !asked && path.split('/').any(is_installed) {
        return None;
    }
    let name = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let found = Lines::of(text);
    let (all, bounded) = (found.all(), found.exact.saturating_add(found.ranged));
    let told = name.split(['-', '_', '.', ' ']).any(|w| WORDS.contains(&w));
    let enough = match (asked, told) {
        (true, _) => bounded > 0 || found.includes > 0,
        (false, true) => bounded > 0 && bounded.saturating_mul(2) >= all,
        (false, false) => found.exact > 0 && found.exact.saturating_mul(2) >= all,
    };
    let good = all.saturating_add(found.includes);
    let few = if asked {
        found.other.saturating_mul(4) <= good
    } else {
        found.other == 0
    };
    if enough && few {
        return Some(ManifestKind::Requirements);
    }
    (asked || name.ends_with(".lock")).then(|| lock(text)).flatten()
}

/// Whether a part of a path says that the file came with a package: what it lists was copied in or is declared elsewhere.
fn is_installed(part: &str) -> bool {
    let folders = [
        "site-packages",
        "dist-packages",
        "_vendor",
        "vendored",
        "vendor.txt",
        "vendored.txt",
    ];
    let records = [".egg-info", ".dist-info", ".data"];
    folders.contains(&part) || records.iter().any(|end| part.ends_with(end))
}

/// The lock or project that a text certainly is. `Cargo.lock` has `[[package]]`, too.
fn lock(text: &str) -> Option<ManifestKind> {
    let line = |wanted: &str| text.lines().any(|l| l.trim() == wanted);
    let key = |wanted: &str| text.lines().any(|l| l.starts_with(wanted));
    if line("[[packages]]") && key("lock-version") {
        Some(ManifestKind::Pylock)
    } else if line("[[package]]") && key("content_hash") {
        Some(ManifestKind::PdmLock)
    } else if line("[[package]]") && key("content-hash") {
        Some(ManifestKind::PoetryLock)
    } else if line("[[package]]") && (key("requires-python") || key("source = {")) {
        Some(ManifestKind::UvLock)
    } else if line("[project]") || line("[tool.poetry]") {
        Some(ManifestKind::Pyproject)
    } else if text.trim_start().starts_with('{') && text.contains("\"_meta\"") && text.contains("\"default\"")
    {
        Some(ManifestKind::PipfileLock)
    } else {
        None
    }
}

/// How many lines say what.
#[derive(Default)]
struct Lines {
    exact: usize,
    ranged: usize,
    bare: usize,
    /// `-r`, `-c` and `-e`.
    includes: usize,
    other: usize,
}

impl Lines {
    fn of(text: &str) -> Self {
        let mut out = Self::default();
        let mut goes_on = false;
        for line in text.trim_start_matches('\u{feff}').lines() {
            let part = std::mem::replace(&mut goes_on, line.ends_with('\\'));
            let bare = line.trim();
            if part || bare.is_empty() || bare.starts_with('#') {
                continue;
            }
            let count = match bound(bare) {
                Some(Bound::Exact) => &mut out.exact,
                Some(Bound::Range) => &mut out.ranged,
                Some(Bound::None) => &mut out.bare,
                None if ["-r ", "-c ", "-e "].iter().any(|o| bare.starts_with(o)) => &mut out.includes,
                None if OPTIONS.iter().any(|o| bare.starts_with(o)) => continue,
                None => &mut out.other,
            };
            *count = count.saturating_add(1);
            // Prose has many lines of its own within its first few, and most texts are long.
            if out.other > 64 && out.other > out.all() {
                break;
            }
        }
        out
    }

    fn all(&self) -> usize {
        self.exact.saturating_add(self.ranged).saturating_add(self.bare)
    }
}

enum Bound {
    Exact,
    Range,
    None,
}

/// How a line binds a package, if it is one requirement and nothing else.
fn bound(line: &str) -> Option<Bound> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let end = line.find(|c| !is_name(c)).unwrap_or(line.len());
    let (name, mut rest) = line.split_at_checked(end)?;
    let honest = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    if !honest(name.as_bytes().first()) || !honest(name.as_bytes().last()) {
        return None;
    }
    rest = rest.trim_start();
    if let Some(extras) = rest.strip_prefix('[') {
        rest = extras.split_once(']')?.1.trim_start();
    }
    let rest = rest.split(['#', ';', '\\']).next().unwrap_or_default().trim();
    if rest.is_empty() {
        return Some(Bound::None);
    }
    if let Some(address) = rest.strip_prefix('@') {
        return address.contains(':').then_some(Bound::Exact);
    }
    let rest = rest.strip_prefix('(').map_or(rest, |r| r.trim_end_matches(')'));
    // What pip takes from an option behind a requirement is no part of its version.
    let versions = rest.split(" --").next().unwrap_or_default().trim();
    let mut exact = false;
    for clause in versions.split(',') {
        let clause = clause.trim();
        let version = clause.trim_start_matches(['=', '<', '>', '~', '!']);
        let operator = clause.strip_suffix(version)?;
        if !["==", "===", ">=", "<=", "~=", "!=", "<", ">"].contains(&operator) {
            return None;
        }
        let version = version.trim();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '*' | '!' | '-' | '_');
        if !version.contains(|c: char| c.is_ascii_digit()) || !version.chars().all(plain) {
            return None;
        }
        exact |= matches!(operator, "==" | "===") && !version.contains('*');
    }
    Some(if exact { Bound::Exact } else { Bound::Range })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_under_any_name_are_a_requirements_file() {
        for (path, text) in [
            ("r.txt", "torch==2.0.0\n"),
            ("sub/deps.txt", "torch>=2\nnumpy\n"),
            (
                "pip.lock",
                "# by hand\ntorch==2.0.0 \\\n    --hash=sha256:00\nnumpy == 1.26.4 ; python_version > '3'\n",
            ),
            ("requirements.txt.bak", "\u{feff}torch[opt]==2.0.0+cu118 # why\n"),
            (
                "prod",
                "-r base.txt\n--index-url https://i.example/simple\na @ https://h.example/a.whl\n",
            ),
        ] {
            assert_eq!(
                identify_by_content(path, text, false),
                Some(ManifestKind::Requirements),
                "{path}"
            );
        }
    }

    #[test]
    fn words_settings_and_prose_are_none() {
        for (path, text) in [
            ("vocab.txt", "the\nof\nand\n"),
            ("labels.txt", "cat\ndog 1\n"),
            ("top_level.txt", "torch\n"),
            ("notes.txt", "torch==2.0.0\nworks here but 2.1 does not\n"),
            ("robots.txt", "User-agent: *\nDisallow: /\n"),
            (".env.txt", "A=1\nB=2\n"),
            ("merges.txt", "#version: 0.2\na b\nc d\n"),
            ("some.txt", "numpy\nscipy\ntorch\nflax\njax==0.4\n"),
            ("ranges.txt", "torch>=2\n"),
            ("log.txt", "a==b\n"),
            ("usage.txt", "--model x\n--data y\n"),
            ("markdown.txt", "- torch==2.0\n"),
            ("empty.txt", "\n# nothing\n"),
            ("pip/_vendor/vendor.txt", "rich==13.0\n"),
            ("a.egg-info/requires.txt", "rich==13.0\n"),
        ] {
            assert_eq!(identify_by_content(path, text, false), None, "{path}");
        }
    }

    #[test]
    fn what_was_asked_about_is_taken_more_easily() {
        use ManifestKind as K;
        for (text, kind) in [
            ("torch>=2\nnumpy\n", Some(K::Requirements)),
            ("-r base.txt\n", Some(K::Requirements)),
            ("a==1\nb==1\nc==1\nd==1\nsome words here\n", Some(K::Requirements)),
            ("the\nof\n", None),
            ("What a==1 means\nis told below.\n", None),
            (
                "version = 1\nrequires-python = \">=3.9\"\n[[package]]\nname = \"a\"\n",
                Some(K::UvLock),
            ),
            (
                "version = 4\n[[package]]\nname = \"serde\"\nsource = \"registry\"\n",
                None,
            ),
            ("{\"_meta\": {}, \"default\": {}}", Some(K::PipfileLock)),
            ("[project]\nname = \"a\"\n", Some(K::Pyproject)),
        ] {
            assert_eq!(identify_by_content("x", text, true), kind, "{text}");
        }
        let lock = "[[package]]\nname = \"a\"\n[metadata]\ncontent-hash = \"0\"\n";
        assert_eq!(identify_by_content("gpu.lock", lock, false), Some(K::PoetryLock));
        assert_eq!(identify_by_content("gpu.toml", lock, false), None);
    }
}
