//! Unix sockets: what connects, what listens. `@NAME` is an abstract one, `%XX` a byte.

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsRawFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::sync::Mutex;

use crate::{Answer, fails};

/// What stays between commands.
struct Kept {
    listener: Option<UnixListener>,
    socket: Option<UnixDatagram>,
}

static KEPT: Mutex<Kept> = Mutex::new(Kept { listener: None, socket: None });

/// Listens, in place of whatever it listened on before.
pub(crate) fn listen(name: &str) -> Answer {
    let listener = UnixListener::bind_addr(&address(name)?).map_err(fails("bind"))?;
    kept(|kept| {
        kept.listener = Some(listener);
        Ok(())
    })
}

/// Takes N connections, one after the other; in each reads and writes so many bytes.
pub(crate) fn serve(n: u64, read: usize, write: usize) -> Answer {
    kept(|kept| {
        let listener = kept.listener.as_ref().ok_or("listen first")?;
        for _ in 0..n {
            let (mut stream, _) = listener.accept().map_err(fails("accept"))?;
            stream.read_exact(&mut vec![0; read]).map_err(fails("read"))?;
            stream.write_all(&vec![b'x'; write]).map_err(fails("write"))?;
            if stream.read(&mut [0]).map_err(fails("end"))? != 0 {
                return Err("more than was to be".to_owned());
            }
        }
        Ok(())
    })
}

/// N connections, one after the other; in each writes and reads so many bytes.
pub(crate) fn connect(name: &str, n: u64, write: usize, read: usize) -> Answer {
    let address = address(name)?;
    for _ in 0..n {
        let mut stream = UnixStream::connect_addr(&address).map_err(fails("connect"))?;
        stream.write_all(&vec![b'x'; write]).map_err(fails("write"))?;
        stream.read_exact(&mut vec![0; read]).map_err(fails("read"))?;
    }
    Ok(String::new())
}

/// N connects, each of which must fail with this errno.
pub(crate) fn failing(name: &str, n: u64, errno: i32) -> Answer {
    let address = address(name)?;
    for _ in 0..n {
        match UnixStream::connect_addr(&address) {
            Err(error) if error.raw_os_error() == Some(errno) => {}
            other => return Err(format!("{other:?}")),
        }
    }
    Ok(String::new())
}

/// A socket for datagrams, which stays.
pub(crate) fn bind(name: &str) -> Answer {
    let socket = UnixDatagram::bind_addr(&address(name)?).map_err(fails("bind"))?;
    kept(|kept| {
        kept.socket = Some(socket);
        Ok(())
    })
}

/// N datagrams from a socket that is connected.
pub(crate) fn send(name: &str, n: u64, size: usize) -> Answer {
    let socket = UnixDatagram::unbound().map_err(fails("socket"))?;
    socket.connect_addr(&address(name)?).map_err(fails("connect"))?;
    for _ in 0..n {
        socket.send(&vec![0; size]).map_err(fails("send"))?;
    }
    Ok(String::new())
}

/// Waits for N datagrams of this size.
pub(crate) fn receive(n: u64, size: usize) -> Answer {
    kept(|kept| {
        let socket = kept.socket.as_ref().ok_or("bind first")?;
        for _ in 0..n {
            let got = socket.recv(&mut vec![0; size + 1]).map_err(fails("receive"))?;
            if got != size {
                return Err(format!("{got} bytes"));
            }
        }
        Ok(())
    })
}

/// Room for a control message with one descriptor, which must lie as a `cmsghdr` does.
type Control = [u64; 4];
const DESCRIPTOR_BYTES: u32 = size_of::<RawFd>() as u32;

/// Passes a descriptor to a datagram socket, with one byte (SCM_RIGHTS).
pub(crate) fn pass(name: &str, what: &impl AsRawFd) -> Result<(), String> {
    let socket = UnixDatagram::unbound().map_err(fails("socket"))?;
    socket.connect_addr(&address(name)?).map_err(fails("connect"))?;
    with_message(|message| {
        // SAFETY: the control buffer has room for a header and a descriptor, and the message is valid for the call.
        unsafe {
            let header = libc::CMSG_FIRSTHDR(message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(DESCRIPTOR_BYTES) as _;
            libc::CMSG_DATA(header).cast::<RawFd>().write_unaligned(what.as_raw_fd());
            libc::sendmsg(socket.as_raw_fd(), message, 0)
        }
    })
    .map(drop)
}

/// Takes a descriptor that comes so to the socket that stays.
pub(crate) fn passed() -> Result<OwnedFd, String> {
    let kept = KEPT.lock().map_err(|e| e.to_string())?;
    let socket = kept.socket.as_ref().ok_or("bind first")?;
    let mut descriptor = None;
    with_message(|message| {
        // SAFETY: as above; what the kernel wrote is a descriptor of this process' own.
        unsafe {
            let result = libc::recvmsg(socket.as_raw_fd(), message, 0);
            let header = libc::CMSG_FIRSTHDR(message);
            if result >= 0 && !header.is_null() && (*header).cmsg_type == libc::SCM_RIGHTS {
                let fd = libc::CMSG_DATA(header).cast::<RawFd>().read_unaligned();
                descriptor = Some(OwnedFd::from_raw_fd(fd));
            }
            result
        }
    })?;
    descriptor.ok_or_else(|| "no descriptor came".to_owned())
}

/// Calls with a message of one byte and room for a descriptor.
fn with_message(call: impl FnOnce(&mut libc::msghdr) -> isize) -> Result<isize, String> {
    let (mut byte, mut control): (u8, Control) = (b'x', [0; 4]);
    let mut part = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    // SAFETY: all zeros is a valid msghdr.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    // SAFETY: it only calculates.
    message.msg_controllen = unsafe { libc::CMSG_SPACE(DESCRIPTOR_BYTES) } as _;
    let result = call(&mut message);
    if result < 0 { Err(crate::last_error("a descriptor")) } else { Ok(result) }
}

fn address(name: &str) -> Result<SocketAddr, String> {
    let mut bytes = Vec::new();
    let mut rest = name.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits: Vec<u8> = rest.by_ref().take(2).collect();
        let digits = String::from_utf8_lossy(&digits).into_owned();
        bytes.push(u8::from_str_radix(&digits, 16).map_err(|_| format!("{name}: %{digits}"))?);
    }
    match bytes.split_first() {
        Some((b'@', rest)) => SocketAddr::from_abstract_name(rest),
        _ => SocketAddr::from_pathname(OsStr::from_bytes(&bytes)),
    }
    .map_err(fails("address"))
}

fn kept(with: impl FnOnce(&mut Kept) -> Result<(), String>) -> Answer {
    let mut kept = KEPT.lock().map_err(|e| e.to_string())?;
    with(&mut kept).map(|()| String::new())
}
