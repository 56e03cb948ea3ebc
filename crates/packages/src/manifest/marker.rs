//! The shape of a PEP 508 marker: comparisons of variables and strings, joined by `and` and `or`, in parentheses.

/// Variables of PEP 508, with the names that setuptools knew before it, and those of PEP 751.
const VARIABLES: &[&str] = &[
    "python_version",
    "python_full_version",
    "os_name",
    "sys_platform",
    "platform_release",
    "platform_system",
    "platform_version",
    "platform_machine",
    "platform_python_implementation",
    "implementation_name",
    "implementation_version",
    "extra",
    "extras",
    "dependency_groups",
    "os.name",
    "sys.platform",
    "platform.version",
    "platform.machine",
    "platform.python_implementation",
    "python_implementation",
];

/// How deep parentheses may nest; real ones nest three deep.
const MAX_DEPTH: u32 = 32;

/// Whether the text has the shape of a marker.
pub(super) fn is_valid(text: &str) -> bool {
    let mut rest = text;
    let mut depth = 0_u32;
    // Between operands: false where an operand must come, true after a whole comparison.
    let mut complete = false;
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return complete && depth == 0;
        }
        if complete {
            if let Some(after) = rest.strip_prefix(')') {
                let Some(less) = depth.checked_sub(1) else {
                    return false;
                };
                depth = less;
                rest = after;
            } else if let Some(after) = word(rest, "and").or_else(|| word(rest, "or")) {
                rest = after;
                complete = false;
            } else {
                return false;
            }
        } else if let Some(after) = rest.strip_prefix('(') {
            depth = depth.saturating_add(1);
            if depth > MAX_DEPTH {
                return false;
            }
            rest = after;
        } else {
            let Some(after) = comparison(rest) else {
                return false;
            };
            rest = after;
            complete = true;
        }
    }
}

fn comparison(text: &str) -> Option<&str> {
    let rest = operand(text)?.trim_start();
    let rest = operator(rest)?.trim_start();
    operand(rest)
}

fn operand(text: &str) -> Option<&str> {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote) {
            return inner.split_once(quote).map(|(_, rest)| rest);
        }
    }
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.')))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end)?;
    VARIABLES.contains(&name).then_some(rest)
}

fn operator(text: &str) -> Option<&str> {
    for op in ["===", "==", "!=", "<=", ">=", "~=", "<", ">"] {
        if let Some(rest) = text.strip_prefix(op) {
            return Some(rest);
        }
    }
    word(text, "in").or_else(|| word(word(text, "not")?.trim_start(), "in"))
}

/// What follows a word, if it ends there.
fn word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(word)?;
    let ends = rest
        .chars()
        .next()
        .is_none_or(|c| !(c.is_ascii_alphanumeric() || c == '_'));
    ends.then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_have_a_shape() {
        for (text, valid) in [
            ("sys_platform == 'linux'", true),
            ("python_version<\"3.9\" and (os_name=='nt' or extra == 'x')", true),
            ("'linux' in sys_platform", true),
            ("platform_machine not in 'x86_64 aarch64'", true),
            ("", false),
            ("python_version", false),
            ("python_version == ", false),
            ("pyton_version == '3'", false),
            ("(os_name == 'nt'", false),
            ("os_name == 'nt')", false),
            ("os_name == 'nt' os_name == 'nt'", false),
            ("os_name == 'nt", false),
        ] {
            assert_eq!(is_valid(text), valid, "{text}");
        }
        let deep = format!("{}os_name == 'nt'{}", "(".repeat(100_000), ")".repeat(100_000));
        assert!(!is_valid(&deep));
    }
}
