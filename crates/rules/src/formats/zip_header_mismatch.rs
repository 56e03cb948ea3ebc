use super::{is_package, lines};
use wellhead_core::{
    Confidence, ExcerptKind, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Scenario,
    Severity, Sink, ThreatProfile,
};
use wellhead_formats::{
    Role,
    zip::{Archive, Difference, DifferenceKind as K},
};

pub(crate) static ZIP_HEADER_MISMATCH: Rule = Rule {
    id: "zip-header-mismatch",
    summary: "the views of a zip archive contradict each other, so a loader may unpack what a scanner does not see",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 4,
        detectability: 4,
        technical_impact: 4,
        ml_application: 4,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "the author of a model who knows how scanners read archives",
        vector: "a checkpoint or wheel whose headers and directory disagree",
        weakness: "loaders and scanners believe different parts of the same archive",
        impact: "a member that nobody looked at is unpacked and run",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Cwe(436),
        Reference::Cwe(354),
        Reference::Cve("CVE-2025-10156"),
        Reference::Ghsa("GHSA-7q5r-7gvp-wc82"),
        Reference::Ghsa("GHSA-w8jq-xcqf-f792"),
        Reference::Owasp("ML06:2023"),
    ],
    page: include_str!("zip_header_mismatch.md"),
    file: file!(),
};

/// The harm, how bad it is, and which kinds of differences do it.
static HARMS: &[(&str, Severity, &[K])] = &[
    (
        "loaders may unpack a member under another name than scanners see",
        Severity::High,
        &[K::Name, K::UnicodeName],
    ),
    (
        "scanners that believe the flags skip what loaders unpack",
        Severity::High,
        &[K::Flags, K::FalseFlag],
    ),
    (
        "loaders may unpack other bytes than scanners see",
        Severity::High,
        &[K::Method, K::Size, K::Crc, K::NoHeader],
    ),
    (
        "this archive holds a member that its directory does not show",
        Severity::High,
        &[K::Hidden],
    ),
    (
        "members of this archive share bytes",
        Severity::High,
        &[K::Overlap],
    ),
    (
        "loaders and scanners may find different directories in this archive",
        Severity::High,
        &[K::EndRecords, K::Zip64, K::Offset],
    ),
    (
        "loaders may take another member of the same name than scanners do",
        Severity::High,
        &[K::Duplicate],
    ),
    (
        "strict readers refuse this archive and lenient loaders take it",
        Severity::Medium,
        &[K::Content, K::Count, K::Disks],
    ),
    (
        "bytes of this archive belong to no member",
        Severity::Low,
        &[K::Gap, K::Prefix, K::Trailing],
    ),
];

pub(crate) fn check(archive: &Archive, sink: &mut Sink) {
    for (harm, severity, kinds) in HARMS {
        let differences: Vec<&Difference> = archive
            .differences
            .iter()
            .filter(|d| kinds.contains(&d.kind))
            .collect();
        let Some(first) = differences.first() else {
            continue;
        };
        let mut severity = severity_of(archive, *severity, &differences);
        if severity >= Severity::Medium && is_package(archive.entries.iter().map(|e| e.name.as_str())) {
            severity = Severity::Critical;
        }
        let mut finding = Finding::new(
            &ZIP_HEADER_MISMATCH,
            format!("{harm}: {}", first.words),
            place(archive, first, sink),
        )
        .severity(severity)
        .subject(format!("{:?} {}", first.kind, entry_name(archive, first)));
        for other in differences.iter().skip(1).take(3) {
            finding = finding.at(place(archive, other, sink));
        }
        if differences.len() > 1 {
            finding = finding.note(format!("{} such places in this archive", differences.len()));
        }
        if severity > Severity::Low {
            finding = finding
                .help("do not load it; ask the publisher for an archive that a standard tool has written");
        }
        sink.push(finding);
    }
}

/// An archive that was appended to lists members twice: harmless if they are the same, and rarely more than untidy if
/// no loader unpickles them.
fn severity_of(archive: &Archive, severity: Severity, differences: &[&Difference]) -> Severity {
    let of = |d: &&Difference| match d.kind {
        K::Duplicate if d.words.ends_with("the same") => Severity::Low,
        K::Duplicate if !is_unpickled(archive, d) => Severity::Medium,
        _ => severity,
    };
    differences.iter().map(of).max().unwrap_or(severity)
}

fn is_unpickled(archive: &Archive, d: &Difference) -> bool {
    let entry = d.entry.and_then(|i| archive.entries.get(i));
    entry.is_some_and(|e| e.role == Role::Pickle || e.name.to_lowercase().ends_with(".pkl"))
}

fn entry_name<'a>(archive: &'a Archive, d: &Difference) -> &'a str {
    d.entry
        .and_then(|i| archive.entries.get(i))
        .map_or("", |e| e.name.as_str())
}

/// The place of a difference, shown as what the directory and the header say.
fn place(archive: &Archive, d: &Difference, sink: &Sink) -> Location {
    let views = d
        .entry
        .and_then(|i| archive.entries.get(i))
        .map(|e| e.views())
        .unwrap_or_default();
    let location = sink.bytes(d.offset, d.length, d.words.clone());
    if views.is_empty() {
        return location;
    }
    location.with_excerpt(lines(ExcerptKind::Header, &views, "not the same as below"))
}
