//! `pip.conf` and `pip.ini`: sections of options as pip's own parser reads them.

use super::{Address, IndexEntry, IndexRole, Manager, TrustedHost, mask};
use crate::manifest::{Manifest, ManifestKind};
use wellhead_core::{ArtifactPath, Budget, Lines, Location, Outcome, escape};

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
    let mut start = 0_usize;
    let mut key = String::new();
    for line in text.split_inclusive('\n') {
        let here = start;
        start = start.saturating_add(line.len());
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';', '[']) {
            if trimmed.starts_with('[') {
                key.clear();
            }
            continue;
        }
        // An indented line goes on with the value of the option above it.
        let value = if line.starts_with([' ', '\t']) && !key.is_empty() {
            trimmed
        } else {
            let Some((name, value)) = trimmed.split_once(['=', ':']) else {
                continue;
            };
            key = name.trim().to_ascii_lowercase().replace('_', "-");
            value.trim()
        };
        let lead = line.len().saturating_sub(line.trim_start().len());
        let from = here.saturating_add(lead);
        let declared = at(from..from.saturating_add(trimmed.len()), "named here");
        let role = match key.as_str() {
            "index-url" => Some(IndexRole::Default),
            "extra-index-url" => Some(IndexRole::Extra),
            "find-links" => Some(IndexRole::FindLinks),
            _ => None,
        };
        for word in value.split_whitespace() {
            if let Some(role) = role {
                out.indexes.entries.push(IndexEntry {
                    manager: Manager::Pip,
                    role,
                    name: None,
                    address: Address::new(word),
                    declared: declared.clone(),
                });
            } else if key == "trusted-host" {
                out.indexes.trusted_hosts.push(TrustedHost {
                    host: escape(word),
                    declared: declared.clone(),
                });
            }
        }
        let on = matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on");
        out.indexes.no_index |= key == "no-index" && on;
        out.indexes.require_hashes |= key == "require-hashes" && on;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
