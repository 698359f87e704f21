//! Open files of the host, and how many there may be.

use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::Family;

pub(super) static COLLECTOR: Collector = Collector {
    name: "filefd",
    summary: "open files of the host and their limit",
    default: true,
    families: &FAMILIES,
    collect,
};

const OF: Of = Of { labels: &[], source: "/proc/sys/fs/file-nr", bound: "1" };

static FAMILIES: [Family; 2] = [
    OF.gauge("node_filefd_allocated", "File descriptor statistics: allocated.", "files"),
    OF.gauge("node_filefd_maximum", "File descriptor statistics: maximum.", "files"),
];

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let text = host.proc("sys/fs/file-nr")?;
    let numbers: Vec<u64> = text.split_whitespace().flat_map(str::parse).collect();
    // Between them was once what is allocated and not used.
    let [allocated, _, maximum] = numbers[..] else {
        return Err(NodeError::parse("/proc/sys/fs/file-nr", &text));
    };
    page.one(&FAMILIES[0], Some(allocated));
    page.one(&FAMILIES[1], Some(maximum));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::samples;
    use super::*;

    #[test]
    fn open_and_most() {
        assert_eq!(
            samples(&COLLECTOR, &[("proc/sys/fs/file-nr", "1024\t0\t1631329\n")]),
            ["node_filefd_allocated 1024", "node_filefd_maximum 1631329"]
        );
    }
}
