//! Packages found installed or built: `METADATA` and `PKG-INFO` of environments, wheels, source archives and eggs, and
//! the records of conda.
//!
//! The one decision: what lies in an environment is itself and nothing else, since what it wants lies beside it; what
//! lies in a wheel or a source archive also brings in what it wants, which is declared as it stands there.

use super::{Manifest, ManifestKind, Problem, source::from_file_name};
use crate::{
    index::Address,
    metadata::{CoreMetadata, read_metadata, read_requires_txt},
    name::normalise,
};
use wellhead_core::{
    ArtifactPath, Bucket, Budget, Component, ComponentKind, Digest, Ecosystem, Location, Outcome, Source,
    code, escape,
};
use wellhead_formats::text::{Node, json};

/// Which of the files that say what is installed a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstalledFile {
    /// `METADATA` of a wheel or of an environment.
    Metadata,
    /// `PKG-INFO` of a source archive or an egg, or a whole `.egg-info` file.
    PkgInfo,
    /// `requires.txt` beside a `PKG-INFO`.
    Requires,
    /// A record in `conda-meta`.
    CondaMeta,
}

impl InstalledFile {
    /// What the path of a file, or the name of a member of an archive or of an image, says that it is.
    pub fn of(path: &str) -> Option<Self> {
        let mut parts = path.rsplit(['/', '\\']);
        let name = parts.next().unwrap_or_default();
        let folder = parts.next().unwrap_or_default().to_ascii_lowercase();
        let egg = folder.ends_with(".egg-info") || folder == "egg-info";
        let json = name
            .rsplit_once('.')
            .is_some_and(|(_, ext)| ext.eq_ignore_ascii_case("json"));
        match name {
            "METADATA" if folder.ends_with(".dist-info") => Some(Self::Metadata),
            "PKG-INFO" => Some(Self::PkgInfo),
            "requires.txt" if egg => Some(Self::Requires),
            // distutils wrote a file where setuptools makes a folder.
            _ if name.ends_with(".egg-info") && name.contains('-') => Some(Self::PkgInfo),
            _ if folder == "conda-meta" && json => Some(Self::CondaMeta),
            _ => None,
        }
    }
}

/// Reads a file that says what is installed or what an archive builds; `None` where it is none, or repeats another.
pub fn read_installed(
    artifact: &ArtifactPath,
    text: &str,
    root: Option<&Node>,
    budget: &mut Budget,
) -> Option<Manifest> {
    let file = InstalledFile::of(artifact.leaf())?;
    // At the top of an archive it is what the archive builds; deeper in it lies in an environment that was packed.
    let packed = artifact.nesting() > 0 && artifact.leaf().trim_start_matches("./").matches('/').count() < 2;
    match file {
        InstalledFile::CondaMeta => Some(conda_meta(artifact, text, root, budget)),
        // In an environment only what an egg is counts; in an archive it is said beside `PKG-INFO`.
        InstalledFile::Requires => {
            if artifact.nesting() == 0 || repeats(artifact) {
                return None;
            }
            let metadata = read_requires_txt(text, budget);
            Some(wanted(
                Manifest::new(ManifestKind::Installed),
                &metadata,
                artifact,
                text,
            ))
        }
        InstalledFile::Metadata | InstalledFile::PkgInfo => {
            if repeats(artifact) {
                return None;
            }
            let metadata = read_metadata(text, budget);
            let mut manifest = of_metadata(&metadata, artifact, text);
            if packed {
                named_like(&mut manifest, &metadata, artifact, text);
                manifest = wanted(manifest, &metadata, artifact, text);
            }
            Some(manifest)
        }
    }
}

/// The manifest of one installed distribution; what it wants is left out.
pub fn of_metadata(metadata: &CoreMetadata, artifact: &ArtifactPath, text: &str) -> Manifest {
    let mut manifest = Manifest::new(ManifestKind::Installed);
    manifest.outcome = metadata.outcome.clone();
    let at = Location::text(artifact, text, metadata.identity.clone(), "");
    match metadata.component(at.clone()) {
        Ok(component) => manifest.components.push(component),
        Err(message) => manifest.problems.push(Problem { message, at }),
    }
    manifest.problems.extend(metadata.problems(artifact, text));
    manifest
}

fn wanted(mut manifest: Manifest, metadata: &CoreMetadata, artifact: &ArtifactPath, text: &str) -> Manifest {
    manifest.components.extend(metadata.needs(artifact, text));
    if manifest.outcome == Outcome::Analysed {
        manifest.outcome = metadata.outcome.clone();
    }
    manifest
}

/// Installers refuse a wheel whose metadata are those of another distribution; others take either name for true.
fn named_like(manifest: &mut Manifest, metadata: &CoreMetadata, artifact: &ArtifactPath, text: &str) {
    let Some(parent) = artifact.parent() else { return };
    if !parent.name().to_ascii_lowercase().ends_with(".whl") {
        return;
    }
    let (Some(name), version) = from_file_name(parent.name()) else {
        return;
    };
    let stated = metadata.name.as_deref().unwrap_or_default();
    let other_version = version
        .as_deref()
        .zip(metadata.version.as_deref())
        .is_some_and(|(a, b)| !crate::version::same(a, b));
    if normalise(&name) != normalise(stated) || other_version {
        let message = format!(
            "the file is named like {} {} and is {} {} by its metadata",
            code(&name),
            version.as_deref().unwrap_or_default(),
            code(stated),
            escape(metadata.version.as_deref().unwrap_or_default())
        );
        let at = Location::text(artifact, text, metadata.identity.clone(), "another distribution");
        manifest.problems.push(Problem { message, at });
    }
}

/// Whether a source archive says the same at its top: `x-1.0/x.egg-info/PKG-INFO` beside `x-1.0/PKG-INFO`.
fn repeats(artifact: &ArtifactPath) -> bool {
    let leaf = artifact.leaf();
    let Some((top, rest)) = leaf.split_once('/') else {
        return false;
    };
    let mut above = artifact.parent();
    while let Some(container) = above {
        let name = container.name();
        if !top.is_empty() && name.starts_with(top) && rest.ends_with("/PKG-INFO") {
            return true;
        }
        above = container.parent();
    }
    false
}

/// A record of conda.
fn conda_meta(artifact: &ArtifactPath, text: &str, root: Option<&Node>, budget: &mut Budget) -> Manifest {
    let parsed = match root {
        Some(_) => None,
        None => match json(text, budget) {
            Ok(root) => Some(root),
            Err(e) => {
                let at = Location::text(artifact, text, e.span, e.message.clone());
                return Manifest::unreadable(ManifestKind::Installed, format!("not JSON: {}", e.message), at);
            }
        },
    };
    let mut manifest = Manifest::new(ManifestKind::Installed);
    let Some(root) = root.or(parsed.as_ref()) else {
        return manifest;
    };
    let string = |key: &str| root.get(key).and_then(Node::as_text).filter(|t| !t.is_empty());
    let entry = |key: &str| root.entries().iter().rev().find(|e| e.key == key);
    let span = entry("version")
        .or_else(|| entry("name"))
        .map_or(0..0, |e| e.key_span.start..e.node.span.end);
    let declared = Location::text(artifact, text, span, "");
    let Some(name) = string("name") else {
        manifest.problems.push(Problem {
            message: "a record of conda without a name".to_owned(),
            at: declared,
        });
        return manifest;
    };
    let version = string("version");
    let hashes = ["sha256", "md5"]
        .iter()
        .filter_map(|key| Digest::parse(&format!("{key}:{}", string(key)?)))
        .collect();
    manifest.components.push(Component {
        kind: ComponentKind::Library,
        ecosystem: Ecosystem::Conda,
        name: escape(&name.to_ascii_lowercase()),
        written: escape(name),
        version: version.map(escape),
        specifier: None,
        marker: None,
        hashes,
        source: Source::Registry {
            url: string("channel").map(|c| Address::new(c).shown),
        },
        bucket: match version {
            Some(_) => Bucket::Exact,
            None => Bucket::Unauditable {
                why: "its record states no version".to_owned(),
            },
        },
        direct: string("requested_spec").map(|_| true),
        via: Vec::new(),
        declared,
    });
    manifest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(path: &str, text: &str) -> String {
        let Some(m) = read_installed(&ArtifactPath::parse(path), text, None, &mut Budget::default()) else {
            return "nothing".to_owned();
        };
        let components = m.components.iter().map(|c| {
            format!(
                "{} {} {:?} via={:?}",
                c.purl(),
                c.specifier.as_deref().unwrap_or("-"),
                c.bucket,
                c.via
            )
        });
        let problems = m.problems.iter().map(|p| format!("problem: {}", p.message));
        components.chain(problems).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn distributions_are_told_by_where_their_metadata_lie() {
        let text = "Name: Torch\nVersion: 2.2.0\nRequires-Dist: numpy>=1.2\nRequires-Dist: ???\n";
        let itself = "pkg:pypi/torch@2.2.0 - Exact via=[]";
        let bad = "problem: `???` is no requirement: no package name";
        let all = format!("{itself}; pkg:pypi/numpy >=1.2 Unpinned via=[\"torch\"]; {bad}");
        let only = format!("{itself}; {bad}");
        for (path, expected) in [
            (
                "venv/lib/site-packages/torch-2.2.0.dist-info/METADATA",
                only.as_str(),
            ),
            ("lib/torch-2.2.0.egg-info", &only),
            ("lib/torch.egg-info/PKG-INFO", &only),
            (
                "torch-2.2.0-py3-none-any.whl!/torch-2.2.0.dist-info/METADATA",
                &all,
            ),
            (
                "torch-2.2.0.tar.gz!/torch-2.2.0.tar!/torch-2.2.0/torch.egg-info/PKG-INFO",
                "nothing",
            ),
            ("torch-2.2.0-py3.9.egg!/EGG-INFO/PKG-INFO", &all),
            (
                "venv.tar!/venv/lib/site-packages/torch-2.2.0.dist-info/METADATA",
                &only,
            ),
            ("docs/METADATA", "nothing"),
        ] {
            assert_eq!(rows(path, text), expected, "{path}");
        }
        let other = rows("evil-1.0-py3-none-any.whl!/torch-2.2.0.dist-info/METADATA", text);
        let named = "named like `evil` 1.0 and is `Torch` 2.2.0 by its metadata";
        assert!(other.contains(named), "{other}");
        assert_eq!(
            rows("a-1-py3.9.egg!/EGG-INFO/requires.txt", "x==1\n[gpu]\ny\n"),
            "pkg:pypi/x@1 ==1 Exact via=[]; pkg:pypi/y - Unpinned via=[]"
        );
    }

    #[test]
    fn conda_says_what_it_installed() {
        let text = r#"{"name": "pytorch", "version": "2.2.0", "build": "py3", "channel": "https://conda.anaconda.org/pytorch/linux-64", "sha256": "aa", "md5": "bb"}"#;
        assert_eq!(
            rows("env/conda-meta/pytorch-2.2.0-py3.json", text),
            "pkg:conda/pytorch@2.2.0 - Exact via=[]"
        );
        assert_eq!(
            rows("conda-meta/x.json", "{}"),
            "problem: a record of conda without a name"
        );
        assert!(rows("conda-meta/x.json", "{").starts_with("problem: not JSON"));
    }

    proptest! {
        #[test]
        fn never_panics(path in "(a-1|/|!/|METADATA|PKG-INFO|\\.dist-info|\\.egg-info|conda-meta|\\.json|\\.whl|requires.txt){0,8}", text in "(Name: |a|\n|\\{|\"name\"|:|\\})\\PC{0,20}") {
            let _ = rows(&path, &text);
        }
    }
}
