//! Mach-O: by load commands, as `dyld` goes.

use super::{Draft, Form, MAX_LISTED, MAX_STARTS, Start, System, reach::Area, source::Source};
use object::{
    Architecture, Endianness, U32, macho as m,
    read::macho::{LoadCommandData, MachHeader, Nlist, Section, Segment},
};
use wellhead_core::Budget;

/// Most entries of tables that name symbols, over all sections.
const MAX_INDIRECT: u64 = 1 << 22;

/// A section, as far as it is needed after all load commands were read.
struct Part {
    kind: u32,
    address: u64,
    offset: u64,
    size: u64,
    first: u64,
    each: u64,
}

/// Reads a program of that class.
pub(super) fn read<M: MachHeader<Endian = Endianness>>(
    data: &Source,
    draft: &mut Draft,
    budget: &mut Budget,
) -> Result<(), String> {
    let damaged = |e: object::Error| format!("its header is not sound: {e}");
    let header = M::parse(data, 0).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    draft.image.system = System::MacOs;
    draft.processor(match header.cputype(endian) {
        m::CPU_TYPE_X86_64 => Architecture::X86_64,
        m::CPU_TYPE_ARM64 => Architecture::Aarch64,
        m::CPU_TYPE_X86 => Architecture::I386,
        m::CPU_TYPE_ARM => Architecture::Arm,
        m::CPU_TYPE_POWERPC => Architecture::PowerPc,
        m::CPU_TYPE_POWERPC64 => Architecture::PowerPc64,
        _ => Architecture::Unknown,
    });
    draft.image.form = match header.filetype(endian) {
        m::MH_EXECUTE => Form::Program,
        m::MH_DYLIB | m::MH_BUNDLE => Form::Library,
        m::MH_OBJECT => Form::Object,
        _ => Form::Other,
    };
    let mut commands = header.load_commands(endian, data, 0).map_err(damaged)?;
    let (mut parts, mut symbols, mut indirect) = (Vec::new(), None, None);
    let mut base = None;
    while let Some(command) = commands.next().map_err(damaged)? {
        budget.steps(8).map_err(|e| e.to_string())?;
        if let Some(found) = command.symtab().map_err(damaged)? {
            symbols = Some(found);
        } else if let Some(found) = command.dysymtab().map_err(damaged)? {
            indirect = Some(found);
        } else if let Some(library) = command.dylib().map_err(damaged)? {
            if command.cmd() != m::LC_ID_DYLIB {
                draft.library(command.string(endian, library.dylib.name).unwrap_or(b"?"));
            }
        } else if command.cmd() == m::LC_SEGMENT || command.cmd() == m::LC_SEGMENT_64 {
            segment::<M>(command, endian, draft, &mut parts, &mut base)?;
        } else if let Some(place) = linked(&command, endian) {
            draft.end = draft.end.max(place);
        }
    }
    let mut numbers: Vec<Option<u32>> = Vec::new();
    if let Some(table) = symbols {
        let end = u64::from(table.stroff.get(endian)).saturating_add(table.strsize.get(endian).into());
        draft.end = draft.end.max(end);
        let table = table.symbols::<M, _>(endian, data).map_err(damaged)?;
        for symbol in table.iter() {
            budget.steps(4).map_err(|e| e.to_string())?;
            let name = symbol.name(endian, table.strings()).unwrap_or_default();
            // Compilers put a low line before every name of C.
            let name = name.strip_prefix(b"_").unwrap_or(name);
            let number = if symbol.is_stab() {
                None
            } else if symbol.is_undefined() {
                draft.import(name, b"")
            } else {
                if symbol.n_type() & m::N_EXT != 0 {
                    draft.export(name, symbol.n_value(endian).into());
                }
                None
            };
            numbers.push(number);
        }
    }
    let indirect = match indirect {
        Some(found) => found.indirect_symbols(endian, data).map_err(damaged)?,
        None => &[],
    };
    let wide = header.is_type_64();
    let mut left = MAX_INDIRECT;
    for part in &parts {
        pointers(part, wide, endian, indirect, &numbers, draft, &mut left, budget)?;
    }
    for part in &parts {
        starts(part, wide, endian, base.unwrap_or(0), data, draft, budget)?;
    }
    Ok(())
}

/// Where a part of the file ends that a command points at.
fn linked(command: &LoadCommandData<'_, Endianness>, endian: Endianness) -> Option<u64> {
    let known = matches!(
        command.cmd(),
        m::LC_CODE_SIGNATURE
            | m::LC_FUNCTION_STARTS
            | m::LC_DATA_IN_CODE
            | m::LC_DYLD_EXPORTS_TRIE
            | m::LC_DYLD_CHAINED_FIXUPS
    );
    let found: &m::LinkeditDataCommand<Endianness> = command.data().ok().filter(|_| known)?;
    Some(u64::from(found.dataoff.get(endian)).saturating_add(found.datasize.get(endian).into()))
}

fn segment<M: MachHeader<Endian = Endianness>>(
    command: LoadCommandData<'_, Endianness>,
    endian: Endianness,
    draft: &mut Draft,
    parts: &mut Vec<Part>,
    base: &mut Option<u64>,
) -> Result<(), String> {
    let damaged = |e: object::Error| format!("a load command is not sound: {e}");
    let Some((segment, rest)) = M::Segment::from_command(command).map_err(damaged)? else {
        return Ok(());
    };
    let (offset, size) = segment.file_range(endian);
    let address: u64 = segment.vmaddr(endian).into();
    if offset == 0 && size > 0 {
        base.get_or_insert(address);
    }
    let executable = segment.initprot(endian) & m::VM_PROT_EXECUTE != 0;
    draft.area(Area {
        address,
        offset,
        size,
        executable,
    });
    for section in segment.sections(endian, rest).map_err(damaged)? {
        let range = section.file_range(endian);
        if let Some((offset, size)) = range {
            let code =
                section.flags(endian) & (m::S_ATTR_PURE_INSTRUCTIONS | m::S_ATTR_SOME_INSTRUCTIONS) != 0;
            draft.section(section.name(), offset, size, executable && code);
        }
        if parts.len() < MAX_LISTED {
            parts.push(Part {
                kind: section.section_type(endian),
                address: section.addr(endian).into(),
                offset: section.offset(endian).into(),
                size: section.size(endian).into(),
                first: section.reserved1(endian).into(),
                each: section.reserved2(endian).into(),
            });
        }
    }
    Ok(())
}

/// Where the loader puts the addresses of imports, and the stubs that jump there.
#[expect(
    clippy::too_many_arguments,
    reason = "the tables of one file, each of a type of its own; a struct of them would be used once"
)]
fn pointers(
    part: &Part,
    wide: bool,
    endian: Endianness,
    indirect: &[U32<Endianness>],
    numbers: &[Option<u32>],
    draft: &mut Draft,
    left: &mut u64,
    budget: &mut Budget,
) -> Result<(), String> {
    let stubs = part.kind == m::S_SYMBOL_STUBS;
    let each = match part.kind {
        m::S_SYMBOL_STUBS => part.each,
        m::S_NON_LAZY_SYMBOL_POINTERS | m::S_LAZY_SYMBOL_POINTERS => {
            if wide {
                8
            } else {
                4
            }
        }
        _ => return Ok(()),
    };
    let count = part.size.checked_div(each).unwrap_or(0).min(*left);
    let first = usize::try_from(part.first).unwrap_or(usize::MAX);
    let entries = indirect.get(first..).unwrap_or_default();
    for (index, entry) in (0..count).zip(entries) {
        budget.steps(2).map_err(|e| e.to_string())?;
        *left = left.saturating_sub(1);
        let symbol = usize::try_from(entry.get(endian)).unwrap_or(usize::MAX);
        let Some(Some(number)) = numbers.get(symbol) else {
            continue;
        };
        let address = part.address.saturating_add(index.saturating_mul(each));
        if stubs {
            draft.code.door(address, *number);
        } else {
            draft.code.pointer(address, *number);
        }
    }
    Ok(())
}

/// Functions that the loader runs.
fn starts(
    part: &Part,
    wide: bool,
    endian: Endianness,
    base: u64,
    data: &Source,
    draft: &mut Draft,
    budget: &mut Budget,
) -> Result<(), String> {
    let (each, name) = match part.kind {
        m::S_MOD_INIT_FUNC_POINTERS => (if wide { 8 } else { 4 }, "mod_init_func"),
        m::S_INIT_FUNC_OFFSETS => (4, "init_offsets"),
        _ => return Ok(()),
    };
    let count = part.size.checked_div(each).unwrap_or(0).min(MAX_STARTS as u64);
    for index in 0..count {
        budget.steps(4).map_err(|e| e.to_string())?;
        let at = part.offset.saturating_add(index.saturating_mul(each));
        let stored = data.word(at, each == 8, endian);
        // A chain of fixups keeps the target in the low bits, as an address or as a distance from the first byte.
        let low = stored & 0xf_ffff_ffff;
        let candidates = [
            stored,
            low,
            base.saturating_add(low),
            base.saturating_add(stored & 0xffff_ffff),
        ];
        if let Some(target) = candidates.into_iter().find(|c| draft.code.is_code(*c)) {
            draft.start(Start::Load(name), target);
        }
    }
    Ok(())
}
