//! Errors of the host's memory that its controllers found.

use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::Family;

pub(super) static COLLECTOR: Collector = Collector {
    name: "edac",
    summary: "errors of the host's memory that its controllers found",
    default: true,
    families: &FAMILIES,
    collect,
};

const OF: Of =
    Of { labels: &["controller"], source: "/sys/devices/system/edac/mc", bound: "one for each controller" };
const ROW: Of = Of {
    labels: &["controller", "csrow"],
    source: "/sys/devices/system/edac/mc",
    bound: "one for each row, and one for those whose row is unknown",
};

static FAMILIES: [Family; 4] = [
    OF.counter("node_edac_correctable_errors_total", "Total correctable memory errors.", "errors"),
    OF.counter("node_edac_uncorrectable_errors_total", "Total uncorrectable memory errors.", "errors"),
    ROW.counter(
        "node_edac_csrow_correctable_errors_total",
        "Total correctable memory errors for this csrow.",
        "errors",
    ),
    ROW.counter(
        "node_edac_csrow_uncorrectable_errors_total",
        "Total uncorrectable memory errors for this csrow.",
        "errors",
    ),
];

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let (directory, mut controllers) = host.sys_list("devices/system/edac/mc", "mc");
    controllers.retain(|name| name["mc".len()..].parse::<u32>().is_ok());
    for (family, file) in FAMILIES.iter().zip(["ce_count", "ue_count"]) {
        page.family(family);
        for controller in &controllers {
            if let Some(count) = host.number::<u64>(directory.join(controller).join(file)) {
                page.put(&[("controller", &controller["mc".len()..])], count);
            }
        }
    }
    for (family, (all, unknown)) in
        FAMILIES[2..].iter().zip([("ce_count", "ce_noinfo_count"), ("ue_count", "ue_noinfo_count")])
    {
        page.family(family);
        for controller in &controllers {
            let (at, rows) = host.sys_list(&format!("devices/system/edac/mc/{controller}"), "csrow");
            let number = &controller["mc".len()..];
            if let Some(count) = host.number::<u64>(at.join(unknown)) {
                page.put(&[("controller", number), ("csrow", "unknown")], count);
            }
            for row in rows {
                if let Some(count) = host.number::<u64>(at.join(&row).join(all)) {
                    page.put(&[("controller", number), ("csrow", &row["csrow".len()..])], count);
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::samples;
    use super::*;

    #[test]
    fn a_controller_and_its_rows() {
        let base = "sys/devices/system/edac/mc/mc0";
        let [ce, ue, noinfo, row] = ["ce_count", "ue_count", "ce_noinfo_count", "csrow0/ce_count"]
            .map(|name| format!("{base}/{name}"));
        assert_eq!(
            samples(&COLLECTOR, &[(&ce, "1\n"), (&ue, "5\n"), (&noinfo, "2\n"), (&row, "3\n")]),
            [
                r#"node_edac_correctable_errors_total{controller="0"} 1"#,
                r#"node_edac_uncorrectable_errors_total{controller="0"} 5"#,
                r#"node_edac_csrow_correctable_errors_total{controller="0",csrow="unknown"} 2"#,
                r#"node_edac_csrow_correctable_errors_total{controller="0",csrow="0"} 3"#,
            ]
        );
    }
}
