//! What every check keeps to, whatever it is called with.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use plimsoll_tests::plugins::{our_command, ours_dir, run_ours};
use plimsoll_tests::servers::Servers;
use plimsoll_tests::tools::workspace;

use crate::hostile::{BEYOND, time_of};

#[test]
fn a_timeout_is_kept_when_nobody_reads_the_output() -> Result<()> {
    let servers = Servers::start()?;
    let words = servers.words("check_tcp -H 127.0.0.1 -p {closed} -t 1")?;
    let time = time_of(|| {
        let (reader, writer) = full_pipe()?;
        let mut command = our_command(&words[0])?;
        let status = command.args(&words[1..]).stdout(writer).stderr(Stdio::null()).status()?;
        drop(reader);
        assert_eq!(status.code(), Some(2));
        Ok(())
    })?;
    assert!(time <= Duration::from_secs(1) + BEYOND, "{time:?}");
    Ok(())
}

/// An output nobody reads and that takes no more.
fn full_pipe() -> Result<(std::io::PipeReader, std::io::PipeWriter)> {
    let (reader, writer) = std::io::pipe()?;
    rustix::io::ioctl_fionbio(&writer, true)?;
    while (&writer).write(&[b'x'; 4096]).is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false)?;
    Ok((reader, writer))
}

#[test]
fn a_reader_that_is_gone_changes_no_exit_code() -> Result<()> {
    let (reader, writer) = std::io::pipe()?;
    drop(reader);
    let output =
        our_command("check_dummy")?.args(["1", "x"]).stdout(writer).stderr(Stdio::piped()).spawn()?;
    let output = output.wait_with_output()?;
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(1), &b""[..]));
    Ok(())
}

/// All names there are, each in a line.
pub(crate) fn names() -> Result<String> {
    let mut names = Command::new(ours_dir()?.join("plimsoll-checks"));
    names.arg("--names");
    Ok(run_ours(names)?.output)
}

/// They have something to say without a word of what to look at.
const NEED_NOTHING: &[&str] = &[
    "check_containerd",
    "check_docker",
    "check_mysql",
    "check_pgsql",
    "check_procs",
    "check_systemd",
    "check_time",
];

#[test]
fn every_name_answers_help_version_and_misuse_on_standard_output_alone() -> Result<()> {
    let program = ours_dir()?.join("plimsoll-checks");
    let names = names()?;
    assert!(names.lines().count() >= 30, "{names}");
    for name in names.lines() {
        assert!(ours_dir()?.join(name).exists(), "{name}: no link");
        for arg in ["--help", "--version", "--no-such-option", ""] {
            let mut command = our_command(name)?;
            command.args(Some(arg).filter(|arg| !arg.is_empty()));
            if arg.is_empty() && NEED_NOTHING.contains(&name) {
                continue;
            }
            let ran = run_ours(command)?;
            assert_eq!(ran.code, 3, "{name} {arg}: {}", ran.output);
            assert!(!ran.output.contains('|'), "{name} {arg}: {}", ran.output);
        }
        let mut by_argument = Command::new(&program);
        by_argument.args([name, "--version"]);
        let line = run_ours(by_argument)?.output;
        assert!(line.starts_with(&format!("{name} v")), "{line}");
    }
    Ok(())
}

#[test]
fn a_blocked_alarm_of_the_parent_is_unblocked() -> Result<()> {
    let servers = Servers::start()?;
    let words = servers.words("check_tcp -H 127.0.0.1 -p {closed} -t 1")?;
    // The output nobody reads again, since only the alarm ends that.
    let (reader, writer) = full_pipe()?;
    let mut command = our_command(&words[0])?;
    command.args(&words[1..]).stdout(writer).stderr(Stdio::null());
    let status = block_alarm(&mut command).status().context("check_tcp")?;
    drop(reader);
    assert_eq!(status.code(), Some(2));
    Ok(())
}

fn block_alarm(command: &mut Command) -> &mut Command {
    use std::os::unix::process::CommandExt as _;
    // SAFETY: two calls that are safe between fork and exec, on a set that lives there.
    unsafe {
        command.pre_exec(|| {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigaddset(&raw mut set, libc::SIGALRM);
            libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
            Ok(())
        })
    }
}

#[test]
fn only_the_frame_and_the_alarm_print_or_end_the_process() -> Result<()> {
    let root = workspace().join("checks/src");
    let (mut directories, mut found) = (vec![root.clone()], Vec::new());
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path)?;
            let words =
                ["print!", "println!", "stdout()", "process::exit", "_exit(", "abort(", "ToSocketAddrs"];
            let there = words.into_iter().filter(|word| text.contains(word));
            let name = path.strip_prefix(&root)?.display().to_string();
            found.extend(there.map(|word| format!("{name}: {word}")));
        }
    }
    found.sort();
    assert_eq!(found, ["deadline.rs: _exit(", "frame.rs: stdout()"]);
    Ok(())
}
