//! Fenced blocks of Markdown pages.
//!
//! Only what the pages of this repository use: fences of three backticks at the start of a line, an info string of a
//! language and `key=value` words.

/// A fenced block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// The heading of the second level that it stands under.
    pub section: &'a str,
    /// The first word of the info string.
    pub language: &'a str,
    /// The value of `file=`, if it has one.
    pub file: Option<&'a str>,
    /// The lines between the fences, each with its line break.
    pub body: &'a str,
}

/// All fenced blocks of a page.
pub fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    let mut section = "";
    let mut open: Option<(&str, usize)> = None;
    let mut at = 0;
    for line in page.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let text = line.trim_end();
        match (text.strip_prefix("```"), open) {
            (Some(""), Some((info, from))) => {
                let mut words = info.split_whitespace();
                found.push(Block {
                    section,
                    language: words.next().unwrap_or_default(),
                    file: words.find_map(|w| w.strip_prefix("file=")),
                    body: page.get(from..start).unwrap_or_default(),
                });
                open = None;
            }
            (Some(info), None) => open = Some((info, at)),
            (None, None) => section = text.strip_prefix("## ").unwrap_or(section),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_knows_its_section_language_and_file() {
        let page = "# a\n## Example\n```python file=a.py\nx\n## no heading\n```\ntext\n## Use instead\n```console\n$ y\n```\n";
        let found = blocks(page);
        assert_eq!(
            found,
            [
                Block {
                    section: "Example",
                    language: "python",
                    file: Some("a.py"),
                    body: "x\n## no heading\n"
                },
                Block {
                    section: "Use instead",
                    language: "console",
                    file: None,
                    body: "$ y\n"
                },
            ]
        );
    }
}
