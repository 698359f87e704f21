//! A cluster of one node as its API server was recorded, for who follows the pods of that node.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::apiserver::{Answer, ApiServer, Asked};
use crate::gate::Gate;

/// The node's name.
pub const NODE: &str = "rig-node";
/// Who may ask.
const TOKEN: &str = "a-secret-token";

/// The server, which gives the answers it was told to the requests for pods and whatever else, in their order.
#[derive(Debug)]
pub struct Cluster {
    server: ApiServer,
    answers: Answers,
}

/// By the path that is asked for.
type Answers = Arc<Mutex<HashMap<String, VecDeque<Answer>>>>;

/// What is watched, and by which path.
const PODS: &str = "/api/v1/pods";
/// Of all namespaces.
pub const NAMESPACES: &str = "/api/v1/namespaces";
/// Of all services.
pub const SERVICES: &str = "/api/v1/services";

impl Cluster {
    /// One that gives these answers, and after them none that ends.
    pub fn start(answers: impl IntoIterator<Item = Answer>) -> Result<Self> {
        let answers = HashMap::from([(PODS.to_owned(), answers.into_iter().collect())]);
        let answers: Answers = Arc::new(Mutex::new(answers));
        let given = Arc::clone(&answers);
        let server = ApiServer::start(move |asked| {
            says(asked, &given).unwrap_or_else(|error| Answer::text(599, error.to_string()))
        })?;
        Ok(Self { server, answers })
    }

    /// One more answer to who asks for pods.
    pub fn answer(&self, answer: Answer) {
        self.answer_at(PODS, answer);
    }

    /// One more answer to who asks for this path.
    pub fn answer_at(&self, path: &str, answer: Answer) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.entry(path.to_owned()).or_default().push_back(answer);
    }

    /// The requests there were, as method and target.
    pub fn targets(&self) -> Vec<String> {
        self.server.asked().iter().map(Asked::target).collect()
    }

    /// The requests there were for this path.
    pub fn asked_for(&self, path: &str) -> Vec<Asked> {
        let mut asked = self.server.asked();
        asked.retain(|asked| asked.path == path);
        asked
    }

    /// A kubeconfig that names it and one of its users.
    pub fn kubeconfig(&self) -> Result<PathBuf> {
        self.kubeconfig_of(TOKEN, "authority.pem")
    }

    /// A gate before it, and a kubeconfig that names that.
    pub fn behind_a_gate(&self) -> Result<(Gate, PathBuf)> {
        let gate = Gate::before(self.server.address())?;
        let kubeconfig = self.write(&format!("https://localhost:{}", gate.port()), TOKEN, "authority.pem")?;
        Ok((gate, kubeconfig))
    }

    /// A kubeconfig with this token and this authority.
    pub fn kubeconfig_of(&self, token: &str, authority: &str) -> Result<PathBuf> {
        self.write(&self.server.url(), token, authority)
    }

    fn write(&self, url: &str, token: &str, authority: &str) -> Result<PathBuf> {
        let server = json!({"server": url, "certificate-authority": self.server.path(authority)});
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "x",
            "clusters": [{"name": "x", "cluster": server}],
            "users": [{"name": "x", "user": {"token": token}}],
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        });
        let path = self.server.path("kubeconfig");
        std::fs::write(&path, config.to_string())?;
        Ok(path)
    }
}

fn says(asked: &Asked, answers: &Answers) -> Result<Answer> {
    if asked.token.as_deref() != Some(TOKEN) {
        return Answer::recorded("errors/bad_token");
    }
    if [PODS, NAMESPACES, SERVICES].contains(&&*asked.path) {
        let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
        let next = answers.get_mut(&asked.path).and_then(VecDeque::pop_front);
        return next.map_or_else(|| Ok(Answer::watch("pods_node")?.first(0)), Ok);
    }
    match asked.path.strip_prefix("/apis/batch/v1/namespaces/shop/jobs/") {
        Some(name) => job(name),
        None => Answer::recorded("errors/not_found"),
    }
}

/// The metadata of a job.
fn job(name: &str) -> Result<Answer> {
    let list: Value = serde_json::from_slice(&Answer::list("jobs")?.body())?;
    let jobs = list["items"].as_array().context("no list")?;
    let found = jobs.iter().find(|job| job["metadata"]["name"] == name);
    let Some(job) = found else { return Answer::recorded("errors/not_found") };
    let kind =
        json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": job["metadata"]});
    Ok(Answer::text(200, kind.to_string()))
}

/// The pods of the node, as a list.
pub fn list() -> Result<Answer> {
    let mut list: Value = serde_json::from_slice(&Answer::list("pods")?.body())?;
    let items = list["items"].as_array_mut().context("no list")?;
    items.retain(|pod| pod["spec"]["nodeName"] == NODE);
    // kubectl leaves it out of what it prints.
    list["kind"] = "PodList".into();
    list["metadata"]["resourceVersion"] = "2762".into();
    Ok(Answer::text(200, list.to_string()))
}

/// The namespaces of the cluster that are not called so, as a watch on their metadata tells them.
pub fn namespaces_but(name: &str) -> Result<Answer> {
    let objects = metadata_of_namespaces()?;
    let others = objects.into_iter().filter(|object| object["metadata"]["name"] != name);
    watched(others, &metadata_only(&json!({"resourceVersion": "2762"})))
}

/// The same of all of them, as a list.
pub fn namespaces() -> Result<Answer> {
    let list = json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": "2762"}, "items": metadata_of_namespaces()?});
    Ok(Answer::text(200, list.to_string()))
}

fn metadata_of_namespaces() -> Result<Vec<Value>> {
    let list: Value = serde_json::from_slice(&Answer::list("namespaces")?.body())?;
    let items = list["items"].as_array().context("no list")?;
    Ok(items.iter().map(|item| metadata_only(&item["metadata"])).collect())
}

/// The services of the cluster, as a watch tells them.
pub fn services() -> Result<Answer> {
    let list: Value = serde_json::from_slice(&Answer::list("services")?.body())?;
    let items = list["items"].as_array().context("no list")?;
    let bookmark = json!({"kind": "Service", "apiVersion": "v1", "metadata": {"resourceVersion": "2762"},
        "spec": {}, "status": {"loadBalancer": {}}});
    watched(items.iter().cloned(), &bookmark)
}

/// What is sent of an object to who asks for its metadata alone.
pub fn metadata_only(metadata: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata})
}

/// An event of a watch.
pub fn event(kind: &str, object: &Value) -> String {
    format!("{}\n", json!({"type": kind, "object": object}))
}

/// A watch that begins with these, and stays open after the bookmark that says that these were all.
fn watched(objects: impl Iterator<Item = Value>, bookmark: &Value) -> Result<Answer> {
    let mut last = bookmark.clone();
    last["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
    let events: String = objects.map(|object| event("ADDED", &object)).collect();
    Ok(Answer::watch("pods_node")?.first(0).and(events + &event("BOOKMARK", &last)))
}
