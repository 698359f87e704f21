//! `make demo`. Ctrl-C ends it at any time, and nothing is left.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use anyhow::{Context as _, Result};
use plimsoll_tests::demo;

extern "C" fn interrupt(_signal: libc::c_int) {
    demo::INTERRUPTED.store(true, Ordering::SeqCst);
}

fn main() -> Result<()> {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: the handler only stores to an atomic.
        unsafe { libc::signal(signal, interrupt as *const () as libc::sighandler_t) };
    }
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (exporter, pages) = args.next().zip(args.next()).context("usage: demo EXPORTER PAGES")?;
    match demo::tell(&exporter, &pages) {
        Err(_) if demo::INTERRUPTED.load(Ordering::SeqCst) => Ok(()),
        told => told,
    }
}
