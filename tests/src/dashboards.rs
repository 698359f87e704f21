//! Grafana's dashboards, made from the definitions in `dashboards/definitions`: these say what is asked and why, and here is, once,
//! what all dashboards have in common.

mod panel;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::rules;
use crate::tools::workspace;

/// A definition: `dashboards/definitions/NAME.yaml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dashboard {
    /// Its title, as the list of dashboards shows it.
    pub title: String,
    /// What it is for.
    pub about: String,
    /// Its rows, from above.
    pub rows: Vec<Row>,
}

/// A row of panels below a title.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its title.
    pub title: String,
    /// Its panels, from the left.
    pub panels: Vec<Panel>,
}

/// A panel.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Panel {
    /// Its title.
    pub title: String,
    /// What it shows, and how to read it.
    pub about: String,
    /// Grafana's name of the unit.
    pub unit: String,
    /// How it is drawn.
    #[serde(default)]
    pub kind: Kind,
    /// How wide it is, of 24; as a kind is by default.
    pub width: Option<u32>,
    /// From where on it is orange.
    pub warning: Option<f64>,
    /// From where on it is red.
    pub critical: Option<f64>,
    /// Less is worse: red is what is below.
    #[serde(default)]
    pub falling: bool,
    /// The alert whose runbook tells more.
    pub runbook: Option<String>,
    /// Why it may have no data.
    pub empty: Option<String>,
    /// What is asked; `$of` and `$host` stand for the selectors of the variables.
    pub queries: Vec<Query>,
}

/// How a panel is drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Lines over time.
    #[default]
    Timeseries,
    /// A number.
    Stat,
    /// A table of what is now; each query is a column.
    Table,
    /// A graph of nodes; the query has labels `id`, `source` and `target`.
    Graph,
}

/// A query of a panel.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// What is asked.
    pub expr: String,
    /// What a line is called; a column of a table.
    pub legend: Option<String>,
}

/// The selector that `$of` stands for: what the variables leave of the containers.
pub const OF: &str = "cluster=~\"$cluster\",instance=~\"$node\",namespace=~\"$namespace\",workload=~\"$workload\",\
                      container=~\"$container\",name=~\"$name\"";
/// The selector that `$host` stands for.
pub const HOST: &str = "cluster=~\"$cluster\",instance=~\"$node\"";

impl Panel {
    /// How wide it is, of 24.
    pub fn width(&self) -> u32 {
        self.width.unwrap_or(self.kind.width())
    }
}

impl Query {
    /// The query as Grafana is given it.
    pub fn expanded(&self) -> String {
        self.expr.trim().replace("$of", OF).replace("$host", HOST)
    }

    /// The query without Grafana's variables, as it would ask it with all of them at All.
    pub fn plain(&self, interval: &str) -> String {
        let text = self.expanded().replace("$__rate_interval", interval);
        let variables = ["cluster", "node", "namespace", "workload", "container", "name"];
        variables.iter().fold(text, |text, name| text.replace(&format!("\"${name}\""), "\".*\""))
    }
}

/// All definitions, by name.
pub fn definitions() -> Result<BTreeMap<String, Dashboard>> {
    let directory = workspace().join("dashboards/definitions");
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(&directory).with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).context("a name")?.to_owned();
        all.insert(name, rules::read(&path)?);
    }
    Ok(all)
}

/// Where the dashboard of that name is.
pub fn path(name: &str) -> PathBuf {
    workspace().join("dashboards").join(format!("{name}.json"))
}

/// The dashboard as Grafana reads it.
pub fn render(name: &str, dashboard: &Dashboard) -> Value {
    let (mut panels, mut id, mut y) = (Vec::new(), 0, 0);
    let mut next = || {
        id += 1;
        id
    };
    for row in &dashboard.rows {
        panels.push(json!({
            "id": next(), "type": "row", "title": row.title, "collapsed": false, "panels": [],
            "gridPos": {"x": 0, "y": y, "w": 24, "h": 1},
        }));
        y += 1;
        let (mut x, mut tallest) = (0, 0);
        for panel in &row.panels {
            let (width, height) = (panel.width(), panel.kind.height());
            if x + width > 24 {
                (x, y, tallest) = (0, y + tallest, 0);
            }
            let mut drawn = panel::render(panel, name);
            drawn["id"] = json!(next());
            drawn["gridPos"] = json!({"x": x, "y": y, "w": width, "h": height});
            panels.push(drawn);
            (x, tallest) = (x + width, tallest.max(height));
        }
        y += tallest;
    }
    json!({
        "uid": format!("plimsoll-{name}"),
        "title": format!("Plimsoll / {}", dashboard.title),
        "description": dashboard.about,
        "tags": ["plimsoll"],
        "schemaVersion": 42,
        "editable": true,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": [alerts()]},
        // Each leads to all others, with what is chosen here.
        "links": [panel::link(json!({
            "type": "dashboards", "title": "Plimsoll", "tags": ["plimsoll"], "asDropdown": true,
            "includeVars": true, "keepTime": true,
        }))],
        "templating": {"list": variables()},
        "panels": panels,
    })
}

/// What fires is marked in every panel.
fn alerts() -> Value {
    json!({
        "name": "Alerts", "enable": true, "iconColor": "red", "datasource": panel::datasource(),
        "target": {
            "refId": "Anno", "interval": "1m", "instant": false, "range": true, "format": "time_series",
            "expr": format!("ALERTS{{alertstate=\"firing\",severity=\"critical\",{HOST}}}"),
        },
        "titleFormat": "{{alertname}}", "textFormat": "{{instance}} {{id}}",
    })
}

fn variables() -> Vec<Value> {
    let ask = |name: &str, label: &str, of: &str, selector: &str| {
        json!({
            "type": "query", "name": name, "label": label, "datasource": panel::datasource(),
            "query": {"query": format!("label_values({of}{{{selector}}}, {})", match name {
                "node" => "instance",
                other => other,
            }), "refId": name},
            "refresh": 2, "sort": 1,
            "multi": true, "includeAll": true, "allValue": ".*",
            "current": {"selected": true, "text": ["All"], "value": ["$__all"]},
        })
    };
    let (seen, up) = ("container_start_time_seconds", "plimsoll_build_info");
    let of = "cluster=~\"$cluster\",instance=~\"$node\"";
    let within = format!("{of},namespace=~\"$namespace\"");
    vec![
        json!({"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus"}),
        ask("cluster", "Cluster", up, ""),
        ask("node", "Node", up, "cluster=~\"$cluster\""),
        ask("namespace", "Namespace", seen, of),
        ask("workload", "Workload", seen, &within),
        ask("container", "Container", seen, &within),
        ask("name", "Name", seen, &within),
        json!({
            "type": "constant", "name": "runbooks", "hide": 2,
            "query": "https://git.example.com/plimsoll/docs/runbooks.md",
        }),
    ]
}
