//! What servers of HTTP/2 and gRPC answer: frames, packed headers and the message of health.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_checks::checks::grpc_health::message::{Question, Serving};
use plimsoll_checks::grpc::{self, Method};
use plimsoll_checks::http2::frames::Frames;
use plimsoll_checks::http2::Conversation;

const KEEP: usize = 100;

fuzz_target!(|input: (&[u8], u8, &str)| {
    let (bytes, size, text) = input;
    let mut request = grpc::request(&Method::default(), &Question { service: text.into() });
    (request.method, request.path) = (text.into(), text.into());
    let Ok((mut conversation, opening)) = Conversation::open(&request, KEEP) else { return };
    let mut frames = Frames::default();
    frames.push(&opening[24..]);
    while let Some(frame) = frames.next_frame().expect("ours are frames") {
        assert!(frame.content().is_ok());
    }
    for part in bytes.chunks(usize::from(size) + 1) {
        match conversation.push(part) {
            Ok(reply) => assert!(reply.len() <= 2 * (bytes.len() + 9)),
            Err(_) => return,
        }
    }
    let answer = conversation.into_answer();
    assert!(answer.body.len() <= KEEP && answer.body.len() as u64 <= answer.length);
    let _ = Serving::parse(&answer.body);
    let _ = Serving::parse(bytes);
});
