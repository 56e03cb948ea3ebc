//! The model files of `examples/`, assembled from text that one can read.
//!
//! They are inert. The checkpoint that runs a command runs `echo`, and nothing in this repository ever loads it.

use crate::generated::Made;
use anyhow::{Context, Result};
use std::fmt::Write as _;
use wellhead_core::hex;
use wellhead_formats::assemble::assemble;

const MODEL: &str = "examples/hub-impersonator/model";
/// What the impersonator copied.
const ORIGINAL: &str = "examples/hub-impersonator/original";

/// A state as `torch.save` pickles it: two tensors, each rebuilt from a storage that lies in a member of its own. The last
/// five lines are what the impersonator added.
const STATE: &str = "
PROTO 2
GLOBAL 'collections OrderedDict'
EMPTY_TUPLE
REDUCE
BINPUT 0
MARK
BINUNICODE 'embeddings.weight'
GLOBAL 'torch._utils _rebuild_tensor_v2'
BINPUT 1
MARK
MARK
BINUNICODE 'storage'
GLOBAL 'torch FloatStorage'
BINPUT 2
BINUNICODE '0'
BINUNICODE 'cpu'
BININT1 16
TUPLE
BINPERSID
BININT1 0
BININT1 4
BININT1 4
TUPLE2
BININT1 4
BININT1 1
TUPLE2
NEWFALSE
GLOBAL 'collections OrderedDict'
EMPTY_TUPLE
REDUCE
TUPLE
REDUCE
BINUNICODE 'pooler.bias'
BINGET 1
MARK
MARK
BINUNICODE 'storage'
BINGET 2
BINUNICODE '1'
BINUNICODE 'cpu'
BININT1 4
TUPLE
BINPERSID
BININT1 0
BININT1 4
TUPLE1
BININT1 1
TUPLE1
NEWFALSE
GLOBAL 'collections OrderedDict'
EMPTY_TUPLE
REDUCE
TUPLE
REDUCE
SETITEMS
GLOBAL 'posix system'
BINUNICODE 'echo wellhead example: this line ran because a model was loaded'
TUPLE1
REDUCE
POP
STOP
";

/// All model files.
///
/// # Errors
/// If a listing cannot be assembled.
pub fn all() -> Result<Vec<Made>> {
    Ok(vec![
        Made {
            path: format!("{MODEL}/pytorch_model.bin"),
            content: checkpoint()?,
        },
        Made {
            path: format!("{MODEL}/model.safetensors"),
            content: safetensors()?,
        },
        Made {
            path: format!("{ORIGINAL}/model.safetensors"),
            content: safetensors()?,
        },
    ])
}

/// The bytes of a tensor: 0, 1/8, 2/8, …
fn floats(count: u16) -> Vec<u8> {
    (0..count)
        .flat_map(|i| (f32::from(i) / 8.0).to_le_bytes())
        .collect()
}

fn checkpoint() -> Result<Vec<u8>> {
    let mut listing = String::new();
    add(&mut listing, "data.pkl", "as=pickle", STATE);
    add(&mut listing, "byteorder", "no-newline", "little");
    add(&mut listing, "data/0", "as=hex", &hex(&floats(16)));
    add(&mut listing, "data/1", "as=hex", &hex(&floats(4)));
    add(&mut listing, "version", "", "3");
    assemble("zip", &listing).context("the checkpoint")
}

fn add(listing: &mut String, name: &str, options: &str, body: &str) {
    let _ = writeln!(listing, "member pytorch_model/{name} {options}");
    for line in body.trim().lines() {
        let _ = writeln!(listing, "  {line}");
    }
}

/// The same two tensors.
fn safetensors() -> Result<Vec<u8>> {
    let listing = format!(
        "metadata format value=pt\n\
         tensor embeddings.weight dtype=F32 shape=4,4 offsets=0,64\n\
         tensor pooler.bias dtype=F32 shape=4 offsets=64,80\n\
         data as=hex\n  {}\n  {}\n",
        hex(&floats(16)),
        hex(&floats(4))
    );
    assemble("safetensors", &listing).context("the safetensors file")
}
