//! The page at `/`, for people who come with a browser.

use super::source::{CollectorState, CollectorStatus};
use crate::telemetry::{REVISION, VERSION};

/// The page needs nothing from anywhere.
pub(super) const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'";

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font-family:system-ui,sans-serif;line-height:1.5;margin:0}\
header{background:#1b4965;color:#fff;padding:.75rem 1rem}\
header h1{font-size:1.5rem;margin:0}header p{margin:0}\
main{max-width:60rem;padding:1rem}\
table{border-collapse:collapse}caption{text-align:left;font-weight:bold}\
th,td{text-align:left;vertical-align:top;padding:.25rem 1rem .25rem 0;border-bottom:1px solid #8888}";

/// Renders the page.
pub(super) fn page([telemetry, cadvisor, node]: [&str; 3], collectors: &[CollectorStatus]) -> String {
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Plimsoll</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<h1>Plimsoll</h1>\n<p>Kernel events as labelled per-container counters</p>\n</header>\n<main>\n\
         <p>Version {} (revision {})</p>\n<nav aria-label=\"Endpoints\">\n<ul>\n",
        escape(VERSION),
        escape(REVISION),
    );
    for (path, title) in [
        (telemetry, "Metrics"),
        (cadvisor, "Metrics under cAdvisor's names"),
        (node, "Metrics under node_exporter's names"),
        ("/-/healthy", "Health"),
        ("/-/ready", "Readiness"),
    ] {
        let path = escape(path);
        out.push_str(&format!("<li><a href=\"{path}\">{title}</a> <code>{path}</code></li>\n"));
    }
    out.push_str("</ul>\n</nav>\n");
    if !collectors.is_empty() {
        table(&mut out, collectors);
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn table(out: &mut String, collectors: &[CollectorStatus]) {
    out.push_str(
        "<table>\n<caption>Collectors</caption>\n<thead><tr><th scope=\"col\">Name</th>\
         <th scope=\"col\">State</th><th scope=\"col\">What it measures</th></tr></thead>\n<tbody>\n",
    );
    for collector in collectors {
        let state = match &collector.state {
            CollectorState::Enabled => "enabled".to_owned(),
            CollectorState::Disabled => "disabled by a flag".to_owned(),
            CollectorState::Refused(why) => format!("refused: {why}"),
        };
        out.push_str(&format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td></tr>\n",
            escape(&collector.name),
            escape(&state),
            escape(&collector.summary),
        ));
    }
    out.push_str("</tbody>\n</table>\n");
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_what_runs_and_escapes_it() {
        let refused = CollectorStatus {
            name: "oom".to_owned(),
            summary: "Kills <by> the kernel".to_owned(),
            state: CollectorState::Refused("no BTF & \"no\" tracefs".to_owned()),
        };
        let page = page(["/metrics", "/metrics/cadvisor", "/metrics/node"], &[refused]);
        assert!(page.contains(
            "<tr><th scope=\"row\">oom</th><td>refused: no BTF &amp; &quot;no&quot; tracefs</td>\
             <td>Kills &lt;by&gt; the kernel</td></tr>"
        ));
        assert!(page.contains("<a href=\"/metrics/cadvisor\">"));
        assert!(page.contains(&format!("Version {VERSION}")));
    }

    #[test]
    fn no_collectors_no_table() {
        assert!(!page(["/m", "/m/cadvisor", "/m/node"], &[]).contains("<table>"));
    }
}
