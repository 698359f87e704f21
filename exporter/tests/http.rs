//! The HTTP server as its clients see it, over real sockets.

#[path = "http/harness.rs"]
mod harness;
#[path = "http/hostile.rs"]
mod hostile;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use harness::{Answer, Running, settings, wait_until};
use plimsoll::http::{Reload, ReloadError, Scraper};

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[test]
fn formats_and_views() {
    let server = Running::start(settings());
    for (path, accept, content_type, body) in [
        ("/metrics", "Accept: */*", "text/plain; version=0.0.4; charset=utf-8", "Text All All\n"),
        ("/metrics", "Accept: application/openmetrics-text", OPENMETRICS, "OpenMetrics All All\n"),
        (
            "/metrics/cadvisor?x=1",
            "Accept: application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,*/*;q=0.1",
            OPENMETRICS,
            "OpenMetrics Cadvisor All\n",
        ),
        ("/metrics/node", "Accept: */*", "text/plain; version=0.0.4; charset=utf-8", "Text Node All\n"),
    ] {
        let answer = server.get_with(path, &[accept]);
        assert_eq!((answer.status, answer.text()), (200, body));
        assert_eq!(answer.header("content-type"), Some(content_type));
        assert_eq!(answer.header("vary"), Some("Accept, Accept-Encoding"));
        assert_eq!(answer.header("content-length"), Some(body.len().to_string().as_str()));
        assert_eq!(answer.header("content-encoding"), None);
    }
    assert_eq!(server.value("plimsoll_http_requests_total", "metrics"), 2.0);
    assert_eq!(server.value("plimsoll_http_requests_total", "cadvisor"), 1.0);
    assert_eq!(server.value("plimsoll_http_requests_total", "node"), 1.0);
}

#[test]
fn the_paths_move_with_the_flag() {
    for (path, cadvisor, node) in [("/prom", "/prom/cadvisor", "/prom/node"), ("/", "/cadvisor", "/node")] {
        let server = Running::start(plimsoll::http::Settings { telemetry_path: path.into(), ..settings() });
        assert_eq!(server.get(path).text(), "Text All All\n");
        assert_eq!(server.get(cadvisor).text(), "Text Cadvisor All\n");
        assert_eq!(server.get(node).text(), "Text Node All\n");
        assert_eq!(server.get("/metrics").status, 404);
    }
}

#[test]
fn gzip_round_trip() {
    let server = Running::start(settings());
    for (accept, packed) in [("gzip", true), ("gzip;q=0", false), ("deflate", false), ("gzip", true)] {
        let answer = server.get_with("/metrics?big", &[&format!("Accept-Encoding: {accept}")]);
        assert_eq!((answer.status, answer.header("content-encoding")), (200, packed.then_some("gzip")));
        let mut body = Vec::new();
        if packed {
            assert!(answer.body.len() < harness::BIG / 100);
            flate2::read::GzDecoder::new(&*answer.body).read_to_end(&mut body).expect("valid gzip");
        } else {
            body = answer.body;
        }
        assert!(body.len() == harness::BIG && body.iter().all(|b| *b == b'#'));
    }
}

#[test]
fn methods_and_paths() {
    let server = Running::start(settings());
    let head = Answer::read(server.ask("HEAD", "/metrics", &["Accept-Encoding: gzip"]));
    assert_eq!((head.status, head.body.len(), head.header("content-length")), (200, 0, None));
    assert_eq!(head.header("content-encoding"), Some("gzip"));
    assert_eq!(server.fake.scrapers(), [], "a HEAD is no scrape");
    for (method, target, status, allow) in [
        ("HEAD", "/-/healthy", 200, None),
        ("HEAD", "/nowhere", 404, None),
        ("HEAD", "/metrics?collect[]=nfs", 400, None),
        ("GET", "/nowhere", 404, None),
        ("GET", "/metrics/", 404, None),
        ("GET", "/-/", 404, None),
        ("POST", "/nowhere", 404, None),
        ("POST", "/metrics", 405, Some("GET, HEAD")),
        ("DELETE", "/", 405, Some("GET, HEAD")),
        ("OPTIONS", "/-/ready", 405, Some("GET, HEAD")),
        ("BREW", "/metrics/cadvisor", 405, Some("GET, HEAD")),
        ("GET", "/-/reload", 405, Some("POST, PUT")),
        ("POST", "/-/reload", 403, None),
        ("PUT", "/-/reload", 403, None),
    ] {
        let answer = Answer::read(server.ask(method, target, &[]));
        assert_eq!((answer.status, answer.header("allow")), (status, allow), "{method} {target}");
        assert_eq!(answer.body.is_empty(), method == "HEAD", "{method} {target}");
    }
}

#[test]
fn health_readiness_and_the_landing_page() {
    let server = Running::start(settings());
    assert_eq!(server.get("/-/healthy").text(), "Plimsoll is healthy.\n");
    let early = server.get("/-/ready");
    assert_eq!((early.status, early.text()), (503, "Plimsoll is not ready: the programs are not attached\n"));
    server.fake.make_ready();
    let ready = server.get("/-/ready");
    assert_eq!((ready.status, ready.text()), (200, "Plimsoll is ready.\n"));
    let page = server.get("/");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.text().contains("<td>refused: no BTF</td>"), "{}", page.text());
}

#[test]
fn collect_and_exclude() {
    let server = Running::start(settings());
    for (query, status, body) in [
        ("collect[]=oom&collect%5b%5d=sched", 200, "Text All Only([\"oom\", \"sched\"])\n"),
        ("exclude[]=o%6fm", 200, "Text All Except([\"oom\"])\n"),
        ("target=x", 200, "Text All All\n"),
        ("collect[]=nfs", 400, "missing collector: nfs\n"),
        ("exclude[]=nfs", 400, "missing collector: nfs\n"),
        ("collect[]=perf", 400, "disabled collector: perf\n"),
        ("collect[]=oom&exclude[]=sched", 400, "combined collect and exclude queries are not allowed\n"),
    ] {
        let answer = server.get(&format!("/metrics?{query}"));
        assert_eq!((answer.status, answer.text()), (status, body), "{query}");
    }
}

#[test]
fn a_scraper_is_known_by_address_agent_and_target() {
    let server = Running::start(settings());
    server.get_with("/metrics?x=%20", &["User-Agent: Prometheus/3.5.0"]);
    server.get("/metrics/cadvisor");
    let peer = server.address.ip();
    let scraper = |agent: &str, target: &str| Scraper { peer, agent: agent.into(), target: target.into() };
    let expected = [scraper("Prometheus/3.5.0", "/metrics?x=%20"), scraper("", "/metrics/cadvisor")];
    assert_eq!(server.fake.scrapers(), expected);
}

#[test]
fn beyond_max_requests_the_answer_is_503_at_once() {
    let server = Running::start(plimsoll::http::Settings { max_requests: 2, ..settings() });
    let blocked = [server.ask("GET", "/metrics?block", &[]), server.ask("GET", "/metrics?block", &[])];
    wait_until("both run", || server.fake.blocked() == 2);
    let refused = server.get("/metrics");
    assert_eq!(
        (refused.status, refused.text()),
        (503, "Limit of concurrent requests reached (2), try again later.\n")
    );
    assert_eq!(server.get("/-/healthy").status, 200);
    assert_eq!(server.rejected("max_requests"), 1.0);
    assert_eq!(server.value("plimsoll_scrapes_in_flight", ""), 2.0);
    server.fake.release();
    for stream in blocked {
        assert_eq!(Answer::read(stream).status, 200);
    }
    wait_until("the places are free", || server.value("plimsoll_scrapes_in_flight", "") == 0.0);
    assert_eq!(server.get("/metrics").status, 200);
}

#[test]
fn without_a_limit_more_than_forty_run() {
    let server = Running::start(plimsoll::http::Settings { max_requests: 0, ..settings() });
    let blocked: Vec<_> = (0..60).map(|_| server.ask("GET", "/metrics?block", &[])).collect();
    wait_until("all run", || server.fake.blocked() == 60);
    server.fake.release();
    assert!(blocked.into_iter().all(|stream| Answer::read(stream).status == 200));
}

#[test]
fn a_stuck_scrape_ends_at_its_deadline_and_keeps_its_place() {
    let server = Running::start(plimsoll::http::Settings { max_requests: 1, ..settings() });
    // On a busy machine a scrape may be late before it has a thread; it then has no place to keep.
    wait_until("one is stuck", || {
        let late = server.get_with("/metrics?stuck", &["X-Prometheus-Scrape-Timeout-Seconds: 0.2"]);
        assert_eq!(late.status, 503);
        if server.rejected("max_requests") == 0.0 {
            assert_eq!(late.text(), "The scrape was not done after 0.100 seconds.\n");
        }
        server.fake.blocked() == 1
    });
    assert!(server.rejected("deadline") >= 1.0);
    assert_eq!(server.get("/metrics").text(), "Limit of concurrent requests reached (1), try again later.\n");
    assert_eq!(server.get("/-/healthy").status, 200);
    server.fake.release();
    wait_until("it is told", || server.fake.abandoned() == 1);
    wait_until("the place is free", || server.value("plimsoll_scrapes_in_flight", "") == 0.0);
    assert_eq!(server.get("/metrics").status, 200);
}

#[test]
fn the_flag_bounds_a_patient_scraper() {
    let scrape_timeout = Duration::from_millis(50);
    let server = Running::start(plimsoll::http::Settings { scrape_timeout, ..settings() });
    let late = server.get_with("/metrics?block", &["X-Prometheus-Scrape-Timeout-Seconds: 60"]);
    assert_eq!((late.status, late.text()), (503, "The scrape was not done after 0.050 seconds.\n"));
}

#[test]
fn a_scrape_is_told_that_its_client_left() {
    let server = Running::start(settings());
    let client = server.ask("GET", "/metrics?block", &[]);
    wait_until("it runs", || server.fake.blocked() == 1);
    drop(client);
    wait_until("it is told", || server.fake.abandoned() == 1);
}

#[test]
fn a_fault_in_the_source_is_an_answer() {
    let server = Running::start(settings());
    let failed = server.get("/metrics?fail");
    assert_eq!((failed.status, failed.text()), (500, "The scrape failed: the disk is on fire\n"));
    assert_eq!(server.get("/metrics?panic").text(), "The scrape failed: a panic, which the log shows\n");
    assert_eq!((server.get("/metrics").status, server.rejected("failed")), (200, 2.0));
}

#[test]
fn connections_are_kept_and_requests_may_come_in_a_row() {
    let server = Running::start(settings());
    let mut stream = server.connect();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\nGET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("open");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("two answers");
    let first = Answer::parse(&bytes);
    let length: usize = first.header("content-length").and_then(|n| n.parse().ok()).expect("a length");
    assert_eq!(&first.body[..length], b"Text All All\n");
    assert_eq!(Answer::parse(&first.body[length..]).text(), "Plimsoll is healthy.\n");
}

#[test]
fn a_stop_lets_a_scrape_end() {
    let mut server = Running::start(settings());
    let client = server.ask("GET", "/metrics?block", &[]);
    let idle = server.connect();
    wait_until("it runs", || server.fake.blocked() == 1);
    server.begin_stop();
    wait_until("nobody new is let in", || TcpStream::connect(server.address).is_err());
    drop(idle);
    server.fake.release();
    let answer = Answer::read(client);
    assert_eq!((answer.status, answer.text()), (200, "Text All All\n"));
    assert!(server.stop(), "everything ended by itself");
}

#[test]
fn a_stop_does_not_wait_for_ever() {
    let mut settings = settings();
    settings.limits.drain_timeout = Duration::from_millis(20);
    let mut server = Running::start(settings);
    let _client = server.ask("GET", "/metrics?stuck", &[]);
    wait_until("it runs", || server.fake.blocked() == 1);
    assert!(!server.stop(), "a scrape was still under way");
}

/// A configuration that reads itself again when it is let, as it is told to.
#[derive(Debug)]
struct Configuration {
    valid: Mutex<mpsc::Receiver<bool>>,
}

impl Reload for Configuration {
    fn reload(&self) -> Result<(), ReloadError> {
        match self.valid.lock().expect("not poisoned").recv() {
            Ok(true) => Ok(()),
            _ => Err("line 7: labels: no".into()),
        }
    }
}

#[test]
fn a_reload_answers_when_it_is_done_and_one_that_hangs_holds_nobody() {
    let (say, valid) = mpsc::channel();
    let mut settings = settings();
    settings.reload = Some(Arc::new(Configuration { valid: Mutex::new(valid) }));
    settings.limits.reload_timeout = Duration::from_millis(20);
    let server = Running::start(settings.clone());
    let post = |server: &Running| {
        let answer = Answer::read(server.ask("POST", "/-/reload", &[]));
        (answer.status, answer.text().to_owned())
    };
    let late = "The reload was not done after 0.02 seconds.\n".to_owned();
    assert_eq!(post(&server), (503, late.clone()));
    assert_eq!(post(&server), (503, late), "waits for the first");
    assert_eq!(server.get("/metrics").status, 200);
    say.send(true).expect("it waits");
    drop(server);
    settings.limits.reload_timeout = Duration::from_secs(600);
    let server = Running::start(settings);
    say.send(true).expect("it runs");
    say.send(false).expect("it runs");
    assert_eq!(post(&server), (200, "The configuration is read again.\n".to_owned()));
    assert_eq!(post(&server), (500, "Not reloaded: line 7: labels: no\n".to_owned()));
}
