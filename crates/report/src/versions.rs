//! Which of two versions is newer, as far as a table of fixes needs it (PEP 440 without local labels).

/// A version as a key that sorts; `None` if it is not one.
pub(super) fn key(text: &str) -> Option<Vec<i64>> {
    let text = text.trim().trim_start_matches(['v', 'V']).to_ascii_lowercase();
    let text = text.split('+').next()?;
    let (epoch, rest) = match text.split_once('!') {
        Some((epoch, rest)) => (epoch.parse().ok()?, rest),
        None => (0, text),
    };
    let end = rest
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(rest.len());
    let (release, suffix) = rest.split_at_checked(end)?;
    let mut parts = Vec::new();
    for part in release.trim_end_matches('.').split('.') {
        parts.push(part.parse::<i64>().ok()?);
    }
    while parts.last() == Some(&0) {
        parts.pop();
    }
    let stage = stage(suffix)?;
    let mut key = vec![epoch];
    // Each part is followed by what comes after it: another part, or the end with its stage. 1.0a1 < 1.0 < 1.0.1.
    key.extend(parts.into_iter().flat_map(|p| [1_000, p]));
    key.extend(stage);
    Some(key)
}

/// Pre-, post- and development releases as two numbers: what sort it is, and which one.
fn stage(suffix: &str) -> Option<[i64; 2]> {
    let suffix = suffix.trim_start_matches(['.', '-', '_']);
    let end = suffix
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(suffix.len());
    let (word, rest) = suffix.split_at_checked(end)?;
    let digits: String = rest
        .trim_start_matches(['.', '-', '_'])
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    let number = if digits.is_empty() {
        0
    } else {
        digits.parse().ok()?
    };
    let rank = match word {
        "dev" => 0,
        "a" | "alpha" => 1,
        "b" | "beta" => 2,
        "rc" | "c" | "pre" | "preview" => 3,
        "" if suffix.is_empty() => 4,
        "post" | "rev" | "r" | "" => 5,
        _ => return None,
    };
    Some([rank, number])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_sort_as_pip_sorts_them() {
        let sorted = [
            "0.9",
            "1.0.dev1",
            "1.0a1",
            "1.0b2",
            "1.0rc1",
            "1.0",
            "1.0.post1",
            "1.0.1",
            "1.9",
            "1.10",
            "2",
            "2.6.0",
            "1!0.1",
        ];
        for pair in sorted.windows(2) {
            assert!(key(pair[0]).unwrap() < key(pair[1]).unwrap(), "{pair:?}");
        }
        assert_eq!(key("1.0"), key("1.0.0"));
        assert_eq!(key("2.2.0+cu121"), key("2.2"));
        assert_eq!(key("latest"), None);
        assert_eq!(key(""), None);
    }
}
