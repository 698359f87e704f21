use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use rustix::net::sockopt::{Timeout, set_socket_timeout};

use super::*;

const LIST: &str = r#"[{"Id":"a","Names":["/web"],"Image":"nginx:1","Labels":{"app":"shop"}}]"#;
const EVENT: &str = "{\"Type\":\"container\",\"Action\":\"start\",\"Actor\":{\"ID\":\"b\",\"Attributes\":{\"name\":\"job\"}}}\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";

/// A socket of a test's own.
fn socket() -> PathBuf {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let made = MADE.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("plimsoll-runtime-{}-{made}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

/// Reads a request; its path.
fn request(stream: &UnixStream) -> String {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    first.split(' ').nth(1).unwrap_or_default().to_owned()
}

/// An answer of a length that is known.
fn whole(body: &str) -> String {
    format!("{OK}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// A part of an answer that goes on.
fn chunk(body: &str) -> String {
    format!("{:x}\r\n{body}\r\n", body.len())
}

/// Answers a question after one container: `b` was started again twice and has an address, and nobody else is there.
fn inspect(listener: &UnixListener) {
    let (mut asked, _) = listener.accept().expect("a client");
    let answer = match request(&asked).as_str() {
        "/containers/b/json" => whole(
            r#"{"Name":"/job","RestartCount":2,"State":{"Status":"running"},
                "NetworkSettings":{"Networks":{"bridge":{"IPAddress":"172.17.0.9"}}}}"#,
        ),
        _ => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
    };
    write!(asked, "{answer}").expect("written");
}

/// Serves one session: events, then the list, then these parts of the events, and as many questions after containers as come of
/// it; and ends it.
fn session(listener: &UnixListener, list: &str, parts: &[&str], inspected: usize) {
    let (mut events, _) = listener.accept().expect("a client");
    assert!(request(&events).starts_with("/events?filters="));
    write!(events, "{OK}Transfer-Encoding: chunked\r\n\r\n").expect("written");
    let (mut asked, _) = listener.accept().expect("a client");
    assert_eq!(request(&asked), "/containers/json");
    write!(asked, "{}", whole(list)).expect("written");
    for part in parts {
        // Whoever has enough goes.
        let _ = write!(events, "{}", chunk(part));
    }
    (0..inspected).for_each(|_| inspect(listener));
}

/// What a client makes of a server that does `serve`: everything told, and how it ended.
fn followed(serve: impl FnOnce(UnixListener) + Send + 'static) -> (Vec<String>, String) {
    let path = socket();
    let listener = UnixListener::bind(&path).expect("a socket");
    // Who should come and does not fails a test, and hangs none.
    set_socket_timeout(&listener, Timeout::Recv, Some(Duration::from_secs(60))).expect("a timeout");
    let server = thread::spawn(move || serve(listener));
    let mut told = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let tell = |words: Vec<Word>| {
        told.extend(words.into_iter().map(|word| match word {
            Word::Is(id, said) => format!("{id} {} {:?}", said.name.unwrap_or_default(), said.addresses),
            Word::Does(id, _, status) => format!("{id} {:?}", status.restarts),
        }));
    };
    let Err(error) = runtime.block_on(docker::follow(&path, Runtime::Docker, tell));
    drop(runtime);
    server.join().expect("no panic");
    std::fs::remove_file(&path).expect("removed");
    (told, error.to_string())
}

#[test]
fn the_list_and_then_events_in_whatever_parts_they_come() {
    let (head, tail) = EVENT.split_at(20);
    let parts = ["\n", head, tail, EVENT];
    let (told, error) = followed(move |listener| session(&listener, LIST, &parts, 3));
    let started = ["b job []", "b job [172.17.0.9]", "b Some(2)"];
    assert_eq!(told, [&["a web []"][..], &started, &started].concat());
    assert!(error.starts_with("the connection broke: "), "{error}");
}

#[test]
fn a_health_check_whose_result_is_not_told_is_asked_for_once_more_when_it_is_over() {
    let event = r#"{"Type":"container","Action":"health_status","Actor":{"ID":"b"}}"#;
    let parts = [event, "\n"];
    // The list's own, at once, and a second later.
    let (told, _) = followed(move |listener| session(&listener, LIST, &parts, 3));
    let looked = ["b job [172.17.0.9]", "b Some(2)"];
    assert_eq!(told, [&["a web []"][..], &looked, &looked].concat());
}

#[test]
fn nonsense_ends_a_session_and_keeps_what_was_told() {
    let (told, error) = followed(|listener| session(&listener, LIST, &["what?\n"], 1));
    assert_eq!(told, ["a web []"]);
    assert!(error.starts_with("what it said is no JSON of its kind: "), "{error}");
    let (told, error) = followed(|listener| session(&listener, "{}", &[], 0));
    assert!(told.is_empty() && error.starts_with("what it said is no JSON of its kind: "), "{error}");
    let long = "x".repeat(64 << 10);
    let (_, error) = followed(move |listener| session(&listener, "[]", &[long.as_str(); 20], 0));
    assert_eq!(error, "an event of more than 1048576 bytes");
}

#[test]
fn refusals_and_what_is_no_http() {
    let answer = |text: &'static str| {
        let serve = move |listener: UnixListener| {
            let (mut stream, _) = listener.accept().expect("a client");
            request(&stream);
            let _ = stream.write_all(text.as_bytes());
        };
        followed(serve).1
    };
    assert_eq!(answer("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"), "the answer is 403 Forbidden");
    assert!(answer("SSH-2.0-OpenSSH_9.2\r\n").starts_with("the connection broke: "));
    assert!(answer("").starts_with("the connection broke: "));
}

#[test]
fn an_answer_has_a_bound() {
    let serve = |listener: UnixListener| {
        let (mut events, _) = listener.accept().expect("a client");
        request(&events);
        write!(events, "{OK}Transfer-Encoding: chunked\r\n\r\n").expect("written");
        let (mut asked, _) = listener.accept().expect("a client");
        request(&asked);
        let part = chunk(&" ".repeat(1 << 20));
        let _ = write!(asked, "{OK}Transfer-Encoding: chunked\r\n\r\n");
        while asked.write_all(part.as_bytes()).is_ok() {}
    };
    assert_eq!(followed(serve).1, "an answer of more than 16777216 bytes");
}

/// Waits until something holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(std::time::Instant::now() < end, "not within a minute: {what}");
        thread::yield_now();
    }
}

#[test]
fn a_socket_is_tried_again_and_says_how_it_is() {
    let path = socket();
    let (registry, directory) = (Registry::new(), Arc::new(Directory::default()));
    let metrics = RuntimeMetrics::new(&registry).expect("valid");
    let served = Socket { runtime: Runtime::Podman, path: path.clone() };
    let pauses = (Duration::from_millis(1), Duration::from_millis(2));
    let task = keep_following(served, Arc::clone(&directory), metrics, pauses);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let follower = thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                () = task => {}
                _ = stopped => {}
            }
        });
    });
    let value = |name: &str| {
        let families = registry.gather();
        let family = families.iter().find(|family| family.name() == name)?;
        let metric = family.get_metric().first()?;
        Some(metric.get_gauge().get_value() + metric.get_counter().get_value())
    };
    assert_eq!(value("plimsoll_runtime_up"), None, "no socket, no series");
    // A directory in its place: found, and no runtime.
    std::fs::create_dir(&path).expect("a directory");
    until("it fails again and again", || value("plimsoll_runtime_failures_total") >= Some(3.0));
    assert_eq!(value("plimsoll_runtime_up"), Some(0.0));
    std::fs::remove_dir(&path).expect("removed");
    let listener = UnixListener::bind(&path).expect("a socket");
    let (end, ended) = std::sync::mpsc::channel();
    let server = thread::spawn(move || {
        let (mut events, _) = listener.accept().expect("a client");
        request(&events);
        write!(events, "{OK}Transfer-Encoding: chunked\r\n\r\n").expect("written");
        let (mut asked, _) = listener.accept().expect("a client");
        request(&asked);
        write!(asked, "{}", whole(LIST)).expect("written");
        inspect(&listener);
        ended.recv().expect("the test goes on");
    });
    until("it is up", || value("plimsoll_runtime_up") == Some(1.0) && directory.get("a").is_some());
    assert!(directory.is_followed(Runtime::Podman));
    end.send(()).expect("it runs");
    server.join().expect("no panic");
    until("it is down", || value("plimsoll_runtime_up") == Some(0.0));
    until("it is not followed", || !directory.is_followed(Runtime::Podman));
    assert!(directory.get("a").is_some(), "what was told stays");
    stop.send(()).expect("it runs");
    follower.join().expect("no panic");
    std::fs::remove_file(&path).expect("removed");
}

#[test]
fn where_sockets_are() {
    let given = [Socket { runtime: Runtime::Podman, path: "/srv/p.sock".into() }];
    let usual = [
        (Runtime::Docker, "/host/run/docker.sock"),
        (Runtime::Containerd, "/host/run/containerd/containerd.sock"),
        (Runtime::Containerd, "/host/run/k3s/containerd/containerd.sock"),
        (Runtime::CriO, "/host/run/crio/crio.sock"),
    ];
    let usual = usual.map(|(runtime, path)| Socket { runtime, path: path.into() });
    assert_eq!(sockets(Path::new("/host"), true, &given), [&usual[..], &given].concat());
    assert_eq!(sockets(Path::new("/"), false, &given), given);
    assert_eq!(sockets(Path::new("/"), false, &[]), []);
}
