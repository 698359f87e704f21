//! NVMe drives of the host.

use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::Family;

pub(super) static COLLECTOR: Collector = Collector {
    name: "nvme",
    summary: "model, firmware and state of the host's NVMe drives",
    default: true,
    families: &FAMILIES,
    collect,
};

const OF: Of = Of {
    labels: &["device", "firmware_revision", "model", "serial", "state"],
    source: "/sys/class/nvme",
    bound: "one for each drive",
};

static FAMILIES: [Family; 1] =
    [OF.gauge("node_nvme_info", "Non-numeric data from /sys/class/nvme/<device>, value is always 1.", "1")];

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let directory = host.paths.sysfs.join("class/nvme");
    let drives = host.list(&directory)?;
    page.family(&FAMILIES[0]);
    for drive in &drives {
        let text = |name: &str| host.text(directory.join(drive).join(name)).unwrap_or_default();
        let labels = [
            ("device", &**drive),
            ("firmware_revision", &text("firmware_rev")),
            ("model", &text("model")),
            ("serial", &text("serial")),
            ("state", &text("state")),
        ];
        page.put(&labels, 1u64);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::samples;
    use super::*;

    #[test]
    fn a_drive() {
        let files = [
            ("sys/class/nvme/nvme0/model", "Samsung SSD 970 PRO 512GB               \n"),
            ("sys/class/nvme/nvme0/firmware_rev", "1B2QEXP7\n"),
            ("sys/class/nvme/nvme0/state", "live\n"),
        ];
        assert_eq!(
            samples(&COLLECTOR, &files),
            [
                r#"node_nvme_info{device="nvme0",firmware_revision="1B2QEXP7",model="Samsung SSD 970 PRO 512GB",serial="",state="live"} 1"#
            ]
        );
    }
}
