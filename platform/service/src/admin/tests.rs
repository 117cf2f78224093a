//! Real requests over a loopback port.

use std::net::Ipv4Addr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
    time::timeout,
};

use super::*;

struct Served {
    address: SocketAddr,
    readiness: Readiness,
    shutdown: Shutdown,
    serving: JoinHandle<anyhow::Result<()>>,
}

async fn serve() -> Served {
    let admin = Admin::bind((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
    let (readiness, shutdown) = (Readiness::new(), Shutdown::new());
    let address = admin.local_addr();
    let serving = tokio::spawn(admin.serve(readiness.clone(), shutdown.clone()));
    Served {
        address,
        readiness,
        shutdown,
        serving,
    }
}

impl Served {
    /// The status line, the headers and the body of a GET.
    async fn get(&self, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    async fn check(&self, path: &str, status: &str, body: &str) {
        let (head, actual) = self.get(path).await;
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status}")),
            "{path}: {head}"
        );
        assert_eq!(actual, body, "{path}");
    }
}

#[tokio::test]
async fn a_process_is_live_before_it_is_ready() {
    let served = serve().await;
    let ingest = served.readiness.condition("ingest");
    served.check("/live", "200", "live\n").await;
    served.check("/ready", "503", "ingest: starting\n").await;
    ingest.set_ready();
    served.check("/ready", "200", "ready\n").await;
    ingest.set_not_ready("draining");
    served.check("/ready", "503", "ingest: draining\n").await;
    served.check("/live", "200", "live\n").await;
}

#[tokio::test]
async fn other_paths_are_not_found() {
    let (head, _) = serve().await.get("/").await;
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");
}

#[tokio::test]
async fn metrics_are_prometheus_text() {
    let (head, body) = serve().await.get("/metrics").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(
        head.contains("content-type: text/plain; version=0.0.4"),
        "{head}"
    );
    if cfg!(target_os = "linux") {
        assert!(body.contains("\nprocess_resident_memory_bytes "), "{body}");
        assert!(
            body.contains("\n# TYPE process_cpu_seconds_total counter\n"),
            "{body}"
        );
    }
}

#[tokio::test]
async fn several_services_in_one_process_each_have_a_port() {
    let (first, second) = (serve().await, serve().await);
    assert_ne!(first.address, second.address);
    let _starting = first.readiness.condition("first");
    first.check("/ready", "503", "first: starting\n").await;
    second.check("/ready", "200", "ready\n").await;
}

#[tokio::test]
async fn a_taken_port_is_named_in_the_error() {
    let served = serve().await;
    let Err(error) = Admin::bind(served.address).await else {
        panic!("bound twice")
    };
    assert!(
        error.to_string().contains(&served.address.to_string()),
        "{error:#}"
    );
}

#[tokio::test]
async fn serving_ends_with_the_shutdown() {
    let served = serve().await;
    served.check("/live", "200", "live\n").await;
    served.shutdown.request();
    served.serving.await.unwrap().unwrap();
    assert!(TcpStream::connect(served.address).await.is_err());
}

#[tokio::test]
async fn a_client_that_never_ends_its_request_does_not_hold_up_the_end() {
    let served = serve().await;
    let mut stuck = TcpStream::connect(served.address).await.unwrap();
    stuck.write_all(b"GET /live HTT").await.unwrap();
    served.check("/live", "200", "live\n").await;
    served.shutdown.request();
    // Long before the client's time for its headers is up.
    let ended = timeout(Duration::from_secs(10), served.serving).await;
    ended.unwrap().unwrap().unwrap();
}
