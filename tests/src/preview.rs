//! A look at the dashboards where there is no Grafana: each panel's own query, asked of a Prometheus and drawn into a page.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};

use crate::dashboards::{self, Dashboard, Kind, Panel, Query};
use crate::prometheus::{Prometheus, Series};

/// What is drawn, and how often a point.
const WINDOW: Duration = Duration::from_secs(180);
const STEP: f64 = 2.0;
/// What Grafana would take for `$__rate_interval`.
const INTERVAL: &str = "10s";
/// A panel's inside.
const SIZE: (f64, f64) = (400.0, 120.0);
/// Grafana's classic palette begins so.
const COLORS: [&str; 10] = [
    "#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9", "#705da0", "#508642",
    "#cca300",
];

/// Writes a page for each dashboard into a directory: how many.
pub fn write(server: &Prometheus, directory: &Path) -> Result<usize> {
    std::fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    let all = dashboards::definitions()?;
    for (name, dashboard) in &all {
        let path = directory.join(format!("{name}.html"));
        std::fs::write(&path, page(server, dashboard)?).with_context(|| path.display().to_string())?;
    }
    Ok(all.len())
}

const STYLE: &str = "body{background:#111217;color:#ccccdc;font:13px sans-serif;display:grid;\
    grid-template-columns:repeat(24,1fr);gap:8px;margin:16px}h1,h2,body>p{grid-column:1/25;margin:4px 0}\
    h2{font-size:15px}section{background:#181b1f;border:1px solid #2c3235;padding:8px;overflow:hidden}\
    h3{margin:0 0 6px;font-size:13px}td,th{padding:2px 8px;text-align:left;border-bottom:1px solid #2c3235}\
    svg{width:100%}li{list-style:none;font-size:11px}ul{margin:4px 0;padding:0}.stat{font-size:28px;color:#73bf69}";

fn page(server: &Prometheus, dashboard: &Dashboard) -> Result<String> {
    let mut out = format!(
        "<!doctype html><meta charset=utf-8><title>{0}</title><style>{STYLE}</style><h1>{0}</h1><p>{1}</p>",
        escaped(&dashboard.title),
        escaped(&dashboard.about)
    );
    for row in &dashboard.rows {
        write!(out, "<h2>{}</h2>", escaped(&row.title))?;
        for panel in &row.panels {
            write!(
                out,
                "<section style='grid-column:span {}' title='{}'><h3>{}</h3>{}</section>",
                panel.width(),
                escaped(&panel.about),
                escaped(&panel.title),
                drawn(server, panel).with_context(|| panel.title.clone())?
            )?;
        }
    }
    Ok(out)
}

fn drawn(server: &Prometheus, panel: &Panel) -> Result<String> {
    let mut lines = Vec::new();
    for query in &panel.queries {
        let text = query.plain(INTERVAL);
        let series = if panel.kind == Kind::Timeseries {
            let now = SystemTime::UNIX_EPOCH.elapsed()?.as_secs_f64();
            server.range(&text, now - WINDOW.as_secs_f64(), now, STEP)?
        } else {
            server.query(&text, None)?
        };
        lines.extend(series.into_iter().map(|series| (query, series)));
    }
    if lines.is_empty() {
        return Ok(escaped(panel.empty.as_deref().unwrap_or("nothing")));
    }
    match panel.kind {
        Kind::Timeseries => graph(&lines, &panel.unit),
        Kind::Stat => {
            let value = |(_, series): &(&Query, Series)| {
                format!("<div class=stat>{}</div>", number(last(series), &panel.unit))
            };
            Ok(lines.iter().map(value).collect())
        }
        Kind::Table | Kind::Graph => table(&lines),
    }
}

fn graph(lines: &[(&Query, Series)], unit: &str) -> Result<String> {
    let series: Vec<_> = lines.iter().map(|(_, series)| series).collect();
    let (width, height) = SIZE;
    let mut out = format!("<svg viewBox='0 0 {width} {height}'>{}</svg><ul>", polylines(&series, SIZE));
    for ((query, series), color) in lines.iter().zip(COLORS.iter().cycle()).take(6) {
        let (name, value) = (escaped(&legend(query, series)), number(last(series), unit));
        write!(out, "<li><span style='color:{color}'>▬</span> {name}: {value}</li>")?;
    }
    Ok(out + "</ul>")
}

/// The lines of some series, as high as they come.
fn polylines(all: &[&Series], (width, height): (f64, f64)) -> String {
    let samples = || all.iter().flat_map(|series| &series.samples);
    let top = samples().map(|(_, value)| *value).filter(|value| value.is_finite()).fold(0.0, f64::max);
    let from = samples().map(|(at, _)| *at).min().unwrap_or_default();
    let span = (samples().map(|(at, _)| *at).max().unwrap_or_default() - from).max(1) as f64;
    let line = |(series, color): (&&Series, &&str)| {
        let finite = series.samples.iter().filter(|(_, value)| value.is_finite());
        let points: String = finite
            .map(|(at, value)| {
                let y = height - value / top.max(f64::MIN_POSITIVE) * (height - 4.0);
                format!("{:.1},{y:.1} ", (at - from) as f64 / span * width)
            })
            .collect();
        format!("<polyline fill='none' stroke='{color}' stroke-width='1.5' points='{points}'/>")
    };
    all.iter().zip(COLORS.iter().cycle()).map(line).collect()
}

/// A query since a time in Unix seconds, as a picture of its own: its lines, and the highest value of each.
pub fn picture(server: &Prometheus, query: &str, since: f64) -> Result<String> {
    let now = SystemTime::UNIX_EPOCH.elapsed()?.as_secs_f64();
    let all = server.range(query, since, now, STEP)?;
    let mut out = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 840 210' font-family='sans-serif' font-size='12' fill='#ccccdc'>\
         <rect width='840' height='210' fill='#181b1f'/><text x='20' y='20'>{}</text>\
         <g transform='translate(20 30)'>{}</g>",
        escaped(query),
        polylines(&all.iter().collect::<Vec<_>>(), (800.0, 130.0)),
    );
    for ((series, color), at) in all.iter().zip(COLORS.iter().cycle()).zip(0..4) {
        let top = series.values().into_iter().fold(f64::MIN, f64::max);
        let name = if series.label("name").is_empty() { series.label("id") } else { series.label("name") };
        let (x, name) = (20 + at * 205, escaped(name));
        write!(out, "<text x='{x}' y='182' fill='{color}'>{name}: up to {}</text>", number(top, ""))?;
    }
    writeln!(out, "<text x='20' y='201'>0 s</text><text x='785' y='201'>{:.0} s</text></svg>", now - since)?;
    Ok(out)
}

fn table(lines: &[(&Query, Series)]) -> Result<String> {
    let hidden = ["__name__", "instance", "job"];
    let names: std::collections::BTreeSet<_> =
        lines.iter().flat_map(|(_, series)| series.labels.keys()).collect();
    let names: Vec<_> = names.into_iter().filter(|name| !hidden.contains(&name.as_str())).collect();
    let mut out = String::from("<table><tr>");
    for name in &names {
        write!(out, "<th>{name}</th>")?;
    }
    out.push_str("<th></th><th>value</th></tr>");
    for (query, series) in lines.iter().take(15) {
        out.push_str("<tr>");
        for name in &names {
            write!(out, "<td>{}</td>", escaped(series.label(name)))?;
        }
        let (what, value) = (query.legend.as_deref().unwrap_or_default(), number(last(series), ""));
        write!(out, "<td>{}</td><td>{value}</td></tr>", escaped(what))?;
    }
    Ok(out + "</table>")
}

fn last(series: &Series) -> f64 {
    series.samples.last().map_or(f64::NAN, |(_, value)| *value)
}

/// `{{label}}` is its value.
fn legend(query: &Query, series: &Series) -> String {
    let mut text = query.legend.clone().unwrap_or_else(|| "{{pod}} {{container}} {{name}}".to_owned());
    while let Some((before, rest)) = text.clone().split_once("{{") {
        let (name, after) = rest.split_once("}}").unwrap_or((rest, ""));
        text = format!("{before}{}{after}", series.label(name.trim()));
    }
    text.trim().to_owned()
}

fn number(value: f64, unit: &str) -> String {
    match unit {
        "percentunit" => format!("{:.1} %", value * 100.0),
        "bytes" | "Bps" if value >= 1048576.0 => format!("{:.1} Mi {unit}", value / 1048576.0),
        _ if value.fract() == 0.0 => format!("{value} {unit}"),
        _ => format!("{value:.3} {unit}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_legend_has_the_values_of_labels() {
        let labels = [("pod", "web"), ("name", "a&b")];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let series = Series { labels, samples: vec![(0, 0.25)] };
        let query = |legend: Option<&str>| Query { expr: String::new(), legend: legend.map(str::to_owned) };
        assert_eq!(legend(&query(Some("{{name}} of {{ pod }}, {{gone}}")), &series), "a&b of web,");
        assert_eq!(legend(&query(None), &series), "web  a&b");
        assert_eq!(
            (number(last(&series), "percentunit"), escaped("a&b")),
            ("25.0 %".into(), "a&amp;b".into())
        );
    }
}
