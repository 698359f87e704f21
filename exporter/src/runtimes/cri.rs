//! Kubernetes' interface of runtimes, CRI v1, which containerd and CRI-O serve: pods and their containers.
//!
//! Both tell of containers by events where they can (containerd from 1.7 on, CRI-O where it is told to). Where they do not,
//! and for what an event did not say, all are listed when the kernel tells of a container that nobody spoke of, or of the end of
//! one: never by the clock alone.

mod wire;
mod words;

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

pub use words::{parse_event, parse_sandboxes, parse_status};

use self::wire::{Containers, DELETED, Event, Nothing, Sandboxes, StatusAnswer, StatusQuestion, Version};
use self::words::of_sandbox;
use super::Word;
use super::client::{ClientError, MAX_LINE};
use super::grpc::{Answers, Grpc, NOT_FOUND, UNIMPLEMENTED};
use crate::identity::{Directory, Pod, Runtime};

const VERSION: &str = "/runtime.v1.RuntimeService/Version";
const SANDBOXES: &str = "/runtime.v1.RuntimeService/ListPodSandbox";
const CONTAINERS: &str = "/runtime.v1.RuntimeService/ListContainers";
const STATUS: &str = "/runtime.v1.RuntimeService/ContainerStatus";
const EVENTS: &str = "/runtime.v1.RuntimeService/GetContainerEvents";

/// How long after something is wanted all are listed: whoever tells it by an event has done so by then. Each list that does not
/// have it doubles the pause until the next.
const FIRST_LOOK: Duration = Duration::from_millis(100);

/// Follows a runtime until something goes wrong.
pub(super) async fn follow(
    socket: &Path,
    runtime: Runtime,
    directory: &Directory,
    mut tell: impl FnMut(Vec<Word>),
) -> Result<Infallible, ClientError> {
    let (grpc, mut connection) = Grpc::connect(socket).await?;
    let version: Version = grpc.call(VERSION, &Nothing {}).await.map_err(without_cri)?;
    let name = (&version.runtime_name, &version.runtime_version);
    tracing::debug!(socket = %socket.display(), runtime = ?name, "speaks CRI");
    let mut asked = directory.asked();
    // Before the list, so that what begins while that is on its way is in one of them.
    let mut events = Some(grpc.stream(EVENTS, &Nothing {}, MAX_LINE).await?);
    let mut session = Session { grpc, runtime: version.runtime().unwrap_or(runtime), seen: HashMap::new() };
    tell(session.all().await?);
    let mut look = Look::default();
    loop {
        tokio::select! {
            error = connection.ended() => return Err(error),
            event = next(&mut events) => match event? {
                Some(event) => {
                    if !session.takes(&event) {
                        look.by_event = true;
                        look.wants();
                    }
                    tell(event.words(session.runtime));
                }
                None => {
                    tracing::info!(socket = %socket.display(), "no events of containers: they are listed when the kernel tells of one");
                    events = None;
                }
            },
            Ok(()) = asked.changed() => look.wants(),
            () = look.due() => {
                let by_event = std::mem::take(&mut look.by_event);
                if directory.still_wants() || by_event {
                    tell(session.all().await?);
                    look.again();
                } else {
                    look = Look::default();
                }
            }
        }
    }
}

/// When all are listed next.
#[derive(Default)]
struct Look {
    at: Option<Instant>,
    pause: Duration,
    by_event: bool,
}

/// What a connection is used for.
struct Session {
    grpc: Grpc,
    runtime: Runtime,
    /// Sandboxes and containers that were told of, with their state.
    seen: HashMap<String, i32>,
}

impl Look {
    /// Something is wanted.
    fn wants(&mut self) {
        if self.at.is_none() {
            self.pause = FIRST_LOOK;
            self.at = Some(Instant::now() + self.pause);
        }
    }

    /// What is wanted may not be there yet.
    fn again(&mut self) {
        self.pause *= 2;
        self.at = Some(Instant::now() + self.pause);
    }

    async fn due(&self) {
        match self.at {
            Some(at) => sleep_until(at).await,
            None => std::future::pending().await,
        }
    }
}

impl Session {
    /// What there is, as far as it is new or changed its state.
    async fn all(&mut self) -> Result<Vec<Word>, ClientError> {
        let sandboxes: Sandboxes = self.grpc.call(SANDBOXES, &Nothing {}).await?;
        let containers: Containers = self.grpc.call(CONTAINERS, &Nothing {}).await?;
        let (mut words, mut seen) = (Vec::new(), HashMap::new());
        let mut pods: HashMap<&str, Arc<Pod>> = HashMap::new();
        for sandbox in &sandboxes.items {
            let Some(pod) = sandbox.pod() else { continue };
            if !self.seen.contains_key(&sandbox.id) {
                words.push(of_sandbox(&sandbox.id, self.runtime, &pod));
            }
            seen.insert(sandbox.id.clone(), 0);
            pods.insert(&sandbox.id, pod);
        }
        for listed in &containers.containers {
            if self.seen.get(&listed.id) != Some(&listed.state)
                && let Some(answer) = self.status(&listed.id).await?
            {
                words.extend(answer.words(self.runtime, pods.get(listed.sandbox.as_str())));
            }
            seen.insert(listed.id.clone(), listed.state);
        }
        self.seen = seen;
        Ok(words)
    }

    /// How a container is; `None` for one that went meanwhile.
    async fn status(&self, id: &str) -> Result<Option<StatusAnswer>, ClientError> {
        match self.grpc.call(STATUS, &StatusQuestion { container_id: id.to_owned() }).await {
            Err(ClientError::Grpc { code: NOT_FOUND, .. }) => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// Takes note of whom an event tells of; whether its own container is among them.
    fn takes(&mut self, event: &Event) -> bool {
        for status in &event.containers {
            if self.seen.contains_key(&status.id) {
                self.seen.insert(status.id.clone(), status.state);
            }
        }
        let is = |id: &str| id == event.container_id;
        event.kind == DELETED
            || event.sandbox.as_ref().is_some_and(|sandbox| is(&sandbox.id))
            || event.containers.iter().any(|status| is(&status.id))
    }
}

/// The next event; for ever nothing once there are none. A runtime that has none refuses, or ends them at once.
async fn next(events: &mut Option<Answers<Event>>) -> Result<Option<Event>, ClientError> {
    match events {
        Some(events) => match events.next().await {
            Err(ClientError::Grpc { .. }) => Ok(None),
            event => event,
        },
        None => std::future::pending().await,
    }
}

/// Docker's containerd has the interface switched off.
fn without_cri(error: ClientError) -> ClientError {
    match error {
        ClientError::Grpc { code: UNIMPLEMENTED, .. } => ClientError::NoCri,
        error => error,
    }
}

#[cfg(test)]
mod tests;
