//! Configuration of which every weakness is known: `benches/planted`, which `benches/infra_config.py` measures other tools by.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};
use wellhead_core::{Finding, Location, Measure, Severity, Span};
use wellhead_engine::Options;

/// A line that is weak.
struct Weak {
    path: String,
    line: usize,
    group: String,
    why: String,
}

/// The files of the listings, and what is wrong with them.
#[expect(
    clippy::disallowed_methods,
    reason = "a listing that is added is read without a line here"
)]
fn planted() -> (BTreeMap<String, Vec<String>>, Vec<Weak>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/planted");
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut weak = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let listing = entry.unwrap().path();
        if listing.extension().is_none_or(|e| e != "txt") {
            continue;
        }
        let mut path = String::new();
        for line in std::fs::read_to_string(listing).unwrap().lines() {
            if let Some(next) = line.strip_prefix("=== ") {
                path = next.to_owned();
                assert!(
                    files.insert(path.clone(), Vec::new()).is_none(),
                    "{path} stands twice"
                );
            } else if let Some(lines) = files.get_mut(&path) {
                let line = line.replace("{{+}}", "");
                let (text, expected) = match line.split_once("# expect: ") {
                    Some((text, expected)) => (text.trim_end().to_owned(), Some(expected)),
                    None => (line.clone(), None),
                };
                lines.push(text);
                if let Some((group, why)) = expected.and_then(|e| e.split_once(' ')) {
                    weak.push(Weak {
                        path: path.clone(),
                        line: lines.len(),
                        group: group.to_owned(),
                        why: why.to_owned(),
                    });
                }
            }
        }
    }
    (files, weak)
}

/// The service, manifest, resource or statement that a line belongs to.
fn block(path: &str, lines: &[String], line: usize) -> (usize, usize) {
    let kind = path.split('/').nth(1).unwrap();
    let yaml = path.ends_with(".yaml") || path.ends_with(".yml");
    let starts = |n: usize| match kind {
        "compose" if yaml => {
            let indent = lines[n].len() - lines[n].trim_start().len();
            indent <= 2 && !lines[n].trim().is_empty()
        }
        "k8s" | "helm" | "kustomize" => lines[n] == "---",
        "terraform" if !path.ends_with(".json") => lines[n].starts_with(|c: char| c.is_alphanumeric()),
        _ => n == 0 || !lines[n - 1].ends_with('\\'),
    };
    let (mut first, mut last) = (line - 1, line);
    while first > 0 && !starts(first) {
        first -= 1;
    }
    while last < lines.len() && !starts(last) {
        last += 1;
    }
    (first + 1, last)
}

/// The lines that a place speaks of.
fn lines(place: &Location) -> BTreeSet<usize> {
    let marked = place.excerpt.iter().flat_map(|e| &e.marks);
    let mut out: BTreeSet<usize> = marked.map(|m| m.line as usize).collect();
    if let Span::Text { start, .. } = &place.span {
        out.insert(start.line as usize);
    }
    out
}

fn subjects() -> BTreeMap<String, BTreeSet<String>> {
    let table = include_str!("../../../../benches/planted/subjects.tsv");
    table
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(rule, groups)| {
            let groups = groups.split(' ').map(str::to_owned).collect();
            (rule.to_owned(), groups)
        })
        .collect()
}

#[test]
fn planted_weaknesses_are_found_and_what_is_in_order_is_left_alone() {
    let (files, weak) = planted();
    assert!(weak.len() >= 60, "{}", weak.len());
    let texts: Vec<(String, Vec<u8>)> = files
        .iter()
        .map(|(path, lines)| (path.clone(), format!("{}\n", lines.join("\n")).into_bytes()))
        .collect();
    let given: Vec<(&str, &[u8])> = texts
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_slice()))
        .collect();
    let report = crate::audit(&given, &Options::default());
    let subjects = subjects();
    let told: Vec<&Finding> = report
        .findings
        .iter()
        .filter(|f| f.measure == Measure::Infrastructure && f.severity > Severity::Info)
        .collect();
    let about =
        |finding: &Finding, group: &str| subjects.get(&*finding.rule).is_some_and(|g| g.contains(group));
    let blocks: Vec<(usize, usize)> = weak
        .iter()
        .map(|w| block(&w.path, &files[&w.path], w.line))
        .collect();
    let mut missed = Vec::new();
    let mut used: BTreeSet<String> = BTreeSet::new();
    for (w, own) in weak.iter().zip(&blocks) {
        let alone = weak
            .iter()
            .zip(&blocks)
            .filter(|(other, b)| other.path == w.path && *b == own)
            .count()
            == 1;
        let finds = |finding: &&&Finding| {
            let places = finding
                .locations
                .iter()
                .filter(|l| l.artifact.to_string() == w.path);
            let mut at = places.flat_map(lines);
            about(finding, &w.group) && at.any(|l| l == w.line || alone && own.0 <= l && l <= own.1)
        };
        let found: Vec<&&Finding> = told.iter().filter(finds).collect();
        used.extend(found.iter().map(|f| f.fingerprint()));
        if found.is_empty() {
            missed.push(format!("{} {}:{}: {}", w.group, w.path, w.line, w.why));
        }
    }
    let among = |finding: &Finding, folder: &str| {
        let mut places = finding.locations.iter();
        places.any(|l| l.artifact.to_string().starts_with(folder))
    };
    let say = |f: &Finding| format!("{} {}: {}", f.rule, f.primary().unwrap().artifact, f.message);
    let wrong: Vec<String> = told
        .iter()
        .filter(|f| subjects.contains_key(&*f.rule) && among(f, "guarded/"))
        .map(|f| say(f))
        .collect();
    let beside: Vec<String> = told
        .iter()
        .filter(|f| among(f, "weak/") && !used.contains(&f.fingerprint()))
        .map(|f| say(f))
        .collect();
    let found = weak.len() - missed.len();
    assert!(
        found * 100 >= weak.len() * 95,
        "{found} of {} found; missed:\n{}",
        weak.len(),
        missed.join("\n")
    );
    assert!(wrong.len() <= 3, "false:\n{}", wrong.join("\n"));
    assert!(
        beside.len() * 10 <= told.len(),
        "{} of {} are about nothing planted:\n{}",
        beside.len(),
        told.len(),
        beside.join("\n")
    );
}
