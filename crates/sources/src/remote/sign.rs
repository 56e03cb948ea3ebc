//! Signatures of requests to an object store (AWS Signature Version 4), for reading only.
//!
//! A request that reads needs one HMAC chain over its address and the day; that is all of the protocol that is here.

use super::http::NetworkOptions;
use sha2::{Digest as _, Sha256};
use std::time::{SystemTime, UNIX_EPOCH};
use ureq::http::Uri;
use wellhead_core::hex;

/// SHA-256 of nothing: the body of a request that reads.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const BLOCK: usize = 64;

/// The headers that sign a request for `url`; none without keys.
pub(super) fn headers(options: &NetworkOptions, url: &str) -> Vec<(&'static str, String)> {
    let Some((key, secret, session)) = &options.keys else {
        return Vec::new();
    };
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs());
    let region = options.region.as_deref().unwrap_or("us-east-1");
    let session = session.as_ref().map(|s| s.0.as_str());
    signed(url, key, &secret.0, session, region, seconds)
}

fn signed(
    url: &str,
    key: &str,
    secret: &str,
    session: Option<&str>,
    region: &str,
    seconds: u64,
) -> Vec<(&'static str, String)> {
    let Ok(uri) = url.parse::<Uri>() else {
        return Vec::new();
    };
    let host = uri
        .authority()
        .map(|a| a.as_str().to_lowercase())
        .unwrap_or_default();
    let (day, time) = stamp(seconds);
    let time = format!("{day}T{time}Z");
    let mut query: Vec<&str> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|q| !q.is_empty())
        .collect();
    query.sort_unstable();
    let query: Vec<String> = query
        .into_iter()
        .map(|q| {
            if q.contains('=') {
                q.to_owned()
            } else {
                format!("{q}=")
            }
        })
        .collect();
    let mut lines = vec![
        format!("host:{host}"),
        format!("x-amz-content-sha256:{EMPTY}"),
        format!("x-amz-date:{time}"),
    ];
    let mut names = "host;x-amz-content-sha256;x-amz-date".to_owned();
    if let Some(session) = session {
        lines.push(format!("x-amz-security-token:{session}"));
        names.push_str(";x-amz-security-token");
    }
    let canonical = format!(
        "GET\n{}\n{}\n{}\n\n{names}\n{EMPTY}",
        uri.path(),
        query.join("&"),
        lines.join("\n")
    );
    let scope = format!("{day}/{region}/s3/aws4_request");
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{time}\n{scope}\n{}",
        hex(&Sha256::digest(canonical.as_bytes()))
    );
    let mut chain = hmac(format!("AWS4{secret}").as_bytes(), day.as_bytes());
    for part in [region, "s3", "aws4_request"] {
        chain = hmac(&chain, part.as_bytes());
    }
    let signature = hex(&hmac(&chain, to_sign.as_bytes()));
    let mut headers = vec![
        (
            "authorization",
            format!(
                "AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}"
            ),
        ),
        ("x-amz-content-sha256", EMPTY.to_owned()),
        ("x-amz-date", time),
    ];
    if let Some(session) = session {
        headers.push(("x-amz-security-token", session.to_owned()));
    }
    headers
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; BLOCK];
    let hashed = Sha256::digest(key);
    let key = if key.len() > BLOCK { hashed.as_slice() } else { key };
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    let inner = Sha256::new()
        .chain_update(block.map(|b| b ^ 0x36))
        .chain_update(message)
        .finalize();
    Sha256::new()
        .chain_update(block.map(|b| b ^ 0x5c))
        .chain_update(inner)
        .finalize()
        .to_vec()
}

/// The day and the time of day, as `20261123` and `065500`.
fn stamp(seconds: u64) -> (String, String) {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Howard Hinnant's algorithm, with years that begin in March.
    let z = days.saturating_add(719_468);
    let (era, of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (
        format!("{year:04}{month:02}{day:02}"),
        format!("{:02}{:02}{:02}", rest / 3600, rest / 60 % 60, rest % 60),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_the_calendar() {
        for (seconds, expected) in [
            (0, "19700101 000000"),
            (951_827_696, "20000229 123456"),
            (1_369_353_600, "20130524 000000"),
            (4_107_542_399, "21000228 235959"),
        ] {
            let (day, time) = stamp(seconds);
            assert_eq!(format!("{day} {time}"), expected);
        }
    }

    /// RFC 4231, the second case.
    #[test]
    fn the_known_answer_of_hmac() {
        assert_eq!(
            hex(&hmac(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    /// "GET bucket (list objects)" of the vendor's documentation of the algorithm.
    #[test]
    fn the_known_answer_of_the_documentation() {
        let headers = signed(
            "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J",
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            None,
            "us-east-1",
            1_369_353_600,
        );
        assert!(
            headers[0]
                .1
                .ends_with("Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
            "{headers:?}"
        );
    }
}
