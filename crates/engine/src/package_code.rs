//! The code of a distribution: what its files do together, each with the time at which it runs.
//!
//! The one decision: files stand under the path where Python finds them once they are installed, so that imports lead
//! from one to the other whatever folders the archive has.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use wellhead_core::{ArtifactPath, Budget, Outcome};
use wellhead_packages::{
    distribution::{Distribution, Member, Trigger},
    installed::{PthUse, read_pth},
};
use wellhead_pycode::{Deed, Module, SourceFile, analyse_package, deeds, parse};
use wellhead_rules::behaviour::{PackageCode, PackageScript};

/// A file of Python in an archive inside of a distribution.
pub(crate) struct Inner {
    /// Its path in the archive, which is where Python finds it.
    pub(crate) path: String,
    pub(crate) artifact: ArtifactPath,
    pub(crate) text: Arc<str>,
    pub(crate) trigger: Trigger,
}

/// What is kept of a module from when its file passed by, so that it is not parsed twice.
#[derive(Debug)]
pub(crate) struct Understood {
    pub(crate) module: Module,
    deeds: Vec<Deed>,
}

impl Understood {
    pub(crate) fn of(mut module: Module, budget: &mut Budget) -> Self {
        let deeds = deeds(&module, budget);
        // Only other files ask for its constants, and the text is held by whoever keeps it.
        module.constants = Vec::new();
        module.text = Arc::from("");
        Self { module, deeds }
    }
}

/// Follows the Python of a distribution; says what of it could not be followed.
pub(crate) fn follow(
    distribution: &Distribution,
    texts: &BTreeMap<String, Arc<str>>,
    python: &BTreeSet<String>,
    places: &BTreeMap<String, ArtifactPath>,
    inner: Vec<Inner>,
    mut understood: BTreeMap<String, Understood>,
    budget: &mut Budget,
) -> (PackageCode, Outcome) {
    let mut outcome = Outcome::Analysed;
    let mut scripts: BTreeMap<String, PackageScript> = BTreeMap::new();
    for member in &distribution.members {
        let (Some(text), Some(artifact)) = (texts.get(&member.path), places.get(&member.path)) else {
            continue;
        };
        let is_hook = is_pth(member.site.as_deref());
        if !is_hook && !is_start(member.site.as_deref()) && !python.contains(&member.path) {
            continue;
        }
        let text = if is_hook { blanked(text) } else { Arc::clone(text) };
        let known = understood.remove(&member.path).filter(|_| !is_hook);
        let mut known = known.unwrap_or_else(|| Understood::of(parse(&text, budget), budget));
        known.module.text = Arc::clone(&text);
        outcome = outcome.and(known.module.outcome.clone());
        let script = PackageScript {
            artifact: artifact.clone(),
            trigger: member.trigger,
            deeds: known.deeds,
            module: known.module,
            text,
        };
        let mut path = found_at(member, &distribution.root).to_owned();
        // Two folders of a wheel may land at one place; whichever is written last is what Python finds.
        while scripts.contains_key(&path) {
            path.push('~');
        }
        scripts.insert(path, script);
    }
    for file in inner {
        let module = parse(&file.text, budget);
        outcome = outcome.and(module.outcome.clone());
        // A module of the distribution itself is found before one of an archive, wherever that stands on the path.
        scripts.entry(file.path).or_insert_with(|| PackageScript {
            artifact: file.artifact,
            trigger: file.trigger,
            deeds: deeds(&module, budget),
            module,
            text: file.text,
        });
    }
    let files: Vec<SourceFile<'_>> = scripts
        .iter()
        .map(|(path, script)| SourceFile {
            path,
            text: &script.text,
        })
        .collect();
    let analysis = analyse_package(&files, budget);
    outcome = outcome.and(analysis.outcome.clone());
    (PackageCode { scripts, analysis }, outcome)
}

/// The path under which a member is known: where Python finds it, or below the folder of all.
fn found_at<'a>(member: &'a Member, root: &str) -> &'a str {
    let path = member.path.as_str();
    member
        .site
        .as_deref()
        .unwrap_or_else(|| path.strip_prefix(root).unwrap_or(path))
}

/// Whether Python reads a file at its start for lines to run.
pub(crate) fn is_pth(site: Option<&str>) -> bool {
    is_hook(site, ".pth")
}

pub(crate) fn is_start(site: Option<&str>) -> bool {
    is_hook(site, ".start")
}

/// Whether a file with that ending lies where Python looks for them; what climbs out of its folder may land there.
fn is_hook(site: Option<&str>, ending: &str) -> bool {
    let top = |site: &str| !site.contains('/') || site.split('/').any(|part| part == "..");
    site.is_some_and(|site| site.ends_with(ending) && top(site))
}

/// A `.pth` file with everything but what Python runs turned to spaces, so that places stay where they are.
pub(crate) fn blanked(text: &str) -> Arc<str> {
    let mut out = String::with_capacity(text.len());
    let mut at = 0_usize;
    let blank = |out: &mut String, part: &str| {
        for c in part.chars() {
            match c {
                '\n' | '\r' => out.push(c),
                _ => out.extend(std::iter::repeat_n(' ', c.len_utf8())),
            }
        }
    };
    for line in read_pth(text).into_iter().filter(|l| l.is == PthUse::Runs) {
        if line.span.start < at {
            continue;
        }
        blank(&mut out, text.get(at..line.span.start).unwrap_or_default());
        out.push_str(text.get(line.span.clone()).unwrap_or_default());
        at = line.span.end;
    }
    blank(&mut out, text.get(at..).unwrap_or_default());
    out.into()
}
