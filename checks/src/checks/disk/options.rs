//! The table of options.

use crate::options::{Arg, Opt, common};

const fn second(key: &'static str, long: &'static str, arg: Arg) -> Opt {
    Opt { short: '\0', long, arg, help: "", key }
}

pub(super) const OPTIONS: &[Opt] = &[
    Opt::new(
        "w",
        "warning",
        Arg::Value("LIMIT"),
        "Warn when no more units than this are free, or with % no more percent",
    ),
    Opt::new("c", "critical", Arg::Value("LIMIT"), "Critical when no more is free"),
    Opt::new("W", "iwarning", Arg::Value("PERCENT%"), "Warn when no more percent of the inodes are free"),
    Opt::new(
        "K",
        "icritical",
        Arg::Value("PERCENT%"),
        "Critical when no more percent of the inodes are free",
    ),
    Opt::new(
        "p",
        "path",
        Arg::Value("PATH"),
        "The file system of this path, or of this device; may be repeated",
    ),
    second("p", "partition", Arg::Value("PATH")),
    Opt::new("x", "exclude_device", Arg::Value("PATH"), "Not this device or directory; may be repeated"),
    Opt::new("X", "exclude-type", Arg::Value("REGEX"), "No file systems of these types; may be repeated"),
    Opt::new("N", "include-type", Arg::Value("REGEX"), "Only file systems of these types; may be repeated"),
    Opt::new(
        "C",
        "clear",
        Arg::No,
        "Forget the limits: what follows has its own, and what was before keeps them",
    ),
    Opt::new(
        "E",
        "exact-match",
        Arg::No,
        "Each -p after this has to be a directory or device of a mount itself",
    ),
    Opt::new("e", "errors-only", Arg::No, "Tell only of those that are not OK"),
    Opt { short: 'q', long: "quiet", arg: Arg::No, help: "", key: "e" },
    Opt::new(
        "f",
        "freespace-ignore-reserved",
        Arg::No,
        "Leave what is reserved for root out of the perfdata's total",
    ),
    Opt::new("P", "iperfdata", Arg::No, "Perfdata of inodes too"),
    Opt::new("g", "group", Arg::Value("NAME"), "Judge all that is chosen after this together, by this name"),
    Opt::new("k", "kilobytes", Arg::No, "As -u kB"),
    Opt::new("m", "megabytes", Arg::No, "As -u MB"),
    Opt::new(
        "u",
        "units",
        Arg::Value("UNIT"),
        "Of limits and line: bytes, kB, MB (the default), GB, TB, PB, each by 1024",
    ),
    Opt::new("l", "local", Arg::No, "No file systems of other hosts"),
    Opt::new("L", "stat-remote-fs", Arg::No, "The same, but see whether they can be reached"),
    Opt::new("M", "mountpoint", Arg::No, "Tell the device, not the directory"),
    Opt::new("A", "all", Arg::No, "All of them: as -R '.*'"),
    Opt::new(
        "r",
        "ereg-path",
        Arg::Value("REGEX"),
        "Each whose directory or device matches; may be repeated",
    ),
    second("r", "ereg-partition", Arg::Value("REGEX")),
    Opt::new("R", "eregi-path", Arg::Value("REGEX"), "The same for letters of either case"),
    second("R", "eregi-partition", Arg::Value("REGEX")),
    Opt::new(
        "i",
        "ignore-ereg-path",
        Arg::Value("REGEX"),
        "Of those chosen so far none that matches; may be repeated",
    ),
    second("i", "ignore-ereg-partition", Arg::Value("REGEX")),
    Opt::new("I", "ignore-eregi-path", Arg::Value("REGEX"), "The same for letters of either case"),
    second("I", "ignore-eregi-partition", Arg::Value("REGEX")),
    Opt::new(
        "n",
        "ignore-missing",
        Arg::No,
        "What is not there is OK, and told; has to stand before -p and -r",
    ),
    common::VERBOSE,
    common::TIMEOUT,
    common::HELP,
    common::VERSION,
];
