//! Each class of hostile zip beside what is said of it, and the ordinary archives that look like it.

use super::*;
use crate::assemble::assemble;
use crate::document::Document;
use crate::identify::identify;
use proptest::prelude::*;

/// What was understood, a line each.
fn show_bytes(bytes: &[u8]) -> String {
    let mut budget = Budget::default();
    let blob = Blob::from_bytes(bytes);
    let read = read(&blob, OpenOptions::default(), &mut budget);
    let mut out: Vec<String> = Vec::new();
    for m in &read.members {
        let body = m.body(&mut budget);
        let text = body.blob.bytes(0, 24).unwrap();
        let role = if m.role == Role::Plain {
            String::new()
        } else {
            format!(" {:?}", m.role)
        };
        let hidden = if m.hidden { " hidden" } else { "" };
        let why = body.outcome.why().map_or(String::new(), |w| format!(" ({w})"));
        out.push(format!(
            "{}{role}{hidden}: {}{why}",
            Untrusted::from(m.name.as_str()),
            text.escape_ascii()
        ));
    }
    out.extend(
        read.archive
            .entries
            .iter()
            .filter_map(|e| Some(format!("link {} -> {}", e.name, e.link.as_ref()?))),
    );
    out.extend(
        read.archive
            .differences
            .iter()
            .map(|d| format!("{:?} at {:#x}: {}", d.kind, d.offset, d.words)),
    );
    out.extend(
        read.outcome
            .why()
            .map(|w| format!("{}: {w}", read.outcome.name())),
    );
    out.join("\n")
}

fn show(listing: &str) -> String {
    show_bytes(&assemble("zip", listing).unwrap())
}

use wellhead_core::Untrusted;

#[test]
fn ordinary_archives_have_no_differences() {
    for listing in [
        "member a.txt\n  hello\nmember b.txt deflate\n  hello hello hello hello\n",
        // Streams: sizes behind the data.
        "member a.txt descriptor\n  hello\nmember b.txt deflate descriptor\n  hello hello\n",
        // What Python writes with force_zip64, and NumPy with it.
        "member a.npy wide\n  hello\nmember b.npy wide deflate\n  hello\n",
        "member a wide\n  x\nend wide\n",
        // PyTorch aligns by an extra field.
        "member archive/data.pkl local-extra=464202005a5a\n  x\nmember archive/data/0 zeros=64\n",
        "member empty empty\nmember dir/ empty\n",
        "member a\n  x\ncomment\n  written by a tool\n",
        "member a\n  x\ntrailing zeros=100\n",
        "member a\n  x\nbytes zeros=100\nmember b\n  y\n",
        // An archive as a stored member ends with an end record of its own.
        "member inner.zip as=zip\n  member x\n    1\n",
        "member inner.zip as=zip\n  member x\n    1\nmember z\n  1\n",
        "",
    ] {
        let shown = show(listing);
        assert!(
            !shown
                .lines()
                .any(|l| l.contains(" at 0x") && !l.starts_with("bytes")),
            "{listing}\n{shown}"
        );
        assert!(
            !shown.contains("partly") && !shown.contains("hidden"),
            "{listing}\n{shown}"
        );
    }
}

#[test]
fn flags_that_lie() {
    insta::assert_snapshot!(show("member archive/data.pkl flags=0x1\n  as it is\n"), @r#"
    archive/data.pkl Pickle: as it is\n
    FalseFlag at 0x0: `archive/data.pkl` is flagged as encrypted and is not
    "#);
    insta::assert_snapshot!(show("member a cd-flags=0x1 deflate\n  as it is\n"), @r#"
    a: as it is\n
    Flags at 0x0: the flags of `a` are 0x0001 in the directory and 0x0000 in its header
    FalseFlag at 0x0: `a` is flagged as encrypted and is not
    "#);
    insta::assert_snapshot!(show("member a local-flags=0x20\n  as it is\n"), @r#"
    a: as it is\n
    Flags at 0x0: the flags of `a` are 0x0000 in the directory and 0x0020 in its header
    FalseFlag at 0x0: `a` is flagged as patch data
    "#);
    insta::assert_snapshot!(show("member a flags=0x1 crc=0x1234\n  really encrypted\n"), @"a:  (encrypted)");
    insta::assert_snapshot!(show("member a flags=0x1 crc=0x1234 as=hex\n  80044e2e\n"), @r#"
    a: \x80\x04N.
    FalseFlag at 0x0: `a` is flagged as encrypted and is not
    "#);
}

#[test]
fn archives_with_a_password_are_only_that() {
    // Twelve bytes of the traditional encryption stand before data that looks like anything.
    for packed in [
        "ff fb 90 00",
        "1f 8b 08 00",
        "03 00 ff ff",
        "78 9c 03 00",
        "5d 00 00 80 00",
    ] {
        let sealed = format!("{packed} 5e 11 22 33 44 55 66 77 88 99 aa bb cc dd ee");
        let size = sealed.split(' ').count() - 12;
        for method in ["stored", "8"] {
            let listing =
                format!("member a.gz flags=0x1 crc=0x1234 method={method} size={size} as=hex\n  {sealed}\n");
            assert_eq!(show(&listing), "a.gz:  (encrypted)", "{listing}");
        }
    }
}

#[test]
fn names_and_numbers_that_differ() {
    insta::assert_snapshot!(show("member archive/data.pkl local-name=archive/x.txt\n  x\n"), @r#"
    archive/data.pkl Pickle: x\n
    Name at 0x0: `archive/data.pkl` in the directory is `archive/x.txt` in its header
    "#);
    insta::assert_snapshot!(show("member x.txt local-name=archive/data.pkl\n  x\nmember archive/data.pkl\n  y\n"), @r#"
    x.txt Pickle: x\n
    archive/data.pkl Pickle: y\n
    Name at 0x0: `x.txt` in the directory is `archive/data.pkl` in its header
    "#);
    insta::assert_snapshot!(show("member a local-crc=0x1\n  x\n"), @r#"
    a: x\n
    Crc at 0x0: the CRC of `a` is 46ea081f by the directory and 00000001 by its header
    "#);
    insta::assert_snapshot!(show("member archive/data.pkl crc=0x1\n  x\n"), @r#"
    archive/data.pkl Pickle: x\n
    Content at 0x2e: the CRC of `archive/data.pkl` is 46ea081f, not 00000001 as stated
    "#);
    insta::assert_snapshot!(show("member a cd-size=1 cd-stored=1\n  xyz\n"), @r#"
    a: x
    a (by its header) hidden: xyz\n
    Size at 0x0: `a` takes 1 of 1 bytes by the directory and 4 of 4 by its header
    Gap at 0x20: 3 bytes stand between its members
    "#);
    insta::assert_snapshot!(show("member a size=9\n  xyz\n"), @r#"
    a: xyz\nPK\x01\x02\x14
    Size at 0x0: `a` is stored in 4 bytes and said to be 9 long
    "#);
    insta::assert_snapshot!(show("member a extra=757006000143beb7e862\n  xyz\n"), @r#"
    a: xyz\n
    UnicodeName at 0x23: `a` is named `b` by its Unicode path field
    "#);
}

#[test]
fn methods_that_lie() {
    insta::assert_snapshot!(show("member a cd-method=8\n  plain text\n"), @r#"
    a:  (its compressed data is damaged)
    a (by its header) hidden: plain text\n
    Method at 0x0: `a` is deflated by the directory and stored by its header
    "#);
    insta::assert_snapshot!(show("member a local-method=0 deflate\n  plain text\n"), @r#"
    a: plain text\n
    a (by its header) hidden: +\xc8I\xcc\xccS(I\xad(\xe1\x02\x00
    Method at 0x0: `a` is deflated by the directory and stored by its header
    "#);
    insta::assert_snapshot!(show("member a method=4919\n  plain text\n"), @r#"
    a: plain text\n
    Method at 0x0: `a` is of the unknown method 4919
    "#);
    insta::assert_snapshot!(show("member a method=4919 deflate\n  plain text\n"), @r#"
    a: plain text\n
    Method at 0x0: `a` is of the unknown method 4919
    "#);
    insta::assert_snapshot!(show("member a method=12\n  BZh\n"), @"a:  (its compressed data is damaged)");
    insta::assert_snapshot!(show("member a method=99\n  secret\n"), @"a:  (encrypted)");
}

#[test]
fn members_outside_the_directory() {
    insta::assert_snapshot!(show("member a\n  x\nheader evil.pkl\n  hidden\nmember b\n  y\n"), @r#"
    a: x\n
    b: y\n
    evil.pkl hidden: hidden\n
    Hidden at 0x21: `evil.pkl` is not in the directory
    "#);
    insta::assert_snapshot!(show("header evil.pkl deflate descriptor\n  hidden\nmember b\n  y\n"), @r#"
    b: y\n
    evil.pkl hidden: hidden\n
    Hidden at 0x0: `evil.pkl` is not in the directory
    "#);
    insta::assert_snapshot!(show("header only.pkl\n  no directory\nend size=77 offset=5\n"), @r#"
    only.pkl hidden: no directory\n
    Hidden at 0x0: `only.pkl` is not in the directory
    partly: its directory is missing or damaged
    "#);
    insta::assert_snapshot!(show("member a\n  x\nbytes as=hex\n  80044e2e\nmember b\n  y\n"), @r#"
    bytes at 0x21 hidden: \x80\x04N.
    a: x\n
    b: y\n
    Gap at 0x21: 4 bytes stand between its members
    "#);
    insta::assert_snapshot!(show("bytes\n  #!/bin/sh\nmember b\n  y\n"), @r#"
    b: y\n
    Prefix at 0x0: 10 bytes stand before the first member
    "#);
    insta::assert_snapshot!(show("member a\n  x\ntrailing as=hex\n  80044e2e\n"), @r#"
    bytes at 0x66 hidden: \x80\x04N.
    a: x\n
    Trailing at 0x66: 4 bytes stand after its end
    "#);
}

#[test]
fn two_directories() {
    // The second end record stands in the comment of the first.
    let inner = "member evil.pkl\n  evil\n";
    insta::assert_snapshot!(show(&format!("member good.txt\n  a good one\ncomment as=zip no-newline\n  {}", inner.replace('\n', "\n  "))), @r#"
    evil.pkl: evil\n
    good.txt: a good one\n
    EndRecords at 0x67: a second end record leads to another directory
    "#);
    insta::assert_snapshot!(show("member a\n  x\nend wide wide-count=0 wide-size=0\n"), @r#"
    a: x\n
    Zip64 at 0x9c: the zip64 record and the end record lead to different directories
    Offset at 0x9c: its offset leads to one directory and its size to another
    "#);
    insta::assert_snapshot!(show("member a\n  x\nmember b\n  y\nend count=1\n"), @r#"
    a: x\n
    b: y\n
    Count at 0x42: the end record counts 1 members, the directory lists 2
    "#);
    insta::assert_snapshot!(show("member a\n  x\nend disk=1\n"), @r#"
    a: x\n
    Disks at 0x50: says that it is one of several files
    "#);
}

#[test]
fn members_that_share() {
    insta::assert_snapshot!(show("member a\n  x\nmember a\n  y\n"), @r#"
    a: x\n
    a#2: y\n
    Duplicate at 0x21: `a` stands twice in the directory, with different content
    "#);
    insta::assert_snapshot!(show("member a\n  x\nmember b same-data-as-last\n  x\n"), @r#"
    a: x\n
    b: x\n
    Name at 0x0: `b` in the directory is `a` in its header
    Overlap at 0x0: `a` and `b` share bytes
    "#);
    insta::assert_snapshot!(show("member a cd-stored=200 cd-size=200\n  x\nmember b\n  y\n"), @r#"
    a: x\nPK\x03\x04\x14\x00\x00\x00\x00\x00\x00\x00!\x00^9\xf1_\x02\x00\x00\x00
    b: y\n
    Size at 0x0: `a` takes 200 of 200 bytes by the directory and 2 of 2 by its header
    Overlap at 0x0: `a` reaches into the directory
    Overlap at 0x21: `a` and `b` share bytes
    partly: `a` is cut off
    "#);
}

#[test]
fn broken_archives_say_so() {
    insta::assert_snapshot!(show("member a offset=4000\n  x\n"), @r#"
    a:  (its header is missing)
    a#2 hidden: x\n
    Hidden at 0x0: `a` is not in the directory
    NoHeader at 0xfa0: the directory's place for `a` holds no header
    "#);
    let whole = assemble("zip", "member a\n  x\nmember b\n  y\n").unwrap();
    insta::assert_snapshot!(show_bytes(&whole[..40]), @r#"
    a hidden: x\n
    Hidden at 0x0: `a` is not in the directory
    partly: its directory is missing or damaged
    "#);
    insta::assert_snapshot!(show_bytes(b"PK\x05\x06"), @"
    Gap at 0x0: 4 bytes stand between its members
    not-analysed: its directory is missing or damaged
    ");
}

#[test]
fn links_show_where_they_lead() {
    insta::assert_snapshot!(show("member ln mode=0o120777 no-newline\n  ../../etc/passwd\n"), @"link ln -> ../../etc/passwd");
}

#[test]
fn torch_members_have_roles() {
    let listing = "member m/data.pkl as=hex\n  80024e2e\nmember m/data/0 zeros=8\nmember m/code/x.py\n  x\nmember m/version\n  3\n";
    insta::assert_snapshot!(show(listing), @r#"
    m/data.pkl Pickle: \x80\x02N.
    m/data/0 Tensor: \x00\x00\x00\x00\x00\x00\x00\x00
    m/code/x.py TorchScript: x\n
    m/version: 3\n
    "#);
    let blob = Blob::from_bytes(assemble("zip", listing).unwrap());
    assert_eq!(
        identify("m.pt", Role::Plain, &blob, &mut Budget::default())
            .format
            .name,
        "torchscript"
    );
}

#[test]
fn a_large_archive_costs_its_directory() {
    struct Counting(Vec<u8>, std::sync::Arc<std::sync::atomic::AtomicU64>);
    impl wellhead_core::ReadAt for Counting {
        fn len(&self) -> u64 {
            self.0.len() as u64
        }
        fn read_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<usize> {
            self.1
                .fetch_add(buf.len() as u64, std::sync::atomic::Ordering::Relaxed);
            wellhead_core::ReadAt::read_at(&self.0, offset, buf)
        }
    }
    let mut listing = "member m/data.pkl as=hex\n  80024e2e\n".to_owned();
    for i in 0..100 {
        listing += &format!("member m/data/{i} zeros=100000 descriptor\n");
    }
    let read_bytes = std::sync::Arc::default();
    let blob = Blob::new(Counting(
        assemble("zip", &listing).unwrap(),
        std::sync::Arc::clone(&read_bytes),
    ));
    let identity = identify("m.pt", Role::Plain, &blob, &mut Budget::default());
    let opened = crate::open(
        "m.pt",
        &identity,
        &blob,
        OpenOptions::default(),
        &mut Budget::default(),
    );
    assert!(matches!(opened.document, Document::Zip(_)));
    assert_eq!(opened.members.len(), 101);
    let read = read_bytes.load(std::sync::atomic::Ordering::Relaxed);
    assert!(read < 400_000, "{read} of {} bytes were read", blob.len());
}

#[test]
fn many_members_cost_linear_time() {
    let mut listing = String::new();
    for i in 0..40_000 {
        listing += &format!("member d{i}/data.pkl local-name=x empty\n");
    }
    let bytes = assemble("zip", &listing).unwrap();
    let start = std::time::Instant::now();
    let blob = Blob::from_bytes(bytes);
    let read = read(&blob, OpenOptions::default(), &mut Budget::default());
    assert_eq!(read.members.len(), 40_000);
    assert_eq!(read.archive.differences.len(), 256);
    // Quadratic time would be minutes here.
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
}

proptest! {
    #[test]
    fn never_panics(
        seed in 0usize..4,
        edits in proptest::collection::vec((0usize..400, any::<u8>()), 0..8),
        cut in 0usize..400,
    ) {
        let listings = [
            "member a\n  x\nmember b deflate\n  yyyyyyyy\n",
            "member m/data.pkl flags=0x1 descriptor\n  x\nend wide\n",
            "header h\n  x\nmember b method=77 deflate\n  y\ncomment\n  PK\n",
            "member a mode=0o120777\n  x\ntrailing\n  PK\n",
        ];
        let mut bytes = assemble("zip", listings[seed]).unwrap();
        for (at, value) in edits {
            let n = bytes.len();
            bytes[at % n] = value;
        }
        bytes.truncate(bytes.len().saturating_sub(cut / 8));
        show_bytes(&bytes);
    }

    #[test]
    fn never_panics_on_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        show_bytes(&bytes);
    }
}
