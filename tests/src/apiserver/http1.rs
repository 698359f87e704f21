//! HTTP/1.1, by hand, so that every byte is as it is meant: one request after the other.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::{Answer, Asked, End, Feed, Served};

/// A longer head is none.
const LONGEST: usize = 64 * 1024;

/// Serves a connection until it ends.
pub(super) async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    certificate: bool,
    served: &Served,
) -> io::Result<()> {
    let mut heard = Vec::new();
    while let Some(head) = head(&mut stream, &mut heard).await? {
        let Some(asked) = parse(&head) else { return Ok(()) };
        let answer = served.answer(Asked { certificate, ..asked });
        say(&mut stream, &answer).await?;
        match answer.end {
            End::Whole => {}
            // Until the other side has enough.
            End::Open => stay(&mut stream, answer.feed.as_ref()).await?,
            End::Cut => return Ok(()),
        }
    }
    stream.shutdown().await
}

/// Says what comes to be said, until the other side has enough.
async fn stay(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), feed: Option<&Feed>) -> io::Result<()> {
    let mut heard = [0; 1024];
    loop {
        let next = async {
            match feed {
                Some(feed) => feed.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            heard = stream.read(&mut heard) => if heard? == 0 { return Ok(()) },
            part = next => {
                chunk(stream, &part).await?;
                stream.flush().await?;
            }
        }
    }
}

async fn chunk(stream: &mut (impl AsyncWrite + Unpin), part: &[u8]) -> io::Result<()> {
    stream.write_all(format!("{:x}\r\n", part.len()).as_bytes()).await?;
    stream.write_all(part).await?;
    stream.write_all(b"\r\n").await
}

/// A request without a body; none at the end.
async fn head(stream: &mut (impl AsyncRead + Unpin), heard: &mut Vec<u8>) -> io::Result<Option<String>> {
    loop {
        if let Some(at) = heard.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let rest = heard.split_off(at + 4);
            let head = std::mem::replace(heard, rest);
            return Ok(Some(String::from_utf8_lossy(&head).into_owned()));
        }
        if heard.len() > LONGEST || stream.read_buf(heard).await? == 0 {
            return Ok(None);
        }
    }
}

fn parse(head: &str) -> Option<Asked> {
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let header = |wanted: &str| {
        let mut pairs = lines.clone().filter_map(|line| line.split_once(':'));
        pairs.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
    };
    Some(Asked::new(method, target, header("authorization"), header("accept")))
}

/// What is whole has a length, as the server's own answers have; all else comes in chunks.
async fn say(stream: &mut (impl AsyncWrite + Unpin), answer: &Answer) -> io::Result<()> {
    let whole = answer.end == End::Whole;
    let mut head = format!("HTTP/1.1 {} {}\r\n", answer.status, reason(answer.status));
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if whole {
        head.push_str(&format!("Content-Length: {}\r\n\r\n", answer.body().len()));
    } else {
        head.push_str("Transfer-Encoding: chunked\r\n\r\n");
    }
    stream.write_all(head.as_bytes()).await?;
    for part in answer.parts.iter().filter(|part| !part.is_empty()) {
        if whole {
            stream.write_all(part).await?;
        } else {
            chunk(stream, part).await?;
        }
    }
    stream.flush().await
}

fn reason(status: u16) -> &'static str {
    http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default()
}
