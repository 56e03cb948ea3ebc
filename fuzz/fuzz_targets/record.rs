//! The RECORD of an installed wheel: no panic, and every row points somewhere or is said not to.
#![no_main]
use wellhead_core::Budget;
use wellhead_packages::installed::{read_conda_meta, read_direct_url, read_record, resolve};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for row in read_record(text, &mut Budget::default()).rows {
        let _ = resolve("/venv", "lib/python3.12/site-packages", &row.path, false);
    }
    let _ = read_direct_url(text, &mut Budget::default());
    let _ = read_conda_meta(text, &mut Budget::default());
});
