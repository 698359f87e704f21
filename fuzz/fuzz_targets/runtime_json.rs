//! What Docker and Podman say by their sockets. The first byte chooses between the list and an event.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll::identity::{Labels, Runtime, classify};
use plimsoll::runtimes::{parse_containers, parse_event};

const PATH: &str = "/system.slice/docker-77d06f573c36b428176d2e2a5c018effaf864f0fb63e27bc41c1c258e248ba71.scope";

fuzz_target!(|input: (bool, &[u8])| {
    let (list, bytes) = input;
    let named = if list {
        parse_containers(bytes, Runtime::Docker).unwrap_or_default()
    } else {
        parse_event(bytes, Runtime::Docker).ok().flatten().into_iter().collect()
    };
    for (_, details) in named {
        let labels = Labels::new(&classify(PATH, 4), Some(&details));
        for value in [&labels.image, &labels.name] {
            assert!(value.len() <= 256 && !value.contains(char::is_control));
        }
    }
});
