//! Text inside other text: what is quoted and set in, so that no name changes the shape of a file.

/// A text as a string of YAML, JSON and HCL.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// A text as a string of a compose file, where a dollar sign stands for a variable.
pub(super) fn for_compose(text: &str) -> String {
    quoted(&text.replace('$', "$$"))
}

/// A text with each line set in by so many blanks; empty lines stay empty.
pub(super) fn set_in(text: &str, blanks: usize) -> String {
    let mut out = String::new();
    for line in text.lines() {
        if !line.is_empty() {
            out.extend(std::iter::repeat_n(' ', blanks));
            out.push_str(line);
        }
        out.push('\n');
    }
    out
}
