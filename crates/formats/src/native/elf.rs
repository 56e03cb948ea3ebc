//! ELF: by program headers and the dynamic table, as `ld.so` goes.

use super::{Draft, Form, MAX_LISTED, MAX_STARTS, Start, System, reach::Area, source::Source};
use object::{
    Architecture, Endianness, elf,
    pod::slice_from_bytes,
    read::{
        ReadRef, StringTable,
        elf::{Dyn, FileHeader, ProgramHeader, Rel, Rela, SectionHeader, Sym},
    },
};
use std::{collections::BTreeMap, mem::size_of};
use wellhead_core::Budget;

/// Relocations are looked at so many bytes at a time.
const CHUNK: u64 = 192 << 10;

/// The dynamic table, as far as it is needed.
#[derive(Default)]
struct Dynamic {
    strings: (u64, u64),
    symbols: u64,
    hash: u64,
    rela: (u64, u64),
    rel: (u64, u64),
    plt: (u64, u64),
    plt_is_rela: bool,
    arrays: Vec<(u64, u64, &'static str)>,
    needed: Vec<u64>,
}

/// Reads a program of that class.
pub(super) fn read<E: FileHeader<Endian = Endianness>>(
    data: &Source,
    draft: &mut Draft,
    budget: &mut Budget,
) -> Result<(), String> {
    let damaged = |e: object::Error| format!("its header is not sound: {e}");
    let header = E::parse(data).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    draft.image.system = System::Linux;
    draft.processor(architecture(header.e_machine(endian), header.is_type_64()));
    draft.image.form = match header.e_type(endian) {
        elf::ET_EXEC => Form::Program,
        elf::ET_DYN => Form::Library,
        elf::ET_REL => Form::Object,
        _ => Form::Other,
    };
    let segments = header.program_headers(endian, data).map_err(damaged)?;
    let mut dynamic = None;
    for segment in segments.iter().take(MAX_LISTED) {
        let (offset, size) = segment.file_range(endian);
        match segment.p_type(endian) {
            elf::PT_LOAD => draft.area(Area {
                address: segment.p_vaddr(endian).into(),
                offset,
                size,
                executable: segment.p_flags(endian) & elf::PF_X != 0,
            }),
            elf::PT_INTERP => draft.image.form = Form::Program,
            elf::PT_DYNAMIC if dynamic.is_none() => {
                dynamic = segment.dynamic(endian, data).map_err(damaged)?;
            }
            _ => {}
        }
    }
    sections(header, endian, data, draft);
    if draft.image.form == Form::Object {
        return Ok(());
    }
    let Some(dynamic) = dynamic else { return Ok(()) };
    let table = entries::<E>(dynamic, endian, budget)?;
    let strings = place(draft, table.strings.0)
        .map(|at| StringTable::new(data, at, at.saturating_add(table.strings.1)))
        .unwrap_or_default();
    for at in &table.needed {
        let name = u32::try_from(*at).ok().and_then(|at| strings.get(at).ok());
        draft.library(name.unwrap_or(b"?"));
    }
    let numbers = symbols::<E>(&table, strings, endian, data, draft, budget)?;
    relocations::<E>(header, &table, &numbers, endian, data, draft, budget)
}

/// The processor.
fn architecture(machine: u16, wide: bool) -> Architecture {
    match machine {
        elf::EM_X86_64 => Architecture::X86_64,
        elf::EM_AARCH64 => Architecture::Aarch64,
        elf::EM_386 => Architecture::I386,
        elf::EM_ARM => Architecture::Arm,
        elf::EM_PPC => Architecture::PowerPc,
        elf::EM_PPC64 => Architecture::PowerPc64,
        elf::EM_S390 => Architecture::S390x,
        elf::EM_RISCV if wide => Architecture::Riscv64,
        elf::EM_LOONGARCH if wide => Architecture::LoongArch64,
        _ => Architecture::Unknown,
    }
}

/// Its sections, which nothing but people and linkers needs: a file may have none, or lie.
fn sections<E: FileHeader<Endian = Endianness>>(
    header: &E,
    endian: Endianness,
    data: &Source,
    draft: &mut Draft,
) {
    let Ok(table) = header.sections(endian, data) else {
        draft
            .defects
            .push("its table of sections is not sound".to_owned());
        return;
    };
    let headers = (header.e_shoff(endian).into(), u64::from(header.e_shnum(endian)));
    let table_size = headers.1.saturating_mul(u64::from(header.e_shentsize(endian)));
    draft.end = draft.end.max(headers.0.saturating_add(table_size));
    for section in table.iter().take(MAX_LISTED) {
        if let Some((offset, size)) = section.file_range(endian) {
            draft.end = draft.end.max(offset.saturating_add(size));
            let name = table.section_name(endian, section).unwrap_or(b"?");
            let executable = section.sh_flags(endian).into() & u64::from(elf::SHF_EXECINSTR) != 0;
            draft.section(name, offset, size, executable);
        }
    }
}

/// Where an address lies in the file.
fn place(draft: &Draft, address: u64) -> Option<u64> {
    draft.code.offset(address).map(|(offset, _)| offset)
}

fn entries<E: FileHeader<Endian = Endianness>>(
    entries: &[E::Dyn],
    endian: Endianness,
    budget: &mut Budget,
) -> Result<Dynamic, String> {
    let mut table = Dynamic::default();
    let mut arrays: [(u64, u64); 2] = [(0, 0); 2];
    for entry in entries {
        budget.steps(1).map_err(|e| e.to_string())?;
        let (tag, value): (i64, u64) = (entry.tag(endian), entry.val(endian));
        let [init, preinit] = &mut arrays;
        match tag {
            elf::DT_NULL => break,
            elf::DT_STRTAB => table.strings.0 = value,
            elf::DT_STRSZ => table.strings.1 = value,
            elf::DT_SYMTAB => table.symbols = value,
            elf::DT_HASH => table.hash = value,
            elf::DT_RELA => table.rela.0 = value,
            elf::DT_RELASZ => table.rela.1 = value,
            elf::DT_REL => table.rel.0 = value,
            elf::DT_RELSZ => table.rel.1 = value,
            elf::DT_JMPREL => table.plt.0 = value,
            elf::DT_PLTRELSZ => table.plt.1 = value,
            elf::DT_PLTREL => table.plt_is_rela = value == elf::DT_RELA.cast_unsigned(),
            elf::DT_INIT_ARRAY => init.0 = value,
            elf::DT_INIT_ARRAYSZ => init.1 = value,
            elf::DT_PREINIT_ARRAY => preinit.0 = value,
            elf::DT_PREINIT_ARRAYSZ => preinit.1 = value,
            elf::DT_NEEDED if table.needed.len() < MAX_LISTED => table.needed.push(value),
            _ => {}
        }
    }
    let [init, preinit] = arrays;
    table.arrays = vec![
        (init.0, init.1, "init_array"),
        (preinit.0, preinit.1, "preinit_array"),
    ];
    table
        .arrays
        .retain(|(address, size, _)| *address != 0 && *size != 0);
    Ok(table)
}

/// Symbols to imports and exports; the number of the import of each symbol.
fn symbols<'a, E: FileHeader<Endian = Endianness>>(
    table: &Dynamic,
    strings: StringTable<'a, &'a Source>,
    endian: Endianness,
    data: &'a Source,
    draft: &mut Draft,
    budget: &mut Budget,
) -> Result<BTreeMap<u32, u32>, String> {
    let mut numbers = BTreeMap::new();
    let Some(at) = place(draft, table.symbols) else {
        return Ok(numbers);
    };
    let each = size_of::<E::Sym>() as u64;
    // The hash table says how many; without it the strings follow, as every linker writes them.
    let hashed = (table.hash != 0)
        .then(|| place(draft, table.hash.saturating_add(4)))
        .flatten()
        .and_then(|at| data.read_at::<object::U32<Endianness>>(at).ok())
        .map(|count| u64::from(count.get(endian)));
    let between = table
        .strings
        .0
        .checked_sub(table.symbols)
        .and_then(|size| size.checked_div(each));
    let most = data
        .blob()
        .len()
        .saturating_sub(at)
        .checked_div(each)
        .unwrap_or(0);
    let count = match (hashed, between) {
        (Some(hashed), Some(between)) => hashed.max(between.min(hashed.saturating_mul(2))),
        (Some(count), None) | (None, Some(count)) => count,
        (None, None) => 0,
    };
    let count = usize::try_from(count.min(most)).unwrap_or(0);
    let symbols = data
        .read_slice_at::<E::Sym>(at, count)
        .map_err(|()| "its table of symbols could not be read".to_owned())?;
    for (index, symbol) in (0_u32..).zip(symbols) {
        budget.steps(4).map_err(|e| e.to_string())?;
        let Ok(name) = symbol.name(endian, strings) else {
            continue;
        };
        if symbol.is_undefined(endian) {
            if let Some(number) = draft.import(name, b"") {
                numbers.insert(index, number);
            }
        } else if !name.is_empty() && symbol.st_bind() != elf::STB_LOCAL {
            draft.export(name, symbol.st_value(endian).into());
        }
    }
    Ok(numbers)
}

/// Relocations: where addresses of imports are put, and which functions the loader runs.
fn relocations<E: FileHeader<Endian = Endianness>>(
    header: &E,
    table: &Dynamic,
    numbers: &BTreeMap<u32, u32>,
    endian: Endianness,
    data: &Source,
    draft: &mut Draft,
    budget: &mut Budget,
) -> Result<(), String> {
    let in_array = |address: u64| {
        table
            .arrays
            .iter()
            .any(|(start, size, _)| address >= *start && address < start.saturating_add(*size))
    };
    let mips = header.is_mips64el(endian);
    let mut filled: BTreeMap<u64, u64> = BTreeMap::new();
    let mut note = |draft: &mut Draft, offset: u64, symbol: u32, addend: Option<u64>| {
        if let Some(number) = numbers.get(&symbol).filter(|_| symbol != 0) {
            draft.code.pointer(offset, *number);
        } else if symbol == 0
            && let Some(addend) = addend
            && filled.len() < MAX_STARTS
            && in_array(offset)
        {
            filled.insert(offset, addend);
        }
    };
    let plt = (table.plt.0, table.plt.1);
    let (with, without) = if table.plt_is_rela {
        ([table.rela, plt], [table.rel, (0, 0)])
    } else {
        ([table.rela, (0, 0)], [table.rel, plt])
    };
    for (address, size) in with {
        pieces(
            data,
            draft,
            (address, size),
            size_of::<E::Rela>() as u64,
            budget,
            &mut |draft, bytes| {
                let count = bytes.len().checked_div(size_of::<E::Rela>()).unwrap_or(0);
                for entry in slice_from_bytes::<E::Rela>(bytes, count).map_or(&[][..], |(all, _)| all) {
                    let addend: i64 = entry.r_addend(endian).into();
                    note(
                        draft,
                        entry.r_offset(endian).into(),
                        entry.r_sym(endian, mips),
                        Some(addend.cast_unsigned()),
                    );
                }
            },
        )?;
    }
    for (address, size) in without {
        pieces(
            data,
            draft,
            (address, size),
            size_of::<E::Rel>() as u64,
            budget,
            &mut |draft, bytes| {
                let count = bytes.len().checked_div(size_of::<E::Rel>()).unwrap_or(0);
                for entry in slice_from_bytes::<E::Rel>(bytes, count).map_or(&[][..], |(all, _)| all) {
                    note(draft, entry.r_offset(endian).into(), entry.r_sym(endian), None);
                }
            },
        )?;
    }
    let word: u64 = if header.is_type_64() { 8 } else { 4 };
    for (address, size, name) in &table.arrays {
        let count = size.checked_div(word).unwrap_or(0).min(MAX_STARTS as u64);
        for index in 0..count {
            budget.steps(4).map_err(|e| e.to_string())?;
            let slot = address.saturating_add(index.saturating_mul(word));
            let stored = place(draft, slot).map_or(0, |at| data.word(at, word == 8, endian));
            let target = filled.get(&slot).copied().unwrap_or(stored);
            if target != 0 && draft.code.is_code(target) {
                draft.start(Start::Load(name), target);
            }
        }
    }
    Ok(())
}

/// Reads a table of relocations piece by piece, without keeping it.
fn pieces(
    data: &Source,
    draft: &mut Draft,
    (address, size): (u64, u64),
    each: u64,
    budget: &mut Budget,
    take: &mut dyn FnMut(&mut Draft, &[u8]),
) -> Result<(), String> {
    let Some((start, left)) = draft.code.offset(address).filter(|_| address != 0) else {
        return Ok(());
    };
    let size = size.min(left);
    let piece = CHUNK
        .checked_div(each)
        .unwrap_or(0)
        .saturating_mul(each)
        .max(each);
    let mut at = 0_u64;
    while at < size {
        let wanted = piece.min(size.saturating_sub(at));
        budget
            .steps(wanted.checked_div(each).unwrap_or(1))
            .map_err(|e| e.to_string())?;
        let bytes = data
            .blob()
            .bytes(start.saturating_add(at), usize::try_from(wanted).unwrap_or(0))
            .map_err(|e| format!("could not be read: {e}"))?;
        take(draft, &bytes);
        at = at.saturating_add(piece);
    }
    Ok(())
}
