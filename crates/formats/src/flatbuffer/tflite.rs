//! TensorFlow Lite: subgraphs of operators, tensors whose numbers lie in buffers, metadata.
//!
//! Operators of the runtime itself only compute. What matters are the others: `custom` ones, whose code the application
//! registers, and `Flex` ones, which run TensorFlow's own operators with all that those can do.

use super::{
    Buffer, Table, Vector,
    tflite_names::{OPERATORS, TYPES},
};
use crate::{
    document::{Member, Opened, Role},
    graph::{Framework, Graph, Operator, Place},
    identify::{glance, hides},
    model::{Model, Opening},
    tensors::{DefectKind, Tensor, defect, defect_of},
};
use std::collections::BTreeSet;
use wellhead_core::{Budget, Exhausted, Outcome, code};

/// Operators from this code on are told by the newer field.
const PLACEHOLDER: u32 = 127;
/// The code of operators that the model names itself.
const CUSTOM: u32 = 32;
/// Most dimensions of a tensor that are kept.
const MAX_RANK: usize = 32;

/// Opens a model.
pub(crate) fn open(opening: &Opening<'_>, budget: &mut Budget) -> Opened {
    let mut model = Model::new(opening.identity.format);
    model.graph = Graph::new(Framework::TfLite);
    let mut members = Vec::new();
    let mut reader = Reader {
        buffer: Buffer::new(opening.blob),
        opening,
        model: &mut model,
        members: &mut members,
        codes: Vec::new(),
        buffers: Vec::new(),
        end: 0,
        probed: BTreeSet::new(),
    };
    let read = reader.model(budget);
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

/// A kind of operator, as the model lists them.
#[derive(Clone, Debug)]
struct Code {
    domain: &'static str,
    name: String,
    at: u64,
}

struct Reader<'a, 'o> {
    buffer: Buffer<'a>,
    opening: &'a Opening<'a>,
    model: &'o mut Model,
    members: &'o mut Vec<Member>,
    codes: Vec<Code>,
    /// The bytes of each buffer.
    buffers: Vec<std::ops::Range<u64>>,
    /// The furthest byte that belongs to the model.
    end: u64,
    /// Where bytes begin that were looked at.
    probed: BTreeSet<u64>,
}

impl Reader<'_, '_> {
    fn model(&mut self, budget: &mut Budget) -> Result<bool, Exhausted> {
        let Some(root) = self.buffer.root(0) else {
            return Ok(false);
        };
        let version = self.buffer.int(root, 0);
        self.fact("schema version", version.to_string());
        let description = self.buffer.text(root, 3, "the description");
        self.fact("description", description);
        self.codes(root, budget)?;
        self.read_buffers(root, budget)?;
        let subgraphs = self.buffer.vector(root, 2, 4, "subgraphs");
        for i in 0..subgraphs.count {
            budget.steps(1)?;
            if let Some(table) = self.buffer.element(subgraphs, i, "a subgraph")
                && self.buffer.first_visit(table, budget)?
            {
                self.subgraph(table, i, budget)?;
            }
        }
        self.metadata(root, budget)?;
        self.signatures(root, budget)?;
        self.trailing(budget);
        Ok(true)
    }

    fn fact(&mut self, name: &str, value: String) {
        if !value.is_empty() {
            self.model.metadata.push((name.to_owned(), value));
        }
    }

    fn codes(&mut self, root: Table, budget: &mut Budget) -> Result<(), Exhausted> {
        let codes = self.buffer.vector(root, 1, 4, "operator codes");
        for i in 0..codes.count {
            budget.steps(4)?;
            let code = self.buffer.element(codes, i, "an operator code");
            let code = code.map_or_else(
                || Code {
                    domain: "",
                    name: "?".to_owned(),
                    at: codes.at,
                },
                |table| self.code(table),
            );
            // All elements may lead to one table, whose name each of them then has.
            budget.memory((code.name.len() as u64).saturating_add(96))?;
            self.codes.push(code);
        }
        Ok(())
    }

    fn code(&mut self, table: Table) -> Code {
        let old = u32::from(self.buffer.byte(table, 0));
        let new = self.buffer.int(table, 3);
        // Files from before the newer field only have the older one.
        let number = if old < PLACEHOLDER { old.max(new) } else { new };
        let custom = self.buffer.text(table, 1, "an operator's name");
        let known = usize::try_from(number).ok().and_then(|i| OPERATORS.get(i));
        let (domain, name) = match (number, known) {
            (CUSTOM, _) => match custom.strip_prefix("Flex") {
                Some(name) => ("flex", name.to_owned()),
                None => ("custom", custom),
            },
            (_, Some(name)) => ("", (*name).to_owned()),
            (_, None) => ("", format!("operator {number}")),
        };
        Code {
            domain,
            name,
            at: table.at,
        }
    }

    /// Where each buffer's bytes lie: in the FlatBuffer, or behind it in files of more than two gigabytes.
    fn read_buffers(&mut self, root: Table, budget: &mut Budget) -> Result<(), Exhausted> {
        let buffers = self.buffer.vector(root, 4, 4, "buffers");
        let len = self.opening.blob.len();
        for i in 0..buffers.count {
            budget.steps(4)?;
            budget.memory(48)?;
            let mut bytes = 0..0;
            if let Some(table) = self.buffer.element(buffers, i, "a buffer") {
                self.end = self.end.max(table.at);
                let offset = self.buffer.long(table, 1);
                let size = self.buffer.long(table, 2);
                if offset > 1 {
                    bytes = offset..offset.saturating_add(size);
                    if bytes.end > len {
                        let words = format!("buffer {i} ends behind the end of the file");
                        defect(
                            &mut self.buffer.defects,
                            table.at..table.at.saturating_add(4),
                            words,
                        );
                        bytes = 0..0;
                    }
                } else {
                    bytes = self.buffer.vector(table, 0, 1, "the bytes of a buffer").range();
                }
            }
            self.end = self.end.max(bytes.end);
            self.hidden(&format!("buffer {i}"), &bytes, budget);
            self.buffers.push(bytes);
        }
        Ok(())
    }

    /// What lies among numbers and is a program, an archive or a pickle goes back to the queue.
    fn hidden(&mut self, name: &str, bytes: &std::ops::Range<u64>, budget: &mut Budget) {
        let blob = self
            .opening
            .blob
            .slice(bytes.start, bytes.end.saturating_sub(bytes.start));
        // Buffers that are the same bytes are the same file.
        if blob.is_empty() || !self.probed.insert(bytes.start) {
            return;
        }
        let head = blob.bytes(0, 4096).unwrap_or_default();
        if let Some(format) = hides(&head, &blob, budget) {
            self.members.push(Member {
                hidden: true,
                ..Member::stored(name, Role::As(format), blob)
            });
        }
    }

    fn subgraph(&mut self, table: Table, index: u64, budget: &mut Budget) -> Result<(), Exhausted> {
        let mut name = self.buffer.text(table, 4, "the name of a subgraph");
        if name.is_empty() {
            name = format!("subgraph {index}");
        }
        let tensors = self.buffer.vector(table, 0, 4, "tensors");
        let walked = if self.buffer.first_walk(tensors, budget)? {
            tensors.count
        } else {
            0
        };
        for i in 0..walked {
            budget.steps(8)?;
            if let Some(tensor) = self.buffer.element(tensors, i, "a tensor")
                && self.buffer.first_visit(tensor, budget)?
            {
                self.tensor(tensor, budget)?;
            }
        }
        for field in [1, 2] {
            let ends = self.buffer.vector(table, field, 4, "inputs or outputs");
            self.indices(ends, tensors.count, &name, budget)?;
        }
        let operators = self.buffer.vector(table, 3, 4, "operators");
        if !self.buffer.first_walk(operators, budget)? {
            return Ok(());
        }
        for i in 0..operators.count {
            budget.steps(8)?;
            if let Some(operator) = self.buffer.element(operators, i, "an operator")
                && self.buffer.first_visit(operator, budget)?
            {
                self.operator(operator, tensors.count, &name, budget)?;
            }
        }
        Ok(())
    }

    /// Runtimes use these as indices without looking at them again.
    fn indices(
        &mut self,
        list: Vector,
        tensors: u64,
        scope: &str,
        budget: &mut Budget,
    ) -> Result<(), Exhausted> {
        if !self.buffer.first_walk(list, budget)? {
            return Ok(());
        }
        budget.steps(list.count)?;
        for i in 0..list.count {
            let at = list.at.saturating_add(i.saturating_mul(4));
            let index = self.buffer.u32(at).unwrap_or(0);
            // The highest number stands for an input that is left out.
            if u64::from(index) >= tensors && index != u32::MAX {
                let words = format!("tensor {index} of {} does not exist", code(scope));
                defect(&mut self.buffer.defects, at..at.saturating_add(4), words);
                break;
            }
        }
        Ok(())
    }

    fn operator(
        &mut self,
        table: Table,
        tensors: u64,
        scope: &str,
        budget: &mut Budget,
    ) -> Result<(), Exhausted> {
        let index = self.buffer.int(table, 0);
        for field in [1, 2] {
            let ends = self.buffer.vector(table, field, 4, "an operator's tensors");
            self.indices(ends, tensors, scope, budget)?;
        }
        let Some(kind) = usize::try_from(index)
            .ok()
            .and_then(|i| self.codes.get(i))
            .cloned()
        else {
            let words = format!("an operator has the code {index}, which the model does not list");
            defect(
                &mut self.buffer.defects,
                table.at..table.at.saturating_add(4),
                words,
            );
            return Ok(());
        };
        let mut attributes = Vec::new();
        let options = self.buffer.vector(table, 5, 1, "an operator's options");
        if options.count > 0 && !kind.domain.is_empty() {
            attributes.push(("options".to_owned(), format!("{} bytes", options.count)));
        }
        let operator = Operator {
            domain: kind.domain.to_owned(),
            name: kind.name,
            scope: scope.to_owned(),
            place: Place {
                offset: kind.at,
                length: 4,
            },
            attributes,
            ..Operator::default()
        };
        self.model.graph.operator(operator, budget)
    }

    fn tensor(&mut self, table: Table, budget: &mut Budget) -> Result<(), Exhausted> {
        let name = self.buffer.text(table, 3, "a tensor's name");
        budget.memory((name.len() as u64).saturating_add(128))?;
        let number = self.buffer.byte(table, 1);
        let known = TYPES.get(usize::from(number)).copied();
        let (dtype, bits) = known.map_or_else(
            || (format!("type {number}"), 0),
            |(name, bits)| (name.to_owned(), bits),
        );
        let shape = self.buffer.vector(table, 0, 4, "a tensor's shape");
        let shape: Vec<u64> = self
            .buffer
            .ints(shape, MAX_RANK)
            .into_iter()
            .map(u64::from)
            .collect();
        let index = self.buffer.int(table, 2);
        let bytes = usize::try_from(index)
            .ok()
            .and_then(|i| self.buffers.get(i))
            .cloned();
        let at = table.at..table.at.saturating_add(4);
        if bytes.is_none() {
            let words = format!(
                "tensor {} lies in buffer {index}, which does not exist",
                code(&name)
            );
            defect(&mut self.buffer.defects, at.clone(), words);
        }
        let tensor = Tensor {
            name,
            dtype,
            shape,
            bytes: bytes.unwrap_or(0..0),
        };
        let have = tensor.bytes.end.saturating_sub(tensor.bytes.start);
        let want = tensor
            .elements()
            .and_then(|n| n.checked_mul(bits))
            .map(|bits| bits.div_ceil(8));
        // A tensor without bytes is computed; a sparse one has fewer than its shape says, and a whole one never less.
        let sparse = self.buffer.field(table, 6, 4).is_some();
        if have > 0 && bits > 0 && !sparse && want.is_none_or(|want| want > have) {
            let words = format!(
                "tensor {} has fewer bytes than its shape needs",
                code(&tensor.name)
            );
            defect(&mut self.buffer.defects, at, words);
        }
        self.model.tensors.push(tensor);
        Ok(())
    }

    /// Metadata is a buffer by name; what is a format of its own goes back to the queue.
    fn metadata(&mut self, root: Table, budget: &mut Budget) -> Result<(), Exhausted> {
        let entries = self.buffer.vector(root, 6, 4, "metadata");
        for i in 0..entries.count {
            budget.steps(8)?;
            let Some(table) = self.buffer.element(entries, i, "metadata") else {
                continue;
            };
            if !self.buffer.first_visit(table, budget)? {
                continue;
            }
            budget.memory(256)?;
            let name = self.buffer.text(table, 0, "the name of metadata");
            let index = usize::try_from(self.buffer.int(table, 1)).unwrap_or(usize::MAX);
            let Some(bytes) = self.buffers.get(index).cloned() else {
                let words = format!(
                    "metadata {} lies in buffer {index}, which does not exist",
                    code(&name)
                );
                defect(
                    &mut self.buffer.defects,
                    table.at..table.at.saturating_add(4),
                    words,
                );
                continue;
            };
            let size = bytes.end.saturating_sub(bytes.start);
            let blob = self.opening.blob.slice(bytes.start, size);
            if size > 0 && glance(&blob).is_some() {
                self.members.push(Member::stored(
                    format!("metadata {name}"),
                    Role::Plain,
                    blob.clone(),
                ));
            }
            let shown = blob.bytes(0, 64).unwrap_or_default();
            let text = std::str::from_utf8(&shown).map_or("", |t| t.trim_end_matches('\0'));
            let plain = !text.is_empty() && !text.chars().any(char::is_control);
            let value = if plain && size <= 64 {
                text.to_owned()
            } else {
                format!("{size} bytes")
            };
            self.fact(&format!("metadata {name}"), value);
        }
        Ok(())
    }

    fn signatures(&mut self, root: Table, budget: &mut Budget) -> Result<(), Exhausted> {
        let signatures = self.buffer.vector(root, 7, 4, "signatures");
        for i in 0..signatures.count.min(64) {
            budget.steps(4)?;
            if let Some(table) = self.buffer.element(signatures, i, "a signature") {
                let name = self.buffer.text(table, 2, "the name of a signature");
                self.fact("signature", name);
            }
        }
        Ok(())
    }

    /// A FlatBuffer has no length of its own, so what stands behind its last buffer is told apart by what it is: labels
    /// and vocabularies come as a zip archive, which is a layer of the file already.
    fn trailing(&mut self, budget: &mut Budget) {
        let len = self.opening.blob.len();
        let zipped = self
            .opening
            .identity
            .polyglot
            .iter()
            .map(|layer| layer.offset)
            .find(|offset| *offset > 0);
        if zipped.is_some() || self.end == 0 || self.end >= len {
            return;
        }
        // Tables may stand behind the buffers; another format does not.
        let members = self.members.len();
        self.hidden(&format!("bytes at {:#x}", self.end), &(self.end..len), budget);
        if self.members.len() > members {
            let words = "a file of another format stands behind its last buffer";
            defect_of(
                &mut self.buffer.defects,
                DefectKind::Smuggled,
                self.end..len,
                words,
            );
        }
    }
}
