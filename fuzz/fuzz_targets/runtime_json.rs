//! What Docker and Podman say by their sockets. The first byte chooses between the list, an event, a container and an image.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll::identity::{Labels, Runtime, classify};
use plimsoll::identity::state::Details;
use plimsoll::runtimes::{Word, parse_containers, parse_event, parse_image, parse_inspected};

const PATH: &str = "/system.slice/docker-77d06f573c36b428176d2e2a5c018effaf864f0fb63e27bc41c1c258e248ba71.scope";

fuzz_target!(|input: (u8, &[u8])| {
    let (kind, bytes) = input;
    let runtime = if kind & 4 == 0 { Runtime::Docker } else { Runtime::Podman };
    let named: Vec<Details> = match kind & 3 {
        0 => parse_containers(bytes, runtime).unwrap_or_default().into_iter().map(|(_, details)| details).collect(),
        1 => match parse_event(bytes, runtime).ok().flatten().and_then(|event| event.words(runtime)) {
            Some(Word::Is(_, details)) => vec![*details],
            _ => Vec::new(),
        },
        2 => parse_inspected(bytes, runtime).into_iter().map(|inspected| inspected.details).collect(),
        _ => {
            let _ = parse_image(bytes);
            Vec::new()
        }
    };
    for details in named {
        let labels = Labels::new(&classify(PATH, 4), Some(&details));
        for value in [&labels.image, &labels.name] {
            assert!(value.len() <= 256 && !value.contains(char::is_control));
        }
    }
});
