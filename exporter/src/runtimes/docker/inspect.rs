//! What Docker and Podman say of one container when asked for it, and of an image.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{NetworkSettings, details};
use crate::identity::state::{Details, nomad_labels};
use crate::identity::{Exit, Health, Origin, Runtime, Status};

/// What is said of a container.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspected {
    /// What it is.
    pub details: Details,
    /// How it is.
    pub status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    name: Option<String>,
    /// The id of its image.
    image: Option<String>,
    restart_count: Option<u32>,
    state: Option<State>,
    config: Option<Config>,
    network_settings: Option<NetworkSettings>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    status: Option<String>,
    #[serde(rename = "OOMKilled")]
    oom_killed: Option<bool>,
    exit_code: Option<i32>,
    health: Option<Checked>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Checked {
    status: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    image: Option<String>,
    labels: Option<BTreeMap<String, Option<String>>>,
    env: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    repo_digests: Option<Vec<String>>,
}

/// Parses what is said of a container; its image is named by its id.
pub fn parse_inspected(bytes: &[u8], runtime: Runtime) -> Result<Inspected, serde_json::Error> {
    let answer: Answer = serde_json::from_slice(bytes)?;
    let (state, config) = (answer.state.unwrap_or_default(), answer.config.unwrap_or_default());
    let labels = config.labels.unwrap_or_default();
    let labels = labels.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    let mut details = details(runtime, answer.name, config.image, labels);
    details.addresses = answer.network_settings.map(|settings| settings.addresses()).unwrap_or_default();
    details.image_id = answer.image.filter(|image| !image.is_empty());
    for (label, value) in nomad_labels(config.env.unwrap_or_default().iter().map(String::as_str)) {
        if details.metadata.get(Origin::ContainerLabel, label).is_none() {
            details.metadata.extend(Origin::ContainerLabel, [(label, value)]);
        }
    }
    // One that runs says how it ended before, or 0: that is known from its event, or not at all.
    let ended = matches!(state.status.as_deref(), Some("exited" | "dead" | "stopped"));
    let exit = state.exit_code.filter(|_| ended);
    let exit = exit.map(|code| Exit::new(code, state.oom_killed.unwrap_or(false)));
    let health = state.health.and_then(|health| Health::parse(&health.status?));
    let status = Status { restarts: answer.restart_count, health, exit, ready: None };
    Ok(Inspected { details, status })
}

/// Parses what is said of an image: its digest, as `NAME@sha256:…`, if it has one.
pub fn parse_image(bytes: &[u8]) -> Result<Option<String>, serde_json::Error> {
    let image: Image = serde_json::from_slice(bytes)?;
    let mut digests = image.repo_digests.unwrap_or_default().into_iter();
    Ok(digests.find(|digest| digest.contains('@')))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: &str = r#"{"Id":"8619","Name":"/web","RestartCount":3,"Image":"sha256:9c7a",
        "State":{"Status":"running","ExitCode":0,"OOMKilled":false,"Health":{"Status":"healthy","FailingStreak":0}},
        "NetworkSettings":{"IPAddress":"","Networks":{"bridge":{"IPAddress":"172.17.0.2"}}},
        "Config":{"Image":"nginx:1.27","Labels":{"app":"shop","com.hashicorp.nomad.alloc_id":"a1"},
            "Env":["PATH=/bin","NOMAD_ALLOC_ID=a2","NOMAD_JOB_NAME=shop","NOMAD_TOKEN=secret","NOMAD_META_KEY=secret",
                "NOMAD_DC=","DB_PASSWORD=secret"]}}"#;

    #[test]
    fn what_it_is_and_how() {
        let web = parse_inspected(WEB.as_bytes(), Runtime::Docker).expect("valid");
        let details = &web.details;
        assert_eq!((details.name.as_deref(), details.image.as_deref()), (Some("web"), Some("nginx:1.27")));
        assert_eq!(details.image_id.as_deref(), Some("sha256:9c7a"));
        assert_eq!(details.addresses, [std::net::IpAddr::from([172, 17, 0, 2])]);
        let health = Some(Health::Healthy);
        assert_eq!(web.status, Status { restarts: Some(3), health, ..Status::default() });
    }

    #[test]
    fn of_an_environment_only_what_nomad_calls_a_task() {
        let web = parse_inspected(WEB.as_bytes(), Runtime::Docker).expect("valid");
        let labels: Vec<_> = web.details.metadata.starting_with(Origin::ContainerLabel, "").collect();
        let nomad = [("com.hashicorp.nomad.alloc_id", "a1"), ("com.hashicorp.nomad.job_name", "shop")];
        assert_eq!(labels, [&[("app", "shop")][..], &nomad].concat());
        assert!(!format!("{web:?}").contains("secret"), "{web:?}");
    }

    #[test]
    fn how_it_ended() {
        let ended = |state: &str| {
            let answer = format!(r#"{{"Id":"1","State":{state}}}"#);
            parse_inspected(answer.as_bytes(), Runtime::Podman).expect("valid").status.exit
        };
        let killed = ended(r#"{"Status":"exited","ExitCode":137,"OOMKilled":true}"#);
        assert_eq!(killed, Some(Exit::new(137, true)));
        assert_eq!(ended(r#"{"Status":"exited","ExitCode":1}"#), Some(Exit::new(1, false)));
        assert_eq!(ended(r#"{"Status":"running","ExitCode":1}"#), None);
        assert_eq!(ended("null"), None);
        assert!(parse_inspected(b"[]x", Runtime::Docker).is_err());
    }

    #[test]
    fn an_image_has_a_digest_or_none() {
        let of = |answer: &str| parse_image(answer.as_bytes()).expect("valid");
        let digest = of(r#"{"Id":"sha256:1","RepoDigests":["<none>","nginx@sha256:2"]}"#);
        assert_eq!(digest.as_deref(), Some("nginx@sha256:2"));
        assert_eq!(of(r#"{"RepoDigests":null}"#), None);
    }
}
