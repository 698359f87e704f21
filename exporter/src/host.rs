//! What cgroupfs, procfs and sysfs say of a cgroup: pure parsers, and a thin reader that keeps files open.
//!
//! [`Hierarchies`] says which mount serves each controller (v1, v2, or both on one host); [`HostReader`] reads
//! a cgroup through them into [`HostStats`]; [`owners`] says which row speaks for a network namespace.
//! Everything under [`parse`] takes bytes and never panics. Nothing here knows containers or metrics.

mod devices;
mod error;
mod files;
#[cfg(test)]
pub(crate) mod fixture;
mod hierarchies;
mod instances;
mod listening;
mod machine;
mod namespaces;
mod network;
pub mod parse;
mod reader;
mod stats;
mod tally;
mod walk;

pub use error::HostError;
pub use files::{CgroupFiles, FdBudget, Scope, raise_nofile_limit};
pub use hierarchies::{Controller, Hierarchies, Hierarchy, HostPaths, Version};
pub use instances::{Instance, other_instances};
pub use listening::{Listeners, read_listening};
pub use machine::read_machine;
pub use namespaces::visit_network_namespaces;
pub use network::{Candidate, owners};
pub use parse::Listening;
pub use reader::{HostReader, Namespace, ReaderOptions, Wanted};
pub use stats::{
    CpuStats, DeviceIo, HostStats, InterfaceStats, LimitStats, Machine, MemoryStats, PidStats, Pressure,
    PressureStats, TaskState, TaskStats,
};
pub use tally::{Collector, Tally};
pub use walk::{Found, Walk, WalkBounds};
