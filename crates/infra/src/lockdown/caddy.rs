//! A Caddyfile, for Caddy 2.6 and newer.

use super::{
    Container, Hashed, LockdownFile, Order, UsersFile,
    door::Tls,
    profile::{FORGED_PREFIXES, TWOFOLD, forged},
};
use std::fmt::Write as _;

pub(super) fn file(order: &Order<'_>) -> LockdownFile {
    LockdownFile {
        path: "caddy/Caddyfile".to_owned(),
        text: text(order),
    }
}

pub(super) fn users(order: &Order<'_>) -> UsersFile {
    let folder = if order.request.ground.is_containers() {
        "secrets"
    } else {
        "caddy"
    };
    UsersFile {
        path: format!("{folder}/{}", order.users()),
        between: ' ',
        hashed: Hashed::Bcrypt,
    }
}

pub(super) fn container(order: &Order<'_>) -> Container {
    Container {
        name: "proxy",
        image: "docker.io/library/caddy:2.10.2",
        arguments: [
            "caddy",
            "run",
            "--config",
            "/etc/caddy/Caddyfile",
            "--adapter",
            "caddyfile",
        ]
        .map(str::to_owned)
        .to_vec(),
        secrets: Vec::new(),
        reads: vec![("caddy", "/etc/caddy")],
        writes: if order.door.tls == Tls::Automatic {
            &["/tmp"]
        } else {
            &["/tmp", "/data", "/config"]
        },
        keeps: if order.door.tls == Tls::Automatic {
            &[("caddy-data", "/data"), ("caddy-config", "/config")]
        } else {
            &[]
        },
        is_entrance: true,
    }
}

pub(super) fn text(order: &Order<'_>) -> String {
    let product = order.request.product;
    let door = &order.door;
    let mut out = format!(
        "# {} behind Caddy: whoever has no password gets nothing.\n{{\n",
        product.name
    );
    out.push_str("\t# Nobody on this host changes the configuration of the running server.\n\tadmin off\n");
    if door.is_tls() && door.port != 443 {
        let _ = writeln!(out, "\thttps_port {}", door.port);
        match door.plain {
            Some(plain) => {
                let _ = writeln!(out, "\thttp_port {plain}");
            }
            None => out.push_str("\tauto_https disable_redirects\n"),
        }
    }
    out.push_str("\tservers {\n\t\ttimeouts {\n\t\t\tread_header 10s\n\t\t}\n\t}\n}\n\n");
    match &order.request.name {
        Some(name) => {
            let _ = writeln!(out, "{name} {{");
            match &door.tls {
                Tls::Files(certificate, key) => {
                    let _ = writeln!(out, "\ttls {certificate} {key}");
                }
                _ if is_internal(name) => out.push_str("\ttls internal\n"),
                _ => {}
            }
            out.push_str("\theader Strict-Transport-Security max-age=31536000\n");
        }
        None => {
            let _ = writeln!(out, "http://:{} {{", door.port);
            if let Some(address) = door.address {
                let _ = writeln!(out, "\tbind {address}");
            }
        }
    }
    out.push_str("\troute {\n");
    let _ = writeln!(
        out,
        "\t\tbasicauth bcrypt \"{}\" {{\n\t\t\timport {}\n\t\t}}",
        product.name,
        order.secret("", &order.users())
    );
    checks(order, &mut out);
    proxy(order, &mut out);
    out.push_str("\t}\n}\n");
    out
}

/// What is refused although somebody signed in.
fn checks(order: &Order<'_>, out: &mut String) {
    let mut refuse = |about: &str, name: &str, matcher: &str, status: u16| {
        let _ = writeln!(out, "\n\t\t# {about}");
        let _ = writeln!(out, "\t\t@{name} {matcher}\n\t\trespond @{name} {status}");
    };
    refuse(
        "A path that two programs could read in two ways.",
        "twofold",
        &format!("vars_regexp twofold {{http.request.uri}} `{TWOFOLD}`"),
        400,
    );
    refuse(
        "A request that a page of another site makes with the visitor's password.",
        "foreign",
        "{\n\t\t\theader_regexp foreign Sec-Fetch-Site `^(cross|same)-site$`\n\t\t\tnot {\n\t\t\t\tmethod GET HEAD\n\t\t\t\theader Sec-Fetch-Mode navigate\n\t\t\t}\n\t\t}",
        403,
    );
    refuse(
        "The same of browsers that do not say so; they name the page's site.",
        "origin",
        &format!(
            "{{\n\t\t\theader Origin *\n\t\t\tnot header_regexp origin Origin `^{}$`\n\t\t\tnot header Sec-Fetch-Site same-origin\n\t\t}}",
            order.own_origins()
        ),
        403,
    );
    if let Some(deny) = &order.profile.deny {
        refuse(
            "What nobody needs from outside.",
            "denied",
            &format!("path_regexp denied `{deny}`"),
            403,
        );
    }
    if let Some(allow) = &order.profile.allow {
        refuse(
            "Everything that is not listed.",
            "unlisted",
            &format!("not path_regexp allowed `{allow}`"),
            403,
        );
    }
    if order.profile.read_only {
        refuse("Everything but reading.", "writing", "not method GET HEAD", 403);
    }
}

fn proxy(order: &Order<'_>, out: &mut String) {
    let upstream = &order.upstream;
    let scheme = if upstream.tls { "https://" } else { "" };
    let _ = writeln!(
        out,
        "\n\t\treverse_proxy {scheme}{}:{} {{",
        upstream.host, upstream.port
    );
    out.push_str("\t\t\t# Answers pass as they come: streams, events, downloads of any size.\n\t\t\tflush_interval -1\n");
    out.push_str(
        "\t\t\t# Only the proxy says who is there. Some servers read `_` as `-`.\n\t\t\theader_up -*_*\n",
    );
    for prefix in FORGED_PREFIXES {
        let _ = writeln!(out, "\t\t\theader_up -{prefix}*");
    }
    let has_prefix = |header: &&str| FORGED_PREFIXES.iter().any(|p| header.starts_with(p));
    for header in forged().filter(|h| !has_prefix(h)) {
        let _ = writeln!(out, "\t\t\theader_up -{header}");
    }
    out.push_str("\t\t\theader_up X-Real-IP {remote_host}\n");
    if order.asks_own_host() {
        out.push_str(
            "\t\t\t# It refuses foreign names.\n\t\t\theader_up Host localhost\n\t\t\theader_up -Origin\n",
        );
    }
    if order.profile.websocket.is_none() {
        out.push_str("\t\t\t# Nothing here becomes a WebSocket.\n\t\t\theader_up -Upgrade\n");
    }
    out.push_str("\t\t\t# The password is the proxy's.\n");
    // What is set and deleted is deleted.
    if order
        .own
        .credential
        .as_ref()
        .is_none_or(|c| c.header != "Authorization")
    {
        out.push_str("\t\t\theader_up -Authorization\n");
    }
    if order.own.credential.is_some() {
        let _ = writeln!(out, "\t\t\timport {}", order.secret("", &order.credential()));
    }
    out.push_str("\t\t}\n");
}

/// Whether nobody outside vouches for a name, so that Caddy has to.
fn is_internal(name: &str) -> bool {
    let ends = [
        ".internal",
        ".local",
        ".lan",
        ".home.arpa",
        ".test",
        ".example",
        ".localhost",
        ".corp",
    ];
    !name.contains('.') || ends.iter().any(|e| name.ends_with(e))
}
