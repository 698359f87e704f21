//! Connections that were open before the programs: a walk in each network namespace, once.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;

use aya::Ebpf;
use aya::programs::Program;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::{Kernel, brief, program};

/// The program that is shown them.
const WALKER: &str = "tcp_open";
/// Reads of one walk: each shows a million sockets, or ends it.
const MOST_READS: u32 = 64;

impl Kernel {
    /// Whether connections that are open can be walked.
    pub fn walks_connections(&self) -> bool {
        self.programs.iter().any(|status| status.program == WALKER && status.refused.is_none())
    }

    /// Takes in the connections that are open in a network namespace.
    pub fn walk_connections(&mut self, namespace: &File) -> Result<(), String> {
        let ebpf = &mut self.ebpf;
        // The kernel shows those of the namespace of who asks: a thread that ends with it.
        let inside = move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                .map_err(|error| format!("setns: {error}"))?;
            walk(ebpf)
        };
        std::thread::scope(|scope| scope.spawn(inside).join())
            .unwrap_or_else(|_| Err("the walk broke off".to_owned()))
    }

    /// Forgets what a walk noted beside connections.
    pub fn end_walks(&mut self) {
        let ports: Vec<u64> = self.listening.keys().filter_map(Result::ok).collect();
        for port in ports {
            let _ = self.listening.remove(&port);
        }
    }
}

fn walk(ebpf: &mut Ebpf) -> Result<(), String> {
    let Program::Iter(walker) = program(ebpf, WALKER)? else { return Err("not an iterator".to_owned()) };
    let link = walker.attach().and_then(|id| walker.take_link(id)).map_err(|e| brief(&e))?;
    let mut file = link.into_file().map_err(|e| brief(&e))?;
    for _ in 0..MOST_READS {
        match file.read(&mut [0; 64]) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(error) => return Err(format!("read: {error}")),
        }
    }
    Err("too many connections".to_owned())
}
