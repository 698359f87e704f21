//! HTTP/2: the frames are those of the `h2` crate, what is in them is recorded.

use std::future::poll_fn;

use bytes::Bytes;
use h2::server::{self, SendResponse};
use http::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use super::{Answer, Asked, End, Served};

/// Serves a connection until it ends, or until an answer cuts it off.
pub(super) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    certificate: bool,
    served: &Served,
) -> Result<(), h2::Error> {
    let mut connection = server::handshake(stream).await?;
    let (cut, mut cuts) = mpsc::channel(1);
    let mut answers = tokio::task::JoinSet::new();
    loop {
        let accepted = tokio::select! {
            // What was said goes out first, as far as there is room.
            biased;
            accepted = connection.accept() => accepted,
            _ = cuts.recv() => return Ok(()),
        };
        let Some((request, respond)) = accepted.transpose()? else { return Ok(()) };
        let answer = served.answer(Asked { certificate, version: 2, ..asked(&request) });
        let cut = cut.clone();
        answers.spawn(async move {
            let end = answer.end;
            // Who goes away in the middle has had enough.
            let _ = say(respond, answer).await;
            if end == End::Cut {
                let _ = cut.send(()).await;
            }
        });
    }
}

fn asked(request: &Request<h2::RecvStream>) -> Asked {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    Asked::new(request.method().as_str(), target, header("authorization"), header("accept"))
}

async fn say(mut respond: SendResponse<Bytes>, answer: Answer) -> Result<(), h2::Error> {
    let mut head = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        head = head.header(name, value);
    }
    if answer.end == End::Whole {
        head = head.header("content-length", answer.body().len());
    }
    let Ok(head) = head.body(()) else { return Ok(()) };
    let mut stream = respond.send_response(head, false)?;
    for part in answer.parts {
        let mut left = Bytes::from(part);
        while !left.is_empty() {
            stream.reserve_capacity(left.len());
            let Some(room) = poll_fn(|context| stream.poll_capacity(context)).await.transpose()? else {
                return Ok(());
            };
            stream.send_data(left.split_to(room.min(left.len())), false)?;
        }
    }
    match answer.end {
        End::Whole => stream.send_data(Bytes::new(), true),
        End::Cut => Ok(()),
        // Until the other side has enough.
        End::Open => poll_fn(|context| stream.poll_reset(context)).await.map(drop),
    }
}
