//! Weights for the verdict on packages, from what was seen in labelled ones.
//!
//! `benches/packages.py --features FILE` writes what the rules saw, without names; this finds the weights under which
//! what is harmful weighs most, and says how well weights do on families that they were not made from. The one
//! decision: a weight is never negative and the thresholds stand still, so that a verdict stays a sum that grows with
//! what is added to a package. Nothing here is random: the same file gives the same table.

use anyhow::{Context as _, Result, bail};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
};
use wellhead_rules::behaviour::{BLOCK, REVIEW, WEIGHTS};

/// Families are dealt into so many parts; each is judged by weights that were made from the others.
const FOLDS: usize = 5;
/// How strongly a weight is held to zero, against one labelled archive of weight one.
const HELD: f64 = 0.02;
/// Steps of the descent, and how often the deciding file of each archive is chosen anew.
const STEPS: usize = 1_500;
const ROUNDS: usize = 4;
/// No thing that is seen may weigh more, in points.
const MOST: f64 = 6.0;
/// Clusters of more families than this are left out of the last figures.
const BIG: usize = 50;

/// What was seen in one file at one time.
#[derive(Clone, Debug)]
struct Seen {
    /// The worst answer that is open to it: 0 none, 1 review, 2 block.
    gate: usize,
    /// Places in the table of weights.
    terms: BTreeSet<usize>,
}

/// One labelled archive.
#[derive(Clone, Debug)]
struct Archive {
    malicious: bool,
    /// What it is like: techniques of a family, or the project of an honest archive.
    group: String,
    seen: Vec<Seen>,
}

/// The weights and figures for a file of features, as text.
///
/// # Errors
/// Where it cannot be read, or is no such table.
pub fn of_file(file: &Path) -> Result<String> {
    report(&std::fs::read_to_string(file).with_context(|| file.display().to_string())?)
}

/// The weights and figures for a table of features, as text.
///
/// # Errors
/// Where the text is no such table.
pub fn report(features: &str) -> Result<String> {
    let archives = read(features)?;
    let sizes = sizes(&archives);
    let mut out = String::new();
    let (bad, good) = (
        archives.iter().filter(|a| a.malicious).count(),
        archives.iter().filter(|a| !a.malicious).count(),
    );
    writeln!(
        out,
        "{bad} families, {good} honest archives, {} groups\n",
        sizes.len()
    )?;
    writeln!(
        out,
        "| judged by | families blocked | or reviewed | honest blocked | or reviewed |"
    )?;
    writeln!(out, "|---|---|---|---|---|")?;
    let mut held_out: Vec<(&Archive, usize)> = Vec::new();
    let fold = folds(&sizes);
    for part in 0..FOLDS {
        let inside = |a: &&Archive| fold.get(&a.group) == Some(&part);
        let others: Vec<&Archive> = archives.iter().filter(|a| !inside(a)).collect();
        let weights = fit(&others, &sizes);
        let judged: Vec<(&Archive, usize)> = archives
            .iter()
            .filter(inside)
            .map(|a| (a, answer(a, &weights)))
            .collect();
        writeln!(
            out,
            "| the other parts, part {} | {} |",
            part.saturating_add(1),
            figures(&judged)
        )?;
        held_out.extend(judged);
    }
    writeln!(out, "| the other parts, all | {} |", figures(&held_out))?;
    let small: Vec<_> = held_out
        .iter()
        .filter(|(a, _)| sizes.get(&a.group).is_none_or(|n| *n <= BIG))
        .copied()
        .collect();
    writeln!(
        out,
        "| the other parts, no cluster over {BIG} | {} |",
        figures(&small)
    )?;
    let standing: Vec<f64> = WEIGHTS.iter().map(|(_, _, w)| f64::from(*w) / 10.0).collect();
    let all: Vec<&Archive> = archives.iter().collect();
    let weights = fit(&all, &sizes);
    for (name, weights) in [
        ("all, as fitted", &weights),
        ("the weights that stand", &standing),
    ] {
        let judged: Vec<_> = all.iter().map(|a| (*a, answer(a, weights))).collect();
        writeln!(out, "| {name} | {} |", figures(&judged))?;
    }
    out.push('\n');
    for ((term, name, now), weight) in WEIGHTS.iter().zip(&weights) {
        let tenths = (weight * 10.0).round();
        writeln!(out, "    (Term::{term:?}, \"{name}\", {tenths}), // {now}")?;
    }
    Ok(out)
}

fn read(features: &str) -> Result<Vec<Archive>> {
    let places: BTreeMap<&str, usize> = WEIGHTS
        .iter()
        .enumerate()
        .map(|(at, (_, name, _))| (*name, at))
        .collect();
    let mut out = Vec::new();
    for (number, line) in features.lines().enumerate() {
        let row: serde_json::Value =
            serde_json::from_str(line).with_context(|| format!("line {}", number.saturating_add(1)))?;
        let (Some(malicious), Some(group), Some(seen)) = (
            row.get("malicious").and_then(|v| v.as_bool()),
            row.get("cluster").and_then(|v| v.as_str()),
            row.get("seen").and_then(|v| v.as_array()),
        ) else {
            bail!(
                "line {} is not what `benches/packages.py --features` writes",
                number.saturating_add(1)
            );
        };
        let one = |seen: &serde_json::Value| Seen {
            gate: match seen.get("at_most").and_then(|v| v.as_str()) {
                Some("block") => 2,
                Some("review") => 1,
                _ => 0,
            },
            terms: seen
                .get("terms")
                .and_then(|v| v.as_str())
                .unwrap_or_default()
                .split(' ')
                .filter_map(|t| places.get(t).copied())
                .collect(),
        };
        out.push(Archive {
            malicious,
            group: format!("{malicious} {group}"),
            seen: seen.iter().map(one).collect(),
        });
    }
    if !out.iter().any(|a| a.malicious) || out.iter().all(|a| a.malicious) {
        bail!("it takes poisoned and honest archives");
    }
    Ok(out)
}

/// How many archives each group has.
fn sizes(archives: &[Archive]) -> BTreeMap<String, usize> {
    let mut out: BTreeMap<String, usize> = BTreeMap::new();
    for archive in archives {
        let size = out.entry(archive.group.clone()).or_default();
        *size = size.saturating_add(1);
    }
    out
}

/// The part of each group: the largest are dealt first, each to the part that has least of its label.
fn folds(sizes: &BTreeMap<String, usize>) -> BTreeMap<String, usize> {
    let mut groups: Vec<(&String, usize)> = sizes.iter().map(|(g, n)| (g, *n)).collect();
    groups.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let mut held: BTreeMap<(bool, usize), usize> = BTreeMap::new();
    let mut out = BTreeMap::new();
    for (group, size) in groups {
        let malicious = group.starts_with("true");
        let least = (0..FOLDS).min_by_key(|part| held.get(&(malicious, *part)).copied().unwrap_or(0));
        let part = least.unwrap_or(0);
        let sum = held.entry((malicious, part)).or_default();
        *sum = sum.saturating_add(size);
        out.insert(group.clone(), part);
    }
    out
}

fn score(seen: &Seen, weights: &[f64]) -> f64 {
    seen.terms.iter().filter_map(|t| weights.get(*t)).sum()
}

/// 0 none, 1 review, 2 block.
fn answer(archive: &Archive, weights: &[f64]) -> usize {
    let one = |seen: &Seen| {
        // Weights are printed in tenths, and that is what is added up.
        let score: f64 = seen
            .terms
            .iter()
            .filter_map(|t| weights.get(*t))
            .map(|w| (w * 10.0).round())
            .sum();
        match seen.gate {
            2 if score >= f64::from(BLOCK) => 2,
            1 | 2 if score >= f64::from(REVIEW) => 1,
            _ => 0,
        }
    };
    archive.seen.iter().map(one).max().unwrap_or(0)
}

/// Weights under which the log-likelihood of the labels is greatest, less what holds them to zero.
///
/// An archive counts as the file that speaks most against it, and a group as one however many archives it has, so that
/// the families of one campaign do not outvote the rest; both labels weigh the same together.
fn fit(archives: &[&Archive], sizes: &BTreeMap<String, usize>) -> Vec<f64> {
    let mut weights: Vec<f64> = vec![1.0; WEIGHTS.len()];
    let share = |a: &Archive| {
        1.0 / sizes
            .get(&a.group)
            .map_or(1.0, |n| f64::from(u32::try_from(*n).unwrap_or(u32::MAX)))
    };
    let total = |malicious: bool| -> f64 {
        archives
            .iter()
            .filter(|a| a.malicious == malicious)
            .map(|a| share(a))
            .sum()
    };
    let (bad, good) = (total(true).max(1.0), total(false).max(1.0));
    let threshold = f64::from(REVIEW) / 10.0;
    for _ in 0..ROUNDS {
        let rows: Vec<(f64, f64, &BTreeSet<usize>)> = archives
            .iter()
            .filter_map(|a| {
                let key = |s: &&Seen| (if a.malicious { s.gate } else { 0 }, score(s, &weights));
                let most = a.seen.iter().max_by(|x, y| {
                    let (x, y) = (key(x), key(y));
                    x.0.cmp(&y.0).then(x.1.total_cmp(&y.1))
                })?;
                let (label, all) = if a.malicious { (1.0, bad) } else { (0.0, good) };
                Some((label, share(a) * (bad + good) / (2.0 * all), &most.terms))
            })
            .collect();
        let mass: f64 = rows
            .iter()
            .map(|(_, share, terms)| share * f64::from(u32::try_from(terms.len()).unwrap_or(0)))
            .sum();
        let step = 1.0 / (0.25 * mass + HELD).max(1.0);
        for _ in 0..STEPS {
            let mut slope: Vec<f64> = weights.iter().map(|w| HELD * w).collect();
            for (label, share, terms) in &rows {
                let sum: f64 = terms.iter().filter_map(|t| weights.get(*t)).sum();
                let chance = 1.0 / (1.0 + (threshold - sum).exp());
                for term in *terms {
                    if let Some(one) = slope.get_mut(*term) {
                        *one += share * (chance - label);
                    }
                }
            }
            for (weight, slope) in weights.iter_mut().zip(&slope) {
                *weight = (*weight - 8.0 * step * slope).clamp(0.0, MOST);
            }
        }
    }
    weights
}

/// Four shares with their 95 % intervals.
fn figures(judged: &[(&Archive, usize)]) -> String {
    let cells = [(true, 2), (true, 1), (false, 2), (false, 1)].map(|(malicious, least)| {
        let of: Vec<usize> = judged
            .iter()
            .filter(|(a, _)| a.malicious == malicious)
            .map(|(_, at)| *at)
            .collect();
        share(of.iter().filter(|at| **at >= least).count(), of.len())
    });
    cells.join(" | ")
}

/// A share and its 95 % interval after Wilson.
fn share(hits: usize, total: usize) -> String {
    let float = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    let (count, all) = (float(hits), float(total.max(1)));
    let (z, share) = (1.959_964, count / all);
    let middle = share + z * z / (2.0 * all);
    let spread = z * (share * (1.0 - share) / all + z * z / (4.0 * all * all)).sqrt();
    let whole = 1.0 + z * z / all;
    let (low, high) = (
        ((middle - spread) / whole).max(0.0),
        ((middle + spread) / whole).min(1.0),
    );
    format!(
        "{hits} of {total} = {:.1} % ({:.1} to {:.1})",
        share * 100.0,
        low * 100.0,
        high * 100.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Families that hide what they run, and honest projects that only start programs.
    fn table() -> String {
        let mut out = String::new();
        for at in 0..40 {
            writeln!(
                out,
                r#"{{"malicious":true,"cluster":"c{}","seen":[{{"at_most":"block","terms":"at-install runs-decoded starts-program"}}]}}"#,
                at % 20
            )
            .unwrap();
            writeln!(
                out,
                r#"{{"malicious":false,"cluster":"p{at}","seen":[{{"at_most":"review","terms":"at-import starts-program speaks-to-network"}}]}}"#
            )
            .unwrap();
        }
        out
    }

    #[test]
    fn what_only_harm_has_weighs_and_what_both_have_does_not() {
        let archives = read(&table()).unwrap();
        let all: Vec<&Archive> = archives.iter().collect();
        let weights = fit(&all, &sizes(&archives));
        let of = |name: &str| weights[WEIGHTS.iter().position(|(_, n, _)| *n == name).unwrap()];
        assert!(of("runs-decoded") > 1.5, "{}", of("runs-decoded"));
        assert!(of("starts-program") < of("runs-decoded"));
        assert!(of("speaks-to-network") < 0.5);
        assert!(weights.iter().all(|w| *w >= 0.0));
        assert!(archives.iter().all(|a| (answer(a, &weights) == 2) == a.malicious));
    }

    #[test]
    fn a_group_is_never_in_two_parts_and_the_report_is_the_same_twice() {
        let archives = read(&table()).unwrap();
        let fold = folds(&sizes(&archives));
        assert_eq!(fold.len(), 60);
        assert_eq!(fold.values().collect::<BTreeSet<_>>().len(), FOLDS);
        assert_eq!(report(&table()).unwrap(), report(&table()).unwrap());
    }

    #[test]
    fn what_is_no_table_is_refused() {
        for text in ["", "{", "{}", r#"{"malicious":true,"cluster":"a","seen":[]}"#] {
            assert!(report(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shares_have_wilson_intervals() {
        assert_eq!(share(0, 180), "0 of 180 = 0.0 % (0.0 to 2.1)");
        assert_eq!(share(469, 700), "469 of 700 = 67.0 % (63.4 to 70.4)");
    }
}
