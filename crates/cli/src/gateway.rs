//! `wellhead gateway`: asks who is there, in front of a platform that asks nobody.

use crate::{Exit, args::Global, audit, environment::Environment, failure::Failure, output};
use clap::{Args, Subcommand, ValueHint};
use std::{fmt::Write as _, io::BufRead as _, net::SocketAddr, path::PathBuf, time::Duration};
use wellhead_core::escape;
use wellhead_server::{
    ListenError, Stop,
    gateway::{
        self, ClientSecret, FileError, GatewayError, LogError, ProviderError, Settings, Store, StoreError,
    },
};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "The first start makes a user and a token and shows them once.

Exit codes:
  0  stopped with Ctrl-C or SIGTERM; a log is whole
  1  a log is not what was written
  2  could not run: something would be open by mistake, a file is not the owner's alone")]
pub(crate) struct Gateway {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Debug, Args)]
struct Serve {
    /// Where the platform is; it should listen on this machine alone
    #[arg(long, value_name = "URL", required = true, value_hint = ValueHint::Url)]
    upstream: Option<String>,
    /// What it is: `mlflow`, `jupyter`, `ray`, …
    #[arg(long, value_name = "NAME", required = true)]
    product: Option<String>,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8443", value_parser = crate::serve::parse_address)]
    listen: SocketAddr,
    /// A name by which clients call the gateway (repeatable); on a loopback address `localhost` and the like are known
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// The certificate with its chain, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key", value_hint = ValueHint::FilePath, help_heading = "TLS")]
    tls_cert: Option<PathBuf>,
    /// The key of the certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert", value_hint = ValueHint::FilePath, help_heading = "TLS")]
    tls_key: Option<PathBuf>,
    /// Let nobody change anything
    #[arg(long, help_heading = "Policy")]
    read_only: bool,
    /// Let this pattern of paths through besides those of the profile (repeatable): `/reports/**`
    #[arg(long, value_name = "PATTERN", help_heading = "Policy")]
    allow: Vec<String>,
    /// Refuse this pattern of paths besides those of the profile (repeatable)
    #[arg(long, value_name = "PATTERN", help_heading = "Policy")]
    deny: Vec<String>,
    /// Requests a second of each user
    #[arg(long, value_name = "N", default_value_t = 500, help_heading = "Policy")]
    rate: u32,
    /// Connections at a time, WebSockets among them; one address gets at most half
    #[arg(long, value_name = "N", default_value_t = 4096, help_heading = "Policy")]
    connections: usize,
    /// Where the platform speaks gRPC, if clients need it
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url, help_heading = "Upstream")]
    upstream_grpc: Option<String>,
    /// What to call the platform in `Host` [default: as in its URL]
    #[arg(long, value_name = "NAME", help_heading = "Upstream")]
    upstream_host: Option<String>,
    /// The roots of its certificate, PEM [default: those of browsers]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Upstream")]
    upstream_ca: Option<PathBuf>,
    /// A file, readable by you alone, with the `Authorization` that the platform itself wants: `token abc`
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Upstream")]
    upstream_authorization: Option<PathBuf>,
    /// Seconds that the platform may think about an answer
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 300,
        help_heading = "Upstream"
    )]
    timeout: u32,
    #[command(flatten)]
    provider: Provider,
    #[command(flatten)]
    state: State,
    /// Write who did what here [default: audit.jsonl beside the users]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Files")]
    log: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Signing in with an identity provider (OpenID Connect)")]
struct Provider {
    /// The address of the provider, as its discovery document has it
    #[arg(long, value_name = "URL", requires = "oidc_client", value_hint = ValueHint::Url)]
    oidc_issuer: Option<String>,
    /// What the gateway is called there
    #[arg(long, value_name = "ID", requires = "oidc_issuer")]
    oidc_client: Option<String>,
    /// A file, not readable for everybody, with the secret of the client; else `WELLHEAD_OIDC_SECRET`, else there is none
    #[arg(long, value_name = "FILE", requires = "oidc_issuer", value_hint = ValueHint::FilePath)]
    oidc_secret_file: Option<PathBuf>,
    /// Let in (repeatable): `group:NAME`, `email:NAME@HOST`, `domain:HOST`, `subject:ID`; nobody else comes in
    #[arg(long, value_name = "WHO", requires = "oidc_issuer")]
    oidc_allow: Vec<String>,
    /// Let in for reading only (repeatable)
    #[arg(long, value_name = "WHO", requires = "oidc_issuer")]
    oidc_allow_reading: Vec<String>,
    /// The claim of the ID token that holds groups
    #[arg(long, value_name = "CLAIM", default_value = "groups")]
    oidc_groups: String,
    /// Ask for this scope besides `openid` and `email` (repeatable)
    #[arg(long, value_name = "SCOPE", requires = "oidc_issuer")]
    oidc_scope: Vec<String>,
    /// The roots of its certificate, PEM [default: those of browsers]
    #[arg(long, value_name = "FILE", requires = "oidc_issuer", value_hint = ValueHint::FilePath)]
    oidc_ca: Option<PathBuf>,
    /// What people call it [default: the name in its address]
    #[arg(long, value_name = "TEXT", requires = "oidc_issuer")]
    oidc_name: Option<String>,
}

impl Provider {
    fn told(&self, environment: &Environment) -> Option<gateway::Provider> {
        let secret = match &self.oidc_secret_file {
            Some(path) => Some(ClientSecret::In(path.clone())),
            None => environment.oidc_secret.clone().map(|s| ClientSecret::Is(s.0)),
        };
        Some(gateway::Provider {
            issuer: self.oidc_issuer.clone()?,
            client: self.oidc_client.clone().unwrap_or_default(),
            secret,
            allow: self.oidc_allow.clone(),
            allow_reading: self.oidc_allow_reading.clone(),
            groups: self.oidc_groups.clone(),
            scopes: self.oidc_scope.clone(),
            roots: self.oidc_ca.clone(),
            name: self.oidc_name.clone(),
        })
    }
}

#[derive(Debug, Args)]
struct State {
    /// The folder of users and tokens [default: below the data folder]
    #[arg(long, value_name = "FOLDER", env = "WELLHEAD_GATEWAY_STATE", value_hint = ValueHint::DirPath, help_heading = "Files")]
    state: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// People who may come in
    #[command(subcommand)]
    User(User),
    /// What programs come in with
    #[command(subcommand)]
    Token(Token),
    /// Who did what
    #[command(subcommand)]
    Log(Log),
    /// List the platforms that have a profile
    Products,
}

#[derive(Debug, Subcommand)]
enum User {
    /// Add somebody and show their password
    Add {
        /// Their name
        name: String,
        /// They may not change anything
        #[arg(long)]
        read_only: bool,
        /// Read the password from standard input instead of making one
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        state: State,
    },
    /// Give somebody a new password, which ends their sessions
    Password {
        /// Their name
        name: String,
        /// Read the password from standard input instead of making one
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        state: State,
    },
    /// Remove somebody with all their tokens
    Remove {
        /// Their name
        name: String,
        #[command(flatten)]
        state: State,
    },
    /// List them
    List {
        #[command(flatten)]
        state: State,
    },
}

#[derive(Debug, Subcommand)]
enum Token {
    /// Make one and show it
    Add {
        /// Its name
        name: String,
        /// Whose it is
        #[arg(long, value_name = "NAME")]
        user: String,
        /// It may not change anything
        #[arg(long)]
        read_only: bool,
        /// Days that it is good for
        #[arg(long, value_name = "N")]
        days: Option<u32>,
        #[command(flatten)]
        state: State,
    },
    /// Remove one
    Revoke {
        /// Its name
        name: String,
        #[command(flatten)]
        state: State,
    },
    /// List them
    List {
        #[command(flatten)]
        state: State,
    },
}

#[derive(Debug, Subcommand)]
enum Log {
    /// Prove that no line was changed, taken out or put in
    Verify {
        /// The log
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// A digest that was printed before: the log must still hold that line
        #[arg(long, value_name = "SHA256")]
        digest: Option<String>,
    },
    /// List who got or replaced which model, and when
    Models {
        /// The log
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Only names with this in them
        #[arg(long, value_name = "TEXT", default_value = "")]
        name: String,
    },
}

pub(crate) fn run(args: &Gateway, global: &Global, environment: &Environment) -> Result<Exit, Failure> {
    match &args.verb {
        None => serve(&args.serve, global, environment),
        Some(Verb::User(verb)) => user(verb, environment),
        Some(Verb::Token(verb)) => token(verb, environment),
        Some(Verb::Log(Log::Verify { file, digest })) => verify(file, digest.as_deref()),
        Some(Verb::Log(Log::Models { file, name })) => models(file, name),
        Some(Verb::Products) => {
            let names: String = gateway::products().map(|p| format!("{p}\n")).collect();
            output::to_stdout(names.as_bytes())
        }
    }
}

fn serve(args: &Serve, global: &Global, environment: &Environment) -> Result<Exit, Failure> {
    let state = args.state.folder(environment)?;
    let settings = Settings {
        product: args.product.clone().unwrap_or_default(),
        upstream: args.upstream.clone().unwrap_or_default(),
        upstream_grpc: args.upstream_grpc.clone(),
        upstream_host: args.upstream_host.clone(),
        upstream_roots: args.upstream_ca.clone(),
        upstream_authorization: args.upstream_authorization.clone(),
        listen: args.listen,
        tls: args.tls_cert.clone().zip(args.tls_key.clone()),
        names: args.host.clone(),
        provider: args.provider.told(environment),
        log: args.log.clone().unwrap_or_else(|| state.join("audit.jsonl")),
        state,
        read_only: args.read_only,
        allow: args.allow.clone(),
        deny: args.deny.clone(),
        rate: args.rate,
        connections: args.connections,
        thinking: Duration::from_secs(u64::from(args.timeout.max(1))),
        patience: Duration::from_secs(15),
        notice: |text| output::to_stderr(&format!("warning: {text}\n")),
    };
    let mut opened = gateway::Gateway::open(&settings).map_err(failure)?;
    let address = opened.address().map_err(Failure::new)?;
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    if let Some(first) = opened.first() {
        output::to_stderr(&format!(
            "The first user and token; they are shown this once\n\n  name      {}\n  password  {}\n  token     {}\n\n",
            first.user, first.password, first.token
        ));
    }
    if !global.quiet {
        let mode = if settings.read_only {
            ", for reading only"
        } else {
            ""
        };
        let provider = settings.provider.as_ref().map_or_else(String::new, |provider| {
            format!(
                "\nPeople sign in with {}, too; its redirect URI for this client is\n  {scheme}://{}{}\n",
                escape(&provider.issuer),
                escape(&called(&settings, address)),
                gateway::CALLBACK,
            )
        });
        output::to_stderr(&format!(
            "In front of {} on {scheme}://{address}{mode}; who did what is in `{}`\n{provider}\nCtrl-C ends it\n",
            opened.product(),
            escape(&settings.log.to_string_lossy()),
        ));
    }
    let stop = Stop::default();
    let ender = stop.clone();
    audit::at_interrupt(move || ender.now());
    opened
        .serve(&stop)
        .map_err(|e| Failure::new(format!("the gateway failed: {e}")))?;
    Ok(Exit::Passed)
}

/// Name and port by which browsers call the gateway.
fn called(settings: &Settings, address: SocketAddr) -> String {
    let port = address.port();
    match settings.names.first() {
        Some(name) if name.contains(':') || settings.tls.is_some() && port == 443 => name.clone(),
        Some(name) => format!("{name}:{port}"),
        None => address.to_string(),
    }
}

impl State {
    fn folder(&self, environment: &Environment) -> Result<PathBuf, Failure> {
        if let Some(folder) = &self.state {
            return Ok(folder.clone());
        }
        let data = environment.data.as_ref();
        data.map(|d| d.join("gateway")).ok_or_else(|| {
            Failure::new("there is no folder for users and tokens").hint("name one with `--state FOLDER`")
        })
    }

    fn store(&self, environment: &Environment) -> Result<Store, Failure> {
        Store::at(&self.folder(environment)?).map_err(|e| failure(e.into()))
    }
}

fn user(verb: &User, environment: &Environment) -> Result<Exit, Failure> {
    let told = |e: StoreError| failure(e.into());
    match verb {
        User::Add {
            name,
            read_only,
            password_stdin,
            state,
        } => {
            let given = given(*password_stdin)?;
            let password = state
                .store(environment)?
                .set_user(name, *read_only, given, false)
                .map_err(told)?;
            shown_once(name, &password, *password_stdin)
        }
        User::Password {
            name,
            password_stdin,
            state,
        } => {
            let given = given(*password_stdin)?;
            let password = state
                .store(environment)?
                .set_user(name, false, given, true)
                .map_err(told)?;
            shown_once(name, &password, *password_stdin)
        }
        User::Remove { name, state } => {
            state.store(environment)?.remove_user(name).map_err(told)?;
            output::to_stdout(format!("{name} is out, with all tokens\n").as_bytes())
        }
        User::List { state } => {
            let mut out = String::new();
            for user in state.store(environment)?.users().map_err(told)? {
                let mode = if user.read_only { "reads" } else { "" };
                let _ = writeln!(out, "{:24} {} {mode}", user.name, user.created);
            }
            output::to_stdout(trimmed(&out).as_bytes())
        }
    }
}

fn token(verb: &Token, environment: &Environment) -> Result<Exit, Failure> {
    let told = |e: StoreError| failure(e.into());
    match verb {
        Token::Add {
            name,
            user,
            read_only,
            days,
            state,
        } => {
            let store = state.store(environment)?;
            let token = store.add_token(user, name, *read_only, *days).map_err(told)?;
            output::to_stdout(format!("{token}\n").as_bytes())
        }
        Token::Revoke { name, state } => {
            state.store(environment)?.remove_token(name).map_err(told)?;
            output::to_stdout(format!("{name} is no longer good\n").as_bytes())
        }
        Token::List { state } => {
            let mut out = String::new();
            for token in state.store(environment)?.tokens().map_err(told)? {
                let mode = if token.read_only { "reads" } else { "" };
                let until = token.expires.map_or_else(String::new, |e| format!("until {e}"));
                let (name, user, created) = (token.name, token.user, token.created);
                let _ = writeln!(out, "{name:24} {user:16} {created} {mode:5} {until}");
            }
            output::to_stdout(trimmed(&out).as_bytes())
        }
    }
}

fn verify(file: &std::path::Path, digest: Option<&str>) -> Result<Exit, Failure> {
    match gateway::verify(file, digest) {
        Ok(whole) => {
            let mut out = format!(
                "{} records, none changed\nlast digest {}\n",
                whole.records, whole.last
            );
            if whole.recovered > 0 {
                let _ = writeln!(
                    out,
                    "{} cut off by a crash, as the record after each says",
                    whole.recovered
                );
            }
            output::to_stdout(out.as_bytes())
        }
        Err(e @ (LogError::Broken { .. } | LogError::OtherState)) => {
            output::to_stdout(format!("{e}\n").as_bytes())?;
            Ok(Exit::Failed)
        }
        Err(e) => Err(failure(e.into())),
    }
}

fn models(file: &std::path::Path, name: &str) -> Result<Exit, Failure> {
    let mut out = String::new();
    let followed = gateway::answered(file, |answer| {
        let asked = answer.names.iter().filter(|n| n.contains(name));
        for model in asked {
            let status = answer.status.map_or_else(|| "-".to_owned(), |s| s.to_string());
            let part = if answer.whole { "" } else { " in part" };
            let bytes = if answer.received > 0 {
                answer.received
            } else {
                answer.sent
            };
            let (time, who, method) = (&answer.time, &answer.principal, &answer.method);
            let _ = writeln!(
                out,
                "{} {:16} {:6} {status} {bytes:>14}{part} {}",
                escape(time),
                escape(who),
                escape(method),
                escape(model)
            );
        }
    });
    output::to_stdout(out.as_bytes())?;
    match followed {
        Ok(_) => Ok(Exit::Passed),
        Err(e @ LogError::Broken { .. }) => {
            output::to_stderr(&format!("error: {e}; nothing after it is shown\n"));
            Ok(Exit::Failed)
        }
        Err(e) => Err(failure(e.into())),
    }
}

/// The first line of standard input, if that is where the password comes from.
fn given(stdin: bool) -> Result<Option<String>, Failure> {
    if !stdin {
        return Ok(None);
    }
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(Failure::new)?;
    Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()))
}

fn shown_once(name: &str, password: &str, was_given: bool) -> Result<Exit, Failure> {
    let text = if was_given {
        format!("{name} may come in\n")
    } else {
        format!("{name} may come in; the password is shown this once\n{password}\n")
    };
    output::to_stdout(text.as_bytes())
}

fn trimmed(table: &str) -> String {
    table.lines().map(|l| format!("{}\n", l.trim_end())).collect()
}

fn failure(e: GatewayError) -> Failure {
    let hint = match &e {
        GatewayError::UnknownProduct(_) => "`wellhead gateway products` lists them",
        GatewayError::NoReadMode(_) => {
            "leave out `--read-only`, and refuse what changes with `--deny PATTERN`"
        }
        GatewayError::NoTls(_) => "say `--tls-cert FILE --tls-key FILE`, or listen on `127.0.0.1`",
        GatewayError::NoUser(_) => "add one: `wellhead gateway user add NAME`",
        GatewayError::NoName(_) => "say by which name clients call it: `--host ml.example`",
        GatewayError::Listen(ListenError::Io(..)) => "name another port, or 0 for any that is free",
        GatewayError::File(FileError::Shared(_))
        | GatewayError::Store(StoreError::File(FileError::Shared(_)))
        | GatewayError::Log(LogError::File(FileError::Shared(_))) => "`chmod go=` takes it from the others",
        GatewayError::Provider(ProviderError::Nobody) => {
            "say who may: `--oidc-allow group:ml-team`, or `email:`, `domain:`, `subject:`"
        }
        GatewayError::Provider(ProviderError::Rule(_)) => {
            "a rule is `group:NAME`, `email:NAME@HOST`, `domain:HOST` or `subject:ID`"
        }
        GatewayError::Provider(ProviderError::File(FileError::Shared(_))) => {
            "`chmod go=` takes it from the others"
        }
        GatewayError::Log(LogError::Broken { .. }) => {
            "look at it, then move it away: the next start begins another"
        }
        GatewayError::Pattern
        | GatewayError::Authorization(_)
        | GatewayError::File(_)
        | GatewayError::Store(_)
        | GatewayError::Log(_)
        | GatewayError::Provider(_)
        | GatewayError::Tls(_)
        | GatewayError::Upstream(_)
        | GatewayError::Listen(ListenError::Exposed(_))
        | GatewayError::Io(_) => return Failure::new(e),
    };
    Failure::new(e).hint(hint)
}
