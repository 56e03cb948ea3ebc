//! The object id that git gives a file: what the hub's client writes down for files that are not in large storage.
//!
//! SHA-1 identifies and proves little: whoever can make two files with one id can deceive it. A difference is a
//! difference all the same, and that is all that is asked here.

/// The object id of a file, 40 hexadecimal digits.
pub fn git_blob_id(bytes: &[u8]) -> String {
    let mut message = format!("blob {}\0", bytes.len()).into_bytes();
    message.extend_from_slice(bytes);
    sha1(message).iter().map(|word| format!("{word:08x}")).collect()
}

fn sha1(mut message: Vec<u8>) -> [u32; 5] {
    let bits = (message.len() as u64).wrapping_mul(8);
    message.push(0x80);
    while message.len() % 64 != 56 {
        message.push(0);
    }
    message.extend_from_slice(&bits.to_be_bytes());
    let mut state = [
        0x6745_2301_u32,
        0xefcd_ab89,
        0x98ba_dcfe,
        0x1032_5476,
        0xc3d2_e1f0,
    ];
    for block in message.chunks_exact(64) {
        let mut schedule: Vec<u32> = block
            .chunks_exact(4)
            .map(|four| four.iter().fold(0, |word, byte| word << 8 | u32::from(*byte)))
            .collect();
        while schedule.len() < 80 {
            let at = |back: usize| {
                let index = schedule.len().saturating_sub(back);
                schedule.get(index).copied().unwrap_or_default()
            };
            let next = (at(3) ^ at(8) ^ at(14) ^ at(16)).rotate_left(1);
            schedule.push(next);
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (round, word) in schedule.iter().enumerate() {
            let (mix, constant) = match round {
                0..20 => (b & c | !b & d, 0x5a82_7999_u32),
                20..40 => (b ^ c ^ d, 0x6ed9_eba1),
                40..60 => (b & c | b & d | c & d, 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6),
            };
            let next = a
                .rotate_left(5)
                .wrapping_add(mix)
                .wrapping_add(e)
                .wrapping_add(constant)
                .wrapping_add(*word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
        }
        for (word, add) in state.iter_mut().zip([a, b, c, d, e]) {
            *word = word.wrapping_add(add);
        }
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_git() {
        assert_eq!(git_blob_id(b""), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        assert_eq!(
            git_blob_id(b"hello\n"),
            "ce013625030ba8dba906f756967f9e9ca394464a"
        );
        assert_eq!(git_blob_id(&[b'a'; 119]).len(), 40);
    }
}
