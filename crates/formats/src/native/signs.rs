//! Texts in native code that say what it may do, and how dense its sections are.

use super::Section;
use aho_corasick::{AhoCorasick, MatchKind};
use std::{collections::BTreeSet, sync::LazyLock};
use wellhead_core::{Blob, Budget, Depth};

/// How much is searched unless all was asked for.
const MAX_SEARCHED: u64 = 32 << 20;
/// How much is read at a time, and how much of it twice.
const CHUNK: usize = 1 << 20;
const OVERLAP: usize = 512;
/// Most texts that are kept, and the longest.
const MAX_SIGNS: usize = 128;
const MAX_TEXT: usize = 200;
/// How much of a section its density is judged by.
const SAMPLE: usize = 64 << 10;

/// What a text speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SignKind {
    /// A host on the network.
    Address,
    /// A command for a shell.
    Command,
    /// A file or a store that holds secrets.
    Secret,
    /// A place that starts programs later.
    Persistence,
}

impl SignKind {
    /// The name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Command => "command",
            Self::Secret => "secret",
            Self::Persistence => "persistence",
        }
    }
}

/// A text in native code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    /// What it speaks of.
    pub kind: SignKind,
    /// The text round it; hostile.
    pub text: String,
    /// Where it lies in the file.
    pub offset: u64,
}

static NEEDLES: &[(&str, SignKind)] = &[
    ("http://", SignKind::Address),
    ("https://", SignKind::Address),
    ("/dev/tcp/", SignKind::Command),
    ("/bin/sh", SignKind::Command),
    ("bash -c", SignKind::Command),
    ("bash -i", SignKind::Command),
    ("cmd.exe /", SignKind::Command),
    ("cmd /c", SignKind::Command),
    ("powershell", SignKind::Command),
    ("curl -", SignKind::Command),
    ("wget ", SignKind::Command),
    ("schtasks", SignKind::Persistence),
    ("crontab", SignKind::Persistence),
    ("LaunchAgents", SignKind::Persistence),
    ("CurrentVersion\\Run", SignKind::Persistence),
    (".ssh/id_", SignKind::Secret),
    (".aws/credentials", SignKind::Secret),
    (".git-credentials", SignKind::Secret),
    (".kube/config", SignKind::Secret),
    (".docker/config.json", SignKind::Secret),
    (".pypirc", SignKind::Secret),
    (".npmrc", SignKind::Secret),
    ("/etc/shadow", SignKind::Secret),
    ("Login Data", SignKind::Secret),
    ("logins.json", SignKind::Secret),
    ("wallet.dat", SignKind::Secret),
    ("169.254.169.254", SignKind::Secret),
    ("\\Local State", SignKind::Secret),
    ("discord.com/api/webhooks", SignKind::Address),
    ("api.telegram.org", SignKind::Address),
];

/// Each needle as it is, and in the wide characters of Windows.
static SEARCH: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let plain = NEEDLES.iter().map(|(needle, _)| needle.as_bytes().to_vec());
    let wide = NEEDLES
        .iter()
        .map(|(needle, _)| needle.bytes().flat_map(|b| [b, 0]).collect());
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostFirst)
        .build(plain.chain(wide))
        .ok()
});

/// The texts of a file; an error says how far it was searched.
pub(super) fn signs(blob: &Blob, depth: Depth, budget: &mut Budget) -> Result<Vec<Sign>, String> {
    let Some(search) = SEARCH.as_ref() else {
        return Ok(Vec::new());
    };
    let end = if depth == Depth::Full {
        blob.len()
    } else {
        blob.len().min(MAX_SEARCHED)
    };
    let (mut found, mut known) = (Vec::new(), BTreeSet::new());
    let mut at = 0_u64;
    while at < end {
        let wanted = CHUNK.saturating_add(OVERLAP);
        let bytes = blob
            .bytes(at, wanted)
            .map_err(|e| format!("could not be read: {e}"))?;
        budget
            .steps((bytes.len() as u64) / 16)
            .map_err(|e| e.to_string())?;
        for hit in search.find_iter(&bytes) {
            // What begins in the part that is read twice is told of by the next round.
            if hit.start() >= CHUNK || found.len() >= MAX_SIGNS {
                break;
            }
            let number = hit.pattern().as_usize();
            let wide = number >= NEEDLES.len();
            let Some((_, kind)) = NEEDLES.get(number.checked_rem(NEEDLES.len()).unwrap_or(0)) else {
                continue;
            };
            let text = around(&bytes, hit.start(), hit.end(), *kind, wide);
            let enough = *kind != SignKind::Address || host(&text).is_some();
            if enough && known.insert((*kind, text.clone())) {
                found.push(Sign {
                    kind: *kind,
                    text,
                    offset: at.saturating_add(hit.start() as u64),
                });
            }
        }
        at = at.saturating_add(CHUNK as u64);
    }
    found.sort_by_key(|a| (a.kind, a.offset));
    Ok(found)
}

/// The printable text round a hit; an address is no more than the address.
fn around(bytes: &[u8], start: usize, end: usize, kind: SignKind, wide: bool) -> String {
    let step = if wide { 2 } else { 1 };
    let at = |i: usize| {
        let low = bytes.get(i).copied()?;
        let high = if wide {
            bytes.get(i.checked_add(1)?).copied()?
        } else {
            0
        };
        let shown = (0x20..0x7f).contains(&low) && high == 0;
        let ends = kind == SignKind::Address
            && matches!(low, b' ' | b'"' | b'\'' | b'<' | b'>' | b')' | b'`' | b'\\');
        (shown && !ends).then_some(char::from(low))
    };
    let mut text = String::new();
    if kind != SignKind::Address {
        let mut i = start;
        while let Some(before) = i.checked_sub(step)
            && let Some(c) = at(before)
            && text.len() < 60
        {
            text.insert(0, c);
            i = before;
        }
    }
    let mut i = start;
    while let Some(c) = at(i)
        && text.len() < MAX_TEXT
        && (i < end || text.len() < 120)
    {
        text.push(c);
        i = i.saturating_add(step);
    }
    text
}

/// The host of an address, where it has one that could be asked.
fn host(address: &str) -> Option<&str> {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let host = rest.split(['/', ':', '?', '#']).next()?;
    let sound = host.len() > 3
        && host.contains('.')
        && !host.contains("..")
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    sound.then_some(host)
}

/// Fills in how dense the sections are.
pub(super) fn entropies(blob: &Blob, sections: &mut [Section], budget: &mut Budget) -> Result<(), String> {
    for section in sections.iter_mut().filter(|s| s.size >= 4096) {
        budget.steps(SAMPLE as u64 / 16).map_err(|e| e.to_string())?;
        let size = usize::try_from(section.size).unwrap_or(SAMPLE).min(SAMPLE);
        // From its middle: tables of jumps and addresses often come first.
        let middle = section.size.saturating_sub(size as u64) / 2;
        let sample = blob
            .bytes(section.offset.saturating_add(middle), size)
            .unwrap_or_default();
        section.entropy = entropy(&sample);
    }
    Ok(())
}

/// Bits per byte.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a measure of two decimals over a sample of at most 64 KiB"
)]
pub(crate) fn entropy(sample: &[u8]) -> Option<f32> {
    if sample.len() < 1024 {
        return None;
    }
    let mut counts = [0_u32; 256];
    for byte in sample {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count = count.saturating_add(1);
        }
    }
    let all = sample.len() as f64;
    let bits: f64 = counts
        .iter()
        .filter(|c| **c > 0)
        .map(|c| {
            let share = f64::from(*c) / all;
            -share * share.log2()
        })
        .sum();
    Some(bits as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bytes: &[u8]) -> Vec<String> {
        let blob = Blob::from_bytes(bytes);
        signs(&blob, Depth::Headers, &mut Budget::default())
            .unwrap()
            .into_iter()
            .map(|s| format!("{} {}", s.kind.name(), s.text))
            .collect()
    }

    #[test]
    fn texts_are_found_in_narrow_and_wide_characters() {
        let wide: Vec<u8> = "powershell -enc x".bytes().flat_map(|b| [b, 0]).collect();
        let mut bytes = b"\0\x01https://a.example/x\0/home/me/.ssh/id_rsa\0\0".to_vec();
        bytes.extend(wide);
        assert_eq!(
            found(&bytes),
            [
                "address https://a.example/x",
                "command powershell -enc x",
                "secret /home/me/.ssh/id_rsa"
            ]
        );
    }

    #[test]
    fn a_format_string_is_no_address() {
        assert_eq!(found(b"https://%s/\0http://\0https://localhost/"), [""; 0]);
    }

    #[test]
    fn random_bytes_are_dense_and_code_is_not() {
        let mut state = 1_u32;
        let random: Vec<u8> = (0..8192)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        assert!(entropy(&random).unwrap() > 7.9);
        assert!(entropy(&[0x90; 8192]).unwrap() < 0.1);
        assert_eq!(entropy(b"short"), None);
    }
}
