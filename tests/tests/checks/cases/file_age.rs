//! `check_file_age`: an age is never the same twice for long, so what it says of a file is in the check's own tests.

use crate::Case;

pub(crate) const CASES: &[Case] = &[
    ("file-age-none", "check_file_age"),
    ("file-age-missing", "check_file_age -f /nowhere"),
    ("file-age-missing-word", "check_file_age /nowhere"),
    ("file-age-missing-fine", "check_file_age -i -f /nowhere"),
    ("file-age-missing-limits", "check_file_age -w 1 -c 2 -W 3 -C 4 -f /nowhere"),
    ("file-age-bundle", "check_file_age -if /nowhere"),
    ("file-age-empty", "check_file_age -f ''"),
    ("file-age-help", "check_file_age -h"),
    ("file-age-version", "check_file_age -V"),
    ("file-age-misuse", "check_file_age -x"),
    ("file-age-no-value", "check_file_age -w"),
];
