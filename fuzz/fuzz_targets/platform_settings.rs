#![no_main]
use wellhead_core::Budget;
use wellhead_infra::{EstateFile, estate};

libfuzzer_sys::fuzz_target!(|text: &str| {
    for path in [
        "jupyter_server_config.py",
        "jupyter_config.json",
        "config.properties",
        "airflow.cfg",
        "spark-defaults.conf",
        "litellm.yaml",
        ".streamlit/config.toml",
    ] {
        estate(&[EstateFile { path, text }], &mut Budget::default());
    }
});
