//! Clients that half open, trickle, flood, send garbage or never read.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::harness::{Answer, BIG, Running, is_closed, settings, wait_until};

/// 200 connections that send nothing, and 200 that have begun a request.
fn crowd(server: &Running) -> Vec<TcpStream> {
    let mut clients: Vec<TcpStream> = (0..400).map(|_| server.connect()).collect();
    for client in &mut clients[200..] {
        client.write_all(b"GET /metrics HTTP/1.1\r\nX: ").expect("open");
    }
    clients
}

#[test]
fn a_crowd_of_half_open_and_slow_clients_does_not_hold_a_scrape() {
    let server = Running::start(settings());
    let mut clients = crowd(&server);
    wait_until("all are connected", || server.connections() == 400.0);
    for _ in 0..20 {
        for client in &mut clients[200..] {
            client.write_all(b"x").expect("open");
        }
        assert_eq!(server.get("/metrics").status, 200);
    }
    assert!(server.connections() >= 400.0, "they were there all the time");
    drop(clients);
    wait_until("all are forgotten", || server.connections() == 0.0);
}

#[test]
fn half_open_and_slow_clients_are_cut_off() {
    let mut settings = settings();
    settings.limits.header_timeout = Duration::from_millis(200);
    let server = Running::start(settings);
    let mut clients = crowd(&server);
    // Those that trickle go on doing so; a byte does not buy them more time.
    wait_until("all are cut off", || {
        for client in &mut clients[200..] {
            // A refused byte is what we wait for.
            let _ = client.write(b"x");
        }
        server.rejected("slow_request") == 400.0
    });
    wait_until("all see it", || clients.iter_mut().all(is_closed));
    wait_until("all are forgotten", || server.connections() == 0.0);
    assert_eq!(server.get("/-/healthy").status, 200);
}

#[test]
fn an_idle_connection_is_closed_in_silence() {
    let mut settings = settings();
    settings.limits.idle_timeout = Duration::from_millis(50);
    let server = Running::start(settings);
    let mut client = server.connect();
    client.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").expect("open");
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).expect("the server ends it");
    assert_eq!(Answer::parse(&bytes).text(), "Plimsoll is healthy.\n");
    wait_until("it is forgotten", || server.connections() == 0.0);
    assert_eq!(server.rejected("slow_request") + server.rejected("disconnected"), 0.0);
}

#[test]
fn beyond_the_limit_connections_are_closed_at_once() {
    let mut settings = settings();
    settings.limits.connections = 4;
    let server = Running::start(settings);
    let held: Vec<_> = (0..4).map(|_| server.connect()).collect();
    wait_until("all are connected", || server.connections() == 4.0);
    let mut fifth = server.connect();
    wait_until("the fifth is closed", || is_closed(&mut fifth));
    assert_eq!(server.rejected("connections"), 1.0);
    drop(held);
    wait_until("there is room", || server.connections() == 0.0);
    assert_eq!(server.get("/metrics").status, 200);
}

#[test]
fn heads_too_large_are_refused() {
    let server = Running::start(settings());
    let long = format!("X: {}", "x".repeat(17 << 10));
    assert_eq!(server.get_with("/metrics", &[&long]).status, 431);
    let many = vec!["X: y"; 150];
    assert_eq!(server.get_with("/metrics", &many).status, 431);
    assert_eq!(server.get(&format!("/metrics?{}", "x".repeat(17 << 10))).status, 431);
    wait_until("all are counted", || server.rejected("malformed") == 3.0);
    assert_eq!(server.get("/metrics").status, 200);
}

#[test]
fn garbage_is_refused() {
    let server = Running::start(settings());
    let noise: Vec<u8> = (0..2000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8 | 0x80).collect();
    let inputs: [&[u8]; 6] = [
        &noise,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /metrics\r\n\r\n",
        b"GET /metrics HTTP/9.9\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nno colon here\r\n\r\n",
    ];
    for (i, input) in inputs.iter().enumerate() {
        let mut client = server.connect();
        client.write_all(input).expect("open");
        client.shutdown(Shutdown::Write).expect("open");
        wait_until("it is counted", || server.rejected("malformed") == (i + 1) as f64);
        wait_until("it is closed", || is_closed(&mut client) || is_closed(&mut client));
    }
    assert_eq!((server.fake.scrapers().len(), server.get("/metrics").status), (0, 200));
}

#[test]
fn a_body_nobody_asked_for_is_not_read() {
    let server = Running::start(settings());
    let claims = server.get_with("/metrics", &["Content-Length: 1000000000000"]);
    assert_eq!((claims.status, claims.text()), (200, "Text All All\n"));
    wait_until("it is not waited for", || server.connections() == 0.0);
}

/// A client that has seen the beginning of a big answer, and reads no more of it.
fn slow_reader(server: &Running) -> TcpStream {
    let mut client = server.ask("GET", "/metrics?big", &[]);
    client.read_exact(&mut [0; 15]).expect("HTTP/1.1 200 OK");
    client
}

#[test]
fn who_never_reads_holds_no_scrape_and_is_cut_off() {
    let mut settings = settings();
    settings.max_requests = 1;
    settings.limits.write_timeout = Duration::from_millis(200);
    let server = Running::start(settings);
    let _client = slow_reader(&server);
    assert_eq!(server.get("/metrics").status, 200, "the only place is free");
    wait_until("it is cut off", || server.rejected("slow_reader") == 1.0);
    wait_until("it is forgotten", || server.connections() == 0.0);
}

#[test]
fn answers_that_are_not_taken_are_bounded() {
    let mut settings = settings();
    settings.limits.unsent_bytes = BIG;
    let server = Running::start(settings);
    let mut client = slow_reader(&server);
    let refused = server.get("/metrics");
    assert_eq!(
        (refused.status, refused.text()),
        (503, "Too many answers not yet taken by their clients, try again later.\n")
    );
    assert_eq!(server.rejected("unsent"), 1.0);
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).expect("the rest of the answer");
    wait_until("there is room", || server.get("/metrics").status == 200);
}
