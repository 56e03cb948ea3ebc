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
