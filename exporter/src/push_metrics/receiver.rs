//! One receiver: what waits for it, and the thread that sends it.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Target;
use super::client::{self, Verdict, judge};
use super::metrics::{Dropped, Of};
use super::parcel::{Parcel, Protocol};
use crate::queue::{Bounds, Queue, QueueError, Waiting};

/// Files of a queue; a day of requests each second.
const MOST_REQUESTS: usize = 100_000;
/// After the queue itself failed.
const QUEUE_PAUSE: Duration = Duration::from_secs(5);

/// What a receiver is to us.
#[derive(Debug)]
pub(super) struct Receiver {
    queue: Arc<Waiting>,
    target: Arc<Mutex<Arc<Target>>>,
    metrics: Of,
    thread: JoinHandle<()>,
}

impl Receiver {
    /// Opens its queue in a directory, with what waits there, and begins to send.
    pub(super) fn open(directory: &Path, target: Target, metrics: Of) -> Result<Self, QueueError> {
        let bounds = bounds(&target);
        let queue = Arc::new(Waiting::new(Queue::open(directory, "request", bounds)?));
        metrics.limit.set(as_gauge(bounds.bytes));
        show(&queue, &metrics);
        let name = target.name.clone();
        let target = Arc::new(Mutex::new(Arc::new(target)));
        let (theirs, wanted, of) = (Arc::clone(&queue), Arc::clone(&target), metrics.clone());
        let thread = std::thread::Builder::new().name("push-send".to_owned()).spawn(move || {
            while let Err(error) = hand_over(&theirs, &wanted, &of) {
                tracing::error!(receiver = name, %error, "what waits for it cannot be read or removed");
                if theirs.pause(QUEUE_PAUSE) {
                    break;
                }
            }
        });
        let thread = thread.map_err(|error| QueueError::System { path: directory.to_owned(), error })?;
        Ok(Self { queue, target, metrics, thread })
    }

    /// Other settings, from the next request on.
    pub(super) fn set(&self, target: Target) {
        let bounds = bounds(&target);
        self.queue.bound(bounds);
        self.metrics.limit.set(as_gauge(bounds.bytes));
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(target);
    }

    /// How requests to it are written, and how many samples they have at most.
    pub(super) fn form(&self) -> (Protocol, usize) {
        let target = self.target.lock().unwrap_or_else(PoisonError::into_inner);
        (target.protocol, target.max_samples)
    }

    /// So many samples cannot be written so.
    pub(super) fn left_out(&self, samples: u64) {
        self.metrics.dropped(Dropped::NoNumber.as_str(), samples);
    }

    /// Has requests wait for it.
    pub(super) fn take(&self, parcels: &[Parcel]) {
        for parcel in parcels {
            match self.queue.push(&parcel.to_bytes()) {
                Ok(dropped) => {
                    for item in dropped {
                        self.metrics.dropped(Dropped::QueueFull.as_str(), Parcel::samples_of(&item));
                    }
                    self.metrics.queued_at.set(seconds(parcel.at));
                }
                Err(error) => {
                    self.metrics.dropped(Dropped::QueueFailed.as_str(), parcel.samples);
                    tracing::error!(%error, "samples are lost: they cannot be written");
                }
            }
        }
        show(&self.queue, &self.metrics);
    }

    /// Nothing more will come. What waits is sent until that fails; the rest stays.
    pub(super) fn close(self) -> JoinHandle<()> {
        self.queue.close();
        self.thread
    }
}

fn bounds(target: &Target) -> Bounds {
    Bounds { items: MOST_REQUESTS, bytes: target.max_bytes }
}

/// Sends what waits, the oldest first, until the queue is closed and empty or sending fails.
fn hand_over(queue: &Waiting, target: &Mutex<Arc<Target>>, metrics: &Of) -> Result<(), QueueError> {
    let mut failures = 0_u32;
    while let Some((number, bytes)) = queue.first()? {
        let Some(parcel) = Parcel::from_bytes(&bytes) else {
            tracing::error!(number, "a request in the queue is not whole, and is left out");
            metrics.dropped(Dropped::Damaged.as_str(), Parcel::samples_of(&bytes));
            queue.remove(number)?;
            continue;
        };
        let target = Arc::clone(&target.lock().unwrap_or_else(PoisonError::into_inner));
        match sent(&target, &parcel, metrics) {
            Ok(()) => {
                queue.remove(number)?;
                show(queue, metrics);
                metrics.sent_at.set(seconds(parcel.at));
                if failures > 0 {
                    tracing::info!(
                        receiver = target.name,
                        waiting = queue.size().0,
                        "it takes samples again"
                    );
                }
                failures = 0;
            }
            Err((why, after)) => {
                failures = failures.saturating_add(1);
                if failures.is_power_of_two() {
                    let waiting = queue.size().0;
                    tracing::warn!(
                        receiver = target.name,
                        why,
                        failures,
                        waiting,
                        "it does not take samples"
                    );
                }
                if queue.pause(client::pause(&target, failures, after)) {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// Sends a request once, and counts what came of it; the error is why it is to be sent again, and what pause it is to be after.
fn sent(target: &Target, parcel: &Parcel, metrics: &Of) -> Result<(), (String, Option<Duration>)> {
    let answer = client::send(target, parcel).map_err(|error| {
        metrics.answered("failed");
        (error.to_string(), None)
    })?;
    let status = answer.status.map_or_else(|| "failed".to_owned(), |status| status.to_string());
    metrics.answered(&status);
    match judge(parcel.protocol, parcel.samples, &answer, client::now()) {
        Verdict::Over { taken, reason } => {
            metrics.samples.inc_by(taken);
            let lost = parcel.samples - taken;
            if lost > 0 {
                metrics.dropped(&reason, lost);
                let (receiver, says) = (&target.name, &answer.text);
                tracing::error!(receiver, status, says, lost, "it refuses samples");
            }
            Ok(())
        }
        Verdict::Again(after) => Err((format!("it answers {status} {}", answer.text), after)),
    }
}

fn show(queue: &Waiting, metrics: &Of) {
    let (waiting, bytes) = queue.size();
    metrics.waiting.set(as_gauge(waiting as u64));
    metrics.bytes.set(as_gauge(bytes));
}

fn as_gauge(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn seconds(at: i64) -> f64 {
    at as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::sync::mpsc::{Receiver as Seen, channel};

    use plimsoll_checks::http::Url;
    use prometheus::Registry;

    use super::super::{PushMetrics, Tls};
    use super::*;

    /// A server that answers so, in turn, and tells what it was sent.
    fn server(answers: &'static [&'static str]) -> (u16, Seen<(String, Vec<u8>)>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (tell, told) = channel();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut bytes = Vec::new();
                let (head, length) = loop {
                    let mut buffer = [0; 4096];
                    let read = stream.read(&mut buffer).unwrap();
                    bytes.extend_from_slice(&buffer[..read]);
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    let Some((head, _)) = text.split_once("\r\n\r\n") else { continue };
                    let length = head.split("Content-Length: ").nth(1).unwrap();
                    break (head.to_owned(), length.lines().next().unwrap().parse::<usize>().unwrap());
                };
                while bytes.len() < head.len() + 4 + length {
                    let mut buffer = [0; 4096];
                    let read = stream.read(&mut buffer).unwrap();
                    bytes.extend_from_slice(&buffer[..read]);
                }
                stream
                    .write_all(format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n").as_bytes())
                    .unwrap();
                tell.send((head.clone(), bytes[head.len() + 4..].to_vec())).unwrap();
            }
        });
        (port, told)
    }

    fn target(port: u16) -> Target {
        Target {
            name: "x".to_owned(),
            url: Url::parse(&format!("http://127.0.0.1:{port}/write?a=b")).unwrap(),
            protocol: Protocol::RemoteWrite1,
            tls: Tls::default(),
            login: None,
            headers: vec![("X-Scope-OrgID".to_owned(), "me".to_owned())],
            timeout: Duration::from_secs(60),
            max_bytes: 1 << 20,
            max_samples: 10,
            min_backoff: Duration::from_millis(1),
            max_backoff: Duration::from_millis(2),
        }
    }

    fn parcel(body: &str) -> Parcel {
        Parcel { protocol: Protocol::RemoteWrite1, samples: 2, at: 5000, body: body.as_bytes().to_vec() }
    }

    fn value(registry: &Registry, name: &str, label: Option<&str>) -> f64 {
        let families = registry.gather();
        let family = families.iter().find(|family| family.name() == name).unwrap();
        let has = |metric: &&prometheus::proto::Metric| {
            label.is_none_or(|label| metric.get_label().iter().any(|pair| pair.value() == label))
        };
        let metric = family.get_metric().iter().find(has).unwrap();
        if name.ends_with("_total") {
            metric.get_counter().get_value()
        } else {
            metric.get_gauge().get_value()
        }
    }

    #[test]
    fn what_waits_is_sent_in_order_until_it_is_taken_or_refused() {
        let place = std::env::temp_dir().join(format!("plimsoll-receiver-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&place);
        std::fs::create_dir(&place).unwrap();
        // What an earlier process left: a request that is whole, and one whose end is missing.
        std::fs::write(place.join("00000000000000000003.request"), parcel("a").to_bytes()).unwrap();
        let torn = parcel("torn").to_bytes();
        std::fs::write(place.join("00000000000000000004.request"), &torn[..torn.len() - 1]).unwrap();
        let (port, seen) = server(&["503 Busy", "429 Slow\r\nRetry-After: 0", "204 OK", "400 Bad", "200 OK"]);
        let registry = Registry::new();
        let metrics = PushMetrics::new(&registry).unwrap().of("x");
        let receiver = Receiver::open(&place, target(port), metrics).unwrap();
        receiver.take(&[parcel("b"), parcel("c")]);
        let sent: Vec<_> = seen.iter().take(5).collect();
        receiver.close().join().unwrap();
        let bodies: Vec<_> = sent.iter().map(|(_, body)| String::from_utf8_lossy(body)).collect();
        assert_eq!(bodies, ["a", "a", "a", "b", "c"]);
        let (head, _) = &sent[0];
        for line in [
            "POST /write?a=b HTTP/1.1",
            "Content-Type: application/x-protobuf",
            "Content-Encoding: snappy",
            "X-Prometheus-Remote-Write-Version: 0.1.0",
            "X-Scope-OrgID: me",
        ] {
            assert!(head.lines().any(|found| found == line), "{line}: {head}");
        }
        for (name, label, wanted) in [
            ("plimsoll_push_samples_total", None, 4.0),
            ("plimsoll_push_samples_dropped_total", Some("400"), 2.0),
            ("plimsoll_push_samples_dropped_total", Some("damaged"), 2.0),
            ("plimsoll_push_samples_dropped_total", Some("queue_full"), 0.0),
            ("plimsoll_push_requests_total", Some("503"), 1.0),
            ("plimsoll_push_queue_requests", None, 0.0),
            ("plimsoll_push_queue_bytes", None, 0.0),
            ("plimsoll_push_queue_limit_bytes", None, 1048576.0),
            ("plimsoll_push_sent_timestamp_seconds", None, 5.0),
            ("plimsoll_push_queued_timestamp_seconds", None, 5.0),
        ] {
            assert_eq!(value(&registry, name, label), wanted, "{name} {label:?}");
        }
        std::fs::remove_dir_all(place).unwrap();
    }
}
