//! Whole files fetched to disk, going on where an earlier run was interrupted.
//!
//! The one decision: what is already there is only gone on with if the server says that the file is still the same one.
//! The part lies beside the file that it is to become, with a note of what the server called it (its entity tag, else
//! its day of change) and how long it is to be. Without such a name, or where the server ignores ranges or has another
//! file by now, everything is fetched anew.

use super::{
    file::content_range,
    http::{Answer, Ask, Fault, Network, is_passing, without_query},
};
use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};
use ureq::{
    Body,
    http::{HeaderMap, Response},
};
use wellhead_core::code;

/// How much is read at a time.
const CHUNK: usize = 64 << 10;
/// Longest note beside a part.
const NOTE: u64 = 64 << 10;

/// Why a file could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FetchError {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl From<Fault> for FetchError {
    fn from(fault: Fault) -> Self {
        Self {
            hint: fault
                .hint
                .unwrap_or_else(|| "check the address, the connection and the proxy".to_owned()),
            message: fault.words,
        }
    }
}

/// What a download came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Downloaded {
    /// Length of the file.
    pub bytes: u64,
    /// How much of it was there from an earlier run.
    pub resumed: u64,
}

/// What is known of the file that a part belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Note {
    url: String,
    validator: String,
    len: u64,
}

/// Where one try ended.
enum Step {
    /// The file is whole and so long.
    Whole(u64),
    /// What is there belongs to another file.
    Stale,
}

struct Job<'a> {
    network: &'a Network,
    url: &'a str,
    part: PathBuf,
    note: PathBuf,
    most: u64,
    cancelled: &'a AtomicBool,
    observe: &'a dyn Fn(u64, Option<u64>),
    /// Length of the part.
    have: u64,
}

impl Network {
    /// Fetches a small file; `None` where it is not there. Stores that do not let strangers list what they hold say
    /// "forbidden" of a file that is not there, so that counts too.
    ///
    /// # Errors
    /// Where the server cannot be asked, refuses, or sends more than `most` bytes.
    pub fn fetch(&self, url: &str, most: u64) -> Result<Option<Vec<u8>>, FetchError> {
        let answer = self.get(&|| Ask {
            url: url.to_owned(),
            most: most.saturating_add(1),
            ..Ask::default()
        })?;
        let shown = code(&without_query(url));
        match answer.status {
            200 if answer.bytes.len() as u64 <= most => Ok(Some(answer.bytes)),
            200 => Err(too_large(&shown, most).into()),
            403 | 404 | 410 => Ok(None),
            _ => Err(answer.refusal(&shown).into()),
        }
    }

    /// Fetches a file to `to`, whole or not at all; what was fetched before an interruption is kept for the next run.
    /// `observe` is told how much is there and how much there will be.
    ///
    /// # Errors
    /// Where the server cannot be asked, refuses, sends more than `most` bytes, or the disk does.
    pub fn download(
        &self,
        url: &str,
        to: &Path,
        most: u64,
        cancelled: &AtomicBool,
        observe: &dyn Fn(u64, Option<u64>),
    ) -> Result<Downloaded, FetchError> {
        if self.options.offline {
            return Err(Fault::new("the network is not to be used")
                .hint("leave out `--offline`")
                .into());
        }
        let mut job = Job {
            network: self,
            url,
            part: beside(to, ".part"),
            note: beside(to, ".part.json"),
            most,
            cancelled,
            observe,
            have: 0,
        };
        if let Some(folder) = to.parent() {
            std::fs::create_dir_all(folder).map_err(|e| disk(&job.part, &e))?;
        }
        let bytes = job.run()?;
        let resumed = job.have;
        std::fs::rename(&job.part, to).map_err(|e| disk(to, &e))?;
        let _ = std::fs::remove_file(&job.note);
        Ok(Downloaded { bytes, resumed })
    }
}

impl Job<'_> {
    fn run(&mut self) -> Result<u64, Fault> {
        let mut pause = self.network.options.pause;
        let (mut tried, mut best) = (1_u32, 0_u64);
        let mut first = true;
        loop {
            let (have, note) = self.at_hand();
            if first {
                self.have = have;
                first = false;
            }
            let mut fault = match self.step(have, note.as_ref()) {
                Ok(Step::Whole(len)) => return Ok(len),
                Ok(Step::Stale) => {
                    self.have = 0;
                    self.discard()?;
                    Fault::new(format!(
                        "{} changes while it is fetched",
                        code(&without_query(self.url))
                    ))
                    .again()
                }
                Err(fault) => fault,
            };
            // A connection that breaks off again and again still gets there, as long as each try brings something.
            let reached = self.at_hand().0;
            if reached > best {
                best = reached;
                tried = 0;
                pause = self.network.options.pause;
            }
            if !fault.is_passing() || self.cancelled.load(Ordering::Relaxed) {
                return Err(fault);
            }
            tried = tried.saturating_add(1);
            if tried > self.network.options.tries {
                if tried > 2 {
                    fault.words = format!("{}, {} times", fault.words, tried.saturating_sub(1));
                }
                return Err(fault);
            }
            fault.rest(&mut pause);
        }
    }

    /// How much of the file is there, and what it is a part of. Nothing is there of a file without a name.
    fn at_hand(&self) -> (u64, Option<Note>) {
        let note = crate::file::read_bounded(&self.note, NOTE)
            .ok()
            .and_then(|bytes| Note::read(&bytes))
            .filter(|n| n.url == self.url);
        let len = std::fs::metadata(&self.part).map_or(0, |m| m.len());
        match note {
            // The last byte is always asked for, since only the server knows whether the file is still that one.
            Some(note) if len <= note.len => (len.min(note.len.saturating_sub(1)), Some(note)),
            _ => (0, None),
        }
    }

    fn discard(&self) -> Result<(), Fault> {
        crate::file::remove(&self.note).map_err(|e| disk(&self.note, &e))?;
        crate::file::remove(&self.part).map_err(|e| disk(&self.part, &e))
    }

    /// One request, and as much of its answer as comes.
    fn step(&mut self, have: u64, note: Option<&Note>) -> Result<Step, Fault> {
        let resume = note.filter(|_| have > 0);
        let (_, response) = self.network.walk(Ask {
            url: self.url.to_owned(),
            range: resume.map(|n| (have, n.len.saturating_sub(1))),
            if_range: resume.map(|n| n.validator.clone()),
            ..Ask::default()
        })?;
        let status = response.status().as_u16();
        match (status, resume) {
            (200, _) => {
                self.have = 0;
                let len = length(response.headers());
                let named = validator(response.headers()).zip(len);
                self.discard()?;
                if let Some((validator, len)) = named {
                    let note = Note {
                        url: self.url.to_owned(),
                        validator,
                        len,
                    };
                    crate::file::write_atomically(&self.note, &note.bytes(), true)
                        .map_err(|e| disk(&self.note, &e))?;
                }
                self.pour(response, 0, len)
            }
            (206, Some(note)) => {
                let same = validator(response.headers()).is_none_or(|v| v == note.validator);
                let answer = head(status, &response, self.url);
                match content_range(&answer) {
                    Some((from, _, len)) if same && from == have && len.is_none_or(|l| l == note.len) => {
                        self.pour(response, have, Some(note.len))
                    }
                    _ => Ok(Step::Stale),
                }
            }
            (416, Some(_)) => Ok(Step::Stale),
            _ => {
                let shown = code(&without_query(self.url));
                let answer = head(status, &response, self.url);
                Err(if is_passing(status) {
                    answer.passing(&shown)
                } else {
                    answer.refusal(&shown)
                })
            }
        }
    }

    /// Writes the body behind what is there.
    fn pour(&self, response: Response<Body>, from: u64, len: Option<u64>) -> Result<Step, Fault> {
        let shown = code(&without_query(self.url));
        if len.is_some_and(|len| len > self.most) {
            return Err(too_large(&shown, self.most));
        }
        let mut options = OpenOptions::new();
        let mut file: File = options
            .write(true)
            .create(true)
            .truncate(false)
            .open(&self.part)
            .map_err(|e| disk(&self.part, &e))?;
        file.set_len(from)
            .and_then(|()| file.seek(SeekFrom::Start(from)))
            .map_err(|e| disk(&self.part, &e))?;
        let mut body = response.into_body().into_with_config().limit(u64::MAX).reader();
        let mut buffer = vec![0; CHUNK];
        let mut done = from;
        loop {
            (self.observe)(done, len);
            if self.cancelled.load(Ordering::Relaxed) {
                return Err(Fault::new("the download was interrupted")
                    .hint("what came so far is kept: the next run goes on from there"));
            }
            let Ok(n) = body.read(&mut buffer) else {
                return Err(breaks_off(&shown, done, len));
            };
            if n == 0 {
                break;
            }
            self.network.came(n);
            done = done.saturating_add(n as u64);
            if done > self.most || len.is_some_and(|len| done > len) {
                return Err(too_large(&shown, len.unwrap_or(self.most)));
            }
            file.write_all(buffer.get(..n).unwrap_or_default())
                .map_err(|e| disk(&self.part, &e))?;
        }
        if len.is_some_and(|len| done < len) {
            return Err(breaks_off(&shown, done, len));
        }
        file.sync_all().map_err(|e| disk(&self.part, &e))?;
        Ok(Step::Whole(done))
    }
}

impl Note {
    fn bytes(&self) -> Vec<u8> {
        let value = serde_json::json!({ "url": self.url, "validator": self.validator, "length": self.len });
        value.to_string().into_bytes()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
        let text = |key: &str| value.get(key)?.as_str().map(str::to_owned);
        Some(Self {
            url: text("url")?,
            validator: text("validator")?,
            len: value.get("length")?.as_u64()?,
        })
    }
}

/// What a server calls a file so that a part can be told from one of another file: a strong entity tag, else the day of
/// change.
fn validator(headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    text("etag")
        .filter(|tag| tag.starts_with('"'))
        .or_else(|| text("last-modified"))
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get("content-length")?.to_str().ok()?.parse().ok()
}

/// An answer without its body.
fn head(status: u16, response: &Response<Body>, url: &str) -> Answer {
    Answer {
        status,
        headers: response.headers().clone(),
        bytes: Vec::new(),
        url: url.to_owned(),
    }
}

fn breaks_off(shown: &str, done: u64, len: Option<u64>) -> Fault {
    let of = len.map_or(String::new(), |len| format!(" of {len}"));
    Fault::new(format!("{shown} breaks off after {done} bytes{of}"))
        .hint("what came so far is kept: the next run goes on from there")
        .again()
}

fn too_large(shown: &str, most: u64) -> Fault {
    Fault::new(format!("{shown} is larger than {most} bytes"))
}

fn disk(path: &Path, e: &std::io::Error) -> Fault {
    let shown = code(&path.to_string_lossy());
    Fault::new(format!("cannot write {shown}: {}", crate::file::words(e)))
        .hint("make room, or set `WELLHEAD_DATA_DIR`")
}

/// A name beside a file.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
