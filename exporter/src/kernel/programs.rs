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
    pub reads: &'static [Read],
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
pub(super) const PARTS: [(&str, u32); 3] =
    [("syscalls", calls::SYSCALLS), ("files", calls::FILES), ("syscall_latency", calls::SYSCALL_LATENCY)];

macro_rules! reads {
    ($($field:ident),* $(,)?) => { &[$((stringify!($field), |offsets| offsets.$field)),*] };
}

const ALWAYS: fn(&Types, &[Argument]) -> bool = |_, _| true;

/// All programs. Those of [`CGROUPS`] come first and are attached first.
pub static PROGRAMS: &[Program] = &[
    Program {
        name: "cgroup_mkdir",
        signal: CGROUPS,
        tracepoint: "cgroup_mkdir",
        fits: ALWAYS,
        reads: reads!(cgroup_kn, kernfs_node_id, cgroup_root, cgroup_root_hierarchy_id),
    },
    Program {
        name: "cgroup_rmdir",
        signal: CGROUPS,
        tracepoint: "cgroup_rmdir",
        fits: ALWAYS,
        reads: reads!(cgroup_kn, kernfs_node_id, cgroup_root, cgroup_root_hierarchy_id),
    },
    Program {
        name: "cgroup_notify_populated",
        signal: CGROUPS,
        tracepoint: "cgroup_notify_populated",
        fits: ALWAYS,
        reads: reads!(cgroup_kn, kernfs_node_id, cgroup_root, cgroup_root_hierarchy_id),
    },
    Program {
        name: "sys_exit_all",
        signal: CALLS,
        tracepoint: SYS_EXIT,
        fits: by_btf,
        reads: reads!(
            task_cgroups,
            css_set_dfl_cgrp,
            cgroup_kn,
            kernfs_node_id,
            task_compat,
            regs_syscall_nr
        ),
    },
    Program {
        name: "sys_exit_all_perf",
        signal: CALLS,
        tracepoint: SYS_EXIT,
        fits: by_perf,
        reads: reads!(task_cgroups, css_set_dfl_cgrp, cgroup_kn, kernfs_node_id, task_compat),
    },
    Program {
        name: "sys_exit_all_5_10",
        signal: CALLS,
        tracepoint: SYS_EXIT,
        fits: |types, _| !types.current_task_btf,
        reads: reads!(task_compat, regs_syscall_nr),
    },
    Program {
        name: "sys_exit",
        signal: "syscalls",
        tracepoint: SYS_EXIT,
        fits: by_btf,
        reads: reads!(
            task_cgroups,
            css_set_dfl_cgrp,
            cgroup_kn,
            kernfs_node_id,
            task_compat,
            regs_syscall_nr
        ),
    },
    Program {
        name: "sys_exit_perf",
        signal: "syscalls",
        tracepoint: SYS_EXIT,
        fits: by_perf,
        reads: reads!(task_cgroups, css_set_dfl_cgrp, cgroup_kn, kernfs_node_id, task_compat,),
    },
    Program {
        name: "sys_exit_5_10",
        signal: "syscalls",
        tracepoint: SYS_EXIT,
        fits: |types, _| !types.current_task_btf,
        reads: reads!(task_compat, regs_syscall_nr),
    },
    Program {
        name: "task_newtask",
        signal: "process",
        tracepoint: "task_newtask",
        fits: not_by_perf,
        reads: reads!(task_cgroups, css_set_dfl_cgrp, cgroup_kn, kernfs_node_id, task_flags),
    },
    Program {
        name: "task_newtask_perf",
        signal: "process",
        tracepoint: "task_newtask",
        fits: by_perf,
        reads: reads!(task_cgroups, css_set_dfl_cgrp, cgroup_kn, kernfs_node_id, task_flags),
    },
    Program {
        name: "task_newtask_rest",
        signal: "process",
        tracepoint: "task_newtask",
        fits: by_perf,
        reads: reads!(task_cgroups, css_set_dfl_cgrp, cgroup_kn, kernfs_node_id, task_flags),
    },
    Program {
        name: "sched_process_exec",
        signal: "process",
        tracepoint: "sched_process_exec",
        fits: not_by_perf,
        reads: reads!(task_cgroups, css_set_dfl_cgrp, cgroup_kn, kernfs_node_id),
    },
    Program {
        name: "sched_process_exec_perf",
        signal: "process",
        tracepoint: "sched_process_exec",
        fits: by_perf,
        reads: reads!(task_cgroups, css_set_dfl_cgrp, cgroup_kn, kernfs_node_id),
    },
    Program {
        name: "sched_process_exit",
        signal: "process",
        tracepoint: "sched_process_exit",
        fits: |types, arguments| !types.by_perf && arguments.len() >= 2,
        reads: reads!(
            task_cgroups,
            css_set_dfl_cgrp,
            cgroup_kn,
            kernfs_node_id,
            task_flags,
            task_signal,
            signal_flags,
            signal_group_exit_code,
            task_group_leader,
            task_exit_code,
        ),
    },
    Program {
        name: "sched_process_exit_by_live",
        signal: "process",
        tracepoint: "sched_process_exit",
        fits: |types, arguments| !types.by_perf && arguments.len() < 2,
        reads: reads!(
            task_cgroups,
            css_set_dfl_cgrp,
            cgroup_kn,
            kernfs_node_id,
            task_flags,
            task_signal,
            signal_flags,
            signal_group_exit_code,
            task_group_leader,
            task_exit_code,
            signal_live,
            signal_nr_threads,
            task_start_time,
            task_tgid,
        ),
    },
    Program {
        name: "sched_process_exit_perf",
        signal: "process",
        tracepoint: "sched_process_exit",
        fits: by_perf,
        reads: reads!(
            task_cgroups,
            css_set_dfl_cgrp,
            cgroup_kn,
            kernfs_node_id,
            task_flags,
            task_signal,
            signal_flags,
            signal_group_exit_code,
            task_group_leader,
            task_exit_code,
            signal_live,
            signal_nr_threads,
            task_start_time,
            task_tgid,
        ),
    },
    Program {
        name: "fatal_signal_sent",
        signal: "faults",
        tracepoint: "signal_generate",
        fits: ALWAYS,
        reads: reads!(
            task_sighand,
            sighand_action,
            task_group_leader,
            task_start_time,
            task_tgid,
            task_signal,
            signal_flags,
            signal_group_exit_code,
            siginfo_code,
        ),
    },
    Program {
        name: "fatal_exit",
        signal: "faults",
        tracepoint: "sched_process_exit",
        fits: |types, arguments| !types.by_perf && arguments.len() >= 2,
        reads: reads!(
            task_cgroups,
            css_set_dfl_cgrp,
            cgroup_kn,
            kernfs_node_id,
            task_signal,
            signal_flags,
            signal_group_exit_code,
            task_group_leader,
            task_exit_code,
            task_start_time,
            task_tgid,
        ),
    },
    Program {
        name: "fatal_exit_by_live",
        signal: "faults",
        tracepoint: "sched_process_exit",
        fits: |types, arguments| !types.by_perf && arguments.len() < 2,
        reads: reads!(
            task_cgroups,
            css_set_dfl_cgrp,
            cgroup_kn,
            kernfs_node_id,
            task_signal,
            signal_flags,
            signal_group_exit_code,
            task_group_leader,
            task_exit_code,
            task_start_time,
            task_tgid,
            signal_live,
            signal_nr_threads,
        ),
    },
    Program {
        name: "fatal_exit_perf",
        signal: "faults",
        tracepoint: "sched_process_exit",
        fits: by_perf,
        reads: reads!(
            task_cgroups,
            css_set_dfl_cgrp,
            cgroup_kn,
            kernfs_node_id,
            task_signal,
            signal_flags,
            signal_group_exit_code,
            task_group_leader,
            task_exit_code,
            task_start_time,
            task_tgid,
            signal_live,
            signal_nr_threads,
        ),
    },
    Program {
        name: "sched_switch",
        signal: "sched",
        tracepoint: "sched_switch",
        fits: ALWAYS,
        reads: reads!(
            task_cgroups,
            css_set_dfl_cgrp,
            cgroup_kn,
            kernfs_node_id,
            task_pid,
            task_state,
            task_start_time,
            task_nvcsw,
            task_run_delay,
            task_oncpu,
            task_migrations,
        ),
    },
    Program {
        name: "mark_victim",
        signal: "oom",
        tracepoint: "mark_victim",
        fits: |_, arguments| arguments.first() == Some(&Argument::Pointer),
        reads: reads!(task_cgroups, css_set_dfl_cgrp, cgroup_kn, kernfs_node_id),
    },
    Program {
        name: "signal_generate",
        signal: "oom",
        tracepoint: "signal_generate",
        fits: victim_is_a_number,
        reads: reads!(task_cgroups, css_set_dfl_cgrp, cgroup_kn, kernfs_node_id, task_pid),
    },
    Program {
        name: "mark_victim_by_pid",
        signal: "oom",
        tracepoint: "mark_victim",
        fits: victim_is_a_number,
        reads: &[],
    },
    Program {
        name: "block_rq_complete",
        signal: "block_io",
        tracepoint: "block_rq_complete",
        fits: |types, _| types.offsets.request_disk == Offsets::ABSENT,
        reads: reads!(
            request_queue,
            queue_disk,
            request_flags,
            request_bytes,
            request_bio,
            request_start,
            bio_index,
            bio_blkg,
            blkg_blkcg,
            blkcg_cgroup,
            cgroup_kn,
            kernfs_node_id,
            cgroup_root,
            cgroup_root_hierarchy_id,
            disk_major,
            disk_minor,
            disk_name,
        ),
    },
    Program {
        name: "block_rq_complete_rq_disk",
        signal: "block_io",
        tracepoint: "block_rq_complete",
        fits: |types, _| types.offsets.request_disk != Offsets::ABSENT,
        reads: reads!(
            request_flags,
            request_bytes,
            request_bio,
            request_start,
            bio_index,
            bio_blkg,
            blkg_blkcg,
            blkcg_cgroup,
            cgroup_kn,
            kernfs_node_id,
            cgroup_root,
            cgroup_root_hierarchy_id,
            disk_major,
            disk_minor,
            disk_name,
        ),
    },
    reclaim("mm_vmscan_direct_reclaim_begin", "mm_vmscan_direct_reclaim_begin", not_by_perf),
    reclaim("mm_vmscan_direct_reclaim_begin_perf", "mm_vmscan_direct_reclaim_begin", by_perf),
    reclaim("mm_vmscan_direct_reclaim_end", "mm_vmscan_direct_reclaim_end", not_by_perf),
    reclaim("mm_vmscan_direct_reclaim_end_perf", "mm_vmscan_direct_reclaim_end", by_perf),
    reclaim("mm_vmscan_memcg_reclaim_begin", "mm_vmscan_memcg_reclaim_begin", not_by_perf),
    reclaim("mm_vmscan_memcg_reclaim_begin_perf", "mm_vmscan_memcg_reclaim_begin", by_perf),
    reclaim("mm_vmscan_memcg_reclaim_end", "mm_vmscan_memcg_reclaim_end", not_by_perf),
    reclaim("mm_vmscan_memcg_reclaim_end_perf", "mm_vmscan_memcg_reclaim_end", by_perf),
    Program {
        name: "files_exit",
        signal: "files",
        tracepoint: SYS_EXIT,
        fits: by_btf,
        reads: reads!(
            task_cgroups,
            css_set_dfl_cgrp,
            cgroup_kn,
            kernfs_node_id,
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
            inode_flags,
        ),
    },
    Program {
        name: "files_exit_perf",
        signal: "files",
        tracepoint: SYS_EXIT,
        fits: by_perf,
        reads: reads!(
            task_cgroups,
            css_set_dfl_cgrp,
            cgroup_kn,
            kernfs_node_id,
            task_compat,
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
            inode_flags,
        ),
    },
    Program {
        name: "files_exit_5_10",
        signal: "files",
        tracepoint: SYS_EXIT,
        fits: |types, _| !types.current_task_btf,
        reads: reads!(
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
            inode_flags,
        ),
    },
    Program {
        name: "io_uring_submit_req",
        signal: "io_uring",
        tracepoint: "io_uring_submit_req",
        fits: not_by_perf,
        reads: &[],
    },
    Program {
        name: "io_uring_submit_req_perf",
        signal: "io_uring",
        tracepoint: "io_uring_submit_req",
        fits: by_perf,
        reads: &[],
    },
    Program {
        name: "io_uring_submit_req_as_sqe",
        signal: "io_uring",
        tracepoint: "io_uring_submit_sqe",
        fits: |types, _| types.tracepoint("io_uring_submit_req").is_none(),
        reads: &[],
    },
    Program {
        name: "syscall_task_exit",
        signal: "syscall_latency",
        tracepoint: "sched_process_exit",
        fits: not_by_perf,
        reads: &[],
    },
    Program {
        name: "syscall_task_exit_perf",
        signal: "syscall_latency",
        tracepoint: "sched_process_exit",
        fits: by_perf,
        reads: &[],
    },
    Program {
        name: "syscall_exit",
        signal: "syscall_latency",
        tracepoint: SYS_EXIT,
        fits: by_btf,
        reads: reads!(
            task_cgroups,
            css_set_dfl_cgrp,
            cgroup_kn,
            kernfs_node_id,
            task_compat,
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
            inode_flags,
        ),
    },
    Program {
        name: "syscall_exit_perf",
        signal: "syscall_latency",
        tracepoint: SYS_EXIT,
        fits: by_perf,
        reads: reads!(
            task_cgroups,
            css_set_dfl_cgrp,
            cgroup_kn,
            kernfs_node_id,
            task_compat,
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
            inode_flags,
        ),
    },
    Program {
        name: "syscall_exit_5_10",
        signal: "syscall_latency",
        tracepoint: SYS_EXIT,
        fits: |types, _| !types.current_task_btf,
        reads: reads!(
            task_compat,
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
            inode_flags,
        ),
    },
    Program {
        name: "syscall_enter",
        signal: "syscall_latency",
        tracepoint: "sys_enter",
        fits: by_btf,
        reads: reads!(task_compat),
    },
    Program {
        name: "syscall_enter_perf",
        signal: "syscall_latency",
        tracepoint: "sys_enter",
        fits: by_perf,
        reads: reads!(task_compat),
    },
    Program {
        name: "syscall_enter_5_10",
        signal: "syscall_latency",
        tracepoint: "sys_enter",
        fits: |types, _| !types.current_task_btf,
        reads: reads!(task_compat),
    },
    Program {
        name: "inet_sock_set_state",
        signal: "tcp",
        tracepoint: "inet_sock_set_state",
        fits: ALWAYS,
        reads: TCP_SOCKET,
    },
    Program { name: "tcp_probe", signal: "tcp", tracepoint: "tcp_probe", fits: ALWAYS, reads: TCP_SOCKET },
    Program {
        name: "tcp_rcv_space_adjust",
        signal: "tcp",
        tracepoint: "tcp_rcv_space_adjust",
        fits: ALWAYS,
        reads: TCP_SOCKET,
    },
    Program {
        name: "tcp_retransmit_skb",
        signal: "tcp",
        tracepoint: "tcp_retransmit_skb",
        fits: ALWAYS,
        reads: TCP_SOCKET,
    },
    Program {
        name: "tcp_send_reset",
        signal: "tcp",
        tracepoint: "tcp_send_reset",
        fits: ALWAYS,
        reads: reads!(sock_cgroup, cgroup_kn, kernfs_node_id),
    },
    Program {
        name: "tcp_receive_reset",
        signal: "tcp",
        tracepoint: "tcp_receive_reset",
        fits: ALWAYS,
        reads: reads!(sock_cgroup, cgroup_kn, kernfs_node_id),
    },
    Program {
        name: "tcp_open",
        signal: "tcp",
        tracepoint: "iter/tcp",
        fits: ALWAYS,
        reads: reads!(
            sock_cgroup,
            cgroup_kn,
            kernfs_node_id,
            sock_state,
            sock_shutdown,
            sock_local_port,
            sock_net,
            sock_bind_bucket,
            bucket_reuse,
        ),
    },
    Program {
        name: "net_dev_queue",
        signal: NAT,
        tracepoint: "net_dev_queue",
        fits: ALWAYS,
        reads: reads!(
            skb_nfct,
            conn_status,
            conn_tuples,
            tuple,
            sock_source_port,
            sock_local_v4,
            sock_local_v6,
        ),
    },
    Program {
        name: "sock_send_length",
        signal: "udp",
        tracepoint: "sock_send_length",
        fits: ALWAYS,
        reads: reads!(sock_family, sock_protocol, sock_cgroup, cgroup_kn, kernfs_node_id),
    },
    Program {
        name: "sock_recv_length",
        signal: "udp",
        tracepoint: "sock_recv_length",
        fits: ALWAYS,
        reads: reads!(sock_family, sock_protocol, sock_cgroup, cgroup_kn, kernfs_node_id),
    },
    Program {
        name: "kfree_skb",
        signal: "drops",
        tracepoint: "kfree_skb",
        fits: |_, arguments| arguments.len() >= 4,
        reads: DROPPED,
    },
    Program {
        name: "kfree_skb_sent",
        signal: "drops",
        tracepoint: "kfree_skb",
        fits: |_, arguments| arguments.len() == 3,
        reads: DROPPED,
    },
    Program {
        name: "udp_fail_queue_rcv_skb",
        signal: "drops",
        tracepoint: "udp_fail_queue_rcv_skb",
        fits: ALWAYS,
        reads: reads!(sock_cgroup, cgroup_kn, kernfs_node_id),
    },
    Program {
        name: "sock_rcvqueue_full",
        signal: "drops",
        tracepoint: "sock_rcvqueue_full",
        fits: ALWAYS,
        reads: reads!(sock_family, sock_cgroup, cgroup_kn, kernfs_node_id),
    },
    Program {
        name: "sock_exceed_buf_limit",
        signal: "drops",
        tracepoint: "sock_exceed_buf_limit",
        fits: ALWAYS,
        reads: reads!(sock_cgroup, cgroup_kn, kernfs_node_id),
    },
    Program { name: "unix_exit", signal: "unix", tracepoint: SYS_EXIT, fits: by_btf, reads: CONNECTED },
    Program { name: "unix_exit_perf", signal: "unix", tracepoint: SYS_EXIT, fits: by_perf, reads: CONNECTED },
    Program {
        name: "unix_exit_5_10",
        signal: "unix",
        tracepoint: SYS_EXIT,
        fits: |types, _| !types.current_task_btf,
        reads: CONNECTED,
    },
    Program { name: "unix_sent", signal: "unix", tracepoint: "sock_send_length", fits: ALWAYS, reads: NAMED },
    Program {
        name: "unix_received",
        signal: "unix",
        tracepoint: "sock_recv_length",
        fits: ALWAYS,
        reads: NAMED,
    },
    Program { name: "dns_sent", signal: "dns", tracepoint: PACKETS_OUT, fits: ALWAYS, reads: &[] },
    Program { name: "dns_received", signal: "dns", tracepoint: PACKETS_IN, fits: ALWAYS, reads: &[] },
];

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
    skb_len,
);

impl Program {
    /// Whether a signal has its numbers from a program that serves `program`: its own, or one whose programs it shares.
    pub fn serves(program: &str, signal: &str) -> bool {
        program == signal || (program, signal) == ("tcp", "connections")
    }
}

/// Tracepoints that had another name: the program on the old one is the variant of that on the new one.
pub(super) static RENAMED: &[(&str, &str)] = &[("io_uring_submit_req", "io_uring_submit_sqe")];

const fn reclaim(
    name: &'static str,
    tracepoint: &'static str,
    fits: fn(&Types, &[Argument]) -> bool,
) -> Program {
    Program { name, signal: "reclaim", tracepoint, fits, reads: &[] }
}

fn by_btf(types: &Types, _: &[Argument]) -> bool {
    types.current_task_btf && !types.by_perf
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
