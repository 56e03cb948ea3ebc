use super::{super::*, calls, nested_calls, of_bytes, program};
use crate::pickle::assemble::assemble;
use wellhead_core::hex;

const EVIL: &str = "GLOBAL 'posix system'\nBINUNICODE 'x'\nTUPLE1\nREDUCE\n";

/// Every listing ends in a call of `posix.system('x')` that a loader makes.
#[test]
fn the_call_is_seen_through_every_trick() {
    let evil = hex(&assemble(EVIL).unwrap());
    let zeros = "00".repeat(3000);
    let many = "NONE\nPOP\n".repeat(2000);
    for (class, listing) in [
        ("S01 invalid opcode behind the call", format!("PROTO 2\n{EVIL}RAW hex:ff ff")),
        ("S02 no STOP", format!("PROTO 2\n{EVIL}")),
        ("S02 cut inside INST's name", "MARK\nBINUNICODE 'x'\nRAW 'iposix\\nsystem!'".to_owned()),
        ("S03 benign, then broken", format!("PROTO 2\nNONE\nSTOP\nPROTO 2\n{EVIL}RAW hex:ff")),
        ("S04 in the fourth of four", format!("NONE\nSTOP\nNONE\nSTOP\nPROTO 2\nNONE\nSTOP\nPROTO 4\n{EVIL}STOP")),
        ("S07 base 0", format!("INT 0x10\nPOP\nLONG 0b11L\nPOP\n{EVIL}STOP")),
        ("S09 bytes above 0x7f", format!("STRING '\\xc3'\nPOP\nRAW hex:53 27 c3 27 0a\nPOP\n{EVIL}STOP")),
        ("S10 float of the Python reader", format!("RAW 'F 1.5\\n'\nPOP\nRAW 'F1_0\\n'\nPOP\n{EVIL}STOP")),
        ("S11 frame beyond the end", format!("PROTO 4\nFRAME 100000\n{EVIL}STOP")),
        ("S12 empty frames, old protocol", format!("PROTO 2\nFRAME 0\nFRAME 0\n{EVIL}FRAME 0\nSTOP")),
        ("S13 PROTO twice and late", format!("NONE\nPOP\nPROTO 0\nPROTO 5\nPROTO 1\n{EVIL}STOP")),
        ("S14 huge index", "GLOBAL 'posix system'\nLONG_BINPUT 4294967295\nPOP\nLONG_BINGET 4294967295\nBINUNICODE 'x'\nTUPLE1\nREDUCE\nSTOP".to_owned()),
        ("S15 PUT of a result", "PROTO 4\nBINUNICODE 'posix'\nMEMOIZE\nBINUNICODE 'system'\nSTACK_GLOBAL\nMEMOIZE\nPOP\nBINGET 1\nBINUNICODE 'x'\nTUPLE1\nREDUCE\nSTOP".to_owned()),
        ("S16 slot overwritten after use", "PROTO 4\nBINUNICODE 'posix'\nBINPUT 0\nPOP\nBINUNICODE 'math'\nBINGET 0\nBINUNICODE 'system'\nSTACK_GLOBAL\nBINUNICODE 'math'\nBINPUT 0\nPOP\nBINUNICODE 'x'\nTUPLE1\nREDUCE\nSTOP".to_owned()),
        ("S17 noise between the operands", "PROTO 4\nBINUNICODE 'posix'\nDUP\nPOP\nMARK\nNONE\nPOP_MARK\nBINUNICODE 'system'\nMARK\nPOP\nSTACK_GLOBAL\nBINUNICODE 'x'\nTUPLE1\nREDUCE\nSTOP".to_owned()),
        ("S18 UNICODE with escapes", "UNICODE \\u0070osix\nRAW 'V\\\\u0073ystem\\n'\nSTACK_GLOBAL\nBINUNICODE 'x'\nTUPLE1\nREDUCE\nSTOP".to_owned()),
        ("S18 STRING with escapes", "RAW 'S\"\\\\x70osix\"\\n'\nSHORT_BINSTRING 'system'\nSTACK_GLOBAL\nBINUNICODE 'x'\nTUPLE1\nREDUCE\nSTOP".to_owned()),
        ("S18 BINUNICODE8, BINSTRING", "BINUNICODE8 'posix'\nBINSTRING 'system'\nSTACK_GLOBAL\nBINUNICODE 'x'\nTUPLE1\nREDUCE\nSTOP".to_owned()),
        ("S24 INST", "MARK\nBINUNICODE 'x'\nINST 'posix system'\nSTOP".to_owned()),
        ("S24 OBJ, result dropped", "MARK\nGLOBAL 'posix system'\nBINUNICODE 'x'\nOBJ\nPOP\nNONE\nSTOP".to_owned()),
        ("S24 NEWOBJ", "GLOBAL 'posix system'\nBINUNICODE 'x'\nTUPLE1\nNEWOBJ\nSTOP".to_owned()),
        ("S25 result as a key", format!("EMPTY_DICT\n{EVIL}NONE\nSETITEM\nSTOP")),
        ("S29 thousands of no-ops", format!("{many}{EVIL}STOP")),
        ("arguments in a list", "GLOBAL 'posix system'\nEMPTY_LIST\nBINUNICODE 'x'\nAPPEND\nREDUCE\nSTOP".to_owned()),
        ("python 2 spelling", "PROTO 2\nGLOBAL '__builtin__ apply'\nGLOBAL 'posix system'\nMARK\nBINUNICODE 'x'\nTUPLE\nTUPLE2\nREDUCE\nSTOP".to_owned()),
        ("S05 zeros, then the pickle", format!("NONE\nSTOP\nRAW hex:{zeros}\nRAW hex:{evil}2e")),
        ("S05 junk, then the pickle", format!("PROTO 2\nNONE\nSTOP\nRAW hex:fffefdfcfb\nRAW hex:{evil}2e")),
    ] {
        let p = program(&listing);
        let seen = calls(&p);
        let found = seen.iter().any(|c| {
            let call = c.trim_end_matches(" after damage");
            call == "posix.system('x')" || call == "posix.system(['x'])"
        });
        assert!(found, "{class}: {seen:?} {:?}", p.streams);
    }
}

#[test]
fn names_are_computed() {
    for (class, name) in [
        (
            "join",
            "GLOBAL 'builtins str.join'\nBINUNICODE ''\nEMPTY_LIST\nMARK\nBINUNICODE 'sys'\nBINUNICODE 'tem'\nAPPENDS\nTUPLE2\nREDUCE",
        ),
        (
            "join by getattr",
            "GLOBAL 'builtins getattr'\nBINUNICODE ''\nBINUNICODE 'join'\nTUPLE2\nREDUCE\nMARK\nBINUNICODE 'sys'\nBINUNICODE 'tem'\nTUPLE\nTUPLE1\nREDUCE",
        ),
        (
            "bytes.decode",
            "GLOBAL 'builtins bytes.decode'\nBINBYTES 'system'\nTUPLE1\nREDUCE",
        ),
        (
            "rot13",
            "GLOBAL 'codecs decode'\nBINUNICODE 'flfgrz'\nBINUNICODE 'rot13'\nTUPLE2\nREDUCE",
        ),
        (
            "format",
            "GLOBAL 'builtins str.format'\nBINUNICODE '{1}{0}'\nBINUNICODE 'tem'\nBINUNICODE 'sys'\nTUPLE3\nREDUCE",
        ),
        (
            "percent",
            "GLOBAL 'operator mod'\nBINUNICODE 'sys%s'\nBINUNICODE 'tem'\nTUPLE2\nREDUCE",
        ),
        (
            "concatenation",
            "GLOBAL '_operator add'\nBINUNICODE 'sys'\nBINUNICODE 'tem'\nTUPLE2\nREDUCE",
        ),
        (
            "base64",
            "GLOBAL 'builtins bytes.decode'\nGLOBAL 'base64 b64decode'\nBINUNICODE 'c3lzdGVt'\nTUPLE1\nREDUCE\nTUPLE1\nREDUCE",
        ),
        (
            "hex",
            "GLOBAL 'builtins bytes.decode'\nGLOBAL 'builtins bytes.fromhex'\nBINUNICODE '73797374656d'\nTUPLE1\nREDUCE\nTUPLE1\nREDUCE",
        ),
        (
            "replace",
            "GLOBAL 'builtins str.replace'\nBINUNICODE 'sysXtem'\nBINUNICODE 'X'\nBINUNICODE ''\nTUPLE3\nREDUCE",
        ),
        (
            "reversed slice",
            "GLOBAL 'operator getitem'\nBINUNICODE 'metsys'\nGLOBAL 'builtins slice'\nNONE\nNONE\nBININT -1\nTUPLE3\nREDUCE\nTUPLE2\nREDUCE",
        ),
        (
            "methodcaller",
            "GLOBAL 'operator methodcaller'\nBINUNICODE 'lower'\nTUPLE1\nREDUCE\nBINUNICODE 'SYSTEM'\nTUPLE1\nREDUCE",
        ),
    ] {
        let p = program(&format!(
            "PROTO 4\nBINUNICODE 'posix'\n{name}\nSTACK_GLOBAL\nBINUNICODE 'x'\nTUPLE1\nREDUCE\nSTOP"
        ));
        let seen = calls(&p);
        assert!(
            seen.contains(&"posix.system('x')".to_owned()),
            "{class}: {seen:?}"
        );
    }
    let unknown = program(
        "PROTO 4\nBINUNICODE 'posix'\nGLOBAL 'some thing'\nEMPTY_TUPLE\nREDUCE\nSTACK_GLOBAL\nEMPTY_TUPLE\nREDUCE\nSTOP",
    );
    assert_eq!(calls(&unknown), ["some.thing()", "posix.?()"]);
}

#[test]
fn attributes_modules_and_indirect_calls_are_followed() {
    let attr = "GLOBAL 'builtins getattr'\nGLOBAL 'importlib import_module'\nBINUNICODE 'posix'\nTUPLE1\nREDUCE\nBINUNICODE 'system'\nTUPLE2\nREDUCE\nBINUNICODE 'x'\nTUPLE1\nREDUCE\nSTOP";
    assert_eq!(
        calls(&program(attr)),
        [
            "importlib.import_module('posix')",
            "builtins.getattr(posix, 'system')",
            "posix.system('x')"
        ]
    );
    let getter = "GLOBAL 'operator attrgetter'\nBINUNICODE 'system'\nTUPLE1\nREDUCE\nGLOBAL 'builtins __import__'\nBINUNICODE 'os'\nTUPLE1\nREDUCE\nTUPLE1\nREDUCE\nBINUNICODE 'x'\nTUPLE1\nREDUCE\nSTOP";
    assert!(calls(&program(getter)).contains(&"os.system('x')".to_owned()));
    let caller = "GLOBAL 'operator methodcaller'\nBINUNICODE 'system'\nBINUNICODE 'x'\nTUPLE2\nREDUCE\nGLOBAL 'builtins __import__'\nBINUNICODE 'os'\nTUPLE1\nREDUCE\nTUPLE1\nREDUCE\nSTOP";
    assert!(calls(&program(caller)).contains(&"os.system('x')".to_owned()));
    let partial = "GLOBAL 'functools partial'\nGLOBAL 'os system'\nBINUNICODE 'x'\nTUPLE2\nREDUCE\nEMPTY_TUPLE\nREDUCE\nSTOP";
    let p = program(partial);
    let system: Vec<_> = p
        .calls
        .iter()
        .filter(|c| p.callee_name(c.callee) == "os.system")
        .map(|c| (c.kind, c.count))
        .collect();
    assert_eq!(system, [(CallKind::Bind, 1), (CallKind::Indirect, 1)]);
    for applied in [
        "GLOBAL 'builtins map'\nGLOBAL 'os system'\nEMPTY_LIST\nTUPLE2\nREDUCE\nSTOP",
        "GLOBAL 'collections defaultdict'\nGLOBAL 'os system'\nTUPLE1\nREDUCE\nSTOP",
        "GLOBAL 'torch._tensor _rebuild_from_type_v2'\nGLOBAL 'os system'\nNONE\nBINUNICODE 'x'\nTUPLE1\nMARK\nPOP\nTUPLE3\nREDUCE\nSTOP",
        "PROTO 2\nGLOBAL 'copy_reg _reconstructor'\nGLOBAL 'os system'\nGLOBAL '__builtin__ object'\nNONE\nTUPLE3\nREDUCE\nSTOP",
    ] {
        assert!(
            calls(&program(applied))
                .iter()
                .any(|c| c.starts_with("os.system(")),
            "{applied}"
        );
    }
}

#[test]
fn what_build_writes_is_read_back() {
    // S20, S26: an attribute of an imported function is set, and read again as a module's name.
    let listing = "PROTO 4\nGLOBAL 'numpy prod'\nEMPTY_DICT\nBINUNICODE 'a'\nBINUNICODE 'posix'\nSETITEM\nBUILD\nPOP\nGLOBAL 'numpy prod.a'\nBINUNICODE 'system'\nSTACK_GLOBAL\nBINUNICODE 'x'\nTUPLE1\nREDUCE\nSTOP";
    let p = program(listing);
    assert_eq!(calls(&p), ["posix.system('x')"]);
    let w = &p.writes[0];
    assert_eq!(
        (w.kind, w.keys.as_slice()),
        (WriteKind::State, &["a".to_owned()][..])
    );
    assert!(matches!(w.target, Callee::Import(_)));
    let slots = program(
        "GLOBAL 'sys modules'\nNONE\nEMPTY_DICT\nBINUNICODE 'k'\nGLOBAL 'os system'\nSETITEM\nTUPLE2\nBUILD\nSTOP",
    );
    assert_eq!(slots.writes[0].keys, ["k"]);
    assert_eq!(slots.writes[0].passes.len(), 1);
    let items =
        program("GLOBAL 'a B'\nEMPTY_TUPLE\nREDUCE\nBINUNICODE 'k'\nNONE\nSETITEM\nNONE\nAPPEND\nSTOP");
    assert_eq!(
        items.writes.iter().map(|w| w.kind).collect::<Vec<_>>(),
        [WriteKind::Items, WriteKind::Append]
    );
}

#[test]
fn the_memo_belongs_to_its_stream() {
    // S06: a scanner that keeps the memo resolves the second GET to the harmless name of the first stream.
    let p = program(
        "PROTO 4\nBINUNICODE 'math'\nMEMOIZE\nBINUNICODE 'sqrt'\nMEMOIZE\nSTOP\n\
         PROTO 4\nBINUNICODE 'posix'\nMEMOIZE\nPOP\nBINUNICODE 'system'\nMEMOIZE\nPOP\nBINGET 0\nBINGET 1\nSTACK_GLOBAL\nBINUNICODE 'x'\nTUPLE1\nREDUCE\nSTOP",
    );
    assert_eq!(calls(&p), ["posix.system('x')"]);
    let p = program("NONE\nBINPUT 0\nSTOP\nBINGET 0\nSTOP");
    assert!(matches!(&p.streams[1].end, End::Damaged { .. }));
    // MEMOIZE counts values, not the highest index.
    let p = program(
        "PROTO 4\nNONE\nLONG_BINPUT 70000\nPOP\nBINUNICODE 'posix'\nMEMOIZE\nPOP\nBINGET 1\nBINUNICODE 'system'\nSTACK_GLOBAL\nEMPTY_TUPLE\nREDUCE\nSTOP",
    );
    assert_eq!(calls(&p), ["posix.system()"]);
}

#[test]
fn extension_codes_are_looked_up_and_registered() {
    let p = program("EXT1 7\nEMPTY_TUPLE\nREDUCE\nSTOP");
    assert_eq!(calls(&p), ["<computed>()"]);
    assert_eq!((p.extensions[0].code, p.extensions[0].import), (7, None));
    let p = program(
        "PROTO 2\nGLOBAL 'copy_reg add_extension'\nBINUNICODE 'posix'\nBINUNICODE 'system'\nBININT1 240\nTUPLE3\nREDUCE\nPOP\nEXT1 240\nBINUNICODE 'x'\nTUPLE1\nREDUCE\nSTOP",
    );
    assert!(calls(&p).contains(&"posix.system('x')".to_owned()));
}

#[test]
fn persistent_ids_and_buffers_are_walked() {
    let p = program(
        "PROTO 5\nBINUNICODE 'id'\nBINPERSID\nPOP\nPERSID x\nPOP\nNEXT_BUFFER\nREADONLY_BUFFER\nPOP\nGLOBAL 'posix system'\nBINUNICODE 'x'\nTUPLE1\nREDUCE\nSTOP",
    );
    assert_eq!(calls(&p), ["posix.system('x')"]);
    assert_eq!(p.persistent.unwrap().count, 2);
}

#[test]
fn pickles_in_constants_are_read() {
    let evil = assemble(&format!("PROTO 2\n{EVIL}STOP")).unwrap();
    let evil_hex = hex(&evil);
    let twice = assemble(&format!("PROTO 2\nBINUNICODE '{evil_hex}'\nSTOP")).unwrap();
    for (class, listing, is) in [
        (
            "S31",
            format!("GLOBAL '_pickle loads'\nBINBYTES hex:{evil_hex}\nTUPLE1\nREDUCE\nSTOP"),
            "[] posix.system('x')",
        ),
        (
            "S31 without a header",
            format!(
                "GLOBAL 'pickle loads'\nBINBYTES hex:{}\nTUPLE1\nREDUCE\nSTOP",
                hex(&assemble(&format!("NONE\nPOP\n{EVIL}STOP")).unwrap())
            ),
            "[] posix.system('x')",
        ),
        (
            "S31 torch",
            format!("GLOBAL 'torch.storage _load_from_bytes'\nBINBYTES hex:{evil_hex}\nTUPLE1\nREDUCE\nSTOP"),
            "[] posix.system('x')",
        ),
        (
            "S32 bytes",
            format!("BINBYTES hex:{evil_hex}\nSTOP"),
            "[] posix.system('x')",
        ),
        (
            "S32 bytearray",
            format!("BYTEARRAY8 hex:{evil_hex}\nSTOP"),
            "[] posix.system('x')",
        ),
        (
            "S32 text of protocol 0",
            "BINUNICODE 'cposix\\nsystem\\n(Vx\\ntR.'\nSTOP".to_owned(),
            "[] posix.system('x')",
        ),
        (
            "S32 hex",
            format!("BINUNICODE '{evil_hex}'\nSTOP"),
            "[hex] posix.system('x')",
        ),
        (
            "S32 base64",
            "SHORT_BINUNICODE 'gAJjcG9zaXgKc3lzdGVtClgBAAAAeIVSLg=='\nSTOP".to_owned(),
            "[base64] posix.system('x')",
        ),
        (
            "S32 deep",
            format!("BINBYTES hex:{}\nSTOP", hex(&twice)),
            "[hex] posix.system('x')",
        ),
        (
            "S32 latin-1 text",
            format!(
                "BINUNICODE '{}'\nSTOP",
                evil.iter()
                    .map(|b| match b {
                        b'\n' => "\\n".to_owned(),
                        0 => "\\0".to_owned(),
                        b if *b < 0x80 => char::from(*b).to_string(),
                        b => char::from(*b).to_string(),
                    })
                    .collect::<String>()
            ),
            "[latin-1 text] posix.system('x')",
        ),
    ] {
        let p = program(&listing);
        let seen = nested_calls(&p);
        assert!(seen.contains(&is.to_owned()), "{class}: {seen:?}");
    }
    for innocent in [
        "BINUNICODE 'category one'\nSTOP",
        "BINBYTES hex:8003ffffffffffffff\nSTOP",
        "BINUNICODE 'gAAAAABk'\nSTOP",
        "BINUNICODE '(see below)\\nand above'\nSTOP",
    ] {
        assert_eq!(program(innocent).nested.len(), 0, "{innocent}");
    }
}

#[test]
fn damage_is_told_and_what_stands_behind_it_is_marked() {
    for (listing, why) in [
        ("POP\nSTOP", "takes from an empty stack"),
        ("STOP", "takes from an empty stack"),
        ("MARK\nBINGET 3\nSTOP", "asks for a value that was never kept"),
        (
            "NONE\nNONE\nSTACK_GLOBAL\nSTOP",
            "imports a name that is not a string",
        ),
        (
            "BININT1 42\nBINUNICODE 'os'\nSTACK_GLOBAL\nSTOP",
            "imports a name that is not a string",
        ),
        (
            "BININT1 1\nEMPTY_TUPLE\nREDUCE\nSTOP",
            "calls something that is not callable",
        ),
        ("PROTO 9\nNONE\nSTOP", "declares a protocol that no loader knows"),
        (
            "MARK\nNONE\nDICT\nSTOP",
            "makes a dictionary of an odd number of items",
        ),
        (
            "PUT -1\nSTOP",
            "keeps a value under something that is not a number",
        ),
        ("INT x\nSTOP", "holds a number that no loader reads"),
    ] {
        let p = program(listing);
        assert!(
            matches!(&p.streams[0].end, End::Damaged { why: w, .. } if w == why),
            "{listing}: {:?}",
            p.streams
        );
    }
    let p = program(&format!("POP\n{EVIL}STOP"));
    assert_eq!(calls(&p), ["posix.system('x') after damage"]);
    let p = program(&format!("{EVIL}RAW hex:ff\n{EVIL}STOP"));
    assert_eq!(calls(&p), ["posix.system('x')"]);
    assert!(p.streams[1].found_by_search);
    let p = program("NONE\nSTOP\nRAW hex:00 00 00");
    assert_eq!((p.trailing, p.streams.len()), (None, 1));
    let p = program("NONE\nSTOP\nRAW 'some text'");
    assert_eq!(p.trailing.unwrap().length, 9);
}

#[test]
fn differences_between_loaders_are_told() {
    for listing in [
        "INT 0x10\nSTOP",
        "INT 010\nSTOP",
        "LONG 0x10L\nSTOP",
        "RAW 'F 1.5\\n'\nSTOP",
        "PROTO 4\nFRAME 1000\nNONE\nSTOP",
        "PROTO 4\nFRAME 20\nFRAME 2\nNONE\nPOP\nNONE\nSTOP\nRAW '.................'",
        "PROTO 4\nFRAME 3\nBININT 1\nSTOP",
        "PROTO 4\nFRAME 4\nNONE\nSTOP\nNONE\nSTOP",
        "GLOBAL 'a b'\nEMPTY_LIST\nREDUCE\nSTOP",
        "RAW hex:49 35 00 0a\nSTOP",
    ] {
        assert!(!program(listing).differentials.is_empty(), "{listing}");
    }
    for honest in [
        "PROTO 4\nFRAME 2\nNONE\nSTOP",
        "INT 12\nSTOP",
        "INT 01\nSTOP",
        "LONG 12L\nSTOP",
        "FLOAT 1.5\nSTOP",
        "FLOAT -inf\nSTOP",
    ] {
        assert_eq!(program(honest).differentials, [], "{honest}");
    }
}

#[test]
fn a_bomb_is_told_and_shared_rows_are_none() {
    let bomb = format!("EMPTY_TUPLE\n{}STOP", "DUP\nTUPLE2\n".repeat(60));
    assert!(program(&bomb).expansion.is_some());
    let lists = format!(
        "EMPTY_LIST\nBINPUT 0\n{}STOP",
        "EMPTY_LIST\nBINPUT 1\nBINGET 0\nAPPEND\nBINGET 0\nAPPEND\nBINPUT 0\n".repeat(60)
    );
    assert!(program(&lists).expansion.is_some());
    let shared = format!(
        "EMPTY_LIST\nMARK\n{}APPENDS\nBINPUT 0\nPOP\nEMPTY_LIST\nMARK\n{}APPENDS\nSTOP",
        "NONE\n".repeat(1000),
        "BINGET 0\n".repeat(1000)
    );
    assert!(program(&shared).expansion.is_none());
}

#[test]
fn python_2_names_are_renamed_below_protocol_3_only() {
    let p = program("PROTO 2\nGLOBAL '__builtin__ eval'\nSTOP\nPROTO 4\nGLOBAL '__builtin__ eval'\nSTOP");
    let names: Vec<_> = p
        .imports
        .iter()
        .map(|i| (i.path(), i.written.is_some()))
        .collect();
    assert_eq!(
        names,
        [
            ("builtins.eval".to_owned(), true),
            ("__builtin__.eval".to_owned(), false)
        ]
    );
}

#[test]
fn torch_legacy_files_end_in_raw_storages() {
    let head = "PROTO 2\nLONG1 0x1950a86a20f9469cfc6c\nSTOP\nPROTO 2\nBININT2 1001\nSTOP\nPROTO 2\nEMPTY_DICT\nSTOP\n";
    let main = "PROTO 2\nMARK\nBINUNICODE 'storage'\nGLOBAL 'torch FloatStorage'\nBINUNICODE '0'\nBINUNICODE 'cpu'\nBININT1 2\nNONE\nTUPLE\nBINPERSID\nSTOP\nPROTO 2\nEMPTY_LIST\nBINUNICODE '0'\nAPPEND\nSTOP\n";
    let storage = "RAW hex:02 00 00 00 00 00 00 00 80 02 00 00 ff ff ff ff";
    let p = program(&format!("{head}{main}{storage}"));
    assert_eq!(
        (p.flavour, p.streams.len(), p.outcome),
        (Flavour::TorchLegacy, 5, wellhead_core::Outcome::Analysed)
    );
    assert!(p.streams.iter().all(|s| s.end == End::Stop));
    assert_eq!(p.trailing.map(|t| (t.length, t.storages)), Some((16, true)));
    // S38: a sixth pickle behind the storages.
    let p = program(&format!("{head}{main}{storage}\nPROTO 2\n{EVIL}STOP"));
    assert_eq!(calls(&p), ["posix.system('x')"]);
}

#[test]
fn a_program_is_shown_to_people() {
    let p = program(&format!(
        "PROTO 2\n{EVIL}POP\nGLOBAL 'collections OrderedDict'\nEMPTY_TUPLE\nREDUCE\nBINUNICODE '\\x1b[31m'\nNONE\nSETITEM\nSTOP"
    ));
    insta::assert_snapshot!(p.pseudo_code(), @"
    # pickle 1 at 0x0, protocol 2
    from posix import system
    posix.system('x')
    from collections import OrderedDict
    collections.OrderedDict()
    collections.OrderedDict(…)[\\x1b[31m] = …
    ");
    let e = p.excerpt(p.imports.first(), p.calls.first(), "called");
    let lines: Vec<_> = e
        .lines
        .iter()
        .map(|l| format!("{:>2} {}", l.number, l.text))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @"
     1 0x02  GLOBAL      'posix system'
     2 0x10  BINUNICODE  'x'
     4 0x17  REDUCE
    ");
    assert_eq!(
        e.marks.iter().map(|m| m.label.as_str()).collect::<Vec<_>>(),
        ["imported here", "with this argument", "called"]
    );
}

#[test]
fn an_empty_file_is_no_program() {
    let p = of_bytes(b"");
    assert_eq!((p.opcodes, p.streams[0].end.clone()), (0, End::EndOfData));
}
