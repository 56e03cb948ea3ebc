//! Where a thing lies, also inside other things: `models/resnet.pt!/archive/data.pkl`.

use crate::untrusted::escape;
use std::fmt;

/// A path relative to the target, and below it the names of the members on the way down.
///
/// Names are kept as they are and escaped when shown. A separator inside a member's name cannot be mistaken for
/// nesting here, since the parts are kept apart; it can in the shown form, which is for people.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct ArtifactPath {
    file: String,
    members: Vec<String>,
}

impl ArtifactPath {
    /// A file, by its `/`-separated path relative to the target.
    pub fn file(path: impl Into<String>) -> Self {
        Self {
            file: path.into(),
            members: Vec::new(),
        }
    }

    /// The same place, one member deeper.
    #[must_use]
    pub fn member(&self, name: impl Into<String>) -> Self {
        let mut members = self.members.clone();
        members.push(name.into());
        Self {
            file: self.file.clone(),
            members,
        }
    }

    /// Reads the shown form back: `file!/member!/member`.
    pub fn parse(shown: &str) -> Self {
        let mut parts = shown.split("!/").map(str::to_owned);
        Self {
            file: parts.next().unwrap_or_default(),
            members: parts.collect(),
        }
    }

    /// The file below the target that holds the artifact, unescaped.
    pub fn top(&self) -> &str {
        &self.file
    }

    /// How many containers lie round it: 0 for a file.
    pub fn nesting(&self) -> usize {
        self.members.len()
    }

    /// The innermost path: the member's name, or the file's path.
    pub fn leaf(&self) -> &str {
        self.members.last().unwrap_or(&self.file)
    }

    /// The innermost name without its folders.
    pub fn name(&self) -> &str {
        self.leaf().rsplit(['/', '\\']).next().unwrap_or_default()
    }

    /// The container, if the artifact is a member.
    pub fn parent(&self) -> Option<Self> {
        let (_, rest) = self.members.split_last()?;
        Some(Self {
            file: self.file.clone(),
            members: rest.to_vec(),
        })
    }
}

impl fmt::Display for ArtifactPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape(&self.file))?;
        for member in &self.members {
            write!(f, "!/{}", escape(member))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_shown_after_a_bang() {
        let path = ArtifactPath::file("models/m.pt").member("archive/data.pkl");
        assert_eq!(path.to_string(), "models/m.pt!/archive/data.pkl");
        assert_eq!(path.name(), "data.pkl");
        assert_eq!(path.parent(), Some(ArtifactPath::file("models/m.pt")));
        assert_eq!(ArtifactPath::parse(&path.to_string()), path);
    }

    #[test]
    fn hostile_names_are_shown_escaped() {
        let path = ArtifactPath::file("a\x1b[2J.zip").member("x\ny");
        assert_eq!(path.to_string(), "a\\x1b[2J.zip!/x\\ny");
    }
}
