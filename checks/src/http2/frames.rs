//! Frames, the packets of HTTP/2.

use super::Error;

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub kind: u8,
    /// What is to be known of it.
    pub flags: u8,
    /// Whose it is; 0 for the connection's own.
    pub stream: u32,
    /// What it carries.
    pub payload: Vec<u8>,
}

/// Kinds of frames.
pub mod kind {
    /// A part of a body.
    pub const DATA: u8 = 0;
    /// Headers.
    pub const HEADERS: u8 = 1;
    /// The end of a stream before its end.
    pub const RESET: u8 = 3;
    /// How to speak.
    pub const SETTINGS: u8 = 4;
    /// What no one asked for.
    pub const PUSH: u8 = 5;
    /// To be sent back.
    pub const PING: u8 = 6;
    /// The end of the connection.
    pub const GO_AWAY: u8 = 7;
    /// Room for more.
    pub const WINDOW: u8 = 8;
    /// More headers.
    pub const CONTINUATION: u8 = 9;
}

/// Flags of frames.
pub mod flag {
    /// The stream ends here.
    pub const END_STREAM: u8 = 1;
    /// An answer to settings or a ping.
    pub const ACK: u8 = 1;
    /// The headers end here.
    pub const END_HEADERS: u8 = 4;
    /// Some of it is padding.
    pub const PADDED: u8 = 8;
    /// It begins with a priority.
    pub const PRIORITY: u8 = 0x20;
}

/// The longest payload that anyone may send who was not told otherwise.
pub const LONGEST: usize = 16 * 1024;
const HEAD: usize = 9;

/// Bytes, until they are frames.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
}

impl Frames {
    /// More bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next frame, if all of it is there.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Error> {
        let Some(&[a, b, c, kind, flags, s0, s1, s2, s3]) = self.bytes.first_chunk::<HEAD>() else {
            return Ok(None);
        };
        let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        if length > LONGEST {
            return Err(Error::Wrong("a frame that is too long"));
        }
        if self.bytes.len() < HEAD + length {
            return Ok(None);
        }
        let rest = self.bytes.split_off(HEAD + length);
        let mut payload = std::mem::replace(&mut self.bytes, rest);
        payload.drain(..HEAD);
        let stream = u32::from_be_bytes([s0, s1, s2, s3]) & 0x7fff_ffff;
        Ok(Some(Frame { kind, flags, stream, payload }))
    }
}

impl Frame {
    /// One of ours; a payload that is too long is cut off, which none of ours is.
    pub fn new(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Self {
        Self { kind, flags, stream, payload: payload[..payload.len().min(LONGEST)].to_vec() }
    }

    /// As it goes over the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).unwrap_or_default().to_be_bytes();
        let mut bytes = length[1..].to_vec();
        bytes.extend([self.kind, self.flags]);
        bytes.extend(self.stream.to_be_bytes());
        bytes.extend_from_slice(&self.payload);
        bytes
    }

    /// Whether a flag is set.
    pub const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// What it carries, without padding and priority.
    pub fn content(&self) -> Result<&[u8], Error> {
        let wrong = Error::Wrong("a frame with more padding than it has");
        let mut content = self.payload.as_slice();
        if self.has(flag::PADDED) {
            let Some((padding, rest)) = content.split_first() else { return Err(wrong) };
            let Some(length) = rest.len().checked_sub(usize::from(*padding)) else { return Err(wrong) };
            content = &rest[..length];
        }
        if self.kind == kind::HEADERS && self.has(flag::PRIORITY) {
            content = content.get(5..).ok_or(wrong)?;
        }
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_as_they_were_written() {
        let frame = Frame::new(kind::DATA, flag::END_STREAM, 1, b"hello");
        let bytes = frame.to_bytes();
        assert_eq!(bytes, b"\0\0\x05\0\x01\0\0\0\x01hello");
        let mut frames = Frames::default();
        for byte in &bytes {
            assert_eq!(frames.next_frame().unwrap(), None);
            frames.push(&[*byte]);
        }
        assert_eq!(frames.next_frame().unwrap(), Some(frame));
        assert_eq!(frames.next_frame().unwrap(), None);
        frames.push(b"HTTP/1.1 400 Bad Request");
        assert!(frames.next_frame().is_err());
    }

    #[test]
    fn padding_and_priority_are_no_content() {
        let content = |kind, flags, payload: &[u8]| {
            Frame::new(kind, flags, 1, payload).content().ok().map(<[u8]>::to_vec)
        };
        assert_eq!(content(kind::DATA, flag::PADDED, b"\x02hi\0\0"), Some(b"hi".to_vec()));
        let both = flag::PADDED | flag::PRIORITY;
        assert_eq!(content(kind::HEADERS, both, b"\x01\0\0\0\0\x10hi\0"), Some(b"hi".to_vec()));
        assert_eq!(content(kind::DATA, flag::PADDED, b""), None);
        assert_eq!(content(kind::DATA, flag::PADDED, b"\x05hi"), None);
        assert_eq!(content(kind::HEADERS, flag::PRIORITY, b"hi"), None);
    }
}
