//! Reading an answer of HTTP/1 from somebody who means harm.
//!
//! Strict where leniency would let nonsense pass for an answer, and bounded everywhere: the head, the number of headers,
//! interim answers, chunks, the body. What is compressed although that was not asked for is not unpacked.

use std::{
    fmt,
    io::{self, Read},
};

/// So much of a body is kept.
pub const BODY: usize = 256 << 10;
/// So large may everything before the body be, interim answers included.
const HEAD: usize = 64 << 10;
/// So many headers are kept.
const HEADERS: usize = 128;
/// So many interim answers (`100 Continue`) may come first.
const INTERIM: usize = 8;
/// So long may the line be that begins a chunk.
const CHUNK_LINE: usize = 256;

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case, in their order.
    pub headers: Vec<(String, String)>,
    /// The body, up to [`BODY`].
    pub body: Vec<u8>,
    /// Whether more of it would have come.
    pub is_cut: bool,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeError {
    /// No connection came about.
    Connect(String),
    /// It took too long: to answer at all, or to finish.
    Slow {
        /// Whether anything came.
        begun: bool,
    },
    /// The connection was closed before there was an answer.
    Closed {
        /// Whether anything came.
        begun: bool,
    },
    /// It does not speak HTTP.
    NotHttp {
        /// Whether it sent what TLS begins with.
        is_tls: bool,
    },
    /// Everything before the body is too large, or there are too many interim answers.
    Head,
    /// It is HTTP, and makes no sense.
    Malformed(&'static str),
    /// It is compressed, though that was not asked for.
    Compressed,
    /// No connection over TLS came about, and why.
    Tls(String),
    /// The host was asked as often as one run may.
    HostSpent(u32),
    /// The request is none that may be sent.
    Request,
    /// The log cannot be written, so nothing is sent.
    Log(String),
    /// Somebody pressed Ctrl-C.
    Stopped,
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(why) => write!(f, "no connection: {why}"),
            Self::Slow { begun: false } => f.write_str("no answer in time"),
            Self::Slow { begun: true } => f.write_str("the answer did not end in time"),
            Self::Closed { begun: false } => f.write_str("closed without an answer"),
            Self::Closed { begun: true } => f.write_str("closed in the middle of an answer"),
            Self::NotHttp { is_tls: false } => f.write_str("what answers is not HTTP"),
            Self::NotHttp { is_tls: true } => f.write_str("it expects TLS"),
            Self::Head => f.write_str("the head of the answer is too large"),
            Self::Malformed(why) => write!(f, "the answer is malformed: {why}"),
            Self::Compressed => {
                f.write_str("the answer is compressed, though that was not asked for, and was not unpacked")
            }
            Self::Tls(why) => write!(f, "no connection over TLS: {why}"),
            Self::HostSpent(most) => {
                write!(
                    f,
                    "this host was sent {most} requests, which is all that a run sends to one"
                )
            }
            Self::Request => f.write_str("not a request that is sent"),
            Self::Log(why) => write!(f, "the log of requests cannot be written: {why}"),
            Self::Stopped => f.write_str("interrupted"),
        }
    }
}

/// Why no connection comes about where nobody is: the host itself says so.
pub(super) const NOBODY: &str = "nothing listens there";

impl ProbeError {
    /// Whether the host said that nobody listens at the port.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Connect(why) if why == NOBODY)
    }
}

impl std::error::Error for ProbeError {}

impl Reply {
    /// Reads the answer to a GET from whoever sends it.
    ///
    /// # Errors
    /// Where it is none, or none that can be understood. How long it may take is for the reader to say.
    pub fn read(from: &mut dyn Read) -> Result<Self, ProbeError> {
        read(from, true)
    }
}

/// Reads an answer; `has_body` is false for those to HEAD. The reader ends in time by itself.
pub(super) fn read(from: &mut dyn Read, has_body: bool) -> Result<Reply, ProbeError> {
    let mut input = Input {
        from,
        bytes: Vec::new(),
        at: 0,
        begun: false,
        ended: false,
    };
    let mut spent = 0_usize;
    for _ in 0..=INTERIM {
        let head = input.head(HEAD.saturating_sub(spent))?;
        spent = spent.saturating_add(head.len());
        let (status, headers) = parse(&head)?;
        // 101 would be another protocol, which nobody asked for.
        if (100..200).contains(&status) && status != 101 {
            continue;
        }
        let mut reply = Reply {
            status,
            headers,
            body: Vec::new(),
            is_cut: false,
        };
        if has_body && !matches!(status, 101 | 204 | 304) {
            body(&mut input, &mut reply)?;
        }
        return Ok(reply);
    }
    Err(ProbeError::Head)
}

struct Input<'a> {
    from: &'a mut dyn Read,
    bytes: Vec<u8>,
    /// So much of the bytes is used up.
    at: usize,
    /// Whether anything came at all.
    begun: bool,
    ended: bool,
}

impl Input<'_> {
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Reads some more; false at the end.
    fn more(&mut self) -> Result<bool, ProbeError> {
        if self.ended {
            return Ok(false);
        }
        // What was used up is not kept, so that memory stays at what is waited for.
        self.bytes.drain(..self.at.min(self.bytes.len()));
        self.at = 0;
        let mut chunk = [0_u8; 8 << 10];
        loop {
            match self.from.read(&mut chunk) {
                Ok(0) => {
                    self.ended = true;
                    return Ok(false);
                }
                Ok(n) => {
                    self.begun = true;
                    self.bytes.extend_from_slice(chunk.get(..n).unwrap_or_default());
                    return Ok(true);
                }
                Err(e) => match e.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                        return Err(ProbeError::Slow { begun: self.begun });
                    }
                    // Many close TLS without saying goodbye, and many a server resets when it is done.
                    io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
                        self.ended = true;
                        return Ok(false);
                    }
                    io::ErrorKind::InvalidData => return Err(ProbeError::Tls(words(&e))),
                    _ => return Err(ProbeError::Connect(crate::file::words(&e))),
                },
            }
        }
    }

    /// Everything up to the empty line.
    fn head(&mut self, most: usize) -> Result<Vec<u8>, ProbeError> {
        loop {
            let rest = self.rest();
            if !b"HTTP/".starts_with(rest.get(..5).unwrap_or(rest)) {
                // An alert, or a handshake: what a server of TLS says to who does not speak it.
                let is_tls = matches!(rest, [0x15 | 0x16, 3, ..]);
                return Err(ProbeError::NotHttp { is_tls });
            }
            if let Some(end) = end_of_head(rest) {
                if end > most {
                    return Err(ProbeError::Head);
                }
                let head = rest.get(..end).unwrap_or_default().to_vec();
                self.at = self.at.saturating_add(end);
                return Ok(head);
            }
            if rest.len() > most {
                return Err(ProbeError::Head);
            }
            let begun = !rest.is_empty();
            if !self.more()? {
                return Err(ProbeError::Closed { begun });
            }
        }
    }

    /// Takes up to `most` bytes; fewer at the end.
    fn take(&mut self, most: usize, into: &mut Vec<u8>) -> Result<usize, ProbeError> {
        let mut taken = 0_usize;
        while taken < most {
            if self.rest().is_empty() && !self.more()? {
                break;
            }
            let rest = self.rest();
            let n = rest.len().min(most.saturating_sub(taken));
            into.extend_from_slice(rest.get(..n).unwrap_or_default());
            self.at = self.at.saturating_add(n);
            taken = taken.saturating_add(n);
        }
        Ok(taken)
    }

    /// A line without its end.
    fn line(&mut self) -> Result<Vec<u8>, ProbeError> {
        loop {
            let rest = self.rest();
            if let Some(end) = rest.iter().position(|b| *b == b'\n') {
                let line = rest.get(..end).unwrap_or_default().trim_ascii_end().to_vec();
                self.at = self.at.saturating_add(end).saturating_add(1);
                return Ok(line);
            }
            if rest.len() > CHUNK_LINE {
                return Err(ProbeError::Malformed("a chunk without a length"));
            }
            if !self.more()? {
                return Err(ProbeError::Closed { begun: true });
            }
        }
    }
}

/// Where the head ends, the empty line included.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let mut lines = 0_usize;
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        lines = lines.saturating_add(line.len());
        if matches!(line, b"\n" | b"\r\n") {
            return Some(lines);
        }
    }
    None
}

/// The status line and the headers.
fn parse(head: &[u8]) -> Result<(u16, Vec<(String, String)>), ProbeError> {
    let mut lines = head.split(|b| *b == b'\n').map(<[u8]>::trim_ascii_end);
    let first = lines.next().unwrap_or_default();
    let mut words = first.splitn(3, |b| *b == b' ');
    let version = words.next().unwrap_or_default();
    let status = words.next().unwrap_or_default();
    let is_status = status.len() == 3 && status.iter().all(u8::is_ascii_digit);
    if !version.starts_with(b"HTTP/1.") || !is_status {
        return Err(ProbeError::Malformed("no status"));
    }
    let status: u16 = String::from_utf8_lossy(status).parse().unwrap_or(0);
    if !(100..600).contains(&status) {
        return Err(ProbeError::Malformed("no status"));
    }
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in lines.filter(|l| !l.is_empty()).take(HEADERS) {
        let Some(colon) = line.iter().position(|b| *b == b':') else {
            return Err(ProbeError::Malformed("a header without a colon"));
        };
        let (name, value) = line.split_at_checked(colon).unwrap_or_default();
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        headers.push((
            String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase(),
            String::from_utf8_lossy(value).into_owned(),
        ));
    }
    Ok((status, headers))
}

fn body(input: &mut Input<'_>, reply: &mut Reply) -> Result<(), ProbeError> {
    let header = |name: &str| {
        let mut all = reply.headers.iter();
        all.find(|(n, _)| n == name).map(|(_, v)| v.to_ascii_lowercase())
    };
    if header("content-encoding").is_some_and(|v| !matches!(v.as_str(), "" | "identity")) {
        return Err(ProbeError::Compressed);
    }
    if let Some(coding) = header("transfer-encoding") {
        if coding != "chunked" {
            return Err(ProbeError::Compressed);
        }
        return chunked(input, reply);
    }
    match header("content-length") {
        Some(length) => {
            let length: u64 = length.parse().map_err(|_| ProbeError::Malformed("no length"))?;
            let wanted = usize::try_from(length).unwrap_or(usize::MAX).min(BODY);
            let had = input.take(wanted, &mut reply.body)?;
            reply.is_cut = (had as u64) < length;
        }
        None => {
            input.take(BODY, &mut reply.body)?;
            reply.is_cut = !input.rest().is_empty() || (reply.body.len() >= BODY && input.more()?);
        }
    }
    Ok(())
}

fn chunked(input: &mut Input<'_>, reply: &mut Reply) -> Result<(), ProbeError> {
    loop {
        let line = input.line()?;
        let digits = line.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
        let length = std::str::from_utf8(digits)
            .ok()
            .filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let length = length.and_then(|d| usize::from_str_radix(d, 16).ok());
        let length = length.ok_or(ProbeError::Malformed("a chunk without a length"))?;
        if length == 0 {
            // What follows are headers that nobody needs.
            return Ok(());
        }
        let room = BODY.saturating_sub(reply.body.len());
        let had = input.take(length.min(room), &mut reply.body)?;
        if length > room {
            reply.is_cut = true;
            return Ok(());
        }
        if had < length {
            reply.is_cut = true;
            return Ok(());
        }
        if !input.line()?.is_empty() {
            return Err(ProbeError::Malformed("a chunk longer than it says"));
        }
    }
}

/// What TLS says is wrong, short and harmless.
pub(super) fn words(e: &dyn fmt::Display) -> String {
    let text: String = e.to_string().chars().take(120).collect();
    wellhead_core::escape(&text)
}
