//! `pip.conf` and `pip.ini`: sections of options as pip's own parser reads them.
//!
//! `[global]` holds for all commands, and the section of a command takes its place option by option. What holds for
//! `pip install` is what the file says; what another command that fetches packages is told stands beside it.

use super::{Address, IndexEntry, IndexRole, IndexSettings, Manager, TrustedHost, mask};
use crate::manifest::{Manifest, ManifestKind};
use std::{collections::BTreeMap, ops::Range};
use wellhead_core::{ArtifactPath, Budget, Lines, Location, Outcome, escape};

/// Commands that fetch packages besides `install`.
const COMMANDS: &[&str] = &["download", "wheel", "lock"];

/// The options that say where packages come from.
const OPTIONS: &[&str] = &[
    "index-url",
    "extra-index-url",
    "find-links",
    "no-index",
    "require-hashes",
    "trusted-host",
];

/// One line of the value of an option.
struct Said<'t> {
    value: &'t str,
    span: Range<usize>,
}

/// Section to option to what is said of it.
type Sections<'t> = BTreeMap<String, BTreeMap<String, Vec<Said<'t>>>>;

/// Reads a configuration file of pip.
pub fn read_pip_config(artifact: &ArtifactPath, text: &str, budget: &mut Budget) -> Manifest {
    let masked = mask(text);
    let text: &str = &masked.text;
    let lines = Lines::new(text);
    let mut out = Manifest::new(ManifestKind::PipConfig);
    let at = |range, label: &str| Location::text_in(artifact, text, &lines, range, label);
    for secret in &masked.secrets {
        let place = at(secret.clone(), "a password in plain text");
        out.indexes.credentials.push(place);
    }
    if let Err(e) = budget.steps(text.len() as u64) {
        out.outcome = Outcome::NotAnalysed { why: e.to_string() };
        return out;
    }
    let sections = sections(text);
    let credentials = std::mem::take(&mut out.indexes.credentials);
    out.indexes = effective(&sections, "install", &at);
    out.indexes.credentials = credentials;
    for command in COMMANDS {
        let own = sections.get(*command);
        if own.is_some_and(|s| OPTIONS.iter().any(|o| s.contains_key(*o))) {
            let settings = effective(&sections, command, &at);
            let hosts = settings.trusted_hosts.iter();
            let known = |h: &&TrustedHost| !out.indexes.trusted_hosts.contains(h);
            let more: Vec<TrustedHost> = hosts.filter(known).cloned().collect();
            out.indexes.trusted_hosts.extend(more);
            out.indexes.variants.push(((*command).to_owned(), settings));
        }
    }
    out
}

/// The indexes that a configuration of pip names for installing, secrets and all, for those who ask them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Configured {
    /// What takes the place of the public index.
    pub index: Option<String>,
    /// What is asked as well; `None` where nothing is said of it.
    pub extra: Option<Vec<String>>,
    /// No index is to be asked at all.
    pub no_index: Option<bool>,
}

/// Reads the indexes of a configuration file of pip as they are written.
pub fn configured(text: &str) -> Configured {
    let sections = sections(text);
    let values = |option: &str| -> Option<Vec<String>> {
        let of = |section: &str| sections.get(section).and_then(|s| s.get(option));
        let said = of("install").or_else(|| of("global"))?;
        let words = said.iter().flat_map(|s| s.value.split_whitespace());
        Some(words.map(str::to_owned).collect())
    };
    Configured {
        index: values("index-url").and_then(|v| v.into_iter().next()),
        extra: values("extra-index-url"),
        no_index: values("no-index").map(|v| v.first().is_some_and(|v| is_on(v))),
    }
}

/// The options of all sections; of an option that stands twice in one the last.
fn sections(text: &str) -> Sections<'_> {
    let mut out = Sections::new();
    let mut section = String::new();
    let mut key = String::new();
    let mut start = 0_usize;
    for line in text.split_inclusive('\n') {
        let here = start;
        start = start.saturating_add(line.len());
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        let lead = line.len().saturating_sub(line.trim_start().len());
        let from = here.saturating_add(lead);
        let span = from..from.saturating_add(trimmed.len());
        // An indented line goes on with the value of the option above it.
        if line.starts_with([' ', '\t']) && !key.is_empty() {
            let options = out.entry(section.clone()).or_default();
            options
                .entry(key.clone())
                .or_default()
                .push(Said { value: trimmed, span });
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[') {
            section = name.split(']').next().unwrap_or_default().trim().to_owned();
            key.clear();
            continue;
        }
        let Some((name, value)) = trimmed.split_once(['=', ':']) else {
            continue;
        };
        key = name.trim().to_ascii_lowercase().replace('_', "-");
        let said = Said {
            value: value.trim(),
            span,
        };
        let options = out.entry(section.clone()).or_default();
        options.insert(key.clone(), vec![said]);
    }
    out
}

fn effective(
    sections: &Sections<'_>,
    command: &str,
    at: &dyn Fn(Range<usize>, &str) -> Location,
) -> IndexSettings {
    let mut out = IndexSettings::default();
    for option in OPTIONS {
        let of = |section: &str| sections.get(section).and_then(|s| s.get(*option));
        for said in of(command).or_else(|| of("global")).into_iter().flatten() {
            take(option, said, at, &mut out);
        }
    }
    // In the order of the text, as everywhere.
    out.entries.sort_by_key(|e| e.declared.offset());
    out
}

fn take(option: &str, said: &Said<'_>, at: &dyn Fn(Range<usize>, &str) -> Location, out: &mut IndexSettings) {
    let role = match option {
        "index-url" => Some(IndexRole::Default),
        "extra-index-url" => Some(IndexRole::Extra),
        "find-links" => Some(IndexRole::FindLinks),
        _ => None,
    };
    for word in said.value.split_whitespace() {
        if let Some(role) = role {
            out.entries.push(IndexEntry {
                manager: Manager::Pip,
                role,
                name: None,
                address: Address::new(word),
                declared: at(said.span.clone(), "named here"),
            });
        } else if option == "trusted-host" {
            out.trusted_hosts.push(TrustedHost {
                host: escape(word),
                declared: at(said.span.clone(), "its certificate is not checked"),
            });
        }
    }
    let on = is_on(said.value);
    out.no_index |= option == "no-index" && on;
    out.require_hashes |= option == "require-hashes" && on;
}

fn is_on(value: &str) -> bool {
    matches!(
        value.to_ascii_lowercase().as_str(),
        "1" | "true" | "yes" | "on" | "y" | "t"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_ask_get_the_address_as_it_is_written() {
        let found = configured(
            "[global]\nindex-url = https://u:pw@a.example/simple\n[install]\nextra-index-url =\n  https://b.example\n  https://c.example\nno-index = no\n",
        );
        assert_eq!(found.index.as_deref(), Some("https://u:pw@a.example/simple"));
        assert_eq!(found.extra.map(|e| e.len()), Some(2));
        assert_eq!(found.no_index, Some(false));
        assert!(configured("").index.is_none());
    }

    #[test]
    fn sections_options_and_continued_values_are_read() {
        let text = "[global]\nindex-url = https://u:pw@pypi.example/simple\nextra_index_url =\n    https://a.example/simple\n    https://b.example/simple\n[install]\ntrusted-host: pypi.example\nno-index = yes\n";
        let m = read_pip_config(&ArtifactPath::file("pip.conf"), text, &mut Budget::default());
        let rows: Vec<String> = m
            .indexes
            .entries
            .iter()
            .map(|e| format!("{:?} {}", e.role, e.address.shown))
            .collect();
        insta::assert_snapshot!(rows.join("\n"), @"
        Default https://pypi.example/simple
        Extra https://a.example/simple
        Extra https://b.example/simple
        ");
        assert_eq!(m.indexes.trusted_hosts[0].host, "pypi.example");
        assert!(m.indexes.no_index && m.indexes.credentials.len() == 1);
    }

    #[test]
    fn the_section_of_a_command_goes_before_the_global_one() {
        let text = "[global]\nindex-url = https://a.example/simple\nextra-index-url = https://b.example/simple\n[install]\nextra-index-url = https://c.example/simple\n[download]\nindex-url = https://d.example/simple\n[list]\nindex-url = https://e.example/simple\n";
        let m = read_pip_config(&ArtifactPath::file("pip.conf"), text, &mut Budget::default());
        let shown =
            |s: &IndexSettings| -> Vec<String> { s.entries.iter().map(|e| e.address.host.clone()).collect() };
        assert_eq!(shown(&m.indexes), ["a.example", "c.example"]);
        let [(name, download)] = m.indexes.variants.as_slice() else {
            panic!()
        };
        assert_eq!(name, "download");
        assert_eq!(shown(download), ["b.example", "d.example"]);
    }
}
