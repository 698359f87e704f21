//! ICMP with every right, with the one that Linux grants to groups, and with none.

use std::process::Command;

use anyhow::Result;
use plimsoll_tests::plugins::{Ran, ours_dir, run_ours};
use plimsoll_tests::tools;

/// Runs one of ours in a network of its own without cap_net_raw, where these groups may send echoes.
fn without_raw(groups: &str, check: &str) -> Result<Ran> {
    let script = format!(
        "{busybox} ip link set lo up && echo '{groups}' >/proc/sys/net/ipv4/ping_group_range && \
         exec setpriv --bounding-set -net_raw --inh-caps -net_raw {ours}/{check}",
        busybox = tools::busybox()?.display(),
        ours = ours_dir()?.display()
    );
    let mut command = Command::new("unshare");
    command.args(["--net", "/bin/sh", "-c", &script]);
    run_ours(command)
}

#[test]
fn a_socket_for_echoes_does_where_a_raw_one_is_not_allowed() -> Result<()> {
    for check in
        ["check_icmp -H 127.0.0.1 -n 2 -i 1ms", "check_ping -H 127.0.0.1 -p 1 -w 1000,50% -c 2000,60%"]
    {
        let ran = without_raw("0 2147483647", check)?;
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.output.contains("OK - "), "{ran:?}");
        assert!(ran.perfdata()?.iter().any(|datum| datum.label == "pl" && datum.value == "0"), "{ran:?}");
    }
    Ok(())
}

#[test]
fn without_any_right_the_one_line_says_which_is_missing() -> Result<()> {
    let why = "sending ICMP needs cap_net_raw, or a group of this process in net.ipv4.ping_group_range";
    let icmp = without_raw("1 0", "check_icmp -H 127.0.0.1 -n 1")?;
    assert_eq!((icmp.code, icmp.output), (3, format!("check_icmp: {why}\n")));
    let ping = without_raw("1 0", "check_ping -H 127.0.0.1 -w 1,2% -c 3,4%")?;
    assert_eq!((ping.code, ping.output), (3, format!("PING UNKNOWN - {why}\n")));
    Ok(())
}

#[test]
fn a_host_without_a_route_is_critical_at_once() -> Result<()> {
    let ping = without_raw("0 2147483647", "check_ping -H 192.0.2.1 -w 1,2% -c 3,4% -p 1")?;
    assert_eq!((ping.code, ping.output.as_str()), (2, "CRITICAL - Network Unreachable (192.0.2.1)\n"));
    Ok(())
}
