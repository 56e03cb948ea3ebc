//! `models.lock`: which bytes a project's models and data sets were when somebody last looked.
//!
//! A lock of packages says nothing about the models that the code fetches by name. This one holds the commit of every
//! such repository and the SHA-256 of every file in it. The one decision: reading is strict about what this version
//! knows and keeps what it does not. A lock that is damaged proves nothing, so it is an error and never a shorter lock;
//! keys that later versions add (who signed what) survive being read and written by this one.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    ops::Range,
};
use wellhead_core::{Budget, code};
use wellhead_formats::text::{self, Node, Value};

/// The name of the file.
pub const MODELS_LOCK: &str = "models.lock";
/// The version of the format that this program writes, and the newest that it reads.
pub const VERSION: i64 = 1;

/// What a hub calls the things it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RepositoryKind {
    /// A model.
    Model,
    /// A data set.
    Dataset,
}

impl RepositoryKind {
    /// The name of its table in the lock.
    pub fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Dataset => "dataset",
        }
    }
}

/// Where the list of files came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ListedBy {
    /// The hub: all files of the commit.
    Hub,
    /// The cache on disk: those that had been downloaded.
    Cache,
}

impl ListedBy {
    /// The name in the lock.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hub => "hub",
            Self::Cache => "cache",
        }
    }
}

/// Keys that this version does not know: each with its value as TOML.
pub type Extra = BTreeMap<String, String>;

/// A whole lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelsLock {
    /// Repositories of a hub, sorted by kind, name and revision.
    pub repositories: Vec<LockedRepository>,
    /// Files of the project itself, sorted by path.
    pub files: Vec<LockedLocal>,
    /// Loads that could not be locked.
    pub unresolved: Vec<Unresolved>,
    /// Keys of later versions.
    pub extra: Extra,
}

/// A repository at one commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedRepository {
    /// What it is.
    pub kind: RepositoryKind,
    /// `org/name`.
    pub name: String,
    /// The commit.
    pub revision: String,
    /// The revisions by which the project asks for it.
    pub requested: BTreeSet<String>,
    /// Where the list of files came from.
    pub listed_by: ListedBy,
    /// Whether the project asks for all of its files.
    pub complete: bool,
    /// The files of the project that load it.
    pub loaded_by: BTreeSet<String>,
    /// Its files, sorted by path.
    pub files: Vec<LockedFile>,
    /// Keys of later versions.
    pub extra: Extra,
}

/// One file of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedFile {
    /// Its path in the repository.
    pub path: String,
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256 in lower-case hexadecimal digits.
    pub sha256: String,
    /// Whether the project asks for it by name.
    pub asked: bool,
    /// Keys of later versions.
    pub extra: Extra,
}

/// A file of the project that its code loads by path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedLocal {
    /// Its path from the folder of the lock.
    pub path: String,
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: String,
    /// The files of the project that load it.
    pub loaded_by: BTreeSet<String>,
    /// Keys of later versions.
    pub extra: Extra,
}

/// A load of which the lock proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unresolved {
    /// Where it stands: `train.py:12`.
    pub place: String,
    /// What loads.
    pub by: String,
    /// The name, where it is known.
    pub name: Option<String>,
    /// Why, in a few words.
    pub why: String,
}

impl Unresolved {
    /// What stays the same when lines move.
    pub fn key(&self) -> (&str, &str, Option<&str>, &str) {
        let file = self
            .place
            .rsplit_once(':')
            .map_or(self.place.as_str(), |(f, _)| f);
        (file, &self.by, self.name.as_deref(), &self.why)
    }
}

/// Why a text is no lock of models.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LockError {
    /// What is wrong, without a full stop; safe to show.
    pub message: String,
    /// The bytes where it is.
    pub span: Range<usize>,
}

/// Whether a text is 40 lower-case hexadecimal digits.
pub fn is_commit(text: &str) -> bool {
    is_hex(text, 40)
}

fn is_hex(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a path stays below the folder that it is taken from.
pub fn stays_inside(path: &str) -> bool {
    !path.is_empty()
        && !path.starts_with('/')
        && !path.contains(['\\', '\0'])
        && !path.split('/').any(|part| matches!(part, "" | "." | ".."))
        && path.as_bytes().get(1) != Some(&b':')
}

impl ModelsLock {
    /// The repository that a load asks for.
    pub fn find(&self, kind: RepositoryKind, name: &str, requested: &str) -> Option<&LockedRepository> {
        self.repositories.iter().find(|r| {
            r.kind == kind && r.name == name && (r.requested.contains(requested) || r.revision == requested)
        })
    }

    /// Brings everything into the order in which it is written.
    pub fn sort(&mut self) {
        self.repositories
            .sort_by(|a, b| (a.kind, &a.name, &a.revision).cmp(&(b.kind, &b.name, &b.revision)));
        for repository in &mut self.repositories {
            repository.files.sort_by(|a, b| a.path.cmp(&b.path));
        }
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
        self.unresolved.sort();
        self.unresolved.dedup();
    }

    /// Reads a lock.
    ///
    /// # Errors
    /// Where it is no TOML, of a later version, or anything in it is not what this version takes it for.
    pub fn parse(source: &str, budget: &mut Budget) -> Result<Self, LockError> {
        let root = text::toml(source, budget).map_err(|e| LockError {
            message: e.message.clone(),
            span: e.span,
        })?;
        let reader = Reader;
        match root.get("version").and_then(Node::as_i64) {
            Some(VERSION) => {}
            Some(later) if later > VERSION => {
                let message = format!("version {later} of the format, and this program reads {VERSION}");
                return Err(fail(root.get("version").unwrap_or(&root), message));
            }
            _ => return Err(fail(&root, format!("it has no `version = {VERSION}`"))),
        }
        let mut out = Self {
            extra: reader.extra(
                &root,
                &["version", "model", "dataset", "file", "unresolved"],
                budget,
            )?,
            ..Self::default()
        };
        for kind in [RepositoryKind::Model, RepositoryKind::Dataset] {
            for node in reader.tables(&root, kind.name())? {
                out.repositories.push(reader.repository(kind, node, budget)?);
            }
        }
        for node in reader.tables(&root, "file")? {
            out.files.push(reader.local(node, budget)?);
        }
        for node in reader.tables(&root, "unresolved")? {
            out.unresolved.push(Unresolved {
                place: reader.text(node, "place")?.to_owned(),
                by: reader.text(node, "by")?.to_owned(),
                name: node.get("name").and_then(Node::as_str).map(str::to_owned),
                why: reader.text(node, "why")?.to_owned(),
            });
        }
        out.check(&root)?;
        out.sort();
        Ok(out)
    }

    /// Nothing may stand twice: which of two lines counts would be a matter of the reader.
    fn check(&self, root: &Node) -> Result<(), LockError> {
        let mut commits = BTreeSet::new();
        let mut asked = BTreeSet::new();
        for r in &self.repositories {
            let twice = |what: &str| {
                let message = format!("{} {} stands twice {what}", r.kind.name(), code(&r.name));
                fail(root, message)
            };
            if !commits.insert((r.kind, r.name.as_str(), r.revision.as_str())) {
                return Err(twice("at one revision"));
            }
            for requested in &r.requested {
                if !asked.insert((r.kind, r.name.as_str(), requested.as_str())) {
                    return Err(twice(&format!("for {}", code(requested))));
                }
            }
            let mut paths = BTreeSet::new();
            if let Some(file) = r.files.iter().find(|f| !paths.insert(f.path.as_str())) {
                return Err(twice(&format!("with the file {}", code(&file.path))));
            }
        }
        let mut paths = BTreeSet::new();
        match self.files.iter().find(|f| !paths.insert(f.path.as_str())) {
            Some(file) => Err(fail(root, format!("the file {} stands twice", code(&file.path)))),
            None => Ok(()),
        }
    }

    /// Writes the lock: the same lock gives the same bytes.
    pub fn render(&self) -> String {
        let mut out = String::from(
            "# The models and data sets that this project loads, written by `wellhead lock`.\n\
             # `wellhead verify --lock models.lock` compares what is on disk with it. Do not edit by hand.\n",
        );
        let _ = writeln!(out, "version = {VERSION}");
        extra(&mut out, &self.extra);
        for r in &self.repositories {
            let _ = write!(
                out,
                "\n[[{}]]\nname = {}\nrevision = {}\nrequested = {}\nlisted-by = {}\n",
                r.kind.name(),
                quoted(&r.name),
                quoted(&r.revision),
                list(&r.requested),
                quoted(r.listed_by.name()),
            );
            if r.complete {
                out.push_str("complete = true\n");
            }
            let _ = writeln!(out, "loaded-by = {}", list(&r.loaded_by));
            out.push_str("files = [\n");
            for f in &r.files {
                let _ = write!(
                    out,
                    "  {{ path = {}, size = {}, sha256 = {}",
                    quoted(&f.path),
                    f.size,
                    quoted(&f.sha256)
                );
                if f.asked {
                    out.push_str(", asked = true");
                }
                for (key, value) in &f.extra {
                    let _ = write!(out, ", {} = {value}", key_of(key));
                }
                out.push_str(" },\n");
            }
            out.push_str("]\n");
            extra(&mut out, &r.extra);
        }
        for f in &self.files {
            let _ = write!(
                out,
                "\n[[file]]\npath = {}\nsize = {}\nsha256 = {}\nloaded-by = {}\n",
                quoted(&f.path),
                f.size,
                quoted(&f.sha256),
                list(&f.loaded_by)
            );
            extra(&mut out, &f.extra);
        }
        for u in &self.unresolved {
            let _ = write!(
                out,
                "\n[[unresolved]]\nplace = {}\nby = {}\n",
                quoted(&u.place),
                quoted(&u.by)
            );
            if let Some(name) = &u.name {
                let _ = writeln!(out, "name = {}", quoted(name));
            }
            let _ = writeln!(out, "why = {}", quoted(&u.why));
        }
        out
    }
}

fn extra(out: &mut String, extra: &Extra) {
    for (key, value) in extra {
        let _ = writeln!(out, "{} = {value}", key_of(key));
    }
}

fn list(items: &BTreeSet<String>) -> String {
    let items: Vec<String> = items.iter().map(|i| quoted(i)).collect();
    format!("[{}]", items.join(", "))
}

fn key_of(key: &str) -> String {
    let bare = !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if bare { key.to_owned() } else { quoted(key) }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(2));
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn fail(node: &Node, message: impl Into<String>) -> LockError {
    LockError {
        message: message.into(),
        span: node.span.clone(),
    }
}

struct Reader;

impl Reader {
    fn tables<'a>(&self, root: &'a Node, key: &str) -> Result<&'a [Node], LockError> {
        match root.get(key) {
            None => Ok(&[]),
            Some(node) => match &node.value {
                Value::Array(items) if items.iter().all(|i| matches!(i.value, Value::Table(_))) => Ok(items),
                _ => Err(fail(node, format!("`{key}` is no array of tables"))),
            },
        }
    }

    fn text<'a>(&self, node: &'a Node, key: &str) -> Result<&'a str, LockError> {
        let found = node
            .get(key)
            .ok_or_else(|| fail(node, format!("it has no `{key}`")))?;
        found
            .as_str()
            .ok_or_else(|| fail(found, format!("`{key}` is no text")))
    }

    fn texts(&self, node: &Node, key: &str) -> Result<BTreeSet<String>, LockError> {
        let Some(found) = node.get(key) else {
            return Ok(BTreeSet::new());
        };
        if !matches!(found.value, Value::Array(_)) {
            return Err(fail(found, format!("`{key}` is no list of texts")));
        }
        let all = found.items().iter();
        all.map(|item| {
            let text = item.as_str().map(str::to_owned);
            text.ok_or_else(|| fail(item, format!("`{key}` is no list of texts")))
        })
        .collect()
    }

    fn flag(&self, node: &Node, key: &str) -> Result<bool, LockError> {
        match node.get(key) {
            None => Ok(false),
            Some(found) => found
                .as_bool()
                .ok_or_else(|| fail(found, format!("`{key}` is neither true nor false"))),
        }
    }

    /// Path, size and digest.
    fn bytes_of(&self, node: &Node) -> Result<(String, u64, String), LockError> {
        let path = self.text(node, "path")?;
        if !stays_inside(path) {
            return Err(fail(node, format!("the path {} leads elsewhere", code(path))));
        }
        let size = node
            .get("size")
            .and_then(Node::as_i64)
            .and_then(|n| u64::try_from(n).ok())
            .ok_or_else(|| fail(node, format!("{} has no `size` in bytes", code(path))))?;
        let sha256 = self.text(node, "sha256")?;
        if !is_hex(sha256, 64) {
            let message = format!(
                "the digest of {} is not 64 lower-case hexadecimal digits",
                code(path)
            );
            return Err(fail(node, message));
        }
        Ok((path.to_owned(), size, sha256.to_owned()))
    }

    fn repository(
        &self,
        kind: RepositoryKind,
        node: &Node,
        budget: &mut Budget,
    ) -> Result<LockedRepository, LockError> {
        let name = self.text(node, "name")?;
        if !stays_inside(name) || name.split('/').count() > 2 {
            return Err(fail(node, format!("{} is no name of a repository", code(name))));
        }
        let revision = self.text(node, "revision")?;
        if !is_commit(revision) {
            let message = format!(
                "the revision of {} is not 40 lower-case hexadecimal digits",
                code(name)
            );
            return Err(fail(node, message));
        }
        let listed_by = match node.get("listed-by").and_then(Node::as_str) {
            Some("hub") => ListedBy::Hub,
            Some("cache") => ListedBy::Cache,
            _ => return Err(fail(node, "`listed-by` is neither `hub` nor `cache`")),
        };
        let mut files = Vec::new();
        let list = node.get("files").ok_or_else(|| fail(node, "it has no `files`"))?;
        if !matches!(list.value, Value::Array(_)) {
            return Err(fail(list, "`files` is no list"));
        }
        for file in list.items() {
            let (path, size, sha256) = self.bytes_of(file)?;
            files.push(LockedFile {
                path,
                size,
                sha256,
                asked: self.flag(file, "asked")?,
                extra: self.extra(file, &["path", "size", "sha256", "asked"], budget)?,
            });
        }
        let known = [
            "name",
            "revision",
            "requested",
            "listed-by",
            "complete",
            "loaded-by",
            "files",
        ];
        Ok(LockedRepository {
            kind,
            name: name.to_owned(),
            revision: revision.to_owned(),
            requested: self.texts(node, "requested")?,
            listed_by,
            complete: self.flag(node, "complete")?,
            loaded_by: self.texts(node, "loaded-by")?,
            files,
            extra: self.extra(node, &known, budget)?,
        })
    }

    fn local(&self, node: &Node, budget: &mut Budget) -> Result<LockedLocal, LockError> {
        let (path, size, sha256) = self.bytes_of(node)?;
        Ok(LockedLocal {
            path,
            size,
            sha256,
            loaded_by: self.texts(node, "loaded-by")?,
            extra: self.extra(node, &["path", "size", "sha256", "loaded-by"], budget)?,
        })
    }

    fn extra(&self, node: &Node, known: &[&str], budget: &mut Budget) -> Result<Extra, LockError> {
        let mut out = Extra::new();
        for entry in node.entries().iter().filter(|e| !known.contains(&e.key.as_str())) {
            let size = entry.node.span.len() as u64;
            budget
                .memory(size)
                .map_err(|e| fail(&entry.node, e.to_string()))?;
            let mut value = String::new();
            inline(&entry.node, &mut value);
            out.insert(entry.key.clone(), value);
        }
        Ok(out)
    }
}

/// A value in one line. Nesting is bounded by the reader of TOML.
fn inline(node: &Node, out: &mut String) {
    match &node.value {
        Value::Null => out.push_str("\"\""),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) => out.push_str(n),
        Value::String(text) => out.push_str(&quoted(text)),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                inline(item, out);
            }
            out.push(']');
        }
        Value::Table(entries) => {
            out.push_str("{ ");
            for (i, entry) in entries.iter().enumerate() {
                let _ = write!(out, "{}{} = ", if i > 0 { ", " } else { "" }, key_of(&entry.key));
                inline(&entry.node, out);
            }
            out.push_str(" }");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<ModelsLock, String> {
        ModelsLock::parse(text, &mut Budget::default()).map_err(|e| e.to_string())
    }

    fn example() -> String {
        let zeros = "0".repeat(64);
        let commit = "5".repeat(40);
        format!(
            "version = 1\nlater = {{ a = [1, \"x\"] }}\n\n[[model]]\nname = \"acme/bert\"\nrevision = \"{commit}\"\n\
             requested = [\"main\"]\nlisted-by = \"hub\"\ncomplete = true\nloaded-by = [\"train.py\"]\nfiles = [\n\
             \x20 {{ path = \"config.json\", size = 3, sha256 = \"{zeros}\", asked = true, signed = \"by\" }},\n]\n\
             signers = [{{ identity = \"a@acme.example\", issuer = \"https://acme.example\" }}]\n\n\
             [[file]]\npath = \"m.pt\"\nsize = 1\nsha256 = \"{zeros}\"\nloaded-by = [\"a.py\"]\n\n\
             [[unresolved]]\nplace = \"a.py:3\"\nby = \"torch.load\"\nwhy = \"because\"\n"
        )
    }

    #[test]
    fn what_is_written_is_read_again_with_keys_of_later_versions() {
        let lock = parse(&example()).unwrap();
        let text = lock.render();
        assert_eq!(parse(&text).unwrap(), lock);
        assert_eq!(parse(&text).unwrap().render(), text);
        assert!(
            text.contains("signers = [{ identity = \"a@acme.example\", issuer = \"https://acme.example\" }]")
        );
        assert!(text.contains("signed = \"by\"") && text.contains("later = { a = [1, \"x\"] }"));
    }

    #[test]
    fn a_damaged_lock_is_no_lock() {
        let whole = example();
        for (from, to, expected) in [
            (
                "version = 1",
                "version = 2",
                "version 2 of the format, and this program reads 1",
            ),
            ("version = 1", "", "it has no `version = 1`"),
            (
                "config.json",
                "../config.json",
                "the path `../config.json` leads elsewhere",
            ),
            ("\"config.json\"", "7", "`path` is no text"),
            ("size = 3", "size = -3", "`config.json` has no `size` in bytes"),
            (
                "revision = \"5",
                "revision = \"m",
                "the revision of `acme/bert` is not 40 lower-case hexadecimal digits",
            ),
            ("\"hub\"", "\"cloud\"", "`listed-by` is neither `hub` nor `cache`"),
            ("acme/bert", "a/b/c", "`a/b/c` is no name of a repository"),
            ("[[model]]", "[model]", "`model` is no array of tables"),
            (
                "complete = true",
                "complete = 1",
                "`complete` is neither true nor false",
            ),
        ] {
            assert_eq!(parse(&whole.replacen(from, to, 1)).unwrap_err(), expected);
        }
        let at = whole.find("[[file]]").unwrap();
        let twice = format!("{whole}\n{}", &whole[at..]);
        assert!(parse(&twice).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(version = 1\n)?(\\[\\[(model|file)\\]\\]\n|(name|path|size|files) = [\"a/.\\[\\]{}0-9]{0,9}\n){0,9}") {
            let _ = parse(&text);
        }
    }
}
