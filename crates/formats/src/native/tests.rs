use super::*;
use crate::{OpenOptions, Role, assemble::assemble, format::table, identify, open as open_any};
use proptest::prelude::*;

fn library(listing: &str) -> Native {
    let blob = Blob::from_bytes(assemble("elf", listing).unwrap());
    let (native, outcome) = read(&blob, Depth::Headers, &mut Budget::default());
    assert_eq!(outcome, Outcome::Analysed, "{listing}");
    native.unwrap()
}

fn reached(native: &Native) -> Vec<String> {
    let all = native.images.iter().flat_map(|i| &i.reached);
    all.map(|r| {
        let start = match &r.start {
            Start::Load(name) => (*name).to_owned(),
            Start::Import(module) => format!("import {module}"),
        };
        format!("{start}: {} in {}", r.import.name, r.path.len())
    })
    .collect()
}

#[test]
fn a_library_without_sections_is_read_as_its_loader_reads_it() {
    let native = library(
        "needed libc.so.6\nimport dlopen\nconstructor\n  call execve\nmodule fast\n  deep connect\n  call dlopen\ntext https://a.example/x\n",
    );
    let image = &native.images[0];
    assert_eq!(
        (image.system, image.form, image.processor),
        (System::Linux, Form::Library, "x86-64")
    );
    assert_eq!(image.libraries, ["libc.so.6"]);
    assert_eq!(image.modules, ["fast"]);
    assert_eq!((image.exports, image.constructors), (1, 1));
    assert_eq!(
        native.abilities(),
        [
            (Ability::Process, "execve"),
            (Ability::Network, "connect"),
            (Ability::Library, "dlopen")
        ]
        .into()
    );
    // What every library does is not told of, what follows a call is.
    assert_eq!(
        reached(&native),
        ["init_array: execve in 1", "import fast: connect in 2"]
    );
    assert_eq!(native.signs[0].text, "https://a.example/x");
    assert_eq!(native.appended, 0);
}

#[test]
fn what_is_imported_and_not_reached_is_not_told_of() {
    let native =
        library("import execve\nimport connect\nconstructor\nmodule fast\n  call PyModule_Create2\n");
    assert_eq!(reached(&native), [""; 0]);
    assert_eq!(native.abilities().len(), 2);
}

#[test]
fn bytes_behind_the_file_are_counted() {
    let mut bytes = assemble("elf", "module fast\n").unwrap();
    bytes.extend([1; 100]);
    let (native, _) = read(&Blob::from_bytes(bytes), Depth::Headers, &mut Budget::default());
    assert_eq!(native.unwrap().appended, 100);
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the machine's own shell, which a test may open"
)]
fn a_program_of_this_machine_is_read() {
    let Ok(bytes) = std::fs::read("/bin/sh") else {
        eprintln!("skipped: there is no /bin/sh");
        return;
    };
    let (native, outcome) = read(&Blob::from_bytes(bytes), Depth::Headers, &mut Budget::default());
    assert_eq!(outcome, Outcome::Analysed);
    assert!(native.unwrap().abilities().contains_key(&Ability::Process));
}

/// A Windows library of 64 bits, of one section: imports, an export, and an entry point that calls an import.
fn windows() -> Vec<u8> {
    let mut out = vec![0; 0x600];
    let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(0x3c, &0x40_u32.to_le_bytes());
    put(0x40, b"PE\0\0\x64\x86\x01\0");
    // The size of the optional header, and what it is: a library.
    put(0x54, &[0xf0, 0, 0x22, 0x20]);
    put(0x58, &0x20b_u16.to_le_bytes());
    put(0x68, &0x1000_u32.to_le_bytes());
    put(0x70, &0x1_8000_0000_u64.to_le_bytes());
    put(0xc4, &16_u32.to_le_bytes());
    put(0xc8, &0x1100_u32.to_le_bytes());
    put(0xd0, &0x1200_u32.to_le_bytes());
    let section = 0x58 + 0xf0;
    put(section, b".text\0\0\0");
    for (at, value) in [
        (8, 0x400_u32),
        (12, 0x1000),
        (16, 0x400),
        (20, 0x200),
        (36, 0xe000_0020),
    ] {
        put(section + at, &value.to_le_bytes());
    }
    // The section lies at 0x200 and is loaded to 0x1000. Its code returns, then calls through the pointer at 0x1280.
    put(0x200, &[0xc3, 0xff, 0x15]);
    put(0x203, &(0x1280_u32 - 0x1007).to_le_bytes());
    put(0x207, &[0xc3, 0xcc]);
    // Exports: one name, one number, one function.
    for (at, value) in [(20, 1_u32), (24, 1), (28, 0x1140), (32, 0x1144), (36, 0x1148)] {
        put(0x300 + at, &value.to_le_bytes());
    }
    put(0x340, &0x1000_u32.to_le_bytes());
    put(0x344, &0x1150_u32.to_le_bytes());
    put(0x350, b"PyInit_fast\0");
    // Imports: one library, one function.
    for (at, value) in [(0, 0x1270_u32), (12, 0x12a0), (16, 0x1280)] {
        put(0x400 + at, &value.to_le_bytes());
    }
    put(0x470, &0x12b0_u64.to_le_bytes());
    put(0x480, &0x12b0_u64.to_le_bytes());
    put(0x4a0, b"KERNEL32.dll\0");
    put(0x4b0, b"\0\0WinExec\0");
    out
}

#[test]
fn a_library_of_windows_is_read_as_its_loader_reads_it() {
    let (native, outcome) = read(
        &Blob::from_bytes(windows()),
        Depth::Headers,
        &mut Budget::default(),
    );
    assert_eq!(outcome, Outcome::Analysed);
    let native = native.unwrap();
    let image = &native.images[0];
    assert_eq!((image.system, image.form), (System::Windows, Form::Library));
    assert_eq!(image.libraries, ["KERNEL32.dll"]);
    assert_eq!(image.modules, ["fast"]);
    // The module and `DllMain` are one function here, and what runs it first is named.
    assert_eq!(reached(&native), ["import fast: WinExec in 1"]);
}

/// A library of macOS in either order of bytes, with one undefined function and one module.
fn macos(big: bool) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::new();
    let word = |out: &mut Vec<u8>, value: u32| {
        out.extend(if big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        });
    };
    let processor = if big { 18 } else { 7 };
    for value in [0xfeed_face_u32, processor, 0, 6, 1, 24, 0] {
        word(&mut out, value);
    }
    // LC_SYMTAB: two symbols behind it, then their names.
    for value in [2_u32, 24, 52, 2, 76, 32] {
        word(&mut out, value);
    }
    for (name, kind) in [(1_u32, 0x01_u8), (9, 0x0f)] {
        word(&mut out, name);
        out.extend([kind, 0, 0, 0]);
        word(&mut out, 0x10);
    }
    out.extend(b"\0_execve\0_PyInit_fast\0");
    out.resize(108, 0);
    out
}

#[test]
fn both_orders_of_bytes_and_files_of_several_programs_are_read() {
    for big in [false, true] {
        let (native, outcome) = read(
            &Blob::from_bytes(macos(big)),
            Depth::Headers,
            &mut Budget::default(),
        );
        assert_eq!(outcome, Outcome::Analysed);
        let native = native.unwrap();
        assert_eq!(native.images[0].processor, if big { "ppc" } else { "x86" });
        assert_eq!(native.images[0].modules, ["fast"]);
        assert_eq!(native.images[0].imports[0].name, "execve");
        assert_eq!(native.appended, 0);
    }
    let mut fat = 0xcafe_babe_u32.to_be_bytes().to_vec();
    for value in [2_u32, 7, 0, 0x40, 108, 0, 18, 0, 0xc0, 108, 0] {
        fat.extend(value.to_be_bytes());
    }
    fat.resize(0x40, 0);
    fat.extend(macos(false));
    fat.resize(0xc0, 0);
    fat.extend(macos(true));
    let (native, outcome) = read(&Blob::from_bytes(fat), Depth::Headers, &mut Budget::default());
    assert_eq!(outcome, Outcome::Analysed);
    let native = native.unwrap();
    let places: Vec<(u64, &str)> = native.images.iter().map(|i| (i.offset, i.processor)).collect();
    assert_eq!(places, [(0x40, "x86"), (0xc0, "ppc")]);
}

#[test]
fn what_is_cut_short_is_said_to_be() {
    let whole = assemble("elf", "needed libc.so.6\nconstructor\n  call execve\n").unwrap();
    for (bytes, words) in [
        (whole[..100].to_vec(), "not sound"),
        (b"\x7fELF\x02\x01\x01".to_vec(), "not sound"),
    ] {
        let blob = Blob::from_bytes(bytes);
        let identity = identify("x.so", Role::Plain, &blob, &mut Budget::default());
        assert_eq!(*identity.format, table::ELF);
        let opened = open_any(
            "x.so",
            &identity,
            &blob,
            OpenOptions::default(),
            &mut Budget::default(),
        );
        let why = opened.outcome.why().unwrap_or_default().to_owned();
        assert!(why.contains(words), "{why}");
    }
}

fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let seeds = prop_oneof![
        Just(
            assemble(
                "elf",
                "needed c\nconstructor\n  call execve\nmodule m\n  deep connect\n"
            )
            .unwrap()
        ),
        Just(windows()),
        Just(macos(false)),
        Just(macos(true)),
    ];
    let changes = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12);
    (seeds, changes, any::<prop::sample::Index>()).prop_map(|(mut bytes, changes, cut)| {
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(cut.index(bytes.len()).max(4));
        bytes
    })
}

proptest! {
    #[test]
    fn never_panics(bytes in hostile()) {
        let _ = read(&Blob::from_bytes(bytes), Depth::Full, &mut Budget::default());
    }
}
