//! word2vec's binary form: how many words, how many numbers each; then each word, a space, its numbers.

use crate::{
    document::Opened,
    model::{Model, Opening},
    tensors::{Tensor, defect},
};
use wellhead_core::{Budget, Outcome};

/// The two numbers of the first line, and how long it is.
fn header(head: &[u8]) -> Option<(u64, u64, usize)> {
    let end = head.iter().take(40).position(|b| *b == b'\n')?;
    let line = std::str::from_utf8(head.get(..end)?).ok()?;
    let (words, size) = line.trim_end_matches('\r').split_once(' ')?;
    let digits = |text: &str| -> Option<u64> {
        let sound = (1..=12).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        sound.then(|| text.parse().ok())?
    };
    Some((digits(words)?, digits(size)?, end.saturating_add(1)))
}

/// Whether bytes begin so, and are no text.
pub(crate) fn is_one(head: &[u8], len: u64) -> bool {
    let Some((words, size, start)) = header(head) else {
        return false;
    };
    let rest = head.get(start..).unwrap_or_default();
    let Some(space) = rest.iter().take(200).position(|b| *b == b' ') else {
        return false;
    };
    let numbers = rest.get(space.saturating_add(1)..).unwrap_or_default();
    let binary = numbers
        .iter()
        .take(400)
        .any(|b| *b < 9 || (*b > 13 && *b < 32) || *b > 0xf7);
    let least = size
        .checked_mul(4)
        .and_then(|n| n.checked_add(2)?.checked_mul(words));
    words > 0 && (1..=1 << 16).contains(&size) && space > 0 && binary && least.is_some_and(|n| n <= len)
}

/// Opens the file.
pub(crate) fn open(opening: &Opening<'_>, _: &mut Budget) -> Opened {
    let mut model = Model::new(opening.identity.format);
    let head = opening.blob.bytes(0, 64).unwrap_or_default();
    let len = opening.blob.len();
    let mut outcome = Outcome::Analysed;
    if let Some((words, size, start)) = header(&head) {
        model.tensors.push(Tensor {
            name: "vectors".to_owned(),
            dtype: "float32".to_owned(),
            shape: vec![words, size],
            bytes: start as u64..len,
        });
    } else {
        defect(
            &mut model.defects,
            0..len.min(64),
            "its first line does not give two numbers",
        );
        outcome = Outcome::Partly {
            why: "damaged: its first line does not give two numbers".to_owned(),
        };
    }
    model.opened(Vec::new(), outcome, opening)
}
