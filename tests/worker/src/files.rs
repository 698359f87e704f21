//! Operations on files, pipes and sockets. What a command answers is the time on `CLOCK_MONOTONIC` around all of it.

use std::ffi::CString;
use std::ptr;

use crate::time::monotonic_ns;
use crate::{Answer, last_error};

type Call = libc::c_long;

/// A system call whose result must be `wanted`, or an error `-wanted`.
fn expect(what: &str, result: Call, wanted: i64) -> Result<i64, String> {
    if result >= 0 && (wanted < 0 || result != wanted) {
        return Err(format!("{what}: {result}, not {wanted}"));
    }
    let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
    if result < 0 && i64::from(errno) != -wanted {
        return Err(last_error(what));
    }
    Ok(result)
}

/// A descriptor, closed at the end.
struct Descriptor(i32);

impl Descriptor {
    fn of(what: &str, result: Call) -> Result<Self, String> {
        if result < 0 { Err(last_error(what)) } else { Ok(Self(result as i32)) }
    }

    fn open(path: &CString, flags: i32) -> Result<Self, String> {
        // SAFETY: the path ends in a zero byte.
        Self::of("openat", unsafe {
            libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags, 0o600)
        })
    }

    fn pair(of: impl FnOnce(*mut i32) -> i32) -> Result<(Self, Self), String> {
        let mut ends = [0; 2];
        match of(ends.as_mut_ptr()) {
            0 => Ok((Self(ends[0]), Self(ends[1]))),
            _ => Err(last_error("a pair")),
        }
    }

    fn pipe() -> Result<(Self, Self), String> {
        // SAFETY: the kernel writes two descriptors there.
        Self::pair(|ends| unsafe { libc::pipe(ends) })
    }

    fn sockets() -> Result<(Self, Self), String> {
        let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK;
        // SAFETY: as above.
        Self::pair(|ends| unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, ends) })
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: it is ours alone.
        unsafe { libc::close(self.0) };
    }
}

const CREATE: i32 = libc::O_CREAT | libc::O_TRUNC | libc::O_RDWR | libc::O_CLOEXEC;

/// Does the work on a path that is removed afterwards, and answers with its begin and end.
fn on(path: &str, work: impl FnOnce(&CString) -> Result<(), String>) -> Answer {
    let path = CString::new(path).map_err(|error| error.to_string())?;
    let begin = monotonic_ns();
    work(&path)?;
    let end = monotonic_ns();
    // SAFETY: the path ends in a zero byte.
    match unsafe { libc::unlink(path.as_ptr()) } {
        0 => Ok(format!("{begin} {end}")),
        _ => Err(last_error("unlink")),
    }
}

/// One open; N each of the five writes and the five reads, SIZE bytes in each; N each of the three syncs.
pub(crate) fn files(path: &str, n: u64, size: usize) -> Answer {
    let mut buffer = vec![7_u8; size];
    let bytes = size as i64;
    let vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: size };
    on(path, |path| {
        let file = Descriptor::open(path, CREATE)?;
        // The place in the file, where a call takes one, and flags, where it does.
        let plain = |number: Call| {
            expect("plain", syscall3(number, file.0, vector.iov_base as u64, size as u64), bytes)
        };
        let at =
            |number: Call| expect("at", syscall3(number, file.0, vector.iov_base as u64, size as u64), bytes);
        let vectored =
            |number: Call| expect("vectored", syscall3(number, file.0, (&raw const vector) as u64, 1), bytes);
        for _ in 0..n {
            plain(libc::SYS_write)?;
            at(libc::SYS_pwrite64)?;
            for number in [libc::SYS_writev, libc::SYS_pwritev, libc::SYS_pwritev2] {
                vectored(number)?;
            }
            for number in [libc::SYS_fsync, libc::SYS_fdatasync, libc::SYS_sync_file_range] {
                expect("sync", syscall3(number, file.0, 0, 0), 0)?;
            }
        }
        // SAFETY: no pointers.
        expect("lseek", unsafe { libc::lseek(file.0, 0, libc::SEEK_SET) }, 0)?;
        for _ in 0..n {
            plain(libc::SYS_read)?;
            at(libc::SYS_pread64)?;
            for number in [libc::SYS_readv, libc::SYS_preadv, libc::SYS_preadv2] {
                vectored(number)?;
            }
        }
        Ok(())
    })
}

/// N each of the ways to open a file, and N opens of a directory.
pub(crate) fn opens(path: &str, n: u64) -> Answer {
    let how = [CREATE as u64, 0o600, 0];
    on(path, |path| {
        for _ in 0..n {
            Descriptor::open(path, CREATE)?;
            Descriptor::open(&c"/".to_owned(), libc::O_RDONLY | libc::O_DIRECTORY)?;
            // SAFETY: the path ends in a zero byte; an `open_how` is three words.
            unsafe {
                let at = (libc::AT_FDCWD, path.as_ptr());
                let result = libc::syscall(libc::SYS_openat2, at.0, at.1, how.as_ptr(), size_of_val(&how));
                Descriptor::of("openat2", result)?;
                #[cfg(target_arch = "x86_64")]
                {
                    Descriptor::of("open", libc::syscall(libc::SYS_open, at.1, CREATE, 0o600))?;
                    Descriptor::of("creat", libc::syscall(libc::SYS_creat, at.1, 0o600))?;
                }
            }
        }
        Ok(())
    })
}

/// N each of seven calls that fail (see the list), beside one open and one pipe.
pub(crate) fn errors(path: &str, n: u64) -> Answer {
    let limit = |soft| {
        let limit = libc::rlimit { rlim_cur: soft, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: the limit is valid; the signal it comes with is ignored.
        unsafe {
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            libc::setrlimit(libc::RLIMIT_FSIZE, &limit)
        }
    };
    on(path, |path| {
        if limit(4096) != 0 {
            return Err(last_error("setrlimit"));
        }
        let file = Descriptor::open(path, libc::O_CREAT | libc::O_WRONLY)?;
        let (out, _in) = Descriptor::pipe()?;
        let (socket, _peer) = Descriptor::sockets()?;
        let root = c"/".to_owned();
        let mut byte = [0_u8; 1];
        let at = byte.as_mut_ptr() as u64;
        for _ in 0..n {
            // SAFETY: one byte is there.
            expect("pwrite", unsafe { libc::syscall(libc::SYS_pwrite64, file.0, at, 1, 4096) }, -27)?;
            expect("read of a file for writing", syscall3(libc::SYS_read, file.0, at, 1), -9)?;
            expect("pread of a pipe", syscall3(libc::SYS_pread64, out.0, at, 1), -29)?;
            expect("read of an empty socket", syscall3(libc::SYS_read, socket.0, at, 1), -11)?;
            expect("read of nothing", syscall3(libc::SYS_read, 1000, at, 1), -9)?;
            expect("fsync of a pipe", syscall3(libc::SYS_fsync, out.0, 0, 0), -22)?;
            // SAFETY: the path ends in a zero byte.
            let opened =
                unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, root.as_ptr(), libc::O_WRONLY) };
            expect("open of a directory to write", opened, -21)?;
        }
        match limit(libc::RLIM_INFINITY) {
            0 => Ok(()),
            _ => Err(last_error("setrlimit")),
        }
    })
}

/// N writes and N reads of SIZE through a pipe, and through a socket; of 8 through an eventfd.
pub(crate) fn pipes(n: u64, size: usize) -> Answer {
    let mut buffer = vec![1_u8; size.max(8)];
    let at = buffer.as_mut_ptr() as u64;
    let (pipe, socket) = (Descriptor::pipe()?, Descriptor::sockets()?);
    // SAFETY: no pointers.
    let event = Descriptor::of("eventfd", unsafe { libc::eventfd(0, 0) }.into())?;
    let begin = monotonic_ns();
    for _ in 0..n {
        for (from, to, size) in [(&pipe.0, &pipe.1, size), (&socket.0, &socket.1, size), (&event, &event, 8)]
        {
            expect("write", syscall3(libc::SYS_write, to.0, at, size as u64), size as i64)?;
            expect("read", syscall3(libc::SYS_read, from.0, at, size as u64), size as i64)?;
        }
    }
    Ok(format!("{begin} {}", monotonic_ns()))
}

/// Two opens and one write of SIZE; N each of sendfile, copy_file_range and splice through a pipe, from file to file.
pub(crate) fn transfers(path: &str, n: u64, size: usize) -> Answer {
    let buffer = vec![3_u8; size];
    let bytes = size as i64;
    let source = CString::new(format!("{path}.from")).map_err(|error| error.to_string())?;
    on(path, |path| {
        let (from, to) = (Descriptor::open(&source, CREATE)?, Descriptor::open(path, CREATE)?);
        let (out, into) = Descriptor::pipe()?;
        expect("write", syscall3(libc::SYS_write, from.0, buffer.as_ptr() as u64, size as u64), bytes)?;
        for _ in 0..n {
            let mut places = [0_i64; 3];
            let place: Vec<*mut i64> = places.iter_mut().map(ptr::from_mut).collect();
            // SAFETY: the kernel reads and writes the places.
            unsafe {
                expect("sendfile", libc::syscall(libc::SYS_sendfile, to.0, from.0, place[0], size), bytes)?;
                let none = ptr::null_mut::<i64>();
                let copied = libc::syscall(libc::SYS_copy_file_range, from.0, place[1], to.0, none, size, 0);
                expect("copy_file_range", copied, bytes)?;
                let filled = libc::syscall(libc::SYS_splice, from.0, place[2], into.0, none, size, 0);
                expect("splice from a file", filled, bytes)?;
                let emptied = libc::syscall(libc::SYS_splice, out.0, none, to.0, none, size, 0);
                expect("splice to a file", emptied, bytes)?;
            }
        }
        // SAFETY: the path ends in a zero byte.
        match unsafe { libc::unlink(source.as_ptr()) } {
            0 => Ok(()),
            _ => Err(last_error("unlink")),
        }
    })
}

/// A call with three arguments, and zeros in the others.
fn syscall3(number: Call, descriptor: i32, second: u64, third: u64) -> Call {
    // SAFETY: those who give addresses give such of buffers as long as they say.
    unsafe { libc::syscall(number, descriptor, second, third, 0_u64, 0_u64, 0_u64) }
}
