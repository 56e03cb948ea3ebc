//! Digests with their algorithm, as locks, manifests and hubs state them.

use crate::{blob::Blob, budget::Budget};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// The algorithms that the field's locks and manifests use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum DigestAlgorithm {
    /// MD5: identifies, proves nothing.
    Md5,
    /// SHA-1: identifies, proves nothing.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// BLAKE2b with 512 bits.
    Blake2b,
    /// BLAKE3 with 256 bits.
    Blake3,
}

impl DigestAlgorithm {
    /// The name as it stands in locks: `sha256`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
            Self::Blake2b => "blake2b",
            Self::Blake3 => "blake3",
        }
    }

    /// The length of the digest in hexadecimal digits.
    pub fn hex_len(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha1 => 40,
            Self::Sha224 => 56,
            Self::Sha256 | Self::Blake3 => 64,
            Self::Sha384 => 96,
            Self::Sha512 | Self::Blake2b => 128,
        }
    }

    /// Whether a match proves that the content is the one meant (no known collisions).
    pub fn is_strong(self) -> bool {
        !matches!(self, Self::Md5 | Self::Sha1)
    }

    const ALL: [Self; 8] = [
        Self::Md5,
        Self::Sha1,
        Self::Sha224,
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
        Self::Blake2b,
        Self::Blake3,
    ];
}

/// A digest: algorithm and lower-case hexadecimal text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Digest {
    /// The algorithm.
    pub algorithm: DigestAlgorithm,
    /// Lower-case hexadecimal digits.
    pub hex: String,
}

impl Digest {
    /// Reads `sha256:…` or `sha256=…`. `None` where the algorithm is unknown or the text is not hexadecimal.
    ///
    /// The length is not checked: a lock with a shortened digest is a fact a rule may want to see.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, hex) = text.split_once([':', '='])?;
        let name = name.trim().to_ascii_lowercase();
        let algorithm = DigestAlgorithm::ALL.into_iter().find(|a| a.name() == name)?;
        let hex = hex.trim().to_ascii_lowercase();
        let ok = !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit());
        ok.then_some(Self { algorithm, hex })
    }

    /// The SHA-256 of `bytes`.
    pub fn sha256(bytes: &[u8]) -> Self {
        Self {
            algorithm: DigestAlgorithm::Sha256,
            hex: hex(&Sha256::digest(bytes)),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.hex)
    }
}

/// Lower-case hexadecimal text of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// How much is hashed at a time.
const CHUNK: usize = 1 << 20;

/// The SHA-256 of all bytes.
///
/// # Errors
/// Where they cannot be read, or the budget runs out before their end.
pub fn sha256_of(blob: &Blob, budget: &mut Budget) -> Result<Digest, String> {
    let mut hash = Sha256::new();
    let mut at = 0_u64;
    while at < blob.len() {
        let bytes = blob
            .bytes(at, CHUNK)
            .map_err(|e| format!("could not be read: {e}"))?;
        if bytes.is_empty() {
            return Err("it ends before its end".to_owned());
        }
        hash.update(&bytes);
        at = at.saturating_add(bytes.len() as u64);
        budget.check_clock().map_err(|e| e.to_string())?;
    }
    Ok(Digest {
        algorithm: DigestAlgorithm::Sha256,
        hex: hash.finalize().iter().map(|b| format!("{b:02x}")).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_read_in_the_forms_locks_use() {
        for (text, shown) in [
            ("sha256:AB12", Some("sha256:ab12")),
            ("md5=00ff", Some("md5:00ff")),
            ("sha256:xyz", None),
            ("crc32:00", None),
            ("sha256:", None),
            ("", None),
        ] {
            assert_eq!(
                Digest::parse(text).map(|d| d.to_string()).as_deref(),
                shown,
                "{text}"
            );
        }
    }
}
