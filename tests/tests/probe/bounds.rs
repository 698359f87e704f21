//! How many probes there are at a time, how long one lasts, and that nobody else notices.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::exporter::{Exporter, ask};
use rustix::process::Signal;

use crate::{File, exporter, probe, probed, status};

const CONFIG: &str = "
probe: {allow: [127.0.0.1]}
modules:
  waits: {prober: tcp, timeout: 50s, tcp: {query_response: [{expect: '^go$'}]}}
  page: {prober: http, timeout: 50s}
  slow: {prober: tcp, timeout: 50s, state: {warning: '60:', certificate_days: '30,14'}}
  slower: {prober: tcp, timeout: 50s, state: {warning: 40, critical: '60:'}}
  fast: {prober: tcp, timeout: 50s, state: {warning: 50, critical: 50}}
";

/// A probe under way.
type Asked = std::thread::JoinHandle<Result<(u16, String)>>;

/// A connection that the exporter has made, and how its probe ends.
fn held(exporter: &Exporter) -> Result<(TcpStream, Asked)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let (address, target) = (exporter.address(), listener.local_addr()?.to_string());
    let asked = std::thread::spawn(move || probe(address, "waits", &target));
    Ok((listener.accept()?.0, asked))
}

#[test]
fn beyond_the_bound_a_probe_is_refused_and_scrapes_go_on() -> Result<()> {
    let config = File::new(CONFIG)?;
    let exporter =
        exporter(&config, &["--web.max-probes=2", "--web.scrape-timeout=60s", "--web.max-requests=1"])?;
    let (mut first, one) = held(&exporter)?;
    let (mut second, two) = held(&exporter)?;
    let metrics = exporter.scrape()?;
    assert_eq!(metrics.value("plimsoll_probes_in_flight", &[]), Some(2.0));
    let refused = probe(exporter.address(), "waits", "127.0.0.1:1")?;
    assert_eq!(refused, (503, "Limit of concurrent probes reached (2), try again later.\n".to_owned()));
    first.write_all(b"no\ngo\n")?;
    let (code, text) = one.join().ok().context("the first")??;
    ensure!(code == 200 && text.contains("probe_success 1\n"), "{code} {text}");
    // Its place is free again by the time that it has its answer.
    let (code, text) = probe(exporter.address(), "waits", "127.0.0.1:1")?;
    ensure!(code == 200 && text.contains("probe_success 0\n"), "{code} {text}");
    second.write_all(b"go\n")?;
    let (code, text) = two.join().ok().context("the second")??;
    ensure!(code == 200 && text.contains("probe_success 1\n"), "{code} {text}");
    let metrics = exporter.scrape()?;
    let rejected = [("reason", "max_probes")];
    assert_eq!(metrics.value("plimsoll_http_requests_rejected_total", &rejected), Some(1.0));
    assert_eq!(metrics.value("plimsoll_probes_in_flight", &[]), Some(0.0));
    Ok(())
}

/// The answer of a probe by somebody who waits so many seconds.
fn patiently(address: SocketAddr, module: &str, target: SocketAddr, seconds: &str) -> Result<f64> {
    let path = format!("/probe?module={module}&target={target}");
    let headers = [("X-Prometheus-Scrape-Timeout-Seconds", seconds)];
    let (code, text) = status(ask(address, "GET", &path, &headers)?)?;
    ensure!(code == 200 && text.contains("probe_success 0\n"), "{code} {text}");
    let line = text.lines().find_map(|line| line.strip_prefix("probe_duration_seconds "));
    Ok(line.context("no duration")?.parse()?)
}

#[test]
fn a_probe_ends_before_its_scraper_gives_up() -> Result<()> {
    let config = File::new(CONFIG)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let target = listener.local_addr()?;
    let long = exporter(&config, &["--web.scrape-timeout=60s"])?;
    for module in ["waits", "page"] {
        // Half of it is kept for the way back; the module would have waited 50 s.
        let lasted = patiently(long.address(), module, target, "0.2")?;
        ensure!(lasted < 50.0, "{module}: {lasted}");
    }
    let short = exporter(&config, &["--web.scrape-timeout=100ms"])?;
    let lasted = patiently(short.address(), "waits", target, "120")?;
    ensure!(lasted < 50.0, "{lasted}");
    Ok(())
}

#[test]
fn a_server_that_never_ends_is_cut_off() -> Result<()> {
    let config = File::new(CONFIG)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let target = listener.local_addr()?;
    // Lines without end, and a page without end: as long as somebody hears them.
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
                while stream.write_all(&b"line\n".repeat(4096)).is_ok() {}
            });
        }
    });
    let exporter = exporter(&config, &["--web.scrape-timeout=60s"])?;
    for module in ["waits", "page"] {
        patiently(exporter.address(), module, target, "0.4")?;
    }
    // A line that is none: it is not waited for.
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let endless = listener.local_addr()?;
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(&[b'x'; 256 << 10]);
            let _ = stream.read(&mut [0]);
        }
    });
    assert_eq!(probed(&exporter, "waits", &endless.to_string())?.value("probe_success", &[]), Some(0.0));
    Ok(())
}

#[test]
fn the_state_is_that_of_nagios() -> Result<()> {
    let config = File::new(CONFIG)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let target = listener.local_addr()?.to_string();
    let exporter = exporter(&config, &["--web.scrape-timeout=60s"])?;
    let wanted = [
        ("fast", 1.0, "ok"),
        ("slow", 1.0, "warning"),
        ("slower", 1.0, "critical"),
        ("nowhere", 0.0, "critical"),
    ];
    for (name, success, state) in wanted {
        let (module, target) =
            if name == "nowhere" { ("fast", "127.0.0.1:1") } else { (name, target.as_str()) };
        let said = probed(&exporter, module, target)?;
        assert_eq!(said.value("probe_success", &[]), Some(success), "{name}");
        let states: Vec<f64> = ["ok", "warning", "critical", "unknown"]
            .iter()
            .filter_map(|of| said.value("plimsoll_probe_state", &[("state", of)]))
            .collect();
        let wanted: Vec<f64> =
            ["ok", "warning", "critical", "unknown"].iter().map(|of| f64::from(*of == state)).collect();
        assert_eq!(states, wanted, "{name}");
    }
    Ok(())
}

#[test]
fn modules_are_read_again_and_a_bad_file_changes_nothing() -> Result<()> {
    let config = File::new(CONFIG)?;
    let exporter = exporter(&config, &[])?;
    let unknown = |module: &str| Ok::<_, anyhow::Error>(probe(exporter.address(), module, "127.0.0.1:1")?.0);
    assert_eq!((unknown("new")?, unknown("page")?), (400, 200));
    std::fs::write(&config.0, CONFIG.replace("page:", "new:"))?;
    exporter.signal(Signal::HUP)?;
    while unknown("new")? == 400 {
        std::thread::yield_now();
    }
    assert_eq!(unknown("page")?, 400);
    std::fs::write(&config.0, CONFIG.replace("prober: http", "prober: https"))?;
    exporter.signal(Signal::HUP)?;
    exporter.scrape_until("the bad file is read", |scrape| {
        scrape.value("plimsoll_config_last_reload_successful", &[]) == Some(0.0)
    })?;
    assert_eq!(unknown("new")?, 200);
    Ok(())
}
