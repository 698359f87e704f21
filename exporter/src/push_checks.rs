//! `plimsoll checks push`: runs checks here, and hands their results to an Icinga that cannot reach this host.
//!
//! A result is on disk before it is on its way, and stays there until Icinga has said that it has it: whatever ends in between,
//! this program too, nothing is lost and the order stays. What Icinga may have taken without our hearing of it is asked for
//! before it is said again.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

pub mod icinga;
pub mod outcome;
mod schedule;

use self::icinga::{Answer, Api, Error as SendError};
use self::outcome::run;
use self::schedule::Schedule;
use crate::queue::{Bounds, Queue, QueueError, Waiting};

/// What the file says, complete and valid.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where Icinga is.
    pub icinga: Icinga,
    /// What this host is called there.
    pub host: String,
    /// Who says so.
    pub check_source: String,
    /// Where results wait.
    pub queue: PathBuf,
    /// How many of them; beyond that the oldest go.
    pub max_results: usize,
    /// The longest pause between two attempts.
    pub retry_max: Duration,
    /// How many checks may run at once.
    pub parallel: usize,
    /// What to run.
    pub checks: Vec<Check>,
}

/// Icinga's API, and who we are to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Icinga {
    /// Whom to connect to.
    pub address: String,
    /// The port.
    pub port: u16,
    /// The name in its certificate.
    pub name: String,
    /// The file of the authorities that may vouch for it, where it is not the system's.
    pub ca: Option<String>,
    /// Who logs in, and the file of the password.
    pub login: Option<(String, PathBuf)>,
    /// The files of a certificate of ours and of its key.
    pub certificate: Option<(String, String)>,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The service it is of; none for the host itself.
    pub service: Option<String>,
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// How often it runs.
    pub interval: Duration,
    /// When it is ended.
    pub timeout: Duration,
    /// For how long its result holds.
    pub ttl: Duration,
}

/// Runs the checks and hands over their results, until the process is ended.
pub fn push(settings: Settings) -> Result<(), QueueError> {
    let bounds = Bounds { items: settings.max_results, bytes: u64::MAX };
    let queue = Arc::new(Waiting::new(Queue::open(&settings.queue, "json", bounds)?));
    let lost = Arc::new(AtomicUsize::new(0));
    let api = Api::new(settings.icinga.clone());
    let retry_max = settings.retry_max;
    let schedule = Arc::new(Schedule::new(settings.checks.len()));
    let settings = Arc::new(settings);
    for _ in 0..settings.parallel.min(settings.checks.len()) {
        let (settings, schedule, queue) = (Arc::clone(&settings), Arc::clone(&schedule), Arc::clone(&queue));
        let lost = Arc::clone(&lost);
        std::thread::spawn(move || {
            loop {
                let number = schedule.next(|number| settings.checks.get(number).map(|check| check.interval));
                let Some(check) = settings.checks.get(number) else { continue };
                let result = run(check, &settings);
                match queue.push(result.to_string().as_bytes()) {
                    Ok(dropped) => dropped.iter().for_each(|_| tell_of_loss(&lost)),
                    Err(error) => tracing::error!(%error, "a result is lost: it cannot be written"),
                }
                schedule.ended(number);
            }
        });
    }
    hand_over(&queue, &api, retry_max)
}

/// One more of the oldest went.
fn tell_of_loss(lost: &AtomicUsize) {
    let dropped = lost.fetch_add(1, Ordering::Relaxed) + 1;
    if dropped.is_power_of_two() {
        tracing::error!(dropped, "the oldest results are lost: more than max_results wait");
    }
}

/// The first pause after a failure; each that follows is twice as long.
const RETRY_FIRST: Duration = Duration::from_millis(500);

fn hand_over(queue: &Waiting, api: &Api, retry_max: Duration) -> Result<(), QueueError> {
    // What was said last may have been heard: so it is at the start, of the process before.
    let (mut doubt, mut pause) = (true, RETRY_FIRST);
    loop {
        let Some((number, body)) = queue.first()? else { return Ok(()) };
        let sent = match doubt.then(|| api.has(&body)) {
            Some(Ok(true)) => Ok(Answer::Taken),
            Some(Err(error)) => Err(error),
            Some(Ok(false)) | None => api.send(&body),
        };
        match sent {
            Ok(answer) => {
                if let Answer::Refused(why) = answer {
                    tracing::error!(%why, "Icinga refuses a result");
                }
                queue.remove(number)?;
                if pause > RETRY_FIRST {
                    tracing::info!(waiting = queue.size().0, "Icinga takes results again");
                }
                (doubt, pause) = (false, RETRY_FIRST);
            }
            Err(error) => {
                doubt |= matches!(error, SendError::Unsure(_));
                tracing::warn!(%error, waiting = queue.size().0, "Icinga does not take results: trying again");
                std::thread::sleep(pause);
                pause = (pause * 2).min(retry_max);
            }
        }
    }
}
