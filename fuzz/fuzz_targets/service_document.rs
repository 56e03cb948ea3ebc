#![no_main]
use wellhead_core::Budget;

libfuzzer_sys::fuzz_target!(|source: &str| {
    if let Ok(document) = wellhead_infra::service_document(source, &mut Budget::default()) {
        // A proof is always one of the exchanges.
        for judgement in wellhead_infra::judge(&document) {
            assert!(judgement.proof < document.exchanges.len());
        }
    }
});
