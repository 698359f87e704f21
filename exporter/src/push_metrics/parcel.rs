//! What waits for a receiver: a request as it will be sent, behind a line that says what it is. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::samples::Page;
use super::{line_protocol, remote_write};

/// How samples are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// Prometheus' remote write 1.0.
    #[serde(rename = "prometheus.WriteRequest")]
    RemoteWrite1,
    /// Prometheus' remote write 2.0.
    #[serde(rename = "io.prometheus.write.v2.Request")]
    RemoteWrite2,
    /// InfluxDB's line protocol.
    #[serde(rename = "influx")]
    Influx,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// How it is written.
    pub protocol: Protocol,
    /// How many samples are in it.
    pub samples: u64,
    /// When they were taken, in Unix milliseconds.
    pub at: i64,
    /// The body, packed.
    pub body: Vec<u8>,
}

/// The first line of a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    protocol: Protocol,
    samples: u64,
    at: i64,
    /// Of the body, in base64.
    sha256: String,
}

/// A longer one is none.
const LONGEST_HEAD: usize = 1024;

impl Parcel {
    /// All that a page says, in requests of so many samples at most; and how many samples cannot be said so.
    pub(super) fn pack(
        protocol: Protocol,
        page: &Page<'_>,
        at: i64,
        most: usize,
        described: bool,
    ) -> (Vec<Self>, u64) {
        let (mut parcels, mut left_out) = (Vec::new(), 0);
        for samples in page.samples.chunks(most.max(1)) {
            let families = if described && parcels.is_empty() { page.families.as_slice() } else { &[] };
            let all = samples.len() as u64;
            let (body, said) = match protocol {
                Protocol::RemoteWrite1 => (remote_write::version_1(samples, at, families), all),
                Protocol::RemoteWrite2 => (remote_write::version_2(samples, at, &page.families), all),
                Protocol::Influx => {
                    let (body, said, beyond) = line_protocol::lines(samples, at);
                    left_out += beyond;
                    (body, said)
                }
            };
            if said > 0 {
                parcels.push(Self { protocol, samples: said, at, body });
            }
        }
        (parcels, left_out)
    }

    /// As it stands in a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Self { protocol, samples, at, body } = self;
        let head = Head { protocol: *protocol, samples: *samples, at: *at, sha256: sum(body) };
        // Numbers and texts: it does not fail.
        let mut bytes = serde_json::to_vec(&head).unwrap_or_default();
        bytes.push(b'\n');
        bytes.extend_from_slice(body);
        bytes
    }

    /// What stands in a file; none if it is not whole.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().take(LONGEST_HEAD).position(|byte| *byte == b'\n')?;
        let Head { protocol, samples, at, sha256 } = serde_json::from_slice(bytes.get(..end)?).ok()?;
        let body = bytes.get(end + 1..)?.to_vec();
        (sha256 == sum(&body)).then_some(Self { protocol, samples, at, body })
    }

    /// How many samples a file says to have, be it whole or not.
    pub fn samples_of(bytes: &[u8]) -> u64 {
        let head = bytes.split(|byte| *byte == b'\n').next().filter(|head| head.len() < LONGEST_HEAD);
        head.and_then(|head| serde_json::from_slice::<Head>(head).ok()).map_or(0, |head| head.samples)
    }
}

fn sum(body: &[u8]) -> String {
    STANDARD.encode(digest(&SHA256, body))
}

#[cfg(test)]
mod tests {
    use super::super::samples::{Marks, parse};
    use super::*;

    #[test]
    fn what_is_not_whole_is_none_and_says_how_much_is_lost() {
        let parcel = Parcel { protocol: Protocol::RemoteWrite2, samples: 3, at: 7, body: b"a\nbc".to_vec() };
        let bytes = parcel.to_bytes();
        assert_eq!(Parcel::from_bytes(&bytes), Some(parcel));
        for torn in 0..bytes.len() {
            assert_eq!(Parcel::from_bytes(&bytes[..torn]), None, "{torn} bytes");
        }
        let last = bytes.len() - 1;
        let mut other = bytes.clone();
        other[last] ^= 1;
        assert_eq!(Parcel::from_bytes(&other), None);
        assert_eq!(
            (Parcel::samples_of(&other), Parcel::samples_of(b""), Parcel::samples_of(b"{}\n")),
            (3, 0, 0)
        );
    }

    #[test]
    fn a_page_is_cut_into_requests_and_what_cannot_be_said_is_counted() {
        let marks = Marks::default();
        let page = parse("# TYPE a gauge\na{x=\"1\"} 1\na{x=\"2\"} NaN\na{x=\"3\"} 3\n", &marks);
        let of = |protocol| {
            let (parcels, left_out) = Parcel::pack(protocol, &page, 7, 2, true);
            let sizes: Vec<_> = parcels.iter().map(|parcel| (parcel.at, parcel.samples)).collect();
            (sizes, left_out)
        };
        assert_eq!(of(Protocol::RemoteWrite1), (vec![(7, 2), (7, 1)], 0));
        assert_eq!(of(Protocol::RemoteWrite2), (vec![(7, 2), (7, 1)], 0));
        assert_eq!(of(Protocol::Influx), (vec![(7, 1), (7, 1)], 1));
    }
}
