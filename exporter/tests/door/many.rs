//! HTTP/2 behind TLS: who speaks it, and clients that flood, never end, or never read. They write their frames themselves, for no
//! library would write such ones.

use std::io::{self, Read as _, Write as _};
use std::time::Duration;

use crate::certificates::Files;
use crate::client::{Client, Sealed};
use crate::harness::{BIG, Running, is_closed, settings, wait_until};
use crate::{TLS, start, start_with};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `ENHANCE_YOUR_CALM`.
const CALM: u32 = 11;

/// One frame: its kind, flags, stream, and what is in it.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A request's fields in HPACK: of the static table, and the path as it is.
fn get(path: &str) -> Vec<u8> {
    let mut fields = vec![0x82, 0x87, 0x41, 9];
    fields.extend(b"localhost");
    fields.extend([0x44, path.len() as u8]);
    fields.extend(path.as_bytes());
    fields
}

fn read_frame(stream: &mut Sealed) -> io::Result<(u8, u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head)?;
    let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
    stream.read_exact(&mut payload)?;
    Ok((head[3], head[4], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload))
}

/// A connection that has begun, with these settings.
fn begin(client: &Client, server: &Running, settings: &[u8]) -> Sealed {
    let mut stream = client.connect(server).expect("a handshake");
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"h2"[..]));
    stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, settings)].concat()).expect("open");
    stream
}

fn client(files: &Files) -> Client {
    Client::new(files).speaking(&["h2", "http/1.1"])
}

/// Reads to the end: the status and body of each answer by its stream, and why the server ended it, if it said so.
fn all(stream: &mut Sealed) -> (Vec<(u32, u8, usize)>, Option<u32>) {
    let (mut answers, mut why): (Vec<(u32, u8, usize)>, _) = (Vec::new(), None);
    while let Ok((kind, flags, number, payload)) = read_frame(stream) {
        match kind {
            // Whoever is told to end is asked whether it has heard.
            PING if flags == 0 => drop(stream.write_all(&frame(PING, 1, 0, &payload))),
            HEADERS => answers.push((number, payload[0], 0)),
            DATA => answers
                .iter_mut()
                .filter(|answer| answer.0 == number)
                .for_each(|answer| answer.2 += payload.len()),
            GOAWAY => why = Some(u32::from_be_bytes([payload[4], payload[5], payload[6], payload[7]])),
            _ => {}
        }
    }
    (answers, why)
}

#[test]
fn the_best_that_both_speak_is_spoken() {
    let files = Files::new();
    for (text, offered, spoken) in [
        (TLS.to_owned(), &["h2", "http/1.1"][..], Some("h2")),
        (TLS.to_owned(), &["http/1.1", "h2"], Some("h2")),
        (TLS.to_owned(), &["http/1.1"], Some("http/1.1")),
        (TLS.to_owned(), &[], None),
        (format!("{TLS}http_server_config: {{http2: true}}\n"), &["h2"], Some("h2")),
        (format!("{TLS}http_server_config: {{http2: false}}\n"), &["h2", "http/1.1"], Some("http/1.1")),
    ] {
        let (server, _) = start(&files, &text);
        let stream = Client::new(&files).speaking(offered).connect(&server).expect("a handshake");
        assert_eq!(stream.conn.alpn_protocol(), spoken.map(str::as_bytes), "{offered:?} {text}");
    }
}

#[test]
fn many_requests_are_answered_at_once_and_an_old_connection_ends() {
    let files = Files::new();
    let (server, door) = start(&files, TLS);
    let window = [0, 4, 0x7f, 0xff, 0xff, 0xff];
    let mut stream = begin(&client(&files), &server, &window);
    // The whole connection may have as much as each of its streams.
    stream.write_all(&frame(8, 0, 0, &(i32::MAX as u32 - 65_535).to_be_bytes())).expect("open");
    for number in 0..20 {
        let path = if number == 7 { "/metrics?big" } else { "/metrics" };
        stream
            .write_all(&frame(HEADERS, END_STREAM | END_HEADERS, number * 2 + 1, &get(path)))
            .expect("open");
    }
    wait_until("all are asked", || server.fake.scrapers().len() == 20);
    door.replace(files.rules(TLS)).expect("as closed as before");
    let last = frame(HEADERS, END_STREAM | END_HEADERS, 41, &get("/-/healthy"));
    stream.write_all(&last).expect("open");
    let (mut answers, why) = all(&mut stream);
    answers.sort_unstable();
    // 0x88 is the status 200 in the static table.
    let wanted = |number: u32| match number {
        7 => (15, 0x88, BIG),
        20 => (41, 0x88, "Plimsoll is healthy.\n".len()),
        _ => (number * 2 + 1, 0x88, "Text All All\n".len()),
    };
    assert_eq!(answers, (0..21).map(wanted).collect::<Vec<_>>());
    assert_eq!(why, Some(0), "in order: it was made under another certificate");
    wait_until("it is forgotten", || server.connections() == 0.0);
}

#[test]
fn who_floods_is_ended_and_others_are_served() {
    let files = Files::new();
    let (server, _) = start(&files, TLS);
    let reset = |number: u32| {
        let request = frame(HEADERS, END_STREAM | END_HEADERS, number, &get("/metrics?stuck"));
        [request, frame(RST_STREAM, 0, number, &8u32.to_be_bytes())].concat()
    };
    let floods: [(&str, Vec<u8>); 2] = [
        ("requests that are taken back", (0..5000).flat_map(|number| reset(number * 2 + 1)).collect()),
        ("a head without an end", {
            let start = frame(HEADERS, END_STREAM, 1, &get("/metrics"));
            let more = (0..500).flat_map(|_| {
                frame(CONTINUATION, 0, 1, &[&[0x40, 1, b'x', 127, 0xe1, 0x0f][..], &[b'x'; 2144]].concat())
            });
            start.into_iter().chain(more).collect()
        }),
    ];
    for (what, flood) in floods {
        let before = server.rejected("flood");
        let mut stream = begin(&client(&files), &server, &[]);
        // It may be ended before all is written.
        let _ = stream.write_all(&flood);
        let (_, why) = all(&mut stream);
        assert!(why.is_none_or(|why| why == CALM), "{what}: {why:?}");
        wait_until(what, || server.rejected("flood") == before + 1.0);
    }
    server.fake.release();
    let status = || Client::new(&files).get(&server, "/metrics", &[]).expect("an answer").status;
    wait_until("who asks is answered", || status() == 200);
    wait_until("all are forgotten", || server.connections() == 0.0);
}

#[test]
fn who_never_begins_never_reads_or_rests_is_let_go() {
    let files = Files::new();
    let mut settings = settings();
    settings.max_requests = 1;
    settings.limits.header_timeout = Duration::from_millis(200);
    settings.limits.write_timeout = Duration::from_millis(200);
    settings.limits.idle_timeout = Duration::from_millis(200);
    let (server, _) = start_with(&files, TLS, settings);
    let client = client(&files);
    let silent = client.connect(&server).expect("a handshake");
    let mut endless = begin(&client, &server, &[]);
    endless.write_all(&frame(HEADERS, END_STREAM, 1, &get("/metrics"))).expect("open");
    wait_until("both are cut off", || server.rejected("slow_request") == 2.0);
    // Its window is 0: not a byte may be sent to it.
    let mut never = begin(&client, &server, &[0, 4, 0, 0, 0, 0]);
    never.write_all(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &get("/metrics"))).expect("open");
    wait_until("it is cut off", || server.rejected("slow_reader") == 1.0);
    // Whatever it says meanwhile that is no request.
    let mut rests = begin(&client, &server, &[]);
    rests.write_all(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &get("/-/healthy"))).expect("open");
    wait_until("it is let go", || {
        let _ = rests.write_all(&frame(PING, 0, 0, &[0; 8]));
        server.connections() == 0.0
    });
    for mut stream in [silent, endless, never] {
        assert!(is_closed(&mut stream.sock) || is_closed(&mut stream.sock) || all(&mut stream).0.is_empty());
    }
    let answer = Client::new(&files).get(&server, "/metrics", &[]).expect("the only place is free");
    assert_eq!(answer.status, 200);
    assert_eq!(server.rejected("flood") + server.rejected("malformed"), 0.0);
}

#[test]
fn what_is_no_http2_is_malformed() {
    let files = Files::new();
    let (server, _) = start(&files, TLS);
    let mut stream = client(&files).connect(&server).expect("a handshake");
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("open");
    wait_until("it is counted", || server.rejected("malformed") == 1.0);
    assert_eq!(all(&mut stream).0, []);
    let (server, _) = start(&files, TLS);
    let mut large = begin(&client(&files), &server, &[]);
    // One field beyond the limit of all of them.
    let field = [&[0x40, 1, b'x', 127, 0xe1, 0x7f][..], &[b'x'; 16_480]].concat();
    let start = frame(HEADERS, END_STREAM, 1, &get("/metrics"));
    let (first, rest) = field.split_at(16_000);
    large
        .write_all(
            &[start, frame(CONTINUATION, 0, 1, first), frame(CONTINUATION, END_HEADERS, 1, rest)].concat(),
        )
        .expect("open");
    large.sock.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    let refused = loop {
        match read_frame(&mut large) {
            Ok((HEADERS, _, _, payload)) => break payload,
            Ok((RST_STREAM | GOAWAY, ..)) | Err(_) => panic!("it says nothing of it"),
            Ok(_) => {}
        }
    };
    // `:status` and 431 in Huffman's code (RFC 7541, B).
    assert!(refused.starts_with(&[0x48, 0x83, 0x69, 0x90, 0xff]), "{refused:x?}");
    assert!(server.fake.scrapers().is_empty(), "nobody was asked");
}
