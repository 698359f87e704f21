//! Flags that make no sense, and hosts that refuse: one clear error, or the rest works and says what does not.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result};
use plimsoll::config::Config;
use plimsoll_tests::exporter::{self, Exporter, Scrape};
use plimsoll_tests::runc::{self, Container};

/// What the exporter says to flags that it refuses.
fn refused(args: &[&str]) -> Result<Output> {
    Ok(Command::new(exporter::path()?).args(args).stdin(Stdio::null()).output()?)
}

#[test]
fn every_flag_refuses_nonsense_in_one_line_that_names_it() -> Result<()> {
    let command = Config::command(&[]);
    let mut tried = 0;
    for arg in command.get_arguments() {
        let Some(name) = arg.get_long() else { continue };
        let takes_value = arg.get_action().takes_values();
        // Any directory may be one that is mounted later, and any path of the web may be wanted. A file is named by its path.
        let is_path = ["config.file", "directory", "kubeconfig"].iter().any(|end| name.ends_with(end));
        // Nor is there a name that no node may have.
        if !takes_value || name.starts_with("path.") || is_path || name == "kubernetes.node" {
            continue;
        }
        let is_pattern = name.starts_with("collector.");
        let flag = format!("--{name}={}", if is_pattern { "(" } else { "\u{1}nonsense \"" });
        let output = refused(&[&flag])?;
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{flag}: {error}");
        assert_eq!(error.lines().count(), 1, "{flag}: {error}");
        assert!(error.contains(&format!("--{name}")), "{flag}: {error}");
        assert!(output.stdout.is_empty(), "{flag}");
        tried += 1;
    }
    assert!(tried >= 11, "flags tried: {tried}");
    Ok(())
}

#[test]
fn a_configuration_file_that_is_not_there_is_named() -> Result<()> {
    let output = refused(&["--config.file=/nonexistent/plimsoll.yml"])?;
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert_eq!(error, "/nonexistent/plimsoll.yml: No such file or directory (os error 2)\n");
    Ok(())
}

#[test]
fn out_of_range_and_unknown_flags() -> Result<()> {
    for (args, word) in [
        (&["--kernel.slots=63"][..], "--kernel.slots"),
        (&["--kernel.slots=65537"], "--kernel.slots"),
        (&["--kernel.memory-limit=12"], "--kernel.memory-limit"),
        (&["--tombstone.min-age=-1s"], "--tombstone.min-age"),
        (&["--cgroup.max-depth=0"], "--cgroup.max-depth"),
        (&["--web.telemetry-path=metrics"], "--web.telemetry-path"),
        (&["--web.telemetry-path=/-/ready"], "--web.telemetry-path"),
        (&["--log.level=loud"], "--log.level"),
        (&["--collector.nothing"], "--collector.nothing"),
        (&["stray"], "stray"),
    ] {
        let output = refused(args)?;
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{args:?}: {error}");
        assert!(error.contains(word), "{args:?}: {error}");
    }
    Ok(())
}

#[test]
fn maps_that_do_not_fit_are_an_error_with_the_bytes_they_need() -> Result<()> {
    let output = refused(&["--kernel.memory-limit=1MiB", "--web.listen-address=127.0.0.1:0"])?;
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    let last = error.lines().last().context("no error")?;
    assert!(last.contains("--kernel.memory-limit=1048576: 1024 slots need at least"), "{last}");
    Ok(())
}

#[test]
fn a_port_in_use_is_named() -> Result<()> {
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let output = refused(&["--collector.disable-defaults", &format!("--web.listen-address={address}")])?;
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    let last = error.lines().last().context("no error")?;
    assert!(last.contains(&address) && last.contains("in use"), "{last}");
    Ok(())
}

/// The exporter where any user may run it, gone with the value.
struct Copied(PathBuf);

impl Copied {
    fn new(name: &str) -> Result<Self> {
        let directory = std::env::temp_dir().join(format!("plimsoll-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        std::fs::set_permissions(&directory, PermissionsExt::from_mode(0o755))?;
        std::fs::copy(exporter::path()?, directory.join("plimsoll"))?;
        Ok(Self(directory))
    }

    fn command(&self) -> Command {
        let mut command = Command::new("setpriv");
        command.args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "--inh-caps=-all",
            "--bounding-set=-all",
        ]);
        command.arg(self.0.join("plimsoll"));
        command
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// No program runs, each says why, no kernel family is served, and the cgroup families are.
fn serves_cgroups_alone(scrape: &Scrape, reason: &str) {
    let programs: Vec<_> = scrape.all("plimsoll_program_up", &[]).collect();
    assert!(programs.len() >= 9, "{programs:?}");
    assert!(programs.iter().all(|program| program.value == 0.0), "{programs:?}");
    for info in scrape.all("plimsoll_program_info", &[]) {
        assert!(info.labels["reason"].contains(reason), "{info:?}");
    }
    for family in ["container_syscalls_total", "container_oom_kills_total", "container_process_forks_total"] {
        assert_eq!(scrape.all(family, &[]).count(), 0, "{family}: absent, not 0");
    }
    for signal in ["syscalls", "process", "sched", "oom"] {
        assert_eq!(scrape.value("plimsoll_scrape_collector_success", &[("collector", signal)]), Some(0.0));
    }
    assert_eq!(scrape.value("plimsoll_scrape_collector_success", &[("collector", "cpu")]), Some(1.0));
}

#[test]
fn without_privileges_the_cgroup_families_are_served_and_the_refusal_is_named() -> Result<()> {
    let container = Container::new(&runc::Config::default())?.start()?;
    let path = container.container().cgroups_path().to_owned();
    let copied = Copied::new("unprivileged")?;
    let exporter = Exporter::start_command(copied.command())?;
    let scrape = exporter.scrape()?;
    serves_cgroups_alone(&scrape, "not permitted");
    let labels = [("id", path.as_str())];
    assert!(scrape.value("container_cpu_usage_seconds_total", &labels).is_some_and(|cpu| cpu > 0.0));
    assert_eq!(scrape.value("container_threads", &labels), Some(1.0));
    // A cgroup made later is there as well, and one that is gone goes.
    let later = Container::new(&runc::Config::default())?.start()?;
    let later_path = later.container().cgroups_path().to_owned();
    let threads = |scrape: &Scrape| scrape.value("container_threads", &[("id", &later_path)]);
    assert_eq!(threads(&exporter.scrape()?), Some(1.0));
    later.finish()?;
    exporter.scrape_until("the cgroup is gone", |scrape| threads(scrape).is_none())?;
    container.finish()
}

#[test]
fn without_the_kernels_types_the_file_that_is_missing_is_named() -> Result<()> {
    let exporter = Exporter::start(&["--path.sysfs=/nonexistent"])?;
    serves_cgroups_alone(&exporter.scrape()?, "/nonexistent/kernel/btf/vmlinux");
    Ok(())
}

#[test]
fn without_tracefs_every_program_runs() -> Result<()> {
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c"]);
    command.arg("umount -l /sys/kernel/tracing /sys/kernel/debug 2>/dev/null; exec \"$0\" \"$@\"");
    command.arg(exporter::path()?);
    let exporter = Exporter::start_command(command)?;
    let scrape = exporter.scrape()?;
    let programs: Vec<_> = scrape.all("plimsoll_program_up", &[]).collect();
    assert!(programs.len() >= 9 && programs.iter().all(|program| program.value == 1.0), "{programs:?}");
    Ok(())
}

#[test]
fn a_cgroup_that_cannot_be_read_costs_its_own_numbers_only() -> Result<()> {
    let hidden = Container::new(&runc::Config::default())?.start()?;
    let seen = Container::new(&runc::Config::default())?.start()?;
    for directory in directories(hidden.container().cgroups_path())? {
        std::fs::set_permissions(directory, PermissionsExt::from_mode(0o700))?;
    }
    let copied = Copied::new("unreadable")?;
    let exporter = Exporter::start_command(copied.command())?;
    let scrape = exporter.scrape()?;
    let cpu = |running: &runc::Running| {
        let id = running.container().cgroups_path();
        scrape.value("container_cpu_usage_seconds_total", &[("id", id)])
    };
    assert_eq!(cpu(&hidden), None);
    assert!(cpu(&seen).is_some());
    hidden.finish()?;
    seen.finish()
}

/// The container's directories in every hierarchy.
fn directories(path: &str) -> Result<Vec<PathBuf>> {
    let roots = std::fs::read_dir("/sys/fs/cgroup")?.flatten().map(|entry| entry.path());
    let all = roots.chain([Path::new("/sys/fs/cgroup").to_owned()]);
    Ok(all.map(|root| root.join(path.trim_start_matches('/'))).filter(|path| path.is_dir()).collect())
}
