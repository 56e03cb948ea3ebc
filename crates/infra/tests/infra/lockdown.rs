//! What `lockdown` writes, given to the real Caddy and nginx: they take it, and what stood open is closed.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests make files, start servers, and say aloud what they skip"
)]

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};
use wellhead_core::Budget;
use wellhead_infra::{
    Front, Ground, Lockdown, LockdownRequest, PRODUCTS, Product, Provider, Upstream, lockdown,
};

/// What can be had and started.
const FRONTS: [Front; 4] = [Front::Caddy, Front::Nginx, Front::Envoy, Front::Oauth2Proxy];

fn product(id: &str) -> &'static Product {
    PRODUCTS.iter().find(|p| p.id == id).unwrap()
}

fn request(id: &str, front: Front) -> LockdownRequest {
    LockdownRequest {
        product: product(id),
        front,
        ground: Ground::Host,
        image: None,
        issuer: None,
        name: None,
        upstream: None,
        listen: "127.0.0.1:8480".parse().unwrap(),
        certificate: None,
        user: "admin".to_owned(),
        read_only: false,
    }
}

/// A program of this machine, or `None` said aloud.
fn program(name: &str) -> Option<PathBuf> {
    let folders = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"];
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"));
    let folders = folders.iter().map(PathBuf::from);
    let mut folders = folders.chain([target.join("test-data/servers")]);
    let found = folders.find_map(|f| Some(f.join(name)).filter(|p| p.exists()));
    if found.is_none() {
        eprintln!("skipped: {name} is not installed (scripts/fetch-servers.sh)");
    }
    found
}

/// The program that stands in front.
fn program_of(front: Front) -> Option<PathBuf> {
    program(match front {
        // It is asked by nginx, and played by a test.
        Front::Oauth2Proxy => "nginx",
        _ => front.id(),
    })
}

fn run(program: &Path, args: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(program);
    command
        .args(args)
        .current_dir(folder)
        .env("HOME", folder)
        .stdin(Stdio::null());
    command.output().unwrap()
}

fn words(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(text).unwrap()
}

/// Writes what was made, and what people make themselves: a user with this password, a credential.
fn write(made: &Lockdown, front: Front, password: &str, folder: &Path) {
    let put = |path: &str, text: &str| {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    for file in &made.files {
        put(&file.path, &file.text);
    }
    match front {
        Front::Caddy => {
            static HASH: OnceLock<String> = OnceLock::new();
            let caddy = program("caddy").unwrap();
            let make = || words(&run(&caddy, &["hash-password", "--plaintext", password], folder));
            let users = made.users.as_ref().unwrap();
            put(&users.path, &format!("admin {}\n", HASH.get_or_init(make).trim()));
            let credential = users.path.replace(".users", ".credential");
            put(&credential, "header_up Authorization \"Bearer of the product\"\n");
        }
        Front::Envoy => {
            let openssl = program("openssl").unwrap();
            let path = folder.join("password");
            std::fs::write(&path, password).unwrap();
            let digest = Command::new(openssl)
                .args(["dgst", "-binary", "-sha1"])
                .arg(path)
                .output();
            let digest = base64(&digest.unwrap().stdout);
            let users = made.users.as_ref().unwrap();
            put(&users.path, &format!("admin:{{SHA}}{digest}\n"));
            let credential = users.path.replace(".users", ".credential.yaml");
            let name = credential.strip_prefix("envoy/").unwrap();
            let name = name.strip_suffix(".credential.yaml").unwrap();
            let secret = format!(
                "resources:\n- \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret\n  name: {name}\n  generic_secret: {{secret: {{inline_string: \"Bearer of the product\"}}}}\n"
            );
            put(&credential, &secret);
            let file = made
                .files
                .iter()
                .find(|f| f.path.ends_with("envoy.yaml"))
                .unwrap();
            let here = format!("{}/envoy/", folder.display());
            put(&file.path, &file.text.replace("/etc/envoy/", &here));
        }
        _ => {
            let openssl = program("openssl").unwrap();
            let hash = words(&run(
                &openssl,
                &["passwd", "-6", "-salt", "salt", password],
                folder,
            ));
            let id = made.files.iter().find_map(|f| {
                let rest = f.path.strip_prefix("nginx/conf.d/")?.strip_suffix(".conf")?;
                (rest != "000-other-names").then_some(rest)
            });
            let id = id.unwrap();
            put(
                &format!("nginx/lockdown/{id}.users"),
                &format!("admin:{}\n", hash.trim()),
            );
            put(
                &format!("nginx/lockdown/{id}.credential"),
                "proxy_set_header Authorization \"Bearer of the product\";\n",
            );
            if front == Front::Oauth2Proxy {
                let file = made
                    .files
                    .iter()
                    .find(|f| f.path.ends_with(&format!("/{id}.conf")));
                let file = file.unwrap();
                let asked = format!("127.0.0.1:{}", identity_provider());
                put(&file.path, &file.text.replace("127.0.0.1:4180", &asked));
            }
            // What a distribution's own nginx.conf does, without its folders.
            let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .iter()
                .map(|t| format!("{t}_temp_path {}/{t};\n", folder.display()))
                .collect();
            let main = format!(
                "daemon off;\nworker_processes 1;\npid {0}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\nmap_hash_bucket_size 128;\n{temporary}include conf.d/*.conf;\n}}\n",
                folder.display()
            );
            put("nginx/nginx.conf", &main);
        }
    }
}

/// A certificate for a name.
fn certificate(name: &str, folder: &Path) -> Option<(String, String)> {
    let openssl = program("openssl")?;
    let subject = format!("/CN={name}");
    let args = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-keyout",
        "site.key",
        "-out",
        "site.crt",
        "-subj",
        &subject,
    ];
    let made = run(&openssl, &args, folder);
    assert!(made.status.success(), "{}", words(&made));
    let path = |name: &str| folder.join(name).display().to_string();
    Some((path("site.crt"), path("site.key")))
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let three = [0, 1, 2].map(|i| u32::from(*chunk.get(i).unwrap_or(&0)));
        let bits = three[0] << 16 | three[1] << 8 | three[2];
        for i in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

/// Asks a proxy whether it takes the configuration.
fn is_taken(front: Front, folder: &Path) -> Option<Output> {
    Some(match front {
        Front::Caddy => {
            let args = [
                "validate",
                "--adapter",
                "caddyfile",
                "--config",
                "caddy/Caddyfile",
            ];
            run(&program("caddy")?, &args, folder)
        }
        Front::Envoy => run(
            &program("envoy")?,
            &[
                "--mode",
                "validate",
                "-c",
                "envoy/envoy.yaml",
                "--log-level",
                "error",
            ],
            folder,
        ),
        _ => {
            let main = folder.join("nginx/nginx.conf").display().to_string();
            run(&program("nginx")?, &["-t", "-q", "-c", &main], folder)
        }
    })
}

#[test]
fn real_proxies_take_the_configuration_of_every_product() {
    for front in FRONTS {
        if program_of(front).is_none() || program("openssl").is_none() {
            continue;
        }
        let certificates = tempfile::tempdir().unwrap();
        let certificate = certificate("ml.example", certificates.path());
        for product in PRODUCTS {
            let folder = tempfile::tempdir().unwrap();
            let mut wanted = request(product.id, front);
            // Half of them with a name and TLS.
            if product.id.len() % 2 == 0 {
                wanted.name = Some("ml.example".to_owned());
                wanted.certificate = certificate.clone();
            }
            let made = lockdown(&wanted).unwrap();
            write(&made, front, PASSWORD, folder.path());
            let taken = is_taken(front, folder.path()).unwrap();
            let said = words(&taken);
            assert!(
                taken.status.success(),
                "{} behind {}: {said}",
                product.id,
                front.name()
            );
            let warned = said.contains("[warn]") || said.contains("not formatted");
            assert!(!warned, "{} behind {}: {said}", product.id, front.name());
        }
    }
}

/// A server that is open to everybody and remembers what it was asked.
struct Open {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Open {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || answer(stream, &kept));
            }
        });
        Self { port, asked }
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

/// Reads up to the end of a head.
fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

fn answer(mut stream: TcpStream, kept: &Mutex<Vec<String>>) -> Option<()> {
    while let Some(head) = head(&mut stream) {
        kept.lock().unwrap().push(head.clone());
        if head.to_ascii_lowercase().contains("\r\nupgrade: websocket") {
            let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
            stream.write_all(answer.as_bytes()).ok()?;
            // Hands every byte back.
            let mut buffer = [0; 64];
            loop {
                let n = stream.read(&mut buffer).ok().filter(|n| *n > 0)?;
                stream.write_all(&buffer[..n]).ok()?;
            }
        }
        let length = head
            .lines()
            .find_map(|l| {
                l.to_ascii_lowercase()
                    .strip_prefix("content-length: ")?
                    .parse()
                    .ok()
            })
            .unwrap_or(0);
        std::io::copy(&mut (&mut stream).take(length), &mut std::io::sink()).ok()?;
        let body = "open to everybody";
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).ok()?;
    }
    Some(())
}

/// What nginx asks in place of oauth2-proxy: it knows those who send the right password.
fn identity_provider() -> u16 {
    static PORT: OnceLock<u16> = OnceLock::new();
    *PORT.get_or_init(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                std::thread::spawn(move || {
                    let head = head(&mut stream)?;
                    let status = match head.starts_with("GET /oauth2/auth ") {
                        true if head.contains(RIGHT) => "202 Accepted",
                        true => "401 Unauthorized",
                        false => "200 OK",
                    };
                    let answer =
                        format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                    stream.write_all(answer.as_bytes()).ok()
                });
            }
        });
        port
    })
}

/// A proxy that runs until it is dropped.
struct Running {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        // nginx has workers of its own, which a signal to end reaches and one to kill does not.
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let _ = self.child.wait();
    }
}

fn start(front: Front, id: &str, upstream: u16, more: impl Fn(&mut LockdownRequest)) -> Option<Running> {
    program_of(front)?;
    program("openssl")?;
    // A port that is free may be somebody else's before the proxy has it.
    let mut tries = (0..8).map(|_| try_start(front, id, upstream, &more));
    let running = tries.find_map(|running| running);
    Some(running.unwrap_or_else(|| panic!("{} does not listen", front.name())))
}

/// Starts a proxy at a port that is free; nothing where it ends at once.
fn try_start(front: Front, id: &str, upstream: u16, more: &impl Fn(&mut LockdownRequest)) -> Option<Running> {
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut wanted = request(id, front);
    wanted.listen = ([127, 0, 0, 1], port).into();
    wanted.upstream = Some(Upstream::parse(&format!("127.0.0.1:{upstream}")).unwrap());
    more(&mut wanted);
    write(&lockdown(&wanted).unwrap(), front, PASSWORD, folder.path());
    let main = folder.path().join("nginx/nginx.conf").display().to_string();
    let args: Vec<&str> = match front {
        Front::Caddy => vec!["run", "--adapter", "caddyfile", "--config", "caddy/Caddyfile"],
        Front::Envoy => vec![
            "-c",
            "envoy/envoy.yaml",
            "--use-dynamic-base-id",
            "--concurrency",
            "1",
        ],
        _ => vec!["-c", &main],
    };
    let mut command = Command::new(program_of(front)?);
    command
        .args(args)
        .current_dir(folder.path())
        .env("HOME", folder.path());
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut running = Running {
        child,
        port,
        _folder: folder,
    };
    // It listens as soon as it can be connected to.
    for _ in 0..2000 {
        let listens = TcpStream::connect(("127.0.0.1", port)).is_ok();
        if running.child.try_wait().unwrap().is_some() {
            return None;
        }
        if listens {
            return Some(running);
        }
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(5));
    }
    None
}

/// Whether an answer has as many bytes as it says.
fn is_whole(answer: &[u8], start: &str) -> bool {
    let text = String::from_utf8_lossy(answer).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|l| l.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
    length.is_some_and(|length| body.len() >= length || start.starts_with("HEAD "))
}

/// Sends a request as it stands; the status and the rest.
fn send(port: u16, start: &str, headers: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let request = format!("{start} HTTP/1.1\r\nHost: ml.example\r\n{headers}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    // Envoy closes a second after its answer, so that is over where its length says so.
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while !is_whole(&answer, start) {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(n) => answer.extend_from_slice(&buffer[..n]),
        }
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok());
    (status.unwrap_or_else(|| panic!("{start}: {answer:?}")), answer)
}

/// The one password; as a constant, since Caddy takes a second to hash one.
const PASSWORD: &str = "right:password";
/// `admin:right:password`.
const RIGHT: &str = concat!("Authorization: Basic YWRtaW46", "cmlnaHQ6cGFzc3dvcmQ=\r\n");
/// `admin:wrong`.
const WRONG: &str = concat!("Authorization: Basic YWRtaW46", "d3Jvbmc=\r\n");

/// Paths that a pattern of the catalogue stands for.
fn instance(pattern: &str) -> String {
    pattern.replace("**", "a/b").replace('*', "a")
}

#[test]
fn whoever_has_no_password_gets_nothing_on_any_path_of_the_catalogue() {
    let open = Open::start();
    assert_eq!(
        send(open.port, "GET /api/2.0/mlflow/experiments/search", "").0,
        200,
        "before"
    );
    for front in FRONTS {
        let Some(proxy) = start(front, "mlflow", open.port, |_| ()) else {
            continue;
        };
        open.asked();
        let mut paths: Vec<String> = Vec::new();
        for product in PRODUCTS {
            let patterns = [
                product.proxy.paths,
                product.proxy.read,
                product.proxy.websocket,
                product.proxy.stream,
                product.proxy.deny,
            ];
            paths.extend(patterns.concat().iter().map(|p| instance(p)));
            paths.extend(product.probes.iter().map(|p| p.path.to_owned()));
        }
        paths.sort();
        paths.dedup();
        assert!(paths.len() > 400, "{}", paths.len());
        // These are oauth2-proxy's own.
        let others = paths
            .iter()
            .filter(|p| front != Front::Oauth2Proxy || !p.starts_with("/oauth2/"));
        for path in others {
            for headers in [
                "",
                WRONG,
                "X-Forwarded-User: admin\r\nX-Forwarded-For: 127.0.0.1\r\n",
            ] {
                let (status, _) = send(proxy.port, &format!("GET {path}"), headers);
                assert!(
                    matches!(status, 400 | 401 | 403),
                    "{}: {path}: {status}",
                    front.name()
                );
            }
        }
        let tricks = ["//", "/..;/", "/%2e/", "/./", "/a/../", "/%2f", "/;a", "/a%00"];
        for trick in tricks {
            for method in ["GET", "POST", "DELETE", "OPTIONS", "HEAD", "PROPFIND"] {
                let start = format!("{method} {trick}api/2.0/mlflow/experiments/search");
                let (status, _) = send(proxy.port, &start, "X-Original-URL: /\r\n");
                assert!(
                    matches!(status, 400 | 401 | 403 | 405),
                    "{}: {start}: {status}",
                    front.name()
                );
            }
        }
        let asked = open.asked();
        assert!(asked.is_empty(), "{} let through: {asked:?}", front.name());
    }
}

#[test]
fn the_right_password_opens_what_is_allowed_and_nothing_else() {
    let open = Open::start();
    for front in FRONTS {
        let Some(proxy) = start(front, "mlflow", open.port, |_| ()) else {
            continue;
        };
        let status = |line: &str, more: &str| send(proxy.port, line, &format!("{RIGHT}{more}")).0;
        let cases = [
            ("GET /", "", 200),
            ("GET /get-artifact?path=a%2Fb;c//d", "", 200),
            ("POST /api/2.0/mlflow/runs/create", "Content-Length: 0\r\n", 200),
            ("GET /ajax-api/3.0/mlflow/gateway/secrets/config", "", 403),
            ("GET /AJAX-API/3.0/mlflow/gateway/secrets", "", 403),
            ("GET //ajax-api/3.0/mlflow/gateway/secrets/config", "", 400),
            (
                "GET /x/%2e%2e/ajax-api/3.0/mlflow/gateway/secrets/config",
                "",
                400,
            ),
            ("GET /ajax-api%2f3.0/mlflow/gateway/secrets/config", "", 400),
            (
                "POST /api/2.0/mlflow/runs/create",
                "Content-Length: 0\r\nSec-Fetch-Site: cross-site\r\n",
                403,
            ),
            (
                "GET /",
                "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n",
                200,
            ),
            (
                "GET /",
                "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors\r\n",
                403,
            ),
            // Another program of the same registered domain is another site's.
            (
                "POST /api/2.0/mlflow/runs/create",
                "Content-Length: 0\r\nSec-Fetch-Site: same-site\r\nSec-Fetch-Mode: navigate\r\n",
                403,
            ),
            (
                "GET /",
                "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: no-cors\r\n",
                403,
            ),
            (
                "GET /",
                "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: navigate\r\n",
                200,
            ),
            // Older browsers name the site only.
            (
                "POST /api/2.0/mlflow/runs/create",
                "Content-Length: 0\r\nOrigin: https://evil.example\r\n",
                403,
            ),
            (
                "POST /api/2.0/mlflow/runs/create",
                "Content-Length: 0\r\nOrigin: null\r\n",
                403,
            ),
            (
                "POST /api/2.0/mlflow/runs/create",
                "Content-Length: 0\r\nOrigin: https://evil.example\r\nSec-Fetch-Site: none\r\n",
                403,
            ),
            (
                "POST /api/2.0/mlflow/runs/create",
                "Content-Length: 0\r\nOrigin: https://ml.example\r\nSec-Fetch-Site: same-origin\r\n",
                200,
            ),
        ];
        for (line, more, expected) in cases {
            let got = status(line, more);
            // Which of the two it is, is for the proxy to say.
            let same = got == expected || (expected == 400 && got == 403);
            assert!(same, "{}: {line} {more}: {got}", front.name());
        }
        let line = "POST /api/2.0/mlflow/runs/create";
        for (host, expected) in [
            (format!("127.0.0.1:{}", proxy.port), 200),
            (format!("localhost:{}", proxy.port), 200),
            (format!("127.0.0.1:{}0", proxy.port), 403),
            (format!("127x0.0.1:{}", proxy.port), 403),
            ("127.0.0.1".to_owned(), 403),
        ] {
            let got = status(line, &format!("Content-Length: 0\r\nOrigin: http://{host}\r\n"));
            assert_eq!(got, expected, "{}: {host}", front.name());
        }
        open.asked();
        // Each identity-aware proxy has names of its own.
        let names = "X-Goog-Authenticated-User-Email X-Authentik-Username X-authentik-groups Cf-Access-Authenticated-User-Email \
                     X-RStudio-Username X-MS-CLIENT-PRINCIPAL-NAME X-Amzn-Oidc-Identity X-Pomerium-Claim-Email Tailscale-User-Login \
                     X-WebAuth-Role Impersonate-User X-SSL-Client-S-Dn X-User-Id X-Forwarded-Client-Cert True-Client-IP";
        let forged: String = names.split(' ').map(|n| format!("{n}: root\r\n")).collect();
        status("GET /", &forged);
        status(
            "GET /",
            "X-Forwarded-User: root\r\nRemote-User: root\r\nKubeflow-Userid: root\r\nX-Forwarded-For: 10.0.0.9\r\nX_Remote_User: root\r\n",
        );
        let seen = open.asked().concat();
        // Envoy writes the names of headers in small letters.
        let seen = seen.replace("\nauthorization:", "\nAuthorization:");
        let seen = seen.replace("\nhost:", "\nHost:");
        assert!(
            !seen.contains("root") && !seen.contains("10.0.0.9"),
            "{}: {seen}",
            front.name()
        );
        assert!(
            seen.contains("Authorization: Bearer of the product"),
            "{}: {seen}",
            front.name()
        );
        assert!(seen.contains("Host: ml.example"), "{}: {seen}", front.name());
    }
}

#[test]
fn only_reading_is_let_through_where_that_is_asked_for() {
    let open = Open::start();
    for front in FRONTS {
        let Some(proxy) = start(front, "ollama", open.port, |r| r.read_only = true) else {
            continue;
        };
        let status = |line: &str| send(proxy.port, line, &format!("{RIGHT}Content-Length: 0\r\n")).0;
        assert_eq!(status("GET /api/tags"), 200, "{}", front.name());
        assert_eq!(status("HEAD /"), 200, "{}", front.name());
        for line in [
            "POST /api/tags",
            "GET /api/generate",
            "DELETE /api/delete",
            "GET /api/push",
        ] {
            assert_eq!(status(line), 403, "{}: {line}", front.name());
        }
        open.asked();
        status("GET /api/tags");
        assert!(
            open.asked().concat().to_lowercase().contains("host: localhost"),
            "{}",
            front.name()
        );
    }
}

/// Where nothing is started here: the name is what a page's site is compared with, to the letter.
#[test]
fn every_proxy_with_a_password_or_a_cookie_knows_its_own_pages() {
    for front in Front::ALL.iter().filter(|f| **f != Front::Istio) {
        for (name, listen, expected) in [
            (Some("ML.example"), "127.0.0.1:8480", r"https://(ml\.example)"),
            (None, "127.0.0.1:8480", r"http://(127\.0\.0\.1|localhost):8480"),
            (None, "127.0.0.1:80", r"http://(127\.0\.0\.1|localhost)"),
            (None, "[::1]:8480", r"http://(\[::1\]|localhost):8480"),
        ] {
            let mut wanted = request("ollama", *front);
            wanted.name = name.map(str::to_owned);
            wanted.listen = listen.parse().unwrap();
            let texts: String = lockdown(&wanted)
                .unwrap()
                .files
                .into_iter()
                .map(|f| f.text)
                .collect();
            let escaped = expected.replace('\\', r"\\");
            let ends = |text: &str| {
                ["$", "\"", "'"]
                    .iter()
                    .any(|end| texts.contains(&format!("{text}{end}")))
            };
            assert!(
                ends(expected) || ends(&escaped),
                "{}: {expected}\n{texts}",
                front.name()
            );
        }
    }
}

#[test]
fn a_kernel_is_talked_to_over_a_websocket_by_those_who_signed_in() {
    let open = Open::start();
    for front in FRONTS {
        let Some(proxy) = start(front, "jupyter", open.port, |_| ()) else {
            continue;
        };
        let upgrade = "GET /api/kernels/a/channels HTTP/1.1\r\nHost: ml.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let connect = |headers: &str| {
            let mut stream = TcpStream::connect(("127.0.0.1", proxy.port)).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            stream
                .write_all(format!("{upgrade}{headers}\r\n").as_bytes())
                .unwrap();
            let head = head(&mut stream).unwrap();
            (stream, head)
        };
        assert!(connect("").1.starts_with("HTTP/1.1 401"), "{}", front.name());
        // Pages of others open none with the visitor's password, whichever way their browser says so.
        open.asked();
        for foreign in [
            "Origin: https://evil.example\r\n",
            "Origin: null\r\n",
            "Origin: http://localhost\r\nSec-Fetch-Site: same-site\r\nSec-Fetch-Mode: websocket\r\n",
            "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: websocket\r\n",
        ] {
            let (_, head) = connect(&format!("{RIGHT}{foreign}"));
            assert!(
                head.starts_with("HTTP/1.1 403"),
                "{}: {foreign}: {head}",
                front.name()
            );
        }
        assert!(open.asked().is_empty(), "{}", front.name());
        let own = format!("{RIGHT}Origin: http://localhost:{}\r\n", proxy.port);
        let (mut stream, head) = connect(&own);
        assert!(head.starts_with("HTTP/1.1 101"), "{}: {head}", front.name());
        let mut back = [0; 5];
        stream.write_all(b"hello").unwrap();
        stream.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"hello", "{}", front.name());
    }
}

#[test]
fn people_are_led_to_the_sign_in_and_programs_are_told_that_they_are_nobody() {
    let open = Open::start();
    let Some(proxy) = start(Front::Oauth2Proxy, "mlflow", open.port, |_| ()) else {
        return;
    };
    let (status, answer) = send(proxy.port, "GET /version?b=c", "Accept: text/html,*/*\r\n");
    assert_eq!(status, 302, "{answer}");
    assert!(answer.contains("/oauth2/start?rd=/version?b=c"), "{answer}");
    assert_eq!(
        send(proxy.port, "GET /version", "Accept: application/json\r\n").0,
        401
    );
    // Nobody but nginx asks who is there.
    assert_eq!(send(proxy.port, "GET /oauth2/auth", RIGHT).0, 404);
    assert_eq!(send(proxy.port, "GET /oauth2/start", "").0, 200);
    let (status, _) = send(proxy.port, "GET /oauth2/../version", "");
    assert!(matches!(status, 400 | 401), "{status}");
    assert!(open.asked().is_empty());
}

#[test]
fn whatever_is_yaml_is_read_as_yaml() {
    for product in PRODUCTS {
        for front in Front::ALL {
            for ground in [Ground::Host, Ground::Compose, Ground::Kubernetes] {
                if !front.stands_on(ground) {
                    continue;
                }
                let mut wanted = request(product.id, *front);
                wanted.ground = ground;
                wanted.name = (product.id.len() % 2 == 0).then(|| "ml.example".to_owned());
                for file in lockdown(&wanted).unwrap().files {
                    if !file.path.ends_with(".yaml") {
                        continue;
                    }
                    for document in file.text.split("\n---\n") {
                        let read = wellhead_formats::text::yaml(document, &mut Budget::default());
                        let name = format!("{} {} {}", product.id, front.id(), file.path);
                        assert!(read.is_ok(), "{name}: {:?}\n{document}", read.err());
                    }
                }
            }
        }
    }
}

fn text_of(wanted: &LockdownRequest, ends: &str) -> String {
    let files = lockdown(wanted).unwrap().files;
    files.into_iter().find(|f| f.path.ends_with(ends)).unwrap().text
}

#[test]
fn the_firewall_is_there_after_the_next_start() {
    let page = text_of(&request("ray", Front::Caddy), "LOCKDOWN.md");
    let section = page.split("## 4. The firewall").nth(1).unwrap();
    let section = section.split("```").nth(1).unwrap();
    insta::assert_snapshot!(section, @r#"
    sh
    sudo install -D -m 644 firewall.nft /etc/nftables.d/lockdown-ray.nft
    sudo nft -f /etc/nftables.d/lockdown-ray.nft
    # So that it is there after the next start, too (Fedora and Red Hat: /etc/sysconfig/nftables.conf).
    grep -qsF /etc/nftables.d/lockdown-ray.nft /etc/nftables.conf || echo 'include "/etc/nftables.d/lockdown-ray.nft"' | sudo tee -a /etc/nftables.conf
    sudo systemctl enable nftables
    "#);
}

/// Rules of Google's firewalls that a tag has, by what goes before what: `priority action protocol ports from`.
#[test]
fn a_machine_of_google_is_reached_by_nobody_who_is_not_named() {
    let mut wanted = request("ray", Front::Caddy);
    wanted.ground = Ground::Cloud(Provider::Google);
    wanted.name = Some("ml.example".to_owned());
    let text = text_of(&wanted, ".tf");
    let rules: Vec<String> = text
        .split("resource \"google_compute_firewall\"")
        .skip(1)
        .map(|rule| {
            let said = |key: &str| {
                let line = rule.lines().find(|l| l.trim_start().starts_with(key));
                line.map_or("", |l| l.split_once('=').unwrap().1.trim())
            };
            let action = if rule.contains("  deny {") {
                "deny"
            } else {
                "allow"
            };
            let keys = ["priority", "protocol", "ports", "source_ranges"].map(said);
            format!("{} {action} {} {} {}", keys[0], keys[1], keys[2], keys[3])
        })
        .collect();
    insta::assert_snapshot!(rules.join("\n"), @r#"
    10 deny "tcp" ["6379", "8265", "10001", "52365"] ["0.0.0.0/0"]
    20 allow "tcp" ["22"] ["35.235.240.0/20"]
    20 allow "tcp" ["443"] var.visitors
    30 deny "all"  ["0.0.0.0/0"]
    30 deny "all"  ["::/0"]
    "#);
    // The networks of visitors are of IPv4: the whole of IPv6 would have a short mask, too.
    assert!(
        text.contains(r#"regex("^[0-9.]+/(8|9|[12][0-9]|3[0-2])$", network)"#),
        "{text}"
    );
}

#[test]
fn who_reaches_a_container_past_the_proxy_is_told() {
    let mut wanted = request("ollama", Front::Caddy);
    wanted.ground = Ground::Compose;
    let gaps = lockdown(&wanted).unwrap().gaps.join("\n");
    assert!(
        gaps.contains("every program and every user of that host"),
        "{gaps}"
    );
    let text = text_of(&wanted, "compose.yaml");
    assert!(!text.contains("Nothing outside reaches"), "{text}");
    // Docker 27 does not start with it.
    let isolated = text.lines().find(|l| l.contains("gateway_mode_ipv4: isolated"));
    assert!(isolated.unwrap().trim_start().starts_with('#'), "{text}");
}

#[test]
fn what_would_not_close_is_refused() {
    let refused = |change: fn(&mut LockdownRequest)| {
        let mut wanted = request("mlflow", Front::Caddy);
        change(&mut wanted);
        lockdown(&wanted).unwrap_err().to_string()
    };
    insta::assert_snapshot!([
        refused(|r| r.listen = "0.0.0.0:80".parse().unwrap()),
        refused(|r| r.name = Some("a b {".to_owned())),
        refused(|r| r.user = "a b".to_owned()),
        refused(|r| r.certificate = Some(("a;b".to_owned(), "c".to_owned()))),
        refused(|r| r.image = Some("a b".to_owned())),
        refused(|r| r.issuer = Some("http://login.example".to_owned())),
        refused(|r| r.front = Front::Istio),
        refused(|r| { r.product = product("streamlit"); r.read_only = true; }),
    ].join("\n"), @r"
    passwords would cross the network readable for everybody: 0.0.0.0:80
    a host name has letters, digits, `-` and dots
    a user's name has letters, digits, `-`, `_`, `.` and `@`
    the path of a certificate has no blanks, quotes or braces
    the name of an image has neither blanks nor quotes
    the address of an identity provider begins with `https://`
    Istio runs in a cluster only
    it is not known which requests to Streamlit only read
    ");
    for text in [
        "ftp://a",
        "http://a/b",
        "a:0",
        "a:99999",
        "a b",
        "[::1",
        "http://[::1]x:5",
    ] {
        assert!(Upstream::parse(text).is_err(), "{text}");
    }
    for text in [
        "http://127.0.0.1:5000",
        "https://ml.internal/",
        "[::1]:5000",
        "mlflow:5000",
    ] {
        assert!(Upstream::parse(text).is_ok(), "{text}");
    }
}
