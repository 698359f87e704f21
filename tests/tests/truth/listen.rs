//! Sockets that listen, their queues, and what does not fit; against `/proc/net/netstat` of the namespace.

use anyhow::Result;
use plimsoll_tests::exporter::{Exporter, Scrape};
use plimsoll_tests::netns::{Pair, netstat, sysctl};
use plimsoll_tests::runc::{Config, Running};

use crate::{container, id};

const ETIMEDOUT: i32 = 110;

fn queue(scrape: &Scrape, container: &Running, address: &str) -> [Option<f64>; 4] {
    let id = id(container);
    let labels = [("id", id.as_str()), ("address", address), ("port", "7000")];
    ["info", "queue_length", "queue_limit", "drops"]
        .map(|name| scrape.value(&format!("container_tcp_listen_{name}"), &labels))
}

#[test]
fn queues_are_exact_and_belong_to_who_listens() -> Result<()> {
    crate::calmly(|| {
        let exporter = Exporter::start(&[])?;
        let own = || container(&Config::default().own_network());
        let mut pair = [own()?, own()?];
        Pair::lay(pair[0].pid(), pair[1].pid())?;
        let mut neighbour = own()?;
        let server = pair[1].pid();
        sysctl(server, "core/somaxconn", "2")?;
        let before = exporter.scrape()?;
        assert_eq!(queue(&before, &pair[1], "10.77.0.2"), [None; 4]);
        pair[1].run("listen 10.77.0.2:7000")?;
        neighbour.run("listen [::]:7000")?;
        let idle = exporter.scrape()?;
        assert_eq!(queue(&idle, &pair[1], "10.77.0.2"), [Some(1.0), Some(0.0), Some(2.0), Some(0.0)]);
        let everywhere = queue(&idle, &neighbour, "::");
        assert_eq!((everywhere[0], everywhere[1]), (Some(1.0), Some(0.0)));

        // One more than may wait does; two more attempts are repeated once each.
        pair[0].run("hold 10.77.0.2:7000 3")?;
        let held = exporter.scrape()?;
        assert_eq!(queue(&held, &pair[1], "10.77.0.2"), [Some(1.0), Some(3.0), Some(2.0), Some(0.0)]);
        pair[0].run(&format!("connect-failing 10.77.0.2:7000 2 {ETIMEDOUT}"))?;
        let full = exporter.scrape()?;
        assert_eq!(queue(&full, &pair[1], "10.77.0.2"), [Some(1.0), Some(3.0), Some(2.0), Some(4.0)]);
        let seen = netstat(server, "TcpExt")?;
        assert_eq!((seen["ListenOverflows"], seen["ListenDrops"]), (4, 4));

        pair[1].run("accept 3")?;
        let taken = exporter.scrape()?;
        assert_eq!(queue(&taken, &pair[1], "10.77.0.2"), [Some(1.0), Some(0.0), Some(2.0), Some(4.0)]);
        assert_eq!(queue(&taken, &neighbour, "::"), everywhere, "it has not moved");
        pair[1].run("listen 10.77.0.2:7001")?;
        assert_eq!(queue(&exporter.scrape()?, &pair[1], "10.77.0.2"), [None; 4], "it listens elsewhere now");
        Ok(())
    })
}
