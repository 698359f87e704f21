//! Names, looked up at a server that does as the first label of the name says: answers, lies, or says nothing.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use plimsoll_tests::plugins::{Ran, ours_dir, run_ours};
use plimsoll_tests::servers::Servers;

/// Where the server is: nobody else's, since every address of 127.0.0.0/8 is this host.
const SERVER: &str = "127.77.77.77";

/// The answer to a question, or none: the same number, the question again, and one address.
fn answer(question: &[u8], by_tcp: bool) -> Option<Vec<u8>> {
    let end = 12 + question.get(12..)?.iter().position(|byte| *byte == 0)? + 5;
    let label = String::from_utf8_lossy(question.get(13..13 + usize::from(*question.get(12)?))?).into_owned();
    let kind = question.get(end - 3)?;
    let mut bytes = question.get(..end)?.to_vec();
    (bytes[2], bytes[3]) = (0x81, 0x80);
    match (label.as_str(), kind) {
        ("silent", _) => return None,
        ("garbage", _) => return Some(b"\xc0\x0c".repeat(300)),
        ("loop", _) => {
            bytes.truncate(12);
            bytes.extend_from_slice(b"\xc0\x0c\0\x01\0\x01");
            return Some(bytes);
        }
        ("number", _) => bytes[0] ^= 0xff,
        ("other", _) => bytes[13] ^= 1,
        ("none", _) => bytes[3] |= 3,
        ("failing", _) => bytes[3] |= 2,
        ("long", _) if !by_tcp => bytes[2] |= 2,
        (_, 1) => {
            bytes[7] = 1;
            bytes.extend_from_slice(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x7f\0\0\x01");
        }
        _ => {}
    }
    Some(bytes)
}

/// Serves until the test is over.
pub(crate) fn serve(address: &str) -> Result<()> {
    let udp = UdpSocket::bind((address, 53)).context("port 53")?;
    let tcp = TcpListener::bind((address, 53))?;
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = udp.recv_from(&mut buffer) {
            if let Some(answer) = answer(&buffer[..length], false) {
                let _ = udp.send_to(&answer, from);
            }
        }
    });
    std::thread::spawn(move || {
        for mut stream in tcp.incoming().flatten() {
            let mut question = [0; 512];
            let Ok(length) = stream.read(&mut question) else { continue };
            if let Some(answer) = question.get(2..length).and_then(|question| answer(question, true)) {
                let length = u16::try_from(answer.len()).unwrap_or_default().to_be_bytes();
                let _ = stream.write_all(&[&length[..], &answer].concat());
            }
        }
    });
    Ok(())
}

/// Runs a check of a name, where that server is the only one.
fn ask(servers: &Servers, name: &str) -> Result<Ran> {
    let script = format!(
        "mount --bind {} /etc/resolv.conf && exec {}/check_tcp -H {name} -p {} -t 1:1",
        servers.place("resolv")?,
        ours_dir()?.display(),
        servers.place("echo")?
    );
    let mut command = Command::new("unshare");
    command.args(["--mount", "/bin/sh", "-c", &script]);
    run_ours(command)
}

#[test]
fn a_server_may_answer_lie_or_say_nothing() -> Result<()> {
    serve(SERVER)?;
    let mut servers = Servers::start()?;
    servers.file("resolv", &format!("nameserver {SERVER}\nsearch example.\noptions attempts:1\n"))?;
    for name in ["good.example", "good", "long.example"] {
        let ran = ask(&servers, name)?;
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.output.contains(&format!("second response time on {name} port")), "{ran:?}");
    }
    for name in ["none.example", "failing.example"] {
        let ran = ask(&servers, name)?;
        let text = format!("TCP CRITICAL - Invalid hostname, address or socket: {name}\n");
        assert_eq!((ran.code, ran.output), (2, text));
    }
    // What is no answer to the question is not taken for one, and the time is kept while waiting for it.
    for name in ["silent.example", "garbage.example", "loop.example", "number.example", "other.example"] {
        let mut shortest = Duration::MAX;
        for _ in 0..3 {
            let start = Instant::now();
            let ran = ask(&servers, name)?;
            shortest = shortest.min(start.elapsed());
            assert_eq!(
                (ran.code, ran.output.as_str()),
                (1, "WARNING - Socket timeout after 1 seconds\n"),
                "{name}"
            );
            if shortest <= Duration::from_millis(1200) {
                break;
            }
        }
        assert!(shortest <= Duration::from_millis(1200), "{name}: {shortest:?}");
    }
    Ok(())
}
