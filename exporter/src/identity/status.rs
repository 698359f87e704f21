//! How a container is, as its runtime or Kubernetes says: what may change while its names stay.

/// What is said of one; `None` where nobody says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// How often it was started again.
    pub restarts: Option<u32>,
    /// What its health check finds.
    pub health: Option<Health>,
    /// Whether Kubernetes sends it requests.
    pub ready: Option<bool>,
    /// How it ended last.
    pub exit: Option<Exit>,
}

/// What a health check finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nothing yet.
    Starting,
    /// It does what it should.
    Healthy,
    /// It does not.
    Unhealthy,
}

/// An end of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The code of its first process: 128 and the signal's number where a signal ended it.
    pub code: i32,
    /// Why, in one word: `Completed`, `Error`, `OOMKilled`.
    pub reason: Option<String>,
}

impl Status {
    /// This, and what `other` says where this says nothing.
    pub fn or(self, other: Self) -> Self {
        Self {
            restarts: self.restarts.or(other.restarts),
            health: self.health.or(other.health),
            ready: self.ready.or(other.ready),
            exit: self.exit.or(other.exit),
        }
    }
}

impl Health {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Starting, Self::Healthy, Self::Unhealthy];

    /// Docker's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }

    /// By Docker's word; `None` where there is no health check.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|health| health.as_str() == word)
    }
}

impl Exit {
    /// An end of which only this is known, with the word that the kubelet has for it.
    pub fn new(code: i32, out_of_memory: bool) -> Self {
        let reason = match (out_of_memory, code) {
            (true, _) => "OOMKilled",
            (false, 0) => "Completed",
            (false, _) => "Error",
        };
        Self { code, reason: Some(reason.to_owned()) }
    }

    /// An end with the word that a runtime gave for it; a word has a bound, since it becomes a label.
    pub fn with_reason(code: i32, reason: &str) -> Self {
        /// The longest a reason may be, in bytes.
        const MAX_REASON: usize = 64;
        let reason = super::labels::bounded(reason, MAX_REASON);
        Self { code, reason: (!reason.is_empty()).then_some(reason) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_later_stands_before_what_was_said() {
        let old = Status { restarts: Some(1), health: Some(Health::Starting), ..Status::default() };
        let new =
            Status { health: Some(Health::Healthy), exit: Some(Exit::new(1, false)), ..Status::default() };
        let both = new.or(old);
        assert_eq!((both.restarts, both.health), (Some(1), Some(Health::Healthy)));
        assert_eq!(both.exit, Some(Exit::with_reason(1, "Error")));
    }

    #[test]
    fn words() {
        let reason = |code, oom| Exit::new(code, oom).reason;
        assert_eq!(
            [reason(0, false), reason(2, false), reason(137, true)].map(Option::unwrap_or_default),
            ["Completed", "Error", "OOMKilled"]
        );
        assert_eq!(Health::parse("unhealthy"), Some(Health::Unhealthy));
        assert_eq!(Health::parse("none"), None);
        assert_eq!(Exit::with_reason(1, ""), Exit { code: 1, reason: None });
        assert_eq!(Exit::with_reason(1, &"x".repeat(100)).reason.map(|reason| reason.len()), Some(64));
    }
}
