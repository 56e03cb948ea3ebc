//! The standard library, and the packages that malware decrypts with.

use super::{
    Tool, code_object, crypto,
    crypto::{Cipher, Hash, Mode},
    datum::{CAP, Datum, Known, WEIGHT},
    decode::{self, Transform, ascii_or_bytes},
    iterate, json,
    methods::{Arguments, length, to_bytes},
    names::spelling,
    operators::{Operator, index, operator},
};
use num_bigint::{BigInt, Sign};
use std::sync::Arc;
use wellhead_core::Budget;
use wellhead_formats::unpack::{Packing, unpack};

/// A constant of the standard library by its full name: `string.ascii_letters`, `Crypto.Cipher.AES.MODE_CBC`.
pub fn constant(name: &str) -> Option<Datum> {
    const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
    const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const DIGITS: &str = "0123456789";
    const MARKS: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
    const SPACES: &str = " \t\n\r\x0b\x0c";
    let text = |parts: &[&str]| Datum::text(parts.concat());
    Some(match spelling(name).as_str() {
        "string.ascii_lowercase" => return text(&[LOWER]),
        "string.ascii_uppercase" => return text(&[UPPER]),
        "string.ascii_letters" => return text(&[LOWER, UPPER]),
        "string.digits" => return text(&[DIGITS]),
        "string.hexdigits" => return text(&[DIGITS, "abcdefABCDEF"]),
        "string.octdigits" => return text(&["01234567"]),
        "string.punctuation" => return text(&[MARKS]),
        "string.whitespace" => return text(&[SPACES]),
        "string.printable" => return text(&[DIGITS, LOWER, UPPER, MARKS, SPACES]),
        "Crypto.Cipher.AES.MODE_ECB" => Datum::Int(1),
        "Crypto.Cipher.AES.MODE_CBC" => Datum::Int(2),
        "Crypto.Cipher.AES.MODE_CFB" => Datum::Int(3),
        "Crypto.Cipher.AES.MODE_OFB" => Datum::Int(5),
        "Crypto.Cipher.AES.MODE_CTR" => Datum::Int(6),
        "Crypto.Cipher.AES.MODE_GCM" => Datum::Int(11),
        "zlib.MAX_WBITS" => Datum::Int(15),
        "Crypto.Cipher.AES.block_size" => Datum::Int(16),
        "sys.maxunicode" => Datum::Int(0x0010_ffff),
        _ => return None,
    })
}

/// `base64`.
pub(super) fn base64(function: &str, given: Arguments<'_>) -> Known {
    let most = match function {
        "b64decode" | "b32decode" => 3,
        "b64encode" | "b16decode" | "b32hexdecode" => 2,
        _ => 1,
    };
    if given.positional.len() > most {
        return Ok(None);
    }
    let data = given.get(0, "s").or_else(|| given.get(0, "b"));
    let Some(data) = data.and_then(ascii_or_bytes) else {
        return Ok(None);
    };
    let truth = |at: usize, name: &str| given.get(at, name).is_some_and(Datum::truth);
    let alphabet = match given.get(1, "altchars") {
        Some(value) if function.starts_with("b64") => match ascii_or_bytes(value) {
            Some([plus, slash]) => Some([*plus, *slash]),
            _ if *value == Datum::None => None,
            _ => return Ok(None),
        },
        _ => None,
    };
    let is_bytes = matches!(given.positional.first(), Some(Datum::Bytes(_)));
    let out = match function {
        "b64decode" => {
            let [plus, slash] = alphabet.unwrap_or(*b"+/");
            let strict = given
                .keywords
                .iter()
                .any(|(k, v)| k.as_ref() == "validate" && v.truth())
                || given.positional.get(2).is_some_and(Datum::truth);
            let valid = || (plus, slash) == (b'+', b'/') && decode::is_base64(data);
            (!strict || valid())
                .then(|| decode::base64(data, alphabet))
                .flatten()
        }
        "standard_b64decode" => decode::base64(data, None),
        "decodebytes" | "decodestring" if is_bytes => decode::base64(data, None),
        "urlsafe_b64decode" => decode::base64(data, Some([b'-', b'_'])),
        "b32decode" if given.get(2, "map01").is_none() => decode::base32(data, truth(1, "casefold"), false),
        "b32hexdecode" => decode::base32(data, truth(1, "casefold"), true),
        "b16decode" => {
            let lower = data.iter().any(u8::is_ascii_lowercase);
            (truth(1, "casefold") || !lower)
                .then(|| decode::hex(data, false))
                .flatten()
        }
        "b85decode" => decode::base85(data),
        "a85decode" if given.are(&["b", "foldspaces", "adobe"]) && given.positional.len() <= 1 => {
            decode::ascii85(data, truth(usize::MAX, "adobe"), truth(usize::MAX, "foldspaces"))
        }
        "b64encode" if is_bytes => {
            let [plus, slash] = alphabet.unwrap_or(*b"+/");
            Some(decode::to_base64(data, plus, slash))
        }
        "standard_b64encode" if is_bytes => Some(decode::to_base64(data, b'+', b'/')),
        "urlsafe_b64encode" if is_bytes => Some(decode::to_base64(data, b'-', b'_')),
        "b32encode" if is_bytes => Some(decode::to_base32(data)),
        "b16encode" if is_bytes => Some(decode::to_hex(data).to_ascii_uppercase().into_bytes()),
        _ => None,
    };
    Ok(out.and_then(Datum::bytes))
}

/// `binascii`.
pub(super) fn binascii(function: &str, given: Arguments<'_>) -> Option<Datum> {
    let first = given.positional.first()?;
    let is_bytes = matches!(first, Datum::Bytes(_));
    let data = ascii_or_bytes(first)?;
    match (function, given.positional.len(), given.keywords) {
        ("unhexlify" | "a2b_hex", 1, []) => Datum::bytes(decode::hex(data, false)?),
        ("hexlify" | "b2a_hex", 1, []) if is_bytes => Datum::bytes(decode::to_hex(data).into_bytes()),
        ("a2b_base64", 1, []) => Datum::bytes(decode::base64(data, None)?),
        ("b2a_base64", 1, keywords) if is_bytes => {
            let mut out = decode::to_base64(data, b'+', b'/');
            if keywords.iter().all(|(k, v)| k.as_ref() != "newline" || v.truth()) {
                out.push(b'\n');
            }
            Datum::bytes(out)
        }
        _ => None,
    }
}

/// `codecs`.
pub(super) fn codecs(function: &str, given: Arguments<'_>, budget: &mut Budget) -> Known {
    if let ("getencoder" | "getdecoder", [Datum::Str(codec)]) = (function, given.positional) {
        let of = if function == "getencoder" {
            "encode"
        } else {
            "decode"
        };
        return Ok(Some(tool(Tool::Coder(of, Arc::clone(codec)))));
    }
    let encoding = given.get(1, "encoding").map_or(Some("utf-8"), Datum::as_str);
    let (Some(value), Some(encoding)) = (given.get(0, "obj"), encoding) else {
        return Ok(None);
    };
    let errors = given.get(2, "errors").map_or(Some("strict"), Datum::as_str);
    let Some(errors) = errors else { return Ok(None) };
    let out = match (function, decode::transform(encoding), value) {
        ("decode" | "encode", Transform::Rot13, Datum::Str(text)) => {
            return Ok(Datum::text(decode::rot13(text)));
        }
        ("decode", Transform::Hex, value) => ascii_or_bytes(value).and_then(|data| decode::hex(data, false)),
        ("encode", Transform::Hex, Datum::Bytes(data)) => Some(decode::to_hex(data).into_bytes()),
        ("decode", Transform::Base64, value) => {
            ascii_or_bytes(value).and_then(|data| decode::base64(data, None))
        }
        ("decode", Transform::Zlib, Datum::Bytes(data)) => unpack(data, Packing::Zlib, CAP, budget)?,
        ("decode", Transform::Bzip2, Datum::Bytes(data)) => unpack(data, Packing::Bzip2, CAP, budget)?,
        ("decode", Transform::Text, Datum::Bytes(data)) => {
            return Ok(decode::decode(data, encoding, errors).and_then(Datum::text));
        }
        // Escapes are read in a text too, as its UTF-8.
        ("decode", Transform::Text, Datum::Str(text)) if encoding.replace('-', "_") == "unicode_escape" => {
            return Ok(decode::unescape(text.as_bytes()).and_then(Datum::text));
        }
        ("encode", Transform::Text, Datum::Str(text)) => decode::encode_text(text, encoding, errors),
        _ => None,
    };
    Ok(out.and_then(Datum::bytes))
}

/// `operator`.
pub(super) fn operators(function: &str, given: Arguments<'_>, budget: &mut Budget) -> Known {
    let of = match function.trim_matches('_') {
        "add" | "iadd" => Operator::Add,
        "concat" | "iconcat" if given.positional.iter().all(|v| v.as_int().is_none()) => Operator::Add,
        "sub" => Operator::Sub,
        "mul" => Operator::Mul,
        "mod" => Operator::Mod,
        "floordiv" => Operator::FloorDiv,
        "truediv" => Operator::Div,
        "pow" => Operator::Pow,
        "xor" | "ixor" => Operator::BitXor,
        "and" => Operator::BitAnd,
        "or" => Operator::BitOr,
        "lshift" => Operator::LeftShift,
        "rshift" => Operator::RightShift,
        "eq" => Operator::Equal,
        "ne" => Operator::NotEqual,
        "getitem" => {
            return match given.positional {
                [value, at] => index(value, at, budget),
                _ => Ok(None),
            };
        }
        _ => return Ok(None),
    };
    match given.positional {
        [left, right] => operator(of, left, right, budget),
        _ => Ok(None),
    }
}

/// `hashlib`.
pub(super) fn digest(function: &str, given: Arguments<'_>) -> Option<Datum> {
    let (name, data) = match function {
        "new" => (given.get(0, "name")?.as_str()?, given.get(1, "data")),
        name => (
            name.trim_start_matches("openssl_"),
            given.get(0, "string").or_else(|| given.get(0, "data")),
        ),
    };
    let data = match data {
        None => Arc::default(),
        Some(Datum::Bytes(data)) => Arc::clone(data),
        Some(_) => return None,
    };
    Some(tool(Tool::Digest(Hash::named(name)?, data)))
}

/// `struct.pack` and `struct.unpack` of whole numbers.
pub(super) fn structs(function: &str, given: Arguments<'_>) -> Option<Datum> {
    let (form, rest) = given.positional.split_first()?;
    let form = form
        .as_str()
        .or_else(|| std::str::from_utf8(form.as_bytes()?).ok())?;
    // Without a mark, sizes and gaps are those of the machine.
    let (order, form) = match form.split_at_checked(1)? {
        ("<", form) => ("little", form),
        (">" | "!", form) => ("big", form),
        (first, _)
            if first.chars().all(|c| "bB".contains(c))
                || form.chars().all(|c| c.is_ascii_digit() || "bB".contains(c)) =>
        {
            ("little", form)
        }
        _ => return None,
    };
    let mut fields = Vec::new();
    let mut times = None;
    for c in form.chars() {
        if let Some(digit) = c.to_digit(10) {
            let before: usize = times.unwrap_or(0);
            times = Some(before.saturating_mul(10).saturating_add(digit as usize));
            continue;
        }
        let (size, signed) = match c {
            'b' => (1, true),
            'B' => (1, false),
            'h' => (2, true),
            'H' => (2, false),
            'i' | 'l' => (4, true),
            'I' | 'L' => (4, false),
            'q' => (8, true),
            'Q' => (8, false),
            ' ' => continue,
            _ => return None,
        };
        let count = times.take().unwrap_or(1);
        if fields.len().saturating_add(count) > 4096 {
            return None;
        }
        fields.extend(std::iter::repeat_n((size, signed), count));
    }
    if times.is_some() {
        return None;
    }
    match (function, rest) {
        ("calcsize", []) => Some(Datum::Int(fields.iter().map(|(size, _)| *size as i128).sum())),
        ("pack", values) if values.len() == fields.len() => {
            let mut out = Vec::new();
            for ((size, signed), value) in fields.into_iter().zip(values) {
                match to_bytes(&value.as_big()?, size, order, signed)? {
                    Datum::Bytes(bytes) => out.extend_from_slice(&bytes),
                    _ => return None,
                }
            }
            Datum::bytes(out)
        }
        ("unpack", [Datum::Bytes(bytes)]) => {
            let mut rest = bytes.as_ref();
            let mut out = Vec::new();
            for (size, signed) in fields {
                let (field, tail) = rest.split_at_checked(size)?;
                rest = tail;
                out.push(Datum::big(match (order, signed) {
                    ("little", true) => BigInt::from_signed_bytes_le(field),
                    ("little", false) => BigInt::from_bytes_le(Sign::Plus, field),
                    (_, true) => BigInt::from_signed_bytes_be(field),
                    (_, false) => BigInt::from_bytes_be(Sign::Plus, field),
                })?);
            }
            rest.is_empty().then(|| Datum::tuple(out))?
        }
        _ => None,
    }
}

/// `value(arguments)`, where the value is a function that was looked up: `codecs.getencoder("utf-8")`.
///
/// # Errors
/// When the budget ran out.
pub fn invoke(
    value: &Datum,
    arguments: &[Datum],
    keywords: &[(Arc<str>, Datum)],
    budget: &mut Budget,
) -> Known {
    let (Datum::Tool(tool), [argument], []) = (value, arguments, keywords) else {
        return Ok(None);
    };
    let Tool::Coder(function, codec) = tool.as_ref() else {
        return Ok(None);
    };
    let both = [argument.clone(), Datum::Str(Arc::clone(codec))];
    let given = Arguments {
        positional: &both,
        keywords: &[],
    };
    let length = length(argument);
    Ok(codecs(function, given, budget)?.and_then(|out| Datum::tuple(vec![out, length?])))
}

fn tool(tool: Tool) -> Datum {
    Datum::Tool(Arc::new(tool))
}

/// Everything else of the library and of the packages that malware decrypts with.
pub(super) fn library(name: &str, given: Arguments<'_>, budget: &mut Budget) -> Known {
    let first = given.positional.first();
    let unpacked = |packing: Packing, budget: &mut Budget| -> Known {
        match given.get(0, "data") {
            Some(Datum::Bytes(data)) => Ok(unpack(data, packing, CAP, budget)?.and_then(Datum::bytes)),
            _ => Ok(None),
        }
    };
    let held = |given: Option<&Datum>| match given {
        Some(Datum::Bytes(bytes)) => Some(Arc::clone(bytes)),
        _ => None,
    };
    Ok(match (name, given.positional) {
        ("zlib.decompress", _) => {
            return match window(given.get(1, "wbits"), given.get(0, "data")) {
                Some(packing) => unpacked(packing, budget),
                None => Ok(None),
            };
        }
        ("gzip.decompress", _) => return unpacked(Packing::Gzip, budget),
        ("bz2.decompress", _) => return unpacked(Packing::Bzip2, budget),
        ("lzma.decompress", [_]) if given.keywords.is_empty() => return unpacked(Packing::Lzma, budget),
        ("compression.zstd.decompress" | "zstandard.decompress", [_]) => {
            return unpacked(Packing::Zstd, budget);
        }
        ("compression.zlib.decompress", [_]) => return unpacked(Packing::Zlib, budget),
        ("zlib.decompressobj", _) if given.are(&["wbits"]) => {
            window(given.get(0, "wbits"), None).map(|packing| tool(Tool::Unpacker(packing)))
        }
        ("bz2.BZ2Decompressor", []) => Some(tool(Tool::Unpacker(Packing::Bzip2))),
        ("lzma.LZMADecompressor", []) if given.keywords.is_empty() => {
            Some(tool(Tool::Unpacker(Packing::Lzma)))
        }
        ("zlib.crc32", [Datum::Bytes(data)]) => {
            budget.steps(data.len() as u64)?;
            Some(Datum::Int(crc32(data).into()))
        }
        ("marshal.loads", [Datum::Bytes(bytes)]) => return code_object::loads(bytes, budget),
        ("io.BytesIO" | "six.BytesIO", [Datum::Bytes(bytes)]) => Some(tool(Tool::File(Arc::clone(bytes)))),
        ("gzip.GzipFile", _) => return gzip_file(given, budget),
        ("itertools.cycle", [values]) => iterate(values, budget)?
            .and_then(super::Items::new)
            .map(|items| tool(Tool::Cycle(items))),
        ("itertools.chain", parts) => return chain(parts, budget),
        ("itertools.chain.from_iterable", [parts]) => match iterate(parts, budget)? {
            Some(parts) => return chain(&parts, budget),
            None => None,
        },
        ("itertools.repeat", [value, n]) => {
            let n = n
                .as_int()
                .and_then(|n| u64::try_from(n.max(0)).ok())
                .filter(|n| *n <= WEIGHT);
            budget.steps(n.unwrap_or(0))?;
            n.and_then(|n| usize::try_from(n).ok())
                .and_then(|n| Datum::list(vec![value.clone(); n]))
        }
        ("urllib.parse.unquote" | "urllib.unquote" | "urllib2.unquote", [Datum::Str(text)]) => {
            decode::unquote(text, false).and_then(Datum::text)
        }
        ("urllib.parse.unquote_plus" | "urllib.unquote_plus", [Datum::Str(text)]) => {
            decode::unquote(text, true).and_then(Datum::text)
        }
        ("urllib.parse.quote" | "urllib.quote", [Datum::Str(text)]) if given.keywords.is_empty() => {
            Datum::text(decode::quote(text))
        }
        ("json.loads", [value]) if given.keywords.is_empty() => match value {
            Datum::Str(text) => return json::loads(text, budget),
            Datum::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => return json::loads(text, budget),
                Err(_) => None,
            },
            _ => None,
        },
        ("json.dumps", [value]) if given.keywords.is_empty() => return json::dumps(value, budget),
        ("textwrap.dedent", [Datum::Str(text)]) => Datum::text(dedent(text)),
        ("cryptography.fernet.Fernet" | "fernet.Fernet", _) => {
            given.get(0, "key").and_then(crypto::fernet).map(tool)
        }
        ("Crypto.Cipher.AES.new", _) => {
            let start = given.get(2, "iv").or_else(|| given.get(2, "IV"));
            let start = start.or_else(|| given.get(2, "nonce"));
            if !given.are(&["key", "mode", "iv", "IV", "nonce", "initial_value"])
                || given.positional.len() > 3
            {
                return Ok(None);
            }
            given
                .get(0, "key")
                .and_then(|key| crypto::aes(key, given.get(1, "mode"), start, given.get(3, "initial_value")))
                .map(tool)
        }
        ("Crypto.Cipher.ARC4.new" | "Crypto.Cipher.XOR.new", [Datum::Bytes(key)]) if !key.is_empty() => {
            let cipher = if name.contains("ARC4") {
                Cipher::Rc4
            } else {
                Cipher::Xor
            };
            Some(tool(Tool::Cipher(
                cipher,
                Arc::clone(key),
                Mode::Ecb,
                Arc::default(),
            )))
        }
        ("Crypto.Util.Padding.unpad", [Datum::Bytes(data), size]) if given.keywords.is_empty() => size
            .as_int()
            .and_then(|n| u8::try_from(n).ok())
            .and_then(|size| crypto::unpad(data, size))
            .and_then(Datum::bytes),
        ("Crypto.Util.number.long_to_bytes", [n]) => n
            .as_big()
            .filter(|n| n.sign() == Sign::Plus)
            .and_then(|n| Datum::bytes(n.magnitude().to_bytes_be())),
        ("Crypto.Util.number.bytes_to_long", [Datum::Bytes(bytes)]) => {
            Datum::big(BigInt::from_bytes_be(Sign::Plus, bytes))
        }
        ("Crypto.Util.strxor.strxor", [Datum::Bytes(a), Datum::Bytes(b)]) if a.len() == b.len() => {
            let mixed: Vec<u8> = a.iter().zip(b.iter()).map(|(a, b)| a ^ b).collect();
            Datum::bytes(mixed)
        }
        _ => hazmat(name, first, held, given),
    })
}

/// What zlib's size of the window says of the header; from 40 on, the data says it.
fn window(bits: Option<&Datum>, data: Option<&Datum>) -> Option<Packing> {
    match bits.map_or(Some(15), Datum::as_int)? {
        0..=15 => Some(Packing::Zlib),
        -15..=-8 => Some(Packing::Deflate),
        24..=31 => Some(Packing::Gzip),
        40..=47 if data?.as_bytes()?.starts_with(b"\x1f\x8b") => Some(Packing::Gzip),
        40..=47 => Some(Packing::Zlib),
        _ => None,
    }
}

/// `cryptography.hazmat`, whose cipher is put together from an algorithm and a mode.
fn hazmat(
    name: &str,
    first: Option<&Datum>,
    held: impl Fn(Option<&Datum>) -> Option<Arc<[u8]>>,
    given: Arguments<'_>,
) -> Option<Datum> {
    let part = name.strip_prefix("cryptography.hazmat.primitives.")?;
    let as_tool = |value: Option<&Datum>| match value {
        Some(Datum::Tool(tool)) => Some(Arc::clone(tool)),
        _ => None,
    };
    match part.strip_prefix("ciphers.").unwrap_or(part) {
        "algorithms.AES" => Some(tool(Tool::Algorithm(Cipher::Aes, held(first)?))),
        "algorithms.ARC4" => Some(tool(Tool::Algorithm(Cipher::Rc4, held(first)?))),
        "modes.ECB" => Some(tool(Tool::Mode(Mode::Ecb, Arc::default()))),
        "modes.CBC" => Some(tool(Tool::Mode(Mode::Cbc, held(first)?))),
        "modes.CTR" => Some(tool(Tool::Mode(Mode::Ctr, held(first)?))),
        // That the tag is right is not looked at: without it, the text is the same.
        "modes.GCM" => Some(tool(Tool::Mode(Mode::Ctr, crypto::after_tag(&held(first)?)?))),
        "modes.OFB" => Some(tool(Tool::Mode(Mode::Ofb, held(first)?))),
        "modes.CFB8" => Some(tool(Tool::Mode(Mode::Cfb8, held(first)?))),
        "modes.CFB" => Some(tool(Tool::Mode(Mode::Cfb128, held(first)?))),
        "Cipher" | "base.Cipher" => {
            let algorithm = as_tool(given.get(0, "algorithm"))?;
            let mode = given.get(1, "mode");
            match (algorithm.as_ref(), mode) {
                (Tool::Algorithm(Cipher::Rc4, key), None | Some(Datum::None)) => Some(tool(Tool::Cipher(
                    Cipher::Rc4,
                    Arc::clone(key),
                    Mode::Ecb,
                    Arc::default(),
                ))),
                (Tool::Algorithm(cipher, key), mode) => match as_tool(mode)?.as_ref() {
                    Tool::Mode(mode, start) => Some(tool(Tool::Cipher(
                        *cipher,
                        Arc::clone(key),
                        *mode,
                        Arc::clone(start),
                    ))),
                    _ => None,
                },
                _ => None,
            }
        }
        "padding.PKCS7" => {
            let bits = first?.as_int()?;
            u8::try_from(bits.checked_div(8)?)
                .ok()
                .filter(|n| *n > 0)
                .map(|n| tool(Tool::Unpadder(n)))
        }
        _ => None,
    }
}

fn gzip_file(given: Arguments<'_>, budget: &mut Budget) -> Known {
    let Some(Datum::Tool(file)) = given.get(3, "fileobj") else {
        return Ok(None);
    };
    match file.as_ref() {
        Tool::File(data) => {
            Ok(unpack(data, Packing::Gzip, CAP, budget)?.map(|out| tool(Tool::File(out.into()))))
        }
        _ => Ok(None),
    }
}

fn chain(parts: &[Datum], budget: &mut Budget) -> Known {
    let mut out = Vec::new();
    for part in parts {
        match iterate(part, budget)? {
            Some(values) if (out.len() as u64) < WEIGHT => out.extend(values),
            _ => return Ok(None),
        }
    }
    Ok(Datum::list(out))
}

/// `textwrap.dedent(text)`: without the white space that all lines begin with.
fn dedent(text: &str) -> String {
    let blank = |line: &str| line.chars().all(|c| c == ' ' || c == '\t');
    let mut margin: Option<&str> = None;
    for line in text.split('\n').filter(|line| !blank(line)) {
        let rest = line.trim_start_matches([' ', '\t']);
        let indent = line.strip_suffix(rest).unwrap_or_default();
        margin = Some(match margin {
            None => indent,
            Some(margin) => {
                let shared = margin
                    .bytes()
                    .zip(indent.bytes())
                    .take_while(|(a, b)| a == b)
                    .count();
                margin.get(..shared).unwrap_or_default()
            }
        });
    }
    let margin = margin.unwrap_or_default();
    let lines: Vec<&str> = text
        .split('\n')
        .map(|line| {
            if blank(line) {
                ""
            } else {
                line.strip_prefix(margin).unwrap_or(line)
            }
        })
        .collect();
    lines.join("\n")
}

/// CRC-32, bit by bit: keys are short.
fn crc32(data: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let low = crc & 1;
            crc >>= 1;
            if low == 1 {
                crc ^= 0xedb8_8320;
            }
        }
    }
    !crc
}
