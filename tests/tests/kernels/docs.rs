//! The table of results, and the one in `docs/kernels.md`.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::tools;

use crate::checks::Checks;
use crate::run::Run;
use crate::{Kernel, cgroups, lifecycle};

const BEGIN: &str = "<!-- What follows is written by tests/tests/kernels with UPDATE_DOCS=1. -->\n";
const END: &str = "<!-- Up to here. -->\n";

/// What was seen in one kernel.
pub(crate) struct Seen {
    title: String,
    possible_cpus: u32,
    programs: Vec<(&'static str, &'static str)>,
    absent: Vec<&'static str>,
    refused_in_lockdown: Vec<String>,
    checks: Checks,
}

impl Seen {
    pub(crate) fn new(kernel: &Kernel, run: &Run, checks: Checks) -> Self {
        let lockdown = run.scrape("lockdown").unwrap_or_default();
        Self {
            title: if kernel.series == "7" { "7.x".to_owned() } else { kernel.series.to_owned() },
            possible_cpus: kernel.possible_cpus,
            programs: kernel.all_programs().collect(),
            absent: cgroups::absent(run),
            refused_in_lockdown: lifecycle::refused(&lockdown).into_iter().map(str::to_owned).collect(),
            checks,
        }
    }

    /// What did not hold.
    pub(crate) fn failures(&self) -> Vec<String> {
        let of = |group: &crate::checks::Group| {
            let lines: Vec<String> =
                group.failures.iter().map(|line| format!("{}: {}: {line}", self.title, group.name)).collect();
            lines
        };
        self.checks.groups().iter().flat_map(of).collect()
    }

    fn programs(&self, signal: &str) -> String {
        let all = self.programs.iter().filter(|program| program.0 == signal);
        all.map(|program| format!("`{}`", program.1)).collect::<Vec<_>>().join(", ")
    }
}

/// Both tables. Only what belongs to a series is in them: its versions change in the archive.
pub(crate) fn tables(seen: &[Seen]) -> String {
    let mut text = String::new();
    let signals = [
        "cgroups",
        "syscalls",
        "process",
        "faults",
        "sched",
        "oom",
        "files",
        "io_uring",
        "syscall_latency",
        "block_io",
        "reclaim",
        "tcp",
        "nat",
        "udp",
        "drops",
        "dns",
        "unix",
    ];
    row(
        &mut text,
        ["kernel".to_owned(), "possible CPUs".to_owned()],
        signals.map(|name| format!("`{name}`")),
    );
    rule(&mut text, 2 + signals.len());
    for kernel in seen {
        row(
            &mut text,
            [kernel.title.clone(), kernel.possible_cpus.to_string()],
            signals.map(|signal| kernel.programs(signal)),
        );
    }
    text.push('\n');
    row(&mut text, ["what is compared".to_owned()], seen.iter().map(|kernel| kernel.title.clone()));
    rule(&mut text, 1 + seen.len());
    for (at, group) in
        seen.first().map(|kernel| kernel.checks.groups()).unwrap_or_default().iter().enumerate()
    {
        let result = |kernel: &Seen| match kernel.checks.groups().get(at) {
            Some(group) if group.failures.is_empty() => "holds".to_owned(),
            _ => "FAILS".to_owned(),
        };
        row(&mut text, [group.name.to_owned()], seen.iter().map(result));
    }
    let list = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let quoted = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
    text.push('\n');
    row(
        &mut text,
        ["kernel".to_owned()],
        ["absent, since its files do not have it".to_owned(), "refused under lockdown".to_owned()],
    );
    rule(&mut text, 3);
    for kernel in seen {
        let refused: Vec<&str> = kernel.refused_in_lockdown.iter().map(String::as_str).collect();
        row(&mut text, [kernel.title.clone()], [list(&quoted(&kernel.absent)), list(&quoted(&refused))]);
    }
    text
}

/// Holds the tables against the document, or writes them into it.
pub(crate) fn compare(seen: &[Seen], complete: bool) -> Result<()> {
    if !complete {
        return Ok(());
    }
    let path: PathBuf = tools::workspace().join("docs/kernels.md");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let (head, rest) = text.split_once(BEGIN).context("docs/kernels.md: no place for the tables")?;
    let (written, tail) = rest.split_once(END).context("docs/kernels.md: no end of the tables")?;
    let tables = format!("\n{}\n", tables(seen));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        return Ok(std::fs::write(&path, [head, BEGIN, &tables, END, tail].concat())?);
    }
    ensure!(
        written == tables,
        "docs/kernels.md says otherwise: run this test with UPDATE_DOCS=1, and see what changed.\n{tables}"
    );
    Ok(())
}

fn row(text: &mut String, first: impl IntoIterator<Item = String>, rest: impl IntoIterator<Item = String>) {
    for cell in first.into_iter().chain(rest) {
        let _ = write!(text, "| {cell} ");
    }
    text.push_str("|\n");
}

fn rule(text: &mut String, columns: usize) {
    text.push_str(&"|---".repeat(columns));
    text.push_str("|\n");
}
