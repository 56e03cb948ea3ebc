//! What `torch.load` does by default depends on the torch that the project installs.
//!
//! Torch 2.6 loads weights only unless told otherwise, older ones run what the file says. A call that says neither is
//! judged by what the project's own files pin: harmless where every torch that they name is new enough, the full harm
//! where one of them is older, and left open where they do not say.

use std::collections::BTreeSet;
use wellhead_core::{Component, Confidence, Finding, Severity};
use wellhead_packages::PyVersion;

/// The rule, and the property by which it marks calls that leave the choice to torch.
const RULE: &str = "unsafe-torch-load";
const MARK: &str = "default_of_torch";

/// Judges calls of `torch.load` that leave the choice to torch, by the versions of torch among the components.
pub(crate) fn judge(findings: &mut Vec<Finding>, components: &[Component]) {
    if !findings.iter().any(is_open) {
        return;
    }
    let known: BTreeSet<Known> = components
        .iter()
        .filter(|c| c.name == "torch")
        .map(known)
        .collect();
    let old = known.iter().find_map(|k| match k {
        Known::Old(version) => Some(version.clone()),
        _ => None,
    });
    if let Some(version) = old {
        for finding in findings.iter_mut().filter(|f| is_open(f)) {
            finding.severity = Severity::High;
            finding.confidence = Confidence::High;
            finding.notes.push(format!(
                "this project has torch {}, which runs what the checkpoint says",
                wellhead_core::code(&version)
            ));
        }
    } else if !known.is_empty() && known.iter().all(|k| *k == Known::New) {
        findings.retain(|f| !is_open(f));
    }
}

fn is_open(finding: &Finding) -> bool {
    finding.rule == RULE && finding.properties.contains_key(MARK)
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Known {
    Old(String),
    New,
    Unknown,
}

fn known(component: &Component) -> Known {
    // The public part: `2.2.0+cu121` is 2.2.0. Only the first two numbers matter.
    let is_new = |text: &str| {
        let mut numbers = text
            .trim_start_matches('v')
            .split(['.', '+', '-', 'a', 'b', 'r', '*'])
            .map(str::parse::<u32>);
        let major = numbers.next()?.ok()?;
        let minor = numbers.next().and_then(Result::ok).unwrap_or(0);
        Some((major, minor) >= (2, 6))
    };
    if let Some(version) = &component.version {
        let public = PyVersion::new(version).public().map(ToString::to_string);
        return match is_new(public.as_deref().unwrap_or(version)) {
            Some(true) => Known::New,
            Some(false) => Known::Old(version.clone()),
            None => Known::Unknown,
        };
    }
    let Some(specifier) = &component.specifier else {
        return Known::Unknown;
    };
    for clause in specifier.split(',').map(str::trim) {
        let lower = ["~=", "==", ">="].iter().find_map(|op| clause.strip_prefix(op));
        if lower.and_then(|v| is_new(v.trim())) == Some(true) {
            return Known::New;
        }
        // An upper bound below keeps every admitted one old.
        let below = clause.strip_prefix('<').map(|v| v.trim_start_matches('=').trim());
        if let Some(bound) = below
            && (is_new(bound) == Some(false)
                || (bound.trim_end_matches(".0") == "2.6" && !clause.starts_with("<=")))
        {
            return Known::Old(clause.to_owned());
        }
    }
    Known::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;
    use wellhead_core::{ArtifactPath, Budget, Location};
    use wellhead_packages::{ManifestKind, read_manifest};

    #[test]
    fn the_projects_torch_decides() {
        for (requirements, expected) in [
            ("torch==2.2.0\n", "high"),
            ("torch==2.5.1+cu121\n", "high"),
            ("torch<2.6\n", "high"),
            ("torch>=2.0,<2.5\n", "high"),
            ("torch==2.6.0\n", ""),
            ("torch==2.10.1+cu128\n", ""),
            ("torch>=2.6,<3\n", ""),
            ("torch~=2.7\n", ""),
            ("torch==3.0\n", ""),
            ("torch\n", "medium"),
            ("torch>=2.0\n", "medium"),
            ("torch<3\n", "medium"),
            ("numpy==1.0\n", "medium"),
            (
                "torch==2.7.0; python_version>'3.9'\ntorch==2.2.0; python_version<='3.9'\n",
                "high",
            ),
        ] {
            let path = ArtifactPath::file("requirements.txt");
            let manifest = read_manifest(
                ManifestKind::Requirements,
                &path,
                requirements,
                &mut Budget::default(),
            );
            let mut finding = Finding::new(&wellhead_rules::INTERNAL_ERROR, "m", Location::whole(&path, ""))
                .severity(Severity::Medium)
                .property(MARK, true);
            finding.rule = RULE.into();
            let mut findings = vec![finding];
            judge(&mut findings, &manifest.components);
            let said = findings.first().map_or("", |f| f.severity.name());
            assert_eq!(said, expected, "{requirements}");
        }
    }
}
