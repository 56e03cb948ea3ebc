//! What an archive is, by the names of its members, and where an installer would put each of them.

use super::DistributionKind;
use std::collections::BTreeSet;

/// What an archive was taken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The kind of distribution.
    pub kind: DistributionKind,
    /// The folder in which all of it lies, with its slash; empty where there is none.
    pub root: String,
}

/// Takes an archive that is called `file` for a distribution, by the names of its members; `None` where it is none.
pub fn recognise<'a>(file: &str, names: impl IntoIterator<Item = &'a str>) -> Option<Shape> {
    let lower = file.to_ascii_lowercase();
    let mut seen = Seen::default();
    for name in names {
        seen.take(name);
    }
    let flat = |kind| {
        Some(Shape {
            kind,
            root: String::new(),
        })
    };
    let ends = |endings: &[&str]| endings.iter().any(|e| lower.ends_with(e));
    if ends(&[".whl"]) {
        return flat(DistributionKind::Wheel);
    }
    if ends(&[".egg"]) || seen.egg {
        return flat(DistributionKind::Egg);
    }
    if seen.index || seen.packed || ends(&[".conda"]) {
        return flat(DistributionKind::Conda);
    }
    match seen.infos.len() {
        0 => {}
        1 if seen.wheel => return flat(DistributionKind::Wheel),
        _ => return flat(DistributionKind::Installed),
    }
    if ends(&[".pyz", ".pyzw"]) || seen.main {
        return flat(DistributionKind::Pyz);
    }
    if seen.flat {
        return flat(DistributionKind::Folder);
    }
    let root = seen.root.filter(|_| !seen.several)?;
    let kind = match (seen.described, seen.project) {
        (true, _) => DistributionKind::Sdist,
        (false, true) if is_release(&lower) => DistributionKind::Sdist,
        // What a forge packs of a repository is installed from as well as a release.
        (false, true) => DistributionKind::Folder,
        // It has the name of a release and Python in it; that an installer would refuse it makes it no better.
        (false, false) if is_release(&lower) && seen.python => DistributionKind::Folder,
        (false, false) => return None,
    };
    Some(Shape { kind, root })
}

/// Whether a name is that of a release: `acme-1.0.tar.gz`.
fn is_release(lower: &str) -> bool {
    archive_stem(lower)
        .and_then(|stem| stem.rsplit_once('-'))
        .is_some_and(|(_, version)| version.starts_with(|c: char| c.is_ascii_digit()))
}

/// The name of a source archive without its extension.
pub(super) fn archive_stem(file: &str) -> Option<&str> {
    const ENDINGS: [&str; 9] = [
        ".tar.gz",
        ".tgz",
        ".tar.bz2",
        ".tar.xz",
        ".tar.zst",
        ".tar.z",
        ".tar",
        ".zip",
        ".tar.lzma",
    ];
    ENDINGS.iter().find_map(|e| file.strip_suffix(e))
}

#[derive(Default)]
struct Seen {
    root: Option<String>,
    several: bool,
    egg: bool,
    index: bool,
    packed: bool,
    wheel: bool,
    main: bool,
    /// There is a `PKG-INFO` in the folder of all.
    described: bool,
    /// There is a file that builds in the folder of all.
    project: bool,
    /// There is one with no folder round it.
    flat: bool,
    /// There is a file of Python.
    python: bool,
    infos: BTreeSet<String>,
}

impl Seen {
    fn take(&mut self, name: &str) {
        let name = name.trim_start_matches("./");
        let (first, rest) = name.split_once('/').unwrap_or(("", name));
        if name.is_empty() {
            return;
        }
        match &self.root {
            // What a tar archive of a Mac, or of git, puts beside its one folder is none of it.
            _ if name == "pax_global_header" || first == "__MACOSX" => {}
            None if !first.is_empty() => self.root = Some(format!("{first}/")),
            Some(root) if root.trim_end_matches('/') == first => {}
            _ => self.several = true,
        }
        self.python |= name.ends_with(".py");
        self.egg |= first == "EGG-INFO";
        self.index |= name == "info/index.json";
        self.packed |= first.is_empty() && name.starts_with("pkg-") && name.contains(".tar");
        self.main |= matches!(name, "__main__.py" | "__main__.pyc");
        if let Some(stem) = first.strip_suffix(".dist-info") {
            if matches!(rest, "WHEEL" | "RECORD" | "METADATA") && self.infos.len() < 16 {
                self.infos.insert(stem.to_owned());
            }
            self.wheel |= rest == "WHEEL";
        }
        self.described |= rest == "PKG-INFO" && !first.is_empty();
        let builds = matches!(rest, "setup.py" | "pyproject.toml" | "setup.cfg");
        self.project |= builds && !first.is_empty();
        self.flat |= builds && first.is_empty();
    }
}

/// Where an installer puts a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// Below the folder that Python imports from.
    Site(&'a str),
    /// Among the commands.
    Command(&'a str),
    /// Below the prefix of the environment.
    Prefix(&'a str),
    /// Into the folder of headers.
    Header,
    /// What tells of the distribution.
    Info(&'a str),
    /// Source that is not installed as it is, by its path below the folder of all.
    Source(&'a str),
}

/// Where the member of that path goes.
pub(super) fn place<'a>(kind: DistributionKind, root: &str, path: &'a str) -> Place<'a> {
    let path = path.trim_start_matches("./");
    match kind {
        DistributionKind::Wheel => wheel(path),
        DistributionKind::Egg => match path.strip_prefix("EGG-INFO/") {
            Some(rest) => match rest.strip_prefix("scripts/") {
                Some(script) => Place::Command(script),
                None => Place::Info(rest),
            },
            None => Place::Site(path),
        },
        DistributionKind::Conda => conda(path),
        DistributionKind::Installed => match info(path) {
            Some(rest) => Place::Info(rest),
            None => Place::Site(path),
        },
        DistributionKind::Pyz => Place::Site(path),
        DistributionKind::Sdist | DistributionKind::Folder => {
            Place::Source(path.strip_prefix(root).unwrap_or(path))
        }
    }
}

/// The path below a `.dist-info` or `.egg-info` at the top.
fn info(path: &str) -> Option<&str> {
    let (first, rest) = path.split_once('/')?;
    (first.ends_with(".dist-info") || first.ends_with(".egg-info")).then_some(rest)
}

fn wheel(path: &str) -> Place<'_> {
    if let Some(rest) = info(path) {
        return Place::Info(rest);
    }
    if let Some((first, rest)) = path.split_once('/')
        && first.ends_with(".data")
        && let Some((scheme, rest)) = rest.split_once('/')
    {
        return match scheme {
            "purelib" | "platlib" => Place::Site(rest),
            "scripts" => Place::Command(rest),
            "headers" => Place::Header,
            // The scheme is the prefix, from which everything can be reached.
            "data" => below_prefix(rest),
            _ => Place::Site(path),
        };
    }
    Place::Site(path)
}

/// A path below the prefix of an environment: the folder of packages and that of commands can be reached through it.
fn below_prefix(path: &str) -> Place<'_> {
    for folder in ["bin/", "Scripts/", "scripts/"] {
        if let Some(rest) = path.strip_prefix(folder) {
            return Place::Command(rest);
        }
    }
    for marker in ["site-packages/", "dist-packages/"] {
        if let Some(at) = path.find(marker)
            && at
                .checked_sub(1)
                .is_none_or(|before| path.as_bytes().get(before) == Some(&b'/'))
        {
            let rest = path.get(at.saturating_add(marker.len())..).unwrap_or_default();
            return match info(rest) {
                Some(rest) => Place::Info(rest),
                None => Place::Site(rest),
            };
        }
    }
    Place::Prefix(path)
}

fn conda(path: &str) -> Place<'_> {
    if let Some(rest) = path.strip_prefix("info/") {
        return Place::Info(rest);
    }
    if let Some(rest) = path.strip_prefix("python-scripts/") {
        return Place::Command(rest);
    }
    below_prefix(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_told_by_their_members_and_wheels_by_their_name() {
        let kind =
            |file: &str, names: &[&str]| recognise(file, names.iter().copied()).map(|s| (s.kind, s.root));
        let flat = |kind| Some((kind, String::new()));
        for (file, names, expected) in [
            (
                "a-1-py3-none-any.whl",
                &["x.py"][..],
                flat(DistributionKind::Wheel),
            ),
            (
                "blob",
                &["a/__init__.py", "a-1.dist-info/WHEEL", "a-1.dist-info/RECORD"],
                flat(DistributionKind::Wheel),
            ),
            (
                "site.zip",
                &["a-1.dist-info/METADATA", "b-1.dist-info/METADATA"],
                flat(DistributionKind::Installed),
            ),
            (
                "a.zip",
                &["EGG-INFO/PKG-INFO", "a.py"],
                flat(DistributionKind::Egg),
            ),
            (
                "a.tar.bz2",
                &["info/index.json", "lib/x"],
                flat(DistributionKind::Conda),
            ),
            (
                "a.zip",
                &["metadata.json", "pkg-a-1-0.tar.zst", "info-a-1-0.tar.zst"],
                flat(DistributionKind::Conda),
            ),
            ("app", &["__main__.py", "a/b.py"], flat(DistributionKind::Pyz)),
            (
                "a-1.0.tar.gz",
                &["a-1.0/setup.py", "a-1.0/a.py"],
                Some((DistributionKind::Sdist, "a-1.0/".to_owned())),
            ),
            (
                "x.tar",
                &["./a-1.0/PKG-INFO", "./a-1.0/a.py"],
                Some((DistributionKind::Sdist, "a-1.0/".to_owned())),
            ),
            (
                "main.zip",
                &["repo-main/setup.py"],
                Some((DistributionKind::Folder, "repo-main/".to_owned())),
            ),
            ("x.zip", &["setup.py", "a/x.py"], flat(DistributionKind::Folder)),
            ("a-1.0.tar.gz", &["a/setup.py", "b/x"], None),
            ("photos.zip", &["1.png", "2.png"], None),
        ] {
            assert_eq!(kind(file, names), expected, "{file} {names:?}");
        }
    }

    #[test]
    fn an_installer_puts_members_where_it_does() {
        use Place as P;
        let wheel = |path| place(DistributionKind::Wheel, "", path);
        assert_eq!(wheel("a/b.py"), P::Site("a/b.py"));
        assert_eq!(wheel("a-1.data/purelib/x.pth"), P::Site("x.pth"));
        assert_eq!(wheel("a-1.data/scripts/pip"), P::Command("pip"));
        assert_eq!(
            wheel("a-1.data/data/lib/python3.12/site-packages/x.pth"),
            P::Site("x.pth")
        );
        assert_eq!(
            wheel("a-1.data/data/etc/jupyter/x.json"),
            P::Prefix("etc/jupyter/x.json")
        );
        assert_eq!(wheel("a-1.dist-info/RECORD"), P::Info("RECORD"));
        let conda = |path| place(DistributionKind::Conda, "", path);
        assert_eq!(conda("bin/.a-post-link.sh"), P::Command(".a-post-link.sh"));
        assert_eq!(conda("lib/python3.12/site-packages/a.py"), P::Site("a.py"));
        assert_eq!(conda("site-packages/a.py"), P::Site("a.py"));
        assert_eq!(conda("xsite-packages/a.py"), P::Prefix("xsite-packages/a.py"));
    }
}
