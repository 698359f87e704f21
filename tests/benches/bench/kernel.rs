//! Nanoseconds the programs add to a system call and to a context switch: pinned, on and off in turns.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use anyhow::Result;
use plimsoll_tests::exporter::{Build, Exporter};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::bare::EmptyProgram;

const ROUNDS: usize = 6;

pub(crate) fn run() -> Result<()> {
    let cpu = std::thread::available_parallelism()?.get() - 1;
    let mut only = CpuSet::new();
    only.set(cpu);
    let one = ["--collector.disable-defaults"];
    let syscalls = [one[0], "--collector.syscalls"];
    let sched = [one[0], "--collector.sched"];
    let measure = |what: fn() -> f64| {
        std::thread::scope(|scope| {
            let pinned = scope.spawn(|| sched_setaffinity(None, &only).map(|()| what()).unwrap_or(f64::NAN));
            pinned.join().unwrap_or(f64::NAN)
        })
    };
    let [mut call, mut call_empty, mut call_on, mut switch, mut switch_on] = [f64::INFINITY; 5];
    for _ in 0..ROUNDS {
        call = call.min(measure(system_call));
        switch = switch.min(measure(context_switch));
        let empty = EmptyProgram::on_sys_exit()?;
        call_empty = call_empty.min(measure(system_call));
        drop(empty);
        let exporter = Exporter::start_build(Build::Release, &syscalls)?;
        call_on = call_on.min(measure(system_call));
        drop(exporter);
        let exporter = Exporter::start_build(Build::Release, &sched)?;
        switch_on = switch_on.min(measure(context_switch));
        drop(exporter);
    }
    let line = |off: f64, on: f64| format!("+{:.1} ns (off {off:.1})", on - off);
    crate::report("syscalls: added to a getppid", &line(call, call_on), "at most 30 ns");
    let (by_empty, beyond) = (call_empty - call, call_on - call_empty);
    let beside = format!("an empty program adds {by_empty:.1} ns, what it does {beyond:.1} ns");
    println!("{:<46} {beside}", "");
    crate::report("sched: added to a context switch", &line(switch, switch_on), "shown beside it");
    Ok(())
}

/// Nanoseconds of one, the least of some samples: what disturbs only adds.
pub(crate) fn system_call() -> f64 {
    const CALLS: u32 = 2_000;
    let sample = || {
        let start = Instant::now();
        for _ in 0..CALLS {
            // getppid enters the kernel every time and does next to nothing there.
            std::hint::black_box(rustix::process::getppid());
        }
        start.elapsed().as_nanos() as f64 / f64::from(CALLS)
    };
    (0..1_000).map(|_| sample()).fold(f64::INFINITY, f64::min)
}

/// A byte thrown back and forth between two threads on one CPU: two switches a round.
fn context_switch() -> f64 {
    const TURNS: u32 = 200;
    let Ok((mut here, mut there)) = UnixStream::pair() else { return f64::NAN };
    // It inherits this thread's CPU.
    let echo = std::thread::spawn(move || {
        let mut byte = [0];
        while there.read_exact(&mut byte).is_ok() && there.write_all(&byte).is_ok() {}
    });
    let mut sample = || {
        let start = Instant::now();
        let mut byte = [0];
        for _ in 0..TURNS {
            let _ = here.write_all(&byte).and_then(|()| here.read_exact(&mut byte));
        }
        start.elapsed().as_nanos() as f64 / f64::from(TURNS * 2)
    };
    let best = (0..400).map(|_| sample()).fold(f64::INFINITY, f64::min);
    drop(here);
    let _ = echo.join();
    best
}
