//! A second, strict reading of the heads of requests, beside that of hyper.
//!
//! Smuggling lives where two programs disagree on where a request ends. hyper follows the standard and is kind: it takes
//! bare line feeds, merges lengths that agree, and drops a length beside a transfer coding. What it was kind about cannot
//! be seen afterwards. So the bytes are looked at on their way to it, and a head with anything in it that another
//! program could read differently is refused, whatever hyper made of it.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Largest head that is followed; hyper's own limit is below.
const MAX_HEAD: usize = 128 << 10;
/// Heads that may wait while one is answered.
const MAX_WAITING: usize = 4096;

/// What was seen of a head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The target, byte for byte.
    pub(crate) target: String,
    /// Why it is refused.
    pub(crate) fault: Option<&'static str>,
    /// What follows on the connection is not looked at, so that nothing may follow.
    pub(crate) last: bool,
}

/// The heads of a connection, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heads(Arc<Mutex<Reader>>);

impl Heads {
    /// The next head; nothing where this reading does not find as many as hyper's.
    pub(crate) fn next(&self) -> Option<Head> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .seen
            .pop_front()
    }

    /// Takes bytes as they come.
    pub(crate) fn feed(&self, bytes: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).feed(bytes);
    }
}

#[derive(Debug, Default)]
struct Reader {
    phase: Phase,
    head: Vec<u8>,
    seen: VecDeque<Head>,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Head,
    /// So many bytes of a body.
    Body(u64),
    /// Nothing that follows is a head.
    Blind,
}

impl Reader {
    fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match self.phase {
                Phase::Blind => return,
                Phase::Body(left) => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    bytes = bytes.get(here..).unwrap_or_default();
                    let left = left.saturating_sub(here as u64);
                    self.phase = if left == 0 { Phase::Head } else { Phase::Body(left) };
                }
                Phase::Head => bytes = self.head(bytes),
            }
        }
    }

    /// Takes bytes up to the end of a head and returns the others.
    fn head<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        for (at, &byte) in bytes.iter().enumerate() {
            let after_return = self.head.last() == Some(&b'\r');
            // A line ends with both, and neither stands alone.
            if (byte == b'\n') != after_return {
                self.end("a line of the head does not end as lines do");
                return &[];
            }
            self.head.push(byte);
            if byte == b'\n' && self.head.ends_with(b"\r\n\r\n") {
                self.complete();
                return bytes.get(at.saturating_add(1)..).unwrap_or_default();
            }
        }
        if self.head.len() > MAX_HEAD || self.seen.len() > MAX_WAITING {
            self.end("the head is too long");
        }
        &[]
    }

    fn end(&mut self, fault: &'static str) {
        self.head = Vec::new();
        self.phase = Phase::Blind;
        self.seen.push_back(Head {
            target: String::new(),
            fault: Some(fault),
            last: true,
        });
    }

    fn complete(&mut self) {
        let head = std::mem::take(&mut self.head);
        match read(&head) {
            Err(fault) => self.end(fault),
            Ok((target, framing)) => {
                self.phase = match framing {
                    Framing::Length(0) => Phase::Head,
                    Framing::Length(length) => Phase::Body(length),
                    Framing::Other => Phase::Blind,
                };
                self.seen.push_back(Head {
                    target,
                    fault: None,
                    last: self.phase == Phase::Blind,
                });
            }
        }
    }
}

/// How a body ends.
enum Framing {
    Length(u64),
    /// By chunks, or it is no request any more afterwards.
    Other,
}

fn read(head: &[u8]) -> Result<(String, Framing), &'static str> {
    let text = head.strip_suffix(b"\r\n\r\n").unwrap_or(head);
    let mut lines = text
        .split(|b| *b == b'\n')
        .map(|l| l.strip_suffix(b"\r").unwrap_or(l));
    let first = lines.next().unwrap_or_default();
    let first = std::str::from_utf8(first).map_err(|_| "the first line is no text")?;
    let mut words = first.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err("the first line is not three words");
    };
    if method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase()) || version != "HTTP/1.1" {
        return Err("the first line is not one of HTTP/1.1");
    }
    let (mut lengths, mut codings, mut hosts, mut upgrades) = (Vec::new(), Vec::new(), 0_u32, false);
    for line in lines {
        let colon = line
            .iter()
            .position(|b| *b == b':')
            .ok_or("a header has no colon")?;
        let (name, value) = line.split_at_checked(colon).ok_or("a header has no colon")?;
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if name.is_empty() || !name.iter().all(|b| is_token(*b)) {
            return Err("a header's name is none");
        }
        if value.iter().any(|b| (*b < 0x20 && *b != b'\t') || *b == 0x7f) {
            return Err("a header holds control characters");
        }
        match name.to_ascii_lowercase().as_slice() {
            b"content-length" => lengths.push(value),
            b"transfer-encoding" => codings.push(value),
            b"host" => hosts = hosts.saturating_add(1),
            b"upgrade" => upgrades = true,
            _ => {}
        }
    }
    if hosts != 1 {
        return Err("there is not one `Host`");
    }
    let framing = match (lengths.as_slice(), codings.as_slice()) {
        ([], []) => Framing::Length(0),
        ([length], []) => Framing::Length(number(length).ok_or("the length is no number")?),
        ([], [coding]) if coding.eq_ignore_ascii_case(b"chunked") => Framing::Other,
        ([], [_]) => return Err("the transfer coding is not `chunked`"),
        _ => return Err("the head says twice where the body ends"),
    };
    if upgrades {
        return match framing {
            Framing::Length(0) => Ok((target.to_owned(), Framing::Other)),
            Framing::Length(_) | Framing::Other => Err("an upgrade has a body"),
        };
    }
    Ok((target.to_owned(), framing))
}

/// Digits and nothing else; `+1`, `0x1`, `1,1` and numbers that overflow somewhere are none.
fn number(text: &[u8]) -> Option<u64> {
    let plain = !text.is_empty() && text.len() <= 18 && text.iter().all(u8::is_ascii_digit);
    plain
        .then(|| std::str::from_utf8(text).ok()?.parse().ok())
        .flatten()
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A stream whose heads are read along.
pub(crate) struct Watched<S> {
    stream: S,
    heads: Heads,
}

impl<S> Watched<S> {
    pub(crate) fn new(stream: S, heads: Heads) -> Self {
        Self { stream, heads }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Some(new) = buf.filled().get(before..) {
            self.heads.feed(new);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(bytes: &str, step: usize) -> Vec<Option<String>> {
        let heads = Heads::default();
        for part in bytes.as_bytes().chunks(step) {
            heads.feed(part);
        }
        let mut out = Vec::new();
        while let Some(head) = heads.next() {
            out.push(head.fault.is_none().then_some(head.target));
        }
        out
    }

    #[test]
    fn requests_that_follow_each_other_are_told_apart() {
        let bytes = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n\r\n\r\n\n\n\n\nGET /b?x HTTP/1.1\r\nHost: a\r\n\r\n";
        for step in [1, 3, 1000] {
            assert_eq!(
                seen(bytes, step),
                [Some("/a".to_owned()), Some("/b?x".to_owned())],
                "{step}"
            );
        }
    }

    #[test]
    fn whatever_others_read_differently_is_refused() {
        for head in [
            "GET / HTTP/1.1\nHost: a\n\n",
            "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /\tHTTP/1.1\r\nHost: a\r\n\r\n",
            "get / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n X: folded\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\n",
        ] {
            assert_eq!(seen(head, 7), [None], "{head:?}");
        }
    }

    #[test]
    fn nothing_is_read_after_chunks_and_upgrades() {
        for header in ["Transfer-Encoding: Chunked", "Upgrade: websocket"] {
            let bytes =
                format!("POST /a HTTP/1.1\r\nHost: a\r\n{header}\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(seen(&bytes, 5), [Some("/a".to_owned())]);
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(bytes in "(GET / HTTP/1.1|\r\n|\r|\n|Host: a|Content-Length: 9|[a: ]){0,12}", step in 1_usize..9) {
            let _ = seen(&bytes, step);
        }
    }
}
