//! One header block, and the records of PAX.

pub(super) const BLOCK: u64 = 512;

/// A header whose checksum is right.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) mode: u32,
    pub(super) size: u64,
    pub(super) kind: u8,
    pub(super) link: String,
    /// A file with holes whose map goes on in the next block.
    pub(super) extended: bool,
}

impl Header {
    pub(super) fn parse(block: &[u8]) -> Option<Self> {
        let block = block.get(..512)?;
        let stated = number(block.get(148..156)?)?;
        // Old writers summed signed bytes.
        let bytes = || {
            block
                .iter()
                .enumerate()
                .map(|(i, b)| if (148..156).contains(&i) { b' ' } else { *b })
        };
        let unsigned: u64 = bytes().map(u64::from).sum();
        let signed: i64 = bytes().map(|b| i64::from(b.cast_signed())).sum();
        if stated != unsigned && i64::try_from(stated).ok()? != signed {
            return None;
        }
        // A block of one repeated byte can satisfy the sum of an empty field; a member has a name.
        if *block.first()? == 0 && block.get(257..262)? != b"ustar" {
            return None;
        }
        let mut name = text(block.get(..100)?);
        if block.get(257..263)? == b"ustar\0" {
            let prefix = text(block.get(345..500)?);
            if !prefix.is_empty() {
                name = format!("{prefix}/{name}");
            }
        }
        Some(Self {
            name,
            mode: u32::try_from(number(block.get(100..108)?).unwrap_or(0)).unwrap_or(0),
            size: number(block.get(124..136)?)?,
            kind: *block.get(156)?,
            link: text(block.get(157..257)?),
            extended: block.get(482).is_some_and(|b| *b != 0),
        })
    }
}

/// A number: octal digits, or base 256 after a set high bit.
fn number(field: &[u8]) -> Option<u64> {
    if let [first @ (0x80 | 0xff), rest @ ..] = field {
        // Negative sizes do not exist, and larger than 64 bits neither.
        let (high, low) = rest.split_at_checked(rest.len().checked_sub(8)?)?;
        if *first == 0xff || high.iter().any(|b| *b != 0) {
            return None;
        }
        return Some(u64::from_be_bytes(low.try_into().ok()?));
    }
    let digits = field
        .iter()
        .skip_while(|b| matches!(b, b' ' | 0))
        .take_while(|b| !matches!(b, b' ' | 0));
    let mut value = 0_u64;
    for d in digits {
        let d = d.checked_sub(b'0').filter(|d| *d < 8)?;
        value = value.checked_mul(8)?.checked_add(d.into())?;
    }
    Some(value)
}

/// Text up to its first NUL; bytes that are not UTF-8 become a character each.
pub(super) fn text(field: &[u8]) -> String {
    let end = field.iter().position(|b| *b == 0).unwrap_or(field.len());
    let raw = field.get(..end).unwrap_or_default();
    match std::str::from_utf8(raw) {
        Ok(text) => text.to_owned(),
        Err(_) => raw.iter().map(|b| char::from(*b)).collect(),
    }
}

/// The records of a PAX header: `length key=value` and a line feed.
pub(super) fn pax(mut records: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut out = Vec::new();
    while let Some(space) = records.iter().take(20).position(|b| *b == b' ') {
        let length = records
            .get(..space)
            .and_then(|d| std::str::from_utf8(d).ok())
            .and_then(|d| d.parse::<usize>().ok())
            .filter(|n| *n > space);
        let Some((record, rest)) = length.and_then(|n| records.split_at_checked(n)) else {
            break;
        };
        let body = record.get(space.saturating_add(1)..).unwrap_or_default();
        let body = body.strip_suffix(b"\n").unwrap_or(body);
        if let Some(eq) = body.iter().position(|b| *b == b'=')
            && let (Some(key), Some(value)) = (body.get(..eq), body.get(eq.saturating_add(1)..))
        {
            out.push((key, value));
        }
        records = rest;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_binary() {
        for (field, value) in [
            (&b"0000644\0"[..], Some(0o644)),
            (b"   644 \0", Some(0o644)),
            (b"\0\0\0\0\0\0\0\0\0\0\0\0", Some(0)),
            (b"\x80\0\0\0\0\0\0\x02\0\0\0\0", Some(0x2_0000_0000)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", None),
            (b"0000009\0", None),
        ] {
            assert_eq!(number(field), value, "{field:?}");
        }
    }

    #[test]
    fn pax_records_stop_at_the_first_that_does_not_fit() {
        let records = b"12 path=abc\n16 linkpath=x=y\n99 size=1\n";
        let read: Vec<_> = pax(records);
        assert_eq!(read, [(&b"path"[..], &b"abc"[..]), (b"linkpath", b"x=y")]);
    }
}
