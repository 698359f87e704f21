//! A Kubernetes API server that says what a real one was recorded to say, byte for byte, by HTTP/1.1 and HTTP/2 over TLS. A test
//! tells it what to answer; lists, watches, refusals and connections that break off are in `tests/fixtures/kube`.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context as _, Result};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::certificates::{self, Kind};
use crate::servers::Servers;

mod answer;
mod feed;
mod http1;
mod http2;
mod tls;

pub use answer::{Answer, Asked, End};
pub use feed::Feed;

/// One that runs; stopped when dropped.
#[derive(Debug)]
pub struct ApiServer {
    address: SocketAddr,
    directory: PathBuf,
    asked: Arc<Mutex<Vec<Asked>>>,
    stop: Option<watch::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Pods of a cluster know it by an address.
const OWN: Kind = Kind { name: "api", host: "127.0.0.1", from: -10, until: 100, signed: true };

/// What is said to whom.
type Says = dyn Fn(&Asked) -> Answer + Send + Sync;

/// What a connection is served with.
struct Served {
    says: Box<Says>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl ApiServer {
    /// Starts one that says this.
    pub fn start(says: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let directory =
            std::env::temp_dir().join(format!("plimsoll-api-{}-{}", std::process::id(), address.port()));
        std::fs::create_dir_all(&directory)?;
        certificates::write_with(&directory, &[OWN])?;
        let acceptor = TlsAcceptor::from(Arc::new(tls::config(&directory)?));
        let asked = Arc::default();
        let served = Arc::new(Served { says: Box::new(says), asked: Arc::clone(&asked) });
        let (stop, stopped) = watch::channel(());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::spawn(move || runtime.block_on(serve(listener, acceptor, served, stopped)));
        Ok(Self { address, directory, asked, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it is.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, by a name that its certificate is for.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// A file in its directory, where its certificates and keys are.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Gives its URL and its directory names: `NAME` and `NAME-files`.
    pub fn name(&self, servers: &mut Servers, name: &str) {
        servers.name(name, self.url());
        servers.name(&format!("{name}-files"), self.directory.display());
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

impl Served {
    fn answer(&self, asked: Asked) -> Answer {
        let answer = (self.says)(&asked);
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
        answer
    }
}

/// Serves until it is told to stop, and then breaks off whatever goes on.
async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    served: Arc<Served>,
    mut stopped: watch::Receiver<()>,
) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => return,
        };
        let Ok((stream, _)) = accepted else { continue };
        let (acceptor, served) = (acceptor.clone(), Arc::clone(&served));
        connections.spawn(async move {
            // Who does not come to terms, or hangs up, is expected to.
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let session = stream.get_ref().1;
            let shows = session.peer_certificates().is_some();
            if session.alpn_protocol() == Some(b"h2") {
                let _ = http2::serve(stream, shows, &served).await;
            } else {
                let _ = http1::serve(stream, shows, &served).await;
            }
        });
    }
}

/// A recorded file.
fn fixture(name: &str) -> Result<Vec<u8>> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/kube")).join(name);
    std::fs::read(&path).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests;
