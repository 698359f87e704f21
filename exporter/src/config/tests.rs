use std::path::Path;

use super::*;

const COLLECTORS: [Collector; 5] = [
    Collector { name: "syscalls", summary: "System calls", default: true },
    Collector { name: "oom", summary: "OOM kills", default: true },
    Collector { name: "perf", summary: "Hardware counters", default: false },
    Collector { name: "connections", summary: "Who talks to whom", default: true },
    Collector { name: "dns", summary: "DNS", default: false },
];

fn parse(args: &[&str]) -> Result<Config, clap::Error> {
    match Invocation::from_args([&["plimsoll"], args].concat(), &COLLECTORS)? {
        Invocation::Serve(config) => Ok(*config),
        other => panic!("{other:?}"),
    }
}

fn pattern(text: &str) -> Option<node::Pattern> {
    text.parse().ok()
}

fn good(args: &[&str]) -> Config {
    parse(args).expect("good flags")
}

#[test]
fn the_definition_is_sound() {
    Config::command(&COLLECTORS).debug_assert();
}

#[test]
fn defaults() {
    let expected = Config {
        web: Web {
            listen_addresses: vec![":18760".parse().expect("valid")],
            telemetry_path: "/metrics".to_owned(),
            max_requests: 40,
            max_probes: 16,
            scrape_timeout: Duration::from_secs(10),
            config_file: None,
            zero_first: false,
            openmetrics_created: true,
            lifecycle: false,
        },
        host: Host { procfs: "/proc".into(), sysfs: "/sys".into(), rootfs: "/".into(), cgroup_max_depth: 4 },
        tcp: Tcp { actual_destination: When::Auto, destination_groups: Vec::new(), destination_names: false },
        kernel: Kernel { slots: 1024, memory_limit: 64 << 20, dns_ports: vec![53], dns_names: false },
        overhead: Overhead { cpu: 0.02, interval: Duration::from_secs(10) },
        tombstone: Tombstone { scrapes: 2, min_age: Duration::from_secs(120), max: 4096 },
        log: Log { level: LogLevel::Info, format: LogFormat::Logfmt },
        node: node::Options::default(),
        runtimes: Runtimes { sockets: Vec::new(), discover: true },
        kubernetes: Kubernetes {
            node: None,
            kubeconfig: None,
            max_backoff: Duration::from_secs(60),
            on: None,
            services: false,
        },
        file: None,
        collectors: vec!["syscalls", "oom", "connections"],
    };
    assert_eq!(good(&[]), expected);
}

/// Every flag that takes a value: a good one in both spellings and what it does, and bad ones.
#[test]
fn every_flag_with_a_value() {
    type Check = fn(&Config) -> bool;
    let table: &[(&str, &str, Check, &[&str])] = &[
        (
            "web.listen-address",
            "[::1]:9000",
            |c| c.web.listen_addresses == ["[::1]:9000".parse().expect("valid")],
            &["", "9000", "::1:80", ":99999", "a b:1"],
        ),
        (
            "web.telemetry-path",
            "/prom/metrics",
            |c| c.web.telemetry_path == "/prom/metrics",
            &["", "metrics", "/-/healthy", "/a b", "/a?b", "/metrics/", "/é"],
        ),
        ("web.max-requests", "0", |c| c.web.max_requests == 0, &["", "-1", "many", "1.5", "10001"]),
        (
            "web.scrape-timeout",
            "1s500ms",
            |c| c.web.scrape_timeout == Duration::from_millis(1500),
            &["", "0", "5", "-1s", "9ms", "11m", "soon"],
        ),
        ("path.procfs", "/host/proc", |c| c.host.procfs == Path::new("/host/proc"), &["", "proc", "./proc"]),
        ("path.sysfs", "/host/sys", |c| c.host.sysfs == Path::new("/host/sys"), &["", "sys"]),
        ("path.rootfs", "/host", |c| c.host.rootfs == Path::new("/host"), &["", "host"]),
        ("cgroup.max-depth", "32", |c| c.host.cgroup_max_depth == 32, &["", "0", "33", "-1", "deep"]),
        ("dns.port", "5353", |c| c.kernel.dns_ports == [5353], &["", "0", "65536", "dns"]),
        ("kernel.slots", "64", |c| c.kernel.slots == 64, &["", "63", "65537", "-64", "1e3"]),
        ("tcp.actual-destination", "on", |c| c.tcp.actual_destination == When::On, &["", "yes", "ON"]),
        (
            "tcp.destination-group",
            "own=10.0.0.0/8,fd00::/8",
            |c| c.tcp.destination_groups == ["own=10.0.0.0/8,fd00::/8".parse().expect("valid")],
            &["", "own", "=10.0.0.0/8", "own=10.0.0.0/40", "own=10.0.0.1/8", "other=10.0.0.0/8"],
        ),
        (
            "kernel.memory-limit",
            "1GiB",
            |c| c.kernel.memory_limit == 1 << 30,
            &["", "0", "1023KiB", "65GiB", "64MB", "64M", "-1MiB"],
        ),
        (
            "overhead.cpu",
            "12.5%",
            |c| c.overhead.cpu == 0.125,
            &["", "%", "-1%", "101%", "two", "1e2", "nan", "1.2.3", "2%%"],
        ),
        (
            "overhead.interval",
            "1m",
            |c| c.overhead.interval == Duration::from_secs(60),
            &["", "0", "49ms", "11m", "5", "-1s"],
        ),
        ("web.max-probes", "1", |c| c.web.max_probes == 1, &["", "0", "1001", "-1", "x"]),
        ("tombstone.scrapes", "0", |c| c.tombstone.scrapes == 0, &["", "-1", "1001", "two"]),
        (
            "tombstone.min-age",
            "1h30m",
            |c| c.tombstone.min_age == Duration::from_secs(5400),
            &["", "2", "-2m", "2min", "25h", "1m1h"],
        ),
        ("tombstone.max", "1", |c| c.tombstone.max == 1, &["", "0", "1000001", "-5", "x"]),
        ("log.level", "debug", |c| c.log.level == LogLevel::Debug, &["", "loud", "INFO", "trace"]),
        ("config.file", "/etc/plimsoll.yml", |c| c.file == Some("/etc/plimsoll.yml".into()), &[""]),
        ("web.config.file", "web.yml", |c| c.web.config_file == Some("web.yml".into()), &[""]),
        (
            "runtime.socket",
            "podman=/srv/podman.sock",
            |c| c.runtimes.sockets == [Socket { runtime: Runtime::Podman, path: "/srv/podman.sock".into() }],
            &["", "/run/docker.sock", "rkt=/run/rkt.sock", "docker=docker.sock"],
        ),
        ("collector.diskstats.device-exclude", "^a", |c| c.node.diskstats_exclude == pattern("^a"), &["("]),
        ("collector.diskstats.device-include", "^a", |c| c.node.diskstats_include == pattern("^a"), &["("]),
        ("collector.netdev.device-exclude", "^a", |c| c.node.netdev_exclude == pattern("^a"), &["["]),
        ("collector.netdev.device-include", "^a", |c| c.node.netdev_include == pattern("^a"), &["["]),
        (
            "collector.netclass.ignored-devices",
            "^a",
            |c| Some(&c.node.netclass_ignored) == pattern("^a").as_ref(),
            &["*"],
        ),
        ("collector.arp.device-exclude", "^a", |c| c.node.arp_exclude == pattern("^a"), &["*"]),
        ("collector.arp.device-include", "^a", |c| c.node.arp_include == pattern("^a"), &["*"]),
        (
            "collector.filesystem.mount-points-exclude",
            "^a",
            |c| c.node.mount_points_exclude == pattern("^a"),
            &["a{2,1}"],
        ),
        (
            "collector.filesystem.mount-points-include",
            "^a",
            |c| c.node.mount_points_include == pattern("^a"),
            &["a{2,1}"],
        ),
        (
            "collector.filesystem.fs-types-exclude",
            "^a",
            |c| c.node.fs_types_exclude == pattern("^a"),
            &["a{2,1}"],
        ),
        (
            "collector.filesystem.fs-types-include",
            "^a",
            |c| c.node.fs_types_include == pattern("^a"),
            &["a{2,1}"],
        ),
        (
            "collector.filesystem.mount-timeout",
            "2s",
            |c| c.node.mount_timeout == Duration::from_secs(2),
            &["", "0", "6s", "9ms", "soon"],
        ),
        ("collector.vmstat.fields", "^a", |c| Some(&c.node.vmstat_fields) == pattern("^a").as_ref(), &["("]),
        (
            "collector.netstat.fields",
            "^a",
            |c| Some(&c.node.netstat_fields) == pattern("^a").as_ref(),
            &["("],
        ),
        (
            "collector.powersupply.ignored-supplies",
            "^a",
            |c| Some(&c.node.supplies_ignored) == pattern("^a").as_ref(),
            &["("],
        ),
        (
            "collector.textfile.directory",
            "/var/lib/text",
            |c| c.node.textfile_directories == [Path::new("/var/lib/text")],
            &[""],
        ),
        (
            "collector.systemd.unit-include",
            "ssh|cron",
            |c| c.node.unit_include.matches("ssh") && !c.node.unit_include.matches("sshd"),
            &["(", "a)|(b"],
        ),
        (
            "collector.systemd.unit-exclude",
            "ssh|cron",
            |c| c.node.unit_exclude.matches("cron") && !c.node.unit_exclude.matches("acron"),
            &["("],
        ),
        (
            "kubernetes.node",
            "rig-node.example",
            |c| c.kubernetes.node.as_deref() == Some("rig-node.example"),
            &["", "Rig", "a,b", "a=b", "a b"],
        ),
        (
            "kubernetes.kubeconfig",
            "/etc/kubeconfig",
            |c| c.kubernetes.kubeconfig == Some("/etc/kubeconfig".into()),
            &[""],
        ),
        (
            "kubernetes.max-backoff",
            "5s",
            |c| c.kubernetes.max_backoff == Duration::from_secs(5),
            &["", "5", "9ms", "61m", "-1s"],
        ),
        ("log.format", "json", |c| c.log.format == LogFormat::Json, &["", "xml", "JSON"]),
    ];
    let takes_value = |arg: &&clap::Arg| arg.get_action().takes_values();
    let declared = Config::command(&COLLECTORS).get_arguments().filter(takes_value).count();
    assert_eq!(table.len(), declared, "every flag has its row");
    for (flag, value, holds, bad) in table {
        assert!(holds(&good(&[&format!("--{flag}={value}")])), "--{flag}={value}");
        assert!(holds(&good(&[&format!("--{flag}"), value])), "--{flag} {value}");
        for value in *bad {
            let error = parse(&[&format!("--{flag}={value}")]).expect_err(&format!("--{flag}={value}"));
            let line = one_line(&error);
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(line.contains(&format!("--{flag}")) && line.contains(value), "names both: {line}");
            assert!(line.starts_with("error: ") && !line.contains('\n'), "{line}");
        }
        assert_eq!(parse(&[&format!("--{flag}")]).expect_err("no value").exit_code(), 2);
    }
}

#[test]
fn switches_and_their_twins() {
    type Check = fn(&Config) -> bool;
    let table: &[(&[&str], Check)] = &[
        (&["--web.zero-first"], |c| c.web.zero_first),
        (&["--no-web.zero-first"], |c| !c.web.zero_first),
        (&["--no-web.openmetrics-created"], |c| !c.web.openmetrics_created),
        (&["--no-web.openmetrics-created", "--web.openmetrics-created"], |c| c.web.openmetrics_created),
        (&["--web.zero-first", "--no-web.zero-first"], |c| !c.web.zero_first),
        (&["--web.enable-lifecycle"], |c| c.web.lifecycle),
        (&["--kubernetes"], |c| c.kubernetes.on == Some(true)),
        (&["--kubernetes", "--no-kubernetes"], |c| c.kubernetes.on == Some(false)),
        (&["--kubernetes.services"], |c| c.kubernetes.services && c.kubernetes.on.is_none()),
        (&["--kubernetes.services", "--no-kubernetes.services"], |c| !c.kubernetes.services),
        (&["--no-runtime.discover"], |c| !c.runtimes.discover),
        (&["--no-collector.oom"], |c| c.collectors == ["syscalls", "connections"]),
        (&["--no-collector.oom", "--collector.oom"], |c| c.collectors == ["syscalls", "oom", "connections"]),
        (&["--collector.oom", "--no-collector.oom"], |c| c.collectors == ["syscalls", "connections"]),
        (&["--collector.perf", "--collector.perf"], |c| {
            c.collectors == ["syscalls", "oom", "perf", "connections"]
        }),
        (&["--collector.disable-defaults"], |c| c.collectors.is_empty()),
        (&["--collector.oom", "--collector.disable-defaults"], |c| c.collectors == ["oom"]),
        (&["--collector.disable-defaults", "--no-collector.disable-defaults"], |c| c.collectors.len() == 3),
    ];
    for (args, holds) in table {
        assert!(holds(&good(args)), "{args:?}");
    }
}

#[test]
fn listen_addresses_add_up() {
    let config = good(&["--web.listen-address=:1", "--web.listen-address", "127.0.0.1:2"]);
    let texts: Vec<String> = config.web.listen_addresses.iter().map(ToString::to_string).collect();
    assert_eq!(texts, [":1", "127.0.0.1:2"]);
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    for (args, expected) in [
        (
            &["--kernel.slots=7"] as &[&str],
            "error: invalid value '7' for '--kernel.slots <N>': 7 is not in 64..=65536",
        ),
        (
            &["--tombstone.min-age=2min"],
            "error: invalid value '2min' for '--tombstone.min-age <DURATION>': \
             expected a duration such as 500ms, 2m or 1h30m",
        ),
        (
            &["--log.level=loud"],
            "error: invalid value 'loud' for '--log.level <LEVEL>'; \
             [possible values: debug, info, warn, error]",
        ),
        (
            &["--web.listen-address=:1", "--web.listen-address=:1"],
            "error: '--web.listen-address' is given twice with ':1'",
        ),
        (
            &["--collector.oomm"],
            "error: unexpected argument '--collector.oomm' found; \
             tip: a similar argument exists: '--collector.oom'",
        ),
        (&["metrics"], "error: unrecognized subcommand 'metrics'"),
        (
            &["--web.zero-first", "check-config", "a.yml"],
            "error: the subcommand 'check-config' cannot be used with '--web.zero-first'",
        ),
        (&["check-config"], "error: the following required arguments were not provided:; <FILE>..."),
        (
            &["--web.zero-first=yes"],
            "error: unexpected value 'yes' for '--web.zero-first' found; no more were expected",
        ),
        (
            &["--collector.netdev.device-include=a", "--collector.netdev.device-exclude=b"],
            "error: '--collector.netdev.device-include' and '--collector.netdev.device-exclude' exclude each other",
        ),
        (&["--dns.names"], "error: '--dns.names' needs '--collector.dns'"),
        (
            &["--collector.dns", "--tcp.destination-names"],
            "error: '--tcp.destination-names' needs '--dns.names'",
        ),
        (
            &["--collector.dns", "--dns.names", "--no-collector.connections", "--tcp.destination-names"],
            "error: '--tcp.destination-names' needs '--collector.connections'",
        ),
        (
            &["--dns.port=1", "--dns.port=2", "--dns.port=3", "--dns.port=4", "--dns.port=5"],
            "error: '--dns.port' is given more than 4 times",
        ),
        (
            &["--kernel.slots=64", "--kernel.slots=65"],
            "error: the argument '--kernel.slots <N>' cannot be used multiple times",
        ),
    ] {
        let error = parse(args).expect_err("nonsense");
        assert_eq!((one_line(&error).as_str(), error.exit_code()), (expected, 2));
    }
}

#[test]
fn files_to_check() {
    let asked = Invocation::from_args(["plimsoll", "check-config", "a.yml", "b"], &COLLECTORS);
    let files = vec!["a.yml".into(), "b".into()];
    assert_eq!(asked.expect("good"), Invocation::CheckConfig(files));
}

#[test]
fn help_and_version() {
    let help = parse(&["--help"]).expect_err("help").to_string();
    for part in [
        "Kernel events as",
        "Web:",
        "Host:",
        "Kernel:",
        "Tombstones:",
        "Kubernetes:",
        "Collectors:",
        "Log:",
        "--collector.perf",
    ] {
        assert!(help.contains(part), "{part} in {help}");
    }
    for arg in Config::command(&COLLECTORS).get_arguments() {
        assert!(arg.is_hide_set() || arg.get_help().is_some(), "{} has no help", arg.get_id());
    }
    let version = parse(&["--version"]).expect_err("version");
    assert_eq!(
        (version.to_string(), version.exit_code()),
        (format!("plimsoll {VERSION} (revision {REVISION}, rust {RUST_VERSION})\n"), 0)
    );
}

#[test]
fn every_command_is_listed() {
    let command = Config::command(&COLLECTORS);
    let mut names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    names.sort_unstable();
    let mut listed = COMMANDS;
    listed.sort_unstable();
    assert_eq!(names, listed);
}
