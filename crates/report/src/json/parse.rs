//! The layout of version 1 back into core's report.
//!
//! Whoever has the file may have changed it, so what core promises is made true again: a finding has a place, lines
//! are in order, marks lie on characters of their line.

use super::v1;
use wellhead_core as core;
use wellhead_core::{
    ArtifactPath, Bucket, Digest, Excerpt, ExcerptLine, Finding, Fix, Ignored, Location, Mark, Outcome,
    Report, Severity, Source, Span, Status, TextPosition,
};

impl From<v1::Report> for Report {
    fn from(v1: v1::Report) -> Self {
        Self {
            tool_version: v1.tool.version,
            targets: v1.targets,
            coverage: v1.coverage.into_iter().map(coverage).collect(),
            findings: v1.findings.into_iter().map(finding).collect(),
            components: v1.components.into_iter().map(component).collect(),
            measures: v1.measures.iter().map(measure).collect(),
            risk: core::RiskReport {
                score: v1.risk.score,
                measures: v1
                    .risk
                    .measures
                    .into_iter()
                    .map(|(m, s)| (m.into(), s.score))
                    .collect(),
            },
            verdict: core::Verdict {
                allowed: v1.verdict.allowed,
                fail_on: v1.verdict.fail_on.into(),
                because: v1.verdict.because,
            },
            databases: v1.databases.into_iter().map(database).collect(),
            not_assessed: v1.not_assessed,
            services: v1.services.into_iter().map(service).collect(),
            stats: core::Stats {
                files: v1.stats.files,
                models: v1.stats.models,
                packages: v1.stats.packages,
                bytes: v1.stats.bytes,
            },
        }
    }
}

impl From<v1::FailOn> for Option<Severity> {
    fn from(fail_on: v1::FailOn) -> Self {
        match fail_on {
            v1::FailOn::Never => None,
            v1::FailOn::Info => Some(Severity::Info),
            v1::FailOn::Low => Some(Severity::Low),
            v1::FailOn::Medium => Some(Severity::Medium),
            v1::FailOn::High => Some(Severity::High),
            v1::FailOn::Critical => Some(Severity::Critical),
        }
    }
}

fn measure(row: &v1::MeasureRow) -> core::MeasureSummary {
    core::MeasureSummary {
        measure: row.measure.into(),
        deny: row.deny,
        warn: row.warn,
        ok: row.ok,
        not_assessed: row.not_assessed,
    }
}

fn coverage(row: v1::CoverageRow) -> core::Coverage {
    let why = row.reason.unwrap_or_default();
    core::Coverage {
        artifact: ArtifactPath::parse(&row.artifact),
        outcome: match row.outcome {
            v1::Outcome::Analysed => Outcome::Analysed,
            v1::Outcome::Partly => Outcome::Partly { why },
            v1::Outcome::NotAnalysed => Outcome::NotAnalysed { why },
        },
        depth: row.depth.into(),
        format: row.format.map(Into::into),
    }
}

fn database(info: v1::Database) -> core::DatabaseInfo {
    core::DatabaseInfo {
        name: info.name,
        records: info.records,
        date: info.date,
        digest: info.digest,
    }
}

fn finding(v1: v1::Finding) -> Finding {
    let status = match v1.status {
        v1::Status::Reported => Status::Reported,
        v1::Status::Suppressed => Status::Suppressed,
        v1::Status::Ignored => Status::Ignored(Box::new(match v1.ignored {
            Some(i) => Ignored {
                reason: i.reason,
                expires: i.expires,
                by: i.by.map(location),
            },
            None => Ignored {
                reason: String::new(),
                expires: None,
                by: None,
            },
        })),
    };
    let mut locations: Vec<Location> = v1.locations.into_iter().map(location).collect();
    if locations.is_empty() {
        locations.push(Location::whole(&ArtifactPath::file(""), ""));
    }
    for evidence in v1.evidence {
        if let Some(location) = locations.get_mut(evidence.location) {
            location.excerpt = Some(excerpt(evidence));
        }
    }
    Finding {
        rule: v1.rule.into(),
        severity: v1.severity.into(),
        confidence: v1.confidence.into(),
        measure: v1.measure.into(),
        status,
        level: v1.level.map(Into::into),
        message: v1.message,
        locations,
        notes: v1.notes,
        help: v1.help,
        fixes: v1.fixes.into_iter().map(fix).collect(),
        properties: v1.properties,
        subject: v1.subject,
    }
}

fn location(v1: v1::Location) -> Location {
    let position = |p: v1::Position| TextPosition {
        line: p.line,
        column: p.column,
    };
    Location {
        artifact: ArtifactPath::parse(&v1.artifact),
        span: match v1.span {
            v1::Span::Whole => Span::Whole,
            v1::Span::Text {
                start,
                end,
                offset,
                length,
            } => Span::Text {
                start: position(start),
                end: position(end),
                offset,
                length,
            },
            v1::Span::Bytes { offset, length } => Span::Bytes { offset, length },
            v1::Span::Logical { path } => Span::Logical { path },
        },
        label: v1.label,
        excerpt: None,
    }
}

fn excerpt(v1: v1::Evidence) -> Excerpt {
    let mut lines: Vec<ExcerptLine> = v1
        .lines
        .into_iter()
        .map(|l| ExcerptLine {
            number: l.number,
            text: l.text,
        })
        .collect();
    lines.sort_by_key(|l| l.number);
    lines.dedup_by_key(|l| l.number);
    let marks = v1.marks.into_iter().filter_map(|m| {
        let at = lines.binary_search_by_key(&m.line, |l| l.number).ok()?;
        lines.get(at)?.text.get(m.start..m.end)?;
        Some(Mark {
            line: m.line,
            range: m.start..m.end,
            label: m.label,
            primary: m.primary,
        })
    });
    let marks = marks.collect();
    Excerpt {
        kind: v1.kind.into(),
        lines,
        marks,
    }
}

fn fix(v1: v1::Fix) -> Fix {
    let edit = |e: v1::Edit| core::Edit {
        artifact: ArtifactPath::parse(&e.artifact),
        range: e.offset..e.offset.saturating_add(e.length),
        replacement: e.replacement,
    };
    Fix {
        description: v1.description,
        disposition: v1.disposition.into(),
        edits: v1.edits.into_iter().map(edit).collect(),
        command: v1.command,
    }
}

fn component(v1: v1::Component) -> core::Component {
    core::Component {
        kind: v1.kind.into(),
        ecosystem: match v1.ecosystem {
            v1::Ecosystem::PyPI => core::Ecosystem::PyPI,
            v1::Ecosystem::Conda => core::Ecosystem::Conda,
            v1::Ecosystem::HuggingFace => core::Ecosystem::HuggingFace,
            v1::Ecosystem::Oci => core::Ecosystem::Oci,
            v1::Ecosystem::Generic => core::Ecosystem::Generic,
        },
        name: v1.name,
        written: v1.written,
        version: v1.version,
        specifier: v1.specifier,
        marker: v1.marker,
        hashes: v1.hashes.iter().filter_map(|h| Digest::parse(h)).collect(),
        source: match v1.source {
            v1::Source::Registry { url } => Source::Registry { url },
            v1::Source::Vcs { url, revision } => Source::Vcs { url, revision },
            v1::Source::Url { url } => Source::Url { url },
            v1::Source::Path { path, editable } => Source::Path { path, editable },
        },
        bucket: match v1.matching {
            v1::Matching::Exact => Bucket::Exact,
            v1::Matching::Unpinned => Bucket::Unpinned,
            v1::Matching::Unauditable { why } => Bucket::Unauditable { why },
        },
        direct: v1.direct,
        via: v1.via,
        declared: location(v1.declared),
    }
}

fn service(service: v1::Service) -> core::Service {
    core::Service {
        address: service.address,
        product: service.product,
        name: service.name,
        state: service.state,
        version: service.version,
        request: service.request,
        body_sha256: service.body_sha256,
        open: service.open,
        guarded: service.guarded,
        notes: service.notes,
        status: service.status,
    }
}
