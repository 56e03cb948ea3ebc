//! Files of a new distribution that are no Python source and can carry code: native code, scripts of another language,
//! archives, and pictures or recordings that changed code names.

use super::{
    facts::{ReleasedFile, Side},
    records::REVIEW,
    step::Step,
};
use std::collections::{BTreeMap, BTreeSet};
use wellhead_core::Severity;
use wellhead_packages::distribution::{MemberKind, Trigger};
use wellhead_pycode::SinkKind;

/// A file that can carry code and that the old distribution does not have.
#[derive(Clone, Debug)]
pub(super) struct Payload {
    pub(super) path: String,
    pub(super) harm: &'static str,
    /// New or changed Python that names it.
    pub(super) named_in: Option<String>,
    pub(super) terms: Vec<(&'static str, u32)>,
}

impl Payload {
    pub(super) fn score(&self) -> u32 {
        self.terms.iter().map(|(_, weight)| weight).sum()
    }

    pub(super) fn severity(&self) -> Option<Severity> {
        match self.score() {
            score if score >= 50 => Some(Severity::High),
            score if score >= REVIEW => Some(Severity::Medium),
            _ => None,
        }
    }
}

/// Most new files for which it is looked up who names them.
const MOST: usize = 256;
/// A script is told of from this size on where nobody starts it.
const LARGE: u64 = 64 << 10;

pub(super) fn payloads(old: &Side, new: &Side, step: Step) -> Vec<Payload> {
    // A built distribution holds what its source does not, and builds for other platforms hold other native code.
    let same_shape = old.is_built() == new.is_built() && step != Step::Same;
    let had_native = old.files.values().any(|f| f.kind == MemberKind::Native);
    let had: BTreeSet<[u8; 32]> = old.files.values().filter_map(|f| f.digest).collect();
    let mut named: BTreeMap<String, BTreeSet<&'static str>> = BTreeMap::new();
    for (path, file) in &old.files {
        named.entry(stem(path)).or_default().extend(&file.abilities);
    }
    let scripts: BTreeSet<&str> = old
        .files
        .iter()
        .filter(|(_, f)| f.kind == MemberKind::Script && f.size >= LARGE)
        .map(|(path, _)| extension(path))
        .collect();
    let mut out = Vec::new();
    let mut looked_up = 0_usize;
    for (path, file) in &new.files {
        let known = file.digest.is_some_and(|d| had.contains(&d));
        let Some((harm, weight)) = harm(path, file).filter(|_| !known) else {
            continue;
        };
        let before = named.get(&stem(path));
        let is_new = before.is_none();
        looked_up = looked_up.saturating_add(1);
        let naming = (is_new && looked_up < MOST)
            .then(|| naming(old, new, path))
            .flatten();
        let mut terms = Vec::new();
        match file.kind {
            MemberKind::Native if !is_new || !same_shape => {
                let known = |a: &str| a == "library" || before.is_some_and(|b| b.contains(a));
                if !same_shape || file.abilities.iter().all(|a| known(a)) {
                    continue;
                }
                terms.push(("new-native-ability", 20));
            }
            MemberKind::Native => {
                terms.push(("new-native-code", if had_native { 10 } else { weight }));
                if file.abilities.iter().any(|a| *a != "library") {
                    terms.push(("strong-native-ability", 10));
                }
            }
            // Text, pictures and data are part of most packages; they count where code that runs things reads them.
            _ if !is_new => continue,
            MemberKind::Script
                if naming.is_none() && (file.size < LARGE || scripts.contains(extension(path))) =>
            {
                continue;
            }
            MemberKind::Script if naming.is_none() => terms.push(("new-script", 10)),
            _ if naming.is_none() => continue,
            _ => terms.push(("new-carrier", weight)),
        }
        if let Some((_, runs)) = &naming {
            terms.extend(runs.then_some(("named-by-what-runs", 15)));
        }
        terms.extend(step.term());
        out.push(Payload {
            path: path.clone(),
            harm,
            named_in: naming.map(|(by, _)| by),
            terms,
        });
    }
    out.sort_by(|a, b| b.score().cmp(&a.score()).then_with(|| a.path.cmp(&b.path)));
    out
}

/// Whether a file can carry code, and what that weighs.
fn harm(path: &str, file: &ReleasedFile) -> Option<(&'static str, u32)> {
    if file.trigger == Trigger::Never && !matches!(file.kind, MemberKind::Media | MemberKind::Other) {
        return None;
    }
    Some(match file.kind {
        MemberKind::Native if file.foreign => ("brings a native program", 30),
        MemberKind::Native => ("brings native code", 30),
        MemberKind::Bytecode if !path.contains("__pycache__/") => {
            ("brings compiled Python without its source", 30)
        }
        MemberKind::Script => ("brings a program in another language", 20),
        MemberKind::Archive => ("brings an archive that its code names", 20),
        MemberKind::Media => ("brings a picture or recording that its code reads", 15),
        MemberKind::Other => ("brings data that its code names", 10),
        MemberKind::Model | MemberKind::Bytecode | MemberKind::Python | MemberKind::Text => return None,
    })
}

/// A name without what a build or a bundler puts into it: tags of an interpreter, digests.
fn stem(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let (first, rest) = name.split_once('.').unwrap_or((name, ""));
    let extension = rest.rsplit('.').next().unwrap_or_default();
    let is_tag = |part: &str| part.len() >= 6 && part.chars().all(|c| c.is_ascii_hexdigit());
    let plain = match first.rsplit_once(['-', '_']) {
        Some((plain, tag)) if is_tag(tag) => plain,
        _ => first,
    };
    // A shared library may have its version behind its ending.
    let extension = if rest.split('.').any(|part| part == "so") {
        "so"
    } else {
        extension
    };
    format!("{folder}/{plain}.{extension}")
}

fn extension(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or_default()
}

/// New or changed Python that names a file, and whether the same file starts or runs something.
fn naming(old: &Side, new: &Side, path: &str) -> Option<(String, bool)> {
    let name = path.rsplit('/').next().filter(|n| n.len() > 3)?;
    let names = |(by, file): &(&String, &ReleasedFile)| {
        file.kind == MemberKind::Python
            && file.trigger != Trigger::Never
            && old.files.get(*by).is_none_or(|f| f.digest != file.digest)
            && file.text.as_ref().is_some_and(|t| t.contains(name))
    };
    let (by, _) = new.files.iter().find(names)?;
    let runs = new.analysis.records.iter().any(|r| {
        r.module == *by
            && matches!(
                r.kind,
                SinkKind::Process | SinkKind::Execute | SinkKind::WriteThenRun | SinkKind::NativeLoad
            )
    });
    Some((by.clone(), runs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_without_tags_and_digests() {
        for (a, b) in [
            (
                "p/_x.cpython-312-x86_64-linux-gnu.so",
                "p/_x.cpython-313-darwin.so",
            ),
            ("p.libs/libfoo-1a2b3c4d.so.5", "p.libs/libfoo-99887766.so.6.1"),
            ("static/main-8f3a9c11.js", "static/main-0a0b0c0d.js"),
        ] {
            assert_eq!(stem(a), stem(b), "{a} {b}");
        }
        assert_ne!(stem("p/router_runtime.js"), stem("p/router.js"));
    }
}
