//! The four states a check may end in.

use std::fmt;

/// What a check found; its number is the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum State {
    /// 0
    Ok = 0,
    /// 1
    Warning = 1,
    /// 2
    Critical = 2,
    /// 3: also help, version and every misuse.
    Unknown = 3,
}

impl State {
    /// All of them, by their exit code.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Warning, Self::Critical, Self::Unknown];

    /// The exit code.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The state of an exit code; none above 3.
    pub fn from_code(code: i32) -> Option<Self> {
        usize::try_from(code).ok().and_then(|code| Self::ALL.get(code)).copied()
    }

    /// As users write it: a name in any case, or the number.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| {
            text.eq_ignore_ascii_case(state.name()) || text.as_bytes() == [b'0' + state.code()].as_slice()
        })
    }

    /// The name in capitals, as every first line has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// The worse of two: critical, warning, unknown, ok.
    #[must_use]
    pub fn worst(self, other: Self) -> Self {
        self.by_rank(other, [0, 2, 3, 1])
    }

    /// The worse of two as most of 2.x ranks them: critical, warning, ok, unknown.
    #[must_use]
    pub fn worst_known(self, other: Self) -> Self {
        self.by_rank(other, [1, 2, 3, 0])
    }

    fn by_rank(self, other: Self, ranks: [u8; 4]) -> Self {
        let rank = |state: Self| ranks[usize::from(state.code())];
        if rank(other) > rank(self) { other } else { self }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_states_and_nothing_else_is() {
        for state in State::ALL {
            assert_eq!(State::parse(state.name()), Some(state));
            assert_eq!(State::parse(&state.name().to_lowercase()), Some(state));
            assert_eq!(State::parse(&state.code().to_string()), Some(state));
            assert_eq!(State::from_code(state.code().into()), Some(state));
        }
        for text in ["", "4", "warn", "-1", "00", "OK "] {
            assert_eq!(State::parse(text), None, "{text}");
        }
        assert_eq!(State::from_code(4), None);
        assert_eq!(State::from_code(-1), None);
    }

    #[test]
    fn unknown_ranks_above_ok_or_below_it() {
        use State::{Critical, Ok, Unknown, Warning};
        assert_eq!(Ok.worst(Unknown), Unknown);
        assert_eq!(Unknown.worst(Warning), Warning);
        assert_eq!(Warning.worst(Critical), Critical);
        assert_eq!(Critical.worst(Unknown), Critical);
        assert_eq!(Ok.worst_known(Unknown), Ok);
        assert_eq!(Unknown.worst_known(Ok), Ok);
        assert_eq!(Unknown.worst_known(Unknown), Unknown);
        assert_eq!(Warning.worst_known(Ok), Warning);
    }
}
