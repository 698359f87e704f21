//! The kernel's own record of an event, as a witness.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result, bail};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// An event of the whole host, recorded from when this is made until it is dropped.
#[derive(Debug)]
pub struct Trace {
    /// A tracefs of the test's own, since there may be no other.
    root: PathBuf,
}

impl Trace {
    /// Records an event, such as `sock/sock_exceed_buf_limit`.
    pub fn of(event: &str) -> Result<Self> {
        const NO_FILTER: &str = "0";
        Self::filtered(event, NO_FILTER)
    }

    /// Records an event where this holds of its fields, such as `prev_pid == 1`.
    pub fn filtered(event: &str, filter: &str) -> Result<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("plimsoll-trace-{}-{number}", std::process::id()));
        fs::create_dir_all(&root)?;
        mount("tracefs", &root, "tracefs", MountFlags::empty(), None).context("tracefs")?;
        let trace = Self { root };
        fs::create_dir(trace.instance()).context("an instance of tracefs")?;
        let event = trace.instance().join("events").join(event);
        for (name, text) in [("filter", filter), ("enable", "1")] {
            let file = event.join(name);
            fs::write(&file, text).with_context(|| file.display().to_string())?;
        }
        Ok(trace)
    }

    /// The lines recorded so far.
    pub fn lines(&self) -> Result<Vec<String>> {
        let text = fs::read_to_string(self.instance().join("trace")).context("trace")?;
        if text.contains("LOST") {
            bail!("the kernel's record of events has gaps");
        }
        Ok(text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect())
    }

    fn instance(&self) -> PathBuf {
        let name = self.root.file_name().unwrap_or_default();
        self.root.join("instances").join(name)
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        let _ = fs::remove_dir(self.instance());
        let _ = unmount(&self.root, UnmountFlags::DETACH);
        let _ = fs::remove_dir(&self.root);
    }
}
