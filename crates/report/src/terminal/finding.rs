//! One finding as a snippet.
//!
//! annotate-snippets draws; this file gives it cleaned text and marks on character boundaries, since it trusts both.
//! Paths and labels go in as place-holders that [`Labels`] fills afterwards: a headline can then name a byte offset,
//! and a long label wraps instead of running off the terminal.

use super::{Context, labels::Labels};
use crate::{
    blocks::Class,
    places::{headline, place},
    text::{clean, clean_all, cut, width, wrap},
};
use annotate_snippets::{
    Annotation, AnnotationKind, Group, Level, Origin, Padding, Renderer, Snippet, renderer::DecorStyle,
};
use wellhead_core::{Disposition, Excerpt, ExcerptLine, Finding, Location, Mark, Reference};

/// Lines of one excerpt that are shown.
const MAX_LINES: usize = 40;
/// Marks of one excerpt that are shown.
const MAX_MARKS: usize = 16;
/// Lines that may be missing between two lines of one snippet; annotate-snippets holds each of them.
const MAX_GAP: u32 = 200;
/// Places, notes and help lines that are shown unless everything is asked for.
const MAX_PARTS: usize = 6;

/// The finding, without a final line break.
pub(super) fn render(context: &Context<'_>, class: Class, finding: &Finding) -> String {
    let level = match class {
        Class::Error => Level::ERROR,
        Class::Warning => Level::WARNING,
        Class::Note => Level::NOTE,
    };
    let id = cut(&clean(&finding.rule), 48);
    let label = width(class.name()).saturating_add(width(&id)).saturating_add(4);
    let message = wrap(&clean(&finding.message), context.width.saturating_sub(label)).join("\n");
    let mut title = level.primary_title(message).id(id.clone());
    if let Some(docs) = &context.options.docs {
        title = title.id_url(format!("{}{id}", clean(docs)));
    }
    let mut labels = Labels::default();
    let parts = if context.is_verbose() {
        MAX_LINES
    } else {
        MAX_PARTS
    };
    let mut group = Group::with_title(title);
    let mut last_number = 1;
    let mut bare = false;
    for (i, location) in finding.locations.iter().take(parts).enumerate() {
        let (next, lines) = place_in(group, context, &mut labels, location, i == 0);
        group = next;
        last_number = last_number.max(lines.unwrap_or(1));
        bare = lines.is_none();
    }
    if bare {
        group = group.element(Padding);
    }
    let gutter = last_number.to_string().len();
    let more = finding.locations.len().saturating_sub(parts);
    // `╰ help: ` beside the gutter.
    let room = context.width.saturating_sub(gutter.saturating_add(9));
    for (level, text) in remarks(context, finding, more, parts, room) {
        group = group.element(level.message(wrap(&context.ascii(&text), room).join("\n")));
    }
    let renderer = if context.options.colour {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let decor = if context.options.unicode {
        DecorStyle::Unicode
    } else {
        DecorStyle::Ascii
    };
    let drawn = renderer
        .term_width(context.width)
        .decor_style(decor)
        .render(&[group]);
    labels.fill(&drawn, context.width)
}

/// Adds one place to the group; gives back the largest line number that the gutter has to hold, if there is one.
fn place_in<'a>(
    mut group: Group<'a>,
    context: &Context<'_>,
    labels: &mut Labels,
    location: &Location,
    is_first: bool,
) -> (Group<'a>, Option<u32>) {
    let excerpt = location.excerpt.as_ref().filter(|e| !e.lines.is_empty());
    let Some(excerpt) = excerpt else {
        let mut head = place(location);
        if !is_first && !location.label.is_empty() {
            head.push_str(&format!(": {}", clean(&location.label)));
        }
        return (group.element(Origin::path(labels.path(head))), None);
    };
    let mut last = 1;
    for (i, chunk) in chunks(excerpt).into_iter().enumerate() {
        let first = chunk.first().map_or(1, |l| l.number);
        last = chunk.last().map_or(last, |l| l.number);
        let head = if i == 0 {
            headline(location)
        } else {
            format!("{}:{first}", clean(&location.artifact.to_string()))
        };
        group = group.element(snippet(context, labels, location, excerpt, &chunk, head));
    }
    (group, Some(last))
}

/// The lines of an excerpt that are shown: in order, no number twice, marked ones before others, split at large gaps.
fn chunks(excerpt: &Excerpt) -> Vec<Vec<&ExcerptLine>> {
    let marked = |l: &ExcerptLine| excerpt.marks.iter().any(|m| m.line == l.number);
    let mut lines: Vec<&ExcerptLine> = excerpt.lines.iter().collect();
    lines.sort_by_key(|l| l.number);
    lines.dedup_by_key(|l| l.number);
    if lines.len() > MAX_LINES {
        let mut room = MAX_LINES.saturating_sub(lines.iter().filter(|l| marked(l)).count());
        lines.retain(|l| {
            marked(l) || {
                let keep = room > 0;
                room = room.saturating_sub(1);
                keep
            }
        });
        lines.truncate(MAX_LINES);
    }
    let mut out: Vec<Vec<&ExcerptLine>> = Vec::new();
    for line in lines {
        let near = |chunk: &&mut Vec<&ExcerptLine>| {
            chunk
                .last()
                .is_some_and(|l| line.number.saturating_sub(l.number) <= MAX_GAP)
        };
        match out.last_mut().filter(near) {
            Some(chunk) => chunk.push(line),
            None => out.push(vec![line]),
        }
    }
    out
}

fn snippet<'a>(
    context: &Context<'_>,
    labels: &mut Labels,
    location: &Location,
    excerpt: &Excerpt,
    chunk: &[&ExcerptLine],
    head: String,
) -> Snippet<'a, Annotation<'a>> {
    let mut source = String::new();
    let mut annotations = Vec::new();
    let mut previous: Option<u32> = None;
    for line in chunk {
        let missing = previous.map_or(0, |p| line.number.saturating_sub(p).saturating_sub(1));
        if previous.is_some() {
            source.push('\n');
        }
        // A single missing line is drawn, not folded: it must not look as if it were empty.
        if missing == 1 {
            source.push_str(&context.ascii("…"));
        }
        source.push_str(&"\n".repeat(usize::try_from(missing).unwrap_or(0)));
        let start = source.len();
        source.push_str(&clean(&line.text));
        let end = source.len();
        annotations.push(AnnotationKind::Visible.span(start..start));
        let marks = excerpt.marks.iter().filter(|m| m.line == line.number);
        for mark in marks.take(MAX_MARKS.saturating_sub(labels.count())) {
            let (from, to) = shown(&line.text, mark);
            let span = start.saturating_add(from).min(end)..start.saturating_add(to).min(end);
            let kind = if mark.primary {
                AnnotationKind::Primary
            } else {
                AnnotationKind::Context
            };
            let text = if mark.primary && mark.label.is_empty() {
                &location.label
            } else {
                &mark.label
            };
            let text = labels.label(clean(text));
            annotations.push(kind.span(span).label(text));
        }
        previous = Some(line.number);
    }
    let first = chunk.first().map_or(1, |l| l.number);
    Snippet::source(source)
        .line_start(usize::try_from(first).unwrap_or(1))
        .path(labels.path(head))
        .annotations(annotations)
}

/// Where a mark lies in the cleaned line.
fn shown(line: &str, mark: &Mark) -> (usize, usize) {
    let to = |at: usize| {
        let mut at = at.min(line.len());
        while !line.is_char_boundary(at) {
            at = at.saturating_sub(1);
        }
        clean_all(line.get(..at).unwrap_or_default()).len()
    };
    let start = to(mark.range.start);
    (start, to(mark.range.end).max(start))
}

/// What is said below the lines: facts, where it is described, what to do.
fn remarks(
    context: &Context<'_>,
    finding: &Finding,
    more: usize,
    parts: usize,
    room: usize,
) -> Vec<(Level<'static>, String)> {
    let mut out = Vec::new();
    let mut note = |text: String| out.push((Level::NOTE, text));
    if more > 0 {
        note(format!("{more} more places; `-v` shows all"));
    }
    if let Some(primary) = finding.primary()
        && primary.excerpt.as_ref().is_none_or(|e| e.lines.is_empty())
        && !primary.label.is_empty()
    {
        note(clean(&primary.label));
    }
    for text in finding.notes.iter().take(parts) {
        note(clean(text));
    }
    note(facts(context, finding, room));
    for text in finding.help.iter().take(parts) {
        out.push((Level::HELP, clean(text)));
    }
    for fix in finding.fixes.iter().take(parts) {
        let how = match (&fix.command, fix.disposition) {
            (Some(command), _) => format!(": run `{}`", clean(command)),
            (None, Disposition::Safe) => " (fix available, safe)".to_owned(),
            (None, Disposition::Unsafe) => " (fix available, needs a look)".to_owned(),
        };
        out.push((Level::HELP, format!("{}{how}", clean(&fix.description))));
    }
    out
}

/// `critical · confidence high · ML06:2023 verify package integrity · CWE-502`; the measure by its short name where
/// that does not fit.
pub(super) fn facts(context: &Context<'_>, finding: &Finding, room: usize) -> String {
    let references = context.rule(finding).map(|r| r.references).unwrap_or_default();
    let cwe = references
        .iter()
        .filter(|r| matches!(r, Reference::Cwe(_)))
        .take(2);
    let cwe: String = cwe.map(|r| format!(" · {r}")).collect();
    let with = |measure: &str| {
        format!(
            "{} · confidence {} · ML06:2023 {measure}{cwe}",
            finding.severity, finding.confidence
        )
    };
    let full = with(finding.measure.title());
    if width(&full) <= room {
        full
    } else {
        with(finding.measure.name())
    }
}
