//! Golden readings of fixture trees, and what is left out, kept and noticed.

mod live;

use std::time::Duration;

use super::*;
use crate::host::fixture::Fixture;
use crate::host::parse::MemoryEvents;
use crate::host::{
    Candidate, CpuStats, DeviceIo, FdBudget, InterfaceStats, PidStats, Pressure, TaskStats, WalkBounds,
    owners,
};

fn options() -> ReaderOptions {
    ReaderOptions { budget: FdBudget::new(1000), ..ReaderOptions::default() }
}

fn reader(fixture: &Fixture, options: ReaderOptions) -> HostReader {
    HostReader::new(&fixture.hierarchies(), &fixture.paths(), options).expect("mounted")
}

fn read(reader: &mut HostReader, path: &str) -> HostStats {
    let mut files = reader.open(path, Scope::Subtree);
    let mut stats = HostStats::default();
    reader.read(&mut files, Wanted::ALL, &mut stats).expect("there");
    stats
}

/// A process with three descriptors, two of them sockets, a network namespace, and two threads.
fn process(fixture: &Fixture, pid: u32, netns: u64) {
    fixture.dir(&format!("proc/{pid}/fd"));
    fixture.dir(&format!("proc/{pid}/ns"));
    for (fd, target) in [("0", "/dev/null"), ("1", "socket:[71]"), ("12", "socket:[72]")] {
        fixture.link(&format!("proc/{pid}/fd/{fd}"), target);
    }
    fixture.file(&format!("proc/{pid}/stat"), &stat(pid, 'S', 2));
    fixture.file(&format!("proc/{pid}/task/{pid}/stat"), &stat(pid, 'S', 2));
    fixture.file(&format!("proc/{pid}/task/9{pid}/stat"), &stat(pid, 'D', 2));
    fixture.link(&format!("proc/{pid}/ns/net"), &format!("net:[{netns}]"));
    fixture
        .file(&format!("proc/{pid}/limits"), "Max open files            1024                 4096  files\n");
    fixture.file(
        &format!("proc/{pid}/net/dev"),
        "Inter-| Receive | Transmit\n face |bytes\n    lo: 9 9 9 9 0 0 0 0 9 9 9 9 0 0 0 0\n\
         \x20 eth0: 100 10 1 2 0 0 0 0 200 20 3 4 0 0 0 0\n",
    );
}

fn stat(pid: u32, state: char, threads: u32) -> String {
    format!("{pid} (java {pid}) {state} 1 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 {threads} 0 99 0 0\n")
}

/// Of processes as [`process`] makes them, and zombies that no file lists.
fn tasks(pids: &[u32], zombies: u64) -> Option<Arc<TaskStats>> {
    let commands = pids.iter().map(|pid| (format!("java {pid}").into(), 2)).collect();
    let half = pids.len() as u64;
    Some(Arc::new(TaskStats { commands, other: zombies, states: Some([0, half, 0, half, zombies]) }))
}

fn v2_cgroup(fixture: &Fixture, dir: &str) {
    for (file, text) in [
        ("cgroup.procs", "11\n12\n"),
        (
            "cpu.stat",
            "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\nnr_periods 8\nnr_throttled 3\n\
                      throttled_usec 70\nnr_bursts 1\nburst_usec 2\n",
        ),
        ("cpu.max", "50000 100000\n"),
        ("cpu.weight", "100\n"),
        ("memory.current", "1000\n"),
        ("memory.peak", "4000\n"),
        ("memory.stat", "anon 100\nfile 700\nfile_mapped 30\ninactive_file 600\npgfault 55\npgmajfault 5\n"),
        ("memory.swap.current", "77\n"),
        ("memory.events", "low 0\nhigh 21\nmax 22\noom 0\noom_kill 0\n"),
        ("memory.max", "max\n"),
        ("memory.min", "8192\n"),
        ("memory.swap.max", "16384\n"),
        ("io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n"),
        ("pids.current", "5\n"),
        ("pids.max", "100\n"),
        (
            "cpu.pressure",
            "some avg10=0.00 avg60=0.00 avg300=0.00 total=31\n\
                          full avg10=0.00 avg60=0.00 avg300=0.00 total=30\n",
        ),
        ("memory.pressure", "some avg10=0.00 total=33\nfull avg10=0.00 total=32\n"),
        ("io.pressure", "some avg10=0.00 total=35\nfull avg10=0.00 total=34\n"),
    ] {
        fixture.file(&format!("{dir}/{file}"), text);
    }
}

fn v1_cgroup(fixture: &Fixture, name: &str) {
    for (file, text) in [
        ("cpu,cpuacct/{}/cpuacct.usage", "1234567890\n"),
        ("cpu,cpuacct/{}/cpuacct.stat", "user 80\nsystem 43\n"),
        ("cpu,cpuacct/{}/cpu.stat", "nr_periods 8\nnr_throttled 3\nthrottled_time 70000\n"),
        ("cpu,cpuacct/{}/cpu.cfs_quota_us", "-1\n"),
        ("cpu,cpuacct/{}/cpu.cfs_period_us", "100000\n"),
        ("cpu,cpuacct/{}/cpu.shares", "512\n"),
        ("memory/{}/memory.usage_in_bytes", "1000\n"),
        ("memory/{}/memory.max_usage_in_bytes", "4000\n"),
        ("memory/{}/memory.failcnt", "6\n"),
        (
            "memory/{}/memory.stat",
            "cache 1\nrss 2\nmapped_file 3\nswap 4\npgfault 50\npgmajfault 6\n\
            total_cache 700\ntotal_rss 100\ntotal_mapped_file 30\ntotal_swap 77\ntotal_pgfault 55\n\
            total_pgmajfault 8\ntotal_inactive_file 2000\n",
        ),
        ("memory/{}/memory.limit_in_bytes", "9223372036854771712\n"),
        ("memory/{}/memory.soft_limit_in_bytes", "4096\n"),
        ("memory/{}/memory.memsw.limit_in_bytes", "8192\n"),
        (
            "blkio/{}/blkio.throttle.io_service_bytes_recursive",
            "8:0 Read 1\n8:0 Write 2\n8:0 Sync 3\nTotal 3\n",
        ),
        ("blkio/{}/blkio.throttle.io_serviced_recursive", "8:0 Read 3\n8:0 Write 4\nTotal 7\n"),
        ("pids/{}/pids.current", "5\n"),
        ("pids/{}/pids.max", "max\n"),
        ("pids/{}/cgroup.procs", "11\n"),
    ] {
        fixture.file(&file.replace("{}", name), text);
    }
}

fn sda() -> DeviceIo {
    DeviceIo {
        device: "/dev/sda".into(),
        read_bytes: Some(1),
        write_bytes: Some(2),
        reads: Some(3),
        writes: Some(4),
    }
}

#[test]
fn the_lowest_limit_of_threads_is_what_holds() {
    let fixture = Fixture::v2("threads-limit");
    v2_cgroup(&fixture, "cgroup/pod/a");
    let limit = |path: &str| {
        let mut reader = reader(&fixture, options());
        read(&mut reader, path).limits.threads_effective
    };
    assert_eq!(limit("/pod/a"), Some(100), "its own is the only one");
    fixture.file("proc/sys/kernel/threads-max", "5000\n");
    fixture.file("proc/sys/kernel/pid_max", "4000\n");
    fixture.file("cgroup/pod/pids.max", "max\n");
    assert_eq!(limit("/pod/a"), Some(100));
    fixture.file("cgroup/pod/pids.max", "60\n");
    assert_eq!(limit("/pod/a"), Some(60), "the pod's");
    fixture.file("cgroup/pod/pids.max", "max\n");
    fixture.file("cgroup/pod/a/pids.max", "max\n");
    assert_eq!(limit("/pod/a"), Some(4000), "the kernel's");
}

/// A runtime writes limits after it made the cgroup, and the next scrape may be long after.
#[test]
fn limits_read_when_a_cgroup_was_young_are_read_again() {
    let fixture = Fixture::v2("young");
    v2_cgroup(&fixture, "cgroup/a");
    let mut reader = reader(&fixture, ReaderOptions { refresh: Duration::from_secs(1 << 40), ..options() });
    let (mut files, mut stats) = (reader.open("/a", Scope::Subtree), HostStats::default());
    let mut threads = |created: f64, limit: &str| {
        fixture.file("cgroup/a/pids.max", limit);
        files.set_created(created);
        reader.begin_scrape();
        reader.read(&mut files, Wanted::ALL, &mut stats).expect("there");
        stats.limits.threads
    };
    let old = unix_now() - 60.0;
    assert_eq!(threads(unix_now(), "max\n"), Some(0), "none yet");
    assert_eq!(threads(old, "7\n"), Some(7));
    assert_eq!(threads(old, "9\n"), Some(7), "until it is refreshed");
}

#[test]
fn threads_by_command_are_whole_or_absent() {
    let fixture = Fixture::v2("tasks");
    v2_cgroup(&fixture, "cgroup/a");
    v2_cgroup(&fixture, "cgroup/b");
    process(&fixture, 11, 5);
    process(&fixture, 12, 5);
    fixture.file("proc/12/stat", &stat(12, 'Z', 1));
    let of = |options: ReaderOptions| {
        let mut reader = reader(&fixture, options);
        let tasks = ["/a", "/b"].map(|path| read(&mut reader, path).tasks);
        let tasks = tasks.map(|tasks| tasks.map(|tasks| (tasks.commands.len(), tasks.states)));
        (tasks, reader.tally().exceeded(Collector::Tasks))
    };
    // Of the five that are charged three are listed, one as a zombie in its last moment.
    let both = Some((2, Some([0, 1, 0, 1, 3])));
    assert_eq!(of(options()), ([both, both], 0));
    let few =
        |max_threads, max_threads_scrape| ReaderOptions { max_threads, max_threads_scrape, ..options() };
    assert_eq!(of(few(3, 100)), ([both, both], 0));
    assert_eq!(of(few(2, 100)), ([Some((2, None)); 2], 2), "commands need no look at each thread");
    assert_eq!(of(few(100, 5)), ([both, Some((2, None))], 1), "of what one scrape may look at, two are left");
    assert_eq!(of(ReaderOptions { max_processes: 1, ..options() }), ([None, None], 2));
}

#[test]
fn golden_v2() {
    let fixture = Fixture::v2("golden-v2");
    fixture.file("proc/sys/kernel/threads-max", "90\n");
    fixture.file("proc/sys/kernel/pid_max", "32768\n");
    fixture.file("sys/dev/block/8:0/uevent", "DEVNAME=sda\n");
    v2_cgroup(&fixture, "cgroup/a");
    process(&fixture, 11, 500);
    process(&fixture, 12, 500);
    let stats = read(&mut reader(&fixture, options()), "/a");
    let want = HostStats {
        created: stats.created,
        last_seen: stats.last_seen,
        cpu: CpuStats {
            usage_ns: Some(1_500_000),
            user_ns: Some(1_000_000),
            system_ns: Some(500_000),
            periods: Some(8),
            throttled_periods: Some(3),
            throttled_ns: Some(70_000),
            burst_periods: Some(1),
            burst_ns: Some(2_000),
        },
        memory: MemoryStats {
            usage: Some(1000),
            working_set: Some(400),
            rss: Some(100),
            cache: Some(700),
            swap: Some(77),
            mapped_file: Some(30),
            max_usage: Some(4000),
            failcnt: None,
            pgfault: Some(55),
            pgmajfault: Some(5),
            total_pgfault: Some(55),
            total_pgmajfault: Some(5),
            swapped_in: None,
            swapped_out: None,
            events: MemoryEvents {
                low: Some(0),
                high: Some(21),
                max: Some(22),
                oom: Some(0),
                oom_kill: Some(0),
                oom_group_kill: None,
            },
        },
        limits: LimitStats {
            cpu_quota_us: Some(50_000),
            cpu_period_us: Some(100_000),
            cpu_shares: Some(2597),
            memory: Some(0),
            memory_reservation: Some(8192),
            memory_swap: Some(16_384),
            threads: Some(100),
            threads_effective: Some(90),
        },
        devices: vec![sda()],
        interfaces: vec![],
        pids: PidStats {
            processes: Some(2),
            threads: Some(5),
            descriptors: Some(6),
            sockets: Some(4),
            descriptors_limit: Some(1024),
        },
        tasks: tasks(&[11, 12], 1),
        pressure: PressureStats {
            cpu: Some(Pressure { some_us: Some(31), full_us: Some(30) }),
            memory: Some(Pressure { some_us: Some(33), full_us: Some(32) }),
            io: Some(Pressure { some_us: Some(35), full_us: Some(34) }),
        },
        machine: None,
    };
    assert_eq!(stats, want);
}

#[test]
fn golden_v1() {
    let fixture = Fixture::v1("golden-v1");
    fixture.file("proc/sys/kernel/pid_max", "32768\n");
    fixture.file("sys/dev/block/8:0/uevent", "DEVNAME=sda\n");
    v1_cgroup(&fixture, "a");
    process(&fixture, 11, 500);
    let stats = read(&mut reader(&fixture, options()), "/a");
    let tick = 1_000_000_000 / clock_ticks_per_second();
    let want = HostStats {
        created: stats.created,
        last_seen: stats.last_seen,
        cpu: CpuStats {
            usage_ns: Some(1_234_567_890),
            user_ns: Some(80 * tick),
            system_ns: Some(43 * tick),
            ..CpuStats::default()
        },
        memory: MemoryStats {
            usage: Some(1000),
            working_set: Some(0),
            rss: Some(100),
            cache: Some(700),
            swap: Some(77),
            mapped_file: Some(30),
            max_usage: Some(4000),
            failcnt: Some(6),
            pgfault: Some(50),
            pgmajfault: Some(6),
            total_pgfault: Some(55),
            total_pgmajfault: Some(8),
            swapped_in: None,
            swapped_out: None,
            events: MemoryEvents::default(),
        },
        limits: LimitStats {
            cpu_quota_us: None,
            cpu_period_us: Some(100_000),
            cpu_shares: Some(512),
            memory: Some(0),
            memory_reservation: Some(4096),
            memory_swap: Some(8192),
            threads: Some(0),
            threads_effective: Some(32_768),
        },
        devices: vec![sda()],
        interfaces: vec![],
        pids: PidStats {
            processes: Some(1),
            threads: Some(5),
            descriptors: Some(3),
            sockets: Some(2),
            descriptors_limit: Some(1024),
        },
        tasks: tasks(&[11], 3),
        pressure: PressureStats::default(),
        machine: None,
    };
    assert_eq!(stats, want);
}

#[test]
fn v1_throttling_only_with_a_quota() {
    let fixture = Fixture::v1("v1-quota");
    v1_cgroup(&fixture, "a");
    fixture.file("cpu,cpuacct/a/cpu.cfs_quota_us", "25000\n");
    let stats = read(&mut reader(&fixture, options()), "/a");
    assert_eq!(stats.limits.cpu_quota_us, Some(25_000));
    assert_eq!((stats.cpu.periods, stats.cpu.throttled_periods), (Some(8), Some(3)));
    assert_eq!((stats.cpu.throttled_ns, stats.cpu.burst_ns), (Some(70_000), None));
}

#[test]
fn hybrid_takes_each_from_where_it_is_served() {
    let fixture = Fixture::hybrid("hybrid");
    v1_cgroup(&fixture, "a");
    for (file, text) in [
        ("cgroup.procs", "11\n12\n"),
        ("cpu.stat", "usage_usec 9\nuser_usec 8\nsystem_usec 1\n"),
        ("cpu.pressure", "some total=31\nfull total=30\n"),
    ] {
        fixture.file(&format!("unified/a/{file}"), text);
        fixture.file(&format!("unified/only/{file}"), text);
    }
    let mut reader = reader(&fixture, options());
    let stats = read(&mut reader, "/a");
    assert_eq!(stats.cpu.usage_ns, Some(1_234_567_890), "cpuacct serves it");
    assert_eq!(stats.memory.usage, Some(1000));
    assert_eq!(stats.pids.processes, Some(2), "cgroup2 lists the processes");
    assert_eq!(stats.pressure.cpu, Some(Pressure { some_us: Some(31), full_us: Some(30) }));
    let only = read(&mut reader, "/only");
    assert_eq!((only.cpu.usage_ns, only.cpu.user_ns), (Some(9000), Some(8000)), "it is not in cpuacct");
    assert_eq!((only.memory.usage, only.limits.cpu_shares), (None, None));
}

#[test]
fn the_root_of_v2() {
    let fixture = Fixture::v2("root");
    fixture.file("proc/meminfo", "MemTotal: 8 kB\nSwapTotal: 2 kB\n");
    fixture.file("cgroup/cgroup.procs", "1\n");
    fixture.file("cgroup/memory.stat", "anon 100\nfile 700\ninactive_file 600\n");
    let stats = read(&mut reader(&fixture, options()), "/");
    assert_eq!((stats.memory.usage, stats.memory.working_set), (Some(800), Some(200)));
    assert_eq!((stats.limits.memory, stats.limits.memory_swap), (Some(8192), Some(2048)));
    assert_eq!(stats.machine.and_then(|machine| machine.memory), Some(8192));
    assert_eq!(stats.limits.cpu_period_us, None);
}

#[test]
fn bfq_counts_where_throttling_does_not() {
    let fixture = Fixture::v1("bfq");
    v1_cgroup(&fixture, "a");
    fixture.file("blkio/a/blkio.throttle.io_service_bytes_recursive", "Total 0\n");
    fixture.file("blkio/a/blkio.bfq.io_service_bytes_recursive", "8:0 Read 11\n8:0 Write 12\n");
    fixture.file("blkio/a/blkio.bfq.io_serviced_recursive", "8:0 Read 13\n8:0 Write 14\n");
    let stats = read(&mut reader(&fixture, options()), "/a");
    assert_eq!(stats.devices.len(), 1);
    assert_eq!((stats.devices[0].read_bytes, stats.devices[0].writes), (Some(11), Some(14)));
    assert_eq!(&*stats.devices[0].device, "8:0");
}

#[test]
fn what_is_not_wanted_is_not_read() {
    let fixture = Fixture::v2("unwanted");
    v2_cgroup(&fixture, "cgroup/a");
    let mut reader = reader(&fixture, options());
    let mut files = reader.open("/a", Scope::Own);
    let mut stats = HostStats::default();
    reader.read(&mut files, Wanted::NONE, &mut stats).expect("there");
    let want = HostStats { created: stats.created, last_seen: stats.last_seen, ..HostStats::default() };
    assert_eq!(stats, want);
    let wanted = Wanted::by_name(|name| name == "memory");
    reader.read(&mut files, wanted, &mut stats).expect("there");
    assert_eq!((stats.memory.usage, stats.cpu.usage_ns, stats.pids.processes), (Some(1000), None, None));
}

#[test]
fn nested_cgroups_count_with_a_container_only() {
    let fixture = Fixture::v2("nested");
    fixture.file("cgroup/a/cgroup.procs", "1\n");
    fixture.file("cgroup/a/b/cgroup.procs", "2\n3\n");
    fixture.file("cgroup/a/b/c/cgroup.procs", "4\n");
    let mut reader = reader(&fixture, options());
    assert_eq!(read(&mut reader, "/a").pids.processes, Some(4));
    let mut own = reader.open("/a", Scope::Own);
    let mut stats = HostStats::default();
    reader.read(&mut own, Wanted::ALL, &mut stats).expect("there");
    assert_eq!(stats.pids.processes, Some(1));
}

#[test]
fn beyond_a_bound_is_absent_and_counted() {
    let fixture = Fixture::v2("bounds");
    v2_cgroup(&fixture, "cgroup/a");
    fixture.file("cgroup/a/b/cgroup.procs", "");
    fixture.file("cgroup/a/c/cgroup.procs", "");
    fixture.file("cgroup/a/io.stat", "8:0 rbytes=1\n8:1 rbytes=2\n");
    process(&fixture, 11, 5);
    process(&fixture, 12, 5);
    let bounds = ReaderOptions { max_nested: 1, max_devices: 1, ..options() };
    let mut reader = reader(&fixture, bounds);
    let stats = read(&mut reader, "/a");
    assert_eq!((stats.pids.processes, stats.pids.descriptors), (None, None));
    assert_eq!(stats.devices.len(), 1);
    assert_eq!(reader.tally().exceeded(Collector::Pids), 1);
    assert_eq!(reader.tally().exceeded(Collector::Diskio), 1);
    reader.options.max_nested = 2;
    reader.options.max_descriptors = 5;
    let stats = read(&mut reader, "/a");
    assert_eq!((stats.pids.processes, stats.pids.sockets), (Some(2), None));
    assert_eq!(reader.tally().exceeded(Collector::Descriptors), 1);
}

#[test]
fn an_idle_cgroup_is_read_again_when_it_ran() {
    let fixture = Fixture::v2("idle");
    v2_cgroup(&fixture, "cgroup/a");
    process(&fixture, 11, 5);
    process(&fixture, 12, 5);
    let mut reader = reader(&fixture, options());
    let mut files = reader.open("/a", Scope::Own);
    files.set_created(1.0);
    let mut stats = HostStats::default();
    reader.read(&mut files, Wanted::ALL, &mut stats).expect("there");
    fixture.file("cgroup/a/memory.stat", "anon 1\nfile 2\ninactive_file 3\n");
    fixture.file("cgroup/a/memory.max", "5\n");
    reader.read(&mut files, Wanted::ALL, &mut stats).expect("there");
    assert_eq!((stats.memory.rss, stats.limits.memory), (Some(100), Some(0)), "left alone");
    fixture.file("cgroup/a/memory.current", "1001\n");
    reader.read(&mut files, Wanted::ALL, &mut stats).expect("there");
    assert_eq!((stats.memory.rss, stats.limits.memory), (Some(1), Some(0)), "usage moved");
    fixture.file("cgroup/a/memory.stat", "anon 7\n");
    fixture.file("cgroup/a/cpu.stat", "usage_usec 1501\n");
    reader.read(&mut files, Wanted::ALL, &mut stats).expect("there");
    assert_eq!((stats.memory.rss, stats.limits.memory), (Some(7), Some(0)), "CPU time moved");
    reader.unix += 300.0;
    reader.read(&mut files, Wanted::ALL, &mut stats).expect("there");
    assert_eq!((stats.limits.memory, stats.created), (Some(5), 1.0), "the time is up");
}

#[test]
fn processes_are_looked_at_again_when_the_cgroup_ran() {
    let fixture = Fixture::v2("idle-processes");
    v2_cgroup(&fixture, "cgroup/a");
    process(&fixture, 11, 5);
    process(&fixture, 12, 5);
    let mut reader = reader(&fixture, options());
    let mut files = reader.open("/a", Scope::Own);
    files.set_created(1.0);
    let mut stats = HostStats::default();
    reader.read(&mut files, Wanted::ALL, &mut stats).expect("there");
    fixture.link("proc/11/fd/13", "socket:[73]");
    fixture.file("cgroup/a/pids.current", "6\n");
    fixture.file("proc/12/stat", &stat(12, 'S', 3));
    reader.read(&mut files, Wanted::ALL, &mut stats).expect("there");
    assert_eq!((stats.pids.threads, stats.pids.sockets), (Some(5), Some(4)), "it did not run");
    assert_eq!(stats.tasks, tasks(&[11, 12], 1));
    fixture.file("cgroup/a/cpu.stat", "usage_usec 1501\n");
    reader.read(&mut files, Wanted::ALL, &mut stats).expect("there");
    let want = PidStats {
        processes: Some(2),
        threads: Some(6),
        descriptors: Some(7),
        sockets: Some(5),
        descriptors_limit: Some(1024),
    };
    assert_eq!(stats.pids, want);
    let commands: Vec<u64> =
        stats.tasks.iter().flat_map(|tasks| &tasks.commands).map(|(_, threads)| *threads).collect();
    assert_eq!(commands, [3, 2]);
    let wanted = Wanted { descriptors: false, ..Wanted::ALL };
    reader.read(&mut files, wanted, &mut stats).expect("there");
    assert_eq!((stats.pids.threads, stats.pids.sockets), (Some(6), None), "another want starts anew");
}

#[test]
fn pressure_is_left_alone_only_once_it_is_calm() {
    let fixture = Fixture::v2("calm");
    v2_cgroup(&fixture, "cgroup/a");
    let mut reader = reader(&fixture, options());
    let mut files = reader.open("/a", Scope::Own);
    files.set_created(1.0);
    let mut stats = HostStats::default();
    let mut next = |text: &str| {
        fixture.file("cgroup/a/io.pressure", text);
        reader.read(&mut files, Wanted::ALL, &mut stats).expect("there");
        stats.pressure.io.and_then(|io| io.some_us)
    };
    assert_eq!(next("some total=1\n"), Some(1));
    assert_eq!(next("some total=2\n"), Some(2), "it waits without running");
    assert_eq!(next("some total=2\n"), Some(2));
    assert_eq!(next("some total=3\n"), Some(2), "calm since the reading before");
}

#[test]
fn a_cgroup_that_is_gone_keeps_its_last_numbers() {
    let fixture = Fixture::v2("gone");
    v2_cgroup(&fixture, "cgroup/a");
    for budget in [0, 100] {
        v2_cgroup(&fixture, "cgroup/a");
        let mut reader = reader(&fixture, ReaderOptions { budget: FdBudget::new(budget), ..options() });
        let mut files = reader.open("/a", Scope::Own);
        let mut stats = HostStats::default();
        reader.read(&mut files, Wanted::ALL, &mut stats).expect("there");
        let before = stats.clone();
        std::fs::remove_dir_all(fixture.path("cgroup/a")).expect("removed");
        files.slots = std::array::from_fn(|_| Default::default());
        let error = reader.read(&mut files, Wanted::ALL, &mut stats).expect_err("gone");
        assert_eq!(error.to_string(), "cgroup /a is gone");
        assert_eq!(stats, before);
    }
    let mut reader = reader(&fixture, options());
    let mut never = reader.open("/never", Scope::Own);
    let error = reader.read(&mut never, Wanted::ALL, &mut HostStats::default()).expect_err("never was");
    assert!(matches!(error, HostError::Gone { .. }));
}

#[test]
fn descriptors_are_kept_within_the_budget_and_given_back() {
    let fixture = Fixture::v2("budget");
    v2_cgroup(&fixture, "cgroup/a");
    let mut reader = reader(&fixture, ReaderOptions { budget: FdBudget::new(3), ..options() });
    let mut files = reader.open("/a", Scope::Own);
    let mut stats = HostStats::default();
    for _ in 0..2 {
        reader.read(&mut files, Wanted::ALL, &mut stats).expect("there");
        assert_eq!(reader.descriptors_kept(), (3, 3));
        assert_eq!((stats.memory.usage, stats.pids.threads), (Some(1000), Some(5)));
    }
    drop(files);
    assert_eq!(reader.descriptors_kept(), (0, 3));
}

#[test]
fn one_row_speaks_for_a_namespace() {
    let fixture = Fixture::v2("network");
    for (pid, netns) in [(1, 400), (11, 500), (12, 500)] {
        process(&fixture, pid, netns);
    }
    fixture.file("cgroup/cgroup.procs", "1\n");
    fixture.file("cgroup/a/cgroup.procs", "11\n");
    fixture.file("cgroup/b/cgroup.procs", "12\n");
    let mut reader = reader(&fixture, options());
    let mut rows: Vec<_> = (fixture.hierarchies().walk(WalkBounds::default()))
        .map(|found| (reader.open(&found.path, Scope::Own), HostStats::default()))
        .collect();
    rows.sort_by(|(a, _), (b, _)| a.path().cmp(b.path()));
    for (files, stats) in &mut rows {
        reader.read(files, Wanted::ALL, stats).expect("there");
    }
    let candidates: Vec<_> = (rows.iter())
        .map(|(files, _)| Candidate {
            netns: files.netns().expect("known"),
            host: files.path() == "/",
            sandbox: files.path() == "/b",
            created: 1.0,
        })
        .collect();
    assert_eq!(reader.host_netns(), Some(400));
    assert_eq!(owners(reader.host_netns(), &candidates), [0, 2], "the host, and the sandbox");
    let (files, stats) = &mut rows[2];
    reader.read_network(files, stats);
    let eth0 = InterfaceStats { name: "eth0".into(), receive: [100, 10, 1, 2], transmit: [200, 20, 3, 4] };
    assert_eq!(stats.interfaces, [eth0]);
}

#[test]
fn without_any_hierarchy() {
    let nothing = HostReader::new(&Hierarchies::default(), &HostPaths::default(), options());
    assert!(matches!(nothing, Err(HostError::NoHierarchy)));
}

#[test]
fn a_reader_can_be_sent() {
    fn sent<T: Send>() {}
    sent::<HostReader>();
    sent::<CgroupFiles>();
}
