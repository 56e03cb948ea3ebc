//! `member`, `header` (a member without a directory record), `bytes` (between members), `comment`, `trailing`, `end`.
//!
//! Options of a member: `method=`, `flags=`, `crc=`, `size=`, `stored=`, `offset=` for both views, or with `local-`
//! before them for the header and `cd-` for the directory alone; `local-name=`, `mode=`, `descriptor`, `extra=` (hex),
//! `local-extra=`, `wide` (zip64 sizes), `same-data-as-last` (a record that points at the header before).
//! Options of `end`: `count=`, `size=`, `offset=`, `add-offset=`, `wide`, `wide-count=`, `wide-offset=`, `disk=`.

use super::{AssembleError, listing::Item};

struct Record {
    bytes: Vec<u8>,
}

struct Fields {
    flags: u16,
    method: u16,
    crc: u32,
    stored: u64,
    size: u64,
}

impl Fields {
    /// The values with the options of one view put over them.
    fn seen(&self, item: &Item, view: &str) -> Result<Self, AssembleError> {
        let get = |key: &str, default: u64| -> Result<u64, AssembleError> {
            let special = item.number(&format!("{view}-{key}"))?;
            Ok(special.or(item.number(key)?).unwrap_or(default))
        };
        Ok(Self {
            flags: narrow(get("flags", self.flags.into())?),
            method: match item.option("method") {
                Some("stored") => 0,
                Some("deflate") => 8,
                _ => narrow(get("method", self.method.into())?),
            },
            crc: u32::try_from(get("crc", self.crc.into())?).unwrap_or(u32::MAX),
            stored: get("stored", self.stored)?,
            size: get("size", self.size)?,
        })
    }
}

fn narrow(n: u64) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

fn clip(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

pub(super) fn zip(items: &[Item]) -> Result<Vec<u8>, AssembleError> {
    let mut out = Vec::new();
    let mut records: Vec<Record> = Vec::new();
    let mut last_header = 0_u64;
    let mut ended = false;
    let comment = items
        .iter()
        .find(|i| i.verb == "comment")
        .map(Item::content)
        .transpose()?;
    for item in items {
        match item.verb.as_str() {
            "bytes" => out.extend(item.content()?),
            "comment" => {}
            "member" | "header" => member(item, &mut out, &mut records, &mut last_header)?,
            "end" => {
                end(
                    Some(item),
                    &mut out,
                    &records,
                    &comment.clone().unwrap_or_default(),
                )?;
                ended = true;
            }
            "trailing" => {
                if !ended {
                    end(None, &mut out, &records, &comment.clone().unwrap_or_default())?;
                    ended = true;
                }
                out.extend(item.content()?);
            }
            _ => return Err(item.error(format!("unknown verb `{}`", item.verb))),
        }
    }
    if !ended {
        end(None, &mut out, &records, &comment.unwrap_or_default())?;
    }
    Ok(out)
}

fn member(
    item: &Item,
    out: &mut Vec<u8>,
    records: &mut Vec<Record>,
    last: &mut u64,
) -> Result<(), AssembleError> {
    let plain = item.content()?;
    let deflate = item.has("deflate") || item.option("method") == Some("deflate");
    let packed = if deflate {
        miniz_oxide::deflate::compress_to_vec(&plain, 6)
    } else {
        plain.clone()
    };
    let descriptor = item.has("descriptor");
    let truth = Fields {
        flags: if descriptor { 8 } else { 0 },
        method: if deflate { 8 } else { 0 },
        crc: crc32fast::hash(&plain),
        stored: packed.len() as u64,
        size: plain.len() as u64,
    };
    let name = item.raw(&item.name)?;
    if !item.has("same-data-as-last") {
        *last = out.len() as u64;
        let mut h = truth.seen(item, "local")?;
        if descriptor && !item.has("local-crc") {
            (h.crc, h.stored, h.size) = (0, 0, 0);
        }
        let other = item.option("local-name").map(|n| item.raw(n)).transpose()?;
        local(item, out, &h, other.as_deref().unwrap_or(&name))?;
        out.extend(&packed);
        if descriptor {
            out.extend(b"PK\x07\x08");
            out.extend(truth.crc.to_le_bytes());
            out.extend(clip(truth.stored).to_le_bytes());
            out.extend(clip(truth.size).to_le_bytes());
        }
    }
    if item.verb == "member" {
        let c = truth.seen(item, "cd")?;
        records.push(directory(
            item,
            &c,
            &name,
            item.number("offset")?.unwrap_or(*last),
        )?);
    }
    Ok(())
}

fn extra(item: &Item, key: &str) -> Result<Vec<u8>, AssembleError> {
    item.option(key).map_or_else(|| Ok(Vec::new()), super::hex)
}

fn local(item: &Item, out: &mut Vec<u8>, h: &Fields, name: &[u8]) -> Result<(), AssembleError> {
    let mut extra = extra(item, "local-extra")?;
    let (mut stored, mut size) = (clip(h.stored), clip(h.size));
    if item.has("wide") {
        extra.extend([1, 0, 16, 0]);
        extra.extend(h.size.to_le_bytes());
        extra.extend(h.stored.to_le_bytes());
        (stored, size) = (u32::MAX, u32::MAX);
    }
    out.extend(b"PK\x03\x04\x14\0");
    out.extend(h.flags.to_le_bytes());
    out.extend(h.method.to_le_bytes());
    out.extend([0, 0, 0x21, 0]);
    for field in [h.crc, stored, size] {
        out.extend(field.to_le_bytes());
    }
    out.extend(narrow(name.len() as u64).to_le_bytes());
    out.extend(narrow(extra.len() as u64).to_le_bytes());
    out.extend(name);
    out.extend(extra);
    Ok(())
}

fn directory(item: &Item, c: &Fields, name: &[u8], offset: u64) -> Result<Record, AssembleError> {
    let extra = extra(item, "extra")?;
    let mode = item.number("mode")?.unwrap_or(0o100_644);
    let mut bytes = b"PK\x01\x02\x14\x03\x14\0".to_vec();
    bytes.extend(c.flags.to_le_bytes());
    bytes.extend(c.method.to_le_bytes());
    bytes.extend([0, 0, 0x21, 0]);
    for field in [c.crc, clip(c.stored), clip(c.size)] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.extend(narrow(name.len() as u64).to_le_bytes());
    bytes.extend(narrow(extra.len() as u64).to_le_bytes());
    bytes.extend([0; 6]);
    bytes.extend((clip(mode) << 16).to_le_bytes());
    bytes.extend(clip(offset).to_le_bytes());
    bytes.extend(name);
    bytes.extend(extra);
    Ok(Record { bytes })
}

fn end(
    item: Option<&Item>,
    out: &mut Vec<u8>,
    records: &[Record],
    comment: &[u8],
) -> Result<(), AssembleError> {
    let number = |key: &str, default: u64| -> Result<u64, AssembleError> {
        Ok(item
            .map(|i| i.number(key))
            .transpose()?
            .flatten()
            .unwrap_or(default))
    };
    let start = out.len() as u64;
    for record in records {
        out.extend(&record.bytes);
    }
    let size = (out.len() as u64).saturating_sub(start);
    let count = records.len() as u64;
    let offset = start.wrapping_add(number("add-offset", 0)?);
    if item.is_some_and(|i| i.has("wide") || i.has("wide-count") || i.has("wide-offset")) {
        let at = out.len() as u64;
        out.extend(b"PK\x06\x06");
        out.extend(44_u64.to_le_bytes());
        out.extend([45, 3, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let wide_count = number("wide-count", count)?;
        for field in [
            wide_count,
            wide_count,
            number("wide-size", size)?,
            number("wide-offset", start)?,
        ] {
            out.extend(field.to_le_bytes());
        }
        out.extend(b"PK\x06\x07\0\0\0\0");
        out.extend(at.to_le_bytes());
        out.extend([1, 0, 0, 0]);
    }
    let disk = narrow(number("disk", 0)?).to_le_bytes();
    out.extend(b"PK\x05\x06");
    out.extend(disk);
    out.extend(disk);
    let count = narrow(number("count", count)?).to_le_bytes();
    out.extend(count);
    out.extend(count);
    out.extend(clip(number("size", size)?).to_le_bytes());
    out.extend(clip(number("offset", offset)?).to_le_bytes());
    out.extend(narrow(number("comment-length", comment.len() as u64)?).to_le_bytes());
    out.extend(comment);
    Ok(())
}
