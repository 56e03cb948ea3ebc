use super::*;

fn block(name: &str, kind: u8, size: u64, link: &str) -> Vec<u8> {
    let mut b = vec![0; 512];
    b[..name.len()].copy_from_slice(name.as_bytes());
    b[100..107].copy_from_slice(b"0000644");
    b[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    b[156] = kind;
    b[157..157 + link.len()].copy_from_slice(link.as_bytes());
    b[257..263].copy_from_slice(b"ustar\0");
    b[148..156].copy_from_slice(b"        ");
    let sum: u64 = b.iter().map(|x| u64::from(*x)).sum();
    b[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    b
}

fn file(name: &str, data: &[u8]) -> Vec<u8> {
    let mut b = block(name, b'0', data.len() as u64, "");
    b.extend(data);
    b.resize(b.len().next_multiple_of(512), 0);
    b
}

fn long(kind: u8, data: &[u8]) -> Vec<u8> {
    let mut b = block("././@LongLink", kind, data.len() as u64, "");
    b.extend(data);
    b.resize(b.len().next_multiple_of(512), 0);
    b
}

/// What was understood, a line each.
fn show(bytes: Vec<u8>) -> String {
    let mut budget = Budget::default();
    let opened = open(&t::TAR, &Blob::from_bytes(bytes), Depth::Headers, &mut budget);
    let Document::Tar(archive) = &opened.document else {
        panic!()
    };
    let mut out = String::new();
    for e in &archive.entries {
        let hidden = if e.hidden { " hidden" } else { "" };
        let link = e.link.as_ref().map_or(String::new(), |l| format!(" -> {l}"));
        out += &format!("{:?} {}{link} {}{hidden}\n", e.kind, e.name, e.size);
    }
    for m in &opened.members {
        let body = m.body(&mut budget).blob.bytes(0, 16).unwrap();
        out += &format!("member {}: {}\n", m.name, body.escape_ascii());
    }
    for (at, words) in &archive.damage {
        out += &format!("{at:#x}: {words}\n");
    }
    out + &format!("{:?}\n", opened.outcome)
}

#[test]
fn members_of_every_kind() {
    let mut b = block("dir/", b'5', 0, "");
    b.extend(file("dir/a.txt", b"hello"));
    b.extend(block("ln", b'2', 0, "../../etc/passwd"));
    b.extend(block("hard", b'1', 0, "dir/a.txt"));
    b.extend(block("null", b'3', 0, ""));
    b.extend(long(b'L', format!("{}\0", "n".repeat(120)).as_bytes()));
    b.extend(file("short", b"long name"));
    b.extend(long(b'x', b"17 path=pax name\n"));
    b.extend(file("ustar name", b"pax"));
    b.extend(vec![0; 1024]);
    insta::assert_snapshot!(show(b), @"
    Folder dir/ 0
    File dir/a.txt 5
    Symlink ln -> ../../etc/passwd 0
    Hardlink hard -> dir/a.txt 0
    Device null 0
    File nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn 9
    File pax name 3
    member dir/a.txt: hello
    member nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn: long name
    member pax name: pax
    Analysed
    ");
}

#[test]
fn what_careful_readers_do_not_see_is_seen() {
    let mut b = file("seen", b"1");
    b.extend(vec![0; 1024]);
    b.extend(file("after the end", b"2"));
    let mut bad = file("damaged", b"3");
    bad[0] ^= 1;
    b.extend(bad);
    b.extend(file("after the damage", b"4"));
    insta::assert_snapshot!(show(b), @r#"
    File seen 1
    File after the end 1 hidden
    File after the damage 1 hidden
    member seen: 1
    member after the end: 2
    member after the damage: 4
    0x800: members stand after its end
    0xc00: a header is damaged
    Partly { why: "a header is damaged" }
    "#);
}

#[test]
fn a_pickle_behind_the_end_is_a_member() {
    let mut b = file("seen", b"1");
    b.extend(vec![0; 1024]);
    b.extend(b"\x80\x04N.");
    insta::assert_snapshot!(show(b), @r#"
    File seen 1
    member seen: 1
    member bytes at 0x800: \x80\x04N.
    0x800: 4 bytes stand after its end
    Analysed
    "#);
}

#[test]
fn sizes_that_contradict_are_said() {
    let inner = file("inner", b"smuggled");
    let mut b = long(b'x', format!("13 size={}\n", inner.len()).as_bytes());
    b.extend(block("outer.tar", b'0', 0, ""));
    b.extend(inner);
    b.extend(file("next", b"x"));
    b.truncate(b.len() - 512);
    insta::assert_snapshot!(show(b), @r#"
    File outer.tar 1024
    File next 1
    member outer.tar: inner\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00
    member next: 
    0x400: a member is 1024 bytes long by its PAX record and 0 by its header
    0xe00: `next` is cut off
    Partly { why: "`next` is cut off" }
    "#);
}
