//! `check_swap`, with what swap the host has.

use crate::Case;

pub(crate) const CASES: &[Case] = &[
    ("swap-none", "check_swap"),
    ("swap-words", "check_swap 10 5"),
    ("swap-bytes", "check_swap -w 10 -c 5"),
    ("swap-percent", "check_swap -w 10% -c 5%"),
    ("swap-mixed", "check_swap -w 10% -c 5"),
    ("swap-both", "check_swap -w 10% -w 100 -c 5% -c 50"),
    ("swap-each", "check_swap -a -w 10% -c 5% -v"),
    ("swap-warning-alone", "check_swap -w 10"),
    ("swap-critical-alone", "check_swap -c 10"),
    ("swap-reversed", "check_swap -w 5 -c 10"),
    ("swap-reversed-percent", "check_swap -w 5% -c 10%"),
    ("swap-101", "check_swap -w 101% -c 5%"),
    ("swap-101-critical", "check_swap -w 10% -c 101%"),
    ("swap-abc", "check_swap -w abc -c 5"),
    ("swap-abc-percent", "check_swap -w abc% -c 5%"),
    ("swap-decimals", "check_swap -w 10.5% -c 5%"),
    ("swap-unit", "check_swap -w 10k -c 5"),
    ("swap-negative", "check_swap -w -10 -c 5"),
    ("swap-no-swap-ok", "check_swap -w 10% -c 5% -n ok"),
    ("swap-no-swap-number", "check_swap -w 10% -c 5% --no-swap=1"),
    ("swap-no-swap-abc", "check_swap -w 10% -c 5% -n abc"),
    ("swap-no-swap-empty", "check_swap -w 10% -c 5% -n"),
    ("swap-a-word", "check_swap -w 10% -c 5% word"),
    ("swap-help", "check_swap -h"),
    ("swap-version", "check_swap -V"),
    ("swap-misuse", "check_swap -x"),
];
