use super::*;
use crate::assemble::assemble;
use proptest::prelude::*;

fn show(bytes: Vec<u8>) -> String {
    let budget = &mut Budget::default();
    let opened = open(&Blob::from_bytes(bytes), Depth::Headers, budget);
    let mut lines = vec![opened.outcome.why().unwrap_or("read").to_owned()];
    for e in opened.document.listing().unwrap().entries {
        lines.push(format!("{} {:?} {:?} {}", e.name, e.kind, e.link, e.size));
    }
    for m in &opened.members {
        let body = m.body(budget);
        let text = String::from_utf8_lossy(&body.blob.bytes(0, 99).unwrap()).into_owned();
        lines.push(format!(
            "{}: {text} {}",
            m.name,
            body.outcome.why().unwrap_or_default()
        ));
    }
    lines.join("\n")
}

#[test]
fn members_are_parts_of_folders() {
    let listing = "folder\nfile a.txt no-newline\n  hello\nfile b/c.pkl no-newline\n   world\nfolder method=delta\nfile d mode=0o120777 \
                   no-newline\n  ../../etc\ndirectory sub\n";
    insta::assert_snapshot!(show(assemble("7z", listing).unwrap()), @r#"
    read
    a.txt File None 5
    b/c.pkl File None 6
    d Symlink Some("../../etc") 9
    sub Folder None 0
    a.txt: hello 
    b/c.pkl:  world 
    "#);
}

#[test]
fn what_is_encrypted_or_not_read_is_said() {
    for (options, shown) in [
        ("method=06f10701", "read\nm.pkl File None 6\nm.pkl:  encrypted"),
        (
            "method=030401",
            "read\nm.pkl File None 6\nm.pkl:  compressed with PPMd, which is not read yet",
        ),
        (
            "method=0a0b",
            "read\nm.pkl File None 6\nm.pkl:  compressed with method 0a0b, which is not read yet",
        ),
        (
            "method=21 props=28",
            "read\nm.pkl File None 6\nm.pkl:  its compressed data is damaged",
        ),
    ] {
        let listing = format!("folder {options}\nfile m.pkl\n  hello\n");
        assert_eq!(show(assemble("7z", &listing).unwrap()), shown, "{options}");
    }
    let hidden = "end packed method=06f10701\n";
    assert_eq!(
        show(assemble("7z", &format!("folder\nfile m.pkl\n  x\n{hidden}")).unwrap()),
        "encrypted, its directory too"
    );
    let packed = "folder\nfile m.pkl no-newline\n  x\nend packed\n";
    assert_eq!(
        show(assemble("7z", packed).unwrap()),
        "read\nm.pkl File None 1\nm.pkl: x "
    );
}

#[test]
fn directories_that_lie() {
    let whole = assemble("7z", "folder\nfile a\n  hello\n").unwrap();
    assert_eq!(show(whole[..20].to_vec()), "it is cut off");
    assert_eq!(show(whole[..40].to_vec()), "its directory is not in this file");
    assert_eq!(show(b"7z\xbc\xaf\x27\x1c\0\x04".to_vec()), "it is cut off");
    // Counts that no file could hold.
    for directory in [
        "01 04 06 00 ffffffffffffffffff 00",
        "01 05 ffffffffffffffff7f 00",
        "17 06 00 01 09 ff",
    ] {
        let listing = format!("directory-bytes as=hex\n  {directory}\n");
        let shown = show(assemble("7z", &listing).unwrap());
        assert!(
            shown == "its directory is damaged" || shown == "more than 200000 members",
            "{directory}: {shown}"
        );
    }
}

#[test]
fn an_output_feeds_one_input() {
    // Eight coders of four inputs, all of which the next coder feeds, and others that allow so many binds.
    let folder = |output: &dyn Fn(u8) -> u8| {
        let mut out = vec![0x01, 0x04, 0x07, 0x0b, 1, 0, 29];
        for _ in 0..8 {
            out.extend([0x14, 3, 3, 1, 0x1b, 4, 1]);
        }
        out.extend([0x01, 0x00].repeat(21));
        (0..28).for_each(|i| out.extend([i, output(i)]));
        out.extend(28..53);
        out.push(0x0c);
        out.extend([0; 32]);
        header::read(&out, &mut Budget::default())
    };
    assert_eq!(folder(&|i| i / 4 + 1).unwrap_err(), Fault::Damaged);
    assert_eq!(folder(&|i| i + 40).unwrap_err(), Fault::Damaged);
    assert!(folder(&|i| i + 1).is_ok());
}

#[test]
fn folders_are_paid_for() {
    let mut out = vec![0x01, 0x04, 0x07, 0x0b, 100, 0];
    for _ in 0..100 {
        out.push(32);
        out.extend([0x01, 0x00].repeat(32));
        (0..31).for_each(|i| out.extend([i + 1, i]));
    }
    let limits = wellhead_core::Limits {
        memory: 100_000,
        ..Default::default()
    };
    let budget = &mut Budget::new(limits, std::sync::Arc::default());
    assert!(matches!(header::read(&out, budget), Err(Fault::Exhausted(_))));
}

#[test]
fn windows_of_other_formats_count() {
    let coder = |id: &[u8], inputs| header::Coder {
        id: id.to_vec(),
        inputs,
        props: Vec::new(),
    };
    let zstd = || coder(&[4, 0xf7, 0x11, 1], 1);
    let folder = |windows: usize| Folder {
        coders: std::iter::once(coder(&[3, 3, 1, 0x1b], 4))
            .chain((0..windows).map(|_| zstd()))
            .collect(),
        binds: (0..windows as u64).map(|i| (i, i + 1)).collect(),
        packed: (windows as u64..windows as u64 + 4).collect(),
        sizes: vec![9; windows + 1],
    };
    let packed = vec![Blob::from_bytes(Vec::new()); 4];
    assert!(coders::decoder(&folder(2), &packed).is_ok());
    let why = coders::decoder(&folder(3), &packed).err().unwrap();
    assert!(why.contains("memory"), "{why}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn never_panics(at in 32usize..200, bytes in proptest::collection::vec(any::<u8>(), 0..6)) {
        let listing = "folder method=21 props=10\nfile a\n  hello\nfile b\n  x\nfolder method=04\nfile c\n  y\ndirectory d\n";
        let mut file = assemble("7z", listing).unwrap();
        for (to, from) in file.iter_mut().skip(at).zip(bytes) {
            *to = from;
        }
        show(file);
    }
}
