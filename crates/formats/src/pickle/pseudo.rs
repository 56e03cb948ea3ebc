//! The program as pseudo-Python, for people.

use super::{
    disassemble::{quoted, quoted_bytes},
    program::{CallKind, Callee, End, Expr, ImportId, Program, WriteKind},
};
use std::fmt::Write as _;
use wellhead_core::escape;

/// How many lines are shown.
const LINES: usize = 400;

impl Program {
    /// An imported name, by its id.
    pub fn import(&self, id: ImportId) -> Option<&super::Import> {
        self.imports.get(id.0 as usize)
    }

    /// What is called, in words: `posix.system`, or "the result of `x.y`".
    pub fn callee_name(&self, callee: Callee) -> String {
        let path = |id| {
            self.import(id)
                .map_or_else(|| "?".to_owned(), super::Import::path)
        };
        match callee {
            Callee::Import(id) => path(id),
            Callee::Result(id) => format!("{}(…)", path(id)),
            Callee::Persistent => "<persistent object>".to_owned(),
            Callee::Unknown => "<computed>".to_owned(),
        }
    }

    /// A value as Python would write it, unescaped.
    pub fn show(&self, expr: &Expr) -> String {
        let list = |items: &[Expr]| items.iter().map(|e| self.show(e)).collect::<Vec<_>>().join(", ");
        match expr {
            Expr::None => "None".to_owned(),
            Expr::Bool(true) => "True".to_owned(),
            Expr::Bool(false) => "False".to_owned(),
            Expr::Int(n) => n.to_string(),
            Expr::Number => "<number>".to_owned(),
            Expr::Str(s) => quoted(s, false),
            Expr::Bytes(b, len) => quoted_bytes(b, *len),
            Expr::Import(id) => self.callee_name(Callee::Import(*id)),
            Expr::Call(callee, args) => format!("{}({})", self.show(callee), list(args)),
            Expr::Tuple(items) if items.len() == 1 => format!("({},)", list(items)),
            Expr::Tuple(items) => format!("({})", list(items)),
            Expr::List(items) => format!("[{}]", list(items)),
            Expr::Set(items) => format!("{{{}}}", list(items)),
            Expr::Dict(items) => {
                let items: Vec<_> = items
                    .iter()
                    .map(|(k, v)| match k {
                        Expr::More => "…".to_owned(),
                        k => format!("{}: {}", self.show(k), self.show(v)),
                    })
                    .collect();
                format!("{{{}}}", items.join(", "))
            }
            Expr::Persistent(id) => format!("persistent({})", self.show(id)),
            Expr::More => "…".to_owned(),
            Expr::Unknown => "?".to_owned(),
        }
    }

    /// What the file does when it is loaded, as pseudo-Python in the order of the first time; at most 400 lines, safe
    /// to print.
    pub fn pseudo_code(&self) -> String {
        let mut lines: Vec<(u64, String)> = Vec::new();
        for (n, s) in self.streams.iter().enumerate().take(LINES) {
            let index = self.streams.iter().take(n).map(|s| s.opcodes).sum();
            let end = match &s.end {
                End::Stop => String::new(),
                End::Damaged { offset, why } => format!(", damaged at {offset:#x}: {why}"),
                End::EndOfData => ", cut off".to_owned(),
                End::Unfinished { why } => format!(", not finished: {why}"),
            };
            let number = n.saturating_add(1);
            lines.push((
                index,
                format!(
                    "# pickle {number} at {:#x}, protocol {}{end}",
                    s.offset, s.protocol
                ),
            ));
        }
        for i in self.imports.iter().filter(|i| i.count > 0) {
            let text = match i.name.rsplit_once('.') {
                _ if i.name.is_empty() => format!("import {}", i.module),
                Some((_, last)) => format!("from {} import {}  # as {last}", i.module, i.name),
                None => format!("from {} import {}", i.module, i.name),
            };
            lines.push((i.site.index, text));
        }
        for c in &self.calls {
            let name = self.callee_name(c.callee);
            for (n, args) in c.samples.iter().enumerate() {
                let args: Vec<_> = args.iter().map(|a| self.show(a)).collect();
                let new = if c.kind == CallKind::New { ".__new__" } else { "" };
                let mut text = format!("{name}{new}({})", args.join(", "));
                if n == 0 && c.count > 1 {
                    let _ = write!(text, "  # {} times", c.count);
                }
                lines.push((c.site.index, text));
            }
        }
        for w in &self.writes {
            let keys = w.keys.join(", ");
            let name = self.callee_name(w.target);
            let text = match w.kind {
                WriteKind::State => format!("{name}.__setstate__({{{keys}}})"),
                WriteKind::Items => format!("{name}[{keys}] = …"),
                WriteKind::Append => format!("{name}.append(…)"),
                WriteKind::Add => format!("{name}.add(…)"),
            };
            lines.push((w.site.index, text));
        }
        lines.sort_by_key(|(index, _)| *index);
        let more = lines.len().saturating_sub(LINES);
        let mut out = String::new();
        for (_, line) in lines.into_iter().take(LINES) {
            out.push_str(&escape(&line));
            out.push('\n');
        }
        if more > 0 {
            let _ = writeln!(out, "# {more} more lines");
        }
        out
    }
}
