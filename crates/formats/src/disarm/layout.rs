//! Elements in the order in which safetensors wants them, from wherever they lie.
//!
//! A tensor may be a transposed or stepped window of its storage. It is written in boxes of bounded size, each read in
//! the order of the source, so that a tensor larger than the memory is never held and never read many times over.

use std::io::{self, Write};
use wellhead_core::{Blob, Budget};

/// How much is put together before it is written.
const BOX: u64 = if cfg!(test) { 64 << 10 } else { 32 << 20 };
/// How much is read at a time.
const CHUNK: usize = 1 << 20;
/// A source that elements are picked out of one by one is read by windows of at most this size.
const WINDOW: usize = 64 << 10;

/// Where the elements of a tensor lie.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) source: Blob,
    /// The first element, in elements.
    pub(super) offset: u64,
    pub(super) shape: Vec<u64>,
    /// Steps in elements, as many as dimensions.
    pub(super) strides: Vec<u64>,
    /// Bytes of an element.
    pub(super) size: u64,
    /// The bytes of each element are in the wrong order.
    pub(super) swap: bool,
}

/// The steps of elements that lie one after the other, the last dimension fastest.
pub(super) fn row_major(shape: &[u64]) -> Vec<u64> {
    let mut step = 1_u64;
    let mut strides: Vec<u64> = shape
        .iter()
        .rev()
        .map(|d| {
            let here = step;
            step = step.saturating_mul((*d).max(1));
            here
        })
        .collect();
    strides.reverse();
    strides
}

/// The same with the first dimension fastest.
pub(super) fn column_major(shape: &[u64]) -> Vec<u64> {
    let mut step = 1_u64;
    shape
        .iter()
        .map(|d| {
            let here = step;
            step = step.saturating_mul((*d).max(1));
            here
        })
        .collect()
}

/// A dimension: how many, and the step in the source.
#[derive(Clone, Copy)]
struct Axis {
    len: u64,
    step: u64,
}

impl Layout {
    /// The number of elements, where it can be counted.
    pub(super) fn elements(&self) -> Option<u64> {
        // A dimension of none makes all of it empty, however large the others are said to be.
        if self.shape.contains(&0) {
            return Some(0);
        }
        self.shape.iter().try_fold(1_u64, |n, d| n.checked_mul(*d))
    }

    /// The number of bytes written.
    pub(super) fn bytes(&self) -> Option<u64> {
        self.elements()?.checked_mul(self.size)
    }

    /// Why the elements cannot all lie in the source, if they cannot.
    pub(super) fn fault(&self) -> Option<String> {
        if self.shape.len() != self.strides.len() {
            return Some(format!(
                "it has {} dimensions and {} steps",
                self.shape.len(),
                self.strides.len()
            ));
        }
        if self.shape.len() > 64 {
            return Some(format!("it has {} dimensions", self.shape.len()));
        }
        let Some(elements) = self.elements() else {
            return Some("it has more elements than can be counted".to_owned());
        };
        if elements == 0 {
            return None;
        }
        let end = self
            .shape
            .iter()
            .zip(&self.strides)
            .try_fold(self.offset, |at, (len, step)| {
                at.checked_add(len.saturating_sub(1).checked_mul(*step)?)
            })
            .and_then(|last| last.checked_add(1)?.checked_mul(self.size));
        match end {
            Some(end) if end <= self.source.len() => None,
            Some(end) => Some(format!(
                "it needs {end} bytes of a storage of {}",
                self.source.len()
            )),
            None => Some("its elements lie beyond any storage".to_owned()),
        }
    }

    /// Writes the elements; call it only where [`Layout::fault`] found none.
    pub(super) fn write(&self, out: &mut dyn Write, budget: &mut Budget) -> io::Result<()> {
        if self.elements() == Some(0) {
            return Ok(());
        }
        let axes = self.axes();
        let start = self.offset.saturating_mul(self.size);
        self.part(&axes, start, out, budget)
    }

    /// The dimensions without those of one, and with those joined that lie one after the other.
    fn axes(&self) -> Vec<Axis> {
        let mut axes: Vec<Axis> = Vec::new();
        for (len, step) in self.shape.iter().zip(&self.strides) {
            if *len == 1 {
                continue;
            }
            match axes.last_mut() {
                Some(last) if last.step == len.saturating_mul(*step) => {
                    last.len = last.len.saturating_mul(*len);
                    last.step = *step;
                }
                _ => axes.push(Axis {
                    len: *len,
                    step: *step,
                }),
            }
        }
        axes
    }

    /// Writes the elements of the axes from the byte `start` on: whole where they fit, else in slices of the first.
    fn part(&self, axes: &[Axis], start: u64, out: &mut dyn Write, budget: &mut Budget) -> io::Result<()> {
        match axes {
            [] => return self.run(start, 1, out, budget),
            [one] if one.step == 1 => return self.run(start, one.len, out, budget),
            _ => {}
        }
        let Some((first, rest)) = axes.split_first() else {
            return Ok(());
        };
        let slice = rest
            .iter()
            .fold(self.size, |n, axis| n.saturating_mul(axis.len))
            .max(1);
        let per_box = BOX.checked_div(slice).unwrap_or(1).max(1);
        let mut at = 0;
        while at < first.len {
            let len = per_box.min(first.len.saturating_sub(at));
            let from = start.saturating_add(at.saturating_mul(first.step).saturating_mul(self.size));
            if slice > BOX {
                self.part(rest, from, out, budget)?;
            } else {
                let mut whole = vec![Axis { len, ..*first }];
                whole.extend_from_slice(rest);
                self.boxed(&whole, from, out, budget)?;
            }
            at = at.saturating_add(len);
        }
        Ok(())
    }

    /// Copies elements that lie one after the other.
    fn run(&self, start: u64, len: u64, out: &mut dyn Write, budget: &mut Budget) -> io::Result<()> {
        let mut at = start;
        let end = start.saturating_add(len.saturating_mul(self.size));
        while at < end {
            let most = usize::try_from(end.saturating_sub(at))
                .unwrap_or(CHUNK)
                .min(CHUNK);
            // A chunk ends with an element, so that its bytes can be turned.
            let size = usize::try_from(self.size).unwrap_or(1).max(1);
            let most = most.checked_div(size).unwrap_or(0).saturating_mul(size).max(size);
            let mut bytes = self.source.bytes(at, most)?;
            if bytes.len() < most {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            budget.steps(bytes.len() as u64 / 64).map_err(io::Error::other)?;
            self.turn(&mut bytes);
            out.write_all(&bytes)?;
            at = at.saturating_add(bytes.len() as u64);
        }
        Ok(())
    }

    fn turn(&self, bytes: &mut [u8]) {
        if self.swap && self.size > 1 {
            for element in bytes.chunks_exact_mut(usize::try_from(self.size).unwrap_or(1).max(1)) {
                element.reverse();
            }
        }
    }

    /// How much is worth reading at a time: what the innermost axis reaches over, and more only where the next turn of
    /// it begins close by.
    fn window(&self, order: &[(Axis, u64)]) -> usize {
        let reach = |axis: &Axis| axis.len.saturating_mul(axis.step).saturating_mul(self.size);
        let mut inner = order.iter().rev().map(|(axis, _)| axis);
        let near = inner.next().map_or(self.size, reach).max(self.size);
        let close = inner
            .next()
            .is_none_or(|next| next.step.saturating_mul(self.size) <= near.saturating_mul(2));
        let wanted = if close { u64::MAX } else { near };
        usize::try_from(wanted).unwrap_or(WINDOW).min(WINDOW)
    }

    /// Puts a box together in memory, reading in the order of the source.
    fn boxed(&self, axes: &[Axis], start: u64, out: &mut dyn Write, budget: &mut Budget) -> io::Result<()> {
        let lens: Vec<u64> = axes.iter().map(|a| a.len).collect();
        let mut order: Vec<(Axis, u64)> = axes.iter().copied().zip(row_major(&lens)).collect();
        order.sort_by_key(|(axis, _)| std::cmp::Reverse(axis.step));
        let count = lens.iter().fold(1_u64, |n, d| n.saturating_mul(*d));
        budget.steps(count).map_err(io::Error::other)?;
        let size = usize::try_from(self.size).unwrap_or(1);
        let mut bytes = vec![0; usize::try_from(count).unwrap_or(0).saturating_mul(size)];
        let mut window = Window {
            source: &self.source,
            start: 0,
            bytes: Vec::new(),
            size: self.window(&order),
        };
        let mut counters = vec![0_u64; order.len()];
        let (mut from, mut to) = (start, 0_u64);
        for _ in 0..count {
            let at = usize::try_from(to).unwrap_or(0).saturating_mul(size);
            if let Some(place) = bytes.get_mut(at..at.saturating_add(size)) {
                window.take(from, place)?;
            }
            // The last axis in the order of the source turns fastest.
            for ((axis, step), counter) in order.iter().zip(counters.iter_mut()).rev() {
                *counter = counter.saturating_add(1);
                let bytes = axis.step.saturating_mul(self.size);
                if *counter < axis.len {
                    from = from.saturating_add(bytes);
                    to = to.saturating_add(*step);
                    break;
                }
                *counter = 0;
                let back = axis.len.saturating_sub(1);
                from = from.saturating_sub(bytes.saturating_mul(back));
                to = to.saturating_sub(step.saturating_mul(back));
            }
        }
        self.turn(&mut bytes);
        out.write_all(&bytes)
    }
}

/// The part of the source that was read last.
struct Window<'a> {
    source: &'a Blob,
    start: u64,
    bytes: Vec<u8>,
    size: usize,
}

impl Window<'_> {
    fn take(&mut self, at: u64, place: &mut [u8]) -> io::Result<()> {
        for _ in 0..2 {
            let known = at
                .checked_sub(self.start)
                .and_then(|d| usize::try_from(d).ok())
                .and_then(|d| self.bytes.get(d..d.checked_add(place.len())?));
            if let Some(known) = known {
                place.copy_from_slice(known);
                return Ok(());
            }
            self.start = at;
            self.bytes = self.source.bytes(at, self.size.max(place.len()))?;
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn layout(source: &[u8], offset: u64, shape: &[u64], strides: &[u64], size: u64) -> Layout {
        Layout {
            source: Blob::from_bytes(source),
            offset,
            shape: shape.to_vec(),
            strides: strides.to_vec(),
            size,
            swap: false,
        }
    }

    fn written(layout: &Layout) -> Vec<u8> {
        assert_eq!(layout.fault(), None);
        let mut out = Vec::new();
        layout.write(&mut out, &mut Budget::default()).unwrap();
        out
    }

    #[test]
    fn windows_of_every_kind() {
        let source: Vec<u8> = (0..12).collect();
        for (offset, shape, strides, expected) in [
            (0, &[3, 4][..], &[4, 1][..], (0..12).collect::<Vec<u8>>()),
            (0, &[4, 3], &[1, 4], vec![0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]),
            (1, &[3, 2], &[4, 2], vec![1, 3, 5, 7, 9, 11]),
            (5, &[2, 3], &[0, 0], vec![5; 6]),
            (7, &[], &[], vec![7]),
            (99, &[0, 4], &[4, 1], vec![]),
            (2, &[1, 3, 1], &[77, 3, 99], vec![2, 5, 8]),
        ] {
            assert_eq!(
                written(&layout(&source, offset, shape, strides, 1)),
                expected,
                "{shape:?} {strides:?}"
            );
        }
    }

    #[test]
    fn bytes_are_turned_element_by_element() {
        let mut l = layout(&[1, 2, 3, 4], 0, &[2], &[1], 2);
        l.swap = true;
        assert_eq!(written(&l), [2, 1, 4, 3]);
    }

    #[test]
    fn what_leaves_its_storage_has_a_fault() {
        for (offset, shape, strides) in [
            (0, &[13][..], &[1][..]),
            (12, &[1], &[1]),
            (0, &[2], &[u64::MAX]),
            (u64::MAX, &[1], &[1]),
            (0, &[1 << 40, 1 << 40], &[0, 0]),
            (0, &[2], &[]),
        ] {
            assert!(layout(&[0; 12], offset, shape, strides, 1).fault().is_some());
        }
    }

    #[test]
    fn a_transposed_tensor_larger_than_a_box_is_written_in_slices() {
        let (rows, columns) = (300_u64, 200_u64);
        let source: Vec<u8> = (0..rows * columns)
            .flat_map(|n| (n as u32).to_le_bytes())
            .collect();
        let l = layout(&source, 0, &[columns, rows], &[1, columns], 4);
        let out = written(&l);
        let expected: Vec<u8> = (0..columns)
            .flat_map(|c| (0..rows).flat_map(move |r| ((r * columns + c) as u32).to_le_bytes()))
            .collect();
        assert!(out == expected);
    }

    proptest! {
        #[test]
        fn the_same_elements_as_picked_one_by_one(
            shape in proptest::collection::vec(0u64..4, 0..4),
            strides in proptest::collection::vec(0u64..9, 4),
            offset in 0u64..10, size in 1u64..4,
        ) {
            let source: Vec<u8> = (0..250).collect();
            let strides = &strides[..shape.len()];
            let l = layout(&source, offset, &shape, strides, size);
            if l.fault().is_some() {
                return Ok(());
            }
            let mut expected: Vec<u8> = Vec::new();
            for n in 0..shape.iter().product::<u64>() {
                let mut rest = n;
                let mut at = offset;
                for (d, s) in shape.iter().zip(strides).rev() {
                    at += rest % d * s;
                    rest /= d;
                }
                let from = (at * size) as usize;
                expected.extend(&source[from..from + size as usize]);
            }
            prop_assert_eq!(written(&l), expected);
        }
    }
}
