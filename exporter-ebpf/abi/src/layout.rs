//! Member offsets of the running kernel's structures, read from its BTF by the loader and injected as constants.
//!
//! rustc emits no CO-RE relocations; to the verifier an injected constant is as good.

macro_rules! offsets {
    ($($(#[$doc:meta])* $field:ident,)*) => {
        /// Byte offsets, one field a member the programs read. [`Offsets::ABSENT`] where the kernel has no such
        /// member: then the programs that need it are not loaded.
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable)]
        pub struct Offsets {
            $($(#[$doc])* pub $field: u32,)*
        }

        impl Offsets {
            /// No such member in this kernel.
            pub const ABSENT: u32 = u32::MAX;
            /// Nothing known.
            pub const NONE: Self = Self { $($field: Self::ABSENT,)* };
        }
    };
}

offsets! {
    /// `task_struct.cgroups`
    task_cgroups,
    /// `css_set.dfl_cgrp`
    css_set_dfl_cgrp,
    /// `cgroup.kn`
    cgroup_kn,
    /// `cgroup.root`
    cgroup_root,
    /// `cgroup_root.hierarchy_id`: 0 is the v2 hierarchy
    cgroup_root_hierarchy_id,
    /// `kernfs_node.id`
    kernfs_node_id,
    /// `task_struct.pid`
    task_pid,
    /// `task_struct.tgid`
    task_tgid,
    /// `task_struct.flags`
    task_flags,
    /// `task_struct.__state`, `state` before 5.14
    task_state,
    /// `task_struct.start_time`
    task_start_time,
    /// `task_struct.nvcsw`
    task_nvcsw,
    /// `task_struct.sched_info.run_delay`
    task_run_delay,
    /// `task_struct.exit_code`
    task_exit_code,
    /// `task_struct.signal`
    task_signal,
    /// `task_struct.sighand`
    task_sighand,
    /// `task_struct.group_leader`
    task_group_leader,
    /// `signal_struct.live`
    signal_live,
    /// `signal_struct.nr_threads`
    signal_nr_threads,
    /// `signal_struct.flags`
    signal_flags,
    /// `signal_struct.group_exit_code`
    signal_group_exit_code,
    /// `sighand_struct.action`
    sighand_action,
    /// `kernel_siginfo.si_code`
    siginfo_code,
    /// `pt_regs.orig_ax` on x86-64, `pt_regs.syscallno` on aarch64
    regs_syscall_nr,
    /// `task_struct.thread_info.status` on x86-64, `.flags` on aarch64: whether the call is a 32-bit one
    task_compat,
    /// `task_struct.se.sum_exec_runtime`
    task_oncpu,
    /// `task_struct.se.nr_migrations`
    task_migrations,
    /// `request.q`
    request_queue,
    /// `request_queue.disk` (5.15)
    queue_disk,
    /// `request.rq_disk` (until 5.16)
    request_disk,
    /// `request.cmd_flags`
    request_flags,
    /// `request.__data_len`
    request_bytes,
    /// `request.bio`
    request_bio,
    /// `request.start_time_ns`
    request_start,
    /// `bio.bi_iter.bi_idx`
    bio_index,
    /// `bio.bi_blkg`
    bio_blkg,
    /// `blkcg_gq.blkcg`
    blkg_blkcg,
    /// `blkcg.css.cgroup`
    blkcg_cgroup,
    /// `gendisk.major`
    disk_major,
    /// `gendisk.first_minor`
    disk_minor,
    /// `gendisk.disk_name`
    disk_name,
    /// `pt_regs.di` on x86-64, `.orig_x0` on aarch64: a call's first argument, also when it returns
    regs_argument0,
    /// `pt_regs.si` on x86-64; `.regs` on aarch64, where each further argument has its place
    regs_argument1,
    /// `pt_regs.dx` on x86-64; `.regs` on aarch64
    regs_argument2,
    /// `pt_regs.bx` on x86-64, `.orig_x0` on aarch64: a 32-bit call's first argument
    regs_compat0,
    /// `pt_regs.cx` on x86-64; `.regs` on aarch64
    regs_compat1,
    /// `task_struct.files`
    task_files,
    /// `files_struct.fdt`
    files_fdt,
    /// `fdtable.max_fds`
    fdtable_max_fds,
    /// `fdtable.fd`
    fdtable_fd,
    /// `file.f_inode`
    file_inode,
    /// `inode.i_mode`
    inode_mode,
    /// `inode.i_flags`
    inode_flags,
    /// `sock_common.skc_family`
    sock_family,
    /// `sock_common.skc_state`
    sock_state,
    /// `sock_common.skc_num`: the local port, in the machine's byte order
    sock_local_port,
    /// `sock_common.skc_dport`: the other's port, in the network's byte order
    sock_remote_port,
    /// `sock_common.skc_daddr`
    sock_remote_v4,
    /// `sock_common.skc_v6_daddr`
    sock_remote_v6,
    /// `sock.sk_protocol`
    sock_protocol,
    /// `sock_common.skc_flags`
    sock_flags,
    /// `sock.sk_err`
    sock_error,
    /// `sock.sk_shutdown`
    sock_shutdown,
    /// `sock.sk_cgrp_data`: a pointer, before 5.15 a word that may be one
    sock_cgroup,
    /// `sock_cgroup_data.cgroup` (5.15): only whether it is there matters
    sock_cgroup_pointer,
    /// `tcp_sock.bytes_sent`
    tcp_bytes_sent,
    /// `tcp_sock.bytes_retrans`
    tcp_bytes_retrans,
    /// `tcp_sock.bytes_received`
    tcp_bytes_received,
    /// `tcp_sock.segs_out`
    tcp_segs_out,
    /// `tcp_sock.segs_in`
    tcp_segs_in,
    /// `tcp_sock.total_retrans`
    tcp_total_retrans,
    /// `tcp_sock.srtt_us`
    tcp_srtt,
    /// `sk_buff.len`
    skb_len,
    /// `sock_common.skc_net`: a pointer
    sock_net,
    /// `inet_connection_sock.icsk_bind_hash`
    sock_bind_bucket,
    /// `inet_bind_bucket.fastreuse`: below 0 where the kernel chose the port for `connect`
    bucket_reuse,
    /// `inet_sock.inet_sport`: the local port, in the network's byte order
    sock_source_port,
    /// `sock_common.skc_rcv_saddr`
    sock_local_v4,
    /// `sock_common.skc_v6_rcv_saddr`
    sock_local_v6,
    /// `sk_buff._nfct`
    skb_nfct,
    /// `nf_conn.status`
    conn_status,
    /// `nf_conn.tuplehash`
    conn_tuples,
    /// `nf_conntrack_tuple_hash.tuple`
    tuple,
    /// `sk_buff.sk`: who sends it
    skb_sock,
    /// `file.private_data`
    file_private_data,
    /// `socket.sk`
    socket_sock,
    /// `unix_sock.peer`
    unix_peer,
    /// `unix_sock.addr`
    unix_address,
    /// `unix_address.len`: the family included
    unix_address_length,
    /// `unix_address.name`
    unix_address_name,
}

const _: () = assert!(size_of::<Offsets>() == 90 * 4);
