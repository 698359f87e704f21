use super::*;

fn reference(api_version: &str, kind: &str, name: &str) -> OwnerReference {
    OwnerReference {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        name: name.to_owned(),
        uid: "u-1".to_owned(),
        controller: Some(true),
        block_owner_deletion: None,
    }
}

/// What is known of a pod's owner: `KIND NAME`, or where it is asked for.
fn of(hash: Option<&str>, reference: OwnerReference) -> String {
    let labels = hash.map(|hash| (TEMPLATE_HASH.to_owned(), hash.to_owned())).into_iter().collect();
    match owner("shop", "pod-1", &labels, Some(&[reference])) {
        Owner::Known(workload) => format!("{} {}", workload.kind, workload.name),
        Owner::Ask(question) => question.target,
    }
}

#[test]
fn who_needs_no_question() {
    assert_eq!(of(None, reference("apps/v1", "StatefulSet", "db")), "StatefulSet db");
    assert_eq!(of(None, reference("v1", "Node", "rig-node")), "Pod pod-1");
    assert_eq!(of(None, reference("batch.volcano.sh/v1alpha1", "Job", "train")), "Job train");
    assert_eq!(
        of(None, OwnerReference { controller: None, ..reference("apps/v1", "DaemonSet", "a") }),
        "Pod pod-1"
    );
    let hashed = reference("apps/v1", "ReplicaSet", "web-a-689bc58f86");
    assert_eq!(of(Some("689bc58f86"), hashed), "Deployment web-a");
}

#[test]
fn who_is_asked_about() {
    let set = |name| reference("apps/v1", "ReplicaSet", name);
    let asked = "/apis/apps/v1/namespaces/shop/replicasets/";
    assert_eq!(of(None, set("web-689bc58f86")), format!("{asked}web-689bc58f86"), "no label");
    assert_eq!(of(Some("5"), set("web-689bc58f86")), format!("{asked}web-689bc58f86"), "another label");
    assert_eq!(of(Some("1a"), set("web-1a")), format!("{asked}web-1a"), "no Deployment makes such a hash");
    assert_eq!(of(Some("689bc58f86"), set("689bc58f86")), format!("{asked}689bc58f86"));
    let job = reference("batch/v1", "Job", "tick-29920702");
    assert_eq!(of(None, job), "/apis/batch/v1/namespaces/shop/jobs/tick-29920702");
    assert_eq!(of(None, reference("batch/v1", "Job", "../x")), "Job ../x", "no such name");
}

#[test]
fn an_answer_is_about_the_one_that_was_meant() {
    let itself = Workload { kind: "Job".to_owned(), name: "tick-1".to_owned() };
    let question = Question { target: String::new(), uid: "u-1".to_owned(), itself: itself.clone() };
    let answer = |uid: &str, owners: &str| {
        let text = format!(r#"{{"kind":"PartialObjectMetadata","metadata":{{"uid":"{uid}"{owners}}}}}"#);
        parse_owner(text.as_bytes(), &question).expect("valid")
    };
    let owners = r#","ownerReferences":[{"apiVersion":"batch/v1","kind":"CronJob","name":"tick","uid":"u","controller":true}]"#;
    assert_eq!(answer("u-1", owners), Workload { kind: "CronJob".to_owned(), name: "tick".to_owned() });
    assert_eq!(answer("u-2", owners), itself);
    assert_eq!(answer("u-1", ""), itself);
    assert!(parse_owner(b"{}", &question).is_err());
}

#[test]
fn answers_have_a_bound() {
    let question =
        |at: usize| Question { target: String::new(), uid: at.to_string(), itself: Workload::default() };
    let mut answers = Answers::default();
    for at in 0..=MAX_ANSWERS {
        answers.keep(&question(at), Workload::default());
    }
    assert_eq!((answers.get(&question(0)), answers.get(&question(1)).is_some()), (None, true));
    assert_eq!(answers.known.len(), MAX_ANSWERS);
}
