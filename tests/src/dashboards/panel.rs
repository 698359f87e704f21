//! A panel as Grafana reads it: one palette, one legend, one way to say that there is nothing.

use serde_json::{Value, json};

use super::{Kind, Panel};

/// The data source of everything: the one that is chosen above.
pub(super) fn datasource() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

/// A link of a dashboard or a panel, with all that the schema wants of one.
pub(super) fn link(of: Value) -> Value {
    let mut link = json!({
        "icon": "external link", "tooltip": "", "tags": [], "asDropdown": false, "targetBlank": false,
        "includeVars": false, "keepTime": false,
    });
    for (key, value) in of.as_object().into_iter().flatten() {
        link[key] = value.clone();
    }
    link
}

impl Kind {
    pub(super) fn width(self) -> u32 {
        match self {
            Self::Timeseries => 8,
            Self::Stat => 4,
            Self::Table | Self::Graph => 24,
        }
    }

    pub(super) fn height(self) -> u32 {
        match self {
            Self::Timeseries => 8,
            Self::Stat => 4,
            Self::Table => 10,
            Self::Graph => 14,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Timeseries => "timeseries",
            Self::Stat => "stat",
            Self::Table => "table",
            Self::Graph => "nodeGraph",
        }
    }
}

/// All of it but its number and place.
pub(super) fn render(panel: &Panel, dashboard: &str) -> Value {
    let mut drawn = json!({
        "type": panel.kind.name(),
        "title": panel.title,
        "description": panel.about,
        "datasource": datasource(),
        "targets": targets(panel),
        "fieldConfig": {"defaults": defaults(panel, dashboard), "overrides": []},
        "options": options(panel.kind),
    });
    if let Some(alert) = &panel.runbook {
        let url = format!("${{runbooks}}#{}", alert.to_lowercase());
        let title = format!("Runbook of {alert}");
        drawn["links"] =
            json!([link(json!({"type": "link", "title": title, "url": url, "targetBlank": true}))]);
    }
    match panel.kind {
        Kind::Table => drawn["transformations"] = columns(panel),
        Kind::Graph => {
            let names = json!({"Value": "mainstat"});
            drawn["transformations"] = json!([{"id": "organize", "options": {"renameByName": names}}]);
        }
        Kind::Timeseries | Kind::Stat => {}
    }
    drawn
}

fn targets(panel: &Panel) -> Vec<Value> {
    let instant = panel.kind != Kind::Timeseries;
    let table = matches!(panel.kind, Kind::Table | Kind::Graph);
    let target = |(query, id): (&super::Query, char)| {
        json!({
            "refId": id.to_string(),
            "datasource": datasource(),
            "expr": query.expanded(),
            "legendFormat": query.legend.as_deref().unwrap_or("{{pod}} {{container}} {{name}}"),
            "instant": instant,
            "range": !instant,
            "format": if table { "table" } else { "time_series" },
        })
    };
    panel.queries.iter().zip('A'..).map(target).collect()
}

fn defaults(panel: &Panel, dashboard: &str) -> Value {
    let limits = [(panel.warning, "orange"), (panel.critical, "red")];
    let mut steps = vec![json!({"value": null, "color": "green"})];
    steps.extend(limits.iter().filter_map(|(at, color)| at.map(|at| json!({"value": at, "color": color}))));
    if panel.falling {
        // From the worst on: red, orange from the critical limit, green from the warning one.
        let above = [(panel.critical, "orange"), (panel.warning, "green")];
        steps = vec![json!({"value": null, "color": "red"})];
        steps
            .extend(above.iter().filter_map(|(at, color)| at.map(|at| json!({"value": at, "color": color}))));
    }
    let limited = steps.len() > 1;
    let mut defaults = json!({
        "unit": panel.unit,
        "thresholds": {"mode": "absolute", "steps": steps},
        "noValue": panel.empty.as_deref().unwrap_or("nothing"),
        "links": [drill(dashboard)],
    });
    let style = if limited { "dashed" } else { "off" };
    match panel.kind {
        Kind::Timeseries => {
            defaults["min"] = json!(0);
            defaults["color"] = json!({"mode": "palette-classic"});
            defaults["custom"] = json!({
                "lineWidth": 1, "fillOpacity": 8, "showPoints": "never", "spanNulls": false,
                "thresholdsStyle": {"mode": style},
            });
        }
        Kind::Table => {
            defaults["color"] = json!({"mode": "thresholds"});
            let cell = json!({"type": "auto"});
            defaults["custom"] =
                json!({"filterable": true, "align": "auto", "inspect": false, "cellOptions": cell});
        }
        Kind::Stat | Kind::Graph => defaults["color"] = json!({"mode": "thresholds"}),
    }
    defaults
}

/// From a line to whose it is: into a container, and from there back up to its namespace.
fn drill(dashboard: &str) -> Value {
    let (title, to) = match dashboard {
        "containers" => ("Its namespace and workload", "workloads"),
        _ => ("This container", "containers"),
    };
    let of = ["namespace", "container", "name"]
        .map(|label| format!("var-{label}=${{__field.labels.{label}:percentencode}}"))
        .join("&");
    let url = format!(
        "/d/plimsoll-{to}?${{datasource:queryparam}}&${{node:queryparam}}&{of}&${{__url_time_range}}"
    );
    json!({"title": title, "url": url})
}

fn options(kind: Kind) -> Value {
    match kind {
        Kind::Timeseries => json!({
            "legend": {"displayMode": "table", "placement": "bottom", "showLegend": true, "calcs": ["mean", "max"]},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }),
        Kind::Stat => json!({
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
            "colorMode": "value", "graphMode": "none", "textMode": "auto", "justifyMode": "auto", "orientation": "auto",
            "percentChangeColorMode": "standard", "showPercentChange": false, "wideLayout": true,
        }),
        Kind::Table => json!({"frameIndex": 0, "showHeader": true, "cellHeight": "sm"}),
        Kind::Graph => json!({"edges": {"mainStatUnit": "cps"}}),
    }
}

/// The columns that the queries have in common, then one for each query, called as its legend.
fn columns(panel: &Panel) -> Value {
    let one = panel.queries.len() == 1;
    let name = |(query, id): (&super::Query, char)| {
        let field = if one { "Value".to_owned() } else { format!("Value #{id}") };
        (field, json!(query.legend.as_deref().unwrap_or("value")))
    };
    let names: serde_json::Map<_, _> = panel.queries.iter().zip('A'..).map(name).collect();
    json!([
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {"excludeByName": {"Time": true}, "renameByName": names}},
    ])
}
