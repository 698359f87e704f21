//! Where each kernel signal's words are in a row's cells, and which keyed maps there are.

use super::programs::DNS_NAMES;
use plimsoll_abi::{
    block_io, connections, dns, drops, faults, files, io_uring, oom, process, reclaim, sched,
    syscall_latency, syscalls, tcp, udp, unix,
};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// An array of cells.
#[derive(Debug)]
pub struct CellMap {
    /// The map's name in the object.
    pub map: &'static str,
    /// The signal it belongs to.
    pub signal: &'static str,
    /// Words of one cell.
    pub words: usize,
    /// Where they begin in a row.
    pub first: usize,
    /// What is counted in it is so rare that all CPUs may share one.
    pub rare: bool,
}

impl CellMap {
    /// How many shards this one has where the others have so many.
    pub fn shards_of(&self, shards: u32) -> u32 {
        if self.rare { 1 } else { shards }
    }
}

/// A hash of counters, or of records of them, with a second key.
#[derive(Debug)]
pub struct KeyedMap {
    /// The map's name in the object.
    pub map: &'static str,
    /// The name of the array that counts each slot's keys.
    pub used: &'static str,
    /// The signal it belongs to.
    pub signal: &'static str,
    /// Room in the map for each slot on average; one slot may use more while others use less.
    pub entries_per_slot: u32,
    /// Words of a value: where there is more than one, each is a counter under its `word_key`.
    pub words: usize,
}

/// Places of the keyed maps in [`KEYED`].
pub const SYSCALL_ERRORS: u32 = 0;
/// See [`SYSCALL_ERRORS`].
pub const PROCESS_EXITS: u32 = 1;
/// See [`SYSCALL_ERRORS`].
pub const BLOCK_IO_REQUESTS: u32 = 2;
/// See [`SYSCALL_ERRORS`].
pub const FILE_ERRORS: u32 = 3;
/// See [`SYSCALL_ERRORS`].
pub const FATAL_SIGNALS: u32 = 4;
/// See [`SYSCALL_ERRORS`].
pub const TCP_CONNECTS: u32 = 5;
/// See [`SYSCALL_ERRORS`].
pub const CONNECTIONS: u32 = 6;
/// See [`SYSCALL_ERRORS`].
pub const CONNECTIONS_BEYOND: u32 = 7;
/// See [`SYSCALL_ERRORS`].
pub const CONNECTIONS_CLIENTS: u32 = 8;
/// See [`SYSCALL_ERRORS`].
pub const DROPS_REASONS: u32 = 9;
/// See [`SYSCALL_ERRORS`].
pub const DNS_MESSAGES: u32 = 10;
/// See [`SYSCALL_ERRORS`].
pub const UNIX_PATHS: u32 = 11;
/// See [`SYSCALL_ERRORS`].
pub const DNS_NAMED: u32 = 12;

const SYSCALLS_AT: usize = 0;
const PROCESS_AT: usize = SYSCALLS_AT + size_of::<syscalls::Cell>() / 8;
const FAULTS_AT: usize = PROCESS_AT + size_of::<process::Cell>() / 8;
const SCHED_AT: usize = FAULTS_AT + size_of::<faults::Cell>() / 8;
const OOM_AT: usize = SCHED_AT + size_of::<sched::Cell>() / 8;
const BLOCK_IO_AT: usize = OOM_AT + size_of::<oom::Cell>() / 8;
const RECLAIM_AT: usize = BLOCK_IO_AT + size_of::<block_io::Cell>() / 8;
const FILES_AT: usize = RECLAIM_AT + size_of::<reclaim::Cell>() / 8;
const IO_URING_AT: usize = FILES_AT + size_of::<files::Cell>() / 8;
const SYSCALL_LATENCY_AT: usize = IO_URING_AT + size_of::<io_uring::Cell>() / 8;
const TCP_AT: usize = SYSCALL_LATENCY_AT + size_of::<syscall_latency::Cell>() / 8;
const UDP_AT: usize = TCP_AT + size_of::<tcp::Cell>() / 8;
const DROPS_AT: usize = UDP_AT + size_of::<udp::Cell>() / 8;
const DNS_AT: usize = DROPS_AT + size_of::<drops::Cell>() / 8;
const UNIX_AT: usize = DNS_AT + size_of::<dns::Cell>() / 8;

/// Words of a row: the cells of all signals, one after the other.
pub const WORDS: usize = UNIX_AT + size_of::<unix::Record>() / 8;

/// All arrays of cells.
pub static CELLS: &[CellMap] = &[
    cells::<syscalls::Cell>("SYSCALLS", "syscalls", SYSCALLS_AT),
    cells::<process::Cell>("PROCESS", "process", PROCESS_AT),
    cells::<faults::Cell>("FAULTS", "faults", FAULTS_AT),
    cells::<sched::Cell>("SCHED", "sched", SCHED_AT),
    rare_cells::<oom::Cell>("OOM", "oom", OOM_AT),
    cells::<block_io::Cell>("BLOCK_IO", "block_io", BLOCK_IO_AT),
    rare_cells::<reclaim::Cell>("RECLAIM", "reclaim", RECLAIM_AT),
    cells::<files::Cell>("FILES", "files", FILES_AT),
    cells::<io_uring::Cell>("IO_URING", "io_uring", IO_URING_AT),
    cells::<syscall_latency::Cell>("SYSCALL_LATENCY", "syscall_latency", SYSCALL_LATENCY_AT),
    cells::<tcp::Cell>("TCP", "tcp", TCP_AT),
    cells::<udp::Cell>("UDP", "udp", UDP_AT),
    rare_cells::<drops::Cell>("DROPS", "drops", DROPS_AT),
    cells::<dns::Cell>("DNS", "dns", DNS_AT),
    cells::<unix::Record>("UNIX", "unix", UNIX_AT),
];

/// All keyed maps.
pub static KEYED: &[KeyedMap] = &[
    KeyedMap {
        map: "SYSCALL_ERRORS",
        used: "SYSCALL_ERRORS_USED",
        signal: "syscalls",
        entries_per_slot: 16,
        words: 1,
    },
    KeyedMap {
        map: "PROCESS_EXITS",
        used: "PROCESS_EXITS_USED",
        signal: "process",
        entries_per_slot: 4,
        words: 1,
    },
    KeyedMap {
        map: "BLOCK_IO_REQUESTS",
        used: "BLOCK_IO_REQUESTS_USED",
        signal: "block_io",
        entries_per_slot: 4,
        words: size_of::<block_io::Record>() / 8,
    },
    KeyedMap { map: "FILE_ERRORS", used: "FILE_ERRORS_USED", signal: "files", entries_per_slot: 4, words: 1 },
    KeyedMap {
        map: "FATAL_SIGNALS",
        used: "FATAL_SIGNALS_USED",
        signal: "faults",
        entries_per_slot: 4,
        words: 1,
    },
    KeyedMap {
        map: "TCP_CONNECTS",
        used: "TCP_CONNECTS_USED",
        signal: "tcp",
        entries_per_slot: 2,
        words: size_of::<tcp::Record>() / 8,
    },
    KeyedMap {
        map: "CONNECTIONS",
        used: "CONNECTIONS_USED",
        signal: "connections",
        entries_per_slot: 6,
        words: size_of::<connections::Record>() / 8,
    },
    KeyedMap {
        map: "CONNECTIONS_BEYOND",
        used: "CONNECTIONS_BEYOND_USED",
        signal: "connections",
        entries_per_slot: 3,
        words: size_of::<connections::Record>() / 8,
    },
    KeyedMap {
        map: "CONNECTIONS_CLIENTS",
        used: "CONNECTIONS_CLIENTS_USED",
        signal: "connections",
        entries_per_slot: 2,
        words: size_of::<connections::Record>() / 8,
    },
    KeyedMap {
        map: "DROPS_REASONS",
        used: "DROPS_REASONS_USED",
        signal: "drops",
        entries_per_slot: 2,
        words: 1,
    },
    KeyedMap { map: "DNS_MESSAGES", used: "DNS_MESSAGES_USED", signal: "dns", entries_per_slot: 8, words: 1 },
    KeyedMap {
        map: "UNIX_PATHS",
        used: "UNIX_PATHS_USED",
        signal: "unix",
        entries_per_slot: 8,
        words: size_of::<unix::Record>() / 8,
    },
    KeyedMap { map: "DNS_NAMED", used: "DNS_NAMED_USED", signal: DNS_NAMES, entries_per_slot: 8, words: 1 },
];

/// The `syscalls` cell of a row.
pub fn syscalls(row: &[u64]) -> Option<&syscalls::Cell> {
    cell(row, SYSCALLS_AT)
}

/// The `process` cell of a row.
pub fn process(row: &[u64]) -> Option<&process::Cell> {
    cell(row, PROCESS_AT)
}

/// The `faults` cell of a row.
pub fn faults(row: &[u64]) -> Option<&faults::Cell> {
    cell(row, FAULTS_AT)
}

/// The `sched` cell of a row.
pub fn sched(row: &[u64]) -> Option<&sched::Cell> {
    cell(row, SCHED_AT)
}

/// The `oom` cell of a row.
pub fn oom(row: &[u64]) -> Option<&oom::Cell> {
    cell(row, OOM_AT)
}

/// The `block_io` cell of a row.
pub fn block_io(row: &[u64]) -> Option<&block_io::Cell> {
    cell(row, BLOCK_IO_AT)
}

/// The `reclaim` cell of a row.
pub fn reclaim(row: &[u64]) -> Option<&reclaim::Cell> {
    cell(row, RECLAIM_AT)
}

/// The `files` cell of a row.
pub fn files(row: &[u64]) -> Option<&files::Cell> {
    cell(row, FILES_AT)
}

/// The `io_uring` cell of a row.
pub fn io_uring(row: &[u64]) -> Option<&io_uring::Cell> {
    cell(row, IO_URING_AT)
}

/// The `syscall_latency` cell of a row.
pub fn syscall_latency(row: &[u64]) -> Option<&syscall_latency::Cell> {
    cell(row, SYSCALL_LATENCY_AT)
}

/// The `tcp` cell of a row.
pub fn tcp(row: &[u64]) -> Option<&tcp::Cell> {
    cell(row, TCP_AT)
}

/// The `udp` cell of a row.
pub fn udp(row: &[u64]) -> Option<&udp::Cell> {
    cell(row, UDP_AT)
}

/// The `drops` cell of a row.
pub fn drops(row: &[u64]) -> Option<&drops::Cell> {
    cell(row, DROPS_AT)
}

/// The `dns` cell of a row.
pub fn dns(row: &[u64]) -> Option<&dns::Cell> {
    cell(row, DNS_AT)
}

/// The `unix` cell of a row.
pub fn unix(row: &[u64]) -> Option<&unix::Record> {
    cell(row, UNIX_AT)
}

const fn rare_cells<T>(map: &'static str, signal: &'static str, first: usize) -> CellMap {
    CellMap { rare: true, ..cells::<T>(map, signal, first) }
}

const fn cells<T>(map: &'static str, signal: &'static str, first: usize) -> CellMap {
    CellMap { map, signal, words: size_of::<T>() / 8, first, rare: false }
}

fn cell<T: FromBytes + Immutable + KnownLayout>(row: &[u64], first: usize) -> Option<&T> {
    let words = row.get(first..first + size_of::<T>() / 8)?;
    T::ref_from_bytes(words.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_its_cells_end_to_end() {
        let mut at = 0;
        for cells in CELLS {
            assert_eq!(cells.first, at, "{}", cells.map);
            at += cells.words;
        }
        assert_eq!(at, WORDS);
        let mut row = vec![0; WORDS];
        row[PROCESS_AT + 2] = 7;
        row[OOM_AT] = 9;
        assert_eq!(process(&row).expect("in range").execs, 7);
        assert_eq!(oom(&row).expect("in range").kills, 9);
        assert!(oom(&row[..OOM_AT]).is_none());
    }
}
