//! What the API server says of pods, of what they belong to, of namespaces and of services. The first byte chooses.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll::identity::{Directory, Labels, Workload, classify};
use plimsoll::kubernetes::{
    NamespaceObject, Owner, PodObject, Question, ServiceObject, of_namespace, parse_owner,
};

const PATH: &str = "/kubepods/podc7ee4046-c890-41dc-ab99-f122526010d6/77d06f573c36b428176d2e2a5c018effaf864f0fb63e27bc41c1c258e248ba71";

fuzz_target!(|input: (u8, &[u8])| {
    let (kind, bytes) = input;
    match kind % 4 {
        0 => pod(bytes),
        1 => {
            let question =
                Question { target: String::new(), uid: "u".to_owned(), itself: Workload::default() };
            let _ = parse_owner(bytes, &question);
        }
        2 => namespace(bytes),
        _ => service(bytes),
    }
});

fn namespace(bytes: &[u8]) {
    let Ok(object) = serde_json::from_slice::<NamespaceObject>(bytes) else { return };
    let Some((name, metadata)) = of_namespace(&object) else { return };
    assert!(!name.is_empty() && metadata.bytes() <= 16 << 10);
    assert!(Directory::default().tell_namespace(name, metadata));
}

fn service(bytes: &[u8]) {
    let Ok(object) = serde_json::from_slice::<ServiceObject>(bytes) else { return };
    let Some(key) = object.key() else { return };
    assert!(!key.0.contains(char::is_control) && !key.1.contains(['/', '"', '\\']));
    let (directory, selector) = (Directory::default(), object.selector());
    let bytes: usize = selector.iter().flatten().map(|(key, value)| key.len() + value.len()).sum();
    assert_eq!(directory.tell_service(&key, selector), bytes <= 4096);
    directory.forget_service(&key);
}

fn pod(bytes: &[u8]) {
    let Ok(pod) = serde_json::from_slice::<PodObject>(bytes) else { return };
    let Some(said) = pod.said(false) else { return };
    let workload = match &said.owner {
        Owner::Known(workload) => workload.clone(),
        Owner::Ask(question) => {
            assert!(question.target.starts_with("/apis/") && !question.target.contains(['?', '#', '%', ' ']));
            question.itself.clone()
        }
    };
    let directory = Directory::default();
    directory.tell_pod(said.of(workload));
    let identity = classify(PATH, 4);
    let Some(details) = directory.by_kubernetes(&identity, true) else { return };
    let labels = Labels::new(&identity, Some(&details));
    for value in [&labels.container, &labels.image, &labels.namespace, &labels.pod, &labels.workload] {
        assert!(value.len() <= 256 && !value.contains(char::is_control));
    }
}
