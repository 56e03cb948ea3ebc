//! Records of calls with an effect, and the places and ways that they show.

use super::{
    machine::Machine,
    value::{Step, Taint, Value, What},
};
use crate::{
    behaviour::{Hop, SinkKind, SinkRecord, SourceKind},
    flow::Stage,
};
use std::{ops::Range, rc::Rc};

/// Most records that are kept of a package.
const MOST_RECORDS: usize = 20_000;
/// Most files that are kept as those that make a call happen.
const MOST_STARTERS: usize = 16;
/// Longest words of a step on the way from a source to a sink, in bytes.
const LONGEST_STEP: usize = 240;

impl<'a> Machine<'a, '_> {
    /// Where something stands in the text of the file itself.
    pub(super) fn place(&self, range: impl ruff_text_size::Ranged) -> Range<usize> {
        match &self.frame.origin {
            Some(origin) => origin.clone(),
            None => crate::python::bytes(range),
        }
    }

    pub(super) fn step(
        &self,
        kind: Option<SourceKind>,
        range: impl ruff_text_size::Ranged,
        what: &str,
    ) -> Step {
        let mut end = what.len().min(LONGEST_STEP);
        while !what.is_char_boundary(end) {
            end = end.saturating_sub(1);
        }
        Step {
            kind,
            file: self.frame.file,
            range: self.place(range),
            what: Rc::from(what.get(..end).unwrap_or_default()),
        }
    }

    pub(super) fn symbol(&mut self) -> Value {
        self.symbols = self.symbols.saturating_add(1);
        What::Symbol(self.symbols).into()
    }

    /// Keeps a record, or adds to the one that is there.
    pub(super) fn record(
        &mut self,
        kind: SinkKind,
        callee: &str,
        arguments: Vec<String>,
        taint: &Taint,
        range: ruff_text_size::TextRange,
    ) {
        let frame = &self.frame;
        // What a program calls in other files is not run by whoever imports those.
        let stage = match self.program {
            Some(program) if program != frame.file => Stage::Call,
            _ => frame.stage,
        };
        let key = (
            frame.tree,
            range.start().to_usize(),
            range.end().to_usize(),
            kind,
            Rc::from(callee),
        );
        let range = self.place(range);
        let hops = taint.trail().iter().filter_map(|step| {
            Some(Hop {
                module: self.files.get(step.file)?.path.to_owned(),
                range: step.range.clone(),
                what: step.what.to_string(),
            })
        });
        let hops: Vec<Hop> = hops.collect();
        let starter = self.files.get(self.running).map_or("", |f| f.path);
        if let Some(known) = self.record_at.get(&key).and_then(|at| self.records.get_mut(*at)) {
            if stage < known.stage {
                known.starters.clear();
            }
            let is_new = !known.starters.iter().any(|s| s == starter);
            if stage <= known.stage && known.starters.len() < MOST_STARTERS && is_new {
                known.starters.push(starter.to_owned());
            }
            known.stage = known.stage.min(stage);
            let before = known.sources.len();
            known.sources.extend(taint.kinds());
            if known.sources.len() > before {
                known.hops = hops;
            }
            let unknown = |words: &[String]| words.iter().filter(|w| w.contains(super::value::HOLE)).count();
            if unknown(&arguments) < unknown(&known.arguments) {
                known.arguments = arguments;
            }
            return;
        }
        if self.records.len() >= MOST_RECORDS {
            self.partly(format!("more than {MOST_RECORDS} calls with an effect"));
            return;
        }
        let Some(module) = self.files.get(frame.file) else {
            return;
        };
        self.record_at.insert(key, self.records.len());
        self.records.push(SinkRecord {
            module: module.path.to_owned(),
            function: frame.function.to_string(),
            callee: callee.to_owned(),
            kind,
            arguments,
            sources: taint.kinds().collect(),
            stage,
            layer: frame.layer,
            range,
            hops,
            starters: vec![starter.to_owned()],
        });
    }
}
