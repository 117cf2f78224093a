//! What the tests of connections share: a listener that is served, and clients that speak to it byte
//! by byte. Certificates are the tests' of TLS.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Extension, Router,
    extract::Request,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{Client, Listener, RequestId, Shutdown, Terms, connection::Limits, http, listen};

/// Nothing in a test takes so long.
pub(crate) const LONG: Duration = Duration::from_mins(1);
/// What a test waits for where it must pass.
pub(crate) const SHORT: Duration = Duration::from_millis(50);
/// Limits that no test reaches; each shortens what it is about.
pub(crate) const PATIENT: Limits = Limits {
    requests: 100,
    handshake: LONG,
    first_request: LONG,
    idle: LONG,
    last_request: LONG,
};

/// A listener that is served.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) drain: Shutdown,
    pub(crate) serving: JoinHandle<()>,
}

pub(crate) async fn serve(terms: &Terms, limits: Limits) -> Served {
    let socket = listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    let listener = Listener::new(socket, terms);
    let (address, drain) = (listener.local_addr().unwrap(), Shutdown::new());
    let router = Router::new()
        .route("/", get(async || "here\n"))
        .route("/slow", get(slow))
        .route("/who", get(who))
        .route("/echo", get(echo));
    let serving = tokio::spawn(http::serve_by(listener, router, drain.clone(), limits));
    Served {
        address,
        drain,
        serving,
    }
}

async fn slow() -> &'static str {
    sleep(SHORT * 4).await;
    "at last\n"
}

async fn who(
    Extension(Client(client)): Extension<Client>,
    Extension(id): Extension<RequestId>,
) -> String {
    format!("{client} {}", id.as_str())
}

/// Gives back what comes after an upgrade.
async fn echo(request: Request) -> impl IntoResponse {
    tokio::spawn(async {
        let mut socket = TokioIo::new(hyper::upgrade::on(request).await.unwrap());
        let mut bytes = [0; 4];
        socket.read_exact(&mut bytes).await.unwrap();
        socket.write_all(&bytes).await.unwrap();
    });
    let headers = [(header::UPGRADE, "echo"), (header::CONNECTION, "upgrade")];
    (StatusCode::SWITCHING_PROTOCOLS, headers)
}

impl Served {
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Ends what is served, within the time that a test may take.
    pub(crate) async fn end(self) {
        self.drain.request();
        timeout(LONG / 4, self.serving).await.unwrap().unwrap();
    }
}

/// Asks in HTTP/1.1, and reads until the answer ends so.
pub(crate) async fn ask(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    path: &str,
    end: &str,
) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    read_to(stream, end).await
}

/// Reads until what was read ends so, or the connection does.
pub(crate) async fn read_to(stream: &mut (impl AsyncRead + Unpin), end: &str) -> String {
    let mut answer = Vec::new();
    let reading = async {
        while !answer.ends_with(end.as_bytes()) {
            if !matches!(stream.read_buf(&mut answer).await, Ok(1..)) {
                break;
            }
        }
    };
    timeout(LONG / 4, reading).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Waits until the server has closed the connection, and returns what came before.
pub(crate) async fn is_closed(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut rest = Vec::new();
    let closed = timeout(LONG / 4, stream.read_to_end(&mut rest)).await;
    // Some ends are a reset.
    let _ended = closed.expect("the connection stays open");
    rest
}

/// Asks in HTTP/2 with this header; the status of the answer.
pub(crate) async fn ask_in_http2(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    header: &str,
) -> Result<StatusCode, h2::Error> {
    let (client, connection) = h2::client::handshake(stream).await?;
    let driver = tokio::spawn(connection);
    let mut client = client.ready().await?;
    let request = axum::http::Request::get("http://test/").header("x-of-test", header);
    let (answer, _) = client.send_request(request.body(()).unwrap(), true)?;
    let status = answer.await?.status();
    driver.abort();
    Ok(status)
}
