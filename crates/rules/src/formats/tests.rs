//! What each rule says of hostile artifacts, and that it is silent on ordinary ones.

use crate::{Subject, judge};
use wellhead_core::{ArtifactPath, Blob, Budget, Sink};
use wellhead_formats::{Document, OpenOptions, Role, assemble::assemble, format::table, identify, open};

/// The findings of the rules of this family, a line each: severity, rule, message.
fn said(name: &str, bytes: Vec<u8>) -> String {
    let mut budget = Budget::default();
    let blob = Blob::from_bytes(bytes);
    let identity = identify(name, Role::Plain, &blob, &mut budget);
    let opened = open(name, &identity, &blob, OpenOptions::default(), &mut budget);
    let mut sink = Sink::new(ArtifactPath::file(name));
    let mine = |rule: &wellhead_core::Rule| super::RULES.iter().any(|r| r.rule == rule);
    judge(Subject::Identity(&identity), &mine, &mut sink);
    match &opened.document {
        Document::Zip(archive) => judge(Subject::Zip(archive), &mine, &mut sink),
        Document::Safetensors(file) => judge(Subject::Safetensors(file), &mine, &mut sink),
        Document::Npy(array) => judge(Subject::Npy(array), &mine, &mut sink),
        _ => Default::default(),
    };
    if let Some(listing) = opened.document.listing() {
        judge(Subject::Listing(&listing), &mine, &mut sink);
    }
    let findings = sink.into_findings();
    for f in &findings {
        assert!(!f.message.ends_with('.') && !f.locations.is_empty(), "{f:?}");
    }
    let lines = findings
        .iter()
        .map(|f| format!("{} {}: {}", f.severity, f.rule, f.message));
    lines.collect::<Vec<_>>().join("\n")
}

fn listed(name: &str, kind: &str, listing: &str) -> String {
    said(name, assemble(kind, listing).unwrap())
}

#[test]
fn ordinary_files_are_not_remarked_on() {
    for (name, kind, listing) in [
        (
            "a.zip",
            "zip",
            "member a.txt\n  x\nmember b/c.txt deflate descriptor\n  y\n",
        ),
        (
            "a.npz",
            "zip",
            "member x.npy wide as=npy\n  header\n    {'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\n  data zeros=4\n",
        ),
        (
            "m.pt",
            "zip",
            "member m/data.pkl as=hex local-extra=46420000\n  80027d2e\nmember m/data/0 zeros=8\n",
        ),
        (
            "a.docx",
            "zip",
            "member [Content_Types].xml deflate\n  <x/>\nmember word/document.xml\n  <y/>\n",
        ),
        (
            "a.jar",
            "zip",
            "member META-INF/MANIFEST.MF descriptor deflate\n  x\n",
        ),
        (
            "a-1.whl",
            "zip",
            "member a/__init__.py\n  x\nmember a-1.dist-info/WHEEL\n  x\n",
        ),
        (
            "m.safetensors",
            "safetensors",
            "metadata format value=pt\ntensor a dtype=F32 shape=1 offsets=0,4\ndata zeros=4\n",
        ),
        (
            "a.npy",
            "npy",
            "header\n  {'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\ndata zeros=4\n",
        ),
        (
            "a.tar",
            "tar",
            "folder a/\nfile a/b\n  x\nsymlink a/c link=b\nsymlink a/d/e link=../b\n",
        ),
        ("m.pkl", "hex", "80027d2e"),
        ("m.pt", "hex", "80027d2e"),
        ("m.bin", "hex", "80027d2e"),
        ("photo.jpg", "hex", "89504e470d0a1a0a"),
        ("notes.txt", "text", "plain\n"),
        ("config.json", "text", "{}"),
        ("page.html", "text", "plain"),
        ("x.so", "text", "GROUP ( libc.so.6 )\n"),
        ("x.onnx", "hex", "0807"),
        ("m.joblib", "gzip", "stream as=hex\n  80027d2e\n"),
    ] {
        assert_eq!(listed(name, kind, listing), "", "{name}");
    }
}

#[test]
fn hostile_zips() {
    insta::assert_snapshot!(listed("m.pt", "zip", "member m/data.pkl local-name=m/readme.txt cd-flags=0x1 as=hex\n  80027d2e\n"), @"
    high zip-header-mismatch: loaders may unpack a member under another name than scanners see: `m/data.pkl` in the directory is `m/readme.txt` in its header
    high zip-header-mismatch: scanners that believe the flags skip what loaders unpack: the flags of `m/data.pkl` are 0x0001 in the directory and 0x0000 in its header
    ");
    insta::assert_snapshot!(listed("m.zip", "zip", "member a\n  x\nheader b.pkl as=hex\n  80027d2e\nmember a\n  y\n"), @"
    high zip-header-mismatch: this archive holds a member that its directory does not show: `b.pkl` is not in the directory
    medium zip-header-mismatch: loaders may take another member of the same name than scanners do: `a` stands twice in the directory, with different content
    ");
    insta::assert_snapshot!(listed("m.zip", "zip", "member a\n  x\nmember a\n  x\n"), @"low zip-header-mismatch: loaders may take another member of the same name than scanners do: `a` stands twice in the directory, both times the same");
    insta::assert_snapshot!(listed("m.zip", "zip", "bytes\n  #!/bin/sh\nmember a\n  x\n"), @"low zip-header-mismatch: bytes of this archive belong to no member: 10 bytes stand before the first member");
    insta::assert_snapshot!(listed("m.zip", "zip", "member ../../a\n  x\nmember con.txt\n  x\nmember L mode=0o120777 no-newline\n  /etc/passwd\nmember l\n  x\n"), @"
    high archive-path-traversal: unpacking this archive writes outside its folder: `../../a`
    medium archive-path-traversal: unpacking this archive makes `L` a link to `/etc/passwd` outside its folder
    low archive-path-traversal: `con.txt` is a device on Windows, not a file
    low archive-path-traversal: unpacking overwrites `L` by `l` where case does not count
    ");
}

#[test]
fn misnamed_files() {
    insta::assert_snapshot!(listed("m.safetensors", "hex", "80027d2e"), @"high extension-mismatch: loading `m.safetensors` may run code: it is a Python pickle and not a safetensors file");
    insta::assert_snapshot!(listed("photo.png", "zip", "member data.pkl as=hex\n  80027d2e\n"), @"high extension-mismatch: loading `photo.png` may run code: it is a PyTorch checkpoint and not a PNG picture");
    insta::assert_snapshot!(listed("photo.png", "hex", "7f454c4602010100"), @"high extension-mismatch: loading `photo.png` may run code: it is an ELF program or library and not a PNG picture");
    insta::assert_snapshot!(listed("m.safetensors", "text", "<!doctype html>\nnot found\n"), @"low extension-mismatch: `m.safetensors` is an HTML page and not a safetensors file");
    insta::assert_snapshot!(listed("data.json", "gzip", "stream\n  x\n"), @"low extension-mismatch: `data.json` is a gzip stream and not a JSON file");
    let mut gif = b"GIF89a\0\0\0".to_vec();
    gif.extend(assemble("pickle", "GLOBAL 'builtins print'\nMARK\nTUPLE\nREDUCE\nSTOP").unwrap());
    insta::assert_snapshot!(said("cat.gif", gif), @"high extension-mismatch: two loaders read two different files here: a GIF picture, and a Python pickle");
}

#[test]
fn broken_arrays() {
    insta::assert_snapshot!(listed("m.safetensors", "safetensors", "tensor a dtype=F32 shape=1 offsets=0,4\ntensor a dtype=F32 shape=1 offsets=4,8\ntensor b dtype=F32 shape=2 offsets=8,12\ndata zeros=12\ndata\n  extra\n"), @"
    high safetensors-malformed: readers may load different weights from this file: the key `a` stands twice in its header
    high safetensors-malformed: this file carries bytes that no tensor accounts for: 6 bytes behind its last tensor belong to none
    medium safetensors-malformed: careful readers refuse this file and careless ones may crash on it: tensor `b` needs 8 bytes by its shape and has 4
    ");
    insta::assert_snapshot!(listed("a.npy", "npy", "header\n  {'descr': '|O', 'fortran_order': False, 'shape': (1,), }\ndata as=hex\n  80027d2e\n"), @"low npy-object-array: loading this array unpickles it: its elements of type `'|O'` are Python objects");
    insta::assert_snapshot!(listed("a.npy", "npy", "header\n  {'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\ndata zeros=4\ndata\n  extra\n"), @"medium npy-object-array: this array file carries bytes that belong to no element: 6 bytes follow its data");
}

#[test]
fn programs_are_remarked_on_inside_models_only() {
    let elf = Blob::from_bytes(assemble("hex", "7f454c4602010100").unwrap());
    for (inside, expected) in [
        (None, 0),
        (Some(&table::WHEEL), 0),
        (Some(&table::ZIP), 0),
        (Some(&table::TORCH_ZIP), 1),
        (Some(&table::SAFETENSORS), 1),
    ] {
        let mut identity = identify("x.so", Role::Plain, &elf, &mut Budget::default());
        identity.inside = inside;
        let mut sink = Sink::new(ArtifactPath::file("m").member("x.so"));
        judge(
            Subject::Identity(&identity),
            &|r| r.id == "executable-in-model",
            &mut sink,
        );
        assert_eq!(sink.into_findings().len(), expected, "{inside:?}");
    }
}

#[test]
fn a_model_that_is_a_program_is_said_to_be_one() {
    let ape = "4d5a714670440000";
    for (name, expected) in [("phi.llamafile", 1), ("tool.com", 0), ("tool", 0)] {
        let blob = Blob::from_bytes(assemble("hex", ape).unwrap());
        let identity = identify(name, Role::Plain, &blob, &mut Budget::default());
        assert_eq!(identity.format.name, "ape");
        let mut sink = Sink::new(ArtifactPath::file(name));
        judge(
            Subject::Identity(&identity),
            &|r| r.id == "executable-in-model",
            &mut sink,
        );
        assert_eq!(sink.into_findings().len(), expected, "{name}");
    }
}
