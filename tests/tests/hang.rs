//! A file that hangs costs its own numbers and never a scrape.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::exporter::{Exporter, Scrape};

/// A host whose only cgroup hierarchy is this directory, gone with the value.
struct Host(PathBuf);

impl Host {
    fn new() -> Result<Self> {
        let root = std::env::temp_dir().join(format!("plimsoll-hang-{}", std::process::id()));
        let host = Self(root);
        let mount = host.0.join("cgroup");
        host.file(
            "proc/self/mountinfo",
            &format!("30 24 0:26 / {} rw - cgroup2 cgroup2 rw\n", mount.display()),
        )?;
        host.file("cgroup/cgroup.controllers", "cpu memory pids\n")?;
        host.file("cgroup/cgroup.procs", "")?;
        host.file("cgroup/cpu.stat", "usage_usec 5\nuser_usec 3\nsystem_usec 2\n")?;
        Ok(host)
    }

    fn file(&self, name: &str, text: &str) -> Result<()> {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().context("a parent")?)?;
        std::fs::write(path, text)?;
        Ok(())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Takes a write lease on a file: whoever opens it then waits for the lease to be given up, as for a mount that hangs.
fn lease(path: &Path) -> Result<File> {
    let file = File::options().read(true).write(true).open(path)?;
    // SAFETY: ignoring a signal touches no memory; the lease is on an open file.
    let taken = unsafe {
        libc::signal(libc::SIGIO, libc::SIG_IGN);
        libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_WRLCK)
    };
    ensure!(taken == 0, "no lease: {}", io::Error::last_os_error());
    Ok(file)
}

#[test]
fn a_cgroup_file_that_hangs_costs_the_host_families_until_it_is_back() -> Result<()> {
    let host = Host::new()?;
    let lease = lease(&host.0.join("cgroup/cpu.stat"))?;
    let exporter = Exporter::start(&[&format!("--path.procfs={}", host.0.join("proc").display())])?;
    let scrape = || {
        let timeout = [("X-Prometheus-Scrape-Timeout-Seconds", "2")];
        exporter.get("/metrics", &timeout).map(|text| Scrape::parse(&text))
    };
    let read = |scrape: &Scrape| scrape.value("plimsoll_scrape_host_read_success", &[]);
    let cpu =
        |scrape: &Scrape| scrape.value("container_cpu_usage_seconds_total", &[("id", "/"), ("cpu", "total")]);
    // The first is told within its time; those after it do not wait at all.
    for _ in 0..3 {
        let hung = scrape()?;
        assert_eq!((read(&hung), cpu(&hung)), (Some(0.0), None));
        assert_eq!(hung.value("plimsoll_scrape_collector_success", &[("collector", "cpu")]), Some(0.0));
        assert_eq!(hung.value("plimsoll_scrape_collector_success", &[("collector", "sched")]), Some(1.0));
        assert!(hung.sum("container_context_switches_total", &[]) > 0.0, "the kernel's own counters go on");
    }
    drop(lease);
    let back = exporter.scrape_until("the host is read again", |scrape| read(scrape) == Some(1.0))?;
    assert_eq!(cpu(&back), Some(0.000_005));
    Ok(())
}
