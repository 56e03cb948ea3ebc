//! The formats of ggml before GGUF: GGML, GGMF, GGJT, and GGLA for adapters.
//!
//! None says which architecture it holds, and each architecture has numbers of its own in front of the vocabulary. The
//! one decision: a layout is taken when the vocabulary that it leads to is whole and a tensor follows; names and sizes
//! of tensors are all that is read.

use super::{
    aligned,
    cursor::{Cursor, Stop},
    types,
};
use crate::{
    document::Opened,
    format::table as t,
    model::{Model, Opening},
    tensors::{Tensor, defect},
};
use wellhead_core::{Budget, Outcome, code};

/// Longest token of a vocabulary, and longest name of a tensor, that is believed.
const MAX_NAME: u64 = 1024;
/// Most tokens of a vocabulary.
const MAX_VOCABULARY: u32 = 2_000_000;
/// Most tensors.
const MAX_TENSORS: usize = 100_000;

/// One way to read what stands before the tensors.
#[derive(Clone, Copy)]
struct Layout {
    /// Numbers of four bytes behind the magic number and the version.
    numbers: u64,
    /// Whisper keeps the filters of its spectrogram before the vocabulary.
    filters: bool,
    /// The size of the vocabulary stands once more in front of it.
    counted: bool,
    /// Every token has a score.
    scores: bool,
}

/// Opens a file of one of the older formats.
pub(crate) fn open(opening: &Opening<'_>, budget: &mut Budget) -> Opened {
    let mut model = Model::new(&t::GGML);
    let mut cursor = Cursor::new(opening.blob);
    let outcome = match read(&mut cursor, &mut model, budget) {
        Ok(()) => Outcome::Analysed,
        Err(stop) => {
            if stop == Stop::End {
                defect(&mut model.defects, cursor.at..cursor.len(), "is cut off");
            }
            Outcome::Partly {
                why: stop.why("its list of tensors"),
            }
        }
    };
    model.opened(Vec::new(), outcome, opening)
}

fn read(cursor: &mut Cursor<'_>, model: &mut Model, budget: &mut Budget) -> Result<(), Stop> {
    let magic = cursor.u32()?;
    let name = match magic {
        0x6767_6d6c => "GGML",
        0x6767_6d66 => "GGMF",
        0x6767_6a74 => "GGJT",
        _ => "GGLA",
    };
    model.metadata.push(("layout".to_owned(), name.to_owned()));
    if name != "GGML" {
        let version = cursor.u32()?;
        model.metadata.push(("version".to_owned(), version.to_string()));
    }
    let start = cursor.at;
    let alignment = if matches!(name, "GGJT" | "GGLA") { 32 } else { 1 };
    if name == "GGLA" {
        cursor.skip(8)?;
        return tensors(cursor, model, alignment, budget);
    }
    for layout in layouts(name) {
        cursor.at = start;
        match vocabulary(cursor, layout, budget) {
            Ok(tokens) if begins_tensor(cursor) => {
                model.metadata.push(("vocabulary".to_owned(), tokens.to_string()));
                return tensors(cursor, model, alignment, budget);
            }
            Err(stop @ (Stop::Exhausted(_) | Stop::Failed(_))) => return Err(stop),
            _ => {}
        }
    }
    cursor.at = start;
    Err(Stop::Lost(
        "its layout is none that is known, so its tensors are not listed".to_owned(),
    ))
}

/// The layouts of llama.cpp first, then those of the examples of ggml.
fn layouts(name: &str) -> Vec<Layout> {
    let scores = name != "GGML";
    let mut all = vec![Layout {
        numbers: 7,
        filters: false,
        counted: false,
        scores,
    }];
    for numbers in 5..=12 {
        for counted in [true, false] {
            all.push(Layout {
                numbers,
                filters: false,
                counted,
                scores: false,
            });
        }
    }
    all.push(Layout {
        numbers: 11,
        filters: true,
        counted: true,
        scores: false,
    });
    all
}

/// Goes over the vocabulary and says how many tokens it has.
fn vocabulary(cursor: &mut Cursor<'_>, layout: Layout, budget: &mut Budget) -> Result<u32, Stop> {
    let unlikely = || Stop::Lost(String::new());
    let mut count = cursor.u32()?;
    cursor.skip(layout.numbers.saturating_sub(1).saturating_mul(4))?;
    if layout.filters {
        let (mel, fft) = (u64::from(cursor.u32()?), u64::from(cursor.u32()?));
        if mel > 4096 || fft > 1 << 16 {
            return Err(unlikely());
        }
        cursor.skip(mel.saturating_mul(fft).saturating_mul(4))?;
    }
    if layout.counted {
        let again = cursor.u32()?;
        // Whisper adds tokens that it does not write.
        if again > count || again == 0 || (!layout.filters && again != count) {
            return Err(unlikely());
        }
        count = again;
    }
    if count == 0 || count > MAX_VOCABULARY {
        return Err(unlikely());
    }
    for _ in 0..count {
        budget.steps(1)?;
        let length = u64::from(cursor.u32()?);
        if length > MAX_NAME {
            return Err(unlikely());
        }
        cursor.skip(length)?;
        if layout.scores {
            cursor.skip(4)?;
        }
    }
    Ok(count)
}

/// Whether a tensor's header stands here.
fn begins_tensor(cursor: &mut Cursor<'_>) -> bool {
    let back = cursor.at;
    let mut fits = || -> Result<bool, Stop> {
        let (dims, name, kind) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
        Ok((1..=4).contains(&dims) && (1..=1024).contains(&name) && types::of(kind).is_some())
    };
    let fits = fits();
    cursor.at = back;
    fits.unwrap_or(false)
}

fn tensors(
    cursor: &mut Cursor<'_>,
    model: &mut Model,
    alignment: u64,
    budget: &mut Budget,
) -> Result<(), Stop> {
    while cursor.left() > 0 {
        if model.tensors.len() >= MAX_TENSORS {
            return Err(Stop::Lost(format!("it holds more than {MAX_TENSORS} tensors")));
        }
        let start = cursor.at;
        let (dims, length, id) = (cursor.u32()?, u64::from(cursor.u32()?), cursor.u32()?);
        if dims > 4 || length > MAX_NAME {
            let words = format!("no tensor begins behind the {} before", model.tensors.len());
            defect(&mut model.defects, start..cursor.at, words.clone());
            return Err(Stop::Lost(words));
        }
        let mut shape = Vec::new();
        for _ in 0..dims {
            shape.push(u64::from(cursor.u32()?));
        }
        let name = cursor.bytes(length, MAX_NAME, budget)?;
        let name = String::from_utf8_lossy(&name).into_owned();
        budget.memory(256)?;
        let data = aligned(cursor.at, alignment);
        let elements = shape.iter().try_fold(1_u64, |n, d| n.checked_mul(*d));
        let row = shape.first().copied().unwrap_or(1);
        let kind = types::of(id);
        let size = kind.zip(elements).and_then(|(k, n)| k.size(n, row));
        let Some(size) = size else {
            let words = format!("the size of tensor {} of type {id} cannot be told", code(&name));
            defect(&mut model.defects, start..cursor.at, words.clone());
            return Err(Stop::Lost(words));
        };
        cursor.at = data;
        let end = data.saturating_add(size);
        model.tensors.push(Tensor {
            name,
            dtype: kind.map_or("", |k| k.name).to_owned(),
            shape,
            bytes: data..end,
        });
        cursor.skip(size)?;
    }
    Ok(())
}
