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

/// What the script itself does for a command: it reads it from a pipe, and writes the answer to another.
fn with_script(command: &str, answer: &str, bytes: &[(&str, u64)]) -> BTreeMap<String, u64> {
    let answer = if answer.is_empty() { "ok\n".len() } else { "ok \n".len() + answer.len() };
    let mut all: BTreeMap<String, u64> = bytes.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
    *all.entry("read pipe".to_owned()).or_insert(0) += command.len() as u64 + 1;
    *all.entry("write pipe".to_owned()).or_insert(0) += answer as u64;
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
    let commands = [
        "files /f 200 512",
        "opens /f 100",
        "file-errors /f 50",
        "pipes 300 100",
        "transfers /f 40 4096",
        "io-uring 100",
    ];
    let mut containers =
        commands.iter().map(|_| container(&Config::default())).collect::<Result<Vec<_>>>()?;
    let neighbour = container(&Config::default())?;
    let witness = |containers: &[Running]| containers.iter().map(io).collect::<Result<Vec<[u64; 4]>>>();
    let (before, io_before) = (exporter.scrape()?, witness(&containers)?);
    let answers = together(&mut containers, &commands)?;
    let (after, io_after) = (exporter.scrape()?, witness(&containers)?);

    let operations =
        |at: usize| moved((&before, &after), OPERATIONS, &id(&containers[at]), &["operation", "type"]);
    let bytes = |at: usize| moved((&before, &after), BYTES, &id(&containers[at]), &["operation", "type"]);
    let errors =
        |at: usize| moved((&before, &after), ERRORS, &id(&containers[at]), &["operation", "type", "errno"]);
    let script = [("read pipe", 1), ("write pipe", 1)];
    let with = |more: &[(&str, u64)]| -> BTreeMap<String, u64> {
        let mut all = counts(script);
        more.iter().for_each(|(name, count)| *all.entry((*name).to_owned()).or_insert(0) += count);
        all
    };
    let moved_bytes = |at: usize, more: &[(&str, u64)]| with_script(commands[at], &answers[at], more);

    let five = 5 * 200;
    let all = [("open file", 1), ("read file", five), ("write file", five), ("fsync file", 3 * 200)];
    assert_eq!(operations(0), with(&all));
    assert_eq!(bytes(0), moved_bytes(0, &[("read file", five * 512), ("write file", five * 512)]));

    let ways = if cfg!(target_arch = "x86_64") { 4 } else { 2 };
    assert_eq!(operations(1), with(&[("open file", ways * 100), ("open other", 100)]));
    assert_eq!(bytes(1), moved_bytes(1, &[]));

    let failing = [
        ("open none", 50),
        ("open file", 1),
        ("write file", 50),
        ("read file", 50),
        ("read pipe", 50),
        ("read socket", 50),
        ("read none", 50),
        ("fsync pipe", 50),
    ];
    assert_eq!(operations(2), with(&failing));
    assert_eq!(bytes(2), moved_bytes(2, &[]));
    let wanted = [
        ("fsync pipe EINVAL", 50),
        ("open none EISDIR", 50),
        ("read file EBADF", 50),
        ("read none EBADF", 50),
        ("read pipe ESPIPE", 50),
        ("read socket EAGAIN", 50),
        ("write file EFBIG", 50),
    ];
    assert_eq!(errors(2), counts(wanted));

    let through = [("pipe", 300), ("socket", 300), ("other", 300)];
    let both = |n: &[(&'static str, u64)]| -> Vec<(String, u64)> {
        let each = n.iter().flat_map(|(kind, n)| ["read", "write"].map(|how| (format!("{how} {kind}"), *n)));
        each.collect()
    };
    let borrowed = |all: &[(String, u64)]| -> Vec<(String, u64)> { all.to_vec() };
    let as_pairs = |all: Vec<(String, u64)>| -> BTreeMap<String, u64> {
        let mut map = counts(script);
        all.into_iter().for_each(|(name, n)| *map.entry(name).or_insert(0) += n);
        map
    };
    assert_eq!(operations(3), as_pairs(borrowed(&both(&through))));
    let mut piped = moved_bytes(3, &[("read other", 300 * 8), ("write other", 300 * 8)]);
    for (name, n) in both(&[("pipe", 300 * 100), ("socket", 300 * 100)]) {
        *piped.entry(name).or_insert(0) += n;
    }
    assert_eq!(bytes(3), piped);

    let copied = [
        ("open file", 2),
        ("read file", 3 * 40),
        ("read pipe", 40),
        ("write file", 1 + 3 * 40),
        ("write pipe", 40),
    ];
    assert_eq!(operations(4), with(&copied));
    let page = 4096;
    let copied = moved_bytes(4, &[("read file", 120 * page), ("write file", 121 * page)]);
    let copied = copied.into_iter().map(|(name, n)| {
        let piped = if name.ends_with("pipe") { 40 * page } else { 0 };
        (name, n + piped)
    });
    assert_eq!(bytes(4), copied.collect());

    assert_eq!(operations(5), with(&[]));
    let submitted = |at: usize| moved((&before, &after), SUBMISSIONS, &id(&containers[at]), &[]);
    assert_eq!(submitted(5), counts([("", 100)]));
    assert_eq!(submitted(0), counts([]));
    for at in [0, 1, 3, 4, 5] {
        assert_eq!(errors(at), counts([]), "{}", commands[at]);
        let [rchar, wchar, syscr, syscw] = std::array::from_fn(|n| io_after[at][n] - io_before[at][n]);
        // The kernel keeps no account of splice there.
        let spliced = if commands[at].starts_with("transfers") { 40 } else { 0 };
        assert_eq!(sum(&bytes(at), "read"), rchar + 2 * spliced * page, "{}", commands[at]);
        assert_eq!(sum(&bytes(at), "write"), wchar + 2 * spliced * page, "{}", commands[at]);
        assert_eq!(sum(&operations(at), "read"), syscr + 2 * spliced, "{}", commands[at]);
        assert_eq!(sum(&operations(at), "write"), syscw + 2 * spliced, "{}", commands[at]);
    }
    let neighbours = |scrape: &Scrape| scrape.kernel_row(&id(&neighbour));
    assert!(neighbours(&before).len() > 30, "it is there: {:?}", neighbours(&before));
    assert_eq!(neighbours(&before), neighbours(&after));
    assert_eq!(after.losses(), before.losses());
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
