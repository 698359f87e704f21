//! What runtimes are to be asked for: containers that the kernel told of and they did not, and how those ended that did.

use std::collections::HashMap;

/// By the container's id and whether its end is wanted: how often it may still be asked for.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    tries: HashMap<(String, bool), u8>,
}

/// How often one thing is asked for: a runtime knows a container a little after its cgroup is there.
pub(super) const TRIES: u8 = 7;
/// Things that are wanted at once; what is beyond it is found when the next is asked for.
const MAX: usize = 1024;

impl Wanted {
    /// Wants one more; whether it was not wanted before.
    pub(super) fn add(&mut self, id: &str, ended: bool) -> bool {
        if self.tries.len() >= MAX {
            return false;
        }
        self.tries.insert((id.to_owned(), ended), TRIES).is_none()
    }

    /// Takes one try of everything that is not there yet; whether there is such a thing.
    pub(super) fn take_try(&mut self, there: impl Fn(&str, bool) -> bool) -> bool {
        self.tries.retain(|(id, ended), left| {
            let asks = *left > 0 && !there(id, *ended);
            *left = left.saturating_sub(1);
            asks
        });
        !self.tries.is_empty()
    }
}
