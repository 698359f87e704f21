//! Numbers of addresses, paths and names that nothing is counted under any more are taken back.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::State;
use crate::kernel::{Kernel, Number, Table};
use crate::signals::{self, Keyed};

/// What was seen at the last look.
#[derive(Debug)]
pub(super) struct Numbers {
    due: Instant,
    /// In nobody's use then.
    idle: HashSet<Number>,
    /// Those of addresses given out.
    pub(super) given: usize,
}

/// Between two looks. What was idle at two of them is taken back: an attempt to connect takes its number a moment before
/// anything is counted under it.
const EVERY: Duration = Duration::from_secs(5);

impl Numbers {
    pub(super) fn new() -> Self {
        Self { due: Instant::now() + EVERY, idle: HashSet::new(), given: 0 }
    }
}

impl State {
    /// Looks, if it is time.
    pub(super) fn take_numbers_back(&mut self, now: Instant) {
        if self.numbers.due > now {
            return;
        }
        self.numbers.due = now + EVERY;
        let Some(kernel) = &mut self.kernel else { return };
        let given = kernel.numbers();
        let addresses =
            |given: &[Number]| given.iter().filter(|(table, _)| *table == Table::Addresses).count();
        self.numbers.given = addresses(&given);
        if given.is_empty() {
            return;
        }
        let of_sockets = match kernel.numbers_of_sockets() {
            Ok(numbers) => numbers,
            Err(error) => return tracing::warn!(error, "which numbers connections use is not known"),
        };
        let Some(used) = self.numbers_in_use() else { return };
        let idle: HashSet<Number> =
            given.into_iter().filter(|n| !used.contains(n) && !of_sockets.contains(n)).collect();
        let before = std::mem::take(&mut self.numbers.idle);
        let Some(kernel) = &mut self.kernel else { return };
        let take = |number: &Number| Some((*number, kernel.take_number(*number)?));
        let taken: Vec<_> = idle.intersection(&before).filter_map(take).collect();
        self.numbers.idle = &idle - &before;
        // Somebody may have found one just before it was taken.
        let Some(used) = self.numbers_in_use().filter(|_| !taken.is_empty()) else { return };
        let Some(kernel) = &mut self.kernel else { return };
        for (number, stood_for) in taken.into_iter().filter(|(number, _)| used.contains(number)) {
            kernel.give_number(number.1, stood_for);
        }
        self.numbers.given = addresses(&kernel.numbers());
    }

    /// Numbers in any counter, of the living or the dead.
    fn numbers_in_use(&mut self) -> Option<HashSet<Number>> {
        self.kernel.as_mut().map(|kernel: &mut Kernel| kernel.keyed(&mut self.counted))?.ok()?;
        let live = self.counted.iter().map(|c| Keyed { map: c.map, key: c.key, count: c.count });
        let retired = self.ledger.owners().flat_map(|(_, owner)| owner.retired.keyed()).copied();
        Some(live.chain(retired).filter_map(|counter| signals::number(&counter)).collect())
    }
}
