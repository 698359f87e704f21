//! Energy that the host's processors and memory used. Only root may read it.

use std::collections::BTreeMap;

use super::{Collector, Host, NodeError, Page};
use crate::exposition::Kind;

pub(super) static COLLECTOR: Collector = Collector {
    name: "rapl",
    summary: "energy the host's processors and memory used",
    default: true,
    families: &[],
    collect,
};

/// `package-0` is package 0; others are counted as they come.
fn split(name: &str) -> (String, Option<u64>) {
    let plain = |name: &str| -> String {
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
    };
    match name.rsplit_once('-').map(|(name, number)| (name, number.parse())) {
        Some((name, Ok(number))) => (plain(name), Some(number)),
        _ => (plain(name), None),
    }
}

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let directory = host.paths.sysfs.join("class/powercap");
    // By name: index, path and energy of each.
    let mut zones: BTreeMap<String, Vec<(u64, String, u64)>> = BTreeMap::new();
    for entry in host.list(&directory)? {
        let at = directory.join(&entry);
        let (Some(name), Some(energy)) = (host.text(at.join("name")), host.number(at.join("energy_uj")))
        else {
            continue;
        };
        let (name, index) = split(&name);
        let of_name = zones.entry(name).or_default();
        let index = index.unwrap_or(of_name.len() as u64);
        of_name.push((index, at.to_string_lossy().into_owned(), energy));
    }
    for (name, zones) in zones {
        let help = format!("Current RAPL {name} value in joules.");
        page.found(&format!("node_rapl_{name}_joules_total"), Kind::Counter, &help);
        for (index, path, micro) in zones {
            page.put(&[("index", &index.to_string()), ("path", &path)], micro as f64 / 1e6);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::samples;
    use super::*;

    #[test]
    fn packages_and_their_parts() {
        let files = [
            ("sys/class/powercap/intel-rapl:0/name", "package-0\n"),
            ("sys/class/powercap/intel-rapl:0/energy_uj", "240422366267\n"),
            ("sys/class/powercap/intel-rapl:0:0/name", "core\n"),
            ("sys/class/powercap/intel-rapl:0:0/energy_uj", "500000\n"),
            ("sys/class/powercap/intel-rapl/enabled", "1\n"),
        ];
        let samples = samples(&COLLECTOR, &files);
        assert_eq!(samples.len(), 2);
        assert!(samples[0].starts_with(r#"node_rapl_core_joules_total{index="0",path="/"#), "{samples:?}");
        assert!(samples[0].ends_with(r#"/class/powercap/intel-rapl:0:0"} 0.5"#), "{samples:?}");
        assert!(
            samples[1].starts_with("node_rapl_package_joules_total")
                && samples[1].ends_with("} 240422.366267")
        );
    }
}
