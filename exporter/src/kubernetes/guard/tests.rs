use futures_util::StreamExt as _;
use http_body_util::{BodyExt as _, StreamBody};

use super::*;

#[test]
fn some_at_once_and_then_one_after_the_other() {
    let pace = Pace { per_second: 5.0, next: Mutex::new(None) };
    let now = Instant::now();
    for _ in 0..20 {
        assert_eq!(pace.take(now), None);
    }
    let waits: Vec<_> = (0..3).filter_map(|_| pace.take(now)).map(|at| at - now).collect();
    assert_eq!(waits, [200, 400, 600].map(Duration::from_millis));
    // Who was silent for a while may begin anew.
    assert_eq!(pace.take(now + Duration::from_secs(60)), None);
}

#[test]
fn what_is_asked_for_and_what_comes_of_it() {
    let of = |target: &str| asked(&Request::get(target).body(Body::empty()).expect("a request"));
    assert_eq!(of("/api/v1/pods?fieldSelector=spec.nodeName%3Dn&resourceVersion=0"), Asked::List);
    assert_eq!(of("/k8s/clusters/c-1/api/v1/namespaces?resourceVersion=0"), Asked::List);
    assert_eq!(of("/api/v1/services"), Asked::List);
    assert_eq!(of("/api/v1/namespaces?&watch=true"), Asked::Watch);
    assert_eq!(of("/apis/batch/v1/namespaces/shop/jobs/pods"), Asked::Get);
    assert_eq!(of("/api/v1/pods?&watch=true&timeoutSeconds=290"), Asked::Watch);
    assert_eq!(of("/apis/batch/v1/namespaces/shop/jobs/watch"), Asked::Get);
    let outcomes = [200, 401, 403, 404, 410, 422, 429, 500, 504];
    let outcomes = outcomes.map(|code| outcome(StatusCode::from_u16(code).expect("a status")));
    let expected = [
        "ok",
        "unauthorized",
        "forbidden",
        "not_found",
        "expired",
        "refused",
        "throttled",
        "server_error",
        "timeout",
    ];
    assert_eq!(outcomes, expected);
}

/// What becomes of an answer in these parts.
fn passed(asked: Asked, parts: Vec<Vec<u8>>) -> Result<usize, String> {
    let frames = parts.into_iter().map(|part| Ok::<_, BoxError>(Frame::data(Bytes::from(part))));
    let frames = futures_util::stream::iter(frames);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    // The clock of an answer begins with it.
    let whole = runtime.block_on(async move { Bounded::new(StreamBody::new(frames), asked).collect().await });
    whole.map(|body| body.to_bytes().len()).map_err(|error| error.to_string())
}

#[test]
fn an_answer_has_a_bound_and_an_event_has_one() {
    let part = vec![b' '; 1 << 20];
    assert_eq!(passed(Asked::Watch, vec![part.clone(); 8]), Ok(8 << 20));
    assert_eq!(
        passed(Asked::Watch, vec![part.clone(); 9]),
        Err("an event of more than 8388608 bytes".to_owned())
    );
    let mut line = vec![b' '; 7 << 20];
    line[6 << 20] = b'\n';
    assert_eq!(passed(Asked::Watch, vec![line.clone(); 4]), Ok(28 << 20), "lines, each of them short enough");
    let whole = vec![line; 10];
    assert_eq!(passed(Asked::List, whole), Err("an answer of more than 67108864 bytes".to_owned()));
}

#[test]
fn an_answer_that_does_not_end_is_given_up() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let endless = || StreamBody::new(futures_util::stream::pending::<Result<Frame<Bytes>, BoxError>>());
    let whole = runtime.block_on(async { Bounded::new(endless(), Asked::Get).collect().await });
    assert_eq!(
        whole.map(|_| ()).map_err(|error| error.to_string()),
        Err("no answer after 60 seconds".to_owned())
    );
    // A watch may be silent: whoever follows it decides how long.
    let watch = runtime.block_on(async {
        timeout(Duration::from_secs(3600), Bounded::new(endless(), Asked::Watch).collect()).await
    });
    assert!(watch.is_err(), "it still waits");
    // But if it ends without a word, there may be nothing to wait for.
    let ended = |after: u64| {
        let end = futures_util::stream::once(async move {
            tokio::time::sleep(Duration::from_secs(after)).await;
            Frame::data(Bytes::new())
        });
        let none = end.filter_map(|_| async { None::<Result<Frame<Bytes>, BoxError>> });
        let body = async { Bounded::new(StreamBody::new(Box::pin(none)), Asked::Watch).collect().await };
        runtime.block_on(body).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(ended(100), Ok(()));
    let expected = "not a word for 290 seconds: it may be ahead of the server";
    assert_eq!(ended(290), Err(expected.to_owned()));
}
