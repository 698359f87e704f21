use super::*;

fn open() -> Conversation {
    let request = Request {
        method: "GET".to_owned(),
        scheme: "http",
        authority: "h".to_owned(),
        path: "/".to_owned(),
        ..Request::default()
    };
    Conversation::open(&request, 3).unwrap().0
}

fn headers(pairs: &[(&str, &str)]) -> Vec<u8> {
    Encoder::new().encode(pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())))
}

fn said(frames: &[Frame]) -> Result<(Answer, Vec<u8>), String> {
    let (mut conversation, mut reply) = (open(), Vec::new());
    for byte in frames.iter().flat_map(Frame::to_bytes) {
        reply.extend(conversation.push(&[byte]).map_err(|error| error.to_string())?);
    }
    assert!(conversation.is_over());
    Ok((conversation.into_answer(), reply))
}

#[test]
fn a_request_is_a_preface_settings_headers_and_a_body() {
    let request = Request {
        method: "POST".to_owned(),
        scheme: "https",
        authority: "h".to_owned(),
        path: "/x".to_owned(),
        headers: vec![("a".to_owned(), "b".to_owned())],
        body: vec![b'x'; LONGEST + 1],
    };
    let (_, bytes) = Conversation::open(&request, 0).unwrap();
    let mut frames = Frames::default();
    frames.push(bytes.strip_prefix(PREFACE).unwrap());
    let mut all = Vec::new();
    while let Some(frame) = frames.next_frame().unwrap() {
        all.push(frame);
    }
    let shape: Vec<_> = all.iter().map(|frame| (frame.kind, frame.flags, frame.stream)).collect();
    assert_eq!(shape, [(4, 0, 0), (8, 0, 0), (1, 4, 1), (0, 0, 1), (0, 1, 1)]);
    let unpacked = open().unpack(&all[2].payload).unwrap();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let own =
        [pair(":method", "POST"), pair(":scheme", "https"), pair(":authority", "h"), pair(":path", "/x")];
    assert_eq!(unpacked, [&own[..], &[pair("a", "b")]].concat());
    assert!(Conversation::open(&Request { body: vec![0; WINDOW + 1], ..request }, 0).is_err());
}

#[test]
fn an_answer_has_headers_a_body_and_trailers() {
    let block = headers(&[(":status", "200"), ("a", "b")]);
    let (first, second) = block.split_at(2);
    let (answer, reply) = said(&[
        Frame::new(kind::SETTINGS, 0, 0, &[]),
        Frame::new(kind::HEADERS, flag::END_HEADERS, 1, &headers(&[(":status", "103")])),
        Frame::new(kind::HEADERS, 0, 1, first),
        Frame::new(kind::CONTINUATION, flag::END_HEADERS, 1, second),
        Frame::new(kind::PING, 0, 0, b"12345678"),
        Frame::new(99, 0xff, 7, b"unknown"),
        Frame::new(kind::DATA, flag::PADDED, 1, b"\x01hello\0"),
        Frame::new(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, 1, &headers(&[("grpc-status", "0")])),
    ])
    .unwrap();
    assert_eq!(
        (answer.status(), answer.header("a"), answer.header("grpc-status")),
        (Some(200), Some("b"), Some("0"))
    );
    assert_eq!((answer.body.as_slice(), answer.length), (&b"hel"[..], 5));
    let acks = [
        Frame::new(kind::SETTINGS, flag::ACK, 0, &[]).to_bytes(),
        Frame::new(kind::PING, flag::ACK, 0, b"12345678").to_bytes(),
    ];
    assert_eq!(reply, acks.concat());
}

#[test]
fn what_is_no_answer_says_why() {
    let wrong = |frame: Frame| said(&[frame]).unwrap_err();
    let words = |what: &str| format!("the server does not speak HTTP/2: {what}");
    assert_eq!(wrong(Frame::new(kind::DATA, 0, 1, b"x")), words("a body before its headers"));
    assert_eq!(wrong(Frame::new(kind::HEADERS, 4, 3, b"")), words("an answer to what nobody asked"));
    assert_eq!(wrong(Frame::new(kind::CONTINUATION, 4, 1, b"")), words("headers that did not begin"));
    assert_eq!(
        wrong(Frame::new(kind::HEADERS, 4, 1, b"\xff\xff\xff")),
        words("headers that cannot be unpacked")
    );
    assert_eq!(wrong(Frame::new(kind::PUSH, 4, 1, b"")), words("a push that nobody asked for"));
    assert_eq!(wrong(Frame::new(kind::RESET, 0, 1, &[0, 0, 0, 7])), "the server breaks off with error 7");
    assert_eq!(
        wrong(Frame::new(kind::GO_AWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 1])),
        "the server breaks off with error 1"
    );
    let cut = [Frame::new(kind::HEADERS, 0, 1, b""), Frame::new(kind::PING, 0, 0, b"")];
    assert_eq!(said(&cut).unwrap_err(), words("headers that do not go on"));
    let mut conversation = open();
    assert!(conversation.push(b"HTTP/1.1 400 Bad Request\r\n\r\n").is_err());
}

#[test]
fn headers_may_not_unpack_to_very_much() {
    let mut block = headers(&[("x", &"y".repeat(4000))]);
    // That one again and again, a byte each.
    block.extend([0xbe; 1000]);
    let mut conversation = open();
    assert!(conversation.unpack(&block).is_err());
}
