//! A `models.lock`: no panic, and what is read is written so that it is read again as the same.
#![no_main]
use wellhead_core::Budget;
use wellhead_trust::models_lock::ModelsLock;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(lock) = ModelsLock::parse(text, &mut Budget::default()) {
        assert_eq!(ModelsLock::parse(&lock.render(), &mut Budget::default()).as_ref(), Ok(&lock));
    }
});
