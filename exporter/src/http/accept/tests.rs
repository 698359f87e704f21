use http::HeaderValue;

use super::*;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const DRAFT: &str = "application/openmetrics-text; version=0.0.1; charset=utf-8";

fn content_type(accept: &str) -> &'static str {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_str(accept).expect("a header value"));
    let agreed = negotiate(&headers);
    let open = agreed.content_type != TEXT;
    assert_eq!(agreed.format == Format::OpenMetrics, open, "the body is what its type says: {accept}");
    agreed.content_type
}

/// What scrapers send, each with the program and version that sends it.
#[test]
fn real_scrapers() {
    const PROTOBUF: &str =
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
    let table = [
        // Prometheus 2.5 to 2.33
        ("application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", DRAFT),
        // Prometheus 2.42 (Debian 12) and 2.41 to 2.48
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            OPEN,
        ),
        // Prometheus 2.49 to 2.55
        (
            "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
             text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            OPEN,
        ),
        // Prometheus 3.x, default
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            OPEN,
        ),
        // Prometheus 3.3, which puts the escaping everywhere
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;escaping=allow-utf-8;q=0.5,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
             text/plain;version=0.0.4;escaping=allow-utf-8;q=0.3,*/*;q=0.2",
            OPEN,
        ),
        // Prometheus 3.x, scrape_protocols: [PrometheusText0.0.4]
        ("text/plain;version=0.0.4;q=0.6,*/*;q=0.5", TEXT),
        // Prometheus 3.x, scrape_protocols: [PrometheusText1.0.0]
        ("text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,*/*;q=0.5", TEXT),
        // vmagent
        ("text/plain;version=0.0.4;q=1,*/*;q=0.1", TEXT),
        // curl, wget
        ("*/*", TEXT),
        // Firefox
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", TEXT),
    ];
    for (accept, expected) in table {
        assert_eq!(content_type(accept), expected, "{accept}");
    }
    // Protobuf first (native histograms, created-timestamp-zero-ingestion), 2.42 and 3.x: on to the next.
    for rest in [
        "application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,\
         text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
         application/openmetrics-text;version=0.0.1;q=0.4,\
         text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
    ] {
        assert_eq!(content_type(&format!("{PROTOBUF},{rest}")), OPEN);
        assert_eq!(content_type(&format!("{PROTOBUF};q=0.6,{rest}")), OPEN);
    }
    assert_eq!(negotiate(&HeaderMap::new()).content_type, TEXT, "no Accept at all");
}

#[test]
fn the_rules_of_precedence() {
    for (accept, expected) in [
        ("", TEXT),
        (",,;,/", TEXT),
        ("application/openmetrics-text", OPEN),
        ("APPLICATION/OpenMetrics-Text; Version=\"1.0.0\"; Q=0.9", OPEN),
        ("application/openmetrics-text;version=2.0.0", TEXT),
        ("application/openmetrics-text;version=2.0.0,*/*;q=0.1", TEXT),
        ("application/*", OPEN),
        ("text/*,application/openmetrics-text;q=0.9", TEXT),
        ("text/plain,application/openmetrics-text", TEXT),
        ("application/openmetrics-text,text/plain", OPEN),
        ("application/openmetrics-text;q=0.5,text/plain;q=0.50", OPEN),
        ("*/*,application/openmetrics-text;q=0", TEXT),
        ("*/*,text/plain;q=0", OPEN),
        ("*/*,text/plain;q=0.1", OPEN),
        ("text/plain;q=0", TEXT),
        ("application/json", TEXT),
        ("text/plain;format=flowed,application/openmetrics-text;q=0.2", OPEN),
        ("application/openmetrics-text;q=2,text/plain;q=0.1", TEXT),
        ("application/openmetrics-text;q=NaN", TEXT),
        ("application/openmetrics-text;q=-1", TEXT),
        ("application/openmetrics-text;version", TEXT),
    ] {
        assert_eq!(content_type(accept), expected, "{accept:?}");
    }
}

#[test]
fn a_list_over_several_lines_is_one_list() {
    let mut headers = HeaderMap::new();
    headers.append(ACCEPT, HeaderValue::from_static("text/plain;q=0.5"));
    headers.append(ACCEPT, HeaderValue::from_static("application/openmetrics-text"));
    assert_eq!(negotiate(&headers).content_type, OPEN);
}

#[test]
fn gzip_by_quality() {
    for (accept, expected) in [
        ("gzip", true),
        ("x-gzip", true),
        ("GZIP;Q=0.5", true),
        ("deflate, gzip;q=1.0, *;q=0.5", true),
        ("zstd,gzip", true),
        ("*", true),
        ("gzip;q=0", false),
        ("gzip;q=0.000", false),
        ("gzip;q=0,*", false),
        ("*;q=0", false),
        ("identity", false),
        ("identity;q=1,gzip;q=0.5", false),
        ("identity;q=0.5,gzip;q=1", true),
        ("", false),
        ("br", false),
        ("gzip;q=many", false),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_str(accept).expect("a header value"));
        assert_eq!(negotiate(&headers).gzip, expected, "{accept:?}");
    }
    assert!(!negotiate(&HeaderMap::new()).gzip, "no Accept-Encoding at all");
}
