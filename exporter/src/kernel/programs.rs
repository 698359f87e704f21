//! The table of programs: which tracepoint each is for, on which kernels, and what it must know to run.

use plimsoll_abi::calls;
use plimsoll_abi::layout::Offsets;

use super::btf::Argument;
use super::facts::Types;

/// One program of the object.
#[derive(Debug)]
pub struct Program {
    /// Its name in the object.
    pub name: &'static str,
    /// The signal it serves, or [`CGROUPS`].
    pub signal: &'static str,
    /// The tracepoint it is attached to, or where else; of an iterator, [`ITERATOR`] and what it walks.
    pub tracepoint: &'static str,
    /// Whether it is the right one of its kind for this kernel, which has the tracepoint.
    pub fits: fn(&Types, &[Argument]) -> bool,
    /// Members whose offsets it reads.
    pub reads: &'static [&'static [Read]],
}

/// A member's name and its offset.
pub(super) type Read = (&'static str, fn(&Offsets) -> u32);

/// The programs that keep the slots, without which no signal can say whose its numbers are.
pub const CGROUPS: &str = "cgroups";

/// The program that asks conntrack where connections really go. Without it `connections` says where they were dialled.
pub const NAT: &str = "nat";

/// What the programs of `dns` do besides if they are asked to: names.
pub(super) const DNS_NAMES: &str = "dns_names";

/// The one program for all that is counted when a system call returns.
pub const CALLS: &str = "calls";

/// The tracepoint of that program.
pub(super) const SYS_EXIT: &str = "sys_exit";

/// The signals that are parts of it, which rest one by one. Each has a program of its own, for a kernel that refuses this one.
pub(super) const PARTS: [(&str, u32); 4] = [
    ("syscalls", calls::SYSCALLS),
    ("files", calls::FILES),
    ("syscall_latency", calls::SYSCALL_LATENCY),
    ("unix", calls::UNIX),
];

macro_rules! reads {
    ($($field:ident),* $(,)?) => { &[$((stringify!($field), |offsets| offsets.$field)),*] };
}

const ALWAYS: fn(&Types, &[Argument]) -> bool = |_, _| true;

/// The cgroup of a task.
const TASK: &[Read] = reads!(task_cgroups, css_set_dfl_cgrp, cgroup_kn, kernfs_node_id);

/// A cgroup and its hierarchy.
const CGROUP: &[Read] = reads!(cgroup_kn, kernfs_node_id, cgroup_root, cgroup_root_hierarchy_id);

/// The cgroup of a socket.
const SOCK: &[Read] = reads!(sock_cgroup, cgroup_kn, kernfs_node_id);

/// What a system call was given.
const ARGUMENTS: &[Read] = reads!(regs_argument0, regs_argument1, regs_argument2, regs_compat0, regs_compat1);

/// What a descriptor leads to.
const FILE: &[Read] =
    reads!(task_files, files_fdt, fdtable_max_fds, fdtable_fd, file_inode, inode_mode, inode_flags);

/// How a process ends.
const EXIT: &[Read] =
    reads!(task_signal, signal_flags, signal_group_exit_code, task_group_leader, task_exit_code);

/// Which task it is.
const START: &[Read] = reads!(task_start_time, task_tgid);

/// Whether it is the last of its process.
const THREADS: &[Read] = reads!(signal_live, signal_nr_threads);

/// A request to a disk, and for whose account it is.
const REQUEST: &[Read] = reads!(
    request_flags,
    request_bytes,
    request_bio,
    request_start,
    bio_index,
    bio_blkg,
    blkg_blkcg,
    blkcg_cgroup,
    disk_major,
    disk_minor,
    disk_name
);

/// All programs. Those of [`CGROUPS`] come first and are attached first.
pub static PROGRAMS: &[Program] = &[
    program("cgroup_mkdir", CGROUPS, "cgroup_mkdir", ALWAYS, &[CGROUP]),
    program("cgroup_rmdir", CGROUPS, "cgroup_rmdir", ALWAYS, &[CGROUP]),
    program("cgroup_notify_populated", CGROUPS, "cgroup_notify_populated", ALWAYS, &[CGROUP]),
    program("sys_exit_all", CALLS, SYS_EXIT, by_btf, &[TASK, reads!(task_compat, regs_syscall_nr)]),
    program("sys_exit_all_perf", CALLS, SYS_EXIT, by_perf, &[TASK, reads!(task_compat)]),
    program("sys_exit_all_5_10", CALLS, SYS_EXIT, by_number, &[reads!(task_compat, regs_syscall_nr)]),
    program("sys_exit", "syscalls", SYS_EXIT, by_btf, &[TASK, reads!(task_compat, regs_syscall_nr)]),
    program("sys_exit_perf", "syscalls", SYS_EXIT, by_perf, &[TASK, reads!(task_compat)]),
    program("sys_exit_5_10", "syscalls", SYS_EXIT, by_number, &[reads!(task_compat, regs_syscall_nr)]),
    program("task_newtask", "process", "task_newtask", not_by_perf, &[TASK, reads!(task_flags)]),
    program("task_newtask_perf", "process", "task_newtask", by_perf, &[TASK, reads!(task_flags)]),
    program("task_newtask_rest", "process", "task_newtask", by_perf, &[TASK, reads!(task_flags)]),
    program("sched_process_exec", "process", "sched_process_exec", not_by_perf, &[TASK]),
    program("sched_process_exec_perf", "process", "sched_process_exec", by_perf, &[TASK]),
    program(
        "sched_process_exit",
        "process",
        "sched_process_exit",
        with_last,
        &[TASK, EXIT, reads!(task_flags)],
    ),
    program(
        "sched_process_exit_by_live",
        "process",
        "sched_process_exit",
        without_last,
        &[TASK, EXIT, START, THREADS, reads!(task_flags)],
    ),
    program(
        "sched_process_exit_perf",
        "process",
        "sched_process_exit",
        by_perf,
        &[TASK, EXIT, START, THREADS, reads!(task_flags)],
    ),
    program(
        "fatal_signal_sent",
        "faults",
        "signal_generate",
        ALWAYS,
        &[
            START,
            reads!(
                task_sighand,
                sighand_action,
                task_group_leader,
                task_signal,
                signal_flags,
                signal_group_exit_code,
                siginfo_code
            ),
        ],
    ),
    program("fatal_exit", "faults", "sched_process_exit", with_last, &[TASK, EXIT, START]),
    program(
        "fatal_exit_by_live",
        "faults",
        "sched_process_exit",
        without_last,
        &[TASK, EXIT, START, THREADS],
    ),
    program("fatal_exit_perf", "faults", "sched_process_exit", by_perf, &[TASK, EXIT, START, THREADS]),
    program(
        "sched_switch",
        "sched",
        "sched_switch",
        ALWAYS,
        &[
            TASK,
            reads!(
                task_pid,
                task_state,
                task_start_time,
                task_nvcsw,
                task_run_delay,
                task_oncpu,
                task_migrations
            ),
        ],
    ),
    program(
        "mark_victim",
        "oom",
        "mark_victim",
        |_, arguments| arguments.first() == Some(&Argument::Pointer),
        &[TASK],
    ),
    program("signal_generate", "oom", "signal_generate", victim_is_a_number, &[TASK, reads!(task_pid)]),
    program("mark_victim_by_pid", "oom", "mark_victim", victim_is_a_number, &[]),
    program(
        "block_rq_complete",
        "block_io",
        "block_rq_complete",
        |types, _| types.offsets.request_disk == Offsets::ABSENT,
        &[CGROUP, REQUEST, reads!(request_queue, queue_disk)],
    ),
    program(
        "block_rq_complete_rq_disk",
        "block_io",
        "block_rq_complete",
        |types, _| types.offsets.request_disk != Offsets::ABSENT,
        &[CGROUP, REQUEST],
    ),
    program("mm_vmscan_direct_reclaim_begin", "reclaim", "mm_vmscan_direct_reclaim_begin", not_by_perf, &[]),
    program("mm_vmscan_direct_reclaim_begin_perf", "reclaim", "mm_vmscan_direct_reclaim_begin", by_perf, &[]),
    program("mm_vmscan_direct_reclaim_end", "reclaim", "mm_vmscan_direct_reclaim_end", not_by_perf, &[]),
    program("mm_vmscan_direct_reclaim_end_perf", "reclaim", "mm_vmscan_direct_reclaim_end", by_perf, &[]),
    program("mm_vmscan_memcg_reclaim_begin", "reclaim", "mm_vmscan_memcg_reclaim_begin", not_by_perf, &[]),
    program("mm_vmscan_memcg_reclaim_begin_perf", "reclaim", "mm_vmscan_memcg_reclaim_begin", by_perf, &[]),
    program("mm_vmscan_memcg_reclaim_end", "reclaim", "mm_vmscan_memcg_reclaim_end", not_by_perf, &[]),
    program("mm_vmscan_memcg_reclaim_end_perf", "reclaim", "mm_vmscan_memcg_reclaim_end", by_perf, &[]),
    program(
        "files_exit",
        "files",
        SYS_EXIT,
        by_btf,
        &[TASK, ARGUMENTS, FILE, reads!(task_compat, regs_syscall_nr)],
    ),
    program("files_exit_perf", "files", SYS_EXIT, by_perf, &[TASK, ARGUMENTS, FILE, reads!(task_compat)]),
    program(
        "files_exit_5_10",
        "files",
        SYS_EXIT,
        by_number,
        &[ARGUMENTS, FILE, reads!(task_compat, regs_syscall_nr)],
    ),
    program("io_uring_submit_req", "io_uring", "io_uring_submit_req", not_by_perf, &[]),
    program("io_uring_submit_req_perf", "io_uring", "io_uring_submit_req", by_perf, &[]),
    program(
        "io_uring_submit_req_as_sqe",
        "io_uring",
        "io_uring_submit_sqe",
        |types, _| types.tracepoint("io_uring_submit_req").is_none(),
        &[],
    ),
    program("syscall_task_exit", "syscall_latency", "sched_process_exit", by_btf, &[]),
    program("syscall_task_exit_perf", "syscall_latency", "sched_process_exit", by_perf, &[]),
    program("syscall_task_exit_5_10", "syscall_latency", "sched_process_exit", by_number, &[]),
    program(
        "syscall_exit",
        "syscall_latency",
        SYS_EXIT,
        by_btf,
        &[TASK, ARGUMENTS, FILE, reads!(task_compat, regs_syscall_nr)],
    ),
    program(
        "syscall_exit_perf",
        "syscall_latency",
        SYS_EXIT,
        by_perf,
        &[TASK, ARGUMENTS, FILE, reads!(task_compat)],
    ),
    program(
        "syscall_exit_5_10",
        "syscall_latency",
        SYS_EXIT,
        by_number,
        &[ARGUMENTS, FILE, reads!(task_compat, regs_syscall_nr)],
    ),
    program("syscall_enter", "syscall_latency", "sys_enter", by_btf, &[reads!(task_compat)]),
    program("syscall_enter_perf", "syscall_latency", "sys_enter", by_perf, &[reads!(task_compat)]),
    program("syscall_enter_5_10", "syscall_latency", "sys_enter", by_number, &[reads!(task_compat)]),
    program("inet_sock_set_state", "tcp", "inet_sock_set_state", with_storage, &[TCP_SOCKET]),
    program("inet_sock_set_state_5_10", "tcp", "inet_sock_set_state", by_number, &[TCP_SOCKET]),
    program("tcp_look", "tcp", STORED, with_storage, &[TCP_SOCKET]),
    program("tcp_probe", "tcp", "tcp_probe", by_number, &[TCP_SOCKET, reads!(skb_len)]),
    program("tcp_rcv_space_adjust", "tcp", "tcp_rcv_space_adjust", by_number, &[TCP_SOCKET]),
    program("tcp_retransmit_skb", "tcp", "tcp_retransmit_skb", by_number, &[TCP_SOCKET]),
    program("tcp_send_reset", "tcp", "tcp_send_reset", ALWAYS, &[SOCK]),
    program("tcp_receive_reset", "tcp", "tcp_receive_reset", ALWAYS, &[SOCK]),
    program("tcp_open", "tcp", "iter/tcp", with_storage, &[TCP_SOCKET, OPEN]),
    program("tcp_open_5_10", "tcp", "iter/tcp", by_number, &[TCP_SOCKET, OPEN]),
    program(
        "net_dev_queue",
        NAT,
        "net_dev_queue",
        ALWAYS,
        &[reads!(skb_nfct, conn_status, conn_tuples, tuple, sock_source_port, sock_local_v4, sock_local_v6)],
    ),
    program(
        "sock_send_length",
        "udp",
        "sock_send_length",
        ALWAYS,
        &[SOCK, reads!(sock_family, sock_protocol)],
    ),
    program(
        "sock_recv_length",
        "udp",
        "sock_recv_length",
        ALWAYS,
        &[SOCK, reads!(sock_family, sock_protocol)],
    ),
    program("kfree_skb", "drops", "kfree_skb", |_, arguments| arguments.len() >= 4, &[DROPPED]),
    program("kfree_skb_sent", "drops", "kfree_skb", |_, arguments| arguments.len() == 3, &[DROPPED]),
    program("udp_fail_queue_rcv_skb", "drops", "udp_fail_queue_rcv_skb", ALWAYS, &[SOCK]),
    program("sock_rcvqueue_full", "drops", "sock_rcvqueue_full", ALWAYS, &[SOCK, reads!(sock_family)]),
    program("sock_exceed_buf_limit", "drops", "sock_exceed_buf_limit", ALWAYS, &[SOCK]),
    program("unix_exit", "unix", SYS_EXIT, by_btf, &[CONNECTED]),
    program("unix_exit_perf", "unix", SYS_EXIT, by_perf, &[CONNECTED]),
    program("unix_exit_5_10", "unix", SYS_EXIT, by_number, &[CONNECTED]),
    program("unix_sent", "unix", "sock_send_length", ALWAYS, &[NAMED]),
    program("unix_received", "unix", "sock_recv_length", ALWAYS, &[NAMED]),
    program("dns_sent", "dns", PACKETS_OUT, ALWAYS, &[]),
    program("dns_received", "dns", PACKETS_IN, ALWAYS, &[]),
];

/// Walks what is remembered with sockets.
pub(super) const STORED: &str = "iter/bpf_sk_storage_map";
/// What the name of an iterator begins with where other programs have a tracepoint's.
pub(super) const ITERATOR: &str = "iter/";
/// In place of a tracepoint: what the sockets of the root cgroup of v2, and of all below it, send and receive.
pub(super) const PACKETS_OUT: &str = "cgroup_skb/egress";
/// See [`PACKETS_OUT`].
pub(super) const PACKETS_IN: &str = "cgroup_skb/ingress";

/// What is read of a Unix socket.
const NAMED: &[Read] = reads!(sock_family, unix_peer, unix_address, unix_address_length, unix_address_name,);

/// And of one that a system call connects.
const CONNECTED: &[Read] = reads!(
    task_compat,
    regs_syscall_nr,
    regs_argument0,
    regs_argument1,
    regs_argument2,
    regs_compat0,
    regs_compat1,
    task_files,
    files_fdt,
    fdtable_max_fds,
    fdtable_fd,
    file_inode,
    inode_mode,
    file_private_data,
    socket_sock,
    sock_family,
    unix_peer,
    unix_address,
    unix_address_length,
    unix_address_name,
);

/// Tracepoints that a signal does without where the kernel does not have them: what they tell is then absent.
pub(super) const OPTIONAL: &[(&str, &str)] = &[("unix", "sock_send_length"), ("unix", "sock_recv_length")];

/// What is read of a packet that is dropped.
const DROPPED: &[Read] = reads!(skb_sock, sock_family, sock_state, sock_cgroup, cgroup_kn, kernfs_node_id);

/// What is read of a connection.
const TCP_SOCKET: &[Read] = reads!(
    sock_cgroup,
    cgroup_kn,
    kernfs_node_id,
    sock_state,
    sock_family,
    sock_local_port,
    sock_remote_port,
    sock_remote_v4,
    sock_remote_v6,
    sock_flags,
    sock_error,
    sock_shutdown,
    tcp_bytes_sent,
    tcp_bytes_retrans,
    tcp_bytes_received,
    tcp_segs_out,
    tcp_segs_in,
    tcp_total_retrans,
    tcp_srtt,
);

/// And of one that was there before the programs.
const OPEN: &[Read] = reads!(sock_net, sock_bind_bucket, bucket_reuse);

impl Program {
    /// Whether a signal has its numbers from a program that serves `program`: its own, or one whose programs it shares.
    pub fn serves(program: &str, signal: &str) -> bool {
        program == signal || (program, signal) == ("tcp", "connections")
    }
}

/// Tracepoints that had another name: the program on the old one is the variant of that on the new one.
pub(super) static RENAMED: &[(&str, &str)] = &[("io_uring_submit_req", "io_uring_submit_sqe")];

const fn program(
    name: &'static str,
    signal: &'static str,
    tracepoint: &'static str,
    fits: fn(&Types, &[Argument]) -> bool,
    reads: &'static [&'static [Read]],
) -> Program {
    Program { name, signal, tracepoint, fits, reads }
}

fn by_btf(types: &Types, _: &[Argument]) -> bool {
    types.current_task_btf && !types.by_perf
}

/// What is remembered of a socket is kept with it, which takes what programs may do from 5.12 on. No kernel between that and
/// 5.11, where the running task became more than a number, is maintained.
pub(super) fn with_storage(types: &Types, _: &[Argument]) -> bool {
    types.current_task_btf
}

/// Before 5.11 the running task is a bare number.
fn by_number(types: &Types, _: &[Argument]) -> bool {
    !types.current_task_btf
}

/// An exit says whether it is the process' last task (seen in 6.18).
fn with_last(types: &Types, arguments: &[Argument]) -> bool {
    !types.by_perf && arguments.len() >= 2
}

fn without_last(types: &Types, arguments: &[Argument]) -> bool {
    !types.by_perf && arguments.len() < 2
}

fn not_by_perf(types: &Types, _: &[Argument]) -> bool {
    !types.by_perf
}

fn by_perf(types: &Types, _: &[Argument]) -> bool {
    types.by_perf
}

fn victim_is_a_number(types: &Types, _: &[Argument]) -> bool {
    types.tracepoint("mark_victim").and_then(<[_]>::first) == Some(&Argument::Scalar)
}
