//! A gate before a server: what goes through it can be shut out, held up, or cut off, as a network does to who follows an API.

use std::io::{ErrorKind, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context as _, Result, ensure};

/// One that is open at first. Shut when dropped.
#[derive(Debug)]
pub struct Gate {
    address: SocketAddr,
    to: SocketAddr,
    inner: Arc<Inner>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    shut: bool,
    held: bool,
    cuts: u64,
    streams: Vec<TcpStream>,
}

/// What comes by a connection, until it is cut: not a word of what is said after that goes through, though the other connections
/// of the same client may end a moment later.
struct Uncut<'i> {
    stream: TcpStream,
    cuts: u64,
    inner: &'i Inner,
}

impl Gate {
    /// A gate to this server.
    pub fn before(to: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let mut gate = Self { address, to, inner: Arc::default(), thread: None };
        gate.serve(listener);
        Ok(gate)
    }

    /// The port it listens on.
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// Whoever comes from now on is let in, and then waits until [`Self::release`].
    pub fn hold(&self) {
        self.inner.lock().held = true;
    }

    /// Whoever was held up goes on.
    pub fn release(&self) {
        self.inner.lock().held = false;
        self.inner.changed.notify_all();
    }

    /// Connections that there are end; new ones are let in.
    pub fn cut(&self) {
        let mut state = self.inner.lock();
        state.cuts += 1;
        let streams = std::mem::take(&mut state.streams);
        drop(state);
        for stream in streams {
            // It may have ended by itself.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Connections end, and new ones are refused until [`Self::open`].
    pub fn shut(&mut self) -> Result<()> {
        self.inner.lock().shut = true;
        self.release();
        let Some(thread) = self.thread.take() else { return Ok(()) };
        // It waits for the next who comes.
        match TcpStream::connect(self.address) {
            Err(error) if error.kind() != ErrorKind::ConnectionRefused => return Err(error.into()),
            _ => {}
        }
        ensure!(thread.join().is_ok(), "the gate panicked");
        self.cut();
        Ok(())
    }

    /// Who comes is let in again.
    pub fn open(&mut self) -> Result<()> {
        self.inner.lock().shut = false;
        let listener = TcpListener::bind(self.address).context("the port that it had")?;
        self.serve(listener);
        Ok(())
    }

    fn serve(&mut self, listener: TcpListener) {
        let (to, inner) = (self.to, Arc::clone(&self.inner));
        self.thread = Some(std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if inner.lock().shut {
                    return;
                }
                let inner = Arc::clone(&inner);
                std::thread::spawn(move || inner.pass(stream, to));
            }
        }));
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets one through, both ways, until either end has enough.
    fn pass(&self, stream: TcpStream, to: SocketAddr) {
        drop(self.changed.wait_while(self.lock(), |state| state.held));
        // Whoever goes meanwhile is no matter.
        let Ok(server) = TcpStream::connect(to) else { return };
        let copies = || Some((stream.try_clone().ok()?, server.try_clone().ok()?));
        let (Some(kept), Some((from, mut into))) = (copies(), copies()) else { return };
        let cuts = {
            let mut state = self.lock();
            if state.shut {
                return;
            }
            state.streams.extend([kept.0, kept.1]);
            state.cuts
        };
        let back = std::thread::spawn(move || {
            let (mut stream, mut server) = (stream, server);
            let _ = std::io::copy(&mut server, &mut stream);
            let _ = stream.shutdown(Shutdown::Both);
        });
        let _ = std::io::copy(&mut Uncut { stream: from, cuts, inner: self }, &mut into);
        let _ = into.shutdown(Shutdown::Both);
        let _ = back.join();
    }
}

impl Read for Uncut<'_> {
    fn read(&mut self, heard: &mut [u8]) -> std::io::Result<usize> {
        let length = self.stream.read(heard)?;
        Ok(if self.inner.lock().cuts == self.cuts { length } else { 0 })
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = self.shut();
    }
}
