//! Whether an attestation speaks of the file it lies beside.

use crate::pep740::{Attestation, Attestations};
use wellhead_core::Digest;

/// The endings of files that attest another file of the same folder.
const ENDINGS: &[&str] = &[
    ".publish.attestation",
    ".slsa.attestation",
    ".attestation",
    ".provenance",
];

/// Attestations together with the file that they should speak of.
#[derive(Clone, Debug)]
pub struct Attested {
    /// The attestations.
    pub document: Attestations,
    /// The name of the file beside, as the attestation's own name says it.
    pub file_name: String,
    /// Its digest; `None` where there is no such file or it was not read.
    pub digest: Option<Digest>,
}

/// What comparing a subject with a file gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectCheck {
    /// Name and digest are those of the file. Says nothing about who signed.
    Matches,
    /// The statement speaks of a file with another name.
    OtherName,
    /// The statement speaks of other content under this name.
    OtherContent,
    /// It states no digest that could be compared.
    NoDigest,
}

/// The name of the file that a file of this name attests: `x.whl` for `x.whl.publish.attestation`.
pub fn attested_file(name: &str) -> Option<&str> {
    ENDINGS
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .filter(|rest| !rest.is_empty() && !rest.ends_with('/'))
}

/// Compares the subject of an attestation with a file's name and digest.
pub fn check_subject(attestation: &Attestation, file_name: &str, digest: &Digest) -> SubjectCheck {
    let subject = &attestation.statement.subject;
    if normal(&subject.name) != normal(file_name) {
        return SubjectCheck::OtherName;
    }
    match subject.digests.iter().find(|d| d.algorithm == digest.algorithm) {
        Some(stated) if stated == digest => SubjectCheck::Matches,
        Some(_) => SubjectCheck::OtherContent,
        None => SubjectCheck::NoDigest,
    }
}

/// File names of distributions may be spelled in several ways: case, and runs of `-`, `_` and `.`.
fn normal(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if matches!(c, '-' | '_' | '.') {
            if !out.ends_with('-') {
                out.push('-');
            }
        } else {
            out.extend(c.to_lowercase());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_name_the_file_beside() {
        assert_eq!(attested_file("a/x.whl.publish.attestation"), Some("a/x.whl"));
        assert_eq!(attested_file("x.whl.provenance"), Some("x.whl"));
        assert_eq!(attested_file("x.whl"), None);
        assert_eq!(attested_file(".provenance"), None);
    }

    #[test]
    fn spellings_of_one_name_are_one_name() {
        assert_eq!(normal("Foo.Bar-1.0.tar.gz"), normal("foo_bar-1.0.tar.gz"));
        assert_ne!(normal("foo-1.0.tar.gz"), normal("foo-1.1.tar.gz"));
    }
}
