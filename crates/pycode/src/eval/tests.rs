//! Expressions of Python beside what Python gives for them.

use super::*;
use proptest::prelude::*;
use ruff_python_ast::{CmpOp, Expr, InterpolatedStringElement, Number, Operator as Op, UnaryOp};
use std::{process::Command, sync::Arc};
use wellhead_core::{Budget, Limits};

/// `expression => repr(expression)`, one a line, as Python 3.11 wrote it.
const CASES: &str = include_str!("cases.txt");

fn cases() -> impl Iterator<Item = (&'static str, &'static str)> {
    CASES.lines().map(|line| line.rsplit_once(" => ").unwrap())
}

/// The dotted name of a function or constant of the library.
fn dotted(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Name(name) => Some(name.id.to_string()),
        Expr::Attribute(a) => Some(format!("{}.{}", dotted(&a.value)?, a.attr)),
        _ => None,
    }
}

fn all(exprs: &[Expr], budget: &mut Budget) -> Option<Vec<Datum>> {
    exprs.iter().map(|e| value_of(e, budget)).collect()
}

fn value_of(expr: &Expr, budget: &mut Budget) -> Option<Datum> {
    match expr {
        Expr::StringLiteral(s) => Datum::text(s.value.to_str()),
        Expr::BytesLiteral(b) => Datum::bytes(b.value.bytes().collect::<Vec<u8>>()),
        Expr::NumberLiteral(n) => match &n.value {
            Number::Int(n) => Datum::number(&n.to_string()),
            Number::Float(f) => Some(Datum::Float(*f)),
            Number::Complex { .. } => None,
        },
        Expr::BooleanLiteral(b) => Some(Datum::Bool(b.value)),
        Expr::NoneLiteral(_) => Some(Datum::None),
        Expr::List(l) => Datum::list(all(&l.elts, budget)?),
        Expr::Tuple(t) => Datum::tuple(all(&t.elts, budget)?),
        Expr::Dict(d) => {
            let pairs = d.items.iter().map(|item| {
                let key = value_of(item.key.as_ref()?, budget)?;
                Some((key, value_of(&item.value, budget)?))
            });
            Datum::dict(pairs.collect::<Option<_>>()?)
        }
        Expr::BinOp(b) => {
            let (left, right) = (value_of(&b.left, budget)?, value_of(&b.right, budget)?);
            let op = match b.op {
                Op::Add => Operator::Add,
                Op::Sub => Operator::Sub,
                Op::Mult => Operator::Mul,
                Op::Div => Operator::Div,
                Op::FloorDiv => Operator::FloorDiv,
                Op::Mod => Operator::Mod,
                Op::Pow => Operator::Pow,
                Op::LShift => Operator::LeftShift,
                Op::RShift => Operator::RightShift,
                Op::BitOr => Operator::BitOr,
                Op::BitXor => Operator::BitXor,
                Op::BitAnd => Operator::BitAnd,
                Op::MatMult => return None,
            };
            operator(op, &left, &right, budget).unwrap()
        }
        Expr::UnaryOp(u) => {
            let op = match u.op {
                UnaryOp::Invert => Unary::Invert,
                UnaryOp::Not => Unary::Not,
                UnaryOp::UAdd => Unary::Plus,
                UnaryOp::USub => Unary::Minus,
            };
            unary(op, &value_of(&u.operand, budget)?, budget).unwrap()
        }
        Expr::Compare(c) => {
            let op = match c.ops.first()? {
                CmpOp::Eq => Operator::Equal,
                CmpOp::NotEq => Operator::NotEqual,
                CmpOp::Lt => Operator::Less,
                CmpOp::LtE => Operator::LessEqual,
                CmpOp::Gt => Operator::Greater,
                CmpOp::GtE => Operator::GreaterEqual,
                CmpOp::Is => Operator::Is,
                CmpOp::IsNot => Operator::IsNot,
                CmpOp::In => Operator::In,
                CmpOp::NotIn => Operator::NotIn,
            };
            let right = value_of(c.comparators.first()?, budget)?;
            operator(op, &value_of(&c.left, budget)?, &right, budget).unwrap()
        }
        Expr::Subscript(s) => {
            let value = value_of(&s.value, budget)?;
            match s.slice.as_ref() {
                Expr::Slice(parts) => {
                    let mut bound = |e: &Option<Box<Expr>>| e.as_ref().map(|e| value_of(e, budget).unwrap());
                    let (a, b, c) = (bound(&parts.lower), bound(&parts.upper), bound(&parts.step));
                    slice(&value, [a.as_ref(), b.as_ref(), c.as_ref()], budget).unwrap()
                }
                at => index(&value, &value_of(at, budget)?, budget).unwrap(),
            }
        }
        Expr::FString(f) => {
            let mut out = String::new();
            for element in f.value.elements() {
                match element {
                    InterpolatedStringElement::Literal(l) => out.push_str(&l.value),
                    InterpolatedStringElement::Interpolation(i) => {
                        let spec = i.format_spec.as_ref().map_or(String::new(), |spec| {
                            spec.elements.literals().map(|l| l.value.to_string()).collect()
                        });
                        let value = value_of(&i.expression, budget)?;
                        out.push_str(&render(&value, i.conversion.to_char(), &spec, budget).unwrap()?);
                    }
                }
            }
            Datum::text(out)
        }
        Expr::Attribute(_) => constant(&dotted(expr)?),
        Expr::Call(call) => {
            let arguments = all(&call.arguments.args, budget)?;
            let mut keywords: Vec<(Arc<str>, Datum)> = Vec::new();
            for keyword in &call.arguments.keywords {
                let name = keyword.arg.as_ref()?.as_str().into();
                keywords.push((name, value_of(&keyword.value, budget)?));
            }
            if let Some(name) = dotted(&call.func) {
                return builtin(&name, &arguments, &keywords, budget).unwrap();
            }
            let Expr::Attribute(attribute) = call.func.as_ref() else {
                let function = value_of(&call.func, budget)?;
                return invoke(&function, &arguments, &keywords, budget).unwrap();
            };
            let receiver = value_of(&attribute.value, budget)?;
            method(&receiver, &attribute.attr, &arguments, &keywords, budget).unwrap()
        }
        _ => None,
    }
}

fn evaluate(text: &str) -> Option<Datum> {
    let parsed = ruff_python_parser::parse_expression(text).unwrap();
    value_of(parsed.expr(), &mut Budget::default())
}

fn shown(text: &str) -> String {
    let budget = &mut Budget::default();
    match evaluate(text) {
        Some(value) => render(&value, Some('r'), "", budget)
            .unwrap()
            .unwrap_or("?".to_owned()),
        None => "?".to_owned(),
    }
}

#[test]
fn each_expression_gives_what_python_gives() {
    let wrong: Vec<String> = cases()
        .map(|(expression, expected)| (expression, expected, shown(expression)))
        .filter(|(_, expected, got)| expected != got)
        .map(|(expression, expected, got)| format!("{expression}\n  python: {expected}\n  here:   {got}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "Python itself says what is right, and is given nothing but the table"
)]
fn the_table_is_what_python_on_this_machine_says() {
    let program = "import sys,base64,binascii,bz2,codecs,gzip,hashlib,io,itertools,json,lzma,operator,string,struct,textwrap,\
                   urllib.parse,zlib\nfor line in sys.argv[1].splitlines():\n e,_,r=line.rpartition(' => ')\n \
                   g=repr(eval(e))\n if g!=r: print(e,g)";
    let run = Command::new("python3")
        .args(["-W", "ignore", "-c", program, CASES])
        .output();
    let Ok(output) = run else {
        eprintln!("skipped: there is no python3");
        return;
    };
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
}

#[test]
fn what_raises_or_depends_on_the_machine_is_not_known() {
    for expression in [
        "1 // 0",
        "1 / 0",
        "'a' + 1",
        "'a' + b'a'",
        "'abc'[5]",
        "{'a': 1}['b']",
        "'abc'[::0]",
        "chr(1114112)",
        "chr(0xd800)",
        "ord('ab')",
        "bytes([256])",
        "bytes('é')",
        "''.join(['a', 1])",
        "b'\\xff'.decode()",
        "'é'.encode('ascii')",
        "b'x'.decode('no-such-codec')",
        "int('12z')",
        "int('1__2')",
        "int('08', 0)",
        "(256).to_bytes(1, 'big')",
        "(-1).to_bytes(1, 'big')",
        "base64.b64decode('abc')",
        "base64.b64decode('a')",
        "base64.b64decode('é')",
        "base64.b64decode('aGk= ', validate=True)",
        "base64.b32decode('nbswy3dp')",
        "base64.b16decode('abcd')[0] + base64.b16decode('ab')[0]",
        "base64.b85decode('~~~~~')",
        "binascii.unhexlify('123')",
        "zlib.decompress(b'abc')",
        "marshal.loads(b'abc')",
        "'%s %s' % ('a',)",
        "'%s' % ('a', 'b')",
        "'{}'.format()",
        "'{0.real}'.format(1)",
        "'{:q}'.format(1)",
        "'{!x}'.format(1)",
        "sorted([1, 'a'])",
        "hash('a')",
        "str(1e300)",
        "str(2 ** 20000)",
        "range(1, 2, 0)",
        "list(zip('ab', [1], strict=True))",
        "struct.unpack('>I', b'abc')",
        "struct.pack('I', 1)",
        "random.choice('abc')",
        "hashlib.sha256('a')",
        "(5).__mul__('a')",
        "'a'.__eq__(1)",
        "'a'.__radd__('b')",
        "binascii.hexlify('a')",
        "base64.urlsafe_b64decode('YQ==', 1)",
        "'a' * -(2 ** 70)",
        "('a',).copy()",
    ] {
        assert_eq!(shown(expression), "?", "{expression}");
    }
}

#[test]
fn what_is_too_large_is_not_made() {
    for expression in [
        "'a' * 10000000",
        "[1] * 10000000",
        "2 ** 1000000",
        "1 << 1000000",
        "'%99999999d' % 1",
        "'{:99999999}'.format(1)",
        "'a'.ljust(99999999)",
        "list(range(10000000))",
        "bytes(99999999)",
        "('a' * 4000).replace('a', 'b' * 4000)",
        "sum(range(10000000))",
        "(1).to_bytes(99999999, 'big')",
    ] {
        assert_eq!(shown(expression), "?", "{expression}");
    }
}

#[test]
fn tokens_and_ciphers_with_their_keys_are_opened() {
    // The example of Fernet's specification.
    let fernet = "cryptography.fernet.Fernet('cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=')";
    let token = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";
    assert_eq!(shown(&format!("{fernet}.decrypt(b'{token}')")), "b'hello'");
    assert_eq!(shown(&format!("{fernet}.decrypt('{token}').decode()")), "'hello'");
    let forged = token.replace("gAAAAAAdwJ6w", "gAAAAAAdwJ7w");
    assert_eq!(shown(&format!("{fernet}.decrypt(b'{forged}')")), "?");

    // The examples of NIST SP 800-38A.
    let key = "bytes.fromhex('2b7e151628aed2a6abf7158809cf4f3c')";
    let plain = "6bc1bee22e409f96e93d7e117393172a";
    let start = "bytes(range(16))";
    let counter = "bytes(range(0xf0, 0x100))";
    let modes = [
        ("ECB", "", "3ad77bb40d7a3660a89ecaf32466ef97"),
        ("CBC", start, "7649abac8119b246cee98e9b12e9197d"),
        ("OFB", start, "3b3fd92eb72dad20333449f8e83cfb4a"),
        ("CFB", start, "3b3fd92eb72dad20333449f8e83cfb4a"),
        ("CFB8", start, "3b79424c9c0dd436bace9e0ed4586a4f"),
        ("CTR", counter, "874d6191b620e3261bef6864990db6ce"),
    ];
    let hazmat = "cryptography.hazmat.primitives.ciphers";
    for (mode, start, hidden) in modes {
        let cipher =
            format!("{hazmat}.Cipher({hazmat}.algorithms.AES({key}), {hazmat}.modes.{mode}({start}))");
        let opened = format!("{cipher}.decryptor().update(bytes.fromhex('{hidden}')).hex()");
        assert_eq!(shown(&opened), format!("'{plain}'"), "{mode}");
    }
    for (mode, start, hidden) in [modes[0], modes[1], modes[2], ("CFB", start, modes[4].2)] {
        let start = if start.is_empty() {
            String::new()
        } else {
            format!(", {start}")
        };
        for package in ["Crypto", "Cryptodome"] {
            let cipher = format!("{package}.Cipher.AES.new({key}, {package}.Cipher.AES.MODE_{mode}{start})");
            let opened = format!("{cipher}.decrypt(bytes.fromhex('{hidden}')).hex()");
            assert_eq!(shown(&opened), format!("'{plain}'"), "{mode}");
        }
    }
    let counted =
        "Crypto.Cipher.AES.MODE_CTR, nonce=bytes(range(0xf0, 0xf8)), initial_value=0xf8f9fafbfcfdfeff";
    let counted = format!("Crypto.Cipher.AES.new({key}, {counted})");
    let hidden = modes[5].2;
    assert_eq!(
        shown(&format!("{counted}.decrypt(bytes.fromhex('{hidden}')).hex()")),
        format!("'{plain}'")
    );
    // The second example of GCM's specification: all zeros.
    let hidden = "bytes.fromhex('0388dace60b6a392f328c2b971b2fe78')";
    let made = "Crypto.Cipher.AES.new(bytes(16), Crypto.Cipher.AES.MODE_GCM, nonce=bytes(12))";
    assert_eq!(shown(&format!("{made}.decrypt({hidden}) == bytes(16)")), "True");
    let cipher =
        format!("{hazmat}.Cipher({hazmat}.algorithms.AES(bytes(16)), {hazmat}.modes.GCM(bytes(12)))");
    assert_eq!(
        shown(&format!("{cipher}.decryptor().update({hidden}) == bytes(16)")),
        "True"
    );
    assert_eq!(
        shown("Crypto.Cipher.ARC4.new(b'Key').decrypt(bytes.fromhex('bbf316e8d940af0ad3'))"),
        "b'Plaintext'"
    );
    assert_eq!(
        shown("Crypto.Util.Padding.unpad(b'payload' + b'\\x09' * 9, 16)"),
        "b'payload'"
    );
    assert_eq!(
        shown("Crypto.Util.Padding.unpad(b'payload' + b'\\x0a' * 9, 16)"),
        "?"
    );
}

#[test]
fn a_number_that_is_a_program_is_one_again() {
    let number = shown("int.from_bytes(b'print(\"a longer text than fits\")', 'big')");
    assert_eq!(
        shown(&format!(
            "({number}).to_bytes(({number}).bit_length() // 8 + 1, 'big').decode()"
        )),
        "'print(\"a longer text than fits\")'"
    );
    assert_eq!(
        shown(&format!("Crypto.Util.number.long_to_bytes({number})")),
        "b'print(\"a longer text than fits\")'"
    );
}

#[test]
fn a_marshalled_program_gives_its_names_and_constants() {
    // `import base64` and `print(base64.b64decode(b'aGk='))`, compiled by Python 3.11.
    let bytes = "630000000000000000000000000500000000000000f3400000009700640064016c005a000200650102006500\
                 6a0200000000000000006402a6010000ab010000000000000000a6010000ab010000000000000000010064\
                 0153002903e9000000004e730400000061476b3d2903da06626173653634da057072696e74da096236346\
                 465636f6465a900f300000000da05696e657274fa083c6d6f64756c653e720800000001000000733200000\
                 0f003010101d8000d800d800d800dd800058005d006168066d406169077d1061fd4061fd10020d40020d00\
                 020d00020d000207206000000";
    let Some(Datum::Code(code)) = evaluate(&format!("marshal.loads(bytes.fromhex('{bytes}'))")) else {
        panic!()
    };
    assert_eq!(code.names().collect::<Vec<_>>(), ["base64", "print", "b64decode"]);
    assert_eq!(code.blobs().map(AsRef::as_ref).collect::<Vec<_>>(), [b"aGk="]);
    let calls: Vec<_> = code.bytecode.uses.iter().map(|u| u.path.as_str()).collect();
    assert!(calls.contains(&"base64.b64decode"), "{calls:?}");
    assert_eq!(
        shown(&format!("marshal.loads(bytes.fromhex('{}'))", &bytes[..40])),
        "?"
    );
}

#[test]
fn containers_change_as_they_do_in_python() {
    let budget = &mut Budget::default();
    let list = evaluate("[3, 1]").unwrap();
    let mut step = |value: &Datum, name: &str, arguments: &str| {
        let Some(Datum::Tuple(arguments)) = evaluate(arguments) else {
            panic!()
        };
        let (after, result) = mutate(value, name, &arguments, &[], budget).unwrap().unwrap();
        (
            render(&after, None, "", budget).unwrap().unwrap(),
            render(&result, None, "", budget).unwrap().unwrap(),
        )
    };
    let table = [
        ("append", "(7,)", "[3, 1, 7]", "None"),
        ("extend", "('ab',)", "[3, 1, 'a', 'b']", "None"),
        ("insert", "(-1, 9)", "[3, 9, 1]", "None"),
        ("insert", "(99, 9)", "[3, 1, 9]", "None"),
        ("pop", "()", "[3]", "1"),
        ("pop", "(0,)", "[1]", "3"),
        ("remove", "(3,)", "[1]", "None"),
        ("reverse", "()", "[1, 3]", "None"),
        ("sort", "()", "[1, 3]", "None"),
        ("clear", "()", "[]", "None"),
    ];
    for (name, arguments, after, result) in table {
        assert_eq!(
            step(&list, name, arguments),
            (after.to_owned(), result.to_owned()),
            "{name}"
        );
    }
    let bytes = evaluate("b'ab'").unwrap();
    assert_eq!(step(&bytes, "append", "(99,)").0, "b'abc'");
    assert_eq!(step(&bytes, "extend", "(b'cd',)").0, "b'abcd'");
    let dict = evaluate("{'a': 1}").unwrap();
    assert_eq!(step(&dict, "update", "({'b': 2},)").0, "{'a': 1, 'b': 2}");
    assert_eq!(step(&dict, "pop", "('a',)"), ("{}".to_owned(), "1".to_owned()));
    assert_eq!(
        step(&dict, "setdefault", "('c', 3)"),
        ("{'a': 1, 'c': 3}".to_owned(), "3".to_owned())
    );
}

#[test]
fn a_value_that_holds_itself_over_and_over_ends() {
    let mut deep = Datum::list(Vec::new()).unwrap();
    let mut levels = 0;
    while let Some(next) = Datum::list(vec![deep.clone()]) {
        deep = next;
        levels += 1;
    }
    assert_eq!(levels, i32::from(DEPTH) - 1);
    let budget = &mut Budget::default();
    let mut cycle = Datum::list(Vec::new()).unwrap();
    levels = 0;
    while let Some(next) = Datum::list(vec![cycle.clone()]) {
        cycle = builtin("itertools.cycle", &[next], &[], budget).unwrap().unwrap();
        levels += 1;
    }
    assert_eq!(levels, i32::from(DEPTH) - 1);
    let mut wide = Datum::list(vec![Datum::Int(1); 1000]).unwrap();
    while let Some(next) = Datum::list(vec![wide.clone(), wide.clone()]) {
        wide = next;
    }
    assert!(wide.weight() <= WEIGHT);
    let budget = &mut Budget::default();
    assert_eq!(
        operator(Operator::Equal, &wide, &wide, budget).unwrap(),
        Some(Datum::Bool(true))
    );
}

#[test]
fn a_loop_that_grows_a_text_runs_out() {
    let limits = Limits {
        steps: 1_000_000,
        ..Limits::default()
    };
    let budget = &mut Budget::new(limits, Arc::default());
    let mut text = Datum::text("a").unwrap();
    let end = loop {
        match operator(
            Operator::Add,
            &text,
            &Datum::text("aaaaaaaaaaaaaaaa").unwrap(),
            budget,
        ) {
            Ok(Some(longer)) => text = longer,
            other => break other,
        }
    };
    assert!(end.is_err());
}

fn any_datum() -> impl Strategy<Value = Datum> {
    let leaf = prop_oneof![
        Just(Datum::None),
        any::<bool>().prop_map(Datum::Bool),
        any::<i128>().prop_map(Datum::Int),
        (-9..300_i128).prop_map(Datum::Int),
        any::<f64>().prop_map(Datum::Float),
        (any::<i128>(), 1..200_u32).prop_map(|(n, bits)| {
            Datum::big(num_bigint::BigInt::from(n) * num_bigint::BigInt::from(3).pow(bits)).unwrap()
        }),
        "[%{}:a-c0-9=+/é.-]{0,12}".prop_map(|t| Datum::text(t).unwrap()),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(|b| Datum::bytes(b).unwrap()),
        (-9..9_i128, -99..999_i128, 1..5_i128)
            .prop_map(|(a, b, c)| Datum::Range(Range::new(a, b, c).unwrap())),
    ];
    leaf.prop_recursive(3, 20, 5, |inner| {
        let many = proptest::collection::vec(inner.clone(), 0..5);
        prop_oneof![
            many.clone().prop_map(|v| Datum::list(v).unwrap()),
            many.prop_map(|v| Datum::tuple(v).unwrap()),
            proptest::collection::vec((inner.clone(), inner), 0..4)
                .prop_map(|v| Datum::dict(v).unwrap_or(Datum::None)),
        ]
    })
}

fn small(value: Option<Datum>) {
    if let Some(value) = value {
        assert!(value.weight() <= WEIGHT + CAP as u64);
        assert!(value.as_str().is_none_or(|t| t.len() <= CAP));
        assert!(value.as_bytes().is_none_or(|b| b.len() <= CAP));
    }
}

proptest! {
    #[test]
    fn nothing_panics_and_nothing_grows_too_large(a in any_datum(), b in any_datum(), c in any_datum()) {
        let budget = &mut Budget::default();
        trial(&a, &b, &c, budget);
    }
}

/// Everything with everything.
fn trial(a: &Datum, b: &Datum, c: &Datum, budget: &mut Budget) {
    use Operator::{
        Add, BitAnd, BitOr, BitXor, Div, Equal, FloorDiv, In, LeftShift, Less, Mod, Mul, Pow, RightShift, Sub,
    };
    for op in [
        Add, BitAnd, BitOr, BitXor, Div, Equal, FloorDiv, In, LeftShift, Less, Mod, Mul, Pow, RightShift, Sub,
    ] {
        small(operator(op, a, b, budget).unwrap());
    }
    for op in [Unary::Not, Unary::Invert, Unary::Minus] {
        small(unary(op, a, budget).unwrap());
    }
    for bounds in [
        [Some(b), Some(c), None],
        [None, Some(b), Some(c)],
        [None, None, Some(b)],
    ] {
        small(slice(a, bounds, budget).unwrap());
    }
    small(index(a, b, budget).unwrap());
    small(set_item(a, b, c, budget).unwrap());
    let spec = b.as_str().unwrap_or_default();
    for conversion in [None, Some('r'), Some('a')] {
        render(a, conversion, spec, budget).unwrap();
    }
    let all = [a.clone(), b.clone(), c.clone()];
    for count in 0..=3 {
        for name in FUNCTIONS {
            small(builtin(name, &all[..count], &[], budget).unwrap());
        }
        for name in METHODS {
            let arguments = &all[all.len() - count.min(2)..];
            small(method(a, name, arguments, &[], budget).unwrap());
            if let Some((after, result)) = mutate(a, name, arguments, &[], budget).unwrap() {
                small(Some(after));
                small(Some(result));
            }
        }
    }
}

#[test]
fn the_names_are_sorted_and_each_spelling_is_known() {
    assert!(FUNCTIONS.is_sorted());
    for name in [
        "chr",
        "builtins.chr",
        "__builtin__.chr",
        "Cryptodome.Cipher.AES.new",
        "bytes.fromhex",
        "str.join",
    ] {
        assert!(is_known(name), "{name}");
    }
    for name in ["os.system", "random.choice", "open", "zlib.compress"] {
        assert!(!is_known(name), "{name}");
    }
}
