//! Another program, run to its end or to the deadline.

use std::ffi::OsString;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::deadline::{Deadline, Expired};

/// The most that is kept of each output.
const MOST: usize = 1 << 20;

/// What a program that ended has left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Its exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to its standard output.
    pub stdout: Vec<u8>,
    /// And to its standard error.
    pub stderr: Vec<u8>,
}

/// Why there is nothing to show of it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The time is over; the program and all it started have been killed.
    #[error("timed out")]
    Expired,
    /// The system's word.
    #[error("{}", crate::words(.0))]
    System(#[from] std::io::Error),
}

impl From<Expired> for Error {
    fn from(_: Expired) -> Self {
        Self::Expired
    }
}

/// Runs the program that the first word names, in a group of its own.
pub fn run(command: &[OsString], deadline: Deadline) -> Result<Finished, Error> {
    let (program, args) = command.split_first().ok_or_else(|| std::io::Error::from(Errno::NOENT))?;
    let mut child = Command::new(program)
        .args(args)
        // As 2.x does it: what programs say is compared with what they say in English.
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let outputs = read(&mut child, deadline).and_then(|outputs| {
        // It has closed both, and may yet not have ended.
        deadline.remaining()?;
        Ok(outputs)
    });
    if outputs.is_err()
        && let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw)
    {
        // One that is gone already is as good.
        let _ = kill_process_group(pid, Signal::KILL);
    }
    let (stdout, stderr) = outputs?;
    let code = child.wait()?.code();
    Ok(Finished { code, stdout, stderr })
}

fn read(child: &mut Child, deadline: Deadline) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let mut outputs = (Vec::new(), Vec::new());
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    while stdout.is_some() || stderr.is_some() {
        let left = deadline.remaining()?;
        let left = rustix::event::Timespec::try_from(left).map_err(|_| Error::Expired)?;
        let ready = {
            let fds = [stdout.as_ref().map(AsFd::as_fd), stderr.as_ref().map(AsFd::as_fd)];
            let mut polled: Vec<_> = fds.iter().flatten().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
            match poll(&mut polled, Some(&left)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(Error::System(errno.into())),
            }
            let mut polled = polled.iter().map(|fd| !fd.revents().is_empty());
            fds.map(|fd| fd.is_some() && polled.next() == Some(true))
        };
        take(&mut stdout, ready[0], &mut outputs.0)?;
        take(&mut stderr, ready[1], &mut outputs.1)?;
    }
    Ok(outputs)
}

/// Some of an output that is ready; none of it is left when it has ended.
fn take(output: &mut Option<impl Read>, ready: bool, into: &mut Vec<u8>) -> Result<(), Error> {
    let mut buffer = [0; 16 * 1024];
    if let Some(reader) = output.as_mut().filter(|_| ready) {
        let read = reader.read(&mut buffer)?;
        into.extend_from_slice(buffer.get(..read).unwrap_or_default());
        into.truncate(MOST);
        if read == 0 {
            *output = None;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn sh(script: &str, time: Duration) -> Result<Finished, Error> {
        run(&["/bin/sh", "-c", script].map(OsString::from), Deadline::after(time))
    }

    #[test]
    fn both_outputs_and_the_code_are_there() {
        let finished = sh("echo a; echo b >&2; exit 7", Duration::from_secs(60)).unwrap();
        assert_eq!(finished, Finished { code: Some(7), stdout: b"a\n".to_vec(), stderr: b"b\n".to_vec() });
        assert_eq!(sh("kill -9 $$", Duration::from_secs(60)).unwrap().code, None);
        let much = sh("head -c 3000000 /dev/zero", Duration::from_secs(60)).unwrap();
        assert_eq!((much.code, much.stdout.len()), (Some(0), MOST));
    }

    #[test]
    fn what_does_not_end_is_killed_with_all_it_started() {
        let ended = sh("sleep 1000 & sleep 1000", Duration::from_millis(50));
        assert!(matches!(ended, Err(Error::Expired)), "{ended:?}");
        let gone = run(&[OsString::from("/nonexistent")], Deadline::after(Duration::from_secs(60)));
        assert_eq!(gone.map_err(|error| error.to_string()), Err("No such file or directory".to_owned()));
    }
}
