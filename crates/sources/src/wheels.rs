//! Where wheels are to be had from: a folder, or an index of the simple kind.

use crate::{Network, Target, TargetError, WalkOptions, file, find};
use std::{path::PathBuf, sync::Arc};
use wellhead_core::Blob;

/// Largest page of an index that is read; that of the package with the most files has some megabytes.
const MAX_PAGE: usize = 64 << 20;

/// A place that has wheels.
#[derive(Clone, Debug)]
pub enum Wheels {
    /// A folder of them.
    Folder(PathBuf),
    /// An index: its address, and the network to ask.
    Index(String, Arc<Network>),
}

impl Wheels {
    /// The place that was typed: an address, or a folder.
    pub fn parse(text: &str, network: &Arc<Network>) -> Self {
        if text.starts_with("https://") || text.starts_with("http://") {
            return Self::Index(text.trim_end_matches('/').to_owned(), Arc::clone(network));
        }
        Self::Folder(PathBuf::from(text))
    }

    /// The names of the files of a folder; none for an index.
    pub fn names(&self) -> Vec<String> {
        let Self::Folder(folder) = self else {
            return Vec::new();
        };
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.filter_map(|e| e.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// The page of an index about a project; `None` for a folder.
    ///
    /// # Errors
    /// Why it cannot be had.
    pub fn page(&self, project: &str) -> Result<Option<String>, String> {
        let Self::Index(url, network) = self else {
            return Ok(None);
        };
        let blob = ask(&format!("{url}/{project}/"), network)?;
        let bytes = blob.bytes(0, MAX_PAGE).map_err(|e| file::words(&e))?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// A wheel: by its name in a folder, by the address that the page of `project` gives in an index.
    ///
    /// # Errors
    /// Why it cannot be had.
    pub fn open(&self, project: &str, place: &str) -> Result<Blob, String> {
        match self {
            Self::Folder(folder) => file::open(&folder.join(place)).map_err(|e| file::words(&e)),
            Self::Index(url, network) => ask(&joined(&format!("{url}/{project}/"), place), network),
        }
    }
}

fn ask(url: &str, network: &Arc<Network>) -> Result<Blob, String> {
    let failed = |e: TargetError| e.to_string();
    let target = Target::parse(url).map_err(failed)?;
    let found = find(&target, WalkOptions::default(), network).map_err(failed)?;
    found
        .entries
        .first()
        .ok_or_else(|| "nothing was sent".to_owned())?
        .open()
}

/// An address of a page as seen from that page.
fn joined(page: &str, place: &str) -> String {
    if place.contains("://") {
        return place.to_owned();
    }
    let origin = page
        .find("://")
        .and_then(|at| page.get(at.saturating_add(3)..))
        .and_then(|rest| rest.find('/'))
        .and_then(|at| page.get(..page.find("://")?.saturating_add(3).saturating_add(at)))
        .unwrap_or(page);
    if let Some(rest) = place.strip_prefix('/') {
        return format!("{origin}/{rest}");
    }
    let below = page.get(origin.len()..).unwrap_or_default();
    let mut parts: Vec<&str> = below.split('/').filter(|p| !p.is_empty()).collect();
    for part in place.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("{origin}/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_from_their_page() {
        let page = "https://h.example/simple/acme/";
        for (place, expected) in [
            ("../../packages/a.whl", "https://h.example/packages/a.whl"),
            ("/files/a.whl", "https://h.example/files/a.whl"),
            ("a.whl", "https://h.example/simple/acme/a.whl"),
            ("https://f.example/a.whl", "https://f.example/a.whl"),
        ] {
            assert_eq!(joined(page, place), expected);
        }
    }
}
