//! Container images: which layers make one, in which order, and what of a lower layer an upper one takes away.
//!
//! Nothing is unpacked. A layer is kept as the few names that decide, and what is installed in the end is what no
//! later layer removes, replaces or covers.

use std::{collections::BTreeSet, ops::Range};
use wellhead_core::{Budget, Exhausted};
use wellhead_formats::text::{Node, Value};

use crate::manifest::InstalledFile;

/// A document that says what an image is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageDocument {
    /// `manifest.json` of `docker save`.
    Saved(Vec<SavedImage>),
    /// `index.json` of an OCI layout, or an index below it.
    Index(Vec<Descriptor>),
    /// The manifest of one OCI image.
    Manifest(Vec<Descriptor>),
    /// The configuration of an image: the digests of its layers as they are unpacked, the lowest first; hostile text.
    Config(Vec<String>),
}

/// An image that `docker save` wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedImage {
    /// Its first tag; hostile text.
    pub name: Option<String>,
    /// The path of its configuration; hostile text.
    pub config: String,
    /// The names of its layers in the archive, the lowest first.
    pub layers: Vec<Descriptor>,
}

/// A reference to something that lies in the layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Its path in the layout; hostile text.
    pub path: String,
    /// Its media type; hostile text.
    pub media: String,
    /// The name that annotations give it; hostile text.
    pub name: Option<String>,
    /// What it runs on, as `linux/arm64`; hostile text.
    pub platform: Option<String>,
    /// Whether it says something about an image and is none.
    pub attestation: bool,
    /// Where it is named.
    pub span: Range<usize>,
}

impl ImageDocument {
    /// Reads a document of an image; `None` where it is none.
    pub fn read(root: &Node) -> Option<Self> {
        if let Value::Array(items) = &root.value {
            let images: Option<Vec<_>> = items.iter().map(saved).collect();
            return images.filter(|i| !i.is_empty()).map(Self::Saved);
        }
        if let Some(digests) = root.path(&["rootfs", "diff_ids"]) {
            let digests = digests.items().iter();
            let text = |n: &Node| n.as_str().unwrap_or_default().to_owned();
            return Some(Self::Config(digests.map(text).collect()));
        }
        root.get("schemaVersion")?;
        let list = |key: &str| {
            root.get(key)
                .map(|n| n.items().iter().filter_map(descriptor).collect())
        };
        if let Some(layers) = list("layers") {
            root.get("config")?;
            return Some(Self::Manifest(layers));
        }
        list("manifests").map(Self::Index)
    }
}

fn saved(node: &Node) -> Option<SavedImage> {
    let layers = node.get("Layers")?.items();
    let config = node.get("Config")?.as_str().unwrap_or_default().to_owned();
    Some(SavedImage {
        config,
        name: node
            .get("RepoTags")
            .and_then(|t| t.items().first())
            .and_then(Node::as_str)
            .map(str::to_owned),
        layers: layers
            .iter()
            .filter_map(|n| {
                Some(Descriptor {
                    path: n.as_str()?.to_owned(),
                    media: String::new(),
                    name: None,
                    platform: None,
                    attestation: false,
                    span: n.span.clone(),
                })
            })
            .collect(),
    })
}

fn descriptor(node: &Node) -> Option<Descriptor> {
    let digest = node.get("digest")?;
    let (algorithm, hex) = digest.as_str()?.split_once(':')?;
    let annotation = |key: &str| {
        node.get("annotations")
            .and_then(|a| a.get(key))
            .and_then(Node::as_str)
    };
    Some(Descriptor {
        path: format!("blobs/{algorithm}/{hex}"),
        media: node
            .get("mediaType")
            .and_then(Node::as_str)
            .unwrap_or_default()
            .to_owned(),
        name: annotation("org.opencontainers.image.ref.name")
            .or_else(|| annotation("io.containerd.image.name"))
            .map(str::to_owned),
        platform: node.get("platform").and_then(|p| {
            let part = |key: &str| p.get(key).and_then(Node::as_str);
            let variant = part("variant").map(|v| format!("/{v}")).unwrap_or_default();
            Some(format!("{}/{}{variant}", part("os")?, part("architecture")?))
        }),
        attestation: annotation("vnd.docker.reference.type").is_some(),
        span: digest.span.clone(),
    })
}

/// The digest that the name of a blob in a layout states, in hexadecimal digits.
pub fn stated_digest(path: &str) -> Option<String> {
    let path = normal(path);
    let hex = path
        .strip_prefix("blobs/sha256/")
        .or_else(|| path.split_once("/blobs/sha256/").map(|(_, hex)| hex))?;
    let is_hex = hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit());
    is_hex.then(|| hex.to_ascii_lowercase())
}

/// What of a layer decides what is installed in the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layer {
    /// Paths that it removes from the layers below.
    removed: BTreeSet<String>,
    /// Folders of which it hides all that lies below.
    opaque: BTreeSet<String>,
    /// Paths at which it has something that covers what lies below.
    covers: BTreeSet<String>,
    /// Databases of packages of the system that it holds.
    pub system: BTreeSet<&'static str>,
}

/// Where package managers of systems keep what they installed.
const SYSTEM: &[(&str, &str)] = &[
    ("var/lib/dpkg/status", "dpkg"),
    ("var/lib/dpkg/status.d", "dpkg"),
    ("lib/apk/db/installed", "apk"),
    ("var/lib/rpm", "rpm"),
    ("usr/lib/sysimage/rpm", "rpm"),
];

impl Layer {
    /// Takes an entry of the layer.
    ///
    /// # Errors
    /// When it costs too much.
    pub fn entry(
        &mut self,
        name: &str,
        folder: bool,
        link: bool,
        budget: &mut Budget,
    ) -> Result<(), Exhausted> {
        let path = normal(name);
        budget.steps((path.len() as u64).saturating_add(16))?;
        let (above, last) = path.rsplit_once('/').unwrap_or(("", &path));
        for (at, manager) in SYSTEM {
            if path == *at || path.strip_prefix(at).is_some_and(|r| r.starts_with('/')) {
                self.system.insert(manager);
            }
        }
        let cost = (path.len() as u64).saturating_add(64);
        if last == ".wh..wh..opq" {
            budget.memory(cost)?;
            self.opaque.insert(above.to_owned());
        } else if last.starts_with(".wh..wh.") {
            // What the file system itself keeps.
        } else if let Some(gone) = last.strip_prefix(".wh.") {
            budget.memory(cost)?;
            let gone = if above.is_empty() {
                gone.to_owned()
            } else {
                format!("{above}/{gone}")
            };
            self.removed.insert(gone);
        } else if !folder && (link || InstalledFile::of(&path).is_some() || holds_metadata(last)) {
            budget.memory(cost)?;
            self.covers.insert(path);
        }
        Ok(())
    }

    /// Whether a file of a lower layer is no longer there, or another one stands in its place.
    fn hides(&self, path: &str) -> bool {
        if self.removed.contains(path) || self.covers.contains(path) || self.opaque.contains("") {
            return true;
        }
        let above = path.match_indices('/').filter_map(|(i, _)| path.get(..i));
        above.into_iter().any(|folder| {
            self.removed.contains(folder) || self.opaque.contains(folder) || self.covers.contains(folder)
        })
    }
}

/// Whether a file of this name stands where a folder of metadata would.
fn holds_metadata(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    [
        ".dist-info",
        ".egg-info",
        ".egg",
        "egg-info",
        "conda-meta",
        "site-packages",
        "dist-packages",
    ]
    .iter()
    .any(|end| lower.ends_with(end))
}

/// Whether a file of the layer at `index` is there in the end. `layers` are from the lowest to the highest; one that
/// could not be read hides nothing.
pub fn is_there(path: &str, index: usize, layers: &[Option<&Layer>]) -> bool {
    let path = normal(path);
    let above = layers.iter().skip(index.saturating_add(1)).flatten();
    !above.into_iter().any(|layer| layer.hides(&path))
}

/// A name in an archive as a path from the root of the image.
pub fn normal(name: &str) -> String {
    let parts = name.split('/').filter(|p| !p.is_empty() && *p != ".");
    parts.collect::<Vec<_>>().join("/")
}

/// What the configuration of an image says of installing: variables, and the commands of its history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageConfig {
    /// `NAME=value` with the bytes of the value in the text.
    pub variables: Vec<(String, String, Range<usize>)>,
    /// Scripts that made layers, with their bytes.
    pub scripts: Vec<(String, Range<usize>)>,
}

impl ImageConfig {
    /// Reads the configuration of an image; `None` where it is none.
    pub fn read(root: &Node) -> Option<Self> {
        root.get("rootfs").filter(|r| r.get("diff_ids").is_some())?;
        let mut out = Self::default();
        let env = root.path(&["config", "Env"]).map_or(&[][..], Node::items);
        for node in env {
            if let Some((name, value)) = node.as_str().and_then(|t| t.split_once('=')) {
                out.variables
                    .push((name.to_owned(), value.to_owned(), value_span(node, value)));
            }
        }
        for step in root.get("history").map_or(&[][..], Node::items) {
            let Some(node) = step.get("created_by") else {
                continue;
            };
            let Some(text) = node.as_str() else { continue };
            let text = text.strip_prefix("RUN ").unwrap_or(text);
            let (arguments, script) = match text.split_once("/bin/sh -c ") {
                Some((arguments, script)) => (arguments, script),
                None => ("", text),
            };
            if script.trim_start().starts_with("#(nop)") {
                continue;
            }
            // `|2 NAME=value OTHER=value`: the arguments of the build, which stay readable for ever.
            for word in arguments
                .split_whitespace()
                .skip(1)
                .filter(|_| arguments.starts_with('|'))
            {
                if let Some((name, value)) = word.split_once('=') {
                    out.variables
                        .push((name.to_owned(), value.to_owned(), node.span.clone()));
                }
            }
            out.scripts.push((script.to_owned(), node.span.clone()));
        }
        Some(out)
    }
}

/// The bytes of the end of a string, where it is written without escapes.
fn value_span(node: &Node, value: &str) -> Range<usize> {
    let end = node.span.end.saturating_sub(1);
    let start = end.saturating_sub(value.len()).max(node.span.start);
    start..end.max(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use wellhead_formats::text::json;

    fn layer(names: &[&str]) -> Layer {
        let mut layer = Layer::default();
        for name in names {
            let link = name.contains("->");
            let name = name.split("->").next().unwrap();
            layer
                .entry(name, name.ends_with('/'), link, &mut Budget::default())
                .unwrap();
        }
        layer
    }

    #[test]
    fn upper_layers_remove_replace_and_cover() {
        let path = "usr/lib/site-packages/a-1.dist-info/METADATA";
        for (upper, there) in [
            (vec![], true),
            (vec!["usr/lib/site-packages/b-1.dist-info/METADATA"], true),
            (vec!["usr/lib/site-packages/.wh.a-1.dist-info"], false),
            (vec!["./usr/lib/.wh.site-packages"], false),
            (vec!["usr/lib/site-packages/a-1.dist-info/.wh.METADATA"], false),
            (vec!["usr/lib/site-packages/.wh.a-1.dist"], true),
            (vec!["usr/lib/site-packages/.wh..wh..opq"], false),
            (vec!["usr/lib/site-packages/.wh..wh.plnk"], true),
            (vec![".wh..wh..opq"], false),
            (vec!["usr/lib/other/.wh..wh..opq"], true),
            (vec!["/usr/lib/site-packages/a-1.dist-info/METADATA"], false),
            (vec!["usr/lib/site-packages/"], true),
            (vec!["usr/lib->/opt"], false),
            (vec!["usr/lib/site-packages/a-1.dist-info"], false),
        ] {
            let (low, high) = (layer(&[path]), layer(&upper));
            assert_eq!(is_there(path, 0, &[Some(&low), Some(&high)]), there, "{upper:?}");
            assert_eq!(
                is_there(path, 0, &[Some(&low), None, Some(&high)]),
                there,
                "{upper:?}"
            );
            // Marks of a layer are about those below it.
            let both: Vec<&str> = upper.iter().copied().chain([path]).collect();
            assert!(is_there(path, 1, &[Some(&low), Some(&layer(&both))]), "{upper:?}");
        }
    }

    #[test]
    fn documents_are_told_by_their_content() {
        let read = |text: &str| ImageDocument::read(&json(text, &mut Budget::default()).unwrap());
        assert!(matches!(
            read(r#"[{"Config": "c.json", "RepoTags": ["a:1"], "Layers": ["x/layer.tar"]}]"#),
            Some(ImageDocument::Saved(i)) if i[0].layers[0].path == "x/layer.tar"
        ));
        assert!(matches!(
            read(r#"{"schemaVersion": 2, "manifests": [{"digest": "sha256:aa", "mediaType": "m"}]}"#),
            Some(ImageDocument::Index(d)) if d[0].path == "blobs/sha256/aa"
        ));
        assert!(matches!(
            read(r#"{"schemaVersion": 2, "config": {}, "layers": [{"digest": "sha256:aa"}]}"#),
            Some(ImageDocument::Manifest(_))
        ));
        assert_eq!(
            read(r#"{"rootfs": {"type": "layers", "diff_ids": ["sha256:aa"]}}"#),
            Some(ImageDocument::Config(vec!["sha256:aa".to_owned()]))
        );
        assert!(matches!(
            read(r#"{"schemaVersion": 2, "manifests": [{"digest": "sha256:aa", "platform": {"os": "linux", "architecture": "arm", "variant": "v7"}}]}"#),
            Some(ImageDocument::Index(d)) if d[0].platform.as_deref() == Some("linux/arm/v7")
        ));
        for text in [
            "[]",
            "[1]",
            "{}",
            r#"{"manifests": []}"#,
            r#"{"schemaVersion": 2}"#,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn names_of_blobs_state_digests() {
        let hex = "aB".repeat(32);
        let lower = hex.to_lowercase();
        for (path, digest) in [
            (format!("blobs/sha256/{hex}"), Some(lower.as_str())),
            (format!("./x/blobs/sha256/{hex}"), Some(lower.as_str())),
            (format!("blobs/sha512/{hex}"), None),
            (format!("blobs/sha256/{hex}/layer.tar"), None),
            (format!("notblobs/sha256/{hex}"), None),
            ("blobs/sha256/aa".to_owned(), None),
        ] {
            assert_eq!(stated_digest(&path).as_deref(), digest, "{path}");
        }
    }

    #[test]
    fn configurations_show_what_builds_were_given() {
        let text = r#"{"rootfs": {"diff_ids": []}, "config": {"Env": ["PIP_INDEX_URL=https://i.example/simple"]},
            "history": [{"created_by": "/bin/sh -c #(nop) CMD [\"x\"]"},
                        {"created_by": "RUN |1 PIP_EXTRA_INDEX_URL=https://u:p@x.example/s /bin/sh -c pip install a # buildkit"}]}"#;
        let config = ImageConfig::read(&json(text, &mut Budget::default()).unwrap()).unwrap();
        let names: Vec<_> = config.variables.iter().map(|v| v.0.as_str()).collect();
        assert_eq!(names, ["PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"]);
        assert_eq!(&text[config.variables[0].2.clone()], "https://i.example/simple");
        assert_eq!(config.scripts[0].0, "pip install a # buildkit");
    }

    proptest! {
        #[test]
        fn never_panics(names in proptest::collection::vec("(/|\\.|\\.wh\\.|\\.wh\\.\\.wh\\.\\.opq|a|METADATA|x.dist-info){0,6}", 0..6)) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let l = layer(&names);
            for name in &names {
                let _ = is_there(name, 0, &[None, Some(&l)]);
            }
        }
    }
}
