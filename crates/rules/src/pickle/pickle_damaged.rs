use super::assess;
use wellhead_core::{
    Confidence, Finding, Measure, Outcome, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile,
};
use wellhead_formats::pickle::{End, Program, Site, Stream};

/// The file cannot be read to its end as pickles.
pub(crate) static PICKLE_DAMAGED: Rule = Rule {
    id: "pickle-damaged",
    summary: "the file is no whole pickle: broken, cut off, or with code where no loader looks",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 3,
        detectability: 4,
        technical_impact: 4,
        ml_application: 4,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever publishes or replaces a model file",
        vector: "a pickle that runs its code and then breaks, so that scanners give up and loaders do not",
        weakness: "everything before the damage has run by the time it is noticed",
        impact: "code runs from a file that tools report as unreadable",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(502),
        Reference::Cwe(354),
    ],
    page: include_str!("pickle_damaged.md"),
    file: file!(),
};

const HELP: &str = "fetch the file again from its source and compare its digest";

pub(crate) fn check(program: &Program, sink: &mut Sink) {
    if let Outcome::Partly { why } = &program.outcome {
        let finding = Finding::new(
            &PICKLE_DAMAGED,
            "not everything that runs when this file is loaded could be seen",
            sink.whole("read up to a limit"),
        )
        .note(format!("the analysis ended early: {why}"))
        .help("raise the limits, or treat the file as unsafe")
        .subject("unfinished");
        sink.push(finding);
    }
    let mut told = false;
    for (number, stream) in (0_u32..).zip(&program.streams) {
        if let Some(finding) =
            about(program, sink, stream, number).filter(|_| !told || stream.found_by_search)
        {
            told = true;
            sink.push(finding);
        }
    }
    if let Some(trailing) = program.trailing.filter(|t| !t.storages)
        && program.streams.iter().all(|s| s.end == End::Stop)
    {
        let place = sink.bytes(trailing.offset, trailing.length, "behind the last pickle");
        let finding = Finding::new(
            &PICKLE_DAMAGED,
            format!(
                "{} bytes that no loader reads stand behind the pickle",
                trailing.length
            ),
            place,
        )
        .severity(Severity::Low)
        .help(HELP)
        .subject("trailing");
        sink.push(finding);
    }
}

fn about(program: &Program, sink: &Sink, stream: &Stream, number: u32) -> Option<Finding> {
    if stream.found_by_search {
        let place = sink.bytes(stream.offset, stream.length, "code where no loader looks for it");
        return Some(
            Finding::new(
                &PICKLE_DAMAGED,
                "another pickle with code stands behind bytes that are none",
                place,
            )
            .note("a loader that seeks, or one that reads pickles until none is left, runs it")
            .help(HELP)
            .subject("hidden stream"),
        );
    }
    let (offset, what, severity) = match &stream.end {
        End::Stop => return None,
        // Named by the outcome already.
        End::Unfinished { .. } => return None,
        End::EndOfData => {
            let end = stream.offset.saturating_add(stream.length);
            (
                end,
                "this pickle is cut off: what stands before the cut runs when it is loaded".to_owned(),
                Severity::Medium,
            )
        }
        End::Damaged { offset, why } => {
            let severity = if stream.opcodes < 2 {
                Severity::Medium
            } else {
                Severity::High
            };
            (
                *offset,
                format!(
                    "this pickle breaks after its code has run: it {}",
                    without_subject(why)
                ),
                severity,
            )
        }
    };
    let site = Site {
        offset,
        context_offset: offset,
        stream: number,
        ..Site::default()
    };
    let place = match stream.end {
        End::Damaged { .. } => assess::locate_site(program, sink, &site, "loaders give up here"),
        _ => sink.bytes(offset, 0, "the bytes end here"),
    };
    Some(
        Finding::new(&PICKLE_DAMAGED, what, place)
            .severity(severity)
            .help(HELP)
            .subject(format!("stream {number}")),
    )
}

/// The machine says "byte 0x.. is no opcode" of the bytes, and "takes from an empty stack" of the pickle.
fn without_subject(why: &str) -> String {
    match why.strip_prefix("byte ") {
        Some(rest) => format!(
            "goes on with byte {}",
            rest.replace(" is no opcode", ", which is no opcode")
        ),
        None if why.starts_with(|c: char| c.is_ascii_lowercase())
            && !why.starts_with("a ")
            && !why.starts_with("the ") =>
        {
            why.to_owned()
        }
        None => format!("is wrong: {why}"),
    }
}
