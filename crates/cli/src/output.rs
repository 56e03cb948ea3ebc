//! Bytes to where they were asked for. A reader that has gone away is success.

use crate::{Exit, failure::Failure};
use std::{
    io::{self, Write as _},
    path::Path,
};

/// Writes data to standard output; a broken pipe is success.
pub(crate) fn to_stdout(bytes: &[u8]) -> Result<Exit, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(Exit::Passed),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Passed),
        Err(e) => Err(Failure::new(format!("cannot write to standard output: {e}"))),
    }
}

/// Writes words to standard error, as far as anyone listens.
pub(crate) fn to_stderr(text: &str) {
    let mut out = io::stderr().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes a report to a file, or to standard output where there is none.
pub(crate) fn deliver(text: &str, file: Option<&Path>) -> Result<(), Failure> {
    match file {
        Some(path) if path.as_os_str() != "-" => {
            wellhead_sources::write_atomically(path, text.as_bytes(), false).map_err(|e| {
                let shown = wellhead_core::escape(&path.to_string_lossy());
                Failure::new(format!("cannot write `{shown}`: {e}"))
                    .hint("check that the folder is there and may be written to")
            })
        }
        _ => to_stdout(text.as_bytes()).map(|_| ()),
    }
}
