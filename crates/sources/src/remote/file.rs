//! A remote file as bytes that are read where they are needed.
//!
//! Blocks that were fetched are kept for a while, neighbours are fetched in one request, and a reader that goes on
//! and on is read ahead of. The place that a redirect led to is asked directly from then on; where that is refused
//! later, its address has expired and the first one is asked again.

use super::{
    Access, Remote,
    http::{Answer, Ask, Fault, origin},
    sign,
};
use std::{
    collections::BTreeMap,
    io,
    sync::{Mutex, PoisonError},
};
use wellhead_core::{ReadAt, code};

/// How much is fetched at least.
const BLOCK: u64 = 64 << 10;
/// How many blocks are kept.
const KEPT: usize = 64;
/// How much is fetched at most in one request.
const MOST: u64 = 1 << 20;
/// After so many requests in a row that each begin where the one before it ended, more is fetched than asked for.
const STEADY: u32 = 6;
/// A server that ignores ranges sends all or nothing; so much is taken.
pub(super) const WHOLE: u64 = 64 << 20;

pub(super) struct RemoteFile {
    remote: Remote,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Where redirects led.
    direct: Option<String>,
    etag: Option<String>,
    blocks: BTreeMap<u64, (Vec<u8>, u64)>,
    tick: u64,
    /// The block behind the last one that was fetched, and how many requests went on like that.
    next: u64,
    steady: u32,
    /// Everything, from a server that ignores ranges.
    whole: Option<Vec<u8>>,
    /// The first failure.
    failure: Option<String>,
}

impl RemoteFile {
    pub(super) fn new(remote: Remote) -> Self {
        let etag = remote.etag.clone();
        Self {
            remote,
            state: Mutex::new(State {
                etag,
                ..State::default()
            }),
        }
    }

    fn ask(&self, url: &str, first: u64, last: u64, etag: Option<&str>) -> Ask {
        let options = &self.remote.network.options;
        let private = match self.remote.access {
            Access::Open => Vec::new(),
            Access::Hub => match (&options.token, origin(url) == origin(&self.remote.url)) {
                (Some(token), true) => vec![("authorization", format!("Bearer {}", token.0))],
                _ => Vec::new(),
            },
            // Where a store sends its readers elsewhere, that place gets no signature: it would be one for it.
            Access::Bucket if origin(url) == origin(&self.remote.url) => sign::headers(options, url),
            Access::Bucket => Vec::new(),
        };
        Ask {
            url: url.to_owned(),
            range: Some((first, last)),
            // A weak tag promises nothing about bytes.
            if_range: etag.filter(|t| !t.starts_with("W/")).map(str::to_owned),
            private,
            // Where the range is ignored, one byte more than is taken tells that there is more.
            most: WHOLE.min(self.remote.len).saturating_add(1),
        }
    }

    /// Fetches blocks `from..to` into the state.
    fn fetch(&self, state: &mut State, from: u64, to: u64) -> Result<(), Fault> {
        let first = from.saturating_mul(BLOCK);
        let last = to.saturating_mul(BLOCK).min(self.remote.len).saturating_sub(1);
        let direct = state.direct.take();
        let url = direct.as_ref().unwrap_or(&self.remote.url);
        let etag = state.etag.clone();
        let network = &self.remote.network;
        let mut answer = network.get(&|| self.ask(url, first, last, etag.as_deref()))?;
        if direct.is_some() && matches!(answer.status, 400 | 401 | 403 | 404 | 410) {
            answer = network.get(&|| self.ask(&self.remote.url, first, last, etag.as_deref()))?;
        }
        let bytes = self.checked(state, &answer, first, last)?;
        if answer.url != self.remote.url {
            state.direct = Some(answer.url.clone());
        }
        if bytes.len() as u64 == self.remote.len && answer.status == 200 {
            state.whole = Some(bytes);
            return Ok(());
        }
        for (i, block) in bytes.chunks(BLOCK as usize).enumerate() {
            state.tick = state.tick.saturating_add(1);
            let tick = state.tick;
            state
                .blocks
                .insert(from.saturating_add(i as u64), (block.to_vec(), tick));
        }
        while state.blocks.len() > KEPT {
            let oldest = state
                .blocks
                .iter()
                .min_by_key(|(_, (_, tick))| *tick)
                .map(|(at, _)| *at);
            oldest.map(|at| state.blocks.remove(&at));
        }
        Ok(())
    }

    /// The bytes of an answer, if they are those that were asked for.
    fn checked(&self, state: &mut State, answer: &Answer, first: u64, last: u64) -> Result<Vec<u8>, Fault> {
        let shown = code(&super::http::without_query(&self.remote.url));
        let changed = || Fault::new(format!("{shown} changed while it was read"));
        let len = self.remote.len;
        let etag = answer.header("etag").map(str::to_owned);
        if matches!(answer.status, 200 | 206) {
            match (&state.etag, &etag) {
                (Some(known), Some(now)) if known != now => return Err(changed()),
                _ => state.etag = state.etag.take().or(etag),
            }
        }
        let wanted = last.saturating_sub(first).saturating_add(1);
        match answer.status {
            206 => {
                let (from, to, total) = content_range(answer)
                    .ok_or_else(|| Fault::new(format!("{shown} does not say which bytes it sends")))?;
                if total.is_some_and(|total| total != len) {
                    let total = total.unwrap_or(0);
                    return Err(Fault::new(format!(
                        "{shown} is {total} bytes long, and was said to be {len}"
                    )));
                }
                if (from, to) != (first, last) || answer.bytes.len() as u64 != wanted {
                    return Err(Fault::new(format!(
                        "{shown} sends other bytes than it was asked for"
                    )));
                }
                Ok(answer.bytes.clone())
            }
            200 if len > WHOLE => Err(Fault::new(format!(
                "{shown} can only be had whole, and is {len} bytes long"
            ))
            .hint("download it and audit the file")),
            200 if answer.bytes.len() as u64 != len => Err(Fault::new(format!(
                "{shown} sends {} bytes, and was said to be {len}",
                answer.bytes.len()
            ))),
            200 => Ok(answer.bytes.clone()),
            416 => Err(changed()),
            _ => Err(answer.refusal(&shown)),
        }
    }
}

/// First, last and total of `bytes 0-99/1234`.
pub(super) fn content_range(answer: &Answer) -> Option<(u64, u64, Option<u64>)> {
    let text = answer.header("content-range")?.strip_prefix("bytes")?.trim();
    let (range, total) = text.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    Some((
        first.trim().parse().ok()?,
        last.trim().parse().ok()?,
        total.trim().parse().ok(),
    ))
}

impl ReadAt for RemoteFile {
    fn failure(&self) -> Option<String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failure.clone()
    }

    fn len(&self) -> u64 {
        self.remote.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        if offset >= self.remote.len || buf.is_empty() {
            return Ok(0);
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let block = offset / BLOCK;
        if state.whole.is_none() && !state.blocks.contains_key(&block) {
            // What is asked for beyond this block comes along, up to what is there already.
            let end = offset.saturating_add(buf.len() as u64).div_ceil(BLOCK);
            state.steady = if state.next == block {
                state.steady.saturating_add(1)
            } else {
                0
            };
            let ahead = if state.steady >= STEADY { MOST / BLOCK } else { 1 };
            let all = self.remote.len.div_ceil(BLOCK);
            let to = end
                .max(block.saturating_add(ahead))
                .min(block.saturating_add(MOST / BLOCK))
                .min(all);
            let known = state.blocks.range(block..to).next().map(|(at, _)| *at);
            let to = known.unwrap_or(to);
            if let Err(fault) = self.fetch(&mut state, block, to) {
                state.failure.get_or_insert_with(|| fault.words.clone());
                return Err(io::Error::new(io::ErrorKind::InvalidData, fault.words));
            }
            state.next = to;
        }
        let (bytes, start) = match &state.whole {
            Some(whole) => (whole.as_slice(), 0),
            None => {
                state.tick = state.tick.saturating_add(1);
                let tick = state.tick;
                let Some((bytes, used)) = state.blocks.get_mut(&block) else {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                };
                *used = tick;
                (bytes.as_slice(), block.saturating_mul(BLOCK))
            }
        };
        let at = usize::try_from(offset.saturating_sub(start)).unwrap_or(usize::MAX);
        let rest = bytes.get(at..).unwrap_or_default();
        let n = rest.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..n), rest.get(..n)) {
            to.copy_from_slice(from);
        }
        Ok(n)
    }
}
