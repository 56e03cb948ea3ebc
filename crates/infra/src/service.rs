//! A recorded conversation with a service, saved as a document: what was asked and what was answered.
//!
//! Whoever records it (our own prober, a proxy, a person with curl) writes the same JSON, so that a state can be judged
//! again later without asking the service.

use std::{ops::Range, sync::Arc};
use wellhead_core::Budget;
use wellhead_formats::text::{self, Node, SyntaxError};

/// The name that `schema.name` of a service document has.
pub(crate) const SCHEMA: &str = "wellhead-service";

/// A saved conversation. All ranges count bytes of [`ServiceDocument::text`].
#[derive(Clone, Debug)]
pub struct ServiceDocument {
    /// The document itself.
    pub text: Arc<str>,
    /// The address of the service.
    pub service: String,
    /// What was asked and answered, in order.
    pub exchanges: Vec<Exchange>,
    /// For each of them, what the recorder saw of the body before it was made text.
    pub received: Vec<Received>,
    /// What the recorder says of all of it: "the certificate was not verified".
    pub notes: Vec<String>,
    /// What was asked without an answer, and why.
    pub unanswered: Vec<(String, String)>,
}

/// A body as it was received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Its digest, in hexadecimal.
    pub sha256: Option<String>,
    /// Whether more of it would have come.
    pub is_cut: bool,
}

/// One request and its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    /// `GET`.
    pub method: String,
    /// Path and query as they were sent.
    pub path: String,
    /// Headers of the request, names in lower case.
    pub request_headers: Vec<(String, String)>,
    /// The status of the answer.
    pub status: u16,
    /// Headers of the answer, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body of the answer, perhaps cut.
    pub body: String,
    /// The whole exchange in the document.
    pub span: Range<usize>,
    /// The body in the document; the whole answer where there is none.
    pub body_span: Range<usize>,
}

/// A text is no service document.
#[derive(Clone, Debug, PartialEq)]
pub enum ServiceError {
    /// It is not JSON.
    Syntax(SyntaxError),
    /// It is JSON of another kind.
    OtherSchema,
    /// A part of it is missing.
    Missing {
        /// What is missing.
        what: &'static str,
        /// Where it would belong.
        span: Range<usize>,
    },
}

impl std::fmt::Display for ServiceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Syntax(error) => write!(f, "{error}"),
            Self::OtherSchema => write!(f, "not a `{SCHEMA}` document"),
            Self::Missing { what, .. } => write!(f, "{what} is missing"),
        }
    }
}

impl std::error::Error for ServiceError {}

impl ServiceDocument {
    /// Whether a tree is a service document by what it says of itself.
    pub fn is_one(root: &Node) -> bool {
        root.path(&["schema", "name"]).and_then(Node::as_str) == Some(SCHEMA)
    }
}

impl Exchange {
    /// The path without its query.
    pub fn plain_path(&self) -> &str {
        self.path.split(['?', '#']).next().unwrap_or_default()
    }

    /// A header of the answer.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    /// Whether the request carried anything that could be a credential; such an answer proves nothing about others.
    pub fn is_anonymous(&self) -> bool {
        let secret = |name: &str| {
            matches!(
                name,
                "authorization" | "proxy-authorization" | "cookie" | "x-api-key" | "api-key" | "x-auth-token"
            )
        };
        let query = self.path.split_once('?').map_or("", |(_, q)| q);
        let in_query = query.split('&').any(|p| {
            matches!(
                p.split('=').next(),
                Some("token" | "api_key" | "key" | "access_token")
            )
        });
        !in_query && !self.request_headers.iter().any(|(n, _)| secret(n))
    }
}

/// Reads a service document.
///
/// # Errors
/// Where the text is not JSON, or not a service document.
pub fn service_document(json: &str, budget: &mut Budget) -> Result<ServiceDocument, ServiceError> {
    let root = text::json(json, budget).map_err(ServiceError::Syntax)?;
    if !ServiceDocument::is_one(&root) {
        return Err(ServiceError::OtherSchema);
    }
    let service = root.get("service").and_then(Node::as_str);
    let service = service.ok_or_else(|| missing("`service`", &root))?.to_owned();
    let list = root
        .get("exchanges")
        .ok_or_else(|| missing("`exchanges`", &root))?;
    let exchanges = list.items().iter().map(exchange).collect::<Result<_, _>>()?;
    let texts = |node: Option<&Node>| -> Vec<String> {
        let items = node.map(Node::items).unwrap_or_default();
        items.iter().filter_map(Node::as_str).map(str::to_owned).collect()
    };
    let unanswered = root.get("unanswered").map(Node::items).unwrap_or_default();
    let text = |node: &Node, key: &str| node.get(key).and_then(Node::as_str).map(str::to_owned);
    Ok(ServiceDocument {
        text: Arc::from(json),
        service,
        exchanges,
        received: list.items().iter().map(received).collect(),
        notes: texts(root.get("notes")),
        unanswered: unanswered
            .iter()
            .filter_map(|n| Some((text(n, "path")?, text(n, "why")?)))
            .collect(),
    })
}

fn received(node: &Node) -> Received {
    let said = |key: &str| node.path(&["response", key]);
    let digest = said("sha256").and_then(Node::as_str);
    let is_digest = |d: &&str| d.len() == 64 && d.bytes().all(|b| b.is_ascii_hexdigit());
    Received {
        sha256: digest.filter(is_digest).map(str::to_ascii_lowercase),
        is_cut: said("cut").and_then(Node::as_bool) == Some(true),
    }
}

fn missing(what: &'static str, at: &Node) -> ServiceError {
    ServiceError::Missing {
        what,
        span: at.span.clone(),
    }
}

fn exchange(node: &Node) -> Result<Exchange, ServiceError> {
    let request = node.get("request").ok_or_else(|| missing("`request`", node))?;
    let response = node.get("response").ok_or_else(|| missing("`response`", node))?;
    let path = request.get("path").and_then(Node::as_str);
    let status = response.get("status").and_then(Node::as_i64);
    let status = status
        .and_then(|s| u16::try_from(s).ok())
        .ok_or_else(|| missing("`response.status`", response))?;
    let body = response.get("body");
    Ok(Exchange {
        method: request
            .get("method")
            .and_then(Node::as_str)
            .unwrap_or("GET")
            .to_ascii_uppercase(),
        path: path.ok_or_else(|| missing("`request.path`", request))?.to_owned(),
        request_headers: headers(request.get("headers")),
        status,
        headers: headers(response.get("headers")),
        body: body.and_then(Node::as_str).unwrap_or_default().to_owned(),
        span: node.span.clone(),
        body_span: body.unwrap_or(response).span.clone(),
    })
}

/// Headers as a table, or as a list of pairs, since a header may stand twice.
fn headers(node: Option<&Node>) -> Vec<(String, String)> {
    let Some(node) = node else { return Vec::new() };
    let mut out = Vec::new();
    for entry in node.entries() {
        let values = std::iter::once(&entry.node).chain(entry.node.items());
        for value in values.filter_map(Node::as_text) {
            out.push((entry.key.to_ascii_lowercase(), value.to_owned()));
        }
    }
    for item in node.items() {
        if let [name, value] = item.items()
            && let (Some(name), Some(value)) = (name.as_str(), value.as_text())
        {
            out.push((name.to_ascii_lowercase(), value.to_owned()));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_document_is_read_with_its_places() {
        let json = r#"{"schema":{"name":"wellhead-service","version":"1.0-draft"},"service":"http://203.0.113.7:8888",
 "exchanges":[{"request":{"method":"GET","path":"/api?token=x","headers":{"Host":"h"}},
   "response":{"status":200,"headers":[["Server","T"],["A","1"]],"body":"{\"version\": \"2\"}"}}]}"#;
        let document = service_document(json, &mut Budget::default()).unwrap();
        let e = &document.exchanges[0];
        assert_eq!(
            (e.plain_path(), e.status, e.header("server")),
            ("/api", 200, Some("T"))
        );
        assert!(!e.is_anonymous());
        assert_eq!(&json[e.body_span.clone()], r#""{\"version\": \"2\"}""#);
    }

    #[test]
    fn what_is_missing_is_named() {
        let read = |json: &str| {
            service_document(json, &mut Budget::default())
                .unwrap_err()
                .to_string()
        };
        assert_eq!(read("{}"), "not a `wellhead-service` document");
        let head = r#"{"schema":{"name":"wellhead-service"},"service":"x""#;
        assert_eq!(read(&format!("{head}}}")), "`exchanges` is missing");
        let request = r#""exchanges":[{"request":{"path":"/"},"response":{}}]"#;
        assert_eq!(
            read(&format!("{head},{request}}}")),
            "`response.status` is missing"
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,80}") {
            let _ = service_document(&text, &mut Budget::default());
        }
    }
}
