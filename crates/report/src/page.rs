//! A rule's page in parts: sections by heading, paragraphs as plain text.

/// The text below `## heading`, up to the next heading of its level.
pub(crate) fn section<'a>(page: &'a str, heading: &str) -> Option<&'a str> {
    let mut fenced = false;
    let mut start = None;
    let mut at = 0_usize;
    for line in page.split_inclusive('\n') {
        let next = at.saturating_add(line.len());
        if line.starts_with("```") {
            fenced = !fenced;
        }
        if let Some(title) = line.strip_prefix("## ").filter(|_| !fenced) {
            match start {
                None if title.trim() == heading => start = Some(next),
                None => {}
                Some(start) => return page.get(start..at),
            }
        }
        at = next;
    }
    page.get(start?..)
}

/// The first paragraph on one line, without marks of emphasis and links.
pub(crate) fn first_paragraph(section: &str) -> String {
    let lines = section.trim_start().lines().take_while(|l| !l.trim().is_empty());
    plain(&lines.map(str::trim).collect::<Vec<_>>().join(" "))
}

/// Markdown of one line as plain text: `[text](target)` becomes `text`, emphasis goes, code keeps its backticks.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::new();
    for (i, part) in text.split('`').enumerate() {
        if i > 0 {
            out.push('`');
        }
        if i % 2 == 1 {
            out.push_str(part);
            continue;
        }
        out.push_str(&unlink(part).replace("**", "").replace('*', ""));
    }
    out
}

fn unlink(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        out.push_str(before);
        match after
            .split_once("](")
            .and_then(|(name, tail)| Some((name, tail.split_once(')')?)))
        {
            Some((name, (target, tail))) => {
                out.push_str(name);
                if target.starts_with("http") {
                    out.push_str(&format!(" ({target})"));
                }
                rest = tail;
            }
            None => {
                out.push('[');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::PAGE;

    #[test]
    fn sections_end_at_the_next_heading() {
        assert_eq!(
            section(PAGE, "Why is this bad").unwrap().trim(),
            "Loading the file is enough; nothing has to be called."
        );
        assert_eq!(section(PAGE, "References").unwrap().trim(), "- CWE-502");
        assert_eq!(section(PAGE, "Nothing"), None);
        assert_eq!(
            section("## A\n```\n## B\n```\n## C\n", "A"),
            Some("```\n## B\n```\n")
        );
    }

    #[test]
    fn a_paragraph_becomes_plain_text() {
        assert_eq!(
            first_paragraph(section(PAGE, "What it does").unwrap()),
            "Finds pickles that call something dangerous while they are loaded, such as `posix.system`. See the \
             documentation (https://docs.example/pickle)."
        );
        assert_eq!(plain("a [b] `c*d` [e](f"), "a [b] `c*d` [e](f");
    }
}
