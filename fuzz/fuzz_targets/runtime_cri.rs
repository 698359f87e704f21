//! What containerd and CRI-O say by CRI. The first byte chooses between sandboxes, the status of a container and an event.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll::identity::{Labelling, Runtime, classify};
use plimsoll::runtimes::{Word, parse_cri_event, parse_cri_sandboxes, parse_cri_status};

const PATH: &str = "/kubepods/burstable/podc7ee4046-c890-41dc-ab99-f122526010d6/\
                    77d06f573c36b428176d2e2a5c018effaf864f0fb63e27bc41c1c258e248ba71";

fuzz_target!(|input: (u8, &[u8])| {
    let (kind, bytes) = input;
    let words = match kind % 3 {
        0 => parse_cri_sandboxes(bytes, Runtime::Containerd),
        1 => parse_cri_status(bytes, Runtime::Containerd),
        _ => parse_cri_event(bytes, Runtime::CriO),
    };
    for word in words.unwrap_or_default() {
        match word {
            Word::Is(_, details) => {
                let rendered = Labelling::default().render(&classify(PATH, 4), Some(&details));
                let info = rendered.info.unwrap_or_default();
                assert!(!rendered.labels.contains(char::is_control) && !info.contains(char::is_control));
            }
            Word::Does(_, _, status) => {
                let reason = status.exit.and_then(|exit| exit.reason).unwrap_or_default();
                assert!(reason.len() <= 64 && !reason.contains(char::is_control));
            }
        }
    }
});
