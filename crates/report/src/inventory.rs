//! The inventory in one sentence: how many packages ended in which bucket, and why some could not be looked up.

use crate::text::{clean, plural, thousands};
use wellhead_core::Report;

/// Most reasons that are named.
const REASONS: usize = 3;

/// The advisories that were asked, and how old they are; `None` where there was nothing to ask for.
pub(crate) fn databases(report: &Report) -> Option<String> {
    if report.databases.is_empty() {
        return (report.stats.packages > 0).then(|| "no database was asked".to_owned());
    }
    let all: Vec<String> = report
        .databases
        .iter()
        .map(|d| {
            let records = plural(d.records, "record", "records");
            let date = if d.date.is_empty() {
                "unknown date".to_owned()
            } else {
                clean(&d.date)
            };
            format!("{} of {date} ({records})", clean(&d.name))
        })
        .collect();
    Some(all.join(", "))
}

/// `345 packages: 340 audited, 3 unpinned, 2 unauditable (2 a path of the project)`; `None` where nothing is declared.
pub(crate) fn sentence(report: &Report) -> Option<String> {
    let counts = report.inventory_counts();
    if counts.packages == 0 {
        return None;
    }
    let mut reasons: Vec<(&String, &u64)> = counts.reasons.iter().collect();
    reasons.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
    let mut why: Vec<String> = reasons
        .iter()
        .take(REASONS)
        .map(|(why, n)| format!("{} {}", thousands(**n), clean(why)))
        .collect();
    if reasons.len() > REASONS {
        why.push("…".to_owned());
    }
    let why = format!("unauditable ({})", why.join("; "));
    let until = counts.until.as_deref().map_or_else(
        || "ignored".to_owned(),
        |day| format!("ignored, the first until {}", clean(day)),
    );
    let parts: Vec<String> = [
        (counts.audited, "audited"),
        (
            counts.pinned,
            "with an exact version that no advisory database was asked for",
        ),
        (counts.unpinned, "unpinned"),
        (counts.unauditable, &why),
        (counts.ignored, &until),
    ]
    .into_iter()
    .filter(|(n, _)| *n > 0)
    .map(|(n, what)| format!("{} {what}", thousands(n)))
    .collect();
    let more = if counts.declarations > counts.packages {
        format!(
            " in {}",
            plural(counts.declarations, "declaration", "declarations")
        )
    } else {
        String::new()
    };
    Some(format!(
        "{}{more}: {}",
        plural(counts.packages, "package", "packages"),
        parts.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;
    use std::borrow::Cow;
    use wellhead_core::{Bucket, Ignored, Status};

    #[test]
    fn files_of_one_project_are_one_inventory() {
        let mut report = samples::report(Vec::new());
        let at = |file: &str, bucket: Bucket| {
            let mut c = samples::component();
            c.declared.artifact = wellhead_core::ArtifactPath::file(file);
            if bucket == Bucket::Unpinned {
                c.version = None;
            }
            c.bucket = bucket;
            c
        };
        report.components = vec![
            at("uv.lock", Bucket::Exact),
            at("pylock.toml", Bucket::Exact),
            at("a/pyproject.toml", Bucket::Unpinned),
        ];
        report.databases = samples::everything().databases;
        insta::assert_snapshot!(sentence(&report).unwrap(), @"1 package in 3 declarations: 1 audited");
        // A lock of another project settles nothing.
        report.components[0] = at("b/uv.lock", Bucket::Exact);
        report.components[1] = at("c/uv.lock", Bucket::Exact);
        insta::assert_snapshot!(sentence(&report).unwrap(), @"2 packages in 3 declarations: 1 audited, 1 unpinned");
    }

    #[test]
    fn every_package_is_in_one_bucket() {
        let mut report = samples::report(Vec::new());
        assert_eq!(sentence(&report), None);
        let with = |name: &str, bucket: Bucket| {
            let mut c = samples::component();
            c.name = name.to_owned();
            c.bucket = bucket;
            c
        };
        let why = || "a path of the project".to_owned();
        report.components = vec![
            with("a", Bucket::Exact),
            with("b", Bucket::Exact),
            with("c", Bucket::Unpinned),
            with("d", Bucket::Unauditable { why: why() }),
        ];
        insta::assert_snapshot!(sentence(&report).unwrap(), @"4 packages: 2 with an exact version that no advisory database was asked for, 1 unpinned, 1 unauditable (1 a path of the project)");
        report.databases = samples::everything().databases;
        let mut finding = samples::config();
        finding.rule = Cow::Borrowed("vulnerable-package");
        finding.locations = vec![report.components[1].declared.clone()];
        finding.properties.insert("package".to_owned(), "b".into());
        finding.status = Status::Ignored(Box::new(Ignored {
            reason: "not reachable".to_owned(),
            expires: Some("2027-03-01".to_owned()),
            by: None,
        }));
        report.findings = vec![finding.clone()];
        insta::assert_snapshot!(sentence(&report).unwrap(), @"4 packages: 1 audited, 1 unpinned, 1 unauditable (1 a path of the project), 1 ignored, the first until 2027-03-01");
        // One that is not ignored leaves the package where it was.
        finding.status = Status::Reported;
        report.findings.push(finding);
        insta::assert_snapshot!(sentence(&report).unwrap(), @"4 packages: 2 audited, 1 unpinned, 1 unauditable (1 a path of the project)");
    }
}
