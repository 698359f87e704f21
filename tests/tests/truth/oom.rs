//! Kills for lack of memory: with the victim, and past its death.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use plimsoll_tests::cgroup;
use plimsoll_tests::exporter::Exporter;
use plimsoll_tests::runc::Config;

use crate::{container, counts, id, moved};

const NAMES: [&str; 2] = ["container_oom_kills_total", "container_oom_events_total"];
const MB: u64 = 1 << 20;

#[test]
fn a_kill_under_a_limit_is_counted_and_outlives_the_container() -> Result<()> {
    let exporter = Exporter::start(&[])?;
    let limited = Config::default().memory(32 * MB);
    let mut killed = container(&limited)?;
    let neighbour = container(&limited)?;
    let before = exporter.scrape()?;
    killed.run("oom 64")?;
    killed.run("oom 64")?;
    let after = exporter.scrape()?;
    let id = id(&killed);
    for name in NAMES {
        assert_eq!(after.moved(&before, name, &[("id", &id)]), 2.0);
    }
    assert_eq!(after.kernel_row(&crate::id(&neighbour)), before.kernel_row(&crate::id(&neighbour)));
    killed.finish()?;
    let gone = exporter.scrape_until("its tombstone", |scrape| scrape.is_tombstone(&id))?;
    for name in NAMES {
        assert_eq!(gone.value(name, &[("id", &id)]), Some(2.0), "{name}");
    }
    let by = ["reason", "code", "signal"];
    let exits = moved((&before, &gone), "container_process_exits_total", &id, &by);
    assert_eq!(exits, counts([("exited 0", 1), ("signaled SIGKILL", 2)]));
    Ok(())
}

/// The limit is of the cgroup around both: the one who asks for the last page is not the one who holds the most.
#[test]
fn a_kill_counts_with_the_victim_and_not_with_who_allocated() -> Result<()> {
    let exporter = Exporter::start(&[])?;
    let around = format!("/plimsoll-test-oom-{}", std::process::id());
    let config = Config::default().cgroups_path(&format!("{around}/ID"));
    let mut victim = container(&config)?;
    let mut allocator = container(&config)?;
    limit(&around, 64 * MB)?;
    victim.run("take 44")?;
    let before = exporter.scrape()?;
    allocator.run("take 32")?;
    victim.wait(Duration::from_secs(60))?;
    let after = exporter.scrape()?;
    let by = |name: &str, id: &str| after.moved(&before, name, &[("id", id)]);
    for name in NAMES {
        assert_eq!(by(name, &id(&victim)), 1.0, "{name}");
        assert_eq!(by(name, &id(&allocator)), 0.0, "{name}");
        assert_eq!(by(name, &around), 0.0, "{name} of what is around both");
    }
    let signaled = [("id", &*id(&victim)), ("signal", "SIGKILL")];
    assert_eq!(after.moved(&before, "container_process_exits_total", &signaled), 1.0);
    let id = id(&victim);
    victim.finish()?;
    let gone = exporter.scrape_until("its tombstone", |scrape| scrape.is_tombstone(&id))?;
    assert_eq!(gone.value(NAMES[0], &[("id", &id)]), Some(1.0));
    Ok(())
}

/// Sets the limit of a cgroup that is there, in whichever hierarchy has the controller.
fn limit(path: &str, bytes: u64) -> Result<()> {
    let path = path.trim_start_matches('/');
    let v1 = Path::new("/sys/fs/cgroup/memory").join(path).join("memory.limit_in_bytes");
    let file: PathBuf = if v1.exists() { v1 } else { cgroup::root()?.join(path).join("memory.max") };
    std::fs::write(&file, bytes.to_string()).with_context(|| file.display().to_string())
}
