//! TCP between containers in network namespaces of their own, against what the workers did, `/proc/net/snmp` of each
//! namespace and `ss`.

use std::collections::BTreeMap;

use anyhow::Result;
use plimsoll_tests::cgroup;
use plimsoll_tests::exporter::{Exporter, Scrape};
use plimsoll_tests::netns::{NOBODY, Pair, SILENT, anycast, nft, snmp, ss, sysctl};
use plimsoll_tests::runc::{Config, Running};
use plimsoll_tests::undisturbed::undisturbed;

use crate::{container, counts, id, moved, together};

const ATTEMPTS: &str = "container_tcp_connect_attempts_total";
const DURATION: &str = "container_tcp_connect_duration_seconds_count";
const ACCEPTS: &str = "container_tcp_accepts_total";
const OPEN: &str = "container_tcp_connections";
const SENT: &str = "container_tcp_sent_bytes_total";
const RECEIVED: &str = "container_tcp_received_bytes_total";
const SEGMENTS_SENT: &str = "container_tcp_sent_segments_total";
const SEGMENTS_RECEIVED: &str = "container_tcp_received_segments_total";
const RETRANSMITS: &str = "container_tcp_retransmitted_segments_total";
const RESETS: &str = "container_tcp_resets_total";
const ECONNREFUSED: i32 = 111;
const ETIMEDOUT: i32 = 110;
const EHOSTUNREACH: i32 = 113;

/// A client and a server with a cable between them.
fn connected() -> Result<[Running; 2]> {
    let own = || container(&Config::default().own_network());
    let both = [own()?, own()?];
    Pair::lay(both[0].pid(), both[1].pid())?;
    Ok(both)
}

fn since(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>, name: &str) -> u64 {
    after[name] - before[name]
}

fn open(scrape: &Scrape, container: &Running) -> [Option<f64>; 3] {
    let id = id(container);
    ["out", "in", "unknown"]
        .map(|direction| scrape.value(OPEN, &[("id", id.as_str()), ("direction", direction)]))
}

#[test]
fn connects_and_bytes_are_exact_over_both_protocols_and_a_neighbour_does_not_move() -> Result<()> {
    crate::calmly(|| {
        let exporter = Exporter::start(&[])?;
        let mut pair = connected()?;
        let neighbour = container(&Config::default().own_network())?;
        pair[1].run("listen [::]:7000")?;
        let before = exporter.scrape()?;
        for (to, n) in [("10.77.0.2:7000", 30), ("[fd77::2]:7000", 20), ("[::ffff:10.77.0.2]:7000", 10)] {
            together(&mut pair, &[&format!("connect {to} {n} 1000 5000"), &format!("serve {n} 1000 5000")])?;
        }
        // What was closed still has its last segments to exchange.
        let after = exporter.scrape_until("all connections are over", |scrape| {
            let of = |family, at: usize| scrape.sum(family, &[("id", &id(&pair[at]))]);
            of("container_tcp_connection_duration_seconds_count", 0) == 60.0
                && of("container_tcp_connection_duration_seconds_count", 1) == 60.0
                && of(RECEIVED, 0) == 300_000.0
        })?;

        let of =
            |family: &str, at: usize, label: &[&str]| moved((&before, &after), family, &id(&pair[at]), label);
        assert_eq!(of(ATTEMPTS, 0, &["result"]), counts([("ok", 60)]));
        assert_eq!(of(DURATION, 0, &["result"]), counts([("ok", 60)]));
        assert_eq!(of(ATTEMPTS, 1, &["result"]), counts([]));
        assert_eq!(of(ACCEPTS, 0, &[]), counts([]));
        assert_eq!(of(ACCEPTS, 1, &[]), counts([("", 60)]));
        for (at, sent, received) in [(0, 60_000, 300_000), (1, 300_000, 60_000)] {
            assert_eq!(of(SENT, at, &[]), counts([("", sent)]), "{at}");
            assert_eq!(of(RECEIVED, at, &[]), counts([("", received)]), "{at}");
            assert_eq!(of("container_tcp_rtt_seconds_count", at, &[]), counts([("", 60)]), "{at}");
            assert_eq!(of(RETRANSMITS, at, &[]), counts([]), "{at}");
            assert_eq!(of(RESETS, at, &["direction"]), counts([]), "{at}");
            assert_eq!(open(&after, &pair[at]), [Some(0.0), Some(0.0), None], "{at}");
        }
        assert_eq!(before.kernel_row(&id(&neighbour)), after.kernel_row(&id(&neighbour)));
        assert_eq!(after.kernel_losses(), before.kernel_losses());
        Ok(())
    })
}

#[test]
fn attempts_that_fail_are_known_by_their_reason() -> Result<()> {
    crate::calmly(|| {
        let exporter = Exporter::start(&[])?;
        let mut pair = connected()?;
        let before = exporter.scrape()?;
        let snmp_before = snmp(pair[0].pid(), "Tcp")?;
        pair[0].run(&format!("connect-failing 10.77.0.2:9 25 {ECONNREFUSED}"))?;
        pair[0].run(&format!("connect-failing {SILENT}:9 7 {ETIMEDOUT}"))?;
        pair[0].run(&format!("connect-failing {NOBODY}:9 5 {EHOSTUNREACH}"))?;
        pair[0].run(&format!("connect-given-up {SILENT}:9 3"))?;
        let after = exporter.scrape()?;
        let snmp_after = snmp(pair[0].pid(), "Tcp")?;

        let of =
            |family: &str, at: usize, label: &[&str]| moved((&before, &after), family, &id(&pair[at]), label);
        let wanted = counts([("refused", 25), ("timeout", 7), ("unreachable", 5), ("aborted", 3)]);
        assert_eq!(of(ATTEMPTS, 0, &["result"]), wanted);
        assert_eq!(of(DURATION, 0, &["result"]), wanted);
        assert_eq!(of(RESETS, 0, &["direction"]), counts([("received", 25)]));
        assert_eq!(of(RETRANSMITS, 0, &[]), counts([("", 7)]), "one each, since it is repeated once");
        assert_eq!(since(&snmp_before, &snmp_after, "RetransSegs"), 7);
        assert_eq!(since(&snmp_before, &snmp_after, "ActiveOpens"), 40);
        assert_eq!(
            since(&snmp_before, &snmp_after, "AttemptFails"),
            37,
            "what is given up is no failure there"
        );
        assert_eq!(open(&after, &pair[0]), [Some(0.0), Some(0.0), None]);
        assert_eq!(
            before.kernel_row(&id(&pair[1])),
            after.kernel_row(&id(&pair[1])),
            "who refused has no socket"
        );
        Ok(())
    })
}

#[test]
fn what_is_open_is_counted_while_it_lives() -> Result<()> {
    crate::calmly(|| {
        let exporter = Exporter::start(&[])?;
        let mut pair = connected()?;
        pair[1].run("listen 10.77.0.2:7000")?;
        let before = exporter.scrape()?;
        let pids = [pair[0].pid(), pair[1].pid()];
        let snmp_before = [snmp(pids[0], "Tcp")?, snmp(pids[1], "Tcp")?];
        together(&mut pair, &["hold 10.77.0.2:7000 5", "accept 5"])?;
        together(&mut pair, &["held send 1000", "held receive 1000"])?;
        for _ in 0..20 {
            together(&mut pair, &["held receive 1000", "held send 1000"])?;
        }
        let (ids, bytes) = ([id(&pair[0]), id(&pair[1])], [5000.0, 100_000.0]);
        let live = exporter.scrape_until("all bytes are there", |scrape| {
            let of = |family, at: usize| scrape.sum(family, &[("id", ids[at].as_str())]);
            [of(SENT, 0), of(RECEIVED, 0), of(SENT, 1), of(RECEIVED, 1)]
                == [bytes[0], bytes[1], bytes[1], bytes[0]]
        })?;
        assert_eq!(open(&live, &pair[0]), [Some(5.0), Some(0.0), None]);
        assert_eq!(open(&live, &pair[1]), [Some(0.0), Some(5.0), None]);
        assert_eq!((ss(pids[0], "bytes_sent")?, ss(pids[0], "bytes_received")?), (5000, 100_000));
        assert_eq!((ss(pids[1], "bytes_sent")?, ss(pids[1], "bytes_received")?), (100_000, 5000));

        // A side that only listens on still has its connections.
        pair[0].run("held half")?;
        pair[1].run("held end")?;
        let half = exporter.scrape()?;
        assert_eq!(open(&half, &pair[0]), [Some(5.0), Some(0.0), None]);
        assert_eq!(open(&half, &pair[1]), [Some(0.0), Some(5.0), None]);

        pair[1].run("held abort")?;
        pair[0].run("held end")?;
        let after = exporter.scrape()?;
        for side in &pair {
            assert_eq!(open(&after, side), [Some(0.0), Some(0.0), None]);
        }
        let of =
            |family: &str, at: usize, label: &[&str]| moved((&before, &after), family, &id(&pair[at]), label);
        assert_eq!(of(SENT, 0, &[]), counts([("", 5000)]));
        assert_eq!(of(RECEIVED, 1, &[]), counts([("", 5000)]), "the end is no byte");
        assert_eq!(of(RESETS, 1, &["direction"]), counts([("sent", 5)]));
        assert_eq!(of(RESETS, 0, &["direction"]), counts([("received", 5)]));
        let snmp_after = [snmp(pids[0], "Tcp")?, snmp(pids[1], "Tcp")?];
        // Each was sent by itself: segments that come together are one to these counters. Those sent again are none.
        let segments = |at: usize, name| since(&snmp_before[at], &snmp_after[at], name);
        let new = |at: usize| {
            of(SEGMENTS_SENT, at, &[])[""] - of(RETRANSMITS, at, &[]).get("").copied().unwrap_or_default()
        };
        assert_eq!(new(0), segments(0, "OutSegs"));
        assert_eq!(of(SEGMENTS_RECEIVED, 0, &[])[""], segments(0, "InSegs"));
        // The listener answers the first segment of each; a reset goes out when the socket is closed already.
        assert_eq!(new(1) + 5 + 5, segments(1, "OutSegs"));
        assert_eq!(of(SEGMENTS_RECEIVED, 1, &[])[""], segments(1, "InSegs"));
        Ok(())
    })
}

/// Over both protocols, dialled and accepted: right after the start, and until they are closed.
#[test]
fn what_was_open_before_the_exporter_is_known_at_its_start() -> Result<()> {
    crate::calmly(|| {
        let mut pair = connected()?;
        let mut neighbour = container(&Config::default().own_network())?;
        pair[1].run("listen [::]:7000")?;
        together(&mut pair, &["hold 10.77.0.2:7000 4", "accept 4"])?;
        together(&mut pair, &["hold [fd77::2]:7000 2", "accept 2"])?;
        together(&mut pair, &["held send 1000", "held receive 1000"])?;
        // What is closed on both sides, or fails, is not there any more.
        neighbour.run("listen 127.0.0.1:7000")?;
        neighbour.run("connect-failing 127.0.0.1:9 3 111")?;
        let exporter = Exporter::start(&[])?;
        let first = exporter.scrape()?;
        let ids = [id(&pair[0]), id(&pair[1])];
        assert_eq!(open(&first, &pair[0]), [Some(6.0), Some(0.0), None]);
        assert_eq!(open(&first, &pair[1]), [Some(0.0), Some(6.0), None]);
        assert_eq!(open(&first, &neighbour), [None; 3], "it has none");
        let to = |scrape: &Scrape, destination: &str| {
            let labels = [("id", ids[0].as_str()), ("destination", destination)];
            scrape.value("container_tcp_destination_connections", &labels)
        };
        let by_port = |scrape: &Scrape| {
            let labels = [("id", ids[1].as_str()), ("port", "7000")];
            scrape.value("container_tcp_port_connections", &labels)
        };
        assert_eq!(to(&first, "10.77.0.2:7000"), Some(4.0));
        assert_eq!(to(&first, "[fd77::2]:7000"), Some(2.0));
        assert_eq!(by_port(&first), Some(6.0));
        assert_eq!(first.sum(SENT, &[("id", ids[0].as_str())]), 0.0, "no byte from before");
        assert_eq!(first.losses().get("namespace_not_walked"), None);

        for _ in 0..2 {
            together(&mut pair, &["held send 10", "held receive 10"])?;
            together(&mut pair, &["held receive 2000", "held send 2000"])?;
        }
        together(&mut pair, &["held half", "held end"])?;
        let half = exporter.scrape()?;
        assert_eq!(open(&half, &pair[0]), [Some(6.0), Some(0.0), None]);
        pair[1].run("held close")?;
        together(&mut pair, &["held close", "noop"])?;
        let after = exporter.scrape_until("all are closed", |scrape| {
            (0..2).all(|at| open(scrape, &pair[at]) == [Some(0.0), Some(0.0), None])
        })?;
        assert_eq!((to(&after, "10.77.0.2:7000"), by_port(&after)), (Some(0.0), Some(0.0)));
        for (at, sent, received) in [(0, 120.0, 24_000.0), (1, 24_000.0, 120.0)] {
            assert_eq!(after.sum(SENT, &[("id", ids[at].as_str())]), sent, "{at}");
            assert_eq!(after.sum(RECEIVED, &[("id", ids[at].as_str())]), received, "{at}");
        }
        let observed = |at: usize| {
            after.sum("container_tcp_connection_duration_seconds_count", &[("id", ids[at].as_str())])
        };
        assert_eq!((observed(0), observed(1)), (0.0, 0.0), "how long they were open is not known");
        Ok(())
    })
}

/// There is room for 1,024 ports that are listened on, in each network.
#[test]
fn who_listens_elsewhere_takes_no_room() -> Result<()> {
    crate::calmly(|| {
        let own = || container(&Config::default().own_network());
        // Made first, they are come by first.
        let mut others = [own()?, own()?];
        for other in &mut others {
            other.run("listen-many 10000 600")?;
        }
        let mut pair = connected()?;
        pair[1].run("listen-many 10000 600")?;
        pair[1].run("listen [::]:7000")?;
        together(&mut pair, &["hold 10.77.0.2:7000 3", "accept 3"])?;
        let exporter = Exporter::start(&[])?;
        let first = exporter.scrape()?;
        assert_eq!(open(&first, &pair[1]), [Some(0.0), Some(3.0), None]);
        assert_eq!(open(&first, &pair[0]), [Some(3.0), Some(0.0), None]);
        Ok(())
    })
}

/// Rules on the way answer in the other's place, or let nobody answer.
#[test]
fn what_rules_refuse_is_known_by_its_reason() -> Result<()> {
    crate::calmly(|| {
        let exporter = Exporter::start(&[])?;
        let mut pair = connected()?;
        // As many answers as there are attempts.
        sysctl(pair[1].pid(), "ipv4/icmp_ratelimit", "0")?;
        nft(
            pair[1].pid(),
            "table inet filter { chain input { type filter hook input priority 0;
            tcp dport 7001 reject with tcp reset
            tcp dport 7002 drop
            ip protocol tcp tcp dport 7003 reject with icmp host-unreachable
            ip protocol tcp tcp dport 7004 reject with icmp admin-prohibited
            ip6 nexthdr tcp tcp dport 7003 reject with icmpv6 addr-unreachable
            tcp dport 7005 reject with icmpx port-unreachable
        }
        }",
        )?;
        let before = exporter.scrape()?;
        pair[0].run("connect-failing 10.77.0.2:7001 4 111")?;
        pair[0].run(&format!("connect-failing 10.77.0.2:7002 3 {ETIMEDOUT}"))?;
        // An answer by ICMP that comes while the socket is still in use by connect ends nothing yet: the attempt is repeated.
        for (to, errno) in [
            ("10.77.0.2:7003", EHOSTUNREACH),
            ("10.77.0.2:7004", EHOSTUNREACH),
            ("10.77.0.2:7005", 111),
            ("[fd77::2]:7001", 111),
            ("[fd77::2]:7003", EHOSTUNREACH),
            ("[::ffff:10.77.0.2]:7001", 111),
        ] {
            pair[0].run(&format!("connect-one-failing {to} {errno}"))?;
        }
        // Who asks for the error and gives up has not waited for that.
        pair[0].run(&format!("connect-failing-early 10.77.0.2:7003 5 {EHOSTUNREACH}"))?;
        let after = exporter.scrape()?;
        let results = moved((&before, &after), ATTEMPTS, &id(&pair[0]), &["result"]);
        let wanted = [("refused", 4 + 3), ("timeout", 3), ("unreachable", 3), ("aborted", 5)];
        assert_eq!(results, counts(wanted));
        assert_eq!(
            moved((&before, &after), RESETS, &id(&pair[0]), &["direction"]),
            counts([("received", 6)])
        );
        Ok(())
    })
}

/// As many connections as the machine gives, twice: each is counted, and nothing grows. What an interrupt brings while the
/// program runs for another connection on that CPU, the kernel does not run it for: that is counted, and no number may be short
/// by more.
#[test]
fn a_storm_of_connections_is_counted_to_the_last() -> Result<()> {
    let _storm = crate::storm();
    undisturbed(|| {
        const REFUSED: u64 = 60_000;
        const SERVED: u64 = 4_000;
        let exporter = Exporter::start(&[])?;
        let mut pair = connected()?;
        let mut alone = container(&Config::default().own_network())?;
        anycast(alone.pid(), "10.97.0.0/24")?;
        pair[1].run("listen 10.77.0.2:7000")?;
        let ids = [id(&pair[0]), id(&pair[1])];
        let mut round = |n: u64| -> Result<Scrape> {
            alone.script().begin(&format!("connect-failing-often 10.97.0.1:9 {REFUSED}"))?;
            let served = [format!("connect 10.77.0.2:7000 {SERVED} 10 10"), format!("serve {SERVED} 10 10")];
            together(&mut pair, &[&served[0], &served[1]])?;
            alone.finished()?;
            exporter.scrape_until("all are closed", |scrape| {
                let closed = "container_tcp_connection_duration_seconds_count";
                let missed = scrape.missed("tcp");
                ids.iter()
                    .all(|id| scrape.sum(closed, &[("id", id.as_str())]) + missed >= (n * SERVED) as f64)
            })
        };
        let first = round(1)?;
        let second = round(2)?;
        for (n, scrape) in [(1, &first), (2, &second)] {
            let of = |family: &str, id: &str, labels: &[(&str, &str)]| {
                scrape.sum(family, &[&[("id", id)], labels].concat()) as u64
            };
            let missed = scrape.missed("tcp") as u64;
            let is = |counted: u64, truth: u64, each: u64| {
                assert!(
                    counted <= truth && counted + missed * each >= truth,
                    "{counted} of {truth}, {missed} missed"
                );
            };
            is(of(ATTEMPTS, &id(&alone), &[("result", "refused")]), n * REFUSED, 1);
            is(of(ATTEMPTS, &ids[0], &[("result", "ok")]), n * SERVED, 1);
            is(of(ACCEPTS, &ids[1], &[]), n * SERVED, 1);
            is(of(SENT, &ids[0], &[]), n * SERVED * 10, 10);
            is(of(RECEIVED, &ids[1], &[]), n * SERVED * 10, 10);
            let other = |scrape: &Scrape| {
                let (mut losses, but_missed) = (scrape.kernel_losses(), scrape.losses_but_missed());
                losses.retain(|reason, _| but_missed.contains_key(reason));
                losses
            };
            assert_eq!(other(scrape), other(&first));
        }
        let resident = |scrape: &Scrape| scrape.sum("process_resident_memory_bytes", &[]);
        let grown = resident(&second) - resident(&first);
        assert!(grown < 2_097_152.0, "{grown} bytes more");
        Ok(())
    })
}

/// A connection that is passed to another container's process stays with who made it.
#[test]
fn a_socket_that_is_passed_on_stays_with_who_made_it() -> Result<()> {
    crate::calmly(|| {
        let exporter = Exporter::start(&[])?;
        let all = || container(&Config::default());
        let (far, giver, mut taker) = (all()?, all()?, all()?);
        // They share the host's namespace: an address of the loopback network that nobody else has.
        let [.., high, low] = far.pid().to_be_bytes();
        let address = format!("127.77.{high}.{low}:7000");
        let name = format!("@{}", taker.container().id());
        let mut ends = [far, giver];
        ends[0].run(&format!("listen {address}"))?;
        let before = exporter.scrape()?;
        together(&mut ends, &["accept 1", &format!("hold {address} 1")])?;
        taker.run(&format!("unix-bind {name}"))?;
        ends[1].run(&format!("held give {name}"))?;
        taker.run("held take 1")?;
        let [far, giver] = ends;
        let mut ends = [far, taker];
        together(&mut ends, &["held receive 5000", "held send 5000"])?;
        let after = exporter.scrape()?;
        let of = |family: &str, container: &Running| moved((&before, &after), family, &id(container), &[]);
        assert_eq!(of(SENT, &giver), counts([("", 5000)]));
        assert_eq!(of(SENT, &ends[1]), counts([]));
        assert_eq!(of(RECEIVED, &ends[0]), counts([("", 5000)]));
        assert_eq!(open(&after, &giver)[0], Some(1.0), "open where it was counted");
        assert_eq!(open(&after, &ends[1])[0].unwrap_or_default(), 0.0);
        ends[1].run("held close")?;
        let closed = exporter.scrape()?;
        assert_eq!(open(&closed, &giver)[0], Some(0.0), "closed where it was counted");
        Ok(())
    })
}

/// A socket is whose cgroup it was made in, whoever uses it later: one that a process takes along into another cgroup stays
/// with the first, as does one that is inherited or passed on. What is made there is the second's.
#[test]
fn a_socket_stays_with_who_made_it() -> Result<()> {
    crate::calmly(|| {
        let exporter = Exporter::start(&[])?;
        let mut pair = connected()?;
        let other = container(&Config::default())?;
        pair[1].run("listen 10.77.0.2:7000")?;
        together(&mut pair, &["hold 10.77.0.2:7000 1", "accept 1"])?;
        let before = exporter.scrape()?;
        let procs = cgroup::root()?.join(id(&other).trim_start_matches('/')).join("cgroup.procs");
        std::fs::write(&procs, pair[0].pid().to_string())?;
        together(&mut pair, &["held send 5000", "held receive 5000"])?;
        together(&mut pair, &["held half", "held end"])?;
        together(&mut pair, &["held end", "held close"])?;
        pair[0].run("held close")?;
        together(&mut pair, &["connect 10.77.0.2:7000 2 300 100", "serve 2 300 100"])?;
        let after = exporter.scrape()?;
        let of = |family: &str, container: &Running| moved((&before, &after), family, &id(container), &[]);
        assert_eq!(of(SENT, &pair[0]), counts([("", 5000)]));
        assert_eq!(of(SENT, &other), counts([("", 600)]));
        assert_eq!(of(RECEIVED, &other), counts([("", 200)]));
        let attempts = |container| moved((&before, &after), ATTEMPTS, &id(container), &["result"]);
        assert_eq!(attempts(&pair[0]), counts([]));
        assert_eq!(attempts(&other), counts([("ok", 2)]));
        assert_eq!(open(&after, &pair[0])[0], Some(0.0), "closed where it was counted");
        Ok(())
    })
}
