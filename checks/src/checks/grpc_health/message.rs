//! The two messages of `grpc.health.v1.Health/Check`.

use prost::Message;

use crate::grpc;
use crate::http2::Request;

/// The question after a service; the server as a whole if it has no name.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Question {
    /// Its name.
    #[prost(string, tag = "1")]
    pub service: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct Answer {
    #[prost(uint64, tag = "1")]
    status: u64,
}

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

/// What asks a server for the health of a service.
pub fn request(
    service: &str,
    tls: bool,
    authority: String,
    agent: String,
    headers: &[(String, String)],
) -> Request {
    let method = grpc::Method {
        agent,
        scheme: if tls { "https" } else { "http" },
        authority,
        path: "/grpc.health.v1.Health/Check".to_owned(),
        headers: headers.to_vec(),
    };
    grpc::request(&method, &Question { service: service.to_owned() })
}

/// An answer that is longer is none.
pub const LONGEST: usize = 64 * 1024;

impl Serving {
    /// From an answer; none of what is no such answer.
    pub fn parse(body: &[u8]) -> Option<Self> {
        Some(match grpc::answer::<Answer>(body)?.status {
            0 => Self::Unknown,
            1 => Self::Serving,
            2 => Self::NotServing,
            3 => Self::ServiceUnknown,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_names_the_service() {
        let question = |service: &str| {
            let service = service.to_owned();
            grpc::request(&grpc::Method::default(), &Question { service }).body
        };
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
