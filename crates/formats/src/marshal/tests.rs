use super::*;
use crate::assemble::assemble;
use proptest::prelude::*;
use std::process::Command;

fn show(bytes: &[u8]) -> String {
    let read = match read(&Blob::from_bytes(bytes), &mut Budget::default()) {
        Ok(read) => read,
        Err(why) => return why,
    };
    let python = read.header.and_then(|h| h.python);
    let mut out = vec![format!("{:?} {python:?}", read.layout)];
    for used in &read.uses {
        let scope = &read.codes[used.code].name;
        let runs = if used.runs { "" } else { " (later)" };
        let argument = used
            .argument
            .as_ref()
            .map(|a| format!(" {a:?}"))
            .unwrap_or_default();
        out.push(format!("{scope}: {:?} {}{argument}{runs}", used.kind, used.path));
    }
    out.join("\n")
}

#[test]
fn modules_of_every_version_are_followed() {
    for minor in 6..15 {
        let listing = format!(
            "pyc 3.{minor}\n  code <module>\n    import json\n    code helper\n      call subprocess.run id\n    \
             code unused\n      call os.remove x\n    call-function helper\n    call os.path.join a\n    main\n    call socket.socket b\n"
        );
        let shown = show(&assemble("marshal", &listing).unwrap());
        let (first, rest) = shown.split_once('\n').unwrap();
        assert!(first.ends_with(&format!("Some((3, {minor}))")), "{first}");
        assert_eq!(
            rest,
            "<module>: Import json\n<module>: Import os.path\n<module>: Call os.path.join \"a\"\n\
             <module>: Import socket (later)\n<module>: Call socket.socket \"b\" (later)\n\
             helper: Import subprocess\nhelper: Call subprocess.run \"id\"\n\
             unused: Import os (later)\nunused: Call os.remove \"x\" (later)",
            "3.{minor}"
        );
    }
}

#[test]
fn a_function_without_a_header_is_read_by_every_layout() {
    for minor in [6, 8, 11, 13, 14] {
        let listing = format!("code <lambda> python=3.{minor}\n  call os.system id\n");
        let bytes = assemble("marshal", &listing).unwrap();
        assert!(looks_like_code(&bytes), "3.{minor}");
        let shown = show(&bytes);
        assert!(
            shown.contains("<lambda>: Call os.system \"id\""),
            "3.{minor}: {shown}"
        );
        assert!(shown.contains("<lambda>: Named system"), "3.{minor}: {shown}");
    }
}

#[test]
fn what_is_no_bytecode_says_so() {
    for (bytes, expected) in [
        (&b""[..], "it ends in the middle of an object, at byte 0"),
        (b"N", "it holds no code object"),
        (b"\xe3\0\0", "it ends in the middle of an object, at byte 1"),
        (
            b"(\xff\xff\xff\xff",
            "it has an object that is longer than the data, at byte 5",
        ),
        (
            b"r\x05\0\0\0",
            "it refers to an object that is not there, at byte 5",
        ),
        (b"!", "it has an object of an unknown kind, at byte 1"),
    ] {
        assert_eq!(show(bytes), expected);
    }
    let deep = [[b')', 1].repeat(5000), b"N".to_vec()].concat();
    assert!(show(&deep).contains("nests deeper"));
}

#[test]
fn shared_objects_are_not_multiplied() {
    // Each tuple refers two hundred times to the one before; written out, the last had 200^100 items.
    let mut bytes = b"(".to_vec();
    bytes.extend(101_u32.to_le_bytes());
    bytes.extend([0xa9, 0]);
    for level in 0..100_u32 {
        bytes.extend([0xa9, 200]);
        for _ in 0..200 {
            bytes.push(b'r');
            bytes.extend(level.to_le_bytes());
        }
    }
    let mut objects = Objects::new(&bytes, Layout::ThreeEleven);
    objects.read(0, &mut Budget::default()).unwrap();
    assert_eq!(objects.all.len(), 102);
    assert_eq!(show(&bytes), "it holds no code object");
}

#[test]
fn what_is_no_text_is_paid_for_before_it_is_decoded() {
    let text = |byte: u8| {
        let size = 48_u32 << 20;
        let mut bytes = b"u".to_vec();
        bytes.extend(size.to_le_bytes());
        bytes.resize(bytes.len() + size as usize, byte);
        bytes
    };
    assert!(show(&text(0xff)).contains("bytes of memory"));
    assert_eq!(show(&text(b'a')), "it holds no code object");
}

#[test]
fn shared_instructions_are_judged_by_their_beginning() {
    let code = |instructions: Vec<u8>| Code {
        instructions: instructions.into(),
        ..Code::default()
    };
    let shared = code([9, 0].repeat(8 << 20));
    let bytecode = Bytecode {
        header: None,
        layout: Layout::ThreeEleven,
        codes: vec![shared; 64],
        uses: Vec::new(),
        trailing: 0,
    };
    let limits = wellhead_core::Limits {
        steps: 1 << 20,
        ..wellhead_core::Limits::default()
    };
    let mut budget = Budget::new(limits, Arc::default());
    assert!(uses::uses(&bytecode, &mut budget).is_err());
}

/// Where an interpreter of that version may be.
fn pythons(minor: u8) -> Vec<std::path::PathBuf> {
    let root = std::env::var_os("PYENV_ROOT").map(std::path::PathBuf::from);
    let root = root.or_else(|| Some(std::path::PathBuf::from(std::env::var_os("HOME")?).join(".pyenv")));
    let installed = root.and_then(|root| std::fs::read_dir(root.join("versions")).ok());
    let start = format!("3.{minor}.");
    installed
        .into_iter()
        .flatten()
        .flatten()
        .filter(|e| e.file_name().to_string_lossy().starts_with(&start))
        .map(|e| e.path().join("bin/python"))
        .chain([format!("python3.{minor}").into()])
        .collect()
}

/// Every interpreter that is there compiles the same source; what is read must be the same.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the files are made by the programs that users make them with"
)]
fn real_interpreters_agree() {
    const SOURCE: &str = r#"
import marshal, sys
source = '''
import os as o, json
from subprocess import run as go
class A:
    x = o.getcwd()
    def f(self): return go(["x"])
def g(a, *, b=1):
    return o.popen("later" + a)
def h():
    o.system("id")
h()
go("ls")
__import__("socket").create_connection("a")
getattr(o, "sys" + "tem")("joined")
list(map(o.remove, []))
if __name__ == "__main__":
    o.system("main")
'''
sys.stdout.buffer.write(marshal.dumps(compile(source, "m.py", "exec"))) if sys.version_info[0] > 2 else sys.stdout.write(marshal.dumps(compile(source, "m.py", "exec")))
"#;
    let mut seen = 0;
    for minor in 6..16 {
        let out = pythons(minor).iter().find_map(|python| {
            let out = Command::new(python).arg("-c").arg(SOURCE).output().ok()?;
            out.status.success().then_some(out.stdout)
        });
        let Some(bytes) = out else {
            eprintln!("skipped: no Python 3.{minor}");
            continue;
        };
        seen += 1;
        let bytecode = parse(&bytes, &mut Budget::default()).unwrap();
        let called: Vec<_> = bytecode
            .uses
            .iter()
            .filter(|u| u.runs && matches!(u.kind, UseKind::Call | UseKind::Handed))
            .map(|u| u.path.as_str())
            .filter(|p| !matches!(*p, "__build_class__" | "map" | "list" | "map()"))
            .collect();
        let expected = [
            "subprocess.run",
            "__import__",
            "socket.create_connection",
            "getattr",
            "os.system",
            "os.remove",
            "os.system",
            "os.getcwd",
        ];
        let mut sorted = (called.clone(), expected.to_vec());
        sorted.0.sort_unstable();
        sorted.1.sort_unstable();
        assert_eq!(sorted.0, sorted.1, "3.{minor}");
    }
    if seen == 0 {
        eprintln!("skipped: no Python at all");
    }
}

proptest! {
    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = show(&bytes);
        let _ = looks_like_code(&bytes);
    }

    #[test]
    fn damaged_code_never_panics(at in 0_usize..600, byte in any::<u8>(), minor in 6_u8..15) {
        let listing = format!("pyc 3.{minor}\n  code <module>\n    code f\n      call os.system id\n    call-function f\n    call a.b.c d\n");
        let mut bytes = assemble("marshal", &listing).unwrap();
        if let Some(b) = bytes.get_mut(at) { *b = byte; }
        let _ = show(&bytes);
    }
}
