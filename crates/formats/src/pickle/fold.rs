//! Computed names: what a few pure functions return is known without running them.
//!
//! `str.join("", ["o", "s"])` hides a module's name from whoever only reads constants. The functions here are those
//! that pickles use for it; any other result is "what that call returned", and calling it is reported as such.

use super::{
    machine::Machine,
    program::Origin,
    value::{Kind, Value, View},
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
            _ => Self::Other,
        }
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
}

/// What the call `callee(*args)` comes to.
pub(super) fn fold(m: &mut Machine<'_>, callee: Value, args: Value) -> Fold {
    match callee.view() {
        View::Import(id) => {
            let function = m
                .records
                .functions
                .get(id as usize)
                .copied()
                .unwrap_or(Function::Other);
            if function == Function::Other {
                return Fold::Opaque;
            }
            m.apply(function, id, args).unwrap_or(Fold::Opaque)
        }
        View::Node(n) if n.kind == Kind::Call => m.call_result(callee, args).unwrap_or(Fold::Opaque),
        _ => Fold::Opaque,
    }
}

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

    fn apply(&mut self, function: Function, id: u32, args: Value) -> Option<Fold> {
        let args = self.items_of(args)?;
        let (first, rest) = args.split_first()?;
        let first = *first;
        let value = match function {
            Function::Getattr => {
                let name = self.text_of(*rest.first()?)?;
                self.attribute(first, &name)?
            }
            Function::ImportModule => {
                let module = self.text_of(first)?;
                Value::import(self.import(module.as_bytes(), b"", "REDUCE", Origin::Computed))
            }
            Function::CallsFirst => {
                let inner = match rest {
                    [list] if self.items_of(*list).is_some() => {
                        let items = self.items_of(*list)?;
                        self.tuple_of(&items)
                    }
                    _ => self.tuple_of(rest),
                };
                return Some(Fold::Calls(first, inner));
            }
            Function::Partial | Function::Applies => return Some(Fold::Applies(first)),
            Function::Instance => {
                let inner = self.tuple_of(rest);
                return Some(Fold::Makes(first, inner));
            }
            Function::RebuildFromType => return Some(Fold::Calls(first, *rest.get(1)?)),
            Function::Loads => {
                self.loads(first, Some(id));
                return Some(Fold::Opaque);
            }
            Function::AddExtension => {
                let (module, name) = (self.text_of(first)?, self.text_of(*rest.first()?)?);
                let View::Int(code) = rest.get(1)?.view() else {
                    return None;
                };
                let id = self.import(module.as_bytes(), name.as_bytes(), "REDUCE", Origin::Extension);
                self.records.codes.insert(code, id);
                return None;
            }
            Function::Dtype => self.make_dtype(first),
            Function::Method(method) => return self.method(method, first, rest).map(Fold::Value),
            Function::Chr => {
                let View::Int(n) = first.view() else { return None };
                let c = u32::try_from(n).ok().and_then(char::from_u32)?;
                self.computed(c.to_string().into_bytes(), true)
            }
            Function::GetItem => self.item(first, *rest.first()?)?,
            Function::Concat => {
                let (mut a, is_text) = self.string_of(first)?;
                let (b, _) = self.string_of(*rest.first()?)?;
                a.extend(b);
                self.computed(a, is_text)
            }
            Function::Base64 => {
                let bytes = super::nested::from_base64(&self.string_of(first)?.0)?;
                self.computed(bytes, false)
            }
            Function::Hex => {
                let bytes = super::nested::from_hex(&self.string_of(first)?.0)?;
                self.computed(bytes, false)
            }
            Function::Inflate => {
                let packed = self.string_of(first)?.0;
                let mut out = Vec::new();
                let mut inflate = flate2::read::ZlibDecoder::new(packed.as_slice()).take(1 << 20);
                inflate.read_to_end(&mut out).ok()?;
                self.computed(out, false)
            }
            Function::Other | Function::AttrGetter | Function::MethodCaller | Function::Slice => return None,
        };
        Some(Fold::Value(value))
    }

    /// The call of what another call returned.
    fn call_result(&mut self, callee: Value, args: Value) -> Option<Fold> {
        let View::Node(n) = callee.view() else { return None };
        let node = *self.nodes.get(n)?;
        let View::Import(id) = node.callee.view() else {
            return None;
        };
        let made = self.items_of(node.args)?;
        let (first, rest) = made.split_first()?;
        match self.records.functions.get(id as usize)? {
            Function::AttrGetter => {
                let name = self.text_of(*first)?;
                let object = *self.items_of(args)?.first()?;
                Some(Fold::Value(self.attribute(object, &name)?))
            }
            Function::MethodCaller => {
                let name = self.text_of(*first)?;
                let object = *self.items_of(args)?.first()?;
                let inner = self.tuple_of(rest);
                match self.attribute(object, &name) {
                    Some(method) => Some(Fold::Calls(method, inner)),
                    None => self.method(Method::of(&name)?, object, rest).map(Fold::Value),
                }
            }
            Function::Getattr => {
                let name = self.text_of(*rest.first()?)?;
                let given = self.items_of(args)?;
                self.method(Method::of(&name)?, *first, &given).map(Fold::Value)
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

    /// `object.name`, where the object is an import.
    fn attribute(&mut self, object: Value, name: &str) -> Option<Value> {
        let View::Import(id) = object.view() else {
            return None;
        };
        let (module, path) = self.records.name_of(id)?;
        let dotted = if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        };
        let module = module.to_owned();
        let id = self.import(module.as_bytes(), dotted.as_bytes(), "REDUCE", Origin::Computed);
        Some(self.imported(id))
    }

    /// A string's bytes, and whether it is text.
    fn string_of(&self, v: Value) -> Option<(Vec<u8>, bool)> {
        if let Some(text) = self.text_of(v) {
            return Some((text.into_bytes(), true));
        }
        Some((self.bytes_of(v, 1 << 20)?, false))
    }

    fn item(&mut self, object: Value, key: Value) -> Option<Value> {
        let (bytes, is_text) = self.string_of(object)?;
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
                let View::Import(id) = node.callee.view() else {
                    return None;
                };
                if self.records.functions.get(id as usize)? != &Function::Slice {
                    return None;
                }
                let bounds = self.items_of(node.args)?;
                slice(&chars, &bounds)?
            }
            _ => return None,
        };
        Some(self.computed(picked.into_bytes(), is_text))
    }

    /// A method of strings, the string itself first.
    fn method(&mut self, method: Method, this: Value, args: &[Value]) -> Option<Value> {
        let (this, is_text) = self.string_of(this)?;
        let arg = |m: &Self, i: usize| args.get(i).and_then(|v| m.string_of(*v)).map(|(b, _)| b);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let out = match method {
            Method::Join => {
                let parts = self.items_of(*args.first()?)?;
                let parts: Option<Vec<_>> =
                    parts.iter().map(|p| self.string_of(*p).map(|(b, _)| b)).collect();
                parts?.join(this.as_slice())
            }
            Method::Decode => {
                let encoding = arg(self, 0).map(|e| text(&e)).unwrap_or_default();
                return self.decoded(&this, &encoding);
            }
            Method::Encode => {
                let encoding = arg(self, 0).map(|e| text(&e)).unwrap_or_default();
                let bytes = encoded(&this, &encoding);
                return Some(self.computed(bytes, is_text && encoding.contains("rot")));
            }
            Method::Format => {
                let args: Option<Vec<_>> = (0..args.len()).map(|i| arg(self, i).map(|b| text(&b))).collect();
                format_braces(&text(&this), &args?)?.into_bytes()
            }
            Method::Modulo => {
                let values = self.items_of(*args.first()?).unwrap_or_else(|| args.to_vec());
                let values: Option<Vec<_>> = values
                    .iter()
                    .map(|v| self.string_of(*v).map(|(b, _)| text(&b)))
                    .collect();
                let mut out = String::new();
                let mut values = values?.into_iter();
                for (i, piece) in text(&this).split("%s").enumerate() {
                    if i > 0 {
                        out.push_str(&values.next()?);
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
            Method::Replace => text(&this)
                .replace(&text(&arg(self, 0)?), &text(&arg(self, 1)?))
                .into_bytes(),
            Method::Lower => this.to_ascii_lowercase(),
            Method::Upper => this.to_ascii_uppercase(),
            Method::Strip => match arg(self, 0) {
                Some(set) => text(&this)
                    .trim_matches(|c| text(&set).contains(c))
                    .as_bytes()
                    .to_vec(),
                None => this.trim_ascii().to_vec(),
            },
        };
        (out.len() <= 1 << 20).then(|| self.computed(out, is_text))
    }

    fn decoded(&mut self, bytes: &[u8], encoding: &str) -> Option<Value> {
        let name = encoding.to_ascii_lowercase().replace(['_', '-'], "");
        let out = match name.as_str() {
            "hex" | "hexcodec" => return super::nested::from_hex(bytes).map(|b| self.computed(b, false)),
            "base64" | "base64codec" => {
                return super::nested::from_base64(bytes).map(|b| self.computed(b, false));
            }
            "zlib" | "zip" | "zlibcodec" => {
                let mut out = Vec::new();
                let mut inflate = flate2::read::ZlibDecoder::new(bytes).take(1 << 20);
                inflate.read_to_end(&mut out).ok()?;
                return Some(self.computed(out, false));
            }
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
        Some(self.computed(out, true))
    }
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
