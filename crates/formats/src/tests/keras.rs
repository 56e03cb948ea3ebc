//! HDF5 files that h5py writes in both generations of the format, and models that Keras saves.

#![expect(
    clippy::disallowed_methods,
    reason = "the files are made by the programs that users make them with"
)]

use super::real::written;
use crate::{Document, OpenOptions, Role, identify, open};
use std::path::Path;
use wellhead_core::{Blob, Budget};

/// A file opened, with its members in turn: a line each, most of it counted.
fn shown(path: &Path) -> String {
    let mut out = Vec::new();
    let mut budget = Budget::default();
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    let mut queue = vec![(
        0,
        name,
        Role::Plain,
        Blob::from_bytes(std::fs::read(path).unwrap()),
    )];
    while let Some((level, name, role, blob)) = queue.pop() {
        let identity = identify(&name, role, &blob, &mut budget);
        let options = OpenOptions {
            role,
            ..OpenOptions::default()
        };
        let opened = open(&name, &identity, &blob, options, &mut budget);
        // Where the heap lies is the library's matter.
        let shown = if name.starts_with("heap ") { "a row" } else { &name };
        let mut line = format!("{}{shown}: {}", "  ".repeat(level), identity.format.name);
        match &opened.document {
            Document::Model(model) => {
                let (operators, tensors) = (model.graph.operators.len(), model.tensors.len());
                line += &format!(", {operators} kinds of objects, {tensors} tensors");
                for t in model.tensors.iter().filter(|t| t.name.ends_with("/w")) {
                    line += &format!(", {} {} {:?}", t.name, t.dtype, t.shape);
                }
                for r in &model.graph.references {
                    line += &format!(", {} opens {}", r.by, r.target);
                }
                line += &format!(", {} attributes", model.metadata.len());
                assert!(model.defects.is_empty(), "{:?}", model.defects);
            }
            Document::Bytecode(code) => {
                for used in code
                    .uses
                    .iter()
                    .filter(|u| u.kind == crate::marshal::UseKind::Call)
                {
                    line += &format!(" calls {}", used.path);
                }
            }
            _ => {}
        }
        if let Some(why) = opened.outcome.why() {
            line += &format!(" [{why}]");
        }
        out.push(line);
        for member in opened.members.iter().rev() {
            let body = member.body(&mut budget);
            queue.push((level + 1, member.name.clone(), member.role, body.blob));
        }
    }
    out.join("\n")
}

fn all(dir: &Path) -> String {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    names.sort();
    names
        .iter()
        .map(|path| shown(path))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn files_of_h5py() {
    let Some(dir) = written(
        r#"
import h5py, numpy as np, pickle
for libver in ["earliest", "latest"]:
    with h5py.File(libver + ".h5", "w", libver=libver) as f:
        g = f.create_group("a/b")
        g.create_dataset("w", data=np.arange(6, dtype="f4").reshape(2, 3))
        g.create_dataset("c", data=np.zeros((100, 100)), chunks=(10, 10), compression="gzip")
        f["soft"] = h5py.SoftLink("/a/b/w")
        f.attrs["title"] = "text"; f.attrs["number"] = 5; f.attrs["list"] = ["a", "bb"]
        f.attrs["pickled"] = np.void(b"\x80\x04N.")
        for i in range(500): f.create_dataset(f"d{i:03}", data=i)
        for i in range(500): g.attrs[f"x{i:03}"] = "v" * 50
        f["link"] = h5py.ExternalLink("../other.h5", "/x")
        f.create_dataset("outside", shape=(4,), dtype="f4", external=[("/etc/passwd", 0, 16)])
        layout = h5py.VirtualLayout((8,), dtype="f4")
        layout[:4] = h5py.VirtualSource("/one.h5", "x", shape=(4,)); layout[4:] = h5py.VirtualSource("two.h5", "x", shape=(4,))
        f.create_virtual_dataset("virtual", layout)
        f.attrs["model_config"] = '{"class_name": "Sequential", "config": {"layers": []}}'
with h5py.File("user_block.h5", "w", userblock_size=512) as f: f["w"] = 1
with h5py.File("rows.h5", "w") as f:
    d = f.create_dataset("rows", (2,), dtype=h5py.vlen_dtype(np.uint8))
    d[0] = np.frombuffer(pickle.dumps(print), dtype="u1"); d[1] = np.frombuffer(b"abc", dtype="u1")
    f.create_dataset("opaque", data=np.void(pickle.dumps(print)))
"#,
    ) else {
        return;
    };
    insta::assert_snapshot!(all(dir.path()), @"
    earliest.h5: hdf5, 0 kinds of objects, 504 tensors, a/b/w <f4 [2, 3], the link /link opens ../other.h5, the data set outside opens /etc/passwd, the data set virtual opens /one.h5, the data set virtual opens two.h5, 503 attributes
      pickled: pickle
      model_config: keras-config, 1 kinds of objects, 0 tensors, 1 attributes
    latest.h5: hdf5, 0 kinds of objects, 504 tensors, a/b/w <f4 [2, 3], the link /link opens ../other.h5, the data set outside opens /etc/passwd, the data set virtual opens /one.h5, the data set virtual opens two.h5, 503 attributes
      pickled: pickle
      model_config: keras-config, 1 kinds of objects, 0 tensors, 1 attributes
    rows.h5: hdf5, 0 kinds of objects, 2 tensors, 0 attributes
      opaque: pickle
      a row: pickle
    user_block.h5: hdf5, 0 kinds of objects, 1 tensors, 0 attributes
    ");
}

#[test]
fn models_of_keras() {
    let Some(dir) = written(
        r#"
import os
os.environ.setdefault("KERAS_BACKEND", "jax")
import keras
from keras import layers as L
m = keras.Sequential([keras.Input((8, 8, 3)), L.Conv2D(4, 3, activation="relu"), L.BatchNormalization(), L.Flatten(), L.Dense(3)], name="m")
m.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
m.save("honest.keras"); m.save("honest.h5"); m.save_weights("honest.weights.h5")
open("model.json", "w").write(m.to_json())
inner = keras.Sequential([keras.Input((4,)), L.Lambda(lambda x: x * 2, output_shape=(4,), name="l")], name="inner")
outer = keras.Sequential([keras.Input((3, 4)), L.TimeDistributed(inner, name="t")], name="outer")
outer.save("nested.keras"); outer.save("nested.h5")
"#,
    ) else {
        return;
    };
    let shown = all(dir.path());
    for part in [
        "honest.h5: hdf5, 0 kinds of objects, 10 tensors",
        "\n  model_config: keras-config, 12 kinds",
        "\n  training_config: keras-config, ",
        "\n  config.json: json, 15 kinds",
        "model.weights.h5: hdf5, 0 kinds of objects, 10 tensors",
        "model.json: json, 14 kinds",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    // The same layer in both containers.
    assert_eq!(
        shown.matches("outer/t/inner/l code: python-bytecode").count(),
        2,
        "{shown}"
    );
    assert!(!shown.contains('['), "something was not read: {shown}");
}
