//! Core metadata: what a built or installed Python distribution says of itself (`METADATA`, `PKG-INFO`, `requires.txt`).
//!
//! Installers read these files with Python's `email` parser, so this one cuts lines, folds headers and ends them where
//! that parser does; of a header that may stand once the first counts, as for `importlib.metadata`, and a second one
//! is a problem, because another tool may take the last.

use crate::{
    manifest::{Problem, Requirement, from_requirement},
    name::normalise,
    version::parse,
};
use std::ops::Range;
use wellhead_core::{
    ArtifactPath, Bucket, Budget, Component, ComponentKind, Ecosystem, Lines, Location, Outcome, Source,
    code, escape,
};

/// What a distribution says of itself. Texts are as they were written: escape them before they are shown.
#[derive(Clone, Debug, PartialEq)]
pub struct CoreMetadata {
    /// The version of the format.
    pub metadata_version: Option<String>,
    /// The name as it was written.
    pub name: Option<String>,
    /// The version as it was written.
    pub version: Option<String>,
    /// One line about the distribution.
    pub summary: Option<String>,
    /// Its home page.
    pub home_page: Option<String>,
    /// Other addresses with their labels.
    pub project_urls: Vec<(String, String)>,
    /// Where it says it can be downloaded.
    pub download_url: Option<String>,
    /// Who wrote it.
    pub author: Option<String>,
    /// Their mail, with or without names.
    pub author_email: Option<String>,
    /// Who keeps it.
    pub maintainer: Option<String>,
    /// Their mail, with or without names.
    pub maintainer_email: Option<String>,
    /// The description, where it is a header as in old versions of the format.
    pub description: Option<String>,
    /// The license as free text.
    pub license: Option<String>,
    /// The license as an SPDX expression.
    pub license_expression: Option<String>,
    /// The versions of Python it wants.
    pub requires_python: Option<String>,
    /// The distributions it wants.
    pub requires_dist: Vec<Needed>,
    /// The extras it offers, normalised.
    pub provides_extra: Vec<String>,
    /// The bytes of name and version in the text, from the first to the last.
    pub identity: Range<usize>,
    /// The bytes behind the headers: the description.
    pub body: Range<usize>,
    /// What could not be understood, with its bytes.
    pub flaws: Vec<(String, Range<usize>)>,
    /// How the reading ended.
    pub outcome: Outcome,
}

/// A distribution that another one wants.
#[derive(Clone, Debug, PartialEq)]
pub struct Needed {
    /// What is wanted.
    pub requirement: Requirement,
    /// Where it stands in the text.
    pub span: Range<usize>,
}

impl Needed {
    /// Whether it is wanted only with an extra, so that a plain install leaves it out.
    ///
    /// What `or` joins to something else than an extra is wanted without one as well.
    pub fn optional(&self) -> bool {
        let marker = self.requirement.marker.as_deref().unwrap_or_default();
        let extra = |part: &str| {
            part.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .any(|w| w == "extra")
        };
        marker.split(" or ").all(extra)
    }
}

/// Headers behind this are not read: the longest real ones carry a description of some hundred kilobytes.
const MAX_HEADERS: usize = 4 << 20;

/// Most requirements that one distribution states; the largest real ones have fewer than a thousand.
const MAX_NEEDED: usize = 20_000;

/// Reads `METADATA` or `PKG-INFO`.
pub fn read_metadata(text: &str, budget: &mut Budget) -> CoreMetadata {
    let mut out = CoreMetadata::new();
    let bom = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut seen = Seen::default();
    let mut open: Option<Field> = None;
    let mut at = bom;
    for line in lines(text, bom) {
        let content = text.get(line.content.clone()).unwrap_or_default();
        at = line.content.start;
        if let Err(e) = budget.steps((content.len() as u64).saturating_add(16)) {
            out.outcome = Outcome::Partly { why: e.to_string() };
            break;
        }
        if at > MAX_HEADERS || out.requires_dist.len() >= MAX_NEEDED {
            out.outcome = Outcome::Partly {
                why: "its headers are longer than those of any distribution".to_owned(),
            };
            break;
        }
        if content.is_empty() {
            at = line.next;
            break;
        }
        if content.starts_with([' ', '\t']) {
            // A continuation of nothing is left out, as Python does.
            if let Some(field) = open.as_mut() {
                field.value.push('\n');
                field.value.push_str(content.trim());
                field.span.end = line.content.end;
            }
        } else if let Some((name, value)) = header(content) {
            if let Some(field) = open.take() {
                out.take(field, &mut seen);
            }
            open = Some(Field {
                name: name.to_ascii_lowercase(),
                value: value.trim().to_owned(),
                span: line.content.clone(),
            });
        } else if !(at == bom && content.starts_with("From ")) {
            // Python ends the headers here and takes the rest for the body: what follows is not read by installers.
            let message = format!("{} is no header, so the headers end here", code(content));
            out.flaws.push((message, line.content));
            break;
        }
        at = line.next;
    }
    if let Some(field) = open.take() {
        out.take(field, &mut seen);
    }
    out.body = at.min(text.len())..text.len();
    out
}

/// Reads `requires.txt` of an egg: requirements, those of extras and markers under `[extra:marker]`.
pub fn read_requires_txt(text: &str, budget: &mut Budget) -> CoreMetadata {
    let mut out = CoreMetadata::new();
    let mut marker: Option<String> = None;
    for line in lines(text, 0) {
        let raw = text.get(line.content.clone()).unwrap_or_default();
        if let Err(e) = budget.steps((raw.len() as u64).saturating_add(16)) {
            out.outcome = Outcome::Partly { why: e.to_string() };
            break;
        }
        if line.content.start > MAX_HEADERS || out.requires_dist.len() >= MAX_NEEDED {
            out.outcome = Outcome::Partly {
                why: "it is longer than that of any distribution".to_owned(),
            };
            break;
        }
        let content = raw.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if let Some(section) = content.strip_prefix('[').and_then(|s| s.strip_suffix(']')) {
            let (extra, condition) = section.split_once(':').unwrap_or((section, ""));
            if !extra.is_empty() {
                out.provides_extra.push(normalise(extra));
            }
            let extra = (!extra.is_empty()).then(|| format!("extra == {:?}", normalise(extra)));
            let condition = (!condition.is_empty()).then(|| condition.to_owned());
            marker = match (condition, extra) {
                (Some(c), Some(e)) => Some(format!("({c}) and {e}")),
                (c, e) => c.or(e),
            };
            continue;
        }
        let with_marker = match &marker {
            Some(marker) => format!("{content} ; {marker}"),
            None => content.to_owned(),
        };
        out.need(&with_marker, line.content);
    }
    out.body = text.len()..text.len();
    out
}

/// Which headers that may stand once were seen.
#[derive(Default)]
struct Seen {
    repeated: Vec<&'static str>,
}

struct Field {
    name: String,
    value: String,
    span: Range<usize>,
}

impl CoreMetadata {
    fn new() -> Self {
        Self {
            metadata_version: None,
            name: None,
            version: None,
            summary: None,
            home_page: None,
            project_urls: Vec::new(),
            download_url: None,
            author: None,
            author_email: None,
            maintainer: None,
            maintainer_email: None,
            description: None,
            license: None,
            license_expression: None,
            requires_python: None,
            requires_dist: Vec::new(),
            provides_extra: Vec::new(),
            identity: 0..0,
            body: 0..0,
            flaws: Vec::new(),
            outcome: Outcome::Analysed,
        }
    }

    /// Every address that it states of itself.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        let single = [&self.home_page, &self.download_url].into_iter().flatten();
        let single = single.map(String::as_str);
        single.chain(self.project_urls.iter().map(|(_, url)| url.as_str()))
    }

    /// The addresses of mail of its authors and maintainers, each with what stands round it.
    pub fn mails(&self) -> impl Iterator<Item = &str> {
        let fields = [
            &self.author_email,
            &self.maintainer_email,
            &self.author,
            &self.maintainer,
        ];
        let fields = fields.into_iter().flatten();
        fields
            .flat_map(|f| f.split([',', ';', ' ']))
            .filter(|part| part.contains('@'))
    }

    fn take(&mut self, field: Field, seen: &mut Seen) {
        let Field { name, value, span } = field;
        let flat = || value.split_whitespace().collect::<Vec<_>>().join(" ");
        let slot = match name.as_str() {
            "requires-dist" => return self.need(&flat(), span),
            "provides-extra" => return self.provides_extra.push(normalise(&flat())),
            "project-url" => {
                let flat = flat();
                let (label, url) = flat.split_once(',').unwrap_or(("", &flat));
                return self
                    .project_urls
                    .push((label.trim().to_owned(), url.trim().to_owned()));
            }
            "metadata-version" => (&mut self.metadata_version, "Metadata-Version", flat()),
            "name" => (&mut self.name, "Name", flat()),
            "version" => (&mut self.version, "Version", flat()),
            "summary" => (&mut self.summary, "Summary", flat()),
            "home-page" => (&mut self.home_page, "Home-page", flat()),
            "download-url" => (&mut self.download_url, "Download-URL", flat()),
            "author" => (&mut self.author, "Author", flat()),
            "author-email" => (&mut self.author_email, "Author-email", flat()),
            "maintainer" => (&mut self.maintainer, "Maintainer", flat()),
            "maintainer-email" => (&mut self.maintainer_email, "Maintainer-email", flat()),
            "description" => (&mut self.description, "Description", value.clone()),
            "license" => (&mut self.license, "License", value.clone()),
            "license-expression" => (&mut self.license_expression, "License-Expression", flat()),
            "requires-python" => (&mut self.requires_python, "Requires-Python", flat()),
            _ => return,
        };
        let (slot, shown, value) = slot;
        match slot {
            None => {
                if matches!(shown, "Name" | "Version") {
                    self.identity = if self.identity.is_empty() {
                        span
                    } else {
                        self.identity.start.min(span.start)..self.identity.end.max(span.end)
                    };
                }
                *slot = Some(value);
            }
            Some(first) if *first != value && !seen.repeated.contains(&shown) && !is_contact(shown) => {
                seen.repeated.push(shown);
                let message = format!(
                    "`{shown}` is stated twice: installers take {}, others may take {}",
                    code(first),
                    code(&value)
                );
                self.flaws.push((message, span));
            }
            Some(_) => {}
        }
    }

    fn need(&mut self, text: &str, span: Range<usize>) {
        match Requirement::parse(text) {
            Ok(requirement) => self.requires_dist.push(Needed { requirement, span }),
            Err(why) => {
                let message = format!("{} is no requirement: {why}", code(text));
                self.flaws.push((message, span));
            }
        }
    }

    /// The distribution itself as a component, at a place of the caller's choice; the error says what it lacks.
    ///
    /// # Errors
    /// When no name is stated, or one that is none.
    pub fn component(&self, declared: Location) -> Result<Component, String> {
        let name = self.name.as_deref().unwrap_or_default();
        let version = self.version.as_deref().filter(|v| !v.is_empty());
        distribution(name, version, declared)
    }

    /// What it wants, as components with ranges, each at its line.
    pub fn needs(&self, artifact: &ArtifactPath, text: &str) -> Vec<Component> {
        let lines = Lines::new(text);
        let via: Vec<String> = self.name.iter().map(|n| escape(&normalise(n))).collect();
        self.requires_dist
            .iter()
            .map(|needed| {
                let at = Location::text_in(artifact, text, &lines, needed.span.clone(), "");
                let mut component = from_requirement(&needed.requirement, at);
                component.direct = Some(false);
                component.via.clone_from(&via);
                component
            })
            .collect()
    }

    /// What could not be understood, each at its line.
    pub fn problems(&self, artifact: &ArtifactPath, text: &str) -> Vec<Problem> {
        let lines = Lines::new(text);
        let at =
            |span: &Range<usize>| Location::text_in(artifact, text, &lines, span.clone(), "not understood");
        self.flaws
            .iter()
            .map(|(message, span)| Problem {
                message: message.clone(),
                at: at(span),
            })
            .collect()
    }
}

/// A distribution of that name and version, as a component.
///
/// # Errors
/// Where the name is none.
pub fn distribution(written: &str, version: Option<&str>, declared: Location) -> Result<Component, String> {
    if written.is_empty() {
        return Err("it states no name".to_owned());
    }
    if !crate::name::is_valid(written) {
        return Err(format!("its name is none of PEP 508: {}", code(written)));
    }
    let bucket = match version {
        Some(v) if parse(v).is_some() => Bucket::Exact,
        Some(_) => unauditable("its version is none of PEP 440"),
        None => unauditable("its metadata state no version"),
    };
    Ok(Component {
        kind: ComponentKind::Library,
        ecosystem: Ecosystem::PyPI,
        name: normalise(written),
        written: escape(written),
        version: version.map(escape),
        specifier: None,
        marker: None,
        hashes: Vec::new(),
        source: Source::Registry { url: None },
        bucket,
        direct: None,
        via: Vec::new(),
        declared,
    })
}

/// Headers that nobody decides by, so that it does not matter which of two is taken.
fn is_contact(header: &str) -> bool {
    matches!(
        header,
        "Author" | "Author-email" | "Maintainer" | "Maintainer-email" | "Download-URL" | "Description"
    )
}

fn unauditable(why: &str) -> Bucket {
    Bucket::Unauditable { why: why.to_owned() }
}

/// Name and value of a header line; a name holds printable ASCII without a colon.
fn header(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    let name_like = !name.is_empty() && name.bytes().all(|b| (0x21..=0x7e).contains(&b));
    name_like.then_some((name, value))
}

struct Physical {
    content: Range<usize>,
    next: usize,
}

/// Lines as Python's universal newlines cut them: at `\n`, `\r` and `\r\n`.
fn lines(text: &str, from: usize) -> impl Iterator<Item = Physical> + '_ {
    let mut at = from;
    std::iter::from_fn(move || {
        let rest = text.get(at..).filter(|r| !r.is_empty())?;
        let length = rest.find(['\n', '\r']).unwrap_or(rest.len());
        let behind = rest.get(length..)?;
        let ending = if behind.starts_with("\r\n") {
            2
        } else {
            behind.len().min(1)
        };
        let content = at..at.saturating_add(length);
        at = content.end.saturating_add(ending);
        Some(Physical { content, next: at })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;
    use wellhead_core::Limits;

    fn budget() -> Budget {
        Budget::new(Limits::default(), Arc::default())
    }

    fn shown(m: &CoreMetadata) -> String {
        let needs: Vec<String> = m
            .requires_dist
            .iter()
            .map(|n| {
                let r = &n.requirement;
                format!(
                    "{}{:?} {} ; {:?} optional={}",
                    r.name,
                    r.extras,
                    r.written,
                    r.marker,
                    n.optional()
                )
            })
            .collect();
        format!(
            "{:?} {:?} python {:?} extras {:?}\nurls {:?} license {:?}\n{}\nflaws {:?}",
            m.name,
            m.version,
            m.requires_python,
            m.provides_extra,
            m.project_urls,
            m.license,
            needs.join("\n"),
            m.flaws.iter().map(|f| &f.0).collect::<Vec<_>>()
        )
    }

    #[test]
    fn metadata_are_read_as_installers_read_them() {
        let text = "Metadata-Version: 2.1\nName: Scikit_Learn\nVersion: 1.3.0\nSummary: a\n  folded\n\
                    License: MIT\n        and more\nRequires-Python: >=3.8\nProject-URL: Source, https://s.example/\n\
                    Requires-Dist: numpy (>=1.17.3)\nrequires-dist: scipy\n >=1.5\n\
                    Requires-Dist: pytest>=7 ; extra == 'tests'\n\
                    Requires-Dist: tomli ; python_version < '3.11' or extra == \"x\"\n\
                    Provides-Extra: Tests\nRequires-Dist: not a requirement\nVersion: 9.9\n\n\
                    Requires-Dist: in-the-description\n";
        let m = read_metadata(text, &mut budget());
        assert_eq!(
            text.get(m.identity.clone()),
            Some("Name: Scikit_Learn\nVersion: 1.3.0")
        );
        assert!(
            text.get(m.body.clone())
                .is_some_and(|b| b.starts_with("Requires-Dist: in-the"))
        );
        insta::assert_snapshot!(shown(&m), @r#"
        Some("Scikit_Learn") Some("1.3.0") python Some(">=3.8") extras ["tests"]
        urls [("Source", "https://s.example/")] license Some("MIT\nand more")
        numpy[] >=1.17.3 ; None optional=false
        scipy[] >=1.5 ; None optional=false
        pytest[] >=7 ; Some("extra == 'tests'") optional=true
        tomli[]  ; Some("python_version < '3.11' or extra == \"x\"") optional=false
        flaws ["`not a requirement` is no requirement: malformed version specifier", "`Version` is stated twice: installers take `1.3.0`, others may take `9.9`"]
        "#);
    }

    #[test]
    fn headers_end_where_python_ends_them() {
        for (text, name) in [
            ("Name: a\r\nVersion: 1\r\n", Some("a")),
            ("Name: a\rVersion: 1\r", Some("a")),
            ("\u{feff}Name: a\n", Some("a")),
            ("\nName: a\n", None),
            (" folded nothing\nName: a\n", Some("a")),
            ("From me\nName: a\n", Some("a")),
            ("no header\nName: a\n", None),
            ("Name : a\n", None),
            ("", None),
        ] {
            assert_eq!(
                read_metadata(text, &mut budget()).name.as_deref(),
                name,
                "{text:?}"
            );
        }
    }

    #[test]
    fn eggs_state_requirements_in_sections() {
        let text = "numpy>=1.0\n\n[gpu]\ncupy==12.0\n\n[:python_version < \"3.9\"]\nbackports.zoneinfo\n\n\
                    [test:sys_platform == 'linux']\npytest\n";
        insta::assert_snapshot!(shown(&read_requires_txt(text, &mut budget())), @r#"
        None None python None extras ["gpu", "test"]
        urls [] license None
        numpy[] >=1.0 ; None optional=false
        cupy[] ==12.0 ; Some("extra == \"gpu\"") optional=true
        backports.zoneinfo[]  ; Some("python_version < \"3.9\"") optional=false
        pytest[]  ; Some("(sys_platform == 'linux') and extra == \"test\"") optional=true
        flaws []
        "#);
    }

    #[test]
    fn components_say_what_is_installed() {
        let at = || Location::whole(&ArtifactPath::file("METADATA"), "");
        for (text, expected) in [
            (
                "Name: Torch\nVersion: 2.2.0+cu121\n",
                "torch Some(\"2.2.0+cu121\") Exact",
            ),
            (
                "Name: torch\nVersion: today\n",
                "torch Some(\"today\") Unauditable { why: \"its version is none of PEP 440\" }",
            ),
            (
                "Name: torch\n",
                "torch None Unauditable { why: \"its metadata state no version\" }",
            ),
            ("Version: 1\n", "it states no name"),
            (
                "Name: \u{1b}[31m\nVersion: 1\n",
                "its name is none of PEP 508: `\\x1b[31m`",
            ),
        ] {
            let said = match read_metadata(text, &mut budget()).component(at()) {
                Ok(c) => format!("{} {:?} {:?}", c.name, c.version, c.bucket),
                Err(why) => why,
            };
            assert_eq!(said, expected);
        }
    }

    #[test]
    fn hostile_sizes_end_partly() {
        let long = "Requires-Dist: a\n".repeat(100_000);
        let m = read_metadata(&long, &mut budget());
        assert!(m.requires_dist.len() <= MAX_NEEDED + 1);
        assert!(matches!(m.outcome, Outcome::Partly { .. }));
        let long = format!("Name: a\n{}", "X: y\n".repeat(2_000_000));
        assert!(matches!(
            read_metadata(&long, &mut budget()).outcome,
            Outcome::Partly { .. }
        ));
    }

    proptest! {
        #[test]
        fn never_panics(text in "(Name|Version|Requires-Dist|:| |\t|\r|\n|a|>=1|\\[x\\]|;|extra == 'x'|\u{2028}|From ){0,40}") {
            let m = read_metadata(&text, &mut budget());
            prop_assert!(text.get(m.body).is_some() && text.get(m.identity).is_some());
            let m = read_requires_txt(&text, &mut budget());
            for n in m.requires_dist {
                prop_assert!(text.get(n.span).is_some());
            }
        }
    }
}
