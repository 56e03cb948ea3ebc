use super::{super::*, calls, program};

const WRAPPER: &str = "PROTO 4\nGLOBAL 'joblib.numpy_pickle NumpyArrayWrapper'\nEMPTY_TUPLE\nNEWOBJ\nEMPTY_DICT\nMARK\nBINUNICODE 'subclass'\nGLOBAL 'numpy ndarray'\nBINUNICODE 'order'\nBINUNICODE 'C'\n";

fn wrapper(dtype: &str, shape: &str, tail: &str) -> String {
    format!(
        "{WRAPPER}BINUNICODE 'shape'\n{shape}\nBINUNICODE 'dtype'\n{dtype}\nBINUNICODE 'allow_mmap'\nNEWTRUE\n{tail}SETITEMS\nBUILD\n"
    )
}

fn dtype(letter: &str, state: &str) -> String {
    format!(
        "GLOBAL 'numpy dtype'\nBINUNICODE '{letter}'\nNEWFALSE\nNEWTRUE\nTUPLE3\nREDUCE\nMARK\nBININT1 3\nBINUNICODE '<'\nNONE\nNONE\nNONE\n{state}\nTUPLE\nBUILD"
    )
}

const BUILTIN: &str = "BININT -1\nBININT -1\nBININT1 0";
const EVIL: &str = "POP\nGLOBAL 'posix system'\nBINUNICODE 'x'\nTUPLE1\nREDUCE\nSTOP";

#[test]
fn array_bytes_are_skipped_exactly() {
    let f8 = dtype("f8", BUILTIN);
    let shape = "BININT1 3\nBININT1 2\nTUPLE2";
    let raw = "ff".repeat(48);
    for (class, listing) in [
        (
            "plain",
            format!("{}RAW hex:{raw}\n{EVIL}", wrapper(&f8, shape, "")),
        ),
        (
            "aligned",
            format!(
                "{}RAW hex:05ffffffffff{raw}\n{EVIL}",
                wrapper(
                    &f8,
                    shape,
                    "BINUNICODE 'numpy_array_alignment_bytes'\nBININT1 16\n"
                )
            ),
        ),
        (
            "no dimensions",
            format!(
                "{}RAW hex:{}\n{EVIL}",
                wrapper(&f8, "EMPTY_TUPLE", ""),
                "ff".repeat(8)
            ),
        ),
        (
            "text",
            format!(
                "{}RAW hex:{}\n{EVIL}",
                wrapper(
                    &dtype("U3", "BININT1 12\nBININT1 4\nBININT1 8"),
                    "BININT1 2\nTUPLE1",
                    ""
                ),
                "ff".repeat(24)
            ),
        ),
        (
            "objects",
            format!(
                "{}PROTO 4\nEMPTY_LIST\nSTOP\n{EVIL}",
                wrapper(
                    &dtype("O8", "BININT -1\nBININT -1\nBININT1 63"),
                    "BININT1 2\nTUPLE1",
                    ""
                )
            ),
        ),
        (
            "in the objects",
            format!(
                "{}PROTO 4\nNONE\n{EVIL}\nSTOP",
                wrapper(
                    &dtype("O8", "BININT -1\nBININT -1\nBININT1 63"),
                    "BININT1 2\nTUPLE1",
                    ""
                )
            ),
        ),
    ] {
        let p = program(&listing);
        assert!(
            calls(&p).contains(&"posix.system('x')".to_owned()),
            "{class}: {:?}",
            p.streams
        );
        assert!(
            p.streams.iter().all(|s| s.end == End::Stop),
            "{class}: {:?}",
            p.streams
        );
        assert_eq!(p.flavour, Flavour::Joblib);
        assert_eq!(p.differentials, [], "{class}");
    }
}

#[test]
fn an_array_that_is_code_for_other_loaders_is_read() {
    let f8 = dtype("f8", BUILTIN);
    let listing = format!(
        "{}RAW hex:63706f7369780a73797374656d0a8c0178855230\nRAW hex:2effffffffffffffffffffff\nSTOP",
        wrapper(&f8, "BININT1 4\nTUPLE1", "")
    );
    let p = program(&listing);
    assert_eq!(p.differentials.len(), 1);
    assert_eq!(super::nested_calls(&p), ["[array bytes] posix.system('x')"]);
}

#[test]
fn a_cut_array_is_a_cut_file() {
    let p = program(&format!(
        "{}RAW hex:ffff",
        wrapper(&dtype("f8", BUILTIN), "BININT 100\nTUPLE1", "")
    ));
    assert_eq!(p.streams[0].end, End::EndOfData);
}
