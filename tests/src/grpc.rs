//! A server that speaks as much of gRPC as a question after health needs, with trailers as a web server cannot give them.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use anyhow::Result;

use crate::servers::Servers;

/// What it answers.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// A status of health, by its number.
    Health(u8),
    /// A code of gRPC, with no message.
    Code(&'static str),
}

/// Starts one, by a name.
pub fn start(servers: &mut Servers, name: &str, answer: Answer) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    servers.name(name, listener.local_addr()?.port());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Whoever hangs up in the middle is expected to.
            std::thread::spawn(move || serve(stream, answer));
        }
    });
    Ok(())
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
/// Of a stream its end, of settings and pings that they were heard.
const END_OR_ACK: u8 = 1;
const END_HEADERS: u8 = 4;

fn serve(mut stream: TcpStream, answer: Answer) -> std::io::Result<()> {
    stream.read_exact(&mut [0; 24])?;
    stream.write_all(&frame(SETTINGS, 0, 0, &[]))?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head)?;
        let [a, b, c, kind, flags, number @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        stream.read_exact(&mut payload)?;
        match kind {
            SETTINGS if flags & END_OR_ACK == 0 => {
                stream.write_all(&frame(SETTINGS, END_OR_ACK, 0, &[]))?;
            }
            PING if flags & END_OR_ACK == 0 => stream.write_all(&frame(PING, END_OR_ACK, 0, &payload))?,
            DATA | HEADERS if flags & END_OR_ACK != 0 => {
                stream.write_all(&answered(u32::from_be_bytes(number), answer))?;
            }
            _ => {}
        }
    }
}

fn answered(stream: u32, answer: Answer) -> Vec<u8> {
    // `:status: 200` is one of the headers that have a number.
    let head = [&[0x88][..], &header("content-type", "application/grpc")].concat();
    match answer {
        Answer::Health(status) => [
            frame(HEADERS, END_HEADERS, stream, &head),
            frame(DATA, 0, stream, &[0, 0, 0, 0, 2, 8, status]),
            frame(HEADERS, END_HEADERS | END_OR_ACK, stream, &header("grpc-status", "0")),
        ]
        .concat(),
        Answer::Code(code) => {
            let head = [head, header("grpc-status", code)].concat();
            frame(HEADERS, END_HEADERS | END_OR_ACK, stream, &head)
        }
    }
}

/// A header that no table is to keep.
fn header(name: &str, value: &str) -> Vec<u8> {
    [&[0, name.len() as u8], name.as_bytes(), &[value.len() as u8], value.as_bytes()].concat()
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}
