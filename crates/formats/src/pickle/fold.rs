//! Computed names: what a few pure functions return is known without running them.
//!
//! `str.join("", ["o", "s"])` hides a module's name from whoever only reads constants. The functions here are those
//! that pickles use for it; any other result is "what that call returned", and calling it is reported as such.

use super::{
    machine::Machine,
    program::{ImportId, Origin},
    value::{Kind, NodeRef, Value, View},
};
use std::io::Read as _;

/// What calling an import does, as far as the machine follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    /// Not followed.
    Other,
    /// `getattr(object, name)`.
    Getattr,
    /// `operator.attrgetter(name)`, called with the object.
    AttrGetter,
    /// `operator.methodcaller(name, …)`, called with the object.
    MethodCaller,
    /// `importlib.import_module(name)`.
    ImportModule,
    /// Calls its first argument with the rest.
    CallsFirst,
    /// `functools.partial(f, …)`: calls its first argument when it is called, or is made to hold it.
    Partial,
    /// Calls its first argument with values that are not followed, and returns something else.
    Applies,
    /// `copyreg._reconstructor(class, …)` and `copyreg.__newobj__`: make an instance of the first argument.
    Instance,
    /// `torch._utils._rebuild_from_type_v2(f, type, args, state)`.
    RebuildFromType,
    /// Unpickles its first argument.
    Loads,
    /// Unpickles the argument of that number, among others.
    LoadsNth(usize),
    /// `copyreg.add_extension(module, name, code)`.
    AddExtension,
    /// `numpy.dtype(…)`.
    Dtype,
    /// A method of `str` or `bytes`, by its name.
    Method(Method),
    /// `chr`.
    Chr,
    /// `slice`.
    Slice,
    /// `operator.getitem`.
    GetItem,
    /// `operator.add`, `operator.concat`.
    Concat,
    /// `base64.b64decode` and its twins.
    Base64,
    /// `binascii.unhexlify`, `bytes.fromhex`.
    Hex,
    /// `zlib.decompress`.
    Inflate,
}

/// A method of strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Join,
    Decode,
    Encode,
    Format,
    Replace,
    Lower,
    Upper,
    Strip,
    Modulo,
    Repeat,
}

impl Method {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "join" => Self::Join,
            "decode" => Self::Decode,
            "encode" => Self::Encode,
            "format" => Self::Format,
            "replace" => Self::Replace,
            "lower" | "casefold" => Self::Lower,
            "upper" => Self::Upper,
            "strip" | "rstrip" | "lstrip" => Self::Strip,
            "__mod__" => Self::Modulo,
            "__mul__" => Self::Repeat,
            _ => return None,
        })
    }
}

impl Function {
    pub(super) fn of(module: &str, name: &str) -> Self {
        match (module, name) {
            ("builtins", "getattr") => Self::Getattr,
            ("operator" | "_operator", "attrgetter") => Self::AttrGetter,
            ("operator" | "_operator", "methodcaller") => Self::MethodCaller,
            ("importlib" | "importlib._bootstrap", "import_module" | "__import__" | "_gcd_import")
            | ("builtins", "__import__")
            | (
                "cloudpickle.cloudpickle" | "cloudpickle" | "joblib.externals.cloudpickle.cloudpickle",
                "subimport",
            )
            | ("dill._dill" | "dill", "_import_module") => Self::ImportModule,
            ("operator" | "_operator", "call") | ("builtins", "apply") => Self::CallsFirst,
            ("functools" | "_functools", "partial") => Self::Partial,
            ("builtins", "map" | "filter")
            | ("functools" | "_functools", "reduce" | "cmp_to_key")
            | ("itertools", _)
            | ("collections", "defaultdict")
            | ("numpy", "vectorize" | "frompyfunc") => Self::Applies,
            ("copyreg", "_reconstructor" | "__newobj__" | "__newobj_ex__") => Self::Instance,
            ("torch._utils" | "torch._tensor", "_rebuild_from_type_v2" | "_rebuild_from_type") => {
                Self::RebuildFromType
            }
            ("copyreg", "add_extension") => Self::AddExtension,
            ("numpy" | "numpy.core.multiarray" | "numpy._core.multiarray", "dtype") => Self::Dtype,
            ("builtins", "chr") => Self::Chr,
            ("builtins", "slice") => Self::Slice,
            ("operator" | "_operator", "getitem" | "__getitem__") | ("builtins", "str.__getitem__") => {
                Self::GetItem
            }
            ("operator" | "_operator", "add" | "concat" | "iadd" | "iconcat" | "__add__" | "__concat__")
            | ("builtins", "str.__add__" | "bytes.__add__") => Self::Concat,
            ("operator" | "_operator", "mod") => Self::Method(Method::Modulo),
            (
                "base64",
                "b64decode" | "standard_b64decode" | "urlsafe_b64decode" | "decodebytes" | "decodestring",
            )
            | ("binascii", "a2b_base64") => Self::Base64,
            ("binascii", "unhexlify" | "a2b_hex") | ("builtins", "bytes.fromhex" | "bytearray.fromhex") => {
                Self::Hex
            }
            ("zlib", "decompress") => Self::Inflate,
            ("codecs" | "_codecs", "decode" | "utf_8_decode" | "latin_1_decode")
            | ("builtins", "str" | "bytes" | "bytearray") => Self::Method(Method::Decode),
            ("codecs" | "_codecs", "encode") => Self::Method(Method::Encode),
            ("builtins", method) => method
                .strip_prefix("str.")
                .or_else(|| method.strip_prefix("bytes."))
                .and_then(Method::of)
                .map_or(Self::Other, Self::Method),
            (_, "loads" | "_loads" | "loads_pickle") if is_pickle_module(module) => Self::Loads,
            ("torch.storage", "_load_from_bytes") => Self::Loads,
            ("spacy.vocab", "unpickle_vocab") => Self::LoadsNth(4),
            ("spacy.tokens.doc", "unpickle_doc") => Self::LoadsNth(1),
            _ => Self::Other,
        }
    }
}

/// Methods of strings that look at nothing but the string; `format` looks at attributes.
fn is_pure_method(name: &str) -> bool {
    matches!(
        name,
        "join"
            | "lower"
            | "upper"
            | "strip"
            | "lstrip"
            | "rstrip"
            | "split"
            | "rsplit"
            | "splitlines"
            | "title"
            | "replace"
            | "startswith"
            | "endswith"
            | "casefold"
            | "capitalize"
            | "swapcase"
            | "count"
            | "find"
            | "index"
            | "partition"
            | "rpartition"
            | "zfill"
            | "center"
            | "ljust"
            | "rjust"
    )
}

impl Function {
    /// Whether its call matters at once; what functions on strings return is computed when it is asked for.
    fn is_followed(self) -> bool {
        matches!(
            self,
            Self::Getattr
                | Self::ImportModule
                | Self::CallsFirst
                | Self::Partial
                | Self::Applies
                | Self::Instance
                | Self::RebuildFromType
                | Self::Loads
                | Self::LoadsNth(_)
                | Self::AddExtension
                | Self::Dtype
                | Self::GetItem
        )
    }
}

fn is_pickle_module(module: &str) -> bool {
    let last = module.rsplit('.').next().unwrap_or(module);
    matches!(
        last.trim_start_matches('_'),
        "pickle" | "dill" | "cloudpickle" | "pickle5" | "srsly" | "pickle_fast"
    ) || last.contains("pickle")
        || last.contains("dill")
}

/// What a call comes to.
pub(super) enum Fold {
    /// This value.
    Value(Value),
    /// Something that is not followed.
    Opaque,
    /// The callee calls this with that, and returns what it returns.
    Calls(Value, Value),
    /// The callee makes an instance of this.
    Makes(Value, Value),
    /// The callee calls this, and returns something of its own.
    Applies(Value),
    /// The callee keeps this, for whoever uses what it returns.
    Binds(Value),
    /// A method of a constant: a function of strings, whatever it is given.
    Pure,
}

/// What the call `callee(*args)` comes to.
pub(super) fn fold(m: &mut Machine<'_>, callee: Value, args: Value) -> Fold {
    match callee.view() {
        View::Import(id) => match m.function(callee) {
            Some(function) if function.is_followed() => m.apply(function, id, args).unwrap_or_else(|| {
                if matches!(function, Function::Loads | Function::LoadsNth(_)) {
                    m.note_unread(Some(ImportId(id)));
                }
                Fold::Opaque
            }),
            _ => Fold::Opaque,
        },
        View::Node(n) if n.kind == Kind::Call => m.call_result(callee, args).unwrap_or(Fold::Opaque),
        _ => Fold::Opaque,
    }
}

/// How many values one name may be computed from.
const FUEL: u32 = 4096;
/// How long a computed text may get.
const LONGEST: usize = 1 << 20;

/// A computed string: its bytes, and whether it is text.
type Text = (Vec<u8>, bool);

impl Machine<'_> {
    fn items_of(&self, v: Value) -> Option<Vec<Value>> {
        match v.view() {
            View::Node(n) if n.kind != Kind::Call && n.kind != Kind::Persistent => self.nodes.all_items(n),
            _ => None,
        }
    }

    fn tuple_of(&mut self, items: &[Value]) -> Value {
        Value::node(self.nodes.make(Kind::Tuple, Value::NONE, Value::NONE, items))
    }

    fn function(&self, v: Value) -> Option<Function> {
        match v.view() {
            View::Import(id) => self.records.functions.get(id as usize).copied(),
            _ => None,
        }
    }

    /// The text of which `_codecs.encode(text, "latin1")` makes bytes.
    pub(super) fn latin_source(&self, v: Value) -> Option<Value> {
        let View::Node(n) = v.view() else { return None };
        let node = *self.nodes.get(n).filter(|_| n.kind == Kind::Call)?;
        if self.function(node.callee)? != Function::Method(Method::Encode) {
            return None;
        }
        let args = self.items_of(node.args)?;
        let encoding = self.text_of(*args.get(1)?)?.to_ascii_lowercase();
        let latin = matches!(
            encoding.as_str(),
            "latin1" | "latin-1" | "iso-8859-1" | "iso8859-1" | "8859"
        );
        let text = *args.first()?;
        (latin && self.place(text).is_some()).then_some(text)
    }

    fn apply(&mut self, function: Function, id: u32, args: Value) -> Option<Fold> {
        let args = self.items_of(args)?;
        let (first, rest) = args.split_first()?;
        let first = *first;
        Some(match function {
            Function::Getattr => {
                let name = self.computed_text(*rest.first()?)?;
                if self.place(first).is_some() && is_pure_method(&name) {
                    return Some(Fold::Pure);
                }
                Fold::Value(self.attribute(first, &name)?)
            }
            Function::ImportModule => {
                let module = self.computed_text(first)?;
                Fold::Value(Value::import(self.import(
                    module.as_bytes(),
                    b"",
                    "REDUCE",
                    Origin::Computed,
                )))
            }
            Function::CallsFirst => {
                let inner = match rest {
                    [list] => self.items_of(*list).unwrap_or_else(|| rest.to_vec()),
                    _ => rest.to_vec(),
                };
                Fold::Calls(first, self.tuple_of(&inner))
            }
            Function::Partial => Fold::Binds(first),
            Function::Applies => Fold::Applies(first),
            Function::Instance => Fold::Makes(first, self.tuple_of(rest)),
            Function::RebuildFromType => Fold::Calls(first, *rest.get(1)?),
            Function::Loads => {
                self.loads(first, Some(id));
                Fold::Opaque
            }
            Function::LoadsNth(n) => {
                self.loads(*rest.get(n.checked_sub(1)?)?, Some(id));
                Fold::Opaque
            }
            Function::AddExtension => {
                let (module, name) = (self.computed_text(first)?, self.computed_text(*rest.first()?)?);
                let View::Int(code) = rest.get(1)?.view() else {
                    return None;
                };
                let id = self.import(module.as_bytes(), name.as_bytes(), "REDUCE", Origin::Extension);
                self.records.codes.insert(code, id);
                Fold::Opaque
            }
            Function::Dtype => Fold::Value(self.make_dtype(first)),
            // `Optional[int]`: a type with its arguments stands for the type.
            Function::GetItem => match first.view() {
                View::Import(_) => Fold::Value(first),
                _ => Fold::Opaque,
            },
            _ => Fold::Opaque,
        })
    }

    /// The call of what another call returned.
    fn call_result(&mut self, callee: Value, args: Value) -> Option<Fold> {
        let View::Node(n) = callee.view() else { return None };
        let node = *self.nodes.get(n)?;
        let made = self.items_of(node.args)?;
        let (first, rest) = made.split_first()?;
        match self.function(node.callee)? {
            Function::AttrGetter => {
                let name = self.computed_text(*first)?;
                let object = *self.items_of(args)?.first()?;
                Some(Fold::Value(self.attribute(object, &name)?))
            }
            Function::MethodCaller => {
                let name = self.computed_text(*first)?;
                let object = *self.items_of(args)?.first()?;
                let inner = self.tuple_of(rest);
                Some(Fold::Calls(self.attribute(object, &name)?, inner))
            }
            Function::Partial => {
                let mut all = rest.to_vec();
                all.extend(self.items_of(args).unwrap_or_default());
                let inner = self.tuple_of(&all);
                Some(Fold::Calls(*first, inner))
            }
            _ => None,
        }
    }

    /// `object.name`, where the object is an import, or an instance of one.
    fn attribute(&mut self, object: Value, name: &str) -> Option<Value> {
        let (id, mut origin) = match object.view() {
            View::Import(id) => (id, Origin::Computed),
            View::Node(n) if n.kind == Kind::Call && !n.opaque && self.string_of(object).is_none() => {
                (n.of?, Origin::Bound)
            }
            _ => return None,
        };
        if self.records.imports.get(id as usize)?.origin == Origin::Bound {
            origin = Origin::Bound;
        }
        let (module, path) = self.records.name_of(id)?;
        let dotted = if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        };
        let module = module.to_owned();
        let id = self.import(module.as_bytes(), dotted.as_bytes(), "REDUCE", origin);
        if origin == Origin::Bound {
            return Some(Value::import(id));
        }
        Some(self.imported(id))
    }

    /// A value's text, computed where it is the result of functions on strings.
    pub(super) fn computed_text(&self, v: Value) -> Option<String> {
        if let Some(text) = self.text_of(v) {
            return Some(text);
        }
        let (bytes, _) = self.string_of(v)?;
        String::from_utf8(bytes).ok()
    }

    /// A string's bytes, computed where it is the result of functions on strings.
    pub(super) fn string_of(&self, v: Value) -> Option<Text> {
        let mut fuel = FUEL;
        let out = self.evaluate(v, &mut fuel, 0);
        let used = u64::from(FUEL.saturating_sub(fuel));
        self.effort.set(self.effort.get().saturating_add(used));
        out
    }

    fn evaluate(&self, v: Value, fuel: &mut u32, depth: u32) -> Option<Text> {
        *fuel = fuel.checked_sub(1)?;
        if depth > 32 {
            return None;
        }
        let View::Node(n) = v.view() else {
            if self.place(v)?.2 > LONGEST as u64 {
                return None;
            }
            if let Some(text) = self.whole_text(v) {
                *fuel = fuel.checked_sub(weight(text.as_bytes()))?;
                return Some((text.into_bytes(), true));
            }
            let bytes = self.bytes_of(v, LONGEST)?;
            *fuel = fuel.checked_sub(weight(&bytes))?;
            return Some((bytes, false));
        };
        if n.kind != Kind::Call {
            return None;
        }
        let node = *self.nodes.get(n)?;
        let args = self.items_of(node.args)?;
        let depth = depth.saturating_add(1);
        if let View::Node(of) = node.callee.view() {
            return self.evaluate_method(of, &args, fuel, depth);
        }
        let (first, rest) = args.split_first()?;
        let out = match self.function(node.callee)? {
            Function::Method(method) => self.method(method, *first, rest, fuel, depth)?,
            Function::Chr => {
                let View::Int(n) = first.view() else { return None };
                let c = u32::try_from(n).ok().and_then(char::from_u32)?;
                (c.to_string().into_bytes(), true)
            }
            Function::GetItem => self.item(*first, *rest.first()?, fuel, depth)?,
            Function::Concat => {
                let (mut a, is_text) = self.evaluate(*first, fuel, depth)?;
                a.extend(self.evaluate(*rest.first()?, fuel, depth)?.0);
                (a, is_text)
            }
            Function::Base64 => (
                super::nested::from_base64(&self.evaluate(*first, fuel, depth)?.0)?,
                false,
            ),
            Function::Hex => (
                super::nested::from_hex(&self.evaluate(*first, fuel, depth)?.0)?,
                false,
            ),
            Function::Inflate => (inflate(&self.evaluate(*first, fuel, depth)?.0)?, false),
            _ => return None,
        };
        *fuel = fuel.checked_sub(weight(&out.0))?;
        (out.0.len() <= LONGEST).then_some(out)
    }

    /// The call of a string's method that `getattr` or `methodcaller` returned.
    fn evaluate_method(&self, of: NodeRef, args: &[Value], fuel: &mut u32, depth: u32) -> Option<Text> {
        let made = *self.nodes.get(of)?;
        let held = self.items_of(made.args)?;
        let (first, rest) = held.split_first()?;
        match self.function(made.callee)? {
            Function::Getattr => {
                let (name, _) = self.evaluate(*rest.first()?, fuel, depth)?;
                let method = Method::of(std::str::from_utf8(&name).ok()?)?;
                self.method(method, *first, args, fuel, depth)
            }
            Function::MethodCaller => {
                let (name, _) = self.evaluate(*first, fuel, depth)?;
                let method = Method::of(std::str::from_utf8(&name).ok()?)?;
                self.method(method, *args.first()?, rest, fuel, depth)
            }
            _ => None,
        }
    }

    fn item(&self, object: Value, key: Value, fuel: &mut u32, depth: u32) -> Option<Text> {
        let (bytes, is_text) = self.evaluate(object, fuel, depth)?;
        let chars: Vec<char> = String::from_utf8_lossy(&bytes).chars().collect();
        let picked: String = match key.view() {
            View::Int(n) => {
                let at = if n < 0 {
                    i64::try_from(chars.len()).ok()?.checked_add(n)?
                } else {
                    n
                };
                chars.get(usize::try_from(at).ok()?)?.to_string()
            }
            View::Node(n) => {
                let node = *self.nodes.get(n)?;
                if self.function(node.callee)? != Function::Slice {
                    return None;
                }
                slice(&chars, &self.items_of(node.args)?)?
            }
            _ => return None,
        };
        Some((picked.into_bytes(), is_text))
    }

    /// A method of strings, the string itself first.
    fn method(
        &self,
        method: Method,
        this: Value,
        args: &[Value],
        fuel: &mut u32,
        depth: u32,
    ) -> Option<Text> {
        let (this, is_text) = self.evaluate(this, fuel, depth)?;
        let text = String::from_utf8_lossy(&this).into_owned();
        let mut given = |i: usize| {
            let (bytes, _) = self.evaluate(*args.get(i)?, fuel, depth)?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        };
        let out = match method {
            Method::Join => {
                let parts = self.items_of(*args.first()?)?;
                let parts: Option<Vec<_>> = parts
                    .iter()
                    .map(|p| self.evaluate(*p, fuel, depth).map(|(b, _)| b))
                    .collect();
                parts?.join(this.as_slice())
            }
            Method::Decode => return decoded(&this, &given(0).unwrap_or_default()),
            Method::Encode => {
                let encoding = given(0).unwrap_or_default();
                return Some((encoded(&this, &encoding), encoding.contains("rot")));
            }
            Method::Format => {
                let args: Option<Vec<_>> = (0..args.len()).map(given).collect();
                format_braces(&text, &args?)?.into_bytes()
            }
            Method::Modulo => {
                let values = self.items_of(*args.first()?).unwrap_or_else(|| args.to_vec());
                let mut out = String::new();
                let mut values = values.iter();
                for (i, piece) in text.split("%s").enumerate() {
                    if i > 0 {
                        let (value, _) = self.evaluate(*values.next()?, fuel, depth)?;
                        out.push_str(&String::from_utf8_lossy(&value));
                    }
                    out.push_str(piece);
                }
                out.into_bytes()
            }
            Method::Repeat => {
                let View::Int(n) = args.first()?.view() else {
                    return None;
                };
                let n = usize::try_from(n)
                    .ok()
                    .filter(|n| n.saturating_mul(this.len()) <= 4096)?;
                this.repeat(n)
            }
            Method::Replace => text.replace(&given(0)?, &given(1)?).into_bytes(),
            Method::Lower => this.to_ascii_lowercase(),
            Method::Upper => this.to_ascii_uppercase(),
            Method::Strip => match given(0) {
                Some(set) => text.trim_matches(|c| set.contains(c)).as_bytes().to_vec(),
                None => this.trim_ascii().to_vec(),
            },
        };
        Some((out, is_text))
    }
}

/// What handling bytes costs, in values.
fn weight(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len() >> 9).unwrap_or(u32::MAX)
}

fn inflate(packed: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut inflate = flate2::read::ZlibDecoder::new(packed).take(LONGEST as u64);
    inflate.read_to_end(&mut out).ok()?;
    Some(out)
}

/// What a codec makes of bytes.
fn decoded(bytes: &[u8], encoding: &str) -> Option<Text> {
    let name = encoding.to_ascii_lowercase().replace(['_', '-'], "");
    let out = match name.as_str() {
        "hex" | "hexcodec" => return Some((super::nested::from_hex(bytes)?, false)),
        "base64" | "base64codec" => return Some((super::nested::from_base64(bytes)?, false)),
        "zlib" | "zip" | "zlibcodec" => return Some((inflate(bytes)?, false)),
        "rot13" => rot13(bytes),
        "latin1" | "iso88591" => super::literal::latin(bytes).into_bytes(),
        "utf16" | "utf16le" => {
            let units: Vec<u16> = bytes
                .chunks_exact(2)
                .filter_map(|c| Some(u16::from_le_bytes([*c.first()?, *c.get(1)?])))
                .filter(|u| *u != 0xfeff)
                .collect();
            String::from_utf16_lossy(&units).into_bytes()
        }
        "unicodeescape" | "rawunicodeescape" => super::literal::raw_unicode(bytes).into_bytes(),
        _ => bytes.to_vec(),
    };
    Some((out, true))
}

fn rot13(bytes: &[u8]) -> Vec<u8> {
    let turn = |b: u8, a: u8| {
        b.wrapping_sub(a)
            .wrapping_add(13)
            .checked_rem(26)
            .unwrap_or(0)
            .wrapping_add(a)
    };
    bytes
        .iter()
        .map(|b| match b {
            b'a'..=b'z' => turn(*b, b'a'),
            b'A'..=b'Z' => turn(*b, b'A'),
            _ => *b,
        })
        .collect()
}

fn encoded(text: &[u8], encoding: &str) -> Vec<u8> {
    let name = encoding.to_ascii_lowercase().replace(['_', '-'], "");
    match name.as_str() {
        "latin1" | "iso88591" => String::from_utf8_lossy(text)
            .chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'))
            .collect(),
        "rot13" => rot13(text),
        _ => text.to_vec(),
    }
}

/// `str.format` with plain fields: `{}`, `{0}`.
fn format_braces(format: &str, args: &[String]) -> Option<String> {
    let mut out = String::new();
    let mut rest = format;
    let mut next = 0_usize;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let (field, tail) = after.split_once('}')?;
        let index = if field.is_empty() {
            next
        } else {
            field.parse().ok()?
        };
        next = next.saturating_add(1);
        out.push_str(args.get(index)?);
        rest = tail;
    }
    out.push_str(rest);
    Some(out)
}

fn slice(chars: &[char], bounds: &[Value]) -> Option<String> {
    let len = i64::try_from(chars.len()).ok()?;
    let bound = |i: usize| match bounds.get(i).map(|v| v.view()) {
        Some(View::Int(n)) => Some(n),
        _ => None,
    };
    let (start, stop, step) = match bounds.len() {
        1 => (None, bound(0), 1),
        2 => (bound(0), bound(1), 1),
        _ => (bound(0), bound(1), bound(2).unwrap_or(1)),
    };
    if step == 0 {
        return None;
    }
    let fix = |n: i64| if n < 0 { n.saturating_add(len) } else { n };
    let (low, high) = if step > 0 {
        (0, len)
    } else {
        (-1, len.saturating_sub(1))
    };
    let mut at = start.map_or(if step > 0 { low } else { high }, |n| fix(n).clamp(low, high));
    let end = stop.map_or(if step > 0 { high } else { low }, |n| fix(n).clamp(low, high));
    let mut out = String::new();
    while (step > 0 && at < end) || (step < 0 && at > end) {
        out.push(*chars.get(usize::try_from(at).ok()?)?);
        at = at.saturating_add(step);
    }
    Some(out)
}
