//! The files of the runtimes that make the containers: runc's `state.json`, crun's `status`, and the OCI
//! `config.json` of a bundle, with the annotations that containerd, CRI-O and nerdctl leave in it.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::{Details, Kubernetes, unix_seconds};
use crate::identity::{Metadata, Origin};

/// runc's state of a container.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuncState {
    /// The container's id.
    pub id: String,
    /// Its first process.
    pub init_pid: Option<u32>,
    /// Unix time in seconds.
    pub created: Option<f64>,
    /// Its paths below the roots of the hierarchies; they may differ from controller to controller.
    pub cgroups: Vec<String>,
}

/// crun's state of a container.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CrunStatus {
    /// Its first process.
    pub init_pid: Option<u32>,
    /// Unix time in seconds.
    pub created: Option<f64>,
    /// Its path below the root.
    pub cgroup: String,
}

/// What is of use in a bundle's `config.json`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OciConfig {
    /// `linux.cgroupsPath`, as a path or as `SLICE:PREFIX:NAME`.
    pub cgroups_path: Option<String>,
    /// What the annotations say.
    pub details: Details,
}

impl RuncState {
    /// Whether this is the state of the container at `path`.
    pub fn is_at(&self, path: &str) -> bool {
        self.cgroups.iter().any(|cgroup| cgroup == path)
    }
}

impl OciConfig {
    /// Whether this is the configuration of the container at `path`.
    pub fn is_at(&self, path: &str) -> bool {
        let Some(configured) = self.cgroups_path.as_deref() else { return false };
        if configured.starts_with('/') {
            return configured == path;
        }
        let mut parents = path.rsplit('/');
        let (last, parent) = (parents.next().unwrap_or(""), parents.next().unwrap_or(""));
        let mut parts = configured.splitn(3, ':');
        let (Some(slice), Some(prefix), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
            return false;
        };
        if last == configured {
            return true;
        }
        let scope = last.strip_suffix(".scope").and_then(|stem| stem.strip_suffix(name));
        let named = scope.is_some_and(|left| left.strip_suffix('-').unwrap_or(left) == prefix);
        named && (slice.is_empty() || slice == parent)
    }
}

#[derive(Deserialize)]
struct StateFile<'a> {
    id: String,
    init_process_pid: Option<u32>,
    #[serde(borrow)]
    created: Option<Cow<'a, str>>,
    #[serde(borrow)]
    cgroup_paths: Option<HashMap<Cow<'a, str>, Cow<'a, str>>>,
}

/// Parses runc's `state.json`.
pub fn parse_runc_state(bytes: &[u8]) -> Result<RuncState, serde_json::Error> {
    let file: StateFile<'_> = serde_json::from_slice(bytes)?;
    let mut cgroups: Vec<String> = file
        .cgroup_paths
        .unwrap_or_default()
        .iter()
        .filter_map(|(controller, path)| below_mount(controller, path))
        .map(str::to_owned)
        .collect();
    cgroups.sort_unstable();
    cgroups.dedup();
    Ok(RuncState {
        id: file.id,
        init_pid: file.init_process_pid,
        created: unix_seconds(file.created.as_deref()),
        cgroups,
    })
}

/// The path below the hierarchy's root. v1 mounts one directory a controller (`cpu,cpuacct` for two) under
/// `/sys/fs/cgroup`; v2 is all of it, or `unified` beside them.
fn below_mount<'a>(controller: &str, path: &'a str) -> Option<&'a str> {
    let path = path.strip_prefix("/sys/fs/cgroup")?;
    let path = match controller {
        "" => path.strip_prefix("/unified").filter(|rest| rest.starts_with('/')).unwrap_or(path),
        _ => path.strip_prefix('/').and_then(|rest| Some(&rest[rest.find('/')?..]))?,
    };
    path.starts_with('/').then_some(path)
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct StatusFile<'a> {
    pid: Option<u32>,
    #[serde(borrow)]
    created: Option<Cow<'a, str>>,
    cgroup_path: String,
}

/// Parses crun's `status`.
pub fn parse_crun_status(bytes: &[u8]) -> Result<CrunStatus, serde_json::Error> {
    let file: StatusFile<'_> = serde_json::from_slice(bytes)?;
    Ok(CrunStatus {
        init_pid: file.pid,
        created: unix_seconds(file.created.as_deref()),
        cgroup: format!("/{}", file.cgroup_path.trim_start_matches('/')),
    })
}

#[derive(Deserialize)]
struct ConfigFile {
    annotations: Option<BTreeMap<String, Option<String>>>,
    linux: Option<Linux>,
}

#[derive(Deserialize)]
struct Linux {
    #[serde(rename = "cgroupsPath")]
    cgroups_path: Option<String>,
}

/// Parses a bundle's `config.json`. Of the names in the annotations containerd's come first, then CRI-O's; what is no
/// name is kept as it is.
pub fn parse_oci_config(bytes: &[u8]) -> Result<OciConfig, serde_json::Error> {
    let file: ConfigFile = serde_json::from_slice(bytes)?;
    let mut annotations = file.annotations.unwrap_or_default();
    let mut take = |key: &str| annotations.remove(key).flatten();
    let kinds = [take("io.kubernetes.cri.container-type"), take("io.kubernetes.cri-o.ContainerType")];
    let sandbox = kinds.into_iter().flatten().next().is_some_and(|kind| kind == "sandbox");
    let mut first = |keys: &[&str]| keys.iter().map(|key| take(key)).fold(None, Option::or);
    let container = first(&["io.kubernetes.cri.container-name", "io.kubernetes.container.name"]);
    let kubernetes = Kubernetes {
        container: container.filter(|_| !sandbox),
        pod: first(&["io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"]),
        namespace: first(&["io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace"]),
    };
    let name = first(&["io.kubernetes.cri-o.ContainerName", "nerdctl/name"]);
    let image =
        first(&["io.kubernetes.cri.image-name", "io.kubernetes.cri-o.ImageName", "nerdctl/image-ref"]);
    let pause = first(&["io.kubernetes.cri.podsandbox.image-name"]).filter(|_| sandbox);
    let mut metadata = Metadata::default();
    let rest = annotations.iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
    metadata.extend(Origin::ContainerAnnotation, rest);
    Ok(OciConfig {
        cgroups_path: file.linux.and_then(|linux| linux.cgroups_path).filter(|path| !path.is_empty()),
        details: Details {
            name,
            image: image.or(pause),
            kubernetes: (kubernetes != Kubernetes::default()).then_some(kubernetes),
            sandbox,
            metadata,
            ..Details::default()
        },
    })
}

#[cfg(test)]
mod tests;
