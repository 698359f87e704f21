//! Where each kernel signal's words are in a row's cells, and which keyed maps there are.

use plimsoll_abi::{faults, oom, process, sched, syscalls};
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
}

/// A hash of counters with a second key.
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
}

/// Places of the keyed maps in [`KEYED`].
pub const SYSCALL_ERRORS: u32 = 0;
/// See [`SYSCALL_ERRORS`].
pub const PROCESS_EXITS: u32 = 1;
/// See [`SYSCALL_ERRORS`].
pub const FATAL_SIGNALS: u32 = 2;

const SYSCALLS_AT: usize = 0;
const PROCESS_AT: usize = SYSCALLS_AT + size_of::<syscalls::Cell>() / 8;
const FAULTS_AT: usize = PROCESS_AT + size_of::<process::Cell>() / 8;
const SCHED_AT: usize = FAULTS_AT + size_of::<faults::Cell>() / 8;
const OOM_AT: usize = SCHED_AT + size_of::<sched::Cell>() / 8;

/// Words of a row: the cells of all signals, one after the other.
pub const WORDS: usize = OOM_AT + size_of::<oom::Cell>() / 8;

/// All arrays of cells.
pub static CELLS: &[CellMap] = &[
    cells::<syscalls::Cell>("SYSCALLS", "syscalls", SYSCALLS_AT),
    cells::<process::Cell>("PROCESS", "process", PROCESS_AT),
    cells::<faults::Cell>("FAULTS", "faults", FAULTS_AT),
    cells::<sched::Cell>("SCHED", "sched", SCHED_AT),
    cells::<oom::Cell>("OOM", "oom", OOM_AT),
];

/// All keyed maps.
pub static KEYED: &[KeyedMap] = &[
    KeyedMap { map: "SYSCALL_ERRORS", used: "SYSCALL_ERRORS_USED", signal: "syscalls", entries_per_slot: 16 },
    KeyedMap { map: "PROCESS_EXITS", used: "PROCESS_EXITS_USED", signal: "process", entries_per_slot: 4 },
    KeyedMap { map: "FATAL_SIGNALS", used: "FATAL_SIGNALS_USED", signal: "faults", entries_per_slot: 4 },
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

const fn cells<T>(map: &'static str, signal: &'static str, first: usize) -> CellMap {
    CellMap { map, signal, words: size_of::<T>() / 8, first }
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
