//! Python bytecode: what a compiled module or a function in a model imports and calls.
//!
//! Bytecode comes as a file (`.pyc`: a header, then a marshalled code object) and as bytes in a model (Keras marshals the
//! function of a layer, without a header that says for which Python). The one decision: nothing depends on the version
//! being known. Where no header says it, every layout is tried and the one that the bytes fit is taken; what the code
//! names is read from its tables, and only the order of what it does is read from the instructions.

mod object;
mod opcodes;
#[cfg(test)]
mod tests;
mod uses;

pub use object::Layout;
pub use uses::{Use, UseKind};

use crate::{
    bytes::{u16_at, u32_at},
    document::{Document, Opened},
    model::Opening,
};
use object::{Id, Object, Objects, Stop};
use std::sync::Arc;
use wellhead_core::{Blob, Budget, Outcome};

/// Largest code that is read.
const MAX_SIZE: u64 = 64 << 20;
/// Most code objects of one file.
const MAX_CODES: usize = 1 << 16;
/// Longest name of a function or a file that is kept.
const MAX_NAME: usize = 1024;

/// A code object with what lies round it.
#[derive(Clone, Debug)]
pub struct Bytecode {
    /// What the file says of itself; a function in a model has no header.
    pub header: Option<Header>,
    /// How its code objects are laid out.
    pub layout: Layout,
    /// The code objects, each before those that lie in it. The first is the module or the function.
    pub codes: Vec<Code>,
    /// What they import and call, in the order of the code.
    pub uses: Vec<Use>,
    /// Bytes behind the code.
    pub trailing: u64,
}

/// The header of a `.pyc` file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The number of the bytecode's version.
    pub magic: u16,
    /// The Python that writes it, as far as that is known: 3 and 11.
    pub python: Option<(u8, u8)>,
    /// Its source is not compared with it: an interpreter runs it whatever the source says.
    pub unchecked: bool,
}

/// A code object.
#[derive(Clone, Debug, Default)]
pub struct Code {
    /// The function's or class's name, with those round it where they are stored; hostile text.
    pub name: String,
    /// The source file; hostile text.
    pub file: String,
    /// The first line in it.
    pub first_line: u32,
    /// Names of globals, attributes and modules; hostile text.
    pub names: Vec<Arc<str>>,
    /// Names of local variables; hostile text.
    pub locals: Vec<Arc<str>>,
    /// Texts among its constants, also those in tuples; hostile text.
    pub texts: Vec<Arc<str>>,
    /// Bytes among its constants, as a program that unpacks another one carries them.
    pub bytes: Vec<Arc<[u8]>>,
    /// Its constants as far as instructions need them.
    pub(crate) consts: Vec<Const>,
    /// Its instructions.
    pub(crate) instructions: Arc<[u8]>,
    /// The code object round it, by index.
    pub parent: Option<usize>,
}

/// A constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Const {
    Text(Arc<str>),
    /// A tuple of texts, as `from m import a, b` has it.
    Texts(Vec<Arc<str>>),
    /// A code object, by index.
    Code(usize),
    Other,
}

/// The number of an instruction of Python 3.`minor`, and the units of cache behind it.
#[cfg(any(test, feature = "assemble"))]
pub(crate) fn number_of(minor: u8, name: &str) -> Option<(u8, usize)> {
    let table = opcodes::table(minor)?;
    let at = table
        .iter()
        .position(|slot| slot.is_some_and(|(n, _)| n == name))?;
    Some((u8::try_from(at).ok()?, table.get(at).copied().flatten()?.1))
}

/// Whether bytes are a marshalled code object of any Python.
pub(crate) fn looks_like_code(bytes: &[u8]) -> bool {
    if !matches!(bytes.first(), Some(0xe3 | 0x63)) {
        return false;
    }
    // Each object takes a byte at least, so the steps are no more than the bytes, four times over.
    let budget = &mut Budget::default();
    layouts(None).into_iter().any(|layout| {
        let mut objects = Objects::new(bytes, layout);
        let read = objects.read(0, budget);
        budget.release(objects.held);
        read.is_ok()
    })
}

/// Whether a file begins as compiled modules do: a version, CR LF, and further on a code object.
pub(crate) fn is_pyc(head: &[u8]) -> bool {
    let Some(header) = header(head) else { return false };
    let code = |at: usize| matches!(head.get(at), Some(0xe3 | 0x63));
    match header.0.python {
        Some(_) => code(header.1),
        // A version that is not known yet.
        None => u32_at(head, 4).is_some_and(|flags| flags < 4) && code(16),
    }
}

fn header(head: &[u8]) -> Option<(Header, usize)> {
    let magic = u16_at(head, 0)?;
    if head.get(2..4) != Some(b"\r\n") {
        return None;
    }
    let python = python_of(magic);
    let flags = u32_at(head, 4)?;
    let (start, flagged) = match python {
        Some((2, _) | (3, 0..=2)) => (8, false),
        Some((3, 3..=6)) => (12, false),
        _ => (16, true),
    };
    // Bit 0: a digest of the source stands in the header. Bit 1: it is compared.
    let unchecked = flagged && flags & 3 == 1;
    Some((
        Header {
            magic,
            python,
            unchecked,
        },
        start,
    ))
}

/// The Python that writes bytecode of that number.
fn python_of(magic: u16) -> Option<(u8, u8)> {
    Some(match magic {
        62_011..=62_211 => (2, 7),
        3_000..=3_131 => (3, 0),
        3_140..=3_151 => (3, 1),
        3_160..=3_180 => (3, 2),
        3_190..=3_230 => (3, 3),
        3_250..=3_310 => (3, 4),
        3_320..=3_351 => (3, 5),
        3_360..=3_379 => (3, 6),
        3_390..=3_394 => (3, 7),
        3_400..=3_413 => (3, 8),
        3_420..=3_425 => (3, 9),
        3_430..=3_439 => (3, 10),
        3_450..=3_499 => (3, 11),
        3_500..=3_549 => (3, 12),
        3_550..=3_599 => (3, 13),
        3_600..=3_649 => (3, 14),
        3_650..=3_699 => (3, 15),
        _ => return None,
    })
}

/// The layouts to try, the likeliest first.
fn layouts(python: Option<(u8, u8)>) -> [Layout; 4] {
    use Layout::{Three, ThreeEight, ThreeEleven, Two};
    match python {
        Some((2, _)) => [Two, Three, ThreeEight, ThreeEleven],
        Some((3, 0..=7)) => [Three, ThreeEight, ThreeEleven, Two],
        Some((3, 8..=10)) => [ThreeEight, ThreeEleven, Three, Two],
        _ => [ThreeEleven, ThreeEight, Three, Two],
    }
}

/// Opens a compiled module, or a marshalled function.
pub(crate) fn open(opening: &Opening<'_>, budget: &mut Budget) -> Opened {
    let opened = |document, outcome| Opened {
        document,
        members: Vec::new(),
        outcome,
        depth: opening.options.depth,
    };
    match read(opening.blob, budget) {
        Ok(bytecode) => opened(Document::Bytecode(Box::new(bytecode)), Outcome::Analysed),
        Err(why) => opened(Document::Opaque, Outcome::NotAnalysed { why }),
    }
}

/// Reads a compiled module, or a marshalled function.
///
/// # Errors
/// Says why it cannot be read: in words.
pub fn read(blob: &Blob, budget: &mut Budget) -> Result<Bytecode, String> {
    let size = blob.len();
    if size > MAX_SIZE {
        return Err(format!("{size} bytes of bytecode are more than is read"));
    }
    budget.memory(size).map_err(|e| e.to_string())?;
    let bytes = blob
        .bytes(0, usize::try_from(size).unwrap_or(0))
        .map_err(|e| format!("could not be read: {e}"));
    let read = bytes.and_then(|bytes| parse(&bytes, budget));
    budget.release(size);
    read
}

fn parse(bytes: &[u8], budget: &mut Budget) -> Result<Bytecode, String> {
    let found = header(bytes);
    let (header, start) = found.map_or((None, 0), |(header, start)| (Some(header), start));
    let body = bytes.get(start..).unwrap_or_default();
    let mut first_failure = None;
    for layout in layouts(header.and_then(|h| h.python)) {
        let mut objects = Objects::new(body, layout);
        let read = objects.read(0, budget);
        // The objects go with this round, whatever comes of it; what `codes` makes of them is paid for by itself.
        budget.release(objects.held);
        match read {
            Ok(root) => {
                let trailing = body.len().saturating_sub(objects.at) as u64;
                if !matches!(objects.all.get(root), Some(Object::Code(_))) {
                    return Err("it holds no code object".to_owned());
                }
                let codes = codes(&objects, root, budget)?;
                let mut bytecode = Bytecode {
                    header,
                    layout,
                    codes,
                    uses: Vec::new(),
                    trailing,
                };
                bytecode.uses = uses::uses(&bytecode, budget).map_err(|e| e.to_string())?;
                return Ok(bytecode);
            }
            Err(Stop::Exhausted(why)) => return Err(why.to_string()),
            Err(Stop::Damaged { at, why }) => {
                let at = at.saturating_add(start);
                first_failure.get_or_insert_with(|| format!("it {why}, at byte {at}"));
            }
        }
    }
    Err(first_failure.unwrap_or_default())
}

/// The code objects below `root`, each before those in it; one that lies in several is listed once.
fn codes(objects: &Objects<'_>, root: Id, budget: &mut Budget) -> Result<Vec<Code>, String> {
    let mut out: Vec<Code> = Vec::new();
    let mut order = vec![(root, None)];
    let mut known = std::collections::BTreeMap::from([(root, 0_usize)]);
    let mut next = 0_usize;
    while let Some((id, parent)) = order.get(next).copied() {
        next = next.saturating_add(1);
        let Some(Object::Code(raw)) = objects.all.get(id) else {
            continue;
        };
        let mut code = describe(objects, raw, parent, budget);
        let consts = raw.parts.get(1).and_then(|id| objects.all.get(*id));
        let Some(Object::Items(consts)) = consts else {
            continue;
        };
        for id in consts {
            budget.steps(1).map_err(|e| e.to_string())?;
            budget.memory(64).map_err(|e| e.to_string())?;
            if let Some(Object::Bytes(bytes)) = objects.all.get(*id) {
                code.bytes.push(Arc::clone(bytes));
            }
            let value = match objects.all.get(*id) {
                Some(Object::Code(_)) if order.len() < MAX_CODES => {
                    let parent = out.len();
                    let index = *known.entry(*id).or_insert_with(|| {
                        order.push((*id, Some(parent)));
                        order.len().saturating_sub(1)
                    });
                    Const::Code(index)
                }
                Some(Object::Items(items)) => {
                    // Tuples may be shared, so each time they are met is paid for.
                    let cost = (items.len() as u64).saturating_mul(32);
                    budget.memory(cost).map_err(|e| e.to_string())?;
                    let texts: Vec<Arc<str>> =
                        items.iter().filter_map(|id| objects.name(*id, budget)).collect();
                    code.texts.extend(texts.iter().cloned());
                    Const::Texts(texts)
                }
                _ => match objects.name(*id, budget) {
                    Some(text) => {
                        code.texts.push(Arc::clone(&text));
                        Const::Text(text)
                    }
                    None => Const::Other,
                },
            };
            code.consts.push(value);
        }
        out.push(code);
    }
    Ok(out)
}

impl Objects<'_> {
    /// A text, or bytes of Python 2 that are one.
    fn name(&self, id: Id, budget: &mut Budget) -> Option<Arc<str>> {
        match self.all.get(id)? {
            Object::Text(text) => Some(Arc::clone(text)),
            Object::Bytes(bytes) => {
                budget.memory(bytes.len() as u64).ok()?;
                Some(String::from_utf8_lossy(bytes).into())
            }
            _ => None,
        }
    }

    fn names(&self, id: Option<&Id>, budget: &mut Budget) -> Vec<Arc<str>> {
        match id.and_then(|id| self.all.get(*id)) {
            Some(Object::Items(items)) if budget.memory((items.len() as u64).saturating_mul(32)).is_ok() => {
                items
                    .iter()
                    .map(|id| self.name(*id, budget).unwrap_or_default())
                    .collect()
            }
            _ => Vec::new(),
        }
    }
}

fn describe(objects: &Objects<'_>, raw: &object::Raw, parent: Option<usize>, budget: &mut Budget) -> Code {
    let part = |at: usize| raw.parts.get(at);
    // Behind the names: locals, then either the kinds of locals, or free and captured variables.
    let eleven = matches!(
        part(4).and_then(|id| objects.all.get(*id)),
        Some(Object::Bytes(_))
    );
    let mut name = |at: usize| {
        let text = part(at).and_then(|id| objects.name(*id, budget));
        text.map_or_else(String::new, |text| text.chars().take(MAX_NAME).collect())
    };
    let (file, own) = if eleven {
        (name(5), name(7))
    } else {
        (name(6), name(7))
    };
    let instructions = match part(0).and_then(|id| objects.all.get(*id)) {
        Some(Object::Bytes(bytes)) => Arc::clone(bytes),
        _ => Arc::default(),
    };
    Code {
        name: own,
        file,
        first_line: raw.first_line,
        names: objects.names(part(2), budget),
        locals: objects.names(part(3), budget),
        texts: Vec::new(),
        bytes: Vec::new(),
        consts: Vec::new(),
        instructions,
        parent,
    }
}
