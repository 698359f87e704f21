//! One scrape: rows from the ledger, numbers from kernel and host, families from the signals.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::lifecycle::{keyed, of_slot};
use super::node;
use super::own::SERVICE_LEFT_OUT;
use super::senders::Shown;
use super::{Engine, Known, State, unix_now};
use crate::exposition::{Births, Encoder, Family, encode_own};
use crate::host::{HostStats, Listening, Wanted};
use crate::http::{
    CollectorState, CollectorStatus, Filter, Readiness, ScrapeError, ScrapeRequest, Source as HttpSource,
    View,
};
use crate::identity::{Kind, Status};
use crate::kernel::layout::{BLOCK_IO_REQUESTS, WORDS};
use crate::kernel::{Program, Table, UNATTRIBUTED};
use crate::ledger::{Counts, Owner, Workloads, sum_keyed};
use crate::names;
use crate::signals::{self, Address, KernelRow, Keyed, Row, Signal, Source, WorkloadRow, workloads};

/// Buffers kept from scrape to scrape.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) cells: Vec<u64>,
    pub(super) keyed: Vec<Keyed>,
    pub(super) rows: Vec<Prepared>,
    devices: BTreeMap<u32, Arc<str>>,
    addresses: BTreeMap<u32, Address>,
    paths: BTreeMap<u32, String>,
    names: BTreeMap<u32, String>,
    senders: Shown,
    /// Of rows, by their paths.
    own_addresses: HashMap<String, Vec<IpAddr>>,
    /// Of pods, by the paths of their rows.
    services: HashMap<String, Vec<Arc<str>>>,
}

/// A row whose numbers are in the buffers.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) path: String,
    pub(super) created: f64,
    pub(super) keyed: std::ops::Range<usize>,
    /// Something was counted: a cgroup no task ever was in has no kernel families, rather than many zeros.
    counted: bool,
    /// It is left to a later scrape.
    awaited: bool,
}

/// The part of the time allowed that the host may take; the rest is for encoding and sending.
const HOST_SHARE: f64 = 0.7;

impl HttpSource for Engine {
    fn scrape(&self, request: &ScrapeRequest, out: &mut Vec<u8>) -> Result<(), ScrapeError> {
        let wanted = |signal: &Signal| {
            self.options.signals.contains(&signal.name) && request.filter.admits(signal.name)
        };
        let until =
            Instant::now() + request.deadline.saturating_duration_since(Instant::now()).mul_f64(HOST_SHARE);
        let of_node = |name: &str| {
            request.view != View::Cadvisor
                && self.options.signals.contains(&name)
                && request.filter.admits(name)
        };
        // Meanwhile this thread goes on.
        let pending = self.node.begin(of_node, request.format, until);
        if request.view == View::Node {
            let mut encoder = Encoder::new(out, request.format);
            node::encode(&mut encoder, &self.node.end(pending, until));
            encoder.finish();
            return Ok(());
        }
        let asked = self.before_scrape();
        let host = signals::ALL.iter().any(|signal| wanted(signal) && signal.source.is_host());
        let reading = if host {
            let names = Wanted::by_name(|name| signals::ALL.iter().any(|s| s.name == name && wanted(s)));
            let whole = request.filter == Filter::All;
            self.worker.scrape(names, whole, until)
        } else {
            None
        };
        let of_node = self.node.end(pending, until);
        let mut state = self.turn();
        let key = format!("{}\n{}\n{}", request.scraper.peer, request.scraper.agent, request.scraper.target);
        let kernel_took = state.prepare()?;
        state.count_for_workloads(self.kills_are_counted());
        state.find_addresses();
        self.own.lost(SERVICE_LEFT_OUT, state.directory.services_left_out());
        let visit = state.scrapers.visit(&key, unix_now());
        state.leave_the_awaited(visit.scrape, asked);
        self.own.update(&state, reading.as_ref(), kernel_took);
        self.own.node_left_out(of_node.left_out);
        let resting = state.resting.clone();
        let listening =
            reading.as_ref().map(|reading| state.by_owner(&reading.listening)).unwrap_or_default();
        let resting_events = workloads::resting(|name| resting.iter().any(|r| Program::serves(r, name)));
        let statuses = if wanted(&signals::STATUS) { state.statuses() } else { HashMap::new() };
        let stats = reading.as_ref().map(|reading| &reading.stats);
        let (mut rows, births, of_workloads) = state.rows(stats, &listening, &statuses);
        rows.extend(of_workloads.iter().map(|counts| workload_row(counts, &resting_events)));
        let mut encoder = Encoder::new(out, request.format).with_created(self.options.created);
        if self.options.zero_first {
            births.begin(visit.scrape);
            encoder = encoder.with_zero_first(births, visit.previous);
        }
        if request.view == View::Cadvisor {
            encoder = encoder.with_only(is_cadvisors);
        }
        for signal in signals::ALL.iter().copied().filter(|signal| wanted(signal)) {
            let start = Instant::now();
            let available = match signal.source {
                Source::Kernel => self.runs(signal) && !rests(&resting, signal),
                Source::Cgroup | Source::Process => reading.is_some(),
                Source::Identity => true,
            };
            if available {
                (signal.encode)(&mut encoder, &rows);
            }
            self.telemetry.collector(signal.name, start.elapsed(), available);
        }
        if request.view == View::All {
            node::encode(&mut encoder, &of_node);
            encode_own(&mut encoder, &self.telemetry.gather());
        }
        encoder.finish();
        drop(rows);
        if request.is_abandoned() {
            state.scrapers.forget(&key);
        }
        let (keep, State { ledger, scrapers, .. }) = (self.options.keep, &mut *state);
        ledger.expire(keep, unix_now(), |scrape| keep.scrapes == 0 || scrapers.all_saw(scrape));
        state.forget_expired();
        Ok(())
    }

    fn ready(&self) -> Readiness {
        Readiness::Ready
    }

    fn collectors(&self) -> Vec<CollectorStatus> {
        let resting = self.lock().resting.clone();
        let status = |signal: &&Signal| {
            let refused = |p: &crate::kernel::ProgramStatus| {
                Program::serves(p.signal, signal.name).then(|| p.refused.clone()).flatten()
            };
            let state = if !self.options.signals.contains(&signal.name) {
                CollectorState::Disabled
            } else if let Some(reason) = self.programs.iter().find_map(refused) {
                CollectorState::Refused(reason)
            } else if rests(&resting, signal) {
                CollectorState::Refused("rests while the cost is above --overhead.cpu".to_owned())
            } else {
                CollectorState::Enabled
            };
            CollectorStatus { name: signal.name.to_owned(), summary: signal.summary.to_owned(), state }
        };
        let of_node = crate::node::ALL.iter().map(|collector| CollectorStatus {
            name: collector.name.to_owned(),
            summary: collector.summary.to_owned(),
            state: match self.options.signals.contains(&collector.name) {
                true => CollectorState::Enabled,
                false => CollectorState::Disabled,
            },
        });
        signals::ALL.iter().map(status).chain(of_node).collect()
    }
}

impl Engine {
    /// Catches up with the host: names still missing, cgroups that found no slot, hosts without events. When that was.
    fn before_scrape(&self) -> Instant {
        let mut state = self.turn();
        if !self.follows_events() || state.ledger.has_slotless() {
            state.reconcile(&self.hierarchies, &self.options, &self.worker);
        }
        state.look_again(&self.worker);
        Instant::now()
    }
}

impl State {
    /// Reads the kernel into the buffers, one row an owner.
    fn prepare(&mut self) -> std::io::Result<Duration> {
        let start = Instant::now();
        self.look_at_connections();
        let scratch = &mut self.scratch;
        scratch.rows.clear();
        scratch.cells.clear();
        scratch.keyed.clear();
        scratch.senders.clear();
        self.counted.clear();
        if let Some(kernel) = &mut self.kernel {
            kernel.keyed(&mut self.counted)?;
        }
        self.senders.note(&self.counted, &self.ledger);
        let unattributed = Owner { created: self.started, ..Owner::default() };
        let unattributed = self.kernel.as_ref().map(|_| (UNATTRIBUTED_PATH, &unattributed));
        for (path, owner) in self.ledger.owners().chain(unattributed) {
            let first = scratch.cells.len();
            let first_keyed = scratch.keyed.len();
            scratch.cells.resize(first + WORDS, 0);
            let row = &mut scratch.cells[first..];
            owner.retired.fill(row);
            scratch.keyed.extend_from_slice(owner.retired.keyed());
            let members = owner.members.iter().filter_map(|id| self.ledger.member(*id)).map(|m| m.slot);
            let slots = members.filter(|slot| *slot != UNATTRIBUTED);
            let own = (path == UNATTRIBUTED_PATH).then_some(UNATTRIBUTED);
            for slot in slots.chain(own) {
                if let Some(kernel) = &self.kernel {
                    kernel.add_cells(slot, row)?;
                }
                scratch.keyed.extend(of_slot(&self.counted, slot).iter().map(keyed));
            }
            let counted = row.iter().any(|word| *word > 0) || scratch.keyed.len() > first_keyed;
            if own.is_some() && !counted {
                scratch.cells.truncate(first);
                continue;
            }
            self.senders.resolve(path, &mut scratch.keyed[first_keyed..], &mut scratch.senders);
            if owner.members.len() > 1 || !owner.retired.keyed().is_empty() {
                let mut mine = scratch.keyed.split_off(first_keyed);
                sum_keyed(&mut mine);
                scratch.keyed.append(&mut mine);
            }
            let keyed = first_keyed..scratch.keyed.len();
            scratch.rows.push(Prepared {
                path: path.to_owned(),
                created: owner.created,
                keyed,
                counted,
                awaited: false,
            });
        }
        scratch.devices.clear();
        for counter in scratch.keyed.iter().filter(|counter| counter.map == BLOCK_IO_REQUESTS) {
            let device = counter.key[0];
            if !scratch.devices.contains_key(&device)
                && let Some(name) = self.kernel.as_ref().and_then(|kernel| kernel.disk_name(device))
                && let Some(path) = names::disk(&name)
            {
                scratch.devices.insert(device, path.into());
            }
        }
        scratch.addresses.clear();
        scratch.paths.clear();
        scratch.names.clear();
        for (table, number) in scratch.keyed.iter().filter_map(signals::number) {
            let Some(kernel) = &self.kernel else { break };
            match table {
                Table::Addresses if !scratch.addresses.contains_key(&number) => {
                    let address = kernel.numbered(number).map(|address| (number, Address::from(address)));
                    scratch.addresses.extend(address);
                }
                Table::Paths if !scratch.paths.contains_key(&number) => {
                    let path = kernel.socket_name(number).map(|name| (number, names::socket_path(&name)));
                    scratch.paths.extend(path);
                }
                Table::Names if !scratch.names.contains_key(&number) => {
                    let name = kernel.dns_name(number).map(|name| (number, names::dns_name(&name)));
                    scratch.names.extend(name);
                }
                _ => {}
            }
        }
        Ok(start.elapsed())
    }

    /// Leaves those without names to a later scrape: to this one it is as though they were made after it. None of them is dead,
    /// since what goes is read for the last time later than that.
    fn leave_the_awaited(&mut self, scrape: u64, asked: Instant) {
        let Self { scratch, known, directory, .. } = self;
        for prepared in &mut scratch.rows {
            let known = known.get_mut(&prepared.path).filter(|known| known.is_awaited(directory, asked));
            if let Some(known) = known {
                (prepared.awaited, known.since) = (true, scrape);
            }
        }
    }

    /// Asks for the addresses and services of what lives: those of the dead may be another's by now.
    fn find_addresses(&mut self) {
        let Self { scratch, known, ledger, directory, .. } = self;
        scratch.own_addresses.clear();
        scratch.services.clear();
        let may_have = |known: &Known| matches!(known.identity.kind, Kind::Container | Kind::Pod);
        for (path, known) in known.iter().filter(|(_, known)| may_have(known)) {
            if ledger.owner(path).is_some_and(|owner| owner.death.is_none()) {
                let addresses = directory.addresses(&known.identity);
                if !addresses.is_empty() {
                    scratch.own_addresses.insert(path.clone(), addresses);
                }
                let services = directory.services(&known.identity);
                if !services.is_empty() {
                    scratch.services.insert(path.clone(), services);
                }
            }
        }
    }

    /// Forgets what is beside the ledger of owners that are no more.
    pub(super) fn forget_expired(&mut self) {
        let ledger = &self.ledger;
        self.known.retain(|path, _| ledger.owner(path).is_some());
        self.claimed.retain(|path| ledger.owner(path).is_some());
        self.senders.forget(&self.counted, ledger);
    }

    /// Sockets by the row they belong to. Those of a cgroup that is gone are nobody's.
    fn by_owner(&self, listening: &[Listening]) -> HashMap<String, Vec<Listening>> {
        let mut by_owner: HashMap<String, Vec<Listening>> = HashMap::new();
        for socket in listening {
            let owner = self.ledger.member(socket.cgroup_id).map(|member| member.owner.as_str());
            let owner = owner.or(self.kernel.as_ref().map(|_| UNATTRIBUTED_PATH));
            if let Some(owner) = owner {
                by_owner.entry(owner.to_owned()).or_default().push(*socket);
            }
        }
        by_owner
    }

    /// How containers are, by path, as their runtimes or Kubernetes say.
    fn statuses(&self) -> HashMap<String, Status> {
        let status =
            |(path, known): (&String, &Known)| Some((path.clone(), self.directory.status(&known.identity)?));
        self.known.iter().filter_map(status).collect()
    }

    /// The rows of containers and cgroups, borrowing the buffers; and the births, which the encoder needs beside them, and the
    /// workloads, which are rows, too.
    fn rows<'a>(
        &'a mut self,
        stats: Option<&'a HashMap<String, HostStats>>,
        listening: &'a HashMap<String, Vec<Listening>>,
        statuses: &'a HashMap<String, Status>,
    ) -> (Vec<Row<'a>>, &'a mut Births, &'a Workloads) {
        let (known, scratch, has_kernel) = (&self.known, &self.scratch, self.kernel.is_some());
        let nobody = self.nobody.as_str();
        let groups = self.groups.as_slice();
        let row = |(at, prepared): (usize, &'a Prepared)| {
            let path = prepared.path.as_str();
            let who = known.get(path);
            let live = stats.and_then(|stats| stats.get(path));
            let kernel = KernelRow {
                created: prepared.created,
                cells: &scratch.cells[at * WORDS..(at + 1) * WORDS],
                keyed: &scratch.keyed[prepared.keyed.clone()],
                devices: &scratch.devices,
                addresses: &scratch.addresses,
                paths: &scratch.paths,
                names: &scratch.names,
                groups,
                drop_reasons: &self.drop_reasons,
                senders: &scratch.senders.paths,
            };
            Row {
                labels: who.map_or(nobody, |known| known.labels.as_str()),
                info: who.and_then(|known| known.info.as_deref()),
                kernel: (has_kernel && prepared.counted).then_some(kernel),
                renamed: who.is_some_and(|known| known.renamed),
                host: live.or_else(|| who?.last.as_deref()),
                listening: listening.get(path).map_or(&[], Vec::as_slice),
                status: statuses.get(path),
                addresses: scratch.own_addresses.get(path).map_or(&[], Vec::as_slice),
                services: scratch.services.get(path).map_or(&[], Vec::as_slice),
                workload: None,
            }
        };
        let shown = scratch.rows.iter().enumerate().filter(|(_, prepared)| !prepared.awaited);
        (shown.map(row).collect(), &mut self.births, &self.workloads)
    }
}

/// A workload has nothing but its events.
fn workload_row<'a>(counts: &'a Counts, resting: &'a [u32]) -> Row<'a> {
    let workload = Some(WorkloadRow { created: counts.created, events: counts.events(), resting });
    Row { labels: &counts.labels, workload, ..Row::EMPTY }
}

/// Whether the programs that a signal has its numbers from rest.
fn rests(resting: &[&str], signal: &Signal) -> bool {
    resting.iter().any(|resting| Program::serves(resting, signal.name))
}

/// What has no slot is shown under this in place of a path.
pub(super) const UNATTRIBUTED_PATH: &str = "unattributed";

/// The families of `/metrics/cadvisor`.
fn is_cadvisors(family: &Family) -> bool {
    family.name == "container_oom_events_total"
        || !signals::NOT_CADVISORS.contains(&family.name)
            && signals::ALL.iter().any(|signal| {
                signal.source.is_host() && signal.families.iter().any(|f| std::ptr::eq(f, family))
            })
}
