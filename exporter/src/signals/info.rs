//! What is known of a container beside its names, for joins.

use super::{Row, Signal, Source};
use crate::exposition::{Encoder, Family, Kind, Series, Value};
use crate::identity::INFO_LABELS;

/// The signal.
pub(super) static SIGNAL: Signal = Signal {
    name: "info",
    summary: "ids, runtime and labels of containers, for joins",
    source: Source::Identity,
    default: true,
    families: &FAMILIES,
    encode,
};

static FAMILIES: [Family; 3] = [
    Family {
        name: "container_info",
        kind: Kind::Gauge,
        help: "What is known of a container or pod beside its names; always 1.",
        labels: &INFO_LABELS,
        unit: "1",
        source: "the cgroup's path, and the labels of the container as its runtime keeps them, as container_label_NAME; by Kubernetes those of the pod, as pod_label_NAME, and how often a container of that name ended in the pod before, as restart_count; as image_id the image's digest, or else its id, where a runtime that is followed or Kubernetes says it; with annotations of the configuration file also container_annotation_NAME and pod_annotation_NAME. What is not known is no label here",
        bound: "1, with at most 32 labels made of labels and annotations (max_labels of the configuration file); beyond it they are left out, and in plimsoll_losses_total{reason=\"label_left_out\"}",
    },
    Family {
        name: "container_ip_info",
        kind: Kind::Gauge,
        help: "An address of a pod, which all its containers share, or of a container outside pods, while it lives; always 1.",
        labels: &["ip"],
        unit: "1",
        source: "status.podIPs of the pod (none of a pod in its node's network), on the row of the pod's cgroup; Docker's and Podman's network settings as they are when the container begins",
        bound: "16",
    },
    Family {
        name: "container_service_info",
        kind: Kind::Gauge,
        help: "A service of Kubernetes that selects a pod, while the pod lives; always 1.",
        labels: &["kubernetes_service"],
        unit: "1",
        source: "with --kubernetes.services: the selectors of the services in the pod's namespace against its labels, as the API server says both, on the row of the pod's cgroup. One without a selector, or of type ExternalName, selects nobody",
        bound: "16; beyond it they are left out, and in plimsoll_losses_total{reason=\"service_left_out\"}",
    },
];

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    encoder.family(&FAMILIES[0]);
    for row in rows {
        let Some(info) = row.info else { continue };
        let separator = if info.is_empty() { "" } else { "," };
        let labels = format!("{}{separator}{info}", row.labels);
        encoder.gauge(Series { labels: &labels, created: None }, &[], Value::Int(1));
    }
    encoder.family(&FAMILIES[1]);
    for row in rows {
        for address in row.addresses {
            let series = Series { labels: row.labels, created: None };
            encoder.gauge(series, &[("ip", &address.to_string())], Value::Int(1));
        }
    }
    encoder.family(&FAMILIES[2]);
    for row in rows {
        for service in row.services {
            let series = Series { labels: row.labels, created: None };
            encoder.gauge(series, &[("kubernetes_service", service)], Value::Int(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signals::tests::{encoded, kernel_row};

    #[test]
    fn one_line_for_what_is_a_container() {
        let row = kernel_row(&[], &[]);
        let rows = [row, Row { info: Some(""), ..row }, Row { info: Some(r#"runtime="docker""#), ..row }];
        let text = encoded(&SIGNAL, &rows);
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(lines, [r#"container_info{id="/a"} 1"#, r#"container_info{id="/a",runtime="docker"} 1"#]);
    }

    #[test]
    fn a_line_for_each_address() {
        let addresses = ["10.244.0.7", "fd00::7"].map(|text| text.parse().expect("an address"));
        let row = kernel_row(&[], &[]);
        let text = encoded(&SIGNAL, &[row, Row { addresses: &addresses, ..row }]);
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let expected =
            ["10.244.0.7", "fd00::7"].map(|ip| format!(r#"container_ip_info{{id="/a",ip="{ip}"}} 1"#));
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_line_for_each_service() {
        let services = ["web", "web-canary"].map(Into::into);
        let row = kernel_row(&[], &[]);
        let text = encoded(&SIGNAL, &[row, Row { services: &services, ..row }]);
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let expected = ["web", "web-canary"]
            .map(|name| format!(r#"container_service_info{{id="/a",kubernetes_service="{name}"}} 1"#));
        assert_eq!(lines, expected);
    }
}
