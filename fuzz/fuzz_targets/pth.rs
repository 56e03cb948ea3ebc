//! What Python runs at its start, and markers of installed packages: no panic, and no line without its bytes.
#![no_main]
use wellhead_packages::installed::{MarkerValues, innocent, read_pth, read_start, read_venv_config};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for line in read_pth(text) {
        let _ = innocent(&text[line.span]);
    }
    let _ = read_start(text);
    let _ = read_venv_config(text);
    let _ = MarkerValues::default().holds(text);
});
