//! What servers say to the checks: SSH's first line, answers of mail servers, packets of NTP, records of DNS as text, messages of D-Bus,
//! packets of NRPE and the handshake that it has without certificates.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_checks::checks::dns::expected::{Expected, met};
use plimsoll_checks::checks::nrpe::packet::{ROOM, Version};
use plimsoll_checks::checks::smtp::Reply;
use plimsoll_checks::checks::ssh::Identification;
use plimsoll_checks::checks::systemd::bus;
use plimsoll_checks::checks::tcp::{Expect, Service};
use plimsoll_checks::net::dns::{Data, Message, kind};
use plimsoll_checks::net::ntp::control::{self, Answer, Part};
use plimsoll_checks::net::ntp::{Packet, Stamp, general};
use plimsoll_checks::tls::anonymous::keys::{Keys, SUITES};
use plimsoll_checks::tls::anonymous::messages::{self, Exchange, ServerHello};

fuzz_target!(|bytes: &[u8]| {
    if let Some(found) = Identification::parse(bytes) {
        assert!(!found.protocol.is_empty() && !found.version.is_empty());
        assert!(found.commented.starts_with(&found.version) && !found.version.contains(' '));
    }
    let mut rest = bytes;
    while let Some((reply, length)) = Reply::take(rest) {
        assert!(length > 0 && length <= rest.len());
        let _ = (reply.text(), reply.offers("STARTTLS"));
        rest = &rest[length..];
    }
    if let Some(packet) = Packet::parse(bytes) {
        let offset = packet.offset(Stamp(0));
        assert!(offset.is_finite());
        assert!(general(offset).parse::<f64>().is_ok());
    }
    if let Some(message) = bus::Message::parse(bytes) {
        let _ = message.value();
        let units = message.units().unwrap_or_default();
        assert!(units.len() * 40 <= bytes.len());
    }
    control_messages(bytes);
    greetings(bytes);
    nrpe(bytes);
    handshake(bytes);
    if let Ok(message) = Message::parse(bytes) {
        for record in &message.answers {
            let text = record.data.to_string();
            assert!(!text.contains(|c: char| c.is_ascii_control()));
            assert_eq!(kind::parse(&kind::name(record.kind)), Some(record.kind));
            if let Data::Address(_) = record.data {
                assert!(met(&[Expected::parse(&text)], &[text], true));
            }
        }
    }
});

/// Each 32 bytes are a packet.
fn control_messages(bytes: &[u8]) {
    let mut answer = Answer::default();
    for chunk in bytes.chunks(32) {
        let Some(part) = Part::parse(chunk) else { continue };
        if let Some(whole) = answer.add(&part) {
            assert!(whole.len() <= bytes.len());
            assert_eq!(control::peers(&whole).len(), whole.len() / 4);
            if let Some(value) = control::variable(&whole, "offset") {
                assert!(value.is_finite());
            }
            answer = Answer::default();
        }
    }
}

/// What is decided of the beginning of an answer is decided, whatever follows.
fn greetings(bytes: &[u8]) {
    for name in ["check_ftp", "check_nntp", "check_imap"] {
        let mut expect = plimsoll_checks::checks::tcp::Probe::of(&Service::by_name(name)).expect;
        let decided = |expect: &Expect| {
            let mut found = None;
            for length in 1..=bytes.len().min(64) {
                let now = expect.matches(&bytes[..length]);
                assert!(found.is_none() || now == found, "{name} at {length}");
                found = found.or(now);
            }
        };
        decided(&expect);
        expect.add(b"ok");
        decided(&expect);
    }
}

/// As a packet, and as the text of one, whose sum is right then.
fn nrpe(bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(1 << 15)];
    for version in [Version::Two(ROOM), Version::Two(8), Version::Three, Version::Four] {
        if let Ok(Some((answer, length))) = version.take(bytes) {
            assert!(length <= bytes.len() && answer.text.len() < length);
        }
        let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        let room = if let Version::Two(room) = version { room - 1 } else { text.len() };
        let packet = version.response(3, bytes);
        let (answer, length) =
            version.take(&packet).expect("a packet is one").expect("a whole packet is whole");
        assert_eq!((answer.code, length), (3, packet.len()));
        assert_eq!(answer.text, text[..text.len().min(room)]);
    }
}

fn handshake(bytes: &[u8]) {
    let mut rest = bytes;
    while let Ok(Some(((_, body), length))) = messages::take(rest) {
        assert_eq!(length, body.len() + 4);
        assert!(ServerHello::parse(&body).is_none_or(|hello| SUITES.contains(&hello.suite)));
        // Two steps of larger numbers take too long to be done a thousand times a second.
        if let Some(exchange) = Exchange::parse(&body).filter(|_| body.len() < 400) {
            let _ = exchange.is_prime(&[7; 32]);
            let (half, secret) = exchange.answer(&[5; 32]);
            assert!(half.len() < body.len() && secret.len() < body.len());
        }
        rest = &rest[length..];
    }
    for suite in SUITES {
        let keys = || Keys::new(suite, bytes, &[1; 32], &[2; 32]).expect("there is a key of every secret");
        assert_eq!(keys().server.open(23, bytes), None);
        let sealed = keys().server.seal(23, &bytes[..bytes.len().min(16 * 1024)]);
        assert_eq!(keys().server.open(23, &sealed[5..]).as_deref(), bytes.get(..bytes.len().min(16 * 1024)));
    }
}
