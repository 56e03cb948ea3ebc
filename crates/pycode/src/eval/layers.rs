//! Code that only exists once it was decoded: it is read where it is run, like what surrounds it.

use super::{
    Datum,
    call::Arguments,
    machine::{MOST_LAYERS, Machine},
    value::{Cut, Taint, Value},
};
use crate::behaviour::{Language, Layer, SinkKind, SourceKind};
use ruff_python_ast::Stmt;
use ruff_text_size::TextRange;
use std::hash::{DefaultHasher, Hash, Hasher};

/// How many layers may lie in one another.
const LAYERS: u8 = 12;
/// How much of a decoded text is kept.
const KEPT: usize = 256 << 10;

/// Words that stand in every file.
const ORDINARY: &[&str] = &[
    "import", "from", "return", "self", "print", "lambda", "class", "None", "True", "False", "with", "open",
    "else", "elif", "while", "break", "except", "pass", "yield", "join", "name",
];

/// Whether all that a text does is to import one thing, whose name loops over modules put together.
fn is_import(text: &str) -> bool {
    let text = text.trim();
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | ' ' | '*' | ',');
    (text.starts_with("from ") || text.starts_with("import ")) && text.chars().all(plain)
}

impl<'a> Machine<'a, '_> {
    /// Runs text or code objects.
    pub(super) fn execute(&mut self, path: &str, arguments: &Arguments, range: TextRange) -> Value {
        let source = arguments
            .positional
            .first()
            .cloned()
            .unwrap_or_else(Value::unknown);
        let mut taint = self.deep_taint(&source);
        self.runs_unseen(&taint, Cut::Early, range);
        self.leads_elsewhere(std::iter::once(&source), range);
        if source.datum().is_none() {
            self.runs_unread(&taint, range);
        }
        let mut out = Value::unknown();
        let mut known = false;
        for choice in source.choices().to_vec() {
            let text = match choice.datum() {
                Some(Datum::Str(text)) => Some(text.to_string()),
                Some(Datum::Bytes(bytes)) => Some(String::from_utf8_lossy(bytes).into_owned()),
                _ => None,
            };
            if let Some(text) = text {
                known = true;
                if !taint.has(SourceKind::Decoded) && !is_import(&text) && !self.stands_in_file(&text) {
                    taint = taint.then(self.step(Some(SourceKind::Decoded), range, "computed"));
                }
                out = self.layer(&text, &taint, range);
            }
        }
        // Constants that are evaluated in the open are read above; that they are is nothing by itself.
        let plain = known && taint.is_empty() && path == "eval";
        if !plain {
            let quoted = self.quoted(&Arguments::of(vec![source]));
            let written = taint.clone();
            self.record(SinkKind::Execute, path, quoted, &written, range);
        }
        out.with(&taint.without(&[SourceKind::Decoded, SourceKind::File, SourceKind::Resource]))
    }

    /// Whether a text is written in the file, as it is or as a template of which most can be read.
    pub(super) fn stands_in_file(&self, text: &str) -> bool {
        const WORDS: usize = 40;
        let Some(file) = self.files.get(self.frame.file) else {
            return true;
        };
        if self.frame.layer > 0 {
            return true;
        }
        // Another file may spell it out and hand it over.
        let whole = text.trim();
        if !whole.is_empty() && self.files.iter().any(|other| other.text.contains(whole)) {
            return true;
        }
        let plain = |c: char| c.is_alphanumeric() || c == '_';
        let words: Vec<&str> = text
            .split(|c| !plain(c))
            .filter(|w| w.len() > 3 && !ORDINARY.contains(w))
            .take(WORDS)
            .collect();
        if words.is_empty() {
            let piece = text
                .split(|c| !plain(c))
                .max_by_key(|p| p.len())
                .unwrap_or_default();
            return piece.len() < 3 || file.text.contains(piece);
        }
        let written = words.iter().filter(|w| file.text.contains(**w)).count();
        written.saturating_mul(2) >= words.len()
    }

    /// Reads a text as what is run here.
    pub(super) fn layer(&mut self, text: &str, taint: &Taint, range: TextRange) -> Value {
        let number = self.frame.layer.saturating_add(1);
        let mut hasher = DefaultHasher::new();
        (text, self.frame.scope).hash(&mut hasher);
        let new = self.layers_seen.insert((self.frame.file, hasher.finish()));
        if !new {
            return Value::unknown();
        }
        let place = self.place(range);
        let tree_number = self.trees_used();
        let room = number <= LAYERS && self.layers.len() < MOST_LAYERS;
        let code = text.trim_start_matches(['\u{feff}', ' ', '\t']);
        let Some(tree) = room.then(|| self.parse(code)).flatten() else {
            self.partly("more code is decoded, or more often, than is followed".to_owned());
            return Value::unknown();
        };
        let language = if tree.errors() == 0 {
            Language::Python
        } else {
            language_of(text)
        };
        self.keep(text, taint, number, language, place.clone());
        let outer = (self.frame.layer, self.frame.origin.clone(), self.frame.tree);
        self.frame.layer = number;
        self.frame.origin = Some(place);
        self.frame.tree = tree_number;
        let value = match tree.body() {
            [Stmt::Expr(one)] => self.eval(&one.value),
            body => {
                self.block(body);
                Value::unknown()
            }
        };
        (self.frame.layer, self.frame.origin, self.frame.tree) = outer;
        value
    }

    pub(super) fn keep(
        &mut self,
        text: &str,
        taint: &Taint,
        number: u8,
        language: Language,
        range: std::ops::Range<usize>,
    ) {
        let Some(file) = self.files.get(self.frame.file) else {
            return;
        };
        if self.layers.len() >= MOST_LAYERS {
            return;
        }
        let mut by: Vec<&str> = Vec::new();
        for step in taint
            .trail()
            .iter()
            .filter(|s| s.kind == Some(SourceKind::Decoded))
        {
            if !by.contains(&&*step.what) {
                by.push(&step.what);
            }
        }
        let mut end = text.len().min(KEPT);
        while !text.is_char_boundary(end) {
            end = end.saturating_sub(1);
        }
        self.layers.push(Layer {
            module: file.path.to_owned(),
            number,
            by: by.join(", "),
            text: text.get(..end).unwrap_or_default().to_owned(),
            language,
            range,
        });
    }

    /// Code that a program is given: `python -c`, an encoded PowerShell, a shell script that was decoded.
    ///
    /// Gives what flows into the command, with what was decoded of it.
    pub(super) fn command_layers(
        &mut self,
        first: &Value,
        command: &str,
        taint: &Taint,
        range: TextRange,
    ) -> Taint {
        let place = self.place(range);
        let number = self.frame.layer.saturating_add(1);
        let words = self.container(first).map_or_else(Vec::new, |c| c.items.clone());
        let flag = words.iter().position(|w| w.as_str() == Some("-c"));
        let program = words.first();
        let python = program.is_some_and(|p| {
            p.words().is_some_and(|w| w.contains("python")) || p.as_path() == Some("sys.executable")
        });
        if let Some(code) = flag
            .and_then(|at| words.get(at.saturating_add(1)))
            .filter(|_| python)
        {
            if let Some(text) = code.as_str().map(str::to_owned) {
                self.layer(&text, taint, range);
            }
            return taint.clone();
        }
        if let Some(text) = encoded_power_shell(command) {
            let taint = taint.then(self.step(Some(SourceKind::Decoded), range, "base64"));
            self.keep(&text, &taint, number, Language::PowerShell, place);
            return taint;
        }
        if taint.has(SourceKind::Decoded) && command.chars().any(|c| c != super::value::HOLE) {
            let language = if command.to_ascii_lowercase().contains("powershell") {
                Language::PowerShell
            } else {
                Language::Shell
            };
            self.keep(command, taint, number, language, place);
        }
        taint.clone()
    }
}

/// The script of `powershell -EncodedCommand`.
fn encoded_power_shell(command: &str) -> Option<String> {
    let lower = command.to_ascii_lowercase();
    if !lower.contains("powershell") && !lower.contains("pwsh") {
        return None;
    }
    let mut words = command.split_ascii_whitespace();
    words.find(|w| {
        let w = w.to_ascii_lowercase();
        w.len() > 1 && ("-encodedcommand".starts_with(&w) || w == "-ec") && w.starts_with("-e")
    })?;
    let blob = words.next()?.trim_matches(['"', '\'']);
    let mut budget = wellhead_core::Budget::default();
    let given = [Datum::text(blob)?];
    let bytes = super::builtin("base64.b64decode", &given, &[], &mut budget).ok()??;
    let units: Vec<u16> = bytes
        .as_bytes()?
        .chunks_exact(2)
        .map(|pair| {
            u16::from_le_bytes([
                pair.first().copied().unwrap_or(0),
                pair.get(1).copied().unwrap_or(0),
            ])
        })
        .collect();
    Some(String::from_utf16_lossy(&units))
}

/// What a text is written in that is not Python.
fn language_of(text: &str) -> Language {
    let has = |parts: &[&str]| parts.iter().any(|p| text.contains(p));
    if text.starts_with("#!/bin/") || has(&["curl ", "wget ", "chmod +x", "; then"]) {
        Language::Shell
    } else if has(&[
        "$env:",
        "Invoke-Expression",
        "New-Object",
        "IEX",
        "-ExecutionPolicy",
    ]) {
        Language::PowerShell
    } else if has(&["require(", "function(", "=> {", "const ", "process.env"]) {
        Language::JavaScript
    } else {
        Language::Other
    }
}
