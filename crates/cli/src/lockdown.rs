//! `wellhead lockdown`: the files that close a platform.

use crate::{Exit, args::Global, environment::Environment, failure::Failure, live::open_log, output};
use base64::Engine as _;
use clap::{Args, ValueEnum, ValueHint, builder::PossibleValuesParser};
use sha1::{Digest as _, Sha1};
use std::{
    fmt::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};
use wellhead_core::{code, escape};
use wellhead_engine::{Standing, stands};
use wellhead_infra::{
    Front, Ground, Hashed, Lockdown as Closed, LockdownError, LockdownFile, LockdownRequest, PRODUCTS,
    Product, Provider, State, Upstream,
};
use wellhead_sources::probe::{Prober, ProberOptions, Scheme, Scope, ServicePlace};

#[derive(Debug, Args)]
#[command(after_help = "Exit codes:
  0  the files were written; with `--prove`, strangers get nothing
  1  with `--prove`: a stranger gets something through the proxy
  2  could not run: usage, a file is there already, it would not close
  3  with `--prove`: the proxy does not answer or asks nobody, so nothing is proved")]
pub(crate) struct Lockdown {
    /// The platform, for example `mlflow`
    #[arg(value_name = "PRODUCT", value_parser = products(), hide_possible_values = true, required_unless_present = "list")]
    pub(crate) product: Option<String>,
    /// What asks for the password in front of it
    #[arg(long, value_name = "PROXY", default_value = "caddy")]
    pub(crate) proxy: Proxy,
    /// Write a compose file: the proxy is the only way to the platform's network
    #[arg(long, group = "ground", conflicts_with = "upstream")]
    pub(crate) compose: bool,
    /// Write manifests of Kubernetes: a pod with both, and a NetworkPolicy
    #[arg(long, group = "ground", conflicts_with = "upstream")]
    pub(crate) k8s: bool,
    /// Write the firewall of a cloud around the machine, too [default: aws]
    #[arg(long, value_name = "CLOUD", num_args = 0..=1, require_equals = true, default_missing_value = "aws", group = "ground")]
    pub(crate) terraform: Option<Cloud>,
    /// The image of the platform with its digest, for `--compose` and `--k8s`
    #[arg(long, value_name = "IMAGE", conflicts_with = "terraform")]
    pub(crate) image: Option<String>,
    /// The identity provider, for `oauth2-proxy` and `istio`
    #[arg(long, value_name = "URL")]
    pub(crate) issuer: Option<String>,
    /// The name under which people visit it; without one only this machine reaches it
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Option<String>,
    /// Where it listens [default: its usual port on 127.0.0.1]
    #[arg(long, value_name = "URL", value_parser = Upstream::parse)]
    pub(crate) upstream: Option<Upstream>,
    /// Where the proxy listens as long as it has no name; an address of this machine alone
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8480")]
    pub(crate) listen: SocketAddr,
    /// The file with the certificate for the name
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires_all = ["key", "host"])]
    pub(crate) cert: Option<String>,
    /// The file with its key
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "cert")]
    pub(crate) key: Option<String>,
    /// The user who may sign in
    #[arg(long, value_name = "NAME", default_value = "admin")]
    pub(crate) user: String,
    /// Make a password for that user, show it once, and write its hash
    #[arg(long, conflicts_with = "prove")]
    pub(crate) generate_password: bool,
    /// Let nothing through but requests that only read
    #[arg(long)]
    pub(crate) read_only: bool,
    /// The folder to write to; `-` prints all files [default: lockdown-PRODUCT]
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) out: Option<PathBuf>,
    /// Write over files that are there
    #[arg(long)]
    pub(crate) force: bool,
    /// Write nothing; ask the platform and the proxy in front of it as a stranger, and say what they give away
    #[arg(long, conflicts_with_all = ["out", "force"])]
    pub(crate) prove: bool,
    /// With `--prove`: write a line here before each request [default: requests.jsonl in the data directory]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "prove")]
    pub(crate) log: Option<PathBuf>,
    /// List the platforms
    #[arg(long, exclusive = true)]
    pub(crate) list: bool,
}

/// What asks in front of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Proxy {
    /// Caddy, which gets its certificates itself
    Caddy,
    /// nginx
    Nginx,
    /// Traefik
    Traefik,
    /// Envoy
    Envoy,
    /// oauth2-proxy, which asks an identity provider
    #[value(name = "oauth2-proxy")]
    Oauth2,
    /// The sidecars of Istio, with tokens of an identity provider
    Istio,
}

impl Proxy {
    fn front(self) -> Front {
        match self {
            Self::Caddy => Front::Caddy,
            Self::Nginx => Front::Nginx,
            Self::Traefik => Front::Traefik,
            Self::Envoy => Front::Envoy,
            Self::Oauth2 => Front::Oauth2Proxy,
            Self::Istio => Front::Istio,
        }
    }
}

/// Whose firewall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Cloud {
    /// A security group of AWS
    Aws,
    /// Firewall rules of Google Cloud
    Google,
    /// A network security group of Azure
    Azure,
}

impl Cloud {
    fn provider(self) -> Provider {
        match self {
            Self::Aws => Provider::Aws,
            Self::Google => Provider::Google,
            Self::Azure => Provider::Azure,
        }
    }
}

impl Lockdown {
    fn ground(&self) -> Ground {
        match self.terraform {
            _ if self.compose => Ground::Compose,
            _ if self.k8s => Ground::Kubernetes,
            Some(cloud) => Ground::Cloud(cloud.provider()),
            None if self.proxy == Proxy::Istio => Ground::Kubernetes,
            None => Ground::Host,
        }
    }
}

fn products() -> PossibleValuesParser {
    PossibleValuesParser::new(PRODUCTS.iter().map(|p| p.id))
}

pub(crate) fn run(args: &Lockdown, global: &Global, environment: &Environment) -> Result<Exit, Failure> {
    let named = args.product.as_deref();
    let Some(product) = named.and_then(|id| PRODUCTS.iter().find(|p| p.id == id)) else {
        let lines: String = PRODUCTS
            .iter()
            .map(|p| format!("{:<24}{}\n", p.id, p.name))
            .collect();
        return output::to_stdout(lines.as_bytes());
    };
    let mut closed = wellhead_infra::lockdown(&LockdownRequest {
        product,
        front: args.proxy.front(),
        ground: args.ground(),
        image: args.image.clone(),
        issuer: args.issuer.clone(),
        name: args.host.clone(),
        upstream: args.upstream.clone(),
        listen: args.listen,
        certificate: args.cert.clone().zip(args.key.clone()),
        user: args.user.clone(),
        read_only: args.read_only,
    })
    .map_err(failure)?;
    if args.prove {
        return prove(product, &closed, args, environment);
    }
    let password = if args.generate_password {
        Some(generated(&mut closed, &args.user)?)
    } else {
        None
    };
    let folder = args
        .out
        .clone()
        .unwrap_or_else(|| format!("lockdown-{}", product.id).into());
    let exit = if folder.as_os_str() == "-" {
        output::to_stdout(all(&closed).as_bytes())?
    } else {
        write(&closed, &folder, args.force)?;
        if !global.quiet {
            output::to_stderr(&summary(&closed, &folder));
        }
        Exit::Passed
    };
    // Nobody can be shown it again, so that no option leaves it out.
    if let Some(password) = password {
        output::to_stderr(&format!(
            "\nThe password of {}, shown once: {password}\n",
            args.user
        ));
    }
    Ok(exit)
}

/// So many random bytes are a password, which needs no slow function then.
const RANDOM: usize = 24;
/// Proxies compute it for each request.
const BCRYPT_COST: u32 = 6;

/// Makes a password and adds the file with its hash.
fn generated(closed: &mut Closed, user: &str) -> Result<String, Failure> {
    let Some(users) = &closed.users else {
        return Err(
            Failure::new("an identity provider says who is there, so there is no password to make")
                .hint("leave `--generate-password` out"),
        );
    };
    let mut bytes = [0_u8; RANDOM];
    getrandom::fill(&mut bytes).map_err(|_| Failure::new("the system has no randomness"))?;
    let password = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    let hash = match users.hashed {
        Hashed::Bcrypt => bcrypt::hash_with_result(&password, BCRYPT_COST)
            .map_err(Failure::new)?
            .format_for_version(bcrypt::Version::TwoY),
        Hashed::Sha1 => {
            let digest = Sha1::digest(password.as_bytes());
            format!(
                "{{SHA}}{}",
                base64::engine::general_purpose::STANDARD.encode(digest)
            )
        }
    };
    closed.files.push(LockdownFile {
        path: users.path.clone(),
        text: format!("{user}{}{hash}\n", users.between),
    });
    Ok(password)
}

/// Asks both addresses, and says what strangers get there.
fn prove(
    product: &'static Product,
    closed: &Closed,
    args: &Lockdown,
    environment: &Environment,
) -> Result<Exit, Failure> {
    let log = open_log(args.log.as_ref(), environment)?;
    let prober = Prober::new(ProberOptions::new(log, Arc::default())).map_err(Failure::new)?;
    let ask = |url: &str| -> Result<Standing, Failure> {
        let mut place = ServicePlace::parse(url).map_err(|(what, hint)| Failure::new(what).hint(hint))?;
        let usual = match place.scheme {
            Some(Scheme::Https) => 443,
            _ => 80,
        };
        place.port.get_or_insert(usual);
        Ok(stands(product, &place, &Scope::local(), &prober)?)
    };
    let mut out = String::new();
    if let Some(url) = &closed.behind {
        told("before", url, &ask(url)?, product, &mut out);
    }
    let after = ask(&closed.site)?;
    told("after", &closed.site, &after, product, &mut out);
    let exit = match &after {
        Standing::Silent(_) | Standing::Lacks { .. } => Exit::Incomplete,
        after if after.is_closed() => Exit::Passed,
        _ => Exit::Failed,
    };
    out.push_str(match exit {
        _ if matches!(after, Standing::Lacks { .. }) => {
            "\nNothing is proved: nothing there asks who is there. Is that the proxy, and its name?\n"
        }
        Exit::Passed => "\nClosed: strangers get nothing through the proxy\n",
        Exit::Failed => "\nOpen: strangers get something through the proxy\n",
        _ => "\nNothing is proved: start the proxy, and ask again\n",
    });
    output::to_stdout(out.as_bytes())?;
    Ok(exit)
}

/// A line on one address, and one on what that means.
fn told(when: &str, url: &str, standing: &Standing, product: &Product, out: &mut String) {
    let (name, means) = match standing {
        Standing::Silent(why) => ("SILENT", why.clone()),
        Standing::Proved(State::Protected) => ("PROTECTED", "it asks for a password".to_owned()),
        Standing::Proved(state) => (
            state.name(),
            format!("anyone who reaches {} here {}", product.name, product.gain.verb()),
        ),
        Standing::Answers { path, status } => (
            "ANSWERS",
            format!("a stranger gets status {status} for {}", code(path)),
        ),
        Standing::Refuses { requests, statuses } => (
            "PROTECTED",
            format!(
                "{requests} of {requests} requests are refused ({})",
                listed(statuses)
            ),
        ),
        Standing::Lacks { requests, statuses } => (
            "UNKNOWN",
            format!(
                "{requests} of {requests} requests lead nowhere ({}), and none is asked for a password",
                listed(statuses)
            ),
        ),
    };
    let _ = writeln!(out, "{when:<7} {} {name}\n        {means}", escape(url));
}

fn listed(statuses: &[u16]) -> String {
    let statuses: Vec<String> = statuses.iter().map(u16::to_string).collect();
    statuses.join(", ")
}

/// All files behind each other, each with its path.
fn all(closed: &Closed) -> String {
    let mut out = String::new();
    for file in &closed.files {
        let _ = writeln!(out, "=== {}\n{}", file.path, file.text);
    }
    out
}

/// Writes all files or, where one is there already, none.
fn write(closed: &Closed, folder: &Path, force: bool) -> Result<(), Failure> {
    let taken = closed
        .files
        .iter()
        .map(|f| folder.join(&f.path))
        .find(|p| p.exists());
    if let Some(path) = taken.filter(|_| !force) {
        let shown = escape(&path.to_string_lossy());
        return Err(Failure::new(format!("`{shown}` is there already"))
            .hint("name another folder with `--out`, or write over it with `--force`"));
    }
    let users = closed.users.as_ref().map(|u| u.path.as_str());
    for file in &closed.files {
        let path = folder.join(&file.path);
        let private = Some(file.path.as_str()) == users || file.path.ends_with(".env");
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|e| {
                let shown = escape(&parent.to_string_lossy());
                Failure::new(format!("cannot make the folder `{shown}`: {e}"))
            })?;
        }
        wellhead_sources::write_atomically(&path, file.text.as_bytes(), private).map_err(|e| {
            let shown = escape(&path.to_string_lossy());
            Failure::new(format!("cannot write `{shown}`: {e}"))
        })?;
    }
    Ok(())
}

fn summary(closed: &Closed, folder: &Path) -> String {
    let mut out = String::new();
    for file in &closed.files {
        let _ = writeln!(
            out,
            "Wrote {}",
            escape(&folder.join(&file.path).to_string_lossy())
        );
    }
    for gap in &closed.gaps {
        let _ = writeln!(out, "note: {gap}");
    }
    let page = folder.join("LOCKDOWN.md");
    let _ = writeln!(
        out,
        "\nNext: {} says what to do, in order",
        escape(&page.to_string_lossy())
    );
    out
}

fn failure(e: LockdownError) -> Failure {
    let hint = match &e {
        LockdownError::NoReadOnly(_) => "leave `--read-only` out",
        LockdownError::Unencrypted(_) => "say the name with `--host NAME`, so that there is TLS",
        LockdownError::Name => "for example `--host mlflow.example.org`",
        LockdownError::User => "for example `--user admin`",
        LockdownError::Image => "for example `--image ghcr.io/mlflow/mlflow:v3.4.0`",
        LockdownError::Ground(_) => "write manifests with `--k8s`",
        LockdownError::Issuer => "for example `--issuer https://login.example.org`",
        LockdownError::Certificate => "put the files where their path needs no quotes",
    };
    Failure::new(e).hint(hint)
}
