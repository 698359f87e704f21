//! The command lines, by check: `{name}` stands for a server's port or path (see `plimsoll_tests::servers`).

use anyhow::Result;
use plimsoll_tests::nginx::Nginx;
use plimsoll_tests::servers::Servers;

use crate::Case;

#[path = "cases/cluster.rs"]
mod cluster;
#[path = "cases/dummy.rs"]
mod dummy;
#[path = "cases/http.rs"]
mod http;
#[path = "cases/negate.rs"]
mod negate;
#[path = "cases/ping.rs"]
mod ping;
#[path = "cases/tcp.rs"]
mod tcp;

/// All of them.
pub(crate) const ALL: &[&[Case]] =
    &[cluster::CASES, dummy::CASES, http::CASES, negate::CASES, ping::CASES, tcp::CASES];

/// Everything they talk to.
pub(crate) fn servers() -> Result<(Servers, Nginx)> {
    let mut servers = Servers::start()?;
    let nginx = Nginx::start(&mut servers)?;
    servers.file("ini", INI)?;
    servers.name("plugins", plimsoll_tests::plugins::THEIRS);
    Ok((servers, nginx))
}

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
