//! Randomness that the kernel has in store.

use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::Family;

pub(super) static COLLECTOR: Collector = Collector {
    name: "entropy",
    summary: "randomness the kernel has in store",
    default: true,
    families: &FAMILIES,
    collect,
};

const OF: Of = Of { labels: &[], source: "/proc/sys/kernel/random", bound: "1" };

static FAMILIES: [Family; 2] = [
    OF.gauge("node_entropy_available_bits", "Bits of available entropy.", "bits"),
    OF.gauge("node_entropy_pool_size_bits", "Bits of entropy pool.", "bits"),
];

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    for (family, file) in
        FAMILIES.iter().zip(["sys/kernel/random/entropy_avail", "sys/kernel/random/poolsize"])
    {
        let text = host.proc(file)?;
        let value: Option<u64> = text.trim().parse().ok();
        page.one(family, value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::samples;
    use super::*;

    #[test]
    fn two_numbers() {
        let files = [
            ("proc/sys/kernel/random/entropy_avail", "1337\n"),
            ("proc/sys/kernel/random/poolsize", "4096\n"),
        ];
        assert_eq!(
            samples(&COLLECTOR, &files),
            ["node_entropy_available_bits 1337", "node_entropy_pool_size_bits 4096"]
        );
    }
}
