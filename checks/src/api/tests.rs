use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use serde_json::Value;

use super::*;

/// A program that answers so, one list for each connection; and what it was asked.
fn program(connections: Vec<Vec<&'static str>>) -> (Api, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for (number, answers) in connections.into_iter().enumerate() {
            let mut stream = listener.accept().unwrap().0;
            for answer in answers {
                asked.push(format!("{number} {}", heard(&stream)));
                stream.write_all(answer.as_bytes()).unwrap();
            }
        }
        asked
    });
    let place = Place::Host { name: "127.0.0.1".to_owned(), port, family: Family::Any, tls: None };
    (Api::new(place, vec!["X: y".to_owned()], Deadline::after(Duration::from_secs(30))), server)
}

fn heard(stream: &TcpStream) -> String {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next().unwrap();
    assert!(lines.take_while(|line| !line.is_empty()).any(|line| line == "X: y"));
    first
}

const ONE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n";
const CLOSES: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n[]";

#[test]
fn one_connection_serves_as_long_as_it_stays_open() {
    let (mut api, server) = program(vec![vec![ONE, CHUNKED, CLOSES], vec![ONE], vec![ONE]]);
    for path in ["/a", "/b", "/c", "/d", "/e"] {
        let value: Value = api.get(path).unwrap();
        assert!(value.is_object() || value.is_array());
    }
    let asked = ["0 GET /a", "0 GET /b", "0 GET /c", "1 GET /d", "2 GET /e"];
    assert_eq!(server.join().unwrap(), asked.map(|line| format!("{line} HTTP/1.1")));
    assert!(api.certificate().is_none());
}

#[test]
fn what_is_no_success_says_why() {
    let refused = "HTTP/1.1 403 Forbidden\r\nContent-Length: 16\r\n\r\n{\"message\":\"no\"}";
    let text = "HTTP/1.1 500 Oh\r\nContent-Length: 6\r\n\r\nno\nway";
    let (mut api, server) =
        program(vec![vec![refused, text, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n[1,"]]);
    let said = |api: &mut Api| api.get::<Value>("/x").unwrap_err();
    let error = said(&mut api);
    assert_eq!((error.to_string(), error.status()), ("/x: HTTP/1.1 403 Forbidden: no".to_owned(), Some(403)));
    assert_eq!(said(&mut api).to_string(), "/x: HTTP/1.1 500 Oh: no");
    assert!(said(&mut api).to_string().starts_with("/x: an answer that cannot be read: EOF"));
    server.join().unwrap();
    let mut nowhere =
        Api::new(Place::Socket("/no/such".to_owned()), Vec::new(), Deadline::after(Duration::from_secs(30)));
    let error = nowhere.get::<Value>("/x").unwrap_err();
    assert_eq!(error.to_string(), "connect to /no/such: No such file or directory");
    assert!(matches!(error.stop("X"), Stop::Done(output) if output.state() == State::Critical));
}
