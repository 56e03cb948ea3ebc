//! One line per finding, for editors and `grep`: `src/train.py:14:9: warning[trust-remote-code] …`.

use crate::{
    blocks::Class,
    places::place,
    text::{clean, clean_all},
};
use wellhead_core::Report;

/// One line per reported finding, and one per artifact that was not, or not wholly, analysed.
pub fn render(report: &Report) -> String {
    let mut out = findings(report);
    for row in report.unseen() {
        let artifact = clean(&row.artifact.to_string());
        let why = clean(row.outcome.why().unwrap_or_default());
        out.push_str(&format!("{artifact}: note[{}] {why}\n", row.outcome.name()));
    }
    out
}

/// The lines of the findings.
pub(super) fn findings(report: &Report) -> String {
    let mut out = String::new();
    for finding in report.reported() {
        let class = Class::of(finding, report.verdict.fail_on).name();
        let place = finding.primary().map(place).unwrap_or_default();
        let rule = clean_all(&finding.rule);
        out.push_str(&format!("{place}: {class}[{rule}] {}\n", clean(&finding.message)));
    }
    out
}
