//! Power supplies and batteries of the host.

use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::Family;

pub(super) static COLLECTOR: Collector = Collector {
    name: "powersupplyclass",
    summary: "state of the host's power supplies and batteries",
    default: true,
    families: &FAMILIES,
    collect,
};

const BOUND: &str = "one for each supply that `--collector.powersupply.ignored-supplies` leaves";
const OF: Of = Of { labels: &["power_supply"], source: "/sys/class/power_supply", bound: BOUND };
const INFO: Of =
    Of { labels: &LABELS, source: "/sys/class/power_supply; a label for each file there is", bound: BOUND };

const LABELS: [&str; 11] = [
    "capacity_level",
    "charge_type",
    "health",
    "manufacturer",
    "model_name",
    "power_supply",
    "scope",
    "serial_number",
    "status",
    "technology",
    "type",
];

/// The file of each family, and what its number is divided by.
const FILES: [(&str, f64); 16] = [
    ("online", 1.0),
    ("present", 1.0),
    ("capacity", 1.0),
    ("cycle_count", 1.0),
    ("charge_full", 1e6),
    ("charge_full_design", 1e6),
    ("charge_now", 1e6),
    ("current_now", 1e6),
    ("energy_full", 1e6),
    ("energy_full_design", 1e6),
    ("energy_now", 1e6),
    ("power_now", 1e6),
    ("temp", 10.0),
    ("time_to_empty_now", 1.0),
    ("voltage_min_design", 1e6),
    ("voltage_now", 1e6),
];

static FAMILIES: [Family; 17] = [
    OF.gauge("node_power_supply_online", "Value of /sys/class/power_supply/<power_supply>/online.", "0 or 1"),
    OF.gauge(
        "node_power_supply_present",
        "Value of /sys/class/power_supply/<power_supply>/present.",
        "0 or 1",
    ),
    OF.gauge(
        "node_power_supply_capacity",
        "Value of /sys/class/power_supply/<power_supply>/capacity.",
        "percent",
    ),
    OF.gauge(
        "node_power_supply_cyclecount",
        "Value of /sys/class/power_supply/<power_supply>/cycle_count.",
        "cycles",
    ),
    OF.gauge(
        "node_power_supply_charge_full",
        "Value of /sys/class/power_supply/<power_supply>/charge_full.",
        "ampere-hours",
    ),
    OF.gauge(
        "node_power_supply_charge_full_design",
        "Value of /sys/class/power_supply/<power_supply>/charge_full_design.",
        "ampere-hours",
    ),
    OF.gauge(
        "node_power_supply_charge_ampere",
        "Value of /sys/class/power_supply/<power_supply>/charge_now.",
        "ampere-hours",
    ),
    OF.gauge(
        "node_power_supply_current_ampere",
        "Value of /sys/class/power_supply/<power_supply>/current_now.",
        "amperes",
    ),
    OF.gauge(
        "node_power_supply_energy_full",
        "Value of /sys/class/power_supply/<power_supply>/energy_full.",
        "watt-hours",
    ),
    OF.gauge(
        "node_power_supply_energy_full_design",
        "Value of /sys/class/power_supply/<power_supply>/energy_full_design.",
        "watt-hours",
    ),
    OF.gauge(
        "node_power_supply_energy_watthour",
        "Value of /sys/class/power_supply/<power_supply>/energy_now.",
        "watt-hours",
    ),
    OF.gauge(
        "node_power_supply_power_watt",
        "Value of /sys/class/power_supply/<power_supply>/power_now.",
        "watts",
    ),
    OF.gauge(
        "node_power_supply_temp_celsius",
        "Value of /sys/class/power_supply/<power_supply>/temp.",
        "degrees Celsius",
    ),
    OF.gauge(
        "node_power_supply_time_to_empty_seconds",
        "Value of /sys/class/power_supply/<power_supply>/time_to_empty_now.",
        "seconds",
    ),
    OF.gauge(
        "node_power_supply_voltage_min_design",
        "Value of /sys/class/power_supply/<power_supply>/voltage_min_design.",
        "volts",
    ),
    OF.gauge(
        "node_power_supply_voltage_volt",
        "Value of /sys/class/power_supply/<power_supply>/voltage_now.",
        "volts",
    ),
    INFO.gauge("node_power_supply_info", "Info of /sys/class/power_supply/<power_supply>.", "1"),
];

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let directory = host.paths.sysfs.join("class/power_supply");
    let mut supplies = host.list(&directory)?;
    supplies.retain(|name| !host.options.supplies_ignored.matches(name));
    for (family, (file, divisor)) in FAMILIES.iter().zip(FILES) {
        page.family(family);
        for supply in &supplies {
            if let Some(value) = host.number::<i64>(directory.join(supply).join(file)) {
                page.put(&[("power_supply", supply)], value as f64 / divisor);
            }
        }
    }
    page.family(&FAMILIES[16]);
    for supply in &supplies {
        let read = |label: &'static str| {
            let text = match label {
                "power_supply" => supply.clone(),
                label => host.text(directory.join(supply).join(label)).filter(|text| !text.is_empty())?,
            };
            Some((label, text))
        };
        let values: Vec<(&str, String)> = LABELS.into_iter().filter_map(read).collect();
        let labels: Vec<(&str, &str)> = values.iter().map(|(label, value)| (*label, &**value)).collect();
        page.put(&labels, 1u64);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::samples;
    use super::*;

    #[test]
    fn a_mains_and_a_battery() {
        let files = [
            ("sys/class/power_supply/AC/online", "0\n"),
            ("sys/class/power_supply/AC/type", "Mains\n"),
            ("sys/class/power_supply/BAT0/capacity", "98\n"),
            ("sys/class/power_supply/BAT0/energy_now", "36580000\n"),
            ("sys/class/power_supply/BAT0/voltage_now", "12229000\n"),
            ("sys/class/power_supply/BAT0/status", "Discharging\n"),
        ];
        assert_eq!(
            samples(&COLLECTOR, &files),
            [
                r#"node_power_supply_online{power_supply="AC"} 0"#,
                r#"node_power_supply_capacity{power_supply="BAT0"} 98"#,
                r#"node_power_supply_energy_watthour{power_supply="BAT0"} 36.58"#,
                r#"node_power_supply_voltage_volt{power_supply="BAT0"} 12.229"#,
                r#"node_power_supply_info{power_supply="AC",type="Mains"} 1"#,
                r#"node_power_supply_info{power_supply="BAT0",status="Discharging"} 1"#,
            ]
        );
    }
}
