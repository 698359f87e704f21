use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use super::*;
use crate::net::Protocol;

/// What a probe of a listener comes to that says `greeting`, reads until `until` came, and closes.
fn talk(probe: &Probe, greeting: &'static [u8], until: &'static [u8]) -> Result<Measured, Error> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        stream.write_all(greeting).unwrap();
        let mut heard = Vec::new();
        let mut byte = [0];
        while !heard.ends_with(until) && stream.read(&mut byte).unwrap() == 1 {
            heard.push(byte[0]);
        }
    });
    let target = Target::Host { name: String::new(), addresses: vec![address], protocol: Protocol::Tcp };
    let measured = measure(probe, &target, Deadline::after(Duration::from_secs(10)));
    server.join().unwrap();
    measured
}

fn config(args: &[&str]) -> Result<Config, Stop> {
    let mut call = Call::new(&CHECK, "check_tcp", args.iter().map(Into::into).collect());
    Config::read(&mut call)
}

fn measured(answer: &[u8], matched: Matched) -> Measured {
    Measured { seconds: 1.5, answer: answer.to_vec(), matched, certificate: None }
}

#[test]
fn a_service_is_greeted_by_what_it_expects_and_told_to_quit() {
    let probe = Probe::of(&Service::by_name("check_ftp"));
    let measured = talk(&probe, b"220 ready\r\n", b"QUIT\r\n").unwrap();
    assert_eq!((measured.matched, measured.answer.as_slice()), (Matched::Yes, &b"220 ready\r\n"[..]));
    assert!(measured.seconds > 0.0);
}

#[test]
fn an_answer_that_ends_before_it_is_the_expected_one_is_not_it() {
    let probe = Probe::of(&Service::by_name("check_ftp"));
    assert_eq!(talk(&probe, b"22", b"").unwrap().matched, Matched::No);
    assert_eq!(talk(&probe, b"500 x", b"").unwrap().matched, Matched::No);
    assert!(matches!(talk(&probe, b"", b""), Err(Error::Silent)));
}

#[test]
fn an_answer_is_expected_at_its_start_or_where_the_user_says_anywhere() {
    let mut expect = Probe::of(&Service::by_name("check_ftp")).expect;
    assert_eq!(expect.matches(b"2"), None);
    assert_eq!(expect.matches(b"220 x"), Some(Matched::Yes));
    assert_eq!(expect.matches(b"x220"), Some(Matched::No));
    expect.add(b"230");
    assert_eq!(expect.matches(b"220 x"), None);
    assert_eq!(expect.matches(b"x230"), Some(Matched::Yes));
    expect.add(b"x");
    expect.all = true;
    assert_eq!(expect.matches(b"230"), None);
    assert_eq!(expect.matches(b"x230"), Some(Matched::Yes));
    let mut two = Probe::of(&Service::by_name("check_nntp")).expect;
    two.add(b"502");
    assert_eq!(two.strings, [b"200", b"201", b"502"]);
}

#[test]
fn the_state_is_of_the_time_or_of_the_answer() {
    let state = |args: &[&str], matched| judge(&config(args).unwrap(), &measured(b"x", matched));
    assert_eq!(state(&["-w", "1.5", "-c", "1.5"], Matched::NotAsked), State::Ok);
    assert_eq!(state(&["-w", "1.4"], Matched::Yes), State::Warning);
    assert_eq!(state(&["-w1", "-c1.4"], Matched::Yes), State::Critical);
    assert_eq!(state(&["-w1"], Matched::No), State::Warning);
    assert_eq!(state(&["-w1", "-M", "ok"], Matched::No), State::Ok);
    assert_eq!(state(&["-c1", "-M", "ok"], Matched::No), State::Critical);
    assert_eq!(state(&["-Mcritical"], Matched::No), State::Critical);
}

#[test]
fn the_line_is_that_of_2x() {
    let line = |args: &[&str], answer: &[u8], matched| {
        print(&config(args).unwrap(), 10, State::Ok, &measured(answer, matched)).render()
    };
    assert_eq!(
        line(&["-H", "h", "-p", "5", "-w2"], b"", Matched::NotAsked),
        "TCP OK - 1.500 second response time on h port 5|time=1.500000s;2.000000;;0.000000;10.000000\n"
    );
    assert_eq!(
        line(&["-p", "5"], b"a|b \r\n", Matched::Yes),
        "TCP OK - 1.500 second response time on port 5 [a¦b]|time=1.500000s;;;0.000000;10.000000\n"
    );
    assert_eq!(
        line(&["-H", "/s", "-j"], b"ab", Matched::Yes),
        "TCP OK - 1.500 second response time on socket /s|time=1.500000s;;;0.000000;10.000000\n"
    );
    assert_eq!(
        line(&["-H", "h", "-w2", "-c3"], b"\xff\xffok", Matched::No),
        "TCP OK - Unexpected response from host/socket: \u{fffd}\u{fffd}ok\
         |time=1.500000s;0.000000;0.000000;0.000000;10.000000\n"
    );
}

#[test]
fn the_command_line_is_read_as_2x_reads_it() {
    let read = config(&["-E", "-s", r"a\r\n\\\x", "-q", r"b\n", "host", "-ct", "5"]).unwrap();
    assert_eq!(
        (read.probe.send.as_deref(), read.probe.quit.as_slice()),
        (Some(&b"a\r\n\\x"[..]), &b"b\n"[..])
    );
    assert_eq!((read.host.as_str(), read.host_given, read.critical), ("host", false, Some(5.0)));
    assert_eq!(config(&["-q", "b"]).unwrap().probe.quit, b"b\r\n");
    let tls = config(&["-D", "30,14", "--sni", "x"]).unwrap().probe.tls.unwrap();
    assert_eq!((tls.days, tls.sni), (Some((30, 14)), Some("x".to_owned())));
    let wrong = |args: &[&str]| match config(args) {
        Err(Stop::Usage(text)) => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(wrong(&[]), "check_tcp: No arguments found");
    assert_eq!(wrong(&["-p", "70000"]), "check_tcp: Port must be a positive integer");
    assert_eq!(wrong(&["-w", "abc"]), "check_tcp: Warning time must be a number of seconds");
    assert_eq!(wrong(&["-D", "1,x"]), "check_tcp: Invalid certificate expiration period - x");
    assert_eq!(wrong(&["-t", "5:x"]), "check_tcp: Timeout interval must be a positive integer");
}
