//! The sample web site: a status page and an order page, served on loopback while the demonstration runs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// How many are served at once.
const AT_ONCE: usize = 16;
/// Longest that a visitor may take.
const VISIT_LIMIT: Duration = Duration::from_secs(10);
/// Longest head of a request.
const HEAD_BYTES: usize = 8 * 1024;
/// The order page is slow on purpose: the demonstration has something to find.
const ORDERS_TAKE: Duration = Duration::from_millis(1300);

/// The web site, served until it is stopped.
pub(super) struct Website {
    address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Website {
    /// Serves on a free port of loopback.
    ///
    /// # Errors
    /// When there is none to be had.
    pub(super) async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, stop.clone()));
        Ok(Self { address, stop, serving })
    }

    /// Where it is.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops serving; returns when nobody is served any more.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        // A panic in there has been told by the runtime, and stopping is all that is left to do.
        let _ = self.serving.await;
    }
}

async fn serve(listener: TcpListener, stop: CancellationToken) {
    let mut visits = JoinSet::new();
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Ok(turn) = Arc::clone(&turns).acquire_owned().await else { break };
        while visits.try_join_next().is_some() {}
        visits.spawn(async move {
            let _turn = turn;
            // A visitor who goes away or takes too long has no answer, and that is all there is to it.
            let _ = tokio::time::timeout(VISIT_LIMIT, answer(stream)).await;
        });
    }
    visits.shutdown().await;
}

/// Answers one request, and closes.
async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        let mut part = [0; 1024];
        let read = stream.read(&mut part).await?;
        if read == 0 || head.len() > HEAD_BYTES {
            return Ok(());
        }
        head.extend_from_slice(&part[..read]);
    }
    let line = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
    let mut words = line.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (status, kind, body) = match (method, path) {
        ("GET" | "HEAD", "/status") => ("200 OK", "application/json", r#"{"status":"ok","version":"4.2.0"}"#),
        ("GET" | "HEAD", "/" | "/orders") => {
            tokio::time::sleep(ORDERS_TAKE).await;
            ("200 OK", "text/html; charset=utf-8", "<!doctype html><title>Sample shop</title><h1>Orders</h1><p>11 orders</p>")
        }
        ("GET" | "HEAD", _) => ("404 Not Found", "text/plain", "There is no such page."),
        _ => ("405 Method Not Allowed", "text/plain", "This site is only read."),
    };
    let body = if method == "HEAD" { "" } else { body };
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn pages_are_served_until_it_stops() {
        let website = Website::start().await.unwrap();
        let address = website.address;
        assert!(ask(address, "GET /status HTTP/1.1\r\nHost: x\r\n\r\n").await.contains(r#""status":"ok""#));
        assert!(ask(address, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n").await.starts_with("HTTP/1.1 404"));
        assert!(ask(address, "POST /orders HTTP/1.1\r\nHost: x\r\n\r\n").await.starts_with("HTTP/1.1 405"));
        website.stop().await;
        assert!(TcpStream::connect(address).await.is_err());
    }
}
