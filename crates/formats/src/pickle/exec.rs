//! One instruction: what each opcode does to the symbols.

use super::{
    literal,
    machine::{Halt, Machine, Step},
    opcode as op,
    program::{CallKind, Origin, WriteKind},
    value::{Kind, NodeRef, StrKind, Value, View},
};

impl Machine<'_> {
    /// Executes the opcode `byte`, whose operand is next.
    #[inline]
    pub(super) fn step(&mut self, byte: u8) -> Step {
        match byte {
            op::MARK => self.f.marks.push(self.f.stack.len()),
            op::STOP => {
                self.result = self.pop();
                return Err(Halt::Stop);
            }
            op::POP => {
                if self.f.marks.last() == Some(&self.f.stack.len()) {
                    self.f.marks.pop();
                } else {
                    self.pop();
                }
            }
            op::POP_MARK => {
                let from = self.pop_mark();
                self.f.stack.truncate(from);
            }
            op::DUP => {
                let v = self.top();
                self.push(v);
            }
            op::NONE => self.push(Value::NONE),
            op::NEWTRUE => self.push(Value::TRUE),
            op::NEWFALSE => self.push(Value::FALSE),
            op::EMPTY_TUPLE => self.empty(Kind::Tuple),
            op::EMPTY_LIST => self.empty(Kind::List),
            op::EMPTY_DICT => self.empty(Kind::Dict),
            op::EMPTY_SET => self.empty(Kind::Set),
            op::TUPLE => self.gathered(Kind::Tuple),
            op::LIST => self.gathered(Kind::List),
            op::DICT => self.gathered(Kind::Dict),
            op::FROZENSET => self.gathered(Kind::FrozenSet),
            op::TUPLE1 => self.tuple::<1>(),
            op::TUPLE2 => self.tuple::<2>(),
            op::TUPLE3 => self.tuple::<3>(),
            op::APPEND => {
                let v = self.pop();
                self.add("APPEND", WriteKind::Append, &[v]);
            }
            op::SETITEM => {
                let value = self.pop();
                let key = self.pop();
                self.add("SETITEM", WriteKind::Items, &[key, value]);
            }
            op::APPENDS => self.add_gathered("APPENDS", WriteKind::Append),
            op::SETITEMS => self.add_gathered("SETITEMS", WriteKind::Items),
            op::ADDITEMS => self.add_gathered("ADDITEMS", WriteKind::Add),
            op::MEMOIZE => self.memoize(self.f.memo_len),
            op::BININT1 => {
                let [n] = self.operand()?;
                self.push(Value::int(i64::from(n)));
            }
            op::BININT2 => {
                let n = u16::from_le_bytes(self.operand()?);
                self.push(Value::int(i64::from(n)));
            }
            op::BININT => {
                let n = i32::from_le_bytes(self.operand()?);
                self.push(Value::int(i64::from(n)));
            }
            op::BINFLOAT => {
                self.operand::<8>()?;
                self.push(Value::INERT);
            }
            op::BINGET => {
                let [n] = self.operand()?;
                self.recall(u64::from(n));
            }
            op::LONG_BINGET => {
                let n = u32::from_le_bytes(self.operand()?);
                self.recall(u64::from(n));
            }
            op::BINPUT => {
                let [n] = self.operand()?;
                self.memoize(u64::from(n));
            }
            op::LONG_BINPUT => {
                let n = u32::from_le_bytes(self.operand()?);
                self.memoize(u64::from(n));
            }
            op::SHORT_BINUNICODE => self.short(StrKind::Utf8)?,
            op::BINUNICODE => self.counted(StrKind::Utf8)?,
            op::SHORT_BINBYTES => self.short(StrKind::Bytes)?,
            op::SHORT_BINSTRING => self.short(StrKind::Latin)?,
            op::BINBYTES => self.counted(StrKind::Bytes)?,
            op::BINSTRING => self.counted_signed(StrKind::Latin)?,
            op::BINUNICODE8 => self.counted_long(StrKind::Utf8)?,
            op::BINBYTES8 => self.counted_long(StrKind::Bytes)?,
            op::BYTEARRAY8 => self.counted_long(StrKind::ByteArray)?,
            _ => return self.rare(byte),
        }
        Ok(())
    }

    /// The opcodes that stand once per object or less.
    fn rare(&mut self, byte: u8) -> Step {
        match byte {
            op::REDUCE => {
                let args = self.pop();
                let callee = self.pop();
                let v = self.call(CallKind::Reduce, "REDUCE", callee, args, None);
                self.push(v);
            }
            op::NEWOBJ => {
                let args = self.pop();
                let class = self.pop();
                let v = self.call(CallKind::New, "NEWOBJ", class, args, None);
                self.push(v);
            }
            op::NEWOBJ_EX => {
                let kwargs = self.pop();
                let args = self.pop();
                let class = self.pop();
                let v = self.call(CallKind::New, "NEWOBJ_EX", class, args, Some(kwargs));
                self.push(v);
            }
            op::BUILD => {
                let state = self.pop();
                self.build(state);
            }
            op::GLOBAL => {
                let id = self.two_lines("GLOBAL")?;
                let v = self.imported(id);
                self.push(v);
            }
            op::STACK_GLOBAL => self.stack_global(),
            op::INST => {
                let id = self.two_lines("INST")?;
                let class = self.imported(id);
                let args = self.gather(Kind::Tuple);
                let v = self.call(CallKind::Instance, "INST", class, args, None);
                self.push(v);
            }
            op::OBJ => self.obj(),
            op::BINPERSID => {
                let pid = self.pop();
                self.persistent(pid);
            }
            op::PERSID => {
                let line = self.line()?;
                let pid = self.constant(StrKind::Utf8, line.offset, line.len);
                self.persistent(pid);
            }
            op::NEXT_BUFFER => self.push(Value::INERT),
            op::READONLY_BUFFER => {
                self.top();
            }
            op::PROTO => {
                let [n] = self.operand()?;
                if n > 5 {
                    self.fail("declares a protocol that no loader knows");
                }
                self.f.protocol = n;
            }
            op::FRAME => {
                let n = u64::from_le_bytes(self.operand()?);
                self.enter_frame(n);
            }
            op::EXT1 => {
                let [n] = self.operand()?;
                self.extension("EXT1", i64::from(n));
            }
            op::EXT2 => {
                let n = u16::from_le_bytes(self.operand()?);
                self.extension("EXT2", i64::from(n));
            }
            op::EXT4 => {
                let n = i32::from_le_bytes(self.operand()?);
                self.extension("EXT4", i64::from(n));
            }
            _ => return self.literals(byte),
        }
        Ok(())
    }

    /// Numbers and strings that are written out, and large integers.
    fn literals(&mut self, byte: u8) -> Step {
        match byte {
            op::INT => {
                let line = self.line_bytes()?;
                let r = literal::int(&line);
                if let Some(words) = r.difference("number", |n| n.to_string()) {
                    self.differs(words, true);
                }
                self.number(r.any().map(Value::int));
            }
            op::LONG => {
                let at = self.line()?;
                let max = usize::try_from(at.len).unwrap_or(64).min(64);
                let line = self.reader.bytes_at(at.offset, max).into_owned();
                if at.len > 64 {
                    self.push(Value::INERT);
                    return Ok(());
                }
                let r = literal::long(&line);
                if let Some(words) = r.difference("number", |n| n.to_string()) {
                    self.differs(words, true);
                }
                let digits = self.constant(StrKind::Digits, at.offset, at.len);
                self.number(
                    r.any()
                        .map(|n| if n == i64::MAX { digits } else { Value::int(n) }),
                );
            }
            op::FLOAT => {
                let line = self.line_bytes()?;
                let r = literal::float(&line);
                if let Some(words) = r.difference("decimal number", |()| "a number".to_owned()) {
                    self.differs(words, true);
                }
                self.number(r.any().map(|()| Value::INERT));
            }
            op::LONG1 => self.short(StrKind::Binary)?,
            op::LONG4 => self.counted_signed(StrKind::Binary)?,
            op::GET => {
                let line = self.line_bytes()?;
                match literal::index(&line) {
                    Some(n) => self.recall(n),
                    None => self.number(None),
                }
            }
            op::PUT => {
                let line = self.line_bytes()?;
                match literal::index(&line) {
                    Some(n) => self.memoize(n),
                    None => self.fail("keeps a value under something that is not a number"),
                }
            }
            op::STRING => {
                let line = self.line()?;
                let quotes = [
                    self.reader.bytes_at(line.offset, 1).first().copied(),
                    self.reader
                        .bytes_at(line.offset.saturating_add(line.len).saturating_sub(1), 1)
                        .first()
                        .copied(),
                ];
                let quoted =
                    line.len >= 2 && quotes[0] == quotes[1] && matches!(quotes[0], Some(b'\'' | b'"'));
                if quoted {
                    let v = self.string(
                        StrKind::Quoted,
                        line.offset.saturating_add(1),
                        line.len.saturating_sub(2),
                    );
                    self.push(v);
                } else {
                    self.fail("holds a string without quotes");
                    self.push(Value::INERT);
                }
            }
            op::UNICODE => {
                let line = self.line()?;
                let v = self.string(StrKind::RawEscape, line.offset, line.len);
                self.push(v);
            }
            _ => return Err(Halt::Lexical(format!("byte 0x{byte:02x} is no opcode"))),
        }
        Ok(())
    }

    fn number(&mut self, v: Option<Value>) {
        if v.is_none() {
            self.fail("holds a number that no loader reads");
        }
        self.push(v.unwrap_or(Value::UNKNOWN));
    }

    #[inline]
    fn operand<const N: usize>(&mut self) -> Result<[u8; N], Halt> {
        self.reader.array().ok_or(Halt::EndOfData)
    }

    #[inline]
    fn short(&mut self, kind: StrKind) -> Step {
        let [n] = self.operand()?;
        self.take_string(kind, u64::from(n))
    }

    #[inline]
    fn counted(&mut self, kind: StrKind) -> Step {
        let n = u32::from_le_bytes(self.operand()?);
        self.take_string(kind, u64::from(n))
    }

    fn counted_signed(&mut self, kind: StrKind) -> Step {
        let n = i32::from_le_bytes(self.operand()?);
        let n = u64::try_from(n).map_err(|_| Halt::Lexical("a string has a negative length".to_owned()))?;
        self.take_string(kind, n)
    }

    fn counted_long(&mut self, kind: StrKind) -> Step {
        let n = u64::from_le_bytes(self.operand()?);
        self.take_string(kind, n)
    }

    #[inline]
    fn take_string(&mut self, kind: StrKind, len: u64) -> Step {
        let offset = self.reader.offset();
        let v = self.string(kind, offset, len);
        if !self.reader.skip(len) {
            return Err(Halt::EndOfData);
        }
        self.push(v);
        Ok(())
    }

    #[inline]
    fn string(&mut self, kind: StrKind, offset: u64, len: u64) -> Value {
        let v = self.constant(kind, offset, len);
        if len >= 8 {
            self.look_into(v, offset);
        }
        v
    }

    #[inline]
    fn empty(&mut self, kind: Kind) {
        let node = self.nodes.make(kind, Value::NONE, Value::NONE, &[]);
        self.push(Value::node(node));
    }

    #[inline]
    fn gathered(&mut self, kind: Kind) {
        let v = self.gather(kind);
        self.push(v);
    }

    #[inline]
    fn tuple<const N: usize>(&mut self) {
        let len = self.f.stack.len();
        if len < self.fence().saturating_add(N) {
            self.fail("takes from an empty stack");
            self.push(Value::UNKNOWN);
            return;
        }
        let from = len.saturating_sub(N);
        let items = self.f.stack.get(from..).unwrap_or_default();
        let node = self.nodes.make(Kind::Tuple, Value::NONE, Value::NONE, items);
        self.f.stack.truncate(from);
        self.weigh(node);
        self.push(Value::node(node));
    }

    fn add_gathered(&mut self, opcode: &'static str, kind: WriteKind) {
        let from = self.pop_mark();
        if let Some(target) = self.plain_target(from, kind) {
            let items = self.f.stack.get(from..).unwrap_or_default();
            let odd = items.len() % 2 == 1;
            let node = self.nodes.extend(target, items);
            self.f.stack.truncate(from);
            self.set_top(Value::node(node));
            self.weigh(node);
            if odd && kind == WriteKind::Items {
                self.fail("sets an odd number of keys and values");
            }
            return;
        }
        let items = self.f.stack.split_off(from);
        if items.is_empty() {
            // The C unpickler looks at the target only when there is something to put into it.
            self.top();
            return;
        }
        self.add(opcode, kind, &items);
    }

    /// The container below `from`, where it is a plain one of the right kind.
    #[inline]
    fn plain_target(&self, from: usize, kind: WriteKind) -> Option<NodeRef> {
        let below = from.checked_sub(1).filter(|at| *at >= self.fence())?;
        let View::Node(n) = self.f.stack.get(below)?.view() else {
            return None;
        };
        let fits = match kind {
            WriteKind::Append => n.kind == Kind::List,
            WriteKind::Items => n.kind == Kind::Dict || n.kind == Kind::List,
            WriteKind::Add => n.kind == Kind::Set,
            WriteKind::State => false,
        };
        fits.then_some(n)
    }

    /// Adds items to what is on the top of the stack.
    #[inline]
    fn add(&mut self, opcode: &'static str, kind: WriteKind, items: &[Value]) {
        if let Some(target) = self.plain_target(self.f.stack.len(), kind) {
            let node = self.nodes.extend(target, items);
            self.weigh(node);
            self.set_top(Value::node(node));
            return;
        }
        let target = self.top();
        self.change(opcode, kind, target, items);
    }

    fn obj(&mut self) {
        let from = self.pop_mark();
        let class = self.f.stack.get(from).copied();
        let args = self.f.stack.get(from.saturating_add(1)..).unwrap_or_default();
        let node = self.nodes.make(Kind::Tuple, Value::NONE, Value::NONE, args);
        self.f.stack.truncate(from);
        let class = class.unwrap_or_else(|| {
            self.fail("makes an object of nothing");
            Value::UNKNOWN
        });
        let v = self.call(CallKind::Instance, "OBJ", class, Value::node(node), None);
        self.push(v);
    }

    fn two_lines(&mut self, opcode: &'static str) -> Result<u32, Halt> {
        let module = self.line()?;
        let name = self.line()?;
        let cut = |n: u64| usize::try_from(n).unwrap_or(4096).min(4096);
        let (m, n) = (
            self.reader.bytes_at(module.offset, cut(module.len)).into_owned(),
            self.reader.bytes_at(name.offset, cut(name.len)).into_owned(),
        );
        if std::str::from_utf8(&m).is_err() || std::str::from_utf8(&n).is_err() {
            self.fail("imports a name that is not UTF-8");
        }
        Ok(self.import(&m, &n, opcode, Origin::Literal))
    }
}
