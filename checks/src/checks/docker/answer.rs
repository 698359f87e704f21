//! What the engine answers with, as far as it is looked at. Pure.

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::checks::engine::Container;

/// `/version`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Version {
    version: String,
    #[serde(default)]
    components: Option<Vec<Component>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Component {
    name: Option<String>,
}

/// One of `/containers/json`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Listed {
    /// Its id.
    pub id: String,
    names: Option<Vec<String>>,
    /// The id of its image.
    #[serde(rename = "ImageID", default)]
    pub image_id: String,
    #[serde(default)]
    state: String,
}

/// `/containers/ID/json`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Inspected {
    /// How often it was started again.
    restart_count: Option<f64>,
    state: State,
    host_config: Option<HostConfig>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct State {
    status: Option<String>,
    started_at: Option<String>,
    health: Option<Health>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Health {
    status: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HostConfig {
    nano_cpus: Option<f64>,
    cpu_quota: Option<f64>,
    cpu_period: Option<f64>,
}

/// `/containers/ID/stats`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Stats {
    cpu_stats: Cpu,
    memory_stats: Memory,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Cpu {
    cpu_usage: Usage,
    online_cpus: Option<f64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Usage {
    total_usage: Option<f64>,
    percpu_usage: Option<Vec<f64>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Memory {
    usage: Option<f64>,
    limit: Option<f64>,
    stats: Option<MemoryStats>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct MemoryStats {
    total_inactive_file: Option<f64>,
    inactive_file: Option<f64>,
}

/// `/images/ID/json`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Image {
    /// When it was made.
    pub created: String,
}

impl Version {
    /// `Docker 27.3.1` or `Podman 4.3.1`.
    pub fn words(&self) -> String {
        let components = self.components.iter().flatten();
        let podman =
            components.filter_map(|component| component.name.as_deref()).any(|name| name.contains("Podman"));
        format!("{} {}", if podman { "Podman" } else { "Docker" }, self.version)
    }
}

impl Listed {
    /// What `docker ps` calls it: the name that is no way through others. Its id if it has none.
    pub fn name(&self) -> &str {
        let mut names = self.names.iter().flatten().map(|name| name.strip_prefix('/').unwrap_or(name));
        names.find(|name| !name.is_empty() && !name.contains('/')).unwrap_or(&self.id)
    }

    /// `running`, `exited` and so on.
    pub fn state(&self) -> &str {
        usual(&self.state)
    }

    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        self.state.eq_ignore_ascii_case("running")
    }
}

impl Inspected {
    /// What it says of a container.
    pub fn tell(&self, container: &mut Container) {
        if let Some(state) = self.status() {
            state.clone_into(&mut container.state);
        }
        container.health = self.health().map(str::to_owned);
        (container.started, container.restarts) = (self.started(), self.restart_count);
    }

    /// `running`, `exited` and so on.
    pub fn status(&self) -> Option<&str> {
        self.state.status.as_deref().filter(|status| !status.is_empty()).map(usual)
    }

    /// What its own check says; none if it has none.
    pub fn health(&self) -> Option<&str> {
        let health = self.state.health.as_ref()?.status.as_deref()?;
        Some(health).filter(|health| !health.is_empty() && *health != "none")
    }

    /// When it was started, in seconds of Unix.
    pub fn started(&self) -> Option<f64> {
        seconds(self.state.started_at.as_deref()?).filter(|seconds| *seconds > 0.0)
    }

    /// How many CPUs it may use, of so many that there are.
    pub fn cpus(&self, online: Option<f64>) -> Option<f64> {
        let host = self.host_config.unwrap_or_default();
        let positive = |number: Option<f64>| number.filter(|number| *number > 0.0);
        let nano = positive(host.nano_cpus).map(|nano| nano / 1e9);
        let quota =
            positive(host.cpu_quota).map(|quota| quota / positive(host.cpu_period).unwrap_or(100_000.0));
        match (nano.or(quota), positive(online)) {
            (Some(limit), Some(online)) => Some(limit.min(online)),
            (limit, online) => limit.or(online),
        }
    }
}

impl Stats {
    /// What it says of a container.
    pub fn tell(&self, container: &mut Container) {
        container.cpu_seconds = self.cpu_seconds();
        (container.memory, container.memory_limit) = (self.memory(), self.memory_limit());
    }

    /// The CPU time it has used.
    pub fn cpu_seconds(&self) -> Option<f64> {
        self.cpu_stats.cpu_usage.total_usage.map(|nanoseconds| nanoseconds / 1e9)
    }

    /// How many CPUs there are.
    pub fn online(&self) -> Option<f64> {
        let listed = self.cpu_stats.cpu_usage.percpu_usage.as_ref().map(|all| all.len() as f64);
        self.cpu_stats.online_cpus.filter(|count| *count > 0.0).or(listed)
    }

    /// Memory in use, less what can be taken back, as `docker stats` shows it.
    pub fn memory(&self) -> Option<f64> {
        let usage = self.memory_stats.usage?;
        let stats = self.memory_stats.stats.unwrap_or_default();
        let cache = stats.total_inactive_file.or(stats.inactive_file).filter(|cache| *cache < usage);
        Some(usage - cache.unwrap_or_default())
    }

    /// How much it may use.
    pub fn memory_limit(&self) -> Option<f64> {
        self.memory_stats.limit.filter(|limit| *limit > 0.0)
    }
}

/// Docker's word for Podman's, while that has not cleaned up.
fn usual(state: &str) -> &str {
    if state == "stopped" { "exited" } else { state }
}

/// A time as these programs write it, in seconds of Unix.
pub fn seconds(text: &str) -> Option<f64> {
    let parsed = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    Some(parsed.unix_timestamp_nanos() as f64 / 1e9)
}
