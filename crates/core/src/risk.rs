//! Risk in the terms of OWASP's Machine Learning Top 10.
//!
//! Each rule carries five scores from 1 to 5. A finding's risk is likelihood × impact, weighed by severity and
//! confidence; a measure's is that of its worst finding and a little for each further one. `docs/risk.md` has the
//! formula with an example; the tests below hold the two together.

use crate::{
    finding::Finding,
    rule::{Confidence, Measure, Rule, Severity, named},
};
use std::collections::BTreeMap;

/// The scores of one rule, each from 1 (least) to 5 (most).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Risk {
    /// How easily the weakness is used.
    pub exploitability: u8,
    /// How easily the attack is noticed by those who look for it; high means an attacker finds the weakness easily.
    pub detectability: u8,
    /// What the attack does to the system.
    pub technical_impact: u8,
    /// How much it is particular to machine-learning applications.
    pub ml_application: u8,
    /// How much it is particular to machine-learning operations.
    pub ml_operations: u8,
}

impl Risk {
    /// The scores that OWASP gives ML06:2023 itself.
    pub const ML06: Self = Self {
        exploitability: 4,
        detectability: 5,
        technical_impact: 5,
        ml_application: 5,
        ml_operations: 3,
    };

    /// Whether every score lies between 1 and 5.
    pub fn is_valid(self) -> bool {
        self.scores().into_iter().all(|s| (1..=5).contains(&s))
    }

    /// The five scores in the order of the fields.
    pub fn scores(self) -> [u8; 5] {
        let Self {
            exploitability,
            detectability,
            technical_impact,
            ml_application,
            ml_operations,
        } = self;
        [
            exploitability,
            detectability,
            technical_impact,
            ml_application,
            ml_operations,
        ]
    }

    /// (exploitability + detectability) / 10, in 0.2..=1.
    pub fn likelihood(self) -> f64 {
        (f64::from(self.exploitability) + f64::from(self.detectability)) / 10.0
    }

    /// (2 × technical impact + ML application + ML operations) / 20, in 0.2..=1.
    pub fn impact(self) -> f64 {
        let sum = 2.0 * f64::from(self.technical_impact) + f64::from(self.ml_application);
        (sum + f64::from(self.ml_operations)) / 20.0
    }
}

/// Who does what to whom: the threat behind a rule, a few words each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreatProfile {
    /// Who attacks.
    pub agent: &'static str,
    /// On which way.
    pub vector: &'static str,
    /// What lets them.
    pub weakness: &'static str,
    /// What comes of it.
    pub impact: &'static str,
}

named!(
    /// A score in words.
    Rating, "rating", {
        /// Nothing was found.
        None = "none",
        /// 1 to 29.
        Low = "low",
        /// 30 to 59.
        Medium = "medium",
        /// 60 to 89.
        High = "high",
        /// 90 and more.
        Critical = "critical",
    }
);

impl Rating {
    /// The rating of a score from 0 to 100.
    pub fn of(score: u8) -> Self {
        match score {
            0 => Self::None,
            1..=29 => Self::Low,
            30..=59 => Self::Medium,
            60..=89 => Self::High,
            _ => Self::Critical,
        }
    }
}

/// The risk of a run: per measure, and overall.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RiskReport {
    /// The overall score, 0 to 100.
    pub score: u8,
    /// The score of each measure that was assessed.
    pub measures: BTreeMap<Measure, u8>,
}

/// The score of one finding, 0 to 100.
///
/// `100 × √(likelihood × impact) × severity × confidence`, where severity counts 1 (critical), 0.8, 0.5, 0.2, 0.02
/// (info) and confidence 1 (high), 0.8, 0.5.
fn finding_score(rule: Risk, severity: Severity, confidence: Confidence) -> f64 {
    let severity = match severity {
        Severity::Critical => 1.0,
        Severity::High => 0.8,
        Severity::Medium => 0.5,
        Severity::Low => 0.2,
        Severity::Info => 0.02,
    };
    let confidence = match confidence {
        Confidence::High => 1.0,
        Confidence::Medium => 0.8,
        Confidence::Low => 0.5,
    };
    100.0 * (rule.likelihood() * rule.impact()).sqrt() * severity * confidence
}

/// Rates the reported findings. `assessed` are the measures that something was looked at for; `rules` gives the
/// scores, and a finding of an unknown rule is rated with those of ML06 itself.
pub fn assess(findings: &[Finding], rules: &[&'static Rule], assessed: &[Measure]) -> RiskReport {
    let scores: BTreeMap<&str, Risk> = rules.iter().map(|r| (r.id, r.risk)).collect();
    let mut measures = BTreeMap::new();
    for measure in assessed {
        let mut worst = 0.0_f64;
        let mut further = 0_u32;
        for f in findings
            .iter()
            .filter(|f| f.measure == *measure && f.is_reported())
        {
            let risk = scores.get(f.rule.as_ref()).copied().unwrap_or(Risk::ML06);
            worst = worst.max(finding_score(risk, f.severity, f.confidence));
            further = further.saturating_add(u32::from(f.severity >= Severity::Medium));
        }
        let extra = f64::from(further.saturating_sub(1).min(10));
        measures.insert(*measure, to_score(worst + extra));
    }
    let worst = measures.values().copied().max().unwrap_or(0);
    let high = measures
        .values()
        .filter(|s| Rating::of(**s) >= Rating::High)
        .count()
        .saturating_sub(1);
    let score = worst
        .saturating_add(u8::try_from(high.saturating_mul(2)).unwrap_or(0))
        .min(100);
    RiskReport { score, measures }
}

/// Rounds to 0..=100.
fn to_score(value: f64) -> u8 {
    // In range by the clamp, so the cast neither wraps nor truncates more than the fraction.
    value.round().clamp(0.0, 100.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ArtifactPath, Location, rule::testing::RULE};

    fn finding(severity: Severity) -> Finding {
        Finding::new(&RULE, "m", Location::whole(&ArtifactPath::file("f"), "")).severity(severity)
    }

    #[test]
    fn the_worst_finding_rules_and_further_ones_add_a_little() {
        // ML06: likelihood 0.9, impact 0.9, so a critical finding scores 90.
        let cases: [(&[Severity], u8, Rating); 6] = [
            (&[], 0, Rating::None),
            (&[Severity::Info], 2, Rating::Low),
            (&[Severity::Medium], 45, Rating::Medium),
            (&[Severity::High], 72, Rating::High),
            (&[Severity::Critical], 90, Rating::Critical),
            (
                &[Severity::Critical, Severity::High, Severity::Low],
                91,
                Rating::Critical,
            ),
        ];
        for (severities, score, rating) in cases {
            let findings: Vec<_> = severities.iter().map(|s| finding(*s)).collect();
            let report = assess(&findings, &[&RULE], &[Measure::Integrity]);
            assert_eq!(
                (report.score, Rating::of(report.score)),
                (score, rating),
                "{severities:?}"
            );
        }
    }

    #[test]
    fn a_measure_that_was_not_looked_at_has_no_score() {
        let report = assess(&[], &[&RULE], &[Measure::Sources]);
        assert_eq!(report.measures.keys().collect::<Vec<_>>(), [&Measure::Sources]);
    }
}
