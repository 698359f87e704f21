//! What a module of the configuration says: blackbox_exporter's options, complete and valid.

use std::net::IpAddr;
use std::time::Duration;

use plimsoll_checks::net::Protocol;
use plimsoll_checks::range::Thresholds;
use plimsoll_checks::tls;
use regex::bytes::{Regex, RegexBuilder};

/// A way to probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Module {
    /// The longest it may take.
    pub timeout: Option<Duration>,
    /// What is done.
    pub prober: Prober,
    /// What is a warning, and what is critical, beside a failure.
    pub limits: Limits,
}

/// What is done.
#[derive(Clone, Debug, PartialEq)]
pub enum Prober {
    /// A page is asked for.
    Http(Http),
    /// A connection is made, and a conversation held.
    Tcp(Tcp),
    /// An echo is asked for.
    Icmp(Icmp),
    /// A name server is asked.
    Dns(Dns),
    /// A server is asked for its health.
    Grpc(Grpc),
}

/// What a probe that succeeded is judged by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// Of the seconds it took.
    pub seconds: Thresholds,
    /// Days the certificate is to be valid yet: up to which to warn, and up to which it is critical.
    pub certificate_days: Option<(u32, u32)>,
}

/// Which addresses of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// Those of IPv4 before those of IPv6.
    pub v4: bool,
    /// The others, where there is none of these.
    pub fallback: bool,
}

/// How TLS is spoken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Whether anybody may be the other side.
    pub insecure: bool,
    /// A file with the authorities, where they are not the system's.
    pub authorities: Option<String>,
    /// Files of a certificate of our own and of its key.
    pub identity: Option<(String, String)>,
    /// The name to ask for and to verify, where it is not the target's.
    pub server_name: Option<String>,
    /// Which versions may be spoken.
    pub versions: tls::Versions,
}

/// A page.
#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    /// Which address.
    pub family: Family,
    /// How TLS is spoken, where it is.
    pub tls: Tls,
    /// `GET` and so on.
    pub method: String,
    /// More headers; `Host` is one.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: String,
    /// Who asks.
    pub login: Option<Login>,
    /// Whether to go where an answer points.
    pub follow: bool,
    /// Whether HTTP/2 may be spoken.
    pub version_2: bool,
    /// How the answer is to be compressed.
    pub compression: Option<String>,
    /// The longest body.
    pub longest: Option<u64>,
    /// Which statuses are fine; those from 200 to 299 if none is given.
    pub statuses: Vec<u16>,
    /// Which versions are fine; all if none is given.
    pub versions: Vec<String>,
    /// Whether it fails if TLS was spoken.
    pub fail_if_tls: bool,
    /// Whether it fails if TLS was not spoken.
    pub fail_if_not_tls: bool,
    /// It fails if the body has one of these.
    pub body_never: Vec<Expression>,
    /// It fails if the body lacks one of these.
    pub body_always: Vec<Expression>,
    /// It fails if a header has one of these.
    pub header_never: Vec<HeaderMatch>,
    /// It fails if a header lacks one of these.
    pub header_always: Vec<HeaderMatch>,
}

/// A header, and what is looked for in it.
#[derive(Clone, Debug, PartialEq)]
pub struct HeaderMatch {
    /// Its name.
    pub header: String,
    /// What is looked for.
    pub regexp: Expression,
    /// Whether it may be missing.
    pub allow_missing: bool,
}

/// Who asks for a page.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// `Basic` and the name, or the type of what follows.
    pub kind: LoginKind,
    /// The password or token.
    pub secret: Secret,
}

/// How somebody logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginKind {
    /// By a name and a password.
    Basic(String),
    /// By a token, of this type.
    Token(String),
}

/// Something that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// It stands in the configuration.
    Text(String),
    /// It is in a file, which is read for each probe.
    File(String),
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Tcp {
    /// Which address.
    pub family: Family,
    /// The address to send from.
    pub source: Option<IpAddr>,
    /// Whether TLS is spoken from the start.
    pub speaks_tls: bool,
    /// How TLS is spoken, where it is.
    pub tls: Tls,
    /// What is heard and said, in turn.
    pub steps: Vec<Step>,
}

/// A step of a conversation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// A line to wait for.
    pub expect: Option<Expression>,
    /// A line to say then; `${1}` stands for a group of that.
    pub send: String,
    /// Whether TLS is spoken from then on.
    pub starttls: bool,
}

/// An echo.
#[derive(Clone, Debug, PartialEq)]
pub struct Icmp {
    /// Which address.
    pub family: Family,
    /// The address to send from.
    pub source: Option<IpAddr>,
    /// How much is sent.
    pub payload: usize,
    /// Whether routers may not send it in parts.
    pub whole: bool,
    /// How many routers it may pass.
    pub ttl: Option<u8>,
}

/// A question to a name server.
#[derive(Clone, Debug, PartialEq)]
pub struct Dns {
    /// Which address.
    pub family: Family,
    /// The address to send from.
    pub source: Option<IpAddr>,
    /// How packets go.
    pub protocol: Protocol,
    /// Whether TLS is spoken.
    pub speaks_tls: bool,
    /// How it is.
    pub tls: Tls,
    /// The name that is asked for.
    pub name: String,
    /// The type of its records.
    pub kind: u16,
    /// Whether the server is to ask others.
    pub recurse: bool,
    /// Which codes of a response are fine.
    pub codes: Vec<u16>,
    /// What is asked of the records of the answer, of those that say who has the say, and of the others.
    pub records: [Records; 3],
}

/// What is asked of records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Records {
    /// It fails if one of them has one of these.
    pub never: Vec<Expression>,
    /// It fails unless all of them have all of these: so blackbox_exporter does, whatever the name says.
    pub all: Vec<Expression>,
    /// It fails if one of them lacks one of these.
    pub always: Vec<Expression>,
    /// It fails if none of them has any of these.
    pub any: Vec<Expression>,
}

/// A question after health.
#[derive(Clone, Debug, PartialEq)]
pub struct Grpc {
    /// Which address.
    pub family: Family,
    /// The service; the server as a whole if it has no name.
    pub service: String,
    /// Whether TLS is spoken.
    pub speaks_tls: bool,
    /// How it is.
    pub tls: Tls,
}

/// A regular expression, bounded in what it may cost.
#[derive(Clone, Debug)]
pub struct Expression(Regex);

impl Expression {
    /// Reads one; says in a line what is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        // A larger one costs more than any page is worth.
        const MOST: usize = 1 << 20;
        let regex = RegexBuilder::new(text).size_limit(MOST).dfa_size_limit(MOST).build();
        regex.map(Self).map_err(|error| {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.trim().trim_start_matches("error: ").to_owned()
        })
    }

    /// The expression itself.
    pub fn regex(&self) -> &Regex {
        &self.0
    }

    /// Whether it is found anywhere in a text.
    pub fn is_in(&self, text: impl AsRef<[u8]>) -> bool {
        self.0.is_match(text.as_ref())
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Default for Family {
    fn default() -> Self {
        Self { v4: false, fallback: true }
    }
}

impl Secret {
    /// What it is; a fault names the file.
    pub fn read(&self) -> Result<String, String> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::File(path) => std::fs::read_to_string(path)
                .map(|text| text.trim().to_owned())
                .map_err(|error| format!("{path}: {error}")),
        }
    }
}

impl Module {
    /// The same for a host of this name, whatever the target is; says why not.
    pub(super) fn named(&self, name: String) -> Result<Self, String> {
        let mut module = self.clone();
        match &mut module.prober {
            Prober::Http(http) => {
                let named = http.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case("host"));
                if let Some((_, other)) = named.filter(|(_, other)| *other != name) {
                    return Err(format!("the module names the host {other}, and the query {name}"));
                }
                http.headers.push(("Host".to_owned(), name));
            }
            Prober::Tcp(tcp) => {
                tcp.tls.server_name.get_or_insert(name);
            }
            Prober::Icmp(_) | Prober::Dns(_) | Prober::Grpc(_) => {}
        }
        Ok(module)
    }
}

impl Tls {
    /// As the checks want it.
    pub(super) fn wanted(&self, protocols: &[&'static [u8]]) -> tls::Wanted {
        let authorities = self.authorities.clone();
        tls::Wanted {
            sni: self.server_name.clone(),
            versions: self.versions,
            identity: self.identity.clone(),
            verify: (!self.insecure).then_some(tls::Verify {
                chain: true,
                name: true,
                key: true,
                authorities,
            }),
            protocols: protocols.to_vec(),
            ..tls::Wanted::default()
        }
    }
}
