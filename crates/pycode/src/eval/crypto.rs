//! Ciphers with constant keys, digests, and other objects of the library that hold nothing but known bytes.
//!
//! A key beside what it opens hides nothing from one who looks, but everything from a search for words. The one
//! decision: an object holds what it was made of and never changes; a stream that is read in several calls is known
//! for its first call only where those pieces joined are the whole.

use super::datum::{CAP, Datum, Items, Known, pay};
use super::decode::{ascii_or_bytes, base64, to_hex};
use aes::cipher::{BlockCipherDecrypt as _, BlockCipherEncrypt as _, KeyInit as _};
use hmac::{Hmac, Mac as _};
use sha2::Digest as _;
use std::sync::Arc;
use wellhead_core::Budget;
use wellhead_formats::unpack::{Packing, unpack};

/// An object of the library.
#[derive(Clone, Debug, PartialEq)]
pub enum Tool {
    /// `cryptography.fernet.Fernet(key)`: the key of its signature and that of its cipher.
    Fernet([u8; 16], [u8; 16]),
    /// A cipher with key, mode and start: `AES.new(key, AES.MODE_CBC, iv)`.
    Cipher(Cipher, Arc<[u8]>, Mode, Arc<[u8]>),
    /// `algorithms.AES(key)`, which becomes a cipher with a mode.
    Algorithm(Cipher, Arc<[u8]>),
    /// `modes.CBC(iv)`.
    Mode(Mode, Arc<[u8]>),
    /// `padding.PKCS7(bits).unpadder()`, with the size of a block.
    Unpadder(u8),
    /// `hashlib.sha256(data)`.
    Digest(Hash, Arc<[u8]>),
    /// `zlib.decompressobj()` and its like.
    Unpacker(Packing),
    /// `io.BytesIO(data)`, and `gzip.GzipFile(fileobj=…)` over one.
    File(Arc<[u8]>),
    /// `codecs.getencoder(codec)` or `codecs.getdecoder(codec)`: `encode` or `decode`, and the codec.
    Coder(&'static str, Arc<str>),
    /// `itertools.cycle(values)`.
    Cycle(Items),
}

/// A cipher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cipher {
    /// AES with a key of 16, 24 or 32 bytes.
    Aes,
    /// RC4.
    Rc4,
    /// Exclusive or with a key that repeats.
    Xor,
}

/// How blocks are chained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Each block by itself.
    Ecb,
    /// With the block before.
    Cbc,
    /// With a counter that starts at the given block.
    Ctr,
    /// With the encrypted state, block after block.
    Ofb,
    /// With the last ciphertext, byte after byte.
    Cfb8,
    /// With the last ciphertext, block after block.
    Cfb128,
}

/// A digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// MD5.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// The digest of that name in `hashlib`.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "md5" => Self::Md5,
            "sha1" | "sha-1" => Self::Sha1,
            "sha224" | "sha-224" => Self::Sha224,
            "sha256" | "sha-256" => Self::Sha256,
            "sha384" | "sha-384" => Self::Sha384,
            "sha512" | "sha-512" => Self::Sha512,
            _ => return None,
        })
    }

    fn of(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Md5 => md5::Md5::digest(data).to_vec(),
            Self::Sha1 => sha1::Sha1::digest(data).to_vec(),
            Self::Sha224 => sha2::Sha224::digest(data).to_vec(),
            Self::Sha256 => sha2::Sha256::digest(data).to_vec(),
            Self::Sha384 => sha2::Sha384::digest(data).to_vec(),
            Self::Sha512 => sha2::Sha512::digest(data).to_vec(),
        }
    }
}

impl Tool {
    /// What it gives over and over.
    pub(super) fn cycle(&self) -> Option<&Items> {
        match self {
            Self::Cycle(items) => Some(items),
            _ => None,
        }
    }

    /// How many bytes it holds.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Digest(_, data) | Self::File(data) | Self::Algorithm(_, data) | Self::Mode(_, data) => {
                data.len()
            }
            Self::Cipher(_, key, _, start) => key.len().saturating_add(start.len()),
            Self::Fernet(..) | Self::Unpadder(_) | Self::Unpacker(_) | Self::Coder(..) | Self::Cycle(_) => 0,
        }
    }
}

/// AES with a key.
enum Aes {
    Short(Box<aes::Aes128>),
    Middle(Box<aes::Aes192>),
    Long(Box<aes::Aes256>),
}

impl Aes {
    fn new(key: &[u8]) -> Option<Self> {
        Some(match key.len() {
            16 => Self::Short(Box::new(aes::Aes128::new_from_slice(key).ok()?)),
            24 => Self::Middle(Box::new(aes::Aes192::new_from_slice(key).ok()?)),
            32 => Self::Long(Box::new(aes::Aes256::new_from_slice(key).ok()?)),
            _ => return None,
        })
    }

    fn decrypt(&self, block: [u8; 16]) -> [u8; 16] {
        let mut block = aes::Block::from(block);
        match self {
            Self::Short(aes) => aes.decrypt_block(&mut block),
            Self::Middle(aes) => aes.decrypt_block(&mut block),
            Self::Long(aes) => aes.decrypt_block(&mut block),
        }
        block.into()
    }

    fn encrypt(&self, block: [u8; 16]) -> [u8; 16] {
        let mut block = aes::Block::from(block);
        match self {
            Self::Short(aes) => aes.encrypt_block(&mut block),
            Self::Middle(aes) => aes.encrypt_block(&mut block),
            Self::Long(aes) => aes.encrypt_block(&mut block),
        }
        block.into()
    }
}

/// What one cipher makes of `data`.
fn decrypt(cipher: Cipher, key: &[u8], mode: Mode, start: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    match cipher {
        Cipher::Xor => {
            let key = key.iter().cycle();
            return Some(data.iter().zip(key).map(|(a, b)| a ^ b).collect());
        }
        Cipher::Rc4 => return rc4(key, data),
        Cipher::Aes => {}
    }
    let aes = Aes::new(key)?;
    let mut state: [u8; 16] = match mode {
        Mode::Ecb => [0; 16],
        _ => start.try_into().ok()?,
    };
    let (blocks, rest) = data.as_chunks::<16>();
    let mut out = Vec::with_capacity(data.len());
    let mix = |out: &mut Vec<u8>, data: &[u8], with: [u8; 16]| {
        out.extend(data.iter().zip(with).map(|(a, b)| a ^ b));
    };
    match mode {
        Mode::Ecb | Mode::Cbc => {
            if !rest.is_empty() {
                return None;
            }
            for block in blocks {
                mix(&mut out, &aes.decrypt(*block), state);
                if mode == Mode::Cbc {
                    state = *block;
                }
            }
        }
        Mode::Ctr | Mode::Ofb => {
            for piece in data.chunks(16) {
                let stream = aes.encrypt(state);
                mix(&mut out, piece, stream);
                state = match mode {
                    Mode::Ctr => u128::from_be_bytes(state).wrapping_add(1).to_be_bytes(),
                    _ => stream,
                };
            }
        }
        Mode::Cfb128 => {
            for piece in data.chunks(16) {
                mix(&mut out, piece, aes.encrypt(state));
                if let Ok(block) = piece.try_into() {
                    state = block;
                }
            }
        }
        Mode::Cfb8 => {
            for byte in data {
                let [first, ..] = aes.encrypt(state);
                out.push(byte ^ first);
                state.rotate_left(1);
                if let Some(last) = state.last_mut() {
                    *last = *byte;
                }
            }
        }
    }
    Some(out)
}

fn rc4(key: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    if key.is_empty() {
        return None;
    }
    let mut state: [u8; 256] = std::array::from_fn(|at| u8::try_from(at).unwrap_or(0));
    let mut j = 0_u8;
    for (i, k) in (0..=255_u8).zip(key.iter().cycle()) {
        j = j.wrapping_add(*state.get(usize::from(i))?).wrapping_add(*k);
        state.swap(usize::from(i), usize::from(j));
    }
    let (mut i, mut j) = (0_u8, 0_u8);
    let mut out = Vec::with_capacity(data.len());
    for byte in data {
        i = i.wrapping_add(1);
        j = j.wrapping_add(*state.get(usize::from(i))?);
        state.swap(usize::from(i), usize::from(j));
        let at = state
            .get(usize::from(i))?
            .wrapping_add(*state.get(usize::from(j))?);
        out.push(byte ^ *state.get(usize::from(at))?);
    }
    Some(out)
}

/// Without the padding of PKCS 7, where that is right.
pub(super) fn unpad(data: &[u8], block: u8) -> Option<&[u8]> {
    let n = *data.last()?;
    let size = usize::from(block);
    if n == 0 || n > block || data.len().checked_rem(size) != Some(0) {
        return None;
    }
    let (kept, padding) = data.split_at_checked(data.len().checked_sub(usize::from(n))?)?;
    padding.iter().all(|b| *b == n).then_some(kept)
}

/// `Fernet(key)`.
pub(super) fn fernet(key: &Datum) -> Option<Tool> {
    let key = base64(ascii_or_bytes(key)?, Some([b'-', b'_']))?;
    let (sign, cipher) = key.split_at_checked(16)?;
    Some(Tool::Fernet(sign.try_into().ok()?, cipher.try_into().ok()?))
}

/// A token of Fernet: version, time, start, ciphertext, signature.
fn open_token(sign: [u8; 16], cipher: [u8; 16], token: &[u8]) -> Option<Vec<u8>> {
    let token = base64(token, Some([b'-', b'_']))?;
    let (signed, signature) = token.split_at_checked(token.len().checked_sub(32)?)?;
    let mut mac = <Hmac<sha2::Sha256> as hmac::KeyInit>::new_from_slice(&sign).ok()?;
    mac.update(signed);
    mac.verify_slice(signature).ok()?;
    let body = signed.strip_prefix(b"\x80")?.get(8..)?;
    let (start, data) = body.split_at_checked(16)?;
    let plain = decrypt(Cipher::Aes, &cipher, Mode::Cbc, start, data)?;
    unpad(&plain, 16).map(<[u8]>::to_vec)
}

/// `AES.new(key, mode, start)` and its like, by PyCryptodome's numbers of modes.
pub(super) fn aes(
    key: &Datum,
    mode: Option<&Datum>,
    start: Option<&Datum>,
    first_count: Option<&Datum>,
) -> Option<Tool> {
    let Datum::Bytes(key) = key else { return None };
    let start = match start {
        Some(Datum::Bytes(start)) => Some(start),
        Some(_) => return None,
        None => None,
    };
    let (mode, start) = match (mode?.as_int()?, start) {
        (1, None) => (Mode::Ecb, Arc::default()),
        (2, Some(start)) => (Mode::Cbc, Arc::clone(start)),
        (3, Some(start)) => (Mode::Cfb8, Arc::clone(start)),
        (5, Some(start)) => (Mode::Ofb, Arc::clone(start)),
        (6, Some(nonce)) => {
            let count = first_count.map_or(Some(0), Datum::as_int)?;
            (Mode::Ctr, counter(nonce, u128::try_from(count).ok()?)?)
        }
        (11, Some(nonce)) => (Mode::Ctr, after_tag(nonce)?),
        _ => return None,
    };
    Some(Tool::Cipher(Cipher::Aes, Arc::clone(key), mode, start))
}

/// A block of a nonce with a counter behind it.
fn counter(nonce: &[u8], count: u128) -> Option<Arc<[u8]>> {
    let rest = 16_usize.checked_sub(nonce.len()).filter(|n| *n > 0)?;
    let count = count.to_be_bytes();
    let (high, low) = count.split_at_checked(nonce.len())?;
    (low.len() == rest && high.iter().all(|b| *b == 0)).then(|| [nonce, low].concat().into())
}

/// The counter of GCM's first block of text; the one before it makes the tag.
pub(super) fn after_tag(nonce: &[u8]) -> Option<Arc<[u8]>> {
    (nonce.len() == 12).then(|| counter(nonce, 2)).flatten()
}

/// What a method of such an object gives.
pub(super) fn method(tool: &Tool, name: &str, arguments: &[Datum], budget: &mut Budget) -> Known {
    let data = arguments.first().and_then(|a| match (tool, a) {
        (Tool::Fernet(..), Datum::Str(text)) => Some(text.as_bytes()),
        (_, Datum::Bytes(bytes)) => Some(bytes.as_ref()),
        _ => None,
    });
    // A block cipher in software takes some twenty steps a byte.
    let length = data.map_or(0, <[u8]>::len);
    pay(length.saturating_mul(16), budget)?;
    let out = match (tool, name, data, arguments.len()) {
        (Tool::Fernet(sign, cipher), "decrypt", Some(data), 1) => open_token(*sign, *cipher, data),
        (Tool::Cipher(cipher, key, mode, start), "decrypt" | "update", Some(data), 1) => {
            decrypt(*cipher, key, *mode, start, data)
        }
        (Tool::Cipher(cipher @ (Cipher::Rc4 | Cipher::Xor), key, mode, start), "encrypt", Some(data), 1) => {
            decrypt(*cipher, key, *mode, start, data)
        }
        (Tool::Cipher(..), "decryptor", None, 0) => return Ok(Some(Datum::Tool(Arc::new(tool.clone())))),
        // What a padding hides is given by the first piece already, so that the pieces joined are right.
        (Tool::Cipher(..) | Tool::Unpadder(_), "finalize", None, 0) => Some(Vec::new()),
        (Tool::Unpadder(block), "unpadder", None, 0) => {
            return Ok(Some(Datum::Tool(Arc::new(Tool::Unpadder(*block)))));
        }
        (Tool::Unpadder(block), "update", Some(data), 1) => unpad(data, *block).map(<[u8]>::to_vec),
        (Tool::Digest(hash, data), "digest", None, 0) => {
            pay(data.len().saturating_mul(4), budget)?;
            Some(hash.of(data))
        }
        (Tool::Digest(hash, data), "hexdigest", None, 0) => {
            pay(data.len().saturating_mul(4), budget)?;
            return Ok(Datum::text(to_hex(&hash.of(data))));
        }
        (Tool::Digest(..), "copy", None, 0) => return Ok(Some(Datum::Tool(Arc::new(tool.clone())))),
        (Tool::Unpacker(packing), "decompress", Some(data), 1) => unpack(data, *packing, CAP, budget)?,
        (Tool::Unpacker(_), "flush", None, 0) => Some(Vec::new()),
        (Tool::File(data), "read" | "getvalue" | "getbuffer", None, 0) => {
            return Ok(Some(Datum::Bytes(Arc::clone(data))));
        }
        _ => None,
    };
    Ok(out.and_then(Datum::bytes))
}
