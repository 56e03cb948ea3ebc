//! A question to the server of advisories: an answer, never a panic. The first line is the path.
#![no_main]
use wellhead_core::{Blob, Budget};
use wellhead_packages::{Database, advisory::{Records, build, build_records}};
use wellhead_server::{Question, Service as _, osv::Osv};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let record = br#"{"id": "P-1", "affected": [{"package": {"ecosystem": "PyPI", "name": "a"}, "versions": ["1"]}]}"#;
    let budget = &mut Budget::default();
    let (bytes, _) = build("2026-11-03", [("a", record)], budget).expect("one record");
    let database = Database::open(&Blob::from_bytes(bytes), budget).expect("what was built opens");
    let digest = database.info().digest;
    let records = build_records(&digest, [record], budget).expect("one record");
    let records = Records::open(&Blob::from_bytes(records), &digest, budget).expect("what was built opens");
    let osv = Osv::new(database, records);
    let end = data.iter().position(|b| *b == b'\n').unwrap_or(data.len());
    let path = String::from_utf8_lossy(&data[..end]).into_owned();
    for (method, path) in [("POST", "/v1/query"), ("POST", "/v1/querybatch"), ("GET", path.as_str())] {
        let answer = osv.answer(Question { method, path, body: data });
        assert!(answer.body.starts_with('{') && answer.body.ends_with('}'), "an answer is an object");
    }
});
