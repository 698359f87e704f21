//! `check_load`: of what it says, all but the limits is never the same twice.

use crate::Case;

pub(crate) const CASES: &[Case] = &[
    ("load-none", "check_load"),
    ("load-one", "check_load -w 5000 -c 6000"),
    ("load-two", "check_load -w 5000,4000 -c 6000,5000"),
    ("load-three", "check_load -w 5000,4000,3000 -c 6000,5000,4000"),
    ("load-four", "check_load -w 5000,4000,3000,2000 -c 6000"),
    ("load-hole", "check_load -w 5000,,3000 -c 6000"),
    ("load-warning", "check_load -w 0,5000,5000 -c 6000"),
    ("load-critical", "check_load -w 0,0,0 -c 6000,0,6000"),
    ("load-critical-alone", "check_load -c 5000"),
    ("load-warning-alone", "check_load -w 5000"),
    ("load-reversed", "check_load -w 5000 -c 4000"),
    ("load-reversed-5", "check_load -w 1,9,3 -c 5,6,7"),
    ("load-negative", "check_load -w -1 -c 5"),
    ("load-negative-critical", "check_load -w 1 -c -5"),
    ("load-abc", "check_load -w abc -c 5"),
    ("load-abc-critical", "check_load -w 5 -c abc"),
    ("load-range", "check_load -w 5000: -c 6000"),
    ("load-exponent", "check_load -w 5e3 -c 6e3"),
    ("load-per-cpu", "check_load -r -w 5000 -c 6000"),
    ("load-per-cpu-warning", "check_load --percpu --warning=0,1000,1000 --critical=6000"),
    ("load-processes", "check_load -w 5000 -c 6000 -n 3"),
    ("load-processes-abc", "check_load -w 5000 -c 6000 -n abc"),
    ("load-more-words", "check_load -w 5000 -c 6000 7000 8000"),
    ("load-help", "check_load -h"),
    ("load-version", "check_load -V"),
    ("load-misuse", "check_load -x"),
];
