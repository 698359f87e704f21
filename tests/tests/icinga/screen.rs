//! The services of a Linux host in a running Icinga: as they should be, broken, repaired, and configured anew.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::host::Mounts;
use plimsoll_tests::icinga::{self, Icinga, Service};
use plimsoll_tests::nginx::Nginx;
use plimsoll_tests::ntpd::Ntpd;
use plimsoll_tests::servers::Servers;
use plimsoll_tests::services::Services;
use plimsoll_tests::tools::workspace;

/// Processes that a host of ours has, each a service.
const PROCESSES: [(&str, &str); 7] = [
    ("NTP process", "ntpd"),
    ("docker process", "dockerd"),
    ("flannel process", "flanneld"),
    ("grafana process", "grafana"),
    ("icinga2 process", "icinga2"),
    ("influxdb process", "influxd"),
    ("mysql process", "mysqld"),
];
/// What has to answer.
const ANSWERS: [&str; 5] = ["HTTP", "NTP peer", "REST", "SSH", "nginx status"];
/// What only another configuration brings to another state.
const CONFIGURED: [&str; 3] = ["PING", "load", "memory"];

const OK: u64 = 0;
const CRITICAL: u64 = 2;

/// The files of the bundle.
fn bundle() -> String {
    let place = workspace().join("deploy/icinga2");
    let place = place.display();
    format!("include \"{place}/commands.conf\"\ninclude \"{place}/services.conf\"\n")
}

/// A host whose services are those of the test; `more` comes last.
fn host(servers: &Servers, tag: &str, more: &str) -> Result<String> {
    let mut text = r#"object Host "box" {
  import "plimsoll-linux"
  address = "127.0.0.1"
  vars.plimsoll["HTTP"] += { http_port = {http}, http_timeout = 2 }
  vars.plimsoll["REST"] += {
    plimsoll_rest_port = {http}
    plimsoll_rest_url = "/data.json"
    plimsoll_rest_queries = [ { query = "status", expect = "green" }, { query = "nodes[0].load", label = "the load", warning = 2 } ]
    plimsoll_rest_timeout = 2
  }
  vars.plimsoll["SSH"] += { ssh_port = {ssh}, ssh_timeout = 2 }
  vars.plimsoll["NTP peer"] += { ntp_port = {ntpd}, ntp_timeout = 2 }
  vars.plimsoll["nginx status"] += { nginx_status_port = {http}, nginx_status_timeout = 2, nginx_status_warn = "-1,-1,-1", nginx_status_critical = "-1,-1,-1" }
  vars.plimsoll["inodes"] += { disk_partitions = [ "{disk}/one" ], disk_exclude_type = [ ] }
  vars.plimsoll["load"] += { load_wload1 = 10000, load_wload5 = 10000, load_wload15 = 10000, load_cload1 = 10000, load_cload5 = 10000, load_cload15 = 10000 }
  vars.plimsoll["memory"] += { mem_warning = 0, mem_critical = 0 }
"#
    .to_owned();
    for (name, _) in PROCESSES {
        text.push_str(&format!("  vars.plimsoll[\"{name}\"].procs_argument = \"{tag}\"\n"));
    }
    // Braces that hold no name are Icinga's own.
    for name in ["http", "ssh", "ntpd", "disk"] {
        text = text.replace(&format!("{{{name}}}"), servers.place(name)?);
    }
    Ok(format!("{}{text}{more}}}\n", bundle()))
}

#[test]
fn the_bundle_is_taken_without_a_word() -> Result<()> {
    let host = "object Host \"box\" { import \"plimsoll-linux\"\n address = \"192.0.2.1\" }\n";
    assert_eq!(icinga::validate(&(bundle() + host))?, Vec::<String>::new());
    Ok(())
}

#[test]
fn icinga_shows_what_breaks_and_what_is_repaired_and_reads_another_configuration_meanwhile() -> Result<()> {
    let mut servers = Servers::start()?;
    let ntpd = Ntpd::start("")?;
    servers.name("ntpd", ntpd.port()?);
    let nginx = Nginx::start(&mut servers)?;
    let mut services = Services::none()?;
    services.ssh(&mut servers)?;
    let _mounts = Mounts::make(&mut servers)?;
    let mut processes = Processes::start()?;
    let icinga = Icinga::start(&host(&servers, &processes.tag, "")?)?;

    let names = PROCESSES.map(|(name, _)| name);
    let ends = [&ANSWERS[..], &names, &["inodes"]].concat();
    let all = [&ends[..], &CONFIGURED].concat();
    let shown = icinga.await_states("box", &states(&all, OK))?;
    assert_eq!(shown.len(), all.len(), "{shown:#?}");

    nginx.pause();
    services.pause();
    ntpd.pause();
    processes.end();
    let files = Files::fill(Path::new(servers.place("disk")?))?;
    icinga.await_states("box", &states(&ends, CRITICAL))?;
    nginx.resume();
    services.resume();
    ntpd.resume();
    processes.run()?;
    drop(files);
    let repaired = icinga.await_states("box", &states(&all, OK))?;

    let stricter = r#"  vars.plimsoll["PING"] += { ping_wrta = 0, ping_crta = 0 }
  vars.plimsoll["load"] += { load_wload1 = 0, load_cload1 = 0 }
  vars.plimsoll["memory"] += { mem_warning = 100, mem_critical = 100 }
  vars.plimsoll["another"] = { check = "dummy", plimsoll_dummy_state = 2, plimsoll_dummy_text = "of a new configuration" }
"#;
    icinga.configure(&host(&servers, &processes.tag, stricter)?)?;
    icinga.reload()?;
    let changed = [&CONFIGURED[..], &["another"]].concat();
    let wanted = [states(&changed, CRITICAL), states(&ends, OK)].concat();
    let reloaded = icinga.await_states("box", &wanted)?;
    for name in &ends {
        let (before, after) = (named(&repaired, name)?, named(&reloaded, name)?);
        ensure!(after.checked > before.checked, "{name}: not checked since");
        // It was never in another state, not even while one Icinga took over from the other.
        assert_eq!(after.attrs["last_state_change"], before.attrs["last_state_change"], "{name}");
    }

    icinga.configure(&host(&servers, &processes.tag, "")?)?;
    icinga.reload()?;
    let again = icinga.await_states("box", &states(&all, OK))?;
    assert_eq!(again.len(), all.len(), "what is no more configured is gone");
    Ok(())
}

fn states<'n>(names: &[&'n str], state: u64) -> Vec<(&'n str, u64)> {
    names.iter().map(|name| (*name, state)).collect()
}

fn named<'s>(services: &'s [Service], name: &str) -> Result<&'s Service> {
    let name = format!("box!{name}");
    services.iter().find(|service| service.name == name).with_context(|| format!("no {name}"))
}

/// One process of each name; each has an argument that is the test's own.
struct Processes {
    tag: String,
    directory: PathBuf,
    children: Vec<Child>,
}

impl Processes {
    fn start() -> Result<Self> {
        let tag = format!("plimsoll-screen-{}", std::process::id());
        let directory = std::env::temp_dir().join(&tag);
        std::fs::create_dir_all(&directory)?;
        for (_, program) in PROCESSES {
            std::os::unix::fs::symlink("/bin/cat", directory.join(program))?;
        }
        let mut processes = Self { tag, directory, children: Vec::new() };
        processes.run()?;
        Ok(processes)
    }

    /// Each reads its input, to which nobody writes.
    fn run(&mut self) -> Result<()> {
        for (_, program) in PROCESSES {
            let mut command = Command::new(self.directory.join(program));
            command.args(["-", &self.tag]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
            self.children.push(command.spawn().context(program)?);
        }
        Ok(())
    }

    fn end(&mut self) {
        for mut child in self.children.drain(..) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.end();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Files that use up the inodes of a small file system.
struct Files(PathBuf);

impl Files {
    fn fill(disk: &Path) -> Result<Self> {
        let files = Self(disk.join("one/many"));
        std::fs::create_dir(&files.0)?;
        for number in 0..980 {
            std::fs::write(files.0.join(number.to_string()), "")?;
        }
        Ok(files)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
