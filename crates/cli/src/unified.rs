//! A unified diff, as `git apply` and `patch` take it.
//!
//! Edits mostly keep the number of lines, and then each changed run of lines is a hunk of its own; otherwise everything between
//! the first and the last line that differ is one. Both are right, whatever the edit.

use std::fmt::Write as _;

/// Lines shown round a change.
const CONTEXT: usize = 3;

/// What turns the old text of a file into the new one; nothing where they are the same.
pub(crate) fn diff(path: &str, old: &str, new: &str) -> String {
    let (a, b) = (lines(old), lines(new));
    let runs = runs(&a, &b);
    let mut out = String::new();
    if runs.is_empty() {
        return out;
    }
    let _ = writeln!(out, "--- {}\n+++ {}", name("a/", path), name("b/", path));
    // How many lines the new text is ahead of the old one.
    let mut ahead = 0_isize;
    let mut i = 0;
    while let Some((first, _)) = runs.get(i) {
        // Runs whose context meets are one hunk.
        let mut last = i;
        while let (Some((here, _)), Some((next, _))) = (runs.get(last), runs.get(last.saturating_add(1))) {
            if next.start.saturating_sub(here.end) > CONTEXT.saturating_mul(2) {
                break;
            }
            last = last.saturating_add(1);
        }
        let group = runs.get(i..=last).unwrap_or_default();
        let start = first.start.saturating_sub(CONTEXT);
        let end = group
            .last()
            .map_or(start, |(r, _)| r.end.saturating_add(CONTEXT))
            .min(a.len());
        let mut body = String::new();
        let (mut at, mut added, mut removed) = (start, 0_usize, 0_usize);
        for (from, to) in group {
            push(&mut body, ' ', a.get(at..from.start));
            push(&mut body, '-', a.get(from.clone()));
            push(&mut body, '+', b.get(to.clone()));
            removed = removed.saturating_add(from.len());
            added = added.saturating_add(to.len());
            at = from.end;
        }
        push(&mut body, ' ', a.get(at..end));
        let length = end.saturating_sub(start);
        let new_length = length.saturating_sub(removed).saturating_add(added);
        let new_start = start.saturating_add_signed(ahead);
        let _ = writeln!(
            out,
            "@@ -{} +{} @@",
            range(start, length),
            range(new_start, new_length)
        );
        out.push_str(&body);
        ahead = ahead
            .saturating_add_unsigned(added)
            .saturating_sub_unsigned(removed);
        i = last.saturating_add(1);
    }
    out
}

type Run = (std::ops::Range<usize>, std::ops::Range<usize>);

/// The runs of lines that differ.
fn runs(a: &[&str], b: &[&str]) -> Vec<Run> {
    let mut out: Vec<Run> = Vec::new();
    if a.len() == b.len() {
        for (i, _) in a.iter().zip(b).enumerate().filter(|(_, (x, y))| x != y) {
            let next = i.saturating_add(1);
            match out.last_mut() {
                Some((from, to)) if from.end == i => {
                    from.end = next;
                    to.end = next;
                }
                _ => out.push((i..next, i..next)),
            }
        }
        return out;
    }
    let same = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let most = a.len().min(b.len()).saturating_sub(same);
    let tail = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take(most)
        .take_while(|(x, y)| x == y)
        .count();
    out.push((
        same..a.len().saturating_sub(tail),
        same..b.len().saturating_sub(tail),
    ));
    out
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

fn push(out: &mut String, sign: char, lines: Option<&[&str]>) {
    for line in lines.unwrap_or_default() {
        out.push(sign);
        out.push_str(line);
        if !line.ends_with('\n') {
            out.push_str("\n\\ No newline at end of file\n");
        }
    }
}

/// A range of lines; one that is empty stands behind the line before it.
fn range(start: usize, length: usize) -> String {
    let first = if length == 0 {
        start
    } else {
        start.saturating_add(1)
    };
    if length == 1 {
        first.to_string()
    } else {
        format!("{first},{length}")
    }
}

/// A path as git writes it: quoted where it holds what would end it.
fn name(side: &str, path: &str) -> String {
    let odd = |c: char| c.is_control() || matches!(c, '"' | '\\') || !c.is_ascii();
    if !path.contains(odd) {
        let tab = if path.contains(' ') { "\t" } else { "" };
        return format!("{side}{path}{tab}");
    }
    let mut out = format!("\"{side}");
    for b in path.bytes() {
        match b {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(b));
            }
            0x20..=0x7e => out.push(char::from(b)),
            b => {
                let _ = write!(out, "\\{b:03o}");
            }
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_hunks() {
        let old: String = (1..=20).map(|i| format!("line {i}\n")).collect();
        let new = old
            .replace("line 2\n", "LINE 2\n")
            .replace("line 4\n", "LINE 4\n")
            .replace("line 20\n", "LINE 20");
        insta::assert_snapshot!(diff("a b/r.txt", &old, &new), @r#"
        --- a/a b/r.txt	
        +++ b/a b/r.txt	
        @@ -1,7 +1,7 @@
         line 1
        -line 2
        +LINE 2
         line 3
        -line 4
        +LINE 4
         line 5
         line 6
         line 7
        @@ -17,4 +17,4 @@
         line 17
         line 18
         line 19
        -line 20
        +LINE 20
        \ No newline at end of file
        "#);
        let longer = old.replace("line 9\n", "line 9\nand more\n");
        insta::assert_snapshot!(diff("r.txt", &old, &longer), @r#"
        --- a/r.txt
        +++ b/r.txt
        @@ -7,6 +7,7 @@
         line 7
         line 8
         line 9
        +and more
         line 10
         line 11
         line 12
        "#);
        insta::assert_snapshot!(diff("\u{fc}\t\".txt", "a", ""), @r#"
        --- "a/\303\274\011\".txt"
        +++ "b/\303\274\011\".txt"
        @@ -1 +0,0 @@
        -a
        \ No newline at end of file
        "#);
        assert_eq!(diff("r.txt", &old, &old), "");
    }
}
