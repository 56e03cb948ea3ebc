//! The way to what lies behind: one address, over TCP or TLS, with connections that are used again.

use super::files::{self, FileError};
use hyper::{Uri, header::HeaderValue};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{Connected, Connection},
    },
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use std::{
    future::Future,
    io,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// How long one that nobody uses is kept: shorter than servers do, since a request on a connection that ends is lost.
const IDLE: Duration = Duration::from_millis(1500);
/// Idle connections that are kept.
const MAX_IDLE: usize = 256;

/// Why something is no upstream.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// It is not `http://HOST:PORT`.
    #[error("the upstream is `http://HOST:PORT` or `https://HOST:PORT`, without a path: {0}")]
    NoAddress(String),
    /// Its certificates.
    #[error("{0}")]
    File(#[from] FileError),
    /// No certificate in a file.
    #[error("`{0}` holds no certificate")]
    NoCertificate(String),
    /// rustls.
    #[error("TLS: {0}")]
    Tls(#[from] tokio_rustls::rustls::Error),
}

/// One address behind the gateway.
pub(crate) struct Upstream<B> {
    client: Client<Connector, B>,
    scheme: &'static str,
    authority: String,
    /// What `Host` says to it.
    pub(crate) host: HeaderValue,
    /// Its origin.
    pub(crate) origin: HeaderValue,
}

impl<B> Upstream<B>
where
    B: hyper::body::Body + Send + 'static + Unpin,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// `named`: what to call it instead of its address. `http2`: it speaks gRPC.
    pub(crate) fn new(
        url: &str,
        named: Option<&str>,
        roots: Option<&Path>,
        http2: bool,
    ) -> Result<Self, UpstreamError> {
        let wrong = || UpstreamError::NoAddress(wellhead_core::code(url));
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?;
        let bare =
            uri.path_and_query().is_none_or(|p| p.as_str() == "/") && !authority.as_str().contains('@');
        let (scheme, port) = match uri.scheme_str() {
            Some("http") if bare => ("http", 80),
            Some("https") if bare => ("https", 443),
            _ => return Err(wrong()),
        };
        let host = authority.host().to_owned();
        let connector = Connector {
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: authority.port_u16().unwrap_or(port),
            tls: if scheme == "https" {
                Some(tls(roots, http2)?)
            } else {
                None
            },
            http2,
        };
        let called = named.unwrap_or(authority.as_str());
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE)
            .http1_max_buf_size(64 << 10)
            .http2_only(http2)
            .http2_max_frame_size(64 << 10)
            .set_host(false)
            .build(connector);
        Ok(Self {
            client,
            scheme,
            authority: authority.as_str().to_owned(),
            host: HeaderValue::from_str(called).map_err(|_| wrong())?,
            origin: HeaderValue::from_str(&format!("{scheme}://{called}")).map_err(|_| wrong())?,
        })
    }

    /// Where a target is there.
    pub(crate) fn uri(&self, target: &str) -> Option<Uri> {
        Uri::builder()
            .scheme(self.scheme)
            .authority(self.authority.as_str())
            .path_and_query(target)
            .build()
            .ok()
    }

    pub(crate) async fn send(
        &self,
        request: hyper::Request<B>,
    ) -> Result<hyper::Response<hyper::body::Incoming>, hyper_util::client::legacy::Error> {
        self.client.request(request).await
    }
}

/// TLS towards others, with the roots of browsers or those in a file.
pub(crate) fn tls(roots: Option<&Path>, http2: bool) -> Result<TlsConnector, UpstreamError> {
    let mut store = RootCertStore::empty();
    match roots {
        None => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let bytes = files::read_public(path)?;
            for certificate in CertificateDer::pem_slice_iter(&bytes) {
                let certificate =
                    certificate.map_err(|_| UpstreamError::NoCertificate(files::shown(path)))?;
                store.add(certificate)?;
            }
            if store.is_empty() {
                return Err(UpstreamError::NoCertificate(files::shown(path)));
            }
        }
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = vec![if http2 {
        b"h2".to_vec()
    } else {
        b"http/1.1".to_vec()
    }];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The way to one address.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: Option<TlsConnector>,
    pub(crate) http2: bool,
}

impl tower_service::Service<Uri> for Connector {
    type Response = TokioIo<Link>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Link>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Whatever the address says: there is one upstream.
    fn call(&mut self, _: Uri) -> Self::Future {
        let this = self.clone();
        Box::pin(async move { timeout(CONNECT, this.connect()).await? })
    }
}

impl Connector {
    pub(crate) async fn connect(self) -> io::Result<TokioIo<Link>> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        super::serve::keep_alive(&stream);
        let Some(tls) = self.tls else {
            return Ok(TokioIo::new(Link::Plain(stream)));
        };
        let name = ServerName::try_from(self.host).map_err(io::Error::other)?;
        let stream = tls.connect(name, stream).await?;
        if self.http2 && stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err(io::Error::other("it does not speak HTTP/2"));
        }
        Ok(TokioIo::new(Link::Tls(Box::new(stream))))
    }
}

/// A connection.
pub(crate) enum Link {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connection for Link {
    fn connected(&self) -> Connected {
        let connected = Connected::new();
        match self {
            Self::Tls(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                connected.negotiated_h2()
            }
            Self::Tls(_) | Self::Plain(_) => connected,
        }
    }
}

impl AsyncRead for Link {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Link {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
