use std::io::Write as _;
use std::net::TcpListener;
use std::time::Duration;

use super::*;
use crate::deadline::Deadline;

/// What a server comes to that says this and ends.
fn talk(says: &'static [u8]) -> Result<Measured, Error> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // One that was heard enough of hangs up while the server still talks.
    let server = std::thread::spawn(move || listener.accept().unwrap().0.write_all(says).ok());
    let stream = net::connect(&[address], Deadline::after(Duration::from_secs(10))).unwrap();
    let measured = measure(stream, Instant::now());
    server.join().unwrap();
    measured
}

fn config(args: &[&str]) -> Result<Config, Stop> {
    Config::read(&mut Call::new(&CHECK, "check_ssh", args.iter().map(Into::into).collect()))
}

#[test]
fn the_identification_may_follow_other_lines() {
    let version = |says| talk(says).map(|measured| measured.identification.version);
    assert_eq!(version(b"SSH-2.0-one\r\n").unwrap(), "one");
    assert_eq!(version(b"hello\nSSH\n\nSSH-2.0-two and more\nSSH-2.0-three\n").unwrap(), "two");
    assert!(matches!(version(b"SSH-2.0-cut"), Err(Error::None)));
    assert!(matches!(version(b""), Err(Error::None)));
    assert!(matches!(version(b"SSH-2.0\n"), Err(Error::Invalid(line)) if line == "SSH-2.0"));
    assert!(matches!(version(&[b'x'; 2 * LONGEST]), Err(Error::None)));
}

#[test]
fn another_version_or_protocol_is_critical() {
    let identification = Identification::parse(b"SSH-2.0-x y").unwrap();
    let measured = Measured { seconds: 0.5, identification };
    let line = |args: &[&str]| {
        let config = config(args).unwrap();
        print(&config, 10, judge(&config, &measured), &measured).render()
    };
    let time = "time=0.500000s;;;0.000000;10.000000\n";
    assert_eq!(line(&["h"]), format!("SSH OK - x (protocol 2.0)|{time}"));
    assert_eq!(line(&["h", "-r", "x", "-P2.0"]), format!("SSH OK - x (protocol 2.0)|{time}"));
    assert_eq!(
        line(&["h", "-ry", "-P1"]),
        format!("SSH CRITICAL - x (protocol 2.0) version mismatch, expected 'y'|{time}")
    );
    assert_eq!(
        line(&["h", "-P1"]),
        format!("SSH CRITICAL - x (protocol 2.0) protocol version mismatch, expected '1'|{time}")
    );
}

#[test]
fn the_command_line_is_read_as_2x_reads_it() {
    let host = |args: &[&str]| config(args).map(|config| (config.host.name, config.host.port));
    assert_eq!(host(&["h"]), Ok(("h".to_owned(), 22)));
    assert_eq!(host(&["h", "2222"]), Ok(("h".to_owned(), 2222)));
    assert_eq!(host(&["-H", "h", "2222"]), Ok(("h".to_owned(), 2222)));
    assert_eq!(host(&["-p", "5", "h", "2222"]), Ok(("h".to_owned(), 5)));
    assert_eq!(host(&["--host", "h", "-to", "5"]), Ok(("h".to_owned(), 22)));
    assert!(matches!(host(&["-4"]), Err(Stop::Usage(_))));
    let wrong = "check_ssh: Port number must be a positive integer - x";
    assert_eq!(host(&["-p", "x", "h"]), Err(Stop::usage(wrong)));
}
