//! Downloads from servers on this machine that misbehave.

use super::tests::{Seen, Server, answer, network};
use std::{
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

/// A file whose bytes tell where they are, in two editions.
fn bytes(edition: u8) -> Vec<u8> {
    (0..200_000_u32)
        .map(|at| (at ^ (at >> 8)) as u8 ^ edition)
        .collect()
}

/// The file as a good server sends it: from where it is asked for, if the file is still the one that is meant.
fn good(seen: &Seen, edition: u8) -> Vec<u8> {
    let all = bytes(edition);
    let etag = format!("\"edition {edition}\"");
    let meant = !seen.head.contains("if-range") || seen.head.contains(&format!("if-range: {etag}"));
    match seen.range.filter(|_| meant) {
        Some((from, to)) => {
            let (from, to) = (from as usize, (to as usize).min(all.len() - 1));
            let headers = format!(
                "ETag: {etag}\r\nContent-Range: bytes {from}-{to}/{}\r\n",
                all.len()
            );
            answer("206 Partial Content", &headers, &all[from..=to])
        }
        None => answer("200 OK", &format!("ETag: {etag}\r\n"), &all),
    }
}

/// The same, cut off in the middle of the body.
fn cut(mut whole: Vec<u8>) -> Vec<u8> {
    whole.truncate(whole.len() - 80_000);
    whole
}

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn to(&self) -> PathBuf {
        self.dir.path().join("sub/all.zip")
    }

    /// Downloads with so many tries: how much was there before, or why not.
    fn fetch(&self, server: &Server, tries: u32) -> Result<u64, String> {
        let network = network(|o| o.tries = tries);
        let url = format!("{}/PyPI/all.zip", server.url);
        let got = network.download(&url, &self.to(), 1 << 20, &AtomicBool::new(false), &|_, _| {});
        let got = got.map_err(|e| e.message.replace(&server.url, "SERVER"))?;
        assert_eq!(got.bytes, std::fs::metadata(self.to()).unwrap().len());
        let left = std::fs::read_dir(self.dir.path().join("sub")).unwrap().count();
        assert_eq!(left, 1, "nothing is left beside the file");
        Ok(got.resumed)
    }

    fn content(&self) -> Vec<u8> {
        std::fs::read(self.to()).unwrap()
    }
}

#[test]
fn a_file_comes_whole() {
    let server = Server::new(|seen| good(seen, 0));
    let place = Place::new();
    assert_eq!(place.fetch(&server, 1), Ok(0));
    assert!(place.content() == bytes(0));
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_connection_that_breaks_off_is_gone_on_with() {
    let server = Server::new(|seen| match seen.number {
        0 => cut(good(seen, 0)),
        _ => good(seen, 0),
    });
    let place = Place::new();
    assert_eq!(place.fetch(&server, 2), Ok(0));
    assert!(place.content() == bytes(0));
    let seen = server.seen();
    assert!(seen[1].range.is_some_and(|(from, _)| from > 100_000), "{seen:?}");
    assert!(seen[1].head.contains("if-range: \"edition 0\""));
}

#[test]
fn an_interrupted_run_is_gone_on_with_by_the_next_one() {
    let server = Server::new(|seen| match seen.number {
        0 => cut(good(seen, 0)),
        1 => answer("500 Internal Server Error", "", b""),
        _ => good(seen, 0),
    });
    let place = Place::new();
    let why = place.fetch(&server, 1).unwrap_err();
    assert!(why.starts_with("`SERVER/PyPI/all.zip`"), "{why}");
    assert!(!place.to().exists(), "what is not whole is not there");
    let resumed = place.fetch(&server, 1).unwrap();
    assert!(resumed > 100_000, "{resumed}");
    assert!(place.content() == bytes(0));
}

#[test]
fn a_server_that_ignores_ranges_or_names_nothing_sends_everything_anew() {
    for headers in ["ETag: \"1\"\r\n", "ETag: W/\"1\"\r\n", ""] {
        let server = Server::new(move |seen| {
            let whole = answer("200 OK", headers, &bytes(0));
            if seen.number == 0 { cut(whole) } else { whole }
        });
        let place = Place::new();
        assert_eq!(place.fetch(&server, 2), Ok(0), "{headers}");
        assert!(place.content() == bytes(0));
    }
}

#[test]
fn a_file_that_changes_between_two_parts_is_never_mixed() {
    // With a server that heeds `If-Range`, and with one that sends the range of the new file.
    for heeds in [true, false] {
        let server = Server::new(move |seen| match (seen.number, seen.range) {
            (0, _) => cut(good(seen, 0)),
            (_, Some((from, to))) if !heeds => {
                let (from, to) = (from as usize, to as usize);
                let headers = format!("ETag: \"edition 1\"\r\nContent-Range: bytes {from}-{to}/200000\r\n");
                answer("206 Partial Content", &headers, &bytes(1)[from..=to])
            }
            _ => good(seen, 1),
        });
        let place = Place::new();
        assert_eq!(place.fetch(&server, 3), Ok(0), "{heeds}");
        assert!(place.content() == bytes(1), "{heeds}");
    }
}

#[test]
fn a_range_that_is_not_the_one_asked_for_is_refused() {
    let server = Server::new(|seen| match (seen.number, seen.range) {
        (0, _) => cut(good(seen, 0)),
        (1, _) => answer(
            "206 Partial Content",
            "Content-Range: bytes 0-9/200000\r\n",
            b"0123456789",
        ),
        (2, _) => cut(good(seen, 0)),
        (3, _) => answer("416 Range Not Satisfiable", "", b""),
        _ => good(seen, 0),
    });
    let place = Place::new();
    assert_eq!(place.fetch(&server, 9), Ok(0));
    assert!(place.content() == bytes(0));
}

#[test]
fn refusals_are_told_and_passing_ones_are_tried_again() {
    let server = Server::new(|_| answer("404 Not Found", "", b"no such object"));
    let why = Place::new().fetch(&server, 3).unwrap_err();
    assert_eq!(why, "`SERVER/PyPI/all.zip`: it is not there (status 404)");
    assert_eq!(server.seen().len(), 1, "what is not there is not asked for again");

    let server = Server::new(|seen| match seen.number {
        0 | 1 => answer("503 Service Unavailable", "", b""),
        _ => good(seen, 0),
    });
    assert_eq!(Place::new().fetch(&server, 3), Ok(0));
    let server = Server::new(|_| answer("500 Internal Server Error", "", b""));
    let why = Place::new().fetch(&server, 2).unwrap_err();
    assert_eq!(
        why,
        "`SERVER/PyPI/all.zip`: it has a failure of its own (status 500), 2 times"
    );
}

#[test]
fn more_than_is_wanted_is_refused() {
    let server = Server::new(|_| answer("200 OK", "ETag: \"1\"\r\n", &vec![0; (1 << 20) + 1]));
    assert_eq!(
        Place::new().fetch(&server, 1).unwrap_err(),
        "`SERVER/PyPI/all.zip` is larger than 1048576 bytes"
    );
}

#[test]
fn somebody_who_presses_ctrl_c_keeps_what_came() {
    let server = Server::new(|seen| good(seen, 0));
    let place = Place::new();
    let network = network(|_| {});
    let url = format!("{}/PyPI/all.zip", server.url);
    let (stop, most) = (AtomicBool::new(false), Mutex::new(0));
    let got = network.download(&url, &place.to(), 1 << 20, &stop, &|done, total| {
        assert_eq!(total, Some(200_000));
        *most.lock().unwrap() = done;
        stop.store(done > 50_000, Ordering::Relaxed);
    });
    assert!(got.unwrap_err().message.contains("interrupted"));
    assert_eq!(place.fetch(&server, 1).unwrap(), *most.lock().unwrap());
    assert!(place.content() == bytes(0));
}
