//! Every parser of cgroupfs, procfs and sysfs files and of netlink's answers, each on the same bytes: kernels differ, none may panic.
#![no_main]

use std::hint::black_box;

use libfuzzer_sys::fuzz_target;
use plimsoll::host::parse::*;

fuzz_target!(|bytes: &[u8]| {
    numbers(bytes);
    black_box((parse_cpu_stat(bytes), parse_cpuacct_stat(bytes), parse_cpu_max(bytes), parse_quota(bytes)));
    black_box((parse_memory_stat_v1(bytes), parse_memory_stat_v2(bytes), parse_memory_events(bytes)));
    black_box((parse_meminfo(bytes), parse_cpu_list(bytes), parse_ns_link(bytes), parse_pressure(bytes)));
    black_box((parse_uevent_devname(bytes), parse_controllers(bytes), parse_pids(bytes).count()));
    black_box((parse_open_files_limit(bytes), parse_task_stat(bytes)));
    // Netlink's answers are no lines, and a length in them may be anything.
    let mut sockets = 0;
    black_box(parse_listening(bytes, |_| sockets += 1));
    assert!(sockets * size_of::<u32>() <= bytes.len());

    // These go by line: a file's rows are those of its lines, in order, and what one line does to the next is nothing.
    let by_line = |rows: fn(&[u8]) -> Vec<String>| {
        let apart: Vec<String> = bytes.split(|&byte| byte == b'\n').flat_map(rows).collect();
        assert_eq!(rows(bytes), apart);
    };
    by_line(|bytes| {
        let mut rows = Vec::new();
        parse_io_stat(bytes, |counts| rows.push(format!("{counts:?}")));
        rows
    });
    by_line(|bytes| {
        let mut rows = Vec::new();
        parse_blkio(bytes, |device, write, count| rows.push(format!("{device:?} {write} {count}")));
        rows
    });
    by_line(|bytes| {
        let mut rows = Vec::new();
        parse_net_dev(bytes, |counts| rows.push(format!("{counts:?}")));
        rows
    });
    by_line(|bytes| parse_mountinfo(bytes).iter().map(|mount| format!("{mount:?}")).collect());
});

/// What is taken for a number is that number, written out, but for leading zeros.
fn numbers(bytes: &[u8]) {
    let Some(number) = parse_u64(bytes) else { return };
    let digits = std::str::from_utf8(bytes.trim_ascii()).unwrap().trim_start_matches('0');
    assert_eq!(digits, if number == 0 { String::new() } else { number.to_string() });
    assert_eq!(parse_max(bytes), Some(number));
    if let Some(shares) = shares_from_weight(number) {
        assert!((2..=262_144).contains(&shares), "{shares}");
    }
}
