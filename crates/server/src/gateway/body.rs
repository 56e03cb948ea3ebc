//! Bodies on their way through: counted, timed, and never held.

use super::{
    inside::Watched,
    log::{Log, Record},
    standing::{GONE, Standing},
};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use std::{
    error::Error,
    future::Future as _,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep};

/// Why a body ended early.
pub(crate) type BodyError = Box<dyn Error + Send + Sync>;

/// Gives up on a body of which nothing comes for so long.
struct Patience {
    most: Option<Duration>,
    timer: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl Patience {
    fn new(most: Option<Duration>) -> Self {
        Self {
            most,
            timer: None,
            waiting: false,
        }
    }

    fn is_over(&mut self, cx: &mut Context<'_>, pending: bool) -> bool {
        let Some(most) = self.most.filter(|_| pending) else {
            self.waiting = false;
            return false;
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(most)));
        if !self.waiting {
            self.waiting = true;
            let now = Instant::now();
            timer.as_mut().reset(now.checked_add(most).unwrap_or(now));
        }
        timer.as_mut().poll(cx).is_ready()
    }
}

/// The body of a request.
pub(crate) struct Upload {
    inner: Option<Incoming>,
    count: Arc<AtomicU64>,
    patience: Patience,
    watched: Option<Watched>,
    standing: Standing,
}

impl Upload {
    pub(crate) fn new(
        inner: Option<Incoming>,
        count: Arc<AtomicU64>,
        most: Option<Duration>,
        watched: Option<Watched>,
        standing: Standing,
    ) -> Self {
        Self {
            inner,
            count,
            watched,
            standing,
            patience: Patience::new(most),
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let Some(inner) = &mut this.inner else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(inner).poll_frame(cx);
        if this.patience.is_over(cx, polled.is_pending()) {
            return Poll::Ready(Some(Err("the client stopped sending".into())));
        }
        if this.standing.ends(cx, &polled) {
            return Poll::Ready(Some(Err(GONE.into())));
        }
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            this.count.fetch_add(data.len() as u64, Ordering::Relaxed);
            if let Some(watched) = &this.watched {
                watched.saw(data);
            }
        }
        polled.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

/// The body of an answer.
pub(crate) enum Reply {
    /// Our own words.
    Own(Option<Bytes>),
    /// What the upstream says.
    Passed(Box<Passed>),
}

impl Reply {
    pub(crate) fn text(text: impl Into<Bytes>) -> Self {
        Self::Own(Some(text.into()).filter(|t| !t.is_empty()))
    }
}

/// What the upstream says, and the line of the log that is written when it has been said.
pub(crate) struct Passed {
    inner: Incoming,
    patience: Patience,
    standing: Standing,
    ending: Ending,
}

impl Passed {
    pub(crate) fn new(inner: Incoming, most: Option<Duration>, standing: Standing, ending: Ending) -> Self {
        Self {
            inner,
            standing,
            patience: Patience::new(most),
            ending,
        }
    }
}

impl Drop for Passed {
    fn drop(&mut self) {
        self.ending.whole |= self.inner.is_end_stream();
    }
}

/// Writes the last line of a request, whatever ends it.
pub(crate) struct Ending {
    pub(crate) log: Arc<Log>,
    pub(crate) record: Record,
    pub(crate) received: Arc<AtomicU64>,
    pub(crate) sent: Arc<AtomicU64>,
    pub(crate) whole: bool,
    /// The models that the body of the request named.
    pub(crate) watched: Option<Watched>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let mut record = std::mem::take(&mut self.record);
        record.received = Some(self.received.load(Ordering::Relaxed));
        record.sent = Some(self.sent.load(Ordering::Relaxed));
        record.whole = Some(self.whole);
        for name in self.watched.iter().flat_map(Watched::names) {
            if !record.names.contains(&name) {
                record.names.push(name);
            }
        }
        self.log.later(record);
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let passed = match &mut *self {
            Self::Own(text) => return Poll::Ready(text.take().map(|t| Ok(Frame::data(t)))),
            Self::Passed(passed) => passed,
        };
        let polled = Pin::new(&mut passed.inner).poll_frame(cx);
        if passed.patience.is_over(cx, polled.is_pending()) {
            return Poll::Ready(Some(Err("the upstream stopped sending".into())));
        }
        if passed.standing.ends(cx, &polled) {
            passed.ending.record.why = Some(GONE.to_owned());
            return Poll::Ready(Some(Err(GONE.into())));
        }
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    passed.ending.sent.fetch_add(data.len() as u64, Ordering::Relaxed);
                }
            }
            Poll::Ready(None) => passed.ending.whole = true,
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(text) => text.is_none(),
            Self::Passed(passed) => passed.inner.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(text) => SizeHint::with_exact(text.as_ref().map_or(0, |t| t.len() as u64)),
            Self::Passed(passed) => passed.inner.size_hint(),
        }
    }
}
