//! Temperatures, fans, voltages and power of the host's sensors.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Collector, Host, NodeError, Page};
use crate::exposition::Kind;

pub(super) static COLLECTOR: Collector = Collector {
    name: "hwmon",
    summary: "temperatures, fans, voltages and power of the host's sensors",
    default: true,
    families: &[],
    collect,
};

const TYPES: [&str; 14] = [
    "vrm",
    "beep_enable",
    "update_interval",
    "in",
    "cpu",
    "fan",
    "pwm",
    "temp",
    "curr",
    "power",
    "energy",
    "humidity",
    "intrusion",
    "freq",
];

/// A sensor's files, by what follows `_` in their names; by the sensor's own.
type Sensors = BTreeMap<String, BTreeMap<String, String>>;
/// A family's kind and help, and its samples: chip, sensor, value.
type Families = BTreeMap<String, (Kind, String, Vec<(String, String, f64)>)>;

/// `temp1_input` is of sensor 1 of type `temp`, its element `input`. `beep_enable` and `update_interval` have neither.
fn split(file: &str) -> Option<(&str, u32, &str)> {
    let start = file.find(|c: char| c.is_ascii_digit());
    let (kind, number, element) = match start {
        Some(start) => {
            let rest = &file[start..];
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let element = match &rest[end..] {
                "" => "",
                rest => rest.strip_prefix('_').filter(|element| !element.is_empty())?,
            };
            (&file[..start], rest[..end].parse().ok()?, element)
        }
        None => (file, 0, ""),
    };
    TYPES.contains(&kind).then_some((kind, number, element))
}

/// As a part of a name or label may be written.
fn clean(name: &str) -> String {
    let plain = |c: char| matches!(c, 'a'..='z' | '0'..='9' | ':' | '_');
    let name: String = name.to_lowercase().chars().map(|c| if plain(c) { c } else { '_' }).collect();
    name.trim_matches('_').to_owned()
}

/// What the name of a family ends in, its kind, what its value is multiplied by, and its help.
fn unit(kind: &str, element: &str) -> (&'static str, Kind, f64, String) {
    let gauge = |suffix, factor, help: String| (suffix, Kind::Gauge, factor, help);
    match (kind, element) {
        ("beep_enable", _) => gauge("", 1.0, "Hardware beep enabled.".to_owned()),
        ("vrm", _) => gauge("", 1.0, "Hardware voltage regulator.".to_owned()),
        ("update_interval", _) => gauge("_seconds", 0.001, "Hardware monitor update interval.".to_owned()),
        (_, "fault" | "alarm") => gauge("", 1.0, format!("Hardware sensor {element} status ({kind}).")),
        (_, "beep") => gauge("_enabled", 1.0, "Hardware monitor sensor has beeping enabled.".to_owned()),
        ("in" | "cpu", _) => gauge("_volts", 0.001, format!("Hardware monitor for voltage ({element}).")),
        ("temp", "type") => gauge("", 1.0, "Hardware monitor temp element type.".to_owned()),
        ("temp", _) => gauge("_celsius", 0.001, format!("Hardware monitor for temperature ({element}).")),
        ("curr", _) => gauge("_amps", 0.001, format!("Hardware monitor for current ({element}).")),
        ("energy", _) => (
            "_joule_total",
            Kind::Counter,
            1e-6,
            format!("Hardware monitor for joules used so far ({element})."),
        ),
        ("power", "accuracy") => {
            gauge("", 1e-6, "Hardware monitor power meter accuracy, as a ratio.".to_owned())
        }
        ("power", "average_interval" | "average_interval_min" | "average_interval_max") => {
            gauge("_seconds", 0.001, format!("Hardware monitor power usage update interval ({element})."))
        }
        ("power", _) => {
            gauge("_watt", 1e-6, format!("Hardware monitor for power usage in watts ({element})."))
        }
        ("humidity", _) => gauge("", 1e-6, format!("Hardware monitor for humidity, as a ratio ({element}).")),
        ("fan", "input" | "min" | "max" | "target") => {
            gauge("_rpm", 1.0, format!("Hardware monitor for fan revolutions per minute ({element})."))
        }
        ("freq", "input") => {
            gauge("_freq_mhz", 1e-6, "Hardware monitor for GPU frequency in MHz.".to_owned())
        }
        _ => gauge("", 1.0, format!("Hardware monitor {kind} element {element}.")),
    }
}

/// The whole name of a sensor's element.
fn name(kind: &str, element: &str, has_plain: bool) -> String {
    let (suffix, ..) = unit(kind, element);
    match (kind, element) {
        ("beep_enable", _) => "node_hwmon_beep_enabled".to_owned(),
        ("vrm", _) => "node_hwmon_voltage_regulator_version".to_owned(),
        (kind, "") => format!("node_hwmon_{kind}{suffix}"),
        // The value itself, unless there is a file that is named so.
        (kind, "input") if !has_plain => format!("node_hwmon_{kind}{suffix}"),
        (kind, element) => format!("node_hwmon_{kind}_{}{suffix}", clean(element)),
    }
}

fn write(chip: &str, sensors: &Sensors, families: &mut Families) {
    for (sensor, elements) in sensors {
        let Some((kind, ..)) = split(sensor) else { continue };
        for (element, text) in elements.iter().filter(|(element, _)| *element != "label") {
            let Ok(value) = text.parse::<f64>() else { continue };
            let name = name(kind, element, elements.contains_key(""));
            let (_, of_kind, factor, help) = unit(kind, element);
            // Division where the factor is no exact number, so that 45 is not 45.00000000000001.
            let value = if factor == 1.0 { value } else { value / (1.0 / factor).round() };
            let (.., samples) = families.entry(name).or_insert((of_kind, help, Vec::new()));
            samples.push((chip.to_owned(), sensor.clone(), value));
        }
    }
}

/// Adds what is in a directory of sensors.
fn gather(host: &mut Host, directory: &Path, sensors: &mut Sensors) {
    for file in host.list(directory).unwrap_or_default() {
        let Some((kind, number, element)) = split(&file) else { continue };
        if let Some(text) = host.text(directory.join(&file)) {
            let sensor = sensors.entry(format!("{kind}{number}")).or_default();
            sensor.insert(element.to_owned(), text);
        }
    }
}

/// What stays the same from boot to boot: where the device is, else what it calls itself.
fn chip(host: &Host, directory: &Path) -> String {
    let last = |path: &Path| path.file_name().map(|name| clean(&name.to_string_lossy())).unwrap_or_default();
    if let Ok(device) = directory.join("device").canonicalize() {
        let (name, bus) = (last(&device), device.parent().map(last).unwrap_or_default());
        match (bus.is_empty(), name.is_empty()) {
            (false, false) => return format!("{bus}_{name}"),
            (true, false) => return name,
            _ => {}
        }
    }
    let name = host.text(directory.join("name")).map(|name| clean(&name)).unwrap_or_default();
    if name.is_empty() { last(directory) } else { name }
}

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let directory = host.paths.sysfs.join("class/hwmon");
    let (mut families, mut names) = (Families::new(), Vec::new());
    for entry in host.list(&directory)? {
        let directory = directory.join(entry);
        let chip = chip(host, &directory);
        let mut sensors = Sensors::new();
        gather(host, &directory, &mut sensors);
        gather(host, &directory.join("device"), &mut sensors);
        write(&chip, &sensors, &mut families);
        for (sensor, elements) in &sensors {
            let label = elements.get("label").filter(|label| !label.is_empty());
            names.extend(label.map(|label| (chip.clone(), sensor.clone(), label.clone())));
        }
        let called = host.text(directory.join("name")).map(|name| clean(&name));
        names.extend(called.filter(|name| !name.is_empty()).map(|name| (chip, String::new(), name)));
    }
    for (name, (kind, help, samples)) in &families {
        page.found(name, *kind, help);
        for (chip, sensor, value) in samples {
            page.put(&[("chip", chip), ("sensor", sensor)], *value);
        }
    }
    for (family, help, of_chip) in [
        ("node_hwmon_chip_names", "Annotation metric for human-readable chip names.", true),
        ("node_hwmon_sensor_label", "Label for given chip and sensor.", false),
    ] {
        let mut samples = names.iter().filter(|(_, sensor, _)| sensor.is_empty() == of_chip).peekable();
        if samples.peek().is_some() {
            page.found(family, Kind::Gauge, help);
        }
        for (chip, sensor, text) in samples {
            match of_chip {
                true => page.put(&[("chip", chip), ("chip_name", text)], 1u64),
                false => page.put(&[("chip", chip), ("label", text), ("sensor", sensor)], 1u64),
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
    fn names_of_files() {
        assert_eq!(split("temp1_input"), Some(("temp", 1, "input")));
        assert_eq!(split("in0_beep"), Some(("in", 0, "beep")));
        assert_eq!(split("pwm2"), Some(("pwm", 2, "")));
        assert_eq!(split("update_interval"), Some(("update_interval", 0, "")));
        for other in ["name", "uevent", "temp1_", "temp1x", "device", "label"] {
            assert_eq!(split(other), None, "{other}");
        }
        assert_eq!(clean("Physical id 0"), "physical_id_0");
    }

    #[test]
    fn a_chip() {
        let base = "sys/devices/platform/coretemp.0/hwmon/hwmon0";
        let at = |name: &str| format!("{base}/{name}");
        let (name, label, input, crit, alarm) =
            (at("name"), at("temp1_label"), at("temp1_input"), at("temp1_crit"), at("temp1_crit_alarm"));
        let (fan, pwm, volt, power, energy, device) = (
            at("fan1_input"),
            at("pwm1"),
            at("in0_input"),
            at("power1_average"),
            at("energy1_input"),
            at("device@"),
        );
        let files = [
            (&*name, "coretemp\n"),
            (&label, "Package id 0\n"),
            (&input, "45000\n"),
            (&crit, "100000\n"),
            (&alarm, "0\n"),
            (&fan, "2400\n"),
            (&pwm, "128\n"),
            (&volt, "1200\n"),
            (&power, "345000000\n"),
            (&energy, "1500000\n"),
            (&device, "../../../coretemp.0"),
            ("sys/class/hwmon/hwmon0@", "../../devices/platform/coretemp.0/hwmon/hwmon0"),
        ];
        assert_eq!(
            samples(&COLLECTOR, &files),
            [
                r#"node_hwmon_energy_joule_total{chip="platform_coretemp_0",sensor="energy1"} 1.5"#,
                r#"node_hwmon_fan_rpm{chip="platform_coretemp_0",sensor="fan1"} 2400"#,
                r#"node_hwmon_in_volts{chip="platform_coretemp_0",sensor="in0"} 1.2"#,
                r#"node_hwmon_power_average_watt{chip="platform_coretemp_0",sensor="power1"} 345"#,
                r#"node_hwmon_pwm{chip="platform_coretemp_0",sensor="pwm1"} 128"#,
                r#"node_hwmon_temp_celsius{chip="platform_coretemp_0",sensor="temp1"} 45"#,
                r#"node_hwmon_temp_crit_alarm_celsius{chip="platform_coretemp_0",sensor="temp1"} 0"#,
                r#"node_hwmon_temp_crit_celsius{chip="platform_coretemp_0",sensor="temp1"} 100"#,
                r#"node_hwmon_chip_names{chip="platform_coretemp_0",chip_name="coretemp"} 1"#,
                r#"node_hwmon_sensor_label{chip="platform_coretemp_0",label="Package id 0",sensor="temp1"} 1"#,
            ]
        );
    }
}
