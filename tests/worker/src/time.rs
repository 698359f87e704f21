//! Time on a CPU, and off it.

use std::time::Duration;

use crate::{Answer, last_error};

pub(crate) fn spin(seconds: f64, cpu: Option<usize>) -> Answer {
    let duration = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
    if let Some(cpu) = cpu {
        pin(cpu)?;
    }
    let begin = monotonic_ns();
    loop {
        let now = monotonic_ns();
        if u128::from(now - begin) >= duration.as_nanos() {
            return Ok(format!("{begin} {now}"));
        }
        std::hint::spin_loop();
    }
}

pub(crate) fn sleep(ms: u64) -> Answer {
    std::thread::sleep(Duration::from_millis(ms));
    Ok(String::new())
}

/// `VOLUNTARY INVOLUNTARY`, summed over the threads there are now.
pub(crate) fn switches() -> Answer {
    let mut sums = [0_u64; 2];
    for task in std::fs::read_dir("/proc/self/task").map_err(|error| format!("/proc/self/task: {error}"))? {
        let path = task.map_err(|error| format!("/proc/self/task: {error}"))?.path().join("status");
        let status =
            std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        for (sum, name) in sums.iter_mut().zip(["voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"]) {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let count = line.and_then(|count| count.trim().parse::<u64>().ok());
            *sum += count.ok_or_else(|| format!("{}: no {name}", path.display()))?;
        }
    }
    Ok(format!("{} {}", sums[0], sums[1]))
}

/// `CLOCK_MONOTONIC`, which all containers of a host share.
pub(crate) fn monotonic_ns() -> u64 {
    // SAFETY: a zeroed timespec is valid, and the clock always exists.
    unsafe {
        let mut now: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now);
        now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
    }
}

fn pin(cpu: usize) -> Result<(), String> {
    // SAFETY: an all-zero set is a valid, empty one, and CPU_SET checks its bound.
    let result = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &set)
    };
    if result == 0 { Ok(()) } else { Err(last_error("sched_setaffinity")) }
}
