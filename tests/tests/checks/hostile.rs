//! Servers that keep every check waiting: none of it is longer than it was told to take.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use plimsoll_tests::plugins::{our_command, run_ours};
use plimsoll_tests::servers::Servers;

/// What the contract grants beyond the time of `-t`.
pub(crate) const BEYOND: Duration = Duration::from_millis(200);

/// The shortest of some runs, since a busy machine only ever adds to one.
pub(crate) fn time_of(mut run: impl FnMut() -> Result<()>) -> Result<Duration> {
    let mut shortest = Duration::MAX;
    for _ in 0..3 {
        let start = Instant::now();
        run()?;
        shortest = shortest.min(start.elapsed());
        if shortest <= Duration::from_secs(1) + BEYOND {
            break;
        }
    }
    Ok(shortest)
}

/// What each name says of servers that keep it waiting. What asks again and again, or only counts what is lost, has its own
/// last word, which comes no later.
const HOSTILE: &[(&str, &str)] = &[
    ("check_by_ssh -H 127.0.0.1 -p {silent} -C xy", PLUGIN),
    ("check_by_ssh -H {backlog} -p {port} -C xy", PLUGIN),
    ("check_clamd -H 127.0.0.1 -p {silent}", SOCKET),
    ("check_container -u http://127.0.0.1:{http-endless}/ --name x", SOCKET),
    ("check_containerd -H {silent-socket}", SOCKET),
    ("check_curl -H {backlog} -p {port}", "HTTP WARNING - Invalid HTTP response received from host on port"),
    (
        "check_curl -H 127.0.0.1 -p {silent}",
        "HTTP WARNING - Invalid HTTP response received from host on port",
    ),
    ("check_curl -H 127.0.0.1 -p {http-endless} -s nothere", "HTTP WARNING - Invalid HTTP response received"),
    ("check_dig -H 127.0.0.1 -p {udp-silent} -l x.example", PLUGIN),
    ("check_dns -H x.example -s {dns-silent}", PLUGIN),
    ("check_docker -H {silent-socket}", SOCKET),
    ("check_docker -H 127.0.0.1:{http-endless}", SOCKET),
    ("check_docker -H {backlog}:{port}", SOCKET),
    ("check_docker --secure-connection 127.0.0.1:{silent}", SOCKET),
    ("check_ftp -H 127.0.0.1 -p {silent}", SOCKET),
    ("check_grpc_health -H 127.0.0.1 -p {silent}", SOCKET),
    ("check_grpc_health -H 127.0.0.1 -p {silent} -S", SOCKET),
    ("check_grpc_health -H {backlog} -p {port}", SOCKET),
    ("check_host -H 224.0.0.99", "CRITICAL - 224.0.0.99: rta nan, lost 100%"),
    ("check_http -H 127.0.0.1 -p {silent}", SOCKET),
    ("check_http -H 127.0.0.1 -p {silent} -S", SOCKET),
    ("check_http -H 127.0.0.1 -p {http-trickle}", SOCKET),
    ("check_http -H 127.0.0.1 -p {http-endless} -s nothere", SOCKET),
    ("check_http -H 127.0.0.1 -p {http-endless-head}", SOCKET),
    ("check_http -H {backlog} -p {port}", SOCKET),
    ("check_icmp -H 224.0.0.99 -c 20s,80%", "CRITICAL - 224.0.0.99: rta nan, lost 100%"),
    ("check_imap -H 127.0.0.1 -p {silent}", SOCKET),
    ("check_jabber -H 127.0.0.1 -p {silent}", SOCKET),
    ("check_kube --server http://127.0.0.1:{http-endless}", SOCKET),
    ("check_kube --server https://127.0.0.1:{silent} --insecure", SOCKET),
    ("check_kube --server http://{backlog}:{port}", SOCKET),
    ("check_memcached -H 127.0.0.1 -p {silent}", SOCKET),
    ("check_memcached -H {backlog} -p {port}", SOCKET),
    ("check_mysql -H 127.0.0.1 -P {silent} -u x", SOCKET),
    ("check_mysql -H 127.0.0.1 -P {mysql-crawl} -u x -l", SOCKET),
    ("check_mysql -H {backlog} -P {port} -u x", SOCKET),
    ("check_mysql_query -H 127.0.0.1 -P {silent} -u x -q x", SOCKET),
    ("check_nginx_status -H 127.0.0.1 -p {http-trickle}", SOCKET),
    ("check_nntp -H 127.0.0.1 -p {silent}", SOCKET),
    ("check_nntps -H 127.0.0.1 -p {silent}", SOCKET),
    ("check_nrpe -H 127.0.0.1 -p {silent}", NRPE),
    ("check_nrpe -H 127.0.0.1 -p {silent} -n", NRPE),
    ("check_nrpe -H 127.0.0.1 -p {silent} -d 0", NRPE),
    ("check_nrpe -H 127.0.0.1 -p {nrpe-crawl} -n", NRPE),
    ("check_nrpe -H 127.0.0.1 -p {tls-crawl}", NRPE),
    ("check_nrpe -H {backlog} -p {port}", NRPE),
    ("check_ntp -H 127.0.0.1 -p {udp-silent}", "NTP CRITICAL: No response from NTP server"),
    ("check_ntp -H 127.0.0.1 -p {ntp-mute} -j 5", SOCKET),
    ("check_ntp_peer -H 127.0.0.1 -p {udp-silent}", SOCKET),
    ("check_ntp_time -H 127.0.0.1 -p {udp-silent}", "NTP CRITICAL: No response from NTP server"),
    ("check_pgsql -H 127.0.0.1 -P {silent} -l x", PLUGIN),
    ("check_pgsql -H 127.0.0.1 -P {silent} -l x -o sslmode=disable", PLUGIN),
    ("check_pgsql -H {backlog} -P {port} -l x", PLUGIN),
    ("check_ping -H 224.0.0.99 -w 100,20% -c 20000,60% -p 1", "PING CRITICAL - Packet loss = 100%"),
    ("check_ping -H 224.0.0.99 -w 100,20% -c 500,60% -p 20", "PING CRITICAL - Packet loss = 100%"),
    ("check_plimsoll -u http://127.0.0.1:{http-endless}/", SOCKET),
    ("check_pop -H 127.0.0.1 -p {silent}", SOCKET),
    ("check_prometheus -u https://127.0.0.1:{silent}/ -q x", SOCKET),
    ("check_prometheus -u http://127.0.0.1:{http-endless}/ -q x", SOCKET),
    ("check_redis -H 127.0.0.1 -p {silent}", SOCKET),
    ("check_redis -H 127.0.0.1 -p {silent} -S", SOCKET),
    ("check_rest -u http://127.0.0.1:{http-endless}/", SOCKET),
    ("check_rest -u https://127.0.0.1:{silent}/", SOCKET),
    ("check_rta_multi -H 224.0.0.99 -c 20s,80%", "CRITICAL - 224.0.0.99: rta nan, lost 100%"),
    ("check_simap -H 127.0.0.1 -p {silent}", SOCKET),
    ("check_smtp -H 127.0.0.1 -p {silent}", SOCKET),
    ("check_smtp -H 127.0.0.1 -p {crawl}", SOCKET),
    ("check_smtp -H {backlog} -p {port}", SOCKET),
    ("check_spop -H 127.0.0.1 -p {silent}", SOCKET),
    ("check_ssh -H 127.0.0.1 -p {silent}", SOCKET),
    ("check_ssh -H 127.0.0.1 -p {crawl}", SOCKET),
    ("check_ssh -H {backlog} -p {port}", SOCKET),
    ("check_ssl_cert -H 127.0.0.1 -p {silent}", "WARNING - Timeout after 1 seconds"),
    ("check_ssl_cert -H 127.0.0.1 -p {crawl} -P smtp", "WARNING - Timeout after 1 seconds"),
    ("check_ssmtp -H 127.0.0.1 -p {silent}", SOCKET),
    ("check_tcp -H 127.0.0.1 -p {silent} -e x", SOCKET),
    ("check_tcp -H 127.0.0.1 -p {flood} -s x -e nothing -d 30", SOCKET),
    ("check_tcp -H 127.0.0.1 -p {silent} -S", SOCKET),
    ("check_tcp -H {backlog} -p {port}", SOCKET),
    ("check_systemd -s {silent-socket}", PLUGIN),
    ("check_time -H 127.0.0.1 -p {silent}", SOCKET),
    ("check_time -H 127.0.0.1 -p {udp-silent} -u", SOCKET),
    ("check_udp -H 127.0.0.1 -p {udp-silent} -s x -e y", SOCKET),
    ("negate -T 1 /bin/sleep 30", PLUGIN),
];

const SOCKET: &str = "WARNING - Socket timeout after 1 seconds";
const NRPE: &str = "CHECK_NRPE STATE WARNING: Socket timeout after 1 seconds.";
const PLUGIN: &str = "WARNING - Plugin timed out after 1 seconds";
/// Those that wait for no server: what they ask is their caller, or this host.
const ASK_NOBODY: &[&str] = &[
    "check_cluster",
    "check_disk",
    "check_dummy",
    "check_file_age",
    "check_load",
    "check_log",
    "check_mem",
    "check_mem.pl",
    "check_pressure",
    "check_procs",
    "check_swap",
    "check_uptime",
    "check_users",
];

#[test]
fn a_timeout_is_kept_by_every_name_against_every_hostile_server() -> Result<()> {
    let mut servers = Servers::start()?;
    plimsoll_tests::ntp::start(&mut servers)?;
    let full = full_backlog()?;
    servers.name("backlog", "127.0.0.1");
    servers.name("port", full.0);
    let silent = silent_name_server()?;
    servers.name("dns-silent", silent.local_addr()?.ip());
    // Whoever connects is kept waiting by the system.
    let _listener = std::os::unix::net::UnixListener::bind(servers.path("silent-socket"))?;
    let failures = Mutex::new(Vec::new());
    let next = Mutex::new(HOSTILE.iter());
    std::thread::scope(|scope| {
        // They only wait, a few beside each other.
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some((line, said)) = { next.lock().unwrap().next() } {
                    if let Err(error) = hold_out(&servers, line, said) {
                        failures.lock().unwrap().push(format!("{line}: {error:#}"));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    let tried = |name: &&str| HOSTILE.iter().any(|(line, _)| line.split(' ').next() == Some(name));
    let names = crate::kept::names()?;
    let untried = names.lines().filter(|name| !tried(name) && !ASK_NOBODY.contains(name));
    assert_eq!(untried.collect::<Vec<_>>(), Vec::<&str>::new());
    Ok(())
}

/// One of them: what it says, and that it is over in time.
fn hold_out(servers: &Servers, line: &str, said: &str) -> Result<()> {
    let mut words = servers.words(line)?;
    words.splice(1..1, ["-t".to_owned(), "1:1".to_owned()]);
    let time = time_of(|| {
        let mut command = our_command(&words[0])?;
        command.args(&words[1..]);
        let ran = run_ours(command)?;
        ensure!(ran.output.starts_with(said) && ran.output.lines().count() == 1, "{}", ran.output);
        // What counts as lost is judged as such; the end of the time has the state that was given.
        let code = if said.contains("CRITICAL") { 2 } else { 1 };
        ensure!(ran.code == code, "{} {}", ran.code, ran.output);
        Ok(())
    })?;
    ensure!(time <= Duration::from_secs(1) + BEYOND, "{time:?}");
    // Nobody is given up before that but by a last word of its own.
    ensure!(said.contains("CRITICAL") || time >= Duration::from_secs(1), "{time:?}");
    Ok(())
}

/// Where name servers are, at an address of this process alone.
fn silent_name_server() -> Result<std::net::UdpSocket> {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    Ok(std::net::UdpSocket::bind((std::net::Ipv4Addr::new(127, 78, high, low), 53))?)
}

/// A listener that takes nobody in, and those who wait for it: who comes now hears nothing at all.
fn full_backlog() -> Result<(u16, Vec<std::net::TcpStream>, std::os::fd::OwnedFd)> {
    use rustix::net::{AddressFamily, SocketAddrAny, SocketType};
    let listener = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
    rustix::net::bind(&listener, &SocketAddrAny::from(std::net::SocketAddr::from(([127, 0, 0, 1], 0))))?;
    rustix::net::listen(&listener, 0)?;
    let address = std::net::SocketAddr::try_from(rustix::net::getsockname(&listener)?)?;
    let mut waiting = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
        waiting.push(stream);
    }
    Ok((address.port(), waiting, listener))
}
