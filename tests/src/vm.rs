//! A virtual machine with another kernel, pure cgroup v2, in seconds: QEMU by software emulation, and a root file system
//! in memory that holds busybox and what a test puts into it.
//!
//! A test's script sees `/proc`, `/sys`, cgroup2 at `/sys/fs/cgroup` with every controller handed down, tracefs, bpffs and
//! `lo` up; files it leaves in `/out` come back. Nothing is shared with the host, and nothing is left of it.

mod cpio;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use flate2::read::GzDecoder;

use crate::tools;

/// A machine to be.
#[derive(Debug)]
pub struct Vm {
    kernel: PathBuf,
    memory_mb: u32,
    cpus: u32,
    possible_cpus: u32,
    disk_mb: u64,
    kernel_args: String,
    files: Vec<(PathBuf, String)>,
    texts: Vec<(String, String)>,
}

/// What a machine left when it powered off.
#[derive(Debug)]
pub struct VmResult {
    /// What the script wrote, to standard output and standard error.
    pub stdout: String,
    /// The script's exit status.
    pub status: i32,
    /// What it left in `/out`, by path within it.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What the kernel said on its console.
    pub console: String,
    /// From the start of QEMU to its end.
    pub took: Duration,
}

/// One machine at a time: two would take each other's CPUs.
static ONE: Mutex<()> = Mutex::new(());

impl Vm {
    /// A machine with two CPUs and 1 GiB that boots the kernel image at a path (see `tools::kernel`).
    pub fn new(kernel: impl Into<PathBuf>) -> Self {
        Self {
            kernel: kernel.into(),
            memory_mb: 1024,
            cpus: 2,
            possible_cpus: 2,
            disk_mb: 0,
            kernel_args: String::new(),
            files: vec![],
            texts: vec![],
        }
    }

    /// Puts a file of the host at a path in the machine.
    pub fn file(mut self, host: impl Into<PathBuf>, guest: &str) -> Self {
        self.files.push((host.into(), guest.to_owned()));
        self
    }

    /// Puts a program of the host at a path in the machine, with the libraries it needs at their own paths.
    pub fn program(mut self, host: impl Into<PathBuf>, guest: &str) -> Result<Self> {
        let host = host.into();
        for library in tools::libraries(&host)? {
            let path = library.to_str().with_context(|| format!("{library:?}: not UTF-8"))?.to_owned();
            if !self.files.iter().any(|file| file.1 == path) {
                self.files.push((library, path));
            }
        }
        Ok(self.file(host, guest))
    }

    /// Puts text at a path in the machine.
    pub fn text(mut self, guest: &str, content: &str) -> Self {
        self.texts.push((guest.to_owned(), content.to_owned()));
        self
    }

    /// Gives the machine this much memory.
    pub fn memory_mb(mut self, megabytes: u32) -> Self {
        self.memory_mb = megabytes;
        self
    }

    /// Gives the machine sockets for this many CPUs; those beyond the two it has stay empty.
    pub fn possible_cpus(mut self, cpus: u32) -> Self {
        self.possible_cpus = cpus;
        self
    }

    /// Gives the machine a disk of this size, all zeros: `/dev/nvme0n1`, whose driver Debian's kernels have built in.
    pub fn disk_mb(mut self, megabytes: u64) -> Self {
        self.disk_mb = megabytes;
        self
    }

    /// Adds arguments to the kernel's command line.
    pub fn kernel_args(mut self, args: &str) -> Self {
        self.kernel_args.push(' ');
        self.kernel_args.push_str(args);
        self
    }

    /// Boots, runs `script` with busybox's shell, and powers off. It is an error if that is not over in `timeout`.
    pub fn run(&self, script: &str, timeout: Duration) -> Result<VmResult> {
        let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let work = Work::new()?;
        std::fs::write(work.0.join("initramfs"), self.initramfs(script)?).context("the initramfs")?;
        let start = Instant::now();
        let stdout = self.boot(&work.0, timeout)?;
        let took = start.elapsed();
        let console = String::from_utf8_lossy(&work.read("console")?).into_owned();
        let mut results = Vec::new();
        let unpacked =
            GzDecoder::new(&work.read("results")?[..]).read_to_end(&mut results).map_err(Into::into);
        let mut files = unpacked
            .and_then(|_| cpio::read(&results))
            .with_context(|| format!("the machine died; {}\nscript:\n{stdout}", last_lines(&console)))?;
        let status = files.remove(".status").context("no status")?;
        let status = std::str::from_utf8(&status)?.trim().parse().context("the status")?;
        Ok(VmResult { stdout, status, files, console, took })
    }

    fn initramfs(&self, script: &str) -> Result<Vec<u8>> {
        let mut archive = cpio::Archive::default();
        let read = |path: &Path| std::fs::read(path).with_context(|| path.display().to_string());
        archive.file("/init", include_bytes!("vm/init.sh"));
        archive.file("/script", script.as_bytes());
        archive.file("/bin/busybox", &read(&tools::busybox()?)?);
        for (host, guest) in &self.files {
            archive.file(guest, &read(host)?);
        }
        for (guest, content) in &self.texts {
            archive.file(guest, content.as_bytes());
        }
        Ok(archive.finish())
    }

    /// Runs QEMU to its end: what the script wrote.
    fn boot(&self, work: &Path, timeout: Duration) -> Result<String> {
        let append = format!("console=ttyS0 quiet panic=-1 mitigations=off psi=1{}", self.kernel_args);
        let mut disk = vec![];
        if self.disk_mb > 0 {
            std::fs::File::create(work.join("disk"))?.set_len(self.disk_mb << 20)?;
            disk = vec![
                "-drive",
                "file=disk,if=none,id=disk,format=raw",
                "-device",
                "nvme,drive=disk,serial=disk",
            ];
        }
        let smp = format!("{},maxcpus={}", self.cpus, self.possible_cpus.max(self.cpus));
        let mut child = Command::new("qemu-system-x86_64")
            .current_dir(work)
            .args(disk)
            .args(["-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "Haswell", "-no-reboot", "-nodefaults"])
            .args(["-display", "none", "-m", &self.memory_mb.to_string(), "-smp", &smp])
            .args(["-serial", "file:console", "-serial", "stdio", "-serial", "file:results"])
            .args(["-initrd", "initramfs", "-append", &append, "-kernel"])
            .arg(&self.kernel)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(work.join("qemu"))?)
            .spawn()
            .context("qemu-system-x86_64: run tools/setup packages")?;
        let mut output = child.stdout.take().context("no pipe")?;
        let (ended, end) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let read = output.read_to_end(&mut bytes);
            // The other side is gone only when it has given up on this machine.
            let _ = ended.send(());
            read.map(|_| bytes)
        });
        let in_time = end.recv_timeout(timeout).is_ok();
        if !in_time {
            child.kill().context("kill QEMU")?;
        }
        let status = child.wait()?;
        let bytes = reader.join().map_err(|_| anyhow!("the reader panicked"))??;
        let stdout = String::from_utf8_lossy(&bytes).into_owned();
        let console = || std::fs::read(work.join("console")).unwrap_or_default();
        if !in_time {
            let console = String::from_utf8_lossy(&console()).into_owned();
            bail!("not over after {timeout:?}; {}\nscript:\n{stdout}", last_lines(&console));
        }
        if !status.success() {
            bail!("QEMU: {status}: {}", String::from_utf8_lossy(&std::fs::read(work.join("qemu"))?));
        }
        Ok(stdout)
    }
}

/// A directory of this machine alone, removed with it.
struct Work(PathBuf);

impl Work {
    fn new() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("plimsoll-vm-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).with_context(|| path.display().to_string())?;
        Ok(Self(path))
    }

    fn read(&self, name: &str) -> Result<Vec<u8>> {
        std::fs::read(self.0.join(name)).with_context(|| name.to_owned())
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // What cannot be removed lies in the system's temporary directory, under a name that says whose it is.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn last_lines(console: &str) -> String {
    let lines: Vec<&str> = console.lines().collect();
    format!("console:\n{}", lines[lines.len().saturating_sub(20)..].join("\n"))
}
