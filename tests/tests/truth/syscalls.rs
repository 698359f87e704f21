//! System calls and their errors.

use anyhow::Result;
use plimsoll_tests::exporter::{Exporter, Scrape};
use plimsoll_tests::runc::Config;

use crate::{container, counts, id, moved, together};

const CALLS: &str = "container_syscalls_total";
const ERRORS: &str = "container_syscall_errors_total";

#[test]
fn calls_and_errors_are_exact_and_a_neighbour_does_not_move() -> Result<()> {
    let exporter = Exporter::start(&[])?;
    let commands = [
        "syscalls 100000 getppid",
        "syscalls 30000 getsid",
        "open-enoent 1000",
        "open-eacces 500",
        "yield 2000",
    ];
    let mut containers =
        commands.iter().map(|_| container(&Config::default())).collect::<Result<Vec<_>>>()?;
    let neighbour = container(&Config::default())?;
    let before = exporter.scrape()?;
    together(&mut containers, &commands)?;
    let after = exporter.scrape()?;

    let calls = |at: usize| moved((&before, &after), CALLS, &id(&containers[at]), &["syscall"]);
    let errors = |at: usize| moved((&before, &after), ERRORS, &id(&containers[at]), &["syscall", "errno"]);
    assert_eq!(calls(0), counts([("getppid", 100_000), ("read", 1), ("write", 1)]));
    assert_eq!(calls(1), counts([("getsid", 30_000), ("read", 1), ("write", 1)]));
    assert_eq!(calls(2), counts([("openat", 1000), ("read", 1), ("write", 1)]));
    let around = [("close", 1), ("openat", 501), ("read", 1), ("setresuid", 2), ("unlink", 1), ("write", 1)];
    assert_eq!(calls(3), counts(around));
    assert_eq!(calls(4), counts([("read", 1), ("sched_yield", 2000), ("write", 1)]));
    assert_eq!(errors(0), counts([]));
    assert_eq!(errors(2), counts([("openat ENOENT", 1000)]));
    assert_eq!(errors(3), counts([("openat EACCES", 500)]));
    let refused = |at: usize| {
        moved((&before, &after), "container_permission_denied_total", &id(&containers[at]), &["errno"])
    };
    assert_eq!([2, 3].map(refused), [counts([]), counts([("EACCES", 500)])]);

    let neighbours = |scrape: &Scrape| scrape.kernel_row(&id(&neighbour));
    assert!(neighbours(&before).len() > 30, "it is there: {:?}", neighbours(&before));
    assert_eq!(neighbours(&before), neighbours(&after));
    assert_eq!(after.kernel_losses(), before.kernel_losses());
    Ok(())
}

/// One program does for three signals what the program of each does alone.
#[test]
fn the_signals_of_a_return_count_the_same_together_and_alone() -> Result<()> {
    let signals = [
        ("syscalls", "sys_exit", CALLS),
        ("files", "files_exit", "container_file_operations_total"),
        ("syscall_latency", "syscall_exit", "container_syscall_duration_seconds_count"),
    ];
    let all: Vec<String> = signals.map(|(signal, ..)| format!("--collector.{signal}")).to_vec();
    let start = |switches: &[String]| {
        let mut flags = vec!["--collector.disable-defaults"];
        flags.extend(switches.iter().map(String::as_str));
        Exporter::start(&flags)
    };
    let joint = start(&all)?;
    let alone = all.iter().map(|switch| start(std::slice::from_ref(switch))).collect::<Result<Vec<_>>>()?;
    let runs = |scrape: &Scrape, signal: &str, program: &str| {
        let up = [program, &format!("{program}_perf")]
            .map(|program| scrape.sum("plimsoll_program_up", &[("signal", signal), ("program", program)]));
        up.iter().sum::<f64>() == 1.0
    };
    let mut containers = [container(&Config::default())?, container(&Config::default())?];
    let scrape = || -> Result<(Scrape, Vec<Scrape>)> {
        Ok((joint.scrape()?, alone.iter().map(Exporter::scrape).collect::<Result<_>>()?))
    };
    let before = scrape()?;
    together(&mut containers, &["files /f 200 512", "file-errors /f 50"])?;
    let after = scrape()?;
    for (at, (signal, program, family)) in signals.into_iter().enumerate() {
        assert!(runs(&after.0, signal, "sys_exit_all"), "{signal}");
        assert!(runs(&after.1[at], signal, program), "{signal}");
        let labels = ["syscall", "operation", "type", "class"];
        let labels: Vec<&str> = labels
            .into_iter()
            .filter(|label| after.0.all(family, &[]).any(|sample| sample.labels.contains_key(*label)))
            .collect();
        for container in &containers {
            let joint = moved((&before.0, &after.0), family, &id(container), &labels);
            assert!(joint.values().sum::<u64>() > 100, "{family}: {joint:?}");
            assert_eq!(
                moved((&before.1[at], &after.1[at]), family, &id(container), &labels),
                joint,
                "{family}"
            );
        }
    }
    Ok(())
}

#[cfg(target_arch = "x86_64")]
#[test]
fn calls_of_the_32_bit_abi_count_under_their_own_names() -> Result<()> {
    let exporter = Exporter::start(&[])?;
    let mut containers = [container(&Config::default())?, container(&Config::default())?];
    let before = exporter.scrape()?;
    together(&mut containers, &["compat 5000", "compat-ebadf 700"])?;
    let after = exporter.scrape()?;
    let with = |name: &str, count| {
        // The child that makes them is begun by `clone`, which returns twice; its C library registers its robust mutexes.
        let mut all = counts([("clone", 2), ("read", 1), ("set_robust_list", 1), ("wait4", 1), ("write", 1)]);
        all.insert(name.to_owned(), count);
        all
    };
    // The same numbers are `writev` and `lstat` to 64-bit code.
    let calls = |at: usize| moved((&before, &after), CALLS, &id(&containers[at]), &["syscall"]);
    let errors = |at: usize| moved((&before, &after), ERRORS, &id(&containers[at]), &["syscall", "errno"]);
    // Each is held against the 64-bit call of that name.
    assert_eq!(calls(0), with("getpid", 2 * 5000));
    assert_eq!(errors(0), counts([]));
    assert_eq!(calls(1), with("close", 700));
    assert_eq!(errors(1), counts([("close EBADF", 700)]));
    Ok(())
}
