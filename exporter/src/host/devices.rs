//! Names of block devices, from sysfs, remembered for a while.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::parse::parse_uevent_devname;

/// `major:minor` → `/dev/sda`.
#[derive(Debug)]
pub(super) struct Devices {
    blocks: PathBuf,
    names: HashMap<(u32, u32), (Arc<str>, Instant)>,
}

/// The most names remembered; all are forgotten beyond it.
const MAX_NAMES: usize = 4096;
/// A number can be given to another device once its own is gone.
const FORGET_AFTER: Duration = Duration::from_secs(300);

impl Devices {
    pub(super) fn new(sysfs: &Path) -> Self {
        Self { blocks: sysfs.join("dev/block"), names: HashMap::new() }
    }

    /// The name of a device; `major:minor` if sysfs does not know it.
    pub(super) fn name(&mut self, device: (u32, u32), now: Instant) -> Arc<str> {
        if let Some((name, since)) = self.names.get(&device)
            && now.duration_since(*since) < FORGET_AFTER
        {
            return name.clone();
        }
        let number = format!("{}:{}", device.0, device.1);
        let uevent = std::fs::read(self.blocks.join(&number).join("uevent")).unwrap_or_default();
        let name: Arc<str> = match parse_uevent_devname(&uevent) {
            Some(name) => format!("/dev/{name}").into(),
            None => number.into(),
        };
        if self.names.len() >= MAX_NAMES {
            self.names.clear();
        }
        self.names.insert(device, (name.clone(), now));
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::fixture::Fixture;

    #[test]
    fn names_come_from_sysfs_and_are_remembered() {
        let fixture = Fixture::v2("devices");
        fixture.file("sys/dev/block/8:0/uevent", "MAJOR=8\nMINOR=0\nDEVNAME=sda\n");
        let mut devices = Devices::new(&fixture.path("sys"));
        let now = Instant::now();
        assert_eq!(&*devices.name((8, 0), now), "/dev/sda");
        assert_eq!(&*devices.name((7, 3), now), "7:3");
        fixture.file("sys/dev/block/8:0/uevent", "DEVNAME=sdb\n");
        assert_eq!(&*devices.name((8, 0), now), "/dev/sda");
        assert_eq!(&*devices.name((8, 0), now + FORGET_AFTER), "/dev/sdb");
    }
}
