//! Every format that wellhead can name, as a table of static values.
//!
//! A format that is recognised but not read yet stands here too: its artifacts end as "not analysed, recognised as
//! GGUF", never as clean. The table decides nothing about a file; `identify` does, by content.

pub mod table;

pub use table::FORMATS;

use std::fmt;

/// What kind of thing a format holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Weights, graphs, or objects that a framework loads.
    Model,
    /// A container of other artifacts, or one compressed artifact.
    Archive,
    /// An installable package.
    Package,
    /// Tables and arrays without a loader that runs code.
    Data,
    /// Program text.
    Source,
    /// Configuration and prose.
    Text,
    /// Pictures, sound, video, fonts, documents for people.
    Media,
    /// Native programs and libraries.
    Executable,
    /// None of those known.
    Unknown,
}

/// How far wellhead reads a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Support {
    /// It is opened into a document.
    Opened,
    /// Nothing in it is run by what loads it; recognising it is enough.
    Inert,
    /// It is recognised and not read yet.
    Unread,
}

/// One format.
#[derive(Debug)]
pub struct Format {
    /// The name in machine formats: `torch-zip`.
    pub name: &'static str,
    /// The name for people: "PyTorch checkpoint".
    pub title: &'static str,
    /// What kind of thing it holds.
    pub family: Family,
    /// Extensions that promise it, in lower case, without the dot.
    pub extensions: &'static [&'static str],
    /// Whole file names that promise it, in lower case.
    pub names: &'static [&'static str],
    /// Whether its usual loader runs code that the file names or brings.
    pub runs_code_on_load: bool,
    /// How far it is read.
    pub support: Support,
    /// What it is, who loads it and what that may do: a few sentences for the reference.
    pub about: &'static str,
    /// What loading it does and what is read of it: Markdown that opens with `# ` and the title.
    pub page: Option<&'static str>,
}

impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Format {}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.title)
    }
}

impl Format {
    /// The format of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        FORMATS.iter().copied().find(|f| f.name == name)
    }

    /// The title with its article, for sentences: "an ELF program", "a Python pickle".
    pub fn with_article(&self) -> String {
        // By sound: "an ELF program" and "an ONNX model", but "a Unix archive".
        let first = self.title.chars().next().unwrap_or(' ');
        let spelled = ["ELF", "HTML", "XML", "XZ", "HDF5", "MP3", "MP4", "LZ", "R data"];
        let vowel = matches!(first.to_ascii_lowercase(), 'a' | 'e' | 'i' | 'o')
            || spelled.iter().any(|p| self.title.starts_with(p));
        format!("{} {}", if vowel { "an" } else { "a" }, self.title)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_kebab_case() {
        let mut seen = BTreeSet::new();
        for f in FORMATS {
            assert!(seen.insert(f.name), "{} stands twice", f.name);
            assert!(
                f.name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                "{}",
                f.name
            );
            assert!(f.about.ends_with('.'), "{}", f.name);
            assert_eq!(Format::named(f.name), Some(*f));
            for text in f.extensions.iter().chain(f.names) {
                assert_eq!(*text, text.to_lowercase(), "{}", f.name);
            }
        }
    }

    #[test]
    fn pages_have_their_sections_in_order() {
        const HEADINGS: [&str; 4] = [
            "## What loading it does",
            "## What is read",
            "## What is not",
            "## Sources",
        ];
        for f in FORMATS {
            let Some(page) = f.page else {
                let wanted = f.family == Family::Model && f.support == Support::Opened;
                assert!(!wanted, "{} has no page", f.name);
                continue;
            };
            assert!(page.starts_with(&format!("# {}\n", f.title)), "{}", f.name);
            let mut at = 0;
            for heading in HEADINGS {
                let found = page.find(&format!("\n{heading}\n"));
                assert!(found.is_some_and(|i| i >= at), "{}: `{heading}`", f.name);
                at = found.unwrap_or(at);
            }
        }
    }

    #[test]
    fn articles_follow_the_sound() {
        assert_eq!(table::ELF.with_article(), "an ELF program or library");
        assert_eq!(table::ONNX.with_article(), "an ONNX model");
        assert_eq!(table::PICKLE.with_article(), "a Python pickle");
        assert_eq!(table::HDF5.with_article(), "an HDF5 file");
        assert_eq!(table::UNKNOWN.with_article(), "a file of unknown format");
    }
}
