//! WebSockets: bytes both ways, for as long as both sides live and whoever opened it may still come in.

use super::{
    access::Principal,
    body::Ending,
    forward::{Caller, Gate},
    standing::{EACH, GONE},
};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::{interval, timeout},
};

/// How long the change of protocol may take.
const CHANGE: Duration = Duration::from_secs(10);
/// Held for each direction of each WebSocket while nothing comes.
const BUFFER: usize = 4096;

/// Carries bytes until one side ends it.
pub(crate) fn start(
    gate: Arc<Gate>,
    caller: Caller,
    principal: Principal,
    client: OnUpgrade,
    upstream: OnUpgrade,
    mut ending: Ending,
) {
    tokio::spawn(async move {
        let changed = timeout(CHANGE, async { tokio::try_join!(client, upstream) }).await;
        let Ok(Ok((client, upstream))) = changed else {
            return;
        };
        let (from_client, to_client) = tokio::io::split(TokioIo::new(client));
        let (from_upstream, to_upstream) = tokio::io::split(TokioIo::new(upstream));
        let (received, sent) = (Arc::clone(&ending.received), Arc::clone(&ending.sent));
        let both = async {
            tokio::join!(
                carry(from_client, to_upstream, &received),
                carry(from_upstream, to_client, &sent),
            )
        };
        let mut both = std::pin::pin!(both);
        let mut ends = gate.ends.clone();
        let mut asked = interval(EACH);
        loop {
            tokio::select! {
                done = both.as_mut() => {
                    ending.whole = done.0.is_ok() && done.1.is_ok();
                    break;
                }
                _ = asked.tick() => {
                    if !gate.access.still(&principal) {
                        ending.record.why = Some(GONE.to_owned());
                        break;
                    }
                }
                _ = ends.changed() => break,
            }
        }
        // The last line first, then the place of the connection.
        drop(ending);
        drop(caller);
    });
}

async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    count: &AtomicU64,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let got = from.read(&mut buffer).await?;
        let Some(bytes) = buffer.get(..got).filter(|b| !b.is_empty()) else {
            return to.shutdown().await;
        };
        to.write_all(bytes).await?;
        to.flush().await?;
        count.fetch_add(got as u64, Ordering::Relaxed);
    }
}
