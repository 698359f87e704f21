//! Temperatures that the host's firmware watches, and how hard it cools.

use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::Family;

pub(super) static COLLECTOR: Collector = Collector {
    name: "thermal_zone",
    summary: "temperatures of the host's thermal zones, and states of its cooling devices",
    default: true,
    families: &FAMILIES,
    collect,
};

const ZONE: Of = Of { labels: &["type", "zone"], source: "/sys/class/thermal", bound: "one for each zone" };
const COOLING: Of =
    Of { labels: &["name", "type"], source: "/sys/class/thermal", bound: "one for each device" };

static FAMILIES: [Family; 3] = [
    ZONE.gauge("node_thermal_zone_temp", "Zone temperature in Celsius.", "degrees Celsius"),
    COOLING.gauge(
        "node_cooling_device_cur_state",
        "Current throttle state of the cooling device.",
        "a state",
    ),
    COOLING.gauge(
        "node_cooling_device_max_state",
        "Maximum throttle state of the cooling device.",
        "a state",
    ),
];

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let (directory, zones) = host.sys_list("class/thermal", "thermal_zone");
    page.family(&FAMILIES[0]);
    for zone in zones {
        let at = directory.join(&zone);
        let (Some(kind), Some(milli)) = (host.text(at.join("type")), host.number::<i64>(at.join("temp")))
        else {
            continue;
        };
        let labels = [("type", &*kind), ("zone", zone.trim_start_matches("thermal_zone"))];
        page.put(&labels, milli as f64 / 1000.0);
    }
    let (directory, devices) = host.sys_list("class/thermal", "cooling_device");
    for (family, file) in FAMILIES[1..].iter().zip(["cur_state", "max_state"]) {
        page.family(family);
        for device in &devices {
            let at = directory.join(device);
            let (Some(kind), Some(state)) = (host.text(at.join("type")), host.number::<i64>(at.join(file)))
            else {
                continue;
            };
            let labels = [("name", device.trim_start_matches("cooling_device")), ("type", &kind)];
            page.put(&labels, state as f64);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::samples;
    use super::*;

    #[test]
    fn a_zone_and_a_device() {
        let files = [
            ("sys/class/thermal/thermal_zone0/type", "x86_pkg_temp\n"),
            ("sys/class/thermal/thermal_zone0/temp", "45500\n"),
            ("sys/class/thermal/thermal_zone1/type", "broken\n"),
            ("sys/class/thermal/cooling_device0/type", "Processor\n"),
            ("sys/class/thermal/cooling_device0/cur_state", "0\n"),
            ("sys/class/thermal/cooling_device0/max_state", "10\n"),
        ];
        assert_eq!(
            samples(&COLLECTOR, &files),
            [
                r#"node_thermal_zone_temp{type="x86_pkg_temp",zone="0"} 45.5"#,
                r#"node_cooling_device_cur_state{name="0",type="Processor"} 0"#,
                r#"node_cooling_device_max_state{name="0",type="Processor"} 10"#,
            ]
        );
    }
}
