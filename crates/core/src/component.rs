//! A thing that a project is made of: a package, a model, a data set, a service.

use crate::{digest::Digest, location::Location, rule::named};

named!(
    /// What a component is.
    ComponentKind, "component kind", {
        /// A software package.
        Library = "library",
        /// A model.
        Model = "model",
        /// A data set.
        Dataset = "dataset",
        /// A running service.
        Service = "service",
        /// A container image.
        Image = "image",
    }
);

named!(
    /// Where a component's name means something.
    Ecosystem, "ecosystem", {
        /// The Python Package Index, and indexes that mirror its names.
        PyPI = "pypi",
        /// Conda channels.
        Conda = "conda",
        /// The Hugging Face hub.
        HuggingFace = "huggingface",
        /// Container registries.
        Oci = "oci",
        /// Anything else.
        Generic = "generic",
    }
);

/// Where a component is taken from, as its declaration says.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Source {
    /// An index or channel; `None` is the tool's default.
    Registry {
        /// The address, without credentials.
        url: Option<String>,
    },
    /// A version-control address, with the revision if one is named.
    Vcs {
        /// The address, without credentials.
        url: String,
        /// Branch, tag or commit.
        revision: Option<String>,
    },
    /// A file at an address.
    Url {
        /// The address, without credentials.
        url: String,
    },
    /// A path of the project.
    Path {
        /// The path as written.
        path: String,
        /// Whether it is installed in place.
        editable: bool,
    },
}

/// What can be said of a declared component. Every input line ends in exactly one of these.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Bucket {
    /// An exact version is known, so advisories can be matched.
    Exact,
    /// A range is allowed; only what the range admits can be judged.
    Unpinned,
    /// It cannot be judged by advisories, and why.
    Unauditable {
        /// Why, in a few words: "a path of the project".
        why: String,
    },
}

/// One component as one file declares it.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Component {
    /// What it is.
    pub kind: ComponentKind,
    /// Where its name means something.
    pub ecosystem: Ecosystem,
    /// Its name in the ecosystem's normal form (PEP 503 for Python), escaped.
    pub name: String,
    /// Its name as it was written, escaped.
    pub written: String,
    /// Its exact version, where one is known.
    pub version: Option<String>,
    /// The version specifier as it was written (`>=1.24,<2`), where there is one.
    pub specifier: Option<String>,
    /// The condition under which it is installed (PEP 508 marker), as it was written.
    pub marker: Option<String>,
    /// The digests that the declaration states.
    pub hashes: Vec<Digest>,
    /// Where it is taken from.
    pub source: Source,
    /// What can be said of it.
    pub bucket: Bucket,
    /// Whether the project itself asks for it; `None` where the file does not say.
    pub direct: Option<bool>,
    /// The chain from the project to it, nearest parent first; empty where unknown.
    pub via: Vec<String>,
    /// The line that declares it.
    pub declared: Location,
}

impl Component {
    /// The package URL (purl-spec): `pkg:pypi/torch@2.2.0`.
    pub fn purl(&self) -> String {
        let kind = self.ecosystem.name();
        let mut out = format!("pkg:{kind}/{}", encode(&self.name));
        if let Some(version) = &self.version {
            out.push('@');
            out.push_str(&encode(version));
        }
        out
    }
}

/// Percent-encodes what purl-spec does not allow as it is; `/` stays, since it parts a namespace from a name.
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for b in text.bytes() {
        match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' | b'/' | b':' => {
                out.push(char::from(b));
            }
            b => out.push_str(&format!("%{b:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ArtifactPath;

    #[test]
    fn a_local_version_is_encoded_in_the_purl() {
        let c = Component {
            kind: ComponentKind::Library,
            ecosystem: Ecosystem::PyPI,
            name: "torch".into(),
            written: "torch".into(),
            version: Some("2.2.0+cu121".into()),
            specifier: None,
            marker: None,
            hashes: Vec::new(),
            source: Source::Registry { url: None },
            bucket: Bucket::Exact,
            direct: None,
            via: Vec::new(),
            declared: Location::whole(&ArtifactPath::file("uv.lock"), ""),
        };
        assert_eq!(c.purl(), "pkg:pypi/torch@2.2.0%2Bcu121");
    }
}
