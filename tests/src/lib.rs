//! Shared by the tests: what `tools/setup` fetched, the worker, containers of it, and virtual machines with other kernels.

pub mod blackbox;
pub mod capture;
pub mod certificates;
pub mod cgroup;
pub mod exporter;
pub mod hierarchy;
pub mod host;
pub mod icinga;
pub mod loopback;
pub mod nameserver;
pub mod netns;
pub mod nginx;
pub mod ntp;
pub mod ntpd;
pub mod plugins;
pub mod prometheus;
pub mod relay;
pub mod runc;
pub mod scrape;
pub mod servers;
pub mod services;
pub mod structure;
pub mod tasks;
pub mod tools;
pub mod vm;
pub mod worker;
