use std::ffi::OsString;

use super::*;
use crate::output::Stop;

fn config(line: &str) -> Config {
    let args = line.split_whitespace().map(OsString::from).collect();
    Config::read(&mut Call::new(&CHECK, "check_docker", args)).unwrap()
}

fn refused(line: &str) -> String {
    let args = line.split_whitespace().map(OsString::from).collect();
    match Config::read(&mut Call::new(&CHECK, "check_docker", args)) {
        Err(Stop::Usage(text)) => text,
        Err(Stop::Done(output)) => output.render(),
        other => panic!("{line}: {other:?}"),
    }
}

fn container(name: &str, state: &str, inspected: &str, stats: &str) -> Container {
    let mut container = Container { name: name.to_owned(), state: state.to_owned(), ..Container::default() };
    serde_json::from_str::<Inspected>(inspected).unwrap().tell(&mut container);
    if !stats.is_empty() {
        serde_json::from_str::<Stats>(stats).unwrap().tell(&mut container);
    }
    container
}

const WEB: &str = r#"{"RestartCount":2,"State":{"Status":"running","StartedAt":"2026-11-21T10:00:00.5+01:00",
    "Health":{"Status":"healthy"}},"HostConfig":{"NanoCpus":500000000,"CpuQuota":0}}"#;
const STATS: &str = r#"{"cpu_stats":{"cpu_usage":{"total_usage":5000000000},"online_cpus":4},
    "memory_stats":{"usage":3145728,"limit":4194304,"stats":{"inactive_file":1048576}}}"#;
/// Two hours and three minutes after it was started.
const NOW: f64 = 1_795_251_600.0 + 7380.0;

fn measured(containers: Vec<Container>) -> Engine {
    let version: Version =
        serde_json::from_str(r#"{"Version":"27.3.1","Components":[{"Name":"Engine"}]}"#).unwrap();
    Engine { name: version.words(), seconds: 0.25, counts: Some((3, 2)), containers, ..Engine::default() }
}

fn says(line: &str, measured: &Engine) -> String {
    config(line).wanted.judge_at(measured, "DOCKER", NOW).render()
}

#[test]
fn an_engine_without_more_is_alive() {
    assert_eq!(
        says("-w 1", &measured(Vec::new())),
        "DOCKER OK - Docker 27.3.1 answers in 0.250 seconds, 2 of 3 containers running\
         |time=0.250000s;1;;0.000000 containers=3;;; running=2;;;\n"
    );
    let slow = says("-w 0.1 -c 0.2 --no-performance", &measured(Vec::new()));
    assert_eq!(
        slow,
        "DOCKER CRITICAL - Docker 27.3.1 answers in 0.250 seconds (CRITICAL), 2 of 3 containers running\n"
    );
}

#[test]
fn each_value_has_its_pair() {
    let mut web = container("web", "running", WEB, STATS);
    web.cpu = Some(85.4);
    web.image_created = Some(NOW - 3.5 * 86_400.0);
    let all = measured(vec![web]);
    let line = "--status running --health --cpu 80:90 --memory 50:60:% --uptime 3600:60 --restarts 3:5 --image-age 3,10";
    assert_eq!(
        says(line, &all),
        "DOCKER WARNING - web CPU is 85% (WARNING), web memory is 50% (WARNING), Docker 27.3.1 answers in 0.250 \
         seconds, web is running, web is healthy, web uptime is 2h 2min, web restarts is 2, web image age is 3d\
         |time=0.250000s;;;0.000000 web_cpu=85%;80;90;0;100 web_mem=50%;50;60;0;100 web_up=7379s;3600;60;0 \
         web_re=2;3;5;0 web_age=3d;3;10;0\n"
    );
    assert_eq!(
        says("--memory 1:2:MB --no-ok", &all),
        "DOCKER CRITICAL - web memory is 2MiB|time=0.250000s;;;0.000000 web_mem=2MiB;1;2;0;4\n"
    );
    assert_eq!(
        says("--memory 3,4:MB --decimal_units --no-ok", &all),
        "DOCKER OK - Docker 27.3.1 answers in 0.250 seconds|time=0.250000s;;;0.000000 web_mem=2.1MB;3;4;0;5\n"
    );
}

#[test]
fn what_does_not_run_is_told_as_such() {
    let job = container("job", "exited", r#"{"State":{"Status":"exited"}}"#, "");
    let sick = container("sick", "running", r#"{"State":{"Health":{"Status":"unhealthy"}}}"#, "");
    let young = container("young", "running", r#"{"State":{"Health":{"Status":"starting"}}}"#, "");
    let bare = container("bare", "running", "{}", "");
    let all = measured(vec![job, sick, young, bare]);
    assert!(
        says("--status running", &all)
            .starts_with("DOCKER CRITICAL - job is exited, not running (CRITICAL), ")
    );
    assert!(says("--health", &all).starts_with(
        "DOCKER CRITICAL - job is exited, not running (CRITICAL), sick is unhealthy (CRITICAL), young is starting \
         (UNKNOWN), bare has no health check (UNKNOWN), Docker "
    ));
    let mut none = measured(Vec::new());
    assert!(
        says("--status running", &none).starts_with("DOCKER UNKNOWN - no container to look at (UNKNOWN), ")
    );
    none.unmatched = vec!["x".to_owned()];
    assert!(
        says("--containers x --present", &none)
            .starts_with("DOCKER CRITICAL - no container matches x (CRITICAL)")
    );
    assert!(says("--containers x", &none).starts_with("DOCKER UNKNOWN - no container matches x (UNKNOWN)"));
}

#[test]
fn many_are_counted() {
    let many = (0..120).map(|number| container(&format!("c{number}"), "running", "{}", STATS)).collect();
    let said = says("--memory 50:60:%", &measured(many)).replace("50:60", "");
    assert_eq!(said.matches("_mem=").count(), 100);
    assert!(said.contains("c119 memory is 50% (WARNING)"), "{said}");
    assert!(said.contains(", 111 more that are fine|"), "{said}");
}

#[test]
fn where_the_engine_is() {
    let place = |line: &str| config(line).place.shown();
    assert_eq!(place("-H /x.sock"), "/x.sock");
    assert_eq!(place("--connection unix:///x.sock"), "/x.sock");
    assert_eq!(place("-H tcp://a"), "a:2375");
    assert_eq!(place("--secure-connection a"), "a:2376");
    assert_eq!(place("-H [::1]:99"), "[::1]:99");
    for (line, fault) in [
        ("-H :80", "check_docker: Invalid connection - :80"),
        ("-H a:99999", "check_docker: Invalid connection - a:99999"),
        ("--cpu 80", "Thresholds are WARN:CRIT or two ranges, RANGE,RANGE: '80'\n"),
        ("--containers (", "UNKNOWN - '(': "),
    ] {
        assert!(refused(line).starts_with(fault), "{line}: {}", refused(line));
    }
}

#[test]
fn words_after_an_expression_are_more_of_them() {
    let config = config("--containers a b.* --exclude-containers bad b1 --status running");
    let selected = ["a", "ab", "b1", "b2", "bad", "bb"].map(|name| config.wanted.selection.takes(&[name]));
    assert_eq!(selected, [true, false, false, true, false, true]);
    let listed = r#"[{"Id":"1","Names":["/x/a","/b1"]},{"Id":"b3"}]"#;
    let listed: Vec<Listed> = serde_json::from_str(listed).unwrap();
    assert_eq!(listed.iter().map(Listed::name).collect::<Vec<_>>(), ["b1", "b3"]);
    assert_eq!(config.wanted.selection.unmatched(listed.iter().map(|listed| vec![listed.name()])), ["a"]);
}
