//! The rules of `alerts/`: Prometheus' own tool takes them, each alert has cases and a runbook, each names only what is served,
//! and a real Prometheus fed by the real exporter fires them.

#[path = "alerts/served.rs"]
mod served;
#[path = "alerts/story.rs"]
mod story;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::prometheus::Prometheus;
use plimsoll_tests::rules::{self, Rule};
use plimsoll_tests::{promql, tools};

fn promtool(args: &[&str], files: &[std::path::PathBuf]) -> Result<()> {
    let output = Command::new(tools::promtool()?).args(args).args(files).output().context("promtool")?;
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    ensure!(output.status.success(), "promtool {args:?}: {}", said.concat());
    Ok(())
}

/// The alerts by name: one has a rule for each severity.
fn alerts() -> Result<BTreeMap<String, Vec<Rule>>> {
    let mut alerts: BTreeMap<String, Vec<Rule>> = BTreeMap::new();
    for rule in rules::rules()? {
        if let Some(name) = rule.alert.clone() {
            alerts.entry(name).or_default().push(rule);
        }
    }
    Ok(alerts)
}

#[test]
fn promtool_has_nothing_to_say_of_the_rules() -> Result<()> {
    promtool(&["check", "rules", "--lint=all", "--lint-fatal"], &rules::files()?)
}

#[test]
fn each_alert_fires_and_is_over_and_keeps_still() -> Result<()> {
    promtool(&["test", "rules"], &rules::case_files()?)?;
    let (mut fire, mut still) = (BTreeSet::new(), BTreeSet::new());
    for case in rules::cases()?.into_iter().filter(|case| case.promql_expr_test.is_empty()) {
        let of: BTreeSet<_> = case.alert_rule_test.iter().map(|question| &question.alertname).collect();
        let [name] = of.into_iter().collect::<Vec<_>>()[..] else { panic!("{}: of one alert", case.name) };
        let fires: Vec<_> = case.alert_rule_test.iter().map(|asked| !asked.exp_alerts.is_empty()).collect();
        let told = &case.name[..case.name.find([',', ':']).unwrap_or(case.name.len())];
        match told.strip_prefix(&**name) {
            Some(" fires") => {
                assert_eq!(fires, [true, false], "{}: first it fires, then it is over", case.name);
                let severities =
                    case.alert_rule_test.iter().flat_map(|asked| &asked.exp_alerts).filter_map(|alert| {
                        alert.get("exp_labels").and_then(|labels| labels.get("severity").cloned())
                    });
                fire.extend(severities.map(|severity| (name.clone(), severity)));
            }
            Some(" must not") => {
                assert!(fires.iter().all(|fires| !fires), "{}: it fires", case.name);
                still.insert(name.clone());
            }
            _ => panic!("{}: is called `{name} fires` or `{name} must not`, and more", case.name),
        }
    }
    let rules = rules::rules()?
        .into_iter()
        .filter_map(|mut rule| Some((rule.alert?, rule.labels.remove("severity").unwrap_or_default())));
    assert_eq!(fire, rules.collect(), "each alert fires in a case, in each of its severities");
    assert_eq!(still, alerts()?.into_keys().collect(), "each alert keeps still in a case");
    Ok(())
}

/// What people make dashboards of.
#[test]
fn the_two_percentages_and_the_join_of_addresses_have_cases() -> Result<()> {
    let asked: BTreeSet<_> =
        rules::cases()?.into_iter().flat_map(|case| case.promql_expr_test).map(|asked| asked.expr).collect();
    for record in [
        "container:cpu_of_quota:ratio_rate5m",
        "container:memory_of_limit:ratio",
        "destination:tcp_connects_named:rate5m",
    ] {
        assert!(asked.contains(record), "{record}: no case");
    }
    Ok(())
}

#[test]
fn alerts_say_who_what_and_where_to_read_on() -> Result<()> {
    for (name, rules) in alerts()? {
        let theme = ["Container", "Node", "Probe", "Plimsoll"].iter().any(|theme| name.starts_with(theme));
        let camel = name.chars().all(|letter| letter.is_ascii_alphanumeric());
        assert!(theme && camel, "{name}: CamelCase, and begins with what it is about");
        for rule in rules {
            let text = |key: &str| rule.annotations.get(key).cloned().unwrap_or_default();
            let (summary, description) = (text("summary"), text("description"));
            assert_eq!(rule.annotations.len(), 3, "{name}: summary, description, runbook_url");
            assert!(summary.ends_with('.') && !summary.contains("{{"), "{name}: {summary}");
            assert!(description.contains("{{ ") && description.ends_with('.'), "{name}: {description}");
            assert!(!description.contains("  "), "{name}: {description}");
            let page = format!("docs/runbooks.md#{}", name.to_lowercase());
            assert_eq!(text("runbook_url"), page, "{name}");
            let labels: Vec<_> = rule.labels.iter().map(|(key, value)| (&**key, &**value)).collect();
            let severity = ["critical", "warning", "info"].map(|severity| [("severity", severity)]);
            assert!(severity.iter().any(|one| one[..] == labels), "{name}: {labels:?}");
        }
    }
    Ok(())
}

#[test]
fn each_alert_has_a_runbook_and_each_runbook_an_alert() -> Result<()> {
    let text = std::fs::read_to_string(tools::workspace().join("docs/runbooks.md"))?;
    let (mut written, mut open) = (BTreeSet::new(), Vec::new());
    for section in text.split("\n### ").skip(1) {
        let (name, body) = section.split_once('\n').context("an empty section")?;
        // The next heading above this one ends it, too.
        let body = body.split("\n## ").next().unwrap_or_default();
        assert!(written.insert(name.to_owned()), "{name} twice");
        let means = body.trim_start().split("\n\n").next().unwrap_or_default();
        if means.starts_with("**") || !body.contains("\n**Look:**") || !body.contains("\n**Do:** ") {
            open.push(name.to_owned());
        }
    }
    assert_eq!(open, Vec::<String>::new(), "a runbook says what it means, what to look at, what to do");
    assert_eq!(written, alerts()?.into_keys().collect());
    Ok(())
}

#[test]
fn rules_name_only_what_is_served() -> Result<()> {
    let (server, served) = (Prometheus::start(3, "1m", &[], &[])?, served::series()?);
    for rule in rules::rules()? {
        for selector in promql::selectors(&server.parse(&rule.expr)?) {
            let name = selector.name;
            let counter =
                *served.get(&name).with_context(|| format!("{name}: nobody serves it: {}", rule.expr))?;
            let known = ["rate", "increase", "changes", "count_over_time"];
            let asked = selector.function.as_deref().is_some_and(|function| known.contains(&function));
            // A counter as such says little. But whether one is there can be asked, how many are, and what is multiplied by nothing.
            let there =
                ["container_process_execs_total", "container_dns_timeouts_total", "node_cpu_seconds_total"]
                    .contains(&&*name);
            assert!(!counter || asked || there, "{name}: a counter, and no rate of it: {}", rule.expr);
        }
    }
    Ok(())
}
