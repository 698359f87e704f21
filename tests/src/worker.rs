//! The worker of `tests/worker`, built so that it runs in an empty root file system, and the conversation with it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context as _, Result, anyhow, bail, ensure};

use crate::tools;

/// The path of the static worker, built by the first who asks.
pub fn path() -> Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BUILT
        .get_or_init(|| build().map_err(|error| format!("{error:#}")))
        .clone()
        .map_err(|error| anyhow!(error))
}

/// A directory of its own, since other flags for the linker would make cargo build all else again.
fn build() -> Result<PathBuf> {
    let target = tools::workspace().join("target/static");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(tools::workspace())
        .args(["build", "--quiet", "--release", "--package", "plimsoll-worker", "--target-dir"])
        .arg(&target)
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .stdin(Stdio::null())
        .output()
        .context("cargo")?;
    ensure!(output.status.success(), "build the worker: {}", String::from_utf8_lossy(&output.stderr));
    let path = target.join("release/plimsoll-worker");
    ensure!(tools::libraries(&path)?.is_empty(), "{}: not static", path.display());
    Ok(path)
}

/// A worker that runs commands as they are told to it, and sleeps in `read` between them.
#[derive(Debug)]
pub struct Script {
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Script {
    /// Takes over both ends from whatever was started with them as pipes: a worker, or a program that hands them on.
    pub fn of(child: &mut Child) -> Result<Self> {
        let commands = child.stdin.take().context("standard input is no pipe")?;
        let answers = child.stdout.take().context("standard output is no pipe")?;
        Ok(Self { commands, answers: BufReader::new(answers) })
    }

    /// Has one command done, and waits until it is: its data, if it answers with some.
    pub fn run(&mut self, command: &str) -> Result<String> {
        self.begin(command)?;
        self.finish().with_context(|| command.to_owned())
    }

    /// Has a command begun; `finish` waits for it.
    pub fn begin(&mut self, command: &str) -> Result<()> {
        // One write, so that the worker needs one read.
        self.commands.write_all(format!("{command}\n").as_bytes()).context("the worker is gone")
    }

    /// Waits for the answer to what was begun.
    pub fn finish(&mut self) -> Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line).context("the worker's answer")?;
        match line.trim_end() {
            "" => bail!("the worker is gone"),
            line => {
                let data = line.strip_prefix("ok").ok_or_else(|| anyhow!("{line}"))?;
                Ok(data.trim_start().to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_answers_every_command_and_ends_with_its_input() -> Result<()> {
        let mut child =
            Command::new(path()?).arg("script").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut script = Script::of(&mut child)?;
        assert_eq!(script.run("syscalls 3 getppid")?, "");
        assert_eq!(script.run("children 2 exit 3")?, "");
        assert_eq!(script.run("children 2 signal SIGKILL")?, "");
        assert_eq!(script.run("threads 2")?, "");
        assert_eq!(script.run("execs 2")?, "");
        assert_eq!(script.run("switches")?.split(' ').count(), 2);
        let error = script.run("fly").map_err(|error| format!("{error:#}"));
        assert_eq!(error, Err("fly: fail no such command".to_owned()));
        drop(script);
        assert!(child.wait()?.success());
        Ok(())
    }

    #[test]
    fn the_worker_says_when_it_could_not_do_as_told() -> Result<()> {
        // Nothing kills a child for one megabyte.
        let output = Command::new(path()?).args(["noop", ",", "oom", "1", ",", "noop"]).output()?;
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "oom 1: wait status 0x0, not 0x9\n");
        Ok(())
    }
}
