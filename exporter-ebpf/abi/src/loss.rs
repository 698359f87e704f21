//! What could not be kept, by reason: indexes into the `LOSSES` array.

/// A cgroup was made while no slot was free; what happens in it goes to the unattributed slot.
pub const NO_FREE_SLOT: u32 = 0;
/// The ring buffer had no room for an event; user space walks the hierarchy to catch up.
pub const EVENT_DROPPED: u32 = 1;
/// A cgroup's path was longer than an event carries.
pub const PATH_CUT: u32 = 2;
/// A task found no room in the scheduler's table: its waits are not observed (its switches are counted).
pub const TASK_TABLE_FULL: u32 = 3;
/// An OOM victim could not be told from its number alone (5.10).
pub const OOM_VICTIM_UNKNOWN: u32 = 4;
/// An error by system call and errno was folded into `other`.
pub const ERROR_FOLDED: u32 = 5;
/// An exit by code or signal was folded into `other`.
pub const EXIT_FOLDED: u32 = 6;
/// An error by operation on files and errno was folded into `other`.
pub const FILE_ERROR_FOLDED: u32 = 7;
/// A task found no room in the table of calls under way: this call's duration is not observed.
pub const SYSCALL_TABLE_FULL: u32 = 8;
/// A request to a device beyond the bound was folded into `other`.
pub const BLOCK_IO_FOLDED: u32 = 9;
/// More tasks stalled in reclaim at once than are followed.
pub const RECLAIM_UNTRACKED: u32 = 10;
/// A fatal signal by number and sender was folded into `other`.
pub const FATAL_SIGNAL_FOLDED: u32 = 11;
/// A TCP socket found no room in the table: it is not followed, and its bytes are not counted.
pub const TCP_TABLE_FULL: u32 = 12;
/// A connection to a destination, or by a port, beyond the bound was folded into `other`.
pub const DESTINATION_FOLDED: u32 = 13;

/// A connection from an address beyond the bound was folded into `other`.
pub const CLIENT_FOLDED: u32 = 17;
/// A dropped packet's reason was folded into `other`.
pub const DROP_FOLDED: u32 = 14;
/// A DNS question found no room in the table: it is counted, and how it ends is not.
pub const DNS_TABLE_FULL: u32 = 15;
/// A DNS question or answer by type and rcode was folded into `other`.
pub const DNS_FOLDED: u32 = 16;
/// What went through a Unix socket whose path is beyond the bound was folded into `other`.
pub const PATH_FOLDED: u32 = 18;
/// A DNS question or answer by name was folded into `other`.
pub const DNS_NAME_FOLDED: u32 = 19;

/// The `reason` label of each index.
pub const REASONS: [&str; 20] = [
    "no_free_slot",
    "event_dropped",
    "path_cut",
    "task_table_full",
    "oom_victim_unknown",
    "syscall_error_folded",
    "process_exit_folded",
    "file_error_folded",
    "syscall_table_full",
    "block_io_folded",
    "reclaim_untracked",
    "fatal_signal_folded",
    "tcp_table_full",
    "destination_folded",
    "drop_folded",
    "dns_table_full",
    "dns_folded",
    "client_folded",
    "path_folded",
    "dns_name_folded",
];
