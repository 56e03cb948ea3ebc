//! Addresses in the form in which a list of allowed sources compares them: host and path, part by part.

use super::Address;
use crate::well_known;

/// An address or a pattern of addresses, taken apart.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Place {
    /// The scheme, where one is stated.
    pub scheme: Option<String>,
    /// The host and the parts of the path in lower case, what the well-known hosts imply left out.
    pub parts: Vec<String>,
}

impl Place {
    /// An index, a repository or a file: `https://host/path`, `host/path`, `git+ssh://git@host/path`, `git@host:path`.
    pub fn of_address(text: &str) -> Self {
        let mut place = Self::plain(text);
        let host = place.parts.first().map_or("", String::as_str);
        // Files of the public index lie on a host of their own, and its name used to be another.
        if well_known::PYPI_HOSTS.contains(&host) || text.trim() == "pypi" {
            place.parts = Self::plain(well_known::PYPI).parts;
            place.scheme = place.scheme.filter(|s| s == "http");
        }
        place
    }

    /// A channel of conda, by its name or its address.
    pub fn of_channel(text: &str) -> Self {
        let mut place = Self::plain(text);
        let first = place.parts.first().map_or("", String::as_str);
        if well_known::CHANNEL_HOSTS.contains(&first) {
            place.parts.remove(0);
            place.scheme = place.scheme.filter(|s| s == "http");
            // A private channel's address may hold a token.
            if place.parts.first().is_some_and(|p| p == "t") {
                place.parts.drain(..place.parts.len().min(2));
            }
        }
        let default = match place.parts.as_slice() {
            [pkgs, ..] if pkgs == "pkgs" => true,
            [one] => matches!(one.as_str(), "main" | "r" | "msys2" | "anaconda" | "defaults"),
            _ => false,
        };
        if default {
            place.parts = vec!["defaults".to_owned()];
        }
        place
    }

    /// A hub or what lies on it: `hf://owner/name`, `owner/name`, `https://mirror.example`.
    pub fn of_hub(text: &str) -> Self {
        let mut place = Self::plain(text);
        if place.scheme.as_deref() == Some("hf") {
            place.scheme = None;
        }
        let first = place.parts.first().map_or("", String::as_str);
        if well_known::HUB_HOSTS.contains(&first) {
            place.parts.remove(0);
            place.scheme = place.scheme.filter(|s| s == "http");
        }
        if place
            .parts
            .first()
            .is_some_and(|p| matches!(p.as_str(), "datasets" | "models"))
        {
            place.parts.remove(0);
        }
        place
    }

    /// An image by its whole name, without tag and digest: `python` is `docker.io/library/python`.
    pub fn of_image(text: &str) -> Self {
        let text = text.trim();
        let text = text.split_once('@').map_or(text, |(name, _)| name);
        let (head, last) = text
            .rsplit_once('/')
            .map_or(("", text), |(head, last)| (head, last));
        let bare = last.split(':').next().unwrap_or(last);
        // A host alone keeps its port; a name with a dot and no path is no image of the default registry.
        let is_host_alone = head.is_empty() && (bare.contains('.') || bare == "localhost");
        let last = if is_host_alone { last } else { bare };
        let whole = if head.is_empty() {
            last.to_owned()
        } else {
            format!("{head}/{last}")
        };
        let mut place = Self::plain(&whole);
        let first = place.parts.first().map_or("", String::as_str);
        let is_host = first.contains(['.', ':']) || first == "localhost";
        // A pattern of one part without a dot can only be a host's beginning if it is written as one.
        if !is_host && first != "*" {
            if place.parts.len() == 1 {
                place.parts.insert(0, "library".to_owned());
            }
            place.parts.insert(0, well_known::IMAGE_HOST.to_owned());
        } else if well_known::IMAGE_HOSTS.contains(&first)
            && let Some(first) = place.parts.first_mut()
        {
            well_known::IMAGE_HOST.clone_into(first);
        }
        place
    }

    /// An action: `owner/name`, without its reference.
    pub fn of_action(text: &str) -> Self {
        Self::plain(text.split_once('@').map_or(text, |(name, _)| name))
    }

    fn plain(text: &str) -> Self {
        let text = text.trim();
        let text = ["git+", "hg+", "svn+", "bzr+"]
            .iter()
            .find_map(|prefix| text.strip_prefix(prefix))
            .unwrap_or(text);
        let address = Address::new(text);
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, _)) => {
                let rest = address.shown.split_once("://").map_or("", |(_, rest)| rest);
                (Some(scheme.to_ascii_lowercase()), rest.to_owned())
            }
            // `git@host:owner/name` is how ssh writes it.
            None => match text.split_once('@').and_then(|(_, rest)| rest.split_once(':')) {
                Some((host, path)) if !host.contains('/') => {
                    (Some("ssh".to_owned()), format!("{host}/{path}"))
                }
                _ => (None, text.to_owned()),
            },
        };
        let rest = rest
            .split(['?', '#'])
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let mut parts: Vec<String> = rest
            .split('/')
            .filter(|p| !p.is_empty() && *p != ".")
            .map(str::to_owned)
            .collect();
        if let Some(bare) = parts
            .last()
            .and_then(|p| p.strip_suffix(".git"))
            .map(str::to_owned)
            && let Some(last) = parts.last_mut()
        {
            *last = bare;
        }
        Self { scheme, parts }
    }

    /// Whether this pattern is a beginning of a place; `*` stands for any text within one part, a part of nothing but
    /// `**` for anything.
    pub fn covers(&self, place: &Self) -> bool {
        // `..` could lead out of what is allowed.
        if place.parts.iter().any(|p| p == "..") {
            return false;
        }
        let same_way = match (&self.scheme, &place.scheme) {
            (Some(mine), Some(theirs)) => mine == theirs,
            // What names no scheme does not allow the one that anybody in between can change.
            (None, Some(theirs)) => theirs != "http",
            _ => true,
        };
        let mut theirs = place.parts.iter();
        same_way
            && self
                .parts
                .iter()
                .all(|pattern| pattern == "**" || theirs.next().is_some_and(|part| glob(pattern, part)))
    }
}

/// Whether a pattern with `*` fits a text.
pub fn glob(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut last = None;
    for piece in pieces {
        last = Some(piece);
        match rest.find(piece) {
            Some(at) => rest = rest.get(at.saturating_add(piece.len())..).unwrap_or_default(),
            None => return false,
        }
    }
    match last {
        // The last piece has to end the text, wherever it was first found.
        Some(piece) => piece.is_empty() || rest.is_empty() || rest.ends_with(piece),
        None => rest.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Read = fn(&str) -> Place;

    #[test]
    fn an_entry_is_a_beginning() {
        let (address, channel, hub, image): (Read, Read, Read, Read) = (
            Place::of_address,
            Place::of_channel,
            Place::of_hub,
            Place::of_image,
        );
        let slash = format!("{}/", well_known::PYPI);
        let plain = well_known::PYPI.replace("https:", "http:");
        let file = format!("https://{}/packages/a.whl", well_known::PYPI_FILES);
        for (read, pattern, place, covers) in [
            (address, well_known::PYPI, slash.as_str(), true),
            (address, "pypi", well_known::PYPI, true),
            (address, well_known::PYPI, file.as_str(), true),
            (address, well_known::PYPI, plain.as_str(), false),
            (
                address,
                "pypi.acme.example",
                "https://pypi.acme.example/team/simple",
                true,
            ),
            (
                address,
                "pypi.acme.example",
                "http://pypi.acme.example/simple",
                false,
            ),
            (
                address,
                "http://pypi.acme.example",
                "http://pypi.acme.example/simple",
                true,
            ),
            (
                address,
                "pypi.acme.example",
                "https://pypi.acme.example.evil.example/simple",
                false,
            ),
            (
                address,
                "pypi.acme.example",
                "https://user:pw@pypi.acme.example/simple",
                true,
            ),
            (
                address,
                "https://pypi.acme.example/team",
                "https://pypi.acme.example/teams/simple",
                false,
            ),
            (
                address,
                "https://pypi.acme.example/team",
                "https://pypi.acme.example/team/../x",
                false,
            ),
            (
                address,
                "*.acme.example",
                "https://pypi.acme.example/simple",
                true,
            ),
            (address, "*.acme.example", "https://acme.example/simple", false),
            (
                address,
                "github.com/acme",
                "git+https://github.com/Acme/x.git",
                true,
            ),
            (
                address,
                "github.com/acme/*",
                "ssh://git@github.com/acme/x.git",
                true,
            ),
            (address, "github.com/acme", "git@github.com:acme/x.git", true),
            (
                address,
                "github.com/acme",
                "https://github.com/acme-evil/x",
                false,
            ),
            (
                channel,
                "conda-forge",
                "https://conda.anaconda.org/conda-forge/linux-64",
                true,
            ),
            (
                channel,
                "https://conda.anaconda.org/conda-forge",
                "conda-forge",
                true,
            ),
            (channel, "defaults", "https://repo.anaconda.com/pkgs/main", true),
            (
                channel,
                "conda-forge",
                "https://conda.evil.example/conda-forge",
                false,
            ),
            (channel, "conda-forge", "conda-forge-evil", false),
            (channel, "acme", "https://conda.anaconda.org/t/to-ken/acme", true),
            (hub, "hf://acme/*", "acme/bert", true),
            (hub, "acme", "acme/bert", true),
            (hub, "hf://acme/*", "acme-evil/bert", false),
            (hub, "hf://acme", "https://huggingface.co/acme/bert", true),
            (hub, "hf://**", "anybody/anything", true),
            (hub, "hf://acme/*", "https://mirror.example", false),
            (hub, "https://mirror.example", "https://mirror.example/api", true),
            (image, "docker.io/library", "python:3.12", true),
            (image, "docker.io", "acme/tool", true),
            (image, "python", "python:3.12@sha256:00", true),
            (image, "ghcr.io/acme", "ghcr.io/acme/x:1", true),
            (image, "ghcr.io/acme", "ghcr.io/acmee/x:1", false),
            (
                image,
                "registry.acme.example:5000",
                "registry.acme.example:5000/a/b:1",
                true,
            ),
            (image, "docker.io/library", "index.docker.io/library/python", true),
            (image, "docker.io/library", "evil/python", false),
        ] {
            assert_eq!(
                read(pattern).covers(&read(place)),
                covers,
                "{pattern} {place}: {:?}",
                read(place)
            );
        }
    }

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, text, fits) in [
            ("acme-*", "acme-core", true),
            ("acme-*", "acme", false),
            ("*-internal", "a-internal", true),
            ("*-internal", "a-internal-b", false),
            ("a*b*c", "axxbxxc", true),
            ("a*b", "abab", true),
            ("acme", "acme", true),
            ("acme", "acme2", false),
            ("*", "anything", true),
        ] {
            assert_eq!(glob(pattern, text), fits, "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>()) {
            for read in [Place::of_address, Place::of_channel, Place::of_hub, Place::of_image, Place::of_action] {
                let place = read(&text);
                let _ = place.covers(&place);
            }
        }
    }
}
