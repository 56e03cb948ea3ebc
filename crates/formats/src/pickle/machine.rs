//! The interpreter's state, and how it runs a stream.
//!
//! It executes what any of the loaders would execute. Where a loader certainly gives up, the machine notes it and goes
//! on with unknown values, so that what stands behind the damage is seen too, and marked as such.

use super::{
    literal,
    program::{Differential, End, Flavour, Hints, Program, Site, Stream, Trailing},
    reader::{Line, Reader},
    record::Records,
    store::Nodes,
    value::{Kind, LONG_STRING, NodeRef, StrKind, Value, View},
};
use std::{cell::Cell, collections::HashMap};
use wellhead_core::{Blob, Budget, Outcome};

/// Why a stream ends.
pub(super) enum Halt {
    Stop,
    /// The bytes cannot be read as opcodes any more.
    Lexical(String),
    EndOfData,
    Unfinished(String),
}

pub(super) type Step = Result<(), Halt>;

/// How often the budget is paid.
const BATCH: u64 = 1024;
/// An index of the memo that is so far beyond the others goes into a map.
const GAP: u64 = 64 << 10;
/// Memory is paid in steps of so many values.
const PAY: usize = 64 << 10;
/// Streams in streams: arrays of objects in joblib files.
const EMBEDDED: u32 = 8;
/// How many places where other loaders go on are looked at.
const ELSEWHERE: usize = 12;
/// How many streams are listed one by one.
const STREAMS: usize = 4096;
/// How many places of one sort a program lists.
pub(super) const LISTED: usize = 64;
/// Where no frame is open.
pub(super) const NO_FRAME: u64 = u64::MAX;

/// What belongs to one stream and is forgotten with it.
#[derive(Default)]
pub(super) struct Frame {
    pub(super) stack: Vec<Value>,
    pub(super) marks: Vec<usize>,
    pub(super) memo: Vec<Value>,
    pub(super) far_memo: HashMap<u64, Value>,
    pub(super) memo_len: u64,
    pub(super) protocol: u8,
    pub(super) frame_end: u64,
    /// Bytes of an array that joblib reads behind the open frame.
    pub(super) skip_behind_frame: u64,
    pub(super) frame_too_long: Option<Site>,
    pub(super) damaged: Option<(u64, String)>,
    pub(super) paid: usize,
}

impl Frame {
    /// Takes a value out of the far memo and says whether it was there. Asks the map only when it holds something: hashing
    /// an index for each value that is kept would be a fifth of the time.
    #[inline]
    fn was_far(&mut self, index: u64) -> bool {
        !self.far_memo.is_empty() && self.far_memo.remove(&index).is_some()
    }
}

pub(super) struct Machine<'b> {
    pub(super) reader: Reader,
    pub(super) blob: Blob,
    pub(super) budget: &'b mut Budget,
    pub(super) hints: Hints,
    pub(super) f: Frame,
    pub(super) nodes: Nodes,
    pub(super) long: Vec<(u64, u64)>,
    pub(super) records: Records,
    pub(super) index: u64,
    /// Offsets of the last instructions, by their number modulo the length.
    recent: [u64; 8],
    pub(super) at: u64,
    unpaid: u64,
    /// Steps that computing names has taken and that are not paid yet.
    pub(super) effort: Cell<u64>,
    /// Constants were decoded up to the limit, and are left alone from now on.
    pub(super) decoding_ended: bool,
    pub(super) embedded: u32,
    pub(super) memo_lost: bool,
    pub(super) depth: u32,
    pub(super) result: Value,
    /// The file is in torch's old layout.
    pub(super) legacy: bool,
    /// Places where some loader goes on after an instruction that crosses the end of its frame.
    pub(super) elsewhere: Vec<u64>,
    /// The last stream reached a STOP, damaged or not.
    pub(super) stopped: bool,
    /// The stream that runs, as an index into the program's.
    slot: usize,
}

impl<'b> Machine<'b> {
    pub(super) fn new(blob: &Blob, hints: Hints, depth: u32, budget: &'b mut Budget) -> Self {
        Self {
            reader: Reader::new(blob.clone()),
            blob: blob.clone(),
            budget,
            hints,
            f: Frame::default(),
            nodes: Nodes::new(),
            long: Vec::new(),
            records: Records::default(),
            index: 0,
            recent: [0; 8],
            at: 0,
            unpaid: 0,
            effort: Cell::new(0),
            decoding_ended: false,
            embedded: 0,
            memo_lost: false,
            depth,
            result: Value::UNKNOWN,
            legacy: false,
            elsewhere: Vec::new(),
            stopped: false,
            slot: 0,
        }
    }

    pub(super) fn site(&self) -> Site {
        let index = self.index.saturating_sub(1);
        let back = index.min(7);
        let context_index = index.saturating_sub(back);
        let slot = (context_index & 7) as usize;
        Site {
            offset: self.at,
            index,
            context_offset: self.recent.get(slot).copied().unwrap_or(self.at),
            context_index,
            stream: u32::try_from(self.slot).unwrap_or(u32::MAX),
        }
    }

    /// Notes that loaders give up here.
    #[cold]
    pub(super) fn fail(&mut self, why: &str) {
        if self.f.damaged.is_none() {
            self.f.damaged = Some((self.at, why.to_owned()));
        }
    }

    pub(super) fn after_damage(&self) -> bool {
        self.f.damaged.is_some()
    }

    #[cold]
    pub(super) fn differs(&mut self, words: String, deliberate: bool) {
        let site = self.site();
        if self.records.differentials.len() < LISTED
            && !self.records.differentials.iter().any(|d| d.words == words)
        {
            self.records.differentials.push(Differential {
                site,
                words,
                deliberate,
            });
        }
    }

    fn pay(&mut self) -> Step {
        let n = std::mem::take(&mut self.unpaid).saturating_add(self.effort.take());
        self.budget
            .steps(n)
            .map_err(|e| Halt::Unfinished(e.to_string()))?;
        let held = self.f.stack.len().saturating_add(self.f.marks.len());
        if held > self.f.paid.saturating_add(PAY) {
            let more = held.saturating_sub(self.f.paid);
            self.f.paid = held;
            let bytes = (more as u64).saturating_mul(8);
            self.budget
                .memory(bytes)
                .map_err(|e| Halt::Unfinished(e.to_string()))?;
        }
        Ok(())
    }

    /// Runs one stream from where the reader is, and leaves the reader behind it.
    pub(super) fn stream(&mut self, searched: bool) -> usize {
        let outer_slot = self.slot;
        if self.records.streams.len() >= STREAMS
            && self.records.streams.last().is_some_and(|s| s.end == End::Stop)
        {
            self.records.streams.pop();
        }
        self.slot = self.records.streams.len();
        self.records.streams.push(Stream {
            offset: self.reader.offset(),
            length: 0,
            protocol: 0,
            end: End::EndOfData,
            found_by_search: searched,
            opcodes: 0,
        });
        let outer = std::mem::take(&mut self.f);
        self.f.frame_end = NO_FRAME;
        if searched {
            self.f.damaged = Some((self.reader.offset(), "found by search".to_owned()));
        }
        let start = self.reader.offset();
        let first = self.index;
        let halt = loop {
            self.at = self.reader.offset();
            let Some(byte) = self.reader.u8() else {
                break Halt::EndOfData;
            };
            if let Some(slot) = self.recent.get_mut((self.index & 7) as usize) {
                *slot = self.at;
            }
            self.index = self.index.wrapping_add(1);
            self.unpaid = self.unpaid.wrapping_add(1);
            if let Err(halt) = self.step(byte) {
                break halt;
            }
            if self.reader.offset() >= self.f.frame_end {
                self.leave_frame();
            }
            if self.unpaid >= BATCH
                && let Err(halt) = self.pay()
            {
                break halt;
            }
        };
        self.stopped = matches!(halt, Halt::Stop);
        let end = self.ending(halt, searched);
        let freed = (self.f.paid as u64).saturating_mul(8);
        self.budget.release(freed);
        let length = self.reader.offset().saturating_sub(start);
        if let Some(stream) = self.records.streams.get_mut(self.slot) {
            stream.length = length;
            stream.protocol = self.f.protocol;
            stream.end = end;
            stream.opcodes = self.index.saturating_sub(first);
        }
        self.f = outer;
        std::mem::replace(&mut self.slot, outer_slot)
    }

    fn ending(&mut self, halt: Halt, searched: bool) -> End {
        let damaged = self.f.damaged.take().filter(|_| !searched);
        if let Some(e) = self.reader.failure() {
            return End::Unfinished {
                why: format!("reading failed: {e}"),
            };
        }
        match (halt, damaged) {
            (Halt::Unfinished(why), _) => End::Unfinished { why },
            (_, Some((offset, why))) => End::Damaged { offset, why },
            (Halt::Lexical(why), None) => End::Damaged { offset: self.at, why },
            (Halt::EndOfData, None) => End::EndOfData,
            (Halt::Stop, None) => {
                if let Some(site) = self.f.frame_too_long.take() {
                    self.records.differentials.push(Differential {
                        site,
                        words: "a frame is longer than the file: the C unpickler refuses it, the Python one loads it"
                            .to_owned(),
                        deliberate: true,
                    });
                } else if self.f.frame_end != NO_FRAME && self.f.frame_end > self.reader.offset() {
                    self.differs(
                        "the pickle stops before its frame ends: the Python unpickler skips the rest of the frame, \
                         the C one reads it as the next pickle"
                            .to_owned(),
                        true,
                    );
                }
                End::Stop
            }
        }
    }

    #[cold]
    fn leave_frame(&mut self) {
        let (here, end) = (self.reader.offset(), self.f.frame_end);
        if here > end && self.at < end {
            self.differs(
                "an instruction crosses the end of its frame: the Python unpickler and new C ones refuse it, \
                 older C ones run it and go on elsewhere"
                    .to_owned(),
                true,
            );
            // Older C unpicklers that read from a file drop what is left of the frame and read the operand behind it.
            let operand = here.saturating_sub(self.at).saturating_sub(1);
            for n in [operand, operand.saturating_sub(1), operand.saturating_sub(4)] {
                let at = end.saturating_add(n);
                if at != here && self.elsewhere.len() < ELSEWHERE && !self.elsewhere.contains(&at) {
                    self.elsewhere.push(at);
                }
            }
        }
        self.f.frame_end = NO_FRAME;
        let bytes = std::mem::take(&mut self.f.skip_behind_frame);
        if bytes > 0 {
            self.reader.skip(bytes);
        }
    }

    pub(super) fn enter_frame(&mut self, len: u64) {
        let here = self.reader.offset();
        if self.f.frame_end != NO_FRAME && here < self.f.frame_end {
            self.differs(
                "a frame starts inside another: the C unpickler runs it, the Python one refuses it"
                    .to_owned(),
                true,
            );
        }
        let end = here.saturating_add(len);
        if end > self.reader.len() {
            if self.f.frame_too_long.is_none() {
                self.f.frame_too_long = Some(self.site());
            }
        } else {
            self.f.frame_end = end;
        }
    }

    // --- the stack ---

    #[inline]
    pub(super) fn fence(&self) -> usize {
        self.f.marks.last().copied().unwrap_or(0)
    }

    #[inline]
    pub(super) fn push(&mut self, v: Value) {
        self.f.stack.push(v);
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Value {
        if self.f.stack.len() > self.fence()
            && let Some(v) = self.f.stack.pop()
        {
            return v;
        }
        self.fail("takes from an empty stack");
        Value::UNKNOWN
    }

    #[inline]
    pub(super) fn top(&mut self) -> Value {
        if self.f.stack.len() > self.fence()
            && let Some(v) = self.f.stack.last()
        {
            return *v;
        }
        self.fail("looks at an empty stack");
        Value::UNKNOWN
    }

    #[inline]
    pub(super) fn set_top(&mut self, v: Value) {
        if self.f.stack.len() > self.fence()
            && let Some(slot) = self.f.stack.last_mut()
        {
            *slot = v;
        }
    }

    /// The place on the stack of the last mark, which is taken off.
    #[inline]
    pub(super) fn pop_mark(&mut self) -> usize {
        match self.f.marks.pop() {
            Some(at) => at.min(self.f.stack.len()),
            None => {
                self.fail("looks for a mark that is not there");
                self.f.stack.len()
            }
        }
    }

    /// A container of the items above the last mark.
    #[inline]
    pub(super) fn gather(&mut self, kind: Kind) -> Value {
        let from = self.pop_mark();
        let items = self.f.stack.get(from..).unwrap_or_default();
        let node = self.nodes.make(kind, Value::NONE, Value::NONE, items);
        let odd = items.len() % 2 == 1;
        self.f.stack.truncate(from);
        if kind == Kind::Dict && odd {
            self.fail("makes a dictionary of an odd number of items");
        }
        self.weigh(node);
        Value::node(node)
    }

    #[inline]
    pub(super) fn weigh(&mut self, node: NodeRef) {
        if self.records.expansion.is_some() {
            return;
        }
        // A list of rows that share one part is larger than the file, too; a bomb is so by a factor of a million.
        let weight = self.nodes.get(node).map_or(0, |n| n.weight);
        if weight > 1 << 32 && (weight >> 20) > self.index {
            self.records.expansion = Some(self.site());
        }
    }

    // --- the memo ---

    #[inline]
    pub(super) fn memoize(&mut self, index: u64) {
        let v = self.top();
        let len = self.f.memo.len() as u64;
        if let Some(slot) = usize::try_from(index).ok().and_then(|i| self.f.memo.get_mut(i)) {
            let was_absent = slot.is_absent();
            *slot = v;
            if was_absent && !self.f.was_far(index) {
                self.f.memo_len = self.f.memo_len.wrapping_add(1);
            }
        } else if index < len.saturating_add(GAP) {
            self.grow_memo(index, v);
        } else {
            if self.f.far_memo.len() >= 1 << 20 {
                self.lose_memo("keeps too many values under far numbers");
            } else if self.f.far_memo.insert(index, v).is_none() {
                self.f.memo_len = self.f.memo_len.wrapping_add(1);
            }
        }
    }

    fn grow_memo(&mut self, index: u64, v: Value) {
        let len = self.f.memo.len();
        if len >= self.f.memo.capacity() {
            let more = len.max(64);
            let bytes = (more as u64).saturating_mul(8);
            if self.memo_lost {
                return;
            }
            if self.budget.memory(bytes).is_err() {
                self.lose_memo("keeps more values than the memory allowed for it holds");
                return;
            }
            self.f.paid = self.f.paid.saturating_add(more);
            self.f.memo.reserve_exact(more);
        }
        let fresh = !self.f.was_far(index);
        let Ok(index) = usize::try_from(index) else { return };
        if index > len {
            self.f.memo.resize(index, Value::ABSENT);
        }
        self.f.memo.push(v);
        if fresh {
            self.f.memo_len = self.f.memo_len.wrapping_add(1);
        }
    }

    #[cold]
    fn lose_memo(&mut self, why: &str) {
        if !self.memo_lost {
            self.memo_lost = true;
            self.records.partly.get_or_insert_with(|| why.to_owned());
        }
    }

    #[inline]
    pub(super) fn recall(&mut self, index: u64) {
        let near = usize::try_from(index).ok().and_then(|i| self.f.memo.get(i));
        let v = match near {
            Some(v) if !v.is_absent() => *v,
            _ => match self.f.far_memo.get(&index) {
                Some(v) => *v,
                None => {
                    if !self.memo_lost {
                        self.fail("asks for a value that was never kept");
                    }
                    Value::UNKNOWN
                }
            },
        };
        // A container that was overwritten since may have been filled after it was kept.
        let v = match v.view() {
            View::Node(mut n) if n.kind != Kind::Call && n.kind != Kind::Persistent => {
                match self.nodes.get(n) {
                    Some(node) => {
                        n.of = n.of.or(node.of);
                        Value::node(n)
                    }
                    None => {
                        n.opaque = true;
                        Value::node(n)
                    }
                }
            }
            _ => v,
        };
        self.push(v);
    }

    // --- constants ---

    /// Pushes the string that stands at `offset`, and looks whether it hides a pickle.
    #[inline]
    pub(super) fn constant(&mut self, kind: StrKind, offset: u64, len: u64) -> Value {
        if let Some(v) = Value::str(kind, offset, len) {
            return v;
        }
        if len >= LONG_STRING || offset > 0 {
            if self.long.len() >= 1 << 22 {
                return Value::INERT;
            }
            let index = self.long.len() as u32;
            self.long.push((offset, len));
            return Value::long(kind, index);
        }
        Value::INERT
    }

    /// The place and length of a string constant.
    pub(super) fn place(&self, v: Value) -> Option<(StrKind, u64, u64)> {
        match v.view() {
            View::Str(s) => Some((s.kind, s.offset, u64::from(s.len))),
            View::Long(kind, i) => {
                let (offset, len) = self.long.get(i as usize).copied()?;
                Some((kind, offset, len))
            }
            _ => None,
        }
    }

    /// A string constant's bytes as the loader would hold them, at most `max`.
    pub(super) fn bytes_of(&self, v: Value, max: usize) -> Option<Vec<u8>> {
        let (kind, offset, len) = self.place(v)?;
        let raw = self
            .reader
            .bytes_at(offset, usize::try_from(len).unwrap_or(max).min(max));
        Some(match kind {
            StrKind::Quoted => literal::unescape(&raw),
            StrKind::RawEscape => literal::raw_unicode(&raw).into_bytes(),
            _ => raw.into_owned(),
        })
    }

    /// The text of a value that is text, at most 4 KiB of it.
    pub(super) fn text_of(&self, v: Value) -> Option<String> {
        self.text_up_to(v, 4096)
    }

    /// The text of a value that is text, for whoever looked at its length.
    pub(super) fn whole_text(&self, v: Value) -> Option<String> {
        self.text_up_to(v, usize::MAX)
    }

    fn text_up_to(&self, v: Value, max: usize) -> Option<String> {
        let (kind, offset, len) = self.place(v)?;
        let raw = self
            .reader
            .bytes_at(offset, usize::try_from(len).unwrap_or(max).min(max));
        match kind {
            StrKind::Utf8 => Some(literal::utf8(&raw).into_owned()),
            StrKind::RawEscape => Some(literal::raw_unicode(&raw)),
            StrKind::Latin => Some(literal::latin(&raw)),
            StrKind::Quoted => Some(literal::latin(&literal::unescape(&raw))),
            _ => None,
        }
    }

    pub(super) fn line(&mut self) -> Result<Line, Halt> {
        self.reader.line().ok_or(Halt::EndOfData)
    }

    pub(super) fn line_bytes(&mut self) -> Result<Vec<u8>, Halt> {
        let line = self.line()?;
        let max = usize::try_from(line.len).unwrap_or(4096).min(4096);
        Ok(self.reader.bytes_at(line.offset, max).into_owned())
    }

    /// Runs a pickle that stands between two opcodes, as the arrays of objects in a joblib file do.
    pub(super) fn embedded_stream(&mut self) {
        if self.embedded >= EMBEDDED {
            self.records
                .partly
                .get_or_insert_with(|| "pickles nest too deep".to_owned());
            return;
        }
        self.embedded = self.embedded.saturating_add(1);
        let at = self.at;
        let slot = self.stream(false);
        self.at = at;
        self.embedded = self.embedded.saturating_sub(1);
        let whole = self.records.streams.get(slot).is_some_and(|s| s.end == End::Stop);
        if !whole {
            self.fail("the pickle of an array inside this one is damaged");
        }
    }
}

/// Turns what was recorded into the program.
pub(super) fn finish(m: Machine<'_>, trailing: Option<Trailing>, flavour: Flavour) -> Program {
    let unfinished = m.records.streams.iter().find_map(|s| match &s.end {
        End::Unfinished { why } => Some(why.clone()),
        _ => None,
    });
    let outcome = match unfinished.or(m.records.partly) {
        Some(why) => Outcome::Partly { why },
        None => Outcome::Analysed,
    };
    Program {
        flavour,
        loader: m.hints.loader,
        streams: m.records.streams,
        imports: m.records.imports,
        calls: m.records.calls,
        writes: m.records.writes,
        evaluated: m.records.evaluated,
        persistent: m.records.persistent,
        extensions: m.records.extensions,
        nested: m.records.nested,
        differentials: m.records.differentials,
        trailing,
        expansion: m.records.expansion,
        outcome,
        opcodes: m.index,
        blob: m.blob,
    }
}
