//! Prometheus of both major versions with these rules, fed by the exporter: who is woken by a container of 300 ms?

use anyhow::{Context as _, Result};
use plimsoll_tests::exporter::Exporter;
use plimsoll_tests::prometheus::{Job, Prometheus};
use plimsoll_tests::rules;
use plimsoll_tests::runc::{Config, Container};

/// So many containers of each kind. One of them may be scraped in the moment before its names are known: it was never zero
/// under them, and `increase()` does not see what it did once.
const LIVES: usize = 4;

/// Prometheus of this version with all rules, which are evaluated as often as it scrapes.
fn with_rules(major: u32, exporter: &Exporter) -> Result<Prometheus> {
    let jobs = [Job::new("plimsoll", exporter.address())];
    let files: Vec<_> = rules::files()?.iter().map(|path| path.canonicalize()).collect::<Result<_, _>>()?;
    let more = format!("rule_files: {files:?}");
    let server = Prometheus::start_with(major, "5s", &jobs, &[], &more)?;
    server.next_scrape()?;
    Ok(server)
}

#[test]
fn an_oom_kill_in_300_ms_of_life_wakes_somebody() -> Result<()> {
    let exporter = Exporter::start(&["--web.zero-first"])?;
    let servers = [with_rules(2, &exporter)?, with_rules(3, &exporter)?];
    let life = |config: Config, code: i32| -> Result<String> {
        let container = Container::new(&config)?;
        let id = container.cgroups_path().to_owned();
        let (status, errors) = container.run()?;
        assert_eq!(status.code(), Some(code), "{errors}");
        Ok(id)
    };
    let lives = |config: &dyn Fn() -> Config, code: i32| -> Result<Vec<String>> {
        (0..LIVES).map(|_| life(config(), code)).collect()
    };
    let killed = lives(&|| Config::default().memory(32 << 20).args("sleep-ms 200 , take 64"), 137)?;
    let fault = lives(&|| Config::default().args("sleep-ms 200 , fault"), 139)?;
    let orderly = lives(&|| Config::default().args("sleep-ms 200 , children 2 exit 0"), 0)?;
    for server in &servers {
        let firing = |ids: &[String]| -> Result<Vec<(String, String)>> {
            let alerts = format!("ALERTS{{alertstate=\"firing\",id=~\"{}\"}}", ids.join("|"));
            let labels = ["alertname", "severity"];
            let alerts = server.query(&alerts, None)?;
            Ok(alerts.iter().map(|alert| labels.map(|label| alert.label(label).to_owned()).into()).collect())
        };
        for (ids, name) in [(&killed, "ContainerOomKilled"), (&fault, "ContainerProcessCrashed")] {
            let fired = server.until(name, |_| {
                let alerts = firing(ids)?;
                Ok((alerts.len() >= LIVES - 1).then_some(alerts))
            });
            let fired = fired.with_context(|| {
                let counted = format!(
                    "{{id=~\"{}\",__name__=~\".*(oom_kills|fatal_signals)_total\"}}[5m]",
                    ids.join("|")
                );
                format!("{:?}, {:?}", firing(ids), server.query(&counted, None))
            })?;
            for alert in fired {
                assert_eq!(alert, (name.to_owned(), "warning".to_owned()));
            }
        }
        assert_eq!(firing(&orderly)?, []);
        // Nor is anybody woken by what the exporter says of itself where all is well.
        let own = "ALERTS{alertname=~\"Plimsoll(ProgramRefused|Losing|GovernorActive|CollectorFailing|Down|Absent)\"}";
        assert_eq!(server.query(own, None)?, []);
    }
    Ok(())
}
