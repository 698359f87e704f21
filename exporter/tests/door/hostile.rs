//! Clients that half open, trickle, flood or never read, over TLS and before it.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::certificates::{Files, HASH};
use crate::client::{Client, basic};
use crate::harness::{Running, is_closed, settings, wait_until};
use crate::{TLS, start, start_with};

/// The first bytes of a handshake: a record that claims 512 more.
const HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

#[test]
fn a_handshake_that_does_not_end_is_cut_off() {
    let files = Files::new();
    let mut settings = settings();
    settings.limits.handshake_timeout = Duration::from_millis(200);
    let (server, _) = start_with(&files, TLS, settings);
    let mut clients: Vec<TcpStream> = (0..100).map(|_| server.connect()).collect();
    clients[50..].iter_mut().for_each(|client| client.write_all(HELLO).expect("open"));
    wait_until("all are cut off", || {
        // A byte does not buy more time; a refused one is what we wait for.
        clients[50..].iter_mut().for_each(|client| drop(client.write(b"x")));
        server.rejected("tls_timeout") == 100.0
    });
    wait_until("all see it", || clients.iter_mut().all(is_closed));
    wait_until("all are forgotten", || server.connections() == 0.0);
}

#[test]
fn handshakes_are_within_the_bound_of_connections_and_hold_no_scrape() {
    let files = Files::new();
    let mut settings = settings();
    (settings.limits.connections, settings.limits.handshake_timeout) = (101, Duration::from_secs(3600));
    let (server, _) = start_with(&files, TLS, settings);
    let mut held: Vec<TcpStream> = (0..100).map(|_| server.connect()).collect();
    held.iter_mut().for_each(|client| client.write_all(HELLO).expect("open"));
    wait_until("all are connected", || server.connections() == 100.0);
    let client = Client::new(&files);
    assert_eq!(client.get(&server, "/metrics", &[]).expect("there is room for one").status, 200);
    wait_until("it is forgotten", || server.connections() == 100.0);
    held.push(server.connect());
    let mut beyond = server.connect();
    wait_until("one more is closed", || is_closed(&mut beyond));
    assert_eq!(server.rejected("connections"), 1.0);
}

#[test]
fn garbage_and_old_versions_are_refused_and_told_apart() {
    let files = Files::new();
    let (server, _) = start(&files, TLS);
    // A client of TLS 1.0, with a cipher of its time.
    let old = b"\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x01\
        aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\x00\x00\x02\x00\x2f\x01\x00";
    for (bytes, reason) in [
        (&b"\x80\x2e\x01\x03\x01"[..], "tls_malformed"),
        (&b"\x16\x03\x01\x00\x05hello"[..], "tls_malformed"),
        (HELLO, "tls_disconnected"),
        (b"", "tls_disconnected"),
        (old, "tls_version"),
    ] {
        let before = server.rejected(reason);
        let mut client = server.connect();
        client.write_all(bytes).expect("open");
        client.shutdown(Shutdown::Write).expect("open");
        wait_until(reason, || server.rejected(reason) == before + 1.0);
        wait_until("it is closed", || is_closed(&mut client) || is_closed(&mut client));
    }
    assert_eq!(server.fake.scrapers(), []);
}

#[test]
fn a_client_that_does_not_trust_us_is_counted() {
    let (files, others) = (Files::new(), Files::new());
    let (server, _) = start(&files, TLS);
    assert!(Client::new(&others).get(&server, "/metrics", &[]).is_err());
    wait_until("it is counted", || server.rejected("tls_alert") == 1.0);
}

#[test]
fn heads_too_large_and_too_slow_are_refused_over_tls() {
    let files = Files::new();
    let mut settings = settings();
    settings.limits.header_timeout = Duration::from_millis(200);
    let (server, _) = start_with(&files, TLS, settings);
    let client = Client::new(&files);
    // It may be reset before it has read the refusal, which is on its way all the same.
    let _ = client.get(&server, "/metrics", &[format!("X: {}", "x".repeat(17 << 10))]);
    wait_until("it is counted", || server.rejected("malformed") == 1.0);
    let mut slow: Vec<_> = (0..20).map(|_| client.connect(&server).expect("a handshake")).collect();
    wait_until("all are cut off", || {
        for stream in &mut slow {
            let _ = stream.write_all(b"G");
        }
        server.rejected("slow_request") + server.rejected("malformed") == 21.0
    });
    wait_until("all are forgotten", || server.connections() == 0.0);
}

#[test]
fn who_never_reads_is_cut_off_and_who_rests_is_let_go_over_tls() {
    let files = Files::new();
    let mut settings = settings();
    settings.max_requests = 1;
    settings.limits.write_timeout = Duration::from_millis(200);
    settings.limits.idle_timeout = Duration::from_millis(50);
    let (server, _) = start_with(&files, TLS, settings);
    let client = Client::new(&files);
    let mut slow = client.connect(&server).expect("a handshake");
    slow.write_all(b"GET /metrics?big HTTP/1.1\r\nHost: x\r\n\r\n").expect("open");
    slow.read_exact(&mut [0; 15]).expect("HTTP/1.1 200 OK");
    assert_eq!(
        client.get(&server, "/metrics", &[]).expect("an answer").status,
        200,
        "the only place is free"
    );
    wait_until("it is cut off", || server.rejected("slow_reader") == 1.0);
    let mut rests = client.connect(&server).expect("a handshake");
    rests.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").expect("open");
    assert_eq!(crate::client::one(&mut rests).status, 200);
    assert_eq!(crate::client::rest(rests), b"", "with a farewell");
    wait_until("all are forgotten", || server.connections() == 0.0);
    assert_eq!(server.rejected("disconnected") + server.rejected("slow_request"), 0.0);
}

/// What a guess costs is one comparison, and there is one at a time: who is known does not wait for it.
#[test]
fn guesses_hold_up_nobody_who_is_known() {
    let files = Files::new();
    let (server, _) = start(&files, &format!("basic_auth_users: {{ann: {HASH}}}\n"));
    assert_eq!(server.get_with("/metrics", &[&basic("ann", "secret")]).status, 200);
    let guesses: Vec<_> =
        (0..300).map(|guess| server.ask("GET", "/metrics", &[&basic("ann", &guess.to_string())])).collect();
    for _ in 0..20 {
        assert_eq!(server.get_with("/metrics", &[&basic("ann", "secret")]).status, 200);
    }
    let statuses = guesses.into_iter().map(|stream| crate::harness::Answer::read(stream).status);
    let (unauthorized, busy): (Vec<u16>, Vec<u16>) = statuses.partition(|status| *status == 401);
    assert!(busy.iter().all(|status| *status == 503), "{busy:?}");
    let counted = |server: &Running| (server.rejected("unauthorized"), server.rejected("logins_busy"));
    assert_eq!(counted(&server), (unauthorized.len() as f64, busy.len() as f64));
}
