//! The report as JSON: what other programs rely on, and what `wellhead report` reads again.
//!
//! A layout is a module of its own types (`v1`), converted from core's and back, so that core can change without
//! breaking anybody. Minor versions only add; a new major version is a new module beside the old one.

mod convert;
mod escaped;
mod parse;
mod v1;

pub(crate) use escaped::to_string as to_text;
use wellhead_core::{Report, escape};

/// The name of the schema.
pub const SCHEMA_NAME: &str = "wellhead-report";
/// The version that is written.
pub const SCHEMA_VERSION: &str = "1.0-draft";
/// The major version that is understood.
const MAJOR: &str = "1";

/// Why a saved report cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The text is not JSON, or a field is not what it should be.
    #[error("not a report of wellhead: {}", escape(.0))]
    Malformed(String),
    /// It is JSON, but of something else.
    #[error("this is {}, not `{SCHEMA_NAME}`", shown(.0.as_deref()))]
    OtherSchema(Option<String>),
    /// A later version of wellhead wrote it.
    #[error("schema version {} is not understood, only {MAJOR}.x", shown(Some(.0)))]
    OtherVersion(String),
}

impl ReadError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Malformed(_) | Self::OtherSchema(_) => "save one with `wellhead audit --format json`",
            Self::OtherVersion(_) => "use the version of wellhead that wrote it",
        }
    }
}

fn shown(name: Option<&str>) -> String {
    name.map_or("JSON without a schema name".to_owned(), wellhead_core::code)
}

/// The report as JSON: sorted, indented, byte-identical for identical input, with a final line break. Characters that
/// could deceive a reader are written as `\u` escapes.
pub fn render(report: &Report) -> String {
    escaped::to_string(&v1::Report::from(report))
}

/// Reads what [`render`] wrote, also in a later minor version: unknown fields are passed over.
///
/// # Errors
/// If it is not JSON, not a report, or of another major version.
pub fn read(text: &str) -> Result<Report, ReadError> {
    #[derive(serde::Deserialize)]
    struct Head {
        schema: Option<Schema>,
    }
    #[derive(serde::Deserialize)]
    struct Schema {
        name: Option<String>,
        version: Option<String>,
    }
    let malformed = |e: serde_json::Error| ReadError::Malformed(e.to_string());
    let head: Head = serde_json::from_str(text).map_err(malformed)?;
    let Some(Schema {
        name: Some(name),
        version,
    }) = head.schema
    else {
        return Err(ReadError::OtherSchema(None));
    };
    if name != SCHEMA_NAME {
        return Err(ReadError::OtherSchema(Some(name)));
    }
    let version = version.unwrap_or_default();
    if version.split('.').next() != Some(MAJOR) {
        return Err(ReadError::OtherVersion(version));
    }
    let report: v1::Report = serde_json::from_str(text).map_err(malformed)?;
    Ok(report.into())
}

/// The JSON schema of what [`render`] writes, with a final line break.
pub fn schema() -> String {
    let mut schema = schemars::schema_for!(v1::Report);
    schema.insert(
        "title".to_owned(),
        format!("{SCHEMA_NAME} {SCHEMA_VERSION}").into(),
    );
    let mut schema = schema.to_value();
    // Sorted whether or not some dependency makes serde_json keep the order of insertion.
    schema.sort_all_objects();
    escaped::to_string(&schema)
}

#[cfg(test)]
mod tests;
