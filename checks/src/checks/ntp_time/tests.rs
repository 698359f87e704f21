use std::net::{SocketAddr, UdpSocket};

use super::*;
use crate::deadline::Deadline;

/// A server that answers so often, after `change` had its way with the answer.
fn serve(times: usize, change: fn(usize, &mut Vec<u8>)) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 128];
        for number in 0..times {
            let (length, from) = socket.recv_from(&mut buffer).unwrap();
            assert_eq!(length, 48);
            let now = ntp::Stamp::now().0;
            let mut answer = vec![0x24, 2];
            answer.resize(24, 0);
            answer.extend_from_slice(&buffer[40..48]);
            // A hundred seconds ahead.
            answer.extend_from_slice(&(now + (100 << 32)).to_be_bytes());
            answer.extend_from_slice(&(now + (100 << 32)).to_be_bytes());
            change(number, &mut answer);
            socket.send_to(&answer, from).unwrap();
        }
    });
    address
}

fn offset(addresses: &[SocketAddr]) -> Result<f64, Error> {
    measure(addresses, Deadline::after(Duration::from_secs(5))).map(|measured| measured.offset.round())
}

fn config(args: &[&str]) -> Result<Config, Stop> {
    Config::read(&mut Call::new(&CHECK, "check_ntp_time", args.iter().map(Into::into).collect()))
}

#[test]
fn the_offset_is_the_mean_of_four_answers() {
    assert_eq!(offset(&[serve(4, |_, _| {})]), Ok(100.0));
    // The second of eight is a copy of what is no answer, and is not looked at.
    assert_eq!(offset(&[serve(5, |number, answer| answer[24] ^= u8::from(number == 1))]), Ok(100.0));
}

#[test]
fn a_server_without_the_time_has_no_offset_unless_another_has() {
    let alarm = || serve(4, |_, answer| answer[0] |= 0xc0);
    let kiss = || serve(4, |_, answer| answer[1] = 0);
    assert_eq!(offset(&[alarm()]), Err(Error::NoTime));
    assert_eq!(offset(&[kiss(), alarm()]), Err(Error::NoTime));
    assert_eq!(offset(&[kiss(), serve(4, |_, _| {}), alarm()]), Ok(100.0));
}

#[test]
fn a_host_that_says_nobody_listens_is_silent_at_once() {
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(offset(&[closed]), Err(Error::Silent));
}

#[test]
fn the_line_is_that_of_2x() {
    let line = |args: &[&str], offset| {
        let (config, measured) = (config(args).unwrap(), Measured { offset, stratum: 2 });
        print(&config, judge(&config, &measured), &measured).render()
    };
    let tail = "60.000000;120.000000;\n";
    assert_eq!(line(&["-Hh"], -0.5), format!("NTP OK: Offset -0.5 secs|offset=-0.500000s;{tail}"));
    assert_eq!(line(&["-Hh"], -61.0), format!("NTP WARNING: Offset -61 secs|offset=-61.000000s;{tail}"));
    assert_eq!(line(&["-Hh", "-o", "-60"], 61.0), format!("NTP OK: Offset 1 secs|offset=1.000000s;{tail}"));
    assert_eq!(
        line(&["-Hh", "-c", "5:"], 1.0),
        "NTP CRITICAL: Offset 1 secs|offset=1.000000s;60.000000;5:;\n"
    );
    assert_eq!(config(&["-w1"]).err(), Some(Stop::usage("check_ntp_time: Hostname was not supplied")));
}
