//! What trees, checkpoints and data frames are as their real writers write them: whole, read to the end, no defects.

#![expect(
    clippy::disallowed_methods,
    reason = "the files are made by the programs that users make them with"
)]

use super::real::written;
use crate::{Document, OpenOptions, Role, identify, open};
use std::path::Path;
use wellhead_core::{Blob, Budget};

/// A line a file: what it was taken for, and what is wrong or was not seen. Members that are second readings follow.
fn verdicts(dir: &Path) -> String {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.is_file())
        .collect();
    names.sort();
    let mut out = Vec::new();
    for path in names {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut queue = vec![(name, Role::Plain, Blob::from_bytes(std::fs::read(&path).unwrap()))];
        while let Some((name, role, blob)) = queue.pop() {
            let mut budget = Budget::default();
            let identity = identify(&name, role, &blob, &mut budget);
            let opened = open(&name, &identity, &blob, OpenOptions::default(), &mut budget);
            let mut line = format!("{name}: {}", identity.format.name);
            if let Document::Model(model) = &opened.document {
                line += &format!(
                    ", {} arrays, {} facts",
                    model.tensors.len().min(3),
                    model.metadata.len().min(3)
                );
                line += &model
                    .defects
                    .iter()
                    .map(|d| format!(" ! {}", d.words))
                    .collect::<String>();
            }
            if identity.mismatch.is_some() {
                line += " mismatch";
            }
            line += &opened
                .outcome
                .why()
                .map(|why| format!(" [{why}]"))
                .unwrap_or_default();
            out.push(line);
            for member in opened.members.iter().rev() {
                let body = member.body(&mut budget);
                queue.push((member.name.clone(), member.role, body.blob));
            }
        }
    }
    out.join("\n")
}

#[test]
fn boosted_trees_of_three_frameworks() {
    let Some(dir) = written(
        r#"
import numpy as np
X = np.random.RandomState(0).rand(100, 4); y = (X[:, 0] > .5).astype(int)
import xgboost, lightgbm
b = xgboost.train({"objective": "binary:logistic", "max_depth": 3}, xgboost.DMatrix(X, y), 3)
b.set_attr(best_iteration="2")
b.save_model("xgb.json"); b.save_model("xgb.ubj")
m = lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(X, y), 3)
m.save_model("lgb.txt"); m.save_model("lgb.model")
import catboost
c = catboost.CatBoostClassifier(iterations=3, verbose=0, allow_writing_files=False)
c.fit(X, y); c.save_model("cat.cbm")
"#,
    ) else {
        return;
    };
    insta::assert_snapshot!(verdicts(dir.path()), @"
    cat.cbm: catboost, 0 arrays, 3 facts
    lgb.model: lightgbm, 0 arrays, 3 facts
    lgb.txt: lightgbm, 0 arrays, 3 facts
    xgb.json: json
    as xgboost-json at 0x0: xgboost-json, 0 arrays, 3 facts
    xgb.ubj: ubjson, 3 arrays, 3 facts
    ");
}

#[test]
fn checkpoints_of_flax_and_data_frames_of_r() {
    let Some(dir) = written(
        r#"
import numpy as np, msgpack, pyreadr, pandas as pd
def array(a): return msgpack.ExtType(1, msgpack.packb((a.shape, a.dtype.name, a.tobytes()), use_bin_type=True))
one = msgpack.ExtType(3, msgpack.packb(((), "float32", np.float32(1).tobytes()), use_bin_type=True))
open("flax.msgpack", "wb").write(msgpack.packb({"params": {"Dense_0": {"kernel": array(np.zeros((3, 4), np.float32)),
  "bias": array(np.zeros(4, np.float32))}}, "step": 7, "rate": one}, use_bin_type=True))
df = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"], "c": pd.to_datetime(["2020-01-01", "2021-01-01"]), "d": [True, False]})
pyreadr.write_rds("df.rds", df); pyreadr.write_rds("dfz.rds", df, compress="gzip"); pyreadr.write_rdata("df.RData", df, df_name="df")
"#,
    ) else {
        return;
    };
    insta::assert_snapshot!(verdicts(dir.path()), @"
    df.RData: r-data, 2 arrays, 3 facts
    df.rds: r-data, 2 arrays, 3 facts
    dfz.rds: gzip
    dfz.rds: r-data, 2 arrays, 3 facts
    flax.msgpack: msgpack, 3 arrays, 1 facts
    ");
}

/// Objects that R itself writes are whole, and nothing in them runs by itself. Looks for `Rscript`.
#[test]
fn objects_that_r_writes() {
    let program = r#"
d <- data.frame(a=c(1,2,3,4), b=c(2.1,3.9,6.2,8), f=factor(c("x","y","x","y")))
m <- lm(b ~ a, data=d); saveRDS(m, "lm.rds", compress=FALSE); saveRDS(m, "lm_text.rds", ascii=TRUE, compress=FALSE)
con <- file("lm_native.rds", "wb"); serialize(m, con, xdr=FALSE); close(con); save(m, d, file="models.RData", compress=FALSE)
f <- function(x, y) { function(z) x + z }; saveRDS(f(1+2, stop("no")), "closure.rds", compress=FALSE)
saveRDS(compiler::cmpfun(function(x) { y <- x^2; if (y > 3) sum(y) else mean(y) }), "bytecode.rds", compress=FALSE)
saveRDS(1:1000000, "range.rds", compress=FALSE); saveRDS(ecdf(d$a), "ecdf.rds", compress=FALSE)
saveRDS(list(as.character(1:100), NA_character_, 1i, as.raw(1:5), quote(a+b), y~x, NULL, TRUE), "mixed.rds", compress=FALSE)
saveRDS(as.environment(list(a=1)), "env.rds", compress=FALSE); saveRDS(kmeans(d[,1:2], 2), "kmeans.rds", compress=FALSE)
"#;
    let dir = tempfile::tempdir().unwrap();
    let out = std::process::Command::new("Rscript")
        .args(["--vanilla", "-e", program])
        .current_dir(dir.path())
        .output();
    match out {
        Ok(out) if out.status.success() => {}
        Ok(out) => return eprintln!("skipped: Rscript: {}", String::from_utf8_lossy(&out.stderr)),
        Err(e) => return eprintln!("skipped: Rscript: {e}"),
    }
    for line in verdicts(dir.path()).lines() {
        assert!(line.contains(": r-data,") && !line.contains(['!', '[']), "{line}");
    }
}
