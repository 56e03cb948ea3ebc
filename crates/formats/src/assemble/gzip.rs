//! `stream` (options `name=`, `crc=`) and `bytes`.

use super::{AssembleError, listing::Item};

pub(super) fn gzip(items: &[Item]) -> Result<Vec<u8>, AssembleError> {
    let mut out = Vec::new();
    for item in items {
        let content = item.content()?;
        match item.verb.as_str() {
            "bytes" => out.extend(content),
            "stream" => {
                let name = item.option("name");
                out.extend([
                    0x1f,
                    0x8b,
                    8,
                    if name.is_some() { 8 } else { 0 },
                    0,
                    0,
                    0,
                    0,
                    0,
                    3,
                ]);
                if let Some(name) = name {
                    out.extend(item.raw(name)?);
                    out.push(0);
                }
                out.extend(miniz_oxide::deflate::compress_to_vec(&content, 6));
                let crc = item
                    .number("crc")?
                    .unwrap_or_else(|| crc32fast::hash(&content).into());
                out.extend(u32::try_from(crc).unwrap_or(0).to_le_bytes());
                out.extend(u32::try_from(content.len()).unwrap_or(0).to_le_bytes());
            }
            other => return Err(item.error(format!("unknown verb `{other}`"))),
        }
    }
    Ok(out)
}
