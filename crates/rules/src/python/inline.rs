//! Python that stands in a command of a recipe, a workflow or a script: `python -c "…"`, `python - <<EOF`.
//!
//! Images are often given their model by such a line, so the rules for Python look at it as at a file. The one decision:
//! it is judged by itself, without what the files of the project say, since it is run before they are there.

use std::sync::Arc;
use wellhead_core::{Budget, Finding, Location, Sink, Span};
use wellhead_formats::document::TextFile;
use wellhead_infra::{Command, Configuration, Word, script};
use wellhead_pycode::Module;

/// A check of Python code.
type Check = fn(&Module, &mut Sink);

/// The longest program that is looked at.
const LONGEST: usize = 64 << 10;

/// Python in the commands of recipes and workflows.
pub(super) fn of_configuration(configuration: &Configuration, sink: &mut Sink, check: Check) {
    for resource in &configuration.resources {
        of_commands(&configuration.text, &resource.build, sink, check);
        if !resource.inherited_start {
            of_commands(&configuration.text, &resource.start, sink, check);
        }
    }
}

/// Python in a shell script, by its name.
pub(super) fn of_script(file: &TextFile, sink: &mut Sink, check: Check) {
    let name = sink.artifact().name();
    let is_script = [".sh", ".bash", ".zsh"]
        .iter()
        .any(|ending| name.ends_with(ending));
    if is_script && file.text.contains("python") {
        of_commands(&file.text, &script(&file.text, 0), sink, check);
    }
}

fn of_commands(text: &str, commands: &[Command], sink: &mut Sink, check: Check) {
    for command in commands {
        let Some(word) = program(command).filter(|w| w.text.len() <= LONGEST) else {
            continue;
        };
        let module = wellhead_pycode::parse(&word.text, &mut Budget::default());
        let mut inner = Sink::new(sink.artifact().clone()).of_text(Arc::clone(&module.text));
        check(&module, &mut inner);
        for finding in inner.into_findings() {
            let finding = placed(finding, text, word, sink);
            sink.push(finding);
        }
    }
}

/// The program that a command of Python gets on its command line or from its here-document.
fn program(command: &Command) -> Option<&Word> {
    let version = command.program().strip_prefix("python")?;
    if !version.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    let mut words = command.words.iter().skip(1);
    while let Some(word) = words.next() {
        match word.text.as_str() {
            "-" => break,
            "-W" | "-X" => {
                words.next();
            }
            text if text.starts_with('-') && !text.starts_with("--") && text.ends_with('c') => {
                return words.next();
            }
            text if text.starts_with(['-', '<', '>', '2']) => {}
            _ => return None,
        }
    }
    command.input.as_ref()
}

/// The same finding at its place in the file.
fn placed(mut finding: Finding, text: &str, word: &Word, sink: &Sink) -> Finding {
    let raw = text.get(word.span.clone()).unwrap_or_default();
    // Quotes and escapes may have been taken away; then the whole word is the place.
    let start = raw.find(&word.text).map(|at| word.span.start.saturating_add(at));
    let move_to = |location: &Location| {
        let range = match (&location.span, start) {
            (Span::Text { offset, length, .. }, Some(start)) => {
                let from = start.saturating_add(usize::try_from(*offset).unwrap_or_default());
                from..from.saturating_add(usize::try_from(*length).unwrap_or_default())
            }
            _ => word.span.clone(),
        };
        sink.text(text, range, location.label.clone())
    };
    finding.locations = finding.locations.iter().map(move_to).collect();
    // Edits would be for another text.
    finding.fixes.clear();
    finding
}
