//! Which imports the functions reach that run as soon as a file is loaded.
//!
//! No disassembler: calls have few shapes, and each is held against the places where it can lead, which are the file's own
//! code and the pointers that the loader fills. The one decision: only what is certain counts. A call through a register or
//! a table is not followed, so "not reached" is never "does not"; the bytes of a call that are none lead into code
//! at most by chance, and to the pointer of one import practically never.

use super::{Draft, Reached, Start};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use wellhead_core::{Blob, Budget};

/// Most functions that are looked at.
const MAX_FUNCTIONS: usize = 4096;
/// How many calls deep.
const MAX_DEPTH: usize = 6;
/// How many bytes of a function.
const MAX_BODY: usize = 4096;
/// Most imports that are told of.
const MAX_REACHED: usize = 64;
/// Most pointers to imports that are kept.
const MAX_POINTERS: usize = 1 << 16;

/// The processors whose calls are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum Machine {
    X64,
    Arm64,
    #[default]
    Other,
}

/// A part of the file that is mapped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Area {
    pub(super) address: u64,
    pub(super) offset: u64,
    pub(super) size: u64,
    pub(super) executable: bool,
}

/// What is known of a program's code.
#[derive(Default)]
pub(super) struct Code {
    pub(super) machine: Machine,
    pub(super) areas: Vec<Area>,
    /// Of each import: whether nothing has a use for it while it is loaded.
    pub(super) sharp: Vec<bool>,
    /// Where the loader puts the addresses of such imports.
    pointers: BTreeMap<u64, u32>,
    /// Code that is such an import.
    doors: BTreeMap<u64, u32>,
}

impl Code {
    fn is_sharp(&self, import: u32) -> bool {
        usize::try_from(import).is_ok_and(|i| self.sharp.get(i).copied().unwrap_or(false))
    }

    /// The loader puts the address of an import there.
    pub(super) fn pointer(&mut self, address: u64, import: u32) {
        if self.is_sharp(import) && self.pointers.len() < MAX_POINTERS {
            self.pointers.insert(address, import);
        }
    }

    /// Calling this address is calling the import.
    pub(super) fn door(&mut self, address: u64, import: u32) {
        if self.is_sharp(import) && self.doors.len() < MAX_POINTERS {
            self.doors.insert(address, import);
        }
    }

    /// Where an address lies in the file, and how many bytes follow in its area.
    pub(super) fn offset(&self, address: u64) -> Option<(u64, u64)> {
        self.areas.iter().find_map(|area| {
            let inside = address.checked_sub(area.address)?;
            let left = area.size.checked_sub(inside).filter(|left| *left > 0)?;
            Some((area.offset.checked_add(inside)?, left))
        })
    }

    /// Whether an address is one of code.
    pub(super) fn is_code(&self, address: u64) -> bool {
        let inside = |area: &&Area| address >= area.address && address.wrapping_sub(area.address) < area.size;
        self.areas.iter().filter(|a| a.executable).any(|a| inside(&a))
    }
}

/// What a function does, as far as it is followed.
#[derive(Default)]
struct Body {
    calls: BTreeSet<u64>,
    pointers: BTreeSet<u64>,
}

/// A function that is to be looked at.
struct Next {
    address: u64,
    start: usize,
    /// The one that calls it, by its place in the order of looking.
    from: Option<usize>,
    depth: usize,
}

/// Follows what runs when the program is loaded.
pub(super) fn follow(blob: &Blob, draft: &mut Draft, budget: &mut Budget) -> Result<(), String> {
    let code = std::mem::take(&mut draft.code);
    let starts = std::mem::take(&mut draft.starts);
    if starts.is_empty() || (code.pointers.is_empty() && code.doors.is_empty()) {
        return Ok(());
    }
    if code.machine == Machine::Other {
        draft.image.unfollowed = Some("calls of this processor are not followed".to_owned());
        return Ok(());
    }
    let mut seen: BTreeSet<u64> = BTreeSet::new();
    let mut order: Vec<(u64, Option<usize>)> = Vec::new();
    let mut told: BTreeSet<(u32, usize)> = BTreeSet::new();
    let mut queue: VecDeque<Next> = VecDeque::new();
    for (start, (_, address)) in starts.iter().enumerate() {
        if seen.insert(*address) {
            queue.push_back(Next {
                address: *address,
                start,
                from: None,
                depth: 0,
            });
        }
    }
    while let Some(next) = queue.pop_front() {
        if order.len() >= MAX_FUNCTIONS {
            draft.image.unfollowed = Some(format!("only the first {MAX_FUNCTIONS} functions were followed"));
            break;
        }
        let here = order.len();
        order.push((next.address, next.from));
        budget.steps(MAX_BODY as u64 / 4).map_err(|e| e.to_string())?;
        let Some((offset, left)) = code.offset(next.address) else {
            continue;
        };
        let size = usize::try_from(left).unwrap_or(MAX_BODY).min(MAX_BODY);
        let bytes = blob
            .bytes(offset, size)
            .map_err(|e| format!("could not be read: {e}"))?;
        let body = match code.machine {
            Machine::X64 => x64(&bytes, next.address),
            _ => arm64(&bytes, next.address),
        };
        let pointed = body.pointers.iter().filter_map(|p| code.pointers.get(p));
        let called = body.calls.iter().filter_map(|c| code.doors.get(c));
        for import in pointed.chain(called) {
            if told.insert((*import, next.start)) && draft.image.reached.len() < MAX_REACHED {
                tell(draft, &starts, &order, here, *import, next.start);
            }
        }
        if next.depth >= MAX_DEPTH {
            continue;
        }
        for address in body.calls {
            if code.is_code(address) && !code.doors.contains_key(&address) && seen.insert(address) {
                queue.push_back(Next {
                    address,
                    start: next.start,
                    from: Some(here),
                    depth: next.depth.saturating_add(1),
                });
            }
        }
    }
    Ok(())
}

fn tell(
    draft: &mut Draft,
    starts: &[(Start, u64)],
    order: &[(u64, Option<usize>)],
    here: usize,
    import: u32,
    start: usize,
) {
    let import = usize::try_from(import)
        .ok()
        .and_then(|i| draft.image.imports.get(i))
        .cloned();
    let (Some(import), Some((start, _))) = (import, starts.get(start)) else {
        return;
    };
    let mut path = Vec::new();
    let mut at = Some(here);
    while let Some((address, from)) = at.and_then(|i| order.get(i)) {
        path.push(*address);
        at = *from;
    }
    path.reverse();
    draft.image.reached.push(Reached {
        import,
        start: start.clone(),
        path,
    });
}

/// An address relative to the one behind an instruction.
fn relative(bytes: &[u8], at: usize, base: u64) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(4)?)?;
    let distance = i32::from_le_bytes(field.try_into().ok()?);
    let behind = base.checked_add(at.checked_add(4)? as u64)?;
    behind.checked_add_signed(distance.into())
}

/// Calls and jumps of x86-64: `E8`, `E9`, and `FF 15`/`FF 25` through a pointer.
fn x64(bytes: &[u8], base: u64) -> Body {
    let mut body = Body::default();
    let byte = |i: usize| bytes.get(i).copied();
    // Between functions compilers write these, and functions begin at multiples of sixteen.
    let begins = |i: usize| {
        let rest = bytes.get(i..).unwrap_or_default();
        rest.starts_with(&[0x55, 0x48, 0x89, 0xe5]) || rest.starts_with(&[0xf3, 0x0f, 0x1e, 0xfa])
    };
    let ends = |i: usize| {
        matches!(byte(i), None | Some(0xcc | 0x90 | 0x66 | 0x0f))
            || begins(i)
            || base
                .checked_add(i as u64)
                .is_some_and(|a| a.trailing_zeros() >= 4)
    };
    let mut at = 0_usize;
    while let Some(first) = byte(at) {
        let operand = at.saturating_add(1);
        match (first, byte(operand)) {
            (0xe8, _) => {
                body.calls.extend(relative(bytes, operand, base));
            }
            (0xe9, _) => {
                body.calls.extend(relative(bytes, operand, base));
                if ends(at.saturating_add(5)) {
                    break;
                }
            }
            (0xff, Some(kind @ (0x15 | 0x25))) => {
                body.pointers.extend(relative(bytes, at.saturating_add(2), base));
                if kind == 0x25 {
                    break;
                }
            }
            // The address of a pointer in a register, which is called further on: `mov rax, [rip+x]`.
            (0x48, Some(0x8b)) if byte(at.saturating_add(2)).is_some_and(|m| m & 0xc7 == 0x05) => {
                body.pointers.extend(relative(bytes, at.saturating_add(3), base));
            }
            (0xc3, _) if ends(operand) => break,
            _ => {}
        }
        at = operand;
    }
    body
}

/// Calls and jumps of arm64: `bl`, `b`, and what `adrp` and `ldr` take from a pointer.
fn arm64(bytes: &[u8], base: u64) -> Body {
    let mut body = Body::default();
    let mut pages: BTreeMap<u32, u64> = BTreeMap::new();
    let mut furthest = 0_u64;
    for (index, word) in bytes.chunks_exact(4).enumerate() {
        let Ok(word) = <[u8; 4]>::try_from(word).map(u32::from_le_bytes) else {
            break;
        };
        let here = base.saturating_add((index as u64).saturating_mul(4));
        let far = |bits: u32, shift: u32| {
            // A field of that many bits from `shift` on, signed, in words.
            let up = 32_u32.saturating_sub(bits).saturating_sub(shift);
            let field = word
                .wrapping_shl(up)
                .cast_signed()
                .wrapping_shr(32_u32.saturating_sub(bits));
            here.checked_add_signed(i64::from(field).saturating_mul(4))
        };
        let (to, page) = (word & 31, (word >> 5) & 31);
        match word >> 26 {
            0x25 => body.calls.extend(far(26, 0)),
            0x05 => {
                body.calls.extend(far(26, 0));
                if here >= furthest {
                    break;
                }
            }
            _ => {}
        }
        if word & 0x9f00_0000 == 0x9000_0000 {
            let low = i64::from((word >> 29) & 3);
            let high = i64::from((word << 8).cast_signed() >> 13);
            let distance = high.saturating_mul(4).saturating_add(low).saturating_mul(4096);
            if let Some(address) = (here & !0xfff).checked_add_signed(distance) {
                pages.insert(to, address);
            }
        } else if word & 0xffc0_0000 == 0xf940_0000
            && let Some(address) = pages.get(&page)
        {
            let distance = u64::from((word >> 10) & 0xfff).saturating_mul(8);
            body.pointers.insert(address.saturating_add(distance));
        }
        // Conditional branches say how far the function goes on at least.
        if word & 0xff00_0010 == 0x5400_0000 || word & 0x7e00_0000 == 0x3400_0000 {
            furthest = furthest.max(far(19, 5).unwrap_or(0));
        } else if word & 0x7e00_0000 == 0x3600_0000 {
            furthest = furthest.max(far(14, 5).unwrap_or(0));
        }
        let returns =
            matches!(word, 0xd65f_03c0 | 0xd65f_0bff | 0xd65f_0fff) || word & 0xffff_fc1f == 0xd61f_0000;
        if returns && here >= furthest {
            break;
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_x64_lead_where_they_lead() {
        // call +0x10; call [rip+0x20]; mov rax, [rip+0x30]; ret; then padding and another function.
        let bytes = [
            0xe8, 0x10, 0, 0, 0, 0xff, 0x15, 0x20, 0, 0, 0, 0x48, 0x8b, 0x05, 0x30, 0, 0, 0, 0xc3, 0xcc,
            0xe8, 1, 0, 0, 0,
        ];
        let body = x64(&bytes, 0x1000);
        assert_eq!(body.calls, [0x1015].into());
        assert_eq!(body.pointers, [0x102b, 0x1042].into());
        assert!(x64(&[0xe8, 1, 2], u64::MAX).calls.is_empty());
    }

    #[test]
    fn calls_of_arm64_lead_where_they_lead() {
        // bl +8; adrp x16, +1 page; ldr x17, [x16, #16]; cbz x0, +8; ret; b -4; ret
        let words: [u32; 7] = [
            0x9400_0002,
            0xb000_0010,
            0xf940_0a11,
            0xb400_0060,
            0xd65f_03c0,
            0x17ff_ffff,
            0xd65f_03c0,
        ];
        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        let body = arm64(&bytes, 0x4000);
        assert_eq!(body.calls, [0x4008, 0x4010].into());
        assert_eq!(body.pointers, [0x5010].into());
    }
}
