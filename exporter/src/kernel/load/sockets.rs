//! What the programs of `tcp` remember of sockets: with each of them, walked by an iterator, or before 5.12 in a table.

use std::fs::File;
use std::io;
use std::mem::offset_of;
use std::os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd};
use std::sync::atomic::Ordering;

use aya::Ebpf;
use aya::maps::{HashMap, Map, MapData};
use plimsoll_abi::connections::{BEYOND, CLIENT, INCOMING, Peer, Record};
use plimsoll_abi::tcp::{Cell, DIRECTIONS, LIST, LOOK, SETTLE, Socket, Walk};
use zerocopy::FromBytes as _;

use super::super::layout::{CELLS, CONNECTIONS, CONNECTIONS_BEYOND, CONNECTIONS_CLIENTS};
use super::{Kernel, KernelError, Maps, TCP, program, walk};
use crate::kernel::cells::Words;

/// The program that is shown what is kept with sockets.
const LOOKER: &str = "tcp_look";

/// A [`Socket`] as the map of them is read.
type SocketWords = [u64; size_of::<Socket>() / 8];

/// The two places, one of which is used.
pub(super) struct Sockets {
    table: HashMap<MapData, u64, SocketWords>,
    storage: MapData,
    /// What the next walk is for.
    purpose: Words,
    /// How many have some.
    count: Words,
    /// The iterator, once it was asked for.
    link: Option<OwnedFd>,
}

impl Sockets {
    pub(super) fn new(maps: &mut Maps<'_>) -> Result<Self, KernelError> {
        const STORAGE: &str = "TCP_STORED";
        let Map::SkStorage(storage) = maps.map(STORAGE)? else {
            return Err(KernelError::Map {
                name: STORAGE,
                source: aya::maps::MapError::InvalidMapType { map_type: 0 },
            });
        };
        Ok(Self {
            table: maps.take("TCP_SOCKETS")?,
            storage,
            purpose: maps.words("TCP_WALK", 1)?,
            count: maps.words("TCP_STORED_COUNT", 1)?,
            link: None,
        })
    }

    /// Walks all that is kept with sockets. Gives what the walk wrote.
    fn walk(&mut self, ebpf: &mut Ebpf, purpose: Walk) -> Result<Vec<u8>, String> {
        if let Some(word) = self.purpose.get().first() {
            word.store(purpose, Ordering::Relaxed);
        }
        let failed = |what: &'static str| move |error: io::Error| format!("{what}: {error}");
        let link = match self.link.take() {
            Some(link) => link,
            None => {
                let looker = program(ebpf, LOOKER)?.fd().map_err(|error| error.to_string())?;
                iterate_over(looker.as_fd().as_raw_fd(), self.storage.fd().as_fd().as_raw_fd())
                    .map_err(failed("bpf_link_create"))?
            }
        };
        let file = begin(link.as_raw_fd()).map_err(failed("bpf_iter_create"));
        self.link = Some(link);
        let mut written = Vec::new();
        walk::read_through(&mut file?, &mut written)?;
        Ok(written)
    }
}

impl Kernel {
    /// Has what connections have counted since they were looked at last added to whose they are.
    pub fn look_at_connections(&mut self) -> Result<(), String> {
        if !self.keeps_with_sockets() {
            return Ok(());
        }
        self.sockets.walk(&mut self.ebpf, LOOK).map(drop)
    }

    /// Counts all sockets that are open as closed, and forgets them: what became of them while the programs were off is
    /// not known, and those that are still there will be found again.
    pub(super) fn settle_sockets(&mut self) -> Result<(), String> {
        if self.keeps_with_sockets() {
            self.sockets.walk(&mut self.ebpf, SETTLE)?;
            if let Some(count) = self.sockets.count.get().first() {
                // Some went with their sockets, unseen.
                count.store(0, Ordering::Relaxed);
            }
            return Ok(());
        }
        let all: Vec<(u64, Socket)> = self.in_table().collect();
        for (address, socket) in all {
            if socket.open == 1 {
                self.count_closed(&socket);
            }
            let _ = self.sockets.table.remove(&address);
        }
        Ok(())
    }

    /// The other sides of all that are remembered.
    pub(super) fn peers(&mut self) -> Result<Vec<Peer>, String> {
        if !self.keeps_with_sockets() {
            return Ok(self.in_table().flat_map(|(_, socket)| [socket.peer, socket.client]).collect());
        }
        let written = self.sockets.walk(&mut self.ebpf, LIST)?;
        let peers = written.chunks_exact(size_of::<Peer>()).map(|bytes| Peer::read_from_bytes(bytes).ok());
        peers.collect::<Option<_>>().ok_or_else(|| "the walk wrote half a record".to_owned())
    }

    fn keeps_with_sockets(&self) -> bool {
        self.programs.iter().any(|status| status.program == LOOKER && status.refused.is_none())
    }

    /// Sockets by their addresses.
    fn in_table(&self) -> impl Iterator<Item = (u64, Socket)> {
        self.sockets
            .table
            .iter()
            .filter_map(Result::ok)
            .map(|(address, words)| (address, zerocopy::transmute!(words)))
    }

    fn count_closed(&self, socket: &Socket) {
        let slot = self.slots.of(socket.cgroup);
        let first = CELLS.iter().find(|cells| cells.signal == TCP).map(|cells| cells.first);
        let cells = self.cells.iter().find(|(at, _)| Some(*at) == first);
        let direction = socket.direction as usize;
        if let Some((_, cells)) = cells.filter(|_| direction < DIRECTIONS.len()) {
            let _ = cells.add(slot, offset_of!(Cell, closed) / 8 + direction, 1);
        }
        const CLOSED: usize = offset_of!(Record, closed) / 8;
        for peer in [socket.peer, socket.client].into_iter().filter(|peer| peer[1] != 0) {
            let named = if peer[1] & CLIENT != 0 { CONNECTIONS_CLIENTS } else { CONNECTIONS };
            let rest = [0, BEYOND | peer[1] & (INCOMING | CLIENT)];
            let _ = [(named, peer), (CONNECTIONS_BEYOND, rest)].into_iter().any(|(map, key)| {
                self.keyed.get(map as usize).is_some_and(|keyed| keyed.count(slot, key, CLOSED))
            });
        }
    }
}

const BPF_LINK_CREATE: libc::c_long = 28;
const BPF_ITER_CREATE: libc::c_long = 33;
const BPF_TRACE_ITER: u32 = 28;

/// The part of `union bpf_attr` that makes an iterator's link (include/uapi/linux/bpf.h, 5.9).
#[repr(C)]
struct LinkCreate {
    program: u32,
    target: u32,
    attach_type: u32,
    flags: u32,
    info: u64,
    info_length: u32,
    padding: u32,
}

/// An iterator over what a map keeps with sockets. The crate that loads programs makes only those that walk no map.
fn iterate_over(program: i32, map: i32) -> io::Result<OwnedFd> {
    // `union bpf_iter_link_info`: the map's descriptor.
    let info = map as u32;
    let attr = LinkCreate {
        program: program as u32,
        target: 0,
        attach_type: BPF_TRACE_ITER,
        flags: 0,
        info: (&raw const info) as u64,
        info_length: size_of_val(&info) as u32,
        padding: 0,
    };
    made(BPF_LINK_CREATE, &attr, size_of::<LinkCreate>() - size_of::<u32>())
}

/// Begins a walk.
fn begin(link: i32) -> io::Result<File> {
    made(BPF_ITER_CREATE, &[link as u32, 0], size_of::<[u32; 2]>()).map(File::from)
}

fn made<T>(command: libc::c_long, attr: &T, length: usize) -> io::Result<OwnedFd> {
    // SAFETY: the kernel reads `length` bytes, which `attr` has, and what it points to is there until the call returns.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attr), length) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: both commands give a descriptor of our own.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}
