//! Docker's interface, which Podman serves too: the containers there are, and those that come.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::client::{Client, ClientError};
use crate::identity::Runtime;
use crate::identity::state::{Details, of_docker_labels};

/// A container, by its id.
pub type Named = (String, Details);

/// All containers that run.
const LIST: &str = "/containers/json";
/// `{"type":["container"]}`
const EVENTS: &str = "/events?filters=%7B%22type%22%3A%5B%22container%22%5D%7D";

/// Follows a runtime until something goes wrong. Events come first: what begins while the list is on its way is in one
/// of them.
pub(super) async fn follow(
    socket: &Path,
    runtime: Runtime,
    mut tell: impl FnMut(Vec<Named>),
) -> Result<std::convert::Infallible, ClientError> {
    let mut client = Client::default();
    let mut events = client.follow(socket, EVENTS).await?;
    tell(parse_containers(&client.get(socket, LIST).await?, runtime)?);
    loop {
        let line = events.next().await?;
        if !line.trim_ascii().is_empty() {
            tell(parse_event(&line, runtime)?.into_iter().collect());
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    id: String,
    names: Option<Vec<String>>,
    image: Option<String>,
    labels: Option<BTreeMap<String, Option<String>>>,
}

/// Parses the list of containers.
pub fn parse_containers(bytes: &[u8], runtime: Runtime) -> Result<Vec<Named>, serde_json::Error> {
    let listed: Vec<Listed> = serde_json::from_slice(bytes)?;
    let named = |listed: Listed| {
        let name = listed.names.and_then(|names| names.into_iter().next());
        let labels = listed.labels.unwrap_or_default();
        let labels = labels.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        (listed.id, details(runtime, name, listed.image, labels))
    };
    Ok(listed.into_iter().map(named).collect())
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "Type")]
    kind: Option<String>,
    #[serde(rename = "Action")]
    action: Option<String>,
    #[serde(rename = "Actor")]
    actor: Option<Actor>,
}

#[derive(Deserialize)]
struct Actor {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Attributes")]
    attributes: Option<BTreeMap<String, String>>,
}

/// What an event says of itself among the labels of its container.
const NO_LABELS: [&str; 8] = [
    "comment",
    "containerExitCode",
    "execDuration",
    "exitCode",
    "health_status",
    "oldName",
    "podId",
    "signal",
];

/// Parses an event; `None` if no container begins with it.
pub fn parse_event(bytes: &[u8], runtime: Runtime) -> Result<Option<Named>, serde_json::Error> {
    let event: Event = serde_json::from_slice(bytes)?;
    let begins = matches!(event.action.as_deref(), Some("create" | "init" | "start"));
    let of_container = event.kind.as_deref() == Some("container");
    let Some(actor) = event.actor.filter(|_| begins && of_container) else { return Ok(None) };
    let mut labels = actor.attributes.unwrap_or_default();
    let (name, image) = (labels.remove("name"), labels.remove("image"));
    labels.retain(|key, _| !NO_LABELS.contains(&key.as_str()));
    Ok(Some((actor.id, details(runtime, name, image, labels))))
}

fn details(
    runtime: Runtime,
    name: Option<String>,
    image: Option<String>,
    labels: BTreeMap<String, String>,
) -> Details {
    // A path in Docker's own tree of links.
    let name = name.map(|name| name.trim_start_matches('/').to_owned()).filter(|name| !name.is_empty());
    Details { runtime: Some(runtime), name, image, ..of_docker_labels(labels) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Origin;

    #[test]
    fn a_list_as_docker_sends_it() {
        let list = br#"[{"Id":"8619","Names":["/web"],"Image":"nginx:1.27","ImageID":"sha256:9c7a","Command":"nginx",
            "Created":1700000000,"Ports":[],"Labels":{"app-env":"blue","com.docker.compose.service":"web"},
            "State":"running","Status":"Up 2 hours (healthy)"},
            {"Id":"77d0","Names":null,"Image":null,"Labels":null}]"#;
        let named = parse_containers(list, Runtime::Docker).expect("valid");
        let [(first, web), (second, bare)] = named.as_slice() else { panic!("{named:?}") };
        assert_eq!((first.as_str(), second.as_str()), ("8619", "77d0"));
        assert_eq!((web.name.as_deref(), web.image.as_deref()), (Some("web"), Some("nginx:1.27")));
        assert_eq!(web.metadata.get(Origin::ContainerLabel, "app-env"), Some("blue"));
        assert_eq!(*bare, Details { runtime: Some(Runtime::Docker), ..Details::default() });
    }

    #[test]
    fn an_event_names_a_container_that_may_be_gone_already() {
        let event =
            br#"{"status":"start","id":"8619","from":"nginx:1.27","Type":"container","Action":"start",
            "Actor":{"ID":"8619","Attributes":{"app-env":"blue","image":"nginx:1.27","name":"web"}},
            "scope":"local","time":1700000000,"timeNano":1700000000000000000}"#;
        let (id, details) = parse_event(event, Runtime::Podman).expect("valid").expect("begins");
        assert_eq!((id.as_str(), details.runtime), ("8619", Some(Runtime::Podman)));
        assert_eq!((details.name.as_deref(), details.image.as_deref()), (Some("web"), Some("nginx:1.27")));
        let labels: Vec<_> = details.metadata.starting_with(Origin::ContainerLabel, "").collect();
        assert_eq!(labels, [("app-env", "blue")]);
    }

    #[test]
    fn other_events_name_nobody() {
        for action in ["die", "exec_start: sh", "health_status: healthy", "destroy"] {
            let event = format!(r#"{{"Type":"container","Action":"{action}","Actor":{{"ID":"8619"}}}}"#);
            assert_eq!(parse_event(event.as_bytes(), Runtime::Docker).expect("valid"), None, "{action}");
        }
        let image = br#"{"Type":"image","Action":"create","Actor":{"ID":"x","Attributes":{}}}"#;
        assert_eq!(parse_event(image, Runtime::Docker).expect("valid"), None);
        assert_eq!(parse_event(b"{}", Runtime::Docker).expect("valid"), None);
        assert!(parse_event(b"nonsense", Runtime::Docker).is_err());
    }
}
