//! Who did what, and above all who got which model: written before it happens, and again when it has ended.
//!
//! A request is sent on only once its line is written, so what is not in the log did not happen. One thread writes; what
//! comes in while it does is written together the next time. What strangers are refused is written up to a number a
//! minute and only counted beyond that, since they must not be able to fill the disk.

use super::{
    chain::{self, LogError},
    files,
    password::hex,
    target::pairs,
    time,
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::{
    fs::File,
    io::{self, BufReader, Write as _},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// Refusals of strangers that are written a minute.
const REFUSALS: u32 = 300;
/// Lines that are written together.
const TOGETHER: usize = 256;
/// Ends of requests that wait for a disk that is full.
const MAX_KEPT: usize = 100_000;

/// A line of the log.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Record {
    pub(crate) time: String,
    pub(crate) event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) principal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) credential: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) product: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) names: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    /// Bytes of the body that the client sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) received: Option<u64>,
    /// Bytes of the body that it got.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sent: Option<u64>,
    /// Whether it got all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) whole: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) torn: Option<String>,
}

impl Record {
    pub(crate) fn of(event: &'static str) -> Self {
        Self {
            event,
            ..Self::default()
        }
    }

    fn text(&mut self) -> String {
        self.time = time::stamp();
        // Numbers and texts always have a form.
        serde_json::to_string(self).unwrap_or_default()
    }
}

struct Entry {
    text: String,
    written: Option<oneshot::Sender<bool>>,
}

/// The log of a gateway that runs.
#[derive(Debug)]
pub(crate) struct Log {
    sender: Mutex<Option<Sender<Entry>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    refusals: Mutex<Tally>,
    stuck: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Tally {
    since: Instant,
    written: u32,
    more: u64,
}

/// Where lines go.
pub(crate) trait Sink: Send + 'static {
    /// Appends all of it, or nothing.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Sees that it is on disk.
    fn sync(&mut self) {}
}

/// A file that only grows.
struct Growing {
    file: File,
    length: u64,
}

impl Sink for Growing {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(bytes);
        if written.is_ok() {
            self.length = self.length.saturating_add(bytes.len() as u64);
        } else {
            // Half a line would break the chain; if this fails, too, the next append does not succeed either.
            self.file.set_len(self.length)?;
        }
        written
    }

    fn sync(&mut self) {
        let _ = self.file.sync_data();
    }
}

impl Log {
    /// Opens a log, sees that it is whole, and goes on with it.
    pub(crate) fn open(path: &Path) -> Result<Self, LogError> {
        let file = files::open_growing(path)?;
        let state = chain::follow(&mut BufReader::new(&file), None, |_| {})?;
        let mut sink = Growing {
            length: file.metadata()?.len(),
            file,
        };
        let mut writer = Writer {
            seq: state.records,
            last: state.last,
            kept: Vec::new(),
            stuck: Arc::default(),
        };
        if let Some(torn) = state.torn {
            sink.append(b"\n")?;
            let mut record = Record::of("recovered");
            record.torn = Some(torn);
            if !writer.write(&mut sink, &[record.text()]) {
                return Err(LogError::Io(io::Error::other("nothing can be written to it")));
            }
        }
        Ok(Self::into_sink(sink, writer))
    }

    fn into_sink(mut sink: impl Sink, mut writer: Writer) -> Self {
        let (sender, receiver) = mpsc::channel();
        let stuck = Arc::clone(&writer.stuck);
        let thread = std::thread::spawn(move || writer.run(&receiver, &mut sink));
        Self {
            stuck,
            sender: Mutex::new(Some(sender)),
            thread: Mutex::new(Some(thread)),
            refusals: Mutex::new(Tally {
                since: Instant::now(),
                written: 0,
                more: 0,
            }),
        }
    }

    /// Whether the last lines could not be written.
    pub(crate) fn is_stuck(&self) -> bool {
        self.stuck.load(Ordering::Relaxed)
    }

    /// Writes a line, and says whether it is written.
    pub(crate) async fn written(&self, mut record: Record) -> bool {
        let (done, answer) = oneshot::channel();
        self.send(Entry {
            text: record.text(),
            written: Some(done),
        }) && answer.await.unwrap_or(false)
    }

    /// Writes a line of something that has already happened.
    pub(crate) fn later(&self, mut record: Record) {
        self.send(Entry {
            text: record.text(),
            written: None,
        });
    }

    /// Writes that a stranger was refused, unless there are too many of them.
    pub(crate) fn refused(&self, record: Record) {
        let mut tally = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if tally.since.elapsed() >= Duration::from_secs(60) {
            self.settle(&mut tally);
        }
        if tally.written < REFUSALS {
            tally.written = tally.written.saturating_add(1);
            self.later(record);
        } else {
            tally.more = tally.more.saturating_add(1);
        }
    }

    /// Writes how many were only counted.
    fn settle(&self, tally: &mut Tally) {
        if tally.more > 0 {
            let mut record = Record::of("refused-more");
            record.count = Some(tally.more);
            self.later(record);
        }
        *tally = Tally {
            since: Instant::now(),
            written: 0,
            more: 0,
        };
    }

    /// Writes what waits, and waits until it is on disk.
    pub(crate) fn close(&self) {
        self.settle(&mut self.refusals.lock().unwrap_or_else(PoisonError::into_inner));
        self.later(Record::of("stop"));
        self.sender.lock().unwrap_or_else(PoisonError::into_inner).take();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }

    fn send(&self, entry: Entry) -> bool {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        sender.as_ref().is_some_and(|s| s.send(entry).is_ok())
    }
}

struct Writer {
    seq: u64,
    last: String,
    /// What has happened and could not be written yet.
    kept: Vec<String>,
    stuck: Arc<AtomicBool>,
}

impl Writer {
    fn run(&mut self, entries: &Receiver<Entry>, sink: &mut impl Sink) {
        while let Ok(first) = entries.recv() {
            let mut together = vec![first];
            together.extend(entries.try_iter().take(TOGETHER));
            // What has happened goes first, also what could not be written before.
            let (asked, past): (Vec<_>, Vec<_>) = together.into_iter().partition(|e| e.written.is_some());
            self.kept.extend(past.into_iter().map(|e| e.text));
            let kept = std::mem::take(&mut self.kept);
            let caught_up = self.write(sink, &kept);
            if !caught_up {
                self.kept = kept;
                self.kept.truncate(MAX_KEPT);
            }
            let texts: Vec<String> = asked.iter().map(|e| e.text.clone()).collect();
            let fine = caught_up && self.write(sink, &texts);
            self.stuck.store(!fine, Ordering::Relaxed);
            for entry in asked {
                if let Some(written) = entry.written {
                    let _ = written.send(fine);
                }
            }
        }
        sink.sync();
    }

    /// Appends lines, all or none.
    fn write(&mut self, sink: &mut impl Sink, texts: &[String]) -> bool {
        let (mut seq, mut last, mut out) = (self.seq, self.last.clone(), String::new());
        for text in texts {
            seq = seq.saturating_add(1);
            let line = chain::line(seq, &last, text);
            last = hex(&Sha256::digest(line.as_bytes()));
            out.push_str(&line);
            out.push('\n');
        }
        if !out.is_empty() && sink.append(out.as_bytes()).is_err() {
            return false;
        }
        (self.seq, self.last) = (seq, last);
        true
    }
}

/// A target as the log shows it: without the secrets that stand in queries.
pub(crate) fn masked(raw: &str) -> String {
    let Some((path, query)) = raw.split_once('?') else {
        return raw.to_owned();
    };
    let shown: Vec<String> = query
        .split('&')
        .map(|pair| {
            let secret = pairs(pair).any(|(key, value)| is_secret(&key, &value));
            match pair.split_once('=') {
                Some((key, _)) if secret => format!("{key}=***"),
                None if secret => "***".to_owned(),
                _ => pair.to_owned(),
            }
        })
        .collect();
    format!("{path}?{}", shown.join("&"))
}

fn is_secret(key: &str, value: &str) -> bool {
    let key = key.to_lowercase().replace('-', "_");
    let holds = [
        "token",
        "secret",
        "passw",
        "signature",
        "credential",
        "auth",
        "jwt",
        "api_key",
        "apikey",
        "access_key",
    ];
    let is = ["key", "sig", "code", "pwd", "session", "sessionid", "session_id"];
    let starts = ["whg_", "hf_", "sk-", "eyj", "ghp_", "akia"];
    // `pageToken=` of MLflow's lists is no secret, but nobody needs it in a log either.
    holds.iter().any(|h| key.contains(h))
        || is.contains(&key.as_str())
        || [&key, &value.to_lowercase()]
            .iter()
            .any(|v| starts.iter().any(|s| v.starts_with(s)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_queries_are_not_written() {
        for (raw, shown) in [
            ("/a", "/a"),
            ("/a?run=1&path=m.bin", "/a?run=1&path=m.bin"),
            ("/a?token=abc&x=1", "/a?token=***&x=1"),
            (
                "/a?X-Amz-Signature=ab&t%6fken=1",
                "/a?X-Amz-Signature=***&t%6fken=***",
            ),
            ("/a?x=whg_abc", "/a?x=***"),
            ("/a?hf_abc", "/a?***"),
            ("/a?", "/a?"),
        ] {
            assert_eq!(masked(raw), shown);
        }
    }

    /// A disk that can be full.
    struct Disk {
        full: Arc<AtomicBool>,
        lines: Arc<Mutex<Vec<u8>>>,
    }

    impl Sink for Disk {
        fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
            if self.full.load(Ordering::SeqCst) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.lines.lock().unwrap().extend(bytes);
            Ok(())
        }
    }

    #[test]
    fn while_the_disk_is_full_nothing_is_let_through_and_nothing_is_lost() {
        let (full, lines) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let disk = Disk {
            full: Arc::clone(&full),
            lines: Arc::clone(&lines),
        };
        let writer = Writer {
            seq: 0,
            last: hex(&[0; 32]),
            kept: Vec::new(),
            stuck: Arc::default(),
        };
        let log = Log::into_sink(disk, writer);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let ask = |event| runtime.block_on(log.written(Record::of(event)));
        assert!(ask("one"));
        full.store(true, Ordering::SeqCst);
        log.later(Record::of("ended"));
        assert!(!ask("two") && log.is_stuck(), "its line is not there");
        full.store(false, Ordering::SeqCst);
        assert!(ask("three") && !log.is_stuck());
        log.close();
        let written = lines.lock().unwrap().clone();
        let mut events = Vec::new();
        chain::follow(&mut written.as_slice(), None, |l| {
            let value: serde_json::Value = serde_json::from_slice(l).unwrap();
            events.push(value["event"].as_str().unwrap().to_owned());
        })
        .unwrap();
        assert_eq!(events, ["one", "ended", "three", "stop"]);
    }

    #[test]
    fn strangers_do_not_fill_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let log = Log::open(&path).unwrap();
        for _ in 0..10_000 {
            log.refused(Record::of("refused"));
        }
        assert!(Log::open(&path).is_err(), "one gateway a log");
        log.close();
        let state = chain::verify(&path, None).unwrap();
        assert_eq!(state.records, u64::from(REFUSALS) + 2);
    }
}
