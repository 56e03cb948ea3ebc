//! Metadata that are another project's: what a package says of itself and took from somebody whom everybody trusts.
//!
//! An index shows the stars of whatever repository a package names, and people read the first lines of a description.
//! Forks, builds and plugins name the project they come from too, and most of them say so in their own name. The one
//! decision: only a package whose name says nothing of the project, or imitates it, borrows its reputation; names that
//! many install are never accused, and what is borrowed is at most a reason to look.

use super::{Distribution, endpoints::repository};
use crate::{
    import_names::import_names,
    lookalike::{Resemblance, is_foremost, is_well_known, resembles},
    normalise,
};
use std::{collections::BTreeMap, sync::OnceLock};

/// What is taken from another project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Borrowing {
    /// One of its addresses is the repository of the project.
    Repository,
    /// One of its addresses is the documentation of the project.
    Documentation,
    /// It says the same of itself in one line.
    Summary,
    /// Its description is headed by the name of the project.
    Title,
    /// Its description tells to install the project, and never itself.
    Installs,
    /// It brings the module of the project.
    Module,
    /// Its name imitates that of the project.
    Name,
}

impl Borrowing {
    /// What is taken, in words: "its repository".
    pub fn words(self) -> &'static str {
        match self {
            Self::Repository => "it states the repository of that project as its own",
            Self::Documentation => "it states the documentation of that project as its own",
            Self::Summary => "it says of itself in one line what that project says",
            Self::Title => "its description is headed by the name of that project",
            Self::Installs => "its description tells to install that project, and never names itself",
            Self::Module => "it brings the module of that project",
            Self::Name => "its name is like that of the project",
        }
    }

    /// The name in machine formats.
    pub fn name(self) -> &'static str {
        match self {
            Self::Repository => "same-repository",
            Self::Documentation => "same-documentation",
            Self::Summary => "same-summary",
            Self::Title => "same-title",
            Self::Installs => "installs-other",
            Self::Module => "same-module",
            Self::Name => "like-name",
        }
    }

    /// What it adds to the logarithm of the odds, in tenths.
    ///
    /// Each was counted in 700 malicious archives of as many families and in 180 popular wheels, and the line also in
    /// all names of the index: next to no honest one is without kinship. They are set lower than what was counted,
    /// because they depend on each other.
    pub fn weight(self) -> u32 {
        match self {
            Self::Repository | Self::Name => 20,
            Self::Documentation | Self::Summary | Self::Title | Self::Installs => 15,
            Self::Module => 5,
        }
    }
}

/// A project whose reputation a package borrows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Borrowed {
    /// The project.
    pub from: String,
    /// What is taken.
    pub what: Vec<Borrowing>,
}

impl Borrowed {
    /// The sum of what is taken, in tenths.
    pub fn weight(&self) -> u32 {
        self.what.iter().map(|b| b.weight()).sum()
    }
}

/// From this sum on it is worth a look.
const WORTH: u32 = 30;

/// How much of a description is looked at.
const MAX_DESCRIPTION: usize = 64 << 10;
const MAX_LINES: usize = 40;

/// The project that a distribution takes its metadata from, if it does; `description` is what stands behind its headers.
pub(super) fn borrowed(distribution: &Distribution, description: &str) -> Option<Borrowed> {
    let own = distribution
        .name
        .as_deref()
        .filter(|n| !n.is_empty() && n.len() < 100)?;
    let metadata = distribution.metadata.as_ref()?;
    if is_well_known(own) {
        return None;
    }
    let mut found: BTreeMap<String, Vec<Borrowing>> = BTreeMap::new();
    let mut add = |from: &str, what: Borrowing| {
        let list = found.entry(from.to_owned()).or_default();
        if !list.contains(&what) {
            list.push(what);
        }
    };
    for address in metadata.addresses() {
        if let Some(project) = home(address) {
            add(project, Borrowing::Repository);
        } else if let Some(project) = documentation(address) {
            add(&project, Borrowing::Documentation);
        }
    }
    if let Some(project) = metadata.summary.as_deref().and_then(said_by) {
        add(project, Borrowing::Summary);
    }
    let description = description
        .get(..description.floor_char_boundary(MAX_DESCRIPTION))
        .unwrap_or_default();
    if let Some(title) = title(description).filter(|t| t != own && is_foremost(t)) {
        add(&title, Borrowing::Title);
    }
    if !names(description, own) {
        for project in installed(description).take(16).filter(|p| is_foremost(p)) {
            add(&project, Borrowing::Installs);
        }
    }
    let mut all: Vec<Borrowed> = found
        .into_iter()
        .filter_map(|(from, what)| whole(own, distribution, from, what))
        .collect();
    all.sort_by_key(|b| std::cmp::Reverse(b.weight()));
    all.into_iter().next()
}

/// Adds what only counts together with something else; nothing where the name says where it comes from.
fn whole(own: &str, d: &Distribution, from: String, mut what: Vec<Borrowing>) -> Option<Borrowed> {
    let slip = resembles(own, &from).is_some_and(|how| how != Resemblance::WordOrder);
    let stem = from.strip_prefix("python-").unwrap_or(&from);
    let stem = stem.strip_suffix("-python").unwrap_or(stem);
    let joined = own.replace('-', "");
    let akin = joined.contains(&stem.replace('-', ""))
        || own
            .split('-')
            .any(|word| word.len() > 2 && stem.split('-').any(|s| s == word));
    if akin && !slip {
        return None;
    }
    if slip {
        what.push(Borrowing::Name);
    }
    let (modules, _) = import_names(&from);
    if d.top_level.iter().any(|top| modules.contains(top)) {
        what.push(Borrowing::Module);
    }
    let out = Borrowed { from, what };
    (out.weight() >= WORTH).then_some(out)
}

/// The project whose repository that is.
fn home(address: &str) -> Option<&'static str> {
    static HOMES: OnceLock<BTreeMap<&'static str, &'static str>> = OnceLock::new();
    let homes = HOMES.get_or_init(|| rows(include_str!("../../data/homes.txt")).collect());
    let (account, name) = repository(address)?;
    homes.get(format!("{account}/{name}").as_str()).copied()
}

fn rows(text: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    text.lines()
        .filter(|l| !l.starts_with('#'))
        .filter_map(|l| l.split_once(' '))
}

/// The project whose documentation that is: `requests.readthedocs.io`.
fn documentation(address: &str) -> Option<String> {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let host = rest
        .split(['/', '?', '#', ':'])
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let project = host
        .strip_suffix(".readthedocs.io")
        .or_else(|| host.strip_suffix(".readthedocs.org"))
        .or_else(|| host.strip_suffix(".rtfd.io"))?;
    let project = normalise(project);
    is_foremost(&project).then_some(project)
}

/// The project that says that of itself in one line.
fn said_by(summary: &str) -> Option<&'static str> {
    static SAID: OnceLock<BTreeMap<u64, &'static str>> = OnceLock::new();
    let said = SAID.get_or_init(|| {
        rows(include_str!("../../data/summaries.txt"))
            .filter_map(|(hash, name)| Some((u64::from_str_radix(hash, 16).ok()?, name)))
            .collect()
    });
    let lower = summary
        .get(..summary.floor_char_boundary(512))?
        .to_ascii_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|w| !w.is_empty())
        .collect();
    (words.len() >= 4)
        .then(|| said.get(&fnv(&words.join(" "))).copied())
        .flatten()
}

fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// A line of an indented description as it is meant: old versions of the format put blanks or a bar before it.
fn plain(line: &str) -> &str {
    line.trim_start_matches([' ', '\t', '|']).trim_end()
}

/// The first heading of a description, as the name of a project.
fn title(description: &str) -> Option<String> {
    let lines: Vec<&str> = description.lines().take(MAX_LINES).map(plain).collect();
    let heading = lines.iter().enumerate().find_map(|(at, line)| {
        if let Some(heading) = line.strip_prefix('#') {
            return Some(heading.trim_matches(['#', ' ', '`', '*']));
        }
        let under = lines.get(at.saturating_add(1))?;
        let mark = under.chars().next()?;
        let is_rule =
            under.len() >= 3 && matches!(mark, '=' | '-' | '~' | '*') && under.chars().all(|c| c == mark);
        (is_rule && !line.is_empty()).then_some(*line)
    })?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (!heading.is_empty() && heading.len() < 100 && heading.chars().all(is_name)).then(|| normalise(heading))
}

/// Whether a description names the package itself.
fn names(description: &str, own: &str) -> bool {
    let flat: String = description
        .chars()
        .filter(|c| c.is_ascii_alphanumeric())
        .map(|c| c.to_ascii_lowercase())
        .collect();
    flat.contains(&own.replace('-', ""))
}

/// What a description tells to install.
fn installed(description: &str) -> impl Iterator<Item = String> {
    description
        .match_indices(" install ")
        .filter_map(move |(at, found)| {
            let before = description.get(..at)?;
            let tool = before
                .rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '.'))
                .next()?;
            if !tool.starts_with("pip") {
                return None;
            }
            let rest = description.get(at.saturating_add(found.len())..)?;
            let line = rest.lines().next()?;
            let name = line.split_whitespace().find(|w| !w.starts_with('-'))?;
            let name: String = name
                .trim_matches(['"', '\'', '`'])
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
                .collect();
            (!name.is_empty()).then(|| normalise(name.trim_end_matches('.')))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{distribution::DistributionKind, metadata::read_metadata};
    use proptest::prelude::*;
    use wellhead_core::{Budget, Outcome};

    fn of(name: &str, top: &str, text: &str) -> String {
        let text = format!("Name: {name}\nVersion: 1\n{text}");
        let metadata = read_metadata(&text, &mut Budget::default());
        let body = text.get(metadata.body.clone()).unwrap().to_owned();
        let d = Distribution {
            kind: DistributionKind::Wheel,
            file: String::new(),
            name: Some(normalise(name)),
            version: None,
            metadata: Some(metadata),
            root: String::new(),
            members: Vec::new(),
            anomalies: Vec::new(),
            entry_points: Vec::new(),
            top_level: vec![top.to_owned()],
            provenance: super::super::Provenance::default(),
            borrowed: None,
            described_by: None,
            outcome: Outcome::Analysed,
        };
        match borrowed(&d, &body) {
            Some(b) => {
                let what: Vec<&str> = b.what.iter().map(|w| w.name()).collect();
                format!("{} {}", b.from, what.join(" "))
            }
            None => "-".to_owned(),
        }
    }

    #[test]
    fn a_stranger_with_the_face_of_another_is_told() {
        let title = "\ncolorama\n========\n\npip install colorama\n";
        for (name, top, text, expected) in [
            (
                "bettercolors",
                "bettercolors",
                title,
                "colorama same-title installs-other",
            ),
            (
                "faqs",
                "colorama",
                "Summary: Cross-platform colored terminal text.\nHome-page: https://github.com/tartley/colorama\n\n",
                "colorama same-repository same-summary same-module",
            ),
            (
                "requesta",
                "requesta",
                "Project-URL: Source, https://github.com/psf/requests\n\n",
                "requests same-repository like-name",
            ),
            (
                "requesta",
                "requesta",
                "Home-page: https://requests.readthedocs.io\n\n",
                "requests same-documentation like-name",
            ),
            (
                "jeilyfish",
                "jeilyfish",
                "Home-page: http://github.com/jamesturk/jellyfish.git\n\n",
                "jellyfish same-repository like-name",
            ),
        ] {
            assert_eq!(of(name, top, text), expected, "{name}");
        }
    }

    #[test]
    fn forks_builds_plugins_and_users_of_a_project_are_not() {
        let requests = "Summary: Python HTTP for Humans.\nHome-page: https://github.com/psf/requests\n\n# Requests\n\npip install requests\n";
        for (name, text) in [
            ("requests", requests),
            ("requests-acme", requests),
            ("acme-requests", requests),
            ("pytest-requests-x", requests),
            ("types-requests-x", requests),
            (
                "torch-cpu-acme",
                "Home-page: https://github.com/pytorch/pytorch\n\n# torch\n\npip install torch\n",
            ),
            (
                "opencv-python-acme",
                "Home-page: https://github.com/opencv/opencv-python\n\n",
            ),
            // It names one thing of another, and itself.
            (
                "acme-tool",
                "Home-page: https://github.com/acme/tool\n\n# acme-tool\n\npip install requests\npip install acme-tool\n",
            ),
            (
                "acme-tool",
                "Project-URL: Uses, https://github.com/psf/requests\n\n# acme\n",
            ),
            ("acme-tool", "\n# Installation\n\npip install acme-tool\n"),
            ("acme-tool", ""),
            ("", requests),
        ] {
            assert_eq!(of(name, "x", text), "-", "{name}");
        }
    }

    #[test]
    fn the_tables_name_projects_that_many_install() {
        for (row, project) in rows(include_str!("../../data/homes.txt")) {
            assert!(
                is_well_known(project) && row.contains('/') && row == row.to_lowercase(),
                "{row} {project}"
            );
        }
        let said: Vec<_> = rows(include_str!("../../data/summaries.txt")).collect();
        assert!(said.len() > 1_000);
        assert!(
            said.iter()
                .all(|(hash, name)| hash.len() == 16 && is_well_known(name))
        );
        assert_eq!(said_by("Cross-platform colored terminal text."), Some("colorama"));
        assert_eq!(said_by("A library"), None);
    }

    proptest! {
        #[test]
        fn never_panics(name in any::<String>(), text in any::<String>()) {
            let _ = of(&name.replace(['\n', '\r'], ""), "x", &text);
            let _ = (title(&text), names(&text, &name), installed(&text).count());
        }
    }
}
