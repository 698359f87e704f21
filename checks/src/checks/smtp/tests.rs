use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use super::*;
use crate::deadline::Deadline;
use crate::net;

/// What a conversation comes to with a server that says these, one for each line it hears; and the lines.
fn talk(args: &[&str], says: &'static [&'static str]) -> (Result<Measured, Error>, Vec<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut heard = Vec::new();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        for say in says {
            // One that was heard enough of hangs up while the server still talks.
            if stream.write_all(say.as_bytes()).is_err() {
                break;
            }
            heard.extend(lines.next().and_then(Result::ok));
        }
        heard
    });
    let stream = net::connect(&[address], Deadline::after(Duration::from_secs(10))).unwrap();
    let measured = measure(stream, "h", &config(args).unwrap().probe, Instant::now());
    (measured, server.join().unwrap())
}

fn config(args: &[&str]) -> Result<Config, Stop> {
    Config::read(&mut Call::new(&CHECK, "check_smtp", args.iter().map(Into::into).collect()))
}

fn line(args: &[&str], says: &'static [&'static str]) -> (State, String) {
    let config = config(args).unwrap();
    let mut measured = talk(args, says).0.unwrap();
    measured.seconds = 0.5;
    let output = print(&config, judge(&config, &measured), &measured);
    (output.state(), output.render())
}

#[test]
fn everything_is_said_in_its_order() {
    let args = ["-F", "me", "-f", "<a@b>", "-C", "X", "-A", "LOGIN", "-U", "u", "-P", "p", "-r"];
    let says = &[
        "220 hi\r\n",
        "",
        "250 me\r\n",
        "250 a\r\n",
        "250 x\r\n",
        "334 \r\n",
        "334 \r\n",
        "235 \r\n",
        "221 \r\n",
    ];
    let (measured, heard) = talk(&args, says);
    assert_eq!(measured.unwrap().login, None);
    let proxy = "PROXY TCP4 0.0.0.0 0.0.0.0 25 25";
    assert_eq!(heard, [proxy, "EHLO me", "MAIL FROM:<a@b>", "X", "AUTH LOGIN", "dQ==", "cA==", "QUIT"]);
}

#[test]
fn the_line_is_that_of_2x() {
    let says = &["220 hi\r\n", "250 me\r\n", "250 x\r\n", "221 \r\n"];
    let time = "time=0.500000s;;;0.000000\n";
    assert_eq!(line(&["-F", "me"], says), (State::Ok, format!("SMTP OK - 0.500 sec. response time|{time}")));
    let (state, text) = line(&["-F", "me", "-w0.1", "-c2"], says);
    let limits = "time=0.500000s;0.100000;2.000000;0.000000\n";
    assert_eq!((state, text), (State::Warning, format!("SMTP WARNING - 0.500 sec. response time|{limits}")));
    let (state, text) = line(&["-F", "me", "-C", "X", "-R", "^251"], says);
    let wrong = "SMTP WARNING - Invalid response '250 x' to command 'X'";
    let whole = format!("{wrong}|{time}SMTP WARNING - 0.500 sec. response time\n");
    assert_eq!((state, text), (State::Warning, whole));
    assert_eq!(line(&["-F", "me", "-C", "X", "-R", "^250"], says).0, State::Ok);
    let (state, text) = line(&["-F", "me", "-A", "LOGIN", "-U", "u"], says);
    assert_eq!(state, State::Critical);
    assert!(text.starts_with("SMTP CRITICAL - no authpass specified, 0.500 sec. response time|"), "{text}");
    let (state, text) = line(&["-F", "me", "-A", "LOGIN", "-U", "u", "-P", "p"], says);
    assert_eq!(state, State::Critical);
    assert!(text.contains(" - invalid response received after AUTH LOGIN, "), "{text}");
    assert!(line(&["-A", "PLAIN"], says).1.contains(" - only authtype LOGIN is supported, "));
}

#[test]
fn a_server_that_is_none_or_ends_is_told_so() {
    let error = |args: &[&str], says| talk(args, says).0.unwrap_err();
    assert!(matches!(error(&["-F", "me"], &[]), Error::Silent));
    assert!(matches!(error(&["-F", "me"], &["220 hi\r\n"]), Error::Silent));
    let other = error(&["-F", "me", "-e", "221"], &["220 hi\r\n", "250 me\r\n"]);
    assert!(matches!(other, Error::Unexpected(text) if text == "220 hi\r\n250 me"));
    assert!(matches!(error(&["-S"], &["220 hi\r\n", "250 me\r\n", "221 \r\n"]), Error::NoTls));
    let refused = &["220 hi\r\n", "250-me\r\n250 STARTTLS\r\n", "454 no\r\n", "221 \r\n"];
    assert!(matches!(error(&["-S"], refused), Error::TlsRefused));
}

#[test]
fn the_command_line_is_read_as_2x_reads_it() {
    let place = |args: &[&str]| config(args).map(|config| (config.host.name, config.host.port));
    assert_eq!(place(&["-v"]), Ok(("127.0.0.1".to_owned(), 25)));
    assert_eq!(place(&["h", "-s"]), Ok(("h".to_owned(), 465)));
    assert_eq!(place(&["-H", "h", "-S", "-p", "5"]), Ok(("h".to_owned(), 5)));
    let tls = |args: &[&str]| config(args).unwrap().probe.tls.map(|(tls, wanted)| (tls, wanted.days));
    assert_eq!(tls(&["-D", "5,2"]), Some((Tls::Later, Some((5, 2)))));
    assert_eq!(tls(&["-D", "5", "--tls"]), Some((Tls::First, Some((5, 0)))));
    assert_eq!(config(&["-L", "-S"]).unwrap().probe.hello, "LHLO");
    let wrong = |args: &[&str]| match config(args) {
        Err(Stop::Usage(text)) => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(wrong(&["-s", "-S"]), "check_smtp: Set either -s/--ssl/--tls or -S/--starttls");
    assert_eq!(wrong(&["-w", "-1"]), "check_smtp: Warning time must be a positive");
    assert_eq!(wrong(&["-D", "x"]), "check_smtp: Invalid certificate expiration period - x");
    assert!(wrong(&["-R", "("]).starts_with("check_smtp: Could Not Compile Regular Expression"));
}
