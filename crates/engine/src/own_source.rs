//! Callables that a pickle names and that the audited project itself defines are judged by that source.
//!
//! A pickle of the project's own class is the most common innocent thing that looks like an attack. Whether it is one
//! is written in the class's own module, which lies in the same target: a module that only computes makes the finding
//! a low one, a module that starts programs or speaks to the network leaves it as it is and says so. The module may be
//! the attacker's, shipped beside the model, so its being there is never enough.

use crate::facts::Fact;
use std::collections::{BTreeMap, BTreeSet};
use wellhead_core::{ArtifactPath, Finding, Severity};
use wellhead_pycode::Capability;

/// The rule whose findings are judged again.
const RULE: &str = "unknown-pickle-import";
/// The property that names the module of a callable.
const MODULE: &str = "module";

/// What a class that only holds state has no need of.
const TELLING: [Capability; 8] = [
    Capability::Execution,
    Capability::Process,
    Capability::Network,
    Capability::FileWrite,
    Capability::Credentials,
    Capability::Deserialize,
    Capability::DynamicImport,
    Capability::Native,
];

/// Judges findings about unknown callables by the project's own modules.
pub(crate) fn judge(findings: &mut [Finding], facts: &[Fact]) {
    let modules: BTreeMap<String, (&ArtifactPath, &BTreeSet<Capability>)> = facts
        .iter()
        .filter_map(|fact| match fact {
            Fact::Module(path, uses) => Some((dotted(path.leaf())?, (path, uses))),
            _ => None,
        })
        .collect();
    for finding in findings.iter_mut().filter(|f| f.rule == RULE) {
        let Some(wanted) = finding.properties.get(MODULE).and_then(|v| v.as_str()) else {
            continue;
        };
        let suffix = format!(".{wanted}");
        let own: Vec<_> = modules
            .iter()
            .filter(|(name, _)| *name == wanted || name.ends_with(&suffix))
            .collect();
        if own.is_empty() {
            continue;
        }
        let telling = own
            .iter()
            .flat_map(|(_, (_, uses))| uses.iter())
            .find(|u| TELLING.contains(u))
            .copied();
        let place = own
            .iter()
            .map(|(_, (path, _))| format!("`{path}`"))
            .collect::<Vec<_>>()
            .join(", ");
        match telling {
            Some(capability) => {
                finding.notes.push(format!(
                    "this project defines it in {place}, which {}",
                    capability.verb()
                ));
            }
            None => {
                finding.severity = finding.severity.min(Severity::Low);
                finding
                    .notes
                    .push(format!("this project defines it in {place}, which only computes"));
            }
        }
    }
}

/// `pkg.sub.mod` of `pkg/sub/mod.py`, `pkg.sub` of `pkg/sub/__init__.py`.
fn dotted(path: &str) -> Option<String> {
    let stem = path.strip_suffix(".py")?;
    let stem = stem.strip_suffix("/__init__").unwrap_or(stem);
    Some(stem.replace('/', "."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wellhead_core::Location;

    fn judged(path: &str, uses: &[Capability], module: &str) -> Finding {
        let artifact = ArtifactPath::file(path);
        let facts = [Fact::Module(artifact.clone(), uses.iter().copied().collect())];
        let mut finding = Finding::new(
            &wellhead_rules::INTERNAL_ERROR,
            "m",
            Location::whole(&artifact, ""),
        )
        .property(MODULE, module);
        finding.rule = RULE.into();
        let mut findings = [finding];
        super::judge(&mut findings, &facts);
        let [finding] = findings;
        finding
    }

    #[test]
    fn an_own_module_is_judged_by_what_it_does() {
        for (path, uses, module, severity) in [
            ("src/acme/net.py", &[][..], "acme.net", Severity::Low),
            ("acme/net/__init__.py", &[], "acme.net", Severity::Low),
            ("net.py", &[Capability::Environment], "net", Severity::Low),
            ("net.py", &[Capability::Process], "net", Severity::High),
            ("othernet.py", &[], "net", Severity::High),
            ("net.txt", &[], "net", Severity::High),
        ] {
            assert_eq!(judged(path, uses, module).severity, severity, "{path} {module}");
        }
    }
}
