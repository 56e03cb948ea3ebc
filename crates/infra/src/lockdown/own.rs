//! The product's own half of a lockdown: its authentication, where it listens, and what it has to be told about a proxy.
//!
//! The one decision: the catalogue's settings are sorted by their shape into options, variables and lines of
//! configuration, so that a new product needs no code here; what no shape tells stands in two small tables below.

use crate::products::Product;
use std::fmt::Write as _;

/// Stands for a secret in the catalogue's settings.
const SECRET: char = '…';

/// What the product itself is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Own {
    /// The program with its subcommand; empty where the catalogue names none.
    pub(super) program: Vec<String>,
    /// Options behind it.
    pub(super) flags: Vec<Value>,
    /// Variables of its environment.
    pub(super) environment: Vec<(String, Value)>,
    /// What has to be said elsewhere, as it is written there.
    pub(super) lines: Vec<String>,
    /// Whether it then asks for a password by itself.
    pub(super) asks: bool,
    /// The header with which the proxy signs in to it, where its own authentication uses the header that the proxy's
    /// uses, too.
    pub(super) credential: Option<Credential>,
    /// Whether it can be made to listen on 127.0.0.1 only.
    pub(super) binds: bool,
}

/// A text that may hold one secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) before: String,
    /// The name of the variable that the secret comes from.
    pub(super) secret: Option<String>,
}

impl Value {
    fn plain(text: impl Into<String>) -> Self {
        Self {
            before: text.into(),
            secret: None,
        }
    }

    /// The text with the secret as that is written somewhere.
    pub(super) fn with(&self, write: impl Fn(&str) -> String) -> String {
        let secret = self.secret.as_deref().map(write).unwrap_or_default();
        format!("{}{secret}", self.before)
    }
}

/// How a proxy signs in to a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Credential {
    /// The header.
    pub(super) header: &'static str,
    /// What stands before the secret, in words of the header: `Bearer `, `Basic `.
    pub(super) scheme: &'static str,
    /// The user of Basic authentication.
    pub(super) user: Option<&'static str>,
    /// The variable that holds the secret.
    pub(super) secret: String,
}

/// How these products are asked with their own password once it is on: header, scheme, user.
///
/// A client sends one `Authorization` header, and the proxy's own question uses it up.
const SIGN_IN: &[(&str, &str, &str, Option<&str>)] = &[
    ("flower", "Authorization", "Basic ", Some("user")),
    ("koboldcpp", "Authorization", "Bearer ", None),
    ("litellm", "Authorization", "Bearer ", None),
    ("llama-cpp", "Authorization", "Bearer ", None),
    ("lmdeploy", "Authorization", "Bearer ", None),
    ("localai", "Authorization", "Bearer ", None),
    ("mlflow", "Authorization", "Basic ", Some("admin")),
    ("prefect", "Authorization", "Basic ", Some("admin")),
    ("qdrant", "api-key", "", None),
    ("ray", "Authorization", "Bearer ", None),
    ("sglang", "Authorization", "Bearer ", None),
    ("tei", "Authorization", "Bearer ", None),
    ("text-generation-webui", "Authorization", "Bearer ", None),
    ("tgi", "Authorization", "Bearer ", None),
    ("vllm", "Authorization", "Bearer ", None),
    ("weaviate", "Authorization", "Bearer ", None),
];

/// What the settings above do not say and their product does not start without.
const ALSO: &[(&str, &str)] = &[("ray", "RAY_AUTH_TOKEN=…")];

/// Products whose own password is none for reading.
const ONLY_WRITING: &[&str] = &["evidently", "triton"];

/// What a product behind a proxy has to be told of the name under which it is visited; `{name}` stands for that, `{site}`
/// for the address with its scheme.
const NAMED: &[(&str, &[&str])] = &[
    ("airflow", &["AIRFLOW__API__BASE_URL={site}"]),
    ("bokeh", &["--allow-websocket-origin={name}"]),
    ("code-server", &["--trusted-origins={name}"]),
    ("grafana", &["GF_SERVER_ROOT_URL={site}/"]),
    ("jupyter", &["--ServerApp.allow_remote_access=True"]),
    (
        "label-studio",
        &["LABEL_STUDIO_HOST={site}", "CSRF_TRUSTED_ORIGINS={site}"],
    ),
    ("langfuse", &["NEXTAUTH_URL={site}"]),
    (
        "mlflow",
        &["--allowed-hosts={name}", "--cors-allowed-origins={site}"],
    ),
    ("n8n", &["WEBHOOK_URL={site}/", "N8N_PROXY_HOPS=1"]),
    ("open-webui", &["WEBUI_URL={site}", "CORS_ALLOW_ORIGIN={site}"]),
    ("panel", &["--allow-websocket-origin={name}"]),
    ("prefect", &["PREFECT_UI_API_URL={site}/api"]),
    ("streamlit", &["STREAMLIT_BROWSER_SERVER_ADDRESS={name}"]),
];

/// Products that refuse foreign `Host` headers and cannot be told one: the proxy names the address behind it.
pub(super) const OWN_HOST: &[&str] = &["ollama", "lm-studio"];

impl Own {
    /// What a product is told that a proxy on the same host stands in front of, which is visited at `name`.
    ///
    /// Where only the proxy's container shares a network with it, it listens there, `wide`: it would not be reached otherwise.
    pub(super) fn of(product: &Product, name: &str, site: &str, wide: bool) -> Self {
        let mut own = Self {
            program: program(product),
            ..Self::default()
        };
        let secret_by_variable = product
            .settings
            .iter()
            .any(|s| is_variable(s) && s.contains(SECRET))
            || product.start.on_env.iter().any(|e| !e.contains('='));
        for setting in product.settings {
            own.setting(product, setting, secret_by_variable);
        }
        for (_, setting) in ALSO.iter().filter(|(id, _)| *id == product.id) {
            own.setting(product, setting, secret_by_variable);
        }
        own.bind(product);
        if wide {
            own.widen();
        }
        let named = NAMED.iter().find(|(id, _)| *id == product.id);
        for said in named.into_iter().flat_map(|(_, said)| said.iter()) {
            let said = said.replace("{name}", name).replace("{site}", site);
            match said.split_once('=') {
                Some((variable, value)) if is_variable(&said) => {
                    own.environment.push((variable.to_owned(), Value::plain(value)));
                }
                _ => own.flags.push(Value::plain(said)),
            }
        }
        let by_default = product.start.asks || product.defaults.first().is_some_and(|d| d.asks);
        own.asks = by_default || own.turns_on(product) || !own.secrets().is_empty();
        own.asks &= !ONLY_WRITING.contains(&product.id);
        own.credential = own.sign_in(product);
        own
    }

    fn widen(&mut self) {
        let values = self.environment.iter_mut().map(|(_, v)| v).chain(&mut self.flags);
        let texts = values.map(|v| &mut v.before).chain(&mut self.lines);
        for text in texts {
            *text = text.replace("127.0.0.1", "0.0.0.0");
        }
        self.binds = false;
    }

    fn setting(&mut self, product: &Product, setting: &str, secret_by_variable: bool) {
        if is_variable(setting) {
            let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
            self.environment.push((name.to_owned(), secret_of(value, name)));
            return;
        }
        let mut words: Vec<&str> = setting.split(' ').collect();
        // Some are written with the program in front.
        let is_start = |w: &&str| {
            let start = &product.start;
            start.programs.contains(w)
                || start.servers.contains(w)
                || start.commands.iter().any(|c| c.contains(w))
        };
        while words.first().is_some_and(is_start) {
            words.remove(0);
        }
        if !words.first().is_some_and(|w| w.starts_with('-')) || words.iter().any(|w| names_file(w)) {
            self.lines.push(setting.to_owned());
            return;
        }
        let mut words = words.into_iter().peekable();
        while let Some(word) = words.next() {
            let value = words.next_if(|w| !w.starts_with('-'));
            let text = match value {
                Some(value) => format!("{word}={value}"),
                None => word.to_owned(),
            };
            if text.contains(SECRET) {
                // An option is seen by everybody who lists the processes; a variable is not.
                if secret_by_variable {
                    self.by_variable(product);
                    continue;
                }
                let name = variable_name(product.id, word.split('=').next().unwrap_or(word));
                self.flags.push(secret_of(&text, &name));
            } else {
                self.flags.push(Value::plain(text));
            }
        }
    }

    /// The variable that says what an option would.
    fn by_variable(&mut self, product: &Product) {
        let named = product.start.on_env.iter().find(|e| !e.contains('='));
        if let Some(name) = named
            && self
                .environment
                .iter()
                .all(|(n, v)| n != name && v.secret.is_none())
            && !product
                .settings
                .iter()
                .any(|s| is_variable(s) && s.contains(SECRET))
        {
            self.environment.push(((*name).to_owned(), secret_of("…", name)));
        }
    }

    /// Lets it listen on the loopback address, unless its settings say so already.
    fn bind(&mut self, product: &Product) {
        let said = |text: &str| text.contains("127.0.0.1");
        self.binds = self.flags.iter().any(|f| said(&f.before))
            || self.environment.iter().any(|(_, v)| said(&v.before))
            || self.lines.iter().any(|l| said(l));
        if self.binds {
            return;
        }
        let port = product.ports.first().map_or(0, |p| p.port);
        if let Some(flag) = product.start.bind_flags.iter().find(|f| f.starts_with("--")) {
            // Bound to a socket, not to an address.
            let with_port = flag.ends_with("-addr") || flag.ends_with("listen-address");
            let address = if with_port {
                format!("127.0.0.1:{port}")
            } else {
                "127.0.0.1".to_owned()
            };
            self.flags.push(Value::plain(format!("{flag}={address}")));
            self.binds = true;
        } else if let Some(name) = product.start.bind_env.first() {
            self.environment
                .push(((*name).to_owned(), Value::plain("127.0.0.1")));
            self.binds = true;
        } else if product.id == "jupyter" {
            self.flags.push(Value::plain("--ip=127.0.0.1"));
            self.binds = true;
        }
        if !product.start.listens && !self.program.is_empty() {
            self.binds = true;
        }
    }

    fn turns_on(&self, product: &Product) -> bool {
        let flag = |name: &&&str| {
            self.flags
                .iter()
                .any(|f| f.before.split('=').next() == Some(**name))
        };
        let variable = |said: &&&str| {
            let (name, value) = said.split_once('=').map_or((**said, None), |(n, v)| (n, Some(v)));
            self.environment.iter().any(|(n, v)| {
                n == name
                    && value.is_none_or(|value| v.secret.is_none() && v.before.eq_ignore_ascii_case(value))
            })
        };
        product.start.on_flags.iter().any(|f| flag(&f)) || product.start.on_env.iter().any(|e| variable(&e))
    }

    fn sign_in(&self, product: &Product) -> Option<Credential> {
        let (_, header, scheme, user) = SIGN_IN.iter().find(|(id, ..)| *id == product.id)?;
        let secrets = self
            .environment
            .iter()
            .map(|(_, value)| value)
            .chain(&self.flags)
            .filter_map(|v| v.secret.clone());
        // The secret that keeps cookies together is not the one that signs in.
        let mut secrets = secrets.filter(|s| !s.contains("SECRET_KEY"));
        let secret = secrets.next()?;
        Some(Credential {
            header,
            scheme,
            user: *user,
            secret,
        })
    }

    /// Every secret once, in the order in which they are met.
    pub(super) fn secrets(&self) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        let values = self.environment.iter().map(|(_, v)| v).chain(&self.flags);
        for name in values.filter_map(|v| v.secret.clone()) {
            if !out.contains(&name) {
                out.push(name);
            }
        }
        out
    }

    /// The start as one line of a shell, secrets from the environment; empty where no program is known.
    pub(super) fn command(&self) -> String {
        let mut out = self.program.join(" ");
        if out.is_empty() {
            return out;
        }
        for flag in &self.flags {
            let _ = write!(out, " {}", flag.with(|name| format!("\"${name}\"")));
        }
        out
    }
}

/// The program and the subcommand that serves.
fn program(product: &Product) -> Vec<String> {
    let start = &product.start;
    // An engine that is a module is run as one.
    let module = |p: &&&str| !p.contains('.');
    let program = start
        .programs
        .iter()
        .find(module)
        .or_else(|| start.servers.iter().find(module));
    let Some(program) = program else {
        return Vec::new();
    };
    let mut out = vec![(*program).to_owned()];
    if product.start.programs.contains(program)
        && let Some(words) = start.commands.first()
    {
        out.extend(words.iter().map(|w| (*w).to_owned()));
    }
    if product.id == "jupyter" {
        out.push("lab".to_owned());
    }
    if product.id == "ray" {
        out.push("--head".to_owned());
    }
    out
}

/// Whether a setting is a variable of the environment: `NAME=value`.
fn is_variable(setting: &str) -> bool {
    setting.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    })
}

/// Whether a word names a file that somebody has to write first.
fn names_file(word: &str) -> bool {
    let value = word.rsplit('=').next().unwrap_or(word);
    let ends = [".py", ".pem", ".yml", ".yaml", ".json", ".properties", ".jks"];
    ends.iter().any(|e| value.ends_with(e))
}

/// A value whose secret, or whose example, comes from that variable.
fn secret_of(value: &str, name: &str) -> Value {
    match value.split_once(SECRET) {
        Some((before, _)) => Value {
            before: before.to_owned(),
            secret: Some(name.to_owned()),
        },
        None if value.contains(".example") => Value {
            before: String::new(),
            secret: Some(name.to_owned()),
        },
        None => Value::plain(value),
    }
}

/// `sglang` and `--api-key` as `SGLANG_API_KEY`.
fn variable_name(id: &str, flag: &str) -> String {
    let mut out = String::new();
    for c in id
        .chars()
        .chain(std::iter::once('_'))
        .chain(flag.trim_start_matches('-').chars())
    {
        out.push(if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PRODUCTS;
    use insta::assert_snapshot;

    fn shown(id: &str) -> String {
        let product = PRODUCTS.iter().find(|p| p.id == id).unwrap();
        let own = Own::of(product, "ml.example", "https://ml.example", false);
        let mut out = format!("{}\n", own.command());
        for (name, value) in &own.environment {
            let _ = writeln!(out, "{name}={}", value.with(|n| format!("<{n}>")));
        }
        for line in &own.lines {
            let _ = writeln!(out, "| {line}");
        }
        let _ = writeln!(
            out,
            "asks {} binds {} signs in {:?}",
            own.asks,
            own.binds,
            own.credential.map(|c| c.secret)
        );
        out
    }

    #[test]
    fn settings_are_sorted_by_their_shape() {
        let ids = [
            "mlflow",
            "vllm",
            "prefect",
            "sglang",
            "ray",
            "code-server",
            "evidently",
            "jupyter",
            "wandb",
        ];
        let all: Vec<String> = ids.iter().map(|id| shown(id)).collect();
        assert_snapshot!(all.join("\n"), @r#"
        mlflow server --app-name=basic-auth --host=127.0.0.1 --allowed-hosts=ml.example --cors-allowed-origins=https://ml.example
        MLFLOW_FLASK_SERVER_SECRET_KEY=<MLFLOW_FLASK_SERVER_SECRET_KEY>
        MLFLOW_AUTH_ADMIN_PASSWORD=<MLFLOW_AUTH_ADMIN_PASSWORD>
        asks true binds true signs in Some("MLFLOW_AUTH_ADMIN_PASSWORD")

        vllm serve --host=127.0.0.1
        VLLM_API_KEY=<VLLM_API_KEY>
        asks true binds true signs in Some("VLLM_API_KEY")

        prefect server start --host=127.0.0.1
        PREFECT_SERVER_API_AUTH_STRING=admin:<PREFECT_SERVER_API_AUTH_STRING>
        PREFECT_UI_API_URL=https://ml.example/api
        asks true binds true signs in Some("PREFECT_SERVER_API_AUTH_STRING")

        sglang serve --api-key="$SGLANG_API_KEY" --admin-api-key="$SGLANG_ADMIN_API_KEY" --host=127.0.0.1
        asks true binds true signs in Some("SGLANG_API_KEY")

        ray start --head --dashboard-host=127.0.0.1
        RAY_AUTH_MODE=token
        RAY_AUTH_TOKEN=<RAY_AUTH_TOKEN>
        | spec.authOptions.mode: token
        asks true binds true signs in Some("RAY_AUTH_TOKEN")

        code-server --bind-addr=127.0.0.1:8080 --trusted-origins=ml.example
        | auth: password
        | hashed-password: …
        asks true binds true signs in None

        evidently ui --secret="$EVIDENTLY_SECRET" --host=127.0.0.1
        asks false binds true signs in None

        jupyter lab --ip=127.0.0.1 --ServerApp.allow_remote_access=True
        | c.PasswordIdentityProvider.hashed_password = 'argon2:…'
        asks true binds true signs in None


        OIDC_ISSUER=<OIDC_ISSUER>
        DISABLE_SSO_PROVISIONING=true
        asks true binds false signs in None
        "#);
    }

    #[test]
    fn the_tables_name_products() {
        let is = |id: &str| PRODUCTS.iter().any(|p| p.id == id);
        let all = SIGN_IN.iter().map(|s| s.0).chain(NAMED.iter().map(|n| n.0));
        for id in all.chain(OWN_HOST.iter().copied()) {
            assert!(is(id), "{id}");
        }
    }

    #[test]
    fn no_secret_is_written_out() {
        for product in PRODUCTS {
            let own = Own::of(product, "ml.example", "https://ml.example", false);
            assert!(
                !own.command().contains(SECRET),
                "{}: {}",
                product.id,
                own.command()
            );
            let said = own.environment.iter().all(|(_, v)| !v.before.contains(SECRET));
            assert!(said, "{}", product.id);
        }
    }
}
