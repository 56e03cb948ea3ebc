//! Core's report into the layout of version 1.

use super::{SCHEMA_NAME, SCHEMA_VERSION, v1};
use wellhead_core as core;
use wellhead_core::{Bucket, Finding, Location, Outcome, Rating, Report, Severity, Source, Span, Status};

impl From<&Report> for v1::Report {
    fn from(report: &Report) -> Self {
        let score = |score: u8| v1::Score {
            score,
            rating: Rating::of(score).into(),
        };
        Self {
            schema: v1::Schema {
                name: SCHEMA_NAME.to_owned(),
                version: SCHEMA_VERSION.to_owned(),
            },
            tool: v1::Tool {
                name: "wellhead".to_owned(),
                version: report.tool_version.clone(),
            },
            targets: report.targets.clone(),
            verdict: v1::Verdict {
                allowed: report.verdict.allowed,
                fail_on: report.verdict.fail_on.into(),
                because: report.verdict.because.clone(),
            },
            risk: v1::Risk {
                score: report.risk.score,
                rating: Rating::of(report.risk.score).into(),
                measures: report
                    .risk
                    .measures
                    .iter()
                    .map(|(m, s)| ((*m).into(), score(*s)))
                    .collect(),
            },
            measures: report.measures.iter().map(measure).collect(),
            findings: report.findings.iter().map(finding).collect(),
            coverage: report.coverage.iter().map(coverage).collect(),
            not_assessed: report.not_assessed.clone(),
            databases: report.databases.iter().map(database).collect(),
            components: report.components.iter().map(component).collect(),
            inventory: inventory(report),
            services: report.services.iter().map(service).collect(),
            stats: v1::Stats {
                files: report.stats.files,
                models: report.stats.models,
                packages: report.stats.packages,
                bytes: report.stats.bytes,
            },
        }
    }
}

impl From<Option<Severity>> for v1::FailOn {
    fn from(severity: Option<Severity>) -> Self {
        match severity {
            None => Self::Never,
            Some(Severity::Info) => Self::Info,
            Some(Severity::Low) => Self::Low,
            Some(Severity::Medium) => Self::Medium,
            Some(Severity::High) => Self::High,
            Some(Severity::Critical) => Self::Critical,
        }
    }
}

fn inventory(report: &Report) -> v1::Inventory {
    let counts = report.inventory_counts();
    let row = |(c, standing): (&core::Component, core::Standing)| {
        let bucket = standing.name().to_owned();
        let (reason, until, by) = match standing {
            core::Standing::Unauditable { why } => (Some(why), None, None),
            core::Standing::Ignored { until, why, by } => (Some(why), until, Some(by)),
            _ => (None, None, None),
        };
        v1::InventoryRow {
            purl: c.purl(),
            name: c.name.clone(),
            version: c.version.clone(),
            specifier: c.specifier.clone(),
            bucket,
            reason,
            until,
            by: by.filter(|b| !b.is_empty()),
            artifact: c.declared.artifact.to_string(),
            line: match &c.declared.span {
                Span::Text { start, .. } => Some(start.line),
                _ => None,
            },
        }
    };
    v1::Inventory {
        declarations: counts.declarations,
        packages: counts.packages,
        audited: counts.audited,
        pinned: counts.pinned,
        unpinned: counts.unpinned,
        unauditable: counts.unauditable,
        ignored: counts.ignored,
        reasons: counts.reasons,
        entries: report.inventory().into_iter().map(row).collect(),
    }
}

fn measure(row: &core::MeasureSummary) -> v1::MeasureRow {
    v1::MeasureRow {
        measure: row.measure.into(),
        deny: row.deny,
        warn: row.warn,
        ok: row.ok,
        not_assessed: row.not_assessed,
    }
}

fn coverage(row: &core::Coverage) -> v1::CoverageRow {
    v1::CoverageRow {
        artifact: row.artifact.to_string(),
        outcome: match row.outcome {
            Outcome::Analysed => v1::Outcome::Analysed,
            Outcome::Partly { .. } => v1::Outcome::Partly,
            Outcome::NotAnalysed { .. } => v1::Outcome::NotAnalysed,
        },
        reason: row.outcome.why().map(str::to_owned),
        depth: row.depth.into(),
        format: row.format.as_ref().map(ToString::to_string),
    }
}

fn service(service: &core::Service) -> v1::Service {
    v1::Service {
        address: service.address.clone(),
        product: service.product.clone(),
        name: service.name.clone(),
        state: service.state.clone(),
        version: service.version.clone(),
        request: service.request.clone(),
        body_sha256: service.body_sha256.clone(),
        open: service.open.clone(),
        guarded: service.guarded.clone(),
        notes: service.notes.clone(),
        status: service.status,
    }
}

fn database(info: &core::DatabaseInfo) -> v1::Database {
    v1::Database {
        name: info.name.clone(),
        records: info.records,
        date: info.date.clone(),
        digest: info.digest.clone(),
    }
}

fn finding(finding: &Finding) -> v1::Finding {
    let (status, ignored) = match &finding.status {
        Status::Reported => (v1::Status::Reported, None),
        Status::Suppressed => (v1::Status::Suppressed, None),
        Status::Ignored(i) => {
            let by = i.by.as_ref().map(location);
            let ignored = v1::Ignored {
                reason: i.reason.clone(),
                expires: i.expires.clone(),
                by,
            };
            (v1::Status::Ignored, Some(ignored))
        }
    };
    v1::Finding {
        rule: finding.rule.to_string(),
        severity: finding.severity.into(),
        confidence: finding.confidence.into(),
        measure: finding.measure.into(),
        status,
        level: finding.level.map(Into::into),
        ignored,
        message: finding.message.clone(),
        fingerprint: finding.fingerprint(),
        subject: finding.subject.clone(),
        locations: finding.locations.iter().map(location).collect(),
        evidence: finding
            .locations
            .iter()
            .enumerate()
            .filter_map(|(i, l)| evidence(i, l))
            .collect(),
        notes: finding.notes.clone(),
        help: finding.help.clone(),
        fixes: finding.fixes.iter().map(fix).collect(),
        properties: finding
            .properties
            .iter()
            .map(|(k, v)| (k.clone(), sorted(v)))
            .collect(),
    }
}

/// The value with the keys of its objects in order, however it was put together.
fn sorted(value: &serde_json::Value) -> serde_json::Value {
    let mut value = value.clone();
    value.sort_all_objects();
    value
}

fn location(location: &Location) -> v1::Location {
    let position = |p: core::TextPosition| v1::Position {
        line: p.line,
        column: p.column,
    };
    v1::Location {
        artifact: location.artifact.to_string(),
        span: match &location.span {
            Span::Whole => v1::Span::Whole,
            Span::Text {
                start,
                end,
                offset,
                length,
            } => v1::Span::Text {
                start: position(*start),
                end: position(*end),
                offset: *offset,
                length: *length,
            },
            Span::Bytes { offset, length } => v1::Span::Bytes {
                offset: *offset,
                length: *length,
            },
            Span::Logical { path } => v1::Span::Logical { path: path.clone() },
        },
        label: location.label.clone(),
    }
}

fn evidence(index: usize, location: &Location) -> Option<v1::Evidence> {
    let excerpt = location.excerpt.as_ref()?;
    let line = |l: &core::ExcerptLine| v1::EvidenceLine {
        number: l.number,
        text: l.text.clone(),
    };
    let mark = |m: &core::Mark| v1::Mark {
        line: m.line,
        start: m.range.start,
        end: m.range.end,
        label: m.label.clone(),
        primary: m.primary,
    };
    Some(v1::Evidence {
        location: index,
        kind: excerpt.kind.into(),
        lines: excerpt.lines.iter().map(line).collect(),
        marks: excerpt.marks.iter().map(mark).collect(),
    })
}

fn fix(fix: &core::Fix) -> v1::Fix {
    let edit = |e: &core::Edit| v1::Edit {
        artifact: e.artifact.to_string(),
        offset: e.range.start,
        length: e.range.end.saturating_sub(e.range.start),
        replacement: e.replacement.clone(),
    };
    v1::Fix {
        description: fix.description.clone(),
        disposition: fix.disposition.into(),
        edits: fix.edits.iter().map(edit).collect(),
        command: fix.command.clone(),
    }
}

fn component(c: &core::Component) -> v1::Component {
    v1::Component {
        purl: c.purl(),
        kind: c.kind.into(),
        ecosystem: match c.ecosystem {
            core::Ecosystem::PyPI => v1::Ecosystem::PyPI,
            core::Ecosystem::Conda => v1::Ecosystem::Conda,
            core::Ecosystem::HuggingFace => v1::Ecosystem::HuggingFace,
            core::Ecosystem::Oci => v1::Ecosystem::Oci,
            core::Ecosystem::Generic => v1::Ecosystem::Generic,
        },
        name: c.name.clone(),
        written: c.written.clone(),
        version: c.version.clone(),
        specifier: c.specifier.clone(),
        marker: c.marker.clone(),
        hashes: c.hashes.iter().map(ToString::to_string).collect(),
        source: match &c.source {
            Source::Registry { url } => v1::Source::Registry { url: url.clone() },
            Source::Vcs { url, revision } => v1::Source::Vcs {
                url: url.clone(),
                revision: revision.clone(),
            },
            Source::Url { url } => v1::Source::Url { url: url.clone() },
            Source::Path { path, editable } => v1::Source::Path {
                path: path.clone(),
                editable: *editable,
            },
        },
        matching: match &c.bucket {
            Bucket::Exact => v1::Matching::Exact,
            Bucket::Unpinned => v1::Matching::Unpinned,
            Bucket::Unauditable { why } => v1::Matching::Unauditable { why: why.clone() },
        },
        direct: c.direct,
        via: c.via.clone(),
        declared: location(&c.declared),
    }
}
