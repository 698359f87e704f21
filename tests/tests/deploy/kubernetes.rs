//! The chart and the manifests: rendered by Helm, held against the schemas of Kubernetes' OpenAPI, and taken by kubectl.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, ensure};
use plimsoll::signals;
use plimsoll_tests::apiserver::{Answer, ApiServer, Asked};
use plimsoll_tests::tools::{self, workspace};
use serde_json::{Value, json};

use crate::given::{Given, documented, how, read, texts};

/// Sets of values that change what is made, and all of it together.
const VALUES: &[&[&str]] = &[
    &[],
    &["serviceMonitor.enabled=true", "prometheusRule.enabled=true", "dashboards.enabled=true"],
    &["podMonitor.enabled=true", "cadvisor=replace", "nodeExporter=replace", "rbac=false"],
    &[
        "hostNetwork=false",
        "networkPolicy.enabled=true",
        "networkPolicy.from[0].namespaceSelector.matchLabels.name=monitoring",
        "webConfigSecret=door",
        "config.labels[0].constant=production",
        "config.labels[0].as=env",
        "args[0]=--web.zero-first",
        "image.digest=sha256:3b48417d16e2ea012534dc36716bc7d3bd17035f471f8de12a3008d52904fdc7",
        "imagePullSecrets[0].name=pull",
        "podLabels.a=b",
        "podAnnotations.a=b",
        "serviceAccount.annotations.a=b",
        "kubernetes.namespaces=true",
        "kubernetes.services=true",
    ],
];

fn helm(command: &str, values: &[&str]) -> Result<Output> {
    let mut helm = Command::new(tools::kubernetes("helm")?);
    helm.args([command, "plimsoll", "deploy/helm/plimsoll", "--namespace", "plimsoll"]);
    helm.args(values.iter().map(|value| format!("--set={value}"))).current_dir(workspace());
    helm.env("HELM_CACHE_HOME", std::env::temp_dir()).output().context("helm")
}

/// The text that Helm makes of the chart.
fn rendered(values: &[&str]) -> Result<String> {
    let output = helm("template", values)?;
    ensure!(output.status.success(), "{values:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// The objects in it.
fn objects(text: &str) -> Result<Vec<Value>> {
    let all: Vec<Value> = serde_saphyr::from_multiple(text)?;
    ensure!(all.len() > 3, "{text}");
    Ok(all.into_iter().filter(|object| !object.is_null()).collect())
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |object| object["kind"] == kind)
}

/// A written file is what it is made of.
fn written(path: &str, wanted: &str) -> Result<()> {
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(workspace().join(path), wanted)?;
    }
    assert!(read(path)? == wanted, "{path} is not what it is made of: run `make docs`");
    Ok(())
}

#[test]
fn the_files_are_what_the_chart_and_the_signals_say() -> Result<()> {
    let host = signals::ALL.iter().filter(|signal| signal.source.is_host());
    let names = host.flat_map(|signal| signal.families).map(|family| family.name);
    let mut names: Vec<_> = names.filter(|name| !signals::NOT_CADVISORS.contains(name)).collect();
    names.push("container_oom_events_total");
    names.sort_unstable();
    written("deploy/helm/plimsoll/files/cadvisor", &format!("({})(_created)?\n", names.join("|")))?;
    let made =
        "# What the chart in deploy/helm makes of its own values: written by `make docs`.\n".to_owned();
    written("deploy/kubernetes/plimsoll.yaml", &(made + &rendered(&[])?))
}

#[test]
fn the_pod_asks_for_what_is_documented() -> Result<()> {
    let objects = objects(&rendered(&["port=18760"])?)?;
    let pod = &of_kind(&objects, "DaemonSet").next().context("no DaemonSet")?["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let security = &container["securityContext"];
    let mounts = container["volumeMounts"].as_array().context("no mounts")?.iter().map(|mount| {
        let volume =
            pod["volumes"].as_array().into_iter().flatten().find(|volume| volume["name"] == mount["name"]);
        let source =
            volume.and_then(|volume| volume["hostPath"]["path"].as_str()).unwrap_or_default().to_owned();
        let propagation = match mount["mountPropagation"].as_str() {
            Some("HostToContainer") => json!("rslave"),
            other => json!(other),
        };
        (
            source,
            mount["mountPath"].as_str().unwrap_or_default().to_owned(),
            how(&mount["readOnly"], &propagation),
        )
    });
    let flags = texts(&container["args"]).into_iter().filter(|flag| flag.starts_with("--path."));
    let given = Given {
        capabilities: texts(&security["capabilities"]["add"]).into_iter().collect(),
        mounts: mounts.collect(),
        flags: flags.collect(),
    };
    assert_eq!(given, documented()?);
    assert_eq!(texts(&security["capabilities"]["drop"]), ["ALL"]);
    for (field, wanted) in
        [("privileged", false), ("allowPrivilegeEscalation", false), ("readOnlyRootFilesystem", true)]
    {
        assert_eq!(security[field], wanted, "{field}");
    }
    assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(pod["hostPID"], true);
    let rules = |text: &str| text.split_once("rules:").map(|(_, rules)| rules.to_owned()).context("no rules");
    let role = of_kind(&objects, "ClusterRole").next().context("no ClusterRole")?;
    let told: Value =
        serde_saphyr::from_str(rules(&read("docs/kubernetes.md")?)?.split("```").next().unwrap_or_default())?;
    assert_eq!(role["rules"], told, "docs/kubernetes.md");
    Ok(())
}

/// The rules that a document has for what is asked for besides, by what is asked for.
fn besides(resource: &str) -> Result<Value> {
    let text = read("docs/kubernetes.md")?;
    let blocks = text.split("```yaml\n").filter_map(|rest| Some(rest.split_once("```")?.0));
    let mut blocks = blocks.filter(|block| block.starts_with("  - apiGroups:") && block.contains(resource));
    Ok(serde_saphyr::from_str(blocks.next().context("no rule")?)?)
}

#[test]
fn what_it_may_read_besides_is_given_if_it_is_asked_for() -> Result<()> {
    let rules = |values: &[&str]| {
        let objects = objects(&rendered(values)?)?;
        let role = of_kind(&objects, "ClusterRole").next().context("no ClusterRole")?;
        role["rules"].as_array().cloned().context("no rules")
    };
    let always = rules(&[])?;
    for resource in ["namespaces", "services"] {
        assert!(!json!(always).to_string().contains(resource));
        let more = rules(&[&format!("kubernetes.{resource}=true")])?;
        assert_eq!(more[..always.len()], always);
        assert_eq!(json!(more[always.len()..]), besides(resource)?, "docs/kubernetes.md");
    }
    assert!(rendered(&["kubernetes.services=true"])?.contains("- --kubernetes.services\n"));
    assert!(!rendered(&["kubernetes.services=true", "rbac=false"])?.contains("--kubernetes.services"));
    Ok(())
}

#[test]
fn kubernetes_takes_what_is_rendered() -> Result<()> {
    let server = ApiServer::start(discovery)?;
    for values in VALUES {
        let text = rendered(values)? + "---\n" + &read("deploy/kubernetes/namespace.yaml")?;
        let objects = objects(&text)?;
        let faults = fed(
            Command::new("/usr/bin/python3").args(["-c", SCHEMAS]).arg(schemas()?),
            &json!(objects).to_string(),
        )?;
        assert_eq!(faults, "", "{values:?}");
        let faults = fed(&mut operators()?, &json!(objects).to_string())?;
        assert_eq!(faults, "", "{values:?}");
        let mut kubectl = Command::new(tools::kubernetes("kubectl")?);
        kubectl.args(["create", "--dry-run=client", "--validate=false", "--output=name", "--filename=-"]);
        kubectl.args([
            "--server",
            &server.url(),
            "--kubeconfig=/dev/null",
            "--token=none",
            "--insecure-skip-tls-verify",
        ]);
        kubectl.arg(format!("--cache-dir={}", server.path("cache").display()));
        let made = fed(&mut kubectl, &text)?;
        assert_eq!(made.lines().count(), objects.len(), "{values:?}: {made}");
        assert!(made.contains("daemonset.apps/plimsoll\n"), "{made}");
    }
    Ok(())
}

#[test]
fn the_schemas_refuse_what_is_wrong() -> Result<()> {
    let whole = objects(&rendered(VALUES[1])?)?;
    for (kind, place, wrong) in [
        ("DaemonSet", "/spec/template/spec/hostPID", json!("no")),
        ("ServiceMonitor", "/spec/endpoints/0/port", json!(7)),
        ("PrometheusRule", "/spec/groups/0/rules/0/expr", Value::Null),
    ] {
        let mut object = of_kind(&whole, kind).next().context(kind)?.clone();
        *object.pointer_mut(place).with_context(|| place.to_owned())? = wrong;
        let text = json!([object]).to_string();
        let mut judge = Command::new("/usr/bin/python3");
        judge.args(["-c", SCHEMAS]).arg(schemas()?);
        let said = fed(&mut judge, &text)? + &fed(&mut operators()?, &text)?;
        assert!(said.to_lowercase().starts_with(&kind.to_lowercase()), "{place}: {said:?}");
    }
    Ok(())
}

#[test]
fn rules_and_dashboards_are_those_of_the_repository() -> Result<()> {
    let objects = objects(&rendered(VALUES[1])?)?;
    for rule in of_kind(&objects, "PrometheusRule") {
        let name = rule["metadata"]["name"].as_str().and_then(|name| name.strip_prefix("plimsoll-"));
        let file: Value =
            serde_saphyr::from_str(&read(&format!("alerts/{}.yaml", name.context("a name")?))?)?;
        assert_eq!(rule["spec"], file, "{name:?}");
    }
    let dashboards = of_kind(&objects, "ConfigMap").filter_map(|map| map["data"].as_object()).flatten();
    let mut count = 0;
    for (name, text) in dashboards {
        let file = name.strip_prefix("plimsoll-").context("a name")?;
        let wanted: Value = serde_json::from_str(&read(&format!("dashboards/{file}"))?)?;
        assert_eq!(serde_json::from_str::<Value>(text.as_str().context("no text")?)?, wanted, "{file}");
        count += 1;
    }
    assert_eq!((of_kind(&objects, "PrometheusRule").count(), count), (5, 12));
    Ok(())
}

#[test]
fn what_is_wrong_is_refused_in_a_line_that_names_it() -> Result<()> {
    for (values, word) in [
        (&["networkPolicy.enabled=true"] as &[&str], "hostNetwork"),
        (&["serviceMonitor.enabled=true", "podMonitor.enabled=true"], "enable one"),
        (&["capabilities={ALL}"], "/capabilities/0"),
        (&["port=80"], "/port"),
        (&["hostNetwrok=true"], "hostNetwrok"),
        (&["cadvisor=both"], "/cadvisor"),
        (&["args={web.zero-first}"], "/args/0"),
        (&["kubernetes.nodes=true"], "nodes"),
    ] {
        let output = helm("template", values)?;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && errors.contains(word), "{values:?}: {errors}");
    }
    Ok(())
}

/// What a program says that is fed this.
fn fed(command: &mut Command, text: &str) -> Result<String> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    child.stdin.take().context("no input")?.write_all(text.as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

fn schemas() -> Result<std::path::PathBuf> {
    tools::kubernetes("schemas")
}

/// Each fault in a line, of Kubernetes' own kinds.
const SCHEMAS: &str = r#"
import json, pathlib, sys
import jsonschema
schemas = pathlib.Path(sys.argv[1])
store = {"https://kubernetes.io/api/_definitions.json": json.loads((schemas / "_definitions.json").read_text())}
for object in json.load(sys.stdin):
    group, _, version = object["apiVersion"].rpartition("/")
    if group == "monitoring.coreos.com":
        continue
    name = "-".join(part for part in (object["kind"].lower(), group.split(".")[0], version) if part)
    schema = json.loads((schemas / f"{name}.json").read_text())
    resolver = jsonschema.RefResolver.from_schema(schema, store=store)
    for error in jsonschema.Draft7Validator(schema, resolver=resolver).iter_errors(object):
        print(name, "/".join(map(str, error.path)), error.message)
"#;

/// Packages are looked for from where it runs.
fn operators() -> Result<Command> {
    let mut node = Command::new("node");
    node.args(["--input-type=module", "--eval", OPERATORS]).current_dir(tools::schema()?);
    Ok(node)
}

/// The same of the kinds of the Prometheus operator.
const OPERATORS: &str = r#"
import { readFileSync } from 'node:fs';
import * as kinds from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
const objects = JSON.parse(readFileSync(0));
for (const object of objects.filter((object) => object.apiVersion === 'monitoring.coreos.com/v1')) {
  try {
    new kinds[object.kind](object).validate();
  } catch (error) {
    console.log(object.kind, error.message);
  }
}
"#;

/// A resource's name, its kind, whether it is in a namespace.
type Resource = (&'static str, &'static str, bool);

/// What an API server says it has.
fn discovery(asked: &Asked) -> Answer {
    const GROUPS: &[(&str, &str, &[Resource])] = &[
        (
            "",
            "v1",
            &[
                ("configmaps", "ConfigMap", true),
                ("namespaces", "Namespace", false),
                ("serviceaccounts", "ServiceAccount", true),
                ("services", "Service", true),
            ],
        ),
        ("apps", "v1", &[("daemonsets", "DaemonSet", true)]),
        (
            "rbac.authorization.k8s.io",
            "v1",
            &[("clusterroles", "ClusterRole", false), ("clusterrolebindings", "ClusterRoleBinding", false)],
        ),
        ("networking.k8s.io", "v1", &[("networkpolicies", "NetworkPolicy", true)]),
        (
            "monitoring.coreos.com",
            "v1",
            &[
                ("podmonitors", "PodMonitor", true),
                ("prometheusrules", "PrometheusRule", true),
                ("servicemonitors", "ServiceMonitor", true),
            ],
        ),
    ];
    let version = |group: &str, version: &str| json!({ "groupVersion": format!("{group}/{version}"), "version": version });
    let body = match asked.path.as_str() {
        "/api" => json!({ "kind": "APIVersions", "versions": ["v1"] }),
        "/apis" => {
            let groups = GROUPS.iter().filter(|(group, ..)| !group.is_empty()).map(|(group, named, _)| {
                json!({ "name": group, "versions": [version(group, named)], "preferredVersion": version(group, named) })
            });
            json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups.collect::<Vec<_>>() })
        }
        path => {
            let place =
                |group: &str| if group.is_empty() { "/api".to_owned() } else { format!("/apis/{group}") };
            let found = GROUPS.iter().find(|(group, named, _)| path == format!("{}/{named}", place(group)));
            let Some((group, named, resources)) = found else { return Answer::text(404, "{}") };
            let resources = resources.iter().map(|(name, kind, namespaced)| {
                json!({ "name": name, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": ["create", "get"] })
            });
            let all = format!("{group}/{named}");
            let all = all.trim_start_matches('/');
            json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": all, "resources": resources.collect::<Vec<_>>() })
        }
    };
    Answer::text(200, body.to_string())
}
