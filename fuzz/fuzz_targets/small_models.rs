#![no_main]
use wellhead_core::{Blob, Budget};
use wellhead_formats::{OpenOptions, Role, format::table, identify, open};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let (blob, budget) = (Blob::from_bytes(data), &mut Budget::default());
    for format in [
        &table::FASTTEXT,
        &table::WORD2VEC,
        &table::LIGHTGBM,
        &table::XGBOOST_BINARY,
        &table::XGBOOST_JSON,
        &table::MXNET_SYMBOL,
        &table::ZARR_METADATA,
        &table::TENSORSTORE_SPEC,
        &table::TENSORRT,
        &table::RKNN,
    ] {
        let identity = identify("x", Role::As(format), &blob, budget);
        let _ = open("x", &identity, &blob, OpenOptions::default(), budget);
    }
});
