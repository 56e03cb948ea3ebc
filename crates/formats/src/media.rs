//! What lies behind the end of a picture or a recording.
//!
//! Whoever shows it stops where the format says that it ends, and whoever put something behind it reads it himself. The one
//! decision: only formats whose end is certain are followed (PNG, GIF, WAV); cameras write all sorts of things behind a JPEG.

use crate::{
    format::{Format, table as t},
    identify::glance,
    native::density,
};
use wellhead_core::{Blob, Budget, Exhausted};

/// Most chunks of a picture.
const MAX_CHUNKS: usize = 100_000;
/// Largest GIF that is walked through.
const MAX_GIF: u64 = 16 << 20;
/// How much of what follows is looked at.
const MAX_SAMPLE: usize = 64 << 10;
/// What is shorter is padding or a mark of the program that wrote it.
const MIN_TAIL: u64 = 64;

/// What follows the end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tail {
    /// Where it begins.
    pub offset: u64,
    /// Its length.
    pub length: u64,
    /// What it looks like.
    pub kind: TailKind,
}

/// What follows the end looks like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TailKind {
    /// A file of a format that runs or holds other files.
    File(&'static Format),
    /// Text.
    Text,
    /// Compressed or encrypted bytes.
    Dense,
}

/// What follows the end of a picture or a recording, where it is something.
///
/// # Errors
/// When the budget ran out.
pub fn tail(format: &Format, blob: &Blob, budget: &mut Budget) -> Result<Option<Tail>, Exhausted> {
    let end = match format.name {
        "png" => png(blob, budget)?,
        "gif" => gif(blob, budget)?,
        "wav" => wav(blob),
        _ => None,
    };
    let Some(offset) = end else { return Ok(None) };
    let length = blob.len().saturating_sub(offset);
    if length < MIN_TAIL {
        return Ok(None);
    }
    let rest = blob.slice(offset, length);
    budget.steps(MAX_SAMPLE as u64 / 16)?;
    let sample = rest.bytes(0, MAX_SAMPLE).unwrap_or_default();
    Ok(kind(&rest, &sample).map(|kind| Tail { offset, length, kind }))
}

fn kind(rest: &Blob, sample: &[u8]) -> Option<TailKind> {
    if let Some(format) = glance(rest).filter(|f| f.runs_code_on_load || **f == t::ZIP || **f == t::GZIP) {
        return Some(TailKind::File(format));
    }
    let shown = |b: &&u8| matches!(**b, b'\t' | b'\n' | b'\r' | 0x20..=0x7e);
    let printable = sample.iter().filter(shown).count();
    if printable.saturating_mul(100) >= sample.len().saturating_mul(98) {
        return Some(TailKind::Text);
    }
    (density(sample)? > 7.0).then_some(TailKind::Dense)
}

fn be32(bytes: &[u8], at: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(field.try_into().ok()?).into())
}

/// Behind the chunk `IEND`.
fn png(blob: &Blob, budget: &mut Budget) -> Result<Option<u64>, Exhausted> {
    let mut at = 8_u64;
    for _ in 0..MAX_CHUNKS {
        budget.steps(4)?;
        let head = blob.bytes(at, 8).unwrap_or_default();
        let Some(length) = be32(&head, 0) else {
            return Ok(None);
        };
        at = at.saturating_add(length).saturating_add(12);
        if head.ends_with(b"IEND") {
            return Ok((at <= blob.len()).then_some(at));
        }
    }
    Ok(None)
}

/// Behind the length that the file says.
fn wav(blob: &Blob) -> Option<u64> {
    let head = blob.bytes(0, 8).ok()?;
    let length = u32::from_le_bytes(head.get(4..8)?.try_into().ok()?);
    // Recorders that are stopped leave the length open.
    if matches!(length, 0 | u32::MAX) {
        return None;
    }
    let end = u64::from(length).saturating_add(8).next_multiple_of(2);
    (end <= blob.len()).then_some(end)
}

/// Behind the block that ends a GIF.
fn gif(blob: &Blob, budget: &mut Budget) -> Result<Option<u64>, Exhausted> {
    let size = blob.len().min(MAX_GIF);
    budget.memory(size)?;
    let bytes = blob
        .bytes(0, usize::try_from(size).unwrap_or(0))
        .unwrap_or_default();
    let steps = budget.steps(size / 4);
    let end = steps.map(|()| gif_end(&bytes));
    budget.release(size);
    Ok(end?.map(|end| end as u64))
}

fn gif_end(bytes: &[u8]) -> Option<usize> {
    let colours = |flags: u8| match flags & 0x80 {
        0 => 0_usize,
        _ => 3_usize.saturating_mul(2_usize.saturating_pow(u32::from(flags & 7).saturating_add(1))),
    };
    // Blocks of a length each, until one of none.
    let blocks = |mut at: usize| loop {
        let length = usize::from(*bytes.get(at)?);
        at = at.checked_add(length)?.checked_add(1)?;
        if length == 0 {
            return Some(at);
        }
    };
    let mut at = 13_usize.checked_add(colours(*bytes.get(10)?))?;
    loop {
        at = match *bytes.get(at)? {
            0x3b => return at.checked_add(1),
            0x21 => blocks(at.checked_add(2)?)?,
            0x2c => {
                let flags = *bytes.get(at.checked_add(9)?)?;
                blocks(at.checked_add(11)?.checked_add(colours(flags))?)?
            }
            _ => return None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn png_with(tail: &[u8]) -> Vec<u8> {
        let mut out = b"\x89PNG\r\n\x1a\n\0\0\0\x01IHDRx\0\0\0\0\0\0\0\0IEND\xae\x42\x60\x82".to_vec();
        out.extend(tail);
        out
    }

    fn gif_with(tail: &[u8]) -> Vec<u8> {
        let mut out =
            b"GIF89a\x01\0\x01\0\0\0\0\x21\xf9\x01\0\0\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3b"
                .to_vec();
        out.extend(tail);
        out
    }

    fn wav_with(tail: &[u8]) -> Vec<u8> {
        let mut out = b"RIFF\x0c\0\0\0WAVEfmt \0\0\0\0".to_vec();
        out.extend(tail);
        out
    }

    fn told(format: &Format, bytes: Vec<u8>) -> Option<TailKind> {
        let found = tail(format, &Blob::from_bytes(bytes), &mut Budget::default()).unwrap();
        found.map(|t| t.kind)
    }

    #[test]
    fn what_follows_the_end_is_told_by_what_it_looks_like() {
        let code = "import os\n".repeat(10).into_bytes();
        let mut program = b"\x7fELF\x02\x01\x01".to_vec();
        program.resize(100, 0);
        for (format, with) in [
            (&t::PNG, png_with as fn(&[u8]) -> Vec<u8>),
            (&t::GIF, gif_with),
            (&t::WAV, wav_with),
        ] {
            assert_eq!(told(format, with(&code)), Some(TailKind::Text), "{format}");
            assert_eq!(
                told(format, with(&program)),
                Some(TailKind::File(&t::ELF)),
                "{format}"
            );
            // Padding, a mark of the writer, nothing.
            assert_eq!(told(format, with(&[0; 4096])), None, "{format}");
            assert_eq!(told(format, with(b"made by hand")), None, "{format}");
            assert_eq!(told(format, with(b"")), None, "{format}");
        }
        assert_eq!(told(&t::PNG, b"\x89PNG\r\n\x1a\n\0\0".to_vec()), None);
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0_usize..60, value: u8) {
            for with in [png_with, gif_with, wav_with] {
                let mut all = with(&bytes);
                if let Some(byte) = all.get_mut(at) {
                    *byte = value;
                }
                for format in [&t::PNG, &t::GIF, &t::WAV] {
                    let _ = tail(format, &Blob::from_bytes(all.clone()), &mut Budget::default());
                }
            }
        }
    }
}
