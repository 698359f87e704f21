//! What each name of `check_tcp` says and expects to hear.

use crate::net::Protocol;

/// A service that greets, or answers one question.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// What the first line begins with.
    pub label: &'static str,
    /// How packets go.
    pub protocol: Protocol,
    /// Its port, or 0.
    pub port: u16,
    /// What to say, if anything.
    pub send: Option<&'static str>,
    /// How the answer begins.
    pub expect: &'static [&'static str],
    /// What to say at the end.
    pub quit: &'static str,
    /// Whether it speaks TLS from the start.
    pub tls: bool,
    /// Whether its answer is not shown.
    pub hide: bool,
}

impl Service {
    /// By the name the program is called: plain TCP for any that is not below.
    pub fn by_name(name: &str) -> Self {
        let label = name.strip_prefix("check_").unwrap_or(name);
        let found = SERVICES.iter().find(|service| service.label.eq_ignore_ascii_case(label));
        *found.unwrap_or(&TCP)
    }
}

const TCP: Service = Service {
    label: "TCP",
    protocol: Protocol::Tcp,
    port: 0,
    send: None,
    expect: &[],
    quit: "",
    tls: false,
    hide: false,
};

const FTP: Service = Service { label: "FTP", port: 21, expect: &["220"], quit: "QUIT\r\n", ..TCP };
const POP: Service = Service { label: "POP", port: 110, expect: &["+OK"], ..FTP };
const IMAP: Service = Service { label: "IMAP", port: 143, expect: &["* OK"], quit: "a1 LOGOUT\r\n", ..TCP };
const NNTP: Service = Service { label: "NNTP", port: 119, expect: &["200", "201"], ..FTP };

const SERVICES: &[Service] = &[
    Service { label: "UDP", protocol: Protocol::Udp, ..TCP },
    FTP,
    POP,
    IMAP,
    NNTP,
    Service { label: "SPOP", port: 995, tls: true, ..POP },
    Service { label: "SIMAP", port: 993, tls: true, ..IMAP },
    Service { label: "NNTPS", port: 563, tls: true, ..NNTP },
    Service { label: "SSMTP", port: 465, tls: true, ..FTP },
    Service {
        label: "JABBER",
        port: 5222,
        send: Some(
            "<stream:stream to='host' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>\n",
        ),
        expect: &["<?xml version='1.0'"],
        quit: "</stream:stream>\n",
        hide: true,
        ..TCP
    },
    Service { label: "CLAMD", port: 3310, send: Some("PING"), expect: &["PONG"], ..TCP },
];
