//! The two messages of `grpc.health.v1.Health/Check`, each with the five bytes that gRPC puts before.

use crate::http2::Request;

/// What a server says of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serving {
    /// 0
    Unknown,
    /// 1
    Serving,
    /// 2
    NotServing,
    /// 3
    ServiceUnknown,
}

/// An answer that is longer is none.
pub const LONGEST: usize = 64 * 1024;

/// What asks a server for the health of a service.
pub fn request(service: &str, tls: bool, authority: String, agent: &str) -> Request {
    let headers = [("content-type", "application/grpc"), ("te", "trailers"), ("user-agent", agent)];
    Request {
        method: "POST".to_owned(),
        scheme: if tls { "https" } else { "http" },
        authority,
        path: "/grpc.health.v1.Health/Check".to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        body: question(service),
    }
}

/// The question after a service; the server as a whole if it has no name.
pub fn question(service: &str) -> Vec<u8> {
    let mut message = Vec::new();
    if !service.is_empty() {
        message.push(0x0a);
        let mut length = service.len();
        while length > 0x7f {
            message.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        message.push(length as u8);
        message.extend_from_slice(service.as_bytes());
    }
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut bytes = vec![0];
    bytes.extend(length.to_be_bytes());
    bytes.extend(message);
    bytes
}

impl Serving {
    /// From an answer; none of what is no such answer, or is compressed, which nobody asked for.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let (head, rest) = body.split_first_chunk::<5>()?;
        let [0, length @ ..] = head else { return None };
        let mut message = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        let mut status = 0;
        while !message.is_empty() {
            let key = number(&mut message)?;
            let length = match key & 7 {
                0 => {
                    let value = number(&mut message)?;
                    status = if key >> 3 == 1 { value } else { status };
                    0
                }
                1 => 8,
                2 => usize::try_from(number(&mut message)?).ok()?,
                5 => 4,
                _ => return None,
            };
            message = message.get(length..)?;
        }
        Some(match status {
            0 => Self::Unknown,
            1 => Self::Serving,
            2 => Self::NotServing,
            3 => Self::ServiceUnknown,
            _ => return None,
        })
    }
}

/// Seven bits a byte, the last of them without the eighth.
fn number(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_names_the_service() {
        assert_eq!(question(""), [0, 0, 0, 0, 0]);
        assert_eq!(question("ab"), [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']);
        let long = question(&"x".repeat(300));
        assert_eq!(&long[..8], &[0, 0, 0, 1, 47, 0x0a, 0xac, 2]);
    }

    #[test]
    fn the_answer_is_a_status_among_whatever_else() {
        for (status, serving) in [
            (0, Some(Serving::Unknown)),
            (1, Some(Serving::Serving)),
            (2, Some(Serving::NotServing)),
            (3, Some(Serving::ServiceUnknown)),
            (4, None),
        ] {
            assert_eq!(Serving::parse(&[0, 0, 0, 0, 2, 8, status]), serving);
        }
        assert_eq!(Serving::parse(&[0; 5]), Some(Serving::Unknown));
        let more = [0, 0, 0, 0, 14, 0x12, 1, b'x', 0x1d, 1, 2, 3, 4, 8, 1, 0x20, 0xff, 1, 0];
        assert_eq!(Serving::parse(&more), None);
        let more = [0, 0, 0, 0, 13, 0x12, 1, b'x', 0x1d, 1, 2, 3, 4, 8, 1, 0x20, 0xff, 1];
        assert_eq!(Serving::parse(&more), Some(Serving::Serving));
        for wrong in
            [&b""[..], b"\0\0\0\0", b"\x01\0\0\0\x02\x08\x01", b"\0\0\0\0\x03\x08\x01", b"\0\0\0\0\x01\x08"]
        {
            assert_eq!(Serving::parse(wrong), None, "{wrong:?}");
        }
        assert_eq!(Serving::parse(&[&[0, 0, 0, 0, 12, 8][..], &[0xff; 11]].concat()), None);
    }
}
