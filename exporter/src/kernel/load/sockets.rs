//! What the programs of `tcp` remember of sockets: with each of them, walked by an iterator, or before 5.12 in a table.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::mem::offset_of;
use std::os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd};
use std::sync::atomic::Ordering;

use aya::Ebpf;
use aya::maps::{HashMap, Map, MapData};
use plimsoll_abi::connections::{Peer, Record};
use plimsoll_abi::keyed::record_key;
use plimsoll_abi::slot::UNATTRIBUTED;
use plimsoll_abi::tcp::{Cell, DIRECTIONS, FORGET, LIST, LOOK, Socket, Walk};
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

    /// Forgets all sockets and counts what is open as closed: what becomes of them while no program counts is not known,
    /// and those that are still there afterwards will be found again.
    pub(super) fn settle_connections(&mut self) -> Result<(), String> {
        self.forget_sockets()?;
        self.close_connections().map_err(|error| format!("counting connections as closed: {error}"))
    }

    fn forget_sockets(&mut self) -> Result<(), String> {
        if !self.keeps_with_sockets() {
            let all: Vec<u64> = self.sockets.table.keys().filter_map(Result::ok).collect();
            for address in all {
                let _ = self.sockets.table.remove(&address);
            }
            return Ok(());
        }
        self.sockets.walk(&mut self.ebpf, FORGET)?;
        if let Some(count) = self.sockets.count.get().first() {
            // Some went with their sockets, unseen.
            count.store(0, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Counts all that is open as closed, of whoever has a slot.
    fn close_connections(&mut self) -> io::Result<()> {
        let tcp = CELLS.iter().find(|cells| cells.signal == TCP);
        let tcp = tcp.and_then(|map| Some((map.words, self.cells.iter().find(|(at, _)| *at == map.first)?)));
        let Some((words, (_, cells))) = tcp else { return Ok(()) };
        let taken = |slot: &u32| *slot == UNATTRIBUTED || self.slots.owner(*slot).is_some_and(|id| id != 0);
        for slot in (0..=self.slots.count()).filter(taken) {
            let mut row = vec![0; words];
            cells.add_to(slot, &mut row)?;
            for direction in 0..DIRECTIONS.len() {
                let word = |columns: usize| columns / 8 + direction;
                let (opened, closed) = (word(offset_of!(Cell, opened)), word(offset_of!(Cell, closed)));
                cells.add(slot, closed, row[opened].wrapping_sub(row[closed]))?;
            }
        }
        for map in [CONNECTIONS, CONNECTIONS_BEYOND, CONNECTIONS_CLIENTS] {
            let Some(keyed) = self.keyed.get_mut(map as usize) else { continue };
            let mut counted = Vec::new();
            keyed.read(&mut counted)?;
            let mut open: BTreeMap<(u32, [u32; 2]), u64> = BTreeMap::new();
            for counter in counted {
                let (key, word) = record_key(counter.key);
                let open = open.entry((counter.slot, key)).or_default();
                match word {
                    OPENED => *open = open.wrapping_add(counter.count),
                    CLOSED => *open = open.wrapping_sub(counter.count),
                    _ => {}
                }
            }
            for ((slot, key), open) in open.into_iter().filter(|(_, open)| *open != 0) {
                keyed.count(slot, key, CLOSED, open);
            }
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
}

/// Words of a record of connections.
const OPENED: usize = offset_of!(Record, opened) / 8;
const CLOSED: usize = offset_of!(Record, closed) / 8;

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
