use super::*;

/// All at once, and a byte at a time, which has to come to the same.
fn heard(text: &[u8]) -> Response {
    let mut whole = Response::new(false, 1 << 20);
    whole.push(text);
    let mut bytes = Response::new(false, 1 << 20);
    for byte in text {
        bytes.push(&[*byte]);
    }
    assert_eq!(whole.body, bytes.body);
    assert_eq!(whole.headers(), bytes.headers());
    assert_eq!(whole.is_complete(), bytes.is_complete());
    whole.finish();
    whole
}

#[test]
fn the_head_is_a_line_and_headers() {
    let response =
        heard(b"HTTP/1.1 200 OK\r\nA: b\r\nLONG: one\r\n  two\r\nContent-length: 5\r\n\r\nhello more");
    assert_eq!(response.status_line(), "HTTP/1.1 200 OK");
    assert_eq!(response.status(), Some(200));
    assert_eq!(response.header("a").as_deref(), Some("b"));
    assert_eq!(response.header("long").as_deref(), Some("one two"));
    assert_eq!(response.header("b"), None);
    assert_eq!(response.body, b"hello");
    assert!(response.is_complete());
    assert_eq!(heard(b"HTTP/1.1 200 OK\nA: b\n\nhello").body, b"hello");
}

#[test]
fn a_body_ends_where_its_framing_says() {
    let chunked = heard(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n");
    assert_eq!((chunked.body.as_slice(), chunked.is_complete()), (&b"hi"[..], true));
    let open = heard(b"HTTP/1.1 200 OK\r\n\r\nhi");
    assert_eq!((open.body.as_slice(), open.is_complete()), (&b"hi"[..], false));
    assert!(heard(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n").is_complete());
    let mut head = Response::new(true, 0);
    head.push(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    assert!(head.is_complete());
}

#[test]
fn what_stands_before_an_answer_is_left_out() {
    let text = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 404 No\r\n\r\nx";
    let response = heard(text);
    assert_eq!((response.status(), response.received), (Some(404), text.len() as u64));
}

#[test]
fn what_is_no_http_has_a_first_line_too() {
    let response = heard(b"\x16\x03garbage\nmore");
    assert_eq!((response.status_line().as_str(), response.status()), ("\x16\x03garbage", None));
    assert_eq!(heard(b"\r\n\r\n").status_line(), "");
    for (line, status) in [("HTTP/1.1 99 Low", None), ("HTTP/1.1 600 x", None), ("HTTP/1.1 2000 x", None)] {
        assert_eq!(heard(line.as_bytes()).status(), status, "{line}");
    }
    assert_eq!(heard(b"HTTP/1.1 abc").status(), None);
    assert_eq!(heard(b"HTTP/1.1").status(), None);
    assert_eq!(heard(b"HTTP/1.0 200").status(), Some(200));
}

#[test]
fn no_more_is_kept_than_wanted_and_all_is_counted() {
    let mut response = Response::new(false, 3);
    response.push(b"HTTP/1.1 200 OK\r\n\r\n");
    response.push(b"hello");
    assert_eq!((response.body.as_slice(), response.received), (&b"hel"[..], 24));
    let mut endless = Response::new(false, 3);
    endless.push(&vec![b'x'; LONGEST_HEAD + 1]);
    assert!(endless.has_head());
    endless.push(b"hello");
    assert_eq!(endless.body, b"hel");
}

#[test]
fn a_header_may_stand_more_than_once() {
    let mut response = Response::new(false, 0);
    response.push(b"HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nX: y\r\nSet-Cookie: b=2;\r\n Path=/\r\n\r\n");
    assert_eq!(response.values("Set-Cookie"), ["a=1", "b=2; Path=/"]);
    assert_eq!(response.header("Set-Cookie").as_deref(), Some("a=1"));
    assert!(response.values("Y").is_empty());
}

#[test]
fn what_came_compressed_is_looked_through_as_it_was() {
    const GZIP: &[u8] =
        b"\x1f\x8b\x08\0\0\0\0\0\x02\x03\xcbH\xcd\xc9\xc9W\xc8KMM\xc9I\x05\0\x80\xb8h\x17\x0c\0\0\0";
    const ZLIB: &[u8] = b"\x78\x9c\xcbH\xcd\xc9\xc9W\xc8KMM\xc9I\x05\0\x1e)\x04\xa2";
    let body = |encoding: &str, bytes: &[u8], keep: usize| {
        let mut response = Response::new(false, 1000);
        response.push(format!("HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\n\r\n").as_bytes());
        response.push(bytes);
        response.decompress(keep);
        response.body
    };
    assert_eq!(body("GZip", GZIP, 1000), b"hello needle");
    assert_eq!(body("deflate", ZLIB, 1000), b"hello needle");
    assert_eq!(body("deflate", &ZLIB[2..ZLIB.len() - 4], 1000), b"hello needle");
    assert_eq!(body("gzip", GZIP, 5), b"hello");
    assert_eq!(body("identity", GZIP, 1000), GZIP);
    // Cut short, and none at all.
    assert!(b"hello needle".starts_with(&body("gzip", &GZIP[..20], 1000)));
    assert_eq!(body("gzip", b"hello", 1000), b"");
}
