//! What an answer that stays open goes on with.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// Parts of an answer, as a test comes to say them; the clones of one are the same.
#[derive(Clone, Debug, Default)]
pub struct Feed(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    parts: Mutex<VecDeque<Vec<u8>>>,
    more: Notify,
}

impl Feed {
    /// Says a part.
    pub fn say(&self, part: impl Into<Vec<u8>>) {
        self.0.parts.lock().unwrap_or_else(PoisonError::into_inner).push_back(part.into());
        self.0.more.notify_one();
    }

    /// The next part, once there is one.
    pub(super) async fn next(&self) -> Vec<u8> {
        loop {
            let part = self.0.parts.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            match part {
                Some(part) => return part,
                None => self.0.more.notified().await,
            }
        }
    }
}

impl PartialEq for Feed {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Feed {}
