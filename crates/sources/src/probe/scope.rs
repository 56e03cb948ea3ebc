//! Which addresses may be asked.
//!
//! Networks that only their owner can reach are admitted because somebody named them; anything that is routed on the
//! internet is admitted by a signed statement of whose it is, and by nothing else. Some addresses nobody may ask, whatever
//! is signed: those that stand for many hosts, and those where a cloud hands out credentials.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    ops::RangeInclusive,
};
use wellhead_core::{Budget, code};
use wellhead_formats::text::{self, Node};

/// So many addresses may be asked in one run: as many as a /16 has.
pub const MOST_ADDRESSES: u128 = 1 << 16;

/// Where clouds hand out the credentials of a machine to whoever asks.
///
/// Those that are link-local (`169.254.169.254` of most, `169.254.170.2` and `.23` of Amazon, `169.254.0.23` of Tencent) are
/// refused with all that is.
const METADATA: [IpAddr; 6] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe)),
];

const LINK: &str = "a link-local address, where clouds hand out credentials";

/// What may be asked.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    signed: Option<SignedScope>,
}

/// What an owner lets be asked, as it stands in a scope file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedScope {
    /// Who says so.
    pub owner: String,
    /// What they own.
    pub networks: Vec<Cidr>,
    /// The ports that may be asked there; empty for all.
    pub ports: Vec<RangeInclusive<u16>>,
    /// The last day on which it holds, `2026-12-31`.
    pub valid_until: String,
}

/// An address that may be asked: only a [`Scope`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Admitted(SocketAddr);

impl Admitted {
    /// The address and the port.
    pub fn address(self) -> SocketAddr {
        self.0
    }
}

/// Why an address may not be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody may ask it.
    Never {
        /// The address.
        address: IpAddr,
        /// What it is.
        what: &'static str,
    },
    /// It is routed on the internet, and no signed scope file names it.
    Public {
        /// The address.
        address: IpAddr,
    },
    /// The signed scope file names it, but not this port.
    Port {
        /// The address and the port.
        address: SocketAddr,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never { address, what } => write!(f, "{address} is never asked: it is {what}"),
            Self::Public { address } => write!(
                f,
                "{address} is a public address, and is only asked with a signed scope file that names it"
            ),
            Self::Port { address } => {
                write!(
                    f,
                    "the scope file names {}, but not its port {}",
                    address.ip(),
                    address.port()
                )
            }
        }
    }
}

/// What an address is, as far as asking goes.
enum Class {
    Never(&'static str),
    Local,
    Public,
}

/// The address that a packet would go to: an IPv4 address inside an IPv6 one is that address.
fn plain(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return v4.into();
    }
    // NAT64 (RFC 6052): the last four bytes are where the translator sends it.
    match v6.octets() {
        [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] => Ipv4Addr::new(a, b, c, d).into(),
        _ => address,
    }
}

fn class(address: IpAddr) -> Class {
    if METADATA.contains(&address) {
        return Class::Never("where a cloud hands out credentials");
    }
    match address {
        IpAddr::V4(v4) => match v4.octets() {
            [0, ..] => Class::Never("no address of a host"),
            [224..=239, ..] => Class::Never("a multicast address"),
            [255, 255, 255, 255] => Class::Never("the broadcast address"),
            [240..=255, ..] => Class::Never("a reserved address"),
            _ if v4.is_link_local() => Class::Never(LINK),
            _ if v4.is_loopback() || v4.is_private() => Class::Local,
            _ => Class::Public,
        },
        IpAddr::V6(v6) if v6.is_unspecified() => Class::Never("no address of a host"),
        IpAddr::V6(v6) if v6.is_multicast() => Class::Never("a multicast address"),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Class::Never(LINK),
        // 6to4 (RFC 7526) and translators of one's own (RFC 8215): where a packet ends is not to be seen.
        IpAddr::V6(v6) if matches!(v6.segments(), [0x2002, ..] | [0x64, 0xff9b, 1, ..]) => {
            Class::Never("an address that stands for another")
        }
        IpAddr::V6(v6) if v6.is_loopback() || v6.is_unique_local() => Class::Local,
        IpAddr::V6(_) => Class::Public,
    }
}

impl Scope {
    /// Loopback and private addresses.
    pub fn local() -> Self {
        Self::default()
    }

    /// Those, and what an owner has signed for. Whoever calls this has verified the signature.
    pub fn signed(scope: SignedScope) -> Self {
        Self { signed: Some(scope) }
    }

    /// What was signed.
    pub fn statement(&self) -> Option<&SignedScope> {
        self.signed.as_ref()
    }

    /// Whether anything may be asked at an address.
    ///
    /// # Errors
    /// Where nothing may.
    pub fn may_ask(&self, address: IpAddr) -> Result<(), Refusal> {
        match self.admit(SocketAddr::new(address, 0)) {
            Err(refusal @ (Refusal::Never { .. } | Refusal::Public { .. })) => Err(refusal),
            _ => Ok(()),
        }
    }

    /// Admits an address, or says why not.
    ///
    /// # Errors
    /// Where it may not be asked.
    pub fn admit(&self, address: SocketAddr) -> Result<Admitted, Refusal> {
        let ip = plain(address.ip());
        let address = SocketAddr::new(ip, address.port());
        match class(ip) {
            Class::Never(what) => Err(Refusal::Never { address: ip, what }),
            Class::Local => Ok(Admitted(address)),
            Class::Public => {
                let named = |s: &&SignedScope| s.networks.iter().any(|n| n.contains(ip));
                match self.signed.as_ref().filter(named) {
                    None => Err(Refusal::Public { address: ip }),
                    Some(s)
                        if !s.ports.is_empty() && !s.ports.iter().any(|r| r.contains(&address.port())) =>
                    {
                        Err(Refusal::Port { address })
                    }
                    Some(_) => Ok(Admitted(address)),
                }
            }
        }
    }
}

impl SignedScope {
    /// Reads a scope file. `today` is the day of the run.
    ///
    /// # Errors
    /// Where it is none, is incomplete, or holds no longer.
    pub fn parse(text: &str, today: &str) -> Result<Self, String> {
        let root = text::toml(text, &mut Budget::default()).map_err(|e| format!("it is not TOML: {e}"))?;
        const KEYS: [&str; 4] = ["owner", "networks", "ports", "valid-until"];
        // What a person signed must not hold more than is understood of it.
        if let Some(other) = root.entries().iter().find(|e| !KEYS.contains(&e.key.as_str())) {
            return Err(format!("it has a key that means nothing: {}", code(&other.key)));
        }
        let said = |key: &str| {
            root.get(key)
                .and_then(Node::as_str)
                .filter(|t| !t.trim().is_empty())
        };
        let missing = |key: &str| format!("{} is missing", code(key));
        let owner = said("owner").ok_or_else(|| missing("owner"))?.to_owned();
        let valid_until = said("valid-until")
            .ok_or_else(|| format!("{}, a day such as \"2026-12-31\"", missing("valid-until")))?;
        if !is_day(valid_until) {
            return Err(format!("{} is no day such as \"2026-12-31\"", code(valid_until)));
        }
        if valid_until < today {
            return Err(format!("it was valid until {valid_until}"));
        }
        let list = root.get("networks").map(Node::items).unwrap_or_default();
        let networks: Vec<Cidr> = list
            .iter()
            .map(|n| Cidr::parse(n.as_str().unwrap_or_default()))
            .collect::<Result<_, _>>()?;
        if networks.is_empty() {
            return Err(missing("networks"));
        }
        let ports = match root.get("ports") {
            None => Vec::new(),
            Some(node) => {
                let ports: Option<Vec<_>> = node.items().iter().map(port_range).collect();
                ports.filter(|p| !p.is_empty()).ok_or_else(|| {
                    format!(
                        "{} is a list of ports and of ranges such as \"8000-8999\"",
                        code("ports")
                    )
                })?
            }
        };
        Ok(Self {
            owner,
            networks,
            ports,
            valid_until: valid_until.to_owned(),
        })
    }
}

/// `2026-12-31`.
fn is_day(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 10
        && bytes.iter().enumerate().all(|(i, b)| match i {
            4 | 7 => *b == b'-',
            _ => b.is_ascii_digit(),
        })
}

fn port_range(node: &Node) -> Option<RangeInclusive<u16>> {
    if let Some(one) = node.as_i64() {
        let one = u16::try_from(one).ok().filter(|p| *p > 0)?;
        return Some(one..=one);
    }
    let text = node.as_str()?;
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let (from, to) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
    (from > 0 && from <= to).then_some(from..=to)
}

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cidr {
    first: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// Reads `10.0.0.0/28`, `fd00::/120`, or one address.
    ///
    /// # Errors
    /// Where it is no range of addresses.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{} is no network such as `10.0.0.0/24`", code(text));
        let (address, prefix) = match text.trim().split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.trim_matches(['[', ']']).parse().map_err(|_| wrong())?;
        let bits = width(address);
        let prefix = match prefix {
            None => bits,
            Some(p) if p.bytes().all(|b| b.is_ascii_digit()) => {
                p.parse().ok().filter(|p| *p <= bits).ok_or_else(wrong)?
            }
            Some(_) => return Err(wrong()),
        };
        let mask = u128::MAX
            .checked_shl(u32::from(bits.saturating_sub(prefix)))
            .unwrap_or(0);
        let first = from_number(number(address) & mask, address.is_ipv4());
        Ok(Self { first, prefix })
    }

    /// One address.
    pub fn one(address: IpAddr) -> Self {
        Self {
            first: address,
            prefix: width(address),
        }
    }

    /// How many addresses it has.
    pub fn size(&self) -> u128 {
        let free = width(self.first).saturating_sub(self.prefix);
        1_u128.checked_shl(u32::from(free)).unwrap_or(u128::MAX)
    }

    /// Whether an address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let distance = number(address).checked_sub(number(self.first));
        address.is_ipv4() == self.first.is_ipv4() && distance.is_some_and(|d| d < self.size())
    }

    /// The address at that place; past the end it is the last one.
    pub fn nth(&self, n: u128) -> IpAddr {
        let n = n.min(self.size().saturating_sub(1));
        from_number(number(self.first).saturating_add(n), self.first.is_ipv4())
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.prefix == width(self.first) {
            return write!(f, "{}", self.first);
        }
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

fn from_number(number: u128, is_v4: bool) -> IpAddr {
    match u32::try_from(number).ok().filter(|_| is_v4) {
        Some(v4) => IpAddr::V4(v4.into()),
        None => IpAddr::V6(number.into()),
    }
}
