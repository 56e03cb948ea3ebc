//! Values as text: `str`, `repr`, `format`, `%` and f-strings, exactly as Python writes them or not at all.

use super::{
    datum::{CAP, Datum, Known, pay},
    operators::index,
};
use std::sync::Arc;
use wellhead_core::{Budget, Exhausted};

/// Widest field.
const WIDEST: usize = 1 << 16;
/// A decimal number of more bits has more digits than Python writes.
const DECIMAL_BITS: u64 = 14_283;

/// The text of an f-string's `{value!conversion:spec}`.
///
/// # Errors
/// When the budget ran out.
pub fn render(
    value: &Datum,
    conversion: Option<char>,
    spec: &str,
    budget: &mut Budget,
) -> Result<Option<String>, Exhausted> {
    let converted = match conversion {
        None => None,
        Some('s') => string(value, budget)?,
        Some('r') => repr(value, budget)?,
        Some('a') => repr(value, budget)?.map(|text| ascii(&text)),
        Some(_) => return Ok(None),
    };
    if conversion.is_some() {
        let Some(text) = converted else { return Ok(None) };
        return Ok(Datum::text(text).and_then(|text| spell(&text, spec)));
    }
    if spec.is_empty() {
        return string(value, budget);
    }
    pay(super::operators::weigh(value), budget)?;
    Ok(spell(value, spec))
}

/// `str(value)`.
pub(super) fn string(value: &Datum, budget: &mut Budget) -> Result<Option<String>, Exhausted> {
    match value {
        Datum::Str(text) => {
            pay(text.len(), budget)?;
            Ok(Some(text.as_ref().to_owned()))
        }
        other => repr(other, budget),
    }
}

/// `repr(value)`.
pub(super) fn repr(value: &Datum, budget: &mut Budget) -> Result<Option<String>, Exhausted> {
    pay(super::operators::weigh(value), budget)?;
    let mut out = String::new();
    let written = write(value, &mut out).is_some();
    pay(out.len(), budget)?;
    Ok(written.then_some(out))
}

/// `ascii(…)` of what `repr` gave.
pub(super) fn ascii(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match u32::from(c) {
            0..=0x7f => out.push(c),
            n @ 0x80..=0xff => out.push_str(&format!("\\x{n:02x}")),
            n @ 0x100..=0xffff => out.push_str(&format!("\\u{n:04x}")),
            n => out.push_str(&format!("\\U{n:08x}")),
        }
    }
    out
}

fn write(value: &Datum, out: &mut String) -> Option<()> {
    if out.len() > CAP {
        return None;
    }
    let list = |items: &[Datum], out: &mut String| -> Option<()> {
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                out.push_str(", ");
            }
            write(item, out)?;
        }
        Some(())
    };
    match value {
        Datum::None => out.push_str("None"),
        Datum::Bool(true) => out.push_str("True"),
        Datum::Bool(false) => out.push_str("False"),
        Datum::Int(n) => out.push_str(&n.to_string()),
        Datum::Big(n) if n.bits() <= DECIMAL_BITS => out.push_str(&n.to_string()),
        Datum::Float(f) => out.push_str(&float(*f)?),
        Datum::Str(text) => quote(text, out)?,
        Datum::Bytes(bytes) => quote_bytes(bytes, out),
        Datum::List(items) => {
            out.push('[');
            list(items, out)?;
            out.push(']');
        }
        Datum::Tuple(items) => {
            out.push('(');
            list(items, out)?;
            out.push_str(if items.len() == 1 { ",)" } else { ")" });
        }
        Datum::Dict(pairs) => {
            out.push('{');
            for (at, (key, value)) in pairs.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                write(key, out)?;
                out.push_str(": ");
                write(value, out)?;
            }
            out.push('}');
        }
        Datum::Range(range) => {
            let (start, stop, step) = range.parts();
            out.push_str(&match step {
                1 => format!("range({start}, {stop})"),
                step => format!("range({start}, {stop}, {step})"),
            });
        }
        Datum::Big(_) | Datum::Code(_) | Datum::Tool(_) => return None,
    }
    Some(())
}

fn float(f: f64) -> Option<String> {
    let size = f.abs();
    (f == 0.0 || (1e-4..1e16).contains(&size)).then(|| format!("{f:?}"))
}

fn quote(text: &str, out: &mut String) -> Option<()> {
    let mark = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    out.push(mark);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == mark => {
                out.push('\\');
                out.push(c);
            }
            ' '..='~' => out.push(c),
            '\0'..='\u{a0}' | '\u{ad}' => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if is_printable(c) => out.push(c),
            _ => return None,
        }
    }
    out.push(mark);
    Some(())
}

/// Which characters can be printed depends on Python's edition of Unicode, except for letters, digits and old symbols.
fn is_printable(c: char) -> bool {
    c.is_alphanumeric()
        || matches!(c,
            '\u{a1}'..='\u{ff}' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{20a0}'..='\u{20bf}'
            | '\u{2190}'..='\u{23ff}' | '\u{2500}'..='\u{27bf}' | '\u{fffd}' | '\u{1f300}'..='\u{1f64f}'
            | '\u{1f680}'..='\u{1f6c5}')
}

fn quote_bytes(bytes: &[u8], out: &mut String) {
    let mark = if bytes.contains(&b'\'') && !bytes.contains(&b'"') {
        b'"'
    } else {
        b'\''
    };
    out.push('b');
    out.push(char::from(mark));
    for b in bytes {
        match b {
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b if *b == mark => {
                out.push('\\');
                out.push(char::from(*b));
            }
            b' '..=b'~' => out.push(char::from(*b)),
            b => out.push_str(&format!("\\x{b:02x}")),
        }
    }
    out.push(char::from(mark));
}

/// What stands behind the colon of a field.
#[derive(Default)]
struct Spec {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    alternate: bool,
    zero: bool,
    width: usize,
    grouping: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

impl Spec {
    fn parse(spec: &str) -> Option<Self> {
        let chars: Vec<char> = spec.chars().collect();
        let is_align = |c: Option<&char>| c.is_some_and(|c| "<>=^".contains(*c));
        let mut out = Self::default();
        let mut at = 0_usize;
        if is_align(chars.get(1)) {
            out.fill = chars.first().copied();
            out.align = chars.get(1).copied();
            at = 2;
        } else if is_align(chars.first()) {
            out.align = chars.first().copied();
            at = 1;
        }
        let mut take = |test: &str| {
            let c = chars.get(at).copied().filter(|c| test.contains(*c))?;
            at = at.saturating_add(1);
            Some(c)
        };
        out.sign = take("+- ");
        out.alternate = take("#").is_some();
        out.zero = take("0").is_some();
        let number = |take: &mut dyn FnMut(&str) -> Option<char>| {
            let mut n = None;
            while let Some(digit) = take("0123456789").and_then(|c| c.to_digit(10)) {
                let before: usize = n.unwrap_or(0);
                n = Some(before.saturating_mul(10).saturating_add(digit as usize));
            }
            n.map_or(Some(None), |n| (n <= WIDEST).then_some(Some(n)))
        };
        out.width = number(&mut take)?.unwrap_or(0);
        out.grouping = take(",_");
        if take(".").is_some() {
            out.precision = Some(number(&mut take)??);
        }
        out.kind = take("sdboxXcfF");
        (at == chars.len()).then_some(out)
    }

    fn pad(&self, sign: &str, body: &str, default: char) -> String {
        let length = sign.chars().count().saturating_add(body.chars().count());
        let missing = self.width.saturating_sub(length);
        let fill = self.fill.unwrap_or(if self.zero { '0' } else { ' ' });
        let fills = |n: usize| fill.to_string().repeat(n);
        match self.align.unwrap_or(default) {
            '<' => [sign, body, &fills(missing)].concat(),
            '^' => {
                let left = missing.checked_div(2).unwrap_or(0);
                [&fills(left), sign, body, &fills(missing.saturating_sub(left))].concat()
            }
            '=' => [sign, &fills(missing), body].concat(),
            _ => [&fills(missing), sign, body].concat(),
        }
    }
}

/// `format(value, spec)` where the spec says something.
fn spell(value: &Datum, spec: &str) -> Option<String> {
    if let (Datum::Str(text), "") = (value, spec) {
        return Some(text.as_ref().to_owned());
    }
    let spec = Spec::parse(spec)?;
    match value {
        Datum::Str(text) => {
            let plain = spec.sign.is_none() && !spec.alternate && spec.grouping.is_none();
            if !plain || spec.align == Some('=') || !matches!(spec.kind, None | Some('s')) {
                return None;
            }
            let cut: String = match spec.precision {
                Some(most) => text.chars().take(most).collect(),
                None => text.as_ref().to_owned(),
            };
            Some(spec.pad("", &cut, '<'))
        }
        Datum::Bool(_) if spec.kind.is_none() => None,
        Datum::Int(_) | Datum::Big(_) | Datum::Bool(_) if !matches!(spec.kind, Some('f' | 'F')) => {
            whole(value, &spec)
        }
        value => {
            if !matches!(spec.kind, Some('f' | 'F')) || spec.grouping.is_some() || spec.alternate {
                return None;
            }
            let f = value.as_float().filter(|f| f.is_finite())?;
            let body = format!("{:.*}", spec.precision.unwrap_or(6), f.abs());
            Some(spec.pad(sign_of(f.is_sign_negative(), &spec), &body, zeroed(&spec)))
        }
    }
}

fn sign_of(negative: bool, spec: &Spec) -> &'static str {
    match (negative, spec.sign) {
        (true, _) => "-",
        (_, Some('+')) => "+",
        (_, Some(' ')) => " ",
        _ => "",
    }
}

fn zeroed(spec: &Spec) -> char {
    if spec.zero { '=' } else { '>' }
}

fn whole(value: &Datum, spec: &Spec) -> Option<String> {
    if spec.precision.is_some() {
        return None;
    }
    let n = value.as_big()?;
    if spec.kind == Some('c') {
        let c = char::from_u32(u32::try_from(&n).ok()?)?;
        let plain = spec.sign.is_none() && !spec.alternate && spec.grouping.is_none();
        return plain.then(|| spec.pad("", &c.to_string(), zeroed(spec)));
    }
    let digits = digits(&n, spec.kind.unwrap_or('d'))?;
    let prefix = match spec.kind {
        Some(kind @ ('b' | 'o' | 'x' | 'X')) if spec.alternate => format!("0{kind}"),
        _ => String::new(),
    };
    let every = match (spec.grouping, spec.kind) {
        (None, _) => None,
        // Zeros that fill are grouped too.
        (Some(_), _) if spec.zero => return None,
        (Some(mark), None | Some('d')) => Some((mark, 3)),
        (Some('_'), _) => Some(('_', 4)),
        _ => return None,
    };
    let grouped = match every {
        None => digits,
        Some((mark, every)) => {
            let mut out = String::new();
            for (at, c) in digits.chars().enumerate() {
                let left = digits.len().saturating_sub(at);
                if at > 0 && left.checked_rem(every) == Some(0) {
                    out.push(mark);
                }
                out.push(c);
            }
            out
        }
    };
    let sign = sign_of(n.sign() == num_bigint::Sign::Minus, spec);
    Some(spec.pad(&format!("{sign}{prefix}"), &grouped, zeroed(spec)))
}

/// The digits of a number without its sign, in the base of a format's letter.
pub(super) fn digits(n: &num_bigint::BigInt, kind: char) -> Option<String> {
    let radix = match kind {
        'd' if n.bits() <= DECIMAL_BITS => 10,
        'b' => 2,
        'o' => 8,
        'x' | 'X' => 16,
        _ => return None,
    };
    let text = n.magnitude().to_str_radix(radix);
    Some(if kind == 'X' {
        text.to_ascii_uppercase()
    } else {
        text
    })
}

/// `text % values`.
pub(super) fn percent(text: &str, values: &Datum, budget: &mut Budget) -> Known {
    pay(text.len(), budget)?;
    let mut queue = match values {
        Datum::Tuple(items) => items.to_vec(),
        one => vec![one.clone()],
    }
    .into_iter();
    let mut out = String::new();
    let mut used_name = false;
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let mut after = after;
        if let Some(tail) = after.strip_prefix('%') {
            out.push('%');
            rest = tail;
            continue;
        }
        let mut named = None;
        if let Some(tail) = after.strip_prefix('(') {
            let Some((name, tail)) = tail.split_once(')') else {
                return Ok(None);
            };
            named = Some(Datum::Str(name.into()));
            after = tail;
        }
        let end = after.find(|c: char| !"-0# +.123456789".contains(c));
        let (flags, kind) = match end.and_then(|end| Some((after.get(..end)?, after.get(end..)?))) {
            Some((flags, tail)) => {
                let mut chars = tail.chars();
                let kind = chars.next();
                rest = chars.as_str();
                (flags, kind)
            }
            None => return Ok(None),
        };
        let value = match &named {
            Some(name) => {
                used_name = true;
                index(values, name, budget)?
            }
            None => queue.next(),
        };
        let (Some(value), Some(kind)) = (value, kind) else {
            return Ok(None);
        };
        let Some(piece) = directive(&value, flags, kind, budget)? else {
            return Ok(None);
        };
        pay(piece.len(), budget)?;
        out.push_str(&piece);
        if out.len() > CAP {
            return Ok(None);
        }
    }
    out.push_str(rest);
    // What is left over is an error, except for a mapping.
    let left_over = queue.next().is_some() && !used_name && !matches!(values, Datum::Dict(_));
    Ok(if left_over { None } else { Datum::text(out) })
}

/// One `%` of a format.
fn directive(
    value: &Datum,
    flags: &str,
    kind: char,
    budget: &mut Budget,
) -> Result<Option<String>, Exhausted> {
    let bare = flags.trim_start_matches(['-', '0', '#', ' ', '+']);
    let (width, precision) = bare.split_once('.').unwrap_or((bare, ""));
    let has_precision = bare.contains('.');
    let has = |c: char| {
        flags
            .get(..flags.len().saturating_sub(bare.len()))
            .is_some_and(|f| f.contains(c))
    };
    let text = match kind {
        's' => string(value, budget)?,
        'r' => repr(value, budget)?,
        'a' => repr(value, budget)?.map(|t| ascii(&t)),
        'c' => match value {
            Datum::Str(text) if text.chars().count() == 1 => Some(text.as_ref().to_owned()),
            other => other
                .as_int()
                .and_then(|n| u32::try_from(n).ok())
                .and_then(char::from_u32)
                .map(String::from),
        },
        'd' | 'i' | 'u' | 'x' | 'X' | 'o' | 'f' | 'F' => {
            let kind = if matches!(kind, 'i' | 'u') { 'd' } else { kind };
            if has_precision && !matches!(kind, 'f' | 'F') || matches!(value, Datum::Float(_)) && kind == 'd'
            {
                return Ok(None);
            }
            let align = if has('-') { "<" } else { "" };
            let sign = if has('+') {
                "+"
            } else if has(' ') {
                " "
            } else {
                ""
            };
            let alternate = if has('#') { "#" } else { "" };
            let zero = if has('0') && !has('-') { "0" } else { "" };
            let dot = if has_precision { "." } else { "" };
            let precision = if has_precision && precision.is_empty() {
                "0"
            } else {
                precision
            };
            let spec = format!("{align}{sign}{alternate}{zero}{width}{dot}{precision}{kind}");
            return Ok(spell(value, &spec));
        }
        _ => None,
    };
    let Some(text) = text else { return Ok(None) };
    let align = if has('-') { "<" } else { ">" };
    let dot = match (has_precision, precision) {
        (false, _) => String::new(),
        (true, "") => ".0".to_owned(),
        (true, n) => format!(".{n}"),
    };
    Ok(Datum::text(text).and_then(|text| spell(&text, &format!("{align}{width}{dot}s"))))
}

/// `text.format(…)`.
pub(super) fn braces(
    text: &str,
    positional: &[Datum],
    keywords: &[(Arc<str>, Datum)],
    budget: &mut Budget,
) -> Result<Option<String>, Exhausted> {
    let mut next = 0_usize;
    fill(text, &mut next, positional, keywords, 2, budget)
}

fn fill(
    text: &str,
    next: &mut usize,
    positional: &[Datum],
    keywords: &[(Arc<str>, Datum)],
    depth: u8,
    budget: &mut Budget,
) -> Result<Option<String>, Exhausted> {
    pay(text.len(), budget)?;
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(before);
        let (mark, after) = after.split_at_checked(1).unwrap_or((after, ""));
        if let Some(tail) = after.strip_prefix(mark) {
            out.push_str(mark);
            rest = tail;
            continue;
        }
        let Some((field, tail)) = field_of(after).filter(|_| mark == "{" && depth > 0) else {
            return Ok(None);
        };
        rest = tail;
        let (name, spec) = field.split_once(':').unwrap_or((field, ""));
        let (name, conversion) = match name.split_once('!') {
            Some((name, conversion)) => (name, conversion.chars().next()),
            None => (name, None),
        };
        let Some(value) = argument(name, next, positional, keywords, budget)? else {
            return Ok(None);
        };
        let Some(spec) = fill(spec, next, positional, keywords, depth.saturating_sub(1), budget)? else {
            return Ok(None);
        };
        let Some(piece) = render(&value, conversion, &spec, budget)? else {
            return Ok(None);
        };
        out.push_str(&piece);
        if out.len() > CAP {
            return Ok(None);
        }
    }
    out.push_str(rest);
    Ok(Some(out))
}

/// The field up to its closing brace, and what follows.
fn field_of(text: &str) -> Option<(&str, &str)> {
    let mut open = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => open = open.saturating_add(1),
            '}' if open == 0 => return Some((text.get(..at)?, text.get(at..)?.strip_prefix('}')?)),
            '}' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// `0`, `name`, `0[key]`.
fn argument(
    name: &str,
    next: &mut usize,
    positional: &[Datum],
    keywords: &[(Arc<str>, Datum)],
    budget: &mut Budget,
) -> Known {
    let (first, mut path) = match name.find(['[', '.']) {
        Some(at) => name.split_at_checked(at).unwrap_or((name, "")),
        None => (name, ""),
    };
    let found = if first.is_empty() {
        let at = *next;
        *next = next.saturating_add(1);
        positional.get(at)
    } else if first.chars().all(|c| c.is_ascii_digit()) {
        first.parse::<usize>().ok().and_then(|at| positional.get(at))
    } else {
        keywords.iter().find(|(k, _)| k.as_ref() == first).map(|(_, v)| v)
    };
    let Some(mut value) = found.cloned() else {
        return Ok(None);
    };
    while !path.is_empty() {
        let Some((key, tail)) = path.strip_prefix('[').and_then(|p| p.split_once(']')) else {
            return Ok(None);
        };
        path = tail;
        let key = match key.parse::<u32>() {
            Ok(n) => Datum::Int(n.into()),
            Err(_) => Datum::Str(key.into()),
        };
        let Some(inner) = index(&value, &key, budget)? else {
            return Ok(None);
        };
        value = inner;
    }
    Ok(Some(value))
}
