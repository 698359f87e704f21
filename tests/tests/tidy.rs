//! The house's own rules: a signal is one name everywhere, a layer names only the next, the reference is true.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use plimsoll::engine::own_families;
use plimsoll::node;
use plimsoll::signals::{ALL, Signal, Source};
use plimsoll_tests::tools::workspace;

#[test]
fn a_signal_is_one_name_everywhere() {
    let mut missing = Vec::new();
    for signal in ALL {
        let mut places = vec![format!("exporter/src/signals/{}.rs", signal.name)];
        if signal.source == Source::Kernel {
            places.push(format!("exporter-ebpf/abi/src/{}.rs", signal.name));
            places.push(format!("exporter-ebpf/src/{}.rs", signal.name));
        }
        missing.extend(places.into_iter().filter(|place| !workspace().join(place).is_file()));
    }
    assert_eq!(missing, Vec::<String>::new(), "files that a signal in the table should have");
}

#[test]
fn a_collector_of_host_metrics_is_one_name_everywhere() {
    let file = |name: &str| workspace().join(format!("exporter/src/node/{name}.rs"));
    let missing: Vec<_> = node::ALL.iter().map(|of| of.name).filter(|name| !file(name).is_file()).collect();
    assert_eq!(missing, Vec::<&str>::new(), "files that a collector in the table should have");
    let mut seen: BTreeSet<_> =
        ALL.iter().flat_map(|signal| signal.families).map(|family| family.name).collect();
    for family in node::ALL.iter().flat_map(|of| of.families).chain(&node::OUTCOME) {
        assert!(seen.insert(family.name), "{} twice", family.name);
        assert!(family.name.starts_with("node_"), "{}", family.name);
        for text in [family.help, family.unit, family.source, family.bound] {
            assert!(!text.is_empty(), "{}: a doc is empty", family.name);
        }
        assert!(family.help.ends_with('.'), "{}: help is a sentence", family.name);
    }
    for (name, prefix, from) in node::FOUND {
        assert!(node::ALL.iter().any(|of| of.name == *name) && prefix.starts_with("node_"), "{name}: {from}");
    }
}

#[test]
fn names_are_unique_and_follow_their_kind() {
    let mut seen = BTreeSet::new();
    for family in ALL.iter().flat_map(|signal| signal.families) {
        assert!(seen.insert(family.name), "{} twice", family.name);
        for text in [family.help, family.unit, family.source, family.bound] {
            assert!(!text.is_empty(), "{}: a doc is empty", family.name);
        }
        assert!(family.help.ends_with('.'), "{}: help is a sentence", family.name);
        // Every series has these already; two labels of one name are no series.
        for base in ["container", "id", "image", "name", "namespace", "pod", "job", "instance"] {
            assert!(!family.labels.contains(&base), "{}: label {base}", family.name);
        }
    }
    let names: BTreeSet<_> = ALL.iter().map(|signal| signal.name).collect();
    assert_eq!(names.len(), ALL.len());
}

#[test]
fn only_the_kernel_module_names_aya() -> Result<()> {
    let mut others = Vec::new();
    for path in sources(&workspace().join("exporter/src"))? {
        let text = std::fs::read_to_string(&path)?;
        let inside = path.strip_prefix(workspace().join("exporter/src"))?;
        if !inside.starts_with("kernel") && text.contains("aya::") {
            others.push(inside.to_owned());
        }
    }
    assert_eq!(others, Vec::<PathBuf>::new());
    Ok(())
}

#[test]
fn parsers_and_decisions_do_no_io() -> Result<()> {
    let pure = [
        "host/parse",
        "signals",
        "exposition",
        "ledger",
        "identity/rules",
        "kernel/plan.rs",
        "kernel/btf.rs",
    ];
    for part in pure {
        let path = workspace().join("exporter/src").join(part);
        let files = if path.is_file() { vec![path] } else { sources(&path)? };
        for path in files {
            let text = std::fs::read_to_string(&path)?;
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for word in ["std::fs", "std::net", "std::process", "rustix::fs"] {
                assert!(!code.contains(word), "{}: {word}", path.display());
            }
        }
    }
    Ok(())
}

#[test]
fn the_reference_of_metrics_is_true() -> Result<()> {
    let path = workspace().join("docs/metrics.md");
    let wanted = reference();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &wanted)?;
    }
    let there = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    assert!(there == wanted, "docs/metrics.md is not what the table says: run `make docs`");
    Ok(())
}

#[test]
fn the_reference_of_unsafe_is_true() -> Result<()> {
    let path = workspace().join("docs/unsafe.md");
    let mut wanted = String::from(
        "# Unsafe\n\nGenerated from the source by `make docs`; a test compares the two. Programs in the kernel are not here: the kernel's verifier \
         holds them.\n",
    );
    for part in ["exporter/src", "exporter-ebpf/abi/src", "checks/src"] {
        for path in sources(&workspace().join(part))? {
            let text = std::fs::read_to_string(&path)?;
            let reasons = reasons(&text);
            // What is unsafe in a test is no part of the program.
            if !reasons.is_empty() {
                let _ = write!(wanted, "\n## `{}`\n\n", path.strip_prefix(workspace())?.display());
                for reason in reasons {
                    let _ = writeln!(wanted, "- {reason}");
                }
            }
        }
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &wanted)?;
    }
    let there = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    assert!(there == wanted, "docs/unsafe.md is not what the source says: run `make docs`");
    Ok(())
}

/// Why each unsafe place of a file is sound, as it says itself; clippy sees to it that each says so.
fn reasons(text: &str) -> Vec<String> {
    let mut lines =
        text.split("#[cfg(test)]\nmod").next().unwrap_or_default().lines().map(str::trim).peekable();
    let mut reasons = Vec::new();
    while let Some(line) = lines.next() {
        let Some((_, reason)) = line.split_once("// SAFETY: ") else { continue };
        let mut reason = reason.to_owned();
        while let Some(more) = lines.next_if(|line| line.starts_with("// ")) {
            reason.push_str(&more[2..]);
        }
        reasons.push(reason);
    }
    reasons
}

#[test]
fn every_loss_is_explained() {
    for reason in plimsoll::kernel::LOSS_REASONS {
        assert!(PREAMBLE.contains(&format!("| `{reason}` |")), "{reason}");
    }
}

#[test]
fn no_merge_left_its_marks() -> Result<()> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(workspace()).output()?;
    ensure!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr));
    let names = String::from_utf8(listed.stdout)?;
    for name in names.split_terminator('\0') {
        // What is no text has no lines.
        let Ok(text) = std::fs::read_to_string(workspace().join(name)) else { continue };
        let mark = |line: &str| {
            ["<<<<<<<", "=======", ">>>>>>>"].iter().any(|mark| {
                line.strip_prefix(mark).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
            })
        };
        let marks: Vec<_> = text.lines().filter(|line| mark(line)).collect();
        assert_eq!(marks, Vec::<&str>::new(), "{name}");
    }
    Ok(())
}

fn sources(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

const PREAMBLE: &str = "\
# Metrics

Generated from the table of signals by `make docs`; a test compares the two.

Every `container_…` series carries the six base labels of cAdvisor, always present and empty where there is nothing to
say: `container`, `id` (the cgroup's path), `image`, `name`, `namespace`, `pod`; and after them what the rules of the
[configuration file](configuration.md) give it. A row is a container, a pod's own cgroup, or any other cgroup down to
`--cgroup.max-depth`.

- **Kernel families** count what happened in the row's own cgroup, in cgroups nested in a container, and in cgroups
  folded for their depth. They do not include rows below: sums over rows count nothing twice. They begin at zero when the
  cgroup is made, or when the exporter starts if that is later. What happened in a cgroup without a slot is under
  `id=\"unattributed\"`.
- **Cgroup and process families** have cAdvisor's names and meaning: they include everything below.
- A container that is gone stays as a tombstone (`--tombstone.scrapes`, `--tombstone.min-age`) with everything that only
  ever grows. A cgroup made again under the same path meanwhile goes on counting from there.
- `workload_…` series carry `namespace`, `workload` and `workload_kind` alone: each is the sum over all containers of a
  workload of Kubernetes on this node, those that are gone among them. They never step back while Plimsoll runs, and begin
  at zero when it starts. What a container counted before its workload was known is in them from then on. 512 workloads are
  told apart; beyond them the one whose last container went first, or a new one while all have some, is
  `workload=\"other\"`, and `plimsoll_losses_total{reason=\"workload_folded\"}` counts its events.
- In OpenMetrics every counter and histogram carries `_created`, but those of a row that was served under other labels
  before its names were known: under the new ones it never was zero. `container_memory_failcnt`, an old name without
  `_total`, is of type `unknown` there.
- Scrapers are told apart by address, `User-Agent`, path and query. Two servers of one version behind one address need
  different queries (`params: {scraper: [b]}`) for each to be shown its first zeros.

## Reasons of `plimsoll_losses_total`

| reason | what was not kept | where it went |
|---|---|---|
| `no_free_slot` | a cgroup made, or there at the start, while all `--kernel.slots` were in use | its events count under `id=\"unattributed\"` until a slot is free |
| `event_dropped` | the news of a cgroup made, emptied or removed: the ring buffer was full | the hierarchy is walked to catch up |
| `path_cut` | the end of a cgroup's path beyond 1,023 bytes | the row's `id` is cut |
| `task_table_full` | the waits of a task: 65,536 were being followed | its switches are counted, its waits are not |
| `oom_victim_unknown` | the container of an OOM victim (5.10 only) | `id=\"unattributed\"` |
| `syscall_error_folded` | an error's system call and errno | `syscall=\"other\", errno=\"other\"` |
| `process_exit_folded` | an exit's code or signal | `reason=\"other\"` |
| `block_io_folded` | a request's device: the row had 64 pairs of device and operation | `device=\"other\"` |
| `reclaim_untracked` | a stall in reclaim: 4,096 were under way | nowhere |
| `file_error_folded` | an error's operation, type of file and errno | `operation=\"other\", type=\"other\", errno=\"other\"` |
| `syscall_table_full` | how long a system call took: 65,536 tasks were being followed | it is counted in `container_syscalls_total`, not observed |
| `fatal_signal_folded` | the number or sender of a signal that killed | `signal=\"other\", sender=\"other\"` |
| `tcp_table_full` | 32,768 TCP sockets are followed already | this one's bytes and end are not counted |
| `destination_folded` | a destination or listening port beyond the bound | `destination=\"other\"` or `port=\"other\"` |
| `client_folded` | the address of who connected, beyond the bound | `client=\"other\"` |
| `namespace_not_walked` | the connections open in a network namespace when the exporter started: more than 4,096 namespaces, or the kernel refused | each is found by its next segment, `direction=\"unknown\"` |
| `dns_table_full` | a DNS question beyond those that are waited for | it is counted, how it ends is not |
| `dns_folded` | a type and rcode of DNS beyond the bound | `type=\"other\"` |
| `dns_name_folded` | a DNS question or answer by a name beyond the bound, or longer than 128 bytes | `question=\"other\"` |
| `path_folded` | a connect to or bytes through a Unix socket with a path beyond the bound | `path=\"other\"` |
| `drop_folded` | a reason of dropped packets beyond the bound | `reason=\"other\"` |
| `program_missed` | an event: its program was running on that CPU already, or might not run just then; see [kernels.md](kernels.md), and `plimsoll_program_missed_total` for which | nowhere |
| `label_left_out` | a label made of a container's labels or annotations, beyond 32 by rules or as many in `container_info`; or one of those themselves, beyond 16 KiB a container | nowhere |
| `service_left_out` | a service that selects a pod, beyond 16 of the pod | nowhere |
| `tombstone_evicted` | a tombstone, gone before it was scraped enough: more than `--tombstone.max` | nowhere |
| `workload_folded` | an event's workload beyond 512, or its kind beyond 64 of a workload | `workload=\"other\"`, or `reason=\"other\"` and `errno=\"other\"` |
| `last_read_missed` | the last numbers of a container's cgroup files: it was removed before they could be read | the row has those of the scrape before, or none; what the kernel counted is whole |
";

fn reference() -> String {
    let mut out = PREAMBLE.to_owned();
    for signal in ALL {
        signal_section(&mut out, signal);
    }
    out.push_str(HOST);
    for collector in node::ALL {
        node_section(&mut out, collector);
    }
    out.push_str("\n### Of every collector of the host\n\n");
    node_table(&mut out, &node::OUTCOME);
    out.push_str("\n## What Plimsoll says of itself\n\n| name | type | meaning |\n|---|---|---|\n");
    for (name, kind, help) in own_families() {
        let _ = writeln!(out, "| `{name}` | {kind} | {help} |");
    }
    out
}

fn signal_section(out: &mut String, signal: &Signal) {
    let source = match signal.source {
        Source::Kernel => "programs in the kernel",
        Source::Cgroup => "cgroup files",
        Source::Process => "files of the container's processes",
        Source::Identity => "what is known of whose a cgroup is",
    };
    let name = signal.name;
    let switch = match signal.default {
        true => format!("`--no-collector.{name}` turns it off"),
        false => format!("off unless `--collector.{name}` turns it on"),
    };
    let _ = write!(out, "\n## {name}\n\n{}. From {source}; {switch}.\n", capital(signal.summary));
    for family in signal.families {
        let _ = write!(out, "\n### `{}`\n\n{}\n\n", family.name, family.help);
        let labels = if family.labels.is_empty() {
            "no labels of its own".to_owned()
        } else {
            family.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ")
        };
        let _ = writeln!(out, "- {} of {}; {labels}", family.kind.as_str(), family.unit);
        let _ = writeln!(out, "- source: {}", family.source);
        let _ = writeln!(out, "- series a row: {}", family.bound);
    }
}

const HOST: &str = "
## Host metrics

node_exporter's families, by its names, labels and types (those of its version 1.5, and what later ones added and its
dashboards read): the node mixin and dashboard 1860 work as they are; for what they ask of systemd's units turn `systemd` on. `/metrics/node`
has them alone. They carry no labels of containers. A family has 16,384 series at most, what is beyond is counted in
`plimsoll_node_series_left_out_total`. A collector that has the name of one of containers (`cpu`, `pressure`) is switched with it.
The flags that include and exclude are in `plimsoll --help`, with node_exporter's names and patterns.

Not served: the collectors of node_exporter that no dashboard or rule of these reads (bcache, btrfs, fibrechannel, infiniband,
ipvs, nfs, nfsd, tapestats, xfs, zfs).

`systemd` asks systemd over D-Bus: at `DBUS_SYSTEM_BUS_ADDRESS`, or at `run/dbus/system_bus_socket` below `--path.rootfs`, or with
`--collector.systemd.private` at systemd's own socket. It has half of what is left of the scrape's time, 2 s at most.
";

fn node_section(out: &mut String, collector: &node::Collector) {
    let name = collector.name;
    let switch = match collector.default {
        true => format!("`--no-collector.{name}` turns it off"),
        false => format!("off unless `--collector.{name}` turns it on"),
    };
    let _ = write!(out, "\n### Host: {name}\n\n{}; {switch}.\n\n", capital(collector.summary));
    for (_, prefix, from) in node::FOUND.iter().filter(|(of, ..)| *of == name) {
        let _ = writeln!(out, "`{prefix}…`: a family for {from}.");
    }
    if !collector.families.is_empty() {
        node_table(out, collector.families);
    }
}

fn node_table(out: &mut String, families: &[plimsoll::exposition::Family]) {
    out.push_str("| name | type, unit | labels | source | series |\n|---|---|---|---|---|\n");
    for family in families {
        let labels = family.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        let (name, kind, unit) = (family.name, family.kind.as_str(), family.unit);
        let _ =
            writeln!(out, "| `{name}` | {kind}, {unit} | {labels} | {} | {} |", family.source, family.bound);
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
