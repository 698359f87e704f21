//! The files of the runtimes that make the containers: runc's `state.json`, crun's `status`, and the OCI
//! `config.json` of a bundle, with the annotations that containerd, CRI-O and nerdctl leave in it.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;

use super::{Details, Kubernetes, unix_seconds};

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
    annotations: Option<Annotations>,
    linux: Option<Linux>,
}

#[derive(Deserialize)]
struct Linux {
    #[serde(rename = "cgroupsPath")]
    cgroups_path: Option<String>,
}

/// containerd's names come first, then CRI-O's.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Annotations {
    #[serde(rename = "io.kubernetes.cri.container-type")]
    cri_type: Option<String>,
    #[serde(rename = "io.kubernetes.cri.container-name")]
    cri_container: Option<String>,
    #[serde(rename = "io.kubernetes.cri.sandbox-name")]
    cri_pod: Option<String>,
    #[serde(rename = "io.kubernetes.cri.sandbox-namespace")]
    cri_namespace: Option<String>,
    #[serde(rename = "io.kubernetes.cri.image-name")]
    cri_image: Option<String>,
    #[serde(rename = "io.kubernetes.cri.podsandbox.image-name")]
    cri_pause_image: Option<String>,
    #[serde(rename = "io.kubernetes.cri-o.ContainerType")]
    crio_type: Option<String>,
    #[serde(rename = "io.kubernetes.cri-o.ContainerName")]
    crio_name: Option<String>,
    #[serde(rename = "io.kubernetes.cri-o.ImageName")]
    crio_image: Option<String>,
    #[serde(rename = "io.kubernetes.container.name")]
    container: Option<String>,
    #[serde(rename = "io.kubernetes.pod.name")]
    pod: Option<String>,
    #[serde(rename = "io.kubernetes.pod.namespace")]
    namespace: Option<String>,
    #[serde(rename = "nerdctl/name")]
    nerdctl_name: Option<String>,
    #[serde(rename = "nerdctl/image-ref")]
    nerdctl_image: Option<String>,
}

/// Parses a bundle's `config.json`.
pub fn parse_oci_config(bytes: &[u8]) -> Result<OciConfig, serde_json::Error> {
    let file: ConfigFile = serde_json::from_slice(bytes)?;
    let a = file.annotations.unwrap_or_default();
    let sandbox = a.cri_type.as_deref().or(a.crio_type.as_deref()) == Some("sandbox");
    let kubernetes = Kubernetes {
        container: a.cri_container.or(a.container).filter(|_| !sandbox),
        pod: a.cri_pod.or(a.pod),
        namespace: a.cri_namespace.or(a.namespace),
    };
    let image = a.cri_image.or(a.crio_image).or(a.nerdctl_image).or(a.cri_pause_image.filter(|_| sandbox));
    Ok(OciConfig {
        cgroups_path: file.linux.and_then(|linux| linux.cgroups_path).filter(|path| !path.is_empty()),
        details: Details {
            name: a.crio_name.or(a.nerdctl_name),
            image,
            kubernetes: (kubernetes != Kubernetes::default()).then_some(kubernetes),
            sandbox,
            ..Details::default()
        },
    })
}

#[cfg(test)]
mod tests;
