//! Services and networks as they are typed: no panic, and what is read is read again from how it is shown.
#![no_main]
use wellhead_sources::probe::{Cidr, Scope, ServicePlace};

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(place) = ServicePlace::parse(text) {
        assert!(!place.host.is_empty() && place.port != Some(0));
        assert!(place.host.bytes().all(|b| b.is_ascii_graphic() && !b"/?#@\\".contains(&b)));
    }
    if let Ok(network) = Cidr::parse(text) {
        assert_eq!(Cidr::parse(&network.to_string()), Ok(network));
        let (first, last) = (network.nth(0), network.nth(u128::MAX));
        assert!(network.contains(first) && network.contains(last));
        for address in [first, last] {
            // Without a signed scope nothing that is routed on the internet is admitted.
            if let Ok(admitted) = Scope::local().admit((address, 80).into()) {
                let ip = admitted.address().ip();
                assert!(!ip.is_unspecified() && !ip.is_multicast());
            }
        }
    }
});
