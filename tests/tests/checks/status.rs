//! The checks that ask a server for what it counts, beside real ones. How much that is depends on who else asks: what is
//! compared is the text, with `#` for every number.

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::plugins::{Ran, our_command, run_ours};
use plimsoll_tests::servers::Servers;

/// Command line, exit code, and the beginning of what it says.
type Row = (&'static str, i32, &'static str);

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

#[test]
fn the_status_of_nginx_is_judged() -> Result<()> {
    let (mut servers, _nginx) = crate::cases::web()?;
    servers.file("seen", "")?;
    all_say(&servers, NGINX)
}

/// Each row, and that Icinga can read what it says.
fn all_say(servers: &Servers, rows: &[Row]) -> Result<()> {
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
fn numbers_masked(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let c = if c.is_ascii_digit() { '#' } else { c };
        if !(matches!(c, '#' | ' ') && out.ends_with(c)) {
            out.push(c);
        }
    }
    out
}
