//! A mount that never answers.

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use plimsoll_tests::exporter::{Exporter, Scrape};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::Directory;

/// A FUSE file system that nobody serves: whoever asks it waits until it is gone.
struct Hanging {
    at: PathBuf,
    _device: File,
}

impl Hanging {
    fn mount(at: &Path) -> Result<Self> {
        std::fs::create_dir_all(at)?;
        let device = File::options().read(true).write(true).open("/dev/fuse").context("/dev/fuse")?;
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", device.as_raw_fd());
        let options = std::ffi::CString::new(options)?;
        mount("plimsoll-hangs", at, "fuse", MountFlags::NOSUID | MountFlags::NODEV, options.as_c_str())?;
        Ok(Self { at: at.to_owned(), _device: device })
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        // Whoever waits is told that it is gone.
        let _ = unmount(&self.at, UnmountFlags::FORCE | UnmountFlags::DETACH);
    }
}

#[test]
fn a_mount_that_hangs_costs_itself_alone() -> Result<()> {
    let root = Directory::new("hangs")?;
    let (hangs, good) = (root.0.join("hangs"), root.0.join("good"));
    root.file("good/file", "")?;
    let hanging = Hanging::mount(&hangs)?;
    let mounts = format!("fuse {} fuse rw 0 0\n/dev/good {} ext4 rw 0 0\n", hangs.display(), good.display());
    root.file("proc/1/mounts", &mounts)?;
    root.file("proc/loadavg", "1 2 3 4/5 6\n")?;
    let procfs = format!("--path.procfs={}", root.0.join("proc").display());
    let exporter = Exporter::start(&[&procfs, "--collector.filesystem.mount-timeout=50ms"])?;
    for _ in 0..3 {
        for path in ["/metrics", "/metrics/node"] {
            let scrape = Scrape::parse(&exporter.get(path, &[("X-Prometheus-Scrape-Timeout-Seconds", "5")])?);
            let error = |at: &Path| {
                let at = at.display().to_string();
                scrape.value("node_filesystem_device_error", &[("mountpoint", &at)])
            };
            let size = |at: &Path| {
                scrape.value("node_filesystem_size_bytes", &[("mountpoint", &at.display().to_string())])
            };
            assert_eq!((error(&hangs), error(&good)), (Some(1.0), Some(0.0)));
            assert_eq!(size(&hangs), None);
            assert!(size(&good).is_some_and(|size| size > 0.0));
            let success = |name| scrape.value("node_scrape_collector_success", &[("collector", name)]);
            assert_eq!((success("filesystem"), success("loadavg")), (Some(1.0), Some(1.0)));
            assert_eq!(scrape.value("node_load15", &[]), Some(3.0));
        }
    }
    // One thread waits for it, however often it was to be asked.
    let threads = std::fs::read_dir(format!("/proc/{}/task", exporter.pid()))?;
    let asking = threads.flatten().filter(|thread| {
        std::fs::read_to_string(thread.path().join("comm")).is_ok_and(|name| name.trim() == "statfs")
    });
    assert_eq!(asking.count(), 2, "the one that is lost, and the one that goes on");
    drop(hanging);
    exporter.scrape_until("the mount answers", |scrape| {
        let at = hangs.display().to_string();
        scrape.value("node_filesystem_device_error", &[("mountpoint", &at)]) == Some(0.0)
    })?;
    Ok(())
}
