//! The host's clock, its zone and what it counts with.

use std::time::{SystemTime, UNIX_EPOCH};

use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::Family;

pub(super) static COLLECTOR: Collector = Collector {
    name: "time",
    summary: "the host's time, time zone and clock sources",
    default: true,
    families: &FAMILIES,
    collect,
};

const CLOCK: Of = Of { labels: &[], source: "clock_gettime(2)", bound: "1" };
const ZONE: Of = Of { labels: &["time_zone"], source: "TZ or /etc/localtime of the exporter", bound: "1" };
const SOURCE: Of = Of {
    labels: &["clocksource", "device"],
    source: "/sys/devices/system/clocksource",
    bound: "one for each clock source",
};

static FAMILIES: [Family; 4] = [
    CLOCK.gauge("node_time_seconds", "System time in seconds since epoch (1970).", "seconds"),
    ZONE.gauge("node_time_zone_offset_seconds", "System time zone offset in seconds.", "seconds"),
    SOURCE.gauge(
        "node_time_clocksource_available_info",
        "Available clocksources read from '/sys/devices/system/clocksource'.",
        "1",
    ),
    SOURCE.gauge(
        "node_time_clocksource_current_info",
        "Current clocksource read from '/sys/devices/system/clocksource'.",
        "1",
    ),
];

/// The zone's name and its offset from UTC.
fn zone(now: i64) -> Option<(String, f64)> {
    let (mut time, now): (libc::tm, libc::time_t) = (
        // SAFETY: a tm is numbers and a pointer, for all of which zero is a value.
        unsafe { std::mem::zeroed() },
        now,
    );
    // SAFETY: both point to values of their types, and the one is only read.
    let done = unsafe { libc::localtime_r(&raw const now, &raw mut time) };
    if done.is_null() || time.tm_zone.is_null() {
        return None;
    }
    // SAFETY: the C library keeps the names of zones for good, each ended by a zero.
    let name = unsafe { std::ffi::CStr::from_ptr(time.tm_zone) };
    Some((name.to_string_lossy().into_owned(), time.tm_gmtoff as f64))
}

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    page.one(&FAMILIES[0], Some(now.as_secs_f64()));
    if let Some((name, offset)) = zone(now.as_secs() as i64) {
        page.family(&FAMILIES[1]);
        page.put(&[("time_zone", &name)], offset);
    }
    let (directory, sources) = host.sys_list("devices/system/clocksource", "clocksource");
    for (family, file) in FAMILIES[2..].iter().zip(["available_clocksource", "current_clocksource"]) {
        page.family(family);
        for source in &sources {
            let device = source.trim_start_matches("clocksource");
            let names = host.text(directory.join(source).join(file)).unwrap_or_default();
            for name in names.split_whitespace() {
                page.put(&[("clocksource", name), ("device", device)], 1u64);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::samples;
    use super::*;

    #[test]
    fn time_zone_and_sources() {
        let sources = "sys/devices/system/clocksource/clocksource0";
        let samples = samples(
            &COLLECTOR,
            &[
                (&format!("{sources}/available_clocksource"), "tsc acpi_pm \n"),
                (&format!("{sources}/current_clocksource"), "tsc\n"),
            ],
        );
        assert!(samples[0].starts_with("node_time_seconds 1"), "{samples:?}");
        assert!(samples[1].starts_with("node_time_zone_offset_seconds{time_zone=\""), "{samples:?}");
        assert_eq!(
            samples[2..],
            [
                r#"node_time_clocksource_available_info{clocksource="tsc",device="0"} 1"#,
                r#"node_time_clocksource_available_info{clocksource="acpi_pm",device="0"} 1"#,
                r#"node_time_clocksource_current_info{clocksource="tsc",device="0"} 1"#,
            ]
        );
    }
}
