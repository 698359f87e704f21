//! What Debian's plugins of a host have not: containers, and file systems that nobody answers for.

use anyhow::{Context as _, Result};
use plimsoll_tests::cgroup::Cgroup;
use plimsoll_tests::host::{Family, Mounts};
use plimsoll_tests::plugins::{Ran, our_command, run_ours};
use plimsoll_tests::servers::Servers;

use crate::status::{Row, all_say};

const STATES: &[Row] = &[
    ("check_uptime -c 0:", 0, "UPTIME OK - # days # hours # minutes|uptime=#;;#:;#"),
    ("check_uptime -w @0:", 1, "UPTIME WARNING - # days # hours # minutes|uptime=#;@#:;;#"),
    ("check_uptime -c @0: -u days", 2, "UPTIME CRITICAL - # days # hours # minutes|uptime=#;;@#:;#"),
    (
        "check_mem -u -w 100 -c 100",
        0,
        "OK - #.#% (# kB) used.|TOTAL=#KB;;;; USED=#KB;#;#;; FREE=#KB;;;; CACHES=#KB",
    ),
    (
        "check_mem -f -w 100 -c 0",
        1,
        "WARNING - #.#% (# kB) free!|TOTAL=#KB;;;; USED=#KB;#;#;; FREE=#KB;;;; CACHES=#KB",
    ),
    (
        "check_mem -a -w 100 -c 100",
        2,
        "CRITICAL - #.#% (# kB) available!|TOTAL=#KB;;;; USED=#KB;#;#;; FREE=#KB",
    ),
];
/// Of kernels that keep it.
const PRESSURE: &[Row] = &[
    (
        "check_pressure -r memory -g {cgroup} -c 100",
        0,
        "PRESSURE OK - memory #.#% of # s, some waited|memory_some_avg#=#.#%;",
    ),
    ("check_pressure -g {cgroup}/none -c 100", 3, "PRESSURE UNKNOWN - /sys/fs/cgroup/"),
    (
        "check_pressure -w @0:100",
        1,
        "PRESSURE WARNING - cpu #.#%, memory #.#%, io #.#% of # s, some waited|cpu_some_avg#=#.#%;",
    ),
    (
        "check_pressure -r io -c @0:100",
        2,
        "PRESSURE CRITICAL - io #.#% of # s, some waited|io_some_avg#=#.#%;",
    ),
];

/// What one of ours says.
fn ask(servers: &Servers, line: &str) -> Result<Ran> {
    let words = servers.words(line)?;
    let (check, args) = words.split_first().context("an empty line")?;
    let mut command = our_command(check)?;
    command.args(args);
    run_ours(command)
}

#[test]
fn processes_of_a_container_are_left_out_or_asked_for() -> Result<()> {
    let mut servers = Servers::start()?;
    let family = Family::start(&mut servers)?;
    let id = format!("{:064x}", std::process::id());
    let cgroup = Cgroup::make(&format!("/plimsoll-{id}"))?;
    cgroup.enter(family.sleeper()?)?;
    servers.name("id", &id);
    let counted = |line: &str| -> Result<(i32, String)> {
        let ran = ask(&servers, line)?;
        Ok((ran.code, ran.output))
    };
    let told = |count: &str, words: &str, number: u32| {
        let parent = servers.place("parent")?.to_owned();
        let text = format!("PROCS OK: {count} with PPID = {parent}, {words} |procs={number};;;0;\n");
        anyhow::Ok((0, servers.placed(text)?))
    };
    assert_eq!(counted("check_procs -p {parent} --no-containers")?, told("2 processes", "no containers", 2)?);
    assert_eq!(
        counted("check_procs -p {parent} --container={id}")?,
        told("1 process", "container '{id}'", 1)?
    );
    assert_eq!(
        counted("check_procs -p {parent} --container=0000000000")?,
        told("1 process", "container '0000000000'", 1)?
    );
    assert_eq!(
        counted("check_procs -p {parent} --container=web")?,
        told("0 processes", "container 'web'", 0)?
    );
    drop(family);
    cgroup.remove_when_empty()
}

#[test]
fn what_the_kernel_says_of_itself_is_told_in_perfdata_that_icinga_reads() -> Result<()> {
    let servers = Servers::start()?;
    let memory = ask(&servers, "check_mem -u -w 100 -c 100")?;
    assert_eq!(memory.code, 0, "{}", memory.output);
    let data = memory.perfdata()?;
    let labels: Vec<&str> = data.iter().map(|datum| datum.label.as_str()).collect();
    assert_eq!(labels, ["TOTAL", "USED", "FREE", "CACHES"]);
    let numbers: Vec<u64> = data.iter().map(|datum| datum.value.parse()).collect::<Result<_, _>>()?;
    let total = std::fs::read_to_string("/proc/meminfo")?;
    assert!(total.lines().any(|line| line.split_ascii_whitespace().eq([
        "MemTotal:",
        &numbers[0].to_string(),
        "kB"
    ])));
    assert_eq!(numbers[0], numbers[1] + numbers[2]);
    let time = ask(&servers, "check_time -s ok")?;
    assert!(time.code == 0 && time.output.starts_with("TIME OK - "), "{}", time.output);
    let pressure = ask(&servers, "check_pressure -r memory -w 101 -c 102")?;
    if std::path::Path::new("/proc/pressure/memory").exists() {
        assert!(pressure.output.starts_with("PRESSURE OK - memory "), "{}", pressure.output);
        assert_eq!((pressure.code, pressure.perfdata()?.len()), (0, 6));
    } else {
        assert!(
            pressure.code == 3 && pressure.output.contains("this kernel keeps none"),
            "{}",
            pressure.output
        );
    }
    let systemd = ask(&servers, "check_systemd -c 1000000")?;
    if std::path::Path::new("/run/systemd/system").exists() {
        assert!(systemd.code == 0 && systemd.output.starts_with("SYSTEMD OK - "), "{}", systemd.output);
    } else {
        let text = "SYSTEMD UNKNOWN - this host was not started by systemd\n";
        assert_eq!((systemd.code, systemd.output.as_str()), (3, text));
    }
    let all = [data, time.perfdata()?, pressure.perfdata()?, systemd.perfdata()?].concat();
    assert_eq!(crate::through_icinga(&all)?, Vec::<String>::new());
    Ok(())
}

#[test]
fn a_host_is_told_of_in_every_state() -> Result<()> {
    let mut servers = Servers::start()?;
    all_say(&servers, STATES)?;
    let kept = std::path::Path::new("/proc/pressure/memory").exists();
    if !kept {
        return Ok(());
    }
    let cgroup = Cgroup::make(&format!("/plimsoll-pressure-{}", std::process::id()))?;
    servers.name("cgroup", cgroup.id());
    all_say(&servers, PRESSURE)?;
    cgroup.remove()
}

#[test]
fn a_mount_that_hangs_is_told_beside_those_that_answer() -> Result<()> {
    let mut servers = Servers::start()?;
    let mounts = Mounts::make(&mut servers)?;
    let daemon = mounts.hang()?;
    let ran = ask(&servers, "check_disk -w 1% -r '^{disk}/' -t 4:1")?;
    let wanted = "DISK WARNING - free space: {disk}/one 12MiB (75% inode=99%); {disk}/two words 16MiB (100% inode=99%); \
                  {disk}/hung does not answer;|{disk}/one=4194304B;16609443;;0;16777216 \
                  '{disk}/two words'=0B;16609443;;0;16777216\n";
    assert_eq!((ran.code, ran.output), (1, servers.placed(wanted.to_owned())?));
    let one = ask(&servers, "check_disk -w 1% -p {disk}/one/file -t 4")?;
    assert_eq!(one.code, 0, "{}", one.output);
    // Whoever hangs is let go.
    drop(daemon);
    let gone = ask(&servers, "check_disk -w 1% -p {disk}/hung")?;
    let wanted = "DISK CRITICAL - {disk}/hung is not accessible: Transport endpoint is not connected\n";
    assert_eq!((gone.code, gone.output), (2, servers.placed(wanted.to_owned())?));
    let passed = ask(&servers, "check_disk -w 1% -n -p {disk}/hung -p {disk}/one")?;
    assert_eq!(passed.code, 0, "{}", passed.output);
    assert!(
        passed.output.contains(&servers.placed(" - ignored paths: {disk}/hung;|".to_owned())?),
        "{}",
        passed.output
    );
    Ok(())
}
