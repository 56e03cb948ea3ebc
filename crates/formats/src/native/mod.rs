//! Native programs and libraries: ELF, PE and Mach-O.
//!
//! Read for what loading them does: which functions they import, which Python modules they are, what runs as soon as they
//! are loaded and which imports that reaches. The one decision: what the system's loader goes by is read (program headers,
//! the dynamic table, load commands, data directories); sections, symbol tables for debuggers and names are only
//! shown, for a file without them runs all the same. Structures come from the crate `object`; every table is paid for
//! before it is read.

mod elf;
mod macho;
mod names;
mod pe;
mod reach;
mod signs;
mod source;
#[cfg(test)]
mod tests;

pub use names::Ability;
pub(crate) use signs::entropy as density;
pub use signs::{Sign, SignKind};

use crate::{
    document::{Document, Opened},
    model::Opening,
};
use object::{
    Architecture, Endianness,
    read::macho::{FatArch, MachOFatFile32, MachOFatFile64},
};
use reach::{Area, Code, Machine};
use source::Source;
use std::collections::BTreeMap;
use wellhead_core::{Blob, Budget, Depth, Outcome};

/// What stands for a processor that is not known, such as that of a graphics card.
pub const OTHER_PROCESSOR: &str = "another processor";
/// Most programs in one file.
const MAX_IMAGES: usize = 16;
/// Most imports of one program that are kept.
const MAX_IMPORTS: usize = 1 << 16;
/// Most libraries, modules and sections that are kept.
const MAX_LISTED: usize = 1024;
/// Most functions that run when it is loaded.
const MAX_STARTS: usize = 1 << 14;
/// Longest name that is kept.
const MAX_NAME: usize = 512;

/// A file of native code.
#[derive(Clone, Debug, Default)]
pub struct Native {
    /// Its programs: one, or one for each processor.
    pub images: Vec<Image>,
    /// Texts in it that say what it may do.
    pub signs: Vec<Sign>,
    /// Bytes behind everything that the headers tell of.
    pub appended: u64,
    /// What is wrong with it, a phrase each.
    pub defects: Vec<String>,
}

/// What is loaded by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum System {
    /// Linux and its kin.
    #[default]
    Linux,
    /// Windows.
    Windows,
    /// macOS and its kin.
    MacOs,
}

impl System {
    /// The name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linux => "Linux",
            Self::Windows => "Windows",
            Self::MacOs => "macOS",
        }
    }
}

/// How it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Form {
    /// It is started.
    Program,
    /// Another program loads it.
    Library,
    /// A linker reads it.
    Object,
    /// Something else, such as debug symbols.
    #[default]
    Other,
}

impl Form {
    /// The name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Program => "program",
            Self::Library => "library",
            Self::Object => "object file",
            Self::Other => "other",
        }
    }
}

/// One program.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// Whose loader reads it.
    pub system: System,
    /// For which processor: `x86-64`.
    pub processor: &'static str,
    /// How it is used.
    pub form: Form,
    /// Where it begins in the file.
    pub offset: u64,
    /// Libraries that are loaded with it; hostile text.
    pub libraries: Vec<String>,
    /// Functions that it imports, each once; hostile text.
    pub imports: Vec<Import>,
    /// Python modules that it is: what follows `PyInit_`; hostile text.
    pub modules: Vec<String>,
    /// How many functions it exports.
    pub exports: u64,
    /// How many functions run as soon as it is loaded.
    pub constructors: u64,
    /// Which imports those functions reach, as far as calls could be followed.
    pub reached: Vec<Reached>,
    /// Why calls were not followed, or not all of them.
    pub unfollowed: Option<String>,
    /// Its sections, or segments where it has none.
    pub sections: Vec<Section>,
}

/// An imported function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Its name; hostile text.
    pub name: String,
    /// The library, where the file says it; hostile text.
    pub library: String,
    /// What it is for.
    pub ability: Option<Ability>,
}

/// What starts code without being called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Start {
    /// The loader runs it: `.init_array`, `__mod_init_func`, a TLS callback, `DllMain`.
    Load(&'static str),
    /// Importing the Python module runs it; hostile text.
    Import(String),
}

/// A function of the system that runs as soon as the file is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The import.
    pub import: Import,
    /// What runs it.
    pub start: Start,
    /// The addresses of the functions on the way, the first that runs first.
    pub path: Vec<u64>,
}

/// A section.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// Its name; hostile text.
    pub name: String,
    /// Where it lies in the program's bytes.
    pub offset: u64,
    /// Its size in the file.
    pub size: u64,
    /// It is mapped so that it can run.
    pub executable: bool,
    /// Bits per byte of its beginning: compressed and encrypted bytes have nearly eight.
    pub entropy: Option<f32>,
}

impl Native {
    /// What it can do by its imports, each ability with its first function.
    pub fn abilities(&self) -> BTreeMap<Ability, &str> {
        let mut found = BTreeMap::new();
        for import in self.images.iter().flat_map(|i| &i.imports) {
            if let Some(ability) = import.ability {
                found.entry(ability).or_insert(import.name.as_str());
            }
        }
        found
    }

    /// Whether it is a module for Python.
    pub fn is_module(&self) -> bool {
        self.images.iter().any(|i| !i.modules.is_empty())
    }

    /// Why its code looks compressed or encrypted, if it does.
    pub fn packed(&self) -> Option<String> {
        self.images.iter().find_map(Image::packed)
    }
}

/// Section names of programs that unpack themselves.
static PACKERS: &[&str] = &[
    "UPX0", "UPX1", ".aspack", ".adata", ".themida", ".winlice", ".vmp0", ".vmp1", ".petite", ".MPRESS1",
    ".nsp0", ".enigma1",
];

impl Image {
    fn packed(&self) -> Option<String> {
        if let Some(section) = self.sections.iter().find(|s| PACKERS.contains(&s.name.as_str())) {
            return Some(format!("its section {} is that of a packer", section.name));
        }
        // Code of every processor stays below seven bits; tables of constants may come near.
        let dense = |s: &&Section| s.executable && s.size >= 32 << 10 && s.entropy.is_some_and(|e| e > 7.6);
        let section = self.sections.iter().find(dense)?;
        Some(format!(
            "its executable section {} has {:.2} bits a byte",
            section.name,
            section.entropy.unwrap_or_default()
        ))
    }
}

/// What a reader of one format fills.
#[derive(Default)]
struct Draft {
    image: Image,
    defects: Vec<String>,
    code: Code,
    starts: Vec<(Start, u64)>,
    /// Where the last byte ends that the headers tell of.
    end: u64,
}

impl Draft {
    /// Adds an import and says its number.
    fn import(&mut self, name: &[u8], library: &[u8]) -> Option<u32> {
        if name.is_empty() || self.image.imports.len() >= MAX_IMPORTS {
            return None;
        }
        let number = u32::try_from(self.image.imports.len()).ok()?;
        let name = text(name);
        let known = names::ability(&name);
        self.code.sharp.push(known.is_some_and(|(_, sharp)| sharp));
        self.image.imports.push(Import {
            ability: known.map(|(ability, _)| ability),
            name,
            library: text(library),
        });
        Some(number)
    }

    /// Takes note of an export.
    fn export(&mut self, name: &[u8], address: u64) {
        self.image.exports = self.image.exports.saturating_add(1);
        let module = name
            .strip_prefix(b"PyInit_")
            .or_else(|| name.strip_prefix(b"PyInitU_"));
        if let Some(module) = module.filter(|_| self.image.modules.len() < MAX_LISTED) {
            let module = text(module);
            self.image.modules.push(module.clone());
            self.start(Start::Import(module), address);
        }
    }

    fn start(&mut self, start: Start, address: u64) {
        if matches!(start, Start::Load(_)) {
            self.image.constructors = self.image.constructors.saturating_add(1);
        }
        if self.starts.len() < MAX_STARTS {
            self.starts.push((start, address));
        }
    }

    fn library(&mut self, name: &[u8]) {
        if self.image.libraries.len() < MAX_LISTED {
            self.image.libraries.push(text(name));
        }
    }

    fn section(&mut self, name: &[u8], offset: u64, size: u64, executable: bool) {
        if self.image.sections.len() < MAX_LISTED {
            self.image.sections.push(Section {
                name: text(name),
                offset,
                size,
                executable,
                entropy: None,
            });
        }
    }

    fn area(&mut self, area: Area) {
        self.end = self.end.max(area.offset.saturating_add(area.size));
        if self.code.areas.len() < MAX_LISTED {
            self.code.areas.push(area);
        }
    }

    fn processor(&mut self, architecture: Architecture) {
        let (name, machine) = match architecture {
            Architecture::X86_64 | Architecture::X86_64_X32 => ("x86-64", Machine::X64),
            Architecture::Aarch64 | Architecture::Aarch64_Ilp32 => ("arm64", Machine::Arm64),
            Architecture::I386 => ("x86", Machine::Other),
            Architecture::Arm => ("arm", Machine::Other),
            Architecture::PowerPc => ("ppc", Machine::Other),
            Architecture::PowerPc64 => ("ppc64", Machine::Other),
            Architecture::S390x => ("s390x", Machine::Other),
            Architecture::Riscv64 => ("riscv64", Machine::Other),
            Architecture::LoongArch64 => ("loongarch64", Machine::Other),
            _ => (OTHER_PROCESSOR, Machine::Other),
        };
        self.image.processor = name;
        self.code.machine = machine;
    }
}

/// A name of a file, cut to what is kept.
fn text(bytes: &[u8]) -> String {
    let end = bytes.len().min(MAX_NAME);
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

/// Opens a program.
pub(crate) fn open(opening: &Opening<'_>, budget: &mut Budget) -> Opened {
    let (native, outcome) = read(opening.blob, opening.options.depth, budget);
    let document = match native {
        Some(native) => Document::Native(Box::new(native)),
        None => Document::Opaque,
    };
    Opened {
        document,
        members: Vec::new(),
        outcome,
        depth: opening.options.depth,
    }
}

/// Reads a program. What is wrong with it stands in its defects as well as in the outcome.
pub fn read(blob: &Blob, depth: Depth, budget: &mut Budget) -> (Option<Native>, Outcome) {
    let mut native = Native::default();
    let mut outcome = Outcome::Analysed;
    let slices = match slices(blob) {
        Ok(slices) => slices,
        Err(why) => return (None, Outcome::NotAnalysed { why }),
    };
    let mut end = 0_u64;
    for (offset, slice) in slices {
        let mut draft = Draft::default();
        draft.image.offset = offset;
        let allowance = Source::allowance(slice.len());
        if let Err(why) = budget.memory(allowance) {
            outcome = outcome.and(Outcome::Partly { why: why.to_string() });
            break;
        }
        let source = Source::new(slice, allowance);
        let read = one(&source, &mut draft, budget);
        budget.release(allowance);
        end = end.max(offset.saturating_add(draft.end));
        if let Err(why) = read {
            let why = if source.is_spent() {
                "its tables are larger than what is read".to_owned()
            } else {
                why
            };
            draft.defects.push(why.clone());
            outcome = outcome.and(Outcome::Partly { why });
        }
        native.defects.append(&mut draft.defects);
        native.images.push(draft.image);
    }
    if native.images.iter().all(|i| i.processor.is_empty()) {
        let why = native.defects.first().cloned().unwrap_or_default();
        return (None, Outcome::NotAnalysed { why });
    }
    native.appended = blob.len().saturating_sub(end);
    match signs::signs(blob, depth, budget) {
        Ok(found) => native.signs = found,
        Err(why) => outcome = outcome.and(Outcome::Partly { why }),
    }
    (Some(native), outcome)
}

/// The programs of a file, each with its place.
fn slices(blob: &Blob) -> Result<Vec<(u64, Blob)>, String> {
    let head = blob.bytes(0, 4).map_err(|e| format!("could not be read: {e}"))?;
    let source = Source::new(blob.clone(), Source::allowance(64 << 10));
    let damaged = |e: object::Error| format!("not sound: {e}");
    let ranges: Vec<(u64, u64)> = match head.as_slice() {
        [0xca, 0xfe, 0xba, 0xbe] => {
            let fat = MachOFatFile32::parse(&source).map_err(damaged)?;
            fat.arches()
                .iter()
                .take(MAX_IMAGES)
                .map(FatArch::file_range)
                .collect()
        }
        [0xca, 0xfe, 0xba, 0xbf] => {
            let fat = MachOFatFile64::parse(&source).map_err(damaged)?;
            fat.arches()
                .iter()
                .take(MAX_IMAGES)
                .map(FatArch::file_range)
                .collect()
        }
        _ => return Ok(vec![(0, blob.clone())]),
    };
    if ranges.is_empty() {
        return Err("it holds no program".to_owned());
    }
    Ok(ranges
        .into_iter()
        .map(|(offset, size)| (offset, blob.slice(offset, size)))
        .collect())
}

/// Reads one program.
fn one(source: &Source, draft: &mut Draft, budget: &mut Budget) -> Result<(), String> {
    use object::{elf as e, macho as m, pe as p};
    let head = source
        .blob()
        .bytes(0, 64)
        .map_err(|e| format!("could not be read: {e}"))?;
    match head.as_slice() {
        [0x7f, b'E', b'L', b'F', 1, ..] => elf::read::<e::FileHeader32<Endianness>>(source, draft, budget)?,
        [0x7f, b'E', b'L', b'F', 2, ..] => elf::read::<e::FileHeader64<Endianness>>(source, draft, budget)?,
        [0xfe, 0xed, 0xfa, 0xce, ..] | [0xce, 0xfa, 0xed, 0xfe, ..] => {
            macho::read::<m::MachHeader32<Endianness>>(source, draft, budget)?;
        }
        [0xfe, 0xed, 0xfa, 0xcf, ..] | [0xcf, 0xfa, 0xed, 0xfe, ..] => {
            macho::read::<m::MachHeader64<Endianness>>(source, draft, budget)?;
        }
        [b'M', b'Z', ..] => match object::read::pe::optional_header_magic(source) {
            Ok(p::IMAGE_NT_OPTIONAL_HDR32_MAGIC) => pe::read::<p::ImageNtHeaders32>(source, draft, budget)?,
            Ok(p::IMAGE_NT_OPTIONAL_HDR64_MAGIC) => pe::read::<p::ImageNtHeaders64>(source, draft, budget)?,
            _ => return Err("it has no header of a Windows program of 32 or 64 bits".to_owned()),
        },
        _ => return Err("it begins with no header that is known".to_owned()),
    }
    signs::entropies(source.blob(), &mut draft.image.sections, budget)?;
    reach::follow(source.blob(), draft, budget)
}
