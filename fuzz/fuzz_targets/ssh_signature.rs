//! Keys and signatures of SSH: no panic, and without a key nothing is proved.
#![no_main]
use wellhead_trust::{SshKey, verify_ssh_signature};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let keys: Vec<SshKey> = text.lines().filter_map(SshKey::parse).collect();
    let _ = verify_ssh_signature(text, b"owner = 1", "wellhead-scope", &keys);
    assert!(verify_ssh_signature(text, b"owner = 1", "wellhead-scope", &[]).is_err());
});
