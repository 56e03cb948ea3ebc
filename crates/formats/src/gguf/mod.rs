//! GGUF: the header, metadata and tensors of llama.cpp and its relatives.
//!
//! Runtimes read the counts of the header and allocate (CVE-2024-21836 and its siblings), take the last or the first of
//! two values of one key, and evaluate the chat templates of the metadata as Jinja (CVE-2024-34359). So counts are held
//! against the bytes there are before anything is kept, readers that differ are a defect, and every string that is a
//! template goes back to the queue.
//!
//! The one decision: nothing of a value is kept but its beginning and templates; a vocabulary of 250,000 tokens costs
//! its bytes once and no memory.

mod cursor;
mod ggml;
mod types;
mod value;

use crate::{
    bytes::{Source, is_zero},
    document::{Member, Opened, Role},
    format::table as t,
    identify,
    model::{Model, Opening},
    tensors::{Defect, DefectKind, Tensor, defect, defect_of},
};
use cursor::{Cursor, Stop};
pub(crate) use ggml::open as open_ggml;
use std::{collections::HashSet, ops::Range};
use value::{Kind, Value};
use wellhead_core::{Blob, Budget, Outcome, code};

/// Longest key that the specification allows.
const MAX_KEY: u64 = (1 << 16) - 1;
/// Dimensions that a tensor of ggml can have.
const MAX_DIMS: u32 = 4;
/// Alignment of tensors unless the metadata says otherwise.
const ALIGNMENT: u64 = 32;
/// Longest template that is handed on.
const MAX_TEMPLATE: u64 = 4 << 20;
/// Most templates that are handed on.
const MAX_TEMPLATES: usize = 64;
/// Most metadata that are kept to be shown.
const MAX_SHOWN: usize = 4096;
/// What one tensor or key costs to remember.
const ENTRY: u64 = 192;

/// Opens a GGUF file.
pub(crate) fn open(opening: &Opening<'_>, budget: &mut Budget) -> Opened {
    let mut reader = Reader {
        cursor: Cursor::new(opening.blob),
        model: Model::new(&t::GGUF),
        members: Vec::new(),
        wide: true,
        alignment: ALIGNMENT,
        // An archive at the end is a second reading of the file, which goes back to the queue as such.
        has_archive: opening
            .identity
            .polyglot
            .iter()
            .any(|l| identify::is_zip(l.format)),
        part: "its header",
    };
    let outcome = match reader.file(budget) {
        Ok(()) => Outcome::Analysed,
        Err(stop) => {
            let at = reader.cursor.at;
            if stop == Stop::End {
                let words = format!("{} is cut off", reader.part);
                defect(&mut reader.model.defects, at..reader.cursor.len(), words);
            }
            Outcome::Partly {
                why: stop.why(reader.part),
            }
        }
    };
    let Reader { model, members, .. } = reader;
    model.opened(members, outcome, opening)
}

/// A tensor as the header describes it.
struct Described {
    tensor: Tensor,
    /// Where its description lies.
    place: Range<u64>,
}

struct Reader<'a> {
    cursor: Cursor<'a>,
    model: Model,
    members: Vec<Member>,
    /// Lengths take eight bytes, as they do from version 2 on.
    wide: bool,
    alignment: u64,
    has_archive: bool,
    /// What is being read, for the reason if it ends.
    part: &'static str,
}

impl Reader<'_> {
    fn file(&mut self, budget: &mut Budget) -> Result<(), Stop> {
        self.cursor.skip(4)?;
        let version = self.version()?;
        let (tensors, pairs) = (self.length()?, self.length()?);
        self.model
            .metadata
            .push(("version".to_owned(), format!("{version}, {}", self.order())));
        // The smallest pair is an empty key, a type and a byte; the smallest tensor an empty name without dimensions.
        let (pair, tensor) = if self.wide { (13, 24) } else { (9, 16) };
        for (count, size, what) in [(pairs, pair, "metadata"), (tensors, tensor, "tensors")] {
            if count.saturating_mul(size) > self.cursor.left() {
                let words = format!(
                    "its header counts {count} {what}, and {} bytes follow",
                    self.cursor.left()
                );
                defect(&mut self.model.defects, 0..self.cursor.at, words.clone());
                return Err(Stop::Lost(words));
            }
        }
        self.part = "its metadata";
        self.metadata(pairs, budget)?;
        self.part = "its list of tensors";
        let described = self.tensors(tensors, budget)?;
        self.part = "its tensors";
        self.account(described, budget)
    }

    fn order(&self) -> &'static str {
        if self.cursor.big {
            "high byte first"
        } else {
            "low byte first"
        }
    }

    /// The version tells the byte order as well: no version has its high bytes set.
    fn version(&mut self) -> Result<u32, Stop> {
        let mut version = self.cursor.u32()?;
        if version & 0xffff == 0 {
            self.cursor.big = true;
            version = version.swap_bytes();
        }
        self.wide = version != 1;
        if !(1..=3).contains(&version) {
            let words = format!("its version is {version}, and 1 to 3 are known");
            defect(&mut self.model.defects, 4..8, words.clone());
            return Err(Stop::Lost(words));
        }
        Ok(version)
    }

    fn length(&mut self) -> Result<u64, Stop> {
        if self.wide {
            self.cursor.u64()
        } else {
            self.cursor.u32().map(u64::from)
        }
    }

    /// A string, of which at most `keep` bytes are handed out; and its whole length.
    fn string(&mut self, keep: u64, budget: &mut Budget) -> Result<(Vec<u8>, u64), Stop> {
        let length = self.length()?;
        Ok((self.cursor.bytes(length, keep, budget)?, length))
    }

    fn metadata(&mut self, pairs: u64, budget: &mut Budget) -> Result<(), Stop> {
        let mut seen = HashSet::new();
        for _ in 0..pairs {
            let start = self.cursor.at;
            let (key, length) = self.string(MAX_KEY, budget)?;
            let key = String::from_utf8_lossy(&key).into_owned();
            if length > MAX_KEY {
                let words = format!("a key is {length} bytes long, more than {MAX_KEY}");
                defect(&mut self.model.defects, start..self.cursor.at, words);
            }
            let place = start..self.cursor.at;
            let kind = self.cursor.u32()?;
            let value = self.value(&key, kind, 0, budget)?;
            budget.memory(ENTRY.saturating_add(key.len() as u64))?;
            self.take(&key, &value, place.clone());
            if !seen.insert(key.clone()) {
                let words = format!("the key {} stands twice", code(&key));
                defect_of(&mut self.model.defects, DefectKind::Ambiguous, place, words);
            }
            if self.model.metadata.len() < MAX_SHOWN {
                self.model.metadata.push((key, value.shown()));
            }
        }
        Ok(())
    }

    /// What a key of the specification means for the rest of the file.
    fn take(&mut self, key: &str, value: &Value, place: Range<u64>) {
        match (key, value) {
            ("general.alignment", Value::Number(n)) => match u64::try_from(*n) {
                // Readers differ on what is a multiple of eight only; all demand a power of two or fail.
                Ok(n) if n.is_power_of_two() && n <= 1 << 20 => self.alignment = n,
                _ => {
                    let words = format!("its alignment is {n}, which is no power of two");
                    defect(&mut self.model.defects, place, words);
                }
            },
            ("general.alignment", _) => {
                defect(&mut self.model.defects, place, "its alignment is no number");
            }
            _ => {}
        }
    }

    fn value(&mut self, key: &str, kind: u32, depth: u32, budget: &mut Budget) -> Result<Value, Stop> {
        let Some(kind) = Kind::of(kind) else {
            let words = format!("the value of {} has the unknown type {kind}", code(key));
            let at = self.cursor.at;
            defect(&mut self.model.defects, at.saturating_sub(4)..at, words.clone());
            return Err(Stop::Lost(words));
        };
        budget.steps(1)?;
        Ok(match kind {
            Kind::Number { bytes, signed } => Value::Number(self.number(bytes, signed)?),
            Kind::F32 => Value::Float(f32::from_bits(self.cursor.u32()?).into()),
            Kind::F64 => Value::Float(f64::from_bits(self.cursor.u64()?)),
            Kind::Bool => self.truth(key)?,
            Kind::String => self.text(key, budget)?,
            Kind::Array => self.list(key, depth, budget)?,
        })
    }

    fn number(&mut self, bytes: u8, signed: bool) -> Result<i128, Stop> {
        Ok(match (bytes, signed) {
            (1, false) => self.cursor.u8()?.into(),
            (1, true) => self.cursor.u8()?.cast_signed().into(),
            (2, false) => self.cursor.u16()?.into(),
            (2, true) => self.cursor.u16()?.cast_signed().into(),
            (4, false) => self.cursor.u32()?.into(),
            (4, true) => self.cursor.u32()?.cast_signed().into(),
            (_, false) => self.cursor.u64()?.into(),
            (_, true) => self.cursor.u64()?.cast_signed().into(),
        })
    }

    fn truth(&mut self, key: &str) -> Result<Value, Stop> {
        let at = self.cursor.at;
        let byte = self.cursor.u8()?;
        if byte > 1 {
            let words = format!("the truth value of {} is {byte}, neither 0 nor 1", code(key));
            defect(&mut self.model.defects, at..at.saturating_add(1), words);
        }
        Ok(Value::Bool(byte != 0))
    }

    fn text(&mut self, key: &str, budget: &mut Budget) -> Result<Value, Stop> {
        let start = self.cursor.at;
        let (bytes, length) = self.string(MAX_TEMPLATE, budget)?;
        let text = String::from_utf8_lossy(&bytes);
        let named = key.contains("chat_template");
        if named || is_template(&text) {
            if length > MAX_TEMPLATE {
                let words = format!("the template {} is {length} bytes long", code(key));
                defect(&mut self.model.defects, start..self.cursor.at, words);
            }
            self.template(key, &bytes, budget)?;
        }
        Ok(Value::text(&text, length))
    }

    /// Hands a template on.
    fn template(&mut self, key: &str, bytes: &[u8], budget: &mut Budget) -> Result<(), Stop> {
        if self.members.len() >= MAX_TEMPLATES {
            return Err(Stop::Lost(format!(
                "it holds more than {MAX_TEMPLATES} templates"
            )));
        }
        budget.memory(bytes.len() as u64)?;
        let twins = self.members.iter().filter(|m| m.name.starts_with(key)).count();
        let taken = self.members.iter().any(|m| m.name == key);
        let name = if taken {
            format!("{key} ({})", twins.saturating_add(1))
        } else {
            key.to_owned()
        };
        self.members
            .push(Member::decoded(name, Role::As(&t::JINJA), bytes));
        Ok(())
    }

    fn list(&mut self, key: &str, depth: u32, budget: &mut Budget) -> Result<Value, Stop> {
        let start = self.cursor.at;
        let kind = self.cursor.u32()?;
        let length = self.length()?;
        let known = Kind::of(kind);
        let least = known.map_or(1, |k| k.least(self.wide));
        if length.saturating_mul(least) > self.cursor.left() {
            let words = format!(
                "the array of {} counts {length} elements, and {} bytes follow",
                code(key),
                self.cursor.left()
            );
            defect(&mut self.model.defects, start..self.cursor.at, words.clone());
            return Err(Stop::Lost(words));
        }
        if depth >= 4 {
            return Err(Stop::Lost(format!("the arrays of {} nest too deep", code(key))));
        }
        if depth == 1 {
            let words = format!("the array of {} holds arrays, which readers refuse", code(key));
            defect(&mut self.model.defects, start..self.cursor.at, words);
        }
        match known {
            Some(Kind::String) => {
                for i in 0..length {
                    let (bytes, whole) = self.string(MAX_TEMPLATE, budget)?;
                    // Tokens are short and may be braces themselves.
                    if whole > 64 && is_template(&String::from_utf8_lossy(&bytes)) {
                        self.template(&format!("{key}[{i}]"), &bytes, budget)?;
                    }
                }
            }
            Some(k) if k != Kind::Array => {
                budget.steps(1)?;
                self.cursor.skip(length.saturating_mul(least))?;
            }
            _ => {
                for _ in 0..length {
                    self.value(key, kind, depth.saturating_add(1), budget)?;
                }
            }
        }
        Ok(Value::Array {
            of: known.map_or("unknown", Kind::name),
            length,
        })
    }

    fn tensors(&mut self, count: u64, budget: &mut Budget) -> Result<Vec<Described>, Stop> {
        let mut out = Vec::new();
        let mut seen = HashSet::new();
        for _ in 0..count {
            let start = self.cursor.at;
            let (name, length) = self.string(MAX_KEY, budget)?;
            let name = String::from_utf8_lossy(&name).into_owned();
            budget.memory(ENTRY.saturating_add((name.len() as u64).saturating_mul(2)))?;
            let described = self.tensor(name, start)?;
            let (name, place) = (&described.tensor.name, described.place.clone());
            // ggml keeps 64 bytes for a name; a longer one is cut by some readers and refused by others.
            if length >= 64 {
                let words = format!("the name of tensor {} is {length} bytes long", code(name));
                defect(&mut self.model.defects, place.clone(), words);
            }
            if !seen.insert(name.clone()) {
                let words = format!("the tensor {} stands twice", code(name));
                defect_of(&mut self.model.defects, DefectKind::Ambiguous, place, words);
            }
            out.push(described);
        }
        Ok(out)
    }

    /// A tensor's description; its bytes are relative to the data section yet.
    fn tensor(&mut self, name: String, start: u64) -> Result<Described, Stop> {
        let dims = self.cursor.u32()?;
        if dims > 64 {
            let words = format!("tensor {} has {dims} dimensions", code(&name));
            defect(&mut self.model.defects, start..self.cursor.at, words.clone());
            return Err(Stop::Lost(words));
        }
        let mut shape = Vec::new();
        for _ in 0..dims {
            shape.push(self.length()?);
        }
        let id = self.cursor.u32()?;
        let offset = self.cursor.u64()?;
        let place = start..self.cursor.at;
        let mut wrong = |words: String| {
            let words = format!("tensor {} {words}", code(&name));
            defect(&mut self.model.defects, place.clone(), words);
        };
        if dims > MAX_DIMS {
            wrong(format!("has {dims} dimensions, more than {MAX_DIMS}"));
        }
        let kind = types::of(id);
        let elements = shape
            .iter()
            .try_fold(1_u64, |n, d| n.checked_mul(*d))
            .filter(|n| i64::try_from(*n).is_ok());
        let row = shape.first().copied().unwrap_or(1);
        let size = match (kind, elements) {
            (None, _) => {
                wrong(format!("has the unknown type {id}"));
                None
            }
            (_, None) => {
                wrong("has more elements than can be counted".to_owned());
                None
            }
            (Some(kind), Some(elements)) => {
                if kind.removed {
                    wrong(format!("has the type {}, which was given up", kind.name));
                }
                let size = kind.size(elements, row);
                if size.is_none() {
                    wrong(format!(
                        "has rows of {row}, no multiple of the {} that {} needs",
                        kind.block, kind.name
                    ));
                }
                size
            }
        };
        Ok(Described {
            tensor: Tensor {
                name,
                dtype: kind.map_or_else(|| format!("type {id}"), |k| k.name.to_owned()),
                shape,
                bytes: offset..offset.saturating_add(size.unwrap_or(0)),
            },
            place,
        })
    }

    /// Holds the tensors against the bytes behind the header.
    fn account(&mut self, mut described: Vec<Described>, budget: &mut Budget) -> Result<(), Stop> {
        let data = aligned(self.cursor.at, self.alignment);
        let end = self.cursor.len();
        budget.steps((described.len() as u64).saturating_mul(8))?;
        let defects = &mut self.model.defects;
        for d in &mut described {
            let name = code(&d.tensor.name);
            if !d.tensor.bytes.start.is_multiple_of(self.alignment) {
                let words = format!("tensor {name} does not begin at a multiple of {}", self.alignment);
                defect(defects, d.place.clone(), words);
            }
            let length = d.tensor.bytes.end.saturating_sub(d.tensor.bytes.start);
            let start = data.saturating_add(d.tensor.bytes.start);
            d.tensor.bytes = start..start.saturating_add(length);
            if start > end || d.tensor.bytes.end > end {
                let behind = d.tensor.bytes.end.max(start).saturating_sub(end);
                let words = format!("tensor {name} ends {behind} bytes behind the file");
                defect(defects, d.place.clone(), words);
            }
        }
        let loose = loose_bytes(&described, data, self.alignment, &self.cursor, defects);
        for rest in loose {
            let found = identify::glance(&rest.1).filter(|f| !(self.has_archive && identify::is_zip(f)));
            if found.is_some() && self.members.len() < MAX_TEMPLATES.saturating_mul(2) {
                let mut member = Member::stored(format!("bytes at {:#x}", rest.0), Role::Plain, rest.1);
                member.hidden = true;
                self.members.push(member);
            }
        }
        self.model.tensors = described.into_iter().map(|d| d.tensor).collect();
        Ok(())
    }
}

/// Names tensors that share bytes, and bytes that belong to none; hands out these.
fn loose_bytes(
    described: &[Described],
    data: u64,
    alignment: u64,
    cursor: &Cursor<'_>,
    defects: &mut Vec<Defect>,
) -> Vec<(u64, Blob)> {
    let end = cursor.len();
    let mut order: Vec<&Described> = described.iter().collect();
    order.sort_by_key(|d| (d.tensor.bytes.start, d.tensor.bytes.end));
    let (mut at, mut last) = (data.min(end), "");
    let mut loose = Vec::new();
    for d in order {
        let bytes = &d.tensor.bytes;
        if bytes.start < at && bytes.end > bytes.start {
            let words = format!("tensors {} and {} share bytes", code(last), code(&d.tensor.name));
            defect_of(defects, DefectKind::Ambiguous, d.place.clone(), words);
        } else if bytes.start > at && at < end {
            loose.push((at..bytes.start.min(end), "between its tensors"));
        }
        if bytes.end > at {
            at = aligned(bytes.end, alignment);
            last = &d.tensor.name;
        }
    }
    if at < end {
        let place = if described.is_empty() {
            "behind its metadata"
        } else {
            "behind its last tensor"
        };
        loose.push((at..end, place));
    }
    let mut out = Vec::new();
    for (bytes, place) in loose {
        let size = bytes.end.saturating_sub(bytes.start);
        // Writers pad; zeros hide nothing.
        if is_zero(&mut Source::new(cursor.blob()), bytes.start, bytes.end, 1 << 20) {
            continue;
        }
        let words = format!("{size} bytes {place} belong to none");
        defect_of(defects, DefectKind::Smuggled, bytes.clone(), words);
        out.push((bytes.start, cursor.blob().slice(bytes.start, size)));
    }
    out
}

/// The next place that tensors may begin at.
fn aligned(at: u64, alignment: u64) -> u64 {
    at.checked_next_multiple_of(alignment).unwrap_or(u64::MAX)
}

/// Whether a text has a statement or an expression of Jinja in it.
fn is_template(text: &str) -> bool {
    let pair = |open: &str, close: &str| {
        text.split_once(open)
            .is_some_and(|(_, rest)| rest.contains(close))
    };
    pair("{%", "%}") || pair("{{", "}}")
}

#[cfg(test)]
mod tests;
