//! The door as clients see it: TLS, certificates, logins, headers, rates, and what those who misbehave there cost.

#[path = "door/certificates.rs"]
mod certificates;
#[path = "door/client.rs"]
mod client;
#[path = "http/harness.rs"]
#[expect(dead_code, reason = "the tests of plain HTTP use the rest")]
mod harness;
#[path = "door/hostile.rs"]
mod hostile;
#[path = "door/many.rs"]
mod many;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use certificates::{Files, HASH};
use client::{Client, Offer, basic};
use harness::{Answer, Running, settings, wait_until};
use plimsoll::http::{Door, Rules, Settings};

/// A server behind a door, and the door.
fn start(files: &Files, text: &str) -> (Running, Arc<Door>) {
    start_with(files, text, settings())
}

fn start_with(files: &Files, text: &str, settings: Settings) -> (Running, Arc<Door>) {
    let door = Arc::new(Door::new(files.rules(text)));
    (Running::start(Settings { door: Some(Arc::clone(&door)), ..settings }), door)
}

const TLS: &str = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n";

#[test]
fn https_answers_as_http_does() {
    let files = Files::new();
    let (server, _) = start(&files, TLS);
    let client = Client::new(&files);
    let answer = client.get(&server, "/metrics", &[]).expect("an answer");
    assert_eq!((answer.status, answer.text()), (200, "Text All All\n"));
    let big = client.get(&server, "/metrics?big", &[]).expect("an answer");
    assert_eq!(big.body.len(), harness::BIG);
    for version in [Offer::Tls12, Offer::Tls13] {
        assert_eq!(
            Client::new(&files).offer(version).get(&server, "/-/healthy", &[]).expect("an answer").status,
            200
        );
    }
    wait_until("all are gone", || server.connections() == 0.0);
    assert_eq!(server.rejected("disconnected"), 0.0, "a client that ends in order is no fault");
}

#[test]
fn who_speaks_no_tls_is_told_so() {
    let files = Files::new();
    let (server, _) = start(&files, TLS);
    let answer = server.get("/metrics");
    assert_eq!((answer.status, answer.text()), (400, "Client sent an HTTP request to an HTTPS server.\n"));
    wait_until("it is counted", || server.rejected("tls_plain_http") == 1.0);
    assert_eq!(server.fake.scrapers(), []);
}

#[test]
fn certificates_of_clients_by_each_of_gos_five_kinds() {
    let files = Files::new();
    for (kind, authority, none, trusted, other) in [
        ("NoClientCert", false, true, true, true),
        ("RequestClientCert", false, true, true, true),
        ("RequireAnyClientCert", false, false, true, true),
        ("VerifyClientCertIfGiven", true, true, true, false),
        ("RequireAndVerifyClientCert", true, false, true, false),
    ] {
        let authority = if authority { "  client_ca_file: authority.pem\n" } else { "" };
        let (server, _) = start(&files, &format!("{TLS}  client_auth_type: {kind}\n{authority}"));
        let mut refused = 0.0;
        for (certificate, admitted) in [(None, none), (Some("client"), trusted), (Some("stranger"), other)] {
            for version in [Offer::Tls12, Offer::Tls13] {
                let mut client = Client::new(&files).offer(version);
                if let Some(name) = certificate {
                    client = client.with_certificate(&files, name);
                }
                let status = client.get(&server, "/-/healthy", &[]).map(|answer| answer.status);
                let wanted = if admitted { Some(200) } else { None };
                assert_eq!(
                    status.as_ref().ok(),
                    wanted.as_ref(),
                    "{kind} {certificate:?} {version:?}: {status:?}"
                );
                refused += if admitted { 0.0 } else { 1.0 };
            }
        }
        wait_until("all are counted", || server.rejected("tls_client_certificate") == refused);
    }
}

#[test]
fn a_certificate_may_have_to_be_somebodys() {
    let files = Files::new();
    // The names of the client's certificate: DNS, e-mail, address, URI.
    for (allowed, admitted) in [
        ("[client.example]", true),
        ("[x, client@example.com]", true),
        ("[192.0.2.7]", true),
        ("['2001:db8::7']", true),
        ("['spiffe://example/prometheus']", true),
        ("['*.example', CLIENT.example, example, '']", false),
    ] {
        let text = format!(
            "{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: authority.pem\n  client_allowed_sans: {allowed}\n"
        );
        let (server, _) = start(&files, &text);
        let client = Client::new(&files).with_certificate(&files, "client");
        assert_eq!(client.get(&server, "/-/healthy", &[]).is_ok(), admitted, "{allowed}");
        let other = Client::new(&files).with_certificate(&files, "nameless");
        assert!(other.get(&server, "/-/healthy", &[]).is_err(), "{allowed}: without names");
    }
}

#[test]
fn who_does_not_say_who_he_is_sees_nothing() {
    let files = Files::new();
    let (server, _) = start(&files, &format!("{TLS}basic_auth_users: {{ann: {HASH}}}\n"));
    let client = Client::new(&files);
    for (path, status) in [
        ("/metrics", 200),
        ("/-/healthy", 200),
        ("/-/ready", 503),
        ("/", 200),
        ("/nowhere", 404),
        ("/-/reload", 405),
    ] {
        for headers in [
            vec![],
            vec![basic("ann", "wrong")],
            vec![basic("eve", "secret")],
            vec!["Authorization: Bearer x".into()],
        ] {
            let answer = client.get(&server, path, &headers).expect("an answer");
            assert_eq!((answer.status, answer.text()), (401, "Unauthorized\n"), "{path} {headers:?}");
            assert_eq!(
                answer.header("www-authenticate"),
                Some("Basic realm=\"Plimsoll\", charset=\"UTF-8\"")
            );
        }
        let answer = client.get(&server, path, &[basic("ann", "secret")]).expect("an answer");
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.header("www-authenticate"), None);
    }
    assert_eq!(server.rejected("unauthorized"), 24.0);
    assert_eq!(server.fake.scrapers().len(), 1);
}

#[test]
fn logins_need_no_tls_and_headers_are_on_every_answer() {
    let files = Files::new();
    let text = format!(
        "basic_auth_users: {{ann: {HASH}}}\nhttp_server_config: {{headers: {{X-Frame-Options: deny, Content-Security-Policy: frame-ancestors 'none'}}}}\n"
    );
    let (server, door) = start(&files, &text);
    for (path, headers, status) in [
        ("/metrics", vec![], 401),
        ("/", vec![basic("ann", "secret")], 200),
        ("/x", vec![basic("ann", "secret")], 404),
    ] {
        let headers: Vec<_> = headers.iter().map(String::as_str).collect();
        let answer = server.get_with(path, &headers);
        assert_eq!((answer.status, answer.header("x-frame-options")), (status, Some("deny")), "{path}");
        assert_eq!(answer.header("content-security-policy"), Some("frame-ancestors 'none'"), "{path}");
    }
    // A new file counts for connections that are there, too.
    door.replace(files.rules(&format!("basic_auth_users: {{bob: {HASH}}}\n"))).expect("nothing is opened");
    assert_eq!(server.get_with("/", &[&basic("ann", "secret")]).status, 401);
    let bob = server.get_with("/", &[&basic("bob", "secret")]);
    assert_eq!((bob.status, bob.header("x-frame-options")), (200, None));
}

#[test]
fn beyond_the_rate_requests_are_refused() {
    let files = Files::new();
    let (server, door) = start(&files, "rate_limit: {interval: 10h, burst: 3}\n");
    let statuses: Vec<u16> = (0..5).map(|_| server.get("/metrics").status).collect();
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    assert_eq!(server.get("/-/healthy").text(), "Too Many Requests\n");
    assert_eq!((server.rejected("rate_limited"), server.fake.scrapers().len()), (3.0, 3));
    // The same limit in a new file is not a new start.
    door.replace(files.rules("rate_limit: {interval: 10h, burst: 3}\n")).expect("nothing is opened");
    assert_eq!(server.get("/metrics").status, 429);
    door.replace(Rules::default()).expect("a rate may go");
    assert_eq!(server.get("/metrics").status, 200);
}

#[test]
fn a_new_certificate_counts_for_connections_that_are_there() {
    let files = Files::new();
    let (server, door) = start(&files, TLS);
    let mut live = Client::new(&files).connect(&server).expect("a handshake");
    let mut ask = |close: Option<&str>| {
        live.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").expect("open");
        let answer = client::one(&mut live);
        assert_eq!((answer.status, answer.header("connection")), (200, close));
    };
    ask(None);
    ask(None);
    door.replace(files.rules(&TLS.replace("server.", "renewed."))).expect("sealed as before");
    ask(Some("close"));
    assert_eq!(client::rest(live), b"", "in order");
    let shown = |name: &str| {
        let client = Client::new(&files).connect(&server).expect("a handshake");
        client.conn.peer_certificates().expect("one")[0] == files.certificate(name)
    };
    assert!(shown("renewed") && !shown("server"));
}

#[test]
fn a_stop_waits_for_no_handshake() {
    let files = Files::new();
    let mut settings = settings();
    settings.limits.handshake_timeout = Duration::from_secs(3600);
    let (mut server, _) = start_with(&files, TLS, settings);
    let _silent = server.connect();
    wait_until("it is connected", || server.connections() == 1.0);
    assert!(server.stop(), "everything ended by itself");
}

/// So that the harness's own reading is used for sealed answers, too.
impl Client {
    fn get(&self, server: &Running, path: &str, headers: &[String]) -> std::io::Result<Answer> {
        let mut stream = self.connect(server)?;
        let mut head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
        headers.iter().for_each(|header| head.push_str(&format!("{header}\r\n")));
        stream.write_all(format!("{head}\r\n").as_bytes())?;
        let bytes = client::all(&mut stream)?;
        Ok(Answer::parse(&bytes))
    }
}
