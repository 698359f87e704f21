//! The checks that ask Prometheus and the exporter, beside real ones.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use plimsoll_tests::exporter::Exporter;
use plimsoll_tests::plugins::{Ran, our_command, ours_dir, run_ours};
use plimsoll_tests::prometheus::{Job, Prometheus};
use plimsoll_tests::runc::{Config, Container, Running};
use plimsoll_tests::servers::{Manner, Servers};

use crate::compare::masked;

/// What follows `check_prometheus -u URL`, with `METRICS` for the port of the target.
const QUERIES: &[(&str, i32, &str)] = &[
    ("-q 1+1", 0, "PROMETHEUS OK - value is 2 in # seconds|value=2;;;; series=1;;;; time=#s;;;#"),
    (
        "-q queue -w 5 -c 8 -l {of} --unit B",
        2,
        "PROMETHEUS CRITICAL - b is 9B (CRITICAL), c is 6B (WARNING) in # seconds\
         |a=#B;5;8;; b=9B;5;8;; c=6B;5;8;; series=3;;;; time=#s;;;#",
    ),
    (
        "-q max(queue) -w 8",
        1,
        "PROMETHEUS WARNING - value is 9 in # seconds|value=9;8;;; series=1;;;; time=#s;;;#",
    ),
    (
        "-q queue{of=\"b\"} --warning-series 2:",
        1,
        "PROMETHEUS WARNING - 1 series, queue 127.0.0.1:METRICS own b is 9 in # seconds\
         |'queue 127.0.0.1:METRICS own b'=9;;;; series=1;2:;;; time=#s;;;#",
    ),
    ("-q nothing", 3, "PROMETHEUS UNKNOWN - no data in # seconds|series=0;;;; time=#s;;;#"),
    ("-q nothing --no-data ok", 0, "PROMETHEUS OK - no data in # seconds|series=0;;;; time=#s;;;#"),
    (
        "-q queue*NaN --no-data critical -l {of}",
        2,
        "PROMETHEUS CRITICAL - a is NaN (CRITICAL), b is NaN (CRITICAL), c is NaN (CRITICAL) in # seconds\
         |series=3;;;; time=#s;;;#",
    ),
    (
        "-q queue{of=\"b\"} -l b --max-age 100",
        0,
        "PROMETHEUS OK - b is 9 in # seconds|b=9;;;; series=1;;;; time=#s;;;#",
    ),
    (
        "-q old*2 -l old --max-age 60 --stale warning",
        0,
        "PROMETHEUS OK - old is 2 in # seconds|old=2;;;; series=1;;;; time=#s;;;#",
    ),
    (
        "-q queue[1m]",
        3,
        "PROMETHEUS UNKNOWN - the query answers with a matrix, not with one value for each series",
    ),
];

#[test]
fn a_real_prometheus_answers_queries() -> Result<()> {
    // Whatever has to be built is built before the sample gets old.
    ours_dir()?;
    let mut servers = Servers::start()?;
    let long_ago = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() - 120_000;
    let page = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nqueue{{of=\"a\"}} 1.5\nqueue{{of=\"b\"}} 9\n\
         queue{{of=\"c\"}} 6\nold 1 {long_ago}\n"
    );
    servers.tcp("metrics", Manner::Answers(Box::leak(page.into_bytes().into_boxed_slice())))?;
    let (port, closed) = (servers.place("metrics")?, servers.place("closed")?);
    let target: SocketAddr = format!("127.0.0.1:{port}").parse()?;
    let mut data = Vec::new();
    for major in [2, 3] {
        let prometheus = Prometheus::start(major, "2s", &[Job::new("own", target)], &[])?;
        prometheus.until("the first scrape", |this| Ok(this.value("old", None)?.map(drop)))?;
        let url = format!("http://{}", prometheus.address());
        for (args, code, text) in QUERIES {
            let ran = run(&format!("check_prometheus -u {url} {args}"))?;
            let text = masked(&text.replace("METRICS", port));
            assert_eq!((ran.code, masked(ran.output.trim_end())), (*code, text), "{args}");
            data.extend(ran.perfdata()?);
        }
        for (line, code, text) in [
            (
                format!("-u {url} -q old --max-age 60 --stale critical"),
                2,
                "CRITICAL - stale: the last sample is 1",
            ),
            (
                format!("-u {url} -q old*2 --max-age 60 --age-query old"),
                3,
                "UNKNOWN - stale: the last sample is 1",
            ),
            (format!("-u {url} -q x{{"), 3, "UNKNOWN - bad_data: "),
            (format!("-u {url}/nowhere -q 1"), 2, "CRITICAL - HTTP/1.1 404 Not Found"),
            (format!("-u http://{target} -q 1"), 2, "CRITICAL - the answer is none of Prometheus"),
            (format!("-H 127.0.0.1 -p {closed} -q 1"), 2, "CRITICAL - connect to address 127.0.0.1 and port"),
        ] {
            let ran = run(&format!("check_prometheus {line}"))?;
            let said = ran.output.starts_with(&format!("PROMETHEUS {text}"));
            ensure!(ran.code == code && said, "{line}: {ran:?}");
        }
    }
    let failures = crate::through_icinga(&data)?;
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    Ok(())
}

/// A container of the exporter's host, and the file in which the check keeps what it saw.
struct Watched {
    line: String,
    file: PathBuf,
}

impl Watched {
    fn new(exporter: &Exporter, id: &str) -> Self {
        let file = std::env::temp_dir().join(format!(
            "plimsoll-seen-{}{}",
            std::process::id(),
            id.replace('/', "-")
        ));
        let url = format!("http://{}/metrics", exporter.address());
        let line = format!("check_container -u {url} --id {id} --state-file {}", file.display());
        Self { line, file }
    }

    fn says(&self, args: &str) -> Result<Ran> {
        let ran = run(format!("{} {args}", self.line).trim_end())?;
        let failures = match ran.perfdata()? {
            data if data.is_empty() => Vec::new(),
            data => crate::through_icinga(&data)?,
        };
        ensure!(failures.is_empty(), "{}", failures.join("\n"));
        Ok(ran)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

fn value(ran: &Ran, label: &str) -> Result<Option<f64>> {
    let data = ran.perfdata()?;
    Ok(data.iter().find(|datum| datum.label == label).map(|datum| datum.value.parse()).transpose()?)
}

#[test]
fn a_container_is_judged_by_what_the_exporter_says() -> Result<()> {
    ours_dir()?;
    let exporter = Exporter::start(&[])?;
    let config = Config::default().memory(64 << 20).pids(4);
    let start = |config: &Config| -> Result<Running> { Container::new(config)?.start() };
    let mut worker = start(&config)?;
    let id = worker.container().cgroups_path().to_owned();
    let watched = Watched::new(&exporter, &id);
    let first = watched.says("--warning-oom 0 --critical-cpu 1000000")?;
    assert_eq!((first.code, value(&first, "oom")?), (0, None), "{}", first.output);
    let threads = [value(&first, "threads")?, value(&first, "threads_of_limit")?];
    assert_eq!(threads, [Some(1.0), Some(25.0)], "{}", first.output);
    ensure!(first.output.contains("seen for the first time"), "{first:?}");

    worker.run("oom 128")?;
    worker.run("connect-failing 127.0.0.1:1 3 111")?;
    worker.run("spin 0.2")?;
    worker.run("take 40")?;
    let second =
        watched.says("--warning-connects 2 --critical-oom 0 --warning-memory 50 --warning-threads 25")?;
    let seen = [value(&second, "oom")?, value(&second, "connects")?, value(&second, "restarts")?];
    assert_eq!((second.code, seen), (2, [Some(1.0), Some(3.0), Some(0.0)]), "{}", second.output);
    ensure!(second.output.starts_with("CONTAINER CRITICAL - 1 killed for lack of memory in "), "{second:?}");
    ensure!(second.output.contains("% of the limit (WARNING)"), "{second:?}");
    ensure!(value(&second, "cpu")?.is_some_and(|cpu| cpu > 0.0), "{second:?}");
    ensure!(value(&second, "memory_of_limit")?.is_some_and(|share| share > 60.0), "{second:?}");
    // What was seen is seen until the window is over.
    assert_eq!(value(&watched.says("")?, "oom")?, Some(1.0));

    let name = worker.container().id().to_owned();
    worker.finish()?;
    let worker = start(&config.id(&name))?;
    let again = watched.says("--warning-restarts 0")?;
    assert_eq!((again.code, value(&again, "restarts")?), (1, Some(1.0)), "{}", again.output);
    worker.finish()?;
    let gone = watched.says("")?;
    ensure!(gone.code == 2 && gone.output.contains("no container with id "), "{gone:?}");
    assert_eq!(watched.says("--absent ok")?.code, 0);
    Ok(())
}

#[test]
fn the_exporter_is_judged_by_what_it_says_of_itself() -> Result<()> {
    ours_dir()?;
    let servers = Servers::start()?;
    let exporter = Exporter::start(&[])?;
    let file = std::env::temp_dir().join(format!("plimsoll-told-{}", std::process::id()));
    let plain =
        format!("check_plimsoll -u http://{}/metrics --state-file {}", exporter.address(), file.display());
    // Others on this host may make it lose something, which is theirs to look at.
    let wide = format!("{plain} --warning-losses 1000000000000 --warning-failing 100");
    let scrape = exporter.scrape()?;
    let info = scrape.all("plimsoll_program_info", &[]);
    let refused = info.filter(|sample| !sample.labels["reason"].is_empty()).count() as f64;
    let first = run(&format!("{wide} --warning-refused {refused}"))?;
    let shown = first.output.clone();
    ensure!(first.code == 0 && shown.contains("losses seen for the first time"), "{shown}");
    ensure!(
        shown.starts_with(concat!("PLIMSOLL OK - version ", env!("CARGO_PKG_VERSION"), " answers")),
        "{shown}"
    );
    let second = run(&format!("{wide} --warning-refused {refused} --warning-overhead 1000"))?;
    let told = [value(&second, "refused")?, value(&second, "resting")?];
    assert_eq!((second.code, told), (0, [Some(refused), Some(0.0)]), "{}", second.output);
    ensure!(value(&second, "losses")?.is_some(), "{}", second.output);
    let dear = run(&format!("{wide} --warning-refused {refused} --critical-resting 1:"))?;
    ensure!(dear.code == 2 && dear.output.contains("0 signals at rest (CRITICAL)"), "{dear:?}");
    let _ = std::fs::remove_file(&file);
    for (place, text) in
        [("closed", "connect to address 127.0.0.1 and port "), ("http-silent", "no data"), ("garbage", "")]
    {
        let ran = run(&format!("check_plimsoll -u http://127.0.0.1:{}/metrics", servers.place(place)?))?;
        let said = ran.output.starts_with(&format!("PLIMSOLL CRITICAL - {text}"));
        ensure!(ran.code == 2 && said, "{place}: {ran:?}");
    }
    Ok(())
}

/// One of ours, whose words have no spaces in them.
fn run(line: &str) -> Result<Ran> {
    let words: Vec<&str> = line.split(' ').collect();
    let mut command = our_command(words[0])?;
    command.args(&words[1..]);
    run_ours(command)
}
