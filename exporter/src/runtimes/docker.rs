//! Docker's interface, which Podman serves too: the containers there are, those that come, and how they are.

mod inspect;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

pub use inspect::{Inspected, parse_image, parse_inspected};

use super::Word;
use super::client::{Client, ClientError};
use crate::identity::state::{Details, of_docker_labels};
use crate::identity::{Exit, Health, Runtime, Status};

/// A container, by its id.
pub type Named = (String, Details);

/// All containers that run.
const LIST: &str = "/containers/json";
/// `{"type":["container"]}`
const EVENTS: &str = "/events?filters=%7B%22type%22%3A%5B%22container%22%5D%7D";
/// Containers of the first list that are looked at each; the others are when something happens to them.
const MAX_INSPECTED: usize = 1024;
/// Images whose digests are remembered.
const MAX_IMAGES: usize = 256;

/// Follows a runtime until something goes wrong. Events come first: what begins while the list is on its way is in one
/// of them.
pub(super) async fn follow(
    socket: &Path,
    runtime: Runtime,
    mut tell: impl FnMut(Vec<Word>),
) -> Result<std::convert::Infallible, ClientError> {
    let mut client = Client::default();
    let mut events = client.follow(socket, EVENTS).await?;
    let listed = parse_containers(&client.get(socket, LIST).await?, runtime)?;
    let ids: Vec<String> = listed.iter().take(MAX_INSPECTED).map(|(id, _)| id.clone()).collect();
    tell(listed.into_iter().map(|(id, details)| Word::Is(id, Box::new(details))).collect());
    let mut look = Look { socket, runtime, images: HashMap::new() };
    for id in ids {
        tell(look.at(&id).await?);
    }
    let mut again = Again::default();
    loop {
        let line = tokio::select! {
            line = events.next() => line?,
            id = again.due() => {
                tell(look.at(&id).await?);
                continue;
            }
        };
        if line.trim_ascii().is_empty() {
            continue;
        }
        let Some(event) = parse_event(&line, runtime)? else { continue };
        let id = event.id().to_owned();
        let looks = event.is_worth_a_look();
        if matches!(event, Event::Health { health: None, .. }) {
            again.look_at(&id);
        }
        tell(event.words(runtime).into_iter().collect());
        if looks {
            tell(look.at(&id).await?);
        }
    }
}

/// Containers that are to be looked at once more: older Podmans do not say what a health check found, and may tell of it before that
/// is known.
#[derive(Debug, Default)]
struct Again(BTreeSet<(Instant, String)>);

/// When; a check that takes longer than the last is cut short, unless it was given more time.
const AGAIN_AFTER: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(31)];
/// How often at once. What finds no room is looked at with its next check.
const MAX_AGAIN: usize = 4096;

impl Again {
    fn look_at(&mut self, id: &str) {
        if self.0.len() < MAX_AGAIN {
            self.0.extend(AGAIN_AFTER.map(|after| (Instant::now() + after, id.to_owned())));
        }
    }

    /// Waits for the next, as long as it takes.
    async fn due(&mut self) -> String {
        let Some((at, _)) = self.0.first() else { return std::future::pending().await };
        tokio::time::sleep_until(*at).await;
        self.0.pop_first().map(|(_, id)| id).unwrap_or_default()
    }
}

/// Looks at containers one by one.
struct Look<'s> {
    socket: &'s Path,
    runtime: Runtime,
    /// Digests of images, by their ids.
    images: HashMap<String, Option<String>>,
}

impl Look<'_> {
    /// What there is to be said of a container; nothing if it is gone.
    async fn at(&mut self, id: &str) -> Result<Vec<Word>, ClientError> {
        // What comes from the socket names a path there.
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Ok(Vec::new());
        }
        let mut client = Client::default();
        let Some(answer) = client.find(self.socket, &format!("/containers/{id}/json")).await? else {
            return Ok(Vec::new());
        };
        let mut inspected = parse_inspected(&answer, self.runtime)?;
        if let Some(image) = inspected.details.image_id.take() {
            inspected.details.image_id = Some(self.digest(&image).await?.unwrap_or(image));
        }
        let Inspected { details, status } = inspected;
        Ok(vec![Word::Is(id.to_owned(), Box::new(details)), Word::Does(id.to_owned(), self.runtime, status)])
    }

    /// The digest of an image that has one: what was built here has none.
    async fn digest(&mut self, image: &str) -> Result<Option<String>, ClientError> {
        if let Some(known) = self.images.get(image) {
            return Ok(known.clone());
        }
        let name = image.strip_prefix("sha256:").unwrap_or(image);
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Ok(None);
        }
        let answer = Client::default().find(self.socket, &format!("/images/{image}/json")).await?;
        let digest = answer.map(|answer| parse_image(&answer)).transpose()?.flatten();
        if self.images.len() >= MAX_IMAGES {
            self.images.clear();
        }
        self.images.insert(image.to_owned(), digest.clone());
        Ok(digest)
    }
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

impl NetworkSettings {
    fn addresses(&self) -> Vec<IpAddr> {
        let networks = self.networks.iter().flatten();
        let texts = networks.filter_map(|(_, network)| network.as_ref());
        let texts = texts.flat_map(|network| [&network.address, &network.global_address]).flatten();
        texts.filter_map(|text| text.parse().ok()).take(MAX_ADDRESSES).collect()
    }
}

/// Parses the list of containers.
pub fn parse_containers(bytes: &[u8], runtime: Runtime) -> Result<Vec<Named>, serde_json::Error> {
    let listed: Vec<Listed> = serde_json::from_slice(bytes)?;
    let named = |listed: Listed| {
        let addresses = listed.network_settings.map(|settings| settings.addresses()).unwrap_or_default();
        let name = listed.names.and_then(|names| names.into_iter().next());
        let labels = listed.labels.unwrap_or_default();
        let labels = labels.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        (listed.id, Details { addresses, ..details(runtime, name, listed.image, labels) })
    };
    Ok(listed.into_iter().map(named).collect())
}

/// What happened to a container.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// It begins, or is about to.
    Begins {
        /// What it is.
        named: Box<Named>,
        /// Its first process runs.
        started: bool,
    },
    /// It ended.
    Ends {
        /// Its id.
        id: String,
        /// The code it ended with, where that is said.
        code: Option<i32>,
    },
    /// Its health check found this.
    Health {
        /// Its id.
        id: String,
        /// What it found; `None` where that is not said.
        health: Option<Health>,
    },
}

impl Event {
    /// Whose it is.
    pub fn id(&self) -> &str {
        match self {
            Self::Begins { named, .. } => &named.0,
            Self::Ends { id, .. } | Self::Health { id, .. } => id,
        }
    }

    /// What it says.
    pub fn words(self, runtime: Runtime) -> Option<Word> {
        let (id, status) = match self {
            Self::Begins { named, .. } => return Some(Word::Is(named.0, Box::new(named.1))),
            Self::Ends { id, code } => {
                let exit = Some(Exit::new(code?, false));
                (id, Status { exit, ..Status::default() })
            }
            Self::Health { id, health } => (id, Status { health: Some(health?), ..Status::default() }),
        };
        Some(Word::Does(id, runtime, status))
    }

    /// Whether more is to be known of the container now.
    fn is_worth_a_look(&self) -> bool {
        // Older Podmans do not say what the check found.
        matches!(
            self,
            Self::Begins { started: true, .. } | Self::Ends { .. } | Self::Health { health: None, .. }
        )
    }
}

#[derive(Deserialize)]
struct EventLine {
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

/// Parses an event; `None` if it is none of those that matter here.
pub fn parse_event(bytes: &[u8], runtime: Runtime) -> Result<Option<Event>, serde_json::Error> {
    let event: EventLine = serde_json::from_slice(bytes)?;
    let of_container = event.kind.as_deref() == Some("container");
    let (Some(action), Some(actor)) = (event.action, event.actor.filter(|_| of_container)) else {
        return Ok(None);
    };
    let Actor { id, attributes } = actor;
    let mut labels = attributes.unwrap_or_default();
    // Docker says how healthy it is in the action, Podman beside it.
    let (action, found) = action.split_once(": ").unwrap_or((&action, ""));
    Ok(match action {
        "create" | "init" | "start" => {
            let (name, image) = (labels.remove("name"), labels.remove("image"));
            labels.retain(|key, _| !NO_LABELS.contains(&key.as_str()));
            let named = Box::new((id, details(runtime, name, image, labels)));
            Some(Event::Begins { named, started: action == "start" })
        }
        "die" | "died" => {
            let code = ["exitCode", "containerExitCode"].into_iter().find_map(|key| labels.get(key));
            Some(Event::Ends { id, code: code.and_then(|code| code.parse().ok()) })
        }
        "health_status" => {
            let said = labels.get("health_status").map_or(found, String::as_str);
            Some(Event::Health { id, health: Health::parse(said) })
        }
        _ => None,
    })
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

    fn begins(event: &[u8], runtime: Runtime) -> Named {
        match parse_event(event, runtime).expect("valid") {
            Some(Event::Begins { named, .. }) => *named,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_event_names_a_container_that_may_be_gone_already() {
        let event =
            br#"{"status":"start","id":"8619","from":"nginx:1.27","Type":"container","Action":"start",
            "Actor":{"ID":"8619","Attributes":{"app-env":"blue","image":"nginx:1.27","name":"web"}},
            "scope":"local","time":1700000000,"timeNano":1700000000000000000}"#;
        let (id, details) = begins(event, Runtime::Podman);
        assert_eq!((id.as_str(), details.runtime), ("8619", Some(Runtime::Podman)));
        assert_eq!((details.name.as_deref(), details.image.as_deref()), (Some("web"), Some("nginx:1.27")));
        let labels: Vec<_> = details.metadata.starting_with(Origin::ContainerLabel, "").collect();
        assert_eq!(labels, [("app-env", "blue")]);
    }

    #[test]
    fn ends_and_health() {
        let of = |action: &str, attributes: &str| {
            let event = format!(
                r#"{{"Type":"container","Action":"{action}","Actor":{{"ID":"8619","Attributes":{{{attributes}}}}}}}"#
            );
            let event = parse_event(event.as_bytes(), Runtime::Docker).expect("valid").expect("one of ours");
            (event.is_worth_a_look(), event.words(Runtime::Docker))
        };
        let does = |status| Some(Word::Does("8619".into(), Runtime::Docker, status));
        let ended = |code| does(Status { exit: Some(Exit::new(code, false)), ..Status::default() });
        assert_eq!(of("die", r#""exitCode":"137","name":"web""#), (true, ended(137)));
        assert_eq!(of("died", r#""containerExitCode":"0""#), (true, ended(0)));
        assert_eq!(of("die", r#""exitCode":"x""#), (true, None));
        let health = |health| (false, does(Status { health: Some(health), ..Status::default() }));
        assert_eq!(of("health_status: healthy", ""), health(Health::Healthy));
        assert_eq!(of("health_status", r#""health_status":"unhealthy""#), health(Health::Unhealthy));
        assert_eq!(of("health_status", ""), (true, None));
    }

    #[test]
    fn other_events_name_nobody() {
        for action in ["exec_start: sh", "exec_die", "destroy", "kill"] {
            let event = format!(r#"{{"Type":"container","Action":"{action}","Actor":{{"ID":"8619"}}}}"#);
            assert_eq!(parse_event(event.as_bytes(), Runtime::Docker).expect("valid"), None, "{action}");
        }
        let image = br#"{"Type":"image","Action":"create","Actor":{"ID":"x","Attributes":{}}}"#;
        assert_eq!(parse_event(image, Runtime::Docker).expect("valid"), None);
        assert_eq!(parse_event(b"{}", Runtime::Docker).expect("valid"), None);
        assert!(parse_event(b"nonsense", Runtime::Docker).is_err());
    }
}
