//! Unix sockets: what connects, what listens. `@NAME` is an abstract one, `%XX` a byte.

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
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
