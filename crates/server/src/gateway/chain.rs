//! The chain of the log: every line holds the digest of the one before it, so that none can be changed, taken out or put in
//! without every later one being wrong.
//!
//! Whoever may write the file can still write it anew from some line on. Keep the digest that `verify` prints somewhere
//! else, and an older state is proved, too.

use super::{
    files::{self, FileError},
    password::hex,
};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::{
    io::{self, BufRead, BufReader, Read as _},
    path::Path,
};

/// The longest line of a log: a target and the names in it, escaped.
const MAX_LINE: usize = 1 << 20;

/// Why a log is not what was written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file.
    #[error("{0}")]
    File(#[from] FileError),
    /// It cannot be read.
    #[error("the log cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A line does not follow the one before it.
    #[error("line {line} of the log {why}")]
    Broken {
        /// Its number.
        line: u64,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The state that was expected is none of it.
    #[error("no line of the log has the digest that was expected")]
    OtherState,
}

/// A log that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Lines.
    pub records: u64,
    /// Digest of the last line, or zeros.
    pub last: String,
    /// Starts after a line that was not written to its end.
    pub recovered: u64,
    /// The last line has no end: bytes, and their digest.
    pub(crate) torn: Option<String>,
}

#[derive(Deserialize)]
struct Link<'a> {
    seq: u64,
    previous: &'a str,
    #[serde(default)]
    event: &'a str,
    torn: Option<&'a str>,
}

/// Follows the chain of a log. `expected`: a digest that one of its lines must have.
///
/// # Errors
/// When the file cannot be read or a line does not follow the one before it.
pub fn verify(path: &Path, expected: Option<&str>) -> Result<Verified, LogError> {
    follow(&mut BufReader::new(files::open_public(path)?), expected, |_| {})
}

/// Follows a chain and shows every line that belongs to it.
pub(crate) fn follow(
    log: &mut impl BufRead,
    expected: Option<&str>,
    mut each: impl FnMut(&[u8]),
) -> Result<Verified, LogError> {
    let mut state = Verified {
        records: 0,
        last: hex(&[0; 32]),
        recovered: 0,
        torn: None,
    };
    let mut met = expected.is_none_or(|e| e == state.last);
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let most = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
        if log.by_ref().take(most).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let broken = |why| Err(LogError::Broken { line: number, why });
        let whole = line.pop_if(|b| *b == b'\n').is_some();
        if !whole && line.len() >= MAX_LINE {
            return broken("is too long");
        }
        let digest = hex(&Sha256::digest(&line));
        let link = serde_json::from_slice::<Link<'_>>(&line).ok();
        let follows = link
            .as_ref()
            .is_some_and(|l| l.seq == state.records.saturating_add(1) && l.previous == state.last);
        match (link, state.torn.take()) {
            // A crash leaves a line without its end; the next start says what it found.
            (Some(link), Some(torn))
                if follows && whole && link.event == "recovered" && link.torn == Some(&torn) =>
            {
                state.recovered = state.recovered.saturating_add(1);
            }
            (_, Some(_)) => {
                return Err(LogError::Broken {
                    line: number.saturating_sub(1),
                    why: "is no record",
                });
            }
            (Some(_), None) if follows && whole => {}
            (Some(_), None) if whole => return broken("does not follow the one before it"),
            (_, None) => {
                state.torn = Some(digest);
                continue;
            }
        }
        each(&line);
        met |= expected == Some(digest.as_str());
        state.records = state.records.saturating_add(1);
        state.last = digest;
    }
    if !met {
        return Err(LogError::OtherState);
    }
    Ok(state)
}

/// A request that was sent on and has ended.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Answered {
    /// When it ended.
    pub time: String,
    /// Who asked.
    pub principal: String,
    /// With what.
    #[serde(default)]
    pub credential: String,
    /// How.
    #[serde(default)]
    pub method: String,
    /// For what.
    #[serde(default)]
    pub path: String,
    /// The models and artifacts that it was about.
    #[serde(default)]
    pub names: Vec<String>,
    /// What came back.
    pub status: Option<u16>,
    /// Bytes that the client sent.
    #[serde(default)]
    pub received: u64,
    /// Bytes that it got.
    #[serde(default)]
    pub sent: u64,
    /// Whether it got all of it.
    #[serde(default)]
    pub whole: bool,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(default)]
    event: &'a str,
}

/// Follows the chain of a log and shows the requests that were answered.
///
/// # Errors
/// As [`verify`]; what was shown until then belongs to the chain.
pub fn answered(path: &Path, mut each: impl FnMut(Answered)) -> Result<Verified, LogError> {
    follow(&mut BufReader::new(files::open_public(path)?), None, |line| {
        let is_answer = serde_json::from_slice::<Event<'_>>(line).is_ok_and(|e| e.event == "answer");
        if let Some(answer) = is_answer.then(|| serde_json::from_slice(line).ok()).flatten() {
            each(answer);
        }
    })
}

/// Puts a line together; `rest` is a JSON object.
pub(crate) fn line(seq: u64, previous: &str, rest: &str) -> String {
    let inner = rest.strip_prefix('{').unwrap_or(rest);
    format!("{{\"seq\":{seq},\"previous\":\"{previous}\",{inner}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(events: &[&str]) -> String {
        let (mut out, mut last) = (String::new(), hex(&[0; 32]));
        for (at, event) in events.iter().enumerate() {
            let line = line(at as u64 + 1, &last, event);
            last = hex(&Sha256::digest(line.as_bytes()));
            out.push_str(&line);
            out.push('\n');
        }
        out
    }

    fn followed(log: &str) -> Result<u64, String> {
        follow(&mut log.as_bytes(), None, |_| {})
            .map(|v| v.records)
            .map_err(|e| e.to_string())
    }

    #[test]
    fn every_change_is_seen() {
        let log = written(&[r#"{"event":"a"}"#, r#"{"event":"b"}"#, r#"{"event":"c"}"#]);
        assert_eq!(followed(&log), Ok(3));
        let lines: Vec<&str> = log.lines().collect();
        let of = |lines: &[&str]| lines.iter().map(|l| format!("{l}\n")).collect::<String>();
        let wrong = "does not follow the one before it";
        for (changed, line) in [
            (log.replace("\"b\"", "\"x\""), 3),
            (of(&[lines[0], lines[2]]), 2),
            (of(&[lines[1], lines[2]]), 1),
            (of(&[lines[0], lines[0], lines[1], lines[2]]), 2),
            (of(&[lines[0], lines[2], lines[1]]), 2),
        ] {
            assert_eq!(followed(&changed), Err(format!("line {line} of the log {wrong}")));
        }
        let junk = of(&[lines[0], "junk", lines[1], lines[2]]);
        assert_eq!(followed(&junk), Err("line 2 of the log is no record".to_owned()));
    }

    #[test]
    fn an_end_that_is_missing_shows_by_a_digest_that_was_kept() {
        let log = written(&[r#"{"event":"a"}"#, r#"{"event":"b"}"#]);
        let last = follow(&mut log.as_bytes(), None, |_| {}).unwrap().last;
        assert!(follow(&mut log.as_bytes(), Some(&last), |_| {}).is_ok());
        let shorter = format!("{}\n", log.lines().next().unwrap());
        let told = follow(&mut shorter.as_bytes(), Some(&last), |_| {}).unwrap_err();
        assert_eq!(
            told.to_string(),
            "no line of the log has the digest that was expected"
        );
    }

    #[test]
    fn a_line_that_a_crash_cut_off_is_told_and_not_hidden() {
        let first = written(&[r#"{"event":"a"}"#]);
        let cut = format!("{first}{{\"seq\":2,\"prev");
        let state = follow(&mut cut.as_bytes(), None, |_| {}).unwrap();
        let torn = state.torn.unwrap();
        let next = line(
            2,
            &state.last,
            &format!(r#"{{"event":"recovered","torn":"{torn}"}}"#),
        );
        let whole = format!("{cut}\n{next}\n");
        assert_eq!(follow(&mut whole.as_bytes(), None, |_| {}).unwrap().recovered, 1);
        let other = line(2, &state.last, r#"{"event":"b"}"#);
        assert!(followed(&format!("{cut}\n{other}\n")).is_err());
    }

    proptest::proptest! {
        #[test]
        fn never_panics(log in "([{\"seq:1,previous}\n0é]){0,60}") {
            let _ = followed(&log);
        }
    }
}
