//! A rule as a static value: everything that is said about it anywhere is read from here.

use crate::risk::{Risk, ThreatProfile};
use std::fmt;

/// One thing that wellhead looks for.
///
/// `explain`, the reference, the SARIF rule list, the configuration's schema, completions and the rule's tests are
/// derived from this value and its page.
#[derive(Debug)]
pub struct Rule {
    /// Kebab-case name of the bad pattern; reads as "allow {id}".
    pub id: &'static str,
    /// What the rule finds, in one line without a full stop.
    pub summary: &'static str,
    /// The severity a finding has unless the rule says otherwise for a case.
    pub severity: Severity,
    /// The confidence a finding has unless the rule says otherwise for a case.
    pub confidence: Confidence,
    /// The measure of ML06 that the rule serves.
    pub measure: Measure,
    /// The scenario of ML06 that the rule stops, if it is one of the three.
    pub scenario: Option<Scenario>,
    /// The scores on the scale of OWASP's Machine Learning Top 10.
    pub risk: Risk,
    /// Who does what to whom.
    pub threat: ThreatProfile,
    /// What has to be asked before the rule can speak; without it the rule is "not assessed".
    pub needs: &'static [Need],
    /// How settled the rule is.
    pub status: RuleStatus,
    /// Where the weakness is described, by identifier.
    pub references: &'static [Reference],
    /// The page, Markdown, with the headings that `CONTRIBUTING.md` lists.
    pub page: &'static str,
    /// The source file that defines the rule, from `file!()`.
    pub file: &'static str,
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Rule {}

/// A name that is none of those an enumeration knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {kind} `{name}`, expected one of {expected}")]
pub struct UnknownName {
    /// What was to be named: "severity".
    pub kind: &'static str,
    /// What was given.
    pub name: String,
    /// What would have been understood.
    pub expected: String,
}

macro_rules! named {
    ($(#[$doc:meta])* $name:ident, $kind:literal, { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in every machine format.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::UnknownName;

            fn from_str(text: &str) -> ::std::result::Result<Self, $crate::UnknownName> {
                Self::ALL.iter().copied().find(|v| v.name() == text).ok_or_else(|| $crate::UnknownName {
                    kind: $kind,
                    name: text.to_owned(),
                    expected: Self::ALL.iter().map(|v| v.name()).collect::<Vec<_>>().join(", "),
                })
            }
        }
    };
}
pub(crate) use named;

named!(
    /// How much harm is done if the finding is true.
    Severity, "severity", {
        /// Worth knowing, nothing to do.
        Info = "info",
        /// Weakens a defence that others back up.
        Low = "low",
        /// Opens a way that needs one more step.
        Medium = "medium",
        /// Lets an attacker in under ordinary conditions.
        High = "high",
        /// Runs the attacker's code, or gives everything away.
        Critical = "critical",
    }
);

named!(
    /// How sure the finding is.
    Confidence, "confidence", {
        /// A hint.
        Low = "low",
        /// Likely, with known innocent twins.
        Medium = "medium",
        /// As good as certain.
        High = "high",
    }
);

named!(
    /// The four measures of OWASP ML06:2023.
    Measure, "measure", {
        /// Verify the integrity of packages and models.
        Integrity = "integrity",
        /// Keep dependencies updated.
        Updates = "updates",
        /// Use trusted sources.
        Sources = "sources",
        /// Lock down the infrastructure.
        Infrastructure = "infrastructure",
    }
);

impl Measure {
    /// The measure as a heading for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Integrity => "verify package integrity",
            Self::Updates => "keep dependencies updated",
            Self::Sources => "use trusted sources",
            Self::Infrastructure => "lock down infrastructure",
        }
    }
}

named!(
    /// The three attack scenarios that every release must stop.
    Scenario, "scenario", {
        /// A library that the project updates was changed by an attacker.
        PoisonedLibrary = "poisoned-library",
        /// A platform's interface is reachable without a password.
        ExposedDashboard = "exposed-dashboard",
        /// A copy of a known model runs code when it is loaded.
        HubImpersonator = "hub-impersonator",
    }
);

named!(
    /// What a rule needs beyond the bytes of the target.
    Need, "need", {
        /// The advisory database.
        Advisories = "advisories",
        /// Metadata of a model hub.
        Hub = "hub",
        /// Metadata of a package index.
        Index = "index",
    }
);

named!(
    /// How settled a rule is.
    RuleStatus, "status", {
        /// Tried out; needs `--preview`.
        Preview = "preview",
        /// Settled.
        Stable = "stable",
    }
);

/// Where a weakness is described, by identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// Common Weakness Enumeration, by number.
    Cwe(u16),
    /// A CVE identifier.
    Cve(&'static str),
    /// A GitHub security advisory.
    Ghsa(&'static str),
    /// A technique of MITRE ATLAS.
    Atlas(&'static str),
    /// An entry of an OWASP list.
    Owasp(&'static str),
    /// A Python enhancement proposal, by number.
    Pep(u16),
    /// A section of a specification, or a document by its title.
    Spec(&'static str),
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cwe(n) => write!(f, "CWE-{n}"),
            Self::Cve(id) | Self::Ghsa(id) | Self::Owasp(id) | Self::Spec(id) => f.write_str(id),
            Self::Atlas(id) => write!(f, "ATLAS {id}"),
            Self::Pep(n) => write!(f, "PEP {n}"),
        }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use crate::risk::{Risk, ThreatProfile};

    /// A rule for tests of everything that carries one.
    pub(crate) static RULE: Rule = Rule {
        id: "bad-thing",
        summary: "a bad thing",
        severity: Severity::High,
        confidence: Confidence::High,
        measure: Measure::Integrity,
        scenario: None,
        risk: Risk::ML06,
        threat: ThreatProfile {
            agent: "a",
            vector: "b",
            weakness: "c",
            impact: "d",
        },
        needs: &[],
        status: RuleStatus::Stable,
        references: &[Reference::Cwe(502)],
        page: "",
        file: file!(),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for s in Severity::ALL {
            assert_eq!(s.name().parse::<Severity>().unwrap(), *s);
        }
        let e = "sever".parse::<Severity>().unwrap_err();
        assert_eq!(
            e.to_string(),
            "unknown severity `sever`, expected one of info, low, medium, high, critical"
        );
    }
}
