//! Operations on files, pipes and sockets, their bytes and errors; the kernel's own witness is `/proc/PID/io`.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use plimsoll_tests::exporter::{Exporter, Scrape};
use plimsoll_tests::runc::{Config, Running};

use crate::{container, counts, id, moved, together};

const OPERATIONS: &str = "container_file_operations_total";
const BYTES: &str = "container_file_bytes_total";
const ERRORS: &str = "container_file_errors_total";
const SUBMISSIONS: &str = "container_io_uring_submissions_total";

/// A command and what is to be seen of it, beside the script's own read of the command and write of the answer.
struct Case {
    command: &'static str,
    operations: &'static [(&'static str, u64)],
    bytes: &'static [(&'static str, u64)],
    errors: &'static [(&'static str, u64)],
    submissions: u64,
    /// Calls of `splice`, of [`PAGE`] bytes each: a read and a write that `/proc/PID/io` does not know of.
    spliced: u64,
}

const PAGE: u64 = 4096;

const CASES: [Case; 6] = [
    Case {
        command: "files /f 200 512",
        operations: &[("open file", 1), ("read file", 1000), ("write file", 1000), ("fsync file", 600)],
        bytes: &[("read file", 512_000), ("write file", 512_000)],
        ..NOTHING
    },
    Case { command: "opens /f 100", operations: &[("open file", 400), ("open other", 100)], ..NOTHING },
    Case {
        command: "file-errors /f 50",
        operations: &[
            ("open none", 50),
            ("open file", 1),
            ("write file", 50),
            ("read file", 50),
            ("read pipe", 50),
            ("read socket", 50),
            ("read none", 50),
            ("fsync pipe", 50),
        ],
        errors: &[
            ("fsync pipe EINVAL", 50),
            ("open none EISDIR", 50),
            ("read file EBADF", 50),
            ("read none EBADF", 50),
            ("read pipe ESPIPE", 50),
            ("read socket EAGAIN", 50),
            ("write file EFBIG", 50),
        ],
        ..NOTHING
    },
    Case {
        command: "pipes 300 100",
        operations: &[
            ("read pipe", 300),
            ("write pipe", 300),
            ("read socket", 300),
            ("write socket", 300),
            ("read other", 300),
            ("write other", 300),
        ],
        bytes: &[
            ("read pipe", 30_000),
            ("write pipe", 30_000),
            ("read socket", 30_000),
            ("write socket", 30_000),
            ("read other", 2400),
            ("write other", 2400),
        ],
        ..NOTHING
    },
    Case {
        command: "transfers /f 40 4096",
        operations: &[
            ("open file", 2),
            ("read file", 120),
            ("read pipe", 40),
            ("write file", 121),
            ("write pipe", 40),
        ],
        bytes: &[
            ("read file", 120 * PAGE),
            ("read pipe", 40 * PAGE),
            ("write file", 121 * PAGE),
            ("write pipe", 40 * PAGE),
        ],
        spliced: 80,
        ..NOTHING
    },
    Case { command: "io-uring 100", submissions: 100, ..NOTHING },
];

const NOTHING: Case =
    Case { command: "", operations: &[], bytes: &[], errors: &[], submissions: 0, spliced: 0 };

/// With what the script itself read from a pipe, and wrote to another.
fn with_script(counts: &[(&str, u64)], read: u64, written: u64) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    for (name, count) in counts.iter().chain(&[("read pipe", read), ("write pipe", written)]) {
        *all.entry((*name).to_owned()).or_insert(0) += count;
    }
    all
}

/// `rchar`, `wchar`, `syscr` and `syscw` of a process.
fn io(container: &Running) -> Result<[u64; 4]> {
    let path = format!("/proc/{}/io", container.pid());
    let text = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    let mut numbers = [0; 4];
    for (number, line) in numbers.iter_mut().zip(text.lines()) {
        *number = line.split_once(": ").context("a number")?.1.parse()?;
    }
    Ok(numbers)
}

fn sum(of: &BTreeMap<String, u64>, operation: &str) -> u64 {
    of.iter().filter(|(name, _)| name.starts_with(operation)).map(|(_, count)| count).sum()
}

#[test]
fn operations_bytes_and_errors_are_exact_and_a_neighbour_does_not_move() -> Result<()> {
    let exporter = Exporter::start(&[])?;
    let commands = CASES.map(|case| case.command);
    let mut containers =
        commands.iter().map(|_| container(&Config::default())).collect::<Result<Vec<_>>>()?;
    let neighbour = container(&Config::default())?;
    let witness = |containers: &[Running]| containers.iter().map(io).collect::<Result<Vec<[u64; 4]>>>();
    let (before, io_before) = (exporter.scrape()?, witness(&containers)?);
    let answers = together(&mut containers, &commands)?;
    let (after, io_after) = (exporter.scrape()?, witness(&containers)?);
    for (at, case) in CASES.iter().enumerate() {
        let (command, id) = (case.command, id(&containers[at]));
        let counted = |family, labels: &[&str]| moved((&before, &after), family, &id, labels);
        let operations = counted(OPERATIONS, &["operation", "type"]);
        let bytes = counted(BYTES, &["operation", "type"]);
        let errors = counted(ERRORS, &["operation", "type", "errno"]);
        // A line each; before data there is a space.
        let answer = "ok\n".len() + answers[at].len() + usize::from(!answers[at].is_empty());
        assert_eq!(operations, with_script(case.operations, 1, 1), "{command}");
        assert_eq!(bytes, with_script(case.bytes, command.len() as u64 + 1, answer as u64), "{command}");
        assert_eq!(
            errors,
            case.errors.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect(),
            "{command}"
        );
        assert_eq!(counted(SUBMISSIONS, &[]).values().sum::<u64>(), case.submissions, "{command}");

        let [rchar, wchar, syscr, syscw] = std::array::from_fn(|n| io_after[at][n] - io_before[at][n]);
        assert_eq!(sum(&bytes, "read"), rchar + case.spliced * PAGE, "{command}");
        assert_eq!(sum(&bytes, "write"), wchar + case.spliced * PAGE, "{command}");
        // Some calls fail before the kernel counts them there.
        if errors.is_empty() {
            assert_eq!(sum(&operations, "read"), syscr + case.spliced, "{command}");
            assert_eq!(sum(&operations, "write"), syscw + case.spliced, "{command}");
        }
    }
    let neighbours = |scrape: &Scrape| scrape.kernel_row(&id(&neighbour));
    assert!(neighbours(&before).len() > 30, "it is there: {:?}", neighbours(&before));
    assert_eq!(neighbours(&before), neighbours(&after));
    assert_eq!(after.kernel_losses(), before.kernel_losses());
    Ok(())
}

/// Their numbers mean other calls to 64-bit code, and their arguments are in other registers.
#[cfg(target_arch = "x86_64")]
#[test]
fn calls_of_the_32_bit_abi_are_known_by_their_own_numbers() -> Result<()> {
    let exporter = Exporter::start(&[])?;
    let mut containers = [container(&Config::default())?, container(&Config::default())?];
    let before = exporter.scrape()?;
    together(&mut containers, &["compat-fsync 700", "compat 300"])?;
    let after = exporter.scrape()?;
    let operations =
        |at: usize| moved((&before, &after), OPERATIONS, &id(&containers[at]), &["operation", "type"]);
    let errors = moved((&before, &after), ERRORS, &id(&containers[0]), &["operation", "type", "errno"]);
    assert_eq!(operations(0), counts([("fsync pipe", 700), ("read pipe", 1), ("write pipe", 1)]));
    assert_eq!(errors, counts([("fsync pipe EINVAL", 700)]));
    // The 32-bit getpid has the number of writev.
    assert_eq!(operations(1), counts([("read pipe", 1), ("write pipe", 1)]));
    Ok(())
}
