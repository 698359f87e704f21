//! One boot of one kernel, and what came back from it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::scrape::Scrape;
use plimsoll_tests::vm::{Vm, VmResult};
use plimsoll_tests::{exporter, tools, worker};

use crate::Kernel;

/// The cgroups, by the names they have in the script.
pub(crate) const A: &str = "/docker/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub(crate) const B: &str = "/docker/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
pub(crate) const IDLE: &str = "/docker/1111111111111111111111111111111111111111111111111111111111111111";
pub(crate) const FILES: &str = "/docker/ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
pub(crate) const SPIN: &str = "/docker/5555555555555555555555555555555555555555555555555555555555555555";
pub(crate) const GROUP: &str = "/docker/0000000000000000000000000000000000000000000000000000000000000000";
pub(crate) const D1: &str = "/docker/2222222222222222222222222222222222222222222222222222222222222222";
pub(crate) const D2: &str = "/docker/3333333333333333333333333333333333333333333333333333333333333333";
pub(crate) const TIGHT: &str = "/docker/4444444444444444444444444444444444444444444444444444444444444444";
pub(crate) const GREEDY: &str = "/docker/6666666666666666666666666666666666666666666666666666666666666666";
/// One that hands no controller down to what is below it.
pub(crate) const PLAIN: &str = "/plain";
pub(crate) const POD: &str = "/kubepods/burstable/pod6a0d3a35-3a4f-4b5e-9d9e-0b8f7a1c2d3e";
pub(crate) const X: &str = concat!(
    "/kubepods/burstable/pod6a0d3a35-3a4f-4b5e-9d9e-0b8f7a1c2d3e/",
    "8888888888888888888888888888888888888888888888888888888888888888"
);
pub(crate) const Y: &str = concat!(
    "/kubepods/burstable/pod6a0d3a35-3a4f-4b5e-9d9e-0b8f7a1c2d3e/",
    "9999999999999999999999999999999999999999999999999999999999999999"
);

/// Cgroups of each of the three rounds of short lives, and slots for all: fewer than there are short lives in all.
pub(crate) const CHURNED: u64 = 80;
pub(crate) const SLOTS: u64 = 96;

const LIMIT: Duration = Duration::from_secs(600);

/// What came back.
pub(crate) struct Run {
    pub(crate) release: String,
    pub(crate) took: Duration,
    result: VmResult,
}

impl Run {
    /// What was lost, but for events that programs missed where the kernel may preempt them: from 7.0 on. Before, an interrupt may bring
    /// one while the same program runs for another: of connections and packets (met once in some dozen machines), which are compared one by
    /// one elsewhere.
    pub(crate) fn losses(&self, scrape: &Scrape) -> BTreeMap<String, f64> {
        match self.release.split_once('.').and_then(|(major, _)| major.parse().ok()) {
            Some(7_u32..) => scrape.losses_but_missed(),
            _ => scrape.losses_but_missed_by(&["tcp", "drops"]),
        }
    }

    /// Boots it and runs the whole script.
    pub(crate) fn boot(kernel: &Kernel) -> Result<Self> {
        let names = [
            ("A", A),
            ("B", B),
            ("FILES", FILES),
            ("IDLE", IDLE),
            ("SPIN", SPIN),
            ("GROUP", GROUP),
            ("D1", D1),
            ("D2", D2),
            ("TIGHT", TIGHT),
            ("GREEDY", GREEDY),
            ("PLAIN", PLAIN),
            ("POD", POD),
            ("X", X),
            ("Y", Y),
            ("CHURNED", &CHURNED.to_string()),
            ("SLOTS", &SLOTS.to_string()),
        ];
        let names: String = names.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        let mut vm = Vm::new(tools::kernel(kernel.series)?);
        for module in tools::modules(kernel.series)? {
            let name = module.file_name().context("no name")?.to_string_lossy().into_owned();
            vm = vm.file(module, &format!("/modules/{name}"));
        }
        let result = vm
            .program(stripped()?, "/plimsoll")?
            .program(worker::path()?, "/worker")?
            .program("/usr/sbin/nft", "/bin/nft")?
            .text("/etc/passwd", "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
            .disk_mb(32)
            .possible_cpus(kernel.possible_cpus)
            .run(&(names + include_str!("guest.sh")), LIMIT)?;
        let said = &result.stdout;
        ensure!(result.status == 0, "{}: the script failed:\n{said}\n{}", kernel.series, result.console);
        let release = text(&result, "release")?.trim().to_owned();
        Ok(Self { release, took: result.took, result })
    }

    /// A file the script left.
    pub(crate) fn text(&self, name: &str) -> Result<&str> {
        text(&self.result, name)
    }

    /// A file that not every kernel has.
    pub(crate) fn optional(&self, name: &str) -> Option<&str> {
        self.text(name).ok()
    }

    /// A scrape the script made.
    pub(crate) fn scrape(&self, name: &str) -> Result<Scrape> {
        self.text(&format!("{name}.prom")).map(Scrape::parse)
    }

    /// The number after a key in a file of `KEY NUMBER` lines, such as `memory.events`; a colon may follow the key.
    pub(crate) fn number(&self, file: &str, key: &str) -> Option<u64> {
        let lines = self.optional(file)?.lines();
        let mut pairs = lines.filter_map(|line| line.split_once([' ', '\t']));
        let (_, value) = pairs.find(|(name, _)| name.trim_end_matches(':') == key)?;
        value.trim().parse().ok()
    }
}

fn text<'a>(result: &'a VmResult, name: &str) -> Result<&'a str> {
    let bytes = result.files.get(name).with_context(|| format!("the script left no {name}"))?;
    std::str::from_utf8(bytes).with_context(|| name.to_owned())
}

/// The exporter without what only a debugger reads, which is most of it: it goes into the machine's memory.
fn stripped() -> Result<PathBuf> {
    let program = exporter::path()?;
    let small = program.with_extension("stripped");
    let status = Command::new("strip").arg("-o").arg(&small).arg(&program).status().context("strip")?;
    ensure!(status.success(), "strip {}: {status}", program.display());
    Ok(small)
}
