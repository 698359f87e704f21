//! Users and their passwords, which are compared by bcrypt: dear by intent, so off the thread that serves, one at a
//! time, and remembered.
//!
//! What is remembered is a MAC under a key of this process, never a password. An unknown user costs as much as a known
//! one: his password is compared with the hash of somebody else, whom only that key decides.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bcrypt::HashParts;
use http::HeaderValue;
use ring::hmac;
use ring::rand::SystemRandom;
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// More users than this are a mistake: each login looks at all of them.
pub const MAX_USERS: usize = 1000;
/// A comparison of this cost takes seconds.
pub const MAX_COST: u32 = 16;
/// Logins that wait for their turn.
const MAX_WAITING: usize = 64;
/// Right and wrong logins that are remembered.
const MAX_RIGHT: usize = MAX_USERS;
const MAX_WRONG: usize = 256;

/// A user, and the hash of the password.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    name: String,
    hash: Arc<str>,
}

/// Why a text is no hash of a password. It does not say which text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    /// No hash.
    #[error("expected a bcrypt hash of the password, as `htpasswd -nBC 10 USER` makes it")]
    Hash,
    /// One that costs nothing, or seconds.
    #[error("the cost of the hash must be from 4 to {MAX_COST}, not {0}")]
    Cost(u32),
    /// A name that no client can give.
    #[error("a user's name has no colon in it, and is not empty")]
    Name,
}

/// What a client says who it is.
pub(super) struct Login(Zeroizing<Vec<u8>>);

/// What becomes of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Right,
    Wrong,
    /// Too many wait to be told.
    Busy,
}

/// What all logins share.
pub(super) struct Logins {
    key: hmac::Key,
    known: Mutex<Known>,
    waiting: Semaphore,
    turn: Arc<Semaphore>,
}

/// Logins that were compared, the oldest first. The wrong ones have a place of their own, so that guesses push out
/// nobody who was right.
#[derive(Default)]
struct Known {
    right: VecDeque<Tag>,
    wrong: VecDeque<Tag>,
}

type Tag = [u8; 32];

impl User {
    /// A user of this name, whose password has this bcrypt hash.
    pub fn new(name: &str, hash: &str) -> Result<Self, UserError> {
        if name.is_empty() || name.contains(':') {
            return Err(UserError::Name);
        }
        let cost = hash.parse::<HashParts>().map_err(|_| UserError::Hash)?.get_cost();
        if !(4..=MAX_COST).contains(&cost) {
            return Err(UserError::Cost(cost));
        }
        Ok(Self { name: name.to_owned(), hash: hash.into() })
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What an `Authorization` header says, if it is of the kind that is asked for.
pub(super) fn read(value: &HeaderValue) -> Option<Login> {
    let (scheme, encoded) = value.as_bytes().split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    let decoded = Zeroizing::new(BASE64_STANDARD.decode(encoded.trim_ascii()).ok()?);
    decoded.contains(&b':').then_some(Login(decoded))
}

impl Login {
    /// The name ends at the first colon.
    fn parts(&self) -> (&[u8], &[u8]) {
        let at = self.0.iter().position(|byte| *byte == b':').unwrap_or(self.0.len());
        (&self.0[..at], self.0.get(at + 1..).unwrap_or_default())
    }
}

impl Default for Logins {
    fn default() -> Self {
        let mut key = [0; 32];
        // Where the kernel has no randomness tags are still no passwords, and nobody but this process sees one.
        let _ = ring::rand::SecureRandom::fill(&SystemRandom::new(), &mut key);
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            known: Mutex::default(),
            waiting: Semaphore::new(MAX_WAITING),
            turn: Arc::new(Semaphore::new(1)),
        }
    }
}

impl Logins {
    /// Whether this is one of the users, of whom there is at least one.
    pub(super) async fn check(&self, users: &[User], login: Login) -> Verdict {
        let (hash, is_user) = self.hash_for(users, &login);
        let tag = self.tag(&login, &hash, is_user);
        if let Some(verdict) = self.remembered(&tag) {
            return verdict;
        }
        let Ok(_waiting) = self.waiting.try_acquire() else { return Verdict::Busy };
        let Ok(turn) = Arc::clone(&self.turn).acquire_owned().await else { return Verdict::Busy };
        // It may have been compared meanwhile, for another request of the same client.
        if let Some(verdict) = self.remembered(&tag) {
            return verdict;
        }
        let compare = tokio::task::spawn_blocking(move || {
            // Held to the end, be it that nobody waits for it any more.
            let _turn = turn;
            bcrypt::verify(login.parts().1, &hash).unwrap_or(false)
        });
        // A panic there is no login.
        let right = compare.await.unwrap_or(false) && is_user;
        self.remember(tag, right)
    }

    /// The hash to compare with, and whether it is the user's own.
    fn hash_for(&self, users: &[User], login: &Login) -> (Arc<str>, bool) {
        let (name, _) = login.parts();
        let mut found = None;
        for user in users {
            if bool::from(user.name.as_bytes().ct_eq(name)) {
                found = Some(user);
            }
        }
        let stand_in =
            hmac::sign(&self.key, name).as_ref().iter().fold(0, |sum, byte| sum << 3 ^ *byte as usize);
        let somebody = &users[stand_in % users.len()];
        (Arc::clone(&found.unwrap_or(somebody).hash), found.is_some())
    }

    /// Stands for a login and what it was compared with: another password in the file is another tag.
    fn tag(&self, login: &Login, hash: &str, is_user: bool) -> Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&[is_user.into()]);
        context.update(&(hash.len() as u64).to_le_bytes());
        context.update(hash.as_bytes());
        context.update(&login.0);
        let mut tag = Tag::default();
        tag.copy_from_slice(context.sign().as_ref());
        tag
    }

    fn remembered(&self, tag: &Tag) -> Option<Verdict> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let among =
            |tags: &VecDeque<Tag>| tags.iter().fold(false, |found, held| found | bool::from(held.ct_eq(tag)));
        match (among(&known.right), among(&known.wrong)) {
            (true, _) => Some(Verdict::Right),
            (false, true) => Some(Verdict::Wrong),
            (false, false) => None,
        }
    }

    fn remember(&self, tag: Tag, right: bool) -> Verdict {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (tags, most) = match right {
            true => (&mut known.right, MAX_RIGHT),
            false => (&mut known.wrong, MAX_WRONG),
        };
        if tags.len() == most {
            tags.pop_front();
        }
        tags.push_back(tag);
        if right { Verdict::Right } else { Verdict::Wrong }
    }
}

#[cfg(test)]
mod tests;
