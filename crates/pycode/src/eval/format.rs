//! Values as text: `str`, `repr`, `format` and f-strings, exactly as Python writes them or not at all.

use super::datum::{CAP, Datum, pay};
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
    let made = spell(value, spec);
    pay(made.as_ref().map_or(0, String::len), budget)?;
    Ok(made)
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
pub(super) fn spell(value: &Datum, spec: &str) -> Option<String> {
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
