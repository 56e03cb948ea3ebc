//! From opcodes to the nodes of a tree: the stack, the marks and the memo, each with its bound.

use super::*;

/// How a pickle is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// How many streams at most.
    pub(crate) streams: usize,
    /// The size in bytes of what joblib's wrapper with that state has behind it; [`Behind::Unknown`] ends the reading.
    pub(crate) behind: fn(&Tree, Item) -> Behind,
}

/// What stands behind a wrapper of joblib's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behind {
    /// So many raw bytes, after padding if it is aligned.
    Raw { bytes: u64, aligned: bool },
    /// A pickle.
    Pickle,
    /// Nobody can tell.
    Unknown,
}

/// Reads the pickles in `blob` from `start` on.
pub(crate) fn read(blob: &Blob, start: u64, how: Reading, budget: &mut Budget) -> Tree {
    let mut reader = Reader::new(blob.clone());
    reader.seek(start);
    let mut builder = Builder {
        tree: Tree {
            blob: blob.clone(),
            nodes: Vec::new(),
            roots: Vec::new(),
            end: start,
            partly: None,
        },
        reader,
        how,
        budget,
        globals: HashMap::new(),
    };
    for _ in 0..how.streams {
        let mut frame = Frame::default();
        let result = builder.framed(&mut frame, 0);
        builder.tree.end = builder.reader.offset();
        match result {
            Ok(root) => builder.tree.roots.push(root),
            Err(why) => {
                // What lies lowest on the stack is what the stream was going to return.
                let lowest = frame.stack.first().copied();
                builder.tree.roots.extend(lowest);
                builder.tree.partly = Some(why);
                break;
            }
        }
    }
    builder.tree
}

#[derive(Default)]
struct Frame {
    stack: Vec<Item>,
    marks: Vec<usize>,
    memo: HashMap<u64, Item>,
    /// What was paid for the most values and marks that there were at a time.
    paid: u64,
}

struct Builder<'b> {
    tree: Tree,
    reader: Reader,
    how: Reading,
    budget: &'b mut Budget,
    /// Names that were made already.
    globals: HashMap<(String, String), u32>,
}

type Result<T> = std::result::Result<T, String>;

fn ended() -> String {
    "the pickle ends in the middle".to_owned()
}

fn empty() -> String {
    "the pickle takes from an empty stack".to_owned()
}

fn cost(why: Exhausted) -> String {
    why.to_string()
}

impl Frame {
    fn pop(&mut self) -> Result<Item> {
        if self.marks.last().is_some_and(|m| *m >= self.stack.len()) {
            return Err(empty());
        }
        self.stack.pop().ok_or_else(empty)
    }

    fn top(&self) -> Result<Item> {
        if self.marks.last().is_some_and(|m| *m >= self.stack.len()) {
            return Err(empty());
        }
        self.stack.last().copied().ok_or_else(empty)
    }

    fn since_mark(&mut self) -> Result<Vec<Item>> {
        let from = self.marks.pop().ok_or_else(empty)?;
        if from > self.stack.len() {
            return Err(empty());
        }
        Ok(self.stack.split_off(from))
    }
}

fn pairs(flat: &[Item]) -> Vec<(Item, Item)> {
    flat.chunks_exact(2)
        .filter_map(|c| match c {
            [k, v] => Some((*k, *v)),
            _ => None,
        })
        .collect()
}

impl Builder<'_> {
    fn make(&mut self, node: Node, items: usize) -> Result<Item> {
        self.budget
            .memory(NODE.saturating_add(ITEM.saturating_mul(items as u64)))
            .map_err(cost)?;
        let at =
            u32::try_from(self.tree.nodes.len()).map_err(|_| "the pickle has too many values".to_owned())?;
        self.tree.nodes.push(node);
        Ok(Item::Node(at))
    }

    fn push_node(&mut self, f: &mut Frame, node: Node, items: usize) -> Result<()> {
        let item = self.make(node, items)?;
        f.stack.push(item);
        Ok(())
    }

    /// Reads a stream and gives back what its frame cost; the nodes stay.
    fn framed(&mut self, f: &mut Frame, depth: u32) -> Result<Item> {
        let result = self.stream(f, depth);
        let memo = (f.memo.len() as u64).saturating_mul(2 * ITEM);
        self.budget.release(f.paid.saturating_add(memo));
        result
    }

    fn stream(&mut self, f: &mut Frame, depth: u32) -> Result<Item> {
        loop {
            self.budget.steps(1).map_err(cost)?;
            // The stack, the marks and the memo grow by at most one value an opcode.
            if f.stack.len() > STACK || f.marks.len() > MARKS || f.memo.len() > MEMO {
                return Err("the pickle needs too large a stack".to_owned());
            }
            let held = (f.stack.len().saturating_add(f.marks.len()) as u64).saturating_mul(ITEM);
            if let Some(more) = held.checked_sub(f.paid).filter(|more| *more > 0) {
                self.budget.memory(more).map_err(cost)?;
                f.paid = held;
            }
            let at = self.reader.offset();
            let byte = self.reader.u8().ok_or_else(ended)?;
            if byte == op::STOP {
                return f.pop();
            }
            let Some((name, operand)) = op::describe(byte) else {
                return Err(format!("byte 0x{byte:02x} at 0x{at:x} is no opcode"));
            };
            let given = self.operand(operand)?;
            self.step(f, byte, given, depth)
                .map_err(|why| format!("{why} ({name} at 0x{at:x})"))?;
        }
    }

    fn operand(&mut self, operand: Operand) -> Result<Given> {
        let r = &mut self.reader;
        let number = |n: Option<i64>| n.map(Given::Number).ok_or_else(ended);
        match operand {
            Operand::None => Ok(Given::Nothing),
            Operand::U1 => number(r.array().map(|[b]: [u8; 1]| i64::from(b))),
            Operand::U2 => number(r.array().map(|b| i64::from(u16::from_le_bytes(b)))),
            Operand::I4 => number(r.array().map(|b| i64::from(i32::from_le_bytes(b)))),
            Operand::U4 => number(r.array().map(|b| i64::from(u32::from_le_bytes(b)))),
            Operand::U8 => number(r.array().map(|b| u64::from_le_bytes(b).cast_signed())),
            Operand::F8 => r
                .array()
                .map(|b| Given::Decimal(f64::from_be_bytes(b)))
                .ok_or_else(ended),
            Operand::Bytes1 => {
                let n = r.array().map(|[b]: [u8; 1]| u64::from(b));
                self.constant(n)
            }
            Operand::Bytes4 => {
                let n = r.array().map(|b| u64::from(u32::from_le_bytes(b)));
                self.constant(n)
            }
            Operand::Bytes4Signed => {
                let n = r.array().map(i32::from_le_bytes).ok_or_else(ended)?;
                let n = u64::try_from(n).map_err(|_| "a length is negative".to_owned())?;
                self.constant(Some(n))
            }
            Operand::Bytes8 => {
                let n = r.array().map(u64::from_le_bytes);
                self.constant(n)
            }
            Operand::Line => {
                let line = r.line().ok_or_else(ended)?;
                Ok(Given::Bytes(line.offset, line.len))
            }
            Operand::TwoLines => {
                let (a, b) = (r.line().ok_or_else(ended)?, r.line().ok_or_else(ended)?);
                if a.len > LINE || b.len > LINE {
                    return Err("an imported name is too long".to_owned());
                }
                let text = |l: crate::pickle::reader::Line, r: &Reader| {
                    String::from_utf8_lossy(&r.bytes_at(l.offset, usize::try_from(l.len).unwrap_or(0)))
                        .into_owned()
                };
                Ok(Given::Names(text(a, r), text(b, r)))
            }
        }
    }

    fn constant(&mut self, len: Option<u64>) -> Result<Given> {
        let len = len.ok_or_else(ended)?;
        let offset = self.reader.offset();
        if !self.reader.skip(len) {
            return Err(ended());
        }
        Ok(Given::Bytes(offset, len))
    }

    fn step(&mut self, f: &mut Frame, byte: u8, given: Given, depth: u32) -> Result<()> {
        match byte {
            op::MARK => f.marks.push(f.stack.len()),
            op::POP => {
                if f.marks.last() == Some(&f.stack.len()) {
                    f.marks.pop();
                } else {
                    f.pop()?;
                }
            }
            op::POP_MARK => drop(f.since_mark()?),
            op::DUP => {
                let top = f.top()?;
                f.stack.push(top);
            }
            op::NONE => f.stack.push(Item::None),
            op::NEWTRUE => f.stack.push(Item::Bool(true)),
            op::NEWFALSE => f.stack.push(Item::Bool(false)),
            op::EMPTY_TUPLE => self.push_node(f, Node::Tuple(Vec::new()), 0)?,
            op::EMPTY_LIST => self.push_node(f, Node::List(Vec::new()), 0)?,
            op::EMPTY_DICT => self.push_node(f, Node::Dict(Vec::new()), 0)?,
            op::EMPTY_SET => self.push_node(f, Node::Set(Vec::new()), 0)?,
            op::TUPLE | op::LIST | op::FROZENSET | op::DICT => {
                let items = f.since_mark()?;
                let n = items.len();
                let node = match byte {
                    op::TUPLE => Node::Tuple(items),
                    op::LIST => Node::List(items),
                    op::DICT => Node::Dict(pairs(&items)),
                    _ => Node::Set(items),
                };
                self.push_node(f, node, n)?;
            }
            op::TUPLE1 | op::TUPLE2 | op::TUPLE3 => {
                let n = usize::from(byte.saturating_sub(op::TUPLE1)).saturating_add(1);
                let mut items = Vec::with_capacity(n);
                for _ in 0..n {
                    items.push(f.pop()?);
                }
                items.reverse();
                self.push_node(f, Node::Tuple(items), n)?;
            }
            op::APPEND => {
                let item = f.pop()?;
                self.append(f.top()?, &[item])?;
            }
            op::APPENDS | op::ADDITEMS => {
                let items = f.since_mark()?;
                self.append(f.top()?, &items)?;
            }
            op::SETITEM => {
                let value = f.pop()?;
                let key = f.pop()?;
                self.set(f.top()?, &[key, value])?;
            }
            op::SETITEMS => {
                let items = f.since_mark()?;
                self.set(f.top()?, &items)?;
            }
            op::MEMOIZE => {
                let (at, top) = (f.memo.len() as u64, f.top()?);
                self.memoize(f, at, top)?;
            }
            op::BINPUT | op::LONG_BINPUT | op::PUT => {
                let (at, top) = (self.index(&given)?, f.top()?);
                self.memoize(f, at, top)?;
            }
            op::BINGET | op::LONG_BINGET | op::GET => {
                let at = self.index(&given)?;
                let item = f.memo.get(&at).copied();
                f.stack
                    .push(item.ok_or_else(|| "the pickle recalls what it never kept".to_owned())?);
            }
            op::PROTO | op::FRAME => {}
            _ => return self.rare(f, byte, given, depth),
        }
        Ok(())
    }

    fn rare(&mut self, f: &mut Frame, byte: u8, given: Given, depth: u32) -> Result<()> {
        match (byte, given) {
            (op::GLOBAL, Given::Names(module, name)) => {
                let item = self.import(module, name)?;
                f.stack.push(item);
            }
            (op::STACK_GLOBAL, _) => {
                let (name, module) = (f.pop()?, f.pop()?);
                let names = self.tree.text(module, LINE).zip(self.tree.text(name, LINE));
                let (module, name) = names.ok_or_else(|| "an imported name is no text".to_owned())?;
                let item = self.import(module, name)?;
                f.stack.push(item);
            }
            (op::REDUCE | op::NEWOBJ, _) => {
                let (args, callee) = (f.pop()?, f.pop()?);
                self.called(f, callee, args, byte != op::REDUCE)?;
            }
            (op::NEWOBJ_EX, _) => {
                let (_, args, callee) = (f.pop()?, f.pop()?, f.pop()?);
                self.called(f, callee, args, true)?;
            }
            (op::INST, Given::Names(module, name)) => {
                let items = f.since_mark()?;
                let n = items.len();
                let callee = self.import(module, name)?;
                let args = self.make(Node::Tuple(items), n)?;
                self.called(f, callee, args, true)?;
            }
            (op::OBJ, _) => {
                let items = f.since_mark()?;
                let (callee, rest) = items.split_first().ok_or_else(empty)?;
                let args = self.make(Node::Tuple(rest.to_vec()), rest.len())?;
                self.called(f, *callee, args, true)?;
            }
            (op::BUILD, _) => {
                let state = f.pop()?;
                let target = f.top()?;
                self.build(target, state, depth)?;
            }
            (op::BINPERSID, _) => {
                let pid = f.pop()?;
                self.push_node(f, Node::Persistent(pid), 0)?;
            }
            (op::PERSID, Given::Bytes(offset, len)) => {
                let pid = self.placed(Coding::Utf8, offset, len)?;
                self.push_node(f, Node::Persistent(pid), 0)?;
            }
            (op::NEXT_BUFFER | op::EXT1 | op::EXT2 | op::EXT4, _) => f.stack.push(Item::Other),
            (op::READONLY_BUFFER, _) => drop(f.top()?),
            (_, Given::Number(n)) => f.stack.push(Item::Int(n)),
            (_, Given::Decimal(n)) => f.stack.push(Item::Float(n)),
            (_, Given::Bytes(offset, len)) => {
                let item = self.literal(byte, offset, len)?;
                f.stack.push(item);
            }
            _ => return Err("the pickle cannot be followed".to_owned()),
        }
        Ok(())
    }

    fn literal(&mut self, byte: u8, offset: u64, len: u64) -> Result<Item> {
        let unread = || "holds a number that no loader reads".to_owned();
        let line = |me: &Self| {
            let max = usize::try_from(len.min(LINE)).unwrap_or(0);
            me.reader.bytes_at(offset, max).into_owned()
        };
        let coding = match byte {
            op::INT => {
                let text = line(self);
                return match text.trim_ascii() {
                    b"00" => Ok(Item::Bool(false)),
                    b"01" => Ok(Item::Bool(true)),
                    _ => literal::int(&text).any().map(Item::Int).ok_or_else(unread),
                };
            }
            op::LONG if len > 40 => return Ok(Item::Other),
            op::LONG => {
                // The reading of a number beyond 64 bits is the largest of them.
                let kept = |n| if n == i64::MAX { Item::Other } else { Item::Int(n) };
                return literal::long(&line(self)).any().map(kept).ok_or_else(unread);
            }
            op::FLOAT => {
                let text = String::from_utf8_lossy(&line(self)).trim().to_owned();
                return text.parse().map(Item::Float).map_err(|_| unread());
            }
            op::LONG1 | op::LONG4 if len > 8 => return Ok(Item::Other),
            op::LONG1 | op::LONG4 => return Ok(Item::Int(signed(&line(self)))),
            op::STRING => {
                let raw = line(self);
                let quoted = raw.len() as u64 == len && literal::unquoted(&raw).is_some();
                let long = len > LINE;
                if !quoted && !long {
                    return Err("holds a string without quotes".to_owned());
                }
                return self.placed(Coding::Quoted, offset.saturating_add(1), len.saturating_sub(2));
            }
            op::UNICODE => Coding::RawEscape,
            op::BINSTRING | op::SHORT_BINSTRING => Coding::Latin,
            op::BINBYTES | op::SHORT_BINBYTES | op::BINBYTES8 | op::BYTEARRAY8 => Coding::Bytes,
            _ => Coding::Utf8,
        };
        self.placed(coding, offset, len)
    }

    fn placed(&mut self, coding: Coding, offset: u64, len: u64) -> Result<Item> {
        self.make(Node::Constant(Place { coding, offset, len }), 0)
    }

    fn import(&mut self, module: String, name: String) -> Result<Item> {
        if let Some(at) = self.globals.get(&(module.clone(), name.clone())) {
            return Ok(Item::Node(*at));
        }
        let size = module.len().saturating_add(name.len());
        let item = self.make(Node::Global(Box::new((module.clone(), name.clone()))), size)?;
        if let Item::Node(at) = item {
            self.globals.insert((module, name), at);
        }
        Ok(item)
    }

    fn called(&mut self, f: &mut Frame, callee: Item, args: Item, instance: bool) -> Result<()> {
        let call = Call {
            callee,
            args,
            state: None,
            items: Vec::new(),
            pairs: Vec::new(),
            raw: None,
            nested: None,
            instance,
        };
        self.push_node(f, Node::Call(Box::new(call)), 8)
    }

    fn index(&self, given: &Given) -> Result<u64> {
        match given {
            Given::Number(n) => u64::try_from(*n).ok(),
            Given::Bytes(offset, len) => {
                let max = usize::try_from((*len).min(LINE)).unwrap_or(0);
                literal::index(&self.reader.bytes_at(*offset, max))
            }
            _ => None,
        }
        .ok_or_else(|| "keeps a value under something that is not a number".to_owned())
    }

    fn memoize(&mut self, f: &mut Frame, at: u64, item: Item) -> Result<()> {
        if !f.memo.contains_key(&at) {
            self.budget.memory(2 * ITEM).map_err(cost)?;
        }
        f.memo.insert(at, item);
        Ok(())
    }

    fn append(&mut self, target: Item, items: &[Item]) -> Result<()> {
        self.budget
            .memory(ITEM.saturating_mul(items.len() as u64))
            .map_err(cost)?;
        match self.target(target) {
            Some(Node::List(into) | Node::Set(into)) => into.extend_from_slice(items),
            Some(Node::Call(call)) => call.items.extend_from_slice(items),
            _ => {}
        }
        Ok(())
    }

    fn set(&mut self, target: Item, items: &[Item]) -> Result<()> {
        self.budget
            .memory(ITEM.saturating_mul(items.len() as u64))
            .map_err(cost)?;
        match self.target(target) {
            Some(Node::Dict(into)) => into.extend(pairs(items)),
            Some(Node::Call(call)) => call.pairs.extend(pairs(items)),
            _ => {}
        }
        Ok(())
    }

    fn target(&mut self, item: Item) -> Option<&mut Node> {
        match item {
            Item::Node(at) => self.tree.nodes.get_mut(at as usize),
            _ => None,
        }
    }

    fn build(&mut self, target: Item, state: Item, depth: u32) -> Result<()> {
        match self.target(target) {
            Some(Node::Call(call)) => call.state = Some(state),
            _ => return Ok(()),
        }
        let wrapper = self
            .tree
            .call(target)
            .and_then(|call| self.tree.class(call))
            .is_some_and(|(m, n)| n == "NumpyArrayWrapper" && m.ends_with("numpy_pickle"));
        if !wrapper {
            return Ok(());
        }
        match (self.how.behind)(&self.tree, state) {
            Behind::Raw { bytes, aligned } => {
                if aligned {
                    let pad = self.reader.u8().ok_or_else(ended)?;
                    self.reader.skip(u64::from(pad));
                }
                let offset = self.reader.offset();
                if !self.reader.skip(bytes) {
                    return Err("an array is cut off".to_owned());
                }
                if let Some(Node::Call(call)) = self.target(target) {
                    call.raw = Some(Place {
                        coding: Coding::Bytes,
                        offset,
                        len: bytes,
                    });
                }
            }
            Behind::Pickle if depth < DEPTH => {
                let mut inner = Frame::default();
                let root = self.framed(&mut inner, depth.saturating_add(1))?;
                if let Some(Node::Call(call)) = self.target(target) {
                    call.nested = Some(root);
                }
            }
            Behind::Pickle => return Err(format!("nests more than {DEPTH} pickles")),
            Behind::Unknown => return Err("holds an array whose size cannot be told".to_owned()),
        }
        Ok(())
    }
}

/// The operand of an instruction.
enum Given {
    Nothing,
    Number(i64),
    Decimal(f64),
    Bytes(u64, u64),
    Names(String, String),
}

/// Little-endian two's complement of at most eight bytes.
fn signed(bytes: &[u8]) -> i64 {
    let negative = bytes.last().is_some_and(|b| b & 0x80 != 0);
    let mut whole = [if negative { 0xff } else { 0 }; 8];
    for (to, from) in whole.iter_mut().zip(bytes) {
        *to = *from;
    }
    i64::from_le_bytes(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(bytes: Vec<u8>) -> Option<String> {
        let how = Reading {
            streams: 1,
            behind: |_, _| Behind::Unknown,
        };
        read(&Blob::from_bytes(bytes), 0, how, &mut Budget::default()).partly
    }

    #[test]
    fn marks_values_and_memo_are_bounded() {
        for part in [&b"("[..], b"N", b"N\x94"] {
            let why = ends(part.repeat(3 << 20)).unwrap();
            assert!(why.contains("stack"), "{why}");
        }
    }

    #[test]
    fn a_frame_gives_back_what_it_cost() {
        let limits = wellhead_core::Limits {
            memory: 1 << 20,
            ..Default::default()
        };
        let budget = &mut Budget::new(limits, std::sync::Arc::default());
        let how = Reading {
            streams: 20,
            behind: |_, _| Behind::Unknown,
        };
        // A long tuple that is thrown away, twenty times.
        let stream = [b"N(", &b"N".repeat(20_000)[..], b"1."].concat();
        let tree = read(&Blob::from_bytes(stream.repeat(20)), 0, how, budget);
        assert_eq!((tree.roots.len(), tree.partly), (20, None));
    }
}
