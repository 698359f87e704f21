//! `check_users`: how many are logged in.

use std::fs;
use std::io::ErrorKind;

use crate::frame::{Call, Check};
use crate::options::{Arg, Opt, common};
use crate::output::{Outcome, Output, Stop};
use crate::perfdata::{Number, Perfdata};
use crate::range::Thresholds;
use crate::state::State;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_users",
    aliases: &[],
    summary: "Counts the users who are logged in on this host.",
    usage: "-w <users> -c <users>",
    options: &[
        Opt::new("w", "warning", Arg::Value("RANGE"), "Warn when the number of users is outside of RANGE"),
        Opt::new(
            "c",
            "critical",
            Arg::Value("RANGE"),
            "Critical when the number of users is outside of RANGE",
        ),
        common::VERBOSE,
        common::TIMEOUT,
        common::HELP,
        common::VERSION,
    ],
    extra_opts: true,
    timed_out: "Plugin timed out",
    run,
};

/// Where the C library has the log of who is in.
const UTMP: &str = "/run/utmp";
/// Where systemd has its sessions; on hosts without the former that is all there is.
const SESSIONS: &str = "/run/systemd/sessions";
/// What one record of [`UTMP`] has on every Linux with 64 bits but those that keep 64-bit times in it.
const RECORD: usize = if cfg!(target_arch = "aarch64") { 400 } else { 384 };
/// `ut_type` of who is logged in.
const USER_PROCESS: i16 = 7;

fn run(call: &mut Call) -> Outcome {
    let (mut warning, mut critical) = (None, None);
    let mut options = call.options();
    while let Some(found) = options.next()? {
        match found.key {
            "w" => warning = Some(found.text()),
            "c" => critical = Some(found.text()),
            _ => call.common(&found)?,
        }
    }
    let mut words = options.words().into_iter().map(|word| word.to_string_lossy().into_owned());
    let warning = warning.or_else(|| words.next());
    let critical = critical.or_else(|| words.next());
    if warning.is_none() && critical.is_none() {
        return Err(Stop::usage("Could not parse arguments"));
    }
    let thresholds = Thresholds::parse(warning.as_deref(), critical.as_deref())?;
    let _deadline = call.deadline();
    let users = measure().map_err(Stop::unknown)?;
    Ok(print(thresholds.judge(users as f64), &thresholds, users))
}

fn measure() -> Result<usize, String> {
    match fs::read(UTMP) {
        Ok(bytes) => return Ok(in_utmp(&bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(format!("{UTMP}: {error}")),
    }
    let entries = match fs::read_dir(SESSIONS) {
        Ok(entries) => entries,
        // Nobody has ever been here.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(format!("{SESSIONS}: {error}")),
    };
    let sessions = entries.flatten().filter_map(|entry| fs::read_to_string(entry.path()).ok());
    Ok(sessions.filter(|session| is_user(session)).count())
}

fn in_utmp(bytes: &[u8]) -> usize {
    bytes
        .chunks_exact(RECORD)
        .filter(|record| i16::from_ne_bytes([record[0], record[1]]) == USER_PROCESS)
        .count()
}

/// What `who` shows: a person's session that is not about to end.
fn is_user(session: &str) -> bool {
    let has = |line: &str| session.lines().any(|found| found == line);
    (has("CLASS=user") || has("CLASS=user-early")) && !has("STATE=closing")
}

fn print(state: State, thresholds: &Thresholds, users: usize) -> Output {
    let datum = Perfdata::new("users", Number::Integer(users as i64))
        .warn(thresholds.warning.as_ref())
        .crit(thresholds.critical.as_ref())
        .min(Number::Integer(0));
    Output::new(state, format!("USERS {state} - {users} users currently logged in ")).perf(datum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_logged_in_is_counted_and_nobody_else() {
        let record = |kind: i16| {
            let mut record = vec![0; RECORD];
            record[..2].copy_from_slice(&kind.to_ne_bytes());
            record
        };
        let mut log: Vec<u8> = [2, 1, 6, 7, 8, 7, 0].into_iter().flat_map(record).collect();
        assert_eq!(in_utmp(&log), 2);
        log.extend(&record(USER_PROCESS)[..RECORD - 1]);
        assert_eq!(in_utmp(&log), 2, "a record that is not whole");
        assert_eq!(in_utmp(b""), 0);
    }

    #[test]
    fn a_session_is_a_users_until_it_closes() {
        assert!(is_user("UID=0\nCLASS=user\nSTATE=active\n"));
        assert!(!is_user("UID=0\nCLASS=user\nSTATE=closing\n"));
        assert!(!is_user("UID=0\nCLASS=manager\nSTATE=active\n"));
        assert!(!is_user(""));
    }

    #[test]
    fn the_line_is_that_of_2x() {
        let thresholds = Thresholds::parse(Some("1"), Some("2:")).expect("ranges");
        assert_eq!(
            print(thresholds.judge(0.0), &thresholds, 0).render(),
            "USERS CRITICAL - 0 users currently logged in |users=0;1;2:;0\n"
        );
    }
}
