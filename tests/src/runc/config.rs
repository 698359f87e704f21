//! What a container is given, and the OCI configuration that says so.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A container of the worker. As it stands it runs the script, in the host's network, with no limits.
#[derive(Debug, Clone)]
pub struct Config {
    pub(super) id: Option<String>,
    pub(super) cgroups_path: String,
    args: Vec<String>,
    own_network: bool,
    host_pids: bool,
    memory: Option<u64>,
    raw_sockets: bool,
    pids: Option<u64>,
    cpus: Option<String>,
    cpu_quota: Option<(u64, u64)>,
    annotations: Vec<(String, String)>,
    devices: Vec<(String, u32, u32)>,
    environment: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            id: None,
            cgroups_path: "/ID".to_owned(),
            args: vec!["script".to_owned()],
            own_network: false,
            host_pids: false,
            memory: None,
            raw_sockets: false,
            pids: None,
            cpus: None,
            cpu_quota: None,
            annotations: Vec::new(),
            devices: Vec::new(),
            environment: Vec::new(),
        }
    }
}

impl Config {
    /// The worker's arguments, split at spaces.
    pub fn args(mut self, args: &str) -> Self {
        self.args = args.split_whitespace().map(str::to_owned).collect();
        self
    }

    /// The container's id, where a test needs to choose it.
    pub fn id(mut self, id: &str) -> Self {
        self.id = Some(id.to_owned());
        self
    }

    /// The cgroup below the root of each hierarchy; `ID` stands for the container's id.
    pub fn cgroups_path(mut self, path: &str) -> Self {
        self.cgroups_path = path.to_owned();
        self
    }

    /// A network namespace of its own, with nothing in it but `lo`.
    pub fn own_network(mut self) -> Self {
        self.own_network = true;
        self
    }

    /// The host's process numbers: it sees, and may signal, what is not its own.
    pub fn host_pids(mut self) -> Self {
        self.host_pids = true;
        self
    }

    /// The memory limit in bytes.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// The limit of processes and threads.
    pub fn pids(mut self, count: u64) -> Self {
        self.pids = Some(count);
        self
    }

    /// It may open raw sockets.
    pub fn raw_sockets(mut self) -> Self {
        self.raw_sockets = true;
        self
    }

    /// The CPUs it may run on, as in `0` or `0-1`.
    pub fn cpus(mut self, cpus: &str) -> Self {
        self.cpus = Some(cpus.to_owned());
        self
    }

    /// The CPU time it may use in each period, both in microseconds.
    pub fn cpu_quota(mut self, quota_us: u64, period_us: u64) -> Self {
        self.cpu_quota = Some((quota_us, period_us));
        self
    }

    /// An annotation, such as a container manager leaves.
    pub fn annotation(mut self, name: &str, value: &str) -> Self {
        self.annotations.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A variable of its environment, as `NAME=VALUE`.
    pub fn variable(mut self, variable: &str) -> Self {
        self.environment.push(variable.to_owned());
        self
    }

    /// A block device it may use, under the same path as here.
    pub fn block_device(mut self, path: &str, (major, minor): (u32, u32)) -> Self {
        self.devices.push((path.to_owned(), major, minor));
        self
    }

    /// The configuration, in runtime-spec 1.0.2.
    pub(super) fn json(&self, cgroups_path: &str) -> Value {
        let args: Vec<&str> =
            std::iter::once("/worker").chain(self.args.iter().map(String::as_str)).collect();
        // To become another user and back; to signal and pin itself needs none.
        let mut capabilities = vec!["CAP_SETUID", "CAP_SETGID"];
        if self.raw_sockets {
            capabilities.push("CAP_NET_RAW");
        }
        let mut namespaces = vec!["mount", "ipc", "uts"];
        if !self.host_pids {
            namespaces.insert(0, "pid");
        }
        if self.own_network {
            namespaces.push("network");
        }
        json!({
            "ociVersion": "1.0.2",
            "process": {
                "terminal": false,
                "user": { "uid": 0, "gid": 0 },
                "args": args,
                "env": self.environment,
                "cwd": "/",
                "noNewPrivileges": true,
                "capabilities": { "bounding": capabilities, "effective": capabilities, "permitted": capabilities },
            },
            "root": { "path": "rootfs", "readonly": false },
            "annotations": self.annotations.iter().cloned().collect::<BTreeMap<_, _>>(),
            "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }],
            "linux": {
                "cgroupsPath": cgroups_path,
                "namespaces": namespaces.iter().map(|kind| json!({ "type": kind })).collect::<Vec<_>>(),
                "resources": self.resources(),
                "devices": self.devices.iter().map(|(path, major, minor)| {
                    json!({ "path": path, "type": "b", "major": major, "minor": minor })
                }).collect::<Vec<_>>(),
            },
        })
    }

    fn resources(&self) -> Value {
        let mut resources = json!({});
        if let Some(bytes) = self.memory {
            resources["memory"] = json!({ "limit": bytes });
        }
        if let Some(count) = self.pids {
            resources["pids"] = json!({ "limit": count });
        }
        if let Some(cpus) = &self.cpus {
            resources["cpu"]["cpus"] = json!(cpus);
        }
        if let Some((quota, period)) = self.cpu_quota {
            resources["cpu"]["quota"] = json!(quota);
            resources["cpu"]["period"] = json!(period);
        }
        if !self.devices.is_empty() {
            let allow = |(_, major, minor): &(String, u32, u32)| json!({ "allow": true, "type": "b", "major": major, "minor": minor, "access": "rwm" });
            resources["devices"] = self.devices.iter().map(allow).collect();
        }
        resources
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_there_only_if_asked_for() {
        let plain = Config::default().json("/x");
        assert_eq!(plain["linux"]["resources"], json!({}));
        assert_eq!(plain["process"]["args"], json!(["/worker", "script"]));
        let full = Config::default().args("spin 1").memory(1).pids(2).cpus("0").cpu_quota(3, 4).own_network();
        let full = full.json("/x");
        let expected = json!({
            "memory": { "limit": 1 }, "pids": { "limit": 2 }, "cpu": { "cpus": "0", "quota": 3, "period": 4 },
        });
        assert_eq!(full["linux"]["resources"], expected);
        assert_eq!(full["linux"]["namespaces"][4], json!({ "type": "network" }));
        assert_eq!(full["process"]["args"], json!(["/worker", "spin", "1"]));
    }
}
