//! What conda calls a match spec: `channel::name=version=build`, `name>=1,<2`, `name[version='…']`, an address of a file.
//!
//! `=1.2` means "1.2 and whatever begins so". With three numbers or more nothing else is published that could be meant,
//! so `=1.24.0` counts as that version, as `==1.24.0` and `=1.24.0=build` do; `=1.24` is a range.

use super::{
    parts::{above, bare_conda, is_conda_name, set_version},
    requirement::specifiers,
};
use crate::{index::Address, well_known};
use wellhead_core::{Component, Digest, Location, Source, code, escape};

/// Longest text that is read as a match spec.
const MAX_SPEC: usize = 4 << 10;

/// Which versions are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Versions {
    /// All of them.
    Any,
    /// One.
    Exact(String),
    /// Some, as a specifier of PEP 440 where one says the same, and else as written.
    Some(String),
}

/// Reads a match spec as a component.
pub(super) fn component(text: &str, declared: Location) -> Result<Component, String> {
    let fail = |why: &str| Err(format!("{} is no conda package: {why}", code(text)));
    if text.len() > MAX_SPEC {
        return fail("it is too long");
    }
    let spec = text.trim();
    let (channel, spec) = match spec.rsplit_once("::") {
        Some((channel, rest)) if !rest.contains("://") => (Some(channel.trim()), rest.trim()),
        _ => (None, spec),
    };
    if spec.contains("://") || is_archive(spec) {
        return match from_address(spec, declared) {
            Some(component) => Ok(component),
            None => fail("its address names no package"),
        };
    }
    let (body, bracket) = match spec.split_once('[') {
        Some((body, rest)) => match rest.split_once(']') {
            Some((inner, behind)) if behind.trim().is_empty() => (body.trim(), Some(inner)),
            _ => return fail("malformed brackets"),
        },
        None => (spec, None),
    };
    let end = body
        .find(|c: char| c.is_whitespace() || matches!(c, '=' | '<' | '>' | '!' | '~'))
        .unwrap_or(body.len());
    let (name, rest) = body.split_at_checked(end).unwrap_or((body, ""));
    let mut found = Fields::of(bracket.unwrap_or_default());
    let name = if name.is_empty() {
        found.name.take().unwrap_or_default()
    } else {
        name.to_owned()
    };
    if !is_conda_name(&name) {
        return fail("no package name");
    }
    let versions = match found.version.take() {
        Some(text) => versions(&text, false),
        None => body_versions(rest.trim()),
    };
    let Some(versions) = versions else {
        return fail("malformed version");
    };
    let mut component = bare_conda(&name, declared);
    set_versions(&mut component, versions);
    if let Some(channel) = channel.map(str::to_owned).or(found.channel) {
        // `conda-forge/linux-64` names a platform, too.
        let address = if channel.contains("://") {
            channel.as_str()
        } else {
            channel.split('/').next().unwrap_or_default()
        };
        component.source = Source::Registry {
            url: Some(self::channel(address).shown),
        };
    }
    component.hashes.extend(found.hashes);
    Ok(component)
}

/// Gives a component the versions that are wanted.
pub(super) fn set_versions(component: &mut Component, versions: Versions) {
    match versions {
        Versions::Any => {}
        Versions::Exact(version) => set_version(component, &version),
        Versions::Some(specifier) => component.specifier = Some(escape(&specifier)),
    }
}

/// What stands between the brackets.
#[derive(Default)]
struct Fields {
    name: Option<String>,
    version: Option<String>,
    channel: Option<String>,
    hashes: Vec<Digest>,
}

impl Fields {
    fn of(text: &str) -> Self {
        let mut out = Self::default();
        let mut rest = text.trim();
        while let Some((key, after)) = rest.split_once('=') {
            let after = after.trim_start();
            let quote = after.chars().next().filter(|c| matches!(c, '\'' | '"'));
            let (value, behind) = match quote {
                Some(q) => after
                    .get(1..)
                    .and_then(|inner| inner.split_once(q))
                    .unwrap_or((after, "")),
                None => after.split_once(',').unwrap_or((after, "")),
            };
            let key = key.trim().trim_start_matches(',').trim();
            let value = value.trim().to_owned();
            match key {
                "name" => out.name = Some(value),
                "version" => out.version = Some(value),
                "channel" => out.channel = Some(value),
                "md5" | "sha256" => out.hashes.extend(Digest::parse(&format!("{key}:{value}"))),
                _ => {}
            }
            rest = behind.trim_start().trim_start_matches(',').trim_start();
        }
        out
    }
}

/// The versions behind a name: `=1.2=build`, `==1.2`, `>=1,<2`, or after white space `1.2 build`.
fn body_versions(rest: &str) -> Option<Versions> {
    let (fuzzy, rest) = match rest.strip_prefix('=') {
        Some(after) if !after.starts_with('=') => (true, after.trim()),
        _ => (false, rest),
    };
    if rest.starts_with(['<', '>', '!', '~', '=']) {
        let joined: String = rest.chars().filter(|c| !c.is_whitespace()).collect();
        // `==1.2=build`
        if let Some(exact) = joined.strip_prefix("==")
            && let Some((version, _build)) = exact.split_once('=')
        {
            return versions(version, false);
        }
        return versions(&joined, fuzzy);
    }
    let mut parts = rest.splitn(2, |c: char| c.is_whitespace() || c == '=');
    let version = parts.next().unwrap_or_default();
    let build = parts.next().map(str::trim).filter(|b| !b.is_empty());
    if build.is_some_and(|b| version.is_empty() || b.contains(char::is_whitespace)) {
        return None;
    }
    versions(version, fuzzy && build.is_none_or(|b| b == "*"))
}

/// A version spec as conda has it; `fuzzy` is one behind a single `=`.
pub(super) fn versions(text: &str, fuzzy: bool) -> Option<Versions> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if matches!(text.as_str(), "" | "*") {
        return Some(Versions::Any);
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-+!*<>=~,|()^$".contains(c);
    if !text.chars().all(allowed) {
        return None;
    }
    if text.contains(['|', '(', '^', '$']) {
        return Some(Versions::Some(text));
    }
    let clauses: Vec<&str> = text.split(',').filter(|c| !c.is_empty()).collect();
    if let [one] = clauses.as_slice()
        && let Some(version) = exact(one, fuzzy)
    {
        return Some(Versions::Exact(version));
    }
    let joined: Option<Vec<String>> = clauses.into_iter().map(clause).collect();
    let joined = joined?.join(",");
    // Versions of conda that are none of PEP 440 stay as they were written.
    match specifiers(&joined) {
        Some(wanted) => Some(match super::requirement::exact(&wanted) {
            Some(version) => Versions::Exact(version),
            None => Versions::Some(joined),
        }),
        None => Some(Versions::Some(text)),
    }
}

/// The one version that a clause names.
fn exact(clause: &str, fuzzy: bool) -> Option<String> {
    if clause.contains('*') {
        return None;
    }
    if let Some(version) = clause.strip_prefix("==") {
        return is_version(version).then(|| version.to_owned());
    }
    let (fuzzy, version) = match clause.strip_prefix('=') {
        Some(version) => (true, version),
        None => (fuzzy, clause),
    };
    // Nothing begins with what has a letter at its end, as `2024a` and `1.1.1w` do.
    let whole =
        !fuzzy || version.split('.').count() >= 3 || version.ends_with(|c: char| c.is_ascii_alphabetic());
    (whole && is_version(version)).then(|| version.to_owned())
}

fn is_version(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.contains(|c: char| c.is_ascii_digit())
        && !text.contains(['<', '>', '=', '~', '!'])
        || text.split_once('!').is_some_and(|(epoch, rest)| {
            epoch.bytes().all(|b| b.is_ascii_digit()) && !rest.is_empty() && is_version(rest)
        })
}

/// One clause in the words of PEP 440.
fn clause(text: &str) -> Option<String> {
    let bare = text.trim_end_matches('*').trim_end_matches('.');
    let starred = bare.len() < text.len();
    for op in ["==", "!=", ">=", "<=", "~=", ">", "<"] {
        if let Some(version) = bare.strip_prefix(op) {
            let star = if starred && matches!(op, "==" | "!=") {
                ".*"
            } else {
                ""
            };
            return is_version(version).then(|| format!("{op}{version}{star}"));
        }
    }
    let version = bare.strip_prefix('=').unwrap_or(bare);
    if version.is_empty() {
        return Some(String::new());
    }
    is_version(version).then(|| format!("=={version}.*"))
}

fn is_archive(text: &str) -> bool {
    let bare = text.split('#').next().unwrap_or_default();
    bare.ends_with(".conda") || bare.ends_with(".tar.bz2")
}

/// The package that a file's address names: `…/channel/linux-64/numpy-1.24.0-py311_0.conda#md5`.
pub(super) fn from_address(text: &str, declared: Location) -> Option<Component> {
    let (url, fragment) = text.split_once('#').unwrap_or((text, ""));
    let file = url.split('?').next()?.rsplit(['/', '\\']).next()?;
    let stem = file
        .strip_suffix(".conda")
        .or_else(|| file.strip_suffix(".tar.bz2"))?;
    let mut parts = stem.rsplitn(3, '-');
    let (_build, version, name) = (parts.next()?, parts.next()?, parts.next()?);
    if !is_conda_name(name) {
        return None;
    }
    let mut component = bare_conda(name, declared);
    set_version(&mut component, version);
    component.hashes.extend(digest(fragment));
    component.source = match url.contains("://") {
        true => Source::Registry {
            url: above(&Address::new(url).shown, 2),
        },
        false => Source::Path {
            path: escape(url),
            editable: false,
        },
    };
    Some(component)
}

/// `md5`, `sha256:…`, or digits alone, as explicit files have them.
fn digest(fragment: &str) -> Option<Digest> {
    let bare = fragment.trim();
    match bare.len() {
        32 => Digest::parse(&format!("md5:{bare}")),
        64 => Digest::parse(&format!("sha256:{bare}")),
        _ => Digest::parse(bare),
    }
}

/// Where a channel is that may have only a name.
pub(super) fn channel(text: &str) -> Address {
    let text = text.trim();
    if text.contains("://") || text.starts_with(['/', '.', '~']) {
        return Address::new(text);
    }
    if text == "defaults" {
        return Address::new(well_known::CONDA_DEFAULTS);
    }
    Address::new(&format!("{}/{text}", well_known::CONDA))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use wellhead_core::ArtifactPath;

    #[test]
    fn specs_are_read() {
        let at = || Location::whole(&ArtifactPath::file("environment.yml"), "");
        let rows: Vec<String> = [
            "python=3.11",
            "numpy=1.24.0=py311h64a7726_0",
            "conda-forge::pillow=10.0.0",
            "scikit-learn>=1.3",
            "pip",
            "scipy >=1.10, <2",
            "scipy 1.10.1",
            "scipy 1.10.* py310_0",
            "scipy==1.10.1",
            "scipy==1.10.1=py_0",
            "scipy=1.10.*",
            "scipy=1.10*",
            "scipy!=1.10",
            "scipy~=1.10",
            "scipy=1.9|1.10",
            "pytorch[version='>=2.1,<3', build=cuda*]",
            "pytorch=2.1[build='*cuda*']",
            "conda-forge/linux-64::_libgcc_mutex=0.1=conda_forge",
            "https://ch.example/team::tool=1.0",
            "openssl=1.1.1w",
            "tzdata=2024a",
            "https://h.example/conda-forge/linux-64/numpy-1.24.0-py311_0.conda#0123456789abcdef0123456789abcdef",
            "*[name=a, version=1.0]",
            "a[version=",
            "-x",
            "a =",
            "a=1.0 ; rm",
            "plain words here",
            "a >= banana?",
            "1",
        ]
        .iter()
        .map(|t| match component(t, at()) {
            Err(e) => format!("{t}\n    error: {e}"),
            Ok(c) => format!(
                "{t}\n    {} {} {} {:?}",
                c.name,
                c.version.as_deref().unwrap_or("-"),
                c.specifier.as_deref().unwrap_or("-"),
                c.source
            ),
        })
        .collect();
        insta::assert_snapshot!(rows.join("\n"), @r#"
        python=3.11
            python - ==3.11.* Registry { url: None }
        numpy=1.24.0=py311h64a7726_0
            numpy 1.24.0 - Registry { url: None }
        conda-forge::pillow=10.0.0
            pillow 10.0.0 - Registry { url: Some("https://conda.anaconda.org/conda-forge") }
        scikit-learn>=1.3
            scikit-learn - >=1.3 Registry { url: None }
        pip
            pip - - Registry { url: None }
        scipy >=1.10, <2
            scipy - >=1.10,<2 Registry { url: None }
        scipy 1.10.1
            scipy 1.10.1 - Registry { url: None }
        scipy 1.10.* py310_0
            scipy - ==1.10.* Registry { url: None }
        scipy==1.10.1
            scipy 1.10.1 - Registry { url: None }
        scipy==1.10.1=py_0
            scipy 1.10.1 - Registry { url: None }
        scipy=1.10.*
            scipy - ==1.10.* Registry { url: None }
        scipy=1.10*
            scipy - ==1.10.* Registry { url: None }
        scipy!=1.10
            scipy - !=1.10 Registry { url: None }
        scipy~=1.10
            scipy - ~=1.10 Registry { url: None }
        scipy=1.9|1.10
            scipy - 1.9|1.10 Registry { url: None }
        pytorch[version='>=2.1,<3', build=cuda*]
            pytorch - >=2.1,<3 Registry { url: None }
        pytorch=2.1[build='*cuda*']
            pytorch - ==2.1.* Registry { url: None }
        conda-forge/linux-64::_libgcc_mutex=0.1=conda_forge
            _libgcc_mutex 0.1 - Registry { url: Some("https://conda.anaconda.org/conda-forge") }
        https://ch.example/team::tool=1.0
            tool - ==1.0.* Registry { url: Some("https://ch.example/team") }
        openssl=1.1.1w
            openssl 1.1.1w - Registry { url: None }
        tzdata=2024a
            tzdata 2024a - Registry { url: None }
        https://h.example/conda-forge/linux-64/numpy-1.24.0-py311_0.conda#0123456789abcdef0123456789abcdef
            numpy 1.24.0 - Registry { url: Some("https://h.example/conda-forge") }
        *[name=a, version=1.0]
            error: `*[name=a, version=1.0]` is no conda package: no package name
        a[version=
            error: `a[version=` is no conda package: malformed brackets
        -x
            error: `-x` is no conda package: no package name
        a =
            a - - Registry { url: None }
        a=1.0 ; rm
            error: `a=1.0 ; rm` is no conda package: malformed version
        plain words here
            error: `plain words here` is no conda package: malformed version
        a >= banana?
            error: `a >= banana?` is no conda package: malformed version
        1
            1 - - Registry { url: None }
        "#);
    }

    proptest! {
        #[test]
        fn never_panics(text in "[a1\\[\\]'=<>!~.*|,:#/ \u{e9}-]{0,40}") {
            let _ = component(&text, Location::whole(&ArtifactPath::file("e"), ""));
        }
    }
}
