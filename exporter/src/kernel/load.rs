//! Loads what the plan says, each program by itself, and reads what the programs count.

use std::any::Any;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use aya::maps::{HashMap, LpmTrie, Map, MapData, MapError, RingBuf, lpm_trie};
use aya::programs::{CgroupAttachMode, Program};
use aya::{Btf, Ebpf, EbpfError, EbpfLoader, Endianness, VerifierLogLevel};
use plimsoll_abi::block_io::DiskName;
use plimsoll_abi::connections::Numbered;
use plimsoll_abi::slot::UNATTRIBUTED;
use plimsoll_abi::{dns, loss, run, unix};
use rustix::time::{ClockId, clock_gettime};
use zerocopy::IntoBytes as _;

use super::calls;
use super::cells::{Cells, Words};
use super::cost::{self, FREQUENT, Frequent, LEAST_NS, Meter};
use super::events::Event;
use super::keyed::{Counted, Keyed};
use super::layout::{CELLS, KEYED, WORDS};
use super::missed::missed;
use super::plan::{Decision, Plan};
use super::programs::{self, CALLS, CGROUPS, ITERATOR, SYS_EXIT};
use super::questions::Questions;
use super::slots::Slots;
pub use numbers::{Number, Table};
use parts::Parts;
use sockets::Sockets;

mod numbers;
mod parts;
mod sockets;
mod walk;

/// The object with all programs, as the build script left it.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/plimsoll-ebpf"));

/// The signal whose programs remember sockets.
const TCP: &str = "tcp";

/// One of them that is there only where they run for each segment, too.
const BY_SEGMENT: &str = "tcp_probe";

/// Why nothing at all could be loaded.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// The kernel's types, or our object or its maps, were refused.
    #[error("{}", brief(.0))]
    Object(Box<EbpfError>),
    /// The kernel's types cannot be read.
    #[error("BTF: {0}")]
    Btf(#[from] aya::BtfError),
    /// A map is missing from the object or not of its kind.
    #[error("map {name}: {source}")]
    Map {
        /// The map.
        name: &'static str,
        /// What is wrong.
        source: MapError,
    },
    /// A map cannot be mapped into memory or read.
    #[error("map {name}: {source}")]
    Memory {
        /// The map.
        name: &'static str,
        /// The system's word.
        source: io::Error,
    },
}

/// What became of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramStatus {
    /// Its name.
    pub program: &'static str,
    /// The signal it serves.
    pub signal: &'static str,
    /// `None` if it runs, else why not.
    pub refused: Option<String>,
}

/// How often a signal's programs ran so far, and what a run costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Run {
    /// The signal.
    pub signal: &'static str,
    /// Runs on all CPUs.
    pub runs: u64,
    /// Nanoseconds a run adds to its event, as measured when it was attached.
    pub ns: f64,
}

/// The programs in the kernel and the maps they fill. Dropping it takes everything out of the kernel again.
pub struct Kernel {
    ebpf: Ebpf,
    btf: Option<Btf>,
    /// The root of cgroup v2.
    unified: Option<PathBuf>,
    plan: Plan,
    programs: Vec<ProgramStatus>,
    links: Vec<(&'static str, Link)>,
    parts: Parts,
    slots: Slots,
    cells: Vec<(usize, Cells)>,
    keyed: Vec<Keyed>,
    disks: HashMap<MapData, u32, DiskName>,
    addresses: HashMap<MapData, u32, Numbered>,
    questions: Questions,
    paths: HashMap<MapData, u32, unix::Name>,
    names: HashMap<MapData, u32, dns::Name>,
    losses: Words,
    runs: Words,
    frequent: Vec<Attached>,
    events: RingBuf<MapData>,
    listening: HashMap<MapData, u64, u8>,
    sockets: Sockets,
    /// Programs are loaded with its descriptor's number in them: it stays open.
    _groups: Groups,
}

impl Kernel {
    /// Creates the maps and attaches the programs that keep the slots, so that no cgroup made from now on is
    /// missed. The signals follow with [`Kernel::attach_signals`], once what existed before has its slots.
    pub fn load(plan: Plan, sysfs: &Path, unified: Option<PathBuf>) -> Result<Self, KernelError> {
        let btf = Btf::parse_file(sysfs.join("kernel/btf/vmlinux"), Endianness::default())?;
        let mut loader = EbpfLoader::new();
        loader.btf(Some(&btf)).verifier_log_level(VerifierLogLevel::STATS);
        loader.override_global("SIZES", plan.sizes.as_bytes(), true);
        loader.override_global("OFFSETS", plan.offsets.as_bytes(), true);
        let calls = calls::tables();
        loader.override_global("CALLS", calls.as_bytes(), true);
        for (map, entries) in &plan.entries {
            loader.map_max_entries(map, *entries);
        }
        let mut ebpf = loader.load(OBJECT).map_err(|e| KernelError::Object(Box::new(e)))?;
        let maps = &mut Maps(&mut ebpf);
        let slots = plan.sizes.slots;
        let mut kernel = Self {
            _groups: maps.groups(&plan)?,
            slots: Slots::new(
                maps.take("SLOT_OF")?,
                maps.words("SLOT_OWNER", slots as usize)?,
                maps.take("FREE_SLOTS")?,
                maps.take("IO_SLOT_OF")?,
                slots,
            )
            .map_err(|source| KernelError::Map { name: "FREE_SLOTS", source })?,
            disks: maps.take("BLOCK_IO_DISKS")?,
            addresses: maps.take("CONNECTIONS_ADDRESSES")?,
            paths: maps.take("UNIX_NAMES")?,
            names: maps.take("DNS_NAMES")?,
            listening: maps.take("TCP_LISTENING")?,
            sockets: Sockets::new(maps)?,
            questions: Questions::new(maps.take("DNS_PENDING")?),
            losses: maps.words("LOSSES", loss::REASONS.len())?,
            runs: maps.words("RUNS", entries(&plan, "RUNS") as usize)?,
            frequent: maps.frequent(&plan)?,
            events: maps.take("EVENTS")?,
            cells: maps.cells(&plan)?,
            keyed: maps.keyed(&plan)?,
            programs: Vec::new(),
            links: Vec::new(),
            parts: Parts::new(&plan, maps.words("CALLS_RESTING", 1)?),
            ebpf,
            btf: Some(btf),
            unified,
            plan,
        };
        kernel.attach(|program| program.signal == CGROUPS);
        Ok(kernel)
    }

    /// Attaches the programs of all signals. What is refused is in [`Kernel::programs`].
    pub fn attach_signals(&mut self) {
        let is_frequent = |signal: &str| signal == CALLS || FREQUENT.iter().any(|f| f.signal == signal);
        self.attach(|program| program.signal != CGROUPS && !is_frequent(program.signal));
        self.begin_parts();
        for at in 0..self.frequent.len() {
            let frequent = self.frequent[at].what;
            let mut meter = Meter::new(self.event(frequent));
            let before = meter.event_ns();
            self.frequent[at].begin();
            let is_part = self.begin_part(frequent.signal);
            let is_own = |program: &programs::Program| !is_part || program.tracepoint != SYS_EXIT;
            self.attach(|program| program.signal == frequent.signal && is_own(program));
            self.frequent[at].ns = self.measured(frequent.signal, &mut meter, before);
        }
        // The parsed types are large and not needed again.
        self.btf = None;
    }

    /// What makes a signal's programs run.
    fn event(&self, frequent: &Frequent) -> cost::Event {
        let by_segment = self.plan.programs.iter().any(|(program, _)| program.name == BY_SEGMENT);
        if frequent.signal == TCP && by_segment { cost::Event::Stream } else { frequent.event }
    }

    /// Nanoseconds that a signal's programs, just attached, add to an event that took `before` without them. On a busy machine
    /// that can come out as nothing: it is then measured again, lest the governor take them for free.
    fn measured(&mut self, signal: &str, meter: &mut Meter, before: f64) -> f64 {
        const TIMES: usize = 5;
        let mut added = meter.added(before);
        for _ in 0..TIMES {
            if added > LEAST_NS || !self.is_attached(signal) {
                break;
            }
            self.rest(signal);
            let before = meter.event_ns();
            if self.resume(signal).is_err() {
                break;
            }
            added = meter.added(before);
        }
        added
    }

    /// What became of every program meant for this kernel.
    pub fn programs(&self) -> &[ProgramStatus] {
        &self.programs
    }

    /// The signals whose programs run often: how often they did, and what each run costs.
    pub fn runs(&self) -> impl Iterator<Item = Run> {
        let cpus = self.runs.get().chunks(run::STRIDE as usize);
        self.frequent.iter().filter(|attached| self.is_attached(attached.what.signal)).map(move |attached| {
            let of =
                |cpu: &[AtomicU64]| cpu.get(attached.what.run as usize).map(|n| n.load(Ordering::Relaxed));
            let runs = cpus.clone().filter_map(of).sum();
            let signal = attached.what.signal;
            Run { signal, runs, ns: attached.ns + self.parts.entry_ns(signal) }
        })
    }

    /// Takes a signal's programs off their events. What they counted stays.
    pub fn pause(&mut self, signal: &str) {
        if signal == TCP
            && let Err(error) = self.look_at_connections()
        {
            tracing::warn!(%error, "what open connections counted since the last scrape is lost");
        }
        self.rest(signal);
        self.end_parts();
        // Nobody will see how they end, and whose they are may be gone when the programs come back.
        if signal == TCP
            && let Err(error) = self.settle_connections()
        {
            tracing::warn!(%error, "connections that end while tcp rests stay open");
        }
    }

    /// The same, but what it is a part of stays.
    fn rest(&mut self, signal: &str) {
        self.rest_part(signal);
        self.links.retain(|(of, _)| *of != signal);
    }

    /// Puts them back. What they remembered of tasks is forgotten first: it is from before the pause.
    pub fn resume(&mut self, signal: &str) -> Result<(), String> {
        if let Some(attached) = self.frequent.iter_mut().find(|attached| attached.what.signal == signal) {
            attached.forget();
            attached.begin();
        }
        if signal == TCP {
            // Once more, for those of a program that still ran.
            self.settle_connections()?;
        }
        if signal == DNS {
            // Their answers were missed.
            self.questions.clear();
        }
        self.resume_part(signal)?;
        let runs = |program: &str| {
            self.programs.iter().any(|status| status.program == program && status.refused.is_none())
        };
        let of =
            |(program, _): &&(&programs::Program, Decision)| program.signal == signal && runs(program.name);
        for (program, _) in self.plan.programs.iter().filter(of) {
            let link = link(&mut self.ebpf, program.name, program.tracepoint, self.unified.as_deref())?;
            self.links.push((program.signal, link));
        }
        Ok(())
    }

    /// Events that programs were not run for so far: program, signal, how many.
    pub fn missed(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        self.programs.iter().filter_map(|status| {
            let fd = self.ebpf.program(status.program)?.fd().ok()?;
            Some((status.program, status.signal, missed(fd.as_fd())))
        })
    }

    fn is_attached(&self, signal: &str) -> bool {
        self.programs.iter().any(|program| program.signal == signal && program.refused.is_none())
    }

    /// Estimated kernel memory of every map.
    pub fn memory(&self) -> &[(&'static str, u64)] {
        &self.plan.memory
    }

    /// Slots there are, the unattributed one left out.
    pub fn slot_count(&self) -> u32 {
        self.slots.count()
    }

    /// Becomes readable when there are events.
    pub fn events_fd(&self) -> io::Result<OwnedFd> {
        // SAFETY: the map's descriptor is open as long as `self`.
        let fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(self.events.as_raw_fd()) };
        fd.try_clone_to_owned()
    }

    /// The next event, if there is one.
    pub fn next_event(&mut self) -> Option<Event> {
        loop {
            let item = self.events.next()?;
            if let Some(event) = Event::decode(&item) {
                return Some(event);
            }
        }
    }

    /// A slot for a cgroup that was there before the programs.
    pub fn adopt(&mut self, cgroup_id: u64) -> Option<u32> {
        self.slots.adopt(cgroup_id)
    }

    /// Block I/O of a cgroup of the v1 hierarchy that has its controller belongs to a slot.
    pub fn alias_io(&mut self, io_id: u64, slot: u32) {
        self.slots.alias(io_id, slot);
    }

    /// Whether cgroups of v1 have the controller of block I/O, and it matters.
    pub fn io_is_v1(&self) -> bool {
        self.plan.sizes.io_hierarchy != 0
    }

    /// Takes a removed cgroup's id out of the kernel: from here on its slot only gets what was already under way.
    pub fn unmap(&mut self, cgroup_id: u64, slot: u32) {
        self.slots.unmap(cgroup_id, slot);
    }

    /// Adds a slot's cells to a row of [`WORDS`] words. Fails only if memory cannot be mapped.
    pub fn add_cells(&self, slot: u32, row: &mut [u64]) -> io::Result<()> {
        debug_assert_eq!(row.len(), WORDS);
        self.cells.iter().try_for_each(|(first, cells)| cells.add_to(slot, &mut row[*first..]))
    }

    /// All counters with a second key, by slot, map and key.
    pub fn keyed(&mut self, out: &mut Vec<Counted>) -> io::Result<()> {
        out.clear();
        for keyed in &mut self.keyed {
            keyed.read(out)?;
        }
        out.sort_unstable();
        Ok(())
    }

    /// Clears slots that were unmapped and read for the last time, and gives them to whoever comes next.
    /// `counted` are their counters with a second key.
    pub fn recycle(&mut self, slots: &[u32], counted: &[Counted]) {
        for counter in counted {
            if let Some(keyed) = self.keyed.get(counter.map as usize) {
                keyed.remove(counter.slot, counter.key);
            }
        }
        for slot in slots {
            self.keyed.iter().for_each(|keyed| keyed.clear_used(*slot));
            // It was read, so it is mapped. Rather lose a slot than give one away that still holds counts.
            if self.cells.iter().all(|(_, cells)| cells.clear(*slot).is_ok()) {
                self.slots.give_back(*slot);
            }
        }
    }

    /// The name of a disk, NUL-padded, as the kernel has it.
    pub fn disk_name(&self, device: u32) -> Option<Vec<u8>> {
        self.disks.get(&device, 0).ok().map(|name| name.as_bytes().to_vec())
    }

    /// Counts the DNS questions that have waited too long, each for who asked it if that is still there.
    pub fn expire_questions(&mut self) -> io::Result<()> {
        let Some(map) = CELLS.iter().find(|cells| cells.signal == DNS) else { return Ok(()) };
        let Some((_, cells)) = self.cells.iter().find(|(first, _)| *first == map.first) else {
            return Ok(());
        };
        for (cgroup, slot) in self.questions.expire(monotonic_ns()) {
            if slot == UNATTRIBUTED || self.slots.owner(slot) == Some(cgroup) {
                cells.add(slot, dns::TIMEOUTS_WORD, 1)?;
            }
        }
        Ok(())
    }

    /// What was lost so far, in the order of [`super::LOSS_REASONS`].
    pub fn losses(&self) -> Vec<u64> {
        self.losses.get().iter().map(|n| n.load(Ordering::Relaxed)).collect()
    }

    fn attach(&mut self, wanted: impl Fn(&programs::Program) -> bool) {
        for (program, decision) in &self.plan.programs {
            if !wanted(program) {
                continue;
            }
            let refused = match (decision, &self.btf) {
                (Decision::Refuse(reason), _) => Some(reason.clone()),
                (Decision::Load, Some(btf)) => {
                    let unified = self.unified.as_deref();
                    let link = attach(&mut self.ebpf, program.name, program.tracepoint, btf, unified);
                    link.map(|link| self.links.push((program.signal, link))).err()
                }
                (Decision::Load, None) => Some("attached too late".to_owned()),
            };
            self.programs.push(ProgramStatus { program: program.name, signal: program.signal, refused });
        }
    }
}

/// Networks and the places of their groups.
type Groups = LpmTrie<MapData, [u8; 16], u32>;

/// What keeps a program on its event until it is dropped.
type Link = Box<dyn Any + Send>;

const NOT_OURS: &str = "not one of the kinds of program there are here";

fn attach(
    ebpf: &mut Ebpf,
    name: &str,
    tracepoint: &str,
    btf: &Btf,
    unified: Option<&Path>,
) -> Result<Link, String> {
    let loaded = match program(ebpf, name)? {
        Program::BtfTracePoint(program) => program.load(tracepoint, btf),
        Program::TracePoint(program) => program.load(),
        Program::Iter(program) => program.load(tracepoint.trim_start_matches(ITERATOR), btf),
        Program::CgroupSkb(program) => program.load(),
        _ => return Err(NOT_OURS.to_owned()),
    };
    loaded.map_err(|e| brief(&e))?;
    link(ebpf, name, tracepoint, unified)
}

/// Puts a loaded program on its event, for as long as the link lives.
fn link(ebpf: &mut Ebpf, name: &str, tracepoint: &str, unified: Option<&Path>) -> Result<Link, String> {
    match program(ebpf, name)? {
        Program::BtfTracePoint(program) => {
            let link = program.attach().and_then(|id| program.take_link(id));
            link.map(|link| Box::new(link) as Link).map_err(|e| brief(&e))
        }
        Program::TracePoint(program) => {
            let link = program.attach(category(tracepoint), tracepoint).and_then(|id| program.take_link(id));
            link.map(|link| Box::new(link) as Link).map_err(|e| brief(&e))
        }
        // It runs when it is asked to.
        Program::Iter(_) => Ok(Box::new(())),
        Program::CgroupSkb(program) => {
            let path = unified.ok_or("cgroup v2 is not mounted")?;
            let root = File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
            let what = (*program.expected_attach_type()).ok_or(NOT_OURS)?;
            // Beside all others there, and below: so the kernel takes every link to a cgroup.
            let link =
                program.attach(root, what, CgroupAttachMode::Single).and_then(|id| program.take_link(id));
            link.map(|link| Box::new(link) as Link).map_err(|e| brief(&e))
        }
        _ => Err(NOT_OURS.to_owned()),
    }
}

/// The signal whose programs packets run.
const DNS: &str = "dns";

/// Where tracefs has an event that there are programs of perf for.
fn category(tracepoint: &str) -> &'static str {
    match tracepoint {
        "sys_enter" | "sys_exit" => "raw_syscalls",
        "task_newtask" => "task",
        "io_uring_submit_req" => "io_uring",
        tracepoint if tracepoint.starts_with("mm_vmscan_") => "vmscan",
        _ => "sched",
    }
}

fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut Program, String> {
    ebpf.program_mut(name).ok_or_else(|| "not in the object".to_owned())
}

/// An error and its causes in one line: a verifier's log can be long.
fn brief(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = error.source();
    }
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    const MOST: usize = 300;
    if let Some((cut, _)) = line.char_indices().nth(MOST) {
        line.truncate(cut);
        line.push('…');
    }
    line
}

/// A signal whose programs run often, and what user space keeps for it.
struct Attached {
    what: &'static Frequent,
    /// Nanoseconds a run adds to its event.
    ns: f64,
    tables: Vec<MapData>,
    arrays: Vec<Words>,
    since: Option<Words>,
}

impl Attached {
    /// Notes that its programs are attached now.
    fn begin(&self) {
        if let Some(word) = self.since.as_ref().and_then(|since| since.get().first()) {
            word.store(monotonic_ns(), Ordering::Relaxed);
        }
    }

    /// Empties its tables of tasks.
    fn forget(&self) {
        for table in &self.tables {
            cost::forget(table.fd().as_fd());
        }
        for word in self.arrays.iter().flat_map(Words::get) {
            word.store(0, Ordering::Relaxed);
        }
    }
}

fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Takes maps out of a loaded object.
struct Maps<'a>(&'a mut Ebpf);

impl Maps<'_> {
    fn take<M: TryFrom<Map, Error = MapError>>(&mut self, name: &'static str) -> Result<M, KernelError> {
        let map = self.map(name)?;
        M::try_from(map).map_err(|source| KernelError::Map { name, source })
    }

    /// Tells the programs the named groups of destinations, before any runs.
    fn groups(&mut self, plan: &Plan) -> Result<Groups, KernelError> {
        const NAME: &str = "CONNECTIONS_GROUPS";
        let mut groups: Groups = self.take(NAME)?;
        for (address, length, group) in &plan.prefixes {
            let key = lpm_trie::Key::new(*length, address.octets());
            groups.insert(&key, group, 0).map_err(|source| KernelError::Map { name: NAME, source })?;
        }
        Ok(groups)
    }

    fn words(&mut self, name: &'static str, length: usize) -> Result<Words, KernelError> {
        let data = self.data(name)?;
        Words::new(data, length).map_err(|source| KernelError::Memory { name, source })
    }

    fn cells(&mut self, plan: &Plan) -> Result<Vec<(usize, Cells)>, KernelError> {
        let mut cells = Vec::new();
        for map in CELLS.iter().filter(|map| entries(plan, map.map) > 1) {
            let (slots, shards) = (plan.sizes.slots, map.shards_of(plan.shards));
            cells.push((map.first, Cells::new(self.data(map.map)?, map.words, slots, shards)));
        }
        Ok(cells)
    }

    fn keyed(&mut self, plan: &Plan) -> Result<Vec<Keyed>, KernelError> {
        let mut all = Vec::new();
        for (index, keyed) in KEYED.iter().enumerate() {
            let capacity = entries(plan, keyed.map);
            let used = self.words(keyed.used, entries(plan, keyed.used) as usize)?;
            let Map::HashMap(data) = self.map(keyed.map)? else {
                let source = MapError::InvalidMapType { map_type: 0 };
                return Err(KernelError::Map { name: keyed.map, source });
            };
            all.push(Keyed::new(data, used, index as u32, capacity, keyed.words));
        }
        Ok(all)
    }

    fn frequent(&mut self, plan: &Plan) -> Result<Vec<Attached>, KernelError> {
        let attached = |what: &'static Frequent| {
            let tables = what.tables.iter().map(|name| match self.map(name)? {
                Map::HashMap(data) => Ok(data),
                _ => Err(KernelError::Map { name, source: MapError::InvalidMapType { map_type: 0 } }),
            });
            let tables = tables.collect::<Result<_, _>>()?;
            let since = what.attached.map(|name| self.words(name, 1)).transpose()?;
            let arrays = what.arrays.iter().map(|name| self.words(name, words_of(plan, name)));
            let arrays = arrays.collect::<Result<_, _>>()?;
            Ok(Attached { what, ns: 0.0, tables, arrays, since })
        };
        FREQUENT.iter().map(attached).collect()
    }

    fn map(&mut self, name: &'static str) -> Result<Map, KernelError> {
        let missing = || KernelError::Map { name, source: MapError::InvalidName { name: name.to_owned() } };
        self.0.take_map(name).ok_or_else(missing)
    }

    fn data(&mut self, name: &'static str) -> Result<MapData, KernelError> {
        match self.map(name)? {
            Map::Array(data) => Ok(data),
            _ => Err(KernelError::Map { name, source: MapError::InvalidMapType { map_type: 0 } }),
        }
    }
}

/// Words of an array.
fn words_of(plan: &Plan, map: &str) -> usize {
    plan.memory.iter().find(|(name, _)| *name == map).map_or(0, |(_, bytes)| *bytes as usize / 8)
}

fn entries(plan: &Plan, map: &str) -> u32 {
    plan.entries.iter().find(|(name, _)| *name == map).map_or(1, |(_, entries)| *entries)
}
