//! Decides, purely from facts and settings, what is loaded and how large its maps are.

use core::net::Ipv6Addr;

use plimsoll_abi::keyed::Key;
use plimsoll_abi::layout::Offsets;
use plimsoll_abi::slot::{CACHE_ENTRIES, Sizes};
use plimsoll_abi::tasks::{self, Near};
use plimsoll_abi::{
    block_io, connections, dns, event, faults, nat, reclaim, run, sched, syscall_latency, tcp, unix,
};

use super::facts::{Facts, Types};
use super::layout::{CELLS, KEYED};
use super::programs::{
    CALLS, CGROUPS, DNS_NAMES, NAT, OPTIONAL, PACKETS_IN, PACKETS_OUT, PARTS, PROGRAMS, Program, RENAMED,
    SYS_EXIT, with_storage,
};

/// What the command line says about the kernel side.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Slots, the unattributed one included.
    pub slots: u32,
    /// The most memory all maps together may take.
    pub memory_limit: u64,
    /// The signals wanted, by name.
    pub signals: Vec<&'static str>,
    /// Ask conntrack where connections really go.
    pub nat: bool,
    /// Prefixes of named groups of destinations, each with its group's place.
    pub prefixes: Vec<(Ipv6Addr, u32, u32)>,
    /// Ports of DNS resolvers; those beyond [`dns::MAX_PORTS`] are left out.
    pub dns_ports: Vec<u16>,
    /// Count DNS by name as well.
    pub dns_names: bool,
    /// Show destinations by the names that DNS gave their addresses.
    pub destination_names: bool,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Injected into the programs.
    pub sizes: Sizes,
    /// Injected into the programs.
    pub offsets: Offsets,
    /// Prefixes of named groups of destinations, each with its group's place.
    pub prefixes: Vec<(Ipv6Addr, u32, u32)>,
    /// How many shards the cells have.
    pub shards: u32,
    /// Entries of every map whose size depends on the host, by name.
    pub entries: Vec<(&'static str, u32)>,
    /// Estimated kernel memory of every map, by name.
    pub memory: Vec<(&'static str, u64)>,
    /// One for each program that is meant for this kernel, in the order of attaching.
    pub programs: Vec<(&'static Program, Decision)>,
}

/// Whether a program is to be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Load,
    /// No, and why.
    Refuse(String),
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PlanError {
    /// Not even the smallest layout fits.
    #[error(
        "--kernel.memory-limit={limit}: {slots} slots need at least {needed} bytes; raise the limit or lower --kernel.slots"
    )]
    Memory {
        /// Slots asked for.
        slots: u32,
        /// Bytes they need.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
    },
}

/// Bytes of the ring buffer for rare events: some 1,500 cgroups made at once.
const EVENTS_BYTES: u32 = 512 * 1024;
/// Living tasks that tables of tasks have room for, at the most.
const MAX_TASKS: u32 = 65_536;

impl Plan {
    /// Makes the plan.
    pub fn new(facts: &Facts, settings: &Settings) -> Result<Self, PlanError> {
        let asked = |signal: &str| settings.signals.contains(&signal);
        let calls = parts(facts, &asked);
        let wanted = |signal: &str| {
            let nat = signal == NAT && settings.nat && asked("connections");
            let names = signal == DNS_NAMES && settings.dns_names && asked("dns");
            let other = signal == CGROUPS || nat || names || (signal == CALLS && calls != 0);
            other || settings.signals.iter().any(|asked| Program::serves(signal, asked))
        };
        let mut shift = 0;
        let (entries, memory, shards) = loop {
            let shards = ((facts.possible_cpus.max(1) - 1) >> shift) + 1;
            let entries = entries(facts, settings, shards, &wanted);
            let memory = memory(&entries, wanted("tcp") && stores(facts));
            let needed: u64 = memory.iter().map(|(_, bytes)| bytes).sum();
            if needed <= settings.memory_limit {
                break (entries, memory, shards);
            }
            if shards == 1 {
                let (slots, limit) = (settings.slots, settings.memory_limit);
                return Err(PlanError::Memory { slots, needed, limit });
            }
            shift += 1;
        };
        let offsets = facts.types.as_ref().map_or(Offsets::NONE, |types| types.offsets);
        let io_hierarchy = facts.io_hierarchy.filter(|_| wanted("block_io")).unwrap_or(0);
        let programs = PROGRAMS.iter().filter(|program| wanted(program.signal));
        Ok(Self {
            sizes: Sizes {
                slots: settings.slots,
                shard_shift: shift,
                io_hierarchy,
                connections: asked("connections").into(),
                nat: wanted(NAT).into(),
                prefixes: settings.prefixes.len() as u32,
                dns_ports: std::array::from_fn(|at| settings.dns_ports.get(at).copied().unwrap_or(0)),
                calls,
                dns_names: wanted(DNS_NAMES).into(),
                dns_destinations: (wanted(DNS_NAMES) && settings.destination_names).into(),
            },
            offsets,
            prefixes: settings.prefixes.clone(),
            shards,
            entries,
            memory,
            programs: programs.filter_map(|program| Some((program, decide(program, facts)?))).collect(),
        })
    }
}

/// What the one program for system calls that return is to do: only one part of it has a program of its own.
fn parts(facts: &Facts, asked: &dyn Fn(&str) -> bool) -> u32 {
    let runs = |signal: &str| {
        let mut own = PROGRAMS.iter().filter(|own| (own.signal, own.tracepoint) == (signal, SYS_EXIT));
        own.any(|own| decide(own, facts) == Some(Decision::Load))
    };
    let parts = PARTS.iter().filter(|(signal, _)| asked(signal) && runs(signal));
    let parts = parts.fold(0u32, |parts, (_, part)| parts | part);
    if parts.count_ones() > 1 { parts } else { 0 }
}

/// `None`: another program of the table is meant for this kernel.
fn decide(program: &Program, facts: &Facts) -> Option<Decision> {
    let types: &Types = match &facts.types {
        Ok(types) => types,
        Err(e) => return is_told_of(program).then(|| Decision::Refuse(e.to_string())),
    };
    if [PACKETS_OUT, PACKETS_IN].contains(&program.tracepoint) {
        return Some(Decision::Load);
    }
    let Some(arguments) = types.tracepoint(program.tracepoint) else {
        let before =
            |(now, before): &(&str, &str)| *now == program.tracepoint && types.tracepoint(before).is_some();
        let reason = format!("this kernel has no tracepoint {}", program.tracepoint);
        let is_optional = OPTIONAL.contains(&(program.signal, program.tracepoint));
        let is_missed = is_told_of(program) && !is_optional && !RENAMED.iter().any(before);
        return is_missed.then_some(Decision::Refuse(reason));
    };
    if !(program.fits)(types, arguments) {
        return None;
    }
    let missing =
        program.reads.iter().copied().flatten().find(|(_, offset)| offset(&types.offsets) == Offsets::ABSENT);
    Some(match missing {
        Some((member, _)) => Decision::Refuse(format!("this kernel's BTF has no member {member}")),
        None => Decision::Load,
    })
}

/// Of the variants for one tracepoint, the first is told of where none can run.
fn is_told_of(program: &Program) -> bool {
    let same = |other: &&Program| (other.signal, other.tracepoint) == (program.signal, program.tracepoint);
    let is_first = PROGRAMS.iter().find(same).is_some_and(|first| first.name == program.name);
    is_first && !RENAMED.iter().any(|(_, before)| *before == program.tracepoint)
}

fn entries(
    facts: &Facts,
    settings: &Settings,
    shards: u32,
    wanted: &dyn Fn(&str) -> bool,
) -> Vec<(&'static str, u32)> {
    let (slots, prefixes) = (settings.slots, settings.prefixes.len() as u32);
    let mut entries = vec![
        ("SLOT_OF", slots),
        ("SLOT_OWNER", slots),
        ("SLOT_CACHE", CACHE_ENTRIES),
        ("FREE_SLOTS", slots),
        ("EVENTS", EVENTS_BYTES),
    ];
    for cells in CELLS {
        entries.push((cells.map, if wanted(cells.signal) { slots * cells.shards_of(shards) } else { 1 }));
    }
    for keyed in KEYED {
        let wanted = wanted(keyed.signal);
        entries.push((keyed.map, if wanted { slots * keyed.entries_per_slot } else { 1 }));
        entries.push((keyed.used, if wanted { slots } else { 1 }));
    }
    let living = facts.threads_max.clamp(1024, MAX_TASKS);
    let by_task =
        [("SCHED_TASKS", "SCHED_NEAR", "sched"), ("SYSCALL_STARTS", "SYSCALL_NEAR", "syscall_latency")];
    for (far, near, signal) in by_task {
        let wanted = wanted(signal);
        // An entry for each task: its own, or that of its place.
        entries.push((far, if wanted { living } else { 1 }));
        entries.push((near, if wanted { tasks::NEAR } else { 1 }));
    }
    entries.push(("RECLAIM_SINCE", if wanted("reclaim") { reclaim::MAX_STALLED } else { 1 }));
    entries.push(("BLOCK_IO_DISKS", if wanted("block_io") { block_io::MAX_DISKS } else { 1 }));
    entries.push(("IO_SLOT_OF", if facts.io_hierarchy.is_some() && wanted("block_io") { slots } else { 1 }));
    entries.push(("FATAL_SENDERS", if wanted("faults") { faults::PENDING } else { 1 }));
    entries.push(("TCP_SOCKETS", if wanted("tcp") && !stores(facts) { tcp::MAX_SOCKETS } else { 1 }));
    entries.push(("TCP_LISTENING", if wanted("tcp") { tcp::MAX_LISTENING } else { 1 }));
    let addresses = if wanted("connections") { connections::MAX_ADDRESSES } else { 1 };
    entries.push(("CONNECTIONS_ADDRESSES", addresses));
    entries.push(("CONNECTIONS_GROUPS", prefixes.max(1)));
    entries.push(("NAT_PENDING", if wanted(NAT) { nat::MAX_PENDING } else { 1 }));
    entries.push(("DNS_PENDING", if wanted("dns") { dns::MAX_PENDING } else { 1 }));
    entries.push(("DNS_NAMES", if wanted(DNS_NAMES) { dns::MAX_NAMES } else { 1 }));
    let addresses = wanted(DNS_NAMES) && settings.destination_names;
    entries.push(("DNS_ADDRESSES", if addresses { dns::MAX_ADDRESSES } else { 1 }));
    entries.push(("UNIX_NAMES", if wanted("unix") { unix::MAX_PATHS } else { 1 }));
    entries.push(("RUNS", facts.possible_cpus.max(1) * run::STRIDE));
    entries.push(("SCHED_ATTACHED_NS", 1));
    entries.push(("CALLS_RESTING", 1));
    entries
}

/// Whether what is remembered of a socket is kept with it.
fn stores(facts: &Facts) -> bool {
    facts.types.as_ref().is_ok_and(|types| with_storage(types, &[]))
}

/// What the kernel allocates for a map, by the sizes in kernel/bpf/{arraymap,hashtab,ringbuf}.c of v6.18.
fn memory(entries: &[(&'static str, u32)], stored_sockets: bool) -> Vec<(&'static str, u64)> {
    let array = |entries: u32, value: usize| u64::from(entries) * value.next_multiple_of(8) as u64;
    let hash = |entries: u32, key: usize, value: usize| {
        let element = 48 + key.next_multiple_of(8) + value.next_multiple_of(8);
        u64::from(entries) * element as u64 + u64::from(entries.next_power_of_two()) * 16
    };
    let of = |(map, entries): &(&'static str, u32)| {
        let bytes = match *map {
            "SLOT_OF" | "IO_SLOT_OF" => hash(*entries, 8, 4),
            "TCP_LISTENING" => hash(*entries, 8, 1),
            "RECLAIM_SINCE" => hash(*entries, 8, 8),
            "BLOCK_IO_DISKS" => hash(*entries, 4, size_of::<block_io::DiskName>()),
            "SCHED_NEAR" => array(*entries, size_of::<Near<sched::Seen>>()),
            "SYSCALL_NEAR" => array(*entries, size_of::<Near<syscall_latency::Start>>()),
            "SYSCALL_STARTS" => hash(*entries, 8, size_of::<syscall_latency::Start>()),
            "SCHED_TASKS" => hash(*entries, 8, size_of::<sched::Seen>()),
            "FATAL_SENDERS" => hash(*entries, size_of::<faults::Pending>(), 8),
            "TCP_SOCKETS" => hash(*entries, 8, size_of::<tcp::Socket>()),
            "CONNECTIONS_ADDRESSES" => hash(*entries, 4, size_of::<connections::Numbered>()),
            // A node for each prefix, and as many between them.
            "CONNECTIONS_GROUPS" => u64::from(*entries) * 2 * 96,
            "NAT_PENDING" => hash(*entries, size_of::<nat::Tuple>(), size_of::<nat::Target>()),
            "DNS_PENDING" => hash(*entries, size_of::<dns::Question>(), size_of::<dns::Asked>()),
            "DNS_NAMES" => hash(*entries, 4, size_of::<dns::Name>()),
            "DNS_ADDRESSES" => hash(*entries, size_of::<dns::AddressOf>(), 8),
            "UNIX_NAMES" => hash(*entries, 4, size_of::<unix::Name>()),
            "EVENTS" => u64::from(*entries),
            "SLOT_CACHE" | "FREE_SLOTS" => array(*entries, 4),
            map => match CELLS.iter().find(|cells| cells.map == map) {
                Some(cells) => array(*entries, cells.words * 8),
                None => match KEYED.iter().find(|keyed| keyed.map == map) {
                    Some(keyed) => hash(*entries, size_of::<Key>(), keyed.words * 8),
                    None => array(*entries, 8),
                },
            },
        };
        (*map, bytes)
    };
    let mut memory: Vec<_> = entries.iter().map(of).collect();
    memory.push(("MADE_SCRATCH", size_of::<event::Made>() as u64));
    if stored_sockets {
        // An element each, as kmalloc gives it: 64 bytes and the value (bpf_local_storage.c of v6.18).
        let element = (64 + size_of::<tcp::Socket>()).next_multiple_of(64) as u64;
        memory.push(("TCP_STORED", u64::from(tcp::MAX_SOCKETS) * element));
    }
    memory
}

#[cfg(test)]
mod tests {
    use super::super::btf::Argument::{Pointer, Scalar};
    use zerocopy::FromBytes as _;

    use super::super::facts::TypesError;
    use super::*;

    const MIB: u64 = 1 << 20;
    const RECLAIM: [&str; 4] = [
        "mm_vmscan_direct_reclaim_begin",
        "mm_vmscan_direct_reclaim_end",
        "mm_vmscan_memcg_reclaim_begin",
        "mm_vmscan_memcg_reclaim_end",
    ];
    const SOCKETS: [&str; 11] = [
        "inet_sock_set_state",
        "tcp_look",
        "tcp_send_reset",
        "tcp_receive_reset",
        "tcp_open",
        "sock_send_length",
        "sock_recv_length",
        "kfree_skb",
        "udp_fail_queue_rcv_skb",
        "sock_rcvqueue_full",
        "sock_exceed_buf_limit",
    ];
    /// Those that are on by default.
    const DEFAULTS: [&str; 13] = [
        "syscalls",
        "process",
        "faults",
        "sched",
        "oom",
        "files",
        "io_uring",
        "block_io",
        "reclaim",
        "tcp",
        "connections",
        "udp",
        "drops",
    ];

    fn types() -> Types {
        let names = PROGRAMS.iter().map(|program| program.tracepoint);
        let tracepoints = names.map(|name| {
            let arguments = match name {
                "sched_process_exit" => vec![Pointer, Scalar],
                "mark_victim" => vec![Pointer, Scalar],
                "kfree_skb" => vec![Pointer, Pointer, Scalar, Pointer],
                _ => vec![Pointer],
            };
            (name, arguments)
        });
        let offsets = Offsets::read_from_bytes(&[1; size_of::<Offsets>()]).expect("the size fits");
        let offsets = Offsets { request_disk: Offsets::ABSENT, ..offsets };
        let (tracepoints, drop_reasons) = (tracepoints.collect(), Vec::new());
        Types { offsets, tracepoints, drop_reasons, current_task_btf: true, by_perf: false }
    }

    fn facts(possible_cpus: u32) -> Facts {
        Facts {
            possible_cpus,
            threads_max: 190_000,
            io_hierarchy: None,
            conntrack_entries: 0,
            types: Ok(types()),
        }
    }

    fn settings(memory_limit: u64) -> Settings {
        let (signals, prefixes, dns_ports) = (DEFAULTS.to_vec(), Vec::new(), vec![53]);
        let (nat, dns_names, destination_names) = (false, false, false);
        Settings {
            slots: 1024,
            memory_limit,
            signals,
            nat,
            prefixes,
            dns_ports,
            dns_names,
            destination_names,
        }
    }

    fn total(plan: &Plan) -> u64 {
        plan.memory.iter().map(|(_, bytes)| bytes).sum()
    }

    fn loaded(facts: &Facts) -> Vec<&'static str> {
        let mut settings = settings(64 * MIB);
        settings.signals.push("syscall_latency");
        let plan = Plan::new(facts, &settings).expect("fits");
        let loads = |(program, decision): &(&Program, Decision)| {
            (*decision == Decision::Load).then_some(program.name)
        };
        plan.programs.iter().filter_map(loads).collect()
    }

    #[test]
    fn memory_stays_under_its_limit_whatever_the_number_of_cpus() {
        for (cpus, shift, shards) in [(1, 0, 1), (2, 0, 2), (8, 0, 8), (16, 1, 8), (128, 4, 8), (256, 5, 8)] {
            let plan = Plan::new(&facts(cpus), &settings(64 * MIB)).expect("fits");
            assert_eq!((plan.sizes.shard_shift, plan.shards), (shift, shards), "{cpus} CPUs");
            assert!(total(&plan) <= 64 * MIB, "{cpus} CPUs: {}", total(&plan));
            assert!((cpus - 1) >> shift < shards, "{cpus} CPUs: the last one has a shard");
        }
        let plan = Plan::new(&facts(128), &settings(1024 * MIB)).expect("fits");
        assert_eq!((plan.sizes.shard_shift, plan.shards), (0, 128), "given the memory, a shard each");
    }

    #[test]
    fn too_little_memory_is_an_error_that_says_how_much() {
        let error = Plan::new(&facts(2), &settings(MIB)).expect_err("does not fit");
        let PlanError::Memory { slots: 1024, needed, limit } = error else { panic!("{error}") };
        assert_eq!(limit, MIB);
        assert!(Plan::new(&facts(2), &settings(needed)).is_ok());
        assert!(Plan::new(&facts(2), &settings(needed - 1)).is_err());
    }

    #[test]
    fn a_signal_that_is_off_takes_no_memory_and_no_program() {
        let mut settings = settings(64 * MIB);
        settings.signals = vec!["oom"];
        let plan = Plan::new(&facts(2), &settings).expect("fits");
        assert!(total(&plan) < MIB, "{}", total(&plan));
        let signals: Vec<_> = plan.programs.iter().map(|(program, _)| program.signal).collect();
        assert_eq!(signals, [CGROUPS, CGROUPS, CGROUPS, "oom"]);
    }

    #[test]
    fn each_kernel_gets_the_programs_meant_for_it() {
        let new = [
            "cgroup_mkdir",
            "cgroup_rmdir",
            "cgroup_notify_populated",
            "sys_exit_all",
            "sys_exit",
            "task_newtask",
            "sched_process_exec",
            "sched_process_exit",
            "fatal_signal_sent",
            "fatal_exit",
            "sched_switch",
            "mark_victim",
            "block_rq_complete",
        ];
        let calls =
            ["files_exit", "io_uring_submit_req", "syscall_task_exit", "syscall_exit", "syscall_enter"];
        assert_eq!(loaded(&facts(2)), [&new[..], &RECLAIM, &calls, &SOCKETS].concat());
        let by_perf = Facts { types: Ok(Types { by_perf: true, ..types() }), ..facts(2) };
        let perfs = |name: &&str| name.ends_with("_perf");
        assert_eq!(
            loaded(&by_perf).into_iter().filter(perfs).collect::<Vec<_>>(),
            [
                "sys_exit_all_perf",
                "sys_exit_perf",
                "task_newtask_perf",
                "sched_process_exec_perf",
                "sched_process_exit_perf",
                "fatal_exit_perf",
                "mm_vmscan_direct_reclaim_begin_perf",
                "mm_vmscan_direct_reclaim_end_perf",
                "mm_vmscan_memcg_reclaim_begin_perf",
                "mm_vmscan_memcg_reclaim_end_perf",
                "files_exit_perf",
                "io_uring_submit_req_perf",
                "syscall_task_exit_perf",
                "syscall_exit_perf",
                "syscall_enter_perf",
            ]
        );
        let more = loaded(&by_perf).len() - loaded(&facts(2)).len();
        assert_eq!(more, 1, "in place of the others, but for new tasks, which take two");
        let mut types = types();
        types.current_task_btf = false;
        types.offsets.request_disk = 160;
        for (name, arguments) in &mut types.tracepoints {
            match *name {
                "sched_process_exit" => *arguments = vec![Pointer],
                "mark_victim" => *arguments = vec![Scalar],
                "kfree_skb" => *arguments = vec![Pointer, Pointer, Scalar],
                _ => {}
            }
        }
        types.tracepoints.retain(|(name, _)| *name != "io_uring_submit_req");
        let old = Facts { types: Ok(types), ..facts(2) };
        let expected = [
            "cgroup_mkdir",
            "cgroup_rmdir",
            "cgroup_notify_populated",
            "sys_exit_all_5_10",
            "sys_exit_5_10",
            "task_newtask",
            "sched_process_exec",
            "sched_process_exit_by_live",
            "fatal_signal_sent",
            "fatal_exit_by_live",
            "sched_switch",
            "signal_generate",
            "mark_victim_by_pid",
            "block_rq_complete_rq_disk",
        ];
        let calls = [
            "files_exit_5_10",
            "io_uring_submit_req_as_sqe",
            "syscall_task_exit_5_10",
            "syscall_exit_5_10",
            "syscall_enter_5_10",
        ];
        let by_segment = [
            "inet_sock_set_state_5_10",
            "tcp_probe",
            "tcp_rcv_space_adjust",
            "tcp_retransmit_skb",
            "tcp_send_reset",
            "tcp_receive_reset",
            "tcp_open_5_10",
        ];
        let (_, others) =
            SOCKETS.split_at(SOCKETS.iter().position(|name| *name == "sock_send_length").expect("there"));
        let others: Vec<_> =
            others.iter().map(|name| if *name == "kfree_skb" { "kfree_skb_sent" } else { name }).collect();
        assert_eq!(loaded(&old), [&expected[..], &RECLAIM, &calls, &by_segment, &others].concat());
    }

    #[test]
    fn what_is_missing_is_named() {
        let reason = |facts: &Facts, name: &str| {
            let mut settings = settings(64 * MIB);
            settings.signals.push("syscall_latency");
            let plan = Plan::new(facts, &settings).expect("fits");
            let of = |(program, decision): &(&Program, Decision)| match decision {
                Decision::Refuse(reason) if program.name == name => Some(reason.clone()),
                _ => None,
            };
            plan.programs.iter().find_map(of).expect("refused")
        };
        let mut without = types();
        without.offsets.task_run_delay = Offsets::ABSENT;
        without.tracepoints.retain(|(name, _)| *name != "task_newtask");
        let mut without = Facts { types: Ok(without), ..facts(2) };
        assert_eq!(reason(&without, "sched_switch"), "this kernel's BTF has no member task_run_delay");
        assert_eq!(reason(&without, "task_newtask"), "this kernel has no tracepoint task_newtask");
        without.types.as_mut().expect("read").tracepoints.retain(|(name, _)| !name.starts_with("io_uring"));
        let uring = "this kernel has no tracepoint io_uring_submit_req";
        assert_eq!(reason(&without, "io_uring_submit_req"), uring);
        let none = TypesError::Unreadable { path: "/x".to_owned(), error: "no".to_owned() };
        let blind = Facts { types: Err(none), ..facts(2) };
        for name in ["sys_exit", "files_exit", "syscall_enter", "io_uring_submit_req"] {
            assert!(reason(&blind, name).starts_with("/x: no"), "{name}");
        }
        assert_eq!(loaded(&blind), [""; 0]);
    }
}
