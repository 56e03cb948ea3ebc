//! The names of the folders in which installers keep what they know of a distribution.

use crate::name::normalise;

/// A `.dist-info` or `.egg-info`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InfoFolder {
    /// The name in its normal form.
    pub name: String,
    /// The name as written.
    pub written: String,
    /// The version, where the name has one.
    pub version: Option<String>,
    /// Whether it is of the older kind, which has no RECORD.
    pub egg: bool,
}

/// Reads `name-1.0.dist-info` and `name-1.0-py3.11.egg-info`; `None` for other names.
pub fn info_folder(name: &str) -> Option<InfoFolder> {
    let (stem, egg) = match name.strip_suffix(".dist-info") {
        Some(stem) => (stem, false),
        None => (name.strip_suffix(".egg-info")?, true),
    };
    let mut parts = stem.splitn(3, '-');
    let written = parts.next().filter(|n| !n.is_empty())?.to_owned();
    let version = parts.next().map(str::to_owned).filter(|v| !v.is_empty());
    Some(InfoFolder {
        name: normalise(&written),
        written,
        version,
        egg,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions_are_told_apart() {
        let read = |name: &str| info_folder(name).map(|i| (i.name, i.version.unwrap_or_default(), i.egg));
        let is = |name: &str, version: &str, egg| Some((name.to_owned(), version.to_owned(), egg));
        assert_eq!(read("Flask_Cors-4.0.dist-info"), is("flask-cors", "4.0", false));
        assert_eq!(read("PyJWT-2.6.0.egg-info"), is("pyjwt", "2.6.0", true));
        assert_eq!(read("a-1.0-py3.11.egg-info"), is("a", "1.0", true));
        assert_eq!(read("cryptography.egg-info"), is("cryptography", "", true));
        assert_eq!(read(".dist-info"), None);
        assert_eq!(read("a"), None);
    }
}
