//! What readers of several tools share: a component that nothing is known of yet, and sources written as tables.
//!
//! Poetry, PDM, Pipenv, uv and pixi write `{ git = …, rev = … }` and its kin with nearly the same keys, so one function
//! reads them all; a key that only one of them has means nothing to the others.

use super::{
    requirements::component,
    source::{Place, place},
};
use crate::{
    name::{is_valid, normalise},
    version::parse,
};
use pep440_rs::VersionSpecifiers;
use wellhead_core::{Bucket, Component, ComponentKind, Ecosystem, Location, Source, escape};
use wellhead_formats::text::Node;

/// A package that the project asks for by name alone.
pub(super) fn bare(name: &str, declared: Location) -> Component {
    Component {
        kind: ComponentKind::Library,
        ecosystem: Ecosystem::PyPI,
        name: escape(&normalise(name)),
        written: escape(name),
        version: None,
        specifier: None,
        marker: None,
        hashes: Vec::new(),
        source: Source::Registry { url: None },
        bucket: Bucket::Unpinned,
        direct: Some(true),
        via: Vec::new(),
        declared,
    }
}

/// A package of conda that the project asks for by name alone. Conda compares names in lower case and nothing else.
pub(super) fn bare_conda(name: &str, declared: Location) -> Component {
    Component {
        ecosystem: Ecosystem::Conda,
        name: escape(&name.trim().to_lowercase()),
        ..bare(name, declared)
    }
}

pub(super) fn unauditable(why: &str) -> Bucket {
    Bucket::Unauditable { why: why.to_owned() }
}

/// Gives the component a version that a file states, and the bucket that follows from it.
pub(super) fn set_version(component: &mut Component, version: &str) {
    component.version = Some(escape(version));
    component.bucket = if component.ecosystem == Ecosystem::Conda || parse(version).is_some() {
        Bucket::Exact
    } else {
        unauditable("its version is none of PEP 440")
    };
}

/// Gives the component what a specifier of PEP 440 leaves of its versions.
pub(super) fn set_specifiers(component: &mut Component, wanted: &VersionSpecifiers, written: &str) {
    component.specifier = Some(escape(written)).filter(|w| !w.is_empty());
    if let Some(version) = super::requirement::exact(wanted) {
        set_version(component, &version);
    }
}

/// Takes `git`, `url`, `path` of a table for the component's source; `false` where it has none of them.
pub(super) fn apply_source(component: &mut Component, table: &Node) -> bool {
    let text = |key: &str| table.get(key).and_then(Node::as_str);
    let revision = ["rev", "tag", "branch", "ref", "revision"]
        .into_iter()
        .find_map(text);
    let repository = ["git", "hg", "svn", "bzr"]
        .into_iter()
        .find_map(|system| Some((system, text(system)?)));
    let found: Place = if let Some((system, address)) = repository {
        let at = revision.map(|r| format!("@{r}")).unwrap_or_default();
        // Poetry and pip also take `git@host:path`, which is an address of ssh.
        let address = address.strip_prefix("git+").unwrap_or(address);
        match address.contains("://") {
            true => place(&format!("{system}+{address}{at}"), false),
            false => place(
                &format!("{system}+ssh://{}{at}", address.replacen(':', "/", 1)),
                false,
            ),
        }
    } else if let Some(url) = text("url") {
        place(url, false)
    } else if let Some(path) = text("path").or_else(|| text("file")) {
        let editable = ["editable", "develop"]
            .iter()
            .any(|key| table.get(key).and_then(Node::as_bool) == Some(true));
        place(path, editable)
    } else {
        return false;
    };
    component.version = found.version.filter(|v| parse(v).is_some());
    component.bucket = match component.version {
        Some(_) => Bucket::Exact,
        None => unauditable(found.why),
    };
    component.source = found.source;
    component.hashes.extend(found.hashes);
    true
}

/// An entry of a list that holds requirements, paths and addresses as pip's command line takes them; `-e` in front makes
/// it editable.
pub(super) fn spoken(text: &str, declared: Location) -> Result<Component, String> {
    let text = text.trim();
    let editable = ["-e ", "--editable ", "--editable="]
        .iter()
        .find_map(|option| text.strip_prefix(option));
    let mut found = component(editable.unwrap_or(text).trim(), editable.is_some(), declared)?;
    found.direct = Some(true);
    Ok(found)
}

/// The channel, index or folder that a file's address lies in: all but the last `parts` parts of its path.
pub(super) fn above(url: &str, parts: usize) -> Option<String> {
    let bare = url.split(['#', '?']).next().unwrap_or_default();
    let mut out = bare.trim_end_matches('/');
    for _ in 0..parts {
        out = out.rsplit_once('/')?.0;
    }
    let (scheme, rest) = out.split_once("://").unwrap_or(("", out));
    (!rest.is_empty() && (scheme.is_empty() != bare.contains("://"))).then(|| out.to_owned())
}

/// Whether a text can be a name of conda: those of Python, and a leading underscore.
pub(super) fn is_conda_name(text: &str) -> bool {
    let bare = text.trim_start_matches('_');
    is_valid(bare.trim_end_matches(['_', '-', '.', '+'])) && !bare.starts_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_cut_out_of_addresses() {
        for (url, parts, expected) in [
            (
                "https://h.example/conda-forge/linux-64/a-1-0.conda",
                2,
                Some("https://h.example/conda-forge"),
            ),
            ("https://h.example/a.conda#abc", 1, Some("https://h.example")),
            ("https://h.example", 2, None),
            ("a", 1, None),
        ] {
            assert_eq!(above(url, parts).as_deref(), expected, "{url}");
        }
    }
}
