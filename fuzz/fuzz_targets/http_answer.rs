//! What a service answers: no panic, and never more of it than is kept.
#![no_main]
use wellhead_sources::probe::{BODY, Reply};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    if let Ok(reply) = Reply::read(&mut rest) {
        assert!((100..600).contains(&reply.status) && reply.body.len() <= BODY && reply.headers.len() <= 128);
        assert!(reply.body.len() <= data.len());
    }
});
