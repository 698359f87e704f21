//! Time servers in every state, and hostile ones: what they say of the time, and of their own sources.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;

use crate::servers::Servers;

/// How a server answers a datagram; each of the answers is sent.
type Answer = fn(&[u8]) -> Vec<Vec<u8>>;

/// Starts them all: `ntp-NAME` becomes the port.
pub fn start(servers: &mut Servers) -> Result<()> {
    for (name, answer) in SERVERS {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        servers.name(name, socket.local_addr()?.port());
        serve(socket, *answer);
    }
    Ok(())
}

/// Starts those that are asked for the time and for their sources at the port of time servers, since `check_ntp` knows no
/// other: `ntp-NAME-123` becomes the address. Once at a time.
pub fn start_at_123(servers: &mut Servers) -> Result<()> {
    for (number, (name, answer)) in (81..).zip(AT_123) {
        let address = Ipv4Addr::new(127, 77, 77, number);
        servers.name(name, address);
        serve(UdpSocket::bind((address, 123))?, *answer);
    }
    Ok(())
}

fn serve(socket: UdpSocket, answer: Answer) {
    std::thread::spawn(move || {
        let mut buffer = [0; 1024];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            for bytes in answer(&buffer[..length]) {
                let _ = socket.send_to(&bytes, from);
            }
        }
    });
}

const AT_123: &[(&str, Answer)] = &[
    ("ntp-ahead-123", |question| vec![time(question, 0x24, 2, AHEAD_MS)]),
    ("ntp-kiss-123", |question| vec![time(question, 0x24, 0, 0)]),
    ("ntp-both-123", |question| both(question, &[(1, 0x96), (2, 0x94), (3, 0x91)])),
    ("ntp-both-candidates-123", |question| both(question, &[(1, 0x94), (2, 0x94)])),
    ("ntp-both-none-123", |question| both(question, &[(1, 0x91)])),
    ("ntp-both-old-123", |question| match question {
        [0x16, 2, ..] if question.windows(6).any(|word| word == b"jitter") => {
            vec![reply(question, 0x16, 0xc2, 0, b"")]
        }
        [0x16, 2, ..] => vec![reply(question, 0x16, 0x82, 0, b"dispersion=7.5")],
        _ => both(question, &[(1, 0x96)]),
    }),
];

/// Not a whole number of seconds: it is a number with a fraction however exactly it is measured.
const AHEAD_MS: i64 = 100_500;

/// The time, 100 seconds ahead, or the sources, each with its jitter alone, as it is asked for.
fn both(question: &[u8], peers: &[(u16, u8)]) -> Vec<Vec<u8>> {
    match question {
        [0x16, 2, ..] => vec![reply(question, 0x16, 0x82, 0, b"jitter=0.25")],
        [0x16, ..] => control(question, 0x16, peers),
        _ => vec![time(question, 0x24, 2, AHEAD_MS)],
    }
}

const SERVERS: &[(&str, Answer)] = &[
    ("ntp-ahead", |question| vec![time(question, 0x24, 2, AHEAD_MS)]),
    ("ntp-behind", |question| vec![time(question, 0x24, 2, -70_500)]),
    ("ntp-kiss", |question| vec![time(question, 0x24, 0, 0)]),
    ("ntp-alarm", |question| vec![time(question, 0xe4, 2, 0)]),
    ("ntp-garbage", |_| vec![b"\x16\x03|x=1\xff".to_vec()]),
    ("ntp-source", |question| control(question, 0x16, &[(1, 0x96), (2, 0x94), (3, 0x91)])),
    ("ntp-candidates", |question| control(question, 0x16, &[(1, 0x94), (2, 0x94), (3, 0x92)])),
    ("ntp-none", |question| control(question, 0x16, &[(1, 0x90), (2, 0x91)])),
    ("ntp-empty", |question| control(question, 0x16, &[])),
    ("ntp-li-alarm", |question| control(question, 0xd6, &[(1, 0x96)])),
    ("ntp-old", |question| match question {
        // Those that do not know of jitter say so.
        [_, 2, ..] if question.windows(6).any(|word| word == b"jitter") => {
            vec![reply(question, 0x16, 0xc2, 0, b"")]
        }
        [_, 2, ..] => vec![reply(question, 0x16, 0x82, 0, b"stratum=4, offset=2.5, dispersion=7.5")],
        _ => control(question, 0x16, &[(1, 0x96)]),
    }),
    // It has the time, and says nothing of itself, as chrony does.
    ("ntp-mute", |question| if question.len() < 48 { Vec::new() } else { vec![time(question, 0x24, 2, 0)] }),
    ("ntp-too-long", |question| vec![[&reply(question, 0x16, 0x81, 0, b"")[..10], &[2, 0]].concat()]),
];

/// An answer to a question for the time, by a clock so many seconds ahead.
fn time(question: &[u8], flags: u8, stratum: u8, ahead_ms: i64) -> Vec<u8> {
    if question.len() < 48 {
        return Vec::new();
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let ahead = Duration::from_millis(ahead_ms.unsigned_abs());
    let now = if ahead_ms < 0 { now.saturating_sub(ahead) } else { now + ahead };
    let seconds = now.as_secs() + 2_208_988_800;
    let stamp = ((seconds << 32) | ((u64::from(now.subsec_nanos()) << 32) / 1_000_000_000)).to_be_bytes();
    let mut bytes = vec![flags, stratum, 4, 0xfa];
    bytes.resize(24, 0);
    bytes.extend_from_slice(&question[40..48]);
    bytes.extend_from_slice(&stamp);
    bytes.extend_from_slice(&stamp);
    bytes
}

/// The list of associations with their states, or what is known of one: its offset is its number in milliseconds.
fn control(question: &[u8], flags: u8, peers: &[(u16, u8)]) -> Vec<Vec<u8>> {
    match question {
        [_, 1, ..] => {
            let list = peers.iter().flat_map(|(id, state)| [id.to_be_bytes(), [*state, 0x1a]]).flatten();
            vec![reply(question, flags, 0x81, 0, &list.collect::<Vec<u8>>())]
        }
        [_, 2, _, _, _, _, _, id, ..] => {
            let text = format!("stratum={}, offset=-{id}.5, jitter=0.25", id + 1);
            vec![reply(question, flags, 0x82, 0, text.as_bytes())]
        }
        _ => Vec::new(),
    }
}

fn reply(question: &[u8], flags: u8, operation: u8, offset: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = question.get(..8).unwrap_or(&[0; 8]).to_vec();
    (bytes[0], bytes[1]) = (flags, operation);
    bytes.extend_from_slice(&offset.to_be_bytes());
    bytes.extend_from_slice(&u16::try_from(data.len()).unwrap_or_default().to_be_bytes());
    bytes.extend_from_slice(data);
    bytes
}
