//! Datagrams between containers, against what the workers did and `/proc/net/snmp` of each namespace.

use anyhow::Result;
use plimsoll_tests::exporter::Exporter;
use plimsoll_tests::netns::{Pair, snmp};
use plimsoll_tests::runc::Config;

use crate::{container, counts, id, moved, together};

#[test]
fn datagrams_are_exact_and_a_neighbour_does_not_move() -> Result<()> {
    let exporter = Exporter::start(&[])?;
    let own = || container(&Config::default().own_network());
    let mut pair = [own()?, own()?];
    Pair::lay(pair[0].pid(), pair[1].pid())?;
    let neighbour = own()?;
    let pids = [pair[0].pid(), pair[1].pid()];
    let before = exporter.scrape()?;
    let snmp_before = [snmp(pids[0], "Udp")?, snmp(pids[1], "Udp")?];
    pair[1].run("bind-udp [::]:7000")?;
    together(&mut pair, &["send-udp 10.77.0.2:7000 60 512", "receive-udp 60 512"])?;
    // No connection, no owner: what nobody takes is sent all the same.
    pair[0].run("send-udp 10.77.0.2:7000 3 100")?;
    let after = exporter.scrape()?;
    let snmp_after = [snmp(pids[0], "Udp")?, snmp(pids[1], "Udp")?];

    let of = |family: &str, at: usize| {
        moved((&before, &after), &format!("container_udp_{family}_total"), &id(&pair[at]), &["direction"])
    };
    assert_eq!(of("datagrams", 0), counts([("sent", 63)]));
    assert_eq!(of("bytes", 0), counts([("sent", 60 * 512 + 300)]));
    assert_eq!(of("datagrams", 1), counts([("received", 60)]));
    assert_eq!(of("bytes", 1), counts([("received", 60 * 512)]));
    assert_eq!(snmp_after[0]["OutDatagrams"] - snmp_before[0]["OutDatagrams"], 63);
    assert_eq!(snmp_after[1]["InDatagrams"] - snmp_before[1]["InDatagrams"], 60);
    assert_eq!(before.kernel_row(&id(&neighbour)), after.kernel_row(&id(&neighbour)));
    assert_eq!(after.kernel_losses(), before.kernel_losses());
    Ok(())
}
