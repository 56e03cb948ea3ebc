//! Certificate and key of the gateway, read again when they are renewed.

use super::files::{self, FileError, Stamp};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file.
    #[error("{0}")]
    File(#[from] FileError),
    /// Not what it should be.
    #[error("`{0}` holds no {1} in PEM")]
    Nothing(String, &'static str),
    /// rustls.
    #[error("the certificate and the key: {0}")]
    Unfit(#[from] rustls::Error),
}

/// TLS with what stands in two files.
pub(crate) struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    http2: bool,
    now: RwLock<(Option<(Stamp, Stamp)>, TlsAcceptor)>,
}

impl Tls {
    pub(crate) fn new(certificate: &Path, key: &Path, http2: bool) -> Result<Self, TlsError> {
        let acceptor = load(certificate, key, http2)?;
        Ok(Self {
            now: RwLock::new((stamps(certificate, key), acceptor)),
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            http2,
        })
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.now.read().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// Reads the files again if they were changed. What does not fit together changes nothing: renewals write one after
    /// the other.
    pub(crate) fn refresh(&self) -> Result<(), TlsError> {
        let stamps = stamps(&self.certificate, &self.key);
        let before = self.now.read().unwrap_or_else(PoisonError::into_inner).0;
        if stamps == before {
            return Ok(());
        }
        let loaded = load(&self.certificate, &self.key, self.http2);
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        now.0 = stamps;
        now.1 = loaded?;
        Ok(())
    }
}

/// Of what the names lead to: renewals change links.
fn stamps(certificate: &Path, key: &Path) -> Option<(Stamp, Stamp)> {
    let of = |path: &Path| files::stamp(&path.canonicalize().ok()?).ok();
    Some((of(certificate)?, of(key)?))
}

fn load(certificate: &Path, key: &Path, http2: bool) -> Result<TlsAcceptor, TlsError> {
    let nothing = |path: &Path, what| TlsError::Nothing(files::shown(path), what);
    let bytes = files::read_public(certificate)?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|_| nothing(certificate, "certificate"))?;
    if chain.is_empty() {
        return Err(nothing(certificate, "certificate"));
    }
    let secret =
        PrivateKeyDer::from_pem_slice(&files::read_key(key)?).map_err(|_| nothing(key, "private key"))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, secret)?;
    // HTTP/2 has more to attack, so that it is spoken only where gRPC needs it.
    config.alpn_protocols = if http2 {
        vec![b"h2".to_vec(), b"http/1.1".to_vec()]
    } else {
        vec![b"http/1.1".to_vec()]
    };
    Ok(TlsAcceptor::from(Arc::new(config)))
}
