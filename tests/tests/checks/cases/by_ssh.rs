//! `check_by_ssh`, by the host's own `ssh`.

use crate::Case;

pub(crate) const CASES: &[Case] = &[
    ("by-ssh-none", "check_by_ssh"),
    ("by-ssh-version", "check_by_ssh -V"),
    ("by-ssh-help", "check_by_ssh -h"),
    ("by-ssh", "check_by_ssh -H 127.0.0.1 -F {login-options} -C 'echo fine'"),
    ("by-ssh-words", "check_by_ssh -F {login-options} -H 127.0.0.1 echo fine"),
    (
        "by-ssh-options",
        "check_by_ssh -H 127.0.0.1 -p {login} -l root -i {login-key} -o StrictHostKeyChecking=no -o \
         UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes -o LogLevel=ERROR -q -4 -2 -C 'echo fine'",
    ),
    ("by-ssh-name", "check_by_ssh -4 -H localhost -F {login-options} -C 'echo fine'"),
    ("by-ssh-warning", "check_by_ssh -H 127.0.0.1 -F {login-options} -C '{plugins}/check_dummy 1 some'"),
    ("by-ssh-critical", "check_by_ssh -H 127.0.0.1 -F {login-options} -C '{plugins}/check_dummy 2'"),
    ("by-ssh-unknown", "check_by_ssh -H 127.0.0.1 -F {login-options} -C '{plugins}/check_dummy 3'"),
    ("by-ssh-code", "check_by_ssh -H 127.0.0.1 -F {login-options} -C 'echo seven; exit 7'"),
    (
        "by-ssh-perfdata",
        "check_by_ssh -H 127.0.0.1 -F {login-options} -C 'echo \"fine|x=1;2;3\"; echo \"more|y=2\"'",
    ),
    ("by-ssh-mute", "check_by_ssh -H 127.0.0.1 -F {login-options} -C 'exit 1'"),
    ("by-ssh-skip", "check_by_ssh -H 127.0.0.1 -F {login-options} -S1 -C 'echo banner; echo fine'"),
    ("by-ssh-skip-all", "check_by_ssh -H 127.0.0.1 -F {login-options} --skip-stdout -C 'echo fine'"),
    ("by-ssh-skip-wrong", "check_by_ssh -H 127.0.0.1 -Sx -C 'echo fine'"),
    ("by-ssh-stderr", "check_by_ssh -H 127.0.0.1 -F {login-options} -C 'echo fine; echo bad >&2'"),
    ("by-ssh-stderr-critical", "check_by_ssh -H 127.0.0.1 -F {login-options} -C 'echo bad >&2; exit 2'"),
    ("by-ssh-stderr-skip", "check_by_ssh -H 127.0.0.1 -F {login-options} -E -C 'echo fine; echo bad >&2'"),
    (
        "by-ssh-stderr-skip-one",
        "check_by_ssh -H 127.0.0.1 -F {login-options} -E1 -C 'echo fine; echo bad >&2'",
    ),
    (
        "by-ssh-stderr-warning",
        "check_by_ssh -H 127.0.0.1 -F {login-options} --warn-on-stderr -C 'echo fine; echo bad >&2'",
    ),
    ("by-ssh-wrong-key", "check_by_ssh -H 127.0.0.1 -F {login-options} -l nobody -C 'echo fine'"),
    ("by-ssh-closed", "check_by_ssh -H 127.0.0.1 -p {closed} -C 'echo fine'"),
    ("by-ssh-closed-unknown", "check_by_ssh -U -H 127.0.0.1 -p {closed} -C 'echo fine'"),
    ("by-ssh-silent", "check_by_ssh -H 127.0.0.1 -p {silent} -t 1 -C 'echo fine'"),
    ("by-ssh-silent-unknown", "check_by_ssh -U -H 127.0.0.1 -p {silent} -t 1 -C 'echo fine'"),
    ("by-ssh-silent-state", "check_by_ssh -H 127.0.0.1 -p {silent} -t 1:warning -C 'echo fine'"),
    ("by-ssh-slow", "check_by_ssh -H 127.0.0.1 -F {login-options} -t 1 -C 'sleep 30'"),
    (
        "by-ssh-passive",
        "check_by_ssh -H 127.0.0.1 -F {login-options} -n h -s a:b -O {passive} -C 'echo one' -C 'echo two; exit 2'",
    ),
    (
        "by-ssh-passive-lines",
        "check_by_ssh -H 127.0.0.1 -F {login-options} -n h -s a -O {passive} -C 'echo one; echo two; echo three'",
    ),
    (
        "by-ssh-passive-nowhere",
        "check_by_ssh -H 127.0.0.1 -F {login-options} -n h -s a -O /no/such/file -C 'echo one'",
    ),
    ("by-ssh-passive-services", "check_by_ssh -H 127.0.0.1 -n h -s a -O x -C 'echo one' -C 'echo two'"),
    ("by-ssh-passive-name", "check_by_ssh -H 127.0.0.1 -s a -O x -C 'echo one'"),
    ("by-ssh-no-host", "check_by_ssh -C 'echo fine'"),
    ("by-ssh-no-command", "check_by_ssh -H 127.0.0.1"),
    ("by-ssh-no-such-name", "check_by_ssh -H no-such-name.invalid -C 'echo fine'"),
    ("by-ssh-port-wrong", "check_by_ssh -H 127.0.0.1 -p x -C 'echo fine'"),
    ("by-ssh-timeout-wrong", "check_by_ssh -H 127.0.0.1 -t x -C 'echo fine'"),
];
