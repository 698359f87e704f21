//! Kubernetes: what the API server says of the pods of this node goes into identity's directory.
//!
//! One thread follows them, by a watch on the pods whose `spec.nodeName` is this node's, and nobody waits for it: an API
//! server that is away, slow, or refuses costs the labels that only it knows. What a pod belongs to is known by rules, or asked
//! for once ([`owners`]). A connection that breaks is taken up where it was; after an error all of it begins anew, since the
//! server may come back with another past. Namespaces are followed by the same thread in the same way, if a rule of the
//! configuration needs them, and services, if they are asked for.

mod client;
mod guard;
mod metrics;
mod namespaces;
mod objects;
mod owners;
mod pauses;
mod services;
mod tries;
mod whole;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use kube::runtime::watcher::{Event, watcher};
use kube::{Api, Client};
use tokio::task::JoinSet;

pub use metrics::KubernetesMetrics;
pub use namespaces::{NamespaceObject, of_namespace};
pub use objects::{PodObject, Said};
pub use owners::{Owner, Question, parse_owner};
pub use pauses::Pauses;
pub use services::ServiceObject;

use self::client::{KubernetesError, connect};
use self::guard::Guard;
use self::metrics::LeftOut;
use self::owners::Answers;
use self::tries::{Tries, configured};
use crate::identity::{Directory, Workload};

/// What is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The node's name.
    pub node: String,
    /// Where the API server is and how it knows us; `None` for the service account of our own pod.
    pub kubeconfig: Option<PathBuf>,
    /// The longest pause between one try and the next.
    pub max_backoff: Duration,
    /// Whether services are followed too.
    pub services: bool,
}

/// A question of an owner; who is not answered by then is taken for the last one there is.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pods that wait for what they belong to. Those beyond it are told without.
const MAX_WAITING: usize = 1024;

/// Follows the pods of a node, on a thread of its own, for as long as the process lives.
pub fn follow(
    settings: Settings,
    directory: Arc<Directory>,
    metrics: KubernetesMetrics,
) -> std::io::Result<()> {
    // One that is there will answer in a moment: what runs already has its labels from it, too.
    directory.follows_kubernetes(true);
    directory.follows_namespaces(*directory.needs_namespaces().borrow());
    metrics.begin();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_name("kubernetes-io")
        .max_blocking_threads(2)
        .build()?;
    let all = async move {
        let guard = Guard::new(metrics.clone());
        let with =
            whole::With { settings: &settings, directory: &directory, metrics: &metrics, guard: &guard };
        let services = async {
            if settings.services {
                match services::follow(with).await {}
            }
        };
        let pods = keep_following(&settings, &directory, &metrics, &guard);
        tokio::join!(pods, namespaces::follow(with), services);
    };
    std::thread::Builder::new().name("kubernetes".to_owned()).spawn(move || runtime.block_on(all))?;
    Ok(())
}

async fn keep_following(
    settings: &Settings,
    directory: &Directory,
    metrics: &KubernetesMetrics,
    guard: &Guard,
) {
    let mut tries = Tries::new("pods of this node", settings.max_backoff);
    let mut answers = Answers::default();
    loop {
        tries.begin();
        let mut session = Session {
            directory,
            metrics,
            answers: &mut answers,
            asked: JoinSet::new(),
            waiting: HashMap::new(),
            listed: None,
        };
        let Err(error) = session.run(settings, guard, tries.streams()).await;
        let up = metrics.up.get() == 1;
        metrics.up.set(0);
        directory.follows_kubernetes(false);
        let Some(pause) = tries.after(&error, up) else { continue };
        metrics.failures.inc();
        pause.await;
    }
}

/// From one error to the next.
struct Session<'s> {
    directory: &'s Directory,
    metrics: &'s KubernetesMetrics,
    answers: &'s mut Answers,
    asked: JoinSet<(Question, Option<Workload>)>,
    /// Pods that wait for the answer to a question, by the UID it is about.
    waiting: HashMap<String, Vec<Said>>,
    /// UIDs of those that there are, while all are told.
    listed: Option<HashSet<String>>,
}

impl Session<'_> {
    async fn run(
        &mut self,
        settings: &Settings,
        guard: &Guard,
        streams: bool,
    ) -> Result<std::convert::Infallible, KubernetesError> {
        let client = connect(settings.kubeconfig.as_deref(), guard).await?;
        let config = configured(streams).fields(&format!("spec.nodeName={}", settings.node));
        let mut events = pin!(watcher(Api::<PodObject>::all(client.clone()), config));
        loop {
            tokio::select! {
                event = events.next() => {
                    let event = event.ok_or(KubernetesError::Ended)?;
                    self.take(event.map_err(Box::new)?, &client, settings);
                }
                Some(answer) = self.asked.join_next() => {
                    // A question that panicked is a bug; its pods are told once they change.
                    if let Ok((question, answer)) = answer {
                        self.answered(&question, answer);
                    }
                }
            }
            self.metrics.pods.set(i64::try_from(self.directory.living_pods()).unwrap_or(i64::MAX));
        }
    }

    fn take(&mut self, event: Event<PodObject>, client: &Client, settings: &Settings) {
        match event {
            Event::Init => self.listed = Some(HashSet::new()),
            Event::InitApply(pod) => {
                if let Some((listed, uid)) = self.listed.as_mut().zip(pod.uid()) {
                    listed.insert(uid.to_owned());
                }
                self.said(pod.said(false), client);
            }
            Event::InitDone => {
                if let Some(listed) = self.listed.take() {
                    self.directory.only_pods(&listed);
                    tracing::info!(
                        node = settings.node,
                        pods = listed.len(),
                        "following the pods of this node"
                    );
                }
                self.metrics.up.set(1);
                self.directory.follows_kubernetes(true);
            }
            Event::Apply(pod) => self.said(pod.said(false), client),
            Event::Delete(pod) => self.said(pod.said(true), client),
        }
    }

    fn said(&mut self, said: Option<Said>, client: &Client) {
        let Some(said) = said else { return };
        let question = match &said.owner {
            Owner::Known(workload) => {
                let workload = workload.clone();
                return self.tell(said, workload);
            }
            Owner::Ask(question) => question.clone(),
        };
        if let Some(workload) = self.answers.get(&question) {
            let workload = workload.clone();
            return self.tell(said, workload);
        }
        if let Some(waiting) = self.waiting.get_mut(&question.uid) {
            // Its newest word is all that counts.
            waiting.retain(|other| other.uid() != said.uid());
            return waiting.push(said);
        }
        if self.waiting.len() >= MAX_WAITING {
            return self.tell(said, question.itself);
        }
        self.waiting.insert(question.uid.clone(), vec![said]);
        let client = client.clone();
        self.asked.spawn(async move {
            let answer = tokio::time::timeout(PATIENCE, ask(client, &question)).await;
            (question, answer.ok().flatten())
        });
    }

    fn answered(&mut self, question: &Question, answer: Option<Workload>) {
        let workload = answer.clone().unwrap_or_else(|| question.itself.clone());
        if let Some(answer) = answer {
            self.answers.keep(question, answer);
        }
        for said in self.waiting.remove(&question.uid).unwrap_or_default() {
            self.tell(said, workload.clone());
        }
    }

    fn tell(&self, said: Said, workload: Workload) {
        let (pods, containers) = self.directory.tell_pod(said.of(workload));
        self.metrics.left_out(LeftOut::Pods, pods);
        self.metrics.left_out(LeftOut::Containers, containers);
    }
}

/// Asks what something belongs to, by its metadata alone. Whoever is gone, or may not be read, belongs to nothing that is known.
async fn ask(client: Client, question: &Question) -> Option<Workload> {
    const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
    let request =
        http::Request::get(&question.target).header(http::header::ACCEPT, METADATA).body(Vec::new());
    match client.request_text(request.ok()?).await {
        Ok(text) => parse_owner(text.as_bytes(), question).ok(),
        Err(kube::Error::Api(status)) if matches!(status.code, 403 | 404) => {
            tracing::debug!(
                target = question.target,
                status = status.code,
                "an owner of pods cannot be read"
            );
            Some(question.itself.clone())
        }
        Err(_) => None,
    }
}
