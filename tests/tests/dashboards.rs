//! Grafana's dashboards: what their definitions say, Grafana's schema, names that are served, the linter's rules; and each query is asked of a real
//! Prometheus that the real exporter feeds, while containers are at work.

#[path = "dashboards/asked.rs"]
mod asked;
#[path = "dashboards/schema.rs"]
mod schema;
#[path = "alerts/served.rs"]
mod served;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use plimsoll_tests::dashboards::{self, Dashboard, Panel};
use plimsoll_tests::prometheus::Prometheus;
use plimsoll_tests::{promql, rules, tools};

/// What calls of counters are of use.
const OF_COUNTERS: [&str; 4] = ["rate", "increase", "irate", "absent"];

/// All panels, with what a failure names them by.
fn panels(all: &BTreeMap<String, Dashboard>) -> Vec<(String, &Panel)> {
    let mut found = Vec::new();
    for (name, dashboard) in all {
        for panel in dashboard.rows.iter().flat_map(|row| &row.panels) {
            found.push((format!("{name}: {}", panel.title), panel));
        }
    }
    found
}

#[test]
fn the_files_are_what_the_definitions_say() -> Result<()> {
    let mut wanted = BTreeSet::new();
    for (name, dashboard) in dashboards::definitions()? {
        let path = dashboards::path(&name);
        let text = format!("{:#}\n", dashboards::render(&name, &dashboard));
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, &text)?;
        }
        let there = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        assert!(there == text, "{}: not what its definition says: run `make docs`", path.display());
        wanted.insert(path);
    }
    let mut there = BTreeSet::new();
    for entry in std::fs::read_dir(tools::workspace().join("dashboards"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            there.insert(path);
        }
    }
    assert_eq!(there, wanted, "each dashboard has a definition");
    Ok(())
}

#[test]
fn panels_say_what_they_show() -> Result<()> {
    let all = dashboards::definitions()?;
    let alerts: BTreeSet<_> = rules::rules()?.into_iter().filter_map(|rule| rule.alert).collect();
    let titles: BTreeSet<_> = all.values().map(|dashboard| &dashboard.title).collect();
    assert_eq!(titles.len(), all.len(), "titles are unique");
    for (name, dashboard) in &all {
        let panels = dashboard.rows.iter().flat_map(|row| &row.panels);
        let mut seen = BTreeSet::new();
        assert!(panels.clone().all(|panel| seen.insert(&panel.title)), "{name}: a title twice");
    }
    for (place, panel) in panels(&all) {
        assert!(panel.about.ends_with('.'), "{place}: {}", panel.about);
        assert!(!panel.unit.is_empty() && !panel.queries.is_empty(), "{place}");
        assert!(panel.empty.as_ref().is_none_or(|empty| empty.ends_with('.')), "{place}");
        if let Some(alert) = &panel.runbook {
            assert!(alerts.contains(alert), "{place}: no alert {alert}");
        }
    }
    Ok(())
}

#[test]
fn links_lead_down_across_and_back_up() -> Result<()> {
    let all = dashboards::definitions()?;
    let mut ways = BTreeSet::new();
    for (name, dashboard) in &all {
        let drawn = dashboards::render(name, dashboard);
        let variables: Vec<_> = drawn["templating"]["list"].as_array().into_iter().flatten().collect();
        let variables: BTreeSet<_> =
            variables.iter().filter_map(|variable| variable["name"].as_str()).collect();
        for panel in drawn["panels"].as_array().context("no panels")? {
            for link in panel["fieldConfig"]["defaults"]["links"].as_array().into_iter().flatten() {
                let url = link["url"].as_str().context("no URL")?;
                let place = format!("{name}: {}: {url}", panel["title"]);
                let to = url.strip_prefix("/d/plimsoll-").and_then(|rest| rest.split_once('?'));
                let (to, asked) = to.with_context(|| place.clone())?;
                assert!(all.contains_key(to), "{place}");
                for given in asked.split('&').filter_map(|given| given.strip_prefix("var-")) {
                    let (variable, value) = given.split_once('=').with_context(|| place.clone())?;
                    assert!(variables.contains(variable), "{place}");
                    // A table's labels are its columns.
                    let from =
                        if panel["type"] == "table" { "${__data.fields." } else { "${__field.labels." };
                    assert!(value.starts_with(from), "{place}");
                }
                ways.insert((name.as_str(), link["title"].as_str().context("no title")?.to_owned()));
            }
        }
    }
    for (from, title) in [
        ("overview", "This container"),
        ("workloads", "This workload"),
        ("workloads", "Its namespace"),
        ("workloads", "This container"),
        ("containers", "Its namespace"),
        ("containers", "This workload"),
        ("containers", "Its host"),
        ("talks", "This container"),
        ("rightsizing", "This container"),
        ("plimsoll", "Its host"),
    ] {
        assert!(ways.contains(&(from, title.to_owned())), "{from}: no {title:?} among {ways:?}");
    }
    Ok(())
}

#[test]
fn queries_name_what_is_served_and_no_more_than_fits() -> Result<()> {
    let (server, served) = (Prometheus::start(3, "1m", &[], &[])?, served::series()?);
    let all = dashboards::definitions()?;
    for (place, panel) in panels(&all) {
        for query in &panel.queries {
            let tree = server.parse(&query.plain("5m")).with_context(|| place.clone())?;
            for selector in promql::selectors(&tree) {
                let counter = *served
                    .get(&selector.name)
                    .with_context(|| format!("{place}: {}: nobody serves it", selector.name))?;
                let asked = selector.function.as_deref().is_some_and(|name| OF_COUNTERS.contains(&name));
                assert!(!counter || asked, "{place}: {}: a counter, and no rate of it", selector.name);
            }
            // Never a series for each container of a large site: the first of them, or sums of all.
            let bounded = promql::operations(&tree);
            let bounded =
                ["topk", "bottomk", "count", "sum", "min", "max"].iter().any(|op| bounded.contains(*op));
            let many = panel.kind != dashboards::Kind::Stat;
            let first = query.expr.contains("topk(") || query.expr.contains("bottomk(");
            assert!(bounded && (first || !many), "{place}: {}", query.expr);
            let of = ["$of", "$host", "$cluster", "ALERTS"].iter().any(|of| query.expr.contains(of));
            assert!(of, "{place}: takes no notice of the variables: {}", query.expr);
            for window in query.expr.split("rate(").skip(1).filter_map(|rest| rest.split_once('[')) {
                let window = window.1.split(']').next().unwrap_or_default();
                assert_eq!(window, "$__rate_interval", "{place}: {}", query.expr);
            }
        }
    }
    Ok(())
}

/// What Grafana's own linter asks of a dashboard, of the files themselves.
#[test]
fn the_linters_rules_hold() -> Result<()> {
    let mut uids = BTreeSet::new();
    for (name, dashboard) in dashboards::definitions()? {
        let drawn = dashboards::render(&name, &dashboard);
        assert!(uids.insert(drawn["uid"].to_string()), "{name}: {} twice", drawn["uid"]);
        assert!(drawn["uid"].as_str().is_some_and(|uid| uid.len() <= 40), "{name}");
        let variables = drawn["templating"]["list"].as_array().context("variables")?;
        let names: Vec<_> = variables.iter().filter_map(|variable| variable["name"].as_str()).collect();
        assert_eq!(names[..4], ["datasource", "cluster", "node", "namespace"], "{name}");
        let (mut ids, mut cells) = (BTreeSet::new(), BTreeSet::new());
        for panel in drawn["panels"].as_array().context("panels")? {
            let place = format!("{name}: {}", panel["title"]);
            assert!(ids.insert(panel["id"].as_u64().context("an id")?), "{place}: its id twice");
            let side = |key: &str| panel["gridPos"][key].as_u64().with_context(|| format!("{place}: {key}"));
            assert!(side("x")? + side("w")? <= 24, "{place}: too wide");
            for x in side("x")?..side("x")? + side("w")? {
                for y in side("y")?..side("y")? + side("h")? {
                    assert!(cells.insert((x, y)), "{place}: over another");
                }
            }
            if panel["type"] == "row" {
                continue;
            }
            for key in ["title", "description"] {
                assert!(panel[key].as_str().is_some_and(|text| !text.is_empty()), "{place}: {key}");
            }
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{place}");
            assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{place}: unit");
            assert!(
                panel["fieldConfig"]["defaults"]["thresholds"]["steps"].is_array(),
                "{place}: thresholds"
            );
            for target in panel["targets"].as_array().context("targets")? {
                assert_eq!(target["datasource"]["uid"], "${datasource}", "{place}");
                assert!(target["expr"].as_str().is_some_and(|expr| !expr.contains("$of")), "{place}");
            }
        }
    }
    Ok(())
}
