//! What an execution of each check costs, beside the C plugin's on the same command line, in turns.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result};
use plimsoll_tests::containerd::Containerd;
use plimsoll_tests::nginx::Nginx;
use plimsoll_tests::plugins::{our_command, their_command};
use plimsoll_tests::servers::Servers;
use plimsoll_tests::services::Services;
use plimsoll_tests::services::stores::Stores;
use plimsoll_tests::tools;

/// Executions of each side; of their times the median counts.
const EXECUTIONS: usize = 200;
/// Of those whose time is mostly the server's.
const FEW: usize = 50;

/// Command line, whether the C plugin starts another program and ours does not, and how often each is executed.
type Row = (&'static str, bool, usize);

const ROWS: &[Row] = &[
    ("check_dummy 0", false, EXECUTIONS),
    ("check_cluster -s -d 0,0,1 -c 2", false, EXECUTIONS),
    ("check_tcp -H 127.0.0.1 -p {ftp} -e 220", false, EXECUTIONS),
    ("check_tcp -S -H 127.0.0.1 -p {https-good}", false, EXECUTIONS),
    ("check_ftp -H 127.0.0.1 -p {ftp}", false, EXECUTIONS),
    ("check_udp -H 127.0.0.1 -p {udp-echo} -s x -e x", false, EXECUTIONS),
    ("check_http -H 127.0.0.1 -p {http}", false, EXECUTIONS),
    ("check_http -S -H 127.0.0.1 -p {https-good}", false, EXECUTIONS),
    ("check_curl -H 127.0.0.1 -p {http}", false, EXECUTIONS),
    ("check_ssh -H 127.0.0.1 -p {ssh-plain}", false, EXECUTIONS),
    ("check_smtp -H 127.0.0.1 -p {smtp}", false, EXECUTIONS),
    ("check_smtp -S -H 127.0.0.1 -p {starttls-good}", false, EXECUTIONS),
    ("check_pgsql -H 127.0.0.1 -P {pgsql} -l tester", false, EXECUTIONS),
    ("check_mysql -H 127.0.0.1 -P {mysql} -u tester", false, EXECUTIONS),
    ("check_mysql -l -H 127.0.0.1 -P {mysql} -u tester", false, EXECUTIONS),
    ("check_mysql_query -H 127.0.0.1 -P {mysql} -u tester -q 'select 1'", false, EXECUTIONS),
    ("check_ntp_time -H 127.0.0.1 -p {chrony}", false, EXECUTIONS),
    ("check_ntp_peer -H 127.0.0.1 -p {ntp-source}", false, EXECUTIONS),
    ("check_dns -H www.example.test -s {nsd}", true, EXECUTIONS),
    ("check_dig -H {nsd} -l www.example.test", true, EXECUTIONS),
    ("check_icmp -H 127.0.0.1 -n 1", false, EXECUTIONS),
    ("check_ping -H 127.0.0.1 -p 1 -w 100,20% -c 500,60%", true, EXECUTIONS),
    ("check_file_age -f /etc/passwd", true, EXECUTIONS),
    ("check_load -w 5000 -c 6000", true, EXECUTIONS),
    ("check_users -w 1000 -c 2000", false, EXECUTIONS),
    ("check_procs -w 10000 -c 20000", true, EXECUTIONS),
    ("check_procs -a nosuchprogram -c 10000", true, EXECUTIONS),
    ("check_log -F /etc/services -O /dev/null -q nosuchservice", true, EXECUTIONS),
    ("check_disk -w 1% -c 1% -p /", false, EXECUTIONS),
    ("check_disk -w 1% -c 1% -X tmp", false, EXECUTIONS),
    ("check_swap -w 10% -c 5%", false, EXECUTIONS),
    ("negate {plugins}/check_dummy 0", false, EXECUTIONS),
    ("check_icmp -H 127.0.0.1", false, EXECUTIONS),
    ("check_host -H 127.0.0.1", false, EXECUTIONS),
    ("check_imap -H 127.0.0.1 -p {real-imap}", false, EXECUTIONS),
    ("check_simap -H 127.0.0.1 -p {real-imaps}", false, EXECUTIONS),
    ("check_pop -H 127.0.0.1 -p {real-pop}", false, EXECUTIONS),
    ("check_spop -H 127.0.0.1 -p {real-pops}", false, EXECUTIONS),
    ("check_nrpe -n -H 127.0.0.1 -p {nrpe-plain} -c fine", false, EXECUTIONS),
    ("check_nrpe -H 127.0.0.1 -p {nrpe} -c fine", false, FEW),
    ("check_nrpe -H 127.0.0.1 -p {nrpe-tls} -c fine", false, FEW),
    ("check_by_ssh -H 127.0.0.1 -F {login-options} -C 'echo fine'", false, FEW),
];

/// Those that Debian has no plugin of, beside the nearest that it has: one that asks the same server for a page, or reads as small a file.
const ALONE: &[(&str, &str)] = &[
    ("check_mem -u -w 100 -c 100", "check_swap -w 1% -c 1%"),
    ("check_pressure -w 100", "check_swap -w 1% -c 1%"),
    ("check_time", "check_swap -w 1% -c 1%"),
    (
        "check_ssl_cert -H localhost -p {https-good} -r {www}/authority.pem",
        "check_http -S -H localhost -p {https-good} -C 15",
    ),
    (
        "check_rest -u http://127.0.0.1:{http}/data.json -q count -c 50",
        "check_http -H 127.0.0.1 -p {http} -u /data.json -s 42",
    ),
    (
        "check_rest -u https://127.0.0.1:{https-good}/data.json -q count -c 50",
        "check_http -S -H 127.0.0.1 -p {https-good} -u /data.json -s 42",
    ),
    (
        "check_nginx_status -H 127.0.0.1 -p {http} --state-file {seen}",
        "check_http -H 127.0.0.1 -p {http} -u /nginx_status",
    ),
    (
        "check_plimsoll -H 127.0.0.1 -p {http} --state-file {seen}",
        "check_http -H 127.0.0.1 -p {http} -u /metrics",
    ),
    (
        "check_prometheus -H 127.0.0.1 -p {http} -q 1",
        "check_http -H 127.0.0.1 -p {http} -u /api/v1/query?query=1",
    ),
    ("check_docker -H 127.0.0.1:{http}", "check_http -H 127.0.0.1 -p {http} -u /version"),
    ("check_containerd -H {containerd} --no-cri", "check_http -H 127.0.0.1 -p {http}"),
    ("check_kube --server http://127.0.0.1:{http}", "check_http -H 127.0.0.1 -p {http} -u /readyz"),
    ("check_grpc_health -H 127.0.0.1 -p {h2c}", "check_http -H 127.0.0.1 -p {http}"),
    ("check_grpc_health -S -H 127.0.0.1 -p {https-good}", "check_http -S -H 127.0.0.1 -p {https-good}"),
];

/// One percent of what the contributed script of that name takes, a shell that starts many programs.
const SSL_CERT_GOAL: &str = "at most 10.69 ms";

pub(crate) fn run() -> Result<()> {
    let mut servers = Servers::start()?;
    let nginx = Nginx::start(&mut servers)?;
    let certificates = std::path::PathBuf::from(servers.place("www")?);
    let services = Services::start(&mut servers, &certificates)?;
    plimsoll_tests::ntp::start(&mut servers)?;
    servers.file("seen", "")?;
    let stores = Stores::start(&mut servers)?;
    let containerd = Containerd::start(&mut servers)?;
    servers.name("plugins", plimsoll_tests::plugins::THEIRS);
    for (line, forks, executions) in ROWS {
        let goal = if *forks { "at most 0.50 of C" } else { "at most 1.00 of C" };
        let _ = beside(&servers, line, line, *executions, goal)?;
    }
    for (line, nearest) in ALONE {
        let ours = beside(&servers, line, nearest, EXECUTIONS, "at most 1.00 of C, of the nearest")?;
        if line.starts_with("check_ssl_cert") {
            crate::report("", &format!("{ours:.2} ms"), SSL_CERT_GOAL);
        }
    }
    drop((nginx, services, stores, containerd));
    Ok(())
}

/// Both in turns; gives the median of ours in milliseconds.
fn beside(servers: &Servers, line: &str, theirs: &str, executions: usize, goal: &str) -> Result<f64> {
    let (mut of_ours, mut of_theirs) = (Vec::new(), Vec::new());
    let our_words = servers.words(line)?;
    let their_words = servers.words(theirs)?;
    let (our_check, our_args) = our_words.split_first().context("an empty line")?;
    let (their_check, their_args) = their_words.split_first().context("an empty line")?;
    for _ in 0..executions {
        of_ours.push(execute(our_command(our_check)?.args(our_args))?);
        of_theirs.push(execute(their_command(their_check)?.args(their_args))?);
    }
    let (of_ours, of_theirs) = (median(&mut of_ours), median(&mut of_theirs));
    crate::report(line, &format!("{:.2} of C", of_ours / of_theirs), goal);
    let ours = rss_mib(our_command(our_check)?.args(our_args))?;
    let more = ours - rss_mib(their_command(their_check)?.args(their_args))?;
    crate::report("", &format!("{of_ours:.2} ms, C {of_theirs:.2} ms"), "");
    crate::report("", &format!("RSS of C {more:+.1} MB"), "at most +2.0 MB");
    Ok(of_ours)
}

/// Milliseconds of one execution.
fn execute(command: &mut Command) -> Result<f64> {
    command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null());
    let start = Instant::now();
    command.status().with_context(|| format!("{command:?}"))?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

/// The most that one execution holds, with what it starts. Asked of a parent that itself holds little, since what a
/// process held before it became the program counts as the program's.
fn rss_mib(command: &Command) -> Result<f64> {
    let output = Command::new(tools::busybox()?)
        .args(["time", "-f", "rss %M"])
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null())
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let number = text.lines().rev().find_map(|line| line.strip_prefix("rss ")?.trim().parse::<f64>().ok());
    // busybox takes what the kernel gives in KiB for pages.
    let pages = rustix::param::page_size() as f64 / 1024.0;
    Ok(number.with_context(|| format!("busybox time: {text}"))? / pages / 1024.0)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
