//! From what was found to what counts: levels, ignores, the verdict.

use crate::config::{Config, Ignore};
use wellhead_core::{Finding, Ignored, Level, Severity, Status, Verdict};
use wellhead_rules::{EXPIRED_IGNORE, UNUSED_IGNORE};

/// Applies a configuration to findings: sets levels and statuses, drops what is allowed, and adds what is to be said
/// of the policy itself.
///
/// `today` (`2026-11-23`) decides which ignores have expired, `digest` gives the SHA-256 of a file of the target, and
/// `judged` says whether what an ignore covers could have been found in this run: one that covers nothing because
/// nobody looked is not unused.
pub fn apply(
    config: &Config,
    findings: Vec<Finding>,
    today: &str,
    digest: &dyn Fn(&str) -> Option<String>,
    judged: &dyn Fn(&Ignore) -> bool,
) -> Vec<Finding> {
    let mut uses = vec![Use::default(); config.ignores.len()];
    let mut out = Vec::with_capacity(findings.len());
    for mut finding in findings {
        finding.level = level(config, &finding);
        if finding.level == Some(Level::Allow) {
            continue;
        }
        for (ignore, used) in config.ignores.iter().zip(&mut uses) {
            if !covers(ignore, &finding) || !holds(ignore, &finding, digest) {
                continue;
            }
            used.matched = true;
            if ignore.until_fixed
                && let Some(fixed) = property(&finding, "fixed_in")
            {
                used.fixed.get_or_insert_with(|| {
                    let package = property(&finding, "package").unwrap_or_default();
                    format!("{package} {fixed}").trim().to_owned()
                });
                continue;
            }
            let expired = ignore.expires.as_deref().is_some_and(|day| day < today);
            if finding.is_reported() && !expired {
                finding.status = Status::Ignored(Box::new(Ignored {
                    reason: wellhead_core::escape(&ignore.reason),
                    expires: ignore.expires.clone(),
                    by: Some(ignore.location.clone()),
                }));
                if let Some(justification) = &ignore.justification {
                    finding = finding.property(
                        "vex",
                        serde_json::json!({"status": "not_affected", "justification": justification}),
                    );
                }
            }
        }
        out.push(finding);
    }
    let about_itself = config
        .findings
        .iter()
        .cloned()
        .chain(about_ignores(config, &uses, today, judged));
    for mut finding in about_itself {
        finding.level = level(config, &finding);
        if finding.level != Some(Level::Allow) {
            out.push(finding);
        }
    }
    out
}

/// What became of an ignore.
#[derive(Clone, Default)]
struct Use {
    /// It met a finding.
    matched: bool,
    /// It holds until a fix exists, and this release is one.
    fixed: Option<String>,
}

/// A text that a finding carries.
fn property<'f>(finding: &'f Finding, key: &str) -> Option<&'f str> {
    finding.properties.get(key).and_then(|v| v.as_str())
}

fn about_ignores(
    config: &Config,
    uses: &[Use],
    today: &str,
    judged: &dyn Fn(&Ignore) -> bool,
) -> Vec<Finding> {
    let mut out = Vec::new();
    for (ignore, used) in config.ignores.iter().zip(uses) {
        let subject = format!("{} {}", ignore.rule, ignore.reason);
        match &ignore.expires {
            Some(day) if day.as_str() < today => out.push(
                Finding::new(
                    &EXPIRED_IGNORE,
                    format!("this ignore ended on {day} and covers nothing any more"),
                    ignore.location.clone(),
                )
                .help("mend what it covered and remove it, or look at its reason again and set a new day")
                .subject(subject),
            ),
            _ if used.fixed.is_some() => out.push(
                Finding::new(
                    &EXPIRED_IGNORE,
                    format!(
                        "this ignore was to hold until a fix exists, and {} is one",
                        wellhead_core::code(used.fixed.as_deref().unwrap_or_default())
                    ),
                    ignore.location.clone(),
                )
                .help("update to it and remove the entry")
                .subject(subject),
            ),
            _ if !used.matched && judged(ignore) => out.push(
                Finding::new(
                    &UNUSED_IGNORE,
                    "this ignore matched nothing",
                    ignore.location.clone(),
                )
                .help("remove the entry")
                .subject(subject),
            ),
            _ => {}
        }
    }
    out
}

/// What the configuration says of a finding's rule; the last line wins.
pub(crate) fn level(config: &Config, finding: &Finding) -> Option<Level> {
    config
        .levels
        .iter()
        .rev()
        .find(|(rule, _)| *rule == finding.rule)
        .map(|(_, level)| *level)
}

fn covers(ignore: &Ignore, finding: &Finding) -> bool {
    let text = |key: &str| property(finding, key);
    // Identifiers differ by nothing but case in what people copy from web pages.
    let same = |id: Option<&str>, wanted: &str| id.is_some_and(|id| id.eq_ignore_ascii_case(wanted));
    let listed = |key: &str, wanted: &str| {
        let values = finding.properties.get(key).and_then(|v| v.as_array());
        values.is_some_and(|v| v.iter().any(|v| same(v.as_str(), wanted)))
    };
    let path = ignore.path.as_ref().is_none_or(|glob| {
        finding
            .primary()
            .is_some_and(|l| glob.is_match(l.artifact.top()) || glob.is_match(l.artifact.to_string()))
    });
    let component = ignore.component.as_deref().is_none_or(|name| {
        text("package") == Some(name) || text("purl").is_some_and(|p| p.split('@').next() == Some(name))
    });
    let advisory = ignore
        .advisory
        .as_deref()
        .is_none_or(|id| same(text("advisory"), id) || listed("aliases", id) || listed("advisories", id));
    let fingerprint = ignore
        .fingerprint
        .as_deref()
        .is_none_or(|f| f == finding.fingerprint());
    ignore.rule == finding.rule && path && component && advisory && fingerprint
}

/// Whether the bytes are those that the ignore was written for: the lines that the finding is about, where it says
/// their digest, or all files that it shows.
fn holds(ignore: &Ignore, finding: &Finding, digest: &dyn Fn(&str) -> Option<String>) -> bool {
    let lines = property(finding, "snippet").and_then(|d| d.strip_prefix("sha256:"));
    ignore.digests.is_empty()
        || lines.is_some_and(|l| ignore.digests.iter().any(|d| d == l))
        || !finding.locations.is_empty()
            && finding
                .locations
                .iter()
                .all(|l| digest(l.artifact.top()).is_some_and(|d| ignore.digests.contains(&d)))
}

/// The verdict on findings to which the policy was applied.
pub fn verdict(findings: &[Finding], fail_on: Option<Severity>) -> Verdict {
    let because: Vec<_> = findings
        .iter()
        .filter(|f| Verdict::fails(f, fail_on))
        .map(Finding::fingerprint)
        .collect();
    Verdict {
        allowed: because.is_empty(),
        fail_on,
        because,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wellhead_core::{ArtifactPath, Location};
    use wellhead_rules::INTERNAL_ERROR;

    fn finding(path: &str) -> Finding {
        Finding::new(
            &INTERNAL_ERROR,
            "m",
            Location::whole(&ArtifactPath::file(path).member("data.pkl"), ""),
        )
        .property("package", "torch")
        .property("aliases", vec!["CVE-2025-32434"])
    }

    #[test]
    fn an_ignore_until_a_fix_exists_ends_by_itself() {
        let text = "[[ignore]]\nrule = \"internal-error\"\nreason = \"r\"\nadvisory = \"cve-2025-32434\"\nuntil = \"fixed\"";
        let config = Config::parse("wellhead.toml", text, &wellhead_rules::rules()).unwrap();
        let run = |finding: Finding| -> Vec<String> {
            let all = apply(&config, vec![finding], "2026-11-23", &|_| None, &|_| true);
            all.iter()
                .map(|f| format!("{} {}", f.status.name(), f.message))
                .collect()
        };
        assert_eq!(run(finding("a")), ["ignored m"]);
        assert_eq!(
            run(finding("a").property("fixed_in", "2.6.0")),
            [
                "reported m",
                "reported this ignore was to hold until a fix exists, and `torch 2.6.0` is one"
            ]
        );
    }

    fn statuses(ignore: &str) -> Vec<String> {
        let text = format!("[[ignore]]\nrule = \"internal-error\"\nreason = \"r\"\n{ignore}");
        let config = Config::parse("wellhead.toml", &text, &wellhead_rules::rules()).unwrap();
        let findings = apply(
            &config,
            vec![finding("models/a.pt")],
            "2026-11-23",
            &|_| Some("00".repeat(32)),
            &|_| true,
        );
        findings
            .iter()
            .map(|f| format!("{} {}", f.rule, f.status.name()))
            .collect()
    }

    #[test]
    fn an_ignore_covers_by_path_component_advisory_and_day() {
        let ignored = ["internal-error ignored"];
        let unused = ["internal-error reported", "unused-ignore reported"];
        let expired = ["internal-error reported", "expired-ignore reported"];
        for (ignore, expected) in [
            ("", &ignored[..]),
            ("path = \"models/*.pt\"", &ignored),
            ("path = \"**/data.pkl\"", &ignored),
            ("path = \"other/*\"", &unused),
            ("component = \"torch\"", &ignored),
            ("component = \"numpy\"", &unused),
            ("advisory = \"CVE-2025-32434\"", &ignored),
            ("advisory = \"CVE-1-1\"", &unused),
            ("expires = 2026-11-23", &ignored),
            ("expires = 2026-11-22", &expired),
            ("until = \"fixed\"", &ignored),
            (
                "digest = \"sha256:0000000000000000000000000000000000000000000000000000000000000000\"",
                &ignored,
            ),
            (
                "digest = [\"sha256:1111111111111111111111111111111111111111111111111111111111111111\"]",
                &unused,
            ),
        ] {
            assert_eq!(statuses(ignore), expected, "{ignore}");
        }
    }

    #[test]
    fn an_ignore_may_be_for_the_lines_that_a_finding_is_about() {
        for (lines, expected) in [("11", "ignored"), ("22", "reported")] {
            let text = format!(
                "[[ignore]]\nrule = \"internal-error\"\nreason = \"r\"\ndigest = \"sha256:{}\"\nexpires = 2027-01-01",
                "11".repeat(32)
            );
            let config = Config::parse("wellhead.toml", &text, &wellhead_rules::rules()).unwrap();
            let about = finding("a.whl").property("snippet", format!("sha256:{}", lines.repeat(32)));
            let findings = apply(
                &config,
                vec![about],
                "2026-11-23",
                &|_| Some("00".repeat(32)),
                &|_| true,
            );
            assert_eq!(findings[0].status.name(), expected);
        }
    }

    #[test]
    fn an_ignore_of_what_nobody_looked_for_is_not_unused() {
        let text = "[[ignore]]\nrule = \"internal-error\"\nreason = \"r\"";
        let config = Config::parse("wellhead.toml", text, &wellhead_rules::rules()).unwrap();
        for (judged, told) in [(true, 1), (false, 0)] {
            let findings = apply(&config, Vec::new(), "2026-11-23", &|_| None, &|_| judged);
            assert_eq!(findings.len(), told);
        }
    }

    #[test]
    fn a_justification_goes_with_what_it_justifies() {
        let text = "[[ignore]]\nrule = \"internal-error\"\nreason = \"r\"\njustification = \"component_not_present\"";
        let config = Config::parse("wellhead.toml", text, &wellhead_rules::rules()).unwrap();
        let findings = apply(&config, vec![finding("a")], "2026-11-23", &|_| None, &|_| true);
        assert_eq!(
            findings[0].properties["vex"]["justification"],
            "component_not_present"
        );
    }

    #[test]
    fn allow_drops_deny_fails_warn_never_does() {
        for (level, count, allowed) in [("allow", 0, true), ("warn", 1, true), ("deny", 1, false)] {
            let text = format!("[rules]\ninternal-error = \"{level}\"");
            let config = Config::parse("wellhead.toml", &text, &wellhead_rules::rules()).unwrap();
            let findings = apply(&config, vec![finding("a")], "2026-11-23", &|_| None, &|_| true);
            assert_eq!(
                (findings.len(), verdict(&findings, None).allowed),
                (count, allowed),
                "{level}"
            );
        }
    }
}
