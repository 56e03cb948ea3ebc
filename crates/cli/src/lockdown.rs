//! `wellhead lockdown`: the files that close a platform.

use crate::{Exit, args::Global, failure::Failure, output};
use clap::{Args, ValueEnum, ValueHint, builder::PossibleValuesParser};
use std::{
    fmt::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
};
use wellhead_core::escape;
use wellhead_infra::{
    Front, Ground, Lockdown as Closed, LockdownError, LockdownRequest, PRODUCTS, Provider, Upstream,
};

#[derive(Debug, Args)]
#[command(after_help = "Exit codes:
  0  the files were written
  2  could not run: usage, a file is there already, it would not close")]
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
    /// Let nothing through but requests that only read
    #[arg(long)]
    pub(crate) read_only: bool,
    /// The folder to write to; `-` prints all files [default: lockdown-PRODUCT]
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) out: Option<PathBuf>,
    /// Write over files that are there
    #[arg(long)]
    pub(crate) force: bool,
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
    Oauth2Proxy,
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
            Self::Oauth2Proxy => Front::Oauth2Proxy,
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

pub(crate) fn run(args: &Lockdown, global: &Global) -> Result<Exit, Failure> {
    let named = args.product.as_deref();
    let Some(product) = named.and_then(|id| PRODUCTS.iter().find(|p| p.id == id)) else {
        let lines: String = PRODUCTS
            .iter()
            .map(|p| format!("{:<24}{}\n", p.id, p.name))
            .collect();
        return output::to_stdout(lines.as_bytes());
    };
    let closed = wellhead_infra::lockdown(&LockdownRequest {
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
    let folder = args
        .out
        .clone()
        .unwrap_or_else(|| format!("lockdown-{}", product.id).into());
    if folder.as_os_str() == "-" {
        return output::to_stdout(all(&closed).as_bytes());
    }
    write(&closed, &folder, args.force)?;
    if !global.quiet {
        output::to_stderr(&summary(&closed, &folder));
    }
    Ok(Exit::Passed)
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
    for file in &closed.files {
        let path = folder.join(&file.path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|e| {
                let shown = escape(&parent.to_string_lossy());
                Failure::new(format!("cannot make the folder `{shown}`: {e}"))
            })?;
        }
        output::deliver(&file.text, Some(&path))?;
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
