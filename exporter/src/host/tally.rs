//! What could not be read, and what was beyond a bound, counted by collector.

/// The collectors that read the host, under the names of their signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Collector {
    /// CPU time.
    Cpu,
    /// Memory.
    Memory,
    /// Limits.
    Spec,
    /// Disk I/O.
    Diskio,
    /// Network.
    Network,
    /// Processes and threads.
    Pids,
    /// Threads by command and state.
    Tasks,
    /// File descriptors and sockets.
    Descriptors,
    /// Pressure stall information.
    Pressure,
    /// Sockets that listen.
    Listen,
}

/// Counts since the reader was made; they only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    errors: [u64; Collector::ALL.len()],
    exceeded: [u64; Collector::ALL.len()],
}

impl Collector {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Cpu,
        Self::Memory,
        Self::Spec,
        Self::Diskio,
        Self::Network,
        Self::Pids,
        Self::Tasks,
        Self::Descriptors,
        Self::Pressure,
        Self::Listen,
    ];

    /// The name of the signal.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Spec => "spec",
            Self::Diskio => "diskio",
            Self::Network => "network",
            Self::Pids => "pids",
            Self::Tasks => "tasks",
            Self::Descriptors => "descriptors",
            Self::Pressure => "pressure",
            Self::Listen => "listen",
        }
    }
}

impl Tally {
    /// Files that exist and could not be read, or made no sense.
    pub fn errors(&self, collector: Collector) -> u64 {
        self.errors[collector as usize]
    }

    /// Things left out because a bound was reached.
    pub fn exceeded(&self, collector: Collector) -> u64 {
        self.exceeded[collector as usize]
    }

    pub(super) fn error(&mut self, collector: Collector) {
        self.errors[collector as usize] += 1;
    }

    pub(super) fn exceed(&mut self, collector: Collector, by: u64) {
        self.exceeded[collector as usize] += by;
    }
}
