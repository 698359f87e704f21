//! What the firmware says of the machine.

use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::Family;

pub(super) static COLLECTOR: Collector = Collector {
    name: "dmi",
    summary: "the machine's maker, product and firmware",
    default: true,
    families: &FAMILIES,
    collect,
};

const OF: Of =
    Of { labels: &LABELS, source: "/sys/class/dmi/id; a label for each file there is", bound: "1" };

static FAMILIES: [Family; 1] =
    [OF.gauge("node_dmi_info", "What the firmware says of the machine; always 1.", "1")];

/// By the names of the files, but for the last.
const LABELS: [&str; 20] = [
    "bios_date",
    "bios_release",
    "bios_vendor",
    "bios_version",
    "board_asset_tag",
    "board_name",
    "board_serial",
    "board_vendor",
    "board_version",
    "chassis_asset_tag",
    "chassis_serial",
    "chassis_vendor",
    "chassis_version",
    "product_family",
    "product_name",
    "product_serial",
    "product_sku",
    "product_uuid",
    "product_version",
    "system_vendor",
];

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let directory = host.paths.sysfs.join("class/dmi/id");
    if !directory.exists() {
        return Err(NodeError::Nothing(directory));
    }
    let file = |label| if label == "system_vendor" { "sys_vendor" } else { label };
    let read = |label: &'static str| Some((label, host.text(directory.join(file(label)))?));
    let values: Vec<(&str, String)> = LABELS.into_iter().filter_map(read).collect();
    let labels: Vec<(&str, &str)> = values.iter().map(|(label, value)| (*label, value.as_str())).collect();
    page.family(&FAMILIES[0]);
    page.put(&labels, 1u64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, samples};
    use super::*;

    #[test]
    fn a_label_for_each_file() {
        let files = [
            ("sys/class/dmi/id/product_name", "PowerEdge R6515\n"),
            ("sys/class/dmi/id/sys_vendor", "Dell Inc.\n"),
        ];
        assert_eq!(
            samples(&COLLECTOR, &files),
            [r#"node_dmi_info{product_name="PowerEdge R6515",system_vendor="Dell Inc."} 1"#]
        );
        assert!(matches!(Fixture::new(&[]).text(&COLLECTOR).1, Err(NodeError::Nothing(_))));
    }
}
