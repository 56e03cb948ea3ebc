//! A compose file: the product on a network of its own that leads nowhere, the proxy as the only way to it from elsewhere.
//!
//! The one decision: whatever has to be said by people is a variable that compose refuses to start without, so that a
//! forgotten password or image ends in an error and not in an open door.

use super::{
    Door, LockdownFile, Order, Own,
    door::{Container, INSIDE, TLS_FOLDER},
    own::Value,
    page::how_to_make,
    text::{for_compose, quoted},
};
use std::fmt::Write as _;

pub(super) fn files(order: &Order<'_>) -> Vec<LockdownFile> {
    vec![
        LockdownFile {
            path: "compose.yaml".to_owned(),
            text: text(order),
        },
        LockdownFile {
            path: ".env".to_owned(),
            text: variables(order),
        },
    ]
}

/// The variable with the image of a container.
pub(super) fn image_variable(name: &str) -> String {
    format!("{}_IMAGE", name.replace('-', "_").to_ascii_uppercase())
}

/// A variable that has to be filled in.
fn needed(name: &str) -> String {
    format!("${{{name}:?fill in .env}}")
}

fn value(value: &Value) -> String {
    let mut text = for_compose(&value.before);
    if let Some(name) = &value.secret {
        text.insert_str(text.len().saturating_sub(1), &needed(name));
    }
    text
}

fn text(order: &Order<'_>) -> String {
    let product = order.request.product;
    let id = order.id();
    let containers = order.containers();
    let mut out = format!(
        "# {} behind a proxy: whoever has no password gets nothing. Its own port is not published.\nname: lockdown-{id}\nservices:\n",
        product.name
    );
    let _ = writeln!(out, "  {id}:");
    match &order.request.image {
        Some(image) => {
            let _ = writeln!(out, "    image: {}", quoted(image));
        }
        None => {
            let _ = writeln!(out, "    image: {}", needed(&image_variable(id)));
        }
    }
    start(&order.own, product.start.image, &mut out);
    if !order.own.environment.is_empty() {
        out.push_str("    environment:\n");
        for (name, said) in &order.own.environment {
            let _ = writeln!(out, "      {name}: {}", value(said));
        }
    }
    out.push_str(
        "    # No other machine reaches this network; programs and users of this host do.\n    networks: [inside]\n    security_opt: [\"no-new-privileges:true\"]\n    restart: unless-stopped\n",
    );
    for container in &containers {
        proxy(order, container, &mut out);
    }
    out.push_str("networks:\n  inside:\n    internal: true\n    # Docker 28 and newer keeps the programs of this host out with these two lines; older ones do not know them.\n    # driver_opts:\n    #   com.docker.network.bridge.gateway_mode_ipv4: isolated\n  outside: {}\n");
    out
}

/// How the product is started, unless its image does that without options.
fn start(own: &Own, by_image: bool, out: &mut String) {
    if own.flags.is_empty() && (by_image || own.program.is_empty()) {
        return;
    }
    if !own.program.is_empty() {
        let words: Vec<String> = own.program.iter().map(|w| for_compose(w)).collect();
        let _ = writeln!(out, "    entrypoint: [{}]", words.join(", "));
    }
    out.push_str("    # Your own options go behind these.\n    command:\n");
    for flag in &own.flags {
        let _ = writeln!(out, "      - {}", value(flag));
    }
    if own.flags.is_empty() {
        // Without a list, the image's own options would stay.
        let end = out.len().saturating_sub(1);
        out.insert_str(end, " []");
    }
}

fn proxy(order: &Order<'_>, container: &Container, out: &mut String) {
    let _ = writeln!(
        out,
        "  {}:\n    image: {}",
        container.name,
        needed(&image_variable(container.name))
    );
    if !container.arguments.is_empty() {
        let words: Vec<String> = container.arguments.iter().map(|a| for_compose(a)).collect();
        let _ = writeln!(out, "    command: [{}]", words.join(", "));
    }
    if !container.secrets.is_empty() {
        out.push_str("    environment:\n");
        for name in &container.secrets {
            let _ = writeln!(out, "      {name}: {}", needed(name));
        }
    }
    let _ = writeln!(
        out,
        "    # Yours, so that it reads what only you may read.\n    user: {}",
        needed("PROXY_USER")
    );
    if container.is_entrance {
        out.push_str("    ports:\n");
        for port in published(&order.door, order) {
            let _ = writeln!(out, "      - {}", quoted(&port));
        }
    }
    out.push_str("    volumes:\n");
    for (folder, target) in &container.reads {
        let _ = writeln!(out, "      - ./{folder}:{target}:ro");
    }
    let _ = writeln!(out, "      - ./secrets:{}:ro", super::SECRETS);
    if container.is_entrance && order.door.tls.is_files() {
        let (certificate, key) = match &order.request.certificate {
            Some((certificate, key)) => (certificate.as_str(), key.as_str()),
            None => ("./tls/tls.crt", "./tls/tls.key"),
        };
        for (from, name) in [(certificate, "tls.crt"), (key, "tls.key")] {
            let volume = format!("{from}:{TLS_FOLDER}/{name}:ro");
            let _ = writeln!(out, "      - {}", for_compose(&volume));
        }
    }
    for (folder, target) in container.keeps {
        let _ = writeln!(out, "      - ./{folder}:{target}");
    }
    let writes: Vec<String> = container.writes.iter().map(|w| quoted(w)).collect();
    let _ = writeln!(
        out,
        "    tmpfs: [{}]\n    networks: [inside, outside]\n    depends_on: [{}]\n    read_only: true\n    cap_drop: [ALL]\n    security_opt: [\"no-new-privileges:true\"]\n    restart: unless-stopped",
        writes.join(", "),
        order.id()
    );
}

/// The ports of the host that lead to the proxy.
fn published(door: &Door, order: &Order<'_>) -> Vec<String> {
    if order.request.name.is_none() {
        return vec![format!("{}:{}", order.request.listen, door.port)];
    }
    vec![format!("80:{}", INSIDE.0), format!("443:{}", INSIDE.1)]
}

/// What people fill in.
fn variables(order: &Order<'_>) -> String {
    let mut out =
        "# Fill in what is empty: nothing starts before. Only you may read this file (chmod 600).\n"
            .to_owned();
    if order.request.image.is_none() {
        let _ = writeln!(
            out,
            "# Such as {}@sha256:…\n{}=",
            order.image(),
            image_variable(order.id())
        );
    }
    for container in order.containers() {
        let _ = writeln!(
            out,
            "# Such as {}@sha256:…\n{}=",
            container.image,
            image_variable(container.name)
        );
    }
    out.push_str("# What `id -u` and `id -g` print, with a colon between them.\nPROXY_USER=\n");
    for secret in order.secrets() {
        let _ = writeln!(out, "# {}\n{secret}=", how_to_make(order, &secret));
    }
    out
}
