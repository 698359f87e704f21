//! Every format a server can ask for, and what promtool and the formats' own rules say of it.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use plimsoll::exposition::Kind;
use plimsoll::signals;
use plimsoll_tests::exporter::Exporter;
use plimsoll_tests::prometheus::{Job, Prometheus};
use plimsoll_tests::runc::{Config, Container};
use plimsoll_tests::{structure, tools};

use crate::{INTERVAL, assert_clean, await_the_whole_row};

/// cAdvisor's names that are older than the rules they break, and what promtool says of them. Anything else it says is a
/// fault of ours.
const LEGACY: [&str; 1] = [r#"container_memory_failcnt counter metrics should have "_total" suffix"#];

const OPENMETRICS: [(&str, &str); 1] = [("Accept", "application/openmetrics-text; version=1.0.0")];

/// What promtool has against an exposition in the text format, sorted; but for node_exporter's names, which are as they are.
fn promtool(text: &str) -> Result<Vec<String>> {
    let mut command = Command::new(tools::promtool()?);
    let mut child = command
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("promtool")?;
    child.stdin.take().context("standard input is no pipe")?.write_all(text.as_bytes())?;
    let output = child.wait_with_output()?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text)?;
    let lines = text.lines().filter(|line| !line.starts_with("node_"));
    let mut lines: Vec<String> = lines.map(str::to_owned).collect();
    lines.sort();
    Ok(lines)
}

#[test]
fn every_format_gives_a_server_the_same_series() -> Result<()> {
    let exporter = Exporter::start(&[])?;
    let protocols = [
        ("openmetrics", "OpenMetricsText1.0.0"),
        ("openmetrics0", "OpenMetricsText0.0.1"),
        ("text", "PrometheusText0.0.4"),
        ("text1", "PrometheusText1.0.0"),
        ("protobuf", "PrometheusProto"),
    ];
    let job = |(name, protocol)| {
        Job::new(name, exporter.address()).with(&format!("scrape_protocols: [{protocol}]"))
    };
    // What the server does not know of a protocol is its own affair: a target that has no protobuf answers with text.
    let fallback = |job: Job| job.with("fallback_scrape_protocol: PrometheusText0.0.4");
    let jobs: Vec<Job> = protocols.into_iter().map(job).map(fallback).collect();
    let server = Prometheus::start(3, INTERVAL, &jobs, &[])?;
    let mut worker =
        Container::new(&Config::default().memory(64 << 20).cpu_quota(50_000, 100_000))?.start()?;
    worker.run("children 3 exit 3")?;
    let id = worker.container().cgroups_path().to_owned();
    for (job, protocol) in protocols {
        await_the_whole_row(&server, job, &exporter, &id).context(protocol)?;
        let metadata = server.metadata(job)?;
        let openmetrics = job.starts_with("openmetrics");
        let calls = if openmetrics { "container_syscalls" } else { "container_syscalls_total" };
        let failcnt = if openmetrics { "unknown" } else { "counter" };
        for (family, kind) in [
            (calls, "counter"),
            ("container_memory_failcnt", failcnt),
            ("container_memory_usage_bytes", "gauge"),
            ("container_cpu_runqueue_wait_seconds", "histogram"),
        ] {
            assert_eq!(metadata.get(family).map(String::as_str), Some(kind), "{job}: {family}");
        }
    }
    assert_clean(&server)?;
    worker.finish()
}

#[test]
fn promtool_has_nothing_against_it_but_cadvisors_old_names() -> Result<()> {
    let exporter = Exporter::start(&[])?;
    let config = Config::default().own_network().memory(32 << 20).pids(10).cpu_quota(50_000, 100_000);
    let mut worker = Container::new(&config)?.start()?;
    worker.run("oom 64")?;
    worker.run("open-enoent 1")?;
    let text = exporter.get("/metrics", &[])?;
    assert!(text.contains("\ncontainer_memory_failcnt{"), "not on a v1 host?\n{text}");
    assert_eq!(promtool(&text)?, LEGACY);
    // And with the families that only other hosts have.
    let mut all = String::new();
    for family in signals::ALL.iter().flat_map(|signal| signal.families) {
        let (name, labels) = (family.name, family.labels.iter().map(|label| format!("{label}=\"1\"")));
        let labels = labels.collect::<Vec<_>>().join(",");
        all.push_str(&format!("# HELP {name} {}\n# TYPE {name} {}\n", family.help, family.kind.as_str()));
        all.push_str(&match family.kind {
            Kind::Histogram => format!("{name}_bucket{{le=\"+Inf\"}} 1\n{name}_sum 1\n{name}_count 1\n"),
            _ => format!("{name}{{{labels}}} 1\n"),
        });
    }
    assert_eq!(promtool(&all)?, LEGACY);
    worker.finish()
}

#[test]
fn both_formats_keep_their_own_rules() -> Result<()> {
    for flags in [&[][..], &["--web.zero-first"], &["--no-web.openmetrics-created"]] {
        let exporter = Exporter::start(flags)?;
        let mut worker = Container::new(&Config::default().memory(64 << 20))?.start()?;
        worker.run("children 3 exit 3")?;
        for path in ["/metrics", "/metrics/cadvisor", "/metrics/node", "/metrics?collect[]=sched"] {
            for (headers, openmetrics) in [(&[][..], false), (&OPENMETRICS[..], true)] {
                for _ in 0..2 {
                    let faults = structure::faults(&exporter.get(path, headers)?, openmetrics);
                    assert_eq!(faults, Vec::<String>::new(), "{path} {flags:?}");
                }
            }
        }
        let text = exporter.get("/metrics", &OPENMETRICS)?;
        let created = !flags.contains(&"--no-web.openmetrics-created");
        assert_eq!(text.contains("\ncontainer_syscalls_created{"), created, "{flags:?}");
        worker.finish()?;
    }
    Ok(())
}
