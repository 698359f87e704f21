//! Who talks to whom: destinations as they were dialled, and the ports that listen.

use std::collections::BTreeMap;

use anyhow::Result;
use plimsoll_tests::exporter::{Exporter, Scrape};
use plimsoll_tests::netns::{Pair, anycast};
use plimsoll_tests::runc::{Config, Running};

use crate::{container, counts, id, moved, together};

const CONNECTS: &str = "container_tcp_connects_total";
const TO: [&str; 2] = ["destination", "result"];

#[test]
fn each_destination_and_port_has_its_own_numbers() -> Result<()> {
    crate::calmly(|| {
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

        let of =
            |family: &str, at: usize, labels: &[&str]| moved((&before, &after), family, &ids[at], labels);
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
        assert_eq!(
            received,
            counts([("10.77.0.2:7000", 30_000), ("[fd77::2]:7000", 50), ("10.77.0.2:7001", 7)])
        );
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
    })
}

/// A container has 64 destinations by name; the total stays exact.
#[test]
fn destinations_beyond_the_bound_are_others() -> Result<()> {
    crate::calmly(|| {
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
    })
}

/// Who connects, by address over both protocols; beyond 64 addresses the total stays exact.
#[test]
fn clients_are_known_by_their_addresses() -> Result<()> {
    crate::calmly(|| {
        const ADDRESSES: u64 = 70;
        let exporter = Exporter::start(&[])?;
        let own = || container(&Config::default().own_network());
        let mut pair = [own()?, own()?];
        Pair::lay(pair[0].pid(), pair[1].pid())?;
        let mut alone = own()?;
        pair[1].run("listen [::]:7000")?;
        let before = exporter.scrape()?;
        for (to, n) in [("10.77.0.2:7000", 5), ("[fd77::2]:7000", 4), ("[::ffff:10.77.0.2]:7000", 3)] {
            together(&mut pair, &[&format!("connect {to} {n} 1 1"), &format!("serve {n} 1 1")])?;
        }
        together(&mut pair, &["hold [fd77::2]:7000 2", "accept 2"])?;
        // Where every address is one's own, a client has the one that it dials.
        anycast(alone.pid(), "10.99.0.0/24")?;
        alone.run("listen 0.0.0.0:7000")?;
        for at in 1..=ADDRESSES {
            alone.run(&format!("hold 10.99.0.{at}:7000 1"))?;
            alone.run("accept 1")?;
        }
        let held = exporter.scrape()?;
        alone.run("held close")?;
        let after = exporter.scrape()?;

        let of = |family: &str, container: &Running, to: &Scrape| {
            moved((&before, to), &format!("container_tcp_client_{family}"), &id(container), &["client"])
        };
        let accepts = counts([("10.77.0.1", 8), ("fd77::1", 6)]);
        assert_eq!(of("accepts_total", &pair[1], &after), accepts);
        assert_eq!(of("connections", &pair[1], &after), counts([("fd77::1", 2)]));
        assert_eq!(of("accepts_total", &pair[0], &after), counts([]), "nobody connects to the client");
        let named = (1..=64).map(|at| (format!("10.99.0.{at}"), 1));
        let all: BTreeMap<String, u64> = named.chain([("other".to_owned(), ADDRESSES - 64)]).collect();
        assert_eq!(of("accepts_total", &alone, &after), all);
        assert_eq!(of("connections", &alone, &held), all);
        assert_eq!(of("connections", &alone, &after), counts([]));
        Ok(())
    })
}

/// The longest prefix names a destination; a name is one destination for each port.
#[test]
fn destinations_in_named_networks_go_by_the_name() -> Result<()> {
    crate::calmly(|| {
        let groups = [
            "--tcp.destination-group=local=127.0.3.0/24,fd77::/64",
            "--tcp.destination-group=everything=0.0.0.0/0,::/0",
            "--tcp.destination-group=one=127.0.3.7",
        ];
        let exporter = Exporter::start(&groups)?;
        let own = || container(&Config::default().own_network());
        let mut pair = [own()?, own()?];
        Pair::lay(pair[0].pid(), pair[1].pid())?;
        let before = exporter.scrape()?;
        for at in 1..=100 {
            pair[0].run(&format!("connect-failing 127.0.3.{at}:9 2 111"))?;
        }
        pair[0].run("connect-failing 127.0.3.8:10 1 111")?;
        pair[0].run("connect-failing 127.0.4.1:9 3 111")?;
        pair[1].run("listen [::]:7000")?;
        for (to, n) in [("[fd77::2]:7000", 4), ("[::ffff:10.77.0.2]:7000", 3)] {
            together(&mut pair, &[&format!("connect {to} {n} 1 1"), &format!("serve {n} 1 1")])?;
        }
        let after = exporter.scrape()?;
        let wanted = counts([
            ("local:9 refused", 198),
            ("one:9 refused", 2),
            ("local:10 refused", 1),
            ("everything:9 refused", 3),
            ("local:7000 ok", 4),
            ("everything:7000 ok", 3),
        ]);
        assert_eq!(moved((&before, &after), CONNECTS, &id(&pair[0]), &TO), wanted);
        assert_eq!(after.kernel_losses(), before.kernel_losses());
        Ok(())
    })
}

/// Numbers of IPv6 addresses go with what was counted under them.
#[test]
fn numbers_of_addresses_are_given_back() -> Result<()> {
    crate::calmly(|| {
        const ADDRESSES: usize = 60;
        let flags = ["--tombstone.scrapes=0", "--tombstone.min-age=0s"];
        let exporter = Exporter::start(&flags)?;
        let numbers =
            |scrape: &Scrape| scrape.value("plimsoll_destination_numbers", &[]).unwrap_or_default() as usize;
        let mut scanner = container(&Config::default().own_network())?;
        anycast(scanner.pid(), "fd99::/64")?;
        for at in 1..=ADDRESSES {
            scanner.run(&format!("connect-one-failing [fd99::{at:x}]:9 111"))?;
        }
        exporter.scrape_until("all have numbers", |scrape| numbers(scrape) >= ADDRESSES)?;
        let scrape = exporter.scrape()?;
        let labels = [("id", &*id(&scanner)), ("destination", "[fd99::7]:9")];
        assert_eq!(scrape.sum(CONNECTS, &labels), 1.0);
        scanner.finish()?;
        exporter.scrape_until("they are free again", |scrape| numbers(scrape) < ADDRESSES)?;
        Ok(())
    })
}
