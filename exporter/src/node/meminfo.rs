//! Memory of the host, every field that the kernel has.

use super::{Collector, Host, NodeError, Page};
use crate::exposition::Kind;

pub(super) static COLLECTOR: Collector =
    Collector { name: "meminfo", summary: "memory of the host", default: true, families: &[], collect };

/// A line's name as it is served, and its number.
pub(super) fn parse(line: &str, file: &'static str) -> Result<(String, u64), NodeError> {
    let fault = || NodeError::parse(file, line);
    let (name, rest) = line.split_once(':').ok_or_else(fault)?;
    let mut words = rest.split_whitespace();
    let value: u64 = words.next().and_then(|word| word.parse().ok()).ok_or_else(fault)?;
    // Active(anon) is Active_anon.
    let name = name.replace('(', "_").replace(')', "");
    Ok(match words.next() {
        Some("kB") => (format!("{name}_bytes"), value * 1024),
        Some(_) => return Err(fault()),
        None => (name, value),
    })
}

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    // Not procfs' Meminfo: it knows the fields of its day, node_exporter shows those of this kernel.
    for line in host.proc("meminfo")?.lines() {
        let (name, value) = parse(line, "/proc/meminfo")?;
        let help = format!("Memory information field {name}.");
        let kind = if name.ends_with("_total") { Kind::Counter } else { Kind::Gauge };
        page.found_one(&format!("node_memory_{name}"), kind, &help, value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, samples};
    use super::*;

    #[test]
    fn every_line_is_a_family() {
        let meminfo = "MemTotal:       3831772 kB\nActive(anon):     70 kB\nHugePages_Total:       4\n";
        assert_eq!(
            samples(&COLLECTOR, &[("proc/meminfo", meminfo)]),
            [
                "node_memory_MemTotal_bytes 3923734528",
                "node_memory_Active_anon_bytes 71680",
                "node_memory_HugePages_Total 4"
            ]
        );
        for bad in ["MemTotal 5 kB\n", "MemTotal: 5 MB\n", "MemTotal: kB\n"] {
            assert!(Fixture::new(&[("proc/meminfo", bad)]).text(&COLLECTOR).1.is_err(), "{bad}");
        }
    }
}
