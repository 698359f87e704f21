//! Packets that are dropped, and why, against what the workers did and `/proc/net/snmp` of each namespace.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Result, bail};
use plimsoll_tests::exporter::Exporter;
use plimsoll_tests::netns::{NOBODY, Pair, snmp};
use plimsoll_tests::runc::Config;
use plimsoll_tests::trace::Trace;

use crate::{container, counts, id, moved, together};

const DROPS: &str = "container_network_socket_drops_total";
const BEYOND: &str = "container_network_socket_memory_limit_hits_total";
const FULL: &str = "container_network_socket_receive_buffer_full_total";

#[test]
fn drops_are_exact_by_reason_and_a_neighbour_does_not_move() -> Result<()> {
    crate::calmly(|| {
        let exporter = Exporter::start(&[])?;
        let own = || container(&Config::default().own_network());
        let mut pair = [own()?, own()?];
        Pair::lay(pair[0].pid(), pair[1].pid())?;
        let neighbour = own()?;
        let pid = pair[1].pid();
        let before = exporter.scrape()?;
        let snmp_before = snmp(pid, "Udp")?;
        pair[1].run("bind-udp 10.77.0.2:7000")?;
        // Nobody reads, until the buffer is full.
        pair[0].run("send-udp 10.77.0.2:7000 600 1000")?;
        let kept: u64 = pair[1].run("queued-udp 600")?.parse()?;
        // The socket's own filter.
        pair[1].run("filter-udp")?;
        pair[0].run("send-udp 10.77.0.2:7000 23 100")?;
        assert_eq!(pair[1].run("queued-udp 23")?, "0");
        // Nobody is there, which the sender's side finds out.
        pair[0].run(&format!("send-udp {NOBODY}:9 7 100"))?;
        // Nor is there a socket here: nobody's.
        pair[0].run("send-udp 10.77.0.2:9 5 100")?;
        let ids = [id(&pair[0]), id(&pair[1])];
        // Packets that are left in its queue when one more comes just as it is given up go by another reason.
        let given_up = |moved: &BTreeMap<String, u64>| {
            moved.get("NEIGH_FAILED").unwrap_or(&0) + moved.get("QUEUE_PURGE").unwrap_or(&0)
        };
        let after = exporter.scrape_until("the neighbour is given up", |scrape| {
            given_up(&moved((&before, scrape), DROPS, &ids[0], &["reason"])) == 7
        })?;
        let snmp_after = snmp(pid, "Udp")?;

        let of = |family: &str, at: usize, label: &str| moved((&before, &after), family, &ids[at], &[label]);
        assert!(0 < kept && kept < 600, "{kept}");
        let full = 600 - kept;
        let unreached = of(DROPS, 0, "reason");
        assert_eq!(given_up(&unreached), unreached.values().sum::<u64>(), "{unreached:?}");
        assert_eq!(of(DROPS, 1, "reason"), counts([("SOCKET_RCVBUFF", full), ("SOCKET_FILTER", 23)]));
        assert_eq!(of(FULL, 1, "protocol"), counts([("udp", full)]));
        assert_eq!(of(FULL, 0, "protocol"), counts([]));
        assert_eq!(snmp_after["RcvbufErrors"] - snmp_before["RcvbufErrors"], full);
        assert_eq!(snmp_after["InErrors"] - snmp_before["InErrors"], full + 23);
        assert_eq!(before.kernel_row(&id(&neighbour)), after.kernel_row(&id(&neighbour)));
        assert_eq!(after.kernel_losses(), before.kernel_losses());
        Ok(())
    })
}

/// Nor is a connection that is refused. On a machine that stands still for a moment TCP sends again what was on its way, and what
/// came twice is dropped: then it is measured again.
#[test]
fn what_is_well_is_no_drop() -> Result<()> {
    crate::calmly(|| {
        const TRIES: usize = 10;
        let exporter = Exporter::start(&[])?;
        let own = || container(&Config::default().own_network());
        let mut pair = [own()?, own()?];
        let pids = [pair[0].pid(), pair[1].pid()];
        Pair::lay(pids[0], pids[1])?;
        pair[1].run("listen 10.77.0.2:7000")?;
        let again = || -> Result<u64> {
            Ok(snmp(pids[0], "Tcp")?["RetransSegs"] + snmp(pids[1], "Tcp")?["RetransSegs"])
        };
        for _ in 0..TRIES {
            let (before, sent_again) = (exporter.scrape()?, again()?);
            together(&mut pair, &["connect 10.77.0.2:7000 20 1000 50000", "serve 20 1000 50000"])?;
            pair[0].run("connect-failing 10.77.0.2:9 4 111")?;
            let after = exporter.scrape_until("all are counted to their ends", |scrape| {
                let ended = "container_tcp_connection_duration_seconds_count";
                let moved = |at: usize| moved((&before, scrape), ended, &id(&pair[at]), &[]);
                moved(0) == counts([("", 20)]) && moved(1) == counts([("", 20)])
            })?;
            if again()? == sent_again {
                for container in &pair {
                    assert_eq!(moved((&before, &after), DROPS, &id(container), &["reason"]), counts([]));
                }
                return Ok(());
            }
        }
        bail!("something was sent again, each of {TRIES} times")
    })
}

#[test]
fn packets_for_a_raw_socket_that_is_full_are_exact() -> Result<()> {
    crate::calmly(|| {
        let exporter = Exporter::start(&[])?;
        let own = || container(&Config::default().own_network().raw_sockets());
        let mut pair = [own()?, own()?];
        Pair::lay(pair[0].pid(), pair[1].pid())?;
        let before = exporter.scrape()?;
        pair[1].run("bind-raw")?;
        pair[0].run("send-raw 10.77.0.2 600 1000")?;
        let kept: u64 = pair[1].run("queued-udp 600")?.parse()?;
        let after = exporter.scrape()?;
        let of = |at: usize| moved((&before, &after), FULL, &id(&pair[at]), &["protocol"]);
        assert!(0 < kept && kept < 600, "{kept}");
        // Where the kernel drops them before it tells of it, there is no such series.
        let raw = after.value(FULL, &[("id", &id(&pair[1])), ("protocol", "raw")]);
        let expected = if raw.is_some() { counts([("raw", 600 - kept)]) } else { counts([]) };
        assert_eq!(of(1), expected);
        assert_eq!(of(0), counts([]));
        Ok(())
    })
}

#[test]
fn memory_beyond_a_cgroups_limit_is_counted_as_often_as_the_kernel_says() -> Result<()> {
    crate::calmly(|| {
        let exporter = Exporter::start(&[])?;
        // Both ends of each connection are in one container, so that what is not read is its own.
        let own = || container(&Config::default().own_network());
        let (mut limited, mut neighbour) = (own()?, own()?);
        // Only sockets that are made later are held against it.
        let limit = Path::new("/sys/fs/cgroup/memory").join(id(&limited).trim_start_matches('/'));
        fs::write(limit.join("memory.kmem.tcp.limit_in_bytes"), "65536")?;
        let before = exporter.scrape()?;
        let trace = Trace::of("sock/sock_exceed_buf_limit")?;
        for container in [&mut limited, &mut neighbour] {
            container.run("listen 127.0.0.1:7000")?;
            container.run("hold 127.0.0.1:7000 3")?;
            container.run("held fill")?;
            // Or what was not taken would be sent again.
            container.run("held abort")?;
        }
        let after = exporter.scrape()?;
        let lines = trace.lines()?;
        let of = |kind: &str| lines.iter().filter(|line| line.contains(kind)).count() as u64;
        let (sent, received) = (of("kind=SK_MEM_SEND"), of("kind=SK_MEM_RECV"));
        assert!(!lines.is_empty(), "the limit was not reached");
        let mut hits = counts([("sent", sent), ("received", received)]);
        hits.retain(|_, hits| *hits > 0);
        assert_eq!(moved((&before, &after), BEYOND, &id(&limited), &["direction"]), hits);
        assert_eq!(moved((&before, &after), BEYOND, &id(&neighbour), &["direction"]), counts([]));
        Ok(())
    })
}
