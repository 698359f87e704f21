//! The command lines, by check: `{name}` stands for a server's port or path (see `plimsoll_tests::servers`).

use std::path::PathBuf;

use anyhow::Result;
use plimsoll_tests::host::{Family, Mounts};
use plimsoll_tests::nginx::Nginx;
use plimsoll_tests::servers::Servers;
use plimsoll_tests::services::Services;

use crate::Case;

#[path = "cases/by_ssh.rs"]
mod by_ssh;
#[path = "cases/cluster.rs"]
mod cluster;
#[path = "cases/curl.rs"]
mod curl;
#[path = "cases/disk.rs"]
mod disk;
#[path = "cases/dns.rs"]
mod dns;
#[path = "cases/dummy.rs"]
mod dummy;
#[path = "cases/file_age.rs"]
mod file_age;
#[path = "cases/http.rs"]
mod http;
#[path = "cases/https.rs"]
mod https;
#[path = "cases/load.rs"]
mod load;
#[path = "cases/log.rs"]
mod log;
#[path = "cases/mysql.rs"]
mod mysql;
#[path = "cases/negate.rs"]
mod negate;
#[path = "cases/nrpe.rs"]
mod nrpe;
#[path = "cases/ntp.rs"]
mod ntp;
#[path = "cases/pgsql.rs"]
mod pgsql;
#[path = "cases/ping.rs"]
mod ping;
#[path = "cases/procs.rs"]
mod procs;
#[path = "cases/smtp.rs"]
mod smtp;
#[path = "cases/ssh.rs"]
mod ssh;
#[path = "cases/swap.rs"]
mod swap;
#[path = "cases/tcp.rs"]
mod tcp;
#[path = "cases/time.rs"]
mod time;
#[path = "cases/tls.rs"]
mod tls;
#[path = "cases/users.rs"]
mod users;

/// All of them.
pub(crate) const ALL: &[&[Case]] = &[
    by_ssh::CASES,
    cluster::CASES,
    curl::CASES,
    disk::CASES,
    dns::CASES,
    dummy::CASES,
    file_age::CASES,
    http::CASES,
    https::CASES,
    load::CASES,
    log::CASES,
    mysql::CASES,
    negate::CASES,
    nrpe::CASES,
    ntp::CASES,
    pgsql::CASES,
    ping::CASES,
    procs::CASES,
    smtp::CASES,
    ssh::CASES,
    swap::CASES,
    tcp::CASES,
    time::CASES,
    tls::CASES,
    users::CASES,
];

/// What may run twice at once: every manner of server, and the web server.
pub(crate) fn web() -> Result<(Servers, Nginx)> {
    let mut servers = Servers::start()?;
    let nginx = Nginx::start(&mut servers)?;
    Ok((servers, nginx))
}

/// What the checks of a host look at.
pub(crate) type Host = (Family, Mounts);

/// Everything they talk to, and what keeps it running. Once at a time: name servers have one port.
pub(crate) fn servers() -> Result<(Servers, Nginx, Services, Host)> {
    let (mut servers, nginx) = web()?;
    let certificates = PathBuf::from(servers.place("www")?);
    let services = Services::start(&mut servers, &certificates)?;
    plimsoll_tests::ntp::start(&mut servers)?;
    plimsoll_tests::ntp::start_at_123(&mut servers)?;
    crate::names::serve(LIAR)?;
    servers.name("liar", LIAR);
    servers.file("ini", INI)?;
    servers.file("log", log::LOG)?;
    servers.file("nrpe-file", nrpe::FILE)?;
    servers.file("passive", "")?;
    servers.file("my-cnf", mysql::OPTION_FILE)?;
    servers.name("plugins", plimsoll_tests::plugins::THEIRS);
    let host = (Family::start(&mut servers)?, Mounts::make(&mut servers)?);
    Ok((servers, nginx, services, host))
}

/// Where the name server is that lies.
const LIAR: &str = "127.77.77.79";

/// For `--extra-opts`.
const INI: &str = "\
# A comment.
; Another.

[tcp]
hostname = 127.0.0.1
timeout=7

[ check_tcp ]
hostname=127.0.0.1

[short]
H=127.0.0.1

[faulty]
verbose
";
