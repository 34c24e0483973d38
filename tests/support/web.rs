//! A tiny web server of our own for one test, over plain TCP or TLS, that can also behave badly.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// `GET /path HTTP/1.1` and the headers.
    pub(crate) head: String,
    /// Method and path: `GET /path`.
    pub(crate) line: String,
    /// The body.
    pub(crate) body: String,
}

/// What the server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Answers with a status, further header lines and a body.
    Page(u16, Vec<String>, String),
    /// Answers one byte of the body every 100 ms, for ever.
    Drip,
    /// Answers a body without end as fast as it can.
    Endless,
    /// Promises a body and hangs up in the middle of it.
    Half,
    /// Says nothing.
    Silence,
    /// Says this, which is no HTTP.
    Raw(&'static str),
}

/// A page with a status and a body.
pub(crate) fn page(status: u16, body: &str) -> Reply {
    Reply::Page(status, Vec::new(), body.to_owned())
}

/// A redirect.
pub(crate) fn redirect(to: impl Into<String>) -> Reply {
    Reply::Page(302, vec![format!("Location: {}", to.into())], String::new())
}

/// A running server; it ends when dropped.
pub(crate) struct Web {
    /// Its port on 127.0.0.1.
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
    _task: AbortOnDropHandle<()>,
}

impl Web {
    /// A server over plain TCP.
    pub(crate) async fn start(reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::serve(None, reply).await
    }

    /// A server over TLS with the certificates in the PEM file `chain`.
    pub(crate) async fn start_tls(chain: &Path, key: &Path, reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let chain = CertificateDer::pem_file_iter(chain).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_file(key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
        Self::serve(Some(TlsAcceptor::from(Arc::new(config))), reply).await
    }

    async fn serve(tls: Option<TlsAcceptor>, reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (reply, noted) = (Arc::new(reply), Arc::clone(&requests));
        let task = tokio::spawn(async move {
            // Dropped with the server, and all connections with it.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, reply, noted) = (tls.clone(), Arc::clone(&reply), Arc::clone(&noted));
                connections.spawn(async move {
                    match tls {
                        None => answer(stream, &*reply, &noted).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                answer(stream, &*reply, &noted).await;
                            }
                        }
                    }
                });
            }
        });
        Self { port, requests, _task: AbortOnDropHandle::new(task) }
    }

    /// The requests that came so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// `http://127.0.0.1:PORT` and a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

async fn answer(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    reply: &(dyn Fn(&Request) -> Reply + Send + Sync),
    noted: &Mutex<Vec<Request>>,
) {
    let Some(request) = read(&mut stream).await else { return };
    noted.lock().unwrap().push(request.clone());
    let reply = reply(&request);
    let _ = match reply {
        Reply::Page(status, headers, body) => {
            let lines: String = headers.iter().flat_map(|line| [line.as_str(), "\r\n"]).collect();
            let head = format!("HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {}\r\n{lines}\r\n", body.len());
            let body = if request.line.starts_with("HEAD ") { String::new() } else { body };
            stream.write_all(format!("{head}{body}").as_bytes()).await
        }
        Reply::Drip => {
            let _ = stream.write_all(b"HTTP/1.1 200 x\r\nContent-Length: 100000\r\n\r\n").await;
            loop {
                if stream.write_all(b"x").await.is_err() || stream.flush().await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Reply::Endless => {
            let _ = stream.write_all(b"HTTP/1.1 200 x\r\nConnection: close\r\n\r\n").await;
            loop {
                if stream.write_all(&[b'x'; 16384]).await.is_err() {
                    return;
                }
            }
        }
        Reply::Half => stream.write_all(b"HTTP/1.1 200 x\r\nContent-Length: 100\r\n\r\nonly this").await,
        Reply::Silence => {
            tokio::time::sleep(Duration::from_mins(1)).await;
            Ok(())
        }
        Reply::Raw(text) => stream.write_all(text.as_bytes()).await,
    };
    let _ = stream.shutdown().await;
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Request> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0);
            if body.len() >= length {
                let line = head.split(" HTTP/").next().unwrap_or_default().to_owned();
                return Some(Request { head: head.to_owned(), line, body: body.to_owned() });
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
