//! What comes out is what the framework loads, bit by bit; what would have run is left out and named.

#![expect(
    clippy::disallowed_methods,
    reason = "the files are made and read back by the programs that users use"
)]

use super::{Disarmed, Unsuitable, disarm};
use proptest::prelude::*;
use std::{path::Path, process::Command};
use wellhead_core::{Blob, Budget};

fn taken(name: &str, bytes: impl Into<Vec<u8>>) -> Result<Disarmed, Unsuitable> {
    disarm(name, &Blob::from_bytes(bytes), &mut Budget::default())
}

/// What was taken, a line each.
fn shown(found: &Disarmed) -> String {
    let mut out: Vec<String> = Vec::new();
    for w in &found.weights {
        out.push(format!("{} {} {:?} {} bytes", w.name, w.dtype, w.shape, w.bytes));
    }
    out.extend(found.leaves.iter().map(|(k, v)| format!("{k} = {}", v.json())));
    out.extend(found.aliases.iter().map(|(k, v)| format!("{k} shares {v}")));
    out.extend(found.objects.iter().map(|(k, n)| format!("object {k} ×{n}")));
    out.extend(
        found
            .dropped
            .iter()
            .map(|d| format!("no {} {}: {}", d.kind.name(), d.path, d.why)),
    );
    out.extend(found.partly.iter().map(|why| format!("partly: {why}")));
    out.join("\n")
}

/// Runs a Python program in a folder; `None`, aloud, where it cannot.
fn python(dir: &Path, program: &str) -> Option<String> {
    let python = std::env::var("WELLHEAD_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let out = Command::new(&python)
        .arg("-c")
        .arg(program)
        .current_dir(dir)
        .output();
    match out {
        Ok(out) if out.status.success() => Some(String::from_utf8_lossy(&out.stdout).into_owned()),
        Ok(out) => {
            let why = String::from_utf8_lossy(&out.stderr).into_owned();
            // Only a missing package is a reason to skip; everything else is a failure of the test.
            assert!(why.contains("ModuleNotFoundError"), "{why}");
            eprintln!("skipped: {python}: {}", why.lines().last().unwrap_or_default());
            None
        }
        Err(e) => {
            eprintln!("skipped: {python}: {e}");
            None
        }
    }
}

/// Lets the framework write files, takes them apart, and lets the framework compare.
fn compared(write: &str, compare: &str) -> Option<String> {
    let dir = tempfile::tempdir().unwrap();
    python(dir.path(), write)?;
    let mut files: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    let mut told = Vec::new();
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap();
        let mut budget = Budget::default();
        let found = disarm(
            name,
            &Blob::from_bytes(std::fs::read(&path).unwrap()),
            &mut budget,
        )
        .unwrap();
        let mut out = Vec::new();
        found.write(&mut out, &mut budget).unwrap();
        std::fs::write(path.with_file_name(format!("{name}.safetensors")), out).unwrap();
        told.push(format!("## {name}\n{}", shown(&found)));
    }
    let wrong = python(dir.path(), compare)?;
    assert_eq!(wrong.trim(), "");
    Some(told.join("\n\n"))
}

#[test]
fn torch_loads_the_same_bits() {
    let write = r##"
import torch, collections, pickle, warnings
warnings.simplefilter("ignore")
torch.manual_seed(0)
base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
kinds = {str(d): torch.arange(7).to(d) for d in [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64,
    torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool, torch.float8_e4m3fn, torch.float8_e5m2]}
windows = {"whole": base, "transposed": base.t(), "row": base[2], "column": base[:, 3], "stepped": base[::2, 1::3],
    "expanded": torch.tensor([3.0]).expand(5, 2), "scalar": torch.tensor(4.5), "empty": torch.empty(0, 3),
    "permuted": torch.randn(2, 3, 4, 5).permute(3, 1, 0, 2), "tied": base}
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a = torch.nn.Linear(3, 4); self.b = torch.nn.BatchNorm2d(2); self.c = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3, bias=False))
        self.register_buffer("seen", torch.arange(3))
net = Net()
adam = torch.optim.Adam(net.parameters()); net.a(torch.randn(2, 3)).sum().backward(); adam.step()
nested = {"model": net.state_dict(), "optimizer": adam.state_dict(), "epoch": 3, "name": "näme", "lr": [0.1, 1e-5], "ok": True,
    "nothing": None, "deep": [{"w": torch.ones(2)}, (torch.zeros(1), "x")], "parameter": torch.nn.Parameter(torch.randn(3)),
    "shape": torch.Size([2, 3]), "dtype": torch.float16, "device": torch.device("cpu")}
for old in (False, True):
    def save(value, name, **k):
        torch.save(value, ("old-" if old else "new-") + name, _use_new_zipfile_serialization=not old, **k)
    save({k: v for k, v in kinds.items() if not old or "8_e" not in k}, "kinds.pt"); save(windows, "windows.pt"); save(nested, "nested.pt"); save(net.state_dict(), "state.pt")
    save(base.t(), "bare.pt"); save(net, "module.pt"); save(nested, "protocol4.pt", pickle_protocol=4)
    save({"s": torch.eye(3).to_sparse()}, "sparse.pt")
for protocol in range(6):
    with open(f"plain-{protocol}.pkl", "wb") as f: pickle.dump({"w": base, "t": base.t(), "n": {"b": torch.ones(3).bfloat16()}}, f, protocol)
torch.jit.script(torch.nn.Linear(2, 3)).save("script.pt")
# The first layout, which torch still reads and no longer writes.
import io, struct, tarfile, sys
class Pickler(pickle.Pickler):
    def persistent_id(self, obj): return str(obj[1]) if isinstance(obj, tuple) and obj[0] == "id" else None
def dump(f, *values):
    for v in values: pickle.dump(v, f, 2)
s, t, p, i = io.BytesIO(), io.BytesIO(), io.BytesIO(), io.BytesIO()
dump(s, 1, (7, "cpu", torch.FloatStorage)); s.write(struct.pack("<q6f", 6, 1, 2, 3, 4, 5, 6)); dump(s, [])
dump(t, 2)
for key, shape, steps, offset in ((11, (2, 3), (3, 1), 0), (12, (2, 2), (1, 3), 1)):
    dump(t, (key, 7, torch.FloatTensor))
    t.write(struct.pack("<ii", 2, 0) + struct.pack("<5q", *shape, *steps, offset))
Pickler(p, 2).dump({"a": ("id", 11), "deep": {"b": ("id", 12)}, "n": 5})
dump(i, {"protocol_version": 1000, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 8}})
with tarfile.open("first.pt", "w") as archive:
    for name, f in (("sys_info", i), ("storages", s), ("tensors", t), ("pickle", p)):
        info = tarfile.TarInfo(name); info.size = len(f.getvalue()); archive.addfile(info, io.BytesIO(f.getvalue()))
"##;
    let compare = r##"
import torch, pickle, glob, sys, os
class Net(torch.nn.Module): pass
sys.modules["__main__"].Net = Net
from safetensors.torch import load_file
def flat(v, path=""):
    if isinstance(v, torch.nn.Module): v = dict(v.state_dict())
    if isinstance(v, torch.Tensor):
        if v.is_sparse: yield from flat({"indices": v._indices(), "values": v._values()}, path)
        else: yield path or "tensor", v
    elif isinstance(v, dict):
        for k, x in v.items(): yield from flat(x, f"{path}.{k}" if path else str(k))
    elif isinstance(v, (list, tuple)):
        for k, x in enumerate(v): yield from flat(x, f"{path}.{k}" if path else str(k))
for name in sorted(glob.glob("*.p*[lt]")):
    if name.endswith(".pkl"): want = pickle.load(open(name, "rb"))
    elif name == "script.pt": want = torch.jit.load(name)
    else: want = torch.load(name, weights_only=False)
    want = dict(flat(want)); have = load_file(name + ".safetensors")
    if sorted(want) != sorted(have): print(name, "names", sorted(set(want) ^ set(have)))
    for k, w in want.items():
        h = have.get(k)
        if h is None: continue
        w = w.detach().contiguous()
        if h.dtype != w.dtype or h.shape != w.shape: print(name, k, h.dtype, w.dtype, h.shape, w.shape)
        elif h.numel() and not torch.equal(h.reshape(-1).view(torch.uint8), w.reshape(-1).view(torch.uint8)): print(name, k, "differ", h, w)
"##;
    if let Some(told) = compared(write, compare) {
        println!("{told}");
    }
}

#[test]
fn numpy_and_joblib_load_the_same_bits() {
    let write = r##"
import numpy as np, pickle, joblib, io
rng = np.random.default_rng(0)
base = rng.normal(size=(5, 4))
kinds = {t: np.arange(6).astype(t).reshape(2, 3) for t in ["<f8", ">f8", "<f4", ">f4", "<f2", "<i8", ">i8", "<i4", ">i2", "i1", "u1",
    "<u2", ">u4", "<u8", "?"]}
value = {"w": base, "fortran": np.asfortranarray(base), "view": base[::2, 1:], "empty": np.zeros((0, 3)), "zero": np.array(3.5),
    "kinds": kinds, "list": [np.ones(2), {"x": np.zeros(1, "f4")}], "n": np.float64(0.5), "i": np.int32(-3), "b": np.bool_(True),
    "big": 12345678901234567890123, "text": "x", "raw": b"bytes", "strings": np.array(["a", "bc"]), "c": np.ones(2, "c8"),
    "when": np.array(["2020-01-01"], "M8[D]"), "rec": np.zeros(2, [("a", "f4"), ("b", "i2")])}
for p in range(6):
    with open(f"plain-{p}.pkl", "wb") as f: pickle.dump(value, f, p)
    with open(f"joblib-{p}.joblib", "wb") as f: joblib.dump({**value, "objects": np.array([{"in": np.ones(3)}, "s"], object)}, f, protocol=p)
joblib.dump(value, "zlib.joblib", compress=("zlib", 3)); joblib.dump(value, "gzip.joblib", compress=("gzip", 3))
joblib.dump(value, "xz.joblib", compress=("xz", 3)); joblib.dump(value, "lzma.joblib", compress=("lzma", 3))
np.save("one.npy", base); np.save("fortran.npy", np.asfortranarray(base)); np.save("big.npy", base.astype(">f4"))
np.savez("plain.npz", **{k: v for k, v in kinds.items()}); np.savez_compressed("small.npz", a=base, b=base.T)
np.save("objects.npy", np.array([{"w": base}, 3], object), allow_pickle=True)
"##;
    let compare = r##"
import numpy as np, pickle, joblib, glob
from safetensors.numpy import load_file
def flat(v, path=""):
    if isinstance(v, np.ndarray) and v.dtype != object:
        if v.dtype.kind in "fiub" : yield path or "tensor", v
    elif isinstance(v, np.ndarray):
        for k, x in enumerate(v): yield from flat(x, f"{path}.{k}" if path else str(k))
    elif isinstance(v, (dict, np.lib.npyio.NpzFile)):
        for k, x in v.items(): yield from flat(x, f"{path}.{k}" if path else str(k))
    elif isinstance(v, (list, tuple)):
        for k, x in enumerate(v): yield from flat(x, f"{path}.{k}" if path else str(k))
for name in sorted(glob.glob("*")):
    if name.endswith(".safetensors"): continue
    want = np.load(name, allow_pickle=True) if ".np" in name else joblib.load(name) if "joblib" in name else pickle.load(open(name, "rb"))
    want = dict(flat(want)); have = load_file(name + ".safetensors")
    if sorted(want) != sorted(have): print(name, "names", sorted(set(want) ^ set(have)))
    for k, w in want.items():
        h = have.get(k)
        if h is None: continue
        n = w.astype(w.dtype.newbyteorder("<"))
        if h.dtype != n.dtype or h.shape != w.shape: print(name, k, h.dtype, w.dtype, h.shape, w.shape)
        elif np.ascontiguousarray(n).tobytes() != h.tobytes(): print(name, k, "differ", h, w)
"##;
    if let Some(told) = compared(write, compare) {
        println!("{told}");
    }
}

#[test]
fn hdf5_keeps_its_bits_where_they_lie_in_one_piece() {
    let write = r##"
import h5py, numpy as np, zipfile
w = np.arange(6, dtype="f4").reshape(2, 3)
with h5py.File("m.h5", "w") as f:
    f["layer/kernel:0"] = w; f["layer/bias:0"] = np.arange(3, dtype=">f8"); f["half"] = w.astype("f2"); f["n"] = np.int64(7)
    f["flags"] = np.array([1, 2], "u1"); f.create_dataset("chunked", data=w, chunks=(1, 3), compression="gzip")
with zipfile.ZipFile("m.keras", "w") as z:
    z.writestr("metadata.json", "{}"); z.writestr("config.json", "{}"); z.write("m.h5", "model.weights.h5")
"##;
    let compare = r##"
import h5py, numpy as np
from safetensors.numpy import load_file
for name in ("m.h5", "m.keras"):
    have = load_file(name + ".safetensors")
    with h5py.File("m.h5") as f:
        if sorted(have) != ["flags", "half", "layer/bias:0", "layer/kernel:0", "n"]: print(name, sorted(have))
        for k, h in have.items():
            w = f[k][()]
            if np.asarray(w).astype(h.dtype).tobytes() != h.tobytes() or h.shape != w.shape: print(name, k)
"##;
    if let Some(told) = compared(write, compare) {
        assert!(
            told.contains("no tensor chunked: its elements do not lie in the file in one piece"),
            "{told}"
        );
    }
}

#[test]
fn scikit_learn_keeps_its_coefficients() {
    let write = r##"
import joblib, pickle, numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.ensemble import RandomForestClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.pipeline import make_pipeline
X = np.random.default_rng(0).normal(size=(30, 3)); y = np.array([0, 1] * 15)
joblib.dump(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y), "m.joblib")
pickle.dump(LogisticRegression().fit(X, y), open("m.pkl", "wb"))
joblib.dump(RandomForestClassifier(2).fit(X, y), "forest.joblib")
"##;
    let compare = r##"
import joblib, pickle
from safetensors.numpy import load_file
m = joblib.load("m.joblib"); t = load_file("m.joblib.safetensors")
assert (m.steps[0][1].mean_ == t["steps.0.1.mean_"]).all(), t.keys()
assert (m.steps[1][1].coef_ == t["steps.1.1.coef_"]).all(), t.keys()
m = pickle.load(open("m.pkl", "rb")); t = load_file("m.pkl.safetensors")
assert (m.coef_ == t["coef_"]).all() and (m.classes_ == t["classes_"]).all()
f = joblib.load("forest.joblib"); t = load_file("forest.joblib.safetensors")
assert (f.estimators_[1].tree_.value == t["estimators_.1.tree_.values"]).all(), t.keys()
"##;
    if let Some(told) = compared(write, compare) {
        println!("{told}");
    }
}

/// A torch checkpoint of a storage of four floats and a dictionary with these items, as a disassembly.
fn checkpoint(items: &str) -> Vec<u8> {
    let pickle = format!("PROTO 2\nEMPTY_DICT\nMARK\n{items}\nSETITEMS\nSTOP\n");
    let lines: String = pickle.lines().map(|l| format!("  {l}\n")).collect();
    let listing = format!(
        "member archive/data.pkl as=pickle\n{lines}member archive/data/0 as=hex\n  \
         0000803f 00000040 00004040 00008040\nmember archive/version\n  3\n"
    );
    crate::assemble::assemble("zip", &listing).unwrap()
}

/// Key, and a tensor of storage `key` with offset, shape and steps.
fn tensor(name: &str, key: &str, offset: i64, shape: &[i64], strides: &[i64]) -> String {
    let sizes = |sizes: &[i64]| {
        let items: String = sizes.iter().map(|n| format!("LONG1 {n}\n")).collect();
        format!("MARK\n{items}TUPLE\n")
    };
    format!(
        "BINUNICODE '{name}'\nGLOBAL 'torch._utils _rebuild_tensor_v2'\nMARK\nMARK\nBINUNICODE 'storage'\n\
         GLOBAL 'torch FloatStorage'\nBINUNICODE '{key}'\nBINUNICODE 'cpu'\nBININT1 4\nTUPLE\nBINPERSID\n\
         LONG1 {offset}\n{}{}NEWFALSE\nGLOBAL 'collections OrderedDict'\nEMPTY_TUPLE\nREDUCE\nTUPLE\nREDUCE\n",
        sizes(shape),
        sizes(strides),
    )
}

#[test]
fn what_would_run_is_left_out_and_named() {
    let run = "BINUNICODE 'x'\nGLOBAL 'posix system'\nBINUNICODE 'true'\nTUPLE1\nREDUCE\n";
    let wrapped = format!(
        "BINUNICODE 'y'\nGLOBAL 'unknown wrap'\nMARK\n{}POP\n{}TUPLE\nREDUCE\n",
        "BINUNICODE ''\n",
        tensor("z", "0", 1, &[2], &[1]).split_once('\n').unwrap().1
    );
    let file = checkpoint(&format!(
        "{}{run}{wrapped}",
        tensor("w", "0", 0, &[2, 2], &[1, 2])
    ));
    let found = taken("m.pt", file).unwrap();
    insta::assert_snapshot!(shown(&found), @r"
    w F32 [2, 2] 16 bytes
    y.0 F32 [2] 8 bytes
    no call x: what `posix.system` would have returned is unknown
    no call y: what `unknown.wrap` would have returned is unknown
    ");
    let mut out = Vec::new();
    found.write(&mut out, &mut Budget::default()).unwrap();
    let header = u64::from_le_bytes(out[..8].try_into().unwrap()) as usize;
    let numbers: Vec<f32> = out[8 + header..]
        .chunks(4)
        .map(|c| f32::from_le_bytes(c.try_into().unwrap()))
        .collect();
    assert_eq!(numbers, [1.0, 3.0, 2.0, 4.0, 2.0, 3.0]);
}

#[test]
fn tensors_that_do_not_lie_in_their_storage_are_refused() {
    for (items, expected) in [
        (
            tensor("w", "0", 1, &[4], &[1]),
            "no tensor w: it needs 20 bytes of a storage of 16",
        ),
        (
            tensor("w", "0", 0, &[1 << 40], &[0]),
            "no tensor w: it repeats its elements to 4398046511104 bytes",
        ),
        (
            tensor("w", "0", 0, &[i64::MAX, 9], &[0, 0]),
            "no tensor w: it has more elements than can be counted",
        ),
        (
            tensor("w", "0", 0, &[2], &[i64::MAX]),
            "no tensor w: its elements lie beyond any storage",
        ),
        (
            tensor("w", "0", 0, &[2], &[-1]),
            "no tensor w: its shape, steps or offset are no sizes",
        ),
        (
            tensor("w", "0", -1, &[2], &[1]),
            "no tensor w: its shape, steps or offset are no sizes",
        ),
        (
            tensor("w", "0", 0, &[2, 2], &[1]),
            "no tensor w: it has 2 dimensions and 1 steps",
        ),
        (
            tensor("w", "9", 0, &[2], &[1]),
            "no tensor w: its storage `9` is not in this file",
        ),
        (
            tensor("w", "0", 0, &[0, i64::MAX], &[1, 1]),
            "w F32 [0, 9223372036854775807] 0 bytes",
        ),
        (
            format!(
                "{}{}",
                tensor("w", "0", 0, &[1], &[1]),
                tensor("w", "0", 1, &[1], &[1])
            ),
            "w F32 [1] 4 bytes\nw#2 F32 [1] 4 bytes",
        ),
        (
            tensor("__metadata__", "0", 0, &[1], &[1]),
            "__metadata__#2 F32 [1] 4 bytes",
        ),
    ] {
        assert_eq!(shown(&taken("m.pt", checkpoint(&items)).unwrap()), expected);
    }
}

#[test]
fn values_that_hold_each_other_come_to_an_end() {
    // Each of forty lists holds the one before it twice; the last is its own member.
    let mut listing = "PROTO 2\nEMPTY_LIST\nBINPUT 0\n".to_owned();
    for n in 1..40 {
        listing.push_str(&format!(
            "EMPTY_LIST\nBINPUT {n}\nMARK\nBINGET {0}\nBINGET {0}\nAPPENDS\n",
            n - 1
        ));
    }
    listing.push_str("BINGET 39\nAPPEND\nSTOP\n");
    let found = taken("m.pkl", crate::assemble::assemble("pickle", &listing).unwrap()).unwrap();
    assert!(found.partly.is_some());
    assert!(found.weights.is_empty());
}

#[test]
fn files_without_weights_are_refused_in_words() {
    for (name, bytes, expected) in [
        (
            "a.txt",
            &b"hello\n"[..],
            "it is a text file, which holds no weights that could be taken",
        ),
        (
            "a.bin",
            b"",
            "it is an empty file, which holds no weights that could be taken",
        ),
    ] {
        assert_eq!(taken(name, bytes).unwrap_err().to_string(), expected);
    }
}

proptest! {
    #[test]
    fn never_panics(cut in 0usize..700, at in 0usize..700, byte in any::<u8>()) {
        let mut file = checkpoint(&tensor("w", "0", 0, &[2, 2], &[1, 2]));
        if let Some(b) = file.get_mut(at) { *b = byte; }
        file.truncate(file.len().saturating_sub(cut % 7));
        if let Ok(found) = taken("m.pt", file) {
            let mut out = Vec::new();
            let _ = found.write(&mut out, &mut Budget::default());
        }
    }

    #[test]
    fn never_panics_on_opcodes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut file = b"\x80\x04".to_vec();
        file.extend(bytes);
        if let Ok(found) = taken("m.pkl", file) {
            let mut out = Vec::new();
            let _ = found.write(&mut out, &mut Budget::default());
        }
    }
}
