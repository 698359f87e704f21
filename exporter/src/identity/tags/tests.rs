use super::Origin::{ContainerAnnotation, ContainerLabel, NamespaceAnnotation, NamespaceLabel, PodLabel};
use super::*;
use crate::identity::Metadata;

fn base() -> Labels {
    Labels { namespace: "shop".to_owned(), name: "web-1".to_owned(), ..Labels::default() }
}

fn metadata() -> Metadata {
    let mut metadata = Metadata::default();
    let labels = [
        ("app", "web"),
        ("app-env", "prod"),
        ("device", "tpu"),
        ("empty", ""),
        ("team.example/cost", "7"),
        ("team.example/owner", "ann"),
    ];
    metadata.extend(ContainerLabel, labels);
    metadata.extend(ContainerAnnotation, [("app", "other"), ("team_example_owner", "bob")]);
    metadata
}

/// All of it of the row's own.
fn given(own: &Metadata) -> Given<'_> {
    Given { own, pod: own, namespace: own }
}

fn rule(action: Action) -> Rule {
    Rule { action, scope: Scope::default() }
}

fn constant(name: &str, value: &str) -> Action {
    Action::Constant { name: name.to_owned(), value: value.to_owned() }
}

fn take(origin: Origin, key: &str, name: Option<&str>) -> Action {
    Action::Take { origin, key: key.to_owned(), name: name.map(str::to_owned) }
}

fn take_all(origin: Origin, prefix: &str, name: Option<&str>) -> Action {
    Action::TakeAll { origin, prefix: prefix.to_owned(), name: name.map(str::to_owned) }
}

fn rename(from: &str, to: &str) -> Action {
    Action::Rename { from: from.to_owned(), to: to.to_owned() }
}

fn tags(actions: Vec<Action>) -> Tags {
    let rules = Rules::new(actions.into_iter().map(rule).collect(), ["device"]);
    rules.apply(&base(), given(&metadata()))
}

fn labels(actions: Vec<Action>) -> Vec<(String, String)> {
    tags(actions).labels.into_iter().collect()
}

fn pairs(wanted: &[(&str, &str)]) -> Vec<(String, String)> {
    wanted.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_key_becomes_a_label() {
    let actions = vec![
        take(ContainerLabel, "app", Some("application")),
        take(ContainerLabel, "app-env", None),
        take(ContainerLabel, "none", Some("none")),
        take(ContainerLabel, "empty", Some("empty")),
        take(ContainerLabel, "device", None),
    ];
    let wanted = [("app_env", "prod"), ("application", "web"), ("label_device", "tpu")];
    assert_eq!(labels(actions), pairs(&wanted));
}

#[test]
fn labels_and_annotations_of_the_namespace() {
    let mut namespace = Metadata::default();
    namespace.extend(NamespaceLabel, [("team", "a"), ("cost.example/centre", "7")]);
    namespace.extend(NamespaceAnnotation, [("owner", "ann")]);
    let actions = vec![
        take(NamespaceLabel, "team", None),
        take_all(NamespaceLabel, "cost.example/", Some("cost_")),
        take(NamespaceAnnotation, "owner", Some("owner")),
        take(NamespaceAnnotation, "team", Some("none")),
        // What the container says itself comes first where its rule does.
        take(ContainerLabel, "app", Some("app")),
    ];
    let rules = Rules::new(actions.into_iter().map(rule).collect(), ["device"]);
    let own = metadata();
    let tags = rules.apply(&base(), Given { namespace: &namespace, ..given(&own) });
    let wanted = [("app", "web"), ("cost_centre", "7"), ("owner", "ann"), ("team", "a")];
    assert_eq!(tags.labels.into_iter().collect::<Vec<_>>(), pairs(&wanted));
}

#[test]
fn only_rules_about_namespaces_need_them() {
    let need = |action| Rules::new(vec![rule(constant("env", "x")), rule(action)], [""; 0]).need_namespaces();
    assert!(need(take(NamespaceLabel, "team", None)) && need(take_all(NamespaceAnnotation, "", None)));
    assert!(!need(take(PodLabel, "team", None)) && !need(rename("namespace_label", "x")));
    assert!(!Rules::default().need_namespaces());
}

#[test]
fn the_first_that_gives_a_label_wins() {
    let actions = vec![
        take(ContainerLabel, "none", Some("app")),
        take(ContainerAnnotation, "app", Some("app")),
        take(ContainerLabel, "app", Some("app")),
        constant("app", "unknown"),
        constant("zone", "unknown"),
    ];
    assert_eq!(labels(actions), pairs(&[("app", "other"), ("zone", "unknown")]));
}

#[test]
fn a_prefix_takes_all_below_it() {
    let whole = vec![take_all(ContainerLabel, "team.example/", None)];
    assert_eq!(labels(whole), pairs(&[("team_example_cost", "7"), ("team_example_owner", "ann")]));
    let short = vec![take_all(ContainerLabel, "team.example/", Some("team_"))];
    assert_eq!(labels(short), pairs(&[("team_cost", "7"), ("team_owner", "ann")]));
    let bare = vec![take_all(ContainerLabel, "team.example/", Some(""))];
    assert_eq!(labels(bare), pairs(&[("cost", "7"), ("owner", "ann")]));
}

#[test]
fn keys_that_come_out_as_one_name_are_told() {
    let tags = tags(vec![
        take(ContainerLabel, "team.example/owner", None),
        take_all(ContainerAnnotation, "team", None),
        take_all(ContainerLabel, "team.example/o", None),
    ]);
    assert_eq!(tags.labels.into_iter().collect::<Vec<_>>(), pairs(&[("team_example_owner", "ann")]));
    let collision = Collision {
        label: "team_example_owner".to_owned(),
        kept: "team.example/owner".to_owned(),
        left: "team_example_owner".to_owned(),
    };
    assert_eq!(tags.collisions, [collision], "the same key again is none");
}

#[test]
fn labels_are_dropped_and_renamed_by_rules_that_come_later() {
    let actions = vec![
        take_all(ContainerLabel, "team.example/", Some("team_")),
        Action::Drop(Pattern::new("*_cost")),
        rename("team_owner", "owner"),
        rename("none", "nothing"),
        constant("env", "prod"),
        Action::Drop(Pattern::new("owner2")),
    ];
    assert_eq!(labels(actions), pairs(&[("env", "prod"), ("owner", "ann")]));
}

#[test]
fn a_scope_needs_one_pattern_of_each_subject() {
    let scoped = |of: &[(Subject, &[&str])]| {
        let of = of.iter().map(|(subject, patterns)| {
            (*subject, patterns.iter().map(|pattern| Pattern::new(pattern)).collect())
        });
        let rule = Rule { action: constant("in", "yes"), scope: Scope::new(of.collect()) };
        !Rules::new(vec![rule], [""; 0]).apply(&base(), given(&metadata())).labels.is_empty()
    };
    assert!(scoped(&[]));
    assert!(scoped(&[(Subject::Namespace, &["bank", "sh*"])]));
    assert!(scoped(&[(Subject::Namespace, &["shop"]), (Subject::Name, &["web-*"])]));
    assert!(!scoped(&[(Subject::Namespace, &["shop"]), (Subject::Name, &["db-*"])]));
    assert!(!scoped(&[(Subject::Pod, &["?"])]));
    assert!(scoped(&[(Subject::Pod, &["*"])]), "also what is empty");
}

#[test]
fn there_is_room_for_so_many() {
    let many: Vec<_> = (0..40).map(|at| constant(&format!("l{at:02}"), "x")).collect();
    let tags = tags(many);
    assert_eq!((tags.labels.len(), tags.left_out), (MAX_TAGS, 8));
    assert_eq!(tags.labels.last_key_value(), Some((&"l31".to_owned(), &"x".to_owned())));
}
