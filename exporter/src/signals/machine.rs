//! The machine, without labels of a container: from the row of the root cgroup, or one that has only this.

use super::per_row::gauge;
use super::{Row, Signal, Source};
use crate::exposition::{Encoder, Family, Series, Value};
use crate::host::Machine;

/// The signal.
pub(super) static SIGNAL: Signal = Signal {
    name: "machine",
    summary: "CPUs, memory and swap of the machine",
    source: Source::Cgroup,
    default: true,
    families: &FAMILIES,
    encode,
};

static FAMILIES: [Family; 3] = [
    gauge("machine_cpu_cores", "Logical CPUs online.", "CPUs", "/sys/devices/system/cpu/online"),
    gauge("machine_memory_bytes", "Memory installed.", "bytes", "/proc/meminfo MemTotal"),
    gauge("machine_swap_bytes", "Swap there is.", "bytes", "/proc/meminfo SwapTotal"),
];

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    const READS: [fn(&Machine) -> Option<u64>; 3] = [|m| m.cpus, |m| m.memory, |m| m.swap];
    let Some(machine) = rows.iter().find_map(|row| row.host?.machine) else { return };
    for (family, read) in FAMILIES.iter().zip(READS) {
        encoder.family(family);
        if let Some(value) = read(&machine) {
            encoder.gauge(Series { labels: "", created: None }, &[], Value::Int(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::HostStats;
    use crate::signals::per_row::lines;

    #[test]
    fn without_labels() {
        let machine = Machine { cpus: Some(2), memory: Some(1 << 30), swap: Some(0) };
        assert_eq!(
            lines(&SIGNAL, &HostStats { machine: Some(machine), ..HostStats::default() }),
            ["machine_cpu_cores 2", "machine_memory_bytes 1073741824", "machine_swap_bytes 0"]
        );
    }
}
