//! Advisories of packages, put together by package.
//!
//! A lock of a few hundred packages can have as many advisories; what its owner needs is which packages to upgrade,
//! how far, and how bad it is.

use crate::{
    text::{clean, cut, plural, thousands},
    versions,
};
use std::collections::BTreeMap;
use wellhead_core::{Finding, Measure};

/// Whether a finding says that an advisory names a package. A release that somebody planted (`malicious`) has a story
/// of its own and stays a snippet.
pub(crate) fn fits(finding: &Finding) -> bool {
    finding.measure == Measure::Updates
        && ["package", "version", "advisory"]
            .iter()
            .all(|key| text(finding, key).is_some())
        && finding
            .properties
            .get("malicious")
            .and_then(serde_json::Value::as_bool)
            != Some(true)
}

/// One package with all that is known against it.
pub(crate) struct Row<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    /// Worst first; never empty.
    pub(crate) findings: Vec<&'a Finding>,
    first: &'a Finding,
}

/// The findings by package, the worst package first.
pub(crate) fn rows<'a>(findings: &[&'a Finding]) -> Vec<Row<'a>> {
    let mut by_package: BTreeMap<(&str, &str), Vec<&'a Finding>> = BTreeMap::new();
    for finding in findings {
        let key = (
            text(finding, "package").unwrap_or_default(),
            text(finding, "version").unwrap_or_default(),
        );
        by_package.entry(key).or_default().push(finding);
    }
    let mut rows: Vec<Row<'a>> = by_package
        .into_iter()
        .filter_map(|((name, version), mut findings)| {
            findings.sort_by(|a, b| {
                let key = |f: &Finding| (f.severity, is_exploited(f), score(f));
                let order = key(b).partial_cmp(&key(a)).unwrap_or(std::cmp::Ordering::Equal);
                order.then_with(|| advisory(a).cmp(&advisory(b)))
            });
            let first = *findings.first()?;
            Some(Row {
                name,
                version,
                findings,
                first,
            })
        })
        .collect();
    rows.sort_by_key(|r| {
        (
            std::cmp::Reverse(r.worst().severity),
            std::cmp::Reverse(r.findings.len()),
            r.name,
        )
    });
    rows
}

/// `25 packages have 259 known vulnerabilities`.
pub(crate) fn title(rows: &[Row<'_>]) -> String {
    let have = if rows.len() == 1 { "has" } else { "have" };
    let all = rows.iter().map(|r| r.findings.len()).sum::<usize>();
    format!(
        "{} {have} {}",
        plural(rows.len() as u64, "package", "packages"),
        plural(all as u64, "known vulnerability", "known vulnerabilities")
    )
}

impl Row<'_> {
    /// The worst advisory.
    pub(crate) fn worst(&self) -> &Finding {
        self.first
    }

    /// The worst advisory's best-known id, and how many more there are: `CVE-2025-32434 +2`.
    pub(crate) fn advisories(&self) -> String {
        let more = self.findings.len().saturating_sub(1);
        let id = advisory(self.worst());
        if more > 0 {
            format!("{id} +{}", thousands(more as u64))
        } else {
            id
        }
    }

    /// The smallest version that is free of all advisories, which is the greatest of the smallest fixes of each. With
    /// whether there are advisories that no version fixes.
    pub(crate) fn fixed(&self) -> (Option<String>, bool) {
        // Where the advisories themselves were asked, their answer stands.
        if let Some(clean_version) = self.findings.iter().find_map(|f| text(f, "lowest_clean")) {
            return (Some(cut(&clean(clean_version), 16)), false);
        }
        let mut greatest: Option<(Vec<i64>, &str)> = None;
        let mut unfixed = false;
        for finding in &self.findings {
            match fix(finding, self.version) {
                Some(fix) if greatest.as_ref().is_none_or(|g| fix.0 > g.0) => greatest = Some(fix),
                Some(_) => {}
                None => unfixed = true,
            }
        }
        (greatest.map(|(_, version)| cut(&clean(version), 16)), unfixed)
    }
}

/// The id that most people know: a CVE before GHSA before the database's own.
pub(crate) fn advisory(finding: &Finding) -> String {
    let own = text(finding, "advisory").unwrap_or_default();
    let aliases = finding
        .properties
        .get("aliases")
        .and_then(serde_json::Value::as_array);
    let mut ids = std::iter::once(own).chain(
        aliases
            .into_iter()
            .flatten()
            .filter_map(serde_json::Value::as_str),
    );
    let by = |prefix: &str| ids.clone().find(|id| id.starts_with(prefix));
    let id = by("CVE-")
        .or_else(|| by("GHSA-"))
        .or_else(|| ids.next())
        .unwrap_or(own);
    cut(&clean(id), 24)
}

/// The smallest fixed version above the one in use; if none can be compared, the first that is named.
pub(crate) fn fix<'a>(finding: &'a Finding, version: &str) -> Option<(Vec<i64>, &'a str)> {
    let fixes: Vec<&str> = match finding.properties.get("fixed_in")? {
        serde_json::Value::String(one) => vec![one],
        serde_json::Value::Array(many) => many.iter().filter_map(serde_json::Value::as_str).collect(),
        _ => return None,
    };
    let mut keyed: Vec<(Vec<i64>, &str)> = fixes
        .iter()
        .filter_map(|v| Some((versions::key(v)?, *v)))
        .collect();
    keyed.sort();
    let now = versions::key(version);
    let above = keyed
        .iter()
        .find(|(key, _)| now.as_ref().is_none_or(|now| key > now))
        .cloned();
    above.or_else(|| {
        fixes
            .first()
            .filter(|_| keyed.is_empty())
            .map(|v| (Vec::new(), *v))
    })
}

/// `direct`, or the chain from the nearest parent on.
pub(crate) fn needed_by(finding: &Finding) -> String {
    if finding
        .properties
        .get("direct")
        .and_then(serde_json::Value::as_bool)
        == Some(true)
    {
        return "direct".to_owned();
    }
    let chain: Vec<String> = match finding.properties.get("via") {
        Some(serde_json::Value::String(one)) => vec![clean(one)],
        Some(serde_json::Value::Array(many)) => many
            .iter()
            .filter_map(serde_json::Value::as_str)
            .take(3)
            .map(clean)
            .collect(),
        _ => Vec::new(),
    };
    chain.join(" ← ")
}

/// Whether attackers are known to use it.
pub(crate) fn is_exploited(finding: &Finding) -> bool {
    finding.properties.get("kev").and_then(serde_json::Value::as_bool) == Some(true)
}

/// What is known of attacks: `exploited in the wild, EPSS 93 %`.
pub(crate) fn threat(finding: &Finding) -> Option<String> {
    let exploited = is_exploited(finding).then(|| "exploited in the wild".to_owned());
    let epss = finding.properties.get("epss").and_then(serde_json::Value::as_f64);
    let epss = epss.map(|p| format!("EPSS {} %", percent(p)));
    let all: Vec<String> = exploited.into_iter().chain(epss).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

/// A share of one in hundredths, with as many digits as say something.
fn percent(share: f64) -> String {
    let hundredths = share * 100.0;
    let text = if hundredths >= 1.0 {
        format!("{hundredths:.1}")
    } else {
        format!("{hundredths:.3}")
    };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What a VEX document says of it that does not settle it: `under investigation`.
pub(crate) fn stated(finding: &Finding) -> Option<&'static str> {
    match finding.properties.get("vex")?.get("status")?.as_str()? {
        "under_investigation" => Some("under investigation"),
        "affected" => Some("said to be affected"),
        _ => None,
    }
}

fn score(finding: &Finding) -> f64 {
    finding
        .properties
        .get("score")
        .and_then(serde_json::Value::as_f64)
        .unwrap_or(0.0)
}

pub(crate) fn text<'a>(finding: &'a Finding, key: &str) -> Option<&'a str> {
    finding.properties.get(key).and_then(serde_json::Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn what_is_exploited_comes_first_among_equals() {
        let with = |id: &str, score: f64| {
            let mut f = samples::config();
            f.properties.clear();
            f.property("package", "a")
                .property("version", "1")
                .property("advisory", id)
                .property("score", score)
        };
        let (high, exploited) = (
            with("CVE-1", 9.9),
            with("CVE-2", 5.0).property("kev", true).property("epss", 0.936),
        );
        let findings = [&high, &exploited];
        assert_eq!(rows(&findings)[0].advisories(), "CVE-2 +1");
        assert_eq!(
            threat(&exploited).as_deref(),
            Some("exploited in the wild, EPSS 93.6 %")
        );
        assert_eq!(
            threat(&with("x", 1.0).property("epss", 0.00043)).as_deref(),
            Some("EPSS 0.043 %")
        );
        assert_eq!(
            threat(&with("x", 1.0).property("epss", 0.0)).as_deref(),
            Some("EPSS 0 %")
        );
        assert_eq!(threat(&high), None);
    }
}
