//! Real models stay clean: those that packages ship, and those that libraries write here and now.

use super::Project;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

/// Audits a folder of models and says what is wrong: findings at high or above, and files that were not read.
fn wrong(folder: &Path) -> (usize, Vec<String>) {
    let project = Project::new(&[]);
    let target = folder.to_str().unwrap();
    let ran = project.run(&["audit", target, "--isolated", "--no-progress", "--format", "json"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {}", ran.err));
    let mut wrong: BTreeMap<String, usize> = BTreeMap::new();
    let findings = report["findings"].as_array().unwrap();
    for finding in findings
        .iter()
        .filter(|f| matches!(f["severity"].as_str(), Some("high" | "critical")))
    {
        let place = &finding["locations"][0]["artifact"];
        *wrong
            .entry(format!("{}: {} ({place})", finding["rule"], finding["message"]))
            .or_default() += 1;
    }
    let coverage = report["coverage"].as_array().unwrap();
    for artifact in coverage.iter().filter(|c| c["outcome"] != "analysed") {
        let name = artifact["artifact"].as_str().unwrap();
        // Weights without a format of their own say nothing that could be read.
        if !is_raw(name) {
            wrong.insert(
                format!("{name}: {} {}", artifact["outcome"], artifact["reason"]),
                1,
            );
        }
    }
    let lines = wrong
        .into_iter()
        .map(|(line, n)| format!("{n}x {line}"))
        .collect();
    (coverage.len(), lines)
}

/// Bytes that another file describes: variables of a SavedModel, weights of an mlpackage, and arrays that old versions of
/// joblib wrote beside the pickle. The models of fastText are numbers and words in a form of their own, without a reader.
fn is_raw(name: &str) -> bool {
    name.contains("/variables/variables.")
        || name.ends_with("/weights/weight.bin")
        || name.contains(".npy.z!/")
        || name.ends_with(".ftz")
}

/// What `scripts/fetch-honest-models.sh` unpacked.
fn fetched() -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_BIN_EXE_wellhead"));
    let target = program.ancestors().nth(2)?;
    let folder = target.join("test-data/honest");
    if !folder.join("pins.txt").exists() {
        eprintln!(
            "skipped: {} is absent; run scripts/fetch-honest-models.sh",
            folder.display()
        );
        return None;
    }
    Some(folder)
}

#[test]
fn models_that_packages_ship_are_read_and_clean() {
    let Some(folder) = fetched() else { return };
    let mut all = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let (files, wrong) = wrong(&path);
            assert!(files > 0, "{}", path.display());
            all.extend(wrong);
        }
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

/// Writes models with the libraries that are there; each that is not says so.
const WRITERS: &str = r#"
import sys, warnings, pickle, functools, collections
warnings.filterwarnings("ignore")
def attempt(f):
    try: f()
    except ImportError as e: print("skipped:", e, file=sys.stderr)
def numbers():
    import numpy as np
    np.savez("a.npz", x=np.arange(9.0), y=np.array(["a", "b"]))
    np.save("b.npy", np.arange(3))
    pickle.dump({"a": np.arange(3), "r": np.random.default_rng(1), "f": np.float32(1)}, open("c.pkl", "wb"))
def sklearn():
    import numpy as np
    from sklearn.ensemble import RandomForestClassifier, HistGradientBoostingRegressor
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler
    X = np.random.default_rng(0).random((40, 4)); y = (X[:, 0] > 0.5).astype(int)
    text = TfidfVectorizer(tokenizer=str.split, preprocessor=str.lower, token_pattern=None).fit(["a b", "b c"])
    models = [RandomForestClassifier(3).fit(X, y), HistGradientBoostingRegressor(max_iter=2).fit(X, y), text,
              make_pipeline(FunctionTransformer(np.log1p), StandardScaler(), LogisticRegression()).fit(X, y)]
    for protocol in (2, 4): pickle.dump(models, open(f"sklearn{protocol}.pkl", "wb"), protocol=protocol)
    def with_joblib():
        import joblib
        for name, how in (("raw", 0), ("zlib", 3), ("gzip", ("gzip", 3)), ("xz", ("xz", 3)), ("bz2", ("bz2", 3))):
            joblib.dump({"m": models, "X": X}, f"{name}.joblib", compress=how)
    attempt(with_joblib)
def scipy():
    import numpy as np, scipy.stats as st, scipy.sparse as sp, scipy.interpolate as it
    things = [st.norm(0, 1), st.gamma(2), sp.csr_matrix(np.eye(3)), it.interp1d([1, 2], [1, 2]), st.gaussian_kde(np.arange(9.0))]
    for protocol in (2, 4): pickle.dump(things, open(f"scipy{protocol}.pkl", "wb"), protocol=protocol)
def pandas():
    import pandas as pd
    days = pd.date_range("2020", periods=3, tz="UTC")
    pd.DataFrame({"a": [1, 2, 3], "b": pd.Categorical(list("abc")), "d": days}, index=days).to_pickle("frame.pkl")
def boosters():
    import numpy as np
    X = np.random.default_rng(0).random((40, 4)); y = (X[:, 0] > 0.5).astype(int)
    def xgb():
        import xgboost
        m = xgboost.XGBClassifier(n_estimators=2).fit(X, y); pickle.dump(m, open("xgboost.pkl", "wb"))
        m.save_model("xgboost.ubj"); m.save_model("xgboost.json")
    def lgb():
        import lightgbm
        m = lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(X, y); pickle.dump(m, open("lightgbm.pkl", "wb"))
        m.booster_.save_model("lightgbm.txt")
    attempt(xgb); attempt(lgb)
def onnx():
    import onnx
    from onnx import helper as h
    value = lambda n: h.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1])
    graph = h.make_graph([h.make_node("Relu", ["x"], ["y"])], "g", [value("x")], [value("y")])
    onnx.save(h.make_model(graph), "relu.onnx")
def safetensors():
    import numpy as np
    from safetensors.numpy import save_file
    save_file({"w": np.arange(4.0)}, "w.safetensors")
def h5py():
    import h5py
    with h5py.File("weights.h5", "w") as f: f.create_group("layer").create_dataset("kernel", data=[1.0, 2.0])
def torch():
    import torch
    from torch import nn
    m = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.MultiheadAttention(2, 1)); o = torch.optim.Adam(m.parameters())
    for name, what in (("state", m.state_dict()), ("whole", m), ("training", {"model": m.state_dict(), "optimizer": o.state_dict()})):
        torch.save(what, f"{name}.pt"); torch.save(what, f"{name}.legacy.pt", _use_new_zipfile_serialization=False)
    torch.jit.script(nn.Sequential(nn.Linear(2, 2))).save("script.pt")
def plain():
    import argparse, datetime, decimal, fractions, pathlib, re, types, uuid
    from zoneinfo import ZoneInfo
    things = [collections.OrderedDict(a=1), collections.defaultdict(functools.partial(collections.defaultdict, int)), re.compile("a").search,
              argparse.Namespace(lr=1), types.SimpleNamespace(a=1), datetime.datetime.now(datetime.timezone.utc), decimal.Decimal("1.5"),
              fractions.Fraction(1, 3), pathlib.PurePosixPath("a/b"), uuid.uuid4(), ZoneInfo("UTC"), iter([1, 2]), range(3), {1}, frozenset([2]),
              bytearray(b"x"), b"x" * 300, functools.partial(int, base=2), " ".join, len, max]
    for protocol in (2, 3, 4, 5): pickle.dump(things, open(f"plain{protocol}.pkl", "wb"), protocol=protocol)
for f in (plain, numbers, sklearn, scipy, pandas, boosters, onnx, safetensors, h5py, torch): attempt(f)
"#;

#[test]
fn models_that_libraries_write_are_read_and_clean() {
    let python = std::env::var("WELLHEAD_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let dir = tempfile::tempdir().unwrap();
    let run = Command::new(&python)
        .args(["-c", WRITERS])
        .current_dir(dir.path())
        .output();
    let out = match run {
        Ok(out) => out,
        Err(e) => {
            eprintln!("skipped: {python}: {e}");
            return;
        }
    };
    let said = String::from_utf8_lossy(&out.stderr);
    for line in said.lines().filter(|l| l.starts_with("skipped:")) {
        eprintln!("{line}");
    }
    assert!(out.status.success(), "{said}");
    let (files, wrong) = wrong(dir.path());
    assert!(files >= 4, "{files}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
