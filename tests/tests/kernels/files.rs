//! Operations on files, against what the worker did and what `/proc/PID/io` says; how long they and all calls took.

use anyhow::{Context as _, Result};

use crate::checks::Checks;
use crate::run::{A, B, FILES, IDLE, Run};
use crate::truth::Between;

const OPERATIONS: &str = "container_file_operations_total";
const BYTES: &str = "container_file_bytes_total";
const ERRORS: &str = "container_file_errors_total";

/// Commands the worker was given: each is read from a pipe, and answered to one.
const COMMANDS: f64 = 6.0;
/// Bytes of what `splice` moved, in and out: `/proc/PID/io` does not know of it.
const SPLICED: f64 = 2.0 * 10.0 * 512.0;

/// What the worker did, by the lines of the script: operation, type, calls.
const DONE: &[(&str, &str, f64)] = &[
    // The file of `files`, four ways of `opens`, the file of `file-errors`, two of `transfers`.
    ("open", "file", 1.0 + 4.0 * 20.0 + 1.0 + 2.0),
    ("open", "other", 20.0),
    ("open", "none", 10.0),
    ("read", "file", 5.0 * 50.0 + 10.0 + 3.0 * 10.0),
    ("read", "pipe", COMMANDS + 10.0 + 30.0 + 10.0),
    ("read", "socket", 10.0 + 30.0),
    ("read", "other", 30.0),
    ("read", "none", 10.0),
    ("write", "file", 5.0 * 50.0 + 10.0 + 1.0 + 3.0 * 10.0),
    ("write", "pipe", COMMANDS + 30.0 + 10.0),
    ("write", "socket", 30.0),
    ("write", "other", 30.0),
    ("write", "none", 0.0),
    ("fsync", "file", 3.0 * 50.0),
    ("fsync", "pipe", 10.0),
];

const FAILED: [(&str, &str, &str); 7] = [
    ("open", "none", "EISDIR"),
    ("read", "file", "EBADF"),
    ("read", "none", "EBADF"),
    ("read", "pipe", "ESPIPE"),
    ("read", "socket", "EAGAIN"),
    ("write", "file", "EFBIG"),
    ("fsync", "pipe", "EINVAL"),
];

fn of<'a>(operation: &'a str, kind: &'a str) -> [(&'a str, &'a str); 2] {
    [("operation", operation), ("type", kind)]
}

/// Operations, bytes, errors, and requests through a ring.
pub(crate) fn counts(run: &Run, checks: &mut Checks) -> Result<()> {
    let between = Between::of(run, "before", "after")?;
    checks.group("file operations, bytes, errors");
    for (operation, kind, calls) in DONE {
        let counted = between.moved(OPERATIONS, FILES, &of(operation, kind));
        checks.equal(format!("{operation} of {kind}"), counted, *calls);
    }
    let all: f64 = DONE.iter().map(|(_, _, calls)| calls).sum();
    checks.equal("all operations", between.moved(OPERATIONS, FILES, &[]), all);
    let bytes = |operation, kind| between.moved(BYTES, FILES, &of(operation, kind));
    let copied = 3.0 * 10.0 * 512.0;
    checks.equal("bytes read from files", bytes("read", "file"), 250.0 * 700.0 + copied);
    checks.equal("bytes written to files", bytes("write", "file"), 250.0 * 700.0 + copied + 512.0);
    for operation in ["read", "write"] {
        checks.equal(format!("{operation} of sockets"), bytes(operation, "socket"), 30.0 * 64.0);
        checks.equal(format!("{operation} of an eventfd"), bytes(operation, "other"), 30.0 * 8.0);
    }
    for (operation, key) in [("read", "rchar"), ("write", "wchar")] {
        let told = |when: &str| run.number(&format!("{when}.io"), key);
        let told = told("after").zip(told("before")).context("io")?;
        let counted = between.moved(BYTES, FILES, &[("operation", operation)]);
        checks.equal(key, counted, (told.0 - told.1) as f64 + SPLICED);
    }
    for (operation, kind, errno) in FAILED {
        let labels = [("operation", operation), ("type", kind), ("errno", errno)];
        checks.equal(errno, between.moved(ERRORS, FILES, &labels), 10.0);
    }
    checks.equal("all errors", between.moved(ERRORS, FILES, &[]), 10.0 * FAILED.len() as f64);
    let at_the_same_time = [("operation", "fsync"), ("type", "pipe"), ("errno", "EINVAL")];
    checks.equal("of another at the same time", between.moved(ERRORS, B, &at_the_same_time), 9.0);
    checks.equal("files it had written out", between.moved(OPERATIONS, B, &of("fsync", "file")), 0.0);
    checks.equal("of a neighbour", between.moved(OPERATIONS, IDLE, &[]), 0.0);
    checks.group("io_uring requests");
    let submitted = |id| between.moved("container_io_uring_submissions_total", id, &[]);
    checks.equal("requests", submitted(FILES), 20.0);
    checks.equal("of a neighbour", submitted(B), 0.0);
    Ok(())
}

/// Each operation and each call that began is observed once.
pub(crate) fn durations(run: &Run, checks: &mut Checks) -> Result<()> {
    let between = Between::of(run, "before", "after")?;
    checks.group("durations of calls and file operations");
    for operation in ["open", "read", "write", "fsync"] {
        let labels = [("operation", operation)];
        let observed = between.moved("container_file_duration_seconds_count", FILES, &labels);
        let counted = between.moved(OPERATIONS, FILES, &[labels[0], ("type", "file")]);
        checks.equal(operation, observed, counted);
        let seconds = between.moved("container_file_duration_seconds_sum", FILES, &labels);
        checks.holds(format!("{operation} took time: {seconds}"), seconds > 0.0);
    }
    for (name, id) in [("FILES", FILES), ("A", A), ("IDLE", IDLE)] {
        let observed = between.moved("container_syscall_duration_seconds_count", id, &[]);
        let returned = between.moved("container_syscalls_total", id, &[]);
        // A child's first return is of no call that it began.
        let children = between.moved("container_process_forks_total", id, &[])
            + between.moved("container_threads_started_total", id, &[]);
        checks.equal(format!("calls of {name}"), observed, returned - children);
    }
    let lost = between.after.value("plimsoll_losses_total", &[("reason", "syscall_table_full")]);
    checks.equal("losses", lost, Some(0.0));
    Ok(())
}
