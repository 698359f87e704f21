//! Who talks to whom: destinations as they were dialled, and the ports that listen.

use std::collections::BTreeMap;

use anyhow::Result;
use plimsoll_tests::exporter::Exporter;
use plimsoll_tests::netns::Pair;
use plimsoll_tests::runc::{Config, Running};

use crate::{container, counts, id, moved, together};

const CONNECTS: &str = "container_tcp_connects_total";
const TO: [&str; 2] = ["destination", "result"];

#[test]
fn each_destination_and_port_has_its_own_numbers() -> Result<()> {
    let exporter = Exporter::start(&[])?;
    let own = || container(&Config::default().own_network());
    let mut pair = [own()?, own()?];
    Pair::lay(pair[0].pid(), pair[1].pid())?;
    let neighbour = own()?;
    let before = exporter.scrape()?;
    let run = |pair: &mut [Running; 2], to: &str, n: u32, sent: u32, received: u32| {
        together(
            pair,
            &[&format!("connect {to} {n} {sent} {received}"), &format!("serve {n} {sent} {received}")],
        )
    };
    pair[1].run("listen [::]:7000")?;
    run(&mut pair, "10.77.0.2:7000", 12, 100, 2000)?;
    run(&mut pair, "[fd77::2]:7000", 5, 300, 10)?;
    run(&mut pair, "[::ffff:10.77.0.2]:7000", 3, 100, 2000)?;
    pair[1].run("listen 10.77.0.2:7001")?;
    run(&mut pair, "10.77.0.2:7001", 7, 1, 1)?;
    pair[0].run("connect-failing 10.77.0.2:9 4 111")?;
    pair[0].run("connect-failing 127.0.0.1:9 6 111")?;
    together(&mut pair, &["hold 10.77.0.2:7001 2", "accept 2"])?;
    let ids = [id(&pair[0]), id(&pair[1])];
    let after = exporter.scrape_until("what was closed is over", |scrape| {
        let closed = |id: &String| {
            scrape.sum("container_tcp_connection_duration_seconds_count", &[("id", id.as_str())]) == 27.0
        };
        ids.iter().all(closed)
    })?;

    let of = |family: &str, at: usize, labels: &[&str]| moved((&before, &after), family, &ids[at], labels);
    let connects = counts([
        ("10.77.0.2:7000 ok", 15),
        ("[fd77::2]:7000 ok", 5),
        ("10.77.0.2:7001 ok", 9),
        ("10.77.0.2:9 refused", 4),
        ("127.0.0.1:9 refused", 6),
    ]);
    assert_eq!(of(CONNECTS, 0, &TO), connects);
    assert_eq!(of("container_tcp_destination_connections", 0, &TO[..1]), counts([("10.77.0.2:7001", 2)]));
    let sent = of("container_tcp_destination_sent_bytes_total", 0, &TO[..1]);
    assert_eq!(sent, counts([("10.77.0.2:7000", 1500), ("[fd77::2]:7000", 1500), ("10.77.0.2:7001", 7)]));
    let received = of("container_tcp_destination_received_bytes_total", 0, &TO[..1]);
    assert_eq!(received, counts([("10.77.0.2:7000", 30_000), ("[fd77::2]:7000", 50), ("10.77.0.2:7001", 7)]));
    assert_eq!(of(CONNECTS, 1, &TO), counts([]));
    let by_port = |what: &str, at: usize| of(&format!("container_tcp_port_{what}"), at, &["port"]);
    assert_eq!(by_port("accepts_total", 1), counts([("7000", 20), ("7001", 9)]));
    assert_eq!(by_port("connections", 1), counts([("7001", 2)]));
    assert_eq!(by_port("received_bytes_total", 1), counts([("7000", 3000), ("7001", 7)]));
    assert_eq!(by_port("sent_bytes_total", 1), counts([("7000", 30_050), ("7001", 7)]));
    assert_eq!(by_port("accepts_total", 0), counts([]));
    assert_eq!(before.kernel_row(&id(&neighbour)), after.kernel_row(&id(&neighbour)));
    assert_eq!(after.kernel_losses(), before.kernel_losses());
    Ok(())
}

/// A container has 64 destinations by name; the total stays exact.
#[test]
fn destinations_beyond_the_bound_are_others() -> Result<()> {
    const DESTINATIONS: u64 = 80;
    let exporter = Exporter::start(&[])?;
    let mut scanner = container(&Config::default().own_network())?;
    let mut other = container(&Config::default().own_network())?;
    let before = exporter.scrape()?;
    for at in 1..=DESTINATIONS {
        scanner.run(&format!("connect-failing 127.0.1.{at}:9 3 111"))?;
    }
    other.run("connect-failing 127.0.1.80:9 2 111")?;
    let after = exporter.scrape()?;
    let all = moved((&before, &after), CONNECTS, &id(&scanner), &TO);
    let wanted: BTreeMap<String, u64> = (1..=64)
        .map(|at| (format!("127.0.1.{at}:9 refused"), 3))
        .chain([("other refused".to_owned(), 3 * (DESTINATIONS - 64))])
        .collect();
    assert_eq!(all, wanted);
    let folded =
        |losses: BTreeMap<String, f64>| losses.get("destination_folded").copied().unwrap_or_default();
    // At least: what other tests do on the host has its bound, too.
    assert!(folded(after.losses()) - folded(before.losses()) >= (3 * (DESTINATIONS - 64)) as f64);
    let other = moved((&before, &after), CONNECTS, &id(&other), &TO);
    assert_eq!(other, counts([("127.0.1.80:9 refused", 2)]), "the bound is each container's own");
    Ok(())
}
