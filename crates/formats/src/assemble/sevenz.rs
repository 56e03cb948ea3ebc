//! `folder`, `file`, `directory`, `directory-bytes`, `end`.
//!
//! Members that follow a `folder` line lie in it; `method=` (hexadecimal, `00` stores, `delta` the delta filter) and
//! `props=` say how it is packed, and the bytes are written as they are, except for `delta`. `mode=` is of Unix. `end
//! packed` packs the directory itself, `method=` by that method; `directory-bytes` takes the place of the directory.

use super::{AssembleError, hex, listing::Item};

#[derive(Default)]
struct Folder {
    method: Vec<u8>,
    props: Vec<u8>,
    data: Vec<u8>,
    sizes: Vec<usize>,
}

#[derive(Default)]
struct File {
    name: String,
    mode: u32,
    has_data: bool,
}

pub(super) fn sevenz(items: &[Item]) -> Result<Vec<u8>, AssembleError> {
    let mut folders: Vec<Folder> = Vec::new();
    let mut files: Vec<File> = Vec::new();
    let mut end = None;
    let mut given = None;
    for item in items {
        match item.verb.as_str() {
            "folder" => folders.push(folder(item)?),
            "file" => {
                let data = item.content()?;
                let folder = folders.last_mut().ok_or_else(|| item.error("no folder yet"))?;
                folder.sizes.push(data.len());
                folder.data.extend(data);
                files.push(file(item, true)?);
            }
            "directory" => files.push(file(item, false)?),
            "directory-bytes" => given = Some(item.content()?),
            "end" => end = Some(item),
            other => return Err(item.error(format!("unknown verb `{other}`"))),
        }
    }
    let packed: Vec<Vec<u8>> = folders.iter().map(Folder::packed).collect();
    let mut body = packed.concat();
    let mut directory = match given {
        Some(bytes) => bytes,
        None => plain(&folders, &packed, &files),
    };
    if let Some(item) = end.filter(|i| i.name == "packed") {
        let outer = Folder {
            method: method(item)?,
            data: directory.clone(),
            sizes: vec![directory.len()],
            ..Folder::default()
        };
        let mut header = vec![0x17];
        streams(&mut header, body.len(), &[outer], &[directory.clone()]);
        body.extend(directory);
        directory = header;
    }
    let mut out = b"7z\xbc\xaf\x27\x1c\0\x04".to_vec();
    let mut start = (body.len() as u64).to_le_bytes().to_vec();
    start.extend((directory.len() as u64).to_le_bytes());
    start.extend(crc32fast::hash(&directory).to_le_bytes());
    out.extend(crc32fast::hash(&start).to_le_bytes());
    out.extend(start);
    out.extend(body);
    out.extend(directory);
    Ok(out)
}

fn method(item: &Item) -> Result<Vec<u8>, AssembleError> {
    match item.option("method") {
        None => Ok(vec![0]),
        Some("delta") => Ok(vec![3]),
        Some(text) => hex(text),
    }
}

fn folder(item: &Item) -> Result<Folder, AssembleError> {
    Ok(Folder {
        method: method(item)?,
        props: match item.option("props") {
            Some(text) => hex(text)?,
            None if item.option("method") == Some("delta") => vec![0],
            None => Vec::new(),
        },
        ..Folder::default()
    })
}

fn file(item: &Item, has_data: bool) -> Result<File, AssembleError> {
    Ok(File {
        name: String::from_utf8_lossy(&item.raw(&item.name)?).into_owned(),
        mode: u32::try_from(item.number("mode")?.unwrap_or(0)).unwrap_or(0),
        has_data,
    })
}

impl Folder {
    fn packed(&self) -> Vec<u8> {
        if self.method != [3] {
            return self.data.clone();
        }
        let mut last = 0_u8;
        self.data
            .iter()
            .map(|b| b.wrapping_sub(std::mem::replace(&mut last, *b)))
            .collect()
    }
}

fn number(out: &mut Vec<u8>, n: usize) {
    match u8::try_from(n) {
        Ok(small) if small < 0x80 => out.push(small),
        _ => {
            out.push(0xff);
            out.extend((n as u64).to_le_bytes());
        }
    }
}

fn streams(out: &mut Vec<u8>, at: usize, folders: &[Folder], packed: &[Vec<u8>]) {
    out.push(0x06);
    number(out, at);
    number(out, packed.len());
    out.push(0x09);
    for p in packed {
        number(out, p.len());
    }
    out.extend([0x00, 0x07, 0x0b]);
    number(out, folders.len());
    out.push(0);
    for f in folders {
        let length = u8::try_from(f.method.len()).unwrap_or(0);
        out.push(1);
        out.push(length | if f.props.is_empty() { 0 } else { 0x20 });
        out.extend(&f.method);
        if !f.props.is_empty() {
            number(out, f.props.len());
            out.extend(&f.props);
        }
    }
    out.push(0x0c);
    for f in folders {
        number(out, f.data.len());
    }
    out.extend([0x00, 0x08, 0x0d]);
    for f in folders {
        number(out, f.sizes.len());
    }
    out.push(0x09);
    for f in folders {
        for size in f.sizes.iter().rev().skip(1).rev() {
            number(out, *size);
        }
    }
    out.extend([0x00, 0x00]);
}

fn plain(folders: &[Folder], packed: &[Vec<u8>], files: &[File]) -> Vec<u8> {
    let mut out = vec![0x01, 0x04];
    streams(&mut out, 0, folders, packed);
    out.push(0x05);
    number(&mut out, files.len());
    let mut property = |kind: u8, data: Vec<u8>| {
        out.push(kind);
        number(&mut out, data.len());
        out.extend(data);
    };
    let mut empty = vec![0_u8; files.len().div_ceil(8)];
    for (i, _) in files.iter().enumerate().filter(|(_, f)| !f.has_data) {
        if let Some(byte) = empty.get_mut(i / 8) {
            *byte |= 0x80 >> (i % 8);
        }
    }
    property(0x0e, empty);
    let mut names = vec![0];
    for f in files {
        names.extend(f.name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
    }
    property(0x11, names);
    let mut attributes = vec![1, 0];
    for f in files {
        let unix = if f.mode == 0 { 0 } else { 0x8000 | f.mode << 16 };
        attributes.extend(unix.to_le_bytes());
    }
    property(0x15, attributes);
    out.extend([0x00, 0x00]);
    out
}
