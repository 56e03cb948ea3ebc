//! HTTP/1.1 round a [`Service`]: how large a question may be, how long it may take, how many may be asked at once.

use crate::{
    answer::{Answer, Question, Service},
    host,
    patience::Patient,
};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body as _, Bytes, Incoming},
    header::{self, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{convert::Infallible, io, net::TcpListener, sync::Arc, time::Duration};
use tokio::{
    net::TcpStream,
    sync::{Notify, Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

/// What a client may cost.
#[derive(Clone, Debug)]
pub struct ServerLimits {
    /// Bytes of a body.
    pub body: usize,
    /// Connections at a time; more wait until one is free.
    pub connections: usize,
    /// How long a connection may be idle, or send at the head of a question.
    pub head: Duration,
    /// How long the body of a question may take.
    pub question: Duration,
    /// How long a client may take nothing of its answer.
    pub reading: Duration,
    /// How long answers that are under way get when the server ends.
    pub ending: Duration,
    /// Whether clients may call the server by any name. A page in a browser on this machine can have a name of its own
    /// resolve to this machine and then reads what is answered to it, so only the machine's own names are answered else.
    pub any_host: bool,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            body: 4 << 20,
            connections: 128,
            head: Duration::from_secs(10),
            question: Duration::from_secs(15),
            reading: Duration::from_secs(15),
            ending: Duration::from_secs(5),
            any_host: false,
        }
    }
}

/// Largest head of a question.
const MAX_HEAD: usize = 32 << 10;
/// Answers that are thought about at a time.
const THINKERS: usize = 4;

/// Ends a server from another thread.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Notify>);

impl Stop {
    /// Ends it, or the next that is started with this.
    pub fn now(&self) {
        self.0.notify_one();
    }

    /// Waits for it.
    pub(crate) async fn ended(&self) {
        self.0.notified().await;
    }
}

/// Serves until `stop` says so: takes no more connections then, and finishes the answers that are under way.
///
/// # Errors
/// When the system does not let it.
pub fn serve<S: Service>(
    listener: TcpListener,
    service: Arc<S>,
    limits: ServerLimits,
    stop: &Stop,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(THINKERS)
        .build()?;
    let ended = runtime.block_on(accept(listener, service, Arc::new(limits), stop));
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

async fn accept<S: Service>(
    listener: TcpListener,
    service: Arc<S>,
    limits: Arc<ServerLimits>,
    stop: &Stop,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(limits.connections));
    let (ending, ends) = watch::channel(false);
    let mut open = JoinSet::new();
    loop {
        let taken = async {
            // The semaphore is never closed, so only a place can come.
            let place = Arc::clone(&places).acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            () = stop.0.notified() => break,
            taken = taken => taken,
        };
        match accepted {
            Ok((stream, _)) => {
                let (service, limits, ends) = (Arc::clone(&service), Arc::clone(&limits), ends.clone());
                open.spawn(async move {
                    connection(stream, service, limits, ends).await;
                    drop(place);
                });
            }
            // Out of descriptors, or a client that left at once: neither ends the server.
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
        // What has ended is forgotten.
        while open.try_join_next().is_some() {}
    }
    drop(listener);
    let _ = ending.send(true);
    let _ = timeout(limits.ending, async { while open.join_next().await.is_some() {} }).await;
    Ok(())
}

async fn connection<S: Service>(
    stream: TcpStream,
    service: Arc<S>,
    limits: Arc<ServerLimits>,
    mut ends: watch::Receiver<bool>,
) {
    let answered = service_fn(|request| answered(request, Arc::clone(&service), Arc::clone(&limits)));
    let io = TokioIo::new(Patient::new(stream, limits.reading));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(MAX_HEAD)
        .serve_connection(io, answered);
    let mut connection = std::pin::pin!(connection);
    let mut told = false;
    loop {
        tokio::select! {
            // An error here is a client that broke off or broke the rules, and has been answered as far as it can be.
            _ = connection.as_mut() => return,
            _ = ends.changed(), if !told => {
                told = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

async fn answered<S: Service>(
    request: Request<Incoming>,
    service: Arc<S>,
    limits: Arc<ServerLimits>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    if !limits.any_host && !host::is_own(&head) {
        let refusal = Answer::refusal(421, "the server answers only to the names of this machine");
        return Ok(response(&refusal, true));
    }
    if body.size_hint().lower() > limits.body as u64 {
        return Ok(response(&too_large(&limits), true));
    }
    let body = match timeout(limits.question, Limited::new(body, limits.body).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(e)) if e.is::<http_body_util::LengthLimitError>() => {
            return Ok(response(&too_large(&limits), true));
        }
        Ok(Err(_)) => {
            let refusal = Answer::refusal(400, "the body of the request cannot be read");
            return Ok(response(&refusal, true));
        }
        Err(_) => return Ok(response(&Answer::refusal(408, "the request took too long"), true)),
    };
    let method = match head.method {
        Method::HEAD => Method::GET,
        method => method,
    };
    let thought = tokio::task::spawn_blocking(move || {
        service.answer(Question {
            method: method.as_str(),
            path: head.uri.path(),
            body: &body,
        })
    });
    let answer = thought
        .await
        .unwrap_or_else(|_| Answer::refusal(500, "the server failed at this request"));
    Ok(response(&answer, false))
}

fn too_large(limits: &ServerLimits) -> Answer {
    let message = format!("the request is larger than {} bytes", limits.body);
    Answer::refusal(413, &message)
}

fn response(answer: &Answer, close: bool) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body.clone())));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // The database may be another one tomorrow, under the same address.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if close {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
