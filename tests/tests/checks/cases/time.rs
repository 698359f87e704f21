//! `check_time` of a server; without one, it is of our own.

use crate::Case;

pub(crate) const CASES: &[Case] = &[
    ("time-closed", "check_time -H 127.0.0.1 -p {closed}"),
    ("time-closed-warning", "check_time -H 127.0.0.1 -p {closed} -W 5"),
    ("time-closed-critical", "check_time -H 127.0.0.1 -p {closed} -W 5 -C 10"),
    ("time-closed-both", "check_time -H 127.0.0.1 -p {closed} -w 5,5 -c 10:10"),
    ("time-says-nothing", "check_time -H 127.0.0.1 -p {closing}"),
    ("time-silent", "check_time -H 127.0.0.1 -p {silent} -t 1"),
    ("time-silent-udp", "check_time -H 127.0.0.1 -p {udp-silent} -u -t 1"),
    ("time-warning-wrong", "check_time -H 127.0.0.1 -w x"),
    ("time-critical-wrong", "check_time -H 127.0.0.1 -c 5,x"),
    ("time-connect-wrong", "check_time -H 127.0.0.1 -W x"),
    ("time-port-wrong", "check_time -H 127.0.0.1 -p x"),
    ("time-timeout-wrong", "check_time -H 127.0.0.1 -t x"),
    ("time-host-wrong", "check_time -H nosuch.invalid"),
    ("time-help", "check_time -h"),
    ("time-version", "check_time -V"),
    ("time-misuse", "check_time -y"),
];
