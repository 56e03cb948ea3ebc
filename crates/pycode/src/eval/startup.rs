//! What of a `.pth` file Python runs at its start.

/// The lines of a `.pth` file that Python runs, at their places; everything else is blank.
pub(super) fn start_up_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // Where some Python ends a line, each does here: what one of them runs is what runs.
    let ends = |c: char| matches!(c, '\n'..='\r' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}');
    for line in text.split_inclusive(ends) {
        let start = line.trim_start_matches('\u{feff}');
        if start.starts_with("import ") || start.starts_with("import\t") {
            // Python's own parser takes a line feed for the end, and so does ours.
            let body = line.trim_end_matches(ends);
            out.extend(std::iter::repeat_n(' ', line.len().saturating_sub(start.len())));
            out.push_str(body.trim_start_matches('\u{feff}'));
            blank(&mut out, line.get(body.len()..).unwrap_or_default());
        } else {
            blank(&mut out, line);
        }
    }
    out
}

/// White space of the same length in bytes, which ends a line where the text does.
fn blank(out: &mut String, text: &str) {
    let last = text.len().saturating_sub(1);
    let ends = text.ends_with([
        '\n', '\r', '\x0b', '\x0c', '\x1c', '\x1d', '\x1e', '\u{85}', '\u{2028}', '\u{2029}',
    ]);
    out.extend((0..text.len()).map(|at| if ends && at == last { '\n' } else { ' ' }));
}
