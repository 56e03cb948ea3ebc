//! What holds of every run.

use crate::audit;
use std::sync::{Arc, atomic::AtomicBool};
use wellhead_core::{Bucket, Limits, Outcome, Report};
use wellhead_engine::{Listing, Options, Selection, run};

/// A pickle that would run a command when it is loaded, assembled.
fn harmful() -> Vec<u8> {
    let listing = "PROTO 2\nGLOBAL 'posix system'\nBINUNICODE 'echo wellhead'\nTUPLE1\nREDUCE\nSTOP\n";
    wellhead_formats::pickle::assemble::assemble(listing).unwrap()
}

fn said(report: &Report) -> Vec<String> {
    let findings = report.reported();
    findings
        .map(|f| format!("{} {}", f.rule, f.primary().unwrap().artifact))
        .collect()
}

#[test]
fn the_order_of_work_changes_nothing() {
    let files: Vec<(String, Vec<u8>)> = (0..200)
        .map(|i| (format!("d{}/m{i}.pkl", i % 7), harmful()))
        .collect();
    let listing = |files: &[(String, Vec<u8>)]| {
        vec![Listing {
            target: ".".to_owned(),
            prefix: None,
            entries: wellhead_sources::from_memory(files.to_vec()),
        }]
    };
    let pool = |threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
    };
    let one = pool(1).install(|| run(listing(&files), &Options::default()));
    let mut turned = files;
    turned.reverse();
    let many = pool(8).install(|| run(listing(&turned), &Options::default()));
    assert_eq!(one, many);
    assert_eq!(one.reported().count(), 200);
}

#[test]
fn a_cancelled_run_ends_and_calls_nothing_clean() {
    let options = Options {
        cancelled: Arc::new(AtomicBool::new(true)),
        ..Options::default()
    };
    let big = b"K\x01".repeat(200_000);
    let report = audit(&[("a.pkl", &big)], &options);
    assert!(report.unseen().next().is_some());
}

#[test]
fn running_out_is_said_for_what_could_run_code() {
    let limits = Limits {
        steps: 1_000,
        ..Limits::default()
    };
    let mut long = b"\x80\x02".to_vec();
    long.extend(b"K\x010".repeat(100_000));
    long.extend(b"N.");
    let report = audit(
        &[("a.pkl", &long)],
        &Options {
            limits,
            ..Options::default()
        },
    );
    assert_eq!(said(&report), ["pickle-damaged a.pkl"]);
    assert!(
        matches!(report.coverage[0].outcome, Outcome::Partly { .. }),
        "{:?}",
        report.coverage
    );
}

#[test]
fn a_project_that_takes_too_much_is_judged_in_part() {
    // Each file is within what it may take, and all together are not.
    let files: Vec<(String, String)> = (0..400)
        .map(|i| {
            let names: String = (0..5).map(|n| format!("acme-{i}-{n}==1\n")).collect();
            (format!("r{i}/requirements.txt"), names)
        })
        .collect();
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_bytes()))
        .collect();
    let with = |steps: u64| {
        let limits = Limits {
            steps,
            ..Limits::default()
        };
        audit(
            &files,
            &Options {
                limits,
                ..Options::default()
            },
        )
    };
    let partly = |report: &Report| {
        let unseen = report.reported().filter(|f| f.rule == "not-fully-analysed");
        let lines = report.not_assessed.iter().filter(|l| l.contains("in part"));
        let left = report
            .components
            .iter()
            .filter(|c| matches!(&c.bucket, Bucket::Unauditable { why } if why.contains("more time")));
        (unseen.count(), lines.count(), left.count() > 500)
    };
    let (whole, part) = (with(2_000_000_000), with(1_000));
    assert_eq!(partly(&whole), (0, 0, false));
    assert_eq!(partly(&part), (1, 1, true));
    // What was not judged is still listed.
    assert_eq!(part.components.len(), whole.components.len());
}

#[test]
fn only_selected_rules_are_asked() {
    let selection = Selection {
        select: vec!["updates".to_owned()],
        ..Selection::default()
    };
    let report = audit(
        &[("a.pkl", &harmful())],
        &Options {
            selection,
            ..Options::default()
        },
    );
    assert_eq!(said(&report), [""; 0]);
}

#[test]
fn an_empty_listing_is_an_empty_report() {
    let report = audit(&[], &Options::default());
    assert_eq!((report.stats.files, report.verdict.allowed), (0, true));
    assert!(report.measures.iter().all(|m| !m.is_assessed()));
}

#[test]
fn a_class_that_the_project_defines_is_judged_by_its_source() {
    let listing = "PROTO 2\nGLOBAL 'acme.net Layer'\nEMPTY_TUPLE\nREDUCE\nSTOP\n";
    let pickle = wellhead_formats::pickle::assemble::assemble(listing).unwrap();
    let severity = |source: &[u8]| {
        let report = audit(
            &[("m.pkl", &pickle), ("src/acme/net.py", source)],
            &Options::default(),
        );
        let finding = report
            .reported()
            .find(|f| f.rule == "unknown-pickle-import")
            .cloned()
            .unwrap();
        finding.severity.name()
    };
    assert_eq!(severity(b"class Layer:\n    pass\n"), "low");
    assert_eq!(
        severity(
            b"import subprocess\nclass Layer:\n    def __init__(self):\n        subprocess.run(['x'])\n"
        ),
        "high"
    );
}
