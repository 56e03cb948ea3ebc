//! The keys of a provider, and signatures made with them.
//!
//! A key decides what it may be used for: a signature is checked by the algorithm that belongs to the kind of its key,
//! and what the token says it is must be the same. So no public key is ever taken for the secret of an HMAC.

use super::strict::Object;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;

/// Keys that are looked at.
const MAX_KEYS: usize = 100;

/// How a token may be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Es256,
    EdDsa,
}

impl Algorithm {
    /// Nothing for any other, `none` and those with a shared secret above all.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            _ => None,
        }
    }
}

#[derive(Debug)]
enum Material {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

#[derive(Debug)]
struct Key {
    id: Option<String>,
    material: Material,
    /// What it is for, where the provider says it.
    only: Option<Algorithm>,
}

/// The keys of a provider.
#[derive(Debug)]
pub(super) struct Keys(Vec<Key>);

#[derive(Deserialize)]
struct Document {
    keys: Vec<Object>,
}

impl Keys {
    /// Reads a set of keys. Those that are for something else, or of a kind that is not known here, are left out.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        let document: Document =
            serde_json::from_slice(bytes).map_err(|_| "the keys of the provider cannot be read")?;
        if document.keys.len() > MAX_KEYS {
            return Err("the provider has too many keys");
        }
        Ok(Self(document.keys.iter().filter_map(key).collect()))
    }

    /// Whether a signature is good. Nothing where there is no such key, or more than one.
    pub(super) fn verify(
        &self,
        algorithm: Algorithm,
        id: Option<&str>,
        message: &[u8],
        signature: &[u8],
    ) -> Option<bool> {
        let fits = |key: &&Key| {
            key.material.algorithm() == algorithm
                && key.only.is_none_or(|only| only == algorithm)
                && id.is_none_or(|id| key.id.as_deref() == Some(id))
        };
        let mut fitting = self.0.iter().filter(fits);
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Some(key.material.verify(message, signature)),
            _ => None,
        }
    }
}

impl Material {
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa { .. } => Algorithm::Rs256,
            Self::P256(_) => Algorithm::Es256,
            Self::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rsa { modulus, exponent } => RsaPublicKeyComponents {
                n: modulus,
                e: exponent,
            }
            .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            .is_ok(),
            Self::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(message, signature)
                .is_ok(),
            Self::Ed25519(point) => UnparsedPublicKey::new(&ED25519, point)
                .verify(message, signature)
                .is_ok(),
        }
    }
}

fn key(object: &Object) -> Option<Key> {
    if object.text("use").is_some_and(|u| u != "sig") {
        return None;
    }
    if object.get("key_ops").is_some() && !object.texts("key_ops").contains(&"verify") {
        return None;
    }
    let part = |name: &str| URL_SAFE_NO_PAD.decode(object.text(name)?).ok();
    let material = match (object.text("kty")?, object.text("crv")) {
        ("RSA", _) => Material::Rsa {
            modulus: whole(part("n")?),
            exponent: whole(part("e")?),
        },
        ("EC", Some("P-256")) => {
            let (x, y) = (part("x")?, part("y")?);
            if x.len() != 32 || y.len() != 32 {
                return None;
            }
            Material::P256([&[4_u8][..], &x, &y].concat())
        }
        ("OKP", Some("Ed25519")) => Material::Ed25519(part("x").filter(|x| x.len() == 32)?),
        _ => return None,
    };
    let only = match object.text("alg") {
        None => None,
        // A key for an algorithm that is not allowed here is none.
        Some(name) => Some(Algorithm::named(name)?),
    };
    Some(Key {
        id: object.text("kid").map(str::to_owned),
        material,
        only,
    })
}

/// A number without the zeroes before it, which some write and ring refuses.
fn whole(bytes: Vec<u8>) -> Vec<u8> {
    bytes.into_iter().skip_while(|b| *b == 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::{
        rand::SystemRandom,
        signature::{Ed25519KeyPair, KeyPair as _},
    };

    #[test]
    fn a_key_is_used_for_what_it_is_for_and_only_where_it_is_the_one_that_is_meant() {
        let pair = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(pair.as_ref()).unwrap();
        let x = URL_SAFE_NO_PAD.encode(pair.public_key());
        let (message, signature) = (b"signed", pair.sign(b"signed"));
        let known = format!(r#""kty":"OKP","crv":"Ed25519","x":"{x}""#);
        let other = format!(
            r#"{{"kty":"OKP","crv":"Ed25519","kid":"b","x":"{}"}}"#,
            URL_SAFE_NO_PAD.encode([7; 32])
        );
        for (keys, id, found) in [
            (format!("{{{known}}}"), None, Some(true)),
            (format!("{{{known}}}"), Some("a"), None),
            (format!(r#"{{{known},"kid":"a"}}"#), Some("a"), Some(true)),
            (format!(r#"{{{known},"kid":"a"}}"#), None, Some(true)),
            (format!(r#"{{{known},"kid":"a"}}"#), Some("b"), None),
            // Of several one has to be named, and one alone has the name.
            (format!(r#"{{{known},"kid":"a"}},{other}"#), Some("a"), Some(true)),
            (
                format!(r#"{{{known},"kid":"a"}},{other}"#),
                Some("b"),
                Some(false),
            ),
            (format!(r#"{{{known},"kid":"a"}},{other}"#), None, None),
            (format!(r#"{{{known},"kid":"b"}},{other}"#), Some("b"), None),
            (
                format!(r#"{{{known},"use":"sig","alg":"EdDSA"}}"#),
                None,
                Some(true),
            ),
            (format!(r#"{{{known},"use":"enc"}}"#), None, None),
            (format!(r#"{{{known},"alg":"ES256"}}"#), None, None),
            (format!(r#"{{{known},"alg":"none"}}"#), None, None),
            (format!(r#"{{{known},"key_ops":["verify"]}}"#), None, Some(true)),
            (format!(r#"{{{known},"key_ops":["sign"]}}"#), None, None),
            (known.replace("OKP", "oct"), None, None),
        ] {
            let keys = if keys.starts_with('{') {
                keys
            } else {
                format!("{{{keys}}}")
            };
            let read = Keys::read(format!(r#"{{"keys":[{keys}]}}"#).as_bytes()).unwrap();
            let verified = read.verify(Algorithm::EdDsa, id, message, signature.as_ref());
            assert_eq!(verified, found, "{keys} {id:?}");
        }
        for broken in [
            "",
            "[]",
            r#"{"keys":{}}"#,
            r#"{"keys":["a"]}"#,
            r#"{"keys":[],"keys":[]}"#,
            r#"{"keys":[{"kid":"a","kid":"b"}]}"#,
        ] {
            assert!(Keys::read(broken.as_bytes()).is_err(), "{broken}");
        }
    }
}
