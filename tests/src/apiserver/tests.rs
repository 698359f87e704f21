use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;

/// A connection that speaks this protocol.
async fn connect(server: &ApiServer, protocol: &[u8]) -> Result<TlsStream<tokio::net::TcpStream>> {
    let mut known = RootCertStore::empty();
    known.add(CertificateDer::from_pem_file(server.path("authority.pem"))?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = config.with_root_certificates(known).with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = tokio::net::TcpStream::connect(server.address()).await?;
    Ok(TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost")?, stream).await?)
}

/// All that comes by HTTP/1.1 to these requests; the last of them is to end the connection.
async fn by_http1(server: &ApiServer, requests: &str) -> Result<String> {
    let mut stream = connect(server, b"http/1.1").await?;
    stream.write_all(requests.as_bytes()).await?;
    let mut all = Vec::new();
    loop {
        // Who is cut off hears no farewell.
        match stream.read_buf(&mut all).await {
            Ok(0) | Err(_) => return Ok(String::from_utf8(all)?),
            Ok(_) => {}
        }
    }
}

/// The status, the body that comes by HTTP/2, up to so many bytes, and whether it ended as it should.
async fn by_http2(server: &ApiServer, path: &str, enough: usize) -> Result<(u16, Vec<u8>, bool)> {
    let (mut client, connection) = h2::client::handshake(connect(server, b"h2").await?).await?;
    let driver = tokio::spawn(connection);
    let request = http::Request::get(format!("https://localhost{path}")).header("authorization", "Bearer t");
    let (response, _) = client.send_request(request.body(())?, true)?;
    let (head, mut body) = response.await?.into_parts();
    let (mut all, mut whole) = (Vec::new(), false);
    while all.len() < enough {
        match body.data().await {
            Some(Ok(data)) => {
                body.flow_control().release_capacity(data.len())?;
                all.extend_from_slice(&Bytes::clone(&data));
            }
            Some(Err(_)) => break,
            None => {
                whole = true;
                break;
            }
        }
    }
    driver.abort();
    Ok((head.status.as_u16(), all, whole))
}

fn says(asked: &Asked) -> Answer {
    let answer = match asked.path.as_str() {
        "/list" => Answer::list("pods"),
        "/gone" => Answer::recorded("errors/list_continue_expired_gone"),
        "/watch" => Answer::watch("pods_node"),
        "/cut" => Answer::watch("pods_cut_by_kill9").map(|answer| answer.end(End::Cut)),
        _ => Answer::recorded("errors/not_found"),
    };
    answer.unwrap_or_else(|error| Answer::text(599, error.to_string()))
}

fn run<T>(test: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(test)
}

#[test]
fn http1_says_what_was_recorded() -> Result<()> {
    let server = ApiServer::start(says)?;
    let requests = "GET /list?limit=2&continue=a%2Fb HTTP/1.1\r\nAuthorization: Bearer t\r\n\r\nGET /cut HTTP/1.1\r\n\r\n";
    let said = run(by_http1(&server, requests))?;
    let list = String::from_utf8(fixture("lists/pods.json")?)?;
    let (head, rest) = said.split_once("\r\n\r\n").context("no head")?;
    assert_eq!(head.lines().next(), Some("HTTP/1.1 200 OK"));
    ensure!(head.ends_with(&format!("Content-Length: {}", list.len())), "{head}");
    let rest = rest.strip_prefix(&list).context("another list")?;
    let (head, chunks) = rest.split_once("\r\n\r\n").context("no second head")?;
    ensure!(head.contains("\r\ncache-control: no-cache, private\r\n"), "{head}");
    let watch = String::from_utf8(fixture("watch/pods_cut_by_kill9.jsonl")?)?;
    let expected: String =
        watch.split_inclusive('\n').map(|line| format!("{:x}\r\n{line}\r\n", line.len())).collect();
    assert!(chunks == expected, "no chunk that says it is over");
    let asked = server.asked();
    assert_eq!((asked[0].token.as_deref(), asked[0].version, asked[0].certificate), (Some("t"), 1, false));
    assert_eq!(asked[0].parameter("continue").as_deref(), Some("a/b"));
    assert_eq!(asked[0].target(), "/list?limit=2&continue=a%2Fb");
    assert_eq!((asked[1].method.as_str(), asked[1].path.as_str(), asked.len()), ("GET", "/cut", 2));
    Ok(())
}

#[test]
fn http2_says_the_same() -> Result<()> {
    let server = ApiServer::start(says)?;
    let all = usize::MAX;
    let list = fixture("lists/pods.json")?;
    assert!(run(by_http2(&server, "/list", all))? == (200, list, true));
    let gone = fixture("errors/list_continue_expired_gone.body")?;
    assert!(run(by_http2(&server, "/gone", all))? == (410, gone, true));
    let cut = fixture("watch/pods_cut_by_kill9.jsonl")?;
    // What was under way when it broke off may be lost, as with a server that is killed.
    let (status, came, whole) = run(by_http2(&server, "/cut", all))?;
    assert!(status == 200 && cut.starts_with(&came) && !whole, "broken off");
    let watch = fixture("watch/pods_node.jsonl")?;
    assert!(run(by_http2(&server, "/watch", watch.len()))? == (200, watch, false), "and goes on");
    let asked = server.asked();
    assert_eq!((asked[0].token.as_deref(), asked[0].version), (Some("t"), 2));
    Ok(())
}
