//! Plimsoll: kernel events as labelled per-container counters for Prometheus.
//!
//! Data flows one way: `kernel` and `host` read, `identity` says whose it is, `signals` turn it into families,
//! `exposition` encodes, `http` serves. A module names the next one's types, never the other way round.

pub mod config;
pub mod engine;
pub mod exposition;
pub mod governor;
pub mod host;
pub mod http;
pub mod identity;
pub mod kernel;
pub mod kubernetes;
pub mod ledger;
pub mod names;
pub mod node;
pub mod privileges;
pub mod probe;
pub mod push_checks;
pub mod push_metrics;
pub mod queue;
pub mod reload;
pub mod report;
pub mod runtimes;
pub mod signals;
pub mod telemetry;
