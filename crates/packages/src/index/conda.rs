//! Channels of conda: what their names stand for, and `.condarc`, which can change that.

use super::{Address, ChannelPriority, IndexEntry, IndexRole, IndexSettings, Manager, TrustedHost};
use crate::{
    manifest::{Manifest, ManifestKind, Problem},
    well_known,
};
use wellhead_core::{ArtifactPath, Budget, Lines, Location, Outcome, code, escape};
use wellhead_formats::text::{Entry, Node, Value, yaml};

/// A channel as an environment, `.condarc` or pixi names it: a name, or an address.
pub fn channel(text: &str, declared: Location) -> IndexEntry {
    IndexEntry {
        manager: Manager::Conda,
        role: IndexRole::Extra,
        name: Some(escape(&super::mask(text).text)),
        address: channel_address(text, None),
        declared,
    }
}

/// The address of a channel; names belong to `alias`, which is Anaconda's server where nobody said otherwise.
pub(crate) fn channel_address(text: &str, alias: Option<&str>) -> Address {
    let text = text.trim();
    let path = text.starts_with(['/', '.', '~']);
    if text.contains("://") || path {
        return Address::new(text);
    }
    if alias.is_none() && matches!(text, "defaults" | "main" | "anaconda") {
        return Address::new(well_known::CONDA_DEFAULTS);
    }
    let base = alias.unwrap_or(well_known::CONDA).trim_end_matches('/');
    Address::new(&format!("{base}/{text}"))
}

/// Reads `.condarc` or `.mambarc`.
pub fn read_conda_config(artifact: &ArtifactPath, text: &str, budget: &mut Budget) -> Manifest {
    let masked = super::mask(text);
    let text: &str = &masked.text;
    let lines = Lines::new(text);
    let at = |range, label: &str| Location::text_in(artifact, text, &lines, range, label);
    let root = match yaml(text, budget) {
        Ok(root) => root,
        Err(e) => {
            let message = format!("not YAML: {}", e.message);
            let place = at(e.span, &e.message);
            return Manifest::unreadable(ManifestKind::CondaConfig, message, place);
        }
    };
    let mut out = Manifest::new(ManifestKind::CondaConfig);
    for secret in &masked.secrets {
        let place = at(secret.clone(), "a password in plain text");
        out.indexes.credentials.push(place);
    }
    if !matches!(root.value, Value::Table(_) | Value::Null) {
        let place = at(root.span.clone(), "");
        let message = "a configuration of conda is a table".to_owned();
        return Manifest::unreadable(ManifestKind::CondaConfig, message, place);
    }
    if let Err(e) = budget.steps(text.len() as u64) {
        out.outcome = Outcome::NotAnalysed { why: e.to_string() };
        return out;
    }
    for entry in root.entries() {
        option(entry, &at, &mut out);
    }
    out
}

type At<'a> = &'a dyn Fn(std::ops::Range<usize>, &str) -> Location;

fn option(entry: &Entry, at: At<'_>, out: &mut Manifest) {
    let node = &entry.node;
    let settings = &mut out.indexes;
    match entry.key.as_str() {
        "channels" | "channel" => channels(node, at, settings),
        "default_channels" => {
            settings.default_channels.extend(texts(node).map(escape));
            plain(node, at, settings);
        }
        "channel_alias" => {
            settings.channel_alias = node.as_str().map(escape);
            plain(node, at, settings);
        }
        "custom_channels" => {
            plain(node, at, settings);
            let own = node.entries().iter();
            let pairs = own.filter_map(|e| Some((escape(&e.key), escape(e.node.as_str()?))));
            settings.custom_channels.extend(pairs);
        }
        "channel_priority" => {
            let place = at(entry.key_span.start..node.span.end, "");
            match priority(node) {
                Some(how) => settings.channel_priority = Some((how, Some(place))),
                None => out.problems.push(Problem {
                    message: format!(
                        "{} is no `channel_priority`: `strict`, `flexible` or `disabled`",
                        code(node.as_str().unwrap_or("this"))
                    ),
                    at: place,
                }),
            }
        }
        "ssl_verify" if off(node) => settings.trusted_hosts.push(TrustedHost {
            host: "*".to_owned(),
            declared: at(entry.key_span.start..node.span.end, "no certificate is checked"),
        }),
        _ => {}
    }
}

/// Notes the addresses of an option that are plain HTTP.
fn plain(node: &Node, at: At<'_>, settings: &mut IndexSettings) {
    let own = node.entries().iter().map(|e| &e.node);
    for node in std::iter::once(node).chain(node.items()).chain(own) {
        let address = Address::new(node.as_str().unwrap_or_default());
        if address.scheme == "http" && !address.is_local() {
            settings.insecure.push(TrustedHost {
                host: address.shown,
                declared: at(node.span.clone(), "plain HTTP"),
            });
        }
    }
}

/// Takes the `channels` of an environment or a configuration.
pub(crate) fn channels(list: &Node, at: At<'_>, settings: &mut IndexSettings) {
    for node in std::iter::once(list).chain(list.items()) {
        if let Some(text) = node.as_str() {
            let declared = at(node.span.clone(), "named here");
            settings.entries.push(channel(text, declared));
        }
    }
}

fn texts(list: &Node) -> impl Iterator<Item = &str> {
    std::iter::once(list).chain(list.items()).filter_map(Node::as_str)
}

fn priority(node: &Node) -> Option<ChannelPriority> {
    if let Some(on) = node.as_bool() {
        return Some(if on {
            ChannelPriority::Flexible
        } else {
            ChannelPriority::Disabled
        });
    }
    priority_of(node.as_str()?)
}

/// `true` and `false` are the values of old versions.
pub(crate) fn priority_of(text: &str) -> Option<ChannelPriority> {
    match text.to_ascii_lowercase().as_str() {
        "strict" => Some(ChannelPriority::Strict),
        "flexible" | "true" => Some(ChannelPriority::Flexible),
        "disabled" | "false" => Some(ChannelPriority::Disabled),
        _ => None,
    }
}

fn off(node: &Node) -> bool {
    node.as_bool() == Some(false) || node.as_str().is_some_and(is_off)
}

/// Whether a switch is off; YAML of conda knows more words for it than YAML 1.2.
pub(crate) fn is_off(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "false" | "no" | "off" | "0")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Manifest {
        read_conda_config(&ArtifactPath::file(".condarc"), text, &mut Budget::default())
    }

    #[test]
    fn options_are_read() {
        let m = read(
            "channels:\n  - acme\n  - https://u:pw@conda.acme.example/main\n  - conda-forge\nchannel_alias: https://conda.acme.example\ncustom_channels:\n  lab: https://lab.example/channels\ndefault_channels: [https://mirror.acme.example/main]\nchannel_priority: disabled\nssl_verify: no\n",
        );
        let rows: Vec<String> = m
            .indexes
            .entries
            .iter()
            .map(|e| format!("{} {}", e.name.as_deref().unwrap_or("-"), e.address.shown))
            .collect();
        assert_eq!(rows.len(), 3);
        assert!(rows[1].ends_with("https://conda.acme.example/main"), "{rows:?}");
        assert_eq!(
            m.indexes.channel_priority.as_ref().unwrap().0,
            ChannelPriority::Disabled
        );
        assert_eq!(m.indexes.trusted_hosts[0].host, "*");
        assert_eq!(m.indexes.credentials.len(), 1);
        assert_eq!(
            m.indexes.custom_channels,
            [("lab".to_owned(), "https://lab.example/channels".to_owned())]
        );
        assert!(!format!("{m:?}").contains("pw"));
    }

    #[test]
    fn what_cannot_be_understood_is_a_problem() {
        assert_eq!(read("channel_priority: maybe\n").problems.len(), 1);
        assert_eq!(read("- a\n").problems.len(), 1);
        assert_eq!(read("a: [\n").problems.len(), 1);
        assert_eq!(read("").problems.len(), 0);
    }

    proptest! {
        #[test]
        fn never_panics(text in "(channels:|channel_priority: |ssl_verify: |- |\\[|\\]|x|\n| |false|https://a:b@c){0,20}") {
            let _ = read(&text);
        }
    }
}
