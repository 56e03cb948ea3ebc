//! A file for nginx's `conf.d`, for nginx 1.22 and newer.

use super::{
    Container, Front, Hashed, LockdownFile, Order, UsersFile,
    door::Tls,
    oauth2_proxy,
    profile::{TWOFOLD, forged},
};
use std::fmt::Write as _;

pub(super) fn file(order: &Order<'_>) -> LockdownFile {
    LockdownFile {
        path: format!("nginx/conf.d/{}.conf", order.id()),
        text: text(order),
    }
}

pub(super) fn users(order: &Order<'_>) -> UsersFile {
    let folder = if order.request.ground.is_containers() {
        "secrets"
    } else {
        "nginx/lockdown"
    };
    UsersFile {
        path: format!("{folder}/{}", order.users()),
        between: ':',
        hashed: Hashed::Bcrypt,
    }
}

pub(super) fn container(_: &Order<'_>) -> Container {
    Container {
        name: "proxy",
        image: "docker.io/nginxinc/nginx-unprivileged:1.28.0",
        arguments: Vec::new(),
        secrets: Vec::new(),
        reads: vec![("nginx/conf.d", "/etc/nginx/conf.d")],
        writes: &["/tmp"],
        keeps: &[],
        is_entrance: true,
    }
}

/// A port on all addresses, as many times as there are families of them.
fn listen(order: &Order<'_>, port: u16, more: &str, out: &mut String) {
    let _ = writeln!(out, "\tlisten {port}{more};");
    // A container may have no IPv6.
    if !order.request.ground.is_containers() {
        let _ = writeln!(out, "\tlisten [::]:{port}{more};");
    }
}

/// The server of all names that are no one's: one for all products that are closed on a host.
pub(super) fn others(order: &Order<'_>) -> Option<LockdownFile> {
    order.request.name.as_ref()?;
    let mut text = "# Names that no file here speaks of get no answer.\nserver {\n".to_owned();
    listen(order, order.door.port, " ssl default_server", &mut text);
    text.push_str("\tssl_reject_handshake on;\n\treturn 444;\n}\n");
    Some(LockdownFile {
        path: "nginx/conf.d/000-other-names.conf".to_owned(),
        text,
    })
}

pub(super) fn text(order: &Order<'_>) -> String {
    let product = order.request.product;
    let word = order.word();
    let mut out = format!(
        "# {} behind nginx: whoever has no password gets nothing.\n\n",
        product.name
    );
    maps(order, &word, &mut out);
    let tls = order.door.is_tls();
    server(order, &mut out);
    out.push_str("\tserver_tokens off;\n\tclient_header_timeout 10s;\n\n");
    if order.request.front == Front::Oauth2Proxy {
        asks_another(order, &mut out);
    } else {
        let _ = write!(
            out,
            "\tauth_basic \"{}\";\n\tauth_basic_user_file {};\n\n",
            product.name,
            order.secret("lockdown/", &order.users())
        );
    }
    out.push_str("\tlocation / {\n");
    if order.request.front == Front::Oauth2Proxy {
        out.push_str("\t\tauth_request /oauth2/auth;\n\t\terror_page 401 = @sign_in;\n\n");
    }
    let mut refuse = |about: &str, variable: &str, status: u16| {
        let _ = writeln!(
            out,
            "\t\t# {about}\n\t\tif (${word}_{variable}) {{\n\t\t\treturn {status};\n\t\t}}"
        );
    };
    refuse("A path that two programs could read in two ways.", "twofold", 400);
    refuse(
        "A request that a page of another site makes with the visitor's password.",
        "foreign",
        403,
    );
    refuse(
        "The same of browsers that do not say so; they name the page's site.",
        "origin",
        403,
    );
    if order.profile.deny.is_some() || order.profile.allow.is_some() {
        refuse("What nobody needs from outside.", "refused", 403);
    }
    if order.profile.read_only {
        out.push_str("\t\t# Nothing but reading; `GET` means `HEAD`, too.\n\t\tlimit_except GET {\n\t\t\tdeny all;\n\t\t}\n");
    }
    proxy(order, &word, tls, &mut out);
    out.push_str("\t}\n}\n");
    out
}

/// The beginning of the server that people visit, and the one before it that leads there.
fn server(order: &Order<'_>, out: &mut String) {
    let door = &order.door;
    let (Some(name), Tls::Files(certificate, key)) = (&order.request.name, &door.tls) else {
        let at = match door.address {
            Some(address) => std::net::SocketAddr::new(address, door.port).to_string(),
            None => door.port.to_string(),
        };
        let _ = write!(out, "server {{\n\tlisten {at};\n\tserver_name _;\n");
        return;
    };
    if let Some(plain) = door.plain {
        out.push_str("server {\n");
        listen(order, plain, "", out);
        let _ = write!(
            out,
            "\tserver_name {name};\n\treturn 301 https://{name}$request_uri;\n}}\n\n"
        );
    }
    out.push_str("server {\n");
    listen(order, door.port, " ssl http2", out);
    let _ = write!(
        out,
        "\tserver_name {name};\n\tssl_certificate {certificate};\n\tssl_certificate_key {key};\n\tssl_protocols TLSv1.2 TLSv1.3;\n\tadd_header Strict-Transport-Security max-age=31536000 always;\n"
    );
}

/// The places of oauth2-proxy, which is asked before each request.
fn asks_another(order: &Order<'_>, out: &mut String) {
    let address = oauth2_proxy::address(order);
    let scheme = if order.door.is_tls() { "https" } else { "http" };
    let told = format!(
        "\t\tproxy_pass http://{address};\n\t\tproxy_set_header Host $http_host;\n\t\tproxy_set_header X-Real-IP $remote_addr;\n\t\tproxy_set_header X-Forwarded-For $remote_addr;\n\t\tproxy_set_header X-Forwarded-Host $http_host;\n\t\tproxy_set_header X-Forwarded-Proto {scheme};\n\t\tproxy_set_header X-Forwarded-Uri $request_uri;\n\t\tproxy_buffer_size 16k;\n\t\tproxy_buffers 8 16k;\n\t\tproxy_busy_buffers_size 32k;\n"
    );
    let _ = write!(
        out,
        "\tlocation = /oauth2/auth {{\n\t\tinternal;\n{told}\t\tproxy_set_header Content-Length \"\";\n\t\tproxy_pass_request_body off;\n\t}}\n\n"
    );
    let _ = write!(
        out,
        "\tlocation /oauth2/ {{\n{told}\t\tproxy_set_header X-Auth-Request-Redirect \"\";\n\t}}\n\n"
    );
    // Programs are told that they are nobody; people are led to where they sign in.
    let _ = write!(
        out,
        "\tlocation @sign_in {{\n\t\tif ($http_accept !~ \"text/html\") {{\n\t\t\treturn 401;\n\t\t}}\n\t\treturn 302 {}/oauth2/start?rd=$request_uri;\n\t}}\n\n",
        order.site
    );
}

/// What a request is, as variables.
fn maps(order: &Order<'_>, word: &str, out: &mut String) {
    let _ = write!(
        out,
        "map $request_uri ${word}_twofold {{\n\tdefault 0;\n\t\"~{TWOFOLD}\" 1;\n}}\n\n"
    );
    let _ = write!(
        out,
        "map \"$request_method:$http_sec_fetch_site:$http_sec_fetch_mode\" ${word}_foreign {{\n\tdefault 0;\n\t\"~^(GET|HEAD):(cross|same)-site:navigate$\" 0;\n\t\"~:(cross|same)-site:\" 1;\n}}\n\n"
    );
    let _ = write!(
        out,
        "map \"$http_sec_fetch_site:$http_origin\" ${word}_origin {{\n\tdefault 1;\n\t\"~^[^:]*:$\" 0;\n\t\"~^same-origin:\" 0;\n\t\"~^[^:]*:{}$\" 0;\n}}\n\n",
        order.own_origins()
    );
    if order.profile.deny.is_some() || order.profile.allow.is_some() {
        let _ = writeln!(out, "map $uri ${word}_refused {{");
        if let Some(deny) = &order.profile.deny {
            let _ = writeln!(out, "\t\"~{deny}\" 1;");
        }
        match &order.profile.allow {
            Some(allow) => {
                let _ = writeln!(out, "\tdefault 1;\n\t\"~{allow}\" 0;");
            }
            None => out.push_str("\tdefault 0;\n"),
        }
        out.push_str("}\n\n");
    }
    if let Some(websocket) = &order.profile.websocket {
        let _ = write!(
            out,
            "map $uri ${word}_upgrade {{\n\tdefault \"\";\n\t\"~{websocket}\" $http_upgrade;\n}}\n\nmap ${word}_upgrade ${word}_connection {{\n\tdefault upgrade;\n\t\"\" \"\";\n}}\n\n"
        );
    }
}

fn proxy(order: &Order<'_>, word: &str, tls: bool, out: &mut String) {
    let upstream = &order.upstream;
    let scheme = if upstream.tls { "https" } else { "http" };
    let _ = writeln!(
        out,
        "\n\t\tproxy_pass {scheme}://{}:{};",
        upstream.host, upstream.port
    );
    if upstream.tls {
        let _ = writeln!(
            out,
            "\t\tproxy_ssl_server_name on;\n\t\tproxy_ssl_name {};\n\t\tproxy_ssl_verify on;\n\t\tproxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;",
            upstream.host
        );
    }
    out.push_str("\t\tproxy_http_version 1.1;\n");
    if order.profile.websocket.is_some() {
        let _ = writeln!(
            out,
            "\t\tproxy_set_header Upgrade ${word}_upgrade;\n\t\tproxy_set_header Connection ${word}_connection;"
        );
    } else {
        out.push_str("\t\tproxy_set_header Connection \"\";\n");
    }
    out.push_str("\t\t# Answers pass as they come: streams, events, downloads and uploads of any size.\n");
    out.push_str("\t\tproxy_buffering off;\n\t\tproxy_max_temp_file_size 0;\n\t\tproxy_read_timeout 1h;\n\t\tproxy_send_timeout 1h;\n");
    if order.is_unbounded() {
        out.push_str("\t\tproxy_request_buffering off;\n\t\tclient_max_body_size 0;\n");
    }
    out.push_str("\t\t# Only the proxy says who is there.\n\t\tproxy_headers_hash_max_size 2048;\n\t\tproxy_headers_hash_bucket_size 128;\n");
    if order.asks_own_host() {
        out.push_str("\t\tproxy_set_header Host localhost;\n\t\tproxy_set_header Origin \"\";\n");
    } else {
        out.push_str("\t\tproxy_set_header Host $http_host;\n");
    }
    let scheme = if tls { "https" } else { "$scheme" };
    let _ = writeln!(
        out,
        "\t\tproxy_set_header X-Real-IP $remote_addr;\n\t\tproxy_set_header X-Forwarded-For $remote_addr;\n\t\tproxy_set_header X-Forwarded-Host $http_host;\n\t\tproxy_set_header X-Forwarded-Proto {scheme};"
    );
    for header in forged() {
        let _ = writeln!(out, "\t\tproxy_set_header {header} \"\";");
    }
    out.push_str("\t\t# The password is the proxy's.\n");
    match &order.own.credential {
        Some(credential) => {
            if credential.header != "Authorization" {
                out.push_str("\t\tproxy_set_header Authorization \"\";\n");
            }
            let _ = writeln!(
                out,
                "\t\tinclude {};",
                order.secret("lockdown/", &order.credential())
            );
        }
        None => out.push_str("\t\tproxy_set_header Authorization \"\";\n"),
    }
}
