//! What lies behind the gateway: a server that keeps every byte of every head, and does what the path says.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, mpsc},
};

pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    /// Lets the second event of a stream go.
    pub(crate) next_event: mpsc::Sender<()>,
}

impl Upstream {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (next_event, events) = mpsc::channel();
        let (kept, events) = (Arc::clone(&heads), Arc::new(Mutex::new(events)));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, events) = (Arc::clone(&kept), Arc::clone(&events));
                std::thread::Builder::new()
                    .stack_size(256 << 10)
                    .spawn(move || serve(stream, &kept, &events))
                    .unwrap();
            }
        });
        Self {
            address,
            heads,
            next_event,
        }
    }

    /// The heads that have come so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

/// Answers until the connection ends.
fn serve(stream: TcpStream, kept: &Mutex<Vec<String>>, events: &Mutex<mpsc::Receiver<()>>) -> Option<()> {
    let mut out = stream.try_clone().ok()?;
    let mut reader = BufReader::with_capacity(4096, stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        kept.lock().unwrap().push(head.clone());
        let line = head.lines().next()?;
        let (method, target) = line.rsplit_once(' ')?.0.split_once(' ')?;
        let lower = head.to_lowercase();
        let length = lower
            .lines()
            .find_map(|l| l.strip_prefix("content-length: "))
            .and_then(|l| l.parse::<u64>().ok());
        if lower.contains("upgrade: websocket") {
            out.write_all(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            )
            .ok()?;
            let mut buffer = [0; 1024];
            loop {
                let got = reader.read(&mut buffer).ok()?;
                out.write_all(buffer.get(..got).filter(|b| !b.is_empty())?).ok()?;
            }
        }
        let body = match length {
            Some(length) => {
                let mut taken = 0;
                let mut buffer = vec![0; 64 << 10];
                while taken < length {
                    let got = reader.read(&mut buffer).ok()?;
                    taken += got as u64;
                    if got == 0 {
                        return None;
                    }
                }
                taken
            }
            None if lower.contains("transfer-encoding: chunked") => chunked(&mut reader)?,
            None => 0,
        };
        if target.contains("events") {
            out.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: one\n\n")
                .ok()?;
            events.lock().unwrap().recv().ok()?;
            out.write_all(b"data: two\n\n").ok()?;
            return None;
        }
        if let Some((_, size)) = target.split_once("size=") {
            let size: u64 = size.parse().ok()?;
            let from = lower
                .lines()
                .find_map(|l| l.strip_prefix("range: bytes=")?.strip_suffix('-')?.parse().ok());
            artifact(&mut out, size, from)?;
            continue;
        }
        let text = match body {
            0 => format!("{method} {target}"),
            body => format!("{method} {target} {body}"),
        };
        let text = if method == "HEAD" { String::new() } else { text };
        write!(
            out,
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nSet-Cookie: wellhead-session=evil\r\nSet-Cookie: mine=1\r\nKeep-Alive: 5\r\n\r\n{text}",
            text.len()
        )
        .ok()?;
    }
}

/// A large artifact, or what is left of it from somewhere on; each byte says where it stands.
fn artifact(out: &mut TcpStream, size: u64, from: Option<u64>) -> Option<()> {
    let common = "ETag: \"v1\"\r\nAccept-Ranges: bytes\r\n";
    let start = from.unwrap_or(0);
    if start >= size && size > 0 {
        let refusal = "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n";
        return write!(out, "{refusal}Content-Range: bytes */{size}\r\n\r\n").ok();
    }
    let left = size - start;
    match from {
        None => write!(out, "HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n{common}\r\n").ok()?,
        Some(from) => {
            let range = format!("Content-Range: bytes {from}-{}/{size}\r\n", size - 1);
            write!(
                out,
                "HTTP/1.1 206 Partial Content\r\nContent-Length: {left}\r\n{common}{range}\r\n"
            )
            .ok()?;
        }
    }
    let block: Vec<u8> = (0..252 << 10).map(byte_at).collect();
    let (mut left, mut phase) = (left, usize::from(byte_at(start)));
    while left > 0 {
        let here = left.min(251 << 10);
        out.write_all(&block[phase..phase + here as usize]).ok()?;
        left -= here;
        phase = (phase + here as usize) % 251;
    }
    Some(())
}

/// The byte of an artifact at a place.
pub(crate) fn byte_at(at: u64) -> u8 {
    u8::try_from(at % 251).unwrap()
}

fn chunked(reader: &mut BufReader<TcpStream>) -> Option<u64> {
    let mut taken = 0;
    loop {
        let mut size = String::new();
        reader.read_line(&mut size).ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk).ok()?;
        taken += size as u64;
        if size == 0 {
            return Some(taken);
        }
    }
}
