//! Files that are read together, as one text.
//!
//! Who reaches a service is said in other files than what it runs: a Deployment, its Service and its Ingress lie in
//! three. The one decision: all files stand behind each other in one text, so that a place is a range of bytes wherever
//! it is, and what is joined over files needs no second kind of place.

use std::ops::Range;
use wellhead_core::{Budget, Exhausted};

/// Several files as one text.
#[derive(Clone, Debug, Default)]
pub struct FileSet {
    text: String,
    files: Vec<File>,
}

/// One file of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path below the target, parts divided by `/`.
    pub path: String,
    /// Its bytes in the text of the set.
    pub span: Range<usize>,
}

impl FileSet {
    /// Adds a file behind those that are there.
    ///
    /// # Errors
    /// When the texts become too large together.
    pub fn add(&mut self, path: &str, text: &str, budget: &mut Budget) -> Result<(), Exhausted> {
        budget.memory((text.len() as u64).saturating_add(64))?;
        budget.steps((text.len() as u64) >> 3)?;
        let start = self.text.len();
        self.text.push_str(text);
        self.files.push(File {
            path: normal(path),
            span: start..self.text.len(),
        });
        // No place reaches from one file into the next.
        self.text.push('\n');
        Ok(())
    }

    /// All texts behind each other.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The files in the order in which they were added.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// The text of a place.
    pub fn slice(&self, span: &Range<usize>) -> &str {
        self.text.get(span.clone()).unwrap_or_default()
    }

    /// The file that a byte lies in.
    pub fn at(&self, byte: usize) -> Option<&File> {
        let i = self.files.partition_point(|f| f.span.end < byte);
        self.files.get(i).filter(|f| f.span.start <= byte)
    }

    /// The file of a place, and the place in the file's own bytes.
    pub fn locate(&self, span: &Range<usize>) -> Option<(&File, Range<usize>)> {
        let file = self.at(span.start)?;
        let start = span.start.saturating_sub(file.span.start);
        let end = span.end.min(file.span.end).saturating_sub(file.span.start);
        Some((file, start..end.max(start)))
    }

    /// The same with the number of the file in the order in which they were added.
    pub fn position(&self, span: &Range<usize>) -> Option<(usize, &File, Range<usize>)> {
        let (file, inner) = self.locate(span)?;
        let i = self.files.partition_point(|f| f.span.end < span.start);
        Some((i, file, inner))
    }

    /// The file with that path.
    pub fn find(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|f| f.path == path)
    }
}

/// The folder of a path; empty at the top.
pub(crate) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// What `relative` names, seen from a folder; `None` where it leaves the tree, is absolute or an address.
pub(crate) fn resolve(folder: &str, relative: &str) -> Option<String> {
    if relative.starts_with(['/', '~']) || relative.contains("://") || relative.contains('\\') {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|p| !p.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn normal(path: &str) -> String {
    resolve("", &path.replace('\\', "/")).unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_leads_back_to_its_file() {
        let mut files = FileSet::default();
        let mut budget = Budget::default();
        files.add("a/x.yaml", "one", &mut budget).unwrap();
        files.add("./b.yaml", "", &mut budget).unwrap();
        files.add("c.yaml", "three", &mut budget).unwrap();
        let at = |span: Range<usize>| {
            let (file, inner) = files.locate(&span).unwrap();
            (file.path.as_str(), inner)
        };
        assert_eq!(at(1..3), ("a/x.yaml", 1..3));
        assert_eq!(at(4..4), ("b.yaml", 0..0));
        assert_eq!(at(5..99), ("c.yaml", 0..5));
        assert!(files.locate(&(99..100)).is_none());
    }

    #[test]
    fn a_path_never_leaves_the_tree() {
        assert_eq!(resolve("a/b", "../c/./d").as_deref(), Some("a/c/d"));
        assert_eq!(resolve("a", ".."), Some(String::new()));
        for outside in ["../../x", "/etc/passwd", "~/x", "https://h.example/x", "c:\\x"] {
            assert_eq!(resolve("a", outside), None, "{outside}");
        }
    }
}
