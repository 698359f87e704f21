//! What an exporter serves, as numbers; and what must hold of any text it serves.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use anyhow::{Context as _, Result, ensure};

/// A scrape's samples: by family or sample name, each with its labels.
#[derive(Debug, Clone, Default)]
pub struct Scrape {
    samples: BTreeMap<String, Vec<Sample>>,
}

/// One sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Label names and values.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

impl Scrape {
    /// Parses the text format (also OpenMetrics, whose extra lines are comments).
    pub fn parse(text: &str) -> Self {
        let mut samples: BTreeMap<String, Vec<Sample>> = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let Some((name, sample)) = parse_sample(line) else { continue };
            samples.entry(name).or_default().push(sample);
        }
        Self { samples }
    }

    /// All samples of a name whose labels have these values.
    pub fn all<'a>(
        &'a self,
        name: &str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a Sample> {
        let matches = |sample: &&Sample| {
            labels.iter().all(|(name, value)| sample.labels.get(*name).is_some_and(|v| v == value))
        };
        self.samples.get(name).into_iter().flatten().filter(matches)
    }

    /// Their sum; 0 if there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.all(name, labels).map(|sample| sample.value).sum()
    }

    /// The one sample with these labels; `None` if there is none or more than one.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let mut all = self.all(name, labels);
        let first = all.next()?.value;
        all.next().is_none().then_some(first)
    }

    /// Sums by the `id` label.
    pub fn by_id(&self, name: &str, labels: &[(&str, &str)]) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for sample in self.all(name, labels) {
            *sums.entry(sample.labels.get("id").cloned().unwrap_or_default()).or_insert(0.0) += sample.value;
        }
        sums
    }

    /// How much a sum grew since `before`.
    pub fn moved(&self, before: &Self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.sum(name, labels) - before.sum(name, labels)
    }

    /// All that the kernel's programs counted for one cgroup, and what of its labels is not `id`.
    pub fn kernel_row(&self, id: &str) -> BTreeMap<(String, BTreeMap<String, String>), f64> {
        let mut row = BTreeMap::new();
        for (name, samples) in self.samples.iter().filter(|(name, _)| is_of_kernel(name)) {
            for sample in samples.iter().filter(|sample| sample.labels.get("id").is_some_and(|v| v == id)) {
                row.insert((name.clone(), sample.labels.clone()), sample.value);
            }
        }
        row
    }

    /// A container's cgroup is gone, and its counters are there. (How many tombstones there are is for other tests to move, too.)
    pub fn is_tombstone(&self, id: &str) -> bool {
        let has = |family| self.value(family, &[("id", id)]).is_some();
        has("container_process_forks_total") && !has("container_threads")
    }

    /// Losses by reason, those that happened, and by program what each missed.
    pub fn losses(&self) -> BTreeMap<String, f64> {
        let by = |family: &str, label: &str| -> Vec<_> {
            let lost = self.all(family, &[]).filter(|sample| sample.value > 0.0);
            lost.map(|sample| (sample.labels[label].clone(), sample.value)).collect()
        };
        let (reasons, programs) = (by("plimsoll_losses_total", "reason"), by(MISSED, "program"));
        reasons.into_iter().chain(programs).collect()
    }

    /// Losses but for events that programs missed.
    pub fn losses_but_missed(&self) -> BTreeMap<String, f64> {
        let mut losses = self.losses();
        let programs = self.all(MISSED, &[]).map(|sample| sample.labels["program"].as_str());
        for name in programs.chain(["program_missed"]) {
            losses.remove(name);
        }
        losses
    }

    /// Losses but for events that programs of these signals missed.
    pub fn losses_but_missed_by(&self, signals: &[&str]) -> BTreeMap<String, f64> {
        let mut losses = self.losses();
        for sample in
            self.all(MISSED, &[]).filter(|sample| signals.contains(&sample.labels["signal"].as_str()))
        {
            losses.remove(&sample.labels["program"]);
            if let Some(all) = losses.get_mut("program_missed") {
                *all -= sample.value;
            }
        }
        losses.retain(|_, count| *count != 0.0);
        losses
    }

    /// Events that a signal's programs missed.
    pub fn missed(&self, signal: &str) -> f64 {
        self.sum(MISSED, &[("signal", signal)])
    }

    /// The losses of the kernel's counters: without the last readings of files, which any removal on the machine may miss.
    pub fn kernel_losses(&self) -> BTreeMap<String, f64> {
        // An interrupt may bring a connection's event while the program runs for another's, which anybody on the host may have.
        let mut losses = self.losses_but_missed_by(&["tcp", "drops"]);
        losses.remove("last_read_missed");
        // Whoever is on the host may use many devices and connect to many addresses, as other tests do.
        losses.remove("block_io_folded");
        losses.remove("destination_folded");
        losses.remove("client_folded");
        losses.remove("dns_folded");
        losses.remove("dns_name_folded");
        losses.remove("path_folded");
        losses
    }

    /// All sample names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.samples.keys().map(String::as_str)
    }
}

const MISSED: &str = "plimsoll_program_missed_total";

/// The families that the kernel's programs count, without a histogram's suffixes.
const KERNEL: [&str; 54] = [
    "container_syscalls_total",
    "container_syscall_errors_total",
    "container_permission_denied_total",
    "container_process_forks_total",
    "container_threads_started_total",
    "container_process_execs_total",
    "container_process_exits_total",
    "container_fatal_signals_total",
    "container_core_dumps_total",
    "container_context_switches_total",
    "container_cpu_runqueue_wait_seconds",
    "container_oom_kills_total",
    "container_oom_events_total",
    "container_cpu_oncpu_seconds_total",
    "container_cpu_migrations_total",
    "container_block_io_duration_seconds",
    "container_block_io_operations_total",
    "container_block_io_bytes_total",
    "container_block_io_errors_total",
    "container_memory_direct_reclaim_seconds",
    "container_tcp_connect_duration_seconds",
    "container_tcp_connect_attempts_total",
    "container_tcp_accepts_total",
    "container_tcp_connections",
    "container_tcp_connection_duration_seconds",
    "container_tcp_sent_bytes_total",
    "container_tcp_received_bytes_total",
    "container_tcp_sent_segments_total",
    "container_tcp_received_segments_total",
    "container_tcp_retransmitted_segments_total",
    "container_tcp_resets_total",
    "container_tcp_rtt_seconds",
    "container_tcp_connects_total",
    "container_tcp_destination_connections",
    "container_tcp_destination_sent_bytes_total",
    "container_tcp_destination_received_bytes_total",
    "container_tcp_port_accepts_total",
    "container_tcp_port_connections",
    "container_tcp_port_sent_bytes_total",
    "container_tcp_port_received_bytes_total",
    "container_udp_datagrams_total",
    "container_udp_bytes_total",
    "container_unix_connects_total",
    "container_unix_sent_bytes_total",
    "container_unix_received_bytes_total",
    "container_dns_requests_total",
    "container_dns_responses_total",
    "container_dns_request_duration_seconds",
    "container_dns_timeouts_total",
    "container_dns_truncated_responses_total",
    "container_dns_unmatched_responses_total",
    "container_network_socket_drops_total",
    "container_network_socket_receive_buffer_full_total",
    "container_network_socket_memory_limit_hits_total",
];

/// Whether a sample of this name is counted by the kernel's programs.
pub fn is_of_kernel(name: &str) -> bool {
    let suffixes = ["", "_bucket", "_sum", "_count"];
    KERNEL.iter().any(|family| name.strip_prefix(family).is_some_and(|rest| suffixes.contains(&rest)))
}

/// Sees every scrape of an exporter, and that no counter ever steps back, not even one that was away for a while.
#[derive(Debug, Default)]
pub struct Rising {
    /// By the series' hash: there can be very many.
    last: HashMap<u64, f64>,
    kernel_only: bool,
}

impl Rising {
    /// Looks at what the kernel's programs count only: the files of a cgroup that is made again begin at zero again.
    pub fn kernel_only() -> Self {
        Self { kernel_only: true, ..Self::default() }
    }

    /// An error if a counter, or a part of a histogram, is less than it was.
    pub fn check(&mut self, text: &str) -> Result<()> {
        let mut counts = false;
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (family, kind) = rest.split_once(' ').context("no type")?;
                counts =
                    ["counter", "histogram"].contains(&kind) && (!self.kernel_only || is_of_kernel(family));
            } else if counts && !line.starts_with('#') && !line.is_empty() {
                let (series, value) = line.rsplit_once(' ').context("no value")?;
                let value: f64 = value.parse().with_context(|| line.to_owned())?;
                let mut hasher = DefaultHasher::new();
                series.hash(&mut hasher);
                let before = self.last.insert(hasher.finish(), value);
                ensure!(before.is_none_or(|before| value >= before), "{line} after {before:?}");
            }
        }
        Ok(())
    }
}

fn parse_sample(line: &str) -> Option<(String, Sample)> {
    let (name, mut rest) = line.split_at(line.find(['{', ' '])?);
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"")?;
            let (value, after) = parse_value(after)?;
            labels.insert(label.to_owned(), value);
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &rest[1..];
    }
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some((name.to_owned(), Sample { labels, value }))
}

/// A label's value up to its closing quote, and what follows it.
fn parse_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                c => value.push(c),
            },
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_found_by_name_and_labels() {
        let text = "# HELP a_total A.\na_total{id=\"/x\",s=\"q\\\"\\\\\\n\"} 3\na_total{id=\"/y\",s=\"\"} 4\nb 0.5\n";
        let scrape = Scrape::parse(text);
        assert_eq!(scrape.value("a_total", &[("s", "q\"\\\n")]), Some(3.0));
        assert_eq!(scrape.value("a_total", &[]), None, "two");
        assert_eq!(scrape.sum("a_total", &[]), 7.0);
        assert_eq!(scrape.value("b", &[]), Some(0.5));
        assert_eq!(scrape.names().collect::<Vec<_>>(), ["a_total", "b"]);
    }
    #[test]
    fn counters_rise() {
        let mut rising = Rising::default();
        let text = |counter, gauge| format!("# TYPE c counter\nc {counter}\n# TYPE g gauge\ng {gauge}\n");
        assert!(rising.check(&text(3, 3)).is_ok());
        assert!(rising.check(&text(3, 2)).is_ok());
        assert!(rising.check("").is_ok());
        assert!(rising.check(&text(2, 2)).is_err());
    }

    #[test]
    fn a_row_is_what_the_kernel_counted_for_one_cgroup() {
        let text = "container_syscalls_total{id=\"/a\",syscall=\"read\"} 1\n\
                    container_syscalls_total{id=\"/b\",syscall=\"read\"} 2\n\
                    container_cpu_runqueue_wait_seconds_count{id=\"/a\"} 3\n\
                    container_cpu_usage_seconds_total{id=\"/a\"} 4\n";
        let row = Scrape::parse(text).kernel_row("/a");
        assert_eq!(row.values().copied().collect::<Vec<_>>(), [3.0, 1.0]);
        assert_eq!(Scrape::parse(text).by_id("container_syscalls_total", &[])["/b"], 2.0);
    }
}
