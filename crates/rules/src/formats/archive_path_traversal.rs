use super::{is_package, lines};
use std::collections::BTreeMap;
use wellhead_core::{
    Confidence, ExcerptKind, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink,
    ThreatProfile, code,
};
use wellhead_formats::listing::{Kind, Listed, Listing};

pub(crate) static ARCHIVE_PATH_TRAVERSAL: Rule = Rule {
    id: "archive-path-traversal",
    summary: "a member of an archive would be unpacked outside the folder that was meant",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 4,
        detectability: 5,
        technical_impact: 4,
        ml_application: 3,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever made the archive",
        vector: "a member named `../…`, an absolute name, or a link that leads outside",
        weakness: "unpacking that joins names to a folder without looking at them",
        impact: "files elsewhere are overwritten, among them those that run at the next start",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Cwe(22),
        Reference::Cwe(59),
        Reference::Cve("CVE-2007-4559"),
        Reference::Cve("CVE-2023-48299"),
        Reference::Owasp("ML06:2023"),
    ],
    page: include_str!("archive_path_traversal.md"),
    file: file!(),
};

/// What is wrong with a name, from worst to least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wrong {
    Outside,
    LinkOutside,
    Device,
    Unusable,
    SameButCase,
}

impl Wrong {
    fn severity(self, package: bool) -> Severity {
        match self {
            Self::Outside if package => Severity::Critical,
            Self::LinkOutside | Self::Device | Self::SameButCase if package => Severity::High,
            Self::Outside => Severity::High,
            Self::LinkOutside | Self::Device => Severity::Medium,
            Self::Unusable | Self::SameButCase => Severity::Low,
        }
    }
}

pub(crate) fn check(listing: &Listing, sink: &mut Sink) {
    let mut found: BTreeMap<Wrong, Vec<(&Listed, String)>> = BTreeMap::new();
    for e in &listing.entries {
        if let Some((wrong, words)) = judge(e) {
            found.entry(wrong).or_default().push((e, words));
        }
    }
    for (a, b) in same_but_case(listing) {
        let words = format!(
            "unpacking overwrites {} by {} where case does not count",
            code(&a.name),
            code(&b.name)
        );
        found.entry(Wrong::SameButCase).or_default().push((b, words));
    }
    let package = is_package(listing.entries.iter().map(|e| e.name.as_str()));
    for (wrong, cases) in found {
        let Some((entry, words)) = cases.first() else {
            continue;
        };
        let mut finding = Finding::new(&ARCHIVE_PATH_TRAVERSAL, words.clone(), place(sink, entry, words))
            .severity(wrong.severity(package))
            .help("do not unpack it with a tool that trusts names; list it first, and unpack with a filter")
            .subject(format!("{wrong:?} {}", entry.name));
        if cases.len() > 1 {
            finding = finding.note(format!("{} such members in this archive", cases.len()));
        }
        sink.push(finding);
    }
}

fn place(sink: &Sink, e: &Listed, words: &str) -> Location {
    let link = e.link.as_ref().map_or(String::new(), |l| format!(" -> {l}"));
    let line = format!("{}{link}", e.name);
    sink.bytes(e.offset, 1, words)
        .with_excerpt(lines(ExcerptKind::Listing, &[line], "listed so"))
}

fn judge(e: &Listed) -> Option<(Wrong, String)> {
    let name = code(&e.name);
    if leaves(&e.name) {
        return Some((
            Wrong::Outside,
            format!("unpacking this archive writes outside its folder: {name}"),
        ));
    }
    if let Some(link) = &e.link {
        // A symbolic link is followed from where it lies, a hard link from the folder of the archive.
        let from = if e.kind == Kind::Symlink {
            parent(&e.name)
        } else {
            ""
        };
        if is_absolute(link) || leaves(&format!("./{from}/{link}")) {
            let kind = if e.kind == Kind::Symlink {
                "a link"
            } else {
                "a second name"
            };
            let words = format!(
                "unpacking this archive makes {name} {kind} to {} outside its folder",
                code(link)
            );
            return Some((Wrong::LinkOutside, words));
        }
    }
    if e.kind == Kind::Device {
        return Some((
            Wrong::Device,
            format!("unpacking this archive makes the device or pipe {name}"),
        ));
    }
    if e.name.contains('\0') {
        let words = format!("readers cut the name {name} at its NUL and take it for another");
        return Some((Wrong::Outside, words));
    }
    if is_reserved(&e.name) {
        return Some((
            Wrong::Unusable,
            format!("{name} is a device on Windows, not a file"),
        ));
    }
    None
}

fn is_absolute(path: &str) -> bool {
    let bytes = path.as_bytes();
    let drive = matches!(bytes, [c, b':', ..] if c.is_ascii_alphabetic());
    drive || path.starts_with(['/', '\\'])
}

/// Whether a path, followed from the folder of the archive, is outside it at some point.
fn leaves(path: &str) -> bool {
    if is_absolute(path) {
        return true;
    }
    let mut depth = 0_i64;
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => depth = depth.saturating_sub(1),
            _ => depth = depth.saturating_add(1),
        }
        if depth < 0 {
            return true;
        }
    }
    false
}

fn parent(path: &str) -> &str {
    path.trim_end_matches('/')
        .rsplit_once('/')
        .map_or("", |(dir, _)| dir)
}

/// Names that Windows keeps for devices, whatever their extension.
fn is_reserved(path: &str) -> bool {
    path.split(['/', '\\']).any(|part| {
        let stem = part
            .split('.')
            .next()
            .unwrap_or_default()
            .trim_end()
            .to_ascii_uppercase();
        let numbered = |p: &str| {
            stem.strip_prefix(p)
                .is_some_and(|n| matches!(n.as_bytes(), [b'1'..=b'9']))
        };
        matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT")
    })
}

/// Pairs of files whose names differ in case alone.
fn same_but_case(listing: &Listing) -> Vec<(&Listed, &Listed)> {
    let mut seen: BTreeMap<String, &Listed> = BTreeMap::new();
    let mut pairs = Vec::new();
    for e in listing.entries.iter().filter(|e| e.kind != Kind::Folder) {
        match seen.get(&e.name.to_lowercase()) {
            Some(first) if first.name != e.name => pairs.push((*first, e)),
            Some(_) => {}
            None => {
                seen.insert(e.name.to_lowercase(), e);
            }
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, kind: Kind, link: Option<&str>) -> Listed {
        Listed {
            name: name.to_owned(),
            kind,
            link: link.map(str::to_owned),
            size: 0,
            stored: 0,
            offset: 0,
        }
    }

    #[test]
    fn names_that_lead_outside() {
        for (name, wrong) in [
            ("../x", Some(Wrong::Outside)),
            ("a/../../x", Some(Wrong::Outside)),
            ("..\\x", Some(Wrong::Outside)),
            ("/etc/passwd", Some(Wrong::Outside)),
            ("C:\\x", Some(Wrong::Outside)),
            ("\\\\host\\x", Some(Wrong::Outside)),
            ("a\0.pkl", Some(Wrong::Outside)),
            ("aux.h", Some(Wrong::Unusable)),
            ("dir/COM1", Some(Wrong::Unusable)),
            ("./a/b", None),
            ("a/../b", None),
            ("a..b/c...", None),
            ("auxiliary/console.py", None),
            ("COM10", None),
        ] {
            assert_eq!(
                judge(&entry(name, Kind::File, None)).map(|w| w.0),
                wrong,
                "{name}"
            );
        }
    }

    #[test]
    fn links_that_lead_outside() {
        use Kind::{Hardlink, Symlink};
        for (name, kind, link, wrong) in [
            ("lib/a", Symlink, "../b", None),
            ("lib/a", Symlink, "../../b", Some(Wrong::LinkOutside)),
            ("a", Symlink, "b", None),
            ("a", Symlink, "../b", Some(Wrong::LinkOutside)),
            ("a", Symlink, "/etc/passwd", Some(Wrong::LinkOutside)),
            ("d/a", Hardlink, "d/b", None),
            ("d/a", Hardlink, "../b", Some(Wrong::LinkOutside)),
        ] {
            let judged = judge(&entry(name, kind, Some(link))).map(|w| w.0);
            assert_eq!(judged, wrong, "{name} -> {link}");
        }
    }
}
