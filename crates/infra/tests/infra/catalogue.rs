//! Makes `src/products/generated.rs` of `data/products/*.toml`, and says when it is stale.
//!
//! `UPDATE=1 cargo test -p wellhead-infra catalogue` writes it. When the types of an entry change, empty the table first
//! (`pub static PRODUCTS: &[super::Product] = &[];`), so that this test builds.

use std::{fmt::Write, fs, path::Path};
use wellhead_core::Budget;
use wellhead_formats::text::{self, Node, Value};

const KEYS: &[&str] = &[
    "name",
    "gain",
    "remedy",
    "settings",
    "ports",
    "images",
    "files",
    "package",
    "defaults",
    "captured",
    "sources",
    "probes",
    "never",
    "version",
    "version_caution",
    "proxy",
    "start",
    "answers",
    "weak",
];
const START: &[&str] = &[
    "special",
    "programs",
    "servers",
    "commands",
    "needs",
    "bind",
    "bind_env",
    "all",
    "listens",
    "ports",
    "port_env",
    "asks",
    "on",
    "on_env",
    "off",
    "off_env",
    "bind_file",
    "env",
    "on_file",
    "off_file",
    "image",
    "image_commands",
    "image_tag",
    "args_env",
    "marks_off",
    "label",
];
const ANSWER: &[&str] = &[
    "get", "status", "json", "text", "without", "header", "means", "surface",
];

/// One entry, with its file for messages.
struct Entry {
    id: String,
    root: Node,
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/products")
}

#[expect(clippy::disallowed_methods, reason = "tests read the catalogue")]
fn entries() -> Vec<Entry> {
    let mut files: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "toml"));
    files.sort();
    let entry = |path: std::path::PathBuf| {
        let id = path.file_stem().unwrap().to_string_lossy().into_owned();
        let source = fs::read_to_string(&path).unwrap();
        let root = text::toml(&source, &mut Budget::default()).unwrap_or_else(|e| {
            let line = source.get(..e.span.start).unwrap_or_default().lines().count();
            panic!("{id}.toml:{line}: {e}")
        });
        Entry { id, root }
    };
    files.into_iter().map(entry).collect()
}

impl Entry {
    fn known(&self, node: &Node, keys: &[&str]) {
        for entry in node.entries() {
            assert!(
                keys.contains(&entry.key.as_str()),
                "{}: unknown key `{}`",
                self.id,
                entry.key
            );
        }
    }

    fn text<'a>(&self, node: &'a Node, key: &str) -> &'a str {
        let value = node.get(key).and_then(Node::as_str);
        value.unwrap_or_else(|| panic!("{}: `{key}` is missing", self.id))
    }

    fn texts<'a>(&self, node: &'a Node, key: &str) -> Vec<&'a str> {
        let Some(value) = node.get(key) else {
            return Vec::new();
        };
        if let Some(one) = value.as_str() {
            return vec![one];
        }
        let all = value.items().iter().map(Node::as_str);
        all.collect::<Option<_>>()
            .unwrap_or_else(|| panic!("{}: `{key}` holds something else than text", self.id))
    }

    fn flag(&self, node: &Node, key: &str) -> bool {
        match node.get(key) {
            None => false,
            Some(v) => v
                .as_bool()
                .unwrap_or_else(|| panic!("{}: `{key}` is neither true nor false", self.id)),
        }
    }

    fn number(&self, node: &Node, key: &str) -> u16 {
        let value = node
            .get(key)
            .and_then(Node::as_i64)
            .and_then(|n| u16::try_from(n).ok());
        value.unwrap_or_else(|| panic!("{}: `{key}` is no number", self.id))
    }
}

/// A list of texts as Rust.
fn list(texts: &[&str]) -> String {
    format!("&{texts:?}")
}

fn product(e: &Entry) -> String {
    let root = &e.root;
    e.known(root, KEYS);
    let mut out = String::new();
    let mut field = |name: &str, value: String| writeln!(out, "        {name}: {value},").unwrap();
    field("id", format!("{:?}", e.id));
    field("name", format!("{:?}", e.text(root, "name")));
    field(
        "gain",
        match e.text(root, "gain") {
            "data" => "Gain::Data".into(),
            "write" => "Gain::Write".into(),
            "code" => "Gain::Code".into(),
            other => panic!("{}: no gain `{other}`", e.id),
        },
    );
    field("remedy", format!("{:?}", e.text(root, "remedy")));
    field("settings", list(&e.texts(root, "settings")));
    field("ports", ports(e));
    field("images", list(&e.texts(root, "images")));
    field("files", list(&e.texts(root, "files")));
    let package = root
        .get("package")
        .and_then(Node::as_str)
        .map(|p| p.split_once(':').unwrap());
    field("package", format!("{package:?}"));
    let empty = Vec::new();
    let items = |key: &str| root.get(key).map_or(&empty[..], Node::items);
    let defaults = items("defaults").iter().map(|d| {
        e.known(d, &["since", "asks", "says"]);
        let since = d.get("since").and_then(Node::as_str).unwrap_or_default();
        let (asks, says) = (e.flag(d, "asks"), e.text(d, "says"));
        format!("DefaultAccess {{ since: {since:?}, asks: {asks}, says: {says:?} }}, ")
    });
    field("defaults", format!("&[{}]", defaults.collect::<String>()));
    field(
        "captured",
        format!("{:?}", root.get("captured").and_then(Node::as_str)),
    );
    let sources = e.texts(root, "sources");
    assert!(
        !sources.is_empty() || root.get("captured").is_some(),
        "{}: where does it come from?",
        e.id
    );
    field("sources", list(&sources));
    let probes = e.texts(root, "probes");
    assert!(probes.len() <= 3, "{}: more than three probes", e.id);
    let probes = probes.iter().map(|p| {
        let (path, host) = p.split_once(" @").map_or((*p, None), |(p, h)| (p, Some(h)));
        assert!(path.starts_with('/'), "{}: {p}", e.id);
        format!("Probe {{ path: {path:?}, host: {host:?} }}, ")
    });
    field("probes", format!("&[{}]", probes.collect::<String>()));
    let never = items("never").iter().map(|n| {
        let [path, why] = n.items() else {
            panic!("{}: never: a path and a reason", e.id)
        };
        format!(
            "Never {{ path: {:?}, why: {:?} }}, ",
            path.as_str().unwrap(),
            why.as_str().unwrap()
        )
    });
    field("never", format!("&[{}]", never.collect::<String>()));
    let version = e.texts(root, "version");
    field(
        "version",
        format!(
            "&[{}]",
            version.iter().map(|v| version_source(e, v)).collect::<String>()
        ),
    );
    let caution = root
        .get("version_caution")
        .and_then(Node::as_str)
        .unwrap_or_default();
    field("version_caution", format!("{caution:?}"));
    field("proxy", proxy(e));
    field("start", start(e));
    field("weak", weak(e));
    field("answers", answers(e));
    format!("    Product {{\n{out}    }},\n")
}

fn ports(e: &Entry) -> String {
    let ports = e.root.get("ports").map(Node::items).unwrap_or_default();
    assert!(!ports.is_empty(), "{}: no port", e.id);
    let port = |p: &Node| {
        e.known(p, &["port", "protocol", "what"]);
        let protocol = p.get("protocol").and_then(Node::as_str).unwrap_or("http");
        assert!(
            ["http", "grpc", "tcp"].contains(&protocol),
            "{}: {protocol}",
            e.id
        );
        let (number, what) = (e.number(p, "port"), e.text(p, "what"));
        format!("ProductPort {{ port: {number}, protocol: {protocol:?}, what: {what:?} }}, ")
    };
    format!("&[{}]", ports.iter().map(port).collect::<String>())
}

/// `PATH json KEY/KEY`, `PATH text`, `PATH after MARK`, `PATH header NAME MARK`.
fn version_source(e: &Entry, said: &str) -> String {
    let (path, rest) = said.split_once(' ').unwrap();
    let (kind, value) = rest.split_once(' ').unwrap_or((rest, ""));
    let place = match kind {
        "json" => format!("VersionPlace::Json({})", list(&route(value))),
        "text" => "VersionPlace::Text".to_owned(),
        "after" => format!("VersionPlace::After({value:?})"),
        "header" => {
            let (name, mark) = value.split_once(' ').unwrap_or((value, ""));
            format!("VersionPlace::Header({name:?}, {mark:?})")
        }
        other => panic!("{}: no place `{other}`", e.id),
    };
    format!("VersionSource {{ path: {path:?}, place: {place} }}, ")
}

fn route(path: &str) -> Vec<&str> {
    path.split('/').filter(|s| !s.is_empty()).collect()
}

fn proxy(e: &Entry) -> String {
    let empty = Node::new(0..0, Value::Table(Vec::new()));
    let node = e.root.get("proxy").unwrap_or(&empty);
    let keys = [
        "paths",
        "read",
        "read_post",
        "websocket",
        "stream",
        "deny",
        "names",
    ];
    e.known(node, &keys);
    let field = |key: &&str| {
        let paths = e.texts(node, key);
        assert!(paths.iter().all(|p| p.starts_with('/')), "{}: proxy.{key}", e.id);
        format!("{key}: {}, ", list(&paths))
    };
    assert!(
        !e.texts(node, "paths").is_empty(),
        "{}: proxy.paths is missing",
        e.id
    );
    format!("Proxy {{ {}}}", keys.iter().map(field).collect::<String>())
}

fn start(e: &Entry) -> String {
    let empty = Node::new(0..0, Value::Table(Vec::new()));
    let node = e.root.get("start").unwrap_or(&empty);
    e.known(node, START);
    let commands: Vec<String> = e
        .texts(node, "commands")
        .iter()
        .map(|c| list(&c.split(' ').collect::<Vec<_>>()))
        .collect();
    let ports = node
        .get("ports")
        .map(Node::items)
        .unwrap_or_default()
        .iter()
        .map(|p| {
            e.known(p, &["flags", "port"]);
            format!("({}, {})", list(&e.texts(p, "flags")), e.number(p, "port"))
        });
    let special = match node.get("special").and_then(Node::as_str) {
        None => "No",
        Some("comfyui") => "ComfyUi",
        Some("jupyter") => "Jupyter",
        Some("ray") => "Ray",
        Some(other) => panic!("{}: no special `{other}`", e.id),
    };
    let mut out = format!("Start {{ special: Special::{special}, ");
    for (name, key) in [
        ("programs", "programs"),
        ("servers", "servers"),
        ("needs", "needs"),
        ("bind_flags", "bind"),
        ("bind_env", "bind_env"),
        ("all_flags", "all"),
        ("port_env", "port_env"),
        ("on_flags", "on"),
        ("on_env", "on_env"),
        ("off_flags", "off"),
        ("off_env", "off_env"),
        ("bind_file", "bind_file"),
        ("env", "env"),
        ("args_env", "args_env"),
        ("image_commands", "image_commands"),
        ("on_file", "on_file"),
        ("off_file", "off_file"),
    ] {
        write!(out, "{name}: {}, ", list(&e.texts(node, key))).unwrap();
    }
    for key in ["listens", "asks", "image", "marks_off"] {
        write!(out, "{key}: {}, ", e.flag(node, key)).unwrap();
    }
    let tag = node.get("image_tag").and_then(Node::as_str).unwrap_or_default();
    write!(out, "image_tag: {tag:?}, ").unwrap();
    let label = node.get("label").and_then(Node::as_str).unwrap_or_default();
    let serves = !e.texts(node, "programs").is_empty() || !e.texts(node, "servers").is_empty();
    assert!(
        !serves || special != "No" || !label.is_empty(),
        "{}: start.label is missing",
        e.id
    );
    let ports = ports.collect::<Vec<_>>();
    assert!(
        !serves || special != "No" || !ports.is_empty(),
        "{}: start.ports is missing",
        e.id
    );
    write!(
        out,
        "commands: &[{}], ports: &[{}], label: {label:?} }}",
        commands.join(", "),
        ports.join(", ")
    )
    .unwrap();
    out
}

fn weak(e: &Entry) -> String {
    let all = e.root.get("weak").map(Node::items).unwrap_or_default();
    let one = |w: &Node| {
        e.known(w, &["check", "is", "when", "unless", "anyway", "says", "fix"]);
        let is = match e.text(w, "is") {
            "open" => "Open",
            "browser" => "Browser",
            "signup" => "SignUp",
            "credentials" => "Credentials",
            "dangerous" => "Dangerous",
            other => panic!("{}: no weakness `{other}`", e.id),
        };
        let check = w.get("check").and_then(Node::as_str).unwrap_or_default();
        assert!(!e.texts(w, "when").is_empty(), "{}: weak without `when`", e.id);
        format!(
            "Weak {{ check: {check:?}, is: Weakness::{is}, when: {}, unless: {}, anyway: {}, says: {:?}, fix: {:?} }}, ",
            list(&e.texts(w, "when")),
            list(&e.texts(w, "unless")),
            e.flag(w, "anyway"),
            e.text(w, "says"),
            e.text(w, "fix"),
        )
    };
    format!("&[{}]", all.iter().map(one).collect::<String>())
}

fn answers(e: &Entry) -> String {
    let all = e.root.get("answers").map(Node::items).unwrap_or_default();
    let means = |m: &str| all.iter().any(|a| e.text(a, "means").split(' ').any(|w| w == m));
    assert!(
        means("product"),
        "{}: nothing shows that it is this product",
        e.id
    );
    let out: Vec<String> = all.iter().map(|a| answer(e, a)).collect();
    format!("&[\n            {},\n        ]", out.join(",\n            "))
}

fn answer(e: &Entry, node: &Node) -> String {
    e.known(node, ANSWER);
    let path = e.text(node, "get");
    assert!(
        path == ">" || (path.starts_with('/') && !path.contains('?')),
        "{}: {path}",
        e.id
    );
    let status: Vec<u16> = match node.get("status") {
        None => vec![200],
        Some(n) if n.as_i64().is_some() => vec![e.number(node, "status")],
        Some(n) => n
            .items()
            .iter()
            .map(|i| u16::try_from(i.as_i64().unwrap()).unwrap())
            .collect(),
    };
    let squeezed = |key: &str| -> Vec<String> {
        e.texts(node, key)
            .iter()
            .map(|t| t.split_whitespace().collect::<String>())
            .collect()
    };
    let needs: Vec<String> = e.texts(node, "json").iter().map(|n| need(e, n)).collect();
    let header: Vec<(&str, &str)> = e
        .texts(node, "header")
        .iter()
        .map(|h| h.split_once(": ").unwrap())
        .collect();
    let (body, without) = (squeezed("text"), squeezed("without"));
    let said = e.text(node, "means");
    let bare = needs.is_empty() && body.is_empty() && header.is_empty();
    // A status alone is no identity, and no proof that something is open either.
    let proves = |m: &str| ["product", "open", "read", "signup", "setup"].contains(&m);
    assert!(
        !bare || !said.split(' ').any(proves),
        "{}: a status proves nothing: {path}",
        e.id
    );
    let means: Vec<String> = said
        .split(' ')
        .map(|m| {
            let (first, rest) = m.split_at(1);
            let known = [
                "product",
                "part",
                "hint",
                "open",
                "read",
                "protected",
                "signup",
                "setup",
                "guard",
            ];
            assert!(known.contains(&m), "{}: no meaning `{m}`", e.id);
            format!("Meaning::{}{rest}", first.to_uppercase())
        })
        .collect();
    let surface = node.get("surface").and_then(Node::as_str).unwrap_or("interface");
    format!(
        "Answer {{ path: {path:?}, status: &{status:?}, json: &[{}], text: &{body:?}, without: &{without:?}, header: &{header:?}, means: &[{}], surface: {surface:?} }}",
        needs.join(", "),
        means.join(", ")
    )
}

/// `a/b` is there; `a/b:text` is a text; `a/b=x` is that text; `a/b~x` holds it; `a/b#3` has three entries.
fn need(e: &Entry, said: &str) -> String {
    let at = said.find([':', '=', '~', '#']).unwrap_or(said.len());
    let (path, rest) = said.split_at(at);
    let is = match (
        rest.get(..1).unwrap_or_default(),
        rest.get(1..).unwrap_or_default(),
    ) {
        ("", _) => "Any".to_owned(),
        ("=", v) => format!("Equals({v:?})"),
        ("~", v) => format!("Holds({v:?})"),
        ("#", v) => format!("Size({})", v.parse::<usize>().unwrap()),
        (_, v) => {
            let known = ["text", "number", "array", "object", "null", "true", "false"];
            assert!(known.contains(&v), "{}: no kind `{v}`", e.id);
            let (first, rest) = v.split_at(1);
            format!("{}{rest}", first.to_uppercase())
        }
    };
    format!("Need {{ at: {}, is: Is::{is} }}", list(&route(path)))
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the test reads and writes a generated file and asks whether to"
)]
fn the_table_is_made_of_the_entries() {
    let entries = entries();
    let body: String = entries.iter().map(product).collect();
    let table = format!(
        "//! Made of `data/products/*.toml` by `UPDATE=1 cargo test -p wellhead-infra catalogue`. Do not edit.\n\n\
         use super::start::{{Special, Start}};\n\
         use super::{{Answer, DefaultAccess, Gain, Is, Meaning, Need, Never, Probe, Product, ProductPort, Proxy, VersionPlace, VersionSource, Weak, Weakness}};\n\n\
         /// The platforms.\npub static PRODUCTS: &[Product] = &[\n{body}];\n"
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/products/generated.rs");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &table).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap();
    assert!(
        there == table,
        "`generated.rs` is stale: run `UPDATE=1 cargo test -p wellhead-infra catalogue`"
    );
}

#[test]
fn no_probe_is_a_request_that_does_something_anywhere() {
    use wellhead_infra::PRODUCTS;
    for product in PRODUCTS {
        for probe in product.probes {
            let path = probe.path.split('?').next().unwrap();
            for other in PRODUCTS {
                let denied = other.never.iter().find(|n| n.is(path));
                assert!(
                    denied.is_none(),
                    "{}: {path} is denied by {}: {denied:?}",
                    product.id,
                    other.id
                );
            }
        }
    }
}
