//! Where connections really go: addresses translated by nftables, in the client's own network namespace and on the way, as
//! Kubernetes' services and Docker's ports are; against conntrack of each namespace.

use anyhow::Result;
use plimsoll_tests::exporter::Exporter;
use plimsoll_tests::netns::{Routed, nft, translated};
use plimsoll_tests::runc::{Config, Running};

use crate::{container, counts, id, moved, together};

const TO: [&str; 3] = ["destination", "actual_destination", "result"];

/// On the way: a service of one, one of two that take turns, one that refuses, and one that is the router itself.
const ON_THE_WAY: &str = "table inet nat { chain prerouting { type nat hook prerouting priority dstnat;
    ip daddr 10.96.0.1 tcp dport 80 dnat ip to 10.78.2.2:7000
    ip daddr 10.96.0.2 tcp dport 80 dnat ip to numgen inc mod 2 map { 0 : 10.78.2.2, 1 : 10.78.2.3 }:7000
    ip daddr 10.96.0.3 tcp dport 80 dnat ip to 10.78.2.2:9
    ip daddr 10.96.0.4 tcp dport 80 dnat ip to 10.78.1.1:7001
    ip6 daddr fd96::1 tcp dport 80 dnat ip6 to [fd78:2::2]:7000
}
}";

/// In the client's own namespace: to the server, to its own loopback interface, and to what is translated again.
const OWN: &str = "table inet nat { chain output { type nat hook output priority -100;
    ip daddr 10.96.1.1 tcp dport 80 dnat ip to 10.78.2.2:7000
    ip daddr 10.96.1.2 tcp dport 80 dnat ip to 10.96.0.1:80
    ip daddr { 10.96.1.3, 127.0.0.77 } tcp dport 80 redirect to :9
}
}";

#[test]
fn where_connections_really_go() -> Result<()> {
    crate::calmly(|| {
        let exporter = Exporter::start(&["--tcp.actual-destination=on"])?;
        let own = || container(&Config::default().own_network());
        let (client, mut router, server) = (own()?, own()?, own()?);
        Routed::lay(client.pid(), router.pid(), server.pid())?;
        nft(router.pid(), ON_THE_WAY)?;
        nft(client.pid(), OWN)?;
        let router_pid = router.pid();
        let client_pid = client.pid();
        let mut pair = [client, server];
        pair[1].run("listen [::]:7000")?;
        let before = exporter.scrape()?;
        let run = |pair: &mut [Running; 2], to: &str, n: u32| {
            together(pair, &[&format!("connect {to} {n} 100 1000"), &format!("serve {n} 100 1000")])
        };
        run(&mut pair, "10.96.0.1:80", 20)?;
        run(&mut pair, "10.96.0.2:80", 10)?;
        run(&mut pair, "[fd96::1]:80", 6)?;
        run(&mut pair, "[::ffff:10.96.0.1]:80", 3)?;
        run(&mut pair, "10.96.1.1:80", 5)?;
        run(&mut pair, "10.96.1.2:80", 4)?;
        run(&mut pair, "10.78.2.2:7000", 2)?;
        pair[0].run("connect-failing 10.96.0.3:80 7 111")?;
        pair[0].run("connect-failing 10.96.1.3:80 8 111")?;
        // One that the router serves itself: what it answers is the first to be sent on.
        router.run("listen 10.78.1.1:7001")?;
        router.script().begin("serve 3 1 1")?;
        pair[0].run("connect 10.96.0.4:80 3 1 1")?;
        router.finished()?;
        together(&mut pair, &["hold 10.96.0.1:80 2", "accept 2"])?;
        let after = exporter.scrape()?;

        let id = id(&pair[0]);
        let of = |family: &str, labels: &[&str]| moved((&before, &after), family, &id, labels);
        let connects = counts([
            ("10.96.0.1:80 10.78.2.2:7000 ok", 20 + 3 + 2),
            ("10.96.0.2:80 10.78.2.2:7000 ok", 5),
            ("10.96.0.2:80 10.78.2.3:7000 ok", 5),
            ("[fd96::1]:80 [fd78:2::2]:7000 ok", 6),
            ("10.96.1.1:80 10.78.2.2:7000 ok", 5),
            ("10.96.1.2:80 10.78.2.2:7000 ok", 4),
            ("10.78.2.2:7000 ok", 2),
            ("10.96.0.3:80 10.78.2.2:9 refused", 7),
            ("10.96.1.3:80 127.0.0.1:9 refused", 8),
            ("10.96.0.4:80 10.78.1.1:7001 ok", 3),
        ]);
        assert_eq!(of("container_tcp_connects_total", &TO), connects);
        let held = of("container_tcp_destination_connections", &TO[..2]);
        assert_eq!(held, counts([("10.96.0.1:80 10.78.2.2:7000", 2)]));
        let sent = of("container_tcp_destination_sent_bytes_total", &TO[..2]);
        assert_eq!(sent["10.96.0.1:80 10.78.2.2:7000"], 2300);
        assert_eq!(sent["10.96.0.2:80 10.78.2.3:7000"], 500);
        assert_eq!(sent["10.78.2.2:7000"], 200, "and what is not translated is as dialled");
        assert_eq!(after.kernel_losses(), before.kernel_losses());

        // What conntrack has; what was refused it has forgotten.
        for (pid, dialled, actual, n) in [
            (router_pid, "10.96.0.1", "10.78.2.2", 20 + 3 + 4 + 2),
            (router_pid, "10.96.0.2", "10.78.2.3", 5),
            (router_pid, "10.96.0.4", "10.78.1.1", 3),
            (client_pid, "10.96.1.1", "10.78.2.2", 5),
            (client_pid, "10.96.1.2", "10.96.0.1", 4),
        ] {
            assert_eq!(translated(pid, dialled, actual)?, n, "{dialled} {actual}");
        }
        Ok(())
    })
}

/// Off, what was dialled is all there is; and on its own it is on where conntrack is in use.
#[test]
fn where_nobody_asks_it_is_empty() -> Result<()> {
    crate::calmly(|| {
        let exporter = Exporter::start(&["--tcp.actual-destination=off"])?;
        let mut client = container(&Config::default().own_network())?;
        nft(client.pid(), OWN)?;
        client.run("connect-failing 127.0.0.77:80 2 111")?;
        let scrape = exporter.scrape()?;
        let labels = [("id", &*id(&client)), ("destination", "127.0.0.77:80"), ("actual_destination", "")];
        assert_eq!(scrape.sum("container_tcp_connects_total", &labels), 2.0);
        assert_eq!(scrape.all("plimsoll_program_up", &[("signal", "nat")]).count(), 0);
        Ok(())
    })
}
