//! PE: by data directories, as the loader of Windows goes.

use super::{Draft, Form, MAX_LISTED, MAX_STARTS, Start, System, names, reach::Area, source::Source};
use object::{
    Architecture, Endianness, LittleEndian as LE, pe as p,
    read::{
        ReadRef,
        pe::{ImageNtHeaders, ImageOptionalHeader, ImageThunkData},
    },
};
use std::mem::size_of;
use wellhead_core::Budget;

/// Longest name of a function or library.
const MAX_NAME: u64 = 1024;
/// Most imports of all libraries together that are looked at.
const MAX_THUNKS: usize = 1 << 17;

/// Reads a program of that class.
pub(super) fn read<P: ImageNtHeaders>(
    data: &Source,
    draft: &mut Draft,
    budget: &mut Budget,
) -> Result<(), String> {
    let damaged = |e: object::Error| format!("its header is not sound: {e}");
    let dos = p::ImageDosHeader::parse(data).map_err(damaged)?;
    let mut offset = dos.nt_headers_offset().into();
    let (headers, directories) = P::parse(data, &mut offset).map_err(damaged)?;
    let characteristics = headers.file_header().characteristics.get(LE);
    draft.image.system = System::Windows;
    draft.processor(match headers.file_header().machine.get(LE) {
        p::IMAGE_FILE_MACHINE_AMD64 => Architecture::X86_64,
        p::IMAGE_FILE_MACHINE_ARM64 | p::IMAGE_FILE_MACHINE_ARM64EC => Architecture::Aarch64,
        p::IMAGE_FILE_MACHINE_I386 => Architecture::I386,
        p::IMAGE_FILE_MACHINE_ARMNT => Architecture::Arm,
        _ => Architecture::Unknown,
    });
    let library = characteristics & p::IMAGE_FILE_DLL != 0;
    draft.image.form = if library { Form::Library } else { Form::Program };
    let sections = headers.sections(data, offset).map_err(damaged)?;
    for section in sections.iter().take(MAX_LISTED) {
        let (offset, size) = section.pe_file_range();
        let executable = section.characteristics.get(LE) & p::IMAGE_SCN_MEM_EXECUTE != 0;
        draft.area(Area {
            address: section.virtual_address.get(LE).into(),
            offset: offset.into(),
            size: size.into(),
            executable,
        });
        let raw = u64::from(offset).saturating_add(section.size_of_raw_data.get(LE).into());
        draft.end = draft.end.max(raw);
        draft.section(section.raw_name(), offset.into(), size.into(), executable);
    }
    // Signatures stand behind everything, by their place in the file.
    if let Some(signatures) = directories.get(p::IMAGE_DIRECTORY_ENTRY_SECURITY) {
        let start = u64::from(signatures.virtual_address.get(LE));
        draft.end = draft
            .end
            .max(start.saturating_add(signatures.size.get(LE).into()));
    }
    let directory = |index: usize| {
        let address = directories.get(index)?.virtual_address.get(LE);
        (address != 0).then_some(u64::from(address))
    };
    let mut left = MAX_THUNKS;
    if let Some(address) = directory(p::IMAGE_DIRECTORY_ENTRY_IMPORT) {
        imports::<P>(data, address, draft, &mut left, budget)?;
    }
    if let Some(address) = directory(p::IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT) {
        delayed::<P>(data, address, draft, &mut left, budget)?;
    }
    if let Some(address) = directory(p::IMAGE_DIRECTORY_ENTRY_EXPORT) {
        exports(data, address, draft, budget)?;
    }
    let image_base = headers.optional_header().image_base();
    if let Some(address) = directory(p::IMAGE_DIRECTORY_ENTRY_TLS) {
        callbacks::<P>(data, address, image_base, draft, budget)?;
    }
    let entry = u64::from(headers.optional_header().address_of_entry_point());
    if library && entry != 0 {
        draft.start(Start::Load("DllMain"), entry);
    }
    Ok(())
}

/// The text at an address.
fn name<'a>(data: &'a Source, draft: &Draft, address: u64) -> Option<&'a [u8]> {
    let (offset, left) = draft.code.offset(address)?;
    let end = offset.saturating_add(left.min(MAX_NAME));
    data.read_bytes_at_until(offset..end, 0).ok()
}

fn imports<P: ImageNtHeaders>(
    data: &Source,
    address: u64,
    draft: &mut Draft,
    left: &mut usize,
    budget: &mut Budget,
) -> Result<(), String> {
    let each = size_of::<p::ImageImportDescriptor>() as u64;
    for index in 0..MAX_LISTED as u64 {
        let at = address.saturating_add(index.saturating_mul(each));
        let found = draft.code.offset(at).map(|(offset, _)| offset);
        let Some(descriptor) = found.and_then(|at| data.read_at::<p::ImageImportDescriptor>(at).ok()) else {
            return Err("its table of imports has no end".to_owned());
        };
        if descriptor.is_null() {
            return Ok(());
        }
        let library = name(data, draft, descriptor.name.get(LE).into()).unwrap_or(b"?");
        let filled = descriptor.first_thunk.get(LE);
        let named = match descriptor.original_first_thunk.get(LE) {
            0 => filled,
            named => named,
        };
        thunks::<P>(data, library, named.into(), filled.into(), draft, left, budget)?;
    }
    Err("it imports more libraries than are read".to_owned())
}

/// Libraries that are loaded when the first function of theirs is called.
fn delayed<P: ImageNtHeaders>(
    data: &Source,
    address: u64,
    draft: &mut Draft,
    left: &mut usize,
    budget: &mut Budget,
) -> Result<(), String> {
    let each = size_of::<p::ImageDelayloadDescriptor>() as u64;
    for index in 0..MAX_LISTED as u64 {
        let at = address.saturating_add(index.saturating_mul(each));
        let found = draft.code.offset(at).map(|(offset, _)| offset);
        let Some(descriptor) = found.and_then(|at| data.read_at::<p::ImageDelayloadDescriptor>(at).ok())
        else {
            return Ok(());
        };
        if descriptor.is_null() {
            return Ok(());
        }
        let library = name(data, draft, descriptor.dll_name_rva.get(LE).into()).unwrap_or(b"?");
        let named = descriptor.import_name_table_rva.get(LE);
        let filled = descriptor.import_address_table_rva.get(LE);
        thunks::<P>(data, library, named.into(), filled.into(), draft, left, budget)?;
    }
    Ok(())
}

/// The functions of one library.
fn thunks<P: ImageNtHeaders>(
    data: &Source,
    library: &[u8],
    named: u64,
    filled: u64,
    draft: &mut Draft,
    left: &mut usize,
    budget: &mut Budget,
) -> Result<(), String> {
    draft.library(library);
    let lower = String::from_utf8_lossy(library).to_ascii_lowercase();
    let each = size_of::<P::ImageThunkData>() as u64;
    for index in 0_u64.. {
        budget.steps(16).map_err(|e| e.to_string())?;
        let far = index.saturating_mul(each);
        let found = draft
            .code
            .offset(named.saturating_add(far))
            .map(|(offset, _)| offset);
        let Some(thunk) = found.and_then(|at| data.read_at::<P::ImageThunkData>(at).ok()) else {
            return Ok(());
        };
        if thunk.raw() == 0 {
            return Ok(());
        }
        *left = left
            .checked_sub(1)
            .ok_or("it imports more functions than are read")?;
        let number = if thunk.is_ordinal() {
            let ordinal = thunk.ordinal();
            let shown = names::winsock(&lower, ordinal).map_or_else(|| format!("#{ordinal}"), str::to_owned);
            draft.import(shown.as_bytes(), library)
        } else {
            let address = u64::from(thunk.address()).saturating_add(2);
            name(data, draft, address).and_then(|name| draft.import(name, library))
        };
        if let Some(number) = number {
            draft.code.pointer(filled.saturating_add(far), number);
        }
    }
    Ok(())
}

fn exports(data: &Source, address: u64, draft: &mut Draft, budget: &mut Budget) -> Result<(), String> {
    let found = draft.code.offset(address).map(|(offset, _)| offset);
    let Some(table) = found.and_then(|at| data.read_at::<p::ImageExportDirectory>(at).ok()) else {
        return Err("its table of exports could not be read".to_owned());
    };
    let number = |draft: &Draft, table: u32, index: u64, wide: bool| {
        let each: u64 = if wide { 4 } else { 2 };
        let at = u64::from(table).checked_add(index.checked_mul(each)?)?;
        let (offset, _) = draft.code.offset(at)?;
        if wide {
            Some(data.word(offset, false, Endianness::Little))
        } else {
            let found = data.read_at::<object::U16<LE>>(offset).ok()?;
            Some(found.get(LE).into())
        }
    };
    for index in 0..u64::from(table.number_of_names.get(LE)).min(1 << 20) {
        budget.steps(16).map_err(|e| e.to_string())?;
        let Some(at) = number(draft, table.address_of_names.get(LE), index, true) else {
            return Err("its table of exports is cut short".to_owned());
        };
        let Some(name) = name(data, draft, at) else {
            continue;
        };
        let ordinal = number(draft, table.address_of_name_ordinals.get(LE), index, false).unwrap_or(0);
        let function = number(draft, table.address_of_functions.get(LE), ordinal, true).unwrap_or(0);
        draft.export(name, function);
    }
    Ok(())
}

/// Functions that run before `DllMain`, for every thread.
fn callbacks<P: ImageNtHeaders>(
    data: &Source,
    address: u64,
    image_base: u64,
    draft: &mut Draft,
    budget: &mut Budget,
) -> Result<(), String> {
    let wide = size_of::<P::ImageThunkData>() == 8;
    let each: u64 = if wide { 8 } else { 4 };
    let word = |draft: &Draft, address: u64| {
        let (offset, _) = draft.code.offset(address)?;
        Some(data.word(offset, wide, Endianness::Little))
    };
    // The fourth address of the directory is that of the table.
    let table = word(draft, address.saturating_add(each.saturating_mul(3))).unwrap_or(0);
    let Some(table) = table.checked_sub(image_base) else {
        return Ok(());
    };
    for index in 0..MAX_STARTS as u64 {
        budget.steps(4).map_err(|e| e.to_string())?;
        let callback = word(draft, table.saturating_add(index.saturating_mul(each))).unwrap_or(0);
        let Some(callback) = callback.checked_sub(image_base).filter(|_| callback != 0) else {
            break;
        };
        draft.start(Start::Load("TLS callback"), callback);
    }
    Ok(())
}
