//! Listeners, connections and the orderly end.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustix::io::Errno;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::door::{Door, HTTP_2, Rules, accept as accept_tls};
use super::listen::BindError;
use super::patience::{Patient, Phase, Progress};
use super::router::Router;
use super::source::Source;
use super::{Limits, Settings, many};
use crate::telemetry::HttpMetrics;

/// A server that listens and does not answer yet.
pub struct Server {
    listeners: Vec<TcpListener>,
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) router: Router,
    pub(super) limits: Limits,
    connections: Arc<Semaphore>,
    door: Option<Arc<Door>>,
    pub(super) metrics: HttpMetrics,
}

impl Server {
    /// Starts to listen on every address, or on none. Must be called inside the runtime.
    pub fn bind(
        settings: &Settings,
        source: Arc<dyn Source>,
        metrics: HttpMetrics,
    ) -> Result<Self, BindError> {
        let listeners = settings.listen.iter().map(|address| address.bind()).collect::<Result<_, _>>()?;
        let shared = Shared {
            router: Router::new(source, settings, metrics.clone()),
            limits: settings.limits,
            connections: Arc::new(Semaphore::new(settings.limits.connections)),
            door: settings.door.clone(),
            metrics,
        };
        Ok(Self { listeners, shared: Arc::new(shared) })
    }

    /// The addresses it listens on, with the ports the kernel chose where 0 was asked for.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Serves until `stop` resolves; then closes the listeners and lets what is under way end, for no longer
    /// than the drain timeout. True if all of it did.
    pub async fn run(self, stop: impl Future<Output = ()>) -> bool {
        let (stopping, stopped) = watch::channel(());
        let mut listening = JoinSet::new();
        for listener in self.listeners {
            listening.spawn(listen(listener, Arc::clone(&self.shared), stopped.clone()));
        }
        drop(stopped);
        stop.await;
        drop(stopping);
        timeout(self.shared.limits.drain_timeout, listening.join_all()).await.is_ok()
    }
}

/// Accepts until the sender of `stopped` is gone, then waits for its connections. Dropped, it ends them.
async fn listen(listener: TcpListener, shared: Arc<Shared>, mut stopped: watch::Receiver<()>) {
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut backoff = Backoff::default();
    loop {
        tokio::select! {
            _ = stopped.changed() => break,
            Some(_) = connections.join_next() => {}
            accepted = accept(&listener, backoff.pause) => match accepted {
                Ok((stream, peer)) => {
                    backoff.pause = Duration::ZERO;
                    if let Some(permit) = shared.admit() {
                        let watcher = graceful.watcher();
                        let serve = serve(stream, peer.ip(), Arc::clone(&shared), watcher, stopped.clone(), permit);
                        connections.spawn(serve);
                    }
                }
                Err(error) => {
                    shared.metrics.rejected("accept");
                    backoff.failed(&error);
                }
            }
        }
    }
    drop(listener);
    graceful.shutdown().await;
}

async fn accept(listener: &TcpListener, pause: Duration) -> io::Result<(TcpStream, SocketAddr)> {
    if !pause.is_zero() {
        sleep(pause).await;
    }
    listener.accept().await
}

impl Shared {
    /// Room for one more connection; without it the caller drops the stream, which closes it.
    fn admit(&self) -> Option<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.connections).try_acquire_owned().ok();
        if permit.is_none() {
            self.metrics.rejected("connections");
        }
        permit
    }
}

/// The wait between one failed accept and the next try.
#[derive(Default)]
struct Backoff {
    pause: Duration,
    logged: Option<Instant>,
}

impl Backoff {
    /// What concerns one connection alone passes with it; what concerns the process (no descriptors, no
    /// memory) would fail again at once and burn the CPU.
    fn failed(&mut self, error: &io::Error) {
        const OF_THE_PEER: [Errno; 8] = [
            Errno::CONNABORTED,
            Errno::CONNRESET,
            Errno::INTR,
            Errno::PROTO,
            Errno::HOSTDOWN,
            Errno::HOSTUNREACH,
            Errno::NETDOWN,
            Errno::NETUNREACH,
        ];
        if Errno::from_io_error(error).is_some_and(|errno| OF_THE_PEER.contains(&errno)) {
            return;
        }
        self.pause = (self.pause * 2).clamp(Duration::from_millis(10), Duration::from_secs(1));
        if self.logged.is_none_or(|at| at.elapsed() >= LOG_EVERY) {
            self.logged = Some(Instant::now());
            tracing::warn!(%error, "cannot accept connections");
        }
    }
}

/// A lack that lasts is said again, and not once a connection.
const LOG_EVERY: Duration = Duration::from_secs(60);

async fn serve(
    stream: TcpStream,
    peer: IpAddr,
    shared: Arc<Shared>,
    watcher: Watcher,
    mut stopped: watch::Receiver<()>,
    _permit: OwnedSemaphorePermit,
) {
    let _open = shared.metrics.connection();
    // Without it the tail of an answer can wait for the client's delayed acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, %peer, "cannot set TCP_NODELAY");
    }
    let rules = shared.door.as_ref().map(|door| door.rules()).unwrap_or_default();
    let Some(config) = &rules.tls else { return converse(stream, peer, shared, watcher, &rules).await };
    let shaken = tokio::select! {
        // It has asked for nothing yet, so nothing is lost.
        _ = stopped.changed() => return,
        shaken = accept_tls(stream, Arc::clone(config), shared.limits.handshake_timeout) => shaken,
    };
    match shaken {
        Ok(stream) if stream.get_ref().1.alpn_protocol() == Some(HTTP_2) => {
            many::converse(stream, peer, shared, watcher, rules, stopped).await;
        }
        Ok(stream) => converse(stream, peer, shared, watcher, &rules).await,
        Err(failed) => {
            shared.metrics.rejected(failed.reason);
            tracing::debug!(error = %failed.error, %peer, reason = failed.reason, "no TLS");
        }
    }
}

/// Requests and answers, until one side ends it.
async fn converse<S: AsyncRead + AsyncWrite + Unpin + 'static>(
    stream: S,
    peer: IpAddr,
    shared: Arc<Shared>,
    watcher: Watcher,
    rules: &Rules,
) {
    let progress = Progress::new();
    let io = TokioIo::new(Patient::new(stream, shared.limits, Arc::clone(&progress)));
    let service = service_fn(|request: Request<Incoming>| {
        progress.serving();
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(shared.router.answer(peer, rules, &request).await) }
    });
    let connection = http1::Builder::new()
        // The stream keeps the time, see `patience`.
        .header_read_timeout(None)
        .max_header_size(shared.limits.header_bytes)
        // Twice that: what is over the limit is read as well, or the close would take the refusal with it.
        .max_buf_size(shared.limits.header_bytes.max(8 << 10) * 2)
        .serve_connection(io, service);
    let ended = watcher.watch(connection).await;
    let reason = match (progress.phase(), &ended) {
        (Phase::LateHead, _) => "slow_request",
        (Phase::LateWrite, _) => "slow_reader",
        (_, Ok(())) => return,
        (_, Err(error)) if error.is_parse() => "malformed",
        // The client went away in the middle.
        (_, Err(_)) => "disconnected",
    };
    shared.metrics.rejected(reason);
    tracing::debug!(error = ended.err().map(tracing::field::display), %peer, reason, "connection ended");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_of_the_process_pause_accepting() {
        let mut backoff = Backoff::default();
        let mut pause_after = |errno: Errno| {
            backoff.failed(&errno.into());
            backoff.pause.as_millis()
        };
        assert_eq!(pause_after(Errno::CONNABORTED), 0);
        assert_eq!([Errno::MFILE; 9].map(&mut pause_after), [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
    }
}
