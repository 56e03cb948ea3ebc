//! oauth2-proxy asks for the sign-in, nginx in front of it for the paths: it opens paths by expressions but refuses none.

use super::{Container, Ground, LockdownFile, Order, nginx};
use std::fmt::Write as _;

const FOLDER: &str = "/etc/oauth2-proxy/";
/// What it is given as variables, since a file would hold it in clear.
const SECRETS: [&str; 3] = [
    "OAUTH2_PROXY_CLIENT_ID",
    "OAUTH2_PROXY_CLIENT_SECRET",
    "OAUTH2_PROXY_COOKIE_SECRET",
];

pub(super) fn files(order: &Order<'_>) -> Vec<LockdownFile> {
    let mut out = vec![nginx::file(order)];
    out.extend(nginx::others(order));
    out.push(LockdownFile {
        path: "oauth2-proxy/oauth2-proxy.cfg".to_owned(),
        text: text(order),
    });
    out
}

pub(super) fn containers(order: &Order<'_>) -> Vec<Container> {
    let asks = Container {
        name: "oauth2-proxy",
        image: "quay.io/oauth2-proxy/oauth2-proxy:v7.14.0",
        arguments: vec![format!("--config={FOLDER}oauth2-proxy.cfg")],
        secrets: SECRETS.map(str::to_owned).to_vec(),
        reads: vec![("oauth2-proxy", "/etc/oauth2-proxy")],
        writes: &["/tmp"],
        keeps: &[],
        is_entrance: false,
    };
    vec![nginx::container(order), asks]
}

/// The variables that it needs on a host.
pub(super) fn variables() -> [&'static str; 3] {
    SECRETS
}

/// Where it listens, as nginx reaches it.
pub(super) fn address(order: &Order<'_>) -> &'static str {
    if order.request.ground == Ground::Compose {
        "oauth2-proxy:4180"
    } else {
        "127.0.0.1:4180"
    }
}

/// The file with the mail addresses of those who may sign in.
pub(super) fn addresses(order: &Order<'_>) -> String {
    let folder = if order.request.ground.is_containers() {
        "secrets"
    } else {
        "oauth2-proxy"
    };
    format!("{folder}/{}.emails", order.id())
}

fn text(order: &Order<'_>) -> String {
    let id = order.id();
    let tls = order.door.is_tls();
    let listens = if order.request.ground == Ground::Compose {
        "0.0.0.0:4180"
    } else {
        "127.0.0.1:4180"
    };
    let mut out = format!(
        "# Who may see {}: those whose address stands in a file, as their identity provider says.\n",
        order.request.product.name
    );
    let mut say = |name: &str, value: &str| {
        let _ = writeln!(out, "{name} = {value}");
    };
    let quoted = super::text::quoted;
    say("provider", "\"oidc\"");
    say("oidc_issuer_url", &quoted(&order.issuer()));
    say(
        "redirect_url",
        &quoted(&format!("{}/oauth2/callback", order.site)),
    );
    say("scope", "\"openid email\"");
    say("code_challenge_method", "\"S256\"");
    say(
        "authenticated_emails_file",
        &quoted(&order.secret(FOLDER, &format!("{id}.emails"))),
    );
    say("http_address", &quoted(listens));
    say("reverse_proxy", "true");
    say("real_client_ip_header", "\"X-Real-IP\"");
    // It answers yes or no to nginx, and leads nowhere itself.
    say("upstreams", "[\"static://202\"]");
    say("skip_provider_button", "true");
    // Programs sign in with a token of the same provider.
    say("skip_jwt_bearer_tokens", "true");
    for off in [
        "pass_basic_auth",
        "pass_user_headers",
        "pass_access_token",
        "set_xauthrequest",
    ] {
        say(off, "false");
    }
    let prefix = if tls { "__Host-" } else { "" };
    say("cookie_name", &quoted(&format!("{prefix}{id}")));
    say("cookie_secure", if tls { "true" } else { "false" });
    say("cookie_httponly", "true");
    say("cookie_samesite", "\"lax\"");
    say("cookie_expire", "\"12h\"");
    say("cookie_refresh", "\"1h\"");
    out
}
