//! What each system call is, by its number: user space knows the names, and tells the programs before they are loaded.

/// Numbers in each table; a call beyond them is of no operation and of the first class.
pub const NUMBERS: usize = 512;

/// The two tables. A byte is a class (see [`crate::syscall_latency::CLASSES`]) and, above it, an operation on files.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, zerocopy::IntoBytes, zerocopy::Immutable)]
pub struct Calls {
    /// By the numbers of the machine's own ABI.
    pub native: [u8; NUMBERS],
    /// By those of its 32-bit ABI.
    pub compat: [u8; NUMBERS],
}

impl Calls {
    /// Nothing known.
    pub const NONE: Self = Self { native: [0; NUMBERS], compat: [0; NUMBERS] };
}

/// The bits of a byte that are the class.
pub const CLASS: u8 = 0x0f;
/// By how much the operation is shifted.
pub const OPERATION_SHIFT: u32 = 4;

/// The word of `trace_event_raw_sys_enter` and of `trace_event_raw_sys_exit` that is the call's number.
pub const PERF_NUMBER: usize = 1;
/// The word of `trace_event_raw_sys_exit` that is the call's result.
pub const PERF_RETURN: usize = 2;

/// Of the operations, 0 is none. Opens a file, whose descriptor is the result.
pub const OPEN: u8 = 1;
/// Reads from the descriptor in the first argument; the result is bytes.
pub const READ: u8 = 2;
/// Writes to the descriptor in the first argument; the result is bytes.
pub const WRITE: u8 = 3;
/// Has the data behind the descriptor in the first argument written out.
pub const FSYNC: u8 = 4;
/// Reads from the descriptor in the first argument and writes to that in the third.
pub const COPY: u8 = 5;
/// Reads from the descriptor in the second argument and writes to that in the first.
pub const SEND: u8 = 6;
/// Connects the socket in the first argument: nothing that is done with a file.
pub const CONNECT: u8 = 7;

/// Of the parts of the one program for system calls that return, the signal `syscalls`.
pub const SYSCALLS: u32 = 1;
/// The signal `files`.
pub const FILES: u32 = 2;
/// The signal `syscall_latency`.
pub const SYSCALL_LATENCY: u32 = 4;
/// The signal `unix`.
pub const UNIX: u32 = 8;

const _: () = assert!(size_of::<Calls>() == 2 * NUMBERS);
