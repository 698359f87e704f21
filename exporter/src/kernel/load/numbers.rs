//! What has a number in the place of a key: which was given out, and what it stands for.

use std::collections::HashSet;

use plimsoll_abi::connections::{NAMED, NUMBERED, Numbered};
use plimsoll_abi::{dns, unix};
use zerocopy::IntoBytes as _;

use super::Kernel;

/// The tables of such.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Table {
    /// Addresses of `connections`.
    Addresses,
    /// Paths of `unix`.
    Paths,
    /// Names of `dns`.
    Names,
}

/// A number of a table.
pub type Number = (Table, u32);

/// What a number stood for.
#[derive(Debug)]
pub enum StoodFor {
    /// See [`Table::Addresses`].
    Address(Numbered),
    /// See [`Table::Paths`].
    Path(unix::Name),
    /// See [`Table::Names`].
    Name(dns::Name),
}

const BPF_NOEXIST: u64 = 1;

impl Kernel {
    /// What has this number among the destinations.
    pub fn numbered(&self, number: u32) -> Option<Numbered> {
        self.addresses.get(&number, 0).ok()
    }

    /// The name of a Unix socket that has this number, as the kernel has it.
    pub fn socket_name(&self, number: u32) -> Option<Vec<u8>> {
        bytes(&self.paths.get(&number, 0).ok()?)
    }

    /// The name asked of DNS that has this number, as it is in messages, without the last, empty label.
    pub fn dns_name(&self, number: u32) -> Option<Vec<u8>> {
        bytes(&self.names.get(&number, 0).ok()?)
    }

    /// Numbers that were given out.
    pub fn numbers(&self) -> Vec<Number> {
        let addresses = self.addresses.keys().flatten().map(|number| (Table::Addresses, number));
        let paths = self.paths.keys().flatten().map(|number| (Table::Paths, number));
        let names = self.names.keys().flatten().map(|number| (Table::Names, number));
        addresses.chain(paths).chain(names).collect()
    }

    /// Those that connections under way may still count under.
    pub fn numbers_of_sockets(&mut self) -> Result<HashSet<Number>, String> {
        let number = |[number, flags]: [u32; 2]| match flags {
            flags if flags & NUMBERED != 0 => Some((Table::Addresses, number)),
            flags if flags & NAMED != 0 => Some((Table::Names, number)),
            _ => None,
        };
        Ok(self.peers()?.into_iter().filter_map(number).collect())
    }

    /// Takes a number back. Gives what it stood for.
    pub fn take_number(&mut self, (table, number): Number) -> Option<StoodFor> {
        match table {
            Table::Addresses => {
                let stood_for = StoodFor::Address(self.addresses.get(&number, 0).ok()?);
                self.addresses.remove(&number).ok().map(|()| stood_for)
            }
            Table::Paths => {
                let stood_for = StoodFor::Path(self.paths.get(&number, 0).ok()?);
                self.paths.remove(&number).ok().map(|()| stood_for)
            }
            Table::Names => {
                let stood_for = StoodFor::Name(self.names.get(&number, 0).ok()?);
                self.names.remove(&number).ok().map(|()| stood_for)
            }
        }
    }

    /// Gives a number again: it was in use after all.
    pub fn give_number(&mut self, number: u32, stands_for: StoodFor) {
        let _ = match stands_for {
            StoodFor::Address(address) => self.addresses.insert(number, address, BPF_NOEXIST),
            StoodFor::Path(path) => self.paths.insert(number, path, BPF_NOEXIST),
            StoodFor::Name(name) => self.names.insert(number, name, BPF_NOEXIST),
        };
    }
}

/// The bytes of a name, whose length is in its last word.
fn bytes(name: &[u64]) -> Option<Vec<u8>> {
    let (length, words) = name.split_last()?;
    Some(words.as_bytes().get(..usize::try_from(*length).ok()?)?.to_vec())
}
