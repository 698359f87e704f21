//! `syscalls`: every system call that returned, and how it failed.

use std::collections::BTreeMap;

use plimsoll_abi::syscalls::{COMPAT, REFUSALS, UNKNOWN};

use super::{KernelRow, Keyed, Row, Signal, Source};
use crate::exposition::{Encoder, Family, Kind, Value};
use crate::kernel::layout::{self, SYSCALL_ERRORS};
use crate::names;

/// The row of the table.
pub(super) static SIGNAL: Signal = Signal {
    name: "syscalls",
    summary: "system calls and their errors, by name",
    source: Source::Kernel,
    default: true,
    families: &FAMILIES,
    encode,
};

static FAMILIES: [Family; 3] = [
    Family {
        name: "container_syscalls_total",
        kind: Kind::Counter,
        help: "System calls that returned, by name; exit and exit_group never return and are not here.",
        labels: &["syscall"],
        unit: "calls",
        source: "tracepoint sys_exit (v5.10 to v7.x): pt_regs.orig_ax on x86-64, .syscallno on aarch64. \
                 A call through the 32-bit ABI counts under its own ABI's name. fork, vfork and clone return twice, \
                 in the parent and in the child. A successful execveat is seen as execve, rt_sigreturn by its lack \
                 of a number",
        bound: "510 numbers of the machine's ABI, unknown, and the 32-bit calls that find room among the errors",
    },
    Family {
        name: "container_syscall_errors_total",
        kind: Kind::Counter,
        help: "System calls that returned an error, by name and errno.",
        labels: &["syscall", "errno"],
        unit: "calls",
        source: "tracepoint sys_exit (v5.10 to v7.x): a result from -4095 to -1. ERESTARTSYS and its kin are seen \
                 before the kernel turns them into EINTR or a restart",
        bound: "256 pairs; beyond them, or when the map for all containers is full, syscall=\"other\", \
                errno=\"other\" and plimsoll_losses_total{reason=\"syscall_error_folded\"}",
    },
    Family {
        name: "container_permission_denied_total",
        kind: Kind::Counter,
        help: "System calls refused for want of permission. Which ones, container_syscall_errors_total says.",
        labels: &["errno"],
        unit: "calls",
        source: "as container_syscall_errors_total, and never folded: EPERM (a capability, an owner, seccomp) and EACCES \
                 (the mode of a file, a security module)",
        bound: "2",
    },
];

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    encoder.family(&FAMILIES[0]);
    for row in rows {
        let Some(kernel) = row.kernel else { continue };
        calls(encoder, row, kernel);
    }
    encoder.family(&FAMILIES[1]);
    for row in rows {
        let Some(kernel) = row.kernel else { continue };
        errors(encoder, row, kernel);
    }
    encoder.family(&FAMILIES[2]);
    for row in rows {
        let Some(kernel) = row.kernel else { continue };
        let Some(cell) = layout::syscalls(kernel.cells) else { continue };
        for (errno, count) in REFUSALS.into_iter().zip(cell.refused) {
            encoder.counter(row.kernel_series(kernel), &[("errno", &names::errno(errno))], Value::Int(count));
        }
    }
}

fn calls(encoder: &mut Encoder<'_>, row: &Row<'_>, kernel: KernelRow<'_>) {
    let Some(cell) = layout::syscalls(kernel.cells) else { return };
    let series = row.kernel_series(kernel);
    let mut compat = compat_calls(kernel.keyed);
    for (number, &count) in cell.calls.iter().enumerate().filter(|(_, count)| **count > 0) {
        let name = names::syscall(number as u32);
        let count = count + compat.remove(&*name).unwrap_or(0);
        encoder.counter(series, &[("syscall", &name)], Value::Int(count));
    }
    let unknown = cell.unknown + compat.remove(names::UNKNOWN).unwrap_or(0);
    if unknown > 0 {
        encoder.counter(series, &[("syscall", names::UNKNOWN)], Value::Int(unknown));
    }
    for (name, count) in compat {
        encoder.counter(series, &[("syscall", &name)], Value::Int(count));
    }
}

/// Calls through the 32-bit ABI by name: most names are also names of the machine's own ABI.
fn compat_calls(keyed: &[Keyed]) -> BTreeMap<String, u64> {
    let mut calls = BTreeMap::new();
    for counter in of(keyed).filter(|k| k.key[0] & COMPAT != 0 && k.key[1] == 0) {
        *calls.entry(name(counter.key[0])).or_insert(0) += counter.count;
    }
    calls
}

fn errors(encoder: &mut Encoder<'_>, row: &Row<'_>, kernel: KernelRow<'_>) {
    let Some(cell) = layout::syscalls(kernel.cells) else { return };
    let series = row.kernel_series(kernel);
    let has_compat = of(kernel.keyed).any(|k| k.key[0] & COMPAT != 0);
    if has_compat {
        // Two numbers may share a name: they must come out as one series.
        let mut errors = BTreeMap::new();
        for counter in of(kernel.keyed).filter(|k| k.key[1] != 0) {
            *errors.entry((name(counter.key[0]), counter.key[1])).or_insert(0) += counter.count;
        }
        for ((name, errno), count) in errors {
            let labels = [("syscall", name.as_str()), ("errno", &names::errno(errno))];
            encoder.counter(series, &labels, Value::Int(count));
        }
    } else {
        for counter in of(kernel.keyed) {
            let (name, errno) = (names::syscall(counter.key[0]), names::errno(counter.key[1]));
            encoder.counter(series, &[("syscall", &name), ("errno", &errno)], Value::Int(counter.count));
        }
    }
    if cell.errors_folded > 0 {
        let other = [("syscall", names::OTHER), ("errno", names::OTHER)];
        encoder.counter(series, &other, Value::Int(cell.errors_folded));
    }
}

fn of(keyed: &[Keyed]) -> impl Iterator<Item = &Keyed> {
    keyed.iter().filter(|k| k.map == SYSCALL_ERRORS)
}

fn name(word: u32) -> String {
    let number = word & !COMPAT;
    if number == UNKNOWN {
        names::UNKNOWN.to_owned()
    } else if word & COMPAT != 0 {
        names::compat_syscall(number).into_owned()
    } else {
        names::syscall(number).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{encoded, kernel_row, keyed};
    use super::*;

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn names_not_numbers_and_the_32_bit_abi_by_its_own() {
        let mut cells = vec![0; layout::WORDS];
        cells[257] = 1000; // openat
        cells[39] = 5; // getpid
        cells[509] = 2; // not assigned
        cells[510] = 1; // unknown
        cells[511] = 4; // folded errors
        cells[513] = 51; // EACCES, one of them folded
        let keyed = [
            keyed(SYSCALL_ERRORS, [257, 2], 900),
            keyed(SYSCALL_ERRORS, [257, 13], 50),
            keyed(SYSCALL_ERRORS, [20 | COMPAT, 0], 7), // i386 getpid
            keyed(SYSCALL_ERRORS, [295 | COMPAT, 2], 3), // i386 openat
            keyed(SYSCALL_ERRORS, [295 | COMPAT, 0], 3),
        ];
        let text = encoded(&SIGNAL, &[kernel_row(&cells, &keyed)]);
        for line in [
            "container_syscalls_total{id=\"/a\",syscall=\"getpid\"} 12\n",
            "container_syscalls_total{id=\"/a\",syscall=\"openat\"} 1003\n",
            "container_syscalls_total{id=\"/a\",syscall=\"syscall_0x1fd\"} 2\n",
            "container_syscalls_total{id=\"/a\",syscall=\"unknown\"} 1\n",
            "container_syscall_errors_total{id=\"/a\",syscall=\"openat\",errno=\"ENOENT\"} 903\n",
            "container_syscall_errors_total{id=\"/a\",syscall=\"openat\",errno=\"EACCES\"} 50\n",
            "container_syscall_errors_total{id=\"/a\",syscall=\"other\",errno=\"other\"} 4\n",
            "container_permission_denied_total{id=\"/a\",errno=\"EPERM\"} 0\n",
            "container_permission_denied_total{id=\"/a\",errno=\"EACCES\"} 51\n",
        ] {
            assert!(text.contains(line), "{line} not in\n{text}");
        }
        assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), 9);
    }
}
