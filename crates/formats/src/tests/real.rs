//! What the real writers write has no differences, no defects and no damage.

#![expect(
    clippy::disallowed_methods,
    reason = "the files are made by the programs that users make them with"
)]

use super::tree;
use std::{path::Path, process::Command};

/// Runs a Python program that writes files into a new folder; `None`, aloud, where it cannot.
pub(super) fn written(program: &str) -> Option<tempfile::TempDir> {
    let python = std::env::var("WELLHEAD_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let dir = tempfile::tempdir().unwrap();
    let out = Command::new(&python)
        .arg("-c")
        .arg(program)
        .current_dir(dir.path())
        .output();
    match out {
        Ok(out) if out.status.success() => Some(dir),
        Ok(out) => {
            let why = String::from_utf8_lossy(&out.stderr);
            eprintln!("skipped: {python}: {}", why.lines().last().unwrap_or_default());
            None
        }
        Err(e) => {
            eprintln!("skipped: {python}: {e}");
            None
        }
    }
}

/// The trees of all files in a folder, by name.
fn trees(dir: &Path) -> String {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    names.sort();
    let shown = names.iter().map(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        tree(name, std::fs::read(path).unwrap())
    });
    // NumPy renamed its inner package in version 2.
    shown
        .collect::<Vec<_>>()
        .join("\n")
        .replace("numpy._core.", "numpy.core.")
}

#[test]
fn archives_of_the_standard_library() {
    let Some(dir) = written(
        r##"
import zipfile, tarfile, gzip, zlib, bz2, lzma, io, shutil, pickle
with zipfile.ZipFile("stored.zip", "w") as z:
    z.writestr("a.txt", "hello"); z.writestr("dir/", ""); z.writestr("ü.txt", "x" * 100)
with zipfile.ZipFile("deflated.zip", "w", zipfile.ZIP_DEFLATED) as z:
    z.writestr("a.txt", "hello" * 100); z.comment = b"a comment"
class Stream(io.RawIOBase):
    def __init__(s, f): s.f = f
    def writable(s): return True
    def write(s, b): return s.f.write(b)
with open("streamed.zip", "wb") as f:
    with zipfile.ZipFile(Stream(f), "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("a.txt", "hello" * 100)
        with z.open("b.txt", "w", force_zip64=True) as m: m.write(b"abc")
with zipfile.ZipFile("wide.zip", "w") as z:
    with z.open("b.txt", "w", force_zip64=True) as m: m.write(b"abc")
with zipfile.ZipFile("appended.zip", "w") as z: z.writestr("a.txt", "1")
with zipfile.ZipFile("appended.zip", "a") as z: z.writestr("b.txt", "2")
with open("prefixed.pyz", "wb") as f:
    f.write(b"#!/usr/bin/env python3\n")
    with zipfile.ZipFile(f, "a") as z: z.writestr("__main__.py", "print()")
with zipfile.ZipFile("nested.zip", "w") as z: z.write("stored.zip"); z.write("wide.zip")
for fmt, name in [(tarfile.USTAR_FORMAT, "ustar.tar"), (tarfile.GNU_FORMAT, "gnu.tar"), (tarfile.PAX_FORMAT, "pax.tar")]:
    with tarfile.open(name, "w", format=fmt) as t:
        i = tarfile.TarInfo("d/" + "n" * 90 + ".txt"); i.size = 3; t.addfile(i, io.BytesIO(b"abc"))
        if fmt != tarfile.USTAR_FORMAT:
            i = tarfile.TarInfo("ü" * 120); i.size = 3; t.addfile(i, io.BytesIO(b"abc"))
        i = tarfile.TarInfo("link"); i.type = tarfile.SYMTYPE; i.linkname = "d/x"; t.addfile(i)
with tarfile.open("t.tar.gz", "w:gz") as t: t.add("stored.zip")
with gzip.open("x.pkl.gz", "wb") as f: pickle.dump({"a": [1, 2]}, f)
with tarfile.open("t.tar.xz", "w:xz") as t: t.add("wide.zip")
data = pickle.dumps({"a": list(range(100))})
open("two.pkl.bz2", "wb").write(bz2.compress(data[:50]) + bz2.compress(data[50:]))
open("two.pkl.xz", "wb").write(lzma.compress(data[:50]) + lzma.compress(data[50:]))
open("x.pkl.lzma", "wb").write(lzma.compress(data, format=lzma.FORMAT_ALONE))
open("empty.bz2", "wb").write(bz2.compress(b""))
open("large.bz2", "wb").write(bz2.compress(b"text " * 200_000, 1))
import random, base64
open("dense.bz2", "wb").write(bz2.compress(base64.b64encode(random.Random(1).randbytes(1_500_000))))
open("x.pkl.z", "wb").write(zlib.compress(pickle.dumps([1])))
for p in range(6): open(f"p{p}.pkl", "wb").write(pickle.dumps({"a": (1, 2.5, "x")}, protocol=p))
"##,
    ) else {
        return;
    };
    insta::assert_snapshot!(trees(dir.path()), @"
    appended.zip: zip
      a.txt: text
      b.txt: text
    deflated.zip: zip
      a.txt: text
    dense.bz2: bzip2
      dense: text
    empty.bz2: bzip2
      empty: empty
    gnu.tar: tar
      d/nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn.txt: text
      üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü: text
    large.bz2: bzip2
      large: text
    nested.zip: zip
      stored.zip: zip
        a.txt: text
        ü.txt: text
      wide.zip: zip
        b.txt: text
    p0.pkl: pickle imports []
    p1.pkl: pickle imports []
    p2.pkl: pickle imports []
    p3.pkl: pickle imports []
    p4.pkl: pickle imports []
    p5.pkl: pickle imports []
    pax.tar: tar
      d/nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn.txt: text
      üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü: text
    prefixed.pyz: zip [Prefix]
      __main__.py: python
    stored.zip: zip
      a.txt: text
      ü.txt: text
    streamed.zip: zip
      a.txt: text
      b.txt: text
    t.tar.gz: gzip
      t.tar: tar
        stored.zip: zip
          a.txt: text
          ü.txt: text
    t.tar.xz: xz
      t.tar: tar
        wide.zip: zip
          b.txt: text
    two.pkl.bz2: bzip2
      two.pkl: pickle imports []
    two.pkl.xz: xz
      two.pkl: pickle imports []
    ustar.tar: tar
      d/nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn.txt: text
    wide.zip: zip
      b.txt: text
    x.pkl.gz: gzip
      x.pkl: pickle imports []
    x.pkl.lzma: lzma
      x.pkl: pickle imports []
    x.pkl.z: zlib
      x.pkl: pickle imports []
    ");
}

#[test]
fn arrays_of_the_frameworks() {
    let Some(dir) = written(
        r#"
import numpy as np, joblib, zlib, pickle
from safetensors.numpy import save_file
save_file({"a": np.zeros((2, 3), np.float32), "b": np.zeros((0,), np.int64), "c": np.array(1.0)}, "a.safetensors", metadata={"format": "np"})
np.save("f4.npy", np.zeros((2, 3), np.float32))
np.save("structured.npy", np.zeros(3, dtype=[("x", "<i4"), ("y", "<f8", (2,))]))
np.save("unicode.npy", np.array(["ä", "bc"]))
np.save("dates.npy", np.array(["2020-01-01"], dtype="M8[D]"))
np.save("objects.npy", np.array([1, "a", None], dtype=object))
np.save("fortran.npy", np.asfortranarray(np.zeros((3, 2))))
np.savez("a.npz", x=np.zeros(3), y=np.arange(4))
np.savez_compressed("c.npz", x=np.zeros(300), o=np.array([None], dtype=object))
joblib.dump({"w": np.zeros(100)}, "raw.joblib")
joblib.dump({"w": np.zeros(100)}, "zlib.joblib", compress=3)
joblib.dump({"w": np.zeros(100)}, "gz.joblib", compress=("gzip", 3))
joblib.dump({"w": np.zeros(100)}, "xz.joblib", compress=("xz", 3))
joblib.dump({"w": np.zeros(100)}, "lzma.joblib", compress=("lzma", 3))
joblib.dump({"w": np.zeros(100)}, "bz2.joblib", compress=("bz2", 3))
with open("zfile.joblib", "wb") as f:
    data = zlib.compress(pickle.dumps([1, 2, 3]))
    f.write(b"ZF" + hex(len(data)).encode().ljust(19) + data)
"#,
    ) else {
        return;
    };
    insta::assert_snapshot!(trees(dir.path()), @r#"
    a.npz: npz
      x.npy: npy
      y.npy: npy
    a.safetensors: safetensors
    bz2.joblib: bzip2
      bz2.joblib: pickle imports ["joblib.numpy_pickle.NumpyArrayWrapper", "numpy.ndarray", "numpy.dtype"]
    c.npz: npz
      x.npy: npy
      o.npy: npy
        objects: pickle imports ["numpy.core.multiarray._reconstruct", "numpy.ndarray", "numpy.dtype"]
    dates.npy: npy
    f4.npy: npy
    fortran.npy: npy
    gz.joblib: gzip
      gz.joblib: pickle imports ["joblib.numpy_pickle.NumpyArrayWrapper", "numpy.ndarray", "numpy.dtype"]
    lzma.joblib: lzma
      lzma.joblib: pickle imports ["joblib.numpy_pickle.NumpyArrayWrapper", "numpy.ndarray", "numpy.dtype"]
    objects.npy: npy
      objects: pickle imports ["numpy.core.multiarray._reconstruct", "numpy.ndarray", "numpy.dtype"]
    raw.joblib: pickle imports ["joblib.numpy_pickle.NumpyArrayWrapper", "numpy.ndarray", "numpy.dtype"]
    structured.npy: npy
    unicode.npy: npy
    xz.joblib: xz
      xz.joblib: pickle imports ["joblib.numpy_pickle.NumpyArrayWrapper", "numpy.ndarray", "numpy.dtype"]
    zfile.joblib: zlib
      zfile.joblib: pickle imports []
    zlib.joblib: zlib
      zlib.joblib: pickle imports ["joblib.numpy_pickle.NumpyArrayWrapper", "numpy.ndarray", "numpy.dtype"]
    "#);
}

#[test]
fn gguf_models_of_its_own_writer() {
    let Some(dir) = written(
        r##"
import gguf, numpy as np
for name, order in [("little.gguf", gguf.GGUFEndian.LITTLE), ("big.gguf", gguf.GGUFEndian.BIG)]:
    w = gguf.GGUFWriter(name, "llama", endianess=order)
    w.add_description("d"); w.add_block_count(2); w.add_float32("eps", 0.5); w.add_bool("b", True)
    w.add_token_list(["{{", "}}", "a" * 100]); w.add_token_scores([0.0, 1.0, 2.0]); w.add_array("n", [1, 2, 3])
    w.add_chat_template([{"name": "default", "template": "{{ messages }}"}, {"name": "tool_use", "template": "{{ tools }}"}])
    w.add_tensor("a", np.ones((3, 4), dtype=np.float32)); w.add_tensor("b", np.ones((5,), dtype=np.float16))
    q = gguf.quants.quantize(np.ones((2, 32), dtype=np.float32), gguf.GGMLQuantizationType.Q8_0)
    w.add_tensor("q", q, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()
w = gguf.GGUFWriter("aligned.gguf", "llama"); w.add_custom_alignment(64); w.add_tensor("a", np.ones(3, dtype=np.float32))
w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()
w = gguf.GGUFWriter("vocabulary.gguf", "llama"); w.add_token_list(["a"])
w.write_header_to_file(); w.write_kv_data_to_file(); w.close()
"##,
    ) else {
        return;
    };
    for (name, tensors, members) in [
        ("little.gguf", "a F32 [4, 3], b F16 [5], q Q8_0 [32, 2]", 2),
        ("big.gguf", "a F32 [4, 3], b F16 [5], q Q8_0 [32, 2]", 2),
        ("aligned.gguf", "a F32 [3]", 0),
        ("vocabulary.gguf", "", 0),
    ] {
        let opened = opened_file(name, &dir.path().join(name));
        let shown: Vec<String> = opened
            .document
            .tensors()
            .iter()
            .map(|t| format!("{} {} {:?}", t.name, t.dtype, t.shape))
            .collect();
        assert_eq!(opened.document.defects(), [], "{name}");
        assert_eq!(opened.outcome, wellhead_core::Outcome::Analysed, "{name}");
        assert_eq!(
            (shown.join(", ").as_str(), opened.members.len()),
            (tensors, members),
            "{name}"
        );
    }
}

#[test]
fn safetensors_are_refused_where_the_official_reader_refuses_them() {
    let Some(dir) = written(
        r##"
import json, random, struct
from safetensors import deserialize
r = random.Random(7)
def case():
    header, at = {}, 0
    for i in range(r.randint(0, 3)):
        dtype, size = r.choice([("F32", 4), ("F16", 2), ("U8", 1), ("I64", 8), ("BF16", 2)])
        shape = [r.randint(0, 3) for _ in range(r.randint(0, 2))]
        n = size
        for d in shape: n *= d
        header[f"t{i}"] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + n]}; at += n
    if r.random() < .3: header["__metadata__"] = {"format": "pt"}
    for _ in range(r.choice([0, 0, 1, 2])):
        names = [k for k in header if k != "__metadata__"]
        if not names: break
        t = header[r.choice(names)]
        what = r.randint(0, 4)
        if what == 0: t.setdefault("data_offsets", [0, 0])[r.randint(0, 1)] += r.choice([1, -1, 8, 1000])
        elif what == 1: t.setdefault("shape", []).append(r.choice([2, 0, 1]))
        elif what == 2: t["dtype"] = r.choice(["F32", "X1", "BOOL", "F64"])
        elif what == 3: t.pop(r.choice(list(t)), None); t.setdefault("data_offsets", [0, 0])
        else: at += r.choice([1, -1])
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text) + r.choice([0, 0, 0, 0, 1, -1])) + text + bytes(max(at, 0))
for i in range(300):
    data = case()
    try: deserialize(data); verdict = "taken"
    except Exception: verdict = "refused"
    open(f"{i:03}-{verdict}.safetensors", "wb").write(data)
"##,
    ) else {
        return;
    };
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let opened = opened_file(&name, &path);
        let ours = !opened.document.defects().is_empty() || opened.outcome.why().is_some();
        let theirs = name.contains("refused");
        assert_eq!(ours, theirs, "{name}: {:?}", opened.document.defects());
    }
}

/// A file, opened as what it is.
fn opened_file(name: &str, path: &Path) -> crate::Opened {
    let blob = wellhead_core::Blob::from_bytes(std::fs::read(path).unwrap());
    let budget = &mut wellhead_core::Budget::default();
    let identity = crate::identify(name, crate::Role::Plain, &blob, budget);
    crate::open(name, &identity, &blob, crate::OpenOptions::default(), budget)
}
