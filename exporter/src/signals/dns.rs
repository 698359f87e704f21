//! `dns`: questions to resolvers, how they are answered, and how long that takes.

use plimsoll_abi::dns::{ASKED, Cell, PROTOCOLS};
use zerocopy::IntoBytes as _;

use super::{KernelRow, Keyed, Row, Signal, Source, histogram};
use crate::exposition::{Encoder, Family, Kind, Series, Value};
use crate::kernel::layout::{self, DNS_MESSAGES, DNS_NAMED};
use crate::kernel::{Number, Table};
use crate::names;

/// The row of the table.
pub(super) static SIGNAL: Signal = Signal {
    name: "dns",
    summary: "DNS: questions by type, answers by rcode, how long they take, timeouts: runs for each packet of each socket",
    source: Source::Kernel,
    default: false,
    families: &FAMILIES,
    encode,
};

const SOURCE: &str = "packets of the cgroup's sockets to and from the ports of --dns.port, as programs at the root of cgroup v2 see \
                      them (cgroup_skb, v5.10 to v7.x); IPv6 packets with extension headers are left out";
const AS_REQUESTS: &str = "as container_dns_requests_total";
const BOUND: &str = "64 together with the answers, those that occurred; beyond them \"other\", and \
                     plimsoll_losses_total{reason=\"dns_folded\"}";

const NAMES: &str = "64 pairs of a name and a question or an rcode, 2,048 names on a host; what is beyond them, and names of \
                     more than 128 bytes, are \"other\", and plimsoll_losses_total{reason=\"dns_name_folded\"}";

static FAMILIES: [Family; 8] = [
    Family {
        name: "container_dns_requests_total",
        kind: Kind::Counter,
        help: "Questions that sockets sent to resolvers, by type (TYPE and its number where it has no name). What is asked again is \
               another one.",
        labels: &["type", "protocol"],
        unit: "questions",
        source: SOURCE,
        bound: BOUND,
    },
    Family {
        name: "container_dns_responses_total",
        kind: Kind::Counter,
        help: "Answers to them within 5 s, by the question's type and by rcode, that of the header.",
        labels: &["type", "rcode", "protocol"],
        unit: "answers",
        source: AS_REQUESTS,
        bound: BOUND,
    },
    Family {
        name: "container_dns_request_duration_seconds",
        kind: Kind::Histogram,
        help: "From the first asking to the answer, of what was answered within 5 s.",
        labels: &[],
        unit: "seconds",
        source: "as container_dns_requests_total. 8,192 questions are waited for at once; others are in \
                 plimsoll_losses_total{reason=\"dns_table_full\"}",
        bound: histogram::SERIES,
    },
    Family {
        name: "container_dns_name_requests_total",
        kind: Kind::Counter,
        help: "The same questions by the name asked for, in lower case and without the last dot, if --dns.names is given.",
        labels: &["question"],
        unit: "questions",
        source: AS_REQUESTS,
        bound: NAMES,
    },
    Family {
        name: "container_dns_name_responses_total",
        kind: Kind::Counter,
        help: "Answers to them within 5 s, by the name asked for and by rcode.",
        labels: &["question", "rcode"],
        unit: "answers",
        source: AS_REQUESTS,
        bound: NAMES,
    },
    plain(
        "container_dns_timeouts_total",
        "Questions without an answer for 5 s, counted by then if their container is still there.",
        "questions",
    ),
    plain(
        "container_dns_truncated_responses_total",
        "Answers that say they are not whole: the question is then asked over TCP.",
        "answers",
    ),
    plain(
        "container_dns_unmatched_responses_total",
        "Answers over UDP that came too late, twice, or unasked.",
        "answers",
    ),
];

const fn plain(name: &'static str, help: &'static str, unit: &'static str) -> Family {
    Family { name, kind: Kind::Counter, help, labels: &[], unit, source: AS_REQUESTS, bound: "1" }
}

/// The number of the name in a key.
pub(super) fn number(counter: &Keyed) -> Option<Number> {
    (counter.map == DNS_NAMED).then_some((Table::Names, counter.key[0]))
}

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    let rows: Vec<_> = rows.iter().filter_map(Of::row).collect();
    let [requests, responses, duration, name_requests, name_responses, plain @ ..] = &FAMILIES;
    encoder.family(requests);
    for row in &rows {
        row.messages(encoder, true);
    }
    encoder.family(responses);
    for row in &rows {
        row.messages(encoder, false);
    }
    encoder.family(duration);
    for row in rows.iter().filter(|row| row.cell.durations.buckets.iter().any(|count| *count > 0)) {
        histogram::write(encoder, row.series, &[], &row.cell.durations);
    }
    for (family, asked) in [(name_requests, true), (name_responses, false)] {
        encoder.family(family);
        for row in &rows {
            row.names(encoder, asked);
        }
    }
    const VALUES: [fn(&Cell) -> u64; 3] =
        [|cell| cell.timeouts, |cell| cell.truncated, |cell| cell.unmatched];
    for (family, value) in plain.iter().zip(VALUES) {
        encoder.family(family);
        for row in &rows {
            encoder.counter(row.series, &[], Value::Int(value(row.cell)));
        }
    }
}

/// A row's numbers.
struct Of<'a> {
    series: Series<'a>,
    kernel: KernelRow<'a>,
    cell: &'a Cell,
}

impl<'a> Of<'a> {
    /// Most cgroups never ask.
    fn row(row: &Row<'a>) -> Option<Self> {
        let kernel = row.kernel?;
        let cell = layout::dns(kernel.cells)?;
        let seen = cell.as_bytes().iter().any(|byte| *byte != 0)
            || kernel.keyed.iter().any(|counter| counter.map == DNS_MESSAGES);
        seen.then(|| Self { series: row.kernel_series(kernel), kernel, cell })
    }

    fn messages(&self, encoder: &mut Encoder<'_>, asked: bool) {
        let of = |counter: &&Keyed| counter.map == DNS_MESSAGES && (counter.key[1] == ASKED) == asked;
        for counter in self.kernel.keyed.iter().filter(of) {
            let [message, result] = counter.key;
            let kind = names::dns_type(message & 0xffff);
            let protocol = PROTOCOLS.get((message >> 16) as usize).copied().unwrap_or(names::UNKNOWN);
            self.message(encoder, [&kind, &names::dns_rcode(result), protocol], asked, counter.count);
        }
        let folded = self.cell.folded[usize::from(!asked)];
        if folded > 0 {
            self.message(encoder, [names::OTHER; 3], asked, folded);
        }
    }

    fn names(&self, encoder: &mut Encoder<'_>, asked: bool) {
        let of = |counter: &&Keyed| counter.map == DNS_NAMED && (counter.key[1] == ASKED) == asked;
        for counter in self.kernel.keyed.iter().filter(of) {
            let [number, result] = counter.key;
            let name = self.kernel.names.get(&number).map_or(names::UNKNOWN, String::as_str);
            self.name(encoder, [name, &names::dns_rcode(result)], asked, counter.count);
        }
        let folded = self.cell.names_folded[usize::from(!asked)];
        if folded > 0 {
            self.name(encoder, [names::OTHER; 2], asked, folded);
        }
    }

    fn name(&self, encoder: &mut Encoder<'_>, [name, rcode]: [&str; 2], asked: bool, count: u64) {
        let labels = [("question", name), ("rcode", rcode)];
        encoder.counter(self.series, &labels[..if asked { 1 } else { 2 }], Value::Int(count));
    }

    fn message(
        &self,
        encoder: &mut Encoder<'_>,
        [kind, rcode, protocol]: [&str; 3],
        asked: bool,
        count: u64,
    ) {
        let labels = [("type", kind), ("rcode", rcode), ("protocol", protocol)];
        let labels: &[_] = if asked { &[labels[0], labels[2]] } else { &labels };
        encoder.counter(self.series, labels, Value::Int(count));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use plimsoll_abi::dns::{NO_TYPE, TCP, UDP, message_key};

    use super::super::tests::{encoded, kernel_row, keyed};
    use super::*;
    use crate::kernel::layout::{CELLS, WORDS};

    #[test]
    fn questions_and_answers() {
        let first = CELLS.iter().find(|c| c.signal == "dns").expect("in the table").first;
        let mut cells = vec![0; WORDS];
        cells[first + 9] = 3; // up to 512 µs
        cells[first + 26] = 900_000;
        cells[first + 27..first + 34].copy_from_slice(&[2, 1, 4, 5, 6, 7, 8]);
        let at =
            |kind, protocol, result, count| keyed(DNS_MESSAGES, message_key(kind, protocol, result), count);
        let counters = [
            at(1, UDP, 0, 3),
            at(1, UDP, 3, 2),
            at(1, UDP, ASKED, 7),
            at(28, TCP, ASKED, 1),
            at(4711, UDP, ASKED, 1),
            at(NO_TYPE, UDP, 12, 1),
            keyed(DNS_NAMED, [77, ASKED], 9),
            keyed(DNS_NAMED, [77, 3], 8),
            keyed(DNS_NAMED, [78, 0], 1),
        ];
        let names = BTreeMap::from([(77, "a.test".to_owned())]);
        let mut row = kernel_row(&cells, &counters);
        row.kernel = row.kernel.map(|kernel| KernelRow { names: &names, ..kernel });
        let text = encoded(&SIGNAL, &[row]);
        for line in [
            r#"container_dns_requests_total{id="/a",type="A",protocol="udp"} 7"#,
            r#"container_dns_requests_total{id="/a",type="AAAA",protocol="tcp"} 1"#,
            r#"container_dns_requests_total{id="/a",type="TYPE4711",protocol="udp"} 1"#,
            r#"container_dns_requests_total{id="/a",type="other",protocol="other"} 5"#,
            r#"container_dns_responses_total{id="/a",type="A",rcode="NOERROR",protocol="udp"} 3"#,
            r#"container_dns_responses_total{id="/a",type="A",rcode="NXDOMAIN",protocol="udp"} 2"#,
            r#"container_dns_responses_total{id="/a",type="unknown",rcode="RCODE12",protocol="udp"} 1"#,
            r#"container_dns_responses_total{id="/a",type="other",rcode="other",protocol="other"} 6"#,
            r#"container_dns_request_duration_seconds_bucket{id="/a",le="0.000256"} 0"#,
            r#"container_dns_request_duration_seconds_bucket{id="/a",le="0.000512"} 3"#,
            r#"container_dns_request_duration_seconds_sum{id="/a"} 0.0009"#,
            r#"container_dns_timeouts_total{id="/a"} 2"#,
            r#"container_dns_truncated_responses_total{id="/a"} 1"#,
            r#"container_dns_unmatched_responses_total{id="/a"} 4"#,
            r#"container_dns_name_requests_total{id="/a",question="a.test"} 9"#,
            r#"container_dns_name_requests_total{id="/a",question="other"} 7"#,
            r#"container_dns_name_responses_total{id="/a",question="a.test",rcode="NXDOMAIN"} 8"#,
            r#"container_dns_name_responses_total{id="/a",question="unknown",rcode="NOERROR"} 1"#,
            r#"container_dns_name_responses_total{id="/a",question="other",rcode="other"} 8"#,
        ] {
            assert!(text.lines().any(|l| l == line), "{line} not in\n{text}");
        }
        assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), 4 + 4 + 28 + 5 + 3);
    }

    #[test]
    fn those_that_never_ask_have_no_series() {
        let cells = vec![0; WORDS];
        let text = encoded(&SIGNAL, &[kernel_row(&cells, &[])]);
        assert!(text.lines().all(|line| line.starts_with('#')), "{text}");
    }
}
