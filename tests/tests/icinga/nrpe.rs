//! The commands of an NRPE server: each can be run, and the services of Icinga and Nagios ask for no others.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::plugins;
use plimsoll_tests::tools::workspace;

/// Command lines by their names, with our checks where the built ones are.
pub(crate) fn commands() -> Result<BTreeMap<String, String>> {
    let text = read("nrpe/plimsoll.cfg")?
        .replace("/usr/lib/plimsoll/plugins", &plugins::ours_dir()?.display().to_string());
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, command) = line
                .strip_prefix("command[")
                .and_then(|rest| rest.split_once("]="))
                .context(line.to_owned())?;
            Ok((name.to_owned(), command.to_owned()))
        })
        .collect()
}

#[test]
fn every_command_can_be_run() -> Result<()> {
    let commands = commands()?;
    ensure!(commands.len() > 10, "{commands:?}");
    for (name, command) in commands {
        // As the server does it.
        let output = Command::new("/bin/sh").args(["-c", &command]).stdin(Stdio::null()).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.code().is_some_and(|code| code <= 3), "{name}: {}", output.status);
        ensure!(!text.is_empty() && !text.contains("Usage:") && output.stderr.is_empty(), "{name}: {text}");
    }
    Ok(())
}

#[test]
fn services_ask_for_commands_that_are_there() -> Result<()> {
    let there: BTreeSet<String> = commands()?.into_keys().collect();
    let icinga = read("icinga2/services.conf")?;
    let asked: BTreeSet<String> = icinga
        .split("nrpe = \"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .map(str::to_owned)
        .collect();
    ensure!(asked.len() == 10, "{asked:?}");
    assert_eq!(asked.difference(&there).collect::<Vec<_>>(), Vec::<&String>::new());
    Ok(())
}

fn read(name: &str) -> Result<String> {
    let path = workspace().join("deploy").join(name);
    std::fs::read_to_string(&path).with_context(|| path.display().to_string())
}
