//! `check_container`: what the local exporter says of a container or a pod. What grows is judged by how much it grew within a
//! window of time: what one run saw, the next ones still see, so that a state lasts until it is looked at.

use crate::checks::http::client::{self, Client};
use crate::findings::{Findings, Limits};
use crate::frame::{Call, Check};
use crate::history::History;
use crate::options::{Arg, Found, Opt, joined, value};
use crate::output::{Outcome, Output, Stop};
use crate::state::State;

pub mod rows;
pub mod window;

use rows::{Rows, Selector};
use window::{Grown, Window};

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_container",
    aliases: &[],
    summary: "Judges a container or a pod by what the exporter of its host says: CPU, memory, threads, kills, restarts.",
    usage: "[-u url] [-H host] [-p port] [-S] [-D] [--ca-cert file] [-J file -K file] [-a user:password]\n\
            [-k header]... [--name name] [--container name] [--pod name] [--namespace name] [--id cgroup]\n\
            [--warning-VALUE range]... [--critical-VALUE range]... [--window seconds] [--absent state]\n\
            [--state-file file] [-t seconds[:state]] [-4] [-6]\n\
            where VALUE is cpu, memory, threads, oom, restarts or connects",
    options: OPTIONS,
    extra_opts: true,
    timed_out: "Socket timeout",
    run,
};

const OPTIONS: &[Opt] = &joined::<{ client::OPTIONS.len() + OWN.len() }>(client::OPTIONS, OWN);

const OWN: &[Opt] = &[
    Opt::new(
        "name",
        "name",
        Arg::Value("NAME"),
        "The name of the container; in all of these a * stands for anything",
    ),
    Opt::new("container", "container", Arg::Value("NAME"), "Its name within a pod"),
    Opt::new("pod", "pod", Arg::Value("NAME"), "The pod"),
    Opt::new("namespace", "namespace", Arg::Value("NAME"), "Its namespace"),
    Opt::new("id", "id", Arg::Value("CGROUP"), "The cgroup"),
    range("warning-cpu", "Warn when the percentage of one CPU is outside of RANGE"),
    range("critical-cpu", "Critical when it is"),
    range("warning-memory", "Warn when the percentage of the memory limit is outside of RANGE"),
    range("critical-memory", "Critical when it is"),
    range("warning-threads", "Warn when the percentage of the limit of threads is outside of RANGE"),
    range("critical-threads", "Critical when it is"),
    range("warning-oom", "Warn when the number of processes killed for lack of memory is outside of RANGE"),
    range("critical-oom", "Critical when it is"),
    range("warning-restarts", "Warn when the number of restarts is outside of RANGE"),
    range("critical-restarts", "Critical when it is"),
    range("warning-connects", "Warn when the number of connects that failed is outside of RANGE"),
    range("critical-connects", "Critical when it is"),
    Opt::new(
        "window",
        "window",
        Arg::Value("SECONDS"),
        "Over how long CPU, kills, restarts and connects are looked at (300)",
    ),
    Opt::new("absent", "absent", Arg::Value("STATE"), "The state when there is no such container (CRITICAL)"),
    Opt::new("state-file", "state-file", Arg::Value("FILE"), "Where to keep what was seen, for the next run"),
];

const fn range(name: &'static str, help: &'static str) -> Opt {
    Opt::new(name, name, Arg::Value("RANGE"), help)
}

/// Where the exporter listens by default.
pub(super) const URL: &str = "http://127.0.0.1:18760/metrics";

#[derive(Debug)]
struct Config {
    client: Client,
    selector: Selector,
    limits: Limits,
    window: u32,
    absent: State,
    state_file: Option<String>,
}

fn run(call: &mut Call) -> Outcome {
    let config = Config::read(call)?;
    let deadline = call.deadline();
    let (_, page) = client::ask(&config.client.probe, "CONTAINER", deadline)?.page("CONTAINER")?;
    let rows = Rows::read(&String::from_utf8_lossy(&page), &config.selector);
    let about = format!("{} {:?}", config.client.probe.place.shown(), config.selector);
    let history = History::of(config.state_file.as_deref(), call.check.name, &about)?;
    let mut window = history.read().as_ref().map(Window::of_json).unwrap_or_default();
    let grown = window.push(&rows, now(), config.window.into());
    history.write(&window.to_json())?;
    Ok(judge(&config, &rows, grown.as_ref()))
}

/// In seconds of Unix, as the exporter counts.
fn now() -> f64 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs_f64()
}

fn judge(config: &Config, rows: &Rows, grown: Option<&Grown>) -> Output {
    let mut findings = Findings::default();
    match rows.living() {
        0 => findings.note(config.absent, format!("no container with {}", config.selector)),
        1 => findings.note(State::Ok, rows.label()),
        count => findings.note(State::Ok, format!("{count} containers and cgroups with {}", config.selector)),
    }
    let mut of_limit = |name, label, used: Option<f64>, share: Option<f64>, text: String| {
        let limits = config.limits.of(name);
        match share {
            Some(share) => {
                findings.value((label, "%"), share, &limits, format!("{text}, {share:.1}% of the limit"))
            }
            None if used.is_some() => findings.note(State::Ok, format!("{text} without a limit")),
            None if limits != Default::default() && rows.living() > 0 => {
                findings.note(State::Unknown, format!("no {name} is told"));
            }
            None => {}
        }
        if let Some(used) = used {
            let unit = if name == "memory" { "B" } else { "" };
            findings.datum((name, unit), used, &Default::default());
        }
    };
    let mebibytes = rows.memory().map_or(0.0, |bytes| bytes / 1_048_576.0);
    of_limit(
        "memory",
        "memory_of_limit",
        rows.memory(),
        rows.memory_of_limit(),
        format!("memory {mebibytes:.1} MiB"),
    );
    let threads = rows.threads().unwrap_or_default();
    of_limit(
        "threads",
        "threads_of_limit",
        rows.threads(),
        rows.threads_of_limit(),
        format!("{threads} threads"),
    );
    if let Some(grown) = grown {
        grew(&mut findings, &config.limits, grown);
    } else if rows.living() > 0 {
        findings.note(State::Ok, "seen for the first time");
    }
    findings.output("CONTAINER")
}

fn grew(findings: &mut Findings, limits: &Limits, grown: &Grown) {
    let seconds = grown.seconds;
    if let Some(cpu) = grown.cpu {
        let percent = cpu / seconds * 100.0;
        findings.value(
            ("cpu", "%"),
            (percent * 100.0).round() / 100.0,
            &limits.of("cpu"),
            format!("CPU {percent:.1}%"),
        );
    }
    let counts = [
        ("oom", grown.oom, "killed for lack of memory"),
        ("restarts", Some(grown.restarts), "restarts"),
        ("connects", grown.connects, "connects failed"),
    ];
    for (name, count, what) in counts {
        if let Some(count) = count {
            let text = format!("{count} {what} in {seconds:.0} s");
            findings.value((name, ""), count, &limits.of(name), text);
        }
    }
}

impl Config {
    fn read(call: &mut Call) -> Result<Self, Stop> {
        let mut config = Self {
            client: Client::new(&call.name, URL),
            selector: Selector::default(),
            limits: Limits::default(),
            window: 300,
            absent: State::Critical,
            state_file: None,
        };
        let mut options = call.options();
        while let Some(found) = options.next()? {
            if !config.limits.take(&found)? {
                config.take(call, &found)?;
            }
        }
        if config.selector.is_empty() {
            return Err(call.usage("You must specify a container, a pod or a cgroup"));
        }
        config.client.place(call)?;
        config.client.probe.method = "GET".to_owned();
        Ok(config)
    }

    fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        match found.key {
            "name" | "container" | "pod" | "namespace" | "id" => self.selector.add(found.key, text),
            "window" => {
                let wrong = || call.usage(&format!("Invalid window - {text}"));
                self.window = value::positive(&text).ok_or_else(wrong)?;
            }
            "absent" => {
                let wrong = || call.usage(&format!("Invalid state - {text}"));
                self.absent = State::parse(&text).ok_or_else(wrong)?;
            }
            "state-file" => self.state_file = Some(text),
            _ => self.client.take(call, found)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
