//! One test a class of the ways past scanners of containers: whatever the disguise, the call inside is found, or the
//! artifact is said not to be analysed.

use super::*;
use insta::assert_snapshot as is;

fn call(options: &str) -> String {
    format!(
        "member archive/data.pkl as=pickle {options}\n{}member archive/version\n  3\n",
        indent(CALL)
    )
}

#[test]
fn headers_that_lie_do_not_hide_the_call() {
    for options in [
        "",
        "deflate",
        "flags=0x1",
        "cd-flags=0x1",
        "local-flags=0x41",
        "flags=0x20",
        "crc=0x1",
        "local-crc=0x1",
        "local-name=archive/readme.txt",
        "method=4919",
        "method=4919 deflate",
        "cd-method=8",
        "local-method=8",
        "local-method=0 deflate",
        "cd-method=0 deflate",
        "cd-method=12",
        "cd-stored=1 cd-size=1",
        "cd-size=1 deflate",
        "local-size=1 local-stored=1",
        "descriptor",
        "wide",
    ] {
        let shown = listed("m.pt", "zip", &call(options));
        assert!(
            shown.contains("imports [\"builtins.print\"]"),
            "{options}\n{shown}"
        );
        assert!(shown.starts_with("m.pt: torch-zip"), "{options}\n{shown}");
    }
}

#[test]
fn ends_that_lie_do_not_hide_the_call() {
    let member = call("");
    for listing in [
        format!("bytes\n  #!/bin/sh\n{member}"),
        format!("{member}trailing\n  more text\n"),
        format!("{member}comment\n  PK\\x05\\x06\n"),
        format!("{member}end count=9\n"),
        format!("{member}end wide wide-count=0 wide-size=0 wide-offset=0\n"),
        format!("{member}end disk=3\n"),
        format!(
            "member good\n  x\nheader archive/data.pkl as=pickle\n{}",
            indent(CALL)
        ),
        format!("member archive/data.pkl as=pickle\n  PROTO 2\n  NONE\n  STOP\n{member}"),
        format!("{member}member archive/data.pkl as=pickle\n  PROTO 2\n  NONE\n  STOP\n"),
    ] {
        let shown = listed("m.pt", "zip", &listing);
        assert!(
            shown.contains("imports [\"builtins.print\"]"),
            "{listing}\n{shown}"
        );
    }
}

#[test]
fn members_without_a_telling_name_are_known_by_content() {
    for (name, listing) in [
        ("archive/data/0", CALL),
        ("archive/constants.pkl", CALL),
        ("archive/readme.txt", CALL_0),
        ("picture.png", CALL),
        ("noextension", CALL_0),
        ("archive/byteorder", CALL),
    ] {
        let zip = format!(
            "member archive/data.pkl as=hex\n  80024e2e\nmember {name} as=pickle\n{}",
            indent(listing)
        );
        let shown = listed("m.pt", "zip", &zip);
        assert!(shown.contains("imports [\"builtins.print\"]"), "{name}\n{shown}");
    }
}

#[test]
fn nested_containers_are_followed() {
    let inner = call("");
    is!(listed("m.zip", "zip", &format!("member inner.bin as=zip deflate\n{}", indent(&inner))), @r#"
    m.zip: zip
      inner.bin: torch-zip
        archive/data.pkl: pickle imports ["builtins.print"]
        archive/version: text
    "#);
    is!(listed("m.tar", "tar", &format!("file deep/inner.pt as=zip\n{}", indent(&inner))), @r#"
    m.tar: tar
      deep/inner.pt: torch-zip
        archive/data.pkl: pickle imports ["builtins.print"]
        archive/version: text
    "#);
    let gz = format!(
        "stream name=m.tar as=tar\n  file model.pkl as=pickle\n{}",
        indent(&indent(CALL))
    );
    is!(listed("m.tar.gz", "gzip", &gz), @r#"
    m.tar.gz: gzip
      m.tar: tar
        model.pkl: pickle imports ["builtins.print"]
    "#);
    is!(listed("model.pt", "hex", "377abcaf271c0004"), @"model.pt: 7z [not-analysed: it is cut off]");
    is!(listed("model.pkl.xz", "hex", "fd377a585a00"), @"
    model.pkl.xz: xz [partly: its compressed data is cut off]
      model.pkl: empty
    ");
    is!(listed("model.gguf", "hex", "47475546 03000000"), @"model.gguf: gguf [partly: its header is cut off]");
}

#[test]
fn compressed_pickles_are_read() {
    let plain = pickled(CALL);
    let zlib = miniz_oxide::deflate::compress_to_vec_zlib(&plain, 6);
    is!(tree("model.joblib", zlib.clone()), @r#"
    model.joblib: zlib
      model.joblib: pickle imports ["builtins.print"]
    "#);
    is!(tree("model.pkl.z", zlib), @r#"
    model.pkl.z: zlib
      model.pkl: pickle imports ["builtins.print"]
    "#);
    is!(listed("model.pkl.gz", "gzip", &format!("stream as=pickle\n{}bytes as=pickle\n{}", indent("NONE\nSTOP"), indent(CALL))), @r#"
    model.pkl.gz: gzip damage [], trailing 21
      model.pkl: pickle imports []
      bytes at 0x16: pickle imports ["builtins.print"]
    "#);
    is!(listed("model.pkl", "gzip", &format!("stream as=pickle crc=0x1\n{}", indent(CALL))), @r#"
    model.pkl: gzip damage ["stream 1 is not what its checksum says"], trailing 0
      model.pkl: pickle imports ["builtins.print"]
    "#);
}

#[test]
fn arrays_of_objects_are_pickles() {
    let npy = |descr: &str, data: &str| {
        format!(
            "header\n  {{'descr': {descr}, 'fortran_order': False, 'shape': (1,), }}\ndata as=pickle\n{}",
            indent(data)
        )
    };
    is!(listed("a.npy", "npy", &npy("'|O'", CALL)), @r#"
    a.npy: npy
      objects: pickle imports ["builtins.print"]
    "#);
    is!(listed("a.npy", "npy", &format!("version 7\n{}", npy("[('a', '<f4'), ('b', '|O')]", CALL))), @r#"
    a.npy: npy "its layout has the unknown version 7.0"
      objects: pickle imports ["builtins.print"]
    "#);
    is!(tree("a.npy", pickled(CALL)), @r#"a.npy: pickle (promises npy) imports ["builtins.print"]"#);
    is!(listed("a.npz", "zip", &format!("member x.npy as=npy\n{}member y as=pickle\n{}", indent(&npy("'|O'", CALL)), indent(CALL))), @r#"
    a.npz: zip
      x.npy: npy
        objects: pickle imports ["builtins.print"]
      y: pickle imports ["builtins.print"]
    "#);
}

#[test]
fn content_decides_and_names_only_mismatch() {
    for (name, mismatch) in [
        ("model.safetensors", true),
        ("model.onnx", true),
        ("config.json", true),
        ("photo.JPG", true),
        ("notes.txt", true),
        ("weights.npy", true),
        ("model.pkl", false),
        ("model.PKL", false),
        ("model.bin", false),
        ("model.pt", false),
        ("model.ckpt", false),
        ("data.dat", false),
        ("model", false),
        ("model.joblib", false),
        ("dir.v1/model", false),
    ] {
        let shown = tree(name, pickled(CALL));
        assert!(
            shown.contains("pickle") && shown.contains("builtins.print"),
            "{shown}"
        );
        assert_eq!(shown.contains("promises"), mismatch, "{shown}");
    }
    // Protocol 0 is text and still a pickle.
    let shown = tree("config.json", pickled(CALL_0));
    assert!(
        shown.contains("builtins.print") && shown.contains("promises json"),
        "{shown}"
    );
}

#[test]
fn files_that_are_two_things_are_read_as_both() {
    // A picture's magic number is a float to the unpickler.
    let mut gif = b"GIF89a\0\0\0".to_vec();
    gif.extend(pickled(CALL_0));
    is!(tree("cat.gif", gif), @r#"
    cat.gif: gif
      as pickle at 0x0: pickle imports ["builtins.print"]
    "#);
    let mut pickle_and_zip = pickled("PROTO 2\nNONE\nSTOP");
    pickle_and_zip.extend(assemble("zip", &call("")).unwrap());
    is!(tree("m.pkl", pickle_and_zip), @r#"
    m.pkl: pickle imports ["builtins.print"]
      as torch-zip at 0x4: torch-zip [Prefix]
        archive/data.pkl: pickle imports ["builtins.print"]
        archive/version: text
    "#);
    let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    elf.extend(assemble("zip", &call("")).unwrap());
    is!(tree("model.llamafile", elf), @r#"
    model.llamafile: elf [partly: its header is not sound: Invalid ELF program header entry size]
      as torch-zip at 0x10: torch-zip [Prefix]
        archive/data.pkl: pickle imports ["builtins.print"]
        archive/version: text
    "#);
    let st = format!(
        "tensor a dtype=U8 shape=2 offsets=0,2\ndata zeros=2\ndata as=pickle\n{}",
        indent(CALL)
    );
    is!(listed("m.safetensors", "safetensors", &st), @r#"
    m.safetensors: safetensors "21 bytes behind its last tensor belong to none"
      bytes at 0x42: pickle imports ["builtins.print"]
    "#);
    let mut tar_and_zip = assemble("tar", "file a\n  x\n").unwrap();
    tar_and_zip.extend(assemble("zip", &call("")).unwrap());
    is!(tree("m.tar", tar_and_zip), @r#"
    m.tar: tar "259 bytes stand after its end"
      a: text
      bytes at 0x800: torch-zip
        archive/data.pkl: pickle imports ["builtins.print"]
        archive/version: text
      as torch-zip at 0x800: torch-zip [Prefix]
        archive/data.pkl: pickle imports ["builtins.print"]
        archive/version: text
    "#);
    is!(tree("app.pyz", [b"#!/usr/bin/env python3\n".to_vec(), assemble("zip", "member __main__.py\n  print()\n").unwrap()].concat()), @"
    app.pyz: zip [Prefix]
      __main__.py: python
    ");
}

#[test]
fn encrypted_is_not_analysed_and_not_clean() {
    is!(listed("m.pt", "zip", "member archive/data.pkl flags=0x1 crc=0x1 as=hex\n  11223344556677889900\n"), @"
    m.pt: torch-zip
      archive/data.pkl: empty [not-analysed: encrypted]
    ");
    is!(listed("m.zip", "zip", "member a.txt method=99 extra=01990700020041450308  00\n  x\n".replace("  00", "00").as_str()), @"
    m.zip: zip
      a.txt: empty [not-analysed: encrypted]
    ");
}

#[test]
fn executables_among_tensors_are_seen_and_numbers_are_not() {
    let elf = "7f454c46020101000000000000000000 0300 3e00";
    let zip =
        |data: &str| format!("member m/data.pkl as=hex\n  80024e2e\nmember m/data/0 as=hex\n  {data}\n");
    assert!(listed("m.pt", "zip", &zip(elf)).contains("m/data/0: elf"));
    for numbers in [
        // Four bytes of a magic number and nothing that makes sense behind them.
        "7f454c46ffffffffffffffff",
        "80025858585858585858",
        "4d5a00000000000000000000",
        "504b0304ffffffffffffffff",
        "feedfacfffffffffffffffffffffffff",
        "1f8b080000000000",
        "28282828282828282828282828282e",
    ] {
        let shown = listed("m.pt", "zip", &zip(numbers));
        assert!(shown.contains("m/data/0: raw-tensor"), "{numbers}\n{shown}");
    }
}

#[test]
fn full_depth_looks_at_every_page_of_the_numbers() {
    let mut data = vec![7_u8; 3 * 4096];
    let call = pickled(CALL);
    data[4096..4096 + call.len()].copy_from_slice(&call);
    let hex: String = data.iter().map(|b| format!("{b:02x}")).collect();
    let listing = format!("member m/data.pkl as=hex\n  80024e2e\nmember m/data/0 as=hex\n  {hex}\n");
    let bytes = assemble("zip", &listing).unwrap();
    assert!(!tree("m.pt", bytes.clone()).contains("builtins.print"));
    let full = tree_at("m.pt", bytes, Depth::Full);
    assert!(
        full.contains("bytes at 0x1000: pickle imports [\"builtins.print\"]"),
        "{full}"
    );
}

#[test]
fn ordinary_files_are_what_they_are() {
    for (name, bytes, format) in [
        ("README.md", &b"# Title\n\nText.\n"[..], "markdown"),
        ("LICENSE", b"(c) 2024 Somebody\n", "text"),
        ("LICENSE", b"MIT License\n\nCopyright (c) 2024\n", "text"),
        ("train.py", b"import os\nimport sys\n", "python"),
        ("tool", b"#!/usr/bin/env python3\nimport os\n", "python"),
        ("run", b"#!/bin/sh\necho hi\n", "shell"),
        ("config.json", b"{\"a\": 1}", "json"),
        ("model.safetensors.index.json", b"{\"weight_map\": {}}", "json"),
        ("pyproject.toml", b"[project]\nname = 'x'\n", "toml"),
        ("uv.lock", b"version = 1\n", "toml"),
        ("compose.yaml", b"services:\n  x: {}\n", "yaml"),
        ("requirements-dev.txt", b"torch==2.0\n", "requirements"),
        ("Dockerfile.gpu", b"FROM python:3.11\n", "dockerfile"),
        ("nb.ipynb", b"{\"cells\": []}", "notebook"),
        ("vocab.txt", b"cat\ndog\nthe\n", "text"),
        ("merges.txt", b"#version: 0.2\n\xc4\xa0 t\n", "text"),
        ("data.csv", b"a,b\n1,2\n", "csv"),
        ("x.svg", b"<svg/>", "xml"),
        ("latin.txt", b"caf\xe9 au lait, plain otherwise\n", "text"),
        ("empty.bin", b"", "empty"),
        ("a.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "png"),
        ("distutils-precedence.pth", b"import os; var = 1\n", "text"),
        ("lib/site-packages/x.pth", b"import os; var = 1\n", "python-path"),
        ("weights.bin", b"\x12\x34\x56\x78\x9a\xbc\xde\xf0", "unknown"),
        (
            "model.bin",
            b"version https://git-lfs.example/spec/v1\noid sha256:00\nsize 1\n",
            "lfs-pointer",
        ),
        ("x^2", b"x^2 + y^2 = z^2\n", "text"),
        ("data.pkl", b"\xff\xfe\xfd garbage \x01\x02\x03\x04\x05", "pickle"),
        (
            "events.out.tfevents",
            b"\x18\0\0\0\0\0\0\0\xa3\x7fK\x22",
            "unknown",
        ),
        ("a.jpg", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "png"),
    ] {
        let shown = tree(name, bytes.to_vec());
        let first = shown.lines().next().unwrap();
        let got = first.split(": ").nth(1).unwrap().split(' ').next().unwrap();
        assert_eq!(got, format, "{shown}");
        let odd = name.ends_with(".jpg") || (name == "data.pkl" && format == "text");
        assert_eq!(shown.contains("promises"), odd, "{shown}");
        assert_eq!(shown.lines().count(), 1, "{shown}");
    }
}
