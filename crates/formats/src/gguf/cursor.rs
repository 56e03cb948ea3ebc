//! Numbers and strings one after another out of hostile bytes, in either byte order.

use crate::bytes::{Source, Window};
use wellhead_core::{Blob, Budget, Exhausted};

/// How many bytes are read at a time; vocabularies are hundreds of thousands of short strings.
const WINDOW: usize = 64 << 10;

/// Why reading stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The file ends where more should stand.
    End,
    /// The source failed.
    Failed(String),
    /// The budget ran out.
    Exhausted(Exhausted),
    /// What stands there cannot be understood, and so nothing behind it.
    Lost(String),
}

impl From<Exhausted> for Stop {
    fn from(why: Exhausted) -> Self {
        Self::Exhausted(why)
    }
}

impl Stop {
    /// The reason, for an outcome.
    pub(super) fn why(&self, part: &str) -> String {
        match self {
            Self::End => format!("{part} is cut off"),
            Self::Failed(why) => format!("could not be read: {why}"),
            Self::Exhausted(why) => why.to_string(),
            Self::Lost(why) => why.clone(),
        }
    }
}

/// A place in a file.
pub(super) struct Cursor<'a> {
    source: Source<'a>,
    window: Window,
    /// Where the next read begins.
    pub(super) at: u64,
    /// Whether numbers have their high byte first.
    pub(super) big: bool,
    blob: &'a Blob,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(blob: &'a Blob) -> Self {
        Self {
            source: Source::new(blob),
            window: Window::new(WINDOW),
            at: 0,
            big: false,
            blob,
        }
    }

    /// How many bytes follow.
    pub(super) fn left(&self) -> u64 {
        self.len().saturating_sub(self.at)
    }

    /// The length of the file.
    pub(super) fn len(&self) -> u64 {
        self.blob.len()
    }

    /// The file.
    pub(super) fn blob(&self) -> &'a Blob {
        self.blob
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let bytes = self.window.get(&mut self.source, self.at, N).try_into().ok();
        let Some(bytes) = bytes else {
            return Err(self.end());
        };
        self.at = self.at.saturating_add(N as u64);
        Ok(bytes)
    }

    fn end(&mut self) -> Stop {
        match self.source.failed.take() {
            Some(why) => Stop::Failed(why),
            None => Stop::End,
        }
    }

    pub(super) fn u8(&mut self) -> Result<u8, Stop> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Stop> {
        let bytes = self.array()?;
        Ok(if self.big {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    pub(super) fn u32(&mut self) -> Result<u32, Stop> {
        let bytes = self.array()?;
        Ok(if self.big {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }

    pub(super) fn u64(&mut self) -> Result<u64, Stop> {
        let bytes = self.array()?;
        Ok(if self.big {
            u64::from_be_bytes(bytes)
        } else {
            u64::from_le_bytes(bytes)
        })
    }

    /// The next `n` bytes, of which at most `keep` are handed out.
    pub(super) fn bytes(&mut self, n: u64, keep: u64, budget: &mut Budget) -> Result<Vec<u8>, Stop> {
        if n > self.left() {
            return Err(Stop::End);
        }
        let kept = n.min(keep);
        budget.steps((kept / 16).saturating_add(1))?;
        budget.memory(kept)?;
        let wanted = usize::try_from(kept).unwrap_or(usize::MAX);
        let bytes = if wanted <= WINDOW {
            self.window.get(&mut self.source, self.at, wanted).to_vec()
        } else {
            self.source.bytes(self.at, wanted)
        };
        budget.release(kept);
        if (bytes.len() as u64) < kept {
            return Err(self.end());
        }
        self.at = self.at.saturating_add(n);
        Ok(bytes)
    }

    /// Goes over `n` bytes.
    pub(super) fn skip(&mut self, n: u64) -> Result<(), Stop> {
        if n > self.left() {
            return Err(Stop::End);
        }
        self.at = self.at.saturating_add(n);
        Ok(())
    }
}
