//! `check_tcp` over TLS, and its names that speak it

use crate::Case;

pub(crate) const CASES: &[Case] = &[
    ("tls-tcp", "check_tcp -H 127.0.0.1 -p {https-good} -S"),
    ("tls-tcp-sni-alone", "check_tcp -H 127.0.0.1 -p {https-good} --sni other.example"),
    ("tls-tcp-days", "check_tcp -H 127.0.0.1 -p {https-good} -S -D 10"),
    ("tls-tcp-days-alone", "check_tcp -H 127.0.0.1 -p {https-good} -D 10"),
    ("tls-tcp-days-warning", "check_tcp -H 127.0.0.1 -p {https-good} -D 120"),
    ("tls-tcp-days-critical", "check_tcp -H 127.0.0.1 -p {https-good} -D 120,110"),
    ("tls-tcp-expired", "check_tcp -H 127.0.0.1 -p {https-expired} -D 10"),
    ("tls-tcp-sni", "check_tcp -H 127.0.0.1 -p {https-good} -D 10 --sni other.example"),
    ("tls-tcp-http", "check_tcp -H 127.0.0.1 -p {http} -S"),
    (
        "tls-tcp-answer",
        "check_tcp -H 127.0.0.1 -p {https-good} -S -E -s 'GET / HTTP/1.0\\r\\n\\r\\n' -e nginx -j",
    ),
    (
        "tls-tcp-answer-other",
        "check_tcp -H 127.0.0.1 -p {https-good} -S -E -s 'GET / HTTP/1.0\\r\\n\\r\\n' -e nothere -j",
    ),
    ("tls-tcp-silent", "check_tcp -H 127.0.0.1 -p {silent} -S -t 1"),
    ("tls-simap-wrong", "check_simap -H 127.0.0.1 -p {imap}"),
    ("tls-simap-closed", "check_simap -H 127.0.0.1 -p {closed}"),
    ("tls-spop-wrong", "check_spop -H 127.0.0.1 -p {imap}"),
    ("tls-spop-closed", "check_spop -H 127.0.0.1 -p {closed}"),
    ("tls-ssmtp-wrong", "check_ssmtp -H 127.0.0.1 -p {imap}"),
    ("tls-ssmtp-closed", "check_ssmtp -H 127.0.0.1 -p {closed}"),
    ("tls-nntps-wrong", "check_nntps -H 127.0.0.1 -p {imap}"),
    ("tls-nntps-closed", "check_nntps -H 127.0.0.1 -p {closed}"),
];
