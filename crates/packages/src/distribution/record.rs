//! The RECORD of a wheel against its members.
//!
//! pip installs every member, whatever RECORD says; other installers and every later audit believe the RECORD. A
//! member that it does not list, or lists as another one, is installed and never looked at again.

use super::{AnomalyKind, Reader, identity::own_info};
use crate::installed::{Claim, read_record};
use std::collections::BTreeMap;
use std::ops::Range;
use wellhead_core::{Budget, code};

/// What a RECORD need not list, or lists without a digest: itself and its signatures.
fn is_own(name: &str) -> bool {
    matches!(name, "RECORD" | "RECORD.jws" | "RECORD.p7s")
}

pub(super) fn check(r: &mut Reader<'_>, budget: &mut Budget) {
    let Some(folder) = own_info(r) else { return };
    let path = format!("{folder}/RECORD");
    let Some(text) = r.text(&path).cloned() else {
        if r.by_path.contains_key(path.as_str()) {
            r.partly("its RECORD could not be read");
        } else if r.parts.whole {
            let words = format!("it has no {}", code(&path));
            r.tell(AnomalyKind::NoRecord, None, None, words);
        }
        return;
    };
    let record = read_record(&text, budget);
    if let Some(why) = record.outcome.why() {
        r.partly(why);
    }
    let lines = lines(&text);
    let at = |line: u32| -> Option<(&str, Range<usize>)> {
        let at = usize::try_from(line.checked_sub(1)?).ok()?;
        Some((path.as_str(), lines.get(at)?.clone()))
    };
    for problem in &record.problems {
        let words = format!("a row of its RECORD cannot be understood: {}", problem.message);
        r.tell(AnomalyKind::InvalidRow, None, at(problem.line), words);
    }
    let mut rows: BTreeMap<&str, &crate::installed::Row> = BTreeMap::new();
    for row in &record.rows {
        let name = row.path.trim_start_matches("./");
        if let Some(other) = rows.insert(name, row)
            && other.claim != row.claim
        {
            let words = format!("its RECORD states two digests of {}", code(name));
            r.tell(AnomalyKind::TwoRows, Some(name), at(row.line), words);
        }
    }
    let parts = r.parts;
    let mut unhashed = 0_usize;
    for member in &parts.members {
        let name = member.path.as_str();
        // The entry of a folder installs nothing, however it is packed.
        if name.ends_with('/') && member.size == 0 {
            continue;
        }
        let own = name
            .strip_prefix(folder)
            .and_then(|n| n.strip_prefix('/'))
            .is_some_and(is_own);
        let Some(row) = rows.get(name) else {
            if !own && record.outcome.why().is_none() {
                let words = format!("{} is installed, and the RECORD does not list it", code(name));
                r.tell(AnomalyKind::Unlisted, Some(name), None, words);
            }
            continue;
        };
        let wrong = match (&row.claim, member.digest) {
            (Claim::Sha256(stated), Some(found)) => *stated != found,
            (Claim::Sha256(_), None) | (Claim::Sha384(_) | Claim::Sha512(_), _) => {
                unhashed = unhashed.saturating_add(1);
                false
            }
            (Claim::None | Claim::Unusable(_), _) if !own => {
                let words = format!(
                    "its RECORD states no digest of {} that proves anything",
                    code(name)
                );
                r.tell(AnomalyKind::NoDigest, Some(name), at(row.line), words);
                false
            }
            (Claim::None | Claim::Unusable(_), _) => false,
        };
        let resized = !own && row.size.is_some_and(|size| size != member.size);
        if wrong || resized {
            let words = format!(
                "{} is another file than the one that the RECORD lists",
                code(name)
            );
            r.tell(AnomalyKind::WrongDigest, Some(name), at(row.line), words);
        }
    }
    for (name, row) in &rows {
        if r.parts.whole && !r.by_path.contains_key(name) && !name.ends_with('/') {
            let words = format!("its RECORD lists {}, which is not there", code(name));
            r.tell(AnomalyKind::NotThere, Some(name), at(row.line), words);
        }
    }
    if unhashed > 0 {
        r.partly(format!(
            "{unhashed} members could not be compared with the RECORD"
        ));
    }
}

/// The bytes of every line.
fn lines(text: &str) -> Vec<Range<usize>> {
    let mut at = 0_usize;
    let mut out = Vec::new();
    for line in text.split_inclusive('\n') {
        out.push(at..at.saturating_add(line.trim_end().len()));
        at = at.saturating_add(line.len());
    }
    out
}
