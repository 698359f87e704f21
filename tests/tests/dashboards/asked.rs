//! Each panel's query, asked under a load: it answers, or the panel says why it may not.

use std::time::Duration;

use anyhow::Result;
use plimsoll_tests::dashboards;
use plimsoll_tests::exporter::Exporter;
use plimsoll_tests::loopback::Loop;
use plimsoll_tests::prometheus::{Job, Prometheus};
use plimsoll_tests::rules;
use plimsoll_tests::runc::{Config, Container};

use crate::panels;

#[test]
fn panels_answer_under_a_load() -> Result<()> {
    let exporter = Exporter::start(&["--web.zero-first"])?;
    let jobs = [Job::new("plimsoll", exporter.address())];
    let files: Vec<_> = rules::files()?.iter().map(|path| path.canonicalize()).collect::<Result<_, _>>()?;
    let server = Prometheus::start_with(3, "2s", &jobs, &[], &format!("rule_files: {files:?}"))?;
    server.next_scrape()?;
    let start = |config: Config| Container::new(&config)?.start();
    let mut held = start(Config::default().cpu_quota(20_000, 100_000).memory(64 << 20))?;
    let mut talks = start(Config::default())?;
    let device = Loop::new(4 << 20, None)?;
    let mut writes = start(Config::default().block_device(device.path(), device.number()?))?;
    let life = Container::new(&Config::default().args("sleep-ms 200 , fault"))?;
    life.run()?;

    let all = dashboards::definitions()?;
    let asked = panels(&all);
    let mut open = Vec::new();
    // What is there changes as long as they work: each query has to have answered once.
    let mut silent: Vec<_> = asked
        .iter()
        .filter(|(_, panel)| panel.empty.is_none())
        .flat_map(|(place, panel)| panel.queries.iter().map(move |query| (place, query.plain("10s"))))
        .collect();
    let answered = server.until("an answer to each query", |server| {
        held.run("spin 0.05")?;
        held.run("children 2 exit 3")?;
        held.run("open-enoent 20")?;
        talks.run("connect-failing 127.0.0.7:7411 5 111")?;
        talks.run("threads 3")?;
        writes.run(&format!("disk {} write 20 4096 0", device.path()))?;
        let mut left = Vec::new();
        for (place, query) in silent.drain(..) {
            if server.query(&query, None)?.is_empty() {
                left.push((place, query));
            }
        }
        silent = left;
        open = silent.iter().map(|(place, query)| format!("{place}: {query}")).collect();
        std::thread::sleep(Duration::from_millis(200));
        Ok(silent.is_empty().then_some(()))
    });
    assert!(answered.is_ok(), "no answer, and the panel does not say why:\n{}", open.join("\n"));

    // Those that may be silent are asked, too: none of them is wrong.
    let mut spoke = 0;
    for (_, panel) in asked.iter().filter(|(_, panel)| panel.empty.is_some()) {
        for query in &panel.queries {
            spoke += usize::from(!server.query(&query.plain("10s"), None)?.is_empty());
        }
    }
    assert!(spoke >= 10, "of those that may be silent only {spoke} answered");
    Ok(())
}
