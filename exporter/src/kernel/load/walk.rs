//! Connections that were open before the programs: a walk in each network namespace, once.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;

use aya::Ebpf;
use aya::programs::Program;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::{Kernel, ProgramStatus, brief, program};

/// The programs that are shown them, one of which is for this kernel.
const WALKERS: [&str; 2] = ["tcp_open", "tcp_open_5_10"];
/// Reads of one walk: each shows a million sockets, fills the buffer, or ends it.
const MOST_READS: u32 = 256;

impl Kernel {
    /// Whether connections that are open can be walked.
    pub fn walks_connections(&self) -> bool {
        self.walker().is_some()
    }

    /// Takes in the connections that are open in a network namespace.
    pub fn walk_connections(&mut self, namespace: &File) -> Result<(), String> {
        let walker = self.walker().ok_or("no program")?;
        let ebpf = &mut self.ebpf;
        // The kernel shows those of the namespace of who asks: a thread that ends with it.
        let inside = move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                .map_err(|error| format!("setns: {error}"))?;
            walk(ebpf, walker)
        };
        let walked = std::thread::scope(|scope| scope.spawn(inside).join())
            .unwrap_or_else(|_| Err("the walk broke off".to_owned()));
        self.forget_listening();
        walked
    }

    fn walker(&self) -> Option<&'static str> {
        let runs = |status: &&ProgramStatus| WALKERS.contains(&status.program) && status.refused.is_none();
        self.programs.iter().find(runs).map(|status| status.program)
    }

    /// Forgets who listened there, so that the next namespace has room for its own.
    fn forget_listening(&mut self) {
        let ports: Vec<u64> = self.listening.keys().filter_map(Result::ok).collect();
        for port in ports {
            let _ = self.listening.remove(&port);
        }
    }
}

fn walk(ebpf: &mut Ebpf, walker: &str) -> Result<(), String> {
    let Program::Iter(walker) = program(ebpf, walker)? else { return Err("not an iterator".to_owned()) };
    let link = walker.attach().and_then(|id| walker.take_link(id)).map_err(|e| brief(&e))?;
    let mut file = link.into_file().map_err(|e| brief(&e))?;
    read_through(&mut file, &mut Vec::new())
}

/// Has an iterator walk all there is. What it writes comes in `written`.
pub(super) fn read_through(file: &mut File, written: &mut Vec<u8>) -> Result<(), String> {
    let mut buffer = [0; 16 * 1024];
    for _ in 0..MOST_READS {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => written.extend_from_slice(&buffer[..length]),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(error) => return Err(format!("read: {error}")),
        }
    }
    Err("too many connections".to_owned())
}
