//! Connections: how many, how slow, and how they end.

use super::{
    forward::{Caller, Gate, answer},
    heads::{Heads, Watched},
    limits::subscriber,
    tls::Tls,
};
use crate::{Stop, patience::Patient};
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use socket2::{SockRef, TcpKeepalive};
use std::{
    collections::HashMap,
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::{interval, sleep, timeout},
};

/// Largest head, and what is read at a time.
const MAX_HEAD: usize = 64 << 10;
/// How long the start of TLS may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a client may take nothing of what it asked for.
const READING: Duration = Duration::from_secs(120);
/// How long what is under way gets when the gateway ends.
const ENDING: Duration = Duration::from_secs(10);
/// What HTTP/2 starts with when nobody negotiated it.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What the loop of connections needs besides the gate.
pub(crate) struct Doors {
    pub(crate) gate: Arc<Gate>,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) connections: usize,
    pub(crate) http2: bool,
    /// How long a head may take, and a connection may be idle between two.
    pub(crate) patience: Duration,
    pub(crate) ending: watch::Sender<bool>,
    /// Where warnings go while it runs.
    pub(crate) notice: fn(&str),
}

/// Of connections, the place of one; also for as long as it is a WebSocket.
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    address: IpAddr,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Place {
    /// Nothing where one address has half of all places.
    fn new(
        permit: OwnedSemaphorePermit,
        peer: IpAddr,
        taken: &Arc<Mutex<HashMap<IpAddr, usize>>>,
        most: usize,
    ) -> Option<Self> {
        let address = subscriber(peer);
        let mut counts = taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= most {
            return None;
        }
        *count = count.saturating_add(1);
        Some(Self {
            _permit: permit,
            address,
            taken: Arc::clone(taken),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

/// Notices that the other side is gone, also on a WebSocket on which nobody speaks.
pub(crate) fn keep_alive(stream: &TcpStream) {
    let often = TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(20));
    // Without it a dead connection keeps its place for longer.
    let _ = SockRef::from(stream).set_tcp_keepalive(&often);
}

/// Serves until `stop` says so or the system does; then finishes what is under way.
pub(crate) async fn serve(
    doors: Doors,
    listener: std::net::TcpListener,
    stop: &Stop,
    mut terminated: Termination,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(doors.connections));
    let taken = Arc::new(Mutex::new(HashMap::new()));
    let most = doors.connections.div_ceil(2);
    let mut open = JoinSet::new();
    let watching = tokio::spawn(refresh(Arc::clone(&doors.gate), doors.tls.clone(), doors.notice));
    let asking = tokio::spawn(ask_provider(Arc::clone(&doors.gate), doors.notice));
    loop {
        let accepted = async {
            // The semaphore is never closed, so only a place can come.
            let permit = Arc::clone(&places).acquire_owned().await;
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            () = stop.ended() => break,
            () = terminated.as_mut() => break,
            accepted = accepted => accepted,
        };
        let (Ok((stream, peer)), Ok(permit)) = (accepted, permit) else {
            // Out of descriptors, or a client that left at once: neither ends the gateway.
            sleep(Duration::from_millis(20)).await;
            continue;
        };
        if let Some(place) = Place::new(permit, peer.ip(), &taken, most) {
            let line = Line {
                gate: Arc::clone(&doors.gate),
                place: Arc::new(place),
                peer,
                http2: doors.http2,
                patience: doors.patience,
                ends: doors.gate.ends.clone(),
            };
            open.spawn(line.run(stream, doors.tls.clone()));
        }
        while open.try_join_next().is_some() {}
    }
    drop(listener);
    watching.abort();
    asking.abort();
    let _ = doors.ending.send(true);
    let _ = timeout(ENDING, async { while open.join_next().await.is_some() {} }).await;
    // WebSockets have been told, too, and give back their places when they have written their last line.
    let all = u32::try_from(doors.connections).unwrap_or(u32::MAX);
    let _ = timeout(Duration::from_secs(2), places.acquire_many(all)).await;
    open.abort_all();
    while open.join_next().await.is_some() {}
    Ok(())
}

/// Waits until the system wants the program to end. Listens from the first call on, not from the first wait.
#[cfg(unix)]
pub(crate) fn terminated() -> io::Result<Termination> {
    let mut signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    Ok(Box::pin(async move {
        signal.recv().await;
    }))
}

#[cfg(not(unix))]
pub(crate) fn terminated() -> io::Result<Termination> {
    Ok(Box::pin(std::future::pending()))
}

/// Ends when the program is to end.
pub(crate) type Termination = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Says at once when a provider cannot be used. Who has a token or a password comes in all the same.
async fn ask_provider(gate: Arc<Gate>, notice: fn(&str)) {
    if let Some(oidc) = &gate.oidc
        && let Some(why) = oidc.trouble().await
    {
        notice(&format!(
            "nobody can sign in with {}: {why}",
            wellhead_core::code(&oidc.name)
        ));
    }
}

/// Once a second: whoever was removed is out, and renewed certificates are in.
async fn refresh(gate: Arc<Gate>, tls: Option<Arc<Tls>>, notice: fn(&str)) {
    let mut each = interval(Duration::from_secs(1));
    let mut said = String::new();
    loop {
        each.tick().await;
        let (gate, tls) = (Arc::clone(&gate), tls.clone());
        let looked = tokio::task::spawn_blocking(move || {
            let people = gate
                .access
                .refresh()
                .err()
                .map(|e| format!("nobody is let in: {e}"));
            let renewed = tls
                .and_then(|t| t.refresh().err())
                .map(|e| format!("the certificate is not renewed: {e}"));
            let stuck = gate.log.is_stuck();
            let stuck = stuck.then(|| "nothing is let through: the log cannot be written".to_owned());
            people.or(stuck).or(renewed).unwrap_or_default()
        });
        let now = looked.await.unwrap_or_default();
        if now != said && !now.is_empty() {
            notice(&now);
        }
        said = now;
    }
}

/// One connection.
struct Line {
    gate: Arc<Gate>,
    place: Arc<Place>,
    peer: SocketAddr,
    http2: bool,
    patience: Duration,
    ends: watch::Receiver<bool>,
}

impl Line {
    async fn run(self, stream: TcpStream, tls: Option<Arc<Tls>>) {
        let _ = stream.set_nodelay(true);
        keep_alive(&stream);
        let Some(tls) = tls else {
            return self.sniffed(stream).await;
        };
        let Ok(Ok(stream)) = timeout(HANDSHAKE, tls.acceptor().accept(stream)).await else {
            return;
        };
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            self.http2(stream).await;
        } else {
            self.http1(stream).await;
        }
    }

    /// Without TLS nobody negotiates, so that the first bytes say it.
    async fn sniffed(self, mut stream: TcpStream) {
        if !self.http2 {
            return self.http1(stream).await;
        }
        let mut first = vec![0; PREFACE.len()];
        let mut got = 0_usize;
        let read = async {
            while let Some(room) = first.get_mut(got..).filter(|r| !r.is_empty()) {
                let more = stream.read(room).await?;
                got = got.saturating_add(more);
                if more == 0 || !first.get(..got).is_some_and(|f| PREFACE.starts_with(f)) {
                    break;
                }
            }
            io::Result::Ok(())
        };
        let Ok(Ok(())) = timeout(self.patience, read).await else {
            return;
        };
        let is_http2 = first.get(..got) == Some(PREFACE);
        first.truncate(got);
        let stream = Rewound { first, at: 0, stream };
        if is_http2 {
            self.http2(stream).await;
        } else {
            self.http1(stream).await;
        }
    }

    async fn http1<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(mut self, stream: S) {
        let heads = Heads::default();
        let caller = Caller {
            peer: self.peer,
            heads: Some(heads.clone()),
            _place: Arc::clone(&self.place),
        };
        let gate = Arc::clone(&self.gate);
        let service =
            service_fn(move |r: hyper::Request<Incoming>| answer(Arc::clone(&gate), caller.clone(), r));
        let io = TokioIo::new(Watched::new(Patient::new(stream, READING), heads));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.patience)
            .max_buf_size(MAX_HEAD)
            .serve_connection(io, service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let mut told = false;
        loop {
            tokio::select! {
                // An error is a client that broke off or broke the rules, and was answered as far as it can be.
                _ = connection.as_mut() => return,
                _ = self.ends.changed(), if !told => {
                    told = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }

    async fn http2<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(mut self, stream: S) {
        let caller = Caller {
            peer: self.peer,
            heads: None,
            _place: Arc::clone(&self.place),
        };
        let gate = Arc::clone(&self.gate);
        let service =
            service_fn(move |r: hyper::Request<Incoming>| answer(Arc::clone(&gate), caller.clone(), r));
        let io = TokioIo::new(Patient::new(stream, READING));
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(64)
            .max_header_list_size(32 << 10)
            .max_send_buf_size(64 << 10)
            .max_pending_accept_reset_streams(16)
            .max_local_error_reset_streams(64)
            .keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(20))
            .serve_connection(io, service);
        let mut connection = std::pin::pin!(connection);
        let mut told = false;
        loop {
            tokio::select! {
                _ = connection.as_mut() => return,
                _ = self.ends.changed(), if !told => {
                    told = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// A stream of which the first bytes have been read already.
struct Rewound<S> {
    first: Vec<u8>,
    at: usize,
    stream: S,
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewound<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let left = this.first.get(this.at..).unwrap_or_default();
        if left.is_empty() {
            return Pin::new(&mut this.stream).poll_read(cx, buf);
        }
        let here = left.len().min(buf.remaining());
        buf.put_slice(left.get(..here).unwrap_or_default());
        this.at = this.at.saturating_add(here);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rewound<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
