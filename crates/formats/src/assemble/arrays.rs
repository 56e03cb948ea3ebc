//! safetensors: `tensor NAME dtype= shape=2,3 offsets=0,24`, `metadata KEY value=`, `header` (its body is the whole
//! header), `length N`, `data`. npy: `version N`, `header` (its body is the literal), `data`.

use super::{AssembleError, listing::Item};

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

pub(super) fn safetensors(items: &[Item]) -> Result<Vec<u8>, AssembleError> {
    let mut fields = Vec::new();
    let mut data = Vec::new();
    let mut header = None;
    let mut length = None;
    for item in items {
        match item.verb.as_str() {
            "tensor" => {
                let get = |key: &str| {
                    item.option(key)
                        .ok_or_else(|| item.error(format!("`{key}=` is missing")))
                };
                fields.push(format!(
                    "{}:{{\"dtype\":{},\"shape\":[{}],\"data_offsets\":[{}]}}",
                    quoted(&item.name),
                    quoted(get("dtype")?),
                    get("shape")?,
                    get("offsets")?
                ));
            }
            "metadata" => {
                let value = item.option("value").unwrap_or_default();
                fields.push(format!(
                    "\"__metadata__\":{{{}:{}}}",
                    quoted(&item.name),
                    quoted(value)
                ));
            }
            "header" => header = Some(item.body.trim_end().to_owned()),
            "length" => length = item.name.parse::<u64>().ok(),
            "data" => data.extend(item.content()?),
            other => return Err(item.error(format!("unknown verb `{other}`"))),
        }
    }
    let mut header = header.unwrap_or_else(|| format!("{{{}}}", fields.join(",")));
    while !header.len().is_multiple_of(8) {
        header.push(' ');
    }
    let mut out = length.unwrap_or(header.len() as u64).to_le_bytes().to_vec();
    out.extend(header.into_bytes());
    out.extend(data);
    Ok(out)
}

pub(super) fn npy(items: &[Item]) -> Result<Vec<u8>, AssembleError> {
    let mut version = 1;
    let mut header = String::new();
    let mut data = Vec::new();
    for item in items {
        match item.verb.as_str() {
            "version" => version = item.name.parse().map_err(|_| item.error("no version"))?,
            "header" => item.body.trim_end().clone_into(&mut header),
            "data" => data.extend(item.content()?),
            other => return Err(item.error(format!("unknown verb `{other}`"))),
        }
    }
    let fixed = if version == 1 { 10 } else { 12 };
    while !header
        .len()
        .saturating_add(fixed)
        .saturating_add(1)
        .is_multiple_of(64)
    {
        header.push(' ');
    }
    header.push('\n');
    let mut out = b"\x93NUMPY".to_vec();
    out.extend([version, 0]);
    if version == 1 {
        out.extend(u16::try_from(header.len()).unwrap_or(u16::MAX).to_le_bytes());
    } else {
        out.extend(u32::try_from(header.len()).unwrap_or(u32::MAX).to_le_bytes());
    }
    out.extend(header.into_bytes());
    out.extend(data);
    Ok(out)
}
