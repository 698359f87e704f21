//! Interrupts of each kind that each CPU of the host served. Off by default: CPUs times kinds are many series.

use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::Family;

pub(super) static COLLECTOR: Collector = Collector {
    name: "interrupts",
    summary: "interrupts of each kind by CPU of the host",
    default: false,
    families: &FAMILIES,
    collect,
};

const OF: Of = Of {
    labels: &["cpu", "devices", "info", "type"],
    source: "/proc/interrupts",
    bound: "one for each CPU and kind of interrupt",
};

static FAMILIES: [Family; 1] = [OF.counter("node_interrupts_total", "Interrupt details.", "interrupts")];

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let text = host.proc("interrupts")?;
    let mut lines = text.lines();
    let cpus: Vec<&str> = lines
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|name| name.strip_prefix("CPU"))
        .collect();
    page.family(&FAMILIES[0]);
    for line in lines {
        let (kind, rest) =
            line.trim_start().split_once(':').ok_or_else(|| NodeError::parse("/proc/interrupts", line))?;
        let words: Vec<&str> = rest.split_whitespace().collect();
        // ERR and MIS have one number for all.
        let Some((counts, words)) = words.split_at_checked(cpus.len()) else { continue };
        // A numbered one is of a controller, and then of its line and devices; others have a text.
        let (info, devices) = match words.split_at_checked(1) {
            Some((info, devices)) if kind.parse::<u32>().is_ok() => (info.join(" "), devices.join(" ")),
            _ => (words.join(" "), String::new()),
        };
        for (cpu, count) in cpus.iter().zip(counts) {
            let Ok(count) = count.parse::<u64>() else { continue };
            page.put(&[("cpu", cpu), ("devices", &devices), ("info", &info), ("type", kind)], count);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::samples;
    use super::*;

    #[test]
    fn numbered_ones_and_others() {
        let text = "           CPU0       CPU2\n  1:         10          0  IR-IO-APIC    1-edge      i8042, x\nNMI:         47         48   Non-maskable interrupts\nERR:          0\n";
        assert_eq!(
            samples(&COLLECTOR, &[("proc/interrupts", text)]),
            [
                r#"node_interrupts_total{cpu="0",devices="1-edge i8042, x",info="IR-IO-APIC",type="1"} 10"#,
                r#"node_interrupts_total{cpu="2",devices="1-edge i8042, x",info="IR-IO-APIC",type="1"} 0"#,
                r#"node_interrupts_total{cpu="0",devices="",info="Non-maskable interrupts",type="NMI"} 47"#,
                r#"node_interrupts_total{cpu="2",devices="",info="Non-maskable interrupts",type="NMI"} 48"#,
            ]
        );
    }
}
