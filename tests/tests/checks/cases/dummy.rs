//! `check_dummy`

use crate::Case;

pub(crate) const CASES: &[Case] = &[
    ("dummy-none", "check_dummy"),
    ("dummy-ok", "check_dummy 0"),
    ("dummy-warning", "check_dummy 1"),
    ("dummy-critical", "check_dummy 2"),
    ("dummy-unknown", "check_dummy 3"),
    ("dummy-beyond", "check_dummy 4"),
    ("dummy-negative", "check_dummy -1 x"),
    ("dummy-text", "check_dummy 0 'a text'"),
    ("dummy-empty", "check_dummy 1 ''"),
    ("dummy-more-words", "check_dummy 2 a b c"),
    ("dummy-perfdata", "check_dummy 0 'a|b=1;2;3'"),
    ("dummy-no-number", "check_dummy ok"),
    ("dummy-fraction", "check_dummy 1.5"),
    ("dummy-space", "check_dummy '3 '"),
    ("dummy-option", "check_dummy 0 -h"),
    ("dummy-long-option", "check_dummy --hel"),
    ("dummy-version", "check_dummy -V"),
    ("dummy-help", "check_dummy --help"),
];
