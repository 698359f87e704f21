//! `check_log`, with nothing kept: what it keeps is its own, so that calls after each other are in the check's tests.

use crate::Case;

/// What it looks at.
pub(crate) const LOG: &str = "one bad\ntwo fine\nthree bad|x=1\nfour +bad\n";

pub(crate) const CASES: &[Case] = &[
    ("log-none", "check_log"),
    ("log-missing", "check_log -F /no/such/log -O /dev/null -q bad"),
    ("log-no-old", "check_log -F {log} -q bad"),
    ("log-found", "check_log -F {log} -O /dev/null -q four"),
    ("log-found-long", "check_log --filename {log} --oldlog /dev/null --query four"),
    ("log-found-two", "check_log -F {log} -O /dev/null -q 'o'"),
    ("log-not-found", "check_log -F {log} -O /dev/null -q five"),
    ("log-exclude", "check_log -F {log} -O /dev/null -q bad --exclude three"),
    ("log-exclude-all", "check_log -F {log} -O /dev/null -q bad --exclude bad"),
    ("log-basic", "check_log -F {log} -O /dev/null -q ' +b'"),
    ("log-basic-group", "check_log -F {log} -O /dev/null -q '\\(two\\|one\\) bad'"),
    ("log-extended", "check_log -F {log} -O /dev/null -q '(two|one) bad' -e"),
    ("log-perl", "check_log -F {log} -O /dev/null -q '\\w+ \\+bad$' --perl-regex"),
    ("log-both", "check_log -F {log} -O /dev/null -q bad -e -p"),
    ("log-all", "check_log -F {log} -O /dev/null -q o -a"),
    ("log-beginning", "check_log -F {log} -O /dev/null -q '^four'"),
    ("log-digits", "check_log -F {log} -O /dev/null -q '[0-9o]'"),
    ("log-state", "check_log -F {log} -O /dev/null -q four -x 1"),
    ("log-perl-wrong", "check_log -F {log} -O /dev/null -q '(' -p"),
    ("log-extended-wrong", "check_log -F {log} -O /dev/null -q '(' -e"),
    ("log-no-place", "check_log -F {log} -O /no/such/place -q bad"),
    ("log-word", "check_log word"),
    ("log-help", "check_log -h"),
    ("log-version", "check_log -V"),
    ("log-misuse", "check_log -y"),
    ("log-misuse-long", "check_log --nosuch"),
];
