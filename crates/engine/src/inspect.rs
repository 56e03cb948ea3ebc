//! What was understood of a file: every artifact in it, with its facts, its tensors and its disassembly.
//!
//! The same queue as an audit walks, so that what is shown is what was judged.

use crate::{artifact::Visitor, run::Options, subjects::Input};
use wellhead_core::{ArtifactPath, Budget, Outcome, escape};
use wellhead_formats::{
    Document,
    disarm::disarm,
    document::TextFile,
    format::table,
    graph::ReferenceKind,
    marshal::Bytecode,
    model::Model,
    native::{Native, Start},
    pickle,
    tensors::Tensor,
};
use wellhead_sources::Entry;

/// One artifact, as it was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// The artifact.
    pub artifact: ArtifactPath,
    /// The format's name for people.
    pub format: String,
    /// Bytes.
    pub size: u64,
    /// How the analysis ended.
    pub outcome: Outcome,
    /// Names and values, in a sensible order; escaped.
    pub facts: Vec<(String, String)>,
    /// Tensors, where the format has them.
    pub tensors: Vec<InspectedTensor>,
    /// Operators of a graph, each kind once.
    pub operators: Vec<InspectedOperator>,
    /// What a pickle does, as Python for people; escaped.
    pub code: Vec<String>,
    /// Disassembly; escaped.
    pub disassembly: Vec<String>,
    /// The lines of a text that lies in a model, such as a template or a script; escaped.
    pub text: Vec<String>,
}

/// A kind of operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InspectedOperator {
    /// Its name with its domain; escaped.
    pub name: String,
    /// How many nodes use it.
    pub count: u64,
    /// Where the first of them is; escaped.
    pub scope: String,
}

/// A tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InspectedTensor {
    /// Its name; escaped.
    pub name: String,
    /// The type of its elements; escaped.
    pub dtype: String,
    /// Its shape.
    pub shape: Vec<u64>,
    /// Bytes.
    pub bytes: u64,
}

/// Bytes of a pickle that are disassembled.
const MAX_DISASSEMBLED: u64 = 1 << 20;
/// Most code objects, and texts and uses of each, that are listed of one artifact.
const MAX_CODES: usize = 1000;
/// Most tensors that are listed of one artifact.
const MAX_TENSORS: usize = 100_000;
/// Most lines of a text.
const MAX_LINES: usize = 10_000;

/// Shows what is understood of a file and of everything in it.
pub fn inspect(entry: &Entry, options: &Options<'_>) -> Vec<Inspected> {
    let mut inspector = Inspector { seen: Vec::new() };
    let result = crate::artifact::visit(&entry.path, entry, options, &mut inspector);
    for row in result.coverage {
        match inspector.seen.iter_mut().find(|s| s.artifact == row.artifact) {
            Some(seen) => seen.outcome = row.outcome,
            None => inspector.seen.push(Inspected {
                artifact: row.artifact,
                format: row
                    .format
                    .map_or_else(|| "unknown".to_owned(), std::borrow::Cow::into_owned),
                size: 0,
                outcome: row.outcome,
                facts: Vec::new(),
                tensors: Vec::new(),
                operators: Vec::new(),
                code: Vec::new(),
                disassembly: Vec::new(),
                text: Vec::new(),
            }),
        }
    }
    inspector.seen
}

struct Inspector {
    seen: Vec<Inspected>,
}

impl Visitor for Inspector {
    fn visit(&mut self, input: &Input<'_>, budget: &mut Budget) {
        let mut inspected = Inspected {
            artifact: input.path.clone(),
            format: input.identity.format.title.to_owned(),
            size: input.blob.len(),
            outcome: Outcome::Analysed,
            facts: Vec::new(),
            tensors: Vec::new(),
            operators: Vec::new(),
            code: Vec::new(),
            disassembly: Vec::new(),
            text: Vec::new(),
        };
        if let Some(promised) = input.identity.mismatch.map(|m| m.promised) {
            inspected.fact("named like", promised.title);
        }
        for layer in &input.identity.polyglot {
            inspected.fact("also", &format!("{} at 0x{:x}", layer.format.title, layer.offset));
        }
        describe(input, &mut inspected, budget);
        rebuilt(input, &mut inspected, budget);
        self.seen.push(inspected);
    }
}

impl Inspected {
    fn fact(&mut self, name: &str, value: &str) {
        self.facts.push((name.to_owned(), shown(value)));
    }

    fn tensors(&mut self, tensors: &[Tensor]) {
        self.tensors
            .extend(tensors.iter().take(MAX_TENSORS).map(|t| InspectedTensor {
                name: escape(&t.name),
                dtype: escape(&t.dtype),
                shape: t.shape.clone(),
                bytes: t.bytes.end.saturating_sub(t.bytes.start),
            }));
    }
}

/// Text from outside, escaped and without the secrets in it.
fn shown(text: &str) -> String {
    escape(&wellhead_rules::redact(text))
}

fn describe(input: &Input<'_>, out: &mut Inspected, budget: &mut Budget) {
    match &input.opened.document {
        Document::Zip(archive) => {
            out.fact("members", &archive.entries.len().to_string());
            for difference in archive.differences.iter().take(100) {
                out.fact("difference", &difference.words);
            }
        }
        Document::Tar(archive) => {
            out.fact("members", &archive.entries.len().to_string());
            for (offset, words) in archive.damage.iter().take(100) {
                out.fact("damage", &format!("{words} at 0x{offset:x}"));
            }
        }
        Document::Archive(listing) => out.fact("members", &listing.entries.len().to_string()),
        Document::Compressed(stream) => {
            out.fact("expands to", &format!("{} bytes", stream.expanded));
            if let Some(name) = &stream.name {
                out.fact("name inside", name);
            }
        }
        Document::Safetensors(file) => {
            out.fact("header", &format!("{} bytes", file.header));
            for (key, value) in file.metadata.iter().take(100) {
                out.fact(&format!("metadata {}", escape(key)), value);
            }
            for defect in file.defects.iter().take(100) {
                out.fact("defect", &format!("{} at 0x{:x}", defect.words, defect.offset));
            }
            out.tensors(&file.tensors);
        }
        Document::Npy(array) => {
            out.fact("version", &format!("{}.{}", array.version.0, array.version.1));
            out.fact(
                "objects",
                if array.objects {
                    "yes: loading it unpickles"
                } else {
                    "no"
                },
            );
            out.tensors(std::slice::from_ref(&array.tensor));
        }
        Document::Pickle(program) => describe_pickle(program, input, out, budget),
        Document::Model(model) => describe_model(model, out),
        Document::Bytecode(code) => describe_bytecode(code, out),
        Document::Native(native) => describe_native(native, out),
        Document::Data(file) => lines(&file.text, input, out),
        Document::Text(file) => lines(file, input, out),
        Document::Opaque => {}
    }
}

/// The lines of a text that lies inside of something: a file of its own can be read without us.
fn lines(file: &TextFile, input: &Input<'_>, out: &mut Inspected) {
    if input.path.nesting() > 0 {
        out.text = file.text.lines().take(MAX_LINES).map(shown).collect();
    }
}

/// The tensors that a pickle would rebuild, with the names that they would have.
fn rebuilt(input: &Input<'_>, out: &mut Inspected, budget: &Budget) {
    let pickled = [
        &table::TORCH_ZIP,
        &table::TORCHSCRIPT,
        &table::TORCH_LEGACY,
        &table::TORCH_TAR,
        &table::NPZ,
    ];
    let alone = *input.identity.format == table::PICKLE && input.identity.inside.is_none();
    if !out.tensors.is_empty() || !(alone || pickled.contains(&input.identity.format)) {
        return;
    }
    // A budget of the same size, so that showing the tensors never costs the rest of the analysis anything.
    let mut own = budget.clone();
    let Ok(found) = disarm(input.path.leaf(), input.blob, &mut own) else {
        return;
    };
    out.tensors
        .extend(found.weights.iter().take(MAX_TENSORS).map(|w| InspectedTensor {
            name: escape(&w.name),
            dtype: w.dtype.to_owned(),
            shape: w.shape.clone(),
            bytes: w.bytes,
        }));
    for dropped in found.refused().take(100) {
        out.fact("tensor refused", &format!("{}: {}", dropped.path, dropped.why));
    }
}

fn describe_model(model: &Model, out: &mut Inspected) {
    for (key, value) in model.metadata.iter().take(1000) {
        out.fact(&escape(key), value);
    }
    for defect in model.defects.iter().take(100) {
        out.fact("defect", &format!("{} at 0x{:x}", defect.words, defect.offset));
    }
    for reference in &model.graph.references {
        let what = match reference.kind {
            ReferenceKind::File => "opens",
            ReferenceKind::Library => "links",
            ReferenceKind::Callable => "calls",
            ReferenceKind::Object => "takes",
            ReferenceKind::Url => "asks",
        };
        out.fact(what, &format!("{} for {}", reference.target, reference.by));
    }
    for operator in &model.graph.operators {
        let domain = if operator.domain.is_empty() { "" } else { "::" };
        out.operators.push(InspectedOperator {
            name: shown(&format!("{}{domain}{}", operator.domain, operator.name)),
            count: operator.count,
            scope: shown(&operator.scope),
        });
    }
    out.tensors(&model.tensors);
}

/// What native code is, what it can do, and what it does when it is loaded.
fn describe_native(native: &Native, out: &mut Inspected) {
    for image in &native.images {
        let what = format!(
            "{} {} for {}",
            image.system.name(),
            image.form.name(),
            image.processor
        );
        out.fact("program", &what);
        for module in &image.modules {
            out.fact("python module", module);
        }
        for library in &image.libraries {
            out.fact("needs", library);
        }
        out.fact("imports", &format!("{} functions", image.imports.len()));
        out.fact("exports", &format!("{} functions", image.exports));
        out.fact("runs when loaded", &format!("{} functions", image.constructors));
        for reached in &image.reached {
            let start = match &reached.start {
                Start::Load(name) => (*name).to_owned(),
                Start::Import(module) => format!("importing {module}"),
            };
            let path: Vec<String> = reached.path.iter().map(|a| format!("0x{a:x}")).collect();
            let text = format!("{} from {start} by {}", reached.import.name, path.join(" > "));
            out.fact("reaches when loaded", &text);
        }
        if let Some(why) = &image.unfollowed {
            out.fact("not followed", why);
        }
        for import in &image.imports {
            if let Some(ability) = import.ability {
                out.fact(ability.does(), &import.name);
            }
        }
        for section in image.sections.iter().filter(|s| s.size > 0).take(100) {
            let dense = section
                .entropy
                .map_or(String::new(), |e| format!(", {e:.1} bits a byte"));
            let runs = if section.executable { ", runs" } else { "" };
            let text = format!(
                "{} {} bytes at 0x{:x}{runs}{dense}",
                section.name, section.size, section.offset
            );
            out.fact("section", &text);
        }
    }
    if let Some(why) = native.packed() {
        out.fact("packed", &why);
    }
    if native.appended > 0 {
        out.fact("behind the code", &format!("{} bytes", native.appended));
    }
    for sign in &native.signs {
        out.fact(sign.kind.name(), &sign.text);
    }
    for defect in &native.defects {
        out.fact("defect", defect);
    }
}

/// The names and uses of compiled code, a line each.
fn describe_bytecode(bytecode: &Bytecode, out: &mut Inspected) {
    if let Some(header) = bytecode.header {
        let python = header.python.map_or_else(
            || "unknown".to_owned(),
            |(major, minor)| format!("{major}.{minor}"),
        );
        out.fact("python", &python);
        if header.unchecked {
            out.fact("source", "never compared with this file");
        }
    }
    if bytecode.trailing > 0 {
        out.fact("behind the code", &format!("{} bytes", bytecode.trailing));
    }
    for (index, code) in bytecode.codes.iter().enumerate().take(MAX_CODES) {
        out.code.push(shown(&format!(
            "{} in {}:{}",
            code.name, code.file, code.first_line
        )));
        for text in code.texts.iter().take(MAX_CODES) {
            let text: String = text.chars().take(120).collect();
            out.code.push(shown(&format!("    text {text:?}")));
        }
        for used in bytecode.uses.iter().filter(|u| u.code == index).take(MAX_CODES) {
            let argument = used.argument.as_deref().unwrap_or_default();
            out.disassembly.push(shown(&format!(
                "{}+{:04}  {:?}  {}  {argument}",
                code.name, used.offset, used.kind, used.path
            )));
        }
    }
}

fn describe_pickle(program: &pickle::Program, input: &Input<'_>, out: &mut Inspected, budget: &mut Budget) {
    for stream in &program.streams {
        let end = match &stream.end {
            pickle::End::Stop => "ends with STOP".to_owned(),
            pickle::End::Damaged { offset, why } => format!("damaged at 0x{offset:x}: {why}"),
            pickle::End::EndOfData => "ends without STOP".to_owned(),
            pickle::End::Unfinished { why } => format!("not finished: {why}"),
        };
        let text = format!(
            "protocol {}, {} opcodes in {} bytes at 0x{:x}, {end}",
            stream.protocol, stream.opcodes, stream.length, stream.offset
        );
        out.fact("pickle", &text);
    }
    for import in &program.imports {
        out.fact(
            "imports",
            &format!(
                "{} ({} at 0x{:x})",
                import.path(),
                import.opcode,
                import.site.offset
            ),
        );
    }
    for difference in &program.differentials {
        out.fact(
            "loaders differ",
            &format!("{} at 0x{:x}", difference.words, difference.site.offset),
        );
    }
    out.code = program.pseudo_code().lines().map(shown).collect();
    for instruction in pickle::disassemble(input.blob, 0..MAX_DISASSEMBLED, budget) {
        out.disassembly.push(shown(&instruction.to_string()));
    }
}
