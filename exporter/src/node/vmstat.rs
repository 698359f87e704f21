//! Counters of virtual memory, those that a pattern names.

use super::{Collector, Host, NodeError, Page};
use crate::exposition::{Kind, Value};

pub(super) static COLLECTOR: Collector = Collector {
    name: "vmstat",
    summary: "page faults, paging, swapping and OOM kills of the host",
    default: true,
    families: &[],
    collect,
};

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    for line in host.proc("vmstat")?.lines() {
        let fault = || NodeError::parse("/proc/vmstat", line);
        let (name, value) = line.split_once(' ').ok_or_else(fault)?;
        if host.options.vmstat_fields.matches(name) {
            let value: i64 = value.parse().map_err(|_| fault())?;
            let value = u64::try_from(value).map_or(Value::Float(value as f64), Value::Int);
            let help = format!("/proc/vmstat information field {name}.");
            page.found_one(&format!("node_vmstat_{name}"), Kind::Untyped, &help, value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn those_that_the_pattern_names() {
        let mut fixture = Fixture::new(&[(
            "proc/vmstat",
            "nr_free_pages 5\npgpgin 7\npgmajfault 8\noom_kill 1\npswpin 0\n",
        )]);
        assert_eq!(
            fixture.samples(&COLLECTOR),
            [
                "node_vmstat_pgpgin 7",
                "node_vmstat_pgmajfault 8",
                "node_vmstat_oom_kill 1",
                "node_vmstat_pswpin 0"
            ]
        );
        fixture.options().vmstat_fields = "^nr_".parse().expect("a pattern");
        assert_eq!(
            fixture.text(&COLLECTOR).0,
            "# HELP node_vmstat_nr_free_pages /proc/vmstat information field nr_free_pages.\n\
             # TYPE node_vmstat_nr_free_pages untyped\nnode_vmstat_nr_free_pages 5\n"
        );
    }
}
