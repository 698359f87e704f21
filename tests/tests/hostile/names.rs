//! Names of everything that a container may name, made to end a label, a line or a buffer.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Child, Command, Stdio};

use anyhow::{Result, ensure};
use plimsoll_tests::cgroup::{self, Cgroup};
use plimsoll_tests::exporter::{Exporter, Scrape};
use plimsoll_tests::{structure, tasks, worker};

use crate::{Directory, Neighbour, docker, docker_id};

/// What every name is made of; not all of it may be in each.
const NAMES: [&[u8]; 8] = [
    b"evil\"} 1",
    b"evil\\",
    b"{evil=\"1\"}",
    b"# TYPE evil gauge",
    b"evil\xff\xfe\x80",
    b"\xe2\x80\xaeevil\xc2\x85\x1b[2J",
    b"evil 1 2 3",
    b"\r\tevil\x00",
];

/// How it is shown: nobody's terminal is to be led astray, and what is no text stays apart.
fn shown(text: &[u8]) -> String {
    let one = |c: char| if c.is_control() { format!("\\x{:02x}", u32::from(c)) } else { c.to_string() };
    text.utf8_chunks().fold(String::new(), |mut shown, chunk| {
        shown.extend(chunk.valid().chars().map(one));
        shown.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
        shown
    })
}

/// A cgroup whose name need not be text; removed with the value.
struct Odd(std::path::PathBuf);

impl Odd {
    fn make(below: &Cgroup, name: &[u8]) -> Result<Self> {
        let path = cgroup::root()?.join(below.id().trim_start_matches('/')).join(OsStr::from_bytes(name));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }

    /// A call in it, lest there be nothing to tell of it.
    fn call(&self) -> Result<()> {
        let script = "echo 0 > \"$0/cgroup.procs\" && exec \"$1\" syscalls 1 getsid";
        let status = Command::new("sh").args(["-c", script]).arg(&self.0).arg(worker::path()?).status()?;
        ensure!(status.success(), "{:?}: {status}", self.0);
        Ok(())
    }
}

impl Drop for Odd {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// A process that sleeps, under a name of its own.
struct Named(Child);

impl Named {
    fn start(directory: &Directory, name: &[u8]) -> Result<Self> {
        let path = directory.0.join(OsStr::from_bytes(name));
        std::fs::copy(worker::path()?, &path)?;
        let child = Command::new(path).arg("script").stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        Ok(Self(child))
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn names_are_labels_and_nothing_else() -> Result<()> {
    let _alone = crate::alone();
    let directory = Directory::new()?;
    let parent = Cgroup::make(&format!("/plimsoll-names-{}", std::process::id()))?;
    let mut odd = Vec::new();
    for name in NAMES {
        // No cgroup's name has a line's end or a byte of zero in it; the kernel sees to that.
        let name: Vec<u8> = name.iter().copied().filter(|byte| *byte != 0).collect();
        odd.push(Odd::make(&parent, &name)?);
    }
    odd.push(Odd::make(&parent, &[b'x'; 255])?);
    ensure!(Odd::make(&parent, b"a\nb").is_err(), "the kernel lets lines end in names");

    let sleepers = Cgroup::make(&format!("{}/sleepers", parent.id()))?;
    let mut named = Vec::new();
    for name in NAMES.into_iter().chain([&b"e\"} 1\nevil 2\n"[..]]) {
        let name: Vec<u8> = name.iter().copied().filter(|byte| *byte != 0).collect();
        let process = Named::start(&directory, &name)?;
        sleepers.enter(process.0.id())?;
        tasks::wait_until_asleep(process.0.id())?;
        named.push(process);
    }

    let id = docker_id();
    let text = "x\"} 1\n# TYPE evil gauge\nevil{a=\"\\\\\"} 2\n";
    let labels = serde_json::json!({"evil": text, "evil\n": "1", "__name__": "evil", "id": "/", text: text});
    directory.file(&format!("var/lib/docker/containers/{id}/config.v2.json"), &docker(&id, text, labels))?;
    let config = directory
        .file("config.yml", "labels: [{container_label: '*', as: 'l_*'}]\ninfo: {max_labels: 32}\n")?;
    let in_docker = Cgroup::make(&format!("{}/docker-{id}.scope", parent.id()))?;
    assert_eq!(in_docker.run("syscalls 5 getsid")?, 0);

    let config = format!("--config.file={}", config.display());
    let root = format!("--path.rootfs={}", directory.0.display());
    let exporter = Exporter::start(&[&config, &root])?;
    assert_eq!(in_docker.run("syscalls 7 getsid")?, 0);
    odd.iter().try_for_each(Odd::call)?;
    let text = shown(text.as_bytes());
    let known = |scrape: &Scrape| {
        scrape.value(
            "container_syscalls_total",
            &[("id", in_docker.id()), ("syscall", "getsid"), ("name", &*text), ("l_evil", &*text)],
        ) == Some(7.0)
    };
    exporter.scrape_until("its name is known, as it is", known)?;
    let mut neighbour = Neighbour::start()?;
    neighbour.is_exact(&exporter)?;
    for (openmetrics, accept) in
        [(false, "text/plain"), (true, "application/openmetrics-text; version=1.0.0")]
    {
        let text = exporter.get("/metrics", &[("Accept", accept)])?;
        let faults = structure::faults(&text, openmetrics);
        ensure!(faults.is_empty(), "{faults:#?}");
        let begins =
            |line: &str| ["evil", "# TYPE evil"].iter().any(|word| line.trim_start().starts_with(word));
        ensure!(!text.lines().any(begins), "a line of theirs");
        ensure!(text.chars().all(|c| c == '\n' || !c.is_control()), "control characters are served");
        let scrape = Scrape::parse(&text);
        // Every name is there, whether it is text or not.
        let ids: Vec<String> = scrape
            .all("container_syscalls_total", &[("syscall", "getsid")])
            .filter_map(|sample| {
                sample.labels.get("id")?.strip_prefix(&format!("{}/", parent.id())).map(str::to_owned)
            })
            .collect();
        for name in NAMES {
            let name = shown(name).replace("\\x00", "");
            ensure!(ids.contains(&name), "{name:?} is not among {ids:?}");
        }
        let of_sleepers = [("id", sleepers.id())];
        let commands: Vec<_> = scrape.all("container_threads_by_command", &of_sleepers).collect();
        assert_eq!(
            commands.iter().map(|sample| sample.value).sum::<f64>(),
            named.len() as f64,
            "{commands:?}"
        );
    }
    Ok(())
}
