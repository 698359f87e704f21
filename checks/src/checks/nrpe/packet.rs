//! Packets of NRPE: of version 2 with room for 1,024 bytes, of 3 and 4 with as much as there is to say. Pure.

use crate::net::talk::{Error, Taken};

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Of NRPE 2, with room for so many bytes.
    Two(usize),
    /// Of NRPE 3.
    Three,
    /// Of NRPE 4, which counts the bytes of a packet otherwise.
    Four,
}

/// What a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The exit code of the check it ran.
    pub code: u16,
    /// What that said.
    pub text: Vec<u8>,
}

/// Room in a packet of version 2.
pub const ROOM: usize = 1024;
/// What stands before the text in version 2, and in the others.
const HEAD: usize = 10;
const LONG_HEAD: usize = 16;
/// What a structure of version 2 has after its text.
const AFTER: usize = 2;
/// No answer is longer.
const LONGEST: usize = 1 << 16;

const QUERY: u16 = 1;
const RESPONSE: u16 = 2;

impl Version {
    /// Its number.
    pub const fn number(self) -> u16 {
        match self {
            Self::Two(_) => 2,
            Self::Three => 3,
            Self::Four => 4,
        }
    }

    /// The packet that asks for a command.
    pub fn query(self, command: &str) -> Vec<u8> {
        self.packet(QUERY, 0, command.as_bytes())
    }

    /// The packet that answers, of a server with this exit code and text.
    pub fn response(self, code: u16, text: &[u8]) -> Vec<u8> {
        self.packet(RESPONSE, code, text)
    }

    fn packet(self, kind: u16, code: u16, text: &[u8]) -> Vec<u8> {
        let mut bytes = [self.number(), kind, 0, 0, code].map(u16::to_be_bytes).concat();
        match self {
            Self::Two(room) => {
                bytes.extend_from_slice(&text[..text.len().min(room.saturating_sub(1))]);
                bytes.resize(HEAD + room + AFTER, 0);
            }
            Self::Three | Self::Four => {
                // As short as the shortest of version 2, and a zero byte after the text.
                let after = self.after();
                let room = (text.len() + 1).max(HEAD + ROOM + AFTER - LONG_HEAD - after);
                bytes.extend_from_slice(&[0, 0]);
                bytes.extend_from_slice(&u32::try_from(room).unwrap_or(u32::MAX).to_be_bytes());
                bytes.extend_from_slice(text);
                bytes.resize(LONG_HEAD + room + after, 0);
            }
        }
        let sum = crc32(&bytes).to_be_bytes();
        bytes[4..8].copy_from_slice(&sum);
        bytes
    }

    /// Bytes after those that are counted, which only version 3 has.
    const fn after(self) -> usize {
        if let Self::Three = self { 3 } else { 0 }
    }

    /// The answer, and how long it is.
    pub fn take(self, bytes: &[u8]) -> Taken<Response> {
        let Some(head) = bytes.get(..HEAD) else { return Ok(None) };
        let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
        if word(0) != self.number() || word(2) != RESPONSE {
            return Err(Error::Unreadable);
        }
        let (start, room) = match self {
            // What follows the text of version 2 is whatever was in the server's memory, and counts.
            Self::Two(room) => (HEAD, room + AFTER),
            Self::Three | Self::Four => {
                let Some(count) = bytes.get(LONG_HEAD - 4..LONG_HEAD) else { return Ok(None) };
                (LONG_HEAD, u32::from_be_bytes([count[0], count[1], count[2], count[3]]) as usize)
            }
        };
        if room > LONGEST {
            return Err(Error::TooLong);
        }
        // What follows that of version 3 is zero, and nobody waits for it.
        let Some(whole) = bytes.get(..start + room) else { return Ok(None) };
        let after = self.after();
        let mut summed = whole.to_vec();
        let given = summed.splice(4..8, [0; 4]).collect::<Vec<u8>>();
        if start == LONG_HEAD {
            summed.splice(HEAD..HEAD + 2, [0; 2]);
        }
        summed.resize(whole.len() + after, 0);
        if crc32(&summed).to_be_bytes() != *given {
            return Err(Error::Unreadable);
        }
        let text = whole[start..].split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
        Ok(Some((Response { code: word(8), text }, bytes.len().min(start + room + after))))
    }
}

/// That of zlib and of everybody.
fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(bytes);
    sum.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Version; 4] = [Version::Two(ROOM), Version::Two(8), Version::Three, Version::Four];

    #[test]
    fn packets_are_as_long_as_those_of_nrpe() {
        let length = |version: Version, text: &str| version.query(text).len();
        assert_eq!(ALL.map(|version| length(version, "_NRPE_CHECK")), [1036, 20, 1036, 1036]);
        let long = "x".repeat(2000);
        assert_eq!(ALL.map(|version| length(version, &long)), [1036, 20, 2020, 2017]);
        let counted = |version: Version| version.query(&long)[12..16].to_vec();
        assert_eq!(counted(Version::Three), 2001_u32.to_be_bytes());
        assert_eq!(counted(Version::Four), 2001_u32.to_be_bytes());
    }

    #[test]
    fn an_answer_is_taken_when_it_is_whole() {
        for version in ALL {
            let bytes = version.response(2, b"BAD|x=1");
            let wanted = Response { code: 2, text: b"BAD|x=1".to_vec() };
            let (found, length) = version.take(&bytes).unwrap().unwrap();
            assert_eq!((found, length), (wanted.clone(), bytes.len()));
            // What a structure of version 3 has after its text may be missing.
            let least = bytes.len() - version.after();
            assert_eq!(version.take(&bytes[..least]).unwrap(), Some((wanted, least)));
            for end in [0, 9, least - 1] {
                assert!(matches!(version.take(&bytes[..end]), Ok(None)), "{version:?} {end}");
            }
        }
    }

    #[test]
    fn what_is_no_answer_is_not_taken() {
        for version in ALL {
            for at in [1, 3, 5, 9, 20 - 3] {
                let mut bytes = version.response(0, b"fine, all of it");
                bytes[at] ^= 0x40;
                assert!(version.take(&bytes).is_err(), "{version:?} {at}");
            }
            assert!(version.take(&version.query("x")).is_err());
        }
        let mut endless = Version::Four.response(0, b"x");
        endless[12] = 1;
        assert!(matches!(Version::Four.take(&endless), Err(Error::TooLong)));
    }
}
