//! `file`, `folder`, `symlink`, `hardlink`, `device`, `pax`, `long-name`, `bytes`, `end`.
//!
//! Options: `link=`, `size=`, `mode=`, `checksum=bad`, `kind=` (the type byte). Without an `end` line the archive ends
//! with two blocks of zeros.

use super::{AssembleError, listing::Item};

pub(super) fn tar(items: &[Item]) -> Result<Vec<u8>, AssembleError> {
    let mut out = Vec::new();
    let mut ended = false;
    for item in items {
        let kind = match item.verb.as_str() {
            "file" => b'0',
            "hardlink" => b'1',
            "symlink" => b'2',
            "device" => b'3',
            "folder" => b'5',
            "pax" => b'x',
            "long-name" => b'L',
            "bytes" => {
                out.extend(item.content()?);
                continue;
            }
            "end" => {
                out.resize(out.len().saturating_add(1024), 0);
                ended = true;
                continue;
            }
            other => return Err(item.error(format!("unknown verb `{other}`"))),
        };
        let kind = item.option("kind").and_then(|k| k.bytes().next()).unwrap_or(kind);
        let data = if kind == b'x' {
            pax(&item.body)
        } else {
            item.content()?
        };
        let size = item.number("size")?.unwrap_or(data.len() as u64);
        out.extend(header(item, kind, size)?);
        out.extend(&data);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    if !ended {
        out.resize(out.len().saturating_add(1024), 0);
    }
    Ok(out)
}

/// Lines `key=value` as PAX records.
fn pax(body: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for line in body.lines() {
        let rest = line.len().saturating_add(2);
        let mut length = rest.saturating_add(1);
        while length.to_string().len().saturating_add(rest) != length {
            length = length.to_string().len().saturating_add(rest);
        }
        out.extend(format!("{length} {line}\n").as_bytes());
    }
    out
}

fn header(item: &Item, kind: u8, size: u64) -> Result<Vec<u8>, AssembleError> {
    let mut block = vec![0; 512];
    let mut put = |at: usize, bytes: &[u8]| {
        for (to, from) in block.iter_mut().skip(at).zip(bytes) {
            *to = *from;
        }
    };
    let name = item.raw(&item.name)?;
    put(0, name.get(..100).unwrap_or(&name));
    put(
        100,
        format!("{:07o}", item.number("mode")?.unwrap_or(0o644)).as_bytes(),
    );
    put(124, format!("{size:011o}").as_bytes());
    put(148, b"        ");
    put(156, &[kind]);
    put(157, &item.raw(item.option("link").unwrap_or_default())?);
    put(257, b"ustar\x0000");
    let sum: u64 = block.iter().map(|b| u64::from(*b)).sum();
    let sum = if item.option("checksum") == Some("bad") {
        sum ^ 1
    } else {
        sum
    };
    for (to, from) in block.iter_mut().skip(148).zip(format!("{sum:06o}\0").bytes()) {
        *to = from;
    }
    Ok(block)
}
