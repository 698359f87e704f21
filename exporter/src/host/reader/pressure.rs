//! Pressure stall information: cgroup2 has it without any controller.

use super::{HostReader, Pass};
use crate::host::files::{CgroupFiles, File};
use crate::host::parse::parse_pressure;
use crate::host::{Collector, PressureStats};

impl HostReader {
    /// A wait begins with a task that ran. So once two readings agree and no CPU time passed between them,
    /// nobody waits, and nobody will before CPU time moves.
    pub(super) fn read_pressure(&mut self, files: &mut CgroupFiles, pass: Pass) -> PressureStats {
        if pass.idle() && files.memo.calm {
            return files.memo.pressure;
        }
        let mut read =
            |file| self.source.read(files, file, pass.full, Collector::Pressure).map(parse_pressure);
        let pressure = PressureStats {
            cpu: read(File::PressureCpu),
            memory: read(File::PressureMemory),
            io: read(File::PressureIo),
        };
        files.memo.calm = pass.unchanged && pressure == files.memo.pressure;
        files.memo.pressure = pressure;
        pressure
    }
}
