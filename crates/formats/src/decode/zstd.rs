//! Zstandard: frames one after another, of which some are to be skipped.

use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};
use std::io::{self, BufRead, Read};

/// Largest window, in bytes: what the highest ordinary level needs, and half of what a decoder may take with its copy.
const WINDOW: u64 = 64 << 20;

/// What the frames hold, joined as every reader joins them.
pub(super) struct Frames<R> {
    input: R,
    decoder: FrameDecoder,
    open: bool,
}

impl<R: BufRead> Frames<R> {
    pub(super) fn new(input: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW);
        Self {
            input,
            decoder,
            open: false,
        }
    }

    /// Begins the next frame; false at the end.
    fn next(&mut self) -> io::Result<bool> {
        loop {
            if self.input.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.input) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let skipped = io::copy(&mut (&mut self.input).take(length.into()), &mut io::sink())?;
                    if skipped < u64::from(length) {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(FrameDecoderError::WindowSizeTooBig { .. }) => {
                    return Err(io::ErrorKind::OutOfMemory.into());
                }
                Err(_) => return Err(self.broken()),
            }
        }
    }

    /// A decoder does not say whether it ran out of input, so the input has to.
    fn broken(&mut self) -> io::Error {
        match self.input.fill_buf() {
            Ok([]) => io::ErrorKind::UnexpectedEof.into(),
            Ok(_) => io::ErrorKind::InvalidData.into(),
            Err(e) => e,
        }
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.open {
                if !self.next()? {
                    return Ok(0);
                }
                self.open = true;
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let step = BlockDecodingStrategy::UptoBlocks(1);
                if self.decoder.decode_blocks(&mut self.input, step).is_err() {
                    return Err(self.broken());
                }
            }
            match self.decoder.read(buf)? {
                0 => self.open = false,
                n => return Ok(n),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of raw blocks, as the specification lays it out: one segment, its size in a byte.
    fn frame(data: &[u8]) -> Vec<u8> {
        let mut out = b"\x28\xb5\x2f\xfd\x20".to_vec();
        out.push(data.len() as u8);
        out.extend_from_slice(&((data.len() as u32) << 3 | 1).to_le_bytes()[..3]);
        out.extend(data);
        out
    }

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Frames::new(bytes).read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn frames_are_joined_and_those_to_skip_are_skipped() {
        let skip = b"\x51\x2a\x4d\x18\x03\0\0\0abc".to_vec();
        let file = [skip.clone(), frame(b"hello "), skip, frame(b"world")].concat();
        assert_eq!(read(&file).unwrap(), b"hello world");
        let cut = &frame(b"hello")[..10];
        assert_eq!(read(cut).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        let odd = [frame(b"hello"), b"something else".to_vec()].concat();
        assert_eq!(read(&odd).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_window_of_gigabytes_is_refused() {
        assert_eq!(
            read(b"\x28\xb5\x2f\xfd\x00\xb8\x01\0\0").unwrap_err().kind(),
            io::ErrorKind::OutOfMemory
        );
    }
}
