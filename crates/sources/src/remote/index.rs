//! What a package index offers of a project, and the files themselves.
//!
//! Pages are those of PEP 503 or the JSON of PEP 691. The one decision: a file of an index is had whole, in memory and in
//! one request, since all of it is hashed anyway; what is larger is read where it is needed, as remote models are. A page
//! that is moved to another server is not believed, and a password is for the server of its index alone.

use super::{
    Access, Remote, decoded, entry,
    http::{Ask, Fault, Network, joined, origin, without_query},
};
use crate::{Content, Entry, Secret, TargetError};
use serde_json::Value;
use std::sync::Arc;
use wellhead_core::{Blob, Digest, DigestAlgorithm, code};

/// Most bytes of a page; those with the most files have some ten megabytes.
const PAGE: u64 = 24 << 20;
/// Most bytes of a file that is had whole.
const WHOLE: u64 = 64 << 20;
/// Most files of a page.
const FILES: usize = 200_000;
/// What is asked for: JSON if there is such, else the page for people.
const ACCEPT: &str =
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";

/// A file that an index offers.
#[derive(Clone, Debug)]
pub struct Offered {
    /// Its name; hostile text.
    pub file: String,
    /// Whether it was taken back.
    pub yanked: bool,
    /// The index that offers it, safe to show.
    pub index: String,
    source: IndexFile,
}

/// Where a file of an index is, and what the index says of it.
#[derive(Clone, Debug)]
pub struct IndexFile {
    network: Arc<Network>,
    url: String,
    /// What proves to the server of the index who asks.
    proof: Option<Secret>,
    digest: Option<String>,
    size: Option<u64>,
}

/// Asks indexes what they offer of a project: those that know it, in their order.
///
/// # Errors
/// Where none of them knows it, or one cannot be asked: what it offers would be missing.
pub fn offered(
    network: &Arc<Network>,
    indexes: &[Secret],
    project: &str,
) -> Result<Vec<Offered>, TargetError> {
    let mut out = Vec::new();
    let mut unknown = Vec::new();
    for index in indexes {
        match page(network, index, project).map_err(failed)? {
            Some(files) => out.extend(files),
            None => unknown.push(shown(&index.0)),
        }
    }
    if out.is_empty() {
        return Err(TargetError {
            message: format!("{} offers no files of {}", unknown.join(", "), code(project)),
            hint: "check the name, and the index that pip is configured to ask".to_owned(),
        });
    }
    Ok(out)
}

impl Offered {
    /// The file as an entry of a target. Nothing is asked yet.
    pub fn entry(&self) -> Entry {
        entry(&self.file, Content::Offered(self.source.clone()))
    }
}

impl IndexFile {
    /// Asks for the file.
    pub(crate) fn open(&self) -> Result<Blob, String> {
        let claimed: Vec<Digest> = self.digest.iter().map(|hex| sha256(hex)).collect();
        if let Some(len) = self.size.filter(|len| *len > WHOLE) {
            let remote = Remote {
                network: Arc::clone(&self.network),
                url: self.url.clone(),
                access: Access::Open,
                len,
                claimed: claimed.into_iter().next(),
                etag: None,
            };
            return Ok(remote.open());
        }
        let most = self.size.unwrap_or(WHOLE).saturating_add(1);
        let answer = self
            .network
            .get(&|| Ask {
                url: self.url.clone(),
                private: self
                    .proof
                    .iter()
                    .map(|p| ("authorization", p.0.clone()))
                    .collect(),
                most,
                ..Ask::default()
            })
            .map_err(|fault| fault.words)?;
        let named = code(&without_query(&self.url));
        if answer.status != 200 {
            return Err(answer.refusal(&named).words);
        }
        let moved = origin(&answer.url).map_err(|f| f.words)? != origin(&self.url).map_err(|f| f.words)?;
        if moved && self.digest.is_none() {
            return Err(format!(
                "{named} is sent by another server, and the index states no digest to compare it with"
            ));
        }
        let len = answer.bytes.len() as u64;
        match self.size {
            Some(size) if len != size => Err(format!("{named} is not {size} bytes long, as the index says")),
            None if len > WHOLE => Err(format!("{named} is larger than {WHOLE} bytes")),
            _ => Ok(Blob::from_bytes(answer.bytes).with_claimed(claimed)),
        }
    }
}

fn sha256(hex: &str) -> Digest {
    Digest {
        algorithm: DigestAlgorithm::Sha256,
        hex: hex.to_ascii_lowercase(),
    }
}

fn failed(fault: Fault) -> TargetError {
    TargetError {
        hint: fault
            .hint
            .unwrap_or_else(|| "check the configuration of pip, the connection and the proxy".to_owned()),
        message: fault.words,
    }
}

/// An index without what may be a secret in it.
fn shown(index: &str) -> String {
    code(&without_query(index))
}

/// The page of a project; `None` where the index does not know it.
fn page(network: &Arc<Network>, index: &Secret, project: &str) -> Result<Option<Vec<Offered>>, Fault> {
    let (index, proof) = apart(&index.0);
    let url = format!("{}/{project}/", index.trim_end_matches('/'));
    let answer = network.get(&|| {
        let mut private = vec![("accept", ACCEPT.to_owned())];
        private.extend(proof.iter().map(|p| ("authorization", p.0.clone())));
        Ask {
            url: url.clone(),
            private,
            most: PAGE.saturating_add(1),
            ..Ask::default()
        }
    })?;
    let named = shown(&url);
    match answer.status {
        200 => {}
        404 | 410 => return Ok(None),
        _ => return Err(answer.refusal(&named)),
    }
    if origin(&answer.url)? != origin(&url)? {
        return Err(Fault::new(format!(
            "{named} is moved to another server: {}",
            shown(&answer.url)
        ))
        .hint("name that index outright, if it is the one that you mean"));
    }
    if answer.bytes.len() as u64 > PAGE {
        return Err(Fault::new(format!("{named} is larger than {PAGE} bytes")));
    }
    let text = String::from_utf8_lossy(&answer.bytes);
    let rows = if text.trim_start().starts_with('{') {
        of_json(&text).ok_or_else(|| Fault::new(format!("{named} is not the answer of an index")))?
    } else {
        of_page(&text)
    };
    let files = rows.into_iter().take(FILES).filter_map(|row| {
        let url = flat(&joined(&answer.url, &row.url));
        let own = origin(&url).ok()? == origin(&answer.url).ok()?;
        Some(Offered {
            file: row.file,
            yanked: row.yanked,
            index: without_query(&index),
            source: IndexFile {
                network: Arc::clone(network),
                url,
                proof: proof.clone().filter(|_| own),
                digest: row.digest,
                size: row.size,
            },
        })
    });
    Ok(Some(files.collect()))
}

/// An address whose path has no `..` in it.
fn flat(url: &str) -> String {
    let (plain, query) = url.split_at(url.find('?').unwrap_or(url.len()));
    let Some((scheme, rest)) = plain.split_once("://") else {
        return url.to_owned();
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("{scheme}://{host}/{}{query}", parts.join("/"))
}

/// An address without its user and password, and these as a header has them.
fn apart(index: &str) -> (String, Option<Secret>) {
    let Some((scheme, rest)) = index.split_once("://") else {
        return (index.to_owned(), None);
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let Some((user, host)) = authority.rsplit_once('@') else {
        return (index.to_owned(), None);
    };
    let plain = match user.split_once(':') {
        Some((user, password)) => format!("{}:{}", decoded(user), decoded(password)),
        None => format!("{}:", decoded(user)),
    };
    let proof = format!("Basic {}", base64(plain.as_bytes()));
    (format!("{scheme}://{host}{path}"), Some(Secret(proof)))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for (at, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let digit = usize::try_from(word >> shift & 63).unwrap_or(0);
            let sign = DIGITS.get(digit).copied().unwrap_or(b'=');
            out.push(if at > chunk.len() { '=' } else { char::from(sign) });
        }
    }
    out
}

/// A file as a page has it.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    file: String,
    url: String,
    digest: Option<String>,
    size: Option<u64>,
    yanked: bool,
}

/// A digest, where it is one.
fn checked(hex: &str) -> Option<String> {
    let good = hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit());
    good.then(|| hex.to_owned())
}

fn of_json(text: &str) -> Option<Vec<Row>> {
    let root: Value = serde_json::from_str(text).ok()?;
    let files = root.get("files")?.as_array()?;
    let rows = files.iter().take(FILES).filter_map(|file| {
        let field = |key: &str| file.get(key).and_then(Value::as_str);
        let yanked = match file.get("yanked") {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(_) => true,
        };
        Some(Row {
            file: field("filename")?.to_owned(),
            url: field("url")?.to_owned(),
            digest: file
                .get("hashes")
                .and_then(|h| h.get("sha256")?.as_str())
                .and_then(checked),
            size: file.get("size").and_then(Value::as_u64),
            yanked,
        })
    });
    Some(rows.collect())
}

fn of_page(text: &str) -> Vec<Row> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("<a") {
        rest = rest.get(at.saturating_add(2)..).unwrap_or_default();
        if !rest.starts_with(|c: char| c.is_ascii_whitespace()) {
            continue;
        }
        let (attributes, after) = attributes(rest);
        rest = after;
        let value = |name: &str| {
            attributes
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, v)| v.as_str())
        };
        let Some(address) = value("href") else { continue };
        let (url, fragment) = address.split_once('#').unwrap_or((address, ""));
        let path = url.split('?').next().unwrap_or_default();
        let file = decoded(path.rsplit('/').next().unwrap_or_default());
        if out.len() >= FILES {
            break;
        }
        out.push(Row {
            file,
            url: url.to_owned(),
            digest: fragment
                .split('&')
                .find_map(|part| part.strip_prefix("sha256="))
                .and_then(checked),
            size: None,
            yanked: value("data-yanked").is_some(),
        });
    }
    out
}

/// The attributes of a tag, and what comes behind it.
fn attributes(text: &str) -> (Vec<(String, String)>, &str) {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() && !rest.starts_with('>') {
        let end = rest.find(['=', '>', ' ', '\t', '\n', '\r']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let after = after.trim_start();
        let Some(value) = after.strip_prefix('=').map(str::trim_start) else {
            out.push((name.to_ascii_lowercase(), String::new()));
            // A sign that is none of an attribute must not stop the reading.
            rest = if end == 0 {
                after.get(1..).unwrap_or_default()
            } else {
                after
            };
            continue;
        };
        let (content, behind) = match value.chars().next().filter(|c| matches!(c, '"' | '\'')) {
            Some(quote) => {
                let inner = value.get(1..).unwrap_or_default();
                inner.split_once(quote).unwrap_or((inner, ""))
            }
            None => {
                let end = value.find(['>', ' ', '\t', '\n', '\r']).unwrap_or(value.len());
                value.split_at(end)
            }
        };
        let content = content
            .replace("&quot;", "\"")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&#43;", "+")
            .replace("&amp;", "&");
        out.push((name.to_ascii_lowercase(), content));
        rest = behind.trim_start();
    }
    (out, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[Row]) -> Vec<String> {
        rows.iter()
            .map(|r| {
                let digest = r
                    .digest
                    .as_deref()
                    .map_or("-", |d| d.get(..4).unwrap_or_default());
                format!("{} {} {digest} {:?} {}", r.file, r.url, r.size, r.yanked)
            })
            .collect()
    }

    #[test]
    fn both_forms_of_pages_are_read() {
        let hex = "ab".repeat(32);
        let page = format!(
            "<html><a href=\"../../f/a-1%2Bl.whl#sha256={hex}\" data-requires-python=\"&gt;=3.8\">a</a><A HREF=x><a\n class='y' href='b-1.tar.gz?t=1&amp;u=2' data-yanked>b</a><abbr><a href=c.whl#sha256=zz>c</a>"
        );
        assert_eq!(
            rows(&of_page(&page)),
            [
                "a-1+l.whl ../../f/a-1%2Bl.whl abab None false",
                "b-1.tar.gz b-1.tar.gz?t=1&u=2 - None true",
                "c.whl c.whl - None false"
            ]
        );
        let json = format!(
            "{{\"files\":[{{\"filename\":\"a.whl\",\"url\":\"https://f.example/a.whl\",\"hashes\":{{\"sha256\":\"{hex}\"}},\"size\":3,\"yanked\":\"broken\"}},{{\"filename\":1}},{{\"filename\":\"b\",\"url\":\"b\",\"yanked\":false}}]}}"
        );
        assert_eq!(
            rows(&of_json(&json).unwrap()),
            [
                "a.whl https://f.example/a.whl abab Some(3) true",
                "b b - None false"
            ]
        );
        assert_eq!(of_json("{}"), None);
        // No text hangs the reader, whatever its tags are.
        for hostile in [
            "<a",
            "<a ",
            "<a =",
            "<a ==>",
            "<a href='",
            "<a href=\"x",
            "<a \u{e9}=\u{e9}>",
        ] {
            let _ = of_page(hostile);
        }
    }

    #[test]
    fn addresses_are_taken_from_their_page() {
        for (place, expected) in [
            ("../../files/a.whl?x=../y", "https://h.example/files/a.whl?x=../y"),
            ("../../../../a.whl", "https://h.example/a.whl"),
            ("./a.whl", "https://h.example/simple/acme/a.whl"),
            ("//f.example/b/../a.whl", "https://f.example/a.whl"),
        ] {
            assert_eq!(flat(&joined("https://h.example/simple/acme/", place)), expected);
        }
    }

    #[test]
    fn a_password_becomes_a_header_and_leaves_the_address() {
        let (url, proof) = apart("https://us%40er:p@h.example/simple");
        assert_eq!(url, "https://h.example/simple");
        assert_eq!(proof.map(|p| p.0).as_deref(), Some("Basic dXNAZXI6cA=="));
        assert_eq!(base64(b"abc"), "YWJj");
        assert_eq!(base64(b"ab"), "YWI=");
        assert_eq!(apart("https://h.example/x@y").1, None);
    }
}
