//! TLS on both sides, and gRPC, which is HTTP/2 from end to end.

use super::{Running, oidc, settings, status};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    HeaderMap, Request, Response, StatusCode,
    body::{Body, Bytes, Frame, Incoming},
    header::HeaderValue,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::{
    collections::VecDeque,
    convert::Infallible,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    pin::Pin,
    process::Command,
    sync::{Arc, Mutex, mpsc},
    task::{Context, Poll},
};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use wellhead_server::gateway::{Gateway, GatewayError, TlsError};

/// Has openssl write a certificate and its key; nothing where there is none.
fn certificate(folder: &Path) -> Option<(PathBuf, PathBuf)> {
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let arguments = "req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 2 -subj /CN=localhost \
                     -addext subjectAltName=DNS:localhost,DNS:ml.example -addext basicConstraints=critical,CA:FALSE";
    let mut openssl = Command::new("openssl");
    openssl
        .args(arguments.split_whitespace())
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate);
    match openssl.output() {
        Ok(made) if made.status.success() => {}
        other => {
            eprintln!("skipped: openssl makes no certificate: {other:?}");
            return None;
        }
    }
    mode(&key, 0o600);
    Some((certificate, key))
}

fn mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn tls(address: SocketAddr, certificate: &Path) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(certificate).unwrap())
        .unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connection =
        ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
    StreamOwned::new(connection, TcpStream::connect(address).unwrap())
}

fn over_tls(address: SocketAddr, certificate: &Path, request: &str) -> String {
    let mut stream = tls(address, certificate);
    stream.write_all(request.as_bytes()).unwrap();
    let mut out = Vec::new();
    let _ = stream.read_to_end(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

#[test]
fn over_tls_the_cookie_is_for_this_host_alone() {
    let folder = tempfile::tempdir().unwrap();
    let Some((certificate, key)) = certificate(folder.path()) else {
        return;
    };
    let running = Running::start("mlflow", |s| s.tls = Some((certificate.clone(), key)));
    let ask = |request: &str| over_tls(running.address, &certificate, request);
    let bearer = running.bearer();
    let got = ask(&format!(
        "GET /version HTTP/1.1\r\nHost: ml.example\r\n{bearer}Connection: close\r\n\r\n"
    ));
    assert_eq!(status(&got), 200, "{got}");
    assert!(running.upstream.heads()[0].contains("x-forwarded-proto: https\r\n"));
    let form = format!("name=admin&password={}", running.first.password);
    let signed_in = ask(&format!(
        "POST /.wellhead/sign-in HTTP/1.1\r\nHost: ml.example\r\nOrigin: https://ml.example\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{form}",
        form.len()
    ));
    let cookie = signed_in
        .lines()
        .find_map(|l| l.strip_prefix("set-cookie: "))
        .unwrap();
    assert!(
        cookie.starts_with("__Host-wellhead=") && cookie.ends_with("; Secure"),
        "{cookie}"
    );
    // Whoever speaks plain HTTP to it gets nothing.
    assert_eq!(
        status(&running.raw("GET /version HTTP/1.1\r\nHost: ml.example\r\n\r\n")),
        0
    );
    assert_eq!(running.upstream.heads().len(), 1);
}

#[test]
fn a_wide_address_needs_tls_and_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let Some((certificate, key)) = certificate(folder.path()) else {
        return;
    };
    let open = |change: &dyn Fn(&mut wellhead_server::gateway::Settings)| {
        let mut settings = settings(folder.path(), "mlflow", "127.0.0.1:1".parse().unwrap());
        settings.listen = "0.0.0.0:0".parse().unwrap();
        settings.tls = Some((certificate.clone(), key.clone()));
        change(&mut settings);
        Gateway::open(&settings).err()
    };
    assert!(matches!(open(&|s| s.tls = None), Some(GatewayError::NoTls(_))));
    assert!(matches!(
        open(&|s| s.names.clear()),
        Some(GatewayError::NoName(_))
    ));
    let swapped = open(&|s| s.tls = Some((key.clone(), certificate.clone())));
    assert!(matches!(swapped, Some(GatewayError::Tls(_))), "{swapped:?}");
    mode(&key, 0o644);
    assert!(matches!(
        open(&|_| {}),
        Some(GatewayError::Tls(TlsError::File(_)))
    ));
    mode(&key, 0o600);
    assert!(open(&|_| {}).is_none());
    let store = wellhead_server::gateway::Store::at(&folder.path().join("state")).unwrap();
    store.remove_user("admin").unwrap();
    assert!(matches!(open(&|_| {}), Some(GatewayError::NoUser(_))));
}

/// Answers a call of gRPC with what it got, and says in trailers how it ended.
async fn echo(request: Request<Incoming>) -> Result<Response<Frames>, Infallible> {
    let told = request.headers().contains_key("authorization")
        || request.headers().get("te").is_none_or(|t| t != "trailers");
    let body = request
        .into_body()
        .collect()
        .await
        .map(|b| b.to_bytes())
        .unwrap_or_default();
    let mut trailers = HeaderMap::new();
    trailers.insert(
        "grpc-status",
        HeaderValue::from_static(if told { "3" } else { "0" }),
    );
    let mut response = Response::new(Frames(
        [Frame::data(body), Frame::trailers(trailers)]
            .into_iter()
            .collect(),
    ));
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static("application/grpc"));
    Ok(response)
}

/// What is left to be sent.
struct Frames(VecDeque<Frame<Bytes>>);

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}

/// A server of gRPC; ends with the test.
fn grpc() -> SocketAddr {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                tokio::spawn(server.serve_connection(TokioIo::new(stream), service_fn(echo)));
            }
        });
    });
    receiver.recv().unwrap()
}

/// Status, body and `grpc-status` of a call.
fn call(address: SocketAddr, path: &str, authorization: &str) -> (StatusCode, Bytes, Option<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .unwrap();
        tokio::spawn(connection);
        let request = Request::post(format!("http://localhost{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("authorization", authorization)
            .body(Full::new(Bytes::from_static(b"\0\0\0\0\x07\x0a\x05model")))
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap();
        let ended = body
            .trailers()
            .and_then(|t| t.get("grpc-status"))
            .map(|v| v.to_str().unwrap().to_owned());
        (status, body.to_bytes(), ended)
    })
}

#[test]
fn grpc_passes_with_its_trailers_and_loads_no_models() {
    let behind = grpc();
    let running = Running::start("triton", |s| s.upstream_grpc = Some(format!("http://{behind}")));
    let bearer = format!("Bearer {}", running.first.token);
    let service = "/inference.GRPCInferenceService";
    let (status, body, ended) = call(running.address, &format!("{service}/ModelInfer"), &bearer);
    assert_eq!(
        (status, &body[..], ended.as_deref()),
        (StatusCode::OK, &b"\0\0\0\0\x07\x0a\x05model"[..], Some("0"))
    );
    assert_eq!(
        call(running.address, &format!("{service}/ModelInfer"), "Bearer x").0,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        call(
            running.address,
            &format!("{service}/RepositoryModelLoad"),
            &bearer
        )
        .0,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        call(
            running.address,
            "/grpc.reflection.v1.ServerReflection/Info",
            &bearer
        )
        .0,
        StatusCode::FORBIDDEN
    );
    // HTTP/1.1 on the same port still reaches the other address.
    assert_eq!(super::status(&running.ask("GET", "/v2/health/ready", "")), 200);
    assert_eq!(running.upstream.heads().len(), 1);
    let lines = running.ended();
    let answer = lines.iter().find(|l| l["event"] == "answer").unwrap();
    assert_eq!(
        (&answer["path"], &answer["names"][0]),
        (&format!("{service}/ModelInfer").into(), &"model".into())
    );
}

/// A server over TLS that keeps what it is asked, and says where it was asked.
fn behind_tls(certificate: &Path, key: &Path) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key).unwrap())
        .unwrap();
    let (config, kept) = (Arc::new(config), Arc::new(Mutex::new(Vec::new())));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, asked) = (listener.local_addr().unwrap(), Arc::clone(&kept));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut reader = BufReader::new(StreamOwned::new(connection, stream));
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).is_ok_and(|got| got > 0) {}
            if head.is_empty() {
                continue;
            }
            asked.lock().unwrap().push(head);
            let answer = "HTTP/1.1 404 No\r\nContent-Length: 6\r\nConnection: close\r\n\r\nbehind";
            let _ = reader.get_mut().write_all(answer.as_bytes());
            reader.get_mut().conn.send_close_notify();
            let _ = reader.get_mut().flush();
        }
    });
    (address, kept)
}

#[test]
fn what_lies_behind_proves_who_it_is_before_it_hears_anything() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (Some((own, key)), Some((strange, _))) = (certificate(folder.path()), certificate(other.path()))
    else {
        return;
    };
    let (behind, asked) = behind_tls(&own, &key);
    let port = behind.port();
    for (url, roots, fine) in [
        (format!("https://localhost:{port}"), Some(&own), true),
        // It is not who signs, not by this name, not known to browsers, and does not speak plainly.
        (format!("https://localhost:{port}"), Some(&strange), false),
        (format!("https://127.0.0.1:{port}"), Some(&own), false),
        (format!("https://localhost:{port}"), None, false),
        (format!("http://localhost:{port}"), Some(&own), false),
    ] {
        asked.lock().unwrap().clear();
        let authorization = folder.path().join("authorization");
        std::fs::write(&authorization, "Bearer of the platform").unwrap();
        mode(&authorization, 0o600);
        let running = Running::start("mlflow", |s| {
            s.upstream.clone_from(&url);
            s.upstream_roots = roots.cloned();
            s.upstream_authorization = Some(authorization);
        });
        let got = running.ask("GET", "/version", "");
        assert_eq!(
            status(&got),
            if fine { 404 } else { 502 },
            "{url} {roots:?}: {got}"
        );
        let heads = asked.lock().unwrap().clone();
        if fine {
            assert!(got.ends_with("behind"), "{got}");
            assert!(
                heads[0].contains(&format!("host: localhost:{port}\r\n")),
                "{heads:?}"
            );
            assert!(heads[0].contains("authorization: Bearer of the platform\r\n"));
        } else {
            assert!(heads.is_empty(), "{url} {roots:?}: {heads:?}");
            assert!(
                got.contains("the upstream does not answer") && got.contains("connection: close"),
                "{got}"
            );
        }
        let lines = running.ended();
        let answer = lines.iter().find(|l| l["event"] == "answer").unwrap();
        assert_eq!(answer["status"], if fine { 404 } else { 502 });
    }
}

#[test]
fn an_identity_provider_proves_who_it_is_before_it_hears_anything() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (Some((own, key)), Some((strange, _))) = (certificate(folder.path()), certificate(other.path()))
    else {
        return;
    };
    let (behind, asked) = behind_tls(&own, &key);
    for (host, roots, why) in [
        (
            "localhost",
            Some(&own),
            "the provider does not say what it is asked for",
        ),
        ("localhost", Some(&strange), "the provider does not answer"),
        ("localhost", None, "the provider does not answer"),
        ("127.0.0.1", Some(&own), "the provider does not answer"),
    ] {
        asked.lock().unwrap().clear();
        let running = Running::start("mlflow", |s| {
            let mut provider = oidc::told(&format!("https://{host}:{}/realms/team", behind.port()));
            provider.roots = roots.cloned();
            s.provider = Some(provider);
        });
        let page =
            running.raw("GET /.wellhead/oidc/start HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        assert_eq!(status(&page), 502, "{page}");
        let heads = asked.lock().unwrap().clone();
        let there = "GET /realms/team/.well-known/openid-configuration HTTP/1.1\r\n";
        assert_eq!(
            heads.first().is_some_and(|h| h.starts_with(there)),
            roots == Some(&own) && host == "localhost"
        );
        assert_eq!(oidc::reasons(&running.ended()), [why]);
    }
}

#[test]
fn http2_is_spoken_only_where_grpc_needs_it() {
    let running = Running::start("mlflow", |_| {});
    let answer = running.raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
}
