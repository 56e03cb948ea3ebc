//! A bootstrap file for Envoy 1.34 and newer.
//!
//! The one decision: two filters of rules stand behind the one that asks for the password, one that refuses and one that
//! lets through, so that a path which neither knows gets nothing. There is no administration interface.

use super::{
    Container, Hashed, LockdownFile, Order, UsersFile,
    door::Tls,
    profile::{TWOFOLD, forged},
    text::quoted,
};
use std::{fmt::Write as _, net::IpAddr};

/// Where it looks for what people make, on a host.
const FOLDER: &str = "/etc/envoy/";
const TYPE: &str = "\"@type\": type.googleapis.com";

pub(super) fn file(order: &Order<'_>) -> LockdownFile {
    LockdownFile {
        path: "envoy/envoy.yaml".to_owned(),
        text: text(order),
    }
}

pub(super) fn users(order: &Order<'_>) -> UsersFile {
    let folder = if order.request.ground.is_containers() {
        "secrets"
    } else {
        "envoy"
    };
    UsersFile {
        path: format!("{folder}/{}", order.users()),
        between: ':',
        hashed: Hashed::Sha1,
    }
}

pub(super) fn container(_: &Order<'_>) -> Container {
    Container {
        name: "proxy",
        image: "docker.io/envoyproxy/envoy:v1.36.2",
        arguments: ["envoy", "-c", "/etc/envoy/envoy.yaml"]
            .map(str::to_owned)
            .to_vec(),
        secrets: Vec::new(),
        reads: vec![("envoy", "/etc/envoy")],
        writes: &["/tmp"],
        keeps: &[],
        is_entrance: true,
    }
}

/// A text of so many lines, set in.
fn put(out: &mut String, blanks: usize, text: &str) {
    out.push_str(&super::text::set_in(text, blanks));
}

fn text(order: &Order<'_>) -> String {
    let product = order.request.product;
    let door = &order.door;
    let mut out = format!(
        "# {} behind Envoy: whoever has no password gets nothing.\nnode: {{id: proxy, cluster: lockdown}}\nlayered_runtime:\n  layers:\n    # Expressions of hundreds of paths are as quick as short ones.\n    - name: expressions\n      static_layer:\n        re2.max_program_size.error_level: 100000\n        re2.max_program_size.warn_level: 100000\nstatic_resources:\n  listeners:\n",
        product.name
    );
    listener(order, &mut out, "visitors", door.port);
    if let Tls::Files(certificate, key) = &door.tls {
        put(
            &mut out,
            10,
            &format!(
                "transport_socket:\n  name: envoy.transport_sockets.tls\n  typed_config:\n    {TYPE}/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext\n    common_tls_context:\n      alpn_protocols: [h2, http/1.1]\n      tls_params: {{tls_minimum_protocol_version: TLSv1_2}}\n      tls_certificates:\n        - certificate_chain: {{filename: {}}}\n          private_key: {{filename: {}}}",
                quoted(certificate),
                quoted(key)
            ),
        );
    }
    manager(&mut out, "visitors");
    put(
        &mut out,
        16,
        "# What two programs could read in two ways is refused or read once, here.",
    );
    put(
        &mut out,
        16,
        "normalize_path: true\nmerge_slashes: false\npath_with_escaped_slashes_action: REJECT_REQUEST\ncommon_http_protocol_options:\n  headers_with_underscores_action: DROP_HEADER\n  idle_timeout: 3600s\nuse_remote_address: true\ninternal_address_config: {unix_sockets: false}\nrequest_headers_timeout: 10s\nstream_idle_timeout: 3600s",
    );
    routes(order, &mut out);
    filters(order, &mut out);
    if let Some(plain) = door.plain {
        listener(order, &mut out, "without-tls", plain);
        manager(&mut out, "without_tls");
        put(
            &mut out,
            16,
            &format!(
                "route_config:\n  virtual_hosts:\n    - name: all\n      domains: [\"*\"]\n      routes:\n        - match: {{prefix: /}}\n          redirect: {{https_redirect: true}}\nhttp_filters:\n  - name: envoy.filters.http.router\n    typed_config:\n      {TYPE}/envoy.extensions.filters.http.router.v3.Router"
            ),
        );
    }
    cluster(order, &mut out);
    out
}

fn listener(order: &Order<'_>, out: &mut String, name: &str, port: u16) {
    let address = order.door.address.map_or("0.0.0.0".to_owned(), |a| a.to_string());
    let _ = write!(
        out,
        "    - name: {name}\n      address:\n        socket_address: {{address: {}, port_value: {port}}}\n      per_connection_buffer_limit_bytes: 1048576\n      filter_chains:\n        -\n",
        quoted(&address)
    );
}

fn manager(out: &mut String, name: &str) {
    put(
        out,
        10,
        &format!(
            "filters:\n  - name: envoy.filters.network.http_connection_manager\n    typed_config:\n      {TYPE}/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager\n      stat_prefix: {name}"
        ),
    );
}

fn routes(order: &Order<'_>, out: &mut String) {
    let id = order.id();
    let domains = match &order.request.name {
        Some(name) => format!("[{}, {}]", quoted(name), quoted(&format!("{name}:443"))),
        None => "[\"*\"]".to_owned(),
    };
    let mut text = format!(
        "route_config:\n  # Only the proxy says who is there.\n  request_headers_to_remove:\n{}  virtual_hosts:\n    - name: {id}\n      domains: {domains}\n",
        removed(order)
    );
    let overwritten = [
        ("x-real-ip", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"),
        ("x-forwarded-for", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"),
        ("x-forwarded-host", "%REQ(:AUTHORITY)%"),
    ];
    text.push_str("      request_headers_to_add:\n");
    for (name, value) in overwritten {
        let _ = writeln!(
            text,
            "        - header: {{key: {name}, value: \"{value}\"}}\n          append_action: OVERWRITE_IF_EXISTS_OR_ADD"
        );
    }
    if order.door.is_tls() {
        text.push_str("      response_headers_to_add:\n        - header: {key: strict-transport-security, value: max-age=31536000}\n");
    }
    text.push_str("      routes:\n");
    let host = if order.asks_own_host() {
        ", host_rewrite_literal: localhost"
    } else {
        ""
    };
    if let Some(websocket) = &order.profile.websocket {
        let _ = writeln!(
            text,
            "        - match: {{safe_regex: {{regex: {}}}}}\n          route: {{cluster: {id}, timeout: 0s, idle_timeout: 3600s{host}, upgrade_configs: [{{upgrade_type: websocket}}]}}",
            quoted(websocket)
        );
    }
    let _ = writeln!(
        text,
        "        - match: {{prefix: /}}\n          route: {{cluster: {id}, timeout: 0s, idle_timeout: 3600s{host}}}"
    );
    put(out, 16, &text);
}

/// Headers that no client may bring.
fn removed(order: &Order<'_>) -> String {
    let mut names: Vec<&str> = forged().collect();
    if order.asks_own_host() {
        names.push("Origin");
    }
    if order
        .own
        .credential
        .as_ref()
        .is_none_or(|c| c.header != "Authorization")
    {
        names.push("Authorization");
    }
    names
        .iter()
        .map(|n| format!("    - {}\n", n.to_ascii_lowercase()))
        .collect()
}

fn filters(order: &Order<'_>, out: &mut String) {
    let mut text = format!(
        "http_filters:\n  - name: envoy.filters.http.basic_auth\n    typed_config:\n      {TYPE}/envoy.extensions.filters.http.basic_auth.v3.BasicAuth\n      users: {{filename: {}}}\n",
        quoted(&order.secret(FOLDER, &order.users()))
    );
    // What is matched is matched as a whole.
    let twofold = format!("{TWOFOLD}.*").replace("(?i)", "(?is)");
    let _ = write!(
        text,
        "  - name: envoy.filters.http.rbac.refused\n    typed_config:\n      {TYPE}/envoy.extensions.filters.http.rbac.v3.RBAC\n      rules:\n        action: DENY\n        policies:\n          twofold:\n            principals: [{{any: true}}]\n            permissions:\n              - header: {{name: \":path\", string_match: {{safe_regex: {{regex: {}}}}}}}\n",
        quoted(&twofold)
    );
    text.push_str(FOREIGN);
    let _ = write!(
        text,
        "              # Not every browser says so; all name the site of a page that writes or opens a WebSocket.\n              - and_rules:\n                  rules:\n                    - header: {{name: origin, present_match: true}}\n                    - not_rule: {{header: {{name: origin, string_match: {{safe_regex: {{regex: {}}}}}}}}}\n                    - not_rule: {{header: {{name: sec-fetch-site, string_match: {{exact: same-origin}}}}}}\n",
        quoted(&order.own_origins())
    );
    if let Some(deny) = &order.profile.deny {
        let _ = write!(
            text,
            "          # What nobody needs from outside.\n          denied:\n            principals: [{{any: true}}]\n            permissions:\n              - url_path: {{path: {{safe_regex: {{regex: {}}}}}}}\n",
            quoted(deny)
        );
    }
    let _ = write!(
        text,
        "  - name: envoy.filters.http.rbac.let-through\n    typed_config:\n      {TYPE}/envoy.extensions.filters.http.rbac.v3.RBAC\n      rules:\n        action: ALLOW\n        policies:\n          listed:\n            principals: [{{any: true}}]\n            permissions:\n              - and_rules:\n                  rules:\n"
    );
    match &order.profile.allow {
        Some(allow) => {
            let _ = writeln!(
                text,
                "                    - url_path: {{path: {{safe_regex: {{regex: {}}}}}}}",
                quoted(allow)
            );
        }
        None => text.push_str("                    - any: true\n"),
    }
    if order.profile.read_only {
        text.push_str("                    - header: {name: \":method\", string_match: {safe_regex: {regex: \"GET|HEAD\"}}}\n");
    }
    if let Some(credential) = &order.own.credential {
        let _ = write!(
            text,
            "  - name: envoy.filters.http.credential_injector\n    typed_config:\n      {TYPE}/envoy.extensions.filters.http.credential_injector.v3.CredentialInjector\n      overwrite: true\n      credential:\n        name: envoy.http.injected_credentials.generic\n        typed_config:\n          {TYPE}/envoy.extensions.http.injected_credentials.generic.v3.Generic\n          header: {}\n          credential:\n            name: {}\n            sds_config:\n              path_config_source: {{path: {}}}\n",
            credential.header,
            order.id(),
            quoted(&order.secret(FOLDER, &order.credential()))
        );
    }
    let _ = write!(
        text,
        "  - name: envoy.filters.http.router\n    typed_config:\n      {TYPE}/envoy.extensions.filters.http.router.v3.Router\n"
    );
    put(out, 16, &text);
}

/// A request that a page of another site makes with the visitor's password.
const FOREIGN: &str = r#"          foreign:
            principals: [{any: true}]
            permissions:
              - and_rules:
                  rules:
                    - header: {name: sec-fetch-site, string_match: {safe_regex: {regex: "(cross|same)-site"}}}
                    - not_rule:
                        and_rules:
                          rules:
                            - header: {name: ":method", string_match: {safe_regex: {regex: "GET|HEAD"}}}
                            - header: {name: sec-fetch-mode, string_match: {exact: navigate}}
"#;

fn cluster(order: &Order<'_>, out: &mut String) {
    let upstream = &order.upstream;
    let id = order.id();
    let host = upstream.host.trim_start_matches('[').trim_end_matches(']');
    let kind = if host.parse::<IpAddr>().is_ok() {
        "STATIC"
    } else {
        "STRICT_DNS"
    };
    let mut text = format!(
        "  clusters:\n    - name: {id}\n      type: {kind}\n      connect_timeout: 5s\n      load_assignment:\n        cluster_name: {id}\n        endpoints:\n          - lb_endpoints:\n              - endpoint:\n                  address:\n                    socket_address: {{address: {}, port_value: {}}}\n",
        quoted(host),
        upstream.port
    );
    if upstream.tls {
        let _ = write!(
            text,
            "      transport_socket:\n        name: envoy.transport_sockets.tls\n        typed_config:\n          {TYPE}/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext\n          sni: {0}\n          common_tls_context:\n            validation_context:\n              trusted_ca: {{filename: /etc/ssl/certs/ca-certificates.crt}}\n              match_typed_subject_alt_names:\n                - {{san_type: DNS, matcher: {{exact: {0}}}}}\n",
            quoted(host)
        );
    }
    out.push_str(&text);
}
