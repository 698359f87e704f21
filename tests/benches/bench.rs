//! What Plimsoll costs: each figure beside its goal, both sides of a ratio in this one run. `make bench`.
//!
//! Nothing here passes or fails: a busy machine shows in the figures, not in a verdict.

#![expect(clippy::print_stdout, reason = "its report is what it is for")]

#[path = "bench/bare.rs"]
mod bare;
#[path = "bench/checks.rs"]
mod checks;
#[path = "bench/encode.rs"]
mod encode;
#[path = "bench/files.rs"]
mod files;
#[path = "bench/kernel.rs"]
mod kernel;
#[path = "bench/loads.rs"]
mod loads;
#[path = "bench/names.rs"]
mod names;
#[path = "bench/network.rs"]
mod network;
#[path = "bench/node.rs"]
mod node;
#[path = "bench/scrapes.rs"]
mod scrapes;
#[path = "bench/turns.rs"]
mod turns;

use anyhow::Result;

fn main() -> Result<()> {
    // `cargo bench NAME` runs that part alone; cargo's own flags begin with dashes.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let runs = |name: &str| wanted.is_empty() || wanted.iter().any(|w| w == name);
    if runs("encode") {
        encode::run();
    }
    if runs("kernel") {
        kernel::run()?;
    }
    if runs("loads") {
        loads::run()?;
    }
    if runs("network") {
        network::run()?;
    }
    if runs("files") {
        files::run()?;
    }
    if runs("checks") {
        checks::run()?;
    }
    if runs("node") {
        node::run()?;
    }
    if runs("names") {
        names::run()?;
    }
    if runs("scrapes") {
        scrapes::run()?;
    }
    Ok(())
}

/// One line of the report.
fn report(what: &str, result: &str, goal: &str) {
    println!("{what:<58} {result:>24}   goal: {goal}");
}
