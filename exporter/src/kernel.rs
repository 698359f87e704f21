//! The kernel side, as user space drives it: facts about the host, a pure plan of what to load and why not, loading,
//! and reading. The only place that names aya.

pub mod btf;
mod calls;
mod cells;
mod cost;
mod events;
mod facts;
mod keyed;
pub mod layout;
mod load;
mod missed;
mod plan;
mod programs;
mod questions;
mod slots;

pub use cost::{FREQUENT, Frequent};
pub use events::Event;
pub use facts::{Facts, Types, TypesError};
pub use keyed::Counted;
pub use load::{Kernel, KernelError, Number, ProgramStatus, Run, Table};
pub use plan::{Decision, Plan, PlanError, Settings};
pub use programs::{CALLS, CGROUPS, NAT, PROGRAMS, Program};

pub use plimsoll_abi::loss::REASONS as LOSS_REASONS;
pub use plimsoll_abi::slot::UNATTRIBUTED;
