//! TCP over a way that is slow, and over one that loses packets, against what the way itself knows and the namespaces count.

use std::time::Duration;

use anyhow::Result;
use plimsoll_tests::exporter::{Exporter, Scrape};
use plimsoll_tests::netns::snmp;
use plimsoll_tests::relay::Relay;
use plimsoll_tests::runc::{Config, Running};

use crate::{container, id, moved, together};

const SERVER: &str = "10.79.0.2:7000";

/// A client and a server with a way between them.
fn relayed(delay: Duration) -> Result<([Running; 2], Relay)> {
    let own = || container(&Config::default().own_network());
    let mut pair = [own()?, own()?];
    let relay = Relay::lay(pair[0].pid(), pair[1].pid(), delay)?;
    pair[1].run(&format!("listen {SERVER}"))?;
    Ok((pair, relay))
}

/// The `le` up to which a histogram of a row has counted nothing.
fn none_below(scrape: &Scrape, family: &str, labels: &[(&str, &str)]) -> f64 {
    let family = format!("{family}_bucket");
    let buckets = scrape.all(&family, labels).filter(|sample| sample.value == 0.0);
    let bounds = buckets.map(|sample| sample.labels["le"].parse().unwrap_or(f64::INFINITY));
    bounds.fold(0.0, f64::max)
}

/// Where the way takes long, both durations say so; what one end does is not faster than the way and back.
#[test]
fn a_delay_is_in_connects_and_round_trips() -> Result<()> {
    crate::calmly(|| {
        let exporter = Exporter::start(&[])?;
        // There and back it is twice that, which is above 131 ms, the lower bound of its bucket.
        let (mut pair, _relay) = relayed(Duration::from_millis(80))?;
        together(&mut pair, &[&format!("connect {SERVER} 3 100 100"), "serve 3 100 100"])?;
        let ids = [id(&pair[0]), id(&pair[1])];
        let after = exporter.scrape_until("both sides are closed", |scrape| {
            ids.iter().all(|id| scrape.sum("container_tcp_rtt_seconds_count", &[("id", id.as_str())]) == 3.0)
        })?;
        let connects = [("id", ids[0].as_str()), ("result", "ok")];
        assert_eq!(after.sum("container_tcp_connect_duration_seconds_count", &connects), 3.0);
        assert_eq!(none_below(&after, "container_tcp_connect_duration_seconds", &connects), 0.131_072);
        assert!(after.sum("container_tcp_connect_duration_seconds_sum", &connects) >= 3.0 * 0.16);
        for id in &ids {
            assert_eq!(none_below(&after, "container_tcp_rtt_seconds", &[("id", id)]), 0.131_072, "{id}");
            let again = [("id", id.as_str())];
            assert_eq!(after.sum("container_tcp_retransmitted_segments_total", &again), 0.0, "{id}");
        }
        Ok(())
    })
}

/// What is lost on the way is sent again, and counted as often as the namespace itself says; each byte is counted once.
#[test]
fn what_is_lost_is_sent_again() -> Result<()> {
    crate::calmly(|| {
        const ROUNDS: u64 = 3;
        const BYTES: u64 = 100_000;
        let exporter = Exporter::start(&[])?;
        let (mut pair, relay) = relayed(Duration::from_millis(2))?;
        let before = exporter.scrape()?;
        together(&mut pair, &[&format!("hold {SERVER} 2"), "accept 2"])?;
        let pids = [pair[0].pid(), pair[1].pid()];
        let snmp_before = [snmp(pids[0], "Tcp")?, snmp(pids[1], "Tcp")?];
        relay.lose_every(7);
        for _ in 0..ROUNDS {
            together(&mut pair, &[&format!("held send {BYTES}"), &format!("held receive {BYTES}")])?;
        }
        relay.lose_every(0);
        together(&mut pair, &["held half", "held end"])?;
        together(&mut pair, &["held end", "held close"])?;
        pair[0].run("held close")?;
        let ids = [id(&pair[0]), id(&pair[1])];
        let after = exporter.scrape_until("both sides are closed", |scrape| {
            ids.iter().all(|id| scrape.sum("container_tcp_connections", &[("id", id.as_str())]) == 0.0)
        })?;
        let of = |family: &str, at: usize| moved((&before, &after), family, &ids[at], &[]).get("").copied();
        for at in 0..2 {
            let again = snmp(pids[at], "Tcp")?["RetransSegs"] - snmp_before[at]["RetransSegs"];
            let counted = of("container_tcp_retransmitted_segments_total", at).unwrap_or_default();
            assert_eq!(counted, again, "{at}");
        }
        let again = of("container_tcp_retransmitted_segments_total", 0).unwrap_or_default();
        assert!(relay.lost() > 0 && again >= relay.lost(), "{again} again, {} lost", relay.lost());
        assert_eq!(of("container_tcp_sent_bytes_total", 0), Some(2 * ROUNDS * BYTES), "each byte once");
        assert_eq!(of("container_tcp_received_bytes_total", 1), Some(2 * ROUNDS * BYTES));
        Ok(())
    })
}
