//! `check_users`

use crate::Case;

pub(crate) const CASES: &[Case] = &[
    ("users-words", "check_users 1000 2000"),
    ("users-ok", "check_users -w 1000 -c 2000"),
    ("users-warning", "check_users -w 5000: -c 6000"),
    ("users-critical", "check_users -w 1000 -c 5000:"),
    ("users-inside", "check_users -w @0:1000 -c 2000"),
    ("users-tilde", "check_users -w ~:1000 -c 2000"),
    ("users-decimals", "check_users -w 1000.5 -c 2000.5"),
    ("users-reversed", "check_users -w 2000 -c 1000"),
    ("users-negative", "check_users -w -1 -c 2000"),
    ("users-abc", "check_users -w abc -c 2000"),
    ("users-none", "check_users"),
    ("users-third-word", "check_users 1000 2000 3000"),
    ("users-long", "check_users --warning 1000 --critical=2000"),
    ("users-help", "check_users -h"),
    ("users-version", "check_users -V"),
    ("users-misuse", "check_users -x"),
];
