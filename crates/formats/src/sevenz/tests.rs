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
