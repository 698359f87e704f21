//! The unit of systemd, by systemd's own word.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

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
