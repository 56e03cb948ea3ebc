//! Addresses as code writes them: whole, without a scheme, with parts that are only known when it runs, with the host
//! as a number. The host of hostile text, and whose place it is.

use crate::well_known::PYPI_HOSTS;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parts<'a> {
    /// The host in lower case; of one that is put together, what is known of its end.
    pub(crate) host: String,
    /// The number that the host is, where it is one.
    pub(crate) number: Option<IpAddr>,
    /// What follows the host.
    pub(crate) path: &'a str,
}

/// Longest address that is looked at.
const LONGEST: usize = 4_096;

/// Takes an address apart; `None` where it names no host.
pub(crate) fn parts(address: &str) -> Option<Parts<'_>> {
    let text = address.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`'));
    if text.len() > LONGEST {
        return None;
    }
    let (schemed, rest) = match text.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => (true, rest),
        _ => match text.strip_prefix("//") {
            Some(rest) => (true, rest),
            None => (false, text),
        },
    };
    let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '\\' | '"' | '\'' | '<' | '>');
    let end = rest.find(ends).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or_default(),
        None if host.matches(':').count() == 1 => host.split(':').next().unwrap_or_default(),
        None => host,
    };
    let host = host.trim_end_matches('.').to_lowercase();
    if let Ok(six) = host.parse::<Ipv6Addr>() {
        return Some(of_number(host, plain(six), path));
    }
    // Of a host that is put together, the end says whose it is.
    let known = host
        .rsplit(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_')))
        .next()
        .unwrap_or_default()
        .trim_start_matches('.');
    let put_together = known.len() < host.len();
    if let Some(four) = number(known, schemed).filter(|_| !put_together) {
        return Some(of_number(host, IpAddr::V4(four), path));
    }
    let named = known.contains('.') || !put_together && schemed && !known.is_empty() || known == "localhost";
    named.then(|| Parts {
        host: known.to_owned(),
        number: None,
        path,
    })
}

fn of_number(host: String, number: IpAddr, path: &str) -> Parts<'_> {
    Parts {
        host,
        number: Some(number),
        path,
    }
}

fn plain(six: Ipv6Addr) -> IpAddr {
    six.to_ipv4_mapped().map_or(IpAddr::V6(six), IpAddr::V4)
}

fn is_scheme(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    !text.is_empty() && text.len() <= 16 && text.bytes().all(plain)
}

/// A host that is a number, in every form that the C library takes: `203.0.113.9`, `0xcb007109`, `3405803785`.
fn number(host: &str, schemed: bool) -> Option<Ipv4Addr> {
    let fields: Vec<&str> = host.split('.').collect();
    if fields.len() > 4 || !schemed && fields.len() != 4 {
        return None;
    }
    let (last, first) = fields.split_last()?;
    let mut value = 0_u32;
    for field in first {
        value = value
            .checked_mul(256)?
            .checked_add(part(field).filter(|v| *v < 256)?)?;
    }
    let bits = u32::try_from(5_usize.checked_sub(fields.len())?)
        .ok()?
        .checked_mul(8)?;
    let rest = part(last)?;
    let whole = u64::from(value).checked_shl(bits)?.checked_add(u64::from(rest))?;
    let fits = bits == 32 || u64::from(rest) < 1_u64.checked_shl(bits)?;
    fits.then_some(Ipv4Addr::from(u32::try_from(whole).ok()?))
}

fn part(text: &str) -> Option<u32> {
    if let Some(hex) = text.strip_prefix("0x") {
        return u32::from_str_radix(hex, 16).ok();
    }
    if text.len() > 1
        && let Some(octal) = text.strip_prefix('0')
    {
        return u32::from_str_radix(octal, 8).ok();
    }
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Endings below which every name is somebody else's.
const TENANTS: &[&str] = &[
    "amazonaws.com",
    "appspot.com",
    "azurewebsites.net",
    "blob.core.windows.net",
    "blogspot.com",
    "cloudfront.net",
    "cloudfunctions.net",
    "codeberg.page",
    "deno.dev",
    "firebaseapp.com",
    "firebaseio.com",
    "fly.dev",
    "gitbook.io",
    "gitee.io",
    "glitch.me",
    "googlegroups.com",
    "herokuapp.com",
    "hf.space",
    "medium.com",
    "netlify.app",
    "notion.site",
    "on.aws",
    "onrender.com",
    "pages.dev",
    "pythonanywhere.com",
    "railway.app",
    "readthedocs.io",
    "readthedocs.org",
    "replit.app",
    "replit.dev",
    "run.app",
    "rtfd.io",
    "sourceforge.io",
    "sourceforge.net",
    "streamlit.app",
    "supabase.co",
    "surge.sh",
    "vercel.app",
    "web.app",
    "wordpress.com",
    "workers.dev",
];

/// Hosts of many, where the beginning of the path says whose the place is.
const SHARED: &[(&str, usize)] = &[
    ("aka.ms", 1),
    ("api.github.com", 2),
    ("bit.ly", 1),
    ("bitbucket.org", 1),
    ("codeberg.org", 1),
    ("codecov.io", 2),
    ("codeload.github.com", 1),
    ("discord.com", 2),
    ("discord.gg", 1),
    ("docs.google.com", 3),
    ("drive.google.com", 3),
    ("gist.github.com", 1),
    ("gist.githubusercontent.com", 1),
    ("gitee.com", 1),
    ("github.com", 1),
    ("gitlab.com", 1),
    ("groups.google.com", 2),
    ("hf.co", 1),
    ("huggingface.co", 1),
    ("img.shields.io", 2),
    ("launchpad.net", 1),
    ("linkedin.com", 2),
    ("media.githubusercontent.com", 2),
    ("opencollective.com", 1),
    ("patreon.com", 1),
    ("pepy.tech", 2),
    ("raw.githubusercontent.com", 1),
    ("s3.amazonaws.com", 1),
    ("slack.com", 2),
    ("sourceforge.net", 2),
    ("sr.ht", 2),
    ("storage.googleapis.com", 1),
    ("t.me", 1),
    ("tidelift.com", 3),
    ("travis-ci.org", 1),
    ("travis-ci.com", 2),
    ("twitter.com", 1),
    ("user-images.githubusercontent.com", 1),
    ("www.linkedin.com", 2),
    ("x.com", 1),
    ("youtu.be", 1),
    ("youtube.com", 2),
    ("zenodo.org", 2),
];

/// How many segments of a path say whose it is on an index: `project/acme`.
const INDEX_SEGMENTS: usize = 2;

/// Whose place an address is: `github.com/owner`, `owner.readthedocs.io`, `acme.com`.
pub(crate) fn owner(parts: &Parts<'_>) -> Option<String> {
    if parts.number.is_some() {
        return None;
    }
    let host = parts.host.strip_prefix("www.").unwrap_or(&parts.host);
    if let Some(account) = host.strip_suffix(".github.io") {
        return Some(format!("github.com/{account}"));
    }
    if let Some(account) = host.strip_suffix(".gitlab.io") {
        return Some(format!("gitlab.com/{account}"));
    }
    let index = PYPI_HOSTS.contains(&host).then_some(INDEX_SEGMENTS);
    let shared = SHARED.iter().find(|(shared, _)| *shared == host).map(|(_, n)| *n);
    if let Some(segments) = index.or(shared) {
        let first: Vec<String> = parts
            .path
            .split(['/', '?', '#'])
            .filter(|s| !s.is_empty())
            .take(segments)
            .map(str::to_lowercase)
            .collect();
        if first.len() < segments {
            return None;
        }
        return Some(match host {
            "raw.githubusercontent.com" | "codeload.github.com" => format!("github.com/{}", first.join("/")),
            "api.github.com" => format!("github.com/{}", first.last().map_or("", String::as_str)),
            "hf.co" => format!("huggingface.co/{}", first.join("/")),
            _ => format!("{host}/{}", first.join("/")),
        });
    }
    if TENANTS.iter().any(|t| is_below(host, t)) {
        return Some(host.to_owned());
    }
    Some(domain(host).to_owned())
}

/// The repository that an address names, in lower case: the account and the name.
pub(crate) fn repository(address: &str) -> Option<(String, String)> {
    let parts = parts(address)?;
    let host = parts.host.strip_prefix("www.").unwrap_or(&parts.host);
    if !matches!(
        host,
        "github.com" | "gitlab.com" | "bitbucket.org" | "codeberg.org"
    ) {
        return None;
    }
    let mut segments = parts.path.split(['/', '?', '#']).filter(|s| !s.is_empty());
    let (account, name) = (segments.next()?.to_lowercase(), segments.next()?.to_lowercase());
    let name = name.strip_suffix(".git").unwrap_or(&name).to_owned();
    Some((account, name))
}

/// Whether a host is that one or lies below it.
pub(crate) fn is_below(host: &str, above: &str) -> bool {
    host.strip_suffix(above)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// What was registered of a host: the last two labels, or three below `co.uk` and its like.
pub(crate) fn domain(host: &str) -> &str {
    const SECOND: [&str; 12] = [
        "ac", "co", "com", "edu", "go", "gov", "gob", "mil", "ne", "net", "or", "org",
    ];
    let mut dots = host.rmatch_indices('.').map(|(at, _)| at);
    let Some(last) = dots.next() else { return host };
    let Some(second) = dots.next() else { return host };
    let top = host.get(last.saturating_add(1)..).unwrap_or_default();
    let label = host.get(second.saturating_add(1)..last).unwrap_or_default();
    let cut = if top.len() == 2 && SECOND.contains(&label) {
        match dots.next() {
            Some(third) => third,
            None => return host,
        }
    } else {
        second
    };
    host.get(cut.saturating_add(1)..).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_host_is_found_in_every_form() {
        let shown = |text: &str| match parts(text) {
            Some(p) => format!("{} {} {:?}", p.host, p.path, p.number),
            None => "-".to_owned(),
        };
        for (text, expected) in [
            ("https://API.Acme.example/v1", "api.acme.example /v1 None"),
            ("https://user:pw@acme.example:8443?x", "acme.example ?x None"),
            ("//acme.example/x", "acme.example /x None"),
            ("acme.example/x", "acme.example /x None"),
            ("acme.example.", "acme.example  None"),
            ("https://{x}.oast.example/a", "oast.example /a None"),
            ("https://{host}/a", "-"),
            ("http://203.0.113.9:80/", "203.0.113.9 / Some(203.0.113.9)"),
            ("http://3405803785/", "3405803785 / Some(203.0.113.9)"),
            ("http://0xcb.0.0x7109/", "0xcb.0.0x7109 / Some(203.0.113.9)"),
            ("203.0.113.9", "203.0.113.9  Some(203.0.113.9)"),
            ("1.2", "1.2  None"),
            ("http://[::1]:80/x", "::1 /x Some(::1)"),
            ("http://[::ffff:10.0.0.1]/", "::ffff:10.0.0.1 / Some(10.0.0.1)"),
            ("no host", "-"),
            ("", "-"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn whose_a_place_is_depends_on_the_host() {
        let whose = |text: &str| parts(text).and_then(|p| owner(&p)).unwrap_or_default();
        for (text, expected) in [
            ("https://api.acme.com/v1", "acme.com"),
            ("https://api.acme.co.uk/v1", "acme.co.uk"),
            ("https://github.com/Acme/tool/issues", "github.com/acme"),
            (
                "https://raw.githubusercontent.com/acme/tool/main/x",
                "github.com/acme",
            ),
            ("https://api.github.com/repos/acme/tool", "github.com/acme"),
            ("https://acme.github.io/tool", "github.com/acme"),
            ("https://github.com", ""),
            ("https://acme.readthedocs.io/en", "acme.readthedocs.io"),
            ("https://acme.vercel.app", "acme.vercel.app"),
            ("http://203.0.113.9/", ""),
        ] {
            assert_eq!(whose(text), expected, "{text}");
        }
        assert_eq!(
            repository("https://github.com/Acme/Tool.git"),
            Some(("acme".to_owned(), "tool".to_owned()))
        );
        assert_eq!(repository("https://github.com/sponsors"), None);
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>()) {
            if let Some(p) = parts(&text) {
                let _ = owner(&p);
            }
            let _ = (repository(&text), domain(&text));
        }
    }
}
