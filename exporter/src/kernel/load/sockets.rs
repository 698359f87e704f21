//! What the programs of `tcp` remember of sockets.

use std::mem::offset_of;

use plimsoll_abi::connections::{BEYOND, CLIENT, INCOMING, Record};
use plimsoll_abi::tcp::{Cell, DIRECTIONS, Socket};

use super::super::layout::{CELLS, CONNECTIONS, CONNECTIONS_BEYOND, CONNECTIONS_CLIENTS};
use super::{Kernel, TCP};

/// A [`Socket`] as the map of them is read.
pub(super) type Words = [u64; size_of::<Socket>() / 8];

impl Kernel {
    /// Counts all sockets that are open as closed, and forgets them: what became of them while the programs were off is
    /// not known, and those that are still there will be found again.
    pub(super) fn settle_sockets(&mut self) {
        let all: Vec<(u64, Socket)> = self.remembered().collect();
        for (address, socket) in all {
            if socket.open == 1 {
                self.count_closed(&socket);
            }
            let _ = self.sockets.remove(&address);
        }
    }

    /// Sockets by their addresses.
    pub(super) fn remembered(&self) -> impl Iterator<Item = (u64, Socket)> {
        self.sockets
            .iter()
            .filter_map(Result::ok)
            .map(|(address, words)| (address, zerocopy::transmute!(words)))
    }

    fn count_closed(&self, socket: &Socket) {
        let slot = self.slots.of(socket.cgroup);
        let first = CELLS.iter().find(|cells| cells.signal == TCP).map(|cells| cells.first);
        let cells = self.cells.iter().find(|(at, _)| Some(*at) == first);
        let direction = socket.direction as usize;
        if let Some((_, cells)) = cells.filter(|_| direction < DIRECTIONS.len()) {
            let _ = cells.add(slot, offset_of!(Cell, closed) / 8 + direction, 1);
        }
        const CLOSED: usize = offset_of!(Record, closed) / 8;
        for peer in [socket.peer, socket.client].into_iter().filter(|peer| peer[1] != 0) {
            let named = if peer[1] & CLIENT != 0 { CONNECTIONS_CLIENTS } else { CONNECTIONS };
            let rest = [0, BEYOND | peer[1] & (INCOMING | CLIENT)];
            let _ = [(named, peer), (CONNECTIONS_BEYOND, rest)].into_iter().any(|(map, key)| {
                self.keyed.get(map as usize).is_some_and(|keyed| keyed.count(slot, key, CLOSED))
            });
        }
    }
}
