//! Docker's interface, which Podman serves too: the containers there are, and those that come.

use std::collections::BTreeMap;
use std::net::IpAddr;
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
        if line.trim_ascii().is_empty() {
            continue;
        }
        let Some((id, details)) = parse_event(&line, runtime)? else { continue };
        // Nobody waits for the addresses, which no event says.
        tell(vec![(id.clone(), details.clone())]);
        if let Some(only) = list_of(&id) {
            let listed = parse_containers(&client.get(socket, &only).await?, runtime)?;
            let found = listed.into_iter().find(|(listed, said)| *listed == id && !said.addresses.is_empty());
            tell(
                found
                    .map(|(id, said)| (id, Details { addresses: said.addresses, ..details }))
                    .into_iter()
                    .collect(),
            );
        }
    }
}

/// The list of one container, if this may be its id: `{"id":["ID"]}`.
fn list_of(id: &str) -> Option<String> {
    let whole = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    whole.then(|| format!("{LIST}?filters=%7B%22id%22%3A%5B%22{id}%22%5D%7D"))
}

/// Addresses of one container: one or two of each network.
const MAX_ADDRESSES: usize = 16;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    id: String,
    names: Option<Vec<String>>,
    image: Option<String>,
    labels: Option<BTreeMap<String, Option<String>>>,
    network_settings: Option<NetworkSettings>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NetworkSettings {
    networks: Option<BTreeMap<String, Option<Network>>>,
}

/// Empty where there is none, as in the host's network.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Network {
    #[serde(rename = "IPAddress")]
    address: Option<String>,
    #[serde(rename = "GlobalIPv6Address")]
    global_address: Option<String>,
}

impl Listed {
    fn addresses(&self) -> Vec<IpAddr> {
        let networks = self.network_settings.iter().flat_map(|settings| &settings.networks).flatten();
        let texts = networks.filter_map(|(_, network)| network.as_ref());
        let texts = texts.flat_map(|network| [&network.address, &network.global_address]).flatten();
        texts.filter_map(|text| text.parse().ok()).take(MAX_ADDRESSES).collect()
    }
}

/// Parses the list of containers.
pub fn parse_containers(bytes: &[u8], runtime: Runtime) -> Result<Vec<Named>, serde_json::Error> {
    let listed: Vec<Listed> = serde_json::from_slice(bytes)?;
    let named = |listed: Listed| {
        let addresses = listed.addresses();
        let name = listed.names.and_then(|names| names.into_iter().next());
        let labels = listed.labels.unwrap_or_default();
        let labels = labels.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        (listed.id, Details { addresses, ..details(runtime, name, listed.image, labels) })
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
            "State":"running","Status":"Up 2 hours (healthy)","NetworkSettings":{"Networks":{
            "bridge":{"IPAMConfig":null,"IPAddress":"172.17.0.2","IPPrefixLen":16,"GlobalIPv6Address":""},
            "shop":{"IPAddress":"172.18.0.2","GlobalIPv6Address":"fd00::2"},"host":null}}},
            {"Id":"77d0","Names":null,"Image":null,"Labels":null}]"#;
        let named = parse_containers(list, Runtime::Docker).expect("valid");
        let [(first, web), (second, bare)] = named.as_slice() else { panic!("{named:?}") };
        assert_eq!((first.as_str(), second.as_str()), ("8619", "77d0"));
        assert_eq!((web.name.as_deref(), web.image.as_deref()), (Some("web"), Some("nginx:1.27")));
        assert_eq!(web.metadata.get(Origin::ContainerLabel, "app-env"), Some("blue"));
        let addresses: Vec<_> = web.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(addresses, ["172.17.0.2", "172.18.0.2", "fd00::2"]);
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
