//! What is not probed: whatever is not listed, and what answers on this link alone, by whatever way one gets there.

use std::io::Write as _;
use std::net::TcpListener;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::exporter::{self, Exporter, ask, status};

use crate::{File, exporter, probe, probed};

const MODULES: &str = "
modules:
  http: {prober: http, timeout: 20s}
  tcp: {prober: tcp, timeout: 20s}
  icmp: {prober: icmp, timeout: 20s}
  dns: {prober: dns, timeout: 20s, dns: {query_name: x.test}}
  grpc: {prober: grpc, timeout: 20s}
";

fn with(allow: &str) -> Result<File> {
    File::new(&format!("probe: {{allow: {allow}}}\n{MODULES}"))
}

#[test]
fn what_is_not_listed_is_refused_and_counted() -> Result<()> {
    let config = with("[127.0.0.1, '::1', 'name.test']")?;
    let exporter = exporter(&config, &[])?;
    let targets = [
        ("http", "127.0.0.2:1", "127.0.0.2 at 127.0.0.2 is not in probe.allow"),
        ("tcp", "127.0.0.2:1", "127.0.0.2 at 127.0.0.2 is not in probe.allow"),
        ("icmp", "127.0.0.2", "127.0.0.2 at 127.0.0.2 is not in probe.allow"),
        ("dns", "127.0.0.2", "127.0.0.2 at 127.0.0.2 is not in probe.allow"),
        ("grpc", "127.0.0.2:1", "127.0.0.2 at 127.0.0.2 is not in probe.allow"),
    ];
    for (module, target, why) in targets {
        let answer = probe(exporter.address(), module, target)?;
        assert_eq!(answer, (403, format!("The target is refused: {why}\n")), "{module} {target}");
    }
    let counted =
        exporter.scrape()?.value("plimsoll_http_requests_rejected_total", &[("reason", "probe_target")]);
    assert_eq!(counted, Some(5.0));
    assert_eq!(probed(&exporter, "icmp", "127.0.0.1")?.value("probe_success", &[]), Some(1.0));
    Ok(())
}

#[test]
fn what_answers_on_this_link_alone_is_refused_however_it_is_written() -> Result<()> {
    let config = with("['*', '::/0', 0.0.0.0/0]")?;
    let exporter = exporter(&config, &[])?;
    for target in [
        "169.254.169.254",
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1@169.254.169.254/",
        "http://[::ffff:169.254.169.254]/",
        "http://[::ffff:a9fe:a9fe]:80/",
        "http://[64:ff9b::169.254.169.254]/",
        "http://[2002:a9fe:a9fe::]/",
        "http://[fd00:ec2::254]/",
        "http://[fe80::1]/",
        "http://[fe80::1%25lo]/",
        "http://[fe80::1%1]/",
        "http://0.0.0.0:80/",
        "http://[::]/",
    ] {
        let (status, text) = probe(exporter.address(), "http", target)?;
        // What no resolver takes for an address has none.
        ensure!(status == 403 || (target.contains("%25") && failed(&text)), "{target}: {status} {text}");
    }
    // The C library's old forms of addresses are names here, and there are no such names.
    for target in
        ["2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "http://0xa9.0xfe.0xa9.0xfe/"]
    {
        let (status, text) = probe(exporter.address(), "http", target)?;
        ensure!(status == 200 && failed(&text) && text.contains("probe_ip_protocol 0\n"), "{target}: {text}");
    }
    Ok(())
}

fn failed(text: &str) -> bool {
    text.contains("probe_success 0\n")
}

#[test]
fn a_redirect_leads_nowhere_that_may_not_be_probed() -> Result<()> {
    let config = with("[127.0.0.1]")?;
    let exporter = exporter(&config, &[])?;
    for (location, why) in [
        ("http://169.254.169.254/latest/", "169.254.169.254 at 169.254.169.254 is of this link alone"),
        ("//169.254.169.254/", "169.254.169.254 at 169.254.169.254 is of this link alone"),
        ("http://[::ffff:169.254.169.254]/", "::ffff:169.254.169.254 is of this link alone"),
        ("http://127.0.0.2/", "127.0.0.2 at 127.0.0.2 is not in probe.allow"),
        ("http://2852039166/", "2852039166: no such name"),
        ("ftp://127.0.0.1/", "points to \"ftp://127.0.0.1/\", which is no page"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let target = listener.local_addr()?;
        let server = std::thread::spawn(move || -> std::io::Result<()> {
            let mut stream = listener.accept()?.0;
            write!(stream, "HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
        });
        let path = format!("/probe?module=http&target={target}&debug=true");
        let (status, text) = status(ask(exporter.address(), "GET", &path, &[])?)?;
        server.join().ok().context("the server")??;
        ensure!(status == 200 && failed(&text), "{location}: {status} {text}");
        ensure!(text.contains(why), "{location}: {text}");
        ensure!(text.contains("probe_http_redirects 1\n"), "{location}: {text}");
    }
    Ok(())
}

/// An exporter that has these lines for names.
fn with_hosts(config: &File, hosts: &File) -> Result<Exporter> {
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", "mount --bind \"$0\" /etc/hosts && exec \"$@\""]).arg(&hosts.0);
    command.arg(exporter::path()?).arg("--collector.disable-defaults");
    command.arg(format!("--config.file={}", config.0.display()));
    Exporter::start_command(command)
}

#[test]
fn a_name_is_held_against_the_list_by_what_it_stands_for() -> Result<()> {
    let hosts = "169.254.169.254 meta.test\n::ffff:169.254.169.254 mapped.test\n127.0.0.1 here.test listed.test\n\
                 fd00:ec2::254 six.test\n127.0.0.2 other.test\n";
    let (config, hosts) = (with("['*.test', 127.0.0.1]")?, File::new(hosts)?);
    let exporter = with_hosts(&config, &hosts)?;
    for name in ["meta.test", "mapped.test", "six.test", "META.test."] {
        let (status, text) = probe(exporter.address(), "icmp", name)?;
        ensure!(status == 403 && text.contains(&format!("{name} at ")), "{name}: {status} {text}");
    }
    for name in ["here.test", "other.test"] {
        assert_eq!(probed(&exporter, "icmp", name)?.value("probe_success", &[]), Some(1.0), "{name}");
    }
    let config = with("[listed.test, 127.0.0.2]")?;
    let exporter = with_hosts(&config, &hosts)?;
    assert_eq!(probed(&exporter, "icmp", "listed.test")?.value("probe_success", &[]), Some(1.0));
    assert_eq!(
        probed(&exporter, "icmp", "other.test")?.value("probe_success", &[]),
        Some(1.0),
        "its address is"
    );
    assert_eq!(probe(exporter.address(), "icmp", "here.test")?.0, 403);
    Ok(())
}

#[test]
fn what_cannot_be_probed_is_told_why() -> Result<()> {
    let nothing = Exporter::start(&["--collector.disable-defaults"])?;
    let (status, text) = probe(nothing.address(), "http_2xx", "127.0.0.1")?;
    ensure!(status == 404 && text.contains("--config.file"), "{status} {text}");
    let config = File::new(MODULES)?;
    let unlisted = exporter(&config, &[])?;
    let (status, text) = probe(unlisted.address(), "icmp", "127.0.0.1")?;
    ensure!(status == 403 && text.contains("probe.allow"), "{status} {text}");
    assert_eq!(probe(unlisted.address(), "nope", "x")?, (400, "Unknown module \"nope\"\n".to_owned()));
    assert_eq!(probe(unlisted.address(), "icmp", "")?, (400, "Target parameter is missing\n".to_owned()));
    // What is not said is http_2xx.
    let unnamed = crate::status(ask(unlisted.address(), "GET", "/probe?target=x", &[])?)?;
    assert_eq!(unnamed, (400, "Unknown module \"http_2xx\"\n".to_owned()));
    Ok(())
}
