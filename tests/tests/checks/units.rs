//! `check_systemd` beside a real systemd: by the bus, and by systemd's own socket.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use plimsoll_tests::plugins::{Ran, ours_dir, run_ours};
use plimsoll_tests::systemd::Systemd;

const UNITS: [(&str, &str); 2] = [
    ("good.service", "ExecStart=/bin/sleep infinity"),
    ("bad.service", "Type=oneshot\nRemainAfterExit=yes\nExecStart=/usr/bin/test -e /run/mended"),
];
const SOCKETS: [&str; 2] = ["/run/systemd/private", "/run/dbus/system_bus_socket"];
const FAILED: &str = "SYSTEMD CRITICAL - 1 unit has failed: bad.service|failed=1;;0;0";
const NONE: &str = "SYSTEMD OK - no unit has failed|failed=0;;0;0";

#[test]
fn units_of_a_real_systemd_are_judged() -> Result<()> {
    let systemd = Systemd::start(&UNITS)?;
    for socket in SOCKETS {
        let line = format!("-s {socket} -t 2");
        until(|| Ok(check(&systemd, &line)?.output.trim_end() == FAILED))?;
    }
    for (args, code, text) in [
        ("", 2, FAILED),
        ("-w 0 -c 5", 1, "SYSTEMD WARNING - 1 unit has failed: bad.service|failed=1;0;5;0"),
        ("-x ^bad", 0, NONE),
        ("-u good", 0, "SYSTEMD OK - good.service is active (running)"),
        (
            "-u good -u bad -u none",
            2,
            "SYSTEMD CRITICAL - good.service is active (running), bad.service is failed (failed), none.service is not there",
        ),
    ] {
        for socket in SOCKETS {
            says(&systemd, &format!("-s {socket} {args}"), code, text)?;
        }
    }
    says(&systemd, "", 2, FAILED)?;
    // A word that comes too early is never answered: now and then, as it happens.
    for _ in 0..30 {
        says(&systemd, "-s /run/systemd/private", 2, FAILED)?;
    }
    for words in [&["touch", "/run/mended"][..], &["systemctl", "restart", "bad.service"]] {
        let status = systemd.command(words[0])?.args(&words[1..]).status()?;
        ensure!(status.success(), "{words:?}: {status}");
    }
    for socket in SOCKETS {
        says(&systemd, &format!("-s {socket}"), 0, NONE)?;
        says(&systemd, &format!("-s {socket} -u bad"), 0, "SYSTEMD OK - bad.service is active (exited)")?;
    }
    Ok(())
}

fn says(systemd: &Systemd, line: &str, code: i32, text: &str) -> Result<()> {
    let ran = check(systemd, line)?;
    ensure!(ran.code == code && ran.output.trim_end() == text, "{line}: {ran:?}, not {code} {text}");
    Ok(())
}

fn check(systemd: &Systemd, line: &str) -> Result<Ran> {
    let mut command = systemd.command(&ours_dir()?.join("check_systemd").display().to_string())?;
    run_ours({
        command.args(line.split_whitespace()).env("LC_ALL", "C");
        command
    })
}

fn until(mut done: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    // It may not even have begun.
    loop {
        let last = done();
        if matches!(last, Ok(true)) {
            return Ok(());
        }
        ensure!(start.elapsed() < Duration::from_secs(60), "systemd does not answer so: {last:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
