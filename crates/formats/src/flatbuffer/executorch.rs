//! ExecuTorch: a program for devices. Execution plans call operators by name and hand parts to delegates.
//!
//! Operators and delegates are native code of the application, and one that is not of PyTorch has to be registered
//! there. What delegates are given is code for their device, opaque to everybody else, and said to be so.

use super::{Buffer, Table};
use crate::{
    document::{Member, Opened, Role},
    graph::{Framework, Graph, Operator, Place},
    identify::hides,
    model::{Model, Opening},
    tensors::{Tensor, defect},
};
use std::collections::BTreeSet;
use wellhead_core::{Budget, Exhausted, Outcome};

/// Element types, by number.
static TYPES: &[&str] = &[
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "float32",
    "float64",
    "complex32",
    "complex64",
    "complex128",
    "bool",
    "qint8",
    "quint8",
    "qint32",
    "bfloat16",
];

/// The kind of value that is a tensor.
const TENSOR: u8 = 5;
/// Most dimensions of a tensor that are kept.
const MAX_RANK: usize = 32;

/// Opens a program.
pub(crate) fn open(opening: &Opening<'_>, budget: &mut Budget) -> Opened {
    let mut model = Model::new(opening.identity.format);
    model.graph = Graph::new(Framework::ExecuTorch);
    let mut members = Vec::new();
    let mut reader = Reader {
        buffer: Buffer::new(opening.blob),
        opening,
        model: &mut model,
        members: &mut members,
        segments: opening.blob.len(),
        constants: Vec::new(),
        probed: BTreeSet::new(),
    };
    let read = reader.program(budget);
    let failed = reader.buffer.failed().map(str::to_owned);
    let defects = std::mem::take(&mut reader.buffer.defects);
    model.defects.extend(defects);
    let outcome = match (read, failed) {
        (Err(why), _) => Outcome::Partly { why: why.to_string() },
        (_, Some(why)) => Outcome::Partly {
            why: format!("could not be read: {why}"),
        },
        (Ok(false), _) => Outcome::Partly {
            why: "its root table is damaged".to_owned(),
        },
        (Ok(true), None) => Outcome::Analysed,
    };
    model.opened(members, outcome, opening)
}

struct Reader<'a, 'o> {
    buffer: Buffer<'a>,
    opening: &'a Opening<'a>,
    model: &'o mut Model,
    members: &'o mut Vec<Member>,
    /// Where the segments begin.
    segments: u64,
    /// The constants of the older layout, which lie in the FlatBuffer.
    constants: Vec<std::ops::Range<u64>>,
    /// Where bytes begin that were looked at.
    probed: BTreeSet<u64>,
}

impl Reader<'_, '_> {
    fn program(&mut self, budget: &mut Budget) -> Result<bool, Exhausted> {
        self.header();
        let Some(root) = self.buffer.root(0) else {
            return Ok(false);
        };
        let version = self.buffer.int(root, 0);
        self.fact("schema version", version.to_string());
        let constants = self.buffer.vector(root, 2, 4, "constants");
        for i in 0..constants.count {
            budget.steps(4)?;
            budget.memory(16)?;
            let table = self.buffer.element(constants, i, "a constant");
            let bytes = table.map(|t| self.buffer.vector(t, 0, 1, "the bytes of a constant").range());
            self.constants.push(bytes.unwrap_or(0..0));
        }
        let plans = self.buffer.vector(root, 1, 4, "execution plans");
        for i in 0..plans.count {
            budget.steps(1)?;
            if let Some(table) = self.buffer.element(plans, i, "an execution plan")
                && self.buffer.first_visit(table, budget)?
            {
                self.plan(table, budget)?;
            }
        }
        self.delegate_data(root, budget)?;
        self.read_segments(root, budget)?;
        Ok(true)
    }

    fn fact(&mut self, name: &str, value: String) {
        if !value.is_empty() && self.model.metadata.len() < 1000 {
            self.model.metadata.push((name.to_owned(), value));
        }
    }

    /// The extended header says where the segments are.
    fn header(&mut self) {
        let magic = self.opening.blob.bytes(8, 4).unwrap_or_default();
        if magic != b"eh00" {
            return;
        }
        let program = self.buffer.u64(16).unwrap_or(0);
        let segments = self.buffer.u64(24).unwrap_or(0);
        let len = self.opening.blob.len();
        if program > len || segments > len {
            let words = "its header says that program or segments lie behind the end of the file";
            defect(&mut self.buffer.defects, 8..32, words);
        }
        if segments > 0 {
            self.segments = segments;
        }
    }

    fn plan(&mut self, table: Table, budget: &mut Budget) -> Result<(), Exhausted> {
        let name = self.buffer.text(table, 0, "the name of a plan");
        self.fact("plan", name.clone());
        let operators = self.buffer.vector(table, 6, 4, "operators");
        let (calls, listed) = if self.buffer.first_walk(operators, budget)? {
            (self.calls(table, budget)?, operators.count)
        } else {
            (Vec::new(), 0)
        };
        for i in 0..listed {
            budget.steps(4)?;
            let Some(operator) = self.buffer.element(operators, i, "an operator") else {
                continue;
            };
            let qualified = self.buffer.text(operator, 0, "the name of an operator");
            let overload = self.buffer.text(operator, 1, "the overload of an operator");
            let (domain, short) = qualified.split_once("::").unwrap_or(("", &qualified));
            let attributes = if overload.is_empty() {
                Vec::new()
            } else {
                vec![("overload".to_owned(), overload)]
            };
            let counted = usize::try_from(i).ok().and_then(|i| calls.get(i).copied());
            let operator = Operator {
                domain: domain.to_owned(),
                name: short.to_owned(),
                scope: name.clone(),
                count: counted.unwrap_or(1),
                place: Place {
                    offset: operator.at,
                    length: 4,
                },
                attributes,
                ..Operator::default()
            };
            self.model.graph.operator(operator, budget)?;
        }
        self.delegates(table, &name, budget)?;
        self.values(table, budget)
    }

    /// How often each operator of a plan is called.
    fn calls(&mut self, plan: Table, budget: &mut Budget) -> Result<Vec<u64>, Exhausted> {
        let operators = self.buffer.vector(plan, 6, 4, "operators");
        let places = usize::try_from(operators.count).unwrap_or(0);
        budget.memory(operators.count.saturating_mul(8))?;
        let mut calls = vec![0_u64; places];
        let chains = self.buffer.vector(plan, 5, 4, "chains");
        if !self.buffer.first_walk(chains, budget)? {
            return Ok(calls);
        }
        for i in 0..chains.count {
            budget.steps(1)?;
            let Some(chain) = self.buffer.element(chains, i, "a chain") else {
                continue;
            };
            if !self.buffer.first_visit(chain, budget)? {
                continue;
            }
            let instructions = self.buffer.vector(chain, 2, 4, "instructions");
            if !self.buffer.first_walk(instructions, budget)? {
                continue;
            }
            budget.steps(instructions.count)?;
            for j in 0..instructions.count {
                let Some(instruction) = self.buffer.element(instructions, j, "an instruction") else {
                    continue;
                };
                // The first kind of instruction calls a kernel.
                if self.buffer.byte(instruction, 0) != 1 {
                    continue;
                }
                let Some(call) = self.buffer.child(instruction, 1, "a call") else {
                    continue;
                };
                let index = self.buffer.int(call, 0);
                match usize::try_from(index).ok().and_then(|i| calls.get_mut(i)) {
                    Some(count) => *count = count.saturating_add(1),
                    None => {
                        let at = call.at..call.at.saturating_add(4);
                        let words = format!("operator {index} is called and is not listed");
                        defect(&mut self.buffer.defects, at, words);
                    }
                }
            }
        }
        Ok(calls)
    }

    fn delegates(&mut self, plan: Table, scope: &str, budget: &mut Budget) -> Result<(), Exhausted> {
        let delegates = self.buffer.vector(plan, 7, 4, "delegates");
        if !self.buffer.first_walk(delegates, budget)? {
            return Ok(());
        }
        for i in 0..delegates.count {
            budget.steps(4)?;
            let Some(delegate) = self.buffer.element(delegates, i, "a delegate") else {
                continue;
            };
            let id = self.buffer.text(delegate, 0, "the name of a delegate");
            let specs = self.buffer.vector(delegate, 2, 4, "what a delegate is told");
            let mut attributes = Vec::new();
            for j in 0..specs.count.min(32) {
                if let Some(spec) = self.buffer.element(specs, j, "what a delegate is told") {
                    let key = self.buffer.text(spec, 0, "a key");
                    let value = self.buffer.text(spec, 1, "a value");
                    let plain = !value.chars().any(char::is_control) && value.len() <= 256;
                    let shown = if plain { value } else { "binary".to_owned() };
                    attributes.push((key, shown));
                }
            }
            let operator = Operator {
                domain: "delegate".to_owned(),
                name: id,
                scope: scope.to_owned(),
                place: Place {
                    offset: delegate.at,
                    length: 4,
                },
                attributes,
                ..Operator::default()
            };
            self.model.graph.operator(operator, budget)?;
        }
        Ok(())
    }

    fn values(&mut self, plan: Table, budget: &mut Budget) -> Result<(), Exhausted> {
        let values = self.buffer.vector(plan, 2, 4, "values");
        if !self.buffer.first_walk(values, budget)? {
            return Ok(());
        }
        budget.steps(values.count)?;
        for i in 0..values.count {
            let Some(value) = self.buffer.element(values, i, "a value") else {
                continue;
            };
            if self.buffer.byte(value, 0) != TENSOR {
                continue;
            }
            let Some(tensor) = self.buffer.child(value, 1, "a tensor") else {
                continue;
            };
            if self.buffer.first_visit(tensor, budget)? {
                self.tensor(tensor, i, budget)?;
            }
        }
        Ok(())
    }

    fn tensor(&mut self, table: Table, index: u64, budget: &mut Budget) -> Result<(), Exhausted> {
        let constant = usize::try_from(self.buffer.int(table, 5)).unwrap_or(0);
        // The first constant stands for "computed", so only others are arrays of the file.
        if constant == 0 {
            return Ok(());
        }
        budget.memory(128)?;
        let number = self.buffer.byte(table, 0);
        let dtype = TYPES
            .get(usize::from(number))
            .map_or_else(|| format!("type {number}"), |name| (*name).to_owned());
        let sizes = self.buffer.vector(table, 2, 4, "a tensor's shape");
        let shape = self
            .buffer
            .ints(sizes, MAX_RANK)
            .into_iter()
            .map(u64::from)
            .collect();
        self.model.tensors.push(Tensor {
            name: format!("value {index}"),
            dtype,
            shape,
            bytes: self.constants.get(constant).cloned().unwrap_or(0..0),
        });
        Ok(())
    }

    /// What delegates are given: a part of it that is a format of its own goes back to the queue.
    fn delegate_data(&mut self, root: Table, budget: &mut Budget) -> Result<(), Exhausted> {
        let data = self.buffer.vector(root, 3, 4, "delegate data");
        for i in 0..data.count {
            budget.steps(4)?;
            if let Some(table) = self.buffer.element(data, i, "delegate data")
                && self.buffer.first_visit(table, budget)?
            {
                let bytes = self.buffer.vector(table, 0, 1, "delegate data").range();
                self.part(&format!("delegate data {i}"), bytes, budget);
            }
        }
        Ok(())
    }

    fn part(&mut self, name: &str, range: std::ops::Range<u64>, budget: &mut Budget) {
        let size = range.end.saturating_sub(range.start);
        self.fact(name, format!("{size} bytes"));
        let blob = self.opening.blob.slice(range.start, size);
        if blob.is_empty() || !self.probed.insert(range.start) {
            return;
        }
        let head = blob.bytes(0, 4096).unwrap_or_default();
        if let Some(format) = hides(&head, &blob, budget) {
            self.members.push(Member::stored(name, Role::As(format), blob));
        }
    }

    fn read_segments(&mut self, root: Table, budget: &mut Budget) -> Result<(), Exhausted> {
        let segments = self.buffer.vector(root, 4, 4, "segments");
        for i in 0..segments.count {
            budget.steps(8)?;
            let Some(table) = self.buffer.element(segments, i, "a segment") else {
                continue;
            };
            if !self.buffer.first_visit(table, budget)? {
                continue;
            }
            let start = self.segments.saturating_add(self.buffer.long(table, 0));
            let end = start.saturating_add(self.buffer.long(table, 1));
            if end > self.opening.blob.len() {
                let at = table.at..table.at.saturating_add(4);
                let words = format!("segment {i} ends behind the end of the file");
                defect(&mut self.buffer.defects, at, words);
                continue;
            }
            self.part(&format!("segment {i}"), start..end, budget);
        }
        Ok(())
    }
}
