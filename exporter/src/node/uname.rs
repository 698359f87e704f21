//! The kernel and the host's name.

use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::Family;

pub(super) static COLLECTOR: Collector = Collector {
    name: "uname",
    summary: "kernel, architecture and name of the host",
    default: true,
    families: &FAMILIES,
    collect,
};

const OF: Of = Of {
    labels: &["domainname", "machine", "nodename", "release", "sysname", "version"],
    source: "uname(2)",
    bound: "1",
};

static FAMILIES: [Family; 1] =
    [OF.gauge("node_uname_info", "Labeled system information as provided by the uname system call.", "1")];

fn collect(_: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let uname = rustix::system::uname();
    page.family(&FAMILIES[0]);
    let labels = [
        ("domainname", uname.domainname().to_string_lossy()),
        ("machine", uname.machine().to_string_lossy()),
        ("nodename", uname.nodename().to_string_lossy()),
        ("release", uname.release().to_string_lossy()),
        ("sysname", uname.sysname().to_string_lossy()),
        ("version", uname.version().to_string_lossy()),
    ];
    let labels = labels.each_ref().map(|(name, value)| (*name, &**value));
    page.put(&labels, 1u64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::samples;
    use super::*;

    #[test]
    fn this_kernel() {
        let samples = samples(&COLLECTOR, &[]);
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("readable");
        assert_eq!(samples.len(), 1);
        assert!(
            samples[0].contains(&format!("release=\"{}\",sysname=\"Linux\"", release.trim())),
            "{samples:?}"
        );
    }
}
