//! What a system call is, by its number, and what it is about, by its arguments.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::helpers::bpf_probe_read_kernel;
use aya_ebpf::helpers::generated::{
    bpf_get_current_cgroup_id, bpf_get_current_task, bpf_get_current_task_btf, bpf_task_pt_regs,
};
use aya_ebpf::programs::{BtfTracePointContext, TracePointContext};
use plimsoll_abi::calls::{Calls, NUMBERS, OPERATION_SHIFT, PERF_NUMBER, PERF_RETURN};
use plimsoll_abi::files::{FILE, NONE, OTHER, PIPE, SOCKET};

use crate::task::{OFFSETS, Struct, at, load, task_cgroup_id};
use crate::tasks;

/// Written by the loader, which knows the names of the numbers.
#[unsafe(no_mangle)]
static CALLS: Calls = Calls::NONE;

#[cfg(bpf_target_arch = "aarch64")]
pub(crate) mod machine {
    /// `TIF_32BIT` in `thread_info.flags` (v5.10 to v7.x).
    pub(crate) const COMPAT_BIT: u32 = 1 << 22;
    pub(crate) type NumberRegister = i32;
    /// Registers of arguments are an array here.
    pub(super) const ARGUMENT_BYTES: usize = 8;
}
#[cfg(not(bpf_target_arch = "aarch64"))]
pub(crate) mod machine {
    /// `TS_COMPAT` in `thread_info.status`: also set by `int $0x80` from 64-bit code.
    pub(crate) const COMPAT_BIT: u32 = 2;
    pub(crate) type NumberRegister = u64;
    pub(super) const ARGUMENT_BYTES: usize = 0;
}

const S_IFMT: u16 = 0o170_000;
const S_IFSOCK: u16 = 0o140_000;
const S_IFREG: u16 = 0o100_000;
const S_IFIFO: u16 = 0o010_000;
/// `S_ANON_INODE` : an eventfd, an epoll and their kin. They have the mode of a regular file in kernels with this flag (6.18),
/// and no type at all before.
const S_ANON_INODE: u32 = 1 << 19;

/// The running task, and how its structure may be read.
#[derive(Clone, Copy)]
pub(crate) enum Current {
    /// A pointer the verifier knows (5.11 on).
    Known(Struct),
    /// A bare number, on 5.10.
    Bare(Struct),
}

impl Current {
    /// For kernels that give a task pointer the verifier knows.
    #[inline(always)]
    pub(crate) fn known() -> Self {
        // SAFETY: the helper takes nothing and cannot fail.
        Self::Known(unsafe { bpf_get_current_task_btf() } as Struct)
    }

    /// For 5.10.
    #[inline(always)]
    pub(crate) fn bare() -> Self {
        // SAFETY: as above.
        Self::Bare(unsafe { bpf_get_current_task() } as Struct)
    }

    /// Its number in tables by task.
    #[inline(always)]
    pub(crate) fn number(self) -> u64 {
        match self {
            // SAFETY: current is always a task_struct.
            Self::Known(task) => unsafe { tasks::number(task) },
            Self::Bare(task) => task as u64,
        }
    }

    /// The id of its cgroup in the v2 hierarchy.
    #[inline(always)]
    pub(crate) fn cgroup_id(self) -> u64 {
        match self {
            // SAFETY: current is always a task_struct.
            Self::Known(task) => unsafe { task_cgroup_id(task) },
            // SAFETY: the helper takes nothing and cannot fail.
            Self::Bare(_) => unsafe { bpf_get_current_cgroup_id() },
        }
    }

    /// Whether its system call goes through the 32-bit ABI.
    #[inline(always)]
    pub(crate) fn is_compat(self) -> bool {
        let flags: u32 = match self {
            // SAFETY: current is always a task_struct.
            Self::Known(task) => unsafe { load(task, at(&OFFSETS.task_compat)) },
            Self::Bare(task) => probe(task as u64, at(&OFFSETS.task_compat)),
        };
        flags & machine::COMPAT_BIT != 0
    }

    /// The address of the file that one of its descriptors leads to now.
    #[inline(always)]
    pub(crate) fn file(self, descriptor: u32) -> Option<u64> {
        let (max, table): (u32, u64) = match self {
            // SAFETY: files is a files_struct, fdt its fdtable; both are there as long as the task.
            Self::Known(task) => unsafe {
                let files: Struct = load(task, at(&OFFSETS.task_files));
                let table: Struct = load(files, at(&OFFSETS.files_fdt));
                (load(table, at(&OFFSETS.fdtable_max_fds)), load(table, at(&OFFSETS.fdtable_fd)))
            },
            Self::Bare(task) => {
                let files: u64 = probe(task as u64, at(&OFFSETS.task_files));
                let table: u64 = probe(files, at(&OFFSETS.files_fdt));
                (probe(table, at(&OFFSETS.fdtable_max_fds)), probe(table, at(&OFFSETS.fdtable_fd)))
            }
        };
        if descriptor >= max {
            return None;
        }
        let file: u64 = probe(table, descriptor as usize * 8);
        (file != 0).then_some(file)
    }

    /// Whether a file is a socket.
    #[inline(always)]
    pub(crate) fn is_socket(self, file: u64) -> bool {
        let inode: u64 = probe(file, at(&OFFSETS.file_inode));
        probe::<u16>(inode, at(&OFFSETS.inode_mode)) & S_IFMT == S_IFSOCK
    }

    /// What one of its descriptors leads to now.
    #[inline(always)]
    pub(crate) fn kind(self, descriptor: u32) -> usize {
        let Some(file) = self.file(descriptor) else { return NONE };
        let inode: u64 = probe(file, at(&OFFSETS.file_inode));
        // In all kernels seen the flags are the fourth word from the mode: one reading costs less than two.
        let words: [u32; 4] = probe(inode, at(&OFFSETS.inode_mode));
        let flags = || match at(&OFFSETS.inode_flags).wrapping_sub(at(&OFFSETS.inode_mode)) {
            12 => words[3],
            _ => probe(inode, at(&OFFSETS.inode_flags)),
        };
        match words[0] as u16 & S_IFMT {
            S_IFREG if flags() & S_ANON_INODE == 0 => FILE,
            S_IFIFO => PIPE,
            S_IFSOCK => SOCKET,
            _ => OTHER,
        }
    }
}

/// A system call as `sys_exit` tells of it.
#[derive(Clone, Copy)]
pub(crate) struct Returned {
    pub(crate) number: u32,
    pub(crate) ret: i64,
    regs: Option<Struct>,
}

impl Returned {
    #[inline(always)]
    pub(crate) fn told(ctx: &BtfTracePointContext) -> Self {
        let regs: Struct = ctx.arg(0);
        // SAFETY: the tracepoint's first argument is the caller's pt_regs.
        let number = unsafe { load::<machine::NumberRegister>(regs, at(&OFFSETS.regs_syscall_nr)) } as u32;
        Self { number, ret: ctx.arg(1), regs: Some(regs) }
    }

    /// As perf has it, which runs its programs with preemption off.
    #[inline(always)]
    pub(crate) fn told_to_perf(ctx: &TracePointContext) -> Self {
        let (number, ret): (i64, i64) = (perf_word(ctx, PERF_NUMBER), perf_word(ctx, PERF_RETURN));
        Self { number: number as u32, ret, regs: None }
    }

    /// The caller's registers.
    #[inline(always)]
    pub(crate) fn regs(self, current: Current) -> Struct {
        match (self.regs, current) {
            (Some(regs), _) => regs,
            // SAFETY: current is a task_struct; those of the call it is in are where the kernel was entered.
            (None, Current::Known(task) | Current::Bare(task)) => unsafe {
                bpf_task_pt_regs(task as *mut _) as Struct
            },
        }
    }
}

/// The number of a call that begins.
#[inline(always)]
pub(crate) fn begun(ctx: &BtfTracePointContext) -> u32 {
    ctx.arg::<u64>(1) as u32
}

/// As perf has it.
#[inline(always)]
pub(crate) fn begun_to_perf(ctx: &TracePointContext) -> u32 {
    perf_word(ctx, PERF_NUMBER) as u32
}

/// A word of `trace_event_raw_sys_enter` or `_exit`, which the loader found to be laid out so.
#[inline(always)]
fn perf_word(ctx: &TracePointContext, word: usize) -> i64 {
    // SAFETY: both are longer than that; the verifier checks it again.
    unsafe { ctx.as_ptr().cast::<i64>().add(word).read_volatile() }
}

/// The bytes of a number in both tables: to know which counts takes another look at the task.
#[inline(always)]
pub(crate) fn of(number: u32) -> (u8, u8) {
    if number >= NUMBERS as u32 {
        return (0, 0);
    }
    // SAFETY: the number is inside both tables; volatile, since the loader writes them.
    unsafe {
        let tables = (&raw const CALLS).cast::<u8>().add(number as usize);
        (tables.read_volatile(), tables.add(NUMBERS).read_volatile())
    }
}

/// The operation on files that a byte of the tables stands for.
#[inline(always)]
pub(crate) fn operation(call: u8) -> u8 {
    call >> OPERATION_SHIFT
}

/// A descriptor among a call's first three arguments.
///
/// # Safety
/// `regs` must be the caller's pt_regs as a tracepoint gives them.
#[inline(always)]
pub(crate) unsafe fn descriptor(regs: Struct, argument: usize, compat: bool) -> u32 {
    // SAFETY: the caller's.
    unsafe { self::argument(regs, argument, compat) as u32 }
}

/// One of a call's first three arguments.
///
/// # Safety
/// `regs` must be the caller's pt_regs as a tracepoint gives them.
#[inline(always)]
pub(crate) unsafe fn argument(regs: Struct, argument: usize, compat: bool) -> u64 {
    let register = match (argument, compat) {
        (0, false) => at(&OFFSETS.regs_argument0),
        (0, true) => at(&OFFSETS.regs_compat0),
        (1, false) => at(&OFFSETS.regs_argument1),
        (1, true) => at(&OFFSETS.regs_compat1),
        _ => at(&OFFSETS.regs_argument2),
    };
    // SAFETY: the caller's; a register is a u64.
    let value = unsafe { load::<u64>(regs, register + argument * machine::ARGUMENT_BYTES) };
    if compat { u64::from(value as u32) } else { value }
}

/// Reads a member through an address the verifier knows nothing of; 0 if it cannot be read.
#[inline(always)]
pub(crate) fn probe<T: Copy + Default>(base: u64, offset: usize) -> T {
    // SAFETY: the helper checks the address.
    unsafe { bpf_probe_read_kernel((base as Struct).wrapping_add(offset).cast::<T>()) }.unwrap_or_default()
}
