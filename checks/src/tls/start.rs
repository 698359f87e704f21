//! What is said before TLS where a conversation begins without it.

use crate::net::{Error, Stream};

/// A protocol that goes over to TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// TLS is spoken from the start.
    AtOnce,
    /// `STARTTLS` after a greeting and `EHLO`.
    Smtp,
    /// `STARTTLS` after a greeting.
    Imap,
    /// `STLS` after a greeting.
    Pop3,
    /// `AUTH TLS` after a greeting.
    Ftp,
    /// Eight bytes, and one for an answer.
    Postgres,
}

/// What is not the start of TLS.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The connection.
    #[error("{0}")]
    Net(#[from] Error),
    /// What the other side said instead.
    #[error("no TLS is offered: {0}")]
    Refused(String),
}

/// A line that is longer is none.
const LONGEST: usize = 4096;

impl Start {
    /// By the names of `check_ssl_cert`.
    pub fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "https" | "http" | "h2" | "smtps" | "imaps" | "pop3s" | "ftps" | "ldaps" | "ircs" | "tls" => {
                Self::AtOnce
            }
            "smtp" => Self::Smtp,
            "imap" => Self::Imap,
            "pop3" => Self::Pop3,
            "ftp" => Self::Ftp,
            "postgres" => Self::Postgres,
            _ => return None,
        })
    }

    /// Says what is to be said; TLS follows.
    pub fn say(self, stream: &mut Stream) -> Result<(), Failed> {
        match self {
            Self::AtOnce => Ok(()),
            Self::Smtp => {
                answer(stream, "220", &["220-"])?;
                stream.send(b"EHLO localhost\r\n")?;
                answer(stream, "250 ", &["250-"])?;
                stream.send(b"STARTTLS\r\n")?;
                answer(stream, "220", &["220-"])
            }
            Self::Imap => {
                answer(stream, "* OK", &[])?;
                stream.send(b"a1 STARTTLS\r\n")?;
                answer(stream, "a1 OK", &["* "])
            }
            Self::Pop3 => {
                answer(stream, "+OK", &[])?;
                stream.send(b"STLS\r\n")?;
                answer(stream, "+OK", &[])
            }
            Self::Ftp => {
                answer(stream, "220", &["220-", " "])?;
                stream.send(b"AUTH TLS\r\n")?;
                answer(stream, "234", &["234-"])
            }
            Self::Postgres => {
                stream.send(&[0, 0, 0, 8, 4, 210, 22, 47])?;
                let mut byte = [0];
                match stream.receive(&mut byte)? {
                    1 if byte == *b"S" => Ok(()),
                    _ => Err(Failed::Refused(String::from_utf8_lossy(&byte).into_owned())),
                }
            }
        }
    }
}

/// The next line that begins so; those that begin otherwise, as listed, may stand before it.
fn answer(stream: &mut Stream, wanted: &str, before: &[&str]) -> Result<(), Failed> {
    loop {
        let line = line(stream)?;
        if before.iter().any(|start| line.starts_with(start)) {
            continue;
        }
        return if line.starts_with(wanted) { Ok(()) } else { Err(Failed::Refused(line)) };
    }
}

/// A byte at a time: what follows the line is no more for us to read.
fn line(stream: &mut Stream) -> Result<String, Failed> {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while stream.receive(&mut byte)? == 1 {
        if byte == *b"\n" || line.len() >= LONGEST {
            break;
        }
        line.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(line.trim_ascii_end()).into_owned())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::time::Duration;

    use super::*;
    use crate::deadline::Deadline;
    use crate::net::connect;

    /// What comes of a server that says these, one after each line it hears; and what it heard.
    fn talk(start: Start, says: &'static [&'static str]) -> (Result<(), String>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let (mut heard, mut byte) = (String::new(), [0]);
            for text in says {
                stream.write_all(text.as_bytes()).unwrap();
                while stream.read(&mut byte).unwrap() == 1 {
                    heard.push(char::from(byte[0]));
                    if byte == *b"\n" {
                        break;
                    }
                }
            }
            heard
        });
        let mut stream = connect(&[address], Deadline::after(Duration::from_secs(10))).unwrap();
        let said = start.say(&mut stream).map_err(|error| error.to_string());
        drop(stream);
        (said, server.join().unwrap())
    }

    #[test]
    fn each_protocol_is_asked_for_tls_in_its_own_words() {
        let smtp: &[&str] = &["220-a\r\n220 b\r\n", "250-x\r\n250 STARTTLS\r\n", "220 go\r\n"];
        assert_eq!(talk(Start::Smtp, smtp), (Ok(()), "EHLO localhost\r\nSTARTTLS\r\n".to_owned()));
        let imap: &[&str] = &["* OK x\r\n", "* x\r\na1 OK go\r\n"];
        assert_eq!(talk(Start::Imap, imap), (Ok(()), "a1 STARTTLS\r\n".to_owned()));
        assert_eq!(talk(Start::Pop3, &["+OK\r\n", "+OK\r\n"]), (Ok(()), "STLS\r\n".to_owned()));
        assert_eq!(talk(Start::Ftp, &["220 x\r\n", "234 x\r\n"]), (Ok(()), "AUTH TLS\r\n".to_owned()));
        assert_eq!(talk(Start::AtOnce, &[]), (Ok(()), String::new()));
    }

    #[test]
    fn who_offers_no_tls_is_told() {
        let refused = |text: &str| Err(format!("no TLS is offered: {text}"));
        assert_eq!(talk(Start::Smtp, &["554 go away\r\n"]).0, refused("554 go away"));
        assert_eq!(talk(Start::Pop3, &["+OK\r\n", "-ERR\r\n"]).0, refused("-ERR"));
        assert_eq!(talk(Start::Imap, &["* BYE\r\n"]).0, refused("* BYE"));
    }
}
