//! How fast each CPU of the host runs, and may run.

use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::Family;

pub(super) static COLLECTOR: Collector = Collector {
    name: "cpufreq",
    summary: "frequencies of the host's CPUs and their limits",
    default: true,
    families: &FAMILIES,
    collect,
};

const OF: Of =
    Of { labels: &["cpu"], source: "/sys/devices/system/cpu/cpuN/cpufreq", bound: "one for each CPU" };
const GOVERNOR: Of = Of { labels: &["cpu", "governor"], bound: "one for each CPU and governor", ..OF };

static FAMILIES: [Family; 7] = [
    OF.gauge("node_cpu_frequency_hertz", "Current CPU thread frequency in hertz.", "hertz"),
    OF.gauge("node_cpu_frequency_min_hertz", "Minimum CPU thread frequency in hertz.", "hertz"),
    OF.gauge("node_cpu_frequency_max_hertz", "Maximum CPU thread frequency in hertz.", "hertz"),
    OF.gauge("node_cpu_scaling_frequency_hertz", "Current scaled CPU thread frequency in hertz.", "hertz"),
    OF.gauge(
        "node_cpu_scaling_frequency_min_hertz",
        "Minimum scaled CPU thread frequency in hertz.",
        "hertz",
    ),
    OF.gauge(
        "node_cpu_scaling_frequency_max_hertz",
        "Maximum scaled CPU thread frequency in hertz.",
        "hertz",
    ),
    GOVERNOR.gauge("node_cpu_scaling_governor", "Current enabled CPU frequency governor.", "0 or 1"),
];

/// In kilohertz.
const FILES: [&str; 6] = [
    "cpuinfo_cur_freq",
    "cpuinfo_min_freq",
    "cpuinfo_max_freq",
    "scaling_cur_freq",
    "scaling_min_freq",
    "scaling_max_freq",
];

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let (directory, mut cpus) = host.sys_list("devices/system/cpu", "cpu");
    cpus.retain(|cpu| {
        let number = &cpu["cpu".len()..];
        number.parse::<u32>().is_ok() && directory.join(cpu).join("cpufreq").exists()
    });
    for (family, file) in FAMILIES.iter().zip(FILES) {
        page.family(family);
        for cpu in &cpus {
            if let Some(khz) = host.number::<u64>(directory.join(cpu).join("cpufreq").join(file)) {
                page.put(&[("cpu", &cpu["cpu".len()..])], khz.saturating_mul(1000));
            }
        }
    }
    page.family(&FAMILIES[6]);
    for cpu in &cpus {
        let at = directory.join(cpu).join("cpufreq");
        let Some(current) = host.text(at.join("scaling_governor")) else { continue };
        let all = host.text(at.join("scaling_available_governors")).unwrap_or_default();
        for governor in all.split_whitespace() {
            page.put(&[("cpu", &cpu["cpu".len()..]), ("governor", governor)], governor == current);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::samples;
    use super::*;

    #[test]
    fn frequencies_of_a_cpu() {
        let files = [
            ("sys/devices/system/cpu/cpu2/cpufreq/scaling_cur_freq", "1699981\n"),
            ("sys/devices/system/cpu/cpu2/cpufreq/cpuinfo_max_freq", "3700000\n"),
            ("sys/devices/system/cpu/cpu2/cpufreq/scaling_governor", "powersave\n"),
            ("sys/devices/system/cpu/cpu2/cpufreq/scaling_available_governors", "performance powersave \n"),
            ("sys/devices/system/cpu/cpu3/online", "1\n"),
            ("sys/devices/system/cpu/cpufreq/boost", "1\n"),
        ];
        assert_eq!(
            samples(&COLLECTOR, &files),
            [
                r#"node_cpu_frequency_max_hertz{cpu="2"} 3700000000"#,
                r#"node_cpu_scaling_frequency_hertz{cpu="2"} 1699981000"#,
                r#"node_cpu_scaling_governor{cpu="2",governor="performance"} 0"#,
                r#"node_cpu_scaling_governor{cpu="2",governor="powersave"} 1"#,
            ]
        );
    }
}
