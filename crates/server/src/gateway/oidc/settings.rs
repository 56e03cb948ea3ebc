//! What is told about a provider.

use super::super::{
    files::{self, FileError},
    upstream::UpstreamError,
};
use std::{fmt, path::PathBuf};

/// What is told about a provider.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its address: `https://id.example/realms/team`.
    pub issuer: String,
    /// What the gateway is called there.
    pub client: String,
    /// How the gateway proves that it is that client; nothing for a public one.
    pub secret: Option<ClientSecret>,
    /// Who may come in.
    pub allow: Vec<String>,
    /// Who may come in and only read.
    pub allow_reading: Vec<String>,
    /// The claim that holds groups.
    pub groups: String,
    /// What is asked for besides `openid` and `email`.
    pub scopes: Vec<String>,
    /// The roots of its certificate, instead of those of browsers.
    pub roots: Option<PathBuf>,
    /// What people call it.
    pub name: Option<String>,
}

/// A secret, or the file that holds it.
#[derive(Clone)]
pub enum ClientSecret {
    /// Itself.
    Is(String),
    /// In a file that not everybody may read.
    In(PathBuf),
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(_) => out.write_str("Is(***)"),
            Self::In(path) => out.debug_tuple("In").field(path).finish(),
        }
    }
}

/// Why nobody can sign in with a provider.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// Its address.
    #[error("an issuer is `https://HOST` with no more than a path (`http` only on this machine): {0}")]
    Issuer(String),
    /// What we are called there.
    #[error("the name of the client is empty, or holds what is no visible character")]
    Client,
    /// Nobody would come in.
    #[error("nobody is allowed to come in with the provider")]
    Nobody,
    /// A rule that is none.
    #[error("this names nobody: {0}")]
    Rule(String),
    /// A scope that is none.
    #[error("this is no scope: {0}")]
    Scope(String),
    /// A secret that is none.
    #[error("the secret of the client is empty, or has more than one line")]
    Secret,
    /// Its file.
    #[error("{0}")]
    File(#[from] FileError),
    /// Its certificates.
    #[error("the provider: {0}")]
    Tls(#[from] UpstreamError),
    /// The system.
    #[error("the system gives no random numbers")]
    NoRandomness,
}

/// The secret itself, one line.
pub(super) fn secret(told: &ClientSecret) -> Result<String, ProviderError> {
    let text = match told {
        ClientSecret::Is(text) => text.clone(),
        ClientSecret::In(path) => {
            String::from_utf8(files::read_key(path)?).map_err(|_| ProviderError::Secret)?
        }
    };
    let text = text.trim_matches(['\r', '\n']);
    if text.is_empty() || text.contains(char::is_control) {
        return Err(ProviderError::Secret);
    }
    Ok(text.to_owned())
}
