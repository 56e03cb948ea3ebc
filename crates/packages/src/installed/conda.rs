//! `conda-meta/*.json`: what conda wrote down when it linked a package into a prefix.

use wellhead_core::{Budget, Exhausted};
use wellhead_formats::text::{Node, json};

/// A package that conda installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CondaPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The channel, as written.
    pub channel: Option<String>,
    /// The address of its archive, without credentials.
    pub url: Option<String>,
    /// The SHA-256 of its archive.
    pub sha256: Option<String>,
    /// Its files.
    pub files: Vec<CondaFile>,
    /// Whether digests of the files were written down.
    pub has_paths: bool,
}

/// A file of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CondaFile {
    /// The path below the prefix.
    pub path: String,
    /// The digest that the installed file must have; `None` for links, compiled files and files into which the prefix
    /// was written without that a digest of the result was.
    pub sha256: Option<[u8; 32]>,
    /// The size that the installed file must have, where it is that of the archive.
    pub size: Option<u64>,
}

/// Reads a record of conda; `None` where it is none.
///
/// # Errors
/// Where the text is no JSON, or costs too much.
pub fn read_conda_meta(text: &str, budget: &mut Budget) -> Result<Option<CondaPackage>, String> {
    let root = json(text, budget).map_err(|e| e.to_string())?;
    let string = |key: &str| root.get(key).and_then(Node::as_str).map(str::to_owned);
    let (Some(name), Some(version)) = (string("name"), string("version")) else {
        return Ok(None);
    };
    let paths = root.path(&["paths_data", "paths"]).map_or(&[][..], Node::items);
    let has_paths = !paths.is_empty();
    let files = files(&root, paths, budget).map_err(|e| e.to_string())?;
    Ok(Some(CondaPackage {
        name,
        version,
        channel: string("channel").map(|c| crate::index::mask(&c).text.into_owned()),
        url: string("url").map(|u| crate::index::mask(&u).text.into_owned()),
        sha256: string("sha256"),
        files,
        has_paths,
    }))
}

fn files(root: &Node, paths: &[Node], budget: &mut Budget) -> Result<Vec<CondaFile>, Exhausted> {
    let mut files = Vec::new();
    for node in paths {
        let Some(path) = node.get("_path").and_then(Node::as_str) else {
            continue;
        };
        budget.memory((path.len() as u64).saturating_add(80))?;
        let hex = |key: &str| node.get(key).and_then(Node::as_str).and_then(digest);
        let linked = node.get("path_type").and_then(Node::as_str) == Some("softlink");
        let rewritten = node.get("prefix_placeholder").is_some();
        let sha256 = match hex("sha256_in_prefix") {
            Some(installed) => Some(installed),
            None if rewritten => None,
            None => hex("sha256"),
        };
        files.push(CondaFile {
            path: path.to_owned(),
            sha256: sha256.filter(|_| !linked),
            size: node
                .get("size_in_bytes")
                .and_then(Node::as_i64)
                .and_then(|n| u64::try_from(n).ok())
                .filter(|_| !rewritten && !linked),
        });
    }
    if paths.is_empty() {
        for path in root
            .get("files")
            .map_or(&[][..], Node::items)
            .iter()
            .filter_map(Node::as_str)
        {
            budget.memory((path.len() as u64).saturating_add(80))?;
            files.push(CondaFile {
                path: path.to_owned(),
                sha256: None,
                size: None,
            });
        }
    }
    Ok(files)
}

fn digest(hex: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (to, pair) in out.iter_mut().zip(hex.as_bytes().chunks(2)) {
        *to = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_hold_the_prefix_are_measured_by_what_was_installed() {
        let zero = "0".repeat(64);
        let one = "1".repeat(64);
        let text = format!(
            r#"{{"name":"x","version":"1","channel":"https://c.example/t/tk-123/main","paths_data":{{"paths":[
              {{"_path":"bin/a","path_type":"hardlink","sha256":"{zero}","sha256_in_prefix":"{one}","prefix_placeholder":"/opt/p","size_in_bytes":3}},
              {{"_path":"bin/b","path_type":"hardlink","sha256":"{zero}","prefix_placeholder":"/opt/p"}},
              {{"_path":"lib/c","path_type":"hardlink","sha256":"{zero}","size_in_bytes":7}},
              {{"_path":"lib/d","path_type":"softlink","sha256":"{zero}"}}]}}}}"#
        );
        let package = read_conda_meta(&text, &mut Budget::default()).unwrap().unwrap();
        let shown: Vec<_> = package
            .files
            .iter()
            .map(|f| (f.path.as_str(), f.sha256.map(|d| d[0]), f.size))
            .collect();
        assert_eq!(
            shown,
            [
                ("bin/a", Some(0x11), None),
                ("bin/b", None, None),
                ("lib/c", Some(0), Some(7)),
                ("lib/d", None, None)
            ]
        );
        assert_eq!(read_conda_meta("{}", &mut Budget::default()), Ok(None));
        assert!(read_conda_meta("{", &mut Budget::default()).is_err());
    }
}
