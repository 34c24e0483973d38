//! A peer that does not play by the rules, over plain TCP.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// What it does with those who connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Accepts and says nothing.
    Silent,
    /// Shows a banner and says nothing more.
    BannerThenSilent,
    /// Says what no SSH server says, and hangs up.
    Says(&'static [u8]),
    /// Sends bytes without end, none of them a banner.
    Endless,
    /// Sends a banner whose line never ends.
    EndlessBanner,
    /// Sends one byte a second, for ever.
    Drip,
    /// Accepts and hangs up.
    HangsUp,
}

/// Such a peer; dropping it ends it.
pub struct Hostile {
    port: u16,
    stop: Arc<AtomicBool>,
    seen: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Hostile {
    /// Starts one on a free port of 127.0.0.1.
    pub fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&seen));
        let thread = std::thread::spawn(move || {
            let mut peers = Vec::new();
            while let Ok((stream, _)) = listener.accept() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                counted.fetch_add(1, Ordering::SeqCst);
                let stopped = Arc::clone(&stopped);
                peers.push(std::thread::spawn(move || treat(stream, manner, &stopped)));
            }
            for peer in peers {
                let _: Result<(), _> = peer.join();
            }
        });
        Self { port, stop, seen, thread: Some(thread) }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many have connected.
    pub fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Whatever goes wrong here means that the other side has gone.
fn treat(mut stream: TcpStream, manner: Manner, stop: &AtomicBool) {
    let _ = stream.set_write_timeout(Some(Duration::from_millis(200)));
    let _ = stream.set_read_timeout(Some(Duration::from_millis(100)));
    let begin: &[u8] = match manner {
        Manner::BannerThenSilent => b"SSH-2.0-Hostile\r\n",
        Manner::Says(words) => words,
        Manner::EndlessBanner => b"SSH-2.0-",
        _ => b"",
    };
    if stream.write_all(begin).is_err() || matches!(manner, Manner::Says(_) | Manner::HangsUp) {
        return;
    }
    while !stop.load(Ordering::SeqCst) {
        let sent = match manner {
            Manner::Endless => stream.write(b"not a banner\r\n").map(drop),
            Manner::EndlessBanner => stream.write(&[b'x'; 1000]).map(drop),
            Manner::Drip => {
                std::thread::sleep(Duration::from_secs(1));
                stream.write(b"x").map(drop)
            }
            _ => match stream.read(&mut [0; 1024]) {
                Ok(0) => return,
                _ => Ok(()),
            },
        };
        match sent {
            Err(error) if !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => return,
            _ => {}
        }
    }
}
