//! Plimsoll: kernel events as labelled per-container counters for Prometheus.
//!
//! Data flows one way: `kernel` and `host` read, `identity` says whose it is, `signals` turn it into families,
//! `exposition` encodes, `http` serves. A module names the next one's types, never the other way round.

pub mod exposition;
pub mod host;
pub mod kernel;
pub mod names;
pub mod signals;
