//! The rows of the exporter's page that belong to a container or a pod. Pure.

use std::collections::BTreeMap;
use std::fmt;

use crate::exposition::{Sample, samples};

/// What a row's labels have to be; a `*` stands for anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(Vec<(&'static str, String)>);

/// The rows, by the cgroup each stands for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows(BTreeMap<String, Row>);

/// One of them: what it does not tell is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// What is the same when the container is started again: its namespace, its pod, its name there, its name.
    pub who: [String; 4],
    /// When it was started.
    pub started: Option<f64>,
    /// CPU seconds.
    pub cpu: Option<f64>,
    /// Processes killed for lack of memory.
    pub oom: Option<f64>,
    /// Attempts to connect that came to nothing.
    pub connects: Option<f64>,
    memory: Option<f64>,
    memory_limit: Option<f64>,
    threads: Option<f64>,
    threads_limit: Option<f64>,
}

/// More rows than a selection has: what is beyond is left out.
const MOST: usize = 1024;

impl Selector {
    /// One more label.
    pub fn add(&mut self, label: &'static str, pattern: String) {
        self.0.push((label, pattern));
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn fits(&self, sample: &Sample<'_>) -> bool {
        self.0.iter().all(|(label, pattern)| like(pattern, &sample.label(label)))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(|(label, pattern)| format!("{label} {pattern}")).collect();
        f.write_str(&parts.join(", "))
    }
}

impl Rows {
    /// Those that fit.
    pub fn read(page: &str, selector: &Selector) -> Self {
        let mut rows = Self::default();
        let (mut counts_kills, mut counts_connects) = (false, false);
        for sample in samples(page) {
            if sample.name == "plimsoll_scrape_collector_success" && sample.value == 1.0 {
                counts_kills |= sample.label("collector") == "oom";
                counts_connects |= sample.label("collector") == "tcp";
            }
            let Some(put) = place(sample.name) else { continue };
            if !selector.fits(&sample) {
                continue;
            }
            let id = sample.label("id").into_owned();
            if rows.0.len() >= MOST && !rows.0.contains_key(&id) {
                continue;
            }
            let row = rows.0.entry(id).or_default();
            if row.who.iter().all(String::is_empty) {
                row.who =
                    ["namespace", "pod", "container", "name"].map(|name| sample.label(name).into_owned());
            }
            put(row, &sample);
        }
        // What is counted and was not seen yet has no series: there was none of it.
        for row in rows.0.values_mut() {
            row.oom = row.oom.or(counts_kills.then_some(0.0));
            row.connects = row.connects.or(counts_connects.then_some(0.0));
        }
        rows
    }

    /// All of them, those that are gone too, of which the exporter keeps for a while what only grows.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Row)> {
        self.0.iter().map(|(id, row)| (id.as_str(), row))
    }

    /// How many are there now.
    pub fn living(&self) -> usize {
        self.0.values().filter(|row| row.lives()).count()
    }

    /// What the only one is called.
    pub fn label(&self) -> String {
        let Some((id, row)) = self.0.iter().find(|(_, row)| row.lives()) else { return String::new() };
        let named: Vec<&str> =
            row.who[..3].iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
        match (named.is_empty(), row.who[3].as_str()) {
            (false, _) => named.join("/"),
            (true, "") => id.clone(),
            (true, name) => name.to_owned(),
        }
    }

    /// Memory that cannot be given back easily. What a row has, those below it are part of.
    pub fn memory(&self) -> Option<f64> {
        self.top_sum(|row| row.memory)
    }

    /// Threads.
    pub fn threads(&self) -> Option<f64> {
        self.top_sum(|row| row.threads)
    }

    /// CPU seconds of a row are part of those of a row above it: only the highest rows count.
    pub fn is_top(&self, id: &str) -> bool {
        !self.0.keys().any(|above| id.strip_prefix(above.as_str()).is_some_and(|rest| rest.starts_with('/')))
    }

    /// The row that is nearest to its limit of memory, in percent.
    pub fn memory_of_limit(&self) -> Option<f64> {
        self.nearest(|row| share(row.memory, row.memory_limit))
    }

    /// The row that is nearest to its limit of threads, in percent.
    pub fn threads_of_limit(&self) -> Option<f64> {
        self.nearest(|row| share(row.threads, row.threads_limit))
    }

    fn top_sum(&self, value: impl Fn(&Row) -> Option<f64>) -> Option<f64> {
        self.0.iter().filter(|(id, _)| self.is_top(id)).filter_map(|(_, row)| value(row)).reduce(|a, b| a + b)
    }

    fn nearest(&self, value: impl Fn(&Row) -> Option<f64>) -> Option<f64> {
        let nearest = self.0.values().filter_map(value).reduce(f64::max)?;
        Some((nearest * 100.0).round() / 100.0)
    }
}

impl Row {
    /// What is gone has no threads.
    fn lives(&self) -> bool {
        self.memory.is_some() || self.threads.is_some()
    }
}

type Put = fn(&mut Row, &Sample<'_>);

/// Where a sample goes, if it is one that counts.
fn place(name: &str) -> Option<Put> {
    Some(match name {
        "container_start_time_seconds" => |row, sample| row.started = Some(sample.value),
        "container_cpu_usage_seconds_total" => |row, sample| {
            // With one series for each CPU they are summed.
            row.cpu = Some(row.cpu.unwrap_or_default() + sample.value);
        },
        "container_oom_kills_total" => |row, sample| row.oom = Some(sample.value),
        "container_tcp_connect_attempts_total" => |row, sample| {
            let failed = if sample.label("result") == "ok" { 0.0 } else { sample.value };
            row.connects = Some(row.connects.unwrap_or_default() + failed);
        },
        "container_memory_working_set_bytes" => |row, sample| row.memory = Some(sample.value),
        "container_spec_memory_limit_bytes" => |row, sample| row.memory_limit = Some(sample.value),
        "container_threads" => |row, sample| row.threads = Some(sample.value),
        "container_threads_limit" => |row, sample| row.threads_limit = Some(sample.value),
        _ => return None,
    })
}

/// In percent; a limit of 0 is none.
fn share(used: Option<f64>, limit: Option<f64>) -> Option<f64> {
    let limit = limit.filter(|limit| *limit > 0.0)?;
    Some(used? / limit * 100.0)
}

/// Whether a text is like a pattern, in which a `*` stands for anything.
fn like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text) in
            [("a", "a"), ("a*", "abc"), ("*c", "abc"), ("a*c*e", "abcde"), ("*", ""), ("a*a", "aa")]
        {
            assert!(like(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("a", "ab"), ("a*a", "a"), ("*b", "abc"), ("a*x*e", "abcde"), ("", "a")] {
            assert!(!like(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_pod_is_its_highest_row_and_its_nearest_limit() {
        let page = "container_memory_working_set_bytes{id=\"/p\",pod=\"x\",container=\"\"} 30\n\
            container_memory_working_set_bytes{id=\"/p/a\",pod=\"x\",container=\"a\"} 20\n\
            container_memory_working_set_bytes{id=\"/p/b\",pod=\"x\",container=\"b\"} 10\n\
            container_memory_working_set_bytes{id=\"/pp\",pod=\"y\",container=\"b\"} 10\n\
            container_spec_memory_limit_bytes{id=\"/p\",pod=\"x\",container=\"\"} 0\n\
            container_spec_memory_limit_bytes{id=\"/p/a\",pod=\"x\",container=\"a\"} 80\n\
            container_spec_memory_limit_bytes{id=\"/p/b\",pod=\"x\",container=\"b\"} 30\n\
            container_threads{id=\"/p\",pod=\"x\",container=\"\"} 5\n\
            container_tcp_connect_attempts_total{id=\"/p/b\",pod=\"x\",result=\"ok\"} 5\n\
            container_tcp_connect_attempts_total{id=\"/p/b\",pod=\"x\",result=\"refused\"} 2\n\
            container_tcp_connect_attempts_total{id=\"/p/b\",pod=\"x\",result=\"timeout\"} 1\n";
        let mut selector = Selector::default();
        selector.add("pod", "x".to_owned());
        let rows = Rows::read(page, &selector);
        assert_eq!((rows.living(), rows.memory(), rows.memory_of_limit()), (3, Some(30.0), Some(33.33)));
        assert_eq!((rows.threads(), rows.threads_of_limit()), (Some(5.0), None));
        assert_eq!((rows.0["/p/b"].connects, rows.0["/p/a"].connects), (Some(3.0), None));
        let counted = "plimsoll_scrape_collector_success{collector=\"tcp\"} 1\n\
            plimsoll_scrape_collector_success{collector=\"oom\"} 0\n";
        let row = Rows::read(&format!("{page}{counted}"), &selector).0["/p/a"].clone();
        assert_eq!((row.connects, row.oom), (Some(0.0), None));
        assert_eq!(rows.0["/p/a"].who, ["", "x", "a", ""]);
        selector.add("container", "a".to_owned());
        assert_eq!(Rows::read(page, &selector).label(), "x/a");
        assert_eq!(selector.to_string(), "pod x, container a");
    }
}
