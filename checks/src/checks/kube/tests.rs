use std::ffi::OsString;

use super::*;
use crate::http::date;

/// The moment at which the lists were recorded, about.
fn now() -> f64 {
    date::parse("Sat, 21 Nov 2026 06:22:05 GMT").unwrap() as f64
}

fn call(line: &str) -> Call {
    Call::new(&CHECK, "check_kube", line.split_whitespace().map(OsString::from).collect())
}

fn config(line: &str) -> Config {
    Config::read(&mut call(line)).unwrap()
}

macro_rules! recorded {
    ($name:literal) => {{
        let text = include_str!(concat!("../../../../tests/fixtures/kube/lists/", $name, ".json"));
        let list: serde_json::Value = serde_json::from_str(text).unwrap();
        list["items"].as_array().unwrap().clone()
    }};
}

fn pods(pending_after: f64) -> pod::Pods {
    let mut pods = pod::Pods::default();
    for pod in recorded!("pods") {
        pods.add(&serde_json::from_value(pod).unwrap(), now(), pending_after);
    }
    pods
}

fn workloads(kind: Kind, list: Vec<serde_json::Value>) -> Vec<Workload> {
    list.into_iter().map(|one| Workload::new(kind, serde_json::from_value(one).unwrap())).collect()
}

fn says(line: &str, measured: Measured) -> String {
    judge(&config(line), &Measured { seconds: 0.25, ..measured }).render()
}

const TIME: &str = "API server answers in 0.250 seconds";

#[test]
fn recorded_pods_are_told_apart() {
    let pods = pods(60.0);
    assert_eq!((pods.count, pods.restarts), (17, 4));
    let [failing, crashing, pending] = &pods.bad;
    assert_eq!(failing, &Vec::<String>::new());
    assert_eq!(
        crashing,
        &["shop/crasher (Error)", "shop/noimage (ErrImageNeverPull)", "shop/oomer (CrashLoopBackOff)"]
    );
    assert_eq!(pending, &["shop/unschedulable (Unschedulable)"]);
    assert_eq!(self::pods(300.0).bad[2], Vec::<String>::new());
    let said = says("--pods", Measured { pods: Some(pods), ..Measured::default() });
    assert_eq!(
        said,
        format!(
            "KUBE CRITICAL - crashing: shop/crasher (Error), shop/noimage (ErrImageNeverPull), shop/oomer \
             (CrashLoopBackOff) (CRITICAL), pending: shop/unschedulable (Unschedulable) (WARNING), {TIME}, 17 pods\
             |time=0.25s;;;; pods=17;;;; failing=0;;0;; crashing=3;;0;; pending=1;0;;; restarts=4;;;;\n"
        )
    );
    let line = "--pods --critical-crashing 3 --warning-pending 1 --warning-restarts 3";
    let said = says(line, Measured { pods: Some(self::pods(60.0)), ..Measured::default() });
    assert!(
        said.starts_with("KUBE WARNING - a container was started again 4 times (WARNING), API"),
        "{said}"
    );
}

#[test]
fn pods_that_end_are_the_matter_of_who_made_them() {
    let health = |text: &str| {
        let pod: pod::Pod = serde_json::from_str(text).unwrap();
        pod.health(now(), 300.0)
    };
    let failing = |reason: &str| pod::Health::Failing(reason.to_owned());
    assert_eq!(health(r#"{"status":{"phase":"Failed","reason":"Evicted"}}"#), failing("Evicted"));
    assert_eq!(health(r#"{"status":{"phase":"Failed"}}"#), failing("Failed"));
    let of_job = r#"{"metadata":{"ownerReferences":[{"kind":"Job"}]},"status":{"phase":"Failed"}}"#;
    assert_eq!(health(of_job), pod::Health::Fine);
    let leaving = r#"{"metadata":{"deletionTimestamp":"2026-11-21T06:00:00Z"},"status":{"phase":"Failed"}}"#;
    assert_eq!(health(leaving), pod::Health::Fine);
    let begins = r#"{"status":{"phase":"Pending","containerStatuses":[{"state":{"waiting":{"reason":"ContainerCreating"}}}]}}"#;
    assert_eq!(health(begins), pod::Health::Fine);
    let init = r#"{"status":{"phase":"Pending","initContainerStatuses":[{"state":{"waiting":{"reason":"ImagePullBackOff"}}}]}}"#;
    assert_eq!(health(init), pod::Health::Crashing("ImagePullBackOff".to_owned()));
    assert_eq!(health("{}"), pod::Health::Fine);
}

#[test]
fn recorded_workloads_are_whole() {
    let mut all = workloads(Kind::Deployment, recorded!("deployments"));
    all.extend(workloads(Kind::StatefulSet, recorded!("statefulsets")));
    all.extend(workloads(Kind::DaemonSet, recorded!("daemonsets")));
    all.extend(workloads(Kind::Job, recorded!("jobs")));
    let measured = Measured { workloads: all, ..Measured::default() };
    assert_eq!(
        says("--workload deploy --workload sts --workload ds --workload jobs", measured),
        format!(
            "KUBE OK - {TIME}, deployment shop/web has 2 of 2, statefulset shop/db has 2 of 2, daemonset \
             kube-system/agent has 1 of 1, job shop/once is complete, job shop/tick-29920701 is complete, job \
             shop/tick-29920702 runs with 1 active and 0 failed|time=0.25s;;;; desired=5;;;; available=5;;;; \
             jobs_active=1;;;; jobs_failed=0;;;;\n"
        )
    );
}

#[test]
fn what_a_workload_misses_is_told() {
    let one = |kind, text: &str| Workload::new(kind, serde_json::from_str(text).unwrap());
    let web = |available: u32| {
        let text = format!(
            r#"{{"metadata":{{"name":"web","namespace":"shop","generation":3}},"spec":{{"replicas":3}},
                "status":{{"availableReplicas":{available},"observedGeneration":2}}}}"#
        );
        Measured { workloads: vec![one(Kind::Deployment, &text)], ..Measured::default() }
    };
    let said = |line, measured| says(line, measured).split('|').next().unwrap().to_owned();
    let line = "--workload deployment/web";
    assert_eq!(
        said(line, web(3)),
        format!("KUBE OK - {TIME}, deployment shop/web has 3 of 3, not updated yet")
    );
    assert!(
        said(line, web(1))
            .starts_with("KUBE WARNING - deployment shop/web has 1 of 3, not updated yet (WARNING)")
    );
    assert!(said(line, web(0)).starts_with("KUBE CRITICAL - "));
    let limits = "--workload deployment/web --warning-missing 2 --critical-missing 3";
    assert!(said(limits, web(1)).starts_with("KUBE OK - "));
    assert!(said(limits, web(0)).starts_with("KUBE WARNING - "));
    let failed = r#"{"metadata":{"name":"j"},"status":{"failed":2,"conditions":[{"type":"Failed","status":"True","reason":"BackoffLimitExceeded"}]}}"#;
    let failed = Measured { workloads: vec![one(Kind::Job, failed)], ..Measured::default() };
    assert!(
        said("--workload job/j", failed)
            .starts_with("KUBE CRITICAL - job j failed: BackoffLimitExceeded (CRITICAL)")
    );
    let waits = Measured {
        workloads: vec![one(Kind::Job, r#"{"metadata":{"name":"j"},"spec":{"suspend":true}}"#)],
        ..Measured::default()
    };
    assert!(said("--workload job/j", waits).ends_with("job j is suspended"));
    let absent = Measured { absent: vec!["deployment shop/web".to_owned()], ..Measured::default() };
    assert!(said(line, absent).starts_with("KUBE CRITICAL - no deployment shop/web (CRITICAL)"));
    assert!(
        said("--workload jobs", Measured::default()).starts_with("KUBE UNKNOWN - no workload to look at")
    );
}

#[test]
fn nodes_are_ready_or_not() {
    let recorded: Vec<node::Node> =
        recorded!("nodes").into_iter().map(|node| serde_json::from_value(node).unwrap()).collect();
    let said = says("--nodes", Measured { nodes: Some(recorded), ..Measured::default() });
    let data =
        "|time=0.25s;;;; nodes=1;;;; nodes_not_ready=0;;0;; nodes_pressure=0;0;;; nodes_cordoned=0;;;;\n";
    assert_eq!(said, format!("KUBE OK - {TIME}, 1 of 1 nodes ready{data}"));
    let node = |text: &str| serde_json::from_str(text).unwrap();
    let down = node(
        r#"{"metadata":{"name":"a"},"status":{"conditions":[{"type":"Ready","status":"Unknown","reason":"NodeStatusUnknown"},
            {"type":"DiskPressure","status":"True"}]}}"#,
    );
    let held = node(
        r#"{"metadata":{"name":"b"},"spec":{"unschedulable":true},"status":{"conditions":[{"type":"Ready","status":"True"}]}}"#,
    );
    let said = says(
        "--nodes --warning-cordoned 0",
        Measured { nodes: Some(vec![down, held]), ..Measured::default() },
    );
    assert!(
        said.starts_with(
            "KUBE CRITICAL - not ready: a (NodeStatusUnknown) (CRITICAL), under pressure: a (DiskPressure) (WARNING), \
             cordoned: b (WARNING), API server answers in 0.250 seconds, 1 of 2 nodes ready|"
        ),
        "{said}"
    );
}

#[test]
fn days_and_readiness_are_told() {
    let said = says("--certificates", Measured { days: [Some(20), Some(-1)], ..Measured::default() });
    assert_eq!(
        said,
        format!(
            "KUBE CRITICAL - our certificate has expired (CRITICAL), the API server's certificate lasts 20 days (WARNING), \
             {TIME}|time=0.25s;;;; server_days=20d;30:;7:;; client_days=-1d;30:;7:;;\n"
        )
    );
    let said =
        says("--certificates --warning-days 10:", Measured { days: [Some(20), None], ..Measured::default() });
    assert!(said.starts_with("KUBE OK - "), "{said}");
    let said = says(
        "",
        Measured { failing: vec!["etcd failed: reason withheld".to_owned()], ..Measured::default() },
    );
    assert!(
        said.starts_with("KUBE CRITICAL - not ready: etcd failed: reason withheld (CRITICAL), "),
        "{said}"
    );
}

#[test]
fn refusals_have_the_state_of_whose_fault_they_are() {
    let said = |status: u16| {
        let error = Error::Status {
            path: "/x".to_owned(),
            status: Some(status),
            line: String::new(),
            said: "m".to_owned(),
        };
        match told(error) {
            Stop::Done(output) => output.render(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(said(401), "KUBE UNKNOWN - the API server does not know who asks, or no more (401): m\n");
    assert_eq!(said(403), "KUBE UNKNOWN - the API server does not allow that (403): m\n");
    assert_eq!(said(410), "KUBE UNKNOWN - the list was too old before all of it was read (410): m\n");
    assert_eq!(said(500), "KUBE CRITICAL - the API server fails (500): m\n");
    assert_eq!(said(504), "KUBE CRITICAL - the API server is not done in its own time (504): m\n");
    assert_eq!(said(418), "KUBE UNKNOWN - the API server does not understand that (418): m\n");
}

#[test]
fn a_command_line_says_what_to_look_at() {
    let faults = |line: &str| match Config::read(&mut call(line)) {
        Err(Stop::Usage(text)) => text,
        other => panic!("{line}: {other:?}"),
    };
    assert_eq!(faults("--workload pod/x"), "check_kube: Invalid workload - pod/x");
    assert_eq!(faults("--workload deploy/a/b"), "check_kube: Invalid workload - deploy/a/b");
    assert_eq!(faults("-n a/b"), "check_kube: Invalid namespace - a/b");
    let all = config("--workload deploy/web --workload JOBS -n shop -l app=web");
    assert_eq!(all.workloads, [(Kind::Deployment, Some("web".to_owned())), (Kind::Job, None)]);
    assert_eq!(
        (all.within(Some("x")), config("").within(Some("x"))),
        ("/namespaces/shop".to_owned(), "/namespaces/x".to_owned())
    );
    let refused = config("--insecure").access(&call(""));
    assert!(matches!(refused, Err(Stop::Usage(text)) if text.ends_with("need --server")));
}

#[test]
fn who_asks_is_a_token_or_a_certificate() {
    use crate::net::Family;
    use kubeconfig::Kubeconfig;
    let access = |user: &str, cluster: &str| {
        let text = format!(
            "{{current-context: a, contexts: [{{name: a, context: {{cluster: a, user: a}}}}],\
             clusters: [{{name: a, cluster: {{server: 'https://[::1]:6443/k/', {cluster}}}}}], users: [{{name: a, user: {{{user}}}}}]}}"
        );
        let mut config = Kubeconfig::default();
        config.add(std::path::Path::new("/x/config"), &text).unwrap();
        Access::of(config.choose(None).unwrap(), Family::Any)
    };
    let found = access("token: t", "").unwrap();
    assert_eq!((found.place.shown().as_str(), found.prefix.as_str()), ("[::1]:6443", "/k"));
    assert_eq!(found.headers, ["Authorization: Bearer t"]);
    assert_eq!(access("username: u, password: p", "").unwrap().headers, ["Authorization: Basic dTpw"]);
    assert_eq!(access("", "").unwrap().headers, Vec::<String>::new());
    for (user, cluster, fault) in [
        ("exec: {command: aws}", "", "the user logs in by the program aws, which is not done here"),
        ("auth-provider: {name: gcp}", "", "the user logs in by the provider gcp, which is"),
        ("", "proxy-url: 'http://p'", "the server is behind a proxy (http://p), "),
        ("", "certificate-authority-data: '!'", "certificate-authority-data cannot be read"),
        ("client-certificate-data: QUJD", "", "client-certificate-data cannot be read"),
        ("tokenFile: /no/such", "", "/no/such: No such file or directory"),
        ("token: \"a\\nb\"", "", "the token cannot be read"),
    ] {
        let said = access(user, cluster).unwrap_err().to_string();
        assert!(said.starts_with(fault), "{said}");
    }
}
