//! What is loaded, how it ends, and what remains when parts of it are refused.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use plimsoll_tests::scrape::Scrape;

use crate::checks::Checks;
use crate::run::{B, Run};
use crate::truth::Between;
use crate::{Kernel, cgroups};

/// The signals that need the kernel.
pub(crate) const KERNEL_SIGNALS: [&str; 16] = [
    "block_io",
    "connections",
    "dns",
    "drops",
    "faults",
    "files",
    "io_uring",
    "oom",
    "process",
    "reclaim",
    "sched",
    "syscall_latency",
    "syscalls",
    "tcp",
    "udp",
    "unix",
];

/// The programs that are meant for this kernel, and no others, all run.
pub(crate) fn programs(kernel: &Kernel, run: &Run, checks: &mut Checks) -> Result<()> {
    checks.group("all programs load");
    let scrape = run.scrape("before")?;
    let seen: BTreeSet<(&str, &str)> = programs_up(&scrape, 1.0).collect();
    let wanted: BTreeSet<(&str, &str)> = kernel.all_programs().collect();
    checks.equal("programs up", seen, wanted);
    let refused = kernel.refused();
    for sample in scrape.all("plimsoll_program_info", &[]) {
        let label = |name| sample.labels.get(name).map(String::as_str).unwrap_or_default();
        let expected = label("reason").is_empty() || refused.contains(&(label("signal"), label("program")));
        checks.holds(format!("{} is refused: {}", label("program"), label("reason")), expected);
    }
    checks.equal("programs refused", programs_up(&scrape, 0.0).collect::<BTreeSet<_>>(), refused);
    for (name, signal, alone) in
        [("second", "files", "files_exit"), ("alone", "syscall_latency", "syscall_exit")]
    {
        let scrape = run.scrape(name)?;
        let own = programs_up(&scrape, 1.0).any(|(of, program)| of == signal && program.starts_with(alone));
        checks.holds(format!("{signal} has a program of its own"), own);
    }
    let fails = if kernel.datagrams { vec![] } else { vec!["udp"] };
    checks.equal("collectors that fail", collectors(&scrape, 0.0), fails);
    Ok(())
}

/// `(signal, program)` of those whose `plimsoll_program_up` is this.
fn programs_up(scrape: &Scrape, up: f64) -> impl Iterator<Item = (&str, &str)> {
    let samples = scrape.all("plimsoll_program_up", &[]).filter(move |sample| sample.value == up);
    samples.filter_map(|sample| Some((&**sample.labels.get("signal")?, &**sample.labels.get("program")?)))
}

/// Names of the programs refused in a scrape.
pub(crate) fn refused(scrape: &Scrape) -> Vec<&str> {
    programs_up(scrape, 0.0).map(|(_, program)| program).collect()
}

fn collectors(scrape: &Scrape, success: f64) -> Vec<&str> {
    let samples = scrape.all("plimsoll_scrape_collector_success", &[]);
    let samples = samples.filter(|sample| sample.value == success);
    samples.filter_map(|sample| sample.labels.get("collector").map(String::as_str)).collect()
}

/// Asked to or not, it leaves nothing in the kernel.
pub(crate) fn ends(run: &Run, checks: &mut Checks) -> Result<()> {
    checks.group("nothing stays after SIGTERM or SIGKILL");
    for (name, status) in
        [("first", "0"), ("second", "137"), ("alone", "0"), ("third", "0"), ("no-btf", "0"), ("nobody", "0")]
    {
        checks.equal(format!("status of {name}"), run.text(&format!("{name}.status"))?.trim(), status);
        let left = run.text(&format!("{name}.bpf"))?;
        checks.equal(format!("programs, maps and links after {name}"), left, run.text("bpf")?);
    }
    checks.equal("status of lockdown", run.text("lockdown.status")?.trim(), "0");
    Ok(())
}

/// The third counts on for what lived before it, from zero.
pub(crate) fn restarts(kernel: &Kernel, run: &Run, checks: &mut Checks) -> Result<()> {
    checks.group("a new exporter after SIGKILL counts exactly");
    let between = Between::of(run, "third.before", "third.after")?;
    checks.equal("programs refused", programs_up(&between.after, 0.0).collect(), kernel.refused());
    let labels = [("syscall", "getppid")];
    checks.equal("before", between.before.sum("container_syscalls_total", &[("id", B), labels[0]]), 0.0);
    checks.equal("getppid", between.moved("container_syscalls_total", B, &labels), 1000.0);
    checks.equal("losses", run.losses(&between.after), BTreeMap::new());
    Ok(())
}

/// Without BTF, without privileges, under lockdown: the cgroup families are served all the same, and why the others
/// are not is said.
pub(crate) fn refusals(kernel: &Kernel, run: &Run, checks: &mut Checks) -> Result<()> {
    let cases = [
        ("cgroup families without BTF", "no-btf", "/sys/kernel/btf/vmlinux: No such file or directory"),
        ("cgroup families without privileges", "nobody", "Operation not permitted"),
    ];
    // What a kernel does not have is known before anything is asked of it, but not without BTF.
    let unknown = kernel.refused();
    let absent = |signal: &str, program: &str, name| {
        name == "nobody" && unknown.iter().any(|of| *of == (signal, program))
    };
    for (group, name, reason) in cases {
        checks.group(group);
        let scrape = run.scrape(name)?;
        checks.equal("programs up", programs_up(&scrape, 1.0).collect(), vec![]);
        checks.holds("programs are named", !refused(&scrape).is_empty());
        for sample in scrape.all("plimsoll_program_info", &[]) {
            let label = |name| sample.labels.get(name).map(String::as_str).unwrap_or_default();
            let (program, said) = (label("program"), label("reason"));
            let reason =
                if absent(label("signal"), program, name) { "this kernel has no tracepoint" } else { reason };
            checks.holds(format!("{program}: {said:?} says {reason:?}"), said.contains(reason));
        }
        let mut failing = collectors(&scrape, 0.0);
        failing.sort_unstable();
        checks.equal("collectors that fail", failing, KERNEL_SIGNALS.to_vec());
        checks.equal("counted by the kernel", scrape.kernel_row(B), BTreeMap::new());
        cgroups::files_agree(run, checks, &scrape, &format!("{name}.files"), ("B", B));
    }
    lockdown(run, checks)
}

/// Programs that need helpers to read kernel memory are refused, the others run.
fn lockdown(run: &Run, checks: &mut Checks) -> Result<()> {
    checks.group("lockdown=confidentiality");
    let scrape = run.scrape("lockdown")?;
    for sample in scrape.all("plimsoll_program_info", &[]) {
        let program = sample.labels.get("program").map(String::as_str).unwrap_or_default();
        let said = sample.labels.get("reason").is_some_and(|reason| !reason.is_empty());
        checks.equal(format!("a reason for {program}"), said, refused(&scrape).contains(&program));
    }
    checks.equal("mkdir cannot read the path", refused(&scrape).contains(&"cgroup_mkdir"), true);
    let counts = programs_up(&scrape, 1.0).any(|(signal, _)| signal == "syscalls");
    let getppid = scrape.value("container_syscalls_total", &[("id", B), ("syscall", "getppid")]);
    checks.equal("getppid", getppid, counts.then_some(1000.0));
    checks.equal("losses", run.losses(&scrape), BTreeMap::new());
    cgroups::files_agree(run, checks, &scrape, "lockdown.files", ("B", B));
    Ok(())
}
