//! Whoever was removed loses what is open, not only what they would ask for next.

use super::{Running, status};
use hyper::{
    Request, Response,
    body::{Body, Bytes, Frame, Incoming},
    client::conn::http2 as client,
    server::conn::http2 as server,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::{
    convert::Infallible,
    future::poll_fn,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};

/// Longer than the gateway takes to notice, shorter than it waits for a client that sends nothing.
const SOON: Duration = Duration::from_secs(40);

#[test]
fn an_event_stream_ends_with_the_token_it_was_opened_with() {
    let running = Running::start("gradio", |_| {});
    let mut stream = running.connect();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let bearer = running.bearer();
    write!(
        stream,
        "GET /gradio_api/events HTTP/1.1\r\nHost: localhost\r\n{bearer}\r\n"
    )
    .unwrap();
    let mut reader = BufReader::new(stream);
    let mut seen = String::new();
    while !seen.contains("data: one") {
        assert_ne!(reader.read_line(&mut seen).unwrap(), 0, "{seen}");
    }
    running.store().remove_token("first").unwrap();
    // Nothing comes from what lies behind, and the gateway closes all the same.
    let mut rest = String::new();
    reader.read_to_string(&mut rest).unwrap();
    assert!(
        !rest.contains("data: two") && !rest.contains("\r\n0\r\n"),
        "{rest}"
    );
    let lines = running.ended();
    let answer = lines.iter().find(|l| l["event"] == "answer").unwrap();
    assert_eq!(
        (&answer["why"], &answer["whole"]),
        (&"the credentials are no longer good".into(), &false.into())
    );
}

#[test]
fn an_upload_ends_with_its_user() {
    let running = Running::start("mlflow", |_| {});
    let bearer = running.bearer();
    let mut stream = running.connect();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let target = "/api/2.0/mlflow-artifacts/artifacts/1/run/model.bin";
    write!(
        stream,
        "PUT {target} HTTP/1.1\r\nHost: localhost\r\n{bearer}Content-Length: 9\r\n\r\nhalf"
    )
    .unwrap();
    running.store().remove_user("admin").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        status(&answer) == 403 && answer.contains("no longer good"),
        "{answer}"
    );
}

/// One message, and then no end.
struct Endless(mpsc::Receiver<Bytes>);

impl Endless {
    fn new() -> (mpsc::Sender<Bytes>, Self) {
        let (send, receive) = mpsc::channel(1);
        // A message of gRPC that is empty.
        send.try_send(Bytes::from_static(&[0; 5])).unwrap();
        (send, Self(receive))
    }
}

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|b| b.map(|b| Ok(Frame::data(b))))
    }
}

/// Whether the next thing of a body is data.
async fn more(body: &mut Incoming) -> bool {
    let next = timeout(SOON, poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)));
    matches!(next.await.unwrap(), Some(Ok(_)))
}

/// Serves one connection of gRPC that never ends by itself; tells when the body of its request ends.
async fn grpc_upstream(listener: TcpListener, ended: mpsc::Sender<()>) {
    let (stream, _) = listener.accept().await.unwrap();
    let service = service_fn(move |request: Request<Incoming>| {
        let (ended, (held, body)) = (ended.clone(), Endless::new());
        tokio::spawn(async move {
            let mut request = request.into_body();
            while more(&mut request).await {}
            let _ = ended.send(()).await;
            // Only now would the answer end by itself.
            drop(held);
        });
        let answer = Response::builder().header("content-type", "application/grpc");
        std::future::ready(answer.body(body))
    });
    let _ = server::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// A connection of HTTP/2 to the gateway, and when it has ended.
pub(super) async fn connect<B>(address: SocketAddr) -> (client::SendRequest<B>, tokio::task::JoinHandle<()>)
where
    B: Body<Data = Bytes, Error = Infallible> + Unpin + Send + 'static,
{
    let stream = TcpStream::connect(address).await.unwrap();
    let (send, connection) = client::Builder::new(TokioExecutor::new())
        .handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let ended = tokio::spawn(async move {
        let _ = connection.await;
    });
    (send, ended)
}

#[test]
fn both_ways_of_a_grpc_stream_end_with_the_token() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let behind = listener.local_addr().unwrap();
    let running = Running::start("triton", |s| {
        s.upstream_grpc = Some(format!("http://{behind}"));
        // A stream that is open is not idle.
        s.patience = Duration::from_millis(300);
    });
    let (ended, mut told) = mpsc::channel(1);
    runtime.spawn(grpc_upstream(listener, ended));
    let why = runtime.block_on(async {
        let (mut send, _connection) = connect(running.address).await;
        let (_held, body) = Endless::new();
        let request = Request::post(format!(
            "http://localhost:{}/inference.GRPCInferenceService/ModelStreamInfer",
            running.address.port()
        ))
        .header("authorization", format!("Bearer {}", running.first.token))
        .header("content-type", "application/grpc")
        .body(body)
        .unwrap();
        let mut answer = send.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(more(answer.body_mut()).await);
        running.store().remove_token("first").unwrap();
        assert!(!more(answer.body_mut()).await);
        timeout(SOON, told.recv()).await.unwrap().unwrap();
        answer.body().is_end_stream()
    });
    assert!(!why, "it broke off");
    let lines = running.ended();
    let answer = lines.iter().find(|l| l["event"] == "answer").unwrap();
    assert_eq!(answer["whole"], false, "{answer}");
}
