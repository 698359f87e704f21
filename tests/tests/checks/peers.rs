//! A real server that says of itself whom it takes its time from, before it has chosen and after: both sides see the same.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use plimsoll_tests::ntpd::Ntpd;
use plimsoll_tests::plugins::{Ran, THEIRS, ours_dir, run_ours, run_theirs};

use crate::compare::{self, Part};

/// Longer than it takes to choose a source.
const PATIENCE: Duration = Duration::from_secs(60);

const CASES: &[(&str, &[Part])] = &[
    ("check_ntp_peer -H 127.0.0.1", &[]),
    ("check_ntp_peer -H 127.0.0.1 -w 60 -c 120 -W 1 -C 2", &[]),
    ("check_ntp_peer -H 127.0.0.1 -W 16 -C 16 -j 5000 -k 10000", &[]),
    ("check_ntp_peer -H 127.0.0.1 -m 5:", &[Part::Perfdata]),
    ("check_ntp_peer -H 127.0.0.1 -q", &[]),
    ("check_ntp_time -H 127.0.0.1", &[]),
    ("check_ntp -H 127.0.0.1", &[]),
    ("check_ntp -H 127.0.0.1 -j 5000 -k 10000", &[]),
];

#[test]
fn a_real_server_is_seen_alike_before_it_has_a_source_and_after() -> Result<()> {
    // One may not set the clock and knows it, and so says of itself that it is off, with its source chosen.
    let servers = [
        (Ntpd::start("disable ntp")?, "NTP WARNING: Server has the LI_ALARM bit set, Offset "),
        (Ntpd::start("")?, "NTP OK: Offset "),
    ];
    for (ntpd, chosen) in &servers {
        let peer = || ours(ntpd, "check_ntp_peer -H 127.0.0.1 -t 1");
        until(ntpd, "answers", || {
            let output = peer()?.output;
            Ok(["NTP CRITICAL: Server not synchronized,", chosen].iter().any(|text| output.starts_with(text)))
        })?;
        let (first, theirs, again) = (peer()?, theirs(ntpd, "check_ntp_peer -H 127.0.0.1 -t 1")?, peer()?);
        // Unless it chose one in between.
        if first.summary() == again.summary() {
            assert_eq!((first.code, first.summary()), (theirs.code, theirs.summary()));
        }
    }
    let mut failures = Vec::new();
    for (ntpd, chosen) in &servers {
        let peer = || ours(ntpd, "check_ntp_peer -H 127.0.0.1 -t 1");
        until(ntpd, "chooses a source", || Ok(peer()?.output.starts_with(chosen)))?;
        for (line, listed) in CASES {
            let (ours, theirs) = (ours(ntpd, line)?, self::theirs(ntpd, line)?);
            let difference = compare::difference(&ours, &theirs);
            if difference != listed.iter().copied().collect() {
                failures.push(format!("{line}: {difference:?}\n  ours   {ours:?}\n  theirs {theirs:?}"));
            }
        }
    }
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    Ok(())
}

fn ours(ntpd: &Ntpd, line: &str) -> Result<Ran> {
    let mut words = line.split(' ');
    let check = words.next().unwrap_or_default();
    let mut command = ntpd.command(&ours_dir()?.join(check).display().to_string());
    command.args(words).env("LC_ALL", "C");
    run_ours(command)
}

fn theirs(ntpd: &Ntpd, line: &str) -> Result<Ran> {
    let mut words = line.split(' ');
    let mut command = ntpd.command(&format!("{THEIRS}/{}", words.next().unwrap_or_default()));
    command.args(words).env("LC_ALL", "C");
    run_theirs(command)
}

fn until(ntpd: &Ntpd, what: &str, mut there: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !there()? {
        ensure!(start.elapsed() < PATIENCE, "it never {what}: {}", ntpd.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}
