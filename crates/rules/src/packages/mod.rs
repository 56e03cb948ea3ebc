//! Packages: what is known against them, and whether what gets installed is what was meant.

mod compromised_release;
mod disagreeing_manifests;
mod extra_index_confusion;
mod import_name_as_package;
mod index_credentials;
mod insecure_index;
mod look_alike_package;
mod manifest_invalid_line;
mod missing_hash;
mod mutable_source;
mod unauditable_dependency;
mod unpinned_requirement;
mod vulnerable_package;

use crate::{Check, Registered};
use wellhead_core::{Confidence, Finding, Location, Untrusted, code};
use wellhead_packages::Dependency;

pub(crate) static RULES: &[Registered] = &[
    Registered {
        rule: &compromised_release::COMPROMISED_RELEASE,
        check: Check::Dependency(compromised_release::check),
    },
    Registered {
        rule: &compromised_release::COMPROMISED_RELEASE,
        check: Check::Distribution(compromised_release::check_distribution),
    },
    Registered {
        rule: &disagreeing_manifests::DISAGREEING_MANIFESTS,
        check: Check::Project(disagreeing_manifests::check),
    },
    Registered {
        rule: &extra_index_confusion::EXTRA_INDEX_CONFUSION,
        check: Check::Project(extra_index_confusion::check),
    },
    Registered {
        rule: &import_name_as_package::IMPORT_NAME_AS_PACKAGE,
        check: Check::Dependency(import_name_as_package::check),
    },
    Registered {
        rule: &index_credentials::INDEX_CREDENTIALS,
        check: Check::Manifest(index_credentials::check),
    },
    Registered {
        rule: &insecure_index::INSECURE_INDEX,
        check: Check::Manifest(insecure_index::check),
    },
    Registered {
        rule: &look_alike_package::LOOK_ALIKE_PACKAGE,
        check: Check::Dependency(look_alike_package::check),
    },
    Registered {
        rule: &look_alike_package::LOOK_ALIKE_PACKAGE,
        check: Check::Distribution(look_alike_package::check_distribution),
    },
    Registered {
        rule: &manifest_invalid_line::MANIFEST_INVALID_LINE,
        check: Check::Manifest(manifest_invalid_line::check),
    },
    Registered {
        rule: &missing_hash::MISSING_HASH,
        check: Check::Manifest(missing_hash::check),
    },
    Registered {
        rule: &mutable_source::MUTABLE_SOURCE,
        check: Check::Dependency(mutable_source::check),
    },
    Registered {
        rule: &unauditable_dependency::UNAUDITABLE_DEPENDENCY,
        check: Check::Dependency(unauditable_dependency::check),
    },
    Registered {
        rule: &unpinned_requirement::UNPINNED_REQUIREMENT,
        check: Check::Dependency(unpinned_requirement::check),
    },
    Registered {
        rule: &vulnerable_package::VULNERABLE_PACKAGE,
        check: Check::Dependency(vulnerable_package::check),
    },
];

/// The place with a word about it.
fn labelled(at: &Location, label: &str) -> Location {
    let mut at = at.clone();
    label.clone_into(&mut at.label);
    if let Some(mark) = at
        .excerpt
        .iter_mut()
        .flat_map(|e| &mut e.marks)
        .find(|m| m.primary)
    {
        label.clone_into(&mut mark.label);
    }
    at
}

/// A version in a message.
fn shown(version: &str) -> String {
    Untrusted::from(version).shown(60)
}

/// Identifiers from a database, safe to show.
fn escaped(ids: &[String]) -> Vec<String> {
    ids.iter()
        .map(|id| Untrusted::from(id.as_str()).shown(60))
        .collect()
}

/// Says who asked for the package.
fn via(mut finding: Finding, dependency: &Dependency) -> Finding {
    let c = &dependency.component;
    if let Some(direct) = c.direct {
        finding = finding.property("direct", direct);
    }
    if let Some((name, confidence)) = &dependency.asked_as {
        let how = match confidence {
            Confidence::High => "by the table of conda names",
            _ => "because the names are the same",
        };
        let least = finding.confidence.min(*confidence);
        finding = finding
            .confidence(least)
            .note(format!(
                "conda's {} was looked up as {} of the Python Package Index, {how}",
                code(&c.written),
                code(name)
            ))
            .property("asked_as", name.as_str());
    }
    if c.via.is_empty() || c.direct == Some(true) {
        return finding;
    }
    let chain: Vec<String> = c.via.iter().map(|name| shown(name)).collect();
    finding
        .note(format!("asked for by {}", chain.join(" ← ")))
        .property("via", chain)
}

#[cfg(test)]
mod tests {
    use super::{testing::messages_of, *};
    use wellhead_core::{Budget, Ecosystem};
    use wellhead_packages::Dependency;

    #[test]
    fn conda_packages_are_judged_by_their_index_name_and_say_so() {
        let conda = |name: &str, version: &str| {
            let mut like = testing::dependency(&format!("torch=={version}\n"));
            name.clone_into(&mut like.component.name);
            name.clone_into(&mut like.component.written);
            like.component.ecosystem = Ecosystem::Conda;
            Dependency::new(like.component, like.manifest, None, &mut Budget::default()).unwrap()
        };
        let told = |d: &Dependency| messages_of(vulnerable_package::check, d);
        let found = told(&conda("pytorch", "2.5.1"));
        insta::assert_snapshot!(found, @r"
        critical high: `pytorch` 2.5.1 runs code from a model file even with `weights_only=True` (CVE-2025-32434)
          conda's `pytorch` was looked up as `torch` of the Python Package Index, by the table of conda names
        ");
        assert_eq!(told(&conda("pytorch", "2.6.0")), "");
        // A name that is an attack on the index says nothing about a channel.
        assert_eq!(
            messages_of(compromised_release::check, &conda("ppytorch", "1.0")),
            ""
        );
        assert_eq!(
            messages_of(look_alike_package::check, &conda("pytorch", "2.6.0")),
            ""
        );
    }
}

#[cfg(test)]
mod testing {
    use wellhead_core::{ArtifactPath, Budget, Sink};
    use wellhead_packages::{Dependency, Manifest, identify_manifest, read_manifest};

    /// A manifest from its text.
    pub(super) fn manifest(name: &str, text: &str) -> Manifest {
        let kind = identify_manifest(name, text).unwrap();
        read_manifest(kind, &ArtifactPath::file(name), text, &mut Budget::default())
    }

    /// The only dependency of a requirements file, with what the incident list knows about it.
    pub(super) fn dependency(text: &str) -> Dependency {
        let m = manifest("requirements.txt", text);
        let [component] = m.components.as_slice() else {
            panic!("{text} declares {} components", m.components.len());
        };
        Dependency::new(component.clone(), m.kind, None, &mut Budget::default()).unwrap()
    }

    fn shown(sink: Sink) -> String {
        let rows: Vec<String> = sink
            .into_findings()
            .into_iter()
            .map(|f| format!("{}: {}", f.severity, f.message))
            .collect();
        rows.join("\n")
    }

    /// What a rule says of a dependency, one line a finding.
    pub(super) fn messages(check: fn(&Dependency, &mut Sink), subject: &Dependency) -> String {
        let mut sink = Sink::new(ArtifactPath::file("requirements.txt"));
        check(subject, &mut sink);
        shown(sink)
    }

    /// The same, with the notes.
    pub(super) fn messages_of(check: fn(&Dependency, &mut Sink), subject: &Dependency) -> String {
        let mut sink = Sink::new(ArtifactPath::file("environment.yml"));
        check(subject, &mut sink);
        let rows: Vec<String> = sink
            .into_findings()
            .into_iter()
            .map(|f| {
                format!(
                    "{} {}: {}\n  {}",
                    f.severity,
                    f.confidence,
                    f.message,
                    f.notes.join("\n  ")
                )
            })
            .collect();
        rows.join("\n")
    }

    /// What a rule says of a manifest, one line a finding.
    pub(super) fn manifest_messages(check: fn(&Manifest, &mut Sink), subject: &Manifest) -> String {
        let mut sink = Sink::new(ArtifactPath::file("requirements.txt"));
        check(subject, &mut sink);
        shown(sink)
    }
}
