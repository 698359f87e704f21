//! The exporter in real kernels on pure cgroup v2 hosts, one virtual machine each: all programs load, and what they count
//! is exactly what happened. `docs/kernels.md` says what was seen; it is compared here, and written anew with `UPDATE_DOCS=1`.
//!
//! `PLIMSOLL_KERNELS='6.12 7'` runs some of the kernels only.

#[path = "kernels/cgroups.rs"]
mod cgroups;
#[path = "kernels/checks.rs"]
mod checks;
#[path = "kernels/disk.rs"]
mod disk;
#[path = "kernels/docs.rs"]
mod docs;
#[path = "kernels/files.rs"]
mod files;
#[path = "kernels/lifecycle.rs"]
mod lifecycle;
#[path = "kernels/network.rs"]
mod network;
#[path = "kernels/run.rs"]
mod run;
#[path = "kernels/truth.rs"]
mod truth;

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use checks::Checks;
use run::Run;

/// A kernel, and what is to be seen in it.
struct Kernel {
    /// Its name in `tools::KERNELS`.
    series: &'static str,
    /// The programs meant for it, by signal, beside those that every kernel has.
    programs: &'static [(&'static str, &'static str)],
    /// Whether it tells of datagrams (6.3).
    datagrams: bool,
    /// Whether what is remembered of connections is kept with their sockets (5.12).
    storage: bool,
    /// Sockets for CPUs, of which two are filled.
    possible_cpus: u32,
}

/// The programs that are the same for all.
const EVERYWHERE: &[(&str, &str)] = &[
    ("cgroups", "cgroup_mkdir"),
    ("cgroups", "cgroup_notify_populated"),
    ("cgroups", "cgroup_rmdir"),
    ("faults", "fatal_signal_sent"),
    ("sched", "sched_switch"),
    ("tcp", "tcp_send_reset"),
    ("tcp", "tcp_receive_reset"),
    ("nat", "net_dev_queue"),
    ("dns", "dns_sent"),
    ("dns", "dns_received"),
    ("drops", "udp_fail_queue_rcv_skb"),
    ("drops", "sock_rcvqueue_full"),
    ("drops", "sock_exceed_buf_limit"),
];

const RECLAIM: [(&str, &str); 4] = [
    ("reclaim", "mm_vmscan_direct_reclaim_begin"),
    ("reclaim", "mm_vmscan_direct_reclaim_end"),
    ("reclaim", "mm_vmscan_memcg_reclaim_begin"),
    ("reclaim", "mm_vmscan_memcg_reclaim_end"),
];

/// Those of connections, which are kept with their sockets where the kernel can.
const CONNECTIONS: [(&str, &str); 3] =
    [("tcp", "inet_sock_set_state"), ("tcp", "tcp_look"), ("tcp", "tcp_open")];

/// Those of the kernels that cannot.
const CONNECTIONS_5_10: [(&str, &str); 5] = [
    ("tcp", "inet_sock_set_state_5_10"),
    ("tcp", "tcp_probe"),
    ("tcp", "tcp_rcv_space_adjust"),
    ("tcp", "tcp_retransmit_skb"),
    ("tcp", "tcp_open_5_10"),
];

/// The programs for datagrams, which older kernels do not have the tracepoints for.
const DATAGRAMS: [(&str, &str); 2] = [("udp", "sock_send_length"), ("udp", "sock_recv_length")];

const KERNELS: &[Kernel] = &[
    Kernel {
        series: "5.10-old",
        programs: &[
            ("syscalls", "sys_exit_all_5_10"),
            ("files", "sys_exit_all_5_10"),
            ("io_uring", "io_uring_submit_req_as_sqe"),
            ("syscall_latency", "syscall_task_exit_5_10"),
            ("syscall_latency", "syscall_enter_5_10"),
            ("syscall_latency", "sys_exit_all_5_10"),
            ("process", "task_newtask"),
            ("process", "sched_process_exec"),
            ("process", "sched_process_exit_by_live"),
            ("faults", "fatal_exit_by_live"),
            ("oom", "signal_generate"),
            ("oom", "mark_victim_by_pid"),
            ("unix", "sys_exit_all_5_10"),
            ("block_io", "block_rq_complete_rq_disk"),
            RECLAIM[0],
            RECLAIM[1],
            RECLAIM[2],
            RECLAIM[3],
        ],
        datagrams: false,
        storage: false,
        possible_cpus: 2,
    },
    Kernel {
        series: "5.10",
        programs: &[
            ("syscalls", "sys_exit_all_5_10"),
            ("files", "sys_exit_all_5_10"),
            ("io_uring", "io_uring_submit_req_as_sqe"),
            ("syscall_latency", "syscall_task_exit_5_10"),
            ("syscall_latency", "syscall_enter_5_10"),
            ("syscall_latency", "sys_exit_all_5_10"),
            ("process", "task_newtask"),
            ("process", "sched_process_exec"),
            ("process", "sched_process_exit_by_live"),
            ("faults", "fatal_exit_by_live"),
            ("oom", "mark_victim"),
            ("unix", "sys_exit_all_5_10"),
            ("block_io", "block_rq_complete_rq_disk"),
            RECLAIM[0],
            RECLAIM[1],
            RECLAIM[2],
            RECLAIM[3],
        ],
        datagrams: false,
        storage: false,
        possible_cpus: 128,
    },
    Kernel {
        series: "6.1",
        programs: &[
            ("syscalls", "sys_exit_all"),
            ("files", "sys_exit_all"),
            ("io_uring", "io_uring_submit_req_as_sqe"),
            ("syscall_latency", "syscall_task_exit"),
            ("syscall_latency", "syscall_enter"),
            ("syscall_latency", "sys_exit_all"),
            ("process", "task_newtask"),
            ("process", "sched_process_exec"),
            ("process", "sched_process_exit_by_live"),
            ("faults", "fatal_exit_by_live"),
            ("oom", "mark_victim"),
            ("drops", "kfree_skb_sent"),
            ("unix", "sys_exit_all"),
            ("block_io", "block_rq_complete"),
            RECLAIM[0],
            RECLAIM[1],
            RECLAIM[2],
            RECLAIM[3],
        ],
        datagrams: false,
        storage: true,
        possible_cpus: 2,
    },
    Kernel {
        series: "6.12",
        programs: &[
            ("syscalls", "sys_exit_all"),
            ("files", "sys_exit_all"),
            ("io_uring", "io_uring_submit_req"),
            ("syscall_latency", "syscall_task_exit"),
            ("syscall_latency", "syscall_enter"),
            ("syscall_latency", "sys_exit_all"),
            ("process", "task_newtask"),
            ("process", "sched_process_exec"),
            ("process", "sched_process_exit_by_live"),
            ("faults", "fatal_exit_by_live"),
            ("oom", "mark_victim"),
            ("drops", "kfree_skb"),
            ("unix", "sys_exit_all"),
            ("unix", "unix_sent"),
            ("unix", "unix_received"),
            ("block_io", "block_rq_complete"),
            RECLAIM[0],
            RECLAIM[1],
            RECLAIM[2],
            RECLAIM[3],
        ],
        datagrams: true,
        storage: true,
        possible_cpus: 128,
    },
    Kernel {
        series: "7",
        programs: &[
            ("syscalls", "sys_exit_all_perf"),
            ("unix", "sys_exit_all_perf"),
            ("unix", "unix_sent"),
            ("unix", "unix_received"),
            ("block_io", "block_rq_complete"),
            ("files", "sys_exit_all_perf"),
            ("io_uring", "io_uring_submit_req_perf"),
            ("syscall_latency", "syscall_task_exit_perf"),
            ("syscall_latency", "syscall_enter_perf"),
            ("syscall_latency", "sys_exit_all_perf"),
            ("process", "task_newtask_perf"),
            ("process", "task_newtask_rest"),
            ("process", "sched_process_exec_perf"),
            ("process", "sched_process_exit_perf"),
            ("faults", "fatal_exit_perf"),
            ("oom", "mark_victim"),
            ("drops", "kfree_skb"),
            ("reclaim", "mm_vmscan_direct_reclaim_begin_perf"),
            ("reclaim", "mm_vmscan_direct_reclaim_end_perf"),
            ("reclaim", "mm_vmscan_memcg_reclaim_begin_perf"),
            ("reclaim", "mm_vmscan_memcg_reclaim_end_perf"),
        ],
        datagrams: true,
        storage: true,
        possible_cpus: 2,
    },
];

impl Kernel {
    /// The programs that run in it, by signal.
    fn all_programs(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let datagrams: &[_] = if self.datagrams { &DATAGRAMS } else { &[] };
        let connections: &[_] = if self.storage { &CONNECTIONS } else { &CONNECTIONS_5_10 };
        EVERYWHERE.iter().chain(self.programs).chain(datagrams).chain(connections).copied()
    }

    /// The programs that it has no tracepoint for.
    fn refused(&self) -> BTreeSet<(&'static str, &'static str)> {
        let datagrams: &[_] = if self.datagrams { &[] } else { &DATAGRAMS };
        datagrams.iter().copied().collect()
    }
}

#[test]
fn every_kernel_counts_exactly_what_happens() -> Result<()> {
    let only = std::env::var("PLIMSOLL_KERNELS").unwrap_or_default();
    let wanted = |kernel: &&Kernel| only.is_empty() || only.split(' ').any(|name| name == kernel.series);
    let mut seen = Vec::new();
    for kernel in KERNELS.iter().filter(wanted) {
        let run = Run::boot(kernel)?;
        let mut checks = Checks::default();
        lifecycle::programs(kernel, &run, &mut checks)?;
        truth::counts(&run, &mut checks)?;
        files::counts(&run, &mut checks)?;
        files::durations(&run, &mut checks)?;
        truth::scheduler(&run, &mut checks)?;
        truth::cpu(&run, &mut checks)?;
        truth::out_of_memory(&run, &mut checks)?;
        truth::faults(&run, &mut checks)?;
        truth::neighbour(&run, &mut checks)?;
        cgroups::files(&run, &mut checks)?;
        cgroups::tombstones(&run, &mut checks)?;
        cgroups::slots(&run, &mut checks)?;
        lifecycle::ends(&run, &mut checks)?;
        lifecycle::restarts(kernel, &run, &mut checks)?;
        disk::requests(&run, &mut checks)?;
        disk::written_back(&run, &mut checks)?;
        disk::many(&run, &mut checks)?;
        disk::reclaim(&run, &mut checks)?;
        network::connections(&run, &mut checks)?;
        network::translated(&run, &mut checks)?;
        network::drops(kernel, &run, &mut checks)?;
        network::questions(&run, &mut checks)?;
        network::by_path(kernel, &run, &mut checks)?;
        lifecycle::refusals(kernel, &run, &mut checks)?;
        eprintln!("{}: {} in {:.0} s\n{checks}", kernel.series, run.release, run.took.as_secs_f64());
        seen.push(docs::Seen::new(kernel, &run, checks));
    }
    let failures: Vec<String> = seen.iter().flat_map(docs::Seen::failures).collect();
    eprintln!("{}", docs::tables(&seen));
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    docs::compare(&seen, only.is_empty())
}

#[test]
fn every_kernel_that_is_fetched_is_tested() {
    let tested: Vec<&str> = KERNELS.iter().map(|kernel| kernel.series).collect();
    assert_eq!(tested, plimsoll_tests::tools::KERNELS);
}
