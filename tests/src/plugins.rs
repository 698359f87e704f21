//! Our checks and Debian's monitoring-plugins, called alike.

use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::tools;

/// Where Debian's plugins are.
pub const THEIRS: &str = "/usr/lib/nagios/plugins";

/// What a check ended with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Its exit code.
    pub code: i32,
    /// What Icinga sees of it: of theirs with standard error among it, as Icinga reads both.
    pub output: String,
    /// What is on ours' standard error: nothing, ever.
    pub stderr: String,
}

/// One value of perfdata, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datum {
    /// Without its quotes.
    pub label: String,
    /// The number.
    pub value: String,
    /// What follows it.
    pub unit: String,
    /// warn, crit, min, max: empty where there is none.
    pub limits: [String; 4],
}

/// The directory of our checks, built by the first who asks.
pub fn ours_dir() -> Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BUILT
        .get_or_init(|| build().map_err(|error| format!("{error:#}")))
        .clone()
        .map_err(|error| anyhow!(error))
}

fn build() -> Result<PathBuf> {
    let output = Command::new(tools::workspace().join("tools/checks"))
        .args(["build", "--quiet"])
        .stdin(Stdio::null())
        .output()
        .context("tools/checks")?;
    ensure!(output.status.success(), "build the checks: {}", String::from_utf8_lossy(&output.stderr));
    let directory = tools::workspace().join("target/checks");
    ensure!(tools::libraries(&directory.join("plimsoll-checks"))?.is_empty(), "not static");
    Ok(directory)
}

/// A call of one of ours.
pub fn our_command(check: &str) -> Result<Command> {
    command(&ours_dir()?, check)
}

/// A call of one of theirs.
pub fn their_command(check: &str) -> Result<Command> {
    command(Path::new(THEIRS), check)
}

/// Both are called by the bare name, which getopt's messages begin with, and in plain English.
fn command(directory: &Path, check: &str) -> Result<Command> {
    let program = directory.join(check);
    ensure!(program.exists(), "{}: not there: run tools/setup packages", program.display());
    let mut command = Command::new(program);
    command.arg0(check).current_dir(directory).env("LC_ALL", "C").stdin(Stdio::null());
    Ok(command)
}

/// Runs one of ours. It fails if anything is on standard error, or if what it says is not UTF-8.
pub fn run_ours(mut command: Command) -> Result<Ran> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let code = output.status.code().with_context(|| format!("{command:?}: {}", output.status))?;
    let text = String::from_utf8(output.stdout).with_context(|| format!("{command:?}: not UTF-8"))?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(stderr.is_empty(), "{command:?}: on standard error: {stderr}");
    Ok(Ran { code, output: text, stderr })
}

/// Runs one of theirs, with both its outputs in one pipe.
pub fn run_theirs(mut command: Command) -> Result<Ran> {
    command.stdout(Stdio::piped());
    // SAFETY: between fork and exec it does one system call.
    unsafe {
        command.pre_exec(|| {
            rustix::stdio::dup2_stderr(rustix::stdio::stdout())?;
            Ok(())
        });
    }
    let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
    let mut bytes = Vec::new();
    child.stdout.take().context("no pipe")?.read_to_end(&mut bytes)?;
    // A fault of theirs is a signal, which a shell would show as this.
    let status = child.wait()?;
    let code = status.code().unwrap_or(128);
    Ok(Ran { code, output: String::from_utf8_lossy(&bytes).into_owned(), stderr: String::new() })
}

impl Ran {
    /// The first line, before its perfdata.
    pub fn summary(&self) -> &str {
        let line = self.output.lines().next().unwrap_or_default();
        line.split('|').next().unwrap_or_default().trim_end()
    }

    /// The perfdata of every line that has a `|` and an `=` after it, as Icinga takes it.
    pub fn perfdata(&self) -> Result<Vec<Datum>> {
        let mut data = Vec::new();
        for line in self.output.lines() {
            if let Some((_, perfdata)) = line.split_once('|').filter(|(_, perfdata)| perfdata.contains('=')) {
                for item in split(perfdata) {
                    data.push(Datum::parse(&item).with_context(|| format!("perfdata '{item}'"))?);
                }
            }
        }
        Ok(data)
    }
}

impl Datum {
    /// `'label'=value[unit];[warn];[crit];[min];[max]`
    pub fn parse(item: &str) -> Result<Self> {
        let (label, rest) = item.rsplit_once('=').context("no =")?;
        let mut parts = rest.split(';');
        let value = parts.next().unwrap_or_default();
        let end = value.find(|c: char| !c.is_ascii_digit() && !"+-.".contains(c)).unwrap_or(value.len());
        let (value, unit) = value.split_at(end);
        ensure!(value.parse::<f64>().is_ok(), "'{value}' is no number");
        let limits: Vec<String> = parts.map(str::to_owned).collect();
        ensure!(limits.len() <= 4, "too many limits");
        let limit = |at: usize| limits.get(at).cloned().unwrap_or_default();
        Ok(Self {
            label: label.trim_matches('\'').to_owned(),
            value: value.to_owned(),
            unit: unit.to_owned(),
            limits: [limit(0), limit(1), limit(2), limit(3)],
        })
    }
}

/// At the spaces that are not within quotes.
pub fn split(perfdata: &str) -> Vec<String> {
    let (mut items, mut item, mut quoted) = (Vec::new(), String::new(), false);
    for c in perfdata.chars() {
        quoted ^= c == '\'';
        if c.is_whitespace() && !quoted {
            items.push(std::mem::take(&mut item));
        } else {
            item.push(c);
        }
    }
    items.push(item);
    items.retain(|item| !item.is_empty());
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn perfdata_is_taken_from_every_line() -> Result<()> {
        let output = "A - b |'a b'=1.5ms;2;;0 c=1\nlong|d=-2c;;;;\n".to_owned();
        let ran = Ran { code: 0, output, stderr: String::new() };
        assert_eq!(ran.summary(), "A - b");
        let data = ran.perfdata()?;
        let all: Vec<_> =
            data.iter().map(|d| (d.label.as_str(), d.value.as_str(), d.unit.as_str())).collect();
        assert_eq!(all, [("a b", "1.5", "ms"), ("c", "1", ""), ("d", "-2", "c")]);
        assert_eq!(data[0].limits, ["2", "", "0", ""]);
        Ok(())
    }
}
