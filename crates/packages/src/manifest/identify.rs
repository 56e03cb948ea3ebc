//! Which files declare dependencies. Their names are conventions of the tools that read them, so here the name
//! decides; a `.txt` is only taken for a requirements file where its name says so.

use super::ManifestKind;

/// What kind of manifest a file is, by its path (with `/`). The text decides only for names that others use, too.
pub fn identify_manifest(path: &str, text: &str) -> Option<ManifestKind> {
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let folder = parts.next().unwrap_or_default().to_ascii_lowercase();
    match name.as_str() {
        "pyproject.toml" => return Some(ManifestKind::Pyproject),
        "uv.lock" => return Some(ManifestKind::UvLock),
        "poetry.lock" => return Some(ManifestKind::PoetryLock),
        "pip.conf" | "pip.ini" => return Some(ManifestKind::PipConfig),
        _ => {}
    }
    if name == "pylock.toml" || (name.starts_with("pylock.") && name.ends_with(".toml")) {
        return Some(ManifestKind::Pylock);
    }
    let stem = name
        .strip_suffix(".txt")
        .or_else(|| name.strip_suffix(".in"))
        .or_else(|| name.strip_suffix(".pip"))?;
    let words = |word: &str| stem.split(['-', '_', '.', ' ']).any(|w| w == word);
    if words("constraints") || words("constraint") {
        return Some(ManifestKind::Constraints);
    }
    let named = stem.contains("requirements") || words("requirement") || words("reqs");
    let in_folder = folder == "requirements" || folder == "reqs";
    if named || (in_folder && !looks_like_prose(text)) {
        return Some(ManifestKind::Requirements);
    }
    None
}

/// Whether most of the first lines are sentences: a `LICENSE.txt` in a folder of requirements.
fn looks_like_prose(text: &str) -> bool {
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty() && !l.starts_with('#') && !l.starts_with('-'));
    let (mut prose, mut all) = (0_usize, 0_usize);
    for line in lines.take(20) {
        let bare = line.split([';', '#']).next().unwrap_or_default();
        let words = bare.split_whitespace().count();
        let signs = bare.contains(['=', '<', '>', '~', '@', '/']);
        prose = prose.saturating_add(usize::from(words > 3 && !signs));
        all = all.saturating_add(1);
    }
    prose.saturating_mul(2) > all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_decide() {
        use ManifestKind as K;
        for (path, kind) in [
            ("requirements.txt", Some(K::Requirements)),
            ("a/requirements-dev.txt", Some(K::Requirements)),
            ("dev_requirements.txt", Some(K::Requirements)),
            ("requirements.in", Some(K::Requirements)),
            ("requirements/base.txt", Some(K::Requirements)),
            ("Requirements.TXT", Some(K::Requirements)),
            ("constraints.txt", Some(K::Constraints)),
            ("requirements/constraints-3.11.txt", Some(K::Constraints)),
            ("notes.txt", None),
            ("data/vocab.txt", None),
            ("requirements.md", None),
            ("pyproject.toml", Some(K::Pyproject)),
            ("pylock.toml", Some(K::Pylock)),
            ("pylock.gpu.toml", Some(K::Pylock)),
            ("sub/uv.lock", Some(K::UvLock)),
            ("poetry.lock", Some(K::PoetryLock)),
            ("pip.conf", Some(K::PipConfig)),
            ("Cargo.lock", None),
            ("freq.txt", None),
            ("unconstrained.txt", None),
        ] {
            assert_eq!(identify_manifest(path, "torch==2.6.0\n"), kind, "{path}");
        }
        let licence = "Permission is hereby granted to everybody who reads\nthis file to do with it\n";
        assert_eq!(identify_manifest("requirements/LICENSE.txt", licence), None);
    }
}
