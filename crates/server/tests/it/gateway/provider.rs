//! An identity provider on loopback: real keys, codes that are good once, and whatever else a test has it say.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
        RsaKeyPair, RsaPublicKeyComponents,
    },
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    process::Command,
    sync::{Arc, Mutex},
};
use tokio_rustls::rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};

pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What a code is good for.
struct Grant {
    token: String,
    challenge: String,
    redirect: String,
}

/// What the provider does.
#[derive(Default)]
struct Play {
    codes: HashMap<String, Grant>,
    /// Whole answers instead of its own, by path.
    instead: HashMap<&'static str, Vec<u8>>,
    /// First lines of requests, and their bodies.
    asked: Vec<String>,
    keys: Vec<Value>,
    gone: bool,
}

pub(crate) struct Provider {
    pub(crate) issuer: String,
    pub(crate) elliptic: EcdsaKeyPair,
    pub(crate) edwards: Ed25519KeyPair,
    play: Arc<Mutex<Play>>,
}

/// A secret with all that has to be encoded in a form.
pub(crate) const SECRET: &str = "s3:cr t/+%é";

impl Provider {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let elliptic =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
        let edwards =
            Ed25519KeyPair::from_pkcs8(Ed25519KeyPair::generate_pkcs8(&random).unwrap().as_ref()).unwrap();
        let point = elliptic.public_key().as_ref();
        let keys = vec![
            json!({"kty": "EC", "crv": "P-256", "kid": "ec", "use": "sig", "alg": "ES256",
                   "x": base64(&point[1..33]), "y": base64(&point[33..])}),
            json!({"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": base64(edwards.public_key())}),
            json!({"kty": "RSA", "kid": "enc", "use": "enc", "n": "AQAB", "e": "AQAB"}),
            json!({"kty": "new kind"}),
        ];
        let play = Arc::new(Mutex::new(Play {
            keys,
            ..Play::default()
        }));
        let played = Arc::clone(&play);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let played = Arc::clone(&played);
                std::thread::spawn(move || serve(stream, address, &played));
            }
        });
        Self {
            issuer: format!("http://{address}"),
            elliptic,
            edwards,
            play,
        }
    }

    /// A key of RSA that is among its own; nothing where nobody makes one.
    pub(crate) fn rsa(&self, id: &str) -> Option<RsaKeyPair> {
        let arguments = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
        let Ok(made) = Command::new("openssl").args(arguments).output() else {
            eprintln!("skipped: openssl makes no key");
            return None;
        };
        let key = PrivatePkcs8KeyDer::from_pem_slice(&made.stdout).unwrap();
        let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap();
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(key.public());
        // A zero before the number, as some providers write it.
        let modulus = [&[0][..], &public.n].concat();
        let exponent = base64(public.e);
        let shown = json!({"kty": "RSA", "kid": id, "n": base64(modulus), "e": exponent});
        self.play.lock().unwrap().keys.push(shown);
        Some(key)
    }

    /// Answers this on a path from now on.
    pub(crate) fn instead(&self, path: &'static str, answer: impl Into<Vec<u8>>) {
        self.play.lock().unwrap().instead.insert(path, answer.into());
    }

    /// Has another id for its first key from now on.
    pub(crate) fn renames_key(&self, id: &str) {
        self.play.lock().unwrap().keys[0]["kid"] = id.into();
    }

    /// Hangs up on everybody from now on.
    pub(crate) fn goes(&self) {
        self.play.lock().unwrap().gone = true;
    }

    /// What it has been asked.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.play.lock().unwrap().asked.clone()
    }

    /// Gives out a code for a token.
    pub(crate) fn grants(&self, code: &str, token: String, query: &HashMap<String, String>) {
        let grant = Grant {
            token,
            challenge: query["code_challenge"].clone(),
            redirect: query["redirect_uri"].clone(),
        };
        self.play.lock().unwrap().codes.insert(code.to_owned(), grant);
    }

    /// The claims of a token that is good.
    pub(crate) fn claims(&self, nonce: &str) -> Value {
        json!({"iss": self.issuer, "aud": "gateway", "sub": "248289761001", "nonce": nonce, "iat": now(),
               "exp": now() + 300, "email": "ann@ml.example", "email_verified": true, "groups": ["ml"]})
    }

    pub(crate) fn by_elliptic(&self, claims: &Value) -> String {
        token(&json!({"alg": "ES256", "kid": "ec", "typ": "JWT"}), claims, |m| {
            self.elliptic
                .sign(&SystemRandom::new(), m)
                .unwrap()
                .as_ref()
                .to_vec()
        })
    }
}

pub(crate) fn by_rsa(key: &RsaKeyPair, id: &str, claims: &Value) -> String {
    token(&json!({"alg": "RS256", "kid": id}), claims, |message| {
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .unwrap();
        signature
    })
}

pub(crate) fn token(head: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let signed = format!("{}.{}", base64(head.to_string()), base64(claims.to_string()));
    let signature = base64(sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

pub(crate) fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_secs()
}

fn serve(stream: TcpStream, address: SocketAddr, play: &Mutex<Play>) -> Option<()> {
    let mut out = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let value = |name: &str| {
        head.lines()
            .find_map(|l| l.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case(name)))
            .map(|(_, v)| v.to_owned())
    };
    let mut body = vec![0; value("content-length").and_then(|l| l.parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).ok()?;
    let line = head.lines().next()?;
    let path = line.split(' ').nth(1)?;
    let mut play = play.lock().unwrap();
    if play.gone {
        return None;
    }
    play.asked.push(format!("{line} {body}").trim().to_owned());
    if let Some(instead) = play.instead.get(path).cloned() {
        drop(play);
        // Whoever asks may have had enough of it.
        let _ = out.write_all(&instead);
        return None;
    }
    let (status, text) = match path {
        "/.well-known/openid-configuration" => ("200 OK", about(&address.to_string()).to_string()),
        "/keys" => ("200 OK", json!({ "keys": play.keys }).to_string()),
        "/token" => match exchanged(&mut play, &value("authorization").unwrap_or_default(), &body) {
            Some(token) => (
                "200 OK",
                json!({"access_token": "a", "token_type": "Bearer", "id_token": token}).to_string(),
            ),
            None => ("400 Bad Request", r#"{"error":"invalid_grant"}"#.to_owned()),
        },
        _ => ("404 Not Found", String::new()),
    };
    write!(
        out,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    )
    .ok()
}

/// What a provider at an address says of itself.
pub(crate) fn about(address: &str) -> Value {
    let own = format!("http://{address}");
    json!({"issuer": own, "authorization_endpoint": format!("{own}/authorize?tenant=1"),
           "token_endpoint": format!("{own}/token"), "jwks_uri": format!("{own}/keys"),
           "response_types_supported": ["code"]})
}

/// The token of a code, once, for who proves to be the client that began.
fn exchanged(play: &mut Play, authorization: &str, body: &str) -> Option<String> {
    let fields = fields(body);
    let grant = play.codes.remove(fields.get("code")?)?;
    let basic = format!("gateway:{}", "s3%3Acr%20t%2F%2B%25%C3%A9");
    let proved = format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(basic)
    );
    let verified = base64(Sha256::digest(fields.get("code_verifier")?)) == grant.challenge;
    let fine = authorization == proved
        && verified
        && fields.get("redirect_uri")? == &grant.redirect
        && fields.get("grant_type")? == "authorization_code";
    fine.then_some(grant.token)
}

/// The fields of a form or query.
pub(crate) fn fields(text: &str) -> HashMap<String, String> {
    let decoded = |part: &str| {
        let mut out = Vec::new();
        let mut bytes = part.bytes();
        while let Some(b) = bytes.next() {
            match b {
                b'%' => {
                    let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                    let digits = std::str::from_utf8(&digits).unwrap().to_owned();
                    out.push(u8::from_str_radix(&digits, 16).unwrap());
                }
                b'+' => out.push(b' '),
                other => out.push(other),
            }
        }
        String::from_utf8(out).unwrap()
    };
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}
