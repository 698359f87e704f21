//! The unit of systemd, by systemd's own word.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::exporter::{self, Scrape};
use plimsoll_tests::systemd::Systemd;

use crate::given::{documented, read};

const UNIT: &str = "deploy/systemd/plimsoll.service";

#[test]
fn the_unit_asks_for_what_is_documented() -> Result<()> {
    let unit = read(UNIT)?;
    // It is another user's, who may not read what is root's.
    let mut wanted: BTreeSet<_> =
        documented()?.capabilities.into_iter().map(|name| format!("CAP_{name}")).collect();
    wanted.insert("CAP_DAC_READ_SEARCH".to_owned());
    for set in ["AmbientCapabilities=", "CapabilityBoundingSet="] {
        let line = unit.lines().find_map(|line| line.strip_prefix(set)).context(set)?;
        let names: BTreeSet<_> = line.split(' ').map(str::to_owned).collect();
        assert_eq!(names, wanted, "{set}");
    }
    Ok(())
}

/// In tenths, as systemd 252 counts it.
const EXPOSURE: u32 = 33;

#[test]
fn systemd_takes_the_unit_and_finds_it_little_exposed() -> Result<()> {
    let directory = std::env::temp_dir().join(format!("plimsoll-unit-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let unit = directory.join("plimsoll.service");
    // What it starts is not installed here.
    std::fs::write(&unit, read(UNIT)?.replace("=/usr/bin/plimsoll", "=/bin/true"))?;
    let verified = analyze(&["verify", "--man=no"], &unit);
    let judged = analyze(&["security", "--offline=true", "--no-pager"], &unit);
    let kept = std::fs::remove_dir_all(&directory);
    let (said, judged) = (verified?, judged?);
    kept?;
    assert_eq!(said, "", "systemd-analyze verify");
    assert!(read("docs/deployment.md")?.contains(&format!(" {}.{}.", EXPOSURE / 10, EXPOSURE % 10)));
    let level = judged.split("plimsoll.service: ").nth(1).and_then(|rest| rest.split(' ').next());
    let level: f64 = level.with_context(|| judged.clone())?.parse()?;
    assert!(level * 10.0 <= f64::from(EXPOSURE), "{judged}");
    Ok(())
}

/// What it says, on both ways.
fn analyze(args: &[&str], unit: &std::path::Path) -> Result<String> {
    let output = Command::new("systemd-analyze").args(args).arg(unit).output().context("systemd-analyze")?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    ensure!(output.status.success(), "systemd-analyze {args:?}: {said}");
    Ok(said)
}

/// As another user who is there everywhere, in a systemd with a network of its own.
#[test]
fn what_the_unit_takes_away_is_not_missed() -> Result<()> {
    let program = exporter::path()?;
    let unit = read(UNIT)?;
    let (_, service) = unit.split_once("[Service]\n").context("no [Service]")?;
    let (service, _) = service.split_once("[Install]").context("no [Install]")?;
    let start = format!("ExecStart={} --overhead.cpu=0", program.display());
    let service = service.replace("ExecStart=/usr/bin/plimsoll $ARGS", &start);
    let service = service.replace("User=plimsoll", "User=nobody").replace("Group=plimsoll", "Group=nogroup");
    let systemd = Systemd::start(&[("plimsoll.service", &service)])?;
    let end = Instant::now() + Duration::from_secs(60);
    let mut last = String::new();
    let scrape = loop {
        ensure!(Instant::now() < end, "no scrape within a minute: {last}");
        let ask = systemd.command("nsenter").and_then(|mut ask| {
            ask.args(["--net", "--target=1", "/usr/bin/python3", "-c", ASK]);
            Ok(ask.output()?)
        });
        match ask {
            Ok(answer) if answer.status.success() => {
                let scrape = Scrape::parse(&String::from_utf8(answer.stdout)?);
                if scrape.all("plimsoll_program_up", &[]).next().is_some() {
                    break scrape;
                }
            }
            Ok(answer) => last = String::from_utf8_lossy(&answer.stderr).into_owned(),
            Err(error) => last = error.to_string(),
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let down = |family: &str| {
        let down = scrape.all(family, &[]).filter(|sample| sample.value != 1.0);
        down.map(|sample| format!("{family} {:?}", sample.labels)).collect::<Vec<_>>()
    };
    assert_eq!(down("plimsoll_program_up"), Vec::<String>::new());
    assert_eq!(down("plimsoll_scrape_collector_success"), Vec::<String>::new());
    let refused = scrape.all("plimsoll_program_info", &[]).filter(|info| !info.labels["reason"].is_empty());
    assert_eq!(refused.map(|info| &info.labels).collect::<Vec<_>>(), Vec::<&_>::new());
    // What seccomp could refuse.
    for family in
        ["node_timex_sync_status", "node_uname_info", "node_filesystem_size_bytes", "process_open_fds"]
    {
        assert!(scrape.all(family, &[]).next().is_some(), "{family}");
    }
    Ok(())
}

const ASK: &str = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:18760/metrics', timeout=10).read().decode())";
