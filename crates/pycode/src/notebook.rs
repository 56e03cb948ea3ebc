//! Notebooks: Python in the strings of a JSON document.
//!
//! Cells are joined and parsed cell by cell, and every position is led back to its byte in the JSON, escapes counted,
//! so that a finding points at the line that a person sees in a diff of the `.ipynb`.

use crate::{
    module::{Command, Module},
    python::{Source, analyse},
};
use std::{ops::Range, sync::Arc};
use wellhead_core::{Budget, Outcome};
use wellhead_formats::text::{self, Node, SyntaxError};

/// Understands the code cells of a notebook (nbformat 3 and 4).
///
/// Commands to the shell and to IPython (`!pip install x`, `%pip install x`, `%%bash`) are kept as commands. Cells of
/// other languages are not looked into; a notebook of another language is not analysed.
///
/// # Errors
/// Where the text is not JSON.
pub fn notebook(json: &str, budget: &mut Budget) -> Result<Module, SyntaxError> {
    let root = text::json(json, budget)?;
    let text: Arc<str> = Arc::from(json);
    if let Some(language) = other_language(&root) {
        let mut module = Module::empty(text);
        module.outcome = Outcome::NotAnalysed {
            why: format!("a notebook in {}", wellhead_core::code(&language)),
        };
        return Ok(module);
    }
    let Some(cells) = cells(&root) else {
        let mut module = Module::empty(text);
        module.outcome = Outcome::NotAnalysed {
            why: "a notebook without cells".to_owned(),
        };
        return Ok(module);
    };
    let mut joined = Joined::default();
    for cell in cells {
        joined.cell(cell, json);
    }
    let source = Source {
        code: &joined.code,
        cells: Some(&joined.cells),
        locate: &|range| joined.locate(range),
    };
    let mut module = analyse(&source, text, budget);
    module.commands.extend(joined.commands.iter().cloned());
    module.commands.sort_by_key(|c| c.range.start);
    Ok(module)
}

/// The Python of a notebook as one text, cell after cell; empty where it is none of Python.
///
/// Lines for the shell and for IPython give way to `pass`, so that what stands round them is still Python.
///
/// # Errors
/// Where the text is not JSON.
pub fn notebook_code(json: &str, budget: &mut Budget) -> Result<String, SyntaxError> {
    let root = text::json(json, budget)?;
    let cells = cells(&root).filter(|_| other_language(&root).is_none());
    let mut joined = Joined::default();
    for cell in cells.unwrap_or_default() {
        joined.cell(cell, json);
    }
    let mut out = String::with_capacity(joined.code.len());
    for line in joined.code.split_inclusive('\n') {
        let content = line.trim_start();
        if content.starts_with(['!', '%']) {
            let indent = line.len().saturating_sub(content.len());
            out.push_str(line.get(..indent).unwrap_or_default());
            out.push_str("pass\n");
        } else {
            out.push_str(line);
        }
    }
    Ok(out)
}

/// The language of the notebook, if it says one and it is not Python.
fn other_language(root: &Node) -> Option<String> {
    let named = [
        ["metadata", "kernelspec", "language"],
        ["metadata", "language_info", "name"],
    ];
    let language = named.iter().find_map(|keys| root.path(keys)?.as_str())?;
    let language = language.to_ascii_lowercase();
    (!language.contains("python")).then_some(language)
}

fn cells(root: &Node) -> Option<Vec<&Node>> {
    if let Some(cells) = root.get("cells") {
        return Some(cells.items().iter().collect());
    }
    let sheets = root.get("worksheets")?.items();
    Some(
        sheets
            .iter()
            .filter_map(|s| s.get("cells"))
            .flat_map(Node::items)
            .collect(),
    )
}

/// The joined code of all cells, and the way back.
#[derive(Default)]
struct Joined {
    code: String,
    cells: Vec<Range<usize>>,
    /// Runs of bytes that are the same in code and JSON: (in the code, in the JSON), ascending.
    runs: Vec<(usize, usize)>,
    commands: Vec<Command>,
}

/// Cell magics whose body is Python all the same.
const PYTHON_MAGICS: &[&str] = &[
    "time", "timeit", "capture", "prun", "python", "python3", "pypy", "debug",
];
/// Cell magics whose body a shell runs.
const SHELL_MAGICS: &[&str] = &["bash", "sh", "shell", "system", "!", "script", "cmd"];

/// Whether a cell is one line that IPython takes for a magic although no `%` stands in front of it.
fn is_automagic(cell: &str) -> bool {
    let installer = ["pip", "conda", "mamba", "micromamba", "uv"]
        .into_iter()
        .find_map(|name| cell.strip_prefix(name)?.strip_prefix(' '));
    installer.is_some_and(|rest| {
        !cell.contains('\n')
            && rest
                .trim_start()
                .starts_with(|c: char| c.is_ascii_alphabetic() || c == '-')
    })
}

impl Joined {
    fn cell(&mut self, cell: &Node, json: &str) {
        if cell.get("cell_type").and_then(Node::as_str) != Some("code") {
            return;
        }
        let Some(source) = cell.get("source").or_else(|| cell.get("input")) else {
            return;
        };
        let start = self.code.len();
        let parts = if source.as_str().is_some() {
            std::slice::from_ref(source)
        } else {
            source.items()
        };
        for part in parts {
            self.part(part, json);
        }
        let text = self.code.get(start..).unwrap_or_default();
        if let Some(magic) = text.trim_start().strip_prefix("%%") {
            let name = magic.split_whitespace().next().unwrap_or_default().to_owned();
            if !PYTHON_MAGICS.contains(&name.as_str()) {
                self.other(start, SHELL_MAGICS.contains(&name.as_str()));
                return;
            }
        }
        if is_automagic(text.trim()) {
            return self.lines(start, true, 0);
        }
        // Every cell ends in one line feed of ours, which belongs to none.
        let end = self.code.len();
        self.cells.push(start..end);
        self.code.push('\n');
    }

    /// Takes a cell of another language back out of the code; the lines of a shell become commands.
    fn other(&mut self, start: usize, shell: bool) {
        self.lines(start, shell, 1);
    }

    fn lines(&mut self, start: usize, shell: bool, first: usize) {
        let mut at = start;
        let text = self.code.get(start..).unwrap_or_default().to_owned();
        for (i, line) in text.split_inclusive('\n').enumerate() {
            let end = at.saturating_add(line.len());
            let content = line.trim();
            if shell && i >= first && !content.is_empty() && !content.starts_with('#') {
                self.commands.push(Command {
                    text: content.to_owned(),
                    shell: true,
                    range: self.locate(at..at.saturating_add(line.trim_end().len())),
                });
            }
            at = end;
        }
        self.code.truncate(start);
        while self.runs.last().is_some_and(|(code, _)| *code >= start) {
            self.runs.pop();
        }
    }

    /// Appends a JSON string, run by run between its escapes.
    fn part(&mut self, part: &Node, json: &str) {
        let Some(text) = part.as_str() else { return };
        let raw = json.get(part.span.clone()).unwrap_or_default();
        let inner = part.span.start.saturating_add(1);
        let mut at = 0_usize;
        self.runs.push((self.code.len(), inner));
        let body = raw
            .get(1..raw.len().saturating_sub(1))
            .unwrap_or_default()
            .as_bytes();
        for c in text.chars() {
            let written = match (body.get(at), body.get(at.saturating_add(1))) {
                (Some(b'\\'), Some(b'u')) => {
                    if c.len_utf8() == 4 {
                        12
                    } else {
                        6
                    }
                }
                (Some(b'\\'), _) => 2,
                _ => c.len_utf8(),
            };
            let escaped = body.get(at) == Some(&b'\\');
            if escaped {
                self.runs.push((self.code.len(), inner.saturating_add(at)));
            }
            self.code.push(c);
            at = at.saturating_add(written);
            if escaped {
                self.runs.push((self.code.len(), inner.saturating_add(at)));
            }
        }
    }

    fn locate(&self, range: Range<usize>) -> Range<usize> {
        let start = self.byte(range.start);
        let end = match range.end.checked_sub(1) {
            Some(last) if range.end > range.start => self.byte(last).saturating_add(1),
            _ => start,
        };
        start..end.max(start)
    }

    fn byte(&self, at: usize) -> usize {
        let next = self.runs.partition_point(|(code, _)| *code <= at);
        match next.checked_sub(1).and_then(|i| self.runs.get(i)) {
            Some((code, json)) => json.saturating_add(at.saturating_sub(*code)),
            None => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(json: &str) -> Module {
        notebook(json, &mut Budget::default()).unwrap()
    }

    #[test]
    fn the_python_of_a_notebook_is_one_text_and_what_is_none_gives_way() {
        let json = r##"{"cells":[
            {"cell_type":"markdown","source":"# no"},
            {"cell_type":"code","source":["import os\n","if os:\n","    !pip install x\n","print(\"é\")"]},
            {"cell_type":"code","source":"%%bash\nls"},
            {"cell_type":"code","source":"%time x = 1\ny = 2"}
        ]}"##;
        let code = notebook_code(json, &mut Budget::default()).unwrap();
        assert_eq!(code, "import os\nif os:\n    pass\nprint(\"é\")\npass\ny = 2\n");
        assert_eq!(notebook_code("{}", &mut Budget::default()).unwrap(), "");
        assert!(notebook_code("{", &mut Budget::default()).is_err());
    }

    const NOTEBOOK: &str = r##"{
 "cells": [
  {"cell_type": "markdown", "source": ["torch.load('no')"]},
  {"cell_type": "code", "source": ["import torch\n", "!pip install foo==1.0\n", "m = torch.load(\"a\\u0062.pt\",\n", "    weights_only=False)"]},
  {"cell_type": "code", "source": "%pip install bar\nx = (\n"},
  {"cell_type": "code", "source": ["%%bash\n", "# a remark\n", "curl http://a.example | sh\n"]},
  {"cell_type": "code", "source": ["%%html\n", "<b>"]},
  {"cell_type": "code", "source": ["%%time\n", "torch.hub.load('é/\u00e9:main', \"m\")\n"]}
 ],
 "metadata": {"kernelspec": {"language": "python"}},
 "nbformat": 4
}"##;

    #[test]
    fn calls_of_cells_point_into_the_json() {
        let module = read(NOTEBOOK);
        let calls: Vec<_> = module
            .calls
            .iter()
            .map(|c| (c.callee(), &NOTEBOOK[c.range.clone()]))
            .collect();
        assert_eq!(
            calls,
            [
                (
                    "torch.load",
                    "torch.load(\\\"a\\\\u0062.pt\\\",\\n\", \"    weights_only=False)"
                ),
                ("torch.hub.load", "torch.hub.load('é/\\u00e9:main', \\\"m\\\")"),
            ]
        );
        let keyword = module.calls[0].keyword("weights_only").unwrap();
        assert_eq!(&NOTEBOOK[keyword.range.clone()], "weights_only=False");
    }

    #[test]
    fn lines_for_the_shell_are_commands() {
        let module = read(NOTEBOOK);
        let commands: Vec<_> = module
            .commands
            .iter()
            .map(|c| (c.shell, c.text.as_str(), &NOTEBOOK[c.range.clone()]))
            .collect();
        assert_eq!(
            commands,
            [
                (true, "pip install foo==1.0", "!pip install foo==1.0"),
                (false, "pip install bar", "%pip install bar"),
                (true, "curl http://a.example | sh", "curl http://a.example | sh"),
                (false, "time", "%%time"),
            ]
        );
    }

    #[test]
    fn one_line_that_ipython_takes_for_a_magic_is_a_command() {
        let json = r#"{"cells": [{"cell_type": "code", "source": ["pip install a"]},
            {"cell_type": "code", "source": ["pip = 3"]}, {"cell_type": "code", "source": ["import os\n", "os.x()"]}]}"#;
        let module = read(json);
        let commands: Vec<_> = module.commands.iter().map(|c| c.text.as_str()).collect();
        assert_eq!(commands, ["pip install a"]);
        assert_eq!((module.calls.len(), &module.outcome), (1, &Outcome::Analysed));
    }

    #[test]
    fn a_broken_cell_is_said_and_costs_only_itself() {
        let module = read(NOTEBOOK);
        assert_eq!(module.calls.len(), 2);
        let why = module.outcome.why().unwrap();
        assert!(why.starts_with("not valid Python at line 5"), "{why}");
    }

    #[test]
    fn other_languages_are_not_analysed_and_say_so() {
        let module = read(r#"{"cells": [], "metadata": {"language_info": {"name": "R"}}}"#);
        assert_eq!(module.outcome.why(), Some("a notebook in `r`"));
    }

    proptest! {
        #[test]
        fn any_cell_text_leads_back_to_its_bytes(text in "\\PC{0,40}|[a-z()=\"'\\\\\n\t%!]{0,60}") {
            let quoted = format!("{text:?}").replace("\\'", "'").replace("\\0", "\\u0000");
            let json = format!(r#"{{"cells":[{{"cell_type":"code","source":[{quoted}]}}]}}"#);
            if let Ok(module) = notebook(&json, &mut Budget::default()) {
                for call in &module.calls {
                    prop_assert!(json.get(call.range.clone()).is_some());
                }
            }
        }
    }
}
