//! What was said last, by container id, as far as there is room.

use std::collections::{HashMap, VecDeque};

/// A table from which those that were told first go.
#[derive(Debug)]
pub(super) struct Recent<T> {
    by_id: HashMap<String, T>,
    /// The ids in the order they came.
    order: VecDeque<String>,
}

/// Containers; beyond it those that were told first go. One whose cgroup is there has its labels by then.
pub(super) const MAX: usize = 8192;

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self { by_id: HashMap::new(), order: VecDeque::new() }
    }
}

impl<T> Recent<T> {
    /// Takes something in.
    pub(super) fn insert(&mut self, id: &str, what: T) {
        if self.by_id.insert(id.to_owned(), what).is_none() {
            self.order.push_back(id.to_owned());
            if self.order.len() > MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.by_id.remove(&oldest);
            }
        }
    }

    /// What was said of a container.
    pub(super) fn get(&self, id: &str) -> Option<&T> {
        self.by_id.get(id)
    }
}
