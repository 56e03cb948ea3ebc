//! Whether whoever asked may still come in, for as long as what they asked for goes on.
//!
//! Streams have no end of their own: somebody who was removed would keep what they opened. So each body asks again, by the
//! clock while bytes flow and by a timer while none do.

use super::access::{Access, Principal};
use std::{
    future::Future as _,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep_until};

/// How often it is asked.
pub(crate) const EACH: Duration = Duration::from_secs(5);
/// What the log and the client are told.
pub(crate) const GONE: &str = "the credentials are no longer good";

/// Who asked, and when to look again whether they may.
pub(crate) struct Standing {
    access: Arc<Access>,
    principal: Principal,
    next: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Standing {
    pub(crate) fn new(access: &Arc<Access>, principal: &Principal) -> Self {
        Self {
            access: Arc::clone(access),
            principal: principal.clone(),
            next: soon(),
            timer: None,
        }
    }

    /// Whether it is time to ask and the answer is no. Costs a look at the clock.
    pub(crate) fn is_gone(&mut self) -> bool {
        if Instant::now() < self.next {
            return false;
        }
        self.next = soon();
        !self.access.still(&self.principal)
    }

    /// The same for a body that was polled: one that waits is woken in time.
    pub(crate) fn ends<T>(&mut self, cx: &mut Context<'_>, polled: &Poll<Option<T>>) -> bool {
        match polled {
            // What is whole is not cut off.
            Poll::Ready(None) => return false,
            Poll::Ready(Some(_)) => return self.is_gone(),
            Poll::Pending => {}
        }
        loop {
            let next = self.next;
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(next)));
            if timer.as_mut().poll(cx).is_pending() {
                return false;
            }
            if self.is_gone() {
                return true;
            }
            let next = self.next;
            if let Some(timer) = &mut self.timer {
                timer.as_mut().reset(next);
            }
        }
    }
}

fn soon() -> Instant {
    let now = Instant::now();
    now.checked_add(EACH).unwrap_or(now)
}
