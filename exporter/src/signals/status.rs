//! How containers are, as their runtimes and Kubernetes say: restarts, health, how they ended.

use super::{Row, Signal, Source};
use crate::exposition::{Encoder, Family, Kind, Series, Value};
use crate::identity::{Health, Status};

/// The signal.
pub(crate) static SIGNAL: Signal = Signal {
    name: "status",
    summary: "restarts, health and ends of containers, as runtimes and Kubernetes say",
    source: Source::Identity,
    default: true,
    families: &FAMILIES,
    encode,
};

const fn family(
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    unit: &'static str,
    source: &'static str,
    bound: &'static str,
) -> Family {
    Family { name, kind: Kind::Gauge, help, labels, unit, source, bound }
}

static FAMILIES: [Family; 5] = [
    family(
        "container_restarts",
        "How often the container was started again.",
        &[],
        "restarts",
        "RestartCount of Docker and Podman, of this very container; the attempt of CRI and restartCount of Kubernetes, of those \
         of its name in its pod that were before it. Absent where nobody says it",
        "1",
    ),
    family(
        "container_health_status",
        "What the container's health check finds: 1 of starting, healthy, unhealthy.",
        &["status"],
        "1",
        "events and inspection of Docker and Podman; absent without a health check. Kubernetes has container_ready instead",
        "3",
    ),
    family(
        "container_ready",
        "Whether Kubernetes sends the container requests.",
        &[],
        "1",
        "the API server: ready of the container's status",
        "1",
    ),
    family(
        "container_exit_code",
        "The code that the container ended with last: 128 and a signal's number where that ended it.",
        &[],
        "1",
        "Docker's and Podman's event and inspection, CRI's ContainerStatus, terminated of Kubernetes' status. Absent before the \
         first end",
        "1",
    ),
    family(
        "container_exit_reason",
        "Why the container ended last; always 1.",
        &["reason"],
        "1",
        "as container_exit_code: the runtime's or Kubernetes' own word (Completed, Error, OOMKilled), made of code and OOMKilled \
         for Docker and Podman",
        "1, of 64 bytes at most",
    ),
];

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    let [restarts, health, ready, code, reason] = &FAMILIES;
    number(encoder, rows, restarts, |status| Some(Value::Int(status.restarts?.into())));
    encoder.family(health);
    for (series, status) in told(rows) {
        let Some(found) = status.health else { continue };
        for state in Health::ALL {
            encoder.gauge(series, &[("status", state.as_str())], Value::Int((state == found).into()));
        }
    }
    number(encoder, rows, ready, |status| Some(Value::Int(status.ready?.into())));
    number(encoder, rows, code, |status| Some(Value::Float(f64::from(status.exit.as_ref()?.code))));
    encoder.family(reason);
    for (series, status) in told(rows) {
        let Some(reason) = status.exit.as_ref().and_then(|exit| exit.reason.as_deref()) else { continue };
        encoder.gauge(series, &[("reason", reason)], Value::Int(1));
    }
}

/// Rows that something is said of.
fn told<'a>(rows: &'a [Row<'_>]) -> impl Iterator<Item = (Series<'a>, &'a Status)> {
    rows.iter().filter_map(|row| Some((Series { labels: row.labels, created: None }, row.status?)))
}

fn number(
    encoder: &mut Encoder<'_>,
    rows: &[Row<'_>],
    family: &'static Family,
    read: fn(&Status) -> Option<Value>,
) {
    encoder.family(family);
    for (series, status) in told(rows) {
        if let Some(value) = read(status) {
            encoder.gauge(series, &[], value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Exit;
    use crate::signals::tests::{encoded, kernel_row};

    #[test]
    fn what_is_said_and_nothing_else() {
        let row = kernel_row(&[], &[]);
        let whole = Status {
            restarts: Some(2),
            health: Some(Health::Unhealthy),
            ready: Some(false),
            exit: Some(Exit::with_reason(-1, "a\"b")),
        };
        let nothing = Status { exit: Some(Exit { code: 0, reason: None }), ..Status::default() };
        let named = Row { labels: r#"id="/b""#, status: Some(&nothing), ..row };
        let text = encoded(&SIGNAL, &[row, Row { status: Some(&whole), ..row }, named]);
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            lines,
            [
                r#"container_restarts{id="/a"} 2"#,
                r#"container_health_status{id="/a",status="starting"} 0"#,
                r#"container_health_status{id="/a",status="healthy"} 0"#,
                r#"container_health_status{id="/a",status="unhealthy"} 1"#,
                r#"container_ready{id="/a"} 0"#,
                r#"container_exit_code{id="/a"} -1"#,
                r#"container_exit_code{id="/b"} 0"#,
                r#"container_exit_reason{id="/a",reason="a\"b"} 1"#,
            ]
        );
    }
}
