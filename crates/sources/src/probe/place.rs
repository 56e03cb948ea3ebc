//! Which service is meant, as it was typed behind `service:`.

use std::{
    net::{IpAddr, SocketAddr, ToSocketAddrs as _},
    sync::mpsc,
    time::Duration,
};
use wellhead_core::code;

/// How long a name may take to be resolved.
const RESOLVE: Duration = Duration::from_secs(5);

/// How a service is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// Plain.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// As it stands in an address.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// A service as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePlace {
    /// How it is spoken to; found out where it was not said.
    pub scheme: Option<Scheme>,
    /// Its name or address, without brackets.
    pub host: String,
    /// Its port; `None` asks for all ports of the catalogue.
    pub port: Option<u16>,
    /// A path was typed, which is not asked.
    pub has_path: bool,
}

impl ServicePlace {
    /// Reads `http://10.0.0.5:5000`, `10.0.0.5:5000`, `mlflow.internal` or `[::1]:8265`.
    ///
    /// # Errors
    /// What is wrong with it, and what to write instead.
    pub fn parse(text: &str) -> Result<Self, (String, String)> {
        let wrong = |hint: &str| {
            (
                format!("{} is no service", code(without_secrets(text))),
                hint.to_owned(),
            )
        };
        let usual = "write it like `service:http://10.0.0.5:5000` or `service:10.0.0.5`";
        let (scheme, rest) = match text.split_once("://") {
            Some(("http", rest)) => (Some(Scheme::Http), rest),
            Some(("https", rest)) => (Some(Scheme::Https), rest),
            Some(_) => return Err(wrong("services are asked over `http://` or `https://`")),
            None => (None, text.trim_start_matches("//")),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err(wrong(
                "leave out the user and the password: no credential is ever sent",
            ));
        }
        let (host, port) = split(authority).ok_or_else(|| wrong(usual))?;
        let named = !host.is_empty()
            && host.len() <= 253
            && host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
        if !named && host.parse::<IpAddr>().is_err() {
            return Err(wrong(usual));
        }
        let port = match port {
            None => scheme.map(|s| match s {
                Scheme::Http => 80,
                Scheme::Https => 443,
            }),
            Some(port) => Some(port.parse().ok().filter(|p| *p > 0).ok_or_else(|| wrong(usual))?),
        };
        Ok(Self {
            scheme,
            host: host.to_ascii_lowercase(),
            port,
            has_path: path.len() > 1,
        })
    }

    /// Its addresses, asked for once; what is connected to later is one of these.
    ///
    /// # Errors
    /// Where the name has none.
    pub fn resolve(&self) -> Result<Vec<IpAddr>, String> {
        if let Ok(address) = self.host.parse() {
            return Ok(vec![address]);
        }
        // The resolver of the system cannot be told how long it may take.
        let (tell, told) = mpsc::channel();
        let name = self.host.clone();
        std::thread::spawn(move || {
            let found = (name.as_str(), 0).to_socket_addrs();
            let _ = tell.send(found.map(|all| all.map(|a: SocketAddr| a.ip()).collect::<Vec<_>>()));
        });
        let shown = code(&self.host);
        match told.recv_timeout(RESOLVE) {
            Ok(Ok(mut all)) if !all.is_empty() => {
                // The same of several is asked at every run.
                all.sort();
                all.dedup();
                Ok(all)
            }
            Ok(_) => Err(format!("there is no host {shown}")),
            Err(_) => Err(format!("the address of {shown} could not be found in time")),
        }
    }
}

/// Host and port; the port is not read yet.
fn split(authority: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        return match port.strip_prefix(':') {
            Some(port) => Some((host, Some(port))),
            None => port.is_empty().then_some((host, None)),
        };
    }
    match authority.split_once(':') {
        // An address of IPv6 without brackets has no port.
        Some((_, rest)) if rest.contains(':') => Some((authority, None)),
        Some((host, port)) => Some((host, Some(port))),
        None => Some((authority, None)),
    }
}

/// Without what may be a password or a token.
fn without_secrets(text: &str) -> &str {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    text.rsplit('@').next().unwrap_or_default()
}
