//! The files of runc, crun, containerd, CRI-O, Docker and Podman, and the environment that Nomad gives. The first byte chooses the parser.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll::identity::state::{
    Details, parse_crun_status, parse_docker_config, parse_nomad_environment, parse_oci_config, parse_runc_state,
    parse_storage_names,
};
use plimsoll::identity::{Labels, classify};

const PATH: &str = "/kubepods/podc7ee4046-c890-41dc-ab99-f122526010d6/\
                    77d06f573c36b428176d2e2a5c018effaf864f0fb63e27bc41c1c258e248ba71";

fuzz_target!(|input: (u8, &[u8])| {
    let (choice, bytes) = input;
    match choice % 6 {
        0 => {
            if let Ok(state) = parse_runc_state(bytes) {
                assert!(state.cgroups.iter().all(|path| path.starts_with('/') && state.is_at(path)));
            }
        }
        1 => {
            if let Ok(status) = parse_crun_status(bytes) {
                assert!(status.cgroup.starts_with('/'));
            }
        }
        2 => {
            if let Ok(config) = parse_oci_config(bytes) {
                config.is_at(PATH);
                labels(&config.details);
            }
        }
        3 => {
            if let Ok(details) = parse_docker_config(bytes) {
                labels(&details);
            }
        }
        4 => {
            if let Some(details) = parse_nomad_environment(bytes, "ab.web") {
                labels(&details);
            }
        }
        _ => {
            let _ = parse_storage_names(bytes, "a");
        }
    }
});

/// What came out of a file makes labels that are bounded and hold nothing a terminal would obey.
fn labels(details: &Details) {
    let labels = Labels::new(&classify(PATH, 4), Some(details));
    for value in [&labels.container, &labels.image, &labels.name, &labels.namespace, &labels.pod] {
        assert!(value.len() <= 256 && !value.contains(char::is_control));
    }
    assert!(!details.sandbox || labels.container.is_empty());
}
