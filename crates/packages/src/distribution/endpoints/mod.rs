//! Where an address that code speaks to stands to the project whose code it is.
//!
//! A library that speaks to the host of its own home page, or to the service that it is named after, does what it says;
//! one that speaks to a place where anybody can leave data without a name hides who gets them. The one decision: what a
//! place *is* and what the project *claims* of it are two answers, since whoever writes the code writes the metadata too.
//! No claim makes a nameless place an accounted one, but for a library of that very service whose address does not
//! carry somebody's key.

mod address;
mod places;

use address::domain;
pub(crate) use address::repository;

use crate::{CoreMetadata, well_known};
use places::{DROPS, ECHOES, FREE_MAIL, METADATA, SERVICES};
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
};
use wellhead_core::Budget;

/// The kinds of places where anybody can leave or take data without a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropPlace {
    /// It shows whoever made up the address what is sent there.
    Catcher,
    /// A chat that takes messages from whoever has the address.
    Messenger,
    /// Texts of anybody.
    Paste,
    /// Files of anybody.
    Files,
    /// A way into a machine at home.
    Tunnel,
    /// A name that tells who looked it up.
    Callback,
    /// An address that stands for another.
    Shortener,
    /// A name for a machine whose number changes.
    DynamicName,
    /// A hidden service.
    Hidden,
    /// Programs of anybody, for nothing.
    Hosting,
    /// A public address by its number.
    Number,
}

impl DropPlace {
    /// The place in words, as in "sends it to …".
    pub fn words(self) -> &'static str {
        match self {
            Self::Catcher => "a page that catches requests",
            Self::Messenger => "a chat that takes messages from whoever has its address",
            Self::Paste => "a page for texts of anybody",
            Self::Files => "a host for files of anybody",
            Self::Tunnel => "a tunnel to a machine that nobody knows",
            Self::Callback => "a host that tells who looked it up",
            Self::Shortener => "an address that stands for another",
            Self::DynamicName => "a machine whose address changes",
            Self::Hidden => "a hidden service",
            Self::Hosting => "a free host for programs of anybody",
            Self::Number => "an address without a name",
        }
    }

    /// Whether nothing but to receive what strangers send is done there.
    pub fn receives(self) -> bool {
        matches!(self, Self::Catcher | Self::Callback | Self::Tunnel)
    }

    /// The name in machine formats.
    pub fn name(self) -> &'static str {
        match self {
            Self::Catcher => "catcher",
            Self::Messenger => "messenger",
            Self::Paste => "paste",
            Self::Files => "files",
            Self::Tunnel => "tunnel",
            Self::Callback => "callback",
            Self::Shortener => "shortener",
            Self::DynamicName => "dynamic-name",
            Self::Hidden => "hidden",
            Self::Hosting => "hosting",
            Self::Number => "number",
        }
    }
}

/// What a place is, whatever anybody says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The machine itself, or its own network.
    Local,
    /// Where a machine of a cloud gets its credentials.
    CloudMetadata,
    /// Where anybody can leave or take data without a name.
    Drop(DropPlace),
    /// It tells whoever asks his own address.
    Echo,
    /// The public index of packages, or the hub of models.
    Registry,
    /// A host like any other.
    Host,
}

/// What the distribution says of a place, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    /// The service that the distribution is named after.
    NamedAfter(&'static str),
    /// Its home page, another of its addresses or its authors' mail is there.
    Own,
    /// The host has the name of the distribution.
    SameName,
    /// Its description names it.
    Mentioned,
    /// Nothing.
    None,
}

/// An address, as it stands to a distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The host in lower case; hostile text.
    pub host: String,
    /// What it is.
    pub place: Place,
    /// What the distribution says of it.
    pub claim: Claim,
    /// Whether the address itself holds what opens it, such as the token of a bot.
    pub keyed: bool,
}

impl Endpoint {
    /// Whether anybody can leave or take data there without a name, and the distribution is not a library of that very
    /// service that leaves the key to its user.
    pub fn is_nameless(&self) -> bool {
        match (self.place, self.claim) {
            (Place::Drop(_), Claim::NamedAfter(_)) => self.keyed,
            // Whoever hosts his own pages there says so.
            (Place::Drop(DropPlace::Hosting | DropPlace::Shortener), Claim::Own) => false,
            (Place::Drop(_), _) => true,
            _ => false,
        }
    }

    /// Whether what is sent there stays with whom the distribution speaks of.
    pub fn is_accounted(&self) -> bool {
        match self.place {
            Place::Local | Place::Registry => true,
            Place::CloudMetadata | Place::Echo => matches!(self.claim, Claim::NamedAfter(_) | Claim::Own),
            Place::Drop(_) => !self.is_nameless(),
            Place::Host => self.claim != Claim::None,
        }
    }
}

/// What a distribution says of where it belongs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// The words of its name.
    words: BTreeSet<String>,
    /// Its name without separators.
    joined: String,
    /// Whose places its metadata name.
    own: BTreeSet<String>,
    /// Whose places its description names.
    mentioned: BTreeSet<String>,
}

/// How much of a description is looked through, and how many places of it are kept.
const MAX_DESCRIPTION: usize = 256 << 10;
const MAX_PLACES: usize = 512;

impl Provenance {
    /// By the name, the metadata and the description that goes with them.
    pub fn new(name: &str, metadata: Option<&CoreMetadata>, description: &str, budget: &mut Budget) -> Self {
        let name = crate::normalise(name);
        let mut out = Self {
            words: words(&name),
            joined: name.replace('-', ""),
            ..Self::default()
        };
        let description = head(description, MAX_DESCRIPTION);
        if budget.steps(description.len() as u64).is_err() {
            return out;
        }
        if let Some(metadata) = metadata {
            for url in metadata.addresses() {
                out.own.extend(whose(url));
            }
            for mail in metadata.mails() {
                out.own.extend(mail_domain(mail));
            }
        }
        out.mentioned
            .extend(addresses(description).take(MAX_PLACES).filter_map(whose));
        out
    }

    /// How an address or a host stands to the distribution; `None` where no host can be told.
    pub fn endpoint(&self, address: &str) -> Option<Endpoint> {
        let parts = address::parts(address)?;
        let place = match parts.number {
            Some(number) => of_number(number),
            None => of_host(&parts.host, parts.path),
        };
        let claim = match parts.number {
            // A number is nobody's, whoever names it.
            Some(_) => Claim::None,
            None => self.claim(&parts),
        };
        Some(Endpoint {
            keyed: is_keyed(&parts.host, parts.path),
            host: parts.host,
            place,
            claim,
        })
    }

    fn claim(&self, parts: &address::Parts<'_>) -> Claim {
        if let Some(service) = self.service(&parts.host) {
            return Claim::NamedAfter(service);
        }
        let owner = address::owner(parts);
        if owner.as_ref().is_some_and(|o| self.own.contains(o)) {
            return Claim::Own;
        }
        if self.has_name(&parts.host, owner.as_deref()) {
            return Claim::SameName;
        }
        match owner.is_some_and(|o| self.mentioned.contains(&o)) {
            true => Claim::Mentioned,
            false => Claim::None,
        }
    }

    /// The service of that host, if the distribution is named after it.
    fn service(&self, host: &str) -> Option<&'static str> {
        let hubs =
            well_known::HUB_HOSTS.contains(&host) && self.is_named(&["huggingface", "hf", "transformers"]);
        let index = well_known::PYPI_HOSTS.contains(&host) && self.is_named(&["pypi", "pip", "twine"]);
        if hubs || index {
            return Some(if hubs { "huggingface" } else { "pypi" });
        }
        let (named, _) = SERVICES.iter().find(|(named, hosts)| {
            hosts.iter().any(|h| address::is_below(host, h)) && self.is_named(named)
        })?;
        named.first().copied()
    }

    fn is_named(&self, words: &[&str]) -> bool {
        words.iter().any(|w| self.words.contains(*w))
    }

    /// Whether the host was registered under the name of the distribution.
    fn has_name(&self, host: &str, owner: Option<&str>) -> bool {
        const SHORTEST: usize = 4;
        // The account of a host of many is anybody's who took the name.
        if owner.is_some_and(|o| o.contains('/')) || self.joined.len() < SHORTEST {
            return false;
        }
        let label = domain(host)
            .split('.')
            .next()
            .unwrap_or_default()
            .replace('-', "");
        label == self.joined
    }
}

/// What a place is by its address alone.
pub fn place(address: &str) -> Option<Place> {
    let parts = address::parts(address)?;
    Some(match parts.number {
        Some(number) => of_number(number),
        None => of_host(&parts.host, parts.path),
    })
}

/// Whether a text names a place that takes what anybody sends and tells whoever set it up, with or without a scheme: a
/// page that catches requests, a host that tells who looked it up, a way into a machine at home.
pub fn names_receiver(text: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '-';
    DROPS.iter().filter(|known| known.drop.receives()).any(|known| {
        text.match_indices(known.host).any(|(at, found)| {
            let before = text.get(..at).and_then(|t| t.chars().next_back());
            let after = text
                .get(at.saturating_add(found.len())..)
                .and_then(|t| t.chars().next());
            !before.is_some_and(inside) && !after.is_some_and(|c| inside(c) || c == '_')
        })
    })
}

/// The addresses with a scheme in a text, each to the end of its word.
pub fn addresses(text: &str) -> impl Iterator<Item = &str> {
    const LONGEST: usize = 2_048;
    let ends =
        |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`' | ')' | ']' | ',' | '\\');
    let mut behind = 0_usize;
    text.match_indices("://").filter_map(move |(at, _)| {
        if at < behind {
            return None;
        }
        let before = text.get(behind..at)?;
        let scheme = before
            .bytes()
            .rev()
            .take(8)
            .take_while(u8::is_ascii_alphabetic)
            .count();
        let from = at.saturating_sub(scheme);
        let rest = head(text.get(from..)?, LONGEST);
        let end = rest.find(ends).unwrap_or(rest.len());
        behind = from.saturating_add(end).max(at.saturating_add(3));
        rest.get(..end)
    })
}

fn head(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

fn whose(address: &str) -> Option<String> {
    let parts = address::parts(address)?;
    address::owner(&parts)
}

/// The domain of an address of mail, where it says something of its owner.
fn mail_domain(mail: &str) -> Option<String> {
    let (_, host) = mail.trim().rsplit_once('@')?;
    let host = host
        .trim_matches(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-')))
        .to_lowercase();
    let is_free = FREE_MAIL.iter().any(|f| address::is_below(&host, f));
    (host.contains('.') && !is_free).then(|| domain(&host).to_owned())
}

/// The words of a name, and the same without what is customarily put round the name of a service.
fn words(name: &str) -> BTreeSet<String> {
    const AFFIXES: [&str; 14] = [
        "python", "async", "aio", "api", "sdk", "bot", "client", "webhook", "webhooks", "hub", "lib", "ai",
        "py", "db",
    ];
    let mut out = BTreeSet::new();
    for word in name.split('-').filter(|w| !w.is_empty()).take(16) {
        for affix in AFFIXES {
            for rest in [word.strip_prefix(affix), word.strip_suffix(affix)] {
                out.extend(rest.filter(|r| r.len() >= 3).map(str::to_owned));
            }
        }
        out.insert(word.to_owned());
    }
    out
}

/// Public servers of names.
const NAME_SERVERS: [Ipv4Addr; 5] = [
    Ipv4Addr::new(8, 8, 8, 8),
    Ipv4Addr::new(8, 8, 4, 4),
    Ipv4Addr::new(1, 1, 1, 1),
    Ipv4Addr::new(1, 0, 0, 1),
    Ipv4Addr::new(9, 9, 9, 9),
];

fn of_number(number: IpAddr) -> Place {
    const CREDENTIALS: [Ipv4Addr; 4] = [
        Ipv4Addr::new(169, 254, 169, 254),
        Ipv4Addr::new(169, 254, 170, 2),
        Ipv4Addr::new(100, 100, 100, 200),
        Ipv4Addr::new(168, 63, 129, 16),
    ];
    match number {
        IpAddr::V4(four) if CREDENTIALS.contains(&four) => Place::CloudMetadata,
        // Programs ask the public name servers for their own sake.
        IpAddr::V4(four) if NAME_SERVERS.contains(&four) => Place::Host,
        IpAddr::V4(four) => {
            let shared = matches!(four.octets(), [100, 64..=127, _, _]);
            let local = four.is_loopback()
                || four.is_private()
                || four.is_link_local()
                || four.is_unspecified()
                || four.is_broadcast()
                || four.is_multicast()
                || shared;
            if local {
                Place::Local
            } else {
                Place::Drop(DropPlace::Number)
            }
        }
        IpAddr::V6(six) => match six.segments() {
            [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254] => Place::CloudMetadata,
            [0xfc00..=0xfdff | 0xfe80..=0xfebf | 0xff00..=0xffff, ..] => Place::Local,
            _ if six.is_loopback() || six.is_unspecified() => Place::Local,
            _ => Place::Drop(DropPlace::Number),
        },
    }
}

fn of_host(host: &str, path: &str) -> Place {
    if METADATA.contains(&host) {
        return Place::CloudMetadata;
    }
    let local = [
        "localhost",
        "local",
        "internal",
        "lan",
        "home.arpa",
        "localdomain",
    ];
    if !host.contains('.') || local.iter().any(|l| address::is_below(host, l)) {
        return Place::Local;
    }
    if let Some(known) = DROPS
        .iter()
        .find(|k| address::is_below(host, k.host) && (k.path.is_empty() || path.contains(k.path)))
    {
        return Place::Drop(known.drop);
    }
    if ECHOES.iter().any(|e| address::is_below(host, e)) {
        return Place::Echo;
    }
    let registry = well_known::PYPI_HOSTS.contains(&host) || well_known::HUB_HOSTS.contains(&host);
    if registry { Place::Registry } else { Place::Host }
}

/// Whether the address holds the key to a chat, so that it is somebody's and not its user's.
fn is_keyed(host: &str, path: &str) -> bool {
    let long = |text: &str, least: usize| {
        text.len() >= least
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    };
    if address::is_below(host, "telegram.org") {
        // `/bot123456789:AAE…/sendMessage`
        return path
            .split('/')
            .filter_map(|s| s.strip_prefix("bot"))
            .filter_map(|s| s.split_once(':'))
            .any(|(id, key)| id.len() >= 6 && id.bytes().all(|b| b.is_ascii_digit()) && long(key, 20));
    }
    if address::is_below(host, "discord.com") || address::is_below(host, "discordapp.com") {
        let behind = path.split_once("/webhooks/").map_or("", |(_, rest)| rest);
        let mut segments = behind.split(['/', '?']);
        let id = segments.next().unwrap_or_default();
        let key = segments.next().unwrap_or_default();
        return id.len() >= 15 && id.bytes().all(|b| b.is_ascii_digit()) && long(key, 30);
    }
    if host == "hooks.slack.com" {
        return path.split('/').filter(|s| long(s, 9)).count() >= 2;
    }
    ["key=", "access_token=", "token="]
        .iter()
        .filter_map(|k| path.split_once(k))
        .any(|(_, value)| long(value.split('&').next().unwrap_or_default(), 16))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const META: &str = "Metadata-Version: 2.1\nName: acme-kit\nVersion: 1\nHome-page: https://github.com/acme/kit\n\
        Project-URL: Docs, https://docs.acme-cloud.com/kit\nAuthor-email: Ann <ann@acme.co.uk>, bob@gmail.com\n\n\
        # acme-kit\n\nSpeaks to https://api.partner.com/v1, see [x](https://webhook.site/demo).\n";

    fn of(name: &str, text: &str) -> Provenance {
        let metadata = crate::read_metadata(text, &mut Budget::default());
        let body = text.get(metadata.body.clone()).unwrap();
        Provenance::new(name, Some(&metadata), body, &mut Budget::default())
    }

    #[test]
    fn a_place_is_what_it_is() {
        use DropPlace as D;
        for (text, expected) in [
            ("https://webhook.site/1-2", Some(Place::Drop(D::Catcher))),
            (
                "https://discord.com/api/webhooks/1/x",
                Some(Place::Drop(D::Messenger)),
            ),
            (
                "https://ptb.discord.com/api/v9/webhooks/1/x",
                Some(Place::Drop(D::Messenger)),
            ),
            ("https://discord.com/invite/x", Some(Place::Host)),
            (
                "https://api.telegram.org/bot{}/sendMessage",
                Some(Place::Drop(D::Messenger)),
            ),
            ("{}.x.oast.fun", Some(Place::Drop(D::Callback))),
            ("https://a1.ngrok-free.app", Some(Place::Drop(D::Tunnel))),
            ("http://abc.onion/x", Some(Place::Drop(D::Hidden))),
            ("http://203.0.113.9:8080/x", Some(Place::Drop(D::Number))),
            ("http://3405803785/x", Some(Place::Drop(D::Number))),
            ("http://127.0.0.1:8000", Some(Place::Local)),
            ("http://0x7f.1/", Some(Place::Local)),
            ("http://192.168.1.4/x", Some(Place::Local)),
            ("http://redis:6379", Some(Place::Local)),
            (
                "http://169.254.169.254/latest/meta-data",
                Some(Place::CloudMetadata),
            ),
            ("https://api.ipify.org?format=json", Some(Place::Echo)),
            ("https://notwebhook.site.example/", Some(Place::Host)),
            ("https://api.example/v1", Some(Place::Host)),
            ("nothing", None),
        ] {
            assert_eq!(place(text), expected, "{text}");
        }
    }

    #[test]
    fn a_project_is_believed_about_its_own_hosts_and_about_no_nameless_place() {
        let p = of("acme-kit", META);
        for (address, claim, accounted) in [
            ("https://docs.acme-cloud.com/x", Claim::Own, true),
            ("https://api.acme-cloud.com/upload", Claim::Own, true),
            ("https://api.acme.co.uk/", Claim::Own, true),
            (
                "https://raw.githubusercontent.com/acme/other/main/x",
                Claim::Own,
                true,
            ),
            ("https://acme.github.io/", Claim::Own, true),
            ("https://api.github.com/repos/acme/kit/releases", Claim::Own, true),
            ("https://github.com/evil/kit", Claim::None, false),
            ("https://acme-kit.io/", Claim::SameName, true),
            ("https://api.partner.com/v2", Claim::Mentioned, true),
            ("https://webhook.site/demo", Claim::Mentioned, false),
            ("https://gmail.com", Claim::None, false),
            ("https://collector.example/x", Claim::None, false),
            ("http://203.0.113.9/", Claim::None, false),
        ] {
            let e = p.endpoint(address).unwrap();
            assert_eq!((e.claim, e.is_accounted()), (claim, accounted), "{address}");
        }
    }

    #[test]
    fn a_library_of_a_service_may_speak_to_it_but_not_with_a_key_of_its_own() {
        let bare = |name: &str| of(name, "Name: x\nVersion: 1\n\n");
        let token = "https://api.telegram.org/bot123456789:AAExxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx/sendMessage";
        let hook = "https://discord.com/api/webhooks/123456789012345678/abcdefghijklmnopqrstuvwxyz0123456789";
        for (name, address, nameless) in [
            ("python-telegram-bot", "https://api.telegram.org/bot", false),
            ("pytelegrambotapi", "https://api.telegram.org/bot{0}/{1}", true),
            ("telegram", token, true),
            ("discord-webhook", "https://discord.com/api/webhooks/", false),
            ("discord-webhook", hook, true),
            ("requests-fast", "https://api.telegram.org/bot", true),
            ("gofile-client", "https://store1.gofile.io/upload", false),
            ("pyngrok", "https://x.ngrok.io", false),
            ("anything", "https://acme.vercel.app", true),
        ] {
            assert_eq!(
                bare(name).endpoint(address).unwrap().is_nameless(),
                nameless,
                "{name} {address}"
            );
        }
        let hosted = of("x", "Name: x\nVersion: 1\nHome-page: https://acme.vercel.app\n\n");
        assert!(
            !hosted
                .endpoint("https://acme.vercel.app/api")
                .unwrap()
                .is_nameless()
        );
        assert!(
            hosted
                .endpoint("https://evil.vercel.app/api")
                .unwrap()
                .is_nameless()
        );
    }

    #[test]
    fn addresses_are_found_in_text() {
        let text = "see (https://a.example/x) and xhttp://b.example\n://c.example 'ftp://d.example',";
        let all: Vec<&str> = addresses(text).collect();
        assert_eq!(
            all,
            [
                "https://a.example/x",
                "xhttp://b.example",
                "://c.example",
                "ftp://d.example"
            ]
        );
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>(), path in "[a-z0-9:/?=&._{}%-]{0,80}") {
            let p = of("acme", &format!("Name: {text}\nHome-page: {text}\nAuthor-email: {text}\n\n{text}"));
            let _ = (p.endpoint(&text), place(&text), addresses(&text).count());
            let _ = p.endpoint(&format!("https://discord.com/{path}"));
            let _ = p.endpoint(&path);
        }
    }
}
