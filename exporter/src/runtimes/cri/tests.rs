use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Request, Response};
use prometheus::Registry;
use prost::Message;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixListener;

use super::wire::*;
use super::*;
use crate::identity::{Origin, classify};
use crate::runtimes::{RuntimeMetrics, keep_following};

/// What the server does with a call.
enum Reply {
    /// Answers with these messages; the last is the end or not.
    Says(Vec<Vec<u8>>, bool),
    /// Refuses with a status.
    Refuses(u16),
    /// Answers with these bytes, whatever they are.
    Bytes(Vec<u8>),
    /// Does not answer.
    Hangs,
}

fn says(message: impl Message) -> Reply {
    Reply::Says(vec![message.encode_to_vec()], true)
}

/// A socket of a test's own.
fn socket() -> PathBuf {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let made = MADE.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("plimsoll-cri-{}-{made}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

/// Serves one connection.
async fn serve(listener: &UnixListener, answer: &impl Fn(&str) -> Reply) {
    let (stream, _) = listener.accept().await.expect("a client");
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    // What is not ended is kept open.
    let mut open = Vec::new();
    while let Some(Ok((request, respond))) = connection.accept().await {
        open.extend(reply(request, respond, answer));
    }
}

fn reply(
    request: Request<h2::RecvStream>,
    mut respond: SendResponse<Bytes>,
    answer: &impl Fn(&str) -> Reply,
) -> Option<(SendResponse<Bytes>, Option<h2::SendStream<Bytes>>)> {
    let (head, _) = request.into_parts();
    let method = head.uri.path().rsplit('/').next().unwrap_or_default().to_owned();
    let response = || Response::builder().header("content-type", "application/grpc");
    match answer(&method) {
        Reply::Says(messages, ends) => {
            let mut send = respond.send_response(response().body(()).expect("valid"), false).expect("sent");
            for message in messages {
                let length = (message.len() as u32).to_be_bytes();
                let framed = [&[0][..], &length, &message].concat();
                send.send_data(framed.into(), false).expect("sent");
            }
            if ends {
                let trailers =
                    HeaderMap::from_iter([("grpc-status".parse().expect("valid"), HeaderValue::from(0))]);
                send.send_trailers(trailers).expect("sent");
                return None;
            }
            Some((respond, Some(send)))
        }
        Reply::Refuses(code) => {
            let head = response()
                .header("grpc-status", code)
                .header("grpc-message", HeaderValue::from_bytes(b"no\xff").expect("valid"))
                .body(());
            respond.send_response(head.unwrap_or_default(), true).expect("sent");
            None
        }
        Reply::Bytes(bytes) => {
            let mut send = respond.send_response(response().body(()).expect("valid"), false).expect("sent");
            // Whoever has enough goes.
            let _ = send.send_data(bytes.into(), true);
            None
        }
        Reply::Hangs => Some((respond, None)),
    }
}

/// What a client makes of a server that answers so: everything told, and how it ended. Time passes when nothing else does.
fn followed(
    directory: &Directory,
    answer: impl Fn(&str) -> Reply,
    mut told: impl FnMut(&Word) -> bool,
) -> (Vec<Word>, Option<String>) {
    let path = socket();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let all = Mutex::new(Vec::new());
    let enough = tokio::sync::Notify::new();
    let ended = runtime.expect("a runtime").block_on(async {
        let listener = UnixListener::bind(&path).expect("a socket");
        let tell = |words: Vec<Word>| {
            for word in words {
                if told(&word) {
                    enough.notify_one();
                }
                if let Word::Is(id, details) = &word {
                    directory.tell(id.clone(), (**details).clone());
                }
                all.lock().unwrap_or_else(PoisonError::into_inner).push(word);
            }
        };
        tokio::select! {
            ended = follow(&path, Runtime::Containerd, directory, tell) => {
                let Err(error): Result<Infallible, _> = ended;
                Some(error.to_string())
            }
            () = async { loop { serve(&listener, &answer).await } } => None,
            () = enough.notified() => None,
        }
    });
    std::fs::remove_file(&path).expect("removed");
    (all.into_inner().unwrap_or_else(PoisonError::into_inner), ended)
}

const ID: &str = "77d06f573c36b428176d2e2a5c018effaf864f0fb63e27bc41c1c258e248ba71";
const POD: &str = "/kubepods/burstable/podc7ee4046-c890-41dc-ab99-f122526010d6";

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn pod_name() -> Option<SandboxName> {
    let (name, uid) = ("web-1".to_owned(), "c7ee4046-c890-41dc-ab99-f122526010d6".to_owned());
    Some(SandboxName { name, uid, namespace: "shop".to_owned() })
}

fn sandboxes() -> Sandboxes {
    let labels = map(&[("app", "shop"), ("io.kubernetes.pod.name", "web-1")]);
    let annotations = map(&[("note", "x")]);
    Sandboxes { items: vec![Sandbox { id: "pause".to_owned(), metadata: pod_name(), labels, annotations }] }
}

fn listed(id: &str, state: i32) -> Listed {
    Listed { id: id.to_owned(), sandbox: "pause".to_owned(), state }
}

fn status(id: &str, state: i32) -> ContainerStatus {
    ContainerStatus {
        id: id.to_owned(),
        metadata: Some(ContainerName { name: "main".to_owned(), attempt: 2 }),
        state,
        exit_code: if state == EXITED { 137 } else { 0 },
        image: Some(Image {
            image: "docker.io/library/web:1".to_owned(),
            user_specified_image: String::new(),
        }),
        image_ref: "docker.io/library/web@sha256:12".to_owned(),
        reason: if state == EXITED { "OOMKilled".to_owned() } else { String::new() },
        labels: map(&[
            ("io.kubernetes.container.name", "main"),
            ("io.kubernetes.pod.uid", "u"),
            ("tier", "front"),
        ]),
        annotations: map(&[("hash", "1f")]),
    }
}

/// A containerd of one pod with these containers, without events.
fn usual(method: &str, containers: &[Listed], states: &[ContainerStatus]) -> Reply {
    match method {
        "Version" => {
            says(Version { runtime_name: "containerd".to_owned(), runtime_version: "1.6.20".to_owned() })
        }
        "ListPodSandbox" => says(sandboxes()),
        "ListContainers" => says(Containers { containers: containers.to_vec() }),
        "ContainerStatus" => match states.first() {
            Some(status) => says(StatusAnswer { status: Some(status.clone()) }),
            None => Reply::Refuses(NOT_FOUND),
        },
        _ => Reply::Refuses(UNIMPLEMENTED),
    }
}

/// The words in short.
fn shown(words: &[Word]) -> Vec<String> {
    let show = |word: &Word| match word {
        Word::Is(id, details) => {
            let names = details.kubernetes.clone().unwrap_or_default();
            let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            let (pod, container) = (text(&names.pod), text(&names.container));
            format!("{id} {pod} {container} {} {}", text(&details.image), text(&details.image_id))
        }
        Word::Does(id, runtime, status) => {
            let exit = status.exit.as_ref().map(|exit| (exit.code, exit.reason.clone().unwrap_or_default()));
            format!("{id} {} {:?} {exit:?}", runtime.as_str(), status.restarts)
        }
    };
    words.iter().map(show).collect()
}

#[test]
fn pods_and_containers_are_listed() {
    let (containers, states) = ([listed(ID, 1), listed("gone", 1)], Mutex::new(vec![status(ID, 1)]));
    let answer = |method: &str| {
        let mut states = states.lock().expect("no panic");
        let reply = usual(method, &containers, &states);
        if method == "ContainerStatus" {
            states.clear();
        }
        reply
    };
    let (words, ended) =
        followed(&Directory::default(), answer, |word| matches!(word, Word::Does(id, ..) if id == ID));
    assert_eq!(ended, None);
    let main = format!("{ID} web-1 main docker.io/library/web:1 docker.io/library/web@sha256:12");
    let runs = format!("{ID} containerd Some(2) None");
    assert_eq!(shown(&words), ["pause web-1 - - -".to_owned(), main, runs]);
    let [Word::Is(_, pause), Word::Is(_, main), _] = words.as_slice() else { panic!("{words:?}") };
    assert!(pause.sandbox && !main.sandbox);
    let pod = main.pod.as_ref().expect("in a pod");
    let labels: Vec<_> = pod.metadata.starting_with(Origin::PodLabel, "").collect();
    assert_eq!((labels, pod.metadata.get(Origin::PodAnnotation, "note")), (vec![("app", "shop")], Some("x")));
    let own: Vec<_> = main.metadata.starting_with(Origin::ContainerLabel, "").collect();
    assert_eq!(own, [("tier", "front")]);
    assert_eq!(main.metadata.get(Origin::ContainerAnnotation, "hash"), Some("1f"));
}

#[test]
fn without_events_it_is_listed_what_the_kernel_told_of_and_no_more() {
    let directory = Directory::default();
    directory.follows(Runtime::Containerd, Path::new("/run/c"), true);
    let path = format!("{POD}/{ID}");
    let lists = AtomicU32::new(0);
    // It is in the third list, and has ended in the one after that.
    let answer = |method: &str| {
        let list = match method {
            "ListContainers" => lists.fetch_add(1, Ordering::Relaxed) + 1,
            _ => lists.load(Ordering::Relaxed),
        };
        let state = if list > 3 { EXITED } else { 1 };
        let containers = if list > 2 { vec![listed(ID, state)] } else { Vec::new() };
        usual(method, &containers, &[status(ID, state)])
    };
    let told = |word: &Word| match word {
        Word::Is(id, _) if id == "pause" => {
            directory.want(&classify(&path, 4), false);
            false
        }
        Word::Does(_, _, status) if status.exit.is_none() => {
            directory.want(&classify(&path, 4), true);
            false
        }
        word => matches!(word, Word::Does(..)),
    };
    let (words, ended) = followed(&directory, answer, told);
    assert_eq!(ended, None);
    let last = shown(&words).pop();
    assert_eq!(last, Some(format!("{ID} containerd Some(2) Some((137, \"OOMKilled\"))")));
    assert_eq!(lists.load(Ordering::Relaxed), 4);
}

/// A field of a message: bytes of a known length.
fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    [&[tag << 3 | 2, u8::try_from(bytes.len()).expect("short")][..], bytes].concat()
}

#[test]
fn events_tell_of_a_pod_and_its_containers() {
    // By the numbers of the interface, not by ours.
    let name = [field(1, b"web-2"), field(2, b"u2"), field(3, b"shop"), vec![0x20, 1]].concat();
    let label = [field(1, b"app"), field(2, b"shop")].concat();
    let sandbox = [field(1, b"p2"), field(2, &name), vec![0x18, 0], field(7, &label)].concat();
    let image = [field(1, b"web:2"), vec![0x92, 1, 5], b"asked".to_vec()].concat();
    let main = [
        field(1, b"c2"),
        field(2, &[&field(1, b"main")[..], &[0x10, 4]].concat()),
        vec![0x18, 2, 0x20, 9, 0x30, 9, 0x38, 3],
        field(8, &image),
        field(9, b"sha256:2"),
        field(10, b"Error"),
        field(11, b"a message"),
    ];
    let event =
        [field(1, b"c2"), vec![0x10, 2, 0x18, 7], field(4, &sandbox), field(5, &main.concat())].concat();
    let answer = |method: &str| match method {
        "GetContainerEvents" => Reply::Says(vec![event.clone()], false),
        method => usual(method, &[], &[]),
    };
    let (words, ended) =
        followed(&Directory::default(), answer, |word| matches!(word, Word::Does(id, ..) if id == "c2"));
    assert_eq!(ended, None);
    assert_eq!(
        shown(&words),
        [
            "pause web-1 - - -",
            "p2 web-2 - - -",
            "c2 web-2 main asked sha256:2",
            "c2 containerd Some(4) Some((3, \"Error\"))"
        ]
    );
    let [.., Word::Is(_, main), _] = words.as_slice() else { panic!("{words:?}") };
    let pod = main.pod.as_ref().expect("in a pod");
    assert_eq!((pod.uid.as_str(), pod.metadata.get(Origin::PodLabel, "app")), ("u2", Some("shop")));
}

/// As containerd 1.6.20 answered, but for the ids, which are shorter here.
#[test]
fn what_a_real_containerd_says() {
    let image = b"B\x19\n\x17plimsoll.test/busybox:1J\x09sha256:9a";
    let times = b" \xfc\xec\xb2\xae\xb9\xd9\x9a\xf5\x18(\xfe\xe2\xcc\xe9\xb9\xd9\x9a\xf5\x180\xb5\xcf\xfa\xf0\xb9\xd9\x9a\xf5\x188\x07";
    let job =
        [&b"\n\x02c1\x12\x05\n\x03job\x18\x02"[..], times, image, b"R\x05Error\x82\x01\x02\n\0"].concat();
    let words = parse_status(&field(1, &job), Runtime::Containerd).expect("valid");
    let job = "c1 - job plimsoll.test/busybox:1 sha256:9a";
    assert_eq!(shown(&words), [job, "c1 containerd Some(0) Some((7, \"Error\"))"]);
    let pod = b"\n\x02p1\x12\x11\n\x05web-1\x12\x02u1\x1a\x04shop \xff\x89\xd1\xec\xb6\xd9\x9a\xf5\x18*\x0b\n\x03app\x12\x04shop";
    let words = parse_sandboxes(&field(1, pod), Runtime::Containerd).expect("valid");
    assert_eq!(shown(&words), ["p1 web-1 - - -"]);
    let [Word::Is(_, pause)] = words.as_slice() else { panic!("{words:?}") };
    let pod = pause.pod.as_ref().expect("a pod");
    let label = pod.metadata.get(Origin::PodLabel, "app");
    assert_eq!((pod.uid.as_str(), pod.namespace.as_str(), label), ("u1", "shop", Some("shop")));
}

#[test]
fn what_an_event_does_not_tell_is_listed() {
    let lists = AtomicU32::new(0);
    let answer = |method: &str| match method {
        "GetContainerEvents" => {
            let event = Event { container_id: ID.to_owned(), kind: 1, ..Event::default() };
            Reply::Says(vec![event.encode_to_vec()], false)
        }
        "ListContainers" if lists.fetch_add(1, Ordering::Relaxed) == 0 => says(Containers::default()),
        method => usual(method, &[listed(ID, 1)], &[status(ID, 1)]),
    };
    let (words, ended) =
        followed(&Directory::default(), answer, |word| matches!(word, Word::Does(id, ..) if id == ID));
    assert_eq!((ended, words.len(), lists.load(Ordering::Relaxed)), (None, 3, 2));
}

/// How a session ends in which one method is answered so.
fn ends(broken: &'static str, reply: impl Fn() -> Reply) -> String {
    let answer = |method: &str| match method == broken {
        true => reply(),
        false => usual(method, &[listed(ID, 1)], &[status(ID, 1)]),
    };
    followed(&Directory::default(), answer, |_| false).1.expect("it ends")
}

#[test]
fn one_that_hangs_is_given_up() {
    for method in ["Version", "ListPodSandbox", "ListContainers", "ContainerStatus"] {
        assert_eq!(ends(method, || Reply::Hangs), "no answer after 10 seconds", "{method}");
        assert_eq!(ends(method, || Reply::Says(Vec::new(), false)), "no answer after 10 seconds", "{method}");
    }
}

#[test]
fn nonsense_ends_a_session() {
    let garbled = "what it said is no answer of gRPC";
    assert_eq!(ends("Version", || Reply::Bytes(vec![1, 0, 0, 0, 0])), garbled, "compressed");
    assert_eq!(ends("Version", || Reply::Bytes(vec![0, 0])), garbled, "without an end");
    assert_eq!(ends("ListContainers", || Reply::Says(Vec::new(), true)), garbled, "no message");
    let two = || Reply::Says(vec![Vec::new(), Vec::new()], true);
    assert_eq!(ends("ListContainers", two), garbled, "two messages");
    let no_message = ends("ListContainers", || Reply::Says(vec![vec![0x0a, 200, 1]], true));
    assert!(no_message.starts_with("what it said is no message of its kind: "), "{no_message}");
    let long = || Reply::Bytes(vec![0, 255, 255, 255, 255, 0]);
    assert_eq!(ends("ListContainers", long), "an answer of more than 16777216 bytes");
    let long = || Reply::Bytes(vec![0, 0, 16, 0, 1, 0]);
    assert_eq!(ends("GetContainerEvents", long), "an answer of more than 1048576 bytes");
}

#[test]
fn one_that_refuses_says_so() {
    assert_eq!(ends("ListContainers", || Reply::Refuses(7)), "the answer is status 7 of gRPC: no\\xff");
    assert_eq!(ends("Version", || Reply::Refuses(UNIMPLEMENTED)), "it does not speak CRI");
}

#[test]
fn what_is_no_http2() {
    let path = socket();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let error = runtime.block_on(async {
        let listener = UnixListener::bind(&path).expect("a socket");
        let serve = async {
            let (mut stream, _) = listener.accept().await.expect("a client");
            stream
                .write_all(b"SSH-2.0-OpenSSH_9.2\r\nwhat else is there to say?\r\n")
                .await
                .expect("written");
            std::future::pending::<()>().await;
        };
        let directory = Directory::default();
        tokio::select! {
            Err(error) = follow(&path, Runtime::CriO, &directory, drop) => error.to_string(),
            () = serve => String::new(),
        }
    });
    assert!(error.starts_with("the connection broke: "), "{error}");
    std::fs::remove_file(&path).expect("removed");
}

#[test]
fn one_that_restarts_is_followed_again() {
    let path = socket();
    let registry = Registry::new();
    let metrics = RuntimeMetrics::new(&registry).expect("valid");
    let directory = Arc::new(Directory::default());
    let served = crate::runtimes::Socket { runtime: Runtime::CriO, path: path.clone() };
    let pauses = (Duration::from_millis(1), Duration::from_millis(2));
    let follower = keep_following(served, Arc::clone(&directory), metrics, pauses);
    let up = || {
        let families = registry.gather();
        let family = families.iter().find(|family| family.name() == "plimsoll_runtime_up")?;
        Some(family.get_metric().first()?.get_gauge().get_value())
    };
    let until = async |value: Option<f64>| {
        while up() != value {
            tokio::task::yield_now().await;
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let answer = |method: &str| usual(method, &[], &[]);
    let story = async {
        until(None).await;
        for life in 0..2 {
            let listener = UnixListener::bind(&path).expect("a socket");
            tokio::select! {
                () = async { loop { serve(&listener, &answer).await } } => {}
                () = until(Some(1.0)) => {}
            }
            assert!(directory.is_followed(Runtime::CriO) && directory.get("pause").is_some(), "{life}");
            drop(listener);
            until(Some(0.0)).await;
            assert!(!directory.is_followed(Runtime::CriO), "{life}");
            std::fs::remove_file(&path).expect("removed");
        }
    };
    runtime.block_on(async {
        tokio::select! {
            () = follower => {}
            story = tokio::time::timeout(Duration::from_secs(60), story) => story.expect("within a minute"),
        }
    });
}
