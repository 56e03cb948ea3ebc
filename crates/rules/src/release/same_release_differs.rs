use super::{Release, ReleasedFile, Side, step::Step};
use std::collections::{BTreeMap, BTreeSet};
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code,
};
use wellhead_packages::distribution::{MemberKind, Trigger};

/// Two distributions of one release that hold different code.
pub(crate) static SAME_RELEASE_DIFFERS: Rule = Rule {
    id: "same-release-differs",
    summary: "two distributions of one release hold different code",
    severity: Severity::Low,
    confidence: Confidence::Medium,
    measure: Measure::Integrity,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 3,
        detectability: 4,
        technical_impact: 5,
        ml_application: 3,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever can publish a wheel, or change one after it was built",
        vector: "a wheel whose code is not that of the source",
        weakness: "what is reviewed is the source, and what is installed is the wheel",
        impact: "code that nobody reviewed runs wherever the package is used",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(506),
        Reference::Cwe(345),
        Reference::Atlas("AML.T0010.001"),
    ],
    page: include_str!("same_release_differs.md"),
    file: file!(),
};

pub(super) fn check(release: &Release, sink: &mut Sink) {
    if release.step != Step::Same {
        return;
    }
    let known: BTreeSet<[u8; 32]> = release.old.files.values().filter_map(|f| f.digest).collect();
    let beside = Beside::new(&release.old);
    let told: BTreeSet<&str> = release
        .gained
        .iter()
        .filter(|g| g.severity().is_some())
        .map(|g| g.module.as_str())
        .collect();
    // Whether a file does something that is to be decided on and that nothing in the source does.
    let does_more = |path: &str| told.contains(path);
    let mut changed = Vec::new();
    let mut added = Vec::new();
    for (path, file) in &release.new.files {
        let code = file.kind == MemberKind::Python || file.trigger == Trigger::Startup;
        // A file that could not be read is as little the source's as one that differs.
        if !code || file.size == 0 || file.digest.is_some_and(|d| known.contains(&d)) {
            continue;
        }
        match beside.find(path) {
            Some(old) if same_text(old, file) => {}
            Some(_) if is_generated(path) && !does_more(path) => {}
            Some(_) => changed.push(path.as_str()),
            None if is_generated(path) && !does_more(path) => {}
            None => added.push(path.as_str()),
        }
    }
    let source = if release.old.is_built() {
        "the other build"
    } else {
        "its source"
    };
    for (paths, what, label) in [
        (changed, "holds other code than", "not the same"),
        (added, "holds code that is not in", "not there"),
    ] {
        let Some(first) = paths.first() else { continue };
        let shown: Vec<String> = paths.iter().take(5).map(|p| code(p)).collect();
        let more = paths.len().saturating_sub(5);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let sharp = paths.iter().any(|p| does_more(p));
        let mut finding = Finding::new(
            &SAME_RELEASE_DIFFERS,
            format!(
                "{} {what} {source}: {}{more}",
                release.newcomer(),
                shown.join(", ")
            ),
            release.new.locate(first, 0..0, label),
        )
        .severity(if sharp { Severity::Medium } else { Severity::Low })
        .subject(format!("{label} {first}"))
        .property("files", paths.len())
        .help("build it from the source, or ask its authors why the two differ");
        for path in paths.iter().skip(1).take(4) {
            finding = finding.at(release.new.locate(path, 0..0, label));
        }
        sink.push(finding);
    }
}

/// The files of the source by the last parts of their paths: it may keep its packages in a folder of another name.
struct Beside<'a> {
    old: &'a Side,
    by_name: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> Beside<'a> {
    fn new(old: &'a Side) -> Self {
        let mut by_name: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for path in old.files.keys() {
            by_name.entry(name(path)).or_default().push(path);
        }
        Self { old, by_name }
    }

    fn find(&self, path: &str) -> Option<&'a ReleasedFile> {
        if let Some(file) = self.old.files.get(path) {
            return Some(file);
        }
        let all = self.by_name.get(name(path))?;
        // A name that many files have, such as that of a package's own, tells nothing.
        let mut ending = all
            .iter()
            .take(MOST_OF_NAME)
            .filter(|p| p.strip_suffix(path).is_some_and(|before| before.ends_with('/')));
        let found = ending.next()?;
        match ending.next() {
            None => self.old.files.get(*found),
            Some(_) => None,
        }
    }
}

/// Most files of one name that are looked through.
const MOST_OF_NAME: usize = 512;

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether two texts are the same to Python: without line endings, and without the line that names the interpreter,
/// which installers write anew.
fn same_text(old: &ReleasedFile, new: &ReleasedFile) -> bool {
    let (Some(old), Some(new)) = (&old.text, &new.text) else {
        return false;
    };
    let lines = |text: &str| -> Vec<String> {
        let plain = text.trim_start_matches('\u{feff}').lines().map(str::trim_end);
        let body = plain
            .enumerate()
            .filter(|(at, line)| *at > 0 || !line.starts_with("#!"));
        let mut all: Vec<String> = body.map(|(_, line)| line.to_owned()).collect();
        while all.last().is_some_and(String::is_empty) {
            all.pop();
        }
        all
    };
    lines(old) == lines(new)
}

/// Files that builds write. The name excuses nothing that the file does.
fn is_generated(path: &str) -> bool {
    let name = name(path);
    name.ends_with("_pb2.py")
        || name.ends_with("_pb2_grpc.py")
        || matches!(
            name,
            "_version.py"
                | "version.py"
                | "__version__.py"
                | "_version_info.py"
                | "__config__.py"
                | "_generated_version.py"
        )
        || path.starts_with("bin/")
}
