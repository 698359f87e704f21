//! What servers say to the checks: SSH's first line, answers of mail servers, packets of NTP, records of DNS as text, messages of D-Bus.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_checks::checks::dns::expected::{Expected, met};
use plimsoll_checks::checks::smtp::Reply;
use plimsoll_checks::checks::ssh::Identification;
use plimsoll_checks::checks::systemd::bus;
use plimsoll_checks::checks::tcp::{Expect, Service};
use plimsoll_checks::net::dns::{Data, Message, kind};
use plimsoll_checks::net::ntp::control::{self, Answer, Part};
use plimsoll_checks::net::ntp::{Packet, Stamp, general};

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
    if let Some(units) = bus::Message::parse(bytes).and_then(|message| message.units()) {
        assert!(units.len() * 40 <= bytes.len());
    }
    control_messages(bytes);
    greetings(bytes);
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
