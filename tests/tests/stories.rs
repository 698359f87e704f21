//! Five cases as somebody on call meets them: containers do what they do, and what happened is found out afterwards from a
//! real Prometheus alone.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::cgroup;
use plimsoll_tests::exporter::{self, Exporter};
use plimsoll_tests::loopback::Loop;
use plimsoll_tests::prometheus::{Job, Prometheus};
use plimsoll_tests::relay::Relay;
use plimsoll_tests::runc::{Config, Container, Running};
use plimsoll_tests::undisturbed::undisturbed;
use rustix::process::Signal;

const INTERVAL: &str = "1s";
/// Longer than a story.
const EVER: &str = "15m";

/// The exporter, and a server that scrapes it.
struct Watch {
    server: Prometheus,
    _exporter: Exporter,
}

impl Watch {
    fn start() -> Result<Self> {
        let exporter = Exporter::start(&[])?;
        let jobs = [Job::new("plimsoll", exporter.address())];
        let server = Prometheus::start(3, INTERVAL, &jobs, &[])?;
        server.next_scrape()?;
        Ok(Self { server, _exporter: exporter })
    }

    /// The `id` and value of each series an expression answers with, in the order it has.
    fn ask(&self, expression: &str) -> Result<Vec<(String, f64)>> {
        let series = self.server.query(expression, None)?;
        let of = |series: &plimsoll_tests::prometheus::Series| {
            let id = series.labels.get("id").cloned().unwrap_or_default();
            Ok((id, series.samples.last().context("no sample")?.1))
        };
        series.iter().map(of).collect()
    }

    /// Waits until an expression answers with this, sorted by `id`.
    fn await_answer(&self, expression: &str, wanted: &[(String, f64)]) -> Result<()> {
        let mut last = Vec::new();
        let found = self.server.until(expression, |_| {
            last = self.ask(expression)?;
            last.sort_by(|a, b| a.0.cmp(&b.0));
            Ok((last == wanted).then_some(()))
        });
        found.with_context(|| format!("{expression}: {last:?}, not {wanted:?}"))
    }
}

fn id(container: &Running) -> String {
    container.container().cgroups_path().to_owned()
}

/// A pod of two: one leaks threads until the pod's limit, which is lower than its own; then the other cannot do its work,
/// and ends with an error.
#[test]
fn who_leaks_threads() -> Result<()> {
    const LIMIT: u64 = 100;
    const EAGAIN: i32 = 11;
    let watch = Watch::start()?;
    let pod = format!("/plimsoll-test-pod-{}", std::process::id());
    limit_threads(&pod, LIMIT)?;
    let config = || Config::default().cgroups_path(&format!("{pod}/ID"));
    let mut leaker = Container::new(&config().pids(500))?.start()?;
    let mut neighbour = Container::new(&config())?.start()?;
    let (leaks, suffers) = (id(&leaker), id(&neighbour));
    let both = format!("id=~\"{leaks}|{suffers}\"");
    neighbour.run("children 3 exit 0")?;
    let threads = format!("container_threads{{{both}}}");
    leaker.run("noop")?;
    watch.await_answer(&format!("sum({threads})"), &[(String::new(), 2.0)])?;
    watch.server.next_scrape()?;
    let started = format!("container_threads_started_total{{id=\"{leaks}\"}}");
    // Those of runc itself, before it became the worker.
    let before = watch.ask(&started)?.first().context("not yet seen")?.1;

    // The first of the one, the only one of the other, and all that fit besides.
    assert_eq!(leaker.run("leak 20")?, format!("{} {EAGAIN}", LIMIT - 2));
    let refused = neighbour.run("children 1 exit 0").map_err(|error| format!("{error:#}"));
    ensure!(refused.as_ref().is_err_and(|error| error.contains("fork")), "{refused:?}");
    neighbour.script().begin("exit 1")?;
    neighbour.wait(Duration::from_secs(60))?;

    // Which one has how many of those it may have? The limit is the pod's: its own tells nothing.
    let (leaked, most) = ((LIMIT - 2) as f64, (LIMIT - 1) as f64);
    let one = |value: f64| [(leaks.clone(), value)];
    watch.await_answer(&format!("topk(1, {threads})"), &one(most))?;
    watch
        .await_answer(&format!("topk(1, {threads} / container_threads_limit)"), &one(most / LIMIT as f64))?;
    watch.await_answer(&format!("container_threads_max{{{both}}} > 0"), &one(500.0))?;
    // They grew and never went.
    let series = watch.server.query(&format!("container_threads{{id=\"{leaks}\"}}[{EVER}]"), None)?;
    let values = series.first().context("no threads")?.values();
    assert!(values.is_sorted() && values.first() == Some(&1.0) && values.last() == Some(&most), "{values:?}");
    watch.await_answer(&started, &one(before + leaked))?;
    // By which program?
    let command = format!("container_threads_by_command{{{both},command=\"worker\"}}");
    watch.await_answer(&format!("topk(1, {command})"), &one(most))?;
    watch.await_answer(&format!("container_tasks_state{{{both},state=\"sleeping\"}} > 1"), &one(most))?;
    // What fails: neither can start anything any more, for want of threads.
    let calls = "syscall=~\"clone|clone3|fork|vfork\"";
    let failing = |id: &str| format!("container_syscall_errors_total{{{id},{calls},errno=\"EAGAIN\"}}");
    let mut each = vec![(leaks.clone(), 1.0), (suffers.clone(), 1.0)];
    each.sort_by(|a, b| a.0.cmp(&b.0));
    watch.await_answer(&format!("sum by (id) ({})", failing(&both)), &each)?;
    // And who ended of it, in the same minute?
    let exit = format!("container_process_exits_total{{{both},reason=\"exited\",code=\"1\"}}");
    watch.await_answer(&exit, &[(suffers, 1.0)])?;
    let first = |expression: &str| -> Result<i64> {
        let series = watch.server.query(&format!("{expression}[{EVER}]"), None)?;
        Ok(series.first().and_then(|series| series.samples.first()).context("never")?.0)
    };
    let (failed, ended) = (first(&failing(&format!("id=\"{leaks}\"")))?, first(&exit)?);
    assert!((ended - failed).abs() < 60_000, "no thread from {failed} on, the end at {ended}");
    Ok(())
}

/// Three containers, each too small in its own way. What would fit is read off a report.
#[test]
fn how_large_should_it_be() -> Result<()> {
    const MIB: u64 = 1 << 20;
    let watch = Watch::start()?;
    let mut killed = Container::new(&Config::default().memory(64 * MIB))?.start()?;
    let mut slow = Container::new(&Config::default().cpu_quota(20_000, 100_000))?.start()?;
    let mut crowded = Container::new(&Config::default().pids(50))?.start()?;
    let ids = [id(&killed), id(&slow), id(&crowded)];
    let of = |id: &str| format!("{{id=\"{id}\"}}");
    for id in &ids {
        watch.server.until(id, |_| Ok(watch.ask(&format!("container_threads{}", of(id)))?.pop()))?;
    }
    killed.run("oom 128")?;
    crowded.run("leak 20")?;
    watch.await_answer(&format!("container_oom_kills_total{}", of(&ids[0])), &[(ids[0].clone(), 1.0)])?;
    watch.await_answer(&format!("container_threads{}", of(&ids[2])), &[(ids[2].clone(), 50.0)])?;
    // It has work until a moment of the report shows that, and that it was held back.
    let (cpu, periods) = ("container_cpu_usage_seconds_total", "container_cpu_cfs");
    let slow_one = of(&ids[1]);
    let used = format!("max_over_time(sum without (cpu) (rate({cpu}{slow_one}[5s]))[2m:5s]) > 0");
    let increase = |of: &str| format!("increase({periods}_{of}_total{slow_one}[2m])");
    let held = format!("{} / {} > 0.1", increase("throttled_periods"), increase("periods"));
    watch.server.until(&held, |_| {
        slow.run("spin 1 0")?;
        Ok((watch.ask(&used)?.pop().is_some() && watch.ask(&held)?.pop().is_some()).then_some(()))
    })?;

    let url = format!("--prometheus.url=http://{}", watch.server.address());
    let selector = format!("--selector=id=~\"{}\"", ids.join("|"));
    let report = |format: &str| -> Result<String> {
        let output = Command::new(exporter::path()?)
            .args([
                "report",
                "rightsizing",
                &url,
                &selector,
                "--since=2m",
                "--resolution=5s",
                "--by=container",
            ])
            .arg(format!("--format={format}"))
            .output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    };
    let lines: serde_json::Value = serde_json::from_str(&report("json")?)?;
    assert_eq!(lines.as_array().map(Vec::len), Some(3), "{lines:#}");
    let line = |container: &Running| {
        let name = container.container().id();
        lines.as_array().into_iter().flatten().find(|line| line["about"]["name"] == name).context("no line")
    };
    let why = |line: &serde_json::Value| line["suggestion"]["reasons"].to_string();
    let of_killed = line(&killed)?;
    assert_eq!(of_killed["usage"]["memory_limit_bytes"], 64.0 * MIB as f64);
    assert_eq!(of_killed["usage"]["oom_kills"], 1.0);
    assert_eq!(of_killed["suggestion"]["memory_limit_bytes"], 96.0 * MIB as f64);
    assert!(why(of_killed).contains("memory limit: 1 killed for want of memory"), "{of_killed:#}");
    let of_slow = line(&slow)?;
    assert_eq!(of_slow["usage"]["cpu_limit_cores"], 0.2);
    assert!(of_slow["suggestion"]["cpu_limit_cores"].as_f64() >= Some(0.3), "{of_slow:#}");
    assert!(why(of_slow).contains("CPU limit: held back in"), "{of_slow:#}");
    let of_crowded = line(&crowded)?;
    assert_eq!(of_crowded["usage"]["threads_peak"], 50.0);
    assert_eq!(of_crowded["usage"]["threads_limit"], 50.0);
    assert_eq!(of_crowded["suggestion"]["threads_limit"], 100.0);
    for format in ["csv", "table"] {
        let text = report(format)?;
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(text.contains("pids limit: 50 of 50 threads were there"), "{text}");
    }
    Ok(())
}

/// Sets the limit of a cgroup, which is made for it, in whichever hierarchy has the controller.
fn limit_threads(path: &str, count: u64) -> Result<()> {
    let path = path.trim_start_matches('/');
    let v1 = Path::new("/sys/fs/cgroup/pids");
    let directory = if v1.is_dir() { v1.join(path) } else { cgroup::root()?.join(path) };
    std::fs::create_dir(&directory).with_context(|| directory.display().to_string())?;
    let file = directory.join("pids.max");
    std::fs::write(&file, count.to_string()).with_context(|| file.display().to_string())
}

/// Four containers of less than a second each. Whoever is asked what died has seen none of them alive.
#[test]
fn what_died() -> Result<()> {
    let watch = Watch::start()?;
    let life = |config: Config, code: i32| -> Result<String> {
        let container = Container::new(&config)?;
        let id = container.cgroups_path().to_owned();
        let (status, errors) = container.run()?;
        assert_eq!(status.code(), Some(code), "{errors}");
        Ok(id)
    };
    let memory = life(Config::default().memory(32 << 20).args("take 64"), 137)?;
    let fault = life(Config::default().args("fault"), 139)?;
    let orderly = life(Config::default().args("children 2 exit 0"), 0)?;
    let outside = {
        let container = Container::new(&Config::default())?.start()?;
        container.kill(Signal::KILL)?;
        container.wait(Duration::from_secs(60))?;
        let id = id(&container);
        container.finish()?;
        id
    };
    let all = [&memory, &fault, &orderly, &outside].map(String::as_str).join("|");
    let of_all = format!("id=~\"{all}\"");
    let one = |id: &str| [(id.to_owned(), 1.0)];

    // All of them are gone, and yet here.
    let gone = format!(
        "count(container_process_exits_total{{{of_all}}}) unless count(container_threads{{{of_all}}})"
    );
    watch.server.until("all four", |server| {
        let seen =
            server.query(&format!("count by (id) (container_process_exits_total{{{of_all}}})"), None)?;
        Ok((seen.len() == 4 && server.query(&gone, None)?.len() == 1).then_some(()))
    })?;
    // For want of memory.
    watch.await_answer(&format!("container_oom_kills_total{{{of_all}}} > 0"), &one(&memory))?;
    // By a fault of its own.
    let fatal = |by: &str| format!("sum by (id) (container_fatal_signals_total{{{of_all},{by}}})");
    watch.await_answer(&fatal("sender=\"kernel\",signal=~\"SIGSEGV|SIGBUS|SIGILL|SIGFPE\""), &one(&fault))?;
    // Killed by somebody else. By whom?
    watch.await_answer(&fatal("sender=\"outside\""), &one(&outside))?;
    let series =
        watch.server.query(&format!("container_fatal_signals_total{{{of_all},sender=\"outside\"}}"), None)?;
    let killer = series.first().and_then(|series| series.labels.get("sender_id")).cloned();
    assert_eq!(killer, Some(cgroup::own()?));
    // A killed container's own exit code tells the first and the last of these apart from nothing: both are 137.
    let killed = format!("container_process_exits_total{{{of_all},signal=\"SIGKILL\"}}");
    let mut both = watch.ask(&killed)?;
    both.sort_by(|a, b| a.0.cmp(&b.0));
    let mut wanted = [(memory.clone(), 1.0), (outside.clone(), 1.0)];
    wanted.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(both, wanted);
    // In good order: none was killed, and none said that anything was wrong.
    let clean = format!(
        "sum by (id) (container_process_exits_total{{{of_all},reason=\"exited\",code=\"0\"}}) \
         unless on (id) container_fatal_signals_total{{{of_all}}} \
         unless on (id) container_process_exits_total{{{of_all},reason=\"exited\",code!=\"0\"}}"
    );
    let answer = watch.ask(&clean)?;
    assert_eq!(answer.iter().map(|(id, _)| id).collect::<Vec<_>>(), [&orderly]);
    Ok(())
}

/// Twelve containers, and a service that complains. Three of them dial it without end; one of these is gone before anybody
/// asks, and a new one goes on in its place, elsewhere.
#[test]
fn who_hammers_the_service() -> Result<()> {
    const SERVICE: &str = "127.0.0.3:7411";
    let watch = Watch::start()?;
    let mut all = (0..12).map(|_| Container::new(&Config::default())?.start()).collect::<Result<Vec<_>>>()?;
    // What everybody does: the service once, and something else that is nobody's business.
    for container in &mut all {
        container.run(&format!("connect-failing {SERVICE} 1 111"))?;
        container.run("connect-failing 127.0.0.4:7411 20 111")?;
    }
    let hammer = |container: &mut Running, rounds: u32| -> Result<()> {
        for _ in 0..rounds {
            container.run(&format!("connect-failing {SERVICE} 50 111"))?;
            watch.server.next_scrape()?;
        }
        Ok(())
    };
    let mut culprits = all.split_off(9);
    for culprit in &mut culprits {
        hammer(culprit, 2)?;
    }
    let gone = culprits.pop().context("three")?;
    let mut wanted = vec![(id(&gone), 101.0)];
    gone.finish()?;
    let elsewhere = format!("/plimsoll-test-elsewhere-{}/ID", std::process::id());
    let mut new = Container::new(&Config::default().cgroups_path(&elsewhere))?.start()?;
    hammer(&mut new, 3)?;
    wanted.extend(culprits.iter().map(|culprit| (id(culprit), 101.0)));
    wanted.push((id(&new), 150.0));
    wanted.sort_by(|a, b| a.0.cmp(&b.0));

    let connects = format!("container_tcp_connects_total{{destination=\"{SERVICE}\",result=\"refused\"}}");
    watch.await_answer(&format!("sum by (id) (last_over_time({connects}[{EVER}])) > 50"), &wanted)?;
    let total = 9.0 + 3.0 * 101.0 + 150.0;
    watch.await_answer(&format!("sum(last_over_time({connects}[{EVER}]))"), &[(String::new(), total)])
}

/// Four containers, all of them slow, each for a reason of its own: it waits for its disk, it has used up its share of the
/// CPUs, its network is far away, or what it depends on refuses it. Each reason shows where it belongs, and at nobody else's.
#[test]
fn why_is_it_slow() -> Result<()> {
    const UPSTREAM: &str = "127.0.0.5:7411";
    undisturbed(|| {
        let watch = Watch::start()?;
        let start = |config: Config| Container::new(&config)?.start();
        let device = Loop::new(4 << 20, None)?;
        let mut disk = start(Config::default().block_device(device.path(), device.number()?))?;
        let mut quota = start(Config::default().cpu_quota(10_000, 100_000))?;
        let mut far = start(Config::default().own_network())?;
        let mut refused = start(Config::default())?;
        let mut server = start(Config::default().own_network())?;
        let all = [&disk, &quota, &far, &refused].map(id);
        let _relay = Relay::lay(far.pid(), server.pid(), Duration::from_millis(60))?;
        // Each does the same first: a little of what the others are slow at.
        for container in [&mut disk, &mut quota, &mut far, &mut refused] {
            container.run("spin 0.01")?;
        }
        server.run("listen 10.79.0.2:7000")?;
        watch.server.next_scrape()?;

        disk.script().begin(&format!("disk {} write 200 4096 0", device.path()))?;
        quota.script().begin("spin 1")?;
        far.script().begin("connect 10.79.0.2:7000 4 100 100")?;
        server.script().begin("serve 4 100 100")?;
        refused.script().begin(&format!("connect-failing {UPSTREAM} 30 111"))?;
        for container in [&mut disk, &mut quota, &mut far, &mut refused, &mut server] {
            container.finished()?;
        }

        let of_all = format!("id=~\"{}\"", all.join("|"));
        let one = |id: &String, value: f64| [(id.clone(), value)];
        // Who waits for a disk, and for how many requests?
        // (Any of them may have its program read from another.)
        let on_it = format!("{of_all},device=\"{}\"", device.path());
        let requests = format!("sum by (id) (container_block_io_operations_total{{{on_it}}})");
        watch.await_answer(&requests, &one(&all[0], 200.0))?;
        let waiting = format!("sum by (id) (container_block_io_duration_seconds_sum{{{on_it}}}) > bool 0");
        watch.await_answer(&waiting, &one(&all[0], 1.0))?;
        // Who is kept from running by its own limit? Of ten periods a second, in about ten.
        let throttled = format!("container_cpu_cfs_throttled_periods_total{{{of_all}}} > bool 4 > 0");
        watch.await_answer(&throttled, &one(&all[1], 1.0))?;
        // Whose answers come from far away? There and back, four times.
        let far_away = "container_tcp_rtt_seconds";
        let mean = |family: &str| {
            format!("sum by (id) ({family}_sum{{{of_all}}}) / sum by (id) ({family}_count{{{of_all}}} > 0)")
        };
        watch.await_answer(&format!("({}) > bool 0.12 > 0", mean(far_away)), &one(&all[2], 1.0))?;
        let connects = "container_tcp_connect_duration_seconds";
        let slow = format!("({}) > bool 0.12 > 0", mean(connects));
        watch.await_answer(&slow, &one(&all[2], 1.0))?;
        // Who is refused, and by whom?
        let failing = format!("container_tcp_connects_total{{{of_all},result!=\"ok\"}}");
        watch.await_answer(&failing, &one(&all[3], 30.0))?;
        let by =
            format!("container_tcp_connects_total{{{of_all},destination=\"{UPSTREAM}\",result=\"refused\"}}");
        watch.await_answer(&by, &one(&all[3], 30.0))
    })
}
