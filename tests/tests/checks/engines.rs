//! The checks of container engines, beside real ones; and beside a web server that has what Docker says in files.

use std::path::Path;

use anyhow::{Result, ensure};
use plimsoll_tests::containerd::Containerd;
use plimsoll_tests::podman::Podman;
use plimsoll_tests::servers::Servers;

use crate::status::{Row, all_say};

/// What Docker 27 answers, by its path.
const DOCKER: &[(&str, &str)] = &[
    (
        "version",
        r#"{"Platform":{"Name":"Docker Engine - Community"},"Components":[{"Name":"Engine"}],"Version":"27.3.1"}"#,
    ),
    (
        "containers/json",
        r#"[{"Id":"w1","Names":["/web"],"ImageID":"sha256:1","State":"running","Status":"Up 2 days (healthy)"},
            {"Id":"s1","Names":["/sick","/web/link"],"ImageID":"sha256:2","State":"running"},
            {"Id":"j1","Names":["/job"],"ImageID":"sha256:1","State":"exited"},
            {"Id":"g1","Names":["/gone"],"ImageID":"sha256:1","State":"running"}]"#,
    ),
    (
        "containers/w1/json",
        r#"{"Id":"w1","RestartCount":2,"State":{"Status":"running","StartedAt":"2021-03-04T05:06:07.89Z","Health":
            {"Status":"healthy","FailingStreak":0}},"HostConfig":{"NanoCpus":0,"CpuQuota":50000,"CpuPeriod":100000}}"#,
    ),
    (
        "containers/w1/stats",
        r#"{"cpu_stats":{"cpu_usage":{"total_usage":7000000000},"online_cpus":4},"memory_stats":{"usage":3145728,
            "limit":4194304,"stats":{"inactive_file":1048576}}}"#,
    ),
    (
        "containers/s1/json",
        r#"{"Id":"s1","RestartCount":0,"State":{"Status":"running","StartedAt":"2021-03-04T05:06:07Z","Health":
            {"Status":"unhealthy"}}}"#,
    ),
    ("containers/s1/stats", r#"{"cpu_stats":{"cpu_usage":{"total_usage":1}},"memory_stats":{}}"#),
    ("containers/j1/json", r#"{"Id":"j1","State":{"Status":"exited"}}"#),
    ("images/sha256:1/json", r#"{"Created":"2020-01-02T03:04:05+02:00"}"#),
];

const ROWS: &[Row] = &[
    (
        "check_docker -H 127.0.0.1:{http} -w 60",
        0,
        "DOCKER OK - Docker #.#.# answers in #.# seconds, # of # containers running|time=#.#s;#;;#.# containers=#;;; running=#;;;",
    ),
    (
        "check_docker -H tcp://127.0.0.1:{http} --containers web j.* --status running",
        2,
        "DOCKER CRITICAL - job is exited, not running (CRITICAL), Docker #.#.# answers in #.# seconds, web is running|time=#.#s;;;#.#",
    ),
    (
        "check_docker -H 127.0.0.1:{http} --containers web --memory 60:80:% --restarts 1:3 --image-age 3650:36500 --health",
        1,
        "DOCKER WARNING - web restarts is # (WARNING), Docker #.#.# answers in #.# seconds, web is running, web is healthy, \
         web memory is #%, web image age is #d|time=#.#s;;;#.# web_mem=#%;#;#;#;# web_re=#;#;#;# web_age=#d;#;#;#",
    ),
    (
        "check_docker -H 127.0.0.1:{http} --containers web --cpu 80:90 --state-file {seen}",
        0,
        "DOCKER OK - Docker #.#.# answers in #.# seconds, web is running, CPU seen for the first time|time=#.#s;;;#.#",
    ),
    (
        "check_docker -H 127.0.0.1:{http} --containers web --cpu 80,90 --state-file {seen}",
        0,
        "DOCKER OK - Docker #.#.# answers in #.# seconds, web is running, web CPU is #%|time=#.#s;;;#.# web_cpu=#%;#;#;#;#",
    ),
    (
        "check_docker -H 127.0.0.1:{http} --containers web sick --uptime 60:30 --health --no-performance",
        2,
        "DOCKER CRITICAL - sick is unhealthy (CRITICAL), Docker #.#.# answers in #.# seconds, sick is running, sick uptime is #d",
    ),
    (
        "check_docker -H 127.0.0.1:{http} --containers web --uptime ,99999999999: --no-ok",
        2,
        "DOCKER CRITICAL - web uptime is #d",
    ),
    (
        "check_docker -H 127.0.0.1:{http} --containers sick --memory 1:2:MB",
        3,
        "DOCKER UNKNOWN - sick has no memory or no limit",
    ),
    // One that was there a moment ago, and an image that is not.
    (
        "check_docker -H 127.0.0.1:{http} --containers gone --health",
        3,
        "DOCKER UNKNOWN - no container to look at (UNKNOWN)",
    ),
    (
        "check_docker -H 127.0.0.1:{http} --containers sick --image-age 1:2",
        3,
        "DOCKER UNKNOWN - the image of sick has no age",
    ),
    (
        "check_docker -H 127.0.0.1:{http} --containers web db --present",
        2,
        "DOCKER CRITICAL - no container matches db (CRITICAL), ",
    ),
    (
        "check_docker -H 127.0.0.1:{http} --containers db",
        3,
        "DOCKER UNKNOWN - no container matches db (UNKNOWN), ",
    ),
    (
        "check_docker -H 127.0.0.1:{http} --exclude-containers sick gone job --status running",
        0,
        "DOCKER OK - Docker #.#.# answers",
    ),
    (
        "check_docker --secure-connection localhost:{https-good} --ca-cert {www}/authority.pem",
        0,
        "DOCKER OK - Docker #.#.# answers in #.# seconds, # of # containers running|",
    ),
    (
        "check_docker --secure-connection 127.0.0.1:{mutual} -J {www}/good.pem -K {www}/good.key --status running --no-ok",
        2,
        "DOCKER CRITICAL - job is exited, not running|time=#.#s;;;#.#",
    ),
    (
        "check_docker --secure-connection 127.0.0.1:{mutual}",
        2,
        "DOCKER CRITICAL - /version: HTTP/#.# # Bad Request: ",
    ),
    (
        "check_docker --secure-connection localhost:{https-good} -D",
        2,
        "DOCKER CRITICAL - localhost:#: invalid peer certificate: ",
    ),
    ("check_docker -H 127.0.0.1:{closed}", 2, "DOCKER CRITICAL - connect to #.#.#.#:#: Connection refused"),
    (
        "check_docker -H /no/such/socket",
        2,
        "DOCKER CRITICAL - connect to /no/such/socket: No such file or directory",
    ),
    ("check_docker -H {socket}", 2, "DOCKER CRITICAL - /version: hello"),
    ("check_docker -H 127.0.0.1:{closing}", 2, "DOCKER CRITICAL - /version: "),
    ("check_docker -H 127.0.0.1:{garbage}", 2, "DOCKER CRITICAL - /version: "),
    (
        "check_docker -H 127.0.0.1:{http-cut}",
        2,
        "DOCKER CRITICAL - /version: an answer that cannot be read: ",
    ),
    ("check_docker -H 127.0.0.1:{http-501}", 2, "DOCKER CRITICAL - /version: HTTP/#.# # Not Implemented: no"),
    ("check_docker --cpu 80", 3, "Thresholds are WARN:CRIT or two ranges, RANGE,RANGE: '#'"),
];

#[test]
fn docker_is_judged_by_what_it_says() -> Result<()> {
    let (mut servers, _nginx) = crate::cases::web()?;
    let files = Path::new(servers.place("www")?).join("html");
    for (path, text) in DOCKER {
        let path = files.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(&files))?;
        std::fs::write(path, text)?;
    }
    servers.file("seen", "")?;
    all_say(&servers, ROWS)
}

const PODMAN: &[Row] = &[
    (
        "check_docker -H {podman}",
        0,
        "DOCKER OK - Podman #.#.# answers in #.# seconds, # of # containers running|time=#.#s;;;#.# containers=#;;; running=#;;;",
    ),
    (
        "check_docker -H unix://{podman} --containers web --status running --memory 50:90:% --uptime 0:,0: --restarts 1:2 --image-age 1:2",
        0,
        "DOCKER OK - Podman #.#.# answers in #.# seconds, web is running, web memory is #%, web uptime is #",
    ),
    (
        "check_docker -H {podman} --containers web --memory 0:90:%",
        1,
        "DOCKER WARNING - web memory is #% (WARNING), Podman #.#.# answers in #.# seconds, web is running|time=#.#s;;;#.# \
         web_mem=#%;#;#;#;#",
    ),
    (
        "check_docker -H {podman} --containers web --cpu 0:100 --state-file {seen}",
        0,
        "DOCKER OK - Podman #.#.# answers in #.# seconds, web is running, CPU seen",
    ),
    (
        "check_docker -H {podman} --containers web --cpu 0,1000 --state-file {seen} --no-ok",
        0,
        "DOCKER OK - Podman ",
    ),
    (
        "check_docker -H {podman} --containers fit --health",
        0,
        "DOCKER OK - Podman #.#.# answers in #.# seconds, fit is running, fit is healthy|",
    ),
    (
        "check_docker -H {podman} --containers sick --health --no-ok",
        2,
        "DOCKER CRITICAL - sick is unhealthy|",
    ),
    (
        "check_docker -H {podman} --containers web --health --no-ok",
        3,
        "DOCKER UNKNOWN - web has no health check|",
    ),
    (
        "check_docker -H {podman} --status running --no-ok --no-performance",
        2,
        "DOCKER CRITICAL - done is exited, not running (CRITICAL), held is paused, not running (CRITICAL)",
    ),
    ("check_docker -H {podman} --containers done --status exited", 0, "DOCKER OK - "),
    (
        "check_docker -H {podman} --containers web none --present",
        2,
        "DOCKER CRITICAL - no container matches none (CRITICAL), ",
    ),
];

#[test]
fn a_real_podman_is_judged() -> Result<()> {
    let mut servers = Servers::start()?;
    servers.file("seen", "")?;
    let podman = Podman::start(&mut servers)?;
    let sleeps = ["sleep", "3600"];
    podman.container("web", &["--memory", "64m", "--cpus", "0.5"], &sleeps)?;
    podman.container("held", &[], &sleeps)?;
    podman.container("done", &[], &["true"])?;
    for (name, what) in [("fit", "true"), ("sick", "false")] {
        let check = format!("[\"/bin/busybox\",\"{what}\"]");
        podman.container(
            name,
            &["--health-cmd", &check, "--health-interval", "disable", "--health-retries", "1"],
            &sleeps,
        )?;
        // It says by its exit code what it found.
        let _ = podman.run(&["healthcheck", "run", name]);
    }
    podman.run(&["pause", "held"])?;
    podman.run(&["wait", "done"])?;
    all_say(&servers, PODMAN)
}

const CONTAINERD: &[Row] = &[
    (
        "check_containerd -H {containerd} --no-cri",
        0,
        "CONTAINERD OK - containerd #.#.#~ds# answers in #.# seconds, # of # containers running|time=#.#s;;;#.# containers=#;;; running=#;;;",
    ),
    // There is no network for pods.
    (
        "check_containerd -H unix://{containerd}",
        2,
        "CONTAINERD CRITICAL - NetworkReady is false: NetworkPluginNotReady (CRITICAL), containerd #.#.#~ds# answers in #.# seconds, \
         # of # containers running|",
    ),
    (
        "check_containerd -H {containerd} --no-cri --namespace shop --containers web --status running --memory 80:90:% --uptime 0:,0:",
        0,
        "CONTAINERD OK - containerd #.#.#~ds# answers in #.# seconds, web is running, web memory is #%, web uptime is #",
    ),
    (
        "check_containerd -H {containerd} --no-cri --containers web --memory 0:100:KB --no-ok",
        2,
        "CONTAINERD CRITICAL - web memory is #",
    ),
    (
        "check_containerd -H {containerd} --no-cri --containers web --cpu 0:100 --state-file {seen}",
        0,
        "CONTAINERD OK - containerd #.#.#~ds# answers in #.# seconds, web is running, CPU seen for the first time|",
    ),
    (
        "check_containerd -H {containerd} --no-cri --containers web --cpu 0,1000 --state-file {seen} --no-ok",
        0,
        "CONTAINERD OK - ",
    ),
    (
        "check_containerd -H {containerd} --no-cri --containers shop/api-1/api --no-ok --status running",
        0,
        "CONTAINERD OK - ",
    ),
    (
        "check_containerd -H {containerd} --no-cri --namespace shop --status running --no-ok",
        2,
        "CONTAINERD CRITICAL - done is stopped, not running (CRITICAL), held is paused, not running (CRITICAL)",
    ),
    ("check_containerd -H {containerd} --no-cri --containers done --status stopped", 0, "CONTAINERD OK - "),
    (
        "check_containerd -H {containerd} --no-cri --containers web --restarts 1:2",
        3,
        "CONTAINERD UNKNOWN - the restarts of web are not told (UNKNOWN), ",
    ),
    (
        "check_containerd -H {containerd} --no-cri --containers web none --present",
        2,
        "CONTAINERD CRITICAL - no container matches none (CRITICAL), ",
    ),
    (
        "check_containerd -H {containerd} --no-cri --namespace other --status running",
        3,
        "CONTAINERD UNKNOWN - no container to look at (UNKNOWN), ",
    ),
    (
        "check_containerd -H {socket}",
        2,
        "CONTAINERD CRITICAL - /containerd.services.version.v#.Version/Version: ",
    ),
    (
        "check_containerd -H /no/such/socket",
        2,
        "CONTAINERD CRITICAL - connect to /no/such/socket: No such file or directory",
    ),
];

#[test]
fn a_real_containerd_is_judged() -> Result<()> {
    let mut servers = Servers::start()?;
    servers.file("seen", "")?;
    let containerd = Containerd::start(&mut servers)?;
    containerd.import("shop")?;
    containerd.import("k8s.io")?;
    let sleeps = ["/bin/busybox", "sleep", "3600"];
    containerd.container("shop", "web", &["--memory-limit", "67108864"], &sleeps)?;
    containerd.container("shop", "held", &[], &sleeps)?;
    containerd.ctr(&["--namespace", "shop", "tasks", "pause", "held"])?;
    containerd.container("shop", "done", &[], &["/bin/busybox", "true"])?;
    let labels = ["pod.namespace=shop", "pod.name=api-1", "container.name=api"]
        .map(|label| format!("io.kubernetes.{label}"));
    let labels: Vec<&str> = labels.iter().flat_map(|label| ["--label", label.as_str()]).collect();
    containerd.container("k8s.io", "5e1f", &labels, &sleeps)?;
    let start = std::time::Instant::now();
    while !containerd.ctr(&["--namespace", "shop", "tasks", "list"])?.contains("STOPPED") {
        ensure!(start.elapsed().as_secs() < 60, "it does not end");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let all_there: Vec<Row> = CONTAINERD.iter().map(|(line, code, text)| (*line, *code, *text)).collect();
    let held = all_say(&servers, &all_there);
    containerd.ctr(&["--namespace", "shop", "tasks", "resume", "held"])?;
    held
}
