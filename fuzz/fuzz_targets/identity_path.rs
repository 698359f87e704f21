//! The rules from a cgroup path to its owner, on any bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll::identity::{Identity, Kind, Labels, classify, classify_under, path_from_bytes};

fuzz_target!(|input: (u8, &[u8])| {
    let (depth, bytes) = (usize::from(input.0 % 8), input.1);
    let path = path_from_bytes(bytes);
    let identity = classify(&path, depth);
    check(&path, &identity);
    let again = classify(&identity.owner, depth);
    assert_eq!(again.owner, identity.owner, "an owner owns itself");
    assert_eq!(
        (again.kind, again.runtime, &again.container_id),
        (identity.kind, identity.runtime, &identity.container_id)
    );
    assert_eq!((&again.pod_uid, again.qos, again.nested), (&identity.pod_uid, identity.qos, identity.nested));

    let labels = Labels::new(&identity, None);
    assert!(labels.id.len() <= 1024 && labels.name.len() <= 256);
    assert!(!labels.render().contains(char::is_control));

    // With every other ancestor claimed, the owner is still one of them.
    let claimed = classify_under(&path, depth, |ancestor| ancestor.len() % 2 == 0);
    check(&path, &claimed);
});

fn check(path: &str, identity: &Identity<'_>) {
    assert!(path.starts_with(&*identity.owner) || identity.kind == Kind::Root, "the owner is an ancestor");
    assert_eq!(identity.container_id.is_some(), identity.kind == Kind::Container);
    if let Some(id) = &identity.container_id {
        assert!(!id.is_empty() && identity.owner.contains(&**id), "the id stands in the owner's path");
    }
}
