//! fastText: parameters, a dictionary, matrices. Reading one runs nothing.

use crate::{
    bytes::{Pages, array_at},
    document::Opened,
    model::{Model, Opening},
    tensors::{Tensor, defect},
};
use wellhead_core::{Budget, Exhausted, Outcome};

/// Longest word that the reader of fastText is known to meet.
const MAX_WORD: u64 = 1 << 20;

struct Reader<'a> {
    pages: Pages<'a>,
    at: u64,
    len: u64,
}

impl Reader<'_> {
    fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = array_at(self.pages.get(self.at, N), 0);
        self.at = self.at.checked_add(N as u64)?;
        bytes
    }

    fn int(&mut self) -> Option<i32> {
        self.fixed().map(i32::from_le_bytes)
    }

    fn long(&mut self) -> Option<i64> {
        self.fixed().map(i64::from_le_bytes)
    }

    fn skip(&mut self, count: u64, size: u64) -> Option<std::ops::Range<u64>> {
        let end = count.checked_mul(size)?.checked_add(self.at)?;
        let range = self.at..Some(end).filter(|end| *end <= self.len)?;
        self.at = end;
        Some(range)
    }

    /// Passes over a word and the zero behind it.
    fn word(&mut self, budget: &mut Budget) -> Result<Option<()>, Exhausted> {
        let start = self.at;
        loop {
            budget.steps(1)?;
            match self.fixed() {
                Some([0]) => return Ok(Some(())),
                Some(_) if self.at.saturating_sub(start) < MAX_WORD => {}
                _ => return Ok(None),
            }
        }
    }
}

/// Opens the file.
pub(crate) fn open(opening: &Opening<'_>, budget: &mut Budget) -> Opened {
    let mut model = Model::new(opening.identity.format);
    let mut reader = Reader {
        pages: Pages::new(opening.blob),
        at: 4,
        len: opening.blob.len(),
    };
    let read = read(&mut reader, &mut model, budget);
    let outcome = match (read, reader.pages.failed()) {
        (_, Some(why)) => Outcome::Partly {
            why: format!("could not be read: {why}"),
        },
        (Err(why), None) => Outcome::Partly { why: why.to_string() },
        (Ok(Some(())), None) => Outcome::Analysed,
        (Ok(None), None) => {
            let at = reader.at.min(reader.len);
            defect(
                &mut model.defects,
                at..reader.len,
                "is cut off, or its counts are wrong",
            );
            Outcome::Partly {
                why: "damaged: is cut off, or its counts are wrong".to_owned(),
            }
        }
    };
    model.opened(Vec::new(), outcome, opening)
}

fn read(reader: &mut Reader<'_>, model: &mut Model, budget: &mut Budget) -> Result<Option<()>, Exhausted> {
    if facts(reader, model).is_none() {
        return Ok(None);
    }
    let Some((words, pruned)) = dictionary(reader, model) else {
        return Ok(None);
    };
    for _ in 0..words {
        if reader.word(budget)?.is_none() || reader.skip(1, 9).is_none() {
            return Ok(None);
        }
    }
    Ok(matrices(reader, model, pruned))
}

fn facts(reader: &mut Reader<'_>, model: &mut Model) -> Option<()> {
    let names = [
        "version",
        "dimension",
        "window",
        "epochs",
        "minimum count",
        "negatives",
        "word n-grams",
        "loss",
        "model",
        "buckets",
        "shortest n-gram",
        "longest n-gram",
        "rate of updates",
    ];
    for name in names {
        let value = reader.int()?;
        let value = match (name, value) {
            ("loss", 1) => "hierarchical softmax".to_owned(),
            ("loss", 2) => "negative sampling".to_owned(),
            ("loss", 3) => "softmax".to_owned(),
            ("model", 1) => "cbow".to_owned(),
            ("model", 2) => "skipgram".to_owned(),
            ("model", 3) => "supervised".to_owned(),
            _ => value.to_string(),
        };
        model.metadata.push((name.to_owned(), value));
    }
    reader.skip(1, 8)?;
    Some(())
}

/// How many entries the dictionary has, and how many of its hashes were pruned.
fn dictionary(reader: &mut Reader<'_>, model: &mut Model) -> Option<(u64, u64)> {
    let size = u64::try_from(reader.int()?).ok()?;
    let words = reader.int()?;
    let labels = reader.int()?;
    reader.long()?;
    let pruned = u64::try_from(reader.long()?).unwrap_or(0);
    // Each takes a zero, a count and a kind.
    if size > reader.len / 10 {
        return None;
    }
    model.metadata.push(("words".to_owned(), words.to_string()));
    model.metadata.push(("labels".to_owned(), labels.to_string()));
    Some((size, pruned))
}

fn matrices(reader: &mut Reader<'_>, model: &mut Model, pruned: u64) -> Option<()> {
    reader.skip(pruned, 8)?;
    for name in ["input", "output"] {
        let [quantised] = reader.fixed()?;
        if quantised != 0 {
            model
                .metadata
                .push((format!("{name} matrix"), "quantised".to_owned()));
            quantised_matrix(reader, name, model)?;
            continue;
        }
        let rows = u64::try_from(reader.long()?).ok()?;
        let columns = u64::try_from(reader.long()?).ok()?;
        let bytes = reader.skip(rows.checked_mul(columns)?, 4)?;
        model.tensors.push(Tensor {
            name: name.to_owned(),
            dtype: "float32".to_owned(),
            shape: vec![rows, columns],
            bytes,
        });
    }
    Some(())
}

/// Norms apart or not, sizes, codes, then the quantiser with its centroids.
fn quantised_matrix(reader: &mut Reader<'_>, name: &str, model: &mut Model) -> Option<()> {
    let [norms] = reader.fixed()?;
    let rows = u64::try_from(reader.long()?).ok()?;
    let columns = u64::try_from(reader.long()?).ok()?;
    let codes = u64::try_from(reader.int()?).ok()?;
    let bytes = reader.skip(codes, 1)?;
    model.tensors.push(Tensor {
        name: name.to_owned(),
        dtype: "uint8 codes".to_owned(),
        shape: vec![rows, columns],
        bytes,
    });
    quantiser(reader)?;
    if norms != 0 {
        reader.skip(rows, 1)?;
        quantiser(reader)?;
    }
    Some(())
}

/// Dimension, parts, their sizes, then 256 centroids of the dimension.
fn quantiser(reader: &mut Reader<'_>) -> Option<()> {
    let dimension = u64::try_from(reader.int()?).ok()?;
    reader.skip(3, 4)?;
    reader.skip(dimension.checked_mul(256)?, 4)?;
    Some(())
}
