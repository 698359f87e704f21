//! A server in this process with a source that does what the query says, and a client that speaks bytes.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use plimsoll::http::{
    CollectorName, CollectorState, CollectorStatus, Limits, Readiness, ScrapeError, ScrapeRequest, Scraper,
    Server, Settings, Source,
};
use plimsoll::telemetry::Telemetry;
use tokio::sync::oneshot;

/// Longer than anything here takes on a busy machine; reaching it is a failure.
const FAR: Duration = Duration::from_secs(60);
/// The size of the answer to `?big`: more than the sockets of both sides hold.
pub(crate) const BIG: usize = 48 << 20;

#[derive(Default)]
struct State {
    scrapers: Vec<Scraper>,
    blocked: usize,
    abandoned: usize,
    released: bool,
    ready: bool,
}

/// `?block` waits for [`Fake::release`] or the end of all interest, `?stuck` for the former alone; `?panic`,
/// `?fail` and `?big` do what they say; all others answer what was asked for.
#[derive(Default)]
pub(crate) struct Fake {
    state: Mutex<State>,
    changed: Condvar,
}

impl Source for Fake {
    fn scrape(&self, request: &ScrapeRequest, out: &mut Vec<u8>) -> Result<(), ScrapeError> {
        let target = request.scraper.target.clone();
        let asks = |word: &str| target.contains(word);
        self.state.lock().expect("not poisoned").scrapers.push(request.scraper.clone());
        assert!(!asks("panic"), "as asked");
        if asks("fail") {
            return Err("the disk is on fire".into());
        }
        if asks("block") || asks("stuck") {
            self.wait(request, asks("block"));
        }
        if asks("big") {
            out.resize(BIG, b'#');
            return Ok(());
        }
        let ScrapeRequest { format, view, filter, .. } = request;
        writeln!(out, "{format:?} {view:?} {filter:?}")?;
        Ok(())
    }

    fn ready(&self) -> Readiness {
        if self.state.lock().expect("not poisoned").ready {
            return Readiness::Ready;
        }
        Readiness::NotReady("the programs are not attached".to_owned())
    }

    fn collectors(&self) -> Vec<CollectorStatus> {
        let state = CollectorState::Refused("no BTF".to_owned());
        vec![CollectorStatus { name: "oom".to_owned(), summary: "OOM kills".to_owned(), state }]
    }
}

impl Fake {
    fn wait(&self, request: &ScrapeRequest, heeds_abandonment: bool) {
        let mut state = self.state.lock().expect("not poisoned");
        state.blocked += 1;
        while !(state.released || heeds_abandonment && request.is_abandoned()) {
            state = self.changed.wait_timeout(state, Duration::from_millis(1)).expect("not poisoned").0;
        }
        state.blocked -= 1;
        state.abandoned += usize::from(request.is_abandoned());
    }

    /// Lets all blocked scrapes go on, these and later ones.
    pub(crate) fn release(&self) {
        self.state.lock().expect("not poisoned").released = true;
        self.changed.notify_all();
    }

    pub(crate) fn make_ready(&self) {
        self.state.lock().expect("not poisoned").ready = true;
    }

    pub(crate) fn blocked(&self) -> usize {
        self.state.lock().expect("not poisoned").blocked
    }

    /// Blocked scrapes that ended after all interest in them had.
    pub(crate) fn abandoned(&self) -> usize {
        self.state.lock().expect("not poisoned").abandoned
    }

    pub(crate) fn scrapers(&self) -> Vec<Scraper> {
        self.state.lock().expect("not poisoned").scrapers.clone()
    }
}

/// A server that runs.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) fake: Arc<Fake>,
    telemetry: Telemetry,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<bool>>,
}

/// The settings of a test: an own port, and no limit of time that a busy machine could reach.
pub(crate) fn settings() -> Settings {
    let limits = Limits {
        header_timeout: FAR * 60,
        idle_timeout: FAR * 60,
        write_timeout: FAR * 60,
        drain_timeout: FAR,
        ..Limits::default()
    };
    Settings {
        listen: vec!["127.0.0.1:0".parse().expect("valid")],
        telemetry_path: "/metrics".to_owned(),
        max_requests: 40,
        scrape_timeout: FAR,
        collectors: vec![
            CollectorName { name: "oom", enabled: true },
            CollectorName { name: "sched", enabled: true },
            CollectorName { name: "perf", enabled: false },
        ],
        probes: None,
        max_probes: 2,
        reload: None,
        door: None,
        limits,
    }
}

impl Running {
    pub(crate) fn start(settings: Settings) -> Self {
        let telemetry = Telemetry::new().expect("valid metrics");
        let fake = Arc::new(Fake::default());
        let (stop, stopped) = oneshot::channel::<()>();
        let (bound, address) = mpsc::channel();
        let (source, metrics) = (Arc::clone(&fake), telemetry.http.clone());
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .max_blocking_threads(settings.blocking_threads())
                .build()
                .expect("a runtime");
            let drained = runtime.block_on(async {
                let server = Server::bind(&settings, source, metrics).expect("a free port");
                bound.send(server.addresses()[0]).expect("the test waits");
                server.run(async { drop(stopped.await) }).await
            });
            runtime.shutdown_background();
            drained
        });
        let address = address.recv_timeout(FAR).expect("the server listens");
        Self { address, fake, telemetry, stop: Some(stop), thread: Some(thread) }
    }

    /// Begins the stop and does not wait for its end.
    pub(crate) fn begin_stop(&mut self) {
        drop(self.stop.take());
    }

    /// Stops; true if everything under way ended by itself.
    pub(crate) fn stop(&mut self) -> bool {
        self.begin_stop();
        self.thread.take().expect("stopped once").join().expect("no panic")
    }

    /// A self metric's value; `label` is the value of one of its labels, or empty.
    pub(crate) fn value(&self, name: &str, label: &str) -> f64 {
        let families = self.telemetry.gather();
        let family = families.iter().find(|family| family.name() == name).expect("a declared metric");
        let mut of_label = family
            .get_metric()
            .iter()
            .filter(|m| label.is_empty() || m.get_label().iter().any(|pair| pair.value() == label));
        let metric = of_label.next().expect("a series of that label");
        metric.get_counter().get_value() + metric.get_gauge().get_value()
    }

    pub(crate) fn rejected(&self, reason: &str) -> f64 {
        self.value("plimsoll_http_requests_rejected_total", reason)
    }

    pub(crate) fn connections(&self) -> f64 {
        self.value("plimsoll_http_connections", "")
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_read_timeout(Some(FAR)).expect("a valid timeout");
        stream
    }

    /// Sends a request on a connection of its own and does not wait.
    pub(crate) fn ask(&self, method: &str, target: &str, headers: &[&str]) -> TcpStream {
        let mut stream = self.connect();
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
        for header in headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).expect("the server reads");
        stream
    }

    pub(crate) fn get(&self, target: &str) -> Answer {
        Answer::read(self.ask("GET", target, &[]))
    }

    pub(crate) fn get_with(&self, target: &str, headers: &[&str]) -> Answer {
        Answer::read(self.ask("GET", target, headers))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.fake.release();
    }
}

/// All bytes a server sent before it closed.
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn read(mut stream: TcpStream) -> Self {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("a whole answer");
        Self::parse(&bytes)
    }

    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8(bytes[..end].to_vec()).expect("a head of ASCII");
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
        Self { status, head, body: bytes[end + 4..].to_vec() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("valid UTF-8")
    }
}

/// Waits for a condition, which is to come true by itself.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < FAR, "{what}: not in time");
        thread::sleep(Duration::from_millis(1));
    }
}

/// True if the server has closed the connection, whether with an end or a reset.
pub(crate) fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).expect("a socket");
    let read = stream.read(&mut [0; 512]);
    stream.set_nonblocking(false).expect("a socket");
    match read {
        Ok(n) => n == 0,
        Err(e) => e.kind() != io::ErrorKind::WouldBlock,
    }
}
