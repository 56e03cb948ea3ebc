//! Ciphers with constant keys, and digests.

/// A decoder with its key, or a digest with what went into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tool {
    /// `cryptography.fernet.Fernet(key)`: signing key and cipher key.
    Fernet([u8; 16], [u8; 16]),
}
