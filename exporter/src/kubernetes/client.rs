//! From a kubeconfig or a service account to a client, and from what goes wrong to a line that helps.

use std::path::{Path, PathBuf};

use kube::client::{AuthError, ClientBuilder};
use kube::config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::runtime::watcher;
use kube::{Client, Config};

use super::guard::Guard;

/// Why the API server is not followed.
#[derive(Debug, thiserror::Error)]
pub(super) enum KubernetesError {
    #[error("{path}: {}", kubeconfig(.source))]
    Kubeconfig { path: PathBuf, source: Box<KubeconfigError> },
    #[error("no service account of a cluster: {0}")]
    InCluster(#[from] Box<InClusterError>),
    #[error("{}", client(.0))]
    Client(#[from] Box<kube::Error>),
    #[error("{}", watch(.0))]
    Watch(#[from] Box<watcher::Error>),
    #[error("the events ended")]
    Ended,
}

/// A client by the file at `kubeconfig`, or by the service account of the pod that this process is in.
pub(super) async fn connect(kubeconfig: Option<&Path>, guard: &Guard) -> Result<Client, KubernetesError> {
    let mut config = match kubeconfig {
        Some(path) => from_file(path)
            .await
            .map_err(|source| KubernetesError::Kubeconfig { path: path.to_owned(), source: source.into() })?,
        None => Config::incluster().map_err(Box::new)?,
    };
    // It is tried again here, where it is counted.
    config.default_retry = false;
    let builder = ClientBuilder::try_from(config).map_err(Box::new)?;
    Ok(builder.with_layer(guard).build())
}

async fn from_file(path: &Path) -> Result<Config, KubeconfigError> {
    let kubeconfig = Kubeconfig::read_from(path)?;
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await
}

impl KubernetesError {
    /// The server does not know how to begin a watch with what there is already.
    pub(super) fn refuses_streaming(&self) -> bool {
        let Self::Watch(error) = self else { return false };
        matches!(&**error, watcher::Error::WatchStartFailed(kube::Error::Api(status)) if matches!(status.code, 400 | 422))
    }

    /// Nothing is wrong: the server no longer remembers where the watch was.
    pub(super) fn is_expiry(&self) -> bool {
        let Self::Watch(error) = self else { return false };
        match &**error {
            watcher::Error::WatchError(status) => status.code == 410,
            watcher::Error::WatchStartFailed(kube::Error::Api(status))
            | watcher::Error::InitialListFailed(kube::Error::Api(status)) => status.code == 410,
            _ => false,
        }
    }
}

/// A file that is no YAML is quoted by who reads it, and may hold a token.
fn kubeconfig(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::Parse(_) => "no kubeconfig: it is no YAML of that kind".to_owned(),
        KubeconfigError::ReadConfig(source, _) => source.to_string(),
        other => other.to_string(),
    }
}

fn watch(error: &watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => client(error),
        watcher::Error::WatchError(status) => format!("the watch ended: {} {}", status.code, status.message),
        watcher::Error::NoResourceVersion => "what it said has no resourceVersion".to_owned(),
    }
}

fn client(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("the answer is {}: {}", status.code, status.message),
        kube::Error::SerdeError(error) => format!("what it said is no JSON of its kind: {error}"),
        kube::Error::Auth(error) => auth(error),
        kube::Error::Service(error) => chain(&**error),
        other => chain(other),
    }
}

/// What a program that gives credentials said is not told.
fn auth(error: &AuthError) -> String {
    match error {
        AuthError::ReadTokenFile(..) | AuthError::AuthExecStart(_) | AuthError::InvalidBearerToken(_) => {
            error.to_string()
        }
        AuthError::AuthExecRun { cmd, out } => format!("the credentials: {cmd} ended with {}", out.status),
        _ => "the credentials cannot be used".to_owned(),
    }
}

/// An error and its causes, without those that say the same once more.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    if let Some(error) =
        error.downcast_ref::<kube::Error>().filter(|error| matches!(error, kube::Error::Auth(_)))
    {
        return client(error);
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
