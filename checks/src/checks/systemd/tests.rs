use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use super::bus::Value;
use super::*;
use crate::deadline::Deadline;

fn unit(name: &str, load: &str, active: &str, sub: &str) -> Unit {
    let [name, load, active, sub] = [name, load, active, sub].map(str::to_owned);
    Unit { name, load, active, sub, path: "/path".to_owned() }
}

fn config(args: &[&str]) -> Config {
    configure(&mut Call::new(&CHECK, CHECK.name, args.iter().map(Into::into).collect()))
        .expect("a command line")
}

#[test]
fn units_that_failed_are_counted_but_for_those_that_may() {
    let units = [
        unit("a.service", "loaded", "failed", "failed"),
        unit("b.mount", "loaded", "failed", "failed"),
        unit("c.service", "loaded", "active", "running"),
    ];
    let line = |args: &[&str], units: &[Unit]| count(&config(args), units).render();
    assert_eq!(line(&[], &units[2..]), "SYSTEMD OK - no unit has failed|failed=0;;0;0\n");
    assert_eq!(
        line(&[], &units),
        "SYSTEMD CRITICAL - 2 units have failed: a.service, b.mount|failed=2;;0;0\n"
    );
    assert_eq!(
        line(&["-x", "^a", "-w", "0"], &units),
        "SYSTEMD WARNING - 1 unit has failed: b.mount|failed=1;0;;0\n"
    );
    assert_eq!(
        line(&["-x", "^a", "-x", "mount$"], &units),
        "SYSTEMD OK - no unit has failed|failed=0;;0;0\n"
    );
}

#[test]
fn units_that_are_named_have_to_be_active() {
    let line = |active: &str, load: &str| {
        named(&config(&["-u", "a"]), &[unit("a.service", load, active, "x")]).render()
    };
    assert_eq!(line("active", "loaded"), "SYSTEMD OK - a.service is active (x)\n");
    assert_eq!(line("activating", "loaded"), "SYSTEMD WARNING - a.service is activating (x)\n");
    assert_eq!(line("failed", "loaded"), "SYSTEMD CRITICAL - a.service is failed (x)\n");
    assert_eq!(line("inactive", "not-found"), "SYSTEMD CRITICAL - a.service is not there\n");
    let two = named(&config(&["-u", "b.socket", "-u", "a"]), &[unit("a.service", "loaded", "active", "x")]);
    assert_eq!(two.render(), "SYSTEMD UNKNOWN - nothing is told of b.socket, a.service is active (x)\n");
}

/// Text as D-Bus has it, after so many bytes of the same body.
fn text(body: &mut Vec<u8>, text: &str) {
    body.resize(body.len().next_multiple_of(4), 0);
    body.extend((text.len() as u32).to_le_bytes());
    body.extend(text.as_bytes());
    body.push(0);
}

/// An answer to the call of this number; `kind` 3 is an error.
fn answer(kind: u8, serial: u32, signature: &str, body: &[u8]) -> Vec<u8> {
    let mut fields = vec![5, 1, b'u', 0];
    fields.extend(serial.to_le_bytes());
    fields.extend([8, 1, b'g', 0, signature.len() as u8]);
    fields.extend(signature.as_bytes());
    fields.push(0);
    let mut bytes = vec![b'l', kind, 0, 1];
    bytes.extend((body.len() as u32).to_le_bytes());
    bytes.extend(9_u32.to_le_bytes());
    bytes.extend((fields.len() as u32).to_le_bytes());
    bytes.extend(fields);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes.extend(body);
    bytes
}

fn list(units: &[Unit]) -> Vec<u8> {
    let mut body = vec![0; 8];
    for unit in units {
        body.resize(body.len().next_multiple_of(8), 0);
        for word in [&unit.name, "a description", &unit.load, &unit.active, &unit.sub, "", "/path"] {
            text(&mut body, word);
        }
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(7_u32.to_le_bytes());
        text(&mut body, "start");
        text(&mut body, "/job");
    }
    let length = (body.len() - 8) as u32;
    body[..4].copy_from_slice(&length.to_le_bytes());
    body
}

/// A bus that lets in whoever comes, and says this after what it is told each time.
fn bus(name: &str, says: Vec<Vec<u8>>) -> (String, std::thread::JoinHandle<Vec<u8>>) {
    let path = std::env::temp_dir().join(format!("plimsoll-bus-{name}-{}", std::process::id()));
    let listener = UnixListener::bind(&path).expect("a socket");
    let place = path.display().to_string();
    let heard = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a caller");
        let _ = std::fs::remove_file(path);
        let mut heard = hear(&mut stream);
        assert!(heard.ends_with(b"\r\nBEGIN\r\n"), "and no message yet");
        stream.write_all(b"OK 0123456789abcdef0123456789abcdef\r\n").expect("a word");
        for answer in says {
            heard.extend(hear(&mut stream));
            let _ = stream.write_all(&answer);
        }
        heard
    });
    (place, heard)
}

fn hear(stream: &mut UnixStream) -> Vec<u8> {
    let mut buffer = vec![0; 4096];
    let read = stream.read(&mut buffer).unwrap_or(0);
    buffer.truncate(read);
    buffer
}

fn said(args: &[&str]) -> (State, String) {
    match run(&mut Call::new(&CHECK, CHECK.name, args.iter().map(Into::into).collect())) {
        Ok(output) => (output.state(), output.render()),
        Err(Stop::Done(output)) => (output.state(), output.render()),
        Err(stop) => (State::Unknown, format!("{stop:?}")),
    }
}

fn hello() -> Vec<u8> {
    let mut name = Vec::new();
    text(&mut name, ":1.5");
    // A signal comes before the answer.
    [answer(4, 0, "s", &name), answer(2, 1, "s", &name)].concat()
}

#[test]
fn a_bus_is_asked_and_its_answer_read() {
    let units =
        [unit("a.service", "loaded", "failed", "failed"), unit("b.mount", "loaded", "failed", "failed")];
    let (place, heard) = bus("asked", vec![hello(), answer(2, 2, "a(ssssssouso)", &list(&units))]);
    let wanted = "SYSTEMD CRITICAL - 2 units have failed: a.service, b.mount|failed=2;;0;0\n";
    assert_eq!(said(&["-s", &place]), (State::Critical, wanted.to_owned()));
    let heard = String::from_utf8_lossy(&heard.join().expect("a bus")).into_owned();
    for word in
        ["\0AUTH EXTERNAL 3", "\r\nBEGIN\r\nl", "Hello\0", "ListUnitsFiltered\0", "\u{2}as\0", "failed\0"]
    {
        assert!(heard.contains(word), "{word} in {heard:?}");
    }
}

#[test]
fn what_refuses_and_what_is_no_bus_is_unknown() {
    let mut words = Vec::new();
    text(&mut words, "not here");
    for (name, says, told) in [
        ("refuses", vec![hello(), answer(3, 2, "s", &words)], "not here"),
        ("garbled", vec![b"x".repeat(64)], "not an answer of D-Bus: no header"),
        ("other", vec![hello(), answer(2, 2, "s", &words)], "not an answer of D-Bus: no list of units"),
        (
            "huge",
            vec![b"l\x02\0\x01\xff\xff\xff\x7f\x01\0\0\0\x01\0\0\0".to_vec()],
            "not an answer of D-Bus: no header",
        ),
    ] {
        let (place, _heard) = bus(name, says);
        let (state, line) = said(&["-s", &place]);
        assert_eq!((state, line.contains(told)), (State::Unknown, true), "{name}: {line}");
    }
    let nowhere = "SYSTEMD UNKNOWN - /no/bus: No such file or directory\n";
    assert_eq!(said(&["-s", "/no/bus"]), (State::Unknown, nowhere.to_owned()));
}

#[test]
fn properties_are_texts_and_numbers() {
    let value = |signature: &str, bytes: &[u8]| {
        let mut body = vec![signature.len() as u8];
        body.extend(signature.as_bytes());
        body.push(0);
        body.resize(body.len().next_multiple_of(if signature == "t" { 8 } else { 4 }), 0);
        body.extend(bytes);
        body
    };
    let mut word = Vec::new();
    text(&mut word, "252.39");
    let mut refused = Vec::new();
    text(&mut refused, "no such property");
    let says = vec![
        hello(),
        answer(2, 2, "v", &value("s", &word)),
        answer(2, 3, "v", &value("u", &7_u32.to_le_bytes())),
        answer(2, 4, "v", &value("t", &u64::MAX.to_le_bytes())),
        answer(2, 5, "v", &value("d", &1_f64.to_le_bytes())),
        answer(3, 6, "s", &refused),
        answer(2, 7, "a(ssssssouso)", &list(&[unit("a.service", "loaded", "active", "running")])),
        answer(2, 8, "v", b"\x01t\0\0\0\0\0\xff"),
    ];
    let (place, heard) = bus("values", says);
    let mut bus = Bus::connect(&place, Deadline::after(Duration::from_secs(60))).expect("let in");
    let mut get = || bus.property(bus::MANAGER, "Manager", "Version").expect("an answer");
    assert_eq!(get(), Some(Value::Text("252.39".to_owned())));
    assert_eq!([get(), get()], [7, u64::MAX].map(|number| Some(Value::Number(number))));
    assert_eq!([get(), get()], [None, None], "another kind, and none");
    assert_eq!(bus.list("ListUnits", Given::Nothing).expect("a list")[0].path, "/path");
    assert_eq!(bus.property("/x", "Unit", "Y").expect("an answer"), None, "cut off");
    drop(bus);
    let heard = String::from_utf8_lossy(&heard.join().expect("a bus")).into_owned();
    for word in ["\u{2}ss\0", "org.freedesktop.systemd1.Manager\0", "Version\0", "ListUnits\0"] {
        assert!(heard.contains(word), "{word} in {heard:?}");
    }
}
