//! What is followed of the whole cluster beside the pods of the node: all objects of a kind, tried again as those are, and by
//! itself, so that it costs nothing else if it is refused.

use std::collections::HashSet;
use std::convert::Infallible;
use std::fmt::Debug;
use std::hash::Hash;
use std::pin::pin;

use futures_util::StreamExt as _;
use kube::runtime::watcher::{Event, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

use super::Settings;
use super::client::{KubernetesError, connect};
use super::guard::Guard;
use super::metrics::{KubernetesMetrics, LeftOut, Whole};
use super::tries::{Tries, configured};
use crate::identity::Directory;

/// A kind of objects, and where what is said of them goes.
pub(super) trait Followed {
    type Object: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static;
    /// What an object is known by.
    type Key: Eq + Hash;
    /// As it is counted and logged.
    const WHAT: Whole;
    /// What is counted that there was no room for.
    const LEFT_OUT: LeftOut;

    /// What it is known by; `None` for what is none of that kind.
    fn key(object: &Self::Object) -> Option<Self::Key>;
    /// There is this; whether there was room for it.
    fn tell(directory: &Directory, object: &Self::Object) -> bool;
    /// It is no more.
    fn forget(directory: &Directory, key: &Self::Key);
    /// There are none but these.
    fn only(directory: &Directory, keys: &HashSet<Self::Key>);
    /// They are followed from now on, or no longer.
    fn follows(directory: &Directory, followed: bool);
}

/// What it is followed with.
#[derive(Clone, Copy)]
pub(super) struct With<'w> {
    pub(super) settings: &'w Settings,
    pub(super) directory: &'w Directory,
    pub(super) metrics: &'w KubernetesMetrics,
    pub(super) guard: &'w Guard,
}

/// Follows them until it is dropped.
pub(super) async fn keep_following<F: Followed>(with: With<'_>) -> Infallible {
    let mut tries = Tries::new(F::WHAT.as_str(), with.settings.max_backoff);
    // Who is there will answer in a moment.
    F::follows(with.directory, true);
    with.metrics.follows(F::WHAT, Some(false));
    loop {
        tries.begin();
        let mut up = false;
        let Err(error) = run::<F>(with, tries.streams(), &mut up).await;
        let pause = tries.after(&error, up);
        if let Some(pause) = pause {
            F::follows(with.directory, false);
            with.metrics.follows(F::WHAT, Some(false));
            pause.await;
        }
    }
}

async fn run<F: Followed>(
    with: With<'_>,
    streams: bool,
    up: &mut bool,
) -> Result<Infallible, KubernetesError> {
    let client = connect(with.settings.kubeconfig.as_deref(), with.guard).await?;
    let mut events = pin!(watcher(Api::<F::Object>::all(client), configured(streams)));
    // Those that there are and that there was room for, while all are told.
    let mut listed = HashSet::new();
    let tell = |object: &F::Object| {
        let taken = F::tell(with.directory, object);
        with.metrics.left_out(F::LEFT_OUT, u64::from(!taken));
        taken
    };
    loop {
        match events.next().await.ok_or(KubernetesError::Ended)?.map_err(Box::new)? {
            Event::Init => listed.clear(),
            Event::InitApply(object) => {
                if let Some(key) = F::key(&object)
                    && tell(&object)
                {
                    listed.insert(key);
                }
            }
            Event::InitDone => {
                F::only(with.directory, &listed);
                F::follows(with.directory, true);
                with.metrics.follows(F::WHAT, Some(true));
                tracing::info!(number = listed.len(), "following the {}", F::WHAT.as_str());
                (*up, listed) = (true, HashSet::new());
            }
            Event::Apply(object) => {
                if F::key(&object).is_some() {
                    tell(&object);
                }
            }
            Event::Delete(object) => {
                if let Some(key) = F::key(&object) {
                    F::forget(with.directory, &key);
                }
            }
        }
    }
}
