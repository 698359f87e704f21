//! The door: over what clients come in, who they are, and how often.
//!
//! What is in force is one value, replaced whole: a connection and a request each see all of the old rules or all of
//! the new ones. Nothing here reads a file.

mod accept;
mod client;
mod login;
mod rate;
mod tls;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use rustls::ServerConfig;

pub(super) use self::accept::accept;
pub use self::client::{ClientAuth, Verify};
use self::login::{Logins, Verdict};
pub use self::login::{MAX_COST, MAX_USERS, User, UserError};
use self::rate::Bucket;
pub use self::rate::Rate;
pub(super) use self::tls::HTTP_2;
pub use self::tls::{Material, SuiteError, Suites, TlsError, Version, group, server_config};

/// What holds for everyone who comes in.
#[derive(Clone, Default)]
pub struct Rules {
    /// How connections are sealed; without it they are not.
    pub tls: Option<Arc<ServerConfig>>,
    /// Whether a client without a certificate is turned away.
    pub certificate_required: bool,
    /// Who may ask; without any everybody may.
    pub users: Vec<User>,
    /// Headers of every answer.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// How many requests all clients together may send.
    pub rate: Option<Rate>,
}

/// What a new file would open that was closed; its text says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Opens {
    /// Sealed connections would be plain.
    #[error("tls_server_config is gone")]
    Tls,
    /// Clients would not need a certificate any more.
    #[error("tls_server_config.client_auth_type does not require a certificate any more")]
    Certificate,
    /// Nobody would have to say who he is.
    #[error("basic_auth_users are gone")]
    Users,
}

/// The rules in force, and what is remembered for them.
pub struct Door {
    in_force: RwLock<Arc<Rules>>,
    logins: Logins,
    bucket: Mutex<Option<Bucket>>,
}

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("Unauthorized")]
    Unauthorized,
    #[error("Too Many Requests")]
    Rate,
    #[error("Too many logins are being checked, try again later.")]
    Busy,
}

impl Door {
    /// A door with these rules.
    pub fn new(rules: Rules) -> Self {
        let bucket = Mutex::new(rules.rate.map(|rate| Bucket::new(rate, Instant::now())));
        Self { in_force: RwLock::new(Arc::new(rules)), logins: Logins::default(), bucket }
    }

    /// Puts other rules in force. Connections that were made under the old ones end with their next answer.
    ///
    /// A file that is cut in the middle may be a valid one that asks for less. So what was closed stays closed: to
    /// open it takes a start.
    pub fn replace(&self, rules: Rules) -> Result<(), Opens> {
        let mut in_force = self.in_force.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(opens) = rules.opens(&in_force) {
            return Err(opens);
        }
        if rules.rate != in_force.rate {
            *self.bucket.lock().unwrap_or_else(PoisonError::into_inner) =
                rules.rate.map(|rate| Bucket::new(rate, Instant::now()));
        }
        *in_force = Arc::new(rules);
        Ok(())
    }

    /// What is in force now.
    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.in_force.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a request with these headers is answered.
    pub(super) async fn admit(&self, rules: &Rules, headers: &HeaderMap) -> Result<(), Refusal> {
        let admitted = match self.bucket.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(bucket) => bucket.take(Instant::now()),
            None => true,
        };
        if !admitted {
            return Err(Refusal::Rate);
        }
        if rules.users.is_empty() {
            return Ok(());
        }
        let Some(login) = headers.get(AUTHORIZATION).and_then(login::read) else {
            return Err(Refusal::Unauthorized);
        };
        match self.logins.check(&rules.users, login).await {
            Verdict::Right => Ok(()),
            Verdict::Wrong => Err(Refusal::Unauthorized),
            Verdict::Busy => Err(Refusal::Busy),
        }
    }
}

impl Rules {
    fn opens(&self, before: &Self) -> Option<Opens> {
        [
            (before.tls.is_some() && self.tls.is_none(), Opens::Tls),
            (before.certificate_required && !self.certificate_required, Opens::Certificate),
            (!before.users.is_empty() && self.users.is_empty(), Opens::Users),
        ]
        .into_iter()
        .find_map(|(opens, what)| opens.then_some(what))
    }

    /// Whether connections made under these and under other rules are sealed alike.
    pub(super) fn sealed_as(&self, other: &Self) -> bool {
        match (&self.tls, &other.tls) {
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            (own, other) => own.is_none() && other.is_none(),
        }
    }
}

impl Refusal {
    /// The status that says so.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Rate => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The `reason` label.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Rate => "rate_limited",
            Self::Busy => "logins_busy",
        }
    }

    /// The header that goes with it.
    pub(super) fn header(self) -> Option<(HeaderName, HeaderValue)> {
        let asks = HeaderValue::from_static("Basic realm=\"Plimsoll\", charset=\"UTF-8\"");
        (self == Self::Unauthorized).then_some((WWW_AUTHENTICATE, asks))
    }
}

impl fmt::Debug for Rules {
    /// Without what is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("tls", &self.tls.is_some())
            .field("certificate_required", &self.certificate_required)
            .field("users", &self.users.len())
            .field("headers", &self.headers)
            .field("rate", &self.rate)
            .finish()
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("in_force", &self.rules()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_closed_stays_closed_until_a_start() {
        let user = || User::new("a", "$2y$04$abcdefghijklmnopqrstuuxE2Zt4ufxB5x5n5bPKw8DfQwJ7zUzyi");
        let with = |users: usize| Rules {
            users: std::iter::repeat_n(user().expect("a hash"), users).collect(),
            ..Rules::default()
        };
        let door = Door::new(with(0));
        assert_eq!(door.replace(with(2)), Ok(()));
        assert_eq!(door.replace(with(1)), Ok(()));
        assert_eq!(door.replace(with(0)), Err(Opens::Users));
        assert_eq!(door.rules().users.len(), 1);
        let certificate = |certificate_required| Rules { certificate_required, ..with(1) };
        assert_eq!(door.replace(certificate(true)), Ok(()));
        assert_eq!(door.replace(certificate(false)), Err(Opens::Certificate));
    }
}
