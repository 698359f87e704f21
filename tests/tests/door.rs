//! The door of the real program: openssl, curl, a real Prometheus and our own check come through it, and files that are
//! wrong are refused.

#[path = "door/files.rs"]
mod files;
#[path = "door/openssl.rs"]
mod openssl;

use std::io::Read as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use files::{Files, HASH, PASSWORD};
use plimsoll_tests::exporter::{self, Exporter};
use plimsoll_tests::prometheus::{Job, Prometheus};
use plimsoll_tests::scrape::Scrape;
use plimsoll_tests::{plugins, structure};

/// Everything that the file can ask for.
const WHOLE: &str = "\
tls_server_config:
  cert_file: good.pem
  key_file: good.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: authority.pem
  client_allowed_sans: [other.example]
http_server_config: {http2: false, headers: {X-Frame-Options: deny}}
basic_auth_users: {ann: HASH}
rate_limit: {interval: 1ms, burst: 1000}
";

/// An exporter of its own numbers alone, behind the door of this file.
fn start(files: &Files, text: &str) -> Result<Exporter> {
    let web = files.put("web.yml", text)?;
    Exporter::start(&["--collector.disable-defaults", &format!("--web.config.file={web}")])
}

/// What curl gets: the status and the body.
fn curl(exporter: &Exporter, files: &Files, path: &str, args: &[&str]) -> Result<(String, String)> {
    let url = format!("https://localhost:{}{path}", exporter.address().port());
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--ipv4", "--write-out", "\n%{http_code}", "--cacert"])
        .arg(files.path("authority.pem"))
        .args(args)
        .arg(url)
        .current_dir(files.path("."))
        .output()
        .context("curl")?;
    let text = String::from_utf8(output.stdout)?;
    let (body, status) = text.rsplit_once('\n').context("no status")?;
    Ok((status.to_owned(), body.to_owned()))
}

#[test]
fn curl_comes_in_with_certificate_and_password_and_not_without() -> Result<()> {
    let files = Files::new()?;
    let exporter = start(&files, WHOLE)?;
    let (login, own) = (format!("ann:{PASSWORD}"), ["--cert", "other.pem", "--key", "other.key"]);
    let with = |more: &[&str]| curl(&exporter, &files, "/metrics", &[&own[..], more].concat());
    let (status, text) = with(&["--user", &login])?;
    assert_eq!(status, "200");
    let faults = structure::faults(&text, false);
    ensure!(faults.is_empty(), "{faults:#?}");
    assert_eq!(with(&[])?, ("401".to_owned(), "Unauthorized\n".to_owned()));
    assert_eq!(with(&["--user", "ann:x"])?.0, "401");
    // Our certificate, but not a client's that may come in; and none.
    for args in [&["--cert", "good.pem", "--key", "good.key"][..], &[]] {
        assert_eq!(curl(&exporter, &files, "/metrics", &[args, &["--user", &login]].concat())?.0, "000");
    }
    let (_, text) = with(&["--user", &login])?;
    let rejected =
        |reason| Scrape::parse(&text).value("plimsoll_http_requests_rejected_total", &[("reason", reason)]);
    assert_eq!((rejected("unauthorized"), rejected("tls_client_certificate")), (Some(2.0), Some(2.0)));
    Ok(())
}

#[test]
fn curl_speaks_http2_unless_the_file_or_it_would_rather_not() -> Result<()> {
    const TLS: &str = "tls_server_config: {cert_file: good.pem, key_file: good.key}\n";
    let files = Files::new()?;
    for (more, asked, spoken) in [
        ("", "--http2", "HTTP/2 200"),
        ("", "--http1.1", "HTTP/1.1 200"),
        ("http_server_config: {http2: false}\n", "--http2", "HTTP/1.1 200"),
    ] {
        let exporter = start(&files, &format!("{TLS}{more}"))?;
        let (status, text) = curl(&exporter, &files, "/metrics", &[asked, "--include", "--compressed"])?;
        assert_eq!(status, "200");
        let (head, body) = text.split_once("\r\n\r\n").context("no head")?;
        ensure!(head.starts_with(spoken), "{asked} {more}: {head}");
        let faults = structure::faults(body, false);
        ensure!(faults.is_empty(), "{faults:#?}");
    }
    Ok(())
}

#[test]
fn prometheus_scrapes_and_misses_nothing_while_certificates_change() -> Result<()> {
    let files = Files::new()?;
    let exporter = start(&files, WHOLE)?;
    let job = |name: &str, password: &str| {
        Job::new(name, exporter.address())
            .with("scheme: https")
            .with(&format!("basic_auth: {{username: ann, password: {password}}}"))
            .with(&format!(
                "tls_config: {{ca_file: {0}/authority.pem, cert_file: {0}/other.pem, key_file: {0}/other.key, server_name: localhost}}",
                files.path(".")
            ))
    };
    for major in [2, 3] {
        let jobs = [job("right", PASSWORD), job("wrong", "guess")];
        let prometheus = Prometheus::start(major, "1s", &jobs, &[])?;
        let up = |job: &str| prometheus.value(&format!("up{{job=\"{job}\"}}"), None);
        prometheus.until("both scraped", |_| {
            Ok((up("right")? == Some(1.0) && up("wrong")? == Some(0.0)).then_some(()))
        })?;
        let wrong =
            prometheus.targets()?.into_iter().find(|target| target.job == "wrong").context("no target")?;
        assert!(wrong.error.contains("401 Unauthorized"), "{wrong:?}");
        // Another certificate and key, while the connection of the scraper lives.
        let read = "plimsoll_web_config_last_reload_success_timestamp_seconds{job=\"right\"}";
        let before = prometheus.value(read, None)?.context("a value")?;
        let shown = openssl::fingerprint(&exporter)?;
        files.renew("good")?;
        prometheus.until("the certificate is read again", |prometheus| {
            Ok(prometheus.value(read, None)?.filter(|at| *at > before).map(drop))
        })?;
        assert_ne!(openssl::fingerprint(&exporter)?, shown);
        prometheus.until("two scrapes more", |prometheus| {
            let since =
                format!("count_over_time({read}[15m]) - count_over_time(({read} == {before})[15m:1s])");
            Ok(prometheus.value(&since, None)?.filter(|_| up("right").is_ok()).map(drop))
        })?;
        let least = prometheus.value("min_over_time(up{job=\"right\"}[15m])", None)?;
        assert_eq!(least, Some(1.0), "Prometheus {major}: no scrape failed");
    }
    Ok(())
}

#[test]
fn our_own_check_comes_through_the_door() -> Result<()> {
    let files = Files::new()?;
    let exporter = start(&files, WHOLE)?;
    let run = |password: &str| {
        let mut command = plugins::our_command("check_plimsoll")?;
        command.arg(format!("--url=https://localhost:{}/metrics", exporter.address().port()));
        command.args(["-4", "-D", "--ca-cert", "authority.pem", "-J", "other.pem", "-K", "other.key"]);
        command.args(["-a", &format!("ann:{password}")]).current_dir(files.path("."));
        plugins::run_ours(command)
    };
    let (right, wrong) = (run(PASSWORD)?, run("guess")?);
    assert!(right.summary().starts_with("PLIMSOLL OK"), "{}", right.summary());
    assert!(wrong.summary().contains("401"), "{}", wrong.summary());
    Ok(())
}

#[test]
fn a_wrong_file_is_one_line_that_names_file_line_and_field() -> Result<()> {
    let files = Files::new()?;
    let web = files.path("web.yml");
    for (text, fault) in [
        (None, "No such file or directory (os error 2)".to_owned()),
        (
            Some("tls_server_config:\n  cert_file: good.pem\n  key_file: other.key\n"),
            "line 3, column 13: tls_server_config.key_file: the key is not that of the certificate".to_owned(),
        ),
        (
            Some("tls_server_config:\n  cert_file: no.pem\n  key_file: good.key\n"),
            format!("line 2, column 14: tls_server_config.cert_file: {}: there is no such file", files.path("no.pem")),
        ),
        (
            Some("basic_auth_users:\n  ann: secret\n"),
            "line 2, column 8: basic_auth_users.ann: expected a bcrypt hash of the password, as `htpasswd -nBC 10 USER` makes it"
                .to_owned(),
        ),
    ] {
        if let Some(text) = text {
            files.put("web.yml", text)?;
        }
        for args in [vec![format!("--web.config.file={web}")], vec!["check-web-config".to_owned(), web.clone()]] {
            let output = Command::new(exporter::path()?).args(&args).stdin(Stdio::null()).output()?;
            let said = (output.status.code(), String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
            assert_eq!(said, (Some(1), String::new(), format!("{web}: {fault}\n")), "{args:?}");
        }
    }
    let good = files.put("good.yml", WHOLE)?;
    let output = Command::new(exporter::path()?).args(["check-web-config", &good]).output()?;
    assert_eq!(String::from_utf8(output.stdout)?, format!("{good}: valid, TLS: on, users: 1\n"));
    Ok(())
}

#[test]
fn no_secret_is_in_the_log_or_in_the_metrics() -> Result<()> {
    let files = Files::new()?;
    let web = files.put("web.yml", WHOLE)?;
    let mut child = Command::new(exporter::path()?)
        .args(["--collector.disable-defaults", "--log.level=debug", "--web.listen-address=127.0.0.1:0"])
        .arg(format!("--web.config.file={web}"))
        .stderr(Stdio::piped())
        .spawn()?;
    let mut log = String::new();
    let mut stderr = std::io::BufReader::new(child.stderr.take().context("no pipe")?);
    let address = loop {
        use std::io::BufRead as _;
        ensure!(stderr.read_line(&mut log)? > 0, "the exporter ended: {log}");
        if let Some((_, rest)) = log.split_once("address=") {
            break rest.split_whitespace().next().context("no address")?.to_owned();
        }
    };
    let url = format!("https://localhost:{}/metrics", address.rsplit(':').next().context("no port")?);
    let mut metrics = String::new();
    for password in [PASSWORD, "a-wrong-guess"] {
        let output = Command::new("curl")
            .args([
                "--silent",
                "--ipv4",
                "--cacert",
                "authority.pem",
                "--cert",
                "other.pem",
                "--key",
                "other.key",
            ])
            .args(["--user", &format!("ann:{password}"), &url])
            .current_dir(files.path("."))
            .output()?;
        metrics.push_str(&String::from_utf8(output.stdout)?);
    }
    // A fault that is logged is one of a line with a secret in it.
    files.put("web.yml", &WHOLE.replace("HASH", "a-wrong-guess"))?;
    while !log.contains("stays as it was") {
        use std::io::BufRead as _;
        ensure!(stderr.read_line(&mut log)? > 0, "the exporter ended: {log}");
    }
    child.kill()?;
    stderr.read_to_string(&mut log)?;
    child.wait()?;
    assert!(log.contains("reason=unauthorized") || log.contains("reason=\"unauthorized\""), "{log}");
    let key = std::fs::read_to_string(files.path("good.key"))?;
    let key = key.lines().nth(1).context("no key")?;
    for secret in [PASSWORD, "a-wrong-guess", HASH, "YW5uO", key] {
        assert!(!log.contains(secret) && !metrics.contains(secret), "{secret}: {log}");
    }
    Ok(())
}
