//! Two files for Traefik 3.7.13 and newer: where it listens, and what it lets through.
//!
//! The one decision: everything that is refused is left out of the one rule, so that nothing leads to it and the answer is
//! 404 for everybody. Older versions do not know all the options and do not start.

use super::{Container, Hashed, LockdownFile, Order, UsersFile, door::Tls, profile::forged, text::quoted};
use std::{fmt::Write as _, net::SocketAddr};

/// A path that reads differently to Traefik and to what stands behind it, decoded; codes of slashes, dots and semicolons
/// are refused at the door.
const TWOFOLD: &str = r"(//|[;%\x5c\x00-\x1f\x7f]|/\.\.?(/|$))";
const FOLDER: &str = "/etc/traefik/";

pub(super) fn files(order: &Order<'_>) -> Vec<LockdownFile> {
    vec![
        LockdownFile {
            path: "traefik/traefik.yaml".to_owned(),
            text: door(order),
        },
        LockdownFile {
            path: format!("traefik/{}.yaml", order.id()),
            text: rules(order),
        },
    ]
}

pub(super) fn users(order: &Order<'_>) -> UsersFile {
    let folder = if order.request.ground.is_containers() {
        "secrets"
    } else {
        "traefik"
    };
    UsersFile {
        path: format!("{folder}/{}", order.users()),
        between: ':',
        hashed: Hashed::Bcrypt,
    }
}

pub(super) fn container(order: &Order<'_>) -> Container {
    Container {
        name: "proxy",
        image: "docker.io/library/traefik:v3.7.13",
        arguments: vec!["--configFile=/etc/traefik/traefik.yaml".to_owned()],
        secrets: order.own.credential.iter().map(|c| c.secret.clone()).collect(),
        reads: vec![("traefik", "/etc/traefik")],
        writes: &["/tmp"],
        keeps: &[],
        is_entrance: true,
    }
}

fn door(order: &Order<'_>) -> String {
    let door = &order.door;
    let at = |port: u16| match door.address {
        Some(address) => SocketAddr::new(address, port).to_string(),
        None => format!(":{port}"),
    };
    let mut out = format!(
        "# Where Traefik lets visitors of {} in. It has neither dashboard nor API.\nglobal:\n  checkNewVersion: false\n  sendAnonymousUsage: false\nentryPoints:\n  visitors:\n    address: {}\n    transport:\n      respondingTimeouts:\n        readTimeout: 1h\n    http:\n      # What two programs could read in two ways.\n      sanitizePath: true\n      underscoreHeadersStrategy: delete\n      encodedCharacters:\n",
        order.request.product.name,
        quoted(&at(door.port))
    );
    for kind in [
        "Slash",
        "BackSlash",
        "NullCharacter",
        "Semicolon",
        "Percent",
        "QuestionMark",
        "Hash",
    ] {
        let _ = writeln!(out, "        allowEncoded{kind}: false");
    }
    if let Some(plain) = door.plain {
        let _ = write!(
            out,
            "  without-tls:\n    address: {}\n    http:\n      redirections:\n        entryPoint:\n          to: \":443\"\n          scheme: https\n",
            quoted(&at(plain))
        );
    }
    let _ = write!(
        out,
        "providers:\n  file:\n    filename: {FOLDER}{}.yaml\n",
        order.id()
    );
    out
}

/// The condition under which a request is let through.
fn rule(order: &Order<'_>) -> String {
    let profile = &order.profile;
    let mut all = Vec::new();
    if let Some(name) = &order.request.name {
        all.push(format!("Host(`{name}`)"));
    }
    match &profile.allow {
        Some(allow) => all.push(format!("PathRegexp(`{allow}`)")),
        None => all.push("PathPrefix(`/`)".to_owned()),
    }
    all.push(format!("!PathRegexp(`{TWOFOLD}`)"));
    if let Some(deny) = &profile.deny {
        all.push(format!("!PathRegexp(`{deny}`)"));
    }
    // Neither what only reads, nor what a page of another site asks with the visitor's password.
    let reads = "(Method(`GET`) || Method(`HEAD`))";
    if profile.read_only {
        all.push(reads.to_owned());
    }
    all.push(format!(
        "(!HeaderRegexp(`Sec-Fetch-Site`, `^(cross|same)-site$`) || ({reads} && Header(`Sec-Fetch-Mode`, `navigate`)))"
    ));
    // Not every browser says so; all name the site of a page that writes or opens a WebSocket.
    all.push(format!(
        "(!HeaderRegexp(`Origin`, `.`) || HeaderRegexp(`Origin`, `^{}$`) || Header(`Sec-Fetch-Site`, `same-origin`))",
        order.own_origins()
    ));
    all.join(" && ")
}

fn rules(order: &Order<'_>) -> String {
    let id = order.id();
    let door = &order.door;
    let mut out = format!(
        "# {} behind Traefik: whoever has no password gets nothing.\nhttp:\n  routers:\n",
        order.request.product.name
    );
    let tls = if door.is_tls() { "\n      tls: {}" } else { "" };
    let rule = rule(order);
    let mut router = |name: &str, rule: &str, more: &str| {
        let _ = writeln!(
            out,
            "    {name}:\n      entryPoints: [visitors]\n      rule: {}\n      middlewares: [{id}-sign-in, {id}-headers{more}]\n      service: {id}{tls}",
            quoted(rule)
        );
    };
    if let Some(websocket) = &order.profile.websocket {
        router(
            &format!("{id}-websocket"),
            &format!("{rule} && PathRegexp(`{websocket}`)"),
            "",
        );
    }
    router(id, &rule, &format!(", {id}-no-websocket"));
    middlewares(order, &mut out);
    let upstream = &order.upstream;
    let scheme = if upstream.tls { "https" } else { "http" };
    let _ = write!(
        out,
        "  services:\n    {id}:\n      loadBalancer:\n        passHostHeader: {}\n        responseForwarding:\n          flushInterval: 1ms\n        servers:\n          - url: \"{scheme}://{}:{}\"\n",
        !order.asks_own_host(),
        upstream.host,
        upstream.port
    );
    if let Tls::Files(certificate, key) = &door.tls {
        let _ = write!(
            out,
            "tls:\n  certificates:\n    - certFile: {}\n      keyFile: {}\n  options:\n    default:\n      minVersion: VersionTLS12\n      sniStrict: true\n",
            quoted(certificate),
            quoted(key)
        );
    }
    out
}

fn middlewares(order: &Order<'_>, out: &mut String) {
    let id = order.id();
    let _ = write!(
        out,
        "  middlewares:\n    {id}-sign-in:\n      basicAuth:\n        usersFile: {}\n        realm: {}\n        # The password is the proxy's.\n        removeHeader: true\n    {id}-headers:\n      headers:\n        # Only the proxy says who is there.\n        customRequestHeaders:\n",
        quoted(&order.secret(FOLDER, &order.users())),
        quoted(order.request.product.name)
    );
    for header in forged() {
        let _ = writeln!(out, "          {header}: \"\"");
    }
    if order.asks_own_host() {
        out.push_str("          Origin: \"\"\n          Host: localhost\n");
    }
    if let Some(credential) = &order.own.credential {
        // What is asked of the environment stands in no file.
        let secret = match credential.user {
            Some(user) => format!(
                "{{{{ printf \"{user}:%s\" (env \"{}\") | b64enc }}}}",
                credential.secret
            ),
            None => format!("{{{{ env \"{}\" }}}}", credential.secret),
        };
        let _ = writeln!(
            out,
            "          {}: '{}{secret}'",
            credential.header, credential.scheme
        );
    }
    if order.door.is_tls() {
        out.push_str("        stsSeconds: 31536000\n");
    }
    let _ = write!(
        out,
        "    {id}-no-websocket:\n      headers:\n        customRequestHeaders:\n          Upgrade: \"\"\n"
    );
}
