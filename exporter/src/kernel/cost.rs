//! What the programs that run often cost: measured once from outside, before and after each is attached, since what
//! a program does to a system call is more than the time inside the program.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use plimsoll_abi::run;
use rustix::net::sockopt::set_socket_linger;
use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};

use super::programs::NAT;

/// A signal whose programs run often. What is not here runs too rarely to matter.
#[derive(Debug)]
pub struct Frequent {
    /// The signal.
    pub signal: &'static str,
    /// Its place in each CPU's runs.
    pub run: u32,
    /// What makes its programs run.
    pub event: Event,
    /// Hashes by task that hold what was true at a moment: stale once events were missed.
    pub tables: &'static [&'static str],
    /// Arrays that hold the same.
    pub arrays: &'static [&'static str],
    /// The array that holds the moment its programs were attached, if they ask.
    pub attached: Option<&'static str>,
}

/// What can be done here to make a program run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A system call.
    Syscall,
    /// A switch from one task to another.
    Switch,
    /// A byte over a TCP connection on the loopback interface, sent and received.
    Stream,
    /// One end of such a connection, from its beginning to its end.
    Connection,
    /// A datagram, likewise.
    Datagram,
    /// A packet sent or received.
    Packet,
}

/// All such signals.
pub static FREQUENT: &[Frequent] = &[
    Frequent {
        signal: "syscalls",
        run: run::SYSCALLS,
        event: Event::Syscall,
        tables: &[],
        arrays: &[],
        attached: None,
    },
    Frequent {
        signal: "sched",
        run: run::SCHED,
        event: Event::Switch,
        tables: &["SCHED_TASKS"],
        arrays: &["SCHED_NEAR"],
        attached: Some("SCHED_ATTACHED_NS"),
    },
    Frequent {
        signal: "files",
        run: run::FILES,
        event: Event::Syscall,
        tables: &[],
        arrays: &[],
        attached: None,
    },
    Frequent {
        signal: "syscall_latency",
        run: run::SYSCALL_LATENCY,
        event: Event::Syscall,
        tables: &["SYSCALL_STARTS"],
        arrays: &["SYSCALL_NEAR"],
        attached: None,
    },
    Frequent { signal: "dns", run: run::DNS, event: Event::Packet, tables: &[], arrays: &[], attached: None },
    // What it remembers of sockets is settled and not just forgotten: see load/sockets.rs.
    Frequent {
        signal: "tcp",
        run: run::TCP,
        event: Event::Connection,
        tables: &[],
        arrays: &[],
        attached: None,
    },
    Frequent { signal: NAT, run: run::NAT, event: Event::Stream, tables: &[], arrays: &[], attached: None },
    Frequent {
        signal: "udp",
        run: run::UDP,
        event: Event::Datagram,
        tables: &[],
        arrays: &[],
        attached: None,
    },
    Frequent {
        signal: "unix",
        run: run::UNIX,
        event: Event::Syscall,
        tables: &[],
        arrays: &[],
        attached: None,
    },
];

/// No program is taken for cheaper than this: on a busy machine a measurement can come out as nothing.
pub(super) const LEAST_NS: f64 = 1.0;

/// Makes an event happen, before and after a program is attached to it.
pub(super) struct Meter {
    event: Event,
    /// What sends and what receives. Made before, so that no program sees it made.
    ends: Option<Ends>,
}

enum Ends {
    Stream(TcpStream, TcpStream),
    Datagram(UdpSocket, UdpSocket),
}

impl Meter {
    pub(super) fn new(event: Event) -> Self {
        let ends = match event {
            Event::Syscall | Event::Switch | Event::Packet | Event::Connection => None,
            Event::Stream => stream().ok(),
            Event::Datagram => datagram().ok(),
        };
        Self { event, ends }
    }

    /// Nanoseconds the newest program adds to an event, if an event took `before` without it.
    pub(super) fn added(&mut self, before: f64) -> f64 {
        (self.event_ns() - before).max(LEAST_NS)
    }

    /// Nanoseconds of one event now, the least of many samples: what disturbs only adds. Takes some milliseconds.
    pub(super) fn event_ns(&mut self) -> f64 {
        match &mut self.ends {
            None => event_ns(self.event),
            Some(Ends::Stream(here, there)) => {
                let mut byte = [0];
                exchange(|| here.write_all(&byte).and_then(|()| there.read_exact(&mut byte)))
            }
            Some(Ends::Datagram(here, there)) => {
                exchange(|| here.send(&[0]).and_then(|_| there.recv(&mut [0])).map(drop))
            }
        }
    }
}

fn stream() -> io::Result<Ends> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let here = TcpStream::connect(listener.local_addr()?)?;
    let (there, _) = listener.accept()?;
    here.set_nodelay(true)?;
    there.set_read_timeout(Some(MOST_WAIT))?;
    Ok(Ends::Stream(here, there))
}

fn datagram() -> io::Result<Ends> {
    let there = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let here = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    here.connect(there.local_addr()?)?;
    there.set_read_timeout(Some(MOST_WAIT))?;
    Ok(Ends::Datagram(here, there))
}

/// On the loopback interface what is sent is there at once.
const MOST_WAIT: Duration = Duration::from_secs(1);

fn exchange(mut one: impl FnMut() -> io::Result<()>) -> f64 {
    const TURNS: u32 = 50;
    let mut sample = || {
        let start = Instant::now();
        for _ in 0..TURNS {
            one().ok()?;
        }
        Some(start.elapsed().as_nanos() as f64 / f64::from(TURNS))
    };
    let least = (0..30).map_while(|_| sample()).fold(f64::INFINITY, f64::min);
    if least.is_finite() { least } else { 0.0 }
}

fn event_ns(event: Event) -> f64 {
    let measure = || {
        // All on one CPU, or a switch would be no switch.
        let pinned = sched_getaffinity(None).is_ok_and(|_| {
            let mut one = CpuSet::new();
            one.set(sched_getcpu());
            sched_setaffinity(None, &one).is_ok()
        });
        match event {
            Event::Syscall => system_call(),
            Event::Switch if pinned => context_switch(),
            Event::Switch | Event::Stream | Event::Datagram => 0.0,
            Event::Connection => connection(),
            Event::Packet => packet(),
        }
    };
    std::thread::scope(|scope| scope.spawn(measure).join()).unwrap_or_default()
}

/// Empties a hash by task, a 64-bit word.
pub(super) fn forget(hash: BorrowedFd<'_>) {
    let mut task = 0u64;
    for _ in 0..MOST_TASKS {
        // SAFETY: without a key the kernel writes the first one's 8 bytes to `task`.
        let found = unsafe { element(BPF_MAP_GET_NEXT_KEY, hash, 0, (&raw mut task) as u64) };
        // SAFETY: the kernel reads a key of 8 bytes.
        if !found || !unsafe { element(BPF_MAP_DELETE_ELEM, hash, (&raw mut task) as u64, 0) } {
            return;
        }
    }
}

/// # Safety
/// `key` and `value` must be what the command asks for.
unsafe fn element(command: libc::c_long, hash: BorrowedFd<'_>, key: u64, value: u64) -> bool {
    let mut attr = ElementAttr { map_fd: hash.as_raw_fd() as u32, padding: 0, key, value, flags: 0 };
    // SAFETY: the caller's.
    unsafe { libc::syscall(libc::SYS_bpf, command, &raw mut attr, size_of::<ElementAttr>()) == 0 }
}

/// The part of `union bpf_attr` that element commands use (include/uapi/linux/bpf.h, 3.18).
#[repr(C)]
struct ElementAttr {
    map_fd: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

const BPF_MAP_DELETE_ELEM: libc::c_long = 3;
const BPF_MAP_GET_NEXT_KEY: libc::c_long = 4;
/// More than any of these tables holds.
const MOST_TASKS: u32 = 1 << 20;

fn system_call() -> f64 {
    const CALLS: u32 = 500;
    let sample = || {
        let start = Instant::now();
        for _ in 0..CALLS {
            // It enters the kernel every time and does next to nothing there.
            std::hint::black_box(rustix::process::getppid());
        }
        start.elapsed().as_nanos() as f64 / f64::from(CALLS)
    };
    (0..40).map(|_| sample()).fold(f64::INFINITY, f64::min)
}

/// A datagram to oneself: one packet sent, and the same received.
fn packet() -> f64 {
    const PACKETS: u32 = 100;
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|socket| socket.connect(socket.local_addr()?).map(|()| socket))
        .and_then(|socket| socket.set_read_timeout(Some(Duration::from_millis(100))).map(|()| socket));
    // Where the loopback interface is down, nothing is measured.
    let Ok(socket) = socket else { return 0.0 };
    let sample = || {
        let start = Instant::now();
        let mut byte = [0];
        for _ in 0..PACKETS {
            socket.send(&byte).and_then(|_| socket.recv(&mut byte)).ok()?;
        }
        Some(start.elapsed().as_nanos() as f64 / f64::from(PACKETS * 2))
    };
    (0..40).map_while(|_| sample()).reduce(f64::min).unwrap_or_default()
}

/// A connection made and reset, which is what leaves nothing behind: half of what it takes is one end's.
fn connection() -> f64 {
    const CONNECTIONS: u32 = 10;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let Some((listener, address)) = listener.ok().and_then(|l| l.local_addr().ok().map(|at| (l, at))) else {
        return 0.0;
    };
    let sample = || {
        let start = Instant::now();
        for _ in 0..CONNECTIONS {
            let here = TcpStream::connect(address).ok()?;
            let (there, _) = listener.accept().ok()?;
            set_socket_linger(&there, Some(Duration::ZERO)).ok()?;
            drop((there, here));
        }
        Some(start.elapsed().as_nanos() as f64 / f64::from(CONNECTIONS * 2))
    };
    (0..20).map_while(|_| sample()).reduce(f64::min).unwrap_or_default()
}

/// A byte thrown back and forth between two threads on one CPU: two switches a turn.
fn context_switch() -> f64 {
    const TURNS: u32 = 25;
    let Ok((mut here, mut there)) = UnixStream::pair() else { return 0.0 };
    std::thread::scope(|scope| {
        // It inherits this thread's CPU.
        scope.spawn(move || {
            let mut byte = [0];
            while there.read_exact(&mut byte).is_ok() && there.write_all(&byte).is_ok() {}
        });
        let mut sample = || {
            let start = Instant::now();
            let mut byte = [0];
            for _ in 0..TURNS {
                let _ = here.write_all(&byte).and_then(|()| here.read_exact(&mut byte));
            }
            start.elapsed().as_nanos() as f64 / f64::from(TURNS * 2)
        };
        let least = (0..60).map(|_| sample()).fold(f64::INFINITY, f64::min);
        drop(here);
        least
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::PROGRAMS;

    #[test]
    fn each_is_a_signal_of_the_kernel_with_a_place_of_its_own() {
        for (at, frequent) in FREQUENT.iter().enumerate() {
            assert!(PROGRAMS.iter().any(|program| program.signal == frequent.signal), "{}", frequent.signal);
            assert_eq!(frequent.run as usize, at);
            assert!(frequent.run < run::STRIDE);
        }
    }

    #[test]
    fn an_event_takes_time() {
        let ns = |event| Meter::new(event).event_ns();
        assert!(ns(Event::Syscall) > 0.0);
        for longer in [Event::Switch, Event::Stream, Event::Datagram, Event::Packet, Event::Connection] {
            assert!(ns(longer) > ns(Event::Syscall), "{longer:?}");
        }
    }
}
