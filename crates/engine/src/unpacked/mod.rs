//! Packages that lie unpacked in the target: projects, vendored packages, folders that Python imports from, single files.
//!
//! Which files belong together is told by names alone when all are listed; the code of each package is then read a second
//! time, within bounds, and judged like that of an archive. The one decision: what somebody works on is trusted more than
//! what somebody downloads. Of a project, and of scripts that lie about, only whole paths and what no author of honest
//! code writes is told; packages that are vendored, installed or named outright are judged like archives.

mod group;

use crate::{
    distribution::{Gathered, firm_imports, is_python, is_wanted},
    package_code::Understood,
    remembered,
    run::Options,
};
use group::Is;
pub(crate) use group::{Group, Lying};
use rayon::prelude::*;
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};
use wellhead_core::{ArtifactPath, Blob, Budget, Coverage, Finding, Location, Severity, Sink, code};
use wellhead_formats::{Family, Format, format::table, read_text};
use wellhead_packages::{
    distribution::{Contained, Distribution, DistributionKind, Parts, Shape, Trigger},
    installed::{PthUse, read_pth},
};
use wellhead_rules::{INTERNAL_ERROR, Subject, distribution::DistributionFacts};
use wellhead_sources::{Content, Entry};

/// Largest file that is read a second time, and all of a package.
const MAX_FILE: u64 = 16 << 20;
const MAX_TEXTS: usize = 48 << 20;
/// Largest file that Python is taken to run at its start; those of this ending that are larger are models.
const MAX_PTH: u64 = 4 << 20;
/// What stands for the code of a notebook in paths.
const CELLS: &str = "cells.py";
/// What a script of one's own never does: the others fetch and start things, and tell who they are, as they are told to.
const SHARP: [&str; 8] = [
    "runs-decoded",
    "sends-environment",
    "sends-credentials",
    "name-carries-data",
    "opens-shell",
    "fills-memory",
    "hides-address",
    "tells-receiver",
];
/// Most packages of which it is said one by one that not all of them was followed.
const FEW: usize = 3;

/// What one package came to, and its name with what of it could not be followed.
type One = (Vec<Finding>, Option<(String, String)>);

/// What the packages of a target came to.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    pub(crate) findings: Vec<Finding>,
    pub(crate) not_assessed: Vec<String>,
}

/// How the bytes of a file are had.
type Open<'a> = dyn Fn(&Lying) -> Result<Blob, String> + Sync + 'a;

/// Judges what lies unpacked among the files of a target.
pub(crate) fn judge(files: &[(String, Entry)], coverage: &[Coverage], options: &Options<'_>) -> Judged {
    let formats: BTreeMap<&str, &'static Format> = coverage
        .iter()
        .filter(|row| row.artifact.nesting() == 0)
        .filter_map(|row| Some((row.artifact.top(), Format::named(row.format.as_deref()?)?)))
        .collect();
    let mut listed: Vec<Lying> = files
        .iter()
        .enumerate()
        .filter(|(_, (_, entry))| matches!(entry.content, Content::File(_) | Content::Blob(_)))
        .map(|(at, (path, _))| Lying {
            path: path.clone(),
            artifact: ArtifactPath::file(path),
            format: formats.get(path.as_str()).copied(),
            at,
        })
        .filter(is_kept)
        .collect();
    listed.sort_by(|a, b| a.path.cmp(&b.path));
    let open = |lying: &Lying| match files.get(lying.at) {
        Some((_, entry)) => entry.open(),
        None => Err("not listed".to_owned()),
    };
    let record = |lying: &Lying| text(lying, &open, options);
    let groups = group::of_listing(listed, &options.asked, &record);
    all(groups, &open, options)
}

/// Whether a file is worth being read again.
fn is_kept(lying: &Lying) -> bool {
    let name = lying.path.rsplit('/').next().unwrap_or_default();
    let Some(format) = lying.format else {
        return is_python(name);
    };
    // Scripts of other languages have readers of their own.
    let other = format.family == Family::Source && *format != table::PYTHON;
    let shell = [".sh", ".bat", ".ps1"].iter().any(|e| name.ends_with(e));
    is_notebook(lying) || is_python(name) || is_wanted(name, format) && !other && !shell
}

fn is_notebook(lying: &Lying) -> bool {
    lying.format.is_some_and(|f| *f == table::NOTEBOOK)
}

fn text(lying: &Lying, open: &Open<'_>, options: &Options<'_>) -> Option<Arc<str>> {
    let blob = open(lying).ok().filter(|blob| blob.len() <= MAX_FILE)?;
    let mut budget = Budget::new(options.limits.clone(), Arc::clone(&options.cancelled));
    read_text(&blob, &mut budget).ok().map(|(text, _)| text.text)
}

/// Reads and judges packages.
pub(crate) fn all(groups: Vec<Group>, open: &Open<'_>, options: &Options<'_>) -> Judged {
    let done: Vec<One> = groups
        .into_par_iter()
        .map(|group| {
            let shown = group.shown();
            let place = group.artifact();
            let judged = || remembered::group(&group, open, options, || one(&group, open, options));
            match catch_unwind(AssertUnwindSafe(judged)) {
                Ok((findings, why)) => (findings, why.map(|why| (shown, why))),
                Err(_) => (
                    failed(&place, options),
                    Some((shown, "internal error".to_owned())),
                ),
            }
        })
        .collect();
    let mut out = Judged::default();
    let mut partly = Vec::new();
    for (findings, why) in done {
        out.findings.extend(findings);
        partly.extend(why);
    }
    let more = partly.len().saturating_sub(FEW);
    for (shown, why) in partly.into_iter().take(FEW) {
        let line = format!("the code of {} was followed only in part: {why}", code(&shown));
        out.not_assessed.push(line);
    }
    if more > 0 {
        let line = format!("the code of {more} more packages was followed only in part");
        out.not_assessed.push(line);
    }
    out
}

fn failed(place: &ArtifactPath, options: &Options<'_>) -> Vec<Finding> {
    let finding = Finding::new(
        &INTERNAL_ERROR,
        "nothing is known of what the code of this package does together: wellhead itself failed on it",
        Location::whole(place, "not judged"),
    );
    let finding = finding.help("report it as SECURITY.md describes, and do not run it until then");
    let asked = options.enables(&INTERNAL_ERROR);
    asked.then_some(finding).into_iter().collect()
}

/// Reads and judges one package; says what of it could not be followed, and whether another run may get further.
fn one(group: &Group, open: &Open<'_>, options: &Options<'_>) -> (Vec<Finding>, Option<String>, bool) {
    let mut budget = Budget::new(options.limits.clone(), Arc::clone(&options.cancelled));
    let is = group.is;
    let (gathered, mut why) = gather(group, open, &mut budget);
    if gathered.parts.members.is_empty() {
        return (Vec::new(), why, budget.depends_on_time());
    }
    let mut facts = gathered.facts(&|distribution| adjust(is, distribution), &mut budget);
    if let Some(more) = facts.distribution.outcome.why() {
        why.get_or_insert(more.to_owned());
    }
    if is.is_own() {
        facts.startup.retain(|line| line.effects.attacks());
    }
    if is == Is::Environment {
        facts.startup.clear();
    }
    let mut sink = Sink::new(facts.artifact.clone());
    let enabled = |rule: &wellhead_core::Rule| options.enables(rule);
    wellhead_rules::judge(Subject::Distribution(&facts), &enabled, &mut sink);
    let mut findings = sink.into_findings();
    findings.retain(|finding| !is.is_own() || is_sharp(finding, &facts));
    (findings, why, budget.depends_on_time())
}

fn gather(group: &Group, open: &Open<'_>, budget: &mut Budget) -> (Gathered, Option<String>) {
    let mut why: Option<String> = None;
    let mut members = Vec::new();
    let mut places = BTreeMap::new();
    let mut imports = BTreeMap::new();
    let mut understood = BTreeMap::new();
    let mut kept = 0_usize;
    for lying in &group.files {
        let inside = lying.path.get(group.root.len()..).unwrap_or_default();
        let (size, one) = match read(lying, inside, open, budget) {
            Ok(Some(one)) => one,
            Ok(None) => continue,
            Err(words) => {
                why.get_or_insert(words);
                continue;
            }
        };
        kept = kept.saturating_add(one.text.len());
        if kept > MAX_TEXTS {
            why.get_or_insert_with(|| "it holds more code than is looked at together".to_owned());
            break;
        }
        let python = is_python(&one.path) || lying.format.is_some_and(|f| *f == table::PYTHON);
        if python {
            let module = wellhead_pycode::parse(&one.text, budget);
            imports.insert(one.path.clone(), firm_imports(&module));
            understood.insert(one.path.clone(), Understood::of(module, budget));
        }
        places.insert(one.path.clone(), one.place);
        let other = lying.format.unwrap_or(&table::PLAIN_TEXT);
        members.push(Contained {
            path: one.path,
            size,
            digest: None,
            format: if python { &table::PYTHON } else { other },
            text: Some(one.text),
        });
    }
    let shape = Shape {
        kind: group.is.kind(),
        root: String::new(),
    };
    let gathered = Gathered {
        artifact: group.artifact(),
        parts: Parts {
            file: String::new(),
            shape,
            members,
            whole: true,
            container: Vec::new(),
        },
        places,
        imports,
        inner: Vec::new(),
        understood,
    };
    (gathered, why)
}

/// A file as a member of its package.
struct Read {
    path: String,
    place: ArtifactPath,
    text: Arc<str>,
}

/// Reads a file; nothing where it is none that belongs to a package.
fn read(
    lying: &Lying,
    inside: &str,
    open: &Open<'_>,
    budget: &mut Budget,
) -> Result<Option<(u64, Read)>, String> {
    let is_pth = inside.ends_with(".pth");
    let blob = open(lying).map_err(|why| format!("{} could not be read: {why}", code(inside)))?;
    if is_pth && blob.len() > MAX_PTH {
        return Ok(None);
    }
    if blob.len() > MAX_FILE {
        return Err(format!("{} is too large", code(inside)));
    }
    let (text, _) =
        read_text(&blob, budget).map_err(|why| format!("{} could not be read: {why}", code(inside)))?;
    let text = text.text;
    // Weights have this ending too.
    if is_pth && !read_pth(&text).iter().any(|line| line.is == PthUse::Runs) {
        return Ok(None);
    }
    if !is_notebook(lying) {
        let (path, place) = (inside.to_owned(), lying.artifact.clone());
        return Ok(Some((blob.len(), Read { path, place, text })));
    }
    // What is no notebook has said so when it was looked at by itself.
    let cells = wellhead_pycode::notebook_code(&text, budget).unwrap_or_default();
    let read = Read {
        path: format!("{inside}.py"),
        place: lying.artifact.member(CELLS),
        text: cells.into(),
    };
    Ok((!read.text.trim().is_empty()).then_some((blob.len(), read)))
}

/// What is known of a folder and not of an archive.
fn adjust(is: Is, distribution: &mut Distribution) {
    // Names and records of what was unpacked are judged where they are read one by one.
    distribution.anomalies.clear();
    distribution.borrowed = None;
    let by_hand = matches!(is, Is::Project | Is::Scripts | Is::Named);
    for member in distribution.members.iter_mut().filter(|_| by_hand) {
        let top = member.site.as_deref().is_some_and(|site| !site.contains('/'));
        if top && member.trigger == Trigger::Import && member.path != "__init__.py" {
            member.trigger = Trigger::Run;
        }
    }
}

/// Whether no author of honest code has in his own tree what was found.
fn is_sharp(finding: &Finding, facts: &DistributionFacts) -> bool {
    if finding.severity < Severity::High {
        return false;
    }
    let place = finding.primary().map(|at| &at.artifact);
    let member = facts.places.iter().find(|(_, at)| Some(*at) == place);
    let trigger = member
        .and_then(|(path, _)| facts.distribution.member(path))
        .map(|member| member.trigger);
    let terms = finding.properties.get("terms").and_then(|v| v.as_str());
    match (trigger, terms) {
        // What is started by hand, or by some function of the project, does what its author wants from it.
        (Some(Trigger::Run | Trigger::EntryPoint | Trigger::Lazy | Trigger::Never), Some(terms)) => {
            terms.split(' ').any(|term| SHARP.contains(&term))
        }
        _ => true,
    }
}

impl Is {
    fn kind(self) -> DistributionKind {
        match self {
            Self::Installed | Self::Environment => DistributionKind::Installed,
            Self::Project | Self::Vendored | Self::Scripts | Self::Named => DistributionKind::Folder,
        }
    }

    fn is_own(self) -> bool {
        matches!(self, Self::Project | Self::Scripts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_code_or_tells_of_it_is_read_again() {
        let kept = |path: &str, format| {
            is_kept(&Lying {
                path: path.to_owned(),
                artifact: ArtifactPath::file(path),
                format,
                at: 0,
            })
        };
        assert!(kept("a/x.py", None));
        assert!(kept("bin/tool", Some(&table::PYTHON)));
        assert!(kept("x.ipynb", Some(&table::NOTEBOOK)));
        assert!(kept("x.pth", Some(&table::PLAIN_TEXT)));
        assert!(!kept("x.sh", Some(&table::PLAIN_TEXT)));
        assert!(!kept("x.bin", None));
    }
}
