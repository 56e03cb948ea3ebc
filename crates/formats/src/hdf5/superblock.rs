//! The superblock: where the file begins, how wide its numbers are, where its root group is.

use super::{Fault, Reader, fields::Fields};

/// What HDF5 files begin with, at the start or behind a block of the user's own.
pub(super) const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";

/// Where the library looks for the signature last; it doubles the offset until the end of the file.
const FARTHEST: u64 = 1 << 30;

/// The address of the root group's object header.
pub(super) fn read(r: &mut Reader<'_, '_>) -> Result<u64, Fault> {
    let mut start = 0_u64;
    loop {
        if r.source.bytes(start, SIGNATURE.len()) == SIGNATURE {
            break;
        }
        start = start.saturating_mul(2).max(512);
        if start >= r.source.blob.len().min(FARTHEST) {
            return Err(r.broken(0, "it has no superblock"));
        }
    }
    // The library goes by where the signature stands, whatever base address the superblock states.
    r.base = start;
    let bytes = r.bytes(0, 128)?;
    let version = bytes.get(8).copied().unwrap_or(0xff);
    root(r, version, &bytes).ok_or_else(|| r.broken(0, "its superblock is cut off or of an unknown version"))
}

fn root(r: &mut Reader<'_, '_>, version: u8, bytes: &[u8]) -> Option<u64> {
    let mut f = Fields::new(bytes);
    f.skip(9)?;
    if version <= 1 {
        f.skip(4)?;
        sizes(r, f.u8()?, f.u8()?)?;
        f.skip(1 + 4 + 4)?;
        if version == 1 {
            f.skip(4)?;
        }
        // Base address, free space, end of file, driver information; then the root group's entry.
        f.skip(r.offsets.checked_mul(4)?)?;
        f.skip(r.offsets)?;
        f.uint(r.offsets)
    } else if version <= 3 {
        sizes(r, f.u8()?, f.u8()?)?;
        f.skip(1)?;
        f.skip(r.offsets.checked_mul(3)?)?;
        f.uint(r.offsets)
    } else {
        None
    }
}

fn sizes(r: &mut Reader<'_, '_>, offsets: u8, lengths: u8) -> Option<()> {
    let valid = |n: u8| matches!(n, 2 | 4 | 8).then_some(usize::from(n));
    r.offsets = valid(offsets)?;
    r.lengths = valid(lengths)?;
    Some(())
}
