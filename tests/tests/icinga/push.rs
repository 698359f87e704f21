//! `plimsoll checks push` and a real Icinga that goes away and comes back. What Icinga has processed it tells a collector of
//! graphs, one line for each result: so none can be missing there, and none be there twice, without being seen.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::exporter;
use plimsoll_tests::icinga::{Icinga, NODE, USER};

/// Counts, and says so.
const COUNTER: &str = "#!/bin/sh\nnumber=$(($(cat \"$1\") + 1))\necho $number >\"$1.new\" && mv \"$1.new\" \"$1\"\n\
                       echo \"OK - run $number|n=$number\"\n";
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn what_waits_while_icinga_is_away_arrives_in_order_and_once() -> Result<()> {
    let place = Place::make("away")?;
    let graphs = Graphs::listen()?;
    let mut icinga = Icinga::start(&configuration(graphs.port))?;
    graphs.until_connected(1)?;
    let way = Way::lay(icinga.port())?;
    let file = place.configure(&icinga, way.port, "user")?;
    let pusher = Pusher::start(&file)?;
    graphs.until(3)?;

    // What Icinga processes before it has found the collector, or after it has left it, nobody would see: so the way is
    // closed first, and opened last.
    way.open.store(false, Ordering::SeqCst);
    place.until_waiting(2)?;
    icinga.stop()?;
    let gone = graphs.values().len();
    place.until_waiting(5)?;
    icinga.run()?;
    graphs.until_connected(2)?;
    way.open.store(true, Ordering::SeqCst);
    graphs.until(gone + 8)?;

    // It ends where it stands, with results that wait: they are handed over by the next.
    way.open.store(false, Ordering::SeqCst);
    place.until_waiting(3)?;
    drop(pusher);
    let waiting = place.waiting()?;
    way.open.store(true, Ordering::SeqCst);
    let _pusher = Pusher::start(&file)?;
    let last = *waiting.last().context("nothing waits")?;
    graphs.await_that(|seen| seen.values.last().is_some_and(|value| *value > last))?;

    let values = graphs.values();
    // The run that was under way when the process ended has no result; all others have one.
    let missing: Vec<u64> = (1..=last).filter(|number| !values.contains(number)).collect();
    assert_eq!(missing, Vec::<u64>::new());
    assert!(values.is_sorted_by(|a, b| a < b), "in order, and once: {values:?}");
    let service = &icinga.services("remote")?[0];
    assert_eq!(service.attrs["last_check_result"]["check_source"], "box.example", "{service:?}");
    assert_eq!(service.attrs["last_check_result"]["ttl"], 60.0);
    Ok(())
}

#[test]
fn a_result_whose_answer_is_lost_is_not_handed_over_twice() -> Result<()> {
    let place = Place::make("lost")?;
    let graphs = Graphs::listen()?;
    let icinga = Icinga::start(&configuration(graphs.port))?;
    graphs.until_connected(1)?;
    let way = Way::lay(icinga.port())?;
    let file = place.configure(&icinga, way.port, "certificate")?;
    let _pusher = Pusher::start(&file)?;
    graphs.until(1)?;
    // From now on one more arrives, and nobody says so.
    way.swallow.store(true, Ordering::SeqCst);
    place.until_waiting(3)?;
    let first = *place.waiting()?.first().context("nothing waits")?;
    graphs.await_that(|seen| seen.values.contains(&first))?;
    way.swallow.store(false, Ordering::SeqCst);
    graphs.until(5)?;
    let values = graphs.values();
    assert_eq!(values, (1..=values.len() as u64).collect::<Vec<_>>());
    Ok(())
}

#[test]
fn a_file_is_validated_whole() -> Result<()> {
    let place = Place::make("file")?;
    let file = place.directory.join("push.yml");
    let check = |text: &str| -> Result<(bool, String)> {
        std::fs::write(&file, text)?;
        let output =
            Command::new(exporter::path()?).args(["checks", "push", "--check"]).arg(&file).output()?;
        let said = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8(said)?.replace(&*file.display().to_string(), "FILE")))
    };
    let good = "icinga: {url: \"https://x\", certificate: /c, key: /k}\nchecks: [{command: [check_load]}]\n";
    assert_eq!(check(good)?, (true, "FILE: valid, checks: 1\n".to_owned()));
    let faults = "FILE: line 1, column 1: icinga: this field is missing\n\
                  FILE: line 2, column 3: checks[0].service: expected text\n";
    assert_eq!(
        check("checks:\n- service: []\n  command: [check_load]\n")?,
        (false, faults.replace("column 3", "column 12"))
    );
    Ok(())
}

/// A host that Icinga never asks anything.
fn configuration(graphs: u16) -> String {
    format!(
        "object Host \"remote\" {{ check_command = \"dummy\"\n enable_active_checks = false }}\n\
         object Service \"a counter\" {{ host_name = \"remote\"\n check_command = \"dummy\"\n enable_active_checks = false }}\n\
         object GraphiteWriter \"graphs\" {{ host = \"127.0.0.1\"\n port = {graphs} }}\n"
    )
}

/// The pusher's files.
struct Place {
    directory: PathBuf,
}

impl Place {
    fn make(name: &str) -> Result<Self> {
        let directory = std::env::temp_dir().join(format!("plimsoll-push-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        let program = directory.join("counter");
        std::fs::write(&program, COUNTER)?;
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))?;
        std::fs::write(directory.join("count"), "0\n")?;
        Ok(Self { directory })
    }

    /// Who logs in with a password, or shows a certificate.
    fn configure(&self, icinga: &Icinga, port: u16, who: &str) -> Result<PathBuf> {
        let (place, certs) = (self.directory.display(), icinga.directory().join("data/certs"));
        let certs = certs.display();
        let (user, password) = USER.split_once(':').context("no password")?;
        std::fs::write(self.directory.join("password"), format!("{password}\n"))?;
        let login = match who {
            "user" => format!("  user: {user}\n  password_file: {place}/password\n"),
            _ => format!("  certificate: {certs}/other.pem\n  key: {certs}/other.key\n"),
        };
        let text = format!(
            "icinga:\n  url: https://127.0.0.1:{port}\n  name: {NODE}\n  ca: {certs}/authority.pem\n{login}\
             host: remote\ncheck_source: box.example\nqueue: {place}/queue\nretry_max: 1s\nchecks:\n\
             - service: a counter\n  command: [{place}/counter, {place}/count]\n  interval: 100ms\n  ttl: 60s\n"
        );
        let file = self.directory.join("push.yml");
        std::fs::write(&file, text)?;
        Ok(file)
    }

    /// What waits, by the number of its run.
    fn waiting(&self) -> Result<Vec<u64>> {
        let mut values = Vec::new();
        for entry in std::fs::read_dir(self.directory.join("queue"))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                // It may have gone meanwhile.
                let Ok(text) = std::fs::read_to_string(&path) else { continue };
                let result: serde_json::Value = serde_json::from_str(&text)?;
                let data = result["performance_data"].as_str().context("no perfdata")?;
                values.push(data.trim_start_matches("n=").parse()?);
            }
        }
        values.sort_unstable();
        Ok(values)
    }

    fn until_waiting(&self, count: usize) -> Result<()> {
        let start = Instant::now();
        while self.waiting()?.len() < count {
            ensure!(start.elapsed() < PATIENCE, "only {:?} wait", self.waiting()?);
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

struct Pusher(Child);

impl Pusher {
    fn start(file: &Path) -> Result<Self> {
        let mut command = Command::new(exporter::path()?);
        Ok(Self(command.args(["checks", "push"]).arg(file).stdin(Stdio::null()).spawn()?))
    }
}

impl Drop for Pusher {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where Icinga tells of every result it has processed.
struct Graphs {
    port: u16,
    seen: Arc<(Mutex<Seen>, Condvar)>,
}

#[derive(Debug, Default)]
struct Seen {
    connections: usize,
    values: Vec<u64>,
}

impl Graphs {
    fn listen() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (port, seen) = (listener.local_addr()?.port(), Arc::<(Mutex<Seen>, Condvar)>::default());
        let into = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                into.0.lock().unwrap_or_else(PoisonError::into_inner).connections += 1;
                into.1.notify_all();
                // `icinga2.remote.services.a_counter.dummy.perfdata.n.value 7 1700000000`
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let mut words = line.split(' ');
                    let named = words.next().is_some_and(|name| name.ends_with(".perfdata.n.value"));
                    if let Some(value) =
                        words.next().filter(|_| named).and_then(|value| value.parse::<f64>().ok())
                    {
                        into.0.lock().unwrap_or_else(PoisonError::into_inner).values.push(value as u64);
                        into.1.notify_all();
                    }
                }
            }
        });
        Ok(Self { port, seen })
    }

    fn values(&self) -> Vec<u64> {
        self.seen.0.lock().unwrap_or_else(PoisonError::into_inner).values.clone()
    }

    fn until(&self, count: usize) -> Result<()> {
        self.await_that(|seen| seen.values.len() >= count)
    }

    /// Until Icinga has found the way here for the nth time.
    fn until_connected(&self, count: usize) -> Result<()> {
        self.await_that(|seen| seen.connections >= count)
    }

    fn await_that(&self, done: impl Fn(&Seen) -> bool) -> Result<()> {
        let seen = self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (seen, timeout) = self
            .seen
            .1
            .wait_timeout_while(seen, PATIENCE, |seen| !done(seen))
            .unwrap_or_else(PoisonError::into_inner);
        ensure!(!timeout.timed_out(), "Icinga tells only of {seen:?}");
        Ok(())
    }
}

/// A way to Icinga that can be closed, and on which answers can be lost: a request goes through, and what follows the handshake
/// does not come back.
struct Way {
    port: u16,
    open: Arc<AtomicBool>,
    swallow: Arc<AtomicBool>,
}

impl Way {
    fn lay(to: u16) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let (open, swallow) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
        let (is_open, loses) = (Arc::clone(&open), Arc::clone(&swallow));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if !is_open.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                let lossy = loses.load(Ordering::SeqCst);
                std::thread::spawn(move || carry(client, server, lossy));
            }
        });
        Ok(Self { port, open, swallow })
    }
}

fn carry(client: TcpStream, server: TcpStream, lossy: bool) -> std::io::Result<()> {
    let (answered, mute) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let back = (client.try_clone()?, server.try_clone()?, Arc::clone(&answered), Arc::clone(&mute));
    std::thread::spawn(move || -> std::io::Result<()> {
        let (mut client, mut server, answered, mute) = back;
        let mut buffer = [0; 16 * 1024];
        loop {
            let read = server.read(&mut buffer)?;
            if read == 0 {
                return client.shutdown(Shutdown::Both);
            }
            if !(lossy && mute.load(Ordering::SeqCst)) {
                answered.store(true, Ordering::SeqCst);
                client.write_all(&buffer[..read])?;
            }
        }
    });
    let (mut client, mut server, mut buffer) = (client, server, [0; 16 * 1024]);
    loop {
        let read = client.read(&mut buffer)?;
        if read == 0 {
            return server.shutdown(Shutdown::Write);
        }
        // The end of the handshake, and the request with it or after it.
        mute.store(answered.load(Ordering::SeqCst), Ordering::SeqCst);
        server.write_all(&buffer[..read])?;
    }
}
