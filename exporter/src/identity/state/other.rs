//! The files of the engines above the runtimes: Docker's `config.v2.json` and the list of containers that Podman
//! and CRI-O share.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Details, Kubernetes, unix_seconds};
use crate::identity::{Metadata, Origin, Runtime};

/// What the list of containers says of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StorageNames {
    /// Its name.
    pub name: Option<String>,
    /// Its image as it was asked for.
    pub image: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerFile {
    name: Option<String>,
    created: Option<String>,
    config: Option<DockerConfig>,
    state: Option<DockerState>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerConfig {
    image: Option<String>,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerState {
    pid: Option<u32>,
}

/// Parses Docker's `config.v2.json`.
pub fn parse_docker_config(bytes: &[u8]) -> Result<Details, serde_json::Error> {
    let file: DockerFile = serde_json::from_slice(bytes)?;
    let (image, labels) = file.config.map_or((None, None), |config| (config.image, config.labels));
    Ok(Details {
        runtime: Some(Runtime::Docker),
        // The name is a path in Docker's own tree of links.
        name: file.name.map(|name| name.trim_start_matches('/').to_owned()).filter(|name| !name.is_empty()),
        image,
        created: unix_seconds(file.created.as_deref()),
        init_pid: file.state.and_then(|state| state.pid).filter(|pid| *pid != 0),
        ..of_docker_labels(labels.unwrap_or_default())
    })
}

/// What a container's labels say, with those of Docker's shim for Kubernetes where there are any.
pub fn of_docker_labels(mut labels: BTreeMap<String, String>) -> Details {
    let sandbox = labels.get("io.kubernetes.docker.type").is_some_and(|kind| kind == "podsandbox");
    let kubernetes = Kubernetes {
        container: labels.remove("io.kubernetes.container.name").filter(|_| !sandbox),
        pod: labels.remove("io.kubernetes.pod.name"),
        namespace: labels.remove("io.kubernetes.pod.namespace"),
    };
    let mut metadata = Metadata::default();
    metadata.extend(Origin::ContainerLabel, &labels);
    Details {
        kubernetes: (kubernetes != Kubernetes::default()).then_some(kubernetes),
        sandbox,
        metadata,
        ..Details::default()
    }
}

#[derive(Deserialize)]
struct Stored {
    id: String,
    names: Option<Vec<String>>,
    metadata: Option<String>,
}

#[derive(Deserialize)]
struct StoredMetadata {
    #[serde(rename = "image-name")]
    image_name: Option<String>,
}

/// The name and image of container `id` in a `containers.json` or `volatile-containers.json`.
pub fn parse_storage_names(bytes: &[u8], id: &str) -> Result<Option<StorageNames>, serde_json::Error> {
    let stored: Vec<Stored> = serde_json::from_slice(bytes)?;
    let Some(found) = stored.into_iter().find(|stored| stored.id == id) else { return Ok(None) };
    let metadata = found.metadata.filter(|text| !text.is_empty());
    let image = match metadata {
        Some(text) => serde_json::from_str::<StoredMetadata>(&text)?.image_name,
        None => None,
    };
    Ok(Some(StorageNames { name: found.names.and_then(|names| names.into_iter().next()), image }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_names_image_and_first_process() {
        let details = parse_docker_config(
            br#"{"StreamConfig":{},"State":{"Running":true,"Pid":12680},"ID":"86199ab4",
                "Created":"2019-03-07T03:59:11.534433546Z","Path":"npm","Args":["run"],"Name":"/cen",
                "Config":{"Hostname":"86199ab4c77b","Image":"node:10","Labels":{"app-env":"prod"}},"Image":"sha256:9080"}"#,
        );
        let details = details.expect("valid");
        assert_eq!(details.name.as_deref(), Some("cen"));
        assert_eq!(details.image.as_deref(), Some("node:10"));
        assert_eq!((details.init_pid, details.kubernetes), (Some(12680), None));
        assert_eq!(details.metadata.get(Origin::ContainerLabel, "app-env"), Some("prod"));
        assert_eq!(details.created.map(f64::floor), Some(1_551_931_151.0));
    }

    #[test]
    fn docker_under_kubernetes() {
        let details = parse_docker_config(
            br#"{"Name":"/k8s_POD_web-0","State":{"Pid":0},"Config":{"Image":"pause:3.9","Labels":{
                "io.kubernetes.docker.type":"podsandbox","io.kubernetes.container.name":"POD",
                "io.kubernetes.pod.name":"web-0","io.kubernetes.pod.namespace":"shop"}}}"#,
        );
        let details = details.expect("valid");
        let pod = Kubernetes { container: None, pod: Some("web-0".into()), namespace: Some("shop".into()) };
        assert_eq!(details.kubernetes, Some(pod));
        assert!(details.sandbox);
        assert_eq!(details.init_pid, None, "0 is Docker's word for none");
    }

    #[test]
    fn podman_stores_names() {
        let list = br#"[{"id":"5796","names":["web"],"metadata":"{\"image-name\":\"quay.io/httpd:1\"}"},
                        {"id":"0000","metadata":""}]"#;
        let of = |id| parse_storage_names(list, id).expect("valid");
        assert_eq!(
            of("5796"),
            Some(StorageNames { name: Some("web".into()), image: Some("quay.io/httpd:1".into()) })
        );
        assert_eq!(of("0000"), Some(StorageNames::default()));
        assert_eq!(of("1111"), None);
    }
}
