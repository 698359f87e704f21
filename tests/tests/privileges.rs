//! Capabilities: under each set of docs/privileges.md the exporter serves what stands there and no more; those that it does
//! not need it gives up; and it writes to nothing of the system.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::exporter::{self, Exporter, Scrape};
use plimsoll_tests::netns::Cable;
use plimsoll_tests::runc::{Config, Container, Running};
use plimsoll_tests::tools::workspace;

/// Every collector there is.
fn all_on() -> Vec<String> {
    plimsoll::signals::ALL.iter().map(|signal| format!("--collector.{}", signal.name)).collect()
}

/// The exporter as root with these capabilities, which are as `setpriv` names them.
fn under(capabilities: &str, args: &[String]) -> Result<Exporter> {
    let set = capabilities.split(',').filter(|one| !one.is_empty()).map(|one| format!(",+{one}"));
    let set = format!("-all{}", set.collect::<String>());
    let mut command = Command::new("setpriv");
    command.args([format!("--inh-caps={set}"), format!("--bounding-set={set}")]);
    command.arg(exporter::path()?).args(args);
    Exporter::start_command(command)
}

/// What a scrape has of the columns of the table.
fn columns(scrape: &Scrape, container: &Running) -> [bool; 5] {
    let runs = |dns: bool| {
        let mut of = scrape
            .all("plimsoll_program_up", &[])
            .filter(|up| (up.labels["signal"] == "dns") == dns)
            .peekable();
        of.peek().is_some() && of.all(|up| up.value == 1.0)
    };
    let id = [("id", container.container().cgroups_path())];
    let lost = scrape.value("plimsoll_losses_total", &[("reason", "namespace_not_walked")]);
    [
        runs(false),
        runs(true),
        runs(false) && lost == Some(0.0),
        scrape.all("container_network_receive_bytes_total", &id).next().is_some(),
        scrape.all("container_tcp_listen_info", &[]).next().is_some(),
    ]
}

/// The rows of the second table of the document: the set, and what it gives.
fn documented() -> Result<Vec<(String, [bool; 5])>> {
    let text = std::fs::read_to_string(workspace().join("docs/privileges.md"))?;
    let mut rows = Vec::new();
    for line in text.lines() {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [set, given @ ..] = &cells[..] else { continue };
        let Ok(given) = <[&str; 5]>::try_from(given) else { continue };
        if given.iter().all(|cell| ["yes", "no"].contains(cell)) {
            let set = set.trim_matches('`');
            rows.push((if set == "none" { "" } else { set }.to_owned(), given.map(|cell| cell == "yes")));
        }
    }
    ensure!(rows.len() >= 9, "{rows:?}");
    Ok(rows)
}

#[test]
fn each_set_gives_what_the_document_says() -> Result<()> {
    let container = Container::new(&Config::default().own_network())?.start()?;
    Cable::lay(container.pid(), "eth0")?;
    let args = all_on();
    for (set, given) in documented()? {
        let exporter = under(&set, &args)?;
        let wanted = |scrape: &Scrape| columns(scrape, &container) == given;
        let scrape = exporter.scrape_until(&format!("{set:?} gives {given:?}"), wanted)?;
        // What may not be done costs nothing else.
        let path = container.container().cgroups_path();
        assert!(
            scrape.value("container_cpu_usage_seconds_total", &[("id", path), ("cpu", "total")]).is_some(),
            "{set}"
        );
        let refused =
            scrape.all("plimsoll_program_info", &[]).filter(|info| !info.labels["reason"].is_empty()).count();
        assert_eq!(refused == 0, given[0] && given[1], "{set}: each refusal is named, and nothing else is");
        assert_eq!(
            missing(&scrape),
            missing_from(&set),
            "{set}: what is missing is named, and nothing else is"
        );
    }
    container.finish()
}

/// The capabilities that a scrape says there are none of.
fn missing(scrape: &Scrape) -> BTreeSet<String> {
    let missing = scrape.all("plimsoll_capability_held", &[]).filter(|sample| sample.value == 0.0);
    missing.map(|sample| sample.labels["capability"].clone()).collect()
}

/// Those of the first table that a set has not, for which none stands in: with all collectors on, and as root.
fn missing_from(set: &str) -> BTreeSet<String> {
    let has = |name: &str| set.split(',').any(|one| one == name);
    let stands_in = ["bpf", "perfmon", "net_admin"];
    let needed = stands_in.into_iter().chain(["sys_ptrace", "sys_admin"]);
    let missing = needed.filter(|name| !(has(name) || stands_in.contains(name) && has("sys_admin")));
    missing.map(str::to_owned).collect()
}

/// A set of a process, or of its bounding set, as the kernel shows it.
fn status(path: &Path, field: &str) -> Result<u64> {
    let text = std::fs::read_to_string(path)?;
    let line = text.lines().find_map(|line| line.strip_prefix(field)).with_context(|| text.clone())?;
    Ok(u64::from_str_radix(line.trim_start_matches(':').trim(), 16)?)
}

#[test]
fn what_is_not_needed_is_given_up_by_every_thread() -> Result<()> {
    const DAC_OVERRIDE: u64 = 1 << 1;
    const DAC_READ_SEARCH: u64 = 1 << 2;
    const NET_ADMIN: u64 = 1 << 12;
    const SYS_PTRACE: u64 = 1 << 19;
    const SYS_ADMIN: u64 = 1 << 21;
    const PERFMON: u64 = 1 << 38;
    const BPF: u64 = 1 << 39;
    let all = DAC_READ_SEARCH | SYS_PTRACE | SYS_ADMIN | PERFMON | BPF;
    let none = "--collector.disable-defaults".to_owned();
    for (args, kept) in [
        (vec![], all),
        (vec!["--collector.dns".to_owned()], all | NET_ADMIN),
        (vec![none.clone()], DAC_READ_SEARCH),
        (vec![none, "--runtime.socket=docker=/nonexistent".to_owned()], DAC_READ_SEARCH | DAC_OVERRIDE),
    ] {
        let mut command = Command::new(exporter::path()?);
        command.args(&args);
        let exporter = Exporter::start_command(command)?;
        exporter.scrape()?;
        let mut threads = 0;
        for thread in std::fs::read_dir(format!("/proc/{}/task", exporter.pid()))? {
            let path = thread?.path().join("status");
            let set = |field| status(&path, field);
            let sets = (
                set("CapPrm")?,
                set("CapEff")?,
                set("CapInh")?,
                set("CapAmb")?,
                set("CapBnd")?,
                set("NoNewPrivs")?,
            );
            assert_eq!(sets, (kept, kept, 0, 0, kept, 1), "{args:?}");
            threads += 1;
        }
        assert!(threads > 2, "{threads}");
    }
    Ok(())
}

#[test]
fn nothing_of_the_system_is_written() -> Result<()> {
    let container = Container::new(&Config::default().own_network())?.start()?;
    Cable::lay(container.pid(), "eth0")?;
    let mut command = Command::new("unshare");
    // A mount below one that is read-only is not, so each is made so by itself.
    let read_only = "mount --bind /proc/sys /proc/sys && \
        for at in /proc/sys $(awk '$5 ~ \"^/sys\" {print $5}' /proc/self/mountinfo); do \
        mount -o remount,bind,ro $at || exit 9; done; exec \"$0\" \"$@\"";
    command.args(["--mount", "sh", "-c", read_only]).arg(exporter::path()?).args(all_on());
    let exporter = Exporter::start_command(command)?;
    let whole = |scrape: &Scrape| columns(scrape, &container) == [true; 5];
    let scrape = exporter.scrape_until("everything is there", whole)?;
    let failed: Vec<_> = scrape
        .all("plimsoll_scrape_collector_success", &[])
        .filter(|collector| collector.value != 1.0)
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
    container.finish()
}
