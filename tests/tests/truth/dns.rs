//! Questions to a real name server and their answers, against its own statistics.

use std::collections::BTreeMap;

use anyhow::Result;
use plimsoll_tests::capture::Capture;
use plimsoll_tests::exporter::{Exporter, Scrape};
use plimsoll_tests::nameserver::NameServer;
use plimsoll_tests::netns::{Pair, SILENT};
use plimsoll_tests::runc::{Config, Running};

use crate::{container, counts, id, moved, together};

const ON: &str = "--collector.dns";
const REQUESTS: &str = "container_dns_requests_total";
const RESPONSES: &str = "container_dns_responses_total";
const DURATIONS: &str = "container_dns_request_duration_seconds_count";
const TIMEOUTS: &str = "container_dns_timeouts_total";
const TRUNCATED: &str = "container_dns_truncated_responses_total";
const UNMATCHED: &str = "container_dns_unmatched_responses_total";
const NAME_REQUESTS: &str = "container_dns_name_requests_total";
const NAME_RESPONSES: &str = "container_dns_name_responses_total";
const ASKED: [&str; 2] = ["type", "protocol"];
const ANSWERED: [&str; 3] = ["type", "rcode", "protocol"];
const CANARIES: [&str; 2] = ["first.example.test", "last.example.test"];
const V4: &str = "10.77.0.2:53";
const V6: &str = "[fd77::2]:53";

fn connected() -> Result<[Running; 2]> {
    let own = || container(&Config::default().own_network());
    let pair = [own()?, own()?];
    Pair::lay(pair[0].pid(), pair[1].pid())?;
    Ok(pair)
}

/// Asks for a name that does not exist until it was seen on the cable: how often.
fn canary(capture: &Capture, asker: &mut Running, name: &str) -> Result<u64> {
    let mut asked = 0;
    capture.until(name, || {
        asked += 1;
        asker.run(&format!("dns-ask udp {V4} {name} 1 1 3")).map(drop)
    })?;
    Ok(asked)
}

/// Two exporters at once: neither's programs are in the other's way.
#[test]
fn questions_are_exact_by_type_and_rcode_and_a_neighbour_does_not_move() -> Result<()> {
    crate::calmly(|| {
        let exporters = [Exporter::start(&[ON])?, Exporter::start(&[ON])?];
        let mut pair = connected()?;
        let neighbour = container(&Config::default().own_network())?;
        let server = NameServer::start(pair[1].pid(), &["10.77.0.2", "fd77::2"])?;
        let capture = Capture::start(pair[1].pid(), "eth0")?;
        canary(&capture, &mut pair[0], CANARIES[0])?;
        let before = [exporters[0].scrape()?, exporters[1].scrape()?];
        let mut ask = |manner: &str, to: &str, name: &str, kind: u16, n: u16, rcode: u8| {
            pair[0].run(&format!("dns-ask {manner} {to} {name} {kind} {n} {rcode}"))
        };
        ask("udp", V4, "www.example.test", 1, 12, 0)?;
        ask("udp", V6, "six.example.test", 28, 7, 0)?;
        ask("udp", V4, "nobody.example.test", 1, 5, 3)?;
        ask("unconnected", V4, "example.test", 15, 3, 0)?;
        ask("unconnected", V6, "example.test", 15, 2, 0)?;
        // Too long for a datagram: the answer is cut, and asked for again by TCP.
        ask("udp", V4, "big.example.test", 16, 4, 0)?;
        ask("tcp", V4, "big.example.test", 16, 4, 0)?;
        ask("tcp", V6, "www.example.test", 1, 3, 0)?;
        ask("split", V4, "www.example.test", 1, 2, 0)?;
        ask("pipelined", V4, "six.example.test", 28, 4, 0)?;
        // An address turned around has many labels; the server does not answer for it.
        let reverse = format!("{}ip6.arpa", "f.".repeat(32));
        ask("udp", V4, &reverse, 12, 6, 5)?;
        ask("udp", V4, "www.example.test", 4711, 1, 0)?;

        let witness = server.counts()?;
        let after = [exporters[0].scrape()?, exporters[1].scrape()?];
        let canaries = canary(&capture, &mut pair[0], CANARIES[1])?;
        let on_the_cable = capture.counts(&CANARIES);
        let expected = [
            ((1, None), 22),
            ((28, None), 11),
            ((15, None), 5),
            ((16, None), 8),
            ((12, None), 6),
            ((4711, None), 1),
            ((1, Some(0)), 17),
            ((1, Some(3)), 5),
            ((28, Some(0)), 11),
            ((15, Some(0)), 5),
            ((16, Some(0)), 8),
            ((12, Some(5)), 6),
            ((4711, Some(0)), 1),
        ];
        assert_eq!(on_the_cable, BTreeMap::from(expected), "what tshark saw");
        for (before, after) in before.iter().zip(&after) {
            let of = |family: &str, labels: &[&str]| moved((before, after), family, &id(&pair[0]), labels);
            let asked = [
                ("A udp", 17),
                ("AAAA udp", 7),
                ("MX udp", 5),
                ("TXT udp", 4),
                ("TXT tcp", 4),
                ("A tcp", 5),
                ("AAAA tcp", 4),
                ("PTR udp", 6),
                ("TYPE4711 udp", 1),
            ];
            assert_eq!(of(REQUESTS, &ASKED), counts(asked));
            let answered = [
                ("A NOERROR udp", 12),
                ("A NXDOMAIN udp", 5),
                ("AAAA NOERROR udp", 7),
                ("MX NOERROR udp", 5),
                ("TXT NOERROR udp", 4),
                ("TXT NOERROR tcp", 4),
                ("A NOERROR tcp", 5),
                ("AAAA NOERROR tcp", 4),
                ("PTR REFUSED udp", 6),
                ("TYPE4711 NOERROR udp", 1),
            ];
            assert_eq!(of(RESPONSES, &ANSWERED), counts(answered));
            assert_eq!(of(DURATIONS, &[]), counts([("", 53)]));
            assert_eq!(of(TRUNCATED, &[]), counts([("", 4)]));
            assert_eq!((of(TIMEOUTS, &[]), of(UNMATCHED, &[])), (counts([]), counts([])));
            for kind in ["A", "AAAA", "MX", "TXT", "PTR"] {
                let ours = after.sum(REQUESTS, &[("id", &id(&pair[0])), ("type", kind)]);
                assert_eq!(witness[&format!("num.type.{kind}")] as f64, ours, "{kind}");
            }
            for rcode in ["NOERROR", "NXDOMAIN", "REFUSED"] {
                let ours = after.sum(RESPONSES, &[("id", &id(&pair[0])), ("rcode", rcode)]);
                assert_eq!(witness[&format!("num.rcode.{rcode}")] as f64, ours, "{rcode}");
            }
            assert_eq!(witness["num.truncated"], 4);
            assert_eq!(
                moved((before, after), REQUESTS, &id(&pair[1]), &ASKED),
                counts([]),
                "who answers asks nothing"
            );
            assert_eq!(before.kernel_row(&id(&neighbour)), after.kernel_row(&id(&neighbour)));
            assert_eq!(after.kernel_losses(), before.kernel_losses());
        }

        let [first, second] = exporters;
        drop(first);
        pair[0].run(&format!("dns-ask udp {V4} www.example.test 1 8 0"))?;
        let of = moved((&after[1], &second.scrape()?), REQUESTS, &id(&pair[0]), &ASKED);
        assert_eq!(of["A udp"], 8 + canaries, "it goes on when the other ends");
        Ok(())
    })
}

#[test]
fn what_nobody_answers_in_time_is_a_timeout() -> Result<()> {
    crate::calmly(|| {
        let exporter = Exporter::start(&[ON, "--dns.port=53", "--dns.port=5300"])?;
        let mut pair = connected()?;
        let before = exporter.scrape()?;
        pair[0].run(&format!("dns-shout {SILENT}:53 a.test 1 6"))?;
        // Each answer three times.
        pair[1].run("bind-udp 10.77.0.2:5300")?;
        together(&mut pair, &["dns-ask thrice 10.77.0.2:5300 a.test 1 5 2", "dns-answer 5 2 3"])?;
        let at_once = exporter.scrape()?;
        let of = |after: &Scrape, family: &str, labels: &[&str]| -> BTreeMap<String, u64> {
            moved((&before, after), family, &id(&pair[0]), labels)
        };
        assert_eq!(of(&at_once, REQUESTS, &ASKED), counts([("A udp", 11)]));
        assert_eq!(of(&at_once, RESPONSES, &ANSWERED), counts([("A SERVFAIL udp", 5)]));
        assert_eq!(of(&at_once, UNMATCHED, &[]), counts([("", 10)]));
        assert_eq!(of(&at_once, TIMEOUTS, &[]), counts([]), "5 s have not passed");
        let after = exporter
            .scrape_until("5 s have passed", |scrape| of(scrape, TIMEOUTS, &[]) == counts([("", 6)]))?;
        assert_eq!(of(&after, RESPONSES, &ANSWERED), counts([("A SERVFAIL udp", 5)]));
        assert_eq!(of(&after, DURATIONS, &[]), counts([("", 5)]));
        Ok(())
    })
}

/// A resolver may be elsewhere; types have a bound, and the total stays exact.
#[test]
fn another_port_and_types_beyond_the_bound() -> Result<()> {
    crate::calmly(|| {
        const TYPES: u64 = 90;
        let exporter = Exporter::start(&[ON, "--dns.port=5353", "--dns.port=8600"])?;
        let mut pair = connected()?;
        let before = exporter.scrape()?;
        pair[0].run(&format!("dns-shout {SILENT}:53 a.test 1 3"))?;
        pair[0].run(&format!("dns-shout {SILENT}:5353 a.test 1 4"))?;
        for kind in 0..TYPES {
            pair[0].run(&format!("dns-shout {SILENT}:8600 a.test {} 2", 1000 + kind))?;
        }
        let after = exporter.scrape()?;
        let of = moved((&before, &after), REQUESTS, &id(&pair[0]), &ASKED);
        assert_eq!(of["A udp"], 4);
        assert_eq!(of.len(), 64 + 1, "and other");
        assert_eq!(of["other other"], 2 * (TYPES + 1 - 64));
        assert_eq!(of.values().sum::<u64>(), 4 + 2 * TYPES);
        let folded =
            after.losses()["dns_folded"] - before.losses().get("dns_folded").copied().unwrap_or_default();
        assert_eq!(folded, (2 * (TYPES + 1 - 64)) as f64);
        Ok(())
    })
}

#[test]
fn questions_by_name_are_exact_and_bounded() -> Result<()> {
    crate::calmly(|| {
        const NAMES: u64 = 70;
        let exporter = Exporter::start(&[ON, "--dns.names"])?;
        let mut pair = connected()?;
        let _server = NameServer::start(pair[1].pid(), &["10.77.0.2"])?;
        let before = exporter.scrape()?;
        let mut ask = |manner: &str, name: &str, n: u16, rcode: u8| {
            pair[0].run(&format!("dns-ask {manner} {V4} {name} 1 {n} {rcode}"))
        };
        ask("udp", "www.example.test", 12, 0)?;
        ask("udp", "WWW.Example.TEST", 3, 0)?;
        ask("tcp", "www.example.test", 2, 0)?;
        ask("udp", "nobody.example.test", 5, 3)?;
        let long = format!("{0}.{0}.example.test", "x".repeat(63));
        ask("udp", &long, 4, 3)?;
        let after = exporter.scrape()?;
        let requests = |after: &Scrape| moved((&before, after), NAME_REQUESTS, &id(&pair[0]), &["question"]);
        let asked = [("www.example.test", 17), ("nobody.example.test", 5), ("other", 4)];
        assert_eq!(requests(&after), counts(asked));
        assert_eq!(
            moved((&before, &after), NAME_RESPONSES, &id(&pair[0]), &["question", "rcode"]),
            counts([
                ("www.example.test NOERROR", 17),
                ("nobody.example.test NXDOMAIN", 5),
                ("other other", 4)
            ])
        );
        let folded = |scrape: &Scrape| scrape.losses().get("dns_name_folded").copied().unwrap_or_default();
        assert_eq!(folded(&after) - folded(&before), 8.0);

        for number in 0..NAMES {
            pair[0].run(&format!("dns-shout {SILENT}:53 name{number}.test 1 2"))?;
        }
        let after = exporter.scrape()?;
        let of = moved((&before, &after), NAME_REQUESTS, &id(&pair[0]), &["question"]);
        // Two names have an answer beside their question.
        let beyond = NAMES + 4 - 64;
        assert_eq!(of.len() as u64, 2 + NAMES - beyond + 1);
        assert_eq!(of["other"], 4 + 2 * beyond);
        assert_eq!(of.values().sum::<u64>(), 17 + 5 + 4 + 2 * NAMES);
        Ok(())
    })
}

/// An address is shown by a name where all answers that the container had for it were for that name.
#[test]
fn answers_name_destinations_where_one_name_fits() -> Result<()> {
    crate::calmly(|| {
        let exporter = Exporter::start(&[ON, "--dns.names", "--tcp.destination-names"])?;
        let mut pair = connected()?;
        let _server = NameServer::start(pair[1].pid(), &["10.77.0.2"])?;
        pair[1].run("listen [::]:7001")?;
        pair[0].run("listen 10.77.0.1:7002")?;
        let before = exporter.scrape()?;
        let ask = |pair: &mut [Running; 2], name: &str, kind: u16| {
            pair[0].run(&format!("dns-ask udp {V4} {name}.example.test {kind} 1 0")).map(drop)
        };
        let connect = |pair: &mut [Running; 2], to: &str, n: u32| {
            together(pair, &[&format!("hold {to} {n}"), &format!("accept {n}")]).map(drop)
        };
        ask(&mut pair, "ns", 1)?;
        connect(&mut pair, "10.77.0.2:7001", 2)?;
        ask(&mut pair, "over6", 28)?;
        connect(&mut pair, "[fd77::2]:7001", 3)?;
        // By way of another name, which is not the one that was asked for.
        ask(&mut pair, "alias", 1)?;
        pair[0].run("hold 10.77.0.1:7002 4")?;
        // Asked for once more it is still the only one; with another it is not.
        ask(&mut pair, "NS", 1)?;
        connect(&mut pair, "10.77.0.2:7001", 5)?;
        ask(&mut pair, "mail", 1)?;
        connect(&mut pair, "10.77.0.2:7001", 6)?;
        // Who did not ask knows no name.
        pair[1].run("hold 10.77.0.2:7001 7")?;
        let after = exporter.scrape()?;
        let to = |at: usize, family: &str| moved((&before, &after), family, &id(&pair[at]), &["destination"]);
        let named = [
            ("ns.example.test:7001", 7),
            ("over6.example.test:7001", 3),
            ("alias.example.test:7002", 4),
            ("10.77.0.2:7001", 6),
        ];
        assert_eq!(to(0, "container_tcp_connects_total"), counts(named));
        assert_eq!(to(1, "container_tcp_connects_total"), counts([("10.77.0.2:7001", 7)]));
        let open = |name: &str| {
            after.value(
                "container_tcp_destination_connections",
                &[("id", &id(&pair[0])), ("destination", name)],
            )
        };
        assert_eq!(named.map(|(name, _)| open(name)), [Some(7.0), Some(3.0), Some(4.0), Some(6.0)]);
        assert_eq!(after.kernel_losses(), before.kernel_losses());
        Ok(())
    })
}
