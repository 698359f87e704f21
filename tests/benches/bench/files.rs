//! Nanoseconds that `files` and `syscall_latency` add to a call and to a write, beside empty programs: pinned, in turns.

use std::ffi::CStr;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::Instant;

use anyhow::Result;
use plimsoll_tests::exporter::{Build, Exporter};
use rustix::fs::MemfdFlags;
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::bare::EmptyProgram;
use crate::kernel::system_call;

const ROUNDS: usize = 5;

/// What is attached.
enum Attached {
    Nothing,
    Empty(&'static [&'static CStr]),
    Collectors(&'static [&'static str]),
}

const CASES: &[(&str, Attached)] = &[
    ("nothing", Attached::Nothing),
    ("an empty program", Attached::Empty(&[c"sys_exit"])),
    ("two empty programs", Attached::Empty(&[c"sys_exit", c"sys_exit"])),
    ("empty programs at both ends", Attached::Empty(&[c"sys_enter", c"sys_exit"])),
    ("syscalls", Attached::Collectors(&["--collector.syscalls"])),
    ("files", Attached::Collectors(&["--collector.files"])),
    ("syscalls and files", Attached::Collectors(&["--collector.syscalls", "--collector.files"])),
    ("syscall_latency", Attached::Collectors(&["--collector.syscall_latency"])),
];

pub(crate) fn run() -> Result<()> {
    let mut only = CpuSet::new();
    only.set(std::thread::available_parallelism()?.get() - 1);
    let pinned = |sample: fn() -> f64| {
        std::thread::scope(|scope| {
            let thread =
                scope.spawn(|| sched_setaffinity(None, &only).map(|()| sample()).unwrap_or(f64::NAN));
            thread.join().unwrap_or(f64::NAN)
        })
    };
    let mut best = [[f64::INFINITY; 2]; CASES.len()];
    for _ in 0..ROUNDS {
        for ((_, attached), [call, page]) in CASES.iter().zip(&mut best) {
            let (mut empty, mut exporter) = (Vec::new(), None);
            match attached {
                Attached::Nothing => {}
                Attached::Empty(tracepoints) => {
                    empty = tracepoints.iter().map(|at| EmptyProgram::on(at)).collect::<Result<_>>()?;
                }
                Attached::Collectors(collectors) => {
                    let flags = [&["--collector.disable-defaults"], *collectors].concat();
                    exporter = Some(Exporter::start_build(Build::Release, &flags)?);
                }
            }
            *call = call.min(pinned(system_call));
            *page = page.min(pinned(write));
            drop((empty, exporter));
        }
    }
    let [call, page] = best[0];
    for ((what, _), [with_call, with_page]) in CASES.iter().zip(best).skip(1) {
        let line = format!("+{:.0} ns, +{:.0} ns", with_call - call, with_page - page);
        crate::report(&format!("getppid and a 4 KiB write: {what}"), &line, "shown beside it");
    }
    Ok(())
}

/// Nanoseconds of a write to a page that is in memory, and that nothing writes out meanwhile.
fn write() -> f64 {
    const CALLS: u32 = 500;
    let page = [1; 4096];
    let Ok(file) = rustix::fs::memfd_create("bench", MemfdFlags::CLOEXEC).map(File::from) else {
        return f64::NAN;
    };
    let sample = || {
        let start = Instant::now();
        for _ in 0..CALLS {
            std::hint::black_box(file.write_all_at(&page, 0).is_ok());
        }
        start.elapsed().as_nanos() as f64 / f64::from(CALLS)
    };
    (0..400).map(|_| sample()).fold(f64::INFINITY, f64::min)
}
