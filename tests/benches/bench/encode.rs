//! 100,000 series with 6 labels through the encoder.

use std::time::Instant;

use plimsoll::exposition::{Encoder, Family, Format, Kind, Series, Value, render_labels};

static FAMILY: Family = Family {
    name: "container_syscalls_total",
    kind: Kind::Counter,
    help: "System calls.",
    labels: &["syscall"],
    unit: "calls",
    source: "bench",
    bound: "none",
};

pub(crate) fn run() {
    const CONTAINERS: usize = 1_000;
    const CALLS: [&str; 100] = ["openat"; 100];
    let rows: Vec<String> = (0..CONTAINERS)
        .map(|i| {
            let id = format!("/kubepods/burstable/pod{i:036}/{i:064}");
            render_labels([
                ("container", "app"),
                ("id", id.as_str()),
                ("image", "registry.example/team/app:1.2.3"),
                ("name", "app"),
                ("namespace", "production"),
                ("pod", "app-6d4cf56db6-x7k2p"),
            ])
        })
        .collect();
    let mut buffer = Vec::new();
    let mut best = f64::INFINITY;
    for _ in 0..20 {
        buffer.clear();
        let start = Instant::now();
        let mut encoder = Encoder::new(&mut buffer, Format::Text);
        encoder.family(&FAMILY);
        for (i, labels) in rows.iter().enumerate() {
            for (j, call) in CALLS.iter().enumerate() {
                let series = Series { labels, created: Some(0.0) };
                encoder.counter(series, &[("syscall", call)], Value::Int((i * 1_000 + j) as u64));
            }
        }
        encoder.finish();
        best = best.min(start.elapsed().as_secs_f64());
    }
    let result = format!("{:.2} ms ({} MiB)", best * 1e3, buffer.len() >> 20);
    crate::report("encode 100,000 series, text, best of 20", &result, "at most 5 ms");
}
