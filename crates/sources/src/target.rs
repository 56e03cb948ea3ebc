//! What is to be audited, as it was typed.

use std::path::PathBuf;
use wellhead_core::code;

/// A target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file or folder of this machine.
    Local(PathBuf),
    /// Standard input.
    Stdin,
}

/// A target that cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TargetError {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// Schemes that the plan has and this version cannot read.
const LATER: [&str; 16] = [
    "hf",
    "pypi",
    "s3",
    "gs",
    "az",
    "http",
    "https",
    "env",
    "service",
    "net",
    "host",
    "oci",
    "conda",
    "npm",
    "git+https",
    "git+ssh",
];

impl Target {
    /// Reads a target as it was typed.
    ///
    /// # Errors
    /// Where it has a scheme that this version cannot read.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        if text == "-" {
            return Ok(Self::Stdin);
        }
        if let Some((scheme, _)) = text.split_once(':')
            && LATER.contains(&scheme)
            && !PathBuf::from(text).exists()
        {
            return Err(TargetError {
                message: format!(
                    "this version cannot read {} targets yet: {}",
                    code(&format!("{scheme}:")),
                    code(text)
                ),
                hint: "download it first and audit the local folder or file".to_owned(),
            });
        }
        Ok(Self::Local(PathBuf::from(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_are_told_from_paths() {
        assert_eq!(Target::parse("-"), Ok(Target::Stdin));
        assert_eq!(
            Target::parse("models/a:b.pt"),
            Ok(Target::Local("models/a:b.pt".into()))
        );
        assert_eq!(Target::parse("c:thing"), Ok(Target::Local("c:thing".into())));
        let e = Target::parse("hf://org/name").unwrap_err();
        assert_eq!(
            e.to_string(),
            "this version cannot read `hf:` targets yet: `hf://org/name`"
        );
    }
}
