//! How well the host's clock is kept: what the kernel says of its discipline.

use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::{Family, Value};

pub(super) static COLLECTOR: Collector = Collector {
    name: "timex",
    summary: "synchronization of the host's clock",
    default: true,
    families: &FAMILIES,
    collect,
};

const OF: Of = Of { labels: &[], source: "adjtimex(2)", bound: "1" };

static FAMILIES: [Family; 17] = [
    OF.gauge(
        "node_timex_sync_status",
        "Is clock synchronized to a reliable server (1 = yes, 0 = no).",
        "0 or 1",
    ),
    OF.gauge(
        "node_timex_offset_seconds",
        "Time offset in between local system and reference clock.",
        "seconds",
    ),
    OF.gauge("node_timex_frequency_adjustment_ratio", "Local clock frequency adjustment.", "ratio"),
    OF.gauge("node_timex_maxerror_seconds", "Maximum error in seconds.", "seconds"),
    OF.gauge("node_timex_estimated_error_seconds", "Estimated error in seconds.", "seconds"),
    OF.gauge("node_timex_status", "Value of the status array bits.", "bits"),
    OF.gauge("node_timex_loop_time_constant", "Phase-locked loop time constant.", "a number"),
    OF.gauge("node_timex_tick_seconds", "Seconds between clock ticks.", "seconds"),
    OF.gauge("node_timex_pps_frequency_hertz", "Pulse per second frequency.", "hertz"),
    OF.gauge("node_timex_pps_jitter_seconds", "Pulse per second jitter.", "seconds"),
    OF.gauge("node_timex_pps_shift_seconds", "Pulse per second interval duration.", "seconds"),
    OF.gauge(
        "node_timex_pps_stability_hertz",
        "Pulse per second stability, average of recent frequency changes.",
        "hertz",
    ),
    OF.counter(
        "node_timex_pps_jitter_total",
        "Pulse per second count of jitter limit exceeded events.",
        "events",
    ),
    OF.counter(
        "node_timex_pps_calibration_total",
        "Pulse per second count of calibration intervals.",
        "intervals",
    ),
    OF.counter("node_timex_pps_error_total", "Pulse per second count of calibration errors.", "errors"),
    OF.counter(
        "node_timex_pps_stability_exceeded_total",
        "Pulse per second count of stability limit exceeded events.",
        "events",
    ),
    OF.gauge("node_timex_tai_offset_seconds", "International Atomic Time (TAI) offset.", "seconds"),
];

/// What a family's value is of what the kernel says, whose state was this.
type Read = fn(&libc::timex, i32) -> f64;

const READS: [Read; 17] = [
    |_, state| f64::from(u8::from(state != libc::TIME_ERROR)),
    |t, _| t.offset as f64 / unit(t),
    |t, _| 1.0 + t.freq as f64 / PPM_16,
    |t, _| t.maxerror as f64 / 1e6,
    |t, _| t.esterror as f64 / 1e6,
    |t, _| f64::from(t.status),
    |t, _| t.constant as f64,
    |t, _| t.tick as f64 / 1e6,
    |t, _| t.ppsfreq as f64 / PPM_16,
    |t, _| t.jitter as f64 / unit(t),
    |t, _| f64::from(t.shift),
    |t, _| t.stabil as f64 / PPM_16,
    |t, _| t.jitcnt as f64,
    |t, _| t.calcnt as f64,
    |t, _| t.errcnt as f64,
    |t, _| t.stbcnt as f64,
    |t, _| f64::from(t.tai),
];

/// Parts in a million, with 16 bits behind the point.
const PPM_16: f64 = 65_536.0 * 1e6;

/// Offsets are in nanoseconds or microseconds: a bit tells.
fn unit(t: &libc::timex) -> f64 {
    if t.status & libc::STA_NANO == 0 { 1e6 } else { 1e9 }
}

fn write(page: &mut Page<'_>, timex: &libc::timex, state: i32) {
    for (family, read) in FAMILIES.iter().zip(READS) {
        page.one(family, Some(Value::Float(read(timex, state))));
    }
}

fn collect(_: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    // SAFETY: a timex is numbers only, for which zero is a value.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: it writes one timex; with no modes set it changes nothing, and needs no capability.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    if state < 0 {
        return Err(NodeError::Call { call: "adjtimex", error: std::io::Error::last_os_error() });
    }
    write(page, &timex, state);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::{Encoder, Format};

    fn samples(timex: &libc::timex, state: i32) -> Vec<String> {
        let mut out = Vec::new();
        write(&mut Page::new(Encoder::new(&mut out, Format::Text)), timex, state);
        let text = String::from_utf8(out).expect("valid UTF-8");
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    }

    #[test]
    fn units_of_a_clock_that_is_kept_and_one_that_is_not() {
        // SAFETY: numbers only.
        let mut timex: libc::timex = unsafe { std::mem::zeroed() };
        (timex.offset, timex.freq, timex.maxerror, timex.tick) = (-250_000, 65_536 * 50, 500_000, 10_000);
        timex.status = libc::STA_PLL | libc::STA_NANO;
        let samples_of = samples(&timex, libc::TIME_OK);
        assert_eq!(
            samples_of[..4],
            [
                "node_timex_sync_status 1",
                "node_timex_offset_seconds -0.00025",
                "node_timex_frequency_adjustment_ratio 1.00005",
                "node_timex_maxerror_seconds 0.5",
            ]
        );
        assert_eq!(samples_of[7], "node_timex_tick_seconds 0.01");
        timex.status = libc::STA_UNSYNC;
        let samples_of = samples(&timex, libc::TIME_ERROR);
        assert_eq!(samples_of[..2], ["node_timex_sync_status 0", "node_timex_offset_seconds -0.25"]);
        assert_eq!(samples_of[5], "node_timex_status 64");
    }
}
