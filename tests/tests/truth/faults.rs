//! Signals that kill: counted once, with the victim, and with who sent them.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use plimsoll_tests::cgroup;
use plimsoll_tests::exporter::{Exporter, Scrape};
use plimsoll_tests::runc::Config;
use rustix::process::Signal;

use crate::{container, counts, id, moved, together};

const FATAL: &str = "container_fatal_signals_total";
const BY: [&str; 3] = ["signal", "sender", "sender_id"];
const EXITS: &str = "container_process_exits_total";
const CORES: &str = "container_core_dumps_total";

/// As many deaths by signal as exits say, by signal.
fn assert_sums(scrape: &Scrape, id: &str) {
    let by_signal = |family: &str, labels: &[(&str, &str)]| {
        let mut sums = BTreeMap::new();
        for sample in scrape.all(family, labels) {
            *sums.entry(sample.labels["signal"].clone()).or_insert(0.0) += sample.value;
        }
        sums
    };
    assert_eq!(
        by_signal(FATAL, &[("id", id)]),
        by_signal(EXITS, &[("id", id), ("reason", "signaled")]),
        "{id}"
    );
}

#[test]
fn deaths_by_signal_name_their_sender() -> Result<()> {
    let exporter = Exporter::start(&[])?;
    let commands = [
        ("children 50 signal SIGKILL", "SIGKILL self", 50),
        ("children 20 signal SIGTERM", "SIGTERM self", 20),
        ("children 5 signal SIGSEGV", "SIGSEGV self", 5),
        ("children 6 pending SIGTERM", "SIGTERM self", 6),
        ("children 7 pending SIGABRT", "SIGABRT self", 7),
        ("children 8 fault", "SIGSEGV kernel", 8),
        ("oom 64", "SIGKILL kernel", 1),
        ("children 30 exit 3", "", 0),
        ("children-threaded 40 5 killed 7", "SIGKILL self", 40),
        ("children-threaded 40 5 race 7", "", 0),
    ];
    let limited = Config::default().memory(32 << 20);
    let mut containers = commands.iter().map(|_| container(&limited)).collect::<Result<Vec<_>>>()?;
    let neighbour = container(&Config::default())?;
    let before = exporter.scrape()?;
    together(&mut containers, &commands.map(|(command, ..)| command))?;
    let after = exporter.scrape()?;
    for (container, (command, how, count)) in containers.iter().zip(commands) {
        let id = id(container);
        let wanted = if count == 0 { counts([]) } else { counts([(how, count)]) };
        assert_eq!(moved((&before, &after), FATAL, &id, &BY), wanted, "{command}");
        assert_sums(&after, &id);
    }
    assert_eq!(after.kernel_row(&id(&neighbour)), before.kernel_row(&id(&neighbour)));
    assert_eq!(after.kernel_losses(), before.kernel_losses());
    Ok(())
}

/// From another container, and from the host; and still when nobody of them is there any more.
#[test]
fn a_killer_from_outside_is_named_beyond_its_own_end() -> Result<()> {
    let exporter = Exporter::start(&[])?;
    let victims = [container(&Config::default())?, container(&Config::default())?];
    let mut killer = container(&Config::default().host_pids())?;
    killer.run(&format!("kill {} SIGKILL", victims[0].pid()))?;
    victims[1].kill(Signal::KILL)?;
    for victim in &victims {
        victim.wait(Duration::from_secs(60))?;
    }
    let ids = [id(&victims[0]), id(&victims[1])];
    let senders = [id(&killer), cgroup::own()?];
    let named = |scrape: &Scrape| -> Result<()> {
        for (id, sender) in ids.iter().zip(&senders) {
            let of = [("id", &**id), ("signal", "SIGKILL"), ("sender", "outside"), ("sender_id", sender)];
            assert_eq!(scrape.value(FATAL, &of), Some(1.0), "{id} by {sender}");
            assert_eq!(scrape.sum(FATAL, &[("id", id)]), 1.0, "{id}");
            assert_sums(scrape, id);
        }
        Ok(())
    };
    named(&exporter.scrape()?)?;
    killer.finish()?;
    let gone = exporter.scrape_until("the killer's tombstone", |scrape| scrape.is_tombstone(&senders[0]))?;
    named(&gone)?;
    for victim in victims {
        victim.finish()?;
    }
    named(
        &exporter
            .scrape_until("the victims' tombstones", |scrape| ids.iter().all(|id| scrape.is_tombstone(id)))?,
    )
}

/// What was not seen is not guessed: the signal waited from before the exporter came.
#[test]
fn a_signal_from_before_the_exporter_has_no_sender() -> Result<()> {
    let mut old = container(&Config::default().host_pids())?;
    old.run("block SIGTERM")?;
    old.kill(Signal::TERM)?;
    let exporter = Exporter::start(&["--no-collector.syscalls", "--no-collector.sched"])?;
    old.run("children 3 signal SIGKILL")?;
    old.script().begin("unblock SIGTERM")?;
    old.wait(Duration::from_secs(60))?;
    let id = id(&old);
    let scrape = exporter.scrape()?;
    let by = |signal, sender| scrape.value(FATAL, &[("id", &*id), ("signal", signal), ("sender", sender)]);
    assert_eq!((by("SIGTERM", "unknown"), by("SIGKILL", "self")), (Some(1.0), Some(3.0)));
    assert_sums(&scrape, &id);
    Ok(())
}

#[test]
fn core_dumps_are_as_many_as_wait_tells() -> Result<()> {
    let exporter = Exporter::start(&[])?;
    let mut dumper = container(&Config::default())?;
    let neighbour = container(&Config::default())?;
    let before = exporter.scrape()?;
    let dumped: f64 = dumper.run("children-core 4")?.parse()?;
    let after = exporter.scrape()?;
    let id = id(&dumper);
    assert_eq!(after.moved(&before, CORES, &[("id", &id)]), dumped);
    assert_eq!(moved((&before, &after), FATAL, &id, &BY), counts([("SIGABRT self", 4)]));
    assert_eq!(after.kernel_row(&crate::id(&neighbour)), before.kernel_row(&crate::id(&neighbour)));
    // A file in the container's own root: there is nothing here that could refuse it.
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern")?;
    if !pattern.starts_with(['|', '/', '@']) {
        assert_eq!(dumped, 4.0, "{pattern}");
    }
    Ok(())
}
