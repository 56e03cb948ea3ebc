//! The RECORD inside a wheel, by two reads: the end of the file, and the member itself.
//!
//! An installed RECORD lies beside the files that it vouches for, and whoever changes one can change the other. The
//! wheel does not. Only what is needed of it is read, since it may lie behind a network and hold gigabytes.

use super::{Claim, Record};
use flate2::{Decompress, FlushDecompress, Status};
use std::collections::BTreeMap;
use wellhead_core::{Blob, Budget};

/// How much of the end is read first: the directory of most wheels.
const TAIL: u64 = 256 << 10;
/// Largest directory that is read.
const MAX_DIRECTORY: u64 = 64 << 20;
/// Largest RECORD that is inflated.
const MAX_RECORD: usize = 64 << 20;
/// What a local header holds before its names, and room for those.
const HEADER: u64 = 30 + 4096;

/// How an installed RECORD differs from that of its wheel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordDrift {
    /// Rows with another digest or size.
    pub changed: Vec<String>,
    /// Rows of the wheel that the installed one lacks.
    pub removed: Vec<String>,
    /// Rows of the installed one that the wheel lacks.
    pub added: Vec<String>,
}

/// The text of the RECORD in a wheel.
///
/// # Errors
/// Why it cannot be had, in a few words.
pub fn wheel_record(blob: &Blob, budget: &mut Budget) -> Result<String, String> {
    let bad = || "it is no wheel".to_owned();
    let len = blob.len();
    let start = len.saturating_sub(TAIL);
    let tail = read(blob, start, len.saturating_sub(start))?;
    let end = tail
        .windows(4)
        .rposition(|w| w == b"PK\x05\x06")
        .ok_or_else(bad)?;
    let size = u64::from(u32_at(&tail, end.saturating_add(12)).ok_or_else(bad)?);
    let offset = u64::from(u32_at(&tail, end.saturating_add(16)).ok_or_else(bad)?);
    if size > MAX_DIRECTORY || offset.saturating_add(size) > len {
        return Err(bad());
    }
    budget.memory(size).map_err(|e| e.to_string())?;
    let directory = match offset.checked_sub(start).and_then(|at| usize::try_from(at).ok()) {
        Some(at) => tail.get(at..).unwrap_or_default().to_vec(),
        None => read(blob, offset, size)?,
    };
    let member = find(&directory, budget)?.ok_or("there is no RECORD in it")?;
    let room = HEADER.saturating_add(member.packed);
    let bytes = read(blob, member.offset, room.min(len.saturating_sub(member.offset)))?;
    let name = u64::from(u16_at(&bytes, 26).ok_or_else(bad)?);
    let extra = u64::from(u16_at(&bytes, 28).ok_or_else(bad)?);
    let data = usize::try_from(name.saturating_add(extra).saturating_add(30)).map_err(|_| bad())?;
    let packed = usize::try_from(member.packed).map_err(|_| bad())?;
    let data = bytes.get(data..data.saturating_add(packed)).ok_or_else(bad)?;
    let out = match member.method {
        0 => data.to_vec(),
        8 => inflate(data, member.size, budget)?,
        _ => return Err("its RECORD is packed in a way that wheels are not".to_owned()),
    };
    String::from_utf8(out).map_err(|_| "its RECORD is not UTF-8".to_owned())
}

struct Member {
    method: u16,
    packed: u64,
    size: u64,
    offset: u64,
}

/// The entry of the one RECORD at the top of the archive.
fn find(directory: &[u8], budget: &mut Budget) -> Result<Option<Member>, String> {
    let mut at = 0_usize;
    while u32_at(directory, at) == Some(0x0201_4b50) {
        budget.steps(1).map_err(|e| e.to_string())?;
        let field = |n: usize| u16_at(directory, at.saturating_add(n)).map(usize::from);
        let (Some(name), Some(extra), Some(comment)) = (field(28), field(30), field(32)) else {
            break;
        };
        let from = at.saturating_add(46);
        let text = directory.get(from..from.saturating_add(name)).unwrap_or_default();
        let is = text.ends_with(b".dist-info/RECORD") && text.iter().filter(|b| **b == b'/').count() == 1;
        let long = |n: usize| u32_at(directory, at.saturating_add(n)).map(u64::from);
        if let (true, Some(packed), Some(size), Some(offset)) = (is, long(20), long(24), long(42)) {
            return Ok(Some(Member {
                method: u16_at(directory, at.saturating_add(10)).unwrap_or(u16::MAX),
                packed,
                size,
                offset,
            }));
        }
        at = from
            .saturating_add(name)
            .saturating_add(extra)
            .saturating_add(comment);
    }
    Ok(None)
}

fn inflate(data: &[u8], size: u64, budget: &mut Budget) -> Result<Vec<u8>, String> {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if size > MAX_RECORD {
        return Err("its RECORD is larger than any".to_owned());
    }
    budget
        .ratio(data.len() as u64, size as u64)
        .map_err(|e| e.to_string())?;
    budget.expanded(size as u64).map_err(|e| e.to_string())?;
    let mut out = vec![0; size];
    let mut inflater = Decompress::new(false);
    let status = inflater
        .decompress(data, &mut out, FlushDecompress::Finish)
        .map_err(|_| "its RECORD is damaged".to_owned())?;
    let whole = inflater.total_out() == size as u64;
    if !whole || matches!(status, Status::BufError) {
        return Err("its RECORD is damaged".to_owned());
    }
    Ok(out)
}

fn read(blob: &Blob, offset: u64, len: u64) -> Result<Vec<u8>, String> {
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    blob.bytes(offset, len).map_err(|e| e.to_string())
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at.saturating_add(2))?;
    Some(u16::from_le_bytes(bytes.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.saturating_add(4))?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

/// Compares records row by row; what an installer adds, moves or rewrites on its own does not count.
pub fn compare_records(wheel: &Record, installed: &Record) -> RecordDrift {
    let rows = |record: &Record| -> BTreeMap<String, (Claim, Option<u64>)> {
        let rows = record.rows.iter().filter(|r| r.claim != Claim::None);
        rows.filter(|r| !by_installer(&r.path))
            .map(|r| (moved(&r.path), (r.claim.clone(), r.size)))
            .collect()
    };
    let (theirs, ours) = (rows(wheel), rows(installed));
    let mut drift = RecordDrift::default();
    for (path, (claim, _)) in &theirs {
        match ours.get(path) {
            None => drift.removed.push(path.clone()),
            Some((own, _)) if own != claim => drift.changed.push(path.clone()),
            Some(_) => {}
        }
    }
    let added = ours.keys().filter(|path| !theirs.contains_key(*path));
    drift.added = added.cloned().collect();
    drift
}

/// What installers write themselves: their notes, commands with a shebang of their own, compiled files.
fn by_installer(path: &str) -> bool {
    let notes = [
        "INSTALLER",
        "REQUESTED",
        "direct_url.json",
        "uv_cache.json",
        "uv_build.json",
        "RECORD",
        "RECORD.jws",
        "RECORD.p7s",
    ];
    let note = path
        .split_once(".dist-info/")
        .is_some_and(|(_, name)| notes.contains(&name));
    let command = path.contains(".data/scripts/") || path.starts_with("../") || path.starts_with('/');
    note || command
        || path.ends_with(".pyc")
        || path.contains(".data/data/")
        || path.contains(".data/headers/")
}

/// Where an installer puts a file of the wheel.
fn moved(path: &str) -> String {
    let below = path
        .split_once(".data/purelib/")
        .or_else(|| path.split_once(".data/platlib/"));
    below.map_or_else(|| path.to_owned(), |(_, rest)| rest.to_owned())
}

/// Whether a file name is that of a wheel of the version that fits one of the tags of an installed one.
pub fn is_wheel_of(file: &str, name: &str, version: &str, tags: &[String]) -> bool {
    let Some(stem) = file.strip_suffix(".whl") else {
        return false;
    };
    let parts: Vec<&str> = stem.split('-').collect();
    let (Some(own_name), Some(own_version)) = (parts.first(), parts.get(1)) else {
        return false;
    };
    let same = crate::normalise(own_name) == crate::normalise(name)
        && (own_version.replace('_', "+") == version
            || crate::PyVersion::new(own_version) == crate::PyVersion::new(version)
                && !version.contains('+'));
    let [.., python, abi, platform] = parts.as_slice() else {
        return false;
    };
    let fits = |tag: &String| {
        let wanted: Vec<&str> = tag.split('-').collect();
        let [p, a, f] = wanted.as_slice() else {
            return false;
        };
        python.split('.').any(|x| x == *p)
            && abi.split('.').any(|x| x == *a)
            && platform.split('.').any(|x| x == *f)
    };
    same && parts.len() >= 5 && (tags.is_empty() || tags.iter().any(fits))
}

/// The tags of an installed wheel, from its `WHEEL`.
pub fn wheel_tags(text: &str) -> Vec<String> {
    let tags = text.lines().filter_map(|l| l.strip_prefix("Tag:"));
    tags.map(|t| t.trim().to_owned()).take(100).collect()
}

/// The files that a page of the simple index names: name, address, and the SHA-256 where it is stated.
pub fn index_links(page: &str) -> Vec<(String, String, Option<String>)> {
    let mut out = Vec::new();
    for part in page.split("href=").skip(1).take(200_000) {
        let Some(quote) = part.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            continue;
        };
        let Some(address) = part.get(1..).and_then(|rest| rest.split(quote).next()) else {
            continue;
        };
        let address = address.replace("&amp;", "&");
        let (url, fragment) = address.split_once('#').unwrap_or((&address, ""));
        let file = url.split('?').next().unwrap_or_default();
        let file = file
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .replace("%2B", "+")
            .replace("%2b", "+");
        let digest = fragment.strip_prefix("sha256=").map(str::to_owned);
        out.push((file, url.to_owned(), digest));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::installed::read_record;
    use proptest::prelude::*;

    #[test]
    fn what_installers_add_and_move_is_no_difference() {
        let digest = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0";
        let other = "sha256=57DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0";
        let read = |text: &str| read_record(text, &mut Budget::default());
        let wheel = read(&format!(
            "a.py,{digest}\nb.py,{digest}\na-1.data/purelib/c.py,{digest}\na-1.data/scripts/x,{digest}\na-1.dist-info/RECORD,,\n"
        ));
        let same = read(&format!(
            "a.py,{digest}\nb.py,{digest}\nc.py,{digest}\n../../../bin/x,{other}\na-1.dist-info/INSTALLER,{digest}\n__pycache__/a.cpython-312.pyc,,\n"
        ));
        assert_eq!(compare_records(&wheel, &same), RecordDrift::default());
        let changed = read(&format!("a.py,{other}\nc.py,{digest}\nd.py,{digest}\n"));
        let drift = compare_records(&wheel, &changed);
        assert_eq!(drift.changed, ["a.py"]);
        assert_eq!(drift.removed, ["b.py"]);
        assert_eq!(drift.added, ["d.py"]);
    }

    #[test]
    fn wheels_are_told_by_their_names() {
        let tags = wheel_tags("Wheel-Version: 1.0\nTag: cp311-cp311-manylinux_2_17_x86_64\n");
        for (file, fits) in [
            (
                "acme_x-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
                true,
            ),
            ("acme_x-1.0-1-cp311-cp311-manylinux_2_17_x86_64.whl", true),
            ("acme_x-1.0-cp312-cp312-manylinux_2_17_x86_64.whl", false),
            ("acme_x-1.1-cp311-cp311-manylinux_2_17_x86_64.whl", false),
            ("other-1.0-cp311-cp311-manylinux_2_17_x86_64.whl", false),
            ("acme_x-1.0.tar.gz", false),
        ] {
            assert_eq!(is_wheel_of(file, "acme-x", "1.0", &tags), fits, "{file}");
        }
    }

    #[test]
    fn links_of_an_index_are_read() {
        let page = "<a href=\"../../p/a-1-py3-none-any.whl#sha256=00\" data-x='1'>a</a><a href='https://h.example/b.whl?x=1&amp;y=2'>b</a>";
        assert_eq!(
            index_links(page),
            [
                (
                    "a-1-py3-none-any.whl".to_owned(),
                    "../../p/a-1-py3-none-any.whl".to_owned(),
                    Some("00".to_owned())
                ),
                (
                    "b.whl".to_owned(),
                    "https://h.example/b.whl?x=1&y=2".to_owned(),
                    None
                )
            ]
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in any::<Vec<u8>>(), text in any::<String>()) {
            let _ = wheel_record(&Blob::from_bytes(bytes), &mut Budget::default());
            index_links(&text);
            is_wheel_of(&text, "a", "1", &[]);
        }
    }
}
