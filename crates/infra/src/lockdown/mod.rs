//! Configuration that closes a platform: its own password, the loopback address, and a proxy in front that asks.
//!
//! Most platforms of machine learning ask nobody, and whoever closes one by hand forgets a path, a port or a header. The
//! one decision: everything is made of the product's entry in the catalogue and is text only; nothing is started here, no
//! secret is invented, and what a form cannot close is said in [`Lockdown::gaps`].

mod caddy;
mod compose;
mod door;
mod envoy;
mod istio;
mod kubernetes;
mod nginx;
mod oauth2_proxy;
mod own;
mod page;
mod profile;
mod terraform;
mod text;
mod traefik;

use crate::products::Product;
use door::{Container, Door};
use own::Own;
use profile::Profile;
use std::{fmt, net::SocketAddr};

/// What is to be closed, and how.
#[derive(Clone, Debug)]
pub struct LockdownRequest {
    /// The platform.
    pub product: &'static Product,
    /// What asks in front of it.
    pub front: Front,
    /// Where both run.
    pub ground: Ground,
    /// The image of the product, where it runs in a container.
    pub image: Option<String>,
    /// The address of the identity provider, where the proxy asks one.
    pub issuer: Option<String>,
    /// The name under which people visit it; without one the proxy stays on the loopback address.
    pub name: Option<String>,
    /// Where the product listens; the catalogue's port on the loopback address where it is not said.
    pub upstream: Option<Upstream>,
    /// Where the proxy listens as long as it has no name.
    pub listen: SocketAddr,
    /// Files of the certificate and its key, where the name has one already.
    pub certificate: Option<(String, String)>,
    /// The user who may sign in.
    pub user: String,
    /// Whether only reading is let through.
    pub read_only: bool,
}

/// What asks in front of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    /// Caddy.
    Caddy,
    /// nginx.
    Nginx,
    /// Traefik.
    Traefik,
    /// Envoy.
    Envoy,
    /// oauth2-proxy, with nginx for the paths.
    Oauth2Proxy,
    /// The sidecar of Istio.
    Istio,
}

impl Front {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Caddy,
        Self::Nginx,
        Self::Traefik,
        Self::Envoy,
        Self::Oauth2Proxy,
        Self::Istio,
    ];

    /// Its name as it is typed.
    pub fn id(self) -> &'static str {
        match self {
            Self::Caddy => "caddy",
            Self::Nginx => "nginx",
            Self::Traefik => "traefik",
            Self::Envoy => "envoy",
            Self::Oauth2Proxy => "oauth2-proxy",
            Self::Istio => "istio",
        }
    }

    /// Whether it can stand on that ground.
    pub fn stands_on(self, ground: Ground) -> bool {
        self != Self::Istio || ground == Ground::Kubernetes
    }

    /// Whether an identity provider says who is there, and not a password.
    pub fn asks_a_provider(self) -> bool {
        matches!(self, Self::Oauth2Proxy | Self::Istio)
    }

    /// Its name in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Self::Caddy => "Caddy",
            Self::Nginx => "nginx",
            Self::Traefik => "Traefik",
            Self::Envoy => "Envoy",
            Self::Oauth2Proxy => "oauth2-proxy",
            Self::Istio => "Istio",
        }
    }
}

/// Where a product and its proxy run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// Programs on one host.
    Host,
    /// Containers of one compose file.
    Compose,
    /// Containers of one pod.
    Kubernetes,
    /// Programs on one machine of a cloud, whose firewall is written too.
    Cloud(Provider),
}

impl Ground {
    fn is_containers(self) -> bool {
        matches!(self, Self::Compose | Self::Kubernetes)
    }
}

/// A cloud whose firewalls Terraform makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// Amazon Web Services.
    Aws,
    /// Google Cloud.
    Google,
    /// Microsoft Azure.
    Azure,
}

/// Where a product listens, as the proxy reaches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl Upstream {
    /// Reads `http://HOST:PORT`, `https://HOST:PORT` or `HOST:PORT`.
    ///
    /// # Errors
    /// Where it is none of these: what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (tls, rest) = match text.split_once("://") {
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            Some(_) => return Err("expected `http` or `https`".to_owned()),
            None => (false, text),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let bare = if tls { 443 } else { 80 };
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !host.ends_with(':') && (!host.contains(':') || host.ends_with(']')) => {
                let port = port.parse().ok().filter(|p| *p != 0);
                (host, port.ok_or("expected a port from 1 to 65535")?)
            }
            _ => (rest, bare),
        };
        let address = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let is_address = address.is_some_and(|a| a.parse::<std::net::Ipv6Addr>().is_ok());
        if !is_address && !is_name(host) {
            return Err("expected an address such as `http://127.0.0.1:5000`, without a path".to_owned());
        }
        Ok(Self {
            tls,
            host: host.to_owned(),
            port,
        })
    }

    fn is_loopback(&self) -> bool {
        crate::resource::is_loopback(&self.host)
    }
}

/// Whether a text is a host name that can stand in any of the files as it is.
fn is_name(text: &str) -> bool {
    let label = |l: &str| {
        !l.is_empty()
            && l.len() <= 63
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// The files that close a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lockdown {
    /// What to write; the page that says what to do with the others comes first.
    pub files: Vec<LockdownFile>,
    /// What stays open, or was not looked at, one sentence each.
    pub gaps: Vec<String>,
    /// The file with those who may sign in, below the folder, and how it writes a password.
    pub users: Option<UsersFile>,
    /// The address at which it is visited through the proxy.
    pub site: String,
    /// The address of the product itself, where that is reached from outside its containers.
    pub behind: Option<String>,
}

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockdownFile {
    /// Its path below the folder, parts divided by `/`.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// The file with those who may sign in, which is not written unless somebody asks for a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsersFile {
    /// Its path below the folder.
    pub path: String,
    /// What stands between user and hash: a blank for Caddy, a colon for all that read `htpasswd`.
    pub between: char,
    /// How passwords are written.
    pub hashed: Hashed,
}

/// How a proxy reads a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hashed {
    /// As bcrypt.
    Bcrypt,
    /// As SHA-1 without salt, behind `{SHA}`: good for what nobody could guess, and for nothing else.
    Sha1,
}

/// Why nothing can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockdownError {
    /// The product has no paths that only read.
    NoReadOnly(&'static str),
    /// The proxy would ask for a password over a connection that others can read.
    Unencrypted(SocketAddr),
    /// Not a host name.
    Name,
    /// Not a user's name that every file can hold.
    User,
    /// The path of a certificate that not every file can hold.
    Certificate,
    /// Not the name of an image.
    Image,
    /// Not the address of an identity provider.
    Issuer,
    /// Not a place where that proxy runs.
    Ground(Front),
}

impl fmt::Display for LockdownError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoReadOnly(name) => write!(f, "it is not known which requests to {name} only read"),
            Self::Unencrypted(address) => {
                write!(
                    f,
                    "passwords would cross the network readable for everybody: {address}"
                )
            }
            Self::Name => write!(f, "a host name has letters, digits, `-` and dots"),
            Self::User => write!(f, "a user's name has letters, digits, `-`, `_`, `.` and `@`"),
            Self::Certificate => write!(f, "the path of a certificate has no blanks, quotes or braces"),
            Self::Image => write!(f, "the name of an image has neither blanks nor quotes"),
            Self::Issuer => write!(f, "the address of an identity provider begins with `https://`"),
            Self::Ground(front) => write!(f, "{} runs in a cluster only", front.name()),
        }
    }
}

impl std::error::Error for LockdownError {}

/// All that the generators are made of.
struct Order<'a> {
    request: &'a LockdownRequest,
    profile: Profile,
    own: Own,
    upstream: Upstream,
    door: Door,
    /// The address at which people visit it.
    site: String,
}

impl Order<'_> {
    fn id(&self) -> &'static str {
        self.request.product.id
    }

    /// The product's id as part of a name that has neither dots nor dashes.
    fn word(&self) -> String {
        self.id().replace('-', "_")
    }

    /// The name of the file with those who may sign in.
    fn users(&self) -> String {
        format!("{}.users", self.id())
    }

    /// The name of the file with what the proxy signs in with.
    fn credential(&self) -> String {
        let kind = if self.request.front == Front::Envoy {
            ".yaml"
        } else {
            ""
        };
        format!("{}.credential{kind}", self.id())
    }

    /// What people keep in variables, each once: the product's, and the proxy's.
    fn secrets(&self) -> Vec<String> {
        let mut out = self.own.secrets();
        for name in self.containers().into_iter().flat_map(|c| c.secrets) {
            if !out.contains(&name) {
                out.push(name);
            }
        }
        out
    }

    /// The identity provider.
    fn issuer(&self) -> String {
        self.request
            .issuer
            .clone()
            .unwrap_or_else(|| NO_ISSUER.to_owned())
    }

    /// A file that only people make, as the proxy is told of it.
    fn secret(&self, folder: &str, name: &str) -> String {
        if self.request.ground.is_containers() {
            format!("{SECRETS}/{name}")
        } else {
            format!("{folder}{name}")
        }
    }

    /// Whether the product has to be asked with its own address as `Host`.
    fn asks_own_host(&self) -> bool {
        own::OWN_HOST.contains(&self.id())
    }

    /// The origins of its own pages, as an expression: browsers leave out the port that is usual, and a loopback address is
    /// visited by its name, too.
    fn own_origins(&self) -> String {
        let listen = self.request.listen;
        let (scheme, hosts, port) = match &self.request.name {
            Some(name) => ("https", vec![name.to_ascii_lowercase()], None),
            None => {
                let address = std::net::SocketAddr::new(listen.ip(), 0).to_string();
                let address = address.trim_end_matches(":0").to_owned();
                let port = Some(listen.port()).filter(|p| *p != 80);
                ("http", vec![address, "localhost".to_owned()], port)
            }
        };
        let hosts: Vec<String> = hosts.iter().map(|h| profile::literally(h)).collect();
        let port = port.map(|p| format!(":{p}")).unwrap_or_default();
        format!("{scheme}://({}){port}", hosts.join("|"))
    }

    /// Whether answers and uploads of any length pass.
    fn is_unbounded(&self) -> bool {
        !self.profile.read_only
    }

    /// The image that the product runs in.
    fn image(&self) -> String {
        let request = self.request;
        let usual = || {
            // A star stands for names that only people know.
            let mut named = request.product.images.iter().filter(|i| !i.ends_with('*'));
            format!("{}:{NO_TAG}", named.next().unwrap_or(&request.product.id))
        };
        request.image.clone().unwrap_or_else(usual)
    }

    /// The containers of the proxy.
    fn containers(&self) -> Vec<Container> {
        match self.request.front {
            Front::Caddy => vec![caddy::container(self)],
            Front::Nginx => vec![nginx::container(self)],
            Front::Traefik => vec![traefik::container(self)],
            Front::Envoy => vec![envoy::container(self)],
            Front::Oauth2Proxy => oauth2_proxy::containers(self),
            Front::Istio => Vec::new(),
        }
    }
}

/// Where containers find what only people make: users and credentials.
const SECRETS: &str = "/etc/lockdown";
/// An identity provider that is nobody's, so that whoever leaves it there gets nothing.
const NO_ISSUER: &str = "https://issuer.example";
/// A tag that no image has, so that whoever leaves it there gets nothing.
const NO_TAG: &str = "set-a-version";

/// The port of a product that people visit, where that is not its first one.
const VISITED: &[(&str, u16)] = &[("torchserve", 8080)];

/// Makes the configuration that closes a product.
///
/// # Errors
/// Where it would not close it, or cannot be made: nothing is made then.
pub fn lockdown(request: &LockdownRequest) -> Result<Lockdown, LockdownError> {
    check(request)?;
    let product = request.product;
    let profile = Profile::of(product, request.read_only).ok_or(LockdownError::NoReadOnly(product.name))?;
    let (name, site) = match &request.name {
        Some(name) => (name.clone(), format!("https://{name}")),
        None => (request.listen.to_string(), format!("http://{}", request.listen)),
    };
    let wide = request.ground == Ground::Compose;
    let order = Order {
        own: Own::of(product, &name, &site, wide),
        door: Door::of(request),
        upstream: upstream(request),
        request,
        profile,
        site,
    };
    let gaps = gaps(&order);
    let (mut files, users) = match request.front {
        Front::Caddy => (vec![caddy::file(&order)], Some(caddy::users(&order))),
        Front::Nginx => {
            let files = std::iter::once(nginx::file(&order)).chain(nginx::others(&order));
            (files.collect(), Some(nginx::users(&order)))
        }
        Front::Traefik => (traefik::files(&order), Some(traefik::users(&order))),
        Front::Envoy => (vec![envoy::file(&order)], Some(envoy::users(&order))),
        Front::Oauth2Proxy => (oauth2_proxy::files(&order), None),
        Front::Istio => (Vec::new(), None),
    };
    match request.ground {
        Ground::Host | Ground::Cloud(_) => {
            files.push(page::firewall(&order));
            files.extend(page::environment(&order));
        }
        Ground::Compose => files.extend(compose::files(&order)),
        Ground::Kubernetes => files = kubernetes::files(&order, &files),
    }
    if let Ground::Cloud(cloud) = request.ground {
        files.push(terraform::file(&order, cloud));
    }
    files.insert(0, page::page(&order, &files, users.as_ref(), &gaps));
    let upstream = &order.upstream;
    let scheme = if upstream.tls { "https" } else { "http" };
    Ok(Lockdown {
        files,
        gaps,
        users,
        behind: (!request.ground.is_containers())
            .then(|| format!("{scheme}://{}:{}", upstream.host, upstream.port)),
        site: order.site,
    })
}

fn check(request: &LockdownRequest) -> Result<(), LockdownError> {
    if !request.listen.ip().is_loopback() && request.name.is_none() {
        return Err(LockdownError::Unencrypted(request.listen));
    }
    let is_host = |n: &str| is_name(n) && !n.contains('_');
    if request.name.as_deref().is_some_and(|n| !is_host(n)) {
        return Err(LockdownError::Name);
    }
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.@".contains(&b);
    if request.user.is_empty() || !request.user.bytes().all(is_plain) || request.user.starts_with('-') {
        return Err(LockdownError::User);
    }
    let is_path = |path: &str| {
        let odd = |c: char| c.is_whitespace() || c.is_control() || "\"'`{}$;#\\".contains(c);
        !path.is_empty() && !path.contains(odd)
    };
    let files = request.certificate.as_ref();
    if files.is_some_and(|(c, k)| !is_path(c) || !is_path(k)) {
        return Err(LockdownError::Certificate);
    }
    let is_image = |b: u8| b.is_ascii_alphanumeric() || b"-_.:/@".contains(&b);
    let is_url = |b: u8| b.is_ascii_alphanumeric() || b"-_.:/~".contains(&b);
    if request
        .issuer
        .as_deref()
        .and_then(|i| i.strip_prefix("https://").or(Some("")))
        .is_some_and(|rest| rest.is_empty() || !rest.bytes().all(is_url))
    {
        return Err(LockdownError::Issuer);
    }
    if !request.front.stands_on(request.ground) {
        return Err(LockdownError::Ground(request.front));
    }
    let image = request.image.as_deref();
    if image.is_some_and(|i| i.is_empty() || !i.bytes().all(is_image)) {
        return Err(LockdownError::Image);
    }
    Ok(())
}

/// Where the proxy reaches the product.
fn upstream(request: &LockdownRequest) -> Upstream {
    let product = request.product;
    let visited = VISITED
        .iter()
        .find(|(id, _)| *id == product.id)
        .map(|(_, port)| *port);
    let usual = Upstream {
        tls: false,
        host: "127.0.0.1".to_owned(),
        port: visited.or(product.ports.first().map(|p| p.port)).unwrap_or(80),
    };
    let given = request.upstream.clone();
    match request.ground {
        Ground::Host | Ground::Cloud(_) => given.unwrap_or(usual),
        // Containers of one pod share the loopback address; those of a compose file see each other by name.
        Ground::Kubernetes => Upstream {
            port: given.map_or(usual.port, |u| u.port),
            ..usual
        },
        Ground::Compose => Upstream {
            port: given.map_or(usual.port, |u| u.port),
            host: product.id.to_owned(),
            tls: false,
        },
    }
}

/// What stays open, or was not looked at.
fn gaps(order: &Order<'_>) -> Vec<String> {
    let product = order.request.product;
    let name = product.name;
    let mut out = Vec::new();
    of_front(order, &mut out);
    let others = product.ports.iter().filter(|p| p.port != order.upstream.port);
    match order.request.ground {
        Ground::Host | Ground::Cloud(_) => {
            if !order.upstream.tls && !order.upstream.is_loopback() {
                out.push(format!(
                    "whoever reaches the network between the proxy and {}:{} reads and changes what passes there, and reaches \
                     {name} past the proxy unless a firewall on that host lets only the proxy in",
                    order.upstream.host, order.upstream.port
                ));
            }
            if !order.own.binds {
                out.push(format!(
                    "the catalogue knows no option by which {name} listens on 127.0.0.1 only; the firewall has to keep its ports closed"
                ));
            }
            out.extend(others.map(|other| {
                format!(
                    "port {} ({}) is not led through the proxy; the firewall keeps it to this host",
                    other.port, other.what
                )
            }));
        }
        Ground::Compose => {
            out.push(format!(
                "{name} reaches nothing outside its network, since nothing outside shall reach it: models and data have to lie in a volume"
            ));
            out.extend(others.map(|other| {
                format!(
                    "port {} ({}) is reached by nobody but the proxy's container",
                    other.port, other.what
                )
            }));
        }
        Ground::Kubernetes => {
            if !order.own.binds {
                out.push(format!(
                    "the catalogue knows no option by which {name} listens on 127.0.0.1 only: a network plugin that does not \
                     enforce NetworkPolicy lets every pod of the cluster reach it past the proxy"
                ));
            }
            out.extend(others.map(|other| {
                format!(
                    "port {} ({}) is not led through the proxy; the NetworkPolicy keeps it to this pod",
                    other.port, other.what
                )
            }));
        }
    }
    if !order.own.asks {
        out.push(match order.request.ground {
            Ground::Host | Ground::Cloud(_) => {
                format!("{name} itself asks nobody: every program and every user of its host reaches it past the proxy")
            }
            Ground::Compose => format!(
                "{name} itself asks nobody: every program and every user of that host reaches its container past the proxy (Docker 28 \
                 and newer can keep them out: see the network in `compose.yaml`), and so does whoever may run `docker` there"
            ),
            Ground::Kubernetes => format!(
                "{name} itself asks nobody: whoever may run `kubectl exec` or `kubectl port-forward` in its namespace reaches it past the proxy"
            ),
        });
    }
    out
}

/// What the proxy itself leaves to people.
fn of_front(order: &Order<'_>, out: &mut Vec<String>) {
    let front = order.request.front;
    if front.asks_a_provider() && order.request.issuer.is_none() {
        out.push(format!(
            "the identity provider is not named, so nobody can sign in: `{NO_ISSUER}` stands in its place (`--issuer URL`)"
        ));
    }
    match front {
        Front::Envoy => out.push(
            "Envoy knows SHA-1 without salt only: whoever gets the file finds a password that a person thought of, so let one be made"
                .to_owned(),
        ),
        Front::Istio => {
            out.push(
                "Istio compares refused paths letter by letter; doubled and encoded slashes are for the mesh to refuse: \
                 `meshConfig.pathNormalization.normalization: DECODE_AND_MERGE_SLASHES`"
                    .to_owned(),
            );
            if !order.own.binds {
                out.push("a pod without a sidecar is open to the namespaces that the NetworkPolicy names".to_owned());
            }
        }
        Front::Caddy | Front::Nginx | Front::Traefik | Front::Oauth2Proxy => {}
    }
}
