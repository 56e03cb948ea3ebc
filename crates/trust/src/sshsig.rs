//! Signatures that `ssh-keygen -Y sign` makes: everybody has the tool, and most have a key.
//!
//! Strict: Ed25519 only, one spelling, nothing behind the last field, and the key in the signature counts for nothing
//! unless the user named the same one. The layout is that of OpenSSH's PROTOCOL.sshsig.

use crate::strict_base64;
use ring::signature::{ED25519, UnparsedPublicKey};
use sha2::{Digest as _, Sha256, Sha512};

/// What every signature begins with, and what is signed too.
const MAGIC: &[u8] = b"SSHSIG";
const KIND: &[u8] = b"ssh-ed25519";
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";
/// A signature is a few hundred bytes.
const MOST: usize = 8 << 10;

/// A public key of Ed25519.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshKey([u8; 32]);

/// Why a signature proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SshSignatureError {
    /// It is none.
    #[error("it is no signature of `ssh-keygen -Y sign`")]
    Malformed,
    /// It is of a kind of key that is not read.
    #[error("it was made with a key that is not of Ed25519")]
    Kind,
    /// It was made for something else.
    #[error("it was made for another purpose (`-n` was not that namespace)")]
    Namespace,
    /// It was made with a key that nobody named.
    #[error("it was made with another key than those that were named")]
    Key,
    /// It is not of these bytes.
    #[error("it does not match: what was signed is not what is here")]
    Mismatch,
}

impl SshKey {
    /// Reads a line of a `.pub` file: `ssh-ed25519 AAAA… comment`.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        if words.next()?.as_bytes() != KIND {
            return None;
        }
        Self::of_blob(&strict_base64(words.next()?)?)
    }

    fn of_blob(blob: &[u8]) -> Option<Self> {
        let mut rest = blob;
        if field(&mut rest)? != KIND {
            return None;
        }
        let key = field(&mut rest)?.try_into().ok()?;
        rest.is_empty().then_some(Self(key))
    }
}

/// Takes a field: its length in four bytes, then its bytes.
fn field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (value, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(value)
}

/// Proves that the owner of one of the keys signed these bytes for this purpose.
///
/// # Errors
/// Where it does not prove that.
pub fn verify_ssh_signature(
    signature: &str,
    message: &[u8],
    namespace: &str,
    keys: &[SshKey],
) -> Result<(), SshSignatureError> {
    use SshSignatureError as E;
    let text = signature.trim();
    let inner = text.strip_prefix(BEGIN).and_then(|t| t.strip_suffix(END));
    let inner = inner.filter(|t| t.len() <= MOST).ok_or(E::Malformed)?;
    let blob = strict_base64(inner).ok_or(E::Malformed)?;
    let mut rest = blob.strip_prefix(MAGIC).ok_or(E::Malformed)?;
    let (version, after) = rest.split_first_chunk::<4>().ok_or(E::Malformed)?;
    if *version != [0, 0, 0, 1] {
        return Err(E::Malformed);
    }
    rest = after;
    let mut next = || field(&mut rest).ok_or(E::Malformed);
    let (key, purpose, reserved, hash, signed) = (next()?, next()?, next()?, next()?, next()?);
    if !rest.is_empty() {
        return Err(E::Malformed);
    }
    let key = SshKey::of_blob(key).ok_or(E::Kind)?;
    if purpose != namespace.as_bytes() {
        return Err(E::Namespace);
    }
    if !keys.contains(&key) {
        return Err(E::Key);
    }
    let digest = match hash {
        b"sha512" => Sha512::digest(message).to_vec(),
        b"sha256" => Sha256::digest(message).to_vec(),
        _ => return Err(E::Malformed),
    };
    let mut rest = signed;
    let kind = field(&mut rest).ok_or(E::Malformed)?;
    let value = field(&mut rest).ok_or(E::Malformed)?;
    if kind != KIND || !rest.is_empty() {
        return Err(E::Kind);
    }
    let mut told = MAGIC.to_vec();
    for part in [purpose, reserved, hash, &digest] {
        let length = u32::try_from(part.len()).map_err(|_| E::Malformed)?;
        told.extend(length.to_be_bytes());
        told.extend(part);
    }
    UnparsedPublicKey::new(&ED25519, key.0)
        .verify(&told, value)
        .map_err(|_| E::Mismatch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{fs, path::Path, process::Command};

    /// Signs with the real tool; nothing, aloud, where it is not here.
    #[expect(clippy::disallowed_methods, reason = "tests run the real tool")]
    fn signed(folder: &Path, kind: &str, namespace: &str, message: &[u8]) -> Option<(String, String)> {
        let file = folder.join("scope.toml");
        fs::write(&file, message).unwrap();
        let key = folder.join(kind);
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", kind, "-N", "", "-C", "test", "-f"])
            .arg(&key)
            .status();
        if !made.is_ok_and(|s| s.success()) {
            eprintln!("skipped: no ssh-keygen that makes {kind} here");
            return None;
        }
        let done = Command::new("ssh-keygen")
            .args(["-q", "-Y", "sign", "-n", namespace, "-f"])
            .args([&key, &file])
            .output()
            .unwrap();
        assert!(done.status.success());
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        Some((
            read(&key.with_extension("pub")),
            read(&file.with_extension("toml.sig")),
        ))
    }

    #[test]
    fn what_the_real_tool_signed_is_verified_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let Some((public, signature)) = signed(folder.path(), "ed25519", "wellhead-scope", b"owner = 1")
        else {
            return;
        };
        let key = [SshKey::parse(&public).unwrap()];
        let verify = |signature: &str, message: &[u8], namespace: &str, keys: &[SshKey]| {
            verify_ssh_signature(signature, message, namespace, keys)
        };
        use SshSignatureError as E;
        assert_eq!(verify(&signature, b"owner = 1", "wellhead-scope", &key), Ok(()));
        assert_eq!(
            verify(&signature, b"owner = 2", "wellhead-scope", &key),
            Err(E::Mismatch)
        );
        assert_eq!(verify(&signature, b"owner = 1", "file", &key), Err(E::Namespace));
        assert_eq!(
            verify(&signature, b"owner = 1", "wellhead-scope", &[]),
            Err(E::Key)
        );
        assert_eq!(
            verify(&signature, b"owner = 1", "wellhead-scope", &[SshKey([7; 32])]),
            Err(E::Key)
        );
        assert_eq!(verify("", b"", "", &key), Err(E::Malformed));
        // No byte of it can be another one.
        let body: Vec<char> = signature.chars().collect();
        for i in (0..body.len())
            .step_by(7)
            .filter(|i| body[*i].is_ascii_alphanumeric())
        {
            let mut other = body.clone();
            other[i] = if other[i] == 'A' { 'B' } else { 'A' };
            let other: String = other.into_iter().collect();
            assert!(
                verify(&other, b"owner = 1", "wellhead-scope", &key).is_err(),
                "{i}"
            );
        }
    }

    #[test]
    fn other_kinds_of_keys_are_said_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let Some((public, signature)) = signed(folder.path(), "ecdsa", "wellhead-scope", b"x") else {
            return;
        };
        assert_eq!(SshKey::parse(&public), None);
        let found = verify_ssh_signature(&signature, b"x", "wellhead-scope", &[]);
        assert_eq!(found, Err(SshSignatureError::Kind));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(text in "[A-Za-z0-9+/=\n]{0,200}", line in "\\PC{0,80}") {
            let armoured = format!("{BEGIN}\n{text}\n{END}");
            let _ = verify_ssh_signature(&armoured, b"", "", &[]);
            let _ = SshKey::parse(&line);
            let _ = SshKey::parse(&format!("ssh-ed25519 {text}"));
        }
    }
}
