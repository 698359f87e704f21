//! What others send: messages of the domain name system and packets of ICMP.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_checks::net::dns::{self, Message};
use plimsoll_checks::net::icmp::packet;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = Message::parse(bytes) {
        assert!(message.answers.len() <= bytes.len());
        if let Some((name, kind)) = &message.question {
            // A name without escapes can be asked for again, and that question repeats it.
            if !name.is_empty() && !name.contains('\\') && name.len() < 254 {
                let question = dns::question(message.id, name, *kind).expect("a name of a message is one");
                assert_eq!(Message::parse(&question).expect("a question is a message").question, message.question);
            }
        }
    }
    for v6 in [false, true] {
        let _ = packet::parse(v6, bytes);
    }
    if let Some(rest) = packet::within_ipv4(bytes) {
        assert!(rest.len() + 20 <= bytes.len());
        let _ = packet::parse(false, rest);
    }
});
