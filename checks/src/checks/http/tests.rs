use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use super::*;
use crate::deadline::Deadline;
use crate::output::Stop;

fn config(args: &[&str]) -> Result<Config, Stop> {
    let mut call = Call::new(&CHECK, "check_http", args.iter().map(Into::into).collect());
    Config::read(&mut call)
}

/// What a check says of a server that answers so, and what the server heard.
fn said(args: &[&str], answer: &'static [u8]) -> (State, String, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let (mut heard, mut byte) = (Vec::new(), [0]);
        while !heard.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
            heard.push(byte[0]);
        }
        stream.write_all(answer).unwrap();
        String::from_utf8(heard).unwrap()
    });
    let mut config = config(args).unwrap();
    config.probe.place.port = port.into();
    let measured = measure(&config.probe, Deadline::after(Duration::from_secs(10))).unwrap();
    let exchange = measured.exchange.clone().unwrap();
    let verdict = judge(&config, &measured, &exchange);
    let output = print(&config, 10, verdict, &measured, &exchange);
    let text = output.render().split(" bytes in ").next().unwrap().replace(&port.to_string(), "PORT");
    (output.state(), text, server.join().unwrap().replace(&port.to_string(), "PORT"))
}

const PAGE: &[u8] = b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 5\r\n\r\nhello";

#[test]
fn a_page_is_asked_for_as_by_2x() {
    let (_, _, heard) = said(&["-H", "127.0.0.1", "-k", "A: b", "-a", "u:p", "-b", "v:w", "-A", "me"], PAGE);
    assert_eq!(
        heard,
        "GET / HTTP/1.1\r\nUser-Agent: me\r\nConnection: close\r\nHost: 127.0.0.1:PORT\r\nA: b\r\n\
         Authorization: Basic dTpw\r\nProxy-Authorization: Basic djp3\r\n\r\n"
    );
    let (_, _, heard) = said(&["-I", "127.0.0.1", "-u", "/x", "-A", "me"], PAGE);
    assert_eq!(heard, "GET /x HTTP/1.0\r\nUser-Agent: me\r\nConnection: close\r\n\r\n");
    let (_, _, heard) = said(&["-I", "127.0.0.1", "-H", "v:80", "-P", "a=b", "-T", "t/x", "-A", "me"], PAGE);
    assert_eq!(
        heard,
        "POST / HTTP/1.1\r\nUser-Agent: me\r\nConnection: close\r\nHost: v\r\nContent-Type: t/x\r\n\
         Content-Length: 3\r\n\r\n"
    );
    let (_, _, heard) = said(&["-H", "127.0.0.1", "-k", "host: other", "-A", "me"], PAGE);
    assert!(heard.ends_with("Connection: close\r\nhost: other\r\n\r\n"), "{heard}");
}

#[test]
fn a_page_is_judged_by_its_status_and_its_content() {
    let state = |args: &[&str], answer| {
        let (state, text, _) = said(&[&["-H", "127.0.0.1"], args].concat(), answer);
        (state, text)
    };
    let ok = |text: &str| (State::Ok, text.to_owned());
    assert_eq!(
        state(&["-s", "ell", "-d", "Server: x", "-r", "^h"], PAGE),
        ok("HTTP OK: HTTP/1.1 200 OK - 54")
    );
    assert_eq!(
        state(&["-s", "x", "-d", "y", "-r", "z", "-m", "100"], PAGE),
        (
            State::Critical,
            "HTTP CRITICAL: HTTP/1.1 200 OK - header 'y' not found on 'http://127.0.0.1:PORT/', string 'x' not \
             found on 'http://127.0.0.1:PORT/', pattern not found, page size 54 too small - 54"
                .to_owned()
        )
    );
    assert_eq!(state(&["-e", "x,200"], PAGE), ok("HTTP OK: Status line output matched \"x,200\" - 54"));
    for (status, wanted) in [(301, State::Unknown), (404, State::Warning), (503, State::Critical)] {
        let answer = format!("HTTP/1.1 {status} x\r\n\r\n").leak().as_bytes();
        assert_eq!(state(&["-f", "unknown"], answer).0, wanted, "{status}");
    }
    assert_eq!(
        state(&[], b"garbage").1,
        "HTTP CRITICAL - Invalid HTTP response received from host on port PORT: garbage\n"
    );
    assert_eq!(state(&[], b"HTTP/1.1 999 x").1, "HTTP CRITICAL: Invalid Status (HTTP/1.1 999 x)\n");
    assert_eq!(state(&[], b"HTTP/1.1 20 x").1, "HTTP CRITICAL: Invalid Status Line (HTTP/1.1 20 x)\n");
}

#[test]
fn the_age_of_a_page_is_that_of_its_dates() {
    let state = |age: &str, date: &str, modified: &str| {
        let answer = format!("HTTP/1.1 200 OK\r\n{date}\r\n{modified}\r\n\r\n").leak().as_bytes();
        let (state, text, _) = said(&["-H", "127.0.0.1", "-M", age], answer);
        (state, text.split(" - ").nth(1).unwrap_or_default().to_owned())
    };
    let (date, modified) =
        ("Date: Sat, 21 Nov 2026 10:00:00 GMT", "Last-Modified: Sat, 21 Nov 2026 09:00:00 GMT");
    assert_eq!(state("1h", date, modified).0, State::Ok);
    assert_eq!(state("59m", date, modified), (State::Critical, "Last modified 1:00:00 ago".to_owned()));
    let older = "Last-Modified: Wed, 11 Nov 2026 10:00:00 GMT";
    assert_eq!(state("9d", date, older), (State::Critical, "Last modified 10.0 days ago".to_owned()));
    let future = "Last-Modified: Sat, 21 Nov 2026 10:01:00 GMT";
    assert_eq!(
        state("1", date, future),
        (State::Critical, "Document is 60 seconds in the future".to_owned())
    );
    assert_eq!(state("1", "A: b", modified), (State::Unknown, "Server date unknown".to_owned()));
    assert_eq!(state("1", date, "A: b"), (State::Critical, "Document modification date unknown".to_owned()));
}

#[test]
fn wrong_command_lines_are_told() {
    let told = |args: &[&str]| match config(args) {
        Err(Stop::Usage(text)) => text,
        Err(Stop::Done(output)) => format!("{} {}", output.state(), output.render().trim_end()),
        other => panic!("{other:?}"),
    };
    assert_eq!(told(&[]), "check_http: Could not parse arguments");
    assert_eq!(told(&["-S"]), "check_http: You must specify a server address or host name");
    assert_eq!(told(&["-p", "65536"]), "check_http: Invalid port number - 65536");
    assert_eq!(told(&["-f", "x"]), "check_http: Invalid onredirect option - x");
    assert_eq!(told(&["-C", "1,x"]), "check_http: Invalid certificate expiration period - x");
    assert_eq!(told(&["-m", "5:"]), "WARNING Bad format: try \"-m min:max\"");
    assert_eq!(told(&["-M", "x"]), "WARNING unparsable max-age: x");
    assert!(told(&["-r", "("]).starts_with("UNKNOWN Could Not Compile Regular Expression: "));
}

#[test]
fn options_work_together_as_in_2x() {
    let place = |args: &[&str]| config(args).unwrap().probe.place;
    assert_eq!((place(&["-H", "a", "-S"]).port, place(&["-S", "-p", "99", "-H", "a"]).port), (443, 99));
    assert_eq!(place(&["-H", "a:99"]).port, 99);
    let both = place(&["-H", "a:99", "-p", "98", "-I", "b"]);
    assert_eq!((both.address.as_str(), both.port, both.host_port), ("b", 98, Some(99)));
    let words = place(&["b", "a"]);
    assert_eq!((words.address.as_str(), words.host.as_deref()), ("b", Some("a")));
    let proxy = config(&["-H", "a", "-I", "b", "-S", "-j", "CONNECT:POST"]).unwrap().probe;
    assert_eq!((proxy.through_proxy, proxy.method.as_str()), (true, "POST"));
    assert!(!config(&["-H", "a", "-j", "CONNECT"]).unwrap().probe.through_proxy);
    let mut call =
        Call::new(&CHECK, "check_http", ["-H", "a", "-c", "20.5"].iter().map(Into::into).collect());
    Config::read(&mut call).unwrap();
    assert_eq!(call.timeout(), 21);
}
