//! What is to be audited, as it was typed.

use crate::probe::{Cidr, ServicePlace};
use crate::remote::{self, HubPlace};
use std::path::PathBuf;
use wellhead_core::code;

/// A target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file or folder of this machine.
    Local(PathBuf),
    /// Standard input.
    Stdin,
    /// An environment of Python; `None` is the one of the calling shell.
    Environment(Option<PathBuf>),
    /// A repository of a model hub, or a part of it.
    Hub(HubPlace),
    /// A file of a web server.
    Web(String),
    /// What a package index offers of a project.
    Package {
        /// The project, as it was typed.
        project: String,
        /// The version; `None` is the newest.
        version: Option<String>,
    },
    /// A running service.
    Service(ServicePlace),
    /// Every service of a network; `None` is all that the scope file names.
    Net(Option<Cidr>),
    /// What listens on this machine; the folder stands for `/proc`.
    Host(Option<PathBuf>),
    /// Objects of an object store.
    Bucket {
        /// The bucket.
        bucket: String,
        /// What their keys begin with: a folder or an object.
        prefix: String,
    },
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
const LATER: [&str; 8] = ["gs", "az", "oci", "conda", "npm", "git+https", "git+ssh", "ftp"];

impl Target {
    /// Reads a target as it was typed.
    ///
    /// # Errors
    /// Where it has a scheme that this version cannot read, or is none of its scheme.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        if text == "-" {
            return Ok(Self::Stdin);
        }
        let Some((scheme, rest)) = text.split_once(':') else {
            return Ok(Self::Local(PathBuf::from(text)));
        };
        let rest = rest.strip_prefix("//");
        let wrong = |hint: &str| TargetError {
            message: format!("{} is no target", code(text)),
            hint: hint.to_owned(),
        };
        match (scheme, rest) {
            // An older way of writing it has no slashes.
            ("hf", rest) if rest.is_some() || !PathBuf::from(text).exists() => {
                let rest = rest.unwrap_or_else(|| text.get(3..).unwrap_or_default());
                HubPlace::parse(rest).map(Self::Hub).ok_or_else(|| {
                    wrong("write it like `hf://org/name@revision` or `hf://datasets/org/name`")
                })
            }
            // What is on this machine is meant before a file of that name is.
            ("env", _) => {
                let place = text.get(4..).unwrap_or_default();
                Ok(Self::Environment(
                    Some(PathBuf::from(place)).filter(|_| !place.is_empty()),
                ))
            }
            ("host", _) if text == "host:" || !PathBuf::from(text).exists() => {
                let place = text.get(5..).unwrap_or_default();
                Ok(Self::Host(
                    Some(PathBuf::from(place)).filter(|_| !place.is_empty()),
                ))
            }
            ("http" | "https", Some(_)) => {
                remote::checked(text).map_err(|(message, hint)| TargetError { message, hint })?;
                Ok(Self::Web(text.to_owned()))
            }
            ("pypi", rest) if rest.is_some() || !PathBuf::from(text).exists() => {
                let rest = rest.unwrap_or_else(|| text.get(5..).unwrap_or_default());
                package(rest)
                    .ok_or_else(|| wrong("write it like `pypi:name==version`, or `pypi:name` for the newest"))
            }
            ("service", _) => {
                let place = text.get("service:".len()..).unwrap_or_default();
                ServicePlace::parse(place)
                    .map(Self::Service)
                    .map_err(|(message, hint)| TargetError { message, hint })
            }
            ("net", _) => {
                let network = text
                    .get("net:".len()..)
                    .unwrap_or_default()
                    .trim_start_matches("//");
                if network.is_empty() {
                    return Ok(Self::Net(None));
                }
                let network = Cidr::parse(network).map_err(|message| TargetError {
                    message,
                    hint: "write it like `net:10.0.0.0/24`".to_owned(),
                })?;
                Ok(Self::Net(Some(network)))
            }
            ("s3", Some(rest)) => {
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
                if bucket.len() < 3 || !bucket.bytes().all(fits) || bucket.contains("..") {
                    return Err(wrong("write it like `s3://bucket/prefix`"));
                }
                Ok(Self::Bucket {
                    bucket: bucket.to_owned(),
                    prefix: prefix.to_owned(),
                })
            }
            _ if LATER.contains(&scheme) && !PathBuf::from(text).exists() => Err(TargetError {
                message: format!(
                    "this version cannot read {} targets yet: {}",
                    code(&format!("{scheme}:")),
                    code(text)
                ),
                hint: "download it first and audit the local folder or file".to_owned(),
            }),
            _ => Ok(Self::Local(PathBuf::from(text))),
        }
    }

    /// Whether it is on this machine.
    pub fn is_local(&self) -> bool {
        matches!(
            self,
            Self::Local(_) | Self::Stdin | Self::Environment(_) | Self::Host(_)
        )
    }
}

/// Reads what stands behind `pypi:`: a name, and a version behind `==` or `@`.
fn package(text: &str) -> Option<Target> {
    let text = text.trim();
    let cut = text.split_once("==").or_else(|| text.split_once('@'));
    let (project, version) = match cut {
        Some((project, version)) => (project.trim(), Some(version.trim())),
        None => (text, None),
    };
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
    let name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let part = |b: u8| name(b) || matches!(b, b'+' | b'!');
    let good = edge(project.bytes().next())
        && edge(project.bytes().next_back())
        && project.bytes().all(name)
        && version.is_none_or(|v| !v.is_empty() && v.bytes().all(part));
    good.then(|| Target::Package {
        project: project.to_owned(),
        version: version.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_are_told_from_paths() {
        assert_eq!(Target::parse("-"), Ok(Target::Stdin));
        for path in ["models/a:b.pt", "c:thing", "http", "s3:thing"] {
            assert_eq!(Target::parse(path), Ok(Target::Local(path.into())), "{path}");
        }
        assert!(matches!(Target::parse("hf://org/name"), Ok(Target::Hub(_))));
        assert!(matches!(Target::parse("hf:org/name@main"), Ok(Target::Hub(_))));
        assert_eq!(
            Target::parse("s3://bucket/a/b"),
            Ok(Target::Bucket {
                bucket: "bucket".to_owned(),
                prefix: "a/b".to_owned()
            })
        );
        for (text, version) in [
            ("pypi:Acme_x==1.0+cu1", Some("1.0+cu1")),
            ("pypi://Acme_x@2!1.0", Some("2!1.0")),
            ("pypi:Acme_x", None),
        ] {
            assert_eq!(
                Target::parse(text),
                Ok(Target::Package {
                    project: "Acme_x".to_owned(),
                    version: version.map(str::to_owned)
                }),
                "{text}"
            );
        }
        assert_eq!(Target::parse("env:"), Ok(Target::Environment(None)));
        assert_eq!(
            Target::parse("env:a/.venv"),
            Ok(Target::Environment(Some("a/.venv".into())))
        );
        assert!(matches!(
            Target::parse("https://host.example/m.pt"),
            Ok(Target::Web(_))
        ));
    }

    #[test]
    fn what_cannot_be_asked_is_refused_in_words() {
        for (text, expected) in [
            (
                "oci://host.example/x",
                "this version cannot read `oci:` targets yet: `oci://host.example/x`",
            ),
            ("hf://", "`hf://` is no target"),
            ("pypi:a b", "`pypi:a b` is no target"),
            ("pypi:../x", "`pypi:../x` is no target"),
            ("pypi:acme==", "`pypi:acme==` is no target"),
            ("s3://b", "`s3://b` is no target"),
            (
                "http://host.example/m.pt",
                "`host.example` is without encryption, so anybody on the way can change what comes",
            ),
        ] {
            assert_eq!(Target::parse(text).unwrap_err().to_string(), expected);
        }
    }
}
