use super::*;

const INFO: &str = "redis_version:7.0.15\nrole:master\nconnected_clients:3\nkeyspace_hits:85\nkeyspace_misses:15\n\
    used_memory_rss:50\ntotal_system_memory:200\ndb0:keys=2,expires=0\n";

fn config(args: &[&str]) -> Result<Config, Stop> {
    let args = [&["-H", "h"], args].concat();
    Config::read(&mut Call::new(&CHECK, "check_redis", args.iter().map(Into::into).collect()))
}

fn said(args: &[&str], info: &str) -> (State, String) {
    let output = judge(&config(args).unwrap(), &Info::parse(info), 0.5);
    (output.state(), output.render())
}

#[test]
fn what_is_asked_for_is_judged() {
    assert_eq!(
        said(&["-R", "<90,<80", "-m", "20,30", "-r", "5,10", "-a", "connected_clients,role", "-w", "2,!master", "-c", "9,=slave"], INFO),
        (
            State::Warning,
            "REDIS WARNING - hit rate 85% (WARNING), memory 25% (WARNING), connected_clients is 3 (WARNING), Redis \
             7.0.15 with 2 keys answers in 0.500 seconds, no replica, role is master|response_time=0.5s;;;; \
             hitrate=85%;;;; memory_utilization=25%;;;; connected_clients=3;;;;\n"
                .to_owned()
        )
    );
    let (state, text) = said(&["-a", "none,role", "-c", "1,=master", "-A", "connected_clients,role"], INFO);
    assert_eq!(state, State::Critical);
    assert!(text.contains("role is master (CRITICAL), none is not there (UNKNOWN), "), "{text}");
    assert!(text.ends_with("|response_time=0.5s;;;; connected_clients=3;;;;\n"), "{text}");
    assert_eq!(said(&["-T", "0.1,0.2"], INFO).0, State::Critical);
}

#[test]
fn a_replica_without_its_master_is_critical() {
    let (state, text) =
        said(&["-r", "5,10"], "role:slave\nmaster_link_status:down\nmaster_link_down_since_seconds:9\n");
    assert_eq!(state, State::Critical);
    assert!(
        text.starts_with(
            "REDIS CRITICAL - the link to the master is down (CRITICAL), replication delay 9s (WARNING)"
        ),
        "{text}"
    );
}

#[test]
fn lists_have_to_be_as_long_as_each_other() {
    let wrong = |args: &[&str]| match config(args) {
        Err(Stop::Usage(text)) => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        wrong(&["-a", "x", "-w", "1,2"]),
        "check_redis: -w and -c need as many thresholds as -a has names"
    );
    assert_eq!(wrong(&["-M", "x"]), "check_redis: Invalid number of bytes - x");
    assert_eq!(config(&["-M", "2G"]).unwrap().total, Some(2_147_483_648.0));
}
