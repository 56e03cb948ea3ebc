//! Imports, calls and changes: what a pickle does beyond holding data.

use super::{
    fold::{Fold, fold},
    machine::{LISTED, Machine},
    program::{CallKind, Callee, Evaluated, Expr, Extension, ImportId, Origin, Persistent, WriteKind},
    record::{Importing, note},
    store::KEPT,
    value::{Kind, NodeRef, StrKind, Value, View},
};

/// How deep an argument is looked into and shown.
const DEPTH: u32 = 4;
/// How many values of the arguments of one call are looked at.
const SCANNED: u32 = 512;
/// How many items of a container are shown.
const SHOWN: usize = 8;
/// How much of a text is shown.
const TEXT: usize = 120;

impl Machine<'_> {
    // --- names ---

    pub(super) fn import(&mut self, module: &[u8], name: &[u8], opcode: &'static str, origin: Origin) -> u32 {
        let old = self.f.protocol < 3;
        let (site, after_damage) = (self.site(), self.after_damage());
        let how = || Importing {
            site,
            opcode,
            origin,
            old_names: old,
            after_damage,
        };
        self.records
            .import(module, name, how, old, origin == Origin::Bound)
    }

    /// The value of an import: the thing itself, or what the pickle wrote into that attribute before.
    pub(super) fn imported(&self, id: u32) -> Value {
        if self.records.attributes.is_empty() {
            return Value::import(id);
        }
        let written = self.records.name_of(id).and_then(|(m, n)| {
            self.records
                .attributes
                .get(&(m.to_owned(), n.to_owned()))
                .copied()
        });
        written.unwrap_or_else(|| Value::import(id))
    }

    pub(super) fn stack_global(&mut self) {
        let name = self.pop();
        let module = self.pop();
        if let Some(id) = self.records.stack_names.get(&(module, name)).copied() {
            let again = self.records.imports.get_mut(id as usize);
            if let Some(i) = again.filter(|i| !i.after_damage || self.f.damaged.is_some()) {
                i.count = i.count.saturating_add(1);
                let v = self.imported(id);
                self.push(v);
                return;
            }
        }
        let computed = [module, name].iter().any(|v| self.place(*v).is_none());
        let origin = if computed {
            Origin::Computed
        } else {
            Origin::Literal
        };
        for v in [module, name] {
            let text = match v.view() {
                View::Str(s) => !matches!(
                    s.kind,
                    StrKind::Bytes | StrKind::ByteArray | StrKind::Digits | StrKind::Binary
                ),
                View::Unknown => true,
                View::Node(n) => matches!(n.kind, Kind::Call | Kind::Persistent),
                View::Long(..) => true,
                _ => false,
            };
            if !text {
                self.fail("imports a name that is not a string");
            }
        }
        let show = |m: &Self, v: Value| m.computed_text(v).unwrap_or_else(|| "?".to_owned());
        let (m, n) = (show(self, module), show(self, name));
        let id = self.import(m.as_bytes(), n.as_bytes(), "STACK_GLOBAL", origin);
        if self.records.stack_names.len() < 1 << 16 && !computed {
            self.records.stack_names.insert((module, name), id);
        }
        let v = self.imported(id);
        self.push(v);
    }

    pub(super) fn extension(&mut self, opcode: &'static str, code: i64) {
        let known = self.records.codes.get(&code).copied();
        let id = known.and_then(|id| {
            let (m, n) = self.records.name_of(id)?;
            let (m, n) = (m.to_owned(), n.to_owned());
            Some(self.import(m.as_bytes(), n.as_bytes(), opcode, Origin::Extension))
        });
        if self.records.extensions.len() < LISTED && !self.records.extensions.iter().any(|e| e.code == code) {
            let site = self.site();
            self.records.extensions.push(Extension {
                code,
                site,
                import: id.map(ImportId),
            });
        }
        if code <= 0 {
            self.fail("uses an extension code that cannot be registered");
        }
        self.push(id.map_or(Value::UNKNOWN, Value::import));
    }

    pub(super) fn persistent(&mut self, pid: Value) {
        let class = self.class_of_module(pid);
        let node = self.nodes.make(Kind::Persistent, Value::NONE, pid, &[]);
        let site = self.site();
        let shown = match &self.records.persistent {
            Some(p) if p.samples.len() >= 3 => None,
            _ => Some(self.expr(pid, 0)),
        };
        self.note_storage(pid);
        let p = self.records.persistent.get_or_insert(Persistent {
            site,
            samples: Vec::new(),
            count: 0,
        });
        p.count = p.count.saturating_add(1);
        p.samples.extend(shown);
        self.push(class.unwrap_or(Value::node(node)));
    }

    /// Torch's old format writes the class of a layer as the id `("module", class, file, source)`, and the loader
    /// gives the class back.
    fn class_of_module(&self, pid: Value) -> Option<Value> {
        let View::Node(n) = pid.view() else { return None };
        if n.kind != Kind::Tuple {
            return None;
        }
        let mut items = self.nodes.items(n)?;
        let (word, class) = (items.next()?, items.next()?);
        let is_class = matches!(class.view(), View::Import(_));
        (is_class && self.text_of(word).as_deref() == Some("module")).then_some(class)
    }

    // --- calls ---

    fn callee(&self, v: Value) -> Option<Callee> {
        match v.view() {
            View::Import(id) => Some(Callee::Import(ImportId(id))),
            View::Node(n) if n.kind == Kind::Call => Some(match n.of {
                Some(id) => Callee::Result(ImportId(id)),
                None => Callee::Unknown,
            }),
            View::Node(n) if n.kind == Kind::Persistent => Some(Callee::Persistent),
            View::Unknown => Some(Callee::Unknown),
            View::Dtype(_) => Some(Callee::Unknown),
            _ => None,
        }
    }

    /// Calls `callee` and says what it returns.
    pub(super) fn call(
        &mut self,
        kind: CallKind,
        opcode: &'static str,
        callee: Value,
        args: Value,
        kwargs: Option<Value>,
    ) -> Value {
        let Some(who) = self.callee(callee) else {
            self.fail("calls something that is not callable");
            return Value::UNKNOWN;
        };
        self.check_args(kind, args);
        let after = self.after_damage();
        let site = self.site();
        let (at, sample) = self.records.call(who, kind, opcode, after, || site);
        if sample {
            let mut shown = match self.expr(args, 0) {
                Expr::Tuple(items) => items,
                other => vec![other],
            };
            shown.extend(kwargs.map(|k| self.expr(k, 0)));
            self.records.sample(at, shown);
        }
        self.scan_args(at, args, 0, &mut { SCANNED });
        if let Some(k) = kwargs {
            self.scan_args(at, k, 0, &mut { SCANNED });
        }
        let (of, opaque) = match who {
            Callee::Import(id) | Callee::Result(id) => (Some(id.0), matches!(who, Callee::Result(_))),
            _ => (None, true),
        };
        let folded = fold(self, callee, args);
        if !is_followed(who, &folded) {
            self.records.not_followed(at);
        }
        match folded {
            Fold::Value(v) => v,
            Fold::Opaque | Fold::Pure => self.returned(callee, args, of, opaque),
            Fold::Calls(inner, inner_args) => self
                .indirect(CallKind::Indirect, inner, inner_args, 0)
                .unwrap_or_else(|| self.returned(callee, args, of, opaque)),
            Fold::Makes(class, inner_args) => self
                .indirect(CallKind::New, class, inner_args, 0)
                .unwrap_or_else(|| self.returned(callee, args, of, opaque)),
            Fold::Applies(inner) => {
                self.indirect(CallKind::Indirect, inner, Value::UNKNOWN, 0);
                self.returned(callee, args, of, opaque)
            }
            Fold::Binds(inner) => {
                self.indirect(CallKind::Bind, inner, Value::UNKNOWN, 0);
                self.returned(callee, args, of, opaque)
            }
        }
    }

    /// A call that the callee makes of its argument.
    fn indirect(&mut self, kind: CallKind, callee: Value, args: Value, depth: u32) -> Option<Value> {
        let who = self.callee(callee)?;
        let after = self.after_damage();
        let site = self.site();
        let (at, sample) = self.records.call(who, kind, "REDUCE", after, || site);
        if sample {
            let shown = match self.expr(args, 0) {
                Expr::Tuple(items) => items,
                other => vec![other],
            };
            self.records.sample(at, shown);
        }
        if args != Value::UNKNOWN {
            self.scan_args(at, args, 0, &mut { SCANNED });
        }
        let of = match who {
            Callee::Import(id) | Callee::Result(id) => Some(id.0),
            _ => None,
        };
        // Each round of `partial(partial(…))` is one call deeper, and the chain ends somewhere.
        let folded = fold(self, callee, args);
        if !is_followed(who, &folded) {
            self.records.not_followed(at);
        }
        let further = match folded {
            Fold::Value(v) => return Some(v),
            Fold::Calls(c, a) if depth < 16 => {
                self.indirect(CallKind::Indirect, c, a, depth.saturating_add(1))
            }
            Fold::Makes(c, a) if depth < 16 => self.indirect(CallKind::New, c, a, depth.saturating_add(1)),
            Fold::Applies(c) if depth < 16 => {
                self.indirect(CallKind::Indirect, c, Value::UNKNOWN, depth.saturating_add(1));
                None
            }
            Fold::Binds(c) if depth < 16 => {
                self.indirect(CallKind::Bind, c, Value::UNKNOWN, depth.saturating_add(1));
                None
            }
            _ => None,
        };
        further.or_else(|| Some(self.returned(callee, args, of, of.is_none())))
    }

    fn returned(&mut self, callee: Value, args: Value, of: Option<u32>, opaque: bool) -> Value {
        let node = self.nodes.make(Kind::Call, callee, args, &[]);
        Value::node(NodeRef { of, opaque, ..node })
    }

    fn check_args(&mut self, kind: CallKind, args: Value) {
        match args.view() {
            View::Node(n) if n.kind == Kind::Tuple => {}
            View::Node(n) if matches!(n.kind, Kind::List | Kind::Set | Kind::FrozenSet | Kind::Dict) => {
                self.arguments_differ(kind);
            }
            View::Str(_) | View::Long(..) => self.arguments_differ(kind),
            View::None | View::Bool(_) | View::Int(_) | View::Inert => {
                self.fail("calls with arguments that are not a tuple");
            }
            _ => {}
        }
    }

    fn arguments_differ(&mut self, kind: CallKind) {
        if kind != CallKind::Instance {
            self.differs(
                "the arguments of a call are no tuple: the Python unpickler makes the call, the C one refuses it"
                    .to_owned(),
                true,
            );
        }
    }

    /// Notes which imports are among the arguments.
    fn scan_args(&mut self, at: usize, v: Value, depth: u32, fuel: &mut u32) {
        let Some(left) = fuel.checked_sub(1) else {
            self.records.passes_unknown(at);
            return;
        };
        *fuel = left;
        match v.view() {
            View::Import(id) => self.records.passes(at, id),
            View::Unknown => self.records.passes_unknown(at),
            View::Node(n) => {
                if n.opaque {
                    self.records.passes_unknown(at);
                }
                if n.kind == Kind::Call || n.kind == Kind::Persistent {
                    return;
                }
                if let Some(of) = n.of {
                    self.records.passes(at, of);
                }
                // Only what holds an import, or is the tuple of arguments itself, is worth a look.
                if depth >= DEPTH || (depth > 0 && n.of.is_none() && !n.opaque) {
                    return;
                }
                let mut buf = [Value::NONE; KEPT];
                let mut len = 0_usize;
                if let Some(items) = self.nodes.items(n) {
                    for (slot, item) in buf.iter_mut().zip(items) {
                        *slot = item;
                        len = len.saturating_add(1);
                    }
                }
                for item in buf.iter().take(len) {
                    self.scan_args(at, *item, depth.saturating_add(1), fuel);
                }
            }
            _ => {}
        }
    }

    // --- changes ---

    /// Changes an object that is not a plain container.
    pub(super) fn change(&mut self, _opcode: &'static str, kind: WriteKind, target: Value, items: &[Value]) {
        let Some(who) = self.callee(target) else {
            if !matches!(target.view(), View::Node(_)) {
                self.fail("changes a value that cannot be changed");
            }
            return;
        };
        let site = self.site();
        let after = self.after_damage();
        let holds: Vec<u32> = items.iter().filter_map(|v| v.holds()).take(KEPT).collect();
        let step = if kind == WriteKind::Items { 2 } else { usize::MAX };
        let known = self
            .records
            .write(who, kind, after, || site)
            .map_or(0, |w| w.keys.len());
        let keys: Vec<String> = if known < 16 {
            items
                .iter()
                .step_by(step)
                .take(16)
                .filter_map(|k| self.text_of(*k))
                .collect()
        } else {
            Vec::new()
        };
        self.note_write(who, kind, keys, &holds);
    }

    fn note_write(&mut self, who: Callee, kind: WriteKind, keys: Vec<String>, holds: &[u32]) {
        let site = self.site();
        let after = self.after_damage();
        if let Some(w) = self.records.write(who, kind, after, || site) {
            w.count = w.count.saturating_sub(1);
            for key in keys {
                if w.keys.len() < 32 && !w.keys.contains(&key) {
                    w.keys.push(key);
                }
            }
            for id in holds {
                note(&mut w.passes, *id);
            }
        }
    }

    /// BUILD: gives the object on the top of the stack its state.
    pub(super) fn build(&mut self, state: Value) {
        let target = self.top();
        if let View::Dtype(id) = target.view() {
            self.build_dtype(id, state);
            return;
        }
        let Some(who) = self.callee(target) else { return };
        let site = self.site();
        let after = self.after_damage();
        if let Callee::Result(class) = who {
            self.note_evaluated(class, state);
        }
        let first = self
            .records
            .write(who, WriteKind::State, after, || site)
            .is_some_and(|w| w.count <= 4);
        let is_import = matches!(who, Callee::Import(_));
        let mut holds = Vec::new();
        self.collect_imports(state, 0, &mut holds);
        if first || is_import {
            let pairs = self.attributes(state);
            let keys = pairs.iter().filter_map(|(k, _)| self.text_of(*k)).collect();
            self.note_write(who, WriteKind::State, keys, &holds);
            if let Callee::Import(id) = who {
                self.remember_attributes(id.0, &pairs);
            }
        } else if !holds.is_empty() {
            self.note_write(who, WriteKind::State, Vec::new(), &holds);
        }
        self.skip_array(target, state);
    }

    /// Notes the text that an object's class runs as code when it gets its state.
    fn note_evaluated(&mut self, class: ImportId, state: Value) {
        let Some(Some(wanted)) = self.records.evaluates.get(class.0 as usize).copied() else {
            return;
        };
        let pairs = self.attributes(state);
        // Of a large dictionary not all is kept, and a state that is no dictionary may be any.
        let seen = !pairs.is_empty()
            && match state.view() {
                View::Node(n) if n.kind == Kind::Dict => self.nodes.get(n).is_some_and(|n| !n.cut),
                _ => false,
            };
        let site = self.site();
        let mut found: Vec<Evaluated> = pairs
            .iter()
            .filter(|(key, _)| self.computed_text(*key).is_none_or(|k| k == wanted))
            .map(|(key, value)| Evaluated {
                class,
                key: self.computed_text(*key).unwrap_or_default(),
                text: self.computed_text(*value),
                site,
            })
            .collect();
        let is_none = matches!(
            state.view(),
            View::None | View::Inert | View::Bool(_) | View::Int(_)
        );
        if !seen && !is_none {
            found.push(Evaluated {
                class,
                key: String::new(),
                text: None,
                site,
            });
        }
        for evaluated in found {
            let known = &mut self.records.evaluated;
            let again = known
                .iter()
                .any(|e| e.class == class && e.key == evaluated.key && e.text == evaluated.text);
            if !again && known.len() < LISTED {
                known.push(evaluated);
            } else if !again {
                self.records.partly.get_or_insert_with(|| {
                    "holds more text that is run as code than is looked at".to_owned()
                });
            }
        }
    }

    /// The imports that a value holds, as far as they are still known.
    fn collect_imports(&self, v: Value, depth: u32, into: &mut Vec<u32>) {
        if into.len() >= KEPT {
            return;
        }
        match v.view() {
            View::Import(id) => into.push(id),
            View::Node(n) if n.kind != Kind::Call && n.kind != Kind::Persistent => {
                let of = n.of.or_else(|| self.nodes.get(n).and_then(|node| node.of));
                let Some(of) = of else { return };
                into.push(of);
                if depth < DEPTH {
                    for item in self.nodes.items(n).into_iter().flatten() {
                        self.collect_imports(item, depth.saturating_add(1), into);
                    }
                }
            }
            _ => {}
        }
    }

    /// Keys and values of a state: a dictionary, or a pair of two.
    pub(super) fn attributes(&self, state: Value) -> Vec<(Value, Value)> {
        let View::Node(n) = state.view() else {
            return Vec::new();
        };
        let items: Vec<Value> = self.nodes.items(n).into_iter().flatten().collect();
        match n.kind {
            Kind::Dict => items
                .chunks(2)
                .filter_map(|pair| match pair {
                    [k, v] => Some((*k, *v)),
                    _ => None,
                })
                .collect(),
            Kind::Tuple if items.len() == 2 => items
                .iter()
                .filter(|v| matches!(v.view(), View::Node(n) if n.kind == Kind::Dict))
                .flat_map(|v| self.attributes(*v))
                .collect(),
            _ => Vec::new(),
        }
    }

    fn remember_attributes(&mut self, id: u32, pairs: &[(Value, Value)]) {
        let Some((module, name)) = self.records.name_of(id) else {
            return;
        };
        let (module, name) = (module.to_owned(), name.to_owned());
        for (k, v) in pairs {
            let Some(key) = self.text_of(*k) else { continue };
            let dotted = if name.is_empty() {
                key
            } else {
                format!("{name}.{key}")
            };
            if self.records.attributes.len() < 4096 {
                self.records.attributes.insert((module.clone(), dotted), *v);
            }
        }
    }

    // --- values for people ---

    /// A value as an expression, cut to a few levels and items.
    pub(super) fn expr(&self, v: Value, depth: u32) -> Expr {
        match v.view() {
            View::None => Expr::None,
            View::Bool(b) => Expr::Bool(b),
            View::Int(n) => Expr::Int(n),
            View::Inert | View::Dtype(_) => Expr::Number,
            View::Import(id) => Expr::Import(ImportId(id)),
            View::Absent | View::Unknown => Expr::Unknown,
            View::Str(_) | View::Long(..) => self.expr_string(v),
            View::Node(n) => self.expr_node(n, depth),
        }
    }

    fn expr_string(&self, v: Value) -> Expr {
        let Some((kind, _, len)) = self.place(v) else {
            return Expr::Unknown;
        };
        match kind {
            StrKind::Digits | StrKind::Binary => Expr::Number,
            StrKind::Bytes | StrKind::ByteArray => {
                Expr::Bytes(self.bytes_of(v, TEXT).unwrap_or_default(), len)
            }
            _ => self.text_of(v).map_or(Expr::Unknown, |t| Expr::Str(cut(t))),
        }
    }

    fn expr_node(&self, n: NodeRef, depth: u32) -> Expr {
        if depth >= DEPTH {
            return Expr::More;
        }
        let below = depth.saturating_add(1);
        let Some(node) = self.nodes.get(n) else {
            return Expr::Unknown;
        };
        match n.kind {
            Kind::Call => {
                match self.string_of(Value::node(n)) {
                    Some((bytes, true)) => {
                        return Expr::Str(cut(String::from_utf8_lossy(&bytes).into_owned()));
                    }
                    Some((mut bytes, false)) => {
                        let len = bytes.len() as u64;
                        bytes.truncate(TEXT);
                        return Expr::Bytes(bytes, len);
                    }
                    None => {}
                }
                let args = match self.expr(node.args, below) {
                    Expr::Tuple(items) => items,
                    other => vec![other],
                };
                Expr::Call(Box::new(self.expr(node.callee, below)), args)
            }
            Kind::Persistent => Expr::Persistent(Box::new(self.expr(node.args, below))),
            kind => {
                let wanted = if kind == Kind::Dict {
                    SHOWN.saturating_mul(2)
                } else {
                    SHOWN
                };
                let all: Vec<Value> = self.nodes.items(n).into_iter().flatten().collect();
                let mut shown: Vec<Expr> = all.iter().take(wanted).map(|v| self.expr(*v, below)).collect();
                if all.len() > wanted || node.cut {
                    shown.push(Expr::More);
                }
                match kind {
                    Kind::Tuple => Expr::Tuple(shown),
                    Kind::List => Expr::List(shown),
                    Kind::Dict => Expr::Dict(pairs(shown)),
                    _ => Expr::Set(shown),
                }
            }
        }
    }
}

/// Whether everything that a call does is known: the value that it returns, or what a `partial` that is called calls.
fn is_followed(who: Callee, folded: &Fold) -> bool {
    match folded {
        Fold::Value(_) | Fold::Pure => true,
        Fold::Calls(..) => matches!(who, Callee::Result(_)),
        _ => false,
    }
}

fn pairs(flat: Vec<Expr>) -> Vec<(Expr, Expr)> {
    let mut out = Vec::new();
    let mut flat = flat.into_iter();
    while let Some(k) = flat.next() {
        out.push((k, flat.next().unwrap_or(Expr::More)));
    }
    out
}

fn cut(text: String) -> String {
    if text.chars().count() <= TEXT {
        return text;
    }
    text.chars().take(TEXT).chain(['…']).collect()
}
