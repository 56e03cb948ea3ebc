//! Asking a provider: one request, no redirect followed, an answer of a bounded size within a bounded time.

use super::{super::upstream::Connector, discovery::Endpoint};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Request, StatusCode,
    body::Bytes,
    client::conn::http1,
    header::{self, HeaderValue},
};
use std::time::Duration;
use tokio::{task::JoinSet, time::timeout};
use tokio_rustls::TlsConnector;

/// Largest answer.
const MAX: usize = 256 << 10;
/// How long one may take, from the first packet to the last.
const PATIENCE: Duration = Duration::from_secs(8);

/// Asks. Names of hosts are verified against the roots that it was given.
pub(super) struct Asker {
    pub(super) tls: TlsConnector,
}

impl Asker {
    /// The body of an answer that says 200.
    pub(super) async fn get(&self, at: &Endpoint) -> Result<Bytes, &'static str> {
        match self.ask(at, Method::GET, None, String::new()).await? {
            (StatusCode::OK, body) => Ok(body),
            _ => Err("the provider does not say what it is asked for"),
        }
    }

    /// What a form is answered with.
    pub(super) async fn post(
        &self,
        at: &Endpoint,
        authorization: Option<HeaderValue>,
        form: String,
    ) -> Result<(StatusCode, Bytes), &'static str> {
        self.ask(at, Method::POST, authorization, form).await
    }

    async fn ask(
        &self,
        at: &Endpoint,
        method: Method,
        authorization: Option<HeaderValue>,
        form: String,
    ) -> Result<(StatusCode, Bytes), &'static str> {
        timeout(PATIENCE, self.talk(at, method, authorization, form))
            .await
            .unwrap_or(Err("the provider takes too long"))
    }

    async fn talk(
        &self,
        at: &Endpoint,
        method: Method,
        authorization: Option<HeaderValue>,
        form: String,
    ) -> Result<(StatusCode, Bytes), &'static str> {
        let silent = "the provider does not answer";
        let connector = Connector {
            host: at.host.clone(),
            port: at.port,
            tls: at.tls.then(|| self.tls.clone()),
            http2: false,
        };
        let io = connector.connect().await.map_err(|_| silent)?;
        let mut builder = http1::Builder::new();
        builder.max_buf_size(64 << 10);
        let (mut sender, connection) = builder.handshake(io).await.map_err(|_| silent)?;
        // Ends with this call, however it ends.
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        let mut request = Request::builder()
            .method(&method)
            .uri(&at.target)
            .header(header::HOST, &at.authority)
            .header(header::ACCEPT, "application/json")
            .header(
                header::USER_AGENT,
                concat!("wellhead/", env!("CARGO_PKG_VERSION")),
            )
            .header(header::CONNECTION, "close");
        if method == Method::POST {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request = request
            .body(Full::new(Bytes::from(form)))
            .map_err(|_| "the provider cannot be asked")?;
        let response = sender.send_request(request).await.map_err(|_| silent)?;
        let status = response.status();
        if status.is_redirection() {
            return Err("the provider leads elsewhere");
        }
        let body = Limited::new(response.into_body(), MAX).collect().await;
        let body = body.map_err(|_| "the answer of the provider is too long, or is cut off")?;
        Ok((status, body.to_bytes()))
    }
}
