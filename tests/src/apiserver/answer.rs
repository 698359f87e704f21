//! What is asked and what is answered.

use anyhow::{Context as _, Result, ensure};

use super::{Feed, fixture};

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// `GET` and so on.
    pub method: String,
    /// The path.
    pub path: String,
    /// What follows its question mark.
    pub query: String,
    /// The token of who asks.
    pub token: Option<String>,
    /// The kinds of answers that are taken.
    pub accept: Option<String>,
    /// Whether a certificate of an authority that is known was shown.
    pub certificate: bool,
    /// 1 or 2, of HTTP.
    pub version: u8,
}

/// How an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As it should.
    Whole,
    /// It does not: the connection stays open, and nothing more comes.
    Open,
    /// The connection breaks off in the middle, as when the server is killed.
    Cut,
}

/// An answer, as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub(super) status: u16,
    /// As recorded, in their order.
    pub(super) headers: Vec<(String, String)>,
    /// Each is a chunk of HTTP/1.1 and a frame of HTTP/2.
    pub(super) parts: Vec<Vec<u8>>,
    pub(super) end: End,
    /// What comes after the parts while it is open, by HTTP/1.1.
    pub(super) feed: Option<Feed>,
}

impl Asked {
    /// A value in the query, decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.query.as_bytes());
        pairs.find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
    }

    /// The path, and the query after it.
    pub fn target(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }

    pub(super) fn new(method: &str, target: &str, authorization: Option<&str>, accept: Option<&str>) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let token = authorization.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
        let (method, path, query) = (method.to_owned(), path.to_owned(), query.to_owned());
        let accept = accept.map(str::to_owned);
        Self { method, path, query, token, accept, certificate: false, version: 1 }
    }
}

impl Answer {
    /// A text of this status.
    pub fn text(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let kind = ("Content-Type".to_owned(), "application/json".to_owned());
        let headers = vec![kind, ("Date".to_owned(), RECORDED.to_owned())];
        Self { status, headers, parts: vec![body.into()], end: End::Whole, feed: None }
    }

    /// `NAME.headers` and `NAME.body`, as of `errors/forbidden`.
    pub fn recorded(name: &str) -> Result<Self> {
        let (status, headers) = head(name)?;
        let parts = vec![fixture(&format!("{name}.body"))?];
        Ok(Self { status, headers, parts, end: End::Whole, feed: None })
    }

    /// `lists/NAME.json`, a list or a page of one.
    pub fn list(name: &str) -> Result<Self> {
        Ok(Self::text(200, fixture(&format!("lists/{name}.json"))?))
    }

    /// `watch/NAME.headers` and `watch/NAME.jsonl`: an event a part, and the connection stays open.
    pub fn watch(name: &str) -> Result<Self> {
        let (status, headers) = head(&format!("watch/{name}"))?;
        let events = fixture(&format!("watch/{name}.jsonl"))?;
        let parts = events.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        Ok(Self { status, headers, parts, end: End::Open, feed: None })
    }

    /// With another end.
    #[must_use]
    pub const fn end(mut self, end: End) -> Self {
        self.end = end;
        self
    }

    /// The first of its parts only.
    #[must_use]
    pub fn first(mut self, parts: usize) -> Self {
        self.parts.truncate(parts);
        self
    }

    /// One more part.
    #[must_use]
    pub fn and(mut self, part: impl Into<Vec<u8>>) -> Self {
        self.parts.push(part.into());
        self
    }

    /// It stays open, and goes on with what is fed to it.
    #[must_use]
    pub fn fed(mut self, feed: &Feed) -> Self {
        (self.end, self.feed) = (End::Open, Some(feed.clone()));
        self
    }

    /// All of its body.
    pub fn body(&self) -> Vec<u8> {
        self.parts.concat()
    }
}

/// When the lists were recorded, which have no heads of their own.
const RECORDED: &str = "Sat, 21 Nov 2026 06:22:05 GMT";

/// The status and the headers of a recorded head, without those that say how it was sent.
fn head(name: &str) -> Result<(u16, Vec<(String, String)>)> {
    let text = String::from_utf8(fixture(&format!("{name}.headers"))?)?;
    let mut lines = text.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("no status")?.parse()?;
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .filter(|(name, _)| {
            !["content-length", "transfer-encoding"].contains(&name.to_ascii_lowercase().as_str())
        })
        .collect();
    ensure!(!headers.is_empty(), "{name}: no headers");
    Ok((status, headers))
}
