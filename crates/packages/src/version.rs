//! Python versions as advisories and declarations mean them.
//!
//! Indexes publish builds of one release under local versions (`2.2.0+cu121`), and no advisory lists them, so versions
//! are compared by their public part.

use pep440_rs::Version;
use std::{cmp::Ordering, str::FromStr};

/// A version as it was written, with its public part where it is one of PEP 440.
#[derive(Clone, Debug)]
pub struct PyVersion {
    raw: String,
    public: Option<Version>,
    key: String,
}

/// Longest text that is tried as a version; the longest real one in the Python index has fewer than 60 characters.
const MAX_VERSION: usize = 200;

impl PyVersion {
    /// Reads a version. Text that is none of PEP 440 is kept and equals only itself.
    pub fn new(text: &str) -> Self {
        let raw = text.trim().to_owned();
        let public = parse(&raw);
        let key = match &public {
            Some(version) => key(version),
            None => raw.to_ascii_lowercase(),
        };
        Self { raw, public, key }
    }

    /// A version that was read before.
    pub(crate) fn of(version: Version) -> Self {
        Self {
            raw: version.to_string(),
            key: key(&version),
            public: Some(version),
        }
    }

    /// The text as it was written.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The public part, where the text is a version of PEP 440.
    pub fn public(&self) -> Option<&Version> {
        self.public.as_ref()
    }

    /// A text that two versions share exactly if they are equal by PEP 440 in their public part.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl PartialEq for PyVersion {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for PyVersion {}

impl PartialOrd for PyVersion {
    /// Texts that are no versions are not ordered.
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (&self.public, &other.public) {
            (Some(a), Some(b)) => Some(a.cmp(b)),
            _ => (self == other).then_some(Ordering::Equal),
        }
    }
}

/// The public part of a version; `None` where the text is none of PEP 440.
pub(crate) fn parse(text: &str) -> Option<Version> {
    if text.len() > MAX_VERSION {
        return None;
    }
    let mut version = Version::from_str(text.trim()).ok()?;
    if version.is_local() {
        version = version.without_local();
    }
    Some(version)
}

/// Whether two texts are one version, their local parts included.
pub(crate) fn same(a: &str, b: &str) -> bool {
    let whole = |text: &str| {
        (text.len() <= MAX_VERSION)
            .then(|| Version::from_str(text.trim()).ok())
            .flatten()
    };
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

/// The version that `text` means, and whether it had to be cut to its leading part to be one.
///
/// Advisories carry events such as `2.6.0-NA` and `2.6.0-cu124`. Cuts are made only where a word ends, since
/// `2.6.0-c` would be a release candidate.
pub(crate) fn repair(text: &str) -> Option<(Version, bool)> {
    if let Some(version) = parse(text) {
        return Some((version, false));
    }
    let text = text.trim();
    let mut cuts: Vec<usize> = Vec::new();
    let mut before = ' ';
    for (at, c) in text.char_indices().take(MAX_VERSION) {
        let word_ends = !c.is_ascii_alphanumeric() || (before.is_ascii_digit() && c.is_ascii_alphabetic());
        if word_ends && at > 0 {
            cuts.push(at);
        }
        before = c;
    }
    cuts.into_iter()
        .rev()
        .filter_map(|at| text.get(..at))
        .find_map(parse)
        .map(|version| (version, true))
}

/// The canonical public text without the zeros that PEP 440 ignores.
fn key(version: &Version) -> String {
    let mut release: &[u64] = version.release();
    while let [rest @ .., 0] = release {
        if rest.is_empty() {
            break;
        }
        release = rest;
    }
    let bare = version.clone().with_release(release.iter().copied());
    bare.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_versions_share_a_key() {
        for (a, b, equal) in [
            ("1.0", "1", true),
            ("1.0.0", "1.0", true),
            ("v1.0-RC1", "1.0rc1", true),
            ("2.2.0+cu121", "2.2", true),
            ("0", "0.0", true),
            ("1!1.0", "1.0", false),
            ("1.0.post1", "1.0-1", true),
            ("1.0.dev1", "1.0", false),
            ("2013b-weird", "2013B-weird", true),
        ] {
            assert_eq!(PyVersion::new(a) == PyVersion::new(b), equal, "{a} {b}");
        }
    }

    #[test]
    fn dirt_is_cut_where_a_word_ends() {
        for (text, repaired) in [
            ("2.6.0-NA", Some("2.6.0 cut")),
            ("2.6.0-cu124", Some("2.6.0 cut")),
            ("2.6.0+cu124", Some("2.6.0")),
            ("1.2.3foo", Some("1.2.3 cut")),
            ("1.0.0-alpha.1-nightly", Some("1.0.0a1 cut")),
            ("git-abcdef", None),
            ("", None),
        ] {
            let got = repair(text).map(|(v, cut)| format!("{v}{}", if cut { " cut" } else { "" }));
            assert_eq!(got.as_deref(), repaired, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_some_version(text in any::<String>()) {
            let v = PyVersion::new(&text);
            prop_assert_eq!(PyVersion::new(v.raw()), v);
            let _ = repair(&text);
        }
    }
}
