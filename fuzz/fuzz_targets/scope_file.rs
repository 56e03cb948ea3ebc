//! Scope files: no panic, and whatever one names, nobody asks where a cloud hands out credentials.
#![no_main]
use std::net::{IpAddr, Ipv4Addr};
use wellhead_sources::probe::{Scope, SignedScope};

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(statement) = SignedScope::parse(text, "2026-01-01") {
        assert!(!statement.owner.is_empty() && !statement.networks.is_empty());
        assert!(statement.valid_until.as_str() >= "2026-01-01");
        let scope = Scope::signed(statement.clone());
        for network in &statement.networks {
            let _ = scope.admit((network.nth(0), 80).into());
        }
        for v4 in [Ipv4Addr::new(169, 254, 169, 254), Ipv4Addr::BROADCAST, Ipv4Addr::UNSPECIFIED] {
            for address in [IpAddr::V4(v4), IpAddr::V6(v4.to_ipv6_mapped())] {
                assert!(scope.admit((address, 80).into()).is_err());
            }
        }
    }
});
