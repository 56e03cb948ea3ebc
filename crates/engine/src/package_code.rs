//! The code of packages that come as archives: its files are gathered while they are judged one by one, and joined after.
//!
//! The one decision: a package is known by what installers look for in it, not by the name of the archive, so that a wheel
//! that was renamed, or one inside of another archive, is judged the same.

use crate::subjects::Input;
use std::{collections::BTreeMap, sync::Arc};
use wellhead_core::{ArtifactPath, Budget, Outcome};
use wellhead_pycode::{SourceFile, analyse_package, deeds, parse};
use wellhead_rules::behaviour::{PackageCode, PackageScript};

/// Largest file that is followed.
const MAX_FILE: usize = 4 << 20;
/// Most bytes of source that are followed of all packages in a file.
const MAX_BYTES: usize = 64 << 20;

/// A file of what may be a package.
struct Member {
    artifact: ArtifactPath,
    /// The text, where it is code; files that only say what the package is have none.
    text: Option<Arc<str>>,
    /// Why not all of it is there.
    left_out: bool,
}

/// What is kept of one file of the target.
#[derive(Default)]
pub(crate) struct Kept {
    members: Vec<Member>,
    bytes: usize,
}

/// Keeps a member that is code, or says that the archive round it is a package.
pub(crate) fn keep(input: &Input<'_>, kept: &mut Kept) {
    if input.path.nesting() == 0 {
        return;
    }
    let leaf = input.path.leaf();
    let is_code = leaf.ends_with(".py") || leaf.ends_with(".pyw") || leaf.ends_with(".pth");
    if !is_code && !is_marker(leaf) {
        return;
    }
    let size = usize::try_from(input.blob.len()).unwrap_or(usize::MAX);
    let fits = size <= MAX_FILE && kept.bytes.saturating_add(size) <= MAX_BYTES;
    let text = (is_code && fits)
        .then(|| match input.text() {
            Some(text) => Some(Arc::clone(&text.text)),
            None => input
                .blob
                .bytes(0, MAX_FILE)
                .ok()
                .map(|b| Arc::from(String::from_utf8_lossy(&b))),
        })
        .flatten();
    kept.bytes = kept.bytes.saturating_add(text.as_ref().map_or(0, |t| t.len()));
    kept.members.push(Member {
        artifact: input.path.clone(),
        left_out: is_code && text.is_none(),
        text,
    });
}

/// What installers look for in an archive.
fn is_marker(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    match name {
        "METADATA" | "WHEEL" | "RECORD" => folder.ends_with(".dist-info") && !folder.contains('/'),
        "PKG-INFO" => folder == "EGG-INFO" || !folder.contains('/'),
        "pyproject.toml" | "setup.cfg" | "setup.py" => !folder.contains('/'),
        _ => false,
    }
}

/// The packages among what was kept, and what of each was not followed.
pub(crate) fn packages(kept: Kept, budget: &mut Budget) -> Vec<(PackageCode, Outcome)> {
    let mut containers: BTreeMap<ArtifactPath, Vec<Member>> = BTreeMap::new();
    for member in kept.members {
        if let Some(container) = member.artifact.parent() {
            containers.entry(container).or_default().push(member);
        }
    }
    let is_package = |members: &[Member]| {
        members
            .iter()
            .any(|m| is_marker(m.artifact.leaf().trim_start_matches("./")))
    };
    containers
        .into_iter()
        .filter(|(_, members)| is_package(members))
        .map(|(container, members)| package(container, members, budget))
        .collect()
}

fn package(artifact: ArtifactPath, members: Vec<Member>, budget: &mut Budget) -> (PackageCode, Outcome) {
    let mut outcome = Outcome::Analysed;
    let common = common_folder(&members);
    let mut scripts = BTreeMap::new();
    for member in members {
        let path = member.artifact.leaf().trim_start_matches("./");
        let path = path.strip_prefix(common.as_str()).unwrap_or(path).to_owned();
        if member.left_out {
            let why = format!("too large to be followed: {}", wellhead_core::code(&path));
            outcome = outcome.and(Outcome::Partly { why });
        }
        let Some(text) = member.text else { continue };
        let text = if path.ends_with(".pth") {
            lines_that_run(&text)
        } else {
            text
        };
        let module = parse(&text, budget);
        outcome = outcome.and(module.outcome.clone());
        let script = PackageScript {
            artifact: member.artifact.clone(),
            deeds: deeds(&module, budget),
            module,
            text,
        };
        // Of two members of one name Python's installers write the last, and an attacker may mean either.
        let path = if scripts.contains_key(&path) {
            format!("{path}~")
        } else {
            path
        };
        scripts.insert(path, script);
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
    let code = PackageCode {
        artifact,
        scripts,
        analysis,
    };
    (code, outcome)
}

/// What Python runs of a `.pth` file: its lines that begin with `import`; the others are blank here, so that places stay.
fn lines_that_run(text: &str) -> Arc<str> {
    let lines = text.split_inclusive('\n').map(|line| {
        if line.starts_with("import ") || line.starts_with("import\t") {
            line.to_owned()
        } else {
            line.bytes()
                .map(|b| if b == b'\n' { '\n' } else { ' ' })
                .collect()
        }
    });
    Arc::from(lines.collect::<String>())
}

/// The folder that a source distribution puts everything into, with its slash.
fn common_folder(members: &[Member]) -> String {
    let mut folder: Option<&str> = None;
    for member in members {
        let path = member.artifact.leaf().trim_start_matches("./");
        let Some((top, _)) = path.split_once('/') else {
            return String::new();
        };
        if top.ends_with(".dist-info") || folder.is_some_and(|f| f != top) {
            return String::new();
        }
        folder = Some(top);
    }
    folder.map(|f| format!("{f}/")).unwrap_or_default()
}
