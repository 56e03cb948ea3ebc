//! Names in the form in which they are compared.

/// The PEP 503 form: lower case, every run of `-`, `_` and `.` one `-`.
pub fn normalise(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut gap = false;
    for c in name.trim().chars() {
        if matches!(c, '-' | '_' | '.') {
            gap = true;
            continue;
        }
        if gap {
            out.push('-');
            gap = false;
        }
        out.extend(c.to_lowercase());
    }
    if gap {
        out.push('-');
    }
    out
}

/// Whether the text is a name as PEP 508 has it: ASCII letters, digits, and `-_.` between them.
pub(crate) fn is_valid(name: &str) -> bool {
    let ends = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
    ends(name.bytes().next())
        && ends(name.bytes().next_back())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_as_pep_503_says() {
        for (written, normal) in [
            ("scikit_learn", "scikit-learn"),
            ("Flask", "flask"),
            ("zope.interface", "zope-interface"),
            ("a-_.b", "a-b"),
            ("ruamel.yaml.clib", "ruamel-yaml-clib"),
        ] {
            assert_eq!(normalise(written), normal);
        }
        assert!(
            is_valid("Pillow") && !is_valid("-x") && !is_valid("") && !is_valid("a b") && !is_valid("tоrch")
        );
    }
}
