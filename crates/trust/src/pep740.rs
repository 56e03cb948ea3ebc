//! PEP 740: attestations of a distribution file, alone or in a provenance object.

use crate::base64::strict_base64;
use std::{fmt, ops::Range, sync::Arc};
use wellhead_core::{Budget, Digest};
use wellhead_formats::text::{self, Node, SyntaxError};

/// The type of an in-toto statement of version 1.
const STATEMENT: &str = "https://in-toto.io/Statement/v1";

/// An attestation file or a provenance object. All ranges count bytes of [`Attestations::text`].
#[derive(Clone, Debug)]
pub struct Attestations {
    /// The document itself.
    pub text: Arc<str>,
    /// One bundle for each publisher; one without a publisher for a lone attestation.
    pub bundles: Vec<Bundle>,
}

/// The attestations of one publisher.
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle {
    /// Who the index says published it. The index's word, no proof.
    pub publisher: Option<Publisher>,
    /// What was attested.
    pub attestations: Vec<Attestation>,
}

/// A trusted publisher as an index names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publisher {
    /// `GitHub`, `GitLab`, `Google`, …
    pub kind: String,
    /// The repository, where the kind has one.
    pub repository: Option<String>,
    /// The workflow, where the kind has one.
    pub workflow: Option<String>,
}

/// One attestation: read, not verified.
#[derive(Clone, Debug, PartialEq)]
pub struct Attestation {
    /// What it states.
    pub statement: Statement,
    /// The signature over the statement.
    pub signature: Vec<u8>,
    /// The signing certificate, DER.
    pub certificate: Vec<u8>,
    /// How many entries of a transparency log it carries.
    pub log_entries: usize,
    /// All of it in the document.
    pub span: Range<usize>,
    /// The statement in the document.
    pub statement_span: Range<usize>,
}

/// An in-toto statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What it speaks of.
    pub subject: Subject,
    /// What it says of it: the type of the predicate.
    pub predicate_type: String,
}

/// The file that a statement speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Its name.
    pub name: String,
    /// Its digests of known algorithms.
    pub digests: Vec<Digest>,
}

/// A document is no attestation.
#[derive(Clone, Debug, PartialEq)]
pub enum AttestationError {
    /// It is not JSON.
    Syntax(SyntaxError),
    /// It is JSON, and not as PEP 740 says.
    Malformed {
        /// What is wrong, without a full stop.
        message: String,
        /// Where.
        span: Range<usize>,
    },
}

impl fmt::Display for AttestationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(error) => write!(f, "{error}"),
            Self::Malformed { message, .. } => f.write_str(message),
        }
    }
}

impl std::error::Error for AttestationError {}

type Read<T> = Result<T, AttestationError>;

impl Attestations {
    /// Whether a tree is an attestation or a provenance object by its keys.
    pub fn is_one(root: &Node) -> bool {
        root.get("attestation_bundles").is_some()
            || (root.get("envelope").is_some() && root.get("verification_material").is_some())
    }

    /// Every attestation, whoever published it.
    pub fn all(&self) -> impl Iterator<Item = &Attestation> {
        self.bundles.iter().flat_map(|b| &b.attestations)
    }
}

/// Reads an attestation file or a provenance object.
///
/// # Errors
/// Where the text is not JSON, or departs from PEP 740: another version, base64 that is not canonical, a statement
/// without exactly one subject.
pub fn attestations(json: &str, budget: &mut Budget) -> Read<Attestations> {
    let root = text::json(json, budget).map_err(AttestationError::Syntax)?;
    let bundles = match root.get("attestation_bundles") {
        Some(list) => {
            version(&root)?;
            list.items()
                .iter()
                .map(|node| bundle(node, budget))
                .collect::<Read<_>>()?
        }
        None => vec![Bundle {
            publisher: None,
            attestations: vec![attestation(&root, budget)?],
        }],
    };
    Ok(Attestations {
        text: Arc::from(json),
        bundles,
    })
}

fn malformed<T>(message: impl Into<String>, at: &Node) -> Read<T> {
    Err(AttestationError::Malformed {
        message: message.into(),
        span: at.span.clone(),
    })
}

fn part<'a>(node: &'a Node, keys: &[&str]) -> Read<&'a Node> {
    match node.path(keys) {
        Some(found) => Ok(found),
        None => malformed(format!("`{}` is missing", keys.join(".")), node),
    }
}

fn string<'a>(node: &'a Node, keys: &[&str]) -> Read<&'a str> {
    let found = part(node, keys)?;
    match found.as_str() {
        Some(text) => Ok(text),
        None => malformed(format!("`{}` is not a string", keys.join(".")), found),
    }
}

fn bytes(node: &Node, keys: &[&str]) -> Read<Vec<u8>> {
    let text = string(node, keys)?;
    match strict_base64(text) {
        Some(bytes) if !bytes.is_empty() => Ok(bytes),
        _ => malformed(
            format!("`{}` is not canonical base64", keys.join(".")),
            part(node, keys)?,
        ),
    }
}

fn version(node: &Node) -> Read<()> {
    let version = part(node, &["version"])?;
    match version.as_i64() {
        Some(1) => Ok(()),
        _ => malformed("only version 1 is known", version),
    }
}

fn bundle(node: &Node, budget: &mut Budget) -> Read<Bundle> {
    let publisher = part(node, &["publisher"])?;
    let named = |key: &str| publisher.get(key).and_then(Node::as_str).map(str::to_owned);
    let attestations = part(node, &["attestations"])?.items();
    Ok(Bundle {
        publisher: Some(Publisher {
            kind: string(publisher, &["kind"])?.to_owned(),
            repository: named("repository"),
            workflow: named("workflow").or_else(|| named("workflow_filepath")),
        }),
        attestations: attestations
            .iter()
            .map(|node| attestation(node, budget))
            .collect::<Read<_>>()?,
    })
}

fn attestation(node: &Node, budget: &mut Budget) -> Read<Attestation> {
    version(node)?;
    let place = part(node, &["envelope", "statement"])?;
    let raw = bytes(node, &["envelope", "statement"])?;
    let entries = part(node, &["verification_material", "transparency_entries"])?;
    if entries.items().is_empty() {
        return malformed("no entry of a transparency log", entries);
    }
    Ok(Attestation {
        statement: statement(&raw, place, budget)?,
        signature: bytes(node, &["envelope", "signature"])?,
        certificate: bytes(node, &["verification_material", "certificate"])?,
        log_entries: entries.items().len(),
        span: node.span.clone(),
        statement_span: place.span.clone(),
    })
}

/// Reads the statement inside; its errors point at the whole statement, since its own bytes are encoded.
fn statement(raw: &[u8], place: &Node, budget: &mut Budget) -> Read<Statement> {
    let Ok(text) = std::str::from_utf8(raw) else {
        return malformed("the statement is not UTF-8", place);
    };
    let outside = |error: AttestationError| AttestationError::Malformed {
        message: format!("in the statement: {error}"),
        span: place.span.clone(),
    };
    let root = text::json(text, budget).map_err(|e| outside(AttestationError::Syntax(e)))?;
    inner_statement(&root).map_err(outside)
}

fn inner_statement(root: &Node) -> Read<Statement> {
    if string(root, &["_type"])? != STATEMENT {
        return malformed("not an in-toto statement of version 1", root);
    }
    let subjects = part(root, &["subject"])?;
    let [subject] = subjects.items() else {
        return malformed("expected exactly one subject", subjects);
    };
    let digests = part(subject, &["digest"])?;
    let mut known = Vec::new();
    for entry in digests.entries() {
        if !matches!(entry.key.as_str(), "sha256" | "sha384" | "sha512") {
            continue;
        }
        let hex = entry.node.as_str().unwrap_or_default();
        match Digest::parse(&format!("{}:{hex}", entry.key)) {
            Some(digest) if digest.hex.len() == digest.algorithm.hex_len() => known.push(digest),
            _ => return malformed(format!("`{}` is not such a digest", entry.key), digests),
        }
    }
    Ok(Statement {
        subject: Subject {
            name: string(subject, &["name"])?.to_owned(),
            digests: known,
        },
        predicate_type: string(root, &["predicateType"])?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(json: &str) -> String {
        match attestations(json, &mut Budget::default()) {
            Ok(read) => format!(
                "{:?}",
                read.all()
                    .map(|a| a.statement.subject.name.clone())
                    .collect::<Vec<_>>()
            ),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn departures_are_named() {
        // {"_type":"x"}
        let other = r#"{"version":1,"envelope":{"statement":"eyJfdHlwZSI6IngifQ==","signature":"aGk="},
            "verification_material":{"certificate":"aGk=","transparency_entries":[{}]}}"#;
        let cases = [
            ("{}", "`version` is missing"),
            (r#"{"version": 2}"#, "only version 1 is known"),
            (other, "in the statement: not an in-toto statement of version 1"),
            (
                &other.replace("fQ==", "fR=="),
                "`envelope.statement` is not canonical base64",
            ),
            (&other.replace("[{}]", "[]"), "no entry of a transparency log"),
            (
                r#"{"version":1,"attestation_bundles":[{}]}"#,
                "`publisher` is missing",
            ),
            ("[", "expected a value, found the end"),
        ];
        for (json, expected) in cases {
            assert_eq!(read(json), expected);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,80}") {
            read(&text);
        }
    }
}
