use super::*;
use crate::identity::tags::{Action, Pattern, Rule, Rules, Scope, Subject};
use crate::identity::{Info, Origin};

fn parse(text: &str) -> Result<FileConfig, Vec<String>> {
    let taken = BTreeSet::from(["device", "name"]);
    FileConfig::parse(text, &taken).map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

fn faults(text: &str) -> Vec<String> {
    parse(text).expect_err(text)
}

#[test]
fn a_whole_file() {
    let text = "\
labels:
  - constant: production
    as: env
  - container_label: com.hashicorp.nomad.*
    as: nomad_*
    where: {namespace: [shop, 'bank-*'], image: '*/tools:*'}
  - container_label: app-env
  - container_annotation: example.com/team
    as: team
  - container_label: 'org.*'
  - namespace_label: team
    where: {namespace: shop}
  - namespace_annotation: 'cost.example/*'
    as: cost_*
  - drop: nomad_node_*
  - rename: app_env
    as: stage
info:
  max_labels: 8
  annotations: true
";
    let rule = |action| Rule { action, scope: Scope::default() };
    let owned = str::to_owned;
    let taken = ["device", "name"];
    let scope = Scope::new(vec![
        (Subject::Image, vec![Pattern::new("*/tools:*")]),
        (Subject::Namespace, vec![Pattern::new("shop"), Pattern::new("bank-*")]),
    ]);
    let nomad = Action::TakeAll {
        origin: Origin::ContainerLabel,
        prefix: owned("com.hashicorp.nomad."),
        name: Some(owned("nomad_")),
    };
    let rules = vec![
        rule(Action::Constant { name: owned("env"), value: owned("production") }),
        Rule { action: nomad, scope },
        rule(Action::Take { origin: Origin::ContainerLabel, key: owned("app-env"), name: None }),
        rule(Action::Take {
            origin: Origin::ContainerAnnotation,
            key: owned("example.com/team"),
            name: Some(owned("team")),
        }),
        rule(Action::TakeAll { origin: Origin::ContainerLabel, prefix: owned("org."), name: None }),
        Rule {
            action: Action::Take { origin: Origin::NamespaceLabel, key: owned("team"), name: None },
            scope: Scope::new(vec![(Subject::Namespace, vec![Pattern::new("shop")])]),
        },
        rule(Action::TakeAll {
            origin: Origin::NamespaceAnnotation,
            prefix: owned("cost.example/"),
            name: Some(owned("cost_")),
        }),
        rule(Action::Drop(Pattern::new("nomad_node_*"))),
        rule(Action::Rename { from: owned("app_env"), to: owned("stage") }),
    ];
    let labelling =
        Labelling { rules: Rules::new(rules, taken), info: Info { max_labels: 8, annotations: true } };
    assert_eq!(parse(text), Ok(FileConfig { labelling, ..FileConfig::default() }));
}

#[test]
fn nothing_is_a_configuration_too() {
    for text in ["", "---\n# nothing\n", "labels:\ninfo:\n", "labels: []\n", "{}"] {
        let config = parse(text).expect("good");
        assert!(config.labelling.rules.is_empty());
        assert_eq!(config.labelling.info, Info { max_labels: 32, annotations: false });
    }
}

#[test]
fn every_fault_is_told_with_its_line_and_field() {
    let text = "\
labels:
  - constant: x
  - container_label: a
    as: a-b
  - container_label: b
    as: device
    where: {nodes: n1, pod: [{}]}
  - container_label: a*b
  - {}
  - drop: name
    as: x
  - constant: y
    drop: z
  - lable: c
  - plain
  - rename: name
    as: other
info:
  max_labels: many
  annotations: yes
  max_labels: 3
lables: []
";
    let subjects = "container, id, image, name, namespace, pod, workload, workload_kind";
    let verbs = "container_label, container_annotation, pod_label, pod_annotation, namespace_label, \
                 namespace_annotation, constant, drop, rename";
    assert_eq!(
        faults(text),
        [
            "line 2, column 15: labels[0].as: is missing: the name of the label".to_owned(),
            "line 4, column 9: labels[1].as: \"a-b\" is no label's name; \"a_b\" is".to_owned(),
            "line 6, column 9: labels[2].as: \"device\" is a label that series have already".to_owned(),
            format!("line 7, column 13: labels[2].where.nodes: no such field here; there are {subjects}"),
            "line 7, column 30: labels[2].where.pod: expected text".to_owned(),
            "line 8, column 22: labels[3].container_label: \"*\" can only be the last character".to_owned(),
            format!("line 9, column 5: labels[4]: a rule has one of {verbs}: none of them is here"),
            "line 10, column 11: labels[5].drop: \"name\" stays: only labels that rules gave can be dropped"
                .to_owned(),
            "line 11, column 9: labels[5].as: has no place beside drop".to_owned(),
            format!("line 12, column 5: labels[6]: a rule has one of {verbs}: these are several"),
            format!("line 14, column 5: labels[7].lable: no such field here; there are as, where, {verbs}"),
            "line 15, column 5: labels[8]: expected fields, as in \"name: value\"".to_owned(),
            "line 16, column 13: labels[9].rename: \"name\" stays as it is: only labels that rules gave have other names"
                .to_owned(),
            "line 19, column 15: info.max_labels: expected a number from 0 to 256, not \"many\"".to_owned(),
            "line 20, column 16: info.annotations: expected true or false, not \"yes\"".to_owned(),
            "line 21, column 3: info.max_labels: this field is here twice".to_owned(),
            "line 22, column 1: lables: no such field here; there are labels, info, probe, modules, push".to_owned(),
        ]
    );
}

#[test]
fn two_keys_that_become_one_label_must_be_told_apart() {
    let text = "labels:\n- container_label: a.b\n- container_label: a.b\n- container_annotation: a-b\n";
    assert_eq!(
        faults(text),
        [
            "line 4, column 25: labels[2].container_annotation: becomes the label \"a_b\", as container_label \"a.b\" \
          does: say which with \"as\""
        ]
    );
}

#[test]
fn what_is_wrong_with_a_value() {
    let table = [
        ("labels: x", "line 1, column 9: labels: expected a list of rules, each after a \"-\""),
        ("x", "line 1, column 1: expected fields, as in \"name: value\""),
        ("labels: [{constant: '', as: a}]", "line 1, column 21: labels[0].constant: is empty"),
        ("labels: [{constant: [], as: a}]", "line 1, column 21: labels[0].constant: expected text"),
        ("labels: [{constant: ~, as: a}]", "line 1, column 21: labels[0].constant: expected text"),
        (
            "labels: [{container_label: 'a.*', as: a}]",
            "line 1, column 39: labels[0].as: expected the beginning of a label's name and a \"*\", not \"a\"",
        ),
        (
            "labels: [{constant: x, as: __x}]",
            "line 1, column 28: labels[0].as: \"__x\" is no label's name; \"_x\" is",
        ),
        (
            "info: {max_labels: 257}",
            "line 1, column 20: info.max_labels: expected a number from 0 to 256, not \"257\"",
        ),
        (
            "info: {max_labels: -1}",
            "line 1, column 20: info.max_labels: expected a number from 0 to 256, not \"-1\"",
        ),
    ];
    for (text, wanted) in table {
        assert_eq!(faults(text), [wanted], "{text}");
    }
    let many = format!("labels:\n{}", "- {constant: x, as: a}\n".repeat(257));
    assert_eq!(faults(&many), ["line 258, column 3: labels: more than 256 rules"]);
}

#[test]
fn what_is_no_file_of_text_is_refused() {
    let directory = std::env::temp_dir().join(format!("plimsoll-config-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    let load = |bytes: &[u8]| {
        let path = directory.join("config.yml");
        std::fs::write(&path, bytes).expect("written");
        FileConfig::load(&path, &BTreeSet::new()).map_err(|error| error.to_string())
    };
    assert_eq!(load(b"labels: []\n"), Ok(FileConfig::default()));
    assert_eq!(load(b"labels:\n\xff"), Err("line 2: no UTF-8".to_owned()));
    assert_eq!(load(&[b'#'; (1 << 20) + 1]), Err("more than 1048576 bytes".to_owned()));
    let of = |path: &Path| FileConfig::load(path, &BTreeSet::new()).expect_err("no file").to_string();
    assert_eq!(of(&directory), "not a regular file");
    assert_eq!(of(&directory.join("none")), "No such file or directory (os error 2)");
    std::fs::remove_dir_all(&directory).expect("removed");
}
