//! TCP: what connects, what listens, and connections that are kept between commands.

use std::cmp::Ordering;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::{Answer, last_error};

/// Between two looks.
const MOMENT: Duration = Duration::from_millis(1);
/// How long is looked.
const LONGEST: Duration = Duration::from_secs(60);

/// What stays between commands.
struct Kept {
    listener: Option<TcpListener>,
    streams: Vec<TcpStream>,
    socket: Option<UdpSocket>,
    /// What was dropped there by the time it was last asked.
    dropped: u64,
}

static KEPT: Mutex<Kept> = Mutex::new(Kept { listener: None, streams: Vec::new(), socket: None, dropped: 0 });

/// Listens, in place of whatever it listened on before. `[::]` takes IPv4 as well.
pub(crate) fn listen(address: &str) -> Answer {
    let listener = TcpListener::bind(address).map_err(|e| format!("{address}: {e}"))?;
    kept(|kept| kept.listener = Some(listener))
}

/// Listens on N ports as well, of any address, for as long as the worker lives.
pub(crate) fn listen_many(first: u16, n: u16) -> Answer {
    for port in first..first + n {
        let listener =
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).map_err(|e| format!("{port}: {e}"))?;
        std::mem::forget(listener);
    }
    Ok(String::new())
}

/// Takes N connections one after the other: reads so many bytes, answers with so many, waits until the other side closes.
pub(crate) fn serve(n: u64, read: usize, write: usize) -> Answer {
    kept_try(|kept| {
        let listener = kept.listener.as_ref().ok_or("listen first")?;
        for _ in 0..n {
            let (mut stream, _) = listener.accept().map_err(|e| e.to_string())?;
            take(&mut stream, read)?;
            give(&mut stream, write)?;
            if stream.read(&mut [0]).map_err(|e| e.to_string())? != 0 {
                return Err("more than was to be".to_owned());
            }
        }
        Ok(())
    })
}

/// N connections one after the other: sends so many bytes, reads so many, closes.
pub(crate) fn connect(address: &str, n: u64, write: usize, read: usize) -> Answer {
    for _ in 0..n {
        let mut stream = TcpStream::connect(address).map_err(|e| e.to_string())?;
        give(&mut stream, write)?;
        take(&mut stream, read)?;
    }
    Ok(String::new())
}

/// N attempts at once, each of which must fail with this errno. It is asked for once the socket is closed: what is taken before, the
/// kernel does not know any more when it closes it.
pub(crate) fn fail(address: &str, n: u64, errno: i32) -> Answer {
    errors(address, n, errno, libc::POLLHUP)
}

/// N attempts at once that are given up as soon as there is an error, which must be this one.
pub(crate) fn fail_early(address: &str, n: u64, errno: i32) -> Answer {
    errors(address, n, errno, libc::POLLERR)
}

fn errors(address: &str, n: u64, errno: i32, when: libc::c_short) -> Answer {
    for socket in begun(address, n)? {
        let mut poll = libc::pollfd { fd: socket.as_raw_fd(), events: 0, revents: 0 };
        while poll.revents & when == 0 {
            // SAFETY: one entry.
            if unsafe { libc::poll(&raw mut poll, 1, -1) } != 1 {
                return Err(last_error("poll"));
            }
        }
        let (mut error, mut length) = (0i32, size_of::<i32>() as u32);
        // SAFETY: an int and its size.
        let got = unsafe {
            let error = (&raw mut error).cast();
            libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_ERROR, error, &raw mut length)
        };
        if got != 0 || error != errno {
            return Err(format!("{error} in place of {errno}"));
        }
    }
    Ok(String::new())
}

/// An attempt over either protocol that must fail with this errno.
pub(crate) fn fail_once(address: &str, errno: i32) -> Answer {
    match TcpStream::connect(address) {
        Err(e) if e.raw_os_error() == Some(errno) => Ok(String::new()),
        other => Err(format!("{other:?}")),
    }
}

/// N attempts one after the other, each of which is refused.
pub(crate) fn fail_often(address: &str, n: u64) -> Answer {
    let address: SocketAddr = address.parse().map_err(|_| format!("{address}: no address"))?;
    for _ in 0..n {
        if TcpStream::connect(address).is_ok() {
            return Err("connected".to_owned());
        }
    }
    Ok(String::new())
}

/// N attempts at once that are given up before there can be an answer.
pub(crate) fn give_up(address: &str, n: u64) -> Answer {
    begun(address, n).map(|_| String::new())
}

/// N connections that stay.
pub(crate) fn hold(address: &str, n: u64) -> Answer {
    kept_try(|kept| {
        for _ in 0..n {
            kept.streams.push(TcpStream::connect(address).map_err(|e| e.to_string())?);
        }
        Ok(())
    })
}

/// Takes N connections, which stay.
pub(crate) fn accept(n: u64) -> Answer {
    kept_try(|kept| {
        let listener = kept.listener.as_ref().ok_or("listen first")?;
        for _ in 0..n {
            let (stream, _) = listener.accept().map_err(|e| e.to_string())?;
            kept.streams.push(stream);
        }
        Ok(())
    })
}

/// Something with each connection that stays: `send N`, `receive N`, `half` (closes the sending side), `end` (waits for the
/// other's), and with all of them `close` and `abort` (a reset).
pub(crate) fn with_held(what: &str, bytes: usize) -> Answer {
    kept_try(|kept| {
        for stream in &mut kept.streams {
            match what {
                "send" => give(stream, bytes)?,
                "receive" => take(stream, bytes)?,
                "half" => stream.shutdown(Shutdown::Write).map_err(|e| e.to_string())?,
                "end" => match stream.read(&mut [0]) {
                    Ok(0) => {}
                    Err(e) if e.kind() == ErrorKind::ConnectionReset => {}
                    other => return Err(format!("{other:?}")),
                },
                "abort" => linger(stream)?,
                _ => {}
            }
        }
        if matches!(what, "close" | "abort") {
            kept.streams.clear();
        }
        Ok(())
    })
}

/// Sends through each connection that stays until it takes no more for now; answers with the bytes.
pub(crate) fn fill() -> Answer {
    let mut sent = 0;
    kept_try(|kept| {
        for stream in &mut kept.streams {
            stream.set_nonblocking(true).map_err(|e| e.to_string())?;
            loop {
                match stream.write(&[0; 4096]) {
                    Ok(bytes) => sent += bytes,
                    Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                    Err(e) => return Err(e.to_string()),
                }
            }
            stream.set_nonblocking(false).map_err(|e| e.to_string())?;
        }
        Ok(())
    })?;
    Ok(sent.to_string())
}

/// Passes the connections that stay to another process, and keeps none.
pub(crate) fn give_away(name: &str) -> Answer {
    kept_try(|kept| {
        for stream in kept.streams.drain(..) {
            crate::unix::pass(name, &stream)?;
        }
        Ok(())
    })
}

/// Keeps N connections that another process passes.
pub(crate) fn take_over(n: u64) -> Answer {
    kept_try(|kept| {
        for _ in 0..n {
            kept.streams.push(TcpStream::from(crate::unix::passed()?));
        }
        Ok(())
    })
}

/// A socket for datagrams, which stays.
pub(crate) fn bind(address: &str) -> Answer {
    let socket = UdpSocket::bind(address).map_err(|e| format!("{address}: {e}"))?;
    kept(|kept| (kept.socket, kept.dropped) = (Some(socket), 0))
}

/// The number of a protocol nobody speaks (RFC 3692).
const EXPERIMENTAL: libc::c_int = 253;

fn raw() -> Result<UdpSocket, String> {
    // SAFETY: no pointers; the descriptor is new, and nobody else's.
    unsafe {
        match libc::socket(libc::AF_INET, libc::SOCK_RAW, EXPERIMENTAL) {
            -1 => Err(last_error("socket")),
            fd => Ok(UdpSocket::from_raw_fd(fd)),
        }
    }
}

/// A raw socket for packets of a protocol nobody speaks, which stays.
pub(crate) fn bind_raw() -> Answer {
    let socket = raw()?;
    kept(|kept| (kept.socket, kept.dropped) = (Some(socket), 0))
}

/// N such packets, from a socket that does not stay.
pub(crate) fn send_raw(address: &str, n: u64, size: usize) -> Answer {
    let socket = raw()?;
    for _ in 0..n {
        socket.send_to(&vec![0; size], (address, 0)).map_err(|e| e.to_string())?;
    }
    Ok(String::new())
}

/// Something with the socket for datagrams.
pub(crate) fn with_bound(with: impl FnOnce(&UdpSocket) -> Result<(), String>) -> Answer {
    kept_try(|kept| with(kept.socket.as_ref().ok_or("bind first")?))
}

/// From now on the socket for datagrams drops whatever comes.
pub(crate) fn filter() -> Answer {
    kept_try(|kept| {
        let socket = kept.socket.as_ref().ok_or("bind first")?;
        // BPF_RET | BPF_K: 0 bytes of a packet are kept.
        let mut nothing = libc::sock_filter { code: 6, jt: 0, jf: 0, k: 0 };
        let program = libc::sock_fprog { len: 1, filter: &raw mut nothing };
        let size = size_of::<libc::sock_fprog>() as u32;
        // SAFETY: a program of one instruction and its size.
        let set = unsafe {
            let value = (&raw const program).cast();
            libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, value, size)
        };
        if set == 0 { Ok(()) } else { Err(last_error("SO_ATTACH_FILTER")) }
    })
}

/// Waits until not all of what was sent fits, and takes what is there until all the datagrams that were sent since it was last
/// asked were taken or dropped, for they may come later than whoever sent them is done. Says how many it took.
pub(crate) fn queued(sent: u64) -> Answer {
    let mut taken = 0;
    let end = Instant::now() + LONGEST;
    kept_try(|kept| {
        let socket = kept.socket.as_ref().ok_or("bind first")?;
        socket.set_nonblocking(true).map_err(|e| e.to_string())?;
        let dropped = loop {
            let dropped = drops(socket)?;
            while dropped > kept.dropped && now(socket.recv(&mut [0; 16]))?.is_some() {
                taken += 1;
            }
            match (taken + dropped - kept.dropped).cmp(&sent) {
                Ordering::Less if Instant::now() < end => std::thread::sleep(MOMENT),
                Ordering::Equal => break dropped,
                _ => return Err(format!("{taken} taken, {dropped} dropped, {sent} sent")),
            }
        };
        kept.dropped = dropped;
        socket.set_nonblocking(false).map_err(|e| e.to_string())
    })?;
    Ok(taken.to_string())
}

/// What can be had without waiting.
fn now<T>(result: std::io::Result<T>) -> Result<Option<T>, String> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(e) => Err(e.to_string()),
    }
}

/// How many datagrams the kernel dropped at this socket.
fn drops(socket: &UdpSocket) -> Result<u64, String> {
    /// `SK_MEMINFO_DROPS` and `SK_MEMINFO_VARS` of `linux/sock_diag.h`.
    const DROPS: usize = 8;
    const VARS: usize = 9;
    let mut values = [0_u32; VARS];
    let mut size = size_of_val(&values) as u32;
    // SAFETY: an array and its size.
    let got = unsafe {
        let values = values.as_mut_ptr().cast();
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_MEMINFO, values, &raw mut size)
    };
    if got == 0 { Ok(values[DROPS].into()) } else { Err(last_error("SO_MEMINFO")) }
}

/// N datagrams, from a socket that does not stay.
pub(crate) fn send(address: &str, n: u64, size: usize) -> Answer {
    let socket = UdpSocket::bind("0.0.0.0:0").map_err(|e| e.to_string())?;
    for _ in 0..n {
        socket.send_to(&vec![0; size], address).map_err(|e| e.to_string())?;
    }
    Ok(String::new())
}

/// Waits for N datagrams of this size.
pub(crate) fn receive(n: u64, size: usize) -> Answer {
    kept_try(|kept| {
        let socket = kept.socket.as_ref().ok_or("bind first")?;
        let mut buffer = vec![0; size + 1];
        for _ in 0..n {
            let got = socket.recv(&mut buffer).map_err(|e| e.to_string())?;
            if got != size {
                return Err(format!("{got} bytes"));
            }
        }
        Ok(())
    })
}

fn linger(stream: &TcpStream) -> Result<(), String> {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let size = size_of::<libc::linger>() as u32;
    // SAFETY: a struct linger and its size.
    let set = unsafe {
        let value = (&raw const linger).cast();
        libc::setsockopt(stream.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, value, size)
    };
    if set == 0 { Ok(()) } else { Err(last_error("SO_LINGER")) }
}

/// Sockets that have begun to connect and not waited.
fn begun(address: &str, n: u64) -> Result<Vec<OwnedFd>, String> {
    let address: SocketAddr = address.parse().map_err(|_| format!("{address}: no address"))?;
    let SocketAddr::V4(address) = address else { return Err("IPv4 only".to_owned()) };
    let raw = libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.ip().octets()) },
        sin_zero: [0; 8],
    };
    (0..n)
        .map(|_| {
            // SAFETY: no pointers; what it gives is ours alone.
            let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0) };
            if socket < 0 {
                return Err(last_error("socket"));
            }
            // SAFETY: as above.
            let socket = unsafe { OwnedFd::from_raw_fd(socket) };
            let size = size_of::<libc::sockaddr_in>() as u32;
            // SAFETY: an address and its size.
            unsafe { libc::connect(socket.as_raw_fd(), (&raw const raw).cast(), size) };
            match std::io::Error::last_os_error().raw_os_error() {
                Some(libc::EINPROGRESS) => Ok(socket),
                _ => Err(last_error("connect")),
            }
        })
        .collect()
}

fn give(stream: &mut TcpStream, bytes: usize) -> Result<(), String> {
    stream.write_all(&vec![b'x'; bytes]).map_err(|e| format!("write: {e}"))
}

fn take(stream: &mut TcpStream, bytes: usize) -> Result<(), String> {
    stream.read_exact(&mut vec![0; bytes]).map_err(|e| format!("read: {e}"))
}

fn kept(with: impl FnOnce(&mut Kept)) -> Answer {
    kept_try(|kept| {
        with(kept);
        Ok(())
    })
}

fn kept_try(with: impl FnOnce(&mut Kept) -> Result<(), String>) -> Answer {
    let mut kept = KEPT.lock().map_err(|e| e.to_string())?;
    with(&mut kept).map(|()| String::new())
}
