//! What is written beside the proxy's configuration: the page that leads through it, the firewall, the environment.

use super::{
    Front, Ground, LockdownFile, Order, UsersFile, compose::image_variable, door::Tls, istio, oauth2_proxy,
};
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

pub(super) fn how_to_make(order: &Order<'_>, name: &str) -> String {
    if name.starts_with("OAUTH2_PROXY_CLIENT") {
        "what your identity provider calls this application by".to_owned()
    } else if name == "OAUTH2_PROXY_COOKIE_SECRET" {
        // It takes 16, 24 or 32 bytes.
        "make one: openssl rand -hex 16".to_owned()
    } else if order.own.credential.as_ref().is_some_and(|c| c.secret == name) || name.ends_with("PASSWORD") {
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
    users: Option<&UsersFile>,
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
    match order.request.ground {
        Ground::Host | Ground::Cloud(_) => host(order, users, &mut out),
        Ground::Compose => compose(order, users, &mut out),
        Ground::Kubernetes => kubernetes(order, users, &mut out),
    }
    proof(order, &mut out);
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

/// How it is asked whether that holds.
fn proof(order: &Order<'_>, out: &mut String) {
    let (request, id) = (order.request, order.id());
    if request.front == Front::Istio {
        return;
    }
    let mut more = match request.ground {
        Ground::Host | Ground::Cloud(_) => String::new(),
        Ground::Compose => " --compose".to_owned(),
        Ground::Kubernetes => " --k8s".to_owned(),
    };
    if let Some(name) = &request.name {
        let _ = write!(more, " --host {name}");
    } else if request.listen.port() != 8480 || !request.listen.ip().is_ipv4() {
        let _ = write!(more, " --listen {}", request.listen);
    }
    if !request.ground.is_containers() && request.upstream.is_some() {
        let scheme = if order.upstream.tls { "https" } else { "http" };
        let _ = write!(
            more,
            " --upstream {scheme}://{}:{}",
            order.upstream.host, order.upstream.port
        );
    }
    let _ = write!(
        out,
        "\n## Prove it\n\n```sh\nwellhead lockdown {id} --proxy {}{more} --prove\n```\n",
        request.front.id()
    );
}

/// Programs on one host, perhaps in a cloud.
fn host(order: &Order<'_>, users: Option<&UsersFile>, out: &mut String) {
    let (product, front) = (order.request.product, order.request.front);
    let _ = writeln!(out, "\n## 1. {} itself\n", product.name);
    own(order, out);
    who(order, users, 2, out);
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
    let rules = format!("/etc/nftables.d/lockdown-{}.nft", order.id());
    let _ = write!(
        out,
        "\n## 4. The firewall\n\n```sh\nsudo install -D -m 644 firewall.nft {rules}\nsudo nft -f {rules}\n\
         # So that it is there after the next start, too (Fedora and Red Hat: /etc/sysconfig/nftables.conf).\n\
         grep -qsF {rules} /etc/nftables.conf || echo 'include \"{rules}\"' | sudo tee -a /etc/nftables.conf\nsudo systemctl enable nftables\n```\n"
    );
    if let Ground::Cloud(_) = order.request.ground {
        out.push_str(
            "\nPut the file below `terraform/` into the module of the machine, and give the machine what it puts out. ",
        );
        out.push_str(match (&order.request.name, &order.door.tls) {
            (None, _) => "It lets nobody in: come through the tunnel of the cloud (Session Manager, Identity-Aware Proxy, Bastion).\n",
            (Some(_), Tls::Automatic) => {
                "Whoever hands out certificates does not come from the networks of your visitors: use a certificate of your \
                 own (`--cert`, `--key`) or the DNS challenge.\n"
            }
            (Some(_), _) => "It lets in the networks that you name, and refuses to mean everybody.\n",
        });
    }
}

/// The containers of a compose file.
fn compose(order: &Order<'_>, users: Option<&UsersFile>, out: &mut String) {
    out.push_str("\n## 1. What only you know\n\nFill in `.env`; nothing starts before. Images are named with their digest:\n\n```sh\npin() { echo \"$1=$2@$(docker buildx imagetools inspect \"$2\" --format '{{.Manifest.Digest}}')\"; }\n");
    if order.request.image.is_none() {
        let _ = writeln!(
            out,
            "pin {} {}  # the version that you run",
            image_variable(order.id()),
            order.image()
        );
    }
    for container in order.containers() {
        let _ = writeln!(out, "pin {} {}", image_variable(container.name), container.image);
    }
    out.push_str("echo \"PROXY_USER=$(id -u):$(id -g)\"\n```\n");
    lines(order, out);
    who(order, users, 2, out);
    out.push_str("\n## 3. Start\n\n```sh\nchmod 600 .env\n");
    for (folder, _) in order.containers().iter().flat_map(|c| c.keeps) {
        let _ = writeln!(out, "mkdir -p {folder}");
    }
    let _ = write!(
        out,
        "docker compose up -d\n```\n\nIt is visited at {}.",
        order.site
    );
    if order.door.tls.is_files() && order.request.certificate.is_none() {
        out.push_str(" Put the certificate and its key into `tls/tls.crt` and `tls/tls.key` before.");
    }
    let _ = writeln!(
        out,
        " Add the volumes and options of {} to `compose.yaml`, and no `ports`.",
        order.request.product.name
    );
}

/// The manifests of a cluster.
fn kubernetes(order: &Order<'_>, users: Option<&UsersFile>, out: &mut String) {
    let id = order.id();
    lines(order, out);
    who(order, users, 1, out);
    out.push_str("\n## 2. The secrets\n\nThey stand in no manifest; the pod does not start before they are there.\n\n```sh\n");
    if order.request.front != Front::Istio {
        let _ = writeln!(
            out,
            "kubectl create secret generic {id}-sign-in --from-file=secrets/"
        );
    }
    let names = order.secrets();
    if !names.is_empty() {
        for name in &names {
            let _ = writeln!(out, "# {name}: {}", how_to_make(order, name));
        }
        let each: Vec<String> = names.iter().map(|n| format!("{n}=\"${n}\"")).collect();
        let _ = writeln!(
            out,
            "printf '%s\\n' {} | \\\n  kubectl create secret generic {id}-secrets --from-env-file=/dev/stdin",
            each.join(" ")
        );
    }
    let istio = order.request.front == Front::Istio;
    if order.door.is_tls() && !istio {
        let (certificate, key) = match &order.request.certificate {
            Some((certificate, key)) => (certificate.as_str(), key.as_str()),
            None => ("tls.crt", "tls.key"),
        };
        let _ = writeln!(
            out,
            "kubectl create secret tls {id}-tls --cert={certificate} --key={key}"
        );
    }
    let _ = writeln!(
        out,
        "```\n\n## 3. Apply\n\n```sh\nkubectl apply -f k8s/{id}.yaml\n```\n"
    );
    if istio {
        let _ = writeln!(
            out,
            "Lead the gateway of the mesh to the service `{id}`; the sidecar asks whichever way one comes."
        );
    } else if order.request.name.is_some() {
        let _ = writeln!(
            out,
            "It is visited at {}: lead that name to the service `{id}` without ending TLS before (a LoadBalancer of your own, or \
             a route that passes TLS through).",
            order.site
        );
    } else {
        let port = order.door.port;
        let _ = writeln!(
            out,
            "Nobody in the cluster reaches it. `kubectl port-forward deploy/{id} {port}` leads to {}; `--host NAME` makes a \
             service with TLS.",
            order.site
        );
    }
    if order.request.image.is_none() {
        let _ = writeln!(
            out,
            "Its image has no version yet: `--image IMAGE@sha256:…` writes yours."
        );
    }
    let _ = writeln!(
        out,
        "Add the volumes and options of {} to its container, and no port.",
        order.request.product.name
    );
}

/// Who may sign in.
fn who(order: &Order<'_>, users: Option<&UsersFile>, number: u8, out: &mut String) {
    let front = order.request.front;
    let _ = write!(out, "\n## {number}. Who may sign in\n\n");
    if front.asks_a_provider() {
        let _ = writeln!(
            out,
            "The identity provider says who is there: {}.",
            order.issuer()
        );
    } else {
        out.push_str("The password is made by you and stands nowhere here.\n");
    }
    match front {
        Front::Istio => {
            let header = if istio::has_own_header(order) {
                format!(
                    "`X-Lockdown-Token: Bearer TOKEN`; `Authorization` stays the one of {}",
                    order.request.product.name
                )
            } else {
                "`Authorization: Bearer TOKEN`".to_owned()
            };
            let _ = writeln!(
                out,
                "Each request carries a token of it for the audience `{}`: {header}. People with browsers need \
                 `--proxy oauth2-proxy`.",
                order.id()
            );
        }
        _ => {
            let _ = write!(out, "\n```sh\n{}```\n", sign_in(order, users));
        }
    }
}

/// What has to be said in the product's own configuration.
fn lines(order: &Order<'_>, out: &mut String) {
    if !order.own.lines.is_empty() {
        let _ = writeln!(
            out,
            "\nSay this in the configuration of {}:\n\n```text",
            order.request.product.name
        );
        for line in &order.own.lines {
            let _ = writeln!(out, "{line}");
        }
        out.push_str("```\n");
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
    lines(order, out);
    let _ = writeln!(out, "\nIn words: {}.", product.remedy);
}

/// How the users' file and the credential are made.
fn sign_in(order: &Order<'_>, users: Option<&UsersFile>) -> String {
    let (user, front) = (&order.request.user, order.request.front);
    let emails = oauth2_proxy::addresses(order);
    let path = users.map_or(emails.as_str(), |u| u.path.as_str());
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut out = format!("umask 077\nmkdir -p {folder}\n");
    out.push_str(&match front {
        Front::Caddy => format!("printf '{user} %s\\n' \"$(caddy hash-password)\" > {path}\n"),
        Front::Nginx => format!("printf '{user}:%s\\n' \"$(openssl passwd -6)\" > {path}\n"),
        Front::Traefik => format!("htpasswd -nB {user} > {path}\n"),
        // No password of a person: see what stays open.
        Front::Envoy => format!(
            "PASSWORD=$(openssl rand -hex 24)\nprintf '{user}:{{SHA}}%s\\n' \"$(printf %s \"$PASSWORD\" | openssl dgst -binary -sha1 | base64)\" > {path}\necho \"The password of {user}, shown once: $PASSWORD\"\n"
        ),
        Front::Oauth2Proxy => format!("printf '%s\\n' you@example.org > {path}  # one address a line\n"),
        Front::Istio => return String::new(),
    });
    let Some(credential) = &order.own.credential else {
        return out;
    };
    if front == Front::Traefik {
        let _ = writeln!(
            out,
            "\n# {} signs in to {} with ${} of its own environment.",
            front.name(),
            order.request.product.name,
            credential.secret
        );
        return out;
    }
    let _ = writeln!(
        out,
        "\n# What {} signs in to {} with; a client's own `Authorization` is used up by the proxy.",
        front.name(),
        order.request.product.name
    );
    let secret = match credential.user {
        Some(user) => format!("$(printf '%s:%s' {user} \"${}\" | base64 -w0)", credential.secret),
        None => format!("${}", credential.secret),
    };
    let value = format!("{}{secret}", credential.scheme);
    // nginx reads it beside its own files.
    let beside = if front == Front::Oauth2Proxy && !order.request.ground.is_containers() {
        out.push_str("mkdir -p nginx/lockdown\n");
        "nginx/lockdown"
    } else {
        folder
    };
    let file = format!("{beside}/{}", order.credential());
    let _ = match front {
        Front::Envoy => writeln!(
            out,
            "printf 'resources:\\n- \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret\\n  name: {}\\n  generic_secret: {{secret: {{inline_string: \"%s\"}}}}\\n' \\\n  \"{value}\" > {file}",
            order.id()
        ),
        Front::Caddy => writeln!(
            out,
            "printf 'header_up {} \"%s\"\\n' \"{value}\" > {file}",
            credential.header
        ),
        _ => writeln!(
            out,
            "printf 'proxy_set_header {} \"%s\";\\n' \"{value}\" > {file}",
            credential.header
        ),
    };
    out
}

/// How the proxy is given its configuration.
fn install(order: &Order<'_>) -> String {
    let users = order.users();
    let id = order.id();
    let credential = order.own.credential.is_some();
    let with = |folder: &str| match credential {
        true => format!(" {folder}{}", order.credential()),
        false => String::new(),
    };
    let nginx = "sudo install -m 644 nginx/conf.d/*.conf /etc/nginx/conf.d/\nsudo nginx -t && sudo systemctl reload nginx\n";
    match order.request.front {
        Front::Caddy => format!(
            "sudo install -m 640 -g caddy caddy/Caddyfile caddy/{users}{} /etc/caddy/\ncaddy validate --config /etc/caddy/Caddyfile\nsudo systemctl restart caddy\n",
            with("caddy/")
        ),
        Front::Nginx => format!(
            "sudo install -d -m 750 -g www-data /etc/nginx/lockdown\nsudo install -m 640 -g www-data nginx/lockdown/{users}{} /etc/nginx/lockdown/\n{nginx}",
            with("nginx/lockdown/")
        ),
        Front::Traefik => format!(
            "sudo install -d -m 750 -g traefik /etc/traefik\nsudo install -m 640 -g traefik traefik/traefik.yaml traefik/{id}.yaml traefik/{users} /etc/traefik/\nsudo systemctl restart traefik\n"
        ),
        Front::Envoy => format!(
            "sudo install -d -m 750 -g envoy /etc/envoy\nsudo install -m 640 -g envoy envoy/envoy.yaml envoy/{users}{} /etc/envoy/\nenvoy --mode validate -c /etc/envoy/envoy.yaml\nsudo systemctl restart envoy\n",
            with("envoy/")
        ),
        Front::Oauth2Proxy => {
            let first = if credential {
                format!(
                    "sudo install -d -m 750 -g www-data /etc/nginx/lockdown\nsudo install -m 640 -g www-data{} /etc/nginx/lockdown/\n",
                    with("nginx/lockdown/")
                )
            } else {
                String::new()
            };
            format!(
                "# {} stand in the environment of its service.\nsudo install -d -m 750 -g oauth2-proxy /etc/oauth2-proxy\nsudo install -m 640 -g oauth2-proxy oauth2-proxy/oauth2-proxy.cfg oauth2-proxy/{id}.emails /etc/oauth2-proxy/\nsudo systemctl restart oauth2-proxy\n{first}{nginx}",
                oauth2_proxy::variables().join(", ")
            )
        }
        Front::Istio => String::new(),
    }
}
