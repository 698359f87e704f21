//! The time a check is given. Whoever waits asks `Deadline`; what cannot be asked (a disk that does not answer, an output
//! nobody reads) is ended by a signal, and its handler is the one place besides `main` that prints and ends the process.

use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::state::State;

/// What a check is given, from the start of the process to its last line.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Instant,
}

/// The time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("timed out")]
pub struct Expired;

/// What ends a check that does not end itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Seconds from the start.
    pub seconds: u32,
    /// The state to end in.
    pub state: State,
    /// The line to say, without its end.
    pub line: String,
}

/// How much later than the check itself the signal comes, so that it comes only when it is needed.
const GRACE: Duration = Duration::from_millis(50);

/// The handler's line: a leaked string, so that it is there whenever the signal comes.
static LINE: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());
static LENGTH: AtomicUsize = AtomicUsize::new(0);
static CODE: AtomicU8 = AtomicU8::new(3);
/// Set once the check's own output is on its way: then the handler only ends the process.
static PRINTING: AtomicBool = AtomicBool::new(false);

impl Deadline {
    /// So much from now on.
    pub fn after(time: Duration) -> Self {
        Self { at: Instant::now() + time }
    }

    /// What is left of it.
    pub fn remaining(&self) -> Result<Duration, Expired> {
        let left = self.at.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(Expired) } else { Ok(left) }
    }

    /// The earlier of this and so much from now on, for one step of several.
    #[must_use]
    pub fn within(self, time: Duration) -> Self {
        Self { at: self.at.min(Instant::now() + time) }
    }
}

impl Limit {
    /// Has the process end with this line when the time is over, and gives the deadline that the check itself keeps to.
    pub fn arm(&self, started: Instant) -> Deadline {
        let at = started + Duration::from_secs(self.seconds.into());
        let line: &'static mut str = Box::leak(format!("{}\n", self.line).into_boxed_str());
        CODE.store(self.state.code(), Ordering::SeqCst);
        LENGTH.store(line.len(), Ordering::SeqCst);
        LINE.store(line.as_mut_ptr(), Ordering::SeqCst);
        set_alarm(at.saturating_duration_since(Instant::now()) + GRACE);
        Deadline { at }
    }
}

/// Says that the check's own output follows, which ends in this state.
pub(crate) fn printing(state: State) {
    CODE.store(state.code(), Ordering::SeqCst);
    PRINTING.store(true, Ordering::SeqCst);
}

fn set_alarm(after: Duration) {
    let handler: extern "C" fn(libc::c_int) = on_alarm;
    let timer = libc::itimerval {
        it_interval: libc::timeval { tv_sec: 0, tv_usec: 0 },
        it_value: libc::timeval {
            tv_sec: libc::time_t::try_from(after.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_usec: after.subsec_micros().into(),
        },
    };
    // SAFETY: the handler does only what is safe in one: atomics, poll, write and _exit; all structures live on this
    // frame and are valid as zeroes. The mask may have come blocked from the parent.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as libc::sighandler_t;
        libc::sigaction(libc::SIGALRM, &raw const action, std::ptr::null_mut());
        let mut mask: libc::sigset_t = std::mem::zeroed();
        libc::sigaddset(&raw mut mask, libc::SIGALRM);
        libc::sigprocmask(libc::SIG_UNBLOCK, &raw const mask, std::ptr::null_mut());
        libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut());
    }
}

extern "C" fn on_alarm(_: libc::c_int) {
    let line = LINE.load(Ordering::SeqCst);
    if !PRINTING.load(Ordering::SeqCst) && !line.is_null() {
        let mut stdout = libc::pollfd { fd: 1, events: libc::POLLOUT, revents: 0 };
        // SAFETY: one descriptor, which lives here; LINE and LENGTH are of one leaked string. A full pipe is not written
        // to: it would hold the process beyond its time.
        unsafe {
            if libc::poll(&raw mut stdout, 1, 0) == 1 {
                libc::write(1, line.cast(), LENGTH.load(Ordering::SeqCst));
            }
        }
    }
    // SAFETY: ends the process without running anything of it.
    unsafe { libc::_exit(CODE.load(Ordering::SeqCst).into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_stays_over() {
        assert_eq!(Deadline::after(Duration::ZERO).remaining(), Err(Expired));
        let far = Deadline::after(Duration::from_secs(3600));
        assert!(far.remaining().is_ok_and(|left| left > Duration::from_secs(3000)));
        assert!(far.within(Duration::ZERO).remaining().is_err());
        assert!(Deadline::after(Duration::ZERO).within(Duration::from_secs(3600)).remaining().is_err());
    }
}
