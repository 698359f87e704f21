//! What Plimsoll says of itself comes from the `prometheus` crate; this writes it in the same stream.

use prometheus::proto::{MetricFamily, MetricType};

use super::encoder::{Encoder, Format, Value};

/// Appends families gathered from a `prometheus` registry.
pub fn encode_own(encoder: &mut Encoder<'_>, families: &[MetricFamily]) {
    for family in families {
        let name = family.name();
        let (kind, suffix) = match family.get_field_type() {
            MetricType::COUNTER => ("counter", "_total"),
            MetricType::GAUGE => ("gauge", ""),
            MetricType::HISTOGRAM => ("histogram", ""),
            MetricType::SUMMARY | MetricType::UNTYPED => ("untyped", ""),
        };
        let head = match encoder.format() {
            Format::OpenMetrics if !suffix.is_empty() => name.strip_suffix(suffix).unwrap_or(name),
            Format::OpenMetrics | Format::Text => name,
        };
        encoder.raw_head(head, kind, family.help());
        for metric in family.get_metric() {
            let pairs = metric.get_label().iter().map(|pair| (pair.name(), pair.value()));
            let labels = super::render_labels(pairs);
            match family.get_field_type() {
                MetricType::COUNTER => {
                    encoder.raw_sample(name, &labels, Value::Float(metric.get_counter().get_value()));
                }
                MetricType::GAUGE => {
                    encoder.raw_sample(name, &labels, Value::Float(metric.get_gauge().get_value()));
                }
                MetricType::HISTOGRAM => histogram(encoder, name, &labels, metric),
                MetricType::SUMMARY | MetricType::UNTYPED => {}
            }
        }
    }
}

/// Appends one gauge, each sample of which has its labels rendered.
pub fn encode_gauge<'a>(
    encoder: &mut Encoder<'_>,
    name: &str,
    help: &str,
    samples: impl IntoIterator<Item = (&'a str, f64)>,
) {
    encoder.raw_head(name, "gauge", help);
    for (labels, value) in samples {
        encoder.raw_sample(name, labels, Value::Float(value));
    }
}

fn histogram(encoder: &mut Encoder<'_>, name: &str, labels: &str, metric: &prometheus::proto::Metric) {
    let histogram = metric.get_histogram();
    let separator = if labels.is_empty() { "" } else { "," };
    let bucket = format!("{name}_bucket");
    for b in histogram.get_bucket() {
        let labels = format!("{labels}{separator}le=\"{:?}\"", b.upper_bound());
        encoder.raw_sample(&bucket, &labels, Value::Int(b.cumulative_count()));
    }
    let labels_inf = format!("{labels}{separator}le=\"+Inf\"");
    encoder.raw_sample(&bucket, &labels_inf, Value::Int(histogram.get_sample_count()));
    encoder.raw_sample(&format!("{name}_sum"), labels, Value::Float(histogram.get_sample_sum()));
    encoder.raw_sample(&format!("{name}_count"), labels, Value::Int(histogram.get_sample_count()));
}

#[cfg(test)]
mod tests {
    use prometheus::{Histogram, HistogramOpts, IntCounter, Registry};

    use super::*;

    #[test]
    fn own_metrics_in_openmetrics() {
        let registry = Registry::new();
        let counter = IntCounter::new("p_lost_total", "Lost.").expect("valid");
        let histogram =
            Histogram::with_opts(HistogramOpts::new("p_s", "S.").buckets(vec![0.5])).expect("valid");
        registry.register(Box::new(counter.clone())).expect("new");
        registry.register(Box::new(histogram.clone())).expect("new");
        counter.inc_by(2);
        histogram.observe(0.25);
        let mut out = Vec::new();
        let mut encoder = Encoder::new(&mut out, Format::OpenMetrics);
        encode_own(&mut encoder, &registry.gather());
        assert_eq!(
            String::from_utf8(out).expect("valid UTF-8"),
            "# HELP p_lost Lost.\n# TYPE p_lost counter\np_lost_total 2\n\
             # HELP p_s S.\n# TYPE p_s histogram\n\
             p_s_bucket{le=\"0.5\"} 1\np_s_bucket{le=\"+Inf\"} 1\np_s_sum 0.25\np_s_count 1\n"
        );
    }
}
