//! What there is to know about this host's kernel before anything is decided or loaded.

use std::fs;
use std::path::Path;

use plimsoll_abi::calls::{PERF_NUMBER, PERF_RETURN};
use plimsoll_abi::layout::Offsets;
use plimsoll_abi::process::CLONE_FLAGS;

use super::btf::{self, Argument, Btf, BtfError};
use super::programs::{ITERATOR, PROGRAMS};

/// Facts about the kernel. Collected once; [`super::plan`] decides by them alone.
#[derive(Clone, Debug)]
pub struct Facts {
    /// CPUs that may ever appear: per-CPU numbers go up to this.
    pub possible_cpus: u32,
    /// The most tasks the kernel allows at once.
    pub threads_max: u32,
    /// The number of the v1 hierarchy that has the controller of block I/O; `None` if v2 has it, or nobody.
    pub io_hierarchy: Option<u32>,
    /// What conntrack has in the network namespace this runs in; 0 where there is none.
    pub conntrack_entries: u64,
    /// What the kernel's BTF says, or why there is none.
    pub types: Result<Types, TypesError>,
}

/// What the programs need to know of the kernel's types.
#[derive(Clone, Debug)]
pub struct Types {
    /// Offsets of members; [`Offsets::ABSENT`] for those this kernel does not have.
    pub offsets: Offsets,
    /// What each tracepoint in [`PROGRAMS`] is given; absent if the kernel does not have it.
    pub tracepoints: Vec<(&'static str, Vec<Argument>)>,
    /// The kernel's reasons to drop a packet, by number.
    pub drop_reasons: Vec<(u32, String)>,
    /// The helper `bpf_get_current_task_btf` (5.11).
    pub current_task_btf: bool,
    /// Where the running task may be preempted, programs are best run by perf, whose callbacks keep preemption off. From 7.0
    /// on (`__bpf_trace_run` in kernel/trace/bpf_trace.c) others may be preempted in the middle, and the kernel skips such
    /// a program for whoever runs on that CPU until it goes on.
    pub by_perf: bool,
}

/// Why nothing is known of the kernel's types.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TypesError {
    /// The file cannot be read.
    #[error("{path}: {error} (a kernel with CONFIG_DEBUG_INFO_BTF=y is needed)")]
    Unreadable {
        /// The file.
        path: String,
        /// The system's word.
        error: String,
    },
    /// It is no BTF.
    #[error("{path}: {error}")]
    Invalid {
        /// The file.
        path: String,
        /// What is wrong.
        error: String,
    },
}

/// A member the programs read.
struct Member {
    /// Its field in [`Offsets`].
    field: fn(&mut Offsets) -> &mut u32,
    /// Where it may be: the first path that exists counts.
    paths: &'static [(&'static str, &'static [&'static str])],
}

impl Facts {
    /// Collects the facts; `procfs` and `sysfs` are where those are mounted.
    pub fn collect(procfs: &Path, sysfs: &Path) -> Self {
        let path = sysfs.join("kernel/btf/vmlinux");
        let types = match fs::read(&path) {
            Ok(bytes) => Types::read(&with_conntrack(bytes, sysfs))
                .map(|types| Types { by_perf: types.by_perf && preempts(procfs, sysfs), ..types })
                .map_err(|e| TypesError::Invalid { path: path.display().to_string(), error: e.to_string() }),
            Err(e) => Err(TypesError::Unreadable { path: path.display().to_string(), error: e.to_string() }),
        };
        let number = |name: &str| fs::read_to_string(procfs.join(name)).ok()?.trim().parse().ok();
        Self {
            possible_cpus: possible_cpus(sysfs),
            threads_max: number("sys/kernel/threads-max").unwrap_or(DEFAULT_THREADS_MAX),
            io_hierarchy: fs::read_to_string(procfs.join("cgroups"))
                .ok()
                .and_then(|text| io_hierarchy(&text)),
            conntrack_entries: number("sys/net/netfilter/nf_conntrack_count").unwrap_or(0).into(),
            types,
        }
    }
}

impl Types {
    /// Reads them from BTF.
    pub fn read(bytes: &[u8]) -> Result<Self, BtfError> {
        let btf = Btf::parse(bytes)?;
        let mut offsets = Offsets::NONE;
        for member in MEMBERS {
            let found = member.paths.iter().find_map(|(structure, path)| btf.member(structure, path));
            *(member.field)(&mut offsets) = found.unwrap_or(Offsets::ABSENT);
        }
        let mut names: Vec<_> = PROGRAMS.iter().map(|p| p.tracepoint).collect();
        names.sort_unstable();
        names.dedup();
        let tracepoints = names.into_iter().filter_map(|name| Some((name, arguments(&btf, name)?))).collect();
        let current_task_btf = btf.has_enumerator("bpf_func_id", "BPF_FUNC_get_current_task_btf");
        let is_word = |structure, member, word| btf.member(structure, &[member]) == Some(word as u32 * 8);
        let by_perf = current_task_btf
            && is_word("trace_event_raw_sys_enter", "id", PERF_NUMBER)
            && is_word("trace_event_raw_sys_exit", "id", PERF_NUMBER)
            && is_word("trace_event_raw_sys_exit", "ret", PERF_RETURN)
            && is_word("trace_event_raw_task_newtask", "clone_flags", CLONE_FLAGS);
        let drop_reasons = btf.enumerators("skb_drop_reason");
        Ok(Self { offsets, tracepoints, drop_reasons, current_task_btf, by_perf })
    }

    /// What the tracepoint is given.
    pub fn tracepoint(&self, name: &str) -> Option<&[Argument]> {
        self.tracepoints.iter().find(|(n, _)| *n == name).map(|(_, arguments)| arguments.as_slice())
    }
}

/// The kernel's types, and conntrack's beside them where that is a module.
fn with_conntrack(kernel: Vec<u8>, sysfs: &Path) -> Vec<u8> {
    let module = fs::read(sysfs.join("kernel/btf/nf_conntrack")).ok();
    module.and_then(|module| btf::join(&kernel, &module).ok()).unwrap_or(kernel)
}

/// What a program on this tracepoint is given. An iterator is given its elements, in a structure of its own.
fn arguments(btf: &Btf<'_>, name: &str) -> Option<Vec<Argument>> {
    match name.strip_prefix(ITERATOR) {
        Some(elements) => btf.member(&format!("bpf_iter__{elements}"), &["meta"]).map(|_| Vec::new()),
        None => btf.tracepoint(name),
    }
}

/// Whether the kernel may preempt programs, and perf's tracepoints can be named to it.
fn preempts(procfs: &Path, sysfs: &Path) -> bool {
    const EVENT: &str = "events/raw_syscalls/sys_exit/id";
    let release = fs::read_to_string(procfs.join("sys/kernel/osrelease")).unwrap_or_default();
    let tracefs = ["kernel/tracing", "kernel/debug/tracing"];
    is_from_7_0(&release) && tracefs.iter().any(|at| fs::read(sysfs.join(at).join(EVENT)).is_ok())
}

fn is_from_7_0(release: &str) -> bool {
    release.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major >= 7)
}

/// What the kernel itself assumes for 2 GiB of memory; used if `threads-max` cannot be read.
const DEFAULT_THREADS_MAX: u32 = 16_384;

/// The highest possible CPU's number, plus one; the CPUs online if sysfs cannot be read.
fn possible_cpus(sysfs: &Path) -> u32 {
    let listed = fs::read_to_string(sysfs.join("devices/system/cpu/possible"))
        .ok()
        .and_then(|list| parse_cpu_list(&list));
    listed.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get() as u32))
}

/// The end of a list such as `0-3,8-11`.
fn parse_cpu_list(list: &str) -> Option<u32> {
    let last = list.trim().rsplit(['-', ',']).next()?;
    last.parse::<u32>().ok()?.checked_add(1)
}

/// From `/proc/cgroups`: name, hierarchy, cgroups, enabled. v2 is number 0.
fn io_hierarchy(text: &str) -> Option<u32> {
    let mut fields = text.lines().find(|line| line.starts_with("blkio\t"))?.split('\t');
    fields.nth(1)?.parse().ok().filter(|number| *number != 0)
}

#[cfg(target_arch = "aarch64")]
const COMPAT: &[(&str, &[&str])] = &[("task_struct", &["thread_info", "flags"])];
#[cfg(not(target_arch = "aarch64"))]
const COMPAT: &[(&str, &[&str])] = &[("task_struct", &["thread_info", "status"])];

macro_rules! members {
    ($($field:ident: $($structure:literal $(. $member:literal)+),+;)*) => {
        &[$(Member {
            field: |offsets| &mut offsets.$field,
            paths: &[$(($structure, &[$($member),+])),+],
        },)*
        Member { field: |offsets| &mut offsets.task_compat, paths: COMPAT }]
    };
}

const MEMBERS: &[Member] = members! {
    task_cgroups: "task_struct"."cgroups";
    css_set_dfl_cgrp: "css_set"."dfl_cgrp";
    cgroup_kn: "cgroup"."kn";
    cgroup_root: "cgroup"."root";
    cgroup_root_hierarchy_id: "cgroup_root"."hierarchy_id";
    kernfs_node_id: "kernfs_node"."id";
    task_pid: "task_struct"."pid";
    task_tgid: "task_struct"."tgid";
    task_flags: "task_struct"."flags";
    task_state: "task_struct"."__state", "task_struct"."state";
    task_start_time: "task_struct"."start_time";
    task_nvcsw: "task_struct"."nvcsw";
    task_run_delay: "task_struct"."sched_info"."run_delay";
    task_exit_code: "task_struct"."exit_code";
    task_signal: "task_struct"."signal";
    task_sighand: "task_struct"."sighand";
    task_group_leader: "task_struct"."group_leader";
    signal_live: "signal_struct"."live"."counter";
    signal_nr_threads: "signal_struct"."nr_threads";
    signal_flags: "signal_struct"."flags";
    signal_group_exit_code: "signal_struct"."group_exit_code";
    sighand_action: "sighand_struct"."action";
    siginfo_code: "kernel_siginfo"."si_code";
    regs_syscall_nr: "pt_regs"."orig_ax", "pt_regs"."syscallno";
    task_oncpu: "task_struct"."se"."sum_exec_runtime";
    task_migrations: "task_struct"."se"."nr_migrations";
    request_queue: "request"."q";
    queue_disk: "request_queue"."disk";
    request_disk: "request"."rq_disk";
    request_flags: "request"."cmd_flags";
    request_bytes: "request"."__data_len";
    request_bio: "request"."bio";
    request_start: "request"."start_time_ns";
    bio_index: "bio"."bi_iter"."bi_idx";
    bio_blkg: "bio"."bi_blkg";
    blkg_blkcg: "blkcg_gq"."blkcg";
    blkcg_cgroup: "blkcg"."css"."cgroup";
    disk_major: "gendisk"."major";
    disk_minor: "gendisk"."first_minor";
    disk_name: "gendisk"."disk_name";
    regs_argument0: "pt_regs"."di", "pt_regs"."orig_x0";
    regs_argument1: "pt_regs"."si", "pt_regs"."regs";
    regs_argument2: "pt_regs"."dx", "pt_regs"."regs";
    regs_compat0: "pt_regs"."bx", "pt_regs"."orig_x0";
    regs_compat1: "pt_regs"."cx", "pt_regs"."regs";
    task_files: "task_struct"."files";
    files_fdt: "files_struct"."fdt";
    fdtable_max_fds: "fdtable"."max_fds";
    fdtable_fd: "fdtable"."fd";
    file_inode: "file"."f_inode";
    inode_mode: "inode"."i_mode";
    inode_flags: "inode"."i_flags";
    sock_family: "sock_common"."skc_family";
    sock_state: "sock_common"."skc_state";
    sock_local_port: "sock_common"."skc_num";
    sock_remote_port: "sock_common"."skc_dport";
    sock_remote_v4: "sock_common"."skc_daddr";
    sock_remote_v6: "sock_common"."skc_v6_daddr";
    sock_protocol: "sock"."sk_protocol";
    sock_flags: "sock_common"."skc_flags";
    sock_error: "sock"."sk_err";
    sock_shutdown: "sock"."sk_shutdown";
    sock_cgroup: "sock"."sk_cgrp_data";
    sock_cgroup_pointer: "sock_cgroup_data"."cgroup";
    tcp_bytes_sent: "tcp_sock"."bytes_sent";
    tcp_bytes_retrans: "tcp_sock"."bytes_retrans";
    tcp_bytes_received: "tcp_sock"."bytes_received";
    tcp_segs_out: "tcp_sock"."segs_out";
    tcp_segs_in: "tcp_sock"."segs_in";
    tcp_total_retrans: "tcp_sock"."total_retrans";
    tcp_srtt: "tcp_sock"."srtt_us";
    skb_len: "sk_buff"."len";
    sock_net: "sock_common"."skc_net";
    sock_bind_bucket: "inet_connection_sock"."icsk_bind_hash";
    bucket_reuse: "inet_bind_bucket"."fastreuse";
    sock_source_port: "inet_sock"."inet_sport";
    sock_local_v4: "sock_common"."skc_rcv_saddr";
    sock_local_v6: "sock_common"."skc_v6_rcv_saddr";
    skb_nfct: "sk_buff"."_nfct";
    conn_status: "nf_conn"."status";
    conn_tuples: "nf_conn"."tuplehash";
    tuple: "nf_conntrack_tuple_hash"."tuple";
    skb_sock: "sk_buff"."sk";
    file_private_data: "file"."private_data";
    socket_sock: "socket"."sk";
    unix_peer: "unix_sock"."peer";
    unix_address: "unix_sock"."addr";
    unix_address_length: "unix_address"."len";
    unix_address_name: "unix_address"."name";
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_lists() {
        assert_eq!(parse_cpu_list("0-1\n"), Some(2));
        assert_eq!(parse_cpu_list("0"), Some(1));
        assert_eq!(parse_cpu_list("0-3,8-127"), Some(128));
        assert_eq!(parse_cpu_list(""), None);
        assert_eq!(parse_cpu_list("4294967295"), None);
    }

    #[test]
    fn releases() {
        assert!(is_from_7_0("7.3.4+deb13-cloud-amd64\n"));
        assert!(is_from_7_0("12.0"));
        assert!(!is_from_7_0("6.18.5\n"));
        assert!(!is_from_7_0(""));
    }

    #[test]
    fn the_hierarchy_of_block_io_where_it_is_v1() {
        let head = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t1\t1\t1\n";
        assert_eq!(io_hierarchy(&format!("{head}blkio\t7\t1\t1\n")), Some(7));
        assert_eq!(io_hierarchy(&format!("{head}blkio\t0\t1\t1\n")), None);
        assert_eq!(io_hierarchy(head), None, "new kernels list v1 only");
    }

    #[test]
    fn a_host_without_btf_says_which_file_is_missing() {
        let facts = Facts::collect(Path::new("/nonexistent"), Path::new("/nonexistent"));
        assert_eq!(facts.threads_max, DEFAULT_THREADS_MAX);
        let error = facts.types.expect_err("no BTF there").to_string();
        assert!(error.contains("/nonexistent/kernel/btf/vmlinux"), "{error}");
    }
}
