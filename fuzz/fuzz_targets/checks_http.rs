//! What web servers answer: however the bytes come, they come to the same, and no more is kept than was wanted.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_checks::checks::http::{Follow, Place};
use plimsoll_checks::checks::rest::path::Path;
use plimsoll_checks::http::cookies::Page;
use plimsoll_checks::http::{Jar, Response, Url, date};

const KEEP: usize = 100;

fuzz_target!(|input: (bool, &[u8], u8, &str)| {
    let (without_body, bytes, size, text) = input;
    let heard = |size: usize| {
        let mut response = Response::new(without_body, KEEP);
        for part in bytes.chunks(size) {
            response.push(part);
        }
        response.finish();
        response
    };
    let whole = heard(bytes.len().max(1));
    let parts = heard(usize::from(size) + 1);
    assert_eq!(whole.received, bytes.len() as u64);
    assert!(whole.body.len() <= KEEP.min(bytes.len()));
    assert_eq!((&whole.body, whole.status_line(), whole.headers()), (&parts.body, parts.status_line(), parts.headers()));
    assert_eq!((whole.status(), whole.is_complete()), (parts.status(), parts.is_complete()));
    cookies(text);
    let _ = date::parse(text);
    let _ = Path::parse(text);
    if let Some(url) = Url::parse(text) {
        assert!(!url.host.is_empty() && url.path.starts_with('/'));
    }
    let place =
        Place { address: "a".into(), host: None, port: 1, host_port: None, tls: false, path: "/b".into() };
    let follow = Follow { same_host: false, same_port: false, most: 1 };
    if let Ok(next) = follow.next(&place, &whole, 1) {
        assert!(next.path.starts_with('/') && next.port <= 65535);
        assert!(!next.path.contains(['\r', '\n', ' ']), "{next:?}");
        assert!(!next.host.unwrap_or_default().contains(['\r', '\n', ' ']));
    }
});

/// Whatever is set, and whatever a file has, ends no header and comes back from a file as it went in.
fn cookies(text: &str) {
    let page = Page { host: "a.example", path: "/b/c", tls: true };
    let mut jar = Jar::parse(text);
    text.lines().for_each(|line| jar.take(page, line, 1_800_000_000));
    let said = jar.header(page, 1_800_000_000);
    assert!(!said.unwrap_or_default().contains(|c: char| c.is_control()));
    assert_eq!(Jar::parse(&jar.to_text()), jar);
}
