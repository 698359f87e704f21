//! The checks that ask a server for what it counts, beside real ones. How much that is depends on who else asks: what is
//! compared is the text, with `#` for every number.

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::plugins::{Ran, our_command, run_ours};
use plimsoll_tests::servers::Servers;
use plimsoll_tests::services::stores::Stores;

/// Command line, exit code, and the beginning of what it says.
pub(crate) type Row = (&'static str, i32, &'static str);

const NGINX: &[Row] = &[
    (
        "check_nginx_status -H 127.0.0.1 -p {http} --state-file {seen} -w 9999,-1,-1 -c 9999999,-1,-1",
        0,
        "NGINX OK - #.# sec. response time, Active: # (Writing: # Reading: # Waiting: #) ReqPerConn: \
         #.#|Writing=#;;;; Reading=#;;;; Waiting=#;;;; Active=#;#;#;; ReqPerConn=#.#;;;;",
    ),
    (
        "check_nginx_status -H 127.0.0.1 -p {http} --state-file {seen}",
        0,
        "NGINX OK - #.# sec. response time, Active: # (Writing: # Reading: # Waiting: #) ReqPerSec: #.# ConnPerSec: \
         #.# ReqPerConn: #.#|Writing=#;;;; Reading=#;;;; Waiting=#;;;; Active=#;;;; ReqPerSec=#.#;;;; \
         ConnPerSec=#.#;;;; ReqPerConn=#.#;;;;",
    ),
    (
        "check_nginx_status -H 127.0.0.1 -p {http} --state-file {seen} -w 1",
        1,
        "NGINX WARNING - Active Connections are high #.# sec. response time, Active: #",
    ),
    (
        "check_nginx_status -H 127.0.0.1 -p {http} --state-file {seen} -c -1,0.#",
        2,
        "NGINX CRITICAL - Request per second ratios is critically high #.# sec. response time, Active: #",
    ),
    ("check_nginx_status -H 127.0.0.1 -p {http} -u 404", 2, "NGINX CRITICAL - HTTP/#.# # Not Found"),
    (
        "check_nginx_status -H 127.0.0.1 -p {http} -u text",
        2,
        "NGINX CRITICAL - We have a response page for our request, but it's something else, quite certainly not the \
         status report of nginx",
    ),
    (
        "check_nginx_status -H 127.0.0.1 -p {https-good} -S -s localhost --ca-cert {www}/authority.pem",
        2,
        "NGINX CRITICAL - HTTP/#.# # Not Found",
    ),
    ("check_nginx_status -H 127.0.0.1 -p {https-good} -S", 2, "NGINX CRITICAL - invalid peer certificate: "),
    (
        "check_nginx_status -H 127.0.0.1 -p {https-good} -S --disable-sslverifyhostname",
        2,
        "NGINX CRITICAL - HTTP/#.# # Not Found",
    ),
    (
        "check_nginx_status -H 127.0.0.1 -p {closed}",
        2,
        "NGINX CRITICAL - connect to address #.#.#.# and port #: Connection refused",
    ),
];

const STORES: &[Row] = &[
    (
        "check_redis -H 127.0.0.1 -p {redis} -x let-me-in -D 1 -T 60,120 -R '<40,<30' -m 101,102 -r 5,10 -a role -w !master",
        0,
        "REDIS OK - Redis #.#.# with # keys answers in #.# seconds, hit rate #%, memory #.#%, no replica, role is \
         master|response_time=#.#s;;;; hitrate=#%;;;; memory_utilization=#.#%;;;;",
    ),
    (
        "check_redis -H 127.0.0.1 -p {redis} -C {secret} -a connected_slaves,role -w 1:,~ -c 2:,=slave -R '<60'",
        2,
        "REDIS CRITICAL - connected_slaves is # (CRITICAL), hit rate #% (WARNING), Redis #.#.# with # keys answers",
    ),
    (
        "check_redis -H 127.0.0.1 -p {redis-replica} -r 60,120 -a role,master_link_status -c !slave,!up -A db0,uptime_in_seconds",
        0,
        "REDIS OK - Redis #.#.# with # keys answers in #.# seconds, replication delay #s, role is slave, \
         master_link_status is up|response_time=#.#s;;;; replication_delay=#s;;;; uptime_in_seconds=#;;;;",
    ),
    ("check_redis -H 127.0.0.1 -p {redis}", 2, "REDIS CRITICAL - NOAUTH Authentication required."),
    ("check_redis -H 127.0.0.1 -p {redis} -x wrong", 2, "REDIS CRITICAL - WRONGPASS "),
    (
        "check_redis -H 127.0.0.1 -p {redis} -x let-me-in -D 99",
        2,
        "REDIS CRITICAL - ERR DB index is out of range",
    ),
    (
        "check_redis -H 127.0.0.1 -p {redis} -x let-me-in -a none -c 1",
        3,
        "REDIS UNKNOWN - none is not there (UNKNOWN), ",
    ),
    ("check_redis -H 127.0.0.1 -p {redis} -C {www}/none", 3, "REDIS UNKNOWN - "),
    ("check_redis -H 127.0.0.1 -p {redis} -S -t 1", 2, "CRITICAL - Socket timeout after # seconds"),
    ("check_redis -H 127.0.0.1 -p {garbage} -S", 2, "CRITICAL - Cannot make SSL connection."),
    ("check_redis -H 127.0.0.1 -p {closed}", 2, "connect to address #.#.#.# and port #: Connection refused"),
    ("check_redis -H 127.0.0.1 -p {garbage}", 2, "REDIS CRITICAL - an answer that cannot be read"),
    ("check_redis -H 127.0.0.1 -p {flood}", 2, "REDIS CRITICAL - an answer that cannot be read"),
    ("check_redis -H 127.0.0.1 -p {closing}", 2, "REDIS CRITICAL - "),
    ("check_redis -H 127.0.0.1 -p {imap}", 2, "REDIS CRITICAL - an answer that cannot be read"),
    (
        "check_memcached -H 127.0.0.1 -p {memcached} --state-file {seen}",
        0,
        "MEMCACHED OK - memcached #.#.# with # items answers in #.# seconds, #% of the memory used, #.#% of the \
         connections used|time=#.#s;;;; memory=#%;;;; connections=#.#%;;;;",
    ),
    (
        "check_memcached -H 127.0.0.1 -p {memcached} --state-file {seen} --warning-evictions 0:5 --critical-connections @0:100",
        2,
        "MEMCACHED CRITICAL - #.#% of the connections used (CRITICAL), memcached #.#.# with # items answers in #.# \
         seconds, # evictions a second, #% of the memory used|time=#.#s;;;; evictions=#;#;;; memory=#%;;;; \
         connections=#.#%;;@#:#;;",
    ),
    (
        "check_memcached -H 127.0.0.1 -p {memcached} --state-file {seen} --warning-memory @0:100",
        1,
        "MEMCACHED WARNING - #% of the memory used (WARNING), ",
    ),
    (
        "check_memcached -H 127.0.0.1 -p {closed}",
        2,
        "connect to address #.#.#.# and port #: Connection refused",
    ),
    ("check_memcached -H 127.0.0.1 -p {garbage}", 2, "MEMCACHED CRITICAL - an answer that cannot be read"),
    ("check_memcached -H 127.0.0.1 -p {flood}", 2, "MEMCACHED CRITICAL - an answer that cannot be read"),
    ("check_memcached -H 127.0.0.1 -p {closing}", 2, "MEMCACHED CRITICAL - "),
];

#[test]
fn stores_of_keys_are_judged() -> Result<()> {
    let (mut servers, _nginx) = crate::cases::web()?;
    let _stores = Stores::start(&mut servers)?;
    servers.file("seen", "")?;
    servers.file("secret", "let-me-in\n")?;
    all_say(&servers, STORES)
}

#[test]
fn the_status_of_nginx_is_judged() -> Result<()> {
    let (mut servers, _nginx) = crate::cases::web()?;
    servers.file("seen", "")?;
    all_say(&servers, NGINX)
}

/// Each row, and that Icinga can read what it says.
pub(crate) fn all_say(servers: &Servers, rows: &[(&str, i32, &str)]) -> Result<()> {
    let (mut failures, mut data) = (Vec::new(), Vec::new());
    for (line, code, text) in rows {
        let ran = run(servers, &line.replace("0.#", "0.000001"))?;
        let said = numbers_masked(ran.output.trim_end());
        if ran.code != *code || !said.starts_with(text) {
            failures.push(format!("{line}\n  {} {said}\n  not\n  {code} {text}", ran.code));
        }
        data.extend(ran.perfdata()?);
    }
    failures.extend(crate::through_icinga(&data)?);
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    Ok(())
}

fn run(servers: &Servers, line: &str) -> Result<Ran> {
    let words = servers.words(line)?;
    let (check, args) = words.split_first().context("an empty line")?;
    let mut command = our_command(check)?;
    command.args(args);
    run_ours(command)
}

/// With `#` for every run of digits, and one space for several.
pub(crate) fn numbers_masked(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let c = if c.is_ascii_digit() { '#' } else { c };
        if !(matches!(c, '#' | ' ') && out.ends_with(c)) {
            out.push(c);
        }
    }
    out
}
