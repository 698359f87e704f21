use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::thread::JoinHandle;
use std::time::Duration;

use super::*;

const NONCE: &[u8] = b"abcdefghijklmnopqrst";

/// One turn of a scripted server: what it says, and what its client then says, after the head of the packet.
type Turn = (&'static [u8], Vec<u8>);

/// What a server says that can do all but TLS.
fn greeting_of(method: &str) -> &'static [u8] {
    let mut body = b"\x0a8.0.40\0\x07\0\0\0abcdefgh\0\xff\xf7\x2d\x02\0\xff\xdf\x15".to_vec();
    body.extend_from_slice(&[0; 10]);
    body.extend_from_slice(b"ijklmnopqrst\0");
    body.extend_from_slice(method.as_bytes());
    body.push(0);
    body.leak()
}

fn login_with(method: Method, password: &str) -> Vec<u8> {
    let Answer::Say(answer) = method.answer(password, NONCE) else { panic!("in private") };
    let place = Place { user: "x".to_owned(), ..Place::default() };
    login(&place, capabilities(&place, false), method, &answer)
}

/// Packets are numbered through, whoever says them.
fn play(mut stream: impl Read + Write, turns: Vec<Turn>) {
    let mut number = 0;
    for (say, hear) in turns {
        stream.write_all(&Packet { number, body: say.to_vec() }.to_bytes()).unwrap();
        let mut heard = vec![0; if hear.is_empty() { 0 } else { hear.len() + 4 }];
        stream.read_exact(&mut heard).unwrap();
        assert_eq!(heard.get(4..).unwrap_or_default(), hear);
        number += if hear.is_empty() { 1 } else { 2 };
    }
    // Whoever asks more hears nothing.
    let _ = stream.read_to_end(&mut Vec::new());
}

fn serve(turns: Vec<Turn>) -> (Place, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = Place {
        host: "127.0.0.1".to_owned(),
        port: listener.local_addr().unwrap().port(),
        user: "x".to_owned(),
        password: "secret".to_owned(),
        ..Place::default()
    };
    (place, std::thread::spawn(move || play(listener.accept().unwrap().0, turns)))
}

fn opened(place: &Place) -> Result<(), String> {
    let deadline = Deadline::after(Duration::from_secs(60));
    Connection::open(place, deadline).map(drop).map_err(|fault| fault.to_string())
}

#[test]
fn mysql_takes_a_password_that_it_has_at_hand() {
    let (place, server) = serve(vec![
        (greeting_of("caching_sha2_password"), login_with(Method::CachingSha2, "secret")),
        (b"\x01\x03", Vec::new()),
        (b"\0\0\0\x02\0\0\0", Vec::new()),
    ]);
    assert_eq!(opened(&place), Ok(()));
    server.join().unwrap();
}

#[test]
fn a_password_is_said_by_a_socket_and_not_over_the_network() {
    let turns = || {
        vec![
            (greeting_of("caching_sha2_password"), login_with(Method::CachingSha2, "secret")),
            (&b"\x01\x04"[..], b"secret\0".to_vec()),
            (&b"\0\0\0\x02\0\0\0"[..], Vec::new()),
        ]
    };
    let path = std::env::temp_dir().join(format!("plimsoll-mysql-{}", std::process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    let server = std::thread::spawn(move || play(listener.accept().unwrap().0, turns()));
    let place = Place {
        socket: path.display().to_string(),
        user: "x".to_owned(),
        password: "secret".to_owned(),
        ..Place::default()
    };
    assert_eq!(opened(&place), Ok(()));
    server.join().unwrap();
    std::fs::remove_file(&path).unwrap();
    // Nor is it to a server that has no TLS, asked whether it has by a second connection.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        play(
            listener.accept().unwrap().0,
            turns()[..1].iter().cloned().chain([(&b"\x01\x04"[..], Vec::new())]).collect(),
        );
        play(listener.accept().unwrap().0, vec![(greeting_of("caching_sha2_password"), Vec::new())]);
    });
    let place = Place { host: "127.0.0.1".to_owned(), port, ..place };
    assert_eq!(opened(&place), Err(Fault::InPublic.to_string()));
    server.join().unwrap();
}

#[test]
fn a_server_may_want_another_method() {
    let switch = |method: Method| {
        let text = [b"\xfe", method.name().as_bytes(), b"\0", NONCE, b"\0"].concat();
        &*text.leak()
    };
    let Answer::Say(answer) = Method::Ed25519.answer("secret", NONCE) else { panic!("in private") };
    let (place, server) = serve(vec![
        (greeting_of("mysql_native_password"), login_with(Method::Native, "secret")),
        (switch(Method::Ed25519), answer),
        (b"\0\0\0\x02\0\0\0", Vec::new()),
    ]);
    assert_eq!(opened(&place), Ok(()));
    server.join().unwrap();
    let (place, server) = serve(vec![
        (greeting_of("auth_gssapi_client"), login_with(Method::Native, "secret")),
        (b"\xfedialog\0\x04Password: ", Vec::new()),
    ]);
    assert_eq!(opened(&place), Err("Authentication method 'dialog' is not supported".to_owned()));
    server.join().unwrap();
}

#[test]
fn rows_without_end_end_with_the_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut turn = |number, body: &[u8]| {
            stream.write_all(&Packet { number, body: body.to_vec() }.to_bytes()).unwrap();
            assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
        };
        turn(0, greeting_of("mysql_native_password"));
        turn(2, b"\0\0\0\x02\0\0\0");
        let mut say = |number, body: &[u8]| {
            stream.write_all(&Packet { number, body: body.to_vec() }.to_bytes()).is_ok()
        };
        for (number, body) in [(1, &b"\x01"[..]), (2, b"\x03def\0\0\0\x01x\0"), (3, b"\xfe\0\0\x02\0")] {
            assert!(say(number, body));
        }
        let mut number: u8 = 4;
        while say(number, &[b"\xfc\x00\x40", &[b'x'; 0x4000][..]].concat()) {
            number = number.wrapping_add(1);
        }
    });
    let place = Place { host: "127.0.0.1".to_owned(), port, ..Place::default() };
    let mut connection = Connection::open(&place, Deadline::after(Duration::from_secs(60))).unwrap();
    connection.deadline = Deadline::after(Duration::from_millis(50));
    assert!(matches!(connection.query("x"), Err(Fault::Talk(Error::Expired))));
    drop(connection);
    server.join().unwrap();
}

#[test]
fn a_server_that_takes_nobody_says_why() {
    let (place, server) = serve(vec![(b"\xff\x10\x04Too many connections", Vec::new())]);
    assert_eq!(opened(&place), Err("Too many connections".to_owned()));
    server.join().unwrap();
    let (place, server) = serve(vec![(b"\x095.0\0", Vec::new())]);
    let wanted = "Protocol mismatch. Server Version = 9 Client Version = 10";
    assert_eq!(opened(&place), Err(wanted.to_owned()));
    server.join().unwrap();
}
