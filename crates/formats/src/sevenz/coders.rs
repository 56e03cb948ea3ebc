//! From the coders of a folder to a reader of what comes out.

use super::header::Folder;
use crate::decode::{BlobReader, Codec, Failing, MEMORY_KB, Maker, maker, raw};
use lzma_rust2::{
    Lzma2Reader, LzmaReader,
    filter::{bcj::BcjReader, bcj2::Bcj2Reader, delta::DeltaReader},
};
use std::{
    io::{self, BufReader, Read},
    sync::Arc,
};
use wellhead_core::Blob;

/// How deep coders may feed one another.
const DEEP: u32 = 8;
/// What a decoder of another format takes at most: the window of Zstandard.
const WHOLE: u64 = 64 << 20;
/// What BCJ2 takes for its buffers and probabilities.
const BCJ2: u64 = 1 << 20;

/// How a folder is decoded, step by step.
enum Step {
    Packed(Blob),
    /// A decoder that reads a packed stream by itself.
    Whole(Maker),
    Lzma {
        props: u8,
        dictionary: u32,
        size: u64,
        from: Box<Self>,
    },
    Lzma2 {
        dictionary: u32,
        from: Box<Self>,
    },
    Deflate(Box<Self>),
    Delta {
        distance: usize,
        from: Box<Self>,
    },
    Branch {
        start: fn(Source, usize) -> BcjReader<Source>,
        from: Box<Self>,
    },
    Bcj2 {
        size: u64,
        from: Vec<Self>,
    },
}

type Source = Box<dyn Read + Send>;

/// What decodes a folder whose packed streams are given.
///
/// # Errors
/// Why it cannot be decoded, as a phrase.
pub(super) fn decoder(folder: &Folder, packed: &[Blob]) -> Result<Maker, String> {
    let last = folder.last().ok_or("its coders run in a circle")?;
    let step = step(folder, last, packed, DEEP)?;
    if step.memory() > u64::from(MEMORY_KB) << 10 {
        return Err("compressed so that its decoder needs too much memory".to_owned());
    }
    let size = folder.size();
    Ok(Arc::new(move || Box::new(step.begin().take(size))))
}

fn step(folder: &Folder, index: usize, packed: &[Blob], deep: u32) -> Result<Step, String> {
    let deep = deep.checked_sub(1).ok_or("its coders run in a circle")?;
    let damaged = || "its directory is damaged".to_owned();
    let coder = folder.coders.get(index).ok_or_else(damaged)?;
    let size = folder.sizes.get(index).copied().ok_or_else(damaged)?;
    let first: u64 = folder.coders.iter().take(index).map(|c| c.inputs).sum();
    let mut feeds = Vec::new();
    for input in first..first.saturating_add(coder.inputs) {
        let bound = folder.binds.iter().find(|(i, _)| *i == input);
        feeds.push(match bound {
            Some((_, output)) => {
                let output = usize::try_from(*output).map_err(|_| damaged())?;
                step(folder, output, packed, deep)?
            }
            None => {
                let at = folder
                    .packed
                    .iter()
                    .position(|p| *p == input)
                    .ok_or_else(damaged)?;
                Step::Packed(packed.get(at).cloned().ok_or_else(damaged)?)
            }
        });
    }
    if coder.id == [3, 3, 1, 0x1b] {
        return Ok(Step::Bcj2 { size, from: feeds });
    }
    let mut feeds = feeds.into_iter();
    let (Some(from), None) = (feeds.next(), feeds.next()) else {
        return Err(damaged());
    };
    simple(&coder.id, &coder.props, size, from)
}

fn simple(id: &[u8], props: &[u8], size: u64, from: Step) -> Result<Step, String> {
    let damaged = || "its directory is damaged".to_owned();
    // A dictionary larger than all that comes out is never filled.
    let ceiling = u32::try_from(size.max(1 << 12)).unwrap_or(u32::MAX);
    let from = Box::new(from);
    let branch = |start, from| Ok(Step::Branch { start, from });
    match id {
        [0] => Ok(*from),
        [3, 1, 1] => {
            let [props, d @ ..] = props else {
                return Err(damaged());
            };
            let dictionary = u32::from_le_bytes(d.try_into().map_err(|_| damaged())?).min(ceiling);
            let props = *props;
            Ok(Step::Lzma {
                props,
                dictionary,
                size,
                from,
            })
        }
        [0x21] => {
            let bits = u32::from(*props.first().ok_or_else(damaged)?);
            let dictionary = match bits {
                0..40 => (2 | (bits & 1)).checked_shl((bits / 2).saturating_add(11)),
                40 => Some(u32::MAX),
                _ => None,
            };
            let dictionary = dictionary.ok_or_else(damaged)?.min(ceiling);
            Ok(Step::Lzma2 { dictionary, from })
        }
        [3] => Ok(Step::Delta {
            distance: usize::from(*props.first().ok_or_else(damaged)?).saturating_add(1),
            from,
        }),
        [4] | [3, 3, 1, 3] => branch(BcjReader::new_x86, from),
        [5] | [3, 3, 2, 5] => branch(BcjReader::new_ppc, from),
        [6] | [3, 3, 4, 1] => branch(BcjReader::new_ia64, from),
        [7] | [3, 3, 5, 1] => branch(BcjReader::new_arm, from),
        [8] | [3, 3, 7, 1] => branch(BcjReader::new_arm_thumb, from),
        [9] | [3, 3, 8, 5] => branch(BcjReader::new_sparc, from),
        [0xa] => branch(BcjReader::new_arm64, from),
        [0xb] => branch(BcjReader::new_riscv, from),
        [4, 1, 8] => Ok(Step::Deflate(from)),
        [4, 2, 2] => whole(&from, Codec::Bzip2),
        [4, 0xf7, 0x11, 1] => whole(&from, Codec::Zstd),
        [4, 0xf7, 0x11, 4] => whole(&from, Codec::Lz4),
        [6, 0xf1, 7, 1] => Err("encrypted".to_owned()),
        [3, 4, 1] => Err("compressed with PPMd, which is not read yet".to_owned()),
        [4, 1, 9] => Err("compressed with Deflate64, which is not read yet".to_owned()),
        other => {
            let id: String = other.iter().map(|b| format!("{b:02x}")).collect();
            Err(format!("compressed with method {id}, which is not read yet"))
        }
    }
}

/// A decoder that wants the packed stream itself.
fn whole(from: &Step, codec: Codec) -> Result<Step, String> {
    let Step::Packed(blob) = from else {
        return Err("compressed in a way that is not read yet".to_owned());
    };
    Ok(Step::Whole(maker(blob, codec)))
}

impl Step {
    /// What all decoders take together, as far as it is large.
    fn memory(&self) -> u64 {
        match self {
            Self::Packed(_) => 0,
            Self::Whole(_) => WHOLE,
            Self::Lzma { dictionary, from, .. } | Self::Lzma2 { dictionary, from } => {
                from.memory().saturating_add(u64::from(*dictionary))
            }
            Self::Deflate(from) | Self::Delta { from, .. } | Self::Branch { from, .. } => from.memory(),
            Self::Bcj2 { from, .. } => from.iter().map(Self::memory).fold(BCJ2, u64::saturating_add),
        }
    }

    fn begin(&self) -> Source {
        match self {
            Self::Packed(blob) => Box::new(packed(blob)),
            Self::Whole(make) => make(),
            Self::Lzma {
                props,
                dictionary,
                size,
                from,
            } => {
                let memory = lzma_rust2::lzma_get_memory_usage_by_props(*dictionary, *props);
                match memory {
                    Ok(kb) if kb <= MEMORY_KB => {}
                    Ok(_) => return Box::new(Failing(io::ErrorKind::OutOfMemory)),
                    Err(e) => return Box::new(Failing(e.kind())),
                }
                match LzmaReader::new_with_props(from.begin(), *size, *props, *dictionary, None) {
                    Ok(reader) => Box::new(reader),
                    Err(e) => Box::new(Failing(e.kind())),
                }
            }
            Self::Lzma2 { dictionary, from } => {
                match Lzma2Reader::new_mem_limit(from.begin(), *dictionary, MEMORY_KB, None) {
                    Ok(reader) => Box::new(reader),
                    Err(e) => Box::new(Failing(e.kind())),
                }
            }
            Self::Deflate(from) => Box::new(flate2::read::DeflateDecoder::new(from.begin())),
            Self::Delta { distance, from } => Box::new(DeltaReader::new(from.begin(), *distance)),
            Self::Branch { start, from } => Box::new(start(from.begin(), 0)),
            Self::Bcj2 { size, from } => {
                let inputs = from.iter().map(Self::begin).collect();
                match Bcj2Reader::try_new(inputs, *size) {
                    Ok(reader) => Box::new(reader),
                    Err(e) => Box::new(Failing(e.kind())),
                }
            }
        }
    }
}

fn packed(blob: &Blob) -> BufReader<BlobReader> {
    raw(blob, 0)
}
