//! What the operating system alone asks here, so that a figure can be judged on any machine: a program that does
//! nothing, the same files read by nobody's code, the same bytes sent.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::fs::FileExt as _;

use anyhow::{Context as _, Result};
use plimsoll_tests::hierarchy::Hierarchies;
use plimsoll_tests::runc::Running;

/// An empty program on a raw tracepoint, until it is dropped.
pub(crate) struct EmptyProgram {
    _link: OwnedFd,
    _program: OwnedFd,
}

/// The parts of `union bpf_attr` used here (include/uapi/linux/bpf.h), each as long as the kernel of 4.17 has it.
#[repr(C)]
struct ProgLoad {
    kind: u32,
    instructions: u32,
    code: u64,
    licence: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
}

#[repr(C)]
struct RawTracepointOpen {
    name: u64,
    program: u32,
    padding: u32,
}

const BPF_PROG_LOAD: libc::c_long = 5;
const BPF_RAW_TRACEPOINT_OPEN: libc::c_long = 17;
const RAW_TRACEPOINT: u32 = 17;
/// `r0 = 0; exit`
const NOTHING: [u8; 16] = [0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];

impl EmptyProgram {
    /// Attaches it to the end of every system call.
    pub(crate) fn on_sys_exit() -> Result<Self> {
        Self::on(c"sys_exit")
    }

    /// Attaches it to a tracepoint.
    pub(crate) fn on(tracepoint: &std::ffi::CStr) -> Result<Self> {
        let load = ProgLoad {
            kind: RAW_TRACEPOINT,
            instructions: NOTHING.len() as u32 / 8,
            code: NOTHING.as_ptr() as u64,
            licence: c"GPL".as_ptr() as u64,
            log_level: 0,
            log_size: 0,
            log: 0,
        };
        let program = bpf(BPF_PROG_LOAD, &load).context("loading an empty program")?;
        let name = tracepoint.as_ptr() as u64;
        let open = RawTracepointOpen { name, program: program.as_raw_fd() as u32, padding: 0 };
        let link = bpf(BPF_RAW_TRACEPOINT_OPEN, &open).context("attaching it")?;
        Ok(Self { _link: link, _program: program })
    }
}

fn bpf<T>(command: libc::c_long, attributes: &T) -> io::Result<OwnedFd> {
    // SAFETY: the kernel reads `size_of::<T>()` bytes of attributes, whose pointers are to data that outlives the call.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attributes), size_of::<T>()) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: both commands return a descriptor of our own.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// The files that a scrape cannot do without: for each container its CPU time and its memory, kept open, and the
/// interfaces of its network namespace, which may not be.
pub(crate) struct Files {
    kept: Vec<File>,
    opened: Vec<String>,
    buffer: Vec<u8>,
}

impl Files {
    pub(crate) fn of(containers: &[Running]) -> Result<Self> {
        let hierarchies = Hierarchies::find()?;
        let (mut kept, mut opened) = (Vec::new(), Vec::new());
        for container in containers {
            let cgroup = container.container().cgroups_path();
            for (controller, v1, v2) in [
                ("cpuacct", "cpuacct.usage", "cpu.stat"),
                ("memory", "memory.usage_in_bytes", "memory.current"),
            ] {
                let place = hierarchies.place(controller, cgroup)?;
                kept.push(File::open(place.path().join(if place.v2 { v2 } else { v1 }))?);
            }
            opened.push(format!("/proc/{}/net/dev", container.pid()));
        }
        Ok(Self { kept, opened, buffer: vec![0; 16 * 1024] })
    }

    /// Reads them all once.
    pub(crate) fn read(&mut self) -> Result<()> {
        for file in &self.kept {
            let _ = file.read_at(&mut self.buffer, 0)?;
        }
        for path in &self.opened {
            let _ = File::open(path)?.read(&mut self.buffer)?;
        }
        Ok(())
    }
}

/// Milliseconds of CPU that sending a body over a connection of this host takes.
pub(crate) fn send(body: &[u8]) -> Result<f64> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| -> Result<f64> {
            let (mut stream, _) = listener.accept()?;
            let before = thread_seconds();
            stream.write_all(body)?;
            Ok((thread_seconds() - before) * 1e3)
        });
        let mut received = Vec::with_capacity(body.len());
        TcpStream::connect(address)?.read_to_end(&mut received)?;
        sender.join().map_err(|_| anyhow::anyhow!("the sender panicked"))?
    })
}

/// CPU time of the calling thread.
pub(crate) fn thread_seconds() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}
