//! The pickle machine: a symbolic interpreter that never builds a value.
//!
//! A pickle is a program for a small stack machine, and loading it runs the program. So the question "what does this
//! model do when it is loaded" has an exact answer, if one reads every opcode as every loader would. The one decision:
//! the stack holds symbols of eight bytes (a place in the file, the number of an import, the number of a call), so
//! that a pickle of any size costs its opcodes in time and its memo in memory.
//!
//! [`analyse`] says what a file of pickles does; [`disassemble()`] shows its instructions; [`looks_like_pickle`] says
//! whether it is one.

mod array;
#[cfg(any(test, feature = "assemble"))]
pub mod assemble;
mod calls;
mod compat;
mod disassemble;
mod exec;
mod fold;
mod literal;
mod machine;
mod nested;
mod opcode;
mod program;
mod pseudo;
mod reader;
mod record;
mod resync;
mod store;
#[cfg(test)]
mod tests;
pub(crate) mod tree;
mod value;

pub use disassemble::{Instruction, disassemble};
pub use program::{
    Call, CallKind, Callee, Differential, End, Evaluated, Expr, Extension, Flavour, Hints, Import, ImportId,
    Loader, Nested, Origin, Persistent, Program, Site, Stream, Trailing, Write, WriteKind,
};
pub use resync::{Likelihood, looks_like_pickle};

use machine::{Machine, finish};
use wellhead_core::{Blob, Budget};

/// Torch's old format starts with a pickle of this number, little-endian.
pub(crate) const TORCH_MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// Torch's old format has so many pickles before the raw storages.
const TORCH_PICKLES: usize = 5;
/// How far behind damage, or behind the last pickle, is searched for more.
const SEARCHED: usize = 1 << 20;
/// How many zeros behind the last pickle are looked through.
const PADDING: u64 = 64 << 20;
/// How much is read to see whether a pickle goes on behind another.
const HEAD: usize = 16 << 10;

/// Says what the pickles in `blob` do.
///
/// Never fails: damage, exhaustion and read errors are part of what is said.
pub fn analyse(blob: &Blob, hints: Hints, budget: &mut Budget) -> Program {
    analyse_at(blob, hints, 0, budget)
}

fn analyse_at(blob: &Blob, hints: Hints, depth: u32, budget: &mut Budget) -> Program {
    let mut m = Machine::new(blob, hints, depth, budget);
    let mut trailing = None;
    let mut searched = false;
    let mut top_level = 0_usize;
    loop {
        let slot = m.stream(searched);
        top_level = top_level.saturating_add(1);
        let end = m.records.streams.get(slot).map(|s| s.end.clone());
        let mut here = m.reader.offset();
        match end {
            None | Some(End::Unfinished { .. }) => break,
            Some(End::Stop) => {
                if top_level == 1 {
                    m.legacy = m.is_torch_magic();
                }
                if m.legacy && top_level == TORCH_PICKLES {
                    let rest = m.reader.len().saturating_sub(here);
                    let known = m.storage_bytes().filter(|n| *n <= rest);
                    trailing = Some(Trailing {
                        offset: here,
                        length: known.unwrap_or(rest),
                        storages: true,
                    });
                    here = here.saturating_add(known.unwrap_or(rest));
                    m.reader.seek(here);
                }
                if here >= m.reader.len() {
                    break;
                }
                if m.continues() {
                    searched = false;
                    continue;
                }
            }
            // What could not be read is searched from the byte behind it.
            Some(End::Damaged { .. } | End::EndOfData) => {
                if m.stopped {
                    if here >= m.reader.len() {
                        break;
                    }
                } else {
                    here = m.at.saturating_add(1);
                    m.reader.seek(here);
                }
            }
        }
        let rest = m.reader.len().saturating_sub(here);
        if rest == 0 {
            break;
        }
        match m.find_stream() {
            Some(at) => {
                m.reader.seek(at);
                searched = true;
            }
            None => {
                let only_zeros = m.reader.offset() >= m.reader.len();
                trailing = trailing.or((!only_zeros).then_some(Trailing {
                    offset: here,
                    length: rest,
                    storages: false,
                }));
                break;
            }
        }
    }
    let mut tried = 0_usize;
    while let Some(at) = m.elsewhere.get(tried).copied() {
        tried = tried.saturating_add(1);
        let head = blob.bytes(at, HEAD).unwrap_or_default();
        if resync::is_program(&head, false) && at < blob.len() {
            m.reader.seek(at);
            m.stream(true);
        }
    }
    let flavour = m.flavour();
    finish(m, trailing, flavour)
}

impl Machine<'_> {
    /// Whether the first pickle is torch's magic number.
    fn is_torch_magic(&self) -> bool {
        self.bytes_of(self.result, 16).is_some_and(|b| b == TORCH_MAGIC)
    }

    /// Whether another pickle follows right here.
    fn continues(&mut self) -> bool {
        resync::goes_on(self.reader.peek_some(HEAD))
    }

    /// The next place from here on where opcodes reach a call, behind zeros and junk.
    fn find_stream(&mut self) -> Option<u64> {
        let limit = self.reader.offset().saturating_add(PADDING);
        loop {
            let start = self.reader.offset();
            let window = self.reader.peek_some(HEAD);
            if window.is_empty() || start > limit {
                return None;
            }
            let zeros = window.iter().take_while(|b| **b == 0).count();
            let all = zeros == window.len();
            self.reader.skip(zeros as u64);
            if !all {
                break;
            }
        }
        let start = self.reader.offset();
        let junk = self.blob.bytes(start, SEARCHED).ok()?;
        let at = resync::search(&junk)?;
        self.budget.steps(junk.len() as u64).ok()?;
        Some(start.saturating_add(at as u64))
    }
}
