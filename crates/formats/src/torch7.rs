//! Torch7: Lua objects as `torch.save` wrote them, in bytes or as text.
//!
//! Loading a function hands its bytecode to Lua, which does not verify it, and whoever uses the model calls it. So
//! functions are what is looked for; tables, tensors and the objects of classes are walked to find them.

use crate::{
    bytes::{Pages, array_at},
    document::Opened,
    graph::{Framework, Graph, Operator, Place},
    model::{Model, Opening},
    tensors::{Tensor, defect},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use wellhead_core::{Budget, Exhausted, Outcome};

/// Longest text that is kept.
const MAX_TEXT: usize = 256;
/// Longest white space between words; Torch7 writes one byte.
const MAX_BLANKS: u64 = 64 << 10;
/// How much of a function's bytecode is looked through for names.
const MAX_CODE: usize = 1 << 20;
/// Most names that are kept of a function, and functions of a file.
const MAX_NAMES: usize = 64;
const MAX_FUNCTIONS: u64 = 1000;
const MAX_RANK: u64 = 32;

/// Opens the file.
pub(crate) fn open(opening: &Opening<'_>, budget: &mut Budget) -> Opened {
    let mut model = Model::new(opening.identity.format);
    model.graph = Graph::new(Framework::Torch7);
    let mut reader = Reader {
        pages: Pages::new(opening.blob),
        at: 0,
        len: opening.blob.len(),
        text: is_text(&opening.blob.bytes(0, 8).unwrap_or_default()),
        seen: BTreeSet::new(),
        tasks: vec![Task::Object("".into())],
        key: String::new(),
        classes: BTreeMap::new(),
        functions: 0,
        blanks: 0,
    };
    let end = reader.run(&mut model, budget);
    let written = if reader.text { "text" } else { "binary" };
    model.metadata.push(("encoding".to_owned(), written.to_owned()));
    for (class, count) in reader.classes.iter().take(200) {
        model
            .metadata
            .push(("class".to_owned(), format!("{class}: {count}")));
    }
    let outcome = match (end, reader.pages.failed()) {
        (_, Some(why)) => Outcome::Partly {
            why: format!("could not be read: {why}"),
        },
        (Err(Stop::Cut(why)), None) => Outcome::Partly { why },
        (Err(Stop::Damaged(why)), None) => {
            let at = reader.at.min(reader.len);
            defect(&mut model.defects, at..reader.len, why);
            Outcome::Partly {
                why: format!("damaged: {why}"),
            }
        }
        (Ok(()), None) => Outcome::Analysed,
    };
    model.opened(Vec::new(), outcome, opening)
}

/// Whether bytes begin as such a file does: an object of a class, a table of sound keys, or a function.
pub(crate) fn is_one(head: &[u8]) -> bool {
    let word = |i: usize| array_at(head, i).map(u32::from_le_bytes);
    let lua = |at: usize| head.get(at..).is_some_and(|r| r.starts_with(b"\x1bL"));
    match word(0) {
        Some(4) => word(8) == Some(3) && head.get(12..15) == Some(b"V 1"),
        Some(3) => {
            let entries = word(8).unwrap_or(0);
            word(4) == Some(1) && (1..1 << 16).contains(&entries) && matches!(word(12), Some(1 | 2))
        }
        Some(6) => lua(8),
        Some(7 | 8) => lua(12),
        _ => {
            let text = std::str::from_utf8(head.get(..16).unwrap_or(head)).unwrap_or_default();
            text.starts_with("4\n1\n3\nV 1\n")
        }
    }
}

fn is_text(head: &[u8]) -> bool {
    matches!(head, [b'0'..=b'8', b'\n', ..])
}

enum Stop {
    Damaged(&'static str),
    Cut(String),
}

impl From<Exhausted> for Stop {
    fn from(why: Exhausted) -> Self {
        Self::Cut(why.to_string())
    }
}

const ENDS: Stop = Stop::Damaged("ends within an object");

enum Task {
    /// An object, at the end of that way.
    Object(Arc<str>),
    /// As many keys and values.
    Entries(u32, Arc<str>),
    /// The value of the key that was read last.
    Value(Arc<str>),
    Key(Arc<str>),
}

struct Reader<'a> {
    pages: Pages<'a>,
    at: u64,
    len: u64,
    text: bool,
    /// Numbers of the objects that were read; further mentions only name them.
    seen: BTreeSet<u32>,
    tasks: Vec<Task>,
    key: String,
    classes: BTreeMap<String, u64>,
    functions: u64,
    /// White space that was passed over and is not paid for yet.
    blanks: u64,
}

impl Reader<'_> {
    fn run(&mut self, model: &mut Model, budget: &mut Budget) -> Result<(), Stop> {
        while let Some(task) = self.tasks.pop() {
            // What was passed over since the last task is paid now.
            let blanks = std::mem::take(&mut self.blanks);
            budget.steps(blanks.saturating_add(4))?;
            // What waits is bounded by the bytes that were read.
            budget.memory(64)?;
            match task {
                Task::Object(path) => self.object(&path, model, budget)?,
                Task::Entries(0, _) => {}
                Task::Entries(count, path) => {
                    let left = count.saturating_sub(1);
                    self.tasks.push(Task::Entries(left, Arc::clone(&path)));
                    self.tasks.push(Task::Value(Arc::clone(&path)));
                    self.tasks.push(Task::Key(path));
                }
                Task::Key(path) => {
                    self.key = "?".to_owned();
                    self.object(&path, model, budget)?;
                }
                Task::Value(path) => {
                    let below = if path.len() > MAX_TEXT {
                        path
                    } else if path.is_empty() {
                        self.key.as_str().into()
                    } else {
                        format!("{path}/{}", self.key).into()
                    };
                    self.object(&below, model, budget)?;
                }
            }
            budget.release(64);
            if self.tasks.len() > 1_000_000 {
                return Err(Stop::Cut("nests too deep".to_owned()));
            }
        }
        Ok(())
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let bytes = array_at(self.pages.get(self.at, N), 0).ok_or(ENDS)?;
        self.at = self.at.saturating_add(N as u64);
        Ok(bytes)
    }

    /// The next word of a file that is text; its line end stays.
    fn word(&mut self) -> Result<String, Stop> {
        let mut word = String::new();
        let start = self.at;
        while let Some(byte) = self.pages.get(self.at, 1).first().copied() {
            if byte.is_ascii_whitespace() {
                if !word.is_empty() {
                    break;
                }
                self.blanks = self.blanks.saturating_add(1);
                if self.at.saturating_sub(start) > MAX_BLANKS {
                    return Err(Stop::Damaged("holds white space without an end"));
                }
            } else if word.len() > 64 {
                return Err(Stop::Damaged("holds a word that is no number"));
            } else {
                word.push(char::from(byte));
            }
            self.at = self.at.saturating_add(1);
        }
        if word.is_empty() { Err(ENDS) } else { Ok(word) }
    }

    fn number(&mut self) -> Result<i64, Stop> {
        let wrong = Stop::Damaged("holds a word where a number is due");
        self.word()?.parse().map_err(|_| wrong)
    }

    fn int(&mut self) -> Result<u32, Stop> {
        let value = if self.text {
            self.number()?
        } else {
            i64::from(i32::from_le_bytes(self.fixed()?))
        };
        u32::try_from(value).map_err(|_| Stop::Damaged("holds a count below zero"))
    }

    fn long(&mut self) -> Result<u64, Stop> {
        let value = if self.text {
            self.number()?
        } else {
            i64::from_le_bytes(self.fixed()?)
        };
        u64::try_from(value).map_err(|_| Stop::Damaged("holds a count below zero"))
    }

    /// Passes over `count` numbers of `size` bytes each.
    fn skip(&mut self, count: u64, size: u64, budget: &mut Budget) -> Result<std::ops::Range<u64>, Stop> {
        let start = self.at;
        if self.text {
            for _ in 0..count {
                self.word()?;
                let blanks = std::mem::take(&mut self.blanks);
                budget.steps(blanks.saturating_add(4))?;
            }
        } else {
            let end = count.checked_mul(size).and_then(|n| n.checked_add(self.at));
            self.at = end.filter(|end| *end <= self.len).ok_or(ENDS)?;
        }
        Ok(start..self.at)
    }

    /// A length, then as many characters; where they are.
    fn characters(&mut self) -> Result<std::ops::Range<u64>, Stop> {
        let length = u64::from(self.int()?);
        if self.text {
            // One line end stands between them.
            self.at = self.at.saturating_add(1);
        }
        let end = self
            .at
            .checked_add(length)
            .filter(|end| *end <= self.len)
            .ok_or(ENDS)?;
        let range = self.at..end;
        self.at = end;
        Ok(range)
    }

    fn string(&mut self) -> Result<String, Stop> {
        let range = self.characters()?;
        let wanted = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let bytes = self.pages.get(range.start, wanted.min(MAX_TEXT));
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    /// Whether the object of that number is new.
    fn is_new(&mut self, budget: &mut Budget) -> Result<bool, Stop> {
        let index = self.int()?;
        budget.memory(24)?;
        Ok(self.seen.insert(index))
    }

    fn object(&mut self, path: &Arc<str>, model: &mut Model, budget: &mut Budget) -> Result<(), Stop> {
        match self.int()? {
            0 => {}
            1 => {
                self.key = if self.text {
                    self.word()?
                } else {
                    f64::from_le_bytes(self.fixed()?).to_string()
                };
            }
            2 => self.key = self.string()?,
            5 => {
                self.int()?;
            }
            3 => {
                if self.is_new(budget)? {
                    let entries = self.int()?;
                    self.tasks.push(Task::Entries(entries, Arc::clone(path)));
                }
            }
            4 => {
                if self.is_new(budget)? {
                    self.class(path, model, budget)?;
                }
            }
            6 => self.function(path, model, budget)?,
            7 | 8 => {
                if self.is_new(budget)? {
                    self.function(path, model, budget)?;
                }
            }
            _ => {
                return Err(Stop::Damaged(
                    "holds an object of a type that Torch7 does not have",
                ));
            }
        }
        Ok(())
    }

    fn class(&mut self, path: &Arc<str>, model: &mut Model, budget: &mut Budget) -> Result<(), Stop> {
        let version = self.string()?;
        // Before there were versions the name of the class stood here.
        let class = if version.starts_with("V ") {
            self.string()?
        } else {
            version
        };
        budget.memory(class.len() as u64)?;
        if self.classes.len() < 1000 {
            let count = self.classes.entry(class.clone()).or_insert(0);
            *count = count.saturating_add(1);
        }
        let short = class.strip_prefix("torch.").unwrap_or("");
        if let Some(kind) = short.strip_suffix("Storage") {
            let count = self.long()?;
            let size = element(kind).ok_or(Stop::Damaged("holds numbers of an unknown type"))?;
            let bytes = self.skip(count, size, budget)?;
            if let Some(tensor) = model.tensors.last_mut().filter(|t| t.bytes.is_empty()) {
                tensor.bytes = bytes;
            }
            return Ok(());
        }
        if let Some(kind) = short.strip_suffix("Tensor").filter(|k| element(k).is_some()) {
            return self.tensor(kind, path, model, budget);
        }
        // All others are read as one object, their table.
        self.tasks.push(Task::Object(Arc::clone(path)));
        Ok(())
    }

    fn tensor(
        &mut self,
        kind: &str,
        path: &Arc<str>,
        model: &mut Model,
        budget: &mut Budget,
    ) -> Result<(), Stop> {
        let rank = u64::from(self.int()?);
        if rank > MAX_RANK {
            return Err(Stop::Damaged("holds a tensor of too many dimensions"));
        }
        let mut shape = Vec::new();
        for _ in 0..rank {
            shape.push(self.long()?);
        }
        for _ in 0..rank {
            if self.text {
                self.number()?;
            } else {
                self.fixed::<8>()?;
            }
        }
        self.long()?;
        budget.memory(256)?;
        model.tensors.push(Tensor {
            name: path.to_string(),
            dtype: kind.to_lowercase(),
            shape,
            bytes: 0..0,
        });
        self.tasks.push(Task::Object(Arc::clone(path)));
        Ok(())
    }

    /// Its code, then the values that it closes over.
    fn function(&mut self, path: &Arc<str>, model: &mut Model, budget: &mut Budget) -> Result<(), Stop> {
        let code = self.characters()?;
        let length = code.end.saturating_sub(code.start);
        let wanted = usize::try_from(length).unwrap_or(usize::MAX).min(MAX_CODE);
        budget.steps(wanted as u64)?;
        self.functions = self.functions.saturating_add(1);
        if self.functions <= MAX_FUNCTIONS {
            budget.memory(4096)?;
            let bytes = self.pages.get(code.start, wanted);
            let kind = match bytes {
                [0x1b, b'L', b'J', ..] => "LuaJIT bytecode",
                [0x1b, b'L', ..] => "Lua bytecode",
                _ => "Lua source",
            };
            let operator = Operator {
                domain: "function".to_owned(),
                name: kind.to_owned(),
                scope: path.to_string(),
                place: Place {
                    offset: code.start,
                    length,
                },
                attributes: names(bytes)
                    .into_iter()
                    .map(|name| ("name".to_owned(), name))
                    .collect(),
                ..Operator::default()
            };
            model.graph.operator_of_its_own(operator, budget)?;
        }
        self.tasks.push(Task::Object(Arc::clone(path)));
        Ok(())
    }
}

/// Bytes of a number of that type.
fn element(kind: &str) -> Option<u64> {
    Some(match kind.strip_prefix("Cuda").unwrap_or(kind) {
        "Byte" | "Char" => 1,
        "Short" | "Half" => 2,
        "Int" | "Float" | "" => 4,
        "Long" | "Double" => 8,
        _ => return None,
    })
}

/// The names and texts in a function's code, in order: the constants of bytecode stand there as they are.
fn names(code: &[u8]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    code.split(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'/')))
        .filter(|word| word.len() >= 2 && word.len() <= 64)
        .filter_map(|word| std::str::from_utf8(word).ok())
        .filter(|word| seen.insert(*word))
        .take(MAX_NAMES)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Document, OpenOptions, Role, assemble::assemble, format::table as t, identify, open};
    use proptest::prelude::*;
    use wellhead_core::Blob;

    fn show(bytes: Vec<u8>) -> String {
        let blob = Blob::from_bytes(bytes);
        let mut budget = Budget::default();
        let identity = identify("x.t7", Role::As(&t::TORCH7), &blob, &mut budget);
        let opened = open("x.t7", &identity, &blob, OpenOptions::default(), &mut budget);
        let Document::Model(model) = &opened.document else {
            return "nothing".to_owned();
        };
        let mut out = Vec::new();
        for o in &model.graph.operators {
            let names: Vec<_> = o.attributes.iter().map(|(_, v)| v.as_str()).collect();
            out.push(format!("{} in `{}`: {}", o.name, o.scope, names.join(" ")));
        }
        for t in &model.tensors {
            out.push(format!("{} {} {:?} {:?}", t.name, t.dtype, t.shape, t.bytes));
        }
        out.extend(
            model
                .metadata
                .iter()
                .filter(|(k, _)| k == "class")
                .map(|(_, v)| v.clone()),
        );
        out.extend(opened.outcome.why().map(str::to_owned));
        out.join("\n")
    }

    #[test]
    fn white_space_without_an_end_ends_the_file() {
        let mut bytes = b"4\n1\n3\nV 1\n".to_vec();
        bytes.resize(100_000, b' ');
        assert!(show(bytes).contains("white space"));
    }

    /// A network with one weight, and a function beside it.
    const MODEL: &str = "
        u32 4 1
        str32 V 1
        str32 nn.Linear
        u32 3 2 2
        u32 2
        str32 weight
        u32 4 3
        str32 V 1
        str32 torch.FloatTensor
        u32 2
        u64 1 2 2 1 1
        u32 4 4
        str32 V 1
        str32 torch.FloatStorage
        u64 2
        zeros 8
        u32 2
        str32 hook
        u32 8 5
        u32 15
        hex 1b 4c 4a 02
        text os
        hex 0c
        text execute
        hex 00
        u32 3 6 0";

    #[test]
    fn a_function_beside_the_weights_is_found() {
        let bytes = assemble("binary", MODEL).unwrap();
        assert!(is_one(&bytes));
        insta::assert_snapshot!(show(bytes), @r"
        LuaJIT bytecode in `hook`: LJ os execute
        weight float [1, 2] 179..187
        nn.Linear: 1
        torch.FloatStorage: 1
        torch.FloatTensor: 1
        ");
    }

    #[test]
    fn the_text_form_is_read() {
        let text =
            "4\n1\n3\nV 1\n12\nnn.Container\n3\n2\n2\n1\n1\n8\n3\n9\nos.exit()\n3\n4\n0\n2\n2\nup\n1\n2.5\n";
        assert!(is_one(text.as_bytes()));
        assert_eq!(
            show(text.as_bytes().to_vec()),
            "Lua source in `1`: os.exit\nnn.Container: 1"
        );
    }

    #[test]
    fn damage_is_named() {
        for (listing, expected) in [
            (
                "u32 9",
                "damaged: holds an object of a type that Torch7 does not have",
            ),
            ("u32 2 100", "damaged: ends within an object"),
            ("u32 3 1 0x7fffffff", "damaged: ends within an object"),
            ("u32 3 1 -1", "damaged: holds a count below zero"),
        ] {
            assert_eq!(show(assemble("binary", listing).unwrap()), expected, "{listing}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            words in proptest::collection::vec(0_u32..9, 0..100),
            text in "[0-9\\n V]{0,60}",
        ) {
            is_one(&bytes);
            show(bytes);
            show(words.iter().flat_map(|w| w.to_le_bytes()).collect());
            show(text.into_bytes());
        }
    }
}
