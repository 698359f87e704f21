//! How long a connection may keep us waiting: for a request's head, between requests, and for an answer to be taken.
//!
//! hyper has one timeout for the head and the rest between requests together, and none for writes. A scraper
//! rests for a minute and more, while a head that takes more than seconds is an attack; so the stream itself keeps
//! the time. What it cannot see, that a request's head is complete, the service tells through [`Progress`].

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::Limits;

/// What a connection is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// The client, between requests.
    Idle,
    /// The client, which has begun a request (or only connected).
    Head,
    /// Us.
    Serving,
    /// The client, which takes the answer.
    Writing,
    /// Nothing any more: the head took too long.
    LateHead,
    /// Nothing any more: the answer was not taken.
    LateWrite,
}

/// The phase of a connection, shared by its stream and its service.
#[derive(Debug)]
pub(super) struct Progress(AtomicU8);

impl Progress {
    /// A fresh connection has to send its first request at once.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU8::new(Phase::Head as u8)))
    }

    /// The current phase.
    pub(super) fn phase(&self) -> Phase {
        use Phase::{Head, Idle, LateHead, LateWrite, Serving, Writing};
        let at = self.0.load(Ordering::Relaxed);
        [Idle, Head, Serving, Writing, LateHead].into_iter().find(|p| *p as u8 == at).unwrap_or(LateWrite)
    }

    /// A request's head is complete.
    pub(super) fn serving(&self) {
        self.set(Phase::Serving);
    }

    fn set(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::Relaxed);
    }
}

/// A stream that ends when its client is too slow.
#[derive(Debug)]
pub(super) struct Patient<S> {
    stream: S,
    limits: Limits,
    progress: Arc<Progress>,
    timer: Pin<Box<Sleep>>,
}

impl<S> Patient<S> {
    pub(super) fn new(stream: S, limits: Limits, progress: Arc<Progress>) -> Self {
        Self { stream, limits, progress, timer: Box::pin(sleep(limits.header_timeout)) }
    }

    /// Begins a phase. The timer is asked at once, as hyper may wait for the socket alone from here on.
    fn enter(&mut self, phase: Phase, cx: &mut Context<'_>) {
        let patience = match phase {
            Phase::Idle => self.limits.idle_timeout,
            Phase::Head => self.limits.header_timeout,
            _ => self.limits.write_timeout,
        };
        self.progress.set(phase);
        self.timer.as_mut().reset(Instant::now() + patience);
        let _pending = self.is_late(cx);
    }

    /// True once the current phase has lasted too long.
    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        self.timer.as_mut().poll(cx).is_ready()
    }

    /// What a write that waits comes to.
    fn pending_write<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if self.progress.phase() == Phase::Writing && self.is_late(cx) {
            self.progress.set(Phase::LateWrite);
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        let before = buf.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut me.stream).poll_read(cx, buf) {
            // TLS without its farewell. Nobody could have cut anything off: a request is whole, or it is none.
            let read = match read {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
                read => read,
            };
            if buf.filled().len() > before && me.progress.phase() == Phase::Idle {
                me.enter(Phase::Head, cx);
            }
            return Poll::Ready(read);
        }
        match me.progress.phase() {
            // To hyper this is the client's own end, which is the usual end of a rest.
            Phase::Idle if me.is_late(cx) => Poll::Ready(Ok(())),
            Phase::Head if me.is_late(cx) => {
                me.progress.set(Phase::LateHead);
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            _ => Poll::Pending,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        if me.progress.phase() != Phase::Writing {
            me.enter(Phase::Writing, cx);
        }
        match Pin::new(&mut me.stream).poll_write_vectored(cx, bufs) {
            Poll::Pending => me.pending_write(cx),
            ready => ready,
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper flushes only what it has written in full, so this is where an answer ends.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        match Pin::new(&mut me.stream).poll_flush(cx) {
            Poll::Pending => me.pending_write(cx),
            ready => {
                if me.progress.phase() == Phase::Writing {
                    me.enter(Phase::Idle, cx);
                }
                ready
            }
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        match Pin::new(&mut me.stream).poll_shutdown(cx) {
            // The farewell of TLS waits for the client, like an answer.
            Poll::Pending => {
                if me.progress.phase() != Phase::Writing {
                    me.enter(Phase::Writing, cx);
                }
                me.pending_write(cx)
            }
            ready => ready,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_phase_has_its_own_patience() {
        let limits = Limits::default();
        let (mut client, server) = duplex(8);
        let progress = Progress::new();
        let mut server = Patient::new(server, limits, Arc::clone(&progress));
        let mut byte = [0; 1];

        client.write_all(b"a").await.expect("open");
        assert_eq!(server.read(&mut byte).await.expect("a byte"), 1);
        progress.serving();
        assert!(
            tokio::time::timeout(limits.idle_timeout * 9, server.read(&mut byte)).await.is_err(),
            "while we serve, the client may be silent for as long as it takes"
        );

        server.write_all(b"12345678").await.expect("fits");
        let begun = Instant::now();
        let error = server.write_all(b"9").await.expect_err("the client reads nothing");
        assert_eq!((error.kind(), begun.elapsed()), (io::ErrorKind::TimedOut, limits.write_timeout));
        assert_eq!(progress.phase(), Phase::LateWrite);
    }

    #[tokio::test(start_paused = true)]
    async fn a_trickle_does_not_renew_the_head() {
        let limits = Limits::default();
        let (mut client, server) = duplex(64);
        let progress = Progress::new();
        let mut server = Patient::new(server, limits, Arc::clone(&progress));
        let begun = Instant::now();
        let trickle = async {
            while client.write_all(b"x").await.is_ok() {
                sleep(limits.header_timeout / 10).await;
            }
        };
        let error = tokio::select! {
            error = async { loop { if let Err(e) = server.read_u8().await { break e } } } => error,
            () = trickle => io::Error::other("the client ended first"),
        };
        assert_eq!((error.kind(), begun.elapsed()), (io::ErrorKind::TimedOut, limits.header_timeout));
        assert_eq!(progress.phase(), Phase::LateHead);
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_rest_is_a_quiet_end() {
        let limits = Limits::default();
        let (_client, server) = duplex(64);
        let mut server = Patient::new(server, limits, Progress::new());
        server.write_all(b"answer").await.expect("fits");
        server.flush().await.expect("open");
        let begun = Instant::now();
        assert_eq!(server.read(&mut [0]).await.expect("a quiet end"), 0);
        assert_eq!(begun.elapsed(), limits.idle_timeout);
    }
}
