//! DNS: who asks, in all the manners there are, and who answers whatever it is told to.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};

use crate::net::with_bound;
use crate::{Answer, fails};

const HEAD: usize = 12;
const ANSWER: u8 = 0x80;
const TRUNCATED: u8 = 0x02;
const RCODE: u8 = 0x0f;

/// What is asked, and where.
pub(crate) struct Asking<'a> {
    pub(crate) address: &'a str,
    pub(crate) name: &'a str,
    pub(crate) kind: u16,
    pub(crate) n: u16,
}

/// N questions in one manner, each of which must be answered with this rcode: `udp`; `thrice`, where there are
/// three answers to each; `unconnected`, by `sendto`; `tcp`, by one
/// connection; `split`, where the length is in a segment of its own; `pipelined`, all in one segment.
pub(crate) fn ask(manner: &str, asking: &Asking<'_>, rcode: u8) -> Answer {
    match manner {
        "udp" => udp(asking, rcode, 1),
        "thrice" => udp(asking, rcode, 3),
        "unconnected" => unconnected(asking, rcode),
        "tcp" | "split" | "pipelined" => tcp(manner, asking, rcode),
        _ => Err(format!("{manner}: no such manner")),
    }
}

/// N questions, for whose answers nobody waits.
pub(crate) fn shout(asking: &Asking<'_>) -> Answer {
    let socket = udp_socket(asking.address)?;
    for id in 1..=asking.n {
        socket.send(&question(asking, id)).map_err(fails("send"))?;
    }
    Ok(String::new())
}

/// Answers N questions that come to the socket for datagrams that stays, each so many times.
pub(crate) fn answer(n: u64, rcode: u8, times: u64) -> Answer {
    with_bound(|socket| {
        for _ in 0..n {
            let mut message = [0; 512];
            let (length, from) = socket.recv_from(&mut message).map_err(fails("receive"))?;
            message[2] |= ANSWER;
            message[3] |= rcode;
            for _ in 0..times {
                socket.send_to(&message[..length], from).map_err(fails("send"))?;
            }
        }
        Ok(())
    })
}

fn udp(asking: &Asking<'_>, rcode: u8, times: usize) -> Answer {
    let socket = udp_socket(asking.address)?;
    for id in 1..=asking.n {
        socket.send(&question(asking, id)).map_err(fails("send"))?;
        for _ in 0..times {
            let mut message = [0; 4096];
            let length = socket.recv(&mut message).map_err(fails("receive"))?;
            judge(&message[..length], id, rcode)?;
        }
    }
    Ok(String::new())
}

fn unconnected(asking: &Asking<'_>, rcode: u8) -> Answer {
    let to = parsed(asking.address)?;
    let socket = UdpSocket::bind(any(&to)).map_err(fails("bind"))?;
    for id in 1..=asking.n {
        socket.send_to(&question(asking, id), to).map_err(fails("send"))?;
        let mut message = [0; 4096];
        let (length, _) = socket.recv_from(&mut message).map_err(fails("receive"))?;
        judge(&message[..length], id, rcode)?;
    }
    Ok(String::new())
}

fn tcp(manner: &str, asking: &Asking<'_>, rcode: u8) -> Answer {
    let mut stream = TcpStream::connect(parsed(asking.address)?).map_err(fails("connect"))?;
    stream.set_nodelay(true).map_err(fails("nodelay"))?;
    let framed = |id| {
        let question = question(asking, id);
        [&(question.len() as u16).to_be_bytes()[..], &question].concat()
    };
    if manner == "pipelined" {
        let all: Vec<u8> = (1..=asking.n).flat_map(framed).collect();
        stream.write_all(&all).map_err(fails("write"))?;
    }
    for id in 1..=asking.n {
        let question = framed(id);
        match manner {
            "split" => {
                stream.write_all(&question[..2]).map_err(fails("write"))?;
                stream.write_all(&question[2..]).map_err(fails("write"))?;
            }
            "tcp" => stream.write_all(&question).map_err(fails("write"))?,
            _ => {}
        }
        let mut length = [0; 2];
        stream.read_exact(&mut length).map_err(fails("read"))?;
        let mut message = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut message).map_err(fails("read"))?;
        judge(&message, id, rcode)?;
    }
    Ok(String::new())
}

/// An answer to a question with this number, in order. One that is not whole has what is asked for all the same.
fn judge(message: &[u8], id: u16, rcode: u8) -> Result<(), String> {
    let head = message.get(..HEAD).ok_or("no head")?;
    if head[..2] != id.to_be_bytes() || head[2] & ANSWER == 0 || head[3] & RCODE != rcode {
        return Err(format!("{head:02x?} in answer to {id}, truncated: {}", head[2] & TRUNCATED != 0));
    }
    Ok(())
}

/// As a stub resolver asks: recursion desired, one question, nothing else.
fn question(asking: &Asking<'_>, id: u16) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    message.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in asking.name.split('.').filter(|label| !label.is_empty()) {
        message.push(label.len() as u8);
        message.extend(label.as_bytes());
    }
    message.push(0);
    message.extend(asking.kind.to_be_bytes());
    message.extend([0, 1]);
    message
}

fn udp_socket(address: &str) -> Result<UdpSocket, String> {
    let to = parsed(address)?;
    let socket = UdpSocket::bind(any(&to)).map_err(fails("bind"))?;
    socket.connect(to).map_err(fails("connect"))?;
    Ok(socket)
}

fn any(to: &SocketAddr) -> SocketAddr {
    if to.is_ipv4() { ([0; 4], 0).into() } else { ([0u16; 8], 0).into() }
}

fn parsed(address: &str) -> Result<SocketAddr, String> {
    address.parse().map_err(|_| format!("{address}: no address"))
}
