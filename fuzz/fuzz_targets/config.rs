//! The configuration file, and its rules on metadata that anybody may choose: whatever they are, labels are well formed.
#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use plimsoll::config::file::FileConfig;
use plimsoll::identity::state::Details;
use plimsoll::identity::tags::{MAX_TAGS, is_label_name};
use plimsoll::identity::{Given, Identity, Labels, Origin, classify};
use plimsoll::signals;

const PATH: &str = "/system.slice/docker-77d06f573c36b428176d2e2a5c018effaf864f0fb63e27bc41c1c258e248ba71.scope";

fuzz_target!(|input: (String, Vec<(bool, String, String)>)| {
    let (text, pairs) = input;
    let taken = signals::labels();
    match FileConfig::parse(&text, &taken) {
        Err(faults) => {
            assert!(!faults.is_empty());
            // YAML ends lines with a carriage return too, and what is missing at the end is on the line after it.
            let lines = 1 + text.matches(['\n', '\r']).count();
            for fault in faults {
                let fault = fault.to_string();
                let line = fault.strip_prefix("line ").and_then(|rest| rest.split_once(',')).unwrap().0;
                assert!((1..=lines + 1).contains(&line.parse().unwrap()), "{fault}");
            }
        }
        Ok(config) => {
            let allow = &config.probing.allow;
            for address in ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "0.0.0.0"] {
                let admitted = allow.admits("a.example", address.parse().unwrap()).is_ok();
                assert!(!admitted || (allow.link_local && address != "0.0.0.0"), "{address}");
            }
            check(&config, &classify(PATH, 4), pairs, &taken);
        }
    }
});

fn check(
    config: &FileConfig,
    identity: &Identity<'_>,
    pairs: Vec<(bool, String, String)>,
    taken: &BTreeSet<&str>,
) {
    let mut details = Details::default();
    for (annotation, key, value) in pairs {
        let origin = if annotation { Origin::ContainerAnnotation } else { Origin::ContainerLabel };
        details.metadata.extend(origin, [(key, value)]);
    }
    let given = Given { own: &details.metadata, pod: &details.metadata, namespace: &details.metadata };
    let tags = config.labelling.rules.apply(&Labels::new(identity, Some(&details)), given);
    assert!(tags.labels.len() <= MAX_TAGS);
    for (name, value) in &tags.labels {
        assert!(is_label_name(name) && !taken.contains(name.as_str()), "{name}");
        assert!(!value.is_empty() && value.len() <= 256 && !value.contains(char::is_control));
    }
    let rendered = config.labelling.render(identity, Some(&details));
    let info = rendered.info.unwrap();
    let mut seen = BTreeSet::new();
    for name in names(&rendered.labels).into_iter().chain(names(&info)) {
        assert!(seen.insert(name), "{name} twice: {} {info}", rendered.labels);
    }
}

/// The names of rendered labels.
fn names(rendered: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = rendered;
    while let Some((name, value)) = rest.split_once("=\"") {
        names.push(name);
        let mut escaped = false;
        let end = value.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        rest = value[end.unwrap() + 1..].trim_start_matches(',');
    }
    assert_eq!(rest, "");
    names
}
