//! What is written beside the proxy's configuration: the page that leads through it, the firewall, the environment.

use super::{Front, LockdownFile, Order, UsersFile};
use std::fmt::Write as _;

/// Rules for nftables that keep the product's ports to its own host, whatever it listens on.
pub(super) fn firewall(order: &Order<'_>) -> LockdownFile {
    let product = order.request.product;
    let mut ports: Vec<u16> = product.ports.iter().map(|p| p.port).collect();
    if order.upstream.is_loopback() {
        ports.push(order.upstream.port);
    }
    ports.sort_unstable();
    ports.dedup();
    // The proxy may have one of them.
    let own = match order.request.name {
        Some(_) => [80, 443],
        None => [order.request.listen.port(); 2],
    };
    ports.retain(|p| !own.contains(p));
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    let word = order.word();
    let rule = if ports.is_empty() {
        String::new()
    } else {
        format!(
            "\t\tiifname != \"lo\" tcp dport {{ {} }} drop\n",
            ports.join(", ")
        )
    };
    LockdownFile {
        path: "firewall.nft".to_owned(),
        text: format!(
            "# The ports of {}, for this host alone, whatever address it listens on.\n# Published ports of containers do not come past here: publish none.\ntable inet lockdown_{word}\ndelete table inet lockdown_{word}\n\ntable inet lockdown_{word} {{\n\tchain input {{\n\t\ttype filter hook input priority -10; policy accept;\n{rule}\t}}\n}}\n",
            product.name
        ),
    }
}

/// The variables that the product is started with; secrets have no value, so that whoever forgets one notices.
pub(super) fn environment(order: &Order<'_>) -> Option<LockdownFile> {
    if order.own.environment.is_empty() && order.own.secrets().is_empty() {
        return None;
    }
    let mut out = format!(
        "# The environment of {}. Fill in what is empty; only its user may read this file (chmod 600).\n",
        order.request.product.name
    );
    let mut written = Vec::new();
    for (name, value) in &order.own.environment {
        if value.secret.is_some() {
            let _ = writeln!(out, "# {}", how_to_make(order, name));
        }
        let _ = writeln!(out, "{name}={}", value.with(|_| String::new()));
        written.push(name.clone());
    }
    for secret in order.own.secrets().iter().filter(|s| !written.contains(s)) {
        let _ = writeln!(out, "# openssl rand -hex 24\n{secret}=");
    }
    Some(LockdownFile {
        path: format!("{}.env", order.id()),
        text: out,
    })
}

fn how_to_make(order: &Order<'_>, name: &str) -> String {
    if order.own.credential.as_ref().is_some_and(|c| c.secret == name) || name.ends_with("PASSWORD") {
        "make one: openssl rand -hex 24".to_owned()
    } else if ["KEY", "SECRET", "SALT", "TOKEN"]
        .iter()
        .any(|e| name.ends_with(e))
    {
        "make one: openssl rand -hex 32".to_owned()
    } else {
        "yours to say".to_owned()
    }
}

pub(super) fn page(
    order: &Order<'_>,
    files: &[LockdownFile],
    users: &UsersFile,
    gaps: &[String],
) -> LockdownFile {
    let product = order.request.product;
    let front = order.request.front;
    let mut out = format!(
        "# {} behind {}\n\nAnyone who reaches {} without a password {}. These files close it.\n",
        product.name,
        front.name(),
        product.name,
        product.gain.verb()
    );
    let _ = writeln!(out, "\n## 1. {} itself\n", product.name);
    own(order, &mut out);
    out.push_str(
        "\n## 2. Who may sign in\n\nThe password is made by you and stands nowhere here.\n\n```sh\n",
    );
    out.push_str(&sign_in(order, users));
    out.push_str("```\n");
    let _ = writeln!(out, "\n## 3. {}\n\n```sh\n{}```", front.name(), install(order));
    let _ = writeln!(
        out,
        "\nIt is visited at {}.{}",
        order.site,
        if order.request.name.is_none() {
            " Other machines do not reach it there: `--host NAME` makes a configuration with TLS for them."
        } else {
            ""
        }
    );
    out.push_str("\n## 4. The firewall\n\n```sh\nsudo nft -f firewall.nft\n```\n");
    if !gaps.is_empty() {
        out.push_str("\n## What stays open\n\n");
        for gap in gaps {
            let _ = writeln!(out, "- {gap}");
        }
    }
    out.push_str("\n## Files\n\n");
    for file in files {
        let _ = writeln!(out, "- `{}`", file.path);
    }
    LockdownFile {
        path: "LOCKDOWN.md".to_owned(),
        text: out,
    }
}

/// What the product itself is told.
fn own(order: &Order<'_>, out: &mut String) {
    let own = &order.own;
    let product = order.request.product;
    if !own.environment.is_empty() || !own.secrets().is_empty() {
        let _ = writeln!(
            out,
            "Fill in `{}.env` and start it with that environment.\n",
            order.id()
        );
    }
    let command = own.command();
    if command.is_empty() {
        let flags: Vec<String> = own
            .flags
            .iter()
            .map(|f| f.with(|n| format!("\"${n}\"")))
            .collect();
        if !flags.is_empty() {
            let _ = writeln!(
                out,
                "Start it with these options:\n\n```sh\n{}\n```",
                flags.join(" ")
            );
        }
    } else {
        let _ = writeln!(out, "```sh\n{command}\n```");
    }
    if !own.lines.is_empty() {
        out.push_str("\nSay this in its own configuration:\n\n```text\n");
        for line in &own.lines {
            let _ = writeln!(out, "{line}");
        }
        out.push_str("```\n");
    }
    let _ = writeln!(out, "\nIn words: {}.", product.remedy);
}

/// How the users' file and the credential are made.
fn sign_in(order: &Order<'_>, users: &UsersFile) -> String {
    let user = &order.request.user;
    let mut out = match order.request.front {
        Front::Caddy => format!(
            "umask 077\nprintf '{user} %s\\n' \"$(caddy hash-password)\" > {}\n",
            users.path
        ),
        Front::Nginx => format!(
            "umask 077\nmkdir -p nginx/lockdown\nprintf '{user}:%s\\n' \"$(openssl passwd -6)\" > {}\n",
            users.path
        ),
    };
    if let Some(credential) = &order.own.credential {
        let _ = writeln!(
            out,
            "\n# What {} signs in to {} with; a client's own `Authorization` is used up by the proxy.",
            order.request.front.name(),
            order.request.product.name
        );
        let secret = match credential.user {
            Some(user) => format!("$(printf '%s:%s' {user} \"${}\" | base64 -w0)", credential.secret),
            None => format!("${}", credential.secret),
        };
        let value = format!("{}{secret}", credential.scheme);
        let folder = users.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let file = format!("{folder}/{}", order.credential());
        let (start, end) = match order.request.front {
            Front::Caddy => ("header_up", ""),
            Front::Nginx => ("proxy_set_header", ";"),
        };
        let _ = writeln!(
            out,
            "printf '{start} {} \"%s\"{end}\\n' \"{value}\" > {file}",
            credential.header
        );
    }
    out
}

/// How the proxy is given its configuration.
fn install(order: &Order<'_>) -> String {
    let users = order.users();
    let more = if order.own.credential.is_some() {
        order.credential()
    } else {
        String::new()
    };
    let with = |folder: &str| {
        if more.is_empty() {
            String::new()
        } else {
            format!(" {folder}{more}")
        }
    };
    match order.request.front {
        Front::Caddy => format!(
            "sudo install -m 640 -g caddy caddy/Caddyfile caddy/{users}{} /etc/caddy/\ncaddy validate --config /etc/caddy/Caddyfile\nsudo systemctl restart caddy\n",
            with("caddy/")
        ),
        Front::Nginx => format!(
            "sudo install -d -m 750 -g www-data /etc/nginx/lockdown\nsudo install -m 640 -g www-data nginx/lockdown/{users}{} /etc/nginx/lockdown/\nsudo install -m 644 nginx/conf.d/*.conf /etc/nginx/conf.d/\nsudo nginx -t && sudo systemctl reload nginx\n",
            with("nginx/lockdown/")
        ),
    }
}
