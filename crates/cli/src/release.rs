//! `pypi:name==version`: the files of a release, from the indexes that pip is configured to ask.
//!
//! The one decision: the index is whichever pip would ask, by its variables, then by its files in its order; a name that
//! none of them knows is not looked for elsewhere.

use crate::failure::Failure;
use std::{path::PathBuf, sync::Arc};
use wellhead_core::code;
use wellhead_engine::Listing;
use wellhead_packages::{
    index::{Configured, PUBLIC_INDEX, choose, configured},
    normalise,
};
use wellhead_sources::{Network, Secret, offered};

/// Largest configuration of pip that is read.
const MAX_CONFIG: u64 = 1 << 20;

/// What pip is told about indexes.
#[derive(Clone, Debug, Default)]
pub(crate) struct PipSettings {
    /// `PIP_INDEX_URL`, `PIP_EXTRA_INDEX_URL`, `PIP_NO_INDEX`.
    pub(crate) index: Option<Secret>,
    pub(crate) extra: Option<Secret>,
    pub(crate) no_index: bool,
    /// Its configuration files; the later go before the earlier.
    pub(crate) files: Vec<PathBuf>,
}

impl PipSettings {
    /// The settings of a process; `text` looks up a variable.
    pub(crate) fn of(text: &dyn Fn(&str) -> Option<String>) -> Self {
        let folder = |name: &str| text(name).map(PathBuf::from);
        let mut files = Vec::new();
        let own = text("PIP_CONFIG_FILE");
        if own.as_deref() != Some("/dev/null") && own.as_deref() != Some("NUL") {
            let base = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")));
            files.extend([
                PathBuf::from("/etc/xdg/pip/pip.conf"),
                PathBuf::from("/etc/pip.conf"),
            ]);
            files.extend(folder("HOME").map(|home| home.join(".pip/pip.conf")));
            files.extend(base.map(|base| base.join("pip/pip.conf")));
            files.extend(folder("APPDATA").map(|base| base.join("pip/pip.ini")));
            files.extend(folder("VIRTUAL_ENV").map(|venv| venv.join("pip.conf")));
            files.extend(own.map(PathBuf::from));
        }
        Self {
            index: text("PIP_INDEX_URL").map(Secret),
            extra: text("PIP_EXTRA_INDEX_URL").map(Secret),
            no_index: text("PIP_NO_INDEX")
                .is_some_and(|v| !matches!(v.as_str(), "0" | "false" | "no" | "off")),
            files,
        }
    }

    /// The indexes in the order in which they are asked.
    fn indexes(&self) -> Result<Vec<Secret>, Failure> {
        let mut said = Configured::default();
        for file in &self.files {
            let Ok(bytes) = wellhead_sources::read_bounded(file, MAX_CONFIG) else {
                continue;
            };
            let one = configured(&String::from_utf8_lossy(&bytes));
            said.index = one.index.or(said.index);
            said.extra = one.extra.or(said.extra);
            said.no_index = one.no_index.or(said.no_index);
        }
        if self.no_index || said.no_index == Some(true) {
            return Err(Failure::new("pip is configured to ask no index")
                .hint("unset `PIP_NO_INDEX`, or audit a file"));
        }
        let own = self.index.as_ref().map(|s| s.0.clone());
        let index = own.or(said.index).unwrap_or_else(|| PUBLIC_INDEX.to_owned());
        let told = self.extra.as_ref();
        let told = told.map(|s| s.0.split_whitespace().map(str::to_owned).collect());
        let extra: Vec<String> = told.or(said.extra).unwrap_or_default();
        Ok(std::iter::once(index).chain(extra).map(Secret).collect())
    }
}

/// The files of a release that are looked at, and what is worth knowing about them.
pub(crate) fn listing(
    project: &str,
    version: Option<&str>,
    all: bool,
    settings: &PipSettings,
    network: &Arc<Network>,
) -> Result<(Listing, Vec<String>), Failure> {
    let name = normalise(project);
    let offered = offered(network, &settings.indexes()?, &name)?;
    let files: Vec<(&str, bool)> = offered.iter().map(|o| (o.file.as_str(), o.yanked)).collect();
    let choice = choose(&name, version, &files, all).map_err(|there| {
        let wanted = version.map_or_else(String::new, |v| format!(" {v}"));
        let hint = if there.is_empty() {
            "the index lists no files that pip would take".to_owned()
        } else {
            let there: Vec<String> = there.iter().map(|v| code(v)).collect();
            format!("the newest there are: {}", there.join(", "))
        };
        Failure::new(format!("the index has no {}", code(&format!("{name}{wanted}")))).hint(hint)
    })?;
    let target = format!("pypi:{name}=={}", choice.version);
    let chosen: Vec<_> = choice.files.iter().filter_map(|at| offered.get(*at)).collect();
    let mut notes = Vec::new();
    let names: Vec<String> = chosen.iter().map(|o| code(&o.file)).collect();
    notes.push(format!(
        "{} of {}: {}",
        code(&target),
        hosts(&chosen),
        names.join(", ")
    ));
    if choice.left_out > 0 {
        notes.push(format!(
            "{} more files of the release, for other platforms and Pythons, were not looked at: `--full` does",
            choice.left_out
        ));
    }
    if chosen.iter().any(|o| o.yanked) {
        notes.push("this release was taken back by its authors".to_owned());
    }
    let mut entries: Vec<_> = chosen.iter().map(|o| o.entry()).collect();
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    // Of two indexes with a file of one name pip takes the first.
    entries.dedup_by(|later, first| later.path == first.path);
    let listing = Listing {
        prefix: None,
        target,
        entries,
    };
    Ok((listing, notes))
}

fn hosts(chosen: &[&wellhead_sources::Offered]) -> String {
    let mut all: Vec<String> = chosen.iter().map(|o| code(&o.index)).collect();
    all.sort();
    all.dedup();
    all.join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_go_before_files_and_later_files_before_earlier() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            wellhead_sources::write_atomically(&path, text.as_bytes(), false).unwrap();
            path
        };
        let files = vec![
            file(
                "a",
                "[global]\nindex-url = https://a.example/simple\nextra-index-url = https://x.example\n",
            ),
            file("b", "[global]\nindex-url = https://b.example/simple\n"),
            folder.path().join("missing"),
        ];
        let shown = |settings: &PipSettings| -> Vec<String> {
            settings.indexes().unwrap().into_iter().map(|s| s.0).collect()
        };
        let mut settings = PipSettings {
            files,
            ..PipSettings::default()
        };
        assert_eq!(
            shown(&settings),
            ["https://b.example/simple", "https://x.example"]
        );
        settings.index = Some(Secret("https://c.example".to_owned()));
        settings.extra = Some(Secret("https://d.example https://e.example".to_owned()));
        assert_eq!(
            shown(&settings),
            ["https://c.example", "https://d.example", "https://e.example"]
        );
        assert_eq!(shown(&PipSettings::default()), [PUBLIC_INDEX]);
        settings.no_index = true;
        assert!(settings.indexes().is_err());
    }

    #[test]
    fn the_variables_name_the_files() {
        let of = |pairs: &'static [(&str, &str)]| {
            PipSettings::of(&|name: &str| {
                pairs
                    .iter()
                    .find(|(n, _)| *n == name)
                    .map(|(_, v)| (*v).to_owned())
            })
        };
        let settings = of(&[
            ("HOME", "/h"),
            ("PIP_CONFIG_FILE", "/c/pip.conf"),
            ("PIP_NO_INDEX", "0"),
        ]);
        assert_eq!(settings.files.last(), Some(&PathBuf::from("/c/pip.conf")));
        assert!(settings.files.contains(&PathBuf::from("/h/.config/pip/pip.conf")) && !settings.no_index);
        assert!(
            of(&[("HOME", "/h"), ("PIP_CONFIG_FILE", "/dev/null")])
                .files
                .is_empty()
        );
    }
}
