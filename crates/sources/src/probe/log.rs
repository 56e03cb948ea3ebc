//! What was sent, a line each, written before it is.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

/// A file to which a line is added for everything that is sent.
#[derive(Debug)]
pub struct RequestLog {
    path: PathBuf,
    file: Mutex<File>,
}

impl RequestLog {
    /// Opens a log, or begins it: for its owner alone, since it says what stands where.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn open(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        Ok(Self {
            path: path.to_owned(),
            file: Mutex::new(file),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line, with the time.
    pub(super) fn write(&self, line: &[(&str, serde_json::Value)]) -> io::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0.0, |d| (d.as_secs_f64() * 1000.0).round() / 1000.0);
        let mut object = serde_json::Map::new();
        object.insert("unix_time".to_owned(), now.into());
        for (key, value) in line {
            object.insert((*key).to_owned(), value.clone());
        }
        let mut bytes = serde_json::Value::Object(object).to_string().into_bytes();
        bytes.push(b'\n');
        // One write a line, so that lines of several runs do not mix.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&bytes)
    }
}
