//! What servers count, as the checks read it: the text of `/metrics`, answers of Prometheus, the page of nginx, replies of Redis,
//! memcached, PostgreSQL and MySQL with its option files, of Docker and Kubernetes, kubeconfigs, and what a check kept of an earlier
//! run.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_checks::checks::container::rows::{Rows, Selector};
use plimsoll_checks::checks::container::window::Window;
use plimsoll_checks::checks::containerd::wire;
use plimsoll_checks::checks::docker::answer as docker;
use plimsoll_checks::checks::kube::kubeconfig::Kubeconfig;
use plimsoll_checks::checks::kube::node::Node;
use plimsoll_checks::checks::kube::pod::{Pod, Pods};
use plimsoll_checks::checks::kube::workload::{Kind, Workload};
use plimsoll_checks::checks::memcached::Stats;
use plimsoll_checks::checks::mysql::option_file;
use plimsoll_checks::checks::mysql::packet::{self, Greeting, Packet};
use plimsoll_checks::checks::nginx_status::page::Page;
use plimsoll_checks::checks::pgsql::message::Message;
use plimsoll_checks::checks::pgsql::scram::Scram;
use plimsoll_checks::checks::prometheus::answer::Answered;
use plimsoll_checks::checks::redis::info::Info;
use plimsoll_checks::checks::redis::reply::Reply;
use plimsoll_checks::exposition::samples;
use plimsoll_checks::grpc;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(answered) = Answered::parse(bytes) {
        assert!(answered.series.iter().all(|series| series.label("no such label").is_empty()));
    }
    if let Ok(Some((_, length))) = Stats::take(bytes) {
        assert!(length <= bytes.len());
    }
    let mut rest = bytes;
    while let Ok(Some((_, length))) = Reply::take(rest) {
        assert!(length > 0 && length <= rest.len());
        rest = &rest[length..];
    }
    let mut rest = bytes;
    while let Ok(Some((message, length))) = Message::take(rest) {
        assert!(length >= 5 && length <= rest.len());
        let _ = (message.error(), message.columns(), message.first_column().map(<[u8]>::len));
        rest = &rest[length..];
    }
    mysql(bytes);
    let text = String::from_utf8_lossy(bytes);
    assert!(option_file::lines(&text, &["client"]).len() <= bytes.len());
    if !text.contains("i=") || text.contains("i=1,") {
        let _ = Scram::new("x", b"").answer(&text);
    }
    let info = Info::parse(&text);
    assert!(info.hit_rate().is_none_or(f64::is_finite));
    let _ = (info.keys(), info.memory(None), info.replication_delay());
    let _ = Page::parse(&text);
    let mut names = Vec::new();
    for sample in samples(&text) {
        assert!(!sample.name.is_empty());
        names.extend(sample.labels().map(|(name, value)| (name.to_owned(), value.into_owned())));
    }
    assert!(names.len() <= bytes.len());
    if let Some(metrics) = grpc::answer::<wire::Metrics>(bytes) {
        assert!(metrics.used().all(|(_, used)| used.memory.is_none_or(|memory| memory >= 0.0)));
    }
    if let Some(containers) = grpc::answer::<wire::Containers>(bytes) {
        assert!(containers.containers.iter().all(|listed| listed.created().is_none_or(|at| at > 0.0)));
    }
    if let Ok(inspected) = serde_json::from_slice::<docker::Inspected>(bytes) {
        assert!(inspected.started().is_none_or(|started| started > 0.0));
        assert!(inspected.cpus(Some(4.0)).is_some_and(|cpus| cpus >= 0.0));
    }
    if let Ok(stats) = serde_json::from_slice::<docker::Stats>(bytes) {
        let _ = (stats.memory(), stats.memory_limit(), stats.cpu_seconds(), stats.online());
    }
    if let Ok(pod) = serde_json::from_slice::<Pod>(bytes) {
        let mut pods = Pods::default();
        pods.add(&pod, 1e9, 300.0);
        assert_eq!(pods.count, 1);
    }
    if let Ok(node) = serde_json::from_slice::<Node>(bytes) {
        assert!(node.pressures().len() <= 4);
    }
    if let Ok(object) = serde_json::from_slice(bytes) {
        assert_eq!(Workload::new(Kind::Job, object).kind, Kind::Job);
    }
    let mut kubeconfig = Kubeconfig::default();
    if kubeconfig.add("/x/config".as_ref(), &text).is_ok() {
        let _ = kubeconfig.choose(None);
    }
    let mut selector = Selector::default();
    selector.add("id", "*".to_owned());
    let rows = Rows::read(&text, &selector);
    let mut window = serde_json::from_slice(bytes).map(|value| Window::of_json(&value)).unwrap_or_default();
    let grown = window.push(&rows, 1e9, 300.0);
    assert!(grown.is_none_or(|grown| grown.seconds > 0.0));
    assert_eq!(Window::of_json(&window.to_json()), window);
});

/// Packets one after the other, each read as all that it may be.
fn mysql(bytes: &[u8]) {
    let mut rest = bytes;
    while let Ok(Some((packet, length))) = Packet::take(rest) {
        assert!(length >= 4 && length <= rest.len());
        assert_eq!(packet.to_bytes(), rest[..length]);
        if let Some(greeting) = Greeting::parse(&packet.body) {
            assert!(greeting.nonce.len() >= 20 && greeting.nonce.len() < packet.body.len());
        }
        let _ = (packet::Reply::parse(&packet.body), packet::column_name(&packet.body));
        if let Some(row) = packet::row(&packet.body, 3) {
            assert!(row.iter().flatten().map(Vec::len).sum::<usize>() <= packet.body.len());
        }
        rest = &rest[length..];
    }
}
