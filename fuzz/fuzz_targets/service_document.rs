#![no_main]
use wellhead_core::Budget;

libfuzzer_sys::fuzz_target!(|source: &str| {
    if let Ok(document) = wellhead_infra::service_document(source, &mut Budget::default()) {
        // A proof is always one of the exchanges, and a plan ends whatever is answered.
        for judgement in wellhead_infra::judge(&document) {
            assert!(judgement.proof < document.exchanges.len());
        }
        let conversation = wellhead_infra::Conversation::of(&document);
        let mut plan = wellhead_infra::Plan::new(8000, 7, true);
        while plan.next(&conversation).is_some() {}
        assert!(plan.asked().len() <= 48);
    }
});
