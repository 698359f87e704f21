//! Time of each CPU by what it was spent on, and how often heat slowed it down.

use std::collections::BTreeMap;

use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::{Family, Value};

pub(super) static COLLECTOR: Collector = Collector {
    name: "cpu",
    summary: "time of each CPU of the host by mode",
    default: true,
    families: &FAMILIES,
    collect,
};

const OF: Of = Of { labels: &["cpu", "mode"], source: "/proc/stat", bound: "8 for each CPU" };
const CORE: Of = Of {
    labels: &["core", "package"],
    source: "/sys/devices/system/cpu/cpuN/thermal_throttle/core_throttle_count",
    bound: "one for each core",
};
const PACKAGE: Of = Of {
    labels: &["package"],
    source: "/sys/devices/system/cpu/cpuN/thermal_throttle/package_throttle_count",
    bound: "one for each socket",
};

static FAMILIES: [Family; 4] = [
    OF.counter("node_cpu_seconds_total", "Seconds the CPUs spent in each mode.", "seconds"),
    OF.counter(
        "node_cpu_guest_seconds_total",
        "Seconds the CPUs spent in guests (VMs) for each mode.",
        "seconds",
    ),
    CORE.counter(
        "node_cpu_core_throttles_total",
        "Number of times this CPU core has been throttled.",
        "times",
    ),
    PACKAGE.counter(
        "node_cpu_package_throttles_total",
        "Number of times this CPU package has been throttled.",
        "times",
    ),
];

/// As they stand in a line of `/proc/stat`; what is not there is 0.
type Ticks = [u64; 10];

/// The modes by their place, as they are served: in order of their names.
const MODES: [(&str, usize); 8] = [
    ("idle", 3),
    ("iowait", 4),
    ("irq", 5),
    ("nice", 1),
    ("softirq", 6),
    ("steal", 7),
    ("system", 2),
    ("user", 0),
];
const GUEST_MODES: [(&str, usize); 2] = [("nice", 9), ("user", 8)];

/// What was served last: the kernel's idle and waiting time may step back a little, and a counter must not.
#[derive(Debug, Default)]
pub(super) struct Steady(BTreeMap<u32, Ticks>);

impl Steady {
    /// The greater of both, field by field; but a CPU that was away begins anew, which its idle time tells.
    fn take(&mut self, now: &[(u32, Ticks)], ticks_per_second: u64) {
        self.0.retain(|cpu, _| now.iter().any(|(number, _)| number == cpu));
        for (cpu, ticks) in now {
            let last = self.0.entry(*cpu).or_default();
            if last[3].saturating_sub(ticks[3]) >= 3 * ticks_per_second {
                *last = Ticks::default();
            }
            for (last, tick) in last.iter_mut().zip(ticks) {
                *last = (*last).max(*tick);
            }
        }
    }
}

fn parse(text: &str) -> Result<Vec<(u32, Ticks)>, NodeError> {
    let mut cpus = Vec::new();
    for line in text.lines().take_while(|line| line.starts_with("cpu")) {
        let mut words = line["cpu".len()..].split(' ');
        let Some(Ok(cpu)) = words.next().filter(|number| !number.is_empty()).map(str::parse) else {
            continue;
        };
        let mut ticks = Ticks::default();
        for (tick, word) in ticks.iter_mut().zip(words.filter(|word| !word.is_empty())) {
            *tick = word.parse().map_err(|_| NodeError::parse("/proc/stat", line))?;
        }
        cpus.push((cpu, ticks));
    }
    Ok(cpus)
}

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let ticks_per_second = rustix::param::clock_ticks_per_second();
    let cpus = parse(&host.proc("stat")?)?;
    host.cpus.take(&cpus, ticks_per_second);
    for (family, modes) in [(&FAMILIES[0], &MODES[..]), (&FAMILIES[1], &GUEST_MODES[..])] {
        page.family(family);
        for (cpu, ticks) in &host.cpus.0 {
            let cpu = itoa::Buffer::new().format(*cpu).to_owned();
            for (mode, at) in modes {
                let micros = u128::from(ticks[*at]) * 1_000_000 / u128::from(ticks_per_second);
                page.put(&[("cpu", &cpu), ("mode", mode)], Value::Micros(micros as u64));
            }
        }
    }
    throttles(host, page);
    Ok(())
}

/// Each core and each package once, though each of their CPUs has the files.
fn throttles(host: &mut Host, page: &mut Page<'_>) {
    let (mut cores, mut packages) = (BTreeMap::new(), BTreeMap::new());
    let directory = host.paths.sysfs.join("devices/system/cpu");
    for cpu in host.cpus.0.keys() {
        let of = directory.join(format!("cpu{cpu}"));
        // The kernels of virtual machines have none of this: one look tells.
        if !of.join("thermal_throttle").exists() {
            continue;
        }
        let number = |name: &str| host.number::<u64>(of.join(name));
        let Some(package) = number("topology/physical_package_id") else { continue };
        let Some(core) = number("topology/core_id") else { continue };
        if let Some(count) = number("thermal_throttle/core_throttle_count") {
            cores.entry((package, core)).or_insert(count);
        }
        if let Some(count) = number("thermal_throttle/package_throttle_count") {
            packages.entry(package).or_insert(count);
        }
    }
    page.family(&FAMILIES[2]);
    for ((package, core), count) in cores {
        page.put(&[("core", &core.to_string()), ("package", &package.to_string())], count);
    }
    page.family(&FAMILIES[3]);
    for (package, count) in packages {
        page.put(&[("package", &package.to_string())], count);
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn every_mode_of_a_cpu_and_no_step_back() {
        let mut fixture = Fixture::new(&[
            ("proc/stat", "cpu  9 9 9 9\ncpu0 100 2 30 4000 50 6 70 8 9 1\ncpu12 1 2 3 4\nintr 5\n"),
            ("sys/devices/system/cpu/cpu12/topology/physical_package_id", "1\n"),
            ("sys/devices/system/cpu/cpu12/topology/core_id", "7\n"),
            ("sys/devices/system/cpu/cpu12/thermal_throttle/core_throttle_count", "5\n"),
            ("sys/devices/system/cpu/cpu12/thermal_throttle/package_throttle_count", "30\n"),
        ]);
        let samples = fixture.samples(&COLLECTOR);
        assert_eq!(
            samples[..10],
            [
                r#"node_cpu_seconds_total{cpu="0",mode="idle"} 40"#,
                r#"node_cpu_seconds_total{cpu="0",mode="iowait"} 0.5"#,
                r#"node_cpu_seconds_total{cpu="0",mode="irq"} 0.06"#,
                r#"node_cpu_seconds_total{cpu="0",mode="nice"} 0.02"#,
                r#"node_cpu_seconds_total{cpu="0",mode="softirq"} 0.7"#,
                r#"node_cpu_seconds_total{cpu="0",mode="steal"} 0.08"#,
                r#"node_cpu_seconds_total{cpu="0",mode="system"} 0.3"#,
                r#"node_cpu_seconds_total{cpu="0",mode="user"} 1"#,
                r#"node_cpu_seconds_total{cpu="12",mode="idle"} 0.04"#,
                r#"node_cpu_seconds_total{cpu="12",mode="iowait"} 0"#,
            ]
        );
        assert_eq!(
            samples[16..],
            [
                r#"node_cpu_guest_seconds_total{cpu="0",mode="nice"} 0.01"#,
                r#"node_cpu_guest_seconds_total{cpu="0",mode="user"} 0.09"#,
                r#"node_cpu_guest_seconds_total{cpu="12",mode="nice"} 0"#,
                r#"node_cpu_guest_seconds_total{cpu="12",mode="user"} 0"#,
                r#"node_cpu_core_throttles_total{core="7",package="1"} 5"#,
                r#"node_cpu_package_throttles_total{package="1"} 30"#,
            ]
        );
        // A little back, and a CPU that went: the one stands still, the other is gone.
        fixture.file("proc/stat", "cpu0 100 2 30 3990 51 6 70 8 9 1\n");
        let samples = fixture.samples(&COLLECTOR);
        assert_eq!(samples[0], r#"node_cpu_seconds_total{cpu="0",mode="idle"} 40"#);
        assert_eq!(samples[1], r#"node_cpu_seconds_total{cpu="0",mode="iowait"} 0.51"#);
        assert_eq!(samples.len(), 10);
        // Much back: it was away.
        fixture.file("proc/stat", "cpu0 1 0 0 10 0 0 0 0 0 0\n");
        assert_eq!(fixture.samples(&COLLECTOR)[7], r#"node_cpu_seconds_total{cpu="0",mode="user"} 0.01"#);
        fixture.file("proc/stat", "cpu0 1 x\n");
        let (_, result) = fixture.text(&COLLECTOR);
        assert_eq!(
            result.map_err(|error| error.to_string()),
            Err("/proc/stat: not understood: \"cpu0 1 x\"".to_owned())
        );
    }
}
