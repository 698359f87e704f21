//! Whether SELinux is on, and whether it enforces.

use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::Family;

pub(super) static COLLECTOR: Collector = Collector {
    name: "selinux",
    summary: "whether SELinux is on, and its mode",
    default: true,
    families: &FAMILIES,
    collect,
};

const OF: Of = Of { labels: &[], source: "/sys/fs/selinux", bound: "1" };
const CONFIG: Of = Of { source: "/etc/selinux/config below `--path.rootfs`", ..OF };

static FAMILIES: [Family; 3] = [
    OF.gauge("node_selinux_enabled", "SELinux is enabled, 1 is true, 0 is false.", "0 or 1"),
    OF.gauge(
        "node_selinux_current_mode",
        "Current SELinux enforcement mode: 1 enforces, 0 permits.",
        "0 or 1",
    ),
    CONFIG.gauge(
        "node_selinux_config_mode",
        "Configured SELinux enforcement mode: 1 enforces, 0 permits, -1 is off.",
        "a mode",
    ),
];

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let mode = host.text(host.paths.sysfs.join("fs/selinux/enforce"));
    page.one(&FAMILIES[0], Some(mode.is_some()));
    let Some(mode) = mode else { return Ok(()) };
    page.one(&FAMILIES[1], Some(mode == "1"));
    let config = host.text(host.paths.rootfs.join("etc/selinux/config")).unwrap_or_default();
    let word = config.lines().find_map(|line| line.trim().strip_prefix("SELINUX="));
    let configured = match word {
        Some("enforcing") => Some(1.0),
        Some("permissive") => Some(0.0),
        Some("disabled") => Some(-1.0),
        _ => None,
    };
    page.one(&FAMILIES[2], configured);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::samples;
    use super::*;

    #[test]
    fn on_and_off() {
        assert_eq!(samples(&COLLECTOR, &[]), ["node_selinux_enabled 0"]);
        let files = [
            ("sys/fs/selinux/enforce", "0"),
            ("root/etc/selinux/config", "# SELINUX=x\nSELINUX=enforcing\n"),
        ];
        assert_eq!(
            samples(&COLLECTOR, &files),
            ["node_selinux_enabled 1", "node_selinux_current_mode 0", "node_selinux_config_mode 1"]
        );
    }
}
