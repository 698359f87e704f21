//! A block device of a test's own: a loop device on a sparse file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, ensure};

/// The device, gone when the last of those who use it is: this value, or a container.
#[derive(Debug)]
pub struct Loop {
    path: String,
    _open: File,
}

/// What `/proc/diskstats` says of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskStats {
    /// Reads, writes, discards and flushes completed.
    pub requests: [u64; 4],
    /// Bytes read, written and discarded.
    pub bytes: [u64; 3],
}

/// A file system in memory of a test's own, unmounted when dropped.
#[derive(Debug)]
pub struct Small(PathBuf);

impl Loop {
    /// On a new file of this size below a directory, or the temporary one. The file has no name any more when this returns.
    pub fn new(size: u64, directory: Option<&Path>) -> Result<Self> {
        let file = directory.map_or_else(std::env::temp_dir, Path::to_owned).join(unique("loop"));
        File::create(&file).and_then(|new| new.set_len(size)).with_context(|| file.display().to_string())?;
        let made = run(Command::new("losetup").args(["--find", "--show"]).arg(&file));
        std::fs::remove_file(&file)?;
        let path = made?.trim().to_owned();
        let open = File::open(&path).with_context(|| path.clone());
        // A device in use is only marked: the kernel takes it away when it is closed, whatever becomes of this test.
        run(Command::new("losetup").arg("--detach").arg(&path))?;
        Ok(Self { path, _open: open? })
    }

    /// `/dev/loopN`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its numbers.
    pub fn number(&self) -> Result<(u32, u32)> {
        let text = std::fs::read_to_string(format!("/sys/block/{}/dev", self.name()))?;
        let (major, minor) = text.trim().split_once(':').context("no colon")?;
        Ok((major.parse()?, minor.parse()?))
    }

    /// What the kernel has counted for it. Nobody else uses it.
    pub fn stats(&self) -> Result<DiskStats> {
        let text = std::fs::read_to_string("/proc/diskstats")?;
        let mut lines = text.lines().map(|line| line.split_whitespace().skip(2));
        let fields = lines.find_map(|mut fields| (fields.next()? == self.name()).then_some(fields));
        let fields = fields.with_context(|| self.path.clone())?.map(str::parse);
        let n = fields.collect::<Result<Vec<u64>, _>>()?;
        ensure!(n.len() >= 17, "/proc/diskstats: {} fields", n.len());
        let requests = [n[0], n[4], n[11], n[15]];
        Ok(DiskStats { requests, bytes: [n[2] * SECTOR, n[6] * SECTOR, n[13] * SECTOR] })
    }

    fn name(&self) -> &str {
        self.path.trim_start_matches("/dev/")
    }
}

/// The unit of `/proc/diskstats`.
const SECTOR: u64 = 512;

impl DiskStats {
    /// How much each grew since `before`.
    pub fn since(&self, before: &Self) -> Self {
        Self {
            requests: std::array::from_fn(|at| self.requests[at] - before.requests[at]),
            bytes: std::array::from_fn(|at| self.bytes[at] - before.bytes[at]),
        }
    }
}

impl Small {
    /// With room for this many bytes.
    pub fn new(size: u64) -> Result<Self> {
        let path = std::env::temp_dir().join(unique("small"));
        std::fs::create_dir(&path)?;
        let small = Self(path);
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "none"])
            .arg(&small.0))?;
        Ok(small)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // Lazily: a device on a file in it may be still on its way out.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
        let _ = std::fs::remove_dir(&self.0);
    }
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn unique(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("plimsoll-{what}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
