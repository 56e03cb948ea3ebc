//! Who did what, and above all who got which model: written before it happens, and again when it has ended.
//!
//! A request is sent on only once its line is written, so what is not in the log did not happen. Whoever has a line that has to
//! be there writes it at once, with all that waits: handing it to a thread and waiting for the answer costs two turns of
//! the scheduler, which on a busy machine are most of what a proxy adds. Whoever finds somebody else writing leaves it to
//! the thread, so that a disk that hangs holds up one worker and not all. What has already happened waits for the next
//! one who writes, or a moment. What strangers are refused is written up to a number a minute and only counted beyond
//! that, since they must not be able to fill the disk.

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
        Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// Refusals of strangers that are written a minute.
const REFUSALS: u32 = 300;
/// How long what has happened waits for somebody who writes anyway.
const GATHER: Duration = Duration::from_millis(10);
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
pub(crate) struct Log {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    refusals: Mutex<Tally>,
}

struct Shared {
    waiting: Mutex<Waiting>,
    some: Condvar,
    /// Held by whoever writes; what waits is taken only while it is held, so that nothing overtakes.
    pen: Mutex<Pen>,
    stuck: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    entries: Vec<Entry>,
    /// Somebody waits for it.
    urgent: bool,
    /// The thread has seen that there is something.
    seen: bool,
    closed: bool,
}

struct Pen {
    writer: Writer,
    sink: Box<dyn Sink>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn into_sink(sink: impl Sink, writer: Writer) -> Self {
        let shared = Arc::new(Shared {
            waiting: Mutex::default(),
            some: Condvar::new(),
            pen: Mutex::new(Pen {
                writer,
                sink: Box::new(sink),
            }),
            stuck: AtomicBool::new(false),
        });
        let writes = Arc::clone(&shared);
        let thread = std::thread::spawn(move || writes.run());
        Self {
            shared,
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
        self.shared.stuck.load(Ordering::Relaxed)
    }

    /// Writes a line, and says whether it is written.
    pub(crate) async fn written(&self, mut record: Record) -> bool {
        let text = record.text();
        let text = match self.shared.write_now(text) {
            Ok(fine) => return fine,
            Err(text) => text,
        };
        let (done, answer) = oneshot::channel();
        self.shared.leave(Entry {
            text,
            written: Some(done),
        }) && answer.await.unwrap_or(false)
    }

    /// Writes a line of something that has already happened.
    pub(crate) fn later(&self, mut record: Record) {
        self.shared.leave(Entry {
            text: record.text(),
            written: None,
        });
    }

    /// Writes that a stranger was refused, unless there are too many of them.
    pub(crate) fn refused(&self, record: Record) {
        let mut tally = locked(&self.refusals);
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
        self.settle(&mut locked(&self.refusals));
        self.later(Record::of("stop"));
        locked(&self.shared.waiting).closed = true;
        self.shared.some.notify_all();
        let thread = locked(&self.thread).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Leaves a line to whoever writes next; not after the end.
    fn leave(&self, entry: Entry) -> bool {
        let mut waiting = locked(&self.waiting);
        if waiting.closed {
            return false;
        }
        let wakes = entry.written.is_some() || !waiting.seen;
        waiting.urgent |= entry.written.is_some();
        waiting.seen = true;
        waiting.entries.push(entry);
        drop(waiting);
        if wakes {
            self.some.notify_all();
        }
        true
    }

    /// Writes a line with all that waits, if nobody else writes; otherwise gives it back.
    fn write_now(&self, text: String) -> Result<bool, String> {
        let mut pen = match self.pen.try_lock() {
            Ok(pen) => pen,
            Err(TryLockError::Poisoned(e)) => e.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(text),
        };
        let mut waiting = locked(&self.waiting);
        if waiting.closed {
            return Ok(false);
        }
        waiting.urgent = false;
        let entries = std::mem::take(&mut waiting.entries);
        drop(waiting);
        Ok(self.write(&mut pen, entries, Some(text)))
    }

    /// Writes what nobody else does, until the end.
    fn run(&self) {
        loop {
            let nothing = |w: &mut Waiting| w.entries.is_empty() && !w.closed;
            let waiting = self.some.wait_while(locked(&self.waiting), nothing);
            let waiting = waiting.unwrap_or_else(PoisonError::into_inner);
            let calm = |w: &mut Waiting| !w.urgent && !w.closed;
            let gathered = self.some.wait_timeout_while(waiting, GATHER, calm);
            drop(gathered.unwrap_or_else(PoisonError::into_inner));
            let mut pen = locked(&self.pen);
            let mut waiting = locked(&self.waiting);
            (waiting.urgent, waiting.seen) = (false, false);
            let (entries, closed) = (std::mem::take(&mut waiting.entries), waiting.closed);
            drop(waiting);
            self.write(&mut pen, entries, None);
            if closed {
                pen.sink.sync();
                return;
            }
        }
    }

    fn write(&self, pen: &mut Pen, entries: Vec<Entry>, own: Option<String>) -> bool {
        if entries.is_empty() && own.is_none() {
            return true;
        }
        // What has happened goes first, also what could not be written before.
        let (asked, past): (Vec<_>, Vec<_>) = entries.into_iter().partition(|e| e.written.is_some());
        let Pen { writer, sink } = pen;
        writer.kept.extend(past.into_iter().map(|e| e.text));
        let kept = std::mem::take(&mut writer.kept);
        let caught_up = writer.write(sink.as_mut(), &kept);
        if !caught_up {
            writer.kept = kept;
            writer.kept.truncate(MAX_KEPT);
        }
        let mut texts: Vec<String> = asked.iter().map(|e| e.text.clone()).collect();
        texts.extend(own);
        let fine = caught_up && writer.write(sink.as_mut(), &texts);
        self.stuck.store(!fine, Ordering::Relaxed);
        for written in asked.into_iter().filter_map(|e| e.written) {
            let _ = written.send(fine);
        }
        fine
    }
}

struct Writer {
    seq: u64,
    last: String,
    /// What has happened and could not be written yet.
    kept: Vec<String>,
}

impl Writer {
    /// Appends lines, all or none.
    fn write(&mut self, sink: &mut dyn Sink, texts: &[String]) -> bool {
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

    /// A disk that hangs until it is told to go on.
    struct Hanging {
        entered: std::sync::mpsc::Sender<()>,
        go_on: std::sync::mpsc::Receiver<()>,
    }

    impl Sink for Hanging {
        fn append(&mut self, _: &[u8]) -> io::Result<()> {
            self.entered.send(()).unwrap();
            self.go_on.recv().map_err(io::Error::other)
        }
    }

    #[test]
    fn a_disk_that_hangs_holds_up_one_who_writes_and_no_other() {
        use std::{pin::pin, sync::mpsc::channel, task};
        let ((entered, has_entered), (go, go_on)) = (channel(), channel());
        let writer = Writer {
            seq: 0,
            last: hex(&[0; 32]),
            kept: Vec::new(),
        };
        let log = Arc::new(Log::into_sink(Hanging { entered, go_on }, writer));
        let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
        let first = std::thread::spawn({
            let log = Arc::clone(&log);
            move || runtime().block_on(log.written(Record::of("first")))
        });
        has_entered.recv().unwrap();
        let mut second = pin!(log.written(Record::of("second")));
        let polled = second
            .as_mut()
            .poll(&mut task::Context::from_waker(task::Waker::noop()));
        assert!(polled.is_pending(), "it waits without holding up who asks");
        log.later(Record::of("ended"));
        for _ in 0..3 {
            go.send(()).unwrap();
        }
        assert!(first.join().unwrap() && runtime().block_on(second));
        drop(go);
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
