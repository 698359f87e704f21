//! Disk I/O: `io.stat`, or the first of v1's accounts that knows a device.

use super::{HostReader, Pass};
use crate::host::files::{CgroupFiles, File, Place};
use crate::host::parse::{DeviceCounts, parse_blkio, parse_io_stat};
use crate::host::{Collector, DeviceIo, Version};

/// The pairs of v1: throttling counts with descendants, without (old kernels), and those of the bfq scheduler,
/// since newer kernels count for throttling only where a throttle is set.
const PAIRS: [(File, File); 3] = [
    (File::IoBytes, File::IoRequests),
    (File::IoBytesOwn, File::IoRequestsOwn),
    (File::IoBytesBfq, File::IoRequestsBfq),
];

impl HostReader {
    /// v1 counts a request to who submitted it, so a cgroup that does not run has no more once two readings
    /// agree; v2 also counts what the kernel writes back on its behalf, so it is always asked.
    pub(super) fn read_diskio(&mut self, files: &mut CgroupFiles, pass: Pass, out: &mut Vec<DeviceIo>) {
        let version = self.source.version(Place::Io);
        if pass.idle() && files.memo.devices_calm && version == Some(Version::V1) {
            out.extend_from_slice(&files.memo.devices);
            return;
        }
        let mut counts = std::mem::take(&mut self.counts);
        counts.clear();
        match version {
            Some(Version::V2) => self.io_stat(files, &mut counts),
            Some(Version::V1) => self.blkio(files, pass, &mut counts),
            None => {}
        }
        for device in &counts {
            out.push(DeviceIo {
                device: self.devices.name(device.device, self.now),
                read_bytes: device.read_bytes,
                write_bytes: device.write_bytes,
                reads: device.reads,
                writes: device.writes,
            });
        }
        self.counts = counts;
        if version == Some(Version::V1) {
            files.memo.devices_calm = pass.unchanged && *out == files.memo.devices;
            files.memo.devices.clone_from(out);
        }
    }

    fn io_stat(&mut self, files: &mut CgroupFiles, counts: &mut Vec<DeviceCounts>) {
        let Some(bytes) = self.source.read(files, File::IoBytes, true, Collector::Diskio) else { return };
        let mut beyond = 0;
        parse_io_stat(bytes, |device| {
            if counts.len() < self.options.max_devices { counts.push(device) } else { beyond += 1 }
        });
        self.source.tally.exceed(Collector::Diskio, beyond);
    }

    fn blkio(&mut self, files: &mut CgroupFiles, pass: Pass, counts: &mut Vec<DeviceCounts>) {
        let known = files.memo.io.map_or(0..PAIRS.len(), |at| at..at + 1);
        for at in known {
            let (bytes, requests) = PAIRS[at];
            let there = self.add(files, bytes, pass, counts, |device, write| {
                if write { &mut device.write_bytes } else { &mut device.read_bytes }
            });
            if !counts.is_empty() {
                self.add(files, requests, pass, counts, |device, write| {
                    if write { &mut device.writes } else { &mut device.reads }
                });
                files.memo.io = Some(at);
                return;
            }
            // Nobody counted anything yet: the others are only asked now and then.
            if there && !pass.full {
                return;
            }
        }
    }

    /// Reads one `blkio` file into the counts; false if there is none.
    fn add(
        &mut self,
        files: &mut CgroupFiles,
        file: File,
        pass: Pass,
        counts: &mut Vec<DeviceCounts>,
        field: impl Fn(&mut DeviceCounts, bool) -> &mut Option<u64>,
    ) -> bool {
        let Some(bytes) = self.source.read(files, file, pass.full, Collector::Diskio) else { return false };
        let mut beyond = 0;
        parse_blkio(bytes, |device, write, count| {
            let at = counts.iter().position(|known| known.device == device).or_else(|| {
                let room = counts.len() < self.options.max_devices;
                room.then(|| {
                    counts.push(DeviceCounts { device, ..DeviceCounts::default() });
                    counts.len() - 1
                })
            });
            match at {
                Some(at) => *field(&mut counts[at], write) = Some(count),
                None => beyond += 1,
            }
        });
        self.source.tally.exceed(Collector::Diskio, beyond);
        true
    }
}
