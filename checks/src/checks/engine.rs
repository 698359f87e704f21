//! What the checks of container engines share: which containers they look at, what of them, and how it is judged.

use serde_json::{Value, json};

use crate::frame::Call;
use crate::history::History;
use crate::options::{Arg, Found, Opt, common};
use crate::output::{Output, Stop};
use crate::range::{Range, Thresholds};

mod judge;
pub mod pair;
pub mod select;
pub mod unit;

use pair::{Bad, Pair};
use select::Selection;
use unit::Unit;

/// What may come of what.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Which containers.
    pub selection: Selection,
    time: Thresholds,
    status: Option<String>,
    /// Whether each has to be healthy by its own check.
    pub health: bool,
    cpu: Option<Pair>,
    memory: Option<(Pair, Unit)>,
    uptime: Option<Pair>,
    restarts: Option<Pair>,
    /// How old its image may be.
    pub image_age: Option<Pair>,
    terse: bool,
    without_perfdata: bool,
    state_file: Option<String>,
    memory_text: Option<String>,
    decimal: bool,
}

/// An engine and what of it was looked at.
#[derive(Clone, Debug, Default)]
pub struct Engine {
    /// What it is, and its version.
    pub name: String,
    /// Until it said so.
    pub seconds: f64,
    /// What of itself is not well.
    pub faults: Vec<String>,
    /// All its containers and those that run.
    pub counts: Option<(usize, usize)>,
    /// Those that were looked at.
    pub containers: Vec<Container>,
    /// Expressions that no container is called by.
    pub unmatched: Vec<String>,
}

/// One container, as far as it was looked at.
#[derive(Clone, Debug, Default)]
pub struct Container {
    /// What it is called.
    pub name: String,
    /// `running`, `exited` and so on.
    pub state: String,
    /// What its own check says.
    pub health: Option<String>,
    /// How often it was started again.
    pub restarts: Option<f64>,
    /// When it was started, in seconds of Unix.
    pub started: Option<f64>,
    /// The seconds of CPU it has used.
    pub cpu_seconds: Option<f64>,
    /// Of so many CPUs that it may use.
    pub cpus: Option<f64>,
    /// In percent of those, since the last run.
    pub cpu: Option<f64>,
    /// The memory it uses, without what can be taken back.
    pub memory: Option<f64>,
    /// How much it may use.
    pub memory_limit: Option<f64>,
    /// When its image was made.
    pub image_created: Option<f64>,
}

/// Older samples say nothing of now.
const LONGEST: f64 = 1800.0;
/// More containers than that are not looked at one by one.
pub const MOST: usize = 1000;

/// The options that all of them have.
pub const OPTIONS: &[Opt] = &[
    Opt::new(
        "containers",
        "containers",
        Arg::Value("REGEX..."),
        "Only containers whose whole names match (all)",
    ),
    Opt::new("exclude-containers", "exclude-containers", Arg::Value("REGEX..."), "And none of these"),
    Opt::new("present", "present", Arg::No, "There has to be a container for each of --containers"),
    Opt::new("status", "status", Arg::Value("STATE"), "What each has to be: running, exited and so on"),
    Opt::new(
        "cpu",
        "cpu",
        Arg::Value("WARN:CRIT"),
        "Percent of its limit of CPU, or of all CPUs, since the last run",
    ),
    Opt::new("memory", "memory", Arg::Value("WARN:CRIT:UNIT"), "Memory; the unit is %, B, KB, MB, GB or TB"),
    Opt::new("uptime", "uptime", Arg::Value("WARN:CRIT"), "The least seconds since it was started"),
    Opt::new("restarts", "restarts", Arg::Value("WARN:CRIT"), "How often it was started again"),
    Opt::new(
        "w",
        "warning",
        Arg::Value("RANGE"),
        "Warn when the seconds until the engine answers are outside of RANGE",
    ),
    Opt::new("c", "critical", Arg::Value("RANGE"), "Critical when they are"),
    Opt::new("binary_units", "binary_units", Arg::No, "KB and so on are powers of 1024, as they are anyway"),
    Opt::new("decimal_units", "decimal_units", Arg::No, "They are powers of 1000"),
    Opt::new("no-ok", "no-ok", Arg::No, "Say nothing of what is fine"),
    Opt::new("no-performance", "no-performance", Arg::No, "No perfdata"),
    Opt::new("state-file", "state-file", Arg::Value("FILE"), "Where to keep what was seen, for the next run"),
    common::TIMEOUT,
    common::VERBOSE,
    common::HELP,
    common::VERSION,
];

impl Wanted {
    /// Takes one of the options, those of every check among them.
    pub fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        let pair = |bad| Pair::parse(&text, bad).map(Some);
        match found.key {
            "containers" => self.selection.add(text)?,
            "exclude-containers" => self.selection.exclude(text)?,
            "present" => self.selection.present = true,
            "status" => self.status = Some(text),
            "cpu" => self.cpu = pair(Bad::High)?,
            "memory" => self.memory_text = Some(text),
            "uptime" => self.uptime = pair(Bad::Low)?,
            "restarts" => self.restarts = pair(Bad::High)?,
            "w" => self.time.warning = Some(Range::parse(&text)?),
            "c" => self.time.critical = Some(Range::parse(&text)?),
            "decimal_units" => self.decimal = true,
            "no-ok" => self.terse = true,
            "no-performance" => self.without_perfdata = true,
            "state-file" => self.state_file = Some(text),
            _ => call.common(found)?,
        }
        Ok(())
    }

    /// When all options are read.
    pub fn finish(&mut self) -> Result<(), Stop> {
        if let Some(text) = self.memory_text.take() {
            self.memory = Some(unit::memory(&text, self.decimal)?);
        }
        Ok(())
    }

    /// Whether containers are to be looked at one by one.
    pub const fn asks_of_containers(&self) -> bool {
        self.selection.is_given()
            || self.status.is_some()
            || self.inspects()
            || self.measures()
            || self.image_age.is_some()
    }

    /// Whether each has to be asked for its state.
    pub const fn inspects(&self) -> bool {
        self.health || self.uptime.is_some() || self.restarts.is_some() || self.cpu.is_some()
    }

    /// Whether each has to be asked for what it uses.
    pub const fn measures(&self) -> bool {
        self.cpu.is_some() || self.memory.is_some()
    }

    /// Whether it matters how often each was started again.
    pub const fn counts_restarts(&self) -> bool {
        self.restarts.is_some()
    }

    /// Judges; the CPU is what was used since the last run, which is kept in a file about this.
    pub fn judge(&self, call: &Call, about: &str, title: &str, mut engine: Engine) -> Result<Output, Stop> {
        let now = now();
        if self.cpu.is_some() {
            let about = format!("{about} {}", self.selection.about());
            let history = History::of(self.state_file.as_deref(), call.check.name, &about)?;
            let before = history.read().unwrap_or_default();
            history.write(&rates(&mut engine.containers, &before, now))?;
        }
        Ok(self.judge_at(&engine, title, now))
    }

    /// The same at this time, in seconds of Unix, with the CPU as it is known.
    pub fn judge_at(&self, engine: &Engine, title: &str, now: f64) -> Output {
        judge::judge(self, engine, title, now)
    }
}

/// In seconds of Unix.
fn now() -> f64 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs_f64()
}

/// Fills in what each used since the last run; what is to be kept for the next.
fn rates(containers: &mut [Container], before: &Value, now: f64) -> Value {
    let mut kept = serde_json::Map::new();
    for container in containers {
        let Some(used) = container.cpu_seconds else { continue };
        // Who was started again counts from zero, and so under another name.
        let key = format!("{} {}", container.name, container.started.unwrap_or_default());
        let last = &before[&key];
        if let (Some(at), Some(then)) = (last[0].as_f64(), last[1].as_f64())
            && now > at
            && now - at <= LONGEST
            && used >= then
        {
            container.cpu = container.cpus.map(|cpus| (used - then) / (now - at) / cpus * 100.0);
        }
        kept.insert(key, json!([now, used]));
    }
    Value::Object(kept)
}

impl From<pair::Error> for Stop {
    fn from(error: pair::Error) -> Self {
        Self::unknown(error.to_string())
    }
}

impl Container {
    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        self.state.eq_ignore_ascii_case("running")
    }
}

#[cfg(test)]
mod tests;
